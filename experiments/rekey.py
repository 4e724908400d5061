"""Gives results of version 0.1.0 the keys of today, where what they were run with is what today's studies ask for.

A result of 0.1.0 names its configs and arguments, not what they resolved to. They are resolved by the code of the
commit that it was run from, or of the one that added it, whichever has the very configs that its old key is a hash of.
Arguments that have come since have today's default. A result whose resolved arguments no study asks for is dropped.

    python experiments/rekey.py            # reports what would become of them
    python experiments/rekey.py --write    # and does it
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cosmo_pl.data
import cosmo_pl.encoders
import cosmo_pl.modules
from cosmo_pl.data import augmentations, transforms
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import read_config, write_json
from cosmo_pl.study.identity import ASIDE, Resolved, canonical, identifying, key_of, numerics_of
from cosmo_pl.study.jobs import Project
from cosmo_pl.study.measures import NUMERICS

RESULTS = Path("experiments/results")
RESOLVE = """
import json, sys
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.loggers import WandbLogger
import cosmo_pl.data, cosmo_pl.encoders, cosmo_pl.modules
from cosmo_pl.data import MultimodalDataModule
from cosmo_pl.modules import BaseModule
parser = LightningArgumentParser(exit_on_error=False)
parser.add_lightning_class_args(BaseModule, "model", subclass_mode=True)
parser.add_lightning_class_args(MultimodalDataModule, "data", subclass_mode=True)
for name in ("modality_shapes", "num_classes"):
    parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
parser.add_argument("--config", action="config")
parser.add_argument("--seed_everything", type=bool | int, default=True)
parser.add_argument("--phase", default=None)
parser.add_argument("--wandb", type=WandbLogger | None, default=None)
parser.add_lightning_class_args(Trainer, "trainer")
found = []
for words in json.load(sys.stdin):
    try:
        found.append(json.loads(json.dumps(parser.parse_args(words).as_dict(), default=str)))
    except Exception as error:
        found.append(None)
json.dump(found, sys.stdout)
"""


class Trees:
    """Checkouts of earlier commits, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cache  # noqa: B019  one object lives as long as the program
    def at(self, commit: str) -> Path | None:
        """Checkout of a commit; None where history has no such commit."""
        place = self.folder / commit
        done = subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place, commit], capture_output=True)
        return place if done.returncode == 0 else None

    def remove(self) -> None:
        """Takes them away."""
        for place in self.folder.iterdir():
            subprocess.run(["git", "worktree", "remove", "--force", place], check=True)


