"""Imports: a file from outside gives the model that it holds, or a sentence; never a wrong number, never a crash."""

import hashlib
import json
import struct
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest
from gguf.constants import GGUFValueType
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators.architecture import (
    Architecture,
    active_parameters,
    all_tensors,
    buffer_values,
    mtp_parameters,
    parameters,
    parameters_by_part,
)
from calculators.attention import GroupedQueryAttention, LatentAttention
from calculators.formats import Format
from calculators.memory import kv_cache_bytes, weight_bytes, working_values
from pages.ui.links.fields import FIELDS, Inputs
from pages.ui.links.query import from_query, to_query
from presets.catalog import formats, models, resized, sizes_of
from presets.configs import KINDS, model_from_config
from presets.importing import AS_STORED, MARK, from_config, from_header, from_link
from presets.importing.carried import MOST_CHARACTERS, WORDS, fields_of, written
from presets.importing.checked import checked
from presets.importing.gguf_header import read_gguf
from presets.importing.header import group, numbers, ranges
from presets.importing.ledger import head_widths, needs_chosen, unmatched
from presets.importing.safetensors_header import read_index, read_safetensors
from presets.importing.text import read_json, read_object, safe_name
from tests.facts import COUNTS, config
from tests.files import GGUF_NAMES, TYPES, gguf_facts, gguf_file, gguf_of, gguf_tensors, hf_tensors, safetensors_file

BF16 = Format(name="BF16", bits=16)


def is_plain(model: Architecture) -> bool:
    """Whether a header can tell the model: one kind of attention that caches keys and values, no tower beside it."""
    sizes = {
        (a.heads, a.kv_heads, a.head_dim, a.chunked) if isinstance(a, GroupedQueryAttention) else a
        for a in (block.attention for block in model.blocks)
    }
    words = {row.name.removesuffix(".bias") for row in all_tensors(model)}
    return (
        not model.towers
        and len(sizes) == 1
        and isinstance(model.blocks[0].attention, GroupedQueryAttention | LatentAttention)
        and words <= set(GGUF_NAMES)
    )


PLAIN = [name for name, model in models().items() if is_plain(model)]
STATEFUL = [name for name, model in models().items() if any(sum(b.attention.state_values) for b in model.blocks)]
SMALL = [name for name in PLAIN if models()[name].layers * max(b.mlp.experts for b in models()[name].blocks) < 8000]
READABLE = [name for name, row in COUNTS.items() if row["model_type"] in KINDS]


def counts(model: Architecture):
    """What must survive every way in."""
    return (
        parameters_by_part(model), active_parameters(model), buffer_values(model), model.vocabulary, model.max_context,
        model.tied_embeddings, working_values(model),
    )  # fmt: skip


def cache(model: Architecture, tokens: int = 100_000) -> float:
    return kv_cache_bytes(model, BF16, batch=1, context_tokens=tokens)


def from_gguf(data: bytes, *more: bytes):
    return from_header(read_gguf([data, *more], name="file"))


def from_tensors(tensors, **facts: int):
    header = read_safetensors([safetensors_file(tensors)], name="file")
    return from_header(replace(header, facts=facts))


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"a": 1, "a": 2}', "“a” stands twice in one object"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1e999}', "“1e999” is too large"),
        ('{"a": ' + "9" * 5000 + "}", "a number has 5,000 digits; at most 25 were expected"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ("[" * 40 + "]" * 40, "nested deeper than 32 levels"),
        ('{"a": 1', "no JSON at line 1, column 8"),
        ("", "no JSON at line 1, column 1"),
        (b"\xff\xfe{}", "byte 0 is no UTF-8"),
        ("[1]", "is a list; an object of fields was expected"),
        ("null", "is null; an object of fields was expected"),
        (b" " * (1 << 20) + b"{}", "1,048,578 bytes; at most 1,048,576 are read"),
    ],
)
def test_a_json_that_cannot_be_used_is_refused_in_a_sentence(data, said):
    with pytest.raises(ValueError, match=r"^config\.json: ") as error:
        read_object(data, what="config.json")
    assert said in str(error.value)
    assert len(str(error.value)) < 250


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_json_or_refused(data):
    try:
        read_json(data, what="config.json")
    except ValueError as error:
        assert str(error).startswith("config.json: ")


