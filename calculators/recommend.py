"""Which model, format and deployment answer a need within a budget? Every combination is estimated; none is guessed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf, isnan
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN, Quantity
from calculators.architecture import Architecture, parameters
from calculators.attention import Mixer
from calculators.estimate import (
    Estimate,
    Scenario,
    Workload,
    estimate,
    fits,
    largest_batch,
    longest_context,
)
from calculators.formats import Format
from calculators.hardware import Accelerator, Deployment, Engine
from calculators.memory import weight_bytes

WIDTHS = (1, 2, 4, 8)  # devices that share a layer
STAGES = (1, 2, 4)  # pipeline stages, once a layer is cut over all the devices that links join
COPIES = (1, 2, 4, 8)
GOALS = ("best quality", "lowest cost", "fastest answers")


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A job: requests at once, their lengths, the longest waits (seconds) and the lowest score that will do."""

    workload: Workload
    first_token_s: float = inf
    token_s: float = inf
    quality: float = 0.0
    goal: str = "best quality"


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What may be used: `devices` of each accelerator named (owned), and dollars an hour where it is rented."""

    devices: Mapping[str, int]
    usd_per_hour: float = inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """What is chosen from. `quality` is a measured score by model, `kept` the share of it by (model, weight format)."""

    models: Mapping[str, Architecture]
    weight_formats: Mapping[str, Format]
    cache_formats: Mapping[str, Format]
    accelerators: Mapping[str, Accelerator]
    engine: Engine
    quality: Mapping[str, float]
    kept: Mapping[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One combination with its figures; `limits` says which limits it breaks and by how much, empty if it will do."""

    scenario: Scenario
    estimate: Estimate
    quality: float
    usd_per_hour: float
    limits: tuple[str, ...] = ()

    @property
    def devices(self) -> int:
        """Devices in all, a count."""
        return int(self.scenario.deployment.devices)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendation:
    """The pick (None where nothing will do), all that would do, best first, and what was rejected with its limit."""

    pick: Candidate | None
    ranked: tuple[Candidate, ...]
    rejected: tuple[Candidate, ...]
    considered: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Deployments:
    """Every deployment within a budget, as arrays of equal length, so that one estimate serves them all."""

    names: tuple[str, ...]
    deployment: Deployment
    usd_per_hour: NDArray[np.float64]


def _deployments(budget: Budget, catalog: Catalog) -> _Deployments | None:
    cells = []
    for name, owned in budget.devices.items():
        card = catalog.accelerators[name]
        widest = max(width for width in WIDTHS if width <= max(int(card.node_devices), 1))
        for width, stages, copies in product(WIDTHS, STAGES, COPIES):
            if width * stages * copies <= owned and (width == widest if stages > 1 else width <= widest):
                cells.append((card, width, stages, copies))
    if not cells:
        return None
    cards = [card for card, *_ in cells]
    kinds = sorted({kind for card in cards for kind in card.peak_flops_per_s})

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(card, name) for card in cards], dtype=float)

    widths, depths, replicas = (np.array([cell[i] for cell in cells]) for i in (1, 2, 3))
    price = column("usd_per_hour")
    many = Accelerator(
        name=np.array([card.name for card in cards]),
        memory_bytes=column("memory_bytes"),
        bandwidth_bytes_per_s=column("bandwidth_bytes_per_s"),
        peak_flops_per_s=MappingProxyType(
            {kind: np.array([card.peak_flops_per_s.get(kind, UNKNOWN) for card in cards]) for kind in kinds}
        ),
        link_bytes_per_s=column("link_bytes_per_s"),
        node_devices=column("node_devices"),
        power_w=column("power_w"),
        usd_per_hour=price,
    )
    return _Deployments(
        names=tuple(str(card.name) for card in cards),
        deployment=Deployment(accelerator=many, tensor_parallel=widths, pipeline_parallel=depths, replicas=replicas),
        usd_per_hour=price * widths * depths * replicas,
    )


def divides(model: Architecture, width: int) -> bool:
    """Whether tensor parallel of this width splits every attention evenly: query heads, KV heads or their copies."""
    return all(splits(block.attention, width) for block in model.blocks)


def splits(attention: Mixer, width: int) -> bool:
    """Whether tensor parallel of this width splits an attention evenly."""
    shards = attention.cache_shards
    return attention.heads % width == 0 and (shards % width == 0 or width % shards == 0)


