"""`cosmo-pl export`: a trained run as a folder that runs without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def export(
    run: str,
    out: str,
    decision: bool = False,
    overwrite: bool = False,
    int8: bool = False,
    bundle: bool = False,
) -> None:
    """Exports a trained run into a folder of ONNX graphs, with the program that runs them.

    Args:
        run: Folder of a run of a stage 2.
        out: Folder to write.
        decision: Whether temperature, rejection threshold and transitions are measured and stored.
        overwrite: Whether an exported folder of that name is replaced.
        int8: Whether the encoders compute in 8-bit integers, calibrated on training samples.
        bundle: Whether the folder also holds the bundle of stage 1, in half precision, which `cosmo-pl adapt` uses.
    """
    from cosmo_pl.edge.export import export as write

    description = write(run, out, decision, overwrite, int8, bundle)
    print(f"{out}: {description['method']}, {len(description['encoders'])} encoders{_tested(description['accuracy'])}")
    if (equal := description["equal"]) is not None:
        difference = f"largest difference {equal['largest_difference']:g}"
        print(f"  predictions of the run: {equal['same']} of {equal['total']} are the same, {difference}")
    for line in _compared(description["int8"] or {}):
        print(line)


def _tested(accuracy: Mapping[str, Any] | None) -> str:
    return f", accuracy {accuracy['correct']}/{accuracy['total']} on its test subjects" if accuracy else ""


def _compared(int8: Mapping[str, Any]) -> Iterator[str]:
    """A line on each of the encoders in float and in 8-bit integers."""
    for name in ("float", "int8") if int8 else ():
        its, seconds = int8[name], int8[name]["seconds"]
        size = f"{its['bytes'] / 1e6:.3g} MB"
        times = f"one sample in {1e3 * seconds['p50']:.3g} ms, p95 {1e3 * seconds['p95']:.3g} ms, at one thread"
        yield f"  {name}: {size}, {times}{_tested(its['accuracy'])}"


def main(args: Sequence[str]) -> None:
    """Runs the command."""
    from cosmo_pl.parsing import run_command

    run_command([export], ["export", *args], "cosmo-pl", positional=False)