@given(st.text(max_size=300))
def test_a_name_from_outside_has_no_markup_and_fits_a_link(text):
    name = safe_name(text)
    assert name == safe_name(name)
    assert 0 < len(name) <= 40
    assert not set(name) & set("<>`$[]*_\\|~#:@!&\u202e\n\"'")
    assert "www." not in name.lower()
    assert len(to_query(Inputs(model=name))) - len(to_query(Inputs(model=""))) <= 120


# --- GGUF -------------------------------------------------------------------------------------------------------------


def test_most_presets_are_tried():
    assert len(PLAIN) >= 60
    assert len(STATEFUL) >= 5


@pytest.mark.parametrize("name", STATEFUL)
def test_a_header_with_layers_that_keep_a_state_or_cross_attend_is_refused(name):
    tensors = hf_tensors(models()[name])
    with pytest.raises(ValueError, match=r"not understood|config\.json|no embedding"):
        from_tensors(tensors, context=1, chosen=1, head_dim=64)


@pytest.mark.parametrize("name", PLAIN)
def test_a_gguf_header_gives_the_model_that_it_was_written_from(name):
    model = models()[name]
    found = from_gguf(gguf_of(model))
    assert counts(found.architecture) == counts(model)
    assert cache(found.architecture) == cache(model)
    assert found.architecture.name == "A model (imported)"
    assert from_link(found.carried).architecture == found.architecture


@pytest.mark.parametrize("name", ["Llama 3.1 70B", "Phi-4 14B", "DeepSeek-V2-Lite 16B", "Mixtral 8x7B", "Gemma 2 9B"])
def test_a_model_from_a_header_takes_the_same_bytes_in_every_format(name):
    arch = {"Phi-4 14B": "phi3", "DeepSeek-V2-Lite 16B": "deepseek2", "Gemma 2 9B": "gemma2"}.get(name, "llama")
    model = models()[name]
    found = from_gguf(gguf_of(model, arch=arch)).architecture
    assert found.model_type == model.model_type
    for fmt in formats().values():
        assert weight_bytes(found, fmt) == weight_bytes(model, fmt), fmt.name


def test_each_tensor_of_a_gguf_file_takes_the_bytes_of_its_own_type():
    model = models()["Llama 3.1 8B"]
    tensors = gguf_tensors(model, {"q_proj": TYPES.Q4_K, "lm_head": TYPES.Q6_K, "down_proj": TYPES.Q4_K})
    for layer in (0, 5, 31):
        name = f"blk.{layer}.ffn_down.weight"
        tensors[name] = (tensors[name][0], TYPES.Q6_K)
    found = from_gguf(gguf_file(tensors, gguf_facts(model))).architecture
    plain = sum(row.values * row.copies * (2 if len(row.shape) == 2 else 4) for row in found.stored)
    query, down, head = 4096 * 4096, 4096 * 14_336, 128_256 * 4096
    expected = plain - 2 * (32 * query + 32 * down + head)
    expected += (32 * query + 29 * down) * 144 // 256 + (3 * down + head) * 210 // 256
    assert weight_bytes(found, AS_STORED) == expected
    rows = {row.file_bytes: row for row in found.stored if row.name == "down_proj"}
    assert [row.layers for row in rows.values()] == [
        (0, 5, 31),
        tuple(i for i in range(32) if i not in (0, 5, 31)),
    ] or [row.layers for row in rows.values()] == [tuple(i for i in range(32) if i not in (0, 5, 31)), (0, 5, 31)]
    assert weight_bytes(found, BF16) == 2 * parameters(model)


