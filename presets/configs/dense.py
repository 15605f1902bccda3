"""How do dense decoders describe themselves? Readers of their config.json.

Older kinds, with learned positions, ALiBi or fused projections, are in presets/configs/classic.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, isfinite
from typing import Any

from calculators.architecture import Architecture
from calculators.attention import GroupedQueryAttention, LinearMixer, Mixer, NoAttention
from calculators.mlp import MLP, DenseMLP, LinearMLP, NoMLP
from calculators.tensor import Tensor
from presets.configs.config import Config, reads
from presets.configs.layers import FULL, bare, biased, blocks, dense, grouped, model, multi_head, square, windowed


def stacked(config: Config, attentions: Sequence[GroupedQueryAttention], mlp: DenseMLP, **kind: Any) -> Architecture:
    """The model of one attention a layer and the same MLP in all."""
    return model(config, blocks([(attention, mlp) for attention in attentions], **kind))


def unwindowed(config: Config, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    """The same attention in every layer, of a type that has no windows."""
    return windowed(config, attention, lambda i: False, listed=False)


@reads("granite", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
@reads("llama", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
@reads(
    "baichuan", "internlm2", "minicpm",
    native=False, classes=["LlamaForCausalLM"], max_position_embeddings=2048, head_dim=None, num_key_value_heads=None,
)  # fmt: skip
def llama(config: Config) -> Architecture:
    """Llama, and types that store its tensors."""
    return stacked(config, unwindowed(config, biased(config)), dense(config, bias=config.flag("mlp_bias")))


def all_or_none(config: Config) -> list[GroupedQueryAttention]:
    """Every layer slides where the config has a window."""
    slides = config.optional_count("sliding_window") is not None
    return windowed(config, grouped(config), lambda i: slides, listed=False)


@reads(
    "ministral3",
    max_position_embeddings=262144, head_dim=128, num_key_value_heads=8, sliding_window=None,
)  # fmt: skip
@reads("mistral", max_position_embeddings=131072, head_dim=None, num_key_value_heads=8, sliding_window=4096)
@reads("phi3", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None, sliding_window=None)
def windowed_everywhere(config: Config) -> Architecture:
    """Mistral, Phi-3: every layer slides where the config has a window."""
    return stacked(config, all_or_none(config), dense(config))


def uses_window(config: Config) -> bool:
    """Qwen: a window counts only where use_sliding_window says so."""
    return config.flag("use_sliding_window") and config.optional_count("sliding_window") is not None


def qwen_layers(config: Config, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    """Qwen: layers from max_window_layers on slide."""
    uses, first = uses_window(config), config.count("max_window_layers", least=0)
    return windowed(config, attention, lambda i: uses and i >= first, listed=uses)


@reads(
    "qwen",
    native=False, classes=["QWenLMHeadModel"], names={"head_dim": "kv_channels"}, max_position_embeddings=8192,
    head_dim=None, num_key_value_heads=None, no_bias=True,
)  # fmt: skip
def qwen(config: Config) -> Architecture:
    """Qwen, the first: biases on queries, keys and values; intermediate_size holds gate and up together."""
    bias, both = not config.flag("no_bias"), dense(config)
    if both.intermediate % 2:
        raise config.error("intermediate_size", f"is {both.intermediate}; an even number was expected")
    attention = multi_head(config, qkv_bias=True, output_bias=bias)
    return stacked(config, unwindowed(config, attention), replace(both, intermediate=both.intermediate // 2, bias=bias))


@reads(
    "qwen2",
    nullable=["num_key_value_heads"], max_position_embeddings=32768, head_dim=None, num_key_value_heads=32,
    sliding_window=4096, max_window_layers=28,
)  # fmt: skip
def qwen2(config: Config) -> Architecture:
    """Qwen2: biases on queries, keys and values."""
    return stacked(config, qwen_layers(config, grouped(config, qkv_bias=True)), dense(config))


@reads(
    "qwen3",
    nullable=["num_key_value_heads"], max_position_embeddings=32768, head_dim=128, num_key_value_heads=32,
    sliding_window=4096, max_window_layers=28,
)  # fmt: skip
def qwen3(config: Config) -> Architecture:
    """Qwen3: norms of queries and keys."""
    return stacked(config, qwen_layers(config, biased(config, norm=True)), dense(config))


@reads(
    "gemma",
    nullable=["use_bidirectional_attention"], max_position_embeddings=8192, head_dim=256, num_key_value_heads=16,
    tie_word_embeddings=True,
)  # fmt: skip
def gemma(config: Config) -> Architecture:
    """Gemma: wide heads."""
    refuse_bidirectional(config)
    return stacked(config, unwindowed(config, biased(config)), dense(config))


def refuse_bidirectional(config: Config) -> None:
    """Refuse embedding models, whose tokens see later ones too."""
    if config.flag("use_bidirectional_attention"):
        raise config.error("use_bidirectional_attention", "is true; only causal Gemma models are understood")


@reads(
    "gemma2",
    nullable=["use_bidirectional_attention"], max_position_embeddings=8192, head_dim=256, num_key_value_heads=4,
    sliding_window=4096, tie_word_embeddings=True,
)  # fmt: skip
def gemma2(config: Config) -> Architecture:
    """Gemma 2: every other layer slides; norms before and after each half."""
    refuse_bidirectional(config)
    layers = windowed(config, biased(config), lambda i: i % 2 == 0, listed=True)
    return stacked(config, layers, dense(config), norms=4)


def full_every(config: Config, field: str, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    """All layers slide but every n-th, where `field` is n and `layer_types` does not say otherwise."""
    if config.is_listed("layer_types"):
        return windowed(config, attention, lambda i: False, listed=True)
    period = config.count(field)
    return windowed(config, attention, lambda i: (i + 1) % period != 0, listed=True)


@reads(
    "gemma3_text",
    classes=["Gemma3TextModel"], nullable=["use_bidirectional_attention"], max_position_embeddings=131072,
    head_dim=256, num_key_value_heads=4, sliding_window=4096, sliding_window_pattern=6, tie_word_embeddings=True,
)  # fmt: skip
def gemma3(config: Config) -> Architecture:
    """Gemma 3: five layers slide for each that does not; norms before and after each half, of queries and of keys.

    In an embedding model (use_bidirectional_attention) tokens see later ones too: the window lies around them.
    """
    both_ways, alone = config.flag("use_bidirectional_attention"), bare(config)
    layers = full_every(config, "sliding_window_pattern", biased(config, norm=True, causal=not both_ways))
    return model(
        config,
        blocks([(attention, dense(config)) for attention in layers], norms=4),
        tied_embeddings=alone or config.flag("tie_word_embeddings"),
        generates=not (both_ways or alone),
    )


@reads("apertus", max_position_embeddings=65536, head_dim=None, num_key_value_heads=None, hidden_act="xielu")
def apertus(config: Config) -> Architecture:
    """Apertus: a plain MLP whose activation, xIELU, has two learned values a layer (arXiv:2411.13010)."""
    learned = [
        Tensor(part="mlp", name=f"act_fn.{name}", shape=(1,), shards=1, elementwise=True)
        for name in ("alpha_p", "alpha_n")
    ]
    extras = tuple(learned) if config.given("hidden_act") == "xielu" else ()
    layers = unwindowed(config, biased(config, norm=True))
    return stacked(config, layers, dense(config, gated=False), extras=extras)


@reads("arcee", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None)
def arcee(config: Config) -> Architecture:
    """Arcee: Llama with a plain MLP."""
    mlp = dense(config, gated=False, bias=config.flag("mlp_bias"))
    return stacked(config, unwindowed(config, biased(config)), mlp)


def norms_by_head(attention: GroupedQueryAttention) -> GroupedQueryAttention:
    """The attention with a norm of its own for each head's queries and keys."""
    width = attention.head_dim
    return replace(attention, norms=((attention.heads, width), (attention.kv_heads, width)))


