"""The colours of a clip of radar."""

from __future__ import annotations

import numpy as np
import pytest

from cosmo_pl.plots.recording import LEAST_SPEED, fastest


@pytest.mark.parametrize(("speed", "expected"), [(-0.6, 0.6), (0.02, LEAST_SPEED)])
def test_the_scale_of_speed_is_that_of_the_clip(speed, expected):
    """Of what is drawn: the velocity at the elevation of the largest intensity."""
    radar = np.zeros((3, 2, 4, 5, 6), dtype=np.float16)
    radar[1, 0, 2, 2, 3], radar[1, 1, 2, 2, 3] = 0.5, speed
    radar[1, 0, 2, 2, 4], radar[1, 1, 2, 2, 4] = 0.1, 2.0
    assert fastest(radar) == pytest.approx(expected, abs=1e-3)
