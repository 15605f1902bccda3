"""The recommendation is the best of all that would do, and says truly what the others break."""

from dataclasses import fields, replace
from itertools import combinations, islice, product
from math import ceil, inf, isnan, prod

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from calculators import UNKNOWN
from calculators.architecture import parameters
from calculators.estimate import Scenario, Workload, estimate, fits
from calculators.formats import stack
from calculators.hardware import Deployment, Server
from calculators.recommend import (
    BATCHES,
    GOALS,
    NEAR,
    STAGES,
    WIDTHS,
    Abilities,
    Budget,
    Catalog,
    Need,
    Surveyor,
    changes_that_fit,
    choose,
    divides,
    early,
    obstacles,
    recommend,
    rescue,
    runs_on,
    smallest_deployment,
    survey,
)
from calculators.recommend import deployments as would_do_on
from calculators.recommend.early import promises
from calculators.recommend.floors import floors
from calculators.recommend.limits import BEYOND, LAST
from calculators.recommend.obstacle import WITHOUT
from calculators.serving import serve
from pages.ui.links.fields import FIELDS, Inputs
from pages.ui.links.values import SOURCES
from pages.ui.recommend import needs, stock
from presets import accelerators, cache_formats, engines, formats, models

ENGINE = engines()["CUDA-graph decoder"]
H100, H200, RTX = "NVIDIA H100 SXM5 80GB", "NVIDIA H200 SXM", "NVIDIA GeForce RTX 4090"
PHONE = "Qualcomm Snapdragon 8 Elite"


def chosen(mapping, *names):
    return {name: mapping[name] for name in names}


CARDS = chosen(accelerators(), H100, RTX, PHONE) | {
    "unpriced": replace(accelerators()[H200], name="unpriced", usd_per_hour=UNKNOWN)
}
CATALOG = Catalog(
    models=chosen(models(), "Llama 3.1 8B", "Llama 3.1 70B", "Mixtral 8x7B", "Qwen2.5 7B"),
    weight_formats=chosen(formats(), "BF16", "FP8 per tensor", "INT8 W8A8", "Q4_K_M"),
    cache_formats=chosen(cache_formats(), "BF16", "FP8", "INT4"),
    accelerators=CARDS,
    engine=engines()["vLLM"],
    engines={"llama.cpp": engines()["llama.cpp"]},
    abilities={
        "vLLM": Abilities(cache_formats=frozenset({"BF16", "FP8"}), accelerators=frozenset({H100, RTX, "unpriced"})),
        "llama.cpp": Abilities(cache_formats=frozenset({"BF16", "INT4"}), tensor_parallel=False, expert_parallel=False),
    },
    quality={"Llama 3.1 8B": 66.7, "Llama 3.1 70B": 79.3, "Qwen2.5 7B": 74.2},
    kept={
        (model, fmt): share
        for model in models()
        for fmt, share in {"BF16": 1.0, "FP8 per tensor": 0.995, "Q4_K_M": 0.98}.items()
        if (model, fmt) != ("Llama 3.1 70B", "Q4_K_M")
    },
    usd_to_buy={H100: 30_000.0, RTX: 1_600.0},
    vendors={H100: "NVIDIA", RTX: "NVIDIA", "unpriced": "NVIDIA", PHONE: "Qualcomm"},
    servers={
        H100: Server(name="two", devices=2, rack_units=3, power_w=2_000),
        RTX: Server(name="hot", devices=1, rack_units=1, power_w=2_000),
        "unpriced": Server(name="one", devices=1, rack_units=1),  # nobody says what it draws
        PHONE: Server(name="none", devices=1, power_w=10),  # it goes into no rack
    },
)
OWNED = {H100: 5, RTX: 4, "unpriced": 2, PHONE: 1}
BUDGETS = {
    "owned": Budget(devices=OWNED),
    "rented": Budget(devices=OWNED, usd_per_hour=4.0),
    "by the month": Budget(devices=OWNED, usd_per_month=2_500.0, most_devices=3),
    "bought": Budget(devices=OWNED, usd_to_buy=40_000.0, power_w=1_500.0),
    "one vendor": Budget(devices=OWNED, vendors=frozenset({"Qualcomm"})),
    "in a rack": Budget(devices=OWNED, rack_units=5, server_power_w=5_000.0),
}
NEEDS = {
    "any": Need(workload=Workload(batch=9, prompt_tokens=2000, output_tokens=200)),
    "chat": Need(workload=Workload(batch=32, prompt_tokens=1000, output_tokens=500), first_token_s=0.5, token_s=0.03),
    "quality": Need(workload=Workload(batch=1, prompt_tokens=8000, output_tokens=100), quality=66.5, token_s=0.05),
    "impossible": Need(workload=Workload(batch=64, prompt_tokens=8000, output_tokens=100), first_token_s=0.01),
    "long": Need(workload=Workload(prompt_tokens=30_000), context_tokens=100_000, request_s=30.0),
    "rate": Need(workload=Workload(prompt_tokens=500, output_tokens=100), requests_per_s=2.0, token_s=0.05),
    "cached": Need(
        workload=Workload(batch=4, prompt_tokens=20_000, output_tokens=100, prefix_hits=0.9), first_token_s=1.0
    ),
}


def engine_of(catalog, fmt):
    return catalog.engines.get(fmt.family, catalog.engine)


def deployments(need, budget, catalog, model, fmt):
    """(deployment, requests in flight) one by one, as an engine can divide the model."""
    able = catalog.abilities.get(engine_of(catalog, fmt).name, Abilities())
    experts = max(block.mlp.experts for block in model.blocks)
    for (name, owned), width, stages, groups, copies in product(
        budget.devices.items(), WIDTHS, STAGES, WIDTHS, range(1, 9)
    ):
        card = catalog.accelerators[name]
        if able.accelerators is not None and name not in able.accelerators:
            continue
        if budget.vendors and catalog.vendors[name] not in budget.vendors:
            continue
        if width * stages * copies > owned or width > card.node_devices or not divides(model, width):
            continue
        if (width > 1 and not able.tensor_parallel) or (stages > 1 and not able.pipeline_parallel):
            continue
        if groups > 1 and not (able.expert_parallel and groups <= min(width, experts)):
            continue
        if not runs_on(card, fmt):
            continue
        deployment = Deployment(
            accelerator=card, tensor_parallel=width, pipeline_parallel=stages, expert_parallel=groups, replicas=copies
        )
        loads = [copies * each for each in BATCHES] if need.requests_per_s else [need.workload.batch]
        yield from ((deployment, load) for load in loads if copies <= load)


