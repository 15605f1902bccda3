"""What would each model, format and deployment need, and how fast would it be? All of them at once, as arrays.

A survey depends on the job, the devices and the catalog, not on limits: those only choose among its figures, so that
moving one costs no new arithmetic. It is exact. Memory comes first: where no format of a model comes near to fitting a
deployment, no time is worked out. A pass's time is the sum of what depends on the weights' format, on the cache's and
on neither, so that formats are summed, not multiplied, until the two meet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN, Quantity
from calculators.architecture import Architecture
from calculators.estimate import (
    Scenario,
    Workload,
    capacity_bytes,
    first_token_links_s,
    first_token_pass,
    memory_bytes,
    started_both_s,
    token_cache_rows,
    token_links_s,
    token_rows,
    weight_bytes_by_part,
)
from calculators.formats import Format, Stack, stack, stores
from calculators.hardware import Deployment, Engine, Fleet, Server, side_by_side
from calculators.latency import Work
from calculators.memory import total
from calculators.recommend.records import Abilities, Budget, Catalog, Need, divides, keeps_on, runs_on
from calculators.tensor import PARTS

WIDTHS = (1, 2, 4, 8)  # devices that share a layer
STAGES = (1, 2, 3, 4, 6, 8)  # pipeline stages
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # requests that a copy answers at once, where a rate is asked for
CUT = ("tensor_parallel", "pipeline_parallel", "expert_parallel")  # how a copy is divided
WIDEST = 1 << 20  # numbers in a table
NEAR = 1.5  # what goes this often at most into its limit comes near it

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """Deployments side by side: arrays of equal length, the simplest first.

    Sorted by what they cost (rent an hour, or their price where they are bought), then devices, stages, copies, groups
    of experts and requests in flight.
    """

    accelerator: Places  # which of the catalog's, in its order
    tensor_parallel: Places
    pipeline_parallel: Places
    expert_parallel: Places
    replicas: Places
    batch: Places  # requests in flight, all copies together
    simpler: Places  # the cell that stands for this one wherever it fits too, -1 for none
    run: Places  # which run of cells of equal cost and as many devices
    cost_usd: Floats  # what is compared: inf where it is unknown
    usd_per_hour: Floats
    usd_to_buy: Floats
    power_w: Floats
    rack_units: Floats
    server_power_w: Floats  # of whole servers, hosts included

    @property
    def devices(self) -> Places:
        """Devices in all, counts."""
        return self.tensor_parallel * self.pipeline_parallel * self.replicas

    def __len__(self) -> int:
        return len(self.accelerator)

    def deployment(self, fleet: Fleet, some: Places) -> Deployment:
        """The cells at these places as one deployment over arrays, of the catalog's accelerators as a fleet."""
        return Deployment(
            accelerator=fleet.some(self.accelerator[some]), tensor_parallel=self.tensor_parallel[some],
            pipeline_parallel=self.pipeline_parallel[some], expert_parallel=self.expert_parallel[some],
            replicas=self.replicas[some],
        )  # fmt: skip

    def at(self, places: NDArray[Any]) -> "Cells":
        """The cells at these places."""
        return Cells(**{name: getattr(self, name)[places] for name in self.__slots__})


