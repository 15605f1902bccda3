"""Comparisons: a text that comes back, differences to the first, what changed in words; a page that loses nothing."""

import json
from dataclasses import replace
from math import isfinite, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from calculators.estimate import estimate
from calculators.recommend import smallest_deployment
from pages.ui.compare import differences
from pages.ui.compare.comparing import only_scenario
from pages.ui.controls import records
from pages.ui.figures import Figure, figures, named
from pages.ui.links.field import Size
from pages.ui.links.fields import FIELDS, SHARED, Inputs
from pages.ui.links.query import MOST_COMPARED, NEUTRAL, compared, comparison, from_query, labels, to_query
from presets.catalog import accelerators, models
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
    assert problems[0].count("was used.") == 1 and problems[0].endswith("; none was used.")


def test_what_is_wrong_with_a_scenario_of_a_comparison_is_said_of_it():
    with pytest.raises(ValueError, match=r"^in its scenario 2, tp cannot be “3”: expected one of 1, 2, 4, 8, … 32$"):
        compared("model.Llama 3.1 8B~~tp.3")


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


def test_what_changed_is_said_in_a_line():
    first, other = labels(Inputs(device=H100)), labels(Inputs(device=H100, weights="FP8 per tensor", tp=4))
    said = differences.changed(first, other)
    assert said == "FP8 per tensor instead of BF16 weights; each layer on 4 devices instead of 1"
    assert "each layer on 1 device instead of 4" in differences.changed(other, first)
    assert differences.changed(first, first) == "nothing differs"


@pytest.mark.parametrize("name", SHARED)
def test_each_field_of_a_scenario_is_named_when_it_changes(name):
    first = labels(Inputs())
    options = (
        ["16"] if isinstance(FIELDS[name], Size) else ["of one's own", *map(FIELDS[name].label, FIELDS[name].options)]
    )
    changed = first | {name: next(label for label in reversed(options) if label != first[name])}
    assert len(differences.changes(first, changed)) == (0 if name in differences.SILENT else 1)
    assert differences.changes(changed, changed) == []


def test_a_difference_is_a_share_beyond_threefold_a_factor_and_of_devices_a_count():
    def between(first, other, unit="J"):
        return differences.difference(*(Figure(name="x", unit=unit, value=value) for value in (first, other)))

    assert between(2.0, 1.0) == "−50\u202f%"
    assert between(2.0, 2.05) == "+2.5\u202f%"
    assert between(1.0, 8.0) == "×\u202f8"
    assert between(3.5, 1.0) == "÷\u202f3.5"
    assert between(4.0, 0.0) == "−100\u202f%"
    assert between(1, 16, "devices") == "+15" and between(2, 1, "devices") == "−1"
    assert between(66.7, 79.3, "%") == "+12.6"
    assert between(1.0, 1.0) == between(nan, 1.0) == between(1.0, nan) == between(0.0, 1.0) == ""
    assert between(1.0001, 1.0002) == ""  # no difference of what is shown alike


SCORE = f"{differences.SCORE}MMLU"


def one(token, cost, score=nan):
    return {
        "Each further token": Figure(name="t", unit="s", value=token),
        "Cost, 1M tokens": Figure(name="c", unit="USD", value=cost),
        SCORE: Figure(name=SCORE, unit="%", value=score),
    }


def test_what_is_only_the_least_that_it_can_be_says_so_and_has_no_difference():
    known, least = one(0.01, 1.0), one(0.02, 1.0)
    least["Each further token"] = replace(least["Each further token"], least=True)
    (cells,) = differences.rows([known, least, known], [True, True, False], ["Each further token"]).values()
    assert cells == ["10.0", "≥\N{NO-BREAK SPACE}20.0", "–"]
    assert differences.difference(least["Each further token"], known["Each further token"]) == ""


def test_the_best_is_named_where_it_is_known_and_differs():
    best = differences.best
    fastest, cheapest = "answers fastest (1.00 s a further token)", "costs least ($1.00 for 1M tokens)"
    assert best({"A": one(1, 2), "B": one(2, 1)}) == f"**A** {fastest}; **B** {cheapest}"
    assert best({"A": one(1, 1), "B": one(2, 2)}) == f"**A** {fastest} and {cheapest}"
    assert best({"A": one(1, nan), "B": one(2, nan)}) == f"**A** {fastest}"
    assert best({"A": one(nan, 1, 70), "B": one(nan, 1, 80)}) == "**B** scores best (80.0 % on MMLU)"
    assert best({"A": one(1, 1), "B": one(1, 1)}) == best({"A": one(1, 1), "B": one(nan, nan)}) == ""
    three = {"A": one(1, nan), "B": one(1, nan), "C": one(2, nan)}
    assert best(three) == "**A** and **B** answer fastest (1.00 s a further token)"
    assert best(three | {"D": one(nan, nan)}).endswith("further token, of those known)")