def every(need, budget, catalog):
    """(scenario, estimate, quality, dollars an hour) of every combination, one scalar estimate each."""
    for model, weights, cache in product(
        catalog.models.values(), catalog.weight_formats.values(), catalog.cache_formats.values()
    ):
        engine = engine_of(catalog, weights)
        able = catalog.abilities.get(engine.name, Abilities())
        if able.cache_formats is not None and cache.name not in able.cache_formats:
            continue
        needs_bf16 = cache.name in ("FP8", "NVFP4")
        quality = catalog.quality.get(model.name, UNKNOWN) * catalog.kept.get((model.name, weights.name), UNKNOWN)
        for deployment, batch in deployments(need, budget, catalog, model, weights):
            if needs_bf16 and "bf16" not in deployment.accelerator.peak_flops_per_s:
                continue
            scenario = Scenario(
                model=model, weight_format=weights, cache_format=cache, deployment=deployment, engine=engine,
                workload=replace(need.workload, batch=batch),
            )  # fmt: skip
            card = deployment.accelerator
            usd = float(card.usd_per_hour * deployment.devices)
            if budget.buys:
                usd = catalog.usd_to_buy.get(card.name, UNKNOWN) * deployment.devices
            yield scenario, estimate(scenario), quality, usd


def fits_the_room(budget, server, devices):
    """Whole servers within the rack units and the power of a budget; what is unknown is within no limit."""
    servers = inf if server is None else -(-devices // server.devices)
    units, watts = (inf, inf) if server is None else (server.rack_units, server.power_w)
    return (budget.rack_units == inf or servers * units <= budget.rack_units) and (
        budget.server_power_w == inf or servers * watts <= budget.server_power_w
    )


def would_do(need, budget, catalog, scenario, figures, quality, usd):
    card, devices = scenario.deployment.accelerator, scenario.deployment.devices
    return bool(
        figures.fits
        and (need.first_token_s == inf or figures.first_token_s <= need.first_token_s)
        and (need.token_s == inf or figures.token_s <= need.token_s)
        and (need.request_s == inf or figures.request_s <= need.request_s)
        and (not need.requests_per_s or scenario.workload.batch >= need.requests_per_s * figures.request_s)
        and (budget.usd_per_hour == inf or usd <= budget.usd_per_hour)
        and (budget.usd_per_month == inf or usd * 730 <= budget.usd_per_month)
        and (budget.usd_to_buy == inf or catalog.usd_to_buy.get(card.name, inf) * devices <= budget.usd_to_buy)
        and (budget.power_w == inf or card.power_w * devices <= budget.power_w)
        and devices <= budget.most_devices
        and fits_the_room(budget, catalog.servers.get(card.name), devices)
        and max(need.context_tokens, scenario.workload.context_tokens) <= scenario.model.max_context
        and (need.quality == 0 or quality >= need.quality)
    )


def known(figure):
    return inf if isnan(figure) else float(figure)


def order(goal, need, priced, scenario, figures, quality, usd):
    """What is compared, best first, of one combination."""
    unscored, loss, cost = isnan(quality), -known(quality), known(usd)
    first = BEYOND if isnan(figures.first_token_s) else float(figures.first_token_s)
    speed = min(first + need.workload.output_tokens * known(figures.token_s), LAST)
    loss, devices, cache = 0.0 if unscored else loss, scenario.deployment.devices, -scenario.cache_format.bits_per_value
    size = -parameters(scenario.model)
    each = (cost if priced else devices) * (
        1 if need.requests_per_s else known(figures.request_s) / scenario.workload.batch
    )
    return {
        "best quality": (unscored, loss, cache, cost, devices, speed, size),
        "lowest cost": (unscored, cost, devices, loss, cache, speed, size),
        "fastest answers": (unscored, speed, loss, cost, devices, cache, size),
        "lowest cost a token": (unscored, each, loss, cost, devices, cache, speed, size),
    }[goal]


def cost_of(budget, item):
    return item.usd_to_buy if budget.buys else item.usd_per_hour


def key(found, item):
    usd = cost_of(found.budget, item)
    return order(found.need.goal, found.need, found.priced, item.scenario, item.estimate, item.quality, usd)


def assert_best(need, budget, catalog):
    """The pick for each goal, and the front, are those of a loop over single estimates."""
    rows = [row for row in every(need, budget, catalog) if would_do(need, budget, catalog, *row)]
    found = survey(need, budget, catalog)
    for goal in GOALS:
        one = choose(found, replace(need, goal=goal), budget)
        if not rows:
            assert one.pick is None
            continue
        best = min(order(goal, need, one.priced, *row) for row in rows)
        assert key(one, one.pick) == pytest.approx(best, rel=1e-9)
    front = choose(found, need, budget).front
    rent = {name: card.usd_per_hour for name, card in catalog.accelerators.items()}
    prices = [(catalog.usd_to_buy if budget.buys else rent).get(name, UNKNOWN) for name in budget.devices]
    usable = [price for price, name in zip(prices, budget.devices, strict=True)
              if not budget.vendors or catalog.vendors[name] in budget.vendors]  # fmt: skip
    priced = not any(map(isnan, usable))
    points = {
        (usd if priced else scenario.deployment.devices, float(figures.token_s), -quality)
        for scenario, figures, quality, usd in rows
        if not isnan(quality) and not isnan(figures.token_s)
    }
    unbeaten = [p for p in points if not any(beats(q, p) for q in points)]
    shown = [
        (cost_of(budget, item) if priced else item.devices, float(item.estimate.token_s), -item.quality)
        for item in front
    ]
    for point in shown:
        assert any(point == pytest.approx(other, rel=1e-9) for other in points)
        assert not any(beats(other, point) for other in points)
    for point in unbeaten:
        assert any(point == pytest.approx(other, rel=1e-9) for other in shown)


@pytest.mark.parametrize("rate", [0.0, 0.4, 4.0])
@pytest.mark.parametrize("output", [4, 256])
def test_the_front_passes_over_nothing_that_would_be_on_it(rate, output, monkeypatch):
    need = Need(workload=Workload(batch=8, prompt_tokens=8000, output_tokens=output), requests_per_s=rate)
    found = choose(survey(need, BUDGETS["owned"], CATALOG), need, BUDGETS["owned"])
    table = found.front.table
    monkeypatch.setattr(
        "calculators.recommend.front._soonest_s", lambda need, block, asked: np.zeros(len(block.places))
    )
    whole = choose(found.found, need, found.budget).front.table
    for name in ("block", "form", "cell", "token_s"):
        assert np.array_equal(getattr(table, name), getattr(whole, name)), name
    assert len(whole)


def beats(one, other):
    """Whether a point is better than another in something, and worse, beyond rounding, in nothing."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b + 1e-9 * abs(b) for a, b in pairs) and any(a < b - 1e-9 * abs(b) for a, b in pairs)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_pick_and_front_are_the_best_of_all_single_estimates(need, budget):
    few = chosen(CATALOG.models, "Llama 3.1 70B", "Mixtral 8x7B", "Qwen2.5 7B")
    most = 2 if need.requests_per_s else 4  # a rate is tried at every number in flight
    small = replace(budget, devices={name: min(count, most) for name, count in budget.devices.items()})
    assert_best(need, small, replace(CATALOG, models=dict(list(few.items())[2 if need.requests_per_s else 0 :])))


@pytest.mark.parametrize("budget", [BUDGETS["owned"], BUDGETS["rented"]], ids=["owned", "rented"])
@pytest.mark.parametrize("name", ["chat", "long", "any", "rate"])
def test_the_pick_in_flight_is_the_best_of_all_that_keep_their_limits_alone_and_in_flight(name, budget):
    need = replace(NEEDS[name], in_flight=True)
    if not need.requests_per_s:
        need = replace(need, workload=replace(need.workload, batch=max(need.workload.batch, 6)))
    small = replace(budget, devices={name: min(count, 3) for name, count in budget.devices.items()})
    catalog = replace(CATALOG, models=chosen(models(), "Qwen2.5 7B", "Mixtral 8x7B"))
    rows = []
    for scenario, figures, quality, usd in every(need, small, catalog):
        if would_do(need, small, catalog, scenario, figures, quality, usd):
            served = serve(scenario)
            limits = ((served.first_token_s, need.first_token_s), (served.token_s, need.token_s))
            in_time = all(limit == inf or figure <= limit for figure, limit in limits)
            in_time &= need.request_s == inf or served.request_s <= need.request_s
            if in_time and need.requests_per_s * served.request_s <= scenario.workload.batch:
                both = replace(figures, first_token_s=served.first_token_s, token_s=served.token_s)
                rows.append((scenario, both, quality, usd))
    found = survey(need, small, catalog)
    for goal in GOALS:
        one = choose(found, replace(need, goal=goal), small)
        if not rows:  # the best alone stands in
            assert one.in_flight is None or one.in_flight.candidate is None
            assert one.pick is None if not one.ranked else one.pick.scenario == one.ranked[0].scenario
            continue
        assert one.in_flight.whole
        best = min(order(goal, need, one.priced, *row) for row in rows)
        served = serve(one.pick.scenario)
        both = replace(one.pick.estimate, first_token_s=served.first_token_s, token_s=served.token_s)
        usd = cost_of(small, one.pick)
        assert order(goal, need, one.priced, one.pick.scenario, both, one.pick.quality, usd) == pytest.approx(
            best, rel=1e-9
        )


def test_of_weights_as_good_and_as_cheap_those_that_a_model_was_published_in_come_first():
    catalog = replace(
        CATALOG, models=chosen(models(), "Llama 3.1 8B"), weight_formats=chosen(formats(), "BF16", "FP8 per tensor"),
        kept={("Llama 3.1 8B", fmt): 1.0 for fmt in ("BF16", "FP8 per tensor")},
    )  # fmt: skip
    picks = {
        fmt: recommend(NEEDS["any"], BUDGETS["owned"], replace(catalog, published={"Llama 3.1 8B": fmt})).pick
        for fmt in catalog.weight_formats
    }
    assert {fmt: pick.scenario.weight_format.name for fmt, pick in picks.items()} == {fmt: fmt for fmt in picks}


def test_pick_and_front_are_the_best_where_a_host_starts_each_kernel():
    eager = replace(
        CATALOG, models=chosen(models(), "Llama 3.1 8B", "Mixtral 8x7B"), engine=engines()["Hugging Face transformers"],
        engines={}, weight_formats=chosen(formats(), "BF16", "FP8 per tensor", "INT4 W4A16 g128"),
    )  # fmt: skip
    for need in (NEEDS["chat"], NEEDS["any"]):
        assert_best(need, Budget(devices={H100: 3, RTX: 4}), eager)


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_pick_and_front_are_the_best_for_any_job_and_any_devices(data):
    need = Need(
        workload=Workload(
            batch=data.draw(st.integers(1, 40)),
            prompt_tokens=data.draw(st.integers(16, 9000)),
            output_tokens=data.draw(st.integers(16, 2000)),
        ),
        first_token_s=data.draw(st.sampled_from([0.1, 0.5, inf])),
        token_s=data.draw(st.sampled_from([0.01, 0.05, inf])),
    )
    names = data.draw(st.lists(st.sampled_from(sorted(CARDS)), min_size=1, max_size=2, unique=True))
    budget = Budget(devices={name: data.draw(st.integers(1, 6)) for name in names})
    model = data.draw(st.sampled_from(sorted(CATALOG.models)))
    some = data.draw(st.lists(st.sampled_from(sorted(CATALOG.weight_formats)), min_size=1, max_size=2, unique=True))
    assert_best(need, budget, replace(CATALOG, models=chosen(models(), model), weight_formats=chosen(formats(), *some)))


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("need", NEEDS.values(), ids=NEEDS)
def test_every_form_is_ranked_or_rejected_once_and_the_rejected_say_what_they_break(need, budget):
    found = recommend(need, budget, CATALOG)
    runnable = {
        (model, weights.name, cache)
        for model, weights, cache in product(CATALOG.models, CATALOG.weight_formats.values(), CATALOG.cache_formats)
        if cache in CATALOG.abilities[engine_of(CATALOG, weights).name].cache_formats
        and any(deployments(need, budget, CATALOG, models()["Llama 3.1 8B"], weights))
    }
    names = [
        (item.scenario.model.name, item.scenario.weight_format.name, item.scenario.cache_format.name)
        for item in (*found.ranked, *found.rejected)
    ]
    assert len(names) == len(set(names)) and set(names) >= runnable
    for item in found.ranked:
        assert not item.limits and item.overrun <= 1
        assert would_do(need, budget, CATALOG, item.scenario, item.estimate, item.quality, cost_of(budget, item))
    for item in found.rejected:
        assert item.limits and item.overrun > 1
        if "arithmetic" not in item.limits[0]:
            assert not would_do(
                need, budget, CATALOG, item.scenario, item.estimate, item.quality, cost_of(budget, item)
            )
    misses = [item.overrun for item in found.rejected]
    assert misses == sorted(misses)


def overrun(need, budget, catalog, scenario, figures, quality):
    """Every limit that is broken, by as often as it goes into its figure, all multiplied."""
    card, devices = scenario.deployment.accelerator, scenario.deployment.devices
    shares = [
        figures.used_bytes / figures.capacity_bytes,
        *(figures.first_token_s / need.first_token_s, figures.token_s / need.token_s),
        *(figures.request_s / need.request_s, need.requests_per_s * figures.request_s / scenario.workload.batch),
        *(card.usd_per_hour * devices / limit for limit in (budget.usd_per_hour, budget.usd_per_month / 730)
          if limit < inf),
        *([catalog.usd_to_buy.get(card.name, UNKNOWN) * devices / budget.usd_to_buy] if budget.buys else []),
        *(card.power_w * devices / limit for limit in (need.power_w, budget.power_w) if limit < inf),
        devices / budget.most_devices,
        max(need.context_tokens, scenario.workload.context_tokens) / scenario.model.max_context,
        need.quality / quality if need.quality else 0.0,
    ]  # fmt: skip
    return prod(min(max(known(share), 1), BEYOND) for share in shares)


def form(scenario):
    return scenario.model.name, scenario.weight_format.name, scenario.cache_format.name


FEW = chosen(models(), "Llama 3.1 8B", "Llama 3.1 70B", "Qwen2.5 7B")
MISSING = {
    "memory": (NEEDS["any"], Budget(devices={H100: 2, RTX: 1})),
    "rent and memory": (NEEDS["any"], Budget(devices={H100: 3, RTX: 3}, usd_per_hour=0.6)),
    "time": (replace(NEEDS["chat"], first_token_s=0.1, token_s=0.012, quality=70.0), Budget(devices={H100: 2, RTX: 2})),
    "rate": (replace(NEEDS["rate"], requests_per_s=20.0, token_s=0.02), Budget(devices={RTX: 2}, usd_to_buy=2_500.0)),
    "power and context": (
        replace(NEEDS["long"], context_tokens=160_000), Budget(devices={H100: 2, "unpriced": 1}, power_w=1_000.0)
    ),
}  # fmt: skip


@pytest.mark.parametrize(("need", "budget"), MISSING.values(), ids=MISSING)
def test_a_miss_is_the_nearest_by_all_limits_together_and_near_if_no_form_of_its_model_that_does_beats_it(need, budget):
    catalog = replace(CATALOG, models=FEW)
    least = {}
    for scenario, figures, quality, _ in every(need, budget, catalog):
        if figures.used_bytes <= NEAR * figures.capacity_bytes:
            over = overrun(need, budget, catalog, scenario, figures, quality)
            least[form(scenario)] = min(least.get(form(scenario), inf), over)
    found = recommend(need, budget, catalog)
    misses = {form(item.scenario): item for item in found.rejected}
    assert {name for name, over in least.items() if over == 1} == {form(item.scenario) for item in found.ranked}
    for name, item in misses.items():
        if name in least:
            assert item.overrun == pytest.approx(least[name], rel=1e-9)
        else:
            assert item.overrun > NEAR and "memory" in item.limits[0]
    near = {form(item.scenario): item for item in found.near_misses}
    assert [item.overrun for item in near.values()] == sorted(item.overrun for item in near.values())
    figures = {
        form(item.scenario): tuple(map(known, (
            cost_of(budget, item) if found.priced else item.devices, item.estimate.token_s, -item.quality
        )))
        for item in (*found.ranked, *found.rejected)
    }  # fmt: skip
    does = [form(item.scenario) for item in found.ranked]
    for name, item in misses.items():
        beaten = any(
            other[0] == name[0]
            and all(a <= b * (1 + 1e-12) for a, b in zip(figures[other], figures[name], strict=True))
            for other in does
        )
        assert (name in near) == (item.overrun <= NEAR and not beaten)


@pytest.mark.parametrize("goal", GOALS)
def test_a_candidate_without_score_never_beats_one_with(goal):
    for need in NEEDS.values():
        ranked = recommend(replace(need, goal=goal), BUDGETS["owned"], CATALOG).ranked
        scores = [isnan(item.quality) for item in ranked]
        assert scores == sorted(scores)


def test_candidates_carry_the_figures_of_their_own_scenario():
    for item in recommend(NEEDS["chat"], BUDGETS["owned"], CATALOG).ranked:
        alone = estimate(item.scenario)
        assert item.estimate.token_s == alone.token_s and item.estimate.used_bytes == alone.used_bytes


def test_an_engine_is_given_nothing_that_it_cannot_run():
    found = recommend(NEEDS["any"], BUDGETS["owned"], CATALOG)
    for item in (*found.ranked, *found.rejected):
        able, given = CATALOG.abilities[item.scenario.engine.name], item.scenario
        assert given.cache_format.name in able.cache_formats
        assert able.takes(given.deployment.accelerator.name)
        assert able.tensor_parallel or given.deployment.tensor_parallel == 1
        assert (given.weight_format.family == "llama.cpp") == (given.engine.name == "llama.cpp")


def test_a_format_that_stores_nothing_of_a_model_is_none_of_its_forms():
    some = replace(CATALOG, weight_formats=chosen(formats(), "BF16", "INT4 experts only", "NVFP4 experts only"))
    found = recommend(NEEDS["any"], BUDGETS["owned"], some)
    for item in (*found.ranked, *found.rejected):
        has_experts = any(block.mlp.experts for block in item.scenario.model.blocks)
        assert has_experts or item.scenario.weight_format.name == "BF16"
    assert {"BF16", "INT4 experts only"} <= {item.scenario.weight_format.name for item in found.ranked}


def test_ties_go_to_the_deployment_with_fewer_devices_and_no_pipeline():
    pick = recommend(NEEDS["any"], Budget(devices={"unpriced": 4}), CATALOG).pick
    assert (pick.devices, pick.scenario.deployment.pipeline_parallel) == (2, 1)  # the 70B in 16 bits on two
    one = recommend(
        replace(NEEDS["any"], workload=Workload(batch=1)), Budget(devices={H100: 4}, usd_per_hour=3), CATALOG
    ).pick
    assert one.devices == 1


def test_moving_a_limit_works_nothing_out_anew():
    need, budget = NEEDS["chat"], BUDGETS["owned"]
    found = survey(need, budget, CATALOG)
    for moved in (replace(need, token_s=0.01, quality=70.0), replace(need, first_token_s=inf, goal="lowest cost")):
        tighter = replace(budget, usd_per_hour=6.0)
        one, other = choose(found, moved, tighter), recommend(moved, tighter, CATALOG)
        assert [item.scenario for item in one.ranked] == [item.scenario for item in other.ranked]


LOADS = st.builds(
    Need,
    workload=st.builds(
        Workload,
        batch=st.sampled_from([1, 3, 8, 64]),
        prompt_tokens=st.sampled_from([100, 2_000, 30_000]),
        output_tokens=st.sampled_from([1, 300]),
        prefix_hits=st.sampled_from([0.0, 0.5]),
    ),
    requests_per_s=st.sampled_from([0.0, 0.0, 1.0]),
)
STARTED = replace(CATALOG, engine=engines()["Hugging Face transformers"])


@settings(deadline=None, max_examples=25)
@given(
    moves=st.lists(st.tuples(LOADS, st.sets(st.sampled_from(list(CATALOG.models)))), min_size=2, max_size=4),
    catalog=st.sampled_from([CATALOG, STARTED]),
    cheap=st.booleans(),
)
def test_what_a_surveyor_takes_over_and_adds_is_the_survey_itself(moves, catalog, cheap):
    surveyor, budget = Surveyor(moves[0][0], BUDGETS["owned"], catalog), BUDGETS["owned"]
    for need, some in moves:
        surveyor = surveyor.under(need)
        part = surveyor.cheap if cheap else surveyor
        assert {block.model.name for block in part.survey(some).blocks} == some
    found, anew = part.survey(), Surveyor(moves[-1][0], budget, catalog, part.usd).survey()
    assert found.considered == anew.considered and found.need == anew.need
    for mine, other in zip(found.blocks, anew.blocks, strict=True):
        for each in fields(mine):
            values, same = getattr(mine, each.name), getattr(other, each.name)
            if isinstance(values, np.ndarray):
                np.testing.assert_array_equal(values, same, err_msg=f"{mine.model.name}: {each.name}")


SCORED = ("Llama 3.1 8B", "Llama 3.1 70B", "Qwen2.5 7B", "Mixtral 8x7B", "Gemma 3 4B", "Qwen2.5 0.5B", "Phi-3.5 mini")
WIDE = replace(
    CATALOG,
    models=chosen(models(), *SCORED, "SmolLM2 135M"),
    quality={name: 85.0 - 5 * place for place, name in enumerate(SCORED)},
)


@settings(deadline=None, max_examples=60)
@given(
    need=st.sampled_from(list(NEEDS.values())),
    budget=st.sampled_from(list(BUDGETS.values())),
    goal=st.sampled_from(GOALS),
    quality=st.sampled_from([0.0, 60.0, 70.0, 90.0]),
    scores=st.permutations(SCORED),
    apart=st.sampled_from([5.0, 0.0]),
    in_flight=st.booleans(),
    share=st.sampled_from([1.0, 0.9]),
)
def test_what_is_sure_early_is_the_pick_of_all(need, budget, goal, quality, scores, apart, in_flight, share):
    need = replace(need, goal=goal, quality=quality, in_flight=in_flight)
    catalog = replace(WIDE, quality={name: 85 - apart * place for place, name in enumerate(scores)})
    surveyor = Surveyor(need, budget, catalog)
    found = early(surveyor.survey, need, budget, cheap=surveyor.cheap.survey, share=share)
    whole = recommend(need, budget, catalog)

    def scenarios_of(items):
        return [item.scenario for item in items]

    def first_above(ranked):
        above = (item for item in ranked.above(whole.pick.quality).models if name_of(item) != name_of(whole.pick))
        return scenarios_of(islice(above, 1))

    assert scenarios_of(filter(None, [found.pick])) == scenarios_of(filter(None, [whole.pick]))
    tried = {block.model.name for block in found.found.blocks}
    if whole.pick is None or np.isnan(whole.pick.quality):
        assert tried == {block.model.name for block in whole.found.blocks}
        return
    for mine, every in ((found.ranked, whole.ranked), (found.rejected, whole.rejected)):
        assert scenarios_of(mine) == [item.scenario for item in every if name_of(item) in tried]
        if goal == GOALS[0]:
            assert all(name_of(item) in tried for item in every if item.quality >= share * whole.pick.quality)
    assert first_above(found.ranked) == first_above(whole.ranked)
    if not first_above(whole.ranked):
        assert all(name_of(item) in tried for item in whole.rejected if item.quality > whole.pick.quality)


def name_of(item):
    return item.scenario.model.name


def test_the_best_scored_model_that_will_do_is_found_without_the_others():
    need, catalog = replace(NEEDS["any"], quality=60.0), WIDE
    found = early(Surveyor(need, BUDGETS["owned"], catalog).survey, need, BUDGETS["owned"])
    assert found.pick is not None and found.pick.scenario.model.name == SCORED[0]
    assert [block.model.name for block in found.found.blocks] == [SCORED[0]] * 2
    also = early(Surveyor(need, BUDGETS["owned"], catalog).survey, need, BUDGETS["owned"], also=["Gemma 3 4B"])
    assert also.pick is not None and also.pick.scenario == found.pick.scenario and also.ranked.of("Gemma 3 4B")


GGUF = engines()["llama.cpp"]
EXPERTS_AWAY = replace(GGUF.memory, host_parts=GGUF.memory.host_parts | {"routed_experts"})
RUN_BY = {
    "both": WIDE,
    "started by a host": replace(WIDE, engine=STARTED.engine),
    "layers with the host": replace(
        WIDE, engines={"llama.cpp": replace(GGUF, memory=replace(GGUF.memory, device_layers=20.0))}
    ),
    "experts with a host that is faster": replace(
        WIDE,
        engines={"llama.cpp": replace(GGUF, memory=EXPERTS_AWAY)},
        accelerators={name: replace(card, bandwidth_bytes_per_s=1e9) for name, card in CARDS.items()},
    ),
    "no rule of memory": replace(WIDE, engine=ENGINE, engines={}),
}


@pytest.mark.parametrize("engine", RUN_BY)
@settings(deadline=None, max_examples=16)
@example(load=NEEDS["any"], limits=NEEDS["any"], budget=BUDGETS["owned"], goal=GOALS[2])
@given(
    load=LOADS,
    limits=st.sampled_from(list(NEEDS.values())),
    budget=st.sampled_from(list(BUDGETS.values())),
    goal=st.sampled_from(GOALS),
)
def test_no_form_that_would_do_is_better_than_the_floor_of_its_model(engine, load, limits, budget, goal):
    need = replace(limits, workload=load.workload, requests_per_s=load.requests_per_s, goal=goal)
    catalog = RUN_BY[engine]
    found = recommend(need, budget, catalog)
    least, names = floors(found.found, need, budget), list(catalog.models)
    assert list(least.values()) == sorted(least.values()) and "SmolLM2 135M" not in least
    for promise in found.ranked.promises():
        if not isnan(promise.quality):
            floor = least[names[promise.model]]
            assert floor <= promise.keys[: len(floor)]


@settings(deadline=None, max_examples=40)
@given(
    load=LOADS,
    limits=st.sampled_from(list(NEEDS.values())),
    budget=st.sampled_from(list(BUDGETS.values())),
    goal=st.sampled_from(GOALS),
)
def test_models_that_are_tried_one_by_one_promise_what_all_of_them_do_in_the_same_order(load, limits, budget, goal):
    need = replace(limits, workload=load.workload, requests_per_s=load.requests_per_s, goal=goal)
    surveyor, names = Surveyor(need, budget, WIDE), list(WIDE.models)
    least = floors(surveyor.survey(()), need, budget)
    one_by_one = promises(least, lambda name: choose(surveyor.survey((name,)), need, budget).ranked)
    together = choose(surveyor.survey(), need, budget).ranked.promises()
    assert [promise.keys for promise in one_by_one] == [
        promise.keys for promise in together if names[promise.model] in least
    ]


@pytest.mark.parametrize("goal", GOALS)
def test_floors_are_near_enough_to_leave_out_most_models(goal):
    chosen = Inputs(have=SOURCES[1], spend=20.0, goal=goal)
    need, budget = needs.need(chosen), needs.budget(chosen)
    catalog = replace(stock.catalog(chosen.family, chosen.engine), quality=stock.scores(chosen.bench))
    found = early(Surveyor(need, budget, catalog).survey, need, budget)
    assert len({block.model.name for block in found.found.blocks}) < len(catalog.quality) / 3


def test_progress_is_told_of_every_model_to_the_end():
    told = []
    recommend(NEEDS["any"], BUDGETS["rented"], CATALOG, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_of_copies_that_share_requests_alike_the_fewest_stand_for_all():
    copies = {item.scenario.deployment.replicas for item in recommend(
        replace(NEEDS["any"], workload=Workload(batch=4), goal="fastest answers"), Budget(devices={H100: 8}), CATALOG
    ).ranked}  # fmt: skip
    assert copies <= {ceil(4 / each) for each in range(1, 5)} | {1, 2, 4}


def test_nothing_to_use_recommends_nothing():
    found = recommend(NEEDS["any"], Budget(devices={}), CATALOG)
    assert (found.pick, len(found.ranked), len(found.rejected), len(found.front)) == (None, 0, 0, 0)
    assert found.considered == 0


def test_formats_side_by_side_are_each_format_alone():
    weights = [formats()[name] for name in ("BF16", "FP8 per tensor", "NVFP4", "Q4_K_M", "INT8 W8A8")]
    caches = list(cache_formats().values())
    for name, engine in product(("Llama 3.1 8B", "DeepSeek-V3 671B", "Gemma 3 27B"), ("vLLM", "llama.cpp")):
        width = np.array([1, 2, 8])
        scenario = Scenario(
            model=models()[name], weight_format=stack(weights), cache_format=stack(caches, axes=2),
            deployment=Deployment(accelerator=accelerators()[H200], tensor_parallel=width, pipeline_parallel=3),
            workload=Workload(batch=7), engine=engines()[engine],
        )  # fmt: skip
        together = estimate(scenario)
        for (c, cache), (f, fmt) in product(enumerate(caches), enumerate(weights)):
            alone = estimate(replace(scenario, weight_format=fmt, cache_format=cache))
            for figure in ("used_bytes", "first_token_s", "token_s", "tokens_per_s"):
                side = np.broadcast_to(getattr(together, figure), (len(caches), len(weights), 3))[c, f]
                assert side == pytest.approx(np.broadcast_to(getattr(alone, figure), 3), rel=1e-12)


RENT_OF_TWO = Budget(devices={H100: 4}, usd_per_hour=6.0)


@pytest.mark.parametrize("budget", [Budget(devices={H100: 2}), Budget(devices={"unpriced": 1}), RENT_OF_TWO])
def test_what_rescues_a_near_miss_does_what_is_asked_and_its_engine_runs_it(budget):
    need = replace(NEEDS["chat"], workload=Workload(batch=64, prompt_tokens=3000, output_tokens=500))
    found = recommend(need, budget, CATALOG)
    changes = [rescue(found, item) for item in found.rejected.models]
    assert any(changes)
    for change in filter(None, changes):
        given = change.candidate.scenario
        assert not change.candidate.limits and change.candidate.estimate.fits
        assert given.cache_format.name in CATALOG.abilities[given.engine.name].cache_formats


def test_devices_take_whole_servers():
    server = Server(name="of eight", devices=8, rack_units=6, power_w=6_500)
    for devices in range(1, 40):
        assert server.taken(devices) == ceil(devices / 8)
        assert server.rack_units_of(devices) == 6 * ceil(devices / 8)
        assert server.power_w_of(devices) == 6_500 * ceil(devices / 8)
    some = np.arange(1, 40)
    np.testing.assert_array_equal(server.rack_units_of(some), [server.rack_units_of(int(each)) for each in some])
    assert isnan(Server(name="unknown").rack_units_of(1)) and isnan(Server(name="unknown").power_w_of(1))


def test_a_limit_of_the_rack_that_is_broken_says_so_and_by_how_much():
    need = Need(workload=Workload(batch=64, prompt_tokens=4000, output_tokens=200))
    one = Need(workload=Workload(batch=1, prompt_tokens=2000, output_tokens=200))
    large = replace(CATALOG, models=chosen(models(), "Llama 3.1 70B"), weight_formats=chosen(formats(), "BF16"))
    said = {}
    for name, budget in {
        "units": Budget(devices={H100: 5}, rack_units=3),
        "watts": Budget(devices={H100: 5}, server_power_w=3_000),
        "no data": Budget(devices={"unpriced": 2}, server_power_w=3_000),
        "both": Budget(devices={H100: 5}, rack_units=3, server_power_w=3_000),
    }.items():
        found = recommend(one if name == "no data" else need, budget, large)
        item = next(item for item in found.rejected if item.scenario.cache_format.name == "BF16")
        said[name] = item.limits
    assert said["units"] == ("rack units 2.0 times the limit",)  # 230 GB on four devices: two servers
    assert said["watts"] == ("server power 33.3% over the limit",)
    assert said["no data"] == ("server power unknown",)
    assert said["both"] == ("rack units 2.0 times the limit", "server power 33.3% over the limit")


def test_the_limit_that_alone_stands_in_the_way_is_named_and_what_it_takes_rescues():
    need = Need(workload=Workload(batch=1, prompt_tokens=2000, output_tokens=200))
    large = replace(CATALOG, models=chosen(models(), "Llama 3.1 70B"), weight_formats=chosen(formats(), "BF16"))
    for budget, limit, words in (
        (Budget(devices={H100: 5}, rack_units=4), "rack units", "6 rack units allowed"),
        (Budget(devices={H100: 5}, server_power_w=3_900), "server power", "4,000 W allowed from the wall"),
        (Budget(devices={H100: 5}, most_devices=2), "devices", "3 devices allowed"),
        (Budget(devices={H100: 5}, power_w=2_000), "power", "2,100 W allowed for the devices"),
    ):
        found = recommend(need, budget, large)
        assert found.pick is None
        assert [way.limits for way in obstacles(found)] == [(limit,)]
        change = rescue(found, found.rejected[0])
        assert change.words == words and not change.candidate.limits


SMALL, ONE = Budget(devices={H100: 2, RTX: 1}), Budget(devices={RTX: 1})
IN_THE_WAY = {
    "either of two": (replace(NEEDS["quality"], quality=74.2, token_s=0.004), SMALL, 2, 1),
    "one and either of two": (
        replace(NEEDS["quality"], quality=74.2, token_s=0.004, context_tokens=160_000), SMALL, 2, 2
    ),
    "two at once": (replace(NEEDS["any"], quality=95.0, token_s=1e-5), SMALL, 1, 2),
    "three at once": (replace(NEEDS["any"], quality=95.0, token_s=1e-5, first_token_s=1e-5), SMALL, 0, 0),
    "rate and time": (replace(NEEDS["rate"], requests_per_s=200.0, request_s=0.5), ONE, 1, 2),
    "price": (replace(NEEDS["rate"], requests_per_s=0.1), replace(ONE, usd_to_buy=1_000.0), 1, 1),
    "context": (replace(NEEDS["any"], context_tokens=160_000), replace(SMALL, power_w=500.0), 1, 1),
    "a rent that nobody knows": (NEEDS["any"], Budget(devices={"unpriced": 2}, usd_per_hour=1.0), 1, 1),
    "a time that nobody knows": (replace(NEEDS["any"], first_token_s=1.0), Budget(devices={PHONE: 1}), 1, 1),
    "a price that nobody knows": (NEEDS["any"], Budget(devices={"unpriced": 2}, usd_to_buy=1e6), 0, 0),
    "memory": (Need(workload=Workload(batch=512, prompt_tokens=8000)), replace(ONE, power_w=100.0), 0, 0),
}  # fmt: skip


@pytest.mark.parametrize(("need", "budget", "ways", "count"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_the_fewest_limits_stand_in_the_way_without_which_a_single_estimate_would_do(need, budget, ways, count):
    few = replace(CATALOG, models=chosen(models(), "Llama 3.1 8B", "Qwen2.5 7B"))
    found, rows = recommend(need, budget, few), list(every(need, budget, few))
    expected = {}
    for size in (1, 2):
        for limits in combinations(WITHOUT, 0 if expected else size):
            freed = need, budget
            for name in limits:
                freed = WITHOUT[name](*freed)
            does = [overrun(need, budget, few, *row[:3]) for row in rows if would_do(*freed, few, *row)]
            if does:
                expected[limits] = choose(found.found, *freed).pick, min(does)
    assert found.pick is None and (len(expected), max(map(len, expected), default=0)) == (ways, count)
    obstructed = {tuple(sorted(way.limits, key=list(WITHOUT).index)): way.candidate for way in obstacles(found)}
    assert obstructed.keys() == expected.keys()
    assert [item.overrun for item in obstructed.values()] == sorted(item.overrun for item in obstructed.values())
    for limits, item in obstructed.items():
        without, least = expected[limits]
        if item.known:
            assert item.overrun == pytest.approx(least)
        else:
            assert item.scenario == without.scenario


def test_a_narrower_cache_rescues_before_anything_dearer():
    need = Need(workload=Workload(batch=100, prompt_tokens=4000, output_tokens=500))
    found = recommend(need, Budget(devices={H100: 1}), replace(
        CATALOG, models=chosen(models(), "Llama 3.1 8B"), weight_formats=chosen(formats(), "BF16"))
    )  # fmt: skip
    miss = next(item for item in found.rejected if item.scenario.cache_format.name == "BF16")
    assert rescue(found, miss).words == "an FP8 cache"


@pytest.mark.parametrize(
    ("need", "budget", "words"),
    [
        (Need(workload=Workload(batch=16)), Budget(devices={H100: 1}, usd_per_hour=2.5), "$2.60 an hour allowed"),
        (Need(workload=Workload(), token_s=0.0045), Budget(devices={H100: 1}), "ms allowed for each further token"),
        (Need(workload=Workload(), quality=68.0), Budget(devices={H100: 1}), "a score of 66.7 asked for"),
        (
            Need(workload=Workload(batch=128, prompt_tokens=4000, output_tokens=200)), Budget(devices={H100: 1}),
            "requests at once",
        ),
        (
            Need(workload=Workload(batch=1, prompt_tokens=80_000, output_tokens=200)), Budget(devices={RTX: 1}),
            f"1 more of {RTX}",
        ),
    ],
)  # fmt: skip
def test_a_near_miss_is_rescued_by_the_cheapest_change_and_then_does(need, budget, words):
    wide = replace(
        CATALOG, models=chosen(models(), "Llama 3.1 8B"), weight_formats=chosen(formats(), "BF16"),
        cache_formats=chosen(cache_formats(), "BF16"),
    )  # fmt: skip
    found = recommend(need, budget, wide)
    (item,) = found.rejected
    change = rescue(found, item)
    assert words in change.words, change.words
    assert not change.candidate.limits and change.candidate.estimate.fits


def test_what_misses_two_limits_is_rescued_by_no_single_change():
    need = Need(workload=Workload(), token_s=0.0045, quality=68.0)
    found = recommend(need, Budget(devices={H100: 1}), replace(CATALOG, models=chosen(models(), "Llama 3.1 8B")))
    item = next(item for item in found.rejected if len(item.broken) == 2)
    assert rescue(found, item) is None


@pytest.mark.parametrize("need", [NEEDS["chat"], NEEDS["rate"]])
def test_the_deployments_of_a_form_all_do_the_cheapest_first_and_the_picks_cost_among_them(need):
    found = recommend(replace(need, goal="lowest cost"), BUDGETS["rented"], CATALOG)
    ways = list(would_do_on(found, found.pick.scenario))
    assert ways and all(not way.limits and form(way.scenario) == form(found.pick.scenario) for way in ways)
    costs = [way.usd_per_hour for way in ways]
    assert costs == sorted(costs) and costs[0] == found.pick.usd_per_hour


def test_an_engine_that_lays_whole_layers_out_is_offered_stages_and_no_cut():
    given = replace(scenario("Llama 3.1 70B", "BF16", H100, batch=16), engine=engines()["llama.cpp"])
    able = CATALOG.abilities["llama.cpp"]
    offered = changes_that_fit(given, [], [], able)
    assert all(change.scenario.deployment.tensor_parallel == 1 for change in offered)
    assert any(change.scenario.deployment.pipeline_parallel > 1 for change in offered)


def test_devices_share_whole_heads():
    seven = models()["Qwen2.5 7B"]  # 28 heads over 4 keys
    assert [divides(seven, width) for width in (1, 2, 4, 7, 8)] == [True, True, True, False, False]
    four = models()["Phi-4 14B"]  # 40 heads over 10 keys
    assert [divides(four, width) for width in (1, 2, 4, 5, 20)] == [True, True, False, True, True]


def test_an_unknown_goal_is_refused():
    with pytest.raises(
        ValueError, match="goal 'cheap' is not one of best quality, lowest cost, fastest answers, lowest cost a token"
    ):
        recommend(replace(NEEDS["any"], goal="cheap"), BUDGETS["owned"], CATALOG)


def scenario(model, fmt, card, width=1, **workload):
    return Scenario(
        model=models()[model], weight_format=formats()[fmt], cache_format=cache_formats()["BF16"], engine=ENGINE,
        deployment=Deployment(accelerator=accelerators()[card], tensor_parallel=width), workload=Workload(**workload),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "fmt", "card", "width", "does"),
    [
        ("DeepSeek-V3 671B", "FP8 block 128", H200, 8, True),
        ("DeepSeek-V3 671B", "FP8 block 128", H100, 8, False),
        ("Llama 3.1 405B", "FP8 per tensor", H100, 8, True),
        ("Llama 3.1 405B", "BF16", H100, 8, False),
        ("Llama 3.1 70B", "BF16", H100, 1, False),
        ("gpt-oss 120B", "MXFP4", H100, 1, True),
        ("gpt-oss 20B", "MXFP4", "NVIDIA GeForce RTX 4080", 1, True),
        ("gpt-oss 20B", "BF16", "NVIDIA GeForce RTX 4080", 1, False),
        ("Llama 3.1 70B", "Q4_K_M", RTX, 2, True),
        ("Llama 3.1 70B", "Q4_K_M", RTX, 1, False),
    ],
)
def test_what_is_known_to_fit_fits_and_what_is_known_not_to_does_not(model, fmt, card, width, does):
    assert fits(scenario(model, fmt, card, width, batch=1, prompt_tokens=3840, output_tokens=256)) is does


TOO_LARGE = [
    scenario("Llama 3.1 70B", "BF16", H100, batch=16),
    scenario("DeepSeek-V3 671B", "FP8 block 128", H100, 8, batch=64, prompt_tokens=4096),
    scenario("Llama 3.1 8B", "BF16", RTX, batch=64, prompt_tokens=4096),
    scenario("Llama 3.1 8B", "BF16", "Qualcomm Snapdragon 8 Elite"),
    scenario("Llama 3.1 405B", "FP32", RTX),
    scenario("Phi-4 mini", "Q4_K_M", RTX, batch=2, prompt_tokens=120_000),
]


@pytest.mark.parametrize("given", TOO_LARGE, ids=lambda given: given.model.name)
def test_every_change_offered_fits_and_each_that_is_missing_would_not(given):
    assert not fits(given)
    every_weight, every_cache = list(formats().values()), list(cache_formats().values())
    changes = changes_that_fit(given, every_weight, every_cache)
    assert all(fits(change.scenario) for change in changes)
    assert [change.free for change in changes] == sorted((change.free for change in changes), reverse=True)
    offered = {
        field
        for change in changes
        for field in ("weight_format", "cache_format", "deployment", "workload")
        if getattr(change.scenario, field) != getattr(given, field)
    }
    for field, options in (("weight_format", every_weight), ("cache_format", every_cache)):
        run = [
            option for option in options if field != "weight_format" or runs_on(given.deployment.accelerator, option)
        ]
        assert (field in offered) == any(fits(replace(given, **{field: option})) for option in run)
    assert ("deployment" in offered) == (smallest_deployment(given, beyond=int(given.deployment.devices)) is not None)


@pytest.mark.parametrize("given", TOO_LARGE, ids=lambda given: given.model.name)
def test_each_change_touches_one_thing_and_gives_up_no_more_than_it_must(given):
    for change in changes_that_fit(given, list(formats().values()), list(cache_formats().values())):
        new = change.scenario
        touched = [
            name for name in ("weight_format", "cache_format", "deployment", "workload")
            if getattr(new, name) != getattr(given, name)
        ]  # fmt: skip
        assert len(touched) == 1
        if touched == ["workload"]:
            old, less = given.workload, new.workload
            assert (less.batch < old.batch) + (less.prompt_tokens < old.prompt_tokens) == 1
            more = replace(less, batch=less.batch + 1) if less.batch < old.batch else replace(
                less, prompt_tokens=less.prompt_tokens + 1
            )  # fmt: skip
            assert not fits(replace(given, workload=more))


def test_the_smallest_deployment_fits_and_the_next_smaller_does_not():
    given = TOO_LARGE[0]
    deployment = smallest_deployment(given)
    assert (deployment.tensor_parallel, deployment.pipeline_parallel) == (2, 1)
    assert fits(replace(given, deployment=deployment)) and not fits(given)
    assert smallest_deployment(given, beyond=3).devices == 4
    assert smallest_deployment(scenario("Llama 3.1 405B", "FP32", "Qualcomm Snapdragon 8 Elite")) is None


@pytest.mark.parametrize(
    "given",
    [
        *TOO_LARGE, scenario("DeepSeek-V3 671B", "BF16", H100),
        scenario("Phi-4 14B", "FP32", RTX, batch=64),  # 40 heads over 10 keys, which 4 devices do not share
    ],
    ids=lambda given: given.model.name,
)  # fmt: skip
def test_no_way_to_cut_that_can_be_chosen_takes_fewer_devices_than_the_smallest(given):
    deployment = smallest_deployment(given)
    least = deployment.devices if deployment else 65
    for width, stages in product(FIELDS["tp"].options, FIELDS["pp"].options):
        cut = replace(given.deployment, tensor_parallel=width, pipeline_parallel=stages)
        joined = width <= given.deployment.accelerator.node_devices and divides(given.model, width)
        if joined and stages <= given.model.layers and width * stages < least:
            assert not fits(replace(given, deployment=cut))
    if deployment:
        assert divides(given.model, deployment.tensor_parallel)
        assert deployment.tensor_parallel in FIELDS["tp"].options
        assert deployment.pipeline_parallel in FIELDS["pp"].options


def test_twenty_four_devices_hold_what_sixteen_do_not():
    given = scenario("DeepSeek-V3 671B", "BF16", H100)
    found = smallest_deployment(given)
    assert (found.tensor_parallel, found.pipeline_parallel, found.devices) == (8, 3, 24)


def test_weights_as_published_are_offered_before_any_other_format():
    given = scenario("DeepSeek-V3 671B", "BF16", H100, 16)
    every = list(formats().values())
    assert changes_that_fit(given, every, [], published="FP8 block 128")[0].words == "FP8 block 128 weights"


def test_a_format_that_the_device_computes_in_comes_before_one_that_it_would_widen_then_the_least_loss():
    given = scenario("Llama 3.1 70B", "BF16", H100, batch=50)
    some = [formats()[name] for name in ("NVFP4", "GPTQ 4-bit g128", "AWQ 4-bit g128")]
    words = [changes_that_fit(given, some, [], losses=losses)[0].words for losses in (
        {"NVFP4": 0.1, "GPTQ 4-bit g128": 2.0, "AWQ 4-bit g128": 1.0}, {"GPTQ 4-bit g128": 2.0}, {},
    )]  # fmt: skip
    assert words == ["AWQ 4-bit g128 weights", "GPTQ 4-bit g128 weights", "GPTQ 4-bit g128 weights"]
    blackwell = scenario("Llama 3.1 70B", "BF16", "NVIDIA B200 SXM (HGX/DGX)", batch=128, prompt_tokens=2048)
    fp4 = changes_that_fit(blackwell, some, [], losses={"NVFP4": 0.1, "AWQ 4-bit g128": 1.0})
    assert fp4[0].words == "NVFP4 weights"


def test_a_format_that_the_device_does_not_run_rescues_nothing():
    v100 = next(name for name in accelerators() if "V100" in name and "32GB" in name)
    given = scenario("Llama 3.1 8B", "FP32", v100)
    assert not runs_on(given.deployment.accelerator, formats()["FP8 per tensor"])
    assert not any("FP8" in change.words for change in changes_that_fit(given, [formats()["FP8 per tensor"]], []))


def test_a_device_that_computes_in_no_bf16_keeps_no_cache_in_narrow_floats():
    v100 = next(name for name in accelerators() if "V100" in name and "32GB" in name)
    catalog = replace(
        CATALOG, models=chosen(models(), "Llama 3.1 8B"), accelerators=chosen(accelerators(), v100, H100),
        abilities={"vLLM": Abilities(cache_formats=frozenset({"BF16", "FP8"}))},
    )  # fmt: skip
    need = Need(workload=Workload(batch=1))
    for device, caches in ((v100, {"BF16"}), (H100, {"BF16", "FP8"})):
        found = recommend(need, Budget(devices={device: 1}), catalog)
        kept = {item.scenario.cache_format.name for item in found.ranked if item.scenario.engine.name == "vLLM"}
        assert kept == caches
