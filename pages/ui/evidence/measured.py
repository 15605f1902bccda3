"""How far off are the predictions? The section of the Evidence page: filters, two charts, the errors by group."""

from collections.abc import Sequence
from functools import cache
from itertools import cycle

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from calculators.intervals import LEVEL
from pages.ui.charts import drawing, nearness
from pages.ui.explain import wording
from presets.evidence import (
    COUNTS,
    SIZES,
    TIMES,
    VERDICTS,
    Errors,
    Point,
    by_group,
    errors,
    kind_of,
    points,
    rivals,
    spread,
    worst,
)

# The columns that a visitor narrows by: what a column is called, and how its widget says that nothing is left out.
FILTERS = {"engine": "All engines", "model": "All models", "device": "All devices", "format": "All formats"}
MOST = 200  # points of a trace
NAMES = {
    "decode_step_s": "Decode step", "prefill_s": "Prefill", "all_reduce_s": "All-reduce", "ttft_s": "First token",
    "tpot_s": "Token when serving", "product_s": "Single matrix product", "kernel_launches": "Kernel launches",
    "weight_bytes": "Weights", "kv_bytes_per_token": "Cache of a token",
    "prefill_peak_activation_bytes": "Prefill's peak", "activation_bytes": "Working values",
    "model_buffer_bytes": "Model buffers", "peak_bytes": "Held at the end", "mix_bytes": "llama.cpp file",
    "kv_cache_bytes": "Cache, rest as logged", "kv_cache_unaided_bytes": "Cache left over",
    "compute_buffer_bytes": "Compute buffers", "generate_peak_over_weights_bytes": "Generation's peak",
    "train_step_s": "Training step", "train_state_bytes": "Training, between steps",
    "train_peak_bytes": "Training, peak", "train_reserved_bytes": "Training, reserved",
    "train_peak_range_bytes": "Training, peak as a range",
}  # fmt: skip
# A kind of figure: its axis, what the axis is called, how a figure is shown.
AXES = {
    TIMES: ({**drawing.DECADES, "tickformat": "~s", "ticksuffix": "s"}, "time, s", wording.show_seconds),
    SIZES: (nearness.BYTE_TICKS, "size, bytes", wording.show_bytes),
    COUNTS: (drawing.DECADES, "count", wording.digits),
}


def name(quantity: str) -> str:
    """A quantity in words."""
    return NAMES.get(quantity, quantity.replace("_", " ").capitalize())


def per_cent(share: float) -> str:
    """A share in per cent, two digits: 0.12 %, 2.1 %, 14 %."""
    return f"{100 * share:.2g}\u202f%" if abs(share) < 0.1 else f"{100 * share:,.0f}\u202f%"


def _met(found: Errors, mark: str = "") -> str:
    if not found.high:
        return "nine in ten are met exactly"
    median, high = (f"{mark}{per_cent(share)}{mark}" for share in (found.median, found.high))
    return f"half are met within {median}, nine in ten within {high}"


def summary(found: Sequence[Point]) -> str:
    """How far off these figures are, in a sentence: all, then times and sizes, then what was said to fit."""
    told = [point for point in found if point.kind != VERDICTS]
    kinds = {kind: [point.error for point in told if point.kind == kind] for kind in (TIMES, SIZES, COUNTS)}
    kinds = {kind: values for kind, values in kinds.items() if values}
    parts = []
    if told:
        whole = errors([point.error for point in told])
        parts.append(f"Of **{wording.plural(len(told), 'measured figure')}** {_met(whole, '**')}")
    if len(kinds) > 1:
        parts += [f"of the {len(values):,} {kind} {_met(errors(values))}" for kind, values in kinds.items()]
    verdicts = [point for point in found if point.kind == VERDICTS]
    if verdicts:
        right = sum(point.error == 0 for point in verdicts)
        parts.append(f"of {len(verdicts):,} reports of what fits {right:,} are told right")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else "Nothing was measured of this."


@cache
def hover(point: Point) -> str:
    """All about a point: what it is of, measured, predicted, the error."""
    _, _, show = AXES[point.kind]
    return (
        f"{name(point.quantity)}, {point.model}<br>{point.engine}, {point.device}, {point.format}<br>measured "
        f"{show(point.measured)}, predicted {show(point.predicted)}: {100 * point.error:+.1f}\u202f%<br>{point.name}"
    )


