"""The cache of parsed recordings: never stale, never half, never in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import cosmo_pl.data.samples as module
from cosmo_pl.data import USCDataModule
from cosmo_pl.data.samples import Samples, cached, fingerprint
from cosmo_pl.errors import CosmoError
from cosmo_pl.io import cache_folder

from .raw import noise, write_usc

SAMPLES = Samples(
    {"acc": np.random.default_rng(0).normal(size=(4, 10, 3)).astype(np.float32), "gyro": np.ones((4, 5), np.float32)},
    np.arange(4),
    np.array([1, 1, 2, 2]),
    np.array(["a", "b", "c", "Subject10/a10t10"]),
    np.array([0, 7, 0, 7]),
)


class Reads:
    """Counts how often a datamodule's raw files are parsed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        self.count, self.cache = 0, cache
        original = USCDataModule.read

        def read(data: USCDataModule, recordings: object) -> Samples:
            self.count += 1
            return original(data, recordings)

        monkeypatch.setattr(USCDataModule, "read", read)

    def of(self, root: Path, **arguments: object) -> tuple[int, USCDataModule]:
        """Number of times that the files are parsed, and the datamodule, set up."""
        before = self.count
        defaults = {"window_size": 20, "stride": 10, "test_subjects": [4], "label_rate": 0.5}
        data = USCDataModule(**{"root": str(root), "cache_dir": str(self.cache), **defaults, **arguments})
        data.prepare_data()
        data.setup()
        return self.count - before, data


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reads:
    write_usc(tmp_path / "one")
    return Reads(monkeypatch, tmp_path / "cache")


def assert_same(one: Samples, other: Samples) -> None:
    assert set(one.inputs) == set(other.inputs)
    for name, values in one.inputs.items():
        np.testing.assert_array_equal(values, other.inputs[name])
        assert values.dtype == other.inputs[name].dtype
    for key in ("label", "subject", "recording", "start"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key))
        assert getattr(one, key).dtype == getattr(other, key).dtype


