"""Why is it recommended? Why this scale, why this format, what binds, what is uncertain; a sentence each."""

from math import isfinite

from calculators.recommend import GOALS, Candidate, Candidates, Recommendation, reads, shares_of
from pages.ui.explain.accuracy import weights_off_bytes
from pages.ui.explain.answers import devices_text
from pages.ui.explain.wording import a, listed, show_bytes, show_interval, show_seconds, show_usd
from pages.ui.recommend.answer import LIMIT_NAMES, combination, load_of, price_of
from presets.intervals import intervals
from presets.quality import quality

BINDS = 0.85  # of its limit; a figure below it leaves room


def reasons(found: Recommendation) -> list[str]:
    """Why this scale, why this quantization, what binds, what is uncertain; a sentence each."""
    pick = found.pick
    if pick is None:
        return []
    need, catalog = found.need, found.found.catalog
    given, model = pick.scenario, pick.scenario.model
    said = []
    if isfinite(pick.quality):
        said.append(f"**Why this scale.** {_why_scale(found, pick)}")
    other = next(
        (item for item in found.ranked.of(model.name).forms if item.scenario.weight_format != given.weight_format), None
    )
    next_best = _next_best(pick, other) if other else f"No other format of {model.name} would do here."
    said.append(f"**Why {given.weight_format.name}.** {_better_format(found, pick)}{next_best}")
    shares = shares_of(given, pick.estimate, pick.quality, need, found.budget, catalog)
    if shares:
        name = max(shares, key=shares.__getitem__)
        near = "It is" if shares[name] > BINDS else "No limit is near; the nearest is"
        said.append(f"**What binds.** {near} {LIMIT_NAMES[name]}{_bound(found, pick, name, shares[name])}.")
    doubts = uncertain(found, pick)
    if doubts:
        text = "; ".join(doubts)
        said.append(f"**Not certain.** {text[0].upper()}{text[1:]}.")
    return said


def _why_scale(found: Recommendation, pick: Candidate) -> str:
    """What scores more and why it was not taken: it costs more or is slower, or breaks a limit."""
    need, name = found.need, pick.scenario.model.name
    does = next((item for item in found.ranked.above(pick.quality).models if item.scenario.model.name != name), None)
    if does is not None:
        costs = {
            GOALS[1]: price_of(found, does),
            GOALS[2]: f"{show_seconds(does.estimate.token_s)} a token",
        }[need.goal]
        return f"{combination(does)} scores more ({does.quality:.1f}) and would do, but for {costs}."
    for nearest in found.rejected.above(pick.quality).models:
        other = nearest.scenario.model.name
        if other != name:
            item = _nearest_held(found.rejected.above(pick.quality).of(other))
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
    return "No other model with a published score has a higher one."


def _nearest_held(items: Candidates) -> Candidate:
    """The nearest of some rejected forms that fits the memory of some devices; the nearest of all where none does.

    Of what does not fit no other limit is asked, so that it seems nearer than it is.
    """
    return next((item for item in items.forms if item.estimate.fits), items[0])


def _better_format(found: Recommendation, pick: Candidate) -> str:
    """The format of the pick's own model that scores more, and which limit it breaks; empty where there is none."""
    above = found.rejected.above(pick.quality).of(pick.scenario.model.name)
    if not above:
        return ""
    better = _nearest_held(above)
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
    if 4 * len(short) < len(models):
        return ""
    return (
        f"The model must read {tokens:,} tokens: {len(short)} of {len(models)} models read no more than "
        f"{max(model.max_context for model in short):,} and are left out."
    )


def _next_best(pick: Candidate, other: Candidate) -> str:
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
    return (
        f"The next best, {name}, {listed(parts)}." if parts else f"The next best, {name}, is as good by all of these."
    )


def uncertain(found: Recommendation, item: Candidate) -> list[str]:
    """The limits that lie within the 80 % interval of a figure, or within the spread of a score."""
    need, figures, spans = found.need, item.estimate, intervals(item.scenario, item.estimate)
    doubts = []
    spare, off = float(figures.free_bytes), weights_off_bytes(item)
    if 0 <= spare < off:
        doubts.append(
            f"it fits with {show_bytes(spare)} to spare, and one prediction in ten was off by more than "
            f"{show_bytes(off)} for weights of this size"
        )
    for name, basis, figure, limit in (
        ("the first token", spans.first_token, figures.first_token_s, need.first_token_s),
        ("each further token", spans.token, figures.token_s, need.token_s),
    ):
        low, high = basis.span.of(float(figure))
        if low <= limit < high and basis.lacks:
            doubts.append(f"{name} may miss its limit: there is no measurement of {listed(basis.lacks)}")
        elif low <= limit < high:
            shown = show_interval((low, high), show_seconds)
            doubts.append(f"{name} takes {shown} by the 80 % interval, around its limit of {show_seconds(limit)}")
    if need.requests_per_s:
        low, high = spans.token.span.of(float(figures.request_s) * need.requests_per_s)
        if low <= float(item.scenario.workload.batch) < high:
            doubts.append(f"it may fall short of {load_of(need)}, by the 80 % interval of its times")
    if item.scenario.cache_format.bits_per_value < 16 and isfinite(item.quality):
        doubts.append(f"what {a(item.scenario.cache_format.name)} cache loses of the score was not measured")
    low, high = item.quality_range
    if need.quality and low < need.quality <= high:
        doubts.append(f"the score is {low:.1f} to {high:.1f}, and {need.quality:g} is asked for")
    score = quality(need.benchmark).get(item.scenario.model.name) if need.benchmark else None
    if score is not None and score.low < need.quality <= score.value:
        doubts.append(f"others publish a score of {score.low:.1f}, and {need.quality:g} is asked for")
    return doubts
