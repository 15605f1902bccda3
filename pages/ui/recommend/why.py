"""Why is it recommended? Why this scale, why this format, what binds, what is uncertain; a sentence each."""

from itertools import islice
from math import isfinite

import numpy as np

from calculators.recommend import GOALS, Candidate, Recommendation, deployments, reads
from pages.ui.explain.answers import cut_of, devices_text
from pages.ui.explain.wording import listed, show_seconds, show_usd
from pages.ui.recommend.answer import LIMIT_NAMES, answer_time, combination, price_of, token_price
from pages.ui.recommend.doubts import certain, in_flight, in_flight_shares, uncertain

BINDS = 0.85  # of its limit; a figure below it leaves room


def reasons(found: Recommendation) -> list[str]:
    """Why this scale, why this quantization, what binds, what is uncertain; a sentence each."""
    pick = found.pick
    if pick is None:
        return []
    given, model = pick.scenario, pick.scenario.model
    said = []
    if isfinite(pick.quality) and len(found.found.catalog.models) > 1:
        said.append(f"**Why this scale.** {_why_scale(found, pick)}{_for_less(found, pick)}")
    other = next(
        (item for item in found.ranked.of(model.name).forms if item.scenario.weight_format != given.weight_format), None
    )
    next_best = _next_best(found, pick, other) if other else f"No other format of {model.name} would do here."
    said.append(f"**Why {given.weight_format.name}.** {_better_format(found, pick)}{next_best}")
    flight = in_flight_shares(found, pick)
    shares = {name: max(share, flight.get(name, 0.0)) for name, share in pick.shares.items()}
    if shares:
        name = max(shares, key=shares.__getitem__)
        near = "It is" if shares[name] > BINDS else "No limit is near; the nearest is"
        said.append(f"**What binds.** {near} {LIMIT_NAMES[name]}{_bound(found, pick, name, shares[name])}.")
    if found.in_flight is not None and found.in_flight.candidate is None:
        tried = "nothing that would do" if found.in_flight.whole else "none of the best that would do"
        said.append(f"**In flight.** With every request in flight {tried} keeps these limits on average.")
    open_questions = uncertain(found, pick)
    if open_questions:
        text = "; ".join(open_questions)
        surer = "" if certain(found, pick) else _surer(found, pick)
        said.append(f"**Not certain.** {text[0].upper()}{text[1:]}.{surer}")
    return said


TRIED = 30  # dearer deployments in which one without doubts is looked for


def _surer(found: Recommendation, pick: Candidate) -> str:
    """The cheapest deployment of the pick's form of which no limit is uncertain; empty for none."""
    for item in islice(deployments(found, pick.scenario), TRIED):
        if certain(found, item):
            figures = item.estimate
            return (
                f" Surer is {devices_text(item.scenario)} ({cut_of(item.scenario.deployment)}): first token "
                f"{show_seconds(figures.first_token_s)}, each further one {show_seconds(figures.token_s)}, "
                f"{price_of(found, item)}."
            )
    return ""


NEARLY = 0.98  # of the pick's score
LESS = 0.5  # of its cost


def _for_less(found: Recommendation, pick: Candidate) -> str:
    """What scores nearly as much for half the money or less, where the best score is asked for; empty for none."""
    spends = found.budget.buys or isfinite(found.budget.hourly_usd)
    if found.need.goal != GOALS[0] or not (spends and found.priced):
        return ""
    models = found.ranked.models
    scores, costs = models.column("quality"), models.column("cost_usd")
    most = LESS * (pick.usd_to_buy if found.budget.buys else pick.usd_per_hour)
    near = np.flatnonzero((scores >= NEARLY * pick.quality) & (costs <= most))
    for place in near[np.argsort(costs[near], kind="stable")][:TRIED]:
        item = models[int(place)]
        if not in_flight(found, item, surely=True):
            less = pick.quality - item.quality
            how = f"{less:.1f} less" if less >= 0.05 else "as much"
            return f" For less: {combination(item)} scores {item.quality:.1f}, {how}, for {price_of(found, item)}."
    return ""


