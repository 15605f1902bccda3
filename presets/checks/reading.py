"""What does a computation say of a claim? Readings: values, ranges and bounds, each with its working in a line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from calculators import Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one way to take a claim gives, in base units: a value, a range, or a bound where an end is open."""

    low: float
    high: float
    working: str

    def __post_init__(self) -> None:
        """Raises ValueError where a figure it needs is unknown: an unknown must not pass for a verdict."""
        if not self.low <= self.high:
            raise ValueError(f"{self.working}: {self.low} to {self.high} is no range; a figure is unknown")


def exactly(value: Quantity, working: str) -> Reading:
    """A reading that is one value."""
    return Reading(low=float(value), high=float(value), working=working)


def at_least(value: Quantity, working: str) -> Reading:
    """A reading that is a lower bound."""
    return Reading(low=float(value), high=inf, working=working)


def at_most(value: Quantity, working: str) -> Reading:
    """A reading that is an upper bound."""
    return Reading(low=0.0, high=float(value), working=working)


def between(one: float, other: float, working: str) -> Reading:
    """A reading that lies between two values, whichever is the smaller."""
    return Reading(low=min(one, other), high=max(one, other), working=working)


Computation = Callable[..., tuple[Reading, ...]]
_CHECKS: dict[str, Computation] = {}
CHECKS: Mapping[str, Computation] = MappingProxyType(_CHECKS)  # what a claim's `check` may name


def check(function: Computation) -> Computation:
    """Register a computation under its name."""
    _CHECKS[function.__name__] = function
    return function


def digits(value: float) -> str:
    """Four significant digits, thousands separated."""
    return f"{value:.4g}" if value < 1e4 else f"{value:,.0f}"


def count(value: float) -> str:
    """A count with a letter for its thousands: 37.55B."""
    for size, name in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if value >= size:
            return f"{digits(value / size)}{name}"
    return f"{value:,.0f}"
