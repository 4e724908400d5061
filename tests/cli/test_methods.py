"""Every method and every shipped YAML on both datasets, through the real entry point."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from cosmo_pl.bundle import Bundle

from .conftest import CHAINS, CONFIGS, SHORT, SMALL_ENCODERS, cosmo, fit, released_labels

pytestmark = pytest.mark.usefixtures("no_picture")  # `test_cli` looks at one of each dataset

DATASETS = ("usc", "utd")
PRETRAINING = ("cmc", "cmc_released", "cpc")
AUGMENTED = ("cocoa", "focal", "simclr")
SECOND_STAGES = ("finetune", "probe")
SUPERVISED = ("deepsense", "deepsense_original", "attnsense", "attnsense_original")
CLASSICAL = ("nearest_neighbor", "dtw", "random_forest")
ROCKETS = ("mini_rocket", "multi_rocket_hydra")  # the second one compiles for half a minute
SLOW = (
    *product(("dtw", "cpc", "cmc_released", "deepsense_original", "attnsense", "multi_rocket_hydra"), ("usc",)),
    *product(("cmc", "mini_rocket", "multi_rocket_hydra"), ("utd",)),
)
SINGLE, FOREST = "single_modal", "feature_forest"


def on_both(methods):
    """Each method with each dataset; those that take long are left to `make test-slow`."""
    return [pytest.param(*it, marks=[pytest.mark.slow] * (it in SLOW)) for it in product(methods, DATASETS)]


def parts_of(path):
    """The files that a config is composed of, itself included."""
    values = yaml.safe_load(path.read_text(encoding="utf-8")).values()
    return {path, *(path.parent / value for value in values if isinstance(value, str) and value.endswith(".yaml"))}


def test_every_yaml_is_run_by_a_test():
    run = {CONFIGS / "logger" / "wandb.yaml"}
    methods = (*PRETRAINING, *AUGMENTED, "cmkm", *SECOND_STAGES, "prototypes")
    methods += (*SUPERVISED, *CLASSICAL, *ROCKETS, SINGLE)
    run |= {CONFIGS / "model" / f"{method}.yaml" for method in (*methods, "iterative", FOREST)}
    by_transfer = ("joint_motion", "usc_motion", "mex_motion", "usc_acc")  # test_transfer
    for path in CONFIGS.glob("*_stage?.yaml"):
        run |= parts_of(path) if path.stem.startswith(by_transfer) else set()
    for name in CHAINS:
        for stage in (1, 2):
            run |= parts_of(CONFIGS / f"{name}_stage{stage}.yaml")
    assert run == set(CONFIGS.rglob("*.yaml"))


def result_of(dataset, method, run, here, roots, *more, version=0):
    """What `test` writes of the newest run of a method, in the folder that its config names."""
    cosmo("test", f"{dataset}_stage2", roots[dataset], *more, overlay=method)
    folder = here / "runs" / dataset / run / f"version_{version}" / "test_0"
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["total"] == torch.tensor(metrics["confusion_matrix"]).sum() > 0
    assert metrics["training"]["epochs"] == 1
    return metrics


@pytest.mark.parametrize(("method", "dataset"), on_both(SUPERVISED))
def test_supervised_methods(dataset, method, here, roots):
    fit(f"{dataset}_stage2", roots[dataset], *SHORT, overlay=method)
    metrics = result_of(dataset, method, method, here, roots)
    assert metrics["parameters"] > 0
    assert (metrics["attention_by_class"] is not None) == method.startswith("attnsense")
    assert "bundle" not in metrics["training"]


@pytest.mark.parametrize(("method", "dataset"), on_both((*CLASSICAL, *ROCKETS)))
def test_classical_methods(dataset, method, here, roots):
    if method in ROCKETS:
        pytest.importorskip("aeon")
    few = "--data.init_args.max_test_samples=60"
    fit(f"{dataset}_stage2", roots[dataset], few, overlay=method)
    metrics = result_of(dataset, method, method, here, roots, few)
    assert metrics["parameters"] == 0
    assert metrics["accuracy"] > 2 * metrics["chance"]


@pytest.mark.parametrize(("dataset", "modality"), [("usc", "gyro"), ("utd", "inertial"), ("utd", "skeleton")])
def test_single_modality(dataset, modality, here, roots):
    chosen = f"--model.init_args.modality={modality}"
    fit(f"{dataset}_stage2", roots[dataset], *SHORT, chosen, overlay=SINGLE)
    result_of(dataset, SINGLE, f"scratch-single-{modality}", here, roots, chosen)


@pytest.mark.parametrize(("method", "dataset"), on_both(PRETRAINING))
def test_pretraining_and_its_second_stages(dataset, method, here, roots):
    more = ["--data.init_args.modalities=[inertial]"] if (dataset, method) == ("utd", "cpc") else []
    fit(f"{dataset}_stage1", roots[dataset], *SHORT, *more, overlay=method)
    bundle = Bundle.load(here / "runs" / dataset / method)
    seconds = (*SECOND_STAGES, *[FOREST] * ((method, dataset) == ("cmc", "usc")))
    for second in seconds if method != "cmc_released" else ():  # the bundle is that of CMC, from another loss
        chosen = [*more, f"--model.init_args.bundle={method}"]
        fit(f"{dataset}_stage2", roots[dataset], *SHORT, *chosen, overlay=second)
        metrics = result_of(dataset, second, f"{method}-{second}", here, roots, *chosen)
        assert metrics["training"]["pretraining"] == bundle.training["method"]
        stored = here / "runs" / dataset / f"{method}-{second}" / "version_0" / "checkpoints" / "last.ckpt"
        state = torch.load(stored, weights_only=True)["state_dict"]
        stored = {
            f"{name}.{key}": v for name, encoder in bundle.encoders.items() for key, v in encoder.state_dict().items()
        }
        kept = [torch.equal(value, state[f"encoders.{key}"]) for key, value in stored.items()]
        assert all(kept) if second in ("probe", FOREST) else not any(kept)


def test_knowledge_mining_uses_the_newest_run_of_simclr(here, roots):
    for method in ("simclr", "cmkm"):
        fit("utd_plus_stage1", roots["utd"], *SHORT, overlay=method)
    bundle = Bundle.load(here / "runs" / "utd_plus" / "cmkm")
    assert bundle.training["method"] == "CMKMModule"
    assert bundle.training["bundle"] == "runs/utd_plus/simclr"


def test_cosmos_second_stage_and_cmc_under_the_recommended_recipe(here, roots):
    fit("utd_plus_stage1", roots["utd"], *SHORT, overlay="cmc")
    assert Bundle.load(here / "runs" / "utd_plus" / "cmc").training["method"] == "CMCModule"
    chosen = ["--model.init_args.bundle=cmc"]
    fit("utd_plus_stage2", roots["utd"], *SHORT, *chosen, overlay="iterative")
    metrics = result_of("utd_plus", "iterative", "cmc-iterative", here, roots, *chosen)
    assert metrics["method"] == "IterativeFusionModule" and metrics["attention_by_class"] is not None


@pytest.mark.parametrize("method", AUGMENTED)
def test_pretraining_on_augmented_views(method, here, roots):
    fit("utd_plus_stage1", roots["utd"], *SHORT, overlay=method)
    assert Bundle.load(here / "runs" / "utd_plus" / method).training["method"].lower() == f"{method}module"
    chosen = [f"--model.init_args.bundle={method}"]
    fit("utd_plus_stage2", roots["utd"], *SHORT, *chosen, overlay="prototypes")
    metrics = result_of("utd_plus", "prototypes", f"{method}-prototypes", here, roots, *chosen)
    assert metrics["method"] == "PrototypeModule"


def test_one_encoder_of_a_bundle_alone(here, roots):
    """Where the data have both modalities, and where they have the one alone."""
    fit("utd_stage1", roots["utd"], *SHORT, *SMALL_ENCODERS, overlay="cmc")
    chosen = ["--model.init_args.modality=inertial", "--model.init_args.bundle=cmc", "--model.init_args.encoders=null"]
    for version, more in enumerate(([], ["--data.init_args.modalities=[inertial]"])):
        fit("utd_stage2", roots["utd"], *SHORT, *chosen, *more, overlay=SINGLE)
        metrics = result_of("utd", SINGLE, "cmc-single-inertial", here, roots, *chosen, *more, version=version)
        assert metrics["training"]["bundle"] == "runs/utd/cmc/version_0/bundle"
        assert metrics["parameters"] < 3e6


@pytest.mark.parametrize(
    ("config", "overlay", "arguments", "named"),
    [
        ("utd_stage2", SINGLE, ["--model.init_args.modality=radar"], "modality"),
        (
            "utd_stage2",
            SINGLE,
            ["--data.init_args.modalities=[inertial]", "--model.init_args.modality=skeleton"],
            "modality",
        ),
        ("utd_stage1", "cpc", [], "modalities=[inertial]"),
        ("utd_stage1", "simclr", [], "data.init_args.num_augmentations"),
        ("utd_stage1", "cmc", ["--data.init_args.modalities=[inertial]"], "encoders"),
        ("usc_stage1", "cpc", ["--model.init_args.horizon=200"], "horizon"),
        ("utd_stage1", "cmkm", [], "runs/utd/simclr"),
        ("utd_stage2", "finetune", ["--model.init_args.bundle=absent"], "runs/utd/absent"),
        ("utd_stage2", "deepsense", ["--run.name={nothing}"], "nothing"),
    ],
)
def test_bad_input_is_one_line(config, overlay, arguments, named, here, roots, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit(config, roots[config[:3]], *SHORT, *arguments, overlay=overlay)
    assert stopped.value.code == 2
    last = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert len(last) == 1
    assert named in last[0]
    assert not (here / "runs").exists()


def test_a_probe_leaves_the_encoders_of_the_released_profile_alone(here, roots):
    """Its stage 2 trains everything in every turn; a probe on it does not."""
    labels = released_labels(here)
    fit("utd_released_stage1", roots["utd"], *SHORT, *SMALL_ENCODERS, labels)
    chosen = ["--model.init_args.bundle=cosmo", labels]
    fit("utd_released_stage2", roots["utd"], *SHORT, *chosen, overlay="probe")
    run = here / "runs" / "utd_released" / "cosmo-probe" / "version_0"
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, encoder in Bundle.load(here / "runs" / "utd_released" / "cosmo").encoders.items():
        assert all(torch.equal(value, state[f"encoders.{name}.{key}"]) for key, value in encoder.state_dict().items())


def refusal(capsys):
    """The one line that a refused command leaves."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("cosmo-pl: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(("base", "overlay"), [("utd_stage2", "cmc"), ("utd_stage1", "deepsense")])
