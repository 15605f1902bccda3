"""How near do predictions come to measurements? All of them, and before and after a calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.drawing import DECADES, LOG, Trace, figure, legend, muted, palette, titled
from pages.ui.explain.wording import per_cent


def before_and_after(title: str, points: Mapping[str, Sequence[tuple[float, float, float, str]]]) -> go.Figure:
    """Predicted against measured seconds, both logarithmic: {kind of time: (measured, as shipped, calibrated, hover)}.

    A line joins what a row was predicted before, hollow, to after, filled; on the grey line it would be as measured.
    """
    every = [value for dots in points.values() for dot in dots for value in dot[:3]]
    ends = [1e3 * min(every) / 1.5, 1e3 * max(every) * 1.5]
    axis = LOG if ends[1] < 1e3 * ends[0] else DECADES
    traces: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "name": "As measured", "hoverinfo": "skip", "x": ends, "y": ends,
            "line": {"color": muted(), "width": 2},
        }
    ]  # fmt: skip
    for place, (name, dots) in enumerate(points.items()):
        tint, symbol = palette()[place], ("circle", "diamond")[place % 2]
        moved = [(1e3 * x, 1e3 * y) for dot in dots for x, y in ((dot[0], dot[1]), (dot[0], dot[2]))]
        gaps = [each for i in range(0, len(moved), 2) for each in (*moved[i : i + 2], (None, None))]
        traces.append(
            {
                "type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip", "opacity": 0.5,
                "x": [x for x, _ in gaps], "y": [y for _, y in gaps], "line": {"color": tint, "width": 1},
            }
        )  # fmt: skip
        traces += [
            {
                "type": "scatter", "mode": "markers", "name": f"{name}, {when}",
                "x": [1e3 * dot[0] for dot in dots], "y": [1e3 * dot[at] for dot in dots],
                "customdata": [dot[3] for dot in dots],
                "marker": {"symbol": symbol + style, "size": 9, "color": tint, "line": {"color": tint, "width": 2}},
                "hovertemplate": "%{customdata}<br>measured %{x:.3s} ms, " + when + " %{y:.3s} ms<extra></extra>",
            }
            for at, when, style in ((1, "as shipped", "-open"), (2, "calibrated", ""))
        ]  # fmt: skip
    return figure(
        title,
        traces,
        x={"title": titled("Measured, ms"), **axis},
        y={"title": titled("Predicted, ms"), **axis},
        height=460,
        legend=legend(-0.2),
    )


BAND = 0.2  # the share by which a prediction may be off within the band of the chart below
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon", "pentagon")
# Ticks of an axis in bytes.
BYTE_TICKS = {
    "type": "log",
    "tickvals": [2.0**power for power in range(0, 50, 10)],
    "ticktext": ["1 B", "1 KiB", "1 MiB", "1 GiB", "1 TiB"],
}


def predictions(
    title: str, what: str, axis: Mapping[str, Any], points: Mapping[str, Sequence[tuple[float, float, str]]],
    places: Mapping[str, int],
) -> go.Figure:  # fmt: skip
    """Predicted against measured, both logarithmic: {quantity: (measured, predicted, hover)} over 1:1 and its band.

    `places` gives each quantity its colour and symbol, whatever else is shown.
    """
    measured = [each[0] for dots in points.values() for each in dots]
    ends = np.array([min(measured) / 2, max(measured) * 2])
    lines: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "name": f"Within {per_cent(BAND)}", "hoverinfo": "skip",
            "x": [*ends, *ends[::-1]], "y": [*(ends * (1 + BAND)), *(ends[::-1] * (1 - BAND))],
            "fill": "toself", "line": {"width": 0}, "fillcolor": "rgba(128,128,128,0.22)",
        },
        {
            "type": "scatter", "mode": "lines", "name": "As measured", "hoverinfo": "skip",
            "x": ends, "y": ends, "line": {"color": muted(), "width": 2},
        },
    ]  # fmt: skip
    traces = [
        {
            "type": "scatter", "mode": "markers", "name": name,
            "x": [dot[0] for dot in dots], "y": [dot[1] for dot in dots], "customdata": [dot[2] for dot in dots],
            "marker": {
                "size": 7, "opacity": 0.75, "color": palette()[QUANTITY_PLACES[places[name] % len(QUANTITY_PLACES)]],
                "symbol": SYMBOLS[places[name] % len(SYMBOLS)],
            },
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for name, dots in points.items()
    ]  # fmt: skip
    return figure(
        title,
        [*lines, *traces],
        x={"title": titled(f"Measured {what}"), **axis},
        y={"title": titled(f"Predicted {what}"), **axis},
        height=430 + 14 * len(points),
        legend=legend(-0.22),
    )


QUANTITY_PLACES = (0, 1, 3, 2, 5, 6, 4, 9, 10, 11)  # places in the theme's colours, told apart best first
