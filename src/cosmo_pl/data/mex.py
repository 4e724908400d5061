"""MEx: two accelerometers, a depth camera and a pressure mat, 7 exercises, 30 subjects.

A. Wijekoon, N. Wiratunga, K. Cooper and K. Bach, "Learning to recognise exercises for the self-management of low back
pain", FLAIRS 2020; https://archive.ics.uci.edu/dataset/500/mex.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmo_pl.constraints import NonNegativeInt, PositiveFloat, Share
from cosmo_pl.data.download import ZIP, Archive
from cosmo_pl.data.identity import dataset_folder
from cosmo_pl.data.streams.datamodule import StreamsDataModule
from cosmo_pl.data.streams.importing import import_streams
from cosmo_pl.data.streams.parts import VERSION
from cosmo_pl.data.streams.reading_description import parse_description
from cosmo_pl.data.streams.source import Source, open_source
from cosmo_pl.data.streams.store import StreamStore
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import cache_folder

PUBLISHED = Archive(
    "mex.zip", "https://archive.ics.uci.edu/static/public/500/mex.zip", "MEx", 1, r"data\.zip", kind=ZIP
)
"""An archive of the UCI repository, which holds the archive of all sensors."""
ARCHIVES = ("MEx.zip", "data.zip")
"""Names of the archive in the dataset's folder."""
EXERCISES = (
    "knee rolling",
    "bridging",
    "pelvic tilt",
    "clam",
    "repeated extension in lying",
    "prone punch",
    "superman",
)
FOLDERS = {"act": "act", "acw": "acw", "dc": "dc_0.05_0.05", "pm": "pm_1.0_1.0"}
TIME = {"column": 0, "unit": "iso"}
ACCELERATION = {"kind": "accelerometer", "values": "1:4", "unit": "g"}
SENSORS: Mapping[str, Mapping[str, Any]] = {
    "act": ACCELERATION,
    "acw": ACCELERATION,
    "dc": {"kind": "depth", "values": "1:193", "shape": [12, 16], "unit": "relative", "max_gap": 1.0},
    "pm": {"kind": "pressure", "values": "1:513", "shape": [32, 16], "unit": "au", "max_gap": 1.0},
}
RATES = {"act": 50.0, "acw": 50.0, "dc": 5.0, "pm": 5.0}
TRIALS = {(22, 4): 1}  # of subject and exercise; exercise 4 has two trials of all others, left and right
OFFICIAL = {
    f"{s:02d}_{e:02d}_{t}"
    for s in range(1, 31)
    for e in range(1, 8)
    for t in range(1, TRIALS.get((s, e), 2 if e == 4 else 1) + 1)
}


