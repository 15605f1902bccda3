"""Storage formats take the bytes that their specifications and real converters give, exactly."""

from dataclasses import replace

import numpy as np
import pytest

from calculators.architecture import all_tensors, mtp_tensors, parameters, tensors
from calculators.formats import stored_bytes, stores
from calculators.memory import weight_bytes, weight_bytes_by_part
from calculators.tensor import Tensor
from presets import cache_formats, formats, models
from tests.facts import FORMATS, architecture


def layouts():
    """Every layout in use, by name: those of the exceptions and fallbacks of all formats, and of a mix by its own."""
    found, todo = {}, list(formats().values())
    while todo:
        fmt = todo.pop()
        found[fmt.name] = fmt
        todo += [rule.format for rule in fmt.finer] + ([fmt.fallback] if fmt.fallback else [])
    return found | {mix[:4]: found[mix] for mix in ("Q5_K_M", "Q4_K_M", "Q3_K_M")}


@pytest.mark.parametrize("name", FORMATS["blocks"])
def test_a_block_holds_the_values_and_bytes_of_its_specification(name):
    fmt = layouts()[name]
    assert [fmt.block_values, fmt.block_bytes] == FORMATS["blocks"][name]


@pytest.mark.parametrize("name", FORMATS["bits"])
def test_a_value_takes_the_bits_of_its_specification(name):
    assert formats()[name].bits_per_value == FORMATS["bits"][name]


@pytest.mark.parametrize(
    ("name", "rows", "columns", "extra_bytes"),
    [
        ("GPTQ 4-bit g128", 4096, 14_336, 4 * 14_336),  # g_idx, once an input channel
        ("AWQ 4-bit g128", 4096, 14_336, 0),
        ("GPTQ 4-bit per channel", 4096, 14_336, 4 * 14_336 + 2.5 * 4096),  # and a scale and a zero an output channel
        ("GPTQ 3-bit g128", 4096, 14_336, 4 * 14_336),
        ("INT4 W4A16 g128", 4096, 14_336, 2 * 8),  # weight_shape
        ("INT4 experts only", 4096, 14_336, 2 * 4),  # weight_shape
        ("INT8 W8A8", 4096, 14_336, 2 * 4096),  # a scale an output channel
        ("INT8 bitsandbytes", 4096, 14_336, 4 * 4096),
        ("FP8 per channel", 4096, 14_336, 2 * 4096),
        ("HQQ 4-bit g64", 4096, 14_336, 0),
        ("FP8 per tensor", 4096, 14_336, 8),
        ("NF4 double quantization", 4096, 14_336, 4),
        ("NVFP4", 4096, 14_336, 4),
        ("MXFP4", 4096, 14_336, 0),
    ],
)
def test_a_matrix_takes_its_blocks_and_what_is_kept_once_a_channel_or_tensor(name, rows, columns, extra_bytes):
    fmt = formats()[name]
    assert fmt.matrix_bytes(rows, columns) == rows * columns * fmt.bits_per_value / 8 + extra_bytes


def test_a_partial_block_has_a_whole_scale():
    fp8 = formats()["FP8 block 128"]
    assert fp8.matrix_bytes(128, 128) == 128 * 128 + 4
    assert fp8.matrix_bytes(129, 128) == 129 * 128 + 2 * 4
    assert fp8.matrix_bytes(129, 257) == 129 * 257 + 2 * 3 * 4
    assert formats()["AWQ 4-bit g128"].matrix_bytes(1, 129) == 129 / 2 + 2 * 2.5


def test_rows_that_are_no_multiple_of_the_block_fall_back_to_a_smaller_one():
    assert formats()["Q4_K_M"].matrix_bytes(1, 256) == 144
    assert formats()["Q4_K_M"].matrix_bytes(1, 128) == 4 * 22  # Q5_0
    assert formats()["Q6_K"].matrix_bytes(1, 128) == 4 * 34  # Q8_0
    assert formats()["Q6_K"].matrix_bytes(1, 33) == 66  # F16


def gguf_model(name):
    """A model of the reference's predictions; some have another's shapes."""
    shape, changes = FORMATS["shaped_as"].get(name, (name, {}))
    return architecture(shape, **changes)


@pytest.mark.parametrize("name", FORMATS["gguf_bytes"])
def test_gguf_mixes_take_the_bytes_of_the_converted_model(name):
    model, sizes = gguf_model(name), FORMATS["gguf_bytes"][name]
    assert {mix: weight_bytes(model, formats()[mix]) for mix in sizes} == sizes


