"""The look of a method in figures, which ``methods.yaml`` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Colour = Literal["vermilion", "salmon", "rust", "maroon", "blue", "green", "purple", "orange", "sky", "black", "brown"]

# The palette of Okabe and Ito, safe for colour-blind readers, without its yellow, which is too pale for a line; three
# reds beside its vermilion, with a contrast of at least 3 to white; and a brown, for methods without training.
HEX: dict[Colour, str] = {
    "vermilion": "#D55E00",
    "salmon": "#E0644F",
    "rust": "#A03A00",
    "maroon": "#5E2A1A",
    "blue": "#0072B2",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
    "brown": "#8C6D46",
}


@dataclass(frozen=True)
class Look:
    """The look of a method: a colour for each family of methods, a line and a marker for each method in it.

    Args:
        colour: Name of a colour.
        marker: A marker of matplotlib.
        line: A line style of matplotlib.
    """

    colour: Colour = "black"
    marker: Literal["o", "s", "^", "v", "<", ">", "D", "d", "P", "X", "h", "p", "*"] = "o"
    line: Literal["-", "--", "-.", ":"] = "-"

    @property
    def hex(self) -> str:
        """Its colour as matplotlib reads it."""
        return HEX[self.colour]