def test_a_method_on_the_base_of_another_phase_is_refused(base, overlay, here, roots, capsys):
    with pytest.raises(SystemExit):
        fit(base, roots["utd"], *SHORT, overlay=overlay)
    assert f"Use it with a *_stage{1 if overlay == 'cmc' else 2}.yaml" in refusal(capsys)
    assert not (here / "runs").exists()


@pytest.fixture(scope="module")
def nearest(tmp_path_factory, roots):
    """A folder with a run of the nearest neighbour."""
    folder = tmp_path_factory.mktemp("nearest")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit("utd_stage2", roots["utd"], overlay="nearest_neighbor")
    return folder


@pytest.fixture(params=[False, True], ids=["newest", "named"])
def chosen(request, nearest, monkeypatch):
    """Arguments that choose its checkpoint."""
    monkeypatch.chdir(nearest)
    return ["--ckpt_path=runs/utd/nearest_neighbor/version_0/checkpoints/last.ckpt"] if request.param else []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--model.init_args.metric=dtw"], "model.init_args.metric euclidean -> dtw"),
        (["--data.init_args.test_subjects=[1,2]"], "the model was trained on subjects [1, 2]"),
        (["--data.init_args.folds=4", "--data.init_args.fold=0"], "the model was trained on subjects [1, 2]"),
        (["--data.init_args.label_seed=1"], "data.init_args.label_seed 0 -> 1"),
    ],
)
def test_a_test_with_other_arguments_than_trained_is_refused(arguments, named, chosen, nearest, roots, capsys):
    before = sorted(nearest.rglob("test_*"))
    with pytest.raises(SystemExit):
        cosmo("test", "utd_stage2", roots["utd"], *arguments, *chosen, overlay="nearest_neighbor")
    assert named in refusal(capsys)
    assert sorted(nearest.rglob("test_*")) == before


