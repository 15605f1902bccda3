"""What is the answer in words? What a scenario fits, takes and lacks, a sentence each."""

from collections.abc import Mapping
from math import isfinite

from calculators.architecture import Architecture, active_parameters, parameters
from calculators.estimate import Estimate, Scenario, weights_of
from calculators.formats import Format
from calculators.hardware import Deployment
from calculators.memory import kv_cache_bytes, state_bytes, weight_bytes
from pages.ui.explain.wording import (
    NAMES,
    UNKNOWN,
    digits,
    listed,
    plural,
    short_device,
    show_bytes,
    show_count,
    show_seconds,
    show_usd,
)
from presets.catalog import abilities, cache_formats, engines, formats, offered_caches, runnable_formats


def devices_text(scenario: Scenario) -> str:
    """The devices of a scenario: "one H100 SXM5 80GB", "8 × H200 SXM"."""
    deployment = scenario.deployment
    name = short_device(deployment.accelerator.name)
    return f"one {name}" if deployment.devices == 1 else f"{int(deployment.devices):,} × {name}"


def least(scenario: Scenario) -> str:
    """A "≥ " before a time per token where a device's peak is unknown, so that a step counts its memory alone."""
    return "" if isfinite(scenario.deployment.accelerator.peak("bf16")) else "≥ "


def missing(scenario: Scenario) -> str:
    """Which figure nobody published, so that a time is unknown."""
    card = scenario.deployment.accelerator
    if not isfinite(card.peak("bf16")):
        return f"no 16-bit peak rate of {card.name} is published"
    if not isfinite(card.link_bytes_per_s):
        return f"no link between several {card.name} is published"
    return (
        f"{plural(card.node_devices, 'device')} of {card.name} are joined directly, the network beyond is not modelled"
    )


def lacking(scenario: Scenario, figures: Estimate) -> str:
    """The same in a few words, for the line under a figure; a rent where the times are known."""
    card = scenario.deployment.accelerator
    if isfinite(figures.token_s) and isfinite(figures.first_token_s):
        return "unknown: no rent"
    if not isfinite(card.peak("bf16")):
        return "unknown: no peak rate"
    return "unknown: no link rate" if not isfinite(card.link_bytes_per_s) else "unknown: network"


def verdict(scenario: Scenario, figures: Estimate, rescue: str | None) -> str:
    """The answer in one sentence: fits or not, what it feels like, what it costs; or what would make it fit."""
    who = f"**{scenario.model.name}** in {scenario.weight_format.name}"
    where, batch = devices_text(scenario), plural(scenario.workload.batch, "request")
    if not figures.fits:
        lacks = f"**{show_bytes(figures.used_bytes)}** on {show_bytes(figures.capacity_bytes)}"
        words = f"{who} with {batch} at once **does not fit** {where}: {lacks} a device."
        return f"{words} {rescue} would." if rescue else f"{words} No single change would make it fit."
    if not isfinite(figures.token_s):
        links = f"{who} **fits** {where} with {show_bytes(figures.free_bytes)} to spare and {batch} at once."
        return f"{links} Its times are **unknown**: {missing(scenario)}."
    speed = 1 / figures.token_s
    first = show_seconds(figures.first_token_s)
    start = (
        f"first token after **{first}**"
        if first != UNKNOWN
        else f"time to the first token **unknown** ({missing(scenario)})"
    )
    pace = f"then {'at most ' if least(scenario) else ''}**{digits(speed)} tokens a second** for each"
    cost = figures.usd_per_token * 1e6
    price = f", **{show_usd(cost)}** per million output tokens at full load" if isfinite(cost) else ""
    return (
        f"{who} **fits** {where} with {show_bytes(figures.free_bytes)} to spare and {batch} at once: "
        f"{start}, {pace}{price}."
    )


