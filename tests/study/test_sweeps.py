"""Sweep files of W&B, the same files as studies, studies as sweeps, and what is drawn of a sweep."""

from __future__ import annotations

import functools
import inspect
import re
from statistics import mean, stdev

import pytest
import yaml

import cosmo_pl.cli.study
from cosmo_pl.data import MultimodalDataModule, SelfCollectedDataModule, USCDataModule, UTDDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.rendering.selection import sweep as render_sweep
from cosmo_pl.study.sweeps import TRACK_TEST, VALIDATION, start

from .factory import PROJECT, jobs, record, view

FOLDER = PROJECT.experiments / "sweeps"
FILES = sorted(FOLDER.glob("*.yaml"))
KINDS = {"utd": UTDDataModule, "usc": USCDataModule, "self_collected": SelfCollectedDataModule}
SWEPT = {
    "lambda": ("quality_lambda", [0, 0.2, 0.4, 0.6, 0.8, 1]),
    "titer": ("iterative_epochs", [0, 1, 2, 5, 10, 20, 50]),
}
ALLOWED = {  # keys of W&B's own schema of a sweep, which allows no others
    "apiVersion", "kind", "controller", "description", "program", "job", "image_uri", "entity", "project", "method",
    "command", "name", "run_cap", "metric", "metrics", "scheduler", "early_terminate", "parameters",
}  # fmt: skip
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def filled(sweep, values):
    """The command that an agent starts, by W&B's own code."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    args = create_sweep_command_args({"args": {name: {"value": value} for name, value in values.items()}})["args"]
    return [w for word in sweep["command"] for w in (args if word == "${args}" else [word])]


def options(words):
    """Arguments of a command line, configs aside."""
    pairs = [word.removeprefix("--").split("=", 1) for word in words if word.startswith("--") and "=" in word]
    return {name: yaml.safe_load(value) for name, value in pairs if name != "config"}


def assert_valid(sweep):
    assert set(sweep) <= ALLOWED
    assert sweep["method"] == "grid"
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", name) for name in sweep["parameters"])
    assert all(set(given) == {"values"} and given["values"] for given in sweep["parameters"].values())
    assert all(isinstance(word, str) for word in sweep["command"])
    assert sweep["command"].count("${args}") == 1


def test_there_is_one_for_every_dataset_and_argument():
    assert {path.stem for path in FILES} == {f"{d}_{s}" for d in ("usc", "utd", "self_collected") for s in SWEPT}


@every_file
def test_files_are_valid_sweeps(path):
    sweep, (name, values) = read(path), SWEPT[path.stem.rpartition("_")[2]]
    dataset = path.stem.rpartition("_")[0]
    assert_valid(sweep)
    assert sweep["name"] == path.stem
    assert sweep["metric"] == {"name": "val/acc", "goal": "maximize"}
    assert sweep["parameters"] == {
        f"model.init_args.{name}": {"values": values}, "data.init_args.label_seed": {"values": [0, 1, 2]}
    }  # fmt: skip
    assert sweep["command"][:3] == ["cosmo-pl", "fit", f"--config=configs/{dataset}_stage2.yaml"]
    assert "--config=configs/logger/wandb.yaml" in sweep["command"]


@every_file
def test_the_stage_1_in_the_comment_is_the_one_that_the_sweep_takes(path):
    (told,) = re.findall(r"cosmo-pl fit (.*?) \\\n#\s+(.*)\n", path.read_text(encoding="utf-8"))
    words = " ".join(told).split()
    given, fixed = options(words), options(read(path)["command"])
    assert words[:2] == ["--config", f"configs/{path.stem.rpartition('_')[0]}_stage1.yaml"]
    assert given["run.name"] == fixed["model.init_args.bundle"] != "cosmo"
    assert given[VALIDATION] == fixed[VALIDATION]
    assert given["data.init_args.include_labeled"] is True


@every_file
def test_runs_of_a_sweep_are_those_of_the_agents(path):
    sweep, (name, values) = read(path), SWEPT[path.stem.rpartition("_")[2]]
    made = jobs(f"sweeps/{path.stem}")
    parents, runs = [j for j in made if j.kind == "pretrain"], [j for j in made if j.kind == "finetune"]
    assert made[0] is parents[0]
    assert len(parents) == 1
    assert sorted((j.factors[name], j.factors["label_seed"]) for j in runs) == [
        (v, s) for v in values for s in range(3)
    ]
    for run in runs:
        assert [parent.key for parent in run.parents] == [parents[0].key]
        wanted = {argument: run.factors[argument.rpartition(".")[2]] for argument in sweep["parameters"]}
        told = options(filled(sweep, wanted))
        del told["model.init_args.bundle"]
        assert dict(run.arguments) == {"seed_everything": 0, **told}
        assert run.configs == tuple(
            word.removeprefix("--config=") for word in sweep["command"] if "config=" in word and "logger" not in word
        )
        assert not run.tested


@every_file
def test_nobody_is_both_validated_and_trained_or_tested_on(path):
    kind = KINDS[path.stem.rpartition("_")[0]]
    default = inspect.signature(MultimodalDataModule).parameters["train_subjects"].default
    for each in jobs(f"sweeps/{path.stem}"):
        chosen = each.arguments[VALIDATION]
        assert chosen and not set(chosen) & set(kind.default_test_subjects)
        assert default is None  # whoever is in neither list
        assert each.arguments[TRACK_TEST] is False


@pytest.mark.parametrize("dataset", list(KINDS))
def test_two_sweeps_of_a_dataset_share_their_stage_1_and_no_study_has_it(dataset):
    one, other = (jobs(f"sweeps/{dataset}_{short}")[0] for short in SWEPT)
    assert one.key == other.key
    assert one.key not in {each.key for each in jobs("table2")}


def test_runs_of_tables_are_tested():
    assert all(each.tested for each in jobs("table2"))


def test_a_preset_takes_the_place_of_the_one_in_the_command():
    (config,) = {each.configs for each in jobs("sweeps/utd_lambda", "quick") if each.kind == "finetune"}
    assert config == ("configs/utd_stage2.yaml", "experiments/presets/quick/utd_stage2.yaml")


@pytest.fixture
def project(tmp_path):
    """A project with one sweep, written by `change`."""
    for name in ("configs", "experiments"):
        (tmp_path / name).mkdir()
    (tmp_path / "configs" / "utd_stage2.yaml").write_text("{}", encoding="utf-8")
    (tmp_path / "experiments" / "sweeps").mkdir()

    def change(alter):
        sweep = read(FOLDER / "utd_lambda.yaml")
        alter(sweep)
        (tmp_path / "experiments" / "sweeps" / "mine.yaml").write_text(yaml.safe_dump(sweep), encoding="utf-8")
        return Project(tmp_path)

    return change


def without(word):
    return lambda sweep: sweep["command"].remove(word)


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (lambda sweep: sweep.update(method="random"), "method"),
        (lambda sweep: sweep["metric"].update(name="test/acc"), "test/acc"),
        (lambda sweep: sweep.update(early_terminate={"type": "hyperband"}), "early_terminate"),
        (lambda sweep: sweep["parameters"].update(seed={"min": 0, "max": 1}), "min"),
        (
            lambda sweep: sweep["parameters"].update({"data.quality_lambda": {"values": [1]}}),
            "two arguments of one name",
        ),
        (lambda sweep: sweep["parameters"].update({"model.init_args.lr": {"values": [1]}}), "and model.init_args.lr"),
        (lambda sweep: sweep["parameters"].pop("data.init_args.label_seed"), "label_seed and one argument"),
        (lambda sweep: sweep["command"].insert(3, "--config=configs/model/cmc.yaml"), "stage2.yaml"),
        (without("--config=configs/utd_stage2.yaml"), "stage2.yaml"),
        (without(f"--{TRACK_TEST}=false"), TRACK_TEST),
        (without(f"--{VALIDATION}=[6]"), VALIDATION),
        (without("--model.init_args.bundle=cosmo-val-6"), "model.init_args.bundle"),
    ],
)
def test_sweeps_that_a_study_cannot_run_are_refused(alter, named, project):
    with pytest.raises(ConfigurationError, match=r"mine\.yaml") as refused:
        project(alter).study("sweeps/mine")
    assert named in str(refused.value)


def test_the_unchanged_sweep_is_read(project):
    assert project(lambda sweep: None).study("sweeps/mine") == PROJECT.study("sweeps/utd_lambda")


def test_a_dataset_that_is_not_there_is_the_reason(project):
    def elsewhere(sweep):
        sweep["command"] = [word.replace("configs/utd_", "configs/nowhere_") for word in sweep["command"]]

    with pytest.raises(ConfigurationError, match=r"there is no configs/nowhere_stage2\.yaml"):
        project(elsewhere).jobs("sweeps/mine", "paper")


def test_an_unknown_sweep_is_told_which_there_are():
    with pytest.raises(ConfigurationError, match="sweeps/utd_lambda"):
        PROJECT.study("sweeps/utd")


@pytest.mark.parametrize("key", ["a1b2c3d4e5f60718", "1234567890123456", "12345678901234e5", "0000000000000000"])
def test_a_key_of_digits_alone_stays_text(key, monkeypatch):
    started = []
    monkeypatch.setattr(
        cosmo_pl.cli.study, "run", functools.wraps(cosmo_pl.cli.study.run)(lambda **given: started.append(given))
    )
    cosmo_pl.cli.study.main(["run", "table2", "--preset=quick", f"--key={key}"])
    assert [(given["name"], given["preset"], given["key"]) for given in started] == [("table2", "quick", key)]


@pytest.fixture
def client(monkeypatch):
    """W&B's client, which notes what is asked of it instead of doing it."""
    import wandb

    asked = []
    monkeypatch.setattr(wandb, "sweep", lambda content, project: asked.append(("sweep", content, project)) or "abc")
    monkeypatch.setattr(wandb, "agent", lambda identifier, project: asked.append(("agent", identifier, project)))
    return asked


