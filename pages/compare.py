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
columns = comparing.columns(comparing.shown(kept))
sentences = comparing.sentences(columns)

if not kept:
    st.markdown("An example: yours beside other weights and more devices. **Keep this one** starts your own.")
elif not sentences:
    st.markdown("Kept. Now change something in the sidebar: what changes shows here, beside what you kept.")
for sentence in sentences:
    st.markdown(wording.markdown(sentence))

with st.container(horizontal=True):
    st.button(
        "Keep this one", on_click=comparing.keep, disabled=not comparing.room(kept), icon=":material/add:",
        help=f"As the sidebar is; {MOST_COMPARED} at most.",
    )  # fmt: skip
    if not kept:
        st.button("Keep the three presets", on_click=comparing.keep_presets, help="On as many devices as each takes.")
    for number, column in enumerate(columns[: len(kept)]):
        st.button(f"Drop {column.letter}", on_click=comparing.drop, args=(number,), icon=":material/close:")
with st.expander("Keep a link", icon=":material/link:"), st.form("paste", clear_on_submit=True, border=False):
    st.text_input("A link from Share", key="pasted", placeholder="https://…?v=1&model=…")
    st.form_submit_button("Keep it", on_click=comparing.paste, disabled=len(kept) >= MOST_COMPARED)

if len(columns) > 1:
    drawing.show(
        tradeoffs.relative(
            differences.best({each.letter: each.figures for each in columns}) or f"Against {columns[0].name}",
            {each.name: each.shares(columns[0]) for each in columns},
        ),
        "Each figure of each scenario as a share of the first's, a line a scenario",
    )
st.dataframe(comparing.table(columns), hide_index=True)
comparing.address()
