"""The smallest app with the charts of the Latency page: what the benchmark compares the dashboard with."""

import sys
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).parent.parent))

from calculators.estimate import estimate, first_token_rows, token_rows, with_workload
from calculators.latency import shares_by_bound
from pages.ui import charts, controls, tables
from pages.ui.links import BATCHES, Inputs

batch = st.select_slider("Requests at once", BATCHES, 64)
scenario = controls.scenario(Inputs(batch=batch))
sweep = estimate(with_workload(scenario, batch=np.array(BATCHES)))
answer, prompt = token_rows(scenario), first_token_rows(scenario)
card = scenario.deployment.accelerator
for chart in (
    charts.throughput(
        "throughput", BATCHES, 1 / sweep.token_s, sweep.tokens_per_s, sweep.fits, BATCHES.index(batch)
    ),
    charts.stacked(
        "bounds", "Share of the time, %", {"A further token": shares_by_bound(answer)}, scale=0.01,
        names=charts.BOUND_NAMES, height=280,
    ),
    charts.roofline(
        "roofline", float(card.peak("bf16")), float(card.bandwidth_bytes_per_s),
        tables.roofline_points({"answer": answer, "prompt": prompt}),
    ),
):  # fmt: skip
    st.plotly_chart(chart)
