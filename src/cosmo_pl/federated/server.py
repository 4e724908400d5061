"""The server: a Flower ServerApp that leads the rounds and writes the bundle; it reads no recordings."""

from __future__ import annotations

import csv
import io
import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from pytorch_lightning import seed_everything

from cosmo_pl.bundle import Bundle
from cosmo_pl.bundle_checks import FEDERATED
from cosmo_pl.bundle_data import TrainingData
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.federated.arrays import to_record, to_weights, weights_of
from cosmo_pl.federated.averaging import ModalityAverage, PrivateAverage
from cosmo_pl.federated.clients import Clients
from cosmo_pl.federated.config import TrainingConfig
from cosmo_pl.federated.description import ClientDescription, common_fingerprint, joined, pooled, statistics_text
from cosmo_pl.federated.state import NAME, ServerState
from cosmo_pl.io import write_whole
from cosmo_pl.modules.base import PretrainingModule
from cosmo_pl.modules.base.pretraining import OF_THE_BUNDLE
from cosmo_pl.run_folder import ASIDE, BUNDLE, CONFIG, LOG, claim_version, has_bundle, versions

COLUMNS = ("epoch", "train/loss", "clients", "sampled", "megabytes_sent", "megabytes_received")
MEGABYTE = 10**6
SHOWN = ("enable_progress_bar", "enable_model_summary")


def serve(grid: Grid, words: Sequence[str], reproducible_noise: bool = False) -> Path:
    """Leads all rounds, or those that a killed server has left, and writes the bundle.

    Args:
        grid: Flower's connection to the clients.
        words: Arguments as those of `cosmo-pl fit`, with a section ``federated``.
        reproducible_noise: See `PrivateAverage`.

    Returns:
        Folder of the run, with the bundle as `cosmo-pl fit` writes that of a stage 1, but without quality weights,
        which each home measures.

    Raises:
        CosmoError: An argument cannot be used, or no client can take part.
    """
    config = TrainingConfig.of(words)
    with _claimed_run(config) as run:
        _lead(grid, config, run, reproducible_noise)
    return run


def _lead(grid: Grid, config: TrainingConfig, run: Path, reproducible_noise: bool) -> None:
    settings, data = config.settings, config.data()
    seed_everything(config.seed, verbose=False)
    shapes = {name: tuple(data.modality_shapes[name]) for name in data.modalities}
    module = config.module(shapes, data.num_classes)
    clients = Clients(data, settings.round_seconds, needs_all=not module.missing_modalities)
    state = ServerState.load(run)
    if state is None:
        state = _first_state(clients.wait(grid, settings.min_clients), module)
    elif state.rounds < settings.rounds:
        clients.wait(grid, 1)
    requested = {"statistics": statistics_text(state.statistics), "shapes": json.dumps(shapes)}
    strategy = ModalityAverage(settings, clients, module.encoders, requested, config.seed, state.rounds)
    started = [time.perf_counter()]

    def keep(number: int, arrays: ArrayRecord) -> MetricRecord | None:
        """Keeps the state after a round."""
        if number > 0:
            now = time.perf_counter()
            seconds, started[0] = now - started[0], now
            state.weights, state.seconds = to_weights(arrays), state.seconds + seconds
            state.history.append(_row(strategy.row, settings.local_epochs))
            print(_progress(state.history[-1], state.rounds, settings.rounds, seconds), flush=True)
        state.save(run)
        write_whole(run / LOG, _csv(state.history))
        return None

    left = settings.rounds - state.rounds
    if left > 0:
        leading = strategy if settings.noise_multiplier is None else PrivateAverage(strategy, reproducible_noise)
        leading.start(grid, to_record(state.weights), left, timeout=settings.round_seconds, evaluate_fn=keep)
    module.load_state_dict({**module.state_dict(), **state.weights})
    _write_bundle(module, state, config, run / BUNDLE)


