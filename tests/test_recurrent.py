"""Layers with a fixed state: what they keep does not grow, what they read and compute does not look back."""

from dataclasses import replace

import numpy as np
import pytest

from calculators.architecture import tensors
from calculators.attention import CrossAttention, GroupedQueryAttention
from calculators.hardware import Deployment
from calculators.latency import decode_rows, prefill_rows, seconds
from calculators.memory import device_state_bytes, kv_cache_bytes, state_bytes
from calculators.recurrent import (
    GatedDeltaNet,
    GatedRecurrence,
    KimiDeltaAttention,
    LightningAttention,
    Mamba,
    Mamba2,
    ShortConvolution,
    SideBySide,
)
from presets import accelerators, cache_formats, engines, formats
from tests.facts import architecture

BF16, ENGINE = formats()["BF16"], engines()["CUDA-graph decoder"]
CACHES = cache_formats().values()
CACHE = cache_formats()["BF16"]
ALONE = Deployment(accelerator=accelerators()["NVIDIA H100 SXM5 80GB"])
MAMBA = architecture("mamba-2.8b")
NET = GatedDeltaNet(key_heads=2, value_heads=4, key_dim=8, value_dim=16, kernel=4)
KINDS = [
    Mamba(inner=64, state=16, kernel=4, step_rank=2),
    Mamba2(heads=4, head_dim=16, state=32, groups=2, kernel=4),
    NET,
    KimiDeltaAttention(heads=4, head_dim=16, kernel=4),
    LightningAttention(heads=4, head_dim=16),
    GatedRecurrence(heads=4, width=64, kernel=4),
    ShortConvolution(channels=64, kernel=3),
]
ATTENTION = GroupedQueryAttention(heads=4, kv_heads=2, head_dim=16)


def of(mixer, count=3):
    """Mamba 2.8B with other layers."""
    return replace(MAMBA, blocks=(replace(MAMBA.blocks[0], count=count, attention=mixer),))


def cache_row(model, batch=1, context=1000, deployment=ALONE):
    rows = decode_rows(model, BF16, CACHE, deployment, ENGINE, batch=batch, context_tokens=context)
    (row,) = (row for row in rows if row.part == "cache")
    return row


def prefill(model, prompt):
    return prefill_rows(model, BF16, CACHE, ALONE, ENGINE, batch=1, prompt_tokens=prompt)


@pytest.mark.parametrize("mixer", KINDS, ids=lambda mixer: type(mixer).__name__)
def test_the_cache_is_empty_and_the_state_is_that_of_every_layer_and_sequence(mixer):
    model = of(mixer)
    assert kv_cache_bytes(model, CACHE, batch=8, context_tokens=np.array([1, 10**6])).tolist() == [0, 0]
    _, narrow, wide = mixer.state_values
    assert state_bytes(model, CACHE, batch=1) == 3 * (2 * narrow + 4 * wide) > 0
    assert state_bytes(model, CACHE, batch=np.array([1, 2, 7])).tolist() == [
        n * state_bytes(model, CACHE, batch=1) for n in (1, 2, 7)
    ]


@pytest.mark.parametrize("mixer", KINDS, ids=lambda mixer: type(mixer).__name__)
def test_a_state_is_kept_in_the_same_bytes_whatever_the_format_of_the_cache(mixer):
    assert len({state_bytes(of(mixer), cache, batch=1) for cache in CACHES}) == 1


@pytest.mark.parametrize("mixer", KINDS, ids=lambda mixer: type(mixer).__name__)
def test_a_decode_step_reads_the_state_and_writes_it_back_and_takes_as_long_after_any_text(mixer):
    model = of(mixer)
    assert cache_row(model, batch=5).bytes_read == 2 * state_bytes(model, CACHE, batch=5)
    assert cache_row(model, context=1) == cache_row(model, context=10**6)


@pytest.mark.parametrize("mixer", KINDS, ids=lambda mixer: type(mixer).__name__)
def test_a_longer_prompt_costs_as_much_more_for_each_token(mixer):
    at = [prefill(of(mixer), prompt) for prompt in (50_000, 100_000, 150_000)]
    flops, times = [sum(row.flops for row in rows) for rows in at], [seconds(rows) for rows in at]
    assert flops[2] - flops[1] == pytest.approx(flops[1] - flops[0], rel=1e-12)
    assert times[2] - times[1] == pytest.approx(times[1] - times[0], rel=1e-9)


def test_a_prompt_costs_the_products_the_recurrence_and_one_row_of_logits():
    prompt = 10_000
    met = sum(row.values * row.used for row in tensors(MAMBA) if row.is_matrix and row.part != "embedding")
    head, update = MAMBA.vocabulary * MAMBA.hidden, MAMBA.blocks[0].attention.flops_per_token
    assert sum(row.flops for row in prefill(MAMBA, prompt)) == 2 * (prompt * met + head) + 64 * prompt * update


