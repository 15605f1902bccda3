"""What does a visitor's training take? The inputs as records, the plan, searched once, time and money of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators.architecture import active_parameters
from calculators.hardware import Engine
from calculators.run import Ownership, Run, co2_kg, energy_of, owned_of, run_s
from calculators.training import Method, Training
from calculators.training_memory import training_bytes
from calculators.training_plan import (
    COUNTS,
    Cluster,
    Plan,
    Stated,
    divided,
    hours_of,
    leanest_on,
    on_device,
    plan_on,
    plans,
    smallest_plan,
    whole_run_s,
    work_share,
)
from calculators.utilisation import at_scale
from pages.ui import spending
from pages.ui.controls import records
from pages.ui.links.fields import METHODS, RECIPES, Inputs
from pages.ui.links.values import ANYWHERE, AUTO, OFFLOADED
from presets.catalog import WHAT_IFS, accelerators, engines
from presets.prices import purchase_usd
from presets.runs import MANY, Evidence, expected, places, powers, scale_slope
from presets.training import methods, optimizers, recipes, runtimes

# What the search reads: a move of anything else leaves its plan as it is.
SEARCHED = (
    "model", "own", *WHAT_IFS, "device", "tune", "rank", "types", "optim", "seq", "gbs", "cluster", "remat",
    "attn", "zero", "ttp", "tpp", "mb", "host", "net",
)  # fmt: skip


def links() -> Engine:
    """The engine whose use of links was measured with the collectives that training frameworks call."""
    return next(engine for engine in engines().values() if "nccl" in engine.measured_as)


def method(chosen: Inputs) -> Method:
    """The method with the visitor's rank."""
    found = methods()[METHODS[chosen.tune]]
    return replace(found, rank=chosen.rank) if found.trains == "lora" else found


def cluster(chosen: Inputs) -> Cluster:
    """Devices of the sidebar's kind, joined as measured within a host and by the stated network beyond."""
    return Cluster(accelerator=accelerators()[chosen.device], engine=links(), network_bytes_per_s=chosen.net * 1e9 / 8)


def training(chosen: Inputs) -> Training:
    """One step as the visitor describes it, not yet divided."""
    card = accelerators()[chosen.device]
    return Training(
        model=records.model(chosen)[0], recipe=on_device(recipes()[RECIPES[chosen.types]], card),
        optimizer=optimizers()[chosen.optim], method=method(chosen), sequence_tokens=chosen.seq,
        attention=chosen.attn, offload=OFFLOADED[chosen.host], runtime=runtimes()["PyTorch"],
    )  # fmt: skip


def stated(chosen: Inputs) -> Stated:
    """What of the plan the visitor states."""
    fields = {
        "zero_stage": "zero", "tensor_parallel": "ttp", "pipeline_parallel": "tpp", "micro_batch": "mb",
    }  # fmt: skip
    degrees = {name: None if getattr(chosen, key) == AUTO else getattr(chosen, key) for name, key in fields.items()}
    return Stated(recompute=None if chosen.remat == "auto" else chosen.remat, **degrees)


