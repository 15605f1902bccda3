"""How does a chart look? Values in, Figure out: one function a figure, one colour a component on every page.

Figures are built as plain dictionaries: plotly's validation would take ten times as long as all the rest, and the tests
do it instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

Trace = dict[str, Any]

# Places in the theme's chartCategoricalColors: a component, or a bound, keeps its place in both themes.
PLACES = {
    "attention": 0, "mlp": 1, "cache": 2, "lm_head": 3, "embedding": 4, "shared_experts": 5, "routed_experts": 6,
    "router": 7, "norms": 7, "reserve": 8, "activations": 9, "position_embedding": 4, "per_layer_embedding": 4,
    "moe_other": 7, "hyper_connections_altup_laurel": 7, "ssm_linear_attn": 10, "state": 10, "vision": 11, "audio": 11,
    "weights": 0, "libraries": 8, "graphs": 10, "unclaimed": 8,
    "bandwidth": 0, "arithmetic": 1, "dequantization": 3, "overhead": 8, "links": 5,
    "copies": 0, "gradients": 1, "optimizer": 2, "logits": 3, "temporaries": 7, "workspaces": 8, "fragmentation": 8,
}  # fmt: skip
# The hatches of what no model asks for, and where two share a colour.
HATCHES = {
    "reserve": "/", "libraries": "/", "graphs": "\\", "unclaimed": ".", "state": "x", "router": "x", "audio": "x",
    "position_embedding": "x", "per_layer_embedding": "\\", "moe_other": "\\", "hyper_connections_altup_laurel": ".",
    "copies": "/", "workspaces": "/", "fragmentation": ".",
}  # fmt: skip
LOG = {"type": "log", "dtick": "D2", "tickformat": "~s"}  # ticks are whole figures at 1, 2 and 5
DECADES = {"type": "log", "dtick": 1, "tickformat": ",~r"}


def palette() -> list[str]:
    """The chart colours of the theme that the visitor sees."""
    theme = st.context.theme.type or "light"
    colours: list[str] = st.get_option(f"theme.{theme}.chartCategoricalColors")
    return colours


def colour(component: str) -> str:
    """A component's colour."""
    return palette()[PLACES[component]]


def muted() -> str:
    """The grey of limits and of what is only context."""
    return palette()[8]


def written() -> str:
    """The colour of text in the theme that the visitor sees."""
    colour_: str = st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
    return colour_


def figure(
    title: str, traces: Sequence[Trace], *, x: Mapping[str, Any] | None = None, y: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:  # fmt: skip
    """A figure whose title, the finding, `show` writes above it. Axis titles end in the unit."""
    whole = {
        "meta": title,
        "height": 360,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "xaxis": {"automargin": True, **(x or {})},
        "yaxis": {"automargin": True, **(y or {})},
        "legend": {"orientation": "h", "y": -0.25, "x": 0, "traceorder": "normal"},
        "hoverlabel": {"namelength": -1},
        **layout,
    }
    return go.Figure({"data": list(traces), "layout": whole}, _validate=False)


def show(chart: go.Figure, alt: str) -> None:
    """Put a chart on the page under its title, which wraps on a phone as one of plotly's would not."""
    st.markdown(f"**{chart.layout.meta}**")
    st.plotly_chart(chart, config={"displaylogo": False, "modeBarButtons": [["toImage"]]}, alt=alt)


def titled(text: str) -> dict[str, str]:
    return {"text": text}


def legend(y: float) -> dict[str, Any]:
    return {"orientation": "h", "y": y, "x": 0, "traceorder": "normal"}


def dashed(tint: str, axis: str, at: float) -> dict[str, Any]:
    """A dashed line across the figure at a value of one axis."""
    other = "y" if axis == "x" else "x"
    return {
        "type": "line", f"{axis}0": at, f"{axis}1": at, f"{other}0": 0, f"{other}1": 1, f"{other}ref": "paper",
        "line": {"dash": "dash", "color": tint, "width": 2},
    }  # fmt: skip


def marked_here(x: float, y: float) -> Trace:
    return {
        "type": "scatter", "x": [x], "y": [y], "mode": "markers", "name": "You are here", "hoverinfo": "skip",
        "marker": {"size": 13, "color": "rgba(0,0,0,0)", "line": {"color": palette()[7], "width": 3}},
    }  # fmt: skip


LEAST_LOSS = 0.03  # per cent; what is less, none included, stands on this line of a logarithmic axis


def places(
    dots: Mapping[str, tuple[float, float]], front: Sequence[str], first: Sequence[str], width: float = 420,
    height: float = 340,
) -> dict[str, str]:  # fmt: skip
    """Where the names of `front` stand beside their dots, {name: textposition}: those in `first` before others.

    `dots` are (bytes, loss), drawn on logarithmic axes over `width` x `height` pixels. No name stands on another,
    and but for the first none on a dot that is not its own; one without room is left out.
    """
    spots = {name: (np.log10(size), np.log10(max(loss, LEAST_LOSS))) for name, (size, loss) in dots.items()}
    xs, ys = zip(*spots.values(), strict=True)
    scale_x, scale_y = width / max(np.ptp(xs), 0.1), height / max(np.ptp(ys), 0.1)
    at = {name: (x * scale_x, y * scale_y) for name, (x, y) in spots.items()}
    taken: list[tuple[float, float, float, float]] = []
    found = {}
    for name in sorted(front, key=lambda each: (first.index(each) if each in first else len(first), front.index(each))):
        x, y, wide = *at[name], 7 * len(name)
        others = [spot for other, spot in at.items() if other != name]
        free: list[tuple[int, str, tuple[float, float, float, float]]] = []
        for place, left, low in (
            ("top right", 2, 3), ("bottom left", -wide - 2, -19), ("bottom right", 2, -19), ("top left", -wide - 2, 3),
        ):  # fmt: skip
            x0, x1, y0, y1 = box = (x + left, x + left + wide, y + low, y + low + 16)
            covered = sum(x0 < u + 5 and u - 5 < x1 and y0 < v + 5 and v - 5 < y1 for u, v in others)
            if all(x0 > b[1] or x1 < b[0] or y0 > b[3] or y1 < b[2] for b in taken):
                free.append((covered, place, box))
        best = min(free, key=lambda each: each[0], default=None)
        if best is not None and (not best[0] or name == first[0]):
            found[name] = best[1]
            taken.append(best[2])
    return found
