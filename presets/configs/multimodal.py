"""How do models that see or hear describe themselves? Readers of a text section, towers, and what joins them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from calculators.architecture import Architecture, Block
from calculators.attention import CrossAttention, GroupedQueryAttention, Mixer, WithCrossAttention
from calculators.mlp import MLP, DenseMLP, DenseWithExperts, ExpertMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.config import KINDS, Config, reads
from presets.configs.layers import FULL, SLIDING, biased, blocks, dense, experts, grouped, model, square
from presets.configs.towers import encoder, extended, patches, table, whisper_encoder

CHUNKED = "chunked_attention"


def composes(
    *types: str, classes: Sequence[str] = (), **defaults: Any
) -> Callable[[Callable[[Config], Architecture]], Callable[[Config], Architecture]]:
    """Register a reader of these model_types, whose classes are named …ForConditionalGeneration."""

    def register(read: Callable[[Config], Architecture]) -> Callable[[Config], Architecture]:
        for kind in types:
            own = kind.replace("_", "") + "forconditionalgeneration"
            reads(kind, classes=[own, *classes], **defaults)(read)
            COMPOSED.add(kind)
        return read

    return register


COMPOSED = {"whisper"}  # model_types that a text section cannot have

# A section is written without the fields that are its class's defaults (to_diff_dict of transformers 5.23), so there a
# size that is missing is the default, which at the top of a config it would not be: always written there.
WRITTEN = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
LEFT_OUT: Mapping[str, tuple[int, ...]] = {
    "cohere": (8192, 22528, 40, 64, 256000),
    "cohere2": (8192, 22528, 40, 64, 256000),
    "gemma": (3072, 24576, 28, 16, 256000),
    "gemma2": (2304, 9216, 26, 8, 256000),
    "gemma3_text": (2304, 9216, 26, 8, 262208),
    "gemma4_text": (2304, 9216, 30, 8, 262144),
    "glm4v_text": (4096, 13696, 40, 32, 151552),
    "granite": (4096, 11008, 32, 32, 32000),
    "llama": (4096, 11008, 32, 32, 32000),
    "ministral3": (4096, 14336, 34, 32, 131072),
    "mistral": (4096, 14336, 32, 32, 32000),
    "mllama_text_model": (4096, 14336, 40, 32, 128256),
    "phi3": (3072, 8192, 32, 32, 32064),
    "qwen2": (4096, 22016, 32, 32, 151936),
    "qwen2_vl_text": (8192, 29568, 80, 64, 152064),
    "qwen2_5_vl_text": (8192, 29568, 80, 64, 152064),
    "qwen3": (4096, 22016, 32, 32, 151936),
    "qwen3_5_text": (4096, 12288, 32, 16, 248320),
    "qwen3_vl_text": (4096, 22016, 32, 32, 151936),
}


def left_out(kind: str) -> dict[str, int]:
    """The sizes that a text section of this model_type has where it names none."""
    return dict(zip(WRITTEN, LEFT_OUT.get(kind, ()), strict=False))


def text_only(config: Config) -> bool:
    """Whether `architectures` names the class that has the text section alone."""
    classes = config.fields.get("architectures") or [""]
    return str(classes[0]).endswith("ForCausalLM")


def whole_only(config: Config) -> None:
    """Refuse a …ForCausalLM class in types that have none."""
    if text_only(config):
        raise config.error("architectures", "names a text-only class, which this model_type does not have")


def language(
    config: Config, kind: str, *, types: Sequence[str] | None = (), like: str | None = None, **defaults: Any
) -> tuple[Architecture, Config]:
    """The language model that text_config describes, and the section.

    `kind`: its model_type where it names none. `types`: further ones it may have, None for any that is understood.
    `like`: the type whose reader and defaults it takes instead of its own, with `defaults` where they differ.
    """
    section = config.section("text_config")
    given = section.given("model_type")
    name = kind if given in (..., None, "") else given
    understood = isinstance(name, str) and name in KINDS and KINDS[name].native and name not in COMPOSED
    if name != kind and not (understood if types is None else name in types):
        expected = f"{kind}, or another that is understood" if types is None else " or ".join((kind, *types))
        raise section.error("model_type", f"is {name!r:.40}; {expected} was expected")
    if section.is_listed("per_layer_config") and "per_layer_config" not in KINDS[like or name].defaults:
        raise section.error("per_layer_config", "is given; layers of different sizes are not understood yet")
    return read_as(section, like or name, **{**left_out(name), **defaults}), section


def read_as(section: Config, kind: str, **defaults: Any) -> Architecture:
    """A section read as a model_type, with further defaults."""
    section.become(KINDS[kind], **defaults)
    return KINDS[kind].read(section)


def tied(config: Config, section: Config) -> bool:
    """Whether the head is the embedding: transformers 5 asks the whole config, not its text section."""
    if config.is_listed("tie_word_embeddings"):
        return config.flag("tie_word_embeddings")
    whole = bool(config.defaults.get("tie_word_embeddings"))
    if section.is_listed("tie_word_embeddings") and section.flag("tie_word_embeddings") != whole:
        raise section.error(
            "tie_word_embeddings",
            f"is {section.fields['tie_word_embeddings']}, but the whole config, which decides, is {whole} by default",
        )
    return whole


def either_tied(config: Config, section: Config) -> bool:
    """The same for types that hand the text section's on."""
    return config.flag("tie_word_embeddings") or section.flag("tie_word_embeddings")


