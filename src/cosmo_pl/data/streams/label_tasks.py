"""Which recordings a task of Label Studio is about, by the file or the person that its data name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from cosmo_pl.data.streams.description import FORMATS
from cosmo_pl.data.streams.planning import PlannedRecording

LONGEST = 300  # characters of a value that is a path or a name
UPLOAD = re.compile(r"^/?data/upload/\d+/(?:[0-9a-f]{8}-)?")  # before the name of an uploaded file: project and hash
LOCAL = re.compile(r"^.*\?d=")  # before the path of a local file
FILE = re.compile(r"\.\w{2,7}$")


def named_in(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths and names in the data of a task; texts of several words and the data themselves are none.

    Examples:
        >>> named_in({"csv": "/data/upload/1/0a1b2c3d-anna_wrist.csv", "note": "of ben", "id": 7})
        ('anna_wrist.csv',)
    """
    texts = [unquote(value) for value in data.values() if isinstance(value, str) and len(value) <= LONGEST]
    named = [text for text in texts if FILE.search(text) or not re.search(r"\s", text)]
    return tuple(UPLOAD.sub("", LOCAL.sub("", text)) for text in named if text)


def about(names: Sequence[str], recordings: Sequence[PlannedRecording]) -> list[PlannedRecording]:
    """Those of the recordings that the names are about; all if they name none.

    Args:
        names: Paths and names of a task.
        recordings: Recordings that its file of labels belongs to.
    """
    found = list(recordings)
    for name in names:
        found = _of_file(_words(name), found) or _of_subject(_words(name), found) or found
    return found


def _of_file(words: Sequence[str], recordings: Sequence[PlannedRecording]) -> list[PlannedRecording]:
    """Recordings of the file whose path agrees longest with the end of these words; none if all agree equally."""
    agree = [
        max(_agreement(words, _words(file)) for files in each.files.values() for file in files) for each in recordings
    ]
    best = [each for each, length in zip(recordings, agree, strict=True) if length == max(agree)]
    return best if len(best) < len(recordings) else []


def _agreement(one: Sequence[str], two: Sequence[str]) -> int:
    """Number of equal words at the end."""
    pairs = list(zip(reversed(one), reversed(two), strict=False))
    return next((at for at, (left, right) in enumerate(pairs) if left != right), len(pairs))


def _of_subject(words: Sequence[str], recordings: Sequence[PlannedRecording]) -> list[PlannedRecording]:
    """Recordings whose subject is among these words; numbers may count something else."""
    return [each for each in recordings if not each.subject.isdecimal() and {*_words(each.subject)} <= {*words}]


def _words(path: str) -> list[str]:
    """Lower-case words of a path, without the ending of its format."""
    lower = path.lower()
    ending = next((each for each in FORMATS if lower.endswith(each)), "")
    return [word for word in re.split(r"[\W_]+", lower.removesuffix(ending)) if word]
