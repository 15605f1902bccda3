"""What are the laws' constants and errors? A row a law, and what each leaves of the runs it was fitted to."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from calculators.scaling import (
    BestSize,
    ParametricLoss,
    PowerLoss,
    ScalingLaw,
    loss,
    optimal_parameters,
    optimal_tokens,
    within,
)
from pages.ui.explain import wording
from presets.scaling import (
    RUNS,
    kaplan_losses,
    main_law,
    notes,
    overtrained_runs,
    overtraining_laws,
    scaling_laws,
    training_runs,
)


def _span(ends: tuple[float, float], show: Any) -> str:
    return "not published" if np.isnan(ends[0]) else f"{show(ends[0])} to {show(ends[1])}"


def _loss_form(law: ParametricLoss) -> str:
    return (
        f"L = {law.irreducible:.4g} + {law.parameter_scale:.5g} / N^{law.parameter_exponent:.4g} + "
        f"{law.token_scale:.5g} / D^{law.token_exponent:.4g}"
    )


def laws_table(laws: Mapping[str, ScalingLaw], flops: float) -> pd.DataFrame:
    """Each law: what it says of a budget, what it counts, where it was fitted, its constants and its source."""
    rows = []
    for name, law in laws.items():
        size, tokens = optimal_parameters(law, flops), optimal_tokens(law, flops)
        if isinstance(law, BestSize):
            form = f"N = {law.size_scale:.4g} C^{law.size_exponent:.4g}"
            reached = "gives none"
        else:
            form = f"{_loss_form(law)}; N = {law.size_scale:.4g} C^{law.size_exponent:.4g}"
            reached = f"{loss(law, size, tokens):.2f} on {law.corpus}"
        rows.append(
            {
                "Law": name,
                "Best size": wording.show_count(size),
                "Tokens": wording.show_count(tokens),
                "A parameter": wording.digits(tokens / size),
                "Loss, nats": reached,
                "Here": "fitted" if within(law, flops) else "extrapolates",
                "N counts": law.counts,
                "Fitted, FLOPs": _span(law.fitted.flops, wording.power_of_ten),
                "Fitted, parameters": _span(law.fitted.parameters, wording.show_count),
                "Fitted, tokens": _span(law.fitted.tokens, wording.show_count),
                "Law in full": form,
                "Note": notes()[name],
                "Source": law.source,
            }
        )
    return pd.DataFrame(rows)


def other_laws() -> pd.DataFrame:
    """Laws that answer other questions than the best size, each with its form and source."""
    powers, joint = kaplan_losses()
    rows: list[tuple[PowerLoss | Any, str]] = [
        (law, f"L = ({law.scale:.4g} / {law.of})^{law.exponent:g}") for law in powers.values()
    ]
    rows.append(
        (joint, f"L = (({joint.parameter_scale:.3g} / N)^({joint.parameter_exponent:g} / {joint.token_exponent:g}) "
                f"+ {joint.token_scale:.3g} / D)^{joint.token_exponent:g}")
    )  # fmt: skip
    rows += [(law, _loss_form(law)) for law in overtraining_laws().values()]
    return pd.DataFrame(
        [
            {
                "Law": law.name, "Loss, nats a token": form, "On": law.corpus, "N counts": law.counts,
                "Note": notes()[law.name], "Source": law.source,
            }
            for law, form in rows
        ]
    )  # fmt: skip


@cache
def errors() -> pd.DataFrame:
    """How far laws lie from published runs: the median and the worst of |law / run - 1|."""
    runs = training_runs()
    rows = [
        _error(law, f"{RUNS}, fitted to most of them", law, runs["parameters"], runs["tokens"], runs["loss"])
        for law in scaling_laws().values()
        if isinstance(law, ParametricLoss) and law.corpus == main_law().corpus
    ]
    for key, law in overtraining_laws().items():
        each = overtrained_runs()[key]
        ratio = each["tokens"] / each["parameters"]
        fitted = (each["parameters"] < 5e8) & np.isclose(ratio, 20, rtol=0.01)
        fitted |= (each["parameters"] < 2e7) & np.isclose(ratio, 320, rtol=0.01)
        for what, use in (
            ("it was fitted to", fitted),
            ("left out", ~fitted & (ratio > 9)),
            ("of 5 tokens a parameter", ratio < 9),
        ):
            rows.append(
                _error(law, f"{use.sum()} runs {what}", law, *(each[k][use] for k in ("parameters", "tokens", "loss")))
            )
    return pd.DataFrame(rows)


def _error(law: ParametricLoss, runs: str, by: ParametricLoss, sizes: Any, tokens: Any, seen: Any) -> dict[str, str]:
    off = np.abs(loss(by, sizes, tokens) / seen - 1)
    return {
        "Law": law.name, "Runs": runs, "Median error": f"{np.median(off):.2%}", "90th percentile":
        f"{np.quantile(off, 0.9):.1%}", "Worst": f"{off.max():.1%}",
    }  # fmt: skip
