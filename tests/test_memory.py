"""Memory adds up, is shared as engines share it, and the largest that fits is the largest that fits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators.estimate import Scenario, Workload, fits, largest_batch, longest_context, with_workload
from calculators.hardware import Deployment
from calculators.memory import (
    activation_bytes,
    device_cache_bytes,
    device_weight_bytes,
    kv_cache_bytes,
    total,
    weight_bytes,
)
from presets import accelerators, cache_formats, engines, formats, models
from presets.accuracy import compare, config_reader, groups, read_rows
from presets.fit import MEASURED

H100 = accelerators()["NVIDIA H100 SXM5 80GB"]
BF16, CACHE = formats()["BF16"], cache_formats()["BF16"]
ENGINE = engines()["CUDA-graph decoder"]
LLAMA, GEMMA, V3 = (models()[name] for name in ("Llama 3.1 8B", "Gemma 2 9B", "DeepSeek-V3 671B"))


def scenario(model=LLAMA, fmt=BF16, card=H100, width=1, **workload):
    return Scenario(
        model=model, weight_format=fmt, cache_format=CACHE, engine=ENGINE, workload=Workload(**workload),
        deployment=Deployment(accelerator=card, tensor_parallel=width),
    )  # fmt: skip


@given(
    model=st.sampled_from(list(models().values())),
    fmt=st.sampled_from(list(formats().values())),
    width=st.sampled_from([1, 2, 3, 4, 8, 16, 64]),
    stages=st.integers(1, 16),
)
@settings(max_examples=150, deadline=None)
def test_the_fullest_device_holds_at_least_its_share_and_at_most_all(model, fmt, width, stages):
    deployment = Deployment(accelerator=H100, tensor_parallel=width, pipeline_parallel=stages)
    fullest, whole = total(device_weight_bytes(model, fmt, deployment)), weight_bytes(model, fmt)
    assert whole / deployment.devices <= fullest * (1 + 1e-12)
    assert fullest <= whole * (1 + 1e-12)


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.name)
def test_one_device_holds_every_part_whole(model):
    parts = device_weight_bytes(model, BF16, Deployment(accelerator=H100))
    assert total(parts) == weight_bytes(model, BF16)


def test_tensor_parallel_divides_embeddings_and_experts_and_keeps_norms_and_routers_whole():
    one, eight = (device_weight_bytes(V3, BF16, Deployment(accelerator=H100, tensor_parallel=n)) for n in (1, 8))
    for part in ("embedding", "lm_head", "routed_experts", "shared_experts", "mlp"):
        assert eight[part] == one[part] / 8
    for part in ("norms", "router"):
        assert eight[part] == one[part]
    compressions = 2 * 61 * (1536 + 576) * 7168  # bytes of q_a_proj and kv_a_proj_with_mqa
    assert eight["attention"] == (one["attention"] - compressions) / 8 + compressions


def test_key_and_value_heads_are_replicated_beyond_their_count():
    assert LLAMA.blocks[0].attention.kv_heads == 8

    def device(width):
        deployment = Deployment(accelerator=H100, tensor_parallel=width)
        cache = device_cache_bytes(LLAMA, CACHE, deployment, batch=4, context_tokens=1000)
        return cache, device_weight_bytes(LLAMA, BF16, deployment)["attention"]

    whole = kv_cache_bytes(LLAMA, CACHE, batch=4, context_tokens=1000)
    assert [device(width)[0] for width in (1, 2, 8, 16)] == [whole, whole / 2, whole / 8, whole / 8]
    query, key = 2 * 32 * 4096 * 4096, 2 * 32 * 1024 * 4096  # bytes of q_proj in all layers, and of k_proj
    assert device(8)[1] == (2 * query + 2 * key) / 8
    assert device(16)[1] == 2 * query / 16 + 2 * key / 8


def test_the_latent_cache_stands_whole_on_every_device():
    caches = {
        device_cache_bytes(
            V3, CACHE, Deployment(accelerator=H100, tensor_parallel=width), batch=2, context_tokens=500
        )
        for width in (1, 2, 8)
    }  # fmt: skip
    assert caches == {2 * 500 * 70_272}


def test_pipeline_stages_share_layers_and_the_last_holds_the_head():
    deployment = Deployment(accelerator=H100, pipeline_parallel=np.array([1, 2, 3, 32, 64]))
    parts = device_weight_bytes(LLAMA, BF16, deployment)
    one = device_weight_bytes(LLAMA, BF16, Deployment(accelerator=H100))
    assert list(parts["mlp"] / one["mlp"] * 32) == [32, 16, 11, 1, 1]
    assert list(parts["embedding"] / one["embedding"]) == [1, 0, 0, 0, 0]
    assert set(np.broadcast_to(parts["lm_head"], 5)) == {one["lm_head"]}
    cache = device_cache_bytes(LLAMA, CACHE, deployment, batch=1, context_tokens=1000)
    assert list(cache / (1000 * 4096)) == [32, 16, 11, 1, 1]


@given(batch=st.integers(1, 1000), tokens=st.integers(1, 100_000))
def test_the_cache_grows_linearly_in_batch_and_in_context_until_the_window(batch, tokens):
    def cache(model, batch, tokens):
        return kv_cache_bytes(model, CACHE, batch=batch, context_tokens=tokens)

    assert cache(LLAMA, batch, tokens) == batch * tokens * 131_072
    sliding = next(block for block in GEMMA.blocks if block.attention.window)
    assert (sliding.count, sliding.attention.window) == (21, 4096)
    each = 2 * sliding.attention.cached_values
    assert cache(GEMMA, batch, tokens) == batch * 21 * each * (tokens + min(tokens, 4096))


def test_activation_peaks_are_within_one_per_cent_of_the_measured_at_the_median():
    rows = read_rows(MEASURED / "gpu.csv")
    found, _ = compare(rows, config_reader([MEASURED / "configs"]), engines())
    (group,) = (each for each in groups(found, []) if each["quantity"] == "prefill_peak_activation_bytes")
    assert group["n"] >= 50
    assert group["median_abs_error"] < 0.01
    assert group["p90_abs_error"] < 0.05


def test_logits_of_a_large_batch_outgrow_the_layer():
    assert activation_bytes(LLAMA, batch=512, tokens=512) == 4 * 512 * LLAMA.vocabulary
    assert activation_bytes(LLAMA, batch=512, tokens=512, tensor_parallel=8) < 4 * 512 * LLAMA.vocabulary


SCENARIOS = [
    scenario(prompt_tokens=1000, output_tokens=24),
    scenario(card=accelerators()["NVIDIA GeForce RTX 4090"], prompt_tokens=300, output_tokens=10),
    scenario(model=GEMMA, batch=3, prompt_tokens=5000, output_tokens=100),
    scenario(model=models()["Llama 3.1 70B"], width=4, prompt_tokens=4096, output_tokens=512),
    scenario(model=V3, fmt=formats()["FP8 block 128"], width=16, prompt_tokens=2000, output_tokens=100),
]


@pytest.mark.parametrize("given", SCENARIOS, ids=lambda given: given.model.name)
def test_the_largest_batch_fits_and_one_more_does_not(given):
    batch = largest_batch(given)
    assert batch > 0
    assert fits(with_workload(given, batch=batch))
    assert not fits(with_workload(given, batch=batch + 1))


@pytest.mark.parametrize("given", SCENARIOS, ids=lambda given: given.model.name)
def test_the_longest_context_fits_and_one_token_more_does_not_or_is_beyond_the_model(given):
    given = with_workload(given, batch=largest_batch(given) // 2 + 1)
    tokens, output = longest_context(given), given.workload.output_tokens
    assert tokens > output
    assert fits(with_workload(given, prompt_tokens=tokens - output))
    assert tokens == given.model.max_context or not fits(with_workload(given, prompt_tokens=tokens - output + 1))


def test_the_largest_batch_and_the_longest_context_stop_at_their_limits():
    assert largest_batch(SCENARIOS[0], limit=5) == 5
    assert longest_context(SCENARIOS[0]) == LLAMA.max_context


def test_where_nothing_fits_both_are_zero():
    tiny = replace(H100, memory_bytes=1e9)
    assert largest_batch(scenario(card=tiny)) == longest_context(scenario(card=tiny)) == 0
    assert longest_context(scenario(output_tokens=LLAMA.max_context)) == 0
