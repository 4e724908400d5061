"""`cosmo-pl study` as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from cosmo_pl.cli import main
from cosmo_pl.cli.study import parse_duration, run_here
from cosmo_pl.errors import ConfigurationError, DatasetNotFoundError
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.locations import Locations
from cosmo_pl.study.workers import WorkersFailedError, start_workers, submit_workers

from .conftest import write

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "study"


@pytest.fixture
def here(tmp_path, monkeypatch, utd_root):
    """A project with one study of two methods that cost nothing, on simulated recordings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSMO_PL_DATA", str(utd_root))
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for name in ("methods.yaml", "paper.yaml"):
        write(tmp_path, f"experiments/{name}", (ROOT / "experiments" / name).read_text(encoding="utf-8"))
    write(tmp_path, "experiments/presets/paper/preset.yaml", {"about": "All.", "seeds": [0, 1]})
    labels = {"data.init_args.label_rate": 0.3}
    grid = {
        "datasets": ["utd", "elsewhere"], "methods": ["nearest_neighbor", "random_forest"],
        "arguments": {"finetune": labels},
    }  # fmt: skip
    write(tmp_path, "experiments/table2.yaml", {"title": "Table 2", "render": "table2.accuracy", "runs": [grid]})
    return tmp_path


def refused(capsys, *arguments):
    """The one line that a refused command leaves."""
    with pytest.raises(SystemExit) as stopped:
        main(["study", *arguments])
    assert stopped.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    return line


def count(folder):
    return len(list((folder / "experiments/results").rglob("*.json")))


