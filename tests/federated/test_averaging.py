"""The strategy of the server: averages by modality, answers that cannot be used, sampling of clients."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="flwr is not installed; `make test-federated` tests it")

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated.arrays import stream_of, to_record, to_weights, weights_of
from cosmo_pl.federated.averaging import ModalityAverage, average, private_average, refusal
from cosmo_pl.federated.client import ARRAYS, CONFIG, METRICS
from cosmo_pl.federated.clients import Clients
from cosmo_pl.federated.simulation import LocalGrid
from cosmo_pl.rounds import FederatedSettings

STATE = {
    "encoders.acc.0.weight": torch.zeros(3, 2),
    "encoders.gyro.0.weight": torch.zeros(3, 2),
    "encoders.gyro.1.running_mean": torch.zeros(3),
    "encoders.gyro.1.running_var": torch.ones(3),
    "encoders.gyro.1.num_batches_tracked": torch.tensor(4),
    "heads.acc.weight": torch.zeros(2),
    "scale": torch.zeros(1),
}
STREAMS = ("acc", "gyro")


def test_a_weight_belongs_to_the_modality_in_its_name():
    assert [stream_of(name, STREAMS) for name in STATE] == ["acc", "gyro", "gyro", "gyro", "gyro", "acc", None]
    assert stream_of("encoders.acc+gyro.weight", ["acc+gyro"]) == "acc+gyro"
    assert stream_of("acc.gyro", ("acc", "gyro")) is None


def test_a_client_has_the_weights_of_its_modalities_without_counters():
    assert list(weights_of(STATE, STREAMS, ["acc"])) == ["encoders.acc.0.weight", "heads.acc.weight", "scale"]
    every = [name for name in STATE if not name.endswith("num_batches_tracked")]
    assert list(weights_of(STATE, STREAMS, STREAMS)) == every
    without = [name for name in every if "running" not in name]
    assert list(weights_of(STATE, STREAMS, STREAMS, batch_statistics=False)) == without
    joint = {"encoders.acc+gyro.weight": torch.zeros(2)}
    assert not weights_of(joint, ["acc+gyro"], ["acc"])


def test_weights_survive_the_message_and_a_variance_stays_one():
    weights = {"a.weight": torch.randn(2, 3), "a.running_var": torch.tensor([-0.5, 2.0])}
    found = to_weights(to_record(weights))
    assert torch.equal(found["a.weight"], weights["a.weight"])
    assert found["a.running_var"].tolist() == [0.0, 2.0]


def random_replies(generator, keys_of):
    return [
        (float(generator.integers(1, 50)), {key: generator.normal(size=(2, 3)).astype(np.float32) for key in keys})
        for keys in keys_of
    ]


def test_the_average_is_that_of_naive_loops():
    replies = random_replies(np.random.default_rng(0), ["ab", "b", "abc", "c"])
    found = average(replies)
    assert sorted(found) == ["a", "b", "c"]
    for key, value in found.items():
        for index in np.ndindex(value.shape):
            above = below = 0.0
            for samples, weights in replies:
                if key in weights:
                    above += samples * float(weights[key][index])
                    below += samples
            assert value[index] == pytest.approx(above / below, rel=1e-5)


def test_with_all_modalities_it_is_flowers_fedavg_to_the_bit():
    replies = random_replies(np.random.default_rng(1), ["ab"] * 5)
    records = [
        RecordDict({"a": ArrayRecord({k: Array(v) for k, v in w.items()}), "m": MetricRecord({"num-examples": n})})
        for n, w in replies
    ]
    theirs, ours = aggregate_arrayrecords(records, "num-examples"), average(replies)
    assert all(np.array_equal(ours[key], theirs[key].numpy()) for key in "ab")


def test_with_noise_no_client_counts_more_than_another():
    """The noise is scaled to equal weights, also if other clients lack modalities or do not answer."""
    generator = np.random.default_rng(2)
    now = {key: generator.normal(size=(2, 3)) for key in "abc"}
    replies = [weights for _, weights in random_replies(generator, ["ab", "b", "ab"])]
    found = private_average(now, replies, 4)
    assert np.array_equal(found["c"], now["c"])
    for index in np.ndindex(2, 3):
        for key, count in (("a", 2), ("b", 3)):
            sent = [float(weights[key][index]) for weights in replies if key in weights]
            assert len(sent) == count
            assert found[key][index] == pytest.approx((sum(sent) + (4 - count) * now[key][index]) / 4, rel=1e-6)
    changed = {key: value + 1.0 for key, value in replies[1].items()}
    moved = private_average(now, [replies[0], changed, replies[2]], 4)["b"] - found["b"]
    assert moved == pytest.approx(1 / 4)


def answer(arrays, samples=5, dtype=np.float32, loss=1.0):
    record = ArrayRecord({key: Array(np.asarray(value, dtype=dtype)) for key, value in arrays.items()})
    return RecordDict({ARRAYS: record, METRICS: MetricRecord({"num-examples": samples, "train-loss": loss})})


def described(content):
    """An answer whose weights are described as they should be, whatever their content is."""
    record = ArrayRecord({"a": Array(dtype="float32", shape=(2,), stype="numpy.ndarray", data=content)})
    return RecordDict({ARRAYS: record, METRICS: MetricRecord({"num-examples": 5, "train-loss": 1.0})})


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (answer({"a": [1, 2]}), None),
        (answer({"a": [1, np.nan]}), "not finite"),
        (answer({"a": [1, np.inf]}), "not finite"),
        (answer({"a": [[1, 2]]}), r"shape \(1, 2\), not \(2,\)"),
        (answer({"a": [1, 2], "b": [1]}), "too many weights, or too few: b"),
        (answer({}), "too many weights, or too few: a"),
        (described(b"garbage"), "a, which cannot be read"),
        (described(Array(np.ones(1, np.float32)).data), r"shape \(1,\), not \(2,\)"),
        (answer({"a": ["x", "y"]}, dtype=None), "type <U1, not float32"),
        (answer({"a": [1, 2]}, dtype=np.float64), "type float64, not float32"),
        (answer({"a": [1, 2]}, loss=[1.0, 2.0]), "as its loss"),
        (answer({"a": [1, 2]}, samples=0), "as its number of samples"),
        (answer({"a": [1, 2]}, samples=float("nan")), "as its number of samples"),
        (RecordDict(), "has sent no"),
    ],
)
def test_answers_that_cannot_be_used_are_named(reply, told):
    found = refusal(reply, {"a": np.zeros(2, np.float32)})
    if told is None:
        assert found is None
    else:
        import re

        assert re.search(told, found)


class Known:
    """A client that the server knows."""

    def __init__(self, name, modalities):
        self.name, self.modalities = name, modalities


class Here:
    """A grid whose nodes are connected."""

    def __init__(self, *nodes):
        self.nodes = nodes

    def get_node_ids(self):
        return self.nodes


class Silent(Here):
    """A grid whose nodes do not answer."""

    def __init__(self, *nodes):
        super().__init__(*nodes)
        self.queries = []

    def send_and_receive(self, messages, timeout):
        self.queries.append(([message.metadata.dst_node_id for message in messages], timeout))
        return []


def test_a_silent_node_is_waited_for_a_minute_whatever_nodes_are_new():
    LocalGrid(None, {})  # sets who sends messages
    clients, grid = Clients(None, 3600.0), Silent(3)
    clients.connected(grid)
    grid.nodes = (3, 4)
    clients.connected(grid)
    assert grid.queries == [([3], 3600.0), ([3], 60.0), ([4], 3600.0)]
    assert clients.silent.keys() == {3, 4}


@pytest.fixture
def strategy():
    def make(**settings):
        LocalGrid(None, {})  # sets who sends messages
        clients = Clients(None, 1.0)
        clients.known = {7: Known("b", ("acc",)), 9: Known("a", STREAMS), 4: Known("c", ("gyro",))}
        return ModalityAverage(FederatedSettings(**settings), clients, STREAMS, {"statistics": "{}"}, seed=0)

    return make


def configured(strategy, grid, number=1):
    weights = {key: value for key, value in STATE.items() if value.is_floating_point()}
    return list(strategy.configure_train(number, to_record(weights), ConfigRecord(), grid))


def replied(message, change=lambda arrays: arrays, samples=5):
    sent = {key: array.numpy() for key, array in message.content.array_records[ARRAYS].items()}
    return Message(answer(change(sent), samples), reply_to=message)


def plus(number):
    return lambda arrays: {key: value + number for key, value in arrays.items()}


def test_a_client_receives_the_weights_of_its_modalities(strategy):
    messages = {message.metadata.dst_node_id: message for message in configured(strategy(), Here(4, 7, 9))}
    sent = {node: list(message.content.array_records[ARRAYS]) for node, message in messages.items()}
    assert sent[7] == ["encoders.acc.0.weight", "heads.acc.weight", "scale"]
    assert len(sent[9]) == 6
    assert messages[7].content.config_records[CONFIG]["server-round"] == 1


def test_a_round_goes_on_without_those_that_fail_vanish_or_send_nonsense(strategy, caplog):
    server = strategy(rounds=5)
    by_node = {message.metadata.dst_node_id: message for message in configured(server, Here(4, 7, 9))}
    good = replied(by_node[9], plus(2))
    broken = replied(by_node[7], lambda arrays: {key: value * np.nan for key, value in arrays.items()})
    with caplog.at_level(logging.WARNING):
        arrays, metrics = server.aggregate_train(1, [good, broken])  # that of node 4 never comes
    assert "client 'b' has sent encoders.acc.0.weight with values that are not finite" in caplog.text
    assert "client 'c' has not answered in time" in caplog.text
    found = to_weights(arrays)
    assert torch.equal(found["encoders.acc.0.weight"], torch.full((3, 2), 2.0))
    assert metrics["train-loss"] == 1.0
    assert (server.row["sampled"], server.row["clients"]) == (3, 1)


def test_with_noise_who_does_not_answer_counts_as_having_changed_nothing(strategy):
    """Otherwise the change of each of the others would exceed what the noise is scaled to."""
    server = strategy(noise_multiplier=1.0)
    by_node = {message.metadata.dst_node_id: message for message in configured(server, Here(4, 7, 9))}
    arrays, _ = server.aggregate_train(1, [replied(by_node[9], plus(3))])
    now, found = to_weights(to_record(STATE)), to_weights(arrays)
    torch.testing.assert_close(found["heads.acc.weight"], now["heads.acc.weight"] + 1)


def test_weights_that_nobody_sends_stay(strategy):
    server = strategy()
    (message,) = configured(server, Here(7))
    arrays, _ = server.aggregate_train(
        1, [replied(message, lambda sent: {key: value + 1 for key, value in sent.items()})]
    )
    found = to_weights(arrays)
    assert torch.equal(found["encoders.gyro.1.running_var"], torch.ones(3))
    assert torch.equal(found["heads.acc.weight"], torch.ones(2))


def test_the_order_of_answers_changes_nothing(strategy):
    server = strategy()
    messages = configured(server, Here(4, 7, 9))
    nodes = [message.metadata.dst_node_id for message in messages]
    answers = [replied(m, plus(np.sin(node)), 3 + node) for m, node in zip(messages, nodes, strict=True)]
    first, _ = server.aggregate_train(1, answers)
    configured(server, Here(9, 7, 4))
    second, _ = server.aggregate_train(1, answers[::-1])
    assert all(np.array_equal(first[key].numpy(), second[key].numpy()) for key in first)


def test_a_round_without_any_usable_answer_ends_the_server(strategy):
    server = strategy()
    configured(server, Here(4))
    with pytest.raises(ConfigurationError, match="round 1 has no usable answer: client 'c' has not answered in time"):
        server.aggregate_train(1, [])


@pytest.mark.parametrize("share", [0.67, 0.5])
def test_a_share_of_the_clients_is_sampled_by_the_seed_whatever_their_nodes(strategy, share):
    def sampled(nodes, number):
        server = strategy(share=share)
        server.clients.known = dict(zip(nodes, server.clients.known.values(), strict=True))
        names = [server.clients.known[m.metadata.dst_node_id].name for m in configured(server, Here(*nodes), number)]
        assert len(names) == 2
        return names

    rounds = [sampled((1, 2, 3), number) for number in range(1, 9)]
    assert rounds == [sampled((30, 10, 20), number) for number in range(1, 9)]
    assert len({tuple(names) for names in rounds}) > 1


def test_batch_statistics_stay_at_home_until_the_last_round(strategy):
    server = strategy(local_bn=True, rounds=2)
    for number, there in ((1, False), (2, True)):
        (message,) = configured(server, Here(4), number)
        assert ("encoders.gyro.1.running_mean" in message.content.array_records[ARRAYS]) is there