def never_tied(config: Config, section: Config) -> None:
    """Refuse tied embeddings in types whose head is always its own."""
    for each in (config, section):
        if each.is_listed("tie_word_embeddings") and each.flag("tie_word_embeddings"):
            raise each.error("tie_word_embeddings", "is true, but models of this type have a head of their own")


def feature_layers(config: Config) -> int:
    """Layers of the tower whose outputs the text sees side by side, a count: vision_feature_layer is one or a list."""
    value = config.given("vision_feature_layer")
    if isinstance(value, int) and not isinstance(value, bool):
        return 1
    layers = config.numbers("vision_feature_layer")
    if not layers:
        raise config.error("vision_feature_layer", "is empty; a layer or a list of layers was expected")
    return len(layers)


def two_layers(text: Architecture, width: int, *, bias: bool) -> tuple[Tensor, ...]:
    """A projector of two matrices."""
    return (
        *linear("vision", "projector.linear_1", text.hidden, width, bias=bias),
        *linear("vision", "projector.linear_2", text.hidden, text.hidden, bias=bias),
    )


# Gemma


@composes("gemma3", tie_word_embeddings=True)
def gemma3(config: Config) -> Architecture:
    """Gemma 3: SigLIP, averaged, normed and projected."""
    text, section = language(config, "gemma3_text")
    if text_only(config):
        return text
    tower, vision = encoder(config, "vision_config", "siglip_vision_model")
    width = vision.count("hidden_size")
    projector = (*linear("vision", "projector", text.hidden, width), *norm("projector.norm", width))
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


def full_sizes(config: Config, kinds: Sequence[str], kv_heads: int) -> tuple[int, int]:
    """(width of a head, KV heads) of full layers.

    Published configs have a field for each; transformers 5.23 writes for each layer what differs from the others.
    """
    if not config.is_listed("per_layer_config"):
        global_heads = config.optional_count("num_global_key_value_heads")
        return config.count("global_head_dim"), (config.flag("attention_k_eq_v") and global_heads) or kv_heads
    config.refuse("such fields beside per_layer_config", ("global_head_dim", "num_global_key_value_heads"))
    listed = config.section("per_layer_config")
    layers = {number: listed.section(number) for number in listed.fields}
    full = {number for number, kind in enumerate(kinds) if kind == FULL}
    if not layers:
        return config.count("head_dim"), kv_heads
    if not all(number.isdecimal() for number in layers) or {int(number) for number in layers} != full:
        raise config.error("per_layer_config", "must name each full_attention layer, and no other")
    for layer in layers.values():
        layer.default(head_dim=config.count("head_dim"), num_key_value_heads=kv_heads)
        if extra := sorted(set(layer.fields) - {"head_dim", "num_key_value_heads"}):
            raise layer.error(extra[0], "is given; only head_dim and num_key_value_heads are understood")
    sizes = {(layer.count("head_dim"), layer.count("num_key_value_heads")) for layer in layers.values()}
    if len(sizes) > 1:
        raise config.error("per_layer_config", "differs among full_attention layers, which is not understood")
    return sizes.pop()


