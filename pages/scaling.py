"""How large a model, and how many tokens, for a training budget?"""

import numpy as np
import streamlit as st

from calculators.architecture import active_parameters
from calculators.scaling import (
    affordable_tokens,
    compute_optimal_tokens,
    loss,
    optimal_parameters,
    optimal_tokens,
    training_flops,
)
from pages.ui import charts, controls, explain, shell, tables
from presets.catalog import models, scaling_laws, training_runs

shell.guard()
scenario, _ = shell.head("Scaling laws")
laws, runs = scaling_laws(), training_runs()
refit = laws["Chinchilla refit (Besiroglu et al. 2024)"]
presets = dict(zip(("8B", "175B MoE", "671B"), models().values(), strict=False))


seen = [
    f"{explain.show_count(n)} parameters, {explain.show_count(d)} tokens: {value:.2f}"
    for n, d, value in zip(runs["parameters"], runs["tokens"], runs["loss"], strict=True)
]


@st.fragment
def budget() -> None:
    """What a training budget buys: its slider runs this alone."""
    controls.steps("compute", "Training budget, FLOPs as a power of ten", help="A GPU-month of an H100 is about 10²¹.")
    flops = 10 ** controls.inputs().compute
    best, tokens = optimal_parameters(refit, flops), optimal_tokens(refit, flops)
    others = [optimal_parameters(law, flops) for law in laws.values()]
    st.markdown(
        f"{explain.power_of_ten(flops)} FLOPs are best spent on **{explain.show_count(best)} parameters** trained on "
        f"**{explain.show_count(tokens)} tokens**, {explain.digits(tokens / best)} a parameter: a loss of "
        f"**{loss(refit, best, tokens):.2f}**. The laws put the size between {explain.show_count(min(others))} and "
        f"{explain.show_count(max(others))}."
    )

    sizes = np.geomspace(best / 100, best * 100, 120)
    inside = flops <= refit.fitted_flops[1]
    near = np.abs(np.log10(runs["flops"] / flops)) < 0.25
    charts.show(
        charts.losses(
            f"At {explain.power_of_ten(flops)} FLOPs the best size is near {explain.show_count(best)}",
            "Parameters",
            {
                name: (sizes, loss(law, sizes, affordable_tokens(flops, sizes)), np.full(sizes.shape, inside))
                for name, law in laws.items()
            },
            (
                runs["parameters"][near],
                runs["loss"][near],
                [text for text, use in zip(seen, near, strict=True) if use],
            ),
            {
                name: (
                    active_parameters(m),
                    loss(refit, active_parameters(m), affordable_tokens(flops, active_parameters(m))),
                )
                for name, m in presets.items()
            },
            (loss(refit, best, tokens) - 0.15, loss(refit, best, tokens) + 1.2),
        ),
        "Loss over parameters for the budget, by two laws, with the published runs of about that budget",
    )


budget()
budgets = np.geomspace(1e18, 1e27, 120)
marks = {}
for name, preset in presets.items():
    active = active_parameters(preset)
    enough = compute_optimal_tokens(refit, active)
    marks[name] = (training_flops(active, enough), loss(refit, active, enough))
charts.show(
    charts.losses(
        "Loss falls ever more slowly with compute",
        "Training compute, FLOPs",
        {
            name: (
                budgets,
                loss(law, optimal_parameters(law, budgets), optimal_tokens(law, budgets)),
                (budgets >= law.fitted_flops[0]) & (budgets <= law.fitted_flops[1]),
            )
            for name, law in laws.items()
        },
        (runs["flops"], runs["loss"], seen),
        marks,
        (1.6, 4.0),
    ),
    "Loss over training compute by two laws, the published runs as dots",
)
st.subheader("What the presets would want", anchor=False)
st.caption(
    "Tokens for which each model is the best use of its training budget, by the refit. Mixtures of experts are counted "
    "by the parameters that a token uses: the laws were fitted to dense models."
)
named = {model.name: model for model in (*presets.values(), scenario.model)}
st.dataframe(tables.compute_optimal(named, refit))
sources = st.expander("The laws, their constants and sources", key="laws", on_change="rerun")
if sources.open:
    sources.latex(r"L(N, D) = E + \frac{A}{N^\alpha} + \frac{B}{D^\beta}, \qquad C = 6\,N D")
    sources.dataframe(tables.laws(laws), hide_index=True)
    sources.caption(
        f"{len(runs['loss'])} runs of Hoffmann et al. 2022, read off figure 4 by Besiroglu et al. 2024. Beyond "
        f"{explain.power_of_ten(refit.fitted_flops[1])} FLOPs the laws extrapolate: lines are dotted there."
    )
