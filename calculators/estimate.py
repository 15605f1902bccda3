"""What does a scenario need and how does it feel? One formula for one scenario and for a sweep of a million."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from calculators import UNKNOWN, Quantity
from calculators.architecture import Architecture
from calculators.formats import Format
from calculators.hardware import Deployment, Engine, MemoryRule
from calculators.latency import (
    Work,
    decode_cache_rows,
    decode_rows,
    links_row,
    prompt_pass_rows,
    prompt_passes,
    prompt_rows,
    seconds,
    started_s,
)
from calculators.memory import activation_bytes, device_cache_bytes, device_state_bytes, device_weight_bytes, total
from calculators.serving_memory import Division, charged_bytes, divided_bytes, division, loaded_by_part, tokens_bytes
from calculators.tensor import PARTS

# What a device's memory holds, in the order in which charts stack it.
COMPONENTS = (*PARTS, "cache", "state", "activations", "reserve")


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """`batch` requests at once, each a prompt of prompt_tokens and an answer of output_tokens; any may be an array.

    `prefix_hits`: the share of a prompt that stands in the engine's prefix cache, so that it is attended to, not read.
    """

    batch: Quantity = 1
    prompt_tokens: Quantity = 1024
    output_tokens: Quantity = 256
    prefix_hits: Quantity = 0.0

    @property
    def context_tokens(self) -> Quantity:
        """Tokens that a finished request has in the cache, a count."""
        return self.prompt_tokens + self.output_tokens

    @property
    def cached_tokens(self) -> Quantity:
        """Tokens of a prompt in the prefix cache, a count: never its last, which the first token follows from."""
        return np.minimum(self.prompt_tokens * self.prefix_hits, self.prompt_tokens - 1)

    @property
    def read_tokens(self) -> Quantity:
        """Tokens of a prompt that are read, a count."""
        return self.prompt_tokens - self.cached_tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """Everything an estimate depends on. All arrays in it broadcast against each other."""

    model: Architecture
    weight_format: Format
    cache_format: Format
    deployment: Deployment
    workload: Workload
    engine: Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a scenario needs on its fullest device, how fast it answers and what that costs."""

    memory_bytes: Mapping[str, Quantity]  # by COMPONENTS; they add up to used_bytes
    used_bytes: Quantity
    capacity_bytes: Quantity
    fits: bool | np.ndarray
    first_token_s: Quantity  # one prompt, alone
    all_first_tokens_s: Quantity  # the last of the batch when all prompts arrive at once
    token_s: Quantity  # between two tokens of a request while the whole batch decodes
    request_s: Quantity  # from first to last token of the batch, all prompts included
    tokens_per_s: Quantity  # answered by all devices, prompts' time included
    joules_per_token: Quantity  # at rated power: an upper bound
    usd_per_token: Quantity

    @property
    def free_bytes(self) -> Quantity:
        """Bytes left on the fullest device; negative where it does not fit."""
        return self.capacity_bytes - self.used_bytes

    def at(self, index: int) -> "Estimate":
        """The estimate of one element of a sweep over one axis; figures that the sweep does not move stay."""

        def pick(figure: Any) -> Any:
            return figure[index] if isinstance(figure, np.ndarray) and figure.ndim else figure

        figures = {field.name: pick(getattr(self, field.name)) for field in fields(self)}
        figures["memory_bytes"] = {name: pick(size) for name, size in self.memory_bytes.items()}
        return Estimate(**figures)


def batch_per_replica(scenario: Scenario) -> Quantity:
    """Requests that one copy of the model serves at once, a count: an even share, rounded up."""
    return np.ceil(scenario.workload.batch / scenario.deployment.replicas)


def weight_bytes_by_part(scenario: Scenario) -> dict[str, Quantity]:
    """Bytes of weights on the fullest device by part, as the engine loads them; they do not depend on the load."""
    given, rule = (scenario.model, scenario.weight_format, scenario.deployment), scenario.engine.memory
    return device_weight_bytes(*given) if rule is None else loaded_by_part(*given, rule)