def gemma4_kinds(config: Config) -> list[str]:
    """The kind of each layer: every sixth is full, and the last in any case."""
    layers = config.layers()
    rule = [SLIDING if (i + 1) % 6 else FULL for i in range(layers)]
    return [*config.layer_kinds(rule, listed=True)[:-1], FULL]


@reads(
    "gemma4_text",
    tie_word_embeddings=True, max_position_embeddings=131072, num_key_value_heads=4, head_dim=256, global_head_dim=512,
    num_global_key_value_heads=None, sliding_window=512, vocab_size_per_layer_input=262144,
    hidden_size_per_layer_input=256, num_kv_shared_layers=0, use_bidirectional_attention=None, per_layer_config=None,
)  # fmt: skip
def gemma4_text(config: Config) -> Architecture:
    """Gemma 4: full layers of wider heads, layers that share an earlier one's cache, an embedding for each layer."""
    if config.given("use_bidirectional_attention") not in (None, "vision"):
        raise config.error("use_bidirectional_attention", "is not vision; text that looks ahead is not understood")
    kinds, hidden, width = gemma4_kinds(config), config.count("hidden_size"), config.count("intermediate_size")
    shared = config.count("num_kv_shared_layers", least=0)
    first = len(kinds) - shared
    if first < 0 or (shared and set(kinds[:first]) != set(kinds)):
        raise config.error("num_kv_shared_layers", f"is {shared}; a layer of each kind must come before them")
    sliding = biased(config)
    wide, kv_heads = full_sizes(config, kinds, sliding.kv_heads)
    full = replace(sliding, head_dim=wide, kv_heads=kv_heads, values_from_keys=config.flag("attention_k_eq_v"))
    if full.heads % full.kv_heads:
        raise config.error("num_global_key_value_heads", f"is {full.kv_heads}; it must divide {full.heads} heads")
    if full.head_dim % 2:
        raise config.error("global_head_dim", f"is {full.head_dim}; rotary positions need an even width")
    window = config.count("sliding_window")

    def attention(number: int, kind: str) -> GroupedQueryAttention:
        own = full if kind == FULL else replace(sliding, window=window)
        norms = ((own.head_dim,), (own.head_dim,))
        return (
            replace(own, norms=norms)
            if number < first
            else replace(own, norms=norms[:1], keeps_cache=False, projects_keys=False)
        )

    doubled = config.flag("use_double_wide_mlp")
    extras, norms = gemma4_extras(config, hidden), 4
    mlps = [DenseMLP(intermediate=width * (2 if doubled and i >= first else 1)) for i in range(len(kinds))]
    routed: ExpertMLP | None = None
    if config.flag("enable_moe_block"):
        routed = experts(config, ["num_experts"], "moe_intermediate_size", ["top_k_experts"])
        norms += 3
        extras += (
            Tensor(part="router", name="router.scale", shape=(hidden,), shards=1, elementwise=True),
            Tensor(part="router", name="per_expert_scale", shape=(routed.experts,), shards=1, elementwise=True),
        )
    stack: list[tuple[Mixer, MLP]] = [
        (attention(i, kind), DenseWithExperts(dense=mlp, routed=routed) if routed else mlp)
        for i, (kind, mlp) in enumerate(zip(kinds, mlps, strict=True))
    ]
    return model(config, blocks(stack, norms=norms, extras=extras), extras=gemma4_tables(config, hidden, len(kinds)))


def gemma4_extras(config: Config, hidden: int) -> tuple[Tensor, ...]:
    """What a layer makes of its own embedding, and a scale that is stored but not trained."""
    rows: tuple[Tensor, ...] = (
        Tensor(part="norms", name="layer_scalar", shape=(1,), shards=1, elementwise=True, buffer=True),
    )
    width = config.count("hidden_size_per_layer_input", least=0)
    if width:
        rows += (
            *linear("hyper_connections_altup_laurel", "per_layer_input_gate", width, hidden),
            *linear("per_layer_embedding", "per_layer_projection", hidden, width),
            *norm("post_per_layer_input_norm", hidden),
        )
    return rows


