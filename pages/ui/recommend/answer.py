"""What is recommended, in words? The pick with its figures, or what stands in the way."""

from collections.abc import Sequence
from math import isfinite, isinf

from calculators.recommend import GOALS, Candidate, Need, Obstacle, Recommendation, reads
from pages.ui.explain.answers import devices_text, least
from pages.ui.explain.wording import a, listed, per_cent, plural, show_bytes, show_seconds, show_usd
from presets.quality import quality


def combination(item: Candidate) -> str:
    """Model, format and devices of a combination."""
    return f"{item.scenario.model.name} in {item.scenario.weight_format.name} on {devices_text(item.scenario)}"


def load_of(need: Need) -> str:
    """How much there is to do: so many requests at once, or so many that arrive in a second."""
    if need.requests_per_s:
        return f"{need.requests_per_s:g} {'request' if need.requests_per_s == 1 else 'requests'} a second"
    return f"{plural(need.workload.batch, 'request')} at once"


def recommendation(found: Recommendation, ways: Sequence[Obstacle] = ()) -> str:
    """The pick in words; or what stood in the way of everything, as `obstacles()` found it."""
    need, pick = found.need, found.pick
    load = load_of(need)
    if pick is None:
        return _nothing(found, ways, load)
    scenario, figures = pick.scenario, pick.estimate
    reason = {
        "best quality": "the highest score of all that would do and have one",
        "lowest cost": "the lowest price of all that would do and have a score",
        "fastest answers": "the fastest of all that would do and have a score",
        "lowest cost a token": "the lowest cost a token of all that would do and have a score",
    }[need.goal]
    if not isfinite(pick.quality):
        reason = "none that would do has a published score, so that scores decide nothing"
    price = f"{show_usd(pick.usd_per_hour)} an hour" if isfinite(pick.usd_per_hour) else "price unknown"
    if found.budget.buys:
        price = f"{show_usd(pick.usd_to_buy)} to buy"
    elif isinf(found.budget.hourly_usd) and isfinite(pick.usd_per_hour):
        price += " if rented"
    if need.goal == GOALS[2]:
        price = f"{answer_time(found, pick)}, {price}"
    if need.goal == GOALS[3]:
        price += f", {token_price(found, pick)}"
    cached = (
        f" where {per_cent(need.workload.prefix_hits)} of the prompt is cached" if need.workload.prefix_hits else ""
    )
    return (
        f"**{scenario.model.name} in {scenario.weight_format.name}** with {a(scenario.cache_format.name)} cache on "
        f"**{devices_text(scenario)}**, run by {scenario.engine.name}, for {load}: {reason} ({scored(found, pick)}). "
        f"First token after **{show_seconds(figures.first_token_s)}**{cached}, each further one **{least(scenario)}"
        f"{show_seconds(figures.token_s)}**{_in_flight(found, pick)}, {price}, "
        f"{show_bytes(figures.free_bytes)} a device to spare."
    )


def _in_flight(found: Recommendation, pick: Candidate) -> str:
    """What the pick's requests get on average where several are in flight: one alone waits for no other."""
    given, served = pick.scenario, pick.served
    if served is None or not isfinite(served.first_token_s):
        return ""
    return (
        f" (one alone; with all {int(given.workload.batch):,} in flight on average "
        f"{show_seconds(served.first_token_s)} and {least(given)}{show_seconds(served.token_s)})"
    )


def _nothing(found: Recommendation, ways: Sequence[Obstacle], load: str) -> str:
    """Why nothing is recommended, in words."""
    if not found.found.catalog.models:
        return "**No model is of these sizes**: allow a smaller least or a larger most of parameters."
    if not found.rejected:
        return (
            "**Nothing can be tried**: there is no such device at these prices, or the engine runs on none. "
            "Choose other devices, another provider or region, or other weight formats."
        )
    if ways:
        told = all(way.candidate.known for way in ways)
        why = "any one of these limits given up would be enough."
        if not ways[1:]:
            why = f"in the way {'stand' if ways[0].limits[1:] else 'stands'} {_limits(found, ways[0])}."
        return f"**{'Nothing would do' if told else 'Nothing is known to do'}** for {load}: {why}"
    nearest = found.rejected[0]
    return (
        f"**Nothing would do** for {load}, however far one or two limits were moved. Nearest is "
        f"{combination(nearest)}: {'; '.join(nearest.limits)}. Allow more or larger devices."
    )


