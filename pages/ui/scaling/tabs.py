"""What do further laws say of a budget? A tab each: limited data, over-training, experts, claims, constants."""

import numpy as np
import streamlit as st

from calculators.scaling import (
    affordable_parameters,
    best_under_limit,
    effective_tokens,
    flops_for_loss,
    loss,
    optimal_parameters,
    optimal_tokens,
    repeated_loss,
    within,
)
from pages.ui.charts import drawing
from pages.ui.controls import session, widgets
from pages.ui.evidence import claims
from pages.ui.explain import wording
from pages.ui.scaling import further, style, tables
from pages.ui.scaling.answer import REFIT, RULE
from presets.claims import UNITS, findings
from presets.scaling import expert_laws, overtrained_runs, overtraining_laws, routed_laws, scaling_laws


def data_limit(flops: float) -> None:
    """How often to repeat the tokens there are, and what each further epoch is worth."""
    widgets.steps("unique", "Unique tokens available", help="How much text there is that differs.")
    unique = session.inputs().unique
    size, tokens = best_under_limit(RULE, flops, unique)
    reached = repeated_loss(RULE, size, tokens, unique)
    free = loss(RULE.law, optimal_parameters(RULE.law, flops), optimal_tokens(RULE.law, flops))
    most = RULE.fitted_epochs[1]
    if tokens <= unique * 1.001:
        st.markdown(
            f"{wording.power_of_ten(flops)} FLOPs are best spent on {style.model_text(size, tokens)}: "
            "**less than one epoch**, so the data is no limit."
        )
    elif tokens > most * unique:
        st.markdown(
            f"{wording.power_of_ten(flops)} FLOPs are **more than {wording.show_count(unique)} unique tokens can use**:"
            f" {most:,.0f} epochs, the most that the rule was fitted to, are worth "
            f"{wording.show_count(effective_tokens(RULE, most * unique, unique))} new tokens, and further ones next to "
            f"nothing. More text or less compute is wanted; the curves below extrapolate."
        )
    else:
        st.markdown(
            f"With {wording.show_count(unique)} unique tokens the budget is best spent on "
            f"**{wording.digits(tokens / unique)} epochs** of a model of **{wording.show_count(size)} parameters**: "
            f"a loss of {reached:.3f} on C4, {reached - free:.3f} above the best with new tokens alone. "
            f"{wording.show_count(tokens)} tokens are worth "
            f"{wording.show_count(effective_tokens(RULE, tokens, unique))} new ones."
        )
    left, right = st.columns(2, gap="large")
    limit = unique if np.isfinite(unique) else tokens
    with left:
        epochs = np.geomspace(max(0.2, tokens / limit / 30), max(60, tokens / limit * 30), 81)
        sizes = affordable_parameters(flops, epochs * limit)
        everywhere = (epochs >= 0) & (epochs <= RULE.fitted_epochs[1])
        lines = {
            "As repeated": (
                drawing.palette()[3],
                epochs,
                repeated_loss(RULE, sizes, epochs * limit, limit),
                everywhere,
            ),
            "Were all tokens new": (drawing.palette()[8], epochs, loss(RULE.law, sizes, epochs * limit), everywhere),
        }
        drawing.show(
            style.marked(
                f"The budget does best at {wording.digits(tokens / limit)} epochs"
                if tokens <= most * limit
                else f"Beyond {most:,.0f} epochs repeating adds next to nothing",
                {"title": {"text": "Epochs, the model smaller the more"}, **style.TIMES},
                {"title": {"text": "Loss on C4, nats a token"}, "range": [reached - 0.05, reached + 0.5]},
                lines, {"Best": (tokens / limit, reached, style.model_text(size, tokens), "star")}, "loss %{y:.3f}",
            ),
            "Loss over the epochs that a budget is spread over",
        )  # fmt: skip
    with right:
        epochs = np.geomspace(1, 500, 61)
        inside = np.ones(epochs.shape, dtype=bool)
        four = effective_tokens(RULE, 4.0, 1.0) / 4
        drawing.show(
            style.marked(
                f"Four epochs are worth {four:.0%} of new data, ever so many {1 + RULE.token_wear:.1f} times one",
                {"title": {"text": "Epochs"}, **style.TIMES},
                {"title": {"text": "Worth, × the unique tokens"}, **style.TIMES, "range": [-0.05, 2]},
                {
                    "Repeated": (drawing.palette()[3], epochs, effective_tokens(RULE, epochs, 1.0), inside),
                    "New": (drawing.palette()[8], epochs, epochs, inside),
                },
                {}, "%{y:.3s} times",
            ),
            "What epochs are worth in new tokens",
        )  # fmt: skip
    st.caption(
        f"{RULE.source}. Fitted to runs of up to {RULE.fitted_epochs[1]:.0f} epochs and 9B parameters. Its losses are "
        "on C4 and not comparable with those above."
    )


