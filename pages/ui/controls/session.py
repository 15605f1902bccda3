"""What has the visitor chosen? The inputs as the session holds them, the imported model and the calibration."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from calculators.architecture import Architecture
from pages.ui.links.asked import LENGTHS, unstated
from pages.ui.links.calibration import Calibration, read_calibration
from pages.ui.links.field import Number
from pages.ui.links.fields import FIELDS, NAMES, Inputs
from pages.ui.links.query import from_query, stated
from pages.ui.links.values import SIZES
from presets.catalog import WHAT_IFS, model_facts, models, sizes_of, what_if_sizes, workload_facts
from presets.importing import AS_STORED, Imported, from_link

LOAD = {"batch": "batch", "prompt": "prompt_tokens", "output": "output_tokens"}


def start(page: str) -> bool:
    """Take what the address says into the session, before anything reads it; whether the page must begin anew.

    On a session's first run: the link's inputs, and what could not be used. Later, where the browser's Back brought
    the address, which calls nothing: what it states, of this page too, so that all read the same. Of a page that was
    left, Streamlit keeps no settings in the address, and adds them one by one on the next visit: at an address without
    them, those that it lacks stay as the session has them, for which the run must no longer be one of Back, which would
    give their widgets the defaults.
    """
    before, st.session_state.page = st.session_state.get("page"), page
    query = urlencode([(name, text) for name in st.query_params for text in st.query_params.get_all(name)])
    anew = False
    if "problems" not in st.session_state:
        inputs, st.session_state.problems = from_query(query)
        st.session_state.arrived = {}  # the settings that each page had when it was last come to, by page
        for name in NAMES:
            st.session_state[name] = getattr(inputs, name)
        take_sizes(inputs.model, inputs.sizes)
        _spell(inputs)
    elif came_back():
        values, _ = stated(query)
        own = {name: value for name, value in values.items() if page in FIELDS[name].pages}
        lacks = before != page or own.items() < st.session_state.arrived.get(page, {}).items()
        for name, field in FIELDS.items():
            if name in values or not field.pages or (page in field.pages and not lacks):
                st.session_state[name] = values.get(name, usual(name, values))
        take_sizes(st.session_state.model, values)
        anew = lacks
    elif before != page:
        for name in LENGTHS:  # which only a job may have filled, so that no address states them yet
            st.session_state[name] = st.session_state[name]
    if before != page:
        st.session_state.arrived[page] = {
            name: st.session_state[name]
            for name, field in FIELDS.items()
            if page in field.pages and st.session_state[name] != usual(name)
        }
    return anew


def _spell(inputs: Inputs) -> None:
    """Give the address of a link its numbers as widgets write them, which would drop another text."""
    bare = [name for name in st.query_params if name in NAMES and isinstance(FIELDS[name], Number)]
    written = {name: FIELDS[name].label(getattr(inputs, name)) for name in bare}
    if any(st.query_params[name] != text for name, text in written.items()):
        st.query_params.update(written)
        st.rerun()


def problems() -> tuple[str, ...]:
    """What the link asked for and could not be used, a sentence each, until the visitor changes something."""
    chosen = inputs()
    if st.session_state.problems and st.session_state.setdefault("opened", chosen) != chosen:
        st.session_state.problems = ()
    return tuple(st.session_state.problems)


def came_back() -> bool:
    """Whether the browser's Back or Forward brought this run, so that its address rules over what was chosen."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def usual(name: str, stated: Mapping[str, Any] = st.session_state) -> Any:
    """What an input is where the address does not state it: on Recommend as the job asks, else its default."""
    default = FIELDS[name].default
    if st.session_state.get("page") != "recommend" or name in LENGTHS:
        return default
    return unstated({each: stated[each] for each in ("job", "device", "count") if each in stated}).get(name, default)


def take_sizes(model: str, stated: Mapping[str, Any]) -> None:
    """Give the what-if sizes what is stated of them, or the model's own values."""
    own = own_sizes(model)
    for name in WHAT_IFS:
        size = stated.get(name)
        st.session_state[name] = own.get(name, SIZES[name][0]) if size is None else size