def memory_bytes(scenario: Scenario, weights: Mapping[str, Quantity] | None = None) -> dict[str, Quantity]:
    """Bytes on the fullest device by component; every request at its full length, what is in the prefix cache too.

    An engine with a memory rule loads, pads and reserves as that says; another runs as many prompt tokens at once as it
    takes, and its reserve is one figure. `weights` by part, where they are known already.
    """
    model, deployment, engine = scenario.model, scenario.deployment, scenario.engine
    workload, cache, rule = scenario.workload, scenario.cache_format, scenario.engine.memory
    batch = batch_per_replica(scenario)
    activations: Quantity
    reserve: Quantity
    parts = dict(weight_bytes_by_part(scenario) if weights is None else weights)
    if rule is None:
        parts["cache"] = device_cache_bytes(
            model, cache, deployment, batch=batch, context_tokens=workload.context_tokens
        )
        most = engine.prefill_tokens(deployment.accelerator.memory_bytes)
        tokens = np.maximum(np.minimum(batch * workload.prompt_tokens, most), batch)
        activations = activation_bytes(model, batch=batch, tokens=tokens, tensor_parallel=deployment.tensor_parallel)
        together = np.asarray(deployment.tensor_parallel * deployment.pipeline_parallel) > 1
        reserve = engine.reserve_bytes + np.where(together, engine.parallel_reserve_bytes, 0.0)[()]
    else:
        parts["cache"] = batch * tokens_bytes(model, cache, deployment, rule, context_tokens=workload.context_tokens)
        charges = charged_bytes(
            model, scenario.weight_format, deployment, rule, batch=batch, known={"weights": weights_of(parts)},
            prompt_tokens=batch * workload.prompt_tokens,
        )  # fmt: skip
        activations, reserve = charges["activations"], charges["libraries"] + charges["graphs"]
    state = device_state_bytes(model, cache, deployment, batch=batch)
    if np.any(state):
        parts["state"] = state
    return parts | {"activations": activations, "reserve": reserve}


def engine_division(
    scenario: Scenario, rule: MemoryRule, known: Mapping[str, Quantity] = MappingProxyType({})
) -> Division:
    """How the scenario's engine divides its fullest device, and what its cache holds at the scenario's lengths."""
    batch = batch_per_replica(scenario)
    return division(
        scenario.model, scenario.weight_format, scenario.cache_format, scenario.deployment, rule, batch=batch,
        context_tokens=scenario.workload.context_tokens, prompt_tokens=batch * scenario.workload.prompt_tokens,
        known=known,
    )  # fmt: skip


def capacity_bytes(scenario: Scenario, memory: Mapping[str, Quantity]) -> Quantity:
    """Bytes of a device that the engine lets itself take: by its memory rule, else all that the driver leaves.

    `memory` is the scenario's by component: what the engine holds beside its cache.
    """
    rule = scenario.engine.memory
    if rule is None:
        return scenario.deployment.accelerator.memory_bytes
    batch = batch_per_replica(scenario)
    charges = charged_bytes(
        scenario.model, scenario.weight_format, scenario.deployment, rule, batch=batch,
        prompt_tokens=batch * scenario.workload.prompt_tokens,
        known={"weights": weights_of(memory), "activations": memory["activations"]},
    )  # fmt: skip
    beside = total({name: charge for name, charge in charges.items() if name not in rule.within})
    return beside + divided_bytes(scenario.deployment, rule, charges)


def weights_of(memory: Mapping[str, Quantity]) -> Quantity:
    """Bytes of weights in a breakdown by component."""
    return total({part: size for part, size in memory.items() if part in PARTS})


def _pass_inputs(scenario: Scenario) -> tuple[Architecture, Format, Format, Deployment, Engine]:
    return (
        scenario.model, scenario.weight_format, scenario.cache_format, scenario.deployment, scenario.engine
    )  # fmt: skip


def first_token_rows(scenario: Scenario) -> list[Work]:
    """Rows of work until the first token of one request alone."""
    workload = scenario.workload
    return prompt_rows(
        *_pass_inputs(scenario), prompt_tokens=workload.prompt_tokens, cached_tokens=workload.cached_tokens
    )  # fmt: skip


def first_token_pass(scenario: Scenario) -> tuple[list[Work], Quantity]:
    """The rows of `first_token_rows` by the pass: (rows of the mean pass, passes), links and `request_s` apart."""
    workload = scenario.workload
    passes = prompt_passes(scenario.deployment, scenario.engine, workload.read_tokens)
    rows = prompt_pass_rows(
        *_pass_inputs(scenario), prompt_tokens=workload.prompt_tokens, cached_tokens=workload.cached_tokens,
        links=False,
    )  # fmt: skip
    return rows, passes


def token_rows(scenario: Scenario, *, links: bool = True) -> list[Work]:
    """Rows of work of one decode step of a copy's batch, halfway through the answers.

    Under pipeline parallel the batch runs as one micro-batch a stage, so that each step carries a share of it.
    """
    workload = scenario.workload
    context = workload.prompt_tokens + workload.output_tokens / 2
    return decode_rows(*_pass_inputs(scenario), batch=requests_a_step(scenario), context_tokens=context, links=links)


def token_cache_rows(scenario: Scenario) -> list[Work]:
    """Those of `token_rows` that depend on what is in the cache."""
    model, _, cache, deployment, engine = _pass_inputs(scenario)
    context = scenario.workload.prompt_tokens + scenario.workload.output_tokens / 2
    batch = requests_a_step(scenario)
    return decode_cache_rows(model, cache, deployment, engine, batch=batch, context_tokens=context)


