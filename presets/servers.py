"""In which server does a device come? What a rack gives it and what it draws from the wall, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from calculators import UNKNOWN
from calculators.hardware import Server
from presets.catalog import accelerators
from presets.loader import Entry, PresetError, load

FILE = "servers.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFacts:
    """A server with the accelerators that it was published to hold, one kind at a time, and its source."""

    server: Server
    accelerators: tuple[str, ...]
    source: str
    checked: date
    note: str


def _server(entry: Entry) -> ServerFacts:
    source, checked = entry.origin()
    held = tuple(entry.texts("accelerators"))
    for name in held:
        if name not in accelerators():
            raise entry.error(f"accelerators: {name!r} is not in accelerators.toml")
    figures = {key: entry.number(key, UNKNOWN) for key in ("rack_units", "power_w")}
    devices = entry.get("devices", int)
    if devices < 1 or 0 in figures.values():
        raise entry.error("devices, rack_units and power_w of more than zero were expected")
    if all(figure != figure for figure in figures.values()):
        raise entry.error("rack_units, power_w or both were expected")
    return ServerFacts(
        server=Server(name=entry.name, devices=devices, **figures),
        accelerators=held,
        source=source,
        checked=checked,
        note=entry.text("note", ""),
    )


@cache
def server_facts() -> Mapping[str, ServerFacts]:
    """Every server, by name."""
    return load(FILE, _server)


@cache
def servers() -> Mapping[str, Server]:
    """The server of each accelerator, by the accelerator's name; those of which none is at hand are absent."""
    found: dict[str, Server] = {}
    for name, facts in server_facts().items():
        for accelerator in facts.accelerators:
            if accelerator in found:
                raise PresetError(f"presets/{FILE}: {accelerator!r} is in {found[accelerator].name!r} and in {name!r}")
            found[accelerator] = facts.server
    return MappingProxyType({name: found[name] for name in accelerators() if name in found})
