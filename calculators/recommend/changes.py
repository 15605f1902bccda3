"""Which single changes would make a scenario fit? Cheapest first: formats, load, then devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from types import MappingProxyType

from calculators.estimate import Scenario, fits, largest_batch, longest_context
from calculators.formats import Format
from calculators.hardware import Deployment
from calculators.memory import weight_bytes
from calculators.recommend.records import ANYTHING, Abilities, computes, divides, runs_on

MOST_DEVICES = 64
WIDTHS = (1, 2, 4, 8, 16, 32)  # devices that share a layer
STAGES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # pipeline stages


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change that would make a scenario fit, in words, and the scenario it leads to."""

    words: str
    scenario: Scenario
    free: bool = field(default=True)


def smallest_deployment(
    scenario: Scenario, beyond: int = 0, abilities: Abilities = ANYTHING
) -> Deployment | None:  # fmt: skip
    """The scenario's deployment with the fewest devices a copy that fits, more than `beyond`; None if 64 are too few.

    Of as many devices the widest tensor parallel that links join directly and that splits the model, then STAGES of
    that width; each as the engine divides.
    """
    model, now = scenario.model, scenario.deployment
    node = int(now.accelerator.node_devices) if abilities.tensor_parallel else 1
    widths = [width for width in WIDTHS if width <= node and divides(model, width)]
    stages = [count for count in STAGES if count <= model.layers] if abilities.pipeline_parallel else [1]
    cuts = sorted((width * count, count, width) for width in widths for count in stages)
    for devices, count, width in cuts:
        deployment = replace(
            now, tensor_parallel=width, pipeline_parallel=count,
            expert_parallel=min(int(now.expert_parallel), width),
        )  # fmt: skip
        if beyond < devices <= MOST_DEVICES and fits(replace(scenario, deployment=deployment)):
            return deployment
    return None


def changes_that_fit(
    scenario: Scenario, weight_formats: Sequence[Format], cache_formats: Sequence[Format],
    abilities: Abilities = ANYTHING, losses: Mapping[str, float] = MappingProxyType({}), published: str = "",
) -> list[Change]:  # fmt: skip
    """Single changes that would make the scenario fit, cheapest first: those that cost no hardware, then devices.

    Free ones in the order of what they give up: the weights as the model was `published`, a smaller cache format, other
    smaller weights, fewer requests at once, shorter prompts; then more devices, divided as the engine can. The formats
    are those that the engine runs. Of the weight formats that the device runs, one that it computes in comes before one
    that it would widen, then the least of the known `losses` (per cent, by name), then the largest.
    """
    found = []
    cache_bits, weights = scenario.cache_format.bits_per_value, _smaller_weights(scenario, weight_formats)
    original = [fmt for fmt in weights if fmt.name == published]
    found += [_weights(scenario, fmt) for fmt in original]
    for fmt in sorted(cache_formats, key=lambda fmt: -fmt.bits_per_value):
        changed = replace(scenario, cache_format=fmt)
        if fmt.bits_per_value < cache_bits and fits(changed):
            article = "an" if fmt.name[0] in "FI" else "a"
            found.append(Change(words=f"{article} {fmt.name} cache", scenario=changed))
            break
    if weights and not original:
        card, model = scenario.deployment.accelerator, scenario.model
        best = min(
            weights,
            key=lambda fmt: (not computes(card, fmt), losses.get(fmt.name, inf), -weight_bytes(model, fmt)),
        )
        found.append(_weights(scenario, best))
    batch = largest_batch(scenario)
    if batch:
        changed = replace(scenario, workload=replace(scenario.workload, batch=batch))
        found.append(Change(words=f"{batch:,} requests at once", scenario=changed))
    context = longest_context(scenario)
    if context:
        prompt = context - scenario.workload.output_tokens
        changed = replace(scenario, workload=replace(scenario.workload, prompt_tokens=prompt))
        found.append(Change(words=f"prompts of {prompt:,} tokens", scenario=changed))
    now = scenario.deployment
    deployment = smallest_deployment(
        scenario, beyond=int(now.tensor_parallel * now.pipeline_parallel), abilities=abilities
    )
    if deployment is not None:
        words = f"{int(deployment.devices):,} devices"
        found.append(Change(words=words, scenario=replace(scenario, deployment=deployment), free=False))
    return found


def _smaller_weights(scenario: Scenario, formats: Sequence[Format]) -> list[Format]:
    """The formats that the device runs, that take fewer bytes than the scenario's and with which it fits."""
    model, card = scenario.model, scenario.deployment.accelerator
    now = weight_bytes(model, scenario.weight_format)
    return [
        fmt
        for fmt in formats
        if weight_bytes(model, fmt) < now and runs_on(card, fmt) and fits(replace(scenario, weight_format=fmt))
    ]


def _weights(scenario: Scenario, fmt: Format) -> Change:
    return Change(words=f"{fmt.name} weights", scenario=replace(scenario, weight_format=fmt))
