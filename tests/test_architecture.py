"""The ledger counts what transformers counts, to the last parameter."""

import json
from dataclasses import replace

import numpy as np
import pytest

from calculators.architecture import (
    active_parameters,
    all_tensors,
    buffer_values,
    mtp_parameters,
    parameters,
    parameters_by_part,
    sharing,
    tensors,
    tier,
)
from calculators.attention import GroupedQueryAttention, attended_pairs, reach
from calculators.formats import stored_bytes
from calculators.memory import kv_cache_bytes
from calculators.tensor import PARTS
from presets import cache_formats, formats, model_from_config, models
from presets.configs import KINDS
from tests.facts import COUNTS, PRESETS, VARIANTS, architecture

MODELS = {name: architecture(name) for name in COUNTS}
V3 = models()["DeepSeek-V3 671B"]


@pytest.mark.parametrize("name", MODELS)
def test_parameters_equal_those_of_transformers(name):
    assert parameters(MODELS[name]) == int(COUNTS[name]["parameters"])


@pytest.mark.parametrize("name", MODELS)
def test_active_parameters_equal_all_less_the_experts_not_chosen(name):
    assert active_parameters(MODELS[name]) == int(COUNTS[name]["active"])


@pytest.mark.parametrize("name", MODELS)
def test_each_part_equals_that_of_transformers(name):
    assert parameters_by_part(MODELS[name]) == json.loads(COUNTS[name]["by_part"])


# Where the reference states none of a model that generates, it does not know (DeepSeek-V4).
@pytest.mark.parametrize(
    "name", [name for name in MODELS if COUNTS[name]["kv_bytes_per_token"] or not MODELS[name].generates]
)
def test_a_token_adds_its_bytes_to_the_cache_until_windows_fill_and_then_only_those_of_full_layers(name):
    def cache(tokens):
        return kv_cache_bytes(MODELS[name], cache_formats()["BF16"], batch=1, context_tokens=tokens)

    beyond = 10_000_000
    assert cache(1) == int(COUNTS[name]["kv_bytes_per_token"] or 0)
    assert cache(beyond + 1) - cache(beyond) == int(COUNTS[name]["kv_bytes_once_windows_fill"] or 0)


@pytest.mark.parametrize("model", [*MODELS.values(), *models().values()], ids=lambda model: model.name)
def test_parts_add_up_and_every_layer_is_in_exactly_one_block(model):
    assert sum(parameters_by_part(model).values()) == parameters(model)
    assert [part for part in PARTS if part in parameters_by_part(model)] == list(parameters_by_part(model))
    held = [row.layers for row in tensors(model) if row.layers]
    assert sorted({layer for layers in held for layer in layers}) == list(range(model.layers))
    assert all(row.copies % (len(row.layers) or 1) == 0 and 0 <= row.used <= row.copies for row in tensors(model))


@pytest.mark.parametrize("kind", VARIANTS)
def test_sizes_and_switches_drawn_at_random_count_as_transformers_builds_them(kind):
    for variant in VARIANTS[kind]:
        model = model_from_config(variant["config"], name=kind)
        assert parameters(model) == variant["parameters"]
        assert parameters_by_part(model) == {part: variant["by_part"][part] for part in parameters_by_part(model)}
        assert sum(variant["by_part"].values()) == variant["parameters"]


def test_every_model_of_the_reference_is_read():
    assert {row["model_type"] for row in COUNTS.values()} <= KINDS.keys()
    assert len(COUNTS) == 119


def test_tied_embeddings_are_stored_once():
    tied = MODELS["llama-3.2-3b"]
    assert "lm_head" not in parameters_by_part(tied)
    assert parameters(replace(tied, tied_embeddings=False)) - parameters(tied) == tied.vocabulary * tied.hidden


def test_the_8b_preset_is_llama_3_1():
    model = models()["Llama 3.1 8B"]
    assert parameters(model) == PRESETS["8b"]["total"] == 8_030_261_248
    assert kv_cache_bytes(model, cache_formats()["BF16"], batch=1, context_tokens=1) == 131_072


