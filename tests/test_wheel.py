"""The wheel, built from the source distribution, in a fresh environment and outside of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import cosmo_pl
from cosmo_pl.shipped import config_names

ROOT = Path(__file__).parents[1]
SOURCES = (
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "constraints.txt",
    "src",
    "configs",
    "experiments",
)
pytestmark = pytest.mark.slow


def run(*words, cwd, **environment):
    """Output of a command, without what points at this checkout."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COSMO_PL_DATA")}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env={**env, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, as `python -m build` makes it: from the unpacked source distribution."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        source, target = ROOT / name, folder / "checkout" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
        else:
            shutil.copy(source, target)
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, folder, cwd=folder / "checkout")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    run(*pip, "-w", folder / "wheels", source, cwd=folder)
    (built,) = (folder / "wheels").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def outside(wheel, tmp_path_factory):
    """A working directory, and the folder of commands of an environment that has the wheel.

    Its other packages are those of this environment, by a path file: they are large.
    """
    folder = tmp_path_factory.mktemp("outside")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    (site / "other_packages.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q"]
    run(*install, "--ignore-installed", wheel, cwd=folder)
    (folder / "work").mkdir()
    return folder / "work", folder / "venv/bin"


def test_the_wheel_holds_configs_studies_types_and_licence(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert {f"cosmo_pl/project/configs/{name}.yaml" for name in config_names()} <= names
    studies = {path.relative_to(ROOT) for path in (ROOT / "experiments").rglob("*.yaml")}
    assert {f"cosmo_pl/project/{path.as_posix()}" for path in studies} <= names
    results = len(list((ROOT / "experiments/results").rglob("*.json")))
    assert sum(name.startswith("cosmo_pl/project/experiments/results/") for name in names) == results
    assert "cosmo_pl/py.typed" in names and not any("/rendered/" in name for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_train_test_and_render_outside_of_the_checkout(outside, utd_root):
    work, commands = outside
    cosmo = commands / "cosmo-pl"
    installed = commands.parent / "lib"
    found = run(commands / "python", "-c", "import cosmo_pl; print(cosmo_pl.__file__)", cwd=work).strip()
    assert Path(found).is_relative_to(installed)
    assert run(cosmo, "--version", cwd=work).strip() == f"cosmo-pl {cosmo_pl.__version__}"
    listed = run(cosmo, "configs", cwd=work).splitlines()
    assert [line.split()[0] for line in listed] == [f"cosmo:{name}" for name in config_names()]

    before = {path for path in installed.rglob("*") if "__pycache__" not in path.parts}
    short = [
        "--trainer.max_epochs=1",
        "--trainer.limit_train_batches=2",
        "--trainer.enable_progress_bar=false",
        f"--data.init_args.root={utd_root}",
        "--data.init_args.label_rate=0.3",
    ]
    for command, stage in (("fit", 1), ("fit", 2), ("test", 2)):
        run(cosmo, command, f"--config=cosmo:demo_stage{stage}", *short, cwd=work, OMP_NUM_THREADS="1")
    assert (work / "runs/demo/cosmo-iterative/version_0/test_0/metrics.json").is_file()
    assert "finished" in run(cosmo, "runs", cwd=work)
    predict = "from cosmo_pl import Recogniser; print(Recogniser.load('runs/demo/cosmo-iterative').modality_shapes)"
    assert "(120, 6)" in run(commands / "python", "-c", predict, cwd=work)

    run(cosmo, "study", "render", "table2", cwd=work)
    table = (work / "experiments/rendered/table2.md").read_text(encoding="utf-8")
    run(cosmo, "study", "render", "table2", f"--project={ROOT}", "--output=of_the_checkout", cwd=work)
    assert table == (work / "of_the_checkout/table2.md").read_text(encoding="utf-8")
    assert {path for path in installed.rglob("*") if "__pycache__" not in path.parts} == before
