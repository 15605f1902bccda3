"""How is a training put in words? Durations, money, what is trained and how it is divided."""

from collections.abc import Callable, Sequence

import numpy as np

from calculators.hardware import Accelerator
from calculators.run import HOUR_S, YEAR_H
from calculators.training import Recipe, Training
from pages.ui.explain.wording import digits, short_device, show_bytes, show_count, show_interval, show_seconds, show_usd
from pages.ui.links.fields import FIELDS, Inputs
from presets.catalog import accelerators

RECOMPUTED = {
    "none": "nothing recomputed", "selective": "attention's scores recomputed", "full": "every layer recomputed",
}  # fmt: skip


def show_time(value: float) -> str:
    """A duration: seconds, minutes, hours up to four days, days up to two years, years.

    >>> show_time(90), show_time(7200), show_time(86400 * 5), show_time(86400 * 3652.5)
    ('1.50 min', '2.00 h', '5.00 days', '10.0 years')
    """
    for size, unit, most in (
        (60, "min", 60),
        (HOUR_S, "h", 96),
        (86_400, "days", 730),
        (HOUR_S * YEAR_H, "years", np.inf),
    ):
        if 60 <= value < most * size:
            return f"{digits(value / size)} {unit}"
    return show_seconds(value)


def show_money(value: float) -> str:
    """Dollars; millions with their letter: $1.01M."""
    return f"${show_count(value)}" if value >= 999_500 else show_usd(value)


def between(ends: Sequence[float], show: Callable[[float], str]) -> str:
    """The ends of an outcome: "9–29 h"; of one that the plan's steps bound the other end; nothing where unknown."""
    shown = show_interval((float(ends[0]), float(ends[2])), show)
    if shown and ends[0] == ends[1]:
        return "at least" if ends[1] == ends[2] else f"at least; up to {show(float(ends[2]))}"
    return shown


def tokens(chosen: Inputs) -> str:
    """The tokens to train on, as their slider says."""
    return FIELDS["text"].label(chosen.text)


def holding(card: Accelerator) -> str:
    return show_bytes(float(card.memory_bytes))


def recipe_words(recipe: Recipe) -> str:
    """A recipe as the device computes it: FP16 where it has no BF16."""
    return recipe.name.replace("BF16", "FP16") if recipe.arithmetic == "fp16" else recipe.name


def doing(chosen: Inputs, one: Training) -> str:
    """What is trained, as a sentence begins."""
    model, method = f"**{one.model.name}**", one.method
    return {
        "all": f"Training all of {model}",
        "head": f"Training the head of {model}",
        "adapters": f"Adapters of width {method.width} in {model}",
        "lora": f"{'QLoRA' if method.base else 'LoRA'} of rank {method.rank} on {model}",
    }[method.trains]


def devices_words(count: int, card: Accelerator) -> str:
    """So many devices: "one H100 SXM5 80GB", "8 × H100 SXM5 80GB"."""
    name = short_device(str(card.name))
    return f"one {name}" if count == 1 else f"{count:,} × {name}"


def how(step: Training) -> str:
    """A division in words: what is cut over how many devices, what is recomputed, the micro-batch."""
    copies = int(step.data_parallel) * int(step.context_parallel)
    parts = []
    if step.tensor_parallel > 1:
        parts.append(f"each layer cut over {step.tensor_parallel}")
    if step.pipeline_parallel > 1:
        parts.append(f"a pipeline of {step.pipeline_parallel} stages")
    if step.context_parallel > 1:
        parts.append(f"sequences cut over {step.context_parallel}")
    if step.expert_parallel > 1:
        parts.append(f"experts over {step.expert_parallel} groups")
    if copies > 1:
        stage = int(step.zero_stage)
        divided = {0: f"{copies} copies", 3: f"ZeRO 3 (FSDP) over {copies}"}.get(stage, f"ZeRO {stage} over {copies}")
        parts.append(divided)
    parts.append(RECOMPUTED[step.recompute])
    return f"{', '.join(parts)}, micro-batches of {step.micro_batch} × {int(step.sequence_tokens):,} tokens"


def device_of(chosen: Inputs) -> Accelerator:
    return accelerators()[chosen.device]
