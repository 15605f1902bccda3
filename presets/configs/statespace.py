"""How do models with state-space layers describe themselves? Readers of their config.json: Mamba and its hybrids."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from reprlib import repr as shown
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import GroupedQueryAttention, Mixer, NoAttention
from calculators.mlp import MLP, DenseMLP, ExpertMLP, NoMLP
from calculators.recurrent import Mamba, Mamba2, SideBySide
from calculators.tensor import linear, norm
from presets.configs.config import Config, reads
from presets.configs.layers import FULL, biased, blocks, dense, experts, grouped, model

LINEAR = "linear_attention"
# What older configs call these layers.
RENAMED = {"attention": FULL, "mamba": LINEAR}
# A fixed state has no end: where a config names no longest context, a million tokens are offered.
NO_END = 1_048_576


def kinds(config: Config, field: str, known: Sequence[str], rule: Sequence[str] | None) -> Sequence[str]:
    """The kind of each layer: that of a list under `field` where given, else the type's rule."""
    given = config.given(field)
    if given in (None, ...):
        if rule is None:
            raise config.error(field, "is missing; the kind of each layer was expected")
        return rule
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise config.error(field, f"is {shown(given):.40}; a list of {', '.join(known)} was expected")
    found = [RENAMED[each] if each in RENAMED else str(each) for each in given]
    if unknown := sorted(set(found) - set(known)):
        raise config.error(field, f"lists {unknown[0]:.40}; understood are {', '.join(known)}")
    if rule is not None and len(found) != len(rule):
        raise config.error(field, f"lists {len(found)} layers, but num_hidden_layers is {len(rule)}")
    return found


def is_wide(config: Config, field: str = "mamba_ssm_dtype") -> bool:
    """Whether the recurrent state is kept in 32 bits; in 16 where the config does not say."""
    if field not in config.defaults and not config.is_listed(field):
        return False
    value = config.given(field)
    if value not in ("auto", "float32", "bfloat16", "float16"):
        raise config.error(field, f"is {shown(value):.40}; float32, bfloat16, float16 or auto was expected")
    return bool(value == "float32")


def step_rank(config: Config, field: str) -> int:
    """Rank of the projection of Mamba's step: a number, or "auto" for a sixteenth of hidden_size."""
    return ceil(config.count("hidden_size") / 16) if config.given(field) == "auto" else config.count(field)


@reads(
    "mamba", "falcon_mamba",
    max_position_embeddings=NO_END, state_size=16, expand=2, conv_kernel=4, use_bias=False, use_conv_bias=True,
    time_step_rank="auto", intermediate_size=None, tie_word_embeddings=True,
)  # fmt: skip
def mamba(config: Config) -> Architecture:
    """Mamba, Falcon Mamba: selective state spaces alone; intermediate_size counts where it is given beside expand."""
    mixer = Mamba(
        inner=config.optional_count("intermediate_size") or config.count("expand") * config.count("hidden_size"),
        state=config.count("state_size"),
        kernel=config.count("conv_kernel"),
        step_rank=step_rank(config, "time_step_rank"),
        bias=config.flag("use_bias"),
        convolution_bias=config.flag("use_conv_bias"),
        wide_state=is_wide(config),
    )
    return model(config, (Block(count=config.layers(), attention=mixer, mlp=NoMLP(), norms=1),))


def heads_of(
    config: Config, heads: str, head_dim: str, width: int, of: str, *, groups: str, state: str, kernel: str,
    bias: bool, convolution_bias: bool, **kind: bool | None,
) -> Mamba2:  # fmt: skip
    """Mamba-2 heads over `width` channels, which `of` names: head_dim may be "auto", groups divide the heads."""
    count = config.count(heads)
    if width % count:
        raise config.error(heads, f"is {count}; it must divide {of}, {width}")
    each = width // count if config.given(head_dim) == "auto" else config.count(head_dim)
    if each * count != width:
        raise config.error(head_dim, f"is {each}: {count} heads make {each * count}, but {of} is {width}")
    if count % config.count(groups):
        raise config.error(groups, f"is {config.count(groups)}; it must divide {heads}, {count}")
    return Mamba2(
        heads=count,
        head_dim=each,
        state=config.count(state),
        groups=config.count(groups),
        kernel=config.count(kernel),
        bias=bias,
        convolution_bias=convolution_bias,
        **kind,  # type: ignore[arg-type]
    )


