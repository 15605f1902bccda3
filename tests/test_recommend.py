"""The recommendation is the best of all that would do, and says truly what the others break."""

from dataclasses import replace
from itertools import product
from math import inf, isnan

import pytest

from calculators import UNKNOWN
from calculators.architecture import parameters
from calculators.estimate import Scenario, Workload, estimate, fits
from calculators.hardware import Deployment
from calculators.recommend import (
    COPIES,
    GOALS,
    WIDTHS,
    Budget,
    Catalog,
    Need,
    changes_that_fit,
    divides,
    recommend,
    smallest_deployment,
)
from presets import accelerators, cache_formats, engines, formats, models

ENGINE = engines()["CUDA-graph decoder"]
H100, H200, RTX = "NVIDIA H100 SXM5 80GB", "NVIDIA H200 SXM", "NVIDIA GeForce RTX 4090"


def chosen(mapping, *names):
    return {name: mapping[name] for name in names}


CARDS = chosen(accelerators(), H100, RTX, "Qualcomm Snapdragon 8 Elite") | {
    "unpriced": replace(accelerators()[H200], name="unpriced", usd_per_hour=UNKNOWN)
}
CATALOG = Catalog(
    models=chosen(models(), "Llama 3.1 8B", "Llama 3.1 70B", "Mixtral 8x7B", "Qwen2.5 7B"),
    weight_formats=chosen(formats(), "BF16", "FP8 per tensor", "Q4_K_M"),
    cache_formats=chosen(cache_formats(), "BF16", "INT4"),
    accelerators=CARDS,
    engine=ENGINE,
    quality={"Llama 3.1 8B": 66.7, "Llama 3.1 70B": 79.3, "Qwen2.5 7B": 74.2},
    kept={
        (model, fmt): share
        for model in models()
        for fmt, share in {"BF16": 1.0, "FP8 per tensor": 0.995, "Q4_K_M": 0.98}.items()
        if (model, fmt) != ("Llama 3.1 70B", "Q4_K_M")
    },
)
OWNED = {H100: 8, RTX: 4, "unpriced": 2, "Qualcomm Snapdragon 8 Elite": 1}
BUDGETS = [Budget(devices=OWNED), Budget(devices=OWNED, usd_per_hour=4.0), Budget(devices={RTX: 2, "unpriced": 1})]
NEEDS = [
    Need(workload=Workload(batch=8, prompt_tokens=2000, output_tokens=200)),
    Need(workload=Workload(batch=32, prompt_tokens=1000, output_tokens=500), first_token_s=0.5, token_s=0.03),
    Need(workload=Workload(batch=1, prompt_tokens=8000, output_tokens=100), quality=60.0, token_s=0.05),
    Need(workload=Workload(batch=512, prompt_tokens=8000, output_tokens=100), first_token_s=0.01),
]


def all_that_would_do(need, budget):
    """(unscored, quality, dollars an hour, devices, seconds a token, parameters) of every combination within limits."""
    for model, weights, cache, (name, owned), width, copies in product(
        CATALOG.models.values(), CATALOG.weight_formats.values(), CATALOG.cache_formats.values(),
        budget.devices.items(), WIDTHS, COPIES,
    ):  # fmt: skip
        card = CARDS[name]
        if width * copies > owned or width > card.node_devices:
            continue
        if any(block.attention.heads % width for block in model.blocks):
            continue
        deployment = Deployment(accelerator=card, tensor_parallel=width, replicas=copies)
        found = estimate(
            Scenario(
                model=model, weight_format=weights, cache_format=cache, deployment=deployment,
                workload=need.workload, engine=ENGINE,
            )
        )  # fmt: skip
        quality = CATALOG.quality.get(model.name, UNKNOWN) * CATALOG.kept.get((model.name, weights.name), UNKNOWN)
        usd = card.usd_per_hour * width * copies
        if (
            found.fits
            and (need.first_token_s == inf or found.first_token_s <= need.first_token_s)
            and (need.token_s == inf or found.token_s <= need.token_s)
            and (budget.usd_per_hour == inf or usd <= budget.usd_per_hour)
            and (need.quality == 0 or quality >= need.quality)
        ):
            yield (isnan(quality), quality, usd, width * copies, float(found.token_s), parameters(model))


def known(figure):
    return inf if isnan(figure) else figure


BEST = {
    "best quality": lambda un, quality, usd, devices, speed, size: (
        un, 0 if un else -quality, known(usd), devices, known(speed), -size
    ),
    "lowest cost": lambda un, quality, usd, devices, speed, size: (
        un, known(usd), devices, 0 if un else -quality, known(speed), -size
    ),
    "fastest answers": lambda un, quality, usd, devices, speed, size: (
        un, known(speed), 0 if un else -quality, known(usd), devices, -size
    ),
}  # fmt: skip