def overtraining(_: float) -> None:
    """Runs far beyond the best number of tokens, and the law that was fitted to five of them."""
    widgets.segments(
        "corpus", "Trained on", help="Gadre et al. 2024 trained on each of the three; all are measured on C4."
    )
    corpus = session.inputs().corpus
    key = further.corpus_key(corpus)
    law, runs = overtraining_laws()[key], overtrained_runs()[key]
    ratio = runs["tokens"] / runs["parameters"]
    off = np.abs(loss(law, runs["parameters"], runs["tokens"]) / runs["loss"] - 1)
    st.markdown(
        f"Loss keeps falling to 640 tokens a parameter, predictably: a law fitted to five small runs misses the "
        f"{(ratio > 9).sum()} runs of 10 tokens a parameter and more by **{np.median(off[ratio > 9]):.1%}** (median; "
        f"worst {off[ratio > 9].max():.1%}), up to {wording.show_count(runs['parameters'].max())} parameters. At 5 "
        f"tokens a parameter it misses by up to {off.max():.0%}: there it does not hold."
    )
    drawing.show(
        further.overtraining(f"{corpus}: each size falls along a parallel curve as it is trained longer", corpus),
        "Loss over tokens a parameter of published runs with the law of their corpus",
    )
    st.caption(
        f"{law.source}. Solid: sizes and lengths within the five runs that it was fitted to. It was fitted beyond 20 "
        "tokens a parameter, so its own best size (3 to 7 a parameter) is not to be trusted, and it is left out above."
    )


def experts(flops: float) -> None:
    """What mixtures of experts reach for the budget, by laws whose constants are published."""
    dense, fine = expert_laws()
    named = {"Dense": dense} | {f"Experts, {wording.plural(grain, 'part')} each" if grain > 1 else "Experts, whole": law
                                for grain, law in fine.items()}  # fmt: skip
    best = list(fine.values())[-1]
    reached = loss(best, optimal_parameters(best, flops), optimal_tokens(best, flops))
    needed = flops_for_loss(dense, reached)
    size = float(optimal_parameters(best, flops))
    st.markdown(
        f"A mixture of 64 experts, cut 16 times as fine, does with {wording.power_of_ten(flops)} FLOPs what a dense "
        f"model takes **{wording.digits(needed / flops)} times** as many for: {wording.show_count(size)} parameters, "
        f"of which a token uses {wording.show_count(size * best.used_share)}, on "
        f"{wording.show_count(optimal_tokens(best, flops))} tokens."
        + ("" if within(best, flops) else " The law extrapolates here.")
    )
    left, right = st.columns(2, gap="large")
    with left:
        drawing.show(
            further.expert_losses("Finer experts reach a lower loss for the same compute", named, flops),
            "Loss over training compute of dense models and of mixtures of experts of several finenesses",
        )
    with right:
        parameters = float(optimal_parameters(REFIT, flops))
        drawing.show(
            further.routing_worth(
                f"On 130B tokens, each further expert adds less to {wording.show_count(parameters)} dense parameters",
                routed_laws(), parameters,
            ),
            "Dense parameters of the same loss over the number of experts, by three ways of routing",
        )  # fmt: skip
    st.caption(
        "Left: Krajewski et al. 2024, arXiv:2402.07871, losses of one study; routing's own FLOPs are left out. Right: "
        "Clark et al. 2022, arXiv:2202.01169, all on 130B tokens, which starves the larger models and so understates "
        "their experts. Abnar et al. 2025 (arXiv:2501.12370) publish a law of sparsity too; it explains so little of "
        "what was left out of its fit (R² 0.68) that it is not shown."
    )


def judged(_: float) -> None:
    """What the articles claim of scaling, beside what each law computes."""
    found = [finding for finding in findings() if finding.claim.kind == "scaling laws"]
    for finding in found:
        st.markdown(f"{wording.markdown(finding.claim.says)} **{claims.verdict(finding).capitalize()}.**")
        if finding.claim.unit:
            unit, values = finding.claim.unit, [reading.low for reading in finding.readings]
            label = {"×": "Times the training FLOPs"}.get(unit, f"Computed, {unit}")
            drawing.show(
                further.claim(
                    f"The article prints {finding.claim.printed}; computed is "
                    f"{claims.figure(min(values), unit)} to {claims.figure(max(values), unit)}",
                    label,
                    finding,
                    UNITS[unit],
                ),
                f"What each law computes for the claim: {finding.claim.name}",
            )
        else:
            st.caption(claims.working(finding))
    st.caption("All claims, with their passages, stand on the Evidence page.")


def constants(flops: float) -> None:
    """The laws in full, how far they lie from runs, and their sources."""
    st.markdown("**Laws of the best size, and what they say of your budget**")
    st.dataframe(tables.laws_table(scaling_laws(), flops), hide_index=True)
    st.caption(
        "C = 6 N D. Losses are of different texts and tokenizers: compare the sizes, not the losses. DeepSeek's N is a "
        "sixth of the FLOPs of a token; Kaplan's leaves embeddings out, which matters below a billion parameters."
    )
    st.markdown("**How far the laws lie from published runs**")
    st.dataframe(tables.errors(), hide_index=True, height="content")
    st.markdown("**Laws that answer other questions**")
    st.dataframe(tables.other_laws(), hide_index=True)
