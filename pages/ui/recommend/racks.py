"""In what do devices stand? The pick's servers, what they take of a rack, and what no limit of a rack can hold."""

from math import inf, isfinite, isnan

from calculators.recommend import Candidate, Recommendation
from pages.ui.explain import wording
from presets.servers import server_facts, servers


def watts(power_w: float) -> str:
    """Power as people write it: 295 W, 10.2 kW."""
    return wording.show_rate(power_w, "W") if power_w < 1000 else wording.show_rate(power_w / 1e3, "kW")


def stands_in(pick: Candidate) -> str:
    """The servers of a pick, their rack units, and their power from the wall beside that of the devices alone."""
    card = pick.scenario.deployment.accelerator
    rated = float(card.power_w) * pick.devices
    alone = f" The devices alone are rated at {watts(rated)}." if isfinite(rated) else ""
    if card.name not in servers():
        device = wording.short_device(card.name)
        return f"In which server {device} comes is not known here: rack units and power from the wall unknown.{alone}"
    server = servers()[card.name]
    facts = server_facts()[server.name]
    units, wall = float(server.rack_units_of(pick.devices)), float(server.power_w_of(pick.devices))
    count = int(server.taken(pick.devices))
    room = wording.plural(units, "rack unit") if isfinite(units) else "rack units unknown"
    power = f"at most {watts(wall)} from the wall, hosts included" if isfinite(wall) else "power from the wall unknown"
    note = f", {facts.note}" if facts.note else ""
    return (
        f"Stands in {count} × {server.name} ({wording.plural(server.devices, 'device')} each{note}): {room}, {power}."
        f"{alone} Source: {facts.source.split('; ')[0]}, {facts.checked}."
    )


def unknown(found: Recommendation) -> str:
    """Of how many kinds of devices nobody published what a limit of the rack asks for; empty where none is asked."""
    budget, catalog = found.budget, found.found.catalog
    kinds = [catalog.server_of(name) for name in budget.devices]
    said = []
    for limit, figure, words in (
        (budget.rack_units, "rack_units", "the rack units"),
        (budget.server_power_w, "power_w", "the power from the wall"),
    ):
        lacking = sum(isnan(getattr(server, figure)) for server in kinds)
        if limit < inf and lacking:
            said.append(f"{words} of {lacking} of {wording.plural(len(kinds), 'kind')} of devices")
    return f"Unknown, and so within no limit: {wording.listed(said)}." if said else ""
