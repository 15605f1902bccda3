"""The decision behind the Formats page: what is chosen fits, loses no more than allowed, and none is better at it."""

from dataclasses import replace

import numpy as np
import pytest

from calculators.choose import PRIORITIES, choose, smallest
from calculators.estimate import estimate
from calculators.memory import weight_bytes
from pages.ui.charts import drawing
from pages.ui.controls import records
from pages.ui.formats import suited, tables
from pages.ui.links.fields import Inputs
from pages.ui.links.values import LOSSES
from presets.catalog import accelerator_facts, formats, losses_of, models, published_in, targets

LLAMA, DEEPSEEK = Inputs(), Inputs(model="DeepSeek-V3 671B", device="NVIDIA H200 SXM", tp=8)


def chosen(inputs, target="data centre", allowed=1.0):
    return suited.suited(records.scenario(inputs), target, allowed)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("allowed", LOSSES)
@pytest.mark.parametrize("model", ["Llama 3.1 8B", "SmolLM2 135M", "Qwen3 30B-A3B", "Gemma 2 27B"])
def test_each_choice_fits_and_is_the_best_at_its_priority(model, target, allowed):
    found = chosen(Inputs(model=model), target, allowed)
    assert tuple(found) == PRIORITIES
    losses = losses_of(model)
    ways = {name: found["memory"].scenario for name in targets()[target].formats if name in losses}
    figures = {name: estimate(replace(given, weight_format=formats()[name])) for name, given in ways.items()}
    fitting = [name for name, figure in figures.items() if figure.fits]
    within = [name for name in fitting if losses[name] <= allowed]
    if not fitting:
        assert not found["memory"].estimate.fits
        return
    assert all(found[priority].estimate.fits for priority in PRIORITIES)
    assert found["quality"].loss_percent == min(losses[name] for name in fitting)
    if within:
        sizes = {name: weight_bytes(models()[model], formats()[name]) for name in within}
        assert found["memory"].weight_bytes == min(sizes.values())
        assert found["latency"].loss_percent <= allowed
        times = [
            float(
                figures[name].first_token_s + found["latency"].scenario.workload.output_tokens * figures[name].token_s
            )
            for name in within
        ]
        if np.isfinite(times).any():
            assert found["latency"].answer_s == np.nanmin(times)
    else:
        assert {choice.name for choice in found.values()} == {found["quality"].name}


def test_quality_first_keeps_what_the_model_was_published_in():
    assert chosen(LLAMA)["quality"].name == published_in("Llama 3.1 8B") == "BF16"
    assert chosen(DEEPSEEK)["quality"].name == published_in("DeepSeek-V3 671B") == "FP8 block 128"
    assert chosen(Inputs(model="gpt-oss 120B", tp=2))["quality"].name == "MXFP4"


def test_where_nothing_fits_the_smallest_says_so():
    found = chosen(DEEPSEEK, "phone")
    assert {choice.name for choice in found.values()} == {"Q5_K_M"}
    assert not found["memory"].estimate.fits


def test_a_target_takes_the_visitors_device_where_it_is_of_that_kind():
    for inputs in (LLAMA, Inputs(device="NVIDIA GeForce RTX 3090", tp=2)):
        for target, where in targets().items():
            aimed = suited.aimed(records.scenario(inputs), target)
            own = accelerator_facts()[inputs.device].kind in where.kinds
            assert aimed.deployment.accelerator.name == (inputs.device if own else where.device)
            assert aimed.deployment.tensor_parallel == (inputs.tp if own else 1)
            assert aimed.workload.batch == (inputs.batch if target == "data centre" else 1)


def test_the_smallest_within_a_loss_and_the_least_loss_where_none_is():
    scenario = records.scenario(LLAMA)
    some = {name: formats()[name] for name in ("Q8_0", "Q5_K_M", "Q4_K_M", "TQ1_0")}
    losses = losses_of("Llama 3.1 8B")
    assert smallest(scenario, some, losses, 3.0) == ("Q4_K_M", 4_912_898_048)
    assert smallest(scenario, some, losses, 1.0) == ("Q5_K_M", 5_725_151_232)
    assert smallest(scenario, some, losses, 0.01) == ("Q8_0", 8_532_934_656)
    with pytest.raises(ValueError, match="no loss is known of TQ1_0"):
        smallest(scenario, {"TQ1_0": formats()["TQ1_0"]}, losses, 1.0)


def test_a_format_that_the_device_does_not_run_is_never_chosen():
    some = {name: formats()[name] for name in ("INT8 W8A8", "GPTQ 4-bit per channel")}
    for device, name in {
        "NVIDIA V100 SXM2 32GB": "GPTQ 4-bit per channel",
        "NVIDIA H100 SXM5 80GB": "INT8 W8A8",
    }.items():
        scenario = records.scenario(Inputs(device=device, batch=1))
        assert choose(scenario, some, losses_of("Llama 3.1 8B"), 30.0)["quality"].name == name


def test_a_format_without_a_published_loss_is_never_chosen():
    scenario = records.scenario(LLAMA)
    some = {name: formats()[name] for name in ("Q8_0", "TQ1_0", "IQ4_XS")}
    assert {choice.name for choice in choose(scenario, some, losses_of("Llama 3.1 8B"), 30.0).values()} == {"Q8_0"}


@pytest.mark.parametrize("model", models())
def test_unbeaten_formats_are_those_that_no_other_beats_in_both(model):
    points = tables.sizes_and_losses(models()[model], losses_of(model))
    dots = {name: (size, loss) for family in points.values() for name, size, loss in family}
    front = tables.unbeaten(points)
    for name, (size, loss) in dots.items():
        better = any(s <= size and each <= loss and (s, each) != (size, loss) for s, each in dots.values())
        twin = any(dots[other] == (size, loss) for other in front)
        assert (name in front or twin) is not better
    named = drawing.places(dots, front, front[:1])
    assert set(named) <= set(front) and front[0] in named
