"""Does what the articles say hold? Each claim beside what presets/checks.py computes for it, with a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from inspect import signature
from math import inf, log
from types import MappingProxyType
from typing import Any

from presets.checks import CHECKS, FILE, Reading
from presets.loader import Entry, load, table

HOLDS, OFF, NOT_CHECKABLE = "holds", "off", "not checkable"
VERDICTS = (HOLDS, OFF, NOT_CHECKABLE)
KINDS = ("architecture", "memory", "quantization", "latency", "scaling laws", "training", "scenario", "technique")
# Units that claims are printed in, with their size in base units (1 GB is 10^9 bytes, as the articles count).
UNITS: Mapping[str, float] = MappingProxyType(
    {
        "": 1, "×": 1, "%": 0.01, "parameters": 1, "B": 1e9, "experts": 1, "B tokens": 1e9, "GB": 1e9,
        "TB": 1e12, "ms": 1e-3, "s": 1, "h": 3600, "weeks": 7 * 86_400, "tokens/s": 1, "requests": 1, "kWh": 3.6e6,
        "households": 1,
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """A text that the project was started from; its title as printed."""

    title: str
    file: str
    source: str
    checked: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A figure that an article states, in its unit: `low` to `high`, an open end infinite; equal where it is one value.

    `rounding`: half a step of the printed figure, which a computed one may be off by. A claim without a `check` says
    in `reason` why it has none; its figures are as printed, or unknown where nothing but words is.
    """

    name: str
    says: str
    article: str
    kind: str
    printed: str
    unit: str
    low: float
    high: float
    rounding: float
    check: str
    arguments: Mapping[str, Any]
    reason: str
    source: str
    checked: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What became of a claim: the readings of its check, the one that comes nearest, and the verdict.

    `ratio` is claimed over computed, 1 where the claim lies within a computed range or on the open side of a bound.
    """

    claim: Claim
    verdict: str
    readings: tuple[Reading, ...] = ()
    nearest: Reading | None = None
    ratio: float = inf

    @property
    def possible(self) -> bool:
        """Whether the claim holds only in that it lies within a computed range or bound."""
        return self.verdict == HOLDS and self.nearest is not None and self.nearest.low != self.nearest.high

    @property
    def within(self) -> bool:
        """Whether the claim holds against a range or a bound, or is one, so that no ratio can be stated."""
        return self.possible or (self.verdict == HOLDS and self.claim.low != self.claim.high)


def _article(entry: Entry) -> Article:
    source, checked = entry.origin()
    return Article(title=entry.text("title"), file=entry.text("file"), source=source, checked=checked)


@cache
def articles() -> Mapping[str, Article]:
    """The texts, by the number of the file."""
    return load(FILE, _article, table(FILE)["article"])


def _ends(entry: Entry) -> tuple[float, float]:
    """The two ends of what is claimed: `claimed = 3`, or `at_least`, `at_most`, or both for a range."""
    point, least, most = (entry.number(key, None) for key in ("claimed", "at_least", "at_most"))
    if (point is None) is (least is None and most is None):
        raise entry.error("claimed, or at_least and at_most or one of them, was expected")
    if point is not None:
        return float(point), float(point)
    low, high = 0.0 if least is None else float(least), inf if most is None else float(most)
    if low > high:
        raise entry.error(f"at_least {low:g} is above at_most {high:g}")
    return low, high


def _claim(entry: Entry) -> Claim:
    source, checked = entry.origin()
    article, kind, unit = entry.text("article"), entry.text("kind"), entry.get("unit", str, "")
    for key, value, known in (("article", article, articles()), ("kind", kind, KINDS), ("unit", unit, UNITS)):
        if value not in known:
            raise entry.error(f"{key} {value!r} is not one of {', '.join(known)}")
    check, reason = entry.text("check", ""), entry.text("not_checkable", "")
    if bool(check) is bool(reason):
        raise entry.error("check or not_checkable, one of the two, was expected")
    arguments = entry.get("with", dict, {})
    low = high = rounding = 0.0
    if check:
        if check not in CHECKS:
            raise entry.error(f"check {check!r} is not one of {', '.join(CHECKS)}")
        try:
            signature(CHECKS[check]).bind(**arguments)
        except TypeError as error:
            raise entry.error(
                f"with: {error}; {check} takes {', '.join(signature(CHECKS[check]).parameters)}"
            ) from error
        low, high = _ends(entry)
        rounding = float(entry.number("rounding"))
    elif arguments:
        raise entry.error("with is for a check, and this claim has none")
    return Claim(
        name=entry.name,
        says=entry.text("says"),
        article=article,
        kind=kind,
        printed=entry.text("printed"),
        unit=unit,
        low=low * UNITS[unit],
        high=high * UNITS[unit],
        rounding=rounding * UNITS[unit],
        check=check,
        arguments=MappingProxyType(arguments),
        reason=reason,
        source=source,
        checked=checked,
    )


@cache
def claims() -> Mapping[str, Claim]:
    """Every claim, by name, in the articles' order."""
    return load(FILE, _claim, table(FILE)["claim"])


def _ratio(claim: Claim, reading: Reading) -> float:
    """Claimed over computed between the ends that face each other; 1 where the two overlap."""
    if claim.low > reading.high or claim.low == claim.high >= reading.high == reading.low:
        return claim.low / reading.high if reading.high else inf
    if claim.high < reading.low or claim.low == claim.high <= reading.low == reading.high:
        return claim.high / reading.low
    return 1.0


def _meets(claim: Claim, reading: Reading) -> bool:
    return claim.low - claim.rounding <= reading.high and reading.low <= claim.high + claim.rounding


def _distance(ratio: float) -> float:
    return abs(log(ratio)) if 0 < ratio < inf else inf


def finding(claim: Claim) -> Finding:
    """The claim checked: it holds where one way to read it gives the printed figure, up to its rounding."""
    if not claim.check:
        return Finding(claim=claim, verdict=NOT_CHECKABLE)
    readings = CHECKS[claim.check](**claim.arguments)
    nearest = min(readings, key=lambda reading: (not _meets(claim, reading), _distance(_ratio(claim, reading))))
    return Finding(
        claim=claim,
        verdict=HOLDS if _meets(claim, nearest) else OFF,
        readings=readings,
        nearest=nearest,
        ratio=_ratio(claim, nearest),
    )


@cache
def findings() -> tuple[Finding, ...]:
    """Every claim checked, in the articles' order."""
    return tuple(finding(claim) for claim in claims().values())