def test_a_started_sweep_is_the_file_and_its_stage_1_is_trained_once(client, tmp_path):
    for name in ("configs", "experiments"):
        (tmp_path / name).symlink_to(PROJECT.root / name)

    def train(words):
        client.append(("train", words))
        bundle = tmp_path / "runs" / "usc" / "cosmo-val-9-10" / "version_0" / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "bundle.json").touch()

    start(tmp_path, "sweeps/usc_titer", train)
    created, (_, words), agent = client
    assert created == ("sweep", read(FOLDER / "usc_titer.yaml"), "cosmo_pl")
    assert agent == ("agent", "abc", "cosmo_pl")
    (parent, *_) = jobs("sweeps/usc_titer")
    assert words[:2] == ["fit", "--config=configs/usc_stage1.yaml"]
    seeds = {"seed_everything": 0, "data.init_args.label_seed": 0}  # the configs' own
    assert {**seeds, **options(words)} == {**parent.arguments, "run.name": "cosmo-val-9-10"}
    start(tmp_path, "sweeps/usc_titer", train)
    assert [what for what, *_ in client[3:]] == ["sweep", "agent"]


def test_without_a_login_no_stage_1_is_trained(monkeypatch):
    import wandb

    def refuse(*_, **__):
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "sweep", refuse)
    trained = []
    with pytest.raises(ConfigurationError, match=r"wandb login.*cosmo-pl study run sweeps/utd_lambda"):
        start(PROJECT.root, "sweeps/utd_lambda", trained.append)
    assert not trained


