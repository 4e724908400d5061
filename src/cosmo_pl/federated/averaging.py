"""The strategy of the server: each weight is averaged over the clients that have its modality."""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import DifferentialPrivacyClientSideFixedClipping, FedAvg

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated.arrays import num_bytes, to_weights, weights_of
from cosmo_pl.federated.client import ARRAYS, CONFIG, METRICS
from cosmo_pl.federated.clients import Clients
from cosmo_pl.rounds import FederatedSettings

log = logging.getLogger(__name__)


def average(replies: Iterable[tuple[float, Mapping[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Mean of each weight over the clients that have it, weighted by their numbers of samples.

    Where all have all weights, this is FedAvg (McMahan et al., AISTATS 2017).

    Args:
        replies: Number of samples of each client, and its weights.
    """
    every = list(replies)
    totals: dict[str, float] = {}
    for samples, weights in every:
        for key in weights:
            totals[key] = totals.get(key, 0.0) + samples
    found: dict[str, np.ndarray] = {}
    for samples, weights in every:
        for key, value in weights.items():
            part = value * (samples / totals[key])
            found[key] = found[key] + part if key in found else part
    return found


def private_average(
    now: Mapping[str, np.ndarray], replies: Iterable[Mapping[str, np.ndarray]], sampled: int
) -> dict[str, np.ndarray]:
    """The weights plus the sum of the clients' changes over the number of sampled clients.

    All clients count alike, and those without a weight, or without an answer, as having changed nothing. So a client
    whose change has at most the norm C changes the mean by at most C / `sampled`, which the noise is scaled to
    (McMahan et al., ICLR 2018). Where all answer with all weights, this is their mean.

    Args:
        now: The weights that the round began with.
        replies: The weights of each client that has answered.
        sampled: Number of clients that were sampled.
    """
    found = dict(now)
    for weights in replies:
        for key, value in weights.items():
            found[key] = found[key] + (value - now[key]) / sampled
    return found


def refusal(reply: RecordDict, expected: Mapping[str, np.ndarray]) -> str | None:
    """Why the answer of a client cannot be used; None if it can.

    Args:
        reply: The answer.
        expected: Weights that the client was sent, whose names, shapes and types its own should have.
    """
    try:
        arrays, metrics = reply.array_records[ARRAYS], reply.metric_records[METRICS]
        samples, loss = metrics["num-examples"], metrics["train-loss"]
    except KeyError as error:
        return f"has sent no {error}"
    if not isinstance(loss, int | float):
        return f"has sent {loss} as its loss"
    if not isinstance(samples, int | float) or not math.isfinite(samples) or samples <= 0:
        return f"has sent {samples} as its number of samples"
    if differ := sorted(arrays.keys() ^ expected.keys()):
        return f"has sent too many weights, or too few: {differ[0]}"
    for key, array in arrays.items():
        try:
            values = array.numpy()  # its shape is that of the content, which the client may have described wrongly
        except Exception as error:  # whatever a client may send
            return f"has sent {key}, which cannot be read ({error})"
        wanted = expected[key]
        if values.shape != wanted.shape:
            return f"has sent {key} of shape {values.shape}, not {wanted.shape}"
        if values.dtype != wanted.dtype:
            return f"has sent {key} of type {values.dtype}, not {wanted.dtype}"
        if not np.isfinite(values).all():
            return f"has sent {key} with values that are not finite"
    return None


class ModalityAverage(FedAvg):  # type: ignore[misc]
    """FedAvg, and with μ > 0 FedProx, for clients with different sensors.

    A client receives and sends only the weights of its modalities. Answers that cannot be used are named and left out.
    With a noise multiplier all clients count alike, see `private_average`; `PrivateAverage` adds the noise.

    Args:
        settings: The rounds.
        clients: The clients that are known.
        streams: Streams of the module, see `weights_of`.
        requested: What a client has to know beside the settings.
        seed: Seed of the sampling of clients.
        completed: Rounds that an earlier process has completed.
    """

    def __init__(
        self,
        settings: FederatedSettings,
        clients: Clients,
        streams: Iterable[str],
        requested: Mapping[str, Any],
        seed: int,
        completed: int = 0,
    ) -> None:
        super().__init__(fraction_evaluate=0.0)
        self.settings, self.clients, self.streams, self.seed = settings, clients, tuple(streams), seed
        self.requested, self.completed = dict(requested), completed
        self.current = ArrayRecord()
        self.expected: dict[int, dict[str, np.ndarray]] = {}
        self.row: dict[str, float] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Messages to the sampled clients. The same clients are sampled whatever the numbers of their nodes."""
        number = self.completed + server_round
        connected = self.clients.connected(grid)
        count = max(1, round(self.settings.share * len(connected)))
        sampled = sorted(random.Random(f"{self.seed} {number}").sample(list(connected), min(count, len(connected))))
        every = _numpy(arrays)
        self.current, self.expected, self.row = arrays, {}, {"round": number, "sampled": len(sampled), "sent": 0}
        requested = {
            **dict(config),
            **self.requested,
            "server-round": number,
            "local-epochs": self.settings.local_epochs,
            "epochs": self.settings.epochs,
            "local-bn": self.settings.local_bn,
            "proximal-mu": self.settings.proximal_mu,
        }
        messages = []
        for name in sampled:
            node = connected[name]
            keys = self._weights(node, number)
            record = ArrayRecord({key: arrays[key] for key in keys})
            self.expected[node] = {key: every[key] for key in keys}
            self.row["sent"] += num_bytes(record)
            content = RecordDict({ARRAYS: record, CONFIG: ConfigRecord(requested)})
            messages.append(Message(content, node, MessageType.TRAIN, ttl=self.settings.round_seconds))
        return messages

    def _weights(self, node: int, number: int) -> list[str]:
        """Names of the weights that a client trains in a round."""
        with_statistics = not self.settings.local_bn or number == self.settings.rounds
        modalities = self.clients.known[node].modalities
        return list(weights_of(to_weights(self.current), self.streams, modalities, with_statistics))

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The new weights of all modalities; those that no client has sent stay as they were.

        Raises:
            ConfigurationError: No client has sent anything that can be used.
        """
        usable, problems = self._sorted_out(replies)
        self.row |= {
            "clients": len(usable),
            "received": sum(num_bytes(reply.array_records[ARRAYS]) for reply in usable),
        }
        if not usable:
            problem = (
                f"round {int(self.row['round'])} has no usable answer: {'; '.join(problems) or 'none came in time'}"
            )
            raise ConfigurationError("federated", problem, "Start the server again; it goes on with this round")
        weights = [_numpy(reply.array_records[ARRAYS]) for reply in usable]
        if self.settings.noise_multiplier is not None:
            found = private_average(_numpy(self.current), weights, int(self.row["sampled"]))
        else:
            samples = [float(reply.metric_records[METRICS]["num-examples"]) for reply in usable]  # type: ignore[arg-type]
            found = average(zip(samples, weights, strict=True))
        metrics = self.train_metrics_aggr_fn(usable, self.weighted_by_key)
        self.row["loss"] = float(metrics["train-loss"])
        new = {key: Array(found[key]) if key in found else array for key, array in self.current.items()}
        return ArrayRecord(new), metrics

    def _sorted_out(self, replies: Iterable[Message]) -> tuple[list[RecordDict], list[str]]:
        """Usable answers in the order of the clients' names, and what is wrong with the others."""
        usable: dict[str, RecordDict] = {}
        problems = []
        left = {node: self.clients.name(node) for node in self.expected}
        for reply in replies:
            node = reply.metadata.src_node_id
            name = left.pop(node, self.clients.name(node))
            failed = f"has failed: {reply.error.reason}" if reply.has_error() else None
            problem = failed or refusal(reply.content, self.expected[node])
            if problem is None:
                usable[name] = reply.content
            else:
                problems.append(f"client '{name}' {problem}")
        problems += [f"client '{name}' has not answered in time" for name in sorted(left.values())]
        for problem in problems:
            log.warning("round %d: %s; the round goes on without it", int(self.row["round"]), problem)
        return [usable[name] for name in sorted(usable)], problems


class PrivateAverage(DifferentialPrivacyClientSideFixedClipping):  # type: ignore[misc]
    """Adds Gaussian noise to the mean of clipped changes.

    Flower's own strategy leaves out a whole round, without a word, if one client fails.

    Args:
        strategy: Averages the answers.
        reproducible: Whether the noise follows the seeds, as in a simulation. Clients know the seed, so they could
            compute that noise and subtract it.
    """

    def __init__(self, strategy: ModalityAverage, reproducible: bool = False) -> None:
        self.reproducible = reproducible
        noise, norm = strategy.settings.noise_multiplier, strategy.settings.clipping_norm
        super().__init__(strategy, noise, norm, num_sampled_clients=1)  # set in each round

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The new weights with noise, whose standard deviation is multiplier · norm / sampled clients.

        Raises:
            ConfigurationError: No client has sent anything that can be used.
        """
        arrays, metrics = self.strategy.aggregate_train(server_round, replies)
        self.num_sampled_clients = int(self.strategy.row["sampled"])
        if not self.reproducible:
            np.random.seed(np.frombuffer(os.urandom(32), np.uint32))  # noqa: NPY002  Flower's noise is drawn from it
        return self._add_noise_to_aggregated_arrays(arrays), metrics


def _numpy(record: ArrayRecord) -> dict[str, np.ndarray]:
    return {key: array.numpy() for key, array in record.items()}
