"""Accuracy with running and with newly measured statistics of batch normalisation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import BatchNorm2d

from cosmo_pl.data import UTDDataModule
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.modules import SingleModalModule
from cosmo_pl.study.functions import measurement
from cosmo_pl.study.rendering import batch_statistics

from .factory import jobs, record, view


@pytest.fixture
def run(utd_root):
    """An untrained model with dropout, of which a layer has statistics that fit nothing."""
    torch.manual_seed(0)
    data = UTDDataModule(root=str(utd_root), modalities=["inertial"], label_rate=0.3)
    data.setup("fit")
    encoders = {"inertial": InertialEncoder()}
    model = SingleModalModule(data.modality_shapes, data.num_classes, "inertial", encoders=encoders)
    norm = model.encoders["inertial"].layers[0][1]
    norm.running_mean.fill_(50.0)
    return model, data, norm


def test_statistics_are_those_of_the_labelled_samples_without_dropout(run):
    model, data, norm = run
    assert isinstance(norm, BatchNorm2d)
    seen, weights = [], {name: value.clone() for name, value in model.named_parameters()}
    hook = norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    found = measurement("batch_statistics")([(model, data)])
    hook.remove()
    (labelled,) = [x for x in seen if len(x) == len(data.split.labeled)]
    assert norm.running_mean == pytest.approx(labelled.mean(dim=(0, 2, 3)), abs=1e-4)
    assert norm.running_var == pytest.approx(labelled.transpose(0, 1).flatten(1).var(dim=1), rel=1e-4)
    assert norm.momentum == 0.1 and not model.training and not norm.training
    assert all(torch.equal(value, weights[name]) for name, value in model.named_parameters())
    model.eval()
    with torch.no_grad():
        batch = data.plain_batch(data.split.test)
        correct = int((model.logits(batch).argmax(dim=1) == batch["label"]).sum())
    assert found["measured"] == correct and found["total"] == len(data.split.test)
    assert found["running"] == 2  # constant predictions: one of 27 classes, of which each has two test clips


def test_both_are_compared_by_seed():
    found = {}
    for job in jobs("batch_statistics"):
        if job.kind == "measure" and (job.dataset, job.method) == ("utd", "deepsense"):
            counts = {"running": 40 + job.seed, "measured": 60 + 2 * job.seed, "total": 100}
            found[job.key] = record(job, result=counts)
    ((dataset, method, running, measured, difference, n),) = batch_statistics.table(
        view("batch_statistics", "paper", found)
    ).rows
    assert (dataset, method, n) == ("UTD-MHAD", "DeepSense, shared", "5")
    assert (running, measured) == ("0.420 ± 0.016", "0.640 ± 0.032")
    assert difference.startswith("+0.220, 95 % interval +0.200 to +0.240")
