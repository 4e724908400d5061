"""`cosmo-pl data augmentations`: a picture of every augmentation on a recording."""

from __future__ import annotations

import pytest
import yaml

from cosmo_pl.cli import main

from .conftest import CONFIGS


def enough_labels(name):
    """The data of a config, with the labels that the small simulated set needs."""
    data = yaml.safe_load((CONFIGS / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
    data["init_args"]["label_rate"] = 0.3
    return data


@pytest.mark.parametrize(("config", "rows"), [("utd_plus_stage1", 11), ("usc_plus_stage2", 10)])
def test_the_picture_has_a_row_an_augmentation(config, rows, here, roots, monkeypatch, capsys):
    from matplotlib.figure import Figure

    seen = []
    subplots = Figure.subplots
    monkeypatch.setattr(Figure, "subplots", lambda self, *a, **k: seen.append(subplots(self, *a, **k)) or seen[-1])
    monkeypatch.setenv("COSMO_PL_DATA", roots[config[:3]])
    (here / "few.yaml").write_text(
        yaml.safe_dump({"phase": "pretrain", "data": enough_labels(config[:8])}), encoding="utf-8"
    )
    main(["data", "augmentations", str(here / "few.yaml"), "--clip=1", "--out=shown/picture.png"])
    assert (here / "shown" / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "shown/picture.png" in capsys.readouterr().out
    (axes,) = seen
    assert axes.shape == (rows, 4)
    for line in axes:
        first, *others = [[curve.get_xydata().tolist() for curve in place.lines] for place in line]
        assert first and all(other != first for other in others), line[0].get_ylabel()


@pytest.mark.parametrize(
    ("name", "more", "named"), [("utd", [], "augmentations"), ("utd_plus", ["--clip=999"], "clip")]
)
def test_bad_input_is_one_line(name, more, named, here, roots, monkeypatch, capsys):
    monkeypatch.setenv("COSMO_PL_DATA", roots["utd"])
    (here / "few.yaml").write_text(yaml.safe_dump({"phase": "pretrain", "data": enough_labels(name)}), encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["data", "augmentations", str(here / "few.yaml"), *more])
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err.splitlines()[-1]
