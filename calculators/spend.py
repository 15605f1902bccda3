"""Buy, rent or call an API, and what to answer near the user? Costs over time and use, and where they cross."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from calculators import Quantity

HOUR_S = 3600.0
YEAR_S = 365.25 * 24 * HOUR_S
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """Hardware that is bought, all devices together: paid for at once, and again when its life is over.

    `power_w` at full use; idle, it draws `idle_share` of that. `pue`: power of the site over power of the hardware.
    `upkeep_per_year`: hosting, staff and repairs in a year, as a share of the purchase.
    """

    purchase_usd: Quantity
    life_s: Quantity
    power_w: Quantity
    usd_per_kwh: Quantity
    pue: Quantity = 1.0
    idle_share: Quantity = 0.0
    upkeep_per_year: Quantity = 0.0

    def running_usd_per_s(self, utilisation: Quantity) -> Quantity:
        """Power and upkeep in dollars a second: power x (idle + (1 - idle) x use) x PUE x price, and the upkeep."""
        drawn = self.power_w * (self.idle_share + (1 - self.idle_share) * utilisation)
        upkeep = self.purchase_usd * self.upkeep_per_year / YEAR_S
        return drawn * self.pue * self.usd_per_kwh / JOULES_PER_KWH + upkeep

    def usd_per_s(self, utilisation: Quantity) -> Quantity:
        """All it costs in dollars a second, the purchase spread evenly over its life."""
        return self.purchase_usd / self.life_s + self.running_usd_per_s(utilisation)

    def usd(self, seconds: Quantity, utilisation: Quantity) -> Quantity:
        """Dollars paid after so many seconds: a purchase at the start of each life begun, and what running takes."""
        purchases = np.maximum(np.ceil(seconds / self.life_s), 1)
        return self.purchase_usd * purchases + self.running_usd_per_s(utilisation) * seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Rented:
    """Hardware that is rented, all devices together, by the hour.

    `reserved_share` of it is paid day and night, at a discount; the rest on demand, only while it is used.
    """

    usd_per_hour: Quantity
    reserved_share: Quantity = 1.0
    discount: Quantity = 0.0

    def usd_per_s(self, utilisation: Quantity) -> Quantity:
        """Dollars a second: price x (reserved x (1 - discount) + what use exceeds the reserved share)."""
        beyond = np.maximum(utilisation - self.reserved_share, 0)
        return self.usd_per_hour / HOUR_S * (self.reserved_share * (1 - self.discount) + beyond)

    def usd(self, seconds: Quantity, utilisation: Quantity) -> Quantity:
        """Dollars paid after so many seconds."""
        return self.usd_per_s(utilisation) * seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """An API that is paid by the token. `requests_per_s`: what the hardware would answer at full use."""

    input_usd: Quantity
    output_usd: Quantity
    prompt_tokens: Quantity
    output_tokens: Quantity
    requests_per_s: Quantity

    @property
    def usd_per_request(self) -> Quantity:
        """Dollars a request: tokens read and tokens written, each at its price."""
        return self.input_usd * self.prompt_tokens + self.output_usd * self.output_tokens

    def usd_per_s(self, utilisation: Quantity) -> Quantity:
        """Dollars a second at a use of the hardware that it replaces."""
        return self.usd_per_request * self.requests_per_s * utilisation

    def usd(self, seconds: Quantity, utilisation: Quantity) -> Quantity:
        """Dollars paid after so many seconds."""
        return self.usd_per_s(utilisation) * seconds


Way = Owned | Rented | Called


def payback_s(owned: Owned, other: Rented | Called, utilisation: Quantity) -> Quantity:
    """Seconds until what was bought has cost no more than the other way; infinite where it never does.

    purchase / (the other's dollars a second - running). What has not paid back within its life never does: each later
    life begins with a purchase again, so the k-th crossing would lie at k times the first, always beyond the k-th life.
    """
    saved = other.usd_per_s(utilisation) - owned.running_usd_per_s(utilisation)
    with np.errstate(divide="ignore", invalid="ignore"):
        after = np.where(saved > 0, owned.purchase_usd / np.where(saved > 0, saved, 1.0), np.inf)
    found: Quantity = np.where(np.isnan(saved), np.nan, np.where(after <= owned.life_s, after, np.inf))[()]
    return found


def break_even_use(cheap_when_busy: Way, other: Way) -> Quantity:
    """The least use, 0 to 1, from which on the first way costs no more a second than the other; infinite where never.

    Both are straight lines over the use, with one kink where a reserved share is exceeded. What costs as much at one
    use alone, as two ways that cost nothing unused, is no break-even: the first must stay no dearer beyond it. Where
    only a part is reserved, renting may become the dearer again at a higher use. Unknown prices give UNKNOWN.
    """
    kinks = [way.reserved_share for way in (cheap_when_busy, other) if isinstance(way, Rented)]
    points = np.sort(np.stack(np.broadcast_arrays(0.0, *kinks, 1.0)), axis=0)
    return _least(points, lambda use: cheap_when_busy.usd_per_s(use) - other.usd_per_s(use))


def _least(points: NDArray[np.float64], dearer: Callable[[Quantity], Quantity]) -> Quantity:
    """The least point from which on a difference is not above zero; infinite where none, UNKNOWN where it is.

    It is a straight line between two points, so that its zero is exact: a + (b - a) f(a) / (f(a) - f(b)).
    """
    found: Quantity = np.inf
    for low, high in pairwise(points):
        before, after = dearer(low), dearer(high)
        holds = (low < high) & ((before < 0) | ((before == 0) & (after <= 0)))
        crosses = (low < high) & (before > 0) & ((after < 0) | ((after == 0) & (high == points[-1])))
        at = low + (high - low) * before / np.where(crosses, before - after, 1.0)
        found = np.where(np.isinf(found), np.where(holds, low, np.where(crosses, at, np.inf)), found)
    least: Quantity = np.where(np.isnan(dearer(points[0]) + dearer(points[-1])), np.nan, found)[()]
    return least


def cheapest_by_use(ways: Mapping[str, Way]) -> tuple[tuple[float, str], ...]:
    """(the use from which on it is, its name) of the cheapest way, in the order of use from 0 to 1; single prices.

    Every cost is a straight line between kinks, so that the cheapest changes only at a kink or where two lines cross.
    """
    kinks = {0.0, 1.0} | {float(way.reserved_share) for way in ways.values() if isinstance(way, Rented)}
    edges = sorted(kinks)
    points = set(edges)
    for low, high in pairwise(edges):
        for first, second in combinations(ways.values(), 2):
            before, after = (float(first.usd_per_s(use)) - float(second.usd_per_s(use)) for use in (low, high))
            if before * after < 0:
                points.add(low + (high - low) * before / (before - after))
    found: list[tuple[float, str]] = []
    for low, high in pairwise(sorted(points)):
        best = min(ways, key=lambda name: float(ways[name].usd_per_s((low + high) / 2)))
        if not found or found[-1][1] != best:
            found.append((low, best))
    return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One side of a split: how long an answer takes. `network_s`: there and back, before the first token."""

    network_s: Quantity
    first_token_s: Quantity
    token_s: Quantity
    output_tokens: Quantity

    @property
    def heard_s(self) -> Quantity:
        """Seconds from the request to its first token."""
        return self.network_s + self.first_token_s

    @property
    def answer_s(self) -> Quantity:
        """Seconds from the request to the last token of its answer."""
        return self.heard_s + self.token_s * (self.output_tokens - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """Requests divided between a small model near the user and a large one elsewhere.

    `share` goes to the near one first; `passed_on` of those it cannot answer well, so that the far one answers again.
    `near_usd_per_s` is paid for the near side whatever comes. `paid` is the way to pay for the far side, `use` that of
    its hardware if it answered all: what is bought or reserved is paid for however little is left to answer. With
    `copies`, of the model, as many whole ones are given up as the rest of the requests allows at the same use.
    """

    near: Side
    far: Side
    near_usd_per_s: Quantity
    paid: Way
    use: Quantity
    requests_per_s: Quantity
    share: Quantity
    passed_on: Quantity = 0.0
    copies: Quantity | None = None

    @property
    def far_share(self) -> Quantity:
        """Share of all requests that the far model answers."""
        return 1 - self.share + self.share * self.passed_on

    @property
    def far_copies(self) -> Quantity:
        """Copies of the far model that are kept: all, or those that its share of the requests needs, at least one."""
        if self.copies is None:
            return 1.0
        return np.maximum(np.ceil(self.copies * self.far_share * (1 - 1e-12)), 1.0)

    @property
    def far_usd_per_s(self) -> Quantity:
        """Dollars a second for the far side: of the hardware that is kept, at the use that its share makes of it."""
        kept = self.far_copies / (1.0 if self.copies is None else self.copies)
        return kept * self.paid.usd_per_s(self.use * self.far_share / kept)

    @property
    def usd_per_s(self) -> Quantity:
        """Dollars a second for both sides."""
        return self.near_usd_per_s + self.far_usd_per_s

    @property
    def usd_per_request(self) -> Quantity:
        """Mean dollars a request."""
        return self.usd_per_s / self.requests_per_s

    @property
    def heard_s(self) -> Quantity:
        """Mean seconds to the first token of the answer that counts; who is passed on has waited for the near one."""
        waited = self.share * (self.passed_on * self.near.answer_s + (1 - self.passed_on) * self.near.heard_s)
        return waited + self.far_share * self.far.heard_s

    @property
    def answer_s(self) -> Quantity:
        """Mean seconds to the last token of the answer that counts."""
        return self.share * self.near.answer_s + self.far_share * self.far.answer_s


def paying_share(split: Split) -> Quantity:
    """The least share answered near the user from which on the split costs no more than the far model alone.

    All of the far side's hardware is kept. Infinite where even all of it near the user would not pay: what is bought or
    reserved costs the same however little is left to answer. The costs are straight lines over the share, with one
    kink where what is left no longer exceeds a reserved part.
    """
    alone, kinks = split.paid.usd_per_s(split.use), []
    if isinstance(split.paid, Rented):
        falls = split.use * (1 - split.passed_on)
        spare = np.where(falls > 0, (split.use - split.paid.reserved_share) / np.where(falls > 0, falls, 1.0), 0.0)
        kinks = [np.clip(spare, 0.0, 1.0)]
    points = np.sort(np.stack(np.broadcast_arrays(0.0, *kinks, 1.0)), axis=0)
    return _least(points, lambda share: replace(split, share=share, copies=None).usd_per_s - alone)
