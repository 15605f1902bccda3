"""How do up to four scenarios differ? Their short names, who wins, each figure's difference, what changed in words."""

import re
from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite, nan, prod
from types import MappingProxyType
from urllib.parse import urlsplit

from pages.ui.explain.wording import (
    UNITS,
    UNKNOWN,
    digits,
    listed,
    plural,
    short_device,
    show_count,
    show_usd,
    unit_of,
)  # fmt: skip
from pages.ui.figures import Figure

LETTERS = "ABCD"
Chosen = Mapping[str, str]  # the labels of a scenario's shared fields, as query.labels gives them


def query_of(pasted: str) -> str:
    """The query string of a pasted link, or of what follows its question mark; raises ValueError in a sentence."""
    text = pasted.strip()
    query = urlsplit(text).query if "://" in text or text.startswith("/") else text.removeprefix("?")
    if "=" not in query:
        raise ValueError(
            "This is no link of a scenario: paste what Share gives, which begins with an address and has a “?”."
        )
    return query


# What a changed field is called: where its values speak for themselves, only in which role.
CHANGES: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {
        "model": lambda new, old: f"{new} instead of {old}",
        "own": lambda new, old: "another imported model",
        "weights": lambda new, old: f"{new} instead of {old} weights",
        "cache": lambda new, old: f"{new} instead of {old} cache",
        "device": lambda new, old: f"{new} instead of {old}",
        "tp": lambda new, old: f"each layer on {new} {_devices(new)} instead of {old}",
        "pp": lambda new, old: f"{new} pipeline {'stage' if new == '1' else 'stages'} instead of {old}",
        "ep": lambda new, old: f"{new} instead of {old} {'group' if old == '1' else 'groups'} of experts",
        "copies": lambda new, old: f"{new} instead of {old} {'copy' if old == '1' else 'copies'}",
        "engine": lambda new, old: f"{new} instead of {old}",
        "fit": lambda new, old: "another calibration" if new and old else "calibrated" if new else "not calibrated",
        "fraction": lambda new, old: f"memory share {new} instead of {old}",
        "chunk": lambda new, old: f"{new} instead of {old} tokens a step",
        "seqs": lambda new, old: f"{new} instead of {old} sequences at once",
        "gpulayers": lambda new, old: f"layers on the device: {new} instead of {old}",
        "batch": lambda new, old: f"{new} instead of {old} {'request' if old == '1' else 'requests'} at once",
        "prompt": lambda new, old: f"{new} instead of {old} tokens of prompt",
        "output": lambda new, old: f"{new} instead of {old} tokens of answer",
    }
)
SILENT = ("workload",)  # a name for lengths and requests, which say themselves what changed


def _devices(count: str) -> str:
    return "device" if count == "1" else "devices"


def changes(first: Chosen, other: Chosen) -> list[str]:
    """Each input that differs, in words: "FP8 per tensor instead of BF16 weights"."""
    words = []
    for name, label in other.items():
        if label != first[name] and name not in SILENT:
            say = CHANGES.get(name)
            size = name.replace("_", " ")
            words.append(say(label, first[name]) if say else f"{size} {label} instead of {first[name]}")
    return words


def changed(first: Chosen, other: Chosen) -> str:
    """What one scenario changes against another, in a line."""
    return "; ".join(changes(first, other)) or "nothing differs"


# What a short name says of a field that differs among the scenarios, beside model, weights and devices.
TOLD: Mapping[str, str] = MappingProxyType(
    {"cache": "{} cache", "engine": "{}", "batch": "{} at once", "prompt": "prompts of {}", "output": "answers of {}",
     "ep": "experts in {}"}
)  # fmt: skip
PLACED = ("tp", "pp", "copies")  # fields that multiply to the number of devices
UNTOLD = (*SILENT, "own", "fit", "model", "weights", "device", *PLACED)
LONGEST = 48  # characters of a scenario's name in a legend and over a column
QUALIFIERS = re.compile(r" (per \w+|block \d+|g\d+|W8A8)$")

BRACKETS = re.compile(r" \([^()]*\)$")


