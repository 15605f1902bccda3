"""Intervals hold what they promise: four of five left-out rows; wide where nothing like it was measured."""

from dataclasses import replace
from itertools import groupby
from math import exp, inf, isfinite, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators.estimate import estimate, first_token_rows, token_rows
from calculators.intervals import LEVEL, Span, beyond, pure_roofline, supported, together
from calculators.latency import seconds
from calculators.serving import Load, serve
from pages.ui import controls, explain
from pages.ui.links import Inputs
from presets import intervals as module
from presets import loader
from presets.catalog import engines
from presets.intervals import PHASES, Residual, intervals, lacking, residuals
from tests.test_pages import app

ERRORS = st.lists(st.floats(-2, 2), min_size=1, max_size=60)
SOME = ERRORS | st.just([])


def scenario(**chosen):
    return controls.scenario(Inputs(**chosen))


def spans_of(**chosen):
    given = scenario(**chosen)
    return intervals(given, estimate(given))


@given(own=SOME, pooled=ERRORS)
def test_an_interval_holds_the_prediction_and_stays_within_the_errors_seen(own, pooled):
    span = supported(own, pooled)
    largest = np.abs([*own, *pooled]).max()
    assert np.exp(-largest) <= span.low <= 1 <= span.high <= np.exp(largest)


@given(own=SOME, pooled=ERRORS, levels=st.tuples(st.floats(0.1, 0.99), st.floats(0.1, 0.99)))
def test_a_higher_level_never_narrows(own, pooled, levels):
    narrow, wide = (supported(own, pooled, level) for level in sorted(levels))
    assert wide.low <= narrow.low and narrow.high <= wide.high


@given(own=SOME, pooled=ERRORS, roofline=st.floats(0.01, 1.5) | st.sampled_from([nan, inf, 0.0]))
def test_where_evidence_lacks_an_interval_is_never_narrower(own, pooled, roofline):
    within = supported(own, pooled)
    outside = beyond(supported([], pooled), roofline)
    assert outside.low <= supported([], pooled).low and supported([], pooled).high <= outside.high
    if not own:
        assert outside.low <= within.low and within.high <= outside.high
    if 0 < roofline < 1:
        assert outside.low <= roofline and 1 / roofline <= outside.high


def test_order_statistics_by_hand():
    own = [0.01 * i for i in range(1, 96)]  # 95 errors, and four pooled ones far off: 99, and the one to come is 100
    assert supported(own, [-9.0] * 4) == Span(low=exp(-0.8), high=exp(0.8))  # the 80th smallest
    assert supported([-each for each in own], [9.0] * 8) == Span(low=exp(-0.8), high=exp(0.8))  # signs do not count
    assert supported([], [-0.2, 0.1]) == Span(low=exp(-0.2), high=exp(0.2))  # nothing of its own: the largest


def test_few_errors_of_its_own_are_drawn_to_the_pooled_ones():
    pooled = list(np.linspace(-0.5, 0.5, 101))
    widths = [np.log(span.high / span.low) for span in (supported([0.0] * n, pooled) for n in (0, 5, 50, 500))]
    assert widths == sorted(widths, reverse=True) and widths[0] == pytest.approx(1.0) and widths[-1] == 0


def test_spans_of_rates_and_of_sums_by_hand():
    assert Span(low=0.5, high=2).of(10) == (5, 20)
    assert Span(low=0.8, high=2).inverse == Span(low=0.5, high=1.25)
    assert together([(Span(low=0.5, high=2), 0.25), (Span(low=0.9, high=1.2), 0.75)]) == Span(
        low=0.25 * 0.5 + 0.75 * 0.9, high=0.25 * 2 + 0.75 * 1.2
    )


@pytest.mark.parametrize("name", engines())
def test_the_pure_roofline_is_the_data_sheet_alone(name):
    given = scenario(engine=name)
    ideal = replace(given, engine=pure_roofline(given.engine))
    card = given.deployment.accelerator
    for rows in (token_rows(ideal), first_token_rows(ideal)):
        assert all(row.overhead_s == 0 for row in rows)
        assert seconds(rows) == pytest.approx(
            sum(max(row.flops / card.peak("bf16"), row.bytes_read / card.bandwidth_bytes_per_s) for row in rows
                if row.part != "norms")
        )  # fmt: skip
        assert seconds(rows) < seconds(token_rows(given) if rows == token_rows(ideal) else first_token_rows(given))


def left_out_groups():
    """The left-out rows by quantity and engine; of fewer than ten a share says nothing."""
    rows = sorted(residuals(), key=lambda row: (row.quantity, row.engine))
    groups = {key: list(group) for key, group in groupby(rows, key=lambda row: (row.quantity, row.engine))}
    return {key: group for key, group in groups.items() if len(group) >= 10}


@pytest.mark.parametrize("key", left_out_groups(), ids=" of ".join)
def test_of_the_rows_of_a_left_out_model_seven_to_nine_of_ten_fall_within(key):
    """Each model's rows against the interval of the others' errors: as a model is met that no fit has seen."""
    rows = left_out_groups()[key]
    phase = next(names for names in PHASES.values() if key[0] in names)
    inside = 0
    for config in {row.config for row in rows}:
        others = [row.log_error for row in rows if row.config != config]
        pooled = [row.log_error for row in residuals() if row.quantity in phase and row.config != config]
        span = supported(others, pooled)
        inside += sum(span.low <= exp(-row.log_error) <= span.high for row in rows if row.config == config)
    assert 0.7 <= inside / len(rows) <= 0.9


