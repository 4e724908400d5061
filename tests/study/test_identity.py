"""What a key is a hash of, and what it is not."""

from __future__ import annotations

import pytest

from cosmo_pl.study.identity import Resolved, canonical, identifying, key_of, numerics_of
from cosmo_pl.trust import class_paths

CONFIG = {
    "model": {"class_path": "cosmo_pl.modules.CMCModule", "init_args": {"lr": 0.01, "bundle": "cosmo"}},
    "data": {
        "class_path": "cosmo_pl.data.UTDDataModule",
        "init_args": {
            "label_rate": 0.05, "root": "/here", "cache_dir": "/there", "num_workers": 2, "phase": "pretrain",
        },
    },
    "trainer": {
        "max_epochs": 3, "callbacks": None, "accelerator": "auto", "devices": 1, "precision": "auto",
        "logger": {"class_path": "CSVLogger", "init_args": {"save_dir": "/runs"}},
    },
    "seed_everything": 3,
}  # fmt: skip


def key(config=CONFIG, part="all", numerics=None, parents=()):
    return key_of(Resolved(canonical(identifying(config, part)), numerics or {}), list(parents))


def changed(part, **arguments):
    inner = CONFIG[part]
    if "init_args" in inner:
        return {**CONFIG, part: {**inner, "init_args": {**inner["init_args"], **arguments}}}
    return {**CONFIG, part: {**inner, **arguments}}


@pytest.mark.parametrize(
    "other",
    [
        changed("data", root="/elsewhere"),
        changed("data", cache_dir=None),
        changed("data", num_workers=0),
        changed("trainer", precision=None),
        changed("trainer", accelerator="gpu"),
        changed("trainer", logger=None),
        changed("model", new_argument=None),
        changed("model", lr=1e-2),
        {**CONFIG, "model": {**CONFIG["model"], "class_path": "cosmo_pl.modules.moved.CMCModule"}},
    ],
)
def test_what_cannot_change_numbers_leaves_the_key(other):
    assert key(other) == key()


@pytest.mark.parametrize(
    "other",
    [
        changed("data", label_rate=0.1),
        changed("data", new_argument=0),
        changed("model", lr=0.02),
        changed("model", bundle=None),
        changed("trainer", max_epochs=4),
        changed("trainer", precision="bf16-mixed"),
        changed("trainer", callbacks=[{"class_path": "cosmo_pl.callbacks.ModalityDropout"}]),
        {**CONFIG, "seed_everything": 4},
        {**CONFIG, "model": {**CONFIG["model"], "class_path": "cosmo_pl.modules.CPCModule"}},
        {**CONFIG, "model": {**CONFIG["model"], "class_path": "other.modules.CMCModule"}},
    ],
)
def test_what_can_change_numbers_changes_the_key(other):
    assert key(other) != key()


def test_the_bundle_of_a_child_is_its_parent_and_data_alone_are_data_alone():
    renamed = changed("model", bundle="elsewhere")
    assert key(renamed) != key()
    assert key(renamed, "child") == key(part="child")
    assert key(part="child", parents=["a"]) != key(part="child", parents=["b"])
    assert key(changed("model", lr=9), "data") == key({**CONFIG, "seed_everything": 9}, "data") == key(part="data")


def test_a_new_meaning_changes_the_key_and_a_new_rounding_does_not():
    plain = key()
    assert key(numerics={"cosmo_pl:CMCModule": "1.0"}) == plain, "a class that gets its first number"
    assert key(numerics={"cosmo_pl:CMCModule": "1.3"}) == plain
    assert key(numerics={"cosmo_pl:CMCModule": "2.0"}) != plain
    assert key(numerics={"cosmo_pl:CMCModule": "2.0"}) == key(numerics={"cosmo_pl:CMCModule": "2.4"})


def test_canonical_form():
    told = {"a": 1.0, "b": (0.5, True), "c": None, "d": {"class_path": "x.y.Z", "init_args": {}}, "e": [], "f": {}}
    assert canonical(told) == {"a": 1, "b": [0.5, True], "d": {"class_path": "x:Z"}, "e": [], "f": {}}
    assert canonical({"b": True})["b"] is True


def test_class_paths_are_found_at_any_depth():
    nested = {"a": [{"class_path": "x.A", "init_args": {"inner": {"class_path": "x.B"}}}], "class_path": "x.C"}
    assert set(class_paths(nested)) == {"x.A", "x.B", "x.C"}


def test_numerics_of_a_class_are_its_own_and_those_it_inherits():
    class Base:
        numerics = "2.1"

    class Between(Base):
        pass

    class Own(Between):
        numerics = "1.4"

    assert list(numerics_of(Own).values()) == ["1.4", "2.1"]
    assert list(numerics_of(Between).values()) == ["2.1"]
    assert numerics_of(int) == {}