def test_the_175b_preset_has_the_counts_that_transformers_gives_its_config():
    model, facts = models()["MoE 175B (32 experts, top-2)"], PRESETS["175b"]
    (experts,) = {block.mlp for block in model.blocks}
    assert (experts.experts, experts.chosen) == (32, 2)
    assert parameters(model) == facts["total"]
    assert parameters_by_part(model) == {part: facts["components"][part] for part in parameters_by_part(model)}
    assert active_parameters(model) == facts["active_all"]
    each = sum(row.values for row in tensors(model) if row.part == "routed_experts")
    assert each == facts["per_expert_per_layer"]


def test_the_671b_preset_tells_apart_what_is_stored_beside_its_parameters():
    facts, table = PRESETS["671b"], V3.vocabulary * V3.hidden
    assert parameters(V3) == facts["total_main"] == 671_026_404_352
    assert buffer_values(V3) == 58 * 256 == 14_848
    assert mtp_parameters(V3) == facts["mtp_unique"] == 11_610_068_224
    stored = parameters(V3) + buffer_values(V3)
    assert stored == facts["total_main_with_router_bias"]
    assert stored + mtp_parameters(V3) == facts["total_with_mtp_shared"]
    assert stored + mtp_parameters(V3) + 2 * table == facts["total_with_mtp_as_stored"]


def test_the_671b_checkpoint_holds_one_scale_for_each_128_by_128_block():
    fp8 = formats()["FP8 block 128"]

    def scales(model):
        rows = [row for row in tensors(model) if len(row.shape) == 2 and row.part not in fp8.leaves]
        return sum(stored_bytes(model, row, fp8) - row.values * row.copies for row in rows) / 4

    on_hub = PRESETS["671b"]["total_on_hub_with_fp8_scales"] - PRESETS["671b"]["total_with_mtp_as_stored"]
    assert scales(V3) + scales(replace(V3, blocks=V3.mtp)) == on_hub


def test_the_671b_model_uses_37_6_billion_parameters_for_a_token():
    facts, table = PRESETS["671b"]["active"], V3.vocabulary * V3.hidden
    assert active_parameters(V3) == facts["all"] == 37_552_282_624
    assert active_parameters(V3) - table == facts["excluding_input_embedding"]
    assert active_parameters(V3) - 2 * table == facts["excluding_input_embedding_and_lm_head"]


def test_buffers_are_in_no_count_of_parameters():
    assert [row.name for row in all_tensors(V3) if row.buffer] == ["e_score_correction_bias"]
    assert not any(row.buffer for row in tensors(V3))


@pytest.mark.parametrize("window", [None, 1, 5, 64])
@pytest.mark.parametrize("prompt", [1, 4, 5, 6, 64, 200])
def test_attended_pairs_are_the_sum_of_what_each_position_reaches(window, prompt):
    attention = GroupedQueryAttention(heads=1, kv_heads=1, head_dim=1, window=window)
    assert attended_pairs(attention, prompt) == sum(reach(attention, i + 1) for i in range(prompt))
    assert list(attended_pairs(attention, np.array([prompt, 1]))) == [attended_pairs(attention, prompt), 1]


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("smollm2-360m", "under 1B"), ("llama-3.1-8b", "1B to 10B"), ("llama-3.1-70b", "10B to 100B"),
        ("deepseek-v3", "100B and above"),
    ],
)  # fmt: skip
def test_a_model_belongs_to_the_scale_of_its_stored_parameters(name, scale):
    assert tier(MODELS[name]) == scale


@pytest.mark.parametrize("layers", [1, 2, 3, 32])
def test_shared_layers_are_stored_once_and_used_often(layers):
    model = MODELS["llama-3.1-8b"]
    shared = sharing(model, layers)
    each = sum(row.values for row in tensors(model) if row.layers)
    assert parameters(model) - parameters(shared) == (32 - -(-32 // layers)) * each
    assert kv_cache_bytes(shared, cache_formats()["BF16"], batch=1, context_tokens=1) == 131_072
    for row, before in zip(tensors(shared), tensors(model), strict=True):
        assert row.used * row.passes == pytest.approx(before.used)
