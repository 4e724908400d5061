"""The encoders of a module: new ones, or those of a bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.bundle import Bundle, built_encoder
from cosmo_pl.encoders import Encoder, spectral_encoders
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base.module import Shapes
from cosmo_pl.modules.base.presence import Present

Variant = Literal["shared", "original"]


class Streams(nn.ModuleDict):
    """Encoders, one a stream: a modality, or several joined on their last axis under the key ``"acc+gyro"``.

    Args:
        modality_shapes: Modality to shape of a sample.
        encoders: Stream to encoder, or to what `Encoder.described` says of it; every modality is in exactly one
            stream.

    Attributes:
        feature_shapes: Stream to shape (channels, time, *space) of its feature map.

    Raises:
        ConfigurationError: Streams and modalities do not match, or joined modalities differ in length.
    """

    def __init__(self, modality_shapes: Shapes, encoders: Mapping[str, Encoder | Mapping[str, Any]]) -> None:
        if sorted(modality for stream in encoders for modality in stream.split("+")) != sorted(modality_shapes):
            raise ConfigurationError(
                "encoders", f"are for {sorted(encoders)}, the data give {sorted(modality_shapes)}",
                "Give one encoder for each modality of the data",
            )  # fmt: skip
        order = list(modality_shapes)
        names = sorted(encoders, key=lambda stream: order.index(stream.split("+")[0]))
        built = {
            name: each if isinstance(each, Encoder) else built_encoder(each, "checkpoint")
            for name, each in encoders.items()
        }
        super().__init__({name: built[name] for name in names})
        self.feature_shapes = {name: built[name].feature_shape(joined_shape(modality_shapes, name)) for name in names}

    def forward(self, inputs: Mapping[str, Tensor], there: Present | None = None) -> dict[str, Tensor]:
        """Encodes samples, modality to (N, *shape), into feature maps, stream to (N, channels, time, *space).

        Only what is `there` (see `presence`) is encoded: the feature map of the rest is 0, whatever the inputs hold,
        and no batch statistics see it.
        """
        if there is None:
            return {name: encoder(joined(inputs, name)) for name, encoder in self.items()}
        return {name: self._scattered(name, inputs, rows) for name, rows in there.items()}

    def _scattered(self, name: str, inputs: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        if not rows.any():
            return torch.zeros(len(rows), *self.feature_shapes[name], device=rows.device)
        encoded: Tensor = self[name](joined(inputs, name)[rows])
        return encoded.new_zeros(len(rows), *encoded.shape[1:]).index_put((rows,), encoded)


def unit_features(features: Mapping[str, Tensor]) -> Tensor:
    """Features, stream to (N, *shape), as rows (N, D): each stream of unit norm, so that none drowns another."""
    return torch.cat([F.normalize(z.flatten(1).float(), dim=1) for z in features.values()], dim=1)


def joined(inputs: Mapping[str, Tensor], stream: str) -> Tensor:
    """Samples (N, *shape) of a stream's modalities, joined on the last axis."""
    parts = [inputs[modality] for modality in stream.split("+")]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def joined_shape(modality_shapes: Shapes, stream: str) -> tuple[int, ...]:
    """Shape of a stream's samples.

    Raises:
        ConfigurationError: Its modalities differ in more than the last axis.
    """
    shapes = {modality: tuple(modality_shapes[modality]) for modality in stream.split("+")}
    if len({shape[:-1] for shape in shapes.values()}) > 1:
        raise ConfigurationError(
            "modalities", f"{shapes} have different lengths (sampling rates) and cannot be joined",
            "Bring them to one length or leave one out",
        )  # fmt: skip
    return *next(iter(shapes.values()))[:-1], sum(shape[-1] for shape in shapes.values())


def variant_encoders(
    variant: Variant, modality_shapes: Shapes, encoders: Mapping[str, Encoder] | None, intervals: int
) -> Mapping[str, Encoder]:
    """Encoders of a baseline that is Cosmo's but for its fusion ("shared"), or as published ("original").

    Args:
        variant: "shared" takes `encoders`; "original" a `SpectralEncoder` for each modality.
        modality_shapes: Modality to shape of a sample.
        encoders: Modality to encoder; None for "original".
        intervals: Intervals that "original" cuts a sample in.

    Raises:
        ConfigurationError: The variant is unknown, "shared" is given no encoders or "original" some, or the samples are
            too short.
    """
    if variant == "shared":
        if encoders is None:
            raise ConfigurationError("encoders", "none are given", "Give one for each modality of the data")
        return encoders
    if encoders is not None and not are_described(encoders):
        raise ConfigurationError(
            "encoders", "the original has its own", "Set model.init_args.encoders to null, or variant to shared"
        )
    return encoders or spectral_encoders(modality_shapes, intervals)


def load_encoders(
    modality_shapes: Shapes, encoders: Mapping[str, Encoder] | None, bundle: str | None
) -> tuple[Streams, Bundle | None]:
    """Encoders of a classifier, trained from scratch or from a bundle on.

    Args:
        modality_shapes: Modality to shape of a sample; of a bundle with more modalities these are taken.
        encoders: Encoders of those that have no bundle; beside a bundle they must be what it holds, or None. Those
            that are only described are of a checkpoint, which holds their weights: no bundle is read.
        bundle: Folder of a bundle, or of runs whose newest bundle is taken; None trains `encoders` anew.

    Raises:
        ConfigurationError: Neither is given, or they do not match each other or the modalities.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """
    if bundle is None or are_described(encoders):
        if encoders is None:
            raise ConfigurationError("encoders", "neither encoders nor a bundle are given", "Give one of them")
        return Streams(modality_shapes, encoders), None
    loaded = Bundle.load(bundle).restrict(modality_shapes)
    for name, wanted in (encoders or {}).items():
        have = loaded.encoders.get(name)
        left_out = have is None and not set(name.split("+")) & set(modality_shapes)
        if not left_out and (have is None or _described(have) != _described(wanted)):
            told = f"for {name} is {_described(have)}" if have is not None else f"are for {sorted(loaded.encoders)}"
            raise ConfigurationError(
                "encoders", f"the bundle's {told}, not {_described(wanted)} for {name}",
                "Set model.init_args.encoders to null to take the bundle's, or bundle to null to train anew",
            )  # fmt: skip
    return Streams(modality_shapes, loaded.encoders), loaded


def are_described(encoders: Mapping[str, Any] | None) -> bool:
    """Whether encoders are given as `Encoder.described` gives them."""
    return bool(encoders) and not any(isinstance(encoder, Encoder) for encoder in (encoders or {}).values())


def _described(encoder: Encoder) -> str:
    # Through JSON, as a bundle stores them: a tuple and a list are the same there.
    described = encoder.described()
    arguments = ", ".join(f"{key}={json.dumps(value)}" for key, value in described["init_args"].items())
    return f"{described['class_path']}({arguments})"
