"""How do older decoders describe themselves? Learned positions or ALiBi, fused projections, LayerNorm with biases."""

from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention
from calculators.mlp import DenseMLP
from calculators.tensor import linear
from presets.configs.config import DEEPEST, FOREIGN, Config, reads
from presets.configs.layers import FULL, blocks, dense, grouped, model, multi_head

GPT2_NAMES = {
    "hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer",
    "max_position_embeddings": "n_positions",
}  # fmt: skip


def plain(config: Config, intermediate: int, *, bias: bool = True) -> DenseMLP:
    """An MLP without a gate, in a model that has no experts."""
    config.refuse("experts", FOREIGN["experts"])
    return DenseMLP(intermediate=intermediate, bias=bias, gated=False)


def widened(config: Config, field: str) -> DenseMLP:
    """A plain MLP as wide as the field says, else four times the hidden size."""
    return plain(config, config.optional_count(field) or 4 * config.count("hidden_size"))


def take_older_name(config: Config, field: str, older: str) -> None:
    """Let a field's older name stand in for it; where both are given they must agree."""
    if config.is_listed(older):
        config.defaults = {**config.defaults, field: config.same(field, older)}


def without_cross_attention(config: Config) -> None:
    """Refuse a decoder that was made to be the half of another model."""
    if config.flag("add_cross_attention"):
        raise config.error("add_cross_attention", "is true; only decoders that stand alone are understood")


def repeated(config: Config, attention: GroupedQueryAttention, mlp: DenseMLP, **kind: Any) -> tuple[Block, ...]:
    """The same layer throughout, of a type that has no windows."""
    count = config.layers()
    config.layer_kinds([FULL] * count, listed=False)
    return blocks([(attention, mlp)] * count, **kind)


@reads(
    "gpt2",
    classes=["GPT2LMHeadModel"], names=GPT2_NAMES, max_position_embeddings=1024, head_dim=None,
    num_key_value_heads=None, n_inner=None, tie_word_embeddings=True,
)  # fmt: skip
def gpt2(config: Config) -> Architecture:
    """GPT-2, and GPT-3 in its layout: learned positions, biases everywhere."""
    without_cross_attention(config)
    attention = multi_head(config, rotary=False, qkv_bias=True, output_bias=True)
    stack = repeated(config, attention, widened(config, "n_inner"))
    return model(config, stack, norm_bias=True, position_rows=config.count("max_position_embeddings"))


@reads(
    "gpt_bigcode",
    nullable=["multi_query"], names=GPT2_NAMES, max_position_embeddings=1024, head_dim=None, num_key_value_heads=None,
    n_inner=None, multi_query=True, tie_word_embeddings=True,
)  # fmt: skip
def gpt_bigcode(config: Config) -> Architecture:
    """StarCoder, SantaCoder: GPT-2 with one key and value for all heads."""
    without_cross_attention(config)
    attention = grouped(config, rotary=False, qkv_bias=True, output_bias=True)
    expected = 1 if config.flag("multi_query") else attention.heads
    if config.is_listed("num_key_value_heads") and attention.kv_heads != expected:
        raise config.error("num_key_value_heads", f"is {attention.kv_heads}; by multi_query it is {expected}")
    stack = repeated(config, replace(attention, kv_heads=expected), widened(config, "n_inner"))
    return model(config, stack, norm_bias=True, position_rows=config.count("max_position_embeddings"))


@reads("gptj", names=GPT2_NAMES, max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, n_inner=None)
@reads("codegen", names=GPT2_NAMES, max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, n_inner=None)
def gptj(config: Config) -> Architecture:
    """GPT-J, CodeGen: attention and MLP side by side after one norm, a bias on the head."""
    stack = repeated(config, multi_head(config), widened(config, "n_inner"), norms=1, parallel=True)
    return model(config, stack, norm_bias=True, head_bias=True)


