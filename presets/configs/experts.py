"""How do mixtures of experts describe themselves? Readers of their config.json."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention, Mixer
from calculators.mlp import MLP, DenseMLP, ExpertMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.config import Config, reads
from presets.configs.dense import all_or_none, uses_window
from presets.configs.layers import FULL, biased, blocks, experts, grouped, latent, model, windowed

ROUTED = ("n_routed_experts", "num_local_experts")


@reads("mixtral", max_position_embeddings=131072, head_dim=None, num_key_value_heads=8)
def mixtral(config: Config) -> Architecture:
    """Mixtral: experts in every layer."""
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size")
    return model(config, blocks([(attention, mlp) for attention in all_or_none(config)]))


def stepped(config: Config, attentions: Sequence[Mixer], mlp: ExpertMLP) -> list[tuple[Mixer, MLP]]:
    """Qwen: experts in every decoder_sparse_step-th layer but those of mlp_only_layers, which are dense."""
    step, dense_layers = config.count("decoder_sparse_step"), config.layer_numbers("mlp_only_layers")
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    return [(a, mlp if i not in dense_layers and (i + 1) % step == 0 else dense) for i, a in enumerate(attentions)]


@reads(
    "qwen2_moe",
    max_position_embeddings=32768, head_dim=None, num_key_value_heads=16,
    sliding_window=4096, max_window_layers=28, decoder_sparse_step=1, mlp_only_layers=None, qkv_bias=True,
)  # fmt: skip
def qwen2_moe(config: Config) -> Architecture:
    """Qwen2-MoE: shared experts behind a gate; where it slides, every other layer below max_window_layers does."""
    mlp = experts(
        config, ("num_experts", "num_local_experts"), "moe_intermediate_size",
        shared_intermediate=config.count("shared_expert_intermediate_size"), shared_gate=True,
    )  # fmt: skip
    uses, last = config.flag("use_sliding_window"), config.count("max_window_layers", least=0)
    attention = grouped(config, qkv_bias=config.flag("qkv_bias"))
    attentions = windowed(config, attention, lambda i: uses and i % 2 == 0 and i < last, listed=uses)
    return model(config, blocks(stepped(config, attentions, mlp)))


@reads(
    "qwen3_moe",
    max_position_embeddings=32768, head_dim=None, num_key_value_heads=4, sliding_window=4096, decoder_sparse_step=1,
    mlp_only_layers=None,
)  # fmt: skip
def qwen3_moe(config: Config) -> Architecture:
    """Qwen3 MoE: experts in every decoder_sparse_step-th layer but those of mlp_only_layers."""
    mlp = experts(config, ("num_experts", "num_local_experts"), "moe_intermediate_size")
    uses = uses_window(config)
    attentions = windowed(config, biased(config, norm=True), lambda i: uses, listed=False)
    return model(config, blocks(stepped(config, attentions, mlp)))


@reads(
    "gpt_oss",
    max_position_embeddings=131072, head_dim=64, num_key_value_heads=8, sliding_window=128, attention_bias=True,
)  # fmt: skip
def gpt_oss(config: Config) -> Architecture:
    """gpt-oss: biases everywhere, a sink logit a head, every other layer slides."""
    attention = biased(config, sinks=True)
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size", router_bias=True, expert_bias=True)
    return model(config, blocks([(a, mlp) for a in windowed(config, attention, lambda i: i % 2 == 0, listed=True)]))


def layers_ahead(config: Config) -> int:
    """Layers that predict further tokens."""
    return config.layers(config.called("num_nextn_predict_layers", "num_mtp_layers"), least=0)


def mtp(config: Config, block: Block) -> dict[str, Any]:
    """DeepSeek's multi-token-prediction layers: a block each, the projection of [hidden, embedding], three norms."""
    count, hidden = layers_ahead(config), config.count("hidden_size")
    if not count:
        return {}
    around = (*linear("mtp", "eh_proj", hidden, 2 * hidden), *norm("enorm", hidden), *norm("hnorm", hidden))
    around += norm("shared_head.norm", hidden)
    extras: tuple[Tensor, ...] = tuple(replace(row, copies=count, used=count) for row in around)
    return {"mtp": (replace(block, count=count, positions=()),), "mtp_extras": extras}


