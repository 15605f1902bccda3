"""What does a training budget deserve? The sizes that the laws give, published models, and what serving changes."""

import numpy as np
import streamlit as st

from calculators.scaling import (
    inference_aware,
    lifetime_flops,
    loss,
    optimal_parameters,
    optimal_tokens,
    tokens_for_loss,
    training_flops,
    within,
)
from pages.ui.charts import drawing
from pages.ui.controls import records, session, widgets
from pages.ui.explain import wording
from pages.ui.links.values import TOKENS_SERVED
from pages.ui.scaling import best_sizes, releases, style
from presets.catalog import models
from presets.scaling import main_law, repetition, scaling_laws, trained_models

REFIT, RULE = main_law(), repetition()
APPROACH_3 = scaling_laws()["Chinchilla approach 3 (2022)"]


def answer(flops: float) -> None:
    """What the budget buys: the sentence, five figures, the laws beside each other, the valleys of loss."""
    show = wording.show_count
    best, tokens = optimal_parameters(REFIT, flops), optimal_tokens(REFIT, flops)
    sizes = {law.name: float(optimal_parameters(law, flops)) for law in scaling_laws().values()}
    smallest, largest = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    beyond = [style.short_name(law.name) for law in scaling_laws().values() if not within(law, flops)]
    st.markdown(
        f"{wording.power_of_ten(flops)} FLOPs are best spent on **{show(best)} parameters** trained on "
        f"**{show(tokens)} tokens**, by Chinchilla's refit. {len(sizes)} laws put the size between "
        f"{show(sizes[smallest])} ({style.short_name(smallest)}) and {show(sizes[largest])} "
        f"({style.short_name(largest)}). "
        + (
            "**All of them extrapolate**: none was fitted to runs of this size."
            if len(beyond) == len(sizes)
            else f"Beyond the runs behind them: {wording.listed(beyond)}."
            if beyond
            else "All were fitted to runs of this size."
        )
    )
    cells = {
        "Best size": (wording.show_count(best), f"{show(sizes[smallest])} to {show(sizes[largest])}"),
        "Training tokens": (wording.show_count(tokens), "of new text"),
        "Tokens a parameter": (wording.digits(tokens / best), "Chinchilla had 20"),
        "Loss": (f"{loss(REFIT, best, tokens):.2f}", f"nats, floor {REFIT.irreducible:.2f}"),
        "Spread of the laws": (f"{sizes[largest] / sizes[smallest]:.2f} ×", "in the best size"),
    }  # fmt: skip
    hints = {
        "Loss": "How far off guesses of the next token are: the mean of −ln of the chance that it gave to the right "
        "one, in nats. No size and no amount of text gets below the floor.",
        "Spread of the laws": "The largest best size over the smallest: how far laws of other data and methods differ.",
    }
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        grid.metric(
            label, value, below, delta_color="off", delta_arrow="off", border=True, help=hints.get(label)
        )  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        drawing.show(
            best_sizes.sizes_by_law(
                f"The laws differ by {wording.digits(sizes[largest] / sizes[smallest])} times in the best size", flops
            ),
            "Best size by each law, hollow where the law was not fitted",
        )
    with right:
        drawing.show(
            best_sizes.isoflops("Each budget has its best size: smaller learns less, larger sees too little", flops),
            "Loss over parameters at nine published budgets with their runs, and at yours",
        )


def published(flops: float) -> None:
    """Published models beside the laws' lines, and how much longer each was trained."""
    ratios = [releases.times(model, REFIT) for model in trained_models()]
    over = sum(ratio >= 1 for ratio in ratios)
    st.markdown(
        f"{over} of {len(ratios)} published models were trained on more tokens than the refit finds best for their "
        f"size, up to **{wording.digits(max(ratios))} times** as many; the others on as few as {min(ratios):.0%} of "
        f"them. More tokens than best cost training and save serving."
    )
    own = dict(list(models().items())[:3]) | {mine.name: mine for mine in (records.model(session.inputs())[0],)}
    drawing.show(
        releases.trained(f"{over} of {len(ratios)} published models lie above the refit's line", own, flops),
        "Training tokens over parameters of published models with the optimal line of each law",
    )
    st.caption(
        "Mixtures of experts stand at the parameters that a token uses: these laws were fitted to dense models. Lines "
        "are dotted beyond the runs behind them. A tokenizer with larger tokens needs fewer."
    )
    st.dataframe(releases.trained_table(), hide_index=True, height=360)
    st.markdown("**What the presets and your model would want**")
    st.dataframe(releases.wanted(own), hide_index=True)


