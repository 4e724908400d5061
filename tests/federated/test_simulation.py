"""Federations in one process, by the code of the real client and server: the bundle, and what can go wrong."""

from __future__ import annotations

import csv
import json
import re
import shlex
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="flwr is not installed; `make test-federated` tests it")

from flwr.app import Array, ArrayRecord

from cosmo_pl.bundle import Bundle
from cosmo_pl.cli import main
from cosmo_pl.data.normalization import Normalization
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated import client, server
from cosmo_pl.federated.client import ARRAYS
from cosmo_pl.federated.description import ClientDescription, pooled
from cosmo_pl.federated.simulation import LocalGrid, simulate
from cosmo_pl.federated.state import ServerState

from .conftest import CONFIG, SMALL


def weights(run):
    return ServerState.load(run).weights


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_server_writes_a_bundle_that_stage_2_uses(words, capsys, tmp_path, no_picture):
    main(["federated", "simulate", *words()])
    run = tmp_path / "runs" / "homes" / "version_0"
    *rounds, bundle = capsys.readouterr().out.splitlines()
    assert bundle == f"bundle: {run / 'bundle'}"
    for number, line in enumerate(rounds, start=1):
        assert re.fullmatch(rf"round {number} of 2: 3 of 3 clients, loss \d\.\d{{4}}, \d+ s", line)
    assert len(rounds) == 2
    bundle = Bundle.load(run)
    assert bundle.quality_at_home
    assert bundle.data.subjects == (1, 2, 3)
    assert set(bundle.data.sensors) == {"inertial", "skeleton"}
    training = bundle.training
    assert (training["method"], training["epochs"], training["unlabeled"]) == ("ContrastiveFusionModule", 2, 81)
    assert training["federated"]["clients"] == 3
    header = 128  # of each array
    sent = sum(v.numel() * 4 + header for v in weights(run).values()) * 2 / 1e6
    assert training["federated"]["megabytes_received"] == pytest.approx(sent, abs=1e-4)
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(row["clients"] == "3" and float(row["train/loss"]) > 0 for row in rows)
    second = [word for word in SMALL if word.startswith("--data") and "pretrain" not in word]
    stage2 = CONFIG.with_name("utd_plus_stage2.yaml")
    common = [f"--config={stage2}", *second, words()[len(SMALL)], f"--run.folder={tmp_path}", "--run.name=second"]
    model = ["--model.init_args.encoders=null", f"--model.init_args.bundle={run}", "--trainer.max_epochs=1"]
    main(["fit", *common, *model, "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"])
    assert (tmp_path / "second" / "version_0" / "checkpoints" / "last.ckpt").is_file()


@pytest.mark.parametrize("label_rates", [(0.2, 0.2, 0.2), (0.4, 0.9, 0.4)])
def test_pooled_statistics_are_those_of_all_recordings_in_one_place(make_data, label_rates):
    """Labelled samples count as well, also where stage 1 does not train on them."""
    together, parts = make_data(train_subjects=[1, 2, 3]), []
    together.setup()
    for subject, rate in zip((1, 2, 3), label_rates, strict=True):
        data = make_data(train_subjects=[subject], label_rate=rate, include_labeled=rate == 0.2)
        data.setup()
        parts.append(ClientDescription.read(ClientDescription.of(str(subject), data).text()))
    found = pooled(parts)
    assert all(found[name].close_to(together.normalization[name]) for name in together.modalities)


@pytest.mark.parametrize("other", [torch.linspace(-3, 5, 600).reshape(50, 6, 2), torch.full((7, 6, 2), 0.1)])
def test_a_sensor_that_never_changes_is_pooled_without_a_deviation(make_data, other):
    data = make_data(train_subjects=[1])
    data.setup()
    client, parts = ClientDescription.of("1", data), [torch.full((30, 6, 2), 0.1), other]
    clients = []
    for values in parts:
        own = Normalization.fit(values, ((0, 1),))
        counted = {name: len(values) for name in client.measured}
        clients.append(replace(client, normalization=dict.fromkeys(client.normalization, own), measured=counted))
    assert pooled(clients)["inertial"].close_to(Normalization.fit(torch.cat(parts), ((0, 1),)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"mean": (0.0,)}, "has no statistics of 'inertial' for 6 channels"),
     ({"std": (1.0,) * 7}, "has no statistics of 'inertial' for 6 channels"),
     ({"std": (float("nan"),) * 6}, "has statistics of 'inertial' that are not finite"),
     ({}, None)],
)  # fmt: skip
def test_statistics_of_a_client_that_cannot_be_pooled_are_refused(make_data, changes, problem):
    data = make_data(train_subjects=[1])
    data.setup()
    own = ClientDescription.of("1", data)
    wrong = {**own.normalization, "inertial": replace(own.normalization["inertial"], **changes)}
    assert replace(own, normalization=wrong).unsuitable(data, needs_all=True) == problem
    assert replace(own, measured={}).unsuitable(data, needs_all=True) == "has no sample of 'inertial'"


