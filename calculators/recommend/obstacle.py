"""Where nothing would do: which limits stand in the way, as few as can be, and what would do without them?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import inf

from calculators.recommend.candidate import Candidate, shares_of
from calculators.recommend.choice import Asked, Recommendation, choose, nearest
from calculators.recommend.records import Budget, Need

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
TOGETHER = 2  # limits that are given up at once at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """The limits in the way, by name, and the candidate that breaks these alone and by the least."""

    limits: tuple[str, ...]
    candidate: Candidate


def obstacles(found: Recommendation) -> tuple[Obstacle, ...]:
    """What stands in the way of a recommendation without a pick, the least broken first; any one given up is enough.

    Each is one limit, or two where no one limit is; none where giving up two does not help.
    """
    asked = (found.need, found.budget)
    active = [name for name, without in WITHOUT.items() if without(*asked) != asked]
    for count in range(1, TOGETHER + 1):
        ways = [way for names in combinations(active, count) if (way := _without(found, names)) is not None]
        if ways:
            return tuple(sorted(ways, key=lambda way: way.candidate.overrun))
    return ()


def _without(found: Recommendation, names: tuple[str, ...]) -> Obstacle | None:
    need, budget = found.need, found.budget
    for name in names:
        need, budget = WITHOUT[name](need, budget)
    pick = choose(found.found, need, budget).pick
    if pick is None:
        return None
    item = nearest(found.found, (found.need, found.budget), (need, budget))
    if item is None or not item.known:
        shares = shares_of(pick.scenario, pick.estimate, pick.quality, found.need, found.budget, found.found.catalog)
        item = replace(pick, shares=shares)
    return Obstacle(limits=tuple(item.broken), candidate=item)
