"""The layers of the package, read from its imports, and what importing it costs."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cosmo_pl

PACKAGE = Path(cosmo_pl.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [
    {"errors", "lazy", "quiet", "version"},
    {"extras", "fields", "own_code", "storage"},
    {
        "intervals",
        "io",
        "provenance",
        "run_folder",
        "sensors",
        "skeleton",
        "stream_names",
        "trust",
        "constraints",
        "tensors",
        "precision",
    },
    {"shipped"},
    {"parsing"},
    {"data", "simulation", "encoders", "losses", "fusion", "metrics", "event_metrics", "checkpoints"},
    {"bundle_checks", "bundle_data", "rounds"},
    {"bundle", "run_summary"},
    {"modules", "plots"},
    {"callbacks", "testing"},
    {"training_parser"},
    {"run_loading"},
    {"exported"},
    {"recogniser", "suggestion"},
    {"edge", "federated"},
    {"study"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
HEAVY = {"scipy", "sklearn", "dtaidistance", "matplotlib", "wandb", "requests", "pyarrow"} | {
    "onnx",
    "onnx_ir",
    "onnxruntime",
    "skl2onnx",
    "paho",
    "rerun",
    "aeon",
    "numba",
}
MAX_LINES, MAX_METHOD_LINES = 400, 400
DISTRIBUTIONS = {
    "pyyaml": "yaml",
    "scikit_learn": "sklearn",
    "rerun_sdk": "rerun",
    "paho_mqtt": "paho",
    "pytorch_lightning": "lightning_fabric",  # a part of it
}


def module_name(path: Path) -> str:
    """Dotted name of a file, "cosmo_pl.data.usc"; that of the folder for an __init__."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names imported anywhere below a node, relative ones and those inside functions included.

    ``from a.b import c`` gives both a.b and a.b.c, as c may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def local_imports(path: Path) -> set[str]:
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = imports(ast.parse(path.read_text(encoding="utf-8")), package)
    return {other for other in found if other.startswith("cosmo_pl.")}


def part(name: str) -> str:
    """Part of the package that a module belongs to: "data" of "cosmo_pl.data.usc"."""
    return [*name.split("."), ""][1]


def parts_imported(path: Path) -> set[str]:
    return {part(name) for name in local_imports(path)} & set(RANK)


every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def test_reader_of_imports_sees_all_forms() -> None:
    source = "import a.b\nfrom . import c\nfrom .d import e\nfrom ..f import g\ndef h():\n    from i.j import k\n"
    assert set(imports(ast.parse(source), "p.q")) == {
        "a.b", "p.q", "p.q.c", "p.q.d", "p.q.d.e", "p.f", "p.f.g", "i.j", "i.j.k",
    }  # fmt: skip
    assert "cosmo_pl.cli.train" in local_imports(PACKAGE / "cli" / "__init__.py")


def test_every_part_has_a_layer() -> None:
    parts = {part(module_name(path)) for path in FILES} - {""}
    assert parts <= set(RANK), f"without a layer: {sorted(parts - set(RANK))}"


@every_file
def test_imports_come_from_lower_layers(path: Path) -> None:
    own = part(module_name(path))
    if path == PACKAGE / "__init__.py":  # its names are imported when they are used
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert not any(
            name.startswith("cosmo_pl") and not name.startswith(("cosmo_pl.version", "cosmo_pl.lazy"))
            for node in body
            if not is_for_types(node)
            for name in imports(node, "")
        )
        return
    wrong = {other for other in parts_imported(path) - {own} if RANK[other] >= RANK[own]}
    assert not wrong, f"{own} imports {sorted(wrong)}"


