"""The calibrate page: files are read, fitted, shown before and after, used on every page and carried by links."""

import json
from urllib.parse import parse_qs

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from calculators.calibrate import Factors, calibrated
from calculators.estimate import estimate
from calculators.hardware import Scheduler
from calculators.intervals import Span
from pages.ui.calibrate import measurements
from pages.ui.controls import records
from pages.ui.explain import uncertainty, wording
from pages.ui.links.calibration import device_mark, read_calibration
from pages.ui.links.fields import Inputs
from pages.ui.links.query import from_query, to_query
from presets.catalog import engines
from presets.intervals import intervals
from presets.results import MOST_BYTES, read_results
from presets.trials import SAMPLE
from tests.results import VLLM, llama_bench, sglang, table, vllm

FIT = "0.9,0.8,1.5,2,6,vLLM"


def app(query: str = "", page: str = "pages/calibrate.py") -> AppTest:
    at = AppTest.from_file("../app.py", default_timeout=30)
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        at.query_params[name] = texts[0]
    at.run()
    at.switch_page(page).run()
    assert not at.exception, at.exception
    return at


def uploaded(*files: tuple[str, bytes], query: str = "") -> AppTest:
    at = app(query)
    uploader = at.get("file_uploader")[0]
    for name, data in files:
        uploader.upload(name, data, "application/json")
    at.run()
    assert not at.exception, at.exception
    return at


def sampled() -> AppTest:
    at = app()
    at.checkbox(key="sample_results").check().run()
    assert not at.exception, at.exception
    return at


def use(at: AppTest) -> AppTest:
    next(button for button in at.button if button.label.startswith("Use ")).click().run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(
        each.value for each in (*at.main.markdown, *at.code, *at.error, *at.warning, *at.success, *at.info)
    )


def test_before_any_file_the_page_says_what_it_does_and_which_commands_make_files():
    at = app()
    assert "Measure your own server" in at.main.markdown[0].value
    commands = "\n".join(code.value for code in at.code)
    for words in (
        "vllm bench serve",
        "--save-result",
        "sglang.bench_serving",
        "--output-file",
        "llama-bench",
        "-o json",
    ):
        assert words in commands
    assert read_results(measurements.EXAMPLE.encode()).tool == "a CSV"


def test_the_sample_is_answered_first_with_chart_rows_factors_and_constants():
    at = sampled()
    assert at.main.markdown[0].value.startswith("With your 12 rows the error of token times falls from **")
    (chart,) = at.get("plotly_chart")
    figure = go.Figure(json.loads(chart.proto.spec))
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert len(next(trace for trace in figure.data if trace.name == "Token, calibrated").x) == 12
    rows, factors, constants = (each.value for each in at.dataframe)
    assert len(rows) == 12 and set(rows["Model"]) == {"gpt-oss 120B"}
    assert len(factors) == 4 and len(constants) == 14


def test_using_it_calibrates_every_page_says_so_and_leads_back():
    at = use(sampled())
    assert any("Every page now uses vLLM, calibrated with your 12 rows" in each.value for each in at.success)
    assert at.session_state.engine == "vLLM"
    at.switch_page("pages/latency.py").run()
    assert "Times are of vLLM, calibrated with your 12 rows." in [each.value for each in at.main.caption]
    assert "vLLM, calibrated with your 12 rows" in [each.value for each in at.sidebar.caption]
    inputs = Inputs(engine="vLLM", fit=at.session_state.fit)
    assert wording.show_seconds(estimate(records.scenario(inputs)).token_s) in at.metric[3].value
    before = at.metric[3].value
    next(button for button in at.sidebar.button if button.label.startswith("Back to the shipped")).click().run()
    assert at.session_state.fit == "" and at.metric[3].value != before
    assert not any("calibrated" in each.value for each in at.sidebar.caption)


def test_a_link_carries_the_calibration_and_opens_it():
    at = app(f"engine=vLLM&fit={FIT}", "pages/latency.py")
    at.session_state.share = True
    link = next(code.value for code in at.run().code if "?v=" in code.value).split("?", 1)[1]
    assert from_query(link)[0].fit == FIT
    assert "vLLM, calibrated with your 6 rows" in [each.value for each in at.sidebar.caption]
    at.switch_page("pages/calibrate.py").run()
    assert "Every page uses vLLM, calibrated with your 6 rows" in at.main.markdown[0].value
    assert list(at.dataframe[0].value["Yours"]) == ["0.9", "0.8", "1.5", "2"]