def gemma4_tables(config: Config, hidden: int, layers: int) -> tuple[Tensor, ...]:
    """An embedding for each layer, in one table, and a projection of the main one for each."""
    width = config.count("hidden_size_per_layer_input", least=0)
    if not width:
        return ()
    rows = config.count("vocab_size_per_layer_input")
    return (
        Tensor(part="per_layer_embedding", name="embed_tokens_per_layer", shape=(rows, layers * width)),
        *linear("per_layer_embedding", "per_layer_model_projection", layers * width, hidden),
        *(replace(row, part="per_layer_embedding") for row in norm("per_layer_projection_norm", width)),
    )


@composes("gemma4", tie_word_embeddings=True)
def gemma4(config: Config) -> Architecture:
    """Gemma 4: towers for images and sound, each where the config has it."""
    text, section = language(config, "gemma4_text")
    if text_only(config):
        return text
    towers = []
    for field, kind, output in (
        ("vision_config", "gemma4_vision", "hidden_size"), ("audio_config", "gemma4_audio", "output_proj_dims")
    ):  # fmt: skip
        if config.is_listed(field):
            tower, inner = encoder(config, field, kind)
            towers.append(extended(tower, *linear(tower.part, "embedder", text.hidden, inner.count(output))))
    return replace(text, tied_embeddings=tied(config, section), towers=tuple(towers))


# Llama


@reads(
    "llama4_text",
    tie_word_embeddings=False, max_position_embeddings=131072, num_key_value_heads=8, head_dim=128,
    num_experts_per_tok=1, moe_layers=None, interleave_moe_layer_step=1, no_rope_layers=None,
    no_rope_layer_interval=4, attention_chunk_size=8192, layer_types=None,
)  # fmt: skip
def llama4_text(config: Config) -> Architecture:
    """Llama 4: layers with rotary positions attend within chunks; experts in every few layers, one of them shared."""
    layers = config.layers()
    attention = biased(config)
    if config.given("moe_layers") is None:
        step = config.count("interleave_moe_layer_step")
        routed = frozenset(range(step - 1, layers, step))
    else:
        routed = config.layer_numbers("moe_layers")
    mlps: list[MLP] = []
    if any(i in routed for i in range(layers)):
        width = config.count("intermediate_size")
        mixture = experts(config, ["num_local_experts"], "intermediate_size", shared_intermediate=width)
    for i in range(layers):
        mlps.append(mixture if i in routed else DenseMLP(intermediate=config.count("intermediate_size_mlp")))
    stack = [
        (replace(attention, window=config.count("attention_chunk_size"), chunked=True) if chunk else attention, mlp)
        for chunk, mlp in zip(llama4_chunks(config, layers), mlps, strict=True)
    ]
    return model(config, blocks(stack))


def llama4_chunks(config: Config, layers: int) -> list[bool]:
    """Which layers attend within chunks: those of layer_types, else those with rotary positions."""
    rotary, kinds = config.given("no_rope_layers"), config.given("layer_types")
    if rotary in (None, []):
        step = config.count("no_rope_layer_interval")
        rotary = [int((i + 1) % step != 0) for i in range(layers)]
    elif len(config.numbers("no_rope_layers")) != layers:
        raise config.error("no_rope_layers", f"lists {len(rotary)} layers, but num_hidden_layers is {layers}")
    if kinds is None:
        return [bool(flag) for flag in rotary]
    if not isinstance(kinds, list) or any(kind not in (CHUNKED, FULL) for kind in kinds):
        raise config.error("layer_types", f"must list {CHUNKED} or {FULL} for each layer")
    if len(kinds) != layers:
        raise config.error("layer_types", f"lists {len(kinds)} layers, but num_hidden_layers is {layers}")
    return [kind == CHUNKED for kind in kinds]


@composes("llama4")
def llama4(config: Config) -> Architecture:
    """Llama 4: its text is a whole model with a head of its own, which its own section ties."""
    text, _ = language(config, "llama4_text")
    if text_only(config):
        return text
    tower, vision = encoder(config, "vision_config", "llama4_vision_model")
    projector = linear("vision", "projector", text.hidden, vision.count("vision_output_dim"))
    return replace(text, towers=(extended(tower, *projector),))


