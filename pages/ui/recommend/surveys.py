"""What was surveyed for a visitor? Kept, so that moving a limit chooses among figures that are at hand."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf
from threading import Lock
from time import monotonic
from typing import Any

import streamlit as st

from calculators.recommend import Budget, Catalog, Need, Recommendation, Survey, Surveyor, choose, early
from pages.ui.controls.records import model
from pages.ui.links import fields
from pages.ui.links.values import HELD
from pages.ui.recommend import jobs, needs, stock, why
from presets.scenarios import scenarios

SILENT_S = 0.5  # shorter work shows no progress
EVERY_S = 0.15  # between two messages of progress
MOST = 8  # surveyors that are kept
MOST_BYTES = 500e6  # of their figures: 2 MB of a host's devices, 90 of rented ones, 360 of every device and format
_Key = tuple[tuple[Any, ...], Need]
_kept: dict[_Key, Surveyor] = {}  # by what they are made of and the job, the latest last
_lock = Lock()


def surveyor(chosen: fields.Inputs) -> Surveyor:
    """What surveys the models that may be chosen from, for the visitor's job and devices."""
    job, money = needs.job(chosen), needs.budget(chosen)
    job = replace(job, requests_per_s=min(job.requests_per_s, 1.0))  # how many a second is a limit like others
    origin = (chosen.family, stock.server(chosen.engine), chosen.fit, chosen.own, *stock.market(chosen))
    alone = model(chosen)[0] if chosen.models == HELD[1] else None
    made_of = (tuple(sorted(money.devices.items())), money.vendors, money.buys, *origin, alone)
    with _lock:
        found = _kept.get((made_of, job))
        before = next((each for (other, _), each in reversed(_kept.items()) if other == made_of), None)
    if found is None and before is not None:
        found = before.under(job)
    elif found is None:
        catalog = stock.catalog(*origin)
        if alone is not None:
            catalog = replace(catalog, models={alone.name: alone})
        budget = Budget(devices=money.devices, vendors=money.vendors, usd_to_buy=0.0 if money.buys else inf)
        found = Surveyor(job, budget, catalog)
    with _lock:
        _kept.pop((made_of, job), None)
        _kept[made_of, job] = found
        while len(_kept) > MOST or (len(_kept) > 1 and sum(each.bytes for each in _kept.values()) > MOST_BYTES):
            del _kept[next(iter(_kept))]
    return found


def surveyed(
    chosen: fields.Inputs, models: Iterable[str] | None = None, tell: Callable[[float], None] | None = None
) -> Survey:  # fmt: skip
    """The survey of some models, else of all of the sizes asked for."""
    every = surveyor(chosen)
    catalog = _catalog(chosen, every)
    some = catalog.models.keys() if models is None else catalog.models.keys() & set(models)
    return replace(every.survey(some, tell), catalog=catalog)


def _catalog(chosen: fields.Inputs, every: Surveyor) -> Catalog:
    """What is chosen from: the models of the sizes asked for, with their scores on the visitor's benchmark."""
    return replace(
        every.catalog, models=needs.sized(chosen, every.catalog.models), quality=stock.scores(chosen.bench)
    )  # fmt: skip


def answered(chosen: fields.Inputs) -> Recommendation:
    """The recommendation of the models that its pick and its reasons follow from: see `early`."""
    every, job = surveyor(chosen), scenarios().get(chosen.job)
    catalog = _catalog(chosen, every)
    seen: set[str] = set()
    with _progress() as tell:

        def of(of_all: Surveyor, some: Collection[str]) -> Survey:
            before = len(seen)
            seen.update(some)
            found = of_all.survey(
                catalog.models.keys() & set(some),
                lambda share: tell((before + share * (len(seen) - before)) / len(catalog.models)),
            )
            return replace(found, catalog=catalog)

        return early(
            partial(of, every), needs.need(chosen), needs.budget(chosen), cheap=lambda some: of(every.cheap, some),
            share=why.NEARLY,
            also={name for name, each in catalog.models.items() if job and jobs.of_scale(job, each)},
        )  # fmt: skip


def compared(chosen: fields.Inputs, answer: Recommendation) -> Recommendation:
    """The recommendation with all else that there is beside its answer."""
    with _progress() as tell:
        found = surveyed(chosen, tell=lambda share: tell(share / 2))
        if len(found.blocks) == len(answer.found.blocks):
            return answer
        return choose(
            found, answer.need, answer.budget, lambda share: tell((1 + share) / 2), before=[answer],
            known_in_flight=answer.in_flight,
        )  # fmt: skip


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """What to tell the share that is done: a bar shows it once that takes long.

    Before, nothing is written where it will be: at whatever is written, what a visitor moved meanwhile is taken up.
    """
    place, began, due = st.empty(), monotonic(), EVERY_S

    def tell(share: float) -> None:
        nonlocal due
        took = monotonic() - began
        if took < due:
            return
        due = took + EVERY_S
        if took > SILENT_S:
            place.progress(share, "Trying every combination …")
        else:
            place.empty()

    try:
        yield tell
    finally:
        place.empty()