def test_only_the_header_of_a_gguf_file_is_read_and_a_header_cut_short_is_refused():
    data = gguf_of(models()["SmolLM2 135M"])
    whole = from_gguf(data).architecture
    assert from_gguf(data + b"\xff" * 10_000).architecture == whole
    for size in range(4, len(data) - 40, len(data) // 37):
        with pytest.raises(ValueError, match=r"the header is not complete in these [\d,]+ bytes; .*head -c 32M"):
            from_gguf(data[:size])


def test_a_vocabulary_of_300000_words_is_skipped():
    model = models()["SmolLM2 135M"]
    data = gguf_file(gguf_tensors(model), gguf_facts(model), words=300_000)
    assert counts(from_gguf(data).architecture) == counts(model)


def test_a_gguf_model_in_several_files_needs_all_of_them():
    model = models()["SmolLM2 135M"]
    tensors = gguf_tensors(model)
    names = list(tensors)
    general = {"split.count": 2}
    first = gguf_file(
        {name: tensors[name] for name in names[:100]}, gguf_facts(model), general=general | {"split.no": 0}
    )
    second = gguf_file({name: tensors[name] for name in names[100:]}, {}, general=general | {"split.no": 1})
    assert counts(from_gguf(second, first).architecture) == counts(model)
    for parts in ([first], [second], [first, first]):
        with pytest.raises(ValueError, match="the model is in 2 files"):
            from_gguf(*parts)


def windows_of(arch: str, **facts):
    model = models()["SmolLM2 135M"]
    given = {f"attention.{key}": value for key, value in facts.items()}
    found = from_gguf(gguf_file(gguf_tensors(model), gguf_facts(model) | given, arch=arch)).architecture
    return [
        window
        for layer in range(30)
        for block, at in zip(found.blocks, [b.positions or None for b in found.blocks], strict=True)
        for window in [block.attention.window]
        if (layer in at if at else len(found.blocks) == 1)
    ]


def test_layers_slide_by_the_file_or_as_llama_cpp_has_it_for_the_architecture():
    assert windows_of("gemma2", sliding_window=512) == [512, None] * 15
    assert windows_of("gpt-oss", sliding_window=128) == [128, None] * 15
    assert windows_of("gemma3", sliding_window=512) == [*[512] * 5, None] * 5
    assert windows_of("phi3", sliding_window=512) == [None] * 30
    assert windows_of("other", sliding_window=64, sliding_window_pattern=[True, False, False] * 10) == [
        64, None, None,
    ] * 10  # fmt: skip
    assert windows_of("other", sliding_window=0) == [None] * 30
    with pytest.raises(ValueError, match="which layers slide is not in the file; it is known of gemma2"):
        windows_of("other", sliding_window=512)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"attention.head_count": 6}, "q_proj of layer 0 has 576 rows, but 6 heads over 3 of width 64 make 384"),
        ({"attention.head_count_kv": 9}, "k_proj of layer 0 has 192 rows, but 9 heads over 9 of width 64 make 576"),
        ({"attention.head_count_kv": 2}, "kv_heads is 2 in layer 0; it must divide the heads, 9"),
        ({"block_count": 12}, "blocks is 12, but the tensors have 30 layers"),
        ({"vocab_size": 1000}, "vocabulary is 1,000 tokens, but the embedding has 49,152 rows"),
        ({"context_length": 0}, "context is missing; a whole number of 1 or more was expected"),
        ({"ssm.conv_kernel": 4}, "“llama.ssm.conv_kernel”: layers that keep a state instead of a cache"),
        ({"attention.head_count": [9] * 12}, "heads lists 12 layers; layer 12 is missing"),
    ],
)
def test_metadata_that_contradict_the_tensors_or_are_not_understood_are_refused(facts, said):
    model = models()["SmolLM2 135M"]
    with pytest.raises(ValueError, match=said):
        from_gguf(gguf_file(gguf_tensors(model), gguf_facts(model) | facts))


def test_layers_that_keep_a_state_or_cross_attend_are_refused_by_their_tensors():
    model = models()["SmolLM2 135M"]
    for name in ("blk.3.ssm_conv1d.weight", "blk.3.cross_attn_q.weight", "blk.3.time_mix_w1.weight"):
        with pytest.raises(ValueError, match="not understood from a header"):
            from_gguf(gguf_file(gguf_tensors(model) | {name: ((64, 576), TYPES.F32)}, gguf_facts(model)))


def test_an_expansion_of_latent_attention_kept_as_two_tensors_is_the_same_attention():
    model = models()["DeepSeek-V2-Lite 16B"]
    attention = model.blocks[0].attention
    assert isinstance(attention, LatentAttention)
    tensors = {}
    for name, (shape, kind) in gguf_tensors(model).items():
        if "attn_kv_b" in name:
            heads, rank = attention.heads, attention.kv_lora_rank
            tensors[name.replace("kv_b", "k_b")] = ((heads, rank, attention.qk_nope_head_dim), kind)
            tensors[name.replace("kv_b", "v_b")] = ((heads, attention.v_head_dim, rank), kind)
        else:
            tensors[name] = (shape, kind)
    found = from_gguf(gguf_file(tensors, gguf_facts(model), arch="deepseek2")).architecture
    assert counts(found) == counts(model)
    assert found.blocks[0].attention == attention


