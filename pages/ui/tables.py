"""What stands in a table of a scenario? Its models, tensors, memory and rows of work as data frames."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite, nan

import numpy as np
import pandas as pd

from calculators.architecture import Architecture, active_parameters, parameters, parameters_by_part, tensors, tier
from calculators.estimate import Scenario, estimate, memory_bytes
from calculators.formats import Format, stored_bytes, stores
from calculators.hardware import Engine
from calculators.latency import Work
from calculators.memory import kv_cache_bytes, weight_bytes
from calculators.recommend import smallest_deployment
from calculators.recommend.changes import MOST_DEVICES
from pages.ui.explain import wording


def side_by_side(scenario: Scenario, models: Mapping[str, Architecture]) -> pd.DataFrame:
    """The scenario for several models, each on as many devices as it takes; one unit a column."""
    deployments, found = [], []
    for model in models.values():
        own = replace(scenario, model=model)
        deployment = smallest_deployment(own)
        deployments.append(deployment)
        found.append(estimate(replace(own, deployment=deployment)) if deployment else None)
    weights = [weight_bytes(model, scenario.weight_format) for model in models.values()]
    cache = [kv_cache_bytes(model, scenario.cache_format, batch=1, context_tokens=1) for model in models.values()]
    return pd.DataFrame(
        {
            "Model": list(models),
            "Scale": [tier(model) for model in models.values()],
            "Parameters": [wording.show_count(parameters(model)) for model in models.values()],
            "Active": [wording.show_count(active_parameters(model)) for model in models.values()],
            "Weights": wording.show_alike(weights, "bytes"),
            "Cache a token": wording.show_alike(cache, "bytes"),
            "Devices": [f"{int(each.devices):,}" if each else f"over {MOST_DEVICES}" for each in deployments],
            "First token": wording.show_alike([float(each.first_token_s) if each else nan for each in found], "s"),
            "Each token": wording.show_alike([float(each.token_s) if each else nan for each in found], "s"),
            "1M tokens": [wording.show_usd(each.usd_per_token * 1e6 if each else nan) for each in found],
        }
    )


def ledger(scenario: Scenario) -> pd.DataFrame:
    """Every weight tensor of the model and the sum."""
    model, fmt = scenario.model, scenario.weight_format
    rows = [
        {
            "Part": wording.NAMES[row.part],
            "Tensor": row.name,
            "Shape": " × ".join(f"{side:,}" for side in row.shape),
            "Copies": f"{row.copies:,}",
            "Parameters": f"{row.values * row.copies:,}",
            "Used by a token": f"{row.values * row.used:,}",
            f"In {fmt.name}": wording.show_bytes(stored_bytes(model, row, fmt)),
        }
        for row in tensors(model)
    ]
    rows.append(
        {
            "Part": "Sum",
            "Tensor": "",
            "Shape": "",
            "Copies": "",
            "Parameters": f"{parameters(model):,}",
            "Used by a token": f"{active_parameters(model):,}",
            f"In {fmt.name}": wording.show_bytes(weight_bytes(model, fmt)),
        }
    )
    return pd.DataFrame(rows)


def parts(model: Architecture) -> pd.DataFrame:
    """Parameters of each part of a model and the sum."""
    counts = {wording.NAMES[part]: count for part, count in parameters_by_part(model).items()}
    counts["Sum"] = parameters(model)
    return pd.DataFrame({"Part": list(counts), "Parameters": [f"{count:,}" for count in counts.values()]})


def by_format(scenario: Scenario, formats: Mapping[str, Format]) -> dict[str, dict[str, float]]:
    """Memory of the fullest device by component in each weight format that stores the model, the smallest last."""
    own = {name: fmt for name, fmt in formats.items() if stores(scenario.model, fmt)}
    rows = {name: memory_bytes(replace(scenario, weight_format=fmt)) for name, fmt in own.items()}
    return dict(sorted(rows.items(), key=lambda item: -sum(item[1].values())))


def components(parts: Mapping[str, float], capacity: float) -> pd.DataFrame:
    """A device's memory by component, the sum and what is left."""
    used = sum(parts.values())
    sizes = {wording.NAMES[part]: size for part, size in parts.items() if size}
    sizes |= {"Sum": used, "May be taken": capacity, "Free": capacity - used}
    return pd.DataFrame(
        {"Component": list(sizes), "Size": [wording.show_bytes(size) for size in sizes.values()],
         "Bytes": [f"{size:,.0f}" for size in sizes.values()]}
    )  # fmt: skip


def work(rows: Sequence[Work], names: Mapping[str, str] = wording.NAMES) -> pd.DataFrame:
    """The rows of a pass: what each multiplies and reads, and what bounds it."""
    shown = []
    for row in rows:
        bounds = row.seconds_by_bound
        if isfinite(row.seconds) and not row.seconds:
            continue
        shown.append(
            {
                "Part": {"norms": "Norms, elementwise"}.get(row.part, names[row.part])
                + (", shared" if row.shared else ""),
                "FLOPs": wording.show_rate(row.flops / 1e9, "GFLOP") if row.flops else "",
                "Reads": wording.show_bytes(row.bytes_read) if row.bytes_read else "",
                "Arithmetic": wording.show_seconds(row.arithmetic_s) if row.flops else "",
                "Dequantization": wording.show_seconds(row.dequantization_s) if np.any(row.dequantization_s) else "",
                "Memory": wording.show_seconds(row.bandwidth_s) if row.bytes_read else "",
                "Overhead": wording.show_seconds(row.overhead_s) if row.overhead_s else "",
                "Time": wording.show_seconds(row.seconds),
                "Bound by": max(bounds, key=lambda bound: bounds[bound]) if isfinite(row.seconds) else wording.UNKNOWN,
            }
        )
    shown.append({"Part": "Sum", "Time": wording.show_seconds(sum(row.seconds for row in rows))})
    return pd.DataFrame(shown).fillna("")


def roofline_points(passes: Mapping[str, Sequence[Work]]) -> dict[str, tuple[float, float]]:
    """(FLOPs a byte, FLOP/s reached) of each part that multiplies, by "part|pass"."""
    return {
        f"{row.part}|{name}|{row.shared}": (row.flops / row.bytes_read, row.flops / row.seconds)
        for name, rows in passes.items()
        for row in rows
        if row.flops and row.bytes_read and isfinite(row.seconds)
    }


def constants(engine: Engine) -> pd.DataFrame:
    """The engine's constants with range and source."""
    return pd.DataFrame(
        [
            {"Constant": name, "Value": f"{getattr(engine, name):.4g}", "Low": f"{low:.4g}", "High": f"{high:.4g}",
             "Source": engine.sources[name]}
            for name, (low, high) in engine.ranges.items()
        ]
    )  # fmt: skip