def test_what_was_measured_has_the_errors_of_its_engine():
    found = spans_of(device="NVIDIA H100 SXM5 80GB", weights="BF16")
    for each, quantity in ((found.first_token, "prefill_s"), (found.token, "decode_step_s")):
        assert not each.lacks and not each.near
        assert each.names("engine") == ["CUDA-graph decoder"] and each.names("quantity") == [quantity]
    pooled = [row for row in residuals() if row.quantity in PHASES["further token"]]
    own = [row.log_error for row in pooled if row.engine == "CUDA-graph decoder"]
    assert found.token.span == supported(own, [row.log_error for row in pooled], LEVEL)
    ends = sorted((found.first_token.span.low, found.token.span.low))
    assert ends[0] <= found.request.low <= ends[1]


def test_a_device_of_a_measured_kind_has_all_errors_of_the_engine():
    near, measured = spans_of(device="NVIDIA H200 SXM").token, spans_of(device="NVIDIA H100 SXM5 80GB").token
    assert near.near == "NVIDIA H200 SXM" and not near.lacks and near.rows == measured.rows
    assert near.span == supported([], [row.log_error for row in near.rows])
    assert near.span.low < measured.span.low and measured.span.high < near.span.high


OUTSIDE = {
    "a phone": dict(device="Qualcomm Snapdragon 8 Gen 3", model="Llama 3.2 1B", batch=1),
    "a TPU": dict(device="Google TPU v5e"),
    "a format": dict(weights="Q2_K"),
    "a desktop's card": dict(device="NVIDIA GeForce RTX 4090"),
    "an engine": {},
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_was_never_measured_is_said_and_is_wide(kind):
    given = scenario(**OUTSIDE[kind])
    if kind == "an engine":
        given = replace(given, engine=replace(given.engine, name="An engine of mine"))
    figures = estimate(given)
    found = intervals(given, figures)
    ideal = estimate(replace(given, engine=pure_roofline(given.engine)))
    pooled = supported([], [row.log_error for row in residuals() if row.quantity in PHASES["further token"]])
    assert found.token.lacks == lacking(given, "further token") != ()
    assert found.token.span.low <= min(pooled.low, ideal.token_s / figures.token_s)
    assert found.token.span.high >= max(pooled.high, figures.token_s / ideal.token_s)
    text = explain.interval_basis(found.token, "1–2 ms")
    assert "a wide one" in text and all(each in text for each in found.token.lacks)


def test_formats_count_as_measured_by_what_is_read_and_computed_in():
    measured = {row.weight_format for row in residuals() if row.engine == "llama.cpp"}
    assert "Q4_K_M" in measured and "Q4_1" not in measured
    for weights in ("Q4_K_M", "Q4_1"):
        given = scenario(engine="llama.cpp", device="NVIDIA L40S", weights=weights)
        assert lacking(given, "further token") == ()
    assert lacking(scenario(engine="llama.cpp", device="NVIDIA L40S", weights="Q2_K"), "further token")


def test_an_unknown_time_has_an_unknown_interval():
    given = scenario(**OUTSIDE["a phone"])
    figures = estimate(given)
    assert not isfinite(figures.first_token_s)
    first, token, cost = explain.intervals_shown(given, figures, intervals(given, figures))
    assert (first, token, cost) == ("", "", "")  # a lower bound has no interval either


def test_intervals_are_written_with_their_unit_once():
    assert explain.show_interval((0.0201, 0.0273), explain.show_seconds) == "20.1–27.3 ms"
    assert explain.show_interval((0.5, 1.5), explain.show_seconds) == "500 ms–1.50 s"
    assert explain.show_interval((0.36, 0.42), explain.show_usd) == "$0.36–$0.42"
    assert explain.show_interval((nan, 1), explain.show_seconds) == ""


def test_residuals_are_read_strictly(monkeypatch):
    good = ("decode_step_s", "an engine", "a", "NVIDIA H100 SXM5 80GB", "BF16", "1", "0.1")
    table = [tuple(module.COLUMNS), good]
    monkeypatch.setattr(loader, "rows", lambda _: table)
    assert residuals.__wrapped__() == (
        Residual(quantity="decode_step_s", engine="an engine", config="a", accelerator="NVIDIA H100 SXM5 80GB",
                 weight_format="BF16", batch=1, log_error=0.1),
    )  # fmt: skip
    table[1] = (*good[:-1], "nan")
    with pytest.raises(loader.PresetError, match="log_error is nan; a finite number"):
        residuals.__wrapped__()


def test_the_strip_and_the_workings_show_the_intervals():
    at = app("device=NVIDIA+H100+SXM5+80GB", "pages/latency.py")
    given = scenario(device="NVIDIA H100 SXM5 80GB")
    figures = estimate(given)
    spans = intervals(given, figures)
    first, token, cost = explain.intervals_shown(given, figures, spans)
    below = {metric.label: metric.delta for metric in at.main.metric[:5]}
    assert first and below["First token"] == first
    assert token and below["Each further token"] == token
    assert cost and below["Cost, 1M tokens"] == cost
    served = serve(given, Load())
    many = {metric.label: metric.delta for metric in at.main.metric[5:]}
    assert (many["First token"], many["Each further token"], many["Tokens a second"]) == explain.served_intervals(
        given, served, spans
    )
    captions = " ".join(caption.value for caption in at.main.caption)
    assert first in captions and token in captions and explain.throughput_shown(figures, spans) in captions
