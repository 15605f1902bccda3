"""Which device does a row mean? A preset by the words that name it, with the memory that the row states."""

import re
from dataclasses import replace
from functools import cache

from calculators import UNKNOWN
from calculators.hardware import Accelerator
from presets.accuracy.rows import GIB, Skip
from presets.catalog import AcceleratorFacts, accelerator_facts, allowances

# Words that tell no two devices apart: makers, families, how many there are.
_COMMON = frozenset(
    ("nvidia", "amd", "apple", "instinct", "geforce", "rtx", "tesla", "generation", "gb", "gpu", "core", "x")
)
_KINDS = (("laptop", r"\bm[1-5]\b"), ("desktop", r"\b[2-5]0[5-9]0\b|radeon rx"), ("workstation", r"rtx|ada"))
NEAR = 0.1  # memory within this share of a stated figure is the same


def _words(name: str) -> list[str]:
    """The words that tell a device: "NVIDIA A100 SXM4 80GB" is a100, sxm, 80gb."""
    plain = re.sub(r"[\u2010-\u2013]", "-", name.casefold())
    plain = re.sub(r"sxm\d", "sxm", re.sub(r"\d+-core gpu|^\d+\s*x\s", " ", plain))
    return [word for word in re.findall(r"[a-z0-9]+", plain) if word not in _COMMON]


def _is_size(word: str) -> bool:
    return bool(re.fullmatch(r"\d+gb?", word))


def _stated_gib(text: str) -> float | None:
    found = re.search(r"(\d+(?:\.\d+)?) ?GB?\b", text)
    return float(found[1]) if found else None


def _same(facts: AcceleratorFacts, stated: float | None) -> bool:
    return stated is None or abs(facts.vendor_memory_bytes / GIB - stated) <= NEAR * stated


def _preset(text: str, stated: float | None) -> AcceleratorFacts | None:
    """The preset whose words include all of the text's, of the stated memory; the plainest of several.

    Where nothing else tells them apart it is the SXM form. Skip where one form comes with different memories and none
    is stated.
    """
    wanted = {word for word in _words(re.sub(r"\([^)]*\)", " ", text)) if not _is_size(word) and not word.isdigit()}
    wanted |= {word for word in _words(text) if re.fullmatch(r"\d{4}", word)}
    found: list[tuple[float, AcceleratorFacts]] = []
    memories: dict[frozenset[str], set[float]] = {}
    for name, facts in accelerator_facts().items():
        words = [word for word in _words(name) if not _is_size(word)]
        if not wanted or not wanted <= set(words):
            continue
        memories.setdefault(frozenset(words), set()).add(facts.vendor_memory_bytes)
        found.append((len(set(words) - wanted) - 0.5 * ("sxm" in name.casefold()), facts))
    if stated is None and any(len(sizes) > 1 for sizes in memories.values()):
        raise Skip(f"{text!r} comes with different memories, and which is not stated")
    same = [each for each in found if _same(each[1], stated)]
    return min(same or found, key=lambda each: each[0])[1] if found else None


def devices_named(text: str, count: str = "") -> tuple[Accelerator, int]:
    """The device that a row names in its own words, with the memory it shows, and how many there are.

    "(14.56 GiB ...)" is what an engine itself saw. Else a preset of the stated memory; else a device of that memory, of
    which its kind shows a share.
    """
    if not text:
        raise Skip("the device is not stated")
    if "+" in text or ";" in text:
        raise Skip(f"devices differ: {text}")
    many = re.match(r"(\d+)\s*x\s", text)
    devices = int(count) if count else int(many[1]) if many else 1
    shown, stated = re.search(r"\((\d+(?:\.\d+)?) ?GiB", text), _stated_gib(text)
    preset = _preset(text, None if shown else stated) if not shown else None
    if preset and _same(preset, stated):
        return preset.accelerator, devices
    memory = UNKNOWN
    if shown:
        memory = float(shown[1]) * GIB
    elif stated:
        kind = next((kind for kind, pattern in _KINDS if re.search(pattern, text.casefold())), "data centre")
        memory = stated * GIB * allowances()[kind]
    else:
        raise Skip(f"device {text!r} is not in the presets")
    card = preset.accelerator if preset else Accelerator(name=text, memory_bytes=0, bandwidth_bytes_per_s=UNKNOWN)
    return replace(card, memory_bytes=memory), devices


@cache
def device_named(text: str) -> str:
    """The preset that a row's words name; the words themselves where they name none, or several kinds."""
    if text in accelerator_facts():
        return text
    try:
        return str(devices_named(text)[0].name)
    except Skip:
        return text
