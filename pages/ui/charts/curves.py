"""How does a figure change with another? Lines over tokens, requests, devices, use and time, and where they cross."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.drawing import DECADES, LOG, dashed, figure, marked_here, muted, palette, titled, written
from pages.ui.explain.wording import GIB, show_bytes, show_count, show_seconds, show_usd
from pages.ui.links.field import short

# How the ways to pay are drawn: name, place of the colour, dash.
WAYS = (("Buy", 0, "solid"), ("Rent", 1, "dash"), ("Call an API", 2, "dot"))


def memory_lines(
    title: str, tokens: np.ndarray, lines: Mapping[str, np.ndarray], capacity: float, here: tuple[float, float]
) -> go.Figure:
    """Memory of the fullest device over the length of a request, a line for each number of requests."""
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": name, "x": tokens, "y": sizes / GIB,
            "line": {"color": palette()[(0, 1, 3, 2)[index % 4]], "width": 2},
            "customdata": [show_bytes(size) for size in sizes],
            "hovertemplate": f"{name}, %{{x:,}} tokens: %{{customdata}}<extra></extra>",
        }
        for index, (name, sizes) in enumerate(lines.items())
    ]  # fmt: skip
    holds = {
        "x": 0, "xref": "paper", "y": float(np.log10(capacity / GIB)), "text": "what a device holds",
        "showarrow": False, "yanchor": "bottom", "xanchor": "left",
    }  # fmt: skip
    ticks = {"tickvals": tokens[::3].tolist(), "ticktext": [short(t) for t in tokens[::3].tolist()]}
    return figure(
        title,
        [*traces, marked_here(here[0], here[1] / GIB)],
        x={"title": titled("Prompt and answer, tokens"), "type": "log", **ticks},
        y={"title": titled("Memory of a device, GiB"), **LOG, "tickformat": ","},
        shapes=[dashed(muted(), "y", capacity / GIB)],
        annotations=[holds],
    )


def throughput(
    title: str, batches: Sequence[int], per_request: np.ndarray, together: np.ndarray, fits: np.ndarray, here: int
) -> go.Figure:
    """Tokens a second for each request against all together, a point for each number of requests at once."""
    counts = np.array(batches)
    traces = [
        {
            "type": "scatter", "name": name, "mode": mode, "x": per_request[chosen], "y": together[chosen],
            "text": [f"{count:,}" for count in counts[chosen]], "textposition": "top right",
            "marker": {"symbol": symbol, "size": 8, "color": tint}, "line": {"color": tint},
            "hovertemplate": "%{text} at once: %{x:.3s} tokens/s each, %{y:.3s} tokens/s in all<extra></extra>",
        }
        for name, mode, symbol, tint, chosen in (
            ("Fits", "lines+markers+text", "circle", palette()[0], fits),
            ("Does not fit", "markers", "circle-open", muted(), ~fits),
        )
    ]  # fmt: skip
    return figure(
        title,
        [*traces, marked_here(float(per_request[here]), float(together[here]))],
        x={"title": titled("Tokens a second for each request"), **LOG},
        y={"title": titled("Tokens a second for all"), **LOG},
    )


def concurrency(
    title: str, counts: Sequence[int], first_token_s: np.ndarray, token_s: np.ndarray, here: int, full: float
) -> go.Figure:
    """Time to first token and per further token over the requests in flight; dashed where the engine is full."""
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "name": name, "x": list(counts), "y": values * 1e3,
            "line": {"color": palette()[place], "dash": dash}, "marker": {"size": 6, "symbol": symbol},
            "customdata": [show_seconds(value) for value in values],
            "hovertemplate": f"%{{x:,}} in flight, {name.lower()}: %{{customdata}}<extra></extra>",
        }
        for name, values, place, dash, symbol in (
            ("First token", first_token_s, 1, "dot", "diamond"), ("Each further token", token_s, 0, "solid", "circle")
        )
    ]  # fmt: skip
    limits = [dashed(muted(), "x", full)] if full < max(counts) else []
    return figure(
        title,
        [*traces, marked_here(counts[here], float(token_s[here]) * 1e3)],
        x={"title": titled("Requests in flight" + (" (dashed: the engine runs no more)" if limits else "")), **LOG},
        y={"title": titled("Time, ms"), **LOG, "tickformat": "~s"},
        shapes=limits,
    )


def ways(
    title: str,
    x: str,
    y: str,
    at: np.ndarray,
    lines: Mapping[str, np.ndarray],
    marks: Sequence[tuple[float, float, str]],
    every: float,
) -> go.Figure:
    """What each way to pay costs over time or use, each line with its own dash; crossings marked and named.

    `every`: from one number on the axis below to the next.
    """
    styles = {name: (place, dash) for name, place, dash in WAYS}
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": name, "x": at, "y": costs,
            "line": {"color": palette()[styles[name][0]], "dash": styles[name][1], "width": 3},
            "customdata": [show_usd(float(cost)) for cost in costs],
            "hovertemplate": f"{name}: %{{customdata}} at %{{x:.3~g}}<extra></extra>",
        }
        for name, costs in lines.items()
    ]  # fmt: skip
    if marks:
        across, up, named = zip(*marks, strict=True)
        traces.append(
            {
                "type": "scatter", "mode": "markers+text", "name": "Break-even", "x": across, "y": up, "text": named,
                "textposition": ["top left" if x > at.max() / 2 else "bottom right" for x in across],
                "cliponaxis": False, "hovertemplate": "%{text}<extra></extra>",
                "marker": {"size": 12, "symbol": "diamond", "color": written()},
            }
        )  # fmt: skip
    return figure(
        title,
        traces,
        x={"title": titled(x), "rangemode": "tozero", "dtick": every},
        y={"title": titled(y), "rangemode": "tozero", "tickformat": "$~s"},
    )


def blend(title: str, share: np.ndarray, cost: np.ndarray, heard_s: np.ndarray, here: float) -> go.Figure:
    """Cost of a thousand requests against the time to the first token, along the share answered near the user."""
    shown = [int(at) for at in np.linspace(0, len(share) - 1, 5)]
    texts = [f"{share[at]:.0f} %" if at in shown else "" for at in range(len(share))]
    nearest = int(np.argmin(np.abs(share - here)))
    line = {
        "type": "scatter", "mode": "lines+markers+text", "name": "Share near the user", "x": heard_s * 1e3, "y": cost,
        "text": texts, "textposition": "top right", "cliponaxis": False, "line": {"color": palette()[0]},
        "marker": {"size": [8 if text else 1 for text in texts], "color": palette()[0]},
        "customdata": [f"{at:.0f} % near: {show_usd(float(usd))}, {show_seconds(float(wait))}"
                       for at, usd, wait in zip(share, cost, heard_s, strict=True)],
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip
    return figure(
        title,
        [line, marked_here(float(heard_s[nearest]) * 1e3, float(cost[nearest]))],
        x={"title": titled("Mean time to the first token, ms"), "range": [0, 1.15e3 * float(np.max(heard_s))]},
        y={"title": titled("Dollars a thousand requests"), "rangemode": "tozero", "tickprefix": "$"},
    )


def over_devices(
    title: str, what: str, ends: Mapping[int, Sequence[float]], best: Mapping[int, float], here: tuple[int, float],
    show_value: Callable[[float], str], unit: float = 1,
) -> go.Figure:  # fmt: skip
    """A figure over the number of devices: {devices: (low, middle, high)} as a band, and what steps at best give."""
    counts = list(ends)
    low, mid, high = (np.array([ends[count][end] for count in counts]) / unit for end in range(3))
    band = {
        "type": "scatter", "mode": "lines", "name": "As published runs let expect, 4 in 5", "hoverinfo": "skip",
        "x": [*counts, *counts[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "line": {"width": 0},
        "fillcolor": "rgba(128,128,128,0.25)",
    }  # fmt: skip
    lines = [
        {
            "type": "scatter", "mode": "lines+markers", "name": name, "x": counts, "y": values,
            "line": {"color": palette()[place], "dash": dash, "width": 2},
            "marker": {"symbol": symbol, "size": 7},
            "customdata": [show_value(value * unit) for value in values],
            "hovertemplate": f"%{{x:,}} devices, {name.lower()}: %{{customdata}}<extra></extra>",
        }
        for name, values, place, dash, symbol in (
            ("Their middle", mid, 0, "solid", "circle"),
            ("Every step at its best", np.array([best[count] for count in counts]) / unit, 1, "dot", "diamond"),
        )
        if np.isfinite(values).any()
    ]  # fmt: skip
    ticks = {"tickvals": counts, "ticktext": [f"{count:,}" for count in counts]}
    return figure(
        title,
        [band, *lines, marked_here(here[0], here[1] / unit)],
        x={"title": titled("Devices"), "type": "log", **ticks},
        y={"title": titled(what), **LOG, "tickformat": "~s"},
        height=380,
    )


def crossing(
    title: str, tokens: np.ndarray, lines: Mapping[str, np.ndarray], show_value: Callable[[float], str]
) -> go.Figure:
    """Dollars for making and answering over the tokens answered, a line for each model."""
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": name, "x": tokens, "y": values,
            "line": {"color": palette()[(0, 1)[index % 2]], "width": 2, "dash": ("solid", "dash")[index % 2]},
            "customdata": [[show_count(at), show_value(value)] for at, value in zip(tokens, values, strict=True)],
            "hovertemplate": f"{name}: %{{customdata[0]}} tokens, %{{customdata[1]}}<extra></extra>",
        }
        for index, (name, values) in enumerate(lines.items())
    ]  # fmt: skip
    return figure(
        title,
        traces,
        x={"title": titled("Tokens answered"), "type": "log", "dtick": 1, "exponentformat": "power"},
        y={"title": titled("Making and answering, $"), **DECADES},
    )
