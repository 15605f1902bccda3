"""How do models with linear attention or convolutions describe themselves? Readers of their config.json."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention, Mixer
from calculators.mlp import MLP, DenseMLP
from calculators.recurrent import (
    GatedDeltaNet,
    GatedRecurrence,
    KimiDeltaAttention,
    LightningAttention,
    ShortConvolution,
)
from calculators.tensor import linear, norm
from presets.configs.config import Config, reads
from presets.configs.layers import FULL, biased, blocks, dense, experts, grouped, head_sizes, latent, model
from presets.configs.statespace import LINEAR, NO_END, is_wide, kinds, untied


def every(config: Config) -> list[str]:
    """Linear attention, but full attention in every full_attention_interval-th layer."""
    interval = config.count("full_attention_interval")
    return [LINEAR if (i + 1) % interval else FULL for i in range(config.layers())]


def delta_net(config: Config) -> GatedDeltaNet:
    """A gated delta net from the linear_… fields."""
    net = GatedDeltaNet(
        key_heads=config.count("linear_num_key_heads"),
        value_heads=config.count("linear_num_value_heads"),
        key_dim=config.count("linear_key_head_dim"),
        value_dim=config.count("linear_value_head_dim"),
        kernel=config.count("linear_conv_kernel_dim"),
        wide_state=is_wide(config),
    )
    if net.value_heads % net.key_heads:
        raise config.error(
            "linear_num_value_heads",
            f"is {net.value_heads}; a multiple of linear_num_key_heads, {net.key_heads}, was expected",
        )
    return net


def gated_attention(config: Config) -> GroupedQueryAttention:
    """Qwen3-Next's attention: a gate as wide as the queries, norms of queries and keys."""
    heads, head_dim = head_sizes(config)
    return biased(config, norm=True, gate=heads * head_dim, gate_bias=config.flag("attention_bias"))


def qwen_mtp(config: Config, attention: Mixer, mlp: MLP, field: str) -> dict[str, Any]:
    """Qwen's multi-token-prediction layers: blocks with full attention, one projection and three norms for all."""
    count, hidden = config.count(field, least=0), config.count("hidden_size")
    if not count:
        return {}
    around = (*linear("mtp", "fc", hidden, 2 * hidden), *norm("pre_fc_norm_hidden", hidden))
    around += norm("pre_fc_norm_embedding", hidden) + norm("norm", hidden)
    return {"mtp": (Block(count=count, attention=attention, mlp=mlp),), "mtp_extras": around}


QWEN: dict[str, Any] = {
    "head_dim": 256, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
    "linear_num_key_heads": 16, "linear_num_value_heads": 32, "full_attention_interval": 4,
    "max_position_embeddings": 32768,
}  # fmt: skip


def qwen_experts(config: Config) -> MLP:
    """Routed experts beside a shared one with a scalar gate."""
    shared = config.count("shared_expert_intermediate_size")
    return experts(
        config, ("num_experts",), "moe_intermediate_size", shared_intermediate=shared, shared_gate=True,
    )  # fmt: skip


# Its config names no MTP layer, but the published checkpoint stores one.
@reads(
    "qwen3_next",
    num_key_value_heads=2, decoder_sparse_step=1, mlp_only_layers=None, shared_expert_intermediate_size=512,
    num_nextn_predict_layers=1, **QWEN,
)  # fmt: skip
def qwen3_next(config: Config) -> Architecture:
    """Qwen3-Next: gated delta nets, gated attention in every fourth layer, experts."""
    net, attention = delta_net(config), gated_attention(config)
    step, dense_layers = config.count("decoder_sparse_step"), config.layer_numbers("mlp_only_layers")
    routed = qwen_experts(config)
    plain = DenseMLP(intermediate=config.count("intermediate_size"))
    layers = kinds(config, "layer_types", (LINEAR, FULL), every(config))
    stack = blocks(
        [
            (net if kind == LINEAR else attention, routed if i not in dense_layers and (i + 1) % step == 0 else plain)
            for i, kind in enumerate(layers)
        ]
    )
    return model(config, stack, **qwen_mtp(config, attention, routed, "num_nextn_predict_layers"))


def qwen3_5(config: Config, mlp: MLP) -> Architecture:
    """Qwen3.5: gated delta nets, gated attention in every fourth layer."""
    if config.is_listed("attn_output_gate") and not config.flag("attn_output_gate"):
        raise config.error("attn_output_gate", "is false; Qwen3.5 without its gate is not understood")
    if config.flag("mtp_use_dedicated_embeddings"):
        raise config.error("mtp_use_dedicated_embeddings", "is true; an MTP layer with its own is not understood")
    net, attention = delta_net(config), gated_attention(config)
    layers = kinds(config, "layer_types", (LINEAR, FULL), every(config))
    stack = blocks([(net if kind == LINEAR else attention, mlp) for kind in layers])
    return model(config, stack, **qwen_mtp(config, attention, mlp, "mtp_num_hidden_layers"))


