"""How large a model, and how many tokens, for a training budget, for what it will serve and for the data there is?"""

import streamlit as st

from pages.ui import shell
from pages.ui.controls import session, widgets
from pages.ui.scaling import answer, tabs

shell.guard()
st.title("Scaling laws", anchor=False)
shell.problems()
TABS = {
    "Published models": answer.published,
    "To be served": answer.serving,
    "Limited data": tabs.data_limit,
    "Over-training": tabs.overtraining,
    "Experts": tabs.experts,
    "Claims": tabs.judged,
    "Laws": tabs.constants,
}


@st.fragment
def answers() -> None:
    """All that the budget changes: its slider runs this alone."""
    widgets.steps("compute", "Training budget, FLOPs as a power of ten", help="A GPU-month of an H100 is about 10²¹.")
    flops = 10 ** session.inputs().compute
    answer.answer(flops)
    for tab, show in zip(st.tabs(list(TABS), key="scaling_tabs", on_change="rerun"), TABS.values(), strict=True):
        if tab.open:
            with tab:
                show(flops)


answers()
