"""A bundle whose parts do not belong together is refused, and so is the code of a package that nobody has named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from cosmo_pl.bundle import WEIGHTS, Bundle
from cosmo_pl.bundle_checks import digest_of
from cosmo_pl.bundle_data import TrainingData
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import BundleError
from cosmo_pl.fusion import ModalityQuality
from cosmo_pl.fusion.quality import quality_weights
from cosmo_pl.run_folder import BUNDLE_DESCRIPTION

SHAPES = {"acc": (30, 3), "baro": (20, 2)}
CURVES = {"acc": {2: 0.1, 3: 0.3, 10: 0.2}, "baro": {2: 0.5, 3: 0.4, 10: -0.1}}
HOPKINS = {"acc": 0.8, "baro": 0.6}
WEIGHT = "acc.layers.0.0.weight"


def made(**changed):
    torch.manual_seed(0)
    weights = quality_weights(HOPKINS, {"acc": 3, "baro": 2}, 4)
    best = {"acc": 3, "baro": 2}
    given = {
        "encoders": {name: InertialEncoder(channels=(2, 2), kernels=(2, 1)) for name in SHAPES},
        "modality_shapes": dict(SHAPES),
        "normalization": {n: Normalization((0.5,) * shape[-1], (2.0,) * shape[-1]) for n, shape in SHAPES.items()},
        "quality": {n: ModalityQuality(HOPKINS[n], 0.01, best[n], CURVES[n], weights[n]) for n in SHAPES},
        "data_fingerprint": hashlib.sha256(b"recordings").hexdigest(),
        "training": {"method": "Anything", "num_classes": 4, "epochs": 3},
        "data": TrainingData("toy", "Toys", (1, 2), ("sit", "walk")),
    }
    return Bundle(**{**given, **changed})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made().save(tmp_path_factory.mktemp("bundles") / "whole")


@pytest.fixture
def folder(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def edit(folder, change, form=2):
    """Changes the description, as somebody who can compute hashes, or as version 0.1.0 would have written it."""
    path = folder / BUNDLE_DESCRIPTION
    told = json.loads(path.read_text(encoding="utf-8"))
    if form == 1:
        told = {name: value for name, value in told.items() if name not in ("sha256", "weights_sha256", "data")}
        told["format"] = 1
    change(told)
    if form == 2 and "sha256" in told:
        told["weights_sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
        told["sha256"] = digest_of(told)
    path.write_text(json.dumps(told), encoding="utf-8")


def put(value, *keys):
    def change(told):
        for key in keys[:-1]:
            told = told[key]
        told[keys[-1]] = value

    return change


def drop(*keys):
    def change(told):
        for key in keys[:-1]:
            told = told[key]
        del told[keys[-1]]

    return change


def swap_weights(told):
    quality = told["quality"]
    for one, other in (("acc", "baro"), ("baro", "acc")):
        quality[one] = {**quality[one], "weight": made().quality[other].weight}


BROKEN = {
    "quality of 1e9": (put(1e9, "quality", "acc", "weight"), "quality.acc.weight is 1000000000.0"),
    "swapped weights": (swap_weights, "follow from its other values"),
    "weights of sum 2": (put(1.0, "quality", "acc", "weight"), "sum is 1"),
    "hopkins": (put(1.5, "quality", "acc", "hopkins"), "quality.acc.hopkins"),
    "hopkins null": (put(None, "quality", "acc", "hopkins"), "quality.acc.hopkins is None"),
    "one cluster": (put(1, "quality", "acc", "num_clusters"), "num_clusters is 1, not a whole number from 2"),
    "another k*": (put(2, "quality", "acc", "num_clusters"), "not 3, whose silhouette is the best"),
    "silhouette": (put(1.2, "quality", "acc", "silhouettes", "10"), "silhouettes.10"),
    "silhouette of x": (put(0.2, "quality", "acc", "silhouettes", "x"), "silhouettes by number"),
    "no quality": (put({}, "quality"), "quality is {}"),
    "quality of one": (drop("quality", "baro"), "those of"),
    "no statistics": (put({}, "normalization"), "normalization is {}"),
    "statistics of others": (put({}, "normalization", "other"), "statistics of"),
    "std of 0": (put([1, 0, 1], "normalization", "acc", "std"), r"normalization.acc.std\[1\] is 0"),
    "std below 0": (put([1, -1.0], "normalization", "baro", "std"), "normalization.baro.std"),
    "std true": (put([1, True], "normalization", "baro", "std"), "normalization.baro.std"),
    "channels": (put([1.0], "normalization", "acc", "mean"), "3 values, one per channel"),
    "axis": (put(-3, "normalization", "acc", "axis"), "axis"),
    "mean of text": (put([0, "1"], "normalization", "baro", "mean"), "mean"),
    "zeros": (put("0" * 64, "data_fingerprint"), "data_fingerprint"),
    "short": (put("abc", "data_fingerprint"), "64 hexadecimal"),
    "number": (put(7, "data_fingerprint"), "data_fingerprint"),
    "shape of 0": (put([0, 3], "modality_shapes", "acc"), "modality_shapes"),
    "shape of floats": (put([30.0, 3], "modality_shapes", "acc"), "modality_shapes"),
    "shape too small": (put([1, 3], "modality_shapes", "acc"), "do not fit"),
    "axes": (put([30, 3, 3], "modality_shapes", "acc"), "normalization|do not fit"),
    "vast shape": (put([10**9, 3], "modality_shapes", "acc"), "the shape of a sample"),
    "no shapes": (put({}, "modality_shapes"), "modality_shapes"),
    "no encoders": (put({}, "encoders"), "encoders"),
    "encoders of text": (put("acc", "encoders"), "encoders is 'acc', not a mapping"),
    "encoder missing": (drop("encoders", "baro"), "encoders of"),
    "arguments": (put({"channels": 3}, "encoders", "acc", "init_args"), "damaged"),
    "other arguments": (put({"channels": [9, 9], "kernels": [2, 1]}, "encoders", "acc", "init_args"), "weights acc"),
    "unknown argument": (put({"x": 3}, "encoders", "acc", "init_args"), "damaged"),
    "no path": (put("InertialEncoder", "encoders", "acc", "class_path"), "no path of a class"),
    "path null": (put(None, "encoders", "acc", "class_path"), "class_path is None"),
    "not an encoder": (put("cosmo_pl.data.UTDDataModule", "encoders", "acc", "class_path"), "is no Encoder"),
    "a function": (put("os.getcwd", "encoders", "acc", "class_path"), "is no Encoder"),
    "absent class": (put("cosmo_pl.encoders.None_", "encoders", "acc", "class_path"), "cannot be imported"),
    "training of text": (put("long", "training"), "training"),
    "training null": (put(None, "training"), "training"),
    "versions": (put({"torch": 2}, "versions"), "versions.torch"),
    "format": (put(3, "format"), "format 3"),
    "format of text": (put("2", "format"), "format"),
}  # fmt: skip


@pytest.mark.parametrize("form", [1, 2])
@pytest.mark.parametrize("name", BROKEN)
def test_every_field_is_checked(folder, name, form):
    change, named = BROKEN[name]
    edit(folder, lambda told: None, form)
    Bundle.load(folder)
    edit(folder, change, form=2 if form == 2 else 0)
    with pytest.raises(Exception, match=named) as refused:
        Bundle.load(folder)
    assert type(refused.value).__name__ in ("BundleError", "CodeError")
    assert str(folder) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        swap_weights,
        lambda told: told["quality"].update(acc=told["quality"]["baro"], baro=told["quality"]["acc"]),
        put(5, "training", "epochs"),
        put("1" * 63 + "2", "data_fingerprint"),
        drop("sha256"),
        drop("data"),
        put("0" * 64, "weights_sha256"),
    ],
)
def test_a_description_is_as_it_was_written(folder, change):
    path = folder / BUNDLE_DESCRIPTION
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(BundleError, match=r"is damaged.*sha256"):
        Bundle.load(folder)


def scaled(weights):
    return {name: value * 1e30 if value.is_floating_point() else value for name, value in weights.items()}


def with_value(value):
    return lambda weights: {**weights, WEIGHT: torch.full_like(weights[WEIGHT], value)}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (scaled, "lower learning rate"),
        (with_value(float("nan")), f"not finite.*{WEIGHT}.*lower learning rate"),
        (with_value(float("inf")), "lower learning rate"),
        (lambda weights: {**weights, WEIGHT: weights[WEIGHT].int()}, "int32"),
        (lambda weights: {**weights, WEIGHT: weights[WEIGHT][:1].contiguous()}, WEIGHT),
        (lambda weights: {name: value for name, value in weights.items() if name != WEIGHT}, "missing"),
    ],
)
@pytest.mark.parametrize("form", [1, 2])
def test_weights_are_finite_and_of_the_encoders(folder, change, named, form):
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)
    if form == 2:
        with pytest.raises(BundleError, match="weights_sha256"):
            Bundle.load(folder)
    edit(folder, lambda told: None, form)
    with pytest.raises(BundleError, match=named):
        Bundle.load(folder)


def test_no_mutation_of_the_weights_passes(folder):
    content = (folder / WEIGHTS).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content), 40):
        mutated = bytearray(content)
        mutated[place] ^= 0x41
        (folder / WEIGHTS).write_bytes(bytes(mutated))
        with pytest.raises(BundleError, match="damaged"):
            Bundle.load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 100_000, b'{"format": NaN}'])
def test_a_file_that_is_no_description(folder, content):
    (folder / BUNDLE_DESCRIPTION).write_bytes(content)
    with pytest.raises(BundleError, match="is damaged"):
        Bundle.load(folder)


def test_no_weights(folder):
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()
    with pytest.raises(BundleError, match=f"no file {WEIGHTS}"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"quality": {}}, "quality is {}"),
        ({"normalization": {}}, "data are null"),
        ({"data_fingerprint": ""}, "data_fingerprint"),
        ({"training": {"lr": float("nan")}}, "training.lr"),
    ],
)
def test_what_could_not_be_loaded_is_not_written(tmp_path, changed, named):
    with pytest.raises(BundleError, match=named):
        made(**changed).save(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_diverged_encoder_is_not_written(tmp_path):
    bundle = made()
    next(bundle.encoders["acc"].parameters()).data[0] = float("nan")
    with pytest.raises(BundleError, match="lower learning rate"):
        bundle.save(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_the_newest_run_is_found_beside_folders_of_other_names(whole, tmp_path):
    for name in ("version_2", "version_10", "version_old"):
        shutil.copytree(whole, tmp_path / name / "bundle")
    assert Bundle.find(tmp_path) == tmp_path / "version_10" / "bundle"


# What it was trained on


def datamodule(**changed):
    samples = SimpleNamespace(subject=np.array([1, 1, 2, 3]), recording=np.array(["a", "b", "c", "d"]))
    none = np.zeros(0, dtype=int)
    given = {
        "key": "toy", "title": "Toys", "class_names": ("sit", "walk"), "samples": samples,
        "split": SimpleNamespace(test=np.array([3]), val=none), "label_sampling": SimpleNamespace(target_fraction=None),
        "data_fingerprint": made().data_fingerprint, "normalization": made().normalization,
        "training_subjects": {"toy": (1, 2)}, "sensors": {}, "transforms": {}, "statistics_of": None,
        "training_contents": (), "content_hashes": dict, "rows_among": lambda recordings: none,
    }  # fmt: skip
    return SimpleNamespace(**{**given, **changed})


def test_it_names_what_it_was_trained_on(whole):
    data = Bundle.load(whole).data
    assert data == TrainingData("toy", "Toys", (1, 2), ("sit", "walk"))
    assert TrainingData.of(datamodule()) == TrainingData("toy", "Toys", (1, 2), ("sit", "walk"), {}, {})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"title": "Other toys"}, r"another dataset \(Toys\) than Other toys"),
        ({"class_names": ("sit",)}, "another classes"),
        ({"data_fingerprint": "a" * 64}, "another recordings"),
    ],
)
def test_other_data_are_said(whole, changed, named, recwarn):
    bundle = Bundle.load(whole)
    bundle.check_data(datamodule())
    assert not recwarn.list
    with pytest.warns(UserWarning, match=named):
        bundle.check_data(datamodule(**changed))


def test_test_subjects_that_it_was_trained_on_are_refused(whole):
    bundle, split = Bundle.load(whole), SimpleNamespace(test=np.array([2, 3]), val=np.array([], dtype=int))
    for fraction in (None, 0.5):
        with pytest.raises(BundleError, match=r"trained on the subjects \[2\]"):
            bundle.check_data(datamodule(split=split, label_sampling=SimpleNamespace(target_fraction=fraction)))


def test_one_modality_of_it_may_be_of_other_files(whole, recwarn):
    alone = Bundle.load(whole).restrict({"acc": SHAPES["acc"]})
    alone.check_data(datamodule(data_fingerprint="a" * 64))
    assert not recwarn.list


def test_a_bundle_without_data_says_so(tmp_path):
    without = {"normalization": {}, "quality": {}, "data_fingerprint": ""}
    folder = made(**without).save(tmp_path / "bundle")
    assert json.loads((folder / BUNDLE_DESCRIPTION).read_text(encoding="utf-8"))["data"] is None
    bundle = Bundle.load(folder)
    assert bundle.normalization == bundle.quality == {}
    with pytest.warns(UserWarning, match="without a datamodule"):
        bundle.check_data(datamodule())


# Whose code it names


def test_an_untrusted_module_is_not_imported(folder, tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("import builtins\nbuiltins.stranger_ran = True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for form in (2, 1):
        edit(folder, put("stranger.Encoder", "encoders", "acc", "class_path"), form)
        with pytest.raises(Exception, match=r"stranger.*--allow-code stranger") as refused:
            Bundle.load(folder)
        assert str(folder) in str(refused.value)
    import builtins

    assert not hasattr(builtins, "stranger_ran")


def test_save_and_load_give_the_same_bytes(whole, tmp_path):
    again = Bundle.load(whole).save(tmp_path / "again")
    assert (again / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes() == save(load_file(whole / WEIGHTS))
    assert (again / BUNDLE_DESCRIPTION).read_bytes() == (whole / BUNDLE_DESCRIPTION).read_bytes()


def test_half_precision_takes_half_of_the_space_and_is_loaded_in_single(whole, tmp_path):
    half = made().save(tmp_path / "half", half=True)
    kept, stored = load_file(whole / WEIGHTS), load_file(half / WEIGHTS)
    assert {value.dtype for value in stored.values()} == {torch.float16, torch.int64}
    assert sum(v.nbytes for v in stored.values() if v.is_floating_point()) * 2 == sum(
        v.nbytes for v in kept.values() if v.is_floating_point()
    )
    for name, encoder in Bundle.load(half).encoders.items():
        for key, value in encoder.state_dict().items():
            assert value.dtype == kept[f"{name}.{key}"].dtype
            torch.testing.assert_close(value, kept[f"{name}.{key}"], rtol=2**-11, atol=1e-7)


def test_weights_too_large_for_half_precision_are_refused(tmp_path):
    bundle = made()
    bundle.encoders["acc"].state_dict()[WEIGHT.removeprefix("acc.")].fill_(1e5)
    with pytest.raises(BundleError, match=r"too large for half precision \(acc"):
        bundle.save(tmp_path / "half", half=True)
    assert not (tmp_path / "half").exists()
    bundle.save(tmp_path / "single")
