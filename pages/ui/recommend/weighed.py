"""What was weighed? The candidates, the front, the near misses and the scores of a recommendation."""

from collections.abc import Sequence
from math import isfinite

import pandas as pd

from calculators.recommend import Candidate, Candidates, Recommendation, rescue
from pages.ui.explain import answers, wording
from pages.ui.recommend.doubts import may_hold, uncertain_limits
from presets.quality import benchmark_facts, quality


def candidates(found: Recommendation, items: Sequence[Candidate]) -> pd.DataFrame:
    """Combinations with their figures and rent, or price where bought, and the limits they break or may break."""
    rows, benchmark = [], found.need.benchmark
    for item in items:
        figures, deployment = item.estimate, item.scenario.deployment
        rows.append(
            {
                "Model": item.scenario.model.name,
                "Weights": item.scenario.weight_format.name,
                "Cache": item.scenario.cache_format.name,
                "Devices": f"{item.devices} × {wording.short_device(deployment.accelerator.name)}",
                "Cut": answers.cut_of(deployment),
                "Engine": item.scenario.engine.name,
                f"{benchmark} in it": f"{item.quality:.1f}" if isfinite(item.quality) else wording.UNKNOWN,
                "First token": wording.show_seconds(figures.first_token_s),
                "Each token": wording.show_seconds(figures.token_s),
                **(
                    {"Price": wording.show_usd(item.usd_to_buy)}
                    if found.budget.buys
                    else {
                        "$ an hour": wording.show_usd(item.usd_per_hour),
                        "1M output tokens": wording.show_usd(figures.usd_per_token * 1e6),
                    }
                ),
                "Memory": wording.show_bytes(figures.used_bytes),
                **(
                    {"Breaks": "; ".join(item.limits)}
                    if item.limits
                    else {"Uncertain": ", ".join(uncertain_limits(found, item))}
                ),
            }
        )
    return pd.DataFrame(rows)


Point = tuple[str, float, float, str, float, str]


def front_points(found: Recommendation, most: int = 40) -> list[Point]:
    """(name, seconds a token, cost, cost as shown, score, limits that are uncertain) of the front, evenly thinned to
    so many."""
    rows = found.front
    if len(rows) > most:
        rows = rows.some(rows.rows[:: -(-len(rows) // most)])
    return [
        (*point[:-1], ", ".join(uncertain_limits(found, item)))
        for point, item in zip(_points(found, rows), rows, strict=True)
    ]


def other_points(found: Recommendation) -> list[Point]:
    """The same of the best combination of each model."""
    return _points(found, found.ranked.models)


def pick_point(found: Recommendation, pick: Candidate) -> list[Point]:
    """The same of the pick."""
    cost = (pick.usd_to_buy if found.budget.buys else pick.usd_per_hour) if found.priced else pick.devices
    name = f"{pick.scenario.model.name}, {pick.scenario.weight_format.name}, {answers.devices_text(pick.scenario)}"
    return [(name, float(pick.estimate.token_s), float(cost), _cost_shown(found, cost), pick.quality, "")]


def _cost_shown(found: Recommendation, cost: float) -> str:
    if not found.priced:
        return wording.plural(cost, "device")
    return f"{wording.show_usd(cost)} {'to buy' if found.budget.buys else 'an hour'}"


def _points(found: Recommendation, rows: Candidates) -> list[Point]:
    cost = rows.column("cost_usd" if found.priced else "devices").astype(float)
    shown = [_cost_shown(found, float(each)) for each in cost]
    figures = zip(rows.names, rows.column("token_s"), cost, shown, rows.column("quality"), strict=True)
    return [(name, float(time), float(usd), words, float(score), "") for name, time, usd, words, score in figures]


def near_misses(found: Recommendation, most: int = 12) -> pd.DataFrame:
    """The nearest miss of each model, what it breaks and the least change with which it would do."""
    rows = []
    for item in found.near_misses.models[:most]:
        change = rescue(found, item)
        rows.append(
            {
                "Model": item.scenario.model.name,
                "Weights": item.scenario.weight_format.name,
                "Cache": item.scenario.cache_format.name,
                "Devices": answers.devices_text(item.scenario),
                "Breaks": "; ".join(item.limits),
                "May hold": "yes" if may_hold(found, item) else "no",
                "Would do with": change.words if change else "no single change",
                "Then": answers.devices_text(change.candidate.scenario) if change else "",
            }
        )
    return pd.DataFrame(rows)


def score_sources(found: Recommendation) -> str:
    """Where the scores in a recommendation are from, the pick's by its source."""
    benchmark = found.need.benchmark
    text = f"{benchmark} as published, of the {benchmark_facts()[benchmark].forms[0]} model where there is one"
    score = quality(benchmark).get(found.pick.scenario.model.name) if found.pick else None
    if score is None:
        return text
    how = f", {score.setting}" if score.setting else ""
    return f"{text}; the pick's is of the {score.form} model{how}: {score.source}"


def unscored(found: Recommendation) -> int:
    """Models of a recommendation without a published score here, a count."""
    return len(set(found.found.catalog.models) - set(found.found.catalog.quality))
