"""How do models describe attention that selects or compresses what it looks at? Readers of their config.json."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import CompressedAttention, LatentAttention
from calculators.mlp import MLP, DenseMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.config import Config, reads
from presets.configs.experts import ROUTED, layers_ahead, mtp, with_shared
from presets.configs.layers import blocks, experts, latent, model

INDEXED = ("indexed_attention", "deepseek_sparse_attention")  # the second is the first's older name


def refuse_biased_mlp(config: Config) -> None:
    """Refuse a flag that transformers has and does not read."""
    if config.flag("mlp_bias"):
        raise config.error("mlp_bias", "is true; models of this type with biased MLPs are not understood")


def listed_mlps(config: Config, first: int, routed: MLP) -> list[MLP]:
    """Dense or routed as mlp_layer_types lists them, else `first` dense layers and routed ones after them."""
    dense, layers = DenseMLP(intermediate=config.count("intermediate_size")), config.layers()
    rule = ["dense" if i < first else "sparse" for i in range(layers)]
    return [dense if kind == "dense" else routed for kind in config.kinds("mlp_layer_types", rule, "dense", "sparse")]


def query_width(config: Config) -> None:
    """Refuse a qk_head_dim that is not the sum of its parts."""
    width = config.count("qk_nope_head_dim") + config.count("qk_rope_head_dim")
    if config.is_listed("qk_head_dim") and config.count("qk_head_dim") != width:
        raise config.error("qk_head_dim", f"is {config.count('qk_head_dim')}; its parts add up to {width}")


@reads(
    "glm4_moe_lite",
    max_position_embeddings=202752, q_lora_rank=768, kv_lora_rank=512, qk_nope_head_dim=192, qk_rope_head_dim=64,
    v_head_dim=256, n_shared_experts=1, num_nextn_predict_layers=0, mlp_layer_types=None,
)  # fmt: skip
def glm_lite(config: Config) -> Architecture:
    """GLM-4.7-Flash: latent attention, experts from the second layer on where mlp_layer_types lists nothing else."""
    refuse_biased_mlp(config)
    query_width(config)
    listed = config.given("mlp_layer_types") not in (None, ...)
    if not listed and config.is_listed("first_k_dense_replace") and config.count("first_k_dense_replace", least=0) != 1:
        raise config.error("first_k_dense_replace", "is not 1, and mlp_layer_types does not list the layers")
    if config.is_listed("head_dim") and config.count("head_dim") != config.count("qk_rope_head_dim"):
        raise config.error("head_dim", "is not qk_rope_head_dim, whose other name it is in this type")
    config.kinds("layer_types", [], "full_attention", longer=True)
    attention, mlps = latent(config), listed_mlps(config, 1, with_shared(config, correction_bias=True))
    stack = blocks([(attention, mlp) for mlp in mlps])
    return model(config, stack, **mtp(config, stack[-1]))


def indexed(config: Config) -> LatentAttention:
    """Latent attention with an indexer."""
    if config.optional_count("q_lora_rank") is None:
        raise config.error("q_lora_rank", "is null, but the indexer works on compressed queries")
    return replace(
        latent(config), index_heads=config.count("index_n_heads"), index_head_dim=config.count("index_head_dim"),
        index_topk=config.count("index_topk"),
    )  # fmt: skip


def indexers(config: Config) -> Sequence[str]:
    """Whether each layer has an indexer of its own ("full") or takes the selection of an earlier one ("shared")."""
    layers, pattern = config.layers(), config.given("index_topk_pattern")
    if isinstance(pattern, str):
        pattern = [{"F": "full", "S": "shared"}.get(letter) for letter in pattern]
    if pattern not in (None, ...):
        rule = Config({"index_topk_pattern": pattern}, name="").kinds(
            "index_topk_pattern", ["full"] * layers, "full", "shared"
        )
    else:
        every, offset = (
            max(config.count("index_topk_freq", least=0), 1),
            config.count("index_skip_topk_offset", least=0),
        )
        rule = ["full" if max(i - offset + 1, 0) % every == 0 else "shared" for i in range(layers)]
    kinds = config.kinds("indexer_types", rule, "full", "shared")
    if kinds[0] == "shared":
        raise config.error("indexer_types", "begins with a layer that has no indexer, and none before it has one")
    return kinds


@reads(
    "deepseek_v32",
    max_position_embeddings=163840, q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, n_shared_experts=1, first_k_dense_replace=3, moe_layer_freq=1, num_nextn_predict_layers=0,
    index_n_heads=64, index_head_dim=128, index_topk=2048, mlp_layer_types=None,
)  # fmt: skip
@reads(
    "glm_moe_dsa",
    max_position_embeddings=202752, q_lora_rank=2048, kv_lora_rank=512, qk_nope_head_dim=192, qk_rope_head_dim=64,
    v_head_dim=256, n_shared_experts=1, first_k_dense_replace=3, moe_layer_freq=1, num_nextn_predict_layers=0,
    index_n_heads=32, index_head_dim=128, index_topk=2048, index_topk_freq=1, index_skip_topk_offset=2,
    index_topk_pattern=None, indexer_types=None, mlp_layer_types=None,
)  # fmt: skip
def sparse_latent(config: Config) -> Architecture:
    """DeepSeek-V3.2, GLM-5: latent attention to the tokens that an indexer selects; GLM may share a selection."""
    refuse_biased_mlp(config)
    query_width(config)
    if config.count("moe_layer_freq") != 1:
        raise config.error("moe_layer_freq", f"is {config.count('moe_layer_freq')}; only 1 is understood")
    layers, full = config.layers(), indexed(config)
    config.kinds("layer_types", [INDEXED[0]] * layers, *INDEXED)
    shared = replace(full, index_heads=0, index_head_dim=0)
    kinds = indexers(config) if "index_topk_freq" in config.defaults else ["full"] * layers
    first = min(config.count("first_k_dense_replace", least=0), layers)
    mlps = listed_mlps(config, first, with_shared(config, (*ROUTED, "num_experts"), correction_bias=True))
    stack = blocks([(full if kind == "full" else shared, mlp) for kind, mlp in zip(kinds, mlps, strict=True)])
    return model(config, stack, **mtp(config, replace(stack[-1], attention=full)))


WINDOW, SPARSE, HEAVY = "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention"
RATIOS = {0: WINDOW, 4: SPARSE, 128: HEAVY}


def hyper_connections(name: str, streams: int, hidden: int, outputs: int, scales: int) -> tuple[Tensor, ...]:
    """What mixes parallel residual streams: a projection of all of them, its bias, and scales of its results."""
    part = "hyper_connections_altup_laurel"
    return (
        Tensor(part=part, name=f"{name}.fn", shape=(outputs, streams * hidden), shards=1),
        Tensor(part=part, name=f"{name}.base", shape=(outputs,), shards=1),
        Tensor(part=part, name=f"{name}.scale", shape=(scales,), shards=1),
    )


def compressions(config: Config, kinds: Collection[str]) -> dict[str, int]:
    """Tokens that one entry stands for, by the kinds of layers that have entries."""
    rates = config.section("compress_rates") if config.is_listed("compress_rates") else None
    found = {}
    for ratio, legacy in ((4, "compress_rate_csa"), (128, "compress_rate_hca")):
        kind = RATIOS[ratio]
        if kind in kinds:
            found[kind] = rates.count(kind) if rates else ratio
            found[kind] = config.count(legacy) if config.is_listed(legacy) else found[kind]
    return found


def compressed_kinds(config: Config, layers: int) -> tuple[Sequence[str], Sequence[str]]:
    """The kinds of attention of the layers, and of those that compress_ratios lists after them."""
    ratios, after = config.given("compress_ratios"), [WINDOW]
    rule = [HEAVY if i < 2 or i % 2 == 0 else SPARSE for i in range(layers)]
    if ratios not in (None, ...):
        if not isinstance(ratios, list) or not all(type(ratio) is int and ratio in RATIOS for ratio in ratios):
            raise config.error("compress_ratios", "must list 0, 4 or 128 for each layer")
        if len(ratios) < layers:
            raise config.error("compress_ratios", f"lists {len(ratios)} layers, but there are {layers}")
        rule, after = [RATIOS[ratio] for ratio in ratios[:layers]], [RATIOS[ratio] for ratio in ratios[layers:]]
    return config.kinds("layer_types", rule, WINDOW, SPARSE, HEAVY, longer=True), after or [WINDOW]


@reads(
    "deepseek_v4",
    max_position_embeddings=1048576, num_key_value_heads=1, head_dim=512, q_lora_rank=1024, n_shared_experts=1,
    sliding_window=128, o_groups=8, o_lora_rank=1024, index_n_heads=64, index_head_dim=128, index_topk=512, hc_mult=4,
    num_hash_layers=3, num_nextn_predict_layers=1, compress_ratios=None, mlp_layer_types=None,
)  # fmt: skip
def deepseek_v4(config: Config) -> Architecture:
    """DeepSeek-V4: compressed attention, experts in every layer, residual streams mixed by hyper-connections."""
    for field, expected in (("num_key_value_heads", 1), ("n_shared_experts", 1)):
        if config.count(field, least=0) != expected:
            raise config.error(field, f"is {config.count(field)}; DeepSeek-V4 models have {expected}")
    if config.flag("attention_bias"):
        raise config.error("attention_bias", "is true; DeepSeek-V4 models with biased attention are not understood")
    layers, hidden, streams = config.layers(), config.count("hidden_size"), config.count("hc_mult")
    near = CompressedAttention(
        heads=config.count("num_attention_heads"), head_dim=config.count("head_dim"),
        q_lora_rank=config.count("q_lora_rank"), output_groups=config.count("o_groups"),
        output_rank=config.count("o_lora_rank"), window=config.count("sliding_window"),
    )  # fmt: skip
    if near.heads * near.head_dim % near.output_groups:
        raise config.error("o_groups", f"is {near.output_groups}; it must divide {near.heads * near.head_dim}")
    kinds, after = compressed_kinds(config, layers)
    attentions = {WINDOW: near}
    for kind, tokens in compressions(config, {*kinds, *after}).items():
        attentions[kind] = replace(near, compression=tokens)
    if SPARSE in attentions:
        attentions[SPARSE] = replace(
            attentions[SPARSE], overlap=True, index_heads=config.count("index_n_heads"),
            index_head_dim=config.count("index_head_dim"), index_topk=config.count("index_topk"),
        )  # fmt: skip
    width = config.called("moe_intermediate_size", "intermediate_size")
    routed = experts(
        config, ROUTED, width, shared_intermediate=config.count(width), shared_bias=config.flag("mlp_bias"),
        correction_bias=True,
    )  # fmt: skip
    hashed = replace(routed, correction_bias=False, hashed=config.count("vocab_size"))
    leading = config.count("num_hash_layers", least=0)
    rule = ["hash_moe" if i < leading else "moe" for i in range(layers)]
    mlps = config.kinds("mlp_layer_types", rule, "hash_moe", "moe", longer=True)
    mixing = (
        *hyper_connections("attn_hc", streams, hidden, (2 + streams) * streams, 3),
        *hyper_connections("ffn_hc", streams, hidden, (2 + streams) * streams, 3),
    )
    head = hyper_connections("hc_head", streams, hidden, streams, 1)
    stack = blocks(
        [(attentions[kind], hashed if mlp == "hash_moe" else routed) for kind, mlp in zip(kinds, mlps, strict=True)],
        extras=mixing,
    )
    ahead = layers_ahead(config)
    later = [(attentions[after[min(i, len(after) - 1)]], routed) for i in range(ahead)]
    return model(config, stack, extras=head, **_mtp(hidden, blocks(later, extras=mixing), ahead, head))


def _mtp(hidden: int, stack: tuple[Block, ...], count: int, head: tuple[Tensor, ...]) -> dict[str, Any]:
    # DeepSeek-V4's: a layer each, projections of the embedding and of the hidden state, three norms, the streams' head.
    around = (*linear("mtp", "e_proj", hidden, hidden), *linear("mtp", "h_proj", hidden, hidden))
    around += (*norm("enorm", hidden), *norm("hnorm", hidden), *norm("norm", hidden), *head)
    return {
        "mtp": stack,
        "mtp_extras": tuple(replace(row, copies=count, used=count) for row in around) if count else (),
    }
