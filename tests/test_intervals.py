"""Intervals hold what they promise: four of five left-out rows; wide where nothing like it was measured."""

from dataclasses import replace
from itertools import groupby
from math import exp, isfinite, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculators.estimate import estimate, first_token_rows, token_rows
from calculators.intervals import (
    ENOUGH,
    LEVEL,
    Span,
    narrower,
    pure_roofline,
    supported,
    together,
    unseen,
    wider,
)
from calculators.latency import seconds
from calculators.serving import Load, serve
from pages.ui.controls import records
from pages.ui.explain import uncertainty, wording
from pages.ui.links.fields import Inputs
from presets import intervals as module
from presets import loader
from presets.catalog import engines
from presets.intervals import FEW, PHASES, Residual, intervals, kind, lacking, residuals, support
from tests.test_pages import app

ERRORS = st.lists(st.floats(-2, 2), min_size=1, max_size=60)
SOME = ERRORS | st.just([])


def scenario(**chosen):
    return records.scenario(Inputs(**chosen))


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


@given(
    groups=st.dictionaries(st.sampled_from("abcdef"), st.lists(st.floats(-2, 2), min_size=1, max_size=40), min_size=1)
)
def test_what_was_not_measured_is_as_wide_as_the_widest_that_was_and_no_wider_than_any_error(groups):
    pooled = [error for errors in groups.values() for error in errors]
    span, like = unseen(groups)
    known = [supported(errors, pooled) for errors in groups.values() if len(errors) >= ENOUGH]
    assert span.high == (max(each.high for each in known) if len(known) > 1 else supported([], pooled).high)
    assert (like in groups) is (len(known) > 1)
    assert np.exp(-np.abs(pooled).max()) <= span.low <= 1


def test_a_group_of_few_errors_and_one_group_alone_do_not_tell_how_groups_differ():
    near, far = [0.1] * 96, [0.2] * 96
    assert unseen({"near": near, "far": far, "few": [3.0] * (ENOUGH - 1)}) == (
        Span(low=exp(-0.2), high=exp(0.2)),
        "far",
    )
    assert unseen({"near": near, "few": [3.0]}) == (Span(low=exp(-3), high=exp(3)), "")


def test_spans_that_hold_others_by_hand():
    one, other = Span(low=0.5, high=1.5), Span(low=0.8, high=2)
    assert wider(one, other) == Span(low=0.5, high=2)
    assert narrower(one, other) == Span(low=0.8, high=1.5)


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


def by(what, rows):
    groups = {}
    for row in rows:
        groups.setdefault(what(row), []).append(row.log_error)
    return groups


def rows_of(phase, engine=None, *, alone=False):
    return [
        row for row in residuals()
        if row.quantity in PHASES[phase] and engine in (None, row.engine)
        and not (alone and row.quantity == "ttft_s" and row.batch > FEW)
    ]  # fmt: skip


@pytest.mark.parametrize(("phase", "what"), [
    ("first token", "engine"), ("further token", "engine"), ("first token", "device"), ("further token", "device"),
    ("further token", "make"),
])  # fmt: skip
def test_most_rows_of_what_is_left_out_whole_fall_within(phase, what):
    """Each engine, device or make of device against the interval that it gets without any of its rows."""
    name = {"engine": lambda row: row.engine, "device": lambda row: row.accelerator, "make": lambda row: make(row)}[
        what
    ]
    rows, shares = rows_of(phase), []
    for left in {name(row) for row in rows}:
        own = [row for row in rows if name(row) == left]
        span, _ = unseen(by(kind if what != "device" else lambda row: f"{row.engine} {row.accelerator}",
                            [row for row in rows if name(row) != left]))  # fmt: skip
        if len(own) >= ENOUGH:
            shares.append(np.mean([span.low <= exp(-row.log_error) <= span.high for row in own]))
    assert np.mean(shares) >= 0.7


def make(row):
    return kind(row).removeprefix(f"{row.engine} on ")


def test_what_was_measured_has_the_errors_of_its_engine():
    found = spans_of(device="NVIDIA H100 SXM5 80GB", weights="BF16", engine="CUDA-graph decoder")
    for each, quantity in ((found.first_token, "prefill_s"), (found.token, "decode_step_s")):
        assert not each.lacks and not each.near and not each.like
        assert each.names("engine") == ["CUDA-graph decoder"] and each.names("quantity") == [quantity]
    errors = [row.log_error for row in rows_of("further token")]
    own = [row.log_error for row in rows_of("further token", "CUDA-graph decoder")]
    assert found.token.span == supported(own, errors, LEVEL)
    ends = sorted((found.first_token.span.low, found.token.span.low))
    assert ends[0] <= found.request.low <= ends[1]


def test_a_device_of_a_measured_kind_is_like_the_worst_of_its_engines_devices():
    near, measured = spans_of(device="NVIDIA A100 SXM4 80GB", engine="vLLM").token, spans_of(engine="vLLM").token
    assert near.near == "NVIDIA A100 SXM4 80GB" and not near.lacks and near.rows == measured.rows
    rows = rows_of("further token", "vLLM")
    span, like = unseen(by(lambda row: row.accelerator, rows))
    assert near.like == like != "" and near.span == wider(span, measured.span)
    assert f"as wide as for {wording.short_device(like)}, the worst predicted of" in uncertainty.interval_basis(
        near, "1–2 ms"
    )


