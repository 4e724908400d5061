"""What is computed again and compared with what it once was: few steps of every method, and every part by itself.

Everything is seeded and on one thread. Training is in float32, or in float64 where the rounding of another kind of
processor is enough to change the first steps of Adam. A case returns a few numbers that hang on all that was computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn

from cosmo_pl import callbacks, encoders, modules
from cosmo_pl.data import (
    JointDataModule,
    MExDataModule,
    SelfCollectedDataModule,
    StreamsDataModule,
    USCDataModule,
    UTDDataModule,
    augmentations,
    transforms,
)
from cosmo_pl.fusion import modality_quality

Values = dict[str, float]
UPRIGHT = [transforms.CenterOnHip(), transforms.ScaleByTorso(), transforms.FaceCamera()]


@dataclass(frozen=True)
class Case:
    """One computation.

    Args:
        classes: Classes whose numbers it shows.
        run: Computes them.
    """

    classes: Sequence[type]
    run: Callable[[], Values]


class Data:
    """Small datamodules on simulated recordings.

    Args:
        utd: Folder with a simulated UTD-MHAD.
        usc: Folder with a simulated USC-HAD.
        self_collected: Folder with a simulated self-collected set.
        streams: Folder with imported streams.
        mex: Folder with a simulated MEx.
        folder: Where bundles are written.
    """

    def __init__(self, utd: Path, usc: Path, self_collected: Path, streams: Path, mex: Path, folder: Path) -> None:
        self.roots = {"utd": utd, "usc": usc, "self_collected": self_collected, "streams": streams, "mex": mex}
        self.folder = folder
        self.cache = str(folder / "cache")  # its own: other tests keep a quality that is measured in another way

    def utd(self, **arguments: Any) -> UTDDataModule:
        """UTD-MHAD with three tenths of the clips labelled, in canonical coordinates."""
        given = {"label_rate": 0.3, "transforms": {"skeleton": UPRIGHT}, "cache_dir": self.cache} | arguments
        return UTDDataModule(root=str(self.roots["utd"]), **given)

    def usc(self, **arguments: Any) -> USCDataModule:
        """USC-HAD with two labels per class."""
        given = {"labels_per_class": 2, "cache_dir": self.cache} | arguments
        return USCDataModule(root=str(self.roots["usc"]), **given)

    def joint(self) -> JointDataModule:
        """Both motion sensors in real time, and the skeletons of UTD-MHAD."""
        utd = self.utd(modalities=["acc", "gyro", "skeleton"], inertial_rate=50, inertial_steps=100)
        return JointDataModule([utd, self.usc(rate=50, window_size=100, stride=50)], cache_dir=self.cache)

    def self_collected(self, **arguments: Any) -> SelfCollectedDataModule:
        """The simulated set, depth at its own size."""
        given = {"depth_size": (12, 16), "test_subjects": (3,), "labels_per_class": 1, "in_memory": True} | arguments
        return SelfCollectedDataModule(root=str(self.roots["self_collected"]), **given)

    def streams(self, **arguments: Any) -> StreamsDataModule:
        """Imported streams, with unlabelled recordings."""
        given = {"test_subjects": (5,), "labels_per_class": 1, "in_memory": True} | arguments
        return StreamsDataModule(root=str(self.roots["streams"]), **given)

    def mex(self, **arguments: Any) -> MExDataModule:
        """MEx, windows of two seconds."""
        given = {"window": 2.0, "hop": 1.0, "test_subjects": (5,), "labels_per_class": 1} | arguments
        return MExDataModule(root=str(self.roots["mex"]), **given)

    @cached_property
    def bundle(self) -> str:
        """Bundle of a short stage 1 on UTD-MHAD."""
        return self._bundle("utd", self.utd(), small_encoders())

    @cached_property
    def usc_bundle(self) -> str:
        """Bundle of a short stage 1 on USC-HAD."""
        return self._bundle("usc", self.usc(), {name: encoders.StatisticsEncoder(3) for name in ("acc", "gyro")})

    def _bundle(self, name: str, data: Any, made: dict[str, Any]) -> str:
        model = modules.ContrastiveFusionModule(data.modality_shapes, data.num_classes, made, projection_hidden=16)
        trained(model, data)
        model.write_bundle(self.folder / name)
        return str(self.folder / name)


def small_encoders() -> dict[str, encoders.Encoder]:
    """The paper's encoders, narrow."""
    torch.manual_seed(0)
    return {
        "inertial": encoders.InertialEncoder(channels=(4, 4, 4, 4)),
        "skeleton": encoders.SkeletonEncoder(channels=(4, 4, 4, 4)),
    }