def norms_over_heads(attention: GroupedQueryAttention) -> GroupedQueryAttention:
    """The attention with one norm over all queries and one over all keys."""
    width = attention.head_dim
    return replace(attention, norms=((attention.heads * width,), (attention.kv_heads * width,)))


@reads(
    "cohere",
    nullable=["use_qk_norm"], max_position_embeddings=8192, head_dim=None, num_key_value_heads=None,
    tie_word_embeddings=True,
)  # fmt: skip
def cohere(config: Config) -> Architecture:
    """Command R: attention and MLP side by side after one norm."""
    attention = biased(config)
    if config.flag("use_qk_norm"):
        attention = norms_by_head(attention)
    return stacked(config, unwindowed(config, attention), dense(config), norms=1, parallel=True)


@reads(
    "cohere2",
    max_position_embeddings=8192, head_dim=None, num_key_value_heads=None, sliding_window=4096,
    sliding_window_pattern=4, tie_word_embeddings=True,
)  # fmt: skip
def cohere2(config: Config) -> Architecture:
    """Command R7B, Command A: as Command R, and three layers slide for each that does not."""
    layers = full_every(config, "sliding_window_pattern", biased(config))
    return stacked(config, layers, dense(config), norms=1, parallel=True)


@reads(
    "exaone4",
    nullable=["sliding_window_pattern"], max_position_embeddings=2048, head_dim=None, num_key_value_heads=32,
    sliding_window=4096, sliding_window_pattern=4,
)  # fmt: skip
def exaone4(config: Config) -> Architecture:
    """EXAONE 4: three layers slide for each that does not; without a window or a pattern, none do."""
    attention = grouped(config, norm=True)
    if config.optional_count("sliding_window") is None or config.given("sliding_window_pattern") is None:
        return stacked(config, windowed(config, attention, lambda i: False, listed=True), dense(config))
    return stacked(config, full_every(config, "sliding_window_pattern", attention), dense(config))


