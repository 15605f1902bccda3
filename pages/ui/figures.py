"""What does an estimate say, figure by figure? Each with its unit and its interval, as a file takes it away."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

from calculators.architecture import active_parameters, parameters
from calculators.estimate import Estimate, Scenario
from calculators.intervals import LEVEL, Span
from calculators.memory import weight_bytes
from pages.ui.explain.answers import least
from pages.ui.explain.wording import NAMES, show_bytes, show_count, show_interval, show_rate, show_seconds, show_usd
from pages.ui.links.query import VERSION
from presets.intervals import Intervals


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure in its base unit, NaN where it is unknown; `low` and `high` are the ends of its 80 % interval.

    `least`: it is no less than the value, how much more is unknown.
    """

    name: str
    unit: str
    value: float
    low: float = nan
    high: float = nan
    least: bool = False

    @property
    def bound(self) -> str:
        """What stands before a value that is only the least that it can be."""
        return "≥\N{NO-BREAK SPACE}" if self.least and isfinite(self.value) else ""

    @property
    def shown(self) -> str:
        """The value as pages show it."""
        return self.bound + show(self.value, self.unit)

    @property
    def interval(self) -> str:
        """Its interval as pages show it; nothing where it has none."""
        known = isfinite(self.low) and isfinite(self.high)
        return show_interval((self.low, self.high), lambda end: show(end, self.unit)) if known else ""


def show(value: float, unit: str) -> str:
    """A value in the unit that pages show it in."""
    if unit == "bytes":
        return show_bytes(value)
    if unit == "s":
        return show_seconds(value)
    if unit == "USD":
        return show_usd(value)
    if unit == "parameters":
        return show_count(value)
    if unit == "devices":
        return f"{int(value):,}"
    return show_rate(value, unit)


def figures(scenario: Scenario, found: Estimate, spans: Intervals) -> tuple[Figure, ...]:
    """Every figure of an estimate of one scenario, in the order in which pages show them."""
    deployment, floor = scenario.deployment, bool(least(scenario))
    first, token, request = spans.first_token.span, spans.token.span, spans.request

    def within(name: str, unit: str, value: float, span: Span, *, known: bool = not floor) -> Figure:
        low, high = span.of(value) if known and isfinite(value) else (nan, nan)
        return Figure(name=name, unit=unit, value=value, low=low, high=high)

    times = {name: float(getattr(found, name)) for name in ("first_token_s", "token_s", "request_s", "tokens_per_s")}
    price, energy = float(found.usd_per_token) * 1e6, float(found.joules_per_token)
    return (
        Figure(name="Parameters", unit="parameters", value=parameters(scenario.model)),
        Figure(name="Parameters that a token uses", unit="parameters", value=active_parameters(scenario.model)),
        Figure(name="Weights of a copy", unit="bytes", value=weight_bytes(scenario.model, scenario.weight_format)),
        Figure(name="Devices", unit="devices", value=float(deployment.devices)),
        Figure(name="Memory of a device", unit="bytes", value=float(found.used_bytes)),
        Figure(name="Memory that a device gives", unit="bytes", value=float(found.capacity_bytes)),
        within("First token", "s", times["first_token_s"], first, known=True),
        replace(within("Each further token", "s", times["token_s"], token), least=floor),
        within("Whole batch", "s", times["request_s"], request),
        within("Tokens a second", "tokens/s", times["tokens_per_s"], request.inverse),
        within("Cost, 1M tokens", "USD", price, request),
        within("Energy, 1 token", "J", energy, request),
        Figure(
            name="Rent of all devices, an hour", unit="USD",
            value=float(deployment.accelerator.usd_per_hour * deployment.devices),
        ),
        *(
            Figure(name=f"Memory of a device: {NAMES[part]}", unit="bytes", value=float(size))
            for part, size in found.memory_bytes.items()
        ),
    )  # fmt: skip


def named(found: Sequence[Figure]) -> dict[str, Figure]:
    """Figures by their names."""
    return {figure.name: figure for figure in found}


def as_csv(found: Sequence[Figure], *, link: str, engine: str) -> str:
    """A line a figure: name, unit, value, interval, and what it was computed with; an unknown figure is empty."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("figure", "unit", "bound", "value", "low", "high", "interval", "engine", "link_version", "link"))
    for each in found:
        numbers = (repr(end) if isfinite(end) else "" for end in (each.value, each.low, each.high))
        rows.writerow((each.name, each.unit, _bound(each), *numbers, f"{LEVEL:g}", _cell(engine), VERSION, _cell(link)))
    return text.getvalue()


def _bound(each: Figure) -> str:
    """What its value is: the figure itself, or the least that it can be."""
    return "at least" if each.least else "predicted"


def _cell(text: str) -> str:
    """A text from outside that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def as_json(
    found: Sequence[Figure], *, link: str, inputs: Mapping[str, str], engine: Mapping[str, Any], fits: bool
) -> str:
    """All figures with what they were computed from, as JSON; an unknown figure is null."""
    rows = [
        {"figure": each.name, "unit": each.unit, "bound": _bound(each)}
        | {key: end if isfinite(end) else None for key, end in _numbers(each).items()}
        for each in found
    ]
    whole = {
        "link": link,
        "link_version": VERSION,
        "engine": dict(engine),
        "inputs": dict(inputs),
        "interval": LEVEL,
        "fits": fits,
        "figures": rows,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _numbers(each: Figure) -> dict[str, float]:
    return {"value": each.value, "low": each.low, "high": each.high}
