"""Checks that the parts of a bundle fit each other; each raises a ValueError that names the field."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from cosmo_pl.encoders import Encoder
from cosmo_pl.fields import Field
from cosmo_pl.fusion.quality import best_num_clusters, quality_weights
from cosmo_pl.sensors import check_limits
from cosmo_pl.stream_names import name_of, parts_of

MAX_VALUES = 2**27  # of one sample, 512 MiB; no sample is larger
FEDERATED = "federated"  # key in `training` of a bundle whose quality each home measures, as no sample left its client
LARGEST = 1e12  # larger than any trained weight or running variance

Shapes = Mapping[str, tuple[int, ...]]


def matched_names(
    encoders: Mapping[str, Encoder], bundle: Shapes, data: Shapes, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Which modality and which encoder of a bundle each modality of the data uses.

    Args:
        encoders: Stream to encoder of the bundle.
        bundle: Modality to shape of its samples.
        data: Modality to shape of the data's samples.
        given: Modality of the data to modality of the bundle; others have the same name.

    Returns:
        Modality of the data to modality of the bundle, and stream of the data to stream of the bundle.

    Raises:
        ValueError: A modality does not exist, has another shape, or is encoded together with one that is not wanted.
    """
    names = {name: given.get(name, name) for name in data}
    for name, mine in names.items():
        if mine not in bundle:
            raise ValueError(f"has no '{mine}' for '{name}' of the data, its modalities are {sorted(bundle)}")
    streams: dict[str, str] = {}
    for stream, encoder in encoders.items():
        users = [[name for name, mine in names.items() if mine == part] for part in parts_of(stream)]
        if len(users) > 1 and any(users) and any(len(each) != 1 for each in users):
            raise ValueError(f"encodes {stream.split('+')} together, the data have {sorted(data)}")
        joined = users[0] if len(users) == 1 else [name_of(each[0] for each in users)] if any(users) else []
        streams |= dict.fromkeys(joined, stream)
        for name in (name for each in users for name in each):
            _check_shape(name, data[name], names[name], bundle[names[name]], encoder)
    return names, streams


def _check_shape(name: str, shape: Sequence[int], mine: str, trained: Sequence[int], encoder: Encoder) -> None:
    if tuple(shape) == tuple(trained):
        return
    problem = f"is for samples {tuple(trained)} of '{mine}', the data have {tuple(shape)} of '{name}'"
    if tuple(shape[1:]) != tuple(trained[1:]):
        raise ValueError(problem)
    if not encoder.any_length:
        raise ValueError(f"{problem}, and {type(encoder).__name__} depends on the number of steps")