@composes("mllama", classes=["MllamaForCausalLM"])
def mllama(config: Config) -> Architecture:
    """Llama 3.2 Vision: every few layers attend to the image alone; eight rows of the embedding for images."""
    section = config.section("text_config")
    if section.given("model_type") not in (..., "mllama_text_model"):
        raise section.error("model_type", "is not mllama_text_model")
    section.default(
        max_position_embeddings=131072, num_key_value_heads=8, cross_attention_layers=[3, 8, 13, 18, 23, 28, 33, 38],
        **left_out("mllama_text_model"),
    )  # fmt: skip
    never_tied(config, section)
    layers, crossed = section.layers(), section.numbers("cross_attention_layers")
    if any(not 0 <= number < layers for number in crossed):
        raise section.error("cross_attention_layers", f"names a layer beyond the {layers} of num_hidden_layers")
    attention = square(section, grouped(section))
    cross = CrossAttention(
        heads=attention.heads, kv_heads=attention.kv_heads, head_dim=attention.head_dim,
        norms=((attention.head_dim,), (attention.head_dim,)), gates=2,
    )  # fmt: skip
    mlp = dense(section)
    added = Tensor(part="embedding", name="embed_tokens.added", shape=(8, section.count("hidden_size")))
    text = model(
        section, blocks([(cross if i in crossed else attention, mlp) for i in range(layers)]),
        extras=(added,), tied_embeddings=False,
    )  # fmt: skip
    if text_only(config):
        return text
    tower, vision = encoder(config, "vision_config", "mllama_vision_model")
    projector = linear("vision", "projector", text.hidden, vision.count("vision_output_dim"), bias=True)
    rows = vision.count("max_num_tiles") * (patches(vision) + 1)
    values = replace(cross, source_tokens=rows).state_values[0] * len(set(crossed))
    note = (
        f"An image of {vision.count('max_num_tiles')} tiles adds {rows:,} keys to each cross-attention layer: "
        f"{values:,} values in all, counted only where a request brings one."
    )
    return replace(text, towers=(extended(tower, *projector),), note=note)


# Mistral, LLaVA and kin: any language model behind a tower


@composes(
    "mistral3", tie_word_embeddings=True, vision_feature_layer=-1, multimodal_projector_bias=False, spatial_merge_size=2
)
def mistral3(config: Config) -> Architecture:
    """Mistral 3: Pixtral, whose neighbouring patches join before a projector of two matrices."""
    whole_only(config)
    text, section = language(config, "mistral", types=None)
    tower, vision = encoder(config, "vision_config", "pixtral", absent=PIXTRAL)
    width = vision.count("hidden_size")
    projector = (
        *norm("projector.norm", width),
        *linear("vision", "projector.merging_layer", width, width * config.count("spatial_merge_size") ** 2),
        *two_layers(text, width * feature_layers(config), bias=config.flag("multimodal_projector_bias")),
    )
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


# The section that transformers 5.23 puts in place of one that is absent, where it is not that of its defaults.
PIXTRAL: Mapping[str, Any] = {
    "intermediate_size": 4096, "hidden_size": 1024, "patch_size": 14, "num_hidden_layers": 24,
    "num_attention_heads": 16, "head_dim": 64,
}  # fmt: skip
CLIP: Mapping[str, Any] = {
    "intermediate_size": 4096, "hidden_size": 1024, "patch_size": 14, "image_size": 336, "num_hidden_layers": 24,
    "num_attention_heads": 16,
}  # fmt: skip
SIGLIP: Mapping[str, Any] = {
    "intermediate_size": 4096, "hidden_size": 1152, "patch_size": 14, "image_size": 224, "num_hidden_layers": 27,
    "num_attention_heads": 16, "vision_use_head": False,
}  # fmt: skip


