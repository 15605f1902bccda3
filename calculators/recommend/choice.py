"""Which of the surveyed combinations is best within the limits, which breaks which limit, and what would rescue it?"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isnan, prod
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN
from calculators.architecture import parameters
from calculators.estimate import Estimate, Scenario, estimate
from calculators.hardware import Deployment
from calculators.recommend.records import GOALS, Budget, Catalog, Need
from calculators.recommend.survey import NEAR, Block, Cells, Floats, Places, Survey, Truths, known, survey

Some = Places | slice  # rows of an array
ALL = slice(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One combination with its figures; `limits` says which limits it breaks and by how much, empty if it will do.

    `overrun`: how often the limits that it breaks go into their figures, all multiplied; 1 where none is broken.
    """

    scenario: Scenario
    estimate: Estimate
    quality: float
    quality_range: tuple[float, float]
    usd_per_hour: float
    usd_to_buy: float
    overrun: float
    limits: tuple[str, ...] = ()

    @property
    def devices(self) -> int:
        """Devices in all, a count."""
        return int(self.scenario.deployment.devices)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One row a form (model, weight format, cache format): its best deployment, or its nearest miss."""

    block: Places
    weights: Places
    cache: Places
    cell: Places  # among the block's cells
    token_s: Floats
    overrun: Floats  # of all limits that it breaks, multiplied
    quality: Floats
    bits: Floats
    cache_bits: Floats
    size: Floats
    cost_usd: Floats
    token_cost: Floats  # what is cheapest a token is least here: see `_token_cost`
    devices: Places

    def __len__(self) -> int:
        return len(self.block)

    def order(self, goal: str) -> Places:
        """The rows, best first. What nobody scored comes behind what was; the rest of the order breaks ties.

        A narrower cache loses something that nobody measured, so that it is taken only where it gains something.
        """
        unscored, loss = np.isnan(self.quality), -np.nan_to_num(self.quality, nan=0.0)
        cost, speed, cache = self.cost_usd, known(self.token_s), -self.cache_bits
        keys = {
            GOALS[0]: (unscored, loss, cache, cost, self.devices, speed, -self.size, -self.bits),
            GOALS[1]: (unscored, cost, self.devices, loss, cache, speed, -self.size, -self.bits),
            GOALS[2]: (unscored, speed, loss, cost, self.devices, cache, -self.size, -self.bits),
            GOALS[3]: (unscored, self.token_cost, loss, cost, self.devices, cache, speed, -self.size, -self.bits),
        }[goal]
        return np.lexsort(keys[::-1])


class Candidates(Sequence[Candidate]):
    """Rows of a table as candidates, each worked out when it is asked for: by one scalar `estimate()`."""

    def __init__(self, found: Survey, need: Need, budget: Budget, table: Table, rows: Places) -> None:
        self.found, self.need, self.budget, self.table, self.rows = found, need, budget, table, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> "Candidates": ...
    def __getitem__(self, at: int | slice) -> "Candidate | Candidates":
        if isinstance(at, slice):
            return self._of(self.rows[at])
        row, table = int(self.rows[at]), self.table
        block = self.found.blocks[table.block[row]]
        return candidate(
            self.found, self.need, self.budget, block, int(table.cache[row]), int(table.weights[row]),
            int(table.cell[row]),
        )  # fmt: skip

    def _of(self, rows: Places) -> "Candidates":
        return Candidates(self.found, self.need, self.budget, self.table, rows)

    @property
    def models(self) -> "Candidates":
        """The best of each model, in order."""
        return self._of(self.rows[np.sort(np.unique(self._model, return_index=True)[1])])

    @property
    def forms(self) -> "Candidates":
        """The best of each model and weight format, in order."""
        first: dict[tuple[int, str], int] = {}
        places = zip(self._model, self.column("block"), self.column("weights"), self.rows, strict=True)
        for model, block, weights, row in places:
            first.setdefault((model, self.found.blocks[block].weights[weights].name), row)
        return self._of(np.array(list(first.values()), dtype=np.intp))

    def above(self, quality: float) -> "Candidates":
        """Those that score more, in order."""
        return self._of(self.rows[self.table.quality[self.rows] > quality])

    def of(self, model: str) -> "Candidates":
        """Those of one model, in order."""
        return self._of(self.rows[self._model == list(self.found.catalog.models).index(model)])

    @cached_property
    def _model(self) -> Places:
        """The place of each one's model in the catalog."""
        places = {name: place for place, name in enumerate(self.found.catalog.models)}
        models = np.array([places[block.model.name] for block in self.found.blocks], dtype=np.intp)
        found: Places = models[self.column("block")]
        return found

    @property
    def names(self) -> list[str]:
        """Model, weights and devices of each, without its figures."""
        found = []
        for row in self.rows:
            block, cell = self.found.blocks[self.table.block[row]], self.table.cell[row]
            card = list(self.found.catalog.accelerators)[block.cells.accelerator[cell]]
            weights = block.weights[self.table.weights[row]].name
            found.append(f"{block.model.name}, {weights}, {self.table.devices[row]} × {card}")
        return found

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table for these rows."""
        values: NDArray[Any] = getattr(self.table, name)[self.rows]
        return values

    def _figures(self, priced: bool) -> Floats:
        """Cost, seconds a token and the score's lack of each, rows x 3: the less the better, inf where unknown."""
        cost, time = self.column("cost_usd" if priced else "devices"), self.column("token_s")
        return np.stack([known(cost), known(time), known(-self.column("quality"))], axis=-1)

    @property
    def unscored(self) -> int:
        """How many have no measured score, a count."""
        return int(np.isnan(self.table.quality[self.rows]).sum())


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
    def pick(self) -> Candidate | None:
        """The best of all, None where nothing will do."""
        return self.ranked[0] if len(self.ranked) else None

    @cached_property
    def front(self) -> Candidates:
        """The Pareto front of cost, latency and quality."""
        table = _front(self.found, self.need, self.budget, priced=self.priced)
        return Candidates(self.found, self.need, self.budget, table, np.arange(len(table)))

    @cached_property
    def near_misses(self) -> Candidates:
        """Those of the rejected whose overrun is at most NEAR, the nearest first.

        Without those that another form of their own model beats, which would do: nobody misses them.
        """
        near = self.rejected._of(self.rejected.rows[self.rejected.column("overrun") <= NEAR])
        ours, theirs = near._figures(self.priced), self.ranked._figures(self.priced)
        beaten = np.zeros(len(near), dtype=bool)
        for model in np.unique(near._model):
            mine, other = near._model == model, self.ranked._model == model
            beaten[mine] = (theirs[other, None] <= ours[mine]).all(axis=-1).any(axis=0)
        return near._of(near.rows[~beaten])


