"""The data of a training, stored with the model: an evaluation uses their statistics, and never their subjects."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from cosmo_pl.data.identity import DatasetIdentity
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.samples import MappedRows, Samples
from cosmo_pl.data.split import Split
from cosmo_pl.data.suitability import check_suitable, unsuitable
from cosmo_pl.data.transforms import Described, Transform, described_transforms
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.sensors import SensorDescription

FROM_THE_START = "Train from the start, in a study with another --runs folder, or give the data of that training"


@dataclass(frozen=True)
class TrainedOn:
    """The data of a training.

    Args:
        dataset: Name of the dataset.
        class_names: Activities in the order of the logits.
        normalization: Modality to the statistics that its samples were standardised with.
        fingerprint: Fingerprint of the recordings.
        subjects: Training subjects.
        test_subjects: Test subjects.
        labels: Number of labelled samples.
        unlabeled: Number of unlabelled training samples.
        split: Hash of the samples of each part.
        recordings: Hashes of the content of the recordings that were trained on.
        transforms: Modality to its preprocessing steps, see `described_transforms`; None where they are unknown.
        adapted: Whether the samples of each subject, tested ones included, are standardised with statistics of their
            own, and not with `normalization`.
        sensors: Modality to what it measures; empty where it is unknown, as in checkpoints of version 0.1.0.
        window: Seconds of a sample; None for clips of different lengths, and where it is unknown.
        added: Number of those of `labels` that a file of labels adds. `split` is the split without them.
        shapes: Modality to the shape of a sample; empty where it is unknown, as in checkpoints of older versions.
        pretrained: Key of each dataset to the subjects that the encoders of its bundle were trained on; empty without a
            bundle, and in checkpoints of older versions.
        pretrained_recordings: What the recordings are known by that these encoders were trained on, see `known_by`.
    """

    dataset: str
    class_names: tuple[str, ...]
    normalization: dict[str, Normalization]
    fingerprint: str
    subjects: tuple[int, ...]
    test_subjects: tuple[int, ...]
    labels: int
    unlabeled: int
    split: str
    recordings: tuple[str, ...] = ()
    transforms: Described | None = None
    adapted: bool = False
    sensors: Mapping[str, SensorDescription] = field(default_factory=dict)
    window: float | None = None
    added: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pretrained: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pretrained_recordings: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The fields as plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> TrainedOn:
        """Restores what `described` returned.

        Raises:
            ConfigurationError: The description is damaged.
        """
        try:
            statistics = {name: Normalization(**each) for name, each in described["normalization"].items()}
            sensors = {name: SensorDescription.read(each) for name, each in described.get("sensors", {}).items()}
            shapes = {name: tuple(shape) for name, shape in described.get("shapes", {}).items()}
            return cls(**{**described, "normalization": statistics, "sensors": sensors, "shapes": shapes})
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            problem = f"its description of the training data is damaged ({error})"
            raise ConfigurationError("ckpt_path", problem, "Train again, or give another checkpoint") from error

    def check_resumed(self, now: TrainedOn) -> None:
        """Checks that a training is resumed with the data that it was started with.

        A file of labels may have changed: labels can be added later, and the training goes on with them.

        Args:
            now: The data that it is resumed with.

        Raises:
            ConfigurationError: The data differ; the message names what differs.
        """
        check_fingerprint(self.fingerprint, now.fingerprint)
        compared = {
            "training subjects": (self.subjects, now.subjects),
            "test subjects": (self.test_subjects, now.test_subjects),
            "number of labelled samples": (self.labels - self.added, now.labels - now.added),
            "number of unlabelled samples": (self.unlabeled + self.added, now.unlabeled + now.added),
            "standardisation by subject": (self.adapted, now.adapted),
            "labelled, unlabelled or evaluated samples": (self.split[:12], now.split[:12]),
        }
        differ = [f"{name} {then} -> {new}" for name, (then, new) in compared.items() if then != new]
        differ += [f"statistics of {name}" for name in self.other_statistics(now.normalization)]
        if differ:
            raise ConfigurationError("ckpt_path", f"was trained on other data: {'; '.join(differ)}", FROM_THE_START)

    def is_of(self, fingerprint: str, test_subjects: Collection[int]) -> bool:
        """Whether the training had recordings of this fingerprint, and these test subjects."""
        return self.fingerprint == fingerprint and set(self.test_subjects) == set(test_subjects)

    def after(self, subjects: Mapping[str, Collection[int]], recordings: Collection[str]) -> TrainedOn:
        """The same data of a training that begins with trained encoders.

        Args:
            subjects: Key of each dataset to the subjects that they were trained on.
            recordings: What the recordings are known by that they were trained on.
        """
        known = sorted({*self.pretrained_recordings, *recordings})
        return replace(self, pretrained=joined(self.pretrained, subjects), pretrained_recordings=tuple(known))

    def numbers(self, identity: DatasetIdentity, fingerprint: str) -> set[int]:
        """Subjects of a dataset that the model or its encoders were trained on, by their numbers.

        Args:
            identity: The dataset.
            fingerprint: Fingerprint of its recordings.
        """
        same = fingerprint == self.fingerprint
        if not same_people(identity, same):
            return set()
        own = self.subjects if same or self.dataset == identity.dataset else ()
        return {*own, *self.pretrained.get(identity.key, ())}

    def other_statistics(self, normalization: Mapping[str, Normalization]) -> list[str]:
        """Modalities that are standardised with other statistics than these."""
        return [name for name, now in normalization.items() if not now.close_to(self.normalization.get(name, _NONE))]

    def check_usable(
        self,
        data: DatasetIdentity,
        shapes: Mapping[str, tuple[int, ...]],
        transforms: Mapping[str, Sequence[Transform]],
        adapted: bool,
    ) -> None:
        """Checks that the model can be evaluated on a dataset.

        The sensors have to be of the same kind, unit, rate, channels and shape, with the same transforms. What the
        checkpoint of an older version does not say of them is not compared.

        Args:
            data: Activities, modalities and sensors of the dataset.
            shapes: Modality to the shape of its samples.
            transforms: Modality to its preprocessing steps.
            adapted: Whether each subject is standardised with statistics of its own.

        Raises:
            ConfigurationError: The activities, modalities, sensors or standardisation are not those of the model.
        """
        class_names, modalities = data.class_names, data.modalities
        if self.class_names != tuple(class_names):
            other = next(pair for pair in zip_longest(class_names, self.class_names) if pair[0] != pair[1])
            problem = f"has other activities than the model's {len(self.class_names)}: {other}"
            if foreign := [name for name in class_names if name not in self.class_names]:
                problem = f"has the activities {foreign}, which are none of the model's {list(self.class_names)}"
            remedy = "Use recordings of the activities that it was trained on; in an import, map or leave out others"
            raise ConfigurationError("data", problem, remedy)
        unknown = sorted(set(modalities) - set(self.normalization))
        if unknown:
            raise ConfigurationError(
                "modalities", f"the model was not trained on {unknown}", f"Choose from {sorted(self.normalization)}"
            )
        differ = unsuitable(self.sensors, self.transforms, data.sensors, described_transforms(transforms))
        for name, mine in self.shapes.items():
            if name in shapes and tuple(shapes[name]) != mine:
                differ.setdefault(name, []).append(f"samples {tuple(shapes[name])}, not {mine}")
        check_suitable(data.title, differ)
        if adapted != self.adapted:
            problem = f"is {'adapt' if adapted else 'not adapt'}, and in the training it was{' not' * adapted}"
            raise ConfigurationError("normalization", problem, "Give that of the training, and train again for another")
        if not self.shapes and self.window is not None and self.window != data.window_seconds:
            problem = f"is {data.window_seconds} s, and the model was trained on windows of {self.window:g} s"
            raise ConfigurationError("window", problem, f"Use {self.window:g}")


def training_data(
    samples: Samples,
    split: Split,
    identity: DatasetIdentity,
    shapes: Mapping[str, tuple[int, ...]],
    normalization: Mapping[str, Normalization],
    fingerprint: str,
    test_subjects: Collection[int],
    transforms: Mapping[str, Sequence[Transform]],
    adapted: bool,
    plausible: Mapping[str, Sequence[float]] | None,
) -> TrainedOn:
    """What a model keeps of the data that it is trained on.

    Args:
        samples: All samples of the dataset.
        split: How they are split.
        identity: The dataset's name, classes and sensors.
        shapes: Modality to the shape of a sample.
        normalization: Modality to its statistics.
        fingerprint: Fingerprint of the recordings.
        test_subjects: Test subjects.
        transforms: Modality to its preprocessing steps.
        adapted: Whether each subject is standardised with statistics of its own.
        plausible: Unit to its lowest and highest plausible value, as given.
    """
    ranges = None if plausible is None else {unit: (low, high) for unit, (low, high) in plausible.items()}
    hashes, used = all_hashes(samples, identity), np.concatenate([split.train, split.labeled, split.unlabeled])
    known = sorted({each for name in set(samples.recording[used].tolist()) for each in hashes.get(name, ())})
    return TrainedOn(
        dataset=identity.dataset,
        class_names=tuple(identity.class_names),
        normalization=dict(normalization),
        fingerprint=fingerprint,
        subjects=tuple(np.unique(samples.subject[split.train]).tolist()),
        test_subjects=tuple(sorted(test_subjects)),
        labels=len(split.labeled),
        unlabeled=len(split.unlabeled),
        split=split_hash(split.without_added, samples),
        recordings=tuple(known),
        transforms=described_transforms(transforms),
        adapted=adapted,
        sensors={name: replace(each, plausible=ranges) for name, each in identity.sensors.items()},
        window=identity.window_seconds,
        added=len(split.added),
        shapes={name: tuple(shape) for name, shape in shapes.items()},
    )


def check_tested(
    trained: TrainedOn, samples: Samples, split: Split, identity: DatasetIdentity, fingerprint: str
) -> None:
    """Checks that no sample is tested or validated that the model, or the encoders of its bundle, were trained on.

    Args:
        trained: The data of the training.
        samples: All samples of the dataset.
        split: Split whose `test` and `val` are evaluated.
        identity: The dataset.
        fingerprint: Fingerprint of the recordings.

    Raises:
        ConfigurationError: An evaluated subject or recording was part of the training.
    """
    if split_hash(split.without_added, samples) == trained.split:
        return
    own = np.concatenate([split.labeled, split.unlabeled])  # may be of tested people, in other recordings
    evaluated = {"test_subjects": split.test, "val_subjects": split.val}
    remedy = "Leave them out, or train another model"
    for part, rows in evaluated.items():
        people = set(samples.subject[rows].tolist()) - set(samples.subject[own].tolist())
        if known := sorted(people & trained.numbers(identity, fingerprint)):
            raise ConfigurationError(part, f"the model was trained on subjects {known}", remedy)
    hashes, seen = all_hashes(samples, identity), {*trained.recordings, *trained.pretrained_recordings}
    for part, rows in evaluated.items():
        names = set(samples.recording[rows].tolist()) - set(samples.recording[own].tolist())
        if again := sorted(name for name in names if not seen.isdisjoint(hashes[name])):
            problem = f"the model was trained on {len(again)} of these recordings: {', '.join(again[:3])}"
            raise ConfigurationError(part, problem, remedy)


def check_fingerprint(then: str | None, now: str) -> None:
    """Checks that a training is resumed with the recordings that it was started with.

    Args:
        then: Fingerprint of the recordings at the start; None for a checkpoint of an older version.
        now: Fingerprint of the recordings that it is resumed with.

    Raises:
        ConfigurationError: The recordings differ.
    """
    if then and now and then != now:
        problem = f"was trained on other recordings ({then[:12]}) than those on disk ({now[:12]})"
        raise ConfigurationError("ckpt_path", problem, FROM_THE_START)


def split_hash(split: Split, samples: Samples) -> str:
    """Hash of the samples of each part, by recording and start."""
    digest = hashlib.sha256()
    for part in (split.labeled, split.unlabeled, split.val, split.test):
        digest.update(np.ascontiguousarray(part).astype(np.int64).tobytes() + b"|")
        digest.update("\n".join(samples.recording[part].tolist()).encode() + samples.start[part].tobytes())
    return digest.hexdigest()


def all_hashes(samples: Samples, identity: DatasetIdentity) -> defaultdict[str, set[str]]:
    """Recording to all by which it is known again: a hash of its samples, and see `known_by`."""
    found = defaultdict[str, set[str]](set)
    for name, digest in recording_hashes(samples).items():
        found[name].add(digest)
    for name, digests in known_by(samples, identity.key, identity.content_hashes()).items():
        found[name].update(digests)
    return found


def same_people(identity: DatasetIdentity, same_recordings: bool) -> bool:
    """Whether numbers are the same people as in other data of a dataset; in an import they are in its recordings alone.

    Args:
        identity: The dataset.
        same_recordings: Whether all recordings are the same.
    """
    return same_recordings or not identity.content_hashes()


def known_by(
    samples: Samples, key: str, content_hashes: Mapping[str, Collection[str]]
) -> Mapping[str, Collection[str]]:
    """Recording to what it is known by with any sensors and windows.

    Args:
        samples: The samples of the recordings.
        key: Key of the dataset.
        content_hashes: See `DatasetIdentity.content_hashes`; where it is empty, dataset, subject and name decide.
    """
    names = zip(samples.recording.tolist(), samples.subject.tolist(), strict=True)
    return content_hashes or {name: (f"{key}/{subject}/{name}",) for name, subject in names}


def joined(one: Mapping[str, Collection[int]], other: Mapping[str, Collection[int]]) -> dict[str, tuple[int, ...]]:
    """Key of each dataset to the subjects of both, those without a subject left out."""
    both = {key: tuple(sorted({*one.get(key, ()), *other.get(key, ())})) for key in sorted({*one, *other})}
    return {key: subjects for key, subjects in both.items() if subjects}


def recording_hashes(samples: Samples) -> dict[str, str]:
    """Recording to a hash of its samples: of the modalities in memory, or of all where none is in memory.

    Recordings that lack one of these modalities are left out, as a missing modality is 0 in all of them.
    """
    resident = {name: values for name, values in samples.inputs.items() if not isinstance(values, MappedRows)}
    hashed = resident or samples.inputs
    rows = np.flatnonzero(np.all([samples.has(name) for name in hashed], axis=0))
    digests: dict[str, Any] = {}
    for row, name in zip(rows.tolist(), samples.recording[rows].tolist(), strict=True):
        digest = digests.setdefault(name, hashlib.blake2b(digest_size=8))
        for values in hashed.values():
            digest.update(np.ascontiguousarray(values[row]).tobytes())
    return {name: digest.hexdigest() for name, digest in digests.items()}


_NONE = Normalization((), ())
