"""Which models must be tried before it is sure what is best? Those that no bound rules out, the likeliest first.

What no form of a model beats is known without surveying it: its best score, and by physics what it costs and how soon
it answers at least. So models are tried in the order of these bounds, each once nothing that was found is better than
its bound, until no other could be the pick or what its reasons name. What is left out is only looked at to tell what
else there is.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from heapq import heappop, heappush
from math import inf, isfinite

from calculators.recommend.candidate import Candidate
from calculators.recommend.choice import Recommendation, choose
from calculators.recommend.floors import ceilings, floors
from calculators.recommend.in_flight import InFlight, asked_in_flight, steady
from calculators.recommend.records import GOALS, Budget, Need
from calculators.recommend.survey import Survey
from calculators.recommend.table import Candidates, Promise

Surveys = Callable[[Collection[str]], Survey]  # the survey of some models


def early(
    survey: Surveys, need: Need, budget: Budget, *,
    cheap: Surveys | None = None, also: Collection[str] = (), share: float = 1.0,
) -> Recommendation:  # fmt: skip
    """A recommendation of some of a catalog's models, with the pick that all of them would have.

    Among the ranked and rejected ones is the best form of another model than the pick's that scores more; every form
    that scores more, where none of these would do; where the best score is looked for, every one that scores at least
    this `share` of the pick's; and every form of the models that are asked for `also`. Where nothing is sure before,
    all models are tried. `cheap` is the survey on the cheapest deployments alone: what is found there costs the least.
    """
    every = (cheap, survey) if cheap is not None and need.goal == GOALS[1] else (survey,)
    searches = [_Search(each, need, budget) for each in every]
    whole, best = searches[-1], searches[-1].best
    found = next((each for each in searches if each.pick is not None), whole)
    pick = found.pick
    if pick is None:
        return whole.chosen(best, None)
    above = (each.above(pick) for each in searches[searches.index(found) :])
    more = next(filter(None, above), None)
    sure = share * pick.quality if need.goal == GOALS[0] else inf
    others = {more} if more else {name for name, score in best.items() if score > pick.quality}
    others |= {name for name, score in best.items() if score >= sure}
    return whole.chosen({pick.scenario.model.name, *others, *also}, found.flight)


class _Search:
    """Models tried in the order of their floors, until no other could be the pick."""

    def __init__(self, survey: Surveys, need: Need, budget: Budget) -> None:
        none = survey(())
        self.survey, self.need, self.budget, self.none = survey, need, budget, none
        self.tried: dict[str, Recommendation] = {}
        self.best = ceilings(none.catalog)

    @cached_property
    def least(self) -> dict[str, tuple[float, ...]]:
        """The floors of the models."""
        return floors(self.none, self.need, self.budget)

    @cached_property
    def flight(self) -> InFlight | None:
        """The best in flight, None where that is not asked for."""
        if not asked_in_flight(self.need):
            return None
        return steady(self.need, self.budget, promises(self.least, self.ranked), priced=self.none.priced)

    @cached_property
    def pick(self) -> Candidate | None:
        """The best, None where nothing scored would do."""
        if self.flight is None:
            found = next((promise.candidate for promise in promises(self.least, self.ranked)), None)
        else:
            found = self.flight.candidate
        return found if found is not None and isfinite(found.quality) else None

    def above(self, pick: Candidate) -> str | None:
        """The best model that scores more than the pick, None where none that would do does."""
        some = {name: floor for name, floor in self.least.items() if self.best[name] > pick.quality}
        some.pop(pick.scenario.model.name, None)
        better = (each for each in promises(some, self.ranked) if each.quality > pick.quality)
        return next((each.block.model.name for each in better), None)

    def ranked(self, name: str) -> Candidates:
        """What would do of a model."""
        if name not in self.tried:
            self.tried[name] = choose(self.survey((name,)), self.need, self.budget)
        return self.tried[name].ranked

    def chosen(self, models: Collection[str], flight: InFlight | None) -> Recommendation:
        """The recommendation of some models."""
        return choose(
            self.survey(models), self.need, self.budget, before=self.tried.values(), known_in_flight=flight
        )  # fmt: skip


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