@reads(
    "exaone",
    native=False, names={"num_hidden_layers": "num_layers"}, max_position_embeddings=2048, head_dim=None,
    num_key_value_heads=None,
)  # fmt: skip
def exaone(config: Config) -> Architecture:
    """EXAONE 3 and 3.5: Llama's tensors without biases."""
    return stacked(config, unwindowed(config, grouped(config)), dense(config))


@reads("glm", max_position_embeddings=131072, head_dim=128, num_key_value_heads=2, attention_bias=True)
def glm(config: Config) -> Architecture:
    """GLM: biases on queries, keys and values."""
    attention = grouped(config, qkv_bias=config.flag("attention_bias"))
    return stacked(config, unwindowed(config, attention), dense(config))


@reads("glm4", max_position_embeddings=131072, head_dim=128, num_key_value_heads=2, attention_bias=True)
def glm4(config: Config) -> Architecture:
    """GLM-4: as GLM, with norms before and after each half."""
    attention = grouped(config, qkv_bias=config.flag("attention_bias"))
    return stacked(config, unwindowed(config, attention), dense(config), norms=4)


@reads("helium", max_position_embeddings=4096, head_dim=128, num_key_value_heads=20)
def helium(config: Config) -> Architecture:
    """Helium: Llama without a bias on the output projection."""
    attention = square(config, grouped(config, qkv_bias=config.flag("attention_bias")))
    return stacked(config, unwindowed(config, attention), dense(config, bias=config.flag("mlp_bias")))


@reads(
    "hunyuan_v1_dense",
    classes=["HunYuanDenseV1ForCausalLM"], max_position_embeddings=2048, head_dim=None, num_key_value_heads=None,
)  # fmt: skip
def hunyuan_dense(config: Config) -> Architecture:
    """Hunyuan dense: norms of queries and keys."""
    return stacked(config, unwindowed(config, biased(config, norm=True)), dense(config))


@reads(
    "ernie4_5",
    nullable=["num_key_value_heads", "head_dim", "use_bias"], max_position_embeddings=131072, head_dim=128,
    num_key_value_heads=2, tie_word_embeddings=True,
)  # fmt: skip
def ernie(config: Config) -> Architecture:
    """ERNIE 4.5: biases everywhere or nowhere."""
    bias = config.flag("use_bias")
    return stacked(
        config, unwindowed(config, grouped(config, qkv_bias=bias, output_bias=bias)), dense(config, bias=bias)
    )


@reads(
    "internlm3",
    nullable=["num_key_value_heads", "head_dim"], names={"attention_bias": "qkv_bias", "mlp_bias": "bias"},
    max_position_embeddings=32768, head_dim=128, num_key_value_heads=2,
)  # fmt: skip
def internlm3(config: Config) -> Architecture:
    """InternLM3: Llama's tensors."""
    if config.flag("attention_bias") != config.flag("mlp_bias"):
        raise config.error("attention_bias", "differs from that of the MLP; only equal ones are understood")
    return llama(config)