@reads(
    "gpt_neox",
    max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, attention_bias=True,
    use_parallel_residual=True,
)  # fmt: skip
def gpt_neox(config: Config) -> Architecture:
    """GPT-NeoX, Pythia: two norms a layer, side by side or not."""
    bias = config.flag("attention_bias")
    attention = multi_head(config, qkv_bias=bias, output_bias=bias)
    mlp = dense(config, gated=False, bias=True)
    return model(
        config, repeated(config, attention, mlp, parallel=config.flag("use_parallel_residual")), norm_bias=True
    )


def listed_attention(config: Config) -> list[str]:
    """GPT-Neo's kind of attention of each layer, from [[[kind, …], times], …]."""
    periods = config.given("attention_types")
    if periods in (None, ...):
        periods = [[["global", "local"], 12]]
    kinds: list[str] = []
    for each in periods if isinstance(periods, list) else [None]:
        match each:
            case [[*period], int(times)] if 0 <= times <= DEEPEST and all(
                kind in ("global", "local") for kind in period
            ):
                kinds += period * times
            case _:
                raise config.error("attention_types", 'must list [["global" or "local", …], times] for its layers')
    return kinds


@reads(
    "gpt_neo",
    names={"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"}, max_position_embeddings=2048,
    head_dim=None, num_key_value_heads=None, intermediate_size=None, attention_types=None,
    tie_word_embeddings=True,
)  # fmt: skip
def gpt_neo(config: Config) -> Architecture:
    """GPT-Neo: learned positions. Layers that see a window only cache the whole text all the same, and mask it."""
    attention = multi_head(config, rotary=False, output_bias=True)
    mlp, count = widened(config, "intermediate_size"), config.layers()
    listed = len(listed_attention(config))
    if listed != count:
        raise config.error("attention_types", f"lists {listed} layers, but num_layers is {count}")
    return model(
        config, repeated(config, attention, mlp), norm_bias=True, position_rows=config.count("max_position_embeddings")
    )


@reads(
    "bloom",
    names={"num_attention_heads": "n_head", "num_hidden_layers": "n_layer"},
    head_dim=None, num_key_value_heads=None, seq_length=2048, tie_word_embeddings=True,
)  # fmt: skip
def bloom(config: Config) -> Architecture:
    """BLOOM: ALiBi, biases everywhere, a norm after the embedding.

    It sees any length; without seq_length its training length counts (arXiv:2211.05100, table 3).
    """
    take_older_name(config, "hidden_size", "n_embed")
    attention = multi_head(config, rotary=False, qkv_bias=True, output_bias=True)
    hidden = config.count("hidden_size")
    for field in ("n_inner", "intermediate_size"):
        if config.is_listed(field) and config.given(field) != 4 * hidden:
            raise config.error(field, f"is {config.given(field)!r:.40}; BLOOM has 4 x hidden_size, {4 * hidden}")
    stack = repeated(config, attention, plain(config, 4 * hidden))
    return model(config, stack, max_context=config.count("seq_length"), norm_bias=True, outer_norms=2)