@pytest.mark.parametrize("name", ["losses", "metrics", "event_metrics"])
def test_losses_and_metrics_know_no_other_part(name: str) -> None:
    own = [path for path in FILES if part(module_name(path)) == name]
    assert own and set().union(*(parts_imported(path) for path in own)) <= {"errors", "constraints", "tensors", name}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of more than one module, each of which imports every other one, directly or through others."""
    reached = {name: set(others) for name, others in graph.items()}
    for middle in graph:  # Warshall's closure
        for others in reached.values():
            if middle in others:
                others |= reached[middle]
    found = {name: frozenset(other for other in others if name in reached[other]) for name, others in reached.items()}
    return [set(group) for group in sorted(set(found.values()), key=sorted) if len(group) > 1]


def modules_imported(path: Path) -> set[str]:
    """Modules that a file imports; of a package only its modules, where only these are imported from it."""
    names, found = {module_name(path) for path in FILES}, local_imports(path)
    within = {name: {other for other in found if other.rpartition(".")[0] == name} for name in found & names}
    return {name for name, others in within.items() if not others or not others <= names}


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set()}) == [{"a", "b", "c"}]


def test_no_modules_import_each_other() -> None:
    """Imports for type hints count as well."""
    graph = {module_name(path): modules_imported(path) for path in FILES}
    found = [{name.removeprefix("cosmo_pl.") for name in group} for group in circles(graph)]
    assert found == []


def test_errors_know_nothing() -> None:
    assert not local_imports(PACKAGE / "errors.py")


METHODS = [path for path in FILES if path.parent.name == "modules" and path.stem not in ("__init__", "base")]


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_methods_do_not_know_each_other(path: Path) -> None:
    modules = {name for name in local_imports(path) if part(name) == "modules"}
    assert {name.split(".")[2] for name in modules if name.count(".") > 1} <= {"base"}
    assert "cosmo_pl.modules" not in modules, "import from cosmo_pl.modules.base"


def test_methods_are_found() -> None:
    assert {"contrastive_fusion", "iterative_fusion"} <= {path.stem for path in METHODS}


@every_file
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    """At the top of a file they would slow every start of the command line down."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    on_import = [n for n in tree.body if not isinstance(n, ast.FunctionDef | ast.ClassDef) and not is_for_types(n)]
    top = {name.split(".")[0] for node in on_import for name in imports(node, "")}
    assert not top & HEAVY


def is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def opens_text(call: ast.Call) -> bool:
    """Whether a call reads or writes text: ``read_text``, ``write_text``, or ``open`` without "b" in its mode."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "open" or ast.unparse(call.func).partition(".")[0] in {"os", "Image"}:
        return name in {"read_text", "write_text"}
    modes = [value.value for value in call.args if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    # zipfile's and others' own `open` take no mode, but a member
    return (isinstance(call.func, ast.Name) or not call.args or bool(modes)) and not any("b" in mode for mode in modes)


@every_file
def test_text_is_utf_8_whatever_the_locale(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    texts = [call for call in calls if opens_text(call)]
    without = [call.lineno for call in texts if "encoding" not in {word.arg for word in call.keywords}]
    assert not without, f"lines {without}: give encoding"


@every_file
def test_files_are_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (MAX_METHOD_LINES if path in METHODS else MAX_LINES), f"{lines} lines"


@pytest.mark.parametrize(
    "statement",
    [
        "import cosmo_pl",
        "import cosmo_pl; dir(cosmo_pl)",
        "import cosmo_pl.errors",
        "from cosmo_pl.cli import main; main(['--help'])",
        "from cosmo_pl.cli import main; main(['--version'])",
        "from cosmo_pl.cli import main; main([])",
    ],
)
def test_starting_is_cheap(statement: str) -> None:
    loaded = run(f"{statement}\nimport sys\nprint(*sys.modules)").splitlines()[-1].split()
    assert "cosmo_pl" in loaded
    slow = {"torch", "pytorch_lightning", "numpy", "jsonargparse", "tqdm"} | HEAVY
    assert not slow & {name.split(".")[0] for name in loaded}


def test_the_command_of_streams_loads_no_torch() -> None:
    """The parser looks at all imports of the module whose command it is, those for types included."""
    code = "from cosmo_pl.cli import main\ntry:\n  main(['stream', '--help'])\nexcept SystemExit:\n  pass"
    loaded = run(f"{code}\nimport sys\nprint(*sys.modules)").splitlines()[-1].split()
    assert "cosmo_pl.cli.stream" in loaded and not {"torch", "pytorch_lightning"} & {*loaded}


def test_imported_packages_are_declared() -> None:
    declared = configparser.ConfigParser()
    declared.read(PACKAGE.parents[1] / "setup.cfg", encoding="utf-8")
    lines = declared["options"]["install_requires"] + "".join(declared["options.extras_require"].values())
    names = {re.match(r"[\w.-]*", line)[0].lower().replace("-", "_") for line in lines.splitlines()}  # type: ignore[index]
    for name, imported in DISTRIBUTIONS.items():
        assert name in names
        names.add(imported)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    found = {name.split(".")[0] for tree in trees for name in imports(tree, "cosmo_pl.any")}
    assert found - sys.stdlib_module_names - {"cosmo_pl", "_typeshed"} <= names


def test_help_names_the_commands() -> None:
    text = run("from cosmo_pl.cli import main; main(['--help'])")
    assert all(command in text for command in ("fit", "test", "predict", "data download", "data simulate"))


def run(code: str) -> str:
    """Output of Python in a fresh process that finds the package where this one did."""
    start = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
