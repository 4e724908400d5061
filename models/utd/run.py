"""Recognises activities in windows of sensor values: ``python run.py windows.npz``. Needs numpy and onnxruntime alone.

It gives a line of JSON per window. ``windows.npz`` has an array (N, *shape) per sensor as in ``model.json``, or none.
"""

import argparse
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

FORMAT, DESCRIPTION, AT_ONCE, AGAIN = 1, "model.json", 64, "Export the model again"  # 64 windows; a remedy


class ModelError(ValueError):
    """Arguments: what cannot be used, the problem with it, and the remedy."""

    def __str__(self) -> str:
        return "{}: {}. {}.".format(*self.args)


class Model:
    """The model in a folder; a `ModelError` where it is none, of another format, or a file was changed."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        self.description, files = read_model(folder)
        options, cpu = SessionOptions(), ["CPUExecutionProvider"]
        options.intra_op_num_threads = threads
        self._session = session = lru_cache(None)(lambda graph: InferenceSession(files[graph], options, providers=cpu))
        try:
            self.class_names, self.attends_to = (tuple(self.description[key]) for key in ("class_names", "attends_to"))
            self.shapes = {name: tuple(each["shape"]) for name, each in self.description["sensors"].items()}
            self.streams = {name: each["modalities"] for name, each in self.description["encoders"].items()}
            self.encoders = {name: session(each["graph"]) for name, each in self.description["encoders"].items()}
            self.head = session(self.description["head"]["graph"])
            self.partial = dict(self.description["head"]["partial"])  # for fewer streams, made when they are needed
            self.distance = [session(each) for each in (self.description.get("distance"),) if each]  # none or one
            windows = {name: np.zeros((1, *shape), np.float32) for name, shape in self.shapes.items()}
            found = self._part(windows, [*self.streams], self.head, slice(1))
            sizes = found["probability"].shape[1], found["weights"].shape[1] if "weights" in found else 0
            heads = {*self.partial.values()} & files.keys() - {self.description["head"]["graph"]}
            if (*sizes, len(heads)) != (len({*self.class_names}), len(self.attends_to), len(self.partial)):
                raise ValueError("activities, sensors or heads that its graphs do not have")
        except Exception as error:  # onnxruntime raises a dozen kinds
            raise ModelError("model", f"'{folder / DESCRIPTION}' is damaged ({repr(error)[:150]})", AGAIN) from error

    def __call__(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """Logits, probability (N, classes), weights (N, streams), distance (N,) of windows (N, *shape) by sensor."""
        windows = checked_arrays(arrays, self.shapes)
        used = [name for name, parts in self.streams.items() if set(parts) <= set(windows)]
        missing, key = [name for name in self.streams if name not in used], ",".join(used)
        head = self._session(self.partial[key]) if key in self.partial else self.head
        if not used or (missing and head is self.head and "available" not in [i.name for i in head.get_inputs()]):
            raise ModelError("arrays", f"lack {', '.join(missing)}, which the model needs", "Give all of its sensors")
        count = len(next(iter(windows.values())))
        parts = [self._part(windows, used, head, slice(at, at + AT_ONCE)) for at in range(0, count, AT_ONCE)]
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        _checked("probability of large values", found["probability"], found["probability"].shape[1:])
        return found

    def _part(self, windows: dict[str, Any], used: list[str], head: Any, rows: slice) -> dict[str, Any]:
        count = len(next(iter(windows.values()))[rows])
        values: dict[str, Any] = {"available": np.array([[name in used for name in self.streams]] * count)}
        for name in used:
            inputs = {sensor: windows[sensor][rows] for sensor in self.streams[name]}
            (values[f"features_{name}"],) = self.encoders[name].run(None, inputs)
        result: dict[str, Any] = {}
        for graph in (head, *self.distance):
            for each in graph.get_inputs():
                values.setdefault(each.name, np.zeros((count, *each.shape[1:]), np.float32))
            found = graph.run(None, {each.name: values[each.name] for each in graph.get_inputs()})
            result |= zip([each.name for each in graph.get_outputs()], found, strict=True)
        return result


def read_model(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """``model.json`` of a folder, and name to content of the files whose hashes it has."""
    try:
        description = json.loads((folder / DESCRIPTION).read_bytes())
        version, hashes = description["format"], dict(description["sha256"])
        files = {name: (folder / name).read_bytes() if (folder / name).is_file() else b"" for name in hashes}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError("model", f"'{folder / DESCRIPTION}' is damaged or missing ({error!r})", AGAIN) from error
    if version != FORMAT:
        raise ModelError("model", f"'{folder}' has the format {version}, not {FORMAT}", f"{AGAIN} with this version")
    changed = [name for name, content in files.items() if hashlib.sha256(content).hexdigest() != hashes[name]]
    own = hashlib.sha256(json.dumps({**description, "digest": None}, sort_keys=True).encode()).hexdigest()
    changed += [DESCRIPTION] * (description.get("digest", own) != own)  # older models have none
    if changed:
        raise ModelError("model", f"'{folder / changed[0]}' is not the file that was exported", AGAIN)
    return description, files


def checked_arrays(arrays: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The arrays (N, *shape) in single precision, in the order of the sensors; N is 1 for one window (*shape)."""
    unknown = [name for name in arrays if name not in shapes]
    if unknown or not arrays:
        problem = f"the model knows no modality '{unknown[0]}'" if unknown else "hold no modality"
        raise ModelError("arrays", problem, f"Choose from {', '.join(shapes)}")
    found = {name: _checked(f"arrays['{name}']", arrays[name], shapes[name]) for name in shapes if name in arrays}
    counts = {name: len(values) for name, values in found.items()}
    if len(set(counts.values())) > 1:
        raise ModelError("arrays", f"have different numbers of samples: {counts}", "Give as many of each")
    return found


