"""How large is a model that is in no list? Import it, and use it on every page."""

import streamlit as st

from calculators.architecture import active_parameters, mtp_parameters, parameters, parameters_by_part
from calculators.memory import kv_cache_bytes, weight_bytes
from pages.ui import shell, tables, uploads
from pages.ui.charts import drawing, wholes
from pages.ui.controls import session
from pages.ui.explain import answers, wording
from presets.catalog import cache_formats, formats
from presets.importing import AS_STORED

shell.guard()
st.title("Import", anchor=False)
shell.problems()
answer = st.container()
KINDS = {
    "config.json": uploads.from_config_tab, "GGUF file": uploads.from_gguf_tab,
    "safetensors": uploads.from_safetensors_tab, "Hugging Face": uploads.from_hub_tab,
}  # fmt: skip
reading = uploads.Reading()
for tab, read in zip(st.tabs(list(KINDS), key="import_tabs", on_change="rerun"), KINDS.values(), strict=True):
    with tab:
        found = read()
    if tab.open:
        reading = found

if reading.problem:
    st.error("This cannot be read, or is not understood:")
    st.code(reading.problem, language=None, wrap_lines=True)
brought = reading.model or (None if reading.problem or reading.question else session.imported())
if brought is None:
    answer.markdown(
        "**Bring a model of your own**: its parameters are counted to the last one, its cache follows from its layers, "
        "and every page can use it. Only sizes are read; nothing of a file is run, and a link carries the model whole."
    )
    if not reading.problem:
        st.info(reading.question or "Nothing is read yet. What a model is made of will stand here.")
else:
    model, parts = brought.architecture, parameters_by_part(brought.architecture)
    fmt = AS_STORED if brought.has_file_bytes else formats()["BF16"]
    cache = kv_cache_bytes(model, cache_formats()["BF16"], batch=1, context_tokens=1)
    answer.markdown(answers.brought(model, fmt, cache))
    st.subheader(model.name, anchor=False)
    cells = {
        "Parameters": (wording.show_count(parameters(model)), f"{parameters(model):,}"),
        "Used by a token": (wording.show_count(active_parameters(model)), f"{active_parameters(model):,}"),
        "Cache a token": (wording.show_bytes(cache), "in 16 bits"),
        "Weights": (
            wording.show_bytes(weight_bytes(model, fmt)),
            "in the file's types" if brought.has_file_bytes else "in BF16",
        ),
        "Longest context": (f"{model.max_context:,}", "tokens"),
    }
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True)
    if session.inputs().model == brought.name and session.inputs().own == brought.carried:
        st.success("Every page now uses this model. It stands in the sidebar beside the presets.")
    else:
        st.button("Use this model on every page", on_click=session.use, args=(brought,), icon=":material/check:")
    left, right = st.columns([3, 2], gap="large")
    with left:
        biggest = max(parts, key=parts.__getitem__)
        drawing.show(
            wholes.parameters_pie(
                f"{wording.per_cent(parts[biggest] / parameters(model))} is {wording.in_sentence(biggest)}", parts
            ),
            "Ring of the imported model's parameters by component",
        )
    with right:
        st.markdown(
            f"**{model.layers} layers** of width {model.hidden:,}, {model.vocabulary:,} tokens in its vocabulary."
        )
        st.dataframe(tables.parts(model), hide_index=True)
        if model.mtp or model.mtp_extras:
            st.markdown(
                f"{mtp_parameters(model):,} more stand in layers that predict further tokens, and are told apart."
            )
    if brought.notes:
        st.markdown("What was compared, and what was noticed:")
        st.code("\n".join(brought.notes), language=None, wrap_lines=True)
    for label, names in (("Decides the sizes", brought.used), ("Left out", brought.ignored)):
        if names:
            with st.expander(f"{label}: {len(names):,}"):
                st.code("\n".join(name[:100] for name in names[:200]), language=None, wrap_lines=True)
