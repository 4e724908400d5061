"""Overheads of recognition, against closed forms."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from cosmo_pl.data import USCDataModule
from cosmo_pl.edge.overheads import count_flops, overheads
from cosmo_pl.encoders import TemporalEncoder
from cosmo_pl.modules import DeepSenseModule, NearestNeighborModule
from cosmo_pl.recogniser import Recogniser
from cosmo_pl.testing.helpers import ready
from cosmo_pl.testing.methods import train


class Network(nn.Module):
    """A convolution of 3 to 4 channels with kernel 5, a GRU of 4 to 6 features, and a linear layer to 2."""

    def __init__(self):
        super().__init__()
        self.conv, self.gru, self.linear = nn.Conv1d(3, 4, 5), nn.GRU(4, 6, batch_first=True), nn.Linear(6, 2)

    def classify(self, inputs):
        steps = self.conv(inputs["acc"].transpose(1, 2)).transpose(1, 2)
        return self.linear(self.gru(steps)[0][:, -1])


def test_a_product_and_its_sum_are_two_operations():
    found = count_flops(SimpleNamespace(module=Network()), {"acc": np.zeros((1, 12, 3))})
    steps = 12 - 5 + 1
    assert found == 2 * steps * (3 * 4 * 5) + 2 * steps * 3 * 6 * (4 + 6) + 2 * 6 * 2


@pytest.fixture(scope="module")
def data(usc_root):
    return ready(USCDataModule(root=str(usc_root), window_size=60, label_rate=0.25))


def recogniser(module, data):
    train(module, data)
    return Recogniser(module, module.trained, data.transforms)


def test_costs_of_a_network(data):
    encoders = {name: TemporalEncoder(3, channels=(4, 4, 4, 4), segments=2) for name in data.modality_shapes}
    module = DeepSenseModule(data.modality_shapes, data.num_classes, encoders=encoders)
    threads = torch.get_num_threads()
    found = overheads(recogniser(module, data), data)
    assert found["parameters"] == sum(each.numel() for each in module.parameters()) and found["flops"] > 0
    assert found["bytes"]["int8"] > 0 and found["bytes"]["onnx"] > 0 and found["refused"] is None
    assert list(found["seconds"]) == ["torch", "onnx", "int8"]
    assert all(0 < each["p50"] <= each["p95"] for each in found["seconds"].values())
    assert torch.get_num_threads() == threads


def test_what_is_not_exported_is_timed_in_pytorch_alone(data):
    shapes = data.modality_shapes, data.num_classes
    found = overheads(recogniser(NearestNeighborModule(*shapes, metric="dtw"), data), data)
    assert list(found["seconds"]) == ["torch"] and found["bytes"] == {} and "time warping" in found["refused"]
    found = overheads(recogniser(NearestNeighborModule(*shapes), data), data)
    assert list(found["seconds"]) == ["torch", "onnx"] and "without --int8" in found["refused"]
