"""What would each model, format and deployment need, and how fast would it be? All of them at once, as arrays.

A survey depends on the job, the devices and the catalog, not on limits: those only choose among its figures, so that
moving one costs no new arithmetic. It is exact. Memory comes first: where no format of a model comes near to fitting a
deployment, no time is worked out. A pass's time is the sum of what depends on the weights' format, on the cache's and
on neither, so that formats are summed, not multiplied, until the two meet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN
from calculators.architecture import Architecture
from calculators.estimate import (
    Scenario,
    Workload,
    capacity_bytes,
    first_token_links_s,
    first_token_pass,
    memory_bytes,
    started_both_s,
    token_links_s,
    token_rows,
    weights_of,
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
    sorted_at = np.empty(len(order) + 1, dtype=np.intp)
    sorted_at[order], sorted_at[-1] = np.arange(len(order)), -1  # a place of -1 finds the last, which is -1
    return Cells(
        accelerator=where, tensor_parallel=width, pipeline_parallel=stages, expert_parallel=groups, replicas=copies,
        batch=batches, simpler=sorted_at[stand_ins], cost_usd=cost, usd_per_hour=hourly, usd_to_buy=once,
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

    def alike(self, *columns: NDArray[Any]) -> Places:
        """The number of each accelerator's kind, of those alike in all these columns."""
        return kinds(*columns).at


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


@dataclass(frozen=True, slots=True)
class Kinds:
    """Cells that are alike in something: the first cell of each kind, in the order of these, and each cell's kind."""

    first: Places
    at: Places

    def of(self, some: Places) -> tuple[Places, Places]:
        """The kinds that some cells have: (the first cell of each, the place of each of these cells among them)."""
        here = self.at[some]
        there = np.zeros(len(self.first), dtype=bool)
        there[here] = True
        return self.first[there], (np.cumsum(there) - 1)[here]