def test_what_does_not_fit_is_said_first_and_wins_nothing():
    found = {"A": one(2, 2), "B": one(1, 1, 90), "C": one(3, 3)}
    said = differences.verdict(found, {"B": "B does not fit."})
    assert said.startswith("B does not fit. Of those that fit, **A** answers fastest")
    assert "**B**" not in said
    assert (
        differences.verdict(found, {"A": "A does not.", "B": "B does not."})
        == "A does not. B does not. Only **C** fits."
    )
    assert differences.verdict({"A": one(1, 1)}, {"A": "A does not."}).strip() == "A does not."


def test_names_are_short_say_what_differs_and_tell_scenarios_apart():
    def names(*found):
        return differences.names([labels(each) for each in found])

    llama = Inputs(model="Llama 3.1 70B", weights="FP8 per tensor", tp=2)
    assert names(llama) == ["A · Llama 3.1 70B FP8"]
    assert names(llama, Inputs(model="gpt-oss 120B", weights="MXFP4")) == [
        "A · Llama 3.1 70B FP8, 2 devices", "B · gpt-oss 120B MXFP4, 1 device",
    ]  # fmt: skip
    assert names(llama, replace(llama, weights="FP8 block 128")) == [
        "A · Llama 3.1 70B FP8 per tensor", "B · Llama 3.1 70B FP8 block 128",
    ]  # fmt: skip
    assert names(llama, replace(llama, batch=8, cache="FP8")) == [
        "A · Llama 3.1 70B FP8, BF16 cache, 64 at once", "B · Llama 3.1 70B FP8, FP8 cache, 8 at once",
    ]  # fmt: skip
    assert names(Inputs(model="MoE 175B (32 experts, top-2)")) == ["A · MoE 175B BF16"]
    assert names(llama, replace(llama, tp=1, pp=2)) == [
        "A · Llama 3.1 70B FP8, TP 2 × PP 1 × 1", "B · Llama 3.1 70B FP8, TP 1 × PP 2 × 1",
    ]  # fmt: skip
    assert all(
        len(name) <= differences.LONGEST + 1
        for name in names(llama, replace(llama, batch=8, tp=1, cache="FP8", prompt=64))
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(SCENARIOS, min_size=1, max_size=MOST_COMPARED))
def test_every_comparison_has_a_verdict_names_and_rows(scenarios):
    chosen = [labels(each) for each in scenarios]
    told = differences.names(chosen)
    assert [name[0] for name in told] == list("ABCD"[: len(told)])
    fits = [bool(estimate(records.scenario(each)).fits) for each in scenarios]
    found = [figures_of(each) for each in scenarios]
    whole = differences.rows(found, fits, tuple(found[0]))
    for label, cells in whole.items():
        assert len(cells) == len(scenarios)
        if label.partition(",")[0] in ("First token", "Whole batch", "Tokens a second"):
            assert [cell == "–" for cell in cells] == [not does for does in fits]
    misfits = {name: f"{name} does not fit." for name, does in zip(told, fits, strict=True) if not does}
    said = differences.verdict(dict(zip(told, found, strict=True)), misfits)
    assert not any(f"**{name}**" in said for name in misfits)


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
    return at.main.table[0].value


def test_the_page_opens_with_the_three_presets_as_published_on_as_many_devices_as_hold_them():
    at = app()
    assert at.session_state.compare == ""
    found = table(at)
    assert [name[:4] for name in found.columns] == ["A · ", "B · ", "C · "]
    assert list(found.loc["Fits"]) == ["yes"] * 3
    given = replace(Inputs(model="DeepSeek-V3 671B"), weights="FP8 block 128")
    smallest = smallest_deployment(records.scenario(given))
    assert found.loc["Devices"].iloc[2].partition(" ")[0] == f"{smallest.devices}"
    said = at.main.markdown[0].value
    assert said.startswith("**A · Llama 3.1 8B BF16, 1 device** answers fastest") and "scores best" in said
    assert figures_of(Inputs())["Each further token"].shown in said


