"""The scaling page: the budget's answer, its tabs, and what each shows beyond the runs behind a law."""

import numpy as np
import pytest

from calculators.scaling import (
    best_under_limit,
    inference_aware,
    lifetime_flops,
    loss,
    optimal_parameters,
    optimal_tokens,
    within,
)
from pages.ui.explain import wording
from pages.ui.links.field import counted
from pages.ui.links.fields import FIELDS, Inputs
from pages.ui.links.query import from_query, to_query
from pages.ui.links.values import CORPORA
from pages.ui.scaling import best_sizes, further, releases, style
from presets.claims import findings
from presets.scaling import main_law, overtrained_runs, repetition, scaling_laws, trained_models, training_runs
from tests.test_pages import app, array, charts, shared

PAGE = "pages/scaling.py"
TABS = ("Published models", "To be served", "Limited data", "Over-training", "Experts", "Claims", "Laws")
LAW = main_law()


def opened(tab, query=""):
    at = app(query, PAGE)
    at.session_state.scaling_tabs = tab
    at.run()
    assert not at.exception and not at.error
    return at


def said(at):
    return " ".join(element.value for element in at.main.markdown)


def test_the_budget_is_answered_first_with_the_spread_between_the_laws():
    at = app("compute=21", PAGE)
    best = optimal_parameters(LAW, 1e21)
    sizes = [optimal_parameters(law, 1e21) for law in scaling_laws().values()]
    first = at.main.markdown[0].value
    for figure in (best, optimal_tokens(LAW, 1e21), min(sizes), max(sizes)):
        assert wording.show_count(figure) in first
    assert "Beyond the runs behind them: Kaplan and DeepSeek LLM." in first
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Best size"] == wording.show_count(best)
    assert shown["Loss"] == f"{loss(LAW, best, optimal_tokens(LAW, 1e21)):.2f}"
    assert shown["Spread of the laws"] == f"{max(sizes) / min(sizes):.2f} ×"


def test_where_no_law_was_fitted_the_page_says_so():
    assert "All of them extrapolate" in app("compute=25", PAGE).main.markdown[0].value
    assert "extrapolate" not in app("compute=20", PAGE).main.markdown[0].value


@pytest.mark.parametrize("exponent", [18, 21, 27])
def test_a_law_is_hollow_and_dotted_exactly_where_it_was_not_fitted(exponent):
    sizes = best_sizes.sizes_by_law("", 10.0**exponent)
    hollow = {trace["y"][0]: trace["marker"]["symbol"] == "circle-open" for trace in sizes["data"]}
    assert hollow == {style.short_name(law.name): not within(law, 10.0**exponent) for law in scaling_laws().values()}
    greyed = {trace["y"][0]: trace["opacity"] < 1 for trace in sizes["data"]}
    assert greyed == hollow
    for trace in releases.trained("", {}, 10.0**exponent)["data"]:
        assert trace["line"]["dash"] != "dot" or trace["opacity"] < 1
        law = next((law for law in scaling_laws().values() if style.short_name(law.name) == trace["name"]), None)
        if law is not None and trace["line"]["dash"] == "solid":
            drawn = ~np.isnan(trace["y"])
            assert list(drawn) == list(within(law, np.geomspace(1e17, 1e28, 56)))


def test_every_published_run_is_a_dot():
    dots = [trace for trace in charts(app("", PAGE))[1]["data"] if trace.get("name") == "Published runs"]
    assert sum(len(array(trace["x"])) for trace in dots) == len(training_runs()["loss"]) == 245


