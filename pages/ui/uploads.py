"""What does the visitor bring? A pasted or uploaded file, or a repository's name, as an imported model."""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import streamlit as st

from presets.catalog import model_facts
from presets.importing import Imported, from_config, from_header
from presets.importing.header import Header
from presets.importing.text import read_object

EXAMPLE = "Qwen3 8B"
CONFIG_MB, HEADER_MB = 1, 32  # MB; the server's own limit is .streamlit/config.toml's maxUploadSize


class Reading:
    """What came of reading: a model, or what is wrong and what would be right, or a question that is still open."""

    def __init__(self, model: Imported | None = None, problem: str = "", question: str = "") -> None:
        self.model, self.problem, self.question = model, problem, question


def kept(key: Hashable, read: Callable[[], Imported | None]) -> Reading:
    """What `read` gives or refuses, read once for each key, so that a rerun does not read a file again."""
    last: dict[Hashable, Reading] = st.session_state.setdefault("readings", {})
    if key not in last:
        try:
            reading = Reading(model=read())
        except ValueError as error:
            reading = Reading(problem=str(error))
        last.clear()
        last[key] = reading
    return last[key]


def fill_example() -> None:
    """Put a published config.json, with more layers than it has, into the text field."""
    config = dict(model_facts()[EXAMPLE].config) | {"num_hidden_layers": 48}
    st.session_state.pasted, st.session_state.config_name = json.dumps(config, indent=2), f"{EXAMPLE}, 48 layers"


def from_config_tab() -> Reading:
    """A config.json, pasted or uploaded."""
    st.markdown("The `config.json` that stands beside a model's weights. Its sizes can then be changed on every page.")
    left, right = st.columns(2, gap="large")
    text = left.text_area(
        "Paste it", key="pasted", height=200, max_chars=CONFIG_MB << 20, placeholder='{"model_type": …'
    )
    name = right.text_input("Name", key="config_name", max_chars=40, placeholder="My model")
    file = right.file_uploader("Or upload it", type="json", key="config_file", max_upload_size=CONFIG_MB)
    st.button("Try it with an example", on_click=fill_example)
    data: bytes | str = file.getvalue() if file else text
    if not data:
        return Reading()
    name = name or (file.name.removesuffix(".json") if file else "My model")
    return kept(("config", data, name), lambda: from_config(read_object(data, what="config.json"), name=name))


def from_gguf_tab() -> Reading:
    """The start of a GGUF file."""
    st.markdown(
        f"Only a file's header is read: its sizes and the list of its tensors, never the weights. Cut off the first "
        f"{HEADER_MB} MiB and upload those; of a model in several files, the start of each."
    )
    st.code("head -c 32M model.gguf > start.gguf", language="bash")
    files = st.file_uploader(
        "The start of a .gguf file", type="gguf", key="gguf_files", accept_multiple_files=True,
        max_upload_size=HEADER_MB,
    )  # fmt: skip

    def read() -> Imported:
        from presets.importing.checked import checked
        from presets.importing.gguf_header import read_gguf

        header = read_gguf([file.getvalue() for file in files], name=files[0].name.removesuffix(".gguf"))
        model = from_header(header)
        notes = checked(model.architecture, str(header.facts["architecture"]))
        return replace(model, notes=(*model.notes, *notes))

    return kept(("gguf", *(file.file_id for file in files)), read) if files else Reading()


def asked(header: Header) -> Header | None:
    """The header with what no header says, as the visitor chooses it; None until all of it is chosen."""
    from presets.importing.ledger import head_widths, needs_chosen

    st.markdown("A header alone does not say the following. A `config.json` beside it would.")
    facts: dict[str, int | None] = {}
    widths, experts = head_widths(header), needs_chosen(header)
    facts["context"] = st.selectbox(
        "Longest context, tokens", [2**i for i in range(10, 23)], index=None, format_func="{:,}".format
    )
    if widths:
        facts["head_dim"] = st.selectbox("Width of a head", widths, index=None, help="head_dim in its config.json")
    if experts:
        facts["chosen"] = st.selectbox("Experts that a token uses", range(1, min(experts, 64) + 1), index=None)
    st.caption("Sliding windows are not in a header either: every layer is taken to keep the whole context.")
    return None if None in facts.values() else replace(header, facts={**header.facts, **facts})


