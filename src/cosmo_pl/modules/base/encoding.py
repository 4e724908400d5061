"""The encoders of a module, new ones or those of a bundle, and the modalities that samples lack."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cosmo_pl.bundle import Bundle, built_encoder
from cosmo_pl.data.loading import Batch
from cosmo_pl.encoders import Encoder, spectral_encoders
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.modules.base.module import Shapes
from cosmo_pl.stream_names import parts_of

Variant = Literal["shared", "original"]
Present = Mapping[str, Tensor]
"""Modality, or stream of several, to the availability in each sample (N,)."""
MAX_BYTES = 2**29  # of feature maps in a `FeatureMemory`; those of USC-HAD's 20,000 windows would take twice that
VARIED = "varied"
"""Key of a training batch whose samples were changed. Callbacks that change samples set it."""


def availability(streams: Iterable[str], inputs: Mapping[str, Tensor], present: Present | None) -> Present | None:
    """Availability of each stream. A stream of several modalities is available where all of them are.

    Args:
        streams: Names of streams, "acc" or "acc+gyro".
        inputs: Modality to samples (N, *shape). All samples lack a modality that has no entry.
        present: Modality to its availability in each sample (N,). One without an entry is available in all samples,
            where `inputs` has it.

    Returns:
        Stream to bool (N,); None if nothing is missing.

    Raises:
        ConfigurationError: A sample has none of the streams.
    """
    parts = {stream: parts_of(stream) for stream in streams}
    present = present or {}
    if not any(part in present or part not in inputs for names in parts.values() for part in names):
        return None
    known = next(iter({**inputs, **present}.values()), torch.zeros(1))
    whole = known.new_ones(len(known), dtype=torch.bool)
    of = {
        name: present.get(name, whole).bool() if name in inputs else ~whole
        for names in parts.values()
        for name in names
    }
    found = {stream: torch.stack([of[name] for name in names]).all(dim=0) for stream, names in parts.items()}
    empty = int((~torch.stack(list(found.values())).any(dim=0)).sum())
    if empty:
        problem = f"{empty} samples have none of {list(found)}, which the model needs"
        raise ConfigurationError("present", problem, "Leave them out, or use a model of a sensor that they have")
    return found


class Streams(nn.ModuleDict):
    """One encoder per stream: a modality, or several joined on their last axis under the key ``"acc+gyro"``.

    Args:
        modality_shapes: Modality to shape of a sample.
        encoders: Stream to encoder, or to its description as `Encoder.described` returns it. Every modality belongs to
            exactly one stream.

    Attributes:
        feature_shapes: Stream to shape (channels, time, *space) of its feature map.

    Raises:
        ConfigurationError: Streams and modalities do not match, or joined modalities differ in length.
    """

    def __init__(self, modality_shapes: Shapes, encoders: Mapping[str, Encoder | Mapping[str, Any]]) -> None:
        if sorted(modality for stream in encoders for modality in parts_of(stream)) != sorted(modality_shapes):
            problem = f"are for {sorted(encoders)}, the data give {sorted(modality_shapes)}"
            raise ConfigurationError("encoders", problem, "Give one encoder for each modality of the data")
        order = list(modality_shapes)
        names = sorted(encoders, key=lambda stream: order.index(parts_of(stream)[0]))
        built = {
            name: each if isinstance(each, Encoder) else built_encoder(each, "checkpoint")
            for name, each in encoders.items()
        }
        super().__init__({name: built[name] for name in names})
        self.feature_shapes = {name: built[name].feature_shape(joined_shape(modality_shapes, name)) for name in names}

    def forward(self, inputs: Mapping[str, Tensor], available: Present | None = None) -> dict[str, Tensor]:
        """Encodes samples, modality to (N, *shape), into feature maps, stream to (N, channels, time, *space).

        Only `available` streams (see `availability`) are encoded. The feature maps of missing ones are 0 whatever the
        inputs hold, and do not enter batch statistics.
        """
        if available is None:
            return {name: encoder(joined(inputs, name)) for name, encoder in self.items()}
        return {
            name: on_rows(self[name], joined(inputs, name), rows, self.feature_shapes[name])
            if rows.any()  # the inputs may lack a modality that all samples lack
            else torch.zeros(len(rows), *self.feature_shapes[name], device=rows.device)
            for name, rows in available.items()
        }


def on_rows(module: nn.Module, values: Tensor, rows: Tensor, shape: Sequence[int]) -> Tensor:
    """Applies a module to some rows; batch normalisation sees no others.

    Where the training mode needs two rows and there is one, its batch normalisation uses the running statistics, which
    those before the layer that needs them have then updated by this row.

    Args:
        module: The module.
        values: Its input (N, *).
        rows: Whether each row is used (N,).
        shape: Shape of a row of its result.

    Returns:
        Its result (N, *shape), 0 in the other rows.
    """
    if not rows.any():
        return torch.zeros(len(rows), *shape, device=rows.device)
    some = values[rows]
    try:
        found: Tensor = module(some)
    except ValueError:  # "Expected more than 1 value per channel when training"
        if len(some) > 1 or not module.training:
            raise
        module.eval()
        try:
            found = module(some)
        finally:
            module.train()
    return found.new_zeros(len(rows), *found.shape[1:]).index_put((rows,), found)


class FeatureMemory:
    """Feature maps of a datamodule's samples by sample index, computed once while the encoders do not change.

    Feature maps beyond `MAX_BYTES` are computed each time.

    Args:
        encoders: The encoders, in eval mode.
    """

    def __init__(self, encoders: Streams) -> None:
        self.encoders = encoders
        self._bytes_each = 4 * sum(map(math.prod, encoders.feature_shapes.values()))
        self._rows: dict[int, int] = {}  # by sample index
        self._maps: dict[str, Tensor] = {}

    @staticmethod
    def serves(batch: Batch) -> bool:
        """Whether the samples of a batch are those of the data, neither augmented nor changed by a callback."""
        return "index" in batch and "num_augmentations" not in batch and not batch.get(VARIED, False)

    def maps(self, batch: Batch, available: Present | None) -> dict[str, Tensor]:
        """Feature maps of a batch's samples, as `Streams` returns them.

        Args:
            batch: The batch.
            available: See `availability`.
        """
        indices = batch["index"].tolist()
        new = [position for position, index in enumerate(indices) if index not in self._rows]
        if (len(self._rows) + len(new)) * self._bytes_each > MAX_BYTES:
            return self._encoded(batch, available, slice(None))
        if new:
            with torch.inference_mode(False), torch.no_grad():  # a training may use what an evaluation has computed
                self._keep([indices[position] for position in new], self._encoded(batch, available, new))
        rows = torch.tensor([self._rows[index] for index in indices], device=batch["index"].device)
        return {stream: values[rows] for stream, values in self._maps.items()}

    def _encoded(self, batch: Batch, available: Present | None, positions: Any) -> dict[str, Tensor]:
        inputs = {name: values[positions] for name, values in batch["inputs"].items()}
        some = None if available is None else {stream: known[positions] for stream, known in available.items()}
        maps: dict[str, Tensor] = self.encoders(inputs, some)
        return maps

    def _keep(self, indices: list[int], maps: dict[str, Tensor]) -> None:
        first, count = len(self._rows), len(self._rows) + len(indices)
        self._rows.update({index: first + row for row, index in enumerate(indices)})
        for stream, new in maps.items():
            if first == 0 or len(self._maps[stream]) < count:
                larger = new.new_empty(2 * count, *new.shape[1:])
                if first:
                    larger[:first] = self._maps[stream][:first]
                self._maps[stream] = larger
            self._maps[stream][first:count] = new


def unit_features(features: Mapping[str, Tensor]) -> Tensor:
    """Features, stream to (N, *shape), as rows (N, D). Each stream has unit norm, so that all have equal weight."""
    return torch.cat([F.normalize(z.flatten(1).float(), dim=1) for z in features.values()], dim=1)


def joined(inputs: Mapping[str, Tensor], stream: str) -> Tensor:
    """Samples (N, *shape) of a stream's modalities, joined on the last axis."""
    parts = [inputs[modality] for modality in parts_of(stream)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def joined_shape(modality_shapes: Shapes, stream: str) -> tuple[int, ...]:
    """Shape of a stream's samples.

    Raises:
        ConfigurationError: Its modalities differ in more than the last axis.
    """
    shapes = {modality: tuple(modality_shapes[modality]) for modality in parts_of(stream)}
    if len({shape[:-1] for shape in shapes.values()}) > 1:
        problem = f"{shapes} have different lengths (sampling rates) and cannot be joined"
        raise ConfigurationError("modalities", problem, "Resample them to one length or leave one out")
    return *next(iter(shapes.values()))[:-1], sum(shape[-1] for shape in shapes.values())


def variant_encoders(
    variant: Variant, modality_shapes: Shapes, encoders: Mapping[str, Encoder] | None, intervals: int
) -> Mapping[str, Encoder]:
    """Encoders of a baseline: Cosmo's own ("shared"), or those of its publication ("original").

    Args:
        variant: "shared" uses `encoders`; "original" a `SpectralEncoder` per modality.
        modality_shapes: Modality to shape of a sample.
        encoders: Modality to encoder; None for "original".
        intervals: Number of intervals of a sample for "original".

    Raises:
        ConfigurationError: The variant is unknown, "shared" has no encoders or "original" has some, or the samples are
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
    modality_shapes: Shapes,
    encoders: Mapping[str, Encoder] | None,
    bundle: str | None,
    bundle_modalities: Mapping[str, str] | None = None,
) -> tuple[Streams, Bundle | None]:
    """Encoders of a classifier: untrained ones, or the trained ones of a bundle.

    Args:
        modality_shapes: Modality to shape of a sample. A bundle may have further modalities, which are not used.
        encoders: Modality to encoder. Beside a bundle they have to be equal to its own, or None. Encoders that are only
            described belong to a checkpoint, which holds their weights. No bundle is read for them.
        bundle: Folder of a bundle, or of runs whose newest bundle is used; None uses `encoders`, untrained.
        bundle_modalities: Modality of the data to the modality of the bundle whose encoder it uses, see
            `Bundle.restrict`.

    Raises:
        ConfigurationError: Neither is given, or they do not match each other or the modalities.
        BundleError: The bundle is missing, damaged, or for other modalities or shapes.
    """
    if bundle is None or are_described(encoders):
        if encoders is None:
            raise ConfigurationError("encoders", "neither encoders nor a bundle are given", "Give one of them")
        return Streams(modality_shapes, encoders), None
    loaded = Bundle.load(bundle).restrict(modality_shapes, bundle_modalities)
    for name, wanted in (encoders or {}).items():
        have = loaded.encoders.get(name)
        left_out = have is None and not set(parts_of(name)) & set(modality_shapes)
        if not left_out and (have is None or _described(have) != _described(wanted)):
            other = f"for {name} is {_described(have)}" if have is not None else f"are for {sorted(loaded.encoders)}"
            problem = f"the bundle's {other}, not {_described(wanted)} for {name}"
            remedy = "Set model.init_args.encoders to null to use the bundle's, or bundle to null to use untrained ones"
            raise ConfigurationError("encoders", problem, remedy)
    return Streams(modality_shapes, loaded.encoders), loaded


def are_described(encoders: Mapping[str, Any] | None) -> bool:
    """Whether encoders are given as descriptions, see `Encoder.described`."""
    return bool(encoders) and not any(isinstance(encoder, Encoder) for encoder in (encoders or {}).values())


def _described(encoder: Encoder) -> str:
    # Through JSON, as a bundle stores them, where tuples and lists are the same.
    described = encoder.described()
    arguments = ", ".join(f"{key}={json.dumps(value)}" for key, value in described["init_args"].items())
    return f"{described['class_path']}({arguments})"
