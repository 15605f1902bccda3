"""Comparisons: a text that comes back, differences to the first, what changed in words; a page that loses nothing."""

from dataclasses import replace
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from calculators.estimate import estimate
from pages.ui.compare import differences
from pages.ui.compare.comparing import only_scenario
from pages.ui.controls import records
from pages.ui.figures import Figure, figures, named
from pages.ui.links.field import Size
from pages.ui.links.fields import FIELDS, SHARED, Inputs
from pages.ui.links.query import MOST_COMPARED, NEUTRAL, compared, comparison, from_query, labels, to_query
from presets.catalog import models
from presets.intervals import intervals

H100 = "NVIDIA H100 SXM5 80GB"


def values(name):
    field = FIELDS[name]
    return st.sampled_from([None, field.options[1]]) if isinstance(field, Size) else st.sampled_from(field.options)


SCENARIOS = st.builds(Inputs, **{name: values(name) for name in SHARED})


def figures_of(inputs):
    scenario = records.scenario(inputs)
    found = estimate(scenario)
    return named(figures(scenario, found, intervals(scenario, found)))


@settings(max_examples=60, deadline=None)
@given(st.lists(SCENARIOS, max_size=MOST_COMPARED))
def test_a_comparison_comes_back_from_its_text_and_from_a_link(scenarios):
    text = comparison(scenarios)
    assert compared(text) == tuple(scenarios)
    inputs, problems = from_query(to_query(Inputs(compare=text), "compare"))
    assert (inputs.compare, problems) == (text, ())


def test_a_text_says_all_of_the_first_and_of_the_others_what_differs():
    first = Inputs()
    text = comparison([first, replace(first, weights="FP8 per tensor", tp=4), first])
    parts = text.split("~~")
    said = {name for name, label in labels(first).items() if label not in NEUTRAL}
    assert {pair.partition(".")[0] for pair in parts[0].split("~")} == said
    assert parts[1:] == ["weights.FP8 per tensor~tp.4", ""]
    assert len(to_query(Inputs(compare=text), "compare")) < 1500


WRONG = (
    "model.nothing", "zz.1", "model", "~~~~~~~~~~", "tp.3", "weights.<script>", "compare.x", "own.x", "." * 5000,
)  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_comparison_is_refused_in_a_sentence_and_never_raises_at_a_visitor(text):
    with pytest.raises(ValueError):
        compared(text)
    inputs, problems = from_query(to_query(Inputs(compare=text), "compare"))
    assert inputs.compare == "" and len(problems) == 1 and problems[0].startswith("compare cannot be")
    assert not set(problems[0]) & set("<>`[]$")


@pytest.mark.parametrize(
    "pasted", ["", "hello", "https://example.org", "https://example.org/take", "?", "javascript:x"]
)
def test_what_is_no_link_gets_a_sentence(pasted):
    with pytest.raises(ValueError, match=r"no link of a scenario.*\.$"):
        differences.query_of(pasted)


def test_a_link_is_read_with_and_without_its_address():
    query = to_query(Inputs(tp=2))
    for pasted in (query, f"?{query}", f"https://example.org/memory?{query}", f"  /memory?{query} "):
        assert from_query(differences.query_of(pasted)) == (Inputs(tp=2), ())


def test_what_changed_is_said_in_words():
    first, other = Inputs(device=H100), Inputs(device=H100, weights="FP8 per tensor", tp=4)
    before, after = figures_of(first), figures_of(other)
    said = differences.in_words(labels(first), labels(other), before, after)
    old, new = before["Each further token"].shown, after["Each further token"].shown
    assert said.startswith("FP8 per tensor instead of BF16 weights; cut over 4 devices instead of 1: ")
    assert f"a further token falls from {old.removesuffix(' ms')} to {new}" in said
    assert "the cost of a million rises from" in said and said.endswith(".")
    assert differences.in_words(labels(first), labels(first), before, before) == "nothing differs."


@pytest.mark.parametrize("name", SHARED)
def test_each_field_of_a_scenario_is_named_when_it_changes(name):
    first = labels(Inputs())
    options = (
        ["16"] if isinstance(FIELDS[name], Size) else ["of one's own", *map(FIELDS[name].label, FIELDS[name].options)]
    )
    changed = first | {name: next(label for label in reversed(options) if label != first[name])}
    assert len(differences.changes(first, changed)) == (0 if name in differences.SILENT else 1)
    assert differences.changes(changed, changed) == []


