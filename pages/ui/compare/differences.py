"""How do up to four scenarios differ? Each figure with its difference to the first, and what changed in words."""

from collections.abc import Callable, Mapping
from math import inf, isfinite
from types import MappingProxyType
from urllib.parse import urlsplit

from pages.ui.explain.wording import digits
from pages.ui.figures import Figure

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
        "tp": lambda new, old: f"cut over {new} {_devices(new)} instead of {old}",
        "pp": lambda new, old: f"{new} instead of {old} pipeline {'stage' if old == '1' else 'stages'}",
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


def moved(first: Figure, other: Figure) -> str:
    """How a figure moved, in words: "falls from 31 to 18 ms"; nothing where it stays or is unknown."""
    if not (isfinite(first.value) and isfinite(other.value)) or first.shown == other.shown:
        return ""
    (old, _, old_unit), unit = first.shown.partition(" "), other.shown.partition(" ")[2]
    before = old if old_unit == unit else first.shown
    return f"{'falls' if other.value < first.value else 'rises'} from {before} to {other.shown}"


# Figures that a comparison draws, each better where it is smaller; the first three it says in words.
DRAWN = (
    "Each further token", "First token", "Cost, 1M tokens", "Energy, 1 token", "Memory of a device", "Devices"
)  # fmt: skip
SAID: Mapping[str, str] = MappingProxyType(
    {
        "Each further token": "a further token",
        "First token": "the first",
        "Cost, 1M tokens": "the cost of a million",
    }
)


def in_words(
    first: Chosen, other: Chosen, before: Mapping[str, Figure], after: Mapping[str, Figure], *, fits: bool = True
) -> str:
    """What changed from one scenario to another and what it does, in a sentence."""
    differs = changes(first, other)
    if not differs:
        return "nothing differs."
    told = [f"{words} {how}" for name, words in SAID.items() if (how := moved(before[name], after[name]))]
    memory = moved(before["Memory of a device"], after["Memory of a device"])
    told += [f"the memory of a device {memory}"] if memory and not told else []
    said = f"{'; '.join(differs)}: {', '.join(told) or 'times and cost stay'}."
    return said if fits else f"{said} It **does not fit**."


def best(found: Mapping[str, Mapping[str, Figure]]) -> str:
    """Which of several scenarios answers fastest and which costs least, in words; nothing where neither is known."""
    words = {"Each further token": "answers fastest", "Cost, 1M tokens": "costs least"}
    wins: dict[str, list[str]] = {}
    for name, said in words.items():
        known = {letter: each[name].value for letter, each in found.items() if isfinite(each[name].value)}
        if known:
            wins.setdefault(min(known, key=lambda letter: known[letter]), []).append(said)
    return ", ".join(f"{letter} {' and '.join(said)}" for letter, said in wins.items())


def difference(first: Figure, other: Figure) -> str:
    """How much a figure differs from the first's: "−42 %", and "× 3.5" or "÷ 3.5" beyond threefold; else nothing."""
    if not (isfinite(first.value) and isfinite(other.value)) or first.value == other.value or not first.value:
        return ""
    share = other.value / first.value
    if share >= 3:
        return f"× {digits(share)}"
    if 0 < share <= 1 / 3:
        return f"÷ {digits(1 / share)}"
    change = digits(abs(share - 1) * 100)
    return f"{'+' if share > 1 else '−'}{change} %"


def shares(first: Mapping[str, Figure], other: Mapping[str, Figure]) -> dict[str, float]:
    """Each drawn figure as a share of the first's; what is unknown or nothing in either is left out."""
    pairs = {name: (first[name].value, other[name].value) for name in DRAWN}
    return {name: after / before for name, (before, after) in pairs.items() if before > 0 and 0 < after < inf}
