"""The Buy, rent or call page: what it says is what the calculators find, at the visitor's prices or published ones."""

from dataclasses import replace
from math import inf, isfinite

import numpy as np
import pytest

from calculators.estimate import estimate
from calculators.spend import YEAR_S, break_even_use, cheapest_by_use, payback_s, paying_share
from pages.ui import spending, splitting
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.links.fields import FIELDS
from pages.ui.links.query import from_query, to_query
from presets.loader import table
from presets.prices import cheapest_api, purchase_usd
from presets.rents import cheapest, usual_usd
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


def test_money_is_the_first_sentence_and_says_by_how_much_and_from_which_use_on_it_changes():
    found = plan(PRICED)[3]
    first = app(PRICED, PAGE).main.markdown[0].value.replace(r"\$", "$")
    (best, least), *others = spending.monthly_usd(found).items()
    assert first.startswith(f"**{spending.VERBS[best].capitalize().replace('api', 'API')} is cheapest**")
    assert f"{wording.show_usd(least)} a month" in first and "Llama 3.1 8B at **80% use**" in first
    for name, usd in others:
        assert f"{wording.show_usd(usd - least)} less than {spending.VERBS[name]}" in first
    spans = cheapest_by_use(found.ways)
    for use, _ in spans[1:]:
        assert f"**{use:.0%} use**" in first
    assert ("at any use" in first) is not bool(spans[1:])


def test_the_use_at_which_another_way_is_cheapest_is_where_it_is():
    for use in (0.05, 0.5, 0.95):
        found = plan(f"bought=2000&hired=1&apiin=0.05&apiout=0.1&busy={use}")[3]
        words, spans = spending.changes(found), cheapest_by_use(found.ways)
        assert len(spans) >= 2
        assert all(
            (f"elow **{at:.0%} use**" if at <= use else f"rom **{at:.0%} use** on") in words for at, _ in spans[1:2]
        )


def test_a_million_tokens_of_the_hardware_and_of_the_api_stand_on_the_same_terms():
    found = plan(PRICED)[3]
    text = said(app(PRICED, PAGE))
    for name, way in found.ways.items():
        for use in (found.use, 1.0):
            usd = float(way.usd_per_s(use)) / (found.requests_per_s * use * 512) * 1e6
            assert found.usd_per_million(name, use) == pytest.approx(usd)
            assert f"{spending.VERBS[name]} {wording.show_usd(usd)}" in text
    # what an API asks for a million written, and for the two million of prompts that they answer
    assert found.usd_per_million("Call an API", 0.3) == pytest.approx(0.1 + 0.05 * 1024 / 512)
    assert "per million output tokens at full load" in text


def test_the_reasons_name_the_payback_and_the_use():
    found = plan(PRICED)[3]
    text = said(app(PRICED, PAGE))
    for name in ("Rent", "Call an API"):
        after = float(payback_s(found.ways["Buy"], found.ways[name], 0.8))
        if after < inf:
            assert f"paid back against {spending.VERBS[name]} after **{spending.months(after)}**" in text
        else:
            assert "does not pay back" in text
    use = float(break_even_use(found.ways["Buy"], found.ways["Call an API"]))
    assert f"Buying costs no more than the API from **{use:.0%} use** on" in text


def test_no_break_even_is_claimed_where_both_cost_nothing_unused():
    query = "busy=0.05&reserved=0&years=1&kwh=0.5&pue=2&upkeep=0.5&nearshare=1&passed=1&delay=500&nearusd=50"
    found = plan(query)[3]
    words = " ".join(spending.reasons(found))
    assert found.ways["Rent"].usd_per_s(0.0) == found.ways["Call an API"].usd_per_s(0.0) == 0
    assert found.ways["Rent"].usd_per_s(0.05) > found.ways["Call an API"].usd_per_s(0.05)
    assert "Even at full use, renting costs more than the API." in words and "0% use" not in words.replace(
        "100% use", ""
    )


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
    parts = splitting.split(chosen, scenario, figures, found)
    here = split["data"][1]
    assert array(here["y"])[0] == pytest.approx(float(parts.usd_per_request) * 1e3)
    assert array(here["x"])[0] == pytest.approx(float(parts.heard_s) * 1e3)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("device=NVIDIA+L4&batch=1", "What the device costs to buy is not published here"),
        ("model=Llama+3.2+3B&device=NVIDIA+GeForce+RTX+4080&batch=1", "Nobody's rent for the device is at hand"),
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
    parts = splitting.split(chosen, scenario, figures, found)
    assert parts.far.network_s == 0.1 and parts.passed_on == 0.05
    least = float(paying_share(parts))
    text = said(app(query, PAGE))
    assert (f"pays from a share of **{least:.0%}**" if least < inf else "does not pay at any share") in text
    assert "a thousand requests cost" in text
    assert wording.show_seconds(float(parts.heard_s)) in text
    assert "does not fit, or its speed is unknown" in said(app("near=Llama+3.1+405B", PAGE))


def test_what_the_hardware_cannot_answer_is_said():
    assert "How many requests the hardware answers is unknown" in said(
        app("model=SmolLM2+135M&device=Qualcomm+Snapdragon+8+Gen+3&weights=Q4_K_M&batch=1", PAGE)
    )


