"""What do the layers of most models look like in a config.json? The parts that readers share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention, LatentAttention, Mixer
from calculators.mlp import MLP, DenseMLP, ExpertMLP
from presets.configs.config import FOREIGN, Config

FULL, SLIDING = "full_attention", "sliding_attention"


def bare(config: Config) -> bool:
    """Whether the checkpoint is a model without the head that guesses words."""
    config.asked.setdefault("architectures", None)
    classes = config.fields.get("architectures")
    return isinstance(classes, list) and bool(classes) and str(classes[0]).lower().endswith("model")


def head_sizes(config: Config, *, hidden: str = "hidden_size", heads: str = "num_attention_heads") -> tuple[int, int]:
    """(heads, width of a head): head_dim where given, else hidden_size / heads."""
    width, count = config.count(hidden), config.count(heads)
    head_dim = config.optional_count("head_dim")
    if head_dim is None:
        if width % count:
            raise config.error(hidden, f"is {width}, no multiple of {heads}, {count}, and head_dim is not given")
        head_dim = width // count
    return count, head_dim


def grouped(config: Config, *, norm: bool = False, rotary: bool = True, **kind: Any) -> GroupedQueryAttention:
    """Grouped-query attention from num_attention_heads, num_key_value_heads and head_dim.

    `norm`: a norm as wide as a head for queries and one for keys (Qwen3). `rotary`: positions turn pairs of values.
    """
    config.refuse("latent attention", FOREIGN["latent attention"])
    heads, head_dim = head_sizes(config)
    kv_heads = config.optional_count("num_key_value_heads") or heads
    if heads % kv_heads and config.is_listed("num_key_value_heads"):
        raise config.error("num_key_value_heads", f"is {kv_heads}; it must divide num_attention_heads, {heads}")
    if rotary and head_dim % 2:
        raise config.error("head_dim", f"is {head_dim}; rotary positions need an even width")
    if norm:
        kind["norms"] = ((head_dim,), (head_dim,))
    return GroupedQueryAttention(heads=heads, kv_heads=kv_heads, head_dim=head_dim, **kind)


def biased(config: Config, **kind: Any) -> GroupedQueryAttention:
    """Grouped-query attention whose four projections have biases where attention_bias says so."""
    bias = config.flag("attention_bias")
    return grouped(config, qkv_bias=bias, output_bias=bias, **kind)


def multi_head(config: Config, **kind: Any) -> GroupedQueryAttention:
    """Attention of a type whose heads share out the hidden size and have a key and a value each."""
    attention = square(config, grouped(config, **kind))
    if attention.kv_heads != attention.heads:
        message = f"is {attention.kv_heads}, but this model_type has as many as num_attention_heads, {attention.heads}"
        raise config.error("num_key_value_heads", message)
    return attention


def square(config: Config, attention: GroupedQueryAttention) -> GroupedQueryAttention:
    """The attention, where its heads share out the hidden size: this type's head_dim cannot be another."""
    if attention.heads * attention.head_dim != config.count("hidden_size"):
        raise config.error("head_dim", f"is {attention.head_dim}; hidden_size / num_attention_heads was expected")
    return attention


def windowed(
    config: Config, attention: GroupedQueryAttention, slides: Callable[[int], bool], *, listed: bool
) -> list[GroupedQueryAttention]:
    """One attention a layer, with the config's window where `layer_types`, or the type's rule, says it slides."""
    rule = [SLIDING if slides(i) else FULL for i in range(config.layers())]
    kinds = config.layer_kinds(rule, listed=listed)
    if SLIDING not in kinds and config.given("sliding_window") == 0:  # as transformers writes a window it does not use
        return [attention] * len(kinds)
    window = config.optional_count("sliding_window")
    if window is None and SLIDING in kinds:
        raise config.error("sliding_window", "is null, but there are sliding_attention layers")
    return [replace(attention, window=window) if kind == SLIDING else attention for kind in kinds]


def blocks(layers: Sequence[tuple[Mixer, MLP]], norms: int = 2, **kind: Any) -> tuple[Block, ...]:
    """Blocks from one (attention, mlp) a layer: equal neighbours join; where kinds alternate, one block a kind."""
    runs = [(pair, len(list(group))) for pair, group in groupby(layers)]
    if len(runs) <= 4:
        return tuple(Block(count=count, attention=pair[0], mlp=pair[1], norms=norms, **kind) for pair, count in runs)
    where: dict[tuple[Mixer, MLP], list[int]] = {}
    for number, pair in enumerate(layers):
        where.setdefault(pair, []).append(number)
    return tuple(
        Block(count=len(at), attention=pair[0], mlp=pair[1], norms=norms, positions=tuple(at), **kind)
        for pair, at in where.items()
    )


def dense(config: Config, **kind: Any) -> DenseMLP:
    """A dense MLP of intermediate_size, in a model that has no experts."""
    config.refuse("experts", FOREIGN["experts"])
    return DenseMLP(intermediate=config.count("intermediate_size"), **kind)


def experts(
    config: Config,
    names: Sequence[str],
    intermediate: str,
    chosen_names: Sequence[str] = ("num_experts_per_tok", "experts_per_token"),
    **kind: Any,
) -> ExpertMLP:
    """Routed experts: their number under one of `names`, their width under `intermediate`."""
    count = config.same(*names)
    chosen = kind.pop("chosen", None) or config.same(*chosen_names)
    if chosen > count:
        raise config.error(chosen_names[0], f"is {chosen}, more than {names[0]}, {count}")
    return ExpertMLP(experts=count, chosen=chosen, intermediate=config.count(intermediate), **kind)


def latent(config: Config) -> LatentAttention:
    """Multi-head latent attention."""
    return LatentAttention(
        heads=config.count("num_attention_heads"),
        q_lora_rank=config.optional_count("q_lora_rank"),
        kv_lora_rank=config.count("kv_lora_rank"),
        qk_nope_head_dim=config.count("qk_nope_head_dim"),
        qk_rope_head_dim=config.count("qk_rope_head_dim"),
        v_head_dim=config.count("v_head_dim"),
        bias=config.flag("attention_bias"),
    )


def model(config: Config, stack: tuple[Block, ...], **parts: Any) -> Architecture:
    """The model around its blocks, from the fields that most types share; `parts` where a type names them otherwise."""
    known: dict[str, Callable[[], Any]] = {
        "hidden": lambda: config.count("hidden_size"),
        "vocabulary": lambda: config.count("vocab_size"),
        "max_context": lambda: config.count("max_position_embeddings"),
        "tied_embeddings": lambda: config.flag("tie_word_embeddings"),
    }
    parts |= {part: read() for part, read in known.items() if part not in parts}
    return Architecture(name=config.name, blocks=stack, source="config.json", **parts)