def old_key(root: Path, stored: Mapping[str, Any]) -> str | None:
    """The key that version 0.1.0 gave a run under the configs of a checkout."""
    try:
        contents = [read_config(root / path) for path in stored["configs"]]
    except ConfigurationError:
        return None
    parts = [contents, stored["arguments"], stored["measure"], stored["parents"]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def candidates(stored: Mapping[str, Any], path: Path) -> Iterator[str]:
    """Commits whose configs a result may have been run with: its own, the one that added it, today's."""
    commit = stored["environment"].get("git")
    if commit:
        yield commit.removesuffix("-dirty")
    added = subprocess.run(
        ["git", "log", "--diff-filter=A", "--format=%h", "--", path], capture_output=True, text=True, check=True
    )
    yield from added.stdout.split()[-1:]
    yield "HEAD"


def words(stored: Mapping[str, Any], root: Path) -> list[str]:
    """The command line of a run."""
    given = stored["arguments"].items()
    return [f"--config={root / path}" for path in stored["configs"]] + [
        f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given
    ]


def resolve_old(stored_by_path: Mapping[Path, Mapping[str, Any]], trees: Trees) -> dict[Path, dict[str, Any]]:
    """Result to its whole configuration at that time, where history has it."""
    places: dict[Path, list[Path]] = {}
    for path, stored in stored_by_path.items():
        for commit in candidates(stored, path):
            root = trees.at(commit)
            if root is not None and old_key(root, stored) == stored["key"]:
                places.setdefault(root, []).append(path)
    found: dict[Path, dict[str, Any]] = {}
    for root, paths in places.items():
        left = [path for path in paths if path not in found]
        asked = json.dumps([words(stored_by_path[path], root) for path in left])
        done = subprocess.run(
            [sys.executable, "-c", RESOLVE], input=asked, capture_output=True, text=True, cwd=root,
            env={"PYTHONPATH": str(root / "src"), "PATH": ""}, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"{root.name} does not resolve: {done.stderr.splitlines()[-1]}", file=sys.stderr)
            continue
        found |= {path: config for path, config in zip(left, json.loads(done.stdout), strict=True) if config}
    return found


@cache
def todays(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Arguments with their defaults, and numerics, of a class of the package by its own name."""
    spaces = (cosmo_pl.data, cosmo_pl.encoders, cosmo_pl.modules, augmentations, transforms)
    found = next((getattr(space, name) for space in spaces if hasattr(space, name)), None)
    if found is None:
        return {}, {}
    defaults: dict[str, Any] = {}
    for ancestor in (ancestor for ancestor in found.__mro__ if "__init__" in vars(ancestor)):
        parameters = inspect.signature(vars(ancestor)["__init__"]).parameters.values()
        own = {p.name: canonical(p.default) for p in parameters if p.default is not inspect.Parameter.empty}
        defaults = own | defaults
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
            break  # it hands nothing on
    return defaults, numerics_of(found)


def as_today(value: Any, numerics: dict[str, str]) -> Any:
    """Canonical arguments with those that have come since, and what is written in another way today."""
    if isinstance(value, list):
        return [as_today(each, numerics) for each in value]
    if not isinstance(value, dict):
        return value
    stored = {name: as_today(each, numerics) for name, each in value.items()}
    name = str(value.get("class_path", "")).removeprefix("cosmo_pl:")
    if name != value.get("class_path", ""):
        defaults, numbers = todays(name)
        numerics |= numbers
        aside = ASIDE | {"phase", "bundle"}
        new = {key: default for key, default in defaults.items() if default is not None and key not in aside}
        arguments = new | stored.get("init_args", {})
        if name == "ContrastiveFusionModule" and len(arguments["encoders"]) == 2 and arguments["sampling"] == "grid":
            arguments["sampling"] = "auto"
        if arguments:
            stored["init_args"] = arguments
    return stored


def renewed(stored: dict[str, Any], config: dict[str, Any] | None, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """A result under its key of today; None where a run that it builds on is gone."""
    if any(parent not in keys for parent in stored["parents"]):
        return None
    arguments: dict[str, Any] = {}
    numerics: dict[str, str] = {}
    if config is not None:
        part = "data" if stored["kind"] == "measure" else "child" if stored["parents"] else "all"
        arguments = as_today(canonical(identifying(config, part)), numerics)
    if stored["measure"]:
        arguments["measure"] = stored["measure"]
        numerics[f"measure:{stored['measure']}"] = NUMERICS.get(stored["measure"], "1.0")
    parents = [keys[parent] for parent in stored["parents"]]
    resolved = Resolved(arguments, dict(sorted(numerics.items())))
    commit = stored["environment"].pop("git") or ""
    environment = {
        **stored["environment"],
        "commit": commit.removesuffix("-dirty") or None,
        "dirty": commit.endswith("-dirty") if commit else None,
        "precision": None if stored["kind"] == "measure" else "32-true",
    }
    for quality in stored["result"].get("quality", {}).values():
        quality.pop("silhouettes", None)
    return {
        **stored, "key": key_of(resolved, parents), "parents": parents, "resolved": resolved.arguments,
        "numerics": resolved.numerics, "environment": environment,
    }  # fmt: skip


def main() -> None:
    """Re-keys the results, or reports what would become of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="replace the files; without it nothing is changed")
    write = parser.parse_args().write
    stored_by_path = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*/*.json"))}
    stored_by_path = {path: stored for path, stored in stored_by_path.items() if "resolved" not in stored}
    with tempfile.TemporaryDirectory() as folder:
        trees = Trees(Path(folder))
        configs = resolve_old({path: stored for path, stored in stored_by_path.items() if stored["configs"]}, trees)
        trees.remove()
    project = Project()
    names = [*project.studies(), *project.sweeps()]
    wanted = {job.key for preset in project.presets() for name in names for job in project.jobs(name, preset)}
    keys: dict[str, str] = {}
    fate: Counter[tuple[str, ...]] = Counter()
    kinds = ("pretrain", "finetune", "measure")
    for path, stored in sorted(stored_by_path.items(), key=lambda item: kinds.index(item[1]["kind"])):
        group = (stored["dataset"], stored["measure"] or stored["kind"], stored["preset"], stored["method"])
        if stored["configs"] and path not in configs:
            fate["its configs are not in history", *group] += 1
            continue
        old = stored["key"]
        new = renewed(stored, configs.get(path), keys)
        if new is None:
            fate["what it builds on was dropped", *group] += 1
            continue
        keys[old] = new["key"]
        fate["kept" if new["key"] in wanted else "no study asks for it today", *group] += 1
        if write:
            path.unlink()
            if new["key"] in wanted:
                name = f"{path.name.rpartition('-')[0]}-{new['key']}.json"
                write_json(path.with_name(name), new)
    for (what, *group), count in sorted(fate.items()):
        print(f"{count:4d}  {what}: {' '.join(group)}")
    total = Counter[str]()
    for (what, *_), count in fate.items():
        total[what] += count
    print(f"{len(stored_by_path)} results of 0.1.0: " + ", ".join(f"{count} {what}" for what, count in total.items()))


if __name__ == "__main__":
    main()
