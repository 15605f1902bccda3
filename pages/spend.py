"""Buy hardware, rent it, or call an API, and what should run near the user?"""

from dataclasses import replace
from math import inf, isfinite

import numpy as np
import streamlit as st

from calculators.estimate import estimate
from pages.ui import shell, spending, splitting, strips
from pages.ui.charts import curves, drawing
from pages.ui.controls import session, widgets
from pages.ui.explain import wording
from pages.ui.spending import MONTH_S
from presets.rents import quoted

shell.guard()

scenario = shell.begin("Buy, rent or call")
figures = estimate(scenario)
chosen = session.inputs()
found = spending.plan(chosen, scenario, figures)
priced = found.fits and bool(found.ways) and isfinite(found.requests_per_s)
if found.fits:
    st.markdown(wording.markdown(spending.answer(found, scenario)))
else:
    st.markdown(wording.markdown(spending.too_small(found, scenario, shell.rescue(scenario, figures))))
if priced:
    strips.metrics(spending.tiles(found))
for sentence in spending.missing(found):
    st.info(wording.markdown(sentence))

widgets.steps("busy", "Use of the hardware", help="Share of what it could answer, averaged over day and night.")
with st.expander("Prices"):
    buy, rent, call = st.columns(3, gap="large")
    with buy:
        widgets.steps(
            "bought", "Price of a device, $",
            help="Add its part of the server. auto: of the device alone, as published once.",
        )  # fmt: skip
        widgets.steps("years", "Years it serves", help="Then it is bought again.")
        widgets.steps("kwh", "Power, $ a kWh", help="Industry in the United States paid 0.08 in 2023 (EIA).")
        widgets.steps(
            "pue",
            "PUE",
            help="Power of the site over that of the hardware; 1.58 in the mean of 2023 (Uptime Institute).",
        )
        widgets.steps("upkeep", "Upkeep a year", help="Hosting, staff, repairs, as a share of the price.")
    with rent:
        widgets.steps("hired", "Rent of a device, $ an hour", help="auto: the lowest on demand in the list.")
        widgets.steps("reserved", "Reserved share", help="Paid day and night; the rest only while it is used.")
    with call:
        widgets.steps("apiin", "API, $ a million tokens read", help="auto: the cheapest published for the model.")
        widgets.steps("apiout", "API, $ a million tokens written", help="auto: the cheapest published for the model.")

if priced:
    st.markdown(wording.markdown("\n".join(f"- {reason}" for reason in spending.reasons(found))))
    time = np.linspace(0, chosen.years * 12, 97)
    back = {name: after for name, after in spending.paybacks(found).items() if after < inf}
    drawing.show(
        curves.ways(
            spending.over_time(found, back),
            "Months",
            "Dollars paid",
            time,
            {name: np.asarray(way.usd(time * MONTH_S, found.use)) for name, way in found.ways.items()},
            [
                (after / MONTH_S, float(found.ways[name].usd(after, found.use)), f"paid back: {spending.months(after)}")
                for name, after in back.items()
            ],
            every=12,
        ),
        "Dollars paid over the months when bought, rented or called, and when a purchase has paid back",
    )
    left, right = st.columns(2, gap="large")
    use = np.linspace(0, 1, 51)
    even = {pair: at for pair, at in spending.even_uses(found).items() if 0 < at < inf}
    with left:
        drawing.show(
            curves.ways(
                next(
                    (
                        f"{spending.VERBS[a].capitalize()} and {spending.VERBS[b]} cost the same at "
                        f"{spending.at_use(at)} use"
                        for (a, b), at in even.items()
                    ),
                    "No two of them cost the same below full use",
                ),
                "Use of the hardware, %",
                "Dollars a month",
                use * 100,
                {name: np.broadcast_to(way.usd_per_s(use) * MONTH_S, use.shape) for name, way in found.ways.items()},
                [
                    (at * 100, float(found.ways[a].usd_per_s(at)) * MONTH_S, f"{a} = {b}: {at:.1%}")
                    for (a, b), at in even.items()
                ],
                every=20,
            ),
            "Dollars a month over the use of the hardware when bought, rented or called",
        )
    parts = splitting.split(chosen, scenario, figures, found)
    share = np.linspace(0, 1, 41)
    swept = replace(parts, share=share)
    if isfinite(float(parts.answer_s)):
        with right:
            drawing.show(
                curves.blend(
                    f"{parts.share:.0%} near the user: {wording.show_usd(float(parts.usd_per_request) * 1e3)} a "
                    f"thousand requests, first token after {wording.show_seconds(float(parts.heard_s))}",
                    share * 100,
                    np.broadcast_to(swept.usd_per_request, share.shape) * 1e3,
                    np.broadcast_to(swept.heard_s, share.shape),
                    float(parts.share) * 100,
                ),
                "Cost of a thousand requests and time to the first token over the share answered near the user",
            )
    st.subheader("Some near the user, the rest far away", anchor=False)
    st.markdown(wording.markdown(splitting.words(chosen, parts, found, int(scenario.deployment.replicas))))
    near, sent, far = st.columns(3, gap="large")
    with near:
        widgets.choice("near", "Model near the user", help="In Q4_K_M with llama.cpp, one request at a time.")
        widgets.choice("neardevice", "Device near the user", help="A phone, a laptop, a box in the shop.")
    with sent:
        widgets.steps("nearshare", "Share answered near the user", help="Of all requests, asked there first.")
        widgets.steps("passed", "Passed on", help="Share of those that the small model cannot answer well enough.")
    with far:
        widgets.steps("delay", "Network to the far model, ms", help="There and back.")
        widgets.steps("nearusd", "Devices near the user, $ an hour", help="All of them; 0 where users bring their own.")
    opened = st.expander("Each way, and where its price is from", key="spend_prices", on_change="rerun")
    if opened.open:
        opened.dataframe(spending.table(found), hide_index=True)
        opened.caption(
            f"Rents of the list are of {quoted()[0]} to {quoted()[1]}; most do not say their region. Upkeep and years "
            "are assumptions to set. The hardware answers as the Latency page computes, at its rated power; an API "
            "answers however much is asked."
        )
st.subheader("What is paid for", anchor=False)
shell.sized(scenario, figures)
