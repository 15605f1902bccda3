"""How do encoders describe themselves? BERT and its kin, which read a text in one pass and cache nothing."""

from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention
from calculators.mlp import DenseMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.classic import plain, without_cross_attention
from presets.configs.config import Config, reads
from presets.configs.layers import FULL, SLIDING, bare, blocks, dense, model, multi_head


def scales(part: str, name: str, width: int, *, bias: bool = True) -> tuple[Tensor, ...]:
    """A norm's scale and bias, counted to a part."""
    return tuple(replace(row, part=part) for row in norm(name, width, bias=bias))


def encoder(
    config: Config, stack: tuple[Block, ...], extras: tuple[Tensor, ...], *, head_bias: bool = True, **parts: Any
) -> Architecture:
    """An encoder, with the head that guesses masked words or without it."""
    alone = bare(config)
    tied = True if alone else config.flag("tie_word_embeddings")
    return model(
        config, stack, generates=False, extras=extras, head_bias=head_bias and not alone, tied_embeddings=tied, **parts
    )


def second_bias(config: Config) -> tuple[Tensor, ...]:
    """BERT keeps its head's bias twice, as one tensor only where the head is tied."""
    if bare(config) or config.flag("tie_word_embeddings"):
        return ()
    return (Tensor(part="lm_head", name="predictions.bias", shape=(config.count("vocab_size"),)),)


def two_way(config: Config, *, rotary: bool = False, **kind: Any) -> GroupedQueryAttention:
    """Attention in which each token sees all others."""
    without_cross_attention(config)
    if config.flag("is_decoder"):
        raise config.error("is_decoder", "is true; only encoders are understood")
    return multi_head(config, causal=False, rotary=rotary, **kind)


def layers(config: Config, attention: GroupedQueryAttention, mlp: DenseMLP) -> tuple[Block, ...]:
    """The same layer throughout."""
    count = config.layers()
    config.layer_kinds([FULL] * count, listed=False)
    return blocks([(attention, mlp)] * count)


def ending(config: Config, hidden: int) -> tuple[Tensor, ...]:
    """What follows the last layer: a projection and a norm before the head, or the pooler of an encoder alone."""
    if bare(config):
        return linear("lm_head", "pooler", hidden, hidden, bias=True)
    return (*linear("lm_head", "transform", hidden, hidden, bias=True), *scales("lm_head", "transform.norm", hidden))


@reads(
    "bert",
    classes=["BertForMaskedLM", "BertModel"], max_position_embeddings=512, head_dim=None, num_key_value_heads=None,
    type_vocab_size=2, tie_word_embeddings=True,
)  # fmt: skip
@reads(
    "roberta",
    classes=["RobertaForMaskedLM", "RobertaModel"], max_position_embeddings=512, head_dim=None,
    num_key_value_heads=None, type_vocab_size=2, tie_word_embeddings=True,
)  # fmt: skip
@reads(
    "xlm-roberta",
    classes=["XLMRobertaForMaskedLM", "XLMRobertaModel"], max_position_embeddings=512, head_dim=None,
    num_key_value_heads=None, type_vocab_size=2, tie_word_embeddings=True,
)  # fmt: skip
def bert(config: Config) -> Architecture:
    """BERT, RoBERTa: learned positions and segments, biases everywhere, a norm after the embedding."""
    hidden, attention = config.count("hidden_size"), two_way(config, qkv_bias=True, output_bias=True)
    segments = Tensor(
        part="position_embedding", name="token_type_embeddings", shape=(config.count("type_vocab_size"), hidden)
    )
    return encoder(
        config,
        layers(config, attention, dense(config, gated=False, bias=True)),
        (segments, *ending(config, hidden), *second_bias(config)),
        norm_bias=True,
        position_rows=config.count("max_position_embeddings"),
    )


