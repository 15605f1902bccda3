"""How fast does it answer, and what holds it back?"""

import numpy as np
import streamlit as st

from calculators.estimate import estimate, first_token_rows, fits, token_rows, with_workload
from calculators.latency import seconds, shares_by_bound
from calculators.serving import serve
from pages.ui import shell, strips, tables
from pages.ui.charts import curves, drawing, tradeoffs, wholes
from pages.ui.controls import records, session
from pages.ui.explain import answers, uncertainty, wording
from pages.ui.links.values import BATCHES

shell.guard()

scenario, figures = shell.head("Latency")
spans = strips.spans_of(scenario, figures)
first_span, token_span, _ = uncertainty.intervals_shown(scenario, figures, spans)
st.caption(wording.markdown(uncertainty.intervals_in_words(figures, spans, first_span, token_span)))
card = scenario.deployment.accelerator
answer, prompt = token_rows(scenario), first_token_rows(scenario)
names = wording.NAMES | {"cache": answers.cache_name(scenario.model)}

sweep = estimate(with_workload(scenario, batch=np.array(BATCHES)))
fitting = np.array(BATCHES)[sweep.fits]
if not np.isfinite(figures.tokens_per_s):
    st.info(f"How many tokens a second all requests get together is unknown: {answers.missing(scenario)}.")
else:
    drawing.show(
        curves.throughput(
            f"Up to {int(fitting.max()):,} requests at once fit: "
            f"{wording.digits(sweep.tokens_per_s[sweep.fits].max())} tokens a second together"
            if fitting.size
            else "Not one request fits in memory; the times are what it would take if it did",
            BATCHES,
            1 / sweep.token_s,
            sweep.tokens_per_s,
            sweep.fits,
            BATCHES.index(scenario.workload.batch),
        ),
        "Speed of each request against all together, over the number of requests at once",
    )

left, right = st.columns(2, gap="large")
with left:
    passes = {"First token": prompt, "A further token": answer}
    shares = {name: shares_by_bound(rows) for name, rows in passes.items() if np.isfinite(seconds(rows))}
    if shares:
        last, parts = list(shares.items())[-1]
        drawing.show(
            wholes.stacked(
                f"{last}: {wholes.BOUND_NAMES[max(parts, key=parts.__getitem__)].lower()} takes most of the time",
                "Share of the time, %",
                shares,
                scale=0.01,
                show_value=wording.per_cent,
                names=wholes.BOUND_NAMES,
                height=280,
            ),
            "What bounds the first token and each further one",
        )
with right:
    drawing.show(
        tradeoffs.roofline(
            "Parts under the slope wait for memory (◆ prompt, ● answer)",
            float(card.peak(scenario.weight_format.arithmetic)),
            float(card.bandwidth_bytes_per_s),
            tables.roofline_points({"answer": answer, "prompt": prompt}),
            names,
        ),
        "Roofline of the device with the parts of both passes",
    )

if np.isfinite(figures.tokens_per_s):
    st.subheader("Many at once", anchor=False)
if np.isfinite(figures.tokens_per_s) and not fits(with_workload(scenario, batch=1)):
    st.info("Not one request fits in memory, so nothing is served. The Memory page says what would fit.")
elif np.isfinite(figures.tokens_per_s):
    chosen = session.inputs()
    load = records.load(chosen, scenario.model)
    served = serve(with_workload(scenario, batch=np.array(BATCHES)), load)
    strips.many(scenario, load, chosen)
    here = BATCHES.index(scenario.workload.batch)
    drawing.show(
        curves.concurrency(
            f"From 1 to {max(BATCHES):,} in flight a token takes "
            f"{wording.digits(served.token_s[-1] / served.token_s[0])} times as long",
            BATCHES,
            np.broadcast_to(served.first_token_s, len(BATCHES)),
            served.token_s,
            here,
            float(np.max(served.running) * scenario.deployment.replicas),
        ),
        "Time to first token and per further token over the requests in flight",
    )

parts = st.expander("Part by part: what each multiplies, reads and waits for", key="parts", on_change="rerun")
if parts.open:
    parts.caption("On one device. “Shared” are projections that several heads use: they divide over fewer devices.")
    further, first = parts.tabs(["Each further token", "First token"])
    further.dataframe(tables.work(answer, names), hide_index=True)
    first.dataframe(tables.work(prompt, names), hide_index=True)
    if not np.isfinite(figures.first_token_s):
        first.caption(f"Unknown: {answers.missing(scenario)}.")
constants = st.expander("The engine's constants, their range and source", key="constants", on_change="rerun")
if constants.open:
    constants.caption(scenario.engine.source)
    constants.dataframe(tables.constants(scenario.engine), hide_index=True)
