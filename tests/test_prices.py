"""Prices: the cheapest is the cheapest, each has its day and source, and what nobody publishes is unknown."""

import csv
from math import isnan

import pytest

from presets import loader
from presets.catalog import accelerators, models, offers
from presets.loader import PresetError
from presets.prices import (
    EVERYWHERE,
    ON_DEMAND,
    api_offers,
    cheapest,
    cheapest_api,
    providers,
    purchase_usd,
    quoted,
    regions,
)


def test_the_cheapest_offer_is_no_dearer_than_any_other():
    everywhere = cheapest()
    assert len(everywhere) >= 20 and set(everywhere) <= set(accelerators())
    for offer in offers():
        for name in offer.accelerators:
            if offer.pricing == ON_DEMAND:
                assert everywhere[name].usd_per_device_hour <= offer.usd_per_device_hour


def test_a_provider_and_a_region_narrow_it():
    assert cheapest("Lambda")["NVIDIA H100 SXM5 80GB"].usd_per_device_hour == 1.99
    assert {offer.provider for offer in cheapest("AWS").values()} == {"AWS"}
    assert {offer.region for offer in cheapest(region="us-east5").values()} == {"us-east5"}
    assert cheapest("nobody") == {}
    assert "AWS" in providers() and "us-east5" in regions()
    assert quoted() == ("2024-12-23", "2026")


@pytest.mark.parametrize("region", regions())
@pytest.mark.parametrize("provider", ["", *providers()])
def test_every_offer_of_a_region_counts_there_and_no_other_does(provider, region):
    there = [
        offer
        for offer in offers()
        if offer.pricing == ON_DEMAND and offer.accelerators and offer.region == region
        and provider in ("", offer.provider)
    ]  # fmt: skip
    asked = cheapest(provider, region)
    assert set(asked) == {name for offer in there for name in offer.accelerators}
    for name, offer in asked.items():
        same = [each for each in there if name in each.accelerators]
        assert offer in same and offer.usd_per_device_hour == min(each.usd_per_device_hour for each in same)
    days = [offer.quoted for offer in there]
    assert quoted(provider, region) == ((min(days), max(days)) if days else ("", ""))


def test_a_price_of_every_region_or_of_none_is_in_no_region_by_name():
    unplaced = {offer.region for offer in offers()} - set(regions())
    assert {"", EVERYWHERE} <= unplaced
    for region in regions():
        assert "Lambda" not in {offer.provider for offer in cheapest(region=region).values()}


def test_a_purchase_price_is_known_or_unknown():
    assert purchase_usd("NVIDIA H100 SXM5 80GB") == 33_600
    assert isnan(purchase_usd("NVIDIA L4"))


def test_every_price_by_the_token_names_a_model_a_day_and_a_source():
    assert len({offer.model for offer in api_offers()}) >= 30
    for offer in api_offers():
        assert offer.model in models() and offer.source and offer.quoted.startswith("2026-1")
        assert 0 < offer.input_usd <= 1e-4 and 0 < offer.output_usd <= 1e-4


def test_the_cheapest_by_the_token_depends_on_the_lengths():
    for prompt, output in ((8000, 10), (10, 8000)):
        best = cheapest_api("Qwen3 14B", prompt, output)
        same = [offer for offer in api_offers() if offer.model == "Qwen3 14B"]
        assert best.usd(prompt, output) == min(offer.usd(prompt, output) for offer in same)
    assert cheapest_api("Qwen3 14B", 8000, 10) != cheapest_api("Qwen3 14B", 10, 8000)
    assert cheapest_api("SmolLM2 135M", 1, 1) is None


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("model", "Llama 9", "model 'Llama 9' is not in models.toml"),
        ("date", "November", "date is 'November'; a year, a month or a day was expected"),
        ("input_usd_per_million", "-1", "input_usd_per_million is -1.0; a number of zero or more was expected"),
        ("source", "", "source is missing"),
    ],
)
def test_a_price_that_cannot_be_used_is_refused_by_name(monkeypatch, tmp_path, column, value, message):
    header, first = loader.rows("api_prices.csv")[:2]
    row = dict(zip(header, first, strict=True)) | {column: value}
    with (tmp_path / "api_prices.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, row.values()])
    monkeypatch.setattr(loader, "HERE", tmp_path)
    loader.rows.cache_clear()
    try:
        with pytest.raises(PresetError) as refusal:
            api_offers.__wrapped__()
    finally:
        loader.rows.cache_clear()
    assert str(refusal.value).startswith("presets/api_prices.csv: 'line 2': ")
    assert message in str(refusal.value)