def names(found: Sequence[Chosen]) -> list[str]:
    """A short name of each scenario: its letter, model and weights, then what else differs among them.

    >>> some = {"model": "Llama 3.1 70B", "weights": "FP8 per tensor", "device": "NVIDIA H200 SXM", "pp": "1"}
    >>> names([some | {"tp": "2", "copies": "1"}, some | {"tp": "4", "copies": "1"}])
    ['A · Llama 3.1 70B FP8, 2 devices', 'B · Llama 3.1 70B FP8, 4 devices']
    """
    differ = {name for each in found for name, label in each.items() if label != found[0][name]}
    counts = [prod(int(each[name]) for name in PLACED) for each in found]
    weights = _shortened([each["weights"] for each in found], QUALIFIERS)
    models = _shortened([each["model"] for each in found], BRACKETS)
    told = []
    for letter, each, count, model, fmt in zip(LETTERS, found, counts, models, weights, strict=False):
        parts = [f"{letter} · {model} {fmt}"]
        if "device" in differ:
            parts.append(f"{count} × {short_device(each['device'])}")
        elif len(set(counts)) > 1:
            parts.append(plural(count, "device"))
        elif differ & set(PLACED):
            parts.append(f"TP {each['tp']} × PP {each['pp']} × {each['copies']}")
        parts += [
            TOLD.get(name, name.replace("_", " ") + " {}").format(each[name])
            for name in each
            if name in differ and name not in UNTOLD
        ]
        name = ", ".join(parts)
        told.append(name if len(name) <= LONGEST else name[:LONGEST].rstrip(" ,") + "…")
    return told


def _shortened(texts: Sequence[str], without: re.Pattern[str]) -> list[str]:
    """Texts without what a pattern finds, but all whole where some could not be told apart then."""
    short = [without.sub("", text) for text in texts]
    return short if len(set(short)) == len(set(texts)) else list(texts)


# Figures that a comparison draws, each better where it is smaller.
DRAWN = (
    "Each further token", "First token", "Cost, 1M tokens", "Energy, 1 token", "Memory of a device", "Devices"
)  # fmt: skip
# Figures of a scenario that serves: what does not fit has none of them.
SERVED = (
    "First token", "Each further token", "Whole batch", "Tokens a second", "Cost, 1M tokens", "Energy, 1 token"
)  # fmt: skip


SCORE = "Score on "  # and the benchmark


def best(found: Mapping[str, Mapping[str, Figure]], least: Sequence[str] = ()) -> str:
    """Which of several scenarios, by name, answers fastest, costs least and scores best, in words.

    Of those that fit: the others are not to be given. Nothing where fewer than two are known or all are alike. Those in
    `least` may take longer than their figure says, and so win nothing by it.
    """
    score = next((name for each in found.values() for name in each if name.startswith(SCORE)), "")
    wins: dict[str, list[str]] = {}
    for name, does, do, what, sign in (
        ("Each further token", "answers fastest", "answer fastest", "{} a further token", 1),
        ("Cost, 1M tokens", "costs least", "cost least", "{} for 1M tokens", 1),
        (score, "scores best", "score best", "{} on " + score.removeprefix(SCORE), -1),
    ):
        known = {who: each[name] for who, each in found.items() if name in each and isfinite(each[name].value)}
        lowest = min((sign * each.value for each in known.values()), default=nan)
        winners = [who for who, each in known.items() if sign * each.value == lowest]
        if len(winners) == len(known) or (sign > 0 and set(winners) & set(least)):
            continue
        of = "" if len(known) == len(found) else ", of those known"
        who = listed([f"**{winner}**" for winner in winners])
        said = what.format(known[winners[0]].shown)
        wins.setdefault(who, []).append(f"{does if len(winners) == 1 else do} ({said}{of})")
    return "; ".join(f"{who} {listed(said)}" for who, said in wins.items())


def verdict(
    found: Mapping[str, Mapping[str, Figure]], misfits: Mapping[str, str], least: Sequence[str] = ()
) -> str:  # fmt: skip
    """Who wins, in words: first which do not fit, each in a sentence of `misfits` by name, then the best of the rest.

    `found` are the figures of all by name, `least` those of whom a time is only the least that it can be.
    """
    fitting = {name: each for name, each in found.items() if name not in misfits}
    said = [*misfits.values()]
    if not fitting:
        return " ".join((*said, "Nothing fits, so nothing is compared but memory." if len(found) > 1 else ""))
    if len(fitting) == 1 and misfits:
        (name,) = fitting
        return " ".join((*said, f"Only **{name}** fits."))
    wins = best(fitting, least)
    if wins:
        said.append(f"Of those that fit, {wins}." if misfits else f"{wins}.")
    elif len(fitting) > 1:
        said.append("In speed, cost and score these do not differ, as far as is known.")
    return " ".join(said)


