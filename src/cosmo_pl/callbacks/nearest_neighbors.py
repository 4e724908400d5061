"""Positive pairs from recordings of other subjects, which no augmentation can replace.

Nearest neighbours as positives are from D. Dwibedi et al., "With a little help from my friends: nearest-neighbor
contrastive learning of visual representations", ICCV 2021. Here they have to be mutual and of another subject.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cosmo_pl.constraints import Constrained, NonNegativeInt, PositiveInt, Share
from cosmo_pl.data.loading import on_device
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base import PretrainingModule, availability, unit_features

CHUNK = 2048  # rows of the similarity matrix in memory at once


def mutual_neighbors(features: Tensor, groups: Tensor) -> Tensor:
    """For each sample, its nearest neighbour in every other group that in turn has it as the nearest in its own.

    Args:
        features: Unit vectors (N, D).
        groups: Group of each sample (N,), its subject.

    Returns:
        Indices (N, G), a column for each group in ascending order; -1 where there is none.
    """
    names, column = torch.unique(groups, return_inverse=True)  # type: ignore[no-untyped-call]
    members = [torch.nonzero(groups == name).flatten() for name in names]
    nearest = torch.cat(
        [
            torch.stack([rows[(chunk @ features[rows].T).argmax(dim=1)] for rows in members], dim=1)
            for chunk in torch.split(features, CHUNK)
        ]
    )
    back = nearest[nearest, column.unsqueeze(1)]  # nearest to my neighbour in my own group
    itself = torch.arange(len(features), device=features.device).unsqueeze(1)
    own_group = column.unsqueeze(1) == torch.arange(len(members), device=features.device)
    return torch.where((back == itself) & ~own_group, nearest, -1)


def _centred(features: Tensor) -> Tensor:
    """Unit features (N, D) of a stream less their mean; those of samples that lack it stay 0."""
    has = features.any(dim=1, keepdim=True)
    return torch.where(has, features - features.sum(dim=0) / has.sum().clamp_min(1), 0.0)


class NearestNeighborPositives(Constrained, Callback):
    """Uses mutual nearest neighbours among other subjects as further positives of a sample.

    Augmentation cannot make one person move like another; these pairs show how they do. A neighbour replaces the
    sample in some of its augmented views. No label is used, only the subject of each recording. Features are those of
    the encoders, each modality of unit norm, less their mean. Logs ``positives/found``, the fraction of samples with a
    nearest-neighbour positive, and ``positives/agreement``, the fraction of positives with the same label; no choice
    depends on it. With worker processes, which read ahead, other positives are drawn than without.

    Args:
        start_epoch: First epoch with nearest-neighbour positives, counted from 0. Earlier features are not yet useful.
        every: Epochs from one search to the next.
        fraction: Fraction of the views, except each sample's first, in which a positive replaces the sample.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    numerics = "1.0"

    def __init__(self, start_epoch: NonNegativeInt = 10, every: PositiveInt = 5, fraction: Share = 0.5) -> None:
        self.start_epoch, self.every, self.fraction = start_epoch, every, fraction
        self.positives: Tensor | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forgets the positives of an earlier training. Those of a resumed run are loaded after this hook."""
        if stage == "fit":
            self.positives = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Checks that the training can use the positives, before it begins.

        Raises:
            ConfigurationError: It cannot.
        """
        data: Any = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, PretrainingModule) or data is None:
            raise ConfigurationError(
                "NearestNeighborPositives", "is for pretraining", "Remove it from trainer.callbacks"
            )
        if trainer.world_size > 1:
            problem = "searches all samples for neighbours, and each of several processes has only its share of them"
            raise ConfigurationError("NearestNeighborPositives", problem, "Use --trainer.devices=1")
        if data.views is None or data.views.count < 2:
            problem = "is 1, and nearest-neighbour positives replace further views of a sample"
            raise ConfigurationError("num_augmentations", problem, "Use at least 2")
        if len(set(data.samples.subject[data.training_rows].tolist())) < 2:
            problem = "is one subject, and nearest-neighbour positives are of other subjects"
            raise ConfigurationError("train_subjects", problem, "Use more, or remove NearestNeighborPositives")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the data the positives of a resumed run, unless labels were added: rows of others are none any more."""
        rows = len(trainer.datamodule.training_rows)  # type: ignore[attr-defined]
        if self.positives is not None and len(self.positives) != rows:
            self.positives = None
        self._set(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Searches for neighbours in every `every`-th epoch, beginning with `start_epoch`."""
        epoch = trainer.current_epoch - self.start_epoch
        if epoch < 0 or epoch % self.every:
            return
        features, subject, label = self._features(trainer, pl_module)
        self.positives = mutual_neighbors(features, subject)
        self._set(trainer)
        sample, group = torch.nonzero(self.positives >= 0, as_tuple=True)
        pairs = torch.stack([label[sample], label[self.positives[sample, group]]])
        one, other = pairs[:, (pairs >= 0).all(dim=0)]  # of known activity
        same = (one == other).float()
        pl_module.log("positives/found", (self.positives >= 0).any(dim=1).float().mean())
        pl_module.log("positives/agreement", same.mean() if len(same) else torch.zeros(()))

    @staticmethod
    def _features(trainer: Trainer, module: LightningModule) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, D), subject (N,) and label (N,) of the training samples without augmentation."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        encoders: Any = module.encoders
        rows, subjects, labels = [], [], []
        module.eval()
        with torch.no_grad():
            for batch in data.plain_loader(data.training_rows):
                here = on_device(batch, module.device)
                available = availability(encoders, here["inputs"], here.get("present"))
                features = module(here["inputs"], available)
                rows.append(unit_features(features))
                subjects.append(here["subject"])
                labels.append(here["label"])
        module.train()
        sizes = [each.flatten(1).shape[1] for each in features.values()]
        centred = torch.cat([_centred(part) for part in torch.split(torch.cat(rows), sizes, dim=1)], dim=1)
        return F.normalize(centred, dim=1), torch.cat(subjects), torch.cat(labels)

    def _set(self, trainer: Trainer) -> None:
        trainer.datamodule.views.set_positives(self.positives, self.fraction)  # type: ignore[attr-defined]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Removes the positives from the data, which another training may use."""
        trainer.datamodule.views.set_positives(None)  # type: ignore[attr-defined]

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Removes the positives from the data where the training ends early."""
        views = getattr(getattr(trainer, "datamodule", None), "views", None)
        if views is not None:
            views.set_positives(None)

    def state_dict(self) -> dict[str, Any]:
        """The positives, for a run that is resumed between two searches."""
        return {"positives": self.positives}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads the positives of a checkpoint."""
        self.positives = state_dict["positives"]