@reads(
    "mamba2",
    max_position_embeddings=NO_END, head_dim=64, state_size=128, expand=2, conv_kernel=4, n_groups=8, use_bias=False,
    use_conv_bias=True,
)  # fmt: skip
def mamba2(config: Config) -> Architecture:
    """Mamba 2: state-space duality alone."""
    mixer = heads_of(
        config, "num_heads", "head_dim", config.count("expand") * config.count("hidden_size"), "expand x hidden_size",
        groups="n_groups", state="state_size", kernel="conv_kernel", bias=config.flag("use_bias"),
        convolution_bias=config.flag("use_conv_bias"), wide_state=is_wide(config),
    )  # fmt: skip
    return model(config, (Block(count=config.layers(), attention=mixer, mlp=NoMLP(), norms=1),))


def at(config: Config, what: str) -> frozenset[int]:
    """Numbers of the layers at `what`_layer_offset in each `what`_layer_period."""
    period = config.count(f"{what}_layer_period")
    offset = config.count(f"{what}_layer_offset", least=0)
    if offset >= period:
        raise config.error(
            f"{what}_layer_offset", f"is {offset}; less than {what}_layer_period, {period}, was expected"
        )
    return frozenset(range(offset, config.layers(), period))


@reads(
    "jamba",
    nullable=["num_key_value_heads"], max_position_embeddings=262144, num_key_value_heads=8, head_dim=None,
    expert_layer_period=2, expert_layer_offset=1, attn_layer_period=8, attn_layer_offset=4, mamba_d_state=16,
    mamba_d_conv=4, mamba_expand=2, mamba_dt_rank="auto", mamba_conv_bias=True, mamba_proj_bias=False,
)  # fmt: skip
def jamba(config: Config) -> Architecture:
    """Jamba: one attention layer in attn_layer_period, the others Mamba; experts in every expert_layer_period-th."""
    mixer = Mamba(
        inner=config.count("mamba_expand") * config.count("hidden_size"),
        state=config.count("mamba_d_state"),
        kernel=config.count("mamba_d_conv"),
        step_rank=step_rank(config, "mamba_dt_rank"),
        bias=config.flag("mamba_proj_bias"),
        convolution_bias=config.flag("mamba_conv_bias"),
        norms=True,
        wide_state=is_wide(config),
    )
    attention, dense_mlp = grouped(config), DenseMLP(intermediate=config.count("intermediate_size"))
    names = ("num_experts", "num_local_experts")
    routed: MLP = experts(config, names, "intermediate_size") if config.same(*names) > 1 else dense_mlp
    attends, has_experts = at(config, "attn"), at(config, "expert")
    return model(
        config,
        blocks(
            [
                (attention if i in attends else mixer, routed if i in has_experts else dense_mlp)
                for i in range(config.layers())
            ]
        ),
    )


def either(config: Config, field: str, alias: str) -> str:
    """The name under which a field stands; two that disagree are refused."""
    if config.is_listed(field) and config.is_listed(alias) and config.given(field) != config.given(alias):
        raise config.error(field, f"is {shown(config.given(field)):.40}, but {alias} is {config.given(alias)}")
    return alias if config.is_listed(alias) else field


PATTERN: Mapping[str, str] = {"M": LINEAR, "*": FULL, "-": "mlp", "E": "moe"}


def pattern_kinds(config: Config, lists: Sequence[str], pattern: str) -> Sequence[str] | None:
    """Nemotron-H: layers as a list of kinds, or as a pattern of M (Mamba), * (attention), - (MLP) and E (experts)."""
    found: Sequence[str] | None = None
    for field in lists:
        if config.is_listed(field):
            again = kinds(config, field, list(PATTERN.values()), None)
            if found is not None and list(found) != list(again):
                raise config.error(field, f"contradicts {lists[0]}")
            found = again
    if config.is_listed(pattern):
        letters = config.given(pattern)
        if not isinstance(letters, str) or set(letters) - set(PATTERN):
            raise config.error(pattern, f"is {shown(letters):.40}; a text of {' '.join(PATTERN)} was expected")
        again = [PATTERN[letter] for letter in letters]
        if found is not None and list(found) != again:
            raise config.error(pattern, f"contradicts {lists[0]}")
        found = again
    return found


