"""Files of pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from cosmo_pl.errors import ConfigurationError
from cosmo_pl.plots.confusion import plot_confusion
from cosmo_pl.plots.saving import saved


def test_an_ending_of_no_picture_is_named_and_a_missing_one_added(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"confusion.foo' has the ending of no picture. Use one of .*png"):
        plot_confusion(np.eye(2, dtype=np.int64), ["sit", "walk"], tmp_path / "confusion.foo")
    assert saved(plt.figure(), tmp_path / "curve") == tmp_path / "curve.png"
    assert (tmp_path / "curve.png").is_file()


@pytest.mark.parametrize("name", ["new/folder/confusion.png", "new/confusion.PNG", "new/confusion.svg"])
def test_the_folder_of_a_picture_is_made(name: str, tmp_path: Path) -> None:
    plot_confusion(np.eye(3, dtype=np.int64), ["sit", "stand", "walk"], tmp_path / name)
    if name.lower().endswith("png"):
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 100 and "Software" not in image.info
    else:
        assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")