def test_a_calibrated_engine_has_the_intervals_of_the_visitors_rows_on_every_page_and_in_its_link():
    at = use(sampled())
    found = read_calibration(at.session_state.fit)
    assert found.mark == device_mark(SAMPLE["accelerator"]) and found.first_token > 1 and found.token > 1
    inputs = Inputs(engine="vLLM", fit=at.session_state.fit, device=SAMPLE["accelerator"])
    assert from_query(to_query(inputs)) == (inputs, ())
    at = app(f"engine=vLLM&fit={at.session_state.fit}&device={SAMPLE['accelerator']}", "pages/latency.py")
    figures = estimate(records.scenario(inputs))
    span = Span(low=1 / found.token, high=found.token)
    assert at.metric[3].delta == wording.show_interval(span.of(float(figures.token_s)), wording.show_seconds)
    assert any("From your 12 rows." in each.value for each in at.main.caption)
    at.session_state.working = True
    workings = " ".join(each.value for each in at.run().main.markdown)
    assert workings.count("from your 12 rows, each predicted by the fit to the others") == 2


def test_on_another_device_than_the_visitors_the_wider_interval_counts():
    fit = f"1,1,1,1,1.01,30,{device_mark('NVIDIA B200 SXM (HGX/DGX)')},6,vLLM"
    shipped, mine = (
        intervals(given, estimate(given), own)
        for given in [records.scenario(Inputs(engine="vLLM", fit=fit))]
        for own in (None, read_calibration(fit).own("NVIDIA H100 SXM5 80GB"))
    )
    assert mine.first_token.span == shipped.first_token.span and mine.token.span == Span(low=1 / 30, high=30)
    assert mine.token.elsewhere and "on another device" in uncertainty.interval_basis(mine.token, "1–2 ms")


def test_the_scenario_of_a_link_has_the_calibrated_engine_and_another_engine_its_own():
    factors = Factors(bandwidth=0.9, arithmetic=0.8, step=1.5, request=2.0)
    assert records.scenario(Inputs(engine="vLLM", fit=FIT)).engine == calibrated(engines()["vLLM"], factors)
    assert records.scenario(Inputs(engine="SGLang", fit=FIT)).engine == engines()["SGLang"]
    at = app(f"engine=SGLang&fit={FIT}", "pages/latency.py")
    assert "SGLang as shipped; yours: vLLM, calibrated with your 6 rows" in [each.value for each in at.sidebar.caption]


def test_settings_of_the_engine_are_kept_beside_the_calibration():
    engine = records.scenario(Inputs(engine="vLLM", fit=FIT, fraction=0.95)).engine
    assert engine.memory.share == 0.95
    assert engine.weight_bandwidth == 0.9 * engines()["vLLM"].weight_bandwidth


@pytest.mark.parametrize(
    ("name", "data", "engine"),
    [
        ("c16.json", vllm(), "vLLM"),
        ("runs.jsonl", sglang({}, {"max_concurrency": 4}), "SGLang"),
        ("bench.json", llama_bench(), "llama.cpp"),
        ("mine.csv", table(",,,,TensorRT-LLM,,16,1024,256,0.11,0.009"), "TensorRT-LLM"),
    ],
)
def test_each_kind_of_file_is_fitted_and_can_be_used(name, data, engine):
    at = uploaded((name, data))
    assert at.main.markdown[0].value.startswith("With your ")
    assert "The sidebar says what the file does not" in texts(at)
    assert use(at).session_state.engine == engine


def test_several_files_are_fitted_together_each_run_named_by_its_file():
    at = uploaded(("c16.json", vllm()), ("c32.json", vllm(max_concurrency=32)))
    assert at.main.markdown[0].value.startswith("With your 2 rows")
    assert list(at.dataframe[0].value["Run"]) == ["c16.json, the file", "c32.json, the file"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"hello", "expected is the JSON of `vllm bench serve --save-result`"),
        (vllm(mean_tpot_ms=-1), "a number above zero was expected"),
        (json.dumps(VLLM).encode()[:300], "is all of the file there?"),
        (b"\x00\xff<script>", "expected"),
        (vllm(input_lens=[1024] * 700_000), f"at most {MOST_BYTES:,}"),
    ],
)
def test_a_wrong_file_gets_a_sentence_that_says_what_was_expected(data, told):
    at = uploaded(("wrong.json", data))
    assert told in texts(at)
    assert at.error and not at.get("plotly_chart")


def test_a_calibrated_page_fits_to_the_shipped_constants_not_to_the_calibrated():
    first, again = uploaded(("c16.json", vllm())), uploaded(("c16.json", vllm()), query=f"engine=vLLM&fit={FIT}")
    assert first.main.markdown[0].value == again.main.markdown[0].value


def test_a_device_whose_times_are_unknown_is_said_and_nothing_is_offered(monkeypatch):
    at = uploaded(("mine.csv", table(",,,64,vLLM,,16,1024,256,0.11,0.009")))
    assert "cannot be compared" in at.main.markdown[0].value
    assert not any(button.label.startswith("Use ") for button in at.button)


def test_first_tokens_are_fitted_where_the_engine_has_a_server():
    at = sampled()
    unknown = "has no constants of a server yet" in texts(at)
    assert unknown is (engines()["vLLM"].scheduler == Scheduler(mixes=engines()["vLLM"].scheduler.mixes))
