"""Which combinations does nothing beat in cost, in time per token and in quality at once?"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from math import inf

import numpy as np

from calculators.recommend.grid import Floats, Places, known
from calculators.recommend.limits import affordable, model_overrun, within
from calculators.recommend.records import Budget, Need
from calculators.recommend.survey import Block, Survey
from calculators.recommend.table import Table, rows_of, run_begins

Point = tuple[float, float, float, int, int, int]  # what the score lacks, cost, seconds a token, block, form, cell


def front(found: Survey, need: Need, budget: Budget, *, priced: bool) -> Table:
    """The Pareto front of what keeps to the limits and has a score: cost (devices where not all are priced), seconds a
    token, score; the cheapest first."""
    points: list[Point] = []
    for place, block in enumerate(found.blocks):
        scores = [found.catalog.score(block.model.name, fmt.name) for fmt in block.weights]
        will = model_overrun(need, found.catalog, block) <= 1
        asked = [at for at, score in enumerate(scores) if score == score and will[at]]
        inside = affordable(need, budget, block)
        if not asked or not len(inside):
            continue
        cost = (block.cells.cost_usd if priced else block.cells.devices.astype(float))[block.places[inside]]
        if not priced:
            order = np.argsort(cost, kind="stable")
            inside, cost = inside[order], cost[order]
        cells = block.places[inside]
        for weights, forms, places, times in _staircase(need, block, inside, np.array(asked), cost):
            columns = (cost[places].tolist(), times.tolist(), forms.tolist(), cells[places].tolist())
            points += [
                (-scores[weights], usd, time, place, form, cell) for usd, time, form, cell in zip(*columns, strict=True)
            ]
    points.sort()
    kept: list[Point] = []
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
    return rows_of(found, [(place, form, cell, time) for _, _, time, place, form, cell in kept])


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
