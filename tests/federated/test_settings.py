"""The settings of the rounds, on the command line and in the keys of results; they need no Flower."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cosmo_pl.bundle import Bundle
from cosmo_pl.bundle_checks import FEDERATED
from cosmo_pl.cli import main
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.extras import installed
from cosmo_pl.modules import IterativeFusionModule
from cosmo_pl.rounds import FederatedSettings
from cosmo_pl.study.resolving import Resolver

ROOT = Path(__file__).parents[2]
CONFIG = "configs/utd_plus_stage1.yaml"


@pytest.mark.parametrize(
    ("name", "value"),
    [("rounds", 0), ("local_epochs", 0), ("share", 0.0), ("share", 1.5), ("min_clients", 0), ("round_seconds", 0.0),
     ("proximal_mu", -1.0), ("noise_multiplier", 0.0), ("clipping_norm", 0.0)],
)  # fmt: skip
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigurationError, match=rf"federated\.{name}"):
        FederatedSettings(**{name: value})


def test_noise_excludes_batch_statistics_that_come_in_the_last_round_only():
    with pytest.raises(ConfigurationError, match=r"federated\.local_bn.*would clip the statistics"):
        FederatedSettings(local_bn=True, noise_multiplier=1.0)


def test_epochs_are_those_of_all_rounds():
    assert FederatedSettings(rounds=3, local_epochs=4).epochs == 12


def test_the_rounds_are_part_of_what_identifies_a_result(tmp_path):
    resolve = Resolver(tmp_path)
    plain = resolve(ROOT, [CONFIG], {}, "all")
    first = resolve(ROOT, [CONFIG], {"federated.rounds": 3}, "all")
    assert "federated" not in plain.arguments
    assert first.arguments["federated"]["rounds"] == 3
    assert {name: value for name, value in first.arguments.items() if name != "federated"} == plain.arguments
    assert first.numerics["cosmo_pl:FederatedSettings"] == FederatedSettings.numerics
    assert resolve(ROOT, [CONFIG], {"federated.rounds": 3}, "all") == first


def test_fit_refuses_a_federated_config(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["fit", f"--config={ROOT / CONFIG}", "--federated.rounds=3"])
    assert "cosmo-pl federated simulate" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [([], "none is given"), (["simulat"], "there is no 'simulat'"), (["--help"], None)],
)
def test_the_command_names_its_subcommands(words, told, capsys):
    if told is None:
        with pytest.raises(SystemExit):
            main(["federated", *words])
        assert "simulate" in capsys.readouterr().out
        return
    with pytest.raises(SystemExit):
        main(["federated", *words])
    assert told in capsys.readouterr().err


@pytest.mark.skipif(installed("flwr"), reason="flwr is installed")
def test_without_flower_the_remedy_is_its_extra(capsys, tmp_path):
    simulate = ["federated", "simulate", f"--config={ROOT / CONFIG}", "--federated.rounds=2"]
    for words in (simulate, ["study", "run", "federated", "--preset=smoke", f"--project={ROOT}"]):
        with pytest.raises(SystemExit):
            main(words)
        assert "pip install 'cosmo_pl[federated]'" in capsys.readouterr().err


def test_all_studies_leave_out_those_whose_package_is_missing(monkeypatch):
    from cosmo_pl.study.jobs import Project

    monkeypatch.setattr(Project, "studies", lambda self: ["federated_rounds", "table1"])
    for there in (False, True):
        monkeypatch.setattr("cosmo_pl.study.jobs.installed", lambda package, there=there: package is None or there)
        jobs = Project(ROOT).jobs("all", "smoke")
        assert any("federated.rounds" in job.arguments for job in jobs) is there
        assert any(job.measure == "describe" for job in jobs)


def test_the_app_of_flower_is_written_once(capsys, tmp_path):
    main(["federated", "app", str(tmp_path / "app")])
    text = (tmp_path / "app" / "pyproject.toml").read_text()
    assert 'serverapp = "cosmo_pl.federated.server:app"' in text
    with pytest.raises(SystemExit):
        main(["federated", "app", str(tmp_path / "app")])
    assert "exists" in capsys.readouterr().err


@pytest.fixture
def bundle(make_data, tmp_path):
    """A bundle as the server of a federation writes it: with statistics, without quality."""
    from cosmo_pl.bundle_data import TrainingData

    data = make_data(train_subjects=[1, 2, 3])
    data.setup()
    encoders = {
        name: TemporalEncoder(size, channels=(4, 4, 4, 4)) for name, size in (("inertial", 6), ("skeleton", 60))
    }
    return Bundle(
        encoders=encoders, modality_shapes=dict(data.modality_shapes), normalization=dict(data.normalization),
        data_fingerprint=data.data_fingerprint, training={FEDERATED: {"clients": 3}}, data=TrainingData.of(data),
    )  # fmt: skip


def test_quality_of_joined_sensors_of_a_federated_bundle_is_not_taken_for_equal(tmp_path):
    shapes = {"acc": (16, 3), "gyro": (16, 3), "baro": (16, 1)}
    encoders = {name: TemporalEncoder(size, channels=(4, 4, 4, 4)) for name, size in (("acc+gyro", 6), ("baro", 1))}
    bundle = Bundle(encoders, shapes, normalization={}, data_fingerprint="", training={FEDERATED: {"clients": 3}})
    module = IterativeFusionModule(shapes, 3, bundle=str(bundle.save(tmp_path / "bundle")))
    with pytest.raises(ConfigurationError, match=r"quality_weights: .* joined sensors: \['acc\+gyro'\]"):
        module._measure_quality(module.bundle, SimpleNamespace(modalities=tuple(shapes)))


def test_a_home_measures_the_quality_that_a_federated_bundle_lacks(bundle, make_data, tmp_path):
    from pytorch_lightning import Trainer

    folder = bundle.save(tmp_path / "bundle")
    assert Bundle.load(folder).quality_at_home
    data = make_data(train_subjects=[4, 5, 6], phase="finetune")
    module = IterativeFusionModule(data.modality_shapes, data.num_classes, bundle=str(folder))
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    Trainer(max_epochs=1, limit_train_batches=1, limit_val_batches=0, accelerator="cpu", **quiet).fit(module, data)
    measured = module.hparams["quality_weights"]
    assert set(measured) == {"inertial", "skeleton"}
    assert measured["inertial"] != measured["skeleton"]
    assert module.classifier.attention.quality.tolist() == pytest.approx(list(measured.values()))


def test_quality_may_be_missing_after_a_federated_training_only(bundle, tmp_path):
    with pytest.raises(BundleError, match="quality is"):
        replace(bundle, training={}).save(tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
