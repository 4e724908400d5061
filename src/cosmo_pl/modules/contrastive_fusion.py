"""Stage 1 of Cosmo: contrastive fusion learning on unlabelled data (Ouyang et al., MobiCom 2022, Sec. 5.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder, ProjectionHead
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.fusion import MIN_POINTS, FusionAugmentation, modality_quality
from cosmo_pl.losses import ContrastiveFusionLoss
from cosmo_pl.modules.base import BaseModule, Shapes, sgd


class ContrastiveFusionModule(BaseModule):
    """Learns features that are consistent across modalities, and writes them as a bundle.

    Logs ``train/loss`` beside its floor log(P-1), and in every validation, on samples in eval mode: the mean
    cross-modal cosine distance of the projected features, alignment and uniformity of the fused ones (Wang and Isola,
    ICML 2020), and ``probe/acc``, the accuracy of a nearest neighbour among the labelled samples' encoder features.
    The probe is detached: no label reaches the loss.

    Args:
        modality_shapes: Modality to shape of a sample; on the command line from the data.
        num_classes: Number of activities, for the quality weights; on the command line from the data.
        encoders: Modality to encoder.
        projection_dim: Size D of a projected feature.
        projection_hidden: Size of the projection heads' hidden layer.
        temperature: τ of the loss.
        reduction: Reduction of the loss over its anchors.
        num_views: Fused features P of a sample; None takes one every 0.1 of `weight_range`.
        weight_range: Range of the fusion weights.
        sampling: "grid" or "random" fusion weights.
        fusion: "sum" or "concat" of the weighted features.
        lr: Learning rate.
        momentum: Momentum of SGD.
        weight_decay: Weight decay.
        lr_milestones: Epochs after which the learning rate is multiplied by `lr_gamma`.
        lr_gamma: That factor.

    Raises:
        ConfigurationError: Encoders and modalities do not match, there are fewer than two, or an argument is out of
            range.
    """

    phase = "pretrain"

    def __init__(
        self,
        modality_shapes: Shapes,
        num_classes: int,
        encoders: dict[str, Encoder],
        projection_dim: int = 128,
        projection_hidden: int = 1280,
        temperature: float = 0.07,
        reduction: Literal["mean", "sum"] = "mean",
        num_views: int | None = None,
        weight_range: tuple[float, float] = (0.1, 0.9),
        sampling: Literal["grid", "random"] = "grid",
        fusion: Literal["sum", "concat"] = "sum",
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        lr_milestones: Sequence[int] = (100, 200),
        lr_gamma: float = 0.9,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["encoders", "modality_shapes"])
        if set(encoders) != set(modality_shapes):
            raise ConfigurationError(
                "encoders", f"are for {sorted(encoders)}, the data give {sorted(modality_shapes)}",
                "Give one encoder for each modality of the data",
            )  # fmt: skip
        self.modality_shapes = {name: tuple(shape) for name, shape in modality_shapes.items()}
        self.num_classes = num_classes
        self.encoders = nn.ModuleDict({name: encoders[name] for name in modality_shapes})
        self.heads = nn.ModuleDict(
            {
                name: ProjectionHead(math.prod(encoders[name].feature_shape(shape)), projection_hidden, projection_dim)
                for name, shape in modality_shapes.items()
            }
        )
        self.augment = FusionAugmentation(num_views, weight_range, sampling, fusion)
        self.augment.weights(len(modality_shapes))  # refuses an impossible range before any training
        self.loss = ContrastiveFusionLoss(temperature, reduction)
        self._probe: dict[str, list[tuple[dict[str, Tensor], Tensor]]] = {}

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Encodes samples, modality to (N, *shape), into flattened features z_j (N, D_j) (Eq. 1)."""
        return {name: encoder(inputs[name]).flatten(1) for name, encoder in self.encoders.items()}

    def project(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Projects features z_j (N, D_j) to unit vectors r_j (N, D) (Eq. 2)."""
        return {name: head(features[name]) for name, head in self.heads.items()}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Contrastive fusion loss (Eq. 4) of the fused views of a batch."""
        loss: Tensor = self.loss(self.augment(self.project(self(batch["inputs"]))))
        size = len(batch["index"])
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=size)
        self.log(
            "train/loss_floor", math.log(self.augment.num_views - 1), on_step=False, on_epoch=True, batch_size=size
        )
        return loss

    def on_validation_epoch_start(self) -> None:
        """Empties the probe."""
        self._probe = {}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Collects features for the probe; logs consistency, alignment and uniformity of the query samples."""
        name = self.loader_name(dataloader_idx)
        features = self(batch["inputs"])
        self._probe.setdefault(name, []).append((features, batch["label"]))
        if name != "reference" and len(batch["label"]) > 1:
            self._log_geometry(self.project(features), len(batch["label"]))

    def _log_geometry(self, projected: dict[str, Tensor], size: int) -> None:
        pairs = combinations(projected.values(), 2)
        distance = torch.stack([1 - F.cosine_similarity(a, b).mean() for a, b in pairs]).mean()
        views = self.augment(projected)
        alignment = (views - views.mean(dim=1, keepdim=True)).square().sum(dim=2).mean() * 2
        uniformity = torch.pdist(views[:, 0].float()).square().mul(-2).exp().mean().log()
        geometry = {"cosine_distance": distance, "alignment": alignment, "uniformity": uniformity}
        self.log_dict(
            {f"val/{key}": value for key, value in geometry.items()},
            on_step=False, on_epoch=True, batch_size=size, add_dataloader_idx=False,
        )  # fmt: skip

    def on_validation_epoch_end(self) -> None:
        """Logs the nearest-neighbour probe."""
        if {"reference", "query"} <= set(self._probe):
            known, labels = self._gather("reference")
            asked, truth = self._gather("query")
            nearest = labels[torch.cdist(asked, known).argmin(dim=1)]
            self.log("probe/acc", (nearest == truth).float().mean(), prog_bar=True)
        self._probe = {}

    def _gather(self, name: str) -> tuple[Tensor, Tensor]:
        """Features of all samples of a loader, each modality of unit norm so that none drowns another, and labels."""
        rows = [torch.cat([F.normalize(z.float(), dim=1) for z in f.values()], dim=1) for f, _ in self._probe[name]]
        return torch.cat(rows), torch.cat([labels for _, labels in self._probe[name]])

    def configure_optimizers(self) -> Any:
        """SGD with a stepwise schedule."""
        h = self.hparams
        return sgd(self.parameters(), h["lr"], h["momentum"], h["weight_decay"], h["lr_milestones"], h["lr_gamma"])

    @property
    def bundle_folder(self) -> Path | None:
        """Where the bundle goes: beside the run's log; None for a run that keeps none."""
        if not self.trainer.loggers or self.trainer.log_dir is None:
            return None
        return Path(self.trainer.log_dir) / "bundle"

    def setup(self, stage: str) -> None:
        """Refuses before anything is trained, not after, what would keep the bundle from being written."""
        folder = self.bundle_folder if stage == "fit" else None
        if folder is None:
            return
        if folder.exists():
            raise BundleError(folder, "exists", "Choose another log folder; a bundle is never overwritten")
        count = len(next(iter(self.trainer.datamodule.quality_inputs().values())))  # type: ignore[attr-defined]
        if count < MIN_POINTS:
            raise ConfigurationError(
                "label_rate",
                f"leaves {count} unlabelled samples, too few to measure the modalities' quality",
                f"Leave at least {MIN_POINTS}",
            )

    def on_fit_end(self) -> None:
        """Measures the modalities' quality and writes the bundle."""
        if self.bundle_folder is not None and self.trainer.is_global_zero:
            self.write_bundle(self.bundle_folder)

    def write_bundle(self, folder: Path) -> None:
        """Measures quality on the unlabelled samples of the trainer's datamodule and saves the bundle there."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        samples = {name: values.cpu().numpy() for name, values in data.quality_inputs().items()}
        with _progress(len(samples) * (2 * self.num_classes - 1)) as bar:
            quality = modality_quality(samples, self.num_classes, advance=bar.update)
        Bundle(
            encoders=dict(self.encoders.items()),  # type: ignore[arg-type]
            modality_shapes=self.modality_shapes,
            normalization=data.normalization,
            quality=quality,
            data_fingerprint=data.data_fingerprint,
            training={"method": type(self).__name__, **self.record, **self.hparams},
        ).save(folder)


def _progress(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc="quality of modalities: clusterings", leave=False, disable=None)
