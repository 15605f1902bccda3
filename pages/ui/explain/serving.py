"""What does a server make of a scenario? Its start, its cache and many requests at once, in words."""

from math import isfinite

from calculators.estimate import Scenario, batch_per_replica
from calculators.serving import Served
from calculators.serving_memory import Division
from calculators.tensor import PARTS
from pages.ui.explain.wording import in_sentence, listed, per_cent, plural, show_bytes, show_rate, show_seconds


def cache_given(scenario: Scenario, needed: float, given: float) -> str:
    """How the cache that an engine takes and the one that the requests need are told apart."""
    return (
        f"{scenario.engine.name} gives its cache all that its share leaves, {show_bytes(max(given, 0.0))}; the "
        f"requests of this scenario need {show_bytes(needed)} of it, which the first bar counts."
    )


def kept_by_host(scenario: Scenario) -> str:
    """Which weights stay in the host's memory, or nothing."""
    rule = scenario.engine.memory
    parts = [in_sentence(part) for part in PARTS if rule and part in rule.host_parts]
    if not parts:
        return ""
    tied = " (a copy of it is the output head, on the device)" if scenario.model.tied_embeddings else ""
    return (
        f"Weights are those on the device: {scenario.engine.name} keeps the {listed(parts)}{tied} in the host's "
        "memory, where single rows are looked up."
    )


def what_if_changes(plain: Served, found: Served) -> str:
    """What the what-ifs change of both times, in a line; nothing where they change nothing."""
    told = []
    for name, words in (("first_token_s", "first token"), ("token_s", "each further one")):
        before, after = (float(getattr(each, name)) for each in (plain, found))
        if isfinite(before) and before != after:
            share = after / before - 1
            told.append(
                f"{words} {show_seconds(after)} instead of {show_seconds(before)} ({per_cent(share, signed=True)})"
            )
    return f"With these what-ifs: {', '.join(told)}." if told else ""


def starting(scenario: Scenario, found: Division) -> str:
    """What stops an engine from starting, or nothing: no cache for one request, or more than the device has."""
    name, memory = scenario.engine.name, scenario.deployment.accelerator.memory_bytes
    one, tokens = found.request_bytes, int(scenario.workload.context_tokens)
    if found.cache_bytes < one:
        return (
            f"{name} would not start: one request of {tokens:,} tokens takes {show_bytes(one)} of cache, and "
            f"{show_bytes(max(found.cache_bytes, 0))} would be left for it. Fewer bits or more devices"
            + (", or a larger share," if scenario.engine.memory and scenario.engine.memory.share_name else "")
            + " would help."
        )
    if found.taken_bytes > memory:
        return (
            f"{name} would run out of memory: with its cache full it takes {show_bytes(found.taken_bytes)} of "
            f"{show_bytes(memory)}. Give it a smaller share."
        )
    return ""


def serving(scenario: Scenario, found: Served, fits: bool) -> str:
    """What many at once get, in a sentence; where so many do not fit and the engine lets none wait, had they room."""
    rule = scenario.engine.memory
    words = (
        ("" if fits or (rule and rule.sizes_cache) else "So many do not fit at once; had they room: ")
        + f"With {plural(scenario.workload.batch, 'request')} in flight all the time, each has its first token after "
        f"**{show_seconds(found.first_token_s)}** and a further one every **{show_seconds(found.token_s)}**: "
        f"**{show_rate(found.tokens_per_s, 'tokens/s')}** in all."
    )
    asked, running = batch_per_replica(scenario), float(found.running)
    if running < asked:
        words += (
            f" {scenario.engine.name} runs {plural(running, 'request')} of a copy's {int(asked):,} at once; the others "
            f"wait **{show_seconds(found.waiting_s)}** of that for their turn."
        )
    return words
