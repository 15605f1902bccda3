"""Rents: the lowest is the lowest of what stands, a further limit never lowers it, and each has its exact day."""

from dataclasses import replace
from datetime import date
from itertools import product
from math import isnan

import pytest

from presets.catalog import accelerator_facts, accelerators
from presets.rents import (
    EVERYWHERE,
    ON_DEMAND,
    YEAR,
    _standing,
    cheapest,
    offers,
    providers,
    quoted,
    regions,
    standing,
    usual_usd,
)

H100 = "NVIDIA H100 SXM5 80GB"
ONE = next(offer for offer in offers() if H100 in offer.accelerators and offer.pricing == ON_DEMAND)


def quote(provider, day, usd):
    return replace(ONE, provider=provider, quoted=day, usd_per_device_hour=usd)


def test_every_device_is_rented_at_the_lowest_price_that_stands():
    assert len(cheapest()) >= 25
    for name, card in accelerators().items():
        if name in cheapest():
            assert card.usd_per_hour == min(offer.usd_per_device_hour for offer in standing()[name])
            offer = cheapest()[name]
            assert accelerator_facts()[name].rent == (
                f"{offer.provider}, {offer.pricing}, {offer.quoted}, {offer.source}"
            )
        else:
            assert isnan(card.usd_per_hour) and accelerator_facts()[name].rent == "unknown"


def test_a_further_limit_never_lowers_a_price():
    for provider, region in product(("", *providers()), ("", *regions())):
        for name, offer in cheapest(provider, region).items():
            assert offer.usd_per_device_hour >= cheapest(provider)[name].usd_per_device_hour
            assert offer.usd_per_device_hour >= accelerators()[name].usd_per_hour
            assert provider in ("", offer.provider) and region in ("", offer.region)


def test_an_offer_stands_until_its_provider_or_the_market_has_a_newer_one():
    # X's later list replaces its own; Z's is more than a year older than X's; of W only the year is known
    assert _standing([
        quote("X", "2025-06-01", 1.0), quote("X", "2026-11-09", 3.0), quote("Y", "2025-11-09", 2.5),
        quote("Z", "2025-11-08", 0.7), quote("W", "2025", 2.0),
    ]) == (quote("W", "2025", 2.0), quote("Y", "2025-11-09", 2.5), quote("X", "2026-11-09", 3.0))  # fmt: skip
    assert _standing([quote("Z", "2024-01-01", 0.7)]) == (quote("Z", "2024-01-01", 0.7),)  # none newer: it stands
    assert [o.quoted for o in _standing([quote("X", "2026-01-01", 2.0), quote("Y", "2026-02-01", 2.0)])] == [
        "2026-02-01", "2026-01-01"
    ]  # fmt: skip


def test_a_date_means_the_days_that_it_can_mean():
    days = {
        "2025": (date(2025, 1, 1), date(2025, 12, 31)), "2025-12": (date(2025, 12, 1), date(2025, 12, 31)),
        "2024-02": (date(2024, 2, 1), date(2024, 2, 29)), "2025-03-07": (date(2025, 3, 7), date(2025, 3, 7)),
    }  # fmt: skip
    for text, (first, last) in days.items():
        offer = replace(ONE, quoted=text, checked=date(2026, 11, 22))
        assert (offer.first_day, offer.last_day, offer.old) == (first, last, last < date(2025, 11, 22))


def test_what_stands_is_of_the_last_year_where_anybody_quoted_in_it():
    for each in standing().values():
        newest = max(offer.first_day for offer in each)
        assert all(newest - offer.last_day <= YEAR for offer in each)
    assert not any(offer.old for offer in standing()[H100])


def test_the_usual_price_is_the_median_of_the_providers_lowest():
    lowest = sorted(
        min(o.usd_per_device_hour for o in standing()[H100] if o.provider == name)
        for name in {o.provider for o in standing()[H100]}
    )
    middle = len(lowest) // 2
    assert usual_usd(H100) == (lowest[middle] if len(lowest) % 2 else (lowest[middle - 1] + lowest[middle]) / 2)
    assert isnan(usual_usd("NVIDIA L40"))


def test_the_list_says_its_days_exactly():
    for day in quoted():
        date.fromisoformat(day)
    assert quoted()[0] < quoted()[1] <= str(ONE.checked)
    assert "AWS" in providers() and "us-east5" in regions()
    assert cheapest("nobody") == {} and quoted("nobody") == ("", "")


@pytest.mark.parametrize("region", regions())
@pytest.mark.parametrize("provider", ["", *providers()])
def test_every_offer_of_a_region_counts_there_and_no_other_does(provider, region):
    there = {
        name: [o for o in each if o.region == region and provider in ("", o.provider)]
        for name, each in standing().items()
    }
    asked = cheapest(provider, region)
    assert set(asked) == {name for name, each in there.items() if each}
    for name, offer in asked.items():
        assert offer in there[name]
        assert offer.usd_per_device_hour == min(each.usd_per_device_hour for each in there[name])
    days = [offer.quoted for each in there.values() for offer in each]
    assert quoted(provider, region) == ((min(days), max(days)) if days else ("", ""))


def test_a_price_of_every_region_or_of_none_is_in_no_region_by_name():
    unplaced = {offer.region for offer in offers()} - set(regions())
    assert {"", EVERYWHERE} <= unplaced
    for region in regions():
        assert "Lambda" not in {offer.provider for offer in cheapest(region=region).values()}


@pytest.mark.parametrize("name", [H100, "NVIDIA H200 SXM", "NVIDIA A100 SXM4 80GB", "NVIDIA B200 SXM (HGX/DGX)"])
def test_what_most_people_rent_has_several_providers_of_this_year(name):
    recent = {offer.provider for offer in standing()[name] if offer.quoted.startswith("2026-")}
    assert len(recent) >= 4
