"""What do devices hold and do in a step? A chart of their memory, tables of the step's parts and of the plans."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from calculators.training_plan import Plan
from calculators.training_step import training_rows
from pages.ui.charts import wholes
from pages.ui.explain.wording import GIB, show_bytes
from pages.ui.explain.wording import NAMES as SERVED_NAMES
from pages.ui.links.fields import Inputs
from pages.ui.training.planning import Found, cluster
from pages.ui.training.words import device_of, how, show_time

NAMES = SERVED_NAMES | {
    "copies": "Copies to multiply with", "gradients": "Gradients", "optimizer": "Optimizer states",
    "activations": "Activations", "logits": "Logits and loss", "temporaries": "Passing values",
    "workspaces": "Libraries' workspaces", "fragmentation": "Fragments",
}  # fmt: skip
STEP_NAMES = {
    "products": "matrix products", "attention": "attention", "elementwise": "elementwise work",
    "loss": "logits and loss", "weights": "casting weights", "optimizer": "the optimizer",
    "links": "links between devices", "bubble": "the pipeline's bubble", "host": "starting operations",
}  # fmt: skip


def slowest(chosen: Inputs, plan: Plan) -> tuple[str, float]:
    """The part that takes most of a step at best, and its share."""
    parts = step_parts(chosen, plan)
    name = max(parts, key=lambda part: parts[part])
    return name, parts[name] / sum(parts.values())


def step_parts(chosen: Inputs, plan: Plan) -> dict[str, float]:
    """Seconds of a step at best by part."""
    where = cluster(chosen)
    rows = training_rows(plan.training, where.accelerator, where.engine, network_bytes_per_s=where.network_bytes_per_s)
    sums: dict[str, float] = {}
    for row in rows:
        sums[row.part] = sums.get(row.part, 0.0) + float(row.seconds)
    return sums


def memory_rows(found: Found) -> dict[str, dict[str, float]]:
    """A device's memory by component: on one device as it comes, and as planned."""
    rows = {}
    if found.alone:
        rows["One device, nothing divided"] = found.alone.memory_bytes
    shown = found.plan or found.leanest
    if shown:
        name = "As planned" if found.plan else "At the least"
        rows[f"{name}, on {'one' if shown.devices == 1 else f'each of {shown.devices:,}'}"] = shown.memory_bytes
    return rows


def memory_chart(chosen: Inputs, found: Found) -> go.Figure:
    """Stacked bars of a device's memory before and after the plan, against what a device holds."""
    rows, card = memory_rows(found), device_of(chosen)
    sizes = [sum(parts.values()) for parts in rows.values()]
    title = (
        f"The plan takes {show_bytes(sizes[-1])} of a device; without it there would be {show_bytes(sizes[0])}"
        if found.plan and len(sizes) > 1
        else f"Even the leanest way takes {show_bytes(sizes[-1])} of a device"
        if found.leanest
        else f"One device, with nothing divided, would hold {show_bytes(sizes[0])}"
    )
    return wholes.stacked(
        title, "GiB of a device", rows, scale=GIB, limit=float(card.memory_bytes),
        limit_name=show_bytes(float(card.memory_bytes)), names=NAMES, height=230,
    )  # fmt: skip


def parts_table(chosen: Inputs, plan: Plan) -> pd.DataFrame:
    """Seconds of a step at best by part."""
    parts = {name: value for name, value in step_parts(chosen, plan).items() if value}
    whole = sum(parts.values())
    rows = [
        {"Part of a step": STEP_NAMES[name], "At best": show_time(value), "Share": f"{value / whole:.0%}"}
        for name, value in sorted(parts.items(), key=lambda item: -item[1])
    ]
    return pd.DataFrame([*rows, {"Part of a step": "Sum", "At best": show_time(whole), "Share": "100%"}])


def divisions_table(plans: Sequence[Plan]) -> pd.DataFrame:
    """The plans on clusters of several sizes: how each divides the work."""
    return pd.DataFrame(
        [
            {
                "Devices": f"{plan.devices:,}", "How": how(plan.training),
                "A device holds": show_bytes(plan.used_bytes), "A step, at best": show_time(plan.step_s),
            }
            for plan in plans
        ]
    )  # fmt: skip
