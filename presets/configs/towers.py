"""How do the towers that turn images and sound into tokens describe themselves? Readers of vision and audio sections.

A tower is counted under its part with all that stands between it and the text: projectors, mergers, adapters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from calculators.architecture import Block, Tower
from calculators.attention import GroupedQueryAttention
from calculators.mlp import DenseMLP
from calculators.tensor import Tensor, linear, norm
from presets.configs.config import LARGEST, Config


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """A tower's model_type: what reads its section, and the defaults of transformers 5.23."""

    read: Callable[[Config], Tower]
    defaults: Mapping[str, Any]


ENCODERS: dict[str, Encoder] = {}


def encodes(*types: str, **defaults: Any) -> Callable[[Callable[[Config], Tower]], Callable[[Config], Tower]]:
    """Register a reader of sections of these model_types; every field that a section may leave out has a default."""

    def register(read: Callable[[Config], Tower]) -> Callable[[Config], Tower]:
        ENCODERS.update({kind: Encoder(read=read, defaults=defaults) for kind in types})
        return read

    return register


def encoder(
    config: Config,
    field: str,
    kind: str,
    *,
    others: Sequence[str] | None = (),
    absent: Mapping[str, Any] | None = None,
) -> tuple[Tower, Config]:
    """The tower that a section describes, and the section.

    `kind`: its model_type where it names none; `others`: further names it may have, read as their own type where they
    are one, None for any, read as `kind`. `absent`: the section that transformers takes where the config has none.
    """
    section = config.section(field, absent=absent or {})
    given = section.given("model_type")
    if others is not None and given not in (..., None, "", kind, *others):
        raise section.error("model_type", f"is {given!r:.40}; {' or '.join((kind, *others))} was expected")
    entry = ENCODERS.get(str(given) if others else kind, ENCODERS[kind])
    section.default(**entry.defaults)
    return entry.read(section), section


def extended(tower: Tower, *outer: Tensor) -> Tower:
    """A tower with its projector."""
    return replace(tower, outer=(*tower.outer, *outer))


def conv(name: str, outputs: int, *kernel: int, bias: bool = False) -> tuple[Tensor, ...]:
    """A convolution's weight (outputs, inputs, kernel), and its bias where it has one."""
    weight = Tensor(part="vision", name=name, shape=(outputs, *kernel))
    return (weight, replace(weight, name=f"{name}.bias", shape=(outputs,))) if bias else (weight,)


def table(name: str, *shape: int) -> tuple[Tensor, ...]:
    """Learned values that are looked up or added: positions, a class token, gates."""
    return (Tensor(part="vision", name=name, shape=shape, elementwise=True),)


