"""Mixtures of experts are read exactly: what stands beside their parameters, what they keep, what they may not say."""

from collections import Counter

import numpy as np
import pytest

from calculators.architecture import (
    active_parameters,
    all_tensors,
    buffer_values,
    mtp_parameters,
    parameters,
    parameters_by_part,
)
from calculators.attention import CompressedAttention, attended_pairs, entries, reach
from calculators.memory import index_bytes, kv_cache_bytes, state_bytes
from presets import model_from_config
from presets.catalog import cache_formats
from tests.facts import architecture

BF16 = cache_formats()["BF16"]
V4 = architecture("deepseek-v4-flash")


# Published totals less the parameters that transformers counts: the checkpoints' own tensors.
@pytest.mark.parametrize(
    ("name", "buffers", "mtp"),
    [
        ("deepseek-v4-flash", 2_337_280, 6_610_048_891),
        ("glm-5", 19_200, 9_952_920_576),
        ("glm-4.5", 14_240, 3_988_069_792),
        ("glm-4.5-air", 5_760, 2_375_059_584),
        ("minimax-m2.5", 15_872, 0),
        ("dots1", 7_808, 0),
        ("qwen1.5-moe-a2.7b", 0, 0),
    ],
)
def test_what_checkpoints_hold_beside_the_parameters_is_told_apart(name, buffers, mtp):
    assert (buffer_values(architecture(name)), mtp_parameters(architecture(name))) == (buffers, mtp)


STEP = {
    "model_type": "step3p5", "hidden_size": 4096, "num_hidden_layers": 45, "num_attention_heads": 64,
    "num_attention_groups": 8, "head_dim": 128, "vocab_size": 128_896, "intermediate_size": 11_264,
    "moe_num_experts": 288, "moe_top_k": 8, "moe_intermediate_size": 1280, "share_expert_dim": 1280,
    "sliding_window": 512, "num_nextn_predict_layers": 3, "moe_layers_enum": ",".join(map(str, range(3, 45))),
    "layer_types": (["full_attention"] + ["sliding_attention"] * 3) * 12,
    "attention_other_setting": {"attention_type": "sliding_attention", "num_attention_heads": 96},
}  # fmt: skip


def step(**changes):
    fields = {field: value for field, value in (STEP | changes).items() if value is not ...}
    return model_from_config(fields, name="step")


def test_step_3_7_has_the_published_parameters_with_more_heads_where_it_slides_and_three_layers_ahead():
    published, vision = 201_365_316_160, 1_981_014_784
    assert parameters(step()) + buffer_values(step()) + mtp_parameters(step()) + vision == published
    layers = Counter()
    for block in step().blocks:
        layers[block.attention.window, block.attention.heads] += block.count
    assert layers == {(None, 64): 12, (512, 96): 33}


def test_the_lists_of_a_step_model_may_leave_out_the_layers_ahead():
    shorter = step(layer_types=STEP["layer_types"][:45])
    assert parameters(shorter) == parameters(step())
    assert [block.attention.window for block in shorter.mtp] == [None]
    assert [block.attention.window for block in step().mtp] == [512]
    assert not any(block.mlp.experts for block in step(moe_layers_enum="").blocks)
    listed = ["dense"] * 3 + ["sparse"] * 42
    assert (
        step(moe_layers_enum=..., mlp_layer_types=listed) == step(mlp_layer_types=[*listed, *["dense"] * 3]) == step()
    )


