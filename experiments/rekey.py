"""Gives results the names of version 0.2.0: of arguments, classes and settings of optimizers, and so their new keys.

Nothing but names and nesting changes. A setting that a class did not have as an argument is filled in with the value
that its optimizer had. Results whose parents have new keys follow them. Results with the new names stay as they are, so
that the script may run again after others have added results.

    python experiments/rekey.py            # reports what would change, and which jobs have results then
    python experiments/rekey.py --write    # and changes it
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmo_pl.io import write_json
from cosmo_pl.study.identity import Resolved, key_of
from cosmo_pl.study.jobs import Project

CLASSES = {"TurnBody": "RotateBody", "NeighborPartners": "NearestNeighborPositives"}
MOVED = {
    "cosmo_pl.modules.NeighborPartners": "cosmo_pl.callbacks.NearestNeighborPositives",
    "cosmo_pl.modules.ModalityDropout": "cosmo_pl.callbacks.ModalityDropout",
    "cosmo_pl.data.augmentations.TurnBody": "cosmo_pl.data.augmentations.RotateBody",
}
FOREST = {"rounds": "self_training_rounds", "max_self_labeled": "max_pseudo_labels"}
ARGUMENTS: dict[str, dict[str, str]] = {
    "NearestNeighborPositives": {"share": "fraction"},
    "ModalityDropout": {"share": "probability"},
    "MaskTime": {"max_share": "max_fraction"},
    "ContrastiveFusionModule": {"num_views": "num_fused"},
    "CMCModule": {"form": "variant"},
    "RandomForestModule": FOREST,
    "FeatureForestModule": FOREST,
    "PrototypeModule": {"unlabeled_share": "unlabeled_weight"},
}
"""Class, by its new name, to old and new names of its arguments."""

SETTINGS = {
    "optimizer": "name",
    "momentum": "momentum",
    "betas": "betas",
    "weight_decay": "weight_decay",
    "schedule": "schedule",
    "lr_milestones": "milestones",
    "lr_gamma": "gamma",
}
"""Old argument of a module to field of its `optimizer`."""

FILLED_IN = {"betas": [0.9, 0.999], "schedule": "steps"}
"""Settings of all optimizers that were no arguments of some classes."""

Json = dict[str, Any]


def renamed_class(path: str) -> str:
    """Class path, "cosmo_pl.modules.CMCModule" or "cosmo_pl:CMCModule", of a class today."""
    package, colon, name = path.partition(":")
    return f"{package}:{CLASSES.get(name, name)}" if colon else MOVED.get(path, path)


def own_name(path: str) -> str:
    """Name of a class without its package."""
    return path.rpartition(".")[2].rpartition(":")[2]


def renamed(value: Any) -> Any:
    """Nested arguments under their new names."""
    if isinstance(value, list):
        return [renamed(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: renamed(each) for name, each in value.items()}
    if isinstance(found.get("class_path"), str):
        found["class_path"] = renamed_class(found["class_path"])
        if "init_args" in found:
            found["init_args"] = renamed_arguments(own_name(found["class_path"]), found["init_args"])
    return found


def renamed_arguments(kind: str, arguments: Json) -> Json:
    """Arguments of a class under their new names, with the settings of an optimizer in one."""
    names = ARGUMENTS.get(kind, {})
    if "lr_gamma" not in arguments:
        return {names.get(name, name): value for name, value in arguments.items()}
    settings = {SETTINGS[name]: value for name, value in arguments.items() if name in SETTINGS}
    others = {names.get(name, name): value for name, value in arguments.items() if name not in SETTINGS}
    return {**others, "optimizer": {**FILLED_IN, **settings}}


def renamed_option(option: str, kind: str) -> str:
    """Dotted argument of the command line under its new name.

    Args:
        option: "model.init_args.lr_gamma".
        kind: Class of the model.
    """
    head, _, name = option.rpartition(".")
    if head != "model.init_args":
        return option
    if name in SETTINGS:
        return f"{head}.optimizer.{SETTINGS[name]}"
    return f"{head}.{ARGUMENTS.get(kind, {}).get(name, name)}"


def renewed(stored: Json, keys: Mapping[str, str]) -> Json:
    """A result under its new names and key.

    Args:
        stored: The result.
        keys: Old to new key of every result.

    Raises:
        KeyError: It builds on a run that has no result.
    """
    resolved = renamed(stored["resolved"])
    numerics = dict(sorted((renamed_class(name), number) for name, number in stored["numerics"].items()))
    kind = own_name(str(resolved.get("model", {}).get("class_path", "")))
    is_new = resolved == stored["resolved"]
    arguments = {
        option if is_new else renamed_option(option, kind): renamed(value)
        for option, value in stored["arguments"].items()
    }
    parents = [keys[parent] for parent in stored["parents"]]
    key = key_of(Resolved(resolved, numerics), parents)
    changes = {"key": key, "arguments": arguments, "parents": parents, "resolved": resolved, "numerics": numerics}
    return {**stored, **changes}


def rekeyed(stored_by_path: Mapping[Path, Json]) -> tuple[dict[Path, Json], dict[Path, str]]:
    """Results under their new names and keys, those first that others build on.

    Args:
        stored_by_path: File to result.

    Returns:
        File to the new result, and file to the reason why there is none.
    """
    by_key = {stored["key"]: path for path, stored in stored_by_path.items()}
    keys: dict[str, str] = {}
    found: dict[Path, Json] = {}
    wrong: dict[Path, str] = {}

    def visit(path: Path) -> None:
        if path in found or path in wrong:
            return
        stored = stored_by_path[path]
        for parent in stored["parents"]:
            if parent in by_key:
                visit(by_key[parent])
        if stored["key"] != key_of(Resolved(stored["resolved"], stored["numerics"]), stored["parents"]):
            wrong[path] = "its key is not that of its arguments"
        elif missing := [parent for parent in stored["parents"] if parent not in keys]:
            wrong[path] = f"it builds on {', '.join(missing)}, which has no result"
        else:
            found[path] = renewed(stored, keys)
            keys[stored["key"]] = found[path]["key"]

    for path in stored_by_path:
        visit(path)
    return found, wrong


def done(project: Project, keys: set[str]) -> dict[str, tuple[int, int]]:
    """Preset to the number of its jobs, those of sweeps included, that have a result, and to the number of all."""
    counts = {}
    for preset in project.presets():
        names = [*project.studies(), *project.sweeps()]
        wanted = {job.key for name in names for job in project.jobs(name, preset)}
        counts[preset] = len(wanted & keys), len(wanted)
    return counts


def main() -> None:
    """Renames the results, or reports what would become of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=Path("experiments/results"), help="folder of the results")
    parser.add_argument("--write", action="store_true", help="replace the files; without it nothing is changed")
    given = parser.parse_args()
    paths = sorted(given.results.glob("*/*.json"))
    stored_by_path = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    found, wrong = rekeyed(stored_by_path)
    fate: Counter[str] = Counter()
    keys: set[str] = set()
    for path, new in found.items():
        target = path.with_name(f"{path.name.rpartition('-')[0]}-{new['key']}.json")
        if new == stored_by_path[path]:
            fate["have the new names"] += 1
        elif target != path and target in stored_by_path:
            fate["are recorded under the new names as well, and are removed"] += 1
            print(f"{path}: the same run as {target}")
            if given.write:
                path.unlink()
        else:
            fate["are renamed"] += 1
            if given.write:
                write_json(target, new)
                if target != path:
                    path.unlink()
        keys.add(new["key"])
    for path, reason in wrong.items():
        print(f"{path}: stays as it is: {reason}")
    print(f"{len(paths)} results: " + ", ".join(f"{count} {what}" for what, count in fate.items()))
    project = Project()
    for preset, (count, total) in done(project, keys).items():
        print(f"preset {preset}: {count} of {total} jobs have results")


if __name__ == "__main__":
    main()
