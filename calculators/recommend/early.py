"""Which models must be tried before it is sure what is best? Those that no bound rules out, the likeliest first.

What no form of a model beats is known without surveying it: its best score, and by physics what it costs and how soon
it answers at least. So models are tried in the order of these bounds, each once nothing that was found is better than
its bound, until no other could be the pick or what its reasons name. What is left out is only looked at to tell what
else there is.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from heapq import heappop, heappush
from math import inf, isfinite

from calculators.recommend.choice import Recommendation, choose
from calculators.recommend.floors import ceilings, floors
from calculators.recommend.in_flight import InFlight, asked_in_flight, steady
from calculators.recommend.records import GOALS, Budget, Need
from calculators.recommend.survey import Survey
from calculators.recommend.table import Candidates, Promise


def early(
    survey: Callable[[Collection[str]], Survey], need: Need, budget: Budget, *,
    also: Collection[str] = (), share: float = 1.0,
) -> Recommendation:  # fmt: skip
    """A recommendation of some of a catalog's models, with the pick that all of them would have.

    `survey` gives the survey of some models. Among the ranked and rejected ones is the best form of another model than
    the pick's that scores more; every form that scores more, where none of these would do; where the best score is
    looked for, every one that scores at least this `share` of the pick's; and every form of the models that are asked
    for `also`. Where nothing is sure before, all models are tried.
    """
    none = survey(())
    catalog, best, least = none.catalog, ceilings(none.catalog), floors(none, need, budget)
    tried: dict[str, Recommendation] = {}

    def ranked(name: str) -> Candidates:
        if name not in tried:
            tried[name] = choose(survey((name,)), need, budget)
        return tried[name].ranked

    def chosen(models: Collection[str], flight: InFlight | None) -> Recommendation:
        return choose(survey(models), need, budget, before=tried.values(), known_in_flight=flight)

    every, flight = promises(least, ranked), None
    if asked_in_flight(need):
        flight = steady(need, budget, every, priced=none.priced)
        pick = flight.candidate
    else:
        pick = next((promise.candidate for promise in every), None)
    if pick is None or not isfinite(pick.quality):
        return chosen(catalog.models, None)
    above = {name: floor for name, floor in least.items() if best[name] > pick.quality}
    above.pop(pick.scenario.model.name, None)
    more = any(promise.quality > pick.quality for promise in promises(above, ranked))
    sure = share * pick.quality if need.goal == GOALS[0] else inf
    others = {name for name, score in best.items() if score >= sure or (score > pick.quality and not more)}
    return chosen({*tried, *others, *also}, flight)


def promises(least: Mapping[str, tuple[float, ...]], ranked: Callable[[str], Candidates]) -> Iterator[Promise]:
    """What would do of models, by what it promises; each is tried before what its floor may be better than."""
    waiting: list[Promise] = []
    for name, floor in least.items():
        while waiting and waiting[0].keys[: len(floor)] < floor:
            yield heappop(waiting)
        for promise in ranked(name).promises():
            heappush(waiting, promise)
    while waiting:
        yield heappop(waiting)
