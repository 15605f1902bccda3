"""Which model, format and hardware should it be?"""

from math import isfinite

import streamlit as st

from pages.ui import shell, strips
from pages.ui.charts import drawing, tradeoffs
from pages.ui.controls import session, widgets
from pages.ui.controls.records import model
from pages.ui.explain import wording
from pages.ui.links.values import HELD, SOURCES
from pages.ui.recommend import jobs, racks, stock, surveys, weighed, why
from presets.quality import quality
from presets.scenarios import scenarios

shell.guard()
st.title("Recommend", anchor=False)
shell.problems()
widgets.choice("job", "What is it for?", on_change=jobs.fill, help="Fills every limit below and the sidebar's load.")
chosen = session.inputs()
job = scenarios().get(chosen.job)
changed = jobs.changes(chosen)
if job is not None:
    st.caption(jobs.described(job, changed))
if changed:
    st.button(f"Back to {job.name}", on_click=jobs.fill, icon=":material/undo:")
answer = st.container()

with st.container(border=True):
    first, second, third = st.columns(3, gap="large")
    with first:
        widgets.choice("have", "Budget", help="What you have, or all that is rented or sold at published prices.")
        if chosen.have == SOURCES[0]:
            widgets.steps("count", f"How many {wording.short_device(chosen.device)}", help="The sidebar's device.")
        elif chosen.have == SOURCES[1]:
            widgets.steps("spend", "Budget, $ an hour", help="At the lowest on-demand prices.")
        elif chosen.have == SOURCES[2]:
            widgets.steps("capital", "Budget, $", help="At published prices of the devices alone, without a server.")
        elif chosen.have == SOURCES[3]:
            widgets.steps("monthly", "Budget, $ a month", help="At the lowest on-demand prices, 730 hours a month.")
        widgets.choice("models", "Models", help="All; the sidebar's, as it is there; or those of a range of sizes.")
        if chosen.models == HELD[1]:
            st.caption(f"{model(chosen)[0].name}, chosen in the sidebar.")
    with second:
        widgets.steps("wait", "First token within, ms", help="One request alone.")
        widgets.steps("step", "Each further token within, ms", help="40 ms is 25 tokens a second.")
        if chosen.models == HELD[2]:
            widgets.steps(
                "least", "Parameters, at least", help="All that a model stores; what is called 70B has 70.6B."
            )
    with third:
        widgets.choice("goal", "Goal", help="What is best among all that would do.")
        widgets.steps(
            "score", f"{chosen.bench} of at least", help="A published score, in per cent, less what a format loses."
        )
        if chosen.models == HELD[2]:
            widgets.steps("largest", "Parameters, at most", help="All experts counted, not only those a token uses.")
    with st.expander("More: benchmark, load, devices, rack, prices, formats"):
        left, middle, right = st.columns(3, gap="large")
        with left:
            widgets.choice("bench", "Benchmark", help="Whose score is asked for; those that most models have first.")
            st.caption(f"{len(quality(chosen.bench))} of the models have a published {chosen.bench}.")
            widgets.steps(
                "reads", "Context, tokens", help="What the model must be able to read; 0: what a request has."
            )
            widgets.steps("rate", "Requests a second", help="That arrive; 0: the sidebar's number at once instead.")
            widgets.steps(
                "hits",
                "Share of the prompt in the prefix cache",
                help="From a step before: held, not read again.",
            )
            widgets.choice(
                "family",
                "Weight formats",
                help="Servers run BF16, FP8, AWQ …; llama.cpp Q4_K_M …; all: also rare ones.",
            )
        with middle:
            if chosen.have == SOURCES[0]:
                widgets.choice("also", "And as well", help="A second kind; a deployment stays on one kind.")
                widgets.steps("alsocount", "How many of these", help="Devices of the second kind.")
                widgets.choice("third", "And also", help="A third kind.")
                widgets.steps("thirdcount", "How many of those", help="Devices of the third kind.")
            else:
                widgets.choice("where", "Kind of devices", help="Where it shall run.")
                widgets.choice("maker", "Maker of the devices", help="Devices of one maker alone.")
                if chosen.have in stock.RENTED:
                    widgets.choice(
                        "provider", "Rented from", help="any provider: the lowest on-demand offer of all; one: its own."
                    )
                    widgets.choice("region", "Region", help="As providers call it; many do not state one.")
        with right:
            widgets.steps("watts", "Power of all devices, W", help="As rated, of the devices alone, without hosts.")
            widgets.steps("most", "Devices of one deployment", help="Of all copies together.")
            widgets.steps("units", "Rack units", help="Of the whole servers that the devices come in.")
            widgets.steps("wall", "Power from the wall, W", help="The most that these servers draw, hosts included.")

