"""What does training or fine-tuning take: how many devices, how divided, how long, for how much?"""

import streamlit as st

from pages.ui import shell, strips
from pages.ui.charts import drawing
from pages.ui.controls import session, widgets
from pages.ui.evidence import claims
from pages.ui.explain import wording
from pages.ui.links.fields import Inputs
from pages.ui.training import answer, costs, divided, planning, saving, smaller, strip
from pages.ui.training.planning import Found, Outcome

shell.guard()
st.title("Training", anchor=False)
shell.problems()


def what_ifs() -> None:
    """The few sliders, and the rest in one expander."""
    grid = st.grid(4, min_column_width=210, gap="small")
    with grid:
        widgets.choice("tune", "What is trained", help="Everything, the head, or small matrices beside frozen ones.")
        widgets.choice("types", "Number types", help="What weights, gradients and optimizer states are kept in.")
        widgets.choice("optim", "Optimizer", help="What is kept of each trained parameter beside its gradient.")
        widgets.steps(
            "rank", "Rank of LoRA", disabled="LoRA" not in session.inputs().tune,
            help="Width of the two matrices beside each of the layers'.",
        )  # fmt: skip
        widgets.steps("seq", "Sequence, tokens", help="How long each text is that a step reads; 4k is 4,096.")
        widgets.steps("gbs", "Tokens a step", help="The global batch: what all devices read before weights change.")
        widgets.steps("text", "Tokens to train on", help="All tokens of the run, repeats counted.")
        widgets.steps("cluster", "Devices", help="Of the sidebar's kind; auto: the fewest that hold the training.")
    with st.expander("More: plan, links, place, price"):
        more()


def more() -> None:
    """What is rarely touched: the plan's own choices, the network, carbon and money."""
    with st.grid(4, min_column_width=210, gap="small"):
        widgets.choice(
            "remat", "Recomputation", help="Activations dropped and formed again: all of a layer, or scores."
        )
        widgets.choice("attn", "Attention", help="eager keeps the matrix of scores; sdpa works in tiles.")
        widgets.choice("host", "In the host's memory", help="What is kept there; its traffic is not timed.")
        widgets.steps("zero", "ZeRO stage", help="1 divides optimizer states, 2 gradients too, 3 weights too (FSDP).")
        widgets.steps("ttp", "Tensor parallel", help="Each layer cut over so many devices of a host.")
        widgets.steps("tpp", "Pipeline stages", help="Groups of layers on devices of their own.")
        widgets.steps("mb", "Micro-batch, sequences", help="What a device takes at once.")
        widgets.steps(
            "net", "Network, Gbit/s", help="Of one device beyond its host, one direction. 400 is a card for each, "
            "as in imbue's cluster of H100s (imbue.com/research/70b-infrastructure).",
        )  # fmt: skip
        widgets.choice("grid", "Electricity of", help="Grams of CO₂ a kWh; any country shows the whole span.")
        widgets.steps("hired", "Rent of a device, $ an hour", help="auto: the lowest on demand in the list.")
        widgets.steps(
            "bought",
            "Price of a device, $",
            help="Add its part of the server. auto: of the device alone, as published once.",
        )
        widgets.steps("years", "Years it serves", help="Then it is bought again.")
        widgets.steps("busy", "Share of time in which it works", help="For anybody; the rest is paid for too.")
        widgets.steps("kwh", "Power, $ a kWh", help="Industry in the United States paid 0.08 in 2023 (EIA).")


def memory(chosen: Inputs, found: Found, taken: Outcome | None) -> None:
    """A device's memory before and after the plan; the parts of a step, the plans on larger clusters."""
    if divided.memory_rows(found):
        drawing.show(divided.memory_chart(chosen, found), "A device's memory by component, before and after")
    table = st.expander("The parts of a step, and plans on larger clusters", key="training_parts", on_change="rerun")
    if table.open and found.plan:
        table.dataframe(divided.parts_table(chosen, found.plan), hide_index=True)
        table.dataframe(divided.divisions_table(planning.larger(chosen)), hide_index=True)


