"""How is this deployment started, and how does the estimate leave the page?"""

from dataclasses import replace

import streamlit as st

from calculators.estimate import estimate
from pages.ui import shell
from pages.ui.controls import records, session, widgets
from pages.ui.explain import answers, wording
from pages.ui.take import takeaway
from presets.launch import CannotStart, start

shell.guard()

scenario, figures = shell.head("Take it away")
chosen = session.inputs()
traffic = records.load(chosen, scenario.model)
widgets.steps(
    "reads",
    "Longest request to serve, tokens (0: the usual)",
    help="Prompt and answer; 0: the sidebar's lengths, the usual request.",
)

begun, refused = {}, {}
for name in takeaway.order(scenario.engine.name):
    engine = records.with_settings(records.profile(name, chosen.fit), chosen)
    try:
        begun[name] = start(replace(scenario, engine=engine), name, traffic, chosen.reads)
    except CannotStart as why:
        refused[name] = str(why)

tabs = st.tabs([*begun, "Report and data"], key="take_tabs", on_change="rerun")
for tab, found in zip(tabs, begun.values(), strict=False):
    if tab.open:
        with tab:
            own = figures if found.scenario.engine == scenario.engine else estimate(found.scenario)
            said = f"With **{found.starter.name}**: {answers.verdict(found.scenario, own, None)}"
            if not own.fits:
                st.error(wording.markdown(f"{said} Started all the same, it would run out of memory."))
            elif own is not figures:
                st.markdown(wording.markdown(said))
            for note in found.notes:
                st.info(takeaway.plain(note))
            takeaway.command(found)
            takeaway.containers(found)
if tabs[-1].open:
    with tabs[-1]:
        ready = next(iter(begun.values()), None)
        takeaway.files(scenario, figures, chosen, ready)
if refused:
    with st.expander(f"Not offered: {wording.listed(list(refused))}", expanded=not begun):
        for why in refused.values():
            st.write(takeaway.plain(why))
