"""What is given up for what? Points that are better in one thing and worse in another."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.drawing import (
    DECADES,
    LEAST_LOSS,
    LOG,
    Trace,
    colour,
    dashed,
    figure,
    legend,
    muted,
    palette,
    places,
    titled,
)
from pages.ui.explain.wording import GIB, NAMES, UNKNOWN, show_bytes, show_count, show_loss, show_seconds


def roofline(
    title: str, peak: float, bandwidth: float, points: Mapping[str, tuple[float, float]],
    names: Mapping[str, str] = NAMES,
) -> go.Figure:  # fmt: skip
    """FLOPs a byte against FLOP/s: the roof of the device, and what each part of a pass reaches under it."""
    xs = np.geomspace(0.3, 1e4, 60)
    roof = {
        "type": "scatter", "mode": "lines", "name": "Data sheet", "x": xs, "y": np.fmin(peak, xs * bandwidth) / 1e12,
        "line": {"color": muted(), "dash": "dash", "width": 2}, "hoverinfo": "skip",
    }  # fmt: skip
    traces: dict[str, Trace] = {}
    for label, (intensity, rate) in points.items():
        part, phase, _ = label.split("|")
        traces[label] = {
            "type": "scatter", "mode": "markers", "name": names[part], "legendgroup": part,
            "showlegend": not any(trace["legendgroup"] == part for trace in traces.values()),
            "x": [intensity], "y": [rate / 1e12],
            "marker": {"size": 11, "color": colour(part), "symbol": "circle" if phase == "answer" else "diamond-open"},
            "hovertemplate": f"{names[part]}, {phase}: %{{x:.3s}} FLOPs a byte, %{{y:.3s}} TFLOP/s<extra></extra>",
        }  # fmt: skip
    return figure(
        title,
        [roof, *traces.values()],
        x={"title": titled("Arithmetic intensity, FLOPs a byte"), **DECADES},
        y={"title": titled("Rate, TFLOP/s"), **DECADES},
        legend=legend(-0.35),
    )


def tiers(title: str, bounds: Sequence[float], points: Mapping[str, Mapping[str, tuple[float, float]]]) -> go.Figure:
    """Every preset by its stored and active parameters, the tiers between dotted lines."""
    traces = [
        {
            "type": "scatter", "mode": "markers", "name": tier,
            "x": [stored for stored, _ in models.values()], "y": [active for _, active in models.values()],
            "marker": {"size": 9, "color": palette()[(4, 2, 0, 9)[index % 4]]},
            "customdata": [[name, show_count(stored), show_count(active)] for name, (stored, active) in models.items()],
            "hovertemplate": "%{customdata[0]}: %{customdata[1]} stored, %{customdata[2]} active<extra></extra>",
        }
        for index, (tier, models) in enumerate(points.items())
    ]  # fmt: skip
    ticks = {"type": "log", "tickvals": [1e8, 1e9, 1e10, 1e11, 1e12], "ticktext": ["100M", "1B", "10B", "100B", "1T"]}
    return figure(
        title,
        traces,
        x={"title": titled("Parameters stored"), **ticks},
        y={"title": titled("Parameters used by a token"), **ticks},
        shapes=[dashed(muted(), "x", bound) for bound in bounds],
        height=420,
    )


# Name, seconds a token, cost, cost as shown, score, limits that are uncertain.
Point = tuple[str, float, float, str, float, str]


MOST_TICKS = 8  # costs that are named where there are no more


def pareto(
    title: str, cost: str, front: Sequence[Point], others: Sequence[Point], pick: Sequence[Point], benchmark: str
) -> go.Figure:
    """The front of cost, time per token and score among what would do, and the pick; open where a limit is uncertain.

    Where all cost the same, the score takes the place of the cost.
    """
    costs = sorted({point[2] for point in (*front, *others, *pick)})
    flat = len(costs) < 2
    ticks = {"tickmode": "array", "tickvals": costs} if len(costs) <= MOST_TICKS else {}
    scores = [point[4] for point in front]

    def trace(name: str, points: Sequence[Point], **marker: Any) -> Trace:
        shown = [point for point in points if not flat or isfinite(point[4])]
        return {
            "type": "scatter", "name": name, "mode": "markers",
            "x": [point[1] * 1e3 for point in shown], "y": [point[4 if flat else 2] for point in shown],
            "marker": marker,
            "customdata": [
                [
                    point[0], show_seconds(point[1]), point[3], f"{point[4]:.1f}" if isfinite(point[4]) else UNKNOWN,
                    f"<br>Uncertain: {point[5]}" if point[5] else "",
                ]
                for point in shown
            ],
            "hovertemplate": "%{customdata[0]}<br>%{customdata[1]} a token, %{customdata[2]}<br>"
            + benchmark + " %{customdata[3]}%{customdata[4]}<extra></extra>",
        }  # fmt: skip

    bar = {"title": {"text": f"{benchmark}, %"}, "thickness": 12, "outlinewidth": 0}
    traces = [
        trace("Best of each model", others, size=6, color=muted(), symbol="circle-open"),
        trace(
            "Front: nothing is better in all three (◇ a limit is uncertain)", front, size=9, color=scores,
            colorscale="Viridis", showscale=bool(scores) and not flat, colorbar=bar,
            symbol=["diamond-open" if point[5] else "circle" for point in front],
        ),
        trace("Recommended", pick, size=17, color=palette()[5], symbol="star"),
    ]  # fmt: skip
    drawn = figure(
        title,
        traces,
        x={"title": titled("Time for each further token, ms"), **LOG, "tickformat": "~g"},
        y={
            "title": titled(f"{benchmark}, %" if flat else cost),
            **({} if flat else LOG | ticks),
            "tickformat": "~s" if "$" in cost and not flat and costs[0] >= 1 else "~g",  # 10k, but 0.5
        },
        height=420,
        legend=legend(-0.24),
    )
    return drawn


FAMILY_PLACES = {"16 bits and more": 8, "GPU servers": 0, "PyTorch": 3, "llama.cpp": 1}


def sizes_and_losses(
    title: str, points: Mapping[str, Sequence[tuple[str, float, float]]], front: Sequence[str], first: Sequence[str],
    accepted: float, capacity: float,
) -> go.Figure:  # fmt: skip
    """Size of the weights against published loss, a dot a format: {family: (format, bytes, loss in per cent)}.

    A line joins `front`, the formats that no other beats in both; of these `first` are named before others.
    """
    traces = []
    dots = {name: (size, loss) for family in points.values() for name, size, loss in family}
    named = places(dots, front, first)
    steps = sorted(dots[name] for name in front)
    traces.append(
        {
            "type": "scatter", "mode": "lines", "name": "No other beats these in both", "hoverinfo": "skip",
            "x": [size / GIB for size, _ in steps], "y": [max(loss, LEAST_LOSS) for _, loss in steps],
            "line": {"color": muted(), "width": 1.5, "shape": "hv"},
        }
    )  # fmt: skip
    for family, members in points.items():
        traces.append(
            {
                "type": "scatter", "mode": "markers+text", "name": family,
                "x": [size / GIB for _, size, _ in members], "y": [max(loss, LEAST_LOSS) for *_, loss in members],
                "text": [name if name in named else "" for name, *_ in members],
                "textposition": [named.get(name, "top center") for name, *_ in members], "cliponaxis": False,
                "marker": {
                    "size": [11 if name in front else 8 for name, *_ in members],
                    "color": palette()[FAMILY_PLACES[family]],
                },
                "customdata": [[name, show_bytes(size), show_loss(loss)] for name, size, loss in members],
                "hovertemplate": "%{customdata[0]}: %{customdata[1]}, loses %{customdata[2]}<extra></extra>",
            }
        )  # fmt: skip
    lines = [dashed(muted(), "y", max(accepted, LEAST_LOSS))]
    largest = max(size for size, _ in dots.values())
    notes = [
        {
            "x": 1, "xref": "paper", "y": float(np.log10(max(accepted, LEAST_LOSS))), "showarrow": False,
            "text": f"{accepted:g}\u202f% accepted", "xanchor": "right", "yanchor": "bottom",
        }
    ]  # fmt: skip
    if capacity < 4 * largest:
        lines.append(dashed(palette()[7], "x", capacity / GIB))
        notes.append(
            {
                "x": float(np.log10(capacity / GIB)), "y": 1, "yref": "paper", "showarrow": False, "yanchor": "top",
                "text": "what the devices hold", "xanchor": "right" if capacity < largest else "left",
            }
        )  # fmt: skip
    decades = [LEAST_LOSS, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]
    return figure(
        title,
        traces,
        x={"title": titled("Weights of the whole model, GiB"), **LOG, "tickformat": ","},
        y={"title": titled("Published loss, %"), "type": "log", "tickvals": decades,
           "ticktext": ["0", *(f"{value:,g}" for value in decades[1:])]},
        shapes=lines,
        annotations=notes,
        height=470,
        legend=legend(-0.2),
    )  # fmt: skip


def relative(title: str, lines: Mapping[str, Mapping[str, float]], of: str) -> go.Figure:
    """Parallel coordinates, a row a figure, so that a phone has room for the names: shares of one scenario's, `of`."""
    traces: list[Trace] = []
    for index, (name, shares) in enumerate(lines.items()):
        tint = palette()[(0, 1, 2, 5, 3)[index % 5]]
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": name, "x": list(shares.values()), "y": list(shares),
                "line": {"color": tint, "width": 2}, "marker": {"color": tint, "size": 10, "symbol": index},
                "hovertemplate": f"%{{y}}: %{{x:.3~g}} times {of}<extra>{name}</extra>",
            }
        )  # fmt: skip
    return figure(
        title,
        traces,
        x={
            "title": titled(f"Times {of}; left is less"),
            "side": "top",
            **LOG,
            "tickformat": "~g",
            "ticksuffix": "×",
        },
        y={"autorange": "reversed", "type": "category"},
        shapes=[dashed(muted(), "x", 1)],
        height=110 + 44 * max((len(shares) for shares in lines.values()), default=1) + 20 * len(lines),
        legend={"orientation": "v", "y": -0.05, "yanchor": "top", "x": 0, "traceorder": "normal"},
    )