@pytest.mark.parametrize("mix", FORMATS["published_bits"])
def test_llama_3_1_8b_takes_the_published_bits_a_weight(mix):
    model = models()["Llama 3.1 8B"]
    assert round(8 * weight_bytes(model, formats()[mix]) / parameters(model), 4) == FORMATS["published_bits"][mix]


@pytest.mark.parametrize(
    ("name", "mix", "gib"),
    [
        ("gpt-oss-120b", "MXFP4_MOE", 59.02),
        ("qwen3-30b-a3b", "Q5_K_M", 20.228),
        ("qwen3-30b-a3b", "Q4_K_M", 17.28),
        ("deepseek-r1", "Q8_0", 664.295),
    ],
)
def test_mixtures_of_experts_take_the_size_that_llama_cpp_printed(name, mix, gib):
    places = len(str(gib).partition(".")[2])
    assert round(weight_bytes(architecture(name), formats()[mix]) / 2**30, places) == gib


def values_in(name, mix, **changes):
    """Bytes a value of the value projections of a model in a mix, layer by layer alike or on average."""
    model = architecture(name, **changes)
    (row,) = (row for row in tensors(model) if row.name == "v_proj")
    return stored_bytes(model, row, formats()[mix]) / (row.values * row.copies)


Q8, Q6, Q5, Q4, Q3, Q2 = 34 / 32, 210 / 256, 176 / 256, 144 / 256, 110 / 256, 84 / 256  # bytes a value


def test_80_layer_models_store_their_value_projections_finer():
    assert values_in("qwen2.5-72b", "Q4_K_M") == (Q6 + Q5) / 2  # use_more_bits in 40 of 80 layers
    assert values_in("qwen2.5-72b", "Q3_K_S") == Q5
    assert values_in("qwen2.5-72b", "Q3_K_S", num_hidden_layers=64) == Q3
    assert values_in("qwen2.5-72b", "Q2_K", num_key_value_heads=64) == Q5  # biases tell Qwen2 from a Llama 65B
    assert values_in("llama-2-70b", "Q2_K", num_key_value_heads=64) == Q3
    assert values_in("llama-2-70b", "Q2_K_S", num_key_value_heads=64) == Q2
    assert values_in("mixtral-8x7b", "Q3_K_S", num_hidden_layers=80) == Q8  # eight experts


def test_keys_shared_by_four_heads_and_eight_experts_raise_the_value_projections():
    assert values_in("llama-3.1-8b", "Q2_K") == Q4
    assert values_in("llama-3.1-8b", "Q2_K", num_key_value_heads=16) == Q3
    assert values_in("llama-3.1-8b", "IQ2_M", num_key_value_heads=16) == Q3  # IQ3_S is as large as Q3_K
    assert values_in("mixtral-8x7b", "IQ2_M", num_key_value_heads=16, num_local_experts=4) == Q4
    assert values_in("mixtral-8x7b", "Q4_0") == Q8


