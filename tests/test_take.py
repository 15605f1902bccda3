"""What leaves the page: starts as shown, figures as files that say what they are of, a report that is one sheet."""

import csv
import io
import json
import re
from datetime import date
from math import isfinite, nan
from urllib.parse import parse_qs

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from calculators.estimate import estimate
from pages.ui.controls import records
from pages.ui.explain import answers, wording
from pages.ui.figures import Figure, as_csv, as_json, figures, named, show
from pages.ui.links.query import from_query, to_query
from pages.ui.take.report import report
from pages.ui.take.takeaway import asked, plain, sheet
from presets.intervals import intervals
from presets.launch import start
from tests.browser import chromium

QUERY = "model=Llama+3.1+70B&weights=FP8+per+tensor&tp=4&batch=50&engine=vLLM&hits=0.5"


def of(query):
    scenario = records.scenario(from_query(query)[0])
    found = estimate(scenario)
    return scenario, found, figures(scenario, found, intervals(scenario, found))


def app(query=""):
    at = AppTest.from_file("../app.py", default_timeout=30)
    for name, texts in parse_qs(query).items():
        at.query_params[name] = texts[0]
    at.run()
    at.switch_page("pages/take.py").run()
    assert not at.exception, at.exception
    return at


def opened(at, **state):
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    assert not at.exception, at.exception
    return at


def test_the_page_shows_the_visitors_engine_first_with_each_setting_and_why():
    at = app(QUERY)
    assert [tab.label for tab in at.tabs] == ["vLLM", "SGLang", "TensorRT-LLM", "Report and data"]
    inputs = from_query(QUERY)[0]
    scenario = records.scenario(inputs)
    begun = start(scenario, "vLLM", records.load(inputs, scenario.model))
    assert at.main.code[0].value == begun.command
    rows = at.dataframe[0].value.set_index("Setting")
    assert rows.loc["--max-num-seqs"][["Value", "Because"]].tolist() == ["50", "50 requests at once"]
    assert at.main.expander[-1].label == "Not offered: llama.cpp"


@pytest.mark.parametrize(
    "query", ["", QUERY, "model=DeepSeek-V3+671B&weights=FP8+block+128&tp=8&device=NVIDIA+H200+SXM"]
)
def test_every_engines_tab_shows_its_command_and_files(query):
    at = app(query)
    for label in [tab.label for tab in at.tabs][:-1]:
        found = opened(at, take_tabs=label, **{f"{label} docker compose": True, f"{label} Kubernetes": True})
        assert len(found.main.code) >= 3, "the command, compose, Kubernetes"
        assert any(code.value.startswith("# Kubernetes") for code in found.main.code)


def test_what_runs_nowhere_says_why():
    at = app("weights=HQQ+4-bit+g64")
    assert [tab.label for tab in at.tabs] == ["Report and data"]
    whys = [text.value for text in at.main.expander[-1].markdown]
    assert len(whys) == 4 and all("HQQ 4-bit g64" in why for why in whys)


def test_the_report_tab_offers_three_files():
    at = opened(app(QUERY), take_tabs="Report and data")
    assert [button.label for button in at.get("download_button")] == [
        "Report, one page to print", "Figures as CSV", "Figures as JSON"
    ]  # fmt: skip


@pytest.mark.parametrize("query", ["", QUERY, "device=Apple+M1+Max+(32-core+GPU)&batch=1", "tp=32&pp=16"])
def test_figures_are_the_estimates_with_their_intervals(query):
    scenario, found, rows = of(query)
    by = named(rows)
    assert len(by) == len(rows)
    assert by["Memory of a device"].value == found.used_bytes
    parts = [row.value for row in rows if row.name.startswith("Memory of a device: ")]
    assert sum(parts) == pytest.approx(found.used_bytes)
    assert by["Devices"].value == scenario.deployment.devices
    for row in rows:
        if isfinite(row.low):
            assert row.low <= row.value <= row.high
    spans = intervals(scenario, found)
    if isfinite(found.first_token_s):
        assert (by["First token"].low, by["First token"].high) == spans.first_token.span.of(found.first_token_s)


def test_the_csv_says_unit_interval_engine_and_link_and_leaves_unknown_figures_empty():
    _, _, rows = of("device=Apple+M1+Max+(32-core+GPU)&batch=1")
    read = list(csv.DictReader(io.StringIO(as_csv(rows, link="https://x/?v=1", engine="vLLM"))))
    assert [(row["figure"], row["unit"]) for row in read] == [(each.name, each.unit) for each in rows]
    assert {(row["engine"], row["link_version"], row["link"]) for row in read} == {("vLLM", "1", "https://x/?v=1")}
    for row, each in zip(read, rows, strict=True):
        assert (float(row["value"]) if row["value"] else nan) == pytest.approx(each.value, nan_ok=True)


def test_no_cell_is_a_formula():
    text = as_csv([Figure(name="x", unit="s", value=1.0)], link="=cmd|' /C calc'!A0", engine="@x")
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["link"].startswith("'=") and row["engine"] == "'@x"


def test_the_json_is_strict_and_complete():
    _, found, rows = of("tp=32&pp=16")
    text = as_json(rows, link="https://x/?v=1", inputs={"tp": "32"}, engine={"name": "vLLM"}, fits=bool(found.fits))
    read = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (read["link"], read["link_version"], read["inputs"], read["interval"]) == (
        "https://x/?v=1",
        "1",
        {"tp": "32"},
        0.8,
    )
    assert [row["figure"] for row in read["figures"]] == [each.name for each in rows]
    assert any(row["value"] is None for row in read["figures"])


