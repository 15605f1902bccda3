"""The Evidence page: every shipped measurement beside its prediction, and sums that a hand computes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pages.ui.charts import drawing, nearness
from pages.ui.evidence import measured
from presets import PresetError, evidence
from presets.accuracy import read_rows
from presets.catalog import engines
from presets.evidence import (
    COUNTS,
    NOT_STATED,
    PREDICTIONS,
    SIZES,
    TIMES,
    VERDICTS,
    Errors,
    Point,
    points,
    predictions,
)
from presets.intervals import PHASES
from presets.loader import HERE
from presets.training import runtimes
from tests.test_pages import app

PAGE = "pages/evidence.py"
POINT = Point(
    name="r1", quantity="decode_step_s", engine="vLLM", model="a", device="b", format="BF16", measured=0.01,
    predicted=0.011, roofline=0.005, source="a log",
)  # fmt: skip


def tables(at):
    return [frame.value for frame in at.main.dataframe]


def dots(at):
    """How many points each trace of the page's charts has, by its name."""
    return {
        trace["name"]: trace["x"]
        for chart in at.get("plotly_chart")
        for trace in json.loads(chart.proto.spec)["data"]
        if trace["mode"] == "markers"
    }


def test_the_shipped_predictions_are_those_of_the_code():
    """Written anew by `python -m presets.evidence`, which belongs to every change of a formula or a constant."""
    found = predictions()
    shipped = read_rows(PREDICTIONS)
    assert {name for name, *_ in found} == {file.name for file in (HERE / "measured").glob("*.csv")}
    assert [(row["file"], int(row["row"]), row["engine"], row["quantity"]) for row in shipped] == [
        (name, place, item.engine, item.quantity) for name, place, item, _ in found
    ]
    for column, of in (("measured", 0), ("predicted", 1), ("roofline", 2)):
        figures = [(item.measured, item.predicted, roofline)[of] for *_, item, roofline in found]
        np.testing.assert_allclose([float(row[column]) for row in shipped], figures, rtol=1e-6)
    assert len(points()) == len(shipped)


def test_every_point_is_of_something_with_a_source():
    for point in points():
        assert point.name and point.source != NOT_STATED
        assert point.engine != NOT_STATED and point.kind in (TIMES, SIZES, COUNTS, VERDICTS)
        assert point.measured > 0 and np.isfinite(point.predicted)
    assert {point.kind for point in points()} >= {TIMES, SIZES, VERDICTS}
    assert sum(point.engine in {*engines(), *runtimes()} for point in points()) > 0.99 * len(points())


def test_the_roofline_is_below_every_predicted_time_of_a_pass():
    passes = [point for point in points() if point.quantity in sum(PHASES.values(), ())]
    assert passes
    for point in passes:
        assert 0 < point.roofline < point.predicted


@pytest.mark.parametrize(
    ("row", "engine", "device", "form"),
    [
        ({"accelerator": "NVIDIA L40S", "weight_format": "BF16"}, "cuda-graph", "NVIDIA L40S", "BF16"),
        ({"gpus": "2x RTX 3090 24GB", "dtype": "fp8"}, "vllm (unsloth)", "NVIDIA GeForce RTX 3090", "FP8 per tensor"),
        ({"gpu": "something of mine", "ftype": "my mix"}, "mine", "something of mine", "my mix"),
        ({"gpu_model": "", "gpus": ""}, "Transformers 4.51.3", NOT_STATED, NOT_STATED),
    ],
)  # fmt: skip
def test_a_row_says_its_engine_device_and_format_in_its_own_words(row, engine, device, form):
    assert evidence._device(row) == device
    assert evidence._format(row) == form
    names = {
        "cuda-graph": "CUDA-graph decoder",
        "vllm (unsloth)": "vLLM",
        "Transformers 4.51.3": "Hugging Face transformers",
    }
    assert evidence._engine(engine) == names.get(engine, engine)


def test_errors_by_hand():
    assert evidence.errors([-0.5, 0.25, 0.25]) == Errors(rows=3, median=0.25, high=0.45, bias=0.0)
    low = replace(POINT, predicted=0.005)
    none = replace(POINT, predicted=0.0)
    verdict = replace(POINT, quantity=evidence.RAN, measured=1, predicted=0)
    assert (POINT.error, low.error) == (pytest.approx(0.1), -0.5)
    assert (POINT.factor, low.factor, none.factor) == (pytest.approx(1.1), 2, float("inf"))
    assert evidence.worst([POINT, verdict, low, none]) == [none, low, POINT]
    assert list(evidence.by_group([POINT, verdict], ("engine", "format"))) == [("vLLM", "BF16")]


def test_points_beyond_the_most_are_thinned_evenly():
    many = [replace(POINT, measured=float(i)) for i in np.random.default_rng(1).permutation(np.arange(1, 402))]
    kept = [point.measured for point in evidence.spread(many, 200)]
    assert len(kept) == 200 and kept[0] == 1 and kept[-1] == 401
    assert set(np.diff(kept)) <= {1, 2, 3}
    assert evidence.spread(many[:200], 200) == sorted(many[:200], key=lambda point: point.measured)


