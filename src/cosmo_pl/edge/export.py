"""Export of a trained run: a folder of ONNX graphs and ``model.json``, with the program that runs them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pytorch_lightning.utilities import rank_zero_warn

from cosmo_pl.bundle import Bundle
from cosmo_pl.checkpoints import checkpoint_in
from cosmo_pl.data.trained import TrainedOn
from cosmo_pl.edge.deciding import measured_decision
from cosmo_pl.edge.export_checks import check_equal, equality
from cosmo_pl.edge.export_graphs import distance_graph, encoder_graphs, head_graphs
from cosmo_pl.edge.export_recordings import RunRecordings, training_samples
from cosmo_pl.edge.neighbors import training_neighbors
from cosmo_pl.edge.quantization import SAMPLES, comparison, quantized_encoders
from cosmo_pl.edge.switching import left_out_in_turn
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.exported import DESCRIPTION, FORMAT, ExportedRecogniser
from cosmo_pl.exported import run as program
from cosmo_pl.extras import require
from cosmo_pl.io import read_json, user_path, whole_file, write_json
from cosmo_pl.recogniser import Recogniser
from cosmo_pl.run_folder import BUNDLE, BUNDLE_DESCRIPTION, finished_tests, run_of
from cosmo_pl.storage import writing
from cosmo_pl.stream_names import parts_of

LIBRARIES = ("cosmo_pl", "torch", "scikit-learn", "onnx", "onnxscript", "skl2onnx", "onnxruntime", "numpy")


def export(
    run: str | Path,
    folder: str | Path,
    decision: bool = False,
    overwrite: bool = False,
    int8: bool = False,
    bundle: bool = False,
) -> dict[str, Any]:
    """Exports a trained classifier into a folder, which `Recogniser.load` opens and its own ``run.py`` runs.

    Args:
        run: Folder of a run, or of such runs, whose newest is taken; or a checkpoint.
        folder: The folder.
        decision: Whether temperature, rejection threshold and transitions are measured and stored, see
            `cosmo_pl.edge.deciding.measured_decision`, with the graph of the distance to the training samples; and
            what the sensors of a method without attention are worth, see `left_out_in_turn`.
        overwrite: Whether an exported folder of that name is replaced.
        int8: Whether the encoders compute in 8-bit integers, see `quantized_encoders`. The head stays in float.
        bundle: Whether the folder also has the bundle of stage 1, in half precision, so that one folder serves
            recognition and adaptation.

    Returns:
        Content of ``model.json``. Its "equal" compares the graphs with the run on all test samples, see `equality`, and
        its "int8" the quantised encoders with the others, see `comparison`.

    Raises:
        ConfigurationError: The run is none of a classifier, or its method cannot be exported or quantised; the folder
            exists; or a package of the extra `export` is missing.
        CosmoError: `decision` or `int8` is set, and the recordings cannot be used; or `bundle` is, and it is missing.
    """
    for package in ("onnx", "onnxscript", "onnxruntime", "skl2onnx"):
        require(package, "export")
    folder = user_path(folder)
    _check_free(folder, overwrite, bundle)
    checkpoint = checkpoint_in(user_path(run))
    recogniser = Recogniser.of_run(checkpoint)
    recordings = RunRecordings(checkpoint)
    encoders = bundle_of(recogniser) if bundle else None
    if decision or int8:
        _ = recordings.data  # before minutes of work
    description, graphs = described(recogniser)
    if recogniser.window is not None:  # clips have no hop
        description["hop"] = recordings.hop
    description["accuracy"] = _tested(checkpoint, recogniser.trained)
    if decision:
        measured, report = measured_decision(*recordings.loaded)
        if report.uncalibrated is not None:
            rank_zero_warn(f"nothing is rejected, and the temperature is 1: {report.uncalibrated}")
        description["decision"] = measured.described()
        if measured.score_threshold is not None:
            graphs |= _distance(recogniser, recordings, description)
        description["in_turn"] = _in_turn(recogniser, recordings)
    exported = loaded(description, graphs)
    check_equal(recogniser, exported)
    if int8:
        quantised, exported = _quantised(description, graphs, exported, recordings)
        graphs |= quantised
    elif description["accuracy"] is None:
        description["accuracy"] = recordings.accuracy(exported)
    description["equal"] = equality(recogniser, exported, recordings)
    folder = folder.resolve()  # of a link, what it points to
    _check_free(folder, overwrite, encoders is not None)  # again, as the measuring takes minutes
    with whole_file(folder) as part:
        write_model(part, description, graphs)
        if encoders is not None:
            encoders.save(part / BUNDLE, half=True)
        if folder.exists():
            shutil.rmtree(folder)
    return description


def bundle_of(recogniser: Recogniser) -> Bundle:
    """The bundle that the encoders of a trained classifier come from.

    Raises:
        ConfigurationError: It was trained without a stage 1.
        BundleError: The bundle is missing or damaged.
    """
    used = recogniser.module.record.bundle
    if used is None:
        raise ConfigurationError("bundle", "the run was trained without a stage 1", "Leave out --bundle")
    return Bundle.load(used)


def _check_free(folder: Path, overwrite: bool, bundle: bool) -> None:
    """Refuses a folder that exists, unless it is an exported one that may be replaced, with nothing else in it.

    Raises:
        ConfigurationError: It exists.
        StorageError: It could not be made.
    """
    if not folder.exists():
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        return
    try:
        files = program.read_model(folder)[1]
    except program.ModelError as error:
        problem = f"'{folder}' exists and is no exported model"
        raise ConfigurationError("out", problem, "Move it, or name a new folder") from error
    if not overwrite:
        raise ConfigurationError("out", f"'{folder}' exists", "Name a new folder, or use --overwrite")
    written = {DESCRIPTION, "__pycache__", *files, *([BUNDLE] if bundle else [])}
    if others := sorted({path.name for path in folder.iterdir()} - written):
        remedy = "Use --bundle, which replaces it" if others == [BUNDLE] else "Move it, or name a new folder"
        raise ConfigurationError("out", f"'{folder}' also holds '{others[0]}', which would be lost", remedy)


def described(recogniser: Recogniser) -> tuple[dict[str, Any], dict[str, bytes]]:
    """``model.json`` as far as the checkpoint has it, and name to content of the graphs.

    Args:
        recogniser: The classifier.

    Raises:
        ConfigurationError: Its method cannot be exported.
    """
    module, trained = recogniser.module, recogniser.trained
    encoders = encoder_graphs(recogniser)
    (_, head), *partial = head_graphs(recogniser).items()
    names = {stream: f"encoder_{stream}.onnx" for stream in encoders}
    partial_names = {",".join(streams): f"head_{number}.onnx" for number, (streams, _) in enumerate(partial, start=1)}
    graphs = {names[stream]: graph for stream, graph in encoders.items()} | {"head.onnx": head}
    graphs |= dict(zip(partial_names.values(), (graph for _, graph in partial), strict=True))
    sensors = {name: asdict(sensor) for name, sensor in recogniser.sensors.items()}
    shapes = recogniser.modality_shapes
    description = {
        "format": FORMAT,
        "title": trained.dataset,
        "method": type(module).__name__,
        "class_names": list(recogniser.class_names),
        "sensors": {name: {**sensors.get(name, {}), "shape": list(shape)} for name, shape in shapes.items()},
        "levels": dict(recogniser.levels),
        "window": recogniser.window,
        "hop": None,
        "encoders": {stream: {"modalities": parts_of(stream), "graph": names[stream]} for stream in encoders},
        "head": {"graph": "head.onnx", "partial": partial_names},
        "attends_to": list(module.attends_to),
        "distance": None,
        "quality": _quality(recogniser),
        "in_turn": [],
        "labels": trained.labels,
        "test_subjects": list(trained.test_subjects),
        "accuracy": None,
        "equal": None,
        "int8": None,
        "versions": {name: version(name) for name in LIBRARIES},
    }
    return description, {name: graph.SerializeToString() for name, graph in graphs.items()}


def _distance(recogniser: Recogniser, recordings: RunRecordings, description: dict[str, Any]) -> dict[str, bytes]:
    """The graph of the distance to the training samples, which the description then names."""
    neighbors = training_neighbors(*recordings.loaded)
    assert neighbors is not None, "the decision uses them"
    description["distance"] = "distance.onnx"
    return {description["distance"]: distance_graph(recogniser, neighbors).SerializeToString()}


def _in_turn(recogniser: Recogniser, recordings: RunRecordings) -> list[dict[str, Any]]:
    """What sensors are worth on training samples; empty for a method with attention, or that needs all of them."""
    arrays = training_samples(recordings.data, SAMPLES, complete=True)
    if recogniser.module.attends_to or not len(next(iter(arrays.values()))):
        return []
    try:
        found = list(left_out_in_turn(recogniser, arrays, recogniser.streams))
    except ConfigurationError:  # it needs a sensor
        return []
    return [{"sensor": name, "worth": round(worth, 5)} for name, worth in found]


def _quantised(
    description: dict[str, Any], graphs: dict[str, bytes], exported: ExportedRecogniser, recordings: RunRecordings
) -> tuple[dict[str, bytes], ExportedRecogniser]:
    """The encoders in 8-bit integers, which the description then compares with those in single precision."""
    quantised = quantized_encoders(description, graphs, training_samples(recordings.data, SAMPLES))
    both = {"float": exported, "int8": loaded(description, graphs | quantised)}
    sizes = {"float": total_size(graphs), "int8": total_size(graphs | quantised)}
    description["int8"] = {"graphs": list(quantised), **comparison(both, sizes, recordings)}
    description["accuracy"] = description["int8"]["int8"]["accuracy"]
    return quantised, both["int8"]


def _quality(recogniser: Recogniser) -> dict[str, float]:
    """Quality weights of the modalities: those of the attention, else those in the bundle, if it still exists."""
    module = recogniser.module
    used: Mapping[str, float] | None = module.hparams.get("quality_weights")
    if used:
        return dict(used)
    path = Path(module.record.bundle or "") / BUNDLE_DESCRIPTION
    if not module.record.bundle:
        return {}
    if not path.is_file():
        rank_zero_warn(f"model.json has no quality weights, as the bundle '{path.parent}' is not there any more")
        return {}
    measured = read_json(path, lambda problem: ConfigurationError("bundle", problem, "Restore it")).get("quality", {})
    return {name: float(each["weight"]) for name, each in measured.items()}


def _tested(checkpoint: Path, trained: TrainedOn) -> dict[str, Any] | None:
    """Accuracy on the test subjects from the newest of the largest tests of the checkpoint; None if there is none."""
    wanted = checkpoint.name, trained.fingerprint, list(trained.test_subjects)
    found: dict[str, Any] | None = None
    for path in finished_tests(run_of(checkpoint)):
        test = read_json(path, partial(ConfigurationError, str(path), remedy="Test the run again"))
        of = Path(str(test.get("checkpoint"))).name, test.get("data_fingerprint"), test.get("test_subjects")
        if of == wanted and (found is None or test["total"] >= found["total"]):
            found = test
    return found and {name: found[name] for name in ("correct", "total", "accuracy", "f1_macro", "simulated")}


def write_model(folder: Path, description: dict[str, Any], graphs: Mapping[str, bytes]) -> None:
    """Writes a folder of the graphs, the program, and the description with all files' hashes and its own digest.

    Args:
        folder: The folder, which does not exist.
        description: Content of ``model.json``; the hashes are added. The digest is in the file alone.
        graphs: Name to content.
    """
    folder.mkdir()
    for name, content in graphs.items():
        (folder / name).write_bytes(content)
    shutil.copy(program.__file__, folder / "run.py")
    files = sorted(path for path in folder.iterdir() if path.name != DESCRIPTION)
    description["sha256"] = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_json(folder / DESCRIPTION, with_digest(description))


def with_digest(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with the hash of its content, which `exported.run.read_model` compares."""
    content: dict[str, Any] = json.loads(json.dumps({**description, "digest": None}))  # as it is read
    return content | {"digest": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


def loaded(description: Mapping[str, Any], graphs: Mapping[str, bytes]) -> ExportedRecogniser:
    """What would be exported, see `write_model`."""
    with TemporaryDirectory() as folder:
        write_model(Path(folder, "model"), dict(description), graphs)
        return ExportedRecogniser.load(Path(folder, "model"))


def total_size(graphs: Mapping[str, bytes]) -> int:
    """Bytes of some graphs."""
    return sum(map(len, graphs.values()))
