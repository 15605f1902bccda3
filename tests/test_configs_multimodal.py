"""Models that see or hear: towers told apart from the text, sections with defaults of their own, refusals by name."""

import pytest

from calculators.architecture import all_tensors, mtp_parameters, parameters, parameters_by_part, tensors
from calculators.attention import CrossAttention, reach
from calculators.memory import kv_cache_bytes, state_bytes
from presets import cache_formats, model_from_config
from presets.configs import fields_that_matter
from presets.configs.multimodal import COMPOSED
from tests.facts import COUNTS, architecture, config

SEEN = {name: row["model_type"] for name, row in COUNTS.items() if row["model_type"] in COMPOSED}
BF16 = cache_formats()["BF16"]
TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 100,
}  # fmt: skip


def within(name, section, **changes):
    """A reference model with fields of one section changed."""
    fields = config(name)[section] | changes
    return architecture(name, **{section: {field: value for field, value in fields.items() if value is not ...}})


@pytest.mark.parametrize("name", SEEN)
def test_a_tower_is_stored_but_met_by_no_token_of_text(name):
    model = architecture(name)
    assert model.towers
    for row in tensors(model):
        assert (row.used == 0) == (row.part in ("vision", "audio"))


# Measured with transformers 5.23 on the meta device: what a config with the change gains.
@pytest.mark.parametrize(
    ("name", "changes", "gained"),
    [
        ("gemma-3-4b", {"vision_config": ...}, -324_965_232),
        ("gemma-3-4b", {"tie_word_embeddings": False}, 671_252_480),
        ("gemma-4-e2b", {"audio_config": None}, -307_183_904),
        ("gemma-4-e2b", {"vision_config": {}}, 168_544_256),
        ("devstral-small-2-24b", {"vision_config": ...}, 0),
        ("devstral-small-2-24b", {"tie_word_embeddings": ...}, -671_088_640),
        ("devstral-small-2-24b", {"tie_word_embeddings": True}, -671_088_640),
        ("qwen3.5-9b", {"tie_word_embeddings": True}, -1_017_118_720),
        ("llama-4-scout-17b-16e", {"vision_config": ...}, -416_754_176),
        ("llama-3.2-90b-vision", {"vision_config": None}, -27_279_360),
        ("qwen2.5-vl-7b", {"vision_config": ...}, 2_406_475_008),
        ("kimi-k2.5", {"vision_config": ...}, 0),
        ("qwen3.5-9b", {"vision_config": ...}, -2_359_808),
    ],
)
def test_a_section_that_is_absent_takes_the_default_of_transformers(name, changes, gained):
    assert parameters(architecture(name, **changes)) - parameters(architecture(name)) == gained


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("gemma-3-4b", "Gemma3ForCausalLM"), ("gemma-4-e4b", "Gemma4ForCausalLM"),
        ("llama-4-scout-17b-16e", "Llama4ForCausalLM"), ("llama-3.2-90b-vision", "MllamaForCausalLM"),
        ("qwen3.5-9b", "Qwen3_5ForCausalLM"),
    ],
)  # fmt: skip
def test_the_text_only_class_has_the_text_alone(name, class_name):
    parts = parameters_by_part(architecture(name))
    text = {part: count for part, count in parts.items() if part not in ("vision", "audio")}
    assert parameters_by_part(architecture(name, architectures=[class_name])) == text