def test_layers_that_predict_further_tokens_are_told_apart():
    model = models()["SmolLM2 135M"]
    tensors = gguf_tensors(model)
    tensors |= {
        name.replace("blk.0.", "blk.30."): value for name, value in tensors.items() if name.startswith("blk.0.")
    }
    tensors |= {
        "blk.30.nextn.eh_proj.weight": ((576, 1152), TYPES.F16), "blk.30.nextn.enorm.weight": ((576,), TYPES.F32),
        "blk.30.nextn.embed_tokens.weight": ((49_152, 576), TYPES.F16),
    }  # fmt: skip
    facts = gguf_facts(model) | {"block_count": 31, "nextn_predict_layers": 1}
    found = from_gguf(gguf_file(tensors, facts)).architecture
    assert counts(found) == counts(model)
    layer = 2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576 + 2 * 576
    assert mtp_parameters(found) == layer + 576 * 1152 + 576


def test_frequencies_in_a_file_are_no_parameters():
    model = models()["SmolLM2 135M"]
    found = from_gguf(gguf_file(gguf_tensors(model) | {"rope_freqs.weight": ((32,), TYPES.F32)}, gguf_facts(model)))
    assert parameters(found.architecture) == parameters(model)


CHECKED = {
    "Llama 3.1 8B": "llama", "Mixtral 8x7B": "llama", "Qwen2.5 7B": "qwen2", "Qwen3 8B": "qwen3",
    "Qwen3 30B-A3B": "qwen3moe", "Gemma 2 9B": "gemma2", "gpt-oss 20B": "gpt-oss", "DeepSeek-V2-Lite 16B": "deepseek2",
    "DeepSeek-V3 671B": "deepseek2",
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKED)
def test_a_known_architecture_is_compared_with_its_config_and_the_presets(name):
    model = models()[name]
    said = checked(from_gguf(gguf_of(model)).architecture, CHECKED[name])
    assert len(said) == 2
    assert said[0].endswith("with these sizes has the same parameters, part by part.")
    assert said[1].startswith("The preset ")
    tensors = gguf_tensors(model) | {"blk.0.attn_norm_2.weight": ((model.hidden,), TYPES.F32)}
    other = checked(from_gguf(gguf_file(tensors, gguf_facts(model))).architecture, CHECKED[name])
    assert "with these sizes differs: norms" in other[0]


@given(st.binary(max_size=300))
def test_any_bytes_after_a_gguf_magic_are_a_model_or_refused(data):
    for start in (b"", b"GGUF\x03\0\0\0", b"GGUF\x03\0\0\0" + struct.pack("<QQ", 1, 1)):
        with pytest.raises(ValueError, match="GGUF"):
            from_gguf(start + data)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_gguf_header_with_a_wrong_byte_is_read_or_refused(at, byte):
    data = bytearray(WRITTEN)
    data[at % len(data)] = byte
    try:
        from_gguf(bytes(data))
    except ValueError as error:
        assert len(str(error)) > 15


WRITTEN = gguf_of(replace(models()["SmolLM2 135M"], blocks=(replace(models()["SmolLM2 135M"].blocks[0], count=2),)))


# --- safetensors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_a_safetensors_header_gives_the_model_once_what_it_does_not_say_is_chosen(name):
    model = models()[name]
    header = read_safetensors([safetensors_file(hf_tensors(model))], name="file")
    facts = {"context": model.max_context}
    widths = head_widths(header)
    if widths:
        facts["head_dim"] = model.blocks[0].attention.head_dim
        assert facts["head_dim"] in widths
        with pytest.raises(ValueError, match=r"choose the width of a head, or add the config\.json"):
            from_header(replace(header, facts={"context": 1}))
    if needs_chosen(header):
        facts["chosen"] = model.blocks[-1].mlp.chosen
        with pytest.raises(ValueError, match="chosen is missing"):
            from_header(replace(header, facts={name: facts[name] for name in facts if name != "chosen"}))
    found = from_header(replace(header, facts=facts))
    assert counts(found.architecture) == counts(model)
    assert cache(found.architecture, 10) == cache(model, 10)
    assert weight_bytes(found.architecture, AS_STORED) == 2 * parameters(model)
    assert unmatched(header) == ()
    assert from_link(found.carried).architecture == found.architecture


