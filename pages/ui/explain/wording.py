"""How is a figure written? Three significant digits with a unit, names, plurals and lists, on every page alike."""

from collections.abc import Callable, Iterable, Sequence
from math import inf, isfinite, isinf, log10

from presets.rents import Offer

GIB = 2**30
UNKNOWN = "unknown"
NAMES = {
    "embedding": "Embedding", "attention": "Attention", "mlp": "MLP", "shared_experts": "Shared experts",
    "routed_experts": "Routed experts", "router": "Router", "norms": "Norms", "lm_head": "Output head",
    "position_embedding": "Learned positions", "per_layer_embedding": "Per-layer embeddings",
    "ssm_linear_attn": "State-space and linear attention", "moe_other": "Experts' projections",
    "hyper_connections_altup_laurel": "Residual mixing", "vision": "Vision tower", "audio": "Audio tower",
    "state": "Fixed state", "cache": "KV cache", "activations": "Working values", "reserve": "Engine reserve",
    "links": "Links", "scheduler": "Scheduler", "weights": "Weights", "libraries": "Libraries", "graphs": "CUDA graphs",
    "unclaimed": "Left to others", "launches": "Host starts kernels",
}  # fmt: skip


def in_sentence(part: str) -> str:
    """A component's name within a sentence: "routed experts", but "MLP" and "KV cache".

    >>> in_sentence("routed_experts"), in_sentence("mlp"), in_sentence("cache")
    ('routed experts', 'MLP', 'KV cache')
    """
    name = NAMES[part]
    return name if name[:2].isupper() else name[0].lower() + name[1:]


def markdown(text: str) -> str:
    """A text for `st.markdown`, which would set what stands between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def digits(value: float) -> str:
    """Three significant digits, thousands separated.

    >>> digits(8.030261), digits(671.026), digits(12345.6), digits(0.0123456), digits(0)
    ('8.03', '671', '12,300', '0.0123', '0')
    """
    if not isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    places = 2 - int(f"{abs(value):.2e}".split("e")[1])
    return f"{round(value, places):,.{max(places, 0)}f}"


def per_cent(share: float, places: int = 0, *, signed: bool = False) -> str:
    """A share in per cent, before the sign a narrow space that no line breaks at.

    >>> per_cent(0.126), per_cent(0.0012, 1), per_cent(0.05, signed=True)
    ('13\\u202f%', '0.1\\u202f%', '+5\\u202f%')
    """
    return f"{100 * share:{'+' if signed else ''}.{places}f}\u202f%"


def show_count(value: float) -> str:
    """A count with a letter for its thousands: 8.03B, 671B, 1.03T, 135M."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return f"{digits(value / size)}{letter}"
    return digits(value)


def show_bytes(value: float) -> str:
    """Bytes in GiB, or MiB and KiB where that is too large a unit."""
    for size, unit in ((GIB, "GiB"), (2**20, "MiB")):
        if abs(value) >= 0.1 * size:
            return f"{digits(value / size)} {unit}"
    return f"{digits(value / 2**10)} KiB" if value else "0 GiB"


def show_seconds(value: float) -> str:
    """Seconds, or ms below one and µs below a tenth of a ms."""
    if not isfinite(value):
        return UNKNOWN
    if value >= 0.9995:
        return f"{digits(value)} s"
    return f"{digits(value * 1e3)} ms" if value >= 1e-4 else f"{digits(value * 1e6)} µs"


def show_usd(value: float) -> str:
    """Dollars: cents below a hundred."""
    if not isfinite(value):
        return UNKNOWN
    return f"${value:,.2f}" if 0.1 <= value < 100 else f"${digits(value)}"


UNITS = {
    "bytes": ((GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB")),
    "s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs")),
}  # fmt: skip


def unit_of(values: Iterable[float], unit: str) -> tuple[float, str]:
    """The unit, (size, name), in which a row or column of bytes or seconds is written: its least figure still reads.

    >>> unit_of([131072, 70246], "bytes"), unit_of([0.026, 1.02, float("nan")], "s")
    ((1024, 'KiB'), (0.001, 'ms'))
    """
    least = min((abs(value) for value in values if value and isfinite(value)), default=inf)
    return next(((size, name) for size, name in UNITS[unit] if least >= 0.1 * size), UNITS[unit][-1])


def show_alike(values: Sequence[float], unit: str) -> list[str]:
    """Bytes or seconds, all in one unit, so that a column of them compares."""
    size, name = unit_of(values, unit)
    return [f"{digits(value / size)} {name}" if isfinite(value) else UNKNOWN for value in values]


def dated(offer: Offer) -> str:
    """The date of an offer as exactly as it is known, and whether it is old."""
    if len(offer.quoted) < 10:
        return f"{offer.quoted}, the day not stated{' and more than a year ago' if offer.old else ''}"
    return f"{offer.quoted}, more than a year old" if offer.old else offer.quoted


def show_rate(value: float, unit: str) -> str:
    """A figure with a unit, or that it is unknown."""
    return f"{digits(value)} {unit}" if isfinite(value) else UNKNOWN


def short_device(name: str) -> str:
    """A device's name without its maker's."""
    for maker in ("NVIDIA GeForce ", "NVIDIA ", "AMD Instinct ", "AMD ", "Intel ", "Qualcomm ", "Google ", "AWS "):
        if name.startswith(maker):
            return name.removeprefix(maker)
    return name


def a(name: str) -> str:
    """A format's name with its article: a BF16, an FP8, an INT4."""
    return f"{'an' if name[0] in 'FI' else 'a'} {name}"


def plural(count: float, noun: str) -> str:
    """A count with its noun: 1 device, 2 devices."""
    return f"{int(count):,} {noun}" if count == 1 else f"{int(count):,} {noun}s"


def show_range(low: float, high: float, show: Callable[[float], str]) -> str:
    """An interval for the line under a figure: "48.3 GiB to 54 GiB"; nothing where it is a point."""
    ends = [show(max(end, 0.0)) for end in sorted((low, high))]
    return f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else "in every case"


def show_interval(ends: tuple[float, float], show: Callable[[float], str]) -> str:
    """An interval of a figure, its unit once: "20.1–27.3 ms"; nothing where it is unknown."""
    low, high = (show(end) for end in ends)
    if UNKNOWN in (low, high):
        return ""
    number, _, unit = low.partition(" ")
    return f"{number}–{high}" if unit and high.endswith(f" {unit}") else f"{low}–{high}"


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(([", ".join(names[:-1])] if names[1:] else []) + [*names[-1:]])


def power_of_ten(value: float) -> str:
    """A large number as a power of ten for a sentence: 5.8 × 10²³."""
    if isinf(value) or value <= 0:
        return UNKNOWN
    exponent = int(f"{value:.1e}".split("e")[1])
    raised = str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    lead = value / 10**exponent
    return f"10{raised}" if abs(log10(value) - exponent) < 1e-9 else f"{lead:.1f} × 10{raised}"


def show_loss(loss: float) -> str:
    """A loss in per cent, to three digits."""
    return f"{loss:,.3g}\u202f%" if loss < 1000 else f"{digits(loss)}\u202f%"
