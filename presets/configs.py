"""Which model does a Hugging Face config.json describe? An exact Architecture, or a ValueError that names the field.

The defaults are those of transformers 5.23 for each `model_type`. The sizes that make a model what it is (hidden_size,
num_hidden_layers, experts, …) have placeholders of one checkpoint there, so a config without them is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from reprlib import repr as shown
from types import MappingProxyType
from typing import Any

from calculators.architecture import Architecture, Block, DenseMLP, ExpertMLP, GroupedQueryAttention, LatentAttention

LARGEST = 2**31  # a size above it is a mistake, and would overflow the counts

# Fields that may be null although they have a default, in every type and in some.
NULLABLE = frozenset({"sliding_window", "q_lora_rank", "layer_types", "mlp_only_layers"})
NULLABLE_HERE = dict.fromkeys(("qwen2", "qwen3"), frozenset({"num_key_value_heads"}))

# Hugging Face's defaults for fields that a published config.json may leave out.
HEADS_AS_QUERIES = {"num_key_value_heads": None}
DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "llama": {"max_position_embeddings": 2048, "head_dim": None, **HEADS_AS_QUERIES},
        "mistral": {
            "max_position_embeddings": 131072, "head_dim": None, "num_key_value_heads": 8, "sliding_window": 4096,
        },
        "mixtral": {"max_position_embeddings": 131072, "head_dim": None, "num_key_value_heads": 8},
        "qwen2": {
            "max_position_embeddings": 32768, "head_dim": None, "num_key_value_heads": 32,
            "sliding_window": 4096, "max_window_layers": 28,
        },
        "qwen3": {
            "max_position_embeddings": 32768, "head_dim": 128, "num_key_value_heads": 32,
            "sliding_window": 4096, "max_window_layers": 28,
        },
        "qwen3_moe": {
            "max_position_embeddings": 32768, "head_dim": None, "num_key_value_heads": 4, "sliding_window": 4096,
            "decoder_sparse_step": 1, "mlp_only_layers": None,
        },
        "deepseek_v2": {
            "max_position_embeddings": 2048, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64, "v_head_dim": 128, "n_shared_experts": 2, "first_k_dense_replace": 0,
            "moe_layer_freq": 1,
        },
        "deepseek_v3": {
            "max_position_embeddings": 4096, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64, "v_head_dim": 128, "n_shared_experts": 1, "first_k_dense_replace": 3,
            "moe_layer_freq": 1, "num_nextn_predict_layers": 0,
        },
        "gemma2": {
            "max_position_embeddings": 8192, "head_dim": 256, "num_key_value_heads": 4, "sliding_window": 4096,
            "tie_word_embeddings": True,
        },
        "phi3": {"max_position_embeddings": 4096, "head_dim": None, "sliding_window": None, **HEADS_AS_QUERIES},
        "gpt_oss": {
            "max_position_embeddings": 131072, "head_dim": 64, "num_key_value_heads": 8, "sliding_window": 128,
            "attention_bias": True,
        },
    }
)  # fmt: skip

# Fields that another kind of model has: in these types they contradict `model_type`.
FOREIGN = {
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size", "n_shared_experts"),
    "latent attention": ("kv_lora_rank", "q_lora_rank"),
}


class Config:
    """A config.json read field by field: every answer is checked, every refusal names the field."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.defaults: Mapping[str, Any] = {}
        self.nullable = NULLABLE

    def error(self, field: str, message: str) -> ValueError:
        """A refusal that names the field."""
        return ValueError(f"config.json: {field} {message}")

    def given(self, field: str) -> Any:
        """The field's value, or Hugging Face's default for this model_type; `...` where it has neither."""
        value = self.fields.get(field, self.defaults.get(field, ...))
        if value is None and field not in self.nullable and self.defaults.get(field, ...) is not None:
            raise self.error(field, "is null; a value was expected")
        return value

    def count(self, field: str, *, least: int = 1) -> int:
        """A whole number; the field must be there or have a default."""
        value = self.given(field)
        if value is ...:
            raise self.error(field, "is missing, and Hugging Face has no default that would be this model's")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < LARGEST:
            raise self.error(field, f"is {shown(value):.40}; a whole number of {least} or more was expected")
        return value

    def optional_count(self, field: str) -> int | None:
        """A whole number or null; absent without a default counts as null."""
        return None if self.given(field) in (None, ...) else self.count(field)

    def flag(self, field: str) -> bool:
        """True or false; false where absent without a default."""
        value = self.given(field)
        if value is ...:
            return False
        if not isinstance(value, bool):
            raise self.error(field, f"is {shown(value):.40}; true or false was expected")
        return value

    def same(self, field: str, *aliases: str) -> int:
        """A count that may stand under several names, which must agree."""
        given = {name: self.count(name) for name in (field, *aliases) if self.given(name) is not ...}
        if not given:
            return self.count(field)
        if len(set(given.values())) > 1:
            raise self.error(field, "contradicts itself: " + ", ".join(f"{name} is {n}" for name, n in given.items()))
        return next(iter(given.values()))

    def layer_numbers(self, field: str) -> frozenset[int]:
        """A list of layer numbers; empty where absent or null."""
        value = self.given(field)
        if value in (None, ...):
            return frozenset()
        if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int) for v in value):
            raise self.error(field, f"is {shown(value):.40}; a list of layer numbers was expected")
        return frozenset(value)

    def layer_kinds(self, rule: Sequence[str], *, listed: bool) -> Sequence[str]:
        """The kind of each layer: that of `layer_types` where given, else the type's rule.

        Where the type does not read `layer_types` (not `listed`), a list that says otherwise is refused.
        """
        kinds = self.given("layer_types")
        if kinds in (None, ...):
            return rule
        if not isinstance(kinds, list) or any(kind not in ("full_attention", "sliding_attention") for kind in kinds):
            raise self.error("layer_types", "must list full_attention or sliding_attention for each layer")
        if len(kinds) != len(rule):
            raise self.error("layer_types", f"lists {len(kinds)} layers, but num_hidden_layers is {len(rule)}")
        if not listed and kinds != rule:
            slide = f"{rule.count('sliding_attention')} of {len(rule)} layers slide"
            raise self.error("layer_types", f"contradicts the other fields, by which {slide}")
        return kinds

    def refuse(self, why: str, fields: Sequence[str]) -> None:
        """Refuse fields that this model_type does not have."""
        for field in fields:
            if self.fields.get(field) not in (None, 0, False, []):
                kind = self.fields["model_type"]
                raise self.error(field, f"is {shown(self.fields[field]):.40}, but model_type {kind!r} has no {why}")