def with_shared(config: Config, names: Sequence[str] = ROUTED, **kind: Any) -> ExpertMLP:
    """DeepSeek's experts: routed ones of moe_intermediate_size and n_shared_experts of the same width for all."""
    width = config.count("moe_intermediate_size")
    return experts(
        config, names, "moe_intermediate_size", shared_intermediate=config.count("n_shared_experts", least=0) * width,
        **kind,
    )  # fmt: skip


def leading(config: Config) -> int:
    """Leading layers with a dense MLP."""
    layers, first = config.layers(), config.count("first_k_dense_replace", least=0)
    if first > layers:
        raise config.error("first_k_dense_replace", f"is {first}, more than num_hidden_layers, {layers}")
    return first


def after_dense(config: Config, attentions: Sequence[Mixer], mlp: MLP) -> tuple[Block, ...]:
    """Leading dense layers, then experts."""
    first, dense = leading(config), DenseMLP(intermediate=config.count("intermediate_size"))
    return blocks([(attention, dense if i < first else mlp) for i, attention in enumerate(attentions)])


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
    mlp = with_shared(config, ROUTED if v3 else ("n_routed_experts", "num_experts"), correction_bias=v3)
    layers = config.layers()
    config.layer_kinds([FULL] * layers, listed=False)
    stack = after_dense(config, [attention] * layers, mlp)
    return model(config, stack, **(mtp(config, stack[-1]) if v3 else {}))