@reads(
    "nemotron_h",
    nullable=["num_key_value_heads"], max_position_embeddings=4096, num_key_value_heads=8, head_dim=128,
    ssm_state_size=128, mamba_head_dim=64, n_groups=8, conv_kernel=4, use_conv_bias=True, use_bias=False,
    mamba_ssm_cache_dtype="float32", n_shared_experts=1, moe_latent_size=None, num_nextn_predict_layers=0,
)  # fmt: skip
def nemotron_h(config: Config) -> Architecture:
    """Nemotron-H, Nemotron 3: each layer is Mamba 2, attention, an MLP of squared ReLU, or experts on a latent."""
    layers = pattern_kinds(config, ("layers_block_type", "layer_types"), "hybrid_override_pattern")
    if not layers:
        raise config.error("hybrid_override_pattern", "is missing, and layers_block_type too: no kind of any layer")
    if config.is_listed("num_hidden_layers") and config.layers() != len(layers):
        raise config.error("num_hidden_layers", f"is {config.layers()}, but {len(layers)} layers are listed")
    untied(config)
    for field in ("attention_bias", "sliding_window"):
        config.refuse("such attention", [field])
    if config.flag("mamba_proj_bias") and not config.flag("use_bias"):
        raise config.error("mamba_proj_bias", "is true, but use_bias is false")
    if config.is_listed("attention_head_dim") and config.given("attention_head_dim") != config.given("head_dim"):
        raise config.error("attention_head_dim", f"is {config.given('attention_head_dim')}, no head_dim")
    heads = config.count("mamba_num_heads") * config.count("mamba_head_dim")
    stood: dict[str, Callable[[], Mixer]] = {
        LINEAR: lambda: heads_of(
            config, "mamba_num_heads", "mamba_head_dim", heads, "their width", state="ssm_state_size",
            groups=either(config, "n_groups", "mamba_n_groups"), kernel=either(config, "conv_kernel", "mamba_d_conv"),
            bias=config.flag("use_bias"),
            convolution_bias=config.flag(either(config, "use_conv_bias", "mamba_conv_bias")),
            wide_state=is_wide(config, "mamba_ssm_cache_dtype"),
        ),
        FULL: lambda: grouped(config),
    }  # fmt: skip
    halves: dict[str, Callable[[], MLP]] = {
        "mlp": lambda: DenseMLP(
            intermediate=config.count("intermediate_size"), gated=False, bias=config.flag("mlp_bias")
        ),
        "moe": lambda: latent_experts(config),
    }
    predicted = config.count("num_nextn_predict_layers", least=0)
    following = pattern_kinds(config, ("mtp_layers_block_type",), "mtp_hybrid_override_pattern") or (FULL, "moe")
    used = {*layers, *(following if predicted else ())}
    pairs: dict[str, tuple[Mixer, MLP]] = {kind: (build(), NoMLP()) for kind, build in stood.items() if kind in used}
    pairs |= {kind: (NoAttention(), build()) for kind, build in halves.items() if kind in used}
    stack = blocks([pairs[kind] for kind in layers], norms=1)
    if not predicted:
        return model(config, stack)
    hidden = config.count("hidden_size")
    around = (*linear("mtp", "eh_proj", hidden, 2 * hidden), *norm("enorm", hidden), *norm("hnorm", hidden))
    around += norm("final_layernorm", hidden)
    return model(
        config,
        stack,
        mtp=blocks([pairs[kind] for kind in following] * predicted, norms=1),
        mtp_extras=tuple(replace(row, copies=predicted, used=predicted) for row in around),
    )


def untied(config: Config) -> None:
    """Refuse tied embeddings where transformers stores a head of its own all the same."""
    if config.flag("tie_word_embeddings"):
        raise config.error("tie_word_embeddings", "is true; models of this type store a head of their own")


