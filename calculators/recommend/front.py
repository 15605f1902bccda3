"""Which combinations does nothing beat in cost, in time per token and in quality at once?"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf

import numpy as np

from calculators.recommend.grid import Floats, Places, known
from calculators.recommend.limits import affordable, cycle_s, model_overrun, within
from calculators.recommend.records import Budget, Need
from calculators.recommend.survey import Block, Survey
from calculators.recommend.table import Table, rows_of, run_begins

Point = tuple[float, float, float, int, int, int]  # what the score lacks, cost, seconds a token, block, form, cell


def front(found: Survey, need: Need, budget: Budget, *, priced: bool) -> Table:
    """The Pareto front of what keeps to the limits and has a score: cost (devices where not all are priced), seconds a
    token, score; the cheapest first."""
    waiting: list[Point] = []  # a heap, until no block can score as much
    kept: list[Point] = []
    costs: list[float] = []  # of what is kept and not beaten in cost and time by what scores as well, rising
    times_s: list[float] = []  # their times, falling
    for best, place, scores, asked in _by_score(found, need):
        while waiting and -waiting[0][0] > best:
            _keep(heappop(waiting), kept, costs, times_s)
        block = found.blocks[place]
        reached = np.append(inf, times_s)[np.searchsorted(costs, _cost(block, priced=priced), side="right")]
        some = np.flatnonzero(_soonest_s(need, block, asked) < reached)
        block = block.over(some) if len(some) else block
        inside = affordable(need, budget, block) if len(some) else some
        if not len(inside):
            continue
        cells, cost = block.places[inside], _cost(block, priced=priced)[inside]
        if not priced:
            order = np.argsort(cost, kind="stable")
            inside, cells, cost = inside[order], cells[order], cost[order]
        for weights, forms, places, times in _staircase(need, block, inside, asked, cost):
            columns = (cost[places].tolist(), times.tolist(), forms.tolist(), cells[places].tolist())
            for usd, time, form, cell in zip(*columns, strict=True):
                heappush(waiting, (-scores[weights], usd, time, place, form, cell))
    for point in sorted(waiting):
        _keep(point, kept, costs, times_s)
    kept.sort(key=lambda point: point[1:3])
    return rows_of(found, [(place, form, cell, time) for _, _, time, place, form, cell in kept])


def _keep(point: Point, kept: list[Point], costs: list[float], times_s: list[float]) -> None:
    """Keep a point unless what is kept, all of which scores as well, beats it in cost and time."""
    _, usd, time = point[:3]
    at = bisect_right(costs, usd)
    if at and times_s[at - 1] <= time:
        return
    kept.append(point)
    end = at
    while end < len(costs) and times_s[end] >= time:
        end += 1
    first = bisect_left(costs, usd)
    costs[first:end], times_s[first:end] = [usd], [time]


def _by_score(found: Survey, need: Need) -> list[tuple[float, int, list[float], Places]]:
    """(best score, block, score of each weight format, weight formats that have one and are asked for), the best first.

    Blocks without such a format are left out.
    """
    rows = []
    for place, block in enumerate(found.blocks):
        scores = [found.catalog.score(block.model.name, fmt.name) for fmt in block.weights]
        asked = np.flatnonzero(np.isfinite(scores) & (model_overrun(need, found.catalog, block) <= 1))
        if len(asked):
            rows.append((max(scores[at] for at in asked), place, scores, asked))
    return sorted(rows, key=lambda row: row[0], reverse=True)


def _cost(block: Block, *, priced: bool) -> Floats:
    """What each deployment costs, D: devices where not all are priced."""
    return (block.cells.cost_usd if priced else block.cells.devices.astype(float))[block.places]


def _soonest_s(need: Need, block: Block, asked: Places) -> Floats:
    """Seconds a token on each deployment, D, that no form in the weight formats asked for is below.

    The least that weights and cache take, each by itself; inf where not even that answers the rate of requests.
    """
    token = np.fmin.reduce(block.token_by_weights[asked]) + np.fmin.reduce(block.token_by_cache)
    soonest = known(token).take(block.copy_at)
    if need.requests_per_s:
        first = np.fmin.reduce(block.first_by_weights[asked]) + np.fmin.reduce(block.first_by_cache)
        request = cycle_s(need, block.cells, block.engine, block.copies, first[block.first_at], token)
        answers = (need.requests_per_s * request).take(block.copy_at) <= block.cells.batch[block.places]
        soonest = np.where(answers, soonest, inf)
    return soonest


def _staircase(
    need: Need, block: Block, inside: Places, asked: Places, cost: Floats
) -> Iterator[tuple[int, Places, Places, Floats]]:  # fmt: skip
    """(weight format, forms, places, seconds a token) of what nothing as cheap in that format beats in time.

    Of the places `inside` of D, whose costs do not fall from one to the next. A wider cache is taken before a narrower
    one as fast.
    """
    wide = np.argsort([-fmt.bits_per_value for fmt in block.caches], kind="stable")
    forms = wide[:, None] * len(block.weights) + asked
    some, begins = forms.ravel(), run_begins(cost)
    times = known(block.token_s(some)).take(block.copy_at[inside], axis=1)
    speeds = np.where(within(need, block, inside, some), times, inf).reshape(*forms.shape, -1)
    fastest = speeds.min(axis=0)
    steps = np.minimum.accumulate(np.minimum.reduceat(fastest, begins, axis=1), axis=1)
    gains = np.isfinite(steps)
    gains[:, 1:] &= steps[:, 1:] < steps[:, :-1]
    ends = np.append(begins[1:], len(cost))
    for row, weights in enumerate(asked.tolist()):
        runs = np.flatnonzero(gains[row])
        places = np.array([begins[run] + fastest[row, begins[run] : ends[run]].argmin() for run in runs], dtype=np.intp)
        at = np.argmax(speeds[:, row, places] == fastest[row, places], axis=0)
        yield weights, forms[at, row], places, steps[row, runs]