@pytest.mark.parametrize(
    ("name", "section", "changes", "field"),
    [
        ("gemma-3-4b", "vision_config", {"num_attention_heads": 7}, "hidden_size"),
        ("gemma-3-4b", "vision_config", {"image_size": 10}, "image_size"),
        ("gemma-3-4b", "vision_config", {"image_size": [896, 896]}, "image_size"),
        ("gemma-3-4b", "vision_config", {"model_type": "clip_vision_model"}, "model_type"),
        ("gemma-3-4b", "text_config", {"model_type": "llama"}, "model_type"),
        ("gemma-3-4b", "text_config", {"tie_word_embeddings": False}, "tie_word_embeddings"),
        ("gemma-3-4b", "text_config", {"per_layer_config": [{}]}, "per_layer_config"),
        ("gemma-4-e2b", "text_config", {"num_kv_shared_layers": 36}, "num_kv_shared_layers"),
        ("gemma-4-e2b", "text_config", {"num_kv_shared_layers": 33}, "num_kv_shared_layers"),
        ("gemma-4-e2b", "text_config", {"layer_types": ["full_attention"]}, "layer_types"),
        ("gemma-4-e2b", "text_config", {"use_bidirectional_attention": "all"}, "use_bidirectional_attention"),
        ("gemma-4-e2b", "text_config", {"global_head_dim": 63}, "global_head_dim"),
        ("gemma-4-e2b", "text_config", {"enable_moe_block": True, "num_experts": 8}, "top_k_experts"),
        ("gemma-4-31b", "text_config", {"num_global_key_value_heads": 5}, "num_global_key_value_heads"),
        ("gemma-4-31b", "vision_config", {"num_key_value_heads": 5}, "num_key_value_heads"),
        ("gemma-4-e2b", "audio_config", {"subsampling_conv_channels": [128]}, "subsampling_conv_channels"),
        ("llama-4-scout-17b-16e", "text_config", {"no_rope_layers": [1]}, "no_rope_layers"),
        ("llama-4-scout-17b-16e", "text_config", {"layer_types": ["sliding_attention"] * 48}, "layer_types"),
        ("llama-4-scout-17b-16e", "text_config", {"layer_types": ["full_attention"] * 47}, "layer_types"),
        ("llama-4-scout-17b-16e", "text_config", {"attention_chunk_size": None}, "attention_chunk_size"),
        ("llama-4-scout-17b-16e", "text_config", {"num_experts_per_tok": 17}, "num_experts_per_tok"),
        ("llama-3.2-90b-vision", "text_config", {"cross_attention_layers": [100]}, "cross_attention_layers"),
        ("llama-3.2-90b-vision", "text_config", {"head_dim": 64}, "head_dim"),
        ("llama-3.2-90b-vision", "text_config", {"tie_word_embeddings": True}, "tie_word_embeddings"),
        ("llama-3.2-90b-vision", "vision_config", {"vision_output_dim": 7681}, "vision_output_dim"),
        ("llama-3.2-90b-vision", "vision_config", {"supported_aspect_ratios": 8}, "supported_aspect_ratios"),
        ("devstral-small-2-24b", "vision_config", {"head_dim": 32}, "head_dim"),
        ("devstral-small-2-24b", "text_config", {"model_type": "gemma4"}, "model_type"),
        ("kimi-k2.5", "vision_config", {"merge_kernel_size": [2]}, "merge_kernel_size"),
        ("kimi-k2.5", "vision_config", {"hidden_size": 1280}, "hidden_size"),
        ("qwen2.5-vl-7b", "vision_config", {"in_channels": 1}, "in_channels"),
        ("qwen3.5-9b", "vision_config", {"deepstack_visual_indexes": [8]}, "deepstack_visual_indexes"),
    ],
)  # fmt: skip
def test_a_contradiction_in_a_section_is_refused_by_name(name, section, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {section}\.{field} "):
        within(name, section, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("gemma-3-4b", {"text_config": ...}, "text_config"),
        ("gemma-3-4b", {"vision_config": 3}, "vision_config"),
        ("devstral-small-2-24b", {"architectures": ["Mistral3ForCausalLM"]}, "architectures"),
        ("devstral-small-2-24b", {"vision_feature_layer": []}, "vision_feature_layer"),
        ("devstral-small-2-24b", {"spatial_merge_size": 0}, "spatial_merge_size"),
        ("kimi-k2.5", {"projection_hidden_size": 1280}, "projection_hidden_size"),
        ("qwen2.5-vl-7b", {"head_dim": 64}, "head_dim"),
        ("step-3.7-flash", {"num_hidden_layers": 46}, "num_hidden_layers"),
        ("step-3.7-flash", {"vocab_size": 128_000}, "vocab_size"),
    ],
)
def test_a_contradiction_around_the_sections_is_refused_by_name(name, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} "):
        architecture(name, **changes)


@pytest.mark.parametrize("name", SEEN)
def test_the_fields_that_matter_describe_the_same_model(name):
    fields = config(name)
    assert model_from_config(fields_that_matter(fields), name=name) == model_from_config(fields, name=name)


def test_gemma_4_keeps_no_cache_in_layers_that_share_an_earlier_one_but_reads_it():
    blocks = architecture("gemma-4-e2b").blocks
    shared = [block for block in blocks if not block.attention.cached_values]
    assert sum(block.count for block in shared) == 20
    assert all(block.attention.read_values for block in shared)
    assert {block.attention.head_dim: block.attention.window for block in blocks} == {256: 512, 512: None}


def test_gemma_4_takes_values_from_keys_in_full_layers_and_caches_both():
    (full,) = [block.attention for block in architecture("gemma-4-31b").blocks if block.attention.window is None]
    assert "v_proj" not in {row.name for row in full.tensors(5376)}
    assert full.cached_values == 2 * full.kv_heads * full.head_dim == 4096


