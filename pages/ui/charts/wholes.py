"""What is a whole made of? Rings, bars that stack and bars side by side."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from calculators.estimate import COMPONENTS
from calculators.latency import BOUNDS
from pages.ui.charts.drawing import HATCHES, colour, dashed, figure, legend, muted, palette, titled
from pages.ui.explain.wording import GIB, NAMES, digits, per_cent, show_bytes, show_count

# The order of what may stand in a stacked bar.
STATE = ("weights", "copies", "gradients", "optimizer")  # of a training step
SERVED = (*COMPONENTS, "libraries", "graphs", "unclaimed", *BOUNDS)
ORDER = tuple(dict.fromkeys((*STATE, *SERVED, "logits", "temporaries", "workspaces", "fragmentation")))
BOUND_NAMES = {
    "bandwidth": "Memory bandwidth", "arithmetic": "Arithmetic", "dequantization": "Dequantization",
    "overhead": "Kernel starts, server", "links": "Links",
}  # fmt: skip


def parameters_pie(title: str, parts: Mapping[str, int]) -> go.Figure:
    """Where the parameters are, as a ring; slices too small for a figure show theirs on hover."""
    whole = sum(parts.values())
    ring = {
        "type": "pie",
        "labels": [NAMES[part] for part in parts],
        "values": list(parts.values()),
        "marker": {
            "colors": [colour(part) for part in parts],
            "pattern": {"shape": [HATCHES.get(part, "") for part in parts]},
        },
        "hole": 0.55,
        "sort": False,
        "direction": "clockwise",
        "text": [per_cent(value / whole) if value >= 0.04 * whole else "" for value in parts.values()],
        "textinfo": "text",
        "textposition": "inside",
        "insidetextorientation": "horizontal",
        "customdata": [f"{value:,}" for value in parts.values()],
        "hovertemplate": "%{label}: %{customdata} parameters, %{percent}<extra></extra>",
    }
    middle = {"text": f"<b>{show_count(whole)}</b>", "showarrow": False, "font": {"size": 22}}
    middle |= {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    return figure(title, [ring], annotations=[middle], height=420, legend=legend(-0.02))


def bars(title: str, x: str, rows: Mapping[str, Mapping[str, float]], *, unit: float = 1) -> go.Figure:
    """Grouped horizontal bars, such as of stored and active parameters, each with its figure."""
    traces = []
    for index, name in enumerate(next(iter(rows.values()))):
        values = [row[name] for row in rows.values()]
        traces.append(
            {
                "type": "bar", "orientation": "h", "name": name, "y": list(rows), "x": [v / unit for v in values],
                "marker": {"color": palette()[(0, 4)[index % 2]]}, "text": [show_count(value) for value in values],
                "textposition": "outside", "cliponaxis": False,
                "hovertemplate": f"%{{y}}, {name}: %{{text}}<extra></extra>",
            }
        )  # fmt: skip
    return figure(
        title,
        traces,
        x={"title": titled(x), "side": "top"},
        y={"autorange": "reversed"},
        barmode="group",
        height=90 + 56 * len(rows),
        margin={"l": 10, "r": 50, "t": 10, "b": 10},
        legend=legend(-0.05),
    )


def stacked(
    title: str, x: str, rows: Mapping[str, Mapping[str, float]], *, scale: float = 1, limit: float | None = None,
    limit_name: str = "", show_value: Callable[[float], str] = show_bytes, height: int | None = None,
    names: Mapping[str, str] = NAMES,
) -> go.Figure:  # fmt: skip
    """One horizontal bar a row, stacked by component in the fixed order; a limit dashed and named on the axis."""
    present = {part for parts in rows.values() for part, value in parts.items() if value > 0}
    traces = []
    for part in (part for part in ORDER if part in present):
        values = [parts.get(part, 0.0) for parts in rows.values()]
        traces.append(
            {
                "type": "bar", "orientation": "h", "name": names[part], "y": list(rows),
                "x": [value / scale for value in values],
                "marker": {"color": colour(part), "pattern": {"shape": HATCHES.get(part, "")}},
                "customdata": [show_value(value) for value in values],
                "hovertemplate": f"%{{y}}<br>{names[part]}: %{{customdata}}<extra></extra>",
            }
        )  # fmt: skip
    limits = [] if limit is None else [dashed(palette()[7], "x", limit / scale)]
    return figure(
        title,
        traces,
        x={"title": titled(f"{x} (dashed: {limit_name})" if limits else x), "side": "top"},
        y={"autorange": "reversed", "dtick": 1},  # each row named
        shapes=limits,
        barmode="stack",
        bargap=0.35,
        height=(height or 110 + 34 * len(rows)) + 20 * max(len(traces) - 8, 0),  # the legend's lines
        legend=legend(-0.03),
    )


def bits_by_tensor(title: str, rows: Sequence[tuple[str, str, float, float, float]]) -> go.Figure:
    """Bits a weight takes in each kind of tensor: (part, tensor, bits, bytes, share of the bytes), in ledger order.

    The axis ends where what weighs something does; a bar that is longer is cut and its figure stands in it.
    """
    end = 1.8 * max(bits for _, _, bits, _, share in rows if share >= 0.01)
    bars_ = {
        "type": "bar", "orientation": "h", "x": [row[2] for row in rows],
        "y": [NAMES[part] if name == part else f"{NAMES[part]}: {name}" for part, name, *_ in rows],
        "marker": {"color": [colour(row[0]) for row in rows]},
        "text": [f"{digits(bits)} bits · {per_cent(share)}" for *_, bits, _, share in rows],
        "textposition": ["outside" if bits < 0.9 * end else "inside" for _, _, bits, *_ in rows],
        "insidetextanchor": "start", "cliponaxis": True,
        "customdata": [show_bytes(size) for *_, size, _ in rows],
        "hovertemplate": "%{y}: %{x:.4g} bits a weight, %{customdata}<extra></extra>",
    }  # fmt: skip
    return figure(
        title,
        [bars_],
        x={"title": titled("Bits a weight · share of all bytes"), "side": "top", "range": [0, end]},
        y={"autorange": "reversed"},
        height=90 + 26 * len(rows),
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
    )


def peaks(title: str, rates: Mapping[str, float], used: str) -> go.Figure:
    """Rates of a device by type of arithmetic, FLOP/s; a type without one says so; the one in use stands out."""
    known = {name: np.isfinite(rate) for name, rate in rates.items()}
    bars_ = {
        "type": "bar", "orientation": "h", "y": list(rates),
        "x": [rate / 1e12 if known[name] else 0 for name, rate in rates.items()],
        "marker": {"color": [palette()[0] if name == used else muted() for name in rates]},
        "text": [
            f"{digits(rate / 1e12)} {'TOP/s' if name.startswith('INT') else 'TFLOP/s'}"
            if known[name] else "no rate known: stored, then widened to 16 bits"
            for name, rate in rates.items()
        ],
        "textposition": "outside", "cliponaxis": False, "hoverinfo": "skip",
    }  # fmt: skip
    return figure(
        title,
        [bars_],
        x={"title": titled("Dense peak, TFLOP/s or TOP/s"), "side": "top", "rangemode": "tozero"},
        y={"autorange": "reversed"},
        height=110 + 34 * len(rates),
        margin={"l": 10, "r": 130, "t": 10, "b": 10},
    )


def waterfall(title: str, x: str, steps: Sequence[tuple[str, float]], limit: float, limit_name: str) -> go.Figure:
    """What is left of a device's bytes with each technique on top of those before; a limit dashed."""
    sizes = [size for _, size in steps]
    changes = [after - before for before, after in pairwise(sizes)]
    ends = [(0.0, sizes[0]), *((min(pair), max(pair)) for pair in pairwise(sizes)), (0.0, sizes[-1])]
    tints = [palette()[0], *(palette()[5 if change > 0 else 2] for change in changes), palette()[0]]
    said = [f"{'+' if change > 0 else '−'}{show_bytes(abs(change))}" for change in changes]
    trace = {
        "type": "bar", "orientation": "h",
        "y": [steps[0][0], *(f"+ {name}" for name, _ in steps[1:]), "All of them"],
        "base": [low / GIB for low, _ in ends], "x": [(high - low) / GIB for low, high in ends],
        "marker": {"color": tints},
        "text": [show_bytes(sizes[0]), *said, show_bytes(sizes[-1])],
        "textposition": "outside", "cliponaxis": False,
        "customdata": [show_bytes(size) for size in (*sizes, sizes[-1])],
        "hovertemplate": "%{y}: %{text}, leaving %{customdata}<extra></extra>",
    }  # fmt: skip
    return figure(
        title,
        [trace],
        x={"title": titled(f"{x} (dashed: {limit_name})"), "side": "top", "range": [0, 1.2 * max(sizes) / GIB]},
        y={"autorange": "reversed", "dtick": 1},
        shapes=[dashed(palette()[7], "x", limit / GIB)],
        height=110 + 34 * (len(steps) + 1),
    )
