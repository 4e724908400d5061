"""The colours of activities and axes, the same in all pictures and in the viewer."""

from __future__ import annotations

from colorsys import hls_to_rgb

ACTIVITIES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#8B6FB8",
    "#B8A300",
)  # after Okabe and Ito
AXES = ("#D55E00", "#009E73", "#0072B2")
"""Colours of x, y and z."""
SENSORS = ("#44AA99", "#CC6677", "#999933", "#88CCEE", "#AA4499", "#DDCC77", "#117733", "#882255")  # after Tol
"""Colours of sensors, none of which is one of an activity; a ninth has that of the first."""
GOLDEN_ANGLE = 137  # degrees: hues at multiples of it stay apart, however many there are


def class_colour(number: int) -> str:
    """Colour of an activity, by its number in the order of the labels.

    Args:
        number: The number, from 0.

    Returns:
        The colour as ``#RRGGBB``. The first eight can be told apart by readers with a colour vision deficiency.

    Examples:
        >>> class_colour(0)
        '#0072B2'
    """
    if number < len(ACTIVITIES):
        return ACTIVITIES[number]
    lightness = (0.5, 0.38, 0.62)[number % 3]
    rgb = hls_to_rgb(GOLDEN_ANGLE * number % 360 / 360, lightness, 0.55)
    return "#" + "".join(f"{round(255 * part):02X}" for part in rgb)


def text_colour(background: str) -> str:
    """Black or white, whichever has the higher contrast to a colour (WCAG 2.2).

    Args:
        background: The colour as ``#RRGGBB``.

    Examples:
        >>> text_colour("#0072B2"), text_colour("#E69F00")
        ('#fff', '#000')
    """
    shares = [int(background[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shares)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#fff"
