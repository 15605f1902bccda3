"""What may a recommendation choose from? Models, formats and engines, and devices at their rent."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import isfinite

from calculators import UNKNOWN
from calculators.hardware import Accelerator
from calculators.recommend import Catalog
from pages.ui.controls.records import profile
from pages.ui.controls.session import imported
from pages.ui.links.fields import Inputs
from pages.ui.links.values import ANY_PROVIDER, ANY_REGION, FAMILIES, SOURCES
from presets.catalog import (
    abilities,
    accelerator_facts,
    accelerators,
    cache_formats,
    engines,
    format_losses,
    model_facts,
    offered_formats,
    published_in,
    quality_kept,
    runnable_formats,
)
from presets.launch import starters
from presets.quality import quality
from presets.rents import cheapest
from presets.servers import servers

RENTED = (SOURCES[1], SOURCES[3])


def market(chosen: Inputs) -> tuple[str, str]:
    """The provider and the region whose rents count: those chosen where devices are rented, else any."""
    return (chosen.provider, chosen.region) if chosen.have in RENTED else (ANY_PROVIDER, ANY_REGION)


@cache
def rents(provider: str, region: str) -> Mapping[str, Accelerator]:
    """The devices at the lowest rent in the list, of a provider or region where one is chosen."""
    if (provider, region) == (ANY_PROVIDER, ANY_REGION):
        return accelerators()
    offers = cheapest("" if provider == ANY_PROVIDER else provider, "" if region == ANY_REGION else region)
    return {
        name: replace(card, usd_per_hour=offers[name].usd_per_device_hour if name in offers else UNKNOWN)
        for name, card in accelerators().items()
    }


def catalog(
    family: str, engine: str, fit: str = "", own: str | None = None,
    provider: str = ANY_PROVIDER, region: str = ANY_REGION,
) -> Catalog:  # fmt: skip
    """What a recommendation chooses from: published models and the visitor's own, in a family of weight formats.

    GGUF runs on llama.cpp, the others on the server that the visitor's engine stands for.
    """
    brought, name = imported(own), server(engine)
    found = replace(
        _catalog(family, name),
        engine=profile(name, fit),
        engines={GGUF: profile(GGUF, fit)},
        accelerators=rents(provider, region),
    )
    if brought is None:
        return found
    return replace(found, models={**found.models, brought.name: brought.architecture})


def server(engine: str) -> str:
    """The engine itself, or vLLM where it is llama.cpp or none that can be started as a server."""
    return engine if engine in starters() and engine != GGUF else "vLLM"


def scores(benchmark: str) -> dict[str, float]:
    """The score of every model that has one on a benchmark, per cent."""
    return {name: score.value for name, score in quality(benchmark).items()}


GGUF = "llama.cpp"  # the engine, and the family of formats that it alone runs


@cache
def _catalog(family: str, server: str) -> Catalog:
    """Published models, a family of weight formats, the caches of the engines that run them.

    Only "all formats" has those that are rare.
    """
    rare = {**runnable_formats(server), **runnable_formats(GGUF)}
    served, local = offered_formats(server), offered_formats(GGUF)
    chosen = dict(zip(FAMILIES, (served, local, rare, {**served, **local}), strict=True))
    spreads = {name: loss.loss_spread for name, loss in format_losses().items() if isfinite(loss.loss_percent)}
    models_ = {name: facts.architecture for name, facts in model_facts().items() if not facts.synthetic}
    return Catalog(
        models=models_,
        published={name: published_in(name) for name in models_},
        weight_formats=chosen[family],
        cache_formats=cache_formats(),
        accelerators=accelerators(),
        engine=engines()[server],
        abilities=abilities(),
        quality=scores("MMLU"),
        kept=quality_kept(),
        kept_range={
            (model, fmt): (1 - high / 100, min(1 - low / 100, 1.0))
            for model in models_
            for fmt, (low, high) in spreads.items()
            if quality_kept().get((model, fmt), 1.0) < 1
        },
        usd_to_buy={name: facts.list_price_usd for name, facts in accelerator_facts().items()},
        vendors={name: facts.vendor for name, facts in accelerator_facts().items()},
        servers=servers(),
    )