def test_run_status_render(here, capsys):
    main(["study", "run", "table2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 runs: 0 done, 4 to run"
    assert lines[-1].startswith("[4/4] utd random_forest seed 1 finetune: 0.")
    assert count(here) == 4
    main(["study", "run", "table2"])
    assert capsys.readouterr().out == "4 runs: 4 done, 0 to run\n"
    main(["study", "status", "table2"])
    assert "4 of 4 done, 0 running" in capsys.readouterr().out
    main(["study", "render", "table2"])
    page = (here / "experiments/rendered/table2.md").read_text(encoding="utf-8")
    assert "random forest" in page
    assert "(n=2)" in page
    assert "elsewhere" in page


def test_one_key_and_one_dataset(here, capsys):
    job = Project().jobs("table2", "paper")[1]
    main(["study", "run", "table2", f"--key={job.key}"])
    assert capsys.readouterr().out.startswith("1 runs: 0 done")
    assert count(here) == 1
    assert "elsewhere" in refused(capsys, "run", "table2", "--datasets=[elsewhere]")
    assert "elsewhere" in refused(capsys, "run", "table2", "--methods=[elsewhere]")


@pytest.mark.slow  # processes start by importing the package
def test_several_processes_share_the_runs(here, capfd):
    main(["study", "run", "table2", "--jobs=2"])
    out = capfd.readouterr().out
    assert out.count(" to run") == 2
    assert out.count("seed ") == 4, "no run is done twice"
    assert count(here) == 4


@pytest.mark.slow
def test_submitit_local(here, capfd):
    main(["study", "run", "table2", "--submit=local", "--jobs=2", '--submit-options={"timeout_min": 2}'])
    assert "submitted" in capfd.readouterr().out
    assert count(here) == 4
    logs = list((here / "runs/study/submitit").glob("*_log.out"))
    assert len(logs) == 2
    assert sum(path.read_text(encoding="utf-8").count("] utd ") for path in logs) == 4


def test_a_time_limit_of_nothing_leaves_everything(here, capsys):
    main(["study", "run", "table2", "--time-limit=0s"])
    assert capsys.readouterr().out.endswith("the time limit is reached; the same command continues\n")
    assert count(here) == 0
    main(["study", "run", "table2", f"--key={Project().jobs('table2', 'paper')[0].key}"])
    assert count(here) == 1


def test_a_stage_1_of_a_missing_dataset_is_no_failure_of_the_stage_2(project, results, tmp_path, monkeypatch):
    first, second, *_ = project.jobs("table9", "paper")
    first = replace(first, dataset="other")
    second = replace(second, parents=(first,))
    where = Locations(project, results, tmp_path / "runs", tmp_path / "rendered")

    def run(error):
        def execute(job):
            raise error

        monkeypatch.setattr("cosmo_pl.study.execution.Executor", lambda *given, **named: execute)
        run_here(where, [first, second], None)

    run(DatasetNotFoundError("OTHER", tmp_path, "x", "other"))
    with pytest.raises(SystemExit):
        run(ConfigurationError("lr", "is -1", "Use 1"))


def test_uncommitted_code_is_refused_where_the_preset_says_so(here, capsys, monkeypatch):
    write(here, "experiments/presets/paper/preset.yaml", {"about": "All.", "seeds": [0], "committed_code": True})
    write(here, "order.yaml", {"about": "All.", "steps": [{"preset": "paper", "studies": ["table2"]}]})
    monkeypatch.setattr("cosmo_pl.provenance.code_state", lambda: ("abc", True))
    assert "uncommitted changes since abc. Commit them, or use --allow-dirty" in refused(capsys, "run", "table2")
    line = refused(capsys, "evidence", "--here=true", "--order=order.yaml")
    assert "uncommitted changes since abc. Commit them, or leave out --here, which uses the last commit." in line
    assert count(here) == 0


def test_a_missing_dataset_is_skipped_and_the_rest_renders(here, capsys, monkeypatch):
    main(["study", "run", "table2", f"--key={Project().jobs('table2', 'paper')[0].key}"])
    monkeypatch.setenv("COSMO_PL_DATA", str(here / "nowhere"))
    main(["study", "run", "table2"])
    out = capsys.readouterr().out
    assert "utd is skipped: UTD-MHAD not found" in out
    assert "3 runs could not be run" in out
    main(["study", "render", "table2"])
    assert "| UTD-MHAD | 1-NN, Euclidean | 0." in (here / "experiments/rendered/table2.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "tabel2"], "there is no 'tabel2'. Choose from table2"),
        (["status", "tabel2"], "tabel2"),
        (["render", "tabel2"], "tabel2"),
        (["run", "table2", "--preset=fast"], "there is no 'fast'. Choose from paper"),
        (["run", "table2", "--jobs=0"], "jobs: is 0"),
        (["run", "table2", "--time_limit=soon"], "'soon' is no duration"),
        (["run", "table2", '--submit_options={"a": 1}'], "submit_options: has no effect without submit"),
        (["run", "table2", "--key=0"], "no run '0'"),
        (["run", "table2", "--datasets=[]"], "datasets: is an empty list. Name some, or leave it out for all"),
        (["run", "table2", "--methods=[]"], "methods: is an empty list"),
        (["run", "table2", "--results=Makefile"], "results: 'Makefile' is a file. Name a folder"),
        (["status", "table2", "--runs=Makefile"], "runs: 'Makefile' is a file"),
        (["render", "table2", "--output=Makefile"], "output: 'Makefile' is a file"),
        (["render", "table2"], "has no results in experiments/results. Run `cosmo-pl study run table2`"),
    ],
)
def test_bad_input_is_one_line(arguments, named, here, capsys):
    (here / "Makefile").touch()
    assert named in refused(capsys, *arguments)
    assert count(here) == 0


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"render": "table2.acuracy"}, "study 'table2': render: there is no 'table2.acuracy'"),
        ({"render": "tabel2.accuracy"}, "study 'table2': render: there is no 'tabel2.accuracy'"),
        ({"render": "table2"}, "render: 'table2' names no function. Name it FILE.FUNCTION, as in table2.accuracy"),
        ({"measure": "latenci"}, "study 'table2': measure: there is no 'latenci' "),
    ],
)
def test_a_drawing_that_does_not_exist_is_found_before_the_grid_runs(changed, line, here, capsys):
    grid = {"datasets": ["utd"], "methods": ["nearest_neighbor"]} | {k: v for k, v in changed.items() if k == "measure"}
    study = {"title": "Table 2", "render": changed.get("render", "table2.accuracy"), "runs": [grid]}
    write(here, "experiments/table2.yaml", study)
    assert line in refused(capsys, "run", "table2")
    assert count(here) == 0


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("9m", 540), ("1h30m", 5400), ("2h", 7200), (None, None)])
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "9", "m", "1m1h", "-3s", "1.5h"])
def test_no_durations(text):
    with pytest.raises(ConfigurationError, match="time_limit"):
        parse_duration(text)


