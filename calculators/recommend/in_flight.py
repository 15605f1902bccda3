"""Which of what would do keeps its limits with every request in flight, and not for one request alone?

Limits are first tried on one prompt alone and on steps without prompts between: no request waits less with others in
flight (`serve`). So what a form promises alone is a bound, and the best that keeps its limits in flight is found in the
order of those promises: the search ends where no promise is better than what was found.
"""

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from calculators.estimate import Scenario
from calculators.recommend.candidate import Candidate, candidate
from calculators.recommend.grid import Places, Truths
from calculators.recommend.limits import LAST, affordable, answer_s, request_s, token_cost, within
from calculators.recommend.records import Budget, Need
from calculators.recommend.survey import Survey
from calculators.recommend.table import Table
from calculators.serving import Served, serve

MOST = 300  # forms that are tried


@dataclass(frozen=True, kw_only=True, slots=True)
class InFlight:
    """The best that keeps its limits in flight, None where none does; `whole`: whether every form was tried or ruled
    out."""

    candidate: Candidate | None
    whole: bool


def keeps(need: Need, found: Served, batch: float | Places) -> Truths:
    """Whether the means in flight keep the limits on times and on the rate of requests; an unknown one breaks them."""
    limits = (
        (found.first_token_s, need.first_token_s), (found.token_s, need.token_s), (found.request_s, need.request_s),
    )  # fmt: skip
    kept: Truths = np.asarray(np.ones(np.shape(found.request_s), dtype=bool))
    for figure, limit in limits:
        if limit < inf:
            kept = kept & (np.asarray(figure) <= limit)
    if need.requests_per_s:
        kept = kept & (need.requests_per_s * np.asarray(found.request_s) <= batch)
    return kept


def steady(found: Survey, need: Need, budget: Budget, table: Table, ranked: Places, *, priced: bool) -> InFlight:
    """The best by the need's goal of what keeps every limit alone and in flight; `ranked` are rows that would do alone,
    best first."""
    keys = table.keys(need.goal)
    best: tuple[tuple[float, ...], int, int] | None = None  # its keys, row and cell
    whole = True
    for tried, row in enumerate(ranked):
        promise = tuple(float(key[row]) for key in keys)
        if best is not None and promise >= best[0]:
            break
        if tried == MOST:
            whole = False
            break
        form = _best_of(found, need, budget, table, int(row), priced=priced)
        if form is not None and (best is None or form[0] < best[0]):
            best = form[0], int(row), form[1]
    if best is None:
        return InFlight(candidate=None, whole=whole)
    _, row, cell = best
    block = found.blocks[table.block[row]]
    return InFlight(candidate=candidate(found, need, budget, block, int(table.form[row]), cell), whole=whole)


def _best_of(
    found: Survey, need: Need, budget: Budget, table: Table, row: int, *, priced: bool
) -> tuple[tuple[float, ...], int] | None:  # fmt: skip
    """(Keys, cell) of the best deployment of a row's form that keeps its limits in flight, None where none does."""
    block, form = found.blocks[table.block[row]], table.form[row : row + 1]
    cache, weights = (int(place[0]) for place in block.place(form))
    inside = affordable(need, budget, block)
    inside = inside[within(need, block, inside, form)[0]]
    places = block.places[inside]
    cells = block.cells.at(places)
    given = Scenario(
        model=block.model, weight_format=block.weights[weights], cache_format=block.caches[cache], engine=block.engine,
        deployment=block.cells.deployment(found.fleet, places), workload=replace(need.workload, batch=cells.batch),
    )  # fmt: skip
    if block.model.generates:
        served = serve(given)
        kept = keeps(need, served, cells.batch)
        answers = answer_s(need, np.asarray(served.first_token_s), np.asarray(served.token_s))
    else:
        kept = np.ones(len(places), dtype=bool)
        answers = np.full(len(places), LAST)
    if not kept.any():
        return None
    seconds = request_s(need, block, form)[0, block.copy_at[inside]]
    costs = token_cost(need, block.cells, places, seconds, priced=priced)
    own = replace(
        table.at(np.full(len(places), row)), cell=places, answer_s=answers, cost_usd=cells.cost_usd,
        devices=cells.devices, token_cost=np.where(np.isnan(costs), inf, costs),
    )  # fmt: skip
    keys = own.keys(need.goal)
    some = np.flatnonzero(kept)
    first = some[np.lexsort(tuple(key[some] for key in keys[::-1]))[0]]
    key = tuple(float(column[first]) for column in keys)
    return key, int(places[first])
