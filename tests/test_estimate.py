"""One formula for one scenario and for a sweep, and figures that follow from each other."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators import UNKNOWN
from calculators.estimate import COMPONENTS, Estimate, Scenario, Workload, estimate, fits, with_workload
from calculators.hardware import Accelerator, Deployment
from presets import accelerators, cache_formats, engines, formats, models

ENGINE = engines()["CUDA-graph decoder"]
H100 = accelerators()["NVIDIA H100 SXM5 80GB"]
SCENARIO = Scenario(
    model=models()["Llama 3.1 70B"], weight_format=formats()["FP8 per tensor"], cache_format=cache_formats()["FP8"],
    deployment=Deployment(accelerator=H100, tensor_parallel=4), workload=Workload(batch=16), engine=ENGINE,
)  # fmt: skip


def any_of(mapping):
    return st.sampled_from(list(mapping.values()))


CELLS = st.lists(
    st.fixed_dictionaries(
        {
            "card": any_of(accelerators()),
            "batch": st.integers(1, 4096),
            "prompt_tokens": st.integers(1, 200_000),
            "output_tokens": st.integers(1, 10_000),
            "prefix_hits": st.sampled_from([0.0, 0.5, 1.0]),
            "tensor_parallel": st.sampled_from([1, 2, 4, 8, 16]),
            "pipeline_parallel": st.sampled_from([1, 2, 5]),
            "replicas": st.sampled_from([1, 2, 3]),
        }
    ),
    min_size=1,
    max_size=6,
)
SCENARIOS = st.builds(
    Scenario, model=any_of(models()), weight_format=any_of(formats()), cache_format=any_of(cache_formats()),
    deployment=st.just(SCENARIO.deployment), workload=st.just(SCENARIO.workload), engine=any_of(engines()),
)  # fmt: skip


def placed(scenario, card, batch, prompt_tokens, output_tokens, prefix_hits, **counts):
    return replace(
        scenario,
        deployment=Deployment(accelerator=card, **counts),
        workload=Workload(
            batch=batch, prompt_tokens=prompt_tokens, output_tokens=output_tokens, prefix_hits=prefix_hits
        ),
    )


def joined(cards):
    """Many accelerators as one, whose figures are arrays."""
    kinds = {kind for card in cards for kind in card.peak_flops_per_s}
    figures = (
        "memory_bytes", "bandwidth_bytes_per_s", "link_bytes_per_s", "node_devices", "power_w", "usd_per_hour"
    )  # fmt: skip
    return Accelerator(
        name=np.array([card.name for card in cards]),
        peak_flops_per_s={
            kind: np.array([card.peak_flops_per_s.get(kind, UNKNOWN) for card in cards]) for kind in kinds
        },
        **{figure: np.array([getattr(card, figure) for card in cards], dtype=float) for figure in figures},
    )


@given(scenario=SCENARIOS, cells=CELLS)
@settings(max_examples=150, deadline=None)
def test_a_sweep_equals_its_single_estimates(scenario, cells):
    columns = {name: np.array([cell[name] for cell in cells]) for name in cells[0] if name != "card"}
    sweep = estimate(placed(scenario, joined([cell["card"] for cell in cells]), **columns))
    for index, cell in enumerate(cells):
        single, element = estimate(placed(scenario, **cell)), sweep.at(index)
        assert tuple(element.memory_bytes) == tuple(single.memory_bytes)
        for part, size in single.memory_bytes.items():
            np.testing.assert_allclose(element.memory_bytes[part], size, rtol=1e-12)
        for figure in (field.name for field in fields(Estimate) if field.name != "memory_bytes"):
            np.testing.assert_allclose(getattr(element, figure), getattr(single, figure), rtol=1e-10, err_msg=figure)


def test_a_sweep_over_two_axes_has_a_cell_for_each_pair():
    batches, prompts = np.array([[1], [8], [64]]), np.array([100, 1000])
    grid = estimate(with_workload(SCENARIO, batch=batches, prompt_tokens=prompts))
    assert grid.token_s.shape == grid.used_bytes.shape == grid.tokens_per_s.shape == (3, 2)
    for i, batch in enumerate((1, 8, 64)):
        for j, prompt in enumerate((100, 1000)):
            one = estimate(with_workload(SCENARIO, batch=batch, prompt_tokens=prompt))
            assert grid.tokens_per_s[i, j] == pytest.approx(one.tokens_per_s, rel=1e-12)


@given(scenario=SCENARIOS, cells=CELLS)
@settings(max_examples=100, deadline=None)
def test_memory_parts_add_up_and_decide_what_fits(scenario, cells):
    scenario = placed(scenario, **cells[0])
    found = estimate(scenario)
    assert set(found.memory_bytes) <= set(COMPONENTS)
    assert all(size >= 0 for size in found.memory_bytes.values())
    assert found.used_bytes == pytest.approx(sum(found.memory_bytes.values()), rel=1e-12)
    assert found.free_bytes == found.capacity_bytes - found.used_bytes
    assert found.fits == (found.free_bytes >= 0) == fits(scenario)


@given(scenario=SCENARIOS, cells=CELLS)
@settings(max_examples=100, deadline=None)
def test_times_tokens_energy_and_cost_follow_from_each_other(scenario, cells):
    scenario = placed(scenario, **cells[0])
    found, workload, deployment = estimate(scenario), scenario.workload, scenario.deployment
    for left, right in (
        (found.tokens_per_s * found.request_s, workload.batch * workload.output_tokens),
        (found.request_s, found.all_first_tokens_s + workload.output_tokens * found.token_s),
        (found.joules_per_token * found.tokens_per_s, deployment.devices * deployment.accelerator.power_w),
        (found.usd_per_token * found.tokens_per_s * 3600, deployment.devices * deployment.accelerator.usd_per_hour),
    ):
        if not np.isnan(left):
            np.testing.assert_allclose(left, right, rtol=1e-12)


def test_cost_and_energy_are_proportional_to_price_power_and_idle_devices():
    one = estimate(SCENARIO)
    card = replace(H100, usd_per_hour=3 * H100.usd_per_hour, power_w=2 * H100.power_w)
    dear = estimate(replace(SCENARIO, deployment=replace(SCENARIO.deployment, accelerator=card)))
    assert dear.usd_per_token == pytest.approx(3 * one.usd_per_token)
    assert dear.joules_per_token == pytest.approx(2 * one.joules_per_token)
    two = estimate(replace(SCENARIO, deployment=replace(SCENARIO.deployment, replicas=2)))
    alone = estimate(with_workload(SCENARIO, batch=8))
    assert two.token_s == alone.token_s
    assert two.tokens_per_s == pytest.approx(2 * alone.tokens_per_s)
    assert two.usd_per_token == pytest.approx(alone.usd_per_token)


def test_unknown_prices_powers_and_links_spread_and_touch_nothing_else():
    blank = replace(H100, usd_per_hour=UNKNOWN, power_w=UNKNOWN, link_bytes_per_s=UNKNOWN)
    one = replace(SCENARIO, model=models()["Llama 3.1 8B"], deployment=Deployment(accelerator=blank))
    found = estimate(one)
    assert found.fits and found.token_s > 0 and found.tokens_per_s > 0
    assert np.isnan(found.usd_per_token) and np.isnan(found.joules_per_token)
    two = estimate(replace(one, deployment=replace(one.deployment, tensor_parallel=2)))
    assert two.fits and np.isnan(two.token_s)


def test_requests_are_shared_evenly_and_rounded_up():
    def token_s(batch, replicas):
        deployment = replace(SCENARIO.deployment, replicas=replicas)
        return estimate(replace(with_workload(SCENARIO, batch=batch), deployment=deployment)).token_s

    assert token_s(9, 2) == token_s(10, 2) == token_s(5, 1)
    assert token_s(1, 8) == token_s(1, 1)


def test_what_a_sweep_does_not_move_stays_in_each_of_its_elements():
    sweep = estimate(with_workload(SCENARIO, batch=np.array([1, 2])))
    assert sweep.at(1).capacity_bytes == sweep.capacity_bytes == H100.memory_bytes
    assert sweep.at(1).memory_bytes["mlp"] == sweep.memory_bytes["mlp"]
    assert sweep.at(0).used_bytes < sweep.at(1).used_bytes


def test_of_a_prompt_in_the_prefix_cache_only_the_rest_is_read_and_all_of_it_is_held():
    asked = with_workload(SCENARIO, prompt_tokens=64_000)
    cold, warm = estimate(asked), estimate(with_workload(asked, prefix_hits=0.75))
    rest = estimate(with_workload(asked, prompt_tokens=16_000))
    assert rest.first_token_s < warm.first_token_s < cold.first_token_s  # the rest attends to what is cached
    assert warm.memory_bytes == cold.memory_bytes and warm.token_s == cold.token_s
    assert warm.request_s < cold.request_s
    whole = with_workload(asked, prefix_hits=1.0)  # the last token is always read: the answer follows from it
    assert (whole.workload.cached_tokens, whole.workload.read_tokens) == (63_999, 1)
