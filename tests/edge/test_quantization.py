"""Quantised graphs, against the same graphs in single precision."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from cosmo_pl.edge.export_graphs import traced
from cosmo_pl.edge.quantization import SamplesInTurn, quantized
from cosmo_pl.edge.timing import durations, percentiles


class Encoder(nn.Module):
    """All that encoders have: a product with a constant matrix, a convolution, a linear and a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("fourier", torch.randn(10, 10))
        self.conv, self.gru, self.linear = nn.Conv1d(3, 8, 3), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 16)

    def forward(self, x):
        features = self.conv(x.transpose(1, 2) @ self.fourier).relu()
        return self.linear(self.gru(features.transpose(1, 2))[0][:, -1])


@pytest.fixture(scope="module")
def given():
    """A graph, and samples."""
    torch.manual_seed(0)
    samples = torch.randn(32, 10, 3)
    graph = traced(Encoder(), [samples[:3]], ["acc"], ["features"]).SerializeToString()
    return graph, {"acc": samples.numpy()}


def test_a_graph_names_no_file_of_the_machine_that_exports_it(given):
    graph, samples = given
    assert b'.py", line' not in graph + quantized(graph, samples)


def outputs(graph, inputs):
    return onnxruntime.InferenceSession(graph).run(None, inputs)[0]


def test_convolutions_and_linear_layers_are_integers_and_the_rest_is_not(given):
    graph, samples = given
    model = onnx.load_from_string(quantized(graph, samples))
    weights = {each.name: each for each in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul", "GRU"):
            sources = [makers[name] for name in node.input if name in makers]
            integers = [s for s in sources if s.op_type == "DequantizeLinear" and weights.get(s.input[0]) is not None]
            assert bool(integers) == (node.op_type in ("Conv", "Gemm")), node.op_type
    assert Counter(node.op_type for node in model.graph.node)["GRU"] == 1


def test_each_channel_of_a_layer_has_a_scale_of_its_own(given):
    graph, samples = given
    model = onnx.load_from_string(quantized(graph, samples))
    weights = {each.name: each for each in model.graph.initializer}
    scales = {
        weights[node.input[1]].dims[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights and weights[node.input[1]].dims
    }
    assert scales == {8, 16}, "the convolution's and the linear layer's"


def test_quantised_results_are_close_for_any_number_of_samples(given):
    graph, samples = given
    small = quantized(graph, samples)
    for count in (1, 32):
        inputs = {"acc": samples["acc"][:count]}
        expected, found = outputs(graph, inputs), outputs(small, inputs)
        assert 0 < np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


def test_samples_come_one_at_a_time_until_the_shortest_input_ends():
    reader = SamplesInTurn({"a": np.arange(3), "b": np.arange(2)})
    found = [{name: values.tolist() for name, values in each.items()} for each in iter(reader.get_next, None)]
    assert found == [{"a": [0], "b": [0]}, {"a": [1], "b": [1]}]
    assert reader.get_next() is None


def test_computations_are_timed_alternately():
    now, order = [0.0], []

    def taking(name, seconds):
        def run():
            order.append(name)
            now[0] += seconds

        return run

    one, other = durations([taking("a", 0.25), taking("b", 2.0)], repeats=3, clock=lambda: now[0])
    assert one == [0.25] * 3 and other == [2.0] * 3
    assert order == ["a", "b"] * (len(order) // 2) and len(order) > 6, "a warm-up comes first"


def test_percentiles_are_those_of_numpy_to_three_digits():
    assert percentiles([0.001 * each for each in range(101)]) == {"p50": 0.05, "p95": 0.095}
    assert percentiles([0.0123456]) == {"p50": 0.0123, "p95": 0.0123}