def brought(model: Architecture, fmt: Format, cache_bytes: float) -> str:
    """What an imported model is, in one sentence: parameters, weights, cache."""
    active = active_parameters(model)
    used = "" if active == parameters(model) else f", of which a token uses **{show_count(active)}**"
    cache = (
        f"each token of a text takes **{show_bytes(cache_bytes)}** of cache" if cache_bytes else "a text takes no cache"
    )
    return (
        f"**{model.name}** has **{show_count(parameters(model))} parameters**{used}. In {fmt.name} its weights take "
        f"**{show_bytes(weight_bytes(model, fmt))}**, and {cache} in 16 bits."
    )


def grows(model: Architecture) -> bool:
    """Whether a longer request holds more: not where fixed states alone stand for what was read."""
    fmt = next(iter(cache_formats().values()))
    return bool(kv_cache_bytes(model, fmt, batch=1, context_tokens=1))


def cache_name(model: Architecture) -> str:
    """What a pass reads of the tokens before: keys and values, a fixed state that stands for them, or both."""
    if not state_bytes(model, next(iter(cache_formats().values())), batch=1):
        return NAMES["cache"]
    return f"{NAMES['cache']} and state" if grows(model) else NAMES["state"]


def reach(model: Architecture) -> str:
    """How long a request a model reads, in words."""
    return f"the model reads up to {model.max_context:,}" if grows(model) else "a fixed state sets no end"


def beyond_context(model: Architecture, tokens: int) -> str:
    """That requests are longer than a model reads, or nothing."""
    if tokens <= model.max_context or not grows(model):
        return ""
    return (
        f"{model.name} reads {model.max_context:,} tokens at most, and a prompt with its answer takes {tokens:,}: "
        "it was not made for this. The figures are those of a model that would read so many."
    )


def wrong_engine(scenario: Scenario) -> str:
    """What of a scenario its engine is not made for, and which engines are; or nothing."""
    weights, cache_name = scenario.weight_format.name, scenario.cache_format.name
    card, deployment = scenario.deployment.accelerator.name, scenario.deployment

    def lacks(name: str) -> list[str]:
        able = abilities()[name]
        missing = {
            f"{weights} weights": weights in formats() and weights not in runnable_formats(name),
            f"a cache in {cache_name}": cache_name not in offered_caches(name),
            f"{short_device(card)}": not able.takes(card),
            "layers cut over devices": deployment.tensor_parallel > 1 and not able.tensor_parallel,
            "pipeline stages": deployment.pipeline_parallel > 1 and not able.pipeline_parallel,
            "experts divided over devices": deployment.expert_parallel > 1 and not able.expert_parallel,
        }
        return [what for what, is_missing in missing.items() if is_missing]

    wrong = lacks(scenario.engine.name)
    if not wrong:
        return ""
    others = [f"**{name}**" for name, engine in engines().items() if engine.memory and not lacks(name)]
    way = f"Made for it: {listed(others)}, to choose under Engine." if others else "No other engine here is, either."
    return f"{scenario.engine.name} is not made for {', nor for '.join(wrong)}: these figures are a what-if. {way}"


def held(memory: Mapping[str, float]) -> str:
    """What a device holds beside the engine's own, in words: weights, the cache, a fixed state."""
    parts = [f"Weights take {show_bytes(weights_of(memory))}"]
    if memory["cache"] or "state" not in memory:
        parts.append(f"the KV cache {show_bytes(memory['cache'])}")
    if "state" in memory:
        parts.append(f"the fixed state {show_bytes(memory['state'])}")
    return f"{', '.join(parts)} of a device"


def would_be(shown: str) -> str:
    """A figure of what does not fit, for the line under a dash."""
    return "" if shown == UNKNOWN else f"would be {shown}"


def cut_of(deployment: Deployment) -> str:
    """How a deployment uses its devices, in short: TP 2 × PP 2 × 3 copies."""
    width, stages, copies = (
        int(deployment.tensor_parallel), int(deployment.pipeline_parallel), int(deployment.replicas)
    )  # fmt: skip
    parts = [f"TP {width}"] if width > 1 else []
    parts += [f"EP {int(deployment.expert_parallel)}"] if deployment.expert_parallel > 1 else []
    parts += [f"PP {stages}"] if stages > 1 else []
    parts += [plural(copies, "copy").replace("copys", "copies")] if copies > 1 else []
    return " × ".join(parts) or "whole"
