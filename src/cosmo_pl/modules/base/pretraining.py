"""The bases of all methods that learn without labels. They measure a probe and write the bundle at the end."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from itertools import chain, combinations, count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning.utilities import rank_zero_info, rank_zero_warn
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor, nn

from cosmo_pl.bundle import Bundle
from cosmo_pl.bundle_data import TrainingData
from cosmo_pl.constraints import AtLeastTwo, Size
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder, ProjectionHead
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.fusion import MIN_POINTS
from cosmo_pl.modules.base.encoding import Present, Streams, availability, on_rows, unit_features
from cosmo_pl.modules.base.module import BaseModule, Shapes
from cosmo_pl.modules.base.quality import data_quality, num_measured
from cosmo_pl.run_folder import BUNDLE

T = TypeVar("T", Tensor, dict[str, Tensor])
OF_THE_BUNDLE = ("encoders", "modality_shapes")  # in its other fields


class PretrainingModule(BaseModule):
    """Trains encoders without labels and writes them as a bundle. A subclass implements `pretraining_loss`.

    Logs ``train/loss``, and in every validation ``probe/acc``: the accuracy of a nearest-neighbour classifier on the
    features of the labelled samples. The probe is detached, no label enters the loss.

    Args:
        modality_shapes: Modality to shape of a sample.
        num_classes: Number of activities, for the quality weights.
        encoders: Modality to encoder. Several inertial modalities can share one, see `Streams`.
        max_clusters: Largest number of clusters tried for the quality weights; None takes twice `num_classes`.

    Attributes:
        bundle_folder: Folder of the bundle; None before a training, and for a training that writes no files.

    Raises:
        ConfigurationError: Encoders and modalities do not match, or `max_clusters` is below 2.
    """

    numerics = "1.0"
    phase = "pretrain"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: Mapping[str, Encoder],
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__()
        self.modality_shapes = {name: tuple(shape) for name, shape in modality_shapes.items()}
        self.num_classes = num_classes
        self.encoders = Streams(self.modality_shapes, encoders)
        self.max_clusters = max_clusters
        self.bundle_folder: Path | None = None
        self._probe: dict[str, list[tuple[Tensor, Tensor]]] = {}

    missing_modalities: ClassVar[bool] = False
    """Whether `pretraining_loss` has the argument ``present``, for samples that lack modalities."""

    min_augmentations: ClassVar[int] = 1
    """Smallest number of augmented views V that `pretraining_loss` can compare."""

    @abstractmethod
    def pretraining_loss(self, inputs: dict[str, Tensor], num_augmentations: int = 1) -> Tensor:
        """Loss (scalar) of unlabelled samples.

        That of a class with `missing_modalities` also takes ``present: Present | None = None``: modality to its
        availability in each row (N·V,); None stands for all.

        Args:
            inputs: Modality to (N·V, *shape).
            num_augmentations: Number of augmented views V. Rows n·V to n·V + V-1 are those of the n-th sample.
        """

    def forward(self, inputs: dict[str, Tensor], available: Present | None = None) -> dict[str, Tensor]:
        """Encodes samples, modality to (N, *shape), into features, stream to (N, D_j) (Eq. 1).

        Features of streams that are not `available` (see `availability`) are 0.
        """
        return {name: feature_map.flatten(1) for name, feature_map in self.encoders(inputs, available).items()}

    def available(self, inputs: dict[str, Tensor], present: Present | None) -> Present | None:
        """Availability of each stream (N,), see `availability`; None if no sample lacks one."""
        found = availability(self.encoders, inputs, present)
        return None if found is None or all(bool(rows.all()) for rows in found.values()) else found

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of a batch. Its labels are not used."""
        count = batch.get("num_augmentations", 1)
        self.check_augmentations(count)
        loss = self.pretraining_loss(batch["inputs"], count, **self.loss_arguments(batch))
        size = len(next(iter(batch["inputs"].values()))) // count
        self.log_mean("train/loss", loss, size, prog_bar=True)
        return loss

    def loss_arguments(self, batch: Batch) -> dict[str, Any]:
        """Further arguments of `pretraining_loss` from a training batch; a subclass may add its own."""
        return {"present": batch["present"]} if self.missing_modalities and "present" in batch else {}

    def check_augmentations(self, count: int) -> None:
        """Checks the number of augmented views V.

        Raises:
            ConfigurationError: There are fewer than `min_augmentations`.
        """
        if count < self.min_augmentations:
            problem = f"is {count}, and {type(self).__name__} compares augmented views of a sample"
            raise ConfigurationError(
                "data.init_args.num_augmentations", problem, f"Use at least {self.min_augmentations}"
            )

    def log_mean(self, name: str, value: Tensor | float, count: int, prog_bar: bool = False) -> None:
        """Logs a mean over the samples of an epoch, in all processes."""
        self.log(name, value, on_step=False, on_epoch=True, sync_dist=True, batch_size=count, prog_bar=prog_bar)

    def shared(self, sampled: Tensor) -> Tensor:
        """A randomly sampled value, of the first process in all processes."""
        if self._trainer is None or self.trainer.world_size == 1:
            return sampled
        first: Tensor = self.trainer.strategy.broadcast(sampled)
        return first

    def gathered(self, features: T) -> T:
        """Features (N, ...) of the batches of all processes, concatenated, with gradients.

        A contrastive loss on them equals that of one process on the whole batch. Each process receives the gradient of
        its own samples, times the number of processes; DDP averages over the processes.
        """
        if self._trainer is None or self.trainer.world_size == 1:
            return features

        def joined(every: Tensor) -> Tensor:  # (processes, N, ...)
            if every.requires_grad:  # torch sends a gradient with another memory layout in the wrong order
                every.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
            return every.flatten(0, 1)

        found: T = apply_to_collection(self.all_gather(features, sync_grads=True), Tensor, joined)
        return found

    def on_validation_epoch_start(self) -> None:
        """Resets the probe."""
        self._probe = {}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Collects features for the probe."""
        name = self.loader_name(dataloader_idx)
        available = self.available(batch["inputs"], batch.get("present")) if self.missing_modalities else None
        features = self(batch["inputs"]) if available is None else self(batch["inputs"], available)
        self._probe.setdefault(name, []).append((unit_features(features), batch["label"]))
        if available is not None:
            whole = torch.stack(list(available.values())).all(dim=0)
            features = {stream: values[whole] for stream, values in features.items()}
        if name != "reference" and len(next(iter(features.values()))) > 1:
            # The fused views draw weights; a validation must not change the training after it.
            with isolate_rng():
                self.observe(features)

    def observe(self, features: dict[str, Tensor]) -> None:
        """Logs measures of a subclass on the features of validation samples with all streams, stream to (N, D_j)."""

    def on_validation_epoch_end(self) -> None:
        """Logs the nearest-neighbour probe."""
        if {"reference", "query"} <= set(self._probe):
            (known, labels), (query, truth) = (
                map(torch.cat, zip(*self._probe[name], strict=True)) for name in ("reference", "query")
            )
            nearest = labels[torch.cdist(query, known).argmin(dim=1)]
            self.log("probe/acc", (nearest == truth).float().mean(), prog_bar=True)
        self._probe = {}

    def setup(self, stage: str) -> None:
        """Checks, before the training, that the loss can be computed and the bundle written."""
        if stage != "fit":
            return
        if self.data is not None:
            self.check_augmentations(self.data.num_augmentations)
        self.bundle_folder = self._free_folder()
        if self.bundle_folder is None:
            rank_zero_info("the trainer has neither a logger nor checkpoints: no bundle is written")
            return
        if self.data is None:
            rank_zero_warn(
                "there is no datamodule: the bundle will hold neither statistics nor quality of the modalities"
            )
            return
        self._check_missing(self.data)
        measured = num_measured(self.data)
        if measured < MIN_POINTS:
            problem = f"leaves {measured} different samples to pretraining, too few to measure the modalities' quality"
            more, unlabelled = "Use more training samples", f"leave at least {MIN_POINTS} samples unlabelled"
            remedy = more if self.data.include_labeled else f"Set include_labeled to true, or {unlabelled}"
            raise ConfigurationError("label_rate", problem, remedy)

    def _check_missing(self, data: MultimodalDataModule) -> None:
        rows = data.training_rows
        missing = [name for name, has in data.samples.present.items() if not has[rows].all()]
        if missing and data.share[1] > 1:  # they would gather in one process what another does not have
            problem = f"several processes cannot train on samples of which some lack {', '.join(missing)}"
            raise ConfigurationError("devices", problem, "Use --trainer.devices=1")
        if missing and not self.missing_modalities:
            problem = f"some samples lack {', '.join(missing)}, and {type(self).__name__} needs every modality"
            raise ConfigurationError(
                "data", problem, "Use ContrastiveFusionModule, or modalities that all samples have"
            )

    def _free_folder(self) -> Path | None:
        """A new folder for the bundle in the run's folder; None for a training that writes no files."""
        leaves_files = self.trainer.loggers or self.trainer.checkpoint_callback is not None
        if self.trainer.log_dir is None or not leaves_files:
            return None
        names = chain([BUNDLE], (f"{BUNDLE}_{number}" for number in count(1)))  # one is never overwritten
        return next(folder for name in names if not (folder := Path(self.trainer.log_dir, name)).exists())

    def on_fit_end(self) -> None:
        """Measures the quality of the modalities and writes the bundle."""
        if self.bundle_folder is not None and self.trainer.is_global_zero:
            self.write_bundle(self.bundle_folder)

    def write_bundle(self, folder: Path) -> None:
        """Measures quality on the trainer's datamodule (see `quality_inputs`) and saves the bundle to a folder.

        Without a datamodule, as with plain loaders, the bundle has neither statistics nor quality.
        """
        data = self.data
        facts = self.record.to_dict()
        if data is not None:
            facts |= {"simulated": is_simulated(data.folder), "unlabeled": len(data.training_rows)}
        arguments = {name: value for name, value in self.whole_arguments().items() if name not in OF_THE_BUNDLE}
        Bundle(
            encoders=dict(self.encoders.items()),  # type: ignore[arg-type]
            modality_shapes=self.modality_shapes,
            normalization={} if data is None else data.normalization,
            quality={} if data is None else data_quality(data, self.max_clusters),
            data_fingerprint="" if data is None else data.data_fingerprint,
            training={"method": type(self).__name__, **facts, **arguments},
            data=TrainingData() if data is None else TrainingData.of(data).after(self.trained),
        ).save(folder)


