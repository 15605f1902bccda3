"""What fills a device, and what would fit?"""

import numpy as np
import streamlit as st

from calculators.estimate import estimate, largest_batch, longest_context, memory_bytes, with_workload
from pages.ui import shell, strips, tables
from pages.ui.charts import curves, drawing, wholes
from pages.ui.controls import session
from pages.ui.explain import answers, ways, wording
from pages.ui.explain.wording import GIB
from presets.catalog import offered_formats

shell.guard()

scenario, figures = shell.head("Memory")
capacity, usual = figures.capacity_bytes, offered_formats(scenario.engine.name)
drawing.show(
    wholes.stacked(
        answers.held(figures.memory_bytes),
        "GiB on the fullest device",
        {"A device": figures.memory_bytes},
        scale=GIB,
        limit=capacity,
        limit_name=wording.show_bytes(capacity),
        height=200,
    ),
    "Stacked bar of a device's memory by component against its capacity",
)

rule = scenario.engine.memory
if rule is None:
    st.caption("Choose an engine, such as vLLM: this page then says what it prints when it starts.")
else:
    st.subheader(f"What {scenario.engine.name} will {'print' if rule.prints else 'hold'}", anchor=False)
    strips.printed(scenario, rule)

batch, context = largest_batch(scenario), longest_context(scenario)
left, right = st.columns(2, gap="large")
with left:
    tokens = np.array([2**i for i in range(8, 21)])
    batches = sorted({1, 8, 64, scenario.workload.batch})
    lines = {}
    for count in batches:
        changed = with_workload(scenario, batch=count, prompt_tokens=tokens - 128, output_tokens=128)
        lines[wording.plural(count, "request")] = estimate(changed).used_bytes
    drawing.show(
        curves.memory_lines(
            f"At these lengths {wording.plural(batch, 'request')} fit at once" if batch else "Not one request fits",
            tokens,
            lines,
            capacity,
            (scenario.workload.context_tokens, figures.used_bytes),
        ),
        "Memory over the length of a request, for several numbers of requests",
    )
with right:
    rows = tables.by_format(scenario, usual)
    best = [name for name, parts in rows.items() if sum(parts.values()) <= capacity]
    drawing.show(
        wholes.stacked(
            f"{len(best)} of {len(rows)} weight formats fit",
            "GiB on the fullest device",
            rows,
            scale=GIB,
            limit=capacity,
            limit_name=wording.show_bytes(capacity),
            height=540,
        ),
        "Memory of a device in each weight format",
    )

st.subheader("What fits", anchor=False)
st.markdown(
    f"- Requests at once, at {int(scenario.workload.context_tokens):,} tokens each: **{batch:,}**\n"
    f"- Longest request, with {wording.plural(scenario.workload.batch, 'request')} at once: "
    + (f"**{context:,}** tokens" if context else "**none**")
    + f" ({answers.reach(scenario.model)})"
)
if not figures.fits:
    name = session.inputs().model
    changes = ways.ways(scenario, name)
    st.markdown(
        "Each of these alone would make it fit, cheapest first:" if changes else "No single change would make it fit."
    )
    for change in changes:
        spare = estimate(change.scenario).free_bytes
        st.markdown(f"- **{ways.words(change, scenario, name)}**, with {wording.show_bytes(spare)} to spare")
table = st.expander("The table behind the bar", key="memory_table", on_change="rerun")
if table.open:
    table.dataframe(tables.components(memory_bytes(scenario), capacity), hide_index=True)