def digest_of(description: Mapping[str, Any]) -> str:
    """SHA-256 of a description as JSON, without this hash itself."""
    rest = {name: value for name, value in description.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_hashes(field: Field, weights: bytes) -> None:
    """Checks that description and weights were written together."""
    field["sha256"].require(field["sha256"].digest() == digest_of(field.mapping()), "the hash of the rest of it")
    own = hashlib.sha256(weights).hexdigest()
    field["weights_sha256"].require(field["weights_sha256"].digest() == own, f"that of the weights, {own[:12]}")


def check_description(field: Field) -> None:
    """Checks type and range of each field, and that no modality is missing."""
    shapes = {name: _shape(shape) for name, shape in field["modality_shapes"].fields().items()}
    field["modality_shapes"].require(bool(shapes), "those of any modality")
    _check_streams(field["encoders"], shapes)
    field["training"].mapping()
    field["training"].finite()
    for version in field["versions"].fields().values():
        version.text()
    if "data" in field.mapping() and field["data"].value is None:  # format 1 has no such field
        for name, empty in {"normalization": {}, "quality": {}, "data_fingerprint": ""}.items():
            field[name].require(field[name].value == empty, f"{empty!r}, as the data are null")
        return
    field["data_fingerprint"].digest()
    _check_normalization(field["normalization"], shapes)
    if field["quality"].value or FEDERATED not in field["training"].mapping():
        _check_quality(field["quality"], shapes, field["training"].mapping().get("num_classes"))
    if (data := field.get("data")) is not None:
        _check_data(data)


def check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str | None:
    """Checks names, shapes and kinds of the encoders' weights.

    Returns:
        The name of weights that are not finite, or larger than any trained weight.
    """
    if weights.keys() != expected.keys():
        raise ValueError(f"the weights {sorted(weights.keys() ^ expected.keys())[:3]} are missing or too many")
    for name, found in weights.items():
        wanted = expected[name]
        if found.shape != wanted.shape or found.is_floating_point() != wanted.is_floating_point():
            raise ValueError(
                f"the weights {name} are {found.dtype} {tuple(found.shape)}, not {wanted.dtype} {tuple(wanted.shape)}"
            )
    # The comparison is false for NaN.
    return next((name for name, found in weights.items() if not bool((found.abs() < LARGEST).all())), None)


def check_fit(encoders: Mapping[str, Encoder], shapes: Shapes) -> None:
    """Checks that the encoders take the samples."""
    for stream, encoder in encoders.items():
        parts = [shapes[modality] for modality in parts_of(stream)]
        encoder.feature_shape((*parts[0][:-1], sum(shape[-1] for shape in parts)))


def _shape(field: Field) -> tuple[int, ...]:
    shape = tuple(size.whole(1) for size in field.each())
    field.require(1 <= math.prod(shape) <= MAX_VALUES and len(shape) > 0, "the shape of a sample")
    return shape


def _check_streams(field: Field, shapes: Shapes) -> None:
    modalities = [modality for stream in field.mapping() for modality in parts_of(stream)]
    field.require(sorted(modalities) == sorted(shapes), f"encoders of {sorted(shapes)}")
    for stream, encoder in field.fields().items():
        encoder["class_path"].text()
        encoder["init_args"].mapping()
        lengths = {shapes[modality][:-1] for modality in parts_of(stream)}
        encoder.require(len(lengths) == 1, f"one for samples of different lengths {sorted(lengths)}")


def _check_normalization(field: Field, shapes: Shapes) -> None:
    field.require(field.mapping().keys() == shapes.keys(), f"statistics of {sorted(shapes)}")
    for name, statistics in field.fields().items():
        axis = None if "axis" in statistics.mapping() else -1  # the last axis in older bundles
        if (stored := statistics.get("axis")) is not None:
            axis = stored.whole(-len(shapes[name]), -1)
        channels = 1 if axis is None else shapes[name][axis]
        for part, low in (("mean", -math.inf), ("std", math.ulp(0.0))):
            values = [value.number(low) for value in statistics[part].each()]
            statistics[part].require(len(values) == channels, f"{channels} values, one per channel")


def _check_quality(field: Field, shapes: Shapes, num_classes: Any) -> None:
    field.require(field.mapping().keys() == shapes.keys(), f"those of {sorted(shapes)}")
    hopkins, clusters, weights = {}, {}, {}
    for name, measured in field.fields().items():
        hopkins[name] = measured["hopkins"].number(0, 1)
        measured["hopkins_std"].number(0, 1)
        clusters[name] = measured["num_clusters"].whole(2)
        best = best_num_clusters(_curve(measured["silhouettes"]))
        measured["num_clusters"].require(clusters[name] == best, f"{best}, whose silhouette is the best")
        weights[name] = measured["weight"].number(0, 1)
    field.require(math.isclose(sum(weights.values()), 1, abs_tol=1e-6), f"of weights {weights} whose sum is 1")
    if isinstance(num_classes, int) and not isinstance(num_classes, bool):
        expected = quality_weights(hopkins, clusters, num_classes)
        agree = all(math.isclose(weights[name], expected[name], abs_tol=1e-6) for name in weights)
        field.require(agree, f"of weights {weights} that follow from its other values")


def _curve(field: Field) -> dict[int, float]:
    field.require(
        bool(field.mapping()) and all(map(str.isdecimal, field.mapping())), "silhouettes by number of clusters"
    )
    return {int(number): silhouette.number(-1, 1) for number, silhouette in field.fields().items()}


def _check_data(field: Field) -> None:
    for name in ("dataset", "title"):
        field[name].text()
    for subject in field["subjects"].each():
        subject.whole()
    for activity in field["class_names"].each():
        activity.text()
    for each in [] if (recordings := field.get("recordings")) is None else recordings.each():
        each.text()
    for subjects in ({} if (joined := field.get("joined")) is None else joined.fields()).values():
        for subject in subjects.each():
            subject.whole()
    for sensor in ({} if (sensors := field.get("sensors")) is None else sensors.fields()).values():
        _check_sensor(sensor)
    for steps in ({} if (transforms := field.get("transforms")) is None else transforms.fields()).values():
        for step in steps.each():
            step["class_path"].text()
            step["init_args"].mapping()


def _check_sensor(field: Field) -> None:
    field["kind"].text()
    channels, units = ([name.text() for name in field[part].each()] for part in ("channels", "units"))
    field["units"].require(len(units) == len(channels), f"{len(channels)} units, one per channel")
    if field["rate"].value is not None:
        field["rate"].number(math.ulp(0.0))
    check_limits(field)
