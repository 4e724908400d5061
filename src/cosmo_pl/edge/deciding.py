"""The decision of a trained run, measured on people that its second stage was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.data.selection import Indices
from cosmo_pl.data.split import Split
from cosmo_pl.data.subjects import cut_folds
from cosmo_pl.edge.calibration import (
    accepting_score,
    accepting_threshold,
    calibration_error,
    check_accepted,
    fit_temperature,
)
from cosmo_pl.edge.decision import Decision, Transitions, score
from cosmo_pl.edge.neighbors import distances, training_neighbors
from cosmo_pl.edge.refitting import is_quick, logits_of, refitted
from cosmo_pl.edge.transitions import consecutive_pairs, counted_transitions, lasting_transitions, usual_hop_of
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import user_path
from cosmo_pl.modules import ClassifierModule
from cosmo_pl.run_loading import load_run

ACCEPTED = 0.95
MEAN_DURATION = 30.0  # seconds
FOLDS = 5
ENOUGH = 100  # samples; with fewer, the error of the temperature is larger than what it corrects


@dataclass(frozen=True)
class DecisionQuality:
    """Calibration and rejection on some samples.

    Args:
        samples: Number of samples.
        accuracy: Accuracy on all of them.
        ece_before: Expected calibration error of the model's probabilities.
        ece_after: The same of the calibrated ones.
        accepted: Share of samples that are accepted.
        accuracy_of_accepted: Accuracy on these; None if there is none.
    """

    samples: int
    accuracy: float
    ece_before: float
    ece_after: float
    accepted: float
    accuracy_of_accepted: float | None


@dataclass(frozen=True)
class DecisionReport:
    """What a decision was measured on, and how good it is.

    Args:
        measured_on: The people that temperature and threshold were measured on, in words; None if they were not.
        uncalibrated: Why they were not; None if they were.
        held_out: The quality on these people, on whom it is too good; None without them.
        test: The quality on the test subjects, which nothing was chosen on; None without test samples.
        hop: Seconds between windows for which the transitions hold; None without transitions.
        counted: Pairs of consecutive labelled windows, in recordings with several activities, that were counted.
    """

    measured_on: str | None
    uncalibrated: str | None
    held_out: DecisionQuality | None
    test: DecisionQuality | None
    hop: float | None
    counted: int

    def described(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class HeldOut:
    """Logits of samples by models that were not trained on their people.

    Args:
        people: The people in words.
        logits: Logits (N, C).
        label: Activities (N,).
        distance: Distances to the training samples (N,), see `cosmo_pl.edge.neighbors`; None for a model
            without distances.
    """

    people: str
    logits: NDArray[np.float32]
    label: NDArray[np.int64]
    distance: NDArray[np.float32] | None = None


def decision_of(
    run: str | Path, accepted: float = ACCEPTED, mean_duration: float | None = None, folds: int = FOLDS
) -> tuple[Decision, DecisionReport]:
    """Measures temperature, threshold and transitions of a run; its recordings have to be there.

    See `measured_decision`.

    Args:
        run: Folder of a run of a second stage, ``runs/<dataset>/<method>/version_<n>``, or a checkpoint of it.
        accepted: Share of the samples of known activities that the threshold accepts.
        mean_duration: Mean duration of an activity in seconds, where the recordings do not show it; None takes
            `MEAN_DURATION`, or twice the hop if that is longer.
        folds: Number of folds of training subjects, for a run without validation subjects.

    Raises:
        CosmoError: The run or its data cannot be used, or an argument is out of range.
    """
    return measured_decision(*load_classifier(user_path(run)), accepted, mean_duration, folds)


def load_classifier(run: Path) -> tuple[ClassifierModule, MultimodalDataModule]:
    """The classifier of a run and its data, see `load_run`.

    Raises:
        CosmoError: The run or its data cannot be used, or it is one of a pretraining.
    """
    module, data = load_run(run)
    if not isinstance(module, ClassifierModule):
        problem = f"'{run}' is of {type(module).__name__}, which pretrains encoders and recognises nothing"
        raise ConfigurationError("run", problem, "Give the run of a stage 2")
    return module, data


def measured_decision(
    module: ClassifierModule,
    data: MultimodalDataModule,
    accepted: float = ACCEPTED,
    mean_duration: float | None = None,
    folds: int = FOLDS,
) -> tuple[Decision, DecisionReport]:
    """Measures the decision of a trained module.

    Temperature and threshold come from all labels of the validation subjects. Without any, the training subjects are
    divided into folds, and the labelled samples of each fold are classified by the module trained on the other
    folds; that needs a method whose training takes seconds, and labels of each activity in at least two folds.
    Without these, or with fewer than `ENOUGH` samples, the module stays uncalibrated, which the report states: its
    temperature is 1, and nothing is rejected.

    Args:
        module: A trained classifier, in eval mode.
        data: The data of its training, after their setup.
        accepted: See `decision_of`.
        mean_duration: See `decision_of`.
        folds: See `decision_of`.

    Raises:
        ConfigurationError: An argument is out of range, or the logits are not finite.
    """
    check_accepted(accepted)
    if folds < 2:
        raise ConfigurationError("folds", f"is {folds}", "Use at least 2")
    transitions, hop, counted = _transitions(module.num_classes, data, mean_duration)
    found = held_out_logits(module, data, folds)
    decision = Decision(transitions=transitions)
    if isinstance(found, HeldOut):
        decision = replace(decision, temperature=fit_temperature(found.logits, found.label))
        calibrated = decision.apply(probabilities(found.logits))
        decision = replace(decision, threshold=accepting_threshold(calibrated, accepted))
        if found.distance is not None:
            decision = replace(decision, score_threshold=accepting_score(score(calibrated, found.distance), accepted))
    tested = _classified(module, data, data.split, data.split.test)
    return decision, DecisionReport(
        measured_on=found.people if isinstance(found, HeldOut) else None,
        uncalibrated=None if isinstance(found, HeldOut) else found,
        held_out=quality(decision, found) if isinstance(found, HeldOut) else None,
        test=quality(decision, tested) if len(tested.label) else None,
        hop=hop,
        counted=counted,
    )


def quality(decision: Decision, samples: HeldOut) -> DecisionQuality:
    """Calibration and rejection on samples."""
    before, label = probabilities(samples.logits), samples.label
    after = decision.apply(before)
    right, kept = before.argmax(axis=1) == label, ~decision.rejects(after, samples.distance)
    return DecisionQuality(
        samples=len(label),
        accuracy=float(right.mean()),
        ece_before=calibration_error(before, label),
        ece_after=calibration_error(after, label),
        accepted=float(kept.mean()),
        accuracy_of_accepted=float(right[kept].mean()) if kept.any() else None,
    )


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax of logits (N, C)."""
    from scipy.special import softmax

    found: NDArray[np.float64] = softmax(logits.astype(np.float64), axis=1)
    return found


