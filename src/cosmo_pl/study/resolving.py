"""Configurations as the command line resolves them, cached by the content of their files."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cosmo_pl
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder, keep_json, kept_json, read_config, user_path
from cosmo_pl.parsing import Given, parse
from cosmo_pl.run_folder import BUNDLE_WEIGHTS, find_bundle
from cosmo_pl.shipped import project_config
from cosmo_pl.study.identity import SEEDS, Part, Resolved, canonical, identifying, numerics_of, options
from cosmo_pl.trust import class_paths

FORMAT = 3  # raise it when configurations are resolved or cached in another way
PACKAGE = Path(cosmo_pl.__file__).parent
LABEL_FILE = "data.init_args.label_file"
LABEL_SPLIT = "data.init_args.label_split"
BUNDLE = "model.init_args.bundle"
FEDERATED = "cosmo_pl.rounds.FederatedSettings"  # the configs name no class for it


Resolve = Callable[[Path, Sequence[str], Mapping[str, Any], Part], Resolved]
"""Resolves configs below a folder, with arguments on top; see `identifying` for the part."""


class Resolver:
    """Resolves configurations with the command line's own parser.

    Resolving takes 0.1 s per configuration and imports torch, so the result is cached under a hash of the content of
    the configs and of the arguments, together with the signatures of the classes that they name. It is resolved again
    if a signature has changed. While no file of this package has changed, the cache is used without any import.

    Args:
        folder: Folder of the cache; None takes ``resolved/`` in the cache of parsed recordings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "resolved"
        self._known: dict[str, Resolved] = {}
        self._contents: dict[Path, Any] = {}
        self._bar: Any = None

    def __call__(self, root: Path, configs: Sequence[str], arguments: Mapping[str, Any], part: Part) -> Resolved:
        """Resolves configs below a folder, with arguments on top; see `identifying` for the part.

        Raises:
            ConfigurationError: A config cannot be read, an argument is not one of the command line's, or there is no
                such file of labels.
        """
        rest = {name: value for name, value in arguments.items() if name not in SEEDS}
        request = [FORMAT, _libraries(), [self._content(project_config(root, path)) for path in configs], rest, part]
        name = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]
        if name not in self._known:
            self._known[name] = self._kept(name) or self._resolved(name, root, configs, rest, part)
        seeded = _seeded(self._known[name], {seed: arguments[seed] for seed in SEEDS if seed in arguments})
        return _with_content(seeded)

    def _content(self, path: Path) -> Any:
        if path not in self._contents:
            self._contents[path] = read_config(path)
        return self._contents[path]

    def _kept(self, name: str) -> Resolved | None:
        """The cached configuration of that name, if it is still valid."""
        try:
            kept = kept_json(self.folder / f"{name}.json")
            if kept is None:
                return None
            classes, arguments = kept["classes"], kept["arguments"]
            ours = all(path.startswith(("cosmo_pl.", "pytorch_lightning.")) for path in classes)
            if not (ours and kept["sources"] == sources()):
                if any(_signature(path) != signature for path, signature in classes.items()):
                    return None
                self._keep(name, arguments, list(classes))
                return Resolved(arguments, _numerics(classes))
            return Resolved(arguments, kept["numerics"])
        except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError):
            return None  # of another version, or of a class that no longer exists

    def _resolved(
        self, name: str, root: Path, configs: Sequence[str], arguments: Mapping[str, Any], part: Part
    ) -> Resolved:
        self._show_progress()
        config = resolve([project_config(root, path) for path in configs], arguments)
        found = identifying(config, part)
        paths = sorted({*class_paths(found), *([FEDERATED] if found.get("federated") else [])})
        arguments = canonical(found)
        self._keep(name, arguments, paths)
        return Resolved(arguments, _numerics(paths))

    def _show_progress(self) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(desc="configurations resolved for the first time", leave=False, disable=None)
        self._bar.update()

    def _keep(self, name: str, arguments: Mapping[str, Any], paths: Sequence[str]) -> None:
        classes = {path: _signature(path) for path in paths}
        kept = {"sources": sources(), "classes": classes, "arguments": arguments, "numerics": _numerics(paths)}
        keep_json(self.folder / f"{name}.json", kept)


