"""Real processes give the weights of the simulation."""

from __future__ import annotations

import shlex

import pytest
import torch

pytest.importorskip("flwr", reason="flwr is not installed; `make test-federated` tests it")

from cosmo_pl.federated.config import TrainingConfig
from cosmo_pl.federated.simulation import client_words, simulate
from cosmo_pl.federated.state import ServerState

from .loopback import federation
from .test_simulation import SMALL


@pytest.mark.slow
def test_two_clients_on_this_machine_equal_the_simulation(utd_root, tmp_path):
    common = [f"--data.init_args.root={utd_root}", "--federated.rounds=2", "--federated.lacking={skeleton: [1]}"]
    words = [*SMALL, *common, "--data.init_args.train_subjects=[1,2]"]
    simulated = simulate([*words, f"--run.folder={tmp_path / 'simulated'}"])
    real = [*words, f"--run.folder={tmp_path / 'real'}"]
    settings = TrainingConfig.of(real).settings
    clients = {
        str(subject): shlex.split(client_words(real, settings, subject, ["inertial", "skeleton"])) for subject in (1, 2)
    }
    run = tmp_path / "real" / "homes" / "version_0"
    told = federation(tmp_path, real, clients, end=run / "bundle")
    assert (run / "bundle" / "bundle.json").is_file(), told
    expected, found = (ServerState.load(each).weights for each in (simulated, run))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