def runs_on(card: Accelerator, fmt: Format) -> NDArray[np.bool_]:
    """Whether a device runs a format: INT8 arithmetic needs INT8 units, 8- and 4-bit floats at least BF16 ones.

    Where the type itself is missing, engines widen what is stored to 16 bits.
    """
    needed = {"int8": "int8", "fp8": "bf16", "fp4": "bf16"}.get(fmt.arithmetic)
    if needed is None:
        return np.array(True)
    known: NDArray[np.bool_] = np.isfinite(np.asarray(card.peak_flops_per_s.get(needed, UNKNOWN), dtype=float))
    return known


def _known(figures: Quantity) -> NDArray[np.float64]:
    """The figures with unknown ones taken as beyond all measure."""
    return np.where(np.isnan(figures), inf, figures)


def _overruns(
    need: Need, budget: Budget, figures: Estimate, usd: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """How often each limit goes into its figure: above 1 it is broken, as by an unknown figure; 0 for no limit."""
    limits = {
        "memory": (figures.used_bytes, figures.capacity_bytes),
        "first token": (figures.first_token_s, need.first_token_s),
        "time per token": (figures.token_s, need.token_s),
        "price": (usd, budget.usd_per_hour),
    }
    shares = {name: np.where(np.isinf(limit), 0.0, figure / limit) for name, (figure, limit) in limits.items()}
    return {name: _known(share) for name, share in shares.items()}


def _limit(name: str, overrun: float) -> str:
    if overrun == inf:
        return f"{name} unknown"
    return f"{name} {overrun:.1f} times the limit" if overrun >= 2 else f"{name} {overrun - 1:.1%} over the limit"


def _candidates(need: Need, budget: Budget, catalog: Catalog) -> Iterator[tuple[Candidate, int]]:
    """The best deployment of each model, weight format and cache format, or the nearest miss; and how many it tried."""
    found = _deployments(budget, catalog)
    if found is None:
        return
    width = np.asarray(found.deployment.tensor_parallel)
    uneven_of = {
        name: ~np.isin(width, [w for w in np.unique(width) if divides(model, int(w))])
        for name, model in catalog.models.items()
    }
    for model, weights in product(catalog.models.values(), catalog.weight_formats.values()):
        quality = catalog.quality.get(model.name, UNKNOWN) * catalog.kept.get((model.name, weights.name), UNKNOWN)
        uneven = uneven_of[model.name]
        foreign = ~np.broadcast_to(runs_on(found.deployment.accelerator, weights), width.shape)
        for cache in catalog.cache_formats.values():
            scenario = Scenario(
                model=model, weight_format=weights, cache_format=cache, deployment=found.deployment,
                workload=need.workload, engine=catalog.engine,
            )  # fmt: skip
            figures = estimate(scenario)
            overruns = _overruns(need, budget, figures, found.usd_per_hour)
            worst = np.where(uneven | foreign, inf, np.max(list(overruns.values()), axis=0))
            cost, speed, devices = _known(found.usd_per_hour), _known(figures.token_s), found.deployment.devices
            keys = (devices, cost, speed) if need.goal == "fastest answers" else (speed, devices, cost)
            index = int(np.lexsort((*keys, np.maximum(worst, 1)))[0])
            card = catalog.accelerators[found.names[index]]
            deployment = Deployment(
                accelerator=card,
                tensor_parallel=int(width[index]),
                pipeline_parallel=int(np.asarray(found.deployment.pipeline_parallel)[index]),
                replicas=int(np.asarray(found.deployment.replicas)[index]),
            )
            broken = [_limit(name, float(value[index])) for name, value in overruns.items() if value[index] > 1]
            if foreign[index]:
                broken.append(f"no {weights.arithmetic} arithmetic on this device")
            if uneven[index]:
                broken.append("heads do not divide over the devices")
            if quality < need.quality:
                broken.append(f"score {quality:.1f} below {need.quality:g}")
            elif isnan(quality) and need.quality > 0:
                broken.append("score unknown")
            yield (
                Candidate(
                    scenario=replace(scenario, deployment=deployment),
                    estimate=figures.at(index),
                    quality=quality,
                    usd_per_hour=float(found.usd_per_hour[index]),
                    limits=tuple(broken),
                ),
                len(width),
            )


def _order(goal: str) -> Callable[[Candidate], tuple[float, ...]]:
    def key(item: Candidate) -> tuple[float, ...]:
        unscored, quality = isnan(item.quality), 0.0 if isnan(item.quality) else -item.quality
        cost, speed = float(_known(item.usd_per_hour)), float(_known(item.estimate.token_s))
        size, bits = parameters(item.scenario.model), item.scenario.weight_format.bits_per_value
        return {
            "best quality": (unscored, quality, -bits, cost, item.devices, speed, -size),
            "lowest cost": (unscored, cost, item.devices, quality, speed, -size),
            "fastest answers": (unscored, speed, quality, cost, item.devices, -size),
        }[goal]

    return key


def recommend(need: Need, budget: Budget, catalog: Catalog) -> Recommendation:
    """The best combination for a need within a budget, by the need's goal, with every alternative and rejection.

    Each model x weight format x cache format is tried on every deployment of the budget (1, 2, 4 or 8 devices to a
    copy, 1 to 8 copies); its best deployment stands for it. Ties go to the cheaper, then the smaller deployment. A
    model without a measured score is ranked behind those with one, never given a guess.
    Raises ValueError for a goal that is none of GOALS.
    """
    if need.goal not in GOALS:
        raise ValueError(f"goal {need.goal!r} is not one of {', '.join(GOALS)}")
    tried = list(_candidates(need, budget, catalog))
    key = _order(need.goal)
    ranked = sorted((item for item, _ in tried if not item.limits), key=key)
    rejected = sorted((item for item, _ in tried if item.limits), key=lambda item: (len(item.limits), *key(item)))
    return Recommendation(
        pick=ranked[0] if ranked else None,
        ranked=tuple(ranked),
        rejected=tuple(rejected),
        considered=sum(count for _, count in tried),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change that would make a scenario fit, in words, and the scenario it leads to."""

    words: str
    scenario: Scenario
    free: bool = field(default=True)


def smallest_deployment(scenario: Scenario, beyond: int = 0) -> Deployment | None:
    """The scenario's deployment with the fewest devices a copy that fits, more than `beyond`; None if 64 are too few.

    Tensor parallel as far as links join devices directly, then pipeline stages of that width.
    """
    node = int(scenario.deployment.accelerator.node_devices)
    for devices in (1, 2, 4, 8, 16, 32, 64):
        width = min(devices, 1 << (node.bit_length() - 1))
        deployment = replace(scenario.deployment, tensor_parallel=width, pipeline_parallel=devices // width)
        if (
            devices > beyond
            and divides(scenario.model, width)
            and devices // width <= scenario.model.layers
            and fits(replace(scenario, deployment=deployment))
        ):
            return deployment
    return None


def changes_that_fit(
    scenario: Scenario, weight_formats: Sequence[Format], cache_formats: Sequence[Format]
) -> list[Change]:
    """Single changes that would make the scenario fit, cheapest first: those that cost no hardware, then devices.

    Free ones in the order of what they give up: a smaller cache format, a smaller weight format (the largest that
    fits), fewer requests at once, shorter prompts; then the next widths of tensor parallel.
    """
    found = []
    cache_bits, bits = scenario.cache_format.bits_per_value, weight_bytes(scenario.model, scenario.weight_format)
    for fmt in sorted(cache_formats, key=lambda fmt: -fmt.bits_per_value):
        changed = replace(scenario, cache_format=fmt)
        if fmt.bits_per_value < cache_bits and fits(changed):
            article = "an" if fmt.name[0] in "FI" else "a"
            found.append(Change(words=f"{article} {fmt.name} cache", scenario=changed))
            break
    for fmt in sorted(weight_formats, key=lambda fmt: -weight_bytes(scenario.model, fmt)):
        changed = replace(scenario, weight_format=fmt)
        if weight_bytes(scenario.model, fmt) < bits and fits(changed):
            found.append(Change(words=f"{fmt.name} weights", scenario=changed))
            break
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
    deployment = smallest_deployment(scenario, beyond=int(now.tensor_parallel * now.pipeline_parallel))
    if deployment is not None:
        words = f"{int(deployment.devices):,} devices"
        found.append(Change(words=words, scenario=replace(scenario, deployment=deployment), free=False))
    return found