def in_the_way(found: Recommendation, ways: Sequence[Obstacle]) -> list[str]:
    """Each obstacle in a sentence: the limits, and what comes nearest to them or would do without them."""
    said = []
    for way in ways:
        item, limits = way.candidate, _limits(found, way)
        near = f"{combination(item)}: {'; '.join(item.limits)}."
        if item.known:
            near = f"Nearest is {near}"
        else:
            near = f"Without, the best would be {near} What is unknown follows from figures that nobody published."
        said.append(f"**{limits[0].upper()}{limits[1:]}.** {near}" if ways[1:] else near)
    return said


def _limits(found: Recommendation, way: Obstacle) -> str:
    return listed([f"{LIMIT_NAMES[name]} ({asked_of(found, name)})" for name in way.limits])


def asked_of(found: Recommendation, name: str) -> str:
    """A limit as it was asked for: at most 200 ms, at least 60 on MMLU."""
    need, budget = found.need, found.budget
    return {
        "memory": "what the device has",
        "first token": f"at most {show_seconds(need.first_token_s)}",
        "time per token": f"at most {show_seconds(need.token_s)}",
        "time of a request": f"at most {show_seconds(need.request_s)}",
        "rent": f"at most {show_usd(budget.hourly_usd)} an hour",
        "price": f"at most {show_usd(budget.usd_to_buy)}",
        "power": f"at most {min(need.power_w, budget.power_w):g} W",
        "devices": f"at most {budget.most_devices:g}",
        "rack units": f"at most {budget.rack_units:g} rack units",
        "server power": f"at most {budget.server_power_w:,g} W",
        "context": f"{reads(need):,} tokens",
        "score": f"{need.quality:g} on {need.benchmark}",
        "requests a second": f"{need.requests_per_s:g}",
    }[name]


def scored(found: Recommendation, item: Candidate) -> str:
    """A combination's score: as published, and in its format with the spread of what that loses."""
    name, fmt = item.scenario.model.name, item.scenario.weight_format.name
    published = found.found.catalog.quality.get(name)
    if published is None:
        return "no published score"
    text = f"{found.need.benchmark} {published:.1f} as published{spread_of(found, name)}"
    if not isfinite(item.quality):
        return f"{text}, what {fmt} loses of it was not measured"
    low, high = item.quality_range
    spread = f" ({low:.1f} to {high:.1f})" if high - low >= 0.1 else ""
    return f"{text}, about {item.quality:.1f} in {fmt}{spread}" if item.quality < published else text


def spread_of(found: Recommendation, model: str) -> str:
    """The span of a model's published scores where several differ: " (78.0 to 83.6 in 4 publications)"."""
    score = quality(found.need.benchmark).get(model) if found.need.benchmark else None
    if score is None or score.high - score.low < 0.05:
        return ""
    return f" ({score.low:.1f} to {score.high:.1f} in {score.count} publications)"


LIMIT_NAMES = {
    "memory": "memory of a device", "first token": "the wait for the first token",
    "time per token": "the time of each further token", "time of a request": "the time of a request",
    "rent": "the rent", "price": "the price", "power": "the power of the devices",
    "devices": "the number of devices", "rack units": "the room in the rack", "server power": "the power from the wall",
    "context": "the length that the model reads", "score": "the score", "requests a second": "the requests a second",
}  # fmt: skip


def answer_time(found: Recommendation, item: Candidate) -> str:
    """How long one whole answer takes."""
    figures = item.estimate
    return f"{show_seconds(figures.first_token_s + found.need.workload.output_tokens * figures.token_s)} an answer"


def token_price(found: Recommendation, item: Candidate) -> str:
    """What a million tokens of an answer cost: at full load, or at the rate of requests that is asked for."""
    need, each = found.need, float(item.estimate.usd_per_token)
    if need.requests_per_s:
        each = item.usd_per_hour / (3600 * need.requests_per_s * float(need.workload.output_tokens))
    return f"{show_usd(1e6 * each)} a million tokens" if isfinite(each) else plural(item.devices, "device")


def price_of(found: Recommendation, item: Candidate) -> str:
    """What a combination costs: its price where devices are bought, its rent, or its devices where that is unknown."""
    if found.budget.buys:
        return show_usd(item.usd_to_buy)
    if isfinite(item.usd_per_hour):
        return f"{show_usd(item.usd_per_hour)} an hour"
    return plural(item.devices, "device")
