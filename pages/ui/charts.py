"""How does a chart look? Values in, Figure out: one function a figure, one colour a component on every page."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from calculators.estimate import COMPONENTS
from calculators.latency import BOUNDS
from pages.ui.explain import GIB, NAMES, show_bytes, show_count, show_seconds
from pages.ui.links import short

# Places in the theme's chartCategoricalColors: a component, or a bound, keeps its place in both themes.
PLACES = {
    "attention": 0, "mlp": 1, "cache": 2, "lm_head": 3, "embedding": 4, "shared_experts": 5, "routed_experts": 6,
    "router": 7, "norms": 7, "reserve": 8, "activations": 9, "links": 5,
    "bandwidth": 0, "arithmetic": 1, "overhead": 8,
}  # fmt: skip
BOUND_NAMES = {
    "bandwidth": "Memory bandwidth", "arithmetic": "Arithmetic", "overhead": "Starting kernels", "links": "Links"
}  # fmt: skip
HEIGHT = 360


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


def figure(title: str, x: str = "", y: str = "", *, height: int = HEIGHT, legend: bool = True) -> go.Figure:
    """An empty figure; `show` writes its title, which states the finding, above it. Axis titles end in the unit."""
    return go.Figure(
        layout={
            "height": height,
            "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
            "xaxis": {"title": {"text": x}, "automargin": True},
            "yaxis": {"title": {"text": y}, "automargin": True},
            "showlegend": legend,
            "legend": {"orientation": "h", "y": -0.25, "x": 0, "traceorder": "normal"},
            "hoverlabel": {"namelength": -1},
            "meta": title,
        }
    )


def log(axis: Callable[..., object], **options: object) -> None:
    """Make an axis logarithmic, its ticks whole figures at 1, 2 and 5."""
    axis(type="log", **{"dtick": "D2", "tickformat": "~s"} | options)


def show(chart: go.Figure, alt: str) -> None:
    """Put a chart on the page under its title, which wraps on a phone as one of plotly's would not."""
    st.markdown(f"**{chart.layout.meta}**")
    st.plotly_chart(chart, config={"displaylogo": False, "modeBarButtons": [["toImage"]]}, alt=alt)


def parameters_pie(title: str, parts: Mapping[str, int]) -> go.Figure:
    """Where the parameters are, as a ring."""
    chart = figure(title, height=400)
    chart.add_pie(
        labels=[NAMES[part] for part in parts],
        values=list(parts.values()),
        marker={"colors": [colour(part) for part in parts]},
        hole=0.55,
        sort=False,
        direction="clockwise",
        textinfo="percent",
        textposition="inside",
        insidetextorientation="horizontal",
        customdata=[f"{value:,}" for value in parts.values()],
        hovertemplate="%{label}: %{customdata} parameters, %{percent}<extra></extra>",
    )
    chart.add_annotation(text=f"<b>{show_count(sum(parts.values()))}</b>", showarrow=False, font={"size": 22})
    chart.update_layout(legend={"orientation": "v", "y": 0.5, "yanchor": "middle", "x": 1.0})
    return chart


def stacked(
    title: str, x: str, rows: Mapping[str, Mapping[str, float]], *, scale: float = 1, limit: float | None = None,
    limit_name: str = "", show_value: Callable[[float], str] = show_bytes, height: int | None = None, names: Mapping[str, str] = NAMES,
) -> go.Figure:  # fmt: skip
    """One horizontal bar a row, stacked by component in the fixed order; a limit dashed."""
    present = {part for parts in rows.values() for part, value in parts.items() if value > 0}
    order = [part for part in (*COMPONENTS, *BOUNDS) if part in present]
    chart = figure(title, x, height=height or 110 + 34 * len(rows))
    labels = list(rows)
    for part in dict.fromkeys(order):
        values = [rows[label].get(part, 0.0) for label in labels]
        chart.add_bar(
            x=[value / scale for value in values],
            y=labels,
            orientation="h",
            name=names[part],
            marker={"color": colour(part), "pattern": {"shape": "/" if part == "reserve" else ""}},
            customdata=[show_value(value) for value in values],
            hovertemplate=f"%{{y}}<br>{names[part]}: %{{customdata}}<extra></extra>",
        )
    if limit is not None:
        chart.add_vline(x=limit / scale, line={"dash": "dash", "color": palette()[7], "width": 2})
        chart.update_xaxes(title={"text": f"{x} (dashed: {limit_name})"})
    chart.update_layout(
        barmode="stack", bargap=0.35, yaxis={"autorange": "reversed"}, xaxis={"side": "top"}, legend={"y": -0.03},
    )  # fmt: skip
    return chart


