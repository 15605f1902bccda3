"""How do StepFun's models describe their text model? A reader of the section of their config.json."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention, Mixer
from calculators.mlp import MLP, DenseMLP
from calculators.tensor import linear, norm
from presets.configs.config import DEEPEST, Config, reads
from presets.configs.experts import layers_ahead
from presets.configs.layers import FULL, SLIDING, blocks, experts, model


def step_heads(config: Config) -> int:
    """Query heads of the layers that slide: their own number where one is given."""
    own = config.optional_count("num_sliding_attention_heads")
    if own is not None:
        return own
    if not config.is_listed("attention_other_setting"):
        return config.count("num_attention_heads")
    other = config.section("attention_other_setting", num_attention_heads=config.count("num_attention_heads"))
    for field, names in (("num_attention_groups", ("num_key_value_heads", "num_attention_groups")),
                         ("head_dim", ("head_dim",))):  # fmt: skip
        if other.is_listed(field) and other.count(field) != config.same(*names):
            raise other.error(field, f"is {other.count(field)}; other keys in layers that slide are not understood")
    return other.count("num_attention_heads")


def is_layer(text: Any) -> bool:
    """Whether it is a layer's number, as a number or a text."""
    if isinstance(text, str):
        return len(text) < 9 and text.strip().isdecimal()
    return type(text) is int and 0 <= text < DEEPEST


def step_sparse(config: Config, layers: int) -> list[bool]:
    """Whether each layer, MTP's included, has experts: by mlp_layer_types, moe_layers_enum, or all from the fourth."""
    listed, own = config.given("moe_layers_enum"), config.layers()
    numbers: Collection[int] = range(3, own)
    if listed not in (None, ...):
        texts = [text for text in listed.split(",") if text.strip()] if isinstance(listed, str) else listed
        if not isinstance(texts, list) or not all(is_layer(text) for text in texts):
            raise config.error("moe_layers_enum", "must list layer numbers")
        numbers = frozenset(int(text) for text in texts)
    rule = ["sparse" if i in numbers else "dense" for i in range(layers)]
    kinds = config.given("mlp_layer_types")
    told = own if isinstance(kinds, list) and len(kinds) == own else layers
    kinds = [*config.kinds("mlp_layer_types", rule[:told], "sparse", "dense"), *["dense"] * (layers - told)]
    return [kind == "sparse" for kind in kinds]


@reads(
    "step3p5",
    max_position_embeddings=128000, head_dim=128, sliding_window=None, num_sliding_attention_heads=None,
    num_nextn_predict_layers=0, moe_layers_enum=None, mlp_layer_types=None,
)  # fmt: skip
def step_text(config: Config) -> Architecture:
    """The text model of Step-3.5 and Step-3.7: a gate a head, more query heads in layers that slide."""
    if config.is_listed("per_layer_config"):
        raise config.error("per_layer_config", "is given; layers of different sizes are not understood yet")
    for field in ("gating", "use_head_wise_attn_gate"):
        if field in config.fields and not config.flag(field):
            raise config.error(field, "is false; Step models without a gate a head are not understood")
    config.refuse("latent attention", ("kv_lora_rank", "q_lora_rank"))
    layers, bias = config.layers(), config.flag("attention_bias")
    kv_heads = config.same("num_key_value_heads", "num_attention_groups")
    head_dim, window = config.count("head_dim"), config.optional_count("sliding_window")
    ahead = layers_ahead(config)

    def attention(heads: int, window: int | None) -> GroupedQueryAttention:
        if heads % kv_heads:
            raise config.error(
                "num_attention_heads", f"is {heads}; a multiple of the {kv_heads} key heads was expected"
            )
        return GroupedQueryAttention(
            heads=heads, kv_heads=kv_heads, head_dim=head_dim, window=window, qkv_bias=bias, output_bias=bias,
            norms=((head_dim,), (head_dim,)), gate=heads,
        )  # fmt: skip

    kinds = config.given("layer_types")
    known = layers + ahead if isinstance(kinds, list) and len(kinds) == layers + ahead else layers
    kinds = config.kinds("layer_types", [FULL] * known, FULL, SLIDING)
    if SLIDING in kinds and window is None:
        raise config.error("sliding_window", "is null, but there are sliding_attention layers")
    whole = attention(config.count("num_attention_heads"), None)
    near = attention(step_heads(config), window) if SLIDING in kinds else whole
    mlp_bias = config.flag("mlp_bias")
    config.called("n_routed_experts", "moe_num_experts", "num_local_experts")  # the last does not stand for them alone
    mlp = experts(
        config, ("n_routed_experts", "moe_num_experts"), "moe_intermediate_size", ("num_experts_per_tok", "moe_top_k"),
        shared_intermediate=config.same("share_expert_dim", "share_expert_dims"), shared_bias=mlp_bias,
        correction_bias=True,
    )  # fmt: skip
    dense = DenseMLP(intermediate=config.count("intermediate_size"), bias=mlp_bias)
    sparse = step_sparse(config, layers + ahead)
    pairs: list[tuple[Mixer, MLP]] = [
        (near if kind == SLIDING else whole, mlp if routed else dense)
        for kind, routed in zip([*kinds, *[FULL] * (layers + ahead - len(kinds))], sparse, strict=True)
    ]
    return model(config, blocks(pairs[:layers]), **step_mtp(config, blocks(pairs[layers:])))


def step_mtp(config: Config, stack: tuple[Block, ...]) -> dict[str, Any]:
    """Step's multi-token-prediction layers: as DeepSeek's, and each with a head of its own."""
    count, hidden = sum(block.count for block in stack), config.count("hidden_size")
    if not count:
        return {}
    around = (*linear("mtp", "eh_proj", hidden, 2 * hidden), *norm("enorm", hidden), *norm("hnorm", hidden))
    around += (
        *norm("shared_head.norm", hidden),
        *linear("mtp", "shared_head.output", config.count("vocab_size"), hidden),
    )
    return {"mtp": stack, "mtp_extras": tuple(replace(row, copies=count, used=count) for row in around)}
