"""A bundle on other data than its own: matched sensors, statistics, quality, leakage; what does not suit is refused."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from cosmo_pl.bundle import Bundle
from cosmo_pl.bundle_checks import digest_of
from cosmo_pl.cli import main
from cosmo_pl.data import MExDataModule, USCDataModule, UTDDataModule
from cosmo_pl.encoders import InertialEncoder, StatisticsEncoder, TemporalEncoder
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.io import write_json
from cosmo_pl.modules import (
    ContrastiveFusionModule,
    FeatureForestModule,
    IterativeFusionModule,
    PrototypeModule,
    PseudoLabelModule,
    SingleModalModule,
)
from cosmo_pl.modules.base import data_quality
from cosmo_pl.sensors import SensorDescription
from cosmo_pl.suggestion import suggest

XYZ = ("x", "y", "z")


def small():
    return TemporalEncoder(3, channels=(4, 4), strides=(1, 2), segments=3)


@pytest.fixture
def usc(usc_root):
    def make(**arguments):
        given = {"rate": 50, "window_size": 100, "stride": 35, "labels_per_class": 2, **arguments}
        return USCDataModule(root=str(usc_root), **given)

    return make


@pytest.fixture
def utd(utd_root):
    def make(**arguments):
        given = {"modalities": ["acc", "gyro"], "inertial_rate": 50, "inertial_steps": 120, "labels_per_class": 1}
        return UTDDataModule(root=str(utd_root), **{**given, **arguments})

    return make


@pytest.fixture(scope="module")
def bundle(usc_root, tmp_path_factory):
    """Bundle of USC-HAD at 50 Hz, without a training."""
    data = USCDataModule(root=str(usc_root), rate=50, window_size=100, stride=35, labels_per_class=2)
    return write(data, tmp_path_factory.mktemp("transfer") / "bundle")


def write(data, folder, encoder=small):
    torch.manual_seed(0)
    encoders = {name: encoder() for name in data.modalities}
    module = ContrastiveFusionModule(data.modality_shapes, data.num_classes, encoders, projection_hidden=8)
    data.given_phase = "pretrain"
    data.setup()
    module._trainer = Attached(data)
    module.write_bundle(folder)
    return str(folder)


class Attached:
    """As much of a trainer as `write_bundle` needs."""

    def __init__(self, data):
        self.datamodule = data


def fit(module, data, make_trainer):
    make_trainer(1, limit_train_batches=2, limit_val_batches=1).fit(module, datamodule=data)


def made(kind, data, bundle, **arguments):
    return kind(data.modality_shapes, data.num_classes, bundle=bundle, **arguments)


def test_a_bundle_describes_its_sensors_and_statistics(bundle, usc):
    data = usc()
    loaded = Bundle.load(bundle)
    assert loaded.data.sensors == data.sensors and loaded.data.transforms == {}
    assert loaded.data.sensors["acc"] == SensorDescription("accelerometer", XYZ, ("g",) * 3, 50.0)


@pytest.mark.parametrize("kind", [IterativeFusionModule, PrototypeModule, PseudoLabelModule, FeatureForestModule])
@pytest.mark.parametrize("normalization", ["data", "bundle", "adapt"])
def test_encoders_of_one_dataset_serve_another(kind, normalization, bundle, utd, make_trainer):
    data = utd(normalization=normalization)
    module = made(kind, data, bundle)
    before = {name: value.clone() for name, value in module.encoders.state_dict().items()}
    with pytest.warns(UserWarning, match=r"another dataset, classes, recordings \(USC-HAD\) than UTD-MHAD"):
        fit(module, data, make_trainer)
    stored = Bundle.load(bundle)
    assert (data.normalization == stored.normalization) == (normalization == "bundle")
    assert module.trained.adapted == (normalization == "adapt")
    moved = any(not torch.equal(value, before[name]) for name, value in module.encoders.state_dict().items())
    assert moved == (kind is IterativeFusionModule)
    assert module(data.plain_batch(data.split.test[:3])["inputs"]).shape == (3, 27)


def test_other_statistics_are_used_with_a_warning_that_names_the_argument(bundle, utd, make_trainer):
    data = utd()
    with pytest.warns(
        UserWarning, match=r"acc, gyro standardised with other statistics.*normalization to bundle, data"
    ):
        fit(made(PrototypeModule, data, bundle), data, make_trainer)
    assert data.normalization == plain(utd).normalization
    explicit = utd(normalization="data")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(made(PrototypeModule, explicit, bundle), explicit, make_trainer)
    assert not [each for each in found if "other statistics" in str(each.message)]


def plain(make):
    data = make()
    data.setup()
    return data


def test_quality_is_measured_on_the_new_data_with_its_classes(bundle, utd, usc, make_trainer, monkeypatch):
    counts = []

    def quality(samples, num_classes, **_):
        from cosmo_pl.fusion import ModalityQuality

        counts.append(num_classes)
        return {n: ModalityQuality(0.8, 0.0, 2, {2: 0.1, 3: 0.0}, w) for n, w in zip(samples, (0.9, 0.1), strict=True)}

    monkeypatch.setattr("cosmo_pl.modules.base.quality.modality_quality", quality)
    monkeypatch.setattr("cosmo_pl.modules.base.quality.kept_json", lambda path: None)
    monkeypatch.setattr("cosmo_pl.modules.base.quality.keep_json", lambda path, content: None)
    data = utd(normalization="data")
    module = made(IterativeFusionModule, data, bundle, quality_lambda=0.8)
    fit(module, data, make_trainer)
    assert counts == [27]
    assert module.classifier.attention.quality.tolist() == pytest.approx([0.9, 0.1])
    assert module.whole_arguments()["quality_weights"] == {"acc": 0.9, "gyro": 0.1}
    given = made(IterativeFusionModule, data, bundle, quality_weights={"acc": 0.5, "gyro": 0.5})
    fit(given, data, make_trainer)
    same = usc(normalization="data")
    fit(made(IterativeFusionModule, same, bundle), same, make_trainer)
    assert counts == [27], "given weights, and those of the same dataset, are not measured again"


def test_quality_that_has_no_weight_is_not_measured(bundle, utd, make_trainer, monkeypatch):
    measured, data = [], utd()
    monkeypatch.setattr("cosmo_pl.modules.iterative_fusion.data_quality", lambda *given: measured.append(given))
    fit(made(IterativeFusionModule, data, bundle, quality_lambda=0.0), data, make_trainer)
    assert not measured


def test_too_few_unlabelled_samples_are_refused(bundle, utd, make_trainer):
    data = utd(labels_per_class=None, label_rate=1.0, normalization="data")
    with pytest.raises(ConfigurationError, match=r"label_rate.*UTD-MHAD has 0.*give quality_weights"):
        fit(made(IterativeFusionModule, data, bundle), data, make_trainer)


# Names


def test_one_encoder_may_serve_two_modalities(bundle, utd):
    data = utd()
    module = made(IterativeFusionModule, data, bundle, bundle_modalities={"gyro": "acc"})
    stored = Bundle.load(bundle).encoders["acc"].state_dict()
    for encoder in module.encoders.values():
        assert all(torch.equal(value, stored[name]) for name, value in encoder.state_dict().items())
    assert module.encoders["acc"] is not module.encoders["gyro"]
    parameters = [value.data_ptr() for value in module.encoders.parameters()]
    assert len(set(parameters)) == len(parameters)


@pytest.mark.parametrize("module", [PrototypeModule, PseudoLabelModule])
def test_a_gyroscope_is_no_accelerometer(module, bundle, utd, make_trainer):
    data = utd(normalization="data")
    with pytest.raises(
        BundleError, match=r"encoder of 'acc' that does not suit 'gyro' of UTD-MHAD: kind gyroscope, not acc"
    ):
        fit(made(module, data, bundle, bundle_modalities={"gyro": "acc"}), data, make_trainer)


def test_names_are_matched_by_the_argument(bundle, usc):
    shapes = {"thigh": (100, 3), "wrist": (100, 3)}
    names = {"thigh": "acc", "wrist": "gyro"}
    found = Bundle.load(bundle).restrict(shapes, names)
    whole = Bundle.load(bundle)
    assert list(found.encoders) == ["thigh", "wrist"] and found.data.sensors["wrist"] == whole.data.sensors["gyro"]
    assert found.normalization == {"thigh": whole.normalization["acc"], "wrist": whole.normalization["gyro"]}
    one = SingleModalModule(shapes, 4, modality="wrist", bundle=bundle, bundle_modalities=names)
    assert list(one.encoders) == ["wrist"]


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (
            {"acc": "accelerometer"},
            r"has no 'accelerometer' for 'acc' of the data, its modalities are \['acc', 'gyro'\]",
        ),
        ({"skeleton": "acc"}, r"bundle_modalities.*the data have no \['skeleton'\].*Choose from"),
    ],
)
def test_unknown_names_are_refused(bundle, utd, names, named):
    with pytest.raises((BundleError, ConfigurationError), match=named):
        made(PrototypeModule, utd(), bundle, bundle_modalities=names)


def test_samples_are_suggested_by_the_encoders_of_other_names(mex_root, tmp_path, capsys):
    config = tmp_path / "data.yaml"
    config.write_text(
        f"class_path: cosmo_pl.data.MExDataModule\n"
        f"init_args: {{root: {mex_root}, modalities: [act, acw], labels_per_class: 1, test_subjects: [5]}}\n",
        encoding="utf-8",
    )
    data = MExDataModule(root=str(mex_root), modalities=["act", "acw"], labels_per_class=1, test_subjects=[5])
    folder = write(data, tmp_path / "bundle")
    swapped = {"act": "acw", "acw": "act"}
    expected = suggest(data, folder, 9, bundle_modalities=swapped)
    assert expected != suggest(data, folder, 9) == suggest(data, folder, 9, bundle_modalities={"act": "act"})
    main(["data", "suggest", str(config), folder, "--labels=9", "--bundle_modalities={act: acw, acw: act}"])
    assert capsys.readouterr().out.splitlines()[1].split()[1] == expected[0].recording
    with pytest.raises(ConfigurationError, match=r"bundle_modalities: the data have no \['hip'\]"):
        suggest(data, folder, 9, bundle_modalities={"hip": "act"})


def test_quality_is_measured_again_for_encoders_of_other_names(mex_root, tmp_path, make_trainer):
    """That of the bundle is the quality of another sensor."""
    given = {"root": str(mex_root), "modalities": ["act", "acw"], "labels_per_class": 1, "test_subjects": [5]}
    data = MExDataModule(**given)
    folder = write(data, tmp_path / "bundle")
    stored = {name: each.weight for name, each in Bundle.load(folder).quality.items()}
    weights = {}
    for names in ({}, {"act": "acw", "acw": "act"}):
        own = MExDataModule(**given)
        module = made(IterativeFusionModule, own, folder, bundle_modalities=names)
        fit(module, own, make_trainer)
        weights[len(names)] = module.hparams["quality_weights"]
    assert weights[0] == pytest.approx(stored)
    assert weights[2] == pytest.approx({name: each.weight for name, each in data_quality(data).items()})
    assert weights[2] != pytest.approx({"act": stored["acw"], "acw": stored["act"]})


# What does not suit


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"inertial_rate": None}, r"'acc' of UTD-MHAD: rate varying, not 50 Hz"),
        ({"inertial_rate": 25}, "rate 25 Hz, not 50 Hz"),
    ],
)
def test_another_rate_is_refused(bundle, utd, make_trainer, arguments, named):
    data = utd(normalization="data", **arguments)
    with pytest.raises(BundleError, match=named):
        fit(made(PrototypeModule, data, bundle), data, make_trainer)


@pytest.mark.parametrize("part", ["units", "channels"])
def test_another_unit_or_order_of_channels_is_refused(bundle, usc, part):
    data, whole = plain(usc), Bundle.load(bundle)
    other = {"units": ("m/s2",) * 3, "channels": ("y", "x", "z")}[part]
    sensors = {**whole.data.sensors, "acc": replace(whole.data.sensors["acc"], **{part: other})}
    with pytest.raises(BundleError, match=rf"'acc' of USC-HAD: {part.rstrip('s')}.*, not"):
        replace(whole, data=replace(whole.data, sensors=sensors)).check_data(data)


def test_other_transforms_are_refused(usc, bundle):
    data, whole = plain(usc), Bundle.load(bundle)
    steps = {"acc": [{"class_path": "cosmo_pl.data.transforms.CenterOnHip", "init_args": {"frame": "each"}}]}
    with pytest.raises(BundleError, match=r"transforms none, not CenterOnHip\{'frame': 'each'\}"):
        replace(whole, data=replace(whole.data, transforms=steps)).check_data(data)


@pytest.mark.parametrize(
    ("encoder", "kind"),
    [
        (lambda: InertialEncoder((4, 4), (2, 2)), "InertialEncoder"),
        (lambda: StatisticsEncoder(3, 10, (4,)), "StatisticsEncoder"),
    ],
)
def test_encoders_that_depend_on_the_length_are_refused_by_name(encoder, kind, usc, utd, tmp_path):
    folder = write(usc(), tmp_path / "bundle", encoder)
    with pytest.raises(
        BundleError, match=rf"\(100, 3\) of 'acc', the data have \(120, 3\).*{kind} depends on the number"
    ):
        made(PrototypeModule, utd(), folder)
    made(PrototypeModule, utd(inertial_steps=100), folder)


def test_training_subjects_of_the_same_dataset_are_not_tested(bundle, usc, make_trainer):
    data = usc(test_subjects=[1, 2], normalization="bundle")
    with pytest.raises(BundleError, match=r"trained on the subjects \[1, 2\]"):
        fit(made(PrototypeModule, data, bundle), data, make_trainer)


def test_a_bundle_of_an_older_version_is_checked_by_its_statistics(bundle, usc, utd, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / "old")
    described = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    del described["data"]["sensors"], described["data"]["transforms"]
    write_json(folder / "bundle.json", {**described, "sha256": digest_of(described)})
    old = Bundle.load(folder)
    assert old.data.sensors == {} and old.data.transforms is None
    old.check_data(plain(usc))
    with pytest.raises(BundleError, match="standardised with other statistics"):
        old.restrict(dict.fromkeys(("acc", "gyro"), (100, 3))).check_data(plain(utd))
    again = old.save(tmp_path / "again")
    assert (again / "bundle.json").read_bytes() == (folder / "bundle.json").read_bytes()
    assert "sensors" not in json.loads((again / "bundle.json").read_text(encoding="utf-8"))["data"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": 3}, "data.sensors.acc.kind"),
        ({"units": ["g"]}, "3 units, one per channel"),
        ({"rate": -1}, "data.sensors.acc.rate"),
    ],
)
def test_damaged_descriptions_are_refused(bundle, tmp_path, change, named):
    folder = shutil.copytree(bundle, tmp_path / "damaged")
    described = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    described["data"]["sensors"]["acc"] |= change
    (folder / "bundle.json").write_text(json.dumps({**described, "sha256": digest_of(described)}), encoding="utf-8")
    with pytest.raises(BundleError, match=named):
        Bundle.load(folder)


def test_an_adapted_model_is_evaluated_and_not_made_a_recogniser(bundle, utd, make_trainer, tmp_path):
    from cosmo_pl import Recogniser

    data = utd(normalization="adapt")
    module = made(PrototypeModule, data, bundle)
    trainer = make_trainer(1, limit_train_batches=2, limit_val_batches=0)
    trainer.fit(module, datamodule=data)
    path = tmp_path / "adapted.ckpt"
    trainer.save_checkpoint(path)
    with pytest.raises(ConfigurationError, match="normalization adapt"):
        Recogniser.load(path)
    again = utd(normalization="adapt")
    again.adopt(module.trained)
    again.setup()
    rows = data.split.test
    assert torch.equal(again.plain_batch(rows)["inputs"]["acc"], data.plain_batch(rows)["inputs"]["acc"])
    assert np.array_equal(again.split.test, rows)