def test_the_same_arguments_give_the_same_weights_and_another_seed_others(words):
    first, second = simulate(words()), simulate(words(folder="again"))
    assert equal(weights(first), weights(second))
    assert not equal(weights(first), weights(simulate(words("--seed_everything=1", folder="seed"))))


def test_a_client_without_a_sensor_takes_part_with_the_others(words):
    run = simulate(words("--federated.lacking={skeleton: [1]}"))
    known = json.loads((run / "bundle" / "bundle.json").read_text())["training"]["federated"]
    assert known["lacking"] == {"skeleton": [1]}
    every = simulate(words(folder="every"))
    assert not equal(weights(run), weights(every))
    assert known["megabytes_received"] < Bundle.load(every).training["federated"]["megabytes_received"]


def test_a_method_that_needs_every_sensor_refuses_such_a_client_by_name(words):
    cmc = CONFIG.with_name("model") / "cmc.yaml"
    with pytest.raises(ConfigurationError, match="client '1' lacks skeleton, and the method needs every modality"):
        simulate(words(f"--config={cmc}", "--federated.lacking={skeleton: [1, 2, 3]}"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--federated.lacking={skeletn: [1]}"], "there is no 'skeletn'"),
        (["--federated.lacking={skeleton: [9]}"], r"\[9\] are no training subjects"),
        (["--federated.min_clients=4"], "there are 3 training subjects"),
        (["--federated.rounds=0"], "federated.rounds"),
        (["--federated=null"], "is not given"),
        (["--seed_everything=true"], "server and clients need the same number"),
        ([f"--config={CONFIG.with_name('utd_plus_stage2.yaml')}"], "is for finetune"),
    ],
)
def test_arguments_that_cannot_work_are_refused_before_any_training(more, told, words, tmp_path):
    with pytest.raises(ConfigurationError, match=told):
        simulate(words(*more))
    assert not (tmp_path / "runs").exists()


def test_a_killed_server_goes_on_with_its_round(words, grid, tmp_path, capsys):
    whole = simulate(words(rounds=3, folder="whole"))
    given = words(rounds=3)
    rounds = []

    class Killed(LocalGrid):
        def send_and_receive(self, messages, **named):
            messages = list(messages)
            if messages and ARRAYS in messages[0].content.array_records:
                rounds.append(messages[0].content.config_records["config"]["server-round"])
                if rounds == [1, 2]:
                    raise KeyboardInterrupt
            return super().send_and_receive(messages, **named)

    with pytest.raises(KeyboardInterrupt):
        server.serve(grid(given, kind=Killed), given)
    assert ServerState.load(tmp_path / "runs/homes/version_0").rounds == 1
    capsys.readouterr()
    run = server.serve(grid(given, kind=Killed), given)
    assert rounds == [1, 2, 2, 3]
    assert [line[:12] for line in capsys.readouterr().out.splitlines()] == ["round 2 of 3", "round 3 of 3"]
    assert run.name == "version_0"
    assert equal(weights(run), weights(whole))
    assert simulate(given).name == "version_1", "a finished run is not continued"


def test_batch_statistics_at_home_differ_from_those_of_the_server(words, grid):
    given = words("--federated.local_bn=true", rounds=2)
    clients = grid(given)
    run = server.serve(clients, given)
    own = [client.to_weights(context.state.array_records[client.AT_HOME]) for context in clients.contexts.values()]
    (name, *_) = own[0]
    assert not torch.equal(own[0][name], own[1][name])
    mean = sum(each[name] for each in own) / 3
    torch.testing.assert_close(weights(run)[name], mean)


def test_differential_privacy_clips_and_adds_noise(words):
    options = ("--federated.clipping_norm=0.001",)
    start = simulate(words("--federated.noise_multiplier=1e-9", *options, rounds=1))
    noisy = simulate(words("--federated.noise_multiplier=300.0", *options, rounds=1, folder="noisy"))
    without = simulate(words(rounds=1, folder="without"))
    names = [name for name in weights(start) if name.endswith("weight")]
    flat = [torch.cat([weights(run)[name].flatten() for name in names]) for run in (start, noisy, without)]
    assert float((flat[1] - flat[0]).std()) == pytest.approx(300 * 0.001 / 3, rel=0.1)
    assert float((flat[2] - flat[0]).norm()) > 0.1, "without clipping the weights move further"


def test_clients_cannot_compute_the_noise_of_a_server_from_the_seed_they_have(words, grid):
    given = words("--federated.noise_multiplier=300.0", "--federated.clipping_norm=0.001", rounds=1)
    first, second = (weights(server.serve(grid(given), given)) for _ in range(2))
    different = [not torch.equal(first[name], second[name]) for name in first]
    assert all(different)
    simulated = [weights(simulate(given)) for _ in range(2)]
    assert all(torch.equal(simulated[0][name], simulated[1][name]) for name in first)


