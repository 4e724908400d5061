"""Nobody is tested whom the model, or the encoders of its bundle, were trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosmo_pl.bundle import Bundle
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.errors import BundleError, ConfigurationError
from cosmo_pl.modules import CMKMModule, IterativeFusionModule, NearestNeighborModule, PrototypeModule
from data.raw import write_utd

from .conftest import small_encoders, stage1, stage2


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Five subjects with two recordings of each of 27 actions."""
    return str(write_utd(tmp_path_factory.mktemp("utd"), range(1, 6)))


@pytest.fixture
def people(make_data, root):
    """Data of some of them: two train, the last one is tested."""
    given = {"root": root, "train_subjects": [1, 2], "test_subjects": [5], "labels_per_class": 1}
    return lambda **more: make_data(**{**given, **more})


def written(module, data, make_trainer, folder):
    make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(module, datamodule=data)
    module.write_bundle(folder)
    return str(folder)


@pytest.fixture
def bundle(people, make_trainer, tmp_path):
    """A bundle of subjects 1 to 3."""
    data = people(train_subjects=[1, 2, 3], include_labeled=True)
    return written(stage1(data), data, make_trainer, tmp_path / "bundle")


def fitted(data, make_trainer, bundle=None):
    kind, given = (PrototypeModule, {"bundle": bundle}) if bundle else (NearestNeighborModule, {})
    module = kind(data.modality_shapes, data.num_classes, **given)
    make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(module, datamodule=data)
    return module


def adopted(module, data):
    """The tested samples of data that adopt the training of a module."""
    data.adopt(TrainedOn.read(module.trained.described()))
    data.setup()
    return data.split.test


def test_people_of_stage_1_are_not_tested_after_stage_2(people, make_trainer, bundle):
    module = fitted(people(), make_trainer, bundle)
    assert module.trained.pretrained == {"utd": (1, 2, 3)} and module.trained.subjects == (1, 2)
    with pytest.raises(ConfigurationError, match=r"test_subjects: the model was trained on subjects \[3\]"):
        adopted(module, people(test_subjects=[3]))
    assert len(adopted(module, people(test_subjects=[4])))
    old = {name: value for name, value in module.trained.described().items() if not name.startswith("pretrained")}
    assert TrainedOn.read(old).pretrained == {}


def test_people_of_the_training_are_not_validated_either(people, make_trainer):
    module = fitted(people(), make_trainer)
    with pytest.raises(ConfigurationError, match=r"val_subjects: the model was trained on subjects \[1\]"):
        adopted(module, people(train_subjects=[2], val_subjects=[1]))
    assert len(adopted(module, people(train_subjects=[2], val_subjects=[3])))
    data = people(train_subjects=[2], val_subjects=[1])
    with pytest.raises(ConfigurationError, match=r"val_subjects: the model was trained on subjects \[1\]"):
        make_trainer(1).validate(module, datamodule=data)


def test_a_bundle_passes_on_the_people_of_its_frozen_encoders(people, make_trainer, bundle, tmp_path):
    data = people()
    cmkm = CMKMModule(data.modality_shapes, data.num_classes, small_encoders(), bundle=bundle, projection_hidden=16)
    data.include_labeled = True
    second = Bundle.load(written(cmkm, data, make_trainer, tmp_path / "cmkm"))
    assert second.data.subjects == (1, 2, 3)
    with pytest.raises(BundleError, match=r"was trained on the subjects \[3\], which are test subjects now"):
        fitted(people(test_subjects=[3]), make_trainer, str(tmp_path / "cmkm"))


def test_validation_subjects_are_no_people_of_stage_1(people, make_trainer, bundle):
    with pytest.raises(BundleError, match=r"trained on the subjects \[3\], which are validation subjects now"):
        fitted(people(val_subjects=[3]), make_trainer, bundle)