def outcome(accuracy, simulated=False):
    """What is drawn of utd_lambda where the runs have `accuracy(λ, label seed)`, None for a run that is not there."""
    found = {}
    for each in (one for one in jobs("sweeps/utd_lambda") if one.kind == "finetune"):
        reached = accuracy(each.factors["quality_lambda"], each.factors["label_seed"])
        if reached is not None:
            curves = {"epoch": [0, 1, 2], "val/acc": [None, 0.99, reached]}
            found[each.key] = record(each, accuracy=0.01, curves=curves, simulated=simulated)
    return render_sweep(view("sweeps/utd_lambda", "paper", found))


def test_the_best_mean_of_the_last_epoch_is_selected():
    def accuracy(value, seed):
        return 0.5 - (value - 0.6) ** 2 + 0.01 * seed**2

    drawn = outcome(accuracy)
    assert [row[0] for row in drawn.rows] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    for row in drawn.rows:
        values = [accuracy(float(row[0]), seed) for seed in range(3)]
        assert row[1:7] == [f"{mean(values):.4f}", f"{stdev(values):.4f}", "3", *(f"{v:.4f}" for v in values)]
    assert [row[0] for row in drawn.rows if row[7]] == ["0.6"]
    assert drawn.notes[0] == "18 of 18 runs are done."
    assert drawn.notes[1].startswith("Selected: quality_lambda = 0.6, 0.5167")
    labels = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert "selected: 0.6" in labels


def test_values_within_the_spread_are_named():
    drawn = outcome(lambda value, seed: 0.5 + 0.1 * seed + (0.02 if value == 1 else -0.05 if value > 0.5 else -0.2))
    assert drawn.notes[-1].endswith("below it: 0.6, 0.8.")


def test_a_value_that_lacks_a_draw_is_not_selected():
    drawn = outcome(lambda value, seed: None if value == 1 and seed == 2 else value)
    assert [(row[0], row[3], row[7]) for row in drawn.rows][-2:] == [("0.8", "3", "best so far"), ("1", "2", "")]
    assert drawn.notes[0] == "17 of 18 runs are done."


def test_of_equal_values_the_first_is_selected():
    assert [row[0] for row in outcome(lambda value, seed: 0.5).rows if row[7]] == ["0"]


def test_one_draw_has_no_spread_and_none_is_drawn_as_such():
    drawn = outcome(lambda value, seed: 0.5 if (value, seed) == (0.2, 1) else None)
    assert drawn.rows[1] == ["0.2", "0.5000", "", "1", "", "0.5000", "", ""]
    assert drawn.rows[0] == ["0", "", "", "0", "", "", "", ""]
    nothing = outcome(lambda value, seed: None)
    assert nothing.notes == ["0 of 18 runs are done."]
    assert not nothing.figure.legends


def test_a_last_epoch_without_evaluation_does_not_count():
    (first, *_) = [each for each in jobs("sweeps/utd_lambda") if each.kind == "finetune"]
    curves = {"epoch": [0, 1], "val/acc": [0.9, None]}
    drawn = render_sweep(view("sweeps/utd_lambda", "paper", {first.key: record(first, curves=curves)}))
    assert drawn.notes[0] == "0 of 18 runs are done."


def test_simulated_recordings_are_said_to_be():
    drawn = outcome(lambda value, seed: value, simulated=True)
    assert drawn.notes[-1] == "Simulated recordings."
    assert drawn.figure.axes[0].get_title() == "UTD-MHAD (simulated)"
