"""Dense, classic and encoder kinds: what each field of theirs changes, and which contradictions are refused."""

import json
from dataclasses import replace

import pytest

from calculators.architecture import active_parameters, block_layers, parameters, parameters_by_part, tensors
from calculators.attention import attended_pairs
from calculators.memory import kv_cache_bytes
from presets import cache_formats, model_from_config
from presets.configs import KINDS, fields_that_matter
from tests.facts import DATA, architecture, config

FULL, SLIDING = "full_attention", "sliding_attention"
BERT = "bert-base-uncased"


def gain(name, **changes):
    return parameters(architecture(name, **changes)) - parameters(architecture(name))


def cache_bytes(model, tokens=1):
    return kv_cache_bytes(model, cache_formats()["BF16"], batch=1, context_tokens=tokens)


def windows(model):
    """The window of each layer."""
    found = {}
    for block, layers in zip(model.blocks, block_layers(model.blocks), strict=True):
        found |= dict.fromkeys(layers, block.attention.window)
    return [found[layer] for layer in range(model.layers)]


# Published totals of the safetensors on the Hugging Face Hub, less the buffers that are named.
@pytest.mark.parametrize(
    ("fields", "total"),
    [
        # Qwen 1: https://huggingface.co/Qwen/Qwen-1_8B, Qwen-7B, Qwen-14B, Qwen-72B
        *(
            (
                {
                    "model_type": "qwen", "hidden_size": hidden, "num_hidden_layers": layers, "kv_channels": 128,
                    "num_attention_heads": hidden // 128, "vocab_size": vocabulary, "intermediate_size": wide,
                    "tie_word_embeddings": False, "no_bias": True,
                },
                total,
            )
            for hidden, layers, vocabulary, wide, total in [
                (2048, 24, 151_936, 11_008, 1_836_828_672), (4096, 32, 151_936, 22_016, 7_721_324_544),
                (5120, 40, 152_064, 27_392, 14_167_290_880), (8192, 80, 152_064, 49_152, 72_287_920_128),
            ]
        ),
        # EXAONE 3.5: https://huggingface.co/LGAI-EXAONE, 2.4B, 7.8B and 32B
        *(
            (
                {
                    "model_type": "exaone", "hidden_size": hidden, "num_layers": layers, "vocab_size": 102_400,
                    "num_attention_heads": heads, "num_key_value_heads": 8, "intermediate_size": wide,
                    "tie_word_embeddings": tied,
                },
                total,
            )
            for hidden, layers, heads, wide, tied, total in [
                (2560, 30, 32, 7168, True, 2_405_327_360), (4096, 32, 32, 14_336, False, 7_818_448_896),
                (5120, 64, 40, 27_392, False, 32_003_200_000),
            ]
        ),
        # https://huggingface.co/BAAI/bge-base-en-v1.5, less 512 numbers of positions: an encoder alone, with a pooler
        (config(BERT, architectures=["BertModel"]), 109_482_752 - 512),
        # https://huggingface.co/bigcode/starcoder2-15b
        (
            config("starcoder2-7b", hidden_size=6144, num_hidden_layers=40, num_attention_heads=48,
                   intermediate_size=24_576, tie_word_embeddings=False), 15_957_889_024,
        ),
        # https://huggingface.co/LGAI-EXAONE/EXAONE-4.0-1.2B
        (
            config("exaone-4.0-32b", hidden_size=2048, num_hidden_layers=30, num_attention_heads=32, head_dim=64,
                   intermediate_size=4096, tie_word_embeddings=True, layer_types=[FULL] * 30, sliding_window=None),
            1_279_391_488,
        ),
        # https://huggingface.co/CohereLabs/c4ai-command-r-plus (norms of each head) and c4ai-command-a-03-2025
        (
            config("aya-23-8b", hidden_size=12_288, num_hidden_layers=64, num_attention_heads=96,
                   intermediate_size=33_792, use_qk_norm=True), 103_810_674_688,
        ),
        (
            config("aya-23-8b", model_type="cohere2", architectures=["Cohere2ForCausalLM"], hidden_size=12_288,
                   num_hidden_layers=64, num_attention_heads=96, intermediate_size=36_864), 111_057_580_032,
        ),
        # https://huggingface.co/tiiuae/falcon-11B, and falcon-180B less the copy of its embedding stored as the head
        (
            config("falcon-40b", hidden_size=4096, num_attention_heads=32, ffn_hidden_size=16_384,
                   num_ln_in_parallel_attn=1, tie_word_embeddings=False), 11_102_822_400,
        ),
        (
            config("falcon-40b", hidden_size=14_848, num_hidden_layers=80, num_attention_heads=232),
            179_522_565_120 - 65_024 * 14_848,
        ),
        # https://huggingface.co/ibm-research/PowerLM-3b: biases in attention and MLP
        (
            config("granite-3.0-8b", hidden_size=2304, num_hidden_layers=40, num_attention_heads=36,
                   num_key_value_heads=36, intermediate_size=9216, vocab_size=49_152, attention_bias=True,
                   mlp_bias=True), 3_512_017_152,
        ),
    ],
)  # fmt: skip
def test_published_models_have_their_published_parameters(fields, total):
    assert parameters(model_from_config(fields, name="published")) == total