def latent_experts(config: Config) -> ExpertMLP:
    """Nemotron 3's experts, on a latent where moe_latent_size says so, and one shared expert beside them."""
    latent, bias = config.optional_count("moe_latent_size"), config.flag("mlp_bias")
    if config.count("n_shared_experts", least=0) != 1:
        raise config.error("n_shared_experts", f"is {config.given('n_shared_experts')}; only 1 is understood")
    if bias and latent:
        raise config.error("mlp_bias", "is true beside moe_latent_size; biases on the latent are not understood")
    return experts(
        config, ("n_routed_experts", "num_local_experts"), "moe_intermediate_size", latent=latent, gated=False,
        shared_intermediate=config.count("moe_shared_expert_intermediate_size"), shared_bias=bias,
        correction_bias=True,
    )  # fmt: skip


def mamba_of(config: Config, width: int, of: str, **kind: bool | None) -> Mamba2:
    """Mamba-2 layers as IBM's and TII's hybrids name them."""
    return heads_of(
        config, "mamba_n_heads", "mamba_d_head", width, of, groups="mamba_n_groups", state="mamba_d_state",
        kernel="mamba_d_conv", bias=config.flag("mamba_proj_bias"), convolution_bias=config.flag("mamba_conv_bias"),
        wide_state=is_wide(config), **kind,
    )  # fmt: skip


NAMED: dict[str, Any] = {
    "mamba_d_head": "auto", "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_expand": 2,
    "mamba_conv_bias": True, "mamba_proj_bias": False,
}  # fmt: skip


@reads("bamba", max_position_embeddings=262144, num_key_value_heads=8, head_dim=None, attn_layer_indices=None, **NAMED)
def bamba(config: Config) -> Architecture:
    """Bamba: Mamba 2 with attention in the layers of attn_layer_indices."""
    mixer = mamba_of(config, config.count("mamba_expand") * config.count("hidden_size"), "mamba_expand x hidden_size")
    attention, attends = biased(config), config.layer_numbers("attn_layer_indices")
    if outside := [number for number in attends if not 0 <= number < config.layers()]:
        raise config.error("attn_layer_indices", f"lists layer {outside[0]}, but there are {config.layers()}")
    mlp = dense(config, bias=config.flag("mlp_bias"))
    return model(config, blocks([(attention if i in attends else mixer, mlp) for i in range(config.layers())]))


@reads(
    "granitemoehybrid",
    max_position_embeddings=2048, num_key_value_heads=None, head_dim=None, layer_types=None,
    shared_intermediate_size=1024, **NAMED,
)  # fmt: skip
def granite_hybrid(config: Config) -> Architecture:
    """Granite 4: Mamba 2 and attention as layer_types says, experts beside a shared MLP, or that MLP alone."""
    mixer = mamba_of(config, config.count("mamba_expand") * config.count("hidden_size"), "mamba_expand x hidden_size")
    attention, width = biased(config), config.count("shared_intermediate_size")
    mlp: MLP = DenseMLP(intermediate=width)
    if config.count("num_local_experts", least=0):
        mlp = experts(config, ("num_local_experts",), "intermediate_size", shared_intermediate=width)
    if config.is_listed("layers_block_type"):
        raise config.error("layers_block_type", "is given; layer_types was expected")
    layers = kinds(config, "layer_types", (LINEAR, FULL), [LINEAR] * config.layers())
    return model(config, blocks([(attention if kind == FULL else mixer, mlp) for kind in layers]))


@reads(
    "falcon_h1",
    max_position_embeddings=8192, num_key_value_heads=8, head_dim=None, mamba_d_ssm=1024, nullable=["mamba_d_ssm"],
    mamba_rms_norm=False, projectors_bias=False, **NAMED,
)  # fmt: skip
def falcon_h1(config: Config) -> Architecture:
    """Falcon-H1: attention and Mamba 2 side by side in every layer."""
    width, of = config.optional_count("mamba_d_ssm"), "mamba_d_ssm"
    if width is None:
        width, of = config.count("mamba_expand") * config.count("hidden_size"), "mamba_expand x hidden_size"
    recurrence = mamba_of(
        config, width, of, norm=config.flag("mamba_rms_norm"), output_bias=config.flag("projectors_bias")
    )
    both = SideBySide(attention=biased(config), recurrence=recurrence)
    return model(config, blocks([(both, dense(config, bias=config.flag("mlp_bias")))] * config.layers()))


