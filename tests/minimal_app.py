"""The smallest app with the charts of a page: one slider and the figures. The benchmark compares the dashboard with it.

The page is named in the address: ?charts=latency, memory, parameters, scaling or recommend.
"""

import sys
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from pages.ui.charts import drawing
from tests.charts_of import CHARTS

name = st.query_params.get("charts", "latency")
make, slider, options, value, _ = CHARTS[name]
figures: list[go.Figure] = make(st.select_slider(slider, options, value))
for figure in figures:
    drawing.show(figure, name)