@pytest.mark.parametrize("tokens", [1, 3, 4, 127, 128, 129, 4096, 100_001])
def test_deepseek_v4_keeps_a_window_and_an_entry_for_every_few_tokens(tokens):
    window, sparse, heavy = 43 * min(tokens, 128), 21 * (tokens // 4), 20 * (tokens // 128)
    assert kv_cache_bytes(V4, BF16, batch=3, context_tokens=tokens) == 3 * 2 * 512 * (window + sparse + heavy)
    assert index_bytes(V4, batch=1, context_tokens=tokens) == 21 * tokens * 2 * 128 / 4


def test_deepseek_v4_keeps_the_tokens_that_no_entry_stands_for_yet():
    heavy = 2 * 127 * 512  # a key and a gate of each
    sparse = 2 * (3 * 2 + 4) * (512 + 128)  # two series of each, and one of the last whole entry
    assert state_bytes(V4, BF16, batch=1) == 2 * (20 * heavy + 21 * sparse)


@pytest.mark.parametrize(("compression", "topk"), [(0, 0), (4, 0), (4, 3), (8, 100)])
@pytest.mark.parametrize("prompt", [1, 3, 4, 15, 16, 17, 200])
def test_pairs_with_entries_are_the_sum_of_what_each_position_reaches(compression, topk, prompt):
    attention = CompressedAttention(
        heads=1, head_dim=1, q_lora_rank=1, output_groups=1, output_rank=1, window=5, compression=compression,
        index_topk=topk,
    )  # fmt: skip
    assert attended_pairs(attention, prompt) == sum(reach(attention, i + 1) for i in range(prompt))
    assert list(attended_pairs(attention, np.array([prompt, 1]))) == [attended_pairs(attention, prompt), 1]
    assert entries(attention, prompt) == (prompt // compression if compression else 0)


def test_layers_that_take_the_selection_of_an_earlier_one_have_no_indexer():
    glm, shared = architecture("glm-5"), architecture("glm-5", index_topk_freq=3)
    assert [block.attention.index_heads for block in shared.blocks].count(0) == 2
    indexer = 2048 * 32 * 128 + 6144 * 128 + 6144 * 32 + 2 * 128
    full = sum(block.count for block in shared.blocks if block.attention.index_heads)
    assert parameters(glm) - parameters(shared) == (78 - full) * indexer
    assert full == len([i for i in range(78) if max(i - 1, 0) % 3 == 0])
    assert all(block.attention.selected == 2048 for block in shared.blocks)
    assert index_bytes(shared, batch=1, context_tokens=10) == full * 10 * 132
    assert shared == architecture("glm-5", index_topk_pattern="".join("SF"[max(i - 1, 0) % 3 == 0] for i in range(78)))


def test_glm_5_2_has_the_indexers_that_its_published_config_names():
    # quantization_config.modules_to_not_convert of zai-org/GLM-5.2-FP8: layers 0, 1, 2, 6, 10, … and 78, its MTP layer.
    model = architecture("glm-5", index_topk_freq=4, index_skip_topk_offset=3)
    held = {layer for row in all_tensors(model) if row.name == "indexer.wk" for layer in row.layers}
    assert held == {0, 1, *range(2, 78, 4)}
    assert mtp_parameters(model) == mtp_parameters(architecture("glm-5"))


def test_a_gate_on_shared_experts_is_met_by_every_token():
    model = architecture("qwen1.5-moe-a2.7b")
    (gate,) = [row for row in all_tensors(model) if row.name == "shared_expert_gate"]
    assert (gate.shape, gate.copies, gate.used, gate.part) == ((1, 2048), 24, 24, "shared_experts")
    assert parameters(model) - active_parameters(model) == 24 * (60 - 4) * 3 * 2048 * 1408


# Measured with transformers 5.23 on the meta device: what a config with other fields gains.
@pytest.mark.parametrize(
    ("name", "changes", "gained"),
    [
        ("qwen1.5-moe-a2.7b", {"qkv_bias": False}, -24 * 3 * 2048),
        ("phi-mini-moe", {"lm_head_bias": False}, -32_064),
        ("phi-mini-moe", {"lm_head_bias": ..., "attention_bias": ...}, -32_064 - 32 * (2 * 4096 + 2 * 1024)),
        ("glm-4.5", {"use_qk_norm": ...}, -92 * 2 * 128),
        ("glm-4.5", {"attention_bias": ...}, -92 * (96 + 2 * 8) * 128),
        ("dots1", {"first_k_dense_replace": ...}, -3 * 4096 * 10_944 + 130 * 3 * 4096 * 1408 + 128 * 4096),
        ("deepseek-v4-flash", {"mlp_bias": True}, 43 * (2 * 2048 + 4096)),
        ("deepseek-v4-flash", {"num_hash_layers": ...}, 0),
        ("granite-3.0-3b-a800m", {"model_type": "granitemoeshared", "architectures": ...}, 0),
        (
            "granite-3.0-3b-a800m",
            {"model_type": "granitemoeshared", "architectures": ..., "shared_intermediate_size": 1024},
            32 * 3 * 1024 * 1536,
        ),
    ],
)  # fmt: skip
def test_a_field_changes_what_it_changes_in_transformers(name, changes, gained):
    assert parameters(architecture(name, **changes)) - parameters(architecture(name)) == gained


def test_deepseek_moe_has_experts_in_every_so_many_layers_after_the_dense_ones():
    model = architecture("deepseek-moe-16b", first_k_dense_replace=3, moe_layer_freq=2)
    routed = [layer for row in all_tensors(model) if row.part == "router" for layer in row.layers]
    assert sorted(routed) == list(range(4, 28, 2))


def test_the_correction_bias_of_ernie_is_a_parameter():
    ernie = {
        "model_type": "ernie4_5_moe", "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 16, "vocab_size": 32, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 4,
    }  # fmt: skip
    model = model_from_config(ernie, name="ernie")
    assert buffer_values(model) == 0
    assert parameters_by_part(model)["router"] == 2 * (4 * 8 + 4)


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("dbrx", {"attn_config": ...}, "attn_config"),
        ("dbrx", {"ffn_config": {"moe_num_experts": 4, "moe_top_k": 1}}, r"ffn_config\.ffn_hidden_size"),
        ("dbrx", {"attn_config": {"kv_n_heads": 7}}, r"attn_config\.kv_n_heads"),
        ("dbrx", {"d_model": ..., "hidden_size": 6144}, "d_model"),
        ("dbrx", {"num_hidden_layers": 41}, "n_layers"),
        ("dbrx", {"tie_word_embeddings": True}, "tie_word_embeddings"),
        ("dbrx", {"n_heads": 7}, "d_model"),
        ("deepseek-v4-flash", {"compress_ratios": [0, 4]}, "compress_ratios"),
        ("deepseek-v4-flash", {"compress_ratios": [8] * 43}, "compress_ratios"),
        ("deepseek-v4-flash", {"compress_rates": {"compressed_sparse_attention": 4}}, r"compress_rates\.heavily"),
        ("deepseek-v4-flash", {"layer_types": ["full_attention"] * 43}, "layer_types"),
        ("deepseek-v4-flash", {"mlp_layer_types": ["moe"]}, "mlp_layer_types"),
        ("deepseek-v4-flash", {"o_groups": 7}, "o_groups"),
        ("deepseek-v4-flash", {"num_key_value_heads": 2}, "num_key_value_heads"),
        ("deepseek-v4-flash", {"n_shared_experts": 2}, "n_shared_experts"),
        ("glm-5", {"q_lora_rank": None}, "q_lora_rank"),
        ("glm-5", {"qk_head_dim": 100}, "qk_head_dim"),
        ("glm-5", {"mlp_layer_types": ["dense"]}, "mlp_layer_types"),
        ("glm-5", {"indexer_types": ["shared"] * 78}, "indexer_types"),
        ("glm-5", {"index_topk_pattern": "FX" * 39}, "index_topk_pattern"),
        ("glm-5", {"layer_types": ["full_attention"] * 78}, "layer_types"),
        ("glm-4.5", {"num_mtp_layers": 1, "num_nextn_predict_layers": 2}, "num_nextn_predict_layers"),
        ("glm-4.5", {"sliding_window": 128}, "sliding_window"),
        ("dots1", {"n_shared_experts": ...}, "n_shared_experts"),
        ("dots1", {"sliding_window": None, "layer_types": ["sliding_attention"] * 62}, "sliding_window"),
        ("grok-1", {"intermediate_size": 32_776}, "intermediate_size"),
        ("grok-1", {"tie_word_embeddings": ...}, "tie_word_embeddings"),
        ("minimax-m2.5", {"use_qk_norm": False}, "use_qk_norm"),
        ("minimax-m2.5", {"attn_type_list": [0] * 62}, "attn_type_list"),
        ("minimax-m2.5", {"shared_intermediate_size": 1024}, "shared_intermediate_size"),
        ("qwen1.5-moe-a2.7b", {"shared_expert_intermediate_size": ...}, "shared_expert_intermediate_size"),
        ("qwen1.5-moe-a2.7b", {"num_key_value_heads": None}, "num_key_value_heads"),
        ("qwen1.5-moe-a2.7b", {"layer_types": ["sliding_attention"] * 24}, "layer_types"),
        ("deepseek-moe-16b", {"n_routed_experts": ...}, "n_routed_experts"),
        ("deepseek-moe-16b", {"moe_layer_freq": 0}, "moe_layer_freq"),
        ("phi-mini-moe", {"num_local_experts": 1}, "num_experts_per_tok"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_by_name(name, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field}"):
        architecture(name, **changes)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"num_attention_groups": 7}, "num_attention_heads"),
        ({"num_local_experts": 128}, "moe_num_experts"),
        ({"sliding_window": None}, "sliding_window"),
        ({"layer_types": STEP["layer_types"][:47]}, "layer_types"),
        ({"moe_layers_enum": "3,x"}, "moe_layers_enum"),
        ({"moe_layers_enum": [-1]}, "moe_layers_enum"),
        ({"gating": False}, "gating"),
        ({"per_layer_config": {"0": {}}}, "per_layer_config"),
        ({"attention_other_setting": {"num_attention_groups": 4}}, r"attention_other_setting\.num_attention_groups"),
    ],
)
def test_a_contradiction_of_a_step_model_is_refused_by_name(changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} "):
        step(**changes)


