"""How is a preset file read? Strictly: each entry key by key, with its source and the day it was checked.

An entry without `source` and `checked`, with an unknown key or with a value of the wrong kind is refused by name.
"""

import csv
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import cache
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

HERE = Path(__file__).parent
Record = TypeVar("Record")
KINDS = {
    str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table",
    date: "a date",
}  # fmt: skip


class PresetError(ValueError):
    """A preset file says something that cannot be used; the message names file, entry and key."""


@cache
def table(file: str) -> Mapping[str, Any]:
    """A TOML file of this folder."""
    try:
        return MappingProxyType(tomllib.loads((HERE / file).read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"presets/{file}: {error}") from error


class Entry:
    """One table of a preset file, read key by key; `done()` refuses whatever was not asked for."""

    def __init__(self, file: str, name: str, values: Mapping[str, Any]) -> None:
        self.where = f"presets/{file}: {name!r}"
        self.name = name
        if not isinstance(values, Mapping):
            raise self.error(f"is {values!r}; a table was expected")
        self.values = dict(values)
        self.asked: set[str] = set()

    def error(self, message: str) -> PresetError:
        """An error that says where."""
        return PresetError(f"{self.where}: {message}")

    def get(self, key: str, kind: type[Record] | tuple[type, ...], default: Any = ...) -> Any:
        """The value of a key, of this kind; without a default the key must be there."""
        self.asked.add(key)
        if key not in self.values:
            if default is ...:
                raise self.error(f"{key} is missing")
            return default
        value = self.values[key]
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            raise self.error(f"{key} is {value!r}; {' or '.join(KINDS[each] for each in kinds)} was expected")
        return value

    def number(self, key: str, default: Any = ...) -> Any:
        """A number of zero or more."""
        value = self.get(key, (int, float), default)
        if key in self.values and not 0 <= value < inf:
            raise self.error(f"{key} is {value!r}; a number of zero or more was expected")
        return value

    def text(self, key: str, default: Any = ...) -> Any:
        """A text that is not empty."""
        value = self.get(key, str, default)
        if key in self.values and not value.strip():
            raise self.error(f"{key} is empty")
        return value

    def texts(self, key: str, default: Any = ...) -> list[str]:
        """A list of texts."""
        values = self.get(key, list, default)
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"{key} is {values!r}; a list of texts was expected")
        return list(values)

    def table(self, key: str, default: Any = ...) -> "Entry | None":
        """A table within the entry."""
        value = self.get(key, dict, default)
        return None if value is None else self._within(key, value)

    def tables(self, key: str) -> "list[Entry]":
        """A list of tables within the entry; empty where it is not given."""
        return [self._within(key, value) for value in self.get(key, list, [])]

    def _within(self, key: str, values: Mapping[str, Any]) -> "Entry":
        return Entry(self.where.removeprefix("presets/"), key, values)

    def origin(self) -> tuple[str, date]:
        """Where the entry is from, and the day it was checked."""
        return self.text("source"), self.get("checked", date)

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        unknown = sorted(set(self.values) - self.asked)
        if unknown:
            raise self.error(f"unknown key {unknown[0]!r}; known are {', '.join(sorted(self.asked))}")


def load(file: str, read: Callable[[Entry], Record], entries: Mapping[str, Any] | None = None) -> Mapping[str, Record]:
    """All entries of a file, each read by `read`, in the file's order."""
    records = {}
    for name, values in (table(file) if entries is None else entries).items():
        entry = Entry(file, name, values)
        records[name] = read(entry)
        entry.done()
    return MappingProxyType(records)


def load_rows(file: str, columns: Mapping[str, type], read: Callable[[Entry], Record]) -> tuple[Record, ...]:
    """All rows of a CSV file with these columns, each read by `read` as an entry without its empty cells."""
    records = []
    for line, row in enumerate(rows(file), 1):
        if line == 1:
            if row != tuple(columns):
                raise PresetError(f"presets/{file}: the columns are {', '.join(row)}; expected {', '.join(columns)}")
            continue
        if len(row) != len(columns):
            raise PresetError(f"presets/{file}: line {line}: has {len(row)} cells; expected {len(columns)}")
        values = {name: _cell(text, columns[name]) for name, text in zip(columns, row, strict=True) if text}
        entry = Entry(file, f"line {line}", values)
        records.append(read(entry))
        entry.done()
    return tuple(records)


def _cell(text: str, kind: type) -> Any:
    """The value that a cell stands for; the text itself where it stands for none, which the entry then refuses."""
    with suppress(ValueError):
        return date.fromisoformat(text) if kind is date else kind(text)
    return text


@cache
def rows(file: str) -> tuple[tuple[str, ...], ...]:
    """The lines of a CSV file of this folder, the header first."""
    with (HERE / file).open(encoding="utf-8", newline="") as lines:
        return tuple(map(tuple, csv.reader(lines)))