class MExDataModule(StreamsDataModule):
    """Windows of MEx.

    `act` and `acw` (rate · window, 3) are accelerations x, y, z in g at the thigh and the wrist; `dc` (rate · window,
    12, 16) is depth from above, 0 to 1; `pm` (rate · window, 32, 16) is the pressure on the mat, 0 to 3767. The
    archive is imported once into the cache, as it is or unpacked.

    Args:
        root: Folder that holds ``MEx``, in which are ``MEx.zip`` or the folders of the sensors; or that folder itself.
        window: Seconds of a window.
        hop: Seconds between the starts of two windows.
        rates: Sensor to the frames per second that its streams are resampled to; those of `RATES` by default.
        modalities: Modalities to use, of ``act``, ``acw``, ``dc`` and ``pm``.
        test_subjects: Test subjects; None takes 5, 10, 15, 20, 25 and 30, or those of `folds`.
        label_rate: Labelled share of the training windows.
        **shared: See `MultimodalDataModule`.

    Raises:
        DatasetNotFoundError: The folder holds no recordings of MEx.
        RecordingError: A recording cannot be read; the message names the file.
        ConfigurationError: A rate of an unknown sensor, or a window that is shorter than two frames.
    """

    numerics = "1.0"
    last_frame = False  # one of 5,020 windows is left out (06_07_1), as all results were made without it
    dataset = "MEx"
    key = "mex"
    title = "MEx"
    archives = dict.fromkeys(FOLDERS, PUBLISHED)  # the address was not reached by this project
    simulator = "cosmo_pl.simulation.simulate_mex"
    official = OFFICIAL
    default_test_subjects = (5, 10, 15, 20, 25, 30)

    def __init__(
        self,
        root: str | None = None,
        window: PositiveFloat = 5.0,
        hop: PositiveFloat = 2.5,
        rates: Mapping[str, PositiveFloat] | None = None,
        modalities: Sequence[str] = ("act", "acw", "dc", "pm"),
        test_subjects: Sequence[NonNegativeInt] | None = None,
        label_rate: Share = 1.0,
        **shared: Any,
    ) -> None:
        unknown = sorted(set(rates or ()) - set(RATES))
        if unknown:
            raise ConfigurationError("rates", f"has unknown sensors {unknown}", f"Use {list(RATES)}")
        self.grid_rates = {**RATES, **(rates or {})}
        super().__init__(
            root=root,
            window=window,
            hop=hop,
            modalities=modalities,
            test_subjects=test_subjects,
            label_rate=label_rate,
            **shared,
        )

    @classmethod
    def model_arguments(cls, window: float | None, steps: int, rates: Mapping[str, float | None]) -> dict[str, Any]:
        """Window and rates."""
        return {**super().model_arguments(window, steps, rates), "rates": rates}

    def content_hashes(self) -> Mapping[str, Collection[str]]:
        """None: the numbers of the subjects are those of the publication."""
        return {}

    def open_store(self, root: str | None, cache_dir: str | None) -> StreamStore:
        """The recordings, imported into the cache if they are not there.

        Raises:
            CosmoError: There are none, or one cannot be used.
        """
        source = self._source(dataset_folder(root, self.dataset))
        top = self._top(source)
        description = _description(top, self.grid_rates)
        files = [source.identity(name) for name in source.names if name.startswith(top) and name.endswith(".csv")]
        key = hashlib.sha256(json.dumps([VERSION, files, description]).encode()).hexdigest()[:16]
        out = cache_folder(cache_dir) / "streams" / f"{self.key}-{key}"
        return import_streams(source.path, out, parse_description(description))

    def reader_arguments(self) -> dict[str, object]:
        """Length, distance and rates of the windows."""
        return {**super().reader_arguments(), "rates": self.grid_rates}

    def _source(self, folder: Path) -> Source:
        """The archive or the folder of the recordings."""
        for path in (folder / name for name in ARCHIVES):
            if path.is_file():
                return open_source(path)
        if not any((folder / below).is_dir() for below in FOLDERS.values()):
            raise self.not_found(folder, f"{ARCHIVES[0]} or the folders {', '.join(FOLDERS.values())}")
        return open_source(folder)

    def _top(self, source: Source) -> str:
        """The folder above those of the sensors, with its ``/``; archives differ in it."""
        folders = "|".join(map(re.escape, FOLDERS.values()))
        found = (re.fullmatch(rf"(.*/|)(?:{folders})/\d+/\d+_[a-z]+_\d+\.csv", name) for name in source.names)
        first = next((match for match in found if match), None)
        if first is None:
            raise self.not_found(source.path, "act/01/01_act_1.csv")
        return first[1]


def _description(top: str, rates: Mapping[str, float]) -> dict[str, Any]:
    """The description of the import. A recording is a subject, an exercise and a trial."""
    sensors = {
        name: {
            "files": f"{top}{folder}/{{subject}}/{{exercise}}_{name}_{{trial}}.csv",
            "time": TIME,
            "header": False,
            "rate": rates[name],
            **SENSORS[name],
        }
        for name, folder in FOLDERS.items()
    }
    names = {f"{number:02d}": name for number, name in enumerate(EXERCISES, start=1)}
    return {
        "title": "MEx",
        "sensors": sensors,
        "recordings": "{subject}_{exercise}_{trial}",
        "activity": {"path": "{exercise}", "names": names},
        "activities": list(EXERCISES),
    }
