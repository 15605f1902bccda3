"""Which of the surveyed combinations is best within the limits, and which of the others come near?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators.architecture import parameters
from calculators.estimate import Scenario
from calculators.recommend.candidate import Candidate, candidate
from calculators.recommend.front import front
from calculators.recommend.in_flight import InFlight, steady
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
from calculators.recommend.survey import NEAR, Block, Places, Survey, Truths, known, survey
from calculators.recommend.table import Candidates, Table, run_begins


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What would do, best first, and what would not, the nearest misses first.

    `front` are the combinations that nothing scored beats in cost, in time per token and in quality at once, cheapest
    first; cost is rent an hour, or the price of what is bought, where every device has one, else devices (`priced`).
    """

    found: Survey
    need: Need
    budget: Budget
    ranked: Candidates
    rejected: Candidates
    considered: int
    priced: bool

    @cached_property
    def in_flight(self) -> InFlight | None:
        """The best that keeps its limits in flight too, where that is asked for and several can be in flight."""
        several = self.need.requests_per_s or np.any(np.asarray(self.need.workload.batch) > 1)
        if not (self.need.in_flight and several and len(self.ranked)):
            return None
        table, rows = self.ranked.table, self.ranked.rows
        return steady(self.found, self.need, self.budget, table, rows, priced=self.priced)

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


def choose(found: Survey, need: Need, budget: Budget) -> Recommendation:
    """The recommendation of a survey within limits: the need's limits and goal, the budget's money and power.

    The job, the devices and the vendors are those that were surveyed. Raises ValueError for a goal that is none of
    GOALS.
    """
    if need.goal not in GOALS:
        raise ValueError(f"goal {need.goal!r} is not one of {', '.join(GOALS)}")
    priced = _priced(found)
    table = _table(found, need, budget, priced=priced)
    order = table.order(need.goal) if len(table) else np.zeros(0, dtype=np.intp)
    will = table.overrun[order] <= 1
    misses = order[~will]
    misses = misses[np.argsort(table.overrun[misses], kind="stable")]
    return Recommendation(
        found=found,
        need=need,
        budget=budget,
        ranked=Candidates(found, need, budget, table, order[will]),
        rejected=Candidates(found, need, budget, table, misses),
        considered=found.considered,
        priced=priced,
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


def _priced(found: Survey) -> bool:
    """Whether every device has a price, so that costs can be compared."""
    return all(np.isfinite(block.cells.cost_usd).all() for block in found.blocks)


def _table(found: Survey, need: Need, budget: Budget, *, priced: bool) -> Table:
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Table.__dataclass_fields__}
    for place, block in enumerate(found.blocks):
        forms = block.least_memory.shape
        cell = block.least_cell.copy()
        token, answer, request = (np.full(forms, unknown) for unknown in (np.nan, LAST, np.nan))
        over = factors(block.least_memory) * fixed_overrun(need, budget, block.cells, cell)
        fixed = fixed_overrun(need, budget, block.cells, block.places)
        inside = np.flatnonzero(fixed <= 1)
        for at in range(forms[0] if len(block.places) else 0):
            best: Places = np.zeros(forms[1], dtype=np.intp)
            will: Truths = np.zeros(forms[1], dtype=bool)
            if len(inside):
                fine = within(need, block, inside, at)
                will = np.asarray(fine.any(axis=-1))
                best = inside[_best(need, block, fine, inside, at, priced=priced)]
            over[at, will] = 1.0
            misses = np.flatnonzero(~will & (block.memory[at] <= NEAR).any(axis=-1))
            if len(misses):
                worst = overruns(need, block, fixed, at, misses)
                over[at, misses] = worst.min(axis=-1)
                best[misses] = worst.argmin(axis=-1)
            asked: Truths = np.array(will)
            asked[misses] = True
            some = np.flatnonzero(asked)
            cell[at, some] = block.places[best[some]]
            copy = block.copy_at[best[some]]
            token[at, some] = block.token_by_weights[some, copy] + block.token_by_cache[at, copy]
            prompts = block.first_at[copy]
            first = block.first_by_weights[some, prompts] + block.first_by_cache[at, prompts]
            answer[at, some] = answer_s(need, first, token[at, some])
            request[at, some] = cycle_s(need, block, cell[at, some], first, token[at, some])
        cache, weights = np.indices(forms)
        scores = np.array([found.catalog.score(block.model.name, fmt.name) for fmt in block.weights])
        rows = {
            "block": np.full(forms, place),
            "weights": weights,
            "cache": cache,
            "cell": cell,
            "token_s": token,
            "answer_s": answer,
            "overrun": over * model_overrun(need, found.catalog, block),
            "quality": np.broadcast_to(scores, forms),
            "bits": np.array([fmt.bits_per_value for fmt in block.weights])[weights],
            "cache_bits": np.array([fmt.bits_per_value for fmt in block.caches])[cache],
            "size": np.full(forms, float(parameters(block.model))),
            "converted": np.array([found.catalog.converted(block.model.name, fmt.name) for fmt in block.weights])[
                weights
            ],
            "cost_usd": block.cells.cost_usd[cell],
            "token_cost": known(token_cost(need, block.cells, cell, request, priced=priced)),
            "devices": block.cells.devices[cell],
        }
        for name, column in rows.items():
            columns[name].append(column.ravel())
    whole = ("block", "weights", "cache", "cell", "devices")
    return Table(
        **{
            name: np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp if name in whole else float)
            for name, parts in columns.items()
        }
    )