def test_beside_its_config_a_header_says_the_same_and_no_question_is_left():
    for name in ("llama-3.2-3b", "qwen3-30b-a3b", "gemma-2-9b"):
        model = model_from_config(config(name), name=name)
        header = read_safetensors([safetensors_file(hf_tensors(model))], name="file")
        found = from_header(header, config=config(name))
        assert counts(found.architecture) == counts(model)
        assert cache(found.architecture) == cache(model)
        assert found.notes[-1] == "The config.json gives the same parameters, part by part."
        assert from_link(found.carried).architecture == found.architecture
        fewer = from_header(header, config=config(name, num_key_value_heads=1))
        assert "They differ in attention: " in fewer.notes[-1]
        with pytest.raises(ValueError, match=r"layers reach [0-9]+, but the config\.json has 2"):
            from_header(header, config=config(name, num_hidden_layers=2, layer_types=...))
    with pytest.raises(ValueError, match="vocabulary is 1,000 tokens, but the embedding has"):
        from_header(header, config=config(name, vocab_size=1000))


def test_headers_of_some_of_the_files_are_refused():
    tensors = {name: entry for name, entry in hf_tensors(models()["SmolLM2 135M"]).items() if ".layers.7." not in name}
    with pytest.raises(ValueError, match="30 are counted, and layer 7 has no tensor; are all files here"):
        from_tensors(tensors, context=1, head_dim=64)


def test_a_head_stored_beside_its_tied_embedding_counts_once():
    model = model_from_config(config("llama-3.2-3b"), name="x")
    tensors = hf_tensors(model) | {"lm_head.weight": ("BF16", [model.vocabulary, model.hidden])}
    header = read_safetensors([safetensors_file(tensors)], name="file")
    assert parameters(from_header(header, config=config("llama-3.2-3b")).architecture) == parameters(model)


LAYER = "model.layers.0.self_attn.q_proj"
STORED = {
    "FP8": ({f"{LAYER}.weight": ("F8_E4M3", [512, 256]), f"{LAYER}.weight_scale_inv": ("F32", [4, 2])}, 512 * 256 + 32),
    "INT8": ({f"{LAYER}.weight": ("I8", [512, 256]), f"{LAYER}.weight_scale": ("F32", [512, 1])}, 512 * 256 + 2048),
    "GPTQ": (
        {f"{LAYER}.qweight": ("I32", [32, 512]), f"{LAYER}.qzeros": ("I32", [2, 64]),
         f"{LAYER}.scales": ("F16", [2, 512]), f"{LAYER}.g_idx": ("I32", [256])},
        512 * 128 + 2 * 64 * 4 + 2 * 512 * 2 + 1024,
    ),
    "GPTQ of 8 bits": (
        {f"{LAYER}.qweight": ("I32", [64, 512]), f"{LAYER}.qzeros": ("I32", [2, 128]),
         f"{LAYER}.scales": ("F16", [2, 512])},
        512 * 256 + 2 * 128 * 4 + 2 * 512 * 2,
    ),
    "AWQ": (
        {f"{LAYER}.qweight": ("I32", [256, 64]), f"{LAYER}.qzeros": ("I32", [2, 64]),
         f"{LAYER}.scales": ("F16", [2, 512])},
        512 * 128 + 2 * 64 * 4 + 2 * 512 * 2,
    ),
    "NVFP4": (
        {f"{LAYER}.weight": ("U8", [512, 128]), f"{LAYER}.weight_scale": ("F8_E4M3", [512, 16]),
         f"{LAYER}.weight_scale_2": ("F32", []), f"{LAYER}.input_scale": ("F32", [])},
        512 * 128 + 512 * 16 + 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STORED)
def test_a_quantized_matrix_has_the_shape_of_its_values_and_the_bytes_of_all_it_is_stored_with(kind):
    tensors, size = STORED[kind]
    (row,) = read_safetensors([safetensors_file(tensors)], name="file").tensors
    assert (row.name, row.shape, row.bytes) == ("model.layers.*.self_attn.q_proj.weight", (512, 256), size)


def test_experts_stacked_in_blocks_of_mxfp4_have_the_shape_of_their_values():
    name = "model.layers.3.mlp.experts.gate_up_proj"
    tensors = {f"{name}_blocks": ("U8", [32, 64, 4, 16]), f"{name}_scales": ("U8", [32, 64, 4])}
    (row,) = read_safetensors([safetensors_file(tensors)], name="file").tensors
    assert (row.name, row.shape, row.bytes, row.layers) == (
        "model.layers.*.mlp.experts.gate_up_proj", (32, 64, 128), 32 * 64 * 4 * 17, (3,),
    )  # fmt: skip


def test_a_packing_that_the_header_does_not_explain_is_refused():
    for tensors in (
        {f"{LAYER}.weight": ("U8", [65_536, 1]), f"{LAYER}.weight.absmax": ("F32", [2048])},
        {f"{LAYER}.weight_packed": ("I32", [512, 32]), f"{LAYER}.weight_scale": ("BF16", [512, 2])},
    ):
        with pytest.raises(
            ValueError, match=r"packed in a way that the header does not explain; import .*config\.json"
        ):
            read_safetensors([safetensors_file(tensors)], name="file")


def test_a_tower_is_stored_but_no_token_of_text_meets_it():
    model = models()["SmolLM2 135M"]
    tower = {f"model.vision_tower.blocks.{i}.attn.q_proj.weight": ("BF16", [64, 64]) for i in range(4)}
    facts = {"context": 1, "head_dim": 64}
    found = from_tensors(hf_tensors(model) | tower, **facts).architecture
    assert parameters_by_part(found)["vision"] == 4 * 64 * 64
    assert active_parameters(found) == active_parameters(model)
    assert cache(found) == cache(model)


def test_a_tensor_that_no_rule_names_counts_by_a_stated_rule_and_is_listed():
    extra = {"model.layers.1.odd.thing": ("BF16", [8, 8]), "model.layers.1.odd.bit": ("BF16", [8])}
    header = read_safetensors([safetensors_file(hf_tensors(models()["SmolLM2 135M"]) | extra)], name="file")
    found = from_header(replace(header, facts={"context": 1, "head_dim": 64}))
    before, after = parameters_by_part(models()["SmolLM2 135M"]), parameters_by_part(found.architecture)
    assert (after["mlp"] - before["mlp"], after["norms"] - before["norms"]) == (64, 8)
    assert set(found.ignored) == {"model.layers.*.odd.thing", "model.layers.*.odd.bit"}
    assert found.notes[-1] == "No rule names these: matrices are counted as MLP, vectors as norms."


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes; the first 8 hold the header's length"),
        (b"\x89PNG\r\n\x1a\n", "is it a .safetensors file"),
        (struct.pack("<Q", 100) + b"{}", "the header takes 108 bytes, and 10 are there"),
        (struct.pack("<Q", 2) + b"[]", "safetensors header: is a list"),
        (struct.pack("<Q", 2) + b"{}", "lists no tensors"),
        (safetensors_file({})[:8] + b"x" * 200, "no JSON at line 1"),
    ],
)
def test_what_is_no_safetensors_file_is_refused_in_a_sentence(data, said):
    with pytest.raises(ValueError, match=said):
        read_safetensors([data], name="file")


