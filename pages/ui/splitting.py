"""What does it cost and gain to answer some requests near the user? The split of a scenario, and its words."""

from dataclasses import replace
from math import inf, isnan
from typing import Any

from calculators import UNKNOWN
from calculators.estimate import Estimate, Scenario, estimate
from calculators.hardware import Deployment
from calculators.spend import Called, Owned, Side, Split, paying_share
from pages.ui.explain import wording
from pages.ui.spending import BUY, CALL, RENT, Plan, monthly_usd
from presets.catalog import accelerators, engines, formats, models

WHERE = {BUY: "On bought hardware", RENT: "On rented hardware", CALL: "By the API"}
NEAR_FORMAT, NEAR_ENGINE = "Q4_K_M", "llama.cpp"  # as models run on people's own devices


def split(chosen: Any, scenario: Scenario, figures: Estimate, found: Plan) -> Split:
    """The scenario's requests divided between it, at its cheapest way to pay, and a small model near the user.

    All of the far side's hardware is kept.
    """
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
    return Split(
        near=Side(
            network_s=0.0,
            first_token_s=float(small.first_token_s) if fits else UNKNOWN,
            token_s=float(small.token_s) if fits else UNKNOWN,
            output_tokens=output,
        ),
        far=Side(
            network_s=chosen.delay / 1e3,
            first_token_s=float(figures.first_token_s),
            token_s=float(figures.token_s),
            output_tokens=output,
        ),
        near_usd_per_s=chosen.nearusd / 3600,
        paid=found.ways[next(iter(monthly_usd(found)))],
        use=found.use,
        requests_per_s=found.requests_per_s * found.use,
        share=chosen.nearshare,
        passed_on=chosen.passed,
    )


def _kept(parts: Split) -> str:
    """What of the far side's cost falls with its share of the requests."""
    if isinstance(parts.paid, Called):
        return "the far model is paid for by the token, so that its cost falls with its share"
    if isinstance(parts.paid, Owned):
        return "the far hardware stays as it was bought, so that its power alone falls"
    if float(parts.paid.reserved_share) < float(parts.use):
        return "the far hardware stays rented, so that only what exceeds its reserved part falls"
    return "the far hardware stays reserved, so that nothing of its rent falls"


def _smaller(parts: Split, copies: int) -> str:
    """What the split costs where the far side is made smaller for what is left to it, or that it cannot be."""
    if isinstance(parts.paid, Called):
        return ""
    if copies == 1:
        return " It is one copy of the model, which cannot be made smaller by whole copies."
    resized = replace(parts, copies=copies)
    kept = int(resized.far_copies)
    if kept == copies:
        return f" What is left still needs all of its {copies} copies."
    usd = wording.show_usd(float(resized.usd_per_request) * 1e3)
    return f" Planned for it from the start, **{kept} of the {copies} copies** would do, at **{usd}** a thousand."


def _otherwise(parts: Split, found: Plan) -> str:
    """What a thousand requests cost where the far side is paid for another way, beside the far model alone."""
    said = []
    for name in list(monthly_usd(found))[1:]:
        split = replace(parts, paid=found.ways[name])
        alone = replace(split, share=0.0, near_usd_per_s=0.0)
        now, before = (wording.show_usd(float(each.usd_per_request) * 1e3) for each in (split, alone))
        said.append(f"{WHERE[name]}, it would be {now} in place of {before}")
    return f" {'. '.join(said)}." if said else ""


def words(chosen: Any, parts: Split, found: Plan, copies: int) -> str:
    """What a split costs and how long it takes, beside the far model alone, and the share from which it pays.

    The far side's hardware as it stands, and made smaller by whole copies of so many.
    """
    alone = replace(parts, share=0.0, near_usd_per_s=0.0)
    least = float(paying_share(parts))
    near = f"{chosen.near} on {wording.short_device(chosen.neardevice)}"
    if isnan(parts.near.answer_s):
        return (
            f"{near} in {NEAR_FORMAT} does not fit, or its speed is unknown: choose a smaller model or a larger device."
        )
    usd, usd_alone = (float(each.usd_per_request) * 1e3 for each in (parts, alone))
    heard, heard_alone = (wording.show_seconds(float(each.heard_s)) for each in (parts, alone))
    said, said_alone = (wording.show_seconds(float(each.answer_s)) for each in (parts, alone))
    text = (
        f"With **{parts.share:.0%}** of requests answered by {near}, a thousand requests cost "
        f"**{wording.show_usd(usd)}** in place of {wording.show_usd(usd_alone)}: {_kept(parts)}."
        f"{_smaller(parts, copies)}{_otherwise(parts, found)} "
        f"In the mean the first token comes after **{heard}** in place of {heard_alone}, the "
        f"last after **{said}** in place of {said_alone}."
    )
    if isnan(least):
        return text
    if least == inf:
        return f"{text} With the hardware kept it does not pay at any share."
    if least > 0:
        return f"{text} With the hardware kept it pays from a share of **{least:.0%}**."
    if wording.show_usd(usd) == wording.show_usd(usd_alone):
        return f"{text} It saves next to nothing."
    return f"{text} It saves at every share."
