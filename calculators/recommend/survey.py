"""What would each model, format and deployment need, and how fast would it be? All of them at once, as arrays.

A survey depends on the job, the devices and the catalog, not on limits: those only choose among its figures, so that
moving one costs no new arithmetic; nor does any model's depend on another's. It is exact. Figures are worked out once
for the deployments that are alike in what they follow from; a deployment that no format of a model comes near to
fitting is left out. A pass's time is the sum of what depends on the weights' format, on the cache's and on neither, so
that formats are summed, not multiplied, until the two meet.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from calculators import UNKNOWN, Quantity
from calculators.architecture import Architecture
from calculators.estimate import (
    Scenario,
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
from calculators.hardware import Deployment, Engine, Fleet
from calculators.latency import Work
from calculators.memory import total
from calculators.recommend.grid import WIDTHS, Cards, Cells, Floats, Grid, Kinds, Places, Truths, among, cards, grids
from calculators.recommend.records import Budget, Catalog, Need, divides
from calculators.tensor import PARTS

CHEAP = 4.0  # times the cheapest deployment's cost
BUFFER = 512  # numbers: numpy copies what it broadcasts over rows that are shorter than its buffer there first
NEAR = 1.5  # what goes this often at most into its limit comes near it


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
    tried: int  # combinations that divide the model evenly

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

    def over(self, some: Places) -> "Block":
        """The block over some of its deployments alone, places in D."""
        copies, copy_at = among(self.copy_at[some], len(self.copies))
        return replace(
            self, places=self.places[some], copies=self.copies[copies], copy_at=copy_at, fits=self.fits[:, copies],
            memory_at=self.memory_at[copies], first_at=self.first_at[copies],
            token_by_weights=self.token_by_weights[:, copies], token_by_cache=self.token_by_cache[:, copies],
        )  # fmt: skip

    def _sum(self, by_cache: Floats, by_weights: Floats, some: Places | None) -> Floats:
        if some is None:
            return (by_weights + by_cache[:, None]).reshape(-1, by_weights.shape[-1])
        cache, weights = self.place(some)
        found: Floats = by_weights[weights] + by_cache[cache]
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What of a model's figures another load on the same devices may leave as it is, and of which load it is.

    Whatever the load, the same cuts on the same devices come in the same order: one copy of each is its first cell.
    """

    weights: Floats  # bytes of weights, F x cuts: under any load
    prompts: tuple[Floats, Floats]  # seconds to a first token, C x U and F x U
    prompts_of: tuple[Quantity, ...]
    steps: tuple[Floats, Floats]  # of a step but the cache's, F x steps, and links, copies
    steps_of: tuple[Quantity, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """An engine with the formats that it runs, and its deployments of models without and with experts."""

    cards: Cards
    weights: Stack
    caches: Stack
    grids: tuple[Grid, Grid]

    def of(self, model: Architecture) -> tuple[Stack, Cards]:
        """Those of the weight formats that store any of a model, and the devices for these; none may be left."""
        own = tuple(at for at, fmt in enumerate(self.weights.formats) if stores(model, fmt))
        if len(own) == len(self.weights.formats):
            return self.weights, self.cards
        return _part(self.weights, own), replace(self.cards, runs=self.cards.runs[list(own)])

    def grid_of(self, model: Architecture) -> Grid:
        """The deployments of a model."""
        return self.grids[any(block.mlp.experts for block in model.blocks)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """The figures of every model, format and deployment for a job, before any limit."""

    need: Need
    budget: Budget
    catalog: Catalog
    groups: tuple[Group, ...]
    blocks: tuple[Block, ...]

    @property
    def considered(self) -> int:
        """Combinations of model, formats and deployment, a count."""
        return sum(block.tried for block in self.blocks)

    @property
    def priced(self) -> bool:
        """Whether every device has a price, so that costs can be compared."""
        return all(np.isfinite(each.cells.cost_usd).all() for group in self.groups for each in group.grids)

    @property
    def fleet(self) -> Fleet:
        """The catalog's accelerators side by side, which keep what follows from each; of a survey with blocks."""
        return self.groups[0].cards.fleet


class Surveyor:
    """Surveys the models of a catalog on the devices of a budget for a job, each when it is first asked for.

    For another job on the same devices it takes over what does not depend on what changed. `usd`: deployments that cost
    more are left out.
    """

    def __init__(self, need: Need, budget: Budget, catalog: Catalog, usd: float = inf) -> None:
        self.need, self.budget, self.catalog, self.usd = need, budget, catalog, usd
        self.groups = tuple(_groups(need, budget, catalog, usd))
        self._cheap: Surveyor | None = None
        self._blocks: dict[str, tuple[Block, ...]] = {}  # by model
        self._kept: dict[tuple[str, int], Kept] = {}  # by model and group
        self._block_bytes = self._kept_bytes = 0

    def under(self, need: Need) -> "Surveyor":
        """The same devices for another job: no model is surveyed yet, what is known of each is kept."""
        other = copy(self)
        steady = _flow(self.need) == _flow(need)
        other.need, other._blocks, other._kept, other._block_bytes = need, {}, dict(self._kept), 0
        other._cheap = None if self._cheap is None else self._cheap.under(need)
        other.groups = tuple(
            replace(
                group,
                grids=(group.grids[0].under(need.workload), group.grids[1].under(need.workload))
                if steady
                else grids(need, self.budget, self.catalog, group.cards, self.usd),
            )
            for group in self.groups
        )
        return other

    @property
    def cheap(self) -> "Surveyor":
        """The same on deployments alone that cost no more than CHEAP times the cheapest; itself without costs."""
        if self._cheap is None:
            costs = (each.cells.cost_usd.min(initial=inf) for group in self.groups for each in group.grids)
            least = min(costs, default=inf)
            if least == inf:
                return self
            self._cheap = Surveyor(self.need, self.budget, self.catalog, CHEAP * least)
        return self._cheap

    @property
    def bytes(self) -> int:
        """Bytes that the figures of the surveyed models take, and what is kept of them for another job."""
        return self._block_bytes + self._kept_bytes + (0 if self._cheap is None else self._cheap.bytes)

    def survey(self, models: Iterable[str] | None = None, progress: Callable[[float], None] | None = None) -> Survey:
        """The survey of some models of the catalog, else of all; `progress` is told the share of these that is done."""
        wanted = self.catalog.models.keys() if models is None else set(models)
        some = [name for name in self.catalog.models if name in wanted]
        buffer = np.setbufsize(BUFFER)
        try:
            for done, name in enumerate(some):
                if name not in self._blocks:
                    self._blocks[name] = tuple(self._surveyed(self.catalog.models[name]))
                    self._block_bytes += sum(map(_bytes, self._blocks[name]))
                    if progress is not None:
                        progress((done + 1) / len(some))
        finally:
            np.setbufsize(buffer)
        blocks = (block for name in some for block in self._blocks[name])
        return Survey(
            need=self.need, budget=self.budget, catalog=self.catalog, groups=self.groups, blocks=tuple(blocks)
        )  # fmt: skip

    def _surveyed(self, model: Architecture) -> Iterator[Block]:
        for place, group in enumerate(self.groups):
            available, (weights, every) = group.grid_of(model), group.of(model)
            if len(available.cells) and weights.formats:
                known = self._kept.get((model.name, place))
                block, kept = _block(model, group, weights, every, available, self.need, known)
                self._kept[model.name, place] = kept
                self._kept_bytes += _bytes(kept) - (_bytes(known) if known else 0)
                yield block


def _bytes(record: Block | Kept) -> int:
    """Bytes of the arrays of a record."""
    values = [getattr(record, name) for name in record.__slots__]
    arrays = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def stacks(catalog: Catalog) -> Iterator[tuple[Engine, Stack]]:
    """The catalog's weight formats, those of an engine side by side."""
    engines = {engine.name: engine for engine in map(catalog.engine_of, catalog.weight_formats.values())}
    for name, engine in engines.items():
        yield engine, stack(fmt for fmt in catalog.weight_formats.values() if catalog.engine_of(fmt).name == name)


def survey(
    need: Need, budget: Budget, catalog: Catalog, progress: Callable[[float], None] | None = None
) -> Survey:  # fmt: skip
    """The figures of every combination; `progress` is told the share of the models that is done."""
    return Surveyor(need, budget, catalog).survey(progress=progress)


def _groups(need: Need, budget: Budget, catalog: Catalog, usd: float) -> Iterator[Group]:
    for engine, weights in stacks(catalog):
        for caches in _apart(engine, catalog.abilities_of(engine).caches(catalog.cache_formats)):
            every = cards(catalog, engine, weights, caches)
            yield Group(cards=every, weights=weights, caches=caches, grids=grids(need, budget, catalog, every, usd))


def _flow(need: Need) -> tuple[Quantity, ...]:
    """What the requests in flight of all deployments follow from."""
    return need.workload.batch, need.requests_per_s > 0


def _prompt(need: Need) -> tuple[Quantity, ...]:
    """What the prompts of a load follow from."""
    return need.workload.prompt_tokens, need.workload.prefix_hits


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
    model: Architecture, group: Group, weights: Stack, every: Cards, available: Grid, need: Need, known: Kept | None
) -> tuple[Block, Kept]:  # fmt: skip
    """The figures of one model in a stack of formats, and what of them may be kept; `known` is what was."""
    caches, engine = group.caches, every.engine

    def scenario(kinds: Kinds) -> Scenario:
        return Scenario(
            model=model, weight_format=weights, cache_format=caches, engine=engine, deployment=kinds.deployment,
            workload=kinds.workload,
        )  # fmt: skip

    forms = (len(caches.formats), len(weights.formats))
    even = _even(model, available.holding.deployment)
    stored = known.weights if known else np.asarray(total(weight_bytes_by_part(scenario(available.cuts))))
    memory = _memory(scenario, stored, even, available, every, forms)
    least = memory.argmin(axis=-1)
    held = np.flatnonzero(_needed(memory, available)[available.pair_at])
    some, copy_at = among(available.copies.at[held], len(available.copies.first))
    copies = available.copies.first[some]
    memory_at, step_at = available.holding.at[copies], available.steps.at[copies]
    prompts = known.prompts if known and known.prompts_of == _prompt(need) else None
    first_cache, first_weights = prompts or _prompts(scenario, available, engine, forms)
    rest = known.steps if known and known.steps_of == _flow(need) else None
    step_cache, steps = _steps(scenario, available, forms, rest)
    token_cache, token_weights = step_cache.take(step_at, axis=1), steps[0].take(step_at, axis=1) + steps[1][some]
    if np.any(engine.launch_s):
        _, least_step = started_both_s(scenario(available.copies))
        least_step = np.broadcast_to(least_step, (forms[1], len(available.copies.first)))[:, some]
        token_weights, token_cache = np.maximum(token_weights + token_cache, least_step), np.zeros_like(token_cache)
    block = Block(
        model=model,
        weights=weights.formats,
        caches=caches.formats,
        engine=engine,
        cells=available.cells,
        places=held,
        copies=copies,
        copy_at=copy_at,
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
        tried=int(np.count_nonzero(even[available.holding.at])) * forms[0] * forms[1],
    )
    return block, Kept(
        weights=stored, prompts=(first_cache, first_weights), prompts_of=_prompt(need), steps=steps,
        steps_of=_flow(need),
    )  # fmt: skip


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
    scenario: Callable[[Kinds], Scenario], available: Grid, forms: tuple[int, int], known: tuple[Floats, Floats] | None
) -> tuple[Floats, tuple[Floats, Floats]]:  # fmt: skip
    """Seconds of a step by cache format, C x steps; the rest by weight format, F x steps, and its links, copies.

    `known`: that rest, where it is.
    """
    steps, count, copies = scenario(available.steps), len(available.steps.first), len(available.copies.first)
    if not steps.model.generates:
        return np.zeros((forms[0], count)), (np.full((forms[1], count), UNKNOWN), np.zeros(copies))
    if known is not None:
        return _seconds(token_cache_rows(steps), forms, count)[0], known
    by_cache, by_weights = _seconds(token_rows(steps, links=False), forms, count)
    return by_cache, (by_weights, np.broadcast_to(token_links_s(scenario(available.copies)), copies))


def _needed(memory: Floats, available: Grid) -> Truths:
    """The pairs of cell and stand-in of which some form comes nearer to fitting the cell than what stands for it."""
    fits: Truths = np.asarray(memory <= 1)
    near: Truths = np.asarray(memory <= NEAR)
    own = available.holding.at[available.pairs]
    needed: Truths = np.asarray(near.any(axis=0))[own]
    staged = np.flatnonzero(needed & (available.stand_in >= 0))
    mine, other = own[staged], available.stand_in[staged]
    better: Truths = np.asarray((fits.take(mine, axis=1) > fits.take(other, axis=1)).any(axis=0))
    rest = np.flatnonzero(~better & np.asarray((near & ~fits).any(axis=0))[mine])
    share, stand_in = memory.take(mine[rest], axis=1), memory.take(other[rest], axis=1)
    better[rest] = ((share > 1) & (share <= NEAR) & (share < stand_in)).any(axis=0)
    needed[staged] = better
    return needed


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
