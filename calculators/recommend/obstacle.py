"""Where nothing would do: which limits stand in the way, as few as can be, and what would do without them?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import inf, prod

import numpy as np

from calculators.estimate import Scenario
from calculators.recommend.candidate import Candidate, candidate, shares_of
from calculators.recommend.choice import Recommendation, asked_for, choose, forms
from calculators.recommend.limits import affordable, factors, shares_by_limit, within
from calculators.recommend.records import Budget, Need
from calculators.recommend.survey import Block

Asked = tuple[Need, Budget]
LEAST_RATE = 1e-9  # requests a second: as good as none, yet still a stream
ANY_PRICE_USD = 1e300  # as good as no limit, yet still a purchase

# Each limit by its name, and what is asked without it.
WITHOUT: Mapping[str, Callable[[Need, Budget], Asked]] = {
    "power": lambda need, budget: (replace(need, power_w=inf), replace(budget, power_w=inf)),
    "first token": lambda need, budget: (replace(need, first_token_s=inf), budget),
    "time per token": lambda need, budget: (replace(need, token_s=inf), budget),
    "time of a request": lambda need, budget: (replace(need, request_s=inf), budget),
    "requests a second": lambda need, budget: (
        replace(need, requests_per_s=min(need.requests_per_s, LEAST_RATE)),
        budget,
    ),
    "rent": lambda need, budget: (need, replace(budget, usd_per_hour=inf, usd_per_month=inf)),
    "price": lambda need, budget: (need, replace(budget, usd_to_buy=max(ANY_PRICE_USD, budget.usd_to_buy))),
    "devices": lambda need, budget: (need, replace(budget, most_devices=inf)),
    "rack units": lambda need, budget: (need, replace(budget, rack_units=inf)),
    "server power": lambda need, budget: (need, replace(budget, server_power_w=inf)),
    "score": lambda need, budget: (replace(need, quality=0.0), budget),
    "context": lambda need, budget: (replace(need, context_tokens=0), budget),
}
BITS = {name: 1 << place for place, name in enumerate(WITHOUT)}  # several limits are the sum of theirs
TOGETHER = 2  # limits that are given up at once at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """The limits in the way, by name, and the candidate that breaks these alone and by the least."""

    limits: tuple[str, ...]
    candidate: Candidate


def obstacles(found: Recommendation) -> tuple[Obstacle, ...]:
    """What stands in the way of a recommendation without a pick, the least broken first; any one given up is enough.

    Each is one limit, or two where no one limit is; none where giving up two does not help, or where something will do.
    """
    if found.ranked:
        return ()
    ways = [_obstacle(found, limits, item) for limits, item in nearest(found).items()]
    return tuple(sorted(ways, key=lambda way: way.candidate.overrun))


def _obstacle(found: Recommendation, limits: Iterable[str], item: Candidate) -> Obstacle:
    """Where it is unknown how far the nearest goes over the limits, the best without them stands for it."""
    asked, catalog = (found.need, found.budget), found.found.catalog
    pick = None if item.known else choose(found.found, *_without(limits, *asked)).pick
    if pick is not None:
        item = replace(pick, shares=shares_of(pick.scenario, pick.estimate, pick.quality, *asked, catalog))
    return Obstacle(limits=tuple(item.broken), candidate=item)


def nearest(found: Recommendation, form: Scenario | None = None) -> dict[tuple[str, ...], Candidate]:
    """What goes least over its limits, by the limits that it breaks: as few as any breaks, and TOGETHER at most.

    Of a recommendation without a pick, or of one form that would not do. What breaks a limit even where that is given
    up, as memory, is none.
    """
    need, budget, catalog = found.need, found.budget, found.found.catalog
    free = _without(WITHOUT, need, budget)
    fewest = TOGETHER
    least: dict[int, tuple[float, tuple[Block, int, int]]] = {}  # by the bits of the limits broken: overrun, place
    for block in found.found.blocks:
        some = np.flatnonzero(block.fits.any(axis=-1)) if form is None else forms(block, form)
        some = some[asked_for(free[0], catalog, block)[some]]
        inside = affordable(*free, block)
        if not len(some) or not len(inside):
            continue
        fine = within(free[0], block, inside, some)
        shares = shares_by_limit(need, budget, catalog, block, inside, some)
        broken = np.zeros(fine.shape, dtype=np.uint16)
        for name, share in shares.items():
            broken |= ~(share <= 1) * np.uint16(BITS[name])
        count = np.where(fine, np.bitwise_count(broken), TOGETHER + 1)
        if count.min() > fewest:
            continue
        fewest = int(count.min())
        few = count == fewest
        row, place = np.nonzero(few)
        over = prod(factors(np.broadcast_to(share, few.shape)[few]) for share in shares.values())
        for bits in np.unique(broken[few]).tolist():
            worst = np.where(broken[few] == bits, over, inf)
            at = int(worst.argmin())
            if bits not in least or worst[at] < least[bits][0]:
                least[bits] = float(worst[at]), (block, int(some[row[at]]), int(block.places[inside[place[at]]]))
    ways = {limits: least.get(sum(BITS[name] for name in limits)) for limits in combinations(WITHOUT, fewest)}
    return {limits: candidate(found.found, need, budget, *way[1]) for limits, way in ways.items() if way is not None}


def _without(limits: Iterable[str], need: Need, budget: Budget) -> Asked:
    """What is asked without some of the limits."""
    for name in limits:
        need, budget = WITHOUT[name](need, budget)
    return need, budget
