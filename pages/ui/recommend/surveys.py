"""What was surveyed for a visitor? Kept, so that moving a limit chooses among figures that are at hand."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from math import inf
from time import monotonic
from typing import Any

import streamlit as st

from calculators.architecture import Architecture
from calculators.recommend import Budget, Need, Survey, resurvey, survey
from pages.ui.controls.records import model
from pages.ui.links import fields
from pages.ui.links.values import HELD
from pages.ui.recommend import needs, stock

SILENT_S = 0.5  # shorter work shows no progress
STEP = 0.05  # of the models, between two messages of progress
_told: ContextVar[Callable[[float], None] | None] = ContextVar("_told", default=None)
_latest: dict[tuple[Any, ...], Survey] = {}  # the last survey, by all that it was made of but the job


@lru_cache(maxsize=4)  # 2 MB of a host's devices, 90 of rented ones, 360 of every device and format
def _surveyed(
    need: Need, devices: tuple[tuple[str, int], ...], vendors: frozenset[str], buys: bool, family: str,
    engine: str, fit: str, own: str, provider: str, region: str, alone: Architecture | None,
) -> Survey:  # fmt: skip
    key = (devices, vendors, buys, family, engine, fit, own, provider, region, alone)
    before = _latest.get(key)
    if before is not None:
        found = resurvey(before, need, _told.get())
    else:
        budget = Budget(devices=dict(devices), vendors=vendors, usd_to_buy=0.0 if buys else inf)
        catalog = stock.catalog(family, engine, fit, own, provider, region)
        if alone is not None:
            catalog = replace(catalog, models={alone.name: alone})
        found = survey(need, budget, catalog, _told.get())
    _latest.clear()
    _latest[key] = found
    return found


def surveyed(chosen: fields.Inputs) -> Survey:
    """The survey of the visitor's job, devices and models; a bar shows how far it is where it takes a while."""
    job, money = needs.job(chosen), needs.budget(chosen)
    job = replace(job, requests_per_s=min(job.requests_per_s, 1.0))  # how many a second is a limit like others
    place, began, said = st.empty(), monotonic(), 0.0

    def tell(share: float) -> None:
        nonlocal said
        if monotonic() - began > SILENT_S and share >= said + STEP:
            place.progress(share, "Trying every combination …")
            said = share

    alone = model(chosen)[0] if chosen.models == HELD[1] else None
    token = _told.set(tell)
    try:
        devices = tuple(sorted(money.devices.items()))
        found = _surveyed(
            job, devices, money.vendors, money.buys, chosen.family, stock.server(chosen.engine),
            chosen.fit, chosen.own, *stock.market(chosen), alone,
        )  # fmt: skip
    finally:
        _told.reset(token)
        place.empty()
    some = needs.sized(chosen, found.catalog.models)
    return replace(
        found,
        catalog=replace(found.catalog, models=some, quality=stock.scores(chosen.bench)),
        blocks=tuple(block for block in found.blocks if block.model.name in some),
    )
