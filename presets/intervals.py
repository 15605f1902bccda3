"""Which measurements stand behind a predicted time, and which interval do they support?

presets/residuals.csv holds ln(predicted / measured) of every measured time by a fit without that row's model
(`python -m presets.fit`). A time of a kind of engine, device and format that was measured has the interval of that
engine's errors; of a device of a measured make it spans all errors; beyond that it reaches to the data sheet's roofline
on one side and as far on the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from calculators.estimate import Estimate, Scenario, estimate
from calculators.formats import Format
from calculators.intervals import Span, beyond, pure_roofline, supported, together
from presets.accuracy.devices import device_named
from presets.accuracy.rows import format_named
from presets.catalog import accelerator_facts
from presets.loader import Entry, load_rows

FILE = "residuals.csv"
COLUMNS = {
    "quantity": str, "engine": str, "config": str, "accelerator": str, "weight_format": str, "batch": int,
    "log_error": float,
}  # fmt: skip
# What is measured of the two times that all others follow from.
PHASES: Mapping[str, tuple[str, ...]] = {
    "first token": ("prefill_s", "ttft_s"),
    "further token": ("decode_step_s", "tpot_s"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Residual:
    """One measured time, and ln(predicted / measured) by a fit that did not see its model."""

    quantity: str
    engine: str
    config: str
    accelerator: str
    weight_format: str
    batch: int
    log_error: float


def _residual(entry: Entry) -> Residual:
    error = entry.get("log_error", float)
    if not isfinite(error):
        raise entry.error(f"log_error is {error!r}; a finite number was expected")
    texts = {name: entry.text(name) for name, kind in COLUMNS.items() if kind is str}
    texts["accelerator"] = device_named(texts["accelerator"])
    return Residual(**texts, batch=entry.get("batch", int), log_error=error)


@cache
def residuals() -> tuple[Residual, ...]:
    """Every left-out row."""
    return load_rows(FILE, COLUMNS, _residual)


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """What an interval rests on: measured rows, and in words what of the scenario none of them has.

    `near`: not this device, but others of its make and kind. `lacks`: nothing of the kind, so the interval is wide.
    """

    span: Span
    rows: tuple[Residual, ...]
    near: str = ""
    lacks: tuple[str, ...] = ()

    def names(self, column: str) -> list[str]:
        """What the rows hold in a column, in order."""
        return sorted({getattr(row, column) for row in self.rows})


def _make(accelerator: str) -> str:
    """Maker and kind of a device of the catalog; the name of another."""
    facts = accelerator_facts().get(accelerator)
    return f"{facts.vendor} {facts.kind} devices" if facts else accelerator


def _stored(fmt: Format) -> tuple[str, int]:
    """What decides a format's speed: the type that is computed in and the bits that are read."""
    return fmt.arithmetic, fmt.bits


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """The rows of a phase, of one engine or of all, with the devices, makes and formats that they have."""

    rows: tuple[Residual, ...]
    errors: NDArray[np.float64]
    devices: frozenset[str]
    makes: frozenset[str]
    stored: frozenset[tuple[str, int]]


@cache
def _measured(phase: str, engine: str = "") -> _Measured:
    rows = tuple(row for row in residuals() if row.quantity in PHASES[phase] and engine in ("", row.engine))
    devices = frozenset(row.accelerator for row in rows)
    return _Measured(
        rows=rows,
        errors=np.array([row.log_error for row in rows]),
        devices=devices,
        makes=frozenset(map(_make, devices)),
        stored=frozenset(_stored(format_named(label)) for label in {row.weight_format for row in rows}),
    )


def lacking(scenario: Scenario, phase: str) -> tuple[str, ...]:
    """What of a scenario was never measured with its engine: the engine at all, the make of device, the format."""
    own, fmt = _measured(phase, scenario.engine.name), scenario.weight_format
    among = own if own.rows else _measured(phase)
    make = _make(str(scenario.deployment.accelerator.name))
    lacks = {
        f"{scenario.engine.name} itself": not own.rows,
        make: make not in among.makes,
        f"{fmt.bits}-bit weights computed in {fmt.arithmetic.upper()}": _stored(fmt) not in among.stored,
    }
    return tuple(name for name, true in lacks.items() if true)


def support(scenario: Scenario, phase: str, roofline: float = 1.0) -> Support:
    """The interval of a scenario's phase and what it rests on; `roofline` is its share of the predicted time.

    Of an engine, make of device and format measured together: that engine's errors. Of a device that was not measured
    itself: the whole range of them. Else the range of every engine's errors, and at least from the roofline to as far
    on the other side.
    """
    pooled, own, card = _measured(phase), _measured(phase, scenario.engine.name), scenario.deployment.accelerator.name
    lacks = lacking(scenario, phase)
    if lacks:
        return Support(span=beyond(supported([], pooled.errors), roofline), rows=pooled.rows, lacks=lacks)
    if card not in own.devices:
        return Support(span=supported([], own.errors), rows=own.rows, near=str(card))
    return Support(span=supported(own.errors, pooled.errors), rows=own.rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervals:
    """The spans of a scenario's figures, and what the two times that they follow from rest on."""

    first_token: Support
    token: Support
    request: Span  # of the cost too; a rate has its inverse


def intervals(scenario: Scenario, figures: Estimate) -> Intervals:
    """The intervals of one scenario's times; those of throughput and cost follow from their shares."""
    times = {"first token": float(figures.first_token_s), "further token": float(figures.token_s)}
    shares = dict.fromkeys(times, 1.0)
    if any(lacking(scenario, phase) for phase in PHASES):
        ideal = estimate(replace(scenario, engine=pure_roofline(scenario.engine)))
        least = {"first token": float(ideal.first_token_s), "further token": float(ideal.token_s)}
        shares = {phase: least[phase] / time for phase, time in times.items()}
    first, token = (support(scenario, phase, shares[phase]) for phase in ("first token", "further token"))
    steps = float(scenario.workload.output_tokens * figures.token_s / figures.request_s)
    return Intervals(first_token=first, token=token, request=together([(first.span, 1 - steps), (token.span, steps)]))
