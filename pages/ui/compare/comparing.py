"""Which scenarios does a visitor compare? Those that were kept, and the one of the sidebar beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from calculators.estimate import Estimate, Scenario, estimate
from calculators.recommend import smallest_deployment
from pages.ui.compare import differences
from pages.ui.compare.differences import difference
from pages.ui.controls import records, session
from pages.ui.explain import answers
from pages.ui.figures import Figure, figures, named
from pages.ui.links.fields import FIELDS, SHARED, Inputs
from pages.ui.links.query import MOST_COMPARED, compared, comparison, from_query, labels
from presets.catalog import WHAT_IFS, models
from presets.intervals import intervals

LETTERS = "ABCDE"
LONGEST = 44  # characters of a scenario's name in a legend and over a column


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One scenario of a comparison, with its figures."""

    letter: str
    inputs: Any
    scenario: Scenario
    name: str  # the letter, and what it is or changes
    estimate: Estimate
    figures: Mapping[str, Figure]

    def shares(self, first: "Column") -> dict[str, float]:
        """Its figures as shares of the first's."""
        return differences.shares(first.figures, self.figures)


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


def room(stored: Sequence[Any]) -> bool:
    """Whether the sidebar's scenario can be kept: it is not yet, and there are fewer than four."""
    return len(stored) < MOST_COMPARED and only_scenario(session.inputs()) not in stored


def shown(stored: Sequence[Any]) -> tuple[Any, ...]:
    """What the page compares: the kept and the sidebar's; an example of that one's where none was kept."""
    now = only_scenario(session.inputs())
    if not stored:
        other = "BF16" if now.weights != "BF16" else "FP8 per tensor"
        more = next((count for count in FIELDS["tp"].options if count > now.tp), now.tp)
        return (now, replace(now, weights=other), replace(now, tp=more))
    return (*stored, *([now] if now not in stored else []))


def columns(chosen: Sequence[Any]) -> list[Column]:
    """Each scenario with its figures."""
    found = []
    for letter, inputs in zip(LETTERS, chosen, strict=False):
        scenario = records.scenario(inputs)
        result = estimate(scenario)
        own = named(figures(scenario, result, intervals(scenario, result, records.own_errors(scenario, inputs.fit))))
        what = differences.changes(labels(chosen[0]), labels(inputs)) if inputs.model == chosen[0].model else []
        words = ", ".join(what) or f"{scenario.model.name}, {answers.devices_text(scenario)}"
        name = f"{letter}: {words if len(words) <= LONGEST else words[:LONGEST].rstrip(' ,') + '…'}"
        found.append(
            Column(letter=letter, inputs=inputs, scenario=scenario, name=name, estimate=result, figures=own)
        )  # fmt: skip
    return found


def sentences(found: Sequence[Column]) -> list[str]:
    """What each scenario changes against the first, and what that does."""
    first = found[0]
    return [
        f"**{each.letter}** against **{first.letter}**: "
        + differences.in_words(
            labels(first.inputs), labels(each.inputs), first.figures, each.figures, fits=bool(each.estimate.fits)
        )
        for each in found[1:]
    ]


def _store(stored: Sequence[Any]) -> None:
    st.session_state.compare = comparison(stored)


def keep() -> None:
    """Keep the scenario of the sidebar."""
    _add(only_scenario(session.inputs()))


def _add(inputs: Any) -> None:
    stored, _ = kept()
    if len(stored) < MOST_COMPARED and inputs not in stored:
        _store([*stored, inputs])


def keep_presets() -> None:
    """Keep the first three models of the catalog, each on as many devices as it takes, else as the sidebar is."""
    for name in list(models())[:3]:
        inputs = replace(only_scenario(session.inputs()), model=name, **dict.fromkeys(WHAT_IFS))
        smallest = smallest_deployment(records.scenario(inputs))
        if smallest:
            inputs = replace(inputs, tp=int(smallest.tensor_parallel), pp=int(smallest.pipeline_parallel))
        _add(inputs)


def drop(number: int) -> None:
    """Drop a kept scenario."""
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
        _add(each)
    st.session_state.compare_said = [*st.session_state.get("compare_said", ()), *problems]


def address() -> None:
    """The comparison as the address and links carry it."""
    with st.expander("The comparison as links carry it", icon=":material/data_object:"):
        st.text_input("Share, in the sidebar, gives the whole link", key="compare", bind="query-params", max_chars=4000)


def table(columns: Sequence[Column]) -> pd.DataFrame:
    """Every figure of each scenario, with its difference to the first's."""
    first = columns[0]
    names = dict.fromkeys(name for each in columns for name in each.figures)

    def cell(each: Column, name: str) -> str:
        if name not in each.figures:
            return ""
        shown = each.figures[name].shown
        differs = difference(first.figures[name], each.figures[name]) if name in first.figures else ""
        return f"{shown} ({differs})" if differs else shown

    fits = {"Figure": "Fits"} | {each.letter: "yes" if each.estimate.fits else "no" for each in columns}
    rows = [{"Figure": name} | {each.letter: cell(each, name) for each in columns} for name in names]
    return pd.DataFrame([fits, *rows])
