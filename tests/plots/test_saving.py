"""Files of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cosmo_pl.plots.confusion import plot_confusion


@pytest.mark.parametrize("name", ["new/folder/confusion.png", "new/confusion.PNG", "new/confusion.svg"])
def test_the_folder_of_a_picture_is_made(name: str, tmp_path: Path) -> None:
    plot_confusion(np.eye(3, dtype=np.int64), ["sit", "stand", "walk"], tmp_path / name)
    if name.lower().endswith("png"):
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 100 and "Software" not in image.info
    else:
        assert "<svg" in (tmp_path / name).read_text(encoding="utf-8")
