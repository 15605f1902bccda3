"""What is an item of the catalog? Its figures in base units, each with its own source, date and disagreements."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from pages.ui.explain import wording
from presets import catalog
from presets.catalog import ARITHMETIC, Claim, Disagreement

# Words in brackets behind a source that say which figure it is for; a source without such words is for all the others.
MEANT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "memory": ("memory_bytes",),
        "memory shown": ("driver_memory_bytes",),
        "bandwidth": ("bandwidth_bytes_per_s",),
        "link": ("link", "link_bytes_per_s"),
        "list price": ("list_price_usd",),
        "height": ("rack_units",),
        "devices": ("devices",),
        "power": ("power_w",),
        "peaks": tuple(f"{kind}_flops_per_s" for kind in ARITHMETIC),
    }
    | {kind.upper(): (f"{kind}_flops_per_s",) for kind in ARITHMETIC}
    | dict.fromkeys(("vLLM log", "vLLM logs", "tegrastats"), ("driver_memory_bytes",))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure of an item: its name with the unit as suffix, the value in that unit, who says so."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One row of the catalog: the columns that a table shows, all its figures, and what sources disagree on."""

    name: str
    shown: Mapping[str, Any]
    figures: tuple[Figure, ...]
    source: str
    date: str
    note: str = ""
    disagreements: tuple[str, ...] = ()


def exact(value: Any) -> str:
    """A value with all its digits, thousands separated; a text as it is.

    >>> exact(684531386000), exact(1.3074e15), exact(330.3), exact("BF16"), exact(float("nan"))
    ('684,531,386,000', '1,307,400,000,000,000', '330.3', 'BF16', 'unknown')
    """
    if not isinstance(value, int | float):
        return str(value)
    if not isfinite(value):
        return wording.UNKNOWN
    return f"{int(value):,}" if value == int(value) else f"{value:,.15g}"


def named(source: str, values: Mapping[str, Any]) -> list[Figure]:
    """Figures of one source; unknown and empty ones are left out, and what is true or false is a yes or a no."""
    spoken = {name: ("no", "yes")[value] if isinstance(value, bool) else value for name, value in values.items()}
    empty = (None, "", ())
    return [Figure(name=k, value=v, source=source) for k, v in spoken.items() if v == v and v not in empty]


def rounded(value: float, unit: float = 1) -> float:
    """A figure in a unit: three digits, or every whole one. A number, so that a table can sort by it.

    >>> rounded(8030261248, 1e9), rounded(16384), rounded(3938e9, 1e9)
    (8.03, 16384.0, 3938.0)
    """
    own = float(value / unit)
    return float(round(own)) if abs(own) >= 1000 else float(f"{own:.3g}")


def each(sources: str) -> list[str]:
    """The sources that a text names, set apart by semicolons outside brackets.

    >>> each("data sheet (2021; page 3); a log")
    ['data sheet (2021; page 3)', 'a log']
    """
    return re.split(r"; (?![^(]*\))", sources)


def source_of(sources: str, figure: str) -> str:
    """Of several sources those that are for a figure.

    >>> source_of("data sheet; nvidia-smi (memory shown); wiki (peaks, link)", "bf16_flops_per_s")
    'wiki (peaks, link)'
    """
    meant, others = [], []
    for part in each(sources):
        bracket = re.search(r" \(([^()]*)\)$", part)
        words = [word for word in (bracket[1].split(", ") if bracket else ()) if word in MEANT]
        if not words:
            others.append(part)
        elif any(figure in MEANT[word] for word in words):
            meant.append(part)
    return "; ".join(meant or others) or sources


def said(claim: Claim, unit: str) -> str:
    """What a source says: the value with all its digits, its unit, and a remark."""
    known = claim.value == claim.value
    return " ".join(filter(None, (exact(claim.value), unit if known else "", claim.remark and f"({claim.remark})")))


def sentence(dispute: Disagreement) -> str:
    """A disagreement in words, each source named."""
    others = "; ".join(f"{said(claim, dispute.unit)} in {claim.source}" for claim in dispute.others)
    return f"{figure_name(dispute)}: {said(dispute.kept, dispute.unit)} is kept; {others}"


def figure_name(dispute: Disagreement) -> str:
    """The disputed figure, a type of arithmetic in capitals."""
    return dispute.figure.upper() if dispute.figure in ARITHMETIC else dispute.figure


def differing(name: str) -> list[str]:
    """The figures of a model or an accelerator on which sources disagree."""
    return [figure_name(dispute) for dispute in catalog.disagreements().get(name, ())]