def from_safetensors_tab() -> Reading:
    """The starts of .safetensors files, an index, and the config.json beside them."""
    st.markdown(
        "The header of each `.safetensors` file, best with the `config.json` beside it. The start of a file is enough."
    )
    st.code("head -c 8M model.safetensors > start.safetensors", language="bash")
    files = st.file_uploader(
        "Starts of .safetensors files, the index, the config.json", type=["safetensors", "json"], key="tensor_files",
        accept_multiple_files=True, max_upload_size=HEADER_MB,
    )  # fmt: skip
    if not files:
        return Reading()
    try:
        return _safetensors(files)
    except ValueError as error:
        return Reading(problem=str(error))


def _safetensors(files: Sequence[st.runtime.uploaded_file_manager.UploadedFile]) -> Reading:
    from presets.importing.safetensors_header import INDEX_BYTES, read_index, read_safetensors

    texts = {
        file.name: read_object(file.getvalue(), what=file.name[:40], most_bytes=INDEX_BYTES)
        for file in files
        if file.name.endswith(".json")
    }
    indexes = [file for file in files if "weight_map" in texts.get(file.name, {})]
    configs = [fields for fields in texts.values() if "weight_map" not in fields]
    starts = [file for file in files if not file.name.endswith(".json")]
    config = configs[0] if configs else None
    if len(configs) > 1 or len(indexes) > 1:
        raise ValueError("two files of one kind: one config.json and one index were expected")
    for file in indexes:
        index = read_index(file.getvalue())
        said = {"bytes in all": index.total_size, "parameters in all": index.total_parameters}
        told = ", ".join(f"{value:,} {what}" for what, value in said.items() if value is not None)
        st.markdown(
            f"The index lists {index.tensors:,} tensors in {len(index.files):,} files" + (f": {told}." if told else ".")
        )
        if starts and len(starts) != len(index.files):
            raise ValueError(f"the index names {len(index.files)} files, and the starts of {len(starts)} are here")
    if not starts and config is None:
        raise ValueError("an index has no shapes: add the config.json, or the start of each .safetensors file")
    name = starts[0].name.removesuffix(".safetensors") if starts else "My model"
    key = tuple(file.file_id for file in files)
    if not starts:
        return kept(("config", key), lambda: from_config(config or {}, name=name))
    header = read_safetensors([file.getvalue() for file in starts], name=name)
    if config is None:
        complete = asked(header)
        if complete is None:
            return Reading(question="Choose what the header does not say, or add the config.json.")
        return kept(("tensors", key, tuple(complete.facts.items())), lambda: from_header(complete))
    return kept(("tensors", key), lambda: from_header(header, config=config))


@st.cache_resource(ttl=600, max_entries=32, show_spinner="Asking Hugging Face …")
def repository(name: str) -> Imported:
    """A repository's model, kept for ten minutes for all visitors."""
    from presets.importing.hub import fetch

    found = fetch(name)
    notes = found.notes
    if found.header is not None:
        try:
            model = from_header(found.header, config=found.config, name=found.name)
            return replace(model, notes=(*notes, *model.notes))
        except ValueError as error:
            if found.config is None:
                raise
            notes = (*notes, f"The headers of its weights were left out. {error}")
    return replace(from_config(found.config or {}, name=found.name), notes=notes)


def ask_hub() -> None:
    """Take the name that was typed; it stays asked for while other things on the page change."""
    st.session_state.asked_for = st.session_state.repository.strip()


def from_hub_tab() -> Reading:
    """A repository of Hugging Face by its name."""
    st.markdown(
        "The server asks Hugging Face for the `config.json` and the headers of the weights; no code is fetched or run."
    )
    st.text_input("Repository", key="repository", max_chars=100, placeholder="Qwen/Qwen3-8B", on_change=ask_hub)
    st.button("Read it", on_click=ask_hub)
    wanted = st.session_state.get("asked_for", "")
    return kept(("hub", wanted), lambda: repository(wanted)) if wanted else Reading()
