"""What does a scenario cost bought, rented or called, and split with a model near the user? Records, words and rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan
from typing import Any

import pandas as pd

from calculators import UNKNOWN
from calculators.estimate import Estimate, Scenario, estimate
from calculators.hardware import Deployment
from calculators.spend import (
    YEAR_S,
    Called,
    Owned,
    Rented,
    Side,
    Split,
    Way,
    break_even_use,
    payback_s,
    paying_share,
)
from pages.ui.explain import answers, wording
from pages.ui.links.values import AUTO
from presets.catalog import accelerator_facts, accelerators, engines, formats, models
from presets.prices import ApiOffer, cheapest, cheapest_api, purchase_usd

BUY, RENT, CALL = "Buy", "Rent", "Call an API"
NEAR_FORMAT, NEAR_ENGINE = "Q4_K_M", "llama.cpp"  # as models run on people's own devices
MONTH_S = YEAR_S / 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The ways to pay for a scenario, those whose price is known; where each price is from; what they answer."""

    ways: Mapping[str, Way]
    origins: Mapping[str, str]
    requests_per_s: float
    use: float
    fits: bool


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
            f"{wording.show_usd(each)} a device, as published once: see the Catalog" if isfinite(each) else ""
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
    return Plan(ways=known, origins=origins, requests_per_s=capacity, use=chosen.busy, fits=bool(figures.fits))


def rent(device: str) -> tuple[float, str]:
    """Dollars a device and hour as the other pages take it, and where it is from, beside the cheapest on demand."""
    facts, offer = accelerator_facts()[device], cheapest().get(device)
    hourly, said = facts.accelerator.usd_per_hour, facts.rent
    if isnan(hourly) and offer:
        hourly, said = offer.usd_per_device_hour, f"{offer.provider}, on demand, {offer.quoted}"
    if isnan(hourly):
        return UNKNOWN, ""
    least = (
        f"; the cheapest on demand is {wording.show_usd(offer.usd_per_device_hour)}, {offer.provider}, {offer.quoted}"
        if offer
        else ""
    )
    return hourly, f"{wording.show_usd(hourly)} a device and hour, {said}{least}"


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


def answer(found: Plan, scenario: Scenario) -> str:
    """Which way is cheapest at the chosen use, and from when and which use another is."""
    if not isfinite(found.requests_per_s):
        return "How many requests the hardware answers is unknown, so that its cost cannot be set against an API's."
    if not found.ways:
        return "No price is known: set one below."
    held = "" if found.fits else "The hardware does not hold the model with this load; the costs are as if it did. "
    costs = monthly_usd(found)
    (best, least), *others = costs.items()
    beside = "".join(f", {VERBS[name]} {wording.show_usd(cost)}" for name, cost in others)
    text = (
        f"{held}At **{found.use:.0%} use** of {answers.devices_text(scenario)}, "
        f"{wording.digits(found.requests_per_s * found.use * 86_400)} requests a day, **{VERBS[best]} is cheapest: "
        f"{wording.show_usd(least)} a month**{beside}."
    )
    back = paybacks(found)
    never = [VERBS[name] for name, after in back.items() if after == inf]
    for name, after in back.items():
        if after < inf:
            text += f" A purchase has paid back against {VERBS[name]} after **{months(after)}**."
    if never:
        text += f" Within its life a purchase does not pay back against {' or '.join(never)} at this use."
    for (first, second), use in even_uses(found).items():
        if second == CALL:
            text += (
                f" From **{use:.0%} use**, {VERBS[first]} costs no more than the API."
                if use < inf
                else f" Even at full use, {VERBS[first]} costs more than the API."
            )
    return text


def split(chosen: Any, scenario: Scenario, figures: Estimate, found: Plan) -> Split:
    """The scenario's requests divided between it, at its cheapest way to pay, and a small model near the user."""
    card = accelerators()[chosen.neardevice]
    output = int(scenario.workload.output_tokens)
    alone = replace(
        scenario,
        model=models()[chosen.near],
        weight_format=formats()[NEAR_FORMAT],
        deployment=Deployment(accelerator=card),
        workload=replace(scenario.workload, batch=1),
        engine=engines()[NEAR_ENGINE],
    )
    small = estimate(alone)
    fits = bool(small.fits)
    far_usd = min((float(way.usd_per_s(found.use)) for way in found.ways.values()), default=UNKNOWN)
    return Split(
        near=Side(
            usd_per_request=0.0,
            fixed_usd_per_s=chosen.nearusd / 3600,
            network_s=0.0,
            first_token_s=float(small.first_token_s) if fits else UNKNOWN,
            token_s=float(small.token_s) if fits else UNKNOWN,
            output_tokens=output,
        ),
        far=Side(
            usd_per_request=far_usd / (found.requests_per_s * found.use),
            fixed_usd_per_s=0.0,
            network_s=chosen.delay / 1e3,
            first_token_s=float(figures.first_token_s),
            token_s=float(figures.token_s),
            output_tokens=output,
        ),
        share=chosen.nearshare,
        requests_per_s=found.requests_per_s * found.use,
        passed_on=chosen.passed,
    )


def split_answer(chosen: Any, parts: Split) -> str:
    """What a split costs and how long it takes, beside the far model alone, and the share from which it pays."""
    alone, least = replace(parts, share=0.0, near=replace(parts.near, fixed_usd_per_s=0.0)), float(paying_share(parts))
    near = f"{chosen.near} on {wording.short_device(chosen.neardevice)}"
    if isnan(parts.near.answer_s):
        return (
            f"{near} in {NEAR_FORMAT} does not fit, or its speed is unknown: choose a smaller model or a larger device."
        )
    now, before = (wording.show_usd(float(each.usd_per_request) * 1e3) for each in (parts, alone))
    heard, heard_alone = (wording.show_seconds(float(each.heard_s)) for each in (parts, alone))
    said, said_alone = (wording.show_seconds(float(each.answer_s)) for each in (parts, alone))
    text = (
        f"With **{parts.share:.0%}** of requests answered by {near}, a thousand cost **{now}** in place of {before}. "
        f"In the mean the first token comes after **{heard}** in place of {heard_alone}, the last after **{said}** in "
        f"place of {said_alone}."
    )
    if isnan(least):
        return text
    if least == 0:
        return f"{text} What runs near the user costs nothing more here, so every share pays."
    if least < inf:
        return f"{text} It pays from a share of **{least:.0%}**."
    return f"{text} It does not pay at any share."


def table(found: Plan) -> pd.DataFrame:
    """Each way with its costs and where its price is from."""
    return pd.DataFrame(
        [
            {
                "Way": name,
                "Month at this use": wording.show_usd(float(way.usd_per_s(found.use)) * MONTH_S),
                "Month unused": wording.show_usd(float(way.usd_per_s(0.0)) * MONTH_S),
                "Month at full use": wording.show_usd(float(way.usd_per_s(1.0)) * MONTH_S),
                "Thousand requests": wording.show_usd(
                    float(way.usd_per_s(found.use)) / (found.requests_per_s * found.use) * 1e3
                ),
                "Price": found.origins[name],
            }
            for name, way in found.ways.items()
        ]
    )
