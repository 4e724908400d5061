"""`cosmo-pl adapt`: stage 2 on a device, within a time limit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from cosmo_pl.cli import without_option
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.parsing import parse
from cosmo_pl.parsing.commands import CommandParser, with_underscores
from cosmo_pl.parsing.duration import parse_duration
from cosmo_pl.parsing.given import Given
from cosmo_pl.storage import only_writer

EXPORTED = "exported"  # in the folder of the run


def adapt(
    bundle: str,
    data: str,
    out: str,
    labels: str | None = None,
    time_limit: str | None = None,
    config: Sequence[str] = (),
) -> None:
    """Trains a second stage on a stage-1 bundle and recordings with few labels; the same command goes on.

    A training that was killed or has reached the time limit goes on from its last checkpoint. With further labels it
    goes on from its weights for as many epochs as the first time. A second command with the same folder waits until the
    first one ends.

    Args:
        bundle: A bundle, or the folder of the runs of stage 1, whose newest bundle is used.
        data: Folder that `cosmo-pl data import` has written, or a config with data, as cosmo:utd_plus_stage2.
        out: Folder of the adaptation, which `Recogniser.load` opens.
        labels: CSV of labels with the columns recording, start, end, activity; they are added to earlier ones.
        time_limit: Duration, as in 90s or 10m: the training ends with the last epoch within it.
        config: Overlay that replaces the second stage, as cosmo:model/iterative; may be given several times. By default
            the second stage of the config of `data`, else prototypes.
    """
    from cosmo_pl.cli.train import main as train
    from cosmo_pl.edge.adaptation import adapt as run
    from cosmo_pl.edge.export import export

    given = None if labels is None else Path(labels)
    limit = parse_duration(time_limit)
    with _alone(Path(out)):
        report = run(Path(bundle), Path(data), Path(out), train, given, limit, [Path(each) for each in config])
        print(report)
        exported = Path(report.run) / EXPORTED
        try:
            if not exported.exists():
                export(report.run, exported)
        except ConfigurationError as error:  # no extra, or a method without an export: the run is complete
            print(f"not exported: {error}")
        else:
            print(f"exported to {exported}")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Holds the folder, which other processes of the same training, started by this one, may use."""
    from pytorch_lightning.utilities import rank_zero_only

    with only_writer(Path(os.path.realpath(out))) if getattr(rank_zero_only, "rank", 0) == 0 else nullcontext():
        yield


def main(args: Sequence[str]) -> None:
    """Runs the command."""
    parser = CommandParser(prog="cosmo-pl adapt", description=str(adapt.__doc__).partition("\n")[0])
    parser.add_function_arguments(adapt, as_positional=False, skip={"config"})
    parser.add_argument("--config", help="Overlay that replaces the second stage; may be given several times.")
    words, configs = without_option(with_underscores(args), "--config")
    adapt(**vars(parse(Given.of(parser, words))) | {"config": configs})
