"""What a client reports to the server about its data before it takes part, and what the server makes of all of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from cosmo_pl.bundle_data import TrainingData
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.identity import is_simulated
from cosmo_pl.data.normalization import CONSTANT, Normalization, deviation


@dataclass(frozen=True)
class ClientDescription:
    """A client's data in numbers; no sample is in it.

    Args:
        name: Name of the client.
        samples: Number of samples that it trains on.
        measured: Modality to the number of samples that its statistics are of.
        shapes: Modality to shape of a sample.
        normalization: Modality to mean and deviation of its training samples.
        data: Its sensors, transforms, activities and subjects.
        fingerprint: Fingerprint of its recordings.
        simulated: Whether they are simulated.
    """

    name: str
    samples: int
    measured: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    normalization: Mapping[str, Normalization]
    data: TrainingData
    fingerprint: str
    simulated: bool

    @classmethod
    def of(cls, name: str, data: MultimodalDataModule) -> ClientDescription:
        """The description of a datamodule after its setup."""
        measured = {each: int(data.samples.has(each)[data.split.train].sum()) for each in data.modalities}
        shapes = {each: tuple(data.modality_shapes[each]) for each in data.modalities}
        about = replace(TrainingData.of(data), recordings=())  # no hash of a recording leaves its client
        facts = data.data_fingerprint, is_simulated(data.folder)
        return cls(name, len(data.training_rows), measured, shapes, dict(data.normalization), about, *facts)

    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps({**asdict(self), "data": self.data.described()})

    @classmethod
    def read(cls, text: str) -> ClientDescription:
        """The description that `text` has written.

        Raises:
            ValueError: It is none.
        """
        found = json.loads(text)
        try:
            return cls(
                name=str(found["name"]),
                samples=int(found["samples"]),
                measured={name: int(count) for name, count in found["measured"].items()},
                shapes={name: tuple(shape) for name, shape in found["shapes"].items()},
                normalization=read_statistics(found["normalization"]),
                data=TrainingData.stored(found["data"]),
                fingerprint=str(found["fingerprint"]),
                simulated=bool(found["simulated"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its description cannot be read ({error})") from error

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that it has."""
        return tuple(self.shapes)

    def unsuitable(self, data: MultimodalDataModule, needs_all: bool) -> str | None:
        """What is wrong with its data for a federation; None if nothing is.

        Args:
            data: The server's datamodule, of which nothing has been read.
            needs_all: Whether the method needs every modality.
        """
        if needs_all and (lacking := sorted(set(data.modalities) - set(self.modalities))):
            return f"lacks {', '.join(lacking)}, and the method needs every modality (ContrastiveFusionModule does not)"
        for name, shape in self.shapes.items():
            if name not in data.modalities:
                return f"has the modality '{name}', and the federation has {list(data.modalities)}"
            if shape != tuple(data.modality_shapes[name]):
                return f"has samples {shape} of '{name}', not {tuple(data.modality_shapes[name])}"
            if self.measured.get(name, 0) <= 0:
                return f"has no sample of '{name}'"
            axis = data.channel_axis.get(name, -1)
            channels = 1 if axis is None else shape[axis]
            if {len(self.normalization[name].mean), len(self.normalization[name].std)} != {channels}:
                return f"has no statistics of '{name}' for {channels} channels"
            values = [*self.normalization[name].mean, *self.normalization[name].std]
            if not all(map(math.isfinite, values)):
                return f"has statistics of '{name}' that are not finite"
        if differ := self.data.unsuitable(data):
            return "; ".join(f"has another '{name}': {', '.join(each)}" for name, each in differ.items())
        if tuple(self.data.class_names) != tuple(data.class_names):
            return "has other activities"
        return None if self.samples > 0 else "has no samples"


def statistics_text(normalization: Mapping[str, Normalization]) -> str:
    """Statistics by modality as JSON."""
    return json.dumps({name: asdict(each) for name, each in normalization.items()})


def read_statistics(found: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Normalization]:
    """Statistics by modality from plain values."""
    return {
        name: Normalization(tuple(each["mean"]), tuple(each["std"]), each["axis"])  # type: ignore[arg-type]
        for name, each in found.items()
    }


def pooled(clients: Iterable[ClientDescription]) -> dict[str, Normalization]:
    """Mean and deviation of each modality over the samples of all clients that have it.

    They are those of all recordings in one place, as every sample of a modality has as many values.
    """
    having: dict[str, list[ClientDescription]] = {}
    for client in clients:
        for name in client.modalities:
            having.setdefault(name, []).append(client)
    return {
        name: _pooled([(each.measured[name], each.normalization[name]) for each in some])
        for name, some in having.items()
    }


def _pooled(parts: Sequence[tuple[int, Normalization]]) -> Normalization:
    counts = np.array([[count] for count, _ in parts], dtype=float)
    means, deviations = (np.array([getattr(each, part) for _, each in parts]) for part in ("mean", "std"))
    own = np.where(deviations == CONSTANT, 0.0, deviations**2)
    share = counts / counts.sum()
    mean = (share * means).sum(axis=0)
    variance = (share * (own + (means - mean) ** 2)).sum(axis=0)
    return Normalization(tuple(mean.tolist()), tuple(map(deviation, variance, mean)), parts[0][1].axis)


def joined(clients: Sequence[ClientDescription]) -> TrainingData:
    """What is known of the data of all clients together, for the bundle."""
    first = clients[0].data
    same = all(each.data.dataset == first.dataset for each in clients)
    sensors = {name: sensor for each in clients for name, sensor in each.data.sensors.items()}
    steps = {name: list(done) for each in clients for name, done in (each.data.transforms or {}).items()}
    subjects = sorted({subject for each in clients for subject in each.data.subjects}) if same else []
    known = (first.dataset, first.title) if same else ("", "")
    return TrainingData(*known, tuple(subjects), first.class_names, sensors, steps)


def common_fingerprint(clients: Sequence[ClientDescription], modalities: Collection[str]) -> str:
    """One fingerprint for the recordings of all clients.

    Args:
        clients: The clients.
        modalities: Modalities of the federation. Where the clients that have all of them have the same recordings, as
            in a simulation, it is that of these.
    """
    whole = {each.fingerprint for each in clients if set(each.modalities) == set(modalities)}
    if len(whole) == 1:
        return whole.pop()
    return hashlib.sha256(" ".join(sorted({each.fingerprint for each in clients})).encode()).hexdigest()