@reads("qwen3_5_text", num_key_value_heads=4, mtp_num_hidden_layers=0, **QWEN)
def qwen3_5_text(config: Config) -> Architecture:
    """Qwen3.5's text model."""
    return qwen3_5(config, dense(config))


@reads(
    "qwen3_5_moe_text",
    num_key_value_heads=2, mtp_num_hidden_layers=0, shared_expert_intermediate_size=512, **QWEN,
)  # fmt: skip
def qwen3_5_moe_text(config: Config) -> Architecture:
    """Qwen3.5's text model with experts in every layer."""
    config.refuse("dense layers", ["mlp_only_layers"])
    return qwen3_5(config, qwen_experts(config))


def linear_field(config: Config, inside: Config, field: str, within: str, default: int) -> int:
    """A size of Kimi's linear attention, in linear_attn_config or beside it."""
    beside, given = config.optional_count(field), inside.optional_count(within)
    if beside and given and beside != given:
        raise config.error(field, f"is {beside}, but linear_attn_config.{within} is {given}")
    return given or beside or default


def kimi_kinds(config: Config, inside: Config) -> Sequence[str]:
    """Kimi: layer_types, or the layer numbers from 1 of linear_attn_config, or full attention every fourth layer."""
    count = config.layers()
    rule = [FULL if i and i % 4 == 0 else LINEAR for i in range(count)]
    full, delta = (inside.layer_numbers(field) for field in ("full_attn_layers", "kda_layers"))
    if full or delta:
        if full & delta or full | delta != set(range(1, count + 1)):
            raise inside.error("kda_layers", f"and full_attn_layers must list each layer from 1 to {count} once")
        rule = [FULL if i + 1 in full else LINEAR for i in range(count)]
    layers = kinds(config, "layer_types", (LINEAR, FULL), rule)
    if (full or delta) and list(layers) != rule:
        raise config.error("layer_types", "contradicts linear_attn_config")
    return layers


@reads(
    "kimi_linear",
    model_max_length=1048576, q_lora_rank=None, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, first_k_dense_replace=1, moe_layer_freq=1, mlp_layer_types=None, linear_attn_config=None,
    num_nextn_predict_layers=0,
)  # fmt: skip
def kimi_linear(config: Config) -> Architecture:
    """Kimi Linear: Kimi delta attention, latent attention in every fourth layer, experts after the first layers."""
    untied(config)
    config.refuse("such gate or residual", ["mla_use_output_gate", "attn_res_block_size"])
    inside = Config({}, name=config.name)
    if config.is_listed("linear_attn_config"):
        inside = config.section("linear_attn_config")
    inside.refuse("full-rank gate", ["use_full_rank_gate"])
    for field, only in (("moe_layer_freq", 1), ("num_nextn_predict_layers", 0)):
        if config.count(field, least=0) != only:
            raise config.error(field, f"is {config.given(field)}; only {only} is understood")
    delta = KimiDeltaAttention(
        heads=linear_field(config, inside, "linear_num_heads", "num_heads", 32),
        head_dim=linear_field(config, inside, "linear_head_dim", "head_dim", 128),
        kernel=linear_field(config, inside, "linear_conv_kernel_dim", "short_conv_kernel_size", 4),
    )
    width = config.count("moe_intermediate_size")
    shared = config.same("num_shared_experts", "n_shared_experts") if shares(config) else 1
    chosen = config.same("num_experts_per_token", "num_experts_per_tok")
    routed = experts(
        config, ("num_experts", "num_local_experts"), "moe_intermediate_size", chosen=chosen,
        shared_intermediate=shared * width, correction_bias=True,
    )  # fmt: skip
    plain = DenseMLP(intermediate=config.count("intermediate_size"))
    first = config.count("first_k_dense_replace", least=0)
    rule = ["dense" if i < first else "sparse" for i in range(config.layers())]
    attention = latent(config)
    mlps = kinds(config, "mlp_layer_types", ("dense", "sparse"), rule)
    stack = blocks(
        [
            (attention if kind == FULL else delta, plain if mlp == "dense" else routed)
            for kind, mlp in zip(kimi_kinds(config, inside), mlps, strict=True)
        ]
    )
    longest = config.same("model_max_length", "max_position_embeddings")
    return model(config, stack, max_context=longest)