def difference(first: Figure, other: Figure) -> str:
    """How much a figure differs from the first's: "−42 %", "× 3.5" or "÷ 3.5" beyond threefold, "+6" of devices."""
    if not (isfinite(first.value) and isfinite(other.value)) or first.shown == other.shown:
        return ""
    if first.least or other.least:
        return ""  # of what is only the least that it can be, no difference is known
    more = other.value - first.value
    if first.unit in ("devices", "%"):
        return f"{'+' if more > 0 else '−'}{abs(more):,.{1 if first.unit == '%' else 0}f}"
    if not first.value:
        return ""
    share = other.value / first.value
    if share >= 3:
        return f"×\u202f{_two(share)}"
    if 0 < share <= 1 / 3:
        return f"÷\u202f{_two(1 / share)}"
    return f"{'+' if share > 1 else '−'}{_two(abs(share - 1) * 100)}\u202f%"


def _two(value: float) -> str:
    """A factor or share with two digits at least: 8, 3.5, 12, 150; what is a whole number without a point."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def shares(first: Mapping[str, Figure], other: Mapping[str, Figure]) -> dict[str, float]:
    """Each drawn figure as a share of the first's; what is unknown or nothing in either is left out."""
    pairs = {name: (first[name].value, other[name].value) for name in DRAWN}
    return {name: after / before for name, (before, after) in pairs.items() if before > 0 and 0 < after < inf}


def widest(lines: Mapping[str, Mapping[str, float]], of: str) -> str:
    """The finding of a chart of shares: which figure differs most, and how far."""
    ends = {
        name: (min(found), max(found))
        for name in DRAWN
        if (found := [each[name] for each in lines.values() if name in each])
    }
    name = max(ends, key=lambda name: ends[name][1] / ends[name][0], default="")
    if not name or ends[name][0] == ends[name][1]:
        return f"No figure differs from {of}'s"
    low, high = (f"{_two(end) if end >= 1 else f'{end:.2g}'}×" for end in ends[name])
    return f"{name} differs most: {low} to {high} that of {of}"


def rows(found: Sequence[Mapping[str, Figure]], fits: Sequence[bool], wanted: Sequence[str]) -> dict[str, list[str]]:
    """A row of cells a figure, by its name and unit, one unit a row: each with its difference to the first that fits.

    What does not fit has dashes for the figures of serving.
    """
    first, whole = found[basis(fits)], {}
    for name in wanted:
        some = [each.get(name) for each in found]
        label, texts = _texts(name, some)
        for number, (each, does) in enumerate(zip(some, fits, strict=True)):
            differs = difference(first[name], each) if each and name in first else ""
            if each:
                texts[number] = each.bound + texts[number]
            if name in SERVED and not does:
                texts[number] = "–"
            elif differs:
                texts[number] += f" ({differs})"
        whole[label] = texts
    return whole


def basis(fits: Sequence[bool]) -> int:
    """Which scenario the others are compared with: the first that fits, else the first."""
    return next((number for number, does in enumerate(fits) if does), 0)


def _texts(name: str, some: Sequence[Figure | None]) -> tuple[str, list[str]]:
    """A row's label with its unit, and its figures in that unit."""
    unit = next(each.unit for each in some if each)
    values = [each.value if each else nan for each in some]
    if unit in UNITS:
        size, shown = unit_of(values, unit)
        return f"{name}, {shown}", [digits(value / size) for value in values]
    if unit == "USD":
        return f"{name}, $", [show_usd(value).removeprefix("$") for value in values]
    plain = {"parameters": show_count, "devices": lambda value: f"{value:,.0f}"}.get(unit)
    if plain:
        return name, [plain(value) if isfinite(value) else UNKNOWN for value in values]
    return f"{name}, {unit}" if unit != "tokens/s" else name, [digits(value) for value in values]