@lru_cache(maxsize=1024)
def shapes(
    owned: int, node: int, abilities: Abilities, batch: int, rate: bool, experts: bool
) -> tuple[tuple[int, int, int, int, int], ...]:
    """(tensor, pipeline, expert parallel, copies, requests in flight) of every deployment of so many devices.

    Tensor parallel within a node. Of copies that serve a request as many at once as fewer copies would, the fewest
    stand for all: they are as fast on fewer devices.
    """
    found = []
    for width in WIDTHS if abilities.tensor_parallel else (1,):
        groups = [g for g in WIDTHS if g <= width and (g == 1 or (experts and abilities.expert_parallel))]
        for stages in STAGES if abilities.pipeline_parallel else (1,):
            most = owned // (width * stages) if width <= max(node, 1) else 0
            if rate:
                loads = [(copies, copies * each) for copies in range(1, most + 1) for each in BATCHES]
            else:
                shares = {-(-batch // copies): copies for copies in range(most, 0, -1)}
                loads = [(copies, batch) for copies in shares.values()]
            found += [(width, stages, group, copies, load) for group in groups for copies, load in loads]
    return tuple(found)


@lru_cache(maxsize=1024)
def simpler(every: tuple[tuple[int, int, int, int, int], ...]) -> tuple[int, ...]:
    """The place of a shape that is as good as each wherever a model fits it too, -1 for none.

    It has fewer stages and the more copies for it: no more devices, no more requests in a pass, no more turns of a
    prompt through its stages, fewer hand-overs. No pass takes longer for fewer tokens: rows padded to whole tiles are
    no more for fewer tokens, and a host starts as many kernels. So none of its figures is worse, and it comes first
    where all are equal. It holds more on a device: where a format fits only with the stages, the shape with them is
    kept.
    """

    def passes(shape: tuple[int, int, int, int, int]) -> tuple[float, float]:
        _, stages, _, copies, batch = shape
        each = -(-batch // copies)
        return max(each / stages, 1), (each + stages - 1) / stages

    found = []
    for shape in every:
        width, stages, groups, copies, batch = shape
        within, turns = passes(shape)
        better = [
            (other[1], place)
            for place, other in enumerate(every)
            if other[1] < stages
            and (other[0], other[2], other[4]) == (width, groups, batch)
            and other[1] * other[3] <= stages * copies
            and passes(other)[0] <= within
            and passes(other)[1] <= turns
        ]
        found.append(max(better)[1] if better else -1)
    return tuple(found)


def cells(need: Need, budget: Budget, catalog: Catalog, engine: Engine, *, experts: bool) -> Cells:
    """Every deployment within the counts and vendors of a budget that an engine can run."""
    abilities, names = catalog.abilities_of(engine), list(catalog.accelerators)
    which, rows, before = [], [], 0
    for place, name in enumerate(names):
        owned, vendor = budget.devices.get(name, 0), catalog.vendors.get(name)
        if owned < 1 or not abilities.takes(name) or (budget.vendors and vendor not in budget.vendors):
            continue
        node = int(catalog.accelerators[name].node_devices)
        batch = int(need.workload.batch)
        each = shapes(int(owned), node, abilities, batch, need.requests_per_s > 0, experts)
        if not each:
            continue
        which.append(np.full(len(each), place, dtype=np.intp))
        stand_in = np.array(simpler(each), dtype=np.intp)
        rows.append(np.column_stack([np.array(each, dtype=np.intp), np.where(stand_in < 0, -1, stand_in + before)]))
        before += len(each)
    where = np.concatenate(which or [np.zeros(0, dtype=np.intp)])
    width, stages, groups, copies, batches, stand_ins = np.concatenate(rows or [np.zeros((0, 6), dtype=np.intp)]).T
    devices = width * stages * copies
    rent, price, power = (
        np.array(figures, dtype=float)
        for figures in (
            [card.usd_per_hour for card in catalog.accelerators.values()],
            [catalog.usd_to_buy.get(name, UNKNOWN) for name in names],
            [card.power_w for card in catalog.accelerators.values()],
        )
    )
    servers = [catalog.server_of(name) for name in names]
    server = Server(name="", **{
        each: np.array([getattr(one, each) for one in servers], dtype=float)[where]
        for each in ("devices", "rack_units", "power_w")
    })  # fmt: skip
    hourly, once = known(rent[where] * devices), known(price[where] * devices)
    cost = once if budget.buys else hourly
    order = np.lexsort((batches, groups, copies, stages, devices, cost))
    another = np.any([each[order][1:] != each[order][:-1] for each in (cost, devices)], axis=0)
    run = np.empty_like(order)
    run[order] = np.append(0, np.cumsum(another))[: len(order)]
    sorted_at = np.empty(len(order) + 1, dtype=np.intp)
    sorted_at[order], sorted_at[-1] = np.arange(len(order)), -1  # a place of -1 finds the last, which is -1
    return Cells(
        accelerator=where, tensor_parallel=width, pipeline_parallel=stages, expert_parallel=groups, replicas=copies,
        batch=batches, simpler=sorted_at[stand_ins], run=run, cost_usd=cost, usd_per_hour=hourly, usd_to_buy=once,
        power_w=known(power[where] * devices), rack_units=known(server.rack_units_of(devices)),
        server_power_w=known(server.power_w_of(devices)),
    ).at(order)  # fmt: skip


def known(figures: Any) -> Floats:
    """The figures with unknown ones taken as beyond all measure."""
    return np.where(np.isnan(figures), inf, figures)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cards:
    """The catalog's accelerators as arrays, and the tokens and sequences that an engine takes at once on each."""

    fleet: Fleet
    engine: Engine
    steps: tuple[Floats, Floats]
    runs: Truths  # whether each runs each of the engine's weight formats, F x accelerators
    keeps: Truths  # whether each runs each of the formats of the cache, C x accelerators


def cards(catalog: Catalog, engine: Engine, weights: Stack, caches: Stack) -> Cards:
    """The catalog's accelerators for an engine and the formats that it runs."""
    every = list(catalog.accelerators.values())
    fleet = side_by_side(every)
    steps = engine.memory.step(fleet) if engine.memory else (engine.tokens_at_once(fleet), inf)
    return Cards(
        fleet=fleet,
        runs=np.array([[bool(runs_on(card, fmt)) for card in every] for fmt in weights.formats]),
        keeps=np.array([[bool(keeps_on(card, fmt)) for card in every] for fmt in caches.formats]),
        engine=engine,
        steps=(np.broadcast_to(steps[0], len(every)), np.broadcast_to(steps[1], len(every))),
    )


def alike(*columns: NDArray[Any]) -> tuple[Places, Places]:
    """Of things that are alike in all these columns: (the first of each kind, in their order; each thing's kind).

    Columns of whole numbers are of none below 0.
    """
    code, size = np.zeros(len(columns[0]), dtype=np.intp), 1
    for column in columns:
        values = column if column.dtype == np.intp else np.unique(column, return_inverse=True)[1]
        code, size = _narrow(code * (int(values.max(initial=0)) + 1) + values, size * (int(values.max(initial=0)) + 1))
    here, first_of = np.arange(len(code)), np.empty(size, dtype=np.intp)
    first_of[code[::-1]] = here[::-1]  # of things that are alike, the first writes last
    own = first_of[code]
    return np.flatnonzero(own == here), (np.cumsum(own == here) - 1)[own]


def _narrow(code: Places, size: int) -> tuple[Places, int]:
    """Numbers below `size`, numbered anew where they reach too far for a table of them."""
    if size <= WIDEST:
        return code, size
    found, code = np.unique(code, return_inverse=True)
    return code, len(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kinds:
    """Cells that are alike in something: the first cell of each kind, each cell's kind, and the first ones' scenarios.

    Deployment and workload are arrays over the kinds, the same for every model, so that what follows from them alone is
    worked out once.
    """

    first: Places
    at: Places
    deployment: Deployment
    workload: Workload

    def of(self, others: "Kinds") -> Places:
        """The kind of each of the `others`, which are alike in more than this."""
        return self.at[others.first]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """All deployments for an engine with what they share, so that it is worked out once.

    What a device holds depends on how a copy is divided, which its weights follow from (`cuts`), on the requests of a
    copy, and of the device on its memory, on what the engine takes at once on it and on the formats that it runs:
    `holding` are the cells alike in these, `shapes` those alike in all but the device's memory and formats. A prompt's
    passes depend on stages through links alone (`prompts` and `staged_prompts`), a step's on the requests in it as well
    (`steps`). All of these are alike in cells that differ in the number of their copies alone (`copies`). `pairs` are
    the first cells of equal holding whose simpler cells are of equal holding too, `pair_at` each cell's place among
    them; `stand_in` is the holding of that simpler cell, -1 for none.
    """

    cells: Cells
    copies: Kinds
    cuts: Kinds
    shapes: Kinds
    holding: Kinds
    prompts: Kinds
    staged_prompts: Kinds
    steps: Kinds
    pairs: Places
    pair_at: Places
    stand_in: Places

    def under(self, workload: Workload) -> "Grid":
        """The same deployments with other lengths of as many requests."""
        kinds: dict[str, Any] = {
            each: replace(old, workload=replace(workload, batch=old.workload.batch))
            for each in ("copies", "cuts", "shapes", "holding", "prompts", "staged_prompts", "steps")
            for old in (getattr(self, each),)
        }
        return replace(self, **kinds)

    def alike_in(self, other: "Grid", kinds: str, columns: Sequence[str]) -> bool:
        """Whether two grids have the same kinds of a name, which differ in these columns of the cells alone."""
        ours, theirs = getattr(self, kinds).first, getattr(other, kinds).first
        return len(ours) == len(theirs) and all(
            np.array_equal(getattr(self.cells, name)[ours], getattr(other.cells, name)[theirs]) for name in columns
        )


def grid(cells: Cells, every: Cards, workload: Workload) -> Grid:
    """The deployments for an engine, sorted into kinds."""

    def sorted_by(*columns: NDArray[Any]) -> Kinds:
        first, at = alike(*columns)
        return Kinds(
            first=first, at=at, deployment=cells.deployment(every.fleet, first),
            workload=replace(workload, batch=cells.batch[first]),
        )  # fmt: skip

    where, width, groups = cells.accelerator, cells.tensor_parallel, cells.expert_parallel
    share = -(-cells.batch // cells.replicas)
    _, step = alike(*every.steps)
    _, card = alike(*every.steps, np.asarray(every.fleet.memory_bytes), *every.runs, *every.keeps)
    _, width_of = alike(width, groups)
    _, cut = alike(width_of, cells.pipeline_parallel)
    _, shape = alike(cut, share)
    _, load = alike(width_of, np.maximum(share / cells.pipeline_parallel, 1))
    holding = sorted_by(shape, card[where])
    stand_in = np.where(cells.simpler < 0, -1, holding.at[cells.simpler])
    pairs, pair_at = alike(holding.at, stand_in + 1)
    return Grid(
        cells=cells,
        copies=sorted_by(where, shape),
        cuts=sorted_by(cut),
        shapes=sorted_by(shape, step[where]),
        holding=holding,
        prompts=sorted_by(where, width_of),
        staged_prompts=sorted_by(where, cut),
        steps=sorted_by(where, load),
        pairs=pairs,
        pair_at=pair_at,
        stand_in=stand_in[pairs],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One model in several weight formats F and cache formats C over the deployments D that one of them comes near.

    Forms R are the weight formats with the first cache format, then with the next. What a copy of the model holds and
    how fast it is does not depend on how many copies there are: V are those that differ in more. `memory` is what a
    form needs of a device, as a share of its capacity; inf where no such device runs it. It is least on cell
    `least_cell`, among all deployments.
    """

    model: Architecture
    weights: tuple[Format, ...]
    caches: tuple[Format, ...]
    engine: Engine
    cells: Cells
    places: Places  # of D among the cells
    copies: Places  # of V among the cells: the first of each
    copy_at: Places  # D -> V
    fits: Truths  # R, V
    memory: Floats  # R, H
    memory_at: Places  # V -> H: many deployments hold the same
    token_by_weights: Floats  # F, V
    token_by_cache: Floats  # C, V
    first_by_weights: Floats  # F, U
    first_by_cache: Floats  # C, U
    first_at: Places  # V -> U: a prompt's time does not depend on the requests in flight
    least_memory: Floats  # R
    least_cell: Places  # R
    kept: "Kept"

    def place(self, form: Any) -> tuple[Any, Any]:
        """(cache format, weight format) of forms, as places among the block's."""
        return form // len(self.weights), form % len(self.weights)

    def token_s(self, some: Places | None = None) -> Floats:
        """Seconds between two tokens, R x V, of some of the forms."""
        return self._sum(self.token_by_cache, self.token_by_weights, some)

    def first_token_s(self, some: Places | None = None) -> Floats:
        """Seconds to the first token of one request alone, R x V, of some of the forms."""
        return self._sum(self.first_by_cache, self.first_by_weights, some).take(self.first_at, axis=1)

    def times(self, forms: Places, copies: Places) -> tuple[Floats, Floats]:
        """Seconds to the first token and between two tokens of forms on copies of V, one of these for each form."""
        cache, weights = self.place(forms)
        prompts = self.first_at[copies]
        first: Floats = self.first_by_weights[weights, prompts] + self.first_by_cache[cache, prompts]
        token: Floats = self.token_by_weights[weights, copies] + self.token_by_cache[cache, copies]
        return first, token

    def _sum(self, by_cache: Floats, by_weights: Floats, some: Places | None) -> Floats:
        if some is None:
            return (by_weights + by_cache[:, None]).reshape(-1, by_weights.shape[-1])
        cache, weights = self.place(some)
        found: Floats = by_weights[weights] + by_cache[cache]
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What of a model's figures another load leaves as it is."""

    weights: Floats  # bytes of weights, F x cuts: under any load
    by_weights: Floats  # seconds of a step but for links and the cache, F x steps: with as many requests in flight
    links: Floats  # seconds of its links, over copies


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """An engine with the formats that it runs, and its deployments of models without and with experts."""

    cards: Cards
    weights: Stack
    caches: Stack
    grids: tuple[Grid, Grid]


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The figures of every model, format and deployment for a job, before any limit."""

    need: Need
    budget: Budget
    catalog: Catalog
    groups: tuple[Group, ...]
    blocks: tuple[Block, ...]
    considered: int  # combinations of model, formats and deployment


def stacks(catalog: Catalog) -> Iterator[tuple[Engine, Stack]]:
    """The catalog's weight formats, those of an engine side by side."""
    engines = {engine.name: engine for engine in map(catalog.engine_of, catalog.weight_formats.values())}
    for name, engine in engines.items():
        yield engine, stack(fmt for fmt in catalog.weight_formats.values() if catalog.engine_of(fmt).name == name)


def survey(
    need: Need, budget: Budget, catalog: Catalog, progress: Callable[[float], None] | None = None
) -> Survey:  # fmt: skip
    """The figures of every combination; `progress` is told the share of the models that is done."""
    groups = []
    for engine, weights in stacks(catalog):
        for caches in _apart(engine, catalog.abilities_of(engine).caches(catalog.cache_formats)):
            every = cards(catalog, engine, weights, caches)
            plain, experts = (
                grid(cells(need, budget, catalog, engine, experts=experts), every, need.workload)
                for experts in (False, True)
            )
            groups.append(Group(cards=every, weights=weights, caches=caches, grids=(plain, experts)))
    return _survey(need, budget, catalog, tuple(groups), None, progress)


def resurvey(before: Survey, need: Need, progress: Callable[[float], None] | None = None) -> Survey:
    """The figures of every combination for another job on the same devices: those of `survey`, sooner.

    What does not depend on what changed is taken from the survey `before`.
    """
    groups, steady = before.groups, _flow(before.need) == _flow(need)
    for place, group in enumerate(groups):
        plain, experts = (
            old.under(need.workload)
            if steady
            else grid(
                cells(need, before.budget, before.catalog, group.cards.engine, experts=bool(experts)),
                group.cards, need.workload,
            )
            for experts, old in enumerate(group.grids)
        )  # fmt: skip
        groups = (*groups[:place], replace(group, grids=(plain, experts)), *groups[place + 1 :])
    return _survey(need, before.budget, before.catalog, groups, before, progress)


def _flow(need: Need) -> tuple[Quantity, bool]:
    """What the requests in flight of all deployments follow from."""
    return need.workload.batch, need.requests_per_s > 0


def _survey(
    need: Need, budget: Budget, catalog: Catalog, groups: tuple[Group, ...], before: Survey | None,
    progress: Callable[[float], None] | None,
) -> Survey:  # fmt: skip
    old_blocks = iter(before.blocks if before else ())
    blocks = []
    considered = 0
    for done, model in enumerate(catalog.models.values()):
        experts = any(block.mlp.experts for block in model.blocks)
        for place, group in enumerate(groups):
            available, weights, every = group.grids[experts], group.weights, group.cards
            own = tuple(at for at, fmt in enumerate(weights.formats) if stores(model, fmt))
            if len(available.cells) and own:
                if len(own) < len(weights.formats):
                    weights, every = _part(weights, own), replace(every, runs=every.runs[list(own)])
                old = Old(next(old_blocks), before.groups[place].grids[experts], before.need) if before else None
                found, tried = _block(need, model, group, weights, every, available, old)
                blocks.append(found)
                considered += tried
        if progress is not None:
            progress((done + 1) / len(catalog.models))
    return Survey(
        need=need, budget=budget, catalog=catalog, groups=groups, blocks=tuple(blocks), considered=considered
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Old:
    """A model's figures in a survey before, on the same devices."""

    block: Block
    grid: Grid
    need: Need

    def weights(self, now: Grid) -> Floats | None:
        """Its bytes of weights, None where the deployments are cut in other ways."""
        return self.block.kept.weights if now.alike_in(self.grid, "cuts", CUT) else None

    def prompts(self, now: Grid, need: Need) -> tuple[Floats, Floats] | None:
        """Its prompts' seconds by format of cache and weights, None where prompts or deployments are others."""
        lengths = [(each.workload.prompt_tokens, each.workload.prefix_hits) for each in (need, self.need)]
        if lengths[0] != lengths[1] or not now.alike_in(self.grid, "staged_prompts", ("accelerator", *CUT)):
            return None
        return self.block.first_by_cache, self.block.first_by_weights

    def steps(self, now: Grid) -> bool:
        """Whether as many requests are in each of its steps."""
        return now.steps.at is self.grid.steps.at


@lru_cache(maxsize=64)
def _part(formats: Stack, places: tuple[int, ...]) -> Stack:
    """The formats at these places of a stack: one object, however often it is asked for."""
    return stack(formats.formats[at] for at in places)


def _apart(engine: Engine, caches: list[Format]) -> list[Stack]:
    """The formats of the cache that are worked out side by side.

    Where a host starts each kernel, no pass takes less than that, so that a pass's time is no sum of what depends on
    the weights and what on the cache: there each format of the cache stands alone.
    """
    if np.any(engine.launch_s):
        return [stack([cache], axes=2) for cache in caches]
    return [stack(caches, axes=2)] if caches else []


def _even(model: Architecture, deployment: Deployment) -> Truths:
    """The deployments over which the model divides: whole heads, a layer a stage, an expert a group."""
    divided = np.zeros(WIDTHS[-1] + 1, dtype=bool)  # by width
    divided[[width for width in WIDTHS if divides(model, width)]] = True
    experts = min((block.mlp.experts for block in model.blocks if block.mlp.experts), default=1)
    even: Truths = (
        divided[np.asarray(deployment.tensor_parallel)]
        & (np.asarray(deployment.pipeline_parallel) <= model.layers)
        & (np.asarray(deployment.expert_parallel) <= experts)
    )
    return even


def _seconds(rows: list[Work], forms: tuple[int, int], count: int) -> tuple[Floats, Floats]:
    """Seconds of a pass but launches: what depends on the cache's format, C x D, and the rest, F x D."""
    cache, weights, rest = np.zeros((forms[0], count)), np.zeros((forms[1], count)), np.zeros(count)
    for row in rows:
        if row.part == "launches":
            continue
        rest += row.waiting_s
        busy = np.asarray(row.busy_s)
        if busy.ndim == 3:
            cache += busy[:, 0]
        elif busy.ndim == 2:
            weights += busy
        else:
            rest += busy
    weights += rest
    return cache, weights


def _block(
    need: Need, model: Architecture, group: Group, weights: Stack, every: Cards, available: Grid, old: Old | None
) -> tuple[Block, int]:  # fmt: skip
    """The figures of one model in a stack of formats, and how many combinations they are."""
    caches, engine = group.caches, every.engine

    def scenario(kinds: Kinds) -> Scenario:
        return Scenario(
            model=model, weight_format=weights, cache_format=caches, engine=engine, deployment=kinds.deployment,
            workload=kinds.workload,
        )  # fmt: skip

    forms = (len(caches.formats), len(weights.formats))
    even = _even(model, available.holding.deployment)
    stored = old.weights(available) if old else None
    if stored is None:
        stored = np.asarray(total(weight_bytes_by_part(scenario(available.cuts))))
    memory = _memory(scenario, stored, even, available, every, forms)
    least = memory.argmin(axis=-1)
    held = np.flatnonzero(_needed(memory, available)[available.pair_at])
    used = np.zeros(len(available.copies.first), dtype=bool)
    used[available.copies.at[held]] = True
    some = np.flatnonzero(used)
    copies = available.copies.first[some]
    memory_at, step_at = available.holding.at[copies], available.steps.at[copies]
    prompts = old.prompts(available, need) if old else None
    first_cache, first_weights = prompts or _prompts(scenario, available, engine, forms)
    step_cache, by_weights, links = _steps(scenario, available, forms, old)
    token_cache, token_weights = step_cache.take(step_at, axis=1), by_weights.take(step_at, axis=1) + links[some]
    if np.any(engine.launch_s):
        _, least_step = started_both_s(scenario(available.copies))
        least_step = np.broadcast_to(least_step, (forms[1], len(used)))[:, some]
        token_weights, token_cache = np.maximum(token_weights + token_cache, least_step), np.zeros_like(token_cache)
    block = Block(
        model=model,
        weights=weights.formats,
        caches=caches.formats,
        engine=engine,
        cells=available.cells,
        places=held,
        copies=copies,
        copy_at=(np.cumsum(used) - 1)[available.copies.at[held]],
        fits=(memory <= 1).take(memory_at, axis=1),
        memory=memory,
        memory_at=memory_at,
        token_by_weights=token_weights,
        token_by_cache=token_cache,
        first_by_weights=first_weights,
        first_by_cache=first_cache,
        first_at=available.staged_prompts.at[copies],
        least_memory=memory[np.arange(len(memory)), least],
        least_cell=available.holding.first[least],
        kept=Kept(weights=stored, by_weights=by_weights, links=links),
    )
    return block, int(np.count_nonzero(even[available.holding.at])) * forms[0] * forms[1]


def _prompts(
    scenario: Callable[[Kinds], Scenario], available: Grid, engine: Engine, forms: tuple[int, int]
) -> tuple[Floats, Floats]:  # fmt: skip
    """Seconds to the first token of one request alone by cache format, C x U, and by weight format, F x U."""
    alone, staged = available.prompts.of(available.staged_prompts), scenario(available.staged_prompts)
    rows, passes = first_token_pass(scenario(available.prompts))
    cache, weights = (each * passes for each in _seconds(rows, forms, len(available.prompts.first)))
    weights = (weights + engine.scheduler.request_s).take(alone, axis=1) + first_token_links_s(staged)
    cache = cache.take(alone, axis=1)
    if np.any(engine.launch_s):
        return np.zeros_like(cache), np.maximum(weights + cache, started_both_s(staged)[0])
    return cache, weights


def _steps(
    scenario: Callable[[Kinds], Scenario], available: Grid, forms: tuple[int, int], old: Old | None
) -> tuple[Floats, Floats, Floats]:
    """Seconds of a step by cache format, C x steps; the rest by weight format, F x steps; its links, over copies."""
    steps, count = scenario(available.steps), len(available.steps.first)
    if not steps.model.generates:
        return np.zeros((forms[0], count)), np.full((forms[1], count), UNKNOWN), np.zeros(len(available.copies.first))
    if old and old.steps(available):
        return _seconds(token_cache_rows(steps), forms, count)[0], old.block.kept.by_weights, old.block.kept.links
    links = np.broadcast_to(token_links_s(scenario(available.copies)), len(available.copies.first))
    return *_seconds(token_rows(steps, links=False), forms, count), links


def _needed(memory: Floats, available: Grid) -> Truths:
    """The pairs of cell and stand-in of which some form comes nearer to fitting the cell than what stands for it."""
    fits: Truths = np.asarray(memory <= 1)
    near: Truths = np.asarray(memory <= NEAR)
    own = available.holding.at[available.pairs]
    needed: Truths = np.asarray(near.any(axis=0))[own]
    staged = np.flatnonzero(needed & (available.stand_in >= 0))
    mine, other = own[staged], available.stand_in[staged]
    fitting = _codes(fits)
    better: Truths = np.asarray((fitting.take(mine, axis=1) & ~fitting.take(other, axis=1)).any(axis=0))
    rest = np.flatnonzero(~better & np.asarray((near & ~fits).any(axis=0))[mine])
    share, stand_in = memory.take(mine[rest], axis=1), memory.take(other[rest], axis=1)
    better[rest] = ((share > 1) & (share <= NEAR) & (share < stand_in)).any(axis=0)
    needed[staged] = better
    return needed


def _codes(truths: Truths) -> Places:
    """What is true of each thing, n x H, as binary digits of whole numbers, n / 52 x H: a float holds 53 exactly."""
    digits = [truths[begin : begin + 52] for begin in range(0, len(truths), 52)]
    return np.array([2.0 ** np.arange(len(each)) @ each for each in digits]).astype(np.intp)


def _memory(
    scenario: Callable[[Kinds], Scenario], stored: Floats, even: Truths, available: Grid, every: Cards,
    forms: tuple[int, int],
) -> Floats:  # fmt: skip
    """What each form needs of each kind of holding, as a share of the capacity, R x H; inf where it cannot run.

    `stored`: its bytes of weights, F x cuts.
    """
    at, count = available.shapes.of(available.holding), len(available.holding.first)
    memory = memory_bytes(scenario(available.shapes), {PARTS[0]: stored.take(available.cuts.of(available.shapes), -1)})
    used = np.broadcast_to(total(memory), (*forms, len(available.shapes.first)))
    beside = {name: memory[name] for name in (PARTS[0], "activations")}
    held = {name: np.asarray(size).take(at, axis=-1) if np.ndim(size) else size for name, size in beside.items()}
    capacity = np.maximum(capacity_bytes(scenario(available.holding), held), 1)
    card = available.cells.accelerator[available.holding.first]
    shares = np.empty((*forms, count))
    for cache, each in enumerate(used):  # one at a time stays within a processor's cache
        np.divide(each.take(at, axis=1), capacity, out=shares[cache])
        shares[cache][:, ~(even & every.keeps[cache, card])] = inf
    if not every.runs.all():
        shares[:, ~every.runs[:, card]] = inf
    return shares.reshape(-1, count)