def projection_heads(encoders: Streams, hidden_features: int, out_features: int) -> nn.ModuleDict:
    """A projection head for each stream, from its flattened feature map to D = `out_features` values."""
    return nn.ModuleDict(
        {
            name: ProjectionHead(math.prod(shape), hidden_features, out_features)
            for name, shape in encoders.feature_shapes.items()
        }
    )


class CrossModalModule(PretrainingModule):
    """Projects all modalities onto one unit sphere, where a subclass contrasts `views` of the samples.

    In validation it also logs the mean cross-modal cosine distance of the projected features, and alignment and
    uniformity of the views (Wang and Isola, ICML 2020).

    Args:
        modality_shapes: Modality to shape of a sample.
        num_classes: Number of activities, for the quality weights.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        max_clusters: See `PretrainingModule`.

    Raises:
        ConfigurationError: Encoders and modalities do not match, or there are fewer than two.
    """

    numerics = "1.0"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        encoders: Mapping[str, Encoder],
        projection_dim: Size,
        projection_hidden: Size,
        max_clusters: AtLeastTwo | None = None,
    ) -> None:
        super().__init__(modality_shapes, num_classes, encoders, max_clusters)
        if len(self.encoders) < 2:
            problem = f"{list(modality_shapes)} is one stream, and the loss compares streams"
            raise ConfigurationError("modalities", problem, "Use at least two")
        self.projection_dim = projection_dim
        self.heads = projection_heads(self.encoders, projection_hidden, projection_dim)

    def views(self, projected: dict[str, Tensor]) -> Tensor:
        """Views (N, P, D) of samples from their projected features, modality to (N, D): by default these, P = M."""
        return torch.stack(list(projected.values()), dim=1)

    def project(self, features: dict[str, Tensor], available: Present | None = None) -> dict[str, Tensor]:
        """Projects features z_j (N, D_j) to unit vectors r_j (N, D) (Eq. 2).

        Those of streams that are not `available` are 0, and do not enter batch statistics.
        """
        if available is None:
            return {name: head(features[name]) for name, head in self.heads.items()}
        shape = (self.projection_dim,)
        return {name: on_rows(head, features[name], available[name], shape) for name, head in self.heads.items()}

    def observe(self, features: dict[str, Tensor]) -> None:
        """Logs consistency, alignment and uniformity."""
        self._log_geometry(self.project(features))

    def _log_geometry(self, projected: dict[str, Tensor]) -> None:
        pairs = combinations(projected.values(), 2)
        distance = torch.stack([1 - F.cosine_similarity(a, b).mean() for a, b in pairs]).mean()
        views = self.views(projected)
        count = views.shape[1]
        spread = (views - views.mean(dim=1, keepdim=True)).square().sum(dim=2).mean()
        alignment = 2 * spread * count / (count - 1)  # mean squared distance of two different views
        potential = [torch.pdist(view.float()).square().mul(-2).exp().mean() for view in views.unbind(dim=1)]
        uniformity = torch.stack(potential).mean().log()
        geometry = {"cosine_distance": distance, "alignment": alignment, "uniformity": uniformity}
        mean: Any = {"on_step": False, "on_epoch": True, "batch_size": len(views), "add_dataloader_idx": False}
        self.log_dict({f"val/{key}": value for key, value in geometry.items()}, **mean)