@composes("llava", tie_word_embeddings=False, vision_feature_layer=-2, multimodal_projector_bias=True)
def llava(config: Config) -> Architecture:
    """LLaVA: CLIP and a projector of two matrices."""
    whole_only(config)
    text, _ = language(config, "llama", types=None)
    tower, _ = encoder(
        config, "vision_config", "clip_vision_model", others=["siglip_vision_model", "pixtral"], absent=CLIP
    )
    width = tower.hidden * feature_layers(config)
    projector = two_layers(text, width, bias=config.flag("multimodal_projector_bias"))
    tie = config.flag("tie_word_embeddings") or text.tied_embeddings
    return replace(text, tied_embeddings=tie, towers=(extended(tower, *projector),))


@composes("llava_next", tie_word_embeddings=False, vision_feature_layer=-2, multimodal_projector_bias=True)
def llava_next(config: Config) -> Architecture:
    """LLaVA-NeXT: LLaVA, and a learned token at the end of each row of patches."""
    whole_only(config)
    text, section = language(config, "llama", types=None)
    tower, _ = encoder(
        config, "vision_config", "clip_vision_model", others=["siglip_vision_model", "pixtral"], absent=CLIP
    )
    width = tower.hidden * feature_layers(config)
    projector = two_layers(text, width, bias=config.flag("multimodal_projector_bias"))
    newline = table("image_newline", text.hidden)
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector, *newline),))


@composes("paligemma", tie_word_embeddings=True, projection_dim=2048)
def paligemma(config: Config) -> Architecture:
    """PaliGemma: SigLIP and one matrix."""
    whole_only(config)
    text, section = language(config, "gemma", types=["gemma2", "gemma3_text"])
    tower, _ = encoder(config, "vision_config", "siglip_vision_model", absent=SIGLIP)
    if config.count("projection_dim") != text.hidden:
        raise config.error("projection_dim", f"is {config.count('projection_dim')}, but the text is {text.hidden} wide")
    projector = linear("vision", "projector", text.hidden, tower.hidden, bias=True)
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


@composes("idefics3", "smolvlm", tie_word_embeddings=False, scale_factor=2)
def idefics3(config: Config) -> Architecture:
    """Idefics 3, SmolVLM: neighbouring patches join in one matrix."""
    whole_only(config)
    text, section = language(config, "llama", types=None)
    kind = str(config.fields["model_type"])
    tower, _ = encoder(config, "vision_config", f"{kind}_vision", others=[kind])
    joined = tower.hidden * config.count("scale_factor") ** 2
    projector = linear("vision", "connector", text.hidden, joined)
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


@composes("internvl", tie_word_embeddings=True, downsample_ratio=0.5)
def internvl(config: Config) -> Architecture:
    """InternVL: a vision transformer with scaled halves, neighbouring patches joined, a projector of two matrices."""
    whole_only(config)
    text, section = language(config, "qwen2", types=None)
    tower, _ = encoder(config, "vision_config", "internvl_vision")
    ratio = config.ratio("downsample_ratio")
    if not 1 / 64 <= ratio <= 1:
        raise config.error("downsample_ratio", f"is {ratio}; a part of a side was expected, such as 0.5")
    joined = tower.hidden * int(1 / ratio) ** 2
    projector = (*norm("projector.norm", joined, bias=True), *two_layers(text, joined, bias=True))
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


@composes("qwen2_audio")
def qwen2_audio(config: Config) -> Architecture:
    """Qwen2-Audio: Whisper's encoder and one matrix; a head of its own."""
    whole_only(config)
    text, section = language(config, "qwen2", types=None)
    never_tied(config, section)
    tower, _ = encoder(config, "audio_config", "qwen2_audio_encoder")
    projector = linear("audio", "projector", text.hidden, tower.hidden, bias=True)
    return replace(text, tied_embeddings=False, towers=(extended(tower, *projector),))


@composes("voxtral")
def voxtral(config: Config) -> Architecture:
    """Voxtral: Whisper's encoder, four frames joined, a projector of two matrices."""
    whole_only(config)
    sizes: dict[str, Any] = dict(zip(WRITTEN, (3072, 8192, 30, 32, 131072), strict=True))
    text, section = language(
        config, "llama", types=None, num_key_value_heads=8, head_dim=128, max_position_embeddings=131072, **sizes
    )
    never_tied(config, section)
    tower, audio = encoder(config, "audio_config", "voxtral_encoder")
    joined = audio.same("intermediate_size", "encoder_ffn_dim")
    projector = two_layers(text, joined, bias=False)
    return replace(text, tied_embeddings=False, towers=(extended(tower, *projector),))