def fixed_limits(need: Need, budget: Budget) -> dict[str, tuple[str, float]]:
    """The limits that depend on the devices alone: name -> (column of the cells, limit)."""
    return {
        "rent": ("usd_per_hour", budget.hourly_usd),
        "price": ("usd_to_buy", budget.usd_to_buy),
        "power": ("power_w", min(need.power_w, budget.power_w)),
        "devices": ("devices", budget.most_devices),
        "rack units": ("rack_units", budget.rack_units),
        "server power": ("server_power_w", budget.server_power_w),
    }


def _over(shares: Any) -> Floats:
    """How often limits go into figures, as factors of an overrun: what keeps to its limit adds none to it."""
    factors: Floats = np.maximum(known(shares), 1)
    return factors


def _model_overrun(need: Need, catalog: Catalog, block: Block) -> Floats:
    """How far each weight format of a model goes under the score and the context asked for, as an overrun; F."""
    scores = np.array([catalog.score(block.model.name, fmt.name) for fmt in block.weights])
    score = _over(need.quality / np.maximum(scores, 1e-9)) if need.quality else np.ones(len(scores))
    return score * max(reads(need) / block.model.max_context, 1)


def reads(need: Need) -> int:
    """Tokens that the model must be able to read, a count."""
    return max(int(need.context_tokens), int(need.workload.context_tokens))