@pytest.mark.parametrize("budget", BUDGETS, ids=["owned", "rented", "few"])
@pytest.mark.parametrize("need", NEEDS, ids=["any", "chat", "quality", "impossible"])
def test_the_pick_for_each_goal_is_the_best_of_all_single_estimates(need, budget):
    rows = list(all_that_would_do(need, budget))
    for goal in GOALS:
        pick = recommend(replace(need, goal=goal), budget, CATALOG).pick
        if not rows:
            assert pick is None
            continue
        picked = (
            isnan(pick.quality), pick.quality, pick.usd_per_hour, pick.devices, float(pick.estimate.token_s),
            parameters(pick.scenario.model),
        )  # fmt: skip
        assert BEST[goal](*picked) == pytest.approx(min(BEST[goal](*row) for row in rows), rel=1e-9)


@pytest.mark.parametrize("budget", BUDGETS, ids=["owned", "rented", "few"])
@pytest.mark.parametrize("need", NEEDS, ids=["any", "chat", "quality", "impossible"])
def test_every_rejected_candidate_breaks_the_limits_it_names_and_every_ranked_one_none(need, budget):
    found = recommend(need, budget, CATALOG)
    assert len(found.ranked) + len(found.rejected) == 4 * 3 * 2
    assert not any(item.limits for item in found.ranked)
    for item in found.rejected:
        single = estimate(item.scenario)
        figures = {
            "memory": (single.used_bytes, single.capacity_bytes),
            "first token": (single.first_token_s, need.first_token_s),
            "time per token": (single.token_s, need.token_s),
            "price": (item.usd_per_hour, budget.usd_per_hour),
        }
        broken = [
            f"{name} unknown"
            if isnan(figure)
            else f"{name} {figure / limit:.1f} times the limit"
            if figure / limit >= 2
            else f"{name} {figure / limit - 1:.1%} over the limit"
            for name, (figure, limit) in figures.items()
            if limit < inf and not figure <= limit
        ]
        if isnan(item.quality) and need.quality:
            broken.append("score unknown")
        elif item.quality < need.quality:
            broken.append(f"score {item.quality:.1f} below {need.quality:g}")
        assert list(item.limits) == broken != []


@pytest.mark.parametrize("goal", GOALS)
def test_a_candidate_without_score_never_beats_one_with(goal):
    for need, budget in product(NEEDS, BUDGETS):
        scores = [isnan(item.quality) for item in recommend(replace(need, goal=goal), budget, CATALOG).ranked]
        assert scores == sorted(scores)


def test_candidates_carry_the_figures_of_their_own_scenario():
    for item in recommend(NEEDS[0], BUDGETS[0], CATALOG).ranked:
        assert item.estimate.token_s == pytest.approx(estimate(item.scenario).token_s, rel=1e-12, nan_ok=True)
        assert item.estimate.used_bytes == pytest.approx(estimate(item.scenario).used_bytes, rel=1e-12)


def test_what_is_considered_is_every_combination_within_what_is_owned():
    placements = {name: sum(w * c <= OWNED[name] and w <= CARDS[name].node_devices for w, c in product(WIDTHS, COPIES))
                  for name in OWNED}  # fmt: skip
    assert recommend(NEEDS[0], BUDGETS[0], CATALOG).considered == 4 * 3 * 2 * sum(placements.values())
    assert recommend(NEEDS[0], Budget(devices={}), CATALOG).considered == 0


def test_devices_share_whole_heads():
    seven = models()["Qwen2.5 7B"]  # 28 heads over 4 keys
    assert [divides(seven, width) for width in (1, 2, 4, 7, 8)] == [True, True, True, False, False]
    four = models()["Phi-4 14B"]  # 40 heads over 10 keys
    assert [divides(four, width) for width in (1, 2, 4, 5, 20)] == [True, True, False, True, True]


def test_an_unknown_goal_is_refused():
    with pytest.raises(ValueError, match="goal 'cheap' is not one of best quality, lowest cost, fastest answers"):
        recommend(replace(NEEDS[0], goal="cheap"), BUDGETS[0], CATALOG)


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
        assert (field in offered) == any(fits(replace(given, **{field: option})) for option in options)
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
    assert smallest_deployment(given, beyond=2).devices == 4
    assert smallest_deployment(scenario("Llama 3.1 405B", "FP32", "Qualcomm Snapdragon 8 Elite")) is None
