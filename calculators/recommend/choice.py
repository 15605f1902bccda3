"""Which of the surveyed combinations is best within the limits, and which of the others come near?"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from calculators.architecture import parameters
from calculators.estimate import Scenario
from calculators.recommend.candidate import Candidate, candidate
from calculators.recommend.front import front
from calculators.recommend.grid import Floats, Places, Truths, known
from calculators.recommend.in_flight import InFlight, asked_in_flight, steady
from calculators.recommend.limits import (
    LAST,
    affordable,
    answer_s,
    cycle_s,
    factors,
    fixed_overrun,
    model_overrun,
    overruns,
    request_s,
    token_cost,
    within,
)
from calculators.recommend.records import GOALS, Budget, Catalog, Need
from calculators.recommend.survey import NEAR, Block, Survey, survey
from calculators.recommend.table import Candidates, Table, joined, run_begins


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What would do, best first, and what would not, the nearest misses first.

    `front` are the combinations that nothing scored beats in cost, in time per token and in quality at once, cheapest
    first; cost is rent an hour, or the price of what is bought, where every device has one, else devices (`priced`).
    """

    found: Survey
    need: Need
    budget: Budget
    tables: tuple[Table, ...]  # of the blocks, one each
    ranked: Candidates
    rejected: Candidates
    considered: int
    priced: bool
    known_in_flight: InFlight | None = None

    @cached_property
    def in_flight(self) -> InFlight | None:
        """The best that keeps its limits in flight too, where that is asked for and several can be in flight.

        It is not searched for where it is known already.
        """
        if self.known_in_flight is not None or not (asked_in_flight(self.need) and len(self.ranked)):
            return self.known_in_flight
        return steady(self.need, self.budget, self.ranked.promises(), priced=self.priced)

    @cached_property
    def pick(self) -> Candidate | None:
        """The best of all that keeps its limits in flight, else alone; None where nothing will do."""
        if self.in_flight is not None and self.in_flight.candidate is not None:
            return self.in_flight.candidate
        return self.ranked[0] if len(self.ranked) else None

    @cached_property
    def front(self) -> Candidates:
        """The Pareto front of cost, latency and quality."""
        table = front(self.found, self.need, self.budget, priced=self.priced)
        return Candidates(self.found, self.need, self.budget, table, np.arange(len(table)))

    @cached_property
    def near_misses(self) -> Candidates:
        """Those of the rejected whose overrun is at most NEAR, the nearest first.

        Without those that another form of their own model beats, which would do: nobody misses them.
        """
        near = self.rejected.some(self.rejected.rows[self.rejected.column("overrun") <= NEAR])
        ours, theirs = near.figures(self.priced), self.ranked.figures(self.priced)
        beaten = np.zeros(len(near), dtype=bool)
        for model in np.unique(near.model):
            mine, other = near.model == model, self.ranked.model == model
            beaten[mine] = (theirs[other, None] <= ours[mine]).all(axis=-1).any(axis=0)
        return near.some(near.rows[~beaten])