def test_published_models_are_above_or_below_the_refits_line_as_they_were_trained():
    (chart,) = (spec for spec in charts(app("", PAGE)) if spec["layout"]["height"] == 600)
    groups = {trace["name"]: trace for trace in chart["data"]}
    more, less = groups["Trained on more than the refit's"], groups["Trained on less"]
    assert len(more["x"]) + len(less["x"]) == len(trained_models())
    by_name = {model.name: releases.times(model, LAW) for model in trained_models()}
    assert by_name["Gopher 280B"] < by_name["GPT-3 175B"] < 0.1 and by_name["Llama 3.1 8B"] > 90
    assert by_name["Chinchilla 70B"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("query", ["", "compute=18&served=none&unique=1B", "compute=27&served=3000T&unique=any"])
def test_every_tab_opens_at_every_end_with_four_charts_of_200_points_at_most(query):
    at = app(query, PAGE)
    for tab in TABS:
        at.session_state.scaling_tabs = tab
        at.run()
        assert not at.exception, tab
        specs = charts(at)
        assert 2 <= len(specs) <= 4
        for trace in (trace for spec in specs for trace in spec["data"]):
            assert len(array(trace["y"]) if isinstance(trace["y"], dict) else trace["y"]) <= 200
        assert "nan" not in said(at) and "unknown" not in said(at), tab


@pytest.mark.parametrize(("compute", "served"), [(21.0, 1e12), (23.0, 1e14)])
def test_tokens_to_be_served_change_the_best_size_and_say_what_it_saves(compute, served):
    flops = 10**compute
    text = said(opened("To be served", f"compute={compute:g}&served={counted(served)}"))
    size, tokens = optimal_parameters(LAW, flops), optimal_tokens(LAW, flops)
    small, longer = inference_aware(LAW, loss(LAW, size, tokens), served)
    saved = 1 - lifetime_flops(small, longer, served) / lifetime_flops(size, tokens, served)
    for figure in (wording.show_count(small), wording.show_count(longer), f"{saved:.0%} less"):
        assert figure in text
    assert ("extrapolates" in text) is (compute == 23)


def test_a_model_that_serves_nothing_is_the_best_to_train():
    text = said(opened("To be served", "served=none&compute=22"))
    assert style.model_text(optimal_parameters(LAW, 1e22), optimal_tokens(LAW, 1e22)) in text
    assert "serves nothing" in text and "instead of" not in text and "extrapolates" not in text


def test_unique_tokens_say_how_many_epochs_are_worth_it():
    text = said(opened("Limited data", "compute=22&unique=3B"))
    size, tokens = best_under_limit(repetition(), 1e22, 3e9)
    assert f"{wording.digits(tokens / 3e9)} epochs" in text and wording.show_count(size) in text
    assert "less than one epoch" in said(opened("Limited data", "compute=20&unique=10T"))


def test_a_budget_that_the_data_cannot_use_is_called_so_and_no_million_epochs_are_advised():
    text = said(opened("Limited data", "compute=27&unique=1B"))
    assert "more than 1.00B unique tokens can use" in text and "500 epochs" in text and "00,000 epochs" not in text


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_over_trained_runs_of_a_corpus_stand_beside_its_law(corpus):
    at = opened("Over-training", f"corpus={corpus}")
    chart = charts(at)[2]
    dots = [trace for trace in chart["data"] if trace["mode"] == "markers"]
    assert sum(len(trace["x"]) for trace in dots) == len(overtrained_runs()[further.corpus_key(corpus)]["loss"])


def test_claims_on_scaling_are_judged_beside_the_laws():
    at = opened("Claims")
    for finding in findings():
        if finding.claim.kind == "scaling laws":
            assert finding.claim.says in said(at)
    drawn = charts(at)[2:]
    assert [len(spec["data"][0]["x"]) for spec in drawn] == [1 + len(scaling_laws()), 4]


def test_the_laws_stand_with_their_sources_and_their_errors():
    frames = [frame.value for frame in opened("Laws").main.dataframe]
    assert list(frames[0]["Law"]) == list(scaling_laws())
    assert all(frames[0]["Source"].str.len() > 20) and set(frames[0]["Here"]) == {"fitted", "extrapolates"}
    assert list(frames[1]["Median error"])[:2] == ["0.37%", "0.33%"]
    assert len(frames[2]) == 7


def test_the_link_carries_the_pages_inputs():
    at = app("served=10T&unique=30B&corpus=RedPajama", PAGE)
    link = shared(at)
    assert {"served=10T", "unique=30B", "corpus=RedPajama"} <= set(link.split("&"))
    assert "served" not in to_query(Inputs(), "memory")


@pytest.mark.parametrize("name", ["served", "unique"])
def test_amounts_of_tokens_are_told_apart_in_a_link(name):
    labels = [FIELDS[name].label(option) for option in FIELDS[name].options]
    assert len(set(labels)) == len(labels)
    _, problems = from_query(f"{name}=1e12")
    assert len(problems) == 1 and "expected one of" in problems[0]
