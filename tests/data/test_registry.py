"""What the classes of this package say of their datasets; packages outside are in tests/outside."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

from cosmo_pl.data import (
    DATASETS,
    MExDataModule,
    SelfCollectedDataModule,
    StreamsDataModule,
    USCDataModule,
    UTDDataModule,
)
from cosmo_pl.errors import ConfigurationError


def test_keys_and_classes() -> None:
    own = [UTDDataModule, USCDataModule, SelfCollectedDataModule, MExDataModule, StreamsDataModule]
    assert dict(DATASETS) == dict(zip(("utd", "usc", "self_collected", "mex", "streams"), own, strict=True))
    assert len(DATASETS) == 5 and all(kind.key == key for key, kind in DATASETS.items())


def test_titles_are_distinct() -> None:
    assert [kind.title for kind in DATASETS.values()] == [
        "UTD-MHAD",
        "USC-HAD",
        "self-collected",
        "MEx",
        "imported recordings",
    ]


def test_an_unknown_key_is_a_key_error_of_the_mapping_and_one_line_of_the_command_line() -> None:
    assert "mhad" not in DATASETS
    with pytest.raises(ConfigurationError, match=r"'mhad'\. Choose from utd, usc, self_collected"):
        DATASETS.named("mhad")


def test_published_datasets_have_archives_of_their_modalities() -> None:
    published = {key: set(kind.archives) for key, kind in DATASETS.items() if kind.archives}
    assert published == {
        "utd": set(UTDDataModule.channel_groups),
        "usc": set(USCDataModule.channel_groups),
        "mex": {"act", "acw", "dc", "pm"},
    }


def test_simulators_take_what_the_command_line_gives() -> None:
    for kind in (kind for kind in DATASETS.values() if kind.simulator):
        module, _, name = str(kind.simulator).rpartition(".")
        assert {"subjects", "trials", "seed"} <= set(signature(getattr(import_module(module), name)).parameters)