def test_what_does_not_fit_is_not_priced_but_the_api_is():
    at = app("model=Qwen3+30B-A3B&device=NVIDIA+L4&bought=5000", PAGE)
    text = said(at)
    assert at.main.markdown[0].value.startswith("The hardware **does not hold the model**")
    assert "requests a day" not in text and "a month" not in text and not charts(at)
    offer = cheapest_api("Qwen3 30B-A3B", 1024, 512)
    assert f"a thousand such requests for **{wording.show_usd(offer.usd(1024, 512) * 1e3)}**" in text


DEEPSEEK = "model=DeepSeek-V3+671B&weights=FP8+block+128&tp=8&pp=2"


def test_deepseek_v3_has_a_price_by_the_token():
    found = plan(DEEPSEEK)[3]
    assert found.fits and list(found.ways) == ["Buy", "Rent", "Call an API"]


@pytest.mark.parametrize(
    ("paid", "kept"),
    [
        ("bought=20000&hired=15&apiin=60&apiout=60", "as it was bought, so that its power alone falls"),
        ("bought=70000&hired=0.2&apiin=60&apiout=60", "stays reserved, so that nothing of its rent falls"),
        ("bought=70000&hired=0.2&apiin=60&apiout=60&reserved=0.2", "only what exceeds its reserved part falls"),
        ("bought=70000&hired=15&apiin=0.02&apiout=0.02", "paid for by the token"),
    ],
)
def test_a_split_saves_only_what_falls_with_the_load(paid, kept):
    chosen, scenario, figures, found = plan(f"{DEEPSEEK}&{paid}")
    parts = splitting.split(chosen, scenario, figures, found)
    assert kept in splitting.words(chosen, parts, found, 1)
    best = found.ways[next(iter(spending.monthly_usd(found)))]
    for share in (0.0, 0.5, 1.0):
        split = replace(parts, share=share)
        assert split.usd_per_s == pytest.approx(float(best.usd_per_s(found.use * float(split.far_share))))
    bill = float(replace(parts, share=0.5).usd_per_s) * spending.MONTH_S
    if "bought" in kept:  # 16 devices over four years and their upkeep, whoever answers
        assert bill > 16 * 20_000 * (1 / 48 + 0.1 / 12)


def test_a_far_side_of_copies_is_also_shown_at_the_size_that_its_share_needs():
    query = "bought=2000&apiin=60&apiout=60&copies=4&nearshare=0.5&passed=0"
    chosen, scenario, figures, found = plan(query)
    parts = splitting.split(chosen, scenario, figures, found)
    smaller = wording.show_usd(float(replace(parts, copies=4).usd_per_request) * 1e3)
    text = said(app(query, PAGE))
    assert f"**2 of the 4 copies** would do, at **{smaller}** a thousand" in text
    assert "cannot be made smaller by whole copies" in said(app(query.replace("copies=4", "copies=1"), PAGE))


def test_without_a_purchase_price_no_chart_says_that_no_purchase_pays_back():
    found = plan("device=NVIDIA+L4")[3]
    assert list(found.ways) == ["Rent", "Call an API"]
    assert spending.over_time(found, {}) == "What renting and calling an API cost over the years"
    dear = plan("bought=70000&hired=0.2&apiin=0.02&apiout=0.02")[3]
    assert "no purchase pays back within its life" in spending.over_time(dear, {})


def test_shares_are_in_per_cent_and_thousands_separated_and_bare_numbers_of_older_links_are_read():
    assert FIELDS["busy"].label(0.05) == "5%" and FIELDS["capital"].label(1_000_000) == "1,000,000"
    chosen, problems = from_query("busy=0.05&nearshare=1&passed=0.1&upkeep=0.5&capital=1e%2B06&bought=20000")
    assert problems == ()
    assert (chosen.busy, chosen.nearshare, chosen.upkeep, chosen.capital, chosen.bought) == (0.05, 1, 0.5, 1e6, 20_000)
    at = app("busy=0.05&bought=20000", PAGE)
    assert at.session_state.busy == 0.05 and at.session_state.bought == 20_000
    assert from_query("bought=-1")[1] and from_query("busy=0.07")[1]


def test_the_months_are_told_in_twelves():
    assert charts(app(PRICED, PAGE))[0]["layout"]["xaxis"]["dtick"] == 12


def test_where_each_rent_is_from_is_told_with_its_day_and_the_usual_price():
    usd, words = spending.rent("NVIDIA H100 SXM5 80GB")
    offer = cheapest()["NVIDIA H100 SXM5 80GB"]
    assert usd == offer.usd_per_device_hour and offer.provider in words and offer.quoted in words
    assert "the lowest in the list" in words
    assert wording.show_usd(usual_usd("NVIDIA H100 SXM5 80GB")) in words
    assert "2025-03-07, more than a year old" in spending.rent("NVIDIA L4")[1]
    assert "2025, the day not stated" in spending.rent("NVIDIA L40S")[1]


def test_the_pages_link_carries_its_prices_and_other_pages_do_not():
    chosen = from_query(PRICED)[0]
    link = to_query(chosen, "spend")
    assert from_query(link) == (chosen, ()) and "bought=20,000" in link
    assert "bought" not in to_query(chosen, "memory")
    assert all(isfinite(value) for value in spending.monthly_usd(plan(PRICED)[3]).values())
