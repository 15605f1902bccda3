"""Configs of state-space models and hybrids: each field counts as in transformers, and no contradiction passes."""

import pytest

from calculators.architecture import buffer_values, mtp_parameters, parameters
from presets import model_from_config
from presets.configs import fields_that_matter
from tests.facts import COUNTS, architecture, config

LINEAR, FULL = "linear_attention", "full_attention"
# Small configs of the types of which no published one is among the reference models.
SMALL = {
    "mamba2": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 300, "num_heads": 8, "head_dim": 16},
    "falcon_mamba": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 300},
    "minimax": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 96, "num_local_experts": 4, "num_experts_per_tok": 2,
    },
    "qwen3_5_text": {
        "hidden_size": 64, "num_hidden_layers": 5, "vocab_size": 300, "num_attention_heads": 4, "intermediate_size": 96,
    },
    "qwen3_5_moe_text": {
        "hidden_size": 64, "num_hidden_layers": 5, "vocab_size": 300, "num_attention_heads": 4, "num_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 32,
    },
    "bamba": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 8,
        "intermediate_size": 96, "mamba_n_heads": 4,
    },
    "granitemoehybrid": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 8,
        "intermediate_size": 96, "num_local_experts": 4, "num_experts_per_tok": 2, "mamba_n_heads": 4,
    },
    "falcon_h1": {
        "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 300, "num_attention_heads": 8,
        "intermediate_size": 96, "mamba_n_heads": 4,
    },
    "zamba2": {
        "hidden_size": 64, "num_hidden_layers": 5, "vocab_size": 300, "num_attention_heads": 4, "n_mamba_heads": 4,
        "layers_block_type": ["mamba", "hybrid", "hybrid", "mamba", "hybrid"], "num_mem_blocks": 2,
    },
    "lfm2": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 8,
        "intermediate_size": 333, "full_attn_idxs": [1, 3],
    },
    "lfm2_moe": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 8, "num_experts": 4,
        "intermediate_size": 333, "moe_intermediate_size": 32, "num_experts_per_tok": 2,
        "layer_types": ["conv", "conv", FULL, "conv"],
    },
    "recurrent_gemma": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 4, "intermediate_size": 96,
    },
    "olmo_hybrid": {
        "hidden_size": 64, "num_hidden_layers": 4, "vocab_size": 300, "num_attention_heads": 4, "intermediate_size": 96,
    },
}  # fmt: skip


def fields(name, **changes):
    """A reference model's config, or a small one of a type, with fields changed, left out where `...`."""
    if name in COUNTS:
        return config(name, **changes)
    return {field: value for field, value in ({"model_type": name} | SMALL[name] | changes).items() if value is not ...}


def read(name, **changes):
    return model_from_config(fields(name, **changes), name=name)


