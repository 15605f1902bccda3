"""What stands in the sidebar? Model, hardware, load, and the link to the page."""

import streamlit as st

from pages.ui.calibrate import words
from pages.ui.controls.session import LOAD, calibration, fill_load, forget, inputs, reset_sizes, uncalibrate
from pages.ui.controls.widgets import choice, size_sliders, steps, way_back
from pages.ui.links.query import to_query
from pages.ui.links.values import HELD, OWN_LOAD, SOURCES
from presets.catalog import workload_facts
from presets.importing.carried import MOST_CHARACTERS


def own_engine() -> None:
    """The calibration as the address and links carry it, where there is one, and the way back."""
    found = calibration()
    if found is None and not st.session_state.get("fit"):
        return
    if found is not None:
        other = "" if found.engine == st.session_state.engine else f"{st.session_state.engine} as shipped; yours: "
        st.caption(other + words.calibrated_with(found.engine, found.rows))
    with st.expander("Calibration"):
        st.text_input(
            "As links carry it", key="fit", bind="query-params", max_chars=120,
            help="Factors on bandwidth, arithmetic, steps and requests; how far off; the device; rows; the engine.",
        )  # fmt: skip
        st.button("Back to the shipped constants", on_click=uncalibrate, width="stretch")


def sidebar(page: str) -> None:
    """The shared inputs: model, hardware, load; what is rarely touched in one expander each; the link to the page.

    A changed model's sizes stand here too, but on the page that has sliders of its own. On Recommend, what that page
    chooses is shown as the other pages have it and cannot be moved.
    """
    chosen = inputs()
    chooses = page == "recommend"
    holds = chosen.models == HELD[1]
    with st.sidebar:
        st.subheader("Model")
        if chooses:
            what = "format and deployment" if holds else "model, format and deployment"
            st.caption(f"Recommend chooses {what}; what is grey here is in use on the other pages.")
        choice(
            "model", "Model", on_change=reset_sizes, disabled=chooses and not holds,
            help="Sizes from its published config.json, or imported.",
        )  # fmt: skip
        own_model()
        choice(
            "weights", "Weights", disabled=chooses,
            help="How each weight is stored. Fewer bits: smaller and faster, some quality lost.",
        )  # fmt: skip
        if page != "parameters" and inputs().sizes:
            way_back()
            with st.expander("Changed sizes"):
                size_sliders()
        st.subheader("Hardware")
        choice(
            "device", "Device", disabled=chooses and chosen.have != SOURCES[0],
            help="What one device holds, reads and computes, from its data sheet.",
        )  # fmt: skip
        steps(
            "tp", "Devices that share the model", disabled=chooses,
            help="Tensor parallel: each layer is cut over this many devices.",
        )  # fmt: skip
        choice("engine", "Engine", help="The program that runs the model; each divides a device's memory its own way.")
        own_engine()
        with st.expander("More hardware"):
            steps(
                "pp", "Pipeline stages", disabled=chooses,
                help="The layers are cut into this many groups, each on devices of its own.",
            )  # fmt: skip
            steps(
                "ep", "Groups of experts", disabled=chooses,
                help="Expert parallel: experts stand whole in so many groups of the devices "
                "that share the model, at most one each; 1 cuts each expert over all of them.",
            )  # fmt: skip
            steps("copies", "Copies of the model", disabled=chooses, help="Replicas that share the requests.")
            choice("cache", "KV cache", disabled=chooses, help="How the keys and values of past tokens are stored.")
        st.subheader("Load")
        if chooses and chosen.job != OWN_LOAD:
            st.caption(f"Of the job “{chosen.job}”.")
        else:
            choice("workload", "Workload", on_change=fill_load, help="Fills the three sliders below.")
        steps("batch", "Requests at once", help="How many people or programs wait for an answer at the same moment.")
        steps("prompt", "Prompt, tokens", help="What goes in. A page of text is about 500 tokens; 1k is 1,024.")
        steps("output", "Answer, tokens", help="What comes out. 1k is 1,024.")
        facts = workload_facts()[st.session_state.workload]
        moved = any(st.session_state[name] != getattr(facts.workload, field) for name, field in LOAD.items())
        if moved and not (chooses and chosen.job != OWN_LOAD):
            st.button(f"Back to {st.session_state.workload}", on_click=fill_load, width="stretch")
        share(page)


def own_model() -> None:
    """The imported model as the address and links carry it, where there is one."""
    if st.session_state.get("own"):
        with st.expander("Imported model"):
            st.text_input(
                "As links carry it", max_chars=MOST_CHARACTERS, key="own", bind="query-params",
                help="The whole model as text. It stands in the address and in the Share link.",
            )  # fmt: skip
            st.button("Forget it", on_click=forget, width="stretch")


def share(page: str) -> None:
    """The complete link to a page: every input that matters there, also at its default."""
    shared = st.popover("Share", width="stretch", icon=":material/link:", key="share", on_change="rerun")
    if shared.open:
        shared.write("A link that opens exactly this, also when defaults change:")
        base = (st.context.url or "").split("?")[0]
        shared.code(f"{base}?{to_query(inputs(), page)}", language=None, wrap_lines=True)
