"""How is a law drawn? One colour a law, axes of powers of ten, grey beyond the runs where it was fitted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui.charts import drawing
from pages.ui.charts.drawing import Trace, figure, palette
from pages.ui.explain import wording
from presets.scaling import main_law, scaling_laws

# Places in the theme's colours: the main law first, then those told apart best.
PLACES = dict(zip((main_law().name, *(name for name in scaling_laws() if name != main_law().name)),
                  (0, 5, 4, 2, 1, 3, 9, 11, 6, 10), strict=False))  # fmt: skip
POWERS = {"type": "log", "exponentformat": "power", "dtick": 1}
TIMES = {"type": "log", "dtick": 1, "tickformat": ",~r"}
GREYED = 0.55  # opacity of what a law says beyond the runs behind it
Mask = NDArray[np.bool_]


def short_name(law: str) -> str:
    """A law's name without its authors and year."""
    return law.partition(" (")[0]


def tint(law: str) -> str:
    """A law's colour, one on every chart."""
    return palette()[PLACES[law]]


def axis(title: str, kind: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": {"text": title}, **kind, **more}


def counts_axis(title: str, low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis over counts, with ticks at 1, 2 and 5 of each decade, or at 1 where there are many."""
    leads = (1, 2, 5) if high < 300 * low else (1,)
    values = [lead * 10.0**power for power in range(4, 18) for lead in leads if low <= lead * 10.0**power <= high]
    return {
        "title": {"text": title}, "type": "log", "range": [float(np.log10(low)), float(np.log10(high))],
        "tickvals": values, "ticktext": [whole_count(value) for value in values],
    }  # fmt: skip


def powers_axis(title: str, low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis over FLOPs, a tick a decade."""
    return axis(title, POWERS, range=[float(np.log10(low)), float(np.log10(high))])


def whole_count(value: float) -> str:
    """A round count without decimals: 2B, 500M, 1,000T."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:,g}{letter}"
    return f"{value:g}"


def curve(name: str, colour: str, xs: Any, ys: Any, inside: Mask, hover: str, **more: Any) -> list[Trace]:
    """A line: solid where its law was fitted, thin, dotted and greyed beyond; its name stands in the legend once."""
    lines: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "name": name, "legendgroup": name,
            "showlegend": False,
            "x": xs, "y": np.where(shown, ys, np.nan),
            "line": {"color": colour, "dash": dash, "width": more.get("width", 2.5) if shown is inside else 1.2},
            "opacity": 1 if shown is inside else GREYED,
            "hovertemplate": f"{name}{beyond}: {hover}<extra></extra>",
        }
        for shown, dash, beyond in ((inside, "solid", ""), (_beyond(inside), "dot", ", beyond its runs"))
        if shown.any()
    ]  # fmt: skip
    lines[0]["showlegend"] = more.get("showlegend", True)
    return lines


def _beyond(inside: Mask) -> Mask:
    """Where a law extrapolates, and the first point within beside it, so that the two lines meet."""
    outside = ~inside
    beside = outside.copy()
    beside[1:] |= outside[:-1]
    beside[:-1] |= outside[1:]
    return beside


def dots(name: str, colour: str, symbol: str, points: Sequence[tuple[float, float, str]], **more: Any) -> Trace:
    """Points with what a visitor reads over each."""
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": [x for x, *_ in points], "y": [y for _, y, _ in points],
        "customdata": [text for *_, text in points], "hovertemplate": "%{customdata}<extra></extra>",
        "marker": {"size": 9, "color": colour, "symbol": symbol, "line": {"color": colour, "width": 2}}, **more,
    }  # fmt: skip


def model_text(parameters: float, tokens: float) -> str:
    """A model and its training in a few words."""
    return f"{wording.show_count(parameters)} parameters on {wording.show_count(tokens)} tokens"


# --- serving, repeated data, over-training ----------------------------------------------------------------------------


def marked(
    title: str, x: dict[str, Any], y: dict[str, Any], lines: Mapping[str, tuple[str, Any, Any, Mask]],
    marks: Mapping[str, tuple[float, float, str, str]], hover: str, height: int = 380,
) -> go.Figure:  # fmt: skip
    """Lines, {name: (colour, x, y, fitted)}, dotted where not fitted, and marks, {name: (x, y, hover, symbol)}."""
    traces = [each for name, (colour, *line) in lines.items() for each in curve(name, colour, *line, hover)]
    for name, (at, value, text, symbol) in marks.items():
        traces.append(dots(name, palette()[7], symbol, [(at, value, text)]))
        traces[-1]["marker"] |= {"size": 14}
    return figure(title, traces, x=x, y=y, height=height, legend=drawing.legend(-0.25))