# Qwen, GLM


@composes("qwen2_vl", "qwen2_5_vl", tie_word_embeddings=False)
def qwen2_vl(config: Config) -> Architecture:
    """Qwen2-VL and 2.5-VL: published configs hold the text's fields beside the section of the tower."""
    whole_only(config)
    kind = str(config.fields["model_type"])
    sizes: dict[str, Any] = {"num_key_value_heads": 8, "max_window_layers": 80}
    if config.is_listed("text_config"):
        text, section = language(config, f"{kind}_text", like="qwen2", **sizes)
    else:
        text, section = read_as(config, "qwen2", **sizes), config
    square(section, grouped(section))
    tower, _ = encoder(config, "vision_config", f"{kind}_vision", others=[kind])
    return replace(text, tied_embeddings=either_tied(config, section), towers=(tower,))


@composes("qwen3_vl", "qwen3_vl_moe", tie_word_embeddings=False)
def qwen3_vl(config: Config) -> Architecture:
    """Qwen3-VL: Qwen3 without windows behind a tower whose layers the text sees at several depths."""
    whole_only(config)
    kind = str(config.fields["model_type"])
    like, kv_heads = ("qwen3_moe", 16) if kind == "qwen3_vl_moe" else ("qwen3", 32)
    config.section("text_config").refuse("windows", ["use_sliding_window"])
    text, section = language(
        config, f"{kind}_text", like=like, num_key_value_heads=kv_heads, max_position_embeddings=128000
    )
    tower, _ = encoder(config, "vision_config", f"{kind}_vision", others=[kind])
    return replace(text, tied_embeddings=tied(config, section), towers=(tower,))


@composes("qwen3_5", "qwen3_5_moe", tie_word_embeddings=False)
def qwen3_5(config: Config) -> Architecture:
    """Qwen3.5: its hybrid text behind a tower as Qwen3-VL's, seen at one depth."""
    kind = str(config.fields["model_type"])
    text, section = language(config, f"{kind}_text")
    if text_only(config):
        return text
    tower, _ = encoder(config, "vision_config", f"{kind}_vision", others=[kind])
    return replace(text, tied_embeddings=tied(config, section), towers=(tower,))


@composes("glm4v", "glm4v_moe", tie_word_embeddings=False)
def glm4v(config: Config) -> Architecture:
    """GLM-4.1V, GLM-4.5V: GLM-4 behind a tower that joins neighbouring patches in a gated MLP."""
    whole_only(config)
    kind = str(config.fields["model_type"])
    if kind == "glm4v":
        text, section = language(
            config, "glm4v_text", like="glm4", attention_bias=True, max_position_embeddings=32768, head_dim=None
        )
        if not section.flag("attention_bias"):
            raise section.error("attention_bias", "is false, but GLM-4.1V has biases")
        square(section, grouped(section))
    else:
        config.section("text_config").refuse("norms of queries and keys", ["use_qk_norm"])
        text, section = language(
            config, "glm4v_moe_text", like="glm4_moe", attention_bias=True, max_position_embeddings=65536,
            num_key_value_heads=8, head_dim=None,
        )  # fmt: skip
    tower, _ = encoder(config, "vision_config", f"{kind}_vision", others=[kind])
    return replace(text, tied_embeddings=either_tied(config, section), towers=(tower,))


# Kimi, Step, Whisper