def test_fields_that_a_published_config_leaves_null_take_the_types_rule():
    nulls = {"index_topk_pattern": None, "indexer_types": None, "mlp_layer_types": None, "layer_types": None}
    assert architecture("glm-5", **nulls) == architecture("glm-5")
    assert architecture("glm-5", layer_types=["deepseek_sparse_attention"] * 78) == architecture("glm-5")
    assert architecture("deepseek-v4-flash", mlp_layer_types=None) == V4
    assert architecture("minimax-m2.5", attn_type_list=None, sliding_window=None) == architecture("minimax-m2.5")
    assert step(mlp_layer_types=None) == step()


def test_hunyuan_may_choose_more_experts_in_one_layer_than_in_another():
    fields = {
        "model_type": "hunyuan_v1_moe", "architectures": ["HunYuanMoEV1ForCausalLM"], "hidden_size": 8, "head_dim": 4,
        "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 6, "vocab_size": 10, "num_experts": 4,
        "moe_topk": [1, 2, 2], "moe_intermediate_size": [6] * 3, "num_shared_expert": [1] * 3,
    }  # fmt: skip
    model = model_from_config(fields, name="hunyuan")
    assert parameters(model) - active_parameters(model) == (3 + 2 + 2) * 3 * 8 * 6
    for field, value in (("moe_topk", [1, 2]), ("moe_topk", [5, 1, 1]), ("moe_intermediate_size", [5] * 3)):
        with pytest.raises(ValueError, match=rf"config\.json: {field} "):
            model_from_config(fields | {field: value}, name="hunyuan")
