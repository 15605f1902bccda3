"""What engines printed is met within the bars, over the logs that ship; a row in its own words finds its records."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators.architecture import parameters
from presets import engines, models
from presets.accuracy import Skip, compare, config_reader, main, read_rows
from presets.accuracy.devices import devices_named
from presets.accuracy.fits import RAN, RAN_OUT
from presets.accuracy.rows import cache_format_named, format_named, model_of, plain_name
from presets.fit import MEASURED

FILES = ("vllm_memory", "sglang_memory", "llamacpp_memory", "inference_peak_memory", "fit_facts", "gpu")
READER = config_reader([MEASURED / "configs"])
COMPARED = {name: compare(read_rows(MEASURED / f"{name}.csv"), READER, engines()) for name in FILES}
GIB = 2**30


def errors(file, *quantities, engine=""):
    """The sizes of the errors of a file's quantities, sorted."""
    found, _ = COMPARED[file]
    return sorted(abs(item.error) for item in found if item.quantity in quantities and item.engine.startswith(engine))


def median(sizes):
    return (sizes[(len(sizes) - 1) // 2] + sizes[len(sizes) // 2]) / 2


def ninth(sizes):
    """The 90th percentile, not below it."""
    return sizes[-(-9 * (len(sizes) - 1) // 10)]


def test_weights_and_model_buffers_are_within_1_per_cent_at_the_median_and_3_at_the_90th_percentile():
    sizes = sorted(
        errors("vllm_memory", "weight_bytes") + errors("llamacpp_memory", "weight_bytes", "model_buffer_bytes")
    )
    assert len(sizes) >= 140
    assert median(sizes) <= 0.01 and ninth(sizes) <= 0.03
    for file, quantity in (("vllm_memory", "weight_bytes"), ("llamacpp_memory", "model_buffer_bytes")):
        assert median(errors(file, quantity)) <= 0.01 and ninth(errors(file, quantity)) <= 0.03


@pytest.mark.parametrize(("file", "least"), [("vllm_memory", 20), ("sglang_memory", 15), ("llamacpp_memory", 50)])
def test_cache_bytes_from_tokens_are_within_1_per_cent_at_the_median(file, least):
    sizes = errors(file, "kv_bytes_per_token")
    assert len(sizes) >= least
    assert median(sizes) <= 0.01


def test_the_cache_that_vllm_leaves_is_within_5_per_cent_at_the_median_with_and_without_the_logs_own_figures():
    aided, unaided = (errors("vllm_memory", name) for name in ("kv_cache_bytes", "kv_cache_unaided_bytes"))
    assert len(aided) >= 18 and len(unaided) >= 12
    assert median(aided) <= 0.05 and median(unaided) <= 0.05
    assert median(errors("vllm_memory", "activation_bytes")) <= 0.05


def test_ranks_that_share_a_context_hold_their_part_of_its_tokens():
    (row,) = (item for item in COMPARED["vllm_memory"][0] if "decode-context-parallel" in item.row["notes"])
    assert abs(row.error) < 0.01


def test_a_mix_is_that_of_llama_cpp_itself():
    found = [item.engine for item in COMPARED["llamacpp_memory"][0] if item.quantity == "mix_bytes"]
    assert len(found) >= 30
    assert not any(engine.startswith("ik_") for engine in found)  # its mixes are its own
    assert median(errors("llamacpp_memory", "mix_bytes")) <= 0.01


def test_the_peak_of_a_generation_is_within_a_tenth_of_a_per_cent_and_what_is_held_within_5():
    assert max(errors("gpu", "generate_peak_over_weights_bytes")) < 0.001
    held = errors("inference_peak_memory", "peak_bytes")
    assert len(held) >= 40 and median(held) <= 0.05


def test_what_ran_is_said_to_fit_and_what_ran_out_of_memory_not_to():
    for quantity, least in ((RAN, 60), (RAN_OUT, 20)):
        wrong = errors("fit_facts", quantity)
        assert len(wrong) >= least
        assert 1 - sum(wrong) / len(wrong) >= 0.85


@pytest.mark.parametrize("file", FILES[:-1])
def test_every_shipped_row_is_compared_and_says_where_it_is_from(file):
    assert COMPARED[file][1] == []
    assert all(row["source_url"] and row["excerpt"] for row in read_rows(MEASURED / f"{file}.csv"))


def test_no_row_is_dropped_without_a_reason(tmp_path, capsys):
    rows = read_rows(MEASURED / "vllm_memory.csv")
    bad = [
        dict(rows[0], id="flagged", flags="does not add up"),
        dict(rows[0], id="no model", config="", model=""),
        dict(rows[0], id="unknown model", config="", model="nobody/Nothing-9B"),
        dict(rows[0], id="unknown engine", engine="another"),
        dict(rows[0], id="nothing", total_gpu_memory_gib="", weights_gib_per_gpu="", peak_activation_gib="",
             kv_cache_gib="", num_gpu_blocks="", kv_cache_tokens="", gpu_memory_utilization=""),
    ]  # fmt: skip
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0].keys())
        table.writeheader()
        table.writerows([rows[0], *bad])
    assert main([str(path), "--configs", str(MEASURED / "configs"), "--by", "engine", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    reasons = {each["id"]: each["reason"] for each in report["skipped"]}
    assert set(reasons) == {row["id"] for row in bad}
    assert reasons["flagged"] == "flagged: does not add up"
    assert "the model is not stated" in reasons["no model"]
    assert "nobody/Nothing-9B" in reasons["unknown model"]
    assert "no profile of engine 'another'" in reasons["unknown engine"]
    assert "weights_gib_per_gpu is not stated" in reasons["nothing"]
    assert {each["engine"] for each in report["groups"]} == {"vllm"}


@pytest.mark.parametrize("file", FILES[:-1])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_row_gives_figures_or_a_reason(file, data):
    rows = read_rows(MEASURED / f"{file}.csv")
    row = dict(data.draw(st.sampled_from(rows)))
    for column in data.draw(st.lists(st.sampled_from(list(row)), min_size=1, max_size=4)):
        row[column] = data.draw(st.sampled_from(["", "0", "-1", "nan", "1e999", "x", "1; 2"]))
    found, skipped = compare([row], READER, engines())
    assert bool(found) != bool(skipped)
    assert all(item.measured > 0 and item.predicted >= 0 for item in found)
    assert all(reason for _, reason in skipped)


@pytest.mark.parametrize(
    ("text", "name", "gib", "count"),
    [
        ("1x RTX 3090 24GB", "NVIDIA GeForce RTX 3090", 23.88, 1),
        ("2x RTX 4090 24GB (TP2)", "NVIDIA GeForce RTX 4090", 23.99, 2),
        ("1x H100", "NVIDIA H100 SXM5 80GB", 79.65, 1),
        ("H100 PCIe 80GB", "NVIDIA H100 PCIe 80GB", 79.65, 1),
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100 SXM4 40GB", 40, 1),
        ("A100 SXM 80GB", "NVIDIA A100 SXM4 80GB", 80, 1),
        ("Tesla T4", "NVIDIA T4", 15, 1),
        ("L40S 48GB", "NVIDIA L40S", 44.99, 1),
        ("RTX 4070 (7.65 GiB reported)", "RTX 4070 (7.65 GiB reported)", 7.65, 1),
        ("3080 10GB", "3080 10GB", 10 * 0.995, 1),
        ("RTX 4000 Ada 20GB", "RTX 4000 Ada 20GB", 20 * 0.995, 1),
        ("M3 Max 40-Core GPU 64GB", "Apple M3 Max (40-core GPU)", 48, 1),
        ("M2 Ultra 76-Core GPU 192GB", "Apple M2 Ultra (76-core GPU)", 144, 1),
    ],
)
def test_a_device_is_found_by_the_words_that_tell_it_and_its_stated_memory(text, name, gib, count):
    card, many = devices_named(text)
    assert (card.name, many) == (name, count)
    assert card.memory_bytes / GIB == pytest.approx(gib, rel=0.005)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not stated"),
        ("A100", "different memories"),
        ("RTX 5070 Ti 16GB + 1x RTX 5090D 32GB", "devices differ"),
        ("tp 2", "not in the presets"),
    ],
)
def test_a_device_that_cannot_be_told_is_refused(text, reason):
    with pytest.raises(Skip, match=reason):
        devices_named(text)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("Meta-Llama-3-8B", "llama-3-8b"),
        ("Qwen3-30B-A3B-Thinking-2507", "qwen3-30b-a3b"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3-30b-a3b"),
        ("Llama 2 7 B", "llama-2-7b"),
        ("llama2_70b", "llama-2-70b"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "qwen2.5-14b"),
        ("Llama-3.2-3B-Instruct-Q8_0.gguf", "llama-3.2-3b"),
        ("unsloth/phi-4-bnb-4bit", "phi-4"),
    ],
)
def test_a_published_name_finds_the_config_of_its_shapes(name, config):
    assert parameters(model_of({"config": "", "model": name}, READER)) == parameters(READER(config))


def test_a_name_that_could_be_two_models_is_none():
    with pytest.raises(Skip, match="no config of 'Mistral'"):
        model_of({"config": "", "model": "Mistral"}, READER)
    assert plain_name("Instruct") == "instruct"  # a name is never wholly dropped


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("none", "BF16"),
        ("float16", "BF16"),
        ("F16", "F16"),
        ("fp8", "FP8 per tensor"),
        ("FP8-Block", "FP8 block 128"),
        ("compressed-tensors awq-4bit", "AWQ 4-bit g128"),
        ("AWQ-INT4", "AWQ 4-bit g128"),
        ("gptq-int4", "GPTQ 4-bit g128"),
        ("bitsandbytes unsloth/phi-4-bnb-4bit", "NF4 double quantization"),
        ("bnb.nf4", "NF4"),
        ("mxfp4", "MXFP4"),
        ("Q4_K - Medium", "Q4_K_M"),
        ("gguf Q8_0", "Q8_0"),
    ],
)
def test_a_label_of_a_weight_format_finds_it(label, name):
    assert format_named(label).name == name


def test_cache_types_have_their_exact_bits():
    bits = {name: cache_format_named(name).bits_per_value for name in ("auto", "fp8_e4m3", "q8_0", "q4_0", "fp4_e2m1")}
    assert bits == {"auto": 16, "fp8_e4m3": 8, "q8_0": 8.5, "q4_0": 4.5, "fp4_e2m1": 4.5}
    with pytest.raises(Skip, match="cache format 'q9'"):
        cache_format_named("q9")


def test_the_same_rows_are_read_with_the_presets_alone_where_they_name_them():
    rows = [row for row in read_rows(MEASURED / "vllm_memory.csv") if row["config"] == "llama-3.1-8b"]
    found, skipped = compare(rows, config_reader([]), engines())
    assert found and not skipped
    assert models()["Llama 3.1 8B"] in {model_of(row, config_reader([])) for row in rows}