def sequences(chosen: Inputs) -> int:
    """Sequences of a step, at least one."""
    return int(max(chosen.gbs // chosen.seq, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The plan on the devices asked for, the smallest there is, the leanest on what was asked and on one device."""

    plan: Plan | None
    smallest: Plan | None
    leanest: Plan | None
    alone: Plan | None  # on one device, nothing done to make it fit


@lru_cache(maxsize=256)
def _found(chosen: Inputs) -> Found:
    one, where, free, many = training(chosen), cluster(chosen), stated(chosen), sequences(chosen)
    smallest = smallest_plan(one, many, where, free)
    asked = chosen.cluster
    plan = smallest if asked == AUTO else plan_on(one, many, asked, where, free)
    simple = Stated(zero_stage=0, tensor_parallel=1, pipeline_parallel=1, context_parallel=1, micro_batch=1,
                    recompute="none")  # fmt: skip
    return Found(
        plan=plan,
        smallest=smallest,
        leanest=leanest_on(one, many, 1 if asked == AUTO else asked, where, free),
        alone=leanest_on(one, many, 1, where, simple),
    )


def _key(chosen: Inputs) -> Inputs:
    return Inputs(**{name: getattr(chosen, name) for name in SEARCHED})


def find(chosen: Inputs) -> Found:
    """What the search finds; kept, so that moving tokens, places or prices does not search again."""
    return _found(_key(chosen))


# What may be changed to need fewer devices, the gentlest first.
RESCUES: Mapping[str, Mapping[str, Any]] = {
    "the plan's choices left to the search": {"remat": "auto", "zero": AUTO, "ttp": AUTO, "tpp": AUTO, "mb": AUTO},
    "an 8-bit AdamW": {"optim": "AdamW 8-bit"},
    "16 bits alone, no 32-bit copy": {"types": "BF16"},
    "LoRA": {"tune": "LoRA"},
    "QLoRA": {"tune": "QLoRA"},
    "optimizer states in the host's memory": {"host": "optimizer"},
}


@lru_cache(maxsize=256)
def _rescues(chosen: Inputs) -> tuple[tuple[str, Plan], ...]:
    found, fewest = [], _found(chosen).smallest
    limit = fewest.devices if fewest else COUNTS[-1] + 1
    for words, change in RESCUES.items():
        if limit == 1 or all(getattr(chosen, name) == value for name, value in change.items()):
            continue
        changed = replace(chosen, cluster=AUTO, **change)
        fewer = tuple(count for count in COUNTS if count < limit)
        plan = next(plans(training(changed), sequences(chosen), cluster(chosen), stated(changed), fewer), None)
        if plan:
            found.append((words, plan))
            limit = plan.devices
    return tuple(found)


def rescues(chosen: Inputs) -> tuple[tuple[str, Plan], ...]:
    """Single changes that each need fewer devices than those before, the gentlest first."""
    return _rescues(_key(chosen))


@lru_cache(maxsize=256)
def _grown(chosen: Inputs) -> tuple[Plan, ...]:
    """Plans on the smallest cluster and on ones twice as large, up to 32 times."""
    found = _found(chosen)
    first = found.plan or found.smallest
    if first is None:
        return ()
    counts = [first.devices * 2**power for power in range(-1, 6) if first.devices * 2**power in COUNTS]
    return tuple(plans(training(chosen), sequences(chosen), cluster(chosen), stated(chosen), counts))


def larger(chosen: Inputs) -> tuple[Plan, ...]:
    """The fastest plans on clusters from half of the plan's to 32 times it, where they fit."""
    return _grown(_key(chosen))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a whole run takes: low, middle and high of each; `best_s` if every step took what the plan takes at best.

    The plan's step bounds them within a host; across hosts only the high end: published runs hide exchanges and bubbles
    that the plan's step counts (interleaved stages, Narayanan et al. 2021, arXiv:2104.04473, section 2.2; DualPipe,
    DeepSeek-AI 2024, arXiv:2412.19437, section 3.2.1), and Llama 3.1 405B and DeepSeek-V3 were faster than it.
    """

    seconds: NDArray[np.float64]
    hours: NDArray[np.float64]
    joules: NDArray[np.float64]
    tonnes: NDArray[np.float64]
    usd: NDArray[np.float64]
    owned_usd: NDArray[np.float64]
    best_s: float
    run: Run
    evidence: Evidence

    @property
    def least(self) -> bool:
        """Whether the plan's steps are a lower bound of low end and middle."""
        return bool(self.slower and self.seconds[0] == self.best_s)

    @property
    def slower(self) -> bool:
        """Whether the plan's steps take longer even at best than the middle of such runs."""
        return bool(self.seconds[1] <= self.best_s)


def outcome(chosen: Inputs, plan: Plan) -> Outcome:
    """Time, energy, carbon and money of the whole run, by the utilisation that published runs reached."""
    step, card = plan.training, accelerators()[chosen.device]
    evidence = expected(card.name, step.recipe.arithmetic, active_parameters(step.model))
    ends = evidence.expectation
    share = np.array([float(end) for end in (ends.high, ends.mid, ends.low)])
    if isfinite(evidence.devices):
        share = at_scale(share, max(plan.devices, MANY), max(evidence.devices, MANY), scale_slope().power)
    run = Run(
        model=step.model, tokens=chosen.text, sequence_tokens=chosen.seq, accelerator=card, devices=plan.devices,
        utilisation=share, arithmetic=step.recipe.arithmetic, work=work_share(step),
    )  # fmt: skip
    steps = chosen.text / step.step_tokens
    taken = np.asarray(whole_run_s(run, steps, plan.step_s), float)
    if plan.devices > card.node_devices:
        taken[:2] = np.fmin(taken[:2], np.asarray(run_s(run), float)[:2])
    hours = np.asarray(hours_of(taken, plan.devices), float)
    power = powers(card)
    joules = np.array(
        [energy_of(each, card.power_w * end.share, end.pue) for each, end in zip(hours, power, strict=True)]
    )
    own = Ownership(
        device_usd=purchase_usd(card.name) if chosen.bought == AUTO else chosen.bought, years=chosen.years,
        busy=chosen.busy, usd_per_kwh=chosen.kwh,
    )  # fmt: skip
    return Outcome(
        seconds=taken, hours=hours, joules=joules, tonnes=np.asarray(co2_kg(joules, grams(chosen)), float) / 1000,
        usd=hours * rent(chosen), owned_usd=np.asarray(owned_of(hours, joules, own), float),
        best_s=steps * plan.step_s, run=run, evidence=evidence,
    )  # fmt: skip


def rent(chosen: Inputs) -> float:
    """US dollars that a device costs an hour: as stated, or as other pages take it; unknown where nobody asks one."""
    return spending.rent(chosen.device)[0] if chosen.hired == AUTO else float(chosen.hired)


def grams(chosen: Inputs) -> NDArray[np.float64]:
    """Grams of CO2 a kilowatt-hour: of a place three times the same; of any country the least, the middle, the most."""
    if chosen.grid != ANYWHERE:
        return np.full(3, places()[chosen.grid].grams_per_kwh)
    countries = [place.grams_per_kwh for place in places().values() if place.scope == "country"]
    return np.array([min(countries), median(countries), max(countries)])


# Each technique of the waterfall on top of those before: what changes of a step on one device.
@lru_cache(maxsize=256)
def _techniques(chosen: Inputs) -> tuple[tuple[str, float], ...]:
    found, card = _found(chosen), accelerators()[chosen.device]
    devices = max(found.plan.devices if found.plan else 1, host_devices(chosen))
    mixed = RECIPES[chosen.types] if chosen.types != "FP32" else "BF16 with FP32 masters"
    lora, qlora = (replace(methods()[METHODS[name]], rank=chosen.rank) for name in ("LoRA", "QLoRA"))
    step = divided(
        replace(
            training(chosen), recipe=recipes()["FP32"], optimizer=optimizers()["AdamW"], method=methods()["Full"],
            offload=frozenset(),
        ),
        accumulation=2,
    )  # fmt: skip
    changes: list[tuple[str, Mapping[str, Any]]] = [
        ("32 bits everywhere", {}),
        (mixed, {"recipe": on_device(recipes()[mixed], card)}),
        ("every layer recomputed", {"recompute": "full"}),
        *(
            (f"ZeRO {stage} over {devices:,}", {"zero_stage": stage, "data_parallel": devices})
            for stage in (1, 2, 3)
        ),
        (f"LoRA of rank {chosen.rank}", {"method": lora}),
        (f"QLoRA of rank {chosen.rank}", {"method": qlora}),
        ("8-bit AdamW", {"optimizer": optimizers()["AdamW 8-bit"]}),
    ]  # fmt: skip
    sizes = []
    for name, change in changes:
        step = replace(step, **change)
        sizes.append((name, float(training_bytes(step))))
    return tuple(sizes)


def host_devices(chosen: Inputs) -> int:
    """Devices of a host, at most eight: over how many ZeRO divides where the plan takes fewer."""
    return int(min(accelerators()[chosen.device].node_devices, 8))


def techniques(chosen: Inputs) -> tuple[tuple[str, float], ...]:
    """(technique, bytes of a device with it and all before): micro-batches of one sequence, gradients added up."""
    return _techniques(_key(chosen))
