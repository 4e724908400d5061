"""Accuracy per person and confusions, rendered from hand-made records; and the count of confusions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cosmo_pl.data import USCDataModule
from cosmo_pl.modules import RandomForestModule
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.rendering import people

from .factory import jobs, record, view

FOLDS = [[11, 12, 13, 14], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def accuracy_of(job, person):
    return round(0.5 + 0.01 * person + (0.1 if job.method == "gravity" else 0.0), 2)


def made(study, keep):
    found = {}
    for job in jobs(study):
        if job.kind == "finetune" and keep(job):
            tested = job.factors["test_subjects"]
            counts = {str(person): [round(100 * accuracy_of(job, person)), 100] for person in tested}
            own = sum(correct for correct, _ in counts.values()) / 100 / len(tested)
            of_activities = {"sitting": 0.9 + 0.01 * job.seed, "elevator up": 0.4 if len(tested) == 2 else 0.6}
            result = {"by_subject": counts, "test_subjects": tested, "per_class_accuracy": of_activities}
            found[job.key] = record(job, own, result=result)
    return found


def test_a_column_for_each_fold_and_person():
    found = made("usc_accuracy", lambda job: job.method in ("cosmo", "gravity") and job.seed < 3)
    shown = people.accuracy(view("usc_accuracy", "paper", found))
    rows = {row[1]: dict(zip(shown.header, row, strict=True)) for row in shown.rows}
    gravity = rows["the recipe, relative to gravity"]
    assert gravity["mean over the people of all folds"] == "0.675 ± 0.000 (n=3)"
    assert gravity["test subjects 11-14"] == "0.725 ± 0.000 (n=3)"
    assert [gravity[f"person {person}"] for person in (1, 14)] == ["0.610 ± 0.000", "0.740 ± 0.000"]
    without = next(
        key
        for key, made in found.items()
        if made.method == "gravity" and made.seed == 0 and 14 in made.result["test_subjects"]
    )
    del found[without].result["by_subject"]
    (row,) = [row for row in people.accuracy(view("usc_accuracy", "paper", found)).rows if row[1] == gravity["method"]]
    few = dict(zip(shown.header, row, strict=True))
    assert (few["person 14"], few["person 1"]) == ("0.740 ± 0.000 (n=2)", "0.610 ± 0.000"), "one run has no counts"
    assert rows["random forest, self-trained"]["person 3"] == rows["random forest, self-trained"]["sitting"] == "-"
    assert (gravity["sitting"], gravity["elevator up"]) == ("0.910", "0.550")  # of three seeds; of four folds
    differences = {cells[2]: cells[4] for cells in shown.comparisons}
    assert differences["the recipe, relative to gravity"].startswith("+0.100")


def test_folds_may_be_numbers_whose_people_the_results_name():
    found = {}
    for each in jobs("baselines"):
        if each.kind == "finetune" and each.dataset == "mex_plus" and each.method == "focal":
            tested = [5 * each.factors["fold"] + 1]
            found[each.key] = record(
                each, 0.5, result={"test_subjects": tested, "by_subject": {str(tested[0]): [1, 2]}}
            )
    its = view("baselines", "paper", found)
    only = replace(its.study, runs=[each for each in its.study.runs if each.datasets == ["mex_plus"]])
    shown = people.accuracy(replace(its, study=only))
    (row,) = [row for row in shown.rows if row[1] == "FOCAL"]
    assert dict(zip(shown.header, row, strict=True))["person 11"] == "0.500 ± 0.000"


@pytest.mark.parametrize("study", ["usc_accuracy", "usc_adapted"])
def test_the_protocols_are_not_mixed(study):
    """Nothing of the tested people reaches an inductive run, and no label of theirs an adapted one."""
    second = [job for job in jobs(study) if job.kind == "finetune"]
    assert {tuple(job.factors["test_subjects"]) for job in second} == set(map(tuple, FOLDS))
    for job in second:
        assert job.arguments.get("data.init_args.person_labels_per_class") == (0 if study == "usc_adapted" else None)
        assert "data.init_args.target_label_fraction" not in job.arguments
        for parent in job.parents:
            assert parent.arguments.get("data.init_args.test_subjects", FOLDS[0]) == job.factors["test_subjects"]


def test_the_most_frequent_confusions_come_first():
    found = {}
    for job in jobs("usc_confusions"):
        if job.kind == "measure" and job.method == "gravity_forest" and job.factors["test_subjects"] == FOLDS[3]:
            counts = {
                "9": {"sitting": {"sitting": 60, "standing": 20}, "standing": {"standing": 20}},
                "10": {"sitting": {"sitting": 80}, "standing": {"standing": 10, "sitting": 10}},
            }
            found[job.key] = record(job, result={"counts": counts, "total": {"9": 100, "10": 100}})
    shown = people.confusions(view("usc_confusions", "paper", found))
    assert [row[2:] for row in shown.rows] == [
        ["sitting", "standing", "0.100", "0.12", "9 (0.200)"],
        ["standing", "sitting", "0.050", "0.25", "10 (0.100)"],
    ]
    assert [note.partition(": ")[2] for note in shown.notes] == [f"{len(found)} runs of people 9-10."]


def test_confusions_that_are_as_frequent_come_by_name():
    names = [f"activity {number}" for number in range(9)]
    counts = {"9": {"sitting": {"sitting": 10, **dict.fromkeys(reversed(names), 5)}}}
    each = next(job for job in jobs("usc_confusions") if job.kind == "measure" and job.method == "gravity_forest")
    made = {each.key: record(each, result={"counts": counts, "total": {"9": 55}})}
    assert [row[3] for row in people.confusions(view("usc_confusions", "paper", made)).rows] == names


def test_the_share_of_an_activity_is_of_those_who_have_it():
    """The first person has no standing, and two of the seeds of the second lack the first."""
    counts = {"9": {"sitting": {"sitting": 10}}, "10": {"standing": {"standing": 5, "sitting": 5}}}
    each = [job for job in jobs("usc_confusions") if job.kind == "measure" and job.method == "gravity_forest"][:3]
    found = {
        job.key: record(job, result={"counts": its, "total": dict.fromkeys(its, 10)})
        for job, its in zip(each, [counts, {"10": counts["10"]}, {"10": counts["10"]}], strict=True)
    }
    shown = people.confusions(view("usc_confusions", "paper", found))
    assert [row[2:] for row in shown.rows] == [["standing", "sitting", "0.250", "0.50", "10 (0.500)"]]


def test_counts_are_those_of_a_naive_loop(usc_root):
    data = USCDataModule(root=str(usc_root), label_rate=0.05, test_subjects=[2, 3])
    model = RandomForestModule(data.modality_shapes, data.num_classes, num_trees=5)
    data.setup()
    model.remember(data.plain_batch(data.split.labeled))
    found = measurement("confusions")([(model, data)])
    rows = data.split.test
    predicted = model.logits(data.plain_batch(rows)).argmax(dim=1)
    for subject in (2, 3):
        own = torch.from_numpy(data.samples.subject[rows] == subject)
        assert found["total"][str(subject)] == int(own.sum())
        for label, name in enumerate(data.class_names):
            of_class = own & torch.from_numpy(data.samples.label[rows] == label)
            for other, taken_for in enumerate(data.class_names):
                count = int((predicted[of_class] == other).sum())
                assert found["counts"][str(subject)].get(name, {}).get(taken_for, 0) == count


def test_an_activity_has_each_fold_once_however_many_runs_it_has():
    found = made(
        "usc_accuracy",
        lambda job: (
            job.method in ("cosmo", "gravity") and job.seed < (1 if job.factors["test_subjects"] == [9, 10] else 3)
        ),
    )
    shown = people.accuracy(view("usc_accuracy", "paper", found))
    cells = {row[1]: dict(zip(shown.header, row, strict=True)) for row in shown.rows}
    assert cells["the recipe, relative to gravity"]["elevator up"] == "0.550"


def test_a_run_without_a_confusion_counts_in_the_mean():
    each = [job for job in jobs("usc_confusions") if job.kind == "measure" and job.method == "gravity_forest"][:2]
    counts = [{"9": {"sitting": {"sitting": 5, "standing": 5}}}, {"9": {"sitting": {"sitting": 10}}}]
    found = {
        job.key: record(job, result={"counts": its, "total": {"9": 10}}) for job, its in zip(each, counts, strict=True)
    }
    shown = people.confusions(view("usc_confusions", "paper", found))
    assert [row[2:] for row in shown.rows] == [["sitting", "standing", "0.250", "0.25", "9 (0.250)"]]


def test_a_person_of_some_runs_only_has_their_mean():
    each = [job for job in jobs("usc_confusions") if job.kind == "measure" and job.method == "gravity_forest"][:2]
    counts = [{"9": {"sitting": {"sitting": 5, "standing": 5}}}, {"10": {"sitting": {"sitting": 10}}}]
    found = {
        job.key: record(job, result={"counts": its, "total": dict.fromkeys(its, 10)})
        for job, its in zip(each, counts, strict=True)
    }
    shown = people.confusions(view("usc_confusions", "paper", found))
    assert [row[2:] for row in shown.rows] == [["sitting", "standing", "0.250", "0.25", "9 (0.500)"]]
