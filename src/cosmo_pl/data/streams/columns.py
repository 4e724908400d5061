"""What the columns of a stream hold, judged by their names and by the first rows of some files."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosmo_pl.data.streams.description import UNITS
from cosmo_pl.data.streams.heads import Head, moment, number, seconds
from cosmo_pl.data.units import GRAVITY

TIME_WORDS = (
    *("time", "timestamp", "timestamps", "datetime", "date", "epoch", "unix", "ts", "t", "clock", "utc"),
    *("elapsed", "seconds", "zeit", "zeitstempel"),
)
NOT_MEASURED = (
    *("label", "labels", "activity", "class", "subject", "person", "id", "index", "frame", "sample", "row"),
    *("counter", "count", "seq", "sequence", "unnamed", "session", "trial", "battery", "quality", "confidence"),
)
PERSONS = (
    *("subject", "subj", "person", "participant", "volunteer", "user", "who", "uid", "pid", "proband", "patient"),
    *("subjectid", "personid", "participantid", "userid"),
)
ACTIVITIES = (
    *("activity", "activities", "label", "labels", "class", "target", "annotation", "action", "exercise", "gesture"),
    *("behaviour", "behavior", "aktivität", "aktivitaet", "tätigkeit", "taetigkeit"),
)
OF_NAMES = ("id", "name", "no", "nr", "number", "code")
MOST_ACTIVITIES = 60
IN_ROWS = "it names an activity in each row"
EPOCHS = {"s": (6e8, 4e9), "ms": (6e11, 4e12), "us": (6e14, 4e15), "ns": (6e17, 4e18)}  # 1989 to 2096
RATES = (1, 2, 4, 5, 8, 10, 12.5, 15, 16, 20, 25, 30, 32, 40, 50, 60, 64, 75, 80, 90, 100, 120, 125, 128, 150, 200, 250)
ROUNDING = 0.06
MOST_DECREASES = 0.1  # of the steps of a time, whose clock may have been set
MIN_TICKS = 5  # rows of a column without a name that is taken for a time
MOST_VARIED = 10.0  # ratio of the 90 % quantile of its steps to the 10 % quantile
KINDS = {
    "accelerometer": ("acc", "accel", "accelerometer", "acceleration", "act", "acw", "ax", "ay", "az"),
    "gyroscope": ("gyr", "gyro", "gyroscope", "rotation", "rot", "gx", "gy", "gz", "omega"),
    "magnetometer": ("mag", "magnet", "magnetometer", "compass", "mx", "my", "mz"),
    "depth": ("depth", "dc"),
    "pressure": ("pressure", "pm", "mat", "insole"),
    "radar": ("radar",),
    "skeleton": ("skeleton", "kinect", "joints", "pose"),
}
IMAGE_COLUMNS = 64
AXES = 3


@dataclass(frozen=True)
class TimeGuess:
    """The column of time.

    Args:
        column: Its name, or position.
        unit: "iso", "s", "ms", "us" or "ns".
        relative: Whether it counts from the start of the device.
        zoned: Whether ISO times state their offset from UTC.
        reason: Why this is assumed.
    """

    column: str | int
    unit: str
    relative: bool
    zoned: bool
    reason: str

    def seconds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Times in seconds; NaN for what is none."""
        return np.array([seconds(text, UNITS.get(self.unit)) for text in texts])


def words(name: str) -> set[str]:
    """Words of a name, in small letters: "Acc_X (g)", "accX"."""
    apart = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return set(re.findall(r"[^\W\d_]+", apart.lower()))


def time_of(heads: Sequence[Head]) -> TimeGuess | None:
    """The column of time: the first with ISO times, else one that is named so, else the first if it ticks."""
    head = heads[0]
    for column in head.columns:
        moments = [moment(text) for text in head.filled(column)[:20]]
        if moments and all(moments):
            zoned = any(each is not None and each.tzinfo for each in moments)
            return TimeGuess(column, "iso", False, zoned, "it holds times of ISO 8601")
    named = [column for column in head.columns if isinstance(column, str) and words(column) & set(TIME_WORDS)]
    for column in named:
        if _grows(found := _numbers(head, column), MOST_DECREASES):
            return _numeric_time(column, found)
    first = head.columns[0]
    if _ticks(found := _numbers(head, first)) and not (isinstance(first, str) and words(first) & set(NOT_MEASURED)):
        return _numeric_time(first, found)
    return None


