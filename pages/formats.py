"""What does each storage format weigh, cost in quality and run on, and which one suits you?"""

import streamlit as st

from calculators.choose import smallest
from pages.ui import shell
from pages.ui.charts import drawing, tradeoffs, tree, wholes
from pages.ui.controls import session, widgets
from pages.ui.explain import wording
from pages.ui.formats import suited, tables, words
from presets.catalog import everyday_formats, format_measurements, formats, losses_of, targets

shell.guard()

scenario, figures = shell.head("Formats")
chosen, fmt, card = session.inputs(), scenario.weight_format, scenario.deployment.accelerator
losses = losses_of(chosen.model)
name, size = smallest(scenario, formats(), losses, chosen.accept)
unknown = len(set(formats()) - set(losses))
st.markdown(words.smallest_format(scenario.model, name, size, losses[name], chosen.accept, unknown))

points = tables.sizes_and_losses(scenario.model, losses)
front = tables.unbeaten(points)
drawing.show(
    tradeoffs.sizes_and_losses(
        words.frontier(points, front, chosen.accept),
        points,
        front,
        (name, *everyday_formats()),
        chosen.accept,
        figures.capacity_bytes * scenario.deployment.tensor_parallel * scenario.deployment.pipeline_parallel,
    ),
    "Every weight format by size and published loss, those that no other beats joined by a line",
)
st.caption(
    "Loss: the larger of the score lost on tasks and the perplexity gained, as published for other models, most of "
    "them of 7 to 8 billion parameters; a larger model usually loses less. The two do not convert into each other."
)

st.subheader("Which one suits you?", anchor=False)
left, middle, right = st.columns(3, gap="large")
with left:
    widgets.segments("target", "It runs in a", help="The software and the device that are usual there.")
with middle:
    widgets.segments("priority", "What comes first", help="Answers soon, little loss, or little memory.")
with right:
    widgets.steps("accept", "Loss you accept, %", help="Where latency or memory comes first.")
found = {target: suited.suited(scenario, target, chosen.accept) for target in targets()}
best = found[chosen.target][chosen.priority]
st.markdown(wording.markdown(words.choice(best, chosen.target, chosen.priority, chosen.accept)))
drawing.show(
    tree.decision_tree(
        words.branches(scenario.model, [choice for choices in found.values() for choice in choices.values()]),
        {
            (target, priority): (words.branch(target, choice), words.leaf(choice), bool(choice.estimate.fits))
            for target, choices in found.items()
            for priority, choice in choices.items()
        },
        (chosen.target, chosen.priority),
    ),
    "Decision tree from where the model runs over what comes first to a format",
)
st.caption("Dashed: does not fit. Only formats with a published loss are considered.")
smallest_of_all = found["data centre"]["memory"]
if not smallest_of_all.estimate.fits:
    st.info(words.what_fits(smallest_of_all))
if best.name != fmt.name:
    st.button(f"Use {best.name} on every page", on_click=suited.take, args=(best.name,))

shown = fmt if fmt.bits < 16 else formats()[name]
left, right = st.columns(2, gap="large")
with left:
    drawing.show(
        wholes.bits_by_tensor(
            words.average_bits(scenario.model, shown, fmt), tables.bits_by_tensor(scenario.model, shown)
        ),
        "Bits a weight in each kind of tensor of the model in a format",
    )
with right:
    drawing.show(
        wholes.peaks(
            f"{wording.short_device(card.name)} and {shown.name}: {words.on_device(card, shown)}",
            tables.rates(card),
            words.computed_in(card, shown),
        ),
        "Peak rates of the device in each type of arithmetic",
    )

table = st.expander(f"All {len(formats())} formats, with sources", key="formats_table", on_change="rerun")
if table.open:
    table.dataframe(tables.every_format(scenario, losses), hide_index=True, column_config=tables.FIGURES)
measured = st.expander(
    f"All {len(format_measurements())} measurements behind the losses", key="formats_measured", on_change="rerun"
)
if measured.open:
    only = measured.selectbox("Format", ["", *losses], format_func=lambda each: each or "all", key="formats_only")
    measured.dataframe(tables.measurements(only), hide_index=True, column_config=tables.FIGURES)
hardware = st.expander("Which devices compute in it, and which only store it", key="formats_devices", on_change="rerun")
if hardware.open:
    hardware.caption(
        "Dense peaks, TFLOP/s or TOP/s. Where a type has none, engines widen what is stored to 16 bits: smaller to "
        "keep and to read, not faster to multiply."
    )
    hardware.dataframe(tables.devices_by_type(), hide_index=True, column_config=tables.FIGURES)