def test_a_difference_is_a_share_and_beyond_threefold_a_factor():
    def between(first, other):
        return differences.difference(*(Figure(name="x", unit="s", value=value) for value in (first, other)))

    assert between(2.0, 1.0) == "−50.0 %"
    assert between(2.0, 2.5) == "+25.0 %"
    assert between(1.0, 4.0) == "× 4.00"
    assert between(4.0, 1.0) == "÷ 4.00"
    assert between(4.0, 0.0) == "−100 %"
    assert between(1.0, 1.0) == between(nan, 1.0) == between(1.0, nan) == between(0.0, 1.0) == ""


def test_the_best_is_named_where_it_is_known():
    def one(token, cost):
        return {
            "Each further token": Figure(name="t", unit="s", value=token),
            "Cost, 1M tokens": Figure(name="c", unit="USD", value=cost),
        }

    assert differences.best({"A": one(1, 2), "B": one(2, 1)}) == "A answers fastest, B costs least"
    assert differences.best({"A": one(1, nan), "B": one(2, nan)}) == "A answers fastest"
    assert differences.best({"A": one(1, 1), "B": one(2, 2)}) == "A answers fastest and costs least"
    assert differences.best({"A": one(nan, nan)}) == ""


def app(**query) -> AppTest:
    at = AppTest.from_file("../app.py", default_timeout=30)
    for name, text in query.items():
        at.query_params[name] = text
    at.run()
    at.switch_page("pages/compare.py").run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, words: str) -> AppTest:
    next(button for button in at.button if button.label == words).click()
    at.run()
    assert not at.exception, at.exception
    return at


def table(at: AppTest):
    return at.dataframe[0].value.set_index("Figure")


def test_the_page_opens_with_an_example_of_the_visitors_own():
    at = app(tp="2")
    assert "An example" in at.main.markdown[0].value and at.session_state.compare == ""
    found = table(at)
    assert list(found.loc["Devices"]) == ["2", "2", "4 (+100 %)"]
    assert found.iloc[:, 0]["Each further token"] == figures_of(Inputs(tp=2))["Each further token"].shown


def test_what_was_kept_stays_through_changes_and_other_pages():
    at = press(app(), "Keep this one")
    assert compared(at.session_state.compare) == (Inputs(),)
    at.sidebar.selectbox(key="weights").set_value("FP8 per tensor").run()
    assert at.main.markdown[0].value.startswith("**B** against **A**: FP8 per tensor instead of BF16 weights")
    press(at, "Keep this one")
    kept = at.session_state.compare
    at.switch_page("pages/memory.py").run()
    at.switch_page("pages/compare.py").run()
    assert at.session_state.compare == kept and len(compared(kept)) == 2
    press(at, "Drop A")
    assert compared(at.session_state.compare) == (Inputs(weights="FP8 per tensor"),)


def test_four_are_kept_at_most_and_a_fifth_column_is_the_sidebars():
    four = [Inputs(tp=count) for count in (1, 2, 4, 8)]
    at = app(compare=comparison(four), weights="FP8 per tensor")
    assert next(button for button in at.button if button.label == "Keep this one").disabled
    assert len(table(at).columns) == 5


def test_a_pasted_link_is_kept_and_a_bad_one_gets_a_sentence():
    at = app()
    at.text_input(key="pasted").set_value(f"https://example.org/?{to_query(Inputs(tp=4))}&zz=1")
    press(at, "Keep it")
    assert compared(at.session_state.compare) == (Inputs(tp=4),)
    assert [warning.value for warning in at.warning] == ["“zz” is no input of this page and was left out."]
    at.text_input(key="pasted").set_value("<script>alert(1)</script>")
    press(at, "Keep it")
    assert at.warning[0].value.startswith("This is no link of a scenario")
    at.text_input(key="pasted").set_value(f"?compare={comparison([Inputs(tp=4), Inputs(tp=8)])}")
    press(at, "Keep it")
    assert compared(at.session_state.compare) == (Inputs(tp=4), Inputs(tp=8))


def test_the_three_presets_are_kept_each_on_as_many_devices_as_it_takes():
    at = press(app(), "Keep the three presets")
    kept = compared(at.session_state.compare)
    assert [each.model for each in kept] == list(models())[:3]
    assert [estimate(records.scenario(each)).fits for each in kept] == [True] * 3
    assert kept[0].tp == 1 and kept[2].tp * kept[2].pp > 8
    assert list(table(at).loc["Fits"]) == ["yes"] * 3


def test_a_pasted_comparison_of_scenarios_is_only_scenarios():
    assert only_scenario(Inputs(tp=2, hits=0.5)) == Inputs(tp=2)