def _numbers(head: Head, column: str | int) -> NDArray[np.float64]:
    """Numbers of a column, NaN for other texts; empty cells are left out, as the import leaves out their rows."""
    return np.array([number(text) for text in head.filled(column)])


def _grows(values: NDArray[np.float64], most: float) -> bool:
    """Whether at most this share of steps are back."""
    if len(values) < 2 or not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    steps = np.diff(values)
    return bool(np.mean(steps < 0) <= most and np.median(steps) >= 0)


def _ticks(values: NDArray[np.float64]) -> bool:
    """Whether numbers without a name are times: they never decrease, by steps of similar size, and are no row count."""
    if len(values) < MIN_TICKS or not _grows(values, 0.0):
        return False
    steps = np.diff(values)
    low, high = np.percentile(steps[steps > 0], [10, 90])
    counts = (steps == 1).all() and not any(a <= values[0] <= b for a, b in EPOCHS.values())
    return bool(high <= MOST_VARIED * low and not counts)


def _numeric_time(column: str | int, values: NDArray[np.float64]) -> TimeGuess:
    middle, step = float(np.median(values)), float(np.ptp(values) / (len(values) - 1))
    for unit, (low, high) in EPOCHS.items():
        if low <= middle <= high:
            return TimeGuess(column, unit, False, False, f"numbers of this size are {unit} since 1970")
    stated = words(str(column)) & set(UNITS) - {"s"} or words(str(column)) & {"sec", "seconds", "s"}
    if stated:
        unit = next(iter(stated)) if stated & set(UNITS) else "s"
        return TimeGuess(column, unit, True, False, "its name states the unit; it counts from the start")
    rates = {unit: 1e9 / UNITS[unit] / step for unit in UNITS}
    unit = next((unit for unit, rate in rates.items() if 0.9 <= rate <= 2000), "s")
    return TimeGuess(column, unit, True, False, f"it grows by {step:g}, which is {rates[unit]:.4g} Hz in {unit}")


def rate_of(heads: Sequence[Head], time: TimeGuess) -> tuple[float, float]:
    """A round rate, and the measured one: the median of the rates at the starts of the files (Hz)."""
    measured = []
    for head in heads:
        found = time.seconds(head.texts(time.column))
        found = found[np.isfinite(found)]
        steps = np.diff(found)
        if len(steps) and np.median(steps) > 0:
            measured.append(1 / float(np.median(steps)))
        elif len(steps) and np.ptp(found) > 0:  # several samples have the same time
            measured.append(len(steps) / float(np.ptp(found)))
    rate = float(np.median(measured)) if measured else 1.0
    near = min(RATES, key=lambda each: abs(math.log(each / rate)))
    two_digits = float(f"{rate:.2g}")
    return (float(near) if abs(near / rate - 1) <= ROUNDING else two_digits), rate


def values_of(heads: Sequence[Head], time: TimeGuess) -> tuple[list[str] | list[int], dict[str | int, str]]:
    """Columns of values, and the other columns with the reason that each is left out for."""
    kept, left_out = [], dict[str | int, str]()
    for head in heads:
        left_out.update(head.left_out.items())
    for column in (column for column in heads[0].columns if column != time.column):
        if reason := _not_measured(heads, column):
            left_out[column] = reason
        else:
            kept.append(column)
    return kept, left_out  # type: ignore[return-value]


def _not_measured(heads: Sequence[Head], column: str | int) -> str:
    """Why a column holds no measured values; empty if it does."""
    texts = [text for head in heads for text in head.texts(column)]
    numbers = np.concatenate([head.numbers(column) for head in heads])
    named = words(column) if isinstance(column, str) else set()
    if names_persons(heads, column):
        return "it names the person"
    if names_activities(heads, column):
        return IN_ROWS
    if any(texts[n].lower() not in ("", "nan", "null") for n in np.flatnonzero(np.isnan(numbers))):
        flags = {text.lower() for text in texts} <= {"true", "false", ""}
        return "it holds true and false" if flags else "it holds text"
    if np.isnan(numbers).all():
        return "it is empty"
    if named & set(NOT_MEASURED):
        return "its name is that of no measured value"
    if named & set(TIME_WORDS):
        return "it is another time"
    counts = all(len(head.rows) > 2 and (np.diff(head.numbers(column)) == 1).all() for head in heads)
    return "it counts the rows" if counts else ""