def attending(config: Config, width: int, heads: int, **kind: Any) -> GroupedQueryAttention:
    """Attention over all patches at once; the heads divide the width."""
    if width % heads:
        raise config.error("hidden_size", f"is {width}, no multiple of the {heads} attention heads")
    return GroupedQueryAttention(heads=heads, kv_heads=heads, head_dim=width // heads, causal=False, **kind)


def transformer(
    config: Config, *, biased: bool = True, mlp_bias: bool | None = None, gated: bool = False, **kind: Any
) -> Block:
    """The layers of most towers: attention and MLP, with biases or without, and two norms."""
    width = config.count("hidden_size")
    attention = attending(config, width, config.count("num_attention_heads"), qkv_bias=biased, output_bias=biased)
    mlp = DenseMLP(
        intermediate=config.count("intermediate_size"), bias=biased if mlp_bias is None else mlp_bias, gated=gated
    )
    return Block(count=config.layers(), attention=attention, mlp=mlp, **kind)


def patches(config: Config) -> int:
    """Patches of a square image, a count: (image_size / patch_size) squared, rounded down on each side."""
    across = config.count("image_size") // config.count("patch_size")
    if not across:
        raise config.error("image_size", f"is {config.count('image_size')}, less than a patch")
    return across**2


def widened(config: Config, width: int, field: str) -> int:
    """A width times the ratio in a field, rounded down."""
    wide = int(width * config.ratio(field))
    if not 1 <= wide < LARGEST:
        raise config.error(field, f"is {config.ratio(field)}, which makes a width of {width} one of {wide:.3g}")
    return wide


def patch_conv(config: Config, *, bias: bool, channels: str = "num_channels") -> tuple[Tensor, ...]:
    """The convolution that turns each patch into a vector."""
    side = config.count("patch_size")
    return conv(
        "patch_embedding", config.count("hidden_size"), config.count(channels), side, side, bias=bias
    )  # fmt: skip


@encodes(
    "siglip_vision_model",
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, num_channels=3,
    image_size=224, patch_size=16, vision_use_head=True,
)  # fmt: skip
def siglip(config: Config) -> Tower:
    """SigLIP: a position a patch; with vision_use_head a last attention that pools them."""
    width, block = config.count("hidden_size"), transformer(config)
    outer = (
        *patch_conv(config, bias=True),
        *table("position_embedding", patches(config), width),
        *norm("post_layernorm", width, bias=True),
    )
    if config.flag("vision_use_head"):
        outer += (
            *table("head.probe", 1, 1, width),
            *linear("vision", "head.in_proj", 3 * width, width, bias=True),
            *linear("vision", "head.out_proj", width, width, bias=True),
            *norm("head.layernorm", width, bias=True),
            *block.mlp.tensors(width),
        )
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "clip_vision_model",
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, num_channels=3,
    image_size=224, patch_size=32,
)  # fmt: skip
def clip(config: Config) -> Tower:
    """CLIP: a class token before the patches, norms before and after the layers."""
    width = config.count("hidden_size")
    outer = (
        *table("class_embedding", width),
        *patch_conv(config, bias=False),
        *table("position_embedding", patches(config) + 1, width),
        *norm("pre_layernorm", width, bias=True),
        *norm("post_layernorm", width, bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(transformer(config),), norm_bias=True, outer=outer)


@encodes(
    "idefics3_vision", "smolvlm_vision", "idefics3", "smolvlm",
    hidden_size=1152, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=16, num_channels=3,
    image_size=224, patch_size=32,
)  # fmt: skip
def idefics3(config: Config) -> Tower:
    """Idefics 3, SmolVLM: SigLIP without its pooling head."""
    width = config.count("hidden_size")
    outer = (
        *patch_conv(config, bias=True),
        *table("position_embedding", patches(config), width),
        *norm("post_layernorm", width, bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(transformer(config),), norm_bias=True, outer=outer)


@encodes(
    "pixtral",
    hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, num_channels=3,
    patch_size=16,
)  # fmt: skip
def pixtral(config: Config) -> Tower:
    """Pixtral: rotary positions, gated MLPs, no biases."""
    width, block = config.count("hidden_size"), transformer(config, biased=False, gated=True)
    head_dim = config.optional_count("head_dim")
    if head_dim not in (None, width // config.count("num_attention_heads")):
        raise config.error("head_dim", f"is {head_dim}, which is not hidden_size / num_attention_heads")
    outer = (*patch_conv(config, bias=False), *norm("ln_pre", width))
    return Tower(part="vision", hidden=width, blocks=(block,), outer=outer)


def qwen_patches(config: Config, width: int, *, bias: bool) -> tuple[Tensor, ...]:
    """A convolution over space and time."""
    side, frames = config.count("patch_size"), config.count("temporal_patch_size")
    return conv("patch_embed", width, config.same("in_channels", "in_chans"), frames, side, side, bias=bias)


def qwen_merger(config: Config, width: int, output: int, *, norm_bias: bool) -> tuple[Tensor, ...]:
    """Neighbouring patches join into one token of the text's width."""
    joined = width * config.count("spatial_merge_size") ** 2
    return (
        *norm("merger.norm", width, bias=norm_bias),
        *linear("vision", "merger.fc1", joined, joined, bias=True),
        *linear("vision", "merger.fc2", output, joined, bias=True),
    )


def qwen_attention(config: Config, width: int) -> GroupedQueryAttention:
    """Attention with biases."""
    heads = config.same("num_heads", "num_attention_heads")
    return attending(config, width, heads, qkv_bias=True, output_bias=True)


@encodes(
    "qwen2_vl_vision",
    depth=32, embed_dim=1280, hidden_size=3584, mlp_ratio=4, num_heads=16, in_channels=3, patch_size=14,
    spatial_merge_size=2, temporal_patch_size=2,
)  # fmt: skip
def qwen2_vl(config: Config) -> Tower:
    """Qwen2-VL: embed_dim is the tower's width, hidden_size the text's."""
    width = config.count("embed_dim")
    block = Block(
        count=config.same("depth", "num_hidden_layers"),
        attention=qwen_attention(config, width),
        mlp=DenseMLP(intermediate=widened(config, width, "mlp_ratio"), bias=True, gated=False),
    )
    outer = (
        *qwen_patches(config, width, bias=False),
        *qwen_merger(config, width, config.count("hidden_size"), norm_bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "qwen2_5_vl_vision",
    depth=32, hidden_size=3584, intermediate_size=3420, num_heads=16, in_channels=3, patch_size=14,
    spatial_merge_size=2, temporal_patch_size=2, out_hidden_size=3584,
)  # fmt: skip
def qwen2_5_vl(config: Config) -> Tower:
    """Qwen2.5-VL: gated MLPs with biases, norms without."""
    width = config.count("hidden_size")
    block = Block(
        count=config.same("depth", "num_hidden_layers"),
        attention=qwen_attention(config, width),
        mlp=DenseMLP(intermediate=config.count("intermediate_size"), bias=True),
    )
    outer = (
        *qwen_patches(config, width, bias=False),
        *qwen_merger(config, width, config.count("out_hidden_size"), norm_bias=False),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), outer=outer)


@encodes(
    "qwen3_5_vision", "qwen3_5_moe_vision",
    depth=27, hidden_size=1152, intermediate_size=4304, num_heads=16, in_channels=3, patch_size=16,
    spatial_merge_size=2, temporal_patch_size=2, out_hidden_size=3584, num_position_embeddings=2304,
)  # fmt: skip
def qwen3_5(config: Config) -> Tower:
    """Qwen3.5: learned positions beside the rotary ones."""
    if config.given("deepstack_visual_indexes") not in (..., None, []):
        raise config.error("deepstack_visual_indexes", "is given, but a Qwen3.5 tower has no deepstack mergers")
    return qwen3_tower(config)


def qwen3_tower(config: Config) -> Tower:
    """What Qwen3-VL and Qwen3.5 share."""
    width = config.count("hidden_size")
    block = Block(
        count=config.same("depth", "num_hidden_layers"),
        attention=qwen_attention(config, width),
        mlp=DenseMLP(intermediate=config.count("intermediate_size"), bias=True, gated=False),
    )
    outer = (
        *qwen_patches(config, width, bias=True),
        *table("pos_embed", config.count("num_position_embeddings"), width),
        *qwen_merger(config, width, config.count("out_hidden_size"), norm_bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "qwen3_vl_vision", "qwen3_vl_moe_vision",
    depth=27, hidden_size=1152, intermediate_size=4304, num_heads=16, in_channels=3, patch_size=16,
    spatial_merge_size=2, temporal_patch_size=2, out_hidden_size=3584, num_position_embeddings=2304,
    deepstack_visual_indexes=[8, 16, 24],
)  # fmt: skip
def qwen3_vl(config: Config) -> Tower:
    """Qwen3-VL: a further merger for each layer whose output the text sees as well."""
    tower, width = qwen3_tower(config), config.count("hidden_size")
    layers, seen = tower.blocks[0].count, config.numbers("deepstack_visual_indexes")
    if any(not 0 <= layer < layers for layer in seen):
        raise config.error("deepstack_visual_indexes", f"names a layer beyond the {layers} of depth")
    joined = width * config.count("spatial_merge_size") ** 2
    merger = (
        *norm("deepstack.norm", joined, bias=True),
        *linear("vision", "deepstack.fc1", joined, joined, bias=True),
        *linear("vision", "deepstack.fc2", config.count("out_hidden_size"), joined, bias=True),
    )
    return extended(tower, *(replace(row, copies=len(seen)) for row in merger if seen))


@encodes(
    "kimi_k25_vision",
    patch_size=14, pos_emb_height=64, pos_emb_width=64, num_attention_heads=16, num_hidden_layers=27, hidden_size=1152,
    intermediate_size=4304, merge_kernel_size=[2, 2],
)  # fmt: skip
def moonvit(config: Config) -> Tower:
    """MoonViT of Kimi K2.5; its own code names the fields vt_… and init_pos_emb_…."""
    width, side = config.same("hidden_size", "vt_hidden_size"), config.count("patch_size")
    block = Block(
        count=config.same("num_hidden_layers", "vt_num_hidden_layers"),
        attention=attending(
            config, width, config.same("num_attention_heads", "vt_num_attention_heads"), qkv_bias=True, output_bias=True
        ),
        mlp=DenseMLP(intermediate=config.same("intermediate_size", "vt_intermediate_size"), bias=True, gated=False),
    )
    height, across = (config.same(f"pos_emb_{way}", f"init_pos_emb_{way}") for way in ("height", "width"))
    outer = (
        *conv("patch_embed", width, 3, side, side, bias=True),
        *table("position_embeddings", height, across, width),
        *norm("final_layernorm", width, bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "llama4_vision_model",
    hidden_size=768, num_hidden_layers=34, num_attention_heads=16, num_channels=3, intermediate_size=5632,
    vision_output_dim=7680, image_size=448, patch_size=14, projector_input_dim=4096, projector_output_dim=4096,
)  # fmt: skip
def llama4(config: Config) -> Tower:
    """Llama 4: patches unfolded, a class token, and an adapter after the layers."""
    width, side, output = config.count("hidden_size"), config.count("patch_size"), config.count("projector_output_dim")
    outer = (
        *table("class_embedding", width),
        *table("positional_embedding_vlm", patches(config) + 1, width),
        *linear("vision", "patch_embedding", width, config.count("num_channels") * side * side),
        *norm("layernorm_pre", width, bias=True),
        *norm("layernorm_post", width, bias=True),
        *linear("vision", "adapter.fc1", config.count("projector_input_dim"), config.count("intermediate_size")),
        *linear("vision", "adapter.fc2", output, output),
    )
    return Tower(part="vision", hidden=width, blocks=(transformer(config),), norm_bias=True, outer=outer)


@encodes(
    "mllama_vision_model",
    hidden_size=1280, num_hidden_layers=32, num_global_layers=8, attention_heads=16, num_channels=3,
    intermediate_size=5120, vision_output_dim=7680, image_size=448, patch_size=14, max_num_tiles=4,
    intermediate_layers_indices=[3, 7, 15, 23, 30], supported_aspect_ratios=None,
)  # fmt: skip
def mllama(config: Config) -> Tower:
    """Llama 3.2 Vision: an image in tiles; positions by tile and aspect ratio; local, then gated global layers."""
    width, tiles, rows = config.count("hidden_size"), config.count("max_num_tiles"), patches(config) + 1
    ratios = config.given("supported_aspect_ratios")
    if ratios is not None and not isinstance(ratios, list):
        raise config.error("supported_aspect_ratios", f"is {ratios!r:.40}; a list of pairs was expected")
    if ratios is None and tiles != 4:
        raise config.error("max_num_tiles", f"is {tiles}; 4 was expected where supported_aspect_ratios is not given")
    layers = config.layers()
    seen = config.numbers("intermediate_layers_indices")
    if config.count("vision_output_dim") != (len(seen) + 1) * width:
        raise config.error("vision_output_dim", f"is not {len(seen) + 1} x hidden_size, the layers it is made of")
    kinds = 9 if ratios is None else len(ratios) + 1
    heads = config.same("attention_heads", "num_attention_heads")
    attention = attending(config, width, heads)
    mlp = DenseMLP(intermediate=config.count("intermediate_size"), bias=True, gated=False)
    gates = (*table("gate_attn", 1), *table("gate_ffn", 1))
    outer = (
        *table("class_embedding", width),
        *patch_conv(config, bias=False),
        *table("positional_embedding", rows, width),
        *table("tile_embedding", kinds, tiles * rows * width),
        *table("pre_tile_embedding", kinds, tiles * width),
        *table("post_tile_embedding", kinds, tiles * width),
        *table("embedding_gates", 3),
        *norm("layernorm_pre", width, bias=True),
        *norm("layernorm_post", width, bias=True),
    )
    blocks = (
        Block(count=layers, attention=attention, mlp=mlp),
        Block(count=config.layers("num_global_layers"), attention=attention, mlp=mlp, extras=gates),
    )
    return Tower(part="vision", hidden=width, blocks=blocks, norm_bias=True, outer=outer)


@encodes(
    "gemma4_vision",
    hidden_size=768, intermediate_size=3072, num_hidden_layers=16, num_attention_heads=12, num_key_value_heads=12,
    head_dim=64, patch_size=16, position_embedding_size=10240,
)  # fmt: skip
def gemma4_vision(config: Config) -> Tower:
    """Gemma 4: a table of positions for each axis, norms before and after each half and of queries and keys."""
    width, head_dim = config.count("hidden_size"), config.count("head_dim")
    heads, kv_heads = config.count("num_attention_heads"), config.count("num_key_value_heads")
    if heads % kv_heads:
        raise config.error("num_key_value_heads", f"is {kv_heads}; it must divide num_attention_heads, {heads}")
    attention = GroupedQueryAttention(
        heads=heads, kv_heads=kv_heads, head_dim=head_dim, causal=False, norms=((head_dim,), (head_dim,))
    )
    block = Block(
        count=config.layers(),
        attention=attention,
        mlp=DenseMLP(intermediate=config.count("intermediate_size")),
        norms=4,
    )
    outer = (
        *table("position_embedding_table", 2, config.count("position_embedding_size"), width),
        *linear("vision", "patch_embedder", width, 3 * config.count("patch_size") ** 2),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), outer=outer)


@encodes(
    "gemma4_audio",
    hidden_size=1024, num_hidden_layers=12, num_attention_heads=8, subsampling_conv_channels=[128, 32],
    conv_kernel_size=5, output_proj_dims=1536,
)  # fmt: skip
def gemma4_audio(config: Config) -> Tower:
    """Gemma 4: a Conformer, two half MLPs around attention and a convolution, after two that take every other frame."""
    width, channels = config.count("hidden_size"), config.numbers("subsampling_conv_channels")
    if len(channels) != 2 or channels[0] < 4 or channels[1] < 1:
        raise config.error(
            "subsampling_conv_channels", f"is {channels!r:.40}; two counts, of 4 and 1 or more, were expected"
        )
    attention = attending(config, width, config.count("num_attention_heads"))
    mlp = DenseMLP(intermediate=4 * width, gated=False)
    extras = (
        *mlp.tensors(width),
        *linear("audio", "relative_k_proj", width, width),
        *table("per_dim_scale", attention.head_dim),
        *linear("audio", "lconv.linear_start", 2 * width, width),
        *linear("audio", "lconv.linear_end", width, width),
        *conv("lconv.depthwise", width, 1, config.count("conv_kernel_size")),
    )
    first, second = channels
    outer = (
        *conv("subsample.0", first, 1, 3, 3),
        *norm("subsample.0.norm", first),
        *conv("subsample.1", second, first, 3, 3),
        *norm("subsample.1.norm", second),
        *linear("audio", "subsample.input_proj", width, first // 4 * second),
        *linear("audio", "output_proj", config.count("output_proj_dims"), width, bias=True),
    )
    # Norms: two of each MLP, two of attention, two of the convolution, and one of the layer.
    block = Block(count=config.layers(), attention=attention, mlp=mlp, norms=9, extras=extras)
    return Tower(part="audio", hidden=width, blocks=(block,), outer=outer)


@encodes(
    "step3p5_vision",
    hidden_size=1536, num_hidden_layers=47, num_attention_heads=16, num_channels=3, image_size=728, patch_size=14,
    mlp_ratio=8960 / 1536,
)  # fmt: skip
def step(config: Config) -> Tower:
    """Step 3.7: a scale on each half of a layer, and two convolutions that quarter the patches at twice the width."""
    width, side = config.same("hidden_size", "width"), config.count("patch_size")
    heads = config.same("num_attention_heads", "heads")
    block = Block(
        count=config.same("num_hidden_layers", "layers"),
        attention=attending(config, width, heads, qkv_bias=True, output_bias=True),
        mlp=DenseMLP(intermediate=widened(config, width, "mlp_ratio"), bias=True, gated=False),
        extras=(*table("lambda_1", width), *table("lambda_2", width)),
    )
    outer = (
        *conv("patch_embedding", width, config.count("num_channels"), side, side),
        *table("position_embedding", patches(config), width),
        *norm("pre_layernorm", width, bias=True),
        *conv("downsampler1", 2 * width, width, 3, 3, bias=True),
        *conv("downsampler2", 4 * width, 2 * width, 3, 3, bias=True),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "internvl_vision",
    hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, image_size=[448, 448],
    patch_size=[14, 14], num_channels=3, norm_type="layer_norm", use_absolute_position_embeddings=True,
    use_mean_pooling=True,
)  # fmt: skip
def internvl(config: Config) -> Tower:
    """InternVL: a class token, a scale on each half of a layer; biases and norms of queries and keys where it says."""
    width, image, patch = config.count("hidden_size"), pair(config, "image_size"), pair(config, "patch_size")
    biased, plain = config.flag("attention_bias"), config.choice("norm_type", "layer_norm", "rms_norm") == "rms_norm"
    attention = attending(
        config, width, config.count("num_attention_heads"), qkv_bias=biased, output_bias=True,
        norms=((width,), (width,)) if config.flag("use_qk_norm") else (),
    )  # fmt: skip
    block = Block(
        count=config.layers(),
        attention=attention,
        mlp=DenseMLP(intermediate=config.count("intermediate_size"), bias=True, gated=False),
        extras=(*table("lambda_1", width), *table("lambda_2", width)),
    )
    outer = (
        *table("cls_token", 1, 1, width),
        *conv("patch_embeddings", width, config.count("num_channels"), *patch, bias=True),
        *(table("mask_token", 1, 1, width) if config.flag("use_mask_token") else ()),
        *(() if config.flag("use_mean_pooling") else norm("layernorm", width, bias=True)),
    )
    if config.flag("use_absolute_position_embeddings"):
        outer += table("position_embeddings", 1, (image[0] // patch[0]) * (image[1] // patch[1]) + 1, width)
    return Tower(part="vision", hidden=width, blocks=(block,), norm_bias=not plain, outer=outer)


def pair(config: Config, field: str) -> tuple[int, int]:
    """Height and width, which may stand as one number."""
    if not isinstance(config.given(field), list):
        return config.count(field), config.count(field)
    sides = config.numbers(field)
    if len(sides) != 2 or min(sides) < 1:
        raise config.error(field, f"is {sides!r:.40}; one size or two were expected")
    return sides[0], sides[1]


@encodes(
    "qwen2_audio_encoder", "voxtral_encoder",
    num_mel_bins=128, encoder_layers=32, encoder_attention_heads=20, encoder_ffn_dim=5120, d_model=1280,
    max_source_positions=1500, intermediate_size=5120,
)  # fmt: skip
def whisper_encoder(config: Config) -> Tower:
    """Whisper's encoder: two convolutions over the spectrum, keys without biases."""
    width = config.same("d_model", "hidden_size")
    heads = config.same("encoder_attention_heads", "num_attention_heads")
    block = Block(
        count=config.same("encoder_layers", "num_hidden_layers"),
        attention=attending(config, width, heads, qkv_bias=True, key_bias=False, output_bias=True),
        mlp=DenseMLP(intermediate=config.same("encoder_ffn_dim", "intermediate_size"), bias=True, gated=False),
    )
    outer = (
        *conv("conv1", width, config.count("num_mel_bins"), 3, bias=True),
        *conv("conv2", width, width, 3, bias=True),
        *table("embed_positions", config.count("max_source_positions"), width),
        *norm("layer_norm", width, bias=True),
    )
    return Tower(part="audio", hidden=width, blocks=(block,), norm_bias=True, outer=outer)


@encodes(
    "glm4v_vision", "glm4v_moe_vision",
    depth=24, hidden_size=1536, num_heads=12, in_channels=3, image_size=336, patch_size=14, spatial_merge_size=2,
    temporal_patch_size=2, out_hidden_size=4096, intermediate_size=13696,
)  # fmt: skip
def glm4v(config: Config) -> Tower:
    """GLM-4.1V: gated MLPs as wide as its output; intermediate_size is the merger's."""
    width, output, joined = (
        config.count("hidden_size"),
        config.count("out_hidden_size"),
        config.count("spatial_merge_size"),
    )
    attention = attending(
        config, width, config.same("num_heads", "num_attention_heads"), qkv_bias=config.flag("attention_bias")
    )
    block = Block(
        count=config.same("depth", "num_hidden_layers"), attention=attention, mlp=DenseMLP(intermediate=output)
    )
    outer = (
        *table("position_embedding", patches(config), width),
        *qwen_patches(config, width, bias=True),
        *norm("post_conv_layernorm", width),
        *norm("post_layernorm", width),
        *conv("downsample", output, width, joined, joined, bias=True),
        *linear("vision", "merger.proj", output, output),
        *norm("merger.post_projection_norm", output, bias=True),
        *DenseMLP(intermediate=config.count("intermediate_size")).tensors(output),
    )
    return Tower(part="vision", hidden=width, blocks=(block,), outer=outer)