def _cycle_s(need: Need, block: Block, cells: Cells, first_token_s: Floats, token_s: Floats) -> Floats:
    """Seconds of a copy's whole batch on some cells: see `cycle_s`."""
    arrival = float(block.engine.scheduler.request_s)
    turns = (-(-cells.batch // cells.replicas) + cells.pipeline_parallel - 1) / cells.pipeline_parallel
    prompts = arrival + (first_token_s - arrival) * turns
    return prompts + need.workload.output_tokens * token_s


def _request_s(need: Need, block: Block, cache: int, some: Some) -> tuple[Floats, Places]:
    """Seconds of a copy's whole batch with one cache format, F x D, and the requests in flight, D."""
    cells = block.cells.at(block.places)
    first = block.first_token_s(cache, some)[:, block.first_at]
    return _cycle_s(need, block, cells, first, block.token_s(cache, some)), cells.batch


def _token_cost(need: Need, cells: Cells, request_s: Floats, *, priced: bool) -> Floats:
    """What a token costs on some cells, but for a factor that is the same for all.

    Cost x time of a request / requests in flight; the cost alone where the rate of requests is given, since what stands
    idle is paid too. Cost as of a front: devices where one has no price.
    """
    cost = cells.cost_usd if priced else cells.devices.astype(float)
    return cost + np.zeros_like(request_s) if need.requests_per_s else cost * request_s / cells.batch


def _fixed_overrun(need: Need, budget: Budget, cells: Cells, places: Places) -> Floats:
    """The overrun of the limits that depend on the devices alone, of some of the cells, in their shape."""
    over = np.ones(places.shape)
    for name, limit in fixed_limits(need, budget).values():
        if limit < inf:
            over *= _over(getattr(cells, name)[places] / limit)
    return over


def _within(need: Need, block: Block, fixed: Floats, cache: int, some: Some = ALL) -> Truths:
    """The combinations with one cache format that break no limit, F x D, of some of the weight formats."""
    fine: Truths = block.fits[cache, some] & (fixed <= 1)
    if need.token_s < inf:
        fine &= block.token_by_weights[some] <= need.token_s - block.token_by_cache[cache]
    if need.first_token_s < inf:
        in_time = block.first_by_weights[some] <= need.first_token_s - block.first_by_cache[cache]
        fine &= in_time.take(block.first_at, axis=1)
    if need.request_s < inf or need.requests_per_s:
        request, batch = _request_s(need, block, cache, some)
        fine &= request <= need.request_s
        fine &= need.requests_per_s * request <= batch
    return fine


def _overruns(need: Need, block: Block, fixed: Floats, cache: int, some: Some = ALL) -> Floats:
    """The overrun of each combination with one cache format, F x D, of some of the weight formats.

    inf where its memory comes not near: it is not asked how fast that would be.
    """
    memory = block.memory[cache, some]
    over: Floats = np.where(memory <= NEAR, np.maximum(memory, 1), inf)[:, block.memory_at] * fixed
    if need.token_s < inf:
        over *= _over(block.token_s(cache, some) / need.token_s)
    if need.first_token_s < inf:
        over *= _over(block.first_token_s(cache, some) / need.first_token_s)[:, block.first_at]
    if need.request_s < inf or need.requests_per_s:
        request, batch = _request_s(need, block, cache, some)
        over *= _over(request / need.request_s)
        over *= _over(need.requests_per_s * request / batch)
    return over


def _last(seconds: Floats) -> Floats:
    """Times or costs in which an unknown one comes behind all known ones, yet before none at all."""
    return np.where(np.isfinite(seconds), seconds, 1e300)


def _best(need: Need, block: Block, fine: Truths, cache: int, begins: Places, *, priced: bool) -> Places:
    """The place in D of each weight format's best deployment among those that are fine, F.

    Cells come the cheapest and simplest first, so that the first of equals is it. `begins`: where runs of cells of
    equal cost and devices do.
    """
    if need.goal == GOALS[2]:
        return np.asarray(np.where(fine, _last(block.token_s(cache)), inf).argmin(axis=-1))
    if need.goal == GOALS[3] and not need.requests_per_s:
        request, _ = _request_s(need, block, cache, ALL)
        costs = _last(_token_cost(need, block.cells.at(block.places), request, priced=priced))
        return np.asarray(np.where(fine, costs, inf).argmin(axis=-1))
    run = np.searchsorted(begins, fine.argmax(axis=-1), side="right") - 1
    best, ends = np.empty(len(fine), dtype=np.intp), np.append(begins[1:], len(block.places))
    for place in np.unique(run):
        some, inside = np.flatnonzero(run == place), slice(begins[place], ends[place])
        speed = _last(block.token_by_weights[some, inside] + block.token_by_cache[cache, inside])
        best[some] = begins[place] + np.where(fine[some, inside], speed, inf).argmin(axis=-1)
    return best


def _runs(*columns: NDArray[Any]) -> Places:
    """Where the runs of cells that are equal in all these columns begin."""
    change: Truths = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.append(0, np.flatnonzero(change) + 1)


def _priced(found: Survey) -> bool:
    """Whether every device has a price, so that costs can be compared."""
    return all(np.isfinite(block.cells.cost_usd).all() for block in found.blocks)


def _table(found: Survey, need: Need, budget: Budget, *, priced: bool) -> Table:
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in Table.__dataclass_fields__}
    for place, block in enumerate(found.blocks):
        forms = block.least_memory.shape
        cell, token, request = block.least_cell.copy(), np.full(forms, np.nan), np.full(forms, np.nan)
        over = _over(block.least_memory) * _fixed_overrun(need, budget, block.cells, cell)
        fixed = _fixed_overrun(need, budget, block.cells, block.places)
        begins = _runs(block.cells.cost_usd[block.places], block.cells.devices[block.places])
        for at in range(forms[0] if len(block.places) else 0):
            fine = _within(need, block, fixed, at)
            will = fine.any(axis=-1)
            best = _best(need, block, fine, at, begins, priced=priced)
            over[at, will] = 1.0
            misses = np.flatnonzero(~will & (block.memory[at] <= NEAR).any(axis=-1))
            if len(misses):
                worst = _overruns(need, block, fixed, at, misses)
                over[at, misses] = worst.min(axis=-1)
                best[misses] = worst.argmin(axis=-1)
            some = np.union1d(np.flatnonzero(will), misses)
            cell[at, some] = block.places[best[some]]
            token[at, some] = block.token_by_weights[some, best[some]] + block.token_by_cache[at, best[some]]
            prompts = block.first_at[best[some]]
            first = block.first_by_weights[some, prompts] + block.first_by_cache[at, prompts]
            request[at, some] = _cycle_s(need, block, block.cells.at(cell[at, some]), first, token[at, some])
        cache, weights = np.indices(forms)
        scores = np.array([found.catalog.score(block.model.name, fmt.name) for fmt in block.weights])
        rows = {
            "block": np.full(forms, place),
            "weights": weights,
            "cache": cache,
            "cell": cell,
            "token_s": token,
            "overrun": over * _model_overrun(need, found.catalog, block),
            "quality": np.broadcast_to(scores, forms),
            "bits": np.array([fmt.bits_per_value for fmt in block.weights])[weights],
            "cache_bits": np.array([fmt.bits_per_value for fmt in block.caches])[cache],
            "size": np.full(forms, float(parameters(block.model))),
            "cost_usd": block.cells.cost_usd[cell],
            "token_cost": known(_token_cost(need, block.cells.at(cell), request, priced=priced)),
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
    deployment stands for it. Ties go to the cheaper, then the simpler deployment: fewer devices, the faster, fewer
    stages, fewer copies. A model without a measured score is ranked behind those with one, never given a guess.
    Raises ValueError for a goal that is none of GOALS.
    """
    return choose(survey(need, budget, catalog, progress), need, budget)


def scenario_of(found: Survey, block: Block, cache: int, weights: int, cell: int) -> Scenario:
    """The scenario of one combination."""
    cells = block.cells
    card = list(found.catalog.accelerators.values())[cells.accelerator[cell]]
    return Scenario(
        model=block.model,
        weight_format=block.weights[weights],
        cache_format=block.caches[cache],
        deployment=Deployment(
            accelerator=card,
            tensor_parallel=int(cells.tensor_parallel[cell]),
            pipeline_parallel=int(cells.pipeline_parallel[cell]),
            expert_parallel=int(cells.expert_parallel[cell]),
            replicas=int(cells.replicas[cell]),
        ),
        workload=replace(found.need.workload, batch=int(cells.batch[cell])),
        engine=block.engine,
    )


def candidate(
    found: Survey, need: Need, budget: Budget, block: Block, cache: int, weights: int, cell: int
) -> Candidate:  # fmt: skip
    """One combination with its figures and the limits that it breaks."""
    given = scenario_of(found, block, cache, weights, cell)
    figures, catalog, names = estimate(given), found.catalog, (block.model.name, block.weights[weights].name)
    quality = catalog.score(*names)
    shares = shares_of(given, figures, quality, need, budget, catalog)
    unusable = block.least_memory[cache, weights] == inf
    words = [words_of(name, share) for name, share in shares.items() if not share <= 1]
    if unusable:
        words = [f"no {block.weights[weights].arithmetic.upper()} arithmetic on these devices"]
    return Candidate(
        scenario=given,
        estimate=figures,
        quality=quality,
        quality_range=catalog.score_range(*names),
        usd_per_hour=float(given.deployment.accelerator.usd_per_hour * given.deployment.devices),
        usd_to_buy=catalog.usd_to_buy.get(str(given.deployment.accelerator.name), UNKNOWN)
        * float(given.deployment.devices),
        overrun=inf if unusable else overrun_of(shares),
        limits=tuple(words),
    )


def overrun_of(shares: Mapping[str, float]) -> float:
    """How often the limits that are broken go into their figures, all multiplied; 1 where none is."""
    return prod(share for share in shares.values() if share > 1)


def shares_of(
    given: Scenario, figures: Estimate, quality: float, need: Need, budget: Budget, catalog: Catalog
) -> Mapping[str, float]:
    """How often each limit goes into its figure, by name: above 1 it is broken, as by an unknown figure (inf).

    Where the memory comes not near, it is not asked how fast that would be.
    """
    card, devices = given.deployment.accelerator, int(given.deployment.devices)
    price, server = catalog.usd_to_buy.get(str(card.name), np.nan), catalog.server_of(str(card.name))
    limits: dict[str, tuple[float, float]] = {"memory": (float(figures.used_bytes), float(figures.capacity_bytes))}
    if figures.used_bytes <= NEAR * figures.capacity_bytes:
        limits |= {
            "first token": (float(figures.first_token_s), need.first_token_s),
            "time per token": (float(figures.token_s), need.token_s),
            "time of a request": (float(figures.request_s), need.request_s),
        }
        if need.requests_per_s:
            limits["requests a second"] = (need.requests_per_s * float(figures.request_s), float(given.workload.batch))
    limits |= {
        "rent": (float(card.usd_per_hour) * devices, budget.hourly_usd),
        "price": (price * devices, budget.usd_to_buy),
        "power": (float(card.power_w) * devices, min(need.power_w, budget.power_w)),
        "devices": (devices, budget.most_devices),
        "rack units": (float(server.rack_units_of(devices)), budget.rack_units),
        "server power": (float(server.power_w_of(devices)), budget.server_power_w),
        "context": (reads(need), given.model.max_context),
    }
    shares = {name: figure / limit for name, (figure, limit) in limits.items() if limit < inf}
    if need.quality:
        shares["score"] = need.quality / max(quality, 1e-9) if quality == quality else inf
    return {name: inf if isnan(share) else share for name, share in shares.items()}


def words_of(name: str, overrun: float) -> str:
    """A broken limit in words: what it is and how far over it the figure goes."""
    if overrun == inf:
        return f"{name} unknown"
    if name in ("score", "context", "requests a second"):
        what = {"context": "context that the model reads"}.get(name, name)
        return f"{what} {1 - 1 / overrun:.1%} below what is asked"
    if overrun < 1.001:
        return f"{name} just over the limit"
    return f"{name} {overrun:.1f} times the limit" if overrun >= 2 else f"{name} {overrun - 1:.1%} over the limit"


def _staircase(
    need: Need, block: Block, fixed: Floats, asked: Sequence[int], cost: Floats
) -> Iterator[tuple[int, Places, Places, Floats]]:  # fmt: skip
    """(weight format, caches, places in D, seconds a token) of what nothing as cheap in that format beats in time.

    A wider cache is taken before a narrower one as fast. Costs do not fall from one place to the next.
    """
    wide = sorted(range(len(block.caches)), key=lambda at: -block.caches[at].bits_per_value)
    begins, rows = _runs(cost), np.array(asked)
    ends = np.append(begins[1:], len(cost))
    speeds = [
        known(np.where(_within(need, block, fixed, at, rows), block.token_s(at, rows), inf)) for at in wide
    ]  # fmt: skip
    fastest = np.minimum.reduce(speeds)
    steps = np.minimum.accumulate(np.minimum.reduceat(fastest, begins, axis=1), axis=1)
    gains = np.isfinite(steps)
    gains[:, 1:] &= steps[:, 1:] < steps[:, :-1]
    for row, weights in enumerate(asked):
        runs = np.flatnonzero(gains[row])
        places = np.array([begins[run] + fastest[row, begins[run] : ends[run]].argmin() for run in runs], dtype=np.intp)
        at = np.argmax([speed[row, places] == fastest[row, places] for speed in speeds], axis=0)
        yield weights, np.array(wide)[at], places, steps[row, runs]


def _front(found: Survey, need: Need, budget: Budget, *, priced: bool) -> Table:
    points: list[tuple[float, float, float, int, int, int, int]] = []
    for place, block in enumerate(found.blocks):
        scores = [found.catalog.score(block.model.name, fmt.name) for fmt in block.weights]
        within = _model_overrun(need, found.catalog, block) <= 1
        asked = [at for at, score in enumerate(scores) if score == score and within[at]]
        if not asked or not len(block.places):
            continue
        if not priced:
            block = _by_devices(block)
        fixed = _fixed_overrun(need, budget, block.cells, block.places)
        cost = (block.cells.cost_usd if priced else block.cells.devices.astype(float))[block.places]
        for weights, caches, places, times in _staircase(need, block, fixed, asked, cost):
            columns = (cost[places].tolist(), times.tolist(), caches.tolist(), block.places[places].tolist())
            points += [
                (-scores[weights], usd, time, place, cache, weights, cell)
                for usd, time, cache, cell in zip(*columns, strict=True)
            ]
    points.sort()
    kept: list[tuple[float, float, float, int, int, int, int]] = []
    costs: list[float] = []  # of what is kept and not beaten in cost and time by what scores as well, rising
    times_s: list[float] = []  # their times, falling
    for point in points:
        _, usd, time = point[:3]
        at = bisect_right(costs, usd)
        if at and times_s[at - 1] <= time:
            continue
        kept.append(point)
        end = at
        while end < len(costs) and times_s[end] >= time:
            end += 1
        first = bisect_left(costs, usd)
        costs[first:end], times_s[first:end] = [usd], [time]
    kept.sort(key=lambda point: point[1:3])
    return _rows(found, [(place, cache, weights, cell, time, 0.0) for _, _, time, place, cache, weights, cell in kept])


def _by_devices(block: Block) -> Block:
    """The block with its deployments in the order of their devices."""
    order = np.argsort(block.cells.devices[block.places], kind="stable")
    return replace(
        block,
        places=block.places[order],
        fits=block.fits[:, :, order],
        token_by_weights=block.token_by_weights[:, order],
        token_by_cache=block.token_by_cache[:, order],
        first_at=block.first_at[order],
    )


def _rows(found: Survey, rows: Sequence[tuple[int, int, int, int, float, float]]) -> Table:
    """A table of single combinations: (block, cache, weights, cell, seconds a token, overrun)."""
    blocks = [found.blocks[row[0]] for row in rows]
    numbers = np.array([row[:4] for row in rows], dtype=np.intp).reshape(-1, 4)
    weights = [block.weights[row[2]] for block, row in zip(blocks, rows, strict=True)]
    caches = [block.caches[row[1]] for block, row in zip(blocks, rows, strict=True)]
    names = [(block.model.name, fmt.name) for block, fmt in zip(blocks, weights, strict=True)]
    return Table(
        block=numbers[:, 0],
        cache=numbers[:, 1],
        weights=numbers[:, 2],
        cell=numbers[:, 3],
        token_s=np.array([row[4] for row in rows], dtype=float),
        overrun=np.array([row[5] for row in rows], dtype=float),
        quality=np.array([found.catalog.score(*name) for name in names], dtype=float),
        bits=np.array([fmt.bits_per_value for fmt in weights], dtype=float),
        cache_bits=np.array([fmt.bits_per_value for fmt in caches], dtype=float),
        size=np.array([parameters(block.model) for block in blocks], dtype=float),
        cost_usd=np.array([block.cells.cost_usd[row[3]] for block, row in zip(blocks, rows, strict=True)], dtype=float),
        token_cost=np.full(len(rows), np.nan),
        devices=np.array([block.cells.devices[row[3]] for block, row in zip(blocks, rows, strict=True)], dtype=np.intp),
    )