def chart(found: Sequence[Point], kind: str) -> None:
    """Predicted against measured of one kind, a trace a quantity; which are thinned out is said below."""
    every = list(dict.fromkeys(point.quantity for point in points() if point.kind == kind))
    dots = {quantity: [point for point in found if point.quantity == quantity] for quantity in every}
    dots = {quantity: of for quantity, of in dots.items() if of}
    axis, what, _ = AXES[kind]
    left = errors([point.error for of in dots.values() for point in of])
    drawing.show(
        nearness.predictions(
            f"{left.rows:,} {kind}: {_met(left)}",
            what,
            axis,
            {
                name(quantity): [(point.measured, point.predicted, hover(point)) for point in spread(of, MOST)]
                for quantity, of in dots.items()
            },
            {name(quantity): place for place, quantity in enumerate(every)},
        ),
        f"Predicted against measured {kind} on logarithmic axes, with the line of equality",
    )
    thinned = [f"{MOST} of {len(of):,} of “{name(quantity)}”" for quantity, of in dots.items() if len(of) > MOST]
    if thinned:
        st.caption(f"Shown, evenly over what was measured: {wording.listed(thinned)}. The figures count all.")


def group_table(found: Sequence[Point], column: str) -> pd.DataFrame:
    """Errors by quantity and a column, in per cent."""
    return pd.DataFrame(
        [
            {
                "Quantity": name(quantity), column.capitalize(): other, "Figures": of.rows, "Median": 100 * of.median,
                "Nine in ten": 100 * of.high, "Bias": 100 * of.bias,
            }
            for (quantity, other), of in sorted(
                by_group(found, ("quantity", column)).items(), key=lambda item: list(AXES).index(kind_of(item[0][0]))
            )
        ]
    )  # fmt: skip


def worst_table(found: Sequence[Point]) -> pd.DataFrame:
    """The figures that are missed by the largest factor, named with their source."""
    return pd.DataFrame(
        [
            {
                "Row": point.name, "Quantity": name(point.quantity),
                "Measured": AXES[point.kind][2](point.measured), "Predicted": AXES[point.kind][2](point.predicted),
                "Off": f"{wording.digits(point.factor)} × too {'high' if point.error > 0 else 'low'}",
                "Model": point.model, "Engine": point.engine, "Device": point.device, "Format": point.format,
                "Source": point.source,
            }
            for point in worst(found)
        ]
    )  # fmt: skip


def rival_table() -> pd.DataFrame:
    """Weighbridge, the data sheet alone and other tools, each on the rows it was tried on."""
    return pd.DataFrame(
        [
            {
                "Time": rival.phase.capitalize(), "Predicted by": rival.tool, "On": rival.on, "Rows": rival.rows,
                "Median error": 100 * rival.median, "Source": rival.source,
            }
            for rival in rivals()
        ]
    )  # fmt: skip


@cache
def _options(column: str) -> list[str]:
    return sorted({getattr(point, column) for point in points()}, key=str.casefold)


def narrowed() -> list[Point]:
    """The filters, and the points that they leave."""
    found = list(points())
    for place, (column, every) in zip(st.columns(len(FILTERS)), FILTERS.items(), strict=True):
        chosen = place.multiselect(
            column.capitalize(), _options(column), placeholder=every, key=f"measured {column}", persist_state="session",
            help=f"Only what was measured of these; none chosen: {every[0].lower()}{every[1:]}.",
        )  # fmt: skip
        if chosen:
            found = [point for point in found if getattr(point, column) in chosen]
    return found


PER_CENT = st.column_config.NumberColumn(format="%.2f\u202f%%")


@st.fragment
def section() -> None:
    """The filters, the charts, the errors by group, the worst, other tools: a choice runs this alone."""
    found = narrowed()
    if len(found) < len(points()):
        st.markdown(summary(found))
    kinds = [kind for kind in AXES if any(point.kind == kind for point in found)]
    if kinds:
        for place, kind in zip(cycle(st.columns(2, gap="large")), kinds, strict=False):
            with place:
                chart(found, kind)
    tabs = ("Errors by group", "What misses worst", "Other tools")
    groups, missed, others = st.tabs(tabs, key="measured tabs", on_change="rerun")
    if groups.open:
        _groups(groups, found)
    if missed.open:
        missed.dataframe(worst_table(found), hide_index=True, height=420)
    if others.open:
        others.dataframe(rival_table(), hide_index=True, column_config={"Median error": PER_CENT})
        others.caption(
            "Other tools were tried on other rows than ours: their figures stand beside ours, not against them. The "
            "pure roofline is the data sheet alone, every rate reached and nothing added. Models that a fit had not "
            f"seen are what the intervals of {100 * LEVEL:.0f}\u202f% rest on."
        )


def _groups(place: DeltaGenerator, found: Sequence[Point]) -> None:
    column = place.segmented_control(
        "By quantity and", list(FILTERS), default="engine", required=True, key="measured by",
        persist_state="session", format_func=str.capitalize,
    )  # fmt: skip
    config = dict.fromkeys(("Median", "Nine in ten", "Bias"), PER_CENT)
    place.dataframe(group_table(found, column), hide_index=True, column_config=config)
    place.caption("Errors in per cent of what was measured; bias is their mean with its sign, plus: too high.")
