"""What is asked of a recommendation? The need and the budget that follow from the inputs."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from calculators.architecture import Architecture, parameters
from calculators.estimate import Workload
from calculators.recommend import Budget, Need
from pages.ui.links.fields import Inputs
from pages.ui.links.values import ANY_KIND, ANY_MAKER, HELD, NO_DEVICE, SOURCES
from pages.ui.recommend.stock import RENTED, market, rents
from presets.catalog import accelerator_facts


def job(chosen: Inputs) -> Need:
    """What there is to do, without a limit."""
    batch = 1 if chosen.rate else chosen.batch  # where requests arrive, how many are in flight follows
    load = Workload(
        batch=batch, prompt_tokens=chosen.prompt, output_tokens=chosen.output, prefix_hits=chosen.hits
    )  # fmt: skip
    return Need(workload=load, requests_per_s=chosen.rate)


def need(chosen: Inputs) -> Need:
    """What the visitor asks of a recommendation."""
    return replace(
        job(chosen), first_token_s=chosen.wait / 1e3, token_s=chosen.step / 1e3, context_tokens=chosen.reads,
        quality=chosen.score, benchmark=chosen.bench, goal=chosen.goal, in_flight=True,
    )  # fmt: skip


MOST_RENTED = 16  # devices of a kind
MOST_OF_ANY = 8


def budget(chosen: Inputs) -> Budget:
    """What the visitor has or would spend, with what a room or a rack takes."""
    limits = Budget(
        devices={},
        power_w=chosen.watts,
        most_devices=chosen.most,
        rack_units=chosen.units,
        server_power_w=chosen.wall,
        vendors=frozenset() if chosen.maker == ANY_MAKER else frozenset({chosen.maker}),
    )
    if chosen.have == SOURCES[0]:
        return replace(limits, devices=owned(chosen), vendors=frozenset())
    kinds = chosen.where.split(", ")
    asked = [name for name, facts in accelerator_facts().items() if facts.kind in kinds or ANY_KIND in kinds]
    if chosen.have in RENTED:
        priced = [name for name in asked if isfinite(rents(*market(chosen))[name].usd_per_hour)]
        limits = replace(limits, devices=dict.fromkeys(priced, MOST_RENTED))
        if chosen.have == SOURCES[3]:
            return replace(limits, usd_per_month=chosen.monthly)
        return replace(limits, usd_per_hour=chosen.spend)
    if chosen.have == SOURCES[2]:
        sold = [name for name in asked if isfinite(accelerator_facts()[name].list_price_usd)]
        return replace(limits, devices=dict.fromkeys(sold, MOST_RENTED), usd_to_buy=chosen.capital)
    return replace(limits, devices=dict.fromkeys(asked, MOST_OF_ANY))


def owned(chosen: Inputs) -> dict[str, int]:
    """The devices that the visitor has, by kind."""
    found = {chosen.device: chosen.count}
    for device, count in ((chosen.also, chosen.alsocount), (chosen.third, chosen.thirdcount)):
        if device != NO_DEVICE:
            found[device] = found.get(device, 0) + count
    return found


def sized(chosen: Inputs, models: Mapping[str, Architecture]) -> Mapping[str, Architecture]:
    """The models of the sizes that the visitor asks for: stored parameters, from the least to the largest."""
    if chosen.models != HELD[2]:
        return models
    return {name: model for name, model in models.items() if chosen.least <= parameters(model) <= chosen.largest}
