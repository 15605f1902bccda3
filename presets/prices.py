"""What does hardware cost to rent or to buy, and a model by the token? Published prices, each dated and placed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from presets.catalog import Offer, accelerator_facts, model_facts, offers
from presets.loader import Entry, load_rows

ON_DEMAND = "on-demand"
EVERYWHERE = "all listed"  # the region of a price that a provider asks in every region of its own; none to choose
# The columns of api_prices.csv, and what stands in each; dollars for a million tokens.
COLUMNS: Mapping[str, type] = MappingProxyType(
    {
        "model": str, "provider": str, "sold_as": str, "input_usd_per_million": float, "output_usd_per_million": float,
        "date": str, "source": str, "checked": date,
    }
)  # fmt: skip


def providers() -> tuple[str, ...]:
    """Who rents devices of the catalog on demand, by name."""
    return tuple(sorted({offer.provider for offer in _on_demand()}))


def regions() -> tuple[str, ...]:
    """Where devices are rented on demand, as providers call it; many do not say."""
    return tuple(sorted({offer.region for offer in _on_demand() if offer.region not in ("", EVERYWHERE)}))


def _of(provider: str, region: str) -> tuple[Offer, ...]:
    """The on-demand offers of a provider and in a region, of all where none is named.

    A price whose region is unstated, or that holds wherever its provider is, is in no region by name.
    """
    return tuple(
        offer for offer in _on_demand() if provider in ("", offer.provider) and region in ("", offer.region)
    )  # fmt: skip


@cache
def _on_demand() -> tuple[Offer, ...]:
    return tuple(offer for offer in offers() if offer.pricing == ON_DEMAND and offer.accelerators)


@cache
def cheapest(provider: str = "", region: str = "") -> Mapping[str, Offer]:
    """The cheapest on-demand offer of each device, in dollars a device and hour, of a provider or region where named.

    Of equal prices the newer one. An offer that can mean two devices stands for both; devices nobody offers are absent.
    """
    found: dict[str, Offer] = {}
    for offer in _of(provider, region):
        for name in offer.accelerators:
            best = found.get(name)
            if best is None or _better(offer, best):
                found[name] = offer
    return MappingProxyType({name: found[name] for name in accelerator_facts() if name in found})


def _better(offer: Offer, best: Offer) -> bool:
    if offer.usd_per_device_hour != best.usd_per_device_hour:
        return offer.usd_per_device_hour < best.usd_per_device_hour
    return offer.quoted > best.quoted


def quoted(provider: str = "", region: str = "") -> tuple[str, str]:
    """The oldest and the newest day of an on-demand offer, as far as they are known; empty where there is none."""
    days = [offer.quoted for offer in _of(provider, region)]
    return min(days, default=""), max(days, default="")


def purchase_usd(device: str) -> float:
    """What a device costs to buy, as published once, in dollars; UNKNOWN where no price is at hand."""
    return accelerator_facts()[device].list_price_usd


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiOffer:
    """A published price of a model by the token, in dollars for one token read and one written.

    `quoted`: the day or month of the list.
    """

    model: str
    provider: str
    sold_as: str
    input_usd: float
    output_usd: float
    quoted: str
    source: str
    checked: date

    def usd(self, prompt_tokens: float, output_tokens: float) -> float:
        """A request's price in dollars."""
        return self.input_usd * prompt_tokens + self.output_usd * output_tokens


def _api_offer(entry: Entry) -> ApiOffer:
    source, checked = entry.origin()
    model = entry.text("model")
    if model not in model_facts():
        raise entry.error(f"model {model!r} is not in models.toml")
    day = entry.text("date")
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", day):
        raise entry.error(f"date is {day!r}; a year, a month or a day was expected: 2026, 2026-11, 2026-11-07")
    return ApiOffer(
        model=model,
        provider=entry.text("provider"),
        sold_as=entry.text("sold_as"),
        input_usd=float(entry.number("input_usd_per_million")) / 1e6,
        output_usd=float(entry.number("output_usd_per_million")) / 1e6,
        quoted=day,
        source=source,
        checked=checked,
    )


@cache
def api_offers() -> tuple[ApiOffer, ...]:
    """Every published price of a model preset by the token."""
    return load_rows("api_prices.csv", COLUMNS, _api_offer)


def cheapest_api(model: str, prompt_tokens: float, output_tokens: float) -> ApiOffer | None:
    """The offer at which requests of these lengths cost least; None where nobody's price is at hand."""
    found = [offer for offer in api_offers() if offer.model == model]
    return min(found, key=lambda offer: offer.usd(prompt_tokens, output_tokens), default=None)