def test_a_failed_process_is_text(here):
    with pytest.raises(WorkersFailedError, match="2 of 2 processes"):
        start_workers(["study", "run", "absent"], 2)


def test_processes_allow_the_code_that_the_command_allows(here, monkeypatch):
    given = []
    (here / "their_package.py").touch()
    monkeypatch.syspath_prepend(here)
    monkeypatch.setattr("cosmo_pl.study.workers.start_workers", lambda arguments, count: given.append(arguments))
    main(["study", "run", "table2", "--jobs=2", "--allow-code", "their_package"])
    assert "--allow-code=their_package" in given[0]


@pytest.mark.parametrize("command", ["run", "status"])
def test_names_that_stand_for_nothing_are_reported(command, here, capsys):
    grid = {"datasets": ["utd", "utdd"], "methods": ["nearest_neighbor"], "presets": ["papr"]}
    write(here, "experiments/table2.yaml", {"title": "Table 2", "render": "table2.accuracy", "runs": [grid]})
    (here / "configs").unlink()
    for stage in (1, 2):
        write(here, f"configs/utd_stage{stage}.yaml", {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if command == "run":
            refused(capsys, "run", "table2")
        else:
            main(["study", "status", "table2"])
    assert [str(each.message) for each in caught if "study 'table2'" in str(each.message)] == [
        "study 'table2': datasets: there is no configs/utdd_stage2.yaml, so that 'utdd' has no runs. Choose from utd.",
        "study 'table2': presets: there is no 'papr'. Choose from paper.",
    ]


def test_code_of_a_package_that_does_not_exist_is_refused(here, capsys):
    line = refused(capsys, "status", "table2", "--allow-code=kitchn")
    assert line == "cosmo-pl: allow_code: there is no package 'kitchn'. " + (
        "Correct the name, install it, or put its folder on PYTHONPATH."
    )


def test_a_missing_overlay_has_near_names(here, capsys):
    write(here, "experiments/methods.yaml", {"mine": {"title": "Mine", "finetune": ["nearest_neighbour"]}})
    grid = {"datasets": ["utd"], "methods": ["mine"]}
    write(here, "experiments/table2.yaml", {"title": "Table 2", "render": "table2.accuracy", "runs": [grid]})
    line = refused(capsys, "status", "table2")
    assert "nearest_neighbour.yaml: does not exist. Correct its path; the nearest: nearest_neighbor.yaml." in line


def test_a_study_that_is_ended_says_that_it_can_go_on(here, capsys, monkeypatch):
    def end(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    monkeypatch.setattr("cosmo_pl.study.runner.Runner._run", end)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        main(["study", "run", "table2"])
    assert stopped.value.code == 143
    assert capsys.readouterr().out.endswith("stopped; the same command continues\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_folder_in_place_of_a_page_is_in_the_way(here, capsys):
    main(["study", "run", "table2", f"--key={Project().jobs('table2', 'paper')[0].key}"])
    (here / "experiments/rendered/table2.md").mkdir(parents=True)
    capsys.readouterr()
    line = refused(capsys, "render", "table2")
    assert "experiments/rendered/table2.md' cannot be used: is a directory. Move the folder that is in the way" in line


def test_a_cluster_that_is_not_there_is_text(here, tmp_path):
    with pytest.raises(ConfigurationError, match="submit"):
        submit_workers([], 1, "slurm", tmp_path, {})
    with pytest.raises(ConfigurationError, match="no_such_option"):
        submit_workers([], 1, "local", tmp_path, {"no_such_option": 1})


def test_rendering_needs_no_torch_and_no_wandb(here):
    main(["study", "run", "table2", f"--key={Project().jobs('table2', 'paper')[0].key}"])
    code = (
        "import sys; from cosmo_pl.cli import main\n"
        "main(['study', 'render', 'table2']); main(['study', 'status', 'table2'])\n"
        "print([name for name in ('torch', 'wandb', 'pytorch_lightning', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