@reads(
    "ministral",
    max_position_embeddings=131072, head_dim=None, num_key_value_heads=8, sliding_window=4096,
)  # fmt: skip
def ministral(config: Config) -> Architecture:
    """Ministral: all layers slide where the config has a window and `layer_types` does not say otherwise."""
    slides = config.optional_count("sliding_window") is not None
    return stacked(config, windowed(config, grouped(config), lambda i: slides, listed=True), dense(config))


@reads("nemotron", max_position_embeddings=4096, head_dim=None, num_key_value_heads=None)
def nemotron(config: Config) -> Architecture:
    """Nemotron: a plain MLP, norms with biases."""
    mlp = dense(config, gated=False, bias=config.flag("mlp_bias"))
    return model(config, blocks([(a, mlp) for a in unwindowed(config, biased(config))]), norm_bias=True)


def only(part: Config, what: str, *fields: str) -> None:
    """Refuse fields of a Nemotron-NAS block config that no published model sets."""
    for field in fields:
        if part.is_listed(field) and part.given(field):
            raise part.error(field, f"is set; only {what} is understood")


def puzzle_attention(config: Config, part: Config) -> Mixer:
    """The attention that a Nemotron-NAS block config describes."""
    only(part, "attention to all tokens", "window_length", "num_sink_tokens", "sparsify", "unshifted_sink", "mamba")
    if part.flag("no_op"):
        return NoAttention()
    if part.flag("replace_with_linear"):
        if config.flag("attention_bias"):
            raise part.error("replace_with_linear", "is true beside attention_bias; that is not understood")
        return LinearMixer()
    attention, group = square(config, biased(config)), part.count("n_heads_in_group")
    if attention.heads % group:
        raise part.error("n_heads_in_group", f"is {group}; it must divide num_attention_heads, {attention.heads}")
    return replace(attention, kv_heads=attention.heads // group)


def puzzle_mlp(config: Config, part: Config) -> MLP:
    """The MLP that a Nemotron-NAS block config describes: 2/3 ffn_mult x hidden, rounded up to a multiple of 256."""
    only(part, "a dense MLP of ffn_mult", "sparsify", "moe", "intermediate_size")
    if part.flag("no_op"):
        return NoMLP()
    if part.flag("replace_with_linear"):
        if config.flag("mlp_bias"):
            raise part.error("replace_with_linear", "is true beside mlp_bias; that is not understood")
        return LinearMLP()
    times = part.given("ffn_mult")
    if isinstance(times, bool) or not isinstance(times, int | float) or not isfinite(times) or not 0 < times < 1000:
        raise part.error("ffn_mult", f"is {times!r:.40}; a number above 0 was expected")
    intermediate = 256 * ceil(int(2 * times * config.count("hidden_size") / 3) / 256)
    return DenseMLP(intermediate=intermediate, bias=config.flag("mlp_bias"))


@reads(
    "nemotron-nas",
    native=False, classes=["DeciLMForCausalLM"], max_position_embeddings=131072, head_dim=None,
    num_key_value_heads=None, intermediate_size=None,
)  # fmt: skip
def nemotron_nas(config: Config) -> Architecture:
    """Nemotron-NAS (Puzzle, arXiv:2411.19146): every layer has sizes of its own, or lacks a half and its norm.

    Source of the rules: NVIDIA's DeciLM code as served by vLLM, vllm/model_executor/models/nemotron_nas.py.
    """
    listed, layers = config.sections("block_configs"), config.layers()
    if len(listed) != layers:
        raise config.error("block_configs", f"lists {len(listed)} layers, but num_hidden_layers is {layers}")
    config.layer_kinds([FULL] * layers, listed=False)
    halves = [
        (puzzle_attention(config, layer.section("attention")), puzzle_mlp(config, layer.section("ffn")))
        for layer in listed
    ]
    # One norm before each half that is there, so as many as sums over tensor-parallel devices.
    return model(config, tuple(replace(block, norms=block.reductions) for block in blocks(halves)))


@reads("olmo", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
def olmo(config: Config) -> Architecture:
    """OLMo: norms without weights."""
    stack = blocks([(a, dense(config)) for a in unwindowed(config, biased(config))], norms=0)
    return model(config, stack, outer_norms=0)


@reads("olmo2", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
def olmo2(config: Config) -> Architecture:
    """OLMo 2: norms over all queries and all keys."""
    return stacked(config, unwindowed(config, norms_over_heads(biased(config))), dense(config))


@reads("olmo3", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None, sliding_window=4096)
def olmo3(config: Config) -> Architecture:
    """OLMo 3: as OLMo 2, and three layers slide for each that does not."""
    layers = windowed(config, norms_over_heads(biased(config)), lambda i: (i + 1) % 4 != 0, listed=True)
    return stacked(config, layers, dense(config))


@reads("phi", max_position_embeddings=2048, head_dim=None, num_key_value_heads=None)
def phi(config: Config) -> Architecture:
    """Phi: attention and a plain MLP side by side after one norm; biases everywhere, the head too."""
    inner = config.flag("qk_layernorm")
    attention = square(config, grouped(config, qkv_bias=True, output_bias=True, norm=inner, norm_bias=inner))
    mlp = dense(config, gated=False, bias=True)
    stack = blocks([(a, mlp) for a in unwindowed(config, attention)], norms=1, parallel=True)
    return model(config, stack, norm_bias=True, head_bias=True)


@reads(
    "seed_oss",
    nullable=["num_key_value_heads", "head_dim"], max_position_embeddings=524288, head_dim=128, num_key_value_heads=8,
    attention_bias=True,
)  # fmt: skip
def seed_oss(config: Config) -> Architecture:
    """Seed-OSS: biases on queries, keys and values, and where attention_out_bias says so on the output."""
    attention = grouped(config, qkv_bias=config.flag("attention_bias"), output_bias=config.flag("attention_out_bias"))
    return stacked(config, unwindowed(config, attention), dense(config, bias=config.flag("mlp_bias")))


@reads(
    "smollm3",
    nullable=["num_key_value_heads", "no_rope_layers"], max_position_embeddings=32768, head_dim=None,
    num_key_value_heads=4, sliding_window=None, no_rope_layer_interval=4, tie_word_embeddings=True,
)  # fmt: skip
def smollm3(config: Config) -> Architecture:
    """SmolLM3: layers without rotary positions slide where use_sliding_window says so."""
    rotary, count = config.given("no_rope_layers"), config.layers()
    if rotary in (None, ...):
        interval = config.count("no_rope_layer_interval")
        rotary = [int((i + 1) % interval != 0) for i in range(count)]
    if not isinstance(rotary, list) or len(rotary) != count or any(each not in (0, 1) for each in rotary):
        raise config.error("no_rope_layers", f"must list 0 or 1 for each of the {count} layers")
    uses = uses_window(config)
    layers = windowed(config, biased(config), lambda i: uses and not rotary[i], listed=True)
    return stacked(config, layers, dense(config, bias=config.flag("mlp_bias")))


@reads("stablelm", max_position_embeddings=4096, head_dim=None, num_key_value_heads=32)
def stablelm(config: Config) -> Architecture:
    """StableLM: norms with biases; one a layer where attention and MLP run side by side."""
    attention = square(config, grouped(config, qkv_bias=config.flag("use_qkv_bias")))
    if config.flag("qk_layernorm"):
        attention = norms_by_head(attention)
    mlp, parallel = dense(config), config.flag("use_parallel_residual")
    stack = blocks([(a, mlp) for a in unwindowed(config, attention)], norms=1 if parallel else 2, parallel=parallel)
    return model(config, stack, norm_bias=True)


@reads(
    "starcoder2",
    max_position_embeddings=4096, head_dim=None, num_key_value_heads=2, sliding_window=None, use_bias=True,
    tie_word_embeddings=True,
)  # fmt: skip
def starcoder2(config: Config) -> Architecture:
    """StarCoder2: a plain MLP, biases, norms with biases; every layer slides where the config has a window."""
    bias = config.flag("use_bias")
    mlp = dense(config, gated=False, bias=bias)
    attentions = [replace(a, qkv_bias=bias, output_bias=bias) for a in all_or_none(config)]
    return model(config, blocks([(a, mlp) for a in attentions]), norm_bias=True)
