"""How is an input asked for? Select boxes, buttons and sliders over the values that an input may take."""

from collections.abc import Collection
from typing import Any

import streamlit as st

from calculators.architecture import Architecture
from calculators.hardware import MemoryRule
from pages.ui.controls.session import inputs, options, own_sizes, reset_sizes, usual
from pages.ui.links.fields import FIELDS
from pages.ui.links.values import SIZES


def choice(name: str, label: str, **settings: Any) -> Any:
    """A select box over an input's values."""
    values = options(name)
    return st.selectbox(label, values, values.index(usual(name)), key=name, bind="query-params", **settings)


def segments(name: str, label: str, **options: Any) -> Any:
    """A row of buttons over an input's values, one of them pressed."""
    field = FIELDS[name]
    return st.segmented_control(
        label, field.options, default=field.default, required=True, key=name, bind="query-params", **options
    )


def steps(name: str, label: str, **options: Any) -> Any:
    """A slider through an input's round values."""
    field = FIELDS[name]
    return st.select_slider(
        label, field.options, usual(name), format_func=field.label, key=name, bind="query-params", **options
    )


def size(name: str, label: str, own: int, **options: Any) -> None:
    """A slider over one of the model's sizes; at the model's own value it leaves the address."""
    low, high, step = SIZES[name]
    st.slider(label, low, high, own, step, key=name, bind="query-params", **options)


def size_labels(names: Collection[str]) -> dict[str, str]:
    """What the sizes of a model are called: its experts' width is no whole MLP's."""
    labels = {
        "layers": "Layers", "hidden": "Hidden size", "heads": "Query heads", "kv_heads": "KV heads",
        "ffn": "Width of an expert" if "experts" in names else "FFN width", "experts": "Experts",
        "top_k": "Experts a token uses", "sharing": "Layers that share one set of weights",
    }  # fmt: skip
    return {name: labels[name] for name in names}


def size_sliders() -> None:
    """The sizes of the model that a visitor may change."""
    hints = {
        "layers": "How many layers stand one after the other.",
        "hidden": "How many numbers stand for a token between two layers.",
        "heads": "How many heads a layer's attention asks with.",
        "kv_heads": "How many keys and values a layer keeps of a token; the query heads share them evenly.",
        "ffn": "How many numbers stand for a token within a layer's MLP, expert or state-space mixer.",
        "experts": "How many experts an expert layer stores.",
        "top_k": "How many of a layer's experts a token passes.",
        "sharing": "1: each has its own. 2: every two layers that run store one: less memory, the same work.",
    }
    sizes = own_sizes(st.session_state.model)
    for name, label in size_labels(sizes).items():
        size(name, label, sizes[name], help=hints[name])


CHUNK = "Tokens that pass the model at once: more fill it better, take more memory and hold up the others longer."


def engine_settings(rule: MemoryRule) -> None:
    """The settings that an engine has, each under the engine's own name for it."""
    settings = {
        "fraction": (rule.share_name, "Share of the device's memory that the engine divides; auto is its own default."),
        "chunk": (rule.tokens_name, CHUNK),
        "seqs": (rule.sequences_name, "Requests that it answers in one step at most; each takes room for its logits."),
        "gpulayers": (rule.layers_name, "Layers on the device, the rest with the host's processor; auto is all."),
    }
    for name, (label, hint) in settings.items():
        if label:
            steps(name, label, help=hint)


def way_back() -> None:
    """What was changed in the model, and a button that gives its published sizes back."""
    chosen = inputs()
    if chosen.sizes:
        labels = size_labels(own_sizes(chosen.model))
        changes = (f"{labels[name]} {value:,}" for name, value in chosen.sizes.items())
        st.caption(f"{chosen.model}, changed: {', '.join(changes)}")
        st.button("Back to the published sizes", on_click=reset_sizes, width="stretch")


def what_ifs(model: Architecture, rule: MemoryRule | None) -> None:
    """The chunk of a prompt, prompts that repeat, drafts that are checked in one pass."""
    if rule is not None and rule.tokens_name:
        steps("chunk", f"Prompt's chunk, tokens ({rule.tokens_name})", help=f"{CHUNK} Auto is the engine's own.")
    own = "the one that it was trained with" if model.mtp else "what this model does not have, so that it costs nothing"
    steps("hits", "Share of the prompt in the prefix cache", help="What requests begin with alike: a system prompt.")
    steps("drafts", "Drafted tokens a step", help="Speculative decoding: guessed cheaply, checked all in one pass.")
    steps("accepted", "Chance that a drafted token is right", help="Each counts only if those before it were right.")
    choice("drafter", "What drafting a token takes", help=f"A share of a step; the model's own layer is {own}.")