def test_keys_and_values_of_another_source_are_read_and_not_written():
    mixer = CrossAttention(heads=4, kv_heads=2, head_dim=16, source_tokens=100)
    assert cache_row(of(mixer)).bytes_read == state_bytes(of(mixer), CACHE, batch=1) == 3 * 2 * 2 * 16 * 100 * 2


@pytest.mark.parametrize("mixer", KINDS, ids=lambda mixer: type(mixer).__name__)
def test_devices_share_a_state_by_heads_and_each_holds_it_whole_beyond_them(mixer):
    model, shards = of(mixer), mixer.state_shards
    whole = state_bytes(model, CACHE, batch=1)
    for width in (1, 2, shards, 4 * shards):
        held = device_state_bytes(model, CACHE, replace(ALONE, tensor_parallel=width), batch=1)
        assert held == whole / min(width, shards)
        assert cache_row(model, deployment=replace(ALONE, tensor_parallel=width)).bytes_read == 2 * held


def test_updates_have_the_flops_of_the_published_recurrences():
    assert KINDS[0].flops_per_token == 64 * (7 * 16 + 3) + 2 * 4 * 64
    assert KINDS[1].flops_per_token == 4 * 16 * (5 * 32 + 3) + 2 * 4 * (4 * 16 + 2 * 2 * 32)
    assert KINDS[2].flops_per_token == 4 * 16 * 7 * 8 + 2 * 4 * (4 * 16 + 2 * 2 * 8)
    assert KINDS[3].flops_per_token == 4 * 16 * 7 * 16 + 2 * 4 * 3 * 64
    assert KINDS[4].flops_per_token == 4 * 16 * 5 * 16
    assert KINDS[5].flops_per_token == 64 * 9 + 2 * 4 * 64
    assert KINDS[6].flops_per_token == 64 * 2 + 2 * 3 * 64


def test_side_by_side_has_the_sum_of_attention_and_recurrence():
    both = SideBySide(attention=ATTENTION, recurrence=NET)
    assert both.tensors(64) == ATTENTION.tensors(64) + NET.tensors(64)
    assert both.cached_values == ATTENTION.cached_values and both.state_values == NET.state_values
    alone = [cache_row(of(mixer), context=100) for mixer in (both, ATTENTION, NET)]
    assert alone[0].flops == alone[1].flops + alone[2].flops
    assert alone[0].bytes_read == alone[1].bytes_read + alone[2].bytes_read


def test_a_hybrid_grows_by_its_attention_layers_alone():
    model = architecture("jamba-v0.1")
    attends = sum(block.count for block in model.blocks if block.attention.cached_values)
    assert attends == 4
    assert kv_cache_bytes(model, CACHE, batch=1, context_tokens=1000) == 1000 * attends * 2 * 8 * 128 * 2


# Shapes: vLLM's MambaStateShapeCalculator; types: what each config names.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mamba-2.8b", 64 * (3 * 5120 + 5120 * 16) * 2),
        ("jamba-v0.1", 28 * (3 * 8192 + 8192 * 16) * 2),
        ("nemotron-h-56b", 54 * (3 * (16384 + 2 * 8 * 256) * 2 + 256 * 64 * 256 * 4)),
        ("nemotron-3-ultra-550b-a55b", 48 * (3 * (16384 + 2 * 8 * 128) * 2 + 256 * 64 * 128 * 4)),
        ("qwen3-next-80b-a3b", 36 * (3 * 8192 + 32 * 128 * 128) * 2),
        ("kimi-linear-48b-a3b", 21 * (3 * 3 * 4096 * 2 + 32 * 128 * 128 * 4)),
        ("minimax-m1", 70 * 64 * 128 * 128 * 2),
    ],
)
def test_a_sequence_keeps_the_states_that_vllm_allocates(name, expected):
    assert state_bytes(architecture(name), CACHE, batch=1) == expected


@pytest.mark.parametrize(("named", "each"), [("float32", 4), ("bfloat16", 2), (None, 2), ("auto", 2)])
def test_the_config_names_the_type_of_the_recurrent_state(named, each):
    for name, field in (("qwen3-next-80b-a3b", "mamba_ssm_dtype"), ("mamba-2.8b", "mamba_ssm_dtype")):
        model = architecture(name, **{field: named})
        narrow = architecture(name)
        layers = sum(block.count for block in model.blocks if block.attention.state_values[1:] != (0, 0))
        recurrent = {"mamba-2.8b": 5120 * 16, "qwen3-next-80b-a3b": 32 * 128 * 128}[name]
        gained = state_bytes(model, CACHE, batch=1) - state_bytes(narrow, CACHE, batch=1)
        assert gained == layers * recurrent * (each - 2)


def test_a_decay_for_each_value_is_no_matrix_and_is_not_multiplied_with():
    decay = next(row for row in MAMBA.blocks[0].attention.tensors(2560) if row.name == "A_log")
    assert decay.shape == (5120, 16) and not decay.is_matrix
