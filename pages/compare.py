"""How do up to four scenarios differ, figure by figure, and what did each change?"""

import streamlit as st

from pages.ui import shell
from pages.ui.charts import drawing, tradeoffs
from pages.ui.compare import comparing, differences
from pages.ui.explain import wording
from pages.ui.links.query import MOST_COMPARED

shell.guard()
st.title("Compare", anchor=False)
shell.problems()

kept, wrong = comparing.kept()
for sentence in wrong:
    st.warning(sentence)
columns = comparing.columns(kept or comparing.presets())
first = columns[differences.basis([each.fits for each in columns])]

st.markdown(wording.markdown(comparing.verdict(columns)))
if not kept:
    st.caption("The three presets as published, each on as many of your devices as hold it, under your load.")
elif len(columns) == 1:
    st.markdown(f"**{first.name}** stands alone. Change something in the sidebar, then add that.")

full, there = len(columns) >= MOST_COMPARED, comparing.current() in kept
with st.container(horizontal=True):
    st.button(
        "Add the current one", on_click=comparing.add, disabled=full or there, icon=":material/add:",
        help=f"As the sidebar is. {MOST_COMPARED} at most." if not there else "It is compared already.",
    )  # fmt: skip
    with st.popover("Change what is compared"):
        st.button("Start over with the current one", on_click=comparing.start, icon=":material/restart_alt:")
        for number, column in enumerate(columns[: len(kept)]):
            st.button(f"Drop {column.name}", on_click=comparing.drop, args=(number,), icon=":material/close:")
        with st.form("paste", clear_on_submit=True, border=False):
            st.text_input("A link from Share", key="pasted", placeholder="https://…?v=1&model=…")
            st.form_submit_button("Keep it", on_click=comparing.paste, disabled=len(kept) >= MOST_COMPARED)

lines = comparing.shares(columns)
if len(lines) > 1:
    drawing.show(
        tradeoffs.relative(differences.widest(lines, first.letter), lines, first.letter),
        "Each figure of each scenario that fits as a share of the first one's, a line a scenario",
    )
    left_out = [each.letter for each in columns if not each.fits]
    if left_out:
        st.caption(f"Not drawn, as it does not fit: {wording.listed(left_out)}.")
if len(columns) > 1:
    st.caption(f"In brackets: against {first.name}.")
st.table(comparing.table(columns))
st.markdown(wording.markdown("\n".join(f"- {line}." for line in comparing.changed(columns))))
with st.expander("Memory of a device by component", icon=":material/memory:"):
    st.table(comparing.components(columns))
comparing.address()