class Faulty:
    """A client app whose client at one node does something else."""

    def __init__(self, node, act):
        self.node, self.act = node, act

    def __call__(self, message, context):
        reply = client.app(message, context)
        wrong = message.metadata.dst_node_id == self.node and ARRAYS in message.content.array_records
        return self.act(reply) if wrong else reply


def nan(reply):
    arrays = reply.content.array_records[ARRAYS]
    name = next(iter(arrays))
    arrays[name] = Array(np.full(arrays[name].shape, np.nan, dtype=np.float32))
    return reply


def other_shape(reply):
    arrays = reply.content.array_records[ARRAYS]
    reply.content.array_records[ARRAYS] = ArrayRecord({**dict(arrays), next(iter(arrays)): Array(np.zeros((1, 1)))})
    return reply


def fails(reply):
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize(
    ("act", "told"),
    [(nan, "values that are not finite"), (other_shape, "of shape"), (fails, "has failed: the disk is full")],
)
def test_the_rounds_go_on_without_a_client_whose_answers_cannot_be_used(act, told, words, grid, caplog):
    given = words()
    run = server.serve(grid(given, app=Faulty(2, act)), given)
    assert f"round 1: client '2' {'' if told.startswith('has') else 'has sent'}" in caplog.text
    assert told in caplog.text
    only = server.serve(grid(other := words(folder="two"), subjects=(1, 3)), other)
    found, expected = weights(run), weights(only)
    assert Bundle.load(run).training["unlabeled"] == 81
    assert found.keys() == expected.keys()
    assert all(value.isfinite().all() for value in found.values())


def test_a_straggler_is_left_out(words, grid, caplog):
    given = words("--federated.round_seconds=5")

    def sleeps(reply):
        time.sleep(5.1)
        return reply

    run = server.serve(grid(given, app=Faulty(3, sleeps)), given)
    assert caplog.text.count("client '3' has not answered in time") == 2
    assert [row["clients"] for row in ServerState.load(run).history] == [2, 2]


def test_clients_may_vanish_and_come_between_rounds(words, grid):
    given = words(rounds=3)

    class Changing(LocalGrid):
        def __init__(self, app, contexts):
            super().__init__(app, contexts)
            self.every, self.calls = dict(contexts), 0

        def send_and_receive(self, messages, **named):
            messages = list(messages)
            if messages and ARRAYS in messages[0].content.array_records:
                self.calls += 1
                there = {1: (1, 2), 2: (1, 2, 3)}.get(self.calls, (1, 2, 3))
                self.contexts = {node: self.every[node] for node in there}
            return super().send_and_receive([m for m in messages if m.metadata.dst_node_id in self.contexts], **named)

    clients = grid(given, kind=Changing)
    clients.contexts = {node: clients.every[node] for node in (1, 2, 3)}
    run = server.serve(clients, given)
    assert [(row["sampled"], row["clients"]) for row in ServerState.load(run).history] == [(3, 2), (2, 2), (3, 3)]


def test_clients_with_other_sensors_or_a_name_twice_take_no_part(words, grid, caplog):
    given = words()
    clients = grid(given, subjects=(1, 2, 3))
    first, second = clients.contexts[1], clients.contexts[2]
    second.node_config["name"] = first.node_config["name"]
    other = shlex.join([*shlex.split(str(first.node_config["arguments"])), "--data.init_args.transforms={}"])
    clients.contexts[3].node_config["arguments"] = other
    run = server.serve(clients, given)
    assert caplog.text.count("client '1' has the name of another client; it is queried again") == 1
    assert "client '3' has another 'skeleton': transforms" in caplog.text
    assert [row["clients"] for row in ServerState.load(run).history] == [1, 1]


def test_a_damaged_state_is_named(words, tmp_path):
    run = simulate(words())
    (run / "checkpoints/rounds.safetensors").write_bytes(b"nonsense")
    with pytest.raises(Exception, match="is damaged"):
        ServerState.load(run)


def test_with_noise_a_failing_client_is_named_and_the_round_goes_on(words, grid, caplog):
    private = ("--federated.noise_multiplier=1e-9", "--federated.clipping_norm=1.0")
    given = words(*private)
    run = server.serve(grid(given, app=Faulty(2, fails)), given)
    assert caplog.text.count("client '2' has failed") == 2
    assert [(row["sampled"], row["clients"]) for row in ServerState.load(run).history] == [(3, 2), (3, 2)]


def test_with_noise_a_round_without_answers_ends_the_server(words, grid):
    given = words("--federated.noise_multiplier=0.1", rounds=1)

    def all_fail(message, context):
        if ARRAYS in message.content.array_records:
            raise RuntimeError("the disk is full")
        return client.app(message, context)

    with pytest.raises(ConfigurationError, match="round 1 has no usable answer: client '1' has failed"):
        server.serve(grid(given, app=all_fail), given)