def test_labels_of_the_test_subjects_do_not_switch_the_check_off(people, make_trainer, bundle, tmp_path):
    for fraction in (0.0, 0.5):
        with pytest.raises(BundleError, match=r"trained on the subjects \[3\], which are test subjects now"):
            fitted(people(test_subjects=[3], target_label_fraction=fraction), make_trainer, bundle)
        assert fitted(people(target_label_fraction=fraction), make_trainer, bundle).trained.test_subjects == (5,)
    own = {"target_label_fraction": 0.5, "include_labeled": True, "label_rate": 0.5, "labels_per_class": None}
    data = people(**own)
    both = written(stage1(data), data, make_trainer, tmp_path / "both")
    assert 5 in Bundle.load(both).data.subjects
    module = fitted(people(**own), make_trainer, both)
    assert len(adopted(module, people(**own))) and len(adopted(module, people(**own, max_test_samples=5))) == 5
    with pytest.raises(BundleError, match=r"trained on the subjects \[5\]"):
        fitted(people(**{**own, "label_seed": 3}), make_trainer, both)


def test_recordings_of_a_person_who_was_trained_on_are_not_tested(people, make_trainer):
    own = {"person_labels_per_class": 1, "person_unlabeled": "add"}
    module = fitted(people(**own), make_trainer)
    assert len(adopted(module, people(**own))) > 3 and len(adopted(module, people(**own, max_test_samples=3))) == 3
    whole = people()
    for data in (people(), people(modalities=["inertial"])):
        with pytest.raises(ConfigurationError, match=r"the model was trained on \d+ of these recordings: a"):
            adopted(module, data)
    with pytest.raises(ConfigurationError, match=r"the model was trained on \d+ of these recordings: a"):
        make_trainer(1).test(module, datamodule=whole, verbose=False)


def test_a_choice_of_sensors_does_not_hide_a_person(people, make_trainer):
    module = fitted(people(), make_trainer)
    for modalities in (["inertial"], ["skeleton"]):
        with pytest.raises(ConfigurationError, match=r"the model was trained on subjects \[2\]"):
            adopted(module, people(modalities=modalities, test_subjects=[2]))
    assert len(adopted(module, people(modalities=["inertial"], test_subjects=[3]))) == 54


def test_one_datamodule_keeps_no_statistics_of_another_bundle(people, make_trainer, bundle, tmp_path):
    loaded = Bundle.load(bundle)
    loaded.normalization = {
        name: replace(each, mean=tuple(x + 50 for x in each.mean)) for name, each in loaded.normalization.items()
    }
    other = str(loaded.save(tmp_path / "other"))
    data = people(normalization="bundle")
    fitted(data, make_trainer, bundle)
    with pytest.raises(BundleError, match=r"other statistics of inertial, skeleton.*a new datamodule for each bundle"):
        fitted(data, make_trainer, other)
    assert fitted(people(normalization="bundle"), make_trainer, other).trained.normalization == loaded.normalization


def test_people_of_an_earlier_training_of_the_weights_are_not_tested(people, make_trainer, tmp_path):
    first, later = people(), people(train_subjects=[3])
    trainer = make_trainer(1, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(stage2(first), datamodule=first)
    trainer.save_checkpoint(tmp_path / "first.ckpt")
    module = IterativeFusionModule.load_from_checkpoint(tmp_path / "first.ckpt")
    make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(module, datamodule=later)
    assert module.trained.subjects == (3,) and module.trained.pretrained == {"utd": (1, 2)}
    for tested in (1, 3):
        with pytest.raises(ConfigurationError, match=rf"the model was trained on subjects \[{tested}\]"):
            adopted(module, people(test_subjects=[tested], train_subjects=[4]))
    assert len(adopted(module, people(test_subjects=[5], train_subjects=[4]))) > 0


def test_a_bundle_has_the_people_of_all_trainings_of_its_encoders(people, make_trainer, tmp_path):
    first = people(include_labeled=True)
    module = stage1(first)
    written(module, first, make_trainer, tmp_path / "first")
    again = people(train_subjects=[2, 3], include_labeled=True)
    assert Bundle.load(written(module, again, make_trainer, tmp_path / "again")).data.subjects == (1, 2, 3)


def test_a_method_that_begins_anew_keeps_nobody(people, make_trainer):
    module = fitted(people(), make_trainer)
    later = people(train_subjects=[3])
    make_trainer(1, limit_train_batches=1, limit_val_batches=0).fit(module, datamodule=later)
    assert module.trained.subjects == (3,) and not module.trained.pretrained
