"""Which of what would do keeps its limits with every request in flight, and not for one request alone?

Limits are first tried on one prompt alone and on steps without prompts between: no request waits less with others in
flight (`serve`). So what a form promises alone is a bound, and the best that keeps its limits in flight is found in the
order of those promises: the search ends where no promise is better than what was found. All forms of a model are served
at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from calculators import Quantity
from calculators.estimate import Scenario
from calculators.formats import stack
from calculators.recommend.candidate import Candidate, candidate
from calculators.recommend.grid import Floats, Places, Truths, among
from calculators.recommend.limits import LAST, affordable, answer_s, request_s, token_cost, within
from calculators.recommend.records import GOALS, Budget, Need
from calculators.recommend.survey import Block, Survey
from calculators.recommend.table import Promise, Table
from calculators.serving import serve

MOST = 300  # forms that are tried


@dataclass(frozen=True, kw_only=True, slots=True)
class InFlight:
    """The best that keeps its limits in flight, None where none does; `whole`: whether every form was tried or ruled
    out."""

    candidate: Candidate | None
    whole: bool


def _keeps(need: Need, first_token_s: Quantity, token_s: Quantity, request_s: Quantity, batch: Quantity) -> Truths:
    """Whether the means in flight keep the limits on times and on the rate of requests; an unknown one breaks them."""
    limits = ((first_token_s, need.first_token_s), (token_s, need.token_s), (request_s, need.request_s))
    kept: Truths = np.asarray(np.ones(np.shape(request_s), dtype=bool))
    for figure, limit in limits:
        if limit < inf:
            kept = kept & (np.asarray(figure) <= limit)
    if need.requests_per_s:
        kept = kept & (need.requests_per_s * np.asarray(request_s) <= batch)
    return kept


def asked_in_flight(need: Need) -> bool:
    """Whether limits are to be kept in flight, and several requests can be."""
    several = need.requests_per_s or np.any(np.asarray(need.workload.batch) > 1)
    return bool(need.in_flight and several)


def steady(need: Need, budget: Budget, promises: Iterable[Promise], *, priced: bool) -> InFlight:
    """The best by the need's goal of what keeps every limit alone and in flight; `promises`: what would do alone, best
    first."""
    best: tuple[tuple[float, ...], Promise, int] | None = None  # its keys, itself alone and its cell
    flights: dict[int, _Flight] = {}  # by block
    whole, dearest = True, inf
    for tried, promise in enumerate(promises):
        if best is not None and promise.keys >= best[0]:
            break
        if tried == MOST:
            whole = False
            break
        table, block = promise.among.table, promise.block
        if id(block) not in flights:
            flights[id(block)] = _flight(promise.among.found, need, budget, block, dearest)
        form = _best_of(need, flights[id(block)], block, table, promise.row, priced=priced)
        if form is not None and (best is None or form[0] < best[0]):
            best = form[0], promise, form[1]
            if need.goal == GOALS[1]:
                dearest = float(block.cells.cost_usd[form[1]])
    if best is None:
        return InFlight(candidate=None, whole=whole)
    _, promise, cell = best
    place = int(promise.among.table.form[promise.row])
    return InFlight(candidate=candidate(promise.among.found, need, budget, promise.block, place, cell), whole=whole)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Flight:
    """What the forms R of a block get in flight on its deployments D that would do for one of them alone."""

    inside: Places  # of D among the block's
    kept: Truths  # whether the limits are kept alone and in flight, R x D
    answer_s: Floats  # R x D


def _flight(found: Survey, need: Need, budget: Budget, block: Block, dearest: float) -> _Flight:
    """Of deployments that cost no more than the `dearest`."""
    inside = affordable(need, budget, block)
    inside = inside[block.cells.cost_usd[block.places[inside]] <= dearest]
    alone = within(need, block, inside)
    some = np.flatnonzero(alone.any(axis=0))
    inside, alone = inside[some], alone[:, some]
    if not block.model.generates:
        return _Flight(inside=inside, kept=alone, answer_s=np.full(alone.shape, LAST))
    used, at = among(block.copy_at[inside], len(block.copies))
    cells = block.copies[used]
    served = serve(
        Scenario(
            model=block.model, weight_format=stack(block.weights), cache_format=stack(block.caches, axes=2),
            engine=block.engine, deployment=block.cells.deployment(found.fleet, cells),
            workload=replace(need.workload, batch=block.cells.batch[cells]),
        )
    )  # fmt: skip

    def of_forms(figure: Quantity) -> Floats:
        every = np.broadcast_to(figure, (len(block.caches), len(block.weights), len(cells)))
        return every.reshape(-1, len(cells)).take(at, axis=1)

    first, token, request = map(of_forms, (served.first_token_s, served.token_s, served.request_s))
    kept = alone & _keeps(need, first, token, request, block.cells.batch[block.places[inside]])
    return _Flight(inside=inside, kept=kept, answer_s=answer_s(need, first, token))


def _best_of(
    need: Need, flight: _Flight, block: Block, table: Table, row: int, *, priced: bool
) -> tuple[tuple[float, ...], int] | None:  # fmt: skip
    """(Keys, cell) of the best deployment of a row's form that keeps its limits in flight, None where none does."""
    form = table.form[row : row + 1]
    some = np.flatnonzero(flight.kept[form[0]])
    if not len(some):
        return None
    inside = flight.inside[some]
    places, seconds = block.places[inside], request_s(need, block, form)[0, block.copy_at[inside]]
    costs = token_cost(need, block.cells, places, seconds, priced=priced)
    own = replace(
        table.at(np.full(len(places), row)), cell=places, answer_s=flight.answer_s[form[0], some],
        cost_usd=block.cells.cost_usd[places], devices=block.cells.devices[places],
        token_cost=np.where(np.isnan(costs), inf, costs),
    )  # fmt: skip
    keys = own.keys(need.goal)
    first = np.lexsort(keys[::-1])[0]
    return tuple(float(column[first]) for column in keys), int(places[first])