@reads(
    "mpt",
    names={"hidden_size": "d_model", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"},
    head_dim=None, num_key_value_heads=None, max_seq_len=2048, expansion_ratio=4, no_bias=True,
    tie_word_embeddings=True,
)  # fmt: skip
def mpt(config: Config) -> Architecture:
    """MPT: ALiBi, no biases, norms without them too.

    What MosaicML's own code can vary but transformers leaves out is refused.
    """
    if config.is_listed("attn_config"):
        inner = config.section("attn_config", attn_type="multihead_attention", alibi=True, qk_ln=False, kv_n_heads=None)
        inner.choice("attn_type", "multihead_attention")
        if not inner.flag("alibi"):
            raise inner.error("alibi", "is false; only MPT models with ALiBi are understood")
        if inner.flag("qk_ln"):
            raise inner.error("qk_ln", "is true; MPT models with norms of queries and keys are not understood")
        if inner.optional_count("kv_n_heads") not in (None, config.count("num_attention_heads")):
            raise inner.error("kv_n_heads", "differs from n_heads; only multi-head MPT models are understood")
    if not config.flag("no_bias"):
        raise config.error("no_bias", "is false; only MPT models without biases are understood")
    if config.count("expansion_ratio") != 4:
        raise config.error("expansion_ratio", f"is {config.count('expansion_ratio')}; only 4 is understood")
    mlp = plain(config, 4 * config.count("hidden_size"), bias=False)
    stack = repeated(config, multi_head(config, rotary=False), mlp)
    return model(config, stack, max_context=config.count("max_seq_len"))


@reads(
    "falcon",
    nullable=["alibi", "new_decoder_architecture", "multi_query", "parallel_attn", "bias"],
    max_position_embeddings=2048, head_dim=None, num_key_value_heads=None,
    num_kv_heads=None, num_ln_in_parallel_attn=None, ffn_hidden_size=None, multi_query=True, parallel_attn=True,
    tie_word_embeddings=True,
)  # fmt: skip
def falcon(config: Config) -> Architecture:
    """Falcon: one key and value for all heads (7B), for groups (new_decoder_architecture) or for each (RW)."""
    take_older_name(config, "hidden_size", "n_embed")
    new, bias = config.flag("new_decoder_architecture"), config.flag("bias")
    parallel, norms = config.flag("parallel_attn"), config.optional_count("num_ln_in_parallel_attn")
    if new and not parallel:
        raise config.error("parallel_attn", "is false, but new_decoder_architecture is always parallel")
    if norms is None:
        norms = 2 if new else 1
    if parallel and norms not in ((1, 2) if new else (1,)):
        raise config.error("num_ln_in_parallel_attn", f"is {norms}, which this kind of layer does not have")
    attention = multi_head(config, rotary=not config.flag("alibi"), qkv_bias=bias, output_bias=bias)
    kv_heads = config.optional_count("num_kv_heads") or attention.heads
    if not new:
        if not config.flag("multi_query") and kv_heads != attention.heads:
            raise config.error("num_kv_heads", f"is {kv_heads}, but neither multi_query nor new_decoder_architecture")
        kv_heads = 1 if config.flag("multi_query") else attention.heads
    if attention.heads % kv_heads:
        raise config.error("num_kv_heads", f"is {kv_heads}; it must divide num_attention_heads, {attention.heads}")
    mlp = replace(widened(config, "ffn_hidden_size"), bias=bias)
    stack = repeated(
        config, replace(attention, kv_heads=kv_heads), mlp, norms=norms if parallel else 2, parallel=parallel
    )
    return model(config, stack, norm_bias=True)


@reads(
    "opt",
    max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, word_embed_proj_dim=None,
    do_layer_norm_before=True, enable_bias=True, layer_norm_elementwise_affine=True, tie_word_embeddings=True,
)  # fmt: skip
def opt(config: Config) -> Architecture:
    """OPT: learned positions, two more than max_position_embeddings; 350M projects a narrower embedding in and out."""
    bias, norms = config.flag("enable_bias"), config.flag("layer_norm_elementwise_affine")
    attention = multi_head(config, rotary=False, qkv_bias=bias, output_bias=bias)
    last = norms and config.flag("do_layer_norm_before") and not config.flag("_remove_final_layer_norm")
    hidden, context = config.count("hidden_size"), config.count("max_position_embeddings")
    width = config.optional_count("word_embed_proj_dim") or hidden
    around = (*linear("embedding", "project_in", hidden, width), *linear("lm_head", "project_out", width, hidden))
    return model(
        config,
        repeated(config, attention, plain(config, config.count("ffn_dim"), bias=bias), norms=2 if norms else 0),
        norm_bias=True,
        outer_norms=int(last),
        position_rows=context + 2,
        embedding_width=width,
        extras=around if width != hidden else (),
    )
