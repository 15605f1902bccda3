"""Prices: what is bought and what is paid by the token has its day and source, and what nobody publishes is unknown."""

import csv
from math import isnan

import pytest

from presets import loader
from presets.catalog import models
from presets.loader import PresetError
from presets.prices import api_offers, cheapest_api, purchase_usd


def test_a_purchase_price_is_known_or_unknown():
    assert purchase_usd("NVIDIA H100 SXM5 80GB") == 30_000  # of the device alone, no eighth of a server
    assert purchase_usd("NVIDIA H200 SXM") == 32_000
    assert isnan(purchase_usd("NVIDIA L4"))


def test_every_price_by_the_token_names_a_model_a_day_and_a_source():
    assert len({offer.model for offer in api_offers()}) >= 30
    for offer in api_offers():
        assert offer.model in models() and offer.source and offer.quoted.startswith("2026-1")
        assert 0 < offer.input_usd <= 1e-4 and 0 < offer.output_usd <= 1e-4


@pytest.mark.parametrize("model", ["Llama 3.1 8B", "DeepSeek-V3 671B", "DeepSeek-R1 671B"])
def test_the_presets_that_have_a_checkpoint_are_sold_by_the_token(model):
    assert cheapest_api(model, 1024, 512) is not None


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