def made(query, title="A title", commands=(("", "run"),), notes=("<u>",), link="https://x/?v=1"):
    scenario, found, rows = of(query)
    parts = {wording.NAMES[name]: float(size) for name, size in found.memory_bytes.items()}
    return report(
        title=title, answer=answers.verdict(scenario, found, None), asked=asked(scenario), found=rows, memory=parts,
        colours=dict.fromkeys(parts, "#000000"), basis="basis", commands=dict(commands), notes=notes, link=link,
        made=date(2026, 11, 22),
    )  # fmt: skip


@pytest.mark.parametrize("query", ["", QUERY, "device=Apple+M1+Max+(32-core+GPU)&batch=1", "tp=32&pp=16"])
def test_a_report_stands_alone_with_both_charts(query):
    page = made(query)
    assert page.count("<svg") == 2 and "nan" not in page.lower().replace("financ", "")
    assert "<script" not in page and not re.search(r"(?:src|href)=", page)
    assert "22 November 2026" in page and "https://x/?v=1" in page


BIG = (
    "model=DeepSeek-V3+671B&weights=FP8+block+128&tp=8&pp=2&batch=256&engine=SGLang&device=NVIDIA+H200+SXM",
    "model=DeepSeek-V3+671B&weights=NVFP4+experts+only&tp=8&pp=3&copies=7&batch=1024&engine=vLLM&prompt=32k&output=4k"
    "&drafts=4&drafter=a+fifth+of+a+step&hits=0.5&ep=8&cache=FP8",
    "model=gpt-oss+120B&weights=MXFP4&engine=TensorRT-LLM&batch=32&drafts=3",
)
SMALL = "weights=Q5_K_M&engine=llama.cpp&device=Apple+M4+Max+(40-core+GPU)&batch=1"


def sheets(query):
    """The report of a link, with the start of its engine."""
    inputs = from_query(query)[0]
    scenario, found, _ = of(query)
    begun = start(scenario, scenario.engine.name, records.load(inputs, scenario.model))
    address = f"https://weighbridge.example/take?{to_query(inputs, 'take')}"
    return begun, sheet(scenario, found, intervals(scenario, found), begun, address)


@pytest.mark.browser
def test_a_report_prints_on_one_sheet_of_a4():
    with chromium() as browser:
        page = browser.new_page()
        for query in ("", QUERY, SMALL, *BIG):
            page.set_content(sheets(query)[1])
            printed = page.pdf(format="A4")
            assert len(re.findall(rb"/Type /Page\b", printed)) == 1, query


def test_a_report_holds_the_command_of_the_first_machine_what_the_others_change_and_the_file_of_options():
    begun, page = sheets(BIG[0])
    assert begun.machines == 2 and page.count("<pre>") == 1 and "--nnodes</span> <span>2" in page
    assert "On the other machines the same and 1 after --node-rank." in page
    begun, page = sheets(BIG[1])
    assert "On the other machines the same with --headless and 1 to 2 after --node-rank." in page
    begun, page = sheets(BIG[2])
    assert "# trtllm.yaml\n" in page and "backend:</span> <span>TRITON" in page


def test_a_least_time_is_said_to_be_one_in_every_file():
    _, _, rows = of("device=Apple+M4+Max+(40-core+GPU)&batch=1&weights=Q4_K_M&engine=llama.cpp")
    assert named(rows)["Each further token"].shown.startswith("≥")
    read = {row["figure"]: row["bound"] for row in csv.DictReader(io.StringIO(as_csv(rows, link="x", engine="y")))}
    assert [name for name, bound in read.items() if bound == "at least"] == ["Each further token"]
    text = as_json(rows, link="x", inputs={}, engine={}, fits=True)
    assert [row["figure"] for row in json.loads(text)["figures"] if row["bound"] == "at least"] == [
        "Each further token"
    ]
    assert not any(each.least for each in of("")[2])


def test_a_table_of_figures_opens_as_numbers():
    read = pd.read_csv(io.StringIO(as_csv(of(QUERY)[2], link="x", engine="y")))
    assert {read[name].dtype.kind for name in ("value", "low", "high")} == {"f"} and read["unit"].notna().all()


def test_a_report_escapes_what_comes_from_outside():
    page = made(
        "",
        title="<img src=x onerror=alert(1)>",
        commands={"<script>2</script>": "</pre><script>1</script>"},
        link='"><b>',
    )
    assert "<img" not in page and "<script" not in page and "<b>" not in page


def test_a_sentence_from_outside_is_no_markdown():
    assert plain("a *b* [c](d) $e$ <f>") == r"a \*b\* \[c\]\(d\) \$e\$ \<f\>"


def test_an_address_in_a_sentence_stays_one():
    text = "see https://a.example/b_c/#d-e. *x* (https://a.example/)"
    assert plain(text) == r"see https://a.example/b_c/#d-e. \*x\* \(https://a.example/\)"
    assert plain("https://x](javascript:1) [y]") == r"https://x\]\(javascript:1\) \[y\]"


def test_figures_are_shown_as_pages_show_them():
    assert show(2.0**30, "bytes") == "1.00 GiB" and show(0.0123, "s") == "12.3 ms"
    assert show(8.0, "devices") == "8" and show(0.18, "USD") == "$0.18" and show(nan, "J") == "unknown"
    assert Figure(name="x", unit="s", value=0.03, low=0.02, high=0.04).interval == "20.0–40.0 ms"
    assert Figure(name="x", unit="bytes", value=1.0).interval == ""


def test_what_does_not_fit_is_said_before_its_start_and_the_longest_request_is_asked_for():
    at = app("model=Llama+3.1+70B&reads=32k")
    assert any("run out of memory" in error.value for error in at.error)
    rows = at.dataframe[0].value.set_index("Setting")
    assert rows.loc["--max-model-len", "Value"] == "32768" and "usual" in rows.loc["--max-model-len", "Because"]
    assert not app(QUERY).error
