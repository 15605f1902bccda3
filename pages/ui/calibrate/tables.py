"""What did a calibration change? Rows before and after, factors, constants."""

from math import isfinite

import numpy as np
import pandas as pd

from calculators.calibrate import CONSTANTS, Factors, Fitted, calibrated
from calculators.hardware import Engine
from pages.ui.explain import answers, wording
from presets.trials import Comparison


def calibrated_rows(found: Comparison, fitted: Fitted) -> pd.DataFrame:
    """A visitor's rows, each time as measured, as shipped and calibrated."""
    lines = []
    for i, (row, trial) in enumerate(zip(found.rows, found.each_trial, strict=True)):
        line = {"Run": row.place, "Load": f"{row.concurrency:,} × ({row.prompt_tokens:,} + {row.output_tokens:,})"}
        for name, label in (("token_s", "Token"), ("first_token_s", "First token")):
            measured = getattr(row, name)
            known = isfinite(fitted.before[name][i])
            line[label] = wording.show_seconds(measured) if known else "–"
            for when, logs in (("shipped", fitted.before), ("yours", fitted.after)):
                line[f"{label}, {when}"] = wording.per_cent(np.expm1(logs[name][i]), signed=True) if known else "–"
        given = trial.scenario
        line |= {
            "Model": given.model.name, "Weights": given.weight_format.name, "Devices": answers.devices_text(given),
        }  # fmt: skip
        lines.append(line)
    return pd.DataFrame(lines)


FACTOR_NAMES = {
    "bandwidth": "Bandwidth: shares of the data sheet's", "arithmetic": "Arithmetic: shares of the data sheet's",
    "step": "Steps: what each product, hop and step adds", "request": "Requests: what each waits for beside its passes",
}  # fmt: skip


def factors(found: Factors) -> pd.DataFrame:
    """The factors of a calibration, and what each multiplies."""
    return pd.DataFrame(
        [
            {"Factor on": label, "Shipped": "1", "Yours": f"{getattr(found, name):.3g}",
             "So it is": "as shipped" if getattr(found, name) == 1
             else ("faster" if (getattr(found, name) > 1) == (name in ("bandwidth", "arithmetic")) else "slower")}
            for name, label in FACTOR_NAMES.items()
        ]
    )  # fmt: skip


def calibrated_constants(engine: Engine, found: Factors) -> pd.DataFrame:
    """Every constant that a calibration multiplies, before and after."""
    changed = calibrated(engine, found)
    values = {name: (getattr(engine, name), getattr(changed, name)) for names in CONSTANTS.values() for name in names}
    values |= {
        name: (getattr(engine.scheduler, name), getattr(changed.scheduler, name))
        for name in ("step_s", "request_s", "burst", "grouping")
    }
    return pd.DataFrame(
        [
            {"Constant": name, "As shipped": f"{before:.4g}", "Calibrated": f"{after:.4g}"}
            for name, (before, after) in values.items()
        ]
    )
