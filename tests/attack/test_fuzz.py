"""Files of every reader with random damage: each is refused in one clear line, or is a valid file.

`COSMO_PL_FUZZ` is the number of files of the slow run.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
import zipfile

import numpy as np
import pytest
import torch
from scipy.io import savemat

from cosmo_pl.bundle import Bundle
from cosmo_pl.checkpoints import read_checkpoint
from cosmo_pl.data import UTDDataModule
from cosmo_pl.data.clip_format import Sensor, finite_values, read_manifest
from cosmo_pl.data.download import Archive, download
from cosmo_pl.data.recordings import read_mat
from cosmo_pl.data.stored import StoredModality, stored_array
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.errors import CosmoError
from cosmo_pl.io import keep_json, kept_json, read_yaml
from cosmo_pl.study.records import Results
from data.raw import write_utd
from study.factory import jobs, record

FILES = int(os.environ.get("COSMO_PL_FUZZ", "5000"))


class Mat:
    def write(self, folder):
        savemat(folder / "a.mat", {"d": np.arange(60.0).reshape(10, 6)}, do_compression=bool(len(folder.name) % 2))
        return folder / "a.mat"

    def read(self, path):
        assert read_mat(path, "d", (None, 6)).dtype == np.float32


class Array:
    sensor = Sensor("series", 10.0, (6,), "float32", ("g",) * 6)

    def write(self, folder):
        np.save(folder / "a.npy", np.ones((10, 6), dtype=np.float32))
        return folder / "a.npy"

    def read(self, path):
        assert finite_values(path, (10, 6), self.sensor).shape == (10, 6)


class Manifest:
    def write(self, folder):
        sensor = {"kind": "series", "rate": 20.0, "shape": [6], "dtype": "float32", "unit": "g"}
        clip = {"name": "a", "subject": 1, "activity": "sit", "start": 0.0, "duration": 1.0, "files": {"imu": "a.npy"}}
        told = {"format": 1, "activities": ["sit", "walk"], "modalities": {"imu": sensor}, "clips": [clip]}
        (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
        return folder / "manifest.json"

    def read(self, path):
        assert read_manifest(path.parent).clips


class Yaml:
    def write(self, folder):
        text = "model:\n  class_path: X\n  init_args: {lr: 0.1, widths: [1, 2], &a b: 'x'}\ntrainer: {max_epochs: *a}\n"
        (folder / "a.yaml").write_text(text, encoding="utf-8")
        return folder / "a.yaml"

    def read(self, path):
        assert isinstance(read_yaml(path), dict)


class WholeBundle:
    name = "bundle.json"

    def write(self, folder):
        encoder = InertialEncoder(channels=[4, 4, 4, 4])
        Bundle({"acc": encoder}, {"acc": (120, 6)}).save(folder / "bundle")
        return folder / "bundle" / self.name

    def read(self, path):
        assert Bundle.load(path.parent).encoders


class Weights(WholeBundle):
    name = "encoders.safetensors"


class Checkpoint:
    def write(self, folder):
        torch.save({"state_dict": {"a": torch.ones(3), "b": torch.arange(4)}, "epoch": 3}, folder / "a.ckpt")
        return folder / "a.ckpt"

    def read(self, path):
        assert all(isinstance(name, str) for name in read_checkpoint(path)["state_dict"])


class Result:
    """A damaged result is left out."""

    def write(self, folder):
        self.job = jobs("table2")[0]
        Results(folder).put(self.job, record(self.job))
        return Results(folder).path(self.job)

    def read(self, path):
        Results(path.parents[1]).usable(self.job)


class Zip:
    archive = Archive("a.zip", "http://localhost:9", "Sensor", 2, r"Sensor/a\d\.mat", unpacked=1000)

    def write(self, folder):
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for name in ("a1", "a2"):
                file.writestr(f"Sensor/{name}.mat", b"MATLAB 5.0 MAT-file" + bytes(200))
        return folder / "a.zip"

    def read(self, path):
        folder = path.parent / "Sensor"
        shutil.rmtree(folder, ignore_errors=True)
        download({"sensor": self.archive}, path.parent)
        assert len(list(folder.rglob("*.mat"))) == 2


class Cache:
    """A damaged cache is made again: the samples are those of the recordings."""

    def write(self, folder):
        write_utd(folder / "raw", subjects=(1, 2), actions=(1, 2), trials=(1,))
        self.samples = self.load(folder)
        (found,) = (folder / "cache").glob("*.npz")
        return found

    def load(self, folder):
        data = UTDDataModule(
            root=str(folder / "raw"),
            cache_dir=str(folder / "cache"),
            test_subjects=[2],
            label_rate=1.0,
            phase="finetune",
        )
        return data.load()

    def read(self, path):
        again = self.load(path.parents[1])
        assert all(np.array_equal(values, again.inputs[name]) for name, values in self.samples.inputs.items())


class Kept:
    def write(self, folder):
        keep_json(folder / "a.json", {"a": [1, 2.5], "b": "x"})
        return folder / "a.json"

    def read(self, path):
        assert kept_json(path) in (None, {"a": [1, 2.5], "b": "x"})


class StoredRows:
    ending = ".npy"

    def write(self, folder):
        (folder / "raw").mkdir()
        for i in range(3):
            np.save(folder / f"raw/{i}.npy", np.full((4, 5), i, dtype=np.uint16))
        self.array = np.array(self.load(folder))
        (found,) = (folder / "cache").glob(f"*{self.ending}")
        return found

    def load(self, folder):
        modality = StoredModality("depth", lambda path: (np.load(path), 0), (4, 5), "uint16", {})
        return stored_array(modality, sorted((folder / "raw").iterdir()), folder / "cache", 1).array

    def read(self, path):
        assert np.array_equal(self.load(path.parents[1]), self.array)


class Journal(StoredRows):
    ending = ".journal"


READERS = {
    kind.__name__: kind()
    for kind in (
        Mat,
        Array,
        Manifest,
        Yaml,
        WholeBundle,
        Weights,
        Checkpoint,
        Result,
        Zip,
        Cache,
        Kept,
        StoredRows,
        Journal,
    )
}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to four flips, cuts, insertions, repetitions or swaps."""
    for _ in range(rng.integers(1, 5)):
        at, to = sorted(rng.integers(0, len(content) + 1, 2).tolist())
        match rng.integers(0, 6):
            case 0:
                content = content[:at] + bytes([rng.integers(0, 256)]) + content[at + 1 :]
            case 1:
                content = content[:at]
            case 2:
                content = content[:at] + rng.bytes(int(rng.integers(1, 9))) + content[at:]
            case 3:
                content = content[:at] + content[at : min(to, at + 64)] * 2 + content[to:]
            case 4:
                content = content[:at] + content[to:]
            case _:
                middle = (at + to) // 2
                content = content[:at] + content[middle:to] + content[at:middle] + content[to:]
    return content


def attack(name, count, folder, figures, seed):
    reader, rng, failures = READERS[name], np.random.default_rng([seed, len(name)]), []
    path = reader.write(folder)
    content = path.read_bytes()
    for number in range(count):
        damaged = mutated(content, rng)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(path)
        except CosmoError as error:
            well = "\n" not in str(error) and len(str(error)) < 1000
            told = str(error)
        except BaseException as error:
            well, told = False, f"{type(error).__name__}: {error}"
        else:
            well, told = True, ""
        figures("fuzz", well)
        if not well:
            failures.append(f"{number}: {told[:300]!r} of {damaged[:200]!r}")
    assert not failures, f"{len(failures)} of {count}\n" + "\n".join(failures[:5])


@pytest.mark.parametrize("name", READERS)
def test_a_few_damaged_files(name, tmp_path, figures):
    attack(name, 16, tmp_path, figures, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files(name, tmp_path, figures):
    attack(name, -(-FILES // len(READERS)), tmp_path, figures, 1)