@pytest.mark.parametrize(
    ("name", "changes", "gained"),
    [
        # A head of its own holds the vocabulary times the width again.
        ("gpt2", {"tie_word_embeddings": False}, 50257 * 768),
        (BERT, {"tie_word_embeddings": False}, 30522 * 768 + 30522),  # and BERT's bias a second time
        ("gpt-j-6b", {"tie_word_embeddings": True}, -50400 * 4096),
        # Norms of queries and keys, for each head and for all together.
        ("aya-23-8b", {"use_qk_norm": True}, 32 * (32 + 8) * 128),
        ("stablelm-2-1.6b", {"qk_layernorm": True}, 24 * 2 * 2048),
        ("stablelm-2-1.6b", {"use_parallel_residual": True}, -24 * 2 * 2048),
        ("stablelm-2-1.6b", {"use_qkv_bias": False}, -24 * 3 * 2048),
        # Biases.
        ("apertus-8b", {"attention_bias": True}, 32 * (4096 + 1024 + 1024 + 4096)),
        ("glm-4-9b", {"attention_bias": False}, -40 * (4096 + 256 + 256)),
        ("glm-4-32b-0414", {"attention_bias": True}, 61 * (48 + 2 + 2) * 128),
        ("granite-3.0-8b", {"mlp_bias": True}, 40 * (12800 + 12800 + 4096)),
        ("nemotron-4-15b", {"mlp_bias": True}, 32 * (24576 + 6144)),
        ("seed-oss-36b", {"attention_out_bias": True}, 64 * 5120),
        ("starcoder2-7b", {"use_bias": False}, -32 * (4608 + 512 + 512 + 4608 + 18432 + 4608)),
        ("internlm3-8b", {"attention_bias": ..., "mlp_bias": ..., "qkv_bias": True, "bias": True},
         48 * (4096 + 256 + 256 + 4096 + 10240 + 10240 + 4096)),
        ("pythia-12b", {"attention_bias": False}, -36 * 4 * 5120),
        ("pythia-12b", {"use_parallel_residual": False}, 0),
        ("opt-13b", {"enable_bias": False}, -40 * (4 * 5120 + 20480 + 5120)),
        ("falcon-7b", {"bias": True}, 32 * (4544 + 2 * 64 + 4544 + 18176 + 4544)),
        # Keys and values of falcon: one for all heads, one each, or in groups; norms: one, two, or before each half.
        ("falcon-7b", {"multi_query": False}, 32 * 2 * 70 * 64 * 4544),
        ("falcon-7b", {"parallel_attn": False}, 32 * 2 * 4544),
        ("falcon-40b", {"num_ln_in_parallel_attn": 1}, -60 * 2 * 8192),
        ("falcon-40b", {"num_kv_heads": 16}, 60 * 2 * 8 * 64 * 8192),
        ("falcon-40b", {"alibi": True}, 0),
        ("falcon-7b", {"ffn_hidden_size": None}, 0),
        # Norms and positions of OPT.
        ("opt-13b", {"do_layer_norm_before": False}, -2 * 5120),
        ("opt-13b", {"layer_norm_elementwise_affine": False}, -81 * 2 * 5120),
        ("opt-13b", {"max_position_embeddings": 4096}, 2048 * 5120),
        ("opt-13b", {"word_embed_proj_dim": 512}, (512 - 5120) * 50272 + 2 * 512 * 5120),
        # What an activation learns.
        ("apertus-8b", {"hidden_act": "relu2"}, -64),
        ("gpt2", {"n_inner": 1536}, 12 * (1536 - 3072) * (2 * 768 + 1)),
        # Encoders: segments, and the encoder alone with a pooler in place of its head.
        (BERT, {"type_vocab_size": 1}, -768),
        (BERT, {"architectures": ["BertModel"]}, -30522 - 2 * 768),
    ],
)  # fmt: skip
def test_a_field_changes_the_parameters_that_it_names(name, changes, gained):
    assert gain(name, **changes) == gained


