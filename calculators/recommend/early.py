"""Which models must be tried before it is sure what is best? Those whose score could still make them so.

No form of a model scores more than its best one. So where the best score is looked for, no model with a lower one than
what was found changes the pick; under every other goal none does that has not the score asked for, or none at all. What
is left out is only looked at to tell what else there is.
"""

from collections.abc import Callable, Collection
from math import inf, isfinite

from calculators.recommend.choice import Recommendation, choose
from calculators.recommend.records import GOALS, Budget, Catalog, Need
from calculators.recommend.survey import Survey


def ceilings(catalog: Catalog) -> dict[str, float]:
    """The best score of each model among its forms, -inf for one without, the highest first."""
    best = {
        name: max(
            (score for fmt in catalog.weight_formats if isfinite(score := catalog.score(name, fmt))), default=-inf
        )
        for name in catalog.models
    }
    return dict(sorted(best.items(), key=lambda item: -item[1]))


def early(
    survey: Callable[[Collection[str]], Survey], need: Need, budget: Budget, catalog: Catalog, *,
    also: Collection[str] = (), share: float = 1.0, first: int = 4,
) -> Recommendation:  # fmt: skip
    """A recommendation of some of the catalog's models, with the pick that all of them would have.

    `survey` gives the survey of some models. Every form that scores at least this `share` of the pick's score is among
    its ranked and rejected ones where the best score is looked for, else every one with at least the pick's score; and
    every form of the models that are asked for `also`. Of a best score so many models are tried `first`; where nothing
    is sure before, all are.
    """
    best = ceilings(catalog)
    count = first if need.goal == GOALS[0] else sum(score >= need.quality for score in best.values())
    while True:
        found = choose(survey({*list(best)[:count], *also}), need, budget)
        least = _least(found, share)
        needed = sum(score >= least for score in best.values())
        if needed <= count:
            return found
        count = needed if least > -inf else max(4 * count, first)


def _least(found: Recommendation, share: float) -> float:
    """The score below which no model is looked at: that of the pick, or a share of it; none where nothing is sure."""
    pick = found.pick
    if pick is None or not isfinite(pick.quality) or (found.in_flight and found.in_flight.candidate is None):
        return -inf
    return share * pick.quality if found.need.goal == GOALS[0] else found.need.quality
