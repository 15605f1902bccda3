"""Which scenarios does a visitor compare? Those that were kept; the three presets where none was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import pandas as pd
import streamlit as st

from calculators.estimate import Estimate, Scenario, estimate
from calculators.recommend import smallest_deployment
from pages.ui.compare import differences
from pages.ui.controls import records, session
from pages.ui.explain import answers, ways
from pages.ui.explain.wording import show_bytes
from pages.ui.figures import Figure, figures, named
from pages.ui.links.fields import SHARED, Inputs
from pages.ui.links.query import MOST_COMPARED, compared, comparison, from_query, labels
from pages.ui.recommend.stock import scores
from presets.catalog import WHAT_IFS, abilities, models, published_in, quality_kept, runnable_formats
from presets.intervals import intervals

COMPONENT = "Memory of a device: "  # begins the names of the figures that are parts of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One scenario of a comparison: its short name and its figures."""

    name: str
    inputs: Any
    scenario: Scenario
    estimate: Estimate
    figures: Mapping[str, Figure]

    @property
    def letter(self) -> str:
        """What it is called in short."""
        return self.name[0]

    @property
    def fits(self) -> bool:
        """Whether its devices hold it."""
        return bool(self.estimate.fits)


def only_scenario(inputs: Any) -> Any:
    """Inputs without the settings of single pages."""
    return Inputs(**{name: getattr(inputs, name) for name in SHARED})


def kept() -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The scenarios that were kept, and what was wrong with the comparison or the last link."""
    said = tuple(st.session_state.pop("compare_said", ()))
    try:
        return compared(st.session_state.get("compare", "")), said
    except ValueError as error:  # a browser's Back may bring any text
        return (), (*said, f"This comparison cannot be read: {error}")


def current() -> Any:
    """The scenario of the sidebar."""
    return only_scenario(session.inputs())


def presets() -> tuple[Any, ...]:
    """The first three models of the catalog as published where the engine runs that, else in the sidebar's weights.

    Each with the sidebar's device and load, on as many devices as it takes.
    """
    now, found = current(), []
    for name in list(models())[:3]:
        original = published_in(name)
        weights = original if original in runnable_formats(now.engine) else now.weights
        inputs = replace(now, model=name, weights=weights, own="", ep=1, copies=1, **dict.fromkeys(WHAT_IFS))
        smallest = smallest_deployment(records.scenario(inputs), abilities=abilities()[now.engine])
        if smallest:
            inputs = replace(inputs, tp=int(smallest.tensor_parallel), pp=int(smallest.pipeline_parallel))
        found.append(inputs)
    return tuple(found)


def columns(chosen: Sequence[Any]) -> list[Column]:
    """Each scenario with its figures."""
    bench, found = session.inputs().bench, []
    scored = scores(bench)
    for name, inputs in zip(differences.names([labels(each) for each in chosen]), chosen, strict=True):
        scenario = records.scenario(inputs)
        result = estimate(scenario)
        own = named(figures(scenario, result, intervals(scenario, result, records.own_errors(scenario, inputs.fit))))
        model, fmt = scenario.model.name, scenario.weight_format.name
        score = f"{differences.SCORE}{bench}"
        own[score] = Figure(name=score, unit="%", value=scored.get(model, nan) * quality_kept().get((model, fmt), nan))
        found.append(Column(name=name, inputs=inputs, scenario=scenario, estimate=result, figures=own))
    return found


def misfit(column: Column) -> str:
    """That a scenario does not fit, by how much and what would make it fit, in words."""
    used, there = (show_bytes(size) for size in (column.estimate.used_bytes, column.estimate.capacity_bytes))
    model = column.inputs.model
    rescue = ways.rescue(ways.ways(column.scenario, model), column.scenario, model)
    told = f"**{column.name} does not fit**: {used} on {there} a device."
    return f"{told} {rescue} would." if rescue else told


def verdict(found: Sequence[Column]) -> str:
    """Which do not fit, and who wins of the others, in words."""
    misfits = {each.name: misfit(each) for each in found if not each.fits}
    least = [each.name for each in found if answers.least(each.scenario)]
    return differences.verdict({each.name: each.figures for each in found}, misfits, least)


def shares(found: Sequence[Column]) -> dict[str, dict[str, float]]:
    """Figures of each scenario that fits as shares of those of the first that does, by name."""
    fitting = [each for each in found if each.fits]
    return {each.name: differences.shares(fitting[0].figures, each.figures) for each in fitting}


def changed(found: Sequence[Column]) -> list[str]:
    """What each scenario changes against the first, a line each."""
    first = found[0]
    return [
        f"**{each.letter}** against **{first.letter}**: "
        + differences.changed(labels(first.inputs), labels(each.inputs))
        for each in found[1:]
    ]


def _store(stored: Sequence[Any]) -> None:
    st.session_state.compare = comparison(stored)


def add() -> None:
    """Compare the scenario of the sidebar too."""
    stored, _ = kept()
    _add(current(), stored or presets())


def start() -> None:
    """Compare the scenario of the sidebar, and nothing else yet."""
    _store([current()])


def _add(inputs: Any, stored: Sequence[Any]) -> None:
    if len(stored) < MOST_COMPARED and inputs not in stored:
        _store([*stored, inputs])


def drop(number: int) -> None:
    """Compare a scenario no longer."""
    stored, _ = kept()
    _store([each for index, each in enumerate(stored) if index != number])


def paste() -> None:
    """Keep the scenario of a pasted link, or those of a comparison; say what could not be used."""
    try:
        inputs, problems = from_query(differences.query_of(st.session_state.get("pasted", "")))
    except ValueError as error:
        st.session_state.compare_said = [str(error)]
        return
    for each in compared(inputs.compare) or (only_scenario(inputs),):
        _add(each, kept()[0])
    st.session_state.compare_said = [*st.session_state.get("compare_said", ()), *problems]


def address() -> None:
    """The comparison as the address and links carry it."""
    with st.expander("The comparison as links carry it", icon=":material/data_object:"):
        st.text_input("Share, in the sidebar, gives the whole link", key="compare", bind="query-params", max_chars=4000)


# The rows of the table, what is asked first at the top; memory by component stands apart.
FIRST = (
    "First token", "Each further token", "Tokens a second", "Whole batch", "Cost, 1M tokens", "Energy, 1 token",
    "Rent of all devices, an hour", "Devices", "Memory of a device", "Memory that a device gives", "Weights of a copy",
    "Parameters", "Parameters that a token uses",
)  # fmt: skip


def _table(found: Sequence[Column], wanted: Sequence[str], *, fits: bool) -> pd.DataFrame:
    does = [each.fits for each in found]
    rows = differences.rows([each.figures for each in found], does, wanted)
    head = {"Fits": ["yes" if each else "no" for each in does]} if fits else {}
    return pd.DataFrame.from_dict(head | rows, orient="index", columns=[each.name for each in found])


def table(found: Sequence[Column]) -> pd.DataFrame:
    """The figures that decide, a row each, with their differences to the first that fits."""
    score = next(name for name in found[0].figures if name.startswith(differences.SCORE))
    return _table(found, (score, *FIRST), fits=True)


def components(found: Sequence[Column]) -> pd.DataFrame:
    """Memory of a device by component, a row each."""
    every = dict.fromkeys(name for each in found for name in each.figures if name.startswith(COMPONENT))
    used = [name for name in every if any(each.figures[name].value for each in found if name in each.figures)]
    whole = _table(found, used, fits=False)
    return whole.rename(index=lambda label: label.removeprefix(COMPONENT))