def memory_lines(
    title: str, tokens: np.ndarray, lines: Mapping[str, np.ndarray], capacity: float, here: tuple[float, float]
) -> go.Figure:
    """Memory of the fullest device over the length of a request, a line for each number of requests."""
    chart = figure(title, "Prompt and answer, tokens", "Memory of a device, GiB")
    colours = palette()
    for index, (name, sizes) in enumerate(lines.items()):
        chart.add_scatter(
            x=tokens, y=sizes / GIB, name=name, mode="lines",
            line={"color": colours[(0, 1, 3, 4)[index % 4]], "width": 2},
            customdata=[show_bytes(size) for size in sizes],
            hovertemplate=f"{name}, %{{x:,}} tokens: %{{customdata}}<extra></extra>",
        )  # fmt: skip
    chart.add_hline(y=capacity / GIB, line={"dash": "dash", "color": muted(), "width": 2})
    chart.add_annotation(
        x=0, xref="paper", y=np.log10(capacity / GIB), text="holds", showarrow=False, yanchor="bottom", xanchor="left",
        font={"color": muted()},
    )  # fmt: skip
    _here(chart, here[0], here[1] / GIB)
    chart.update_xaxes(type="log", tickvals=tokens[::3], ticktext=[short(t) for t in tokens[::3]])
    log(chart.update_yaxes, tickformat=",")
    return chart


def _here(chart: go.Figure, x: float, y: float) -> None:
    chart.add_scatter(
        x=[x], y=[y], mode="markers", name="You are here", hoverinfo="skip",
        marker={"size": 13, "color": "rgba(0,0,0,0)", "line": {"color": palette()[7], "width": 3}},
    )  # fmt: skip


def throughput(
    title: str, batches: Sequence[int], per_request: np.ndarray, together: np.ndarray, fits: np.ndarray, here: int
) -> go.Figure:
    """Tokens a second for each request against all together, a point for each number of requests at once."""
    chart = figure(title, "Tokens a second for each request", "Tokens a second for all")
    for name, chosen, symbol, tint in (
        ("Fits", fits, "circle", palette()[0]),
        ("Does not fit", ~fits, "circle-open", muted()),
    ):
        chart.add_scatter(
            x=per_request[chosen], y=together[chosen], name=name,
            mode="lines+markers+text" if symbol == "circle" else "markers",
            text=[f"{batch:,}" for batch in np.array(batches)[chosen]], textposition="top right",
            marker={"symbol": symbol, "size": 8, "color": tint}, line={"color": tint},
            hovertemplate="%{text} at once: %{x:.3s} tokens/s each, %{y:.3s} tokens/s in all<extra></extra>",
        )  # fmt: skip
    _here(chart, per_request[here], together[here])
    log(chart.update_xaxes)
    log(chart.update_yaxes)
    return chart


def roofline(title: str, peak: float, bandwidth: float, points: Mapping[str, tuple[float, float]]) -> go.Figure:
    """FLOPs a byte against FLOP/s: the roof of the device, and what each part of a pass reaches under it."""
    chart = figure(title, "Arithmetic intensity, FLOPs a byte", "Rate, TFLOP/s")
    xs = np.geomspace(0.3, 1e4, 60)
    chart.add_scatter(
        x=xs, y=np.minimum(peak, xs * bandwidth) / 1e12, mode="lines", name="Data sheet",
        line={"color": muted(), "dash": "dash", "width": 2}, hoverinfo="skip",
    )  # fmt: skip
    seen = set()
    for label, (intensity, rate) in points.items():
        part, phase, _ = label.split("|")
        chart.add_scatter(
            x=[intensity], y=[rate / 1e12], mode="markers", name=NAMES[part], legendgroup=part,
            showlegend=part not in seen,
            marker={"size": 11, "color": colour(part), "symbol": "circle" if phase == "answer" else "diamond-open"},
            hovertemplate=f"{NAMES[part]}, {phase}: %{{x:.3s}} FLOPs a byte, %{{y:.3s}} TFLOP/s<extra></extra>",
        )  # fmt: skip
        seen.add(part)
    log(chart.update_xaxes, dtick=1, tickformat=",~r")
    log(chart.update_yaxes, dtick=1, tickformat=",~r")
    chart.update_layout(legend={"y": -0.35})
    return chart


def bars(title: str, x: str, rows: Mapping[str, Mapping[str, float]], *, unit: float = 1) -> go.Figure:
    """Grouped horizontal bars, such as of stored and active parameters, each with its figure."""
    chart = figure(title, x, height=90 + 56 * len(rows))
    for index, name in enumerate(next(iter(rows.values()))):
        values = [row[name] for row in rows.values()]
        chart.add_bar(
            x=[value / unit for value in values], y=list(rows), orientation="h", name=name,
            marker={"color": palette()[(0, 4)[index % 2]]}, text=[show_count(value) for value in values],
            textposition="outside", cliponaxis=False, hovertemplate=f"%{{y}}, {name}: %{{text}}<extra></extra>",
        )  # fmt: skip
    chart.update_layout(
        barmode="group", yaxis={"autorange": "reversed"}, xaxis={"side": "top"}, legend={"y": -0.05}, margin={"r": 50}
    )
    return chart