def _why_scale(found: Recommendation, pick: Candidate) -> str:
    """What scores more and why it was not taken: it costs more or is slower, or breaks a limit."""
    need, name = found.need, pick.scenario.model.name
    does = next((item for item in found.ranked.above(pick.quality).models if item.scenario.model.name != name), None)
    if does is not None:
        flight = in_flight(found, does, surely=True)
        if flight:
            why = "; ".join(flight.values())
            return f"{combination(does)} scores more ({does.quality:.1f}) and would do for one alone, but {why}."
        costs = {GOALS[2]: answer_time, GOALS[3]: token_price}.get(need.goal, price_of)(found, does)
        return f"{combination(does)} scores more ({does.quality:.1f}) and would do, but for {costs}."
    for item in found.rejected.above(pick.quality).models:
        other = item.scenario.model.name
        if other != name:
            does = next(iter(found.ranked.of(other)), None)
            beside = (
                f" In {does.scenario.weight_format.name} it would do, with {does.quality:.1f}."
                if does is not None and isfinite(does.quality)
                else ""
            )
            return (
                f"{other} scores more ({item.quality:.1f} in {item.scenario.weight_format.name}) but comes no nearer "
                f"than on {devices_text(item.scenario)}: {'; '.join(item.limits)}.{beside}"
            )
    return "No other model that was tried has a higher published score."


def _better_format(found: Recommendation, pick: Candidate) -> str:
    """The format of the pick's own model that scores more, and which limit it breaks; empty where there is none."""
    above = found.rejected.above(pick.quality).of(pick.scenario.model.name)
    if not above:
        return ""
    better = above[0]
    return (
        f"{better.scenario.weight_format.name} scores more ({better.quality:.1f}) but comes no nearer than on "
        f"{devices_text(better.scenario)}: {'; '.join(better.limits)}. "
    )


def _bound(found: Recommendation, pick: Candidate, name: str, share: float) -> str:
    """How near the limit that binds is: ", at 97 % of its limit"; ": 60 is asked for, 61.4 is there"."""
    if name == "score":
        return f": {found.need.quality:g} is asked for, {pick.quality:.1f} is there"
    if name == "context":
        return f": {reads(found.need):,} tokens of {pick.scenario.model.max_context:,}"
    return f", at {share:.0%} of its limit"


def too_short(found: Recommendation) -> str:
    """How many models read fewer tokens than a request has; empty where fewer than a quarter do."""
    tokens = reads(found.need)
    models = found.found.catalog.models.values()
    short = [model for model in models if model.max_context < tokens]
    if not short or 4 * len(short) < len(models):
        return ""
    return (
        f"The model must read {tokens:,} tokens: {len(short)} of {len(models)} models read no more than "
        f"{max(model.max_context for model in short):,} and are left out."
    )


def _next_best(found: Recommendation, pick: Candidate, other: Candidate) -> str:
    """How the next best format of the same model differs, in the figures that count."""
    name = other.scenario.weight_format.name
    parts = []
    if isfinite(pick.quality) and isfinite(other.quality) and abs(pick.quality - other.quality) >= 0.05:
        parts.append(f"scores {other.quality:.1f} instead of {pick.quality:.1f}")
    elif isfinite(pick.quality) and not isfinite(other.quality):
        parts.append("has no measured loss")
    if other.devices != pick.devices:
        parts.append(f"takes {devices_text(other.scenario)}")
    faster, now = float(other.estimate.token_s), float(pick.estimate.token_s)
    if isfinite(faster) and isfinite(now) and abs(faster / now - 1) >= 0.02:
        parts.append(f"takes {show_seconds(faster)} for each token instead of {show_seconds(now)}")
    if isfinite(other.usd_per_hour) and other.usd_per_hour != pick.usd_per_hour:
        parts.append(f"costs {show_usd(other.usd_per_hour)} an hour instead of {show_usd(pick.usd_per_hour)}")
    flight = in_flight(found, other, surely=True)
    text = listed(parts) if parts else "is as good by all of these"
    return f"The next best, {name}, {text}{'; but ' + '; '.join(flight.values()) if flight else ''}."