def test_recordings_are_found_and_checked_once(reads: Reads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setup that nothing was prepared for, or whose model became known meanwhile, reads them itself."""
    loads: list[Samples] = []
    load = USCDataModule.load
    monkeypatch.setattr(USCDataModule, "load", lambda data: loads.append(load(data)) or loads[-1])
    _, data = reads.of(tmp_path / "one")
    data.prepare_data()  # as Lightning does before a test
    assert len(loads) == 1 and data._prepared is None
    for prepared, read in ((False, 1), (True, 2)):
        before = len(loads)
        given = {"window_size": 20, "stride": 10, "test_subjects": [4], "label_rate": 0.5}
        tested = USCDataModule(root=data.root, cache_dir=data.cache_dir, **given)
        if prepared:
            tested.prepare_data()
        tested.adopt(data.trained_on)
        tested.setup("test")
        assert len(loads) - before == read
        assert_same(tested.samples, data.samples)


def test_files_are_parsed_once(reads: Reads, tmp_path: Path) -> None:
    first, fresh = reads.of(tmp_path / "one")
    second, stored = reads.of(tmp_path / "one")
    assert (first, second) == (1, 0)  # prepare_data fills it, setup and the next run read it
    assert_same(fresh.samples, stored.samples)


def test_what_does_not_change_the_samples_does_not_parse_anew(reads: Reads, tmp_path: Path) -> None:
    reads.of(tmp_path / "one")
    for arguments in ({"phase": "pretrain", "pretrain_batch_size": 8}, {"test_subjects": [1]}, {"label_seed": 4}):
        assert reads.of(tmp_path / "one", **arguments)[0] == 0
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    assert reads.of(tmp_path / "elsewhere")[0] == 0


@pytest.mark.parametrize("arguments", [{"window_size": 21}, {"stride": 11}, {"modalities": ["acc"]}])
def test_other_arguments_parse_anew(reads: Reads, tmp_path: Path, arguments: dict[str, object]) -> None:
    reads.of(tmp_path / "one")
    again, data = reads.of(tmp_path / "one", **arguments)
    assert again == 1 and {name: x.shape[1:] for name, x in data.samples.inputs.items()} == data.modality_shapes
    assert reads.of(tmp_path / "one")[0] == 0


def test_one_changed_value_parses_anew(reads: Reads, tmp_path: Path) -> None:
    _, before = reads.of(tmp_path / "one")
    path = tmp_path / "one" / "USC-HAD" / "Subject2" / "a7t1.mat"
    changed = noise(50, 6)(2, 7, 1)
    changed[20, 1] += 1
    savemat(path, {"title": "a test", "sensor_readings": changed})
    again, data = reads.of(tmp_path / "one")
    assert again == 1 and data.data_fingerprint != before.data_fingerprint
    differs = (data.samples.inputs["acc"] != before.samples.inputs["acc"]).any((1, 2))
    assert set(data.samples.recording[differs].tolist()) == {"Subject2/a7t1"}


def test_a_renamed_added_or_removed_file_parses_anew(reads: Reads, tmp_path: Path) -> None:
    folder = tmp_path / "one" / "USC-HAD" / "Subject1"
    reads.of(tmp_path / "one")
    (folder / "a1t1.mat").rename(folder / "a1t9.mat")
    assert reads.of(tmp_path / "one")[0] == 1
    (folder / "a1t8.mat").write_bytes((folder / "a1t9.mat").read_bytes())
    assert reads.of(tmp_path / "one")[0] == 1
    (folder / "a1t8.mat").unlink()
    assert reads.of(tmp_path / "one")[0] == 0  # as it was before
    last = max(folder.parent.glob("*/*.mat"))
    last.rename(last.with_stem(last.stem + "9"))  # the same bytes in the same order
    assert reads.of(tmp_path / "one")[0] == 1


def test_two_files_that_change_places_parse_anew(tmp_path: Path) -> None:
    paths = [tmp_path / "a1t1.mat", tmp_path / "a1t2.mat"]
    for path, content in zip(paths, (b"one", b"two"), strict=True):
        path.write_bytes(content)
    before = fingerprint(paths, tmp_path)
    assert fingerprint(reversed(paths), tmp_path) == before
    paths[0].write_bytes(b"two")
    paths[1].write_bytes(b"one")
    assert fingerprint(paths, tmp_path) != before


# Damage


def store(folder: Path) -> Path:
    assert_same(cached(lambda: SAMPLES, folder, "fingerprint", {"stride": 1}), SAMPLES)
    (path,) = folder.iterdir()
    return path


def load(folder: Path) -> tuple[Samples, bool]:
    """The samples, and whether they had to be built."""
    built = []

    def build() -> Samples:
        built.append(True)
        return SAMPLES

    return cached(build, folder, "fingerprint", {"stride": 1}), bool(built)


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    store(tmp_path)
    samples, built = load(tmp_path)
    assert not built
    assert_same(samples, SAMPLES)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_half_file_is_built_anew(tmp_path: Path, kept: float) -> None:
    path = store(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.warns(UserWarning, match="in the cache is damaged"):
        samples, built = load(tmp_path)
    assert built
    assert_same(samples, SAMPLES)
    assert not load(tmp_path)[1]  # and stored again


def test_a_changed_byte_is_noticed_or_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "fsync", lambda _: None)  # hundreds of files
    path = store(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        for flip in (1, 64):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            assert_same(load(tmp_path)[0], SAMPLES)


def test_a_file_that_is_no_cache_is_built_anew(tmp_path: Path) -> None:
    path = store(tmp_path)
    np.savez(path, label=np.arange(4))
    assert load(tmp_path)[1]
    path.write_bytes(b"garbage" * 1000)
    assert load(tmp_path)[1]
    rows = {key: getattr(SAMPLES, key) for key in ("label", "subject", "recording", "start")}
    np.savez(path, **rows, **{"inputs.acc": np.array([{}] * 4, dtype=object)}, allow_pickle=True)  # never unpickled
    samples, built = load(tmp_path)
    assert built
    assert_same(samples, SAMPLES)


@pytest.mark.parametrize("crash", [RuntimeError, KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_crash_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: BaseException | type[BaseException]
) -> None:
    whole = store(tmp_path / "other").read_bytes()

    def half(file: object, **_: object) -> None:
        file.write(whole[: len(whole) // 2])
        raise crash

    with monkeypatch.context() as patch:
        patch.setattr(module.np, "savez", half)
        with pytest.raises((type(crash), CosmoError) if isinstance(crash, OSError) else crash):
            load(tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    assert load(tmp_path / "cache")[1] and not load(tmp_path / "cache")[1]


def test_a_run_killed_while_writing_leaves_nothing_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = store(tmp_path / "other").read_bytes()
    seen = []

    def watched(file: object, **_: object) -> None:
        file.write(whole[: len(whole) // 2])
        file.flush()
        seen.extend(path.suffix for path in (tmp_path / "cache").iterdir())  # what a kill at this moment would leave
        file.seek(0)
        file.write(whole)

    monkeypatch.setattr(module.np, "savez", watched)
    load(tmp_path / "cache")
    assert seen and ".npz" not in seen
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npz"]


# Where


def test_the_cache_lies_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COSMO_PL_CACHE", str(tmp_path / "environment"))
    assert cache_folder(str(tmp_path / "argument")) == tmp_path / "argument"
    assert cache_folder(None) == tmp_path / "environment"
    monkeypatch.delenv("COSMO_PL_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder(None) == tmp_path / ".cache" / "cosmo_pl"
