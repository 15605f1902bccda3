"""How far off is what the dashboard predicts, and does what the articles say hold?"""

import streamlit as st

from pages.ui import shell
from pages.ui.evidence import claims, measured
from pages.ui.explain import wording
from presets.claims import findings
from presets.evidence import points

shell.guard()
st.title("Evidence", anchor=False)
shell.problems()
st.markdown(wording.markdown(measured.summary(points())))
measured.section()

st.subheader("What the articles claim", anchor=False)
st.markdown(
    wording.markdown(
        f"{claims.summary(findings())} The claims are those of the five articles that the project was started from."
    )
)
claims.section()