def everywhere(config: Config, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    """Full attention in every layer of a type that has no windows."""
    config.refuse("sliding window", ["sliding_window"])
    return windowed(config, attention, lambda i: False, listed=False)


@reads(
    "deepseek",
    native=False, max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, first_k_dense_replace=0,
    moe_layer_freq=1, n_shared_experts=None,
)  # fmt: skip
def deepseek_moe(config: Config) -> Architecture:
    """DeepSeek-MoE: grouped-query attention; experts in every moe_layer_freq-th layer after the leading dense ones.

    Source: modeling_deepseek.py of deepseek-ai/deepseek-moe-16b-base.
    """
    mlp = experts(
        config, ["n_routed_experts"], "moe_intermediate_size",
        shared_intermediate=(config.optional_count("n_shared_experts") or 0) * config.count("moe_intermediate_size"),
    )  # fmt: skip
    first, every = leading(config), config.count("moe_layer_freq")
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    attentions = everywhere(config, biased(config))
    return model(
        config,
        blocks([(a, mlp if i >= first and i % every == 0 else dense) for i, a in enumerate(attentions)]),
    )


@reads(
    "dots1",
    max_position_embeddings=2048, head_dim=None, nullable=["num_key_value_heads"], num_key_value_heads=32,
    first_k_dense_replace=0, sliding_window=4096, max_window_layers=62,
)  # fmt: skip
def dots1(config: Config) -> Architecture:
    """dots.llm1: norms of queries and keys; layers from max_window_layers on slide."""
    last, slides = config.count("max_window_layers", least=0), config.optional_count("sliding_window") is not None
    attentions = windowed(config, biased(config, norm=True), lambda i: slides and i >= last, listed=True)
    return model(config, after_dense(config, attentions, with_shared(config, correction_bias=True)))


@reads(
    "glm4_moe",
    max_position_embeddings=131072, head_dim=None, num_key_value_heads=8, n_shared_experts=1, first_k_dense_replace=1,
    num_nextn_predict_layers=1,
)  # fmt: skip
def glm4_moe(config: Config) -> Architecture:
    """GLM-4.5: biases on queries, keys and values where attention_bias says so, norms where use_qk_norm does."""
    attention = grouped(config, qkv_bias=config.flag("attention_bias"), norm=config.flag("use_qk_norm"))
    stack = after_dense(config, everywhere(config, attention), with_shared(config, correction_bias=True))
    return model(config, stack, **mtp(config, stack[-1]))


@reads("granitemoe", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
@reads(
    "granitemoeshared",
    max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, shared_intermediate_size=0,
)  # fmt: skip
def granite_moe(config: Config) -> Architecture:
    """Granite 3 MoE: experts in every layer, and in `granitemoeshared` one of shared_intermediate_size for all."""
    has_shared = "shared_intermediate_size" in config.defaults
    shared = config.count("shared_intermediate_size", least=0) if has_shared else 0
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size", shared_intermediate=shared)
    return model(config, blocks([(attention, mlp) for attention in everywhere(config, biased(config))]))


@reads(
    "phimoe",
    nullable=["num_key_value_heads"], max_position_embeddings=131072, head_dim=None, num_key_value_heads=8,
    sliding_window=None,
)  # fmt: skip
def phimoe(config: Config) -> Architecture:
    """Phi-3.5-MoE: norms with biases, a bias on the head where lm_head_bias says so."""
    bias = config.flag("attention_bias")
    attention, mlp = grouped(config, qkv_bias=bias, output_bias=bias), experts(config, ROUTED[1:], "intermediate_size")
    slides = config.optional_count("sliding_window") is not None
    stack = blocks([(a, mlp) for a in windowed(config, attention, lambda i: slides, listed=False)])
    return model(config, stack, norm_bias=True, head_bias=config.flag("lm_head_bias"))


def wide_norms(attention: GroupedQueryAttention) -> GroupedQueryAttention:
    """Norms of queries and keys over all heads at once."""
    inner = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    return replace(attention, norms=((inner[0],), (inner[1],)))


@reads(
    "minimax_m2", max_position_embeddings=196608, head_dim=128, num_key_value_heads=8, use_qk_norm=True,
    use_routing_bias=True, attn_type_list=None,
)  # fmt: skip
def minimax_m2(config: Config) -> Architecture:
    """MiniMax-M2: norms over all heads at once, experts in every layer."""
    config.refuse("shared experts", ["shared_intermediate_size"])
    for field in ("use_qk_norm", "use_routing_bias"):
        if not config.flag(field):
            raise config.error(field, "is false; MiniMax-M2 models without it are not understood")
    if config.given("attn_type_list") not in (None, ..., [1] * config.layers()):
        raise config.error("attn_type_list", "must list 1, full attention, for each layer; others are not understood")
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size", correction_bias=True)
    return model(config, blocks([(a, mlp) for a in everywhere(config, wide_norms(grouped(config)))]))


@reads("olmoe", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None)
@reads("flex_olmo", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None)
def olmoe(config: Config) -> Architecture:
    """OLMoE, FlexOlmo: norms over all heads at once, experts in every layer."""
    attention = wide_norms(biased(config))
    if attention.heads * attention.head_dim != config.count("hidden_size"):
        raise config.error("head_dim", f"is {attention.head_dim}; hidden_size / num_attention_heads was expected")
    mlp = experts(config, ("num_experts", "num_local_experts"), "intermediate_size")
    return model(config, blocks([(a, mlp) for a in everywhere(config, attention)]))


@reads(
    "ernie4_5_moe",
    max_position_embeddings=131072, head_dim=None, num_key_value_heads=4,
    tie_word_embeddings=True, moe_num_shared_experts=2, moe_layer_start_index=1, moe_layer_end_index=-1,
    moe_layer_interval=1,
)  # fmt: skip
def ernie_moe(config: Config) -> Architecture:
    """ERNIE 4.5: experts in every moe_layer_interval-th layer from a first to a last one."""
    bias, layers = config.flag("use_bias"), config.layers()
    mlp = experts(
        config, ("moe_num_experts", "num_experts"), "moe_intermediate_size", ("moe_k", "num_experts_per_tok"),
        shared_intermediate=config.count("moe_num_shared_experts", least=0) * config.count("moe_intermediate_size"),
        shared_bias=bias, correction_bias=True, counted_correction=True,
    )  # fmt: skip
    dense = DenseMLP(intermediate=config.count("intermediate_size"), bias=bias)
    first, every = config.count("moe_layer_start_index", least=0), config.count("moe_layer_interval")
    last = config.count("moe_layer_end_index", least=-1)
    last = layers - 1 if last == -1 else last
    attentions = everywhere(config, grouped(config, qkv_bias=bias, output_bias=bias))
    stack = [(a, mlp if (i + 1) % every == 0 and first <= i <= last else dense) for i, a in enumerate(attentions)]
    return model(config, blocks(stack), head_bias=bias)


@reads(
    "hunyuan_v1_moe",
    classes=["HunYuanMoEV1ForCausalLM"], max_position_embeddings=2048, num_key_value_heads=None,
    moe_intermediate_size=None, num_shared_expert=None,
)  # fmt: skip
def hunyuan_moe(config: Config) -> Architecture:
    """Hunyuan-A13B: one shared expert as wide as each routed one; a layer may choose more experts than another."""
    config.refuse("layers that share keys and values", ["use_cla"])
    config.refuse("dense leading layers", ["moe_layer_num_skipped"])
    layers, width = config.layers(), config.count("intermediate_size")
    for field, expected in (("moe_intermediate_size", width), ("num_shared_expert", 1)):
        if config.given(field) not in (None, ..., expected, [expected] * layers):
            raise config.error(field, f"is not {expected} in every layer, which is not understood")
    names = ("moe_topk", "num_experts_per_tok")
    listed = config.given(names[0])
    chosen = listed if isinstance(listed, list) else [config.same(*names)] * layers
    count = config.same("num_experts", "num_local_experts")
    if len(chosen) != layers or not all(type(each) is int and 1 <= each <= count for each in chosen):
        raise config.error(names[0], f"must be 1 to {count}, the experts, in each of {layers} layers")
    config.count("head_dim")  # which transformers does not derive in this type
    attentions = everywhere(config, biased(config, norm=True))
    mlps = [ExpertMLP(experts=count, chosen=each, intermediate=width, shared_intermediate=width) for each in chosen]
    return model(config, blocks(list(zip(attentions, mlps, strict=True))))


@reads("dbrx", max_seq_len=2048)
def dbrx(config: Config) -> Architecture:
    """DBRX: attention and experts in sections of their own."""
    if config.flag("tie_word_embeddings"):
        raise config.error("tie_word_embeddings", "is true; DBRX models do not tie their embeddings")
    attn, ffn = config.section("attn_config", kv_n_heads=1), config.section("ffn_config")
    config.called("d_model", "hidden_size")  # which transformers does not take in its place
    hidden, heads = config.count("d_model"), config.count(config.called("n_heads", "num_attention_heads"))
    kv_heads = attn.count("kv_n_heads")
    if hidden % heads:
        raise config.error("d_model", f"is {hidden}, no multiple of n_heads, {heads}")
    if heads % kv_heads:
        raise attn.error("kv_n_heads", f"is {kv_heads}; it must divide n_heads, {heads}")
    attention = GroupedQueryAttention(heads=heads, kv_heads=kv_heads, head_dim=hidden // heads)
    mlp = experts(ffn, ["moe_num_experts"], "ffn_hidden_size", ["moe_top_k"])
    layers = config.layers(config.called("n_layers", "num_hidden_layers"))
    return model(
        config, blocks([(attention, mlp)] * layers), hidden=hidden,
        max_context=config.count(config.called("max_seq_len", "max_position_embeddings")),
    )  # fmt: skip


@reads(
    "grok-1",
    native=False, classes=["Grok1ForCausalLM (not in transformers)", "Grok1ModelForCausalLM"],
    max_position_embeddings=8192, head_dim=None, num_key_value_heads=None,
)  # fmt: skip
def grok(config: Config) -> Architecture:
    """Grok-1: norms before and after each half, the head tied to the embedding.

    Source: model.py and run.py of xai-org/grok-1: the width of an expert is widening_factor x hidden x 2 / 3, rounded
    up to a multiple of 8; its sequences have 8,192 tokens.
    """
    width = config.count("intermediate_size")
    if config.is_listed("widening_factor"):
        expected = -(-(config.count("hidden_size") * config.count("widening_factor") * 2 // 3) // 8) * 8
        if width != expected:
            raise config.error("intermediate_size", f"is {width}; by widening_factor it would be {expected}")
    mlp = experts(config, ("num_local_experts", "num_experts"), "intermediate_size")
    return model(config, blocks([(a, mlp) for a in everywhere(config, grouped(config))], norms=4))
