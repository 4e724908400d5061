"""The `cosmo-pl` command. Each subcommand is a module of this package, which is imported when it is used."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from io import TextIOWrapper

from cosmo_pl.cli.warning_lines import short_warnings
from cosmo_pl.errors import ConfigurationError, choices, mendable
from cosmo_pl.extras import lacking
from cosmo_pl.shipped import with_paths
from cosmo_pl.storage import storage_error
from cosmo_pl.trust import allowing, check_installed

TRAINING = ("fit", "validate", "test", "predict")
TERMINATED = 143  # 128 and the number of SIGTERM, as shells have it
OTHERS = ("data", "study", "configs", "runs", "adapt", "view", "stream", "export", "federated")

HELP = """usage: cosmo-pl COMMAND [options]

Cosmo: contrastive fusion learning with small data for multimodal activity recognition.

prepare data:
  data download   fetch USC-HAD, UTD-MHAD or MEx from its publisher, verify and unpack it
  data simulate   write simulated recordings in the layout of a dataset
  data sniff      draft the description of a folder of recordings as devices write them
  data import     put timestamped recordings of several sensors onto grids of time, and check them
  data describe   count recordings, subjects and activities of a dataset, of a class of your own or of a config
  data clocks     estimate by how much the clocks of imported sensors differ
  data augmentations
                  plot each augmentation of a config on a sample
  data clip       plot the sensors of one clip, or animate them
  data suggest    suggest the samples to label: the most typical ones by the features of stage 1
  data pack       write all samples into one file, for a machine without the recordings

train and use models:
  fit             train, for instance --config cosmo:usc_stage1; a second --config replaces the method, for instance
                  --config cosmo:model/cmc
  validate        evaluate the validation subjects with the newest run of a config, or with --ckpt_path
  test            evaluate the test subjects; writes metrics.json and a confusion matrix
  predict         write a CSV of predictions for the test subjects
  adapt           train stage 2 on a device from a bundle, recordings and few labels, within a time limit; the same
                  command goes on, also with further labels
  federated simulate
                  train stage 1 in rounds of clients, one per training subject, whose recordings stay with them
  federated app   write the folder with which `flwr run` starts the same on real clients (Flower)
  view            show a recording, or a run's predictions, in the Rerun viewer, a browser or a file

recognise live:
  export          write a trained run as ONNX graphs, in a folder that runs with onnxruntime and numpy alone
  stream          recognise activities in live samples (JSON lines on standard input, or --mqtt) or in a recording that
                  is replayed (--recording), with a line of JSON per window

configs and runs:
  configs         list the configs that ship with the package; `--config cosmo:NAME` uses one in any folder
  configs copy    copy them into a folder, to change them there
  runs list       method, dataset, labels, epochs and accuracy of the runs in a folder, newest first
  runs compare    arguments that differ between runs, their accuracies and their curves
  runs delete     delete runs, after a confirmation

regenerate the paper, in any folder; `--project DIR` takes the studies of another project:
  study run       run what is missing of a table, figure or sweep, for instance table2, or all
  study status    runs done, runs missing, expected time
  study render    render it beside the figures of the paper
  study claims    each claim of the paper and its verdict, on one page
  study headline  the table of headline results, for README.md
  study evidence  run what is missing of all, by priority
  study sweep     start a sweep of experiments/sweeps at W&B

`--allow-code PACKAGE` lets bundles and runs name classes of that package, whose code then runs.
`cosmo-pl COMMAND --help` lists the options of a command; options of a class are listed by
`cosmo-pl fit --model.help ContrastiveFusionModule` and `cosmo-pl fit --data.help USCDataModule`.
"""


def main(args: Sequence[str] | None = None) -> None:
    """Runs the command line; errors that the user can mend end with one line and status 2."""
    if args is None:
        _use_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter shows its code
    given = sys.argv[1:] if args is None else args
    arguments, packages = without_option(given, "--allow-code", "--allow_code")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return
    if arguments[0] == "--version":
        from cosmo_pl.version import __version__

        print(f"cosmo-pl {__version__}")
        return
    try:
        for package in packages:
            check_installed(package)
        with allowing(*packages), short_warnings():
            _run(arguments)
    except SystemExit as ended:
        if type(ended).__name__ == "SIGTERMException":  # of Lightning, without a status; its import takes seconds
            sys.exit(TERMINATED)
        raise
    except Exception as error:
        found = mendable(error) or storage_error(error) or lacking(error)
        if found is None:
            raise
        print(f"cosmo-pl: {found}", file=sys.stderr)
        sys.exit(2)


def _run(arguments: Sequence[str]) -> None:
    command = arguments[0]
    if command not in (*TRAINING, *OTHERS):
        commands = choices(command, (*TRAINING, *OTHERS))
        raise ConfigurationError("command", f"'{command}' is none", f"{commands} as the first word")
    words = with_paths(arguments)
    if command in TRAINING:
        from cosmo_pl.cli.train import main as train_main

        train_main(words)
    else:
        import_module(f"cosmo_pl.cli.{command}").main(words[1:])


def without_option(words: Iterable[str], *names: str) -> tuple[list[str], list[str]]:
    """The command line without an option that may be given several times, under any of its names, and its values."""
    rest: list[str] = []
    values: list[str] = []
    left = iter(words)
    for word in left:
        option, equals, value = word.partition("=")
        if option in names:
            values.append(value if equals else next(left, ""))
        else:
            rest.append(word)
    return rest, values


def _use_utf8() -> None:
    """Starts Python again in its UTF-8 mode where the locale has another encoding.

    Configs and results are UTF-8, and the libraries that read and write some of them go by the locale.
    """
    if not sys.flags.utf8_mode and locale.getpreferredencoding(False).lower().replace("-", "") != "utf8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
