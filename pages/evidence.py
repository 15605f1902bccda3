"""Does what the articles say hold?"""

import streamlit as st

from pages.ui import claims, controls, explain, shell
from presets.claims import findings

shell.guard()
st.title("Evidence", anchor=False)
controls.problems()
st.markdown(
    explain.markdown(
        f"{claims.summary(findings())} The claims are those of the five articles that the project was started from."
    )
)
claims.section()