def test_a_test_may_differ_in_what_training_does_not_see(chosen, nearest, roots):
    before = set(nearest.rglob("metrics.json"))
    free = ["--data.init_args.batch_size=4", "--data.init_args.track_test=false"]
    cosmo("test", "utd_stage2", roots["utd"], *free, *chosen, overlay="nearest_neighbor")
    assert len(set(nearest.rglob("metrics.json")) - before) == 1


def test_bundle_and_encoders_have_to_agree(here, roots, capsys):
    fit("utd_stage1", roots["utd"], *SHORT, *SMALL_ENCODERS, overlay="cmc")
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], *SHORT, "--model.init_args.bundle=cmc")
    assert "encoders to null" in capsys.readouterr().err
    fit("utd_stage2", roots["utd"], *SHORT, "--model.init_args.bundle=cmc", "--model.init_args.encoders=null")


def test_folds_on_the_command_line(here, roots):
    chosen = ["--data.init_args.folds=4", "--data.init_args.fold=1"]
    fit("utd_stage2", roots["utd"], *chosen, overlay="nearest_neighbor")
    cosmo("test", "utd_stage2", roots["utd"], *chosen, overlay="nearest_neighbor")
    run = here / "runs" / "utd" / "nearest_neighbor" / "version_0"
    present = sorted({int(path.name.split("_")[1][1:]) for path in Path(roots["utd"]).rglob("a*.mat")})
    metrics = json.loads((run / "test_0" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test_subjects"] == np.array_split(present, 4)[1].tolist()
    arguments = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["data"]["init_args"]
    assert (arguments["folds"], arguments["fold"], arguments["test_subjects"]) == (4, 1, None)


def test_a_config_names_the_test_subjects_that_it_leaves_to_the_class(here, roots):
    fit("utd_stage2", roots["utd"], overlay="nearest_neighbor")
    config = here / "runs" / "utd" / "nearest_neighbor" / "version_0" / "config.yaml"
    assert yaml.safe_load(config.read_text(encoding="utf-8"))["data"]["init_args"]["test_subjects"] == [7, 8]


def test_named_folds_on_the_command_line(here, roots, capsys):
    chosen = ["--data.init_args.folds=[[1,2],[7,8]]", "--data.init_args.fold=1"]
    fit("utd_stage2", roots["utd"], *chosen, overlay="nearest_neighbor")
    with pytest.raises(SystemExit):
        fit("utd_stage2", roots["utd"], *chosen, "--data.init_args.test_subjects=[1]", overlay="nearest_neighbor")
    assert "test_subjects: is [1], and fold 1 is [7, 8]" in refusal(capsys)
