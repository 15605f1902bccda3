"""Which size do the laws give a budget? By law, and as valleys of equal compute."""

from functools import cache

import numpy as np
import plotly.graph_objects as go

from calculators.scaling import affordable_tokens, loss, optimal_parameters, optimal_tokens, within
from pages.ui.charts import drawing
from pages.ui.charts.drawing import Trace, figure, palette
from pages.ui.explain import wording
from pages.ui.scaling.style import GREYED, axis, counts_axis, curve, dots, model_text, short_name, tint
from presets.scaling import main_law, scaling_laws, training_runs

ISOFLOPS = (6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21)  # budgets of Hoffmann et al. 2022, section 3.2


# --- the budget -------------------------------------------------------------------------------------------------------


def sizes_by_law(title: str, flops: float) -> go.Figure:
    """The best size for a budget by each law, filled where it was fitted and hollow beyond, the smallest first."""
    laws = sorted(scaling_laws().values(), key=lambda law: -optimal_parameters(law, flops))
    sizes = [float(optimal_parameters(law, flops)) for law in laws]
    traces = [
        {
            "type": "scatter", "mode": "markers+text", "x": [size], "y": [short_name(law.name)], "showlegend": False,
            "text": [f"  {wording.show_count(size)}"], "textposition": "middle right", "cliponaxis": False,
            "opacity": 1 if within(law, flops) else GREYED,
            "marker": {
                "size": 12, "color": tint(law.name), "symbol": "circle" if within(law, flops) else "circle-open",
                "line": {"color": tint(law.name), "width": 2.5},
            },
            "hovertemplate": f"{law.name}: {model_text(size, optimal_tokens(law, flops))}"
            f"{'' if within(law, flops) else ', beyond its runs'}<extra></extra>",
        }
        for law, size in zip(laws, sizes, strict=True)
    ]  # fmt: skip
    return figure(
        title,
        traces,
        x=counts_axis("Best size (hollow: beyond its runs)", min(sizes) / 1.6, max(sizes) * 2.6),
        y={"showgrid": True},
        height=400,
    )


@cache
def _valleys(first: str, last: str) -> tuple[list[Trace], list[Trace]]:
    """Loss over size at each published budget with its runs, from one colour to another, and some budgets' names."""
    law, runs = main_law(), training_runs()
    nearest = np.abs(np.log(runs["flops"][:, None] / np.array(ISOFLOPS))).argmin(axis=1)
    traces: list[Trace] = []
    labels: list[Trace] = []
    for place, budget in enumerate(ISOFLOPS):
        shade = between(first, last, place / (len(ISOFLOPS) - 1))
        name = f"{wording.power_of_ten(budget)} FLOPs"
        use = nearest == place
        shown = zip(*(runs[key][use] for key in ("parameters", "loss", "tokens", "flops")), strict=True)
        points = [
            (n, y, f"Run: {model_text(n, d)}, {wording.power_of_ten(c)} FLOPs, loss {y:.2f}") for n, y, d, c in shown
        ]
        traces.append(
            dots("Published runs", shade, "circle", points, showlegend=place == 0, legendgroup="runs")
            | {"marker": {"size": 5, "color": shade, "opacity": 0.75}}
        )
        sizes = np.geomspace(0.12, 9, 41) * optimal_parameters(law, budget)
        traces.append(
            {
                "type": "scatter", "mode": "lines", "showlegend": False, "x": sizes,
                "y": loss(law, sizes, affordable_tokens(budget, sizes)), "line": {"color": shade, "width": 1.5},
                "hovertemplate": f"{name}: loss %{{y:.2f}}<extra></extra>",
            }
        )  # fmt: skip
        if place % 4 == 0:
            labels.append(
                {
                    "x": float(np.log10(sizes[-1])), "y": float(traces[-1]["y"][-1]), "showarrow": False,
                    "text": wording.power_of_ten(budget).replace(".0", ""), "xanchor": "left",
                    "font": {"color": shade, "size": 11},
                }
            )  # fmt: skip
    return traces, labels


def isoflops(title: str, flops: float) -> go.Figure:
    """Loss over size at each published budget with its runs, and at the visitor's: valleys whose floor is the best."""
    law = main_law()
    valleys, labels = _valleys(palette()[4], palette()[9])
    traces = [*valleys]
    for each in (law, scaling_laws()["Chinchilla approach 3 (2022)"]):
        sizes = np.geomspace(0.03, 30, 81) * optimal_parameters(law, flops)
        tokens = affordable_tokens(flops, sizes)
        inside = np.asarray(each.fitted.holds(flops=flops, parameters=sizes, tokens=tokens))
        name = f"Your budget, {short_name(each.name)}"
        traces += curve(name, tint(each.name), sizes, loss(each, sizes, tokens), inside, "loss %{y:.2f}", width=4)
    best = float(optimal_parameters(law, flops))
    lowest = float(loss(law, best, optimal_tokens(law, flops)))
    text = f"Best: {model_text(best, optimal_tokens(law, flops))}, loss {lowest:.2f}"
    traces.append(dots("Best size", palette()[7], "star", [(best, lowest, text)]) | {
        "marker": {"size": 15, "color": palette()[7], "symbol": "star"}})  # fmt: skip
    return figure(
        title,
        traces,
        x=counts_axis("Parameters", min(5e7, best / 30), max(6e10, best * 30)),
        y=axis("Loss, nats a token", {}, range=[min(2.0, lowest - 0.1), max(4.0, lowest + 0.6)]),
        annotations=labels,
        height=400,
        legend=drawing.legend(-0.22),
    )


def between(first: str, last: str, share: float) -> str:
    """A colour between two of the theme's."""
    ends = [[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (first, last)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(*ends, strict=True))