def _attention(config: Config, **kind: Any) -> GroupedQueryAttention:
    config.refuse("latent attention", FOREIGN["latent attention"])
    hidden, heads = config.count("hidden_size"), config.count("num_attention_heads")
    kv_heads = config.optional_count("num_key_value_heads") or heads
    if heads % kv_heads and "num_key_value_heads" in config.fields:
        raise config.error("num_key_value_heads", f"is {kv_heads}; it must divide num_attention_heads, {heads}")
    head_dim = config.optional_count("head_dim")
    if head_dim is None:
        if hidden % heads:
            raise config.error(
                "hidden_size", f"is {hidden}, no multiple of num_attention_heads, {heads}, and head_dim is not given"
            )
        head_dim = hidden // heads
    if head_dim % 2:
        raise config.error("head_dim", f"is {head_dim}; rotary positions need an even width")
    return GroupedQueryAttention(heads=heads, kv_heads=kv_heads, head_dim=head_dim, **kind)


def _layers(
    config: Config, attention: GroupedQueryAttention, slides: Callable[[int], bool], *, listed: bool
) -> list[GroupedQueryAttention]:
    """One attention a layer, with the config's window where `layer_types`, or the type's rule, says it slides."""
    rule = ["sliding_attention" if slides(i) else "full_attention" for i in range(config.count("num_hidden_layers"))]
    window, kinds = config.optional_count("sliding_window"), config.layer_kinds(rule, listed=listed)
    if window is None and "sliding_attention" in kinds:
        raise config.error("sliding_window", "is null, but there are sliding_attention layers")
    return [replace(attention, window=window) if kind == "sliding_attention" else attention for kind in kinds]


def _blocks(layers: Sequence[tuple[Any, Any]], norms: int = 2) -> tuple[Block, ...]:
    """Blocks from one (attention, mlp) a layer: equal neighbours join; where kinds alternate, one block a kind."""
    runs = [(kind, len(list(group))) for kind, group in groupby(layers)]
    if len(runs) > 4:
        runs = [(kind, layers.count(kind)) for kind in dict.fromkeys(layers)]
    return tuple(Block(count=count, attention=kind[0], mlp=kind[1], norms=norms) for kind, count in runs)


def _dense(config: Config, **kind: Any) -> DenseMLP:
    config.refuse("experts", FOREIGN["experts"])
    return DenseMLP(intermediate=config.count("intermediate_size"), **kind)