def names_persons(heads: Sequence[Head], column: str | int) -> bool:
    """Whether a column names the person of each row, by its name and as it holds text or whole numbers."""
    return _is_named(column, PERSONS) and bool(_names(heads, column))


def names_activities(heads: Sequence[Head], column: str | int) -> bool:
    """Whether a column names an activity in each row, by its name and as it holds a few texts or whole numbers."""
    return _is_named(column, ACTIVITIES) and 0 < len(_names(heads, column)) <= MOST_ACTIVITIES


def _is_named(column: str | int, known: Sequence[str]) -> bool:
    """Whether a name has one of these words and no others: "user acceleration x" is measured."""
    found = words(column) if isinstance(column, str) else set()
    return bool(found & set(known)) and found <= {*known, *OF_NAMES}


def _names(heads: Sequence[Head], column: str | int) -> set[str]:
    """Different texts of a column; none if it has a number that is not whole."""
    texts = {text for head in heads for text in head.filled(column)} - {"nan", "NaN"}
    numbers = np.array([number(text) for text in texts])
    return texts if np.array_equal(np.floor(numbers), numbers, equal_nan=True) else set()


def kind_of(name: str) -> str | None:
    """The kind of sensor that a name states, as "acc_x" or "accx"; None if it states none."""
    found = words(name)
    found |= {word[:-1] for word in found if len(word) > 3 and word[-1] in "xyz"}
    return next((kind for kind, known in KINDS.items() if found & set(known)), None)


def unit_of(kind: str, values: NDArray[np.float64]) -> tuple[str | None, str]:
    """Unit of values of a kind (N, 3), and the reason.

    Acceleration at rest is gravity, so the median length of the vector tells its unit.
    """
    finite = values[np.isfinite(values).all(axis=1)]
    if not len(finite):
        return None, "no row is complete"
    length = float(np.median(np.linalg.norm(finite, axis=1)))
    if kind == "accelerometer":
        near = [unit for unit, gravity in GRAVITY.items() if 0.7 <= length / gravity <= 1.4]
        return (near[0] if near else None), f"the median length of its vector is {length:.3g}"
    largest = float(np.percentile(np.abs(finite), 99))
    if kind == "gyroscope":
        return ("deg/s" if largest > 20 else "rad/s"), f"99 % of its values are below {largest:.3g}"
    if kind == "magnetometer":
        unit = next(
            (unit for unit, (low, high) in {"G": (0.1, 1.5), "uT": (10, 150)}.items() if low < length < high), None
        )
        return unit, f"the median length of its vector is {length:.3g}"
    return None, f"a sensor of the kind {kind} has no usual unit"


def is_gravity(values: NDArray[np.float64]) -> bool:
    """Whether vectors (N, 3) are those of an accelerometer by their length, which is nearly that of gravity."""
    unit, _ = unit_of("accelerometer", values)
    if unit is None:
        return False
    length = np.linalg.norm(values, axis=1) / GRAVITY[unit]
    return bool(np.nanmedian(np.abs(length - 1)) < 0.25)


def shape_of(name: str, columns: int) -> tuple[tuple[int, int] | None, str]:
    """Height and width of images with so many columns, and the reason.

    Args:
        name: Path of the files, which may state them: "depth_12x16".
        columns: Values of an image.
    """
    for height, width in re.findall(r"(\d+)x(\d+)", name):
        if int(height) * int(width) == columns:
            return (int(height), int(width)), "the name states it"
    if kind_of(name) == "depth":
        height = round(math.sqrt(columns * 3 / 4))
        if height and columns == height * (height * 4 // 3) and height % 3 == 0:
            return (height, height * 4 // 3), "cameras have 3 rows per 4 columns"
    pairs = [(h, columns // h) for h in range(2, columns // 2 + 1) if columns % h == 0 and 0.25 <= h * h / columns <= 4]
    return None, "; ".join(f"[{h}, {w}]" for h, w in pairs) or "no rectangle"


def named_axes(columns: Sequence[str | int]) -> list[list[str | int]]:
    """Columns in runs of three, as x, y and z of a sensor; all in one run if their number is no multiple of three."""
    size = AXES if len(columns) % AXES == 0 else len(columns)
    return [list(columns[i : i + size]) for i in range(0, len(columns), size)]
