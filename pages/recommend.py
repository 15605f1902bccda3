"""Which model, format and hardware should it be?"""

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
def recommendation(need: Need, budget: Budget, family: str) -> Recommendation:
    """The recommendation, kept for visitors who ask the same."""
    return recommend(need, budget, controls.catalog(family))


need, budget = controls.need(chosen), controls.budget(chosen)
found = recommendation(need, budget, chosen.family)
st.markdown(explain.recommendation(found, need))

if found.pick is not None:
    best = tables.best_by_model(found.ranked)
    charts.show(
        charts.candidates(
            f"{len(best)} of {len(controls.catalog(chosen.family).models)} models would do; their best combinations",
            "Time for each further token, ms",
            tables.points(best, found.pick, priced=renting),
            priced=renting,
        ),
        "Cost against time per token of the best combination of each model",
    )
    st.subheader("What would do, best first", anchor=False)
    st.dataframe(tables.candidates(best), hide_index=True)
    with st.expander("Other formats of the recommended model"):
        same = [item for item in found.ranked if item.scenario.model == found.pick.scenario.model]
        st.dataframe(tables.candidates(same[:30]), hide_index=True)
st.subheader("What was rejected, and the limit it breaks", anchor=False)
st.caption("The nearest miss of each model that would not do.")
st.dataframe(tables.candidates(tables.nearest_misses(found)), hide_index=True)
st.caption(
    f"{found.considered:,} combinations were tried. Scores: {tables.score_sources(found)}. A format's loss is taken off "
    "the score where it was measured; where not, the score is unknown."
)