def kinds(*columns: NDArray[Any]) -> Kinds:
    """The kinds of cells that are alike in all these columns."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, values = np.unique(column, return_inverse=True)
        code = code * (int(values.max(initial=0)) + 1) + values
    _, first, at = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Kinds(first[order], place[at])


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """All deployments for an engine with what they share, so that it is worked out once.

    What a device holds depends on the shape, on the requests of a copy, and of the device on its memory, on what the
    engine takes at once on it and on the formats that it runs: `holding` are the cells alike in these, `shapes` those
    alike in all but the device's memory and formats. A prompt's passes depend on stages through links alone (`prompts`
    and `staged_prompts`), a step's on the requests in it as well (`steps`). `pairs` are the cells of equal holding
    whose simpler cells are of equal holding too; `stand_in` is that, -1 for none.
    """

    cells: Cells
    shapes: Kinds
    holding: Kinds
    prompts: Kinds
    staged_prompts: Kinds
    steps: Kinds
    pairs: Kinds
    stand_in: Places
    held: Cells  # the first of each holding


def grid(cells: Cells, every: "Cards") -> Grid:
    """The deployments for an engine, sorted into kinds."""
    where, width, groups = cells.accelerator, cells.tensor_parallel, cells.expert_parallel
    share = -(-cells.batch // cells.replicas)
    shape = (width, cells.pipeline_parallel, groups, share, every.alike(*every.steps)[where])
    holding = kinds(
        *shape, every.alike(*every.steps, np.asarray(every.fleet.memory_bytes), *every.runs, *every.keeps)[where]
    )
    stand_in = np.where(cells.simpler < 0, -1, holding.at[cells.simpler])
    pairs = kinds(holding.at, stand_in)
    return Grid(
        cells=cells,
        shapes=kinds(*shape),
        holding=holding,
        prompts=kinds(where, width, groups),
        staged_prompts=kinds(where, width, groups, cells.pipeline_parallel),
        steps=kinds(where, width, groups, np.maximum(share / cells.pipeline_parallel, 1)),
        pairs=pairs,
        stand_in=stand_in[pairs.first],
        held=cells.at(holding.first),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One model in several weight formats F and cache formats C over the deployments D that one of them comes near.

    `memory` is what a form needs of a device, as a share of its capacity; inf where no such device runs it. It is least
    on cell `least_cell`, among all deployments.
    """

    model: Architecture
    weights: tuple[Format, ...]
    caches: tuple[Format, ...]
    engine: Engine
    cells: Cells
    places: Places  # of D among the cells
    fits: Truths  # C, F, D
    memory: Floats  # C, F, H
    memory_at: Places  # D -> H: many deployments hold the same
    token_by_weights: Floats  # F, D
    token_by_cache: Floats  # C, D
    first_by_weights: Floats  # F, U
    first_by_cache: Floats  # C, U
    first_at: Places  # D -> U: a prompt's time does not depend on the copies
    least_memory: Floats  # C, F
    least_cell: Places  # C, F

    def token_s(self, cache: int, some: Places | slice = slice(None)) -> Floats:
        """Seconds between two tokens with one of the cache formats, F x D, of some of the weight formats."""
        seconds: Floats = self.token_by_weights[some] + self.token_by_cache[cache]
        return seconds

    def first_token_s(self, cache: int, some: Places | slice = slice(None)) -> Floats:
        """Seconds to the first token of one request alone, F x U, of some of the weight formats."""
        seconds: Floats = self.first_by_weights[some] + self.first_by_cache[cache]
        return seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The figures of every model, format and deployment for a job, before any limit."""

    need: Need
    catalog: Catalog
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
    groups = [
        (engine, weights, caches, cards(catalog, engine, weights, caches))
        for engine, weights in stacks(catalog)
        for caches in _apart(engine, catalog.abilities_of(engine).caches(catalog.cache_formats))
    ]
    deployments = {
        (place, experts): grid(cells(need, budget, catalog, engine, experts=experts), every)
        for place, (engine, _, _, every) in enumerate(groups)
        for experts in (False, True)
    }
    blocks = []
    considered = 0
    for done, model in enumerate(catalog.models.values()):
        experts = any(block.mlp.experts for block in model.blocks)
        for place, (_, weights, caches, every) in enumerate(groups):
            available = deployments[place, experts]
            own = tuple(at for at, fmt in enumerate(weights.formats) if stores(model, fmt))
            if len(available.cells) and own:
                if len(own) < len(weights.formats):
                    weights, every = _part(weights, own), replace(every, runs=every.runs[list(own)])
                found, tried = _block(need.workload, model, weights, caches, every, available)
                blocks.append(found)
                considered += tried
        if progress is not None:
            progress((done + 1) / len(catalog.models))
    return Survey(need=need, catalog=catalog, blocks=tuple(blocks), considered=considered)


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


def _even(model: Architecture, available: Cells) -> Truths:
    """The cells over which the model divides: whole heads, a layer a stage, an expert a group."""
    divided = np.zeros(WIDTHS[-1] + 1, dtype=bool)  # by width
    divided[[width for width in WIDTHS if divides(model, width)]] = True
    experts = min((block.mlp.experts for block in model.blocks if block.mlp.experts), default=1)
    even: Truths = (
        divided[available.tensor_parallel]
        & (available.pipeline_parallel <= model.layers)
        & (available.expert_parallel <= experts)
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
    workload: Workload, model: Architecture, weights: Stack, caches: Stack, every: Cards, available: Grid
) -> tuple[Block, int]:
    """The figures of one model in a stack of formats, and how many combinations they are."""

    def scenario(some: Places) -> Scenario:
        return Scenario(
            model=model, weight_format=weights, cache_format=caches, engine=every.engine,
            deployment=available.cells.deployment(every.fleet, some),
            workload=replace(workload, batch=available.cells.batch[some]),
        )  # fmt: skip

    forms = (len(caches.formats), len(weights.formats))
    even = _even(model, available.held)
    memory, least, where = _memory(scenario, np.flatnonzero(even), available, every, forms)
    held = np.flatnonzero(_needed(memory, even, available)[available.pairs.at])
    holdings, memory_at = available.holding.of(held)
    memory = memory.take((np.cumsum(even) - 1)[available.holding.at[holdings]], axis=2)
    prompts, first_at = available.staged_prompts.of(held)
    alone, prompt_at = available.prompts.of(prompts)
    rows, passes = first_token_pass(scenario(alone))
    first_cache, first_weights = (each * passes for each in _seconds(rows, forms, len(alone)))
    first_weights += every.engine.scheduler.request_s
    token_cache, token_weights = np.zeros((forms[0], len(held))), np.full((forms[1], len(held)), UNKNOWN)
    if model.generates:
        steps, step_at = available.steps.of(held)
        token_cache, token_weights = _seconds(token_rows(scenario(steps), links=False), forms, len(steps))
        token_cache, token_weights = token_cache[:, step_at], token_weights.take(step_at, axis=1)
        token_weights += token_links_s(scenario(held))
    first_weights = first_weights.take(prompt_at, axis=1) + first_token_links_s(scenario(prompts))
    first_cache = first_cache[:, prompt_at]
    if np.any(every.engine.launch_s):
        least_first, _ = started_both_s(scenario(prompts))
        _, least_step = started_both_s(scenario(held))
        first_weights, first_cache = np.maximum(first_weights + first_cache, least_first), np.zeros_like(first_cache)
        token_weights, token_cache = np.maximum(token_weights + token_cache, least_step), np.zeros_like(token_cache)
    block = Block(
        model=model,
        weights=weights.formats,
        caches=caches.formats,
        engine=every.engine,
        cells=available.cells,
        places=held,
        fits=(memory <= 1).take(memory_at, axis=2),
        memory=memory,
        memory_at=memory_at,
        token_by_weights=token_weights,
        token_by_cache=token_cache,
        first_by_weights=first_weights,
        first_by_cache=first_cache,
        first_at=first_at,
        least_memory=least,
        least_cell=where,
    )
    return block, int(np.count_nonzero(even[available.holding.at])) * forms[0] * forms[1]


def _needed(memory: Floats, even: Truths, available: Grid) -> Truths:
    """The pairs of cell and stand-in of which some form comes nearer to fitting the cell than what stands for it."""
    at = np.cumsum(even) - 1
    own = available.holding.at[available.pairs.first]
    fits, near = memory <= 1, memory <= NEAR
    alone: Truths = even[own]
    alone[alone] = np.asarray(near.any(axis=(0, 1)))[at[own[alone]]]
    staged = np.flatnonzero(alone & (available.stand_in >= 0))
    mine, other = (at[places[staged]] for places in (own, available.stand_in))
    better: Truths = np.asarray((fits.take(mine, axis=2) & ~fits.take(other, axis=2)).any(axis=(0, 1)))
    rest = np.flatnonzero(~better)
    own_share, stand_ins = memory.take(mine[rest], axis=2), memory.take(other[rest], axis=2)
    better[rest] = ((own_share > 1) & (own_share <= NEAR) & (own_share < stand_ins)).any(axis=(0, 1))
    alone[staged] = better
    return alone


def _memory(
    scenario: Callable[[Places], Scenario], some: Places, available: Grid, every: Cards, forms: tuple[int, int]
) -> tuple[Floats, Floats, Places]:
    """What each form needs of each of some kinds of holding, as a share of the capacity, C x F x these; its least, and
    the first cell where it is."""
    here = available.holding.first[some]
    one, at = available.shapes.of(here)
    memory = memory_bytes(scenario(one))
    used = np.broadcast_to(total(memory), (*forms, len(one)))
    beside = {PARTS[0]: weights_of(memory), "activations": memory["activations"]}
    held = {name: np.asarray(size)[..., at] if np.ndim(size) else size for name, size in beside.items()}
    capacity = np.maximum(np.broadcast_to(capacity_bytes(scenario(here), held), (forms[1], len(here))), 1)
    runs, keeps = (each[:, available.cells.accelerator[here]] for each in (every.runs, every.keeps))
    capacity = np.where(runs, capacity, 0.0)  # of what a device does not run, nothing
    shares = np.empty((*forms, len(here)))
    for cache, each in enumerate(used):  # one at a time stays within a processor's cache
        with np.errstate(divide="ignore"):
            np.divide(each.take(at, axis=1), capacity, out=shares[cache])
        if not keeps[cache].all():
            shares[cache][:, ~keeps[cache]] = inf
    least = shares.argmin(axis=-1)
    return shares, np.take_along_axis(shares, least[..., None], axis=-1)[..., 0], here[least]
