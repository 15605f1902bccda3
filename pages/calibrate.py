"""How does an engine run on the visitor's own machine? Their measurements, fitted, and used on every page."""

import streamlit as st

from calculators.calibrate import SHIPPED
from pages.ui import shell
from pages.ui.calibrate import measurements, tables, words
from pages.ui.charts import drawing, nearness
from pages.ui.controls import session
from pages.ui.explain import wording
from presets.catalog import engines

shell.guard()
st.title("Calibrate", anchor=False)
shell.problems()
answer = st.container()
files = measurements.uploads()
chosen, problem, found = session.inputs(), "", None
try:
    found = measurements.calibration(files, chosen) if files else None
except ValueError as error:
    problem = str(error)
used = session.calibration()

if problem:
    answer.error("This cannot be read, or is not understood:")
    answer.code(problem, language=None, wrap_lines=True)
elif found is None:
    answer.markdown(
        f"**Every page uses {words.calibrated_with(used.engine, used.rows)}.**"
        if used
        else "**Measure your own server, and every page predicts it.** A few factors on the engine's constants are "
        "fitted to your runs; one run moves them little, many runs far. Nothing is kept: a link carries the factors."
    )
    if used:
        st.button("Back to the shipped constants", on_click=session.uncalibrate, key="calibrate_back")
        st.dataframe(tables.factors(used.factors), hide_index=True)
    st.subheader("How to make such a file", anchor=False)
    st.markdown(
        "A few runs at different numbers of requests at once tell more than one. The model, the devices and the weight "
        "format of a run are those of the sidebar, where the file does not say them."
    )
    for tab, command in zip(st.tabs([*measurements.TOOLS, "CSV"]), [*measurements.COMMANDS.values(), ""], strict=True):
        if command:
            tab.code(command, language="bash")
        else:
            tab.markdown("One line a run, times in seconds; what stands empty is taken from the sidebar.")
            tab.code(measurements.EXAMPLE, language=None)
else:
    comparison, fitted = found
    engine, rows = comparison.engine, len(comparison.rows)
    answer.markdown(wording.markdown(words.calibration(fitted)))
    mine = measurements.carried(fitted, comparison)
    if used == mine and chosen.engine == engine:
        st.success(f"Every page now uses {words.calibrated_with(engine, rows)}.")
        st.button("Back to the shipped constants", on_click=session.uncalibrate, key="calibrate_back")
    elif fitted.factors == SHIPPED:
        st.info(f"{engine} stays as shipped: no factor on its constants brings these rows nearer.")
    else:
        st.button(
            f"Use {words.calibrated_with(engine, rows)}, on every page", on_click=session.calibrate, args=(mine,),
            icon=":material/check:",
        )  # fmt: skip
    for doubt in measurements.doubts(comparison, fitted):
        st.warning(doubt)
    if comparison.notes:
        st.code("\n".join(comparison.notes), language=None, wrap_lines=True)
    points = measurements.points(comparison, fitted)
    if points:
        drawing.show(
            nearness.before_and_after(measurements.finding(comparison, fitted), points),
            "Predicted against measured times, before and after, on logarithmic axes",
        )
    runs, factors, constants = st.tabs(["Runs", "Factors", "Constants"], key="calibrate_tabs")
    runs.caption(
        "Load is requests at once × (prompt + answer). Each measured time, and how far the predictions are from it."
    )
    runs.dataframe(tables.calibrated_rows(comparison, fitted), hide_index=True)
    factors.dataframe(tables.factors(fitted.factors), hide_index=True)
    constants.dataframe(tables.calibrated_constants(engines()[engine], fitted.factors), hide_index=True)