def summary(values: Mapping[str, Tensor]) -> Values:
    """Sum of magnitudes and a sum that hangs on the order, of every tensor."""
    found = {}
    for name, tensor in values.items():
        flat = tensor.detach().double().flatten()
        found[f"{name}: magnitude"] = float(flat.abs().sum())
        found[f"{name}: in order"] = float((flat * torch.cos(torch.arange(len(flat), dtype=torch.float64))).sum())
    return found


def trained(
    model: Any, data: Any, callbacks: Sequence[Callback] = (), epochs: int = 2, precision: Any = "32-true"
) -> Trainer:
    """Two steps in each of two epochs."""
    torch.manual_seed(0)
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, limit_train_batches=2, limit_val_batches=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, callbacks=list(callbacks),
        precision=precision,
    )  # fmt: skip
    trainer.fit(model, datamodule=data)
    return trainer


def few_steps(make_model: Callable[[Any], Any], make_data: Callable[[], Any], **how: Any) -> Values:
    """What a method gives for eight test samples after a few steps."""
    data = make_data()
    torch.manual_seed(0)
    model = make_model(data)
    trained(model, data, **how)
    model.float().eval()
    with torch.no_grad():
        given = model(data.plain_batch(data.split.test[:8])["inputs"])
    return summary(given if isinstance(given, dict) else {"logits": given})


def samples(data: Any) -> Values:
    """What a datamodule makes of its recordings: inputs, labels and parts."""
    data.setup()
    rows = data.split.train[:16]
    parts = {name: torch.from_numpy(getattr(data.split, name)) for name in ("labeled", "unlabeled", "test")}
    return summary({**data.plain_batch(rows)["inputs"], **parts})


def part(make: Callable[[], Any], *shape: int) -> Values:
    """What an encoder, transform or augmentation makes of seeded noise."""
    torch.manual_seed(0)
    made = make()
    x = torch.randn(*shape)
    if isinstance(made, nn.Module):
        made.train()
    return summary({"output": made(x)})


