"""Clients one after another in one process, by the code of the real client and server: no network, no Ray."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated import client
from cosmo_pl.federated.config import TrainingConfig
from cosmo_pl.federated.server import serve
from cosmo_pl.rounds import FederatedSettings


class LocalGrid(Grid):  # type: ignore[misc]
    """Runs the clients of messages at once, one after another.

    Args:
        app: The client.
        contexts: Number of the node to its context.
    """

    def __init__(self, app: ClientApp, contexts: Mapping[int, Context]) -> None:
        self.app, self.contexts = app, dict(contexts)
        self._replies: dict[str, Message] = {}
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1  # as Flower sets them for a server

    def set_run(self, run: Run) -> None:
        """There is one run only."""

    @property
    def run(self) -> Run:
        """There is no record of the run."""
        raise NotImplementedError

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message, as Flower's own grids make it."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Numbers of the nodes."""
        return list(self.contexts)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Runs the clients."""
        pushed = []
        for message in messages:
            message.metadata.__dict__["_message_id"] = str(uuid4())
            pushed.append(message.metadata.message_id)
            self._replies[pushed[-1]] = self._answer(message)
        return pushed

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Answers to messages."""
        return [self._replies.pop(each) for each in message_ids if each in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Answers to messages. A client that works longer than the time limit has none."""
        answers: list[Message] = []
        for message in messages:
            start = time.perf_counter()
            answer = self.pull_messages(self.push_messages([message]))
            if timeout is None or time.perf_counter() - start <= timeout:
                answers += answer
        return answers

    def _answer(self, message: Message) -> Message:
        try:
            return self.app(message, self.contexts[message.metadata.dst_node_id])
        except Exception as error:  # a real client's node answers like this, whatever its app raises
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, str(error)), reply_to=message)


def client_words(words: Sequence[str], settings: FederatedSettings, subject: int, modalities: Sequence[str]) -> str:
    """Arguments of a client that has the recordings of one subject.

    Args:
        words: Arguments of the server.
        settings: The rounds, with the sensors that subjects lack.
        subject: The subject.
        modalities: Modalities of the federation.
    """
    lacks = {name for name, subjects in settings.lacking.items() if subject in subjects}
    own = [f"--data.init_args.train_subjects=[{subject}]", "--data.init_args.allow_missing_classes=true"]
    if lacks:
        own.append(f"--data.init_args.modalities=[{','.join(name for name in modalities if name not in lacks)}]")
    return shlex.join([*words, *own])


def simulate(words: Sequence[str]) -> Path:
    """Runs a federation in which every training subject is a client.

    Args:
        words: Arguments as those of `cosmo-pl fit`, with a section ``federated``.

    Returns:
        Folder of the run, see `serve`.

    Raises:
        CosmoError: An argument cannot be used, or no client can take part.
    """
    config = TrainingConfig.of(words)
    settings, data = config.settings, config.data()
    data.prepare_data()
    data.setup()
    subjects = data.training_subjects[data.key]
    _check(settings, data.modalities, subjects)
    logging.getLogger("flwr").setLevel(logging.ERROR)
    contexts = {
        number: Context(
            run_id=1,
            node_id=number,
            node_config={
                "name": str(subject),
                "arguments": client_words(words, settings, subject, data.modalities),
            },
            state=RecordDict(),
            run_config={},
        )
        for number, subject in enumerate(subjects, start=1)
    }
    return serve(LocalGrid(client.app, contexts), words, reproducible_noise=True)


def _check(settings: FederatedSettings, modalities: Sequence[str], subjects: Sequence[int]) -> None:
    if settings.min_clients > len(subjects):
        problem = f"is {settings.min_clients}, and there are {len(subjects)} training subjects"
        raise ConfigurationError("federated.min_clients", problem, "Use fewer")
    for name, lacking in settings.lacking.items():
        if name not in modalities:
            raise ConfigurationError("federated.lacking", f"there is no '{name}'", f"Choose from {list(modalities)}")
        if unknown := sorted(set(lacking) - set(subjects)):
            problem = f"{unknown} are no training subjects"
            raise ConfigurationError("federated.lacking", problem, f"Choose from {list(subjects)}")
