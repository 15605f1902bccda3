"""What does a whole run cost? Figures, charts and words of device-hours, energy and dollars, rented and owned."""

from collections.abc import Callable
from math import isfinite

import numpy as np
import plotly.graph_objects as go

from calculators.run import HOUR_S
from calculators.training_plan import Plan
from pages.ui import spending
from pages.ui.charts import curves
from pages.ui.explain.wording import UNKNOWN, digits, show_count, show_usd
from pages.ui.links.fields import Inputs
from pages.ui.links.values import ANYWHERE, AUTO
from pages.ui.training.planning import Outcome, larger, outcome, rent
from pages.ui.training.words import between, show_money, show_time, tokens
from presets.prices import purchase_usd
from presets.runs import places, pues, rents


def price_words(chosen: Inputs) -> str:
    """Where the price of a device-hour is from."""
    if chosen.hired != AUTO:
        return "The rent is the one that you state."
    said, asked = spending.rent(chosen.device)[1], rents(chosen.device)
    if not said:
        return "Nobody's rent of this device is known here: state one under More."
    offers = f"; {len(asked)} offers on demand ask {show_usd(asked[0])} to {show_usd(asked[-1])}" if asked else ""
    return f"Rent: {said}{offers}."


def owning_words(chosen: Inputs) -> str:
    """What owning a device is reckoned with."""
    each = purchase_usd(chosen.device) if chosen.bought == AUTO else chosen.bought
    if not isfinite(each):
        return "Nobody's price of this device is known here: state one under More."
    whose = "as published once, its server apart" if chosen.bought == AUTO else "your figure"
    return (
        f"Owned: {show_usd(each)} a device, {whose}. Assumed, and yours to change under More: {chosen.years} years of "
        f"service, at work {chosen.busy:.0%} of them, electricity at ${chosen.kwh:g} a kWh; no staff, room or interest."
    )


def cost_cells(taken: Outcome) -> dict[str, tuple[str, str]]:
    """What the whole run takes: device-hours, energy, carbon, rented and owned."""

    def mwh(joules: float) -> str:
        megawatt_hours = joules / 3.6e9
        if megawatt_hours >= 1000:
            return f"{digits(megawatt_hours / 1e3)} GWh"
        return f"{digits(megawatt_hours)} MWh" if megawatt_hours >= 1 else f"{digits(megawatt_hours * 1e3)} kWh"

    def carbon(tonnes: float) -> str:
        return f"{digits(tonnes)} t" if tonnes >= 1 else f"{digits(tonnes * 1e3)} kg"

    shown: dict[str, tuple[np.ndarray, Callable[[float], str], str]] = {
        "Device-hours": (taken.hours, show_count, UNKNOWN),
        "Energy": (taken.joules, mwh, UNKNOWN),
        "CO₂ of its electricity": (taken.tonnes, carbon, UNKNOWN),
        "Rented": (taken.usd, show_money, "no price is known"),
        "Owned": (taken.owned_usd, show_money, "no price is known"),
    }  # fmt: skip
    return {
        name: (show(float(ends[1])) if isfinite(ends[1]) else UNKNOWN, between(ends, show) or missing)
        for name, (ends, show, missing) in shown.items()
    }


def cost_charts(chosen: Inputs, plan: Plan) -> list[go.Figure]:
    """Time and money against the size of the cluster."""
    found = {each.devices: outcome(chosen, each) for each in larger(chosen)}
    found.setdefault(plan.devices, outcome(chosen, plan))
    found = dict(sorted(found.items()))
    here, corpus = found[plan.devices], tokens(chosen)
    longest = max(float(each.seconds[2]) for each in found.values())
    size, unit = next(
        (size, name)
        for size, name in ((86_400.0, "days"), (float(HOUR_S), "hours"), (60.0, "minutes"))
        if longest >= 3 * size or name == "minutes"
    )
    last = max(found)
    title = (
        f"{corpus} tokens: {show_time(here.seconds[1])} on {plan.devices:,}, "
        f"{show_time(found[last].seconds[1])} on {last:,}"
    )
    drawn = [
        curves.over_devices(
            title, f"Time, {unit}", {count: each.seconds for count, each in found.items()},
            {count: each.best_s for count, each in found.items()}, (plan.devices, float(here.seconds[1])),
            show_time, size,
        )
    ]  # fmt: skip
    price = rent(chosen)
    if isfinite(price) and isfinite(here.usd[1]):
        best = {count: each.best_s * count / HOUR_S * price for count, each in found.items()}
        title = f"{show_money(here.usd[1])} of rent on {plan.devices:,}"
        known = {count: usd for count, usd in best.items() if isfinite(usd)}
        if known:
            least = min(known, key=lambda count: known[count])
            title += f"; every step at its best, least on {least:,}: {show_money(known[least])}"
        drawn.append(
            curves.over_devices(
                title, "Rent, $", {count: each.usd for count, each in found.items()}, best,
                (plan.devices, float(here.usd[1])), show_money,
            )
        )  # fmt: skip
    return drawn


def cost_words(chosen: Inputs, taken: Outcome) -> str:
    """What the ranges rest on: runs, power, place, price."""
    where = (
        "electricity of the country with the least, the middle and the most carbon"
        if chosen.grid == ANYWHERE
        else f"{digits(places()[chosen.grid].grams_per_kwh)} g a kWh in {chosen.grid}, {places()[chosen.grid].year}"
    )
    bound = (
        " Here the plan's steps are slower at best than the middle of such runs: figures are the least."
        if taken.least
        else " Here the plan's steps are slower at best than the middle of such runs, which hide more of their "
        "exchanges: low end and middle are theirs. On a slower network than theirs, believe the dotted line."
        if taken.slower
        else ""
    )
    return (
        f"The range is what {taken.evidence.expectation.runs} published runs {taken.evidence.words} reached, four in "
        f"five; whole runs, with restarts and evaluation. The dotted line is the plan's own step, repeated without a "
        f"halt.{bound} Energy: measured watts of such devices with their hosts, times {min(pues().values()):g} to "
        f"{max(pues().values()):g} for the building's cooling and supply (PUE). CO₂: {where}. {price_words(chosen)} "
        f"{owning_words(chosen)}"
    )
