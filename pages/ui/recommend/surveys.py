"""What was surveyed for a visitor? Kept, so that moving a limit chooses among figures that are at hand."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from math import inf
from time import monotonic
from typing import Any

import streamlit as st

from calculators.architecture import Architecture
from calculators.recommend import Budget, Need, Recommendation, Survey, Surveyor, choose, early
from pages.ui.controls.records import model
from pages.ui.links import fields
from pages.ui.links.values import HELD
from pages.ui.recommend import jobs, needs, stock, why
from presets.scenarios import scenarios

SILENT_S = 0.5  # shorter work shows no progress
STEP = 0.05  # of the models, between two messages of progress
_latest: dict[tuple[Any, ...], Surveyor] = {}  # the last one, by all that it was made of but the job


@lru_cache(maxsize=4)  # 2 MB of a host's devices, 90 of rented ones, 360 of every device and format
def _surveyor(
    need: Need, devices: tuple[tuple[str, int], ...], vendors: frozenset[str], buys: bool, family: str,
    engine: str, fit: str, own: str, provider: str, region: str, alone: Architecture | None,
) -> Surveyor:  # fmt: skip
    key = (devices, vendors, buys, family, engine, fit, own, provider, region, alone)
    before = _latest.get(key)
    if before is not None:
        found = before.under(need)
    else:
        budget = Budget(devices=dict(devices), vendors=vendors, usd_to_buy=0.0 if buys else inf)
        catalog = stock.catalog(family, engine, fit, own, provider, region)
        if alone is not None:
            catalog = replace(catalog, models={alone.name: alone})
        found = Surveyor(need, budget, catalog)
    _latest.clear()
    _latest[key] = found
    return found


def surveyor(chosen: fields.Inputs) -> Surveyor:
    """What surveys the models that may be chosen from, for the visitor's job and devices."""
    job, money = needs.job(chosen), needs.budget(chosen)
    job = replace(job, requests_per_s=min(job.requests_per_s, 1.0))  # how many a second is a limit like others
    return _surveyor(
        job, tuple(sorted(money.devices.items())), money.vendors, money.buys, chosen.family,
        stock.server(chosen.engine), chosen.fit, chosen.own, *stock.market(chosen),
        model(chosen)[0] if chosen.models == HELD[1] else None,
    )  # fmt: skip


def surveyed(chosen: fields.Inputs, models: Iterable[str] | None = None) -> Survey:
    """The survey of some models, else of all of the sizes asked for; a bar shows how far it is if it takes a while."""
    every = surveyor(chosen)
    some = needs.sized(chosen, every.catalog.models)
    with _progress() as tell:
        found = every.survey(some.keys() if models is None else some.keys() & set(models), tell)
    return replace(found, catalog=replace(found.catalog, models=some, quality=stock.scores(chosen.bench)))


def answered(chosen: fields.Inputs) -> Recommendation:
    """The recommendation of the models that its pick and its reasons follow from: see `early`."""
    catalog, job = surveyed(chosen, ()).catalog, scenarios().get(chosen.job)
    return early(
        lambda some: surveyed(chosen, some), needs.need(chosen), needs.budget(chosen), catalog, share=why.NEARLY,
        also={name for name, model in catalog.models.items() if job and jobs.of_scale(job, model)},
    )  # fmt: skip


def compared(chosen: fields.Inputs, answer: Recommendation) -> Recommendation:
    """The recommendation with all else that there is beside its answer."""
    found = surveyed(chosen)
    return answer if len(found.blocks) == len(answer.found.blocks) else choose(found, answer.need, answer.budget)


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """What to tell the share that is done: a bar shows it once that takes long.

    Before, nothing is written where it will be: at whatever is written, what a visitor moved meanwhile is taken up.
    """
    place, began, said = st.empty(), monotonic(), 0.0

    def tell(share: float) -> None:
        nonlocal said
        if share < said + STEP:
            return
        said = share
        if monotonic() - began > SILENT_S:
            place.progress(share, "Trying every combination …")
        else:
            place.empty()

    try:
        yield tell
    finally:
        place.empty()
