"""The client: a Flower ClientApp that describes its data, and trains some epochs on them in each round.

Its node config has ``arguments``, the words of `cosmo-pl fit` that say what it trains on, and ``name``, which seeds its
randomness. The server needs no access to its recordings, and it sends no sample.
"""

from __future__ import annotations

import json
import shlex
from functools import lru_cache

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import fixedclipping_mod
from flwr.clientapp.typing import ClientAppCallable
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM
from torch import Tensor

from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.federated.arrays import is_batch_statistic, to_record, to_weights
from cosmo_pl.federated.config import TrainingConfig
from cosmo_pl.federated.description import ClientDescription, read_statistics
from cosmo_pl.federated.own_samples import keep_training_samples
from cosmo_pl.federated.training import LocalRound, silent, train_locally

ARRAYS, CONFIG, METRICS, ABOUT, AT_HOME = "arrays", "config", "metrics", "about", "batch-statistics"
KEPT = 32  # clients of one process whose data stay in memory


@lru_cache(KEPT)
def config_of(arguments: str) -> TrainingConfig:
    """The configuration in a client's node config."""
    return TrainingConfig.of(shlex.split(arguments))


@lru_cache(KEPT)
def data_of(arguments: str, statistics: str) -> MultimodalDataModule:
    """The client's data, set up, standardised by the statistics of all clients."""
    data = config_of(arguments).data(read_statistics(json.loads(statistics)))
    data.prepare_data()
    data.setup()
    keep_training_samples(data)
    return data


def name_of(context: Context) -> str:
    """Name of the client; its number at the server without one."""
    return str(context.node_config.get("name", context.node_id))


@silent()
def describe(message: Message, context: Context) -> Message:
    """Answers what data the client has."""
    data = config_of(str(context.node_config["arguments"])).data()
    data.prepare_data()
    data.setup()
    about = ConfigRecord({"description": ClientDescription.of(name_of(context), data).text()})
    return Message(RecordDict({ABOUT: about}), reply_to=message)


@silent()
def train(message: Message, context: Context) -> Message:
    """Trains the epochs of a round from the weights of the server, and answers with the new ones."""
    requested, arguments = message.content.config_records[CONFIG], str(context.node_config["arguments"])
    data = data_of(arguments, str(requested["statistics"]))
    config, sent = config_of(arguments), message.content.array_records[ARRAYS]
    module = config.module(json.loads(str(requested["shapes"])), data.num_classes)
    number, local_epochs, epochs = (int(str(requested[key])) for key in ("server-round", "local-epochs", "epochs"))
    loss = train_locally(
        module,
        data,
        _start(sent, context, bool(requested["local-bn"])),
        LocalRound(number, local_epochs, epochs, float(str(requested["proximal-mu"]))),
        config.trainer_arguments(),
        f"{config.seed} {name_of(context)} {number}",
    )
    state = module.state_dict()
    if requested["local-bn"]:
        context.state[AT_HOME] = to_record({key: state[key] for key in state if is_batch_statistic(key)})
    metrics = MetricRecord({"num-examples": len(data.training_rows), "train-loss": loss})
    answer = {ARRAYS: to_record({key: state[key] for key in sent}), METRICS: metrics}
    return Message(RecordDict(answer), reply_to=message)


def _start(sent: ArrayRecord, context: Context, local_bn: bool) -> dict[str, Tensor]:
    """The weights that a round begins with: those of the server, with the client's own batch statistics if local."""
    weights = to_weights(sent)
    if not local_bn:
        return weights
    own = to_weights(context.state.array_records[AT_HOME]) if AT_HOME in context.state.array_records else {}
    return {**{key: value for key, value in weights.items() if not is_batch_statistic(key)}, **own}


def clip_where_asked(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Flower's clipping for differential privacy, in rounds of a server that requires it."""
    if KEY_CLIPPING_NORM in message.content.config_records[CONFIG]:
        return fixedclipping_mod(message, context, call_next)
    return call_next(message, context)


app = ClientApp()
app.query()(describe)
app.train(mods=[clip_where_asked])(train)
