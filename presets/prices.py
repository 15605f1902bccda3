"""What does hardware cost to buy, and a model by the token? Published prices, each dated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from presets.catalog import accelerator_facts, model_facts
from presets.loader import Entry, load_rows

# The columns of api_prices.csv, and what stands in each; dollars for a million tokens.
COLUMNS: Mapping[str, type] = MappingProxyType(
    {
        "model": str, "provider": str, "sold_as": str, "input_usd_per_million": float, "output_usd_per_million": float,
        "date": str, "source": str, "checked": date,
    }
)  # fmt: skip


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
    """The offer at which requests of these lengths cost least, of equal ones the cheaper to read; None where none."""
    found = [offer for offer in api_offers() if offer.model == model]
    return min(
        found,
        key=lambda offer: (float(f"{offer.usd(prompt_tokens, output_tokens):.9g}"), offer.input_usd),
        default=None,
    )
