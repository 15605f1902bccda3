"""Which model, format and hardware should it be?"""

from math import isfinite

import streamlit as st

from calculators.recommend import Budget, Need, Recommendation, recommend
from pages.ui import charts, controls, explain, shell, tables
from pages.ui.links import SOURCES

shell.guard()
st.title("Recommend", anchor=False)
controls.problems()
chosen = controls.inputs()
renting = chosen.have == SOURCES[1]

with st.container(border=True):
    first, second, third = st.columns(3, gap="large")
    with first:
        controls.choice("have", "Hardware", help="What you have is the device of the sidebar; renting tries them all.")
        if renting:
            controls.steps("spend", "Budget, $ an hour", help="At the catalog's on-demand prices.")
        else:
            controls.steps("count", f"How many {explain.short_device(chosen.device)}", help="Devices you can use.")
    with second:
        controls.steps("wait", "First token within, ms", help="One request alone.")
        controls.steps("step", "Each further token within, ms", help="40 ms is 25 tokens a second.")
    with third:
        controls.choice("goal", "Goal", help="What is best among all that would do.")
        controls.steps("score", "MMLU score of at least", help="A published score of general knowledge, in per cent.")
    controls.choice("family", "Weight formats", help="GPU servers run BF16, FP8, GPTQ, AWQ …; llama.cpp runs Q4_K_M …")


@st.cache_resource(max_entries=64, show_spinner="Trying every combination …")
def recommendation(need: Need, budget: Budget, family: str, engine: str, fit: str, own: str) -> Recommendation:
    """The recommendation, kept for visitors who ask the same, with the same model and calibration of their own."""
    return recommend(need, budget, controls.catalog(family, engine, fit))


need, budget = controls.need(chosen), controls.budget(chosen)
catalog = controls.catalog(chosen.family, chosen.engine, chosen.fit)
found = recommendation(need, budget, chosen.family, chosen.engine, chosen.fit, chosen.own)
st.markdown(explain.markdown(explain.recommendation(found, need)))

if found.pick is not None:
    shell.strip(found.pick.scenario, found.pick.estimate)
    best = tables.best_by_model(found.ranked)
    priced = all(isfinite(item.estimate.usd_per_token) for item in best)
    charts.show(
        charts.candidates(
            f"{len(best)} of {len(catalog.models)} models would do, each in its best form",
            "Cost, $ per million tokens" if priced else "Devices",
            tables.points(best, found.pick, priced=priced),
        ),
        "Cost against time per token of the best combination of each model",
    )
tabs = ["What would do, best first", "What was rejected, and why", "Other forms of the pick"]
would, rejected, same = st.tabs(tabs, key="recommend_tabs", on_change="rerun")
if would.open and found.ranked:
    would.dataframe(tables.candidates(tables.best_by_model(found.ranked)), hide_index=True)
elif would.open:
    would.info("Nothing would do. The next tab says which limit each option breaks.")
if rejected.open and found.rejected:
    rejected.caption("Each model and weight format that would not do, the nearest misses first.")
    rejected.dataframe(tables.candidates(tables.best_by_form(found.rejected)), hide_index=True)
elif rejected.open:
    rejected.info("Nothing was rejected: every option keeps to these limits.")
if same.open and found.pick is not None:
    forms = [item for item in found.ranked if item.scenario.model == found.pick.scenario.model]
    same.dataframe(tables.candidates(forms[:40]), hide_index=True)
elif same.open:
    same.info("There is no pick to show other forms of.")
st.caption(
    f"{found.considered:,} combinations were tried. Scores: {tables.score_sources(found)}. A format's loss is taken "
    "off the score where it was measured; where not, the score is unknown, and it ranks behind the known ones: "
    f"{tables.unscored(found)} of these models have no score here and are not compared."
)
