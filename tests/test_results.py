"""Results of benchmark tools: each is read as its source writes it, and what is none is refused in a sentence."""

import json
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators.calibrate import fit
from pages.ui.controls import records
from pages.ui.links.fields import Inputs
from presets import results as parsers
from presets.results import EXPECTED, MOST_BYTES, Result, read_results
from presets.trials import SAMPLE_ROWS, compared, sample
from tests.results import HEADER, LLAMA, SGLANG, VLLM, llama_bench, sglang, table, vllm

BASE = records.scenario(Inputs())


def one(data: bytes) -> Result:
    (row,) = read_results(data).rows
    return row


def test_a_result_of_vllm_bench_serve_is_read():
    found = read_results(vllm())
    assert (found.tool, found.notes) == ("vllm bench serve", ())
    assert found.rows == (
        Result(
            place="The file", engine="vLLM", concurrency=16, prompt_tokens=1024, output_tokens=256, first_token_s=0.12,
            token_s=0.01, model="Llama-3.1-8B-Instruct",
        ),
    )  # fmt: skip


def test_appended_results_of_vllm_are_a_run_each():
    found = read_results(vllm() + b"\n" + vllm(max_concurrency=32))
    assert [row.concurrency for row in found.rows] == [16, 32]


def test_results_of_sglang_are_read_with_infinity_and_what_the_server_says():
    found = read_results(sglang({}, {"max_concurrency": 4}))
    assert found.tool == "SGLang's bench_serving"
    first, second = found.rows
    assert (first.engine, first.concurrency, first.prompt_tokens, first.output_tokens) == ("SGLang", 8, 1024, 256)
    assert (first.first_token_s, first.token_s, first.tensor_parallel) == (0.09, 0.0075, 2)
    assert (first.place, second.place, second.concurrency) == ("Run 1", "Run 2", 4)


@pytest.mark.parametrize("changes", [{"max_concurrency": None}, {"request_rate": 3.2}])
def test_an_open_load_counts_the_mean_number_in_flight(changes):
    assert one(vllm(**changes)).concurrency == round(160 / 50 * (0.12 + 255 * 0.01))


def test_no_more_are_in_flight_than_were_asked():
    assert one(vllm(max_concurrency=512)).concurrency == 160


def test_tests_of_llama_bench_are_passes_without_a_server():
    prompt, answer = read_results(llama_bench()).rows
    assert prompt.bare and answer.bare and prompt.engine == "llama.cpp"
    assert (prompt.prompt_tokens, prompt.first_token_s) == (512, 0.05)
    assert isnan(prompt.token_s) and isnan(answer.first_token_s)
    assert (answer.output_tokens, answer.token_s) == (128, 0.008)
    assert (prompt.weight_format, prompt.parameters, prompt.device_layers) == ("Q4_K_M", 8_030_261_312, 99)
    deep = one(llama_bench({"n_prompt": 0, "n_gen": 64, "n_depth": 4096, "n_gpu_layers": -1}))
    assert (deep.prompt_tokens, deep.device_layers) == (4096, inf)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (vllm(spec_decode_acceptance_length=2.4), "speculative decoding"),
        (sglang({"accept_length": 2.4}), "speculative decoding"),
        (vllm(completed=0), "no request"),
        (llama_bench({"n_gpu_layers": 0}), "processor alone"),
        (llama_bench({"n_cpu_moe": 8}), "experts ran on the processor"),
        (llama_bench({"n_gen": 128}), "a prompt and an answer in one figure"),
        (llama_bench({"n_depth": 512}), "a prompt after 512 tokens"),
    ],
)
def test_a_run_that_measures_something_else_is_left_out_by_name(data, why):
    with pytest.raises(ValueError, match=why):
        read_results(data)
    usable = llama_bench({}, *json.loads(data)) if data.startswith(b"[") else data.strip() + b"\n" + vllm()
    found = read_results(usable)
    assert len(found.rows) == 1
    assert len(found.notes) == 1 and why in found.notes[0]