def choose(
    found: Survey, need: Need, budget: Budget, progress: Callable[[float], None] | None = None, *,
    before: Iterable[Recommendation] = (), known_in_flight: InFlight | None = None,
) -> Recommendation:  # fmt: skip
    """The recommendation of a survey within limits: the need's limits and goal, the budget's money and power.

    The job, the devices and the vendors are those that were surveyed. `progress` is told the share of it that is done.
    What is known of it already is taken over: of some of its blocks from the recommendations `before`, and the best in
    flight. Raises ValueError for a goal that is none of GOALS.
    """
    if need.goal not in GOALS:
        raise ValueError(f"goal {need.goal!r} is not one of {', '.join(GOALS)}")
    priced = found.priced
    ready = {id(block): rows for each in before for block, rows in zip(each.found.blocks, each.tables, strict=True)}
    by_cells: dict[int, Floats] = {}
    tables = []
    for place, block in enumerate(found.blocks):
        if id(block.cells) not in by_cells:
            by_cells[id(block.cells)] = fixed_overrun(need, budget, block.cells, np.arange(len(block.cells)))
        fixed = by_cells[id(block.cells)]
        rows = ready.get(id(block))
        tables.append(_rows(found.catalog, need, block, fixed, priced=priced) if rows is None else rows)
        if progress is not None:
            progress((place + 1) / len(found.blocks))
    table = joined(tables)
    order = table.order(need.goal) if len(table) else np.zeros(0, dtype=np.intp)
    will = table.overrun[order] <= 1
    misses = order[~will]
    misses = misses[np.argsort(table.overrun[misses], kind="stable")]
    return Recommendation(
        found=found,
        need=need,
        budget=budget,
        tables=tuple(tables),
        ranked=Candidates(found, need, budget, table, order[will]),
        rejected=Candidates(found, need, budget, table, misses),
        considered=found.considered,
        priced=priced,
        known_in_flight=known_in_flight,
    )


def recommend(
    need: Need, budget: Budget, catalog: Catalog, progress: Callable[[float], None] | None = None
) -> Recommendation:  # fmt: skip
    """The best combination for a need within a budget, by the need's goal, with every alternative and rejection.

    Every model x weight format x cache format that its engine runs is tried on every deployment of the budget; its best
    deployment stands for it. Ties go to the cheaper, then the simpler deployment: fewer devices, the sooner whole
    answer, fewer stages, fewer copies. A model without a measured score is ranked behind those with one, never given a
    guess. Raises ValueError for a goal that is none of GOALS.
    """
    return choose(survey(need, budget, catalog, progress), need, budget)


def _rows(catalog: Catalog, need: Need, block: Block, fixed: Floats, *, priced: bool) -> Table:
    """The forms of one block, each with its best deployment or nearest miss; `fixed` as in `_deployment`."""
    cell, over, asked, best = _deployment(need, block, fixed, priced=priced)
    cache, weights = block.place(np.arange(len(cell)))
    token, answer, request = (np.full(len(cell), unknown) for unknown in (np.nan, LAST, np.nan))
    first, token[asked] = block.times(asked, block.copy_at[best])
    answer[asked] = answer_s(need, first, token[asked])
    request[asked] = cycle_s(need, block.cells, block.engine, cell[asked], first, token[asked])
    names = [(block.model.name, fmt.name) for fmt in block.weights]
    scores = np.array([catalog.score(*name) for name in names])
    return Table(
        block=np.zeros(len(cell), dtype=np.intp),
        form=np.arange(len(cell)),
        cell=cell,
        token_s=token,
        answer_s=answer,
        overrun=over * model_overrun(need, catalog, block)[weights],
        quality=scores[weights],
        bits=np.array([fmt.bits_per_value for fmt in block.weights])[weights],
        cache_bits=np.array([fmt.bits_per_value for fmt in block.caches])[cache],
        size=np.full(len(cell), float(parameters(block.model))),
        converted=np.array([catalog.converted(*name) for name in names])[weights],
        cost_usd=block.cells.cost_usd[cell],
        token_cost=known(token_cost(need, block.cells, cell, request, priced=priced)),
        devices=block.cells.devices[cell],
    )