def _experts(config: Config, names: Sequence[str], intermediate: str, **kind: Any) -> ExpertMLP:
    experts = config.same(*names)
    chosen = config.same("num_experts_per_tok", "experts_per_token")
    if chosen > experts:
        raise config.error("num_experts_per_tok", f"is {chosen}, more than {names[0]}, {experts}")
    return ExpertMLP(experts=experts, chosen=chosen, intermediate=config.count(intermediate), **kind)


def _llama(config: Config) -> tuple[Block, ...]:
    bias = config.flag("attention_bias")
    attention = _attention(config, qkv_bias=bias, output_bias=bias)
    mlp = _dense(config, bias=config.flag("mlp_bias"))
    return _blocks([(a, mlp) for a in _layers(config, attention, lambda i: False, listed=False)])


def _all_or_none(config: Config) -> list[GroupedQueryAttention]:
    """mistral, mixtral, phi3: every layer slides where the config has a window."""
    slides = config.optional_count("sliding_window") is not None
    return _layers(config, _attention(config), lambda i: slides, listed=False)


def _windowed_everywhere(config: Config) -> tuple[Block, ...]:
    mlp = _dense(config)
    return _blocks([(attention, mlp) for attention in _all_or_none(config)])


def _mixtral(config: Config) -> tuple[Block, ...]:
    mlp = _experts(config, ("num_local_experts", "num_experts"), "intermediate_size")
    return _blocks([(attention, mlp) for attention in _all_or_none(config)])


def _uses_window(config: Config) -> bool:
    """qwen2, qwen3, qwen3_moe: a window counts only where use_sliding_window says so."""
    return config.flag("use_sliding_window") and config.optional_count("sliding_window") is not None


def _qwen_layers(config: Config, attention: GroupedQueryAttention) -> list[GroupedQueryAttention]:
    uses, first = _uses_window(config), config.count("max_window_layers", least=0)
    return _layers(config, attention, lambda i: uses and i >= first, listed=uses)


def _qwen2(config: Config) -> tuple[Block, ...]:
    mlp = _dense(config)
    return _blocks([(a, mlp) for a in _qwen_layers(config, _attention(config, qkv_bias=True))])


def _qwen3(config: Config) -> tuple[Block, ...]:
    bias = config.flag("attention_bias")
    attention = _attention(config, qkv_bias=bias, output_bias=bias, qk_norm=True)
    mlp = _dense(config)
    return _blocks([(a, mlp) for a in _qwen_layers(config, attention)])


def _qwen3_moe(config: Config) -> tuple[Block, ...]:
    bias = config.flag("attention_bias")
    attention = _attention(config, qkv_bias=bias, output_bias=bias, qk_norm=True)
    experts = _experts(config, ("num_experts", "num_local_experts"), "moe_intermediate_size")
    step, dense_layers = config.count("decoder_sparse_step"), config.layer_numbers("mlp_only_layers")
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    uses = _uses_window(config)
    attentions = _layers(config, attention, lambda i: uses, listed=False)
    return _blocks(
        [(a, experts if i not in dense_layers and (i + 1) % step == 0 else dense) for i, a in enumerate(attentions)]
    )


def _gemma2(config: Config) -> tuple[Block, ...]:
    bias = config.flag("attention_bias")
    attention = _attention(config, qkv_bias=bias, output_bias=bias)
    mlp = _dense(config)
    return _blocks([(a, mlp) for a in _layers(config, attention, lambda i: i % 2 == 0, listed=True)], norms=4)


def _gpt_oss(config: Config) -> tuple[Block, ...]:
    bias = config.flag("attention_bias")
    attention = _attention(config, qkv_bias=bias, output_bias=bias, sinks=True)
    mlp = _experts(
        config, ("num_local_experts", "num_experts"), "intermediate_size", router_bias=True, expert_bias=True
    )
    return _blocks([(a, mlp) for a in _layers(config, attention, lambda i: i % 2 == 0, listed=True)])


