"""What is said of a calibration? Whose rows it is drawn from, and what it changed."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from calculators.calibrate import Fitted
from pages.ui.explain.wording import per_cent, plural


def calibrated_with(engine: str, rows: int) -> str:
    """An engine as a visitor's measurements make it: "vLLM, calibrated with your 6 rows"."""
    return f"{engine}, calibrated with your {plural(rows, 'row')}"


def middle_error(logs: Sequence[float]) -> float:
    """The median size of predicted / measured - 1; NaN where nothing was measured."""
    known = np.asarray(logs)[np.isfinite(logs)]
    return float(np.median(np.abs(np.expm1(known)))) if known.size else np.nan


MEASURED_TIMES = {"token_s": "token times", "first_token_s": "first tokens"}


def calibration(fitted: Fitted) -> str:
    """What a fit to a visitor's rows changes: the error of each kind of time, before and after."""
    rows = len(fitted.before["token_s"])
    told = []
    for name, words in MEASURED_TIMES.items():
        before, after = (middle_error(errors[name]) for errors in (fitted.before, fitted.after))
        if isfinite(before):
            verb = (
                "stays at" if per_cent(before) == per_cent(after) else "falls from" if after < before else "rises from"
            )
            ends = per_cent(after) if verb == "stays at" else f"{per_cent(before)} to {per_cent(after)}"
            told.append(f"the error of {words} {verb} **{ends}**")
    if not told:
        return f"Your {plural(rows, 'row')} cannot be compared: the device's arithmetic or links are unknown."
    return f"With your {plural(rows, 'row')} {' and '.join(told)}."
