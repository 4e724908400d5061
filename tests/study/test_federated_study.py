"""The studies of a federated stage 1, rendered from hand-made records."""

from __future__ import annotations

import pytest

from cosmo_pl.study.rendering import federated

from .factory import jobs, record, view

ALL = jobs("federated")
ACCURACY = {"together": 0.8, "federated": 0.7, "federated_lacking": 0.65, "alone": 0.4}
FIGURES = {"federated": {"clients": 6, "rounds": 12, "local_epochs": 5, "megabytes_received": 65.8}}


def made(keep, dataset="utd_plus"):
    found = {}
    for job in ALL:
        if job.dataset == dataset and job.kind == "finetune" and job.method in ACCURACY and keep(job):
            client = job.factors.get("client", [0])[0]
            found[job.key] = record(job, ACCURACY[job.method] + 0.01 * job.seed + 0.02 * client)
            (parent,) = job.parents
            of_rounds = FIGURES if "federated.rounds" in parent.arguments else {}
            found[parent.key] = record(parent, result=of_rounds)
    return federated.table(view("federated", "paper", found))


def test_a_row_for_each_kind_of_stage_1_with_what_it_sends_and_what_it_costs():
    rows = made(lambda job: True).rows
    assert [row[1] for row in rows] == [
        "centralised", "federated", "federated, a third of the clients lack a sensor",
        "local training only",
    ]  # fmt: skip
    assert rows[0][2:5] == ["-", "-", "-"]
    assert rows[1][2:5] == ["6", "12 × 5", "65.8"]
    assert [row[5][:5] for row in rows] == ["0.820", "0.720", "0.670", "0.490"]
    assert [row[6] for row in rows] == ["5"] * 4
    assert [row[7][:6] for row in rows] == ["", "-0.100", "-0.150", "-0.330"]


def test_a_seed_without_some_client_alone_is_left_out():
    rows = made(lambda job: job.method != "alone" or job.seed < 2 or job.factors["client"] != [4]).rows
    assert rows[-1][1:2] + rows[-1][6:] == ["local training only", "2", "too few common seeds (n=2)"]
    assert made(lambda job: False).rows == []


def test_every_training_subject_is_a_client_alone():
    for dataset, clients in (("utd_plus", 6), ("usc_plus", 10), ("mex_plus", 24)):
        alone = [job for job in ALL if (job.dataset, job.method, job.seed) == (dataset, "alone", 0)]
        assert len({job.parents[0].key for job in alone}) == clients
        lacking = [job for job in ALL if job.dataset == dataset and job.method == "federated_lacking"]
        (subjects,) = lacking[0].parents[0].arguments["federated.lacking"].values()
        assert len(subjects) == round(clients / 3)


def test_a_federated_stage_1_has_no_quality_and_its_figures_are_checked():
    from cosmo_pl.fields import Field
    from cosmo_pl.study.record_checks import _check_pretrained

    rounds = {"clients": 6, "rounds": 12, "local_epochs": 5, "megabytes_sent": 65.8, "megabytes_received": 65.8}
    found = {"fit_seconds": 1.0, "epochs": 60, "quality": {}}
    _check_pretrained(Field({**found, "federated": rounds}))
    for wrong in (found, {**found, "federated": {**rounds, "clients": 0}}):
        with pytest.raises(ValueError, match=r"weights whose sum is 1|clients"):
            _check_pretrained(Field(wrong))


def test_a_panel_for_rounds_and_one_for_local_epochs():
    """On each dataset, from few to many."""
    found = {}
    for job in jobs("federated_rounds"):
        if job.kind == "finetune":
            found[job.key] = record(job, 0.6 + 0.01 * job.seed)
    rendered = federated.rounds(view("federated_rounds", "paper", found))
    assert [axes.get_xlabel() for axes in rendered.figure.axes] == list(federated.AXES.values()) * 2
    assert [(row[1], int(row[2])) for row in rendered.rows] == [
        *(("rounds", value) for value in (3, 6, 12)), *(("local_epochs", value) for value in (1, 2, 5)),
        *(("rounds", value) for value in (1, 3, 5)), *(("local_epochs", value) for value in (1, 2, 4)),
    ]  # fmt: skip
    assert {row[4] for row in rendered.rows} == {"federated"}


def test_centralised_training_is_a_line_beside_the_rounds():
    """Its runs are those of the study of a federated stage 1."""
    central = {job.key for job in ALL if (job.dataset, job.method) == ("utd_plus", "together")}
    found = {
        job.key: record(job, 0.9 + 0.01 * job.seed if job.method == "together" else 0.6)
        for job in jobs("federated_rounds")
        if job.kind == "finetune" and (job.method == "federated" or job.key in central)
    }
    rendered = federated.rounds(view("federated_rounds", "paper", found))
    levels = [
        [line.get_ydata()[0] for line in axes.lines if line.get_label() == "centralised"]
        for axes in rendered.figure.axes
    ]
    assert levels == [[pytest.approx(0.92)]] * 2 + [[]] * 2
