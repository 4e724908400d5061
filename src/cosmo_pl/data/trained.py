"""What a model was trained on: it travels with the model, and a test neither fits nor assumes any of it anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from cosmo_pl.data.normalization import Normalization
from cosmo_pl.data.samples import Samples, SomeRows
from cosmo_pl.data.split import Split, listed_labels, make_split, tested_split
from cosmo_pl.errors import ConfigurationError

if TYPE_CHECKING:
    from cosmo_pl.data.base import MultimodalDataModule

FROM_THE_START = "Train from the start, in a study with another --runs folder, or give it the data it had"


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

    def described(self) -> dict[str, Any]:
        """The same in plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> TrainedOn:
        """What `described` gave.

        Raises:
            ConfigurationError: It is damaged.
        """
        try:
            statistics = {name: Normalization(**each) for name, each in described["normalization"].items()}
            return cls(**{**described, "normalization": statistics})
        except (TypeError, KeyError, AttributeError) as error:
            problem = f"its description of the training data is damaged ({error})"
            raise ConfigurationError("ckpt_path", problem, "Train again, or give another checkpoint") from error

    def check_resumed(self, now: TrainedOn) -> None:
        """Checks that a training goes on with the data that it began with.

        Raises:
            ConfigurationError: It does not; the message names what differs.
        """
        check_fingerprint(self.fingerprint, now.fingerprint)
        compared = {
            "training subjects": (self.subjects, now.subjects),
            "test subjects": (self.test_subjects, now.test_subjects),
            "number of labelled samples": (self.labels, now.labels),
            "number of unlabelled samples": (self.unlabeled, now.unlabeled),
            "labelled, unlabelled or evaluated samples": (self.split[:12], now.split[:12]),
        }
        differ = [f"{name} {then} -> {new}" for name, (then, new) in compared.items() if then != new]
        differ += [f"statistics of {name}" for name in self.other_statistics(now.normalization)]
        if differ:
            raise ConfigurationError("ckpt_path", f"was trained on other data: {'; '.join(differ)}", FROM_THE_START)

    def other_statistics(self, normalization: Mapping[str, Normalization]) -> list[str]:
        """Modalities that are standardised with others than these statistics."""
        return [name for name, now in normalization.items() if not now.close_to(self.normalization.get(name, _NONE))]


def training_data(data: MultimodalDataModule) -> TrainedOn:
    """What a model that is trained on a datamodule, set up, keeps of it."""
    assert data.samples is not None
    hashes, used = recording_hashes(data.samples), np.concatenate([data.split.train, data.split.labeled])
    known = sorted({hashes[name] for name in set(data.samples.recording[used].tolist()) if name in hashes})
    return TrainedOn(
        dataset=data.dataset,
        class_names=tuple(data.class_names),
        normalization=dict(data.normalization),
        fingerprint=data.data_fingerprint,
        subjects=tuple(np.unique(data.samples.subject[data.split.train]).tolist()),
        test_subjects=tuple(sorted(data.subjects.test)),
        labels=len(data.split.labeled),
        unlabeled=len(data.split.unlabeled),
        split=split_hash(data.split, data.samples),
        recordings=tuple(known),
    )


def check_adopted(trained: TrainedOn, data: MultimodalDataModule) -> None:
    """Checks that a model can be evaluated on a datamodule.

    Raises:
        ConfigurationError: The activities or modalities are not the model's.
    """
    names = tuple(data.class_names)
    if trained.class_names != names:
        other = next((pair for pair in zip_longest(names, trained.class_names) if pair[0] != pair[1]), None)
        raise ConfigurationError(
            "data", f"has other activities than the model's {len(trained.class_names)}: {other}",
            "Use recordings of the activities that it was trained on",
        )  # fmt: skip
    unknown = sorted(set(data.modalities) - set(trained.normalization))
    if unknown:
        raise ConfigurationError(
            "modalities", f"the model knows nothing of {unknown}", f"Choose from {sorted(trained.normalization)}"
        )


def split_samples(data: MultimodalDataModule, samples: Samples) -> Split:
    """The split that a datamodule's arguments describe.

    Where it evaluates a model that was trained on other recordings or is to be tested on other subjects, these alone.

    Raises:
        ConfigurationError: The arguments cannot be met, or ask for a test of what the model was trained on.
    """
    trained = data.adopted
    if trained is not None:
        same = trained.fingerprint == data.data_fingerprint
        if not same or set(data.subjects.test) != set(trained.test_subjects):
            split = tested_split(samples, data.subjects, data.label_sampling.max_test_samples, data.dataset)
            check_tested(trained, samples, split, data.data_fingerprint)
            return split
    sampling = listed_labels(data.label_sampling, data.folder, data.label_split_file, data.label_split)
    return make_split(samples, data.subjects, sampling, data.num_classes, data.dataset)


def check_tested(trained: TrainedOn, samples: Samples, split: Split, fingerprint: str) -> None:
    """Checks that nothing that was trained on is tested.

    Args:
        trained: What was trained on.
        samples: All samples.
        split: Its `test` is tested.
        fingerprint: Fingerprint of the recordings there are; subjects of others can have the same numbers.

    Raises:
        ConfigurationError: Something is.
    """
    tested = set(samples.subject[split.test].tolist())
    known = sorted(tested & set(trained.subjects)) if fingerprint == trained.fingerprint else []
    remedy = "Leave them out, or train another model"
    if known:
        raise ConfigurationError("test_subjects", f"the model was trained on subjects {known}", remedy)
    hashes, seen = recording_hashes(samples), set(trained.recordings)
    again = sorted(name for name in set(samples.recording[split.test].tolist()) if hashes.get(name) in seen)
    if again:
        problem = f"the model was trained on {len(again)} of these recordings: {', '.join(again[:3])}"
        raise ConfigurationError("test_subjects", problem, remedy)


def check_fingerprint(then: str | None, now: str) -> None:
    """Checks that a training goes on with the recordings that it began with; those of older versions say no more.

    Raises:
        ConfigurationError: It does not.
    """
    if then and now and then != now:
        raise ConfigurationError(
            "ckpt_path", f"was trained on other recordings ({then[:12]}) than there are now ({now[:12]})",
            FROM_THE_START,
        )  # fmt: skip


def split_hash(split: Split, samples: Samples) -> str:
    """Hash of the samples of each part, by recording and start."""
    digest = hashlib.sha256()
    for part in (split.labeled, split.unlabeled, split.val, split.test):
        digest.update(np.ascontiguousarray(part).astype(np.int64).tobytes() + b"|")
        digest.update("\n".join(samples.recording[part].tolist()).encode() + samples.start[part].tobytes())
    return digest.hexdigest()


def recording_hashes(samples: Samples) -> dict[str, str]:
    """Name of each recording to a hash of its samples; of modalities in memory, where there are any.

    Recordings that lack one of these modalities are left out: what is not there is the same in all of them.
    """
    resident = {name: values for name, values in samples.inputs.items() if not isinstance(values, np.memmap | SomeRows)}
    hashed = resident or samples.inputs
    whole = np.all([samples.present[name] for name in hashed if name in samples.present], axis=0)
    rows = np.flatnonzero(np.broadcast_to(whole, len(samples)))
    digests: dict[str, Any] = {}
    for row, name in zip(rows.tolist(), samples.recording[rows].tolist(), strict=True):
        digest = digests.setdefault(name, hashlib.blake2b(digest_size=8))
        for values in hashed.values():
            digest.update(np.ascontiguousarray(values[row]).tobytes())
    return {name: digest.hexdigest() for name, digest in digests.items()}


_NONE = Normalization((), ())
