"""Which of a survey's combinations keep to the limits, and how far over them do the others go? As arrays."""

from math import inf
from typing import Any

import numpy as np

from calculators.hardware import Engine
from calculators.recommend.grid import Cells, Floats, Places, Truths, known
from calculators.recommend.records import Budget, Catalog, Need
from calculators.recommend.survey import NEAR, Block

Some = Places | slice  # rows of an array
ALL = slice(None)
LAST = 1e300  # what is unknown comes behind all that is known, yet before nothing at all
BEYOND = 1e9  # how often a limit is taken to go into a figure that nobody knows: it comes behind all that are known


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


def factors(shares: Any) -> Floats:
    """How often limits go into figures, as factors of an overrun: what keeps to its limit adds none to it."""
    found: Floats = np.maximum(np.minimum(known(shares), BEYOND), 1)
    return found


def limits_of(need: Need, budget: Budget) -> dict[str, float]:
    """Every limit but that of memory by its name, in its base unit; infinite, or 0 of what is at least, for none."""
    return {
        "first token": need.first_token_s,
        "time per token": need.token_s,
        "time of a request": need.request_s,
        **{name: limit for name, (_, limit) in fixed_limits(need, budget).items()},
        "context": reads(need),
        "score": need.quality,
        "requests a second": need.requests_per_s,
    }


def reads(need: Need) -> int:
    """Tokens that the model must be able to read, a count."""
    return max(int(need.context_tokens), int(need.workload.context_tokens))


def model_overrun(need: Need, catalog: Catalog, block: Block) -> Floats:
    """How far each weight format of a model goes under the score and the context asked for, as an overrun; F."""
    return score_overrun(need, catalog, block) * max(reads(need) / block.model.max_context, 1)


def score_overrun(need: Need, catalog: Catalog, block: Block) -> Floats:
    """How far each weight format of a model goes under the score asked for, as an overrun; F."""
    if not need.quality:
        return np.ones(len(block.weights))
    scores = np.array([catalog.score(block.model.name, fmt.name) for fmt in block.weights])
    return factors(need.quality / np.maximum(scores, 1e-9))


def cycle_s(
    need: Need, cells: Cells, engine: Engine, some: Places, first_token_s: Floats, token_s: Floats
) -> Floats:  # fmt: skip
    """Seconds of a copy's whole batch on some cells: see `estimate.cycle_s`."""
    arrival = float(engine.scheduler.request_s)
    share, stages = -(-cells.batch[some] // cells.replicas[some]), cells.pipeline_parallel[some]
    turns = (share + stages - 1) / stages
    prompts = arrival + (first_token_s - arrival) * turns
    return prompts + need.workload.output_tokens * token_s


def request_s(need: Need, block: Block, some: Places | None = None) -> Floats:
    """Seconds of a copy's whole batch, R x V, of some of the forms."""
    return cycle_s(need, block.cells, block.engine, block.copies, block.first_token_s(some), block.token_s(some))


def answer_s(need: Need, first_token_s: Floats, token_s: Floats) -> Floats:
    """Seconds of one whole answer; behind all that are known where its first token is not, beyond all without times."""
    whole = np.where(np.isnan(first_token_s), BEYOND, first_token_s) + need.workload.output_tokens * token_s
    return np.where(np.isfinite(whole), whole, LAST)


def token_cost(need: Need, cells: Cells, some: Places, request_s: Floats, *, priced: bool) -> Floats:
    """What a token costs on some cells, but for a factor that is the same for all.

    Cost x time of a request / requests in flight; the cost alone where the rate of requests is given, since what stands
    idle is paid too. Cost as of a front: devices where one has no price.
    """
    cost = (cells.cost_usd if priced else cells.devices.astype(float))[some]
    return cost + np.zeros_like(request_s) if need.requests_per_s else cost * request_s / cells.batch[some]


def fixed_overrun(need: Need, budget: Budget, cells: Cells, places: Places) -> Floats:
    """The overrun of the limits that depend on the devices alone, of some of the cells, in their shape."""
    over = np.ones(places.shape)
    for name, limit in fixed_limits(need, budget).values():
        if limit < inf:
            over *= factors(getattr(cells, name)[places] / limit)
    return over


def affordable(need: Need, budget: Budget, block: Block) -> Places:
    """The places in D that keep to the limits on the devices alone."""
    return np.flatnonzero(fixed_overrun(need, budget, block.cells, block.places) <= 1)


def within(need: Need, block: Block, inside: Places, some: Places | None = None) -> Truths:
    """Whether combinations break no limit but those on the devices alone; R x the places `inside` of D, of some of the
    forms."""
    fine = np.array(block.fits if some is None else block.fits[some])
    request = request_s(need, block, some) if need.request_s < inf or need.requests_per_s else None
    if need.token_s < inf:
        fine &= block.token_s(some) <= need.token_s
    if need.first_token_s < inf:
        fine &= block.first_token_s(some) <= need.first_token_s
    if request is not None:
        fine &= request <= need.request_s
    at = block.copy_at[inside]
    found: Truths = fine.take(at, axis=1)
    if request is not None and need.requests_per_s:
        batch = block.cells.batch[block.places[inside]]
        found &= (need.requests_per_s * request).take(at, axis=1) <= batch
    return found


def overruns(need: Need, block: Block, fixed: Floats, some: Places) -> Floats:
    """The overrun of each combination, R x D, of some of the forms; `fixed`: of the limits on the devices alone, D.

    inf where its memory comes not near: it is not asked how fast that would be.
    """
    memory = block.memory[some]
    over: Floats = np.where(memory <= NEAR, np.maximum(memory, 1), inf).take(block.memory_at, axis=1)
    request = request_s(need, block, some) if need.request_s < inf or need.requests_per_s else None
    if need.token_s < inf:
        over *= factors(block.token_s(some) / need.token_s)
    if need.first_token_s < inf:
        over *= factors(block.first_token_s(some) / need.first_token_s)
    if request is not None:
        over *= factors(request / need.request_s)
    over = over.take(block.copy_at, axis=1)
    over *= fixed
    if request is not None and need.requests_per_s:
        share = known(need.requests_per_s * request).take(block.copy_at, axis=1)
        share /= block.cells.batch[block.places]
        over *= share.clip(1, BEYOND, out=share)
    return over


def shares_by_limit(
    need: Need, budget: Budget, catalog: Catalog, block: Block, inside: Places, some: Places
) -> dict[str, Floats]:  # fmt: skip
    """How often each limit that there is, but that of memory, goes into its figure, by name; unknown where that is.

    In shapes that go with R x D, of some of the forms and the places `inside` of D.
    """
    at, places = block.copy_at[inside], block.places[inside]
    columns = fixed_limits(need, budget).items()
    found = {name: getattr(block.cells, of)[places] / limit for name, (of, limit) in columns if limit < inf}
    if need.first_token_s < inf:
        found["first token"] = (block.first_token_s(some) / need.first_token_s).take(at, axis=1)
    if need.token_s < inf:
        found["time per token"] = (block.token_s(some) / need.token_s).take(at, axis=1)
    if need.request_s < inf or need.requests_per_s:
        request = request_s(need, block, some).take(at, axis=1)
        if need.request_s < inf:
            found["time of a request"] = request / need.request_s
        if need.requests_per_s:
            found["requests a second"] = need.requests_per_s * request / block.cells.batch[places]
    if need.quality:
        found["score"] = score_overrun(need, catalog, block)[block.place(some)[1], None]
    if need.context_tokens:
        found["context"] = np.array(reads(need) / block.model.max_context)
    return found
