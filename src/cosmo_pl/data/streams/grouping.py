"""Paths of a folder as sensors with patterns: which parts name the sensor, and which the subject or activity."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from cosmo_pl.data.streams.columns import KINDS
from cosmo_pl.data.streams.description import ACTIVITY, SUBJECT
from cosmo_pl.data.streams.patterns import Pattern

SENSOR_WORDS = {
    *(word for words in KINDS.values() for word in words if len(word) > 2),  # axes, such as "ax", name no file
    *("accelerometers", "dc", "pm", "imu", "inertial", "motion", "wrist", "ankle", "thigh", "hip", "chest", "arm"),
    *("leg", "foot", "feet", "hand", "head", "back", "waist", "belt", "pocket", "neck", "knee", "left", "right"),
    *("camera", "cam", "ecg", "emg", "ppg", "eda", "bvp", "hr", "temp", "temperature", "watch", "phone", "glasses"),
    *("sensor", "sensors"),
}
DATE = r"\d{4}-?[01]\d-?[0-3]\d(?!\d)"
HINTS = {
    SUBJECT: ("s", "sub", "subj", "subject", "p", "person", "participant", "user", "id", "u"),
    ACTIVITY: ("a", "activity", "action", "exercise", "ex", "class", "gesture"),
    "trial": ("t", "trial", "rep", "take", "run", "r"),
    "session": ("session", "sess", "day", "visit", "part"),
}
MAX_ACTIVITIES = 60
LITERAL, WORD, NUMBER, NAME = "literal", "word", "number", "name"


class Token(NamedTuple):
    """A piece of a path.

    Attributes:
        kind: "literal" between the others, "word", "number", or "name" of a person in the labels.
        text: Its characters.
        part: Position of the folder, or of the file name, that it is in.
    """

    kind: str
    text: str
    part: int


Split = Mapping[str, Sequence[Token]]
"""Paths and their tokens."""


@dataclass(frozen=True)
class Group:
    """Files that one pattern describes.

    Args:
        name: Literal parts of the pattern, as a name.
        pattern: The pattern.
        paths: Paths below the folder.
        guessed: Placeholders whose meaning no word beside them states.
        unclear: Paths whose placeholders have other values by the pattern than they were made from.
    """

    name: str
    pattern: Pattern
    paths: tuple[str, ...]
    guessed: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    def values(self, name: str) -> list[str]:
        """Value of a placeholder in each path."""
        return [(self.pattern.match(path) or {}).get(name, "") for path in self.paths]


def groups_of_files(
    paths: Sequence[str],
    signature: Callable[[str], Hashable],
    labelled: bool,
    known: Mapping[str, set[str]] | None = None,
    subjects: Collection[str] = (),
) -> list[Group]:
    """Sorts paths into groups, one per sensor.

    Words of a path that vary name the sensor if they are words for sensors, or if the columns of the files vary with
    them. All other words and all numbers that vary become placeholders.

    Args:
        paths: Paths below a folder.
        signature: Path to what is equal in all files of a sensor, as the number of columns; None if that is unknown.
        labelled: Whether there are files of labels, so that no part of a path is the activity.
        known: Placeholder to its values in other files, by which placeholders are recognised.
        subjects: Names of subjects in other files. The part of the paths that has them is the subject, with the letters
            before its number: "S01".
    """
    alike: dict[tuple[Hashable, ...], list[str]] = {}
    for path in paths:
        key = tuple(token.text if token.kind == LITERAL else token.kind for token in tokens(path))
        alike.setdefault(key, []).append(path)
    split_up: list[tuple[Split, list[int]]] = []
    for same in alike.values():
        split_up += _by_sensor(_with_names(same, set(subjects)), signature)
    known, groups = dict(known or {}), []
    for split, varying in sorted(split_up, key=lambda each: -len(each[0])):  # the largest has the most names
        group = _group(split, varying, labelled, known)
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


def _with_names(paths: Sequence[str], subjects: set[str]) -> Split:
    """Tokens of paths that have tokens of the same kinds; those of a subject's name become one."""
    split: dict[str, list[Token]] = {path: tokens(path) for path in paths}
    for start, end in reversed(_name_spans(list(split.values()), subjects)):
        for path, parts in split.items():
            name = Token(NAME, _joined(parts, start, end), parts[start].part)
            split[path] = [*parts[:start], name, *parts[end:]]
    return split


def _name_spans(split: Sequence[Sequence[Token]], subjects: set[str]) -> list[tuple[int, int]]:
    """Where the tokens of all paths are names of subjects, from the first token to that after the last one."""
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    ranks: dict[tuple[int, int], tuple[int, int, int]] = {}
    for start, end in _spans(split[0]) if subjects else ():
        texts = tuple(_joined(parts, start, end) for parts in split)
        hits, distinct = len(set(texts) & subjects), len(set(texts))
        hint = _hinted(split[0], start) if end == start + 1 else None
        if hits and 2 * hits >= min(distinct, len(subjects)) and hint in (None, SUBJECT):
            alone = not texts[0].isdecimal() or _is_part(split[0], start, end) or hint == SUBJECT
            if distinct > 1 or alone:  # the number of all paths may be that of something else
                found[start, end] = texts
                ranks[start, end] = (int(texts[0].isdecimal() and hint is None), -hits, start)
    if not found:
        return []
    best = found[min(found, key=lambda span: ranks[span])]
    return [span for span, texts in found.items() if texts == best]


