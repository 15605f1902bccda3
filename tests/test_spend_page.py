"""The Buy, rent or call page: what it says is what the calculators find, at the visitor's prices or published ones."""

from math import inf, isfinite

import numpy as np
import pytest

from calculators.estimate import estimate
from calculators.spend import YEAR_S, break_even_use, payback_s, paying_share
from pages.ui import spending
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.links.fields import FIELDS
from pages.ui.links.query import from_query, to_query
from presets.loader import table
from presets.prices import cheapest_api, purchase_usd
from tests.test_pages import app, array, charts

PAGE = "pages/spend.py"
PRICED = "bought=20000&hired=5&apiin=0.05&apiout=0.1&busy=0.8&years=5&kwh=0.2&pue=1.5&upkeep=0.05"


def plan(query):
    chosen = from_query(query)[0]
    scenario = records.scenario(chosen)
    figures = estimate(scenario)
    return chosen, scenario, figures, spending.plan(chosen, scenario, figures)


def said(at):
    return " ".join(text.value.replace(r"\$", "$") for text in (*at.markdown, *at.info))


def test_the_ways_cost_what_the_visitor_states():
    _, _, figures, found = plan(PRICED)
    bought, hired, called = found.ways.values()
    assert (bought.purchase_usd, bought.life_s, bought.usd_per_kwh) == (20_000, 5 * YEAR_S, 0.2)
    assert (bought.pue, bought.upkeep_per_year, bought.power_w) == (1.5, 0.05, 700)
    assert hired.usd_per_hour == 5 and called.usd_per_request == pytest.approx(1024 * 5e-8 + 512 * 1e-7)
    assert found.requests_per_s == pytest.approx(float(figures.tokens_per_s) / 512)
    assert all("your figure" in origin for origin in found.origins.values())
    four = plan(PRICED + "&tp=4")[3].ways
    assert (four["Buy"].purchase_usd, four["Buy"].power_w, four["Rent"].usd_per_hour) == (80_000, 2800, 20)


def test_prices_left_to_the_catalog_are_the_published_ones_and_name_their_day():
    _, _, _, found = plan("")
    assert found.ways["Buy"].purchase_usd == purchase_usd("NVIDIA H100 SXM5 80GB")
    offer = cheapest_api("Llama 3.1 8B", 1024, 512)
    assert (found.ways["Call an API"].input_usd, found.ways["Call an API"].output_usd) == (
        offer.input_usd, offer.output_usd
    )  # fmt: skip
    assert offer.provider in found.origins["Call an API"] and offer.quoted in found.origins["Call an API"]


def test_power_and_site_stand_at_their_published_means():
    published = table("training.toml")
    assert FIELDS["kwh"].default == round(published["electricity"]["industry in the United States"]["usd_per_kwh"], 2)
    assert FIELDS["pue"].default == published["pue"]["an average data centre"]["pue"]


def test_the_page_names_the_cheapest_way_the_payback_and_the_use():
    found = plan(PRICED)[3]
    text = said(app(PRICED, PAGE))
    best = min(found.ways, key=lambda name: found.ways[name].usd_per_s(0.8))
    assert f"**{spending.VERBS[best]} is cheapest" in text
    for name in ("Rent", "Call an API"):
        after = float(payback_s(found.ways["Buy"], found.ways[name], 0.8))
        if after < inf:
            assert f"paid back against {spending.VERBS[name]} after **{spending.months(after)}**" in text
        else:
            assert "does not pay back" in text
    use = float(break_even_use(found.ways["Buy"], found.ways["Call an API"]))
    assert f"From **{use:.0%} use**, buying costs no more than the API" in text


def test_the_marks_stand_where_the_lines_cross():
    over_time, over_use, split = charts(app(PRICED, PAGE))
    for chart in (over_time, over_use):
        *lines, marks = chart["data"]
        assert [line["name"] for line in lines] == ["Buy", "Rent", "Call an API"]
        assert marks["name"] == "Break-even"
        for x, y in zip(array(marks["x"]), array(marks["y"]), strict=True):
            costs = [np.interp(x, array(line["x"]), array(line["y"])) for line in lines]
            assert sum(abs(cost - y) < 0.02 * y for cost in costs) >= 2
    chosen, scenario, figures, found = plan(PRICED)
    parts = spending.split(chosen, scenario, figures, found)
    here = split["data"][1]
    assert array(here["y"])[0] == pytest.approx(float(parts.usd_per_request) * 1e3)
    assert array(here["x"])[0] == pytest.approx(float(parts.heard_s) * 1e3)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("device=NVIDIA+L4", "What the device costs to buy is not published here"),
        ("device=NVIDIA+GeForce+RTX+4080&batch=1", "Nobody's rent for the device is at hand"),
        ("model=SmolLM2+135M", "Nobody's price by the token is at hand"),
    ],
)
def test_a_price_that_nobody_publishes_is_asked_for_and_its_line_is_absent(query, asked):
    at = app(query, PAGE)
    assert asked in said(at)
    assert len([line for line in charts(at)[0]["data"] if line["name"] != "Break-even"]) == 2


def test_a_split_says_from_which_share_it_pays_and_what_does_not_fit():
    query = PRICED + "&nearusd=0.1&nearshare=0.8&passed=0.05&delay=100"
    chosen, scenario, figures, found = plan(query)
    parts = spending.split(chosen, scenario, figures, found)
    assert parts.far.network_s == 0.1 and parts.passed_on == 0.05
    least = float(paying_share(parts))
    text = said(app(query, PAGE))
    assert (f"pays from a share of **{least:.0%}**" if least < inf else "does not pay at any share") in text
    assert wording.show_seconds(float(parts.heard_s)) in text
    assert "does not fit, or its speed is unknown" in said(app("near=Llama+3.1+405B", PAGE))


def test_what_the_hardware_cannot_answer_is_said():
    assert "How many requests the hardware answers is unknown" in said(
        app("model=SmolLM2+135M&device=Qualcomm+Snapdragon+8+Gen+3&weights=Q4_K_M&batch=1", PAGE)
    )
    assert "The hardware does not hold the model" in said(app("model=Qwen3+30B-A3B&device=NVIDIA+L4&bought=5000", PAGE))


def test_the_pages_link_carries_its_prices_and_other_pages_do_not():
    chosen = from_query(PRICED)[0]
    link = to_query(chosen, "spend")
    assert from_query(link) == (chosen, ()) and "bought=20000" in link
    assert "bought" not in to_query(chosen, "memory")
    assert all(isfinite(value) for value in spending.monthly_usd(plan(PRICED)[3]).values())