def test_a_csv_in_our_columns_is_read_and_leaves_out_what_the_sidebar_says():
    full, bare = read_results(
        table("Llama 3.1 8B,NVIDIA H200 SXM,4,2,vllm,BF16,16,1024,256,0.11,0.009", ",,,,,,16,1024,256,,0.009")
    ).rows
    assert full == Result(
        place="Line 2", engine="vLLM", concurrency=16, prompt_tokens=1024, output_tokens=256, first_token_s=0.11,
        token_s=0.009, model="Llama 3.1 8B", accelerator="NVIDIA H200 SXM", weight_format="BF16", tensor_parallel=2,
    )  # fmt: skip
    assert (bare.engine, bare.model, bare.tensor_parallel) == ("", "", 0) and isnan(bare.first_token_s)
    by_slug = one(table("llama-3.1-8b,8,1024,256,0.1", header="config,concurrency,prompt_tokens,output_tokens,ttft_s"))
    assert by_slug.model == "Llama 3.1 8B"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (",,,,,,0,1024,256,0.1,0.01", "Line 2: concurrency is “0.0”"),
        (",,,,,,16,1024,256,NaN,0.01", "Line 2: ttft_s is “nan”"),
        (",,,,,,16,1024,256,0.1,1e999", "Line 2: tpot_s is “inf”"),
        (",,,,,,16,1024,256,fast,0.01", "Line 2: ttft_s is “fast”"),
        (",,,,,,1.5,1024,256,0.1,0.01", "whole number"),
        (",,,,,,16,1024,256,,", "at least one measured time"),
        (",,,,,,16,,256,0.1,0.01", "Line 2: prompt_tokens is missing"),
        ("Llama 9,,,,,,16,1024,256,0.1,0.01", "Line 2: model is “Llama 9”, none of the presets"),
        (",H900,,,,,16,1024,256,0.1,0.01", "accelerator is “H900”"),
        (",,,,Excel,,16,1024,256,0.1,0.01", "engine is “Excel”"),
        (",,,,,,16,1024,256,0.1,0.01,7", "more or fewer values"),
        (",,,,,,16,1024", "more or fewer values"),
    ],
)
def test_a_wrong_line_of_a_csv_is_named_with_what_would_be_right(line, told):
    with pytest.raises(ValueError, match=r"expected|none of|more or fewer") as error:
        read_results(table(line))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "The file is empty"),
        (b"\xff\xfe\x00", "no text"),
        (b"a\x00b", "no text"),
        (b"hello", "none that this page reads"),
        (b"{}", "neither mean_ttft_ms and mean_tpot_ms nor avg_ts"),
        (b"[]", "holds no run"),
        (b"[1]", "neither"),
        (b"[" * 5000, "nested"),
        (b"{" + b'"a":' * 3, "no JSON at line 1"),
        (json.dumps(VLLM)[:-20].encode(), "is all of the file there?"),
        (json.dumps(VLLM | {"mean_ttft_ms": float("nan")}).encode(), "NaN is no JSON number"),
        (vllm(mean_tpot_ms=0), "mean_tpot_ms is “0”; a number above zero was expected"),
        (vllm(mean_tpot_ms="10"), "mean_tpot_ms is “10”"),
        (vllm(completed=True), "completed is “True”"),
        (json.dumps({k: v for k, v in VLLM.items() if k != "total_input_tokens"}).encode(), "total_input_tokens is m"),
        (sglang({"mean_ttft_ms": float("inf")}), "mean_ttft_ms is “inf”"),
        (llama_bench({"avg_ts": -1}), "avg_ts is “-1”"),
        (llama_bench({"avg_ts": inf}), "avg_ts is “inf”"),
        (llama_bench({"n_prompt": 0}), "one of them was expected"),
        (llama_bench({"n_prompt": "512"}), "whole numbers of tokens"),
        (llama_bench(*[{}] * 501), "at most 500"),
        (table(*[",,,,,,16,1024,256,0.1,0.01"] * 502), "at most 500"),
        (b" " * (MOST_BYTES + 1), "at most 4,194,304 are read"),
    ],
)
def test_what_is_no_result_is_refused_in_a_sentence(data, told):
    with pytest.raises(ValueError, match=r".") as error:
        read_results(data)
    assert told in str(error.value)


def test_a_file_of_another_kind_is_told_all_that_would_be_right():
    with pytest.raises(ValueError, match="none that this page reads") as error:
        read_results(b"a,b\n1,2")
    assert EXPECTED in str(error.value)
    for tool in ("vllm bench serve --save-result", "bench_serving", "llama-bench -o json", HEADER):
        assert tool in EXPECTED


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def refused_or_read(data: bytes) -> None:
    try:
        found = read_results(data)
    except ValueError as error:
        assert 20 < len(str(error)) < 1200
        return
    for row in found.rows:
        assert 1 <= row.concurrency <= 65_536 and row.prompt_tokens >= 1 and row.output_tokens >= 1
        assert row.first_token_s > 0 or isnan(row.first_token_s)
        assert row.token_s > 0 or isnan(row.token_s)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    refused_or_read(data)