def shares(config: Config) -> bool:
    """Whether the config says how many shared experts there are."""
    return config.is_listed("num_shared_experts") or config.is_listed("n_shared_experts")


def lightning(config: Config, layers: list[str]) -> Architecture:
    """MiniMax's layers: lightning attention, full attention in some, experts in all."""
    config.refuse("window", ["sliding_window"])
    heads, head_dim = head_sizes(config)
    linear_attention = LightningAttention(heads=heads, head_dim=head_dim)
    attention = grouped(config)
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size")
    return model(config, blocks([(attention if kind == FULL else linear_attention, mlp) for kind in layers]))


@reads(
    "minimax", nullable=["num_key_value_heads"], max_position_embeddings=131072, num_key_value_heads=8, head_dim=None
)
def minimax(config: Config) -> Architecture:
    """MiniMax-Text-01 as transformers stores it: kinds in layer_types, else alternating from full attention on."""
    config.refuse("such list", ["attn_type_list"])
    rule = [LINEAR if i % 2 else FULL for i in range(config.layers())]
    return lightning(config, list(kinds(config, "layer_types", (LINEAR, FULL), rule)))


@reads(
    "minimax_m1", "minimax_text_01",
    native=False, classes=["MiniMaxText01ForCausalLM", "MiniMaxM1ForCausalLM"], max_position_embeddings=10240000,
    head_dim=None,
)  # fmt: skip
def minimax_m1(config: Config) -> Architecture:
    """MiniMax-M1, with code of its own: attn_type_list has 0 for lightning attention, 1 for full attention."""
    config.refuse("shared experts", ["shared_intermediate_size"])
    config.count("num_key_value_heads")
    listed, count = config.given("attn_type_list"), config.layers()
    if not isinstance(listed, list) or any(isinstance(each, bool) or each not in (0, 1) for each in listed):
        raise config.error(
            "attn_type_list", "is no list of 0 (lightning attention) or 1 (full attention) for each layer"
        )
    if len(listed) != count:
        raise config.error("attn_type_list", f"lists {len(listed)} layers, but num_hidden_layers is {count}")
    return lightning(config, [FULL if each else LINEAR for each in listed])


def tied_as(config: Config) -> bool:
    """LFM2 calls it tie_embedding in older configs."""
    if config.is_listed("tie_embedding"):
        tied = config.flag("tie_embedding")
        if config.is_listed("tie_word_embeddings") and config.flag("tie_word_embeddings") != tied:
            raise config.error("tie_embedding", "contradicts tie_word_embeddings")
        return tied
    return config.flag("tie_word_embeddings")


def convolution(config: Config) -> ShortConvolution:
    """LFM2's short convolution."""
    return ShortConvolution(
        channels=config.count("hidden_size"), kernel=config.count("conv_L_cache"), bias=config.flag("conv_bias")
    )


