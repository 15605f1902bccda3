"""What does the header of a model file list? Its tensors, equal ones grouped: the ledger itself, before it is read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from presets.importing.text import quoted

MOST_TENSORS = 500_000  # DeepSeek-V3 in FP8 lists 91,991
MOST_LAYERS = 1_000  # GPT-like models have up to 130
MOST_PLACES = 20_000  # (kind of tensor, layer); published models have up to 3,000
LARGEST_SIDE = 2**31
MOST_VALUES = 2**50  # of one tensor
NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")
# The layer's number, and that of an expert within it: the numbers that equal tensors differ in.
EXPERT = re.compile(r"(?:experts|ffn_(?:gate|up|down))\.$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Equal tensors of a file: `name` with * for the layer's number and the expert's, one's shape, type and bytes.

    Shapes are as the values mean them: rows x columns, packed ones unpacked. `experts` tensors a layer; a tensor that
    stacks its experts counts once. `layers` is empty outside the layers.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int
    layers: tuple[int, ...] = ()
    experts: int = 1

    @property
    def values(self) -> int:
        """Values in one tensor, a count."""
        return prod(self.shape)

    @property
    def count(self) -> int:
        """Tensors in the file, a count."""
        return max(len(self.layers), 1) * self.experts


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The tensors of a file and the sizes that it, or the visitor, states about them.

    `kind` is "GGUF" or "safetensors"; `facts` hold the names of FACTS in presets/importing/ledger.py, `ignored` the
    names of what the file says besides.
    """

    kind: str
    name: str
    facts: Mapping[str, Any]
    tensors: tuple[Stored, ...]
    ignored: tuple[str, ...] = ()


def ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in ascending order as text: neighbours joined, an even stride written once.

    >>> ranges((0, 1, 2, 3, 7)), ranges((1, 4, 7, 10)), ranges(())
    ('0-3,7', '1-10:3', '')
    """
    found, i = [], 0
    while i < len(numbers):
        step = numbers[i + 1] - numbers[i] if i + 1 < len(numbers) else 1
        last = i
        while last + 1 < len(numbers) and numbers[last + 1] - numbers[last] == step:
            last += 1
        if last - i < 2 and step > 1:
            last, step = i, 1
        text = str(numbers[i]) if last == i else f"{numbers[i]}-{numbers[last]}"
        found.append(text if step == 1 else f"{text}:{step}")
        i = last + 1
    return ",".join(found)


def numbers(text: str, *, below: int = MOST_LAYERS) -> tuple[int, ...]:
    """The numbers that `ranges` wrote; raises ValueError for anything else."""
    found: list[int] = []
    for part in text.split(",") if text else ():
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6})(?::(\d{1,4}))?)?", part, re.ASCII)
        if match is None:
            raise ValueError(f"layers {quoted(text)} are no ranges such as 0-31")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if not (found[-1] if found else -1) < first <= last < below or not step:
            raise ValueError(f"layers {quoted(text)} are not ascending below {below:,}")
        found += range(first, last + 1, step)
    return tuple(found)


def _pattern(name: str) -> tuple[str, int | None]:
    """A tensor's name with * for the layer's and the expert's number; and the layer's."""
    layer: int | None = None

    def star(match: re.Match[str]) -> str:
        nonlocal layer
        if len(match[0]) > 5:
            return match[0]
        if EXPERT.search(name[: match.start()]):
            return "*"
        if layer is None:
            layer = int(match[0])
            return "*"
        return match[0]

    return NUMBER.sub(star, name), layer


def group(tensors: Iterable[tuple[str, tuple[int, ...], str, int]], *, what: str) -> tuple[Stored, ...]:
    """The tensors of a file, (name, shape, type, bytes) each, with equal ones joined over layers and experts.

    Raises ValueError where there are none or too many, where a name stands twice, or where a shape is absurd.
    """
    seen: set[str] = set()
    found: dict[tuple[str, tuple[int, ...], str, int], dict[int | None, int]] = {}
    for name, shape, kind, size in tensors:
        if name in seen:
            raise ValueError(f"{what}: the tensor {quoted(name)} is listed twice")
        seen.add(name)
        if len(seen) > MOST_TENSORS:
            raise ValueError(f"{what}: more than {MOST_TENSORS:,} tensors; published models list fewer than 100,000")
        if len(shape) > 8 or any(not 0 <= side < LARGEST_SIDE for side in shape) or prod(shape) > MOST_VALUES:
            raise ValueError(f"{what}: the tensor {quoted(name)} has the shape {str(shape)[:60]}; that cannot be")
        if 0 in shape:
            continue  # holds nothing
        pattern, layer = _pattern(name)
        layers = found.setdefault((pattern, shape, kind, size), {})
        layers[layer] = layers.get(layer, 0) + 1
    if not seen:
        raise ValueError(f"{what}: lists no tensors")
    return bounded([row for key, layers in found.items() for row in _joined(key, layers)], what=what)


def bounded(rows: Sequence[Stored], *, what: str) -> tuple[Stored, ...]:
    """The rows; raises ValueError where they name more layers than any model has."""
    last = max((row.layers[-1] for row in rows if row.layers), default=0)
    if last >= MOST_LAYERS or sum(len(row.layers) for row in rows) > MOST_PLACES:
        raise ValueError(f"{what}: tensors in more layers than any published model has, up to layer {last:,}")
    return tuple(rows)


def _joined(key: tuple[str, tuple[int, ...], str, int], layers: Mapping[int | None, int]) -> Iterator[Stored]:
    """Equal tensors as rows: one outside the layers, else one for each number of them that a layer has."""
    name, shape, kind, size = key
    by_count: dict[int, list[int]] = {}
    for layer, count in layers.items():
        if layer is None:
            yield Stored(name=name, shape=shape, type=kind, bytes=size)
        else:
            by_count.setdefault(count, []).append(layer)
    for count, at in by_count.items():
        yield Stored(name=name, shape=shape, type=kind, bytes=size, layers=tuple(sorted(at)), experts=count)