def _deployment(
    need: Need, block: Block, fixed: Floats, *, priced: bool
) -> tuple[Places, Floats, Places, Places]:  # fmt: skip
    """The deployment that stands for each form: its best, its nearest miss, or where it takes the least memory.

    (Its cell, R; its overrun, R; the forms that come near to fitting; the places in D of theirs.) `fixed`: the overrun
    of the limits on the devices alone, of every cell.
    """
    cell, inside = block.least_cell.copy(), np.flatnonzero(fixed[block.places] <= 1)
    over = factors(block.least_memory) * fixed[cell]
    best, will = np.zeros(len(cell), dtype=np.intp), np.zeros(len(cell), dtype=bool)
    if len(inside):
        fine = within(need, block, inside)
        will = np.asarray(fine.any(axis=-1))
        best[will] = inside[_best(need, block, fine, inside, np.flatnonzero(will), priced=priced)]
        over[will] = 1.0
    near = block.least_memory <= NEAR
    misses = np.flatnonzero(near & ~will)
    if len(misses):
        worst = overruns(need, block, fixed[block.places], misses)
        best[misses] = worst.argmin(axis=-1)
        over[misses] = worst[np.arange(len(misses)), best[misses]]
    asked = np.flatnonzero(near)
    cell[asked] = block.places[best[asked]]
    return cell, over, asked, best[asked]


def _best(need: Need, block: Block, fine: Truths, inside: Places, some: Places, *, priced: bool) -> Places:
    """The place among those `inside` of the best deployment that is fine of each of some forms, which have one.

    Cells come the cheapest and simplest first, so that the first of equals is it.
    """
    cells, at, fine = block.places[inside], block.copy_at[inside], fine[some]
    if need.goal == GOALS[2]:
        answers = answer_s(need, block.first_token_s(some), block.token_s(some))
        return np.asarray(np.where(fine, answers.take(at, axis=1), inf).argmin(axis=-1))
    if need.goal == GOALS[3] and not need.requests_per_s:
        request = request_s(need, block, some).take(at, axis=1)
        costs = token_cost(need, block.cells, cells, request, priced=priced)
        return np.asarray(np.where(fine, np.where(np.isfinite(costs), costs, LAST), inf).argmin(axis=-1))
    run, first = block.cells.run[cells], fine.argmax(axis=-1)
    lengths = np.searchsorted(run, run[first], side="right") - first  # of each form's cells that cost as much
    row, begins = np.repeat(np.arange(len(some)), lengths), np.cumsum(lengths) - lengths
    place = np.arange(len(row)) + np.repeat(first - begins, lengths)
    answers = np.where(fine[row, place], answer_s(need, *block.times(some[row], at[place])), inf)
    found: Places = place[np.lexsort((answers, row))[begins]]
    return found


def deployments(found: Recommendation, form: Scenario) -> Iterator[Candidate]:
    """The deployments with which a form would do, the cheapest first; of each cost and count of devices one.

    That is the one with the soonest whole answer, or where a rate of requests is given, that answers the most.
    """
    need, budget, catalog = found.need, found.budget, found.found.catalog
    for block in found.found.blocks:
        some = forms(block, form)
        inside = affordable(need, budget, block)
        if not len(some) or not len(inside) or not asked_for(need, catalog, block)[some].all():
            continue
        cells, at = block.places[inside], block.copy_at[inside]
        if need.requests_per_s:
            worth = request_s(need, block, some)[0, at] / block.cells.batch[cells]
        else:
            worth = answer_s(need, *block.times(some, at))
        worth = np.where(within(need, block, inside, some)[0], worth, inf)
        begins = run_begins(block.cells.cost_usd[cells], block.cells.devices[cells])
        for begin, end in zip(begins, [*begins[1:], len(worth)], strict=True):
            place = begin + int(worth[begin:end].argmin())
            if worth[place] < inf:
                yield candidate(found.found, need, budget, block, int(some[0]), int(cells[place]))


def forms(block: Block, form: Scenario) -> Places:
    """The place of a form among those of a block, none where it is not the block's."""
    if block.model != form.model or form.weight_format not in block.weights or form.cache_format not in block.caches:
        return np.zeros(0, dtype=np.intp)
    cache, weights = block.caches.index(form.cache_format), block.weights.index(form.weight_format)
    return np.array([cache * len(block.weights) + weights])


def asked_for(need: Need, catalog: Catalog, block: Block) -> Truths:
    """Whether forms have the score and the context asked for, R."""
    return np.tile(model_overrun(need, catalog, block) <= 1, len(block.caches))