def test_gemma_4_routes_experts_beside_its_dense_mlp():
    sparse = {"enable_moe_block": True, "num_experts": 8, "top_k_experts": 2, "moe_intermediate_size": 704}
    before = parameters_by_part(architecture("gemma-4-31b"))
    after = parameters_by_part(within("gemma-4-31b", "text_config", **sparse))
    assert after["mlp"] == before["mlp"]
    assert after["routed_experts"] == 60 * 8 * 3 * 704 * 5376
    assert after["router"] == 60 * (8 * 5376 + 5376 + 8)
    assert after["norms"] - before["norms"] == 60 * 3 * 5376


def per_layer(name, **sizes):
    """A Gemma 4 config as transformers 5.23 writes it: sizes of full layers in per_layer_config."""
    text = config(name)["text_config"]
    full = [f"{number:02}" for number, kind in enumerate(text["layer_types"]) if kind == "full_attention"]
    return within(
        name, "text_config", global_head_dim=..., num_global_key_value_heads=...,
        per_layer_config={number: sizes for number in full},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("gemma-4-31b", {"head_dim": 512, "num_key_value_heads": 4}), ("gemma-4-e2b", {"head_dim": 512})],
)
def test_gemma_4_may_give_the_sizes_of_full_layers_for_each(name, sizes):
    assert per_layer(name, **sizes).blocks == architecture(name).blocks
    same = within(name, "text_config", global_head_dim=256, num_global_key_value_heads=None)
    assert per_layer(name).blocks == same.blocks
    fields = {"global_head_dim": ..., "num_global_key_value_heads": ..., "per_layer_config": {}}
    assert within(name, "text_config", **fields).blocks == same.blocks


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"05": {"head_dim": 512}}, "must name each full_attention layer"),
        ({f"{n:02}": {"head_dim": 512 if n > 5 else 256} for n in range(5, 60, 6)}, "differs among full_attention"),
        ({f"{n:02}": {"head_dim": 512, "hidden_size": 3} for n in range(5, 60, 6)}, r"05\.hidden_size is given"),
        ({"x": {}}, "must name each full_attention layer"),
    ],
)
def test_other_sizes_a_layer_are_refused(listed, message):
    with pytest.raises(ValueError, match=rf"text_config\.per_layer_config.*{message}"):
        within(
            "gemma-4-31b", "text_config", global_head_dim=..., num_global_key_value_heads=..., per_layer_config=listed
        )
    with pytest.raises(ValueError, match=r"text_config\.global_head_dim is 512"):
        within("gemma-4-31b", "text_config", per_layer_config=listed)


def test_gemma_4_stores_a_scale_a_layer_that_is_no_parameter():
    (row,) = {row.name: row for row in all_tensors(architecture("gemma-4-31b")) if row.buffer}.values()
    assert row.name == "layer_scalar"


def test_llama_4_looks_back_within_its_chunk_alone():
    chunked, whole = architecture("llama-4-scout-17b-16e").blocks
    assert (chunked.count, whole.count) == (36, 12)
    assert reach(chunked.attention, 100_000) == (8192 + 1) / 2
    assert reach(whole.attention, 100_000) == 100_000


def test_llama_4_leaves_experts_out_of_layers_between():
    model = within("llama-4-scout-17b-16e", "text_config", interleave_moe_layer_step=2)
    assert sum(block.count for block in model.blocks if block.mlp.experts) == 24
    assert parameters_by_part(model)["mlp"] == 24 * 3 * 5120 * 16_384


def test_what_one_image_adds_to_cross_attention_is_in_the_note():
    model = architecture("llama-3.2-90b-vision")
    crossed = [block for block in model.blocks if isinstance(block.attention, CrossAttention)]
    assert sum(block.count for block in crossed) == 20
    assert state_bytes(model, BF16, batch=1) == 0
    assert "6,404 keys" in model.note
    assert f"{20 * 2 * 8 * 128 * 6404:,} values" in model.note


def test_multi_token_prediction_layers_stay_apart_behind_a_tower():
    assert mtp_parameters(architecture("qwen3.5-9b")) == 243_290_624
    assert mtp_parameters(architecture("qwen3.5-35b-a3b")) == 844_640_768


def test_a_text_says_itself_whether_it_is_tied_where_its_type_hands_that_on():
    text = {"model_type": "llama", **TINY, "tie_word_embeddings": True}
    assert model_from_config({"model_type": "llava", "text_config": text}, name="x").tied_embeddings
    with pytest.raises(ValueError, match=r"config\.json: text_config\.tie_word_embeddings is True, but the whole"):
        model_from_config({"model_type": "llava_next", "text_config": text}, name="x")


