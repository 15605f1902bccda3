"""What does a scenario cost bought, rented or called? The plan, its words, tiles and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, isnan
from typing import Any

import pandas as pd

from calculators import UNKNOWN
from calculators.estimate import Estimate, Scenario
from calculators.spend import YEAR_S, Called, Owned, Rented, Way, break_even_use, cheapest_by_use, payback_s
from pages.ui.explain import answers, wording
from pages.ui.links.values import AUTO
from presets.prices import ApiOffer, cheapest_api, purchase_usd
from presets.rents import cheapest, usual_usd

BUY, RENT, CALL = "Buy", "Rent", "Call an API"
MONTH_S = YEAR_S / 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The ways to pay for a scenario, those whose price is known; where each price is from; what they answer."""

    ways: Mapping[str, Way]
    origins: Mapping[str, str]
    requests_per_s: float
    output_tokens: int
    use: float
    fits: bool

    def usd_per_request(self, name: str, use: float) -> float:
        """Dollars a request one way, when so much of the hardware is in use."""
        return float(self.ways[name].usd_per_s(use)) / (self.requests_per_s * use)

    def usd_per_million(self, name: str, use: float) -> float:
        """Dollars for a million tokens of answers, their prompts included."""
        return self.usd_per_request(name, use) / self.output_tokens * 1e6


def plan(chosen: Any, scenario: Scenario, figures: Estimate) -> Plan:
    """The ways to pay for the deployment of a scenario, at the visitor's prices or the cheapest published."""
    card, devices = scenario.deployment.accelerator, int(scenario.deployment.devices)
    prompt, output = int(scenario.workload.prompt_tokens), int(scenario.workload.output_tokens)
    capacity = float(figures.tokens_per_s) / output
    origins: dict[str, str] = {}

    each = chosen.bought
    origins[BUY] = f"{wording.show_usd(each)} a device, your figure"
    if each == AUTO:
        each = purchase_usd(card.name)
        origins[BUY] = (
            f"{wording.show_usd(each)} a device alone, without its part of a server, as published once: see the Catalog"
            if isfinite(each)
            else ""
        )
    owned = Owned(
        purchase_usd=each * devices,
        life_s=chosen.years * YEAR_S,
        power_w=float(card.power_w) * devices,
        usd_per_kwh=chosen.kwh,
        pue=chosen.pue,
        upkeep_per_year=chosen.upkeep,
    )

    hourly = chosen.hired
    origins[RENT] = f"{wording.show_usd(hourly)} a device and hour, your figure"
    if hourly == AUTO:
        hourly, origins[RENT] = rent(card.name)
    rented = Rented(usd_per_hour=hourly * devices, reserved_share=chosen.reserved)

    read, written, origins[CALL] = token_prices(chosen, scenario.model.name, prompt, output)
    called = Called(
        input_usd=read, output_usd=written, prompt_tokens=prompt, output_tokens=output, requests_per_s=capacity
    )
    ways = {BUY: owned, RENT: rented, CALL: called}
    known = {name: way for name, way in ways.items() if isfinite(float(way.usd_per_s(1.0)))}
    return Plan(
        ways=known, origins=origins, requests_per_s=capacity, output_tokens=output, use=chosen.busy,
        fits=bool(figures.fits),
    )  # fmt: skip


def rent(device: str) -> tuple[float, str]:
    """The lowest dollars a device and hour on demand, and whose it is, of which day, beside the usual price."""
    offer = cheapest().get(device)
    if offer is None:
        return UNKNOWN, ""
    return offer.usd_per_device_hour, (
        f"{wording.show_usd(offer.usd_per_device_hour)} a device and hour, {offer.provider}, on demand, "
        f"{wording.dated(offer)}: the lowest in the list, where the median of the providers is "
        f"{wording.show_usd(usual_usd(device))}"
    )


