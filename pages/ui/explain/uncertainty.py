"""Within what does a figure lie, and what is that drawn from? The 80 % intervals in words."""

from math import isfinite

from calculators.estimate import Estimate, Scenario
from calculators.serving import Served
from pages.ui.explain.answers import least
from pages.ui.explain.wording import (
    digits,
    listed,
    plural,
    short_device,
    show_interval,
    show_rate,
    show_seconds,
    show_usd,
)
from presets.intervals import Intervals, Support, served_request


def throughput_shown(figures: Estimate, spans: Intervals) -> str:
    """All requests' tokens a second with their interval, where they are known."""
    ends = show_interval(spans.request.inverse.of(float(figures.tokens_per_s)), digits)
    if not isfinite(figures.tokens_per_s):
        return "tokens/s in all: unknown"
    return f"{show_rate(figures.tokens_per_s, 'tokens/s')}{f' ({ends})' if ends else ''} in all"


def hint(label: str, figures: Estimate, spans: Intervals) -> str | None:
    """What a figure of the strip is and what the line below it says; nothing for what needs no such words."""
    said = {
        "First token": "One request alone.",
        "Each further token": f"{show_rate(1 / figures.token_s, 'tokens/s')} for each request.",
        "Cost, 1M tokens": (
            "Of answers, their prompts included, for the devices' rent at full load: "
            f"{throughput_shown(figures, spans)}."
        ),
    }
    if label not in said:
        return None
    return (
        f"{said[label]} Below, where it is known: the interval that should hold 80\u202f% of what is measured; the "
        "working says what it rests on."
    )


def intervals_shown(scenario: Scenario, figures: Estimate, spans: Intervals) -> tuple[str, str, str]:
    """The intervals of the first token, a further one and the cost of a million; nothing for what is unknown.

    A lower bound, of a device whose peak nobody published, has none.
    """
    first = show_interval(spans.first_token.span.of(float(figures.first_token_s)), show_seconds)
    token = show_interval(spans.token.span.of(float(figures.token_s)), show_seconds)
    cost = show_interval(spans.request.of(float(figures.usd_per_token) * 1e6), show_usd)
    return first, "" if least(scenario) else token, cost


def served_intervals(scenario: Scenario, found: Served, spans: Intervals) -> tuple[str, str, str]:
    """The intervals of what many at once get: first token, further token, tokens a second in all."""
    if least(scenario):
        return "", "", ""
    return (
        show_interval(spans.served_first_token.span.of(float(found.first_token_s)), show_seconds),
        show_interval(spans.token.span.of(float(found.token_s)), show_seconds),
        show_interval(served_request(found, spans).inverse.of(float(found.tokens_per_s)), digits),
    )


def cost_basis(figures: Estimate, spans: Intervals, shown: str) -> str:
    """The intervals of cost and throughput, and that they follow from those of the two times."""
    if not show_interval(spans.request.of(float(figures.request_s)), show_seconds):
        return "The interval is unknown, as one of the times is."
    money = f"{shown} per million tokens, " if shown else ""
    return f"80\u202f% interval: {money}{throughput_shown(figures, spans)}; both times at the same end of theirs."


def intervals_in_words(figures: Estimate, spans: Intervals, first: str, token: str) -> str:
    """The intervals of both times and the throughput in a line, with what was never measured of it."""
    parts = [f"{name} {shown}" for name, shown in (("first token", first), ("each further one", token)) if shown]
    if not parts:
        return "The times have no interval: a figure that they need is unknown."
    whole = [throughput_shown(figures, spans)] if first and token else []
    would = "" if figures.fits else "Had it room: "
    return f"{would}80\u202f% intervals: {', '.join([*parts, *whole])}.{_doubt(spans)}"


def _doubt(spans: Intervals) -> str:
    """What the intervals lack, or whose rows they rest on."""
    both = (spans.first_token, spans.token)
    yours = max(each.yours for each in both)
    lacks = list(dict.fromkeys(name for each in both if not each.yours or each.elsewhere for name in each.lacks))
    near = spans.token.near or spans.first_token.near
    said = f" From your {plural(yours, 'row')}." if yours else ""
    if any(each.elsewhere for each in both):
        said = f" Your {plural(yours, 'row')} are of another device: the wider of theirs and of what was measured here."
    if lacks:
        return f"{said} Wide, as nothing of {listed(lacks)} was measured."
    others = f" {short_device(near)} itself was not measured, others of its kind were." if near and not yours else ""
    return said + others


def interval_basis(found: Support, shown: str) -> str:
    """What an interval rests on: how many rows of which engines and devices, and what of the scenario they lack."""
    interval = f"80\u202f% interval {shown}" if shown else "80\u202f% interval"
    own = f"from your {plural(found.yours, 'row')}, each predicted by the fit to the others"
    if found.yours and not found.elsewhere:
        return f"{interval}, {own}; other models and loads than yours may be further off."
    devices = found.names("accelerator")
    where = short_device(devices[0]) if len(devices) == 1 else f"{len(devices)} devices"
    rows = f"{plural(len(found.rows), 'measured time')} of {listed(found.names('engine'))} on {where}"
    crowd = f" with up to {found.at_once:,} requests at once" if found.at_once else ""
    unseen = f"{crowd}, each predicted by a fit that had not seen its model"
    yours = f"Wider of two: {own} (on another device), and: " if found.yours else ""
    worst = f"as wide as for {short_device(found.like)}, the worst predicted of" if found.like else "all errors on"
    if found.lacks:
        return (
            f"{yours}{interval}, a wide one, as nothing of {listed(found.lacks)} was measured: {worst} {rows}{unseen}."
        )
    if found.near:
        name = short_device(found.near)
        return f"{yours}{name} was not measured but others of its kind; {interval}: {worst} {rows}{unseen}."
    return f"{yours}{interval}: what is left on {rows}{unseen}."