def test_the_sentence_counts_times_sizes_and_verdicts_apart():
    size = replace(POINT, quantity="weight_bytes", measured=100.0, predicted=103.0)
    verdict = replace(POINT, quantity=evidence.RAN, measured=1.0, predicted=1.0)
    assert measured.summary([POINT, size, verdict, replace(verdict, predicted=0.0)]) == (
        "Of **2 measured figures** half are met within **6.5\u202f%**, nine in ten within **9.3\u202f%**; of the 1 "
        "times half are met within 10\u202f%, nine in ten within 10\u202f%; of the 1 sizes in memory half are met "
        "within 3\u202f%, nine in ten within 3\u202f%; of 2 reports of what fits 1 are told right."
    )
    assert measured.summary([POINT]).startswith("Of **1 measured figure** half")
    assert measured.summary([]) == "Nothing was measured of this."
    assert [measured.per_cent(share) for share in (0.00056, 0.0213, 0.1367, 12.3)] == [
        "0.056\u202f%",
        "2.1\u202f%",
        "14\u202f%",
        "1,230\u202f%",
    ]


def test_other_tools_stand_beside_the_same_phases_each_with_its_rows_and_source():
    for phase in PHASES:
        found = {rival.tool: rival for rival in evidence.rivals() if rival.phase == phase and rival.on}
        assert {"Weighbridge", "aiconfigurator 0.12", "Pure roofline"} <= set(found)
        assert all(rival.rows > 0 and rival.source for rival in found.values())
    (ours,) = (
        rival for rival in evidence.rivals()
        if rival.phase == "further token" and rival.tool == "Pure roofline" and rival.source == "computed here"
    )  # fmt: skip
    alone = [abs(p.roofline / p.measured - 1) for p in points() if p.quantity in PHASES["further token"]]
    assert ours.median == np.median(alone) and ours.rows == len(alone)


def test_a_tool_of_an_unknown_phase_is_refused(monkeypatch):
    entry = {"tool": "x", "phase": "training", "on": "y", "rows": 1, "median_abs_error": 0.1}
    monkeypatch.setattr("presets.loader.table", lambda _: {"x": entry | {"source": "s"}})
    with pytest.raises(PresetError, match="phase is 'training'; one of first token, further token was expected"):
        evidence.load("other_tools.toml", evidence._rival)


def test_the_page_answers_first_and_shows_every_time_and_size():
    at = app("", PAGE)
    assert not at.exception
    assert at.main.markdown[0].value == measured.summary(points())
    shown = dots(at)
    for quantity in {point.quantity for point in points() if point.kind != VERDICTS}:
        count = sum(point.quantity == quantity for point in points())
        assert len(shown[measured.name(quantity)]) == min(count, measured.MOST)
    (groups,) = (frame for frame in tables(at) if "Bias" in frame)
    assert groups["Figures"].sum() == sum(point.kind != VERDICTS for point in points())


def test_filters_narrow_the_charts_and_the_sums_and_stay_with_the_visitor():
    at = app("", PAGE)
    at.multiselect(key="measured engine").set_value(["llama.cpp"]).run()
    at.multiselect(key="measured device").set_value(["NVIDIA L40S"]).run()
    expected = [point for point in points() if point.engine == "llama.cpp" and point.device == "NVIDIA L40S"]
    for _ in range(2):
        assert not at.exception
        assert at.main.markdown[1].value == measured.summary(expected)
        assert sum(map(len, dots(at).values())) == sum(point.kind != VERDICTS for point in expected)
        at.switch_page("pages/memory.py").run()
        at.switch_page(PAGE).run()
    at.multiselect(key="measured engine").set_value(["vLLM"]).run()
    at.multiselect(key="measured device").set_value(["Apple M1 (8-core GPU)"]).run()
    assert at.main.markdown[1].value == "Nothing was measured of this." and not at.exception


def test_the_table_groups_by_what_the_visitor_chooses():
    at = app("", PAGE)
    at.segmented_control(key="measured by").set_value("device").run()
    (groups,) = (frame for frame in tables(at) if "Bias" in frame)
    assert set(groups["Device"]) == {point.device for point in points() if point.kind != VERDICTS}


def test_the_worst_are_named_with_their_source():
    frame = measured.worst_table(points())
    assert len(frame) == 20 and all(frame["Source"]) and all(frame["Row"])
    assert frame["Row"][0] == max((p for p in points() if p.kind != VERDICTS), key=lambda p: p.factor).name
    assert measured.worst_table([POINT]).to_dict("records")[0]["Off"] == "1.10 × too high"
    assert len(measured.rival_table()) == len(evidence.rivals())


def test_the_chart_has_the_line_of_equality_and_a_band_of_a_fifth():
    chart = nearness.predictions("a", "time, s", drawing.DECADES, {"A": [(1.0, 1.1, "h")]}, {"A": 3})
    band, line, _ = chart.data
    assert list(line.x) == list(line.y) == [0.5, 2.0]
    assert list(band.y) == pytest.approx([0.6, 2.4, 1.6, 0.4]) and list(band.x) == [0.5, 2.0, 2.0, 0.5]