# Built by transformers 5.23 on the meta device, the tower and projector of a config without a section for them.
@pytest.mark.parametrize(
    ("kind", "text", "part", "count"),
    [
        ("llava", "llama", "vision", 303_577_216),
        ("llava_next", "llama", "vision", 303_577_280),
        ("paligemma", "gemma", "vision", 399_571_264),
        ("idefics3", "llama", "vision", 152_690_688),
        ("smolvlm", "llama", "vision", 152_690_688),
        ("internvl", "qwen2", "vision", 304_213_120),
        ("qwen2_audio", "qwen2", "audio", 637_050_944),
        ("voxtral", "llama", "audio", 637_300_736),
        ("glm4v", "glm4v_text", "vision", 892_498_432),
        ("qwen2_vl", "qwen2_vl_text", "vision", 675_759_104),
        ("qwen3_vl", "qwen3_vl_text", "vision", 566_949_104),
    ],
)
def test_kin_stand_behind_the_default_tower_of_their_type(kind, text, part, count):
    section = {"model_type": text, **TINY, "num_key_value_heads": 4}
    fields = {"model_type": kind, "text_config": section, "projection_dim": 64}
    assert parameters_by_part(model_from_config(fields, name="x"))[part] == count


# The text sections as published, which leave out what their class has by default; counts by transformers 5.23.
@pytest.mark.parametrize(
    ("kind", "text", "rest", "count"),
    [
        ("llava", {"model_type": "llama", "vocab_size": 32064, "max_position_embeddings": 4096}, {}, 7_063_427_072),
        (
            "llava_next",
            {"model_type": "mistral", "intermediate_size": 14336, "num_key_value_heads": 8, "vocab_size": 32064},
            {}, 7_566_747_648,
        ),
        (
            "llava",
            {
                "model_type": "mistral", "hidden_size": 5120, "head_dim": 128, "intermediate_size": 14336,
                "num_hidden_layers": 40, "num_key_value_heads": 8, "sliding_window": None, "vocab_size": 131072,
            },
            {"vision_config": {"model_type": "pixtral", "head_dim": 64, "image_size": 1024, "patch_size": 16}},
            12_682_739_712,
        ),
        ("qwen2_audio", {"model_type": "qwen2", "intermediate_size": 11008, "vocab_size": 156032}, {}, 8_397_094_912),
        (
            "smolvlm",
            {
                "model_type": "llama", "head_dim": 64, "hidden_size": 2048, "intermediate_size": 8192,
                "num_hidden_layers": 24, "num_key_value_heads": 32, "vocab_size": 49280,
            },
            {
                "scale_factor": 3,
                "vision_config": {
                    "model_type": "smolvlm_vision", "hidden_size": 1152, "image_size": 384, "intermediate_size": 4304,
                    "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14,
                },
            },
            2_246_784_880,
        ),
        (
            "voxtral", {"model_type": "llama"},
            {"audio_config": {"num_mel_bins": 128, "num_hidden_layers": 32, "num_attention_heads": 20}}, 4_676_271_104,
        ),
    ],
)  # fmt: skip
def test_a_text_section_leaves_out_the_sizes_of_its_class(kind, text, rest, count):
    fields = {"model_type": kind, "text_config": text, **rest}
    assert parameters(model_from_config(fields, name="x")) == count
    assert parameters(model_from_config(fields_that_matter(fields), name="x")) == count


def test_a_size_is_left_out_of_a_text_section_alone():
    with pytest.raises(ValueError, match="hidden_size is missing"):
        architecture("llama-3.1-8b", hidden_size=...)
    with pytest.raises(ValueError, match=r"text_config\.num_experts is missing"):
        within("qwen3.5-35b-a3b", "text_config", num_experts=...)


def test_a_section_may_name_no_type_and_no_class():
    assert parameters(within("kimi-k2.5", "vision_config", model_type="")) == parameters(architecture("kimi-k2.5"))
    assert parameters(within("gemma-3-4b", "text_config", architectures=None)) == parameters(architecture("gemma-3-4b"))


def test_llama_4_has_no_experts_where_it_lists_no_layers_of_them():
    plain = within(
        "llama-4-scout-17b-16e", "text_config", moe_layers=[], interleave_moe_layer_step=0, num_local_experts=0,
        num_experts_per_tok=0,
    )  # fmt: skip
    assert parameters_by_part(plain)["mlp"] == 48 * 3 * 5120 * 16_384
    assert not any(block.mlp.experts for block in plain.blocks)


def test_whisper_keeps_the_keys_and_values_of_its_recording():
    fields = {
        "model_type": "whisper", "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6,
        "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536, "encoder_ffn_dim": 1536,
        "vocab_size": 51865,
    }  # fmt: skip
    model = model_from_config(fields, name="tiny")
    assert parameters(model) == 37_760_640  # openai/whisper-tiny, by transformers on the meta device
    assert kv_cache_bytes(model, BF16, batch=1, context_tokens=1) == 4 * 2 * 384 * 2
    assert state_bytes(model, BF16, batch=1) == 4 * 2 * 384 * 1500 * 2
