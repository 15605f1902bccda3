"""What an engine prints when it starts follows from its rule: laws over every engine, and lines of real logs."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators.architecture import parameters
from calculators.estimate import Scenario, Workload, capacity_bytes, engine_division, estimate, fits, memory_bytes
from calculators.hardware import CHARGES, Accelerator, Deployment
from calculators.memory import kv_cache_bytes, total, weight_bytes
from calculators.serving_memory import (
    Division,
    block_tokens,
    division,
    extremes,
    generate_peak_bytes,
    loaded_bytes,
    request_bytes,
    share_of_memory,
    tokens_bytes,
    with_step,
    working_bytes,
)
from presets import accelerators, cache_formats, engines, formats, models
from tests.facts import architecture

GIB = 2**30
BF16, CACHE = formats()["BF16"], cache_formats()["BF16"]
RULES = {name: engine.memory for name, engine in engines().items() if engine.memory is not None}
VLLM, SGLANG, TRT, LLAMA_CPP, HF = RULES.values()
LLAMA, V3, GPT_OSS = models()["Llama 3.1 8B"], models()["DeepSeek-V3 671B"], models()["gpt-oss 20B"]
H100 = accelerators()["NVIDIA H100 SXM5 80GB"]


def card(gib, name="a device"):
    """A device of which an engine sees so many GiB."""
    return Accelerator(name=name, memory_bytes=gib * GIB, bandwidth_bytes_per_s=1)


def divided(rule, model=LLAMA, fmt=BF16, on=H100, tokens=1024, **counts):
    return division(
        model, fmt, CACHE, Deployment(accelerator=on, **counts), rule, context_tokens=tokens, prompt_tokens=tokens
    )


# Lines of logs.


def test_vllm_leaves_the_cache_that_a_log_on_an_rtx_3090_prints():
    # Llama 3.1 8B, gpu_memory_utilization 0.9, 23.58 GiB: weights 14.99 + activations 2.07 + outside PyTorch 0.35;
    # "1952 GPU blocks" of 16 tokens, "Maximum concurrency for 20000 tokens per request: 1.56x" (vllm issue 10517).
    found = division(
        LLAMA, BF16, CACHE, Deployment(accelerator=card(23.58)), replace(VLLM, hidden_bytes=0),
        context_tokens=20_000, prompt_tokens=0,
        known={"weights": 14.9888 * GIB, "activations": 2.07 * GIB, "libraries": 0.35 * GIB},
    )  # fmt: skip
    assert found.cache_bytes / GIB == pytest.approx(3.81, abs=0.005)
    assert found.cache_tokens == pytest.approx(1952 * 16, abs=2 * 16)
    assert found.requests == pytest.approx(1.56, abs=0.005)


def test_weights_as_vllm_loads_them_hold_a_rotary_table_beside_the_parameters():
    # "Model loading took 14.9889 GiB" (vllm PR 17122): 131,072 positions of 64 cosines and 64 sines, 32 MiB.
    alone = loaded_bytes(LLAMA, BF16, Deployment(accelerator=H100), VLLM)
    assert alone == 2 * parameters(LLAMA) + 2 * 131_072 * 128
    assert round(alone / GIB, 3) == 14.989


def test_the_activation_peak_of_vllm_is_a_layer_or_the_sampler():
    # 2.99 GiB for 29,000 tokens at once (issue 10517); 1.26 GiB whatever the width where the sampler's 256 x 128,256
    # logits are the most (PR 10511: the same with one device and with two).
    assert working_bytes(LLAMA, VLLM, tokens=29_000, sequences=256) / GIB == pytest.approx(2.99, abs=0.005)
    alone, two = (working_bytes(LLAMA, VLLM, tokens=8192, sequences=256, tensor_parallel=n) for n in (1, 2))
    assert alone == two == 40 * 256 * 128_256
    assert alone / GIB == pytest.approx(1.26, rel=0.05)


def test_sglang_keeps_its_share_of_what_is_free_less_the_weights():
    # mem_fraction_static 0.4 of 112.26 GB free, weights 3.25: "K size: 20.80 GB, V size: 20.80 GB" (DGX Spark).
    rule = replace(SGLANG, share=0.4, hidden_bytes=0)
    known = {"weights": 3.25 * GIB, "libraries": 0.0}
    found = division(
        LLAMA, BF16, CACHE, Deployment(accelerator=card(112.26)), rule, context_tokens=1, prompt_tokens=0, known=known
    )
    assert found.cache_bytes / GIB == pytest.approx(41.6, rel=0.002)


def test_sglang_reserves_by_its_own_formula():
    # An RTX 4090 of 23.5 GiB: 512 MiB + 1.5 MiB x 2,048 tokens + 2 MiB x 24 graphs + 128 MiB a device = 3,760 MiB.
    on = card(23.5)
    assert share_of_memory(SGLANG, Deployment(accelerator=on)) == pytest.approx(1 - 3_760 / (23.5 * 1024))
    # Above 60 GiB at least 10 GiB; 8 devices add 1 GiB, and 13,824 MiB is more than that.
    assert share_of_memory(SGLANG, Deployment(accelerator=card(70))) == pytest.approx(
        1 - (512 + 1.5 * 8192 + 2 * 256 + 128) / (70 * 1024)
    )
    small = with_step(SGLANG, tokens=2048, sequences=8)
    assert share_of_memory(small, Deployment(accelerator=card(70))) == pytest.approx(1 - 10 / 70)


def test_tensorrt_llm_takes_nine_tenths_of_what_is_free():
    found = divided(TRT)
    free = H100.memory_bytes - TRT.hidden_bytes - total(found.charges)
    assert found.cache_bytes == pytest.approx(0.9 * free)


@pytest.mark.parametrize("engine", [name for name, each in engines().items() if each.memory is not None])
@pytest.mark.parametrize("name", ["Llama 3.1 8B", "DeepSeek-V3 671B", "Gemma 3 27B", "deepseek-v4-flash"])
@pytest.mark.parametrize("tokens", [1, 100, 5_000, 131_072])
def test_an_engine_keeps_no_less_than_the_cache_of_a_request(engine, name, tokens):
    model = models()[name] if name in models() else architecture(name)
    on = Deployment(accelerator=accelerators()["NVIDIA H100 SXM5 80GB"])
    kept = tokens_bytes(model, CACHE, on, engines()[engine].memory, context_tokens=tokens)
    assert kept >= kv_cache_bytes(model, CACHE, batch=1, context_tokens=tokens)


def test_llama_cpp_pads_a_window_and_keeps_the_embedding_with_the_host():
    # gpt-oss, n_ctx 131072, n_ubatch 1024: window 128 + 1,024 in steps of 256 is 1,280 cells (ollama's log).
    rule, on = with_step(LLAMA_CPP, tokens=1024, sequences=1024), Deployment(accelerator=H100)
    halves = [block for block in GPT_OSS.blocks if block.attention.window]
    windowed = sum(block.count for block in halves)
    each = 2 * halves[0].attention.cached_values
    whole = GPT_OSS.layers - windowed
    size = tokens_bytes(GPT_OSS, CACHE, on, rule, context_tokens=131_072)
    assert size == each * (windowed * 1280 + whole * 131_072)
    mix = formats()["Q4_K_M"]
    embedding = LLAMA.vocabulary * LLAMA.hidden * 18 / 32  # 281.81 MiB in the CPU's buffer of the logs
    assert embedding / 2**20 == pytest.approx(281.81, abs=0.01)
    assert loaded_bytes(LLAMA, mix, on, LLAMA_CPP) == pytest.approx(weight_bytes(LLAMA, mix) - embedding)


def test_a_tied_embedding_that_the_host_keeps_stands_on_the_device_as_the_head():
    tied = models()["Llama 3.2 1B"]
    on = Deployment(accelerator=H100)
    assert loaded_bytes(tied, BF16, on, LLAMA_CPP) == weight_bytes(tied, BF16)


def test_layers_left_to_the_host_take_their_weights_and_cache_along():
    on = Deployment(accelerator=H100)
    half = replace(LLAMA_CPP, device_layers=LLAMA.layers / 2)
    whole = loaded_bytes(LLAMA, BF16, on, replace(LLAMA_CPP, device_layers=LLAMA.layers))
    assert loaded_bytes(LLAMA, BF16, on, half) == whole / 2
    head = 2 * LLAMA.vocabulary * LLAMA.hidden
    assert loaded_bytes(LLAMA, BF16, on, LLAMA_CPP) == pytest.approx(whole + head, rel=1e-5)
    both = (request_bytes(LLAMA, CACHE, on, rule, context_tokens=1024) for rule in (half, LLAMA_CPP))
    assert next(both) * 2 == next(both)


def test_the_peak_of_a_generation_is_the_measured_one_to_512_bytes():
    # presets/measured/gpu.csv, gpu-0007 and gpu-0010.
    for batch, prompt, measured in ((1, 8192, 2_084_831_744), (8, 2048, 4_136_108_544)):
        peak = generate_peak_bytes(LLAMA, CACHE, HF, batch=batch, prompt_tokens=prompt, context_tokens=prompt + 32)
        assert abs(peak - measured) <= 512


def test_a_long_answer_outgrows_its_prompt_and_copies_one_layers_keys():
    peak = generate_peak_bytes(LLAMA, CACHE, HF, batch=1, prompt_tokens=1, context_tokens=100_000)
    held = kv_cache_bytes(LLAMA, CACHE, batch=1, context_tokens=100_000)
    assert peak - held == pytest.approx(held / 64 + working_bytes(LLAMA, HF, tokens=1, sequences=1))


# Laws.

SCENARIOS = st.builds(
    Scenario, model=st.sampled_from(list(models().values())), weight_format=st.sampled_from(list(formats().values())),
    cache_format=st.sampled_from(list(cache_formats().values())),
    deployment=st.builds(
        Deployment, accelerator=st.sampled_from(list(accelerators().values())),
        tensor_parallel=st.sampled_from((1, 2, 8)), pipeline_parallel=st.sampled_from((1, 2)),
    ),
    workload=st.builds(
        Workload, batch=st.integers(1, 200), prompt_tokens=st.integers(1, 50_000), output_tokens=st.integers(1, 5_000)
    ),
    engine=st.sampled_from([engines()[name] for name in RULES]),
)  # fmt: skip


@given(SCENARIOS)
def test_tokens_times_bytes_are_within_the_cache_and_one_block_more_is_not(scenario):
    rule = scenario.engine.memory
    found = engine_division(scenario, rule)
    inputs = (scenario.model, scenario.cache_format, scenario.deployment, rule)
    page = tokens_bytes(*inputs, context_tokens=found.block_tokens)
    held = found.requests * found.request_bytes
    assert held <= max(found.cache_bytes, 0) * (1 + 1e-9)
    assert held + max(page, 1) * (1 + 1e-9) > found.cache_bytes  # a state-space model has no page, but a whole byte
    assert found.block_tokens == block_tokens(scenario.model, rule)


@given(SCENARIOS)
def test_charges_and_cache_add_up_to_what_the_engine_takes(scenario):
    found = engine_division(scenario, scenario.engine.memory)
    assert tuple(found.charges) == CHARGES
    assert found.taken_bytes == pytest.approx(total(found.charges) + found.cache_bytes)
    outside = total({key: size for key, size in found.charges.items() if key not in scenario.engine.memory.within})
    assert found.taken_bytes == pytest.approx(found.share_bytes + outside)


@given(SCENARIOS, st.floats(0.1, 0.9), st.floats(0, 0.1))
def test_a_larger_share_never_leaves_less_cache_and_larger_reserves_never_more(scenario, share, more):
    rule = scenario.engine.memory
    small, large = (engine_division(scenario, replace(rule, share=each)).cache_bytes for each in (share, share + more))
    # A share of nothing free grows more negative: the engine does not start either way.
    assert large >= small or large < 0
    loose, tight = (engine_division(scenario, end) for end in extremes(rule))
    assert loose.cache_bytes >= engine_division(scenario, rule).cache_bytes >= tight.cache_bytes


@given(SCENARIOS)
def test_an_estimate_fits_exactly_where_the_engines_cache_holds_its_requests(scenario):
    figures, found = estimate(scenario), engine_division(scenario, scenario.engine.memory)
    asked = figures.memory_bytes["cache"] + figures.memory_bytes.get("state", 0.0)
    close = abs(asked - found.cache_bytes) <= 1e-9 * abs(figures.capacity_bytes)
    assert close or bool(figures.fits) == (asked <= found.cache_bytes) == fits(scenario)
    assert figures.capacity_bytes == capacity_bytes(scenario, memory_bytes(scenario))


@given(SCENARIOS, st.lists(st.integers(1, 10_000), min_size=1, max_size=5))
def test_a_sweep_over_lengths_equals_its_single_divisions(scenario, lengths):
    def at(tokens):
        return engine_division(replace(scenario, workload=Workload(batch=4, prompt_tokens=tokens)), rule)

    rule = scenario.engine.memory
    sweep = at(np.array(lengths))
    for index, tokens in enumerate(lengths):
        single = at(tokens)
        for field in fields(Division):
            if field.name != "charges":
                figure = np.broadcast_to(getattr(sweep, field.name), len(lengths))[index]
                np.testing.assert_allclose(figure, getattr(single, field.name), rtol=1e-12)


def test_the_caches_blocks_are_those_of_the_kind_of_attention():
    assert [block_tokens(LLAMA, rule) for rule in RULES.values()] == [16, 1, 32, 256, 1]
    assert block_tokens(V3, VLLM) == 64
    found = divided(VLLM, tokens=1000)
    assert found.cache_tokens % 16 == 0
    assert found.requests == pytest.approx(found.cache_tokens / 1008)


def test_a_device_that_cannot_hold_the_weights_holds_no_request():
    found = divided(VLLM, on=card(8))
    assert found.cache_bytes < 0 and found.cache_tokens == found.requests == 0


def test_an_a100_counts_as_small_whatever_it_holds():
    assert VLLM.step(card(79.2, "NVIDIA A100 SXM4 80GB")) == (2048, 256)
    assert VLLM.step(card(79.2, "NVIDIA H100 SXM5 80GB")) == (8192, 1024)


@pytest.mark.parametrize("name", RULES)
def test_every_constant_of_a_rule_has_a_range_and_a_source(name):
    rule = RULES[name]
    assert set(rule.ranges) | {"rule"} == set(rule.sources)
    for constant, (low, high) in rule.ranges.items():
        assert low <= getattr(rule, constant) <= high
        assert rule.sources[constant]
    assert not rule.before & rule.within
    assert engines()[name].times_of in engines()