@reads(
    "zamba2",
    max_position_embeddings=4096, num_key_value_heads=None, intermediate_size=None, mamba_d_state=64, mamba_d_conv=4,
    mamba_expand=2, mamba_ngroups=1, num_mem_blocks=1, use_shared_attention_adapter=False, adapter_rank=128,
    add_bias_linear=False, mamba_headdim="auto", tie_word_embeddings=True,
)  # fmt: skip
def zamba2(config: Config) -> Architecture:
    """Zamba 2: Mamba 2, and num_mem_blocks shared attention layers used in turn, each time with adapters of their own.

    A shared layer stands beside a Mamba layer and sees the hidden state and the embedding side by side.
    """
    hidden, wide, rank = config.count("hidden_size"), 2 * config.count("hidden_size"), config.count("adapter_rank")
    layers = kinds(config, "layers_block_type", (LINEAR, "hybrid"), None)
    if len(layers) != config.layers():
        raise config.error(
            "layers_block_type", f"lists {len(layers)} layers, but num_hidden_layers is {config.layers()}"
        )
    bias = config.flag("add_bias_linear")
    mixer = heads_of(
        config, "n_mamba_heads", "mamba_headdim", config.count("mamba_expand") * hidden, "mamba_expand x hidden_size",
        groups="mamba_ngroups", state="mamba_d_state", kernel="mamba_d_conv", bias=bias, convolution_bias=True,
        wide_state=is_wide(config),
    )  # fmt: skip
    heads = config.count("num_attention_heads")
    if wide % heads:
        raise config.error("num_attention_heads", f"is {heads}; it must divide twice hidden_size, {wide}")
    for field, follows in (("attention_hidden_size", wide), ("attention_head_dim", wide // heads)):
        if config.is_listed(field) and config.count(field) != follows:
            raise config.error(field, f"is {config.count(field)}; by the other fields it is {follows}")
    kv_heads = config.optional_count("num_key_value_heads") or heads
    if heads % kv_heads:
        raise config.error("num_key_value_heads", f"is {kv_heads}; it must divide num_attention_heads, {heads}")
    attention = GroupedQueryAttention(heads=heads, kv_heads=kv_heads, head_dim=wide // heads, input_width=wide)
    mlp = DenseMLP(intermediate=config.optional_count("intermediate_size") or 4 * hidden, bias=bias)
    adapters = linear("attention", "linear", hidden, hidden)
    adapters += linear("mlp", "gate_up_adapter.0", rank, hidden)
    adapters += linear("mlp", "gate_up_adapter.1", 2 * mlp.intermediate, rank)
    if config.flag("use_shared_attention_adapter"):
        for each in "qkv":
            adapters += linear("attention", f"{each}_adapter.0", rank, wide)
            adapters += linear("attention", f"{each}_adapter.1", wide, rank)
    hybrid = tuple(i for i, kind in enumerate(layers) if kind == "hybrid")
    plain = tuple(i for i, kind in enumerate(layers) if kind != "hybrid")
    stack = [
        Block(count=len(where), attention=mixer, mlp=NoMLP(), norms=1, extras=extras, positions=where)
        for where, extras in ((plain, ()), (hybrid, adapters))
        if where
    ]
    turns = config.count("num_mem_blocks")
    stack += [
        Block(
            count=len(hybrid[first::turns]), attention=attention, mlp=mlp, norms=1, stored=1,
            extras=norm("attention_layernorm", wide),
            positions=tuple(len(layers) + i for i in range(first, len(hybrid), turns)),
        )
        for first in range(min(turns, len(hybrid)))
    ]  # fmt: skip
    if len(hybrid) > turns and not config.flag("tie_word_embeddings"):
        raise config.error("tie_word_embeddings", "is false; then transformers shares no layers either, engines do")
    return model(config, tuple(stack))