def token_prices(chosen: Any, model: str, prompt: int, output: int) -> tuple[float, float, str]:
    """Dollars for a token read and one written, and where the prices are from; UNKNOWN where nobody's is at hand."""
    offer: ApiOffer | None = cheapest_api(model, prompt, output)
    read = offer.input_usd if offer else UNKNOWN
    written = offer.output_usd if offer else UNKNOWN
    said = f"{offer.provider}, {offer.quoted}, the cheapest here for these lengths" if offer else ""
    if chosen.apiin != AUTO:
        read, said = chosen.apiin / 1e6, "your figures"
    if chosen.apiout != AUTO:
        written, said = chosen.apiout / 1e6, "your figures"
    if isnan(read + written):
        return UNKNOWN, UNKNOWN, ""
    return (
        read,
        written,
        f"{wording.show_usd(read * 1e6)} in and {wording.show_usd(written * 1e6)} out a million, {said}",
    )


def missing(found: Plan) -> list[str]:
    """A sentence for each way that has no price, with what to do."""
    todo = {
        BUY: "What the device costs to buy is not published here: set it under “Price of a device”.",
        RENT: "Nobody's rent for the device is at hand: set it under “Rent of a device”.",
        CALL: "Nobody's price by the token is at hand for the model: set both under “API”.",
    }
    return [text for name, text in todo.items() if name not in found.ways]


def months(seconds: float) -> str:
    """A span of time in months or years: 7.3 months, 2.1 years."""
    count = seconds / MONTH_S
    return f"{wording.digits(count)} months" if count < 23.95 else f"{wording.digits(count / 12)} years"


def monthly_usd(found: Plan) -> dict[str, float]:
    """Dollars a month of each way at the plan's use, the cheapest first."""
    costs = {name: float(way.usd_per_s(found.use)) * MONTH_S for name, way in found.ways.items()}
    return dict(sorted(costs.items(), key=lambda item: item[1]))


def paybacks(found: Plan) -> dict[str, float]:
    """Seconds until the purchase has cost no more than each other way; infinite where it never does."""
    owned = found.ways.get(BUY)
    if not isinstance(owned, Owned):
        return {}
    others = {name: way for name, way in found.ways.items() if isinstance(way, Rented | Called)}
    return {name: float(payback_s(owned, way, found.use)) for name, way in others.items()}


def even_uses(found: Plan) -> dict[tuple[str, str], float]:
    """The use from which hardware pays, by (hardware, API) and (bought, rented); infinite where it never does."""
    pairs = ((BUY, CALL), (RENT, CALL), (BUY, RENT))
    return {
        (first, second): float(break_even_use(found.ways[first], found.ways[second]))
        for first, second in pairs
        if first in found.ways and second in found.ways
    }


VERBS = {BUY: "buying", RENT: "renting", CALL: "calling an API"}


def at_use(use: float) -> str:
    """A use in per cent, with a decimal below one: 59%, 0.4%."""
    return f"{use:.0%}" if use >= 0.01 or not use else f"{use:.1%}"


def changes(found: Plan) -> str:
    """Below and from which use another way is the cheapest."""
    spans = cheapest_by_use(found.ways)
    if not spans[1:]:
        return "So it is at any use." if len(found.ways) > 1 else ""
    below = [(use, name) for (_, name), (use, _) in pairwise(spans) if use <= found.use][-1:]
    beyond = [span for span in spans if span[0] > found.use][:1]
    parts = [f"below **{at_use(use)} use** {VERBS[name]} is" for use, name in below]
    parts += [f"from **{at_use(use)} use** on {VERBS[name]} is" for use, name in beyond]
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def answer(found: Plan, scenario: Scenario) -> str:
    """Which way is cheapest at the chosen use, by how much, and from which use on another is."""
    if not isfinite(found.requests_per_s):
        return "How many requests the hardware answers is unknown, so that its cost cannot be set against an API's."
    if not found.ways:
        return "**No price is known**: set one under Prices."
    costs = monthly_usd(found)
    (best, least), *others = costs.items()
    beside = [f"{wording.show_usd(cost - least)} less than {VERBS[name]}" for name, cost in others]
    verb = VERBS[best][0].upper() + VERBS[best][1:]
    first = f"**{verb} is cheapest**" if others else f"**{verb}** alone has a price here"
    return (
        f"{first}: **{wording.show_usd(least)} a month**"
        + (f", {wording.listed(beside)}," if others else "")
        + f" for {scenario.model.name} at **{found.use:.0%} use** of {answers.devices_text(scenario)}, "
        f"{wording.digits(found.requests_per_s * found.use * 86_400)} requests a day. {changes(found)}"
    ).strip()