def tiers(title: str, bounds: Sequence[float], points: Mapping[str, Mapping[str, tuple[float, float]]]) -> go.Figure:
    """Every preset by its stored and active parameters, the tiers as bands."""
    chart = figure(title, "Parameters stored", "Parameters used by a token", height=420)
    for bound in bounds:
        chart.add_vline(x=bound, line={"dash": "dot", "color": muted(), "width": 1})
    for index, (tier, models) in enumerate(points.items()):
        names = list(models)
        chart.add_scatter(
            x=[models[name][0] for name in names], y=[models[name][1] for name in names], mode="markers", name=tier,
            marker={"size": 9, "color": palette()[(4, 2, 0, 9)[index % 4]]},
            customdata=[[name, show_count(models[name][0]), show_count(models[name][1])] for name in names],
            hovertemplate="%{customdata[0]}: %{customdata[1]} stored, %{customdata[2]} active<extra></extra>",
        )  # fmt: skip
    ticks = {"tickvals": [10**i for i in range(8, 13)], "ticktext": ["100M", "1B", "10B", "100B", "1T"]}
    chart.update_xaxes(type="log", **ticks)
    chart.update_yaxes(type="log", **ticks)
    return chart


def losses(
    title: str, x: str, lines: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    dots: tuple[np.ndarray, np.ndarray, Sequence[str]], marks: Mapping[str, tuple[float, float]],
    heights: tuple[float, float] | None = None,
) -> go.Figure:  # fmt: skip
    """Loss over parameters or compute: laws as lines (dotted where they extrapolate), runs as dots, models marked."""
    chart = figure(title, x, "Loss, nats a token", height=420)
    chart.add_scatter(
        x=dots[0], y=dots[1], mode="markers", name="Published runs",
        marker={"size": 5, "color": muted(), "opacity": 0.55}, customdata=dots[2],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for index, (name, (xs, ys, inside)) in enumerate(lines.items()):
        tint = palette()[(0, 1)[index % 2]]
        chart.add_scatter(
            x=xs, y=np.where(inside, ys, np.nan), mode="lines", name=name, line={"color": tint, "width": 2.5},
            legendgroup=name, hovertemplate=f"{name}: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
        chart.add_scatter(
            x=xs, y=np.where(inside, np.nan, ys), mode="lines", line={"color": tint, "width": 1.5, "dash": "dot"},
            name=f"{name}, beyond its runs", legendgroup=name, showlegend=False,
            hovertemplate=f"{name}, beyond its runs: %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    if marks:
        chart.add_scatter(
            x=[mark[0] for mark in marks.values()], y=[mark[1] for mark in marks.values()], mode="markers+text",
            name="Presets", text=list(marks), textposition=["bottom left", "top right", "bottom center", "top center"],
            marker={"size": 10, "symbol": "diamond", "color": palette()[3]},
            hovertemplate="%{text}: %{y:.3f}<extra></extra>",
        )  # fmt: skip
    chart.update_xaxes(type="log", exponentformat="power", dtick=1)
    chart.update_yaxes(range=heights)
    chart.update_layout(legend={"y": -0.28})
    return chart


def candidates(title: str, cost: str, points: Sequence[tuple[str, float, float, str, bool]]) -> go.Figure:
    """What would do, by time for a token and cost: (name, seconds, cost, cost as shown, is the pick)."""
    chart = figure(title, "Time for each further token, ms", cost, height=400)
    for name, picked, tint, size in (("Would do", False, palette()[4], 9), ("Recommended", True, palette()[5], 16)):
        chosen = [point for point in points if point[4] is picked]
        chart.add_scatter(
            x=[point[1] * 1e3 for point in chosen], y=[point[2] for point in chosen], name=name,
            mode="markers+text" if picked else "markers", text=[point[0] for point in chosen],
            textposition="bottom center",
            marker={"size": size, "color": tint, "symbol": "star" if picked else "circle"},
            customdata=[[show_seconds(point[1]), point[3]] for point in chosen],
            hovertemplate="%{text}<br>%{customdata[0]} a token, %{customdata[1]}<extra></extra>",
        )  # fmt: skip
    log(chart.update_xaxes, tickformat="~g")
    log(chart.update_yaxes, tickformat="~g")
    return chart
