"""What does no deployment of a model beat, in cost or in time? Bounds by physics, of all models at once.

A copy holds its weights in the smallest of their formats and its requests in the narrowest cache. A step starts every
product and reads the weights that one token meets; a prompt multiplies all its tokens by them. Devices divide bytes and
FLOPs evenly at best, and starts not at all. Everything else (the cache that is read, links, tiles, norms, what an
engine holds beside) adds to that, so that a model whose bounds are no better than what was found need not be surveyed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np

from calculators.architecture import Architecture, tensors
from calculators.formats import Stack, ledger_bytes
from calculators.latency import products
from calculators.memory import kv_cache_bytes
from calculators.recommend.grid import Floats, Grid
from calculators.recommend.limits import answer_s, cycle_s, fixed_overrun, reads, token_cost
from calculators.recommend.records import GOALS, Budget, Catalog, Need
from calculators.recommend.survey import Group, Survey

ROUNDING = 1e-9  # share by which a bound stays below what it bounds


def ceilings(catalog: Catalog) -> dict[str, float]:
    """The best score of each model among its forms, -inf for one without, the highest first."""
    best = {
        name: max(
            (score for fmt in catalog.weight_formats if isfinite(score := catalog.score(name, fmt))), default=-inf
        )
        for name in catalog.models
    }
    return dict(sorted(best.items(), key=lambda item: -item[1]))


def floors(found: Survey, need: Need, budget: Budget) -> dict[str, tuple[float, ...]]:
    """A lower bound on the goal's first keys (see `Table.keys`) of every form of each model, the least first.

    Of models that are scored and may keep every limit. `found` need have no blocks.
    """
    catalog = found.catalog
    best = {
        name: score
        for name, score in ceilings(catalog).items()
        if score >= max(need.quality, 0.0) and catalog.models[name].max_context >= reads(need)
    }
    if need.goal == GOALS[0]:
        return {name: (False, -score) for name, score in best.items()}
    least: dict[str, tuple[float, ...]] = {}
    for group in found.groups:
        for grid in group.grids:
            some = [catalog.models[name] for name in best if group.grid_of(catalog.models[name]) is grid]
            for name, keys in _keys(need, budget, group, grid, some, priced=found.priced):
                floor = (False, *keys, -best[name])
                least[name] = min(floor, least.get(name, floor))
    return dict(sorted(least.items(), key=lambda item: item[1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Weights:
    """What a model's weights come to in each of some formats, F.

    What a token meets counts those routed experts that it chooses.
    """

    held_bytes: Floats  # by the devices of a copy together
    read_bytes: Floats  # that a token meets, but routed experts
    expert_bytes: Floats  # of routed experts that a token meets
    products: float  # that a pass starts, a count
    expert_products: float
    flops: float  # of a token of a prompt, without the head
    expert_flops: float


@lru_cache(maxsize=1024)
def _weights(model: Architecture, formats: Stack, hosted: frozenset[str]) -> _Weights:
    """`hosted` are parts that stand in the host's memory.

    An embedding that is not the head too is left out: of several stages the fullest need not hold it.
    """
    away = hosted - {"embedding"} if model.tied_embeddings else hosted | {"embedding"}
    rows = zip(tensors(model), ledger_bytes(model, formats), strict=True)
    held = sum((np.ravel(size) for row, size in rows if row.part not in away), start=np.zeros(len(formats.formats)))
    read, expert = np.zeros_like(held), np.zeros_like(held)
    started, expert_started, flops, expert_flops = 0.0, 0.0, 0.0, 0.0
    for row in products(model, formats):
        met = 0.0 if row.part in hosted else 1.0
        if row.experts:
            expert += np.ravel(row.stored) * met * row.chosen / row.experts
            expert_started, expert_flops = expert_started + row.products, expert_flops + 2 * row.values
        else:
            read += np.ravel(row.stored) * met
            started, flops = started + row.products, flops + 2 * row.values * (row.part != "lm_head")
    return _Weights(
        held_bytes=held, read_bytes=read, expert_bytes=expert, products=started, expert_products=expert_started,
        flops=flops, expert_flops=expert_flops,
    )  # fmt: skip


class _Bulk(NamedTuple):
    """What a copy of a model comes to at least, each figure in the format in which it is least.

    What is read and multiplied is divided by the share of a device's rate that the engine reaches.
    """

    held_bytes: float  # of weights
    request_bytes: float  # of the cache of one request
    read_bytes: float  # by a token of a step
    flops: float  # of a token of a prompt
    starts_s: float  # of a pass


def _bulk(model: Architecture, formats: Stack, group: Group, context_tokens: Any) -> _Bulk:
    engine, rule = group.cards.engine, group.cards.engine.memory
    known = _weights(model, formats, frozenset() if rule is None else rule.host_parts)
    read = known.read_bytes / engine.weight_bandwidth + known.expert_bytes / engine.expert_bandwidth
    flops = known.flops / engine.arithmetic + known.expert_flops / engine.expert_arithmetic
    starts_s = known.products * engine.product_s + known.expert_products * engine.expert_product_s
    request = float(np.min(kv_cache_bytes(model, group.caches, batch=1, context_tokens=context_tokens)))
    held, least_read = float(known.held_bytes.min()), float(read.min())
    if rule is not None and np.any(np.isfinite(rule.device_layers)):  # layers may stay with the host
        held, request, least_read = 0.0, 0.0, 0.0
    return _Bulk(held, request, least_read, float(flops), float(starts_s))


def _keys(
    need: Need, budget: Budget, group: Group, grid: Grid, models: list[Architecture], *, priced: bool
) -> Iterator[tuple[str, tuple[float, ...]]]:  # fmt: skip
    """(Model, the least of the goal's keys before the score) of those of the models that may keep every limit."""
    cells, engine, workload = grid.cells, group.cards.engine, need.workload
    some = [(model, formats) for model in models if (formats := group.of(model)[0]).formats]
    inside = np.flatnonzero(fixed_overrun(need, budget, cells, np.arange(len(cells))) <= 1)
    if not some or not len(inside):
        return
    bulks = np.array([_bulk(model, formats, group, workload.context_tokens) for model, formats in some])
    held, request_bytes, read, flops, starts_s = bulks.T[:, :, None] * (1 - ROUNDING)  # each M x 1
    first, copies = grid.copies.first, grid.copies.deployment
    card, width = copies.accelerator, copies.tensor_parallel
    share = -(-cells.batch[first] // cells.replicas[first])
    types = {"bf16", *(fmt.arithmetic for fmt in group.weights.formats)}
    peak = reduce(np.fmax, (card.peak(kind) for kind in types))
    memory = width * copies.pipeline_parallel * card.memory_bytes
    step_s = engine.scheduler.step_s + starts_s
    prompt_s = np.nan_to_num(flops * workload.read_tokens / (width * peak))
    token_s = step_s + np.nan_to_num(read / (width * card.bandwidth_bytes_per_s))
    first_token_s = engine.scheduler.request_s + step_s + prompt_s
    request_s = cycle_s(need, cells, engine, first, first_token_s, token_s)
    fine = (held + share * request_bytes <= memory) & (token_s <= need.token_s)
    fine &= (first_token_s <= need.first_token_s) & (request_s <= need.request_s)
    at = grid.copies.at[inside]
    fine = fine.take(at, axis=1)
    if need.requests_per_s:
        fine &= (need.requests_per_s * request_s).take(at, axis=1) <= cells.batch[inside]
    if need.goal == GOALS[1]:
        place = inside[fine.argmax(axis=1)]  # the cheapest come first, of these those of the fewest devices
        keys = np.stack([cells.cost_usd[place], cells.devices[place]])
    elif need.goal == GOALS[2]:
        answers = answer_s(need, first_token_s, token_s).take(at, axis=1)
        keys = np.where(fine, answers, inf).min(axis=1)[None]
    else:
        costs = token_cost(need, cells, inside, request_s.take(at, axis=1), priced=priced)
        keys = np.where(fine, costs, inf).min(axis=1)[None]
    for place in np.flatnonzero(fine.any(axis=1)):
        yield some[place][0].name, tuple(map(float, keys[:, place]))
