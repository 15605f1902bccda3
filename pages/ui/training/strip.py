"""Which five figures does a training show? Each with its range and its working."""

import numpy as np

from calculators.architecture import parameters
from calculators.run import model_flops
from calculators.training import trainable_parameters
from calculators.training_memory import MOMENTS
from pages.ui.explain.wording import UNKNOWN, digits, power_of_ten, short_device, show_bytes, show_count, show_usd
from pages.ui.links.fields import Inputs
from pages.ui.training.costs import price_words
from pages.ui.training.divided import NAMES
from pages.ui.training.planning import Found, Outcome, rent, training
from pages.ui.training.words import between, device_of, holding, show_money, show_time, tokens


def cells(chosen: Inputs, found: Found, taken: Outcome | None) -> dict[str, tuple[str, str]]:
    """The five figures of the strip: what is trained, memory, devices, time, cost."""
    one, card = training(chosen), device_of(chosen)
    whole, count = parameters(one.model), trainable_parameters(one.model, one.method)
    shown = found.plan or found.leanest or found.smallest
    used = shown.used_bytes if shown else float("nan")
    unknown = np.full(3, np.nan)
    time, usd = (taken.seconds, taken.usd) if taken else (unknown, unknown)
    fits, none = ("of", "no {} is known") if found.plan else ("at least, on", "nothing fits")
    return {
        "Trained parameters": (show_count(count), "all" if count == whole else f"{100 * count / whole:.2g} % of all"),
        "Memory of a device": (show_bytes(used) if shown else UNKNOWN, f"{fits} {holding(card)}"),
        "Devices": (f"{found.plan.devices:,}" if found.plan else "none fit", short_device(str(card.name))),
        f"Time, {tokens(chosen)} tokens": (show_time(time[1]), between(time, show_time) or none.format("peak")),
        "Cost": (show_money(usd[1]), between(usd, show_money) or none.format("price")),
    }  # fmt: skip


def workings(chosen: Inputs, found: Found, taken: Outcome | None) -> list[str]:
    """How each figure of the strip came about."""
    one, card, plan = training(chosen), device_of(chosen), found.plan
    count = trainable_parameters(one.model, one.method)
    texts = [
        f"Σ over the tensors that are trained of values × copies = **{count:,}** of {parameters(one.model):,}.\n\n"
        f"Source: {one.method.source}"
    ]
    if plan is None or taken is None:
        return [*texts, *["There is no plan that fits, so there is nothing to work out."] * 4]
    step = plan.training
    lines = [f"{NAMES[name]} {show_bytes(size)}" for name, size in plan.memory_bytes.items() if size]
    texts.append(
        "\n".join(f"- {line}" for line in lines)
        + f"\n\nTogether **{show_bytes(plan.used_bytes)}**: the fullest device "
        f"at the fullest of {len(MOMENTS)} moments of a step.\n\nSource: {step.recipe.source}; {step.optimizer.source}"
    )
    texts.append(
        f"{step.data_parallel} copies × {step.tensor_parallel} tensor × {step.pipeline_parallel} pipeline × "
        f"{step.context_parallel} context = **{plan.devices:,}** devices; {step.accumulation} × {step.micro_batch} "
        f"sequences of {int(step.sequence_tokens):,} tokens on each copy make a step of {int(step.step_tokens):,}.\n\n"
        "Every way to divide the work is tried, the fewest devices first, and the fastest that fits is taken."
    )
    ends, run = taken.evidence.expectation, taken.run
    texts.append(
        f"{power_of_ten(float(model_flops(step.model, chosen.text, chosen.seq) * run.work))} FLOPs ÷ ("
        f"{plan.devices:,} × {digits(float(card.peak(step.recipe.arithmetic)) / 1e12)} TFLOP/s × "
        f"{run.utilisation[1]:.0%}) = **{show_time(taken.seconds[1])}**; {run.utilisation[2]:.0%} to "
        f"{run.utilisation[0]:.0%} of the peak is what {ends.runs} published runs {taken.evidence.words} let expect, "
        f"four in five of them. If every step took its best, {show_time(plan.step_s)}: {show_time(taken.best_s)}; "
        "within a host no run is counted as faster; across hosts low end and middle are those of the runs: exchanges "
        "and bubbles can be hidden better than the plan counts.\n\n"
        "Source: presets/training_runs.csv, each run with its own; the step: "
        "constants fitted to measured steps, presets/training.toml"
    )
    texts.append(
        f"{show_count(taken.hours[1])} device-hours × {show_usd(rent(chosen))} = **{show_money(taken.usd[1])}**. "
        + price_words(chosen)
    )
    return texts
