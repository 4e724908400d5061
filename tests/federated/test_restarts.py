"""Clients that come, go and restart, and a server that is killed and started again."""

from __future__ import annotations

import pytest
from filelock import FileLock

pytest.importorskip("flwr", reason="flwr is not installed; `make test-federated` tests it")

from cosmo_pl.federated import client, server
from cosmo_pl.federated.client import ARRAYS
from cosmo_pl.federated.simulation import LocalGrid
from cosmo_pl.federated.state import ServerState
from cosmo_pl.run_folder import has_bundle


def interrupted(*_):
    raise KeyboardInterrupt


class StopsInRoundTwo(LocalGrid):
    """The server is killed as it sends the messages of the second round."""

    def send_and_receive(self, messages, **named):
        messages = list(messages)
        settings = [each.content.config_records.get("config", {}) for each in messages]
        if any(each.get("server-round") == 2 for each in settings):
            raise KeyboardInterrupt
        return super().send_and_receive(messages, **named)


def test_a_killed_server_goes_on_where_data_lie_elsewhere_and_alone(words, grid, utd_root, tmp_path):
    given = words()
    with pytest.raises(KeyboardInterrupt):
        server.serve(grid(given, kind=StopsInRoundTwo), given)
    (tmp_path / "moved").symlink_to(utd_root)
    there = [*given, f"--data.init_args.root={tmp_path / 'moved'}", "--trainer.enable_progress_bar=false"]
    working = FileLock(tmp_path / "runs/homes/version_0/lock")  # as another server has it
    with working, pytest.raises(KeyboardInterrupt):
        server.serve(grid(there, kind=StopsInRoundTwo), there)
    assert ServerState.load(tmp_path / "runs/homes/version_1").rounds == 1
    assert server.serve(grid(there), there).name == "version_1"
    other = words("--seed_everything=8")
    assert server.serve(grid(other), other).name == "version_2"


def test_a_client_that_restarts_takes_part_again_under_another_node(words, grid):
    """Flower lists the old node until its heartbeat is missed."""
    given = words(rounds=3)
    clients = grid(given, subjects=(1, 2))
    listed = iter([[1, 2], [1, 2], [1, 2], [1, 2, 4], [2, 4], [2, 4]])

    class Restarting(LocalGrid):
        nodes = [1, 2]

        def get_node_ids(self):
            self.nodes = next(listed, self.nodes)
            return self.nodes

    restarting = Restarting(client.app, {**clients.contexts, 4: clients.contexts[1]})
    run = server.serve(restarting, given)
    assert [row["sampled"] for row in ServerState.load(run).history] == [2, 2, 2]


def test_a_client_that_fails_to_describe_its_data_is_queried_again(words, grid, caplog):
    given = words()
    failed = []

    def app(message, context):
        if ARRAYS not in message.content.array_records and context.node_id == 2 and not failed:
            failed.append(context.node_id)
            raise OSError("the disk is not mounted")
        return client.app(message, context)

    run = server.serve(grid(given, app=app, subjects=(1, 2)), given)
    assert "node 2 has failed: the disk is not mounted; it is queried again" in caplog.text
    assert [row["sampled"] for row in ServerState.load(run).history] == [2, 2]


def test_a_server_that_has_completed_all_rounds_needs_no_client(words, grid, monkeypatch):
    given = words()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(server, "_write_bundle", interrupted)
        server.serve(grid(given), given)
    nobody = LocalGrid(client.app, {})
    assert has_bundle(server.serve(nobody, given))


def test_a_restarted_server_goes_on_with_fewer_clients_than_it_began_with(words, grid):
    given = words()
    with pytest.raises(KeyboardInterrupt):
        server.serve(grid(given, kind=StopsInRoundTwo), given)
    run = server.serve(grid(given, subjects=(1,)), given)
    assert [row["sampled"] for row in ServerState.load(run).history] == [3, 1]


def test_a_node_without_a_description_is_named_once_and_asked_again(words, grid, caplog):
    given = words()
    requested = []

    class Silent(LocalGrid):
        def send_and_receive(self, messages, *, timeout=None):
            messages = list(messages)
            if messages and ARRAYS not in messages[0].content.array_records:
                requested.append((sorted(m.metadata.dst_node_id for m in messages), timeout))
                messages = [m for m in messages if m.metadata.dst_node_id != 3 or len(requested) == 3]
            return super().send_and_receive(messages, timeout=timeout)

    run = server.serve(grid(given, kind=Silent), given)
    assert requested == [([1, 2, 3], 3600.0), ([3], 60.0), ([3], 60.0)]
    assert caplog.text.count("node 3 has not described its data in time") == 1
    assert [row["sampled"] for row in ServerState.load(run).history] == [2, 3]