def too_small(found: Plan, scenario: Scenario, rescue: str | None) -> str:
    """That the hardware holds no such model, so that nothing of it is priced; what would, and what an API asks."""
    text = (
        f"The hardware **does not hold the model** with this load: {scenario.model.name} on "
        f"{answers.devices_text(scenario)} is not priced."
    )
    if rescue:
        text += f" {rescue} would hold it."
    if CALL in found.ways:
        called = found.ways[CALL]
        assert isinstance(called, Called)
        text += (
            f" An API answers a thousand such requests for **{wording.show_usd(float(called.usd_per_request) * 1e3)}** "
            f"({found.origins[CALL]})."
        )
    return text


def reasons(found: Plan) -> list[str]:
    """Why and from when: the price of a million tokens on the same terms, paybacks, break-evens with an API."""
    chosen, full = ([(name, found.usd_per_million(name, use)) for name in found.ways] for use in (found.use, 1.0))
    told = wording.listed([f"{VERBS[name]} {wording.show_usd(usd)}" for name, usd in chosen])
    said = [f"**A million tokens of answers**, their prompts included, cost at {found.use:.0%} use: {told}."]
    if found.use < 1:
        told = wording.listed([f"{VERBS[name]} {wording.show_usd(usd)}" for name, usd in full])
        said[0] += f" At full load: {told}."
    back = paybacks(found)
    for name, after in back.items():
        if after < inf:
            said.append(f"A purchase has paid back against {VERBS[name]} after **{months(after)}**.")
    never = [VERBS[name] for name, after in back.items() if after == inf]
    if never:
        said.append(f"Within its life a purchase does not pay back against {' or '.join(never)} at this use.")
    for (first, second), use in even_uses(found).items():
        if second == CALL:
            verb = VERBS[first][0].upper() + VERBS[first][1:]
            said.append(
                f"Even at full use, {VERBS[first]} costs more than the API."
                if use == inf
                else f"{verb} costs no more than the API {f'from **{at_use(use)} use** on' if use else 'at any use'}."
            )
    return said


def tiles(found: Plan) -> dict[str, tuple[str, str]]:
    """Each way's month, and below it a million tokens of answers at the chosen use."""
    return {
        f"{name}, a month": (
            wording.show_usd(usd),
            f"1M output {wording.show_usd(found.usd_per_million(name, found.use))}",
        )
        for name, usd in monthly_usd(found).items()
    }


def over_time(found: Plan, back: Mapping[str, float]) -> str:
    """What the costs over time show, for the chart's title."""
    if back:
        first = min(back, key=back.__getitem__)
        return f"What is bought has paid back against {VERBS[first]} after {months(back[first])}"
    if BUY not in found.ways:
        return f"What {wording.listed([VERBS[name] for name in found.ways])} cost over the years"
    if not found.ways.keys() - {BUY}:
        return "What buying costs over its life"
    return f"At {found.use:.0%} use, no purchase pays back within its life"


def table(found: Plan) -> pd.DataFrame:
    """Each way with its costs and where its price is from."""
    return pd.DataFrame(
        [
            {
                "Way": name,
                "Month at this use": wording.show_usd(float(way.usd_per_s(found.use)) * MONTH_S),
                "Month unused": wording.show_usd(float(way.usd_per_s(0.0)) * MONTH_S),
                "Month at full use": wording.show_usd(float(way.usd_per_s(1.0)) * MONTH_S),
                "Thousand requests": wording.show_usd(found.usd_per_request(name, found.use) * 1e3),
                "1M output tokens": wording.show_usd(found.usd_per_million(name, found.use)),
                "1M output, full load": wording.show_usd(found.usd_per_million(name, 1.0)),
                "Price": found.origins[name],
            }
            for name, way in found.ways.items()
        ]
    )