def inputs() -> Inputs:
    """All inputs as the session holds them."""
    values = {name: st.session_state.get(name, FIELDS[name].default) for name in NAMES}
    if imported() is None:
        values["own"] = ""
    if calibration() is None:
        values["fit"] = ""
    for name in ("model", "weights"):
        if values[name] not in options(name):
            values[name] = FIELDS[name].default
    own = own_sizes(values["model"])
    for name in WHAT_IFS:
        values[name] = values[name] if name in own and values[name] != own[name] else None
    return Inputs(**values)


def imported(own: str | None = None) -> Imported | None:
    """The visitor's own model, where there is one: that of a link's text, or the session's."""
    text = st.session_state.get("own", "") if own is None else own
    try:
        return from_link(text) if text else None
    except ValueError:  # a browser's Back may bring any text
        return None


def options(name: str) -> tuple[Any, ...]:
    """The values that an input may take now: an imported model can be chosen beside the presets."""
    own, choices = imported(), FIELDS[name].options
    if name == "model" and own is not None:
        return (*choices, own.name)
    if name == "weights" and not (own and own.has_file_bytes):
        return tuple(choice for choice in choices if choice != AS_STORED.name)
    return choices


def described(name: str, own: str | None = None) -> tuple[Architecture, Mapping[str, Any]]:
    """A model by its name among the presets or as imported, and the config.json fields it can be changed by."""
    brought = imported(own)
    if brought is not None and name == brought.name:
        return brought.architecture, brought.config
    facts = model_facts().get(name) or model_facts()[FIELDS["model"].default]
    return facts.architecture, facts.config


def own_sizes(name: str) -> dict[str, int]:
    """The sizes of a model that sliders can change, with their own values."""
    brought, found = imported(), {}
    sizes = _sizes(brought.carried) if brought and name == brought.name else what_if_sizes(described(name)[0].name)
    for size, own in sizes.items():
        low, high, step = SIZES[size]
        if low <= own <= high and own % step == low % step:
            found[size] = own
    return found


@lru_cache(maxsize=256)
def _sizes(own: str) -> Mapping[str, int]:
    """The sizes of an imported model that can be changed."""
    brought = from_link(own)
    return sizes_of(brought.architecture, brought.config)


def choices() -> dict[str, Architecture]:
    """Every model that can be chosen: the presets, and the visitor's own."""
    own = imported()
    return dict(models()) | ({own.name: own.architecture} if own else {})


def use(model: Imported) -> None:
    """Make an imported model the one of every page."""
    st.session_state.own, st.session_state.model = model.carried, model.name
    if model.has_file_bytes:
        st.session_state.weights = AS_STORED.name
    elif st.session_state.get("weights") == AS_STORED.name:
        st.session_state.weights = FIELDS["weights"].default
    reset_sizes()


def forget() -> None:
    """Drop the imported model, and what was chosen of it."""
    for name in ("model", "weights"):
        if st.session_state.get(name) not in FIELDS[name].options or st.session_state[name] == AS_STORED.name:
            st.session_state[name] = FIELDS[name].default
    st.session_state.own = ""
    reset_sizes()


def reset_sizes() -> None:
    """Give the what-if sizes the chosen model's own values."""
    take_sizes(st.session_state.model, {})


def fill_load() -> None:
    """Give the load's sliders the chosen workload's values."""
    chosen = workload_facts()[st.session_state.workload].workload
    for name, field in LOAD.items():
        st.session_state[name] = getattr(chosen, field)


def calibration(fit: str | None = None) -> Calibration | None:
    """The visitor's calibration, where there is one: that of a link's text, or the session's."""
    text = st.session_state.get("fit", "") if fit is None else fit
    try:
        return read_calibration(text) if text else None
    except ValueError:  # a browser's Back may bring any text
        return None


def calibrate(found: Calibration) -> None:
    """Use a calibrated engine on every page."""
    st.session_state.fit, st.session_state.engine = found.text, found.engine


def uncalibrate() -> None:
    """Give the engine its shipped constants back."""
    st.session_state.fit = ""


def plain_load(chosen: Inputs) -> Inputs:
    """The inputs without the what-ifs of a load: the engine's own chunk, no prompt that repeats, no drafts."""
    return replace(chosen, **{name: FIELDS[name].default for name in ("chunk", "hits", "drafts")})
