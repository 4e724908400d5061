"""Processes that are killed at random moments go on from there, and end with the same bits.

`COSMO_PL_KILLS` is the number of victims of the slow run; every second one is killed twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.stored import StoredModality, stored_array

from .harness import SMALL, STAGE1, STAGE2, final_state, in_process, same

KILLS = int(os.environ.get("COSMO_PL_KILLS", "60"))
MEMORY = Path("/dev/shm")  # another filesystem than that of the runs


class Fit:
    """A stage: resumed by ``--ckpt_path=last`` once there is a checkpoint."""

    def __init__(self, name, stage):
        self.name, self.stage = name, stage

    def prepare(self, folder, trained):
        if self.name == "cosmo-iterative":
            shutil.copytree(trained / "runs/demo/cosmo", folder / "runs/demo/cosmo")

    def start(self, root):
        main(["fit", *self.stage, f"--data.init_args.root={root}", *SMALL])

    def resume(self, root):
        try:
            main(["fit", *self.stage, f"--data.init_args.root={root}", *SMALL, "--ckpt_path=last"])
        except SystemExit:
            if any(Path("runs/demo", self.name).glob("version_*/checkpoints/*.ckpt")):
                raise
            self.start(root)  # it was killed before its first checkpoint

    def outcome(self, folder):
        return final_state(folder / "runs/demo" / self.name)


class Preparation:
    """Recordings that are read into a cache, and a modality that is read into a file of its own."""

    def prepare(self, folder, trained):
        (folder / "raw").mkdir()
        for i in range(30):
            np.save(folder / f"raw/{i}.npy", np.full((50, 5), i + 1, dtype=np.uint16))

    def start(self, root):
        data = UTDDataModule(root=root, label_rate=0.3, cache_dir="cache", phase="finetune")
        data.prepare_data()
        data.setup()
        modality = StoredModality("depth", doubled, (50, 5), "uint16", {})
        stored = stored_array(modality, sorted(Path("raw").iterdir()), Path("cache"), 1)
        found = [data.samples.inputs, data.samples.label, data.data_fingerprint, np.array(stored.array), stored.content]
        np.save("outcome.npy", np.array(found, dtype=object), allow_pickle=True)

    resume = start

    def outcome(self, folder):
        inputs, label, fingerprint, array, content = np.load(folder / "outcome.npy", allow_pickle=True)
        return {"inputs": inputs, "label": label, "fingerprint": fingerprint, "array": array, "content": content}


def doubled(path):
    time.sleep(0.01)
    return np.load(path) * 2, 0


class Study:
    """Both stages and their records, through `cosmo-pl study run`."""

    def prepare(self, folder, trained):
        project = Path(__file__).parents[2]
        shutil.copytree(project / "configs", folder / "configs")
        leave = shutil.ignore_patterns("results", "rendered")
        shutil.copytree(project / "experiments", folder / "experiments", ignore=leave)
        study = {"title": "Attack", "render": "table2.accuracy", "runs": [{"datasets": ["utd"], "methods": ["cosmo"]}]}
        (folder / "experiments/attack.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
        for stage in ("utd_stage1", "utd_stage2"):
            path = folder / f"experiments/presets/smoke/{stage}.yaml"
            told = yaml.safe_load(path.read_text(encoding="utf-8"))
            told.setdefault("data", {}).setdefault("init_args", {})["label_rate"] = 0.3
            path.write_text(yaml.safe_dump(told), encoding="utf-8")

    def start(self, root):
        os.environ["COSMO_PL_DATA"] = str(root)
        main(["study", "run", "attack", "--preset=smoke"])

    resume = start

    def outcome(self, folder):
        records = {}
        for path in (folder / "experiments/results").rglob("*.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            curves, result = record["curves"], record["result"]
            kept = ("accuracy", "by_recording", "correct", "quality", "epochs", "labels", "test_acc_best_epoch")
            records[path.name] = {"curves": curves, **{name: result[name] for name in kept if name in result}}
        bundles = sorted((folder / "runs/study").glob("*/version_*/bundle/encoders.safetensors"))
        return {"records": records, "bundle": bundles[-1].read_bytes()}


VICTIMS = {
    "stage1": Fit("cosmo", STAGE1),
    "stage2": Fit("cosmo-iterative", STAGE2),
    "preparation": Preparation(),
    "study": Study(),
}
CASES = [(name, number) for number in range(-(-KILLS // len(VICTIMS))) for name in VICTIMS][:KILLS]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, trained, utd_root):
    """Name of a victim → what it leaves when nobody kills it, and the seconds that it takes."""
    known = {}

    def run(name):
        if name not in known:
            victim, folder = VICTIMS[name], tmp_path_factory.mktemp(name)
            victim.prepare(folder, trained)
            start = time.monotonic()
            assert in_process(partial(victim.start, utd_root), folder, folder / "log") == 0, (folder / "log").read_text(
                encoding="utf-8"
            )
            known[name] = victim.outcome(folder), time.monotonic() - start
        return known[name]

    return run


@pytest.mark.slow  # `tests/cli/test_cli.py` kills a training, too
@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_killed_process_goes_on(name, number, uninterrupted, trained, tmp_path, utd_root, figures):
    victim, (wanted, seconds) = VICTIMS[name], uninterrupted(name)
    moments = np.random.default_rng([number, len(name)])
    victim.prepare(tmp_path, trained)
    temporary = tempfile.mkdtemp(dir=MEMORY) if MEMORY.is_dir() and number % 2 == 0 else None
    log, work, kills = tmp_path / "log", victim.start, 0
    try:
        for _ in range(1 + number % 2):  # the resumed process is killed as well
            status = in_process(partial(work, utd_root), tmp_path, log, moments.uniform(0, seconds), temporary)
            kills += status == -signal.SIGKILL
            work = victim.resume
        status = in_process(partial(work, utd_root), tmp_path, log, temporary=temporary)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary)
    equal = status == 0 and same(victim.outcome(tmp_path), wanted)
    for _ in range(kills):
        figures("kills", equal)
    assert equal, log.read_text(encoding="utf-8")[-3000:]
