"""Where do a model's parameters go, and what do other sizes change?"""

import streamlit as st

from calculators.architecture import active_parameters, mtp_parameters, parameters, parameters_by_part
from calculators.layers import attention_parameters, convolution_parameters, dense_parameters
from pages.ui import shell, tables
from pages.ui.charts import drawing, wholes
from pages.ui.controls import widgets
from pages.ui.explain import wording

shell.guard()


@st.fragment
def model_page() -> None:
    """All that the sizes of the model change: a moved slider runs this alone, not the sidebar."""
    scenario, _ = shell.head("Parameters")
    model = scenario.model
    parts = parameters_by_part(model)
    biggest = max(parts, key=parts.__getitem__)
    share = wording.per_cent(parts[biggest] / parameters(model))

    ring, sizes = st.columns([3, 2], gap="large")
    with ring:
        drawing.show(
            wholes.parameters_pie(
                f"{share} of {model.name} is {wording.in_sentence(biggest)}",
                parts,
            ),
            "Ring of the model's parameters by component",
        )
    with sizes:
        st.subheader("What if", anchor=False)
        st.caption("Change a size and every page follows. The width of a head stays.")
        widgets.size_sliders()
        widgets.way_back()

    drawing.show(
        wholes.bars(
            f"A token uses {wording.per_cent(active_parameters(model) / parameters(model))} of the parameters",
            "Parameters, billions",
            {model.name: {"Stored": parameters(model), "Used by a token": active_parameters(model)}},
            unit=1e9,
        ),
        "Bars of stored and active parameters",
    )
    if model.mtp:
        st.info(
            f"{wording.show_count(mtp_parameters(model))} more ({mtp_parameters(model):,}) stand in the checkpoint's "
            "multi-token-prediction layers. They are not part of the main model and not counted above."
        )

    ledger = st.expander(
        f"The ledger: every tensor, together {parameters(model):,} parameters", key="ledger", on_change="rerun"
    )
    if ledger.open:
        ledger.caption(
            "Every weight tensor of the model. The last row is the sum of the others, to the last parameter."
        )
        ledger.dataframe(tables.ledger(scenario), hide_index=True, height=420)


model_page()
formulas = st.expander("By hand: a dense layer, a convolution, an attention block", key="formulas", on_change="rerun")
if formulas.open:
    dense, convolution, attention = formulas.tabs(["A dense layer", "A convolution", "An attention block"])
    with dense:
        inputs = st.number_input("Inputs", 1, 1_000_000, 4096, key="dense_inputs")
        outputs = st.number_input("Outputs", 1, 1_000_000, 14_336, key="dense_outputs")
        count = dense_parameters(inputs, outputs)
        st.markdown(f"inputs × outputs + outputs = {inputs:,} × {outputs:,} + {outputs:,} = **{count:,}** parameters")
    with convolution:
        kernel = st.number_input("Kernel width", 1, 100, 3, key="conv_kernel")
        channels = st.number_input("Input channels", 1, 100_000, 64, key="conv_inputs")
        filters = st.number_input("Output channels", 1, 100_000, 128, key="conv_outputs")
        count = convolution_parameters(kernel, channels, filters)
        st.markdown(
            f"kernel² × inputs × outputs + outputs = {kernel}² × {channels:,} × {filters:,} + {filters:,} "
            f"= **{count:,}** parameters"
        )
    with attention:
        hidden = st.number_input("Hidden size", 1, 100_000, 4096, key="attention_hidden")
        heads = st.number_input("Query heads", 1, 1000, 32, key="attention_heads")
        kv_heads = st.number_input("KV heads", 1, 1000, 8, key="attention_kv_heads")
        width = st.number_input("Width of a head", 1, 1000, 128, key="attention_width")
        count = attention_parameters(hidden, heads, kv_heads, width)
        st.markdown(
            "2 × hidden × query heads × width + 2 × hidden × KV heads × width = "
            f"2 × {hidden:,} × {heads} × {width} + 2 × {hidden:,} × {kv_heads} × {width} = **{count:,}** parameters"
        )
        if heads % kv_heads:
            st.warning(f"{heads} query heads cannot share {kv_heads} KV heads evenly: choose a divisor of {heads}.")