def _checked(where: str, values: Any, shape: tuple[int, ...]) -> Any:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ModelError(where, f"has the type {array.dtype}", "Give numbers")
    array = np.ascontiguousarray(array[None] if array.shape == shape else array, dtype=np.float32)
    if array.shape[1:] != shape or not array.size:
        problem = f"has the shape {array.shape}" if array.size else "holds no sample"
        raise ModelError(where, problem, f"Give (N, {', '.join(map(str, shape))}), or one sample without N")
    broken = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    if not len(broken):
        return array
    problem = f"holds NaN or infinite values in {len(broken)} samples, first in sample {broken[0]}"
    raise ModelError(where, problem, "Fill the gaps, or leave these samples out")


def main() -> None:
    """Prints a line of JSON per window."""
    parser = argparse.ArgumentParser(description="Recognises activities in windows of sensor values.")
    parser.add_argument("windows", type=Path, help="NPZ file with an array (N, *shape) per sensor")
    path = parser.parse_args().windows
    try:
        arrays = dict(np.load(path, allow_pickle=False).items())
    except Exception as error:  # numpy and zipfile raise half a dozen kinds for a damaged file
        parser.exit(1, f"run.py: '{path}' is no readable NPZ file ({error}).\n")
    try:
        model = Model(Path(__file__).parent)
        found = model(arrays)
    except Exception as error:  # onnxruntime raises a dozen kinds
        parser.exit(1, f"run.py: {error}\n")
    names, sensors = model.class_names, model.attends_to
    for number, row in enumerate(found["probability"].astype(float)):  # of float32, digits would be left after rounding
        line = {"activity": names[row.argmax()], "probability": dict(zip(names, row.round(6).tolist(), strict=True))}
        weights = found["weights"][number].astype(float).round(6).tolist() if sensors else []
        print(json.dumps({**line, "weights": dict(zip(sensors, weights, strict=True))}))


if __name__ == "__main__":
    main()