@reads(
    "lfm2",
    max_position_embeddings=128000, num_key_value_heads=8, head_dim=None, conv_bias=False, conv_L_cache=3,
    block_multiple_of=256, block_ffn_dim_multiplier=1.0, block_auto_adjust_ff_dim=True, full_attn_idxs=None,
    tie_word_embeddings=True,
)  # fmt: skip
def lfm2(config: Config) -> Architecture:
    """LFM2: short convolutions, attention in some layers; the MLP is two thirds of its nominal width, rounded up."""
    config.refuse("experts", ["num_experts", "moe_intermediate_size"])
    width = config.same("intermediate_size", "block_ff_dim")
    if config.flag("block_auto_adjust_ff_dim"):
        times, step = config.given("block_ffn_dim_multiplier"), config.count("block_multiple_of")
        if isinstance(times, bool) or not isinstance(times, int | float) or not 0 < times < 1000:
            raise config.error("block_ffn_dim_multiplier", f"is {times!r:.40}; a number above 0 was expected")
        width = step * -(-int(times * int(2 * width / 3)) // step)
    mlp = DenseMLP(intermediate=width)
    attends = config.layer_numbers("full_attn_idxs")
    everywhere = not config.is_listed("full_attn_idxs")
    rule = [FULL if everywhere or i in attends else "conv" for i in range(config.layers())]
    layers = kinds(config, "layer_types", ("conv", FULL), rule)
    attention, conv = grouped(config, norm=True), convolution(config)
    stack = blocks([(attention if kind == FULL else conv, mlp) for kind in layers])
    return model(config, stack, tied_embeddings=tied_as(config))


@reads(
    "lfm2_moe",
    max_position_embeddings=128000, num_key_value_heads=8, head_dim=None, conv_bias=False, conv_L_cache=3,
    num_dense_layers=2, use_expert_bias=True, tie_word_embeddings=True,
)  # fmt: skip
def lfm2_moe(config: Config) -> Architecture:
    """LFM2 with experts after num_dense_layers."""
    plain = DenseMLP(intermediate=config.count("intermediate_size"))
    routed = experts(
        config, ("num_experts",), "moe_intermediate_size", correction_bias=config.flag("use_expert_bias"),
    )  # fmt: skip
    config.given("layer_types")
    if not config.is_listed("layer_types"):
        raise config.error("layer_types", "is missing; conv or full_attention for each layer was expected")
    layers = kinds(config, "layer_types", ("conv", FULL), [FULL] * config.layers())
    first = config.count("num_dense_layers", least=0)
    attention, conv = grouped(config, norm=True), convolution(config)
    stack = blocks(
        [(attention if kind == FULL else conv, plain if i < first else routed) for i, kind in enumerate(layers)]
    )
    return model(config, stack, tied_embeddings=tied_as(config))


@reads(
    "recurrent_gemma",
    max_position_embeddings=NO_END, num_key_value_heads=None, head_dim=None, lru_width=None, conv1d_width=4,
    attention_window_size=2048, block_types=["recurrent", "recurrent", "attention"], tie_word_embeddings=True,
)  # fmt: skip
def recurrent_gemma(config: Config) -> Architecture:
    """RecurrentGemma: linear recurrent units and attention in a window, in the turn of block_types."""
    heads = config.count("num_attention_heads")
    width = config.optional_count("lru_width") or config.count("hidden_size")
    if width % heads:
        raise config.error("lru_width", f"is {width}; a multiple of num_attention_heads, {heads}, was expected")
    recurrence = GatedRecurrence(heads=heads, width=width, kernel=config.count("conv1d_width"))
    attention = replace(
        grouped(config, qkv_bias=config.flag("attention_bias"), output_bias=True),
        window=config.count("attention_window_size"),
    )
    turn = kinds(config, "block_types", ("recurrent", FULL), None)
    if not turn:
        raise config.error("block_types", "is empty; recurrent or attention was expected")
    mlp = dense(config, bias=True)
    half = replace(mlp, intermediate=mlp.intermediate // 2)
    layers = [turn[i % len(turn)] for i in range(config.layers())]
    return model(config, blocks([(attention if kind == FULL else recurrence, half) for kind in layers]))


@reads(
    "olmo_hybrid",
    max_position_embeddings=65536, num_key_value_heads=None, head_dim=None, linear_num_key_heads=None,
    linear_num_value_heads=None, linear_key_head_dim=None, linear_value_head_dim=None, linear_conv_kernel_dim=4,
)  # fmt: skip
def olmo_hybrid(config: Config) -> Architecture:
    """Olmo Hybrid: gated delta nets, attention with norms over all heads in every fourth layer."""
    heads, head_dim = head_sizes(config)
    key_heads = config.optional_count("linear_num_key_heads") or heads
    key_dim = config.optional_count("linear_key_head_dim") or int(0.75 * config.count("hidden_size") / key_heads)
    sizes = {
        "linear_num_key_heads": key_heads,
        "linear_num_value_heads": config.optional_count("linear_num_value_heads") or heads,
        "linear_key_head_dim": key_dim,
        "linear_value_head_dim": config.optional_count("linear_value_head_dim") or 2 * key_dim,
    }
    if not key_dim:
        raise config.error("linear_num_key_heads", f"is {key_heads}, too many for hidden_size")
    net = GatedDeltaNet(
        key_heads=sizes["linear_num_key_heads"], value_heads=sizes["linear_num_value_heads"],
        key_dim=sizes["linear_key_head_dim"], value_dim=sizes["linear_value_head_dim"],
        kernel=config.count("linear_conv_kernel_dim"), wide_state=is_wide(config),
    )  # fmt: skip
    if net.value_heads % net.key_heads:
        raise config.error(
            "linear_num_value_heads", f"is {net.value_heads}, no multiple of linear_num_key_heads, {key_heads}"
        )
    attention = biased(config)
    attention = replace(attention, norms=((heads * head_dim,), (attention.kv_heads * head_dim,)))
    rule = [LINEAR if (i + 1) % 4 else FULL for i in range(config.layers())]
    if FULL not in rule:
        rule[-1] = FULL
    layers = kinds(config, "layer_types", (LINEAR, FULL), rule)
    if set(layers) != {LINEAR, FULL}:
        raise config.error("layer_types", "must list both linear_attention and full_attention")
    mlp = dense(config)
    return model(config, blocks([(net if kind == LINEAR else attention, mlp) for kind in layers]))