def cost(chosen: Inputs, found: Found, taken: Outcome | None) -> None:
    """Time and money against the size of the cluster; device-hours, energy, carbon."""
    if found.plan is None or taken is None:
        st.info("Nothing fits, so there is no time to reckon. The Memory view says what would.")
        return
    for column, chart in zip(st.columns(2, gap="large"), costs.cost_charts(chosen, found.plan), strict=False):
        with column:
            drawing.show(chart, "Time or rent over the number of devices, with the range of published runs")
    strips.metrics(costs.cost_cells(taken))
    st.caption(wording.markdown(costs.cost_words(chosen, taken)))
    beside("Cost")


def savings(chosen: Inputs, found: Found, taken: Outcome | None) -> None:
    """What each technique saves, and what the articles claim of them."""
    drawing.show(saving.savings_chart(chosen), "A device's memory with each technique on top of those before")
    st.caption(
        "Micro-batches of one sequence, gradients added up over two, AdamW until the last; each bar is a change of the "
        "peak of a whole step, so that where something else is fullest a technique saves nothing."
    )
    st.dataframe(saving.savings_table(chosen), hide_index=True)
    st.markdown(wording.markdown(saving.savings_words(chosen)))
    beside("Savings")


def less(chosen: Inputs, found: Found, taken: Outcome | None) -> None:
    """A pruned and taught model, one that grows, and what was published of such."""
    widgets.steps("keep", "Layers kept", help="Share of the layers that stay, spread evenly.")
    try:
        one = smaller.smaller(chosen, taken)
        st.markdown(wording.markdown(smaller.words(one, chosen)))
        st.dataframe(smaller.table(one, chosen), hide_index=True)
        crossing = smaller.payback(one)
        if crossing:
            drawing.show(crossing, "Dollars for making and answering over tokens answered, of both models")
        said, stages = smaller.growth(one.teacher.model, chosen)
        st.markdown(wording.markdown(said))
        st.dataframe(stages, hide_index=True)
    except ValueError as error:
        st.info(f"Nothing can be made smaller so: {error}.")
    said, stages = smaller.example(chosen)
    st.markdown(wording.markdown(said))
    st.dataframe(stages, hide_index=True)
    st.markdown("**Published cases: what went in and what came out**")
    st.dataframe(smaller.cases(), hide_index=True, column_config={"Address": st.column_config.LinkColumn()})
    beside("Smaller")


def beside(view: str) -> None:
    """What the articles claim of a view, with verdicts."""
    found = saving.claimed(view)
    st.markdown(f"**What the articles claim of it**: {claims.summary(found)}")
    st.dataframe(claims.frame(found).drop(columns=["About"]), hide_index=True)


@st.fragment
def page() -> None:
    """The answer, the strip, the inputs and one view: a move runs this alone."""
    chosen = session.inputs()
    found = planning.find(chosen)
    taken = planning.outcome(chosen, found.plan) if found.plan else None
    st.markdown(wording.markdown(answer.answer(chosen, found, taken)))
    st.markdown(wording.markdown(answer.binding(chosen, found)))
    cells = strip.cells(chosen, found, taken)
    strips.metrics(cells)
    opened = st.expander("How these five are worked out", key="worked_out", on_change="rerun", type="compact")
    if opened.open:
        for tab, text in zip(opened.tabs(list(cells)), strip.workings(chosen, found, taken), strict=True):
            tab.markdown(wording.markdown(text))
    what_ifs()
    for remark in answer.remarks(chosen, planning.training(chosen)):
        st.caption(remark)
    widgets.segments("view", "What to show", label_visibility="collapsed")
    {"Memory": memory, "Cost": cost, "Savings": savings, "Smaller": less}[chosen.view](chosen, found, taken)


page()
