"""What do laws of other things look like? Over-training, experts, routing, and the articles' claims."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from calculators.scaling import (
    ParametricLoss,
    RoutedLaw,
    loss,
    optimal_parameters,
    optimal_tokens,
    routed_worth,
    within,
)
from pages.ui.charts import drawing
from pages.ui.charts.drawing import Trace, figure, muted, palette
from pages.ui.explain import wording
from pages.ui.scaling.best_sizes import between
from pages.ui.scaling.style import POWERS, TIMES, axis, curve, dots, model_text, short_name
from presets.claims import Finding
from presets.scaling import overtrained_runs, overtraining_laws


def overtraining(title: str, corpus: str) -> go.Figure:
    """Loss over tokens a parameter of published runs of one corpus, by size, with the law of that corpus."""
    key = corpus_key(corpus)
    law, runs = overtraining_laws()[key], overtrained_runs()[key]
    sizes = sorted(set(runs["parameters"]))
    traces: list[Trace] = []
    notes_: list[Trace] = []
    ratios = np.sort([*np.geomspace(4, 800, 39), 20, 320])
    for place, size in enumerate(sizes):
        shade = between(palette()[4], palette()[9], place / (len(sizes) - 1))
        name = f"{wording.show_count(size)} parameters"
        inside = np.asarray(law.fitted.holds(parameters=size, tokens=ratios * size) & (ratios >= 20) & (ratios <= 320))
        traces += curve(name, shade, ratios, loss(law, size, ratios * size), inside, "loss %{y:.2f}", showlegend=False)
        use = runs["parameters"] == size
        points = [
            (d / size, y, f"Run: {model_text(size, d)}, loss {y:.2f}; the law {loss(law, size, d):.2f}")
            for d, y in zip(runs["tokens"][use], runs["loss"][use], strict=True)
        ]
        traces.append(dots(name, shade, "circle", points, showlegend=False))
        notes_.append(
            {
                "x": float(np.log10(800)), "y": float(loss(law, size, 800 * size)), "text": wording.show_count(size),
                "showarrow": False, "xanchor": "left", "font": {"color": shade},
            }
        )  # fmt: skip
    return figure(
        title,
        traces,
        x=axis("Tokens a parameter", drawing.LOG, range=[0.55, 3.1], tickformat=","),
        y=axis("Loss on C4, nats a token", {}),
        annotations=notes_,
        height=420,
    )


def corpus_key(corpus: str) -> str:
    """The name of a corpus in the file of runs."""
    return next(key for key, law in overtraining_laws().items() if law.corpus.startswith(corpus))


# --- experts ----------------------------------------------------------------------------------------------------------


def expert_losses(title: str, laws: Mapping[str, ParametricLoss], flops: float) -> go.Figure:
    """Loss over the budget of a dense model and of experts of several finenesses, each at its best size."""
    budgets = np.geomspace(1e18, 1e27, 55)
    traces: list[Trace] = []
    for place, (name, law) in zip((7, 4, 0, 9), laws.items(), strict=True):
        sizes, tokens = optimal_parameters(law, budgets), optimal_tokens(law, budgets)
        traces += curve(
            name, palette()[place], budgets, loss(law, sizes, tokens), within(law, budgets), "loss %{y:.2f}"
        )
    return figure(
        title,
        traces,
        x=axis("Training compute, FLOPs", POWERS),
        y=axis("Loss on C4, nats a token", {}),
        shapes=[drawing.dashed(muted(), "x", flops)],
        height=400,
        legend=drawing.legend(-0.25),
    )


def routing_worth(title: str, laws: Mapping[str, RoutedLaw], parameters: float) -> go.Figure:
    """What a dense model of some size with more and more experts is worth, by three ways of routing."""
    experts = np.geomspace(1, 1024, 41)
    traces: list[Trace] = []
    for place, (name, law) in zip((0, 1, 2), laws.items(), strict=True):
        low, high = law.fitted_experts
        inside = (experts >= low) & (experts <= high)
        worth = routed_worth(law, parameters, experts) / parameters
        traces += curve(short_name(name), palette()[place], experts, worth, inside, "%{y:.2f} ×")
    return figure(
        title,
        traces,
        x=axis("Experts, of which a token uses one", TIMES),
        y=axis("Dense parameters of the same loss, × its own", {}, rangemode="tozero"),
        height=400,
        legend=drawing.legend(-0.25),
    )


# --- claims, constants, errors ----------------------------------------------------------------------------------------


def claim(title: str, unit: str, finding: Finding, size: float) -> go.Figure:
    """What each law computes of a claim, in its unit, and what the article prints, dashed."""
    names = [short_name(reading.working.partition(":")[0]) for reading in finding.readings]
    claimed = finding.claim.low / size
    values = [reading.low / size for reading in finding.readings]
    traces = [
        {
            "type": "scatter", "mode": "markers+text", "x": values, "y": names, "showlegend": False,
            "text": [f"  {wording.digits(value)}" for value in values], "textposition": "middle right",
            "cliponaxis": False,
            "marker": {"size": 11, "color": palette()[0]},
            "customdata": [reading.working for reading in finding.readings],
            "hovertemplate": "%{customdata}: %{x:.3s}<extra></extra>",
        }
    ]  # fmt: skip
    ends = [float(np.log10(min(*values, claimed) / 1.6)), float(np.log10(max(*values, claimed) * 2.2))]
    return figure(
        title,
        traces,
        x=axis(unit, drawing.LOG, range=ends, tickformat=","),
        y={"autorange": "reversed"},
        shapes=[drawing.dashed(palette()[5], "x", claimed)],
        annotations=[
            {
                "x": float(np.log10(claimed)), "y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False,
                "text": f"the article: {finding.claim.printed}", "font": {"color": palette()[5]},
            }
        ],
        margin={"l": 10, "r": 10, "t": 26, "b": 10},
        height=110 + 34 * len(names),
    )  # fmt: skip