def test_what_was_kept_stays_through_changes_and_other_pages():
    at = press(app(), "Start over with the current one")
    assert compared(at.session_state.compare) == (Inputs(),)
    at.sidebar.selectbox(key="weights").set_value("FP8 per tensor").run()
    assert len(table(at).columns) == 1  # the sidebar is compared only where it is asked for
    press(at, "Add the current one")
    assert any(
        "**B** against **A**: FP8 per tensor instead of BF16 weights." in each.value for each in at.main.markdown
    )
    kept = at.session_state.compare
    at.switch_page("pages/memory.py").run()
    at.switch_page("pages/compare.py").run()
    assert at.session_state.compare == kept and len(compared(kept)) == 2
    press(at, f"Drop {table(at).columns[0]}")
    assert compared(at.session_state.compare) == (Inputs(weights="FP8 per tensor"),)


def test_four_are_compared_at_most_and_the_sidebars_is_no_fifth():
    four = [Inputs(tp=count) for count in (1, 2, 4, 8)]
    at = app(compare=comparison(four), weights="FP8 per tensor")
    assert next(button for button in at.button if button.label == "Add the current one").disabled
    assert len(table(at).columns) == 4


def test_the_current_one_is_added_to_the_presets_that_stand():
    at = press(app(weights="FP8 per tensor", tp="2"), "Add the current one")
    kept = compared(at.session_state.compare)
    assert [each.model for each in kept[:3]] == list(models())[:3]
    assert kept[3] == Inputs(weights="FP8 per tensor", tp=2)


UNFIT = [
    Inputs(model="Llama 3.1 70B", weights="FP8 per tensor", tp=2, batch=16),
    Inputs(model="gpt-oss 120B", weights="BF16", batch=16),
    Inputs(model="Llama 3.1 8B", batch=16),
]


def test_what_does_not_fit_has_dashes_and_no_line():
    for order in (UNFIT, [UNFIT[1], UNFIT[0], UNFIT[2]]):
        at = app(compare=comparison(order))
        found, letter = table(at), "ABC"[order.index(UNFIT[1])]
        said = at.main.markdown[0].value
        assert said.startswith(f"**{letter} · gpt-oss 120B BF16, 1 device does not fit**")
        assert "MXFP4 weights, as the model is published, or " in said and "Of those that fit, " in said
        unfit = found.columns[order.index(UNFIT[1])]
        assert found.loc["Fits", unfit] == "no"
        for label in ("First token, ms", "Each further token, ms", "Cost, 1M tokens, $", "Energy, 1 token, J"):
            assert found.loc[label, unfit] == "–" and "–" not in list(found.drop(columns=unfit).loc[label])
        (drawn,) = (json.loads(chart.proto.spec) for chart in at.get("plotly_chart"))
        assert [trace["name"][0] for trace in drawn["data"]] == [each for each in "ABC" if each != letter]
        assert any(f"does not fit: {letter}." in each.value for each in at.main.caption)


def test_a_time_that_is_only_the_least_wins_nothing():
    found = {"A": one(1, nan), "B": one(2, nan)}
    assert differences.best(found, ["A"]) == ""
    assert differences.best(found, ["B"]).startswith("**A** answers fastest")
    cards = [name for name, each in accelerators().items() if not isfinite(each.peak("bf16"))]
    small = Inputs(model="SmolLM2 135M", batch=1, prompt=64, output=8)
    fast = max(cards, key=lambda name: float(accelerators()[name].bandwidth_bytes_per_s))
    slow = min(accelerators(), key=lambda name: float(accelerators()[name].bandwidth_bytes_per_s))
    at = app(compare=comparison([replace(small, device=fast), replace(small, device=slow)]))
    assert "fastest" not in at.main.markdown[0].value


def test_where_only_one_fits_nothing_is_drawn():
    at = app(compare=comparison(UNFIT[:2]))
    assert at.main.markdown[0].value.endswith("Only **A · Llama 3.1 70B FP8, 2 devices** fits.")
    assert not at.get("plotly_chart")


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


def test_a_pasted_comparison_of_scenarios_is_only_scenarios():
    assert only_scenario(Inputs(tp=2, hits=0.5)) == Inputs(tp=2)
