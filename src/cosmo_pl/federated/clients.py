"""The clients that a server knows, by their nodes in Flower's network."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

from flwr.app import Message, MessageType, RecordDict
from flwr.serverapp import Grid

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated.client import ABOUT
from cosmo_pl.federated.description import ClientDescription

log = logging.getLogger(__name__)
AGAIN = 60.0  # seconds that a node is waited for which has not answered before


class Clients:
    """Descriptions of the clients, which new nodes send. Those that cannot take part are named once.

    Args:
        data: The server's datamodule, of which nothing is read: the modalities of the federation.
        seconds: How long answers are waited for.
        needs_all: Whether the method needs every modality.
    """

    def __init__(self, data: MultimodalDataModule, seconds: float, needs_all: bool = False) -> None:
        self.data, self.seconds, self.needs_all = data, seconds, needs_all
        self.known: dict[int, ClientDescription] = {}
        self.refused: dict[int, str] = {}
        self.silent: dict[int, str] = {}  # they are queried again: what went wrong may be over

    def wait(self, grid: Grid, count: int) -> list[ClientDescription]:
        """Waits until a number of nodes are connected, and queries them.

        Returns:
            Those that can take part, in the order of their names.

        Raises:
            ConfigurationError: None of them can.
        """
        if len(list(grid.get_node_ids())) < count:
            log.warning("waiting for %d clients", count)
        while len(list(grid.get_node_ids())) < count:
            time.sleep(1)
        self.connected(grid)
        if not self.known:
            problem = f"no client can take part: {'; '.join([*self.refused.values(), *self.silent.values()])}"
            raise ConfigurationError("federated", problem, "Correct the arguments of the clients, and start again")
        return sorted(self.known.values(), key=lambda client: client.name)

    def connected(self, grid: Grid) -> dict[str, int]:
        """Name to node of the clients that are connected now, in the order of their names; new nodes are queried."""
        nodes = list(grid.get_node_ids())
        new = [node for node in nodes if node not in self.known and node not in self.refused]
        again = {node for node in new if node in self.silent}
        for some, seconds in ((again, min(self.seconds, AGAIN)), ({*new} - again, self.seconds)):
            self._query(grid, sorted(some), nodes, seconds)
        return dict(sorted((self.known[node].name, node) for node in nodes if node in self.known))

    def _query(self, grid: Grid, some: Sequence[int], nodes: Sequence[int], seconds: float) -> None:
        if not some:
            return
        requested = [Message(RecordDict(), node, MessageType.QUERY, ttl=seconds) for node in some]
        self._note(grid.send_and_receive(requested, timeout=seconds), nodes)
        for node in sorted({*some} - {*self.known, *self.refused, *self.silent}):
            self._postpone(node, f"node {node}", "has not described its data in time")

    def name(self, node: int) -> str:
        """Name of the client at a node."""
        return self.known[node].name if node in self.known else f"node {node}"

    def _note(self, answers: Iterable[Message], nodes: Sequence[int]) -> None:
        for answer in sorted(answers, key=lambda each: each.metadata.src_node_id):
            node = answer.metadata.src_node_id
            try:
                if answer.has_error():
                    self._postpone(node, f"node {node}", f"has failed: {answer.error.reason}")
                    continue
                client = ClientDescription.read(str(answer.content.config_records[ABOUT]["description"]))
                others = {self.known[each].name for each in nodes if each in self.known}
                if client.name in others:  # perhaps its own node before a restart, which is listed a little longer
                    self._postpone(node, f"client '{client.name}'", "has the name of another client")
                    continue
                self.silent.pop(node, None)
                problem = client.unsuitable(self.data, self.needs_all)
            except (ValueError, KeyError) as error:
                self._refuse(node, f"node {node}", str(error))
                continue
            if problem is None:
                self.known[node] = client
            else:
                self._refuse(node, f"client '{client.name}'", problem)

    def _postpone(self, node: int, name: str, problem: str) -> None:
        before, self.silent[node] = self.silent.get(node), f"{name} {problem}"
        if self.silent[node] != before:
            log.warning("%s; it is queried again in the next round", self.silent[node])

    def _refuse(self, node: int, name: str, problem: str) -> None:
        self.refused[node] = f"{name} {problem}"
        log.warning("%s; it takes no part", self.refused[node])
