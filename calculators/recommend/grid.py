"""Which deployments are there, and in what are many of them alike, so that it is worked out once?"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN
from calculators.estimate import Workload
from calculators.formats import Stack
from calculators.hardware import Deployment, Engine, Fleet, Server, side_by_side
from calculators.recommend.records import Abilities, Budget, Catalog, Need, keeps_on, runs_on

WIDTHS = (1, 2, 4, 8)  # devices that share a layer
STAGES = (1, 2, 3, 4, 6, 8)  # pipeline stages
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # requests that a copy answers at once, where a rate is asked for
WIDEST = 1 << 20  # numbers in a table

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

    def up_to(self, usd: float) -> "Cells":
        """Those that cost no more; what stands for one of them is among them."""
        return self if usd == inf else self.at(np.arange(np.searchsorted(self.cost_usd, usd, side="right")))

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


def among(kinds: Places, count: int) -> tuple[Places, Places]:
    """Of so many kinds: (those that some things are of, each thing's place among these)."""
    used = np.zeros(count, dtype=bool)
    used[kinds] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[kinds]


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


def grids(need: Need, budget: Budget, catalog: Catalog, every: Cards, usd: float = inf) -> tuple[Grid, Grid]:
    """The deployments for an engine of models without experts, and of models with experts, that cost no more."""
    plain, experts = (
        grid(cells(need, budget, catalog, every.engine, experts=experts).up_to(usd), every, need.workload)
        for experts in (False, True)
    )
    return plain, experts
