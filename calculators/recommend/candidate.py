"""One combination of model, formats and deployment: its figures, and which limits it breaks and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, isnan, prod

import numpy as np

from calculators import UNKNOWN
from calculators.estimate import Estimate, Scenario, estimate
from calculators.hardware import Deployment
from calculators.recommend.limits import BEYOND, reads
from calculators.recommend.records import Budget, Catalog, Need, runs_on
from calculators.recommend.survey import NEAR, Block, Survey
from calculators.serving import Served, serve

RUNS = "arithmetic"  # broken where no device of the budget runs a format


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One combination with its figures; `shares`: how often each limit that there is goes into its figure, by name.

    `reckoned` is its scenario with the accelerator as that of the survey's fleet, which has the same figures and keeps
    what follows from them.
    """

    scenario: Scenario
    reckoned: Scenario = field(repr=False, compare=False)
    estimate: Estimate
    quality: float
    quality_range: tuple[float, float]
    usd_per_hour: float
    usd_to_buy: float
    shares: Mapping[str, float]

    @property
    def devices(self) -> int:
        """Devices in all, a count."""
        return int(self.scenario.deployment.devices)

    @cached_property
    def served(self) -> Served | None:
        """The means of all of its requests in flight; None where one is alone, or nothing is generated."""
        given = self.reckoned
        return serve(given, figures=self.estimate) if given.workload.batch > 1 and given.model.generates else None

    @property
    def broken(self) -> dict[str, float]:
        """The limits that it breaks, by name, with how often each goes into its figure; inf: a figure is unknown."""
        return {name: share for name, share in self.shares.items() if not share <= 1}

    @property
    def overrun(self) -> float:
        """How often the limits that it breaks go into their figures, all multiplied; 1 where none is broken."""
        return inf if RUNS in self.broken else prod(min(share, BEYOND) for share in self.broken.values())

    @property
    def known(self) -> bool:
        """Whether it is known by how much it goes over the limits that it breaks."""
        return inf not in self.broken.values()

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits that it breaks and by how much, in words; empty if it will do."""
        if RUNS not in self.broken:
            return tuple(words_of(name, share) for name, share in self.broken.items())
        given = self.scenario
        if runs_on(given.deployment.accelerator, given.weight_format):
            return (f"no {given.cache_format.name} cache on these devices",)
        return (f"no {given.weight_format.arithmetic.upper()} arithmetic on these devices",)


def candidate(
    found: Survey, need: Need, budget: Budget, block: Block, form: int, cell: int
) -> Candidate:  # fmt: skip
    """One combination with its figures and the limits that it breaks."""
    given = scenario_of(found, block, form, cell)
    of_fleet = replace(given.deployment, accelerator=found.fleet.some(block.cells.accelerator[cell]))
    reckoned = replace(given, deployment=of_fleet)
    figures, catalog, names = estimate(reckoned), found.catalog, (block.model.name, given.weight_format.name)
    quality = catalog.score(*names)
    usable = block.least_memory[form] < inf
    card, devices = given.deployment.accelerator, int(given.deployment.devices)
    return Candidate(
        scenario=given,
        reckoned=reckoned,
        estimate=figures,
        quality=quality,
        quality_range=catalog.score_range(*names),
        usd_per_hour=float(card.usd_per_hour * devices),
        usd_to_buy=catalog.usd_to_buy.get(str(card.name), UNKNOWN) * devices,
        shares=shares_of(given, figures, quality, need, budget, catalog) if usable else {RUNS: inf},
    )


def scenario_of(found: Survey, block: Block, form: int, cell: int) -> Scenario:
    """The scenario of one combination."""
    cells, (cache, weights) = block.cells, block.place(form)
    card = list(found.catalog.accelerators.values())[cells.accelerator[cell]]
    return Scenario(
        model=block.model,
        weight_format=block.weights[weights],
        cache_format=block.caches[cache],
        deployment=Deployment(
            accelerator=card,
            tensor_parallel=int(cells.tensor_parallel[cell]),
            pipeline_parallel=int(cells.pipeline_parallel[cell]),
            expert_parallel=int(cells.expert_parallel[cell]),
            replicas=int(cells.replicas[cell]),
        ),
        workload=replace(found.need.workload, batch=int(cells.batch[cell])),
        engine=block.engine,
    )


def shares_of(
    given: Scenario, figures: Estimate, quality: float, need: Need, budget: Budget, catalog: Catalog
) -> Mapping[str, float]:
    """How often each limit goes into its figure, by name: above 1 it is broken, as by an unknown figure (inf).

    Where the memory comes not near, it is not asked how fast that would be.
    """
    card, devices = given.deployment.accelerator, int(given.deployment.devices)
    price, server = catalog.usd_to_buy.get(str(card.name), np.nan), catalog.server_of(str(card.name))
    limits: dict[str, tuple[float, float]] = {"memory": (float(figures.used_bytes), float(figures.capacity_bytes))}
    if figures.used_bytes <= NEAR * figures.capacity_bytes:
        limits |= {
            "first token": (float(figures.first_token_s), need.first_token_s),
            "time per token": (float(figures.token_s), need.token_s),
            "time of a request": (float(figures.request_s), need.request_s),
        }
        if need.requests_per_s:
            limits["requests a second"] = (need.requests_per_s * float(figures.request_s), float(given.workload.batch))
    limits |= {
        "rent": (float(card.usd_per_hour) * devices, budget.hourly_usd),
        "price": (price * devices, budget.usd_to_buy),
        "power": (float(card.power_w) * devices, min(need.power_w, budget.power_w)),
        "devices": (devices, budget.most_devices),
        "rack units": (float(server.rack_units_of(devices)), budget.rack_units),
        "server power": (float(server.power_w_of(devices)), budget.server_power_w),
        "context": (reads(need), given.model.max_context),
    }
    shares = {name: figure / limit for name, (figure, limit) in limits.items() if limit < inf}
    if need.quality:
        shares["score"] = need.quality / max(quality, 1e-9) if quality == quality else inf
    return {name: inf if isnan(share) else share for name, share in shares.items()}


def words_of(name: str, overrun: float) -> str:
    """A broken limit in words: what it is and how far over it the figure goes."""
    if overrun == inf:
        return f"{name} unknown"
    if name in ("score", "context", "requests a second"):
        what = {"context": "context that the model reads"}.get(name, name)
        return f"{what} {1 - 1 / overrun:.1%} below what is asked"
    if overrun < 1.001:
        return f"{name} just over the limit"
    return f"{name} {overrun:.1f} times the limit" if overrun >= 2 else f"{name} {overrun - 1:.1%} over the limit"