def held_out_logits(module: ClassifierModule, data: MultimodalDataModule, folds: int = FOLDS) -> HeldOut | str:
    """Logits of people that the second stage was not trained on, see `measured_decision`; or why there are none."""
    split, label, subject = data.split, data.samples.label, data.samples.subject
    if len(split.val) >= ENOUGH:
        people = f"validation subjects {_listed(subject[split.val])}"
        return replace(_classified(module, data, split, split.val), people=people)
    parts = [] if len(split.val) else list(_folds(split, subject, folds, module.classifies_known_people))
    lacking = {c for part, _ in parts for c in set(label[split.labeled]) - set(label[part.labeled])}
    alone = {p for part, rows in parts for p in set(subject[rows]) - set(subject[part.unlabeled])}
    reasons = {
        f"the validation subjects have {len(split.val)} samples, fewer than {ENOUGH}": len(split.val) > 0,
        "there are no validation subjects, and the weights of the model are trained": not is_quick(module),
        "there are no validation subjects, and one person has labels": len(parts) < 2,
        f"there are no validation subjects, and {len(lacking)} activities have labels in one fold only": bool(lacking),
        f"there are no validation subjects, and {len(alone)} people have no unlabelled samples": (
            module.classifies_known_people and bool(alone)
        ),
        f"there are no validation subjects, and {len(split.labeled)} labels, fewer than {ENOUGH}": (
            len(split.labeled) < ENOUGH
        ),
    }
    found = next((reason for reason, holds in reasons.items() if holds), None)
    if found is not None:
        return f"{found}; train with more data.init_args.val_subjects"
    return _joined(
        f"labelled samples of training subjects in {len(parts)} folds",
        [_classified(refitted(module, data, part), data, part, rows) for part, rows in parts],
    )


def _classified(module: ClassifierModule, data: MultimodalDataModule, split: Split, rows: Indices) -> HeldOut:
    """Samples, by a module that was trained on those of a split."""
    neighbors = training_neighbors(module, data, split)
    distance = None if neighbors is None else distances(neighbors, module, data, rows)
    return HeldOut("", logits_of(module, data, rows), data.samples.label[rows], distance)


def _joined(people: str, parts: Sequence[HeldOut]) -> HeldOut:
    """Samples of several modules."""
    known = [part.distance for part in parts if part.distance is not None]
    return HeldOut(
        people,
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate(known) if len(known) == len(parts) else None,
    )


def _folds(
    split: Split, subject: NDArray[np.int64], folds: int, known: bool
) -> Iterator[tuple[Split, NDArray[np.int64]]]:
    """For each fold of subjects with labels, the samples to train on, and its own labelled samples.

    Those to train on are all samples of the others and, if the people are `known`, its own unlabelled ones.
    """
    labelled = np.unique(subject[split.labeled]).tolist()
    for fold in cut_folds(labelled, min(folds, len(labelled))) if labelled else ():
        held = np.isin(subject, fold)
        names = ("labeled",) if known else ("labeled", "unlabeled", "unknown")
        parts = {name: getattr(split, name) for name in names}
        others = {name: rows[~held[rows]] for name, rows in parts.items()}
        yield replace(split, **others), split.labeled[held[split.labeled]]


def _transitions(
    num_classes: int, data: MultimodalDataModule, mean_duration: float | None
) -> tuple[Transitions | None, float | None, int]:
    """Transitions, the hop in seconds that they are for, and the number of pairs of windows that were counted."""
    usual, samples = usual_hop_of(data), data.samples
    if usual is None or num_classes < 2:
        return None, None, 0
    steps, hop = usual
    usual_duration = max(MEAN_DURATION, 2 * hop)
    expected = lasting_transitions(num_classes, hop, usual_duration if mean_duration is None else mean_duration)
    label = np.full(len(samples.label), -1)
    label[data.split.labeled] = samples.label[data.split.labeled]
    pairs = consecutive_pairs(label, samples.recording, samples.start, steps, data.span)
    found = counted_transitions(pairs, expected)
    return tuple(tuple(row) for row in found.tolist()), hop, len(pairs)


def _listed(subject: NDArray[np.int64]) -> str:
    return ", ".join(map(str, np.unique(subject).tolist()))
