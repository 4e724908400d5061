"""Configurations are resolved as the command line does, once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from cosmo_pl.cli import main
from cosmo_pl.errors import ConfigurationError
from cosmo_pl.io import kept_json
from cosmo_pl.study import resolving
from cosmo_pl.study.identity import canonical, identifying, key_of
from cosmo_pl.study.resolving import Resolver, resolve

ROOT = Path(__file__).parents[2]
MODULE = """
from cosmo_pl.data import UTDDataModule

class Mine(UTDDataModule):
    numerics = "{numerics}"

    def __init__(self, width: int = {width}, **shared):
        super().__init__(**shared)
"""


@pytest.fixture
def resolver(tmp_path):
    return Resolver(tmp_path / "kept")


def stage2(resolver, **arguments):
    configs = ["configs/utd_stage2.yaml", "configs/model/nearest_neighbor.yaml"]
    return resolver(ROOT, configs, arguments, "all")


def test_other_content_of_the_file_of_labels_is_another_run(resolver, tmp_path):
    path = tmp_path / "labels.csv"
    named = {resolving.LABEL_FILE: str(path)}
    found = []
    for content in ("recording,activity\na,walk\n", "recording,activity\na,run\n", "recording,activity\na,walk\n"):
        path.write_text(content, encoding="utf-8")
        found.append(key_of(stage2(resolver, **named), []))
    assert found[0] == found[2] != found[1]
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"data\.init_args\.label_file: there is no file"):
        stage2(resolver, **named)


def test_another_bundle_at_a_path_is_another_run(resolver, tmp_path):
    configs, named = ["configs/usc_stage2.yaml"], {"model.init_args.bundle": str(tmp_path / "cosmo")}

    def key(part="all"):
        return key_of(resolver(ROOT, configs, named, part), [])

    absent, child = key(), key("child")
    for version, weights in ((0, b"one"), (1, b"other")):
        bundle = tmp_path / "cosmo" / f"version_{version}" / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "bundle.json").write_text("{}", encoding="utf-8")
        (bundle / "encoders.safetensors").write_bytes(weights)
        if version == 0:
            first = key()
    assert len({absent, first, key()}) == 3
    named["model.init_args.bundle"] = str(tmp_path / "cosmo/version_0/bundle")
    assert key() not in (absent, first), "the path is part of it, too"
    assert key("child") == child, "the parent's key stands for it"


def test_other_content_of_a_list_of_labels_is_another_run(resolver, tmp_path):
    path, found = tmp_path / "splits.json", []
    named = {resolving.LABEL_SPLIT: "mine", f"{resolving.LABEL_SPLIT}_file": str(path)}
    for lists in ({"mine": ["a1", "a2"]}, {"mine": ["a1", "a3"]}, {"other": ["a4"], "mine": ["a2", "a1"]}):
        path.write_text(json.dumps(lists), encoding="utf-8")
        found.append(key_of(stage2(resolver, **named), []))
    assert found[0] == found[2] != found[1]
    path.write_text('{"other": ["a4"]}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="has no split 'mine'"):
        stage2(resolver, **named)


def test_it_is_what_a_run_keeps_as_its_config(tmp_path, utd_root, monkeypatch, resolver):
    monkeypatch.chdir(tmp_path)
    options = {"data.init_args.label_rate": 0.3, "seed_everything": 4, "data.init_args.label_seed": 2}
    configs = [ROOT / "configs/utd_stage2.yaml", ROOT / "configs/model/nearest_neighbor.yaml"]
    words = [f"--config={path}" for path in configs] + [f"--{name}={value}" for name, value in options.items()]
    main(["fit", *words, f"--data.init_args.root={utd_root}", "--trainer.accelerator=cpu"])
    (kept,) = tmp_path.glob("runs/utd/nearest_neighbor/version_0/config.yaml")
    of_run = canonical(identifying(yaml.safe_load(kept.read_text(encoding="utf-8")), "all"))
    assert of_run == stage2(resolver, **options).arguments
    assert of_run["data"]["init_args"]["label_seed"] == 2


def test_defaults_are_filled_in_and_classes_are_numbered(resolver):
    found = stage2(resolver)
    assert found.arguments["data"]["init_args"]["inertial_steps"] == 120
    assert found.arguments["model"]["class_path"] == "cosmo_pl:NearestNeighborModule"
    assert found.arguments["model"]["init_args"]["metric"] == "euclidean"
    assert {"cosmo_pl:NearestNeighborModule", "cosmo_pl:UTDDataModule", "cosmo_pl:CenterOnHip"} <= set(found.numerics)
    assert "cosmo_pl:IterativeFusionModule" not in found.numerics


def test_what_is_known_is_not_resolved_again(resolver, monkeypatch):
    first = stage2(resolver, seed_everything=1)
    monkeypatch.setattr(resolving, "resolve", lambda *_: pytest.fail("resolved again"))
    again = stage2(Resolver(resolver.folder), seed_everything=1)
    assert again == first
    other = stage2(Resolver(resolver.folder), seed_everything=2)
    assert other.arguments == {**first.arguments, "seed_everything": 2}


def test_other_arguments_and_a_damaged_file_are_resolved(resolver):
    first = stage2(resolver)
    assert stage2(resolver, **{"data.init_args.label_rate": 0.3}) != first
    for path in resolver.folder.iterdir():
        path.write_text("{", encoding="utf-8")
    assert stage2(Resolver(resolver.folder)) == first


def test_a_changed_default_or_meaning_is_seen(tmp_path, monkeypatch):
    """Of a class outside the package, whose file may change at any time."""
    monkeypatch.syspath_prepend(tmp_path)
    data = {"class_path": "outside_data.Mine", "init_args": {"label_rate": 0.3}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"data": data}), encoding="utf-8")
    base, found = str(ROOT / "configs/utd_stage2.yaml"), []
    for width, numerics in ((8, "1.0"), (8, "1.0"), (9, "1.0"), (9, "2.0")):
        (tmp_path / "outside_data.py").write_text(MODULE.format(width=width, numerics=numerics), encoding="utf-8")
        sys.modules.pop("outside_data", None)
        resolving._signature.cache_clear()
        sys.dont_write_bytecode = True
        found.append(Resolver(tmp_path / "kept")(Path(), [base, str(tmp_path / "mine.yaml")], {}, "all"))
    assert found[0] == found[1]
    assert [each.arguments["data"]["init_args"]["width"] for each in found] == [8, 8, 9, 9]
    assert [each.numerics["outside_data:Mine"] for each in found] == ["1.0", "1.0", "1.0", "2.0"]
    assert [each.meanings for each in found] == [{}, {}, {}, {"outside_data:Mine": 2}]


def test_code_that_changed_elsewhere_does_not_resolve_again(resolver, monkeypatch):
    first = stage2(resolver)
    monkeypatch.setattr(resolving, "sources", lambda: "other code")
    monkeypatch.setattr(resolving, "resolve", lambda *_: pytest.fail("resolved again"))
    assert stage2(Resolver(resolver.folder)) == first
    assert {kept_json(path)["sources"] for path in resolver.folder.iterdir()} == {"other code"}


def test_a_misspelt_argument_is_named():
    with pytest.raises(ConfigurationError, match="label_rat"):
        resolve([ROOT / "configs/utd_stage2.yaml"], {"data.init_args.label_rat": 0.3})
