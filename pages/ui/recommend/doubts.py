"""What of a combination is uncertain? The limits that lie within the interval of a figure, on whichever side it is."""

from math import inf, isfinite

from calculators.recommend import Candidate, Recommendation
from calculators.serving import Served, serve
from pages.ui.explain.accuracy import weights_off_bytes
from pages.ui.explain.wording import a, digits, listed, show_bytes, show_interval, show_seconds
from pages.ui.recommend.answer import load_of
from presets.intervals import intervals
from presets.quality import quality


def doubts(found: Recommendation, item: Candidate) -> dict[str, str]:
    """The limits that a combination may keep or break, by name, with why in words.

    The 80 % interval of a time reaches over its limit, the memory is within what predictions of weights were off by,
    or scores were published, or formats measured, on both sides of what is asked.
    """
    need, figures, spans = found.need, item.estimate, intervals(item.scenario, item.estimate)
    said = {}
    spare, off = float(figures.free_bytes), weights_off_bytes(item)
    if abs(spare) < off:
        has = f"fits with {show_bytes(spare)} to spare" if spare >= 0 else f"lacks {show_bytes(-spare)}"
        said["memory"] = (
            f"it {has}, and one prediction in ten was off by more than {show_bytes(off)} for weights of this size"
        )
    for limit_name, name, basis, figure, limit in (
        ("first token", "the first token", spans.first_token, figures.first_token_s, need.first_token_s),
        ("time per token", "each further token", spans.token, figures.token_s, need.token_s),
    ):
        low, high = basis.span.of(float(figure))
        if low <= limit < high and basis.lacks:
            may = "miss" if figure <= limit else "keep to"
            said[limit_name] = f"{name} may {may} its limit: there is no measurement of {listed(basis.lacks)}"
        elif low <= limit < high:
            shown = show_interval((low, high), show_seconds)
            said[limit_name] = f"{name} takes {shown} by the 80 % interval, around its limit of {show_seconds(limit)}"
    low, high = spans.request.of(float(figures.request_s))
    if low <= need.request_s < high:
        shown = show_interval((low, high), show_seconds)
        said["time of a request"] = f"a request takes {shown} by the 80 % interval of its times"
    if need.requests_per_s:
        batch = float(item.scenario.workload.batch)
        if low * need.requests_per_s <= batch < high * need.requests_per_s:
            may = "keep up with" if "requests a second" in item.broken else "fall short of"
            said["requests a second"] = f"it may {may} {load_of(need)}, by the 80 % interval of its times"
    said |= in_flight(found, item)
    score = _score(found, item)
    return said | ({"score": score} if score else {})


def served_of(item: Candidate) -> Served | None:
    """The means of all of a combination's requests in flight; None where one is alone, or nothing is generated."""
    given = item.scenario
    return serve(given) if given.workload.batch > 1 and given.model.generates else None


def in_flight_shares(found: Recommendation, item: Candidate) -> dict[str, float]:
    """How often each limit on a time goes into the mean of all requests in flight, by name."""
    served = served_of(item)
    if served is None or not found.need.in_flight:
        return {}
    times = {name: (figure, limit) for name, _, figure, limit in _times(found, served)}
    return {name: float(figure / limit) for name, (figure, limit) in times.items() if limit < inf and isfinite(figure)}


def in_flight(found: Recommendation, item: Candidate, *, surely: bool = False) -> dict[str, str]:
    """The limits that one request alone keeps and the mean of all requests in flight does not, by name, with the mean
    in words; those too that it may not keep by its interval, unless `surely`."""
    need, served = found.need, served_of(item)
    if served is None or not need.in_flight:
        return {}
    ends = {} if surely else _spans(item, served)
    said = {}
    for name, what, figure, limit in _times(found, served):
        if name in item.broken:
            continue
        mean = f"in flight {what} {show_seconds(figure)} on average"
        if figure > limit:
            said[name] = f"{mean}, over its limit of {show_seconds(limit)}"
        elif name in ends and ends[name][1] > limit:
            shown = show_interval(ends[name], show_seconds)
            said[name] = f"{mean}, {shown} by the 80 % interval, around its limit of {show_seconds(limit)}"
    kept = not need.requests_per_s or need.requests_per_s * served.request_s <= item.scenario.workload.batch
    if not kept and "requests a second" not in item.broken:
        said["requests a second"] = f"in flight it answers {digits(float(served.requests_per_s))} a second"
    return said


def _times(found: Recommendation, served: Served) -> list[tuple[str, str, float, float]]:
    """(limit, what takes the time, its mean in flight, at most) of every limit on a time."""
    need = found.need
    return [
        ("first token", "the first token takes", float(served.first_token_s), need.first_token_s),
        ("time per token", "each further token takes", float(served.token_s), need.token_s),
        ("time of a request", "a request takes", float(served.request_s), need.request_s),
    ]


def _spans(item: Candidate, served: Served) -> dict[str, tuple[float, float]]:
    """The 80 % intervals of the means in flight, by limit."""
    spans = intervals(item.scenario, item.estimate)
    return {
        "first token": spans.first_token.span.of(float(served.first_token_s)),
        "time per token": spans.token.span.of(float(served.token_s)),
        "time of a request": spans.request.of(float(served.request_s)),
    }


def _score(found: Recommendation, item: Candidate) -> str:
    asked, (low, high) = found.need.quality, item.quality_range
    if asked and low < asked <= high:
        return f"the score is {low:.1f} to {high:.1f}, and {asked:g} is asked for"
    score = quality(found.need.benchmark).get(item.scenario.model.name) if found.need.benchmark else None
    if score is None or not score.low < asked <= score.high:
        return ""
    other = score.low if item.quality >= asked else score.high
    return f"others publish a score of {other:.1f}, and {asked:g} is asked for" if other != score.value else ""


def uncertain(found: Recommendation, item: Candidate) -> list[str]:
    """What is uncertain of a combination that would do, in words."""
    said = list(doubts(found, item).values())
    if item.scenario.cache_format.bits_per_value < 16 and item.quality == item.quality:
        said.append(f"what {a(item.scenario.cache_format.name)} cache loses of the score was not measured")
    return said


def may_hold(found: Recommendation, item: Candidate) -> bool:
    """Whether a combination that breaks limits may keep to each of them, as far as predictions were off before."""
    return item.broken.keys() <= doubts(found, item).keys()