def _best(need: Need, block: Block, fine: Truths, inside: Places, cache: int, *, priced: bool) -> Places:
    """The place among those `inside` of each weight format's best deployment that is fine, F.

    Cells come the cheapest and simplest first, so that the first of equals is it.
    """
    cells, at = block.places[inside], block.copy_at[inside]
    if need.goal == GOALS[2]:
        answers = answer_s(need, block.first_token_s(cache), block.token_s(cache))
        return np.asarray(np.where(fine, answers.take(at, axis=1), inf).argmin(axis=-1))
    if need.goal == GOALS[3] and not need.requests_per_s:
        request = request_s(need, block, cache).take(at, axis=1)
        costs = token_cost(need, block.cells, cells, request, priced=priced)
        return np.asarray(np.where(fine, np.where(np.isfinite(costs), costs, LAST), inf).argmin(axis=-1))
    begins = run_begins(block.cells.cost_usd[cells], block.cells.devices[cells])
    run = np.searchsorted(begins, fine.argmax(axis=-1), side="right") - 1
    best, ends = np.empty(len(fine), dtype=np.intp), np.append(begins[1:], len(inside))
    for place in np.unique(run):
        some, here = np.flatnonzero(run == place), slice(begins[place], ends[place])
        copy = at[here]
        token = block.token_by_weights[np.ix_(some, copy)] + block.token_by_cache[cache, copy]
        prompts = block.first_at[copy]
        first = block.first_by_weights[np.ix_(some, prompts)] + block.first_by_cache[cache, prompts]
        best[some] = begins[place] + np.where(fine[some, here], answer_s(need, first, token), inf).argmin(axis=-1)
    return best


def deployments(found: Recommendation, form: Scenario) -> Iterator[Candidate]:
    """The deployments with which a form would do, the cheapest first; of each cost and count of devices one.

    That is the one with the soonest whole answer, or where a rate of requests is given, that answers the most.
    """
    need, budget, catalog = found.need, found.budget, found.found.catalog
    for block in found.found.blocks:
        mine = block.model == form.model and form.weight_format in block.weights and form.cache_format in block.caches
        if not mine or not len(block.places):
            continue
        cache, weights = block.caches.index(form.cache_format), block.weights.index(form.weight_format)
        some, inside = np.array([weights]), affordable(need, budget, block)
        if model_overrun(need, catalog, block)[weights] > 1 or not len(inside):
            continue
        cells, at = block.places[inside], block.copy_at[inside]
        if need.requests_per_s:
            worth = request_s(need, block, cache, some)[0, at] / block.cells.batch[cells]
        else:
            worth = answer_s(need, block.first_token_s(cache, some), block.token_s(cache, some))[0, at]
        worth = np.where(within(need, block, inside, cache, some)[0], worth, inf)
        begins = run_begins(block.cells.cost_usd[cells], block.cells.devices[cells])
        for begin, end in zip(begins, [*begins[1:], len(worth)], strict=True):
            place = begin + int(worth[begin:end].argmin())
            if worth[place] < inf:
                yield candidate(found.found, need, budget, block, cache, weights, int(cells[place]))


Asked = tuple[Need, Budget]


def nearest(found: Survey, asked: Asked, freed: Asked, form: Scenario | None = None) -> Candidate | None:
    """The combination within the limits `freed` that goes least over those `asked`; of one form where that is given.

    None where nothing is within them.
    """
    least: tuple[float, Block, int, int, int] | None = None
    for block in found.blocks:
        if (form is not None and block.model != form.model) or not len(block.places):
            continue
        over = model_overrun(asked[0], found.catalog, block)
        fixed, inside = fixed_overrun(*asked, block.cells, block.places), affordable(*freed, block)
        some = model_overrun(freed[0], found.catalog, block) <= 1
        if form is not None:
            some &= [fmt == form.weight_format for fmt in block.weights]
        for at, cache in enumerate(block.caches):
            if not len(inside) or (form is not None and cache != form.cache_format):
                continue
            fine = within(freed[0], block, inside, at) & some[:, None]
            rows = np.flatnonzero(fine.any(axis=-1))
            if not len(rows):
                continue
            worst = overruns(asked[0], block, fixed, at, rows)[:, inside] * over[rows, None]
            worst = np.where(fine[rows], worst, inf)
            row, place = divmod(int(worst.argmin()), worst.shape[1])
            if worst[row, place] < (least[0] if least else inf):
                least = (float(worst[row, place]), block, at, int(rows[row]), int(block.places[inside[place]]))
    if least is None:
        return None
    _, block, at, row, cell = least
    return candidate(found, *asked, block, at, row, cell)
