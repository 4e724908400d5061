"""Few labels without back-propagation: prototypes refined on the unlabelled samples, and their pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cosmo_pl.constraints import NonNegativeInt, PositiveFloat, Probability, Size
from cosmo_pl.data.loading import Batch, on_device
from cosmo_pl.encoders import Encoder
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import (
    Present,
    Shapes,
    WithoutGradientsModule,
    availability,
    average_in_context,
    load_encoders,
    unit_features,
)

ROUNDS = 20  # of assignment and averaging; the prototypes converge within ten
SINKHORN_ROUNDS = 30
EPSILON = 1e-8
LOWEST = -1e4  # logit of a class without labels; a checkpoint holds no infinite values


class PrototypeModule(WithoutGradientsModule):
    """Classifies by the nearest prototype among the features of a bundle's frozen encoders.

    The prototype of a class is first the mean feature of its labelled samples, over the augmented views of all epochs
    so far. Then, in each of `ROUNDS` rounds, the unlabelled samples are assigned to the prototypes, and a prototype
    becomes the mean of its labelled samples and its assigned samples, these with weight `unlabeled_weight` (Y. Hu, V.
    Gripon and S. Pateux, "Leveraging the feature distribution in transfer-based few-shot learning", ICANN 2021). With
    `balance`, Sinkhorn's algorithm (M. Cuturi, NeurIPS 2013) assigns equally many samples to all classes. That suits
    recordings made to a protocol, and not those of daily life.

    If fewer samples are unlabelled than labelled, `unlabeled_weight` is multiplied by the ratio of the two numbers; it
    is 0 if all are labelled. Every class needs a labelled sample, unless the data have `allow_missing_classes`: a class
    without one is then never predicted.

    The features of each stream are normalised to unit norm and joined. The mean over the unlabelled samples is
    subtracted (over all training samples, if fewer are unlabelled than labelled), and the result is normalised again.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        bundle: Folder or name of a bundle, as in `IterativeFusionModule`.
        encoders: Encoders equal to those of the bundle, or None.
        unlabeled_weight: Weight of the unlabelled samples in a prototype, if they are at least as many as the labelled
            ones; 0 uses the labelled samples only.
        balance: Whether the classes are assumed to be equally frequent among the unlabelled samples.
        temperature: Temperature of the assignment and of the logits.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, as {acc: thigh}.
            Several may use one. None, and others, use the encoder of the same name.

    Raises:
        ConfigurationError: No bundle is given, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.1"
    centre: Tensor
    sums: Tensor
    prototypes: Tensor

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        unlabeled_weight: Probability = 0.5,
        balance: bool = True,
        temperature: PositiveFloat = 0.05,
        bundle_modalities: dict[str, str] | None = None,
    ) -> None:
        super().__init__(num_classes)
        self.save_hyperparameters(ignore=["encoders"])
        if bundle is None:
            raise ConfigurationError("bundle", "none is given, and prototypes need trained encoders", "Give one")
        self.encoders, self.bundle = load_encoders(modality_shapes, encoders, bundle, bundle_modalities)
        self.encoders.requires_grad_(False)
        size = sum(torch.Size(shape).numel() for shape in self.encoders.feature_shapes.values())
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("sums", torch.zeros(num_classes, size))
        self.register_buffer("prototypes", torch.zeros(num_classes, size))
        self._unlabeled: Tensor | None = None
        self._labels = 0

    def classify(self, inputs: dict[str, Tensor], present: Present | None = None) -> tuple[Tensor, None]:
        """Logits (N, num_classes), and no attention; see `classify_features`."""
        available = availability(self.encoders, inputs, present)
        return self.classify_features(self._encoded(inputs, available), available)

    def classify_features(
        self, features: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, None]:
        """Cosine to each prototype, without the features of missing modalities, divided by the temperature."""
        cosine = self._centred(features, available) @ self.prototypes.T
        if available is not None:
            cosine = cosine / (self._mask(available) @ self.prototypes.square().T).sqrt().clamp_min(EPSILON)
        cosine = cosine.masked_fill(~self.prototypes.any(dim=1), -1.0)  # the lowest, for classes without labels
        return cosine / self.hparams["temperature"], None

    def features(self, inputs: dict[str, Tensor], available: Present | None = None) -> Tensor:
        """Centred unit features (N, D); 0 for streams that are not `available` (see `availability`)."""
        return self._centred(self._encoded(inputs, available), available)

    def _centred(self, features: Mapping[str, Tensor], available: Present | None) -> Tensor:
        centred = unit_features(features) - self.centre
        return F.normalize(centred if available is None else centred * self._mask(available), dim=1)

    def _mask(self, available: Present) -> Tensor:
        """Availability of each feature as 1 or 0 (N, D)."""
        sizes = [torch.Size(shape).numel() for shape in self.encoders.feature_shapes.values()]
        parts = [rows.unsqueeze(1).expand(-1, n) for rows, n in zip(available.values(), sizes, strict=True)]
        return torch.cat(parts, dim=1).to(self.centre.dtype)

    def _encoded(self, inputs: dict[str, Tensor], available: Present | None = None) -> dict[str, Tensor]:
        with torch.no_grad():
            maps: dict[str, Tensor] = self.encoders(inputs, available)
        return maps

    def on_fit_start(self) -> None:
        """Encodes the unlabelled samples, and the samples of the subtracted mean, once.

        Raises:
            ConfigurationError: A class has no labelled sample.
        """
        super().on_fit_start()
        self.encoders.eval()
        data = self.required_data
        labeled, unlabeled = data.split.labeled, data.split.unlabeled
        labelled = set(data.samples.label[labeled].tolist())
        absent = [name for c, name in enumerate(data.class_names) if c not in labelled]
        if absent and not data.allow_missing_classes:
            remedy = "Label one of each class, or set allow_missing_classes to true"
            raise ConfigurationError("label_split", f"has no sample of {absent}", remedy)
        rows = np.concatenate([unlabeled, labeled]) if len(unlabeled) < len(labeled) else unlabeled
        batches = (on_device(batch, self.device) for batch in data.plain_loader(rows))
        joined = torch.cat([unit_features(self._encoded(batch["inputs"])) for batch in batches])
        self.centre.copy_(joined.mean(dim=0))
        self._unlabeled = F.normalize(joined[: len(unlabeled)] - self.centre, dim=1)
        self._labels = len(labeled)

    def on_train_start(self) -> None:
        """Forgets an earlier training, unless it is resumed. Before this hook the epoch of a resumed one is unknown."""
        if self.current_epoch == 0:
            self.sums.zero_()

    def on_train_epoch_start(self) -> None:
        """Keeps the encoders in eval mode."""
        self.encoders.eval()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds the features of labelled samples to their classes."""
        available = availability(self.encoders, batch["inputs"], batch.get("present"))
        self.sums.index_add_(0, batch["label"], self.features(batch["inputs"], available))
        self.count_step()
        if self.trainer.is_last_batch:  # the end of the epoch comes after its validation
            self._update_prototypes()

    def _update_prototypes(self) -> None:
        assert self._unlabeled is not None
        weight, temperature = self.hparams["unlabeled_weight"], self.hparams["temperature"]
        weight *= min(1.0, len(self._unlabeled) / self._labels)  # few samples say little, and cannot be balanced
        labelled = F.normalize(self.sums, dim=1)
        self.prototypes.copy_(labelled)
        known = labelled.any(dim=1)  # classes with labels
        for _ in range(ROUNDS if weight else 0):
            assigned = assign(self._unlabeled @ self.prototypes[known].T / temperature, self.hparams["balance"])
            means = F.normalize(assigned.T @ self._unlabeled, dim=1)
            self.prototypes[known] = F.normalize((1 - weight) * labelled[known] + weight * means, dim=1)


class PseudoLabelModule(PrototypeModule):
    """Classifies by logistic regression on the features, trained on labels and on pseudo-labels by prototypes.

    A prototype per class assumes that each class is one cluster. Here the refined prototypes of `PrototypeModule` only
    assign the unlabelled samples to classes, and a linear classifier is then trained on these pseudo-labels and on the
    labels (D.-H. Lee, "Pseudo-label", ICML workshop on challenges in representation learning, 2013). The assignment of
    a sample is first averaged over the training samples within `context` of the same recording, because people seldom
    change their activity within seconds. Test subjects take no part in this, but for samples by `person_unlabeled`
    of the data, and the evaluation uses no context. In an evaluation, features of missing modalities are 0.

    Args:
        modality_shapes: Modality to shape of a sample. The command line takes it from the data.
        num_classes: Number of activities. The command line takes it from the data.
        bundle: Folder or name of a bundle, as in `IterativeFusionModule`.
        encoders: Encoders equal to those of the bundle, or None.
        unlabeled_weight: See `PrototypeModule`; with 0 the classifier is trained on the labels only.
        balance: See `PrototypeModule`; pseudo-labels of fewer samples than are labelled are not balanced.
        temperature: See `PrototypeModule`.
        context: Largest distance, in the steps that samples start at, of samples whose assignments are averaged.
        inverse_penalty: Weight of the sum of losses relative to half the squared norm of the weights.
        bundle_modalities: See `PrototypeModule`.

    Raises:
        ConfigurationError: No bundle is given, or an argument is out of range.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """

    numerics = "1.0"
    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: Size,
        bundle: str | None = None,
        encoders: dict[str, Encoder] | None = None,
        unlabeled_weight: Probability = 0.5,
        balance: bool = True,
        temperature: PositiveFloat = 0.05,
        context: NonNegativeInt = 0,
        inverse_penalty: PositiveFloat = 20.0,
        bundle_modalities: dict[str, str] | None = None,
    ) -> None:
        prototypes = unlabeled_weight, balance, temperature
        super().__init__(modality_shapes, num_classes, bundle, encoders, *prototypes, bundle_modalities)
        self.save_hyperparameters(ignore=["encoders"])
        self.register_buffer("weight", torch.zeros_like(self.prototypes))
        self.register_buffer("bias", torch.zeros(num_classes))
        self._labeled: Tensor | None = None

    def classify_features(
        self, features: Mapping[str, Tensor], available: Present | None = None
    ) -> tuple[Tensor, None]:
        """The linear classifier."""
        return self._centred(features, available) @ self.weight.T + self.bias, None

    def on_fit_start(self) -> None:
        """Encodes the unlabelled and the labelled samples, once.

        Raises:
            ConfigurationError: A class has no labelled sample, or all labels are of one class.
        """
        super().on_fit_start()
        data = self.required_data
        if len(set(data.samples.label[data.split.labeled].tolist())) < 2:
            problem = "is of one class, and PseudoLabelModule separates classes"
            raise ConfigurationError("label_split", problem, "Label samples of two classes at least")
        batches = (on_device(batch, self.device) for batch in data.plain_loader(data.split.labeled))
        self._labeled = torch.cat([self.features(batch["inputs"]) for batch in batches])

    def _update_prototypes(self) -> None:
        super()._update_prototypes()
        from sklearn.linear_model import LogisticRegression

        features, label = self._pseudo_labeled()
        classifier = LogisticRegression(C=self.hparams["inverse_penalty"], max_iter=1000)
        classifier.fit(features.cpu().double().numpy(), label)
        weight, bias = torch.from_numpy(classifier.coef_), torch.from_numpy(classifier.intercept_)
        if len(weight) == 1:  # of two classes, scikit-learn has the difference of their logits
            weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
        known = torch.from_numpy(classifier.classes_).to(self.device)
        self.weight.zero_()[known] = weight.to(self.weight)
        self.bias.fill_(LOWEST)[known] = bias.to(self.bias)

    def _pseudo_labeled(self) -> tuple[Tensor, np.ndarray]:
        """Features (n, D) of the labelled samples, then of the unlabelled ones, with labels and pseudo-labels (n,)."""
        assert self._labeled is not None and self._unlabeled is not None
        data = self.required_data
        samples, known = data.samples, data.samples.label[data.split.labeled]
        if not self.hparams["unlabeled_weight"]:
            return self._labeled, known
        labelled = self.prototypes.any(dim=1)  # classes with labels
        scores = self._unlabeled @ self.prototypes[labelled].T / self.hparams["temperature"]
        assigned = scores.new_zeros(len(scores), self.num_classes)
        balance = self.hparams["balance"] and len(scores) >= len(known)  # few samples need not be of all classes
        assigned[:, labelled] = assign(scores, balance)
        of_labels = F.one_hot(torch.from_numpy(known), self.num_classes).float()
        probability = torch.cat([of_labels, assigned.cpu()]).numpy()
        rows = np.concatenate([data.split.labeled, data.split.unlabeled])
        recording, start = samples.recording[rows], samples.start[rows]
        label = average_in_context(probability, recording, start, self.hparams["context"]).argmax(axis=1)
        label[: len(known)] = known
        return torch.cat([self._labeled, self._unlabeled]), label


def assign(scores: Tensor, balance: bool) -> Tensor:
    """Soft assignment of samples to classes.

    Args:
        scores: Logits (N, C).
        balance: Whether all classes receive equally many samples: Sinkhorn's algorithm instead of softmax.

    Returns:
        Probabilities (N, C); rows sum to 1.
    """
    log = scores.double()
    for _ in range(SINKHORN_ROUNDS if balance else 0):
        log = log - log.logsumexp(dim=0, keepdim=True)
        log = log - log.logsumexp(dim=1, keepdim=True)
    return log.softmax(dim=1).to(scores.dtype)