def _first_state(present: Sequence[ClientDescription], module: PretrainingModule) -> ServerState:
    """The state before the first round, by what the clients have described."""
    shapes = module.modality_shapes
    if lacking := sorted(set(shapes) - {name for client in present for name in client.modalities}):
        problem = f"no client has {', '.join(lacking)}"
        raise ConfigurationError("modalities", problem, "Leave it out, or start a client that has it")
    about = {
        "clients": len(present),
        "unlabeled": sum(client.samples for client in present),
        "simulated": any(client.simulated for client in present),
        "fingerprint": common_fingerprint(present, shapes),
        "data": joined(present).described(),
    }
    return ServerState(weights_of(module.state_dict(), module.encoders, shapes), pooled(present), about=about)


@contextmanager
def _claimed_run(config: TrainingConfig) -> Iterator[Path]:
    """Folder of the newest run if it is unfinished, of this configuration, and no server works on it; else a new one.

    The system frees the claim of a server that is killed.
    """
    with ExitStack() as held:
        run = next(
            (run for run in versions(config.runs)[-1:] if _is_unfinished(run, config) and _claim(run, held)), None
        )
        if run is None:
            run = claim_version(config.runs)
            write_whole(run / CONFIG, config.text)
            _claim(run, held)
        yield run


def _claim(run: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(FileLock(run / "lock").acquire(blocking=False))
    except Timeout:
        return False
    return True


def _is_unfinished(run: Path, config: TrainingConfig) -> bool:
    stored = run / CONFIG
    if has_bundle(run) or not (run / NAME).is_file() or not stored.is_file():
        return False
    return _lasting(stored.read_text(encoding="utf-8")) == _lasting(config.text)


def _lasting(text: str) -> dict[str, Any]:
    """A configuration without what may change before a killed run goes on: where data lie, and what is shown."""
    config: dict[str, Any] = yaml.safe_load(text)
    for section, names in ((config["data"]["init_args"], ASIDE), (config["trainer"], SHOWN)):
        for name in names:
            section.pop(name, None)
    return config


def _write_bundle(module: PretrainingModule, state: ServerState, config: TrainingConfig, folder: Path) -> None:
    """Writes the bundle. Its quality is left to each home, as the server has no samples."""
    about, settings = state.about, config.settings
    figures = {"clients": about["clients"], **asdict(settings)}
    for name in ("megabytes_sent", "megabytes_received"):  # of one client in all rounds
        figures[name] = round(sum(row[name] / row["sampled"] for row in state.history), 4)
    arguments = {name: value for name, value in module.whole_arguments().items() if name not in OF_THE_BUNDLE}
    facts = {
        "method": type(module).__name__,
        "fit_seconds": round(state.seconds, 1),
        "epochs": settings.epochs,
        "simulated": about["simulated"],
        "unlabeled": about["unlabeled"],
        FEDERATED: figures,
    }
    Bundle(
        encoders=dict(module.encoders.items()),  # type: ignore[arg-type]
        modality_shapes=module.modality_shapes,
        normalization=dict(state.statistics),
        data_fingerprint=about["fingerprint"],
        training={**facts, **arguments},
        data=TrainingData.stored(about["data"]),
    ).save(folder)


def _row(found: dict[str, float], local_epochs: int) -> dict[str, float]:
    """The figures of a round, by the columns of the log; the epoch is the last of the round."""
    row = {"epoch": found["round"] * local_epochs - 1, "clients": found.get("clients", 0), "sampled": found["sampled"]}
    row |= {"megabytes_sent": found["sent"] / MEGABYTE, "megabytes_received": found.get("received", 0) / MEGABYTE}
    return row | ({"train/loss": found["loss"]} if "loss" in found else {})


def _progress(row: dict[str, float], number: int, rounds: int, seconds: float) -> str:
    """A line for a round."""
    loss = f", loss {row['train/loss']:.4f}" if "train/loss" in row else ""
    return f"round {number} of {rounds}: {row['clients']} of {row['sampled']} clients{loss}, {seconds:.0f} s"


def _csv(history: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def main(grid: Grid, context: Context) -> None:
    """Runs the server with the ``arguments`` of the run config."""
    print(f"bundle: {serve(grid, shlex.split(str(context.run_config['arguments']))) / BUNDLE}", flush=True)


app = ServerApp()
app.main()(main)