def resolve_again(root: Path, configs: Sequence[str], arguments: Mapping[str, Any], part: Part) -> Resolved:
    """Resolves configs as they are now, as a `Resolver` that has read none of them.

    Raises:
        ConfigurationError: A config cannot be read, or an argument is not one of the command line's.
    """
    return Resolver()(root, configs, arguments, part)


def resolve(configs: Sequence[Path], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration that the command line makes from configs and arguments.

    Raises:
        ConfigurationError: They cannot be used.
    """
    from cosmo_pl.parsing.trainer_arguments import check_configuration
    from cosmo_pl.run_loading import name_test_subjects

    words = [*(f"--config={path}" for path in configs), *options(arguments)]
    config: dict[str, Any] = json.loads(json.dumps(parse(Given.of(_parser(), words)).as_dict(), default=str))
    check_configuration(config)
    name_test_subjects(config["data"])
    return config


def _seeded(resolved: Resolved, seeds: Mapping[str, int]) -> Resolved:
    arguments = json.loads(json.dumps(resolved.arguments))
    for argument, seed in seeds.items():
        *parts, last = argument.split(".")
        group = arguments
        for part in parts:
            group = group[part]
        group[last] = seed
    return Resolved(arguments, resolved.numerics)


def _with_content(resolved: Resolved) -> Resolved:
    """A configuration that names the content of what its paths name, as other content makes another run.

    These are its file, or list, of labels, and a bundle that is not of a parent.
    """
    content = {LABEL_FILE: _label_file(resolved), LABEL_SPLIT: _label_split(resolved), BUNDLE: _bundle(resolved)}
    if not any(content.values()):
        return resolved
    arguments = json.loads(json.dumps(resolved.arguments))
    for argument, digest in content.items():
        if digest is not None:
            part, _, name = argument.split(".")
            arguments[part]["init_args"][name] = f"{resolved.value(argument)}, {digest}"
    return Resolved(arguments, resolved.numerics)


def _label_file(resolved: Resolved) -> str | None:
    """Digest of the file of labels."""
    if (named := resolved.value(LABEL_FILE)) is None:
        return None
    path = user_path(named)
    if not path.is_file():
        raise ConfigurationError(LABEL_FILE, f"there is no file '{path}'", "Correct its path")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _label_split(resolved: Resolved) -> str | None:
    """Digest of the list of labelled recordings; None for one in the dataset's folder, which a study does not read."""
    name, file = resolved.value(LABEL_SPLIT), resolved.value(f"{LABEL_SPLIT}_file")
    if name is None or not (path := user_path(file)).is_file():
        return None
    from cosmo_pl.data.label_splits import read_label_split  # imports torch

    return hashlib.sha256(str(sorted(read_label_split(path, name), key=str)).encode()).hexdigest()


def _bundle(resolved: Resolved) -> str | None:
    """Digest of the weights of a bundle; None for a name without a folder, which stands for a run of the same study."""
    named = resolved.value(BUNDLE)
    if not isinstance(named, str) or Path(named).name == named or (found := find_bundle(user_path(named))) is None:
        return None
    weights = found / BUNDLE_WEIGHTS
    return _content_hash(weights, weights.stat().st_mtime_ns) if weights.is_file() else None


@cache  # all jobs with this bundle
def _content_hash(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _parser() -> Any:
    from cosmo_pl.training_parser import command_parser

    return command_parser()


@cache
def sources() -> str:
    """Hash of the package's own files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _libraries() -> list[str]:
    return [f"{name} {version(name)}" for name in ("jsonargparse", "pytorch-lightning")]


@cache
def _signature(path: str) -> str:
    """Hash of the arguments and defaults of a class and of its bases."""
    from cosmo_pl.run_loading import imported_class

    found = imported_class(path)
    signatures = [str(inspect.signature(vars(c)["__init__"])) for c in found.__mro__[:-1] if "__init__" in vars(c)]
    named = str(getattr(found, "default_test_subjects", None))  # see `name_test_subjects`
    return hashlib.sha256("\n".join([*signatures, named]).encode()).hexdigest()[:16]


def _numerics(paths: Iterable[str]) -> dict[str, str]:
    from cosmo_pl.run_loading import imported_class

    return {name: numerics for path in paths for name, numerics in numerics_of(imported_class(path)).items()}
