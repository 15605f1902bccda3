"""Which model does the visitor bring? A config.json, or the header of a model file, as a model beside the presets.

Nothing that a file holds is run, and none of its weights are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod
from typing import Any

from calculators.architecture import Architecture, parameters, parameters_by_part
from calculators.formats import Format
from presets.configs import fields_that_matter, model_from_config
from presets.importing.carried import fields_of, written
from presets.importing.header import LARGEST_SIDE, MOST_LAYERS, MOST_VALUES, Header, Stored, bounded, numbers, ranges
from presets.importing.ledger import FACTS, architecture, unmatched
from presets.importing.text import quoted, safe_name

MARK = " (imported)"
# The weight format of a model read from a file: each tensor as it is stored there. Without a file, 16 bits.
AS_STORED = Format(
    name="the file's types", bits=16, from_file=True, source="the header of the imported file",
    note="Each tensor takes the bytes that the imported file gives it.",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """A model from outside: its architecture, the config fields it can be changed by, and the text a link carries.

    `used` and `ignored` are what the file says that decides sizes and that does not; `notes` what was compared.
    """

    architecture: Architecture
    config: Mapping[str, Any]
    carried: str
    used: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its name among the presets, which no preset has."""
        return self.architecture.name

    @property
    def has_file_bytes(self) -> bool:
        """Whether a file says how many bytes each tensor takes."""
        return bool(self.architecture.stored)


def _flat(fields: Mapping[str, Any], within: str = "") -> list[str]:
    """Names of fields, those of inner objects with their path."""
    found = []
    for name, value in fields.items():
        found += _flat(value, f"{within}{name}.") if isinstance(value, Mapping) else [f"{within}{name}"]
    return found


def from_config(config: Mapping[str, Any], *, name: str) -> Imported:
    """The model of a config.json. Raises what `model_from_config` raises, or that it has too many layers."""
    name = safe_name(name)
    model = model_from_config(config, name=name + MARK)
    if model.layers > MOST_LAYERS:
        raise ValueError(f"config.json: {model.layers:,} layers; at most {MOST_LAYERS:,} are imported")
    reduced = fields_that_matter(config)
    used, given = _flat(reduced), _flat(config)
    return Imported(
        architecture=replace(model, source="its config.json, imported"),
        config=reduced,
        carried=written({"n": name, "c": reduced}),
        used=tuple(used),
        ignored=tuple(each for each in given if each not in set(used)),
    )


def from_header(header: Header, *, config: Mapping[str, Any] | None = None, name: str = "") -> Imported:
    """The model that the tensors of a file make, with the layers of the config.json beside it where there is one.

    Raises ValueError, saying what is not understood or which of the two contradicts the other.
    """
    name = safe_name(name or header.name)
    reduced = fields_that_matter(config) if config is not None else None
    beside = model_from_config(config, name=name) if config is not None else None
    model = architecture(header, name=name + MARK, source=f"its {header.kind} header, imported", config=beside)
    facts = {fact: value for fact, value in header.facts.items() if fact in FACTS}
    fields: dict[str, Any] = {"n": name, "k": header.kind, "f": facts, "t": _rows(header.tensors)}
    if reduced is not None:
        fields |= {"c": reduced, "f": {}}
    guessed = unmatched(header)
    notes = [
        f"{sum(row.count for row in header.tensors):,} tensors; {parameters(model):,} parameters by their shapes.",
        *_compared(model, beside),
    ]
    if guessed:
        notes.append("No rule names these: matrices are counted as MLP, vectors as norms.")
    return Imported(
        architecture=model,
        config=reduced or {},
        carried=written(fields),
        used=tuple(sorted(facts)) if config is None else tuple(_flat(reduced or {})),
        ignored=(*header.ignored, *guessed),
        notes=tuple(notes),
    )


def _compared(model: Architecture, other: Architecture | None) -> list[str]:
    """What two ledgers of one model say about each other."""
    if other is None:
        return []
    mine, its = parameters_by_part(model), parameters_by_part(other)
    if mine == its:
        return ["The config.json gives the same parameters, part by part."]
    parts = [part for part in dict.fromkeys((*mine, *its)) if mine.get(part, 0) != its.get(part, 0)]
    told = "; ".join(f"{part}: {mine.get(part, 0):,} in the file, {its.get(part, 0):,} by the config" for part in parts)
    return [f"The config.json gives {parameters(other):,} parameters. They differ in {told}."]


def _rows(tensors: Sequence[Stored]) -> list[list[Any]]:
    """Tensors as a link carries them: name, shape, then (bytes, layers, experts) for each size it is stored in."""
    found: dict[tuple[str, tuple[int, ...]], list[Any]] = {}
    for row in tensors:
        entry = found.setdefault((row.name, row.shape), [row.name, list(row.shape)])
        entry.append([row.bytes, ranges(row.layers), *([row.experts] if row.experts > 1 else [])])
    return list(found.values())


def _whole(value: Any, least: int, below: int) -> int:
    if type(value) is not int or not least <= value < below:
        raise ValueError(f"imported model: {quoted(value)} is no whole number from {least:,} below {below:,}")
    return value


def _read_rows(entries: Any) -> tuple[Stored, ...]:
    if not isinstance(entries, list) or not entries:
        raise ValueError("imported model: t is no list of tensors")
    found: list[Stored] = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) < 3 or not isinstance(entry[0], str) or len(entry[0]) > 200:
            raise ValueError("imported model: a tensor is no name, shape and sizes")
        name, shape, *sizes = entry
        if not isinstance(shape, list) or len(shape) > 8:
            raise ValueError(f"imported model: {quoted(name)} has no shape")
        sides = tuple(_whole(side, 1, LARGEST_SIDE) for side in shape)
        if prod(sides) > MOST_VALUES:
            raise ValueError(f"imported model: {quoted(name)} has more than {MOST_VALUES:,} values")
        for size in sizes:
            if not isinstance(size, list) or not 2 <= len(size) <= 3 or not isinstance(size[1], str):
                raise ValueError(f"imported model: {quoted(name)} has a size that is no bytes and layers")
            bounded(found, what="imported model")
            found.append(
                Stored(
                    name=name,
                    shape=sides,
                    type="",
                    bytes=_whole(size[0], 0, 2**50),
                    layers=numbers(size[1]),
                    experts=_whole(size[2], 1, 100_000) if len(size) == 3 else 1,
                )
            )
    return bounded(found, what="imported model")


@lru_cache(maxsize=256)
def from_link(carried: str) -> Imported:
    """The model that a link carries, read as strictly as a file.

    Raises ValueError, saying what is wrong with it, for any text that is none.
    """
    fields = fields_of(carried)
    name, config, kind = safe_name(fields.get("n", "")), fields.get("c"), fields.get("k")
    unknown = sorted(set(fields) - {"n", "c", "k", "f", "t"})
    if unknown:
        raise ValueError(f"imported model: {quoted(unknown[0])} is no part of one")
    if config is not None and not isinstance(config, dict):
        raise ValueError("imported model: c is no config")
    if kind is None:
        if config is None:
            raise ValueError("imported model: neither a config nor tensors")
        return from_config(config, name=name)
    facts = fields.get("f")
    if kind not in ("GGUF", "safetensors") or not isinstance(facts, dict) or not set(facts) <= set(FACTS):
        raise ValueError("imported model: its kind or its facts are not understood")
    header = Header(kind=kind, name=name, facts=facts, tensors=_read_rows(fields.get("t")))
    return from_header(header, config=config, name=name)
