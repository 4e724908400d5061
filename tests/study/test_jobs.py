"""Grids become jobs, and keys cover what a run depends on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.identity import Resolved
from cosmo_pl.study.jobs import Project, expand

from .conftest import FILES, write
from .factory import PROJECT

FIXED = {"pretrain": {"data.init_args.rate": 0.2}, "finetune": {"data.init_args.rate": 0.2}}


def keys(project, preset="paper", study="table9"):
    """Key by what the job is."""
    jobs = expand(project, project.study(study), preset)
    return {(job.kind, job.method, job.seed, *map(str, job.factors.values())): job.key for job in jobs}


def of(project, kind, method, seed=0, preset="paper", study="table9"):
    jobs = expand(project, project.study(study), preset)
    return next(job for job in jobs if (job.kind, job.method, job.seed) == (kind, method, seed))


def vary(root, **factor):
    """The study, with a factor."""
    runs = {"datasets": ["toy"], "methods": ["cosmo"], "seeds": 1, "vary": {"rate": factor}}
    write(root, "experiments/fig9.yaml", {"title": "Figure 9", "render": "a.b", "runs": [runs]})


def test_the_grid_is_expanded(project):
    jobs = expand(project, project.study("table9"), "paper")
    fits = [(job.method, job.kind) for job in jobs if job.seed == 0]
    assert fits == [
        ("cosmo", "pretrain"), ("cosmo", "finetune"), ("cosmo_finetune", "finetune"), ("cmc", "pretrain"),
        ("cmc", "finetune"), ("forest", "finetune"),
    ]  # fmt: skip
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    assert {job.seed for job in jobs} == {0, 1, 2}
    assert len({job.key for job in jobs}) == len(jobs) == 18


def test_second_stages_share_a_stage_1(project):
    stage1 = of(project, "pretrain", "cosmo")
    assert of(project, "finetune", "cosmo").parents == of(project, "finetune", "cosmo_finetune").parents == (stage1,)


def test_a_stage_1_may_use_the_stage_1_of_another_method(project):
    mined = {"title": "Mined", "pretrain": ["forest"], "finetune": ["finetune"], "first": "cmc"}
    write(project.root, "experiments/methods.yaml", {**FILES["experiments/methods.yaml"], "mined": mined})
    runs = {"datasets": ["toy"], "methods": ["mined", "cmc"], "seeds": 1}
    write(project.root, "experiments/fig9.yaml", {"title": "Figure 9", "render": "a.b", "runs": [runs]})
    jobs = expand(project, project.study("fig9"), "paper")
    assert [(job.kind, job.method) for job in jobs] == [
        ("pretrain", "cmc"), ("pretrain", "forest"), ("finetune", "mined"), ("finetune", "cmc"),
    ]  # fmt: skip
    first, own, second, other = jobs
    assert own.parents == other.parents == (first,) and second.parents == (own,)
    assert first.arguments["model.init_args.width"] == 8 and "model.init_args.width" not in own.arguments
    plain = {**mined, "first": None}
    write(project.root, "experiments/methods.yaml", {**FILES["experiments/methods.yaml"], "mined": plain})
    assert of(project, "pretrain", "forest", study="fig9").key != own.key


def test_configs_and_arguments(project):
    stage1, stage2 = of(project, "pretrain", "cmc", 2), of(project, "finetune", "cmc", 2)
    seeds = {"seed_everything": 2, "data.init_args.label_seed": 2}
    assert stage1.configs == ("configs/toy_stage1.yaml", "configs/model/cmc.yaml")
    assert stage1.arguments == {**seeds, "model.init_args.width": 8}
    assert stage2.arguments == {**seeds, "model.init_args.steps": [1, 2]}


def test_a_preset_lies_between_config_and_method_and_not_on_what_is_not_trained(project):
    quick = of(project, "pretrain", "cmc", preset="quick")
    overlay = "experiments/presets/quick/toy_stage1.yaml"
    assert quick.configs == ("configs/toy_stage1.yaml", overlay, "configs/model/cmc.yaml")
    paper, quick = keys(project), keys(project, "quick")
    same = {name for name, key in quick.items() if paper[name] == key}
    assert same == {("finetune", "forest", 0)}


def test_the_data_of_a_preset_are_those_of_every_run_and_of_what_measures_the_data(project):
    overlay = "experiments/presets/quick/toy_data.yaml"
    write(project.root, overlay, {"data": {"init_args": {"size": 1}}})
    described = {"title": "Data", "render": "table1.datasets", "runs": [{"datasets": ["toy"], "measure": "describe"}]}
    write(project.root, "experiments/table1.yaml", described)
    jobs = [*project.jobs("table9", "quick"), *project.jobs("table1", "quick")]
    assert {job.kind for job in jobs} == {"pretrain", "finetune", "measure"}
    assert all(job.configs[1] == overlay for job in jobs)
    assert all(overlay not in job.configs for job in project.jobs("table9", "paper"))


def test_a_grid_may_be_of_some_presets_alone(project):
    runs = {"datasets": ["toy"], "methods": ["forest"], "presets": ["quick"]}
    write(project.root, "experiments/fig9.yaml", {"title": "Figure 9", "render": "a.b", "runs": [runs]})
    assert len(project.jobs("fig9", "quick")) == 1
    assert project.jobs("fig9", "paper") == []


@pytest.mark.parametrize("folds", [[[7, 8], [8, 1]], [[7, 7], [8, 1]]])
def test_folds_that_share_a_subject_are_refused(project, folds):
    vary(project.root, argument="data.init_args.test_subjects", values=folds)
    with pytest.raises(ConfigurationError, match=r"subjects \[[78]\] are in two folds"):
        project.jobs("fig9", "paper")


@pytest.mark.parametrize(
    ("name", "content", "touched"),
    [
        ("configs/model/cmc.yaml", {"model": {"class_path": "CMC", "init_args": {"width": 1}}}, {"cmc"}),
        ("configs/model/finetune.yaml", {"model": {"class_path": "Other"}}, {"cosmo_finetune", "cmc"}),
        ("configs/toy_stage1.yaml", {"data": "data/toy.yaml"}, {"cosmo", "cosmo_finetune", "cmc"}),
        ("configs/data/toy.yaml", {"class_path": "Other"}, {"cosmo", "cosmo_finetune", "cmc", "forest"}),
        ("configs/model/cmc.yaml", "# a remark\nmodel:\n  class_path: CMC\n", set()),
    ],
)
def test_a_change_touches_the_runs_that_depend_on_it(project, name, content, touched):
    before = keys(project)
    write(project.root, name, content)
    after = keys(project)
    changed = {method for (kind, method, *_), key in after.items() if before[kind, method, *_] != key}
    assert {method for method in changed if method in touched} == touched
    assert changed <= touched


def test_a_default_is_the_run_that_other_studies_have(project):
    vary(project.root, argument="data.init_args.rate", values=[0.1, 0.05], default=0.05, phases=["finetune"])
    varied = keys(project, study="fig9")
    plain = keys(project)
    assert varied["finetune", "cosmo", 0, "0.05"] == plain["finetune", "cosmo", 0]
    assert varied["finetune", "cosmo", 0, "0.1"] not in plain.values()
    assert len(varied) == 3, "the phase that the factor is not of is shared"


def test_a_default_that_the_configs_do_not_have_needs_labels(project):
    wrong = {"argument": "data.init_args.rate", "values": [0.1, 0.2], "default": 0.1}
    vary(project.root, **wrong)
    with pytest.raises(ConfigurationError, match=r"vary\.rate\.default: is 0\.1, and .*rate is 0\.05 in"):
        project.jobs("fig9", "paper", strict=True)
    vary(project.root, **wrong, labels=["as it is", "0.2"])
    assert project.jobs("fig9", "paper", strict=True)


def test_two_values_of_a_factor_are_two_runs(project):
    def trained_with(root, configs, arguments, part, read=None):
        return Resolved({"part": part, "rate": arguments.get("data.init_args.rate", 0.05)})

    project = replace(project, resolve=trained_with)
    twice = {"argument": "data.init_args.rate", "values": [None, 0.05], "labels": ["as it is", "0.05"]}
    vary(project.root, **twice)
    with pytest.raises(ConfigurationError, match=r"vary\.rate\.values: None and 0\.05 make the same run, "):
        project.jobs("fig9", "paper", strict=True)
    write(project.root, "experiments/presets/short/preset.yaml", {"about": "Fixed.", "seeds": [0], "arguments": FIXED})
    assert project.jobs("fig9", "short", strict=True), "a preset may fix what a study varies"
    vary(project.root, **twice, default=0.05)
    assert len(project.jobs("fig9", "paper", strict=True)) == 4


def test_a_preset_may_take_the_first_values_of_a_factor_alone(project):
    vary(project.root, argument="data.init_args.rate", values=[0.1, 0.2, 0.3], phases=["finetune"])
    write(project.root, "experiments/presets/few/preset.yaml", {"about": "Few.", "seeds": [0], "values": 2})
    assert {job.factors["rate"] for job in project.jobs("fig9", "few") if job.factors} == {0.1, 0.2}


def test_a_shared_stage_1_has_the_factors_of_its_phase_alone(project):
    vary(project.root, argument="data.init_args.rate", values=[0.1, 0.2], phases=["finetune"])
    jobs = expand(project, project.study("fig9"), "paper")
    assert [(job.kind, dict(job.factors)) for job in jobs] == [
        ("pretrain", {}), ("finetune", {"rate": 0.1}), ("finetune", {"rate": 0.2}),
    ]  # fmt: skip


def test_a_stage_2_has_the_factors_of_its_stage_1(project):
    vary(project.root, argument="model.init_args.range", values=[0.1, 0.2], phases=["pretrain"])
    jobs = expand(project, project.study("fig9"), "paper")
    assert [(job.kind, dict(job.factors)) for job in jobs] == [
        (kind, {"rate": value}) for value in (0.1, 0.2) for kind in ("pretrain", "finetune")
    ]
    assert "model.init_args.range" not in jobs[1].arguments


def test_a_factor_of_both_phases_reaches_both(project):
    vary(project.root, argument="data.init_args.rate", values=[0.1], default=0.05)
    jobs = expand(project, project.study("fig9"), "paper")
    assert [job.arguments["data.init_args.rate"] for job in jobs] == [0.1, 0.1]


def test_measurements(project):
    grid = {"datasets": ["toy"], "methods": ["cosmo", "cosmo+forest"], "measure": "latency", "seeds": 1}
    alone = {"datasets": ["toy"], "measure": "describe"}
    content = {"title": "Figure 9", "render": "a.b", "runs": [grid, alone]}
    write(project.root, "experiments/fig9.yaml", content)
    measured = [job for job in expand(project, project.study("fig9"), "paper") if job.kind == "measure"]
    assert [[parent.method for parent in job.parents] for job in measured] == [["cosmo"], ["cosmo", "forest"], []]
    assert len({job.key for job in measured}) == 3
    assert measured[2].configs == ("configs/toy_stage1.yaml",)


def test_until_pretrain(project):
    grid = {"datasets": ["toy"], "methods": ["cosmo", "cmc"], "until": "pretrain", "seeds": 1}
    write(project.root, "experiments/fig9.yaml", {"title": "Figure 9", "render": "a.b", "runs": [grid]})
    jobs = expand(project, project.study("fig9"), "paper")
    assert [(job.method, job.kind) for job in jobs] == [("cosmo", "pretrain"), ("cmc", "pretrain")]


def test_all_is_every_job_once(project):
    vary(project.root, argument="data.init_args.rate", values=[0.05, 0.1], default=0.05)
    every = project.jobs("all", "paper")
    assert {job.key for job in every} == {*keys(project).values(), *keys(project, study="fig9").values()}
    assert len({job.key for job in every}) == len(every)


@pytest.mark.parametrize(
    ("change", "ask", "named"),
    [
        ({}, lambda p: p.jobs("tabel9", "paper"), "table9"),
        ({}, lambda p: p.jobs("table9", "papper"), "paper, quick"),
        ({"methods": ["cosmos"]}, lambda p: p.jobs("table9", "paper"), "cosmos"),
        ({"method": ["cosmo"]}, lambda p: p.jobs("table9", "paper"), "Runs has no 'method'"),
        ({"vary": {"a": {"argument": "b", "value": [1]}}}, lambda p: p.jobs("table9", "paper"), "table9.yaml"),
    ],
)
def test_bad_input_names_the_thing(project, change, ask, named):
    study = FILES["experiments/table9.yaml"]
    write(project.root, "experiments/table9.yaml", {**study, "runs": [{**study["runs"][0], **change}]})
    with pytest.raises(ConfigurationError, match=named):
        ask(project)


def test_a_missing_overlay_is_named(project):
    (project.root / "configs/model/cmc.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"cmc\.yaml"):
        project.jobs("table9", "paper")


def test_tables_come_before_figures():
    names = PROJECT.studies()
    assert names.index("table3") < names.index("fig2") < names.index("fig11")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"arguments": {"finetun": {"a": 1}}},
            "table9.yaml: arguments: there is no phase 'finetun'. Choose from pretrain",
        ),
        ({"datasets": None}, "table9.yaml: runs: Runs needs 'datasets'."),
        ({"vary": None}, "table9.yaml: vary: is null."),
        ({"methods": None}, "table9.yaml: methods: is null."),
        ({"arguments": None}, "table9.yaml: arguments: is null."),
        ({"vary": {"a": None}}, "table9.yaml: runs.0.vary"),
        ({"vary": {"a": {"argument": None, "values": [1]}}}, "table9.yaml"),
        ({"seeds": "many"}, "table9.yaml: runs.0.seeds: is 'many'. Give a whole number or null."),
        ({"seeds": 0}, "table9.yaml: seeds: is 0. Give at least 1"),
        ({"seeds": -1}, "table9.yaml: seeds: is -1. Give at least 1"),
        ({"methods": []}, "table9.yaml: methods: there is none, and nothing to measure."),
        ({"methods": [], "measure": "describe", "arguments": {"pretrain": {"a": 1}}}, "arguments: has no effect"),
        (
            {"methods": [], "measure": "describe", "vary": {"a": {"argument": "b", "values": [1]}}},
            "vary: has no effect",
        ),
        (
            {"vary": {"a": {"argument": "b", "values": [1, 2, 3], "labels": ["one"]}}},
            "labels: there are 1 for 3 values",
        ),
        (
            {"vary": {"a": {"argument": "data.init_args.test_subjects", "values": [7, 8]}}},
            "table9.yaml: vary.a: 7 is no list of subjects.",
        ),
        ({"vary": {"a": {"argument": "b", "values": []}}}, "values: is empty. List one at least."),
        ({"vary": {"a": {"argument": "b", "values": [1, 2, 1]}}}, "values: 1 is listed twice. List it once."),
        ({"methods": ["cosmo", "cmc", "cosmo"]}, "table9.yaml: methods: 'cosmo' is listed twice."),
        ({"datasets": ["toy", "toy"]}, "table9.yaml: datasets: 'toy' is listed twice."),
        ({"until": "x"}, "table9.yaml: runs.0.until: is 'x'. Give 'pretrain' or 'finetune'."),
    ],
)
def test_what_cannot_be_read_is_one_line(project, change, line):
    study = FILES["experiments/table9.yaml"]
    write(project.root, "experiments/table9.yaml", {**study, "runs": [{**study["runs"][0], **change}]})
    with pytest.raises(ConfigurationError) as refused:
        project.jobs("table9", "paper")
    assert line in str(refused.value) and "\n" not in str(refused.value) and len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"seeds": [0, 0, 1]}, "seeds: 0 is listed twice"),
        ({"seeds": []}, "seeds: is empty"),
        ({"seeds": [0], "values": 0}, "values: is 0. Use 1 or more"),
        ({"seeds": [0], "values": -1}, "values: is -1"),
    ],
)
def test_a_preset_that_would_repeat_or_drop_runs_is_refused(project, given, line):
    write(project.root, "experiments/presets/short/preset.yaml", {"about": "Wrong.", **given})
    with pytest.raises(ConfigurationError, match=line):
        project.jobs("table9", "short")


def test_an_argument_that_does_not_exist_names_study_and_grid(tmp_path):
    root = Path(__file__).parents[2]
    (tmp_path / "configs").symlink_to(root / "configs")
    for name in ("methods.yaml", "presets/paper/preset.yaml"):
        write(tmp_path, f"experiments/{name}", (root / "experiments" / name).read_text(encoding="utf-8"))
    fine = {"datasets": ["utd"], "methods": ["random_forest"], "seeds": 1}
    for wrong in (
        {"arguments": {"finetune": {"data.init_args.labl_rate": 0.3}}},
        {"vary": {"rate": {"argument": "data.init_args.labl_rate", "values": [0.3]}}},
    ):
        content = {"title": "Table 9", "render": "table2.accuracy", "runs": [fine, {**fine, **wrong}]}
        write(tmp_path, "experiments/table9.yaml", content)
        with pytest.raises(ConfigurationError) as refused:
            Project(tmp_path).jobs("table9", "paper")
        told = "study 'table9': runs.1: --data.init_args.labl_rate: UTDDataModule has no 'labl_rate'. The nearest: l"
        assert str(refused.value).startswith(told)
