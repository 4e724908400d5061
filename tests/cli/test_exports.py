"""Every second stage that is recommended or in Table 2, exported through the real entry point, against its run."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from cosmo_pl import Recogniser
from cosmo_pl.cli import main
from cosmo_pl.edge.export_recordings import RunRecordings

from .conftest import FEW, NARROW, SECOND_RUN, SHORT, SMALL_ENCODERS, fit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_picture")]

# Nearest neighbours and forests are in edge/test_export. Other chains have the classes of these.
CHAINS = ("utd_plus", "usc_plus", "mex", "mex_plus", "utd_depth", "self_collected")
HOPS = {"usc_plus": 0.7, "mex": 2.5, "mex_plus": 2.5}  # seconds; the others have clips
SUPERVISED = ("deepsense", "deepsense_original", "attnsense", "attnsense_original")
SECOND_STAGES = {"cmc": ("finetune", "probe", "prototypes"), "cpc": ("finetune", "probe")}
TREES = {"usc_plus"}  # one of the trees may vote otherwise, where a value is next to its threshold


def few(name):
    """Arguments that make the data of a chain small."""
    given = [*FEW.get(name, ["--data.init_args.label_rate=0.3"]), "--data.init_args.max_test_samples=40"]
    if name == "utd_depth":  # subject 8 is not in the small set
        given.append("--data.init_args.test_subjects=[7]")
    return given


def check_export(runs, trees=False):
    """Exports a run, and compares the folder with the run on the test samples, all sensors and each one left out."""
    run = runs / "version_0"
    main(["export", "--run", str(run), "--out", "model", "--overwrite"])
    exported, trained, recordings = Recogniser.load("model"), Recogniser.load(run), RunRecordings(run)
    rows = recordings.data.split.test[:40]
    arrays = {name: np.asarray(recordings.data.samples.inputs[name])[rows] for name in trained.modality_shapes}
    for left_out in (None, *(arrays if trained.module.attends_to or trees else ())):
        given = {name: values for name, values in arrays.items() if name != left_out}
        found, expected = exported.predict(given), trained.predict(given)
        assert found.probability == pytest.approx(expected.probability, abs=0.006 if trees else 1e-4)
        assert found.name == expected.name
        assert list(found.weights) == list(expected.weights)
        for name, weights in expected.weights.items():
            assert found.weights[name] == pytest.approx(weights, abs=1e-4)


@pytest.mark.parametrize("name", CHAINS)
def test_recommended_chains(name, here, roots):
    for stage in (1, 2):
        fit(f"{name}_stage{stage}", roots[name], *SHORT, *few(name))
    check_export(here / "runs" / name / SECOND_RUN[name][0], name in TREES)
    assert Recogniser.load("model").hop == HOPS.get(name)


@pytest.mark.parametrize("method", SUPERVISED)
def test_methods_without_a_first_stage(method, here, roots):
    small = () if method.endswith("original") else SMALL_ENCODERS
    fit("utd_stage2", roots["utd"], *SHORT, *few("utd"), *small, overlay=method)
    check_export(here / "runs" / "utd" / method)


def test_one_sensor_alone(here, roots):
    chosen = ["--model.init_args.modality=skeleton", *SMALL_ENCODERS]
    fit("utd_stage2", roots["utd"], *SHORT, *few("utd"), *chosen, overlay="single_modal")
    check_export(here / "runs" / "utd" / "scratch-single-skeleton")


@pytest.fixture(scope="module", params=SECOND_STAGES)
def pretrained(request, tmp_path_factory, roots):
    """A folder with a run of CMC or CPC, its name, and how its second stages are trained there."""
    method, folder = request.param, tmp_path_factory.mktemp(request.param)
    one = ["--data.init_args.modalities=[inertial]"] if method == "cpc" else []
    common = ("utd_stage2", roots["utd"], *SHORT, *few("utd"), *one)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fit("utd_stage1", *common[1:], *([] if one else NARROW), overlay=method)
    return folder, method, functools.partial(fit, *common, f"--model.init_args.bundle={method}")


@pytest.mark.parametrize("second", ["finetune", "probe", "prototypes"])
def test_second_stages_after_cmc_and_cpc(second, pretrained, monkeypatch):
    folder, method, train = pretrained
    if second not in SECOND_STAGES[method]:
        pytest.skip("is in no table")
    monkeypatch.chdir(folder)
    train(overlay=second)
    check_export(folder / "runs" / "utd" / f"{method}-{second}")