def test_layers_are_counted_as_llama_cpp_counts_them():
    """Of 64 layers an eighth is 8; in the smallest mixes a shared expert's matrix counts as one more."""
    model = architecture("deepseek-v2")  # 60 layers, the first dense, then one of routed and one of shared experts each
    finer = {}
    for row in tensors(model):
        if row.name.endswith("down_proj"):
            fine = stored_bytes(model, row, formats()["IQ2_S"]) - row.values * row.copies * 74 / 256
            finer[row.part] = fine / (row.values * row.copies // len(row.layers) * (110 - 74) / 256)
    assert finer == {"mlp": 1, "routed_experts": 3, "shared_experts": 3}  # 60 // 8 = 7 tensors: 1 + 2 x 3


def test_queries_keys_and_values_of_one_tensor_are_stored_as_values():
    model = architecture("phi-4")  # 40 layers: use_more_bits in 20, the first two are finer in Q3_K_M
    apart = replace(model, model_type="")
    for mix, bytes_a_value in {"Q4_K_M": (Q6 + Q4) / 2, "Q3_K_M": (2 * Q5 + 38 * Q4) / 40, "IQ3_XS": Q4}.items():
        for row in (row for row in tensors(model) if row.name in ("q_proj", "k_proj", "v_proj")):
            assert stored_bytes(model, row, formats()[mix]) == bytes_a_value * row.values * row.copies
            assert stored_bytes(apart, row, formats()[mix]) <= bytes_a_value * row.values * row.copies
    assert 9.04e9 < weight_bytes(model, formats()["Q4_K_M"]) < 9.06e9  # published: 9.05 GB


def test_falcon_has_rules_of_its_own():
    model = replace(architecture("llama-3.1-8b"), model_type="falcon")
    sizes = {
        (row.name, mix): stored_bytes(model, row, formats()[mix]) / (row.values * row.copies)
        for row in tensors(model)
        for mix in ("Q4_K_M", "Q4_K_S", "Q3_K_M", "Q3_K_L", "Q2_K", "IQ2_S")
    }
    assert {sizes["lm_head", mix] for _, mix in sizes} == {Q8}
    assert sizes["down_proj", "Q4_K_M"] == (2 * Q6 + 14 * Q5 + 16 * Q4) / 32
    assert sizes["down_proj", "Q3_K_M"] == (2 * Q5 + 14 * Q4 + 16 * Q3) / 32
    assert sizes["down_proj", "Q4_K_S"] == Q4
    assert sizes["down_proj", "Q3_K_L"] == sizes["o_proj", "Q3_K_L"] == Q4
    assert (sizes["o_proj", "Q3_K_M"], sizes["o_proj", "Q2_K"]) == (Q3, Q2)


def test_values_are_counted_among_themselves_where_not_every_layer_has_them():
    assert values_in("jamba-v0.1", "Q4_K_M") == (Q6 + Q4) / 2  # four layers with attention: the last two are finer
    assert values_in("jamba-v0.1", "Q3_K_M") == (Q5 + Q4) / 2  # the first two


def test_gguf_keeps_an_expansion_of_latents_as_keys_and_values():
    model = architecture("deepseek-v3")  # 128 heads, 61 layers: keys 128 and values 128 wide, latents 512
    rows = [row for row in tensors(model) if row.name == "kv_b_proj"]
    half = 61 * 128 * 128 * 512
    for name, size in {
        "Q4_K_M": half * 22 / 32 + half * Q4,  # keys are transposed, and their rows of 128 fall back to Q5_0
        "MXFP4_MOE": 2 * half * 17 / 32,
        "FP8 block 128": 2 * half + 61 * 4 * (32_768 / 128) * (512 / 128),
    }.items():
        assert sum(stored_bytes(model, row, formats()[name]) for row in rows) == size


def test_a_head_whose_rows_do_not_fit_takes_eight_bits():
    model = architecture("smollm2-135m")  # tied, rows of 576
    (row,) = (row for row in tensors(model) if row.part == "embedding")
    for mix in ("Q4_K_M", "IQ2_XXS", "Q4_0"):
        assert stored_bytes(model, row, formats()[mix]) == row.values * Q8


def test_deepseek_v3_holds_the_values_of_each_type_that_its_checkpoint_lists():
    """Hugging Face's split of the published files, MTP included: F8_E4M3 680.57e9, BF16 3.92e9, F32 41,555,600."""
    model, fmt = architecture("deepseek-v3"), formats()["FP8 block 128"]
    rows = [*all_tensors(model), *mtp_tensors(model)]
    counts = dict.fromkeys(("F8_E4M3", "BF16", "F32"), 0)
    for row in rows:
        if row.buffer:
            counts["F32"] += row.values * row.copies  # the routers' correction biases
        elif stored_bytes(model, row, fmt) == 2 * row.values * row.copies or row.name == "eh_proj":
            counts["BF16"] += row.values * row.copies
        else:
            counts["F8_E4M3"] += row.values * row.copies
            counts["F32"] += (stored_bytes(model, row, fmt) - row.values * row.copies) / 4  # weight_scale_inv
    shared = 2 * model.vocabulary * model.hidden  # the MTP layer's copies of the embedding and the head
    assert counts["F32"] == 41_555_600
    assert round(counts["F8_E4M3"] / 1e9, 2) == 680.57
    assert round((counts["BF16"] + shared) / 1e9, 2) == 3.92


@pytest.mark.parametrize("checkpoint", FORMATS["left_alone"])
def test_a_format_leaves_what_published_checkpoints_leave(checkpoint):
    """Of the matrices of linear layers: embeddings are none. Patterns of whole layers are those of MTP, told apart."""
    chosen, name, patterns = FORMATS["left_alone"][checkpoint]
    model, fmt = architecture(name), formats()[chosen]
    stems = {pattern.rstrip("*").rsplit(".", 1)[-1].replace("gate", "router") for pattern in patterns} - {"N"}
    for row in tensors(model):
        if len(row.shape) == 2 and row.part != "embedding":
            called = {*row.name.split("."), *(["self_attn"] if row.part == "attention" else [])}
            left = stored_bytes(model, row, fmt) == 2 * row.values * row.copies
            dense_beside_experts = row.part == "mlp" and chosen == "NVFP4 experts only"  # of whole layers left
            assert left == bool(called & stems or row.part == "router" or dense_beside_experts), row.name


@pytest.mark.parametrize("fmt", formats().values(), ids=lambda fmt: fmt.name)
def test_what_is_no_matrix_or_no_text_is_never_quantized(fmt):
    model = models()["Llama 3.1 8B"]
    for part, shape in (("vision", (1024, 1024)), ("audio", (512, 512)), ("ssm_linear_attn", (8192, 1, 4))):
        row = Tensor(part=part, name="x", shape=shape, copies=3, layers=(0, 4, 7))
        assert stored_bytes(model, row, fmt) >= 2 * row.values * row.copies


def test_kimi_k2_5_takes_the_bytes_of_its_checkpoint():
    """total_size of model.safetensors.index.json: 595,148,192,736, the routers' biases in 32 bits with it."""
    model = architecture("kimi-k2.5")
    biases = sum(row.values * row.copies for row in all_tensors(model) if row.buffer)
    assert weight_bytes(model, formats()["INT4 experts only"]) + 4 * biases == 595_148_192_736


@pytest.mark.parametrize("fmt", formats().values(), ids=lambda fmt: fmt.name)
def test_a_format_stores_a_model_unless_it_leaves_every_matrix_of_it(fmt):
    for model in models().values():
        left = replace(formats()["BF16"], left_bytes=fmt.left_bytes)
        other = weight_bytes(model, fmt) != weight_bytes(model, left) or fmt.bits >= 16
        assert stores(model, fmt) == other, model.name
    experts = ("INT4 experts only", "NVFP4 experts only")
    assert stores(models()["Llama 3.1 8B"], fmt) is (fmt.name not in experts)
    assert stores(models()["DeepSeek-V3 671B"], fmt)


@pytest.mark.parametrize("model", FORMATS["mxfp4_bytes"])
def test_gpt_oss_takes_the_bytes_of_its_checkpoint_in_mxfp4(model):
    assert weight_bytes(architecture(model), formats()["MXFP4"]) == FORMATS["mxfp4_bytes"][model]


@pytest.mark.parametrize("fmt", formats().values(), ids=lambda fmt: fmt.name)
def test_bytes_are_never_below_the_bits_and_what_is_left_is_left(fmt):
    coarsest = min(each.bits for each in (fmt, *(rule.format for rule in fmt.finer)))
    for model, row in ((each, row) for each in models().values() for row in tensors(each)):
        size = stored_bytes(model, row, fmt)
        assert size >= coarsest * row.values * row.copies / 8
        if row.part in fmt.leaves or len(row.shape) == 1:
            assert size == fmt.left_bytes * row.values * row.copies


@pytest.mark.parametrize("fmt", formats().values(), ids=lambda fmt: fmt.name)
def test_weights_by_part_add_up(fmt):
    for model in models().values():
        assert sum(weight_bytes_by_part(model, fmt).values()) == weight_bytes(model, fmt)


def test_unquantized_weights_take_two_and_four_bytes():
    for model in models().values():
        assert weight_bytes(model, formats()["BF16"]) == 2 * parameters(model)
        assert weight_bytes(model, formats()["FP32"]) == 4 * parameters(model)


@pytest.mark.parametrize("name", cache_formats())
def test_cache_formats_take_the_bits_of_their_specification(name):
    assert cache_formats()[name].bits_per_value == FORMATS["cache_bits"][name]


@pytest.mark.parametrize(
    ("name", "values", "size"),
    [
        ("BF16", 1024, 2048),
        ("FP8", 1024, 1024),
        ("INT8", 1024, 1088),
        ("INT8", 33, 68),
        ("INT4", 1024, 576),
        ("Q5_1", 1024, 768),
        ("NVFP4", 1024, 576),
    ],
)
def test_cache_formats_cut_a_token_into_blocks(name, values, size):
    assert cache_formats()[name].stream_bytes(values) == size
    assert list(cache_formats()[name].stream_bytes(np.array([values, values]))) == [size, size]