# Measured with transformers 5.23 on the meta device.
@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("mamba2", {}, 372_976),
        ("mamba2", {"use_bias": True, "use_conv_bias": False, "n_groups": 2}, 161_408),
        ("falcon_mamba", {}, 84_672),
        ("falcon_mamba", {"expand": 16, "intermediate_size": 128, "tie_word_embeddings": False}, 103_872),
        ("minimax", {}, 400_576),
        ("minimax", {"layer_types": [LINEAR, LINEAR, LINEAR, FULL], "head_dim": 32}, 482_752),
        ("qwen3_5_text", {}, 4_801_984),
        ("qwen3_5_text", {"attention_bias": True, "full_attention_interval": 2}, 4_052_864),
        ("qwen3_5_moe_text", {}, 5_260_288),
        ("qwen3_5_moe_text", {"layer_types": [FULL, LINEAR, FULL, FULL, LINEAR]}, 3_614_336),
        ("bamba", {}, 356_464),
        (
            "bamba",
            {"attn_layer_indices": [1, 2], "attention_bias": True, "mlp_bias": True, "mamba_proj_bias": True},
            270_560,
        ),
        ("granitemoehybrid", {}, 1_365_104),
        (
            "granitemoehybrid",
            {"num_local_experts": 0, "layer_types": ["mamba", "attention", "mamba", "attention"]},
            980_056,
        ),
        ("falcon_h1", {}, 583_000),
        ("falcon_h1", {"mamba_rms_norm": True, "projectors_bias": True, "mamba_d_ssm": None}, 230_360),
        ("zamba2", {}, 638_652),
        ("zamba2", {"use_shared_attention_adapter": True, "add_bias_linear": True, "num_mem_blocks": 1}, 829_712),
        ("lfm2", {}, 282_336),
        ("lfm2", {"block_ffn_dim_multiplier": 1.3, "block_multiple_of": 16}, 306_912),
        ("lfm2", {"block_auto_adjust_ff_dim": False, "conv_bias": True}, 342_112),
        ("lfm2_moe", {}, 263_440),
        ("lfm2_moe", {"num_dense_layers": 0, "use_expert_bias": False}, 185_232),
        ("recurrent_gemma", {}, 118_848),
        (
            "recurrent_gemma",
            {"lru_width": 96, "attention_bias": True, "block_types": ["recurrent", "attention"]},
            138_688,
        ),
        ("olmo_hybrid", {}, 206_880),
        ("olmo_hybrid", {"linear_num_value_heads": 8, "attention_bias": True}, 265_144),
    ],
)
def test_small_models_have_the_parameters_that_transformers_gives_them(name, changes, expected):
    assert parameters(read(name, **changes)) == expected


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("mamba-2.8b", {"time_step_rank": "many"}, "time_step_rank"),
        ("mamba-2.8b", {"expand": 2.5, "intermediate_size": ...}, "expand"),
        ("mamba-2.8b", {"mamba_ssm_dtype": "int8"}, "mamba_ssm_dtype"),
        ("mamba2", {"head_dim": 32}, "head_dim"),
        ("mamba2", {"num_heads": 7}, "num_heads"),
        ("mamba2", {"num_heads": ...}, "num_heads"),
        ("mamba2", {"n_groups": 3}, "n_groups"),
        ("jamba-v0.1", {"attn_layer_offset": 8}, "attn_layer_offset"),
        ("jamba-v0.1", {"expert_layer_period": 0}, "expert_layer_period"),
        ("jamba-v0.1", {"num_local_experts": 4}, "num_experts"),
        ("jamba-v0.1", {"num_experts": ...}, "num_experts"),
        ("nemotron-h-56b", {"hybrid_override_pattern": "M-X"}, "hybrid_override_pattern"),
        ("nemotron-h-56b", {"hybrid_override_pattern": "M-"}, "num_hidden_layers"),
        ("nemotron-h-56b", {"hybrid_override_pattern": ...}, "hybrid_override_pattern"),
        ("nemotron-h-56b", {"layers_block_type": ["mamba"] * 118}, "hybrid_override_pattern"),
        ("nemotron-h-56b", {"layers_block_type": ["mamba", "conv"]}, "layers_block_type"),
        ("nemotron-h-56b", {"attention_bias": True}, "attention_bias"),
        ("nemotron-h-56b", {"attention_head_dim": 64}, "attention_head_dim"),
        ("nemotron-h-56b", {"tie_word_embeddings": True}, "tie_word_embeddings"),
        ("nemotron-h-56b", {"mamba_n_groups": 4}, "n_groups"),
        ("nemotron-h-56b", {"mamba_proj_bias": True}, "mamba_proj_bias"),
        ("nemotron-3-ultra-550b-a55b", {"mlp_bias": True}, "mlp_bias"),
        ("nemotron-3-ultra-550b-a55b", {"n_shared_experts": 2}, "n_shared_experts"),
        (
            "nemotron-3-ultra-550b-a55b",
            {"moe_shared_expert_intermediate_size": ...},
            "moe_shared_expert_intermediate_size",
        ),
        ("nemotron-3-ultra-550b-a55b", {"n_routed_experts": ...}, "n_routed_experts"),
        ("qwen3-next-80b-a3b", {"linear_num_value_heads": 24}, "linear_num_value_heads"),
        ("qwen3-next-80b-a3b", {"full_attention_interval": 0}, "full_attention_interval"),
        ("qwen3-next-80b-a3b", {"layer_types": [LINEAR] * 47}, "layer_types"),
        ("qwen3-next-80b-a3b", {"layer_types": ["sliding_attention"] * 48}, "layer_types"),
        ("qwen3_5_text", {"attn_output_gate": False}, "attn_output_gate"),
        ("qwen3_5_text", {"mtp_use_dedicated_embeddings": True}, "mtp_use_dedicated_embeddings"),
        ("qwen3_5_text", {"num_experts": 4}, "num_experts"),
        ("qwen3_5_moe_text", {"mlp_only_layers": [0]}, "mlp_only_layers"),
        ("kimi-linear-48b-a3b", {"linear_attn_config": {"head_dim": 64}}, "linear_head_dim"),
        (
            "kimi-linear-48b-a3b",
            {"linear_attn_config": {"kda_layers": [1], "full_attn_layers": [2]}},
            r"linear_attn_config\.kda_layers",
        ),
        (
            "kimi-linear-48b-a3b",
            {"linear_attn_config": {"kda_layers": [*range(1, 28)], "full_attn_layers": [27]}, "layer_types": ...},
            r"linear_attn_config\.kda_layers",
        ),
        (
            "kimi-linear-48b-a3b",
            {"linear_attn_config": {"kda_layers": [*range(1, 27)], "full_attn_layers": [27]}},
            "layer_types",
        ),
        (
            "kimi-linear-48b-a3b",
            {"linear_attn_config": {"use_full_rank_gate": True}},
            r"linear_attn_config\.use_full_rank_gate",
        ),
        ("kimi-linear-48b-a3b", {"mla_use_output_gate": True}, "mla_use_output_gate"),
        ("kimi-linear-48b-a3b", {"moe_layer_freq": 2}, "moe_layer_freq"),
        ("kimi-linear-48b-a3b", {"num_nextn_predict_layers": 1}, "num_nextn_predict_layers"),
        ("kimi-linear-48b-a3b", {"mlp_layer_types": ["dense"]}, "mlp_layer_types"),
        ("kimi-linear-48b-a3b", {"num_experts_per_tok": 4}, "num_experts_per_token"),
        ("kimi-linear-48b-a3b", {"tie_word_embeddings": True}, "tie_word_embeddings"),
        ("minimax-m1", {"attn_type_list": ...}, "attn_type_list"),
        ("minimax-m1", {"attn_type_list": [0, 1]}, "attn_type_list"),
        ("minimax-m1", {"attn_type_list": [2] * 80}, "attn_type_list"),
        ("minimax-m1", {"shared_intermediate_size": 1024}, "shared_intermediate_size"),
        ("minimax-m1", {"tie_word_embeddings": ...}, "tie_word_embeddings"),
        ("minimax", {"sliding_window": 64}, "sliding_window"),
        ("minimax", {"attn_type_list": [0] * 4}, "attn_type_list"),
        ("bamba", {"attn_layer_indices": [4]}, "attn_layer_indices"),
        ("bamba", {"mamba_n_heads": 5}, "mamba_n_heads"),
        ("bamba", {"mamba_d_head": 16}, "mamba_d_head"),
        ("granitemoehybrid", {"layer_types": ["mamba"]}, "layer_types"),
        ("granitemoehybrid", {"layer_types": ["hybrid"] * 4}, "layer_types"),
        ("falcon_h1", {"mamba_d_ssm": 30}, "mamba_n_heads"),
        ("zamba2", {"layers_block_type": ...}, "layers_block_type"),
        ("zamba2", {"num_hidden_layers": 6}, "layers_block_type"),
        ("zamba2", {"attention_head_dim": 16}, "attention_head_dim"),
        ("zamba2", {"tie_word_embeddings": False}, "tie_word_embeddings"),
        ("lfm2", {"block_ff_dim": 100}, "intermediate_size"),
        ("lfm2", {"block_ffn_dim_multiplier": "1"}, "block_ffn_dim_multiplier"),
        ("lfm2", {"tie_embedding": True, "tie_word_embeddings": False}, "tie_embedding"),
        ("lfm2", {"layer_types": ["conv"] * 3}, "layer_types"),
        ("lfm2_moe", {"layer_types": ...}, "layer_types"),
        ("recurrent_gemma", {"lru_width": 66}, "lru_width"),
        ("recurrent_gemma", {"block_types": []}, "block_types"),
        ("recurrent_gemma", {"block_types": ["mamba2"]}, "block_types"),
        ("olmo_hybrid", {"layer_types": [LINEAR] * 4}, "layer_types"),
        ("olmo_hybrid", {"linear_num_value_heads": 6}, "linear_num_value_heads"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_by_name(name, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} "):
        read(name, **changes)


@pytest.mark.parametrize("name", [*SMALL, *(n for n, row in COUNTS.items() if row["model_type"] in ("nemotron_h",))])
def test_the_fields_that_matter_describe_the_same_model(name):
    assert model_from_config(fields_that_matter(fields(name)), name=name) == read(name)


def test_a_pattern_and_a_list_describe_the_same_layers():
    pattern = config("nemotron-h-56b")["hybrid_override_pattern"]
    names = {"M": "mamba", "*": "attention", "-": "mlp"}
    listed = {"hybrid_override_pattern": ..., "layers_block_type": [names[letter] for letter in pattern]}
    assert architecture("nemotron-h-56b", **listed) == architecture("nemotron-h-56b")


def test_kimi_linear_with_its_published_layers_has_its_published_size():
    # 49,122,681,728 values in the published files, the routers' correction biases among them.
    full = [4, 8, 12, 16, 20, 24, 27]
    numbers = {"full_attn_layers": full, "kda_layers": [i for i in range(1, 28) if i not in full]}
    model = architecture("kimi-linear-48b-a3b", layer_types=..., linear_attn_config=numbers)
    assert parameters(model) + buffer_values(model) == 49_122_681_728


@pytest.mark.parametrize(
    ("name", "published"), [("qwen3-next-80b-a3b", 1_650_471_424), ("nemotron-3-ultra-550b-a55b", 11_215_609_856 + 512)]
)
def test_the_mtp_module_has_its_published_size(name, published):
    # Nemotron's published total leaves the routers' correction biases out.
    assert mtp_parameters(architecture(name)) == published


def test_the_mtp_module_of_qwen3_5_has_its_published_size():
    for name, kind, published in (
        ("qwen3.5-9b", "qwen3_5_text", 243_290_624), ("qwen3.5-35b-a3b", "qwen3_5_moe_text", 844_640_768),
    ):  # fmt: skip
        model = model_from_config(config(name)["text_config"] | {"model_type": kind}, name=name)
        assert mtp_parameters(model) == published