@composes("kimi_k25", classes=["KimiK25ForConditionalGeneration"], tie_word_embeddings=True)
def kimi_k25(config: Config) -> Architecture:
    """Kimi K2.5: Kimi K2 behind MoonViT."""
    whole_only(config)
    text, section = language(config, "deepseek_v3", types=["kimi_k2"])
    tower, vision = encoder(config, "vision_config", "kimi_k25_vision")
    config.default(projection_hidden_size=1152)
    normed = config.count("projection_hidden_size")
    merged = vision.numbers("merge_kernel_size")
    if len(merged) != 2 or min(merged) < 1:
        raise vision.error("merge_kernel_size", f"is {merged!r:.40}; two counts were expected")
    if normed != tower.hidden:
        raise config.error("projection_hidden_size", f"is {normed}, but the tower is {tower.hidden} wide")
    joined = tower.hidden * merged[0] * merged[1]
    projector = (
        *norm("projector.pre_norm", normed, bias=True),
        *linear("vision", "projector.in_proj", joined, joined, bias=True),
        *linear("vision", "projector.out_proj", text.hidden, joined, bias=True),
    )
    return replace(text, tied_embeddings=tied(config, section), towers=(extended(tower, *projector),))


# The text that transformers 5.23 gives a Step config without one; it reads none of the fields beside it.
STEP: Mapping[str, Any] = {
    "vocab_size": 128815, "hidden_size": 4096, "intermediate_size": 11264, "num_hidden_layers": 45,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "num_experts_per_tok": 8,
    "moe_intermediate_size": 1280, "n_routed_experts": 288, "share_expert_dim": 1280,
}  # fmt: skip
STEP_NOTE = (
    "Its config has no text_config: as transformers does, the text is taken to be Step 3.7 Flash's, and the windows, "
    "MTP layers and padded vocabulary beside it are not read."
)


def step_text(config: Config) -> Config:
    """The text section, or that of Step 3.7 Flash where the sizes that stand in the config itself are its own."""
    if not config.is_listed("text_config"):
        config.default(num_key_value_heads=8, head_dim=128, n_routed_experts=288, share_expert_dim=1280)
        for field, size in STEP.items():
            given = config.count(field)
            padded = -(-size // 128) * 128 if field == "vocab_size" else size
            if given not in (size, padded):
                raise config.error(field, f"is {given}, not that of Step 3.7 Flash, and there is no text_config")
    return config.section("text_config", absent=STEP)


@composes("step3p7", classes=["Step3p7FlashForCausalLM", "Step3p7ForCausalLM"], tie_word_embeddings=False)
def step3p7(config: Config) -> Architecture:
    """Step 3.7: its text behind a tower of perception; its own code names the class Step3p7FlashForCausalLM."""
    section = step_text(config)
    text = read_as(section, "step3p5")
    tower, _ = encoder(config, "vision_config", "step3p5_vision", others=None)
    projector = linear("vision", "projector", text.hidden, 4 * tower.hidden, bias=config.flag("projector_bias"))
    return replace(
        text,
        tied_embeddings=tied(config, section),
        towers=(extended(tower, *projector),),
        note=text.note if config.is_listed("text_config") else STEP_NOTE,
    )


@reads(
    "whisper",
    classes=["WhisperForConditionalGeneration"], tie_word_embeddings=True, max_target_positions=448,
    max_source_positions=1500, num_mel_bins=80,
)  # fmt: skip
def whisper(config: Config) -> Architecture:
    """Whisper: a decoder each of whose layers attends to the text so far, then to the recording."""
    whole_only(config)
    if not config.flag("tie_word_embeddings"):
        raise config.error("tie_word_embeddings", "is false; Whisper's head is its embedding")
    width, heads = config.count("d_model"), config.count("decoder_attention_heads")
    if width % heads:
        raise config.error("d_model", f"is {width}, no multiple of decoder_attention_heads, {heads}")
    sizes: dict[str, Any] = {
        "heads": heads, "kv_heads": heads, "head_dim": width // heads, "qkv_bias": True, "key_bias": False,
        "output_bias": True,
    }  # fmt: skip
    attention = WithCrossAttention(
        own=GroupedQueryAttention(**sizes),
        cross=CrossAttention(**sizes, source_tokens=config.count("max_source_positions")),
    )
    mlp = DenseMLP(intermediate=config.count("decoder_ffn_dim"), bias=True, gated=False)
    positions = config.count("max_target_positions")
    stack = (Block(count=config.layers("decoder_layers"), attention=attention, mlp=mlp, norms=3),)
    return model(
        config, stack, hidden=width, max_context=positions, position_rows=positions, norm_bias=True,
        towers=(whisper_encoder(config),),
    )  # fmt: skip