def test_of_one_device_alone_all_errors_count():
    near = spans_of(device="NVIDIA H200 SXM", engine="CUDA-graph decoder").token
    rows = rows_of("further token", "CUDA-graph decoder")
    largest = supported([], [row.log_error for row in rows])
    assert len({row.accelerator for row in rows}) > 1 or near.span == narrower(largest, kinds("further token"))
    assert "all errors on" in uncertainty.interval_basis(near, "1–2 ms")


def kinds(phase, *, alone=False):
    """The span of an engine or kind of device that was never measured."""
    return unseen(by(kind, rows_of(phase, alone=alone)))[0]


OUTSIDE = {
    "a phone": dict(device="Qualcomm Snapdragon 8 Gen 3", model="Llama 3.2 1B", batch=1),
    "a TPU": dict(device="Google TPU v5e"),
    "a format": dict(weights="Q2_K"),
    "a desktop's card": dict(device="NVIDIA GeForce RTX 4090"),
    "an engine": {},
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_was_never_measured_is_said_and_is_as_wide_as_the_worst_that_was(name):
    given = scenario(**OUTSIDE[name])
    if name == "an engine":
        given = replace(given, engine=replace(given.engine, name="An engine of mine"))
    found = intervals(given, estimate(given))
    own = rows_of("further token", given.engine.name)
    measured = supported([row.log_error for row in own], [row.log_error for row in rows_of("further token")])
    assert found.token.lacks == lacking(given, "further token") != ()
    if name == "a format":
        assert measured.high < found.token.span.high <= kinds("further token").high
    elif own:
        assert found.token.span == wider(kinds("further token"), measured)
    else:
        assert found.token.span == kinds("further token")
    text = uncertainty.interval_basis(found.token, "1–2 ms")
    assert "a wide one" in text and all(each in text for each in found.token.lacks)


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("phase", PHASES)
def test_what_is_nearer_to_what_was_measured_never_has_a_wider_interval(engine, phase):
    own = rows_of(phase, engine)
    if not own:
        assert support(scenario(engine=engine), phase).lacks
        return
    card = own[0].accelerator
    measured, near, far = (
        support(scenario(engine=engine, device=device, weights=weights), phase).span.high
        for device, weights in ((card, "BF16"), ("NVIDIA A100 SXM4 40GB", "BF16"), ("Google TPU v5e", "BF16"))
    )
    assert measured <= near <= far


@pytest.mark.parametrize("engine", ["vLLM", "SGLang", "TensorRT-LLM"])
def test_one_request_alone_rests_on_first_tokens_with_few_at_once(engine):
    found = spans_of(engine=engine)
    alone, served = found.first_token, found.served_first_token
    assert served.at_once > FEW and len(served.rows) == len(rows_of("first token", engine))
    few = rows_of("first token", engine, alone=True)
    assert (alone.at_once <= FEW) is (len(few) >= ENOUGH)
    if len(few) >= ENOUGH:
        pooled = [row.log_error for row in rows_of("first token", alone=True)]
        assert alone.span == supported([row.log_error for row in few], pooled)
    assert f"with up to {alone.at_once:,} requests at once" in uncertainty.interval_basis(alone, "1–2 ms")


def test_first_tokens_with_few_at_once_that_are_too_few_leave_those_of_many(monkeypatch):
    monkeypatch.setattr(module, "ENOUGH", 10_000)
    where = ("first token", "vLLM", "NVIDIA H100 SXM5 80GB", ())
    assert module._support.__wrapped__(*where, alone=True) == module._support.__wrapped__(*where, alone=False)


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
    first, token, cost = uncertainty.intervals_shown(given, figures, intervals(given, figures))
    assert (first, token, cost) == ("", "", "")  # a lower bound has no interval either


def test_intervals_are_written_with_their_unit_once():
    assert wording.show_interval((0.0201, 0.0273), wording.show_seconds) == "20.1–27.3 ms"
    assert wording.show_interval((0.5, 1.5), wording.show_seconds) == "500 ms–1.50 s"
    assert wording.show_interval((0.36, 0.42), wording.show_usd) == "$0.36–$0.42"
    assert wording.show_interval((nan, 1), wording.show_seconds) == ""


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
    first, token, cost = uncertainty.intervals_shown(given, figures, spans)
    below = {metric.label: metric.delta for metric in at.main.metric[:5]}
    assert first and below["First token"] == first
    assert token and below["Each further token"] == token
    assert cost and below["Cost, 1M tokens"] == cost
    served = serve(given, Load())
    many = {metric.label: metric.delta for metric in at.main.metric[5:]}
    assert (many["First token"], many["Each further token"], many["Tokens a second"]) == uncertainty.served_intervals(
        given, served, spans
    )
    captions = " ".join(caption.value for caption in at.main.caption)
    assert first in captions and token in captions and uncertainty.throughput_shown(figures, spans) in captions