def test_embeddings_beside_the_vocabulary_are_counted_as_positions():
    parts = parameters_by_part(architecture(BERT, type_vocab_size=7))
    assert parts["position_embedding"] == (512 + 7) * 768
    assert parts["embedding"] == 30522 * 768


def test_an_encoder_caches_nothing_and_forms_every_pair():
    model = architecture(BERT)
    assert not model.generates
    assert cache_bytes(model, 500) == 0
    assert attended_pairs(model.blocks[0].attention, 500) == 500 * 500
    assert attended_pairs(replace(model.blocks[0].attention, window=128), 500) == 500 * 128


def test_an_embedding_model_of_gemma_3_sees_both_ways_and_caches_nothing():
    changes = {"use_bidirectional_attention": True, "architectures": ["Gemma3TextModel"]}
    model, decoder = architecture("gemma-3-1b", **changes), architecture("gemma-3-1b")
    assert (
        parameters(model)
        == parameters(decoder)
        == parameters(architecture("gemma-3-1b", **changes, tie_word_embeddings=False))
    )
    assert (model.generates, decoder.generates) == (False, True)
    assert cache_bytes(model) == 0


@pytest.mark.parametrize(
    ("name", "changes", "values"),
    [
        ("falcon-7b", {}, 2 * 64 * 32),
        ("falcon-7b", {"multi_query": False}, 2 * 4544 * 32),
        ("falcon-40b", {}, 2 * 8 * 64 * 60),
        ("gpt2", {}, 2 * 768 * 12),
        ("gpt2", {"model_type": "gpt_bigcode", "architectures": ...}, 2 * 64 * 12),
        ("gpt2", {"model_type": "gpt_bigcode", "architectures": ..., "multi_query": False}, 2 * 768 * 12),
        ("llama-3.3-nemotron-super-49b", {}, 2 * 8 * 128 * 49),
    ],
)
def test_a_token_caches_the_keys_and_values_that_its_kind_keeps(name, changes, values):
    assert cache_bytes(architecture(name, **changes)) == 2 * values


