"""What is the least change with which a candidate that just failed would do? One change, which its engine can run."""

from dataclasses import dataclass, replace
from math import inf

from calculators.recommend.choice import Candidate, Recommendation, fixed_limits, recommend, shares_of
from calculators.recommend.records import GOALS, Budget, Catalog, Need

MORE_DEVICES = 4  # times those of the budget that are tried
# What a candidate takes of a limit on money or room, in words.
TAKES = {
    "rent": "${:,.2f} an hour allowed", "price": "${:,.0f} allowed", "power": "{:,g} W allowed for the devices",
    "devices": "{:,.0f} devices allowed", "rack units": "{:,.0f} rack units allowed",
    "server power": "{:,g} W allowed from the wall",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescue:
    """A change in words, and the combination that then does."""

    words: str
    candidate: Candidate


def rescue(found: Recommendation, item: Candidate) -> Rescue | None:
    """The cheapest change that lets a rejected candidate do, None where no single one does.

    In the order of what is given up: a narrower cache, other weights of the same model, half the requests at once,
    more devices of the same kind than the budget has, a higher limit.
    """
    given, catalog = item.scenario, found.found.catalog
    for other in found.ranked.of(given.model.name).forms:
        if other.scenario.weight_format == given.weight_format:
            return Rescue(words=f"{_article(other.scenario.cache_format.name)} cache", candidate=other)
        return Rescue(words=f"{other.scenario.weight_format.name} weights", candidate=other)
    alone = replace(
        catalog,
        models={given.model.name: given.model},
        weight_formats={given.weight_format.name: given.weight_format},
    )
    need, budget = found.need, found.budget
    load = int(need.workload.batch)
    if load > 1 and not need.requests_per_s:
        fewer = replace(need, workload=replace(need.workload, batch=load // 2))
        does = _pick(fewer, budget, alone)
        if does is not None:
            return Rescue(words=f"{load // 2:,} requests at once", candidate=does)
    more = replace(budget, devices={name: count * MORE_DEVICES for name, count in budget.devices.items()})
    does = _pick(need, more, alone)
    if does is not None:
        card = str(does.scenario.deployment.accelerator.name)
        extra = does.devices - budget.devices[card]
        return Rescue(
            words=f"{extra:,} more of {card}" if extra > 0 else f"on {does.devices:,} devices", candidate=does
        )
    return _allowed(found, item) or _raised(need, budget, alone)


def _pick(need: Need, budget: Budget, catalog: Catalog) -> Candidate | None:
    return recommend(replace(need, goal=GOALS[1]), budget, catalog).pick


def _allowed(found: Recommendation, item: Candidate) -> Rescue | None:
    """The candidate as it is with the one limit on money or room that it breaks raised to what it takes."""
    need, budget = found.need, found.budget
    shares = shares_of(item.scenario, item.estimate, item.quality, need, budget, found.found.catalog)
    broken = [name for name, share in shares.items() if not share <= 1]
    if len(broken) != 1 or broken[0] not in TAKES or shares[broken[0]] == inf:
        return None
    (name,) = broken
    words = TAKES[name].format(shares[name] * fixed_limits(need, budget)[name][1])
    return Rescue(words=words, candidate=replace(item, limits=(), overrun=1.0))


def _raised(need: Need, budget: Budget, catalog: Catalog) -> Rescue | None:
    """The candidate with the one of its time limits that it breaks given up, and what it then takes."""
    for name, field in (("first token", "first_token_s"), ("further token", "token_s"), ("request", "request_s")):
        if getattr(need, field) < inf:
            does = _pick(replace(need, **{field: inf}), budget, catalog)  # type: ignore[arg-type]
            if does is not None:
                seconds = float(getattr(does.estimate, field))
                return Rescue(words=f"{seconds * 1e3:,.0f} ms allowed for each {name}", candidate=does)
    return None


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "FI" else f"a {name}"
