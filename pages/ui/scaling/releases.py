"""How were published models trained? Beside the laws as a chart and tables."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from calculators.architecture import Architecture, active_parameters
from calculators.scaling import (
    ScalingLaw,
    affordable_tokens,
    compute_optimal_tokens,
    loss,
    optimal_parameters,
    optimal_tokens,
    training_flops,
    within,
)
from pages.ui.charts import drawing
from pages.ui.charts.drawing import Trace, figure, muted, palette
from pages.ui.explain import wording
from pages.ui.scaling.style import counts_axis, curve, dots, model_text, short_name, tint
from presets.catalog import models
from presets.claims import findings
from presets.scaling import TrainedModel, main_law, scaling_laws, trained_models

# --- published models -------------------------------------------------------------------------------------------------


@cache
def _trained(colours: tuple[str, ...]) -> list[Trace]:
    """The line of each law and the published models, in a theme's colours."""
    traces: list[Trace] = []
    budgets = np.geomspace(1e17, 1e28, 56)
    for law in scaling_laws().values():
        sizes, tokens = optimal_parameters(law, budgets), optimal_tokens(law, budgets)
        traces += curve(
            short_name(law.name), tint(law.name), sizes, tokens, within(law, budgets), "%{y:.3s} tokens", width=2
        )
    law = main_law()
    every = {model.name: (model.parameters, model.tokens) for model in trained_models()}
    named = drawing.places(every, list(FIRST), FIRST, 700, 260)
    for name, colour, symbol, more in (("Trained on more than the refit's", colours[6], "circle", True),
                                       ("Trained on less", colours[8], "triangle-down", False)):  # fmt: skip
        chosen = [each for each in trained_models() if (times(each, law) >= 1) is more]
        points = [
            (each.parameters, each.tokens,
             f"{each.name}: {model_text(each.parameters, each.tokens)}, "
             f"{wording.digits(times(each, law))} × the refit's")
            for each in chosen
        ]  # fmt: skip
        traces.append(
            dots(name, colour, symbol, points, mode="markers+text")
            | {"text": [each.name if each.name in named else "" for each in chosen],
               "textposition": [named.get(each.name, "top center") for each in chosen], "textfont": {"size": 11}}
        )  # fmt: skip
    return traces


def trained(title: str, own: Mapping[str, Architecture], flops: float) -> go.Figure:
    """Tokens over parameters of published models, with the line of each law and what the visitor's model would want."""
    law, traces = main_law(), [*_trained(tuple(palette()))]
    wanted = [
        (float(active_parameters(model)), float(compute_optimal_tokens(law, active_parameters(model))), name)
        for name, model in own.items()
    ]
    texts = [f"{name} would want {wording.show_count(tokens)} tokens" for _, tokens, name in wanted]
    points = [(size, tokens, text) for (size, tokens, _), text in zip(wanted, texts, strict=True)]
    traces.append(dots("Presets on the refit's line", palette()[7], "diamond-open", points))
    claimed = [
        (float(active_parameters(models()[each.claim.arguments["model"]])), each.claim.low, each.claim.says)
        for each in findings()
        if each.claim.check == "optimal_training_tokens"
    ]
    traces.append(dots("An article's claim", palette()[5], "x", claimed))
    budget = np.geomspace(1e7, 1e14, 29)
    traces.append(
        {
            "type": "scatter", "mode": "lines", "name": "Your budget",
            "x": budget, "y": affordable_tokens(flops, budget),
            "line": {"color": muted(), "dash": "dash", "width": 1.5}, "hoverinfo": "skip",
        }
    )  # fmt: skip
    return figure(
        title,
        traces,
        x=counts_axis("Parameters that a token uses", 4e7, 5e12),
        y=counts_axis("Training tokens", 3e9, 1e14),
        height=600,
        legend=drawing.legend(-0.19),
    )


FIRST = (
    "Llama 3.1 8B", "GPT-3 175B", "Chinchilla 70B", "DeepSeek-V3", "Llama 3.1 405B", "Gopher 280B", "PaLM 540B",
    "Llama 2 7B", "Llama 4 Scout", "Llama 3.1 70B",
)  # fmt: skip


def times(model: TrainedModel, law: ScalingLaw) -> float:
    """How many times the tokens that a law finds best for its size a model was trained on."""
    return float(model.tokens / compute_optimal_tokens(law, model.parameters))


@cache
def trained_table() -> pd.DataFrame:
    """Published models: how much longer, or shorter, than the laws find best for its size each was trained."""
    laws, law = scaling_laws().values(), main_law()
    rows = []
    for model in sorted(trained_models(), key=lambda each: -times(each, law)):
        spread = sorted(times(model, each) for each in laws)
        rows.append(
            {
                "Model": model.name,
                "Parameters used": wording.show_count(model.parameters),
                "Tokens": wording.show_count(model.tokens),
                "Tokens a parameter": wording.digits(model.tokens / model.parameters),
                "Refit's tokens": wording.show_count(compute_optimal_tokens(law, model.parameters)),
                "× the refit's": wording.digits(times(model, law)),
                "× by all laws": f"{wording.digits(spread[0])} to {wording.digits(spread[-1])}",
                "Note": model.note,
                "Source": model.source,
            }
        )
    return pd.DataFrame(rows)


def wanted(models: Mapping[str, Architecture]) -> pd.DataFrame:
    """Tokens and FLOPs that make each model the best use of its training budget, by the main law and over all."""
    rows, law = [], main_law()
    for name, model in models.items():
        active = active_parameters(model)
        tokens = compute_optimal_tokens(law, active)
        every = [compute_optimal_tokens(each, active) for each in scaling_laws().values()]
        rows.append(
            {
                "Model": name,
                "Parameters a token uses": wording.show_count(active),
                "Tokens": wording.show_count(tokens),
                "By all laws": f"{wording.show_count(min(every))} to {wording.show_count(max(every))}",
                "Tokens a parameter": wording.digits(tokens / active),
                "Training FLOPs": wording.power_of_ten(training_flops(active, tokens)),
                "Loss": f"{loss(law, active, tokens):.2f}",
            }
        )
    return pd.DataFrame(rows)