@pytest.mark.parametrize(
    "entry",
    [
        1, {}, {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, {"dtype": "Q9", "shape": [2]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}, {"dtype": "F32", "shape": [2], "data_offsets": [8]},
    ],
)  # fmt: skip
def test_a_tensor_that_is_none_is_refused_by_name(entry):
    text = json.dumps({"a.weight": entry}).encode()
    with pytest.raises(ValueError, match=r"“a\.weight”"):
        read_safetensors([struct.pack("<Q", len(text)) + text], name="file")


def test_an_index_says_how_much_there_is_but_no_shapes():
    text = {
        "metadata": {"total_size": 16.0},
        "weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"},
    }
    index = read_index(json.dumps(text).encode())
    assert (index.tensors, index.files, index.total_size, index.total_parameters) == (
        3, ("1.safetensors", "2.safetensors"), 16, None,
    )  # fmt: skip
    with pytest.raises(ValueError, match="weight_map is missing"):
        read_index(b'{"model_type": "llama"}')


# --- names and numbers ------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 500)))
def test_layers_come_back_from_their_ranges(layers):
    ordered = tuple(sorted(layers))
    assert numbers(ranges(ordered)) == ordered


@pytest.mark.parametrize("text", ["3-1", "1,1", "5,2", "0-99999", "a", "1-", "0-9:0", "-1", "1,,2", "\uff11"])
def test_ranges_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="layers"):
        numbers(text)


def test_a_tensor_listed_twice_is_refused():
    with pytest.raises(ValueError, match="listed twice"):
        group([("a", (1,), "F32", 4), ("a", (1,), "F32", 4)], what="GGUF")


# --- links ------------------------------------------------------------------------------------------------------------


ADDRESSES = ("", *sorted({page for field in FIELDS.values() for page in field.pages}))


def longest_query(carried: str, name: str, settings: str = "") -> str:
    """The longest link to any page: the longest value of every field, but for the settings of the page `settings`."""
    values = {
        field: max(FIELDS[field].options, key=lambda option: len(to_query(Inputs(**{field: option}))))
        for field in FIELDS
        if field not in ("model", "own") and not isinstance(FIELDS[field].default, type(None))
        if FIELDS[field].pages != (settings,)
    }
    inputs = Inputs(**values, model=name, own=carried)
    return max((to_query(inputs, page) for page in ADDRESSES), key=len)