def quality() -> Values:
    """Modality quality of two clouds of points."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(4, 6))
    clouds = {
        "clustered": np.repeat(centres, 15, axis=0) + 0.1 * generator.normal(size=(60, 6)),
        "noise": generator.normal(size=(60, 6)),
    }
    found = modality_quality(clouds, 3)
    return {f"{name}: {key}": float(getattr(q, key)) for name, q in found.items() for key in ("hopkins", "weight")}


def all_cases(data: Data) -> dict[str, Case]:
    """Every case by name."""
    return {**_datasets(data), **_pretraining(data), **_classifiers(data), **_parts()}


def _datasets(data: Data) -> dict[str, Case]:
    return {
        "UTD-MHAD": Case([UTDDataModule, *map(type, UPRIGHT)], lambda: samples(data.utd())),
        "USC-HAD": Case([USCDataModule], lambda: samples(data.usc())),
        "USC-HAD, each subject standardised": Case(
            [USCDataModule], lambda: samples(data.usc(rate=50, window_size=100, normalization="adapt"))
        ),
        "several datasets": Case([JointDataModule], lambda: samples(data.joint())),
        "self-collected": Case([SelfCollectedDataModule], lambda: samples(data.self_collected())),
        "MEx": Case([MExDataModule], lambda: samples(data.mex())),
        "streams": Case([StreamsDataModule], lambda: samples(data.streams())),
        "modality quality": Case([modules.ContrastiveFusionModule], quality),
    }


def _pretraining(data: Data) -> dict[str, Case]:
    small = {"projection_hidden": 16}

    def cosmo(d: Any) -> Any:
        return modules.ContrastiveFusionModule(d.modality_shapes, d.num_classes, small_encoders(), **small)

    def cmc(d: Any) -> Any:
        return modules.CMCModule(d.modality_shapes, d.num_classes, small_encoders(), **small)

    def simclr(d: Any) -> Any:
        return modules.SimCLRModule(d.modality_shapes, d.num_classes, small_encoders(), **small)

    def cocoa(d: Any) -> Any:
        return modules.COCOAModule(d.modality_shapes, d.num_classes, small_encoders(), **small)

    def focal(d: Any) -> Any:
        made = {name: encoders.TemporalEncoder(3, (4, 4), strides=(1, 2)) for name in d.modality_shapes}
        return modules.FOCALModule(d.modality_shapes, d.num_classes, made, projection_dim=8, **small)

    def cmkm(d: Any) -> Any:
        return modules.CMKMModule(d.modality_shapes, d.num_classes, small_encoders(), bundle=data.bundle, **small)

    def three(d: Any) -> Any:
        made = {
            "imu": encoders.InertialEncoder(channels=(4, 4, 4, 4)),
            "depth": encoders.DepthEncoder(channels=(4, 4, 4)),
            "radar": encoders.RadarEncoder(channels=(4, 4, 4)),
        }
        return modules.ContrastiveFusionModule(d.modality_shapes, d.num_classes, made, **small)

    def cpc(d: Any) -> Any:
        return modules.CPCModule(d.modality_shapes, d.num_classes, channels=(4, 4), context_dim=8)

    def several(d: Any) -> Any:
        made = {
            name: encoders.TemporalEncoder(int(np.prod(shape[1:])), (4, 4), strides=(1, 2))
            for name, shape in d.modality_shapes.items()
        }
        return modules.ContrastiveFusionModule(d.modality_shapes, d.num_classes, made, weight_range=(0.1, 0.8), **small)

    changes = {"inertial": [augmentations.Gain()], "skeleton": [augmentations.ScaleAxes()]}
    twice = partial(data.utd, num_augmentations=2, augmentations=changes)
    neighbors = callbacks.NearestNeighborPositives(start_epoch=1)
    cosmo_on = [modules.ContrastiveFusionModule, encoders.InertialEncoder]
    three_on = [*cosmo_on, encoders.DepthEncoder, encoders.RadarEncoder, SelfCollectedDataModule]
    return {
        "Cosmo, stage 1": Case(
            [*cosmo_on, encoders.SkeletonEncoder, UTDDataModule], lambda: few_steps(cosmo, data.utd)
        ),
        "Cosmo, stage 1, three modalities": Case(
            three_on, lambda: few_steps(three, partial(data.self_collected, pretrain_batch_size=7))
        ),
        "Cosmo, stage 1, nearest-neighbour positives": Case(
            [*cosmo_on, callbacks.NearestNeighborPositives], lambda: few_steps(cosmo, twice, callbacks=[neighbors])
        ),
        "Cosmo, stage 1, several datasets": Case(
            [modules.ContrastiveFusionModule, encoders.TemporalEncoder, JointDataModule],
            lambda: few_steps(several, data.joint),
        ),
        "CMC": Case([modules.CMCModule], lambda: few_steps(cmc, data.utd)),
        "SimCLR": Case([modules.SimCLRModule], lambda: few_steps(simclr, twice, precision="64-true")),
        "CMC-CMKM": Case([modules.CMKMModule], lambda: few_steps(cmkm, data.utd, precision="64-true")),
        "COCOA": Case([modules.COCOAModule], lambda: few_steps(cocoa, data.utd, precision="64-true")),
        "FOCAL": Case([modules.FOCALModule], lambda: few_steps(focal, partial(data.usc, num_augmentations=2))),
        "CPC": Case([modules.CPCModule], lambda: few_steps(cpc, partial(data.utd, modalities=["inertial"]))),
    }


def _classifiers(data: Data) -> dict[str, Case]:
    def of(kind: Any, **arguments: Any) -> Callable[[Any], Any]:
        return lambda d: kind(d.modality_shapes, d.num_classes, **arguments)

    def case(kind: type, make: Callable[[], Callable[[Any], Any]], *others: type, **how: Any) -> Case:
        return Case([kind, *others], lambda: few_steps(make(), data.utd, **how))

    m, drop = modules, callbacks.ModalityDropout(0.5)
    stage2 = m.IterativeFusionModule
    forest = Case(
        [m.FeatureForestModule, encoders.StatisticsEncoder, USCDataModule],
        lambda: few_steps(
            of(m.FeatureForestModule, bundle=data.usc_bundle, num_trees=20, self_training_rounds=1, context=200),
            data.usc,
            epochs=1,
        ),
    )
    return {
        "Cosmo, stage 2": case(stage2, lambda: of(stage2, bundle=data.bundle, iterative_epochs=1)),
        "Cosmo, stage 2, joint": case(stage2, lambda: of(stage2, bundle=data.bundle, iterative_epochs=0)),
        "Cosmo, stage 2, modality dropout": case(
            stage2, lambda: of(stage2, bundle=data.bundle), callbacks.ModalityDropout, callbacks=[drop]
        ),
        "prototypes": case(m.PrototypeModule, lambda: of(m.PrototypeModule, bundle=data.bundle)),
        "pseudo-labels": case(m.PseudoLabelModule, lambda: of(m.PseudoLabelModule, bundle=data.bundle)),
        "forest on features": forest,
        "random forest": case(m.RandomForestModule, lambda: of(m.RandomForestModule, num_trees=20), epochs=1),
        "random forest relative to gravity": Case(
            [m.RandomForestModule, USCDataModule],
            lambda: few_steps(of(m.RandomForestModule, num_trees=20, accelerometer="acc"), data.usc, epochs=1),
        ),
        "nearest neighbour": case(m.NearestNeighborModule, lambda: of(m.NearestNeighborModule), epochs=1),
        "time warping": case(m.NearestNeighborModule, lambda: of(m.NearestNeighborModule, metric="dtw"), epochs=1),
        "MiniRocket": case(m.MiniRocketModule, lambda: of(m.MiniRocketModule, num_kernels=168), epochs=1),
        "MultiRocket-Hydra": case(
            m.MultiRocketHydraModule, lambda: of(m.MultiRocketHydraModule, num_kernels=2, num_groups=2), epochs=1
        ),
        "one modality": case(
            m.SingleModalModule, lambda: of(m.SingleModalModule, modality="inertial", encoders=small_encoders())
        ),
        "DeepSense": case(m.DeepSenseModule, lambda: of(m.DeepSenseModule, encoders=small_encoders())),
        "DeepSense, original": case(m.DeepSenseModule, lambda: of(m.DeepSenseModule, variant="original")),
        "AttnSense": case(m.AttnSenseModule, lambda: of(m.AttnSenseModule, encoders=small_encoders())),
        "AttnSense, original": case(m.AttnSenseModule, lambda: of(m.AttnSenseModule, variant="original")),
    }


def _parts() -> dict[str, Case]:
    e, a = encoders, augmentations
    clip, body, map_of_depth = (4, 40, 6), (4, 24, 20, 3), (4, 8, 24, 32)
    made: list[tuple[type, Callable[[], Any], tuple[int, ...]]] = [
        (e.InertialEncoder, e.InertialEncoder, clip),
        (e.SkeletonEncoder, e.SkeletonEncoder, body),
        (e.TemporalEncoder, partial(e.TemporalEncoder, 60, velocities=True), body),
        (e.StatisticsEncoder, partial(e.StatisticsEncoder, 6), (4, 80, 6)),
        (e.ImageStatisticsEncoder, partial(e.ImageStatisticsEncoder, 768), map_of_depth),
        (e.SpectralEncoder, partial(e.SpectralEncoder, 6), (4, 160, 6)),
        (e.CPCEncoder, e.CPCEncoder, clip),
        (e.DepthEncoder, e.DepthEncoder, map_of_depth),
        (e.RadarEncoder, e.RadarEncoder, (4, 6, 2, 8, 16, 8)),
        (a.WarpTime, a.WarpTime, clip),
        (a.RotateSensor, a.RotateSensor, clip),
        (a.RotateAboutGravity, a.RotateAboutGravity, clip),
        (a.Gain, a.Gain, clip),
        (a.Jitter, partial(a.Jitter, 0.1), clip),
        (a.RotateBody, a.RotateBody, body),
        (a.ScaleAxes, a.ScaleAxes, body),
        (a.ScaleLimbs, a.ScaleLimbs, body),
        (a.DropChannels, a.DropChannels, clip),
        (a.DropJoints, a.DropJoints, body),
        (a.MaskTime, a.MaskTime, clip),
        (a.ShiftSpace, partial(a.ShiftSpace, [2, 3]), map_of_depth),
        (a.ShiftDistance, a.ShiftDistance, map_of_depth),
        *((type(step), lambda step=step: step, body) for step in UPRIGHT),
    ]
    return {kind.__name__: Case([kind], partial(part, make, *shape)) for kind, make, shape in made}
