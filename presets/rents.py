"""What does hardware cost to rent? Published offers, each dated and placed; those that stand, and the lowest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from statistics import median
from types import MappingProxyType

from calculators import UNKNOWN
from presets.loader import Entry, load_rows, table

ON_DEMAND = "on-demand"
EVERYWHERE = "all listed"  # the region of a price that a provider asks in every region of its own; none to choose
YEAR = timedelta(days=365)
# The columns of prices.csv, and what stands in each; an empty cell is unknown.
PRICES: Mapping[str, type] = MappingProxyType(
    {
        "sold_as": str, "memory_gb": float, "accelerators": str, "provider": str, "instance": str, "devices": int,
        "usd_per_hour": float, "usd_per_device_hour": float, "pricing": str, "region": str, "date": str, "source": str,
        "checked": date, "note": str,
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A price that a provider quoted on a day, in a month or in a year, for devices as it names them.

    `accelerators`: those of the catalog that the name can mean; several where the provider does not say which form.
    """

    sold_as: str
    memory_gb: float
    accelerators: tuple[str, ...]
    provider: str
    instance: str
    devices: float
    usd_per_hour: float
    usd_per_device_hour: float
    pricing: str
    region: str
    quoted: str
    source: str
    checked: date
    note: str

    @property
    def first_day(self) -> date:
        """The first day that its date can mean: of 2025, the first of January."""
        return date.fromisoformat((self.quoted + "-01-01")[:10])

    @property
    def last_day(self) -> date:
        """The last day that its date can mean."""
        year, *rest = (int(part) for part in self.quoted.split("-"))
        if len(rest) == 2:
            return self.first_day
        month = rest[0] if rest else 12
        return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    @property
    def old(self) -> bool:
        """Whether it was surely more than a year old when the list was checked."""
        return self.checked - self.last_day > YEAR


def _offer(entry: Entry) -> Offer:
    source, checked = entry.origin()
    meant = entry.text("accelerators", "")
    names = tuple(meant.split("; ")) if meant else ()
    for name in names:
        if name not in table("accelerators.toml"):
            raise entry.error(f"accelerators: {name!r} is not in accelerators.toml")
    day = entry.text("date")
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", day):
        raise entry.error(f"date is {day!r}; a year, a month or a day was expected: 2025, 2025-03, 2025-03-07")
    offer = Offer(
        sold_as=entry.text("sold_as"),
        memory_gb=entry.number("memory_gb", UNKNOWN),
        accelerators=names,
        provider=entry.text("provider"),
        instance=entry.text("instance", ""),
        devices=entry.number("devices", UNKNOWN),
        usd_per_hour=entry.number("usd_per_hour", UNKNOWN),
        usd_per_device_hour=entry.number("usd_per_device_hour"),
        pricing=entry.text("pricing"),
        region=entry.text("region", ""),
        quoted=day,
        source=source,
        checked=checked,
        note=entry.text("note", ""),
    )
    if abs(offer.usd_per_hour - offer.devices * offer.usd_per_device_hour) > 1e-3 * offer.usd_per_hour:
        raise entry.error(
            f"usd_per_hour is {offer.usd_per_hour}; {offer.devices:g} devices at {offer.usd_per_device_hour} "
            f"make {offer.devices * offer.usd_per_device_hour:g}"
        )
    return offer


@cache
def offers() -> tuple[Offer, ...]:
    """Every published price of a rented device."""
    return load_rows("prices.csv", PRICES, _offer)


@cache
def standing() -> Mapping[str, tuple[Offer, ...]]:
    """The on-demand offers of each device that still stand, the cheapest first and of equal ones the newest.

    Of a device, an offer stands until the same provider has a newer one, or anybody's is more than a year newer. One
    that can mean two devices stands for both; devices nobody offers are absent.
    """
    found: dict[str, list[Offer]] = {}
    for offer in offers():
        if offer.pricing == ON_DEMAND:
            for name in offer.accelerators:
                found.setdefault(name, []).append(offer)
    return MappingProxyType({name: _standing(each) for name, each in found.items()})


def _standing(quoted: list[Offer]) -> tuple[Offer, ...]:
    own = {
        provider: max(o.first_day for o in quoted if o.provider == provider)
        for provider in {o.provider for o in quoted}
    }
    newest = max(own.values())
    kept = [o for o in quoted if o.last_day >= own[o.provider] and newest - o.last_day <= YEAR]
    return tuple(sorted(kept, key=lambda o: (o.usd_per_device_hour, -o.last_day.toordinal())))


@cache
def cheapest(provider: str = "", region: str = "") -> Mapping[str, Offer]:
    """The cheapest on-demand offer that stands of each device, of a provider or region where named.

    Naming one can only take offers away, so that no price falls by it.
    """
    return MappingProxyType({name: each[0] for name, each in _of(provider, region).items()})


def _of(provider: str, region: str) -> dict[str, list[Offer]]:
    """The offers that stand of a provider and in a region, of all where none is named.

    A price whose region is unstated, or that holds wherever its provider is, is in no region by name.
    """
    found = {
        name: [offer for offer in each if provider in ("", offer.provider) and region in ("", offer.region)]
        for name, each in standing().items()
    }
    return {name: each for name, each in found.items() if each}


def usual_usd(device: str) -> float:
    """The median of the lowest that each provider asks for a device-hour, in dollars; UNKNOWN where none is offered."""
    lowest: dict[str, float] = {}
    for offer in standing().get(device, ()):
        lowest.setdefault(offer.provider, offer.usd_per_device_hour)
    return median(lowest.values()) if lowest else UNKNOWN


def providers() -> tuple[str, ...]:
    """Who rents devices of the catalog on demand at prices that stand, by name."""
    return tuple(sorted({offer.provider for each in standing().values() for offer in each}))


def regions() -> tuple[str, ...]:
    """Where devices are rented on demand, as providers call it; many do not say."""
    return tuple(sorted({offer.region for each in standing().values() for offer in each} - {"", EVERYWHERE}))


def quoted(provider: str = "", region: str = "") -> tuple[str, str]:
    """The oldest and the newest day of an on-demand offer that stands, as far as stated; empty where there is none."""
    days = [offer.quoted for each in _of(provider, region).values() for offer in each]
    return min(days, default=""), max(days, default="")