def serving(flops: float) -> None:
    """The size that is cheapest to train and to serve, at the loss that the budget buys."""
    widgets.steps("served", "Tokens to be served over its life", help="All that it will read and write, in tokens.")
    served = session.inputs().served
    size, tokens = optimal_parameters(REFIT, flops), optimal_tokens(REFIT, flops)
    target = loss(REFIT, size, tokens)
    small, longer = inference_aware(REFIT, target, served)
    least, usual = lifetime_flops(small, longer, served), lifetime_flops(size, tokens, served)
    held = REFIT.fitted.holds(flops=training_flops(small, longer), parameters=small, tokens=longer)
    buys = f"A model with the loss that {wording.power_of_ten(flops)} FLOPs buy, {target:.2f}, is cheapest"
    if not served:
        said = f"{buys} to train with **{style.model_text(size, tokens)}**. It serves nothing, so nothing else counts."
    else:
        said = (
            f"{buys} over its life with **{style.model_text(small, longer)}**, {wording.digits(longer / small)} a "
            f"parameter, instead of {style.model_text(size, tokens)}: training and serving take "
            f"{wording.power_of_ten(least)} instead of {wording.power_of_ten(usual)} FLOPs, "
            f"**{1 - least / usual:.0%} less**."
        )
    st.markdown(said + ("" if held else " No run behind the law was of this size and length: it extrapolates."))
    amounts = np.array(TOKENS_SERVED[1:])
    left, right = st.columns(2, gap="large")
    with left:
        lines = {}
        for law in (REFIT, APPROACH_3):
            aim = loss(law, optimal_parameters(law, flops), optimal_tokens(law, flops))
            sizes, trained = inference_aware(law, aim, amounts)
            fitted = law.fitted.holds(flops=training_flops(sizes, trained), parameters=sizes, tokens=trained)
            inside = np.asarray(fitted)
            lines[style.short_name(law.name)] = (style.tint(law.name), amounts, sizes, inside)
        here = {"Yours": (served, small, style.model_text(small, longer), "star")} if served else {}
        drawing.show(
            style.marked(
                "The more it will serve, the smaller the best model of the same loss",
                style.counts_axis("Tokens served", amounts[0] / 1.2, amounts[-1] * 1.2),
                style.counts_axis("Best size, parameters", sizes.min() / 1.5, size * 1.5),
                lines, here, "%{y:.3s} parameters",
            ),
            "Best size over the tokens to be served, by two laws",
        )  # fmt: skip
    with right:
        sizes = np.geomspace(small / 3, size * 4, 81)
        trained = tokens_for_loss(REFIT, target, sizes)
        everywhere = np.ones(sizes.shape, dtype=bool)
        lines = {
            "Training and serving": (drawing.palette()[0], sizes, lifetime_flops(sizes, trained, served), everywhere),
            "Training alone": (drawing.palette()[1], sizes, lifetime_flops(sizes, trained, 0), everywhere),
        }
        marks = {
            "Cheapest over its life": (small, least, style.model_text(small, longer), "star"),
            "Cheapest to train": (size, usual, style.model_text(size, tokens), "diamond-open"),
        }
        drawing.show(
            style.marked(
                f"All of these sizes reach a loss of {target:.2f}, at different costs",
                style.counts_axis("Parameters", small / 2, size * 4),
                style.powers_axis("FLOPs over its life", flops / 1.5, 12 * usual),
                lines, marks, "%{y:.2e} FLOPs",
            ),
            "FLOPs to train and to serve over the size of the model at one loss",
        )  # fmt: skip
    st.caption(
        "6 N D FLOPs to train, 2 N for each token served: Sardana et al. 2024, arXiv:2401.00448. Serving usually "
        "reaches a smaller share of the hardware's peak than training, so in money the best model is smaller still."
    )
