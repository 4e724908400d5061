"""Paths of a folder as sensors with patterns: which parts name the sensor, and which the subject or activity."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from cosmo_pl.data.streams.description import ACTIVITY, SUBJECT
from cosmo_pl.data.streams.patterns import Pattern

SENSOR_WORDS = (
    *("accelerometer", "accelerometers", "accel", "acceleration", "acc", "act", "acw", "gyroscope", "gyro", "gyr"),
    *("magnetometer", "mag", "magnet", "imu", "inertial", "motion", "wrist", "ankle", "thigh", "hip", "chest", "arm"),
    *("leg", "foot", "feet", "hand", "head", "back", "waist", "belt", "pocket", "neck", "knee", "left", "right"),
    *("depth", "camera", "cam", "dc", "pm", "pressure", "mat", "insole", "radar", "skeleton", "kinect", "ecg", "emg"),
    *("ppg", "eda", "bvp", "hr", "temp", "temperature", "watch", "phone", "glasses", "sensor", "sensors"),
)
DATE = r"\d{4}-?[01]\d-?[0-3]\d(?!\d)"
HINTS = {
    SUBJECT: ("s", "sub", "subj", "subject", "p", "person", "participant", "user", "id", "u"),
    ACTIVITY: ("a", "activity", "action", "exercise", "ex", "class", "gesture"),
    "trial": ("t", "trial", "rep", "take", "run", "r"),
    "session": ("session", "sess", "day", "visit", "part"),
}
MAX_ACTIVITIES = 60
LITERAL, WORD, NUMBER = "literal", "word", "number"


class Token(NamedTuple):
    """A piece of a path.

    Attributes:
        kind: "literal" between the others, "word" or "number".
        text: Its characters.
        part: Position of the folder, or of the file name, that it is in.
    """

    kind: str
    text: str
    part: int


@dataclass(frozen=True)
class Group:
    """Files that one pattern describes.

    Args:
        name: Literal parts of the pattern, as a name.
        pattern: The pattern.
        paths: Paths below the folder.
        guessed: Placeholders whose meaning no word beside them states.
    """

    name: str
    pattern: Pattern
    paths: tuple[str, ...]
    guessed: tuple[str, ...] = ()

    def values(self, name: str) -> list[str]:
        """Value of a placeholder in each path."""
        return [(self.pattern.match(path) or {}).get(name, "") for path in self.paths]


def groups_of_files(
    paths: Sequence[str],
    signature: Callable[[str], Hashable],
    labelled: bool,
    known: Mapping[str, set[str]] | None = None,
) -> list[Group]:
    """Sorts paths into groups, one per sensor.

    Words of a path that vary name the sensor if they are words for sensors, or if the columns of the files vary with
    them. All other words and all numbers that vary become placeholders.

    Args:
        paths: Paths below a folder.
        signature: Path to what is equal in all files of a sensor, as the number of columns.
        labelled: Whether there are files of labels, so that no part of a path is the activity.
        known: Placeholder to its values in other files, by which placeholders are recognised.
    """
    alike: dict[tuple[Hashable, ...], list[str]] = {}
    for path in paths:
        key = tuple(token.text if token.kind == LITERAL else token.kind for token in tokens(path))
        alike.setdefault(key, []).append(path)
    split_up: list[tuple[list[str], list[int]]] = []
    for same in alike.values():
        split_up += _by_sensor(same, signature)
    known, groups = dict(known or {}), []
    for same, varying in sorted(split_up, key=lambda each: -len(each[0])):  # the largest tells most about names
        group = _group(same, varying, labelled, known)
        for name in group.pattern.names:
            known.setdefault(name, set()).update(group.values(name))
        groups.append(group)
    return sorted(groups, key=lambda group: group.pattern.text)


def tokens(path: str) -> list[Token]:
    """The words, numbers and literals of a path; a folder without digits, and a date, are one word or number."""
    parts = PurePosixPath(path).parts
    result: list[Token] = []
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        stem, ending = (PurePosixPath(part).stem, PurePosixPath(part).suffix) if last else (part, "/")
        if not last and not any(map(str.isdigit, part)):
            result.append(Token(WORD, part, number))
        else:
            for piece in re.findall(rf"{DATE}|\d+|[^\W\d_]+|[\W_]+", stem):
                kind = NUMBER if piece[0].isdigit() else WORD if piece[0].isalpha() else LITERAL
                result.append(Token(kind, piece, number))
        result.append(Token(LITERAL, ending, number))
    return result


def _by_sensor(paths: Sequence[str], signature: Callable[[str], Hashable]) -> list[tuple[list[str], list[int]]]:
    """Paths of each sensor, and the positions of their tokens that vary, of paths with tokens of the same kinds."""
    split = {path: tokens(path) for path in paths}
    varying = _varying(list(split.values()))
    naming = [n for n in varying if _names_sensor(n, list(split.values()), paths, signature)]
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, parts in split.items():
        groups.setdefault(tuple(parts[n].text for n in naming), []).append(path)
    found = []
    for same in groups.values():
        own, others = [split[path] for path in same], [split[path] for path in set(paths) - set(same)]
        inside = _varying(own)
        # a sensor of which there is one recording has the placeholders of the others
        elsewhere = {n: {each[n].text for each in others} for n in varying if n not in naming}
        shared = [n for n, texts in elsewhere.items() if own[0][n].text in texts or re.fullmatch(DATE, own[0][n].text)]
        found.append((same, sorted({*inside, *shared})))
    return found


def _varying(split: Sequence[Sequence[Token]]) -> list[int]:
    return [n for n in range(len(split[0])) if len({each[n].text for each in split}) > 1]


def _names_sensor(
    position: int, split: Sequence[Sequence[Token]], paths: Sequence[str], signature: Callable[[str], Hashable]
) -> bool:
    if split[0][position].kind != WORD:
        return False
    first = {each[position].text: path for each, path in zip(reversed(split), reversed(paths), strict=True)}
    words = [word for word in first if set(re.split(r"[\W_]+", word.lower())) & set(SENSOR_WORDS)]
    return 2 * len(words) > len(first) or (len(first) <= 12 and len(set(map(signature, first.values()))) > 1)


def _group(paths: Sequence[str], varying: Sequence[int], labelled: bool, known: Mapping[str, set[str]]) -> Group:
    split = [tokens(path) for path in paths]
    columns = {position: tuple(each[position].text for each in split) for position in varying}
    names: dict[int, str] = {}
    for position in varying:
        hint = _hinted(split[0], position)
        if hint and hint not in names.values():
            names[position] = hint
    guessed = []
    for position, values in columns.items():
        again = next((n for n in names if len(paths) > 1 and columns[n] == values), None)
        if position not in names and again is not None:  # "anna/anna_wrist.csv" has one placeholder twice
            names[position] = names[again]
        elif position not in names:
            names[position] = _guessed(values, {columns[n]: name for n, name in names.items()}, labelled, known)
            guessed.append(names[position])
    first = split[0]
    text = "".join(f"{{{names[n]}}}" if n in columns else token.text for n, token in enumerate(first))
    words = [token.text.lower() for n, token in enumerate(first) if token.kind == WORD and n not in columns]
    telling = [word for word in words if set(re.split(r"[\W_]+", word)) & set(SENSOR_WORDS)] or words[-1:]
    name = re.sub(r"\W+", "_", "_".join(dict.fromkeys(telling)), flags=re.ASCII).strip("_") or "sensor"
    return Group(name, Pattern(text), tuple(paths), tuple(guessed))


def _hinted(path: Sequence[Token], position: int) -> str | None:
    """What the word before a number says that it is: "subject_01", "s1"."""
    token = path[position]
    if re.fullmatch(DATE, token.text):
        return "day"
    before = [each for each in path[max(0, position - 2) : position] if each.part == token.part]
    while before and before[-1].kind == LITERAL and set(before[-1].text) <= set("_- "):
        before.pop()
    if token.kind != NUMBER or not before or before[-1].kind != WORD:
        return None
    return next((name for name, words in HINTS.items() if before[-1].text.lower() in words), None)


def _guessed(
    values: tuple[str, ...], names: Mapping[tuple[str, ...], str], labelled: bool, known: Mapping[str, set[str]]
) -> str:
    used = set(names.values())
    seen = [name for name, those in known.items() if name not in used and set(values) <= those]
    if seen:
        return seen[0]
    if SUBJECT not in used:
        return SUBJECT
    subjects = next(column for column, name in names.items() if name == SUBJECT)
    if not labelled and ACTIVITY not in used and _crossed(values, subjects):
        return ACTIVITY
    free = (name for name in ("session", "trial", "part") if name not in used)
    return next(free, f"part{len(used)}")


def _crossed(values: Sequence[str], subjects: Sequence[str]) -> bool:
    """Whether most subjects have most of the values, as activities that everybody did."""
    pairs = set(zip(values, subjects, strict=True))
    distinct, people = set(values), set(subjects)
    return 2 <= len(distinct) <= MAX_ACTIVITIES and 2 * len(pairs) > len(distinct) * len(people)
