"""How do the three presets, and the visitor's own scenario, compare?"""

import streamlit as st

from calculators.architecture import TIERS, active_parameters, parameters, tier
from pages.ui import shell, tables
from pages.ui.charts import drawing, tradeoffs, wholes
from pages.ui.controls import session
from pages.ui.explain import wording
from presets.catalog import models

shell.guard()

scenario, figures = shell.head("Size a language model before you buy hardware")

own = session.imported()
compared = dict(list(models().items())[:3]) | ({own.name: own.architecture} if own else {})
compared |= {scenario.model.name: scenario.model}
rows = {name: {"Stored": parameters(m), "Used by a token": active_parameters(m)} for name, m in compared.items()}
largest = max(compared.values(), key=parameters)
drawing.show(
    wholes.bars(
        f"{largest.name} stores {wording.show_count(parameters(largest))} parameters; "
        f"a token uses {wording.show_count(active_parameters(largest))} of them",
        "Parameters, billions",
        rows,
        unit=1e9,
    ),
    "Bars of stored and active parameters of the three presets and the chosen model",
)

st.subheader("The same load on the same device", anchor=False)
st.caption(
    f"Weights in {scenario.weight_format.name}, your device and load, for the three presets and your model; as many "
    "devices as it takes to fit."
)
st.dataframe(tables.side_by_side(scenario, compared), hide_index=True)

st.markdown("Rather have it chosen? Say the job and the budget, and every model, format and device is tried:")
st.page_link("pages/recommend.py", label="Recommend", icon=":material/arrow_forward:")

st.subheader("Where models stand", anchor=False)
points = {
    name: {m.name: (parameters(m), active_parameters(m)) for m in session.choices().values() if tier(m) == name}
    for name in TIERS
}
drawing.show(
    tradeoffs.tiers(
        "Dense models lie on the diagonal; mixtures of experts use a small share of what they store",
        [bound for bound in TIERS.values() if bound],
        points,
    ),
    "Every preset by stored and active parameters, in four tiers",
)
