"""Full disks and folders that cannot be written to: one line with the path and the remedy."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
import torch

from cosmo_pl.bundle import Bundle
from cosmo_pl.checkpoints import WholeCheckpointIO, read_checkpoint
from cosmo_pl.encoders import InertialEncoder
from cosmo_pl.io import write_json
from cosmo_pl.run_folder import claim_version
from cosmo_pl.storage import FULL, IN_THE_WAY, REMEDIES, StorageError, storage_error
from cosmo_pl.study.records import Results
from study.factory import jobs, record

STATE = {"state_dict": {"a": torch.ones(100_000)}}
ENCODER = InertialEncoder(channels=[64, 64, 64, 64])
WRITERS = {
    "checkpoint": lambda folder: WholeCheckpointIO().save_checkpoint(STATE, folder / "last.ckpt"),
    "bundle": lambda folder: Bundle({"acc": ENCODER}, {"acc": (120, 6)}).save(folder / "bundle"),
    "run": lambda folder: claim_version(folder / "runs"),
    "json": lambda folder: write_json(folder / "a.json", {"a": list(range(100_000))}),
    "result": lambda folder: Results(folder).put(jobs("table2")[0], record(jobs("table2")[0])),
}


def check(refused, folder, remedy, figures):
    text = str(refused.value)
    figures("storage", str(folder) in text and remedy in text and "\n" not in text)
    assert str(folder) in text
    assert remedy in text


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_below_a_file(name, tmp_path, figures):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as refused:
        WRITERS[name](tmp_path / "file" / "below")
    check(refused, tmp_path / "file", IN_THE_WAY, figures)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.parametrize("name", ["checkpoint", "bundle", "json"])
def test_a_full_disk_leaves_nothing_half_written(name, small_disk, figures):
    with pytest.raises(StorageError) as refused:
        WRITERS[name](small_disk)
    check(refused, small_disk, f"MiB are free on its disk). {FULL}.", figures)
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_keeps_the_checkpoint_that_is_there(small_disk):
    last = small_disk / "last.ckpt"
    WholeCheckpointIO().save_checkpoint({"state_dict": {"a": torch.ones(3)}}, last)
    with pytest.raises(StorageError):
        WRITERS["checkpoint"](small_disk)
    assert read_checkpoint(last)["state_dict"]["a"].tolist() == [1, 1, 1]
    last.unlink()


@pytest.mark.parametrize("number", sorted(REMEDIES))
def test_the_cause_is_found_below_other_errors(number):
    try:
        try:
            raise OSError(number, "x")
        except OSError as error:
            raise RuntimeError("y") from error
    except RuntimeError as error:
        found = storage_error(error, Path("/tmp/z"))
    assert found is not None
    assert "/tmp/z" in str(found)
    assert os.strerror(number).lower() in str(found)
    assert str(found).endswith(f"{REMEDIES[number]}.")
    assert ("MiB are free" in str(found)) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_other_errors_are_not_of_the_disk():
    assert storage_error(ValueError("x")) is None
    assert storage_error(OSError(errno.ENOENT, "x")) is None
