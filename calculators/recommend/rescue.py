"""What is the least change with which a candidate that just failed would do? One change, which its engine can run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, floor

from calculators.estimate import largest_batch
from calculators.recommend.candidate import Candidate
from calculators.recommend.choice import Recommendation, recommend
from calculators.recommend.limits import limits_of
from calculators.recommend.obstacle import nearest
from calculators.recommend.records import GOALS, Budget, Catalog, Need

MORE_DEVICES = 4  # times those of the budget that are tried
# Each limit that may be moved, by its name, with what a candidate takes of it in words, rounded to what is enough.
MOVED: Mapping[str, Callable[[float], str]] = {
    "first token": lambda seconds: f"{ceil(1e3 * seconds):,} ms allowed for the first token",
    "time per token": lambda seconds: f"{ceil(1e4 * seconds) / 10:,} ms allowed for each further token",
    "time of a request": lambda seconds: f"{ceil(10 * seconds) / 10:,} s allowed for a request",
    "rent": lambda usd: f"${ceil(100 * usd - 1e-6) / 100:,.2f} an hour allowed",
    "price": lambda usd: f"${ceil(usd - 1e-6):,} allowed",
    "power": lambda watts: f"{ceil(10 * watts - 1e-6) / 10:,g} W allowed for the devices",
    "devices": lambda count: f"{round(count):,} devices allowed",
    "rack units": lambda count: f"{round(count):,} rack units allowed",
    "server power": lambda watts: f"{ceil(watts - 1e-6):,} W allowed from the wall",
    "requests a second": lambda rate: f"{floor(100 * rate) / 100:,g} requests a second asked for",
    "score": lambda score: f"a score of {floor(10 * score) / 10:g} asked for",
}
LEAST = ("requests a second", "score")  # limits on what is there at least


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescue:
    """A change in words, and the combination that then does."""

    words: str
    candidate: Candidate


def rescue(found: Recommendation, item: Candidate) -> Rescue | None:
    """The cheapest change that lets a rejected candidate do, None where no single one does.

    In the order of what it costs: a narrower cache, other weights of the same model, the one limit that it breaks
    moved, the requests at once that its memory holds where that is half of them or more, more devices of the kinds that
    the budget has, one limit moved so far that another deployment of it does.
    """
    given, broken = item.scenario, item.broken
    does = found.ranked.of(given.model.name)
    for other in does:
        if other.scenario.weight_format == given.weight_format:
            return Rescue(words=f"{_article(other.scenario.cache_format.name)} cache", candidate=other)
    if does:
        return Rescue(words=f"{does[0].scenario.weight_format.name} weights", candidate=does[0])
    moved = _moved(found, item) or (_fewer_requests(found, item) if tuple(broken) == ("memory",) else None)
    return moved or _more_devices(found, item) or _farther(found, item)


def _moved(found: Recommendation, item: Candidate) -> Rescue | None:
    """The candidate as it is with the one limit that it breaks moved to what it takes."""
    broken = item.broken
    if len(broken) != 1 or not broken.keys() <= MOVED.keys() or not item.known:
        return None
    ((name, share),) = broken.items()
    limit = limits_of(found.need, found.budget)[name]
    words = MOVED[name](limit / share if name in LEAST else limit * share)
    return Rescue(words=words, candidate=replace(item, shares={**item.shares, name: 1.0}))


def _fewer_requests(found: Recommendation, item: Candidate) -> Rescue | None:
    """The candidate with as many requests at once as its memory holds."""
    load = int(item.scenario.workload.batch)
    fewer = 0 if found.need.requests_per_s else largest_batch(item.scenario, limit=load)
    if 2 * fewer < load:
        return None
    asked = replace(found.need, workload=replace(found.need.workload, batch=fewer))
    does = _cheapest(item, asked, found.budget, found.found.catalog)
    words = f"{fewer:,} {'request' if fewer == 1 else 'requests'} at once"
    return Rescue(words=words, candidate=does) if does else None


def _more_devices(found: Recommendation, item: Candidate) -> Rescue | None:
    """The fewest more of the devices that the budget counts."""
    owned = found.budget.devices
    more = replace(found.budget, devices={name: count * MORE_DEVICES for name, count in owned.items()})
    does = _cheapest(item, found.need, more, found.found.catalog)
    if does is None:
        return None
    card = str(does.scenario.deployment.accelerator.name)
    return Rescue(words=f"{does.devices - owned[card]:,} more of {card}", candidate=does)


def _farther(found: Recommendation, item: Candidate) -> Rescue | None:
    """Another deployment of the same form with the one limit that it breaks moved to what it takes, the least over."""
    ways = [way for limits, way in nearest(found, item.scenario).items() if MOVED.keys() >= set(limits)]
    return _moved(found, min(ways, key=lambda way: way.overrun)) if ways else None


def _cheapest(item: Candidate, need: Need, budget: Budget, catalog: Catalog) -> Candidate | None:
    """The cheapest deployment of a candidate's form that would do."""
    given = item.scenario
    alone = replace(
        catalog,
        models={given.model.name: given.model},
        weight_formats={given.weight_format.name: given.weight_format},
        cache_formats={given.cache_format.name: given.cache_format},
    )
    return recommend(replace(need, goal=GOALS[1]), budget, alone).pick


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "FI" else f"a {name}"
