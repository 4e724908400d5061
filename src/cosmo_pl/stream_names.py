"""Names of streams, which one encoder takes: a modality, or several that are joined, "acc+gyro"."""

from __future__ import annotations

from collections.abc import Collection, Iterable

JOINED = "+"


def parts_of(stream: str) -> list[str]:
    """The modalities of a stream."""
    return stream.split(JOINED)


def name_of(modalities: Iterable[str]) -> str:
    """The stream of some modalities."""
    return JOINED.join(modalities)


def is_complete(stream: str, modalities: Collection[str]) -> bool:
    """Whether all modalities of a stream are among some."""
    return set(parts_of(stream)) <= set(modalities)
