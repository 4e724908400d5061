"""Clips of other people that may show the same activity: positives that no augmentation can make.

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
from cosmo_pl.modules.base import PretrainingModule, unit_features

CHUNK = 2048  # rows of the similarity matrix that are held at once


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


class NeighborPartners(Constrained, Callback):
    """Lets mutual nearest neighbours among other subjects stand in for a sample in some of its augmented views.

    Augmentation cannot make one person move like another; these pairs show how they do. No label is used, only whose
    recording a sample is. Features are those of the encoders, each modality of unit norm, less their mean. Logs
    ``partners/found``, the share of samples with a partner, and ``partners/agreement``, the share of partners with the
    same label, which nothing is chosen by.

    Args:
        start_epoch: First epoch with partners, counted from 0: before it the features are not worth asking.
        every: Epochs from one search to the next.
        share: Share of the views, but each sample's first, that show a partner.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    numerics = "1.0"

    def __init__(self, start_epoch: NonNegativeInt = 10, every: PositiveInt = 5, share: Share = 0.5) -> None:
        self.start_epoch, self.every, self.share = start_epoch, every, share
        self.partners: Tensor | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuses a training that has no use for partners, before it begins."""
        data: Any = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, PretrainingModule) or data is None:
            raise ConfigurationError("NeighborPartners", "is for a stage 1", "Remove it from trainer.callbacks")
        if trainer.world_size > 1:
            problem = "looks for neighbours among all samples, and several processes have a share of them each"
            raise ConfigurationError("NeighborPartners", problem, "Use --trainer.devices=1")
        if data.views is None or data.views.count < 2:
            raise ConfigurationError(
                "num_augmentations", "is 1, and partners take the place of further views", "Use at least 2"
            )
        if len(set(data.samples.subject[data.training_rows].tolist())) < 2:
            raise ConfigurationError(
                "train_subjects", "is one subject, and partners are of others", "Use more, or remove NeighborPartners"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Goes on with the partners of a resumed run, whose samples the module has checked."""
        self._show(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Searches, in every `every`-th epoch from `start_epoch` on."""
        epoch = trainer.current_epoch - self.start_epoch
        if epoch < 0 or epoch % self.every:
            return
        features, subject, label = self._features(trainer, pl_module)
        self.partners = mutual_neighbors(features, subject)
        self._show(trainer)
        sample, group = torch.nonzero(self.partners >= 0, as_tuple=True)
        same = (label[sample] == label[self.partners[sample, group]]).float()
        pl_module.log("partners/found", (self.partners >= 0).any(dim=1).float().mean())
        pl_module.log("partners/agreement", same.mean() if len(same) else torch.zeros(()))

    @staticmethod
    def _features(trainer: Trainer, module: LightningModule) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, D), subject (N,) and label (N,) of the training samples as they are."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        rows, subjects, labels = [], [], []
        module.eval()
        with torch.no_grad():
            for batch in data.plain_loader(data.training_rows):
                here = on_device(batch, module.device)
                rows.append(unit_features(module(here["inputs"])))
                subjects.append(here["subject"])
                labels.append(here["label"])
        module.train()
        features = torch.cat(rows)
        return F.normalize(features - features.mean(dim=0), dim=1), torch.cat(subjects), torch.cat(labels)

    def _show(self, trainer: Trainer) -> None:
        views = trainer.datamodule.views  # type: ignore[attr-defined]
        views.partners, views.partner_share = self.partners, self.share

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the partners off the data, which another training may go on with."""
        trainer.datamodule.views.partners = None  # type: ignore[attr-defined]

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Takes them off where the training ends early as well."""
        views = getattr(getattr(trainer, "datamodule", None), "views", None)
        if views is not None:
            views.partners = None

    def state_dict(self) -> dict[str, Any]:
        """The partners, for a run that is resumed between two searches."""
        return {"partners": self.partners}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes them back."""
        self.partners = state_dict["partners"]