def _deepseek(config: Config) -> tuple[Block, ...]:
    if config.flag("mlp_bias"):
        raise config.error("mlp_bias", "is true; DeepSeek models with biased MLPs are not understood")
    if config.count("moe_layer_freq") != 1:
        raise config.error("moe_layer_freq", f"is {config.count('moe_layer_freq')}; only 1 is understood")
    attention = LatentAttention(
        heads=config.count("num_attention_heads"),
        q_lora_rank=config.optional_count("q_lora_rank"),
        kv_lora_rank=config.count("kv_lora_rank"),
        qk_nope_head_dim=config.count("qk_nope_head_dim"),
        qk_rope_head_dim=config.count("qk_rope_head_dim"),
        v_head_dim=config.count("v_head_dim"),
        bias=config.flag("attention_bias"),
    )
    v3 = "num_nextn_predict_layers" in config.defaults
    mlp = _experts(
        config,
        ("n_routed_experts", "num_local_experts" if v3 else "num_experts"),
        "moe_intermediate_size",
        shared_intermediate=config.count("n_shared_experts", least=0) * config.count("moe_intermediate_size"),
        correction_bias=v3,
    )
    dense = DenseMLP(intermediate=config.count("intermediate_size"))
    layers, leading = config.count("num_hidden_layers"), config.count("first_k_dense_replace", least=0)
    if leading > layers:
        raise config.error("first_k_dense_replace", f"is {leading}, more than num_hidden_layers, {layers}")
    config.layer_kinds(["full_attention"] * layers, listed=False)
    return _blocks([(attention, dense if i < leading else mlp) for i in range(layers)])


READERS: Mapping[str, Callable[[Config], tuple[Block, ...]]] = MappingProxyType(
    {
        "llama": _llama,
        "mistral": _windowed_everywhere,
        "mixtral": _mixtral,
        "qwen2": _qwen2,
        "qwen3": _qwen3,
        "qwen3_moe": _qwen3_moe,
        "deepseek_v2": _deepseek,
        "deepseek_v3": _deepseek,
        "gemma2": _gemma2,
        "phi3": _windowed_everywhere,
        "gpt_oss": _gpt_oss,
    }
)


# Types that ship their own code but store the tensors of a native type.
ALIASES: Mapping[str, str] = MappingProxyType(
    {"baichuan": "llama", "internlm2": "llama", "minicpm": "llama", "kimi_k2": "deepseek_v3"}
)


def model_from_config(config: Mapping[str, Any], *, name: str) -> Architecture:
    """The architecture that a Hugging Face config.json describes, exact to the last parameter.

    Raises ValueError, naming the field and what was expected, for a model_type that is not understood, a size that is
    missing, or fields that contradict each other: never a wrong number.
    Source: transformers 5.23, configuration_*.py and modeling_*.py of each model_type.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"config.json: an object of fields was expected, not {type(config).__name__}")
    fields = Config(config)
    given = config.get("model_type")
    kind = ALIASES.get(given, given) if isinstance(given, str) else given
    if not isinstance(kind, str) or kind not in READERS:
        raise fields.error("model_type", f"is {shown(given):.40}; understood are {', '.join((*READERS, *ALIASES))}")
    fields.defaults, fields.nullable = DEFAULTS[kind], NULLABLE | NULLABLE_HERE.get(kind, frozenset())
    if given in ALIASES and not isinstance(config.get("tie_word_embeddings"), bool):
        raise fields.error("tie_word_embeddings", f"is missing, and model_type {given!r} has no default for it here")
    if given in ALIASES and config.get("bias"):
        raise fields.error("bias", f"is {shown(config['bias']):.40}; {given} models with biases are not understood")
    classes = config.get("architectures")
    if classes is not None and not (
        isinstance(classes, list) and all(isinstance(c, str) and c.endswith("ForCausalLM") for c in classes)
    ):
        raise fields.error("architectures", f"is {shown(classes):.60}; a …ForCausalLM was expected")
    names = {str(name).replace("_", "") for name in (given, kind)}
    if classes and classes[0].lower().removesuffix("forcausallm") not in names:
        raise fields.error("architectures", f"is {shown(classes):.60}, which contradicts model_type {given!r:.40}")
    if config.get("per_layer_config"):
        raise fields.error("per_layer_config", "is given; layers of different sizes are not understood yet")
    layers = fields.count("num_hidden_layers")
    if layers > 10_000:
        raise fields.error("num_hidden_layers", f"is {layers}; at most 10,000 was expected")
    blocks = READERS[kind](fields)
    extra = fields.count("num_nextn_predict_layers", least=0) if kind == "deepseek_v3" else 0
    return Architecture(
        name=name,
        hidden=fields.count("hidden_size"),
        vocabulary=fields.count("vocab_size"),
        max_context=fields.count("max_position_embeddings"),
        blocks=blocks,
        tied_embeddings=fields.flag("tie_word_embeddings"),
        mtp=(replace(blocks[-1], count=extra),) if extra else (),
        source="config.json",
    )
