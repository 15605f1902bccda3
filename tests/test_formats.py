"""Storage formats take the bytes that their specifications and real converters give, exactly."""

import numpy as np
import pytest

from calculators.architecture import parameters, tensors
from calculators.formats import stored_bytes
from calculators.memory import weight_bytes, weight_bytes_by_part
from presets import cache_formats, formats, models
from tests.facts import FORMATS, architecture


def layouts():
    """Every layout in use, by name: those of the formats, their exceptions and their fallbacks."""
    found, todo = {}, list(formats().values())
    while todo:
        fmt = todo.pop()
        found[fmt.name] = fmt
        todo += [rule.format for rule in fmt.finer] + ([fmt.fallback] if fmt.fallback else [])
    return found | {name[:4]: found[name] for name in ("Q5_K_M", "Q4_K_M", "Q3_K_M")}


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
        ("INT8 W8A8", 4096, 14_336, 2 * 4096),  # a scale an output channel
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


@pytest.mark.parametrize(
    ("model", "mix", "size"),
    [(model, mix, size) for model, sizes in FORMATS["gguf_bytes"].items() for mix, size in sizes.items()],
)
def test_a_gguf_mix_takes_the_bytes_of_the_converted_model(model, mix, size):
    assert weight_bytes(architecture(model), formats()[mix]) == size


def test_llama_3_1_8b_takes_the_published_bits_a_weight():
    model = models()["Llama 3.1 8B"]
    for mix, bits in FORMATS["published_bits"].items():
        assert round(8 * weight_bytes(model, formats()[mix]) / parameters(model), 4) == bits


def test_80_layer_models_store_their_value_projections_finer():
    (row,) = (row for row in tensors(architecture("qwen2.5-72b")) if row.name == "v_proj")
    sixes, fives = 210 / 256, 176 / 256  # bytes a value of Q6_K and Q5_K; each in half of the layers
    size = stored_bytes(architecture("qwen2.5-72b"), row, formats()["Q4_K_M"])
    assert size == 40 * row.values * sixes + 40 * row.values * fives


@pytest.mark.parametrize("model", FORMATS["mxfp4_bytes"])
def test_gpt_oss_takes_the_bytes_of_its_checkpoint_in_mxfp4(model):
    assert weight_bytes(architecture(model), formats()["MXFP4"]) == FORMATS["mxfp4_bytes"][model]


@pytest.mark.parametrize("fmt", formats().values(), ids=lambda fmt: fmt.name)
def test_bytes_are_never_below_the_bits_and_what_is_left_is_left(fmt):
    for model, row in ((each, row) for each in models().values() for row in tensors(each)):
        size = stored_bytes(model, row, fmt)
        assert size >= fmt.bits * row.values * row.copies / 8
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


@pytest.mark.parametrize(
    ("name", "values", "size"),
    [("BF16", 1024, 2048), ("FP8", 1024, 1024), ("INT8", 1024, 1088), ("INT8", 33, 68), ("INT4", 1024, 576)],
)
def test_cache_formats_cut_a_token_into_blocks(name, values, size):
    assert cache_formats()[name].stream_bytes(values) == size
    assert list(cache_formats()[name].stream_bytes(np.array([values, values]))) == [size, size]