@pytest.mark.parametrize(
    ("name", "changes", "sliding"),
    [
        ("gemma-3-1b", {"sliding_window_pattern": ...}, [i for i in range(26) if (i + 1) % 6]),
        ("gemma-3-1b", {"sliding_window_pattern": 2}, list(range(0, 26, 2))),
        ("gemma-3-1b", {"sliding_window_pattern": 1}, []),
        ("gemma-3-1b", {"layer_types": [SLIDING] * 2 + [FULL] * 24}, [0, 1]),
        ("olmo-3-7b", {}, [i for i in range(32) if (i + 1) % 4]),
        ("exaone-4.0-32b", {"layer_types": ..., "sliding_window_pattern": 8}, [i for i in range(64) if (i + 1) % 8]),
        ("exaone-4.0-32b", {"layer_types": ..., "sliding_window_pattern": 4, "sliding_window": None}, []),
        ("exaone-4.0-32b", {"layer_types": ..., "sliding_window_pattern": None}, []),
        ("aya-23-8b", {"model_type": "cohere2", "architectures": ...}, [i for i in range(32) if (i + 1) % 4]),
        ("starcoder2-7b", {}, list(range(32))),
        ("starcoder2-7b", {"sliding_window": None}, []),
        ("devstral-2-123b", {"sliding_window": 1024}, list(range(88))),
        ("granite-3.0-8b", {"sliding_window": 1024}, []),
    ],
)
def test_layers_slide_where_they_do_in_transformers(name, changes, sliding):
    found = windows(architecture(name, **changes))
    assert [layer for layer, window in enumerate(found) if window] == sliding


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("gpt2", {"hidden_size": 1024}, "hidden_size"),
        ("gpt2", {"n_embd": 770}, "n_embd"),
        ("gpt2", {"n_embd": "768"}, "n_embd"),
        ("gpt2", {"n_layer": 0}, "n_layer"),
        ("gpt2", {"num_key_value_heads": 4}, "num_key_value_heads"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt2", {"layer_types": [SLIDING] * 12}, "layer_types"),
        ("gpt2", {"num_experts": 8}, "num_experts"),
        ("gpt2", {"architectures": ["GPT2DoubleHeadsModel"]}, "architectures"),
        ("gpt-j-6b", {"head_dim": 128}, "head_dim"),
        ("pythia-12b", {"num_key_value_heads": 8}, "num_key_value_heads"),
        ("bloom-176b", {"n_embed": 1024}, "hidden_size"),
        ("bloom-176b", {"n_inner": 14336}, "n_inner"),
        ("falcon-7b", {"num_ln_in_parallel_attn": 2}, "num_ln_in_parallel_attn"),
        ("falcon-40b", {"num_ln_in_parallel_attn": 3}, "num_ln_in_parallel_attn"),
        ("falcon-40b", {"parallel_attn": False}, "parallel_attn"),
        ("falcon-40b", {"num_kv_heads": 7}, "num_kv_heads"),
        ("falcon-7b", {"multi_query": False, "num_kv_heads": 8}, "num_kv_heads"),
        ("mpt-7b", {"no_bias": False}, "no_bias"),
        ("mpt-7b", {"expansion_ratio": 2}, "expansion_ratio"),
        ("mpt-7b", {"attn_config": {"alibi": False}}, "attn_config.alibi"),
        ("mpt-7b", {"attn_config": {"qk_ln": True}}, "attn_config.qk_ln"),
        ("mpt-7b", {"attn_config": {"attn_type": "multiquery_attention"}}, "attn_config.attn_type"),
        ("mpt-7b", {"attn_config": {"kv_n_heads": 8}}, "attn_config.kv_n_heads"),
        ("mpt-7b", {"attn_config": []}, "attn_config"),
        ("opt-13b", {"ffn_dim": None}, "ffn_dim"),
        ("gemma-2b", {"use_bidirectional_attention": True}, "use_bidirectional_attention"),
        ("gemma-3-1b", {"sliding_window": None}, "sliding_window"),
        ("gemma-3-1b", {"sliding_window_pattern": 0}, "sliding_window_pattern"),
        ("gemma-3-1b", {"layer_types": [FULL] * 25}, "layer_types"),
        ("exaone-4.0-32b", {"layer_types": ..., "sliding_window_pattern": "LLLG"}, "sliding_window_pattern"),
        ("internlm3-8b", {"attention_bias": True}, "attention_bias"),
        ("internlm3-8b", {"qkv_bias": True}, "attention_bias"),
        ("stablelm-2-1.6b", {"head_dim": 128}, "head_dim"),
        ("starcoder2-7b", {"layer_types": [FULL] * 32}, "layer_types"),
        ("olmo-2-7b", {"layer_types": [SLIDING] * 32}, "layer_types"),
        ("olmo-2-7b", {"num_key_value_heads": 5}, "num_key_value_heads"),
        (BERT, {"is_decoder": True}, "is_decoder"),
        (BERT, {"add_cross_attention": True}, "add_cross_attention"),
        (BERT, {"type_vocab_size": 0}, "type_vocab_size"),
        (BERT, {"architectures": ["BertForSequenceClassification"]}, "architectures"),
        ("llama-3.3-nemotron-super-49b", {"num_hidden_layers": 79}, "block_configs"),
        ("llama-3.3-nemotron-super-49b", {"block_configs": [1] * 80}, "block_configs"),
    ],
)
def test_a_contradiction_is_refused_by_name(name, changes, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} "):
        architecture(name, **changes)


ALBERT = {
    "model_type": "albert", "vocab_size": 30000, "embedding_size": 128, "hidden_size": 768, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 3072,
}  # fmt: skip


def test_layers_that_share_their_weights_are_stored_once_and_used_often():
    one, three = (model_from_config(ALBERT | {"num_hidden_groups": n}, name="ALBERT") for n in (1, 3))
    layer = 4 * 768 * 769 + 3072 * 769 + 768 * 3073 + 4 * 768
    assert parameters(three) - parameters(one) == 2 * layer
    assert active_parameters(one) == parameters(one)
    assert one.layers == three.layers == 12
    assert {row.passes for row in tensors(one) if row.part == "attention"} == {12}
    assert {row.passes for row in tensors(three) if row.part == "attention"} == {4}
    with pytest.raises(ValueError, match=r"config\.json: num_hidden_groups is 5"):
        model_from_config(ALBERT | {"num_hidden_groups": 5}, name="ALBERT")


def test_the_first_layer_of_modernbert_has_one_norm_and_two_of_three_see_a_window():
    fields = {
        "model_type": "modernbert", "vocab_size": 50368, "hidden_size": 768, "num_hidden_layers": 22,
        "num_attention_heads": 12, "intermediate_size": 1152,
    }  # fmt: skip
    model = model_from_config(fields, name="ModernBERT")
    assert parameters_by_part(model)["norms"] == (2 * 22 + 1) * 768
    assert [block.norms for block in model.blocks] == [1, 2, 2]
    near = next(block for block in model.blocks if block.attention.window)
    assert (near.attention.window, near.positions) == (128, tuple(i for i in range(22) if i % 3))


