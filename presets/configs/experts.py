"""How do mixtures of experts describe themselves? Readers of their config.json."""

from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.mlp import DenseMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.config import Config, reads
from presets.configs.dense import all_or_none, uses_window
from presets.configs.layers import FULL, biased, blocks, experts, latent, model, windowed


@reads("mixtral", max_position_embeddings=131072, head_dim=None, num_key_value_heads=8)
def mixtral(config: Config) -> Architecture:
    """Mixtral: experts in every layer."""
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size")
    return model(config, blocks([(attention, mlp) for attention in all_or_none(config)]))


@reads(
    "qwen3_moe",
    max_position_embeddings=32768, head_dim=None, num_key_value_heads=4, sliding_window=4096, decoder_sparse_step=1,
    mlp_only_layers=None,
)  # fmt: skip
def qwen3_moe(config: Config) -> Architecture:
    """Qwen3 MoE: experts in every decoder_sparse_step-th layer but those of mlp_only_layers."""
    mlp = experts(config, ("num_experts", "num_local_experts"), "moe_intermediate_size")
    step, dense_layers = config.count("decoder_sparse_step"), config.layer_numbers("mlp_only_layers")
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    uses = uses_window(config)
    attentions = windowed(config, biased(config, norm=True), lambda i: uses, listed=False)
    return model(
        config,
        blocks(
            [(a, mlp if i not in dense_layers and (i + 1) % step == 0 else dense) for i, a in enumerate(attentions)]
        ),
    )


@reads(
    "gpt_oss",
    max_position_embeddings=131072, head_dim=64, num_key_value_heads=8, sliding_window=128, attention_bias=True,
)  # fmt: skip
def gpt_oss(config: Config) -> Architecture:
    """gpt-oss: biases everywhere, a sink logit a head, every other layer slides."""
    attention = biased(config, sinks=True)
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size", router_bias=True, expert_bias=True)
    return model(config, blocks([(a, mlp) for a in windowed(config, attention, lambda i: i % 2 == 0, listed=True)]))


def mtp(config: Config, block: Block, field: str = "num_nextn_predict_layers") -> dict[str, Any]:
    """DeepSeek's multi-token-prediction layers: a block each, the projection of [hidden, embedding], three norms."""
    count, hidden = config.count(field, least=0), config.count("hidden_size")
    if not count:
        return {}
    around = (*linear("mtp", "eh_proj", hidden, 2 * hidden), *norm("enorm", hidden), *norm("hnorm", hidden))
    around += norm("shared_head.norm", hidden)
    extras: tuple[Tensor, ...] = tuple(replace(row, copies=count, used=count) for row in around)
    return {"mtp": (replace(block, count=count, positions=()),), "mtp_extras": extras}


@reads(
    "deepseek_v2",
    max_position_embeddings=2048, q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, n_shared_experts=2, first_k_dense_replace=0, moe_layer_freq=1,
)  # fmt: skip
@reads(
    "deepseek_v3",
    max_position_embeddings=4096, q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, n_shared_experts=1, first_k_dense_replace=3, moe_layer_freq=1, num_nextn_predict_layers=0,
)  # fmt: skip
@reads(
    "kimi_k2",
    native=False, classes=["DeepseekV3ForCausalLM"], max_position_embeddings=4096, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, n_shared_experts=1, first_k_dense_replace=3,
    moe_layer_freq=1, num_nextn_predict_layers=0,
)  # fmt: skip
def deepseek(config: Config) -> Architecture:
    """DeepSeek-V2 and V3: latent attention, leading dense layers, then routed and shared experts."""
    if config.flag("mlp_bias"):
        raise config.error("mlp_bias", "is true; DeepSeek models with biased MLPs are not understood")
    if config.count("moe_layer_freq") != 1:
        raise config.error("moe_layer_freq", f"is {config.count('moe_layer_freq')}; only 1 is understood")
    attention = latent(config)
    v3 = "num_nextn_predict_layers" in config.defaults
    mlp = experts(
        config,
        ("n_routed_experts", "num_local_experts" if v3 else "num_experts"),
        "moe_intermediate_size",
        shared_intermediate=config.count("n_shared_experts", least=0) * config.count("moe_intermediate_size"),
        correction_bias=v3,
    )
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    layers, leading = config.layers(), config.count("first_k_dense_replace", least=0)
    if leading > layers:
        raise config.error("first_k_dense_replace", f"is {leading}, more than num_hidden_layers, {layers}")
    config.layer_kinds([FULL] * layers, listed=False)
    stack = blocks([(attention, dense if i < leading else mlp) for i in range(layers)])
    return model(config, stack, **(mtp(config, stack[-1]) if v3 else {}))