def requests_a_step(scenario: Scenario) -> Quantity:
    """Requests that gain a token in one decode step, a mean count: a copy's share of them, spread over its stages."""
    return np.maximum(batch_per_replica(scenario) / scenario.deployment.pipeline_parallel, 1)


def first_token_links_s(scenario: Scenario) -> Quantity:
    """Seconds that links take of `first_token_rows`: the only of its rows that depends on stages."""
    deployment, engine, tokens = scenario.deployment, scenario.engine, scenario.workload.read_tokens
    passes = prompt_passes(deployment, engine, tokens)
    return links_row(scenario.model, deployment, engine, tokens / passes).links_s * passes


def started_both_s(scenario: Scenario) -> tuple[Quantity, Quantity]:
    """The least seconds of `first_token_rows` and of `token_rows` where a host starts each kernel from Python."""
    inputs = (scenario.model, scenario.weight_format, scenario.deployment, scenario.engine)
    passes = prompt_passes(scenario.deployment, scenario.engine, scenario.workload.read_tokens)
    return started_s(*inputs, decode=False) * passes + scenario.engine.scheduler.request_s, started_s(
        *inputs, decode=True
    )


def token_links_s(scenario: Scenario) -> Quantity:
    """Seconds that links take of `token_rows`: stages change the others by the requests a step alone."""
    return links_row(scenario.model, scenario.deployment, scenario.engine, requests_a_step(scenario)).links_s


def cycle_s(scenario: Scenario, first_token_s: Quantity, token_s: Quantity) -> tuple[Quantity, Quantity]:
    """Seconds until the last prompt of a copy's batch is read, and until the last token of its answers.

    A copy's cycle is the prompts of its batch, one after another (b of them fill p pipeline stages in
    (b + p - 1) / p times one prompt), then output_tokens decode steps.
    """
    stages, arrival_s = scenario.deployment.pipeline_parallel, scenario.engine.scheduler.request_s
    turns = (batch_per_replica(scenario) + stages - 1) / stages
    prompts_s = arrival_s + (first_token_s - arrival_s) * turns
    return prompts_s, prompts_s + scenario.workload.output_tokens * token_s


def estimate(scenario: Scenario) -> Estimate:
    """Memory, times, energy and cost of a scenario; arrays in it give arrays, element for element the same figures.

    tokens_per_s = batch x output_tokens / (prompts + steps) of a copy's cycle. Energy is rated power x time x devices;
    cost is the price of that time.
    """
    deployment, workload = scenario.deployment, scenario.workload
    card = deployment.accelerator
    memory = memory_bytes(scenario)
    used, capacity = total(memory), capacity_bytes(scenario, memory)
    first_token_s = seconds(first_token_rows(scenario))
    token_s = seconds(token_rows(scenario)) if scenario.model.generates else UNKNOWN
    prompts_s, request_s = cycle_s(scenario, first_token_s, token_s)
    tokens_per_s = workload.batch * workload.output_tokens / request_s
    per_token_s = deployment.devices / tokens_per_s
    return Estimate(
        memory_bytes=memory,
        used_bytes=used,
        capacity_bytes=capacity,
        fits=used <= capacity,
        first_token_s=first_token_s,
        all_first_tokens_s=prompts_s,
        token_s=token_s,
        request_s=request_s,
        tokens_per_s=tokens_per_s,
        joules_per_token=card.power_w * per_token_s,
        usd_per_token=card.usd_per_hour / 3600 * per_token_s,
    )


def _largest(fits: Callable[[int], bool], limit: int) -> int:
    """The largest whole number up to `limit` for which a monotonic `fits` holds, 0 if not even 1 does."""
    low, high = 0, 1
    while high <= limit and fits(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def fits(scenario: Scenario) -> bool:
    """Whether the fullest device holds the scenario; memory alone, without the times."""
    memory = memory_bytes(scenario)
    return bool(total(memory) <= capacity_bytes(scenario, memory))


def with_workload(scenario: Scenario, **changes: Quantity) -> Scenario:
    """The scenario with fields of its workload changed."""
    return replace(scenario, workload=replace(scenario.workload, **changes))


def largest_batch(scenario: Scenario, limit: int = 1 << 20) -> int:
    """Requests at once that fit at the scenario's lengths, a count; 0 where not one does."""
    return _largest(lambda batch: fits(with_workload(scenario, batch=batch)), limit)


def longest_context(scenario: Scenario) -> int:
    """Tokens of prompt and answer that fit at the scenario's batch, a count, at most what the model was trained for."""
    output = int(scenario.workload.output_tokens)
    prompts = _largest(
        lambda prompt: fits(with_workload(scenario, prompt_tokens=prompt)), scenario.model.max_context - output
    )
    return prompts + output if prompts else 0
