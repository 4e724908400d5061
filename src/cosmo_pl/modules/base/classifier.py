"""The base of all classifiers of multimodal samples."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassConfusionMatrix

from cosmo_pl.bundle import Bundle
from cosmo_pl.constraints import Size
from cosmo_pl.data.loading import Batch, on_device
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.trained import check_tested
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.metrics import ClassMean, classification_metrics
from cosmo_pl.modules.base.encoding import Present, Streams, availability
from cosmo_pl.modules.base.logit_checks import check_logits
from cosmo_pl.modules.base.module import BaseModule, BestEpoch
from cosmo_pl.tensors import at_least_float32

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


@dataclass(frozen=True)
class TreeHead:
    """Classification by a forest, whose trees are no network.

    Args:
        columns: Network from the features of all streams, in order, to the forest's columns (N, F).
        forest: A fitted forest of scikit-learn.
        logits: Network from the sum of the trees' probabilities (N, K) of the K classes that it knows to logits.
    """

    columns: nn.Module
    forest: RandomForestClassifier
    logits: nn.Module


class ClassifierModule(BaseModule):
    """A classifier of multimodal samples. A subclass implements `classify`.

    Validation loaders are evaluated under their names ("val", "test"); the best accuracy on the test subjects over
    the epochs is logged as ``test/acc_best_epoch``, because the released code reports it. It selects nothing.

    Args:
        num_classes: Number of activities.
        attends_to: Modalities that `classify` weights, in the order of its weights, for the report per class.

    Attributes:
        bundle: Bundle that the encoders come from. A subclass sets it.
    """

    numerics = "1.0"
    phase = "finetune"

    def __init__(self, num_classes: Size, attends_to: Sequence[str] = ()) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.attends_to = tuple(attends_to)
        self.bundle: Bundle | None = None
        self.stage_metrics = nn.ModuleDict(
            {f"{stage}_metrics": classification_metrics(num_classes, stage) for stage in ("train", "val", "test")}
        )
        self.confusion = MulticlassConfusionMatrix(num_classes)
        self.class_attention = ClassMean(num_classes, len(self.attends_to))

    @property
    def bundle_statistics(self) -> Mapping[str, Normalization] | None:
        """Statistics of the bundle, which a datamodule with `normalization` "bundle" uses; None without a bundle."""
        return None if self.bundle is None else self.bundle.normalization

    @abstractmethod
    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Classifies samples.

        Some samples, or all, may lack a modality. The values of a missing modality do not change the result.

        Args:
            inputs: Modality to (N, *shape). All samples lack a modality that has no entry.
            present: Modality to its availability in each sample (N,). One without an entry is available in all; None
                stands for no entries.

        Returns:
            Logits (N, num_classes), and the attention weights (N, M) of a method with attention.

        Raises:
            ConfigurationError: A sample lacks all modalities that the method can use.
        """

    def stream_encoders(self) -> Mapping[str, nn.Module]:
        """The first half of `classify` on complete samples, for an export: one network per stream.

        Returns:
            Stream, "acc" or "acc+gyro", to a network from its standardised samples (N, *shape), those of several
            modalities joined on the last axis, to its features (N, *).

        Raises:
            ConfigurationError: The method cannot be exported.
        """
        encoders = getattr(self, "encoders", None)
        if not isinstance(encoders, Streams):
            raise self._not_exportable()
        return dict(encoders.items())

    def classify_features(
        self, features: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The second half of `classify`.

        Args:
            features: Stream to its features (N, *), as `stream_encoders` give them; 0 where it is not available.
            available: See `availability`; None if nothing is missing.

        Returns:
            What `classify` returns.

        Raises:
            ConfigurationError: The method cannot be exported.
        """
        raise self._not_exportable()

    def compared_columns(self) -> Mapping[str, slice]:
        """Stream to the columns of its flattened features that a distance between samples compares.

        See `stream_encoders`. It is empty for features of different units, whose distance has no meaning.
        """
        return dict.fromkeys(self.stream_encoders(), slice(None))

    def tree_heads(self) -> Mapping[tuple[str, ...], TreeHead]:
        """The second half of `classify` of a method that classifies by trees: available streams to the head for them.

        All streams come first. It is empty for other methods, whose `classify_features` do without missing streams.
        """
        return {}

    def _not_exportable(self) -> ConfigurationError:
        problem = f"{type(self).__name__} cannot be exported, as it has no encoders apart from a classifier"
        return ConfigurationError("run", problem, "Write its stream_encoders and classify_features, or use another")

    def forward(self, inputs: dict[str, Tensor], present: Present | None = None) -> Tensor:
        """Classifies samples, modality to (N, *shape), into logits (N, num_classes); see `classify`."""
        return self.classify(inputs, present)[0]

    @property
    def classifies_known_people(self) -> bool:
        """Whether each person that it classifies has to have unlabelled samples in the training."""
        return False

    def classify_batch(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """`classify` on a batch of the trainer."""
        return self.classify(batch["inputs"], batch.get("present"))

    def logits(self, batch: Batch) -> Tensor:
        """Logits (N, num_classes) of a batch of a datamodule, which may be on another device; see `classify_batch`."""
        return self.classify_batch(on_device(batch, self.device))[0]

    def setup(self, stage: str) -> None:
        """Records the bundle, and checks that the data are those of its stage 1, and that no training is tested."""
        data, trained = self.data, self.trained
        evaluates = stage in ("test", "validate")
        if evaluates and trained is not None and data is not None and data.adopted is None:  # else it has checked
            check_tested(trained, data.samples, data.split, data, data.data_fingerprint)
        if self.bundle is None:
            return
        self.record.bundle = str(self.bundle.folder)
        self.record.pretraining = self.bundle.training.get("method")
        if stage == "fit" and self.data is not None:
            self.bundle.check_data(self.data)

    def attention_by_class(self) -> dict[str, dict[str, float]] | None:
        """Mean attention weight of each modality per class, over the last evaluation; None without attention."""
        if not self.attends_to:
            return None
        names = range(self.num_classes) if self.data is None else self.data.class_names
        means = self.class_attention.compute().tolist()
        return {
            str(name): dict(zip(self.attends_to, mean, strict=True))
            for name, mean in zip(names, means, strict=True)
            if not math.isnan(mean[0])
        }

    def _metrics(self, stage: str) -> MetricCollection:
        metrics = self.stage_metrics[f"{stage}_metrics"]
        assert isinstance(metrics, MetricCollection)
        return metrics

    def _shared_step(self, batch: Batch, stage: str) -> tuple[Tensor, Tensor, Tensor | None]:
        """Loss, logits and attention weights of a batch; updates and logs the metrics of the stage."""
        logits, weights = self.classify_batch(batch)
        logits = at_least_float32(logits)
        loss = F.cross_entropy(logits, batch["label"])
        metrics = self._metrics(stage)
        metrics.update(logits, batch["label"])
        size = len(batch["label"])
        mean: Any = {"on_step": False, "on_epoch": True, "batch_size": size, "add_dataloader_idx": False}
        self.log(f"{stage}/loss", loss, sync_dist=True, **mean)
        self.log_dict(metrics, **mean)  # type: ignore[arg-type]
        return loss, logits, weights

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Cross-entropy of the labelled samples."""
        return self._shared_step(batch, "train")[0]

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Evaluates one batch of a validation loader."""
        weights = self._shared_step(batch, self.loader_name(dataloader_idx))[2]
        if weights is not None and dataloader_idx == 0:  # of the validation people, not also of tracked test people
            self.class_attention.update(weights, batch["label"])

    def on_validation_epoch_end(self) -> None:
        """Logs attention weights per class, and updates the best epoch on the test subjects."""
        by_class = self.attention_by_class() or {}
        self.log_dict({f"attention/{c}/{name}": weight for c, row in by_class.items() for name, weight in row.items()})
        self.class_attention.reset()
        metric = self._metrics("test")["acc"]
        if self.trainer.sanity_checking or not metric.update_called:
            return
        accuracy = float(metric.compute())
        best = self.record.test_acc_best_epoch
        if best is None or accuracy > best.accuracy:
            best = self.record.test_acc_best_epoch = BestEpoch(accuracy, self.current_epoch)
        self.log("test/acc_best_epoch", best.accuracy)

    def on_test_start(self) -> None:
        """Resets the results of an earlier test."""
        self.confusion.reset()
        self.class_attention.reset()

    def test_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Evaluates one batch; returns its logits."""
        _, logits, weights = self._shared_step(batch, "test")
        check_logits(logits, batch, self.data, type(self).__name__)
        self.confusion.update(logits, batch["label"])
        if weights is not None:
            self.class_attention.update(weights, batch["label"])
        return logits

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Probabilities (N, num_classes) of a batch, with the samples' index and label (N,)."""
        logits = self.logits(batch)
        check_logits(logits, batch, self.data, type(self).__name__)
        return {"index": batch["index"], "label": batch["label"], "probability": logits.softmax(dim=1)}


class FusedClassifier(ClassifierModule):
    """A classifier of the features of several streams. A subclass sets `encoders` and `classifier`.

    Attributes:
        encoders: The encoder of each stream.
        classifier: Network from the features of all streams, and their availability, to logits and attention weights.
    """

    encoders: Streams
    classifier: nn.Module

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, Tensor | None]:
        """Logits (N, num_classes), and attention weights (N, M) or None. The features of missing modalities are 0."""
        available = availability(self.encoders, inputs, present)
        return self.classify_features(self.encoders(inputs, available), available)

    def classify_features(
        self, features: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Fusion and output."""
        logits, weights = self.classifier(features, available)
        return logits, weights


def evaluated(module: ClassifierModule, batches: Iterable[Batch]) -> Iterator[tuple[Batch, Tensor]]:
    """Batches, each with its logits (N, num_classes) in eval mode, in single precision on the CPU."""
    module.eval()
    for batch in batches:
        with torch.no_grad():
            logits = module.logits(batch)
        yield batch, logits.float().cpu()
