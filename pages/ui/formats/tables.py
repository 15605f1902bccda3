"""What is tabled of the formats? Sizes, losses, measurements, and what devices compute in."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from calculators import UNKNOWN
from calculators.architecture import Architecture, parameters, tensors
from calculators.estimate import Scenario
from calculators.formats import Format, stored_bytes
from calculators.hardware import Accelerator
from calculators.memory import weight_bytes
from pages.ui.explain import wording
from pages.ui.formats import words
from presets.catalog import accelerator_facts, format_losses, format_measurements, formats


def sizes_and_losses(model: Architecture, losses: Mapping[str, float]) -> dict[str, list[tuple[str, float, float]]]:
    """(format, bytes, loss in per cent) of every format of at most 16 bits with a published loss, by family."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for name, fmt in formats().items():
        if name in losses and fmt.bits <= 16:
            found.setdefault(fmt.family, []).append((name, weight_bytes(model, fmt), losses[name]))
    return found


def unbeaten(points: Mapping[str, Sequence[tuple[str, float, float]]]) -> list[str]:
    """The formats that no other beats in both size and loss, from the smallest to the largest."""
    front: list[tuple[str, float, float]] = []
    for dot in sorted((dot for dots in points.values() for dot in dots), key=lambda dot: (dot[1], dot[2])):
        if not front or dot[2] < front[-1][2]:
            front.append(dot)
    return [name for name, *_ in front]


def bits_by_tensor(model: Architecture, fmt: Format) -> list[tuple[str, str, float, float, float]]:
    """(part, tensor, bits a weight, bytes, share of all bytes) of each kind of matrix; vectors are left out."""
    sums: dict[tuple[str, str], tuple[int, float]] = {}
    for row in (row for row in tensors(model) if len(row.shape) > 1):
        parent, _, name = row.name.rpartition(".")
        if name.isdigit():  # a place in a list names nothing
            name = f"{parent.rpartition('.')[2]}.{name}"
        count, size = sums.get((row.part, name), (0, 0.0))
        sums[row.part, name] = count + row.values * row.copies, size + stored_bytes(model, row, fmt)
    whole = weight_bytes(model, fmt)
    return [(part, name, 8 * size / count, size, size / whole) for (part, name), (count, size) in sums.items()]


def every_format(scenario: Scenario, losses: Mapping[str, float]) -> pd.DataFrame:
    """Every weight format for the scenario's model and device, with its loss and source."""
    model, count = scenario.model, parameters(scenario.model)
    rows = []
    for name, fmt in formats().items():
        size, loss = weight_bytes(model, fmt), format_losses().get(name)
        rows.append(
            {
                "Format": name,
                "Runs in": fmt.family,
                "Size, GiB": size / wording.GIB,
                "Bits a weight": 8 * size / count,
                "Loss, %": losses.get(name, float("nan")),
                "Score lost, %": loss.loss_percent if loss else float("nan"),
                "Perplexity gained, %": loss.perplexity_percent if loss else float("nan"),
                wording.short_device(scenario.deployment.accelerator.name): words.on_device(
                    scenario.deployment.accelerator, fmt
                ),
                "Measured": loss.measured if loss else "",
                "Note": "; ".join(text for text in (fmt.note, loss.note if loss else "") if text),
                "Source": fmt.source,
                "Source of the loss": loss.source if loss else "",
            }
        )
    return pd.DataFrame(rows)


def measurements(chosen: str) -> pd.DataFrame:
    """Published measurements of quantized models; all of them, or those of one format here."""
    return pd.DataFrame(
        [
            {
                "Format": row.format or "none here", "As published": row.published_as, "Model": row.model,
                "Measure": row.metric, "Value": row.value, "Unquantized": row.baseline, "Loss, %": row.loss_percent,
                "Importance matrix": row.imatrix, "Source": row.source,
            }
            for row in format_measurements()
            if not chosen or row.format == chosen
        ]
    )  # fmt: skip


def rates(card: Accelerator) -> dict[str, float]:
    """Peak rates of a device in the types that formats compute in, FLOP/s; UNKNOWN where nobody published one."""
    names = {"16 bits": "bf16", "FP8": "fp8", "INT8": "int8", "FP4": "fp4", "INT4": "int4"}
    found = {name: float(card.peak_flops_per_s.get(kind, UNKNOWN)) for name, kind in names.items()}
    return found | {"16 bits": float(card.peak("bf16"))}


def devices_by_type() -> pd.DataFrame:
    """Which devices compute in which types: their dense peaks, TFLOP/s."""
    return pd.DataFrame(
        [
            {"Device": name, "Kind": facts.kind}
            | {kind: rate / 1e12 for kind, rate in rates(facts.accelerator).items()}
            | {"Source": facts.source}
            for name, facts in accelerator_facts().items()
        ]
    )


# How columns of figures are written; the rest are texts.
FIGURES = {
    name: st.column_config.NumberColumn(format=form)
    for form, names in {
        "%.2f": ("Size, GiB", "Bits a weight", "Loss, %", "Score lost, %", "Perplexity gained, %"),
        "%.4g": ("16 bits", "FP8", "INT8", "FP4", "INT4"),
    }.items()
    for name in names
}