def _spans(path: Sequence[Token]) -> list[tuple[int, int]]:
    """Runs of tokens of one part of a path that neither begin nor end with a literal."""
    ends = [n for n, token in enumerate(path) if token.kind != LITERAL]
    return [(i, j + 1) for i in ends for j in ends if j >= i and path[i].part == path[j].part]


def _joined(path: Sequence[Token], start: int, end: int) -> str:
    return "".join(token.text for token in path[start:end])


def _is_part(path: Sequence[Token], start: int, end: int) -> bool:
    """Whether tokens are all of a folder's name, or of a file's name but for its ending."""
    part = path[start].part
    return all(start <= n < end for n, token in enumerate(path) if token.part == part and token.kind != LITERAL)


def _by_sensor(split: Split, signature: Callable[[str], Hashable]) -> list[tuple[Split, list[int]]]:
    """Paths of each sensor, and the positions of their tokens that vary, of paths with tokens of the same kinds."""
    paths = list(split)
    varying = _varying(list(split.values()))
    naming = [n for n in varying if _names_sensor(n, list(split.values()), paths, signature)]
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, parts in split.items():
        groups.setdefault(tuple(parts[n].text for n in naming), []).append(path)
    found: list[tuple[Split, list[int]]] = []
    for same in groups.values():
        own, others = [split[path] for path in same], [split[path] for path in set(paths) - set(same)]
        inside = {*_varying(own), *(n for n, token in enumerate(own[0]) if token.kind == NAME)}
        # a sensor of which there is one recording has the placeholders of the others
        elsewhere = {n: {each[n].text for each in others} for n in varying if n not in naming}
        shared = [n for n, texts in elsewhere.items() if own[0][n].text in texts or re.fullmatch(DATE, own[0][n].text)]
        found.append(({path: split[path] for path in same}, sorted({*inside, *shared})))
    return found


def _varying(split: Sequence[Sequence[Token]]) -> list[int]:
    return [n for n in range(len(split[0])) if len({each[n].text for each in split}) > 1]


def _names_sensor(
    position: int, split: Sequence[Sequence[Token]], paths: Sequence[str], signature: Callable[[str], Hashable]
) -> bool:
    if split[0][position].kind != WORD:
        return False
    first = {each[position].text: path for each, path in zip(reversed(split), reversed(paths), strict=True)}
    words = [word for word in first if set(re.split(r"[\W_]+", word.lower())) & SENSOR_WORDS]
    return 2 * len(words) > len(first) or (len(first) <= 12 and len({*map(signature, first.values())} - {None}) > 1)


def _group(paths: Split, varying: Sequence[int], labelled: bool, known: Mapping[str, set[str]]) -> Group:
    split = list(paths.values())
    columns = {position: tuple(each[position].text for each in split) for position in varying}
    names = {position: SUBJECT for position in varying if split[0][position].kind == NAME}
    for position in varying:
        hint = _hinted(split[0], position)
        if hint and hint not in names.values() and position not in names:
            names[position] = hint
    guessed = []
    for position, values in columns.items():
        again = next((n for n in names if len(paths) > 1 and columns[n] == values), None)
        if position not in names and again is not None:  # "anna/anna_wrist.csv" has one placeholder twice
            names[position] = names[again]
        elif position not in names:
            given = {columns[n]: name for n, name in names.items()}
            repeated = any(n > position and split[0][n].part == split[0][position].part for n in columns)
            named = labelled or not (_are_words(values) or (repeated and _are_counted(values)))
            names[position] = _guessed(values, given, named, known)
            guessed.append(names[position])
    first = split[0]
    text = "".join(f"{{{names[n]}}}" if n in columns else token.text for n, token in enumerate(first))
    words = [token.text.lower() for n, token in enumerate(first) if token.kind == WORD and n not in columns]
    telling = [word for word in words if set(re.split(r"[\W_]+", word)) & SENSOR_WORDS] or words[-1:]
    name = re.sub(r"\W+", "_", "_".join(dict.fromkeys(telling)), flags=re.ASCII).strip("_") or "sensor"
    pattern = Pattern(text)
    meant = {path: {names[n]: each[n].text for n in columns} for path, each in paths.items()}
    unclear = tuple(path for path in paths if pattern.match(path) != meant[path])
    return Group(name, pattern, tuple(paths), tuple(guessed), unclear)


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
    """What a placeholder may be that no word names; not the activity if that is known to be `labelled` elsewhere."""
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


def _are_words(values: Sequence[str]) -> bool:
    return not any(map(str.isdecimal, values))


def _are_counted(values: Sequence[str]) -> bool:
    """Whether values are 1, 2, 3, ..., as the numbers of exercises, not hours or dates."""
    numbers = {int(value) for value in values if value.isdecimal()}
    return len(numbers) == len(set(values)) and numbers == {*range(1, len(numbers) + 1)}


def _crossed(values: Sequence[str], subjects: Sequence[str]) -> bool:
    """Whether most subjects have most of the values, as activities that everybody did."""
    pairs = set(zip(values, subjects, strict=True))
    distinct, people = set(values), set(subjects)
    return 2 <= len(distinct) <= MAX_ACTIVITIES and 2 * len(pairs) > len(distinct) * len(people)
