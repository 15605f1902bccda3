"""Which storage format suits a priority? The decision behind the Formats page's tree."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan

from calculators.estimate import Estimate, Scenario, estimate, fits
from calculators.formats import Format
from calculators.memory import weight_bytes
from calculators.recommend import runs_on

PRIORITIES = ("latency", "quality", "memory")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The format that suits a priority: its scenario and figures, bytes of the weights, published loss in per cent."""

    scenario: Scenario
    estimate: Estimate
    weight_bytes: float
    loss_percent: float
    considered: int

    @property
    def name(self) -> str:
        """The format's name."""
        return self.scenario.weight_format.name

    @property
    def answer_s(self) -> float:
        """Seconds of one answer, from the question to its last token; UNKNOWN where the device's peak is."""
        return float(self.estimate.first_token_s + self.scenario.workload.output_tokens * self.estimate.token_s)


def _known(seconds: float) -> float:
    """Seconds, or beyond all others where they are unknown, which compare with nothing."""
    return inf if isnan(seconds) else seconds


def smallest(
    scenario: Scenario, formats: Mapping[str, Format], losses: Mapping[str, float], allowed: float
) -> tuple[str, float]:
    """(name, bytes) of the smallest of the formats whose known loss is at most `allowed` per cent; least loss if none.

    Raises ValueError where no loss is known.
    """
    known = [name for name in formats if name in losses and isfinite(losses[name])]
    within = [name for name in known if losses[name] <= allowed] or sorted(known, key=losses.__getitem__)[:1]
    if not within:
        raise ValueError(f"no loss is known of {', '.join(formats) or 'no format'}")
    return min(((name, weight_bytes(scenario.model, formats[name])) for name in within), key=lambda item: item[1])


def choose(
    scenario: Scenario, formats: Mapping[str, Format], losses: Mapping[str, float], allowed: float, original: str = ""
) -> dict[str, Choice]:
    """The format for each of PRIORITIES, of those that the device runs, whose loss somebody published and that fit.

    latency: the fastest answer of those that lose at most `allowed` per cent. quality: the least loss; of equals the
    `original`, which the model was published in, then the smaller. memory: the smallest of those within `allowed`.
    Where nothing that loses so little fits, the least loss of all that fit; where nothing fits at all, the smallest
    within `allowed`, whose estimate says that it does not.
    """
    card, model = scenario.deployment.accelerator, scenario.model
    usable = {name: fmt for name, fmt in formats.items() if runs_on(card, fmt) and isfinite(losses.get(name, inf))}
    ways = {name: replace(scenario, weight_format=fmt) for name, fmt in usable.items()}
    sizes = {name: weight_bytes(model, fmt) for name, fmt in usable.items()}
    fitting = [name for name in sorted(ways, key=sizes.__getitem__) if fits(ways[name])]
    within = [name for name in fitting if losses[name] <= allowed]

    def choice(name: str) -> Choice:
        return Choice(
            scenario=ways[name],
            estimate=estimate(ways[name]),
            weight_bytes=sizes[name],
            loss_percent=losses[name],
            considered=len(usable),
        )

    if not fitting:
        return dict.fromkeys(PRIORITIES, choice(smallest(scenario, usable, losses, allowed)[0]))
    best = choice(min(fitting, key=lambda name: (losses[name], name != original)))
    if not within:
        return dict.fromkeys(PRIORITIES, best)
    found = [choice(name) for name in within]
    fastest = min(found, key=lambda each: tuple(_known(s) for s in (each.answer_s, float(each.estimate.token_s))))
    return {"latency": fastest, "quality": best, "memory": found[0]}