@pytest.mark.parametrize("name", READABLE)
def test_a_config_comes_back_from_a_link_of_less_than_1500_characters(name):
    given = {field: value for field, value in config(name).items() if not field.startswith("_")}
    brought = from_config(given, name=name)
    assert from_link(brought.carried).architecture == brought.architecture
    assert replace(brought.architecture, name=name, source="config.json") == model_from_config(given, name=name)
    link = longest_query(brought.carried, brought.name, "recommend")
    assert len(link) < 1500
    inputs, problems = from_query(link)
    assert (inputs.own, inputs.model, problems) == (brought.carried, brought.name, ())


@pytest.mark.parametrize("name", READABLE)
def test_a_models_own_sizes_give_the_model_back_and_each_other_size_changes_it(name):
    brought = from_config({key: value for key, value in config(name).items() if not key.startswith("_")}, name=name)
    own = sizes_of(brought.architecture, brought.config)
    assert resized(brought.architecture, brought.config, **own).blocks == brought.architecture.blocks
    for size, value in own.items():
        try:
            changed = resized(brought.architecture, brought.config, **{size: value // 2 or 2})
        except ValueError:
            continue  # a size that the others do not allow
        assert (changed.hidden, changed.blocks) != (brought.architecture.hidden, brought.architecture.blocks), size


def test_the_largest_ledgers_fit_a_link():
    for name in ("DeepSeek-V3 671B", "gpt-oss 120B", "Kimi K2 1T", "Llama 3.1 405B"):
        model, kinds = models()[name], [TYPES.Q4_K, TYPES.Q6_K, TYPES.Q5_K]
        tensors = gguf_tensors(model, dict.fromkeys(("q_proj", "o_proj", "kv_b_proj"), TYPES.Q8_0))
        for layer in range(model.layers):  # a mix as llama.cpp stores it: some layers finer than others
            finer = layer < model.layers // 8 or layer >= 7 * model.layers // 8 or (layer - model.layers // 8) % 3 == 2
            for part in ("ffn_down", "ffn_down_exps", "ffn_down_shexp", "attn_v"):
                key = f"blk.{layer}.{part}.weight"
                if key in tensors and tensors[key][0][-1] % 256 == 0:
                    tensors[key] = (tensors[key][0], kinds[finer])
        brought = from_gguf(gguf_file(tensors, gguf_facts(model)))
        assert len(longest_query(brought.carried, brought.name, "recommend")) < 1500
        assert from_link(brought.carried).architecture == brought.architecture


def test_a_config_of_more_layers_than_any_model_is_refused():
    with pytest.raises(ValueError, match="1,001 layers; at most 1,000 are imported"):
        from_config(config("llama-3.2-3b", num_hidden_layers=1001), name="x")


def test_no_link_is_longer_than_1500_characters_but_on_recommend_with_its_many_settings_and_the_longest_name():
    carried = "x" * MOST_CHARACTERS
    assert len(longest_query(carried, "Mine" + MARK, "recommend")) < 1500
    name = safe_name("丐" * 40) + MARK
    assert len(longest_query(carried, name, "recommend")) < 1550
    assert len(longest_query(carried, name)) < 1750


def test_the_words_that_links_are_deflated_with_stay_as_they_are():
    assert hashlib.sha256(WORDS).hexdigest()[:16] == "09089652e5731605"


def packed(text: bytes) -> str:
    deflate = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, WORDS)
    return "1" + urlsafe_b64encode(deflate.compress(text) + deflate.flush()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("carried", "said"),
    [
        ("2abc", "no imported model of version 1"),
        ("1", "no imported model of version 1|damaged"),
        ("1a b", "no imported model of version 1"),
        ("1" + "A" * 5000, "5,001 characters; an imported model takes at most"),
        ("1AAAA", "damaged"),
        (packed(b" " * 60_000_000), "unpacks to more than|characters"),
        (packed(b" " * 400_000), "unpacks to more than 65,536 bytes"),
        (packed(b"[]"), "is a list; an object"),
        (packed(b"{}"), "neither a config nor tensors"),
        (packed(b'{"c":{"model_type":"none"}}'), "model_type"),
        (packed(b'{"c":{"model_type":"<b>[x](y) $1$ `z`"}}'), "model_type"),
        (packed(b'{"c":1}'), "c is no config"),
        (packed(b'{"x":1}'), "is no part of one"),
        (packed(b'{"k":"GGUF","f":{},"t":[]}'), "t is no list of tensors"),
        (packed(b'{"k":"GGUF","f":{"zz":1},"t":[]}'), "kind or its facts"),
        (packed(b'{"k":"GGUF","f":{},"t":[["a",[1],[1,"0-99"]]]}'), "no embedding of tokens"),
        (packed(b'{"k":"GGUF","f":{},"t":[["a",[0],[1,""]]]}'), "no whole number"),
        (packed(b'{"k":"GGUF","f":{},"t":[["a",[2147483647,2147483647],[1,""]]]}'), "has more than"),
        (
            packed(b'{"k":"GGUF","f":{},"t":[' + b",".join([b'["a",[1],[1,"0-999"]]'] * 2000) + b"]}"),
            "more layers than any published model",
        ),
        (packed(b'{"k":"GGUF","f":{},"t":[["a",[1],[1,"0-9999"]]]}'), "not ascending below 1,000"),
    ],
)
def test_a_carried_text_that_is_no_model_is_refused_in_a_sentence(carried, said):
    with pytest.raises(ValueError, match=said):
        from_link(carried)
    inputs, problems = from_query(f"own={carried}&batch=8")
    assert (inputs.own, inputs.batch) == ("", 8)
    assert problems[0].startswith("own cannot be ")
    assert not set(problems[0]) & set("<>`$[]*\\|~")
    assert len(problems[0]) < 250


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: "1" + urlsafe_b64encode(raw).decode()))
def test_any_carried_text_is_a_model_or_refused(text):
    try:
        from_link(text)
    except ValueError as error:
        assert str(error)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**33)
    | st.text(max_size=8)
    | st.sampled_from(["0-3", "GGUF", "llama"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("nckft"), inner, max_size=3),
    max_leaves=12,
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(
            ["token_embd.weight", "output.weight", *(f"blk.*.{name}.weight" for name in (
                "attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv", "attn_sinks", "attn_q_norm", "attn_kv_a_mqa",
                "attn_kv_a_norm", "attn_kv_b", "attn_k_b", "attn_v_b", "ffn_up", "ffn_down", "ffn_down_exps",
            ))]
        ),
        st.lists(st.sampled_from([1, 2, 3, 64, 4096]), max_size=4),
        st.tuples(st.integers(0, 99), st.sampled_from(["", "0", "0-1", "1", "0-3:2"])).map(list),
    ).map(list),
    max_size=10,
)  # fmt: skip
STATED = st.dictionaries(
    st.sampled_from(
        ["blocks", "context", "hidden", "heads", "kv_heads", "head_dim", "window", "slides", "chosen", "mtp", "causal",
         "shared_kv_layers", "v_head_dim", "experts", "rope_dim", "head_dim_swa", "chunked", "index_heads"]
    ),
    st.sampled_from([0, 1, 2, 3, 4, 64, None, True, False, "x", [1, 2], [0, 64], -1, 2.5, {}]),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(JSON | st.fixed_dictionaries({"k": st.just("GGUF"), "f": STATED, "t": ROWS}))
def test_any_fields_in_a_link_are_a_model_or_refused(fields):
    try:
        found = from_link(packed(json.dumps(fields).encode()))
    except ValueError as error:
        assert str(error)
    else:
        assert parameters(found.architecture) > 0
        assert cache(found.architecture) >= 0
        assert weight_bytes(found.architecture, AS_STORED) >= 0


def test_a_model_that_takes_too_long_a_link_is_refused():
    noise = hashlib.sha512(b"x").hexdigest()
    with pytest.raises(ValueError, match=rf"a link carries {MOST_CHARACTERS:,}"):
        written({"n": "".join(hashlib.sha512(f"{noise}{i}".encode()).hexdigest() for i in range(30))})
    assert fields_of(written({"n": "é"})) == {"n": "é"}


@pytest.mark.parametrize("inner", [GGUFValueType.STRING, GGUFValueType.ARRAY])
def test_a_header_of_endless_arrays_is_refused_before_it_is_read(inner):
    key = struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", GGUFValueType.ARRAY, inner, 3_000_000)
    empty = struct.pack("<Q", 0) if inner is GGUFValueType.STRING else struct.pack("<IQ", 4, 0)
    with pytest.raises(ValueError, match="3,000,000 entries of arrays; at most 2,000,000"):
        read_gguf([b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key + empty * 100], name="x")
