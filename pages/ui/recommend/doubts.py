"""What of a combination is uncertain? The limits that lie within the interval of a figure, on whichever side it is."""

from math import inf, isfinite

from calculators.recommend import Candidate, Recommendation
from calculators.serving import Served
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
    return _alone(found, item) | in_flight(found, item) | _score(found, item)


def uncertain_limits(found: Recommendation, item: Candidate) -> list[str]:
    """The names of these limits; what is uncertain of one request alone is not asked of those in flight again."""
    alone = _alone(found, item)
    timed = {name for name, limit in _time_limits(found).items() if limit < inf}
    timed |= {"requests a second"} if found.need.requests_per_s else set()
    in_question = timed - alone.keys() - item.broken.keys()
    return list(alone | (in_flight(found, item) if in_question else {}) | _score(found, item))


def certain(found: Recommendation, item: Candidate) -> bool:
    """Whether no limit of a combination is uncertain."""
    return not (_alone(found, item) or _score(found, item) or in_flight(found, item))


def _alone(found: Recommendation, item: Candidate) -> dict[str, str]:
    """The limits on memory and on the times of one request alone that are uncertain, by name, with why in words."""
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
    return said


def in_flight_shares(found: Recommendation, item: Candidate) -> dict[str, float]:
    """How often each limit on a time goes into the mean of all requests in flight, by name."""
    served = item.served if found.need.in_flight else None
    if served is None:
        return {}
    times = {name: (figure, limit) for name, _, figure, limit in _times(found, served)}
    return {name: float(figure / limit) for name, (figure, limit) in times.items() if limit < inf and isfinite(figure)}


def in_flight(found: Recommendation, item: Candidate, *, surely: bool = False) -> dict[str, str]:
    """The limits that one request alone keeps and the mean of all requests in flight does not, by name, with the mean
    in words; those too that it may not keep by its interval, unless `surely`."""
    need = found.need
    served = item.served if need.in_flight else None
    if served is None:
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


def _time_limits(found: Recommendation) -> dict[str, float]:
    """Every limit on a time, seconds."""
    need = found.need
    return {
        "first token": need.first_token_s,
        "time per token": need.token_s,
        "time of a request": need.request_s,
    }


def _times(found: Recommendation, served: Served) -> list[tuple[str, str, float, float]]:
    """(limit, what takes the time, its mean in flight, at most) of every limit on a time."""
    means = (
        ("the first token takes", served.first_token_s),
        ("each further token takes", served.token_s),
        ("a request takes", served.request_s),
    )
    limits = _time_limits(found).items()
    return [(name, what, float(mean), limit) for (what, mean), (name, limit) in zip(means, limits, strict=True)]


def _spans(item: Candidate, served: Served) -> dict[str, tuple[float, float]]:
    """The 80 % intervals of the means in flight, by limit."""
    spans = intervals(item.scenario, item.estimate)
    return {
        "first token": spans.first_token.span.of(float(served.first_token_s)),
        "time per token": spans.token.span.of(float(served.token_s)),
        "time of a request": spans.request.of(float(served.request_s)),
    }


def _score(found: Recommendation, item: Candidate) -> dict[str, str]:
    """The limit on the score, if it is uncertain, with why in words."""
    asked, (low, high) = found.need.quality, item.quality_range
    if asked and low < asked <= high:
        return {"score": f"the score is {low:.1f} to {high:.1f}, and {asked:g} is asked for"}
    score = quality(found.need.benchmark).get(item.scenario.model.name) if found.need.benchmark else None
    if score is None or not score.low < asked <= score.high:
        return {}
    other = score.low if item.quality >= asked else score.high
    differs = other != score.value
    return {"score": f"others publish a score of {other:.1f}, and {asked:g} is asked for"} if differs else {}


def uncertain(found: Recommendation, item: Candidate) -> list[str]:
    """What is uncertain of a combination that would do, in words."""
    said = list(doubts(found, item).values())
    if item.scenario.cache_format.bits_per_value < 16 and item.quality == item.quality:
        said.append(f"what {a(item.scenario.cache_format.name)} cache loses of the score was not measured")
    return said


def may_hold(found: Recommendation, item: Candidate) -> bool:
    """Whether a combination that breaks limits may keep to each of them, as far as predictions were off before."""
    return item.broken.keys() <= (_alone(found, item) | _score(found, item)).keys()