@given(st.sampled_from((VLLM, SGLANG, LLAMA)), st.data())
def test_any_value_in_any_field_is_read_or_refused(run, data):
    names = data.draw(st.lists(st.sampled_from(sorted(run)), min_size=1, max_size=4))
    refused_or_read(json.dumps(run | {name: data.draw(JUNK) for name in names}).encode())


@given(st.lists(st.text(alphabet="0123456789.,eE+-naif\"'; \n", max_size=60), max_size=4))
def test_any_lines_under_our_header_are_read_or_refused(lines):
    refused_or_read(table(*lines))


def test_a_run_is_compared_in_the_scenario_that_it_says_and_the_sidebar_completes():
    found = compared(read_results(sglang()), BASE)
    (trial,) = found.trials
    assert found.engine == "SGLang" == trial.scenario.engine.name
    assert trial.scenario.deployment.tensor_parallel == 2
    assert trial.scenario.model is BASE.model
    assert trial.scenario.deployment.accelerator is BASE.deployment.accelerator
    assert found.notes == (
        "The sidebar says what the file does not: the device (NVIDIA H100 SXM5 80GB), the weight format (BF16).",
    )


def test_the_files_model_is_found_among_the_presets_or_the_sidebars_is_taken_and_said():
    known = compared(read_results(vllm(model_id="Qwen/Qwen3-8B-FP8")), BASE)
    assert known.trials[0].scenario.model.name == "Qwen3 8B"
    unknown = compared(read_results(vllm(model_id="acme/<b>-13B")), BASE)
    assert unknown.trials[0].scenario.model is BASE.model
    assert any("which is no preset: Llama 3.1 8B was taken" in note for note in unknown.notes)
    assert not any("<" in note for note in unknown.notes)


def test_another_number_of_parameters_is_asked_about():
    run = {"model_filename": "mine.gguf", "model_n_params": 3_000_000_000}
    assert any("is another model meant" in note for note in compared(read_results(llama_bench(run)), BASE).notes)
    assert not any("another model" in note for note in compared(read_results(llama_bench()), BASE).notes)


def test_layers_left_to_the_host_are_left_there_in_the_prediction():
    (part,) = compared(read_results(llama_bench({"n_gpu_layers": 16})), BASE).trials
    (whole,) = compared(read_results(llama_bench({"n_gpu_layers": 99})), BASE).trials
    assert part.scenario.engine.memory.device_layers == 16
    assert whole.scenario.engine.memory.device_layers == inf


def test_one_engine_is_fitted_at_a_time_that_of_most_rows():
    lines = (",,,,vLLM,,8,1024,256,,0.01", ",,,,SGLang,,8,1024,256,,0.01", ",,,,SGLang,,16,1024,256,,0.01")
    found = compared(read_results(table(*lines)), BASE)
    assert found.engine == "SGLang" and len(found.rows) == 2
    assert any("1 runs of other engines were left out" in note for note in found.notes)
    assert compared(read_results(table(",,,,,,8,1024,256,,0.01")), BASE).engine == BASE.engine.name


def test_too_many_deployments_are_refused():
    lines = [f",,{devices},,vLLM,,8,1024,256,,0.01" for devices in range(1, 42)]
    with pytest.raises(ValueError, match="41 models and deployments; at most 40"):
        compared(read_results(table(*lines)), BASE)


def test_the_sample_is_of_the_shipped_measurements_and_calibration_brings_it_nearer():
    found = compared(read_results(sample()), BASE)
    assert len(found.rows) == SAMPLE_ROWS and len(found.each_trial) == SAMPLE_ROWS
    assert found.notes == ()
    fitted = fit(found.trials)
    before, after = (np.median(np.abs(np.expm1(errors["token_s"]))) for errors in (fitted.before, fitted.after))
    assert after < before


def test_a_file_may_be_larger_than_a_config_but_not_without_bound(monkeypatch):
    assert one(vllm(input_lens=[1024] * 200_000)).concurrency == 16
    monkeypatch.setattr(parsers, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="at most 100 are read"):
        read_results(vllm())


def test_the_rows_of_a_comparison_are_those_of_the_file_beside_their_trials():
    rows = read_results(sample()).rows
    found = compared(read_results(sample()), BASE)
    assert sorted(found.rows, key=rows.index) == list(rows)
    for row, trial in zip(found.rows, found.each_trial, strict=True):
        assert trial.scenario.deployment.tensor_parallel == row.tensor_parallel
        assert row.token_s in trial.token_s