@reads(
    "distilbert",
    classes=["DistilBertForMaskedLM", "DistilBertModel"],
    names={"hidden_size": "dim", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"},
    max_position_embeddings=512, head_dim=None, num_key_value_heads=None, tie_word_embeddings=True,
)  # fmt: skip
def distilbert(config: Config) -> Architecture:
    """DistilBERT: BERT without segments and pooler."""
    hidden, attention = config.count("hidden_size"), two_way(config, qkv_bias=True, output_bias=True)
    return encoder(
        config,
        layers(config, attention, plain(config, config.count("hidden_dim"))),
        () if bare(config) else ending(config, hidden),
        norm_bias=True,
        position_rows=config.count("max_position_embeddings"),
    )


@reads(
    "albert",
    classes=["AlbertForMaskedLM", "AlbertModel"], max_position_embeddings=512, head_dim=None,
    num_key_value_heads=None, type_vocab_size=2, num_hidden_groups=1, inner_group_num=1, tie_word_embeddings=True,
)  # fmt: skip
def albert(config: Config) -> Architecture:
    """ALBERT (arXiv:1909.11942): layers that share their weights, behind a narrow embedding."""
    hidden, width = config.count("hidden_size"), config.count("embedding_size")
    attention, mlp = two_way(config, qkv_bias=True, output_bias=True), dense(config, gated=False, bias=True)
    groups, inner, count = config.count("num_hidden_groups"), config.count("inner_group_num"), config.layers()
    if count % groups:
        raise config.error("num_hidden_groups", f"is {groups}; it must divide num_hidden_layers, {count}")
    config.layer_kinds([FULL] * count, listed=False)
    rows = config.count("max_position_embeddings"), config.count("type_vocab_size")
    around = (
        *(Tensor(part="position_embedding", name=name, shape=(n, width))
          for name, n in zip(("position_embeddings", "token_type_embeddings"), rows, strict=True)),
        *scales("norms", "embeddings.norm", width),
        *linear("embedding", "embedding_hidden_mapping_in", hidden, width, bias=True),
    )  # fmt: skip
    if bare(config):
        around += linear("lm_head", "pooler", hidden, hidden, bias=True)
    else:
        around += (
            *linear("lm_head", "transform", width, hidden, bias=True), *scales("lm_head", "transform.norm", width)
        )  # fmt: skip
    around += second_bias(config)
    shared = Block(count=count * inner, attention=attention, mlp=mlp, stored=groups * inner)
    return encoder(config, (shared,), around, norm_bias=True, outer_norms=0, embedding_width=width)


@reads(
    "modernbert",
    classes=["ModernBertForMaskedLM", "ModernBertModel"], max_position_embeddings=8192, head_dim=None,
    num_key_value_heads=None, local_attention=128, global_attn_every_n_layers=3, decoder_bias=True,
    tie_word_embeddings=True,
)  # fmt: skip
def modernbert(config: Config) -> Architecture:
    """ModernBERT (arXiv:2412.13663): rotary positions, gated MLPs; two of three layers see a window around a token."""
    hidden, bias = config.count("hidden_size"), config.flag("attention_bias")
    every, norm_bias = config.count("global_attn_every_n_layers"), config.flag("norm_bias")
    rule = [SLIDING if i % every else FULL for i in range(config.layers())]
    whole = two_way(config, rotary=True, qkv_bias=bias, output_bias=bias)
    near, mlp = replace(whole, window=config.count("local_attention")), dense(config, bias=config.flag("mlp_bias"))
    pairs = [(near if kind == SLIDING else whole, mlp) for kind in config.layer_kinds(rule, listed=True)]
    # The first layer follows the embedding's norm and has none before its attention.
    later = [replace(block, positions=tuple(i + 1 for i in block.positions)) for block in blocks(pairs[1:])]
    head = linear("lm_head", "head.dense", hidden, hidden, bias=config.flag("classifier_bias"))
    head += scales("lm_head", "head.norm", hidden, bias=norm_bias)
    return encoder(
        config,
        (*blocks(pairs[:1], norms=1), *later),
        () if bare(config) else head,
        head_bias=config.flag("decoder_bias"),
        norm_bias=norm_bias,
        outer_norms=2,
    )
