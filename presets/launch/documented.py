"""What does each engine document of its start, and which published weights does it read? Of one version.

Flags, names of formats and images: presets/launch/flags.toml. Repositories: checkpoints.csv. Devices: devices.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from presets.catalog import formats, models
from presets.loader import Entry, load, load_rows

MISSING = "REPLACE-ME"  # stands where only the visitor knows the name


class CannotStart(ValueError):
    """An engine cannot run this; the message is a sentence that says why and what would do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Starter:
    """What an engine documents of its start: command, flags, options, names of formats, port, health path, images."""

    name: str
    version: str
    command: tuple[str, ...]
    contained: tuple[str, ...]  # the command within its image, empty where the image runs it itself
    several: tuple[str, ...]  # what stands before the command where a copy takes several machines
    flags: Mapping[str, str]  # -> where it is documented
    options: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]  # of flags and options
    weights: Mapping[str, str]
    needs: Mapping[str, str]  # format -> the type that a device must compute in
    at_load: Mapping[str, tuple[str, str]]
    cache: Mapping[str, str]
    port: int
    health: str
    vendors: tuple[str, ...]
    without: Mapping[str, tuple[str, ...]]  # maker -> formats that its devices do not run
    elsewhere: Mapping[str, str]
    images: Mapping[str, str]
    images_source: str
    health_source: str
    source: str
    checked: date


def _names(entry: Entry, key: str, kind: type = str) -> Mapping[str, Any]:
    table = entry.table(key)
    assert table is not None
    return MappingProxyType({name: table.get(name, kind) for name in table.values})


def _lists(entry: Entry, key: str) -> Mapping[str, tuple[str, ...]]:
    table = entry.table(key, None)
    return MappingProxyType({name: tuple(table.texts(name)) for name in table.values} if table else {})


def _starter(entry: Entry) -> Starter:
    source, checked = entry.origin()
    return Starter(
        name=entry.name,
        version=entry.text("version"),
        command=tuple(entry.texts("command")),
        contained=tuple(entry.texts("contained")),
        several=tuple(entry.texts("several", [])),
        flags=_names(entry, "flags"),
        options=_names(entry, "options"),
        choices=_lists(entry, "choices"),
        weights=_names(entry, "weights"),
        needs=_names(entry, "needs"),
        at_load={name: (pair[0], pair[1]) for name, pair in _names(entry, "at_load", list).items()},
        cache=_names(entry, "cache"),
        port=entry.get("port", int),
        health=entry.text("health"),
        vendors=tuple(entry.texts("vendors")),
        without=_lists(entry, "without"),
        elsewhere=_names(entry, "elsewhere"),
        images=_names(entry, "images"),
        images_source=entry.text("images_source"),
        health_source=entry.text("health_source"),
        source=source,
        checked=checked,
    )


@cache
def starters() -> Mapping[str, Starter]:
    """Every engine that can be started here, by its name in presets/engines.toml."""
    return load("launch/flags.toml", _starter)


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What stands around a device: its name in a Kubernetes cluster, how many a machine holds, 0 as many as join."""

    resource: str
    machine_devices: int
    note: str


def _surroundings(entry: Entry) -> Surroundings:
    entry.origin()
    return Surroundings(
        resource=entry.text("resource"),
        machine_devices=entry.get("machine_devices", int, 0),
        note=entry.text("note", ""),
    )


@cache
def surroundings(device: str) -> Surroundings | None:
    """What stands around a device of this name; None where nothing is known of its kind."""
    known = load("launch/devices.toml", _surroundings)
    found = [name for name in known if f"{device} ".startswith(f"{name} ")]
    return known[max(found, key=len)] if found else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A repository that publishes a model's weights in a format, and the engines that read it."""

    model: str
    format: str
    repository: str
    engines: tuple[str, ...]


def _checkpoint(entry: Entry) -> Checkpoint:
    entry.origin()
    found = Checkpoint(
        model=entry.text("model"),
        format=entry.text("format"),
        repository=entry.text("repository"),
        engines=tuple(entry.text("engines").split(";")),
    )
    known = (("model", found.model, models()), ("format", found.format, formats()))
    for key, value, names in (*known, *(("engines", engine, starters()) for engine in found.engines)):
        if value not in names:
            raise entry.error(f"{key} {value!r} is none of the catalog")
    return found


@cache
def checkpoints() -> tuple[Checkpoint, ...]:
    """Every repository that publishes a model of the catalog in a format of it, beside the model's own."""
    columns = dict.fromkeys(("model", "format", "repository", "engines", "source"), str) | {"checked": date}
    return load_rows("launch/checkpoints.csv", columns, _checkpoint)


def published(model: str, fmt: str, engine: str) -> str:
    """The repository of a model's weights in a format that an engine reads; empty where none is known here."""
    for each in checkpoints():
        if (each.model, each.format) == (model, fmt) and engine in each.engines:
            return each.repository
    return ""


@cache
def makers() -> Mapping[str, tuple[str, str]]:
    """What makes weights of a format, or of formats with this first word, of 16-bit ones; and where that stands."""
    return load("launch/making.toml", lambda entry: (entry.text("by"), entry.origin()[0]))


def maker(fmt: str) -> tuple[str, str]:
    """What makes weights of a format, and where that stands; both empty where nothing is known here."""
    return makers().get(fmt) or makers().get(fmt.partition(" ")[0]) or ("", "")
