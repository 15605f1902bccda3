"""How far may a prediction be off? The interval that the errors of left-out measurements support.

An error is ln(predicted / measured) by a fit that did not see the measured model. The next error lies between order
statistics of those seen: with n of them, at most the ceil(0.9 (n + 1))-th smallest nine times in ten.
Source: conformal prediction, Vovk et al. 2005; of rows in groups, Lee, Barber and Willett 2023, arXiv:2306.06342.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike

from calculators.hardware import Engine

LEVEL = 0.8  # the share of measurements that an interval should hold
POOLED = 9  # rows that all pooled errors count as: the fewest whose extremes bound 80 % of what comes next


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """What a figure may be, as shares of what is predicted: low <= 1 <= high."""

    low: float
    high: float

    def of(self, predicted: float) -> tuple[float, float]:
        """The two ends for a time or a cost, in its unit."""
        return predicted * self.low, predicted * self.high

    @property
    def inverse(self) -> "Span":
        """The span of a rate, which is low where its time is high."""
        return Span(low=1 / self.high, high=1 / self.low)


def _bound(own: ArrayLike, pooled: ArrayLike, level: float) -> float:
    """The error that the next one does not exceed with a probability of (1 + level) / 2; the largest seen at most."""
    errors = np.concatenate([own, pooled])
    shares = np.full(np.size(pooled), POOLED / np.size(pooled)) if np.size(pooled) else np.empty(0)
    weights = np.concatenate([np.ones(np.size(own)), shares])
    order = np.argsort(errors, kind="stable")
    wanted = (1 + level) / 2 * (weights.sum() + 1)
    place = np.searchsorted(np.cumsum(weights[order]), wanted - 1e-9)
    return float(errors[order][min(place, errors.size - 1)])


def supported(own: ArrayLike, pooled: ArrayLike, level: float = LEVEL) -> Span:
    """The span that the errors of a kind support, drawn to the pooled errors of all kinds where it has few.

    Each of its own counts as one, the pooled ones together as nine; n + 9 and the one to come make the order statistic.
    Without errors of its own the span is that of all pooled ones. It always holds the prediction itself.

    >>> tens = [0.01 * i for i in range(-4, 5)]
    >>> span = supported([], tens)
    >>> round(span.low, 4), round(span.high, 4)  # exp(-0.04), exp(0.04)
    (0.9608, 1.0408)
    """
    above, below = _bound(own, pooled, level), -_bound(-np.asarray(own), -np.asarray(pooled), level)
    return Span(low=float(np.exp(-max(above, 0.0))), high=float(np.exp(-min(below, 0.0))))


def beyond(span: Span, roofline: float) -> Span:
    """The span where nothing of the kind was measured: at least from the data sheet's roofline to as far above.

    `roofline` is the share of the predicted time that a device takes which reaches every rate of its data sheet and
    adds nothing: none is faster. How much slower one may be nobody measured. An unknown share widens nothing.
    """
    share = roofline if 0 < roofline < 1 else 1.0
    return Span(low=min(span.low, share), high=max(span.high, 1 / share))


def together(parts: Sequence[tuple[Span, float]]) -> Span:
    """The span of a sum of times from (span of a part, its share of the sum): all are off the same way at once."""
    low, high = (sum(getattr(span, end) * share for span, share in parts) for end in ("low", "high"))
    return Span(low=low, high=high)


def pure_roofline(engine: Engine) -> Engine:
    """The engine that reaches every rate of the data sheet and adds nothing to it."""
    ideal = {
        each.name: 0.0 if each.name.endswith(("_s", "passes")) else 1.0
        for each in fields(engine)
        if each.name.endswith(("_s", "passes", "bandwidth", "arithmetic"))
    }
    return replace(engine, **ideal)  # type: ignore[arg-type]