def puzzle(*layers):
    """A Nemotron-NAS config of 256 wide layers, each (attention, ffn)."""
    return {
        "model_type": "nemotron-nas", "hidden_size": 256, "num_hidden_layers": len(layers), "num_attention_heads": 8,
        "vocab_size": 1000, "tie_word_embeddings": False,
        "block_configs": [{"attention": attention, "ffn": ffn} for attention, ffn in layers],
    }  # fmt: skip


PLAIN = {"n_heads_in_group": 4}, {"ffn_mult": 1.5}


@pytest.mark.parametrize(
    ("layer", "values"),
    [
        (PLAIN, 2 * 256 * 256 + 2 * 64 * 256 + 3 * 256 * 256 + 2 * 256),
        (({"no_op": True}, PLAIN[1]), 3 * 256 * 256 + 256),
        ((PLAIN[0], {"no_op": True}), 2 * 256 * 256 + 2 * 64 * 256 + 256),
        (({"no_op": True}, {"no_op": True}), 0),
        (({"replace_with_linear": True}, {"replace_with_linear": True}), 2 * 256 * 256 + 2 * 256),
        ((PLAIN[0], {"ffn_mult": 1.51}), 2 * 256 * 256 + 2 * 64 * 256 + 3 * 512 * 256 + 2 * 256),
        (({"n_heads_in_group": 1}, PLAIN[1]), 4 * 256 * 256 + 3 * 256 * 256 + 2 * 256),
    ],
)
def test_a_layer_that_was_searched_for_has_what_its_own_config_says(layer, values):
    model = model_from_config(puzzle(PLAIN, layer), name="searched")
    rest = model_from_config(puzzle(PLAIN), name="searched")
    assert parameters(model) - parameters(rest) == values
    assert model.layers == 2


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        (({"n_heads_in_group": 3}, PLAIN[1]), r"block_configs\[1\].attention.n_heads_in_group"),
        (({}, PLAIN[1]), r"block_configs\[1\].attention.n_heads_in_group"),
        ((PLAIN[0] | {"window_length": 8192}, PLAIN[1]), r"block_configs\[1\].attention.window_length"),
        ((PLAIN[0] | {"num_sink_tokens": 4}, PLAIN[1]), r"block_configs\[1\].attention.num_sink_tokens"),
        ((PLAIN[0], {}), r"block_configs\[1\].ffn.ffn_mult"),
        ((PLAIN[0], {"ffn_mult": "2"}), r"block_configs\[1\].ffn.ffn_mult"),
        ((PLAIN[0], {"ffn_mult": float("nan")}), r"block_configs\[1\].ffn.ffn_mult"),
        ((PLAIN[0], PLAIN[1] | {"moe": {"num_local_experts": 8}}), r"block_configs\[1\].ffn.moe"),
        ((None, PLAIN[1]), r"block_configs\[1\].attention"),
    ],
)
def test_a_layer_that_is_not_understood_is_refused_by_name(layer, field):
    with pytest.raises(ValueError, match=rf"config\.json: {field} is "):
        model_from_config(puzzle(PLAIN, layer), name="searched")


def test_layers_without_attention_of_a_searched_model_wait_for_no_other_device():
    model = model_from_config(puzzle(PLAIN, ({"no_op": True}, PLAIN[1])), name="searched")
    assert [block.reductions for block in model.blocks] == [2, 1]


def test_the_fields_that_matter_describe_the_same_model():
    for name in ("gpt2", "mpt-7b", "falcon-40b", BERT, "llama-3.3-nemotron-super-49b", "opt-66b"):
        fields = config(name, unused={"deep": [1, 2]})
        kept = fields_that_matter(fields)
        assert "unused" not in kept
        assert model_from_config(kept, name=name) == model_from_config(fields, name=name)


def test_each_type_of_the_reference_that_is_dense_is_read():
    types = {json.loads(path.read_text(encoding="utf-8"))["model_type"] for path in (DATA / "configs").glob("*.json")}
    dense = {
        "apertus", "bert", "bloom", "cohere", "exaone4", "falcon", "gemma", "gemma3_text", "glm", "glm4", "gpt2",
        "gpt_neox", "gptj", "granite", "internlm3", "ministral3", "mpt", "nemotron", "nemotron-nas", "olmo2", "olmo3",
        "opt", "seed_oss", "stablelm", "starcoder2",
    }  # fmt: skip
    assert dense <= types & set(KINDS)
