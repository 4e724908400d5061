"""Test clips that lack a sensor: every way of evaluating a model gives the predictions of a test."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Trainer

from cosmo_pl.callbacks.wandb import predict
from cosmo_pl.data import UTDDataModule
from cosmo_pl.modules import NearestNeighborModule
from cosmo_pl.study.functions import measurement

MODALITIES = ("inertial", "skeleton")


def lacks(clip, modality):
    """Of subject 7, a third of the clips has no inertial data and a third no skeleton."""
    action, subject = (int(part[1:]) for part in clip.split("_")[:2])
    return subject == 7 and action % 3 == MODALITIES.index(modality)


@pytest.fixture(scope="module")
def incomplete_root(tmp_path_factory, utd_root):
    """The simulated ``UTD-MHAD`` without the files of `lacks`."""
    root = tmp_path_factory.mktemp("incomplete")
    for modality in MODALITIES:
        folder = root / "UTD-MHAD" / modality.title()
        folder.mkdir(parents=True)
        for path in (utd_root / "UTD-MHAD" / modality.title()).glob("*.mat"):
            if not lacks(path.stem, modality):
                (folder / path.name).symlink_to(path)
    return root


@pytest.fixture(scope="module", params=[True, False], ids=["incomplete", "complete"])
def fitted(request, incomplete_root, utd_root):
    """A classifier of labelled clips, its data with or without incomplete test clips, and how `Trainer` tests it."""
    root = incomplete_root if request.param else utd_root
    data = UTDDataModule(root=str(root), label_rate=0.3, keep_incomplete=request.param, batch_size=4)
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, limit_val_batches=0,
    )  # fmt: skip
    model = NearestNeighborModule(data.modality_shapes, data.num_classes)
    trainer.fit(model, data)
    trainer.test(model, data, verbose=False)
    confusion = model.confusion.compute()
    batches = trainer.predict(model, data)
    predicted = torch.cat([batch["probability"].argmax(dim=1) for batch in batches])
    return SimpleNamespace(data=data, model=model, confusion=confusion, predicted=predicted, kept=request.param)


def test_the_clips_lack_what_they_should(fitted):
    present = fitted.data.samples.present
    assert sorted(present) == (list(MODALITIES) if fitted.kept else [])
    lacking = [int((~there[fitted.data.split.test]).sum()) for there in present.values()]
    assert lacking == ([9, 9] if fitted.kept else [])
    assert len(fitted.predicted) == 54


def test_wandb_has_the_predictions_of_the_test(fitted):
    label, predicted = predict(fitted.model, fitted.data.test_dataloader())
    assert predicted == fitted.predicted.tolist()
    confusion = torch.zeros_like(fitted.confusion)
    for row, column in zip(label, predicted, strict=True):
        confusion[row, column] += 1
    assert torch.equal(confusion, fitted.confusion)


def test_what_is_missing_matters(fitted):
    """Else the tests here could not fail: with zeros in the place of a sensor, the predictions are others."""
    batches = [{**batch, "present": {}} for batch in fitted.data.test_dataloader()]
    assert (predict(fitted.model, batches)[1] != fitted.predicted.tolist()) == fitted.kept


def alone(fitted, row, names):
    """Class that a single test clip is given by those of the named sensors that it has; None without any."""
    data = fitted.data
    has = [name for name in names if bool(data.samples.present.get(name, [True] * len(data.samples))[row])]
    inputs = {name: data.inputs[name][row : row + 1] for name in has}
    return int(fitted.model(inputs).argmax()) if inputs else None


def test_missing_sensors_are_counted_clip_by_clip(fitted):
    found = measurement("missing_sensors")([(fitted.model, fitted.data)])
    rows, label = fitted.data.split.test, fitted.data.samples.label
    correct, without = {}, {}
    for names in [MODALITIES, *combinations(MODALITIES, 1)]:
        predicted = [alone(fitted, row, names) for row in rows]
        correct["+".join(names)] = sum(p == label[row] for p, row in zip(predicted, rows, strict=True))
        without["+".join(names)] = predicted.count(None)
    assert list(found["correct"].items()) == list(correct.items())
    assert found["correct"]["inertial+skeleton"] == int(fitted.confusion.diagonal().sum())
    assert found["total"] == 54 == int(fitted.confusion.sum())
    assert found["without_any"] == ({"inertial": 9, "skeleton": 9} if fitted.kept else {})
    assert without == {"inertial+skeleton": 0, "inertial": 0, "skeleton": 0, **found["without_any"]}