with answer:
    answered = surveys.answered(chosen)
    with st.spinner("Looking for what stands in the way …"):
        first_words, *reasons = jobs.said(answered, job)
    st.markdown(wording.markdown(first_words))
    st.markdown(wording.markdown("\n".join(f"- {reason}" for reason in reasons)))
    if answered.pick is not None:
        jobs.onward(chosen, answered.pick)
    short = why.too_short(answered)
    if short:
        st.warning(short)

pick, need, budget = answered.pick, answered.need, answered.budget
if pick is not None:
    strips.strip(pick.scenario, pick.estimate)
found = surveys.compared(chosen, answered)
if pick is not None:
    drawing.show(
        tradeoffs.pareto(
            f"{len(found.ranked.models)} of {len(found.found.catalog.models)} models would do",
            ("Price, $" if budget.buys else "Rent, $ an hour") if found.priced else "Devices",
            weighed.front_points(found),
            weighed.other_points(found),
            weighed.pick_point(found, pick),
            need.benchmark,
        ),
        "Cost against time per token of what would do, the front coloured by score",
    )
names = ["What would do, best first", "Near misses and what would rescue them", "What was rejected, and why"]
would, near, rejected = st.tabs(names, key="recommend_tabs", on_change="rerun")
if would.open and found.ranked:
    best = list(found.ranked.models[:40])
    own = session.imported()
    if own is not None and all(item.scenario.model.name != own.name for item in best):
        best += found.ranked.of(own.name).models
    would.caption(f"The best form of each of {len(best)} models of the {len(found.ranked.models)} that would do.")
    would.dataframe(weighed.candidates(found, best), hide_index=True)
    would.caption("Other forms of the pick.")
    forms = found.ranked.of(pick.scenario.model.name).forms[:20]
    would.dataframe(weighed.candidates(found, forms), hide_index=True)
elif would.open:
    would.info("Nothing would do. The other tabs say which limit each option breaks.")
if near.open and found.near_misses:
    near.caption(
        "The nearest of each model, all that it goes over its limits together no more than half; the cheapest change "
        "with which it would do. It may hold after all where predictions were off by more before."
    )
    near.dataframe(weighed.near_misses(found), hide_index=True)
elif near.open:
    near.info("Nothing comes near: every rejected option goes more than half over its limits, or by nobody knows how.")
if rejected.open and found.rejected:
    rejected.caption("The nearest miss of each model, then every format of one model.")
    rejected.dataframe(weighed.candidates(found, found.rejected.models), hide_index=True)
    model = rejected.selectbox("Every rejected format of", [item.scenario.model.name for item in found.rejected.models])
    rejected.dataframe(weighed.candidates(found, found.rejected.of(model).forms), hide_index=True)
elif rejected.open:
    rejected.info("Nothing was rejected: every option keeps to these limits.")
if budget.buys or chosen.have in stock.RENTED or (pick is not None and isfinite(pick.usd_per_hour)):
    st.caption(wording.markdown(jobs.price_list(chosen, pick)))
if pick is not None:
    st.caption(wording.markdown(racks.stands_in(pick)))
lacking = racks.unknown(found)
if lacking:
    st.caption(wording.markdown(lacking))
told = (
    f"{found.considered:,} combinations were tried. Scores: {weighed.score_sources(answered)}. A format's loss is "
    "taken off the score where it was measured; where not, the score is unknown, and it ranks behind the known ones: "
    f"{weighed.unscored(found)} of these models have no score here and are not compared. What a narrower cache loses "
    "was not measured: it is taken only where it gains something."
)
st.caption(wording.markdown(told))
