"""Many requests at once: nobody is served twice, nothing is gained by waiting, every what-if has its limit."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculators.estimate import Scenario, Workload, estimate, with_workload
from calculators.hardware import Deployment, Scheduler
from calculators.serving import Load, Served, largest_concurrency, mtp_draft_cost, running_requests, serve
from calculators.serving_memory import with_step
from presets import accelerators, cache_formats, engines, formats, models

H100 = accelerators()["NVIDIA H100 SXM5 80GB"]
SCENARIO = Scenario(
    model=models()["Llama 3.1 8B"], weight_format=formats()["FP8 per tensor"], cache_format=cache_formats()["BF16"],
    deployment=Deployment(accelerator=H100), workload=Workload(batch=32, prompt_tokens=2000, output_tokens=300),
    engine=engines()["vLLM"],
)  # fmt: skip


def any_of(mapping):
    return st.sampled_from(list(mapping.values()))


SCENARIOS = st.builds(
    Scenario, model=any_of(models()), weight_format=any_of(formats()), cache_format=any_of(cache_formats()),
    engine=any_of(engines()),
    deployment=st.builds(
        Deployment, accelerator=st.just(H100), tensor_parallel=st.sampled_from([1, 2, 8]),
        pipeline_parallel=st.sampled_from([1, 2]), replicas=st.sampled_from([1, 3]),
    ),
    workload=st.builds(
        Workload, batch=st.integers(1, 2000), prompt_tokens=st.integers(1, 50_000), output_tokens=st.integers(1, 5000)
    ),
)  # fmt: skip
LOADS = st.builds(
    Load, prefix_hits=st.floats(0, 1), draft_tokens=st.integers(0, 8), acceptance=st.floats(0, 1),
    draft_cost=st.floats(0, 0.5),
)  # fmt: skip


def with_scheduler(scenario, **changes):
    return replace(scenario, engine=replace(scenario.engine, scheduler=Scheduler(**changes)))


@given(scenario=SCENARIOS, load=LOADS)
@settings(max_examples=60, deadline=None)
def test_the_requests_in_flight_are_their_rate_times_their_time(scenario, load):
    found = serve(scenario, load)
    batch, output = scenario.workload.batch, scenario.workload.output_tokens
    np.testing.assert_allclose(found.requests_per_s * found.request_s, batch, rtol=1e-12)
    np.testing.assert_allclose(found.tokens_per_s, output * found.requests_per_s, rtol=1e-12)
    np.testing.assert_allclose(found.request_s, found.first_token_s + (output - 1) * found.token_s, rtol=1e-9)
    assert 1 <= found.running <= batch
    assert found.waiting_s >= 0 and found.first_token_s > found.waiting_s


@given(scenario=SCENARIOS, load=LOADS, batches=st.lists(st.integers(1, 4096), min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_sweep_over_concurrency_equals_its_single_servings(scenario, load, batches):
    sweep = serve(with_workload(scenario, batch=np.array(batches)), load)
    for index, batch in enumerate(batches):
        one = serve(with_workload(scenario, batch=batch), load)
        for figure in (field.name for field in fields(Served)):
            element = np.broadcast_to(getattr(sweep, figure), len(batches))[index]
            np.testing.assert_allclose(element, getattr(one, figure), rtol=1e-9, err_msg=figure)


@given(scenario=SCENARIOS, batches=st.lists(st.integers(1, 4096), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_an_estimate_that_is_known_changes_no_figure_of_those_served(scenario, batches):
    for each in (scenario, with_workload(scenario, batch=np.array(batches))):
        plain, known = serve(each), serve(each, figures=estimate(each))
        for figure in (field.name for field in fields(Served)):
            np.testing.assert_array_equal(getattr(known, figure), getattr(plain, figure), err_msg=figure)


@pytest.mark.parametrize("name", list(engines()))
def test_a_single_request_waits_for_nobody(name):
    alone = replace(with_workload(SCENARIO, batch=1), engine=engines()[name])
    found = serve(alone)
    assert found.running == 1
    assert found.waiting_s == 0
    assert found.token_s == found.step_s == estimate(alone).token_s
    assert found.first_token_s == pytest.approx(estimate(alone).first_token_s, rel=1e-9)


def test_in_a_prefill_first_server_every_other_prompt_stops_the_decoding_once():
    scenario = with_scheduler(SCENARIO, mixes=False)
    found = serve(scenario)
    assert found.token_s == pytest.approx(found.step_s + 31 * found.prefill_s / 300, rel=1e-12)


def test_prompts_that_come_in_a_burst_delay_first_tokens_in_place_of_later_ones():
    for mixes in (True, False):
        even, burst = (serve(with_scheduler(SCENARIO, mixes=mixes, burst=share)) for share in (0.0, 0.5))
        assert burst.first_token_s - even.first_token_s == pytest.approx(0.5 * 31 * even.prefill_s, rel=1e-9)
        assert burst.token_s - even.step_s == pytest.approx((even.token_s - even.step_s) / 2, rel=1e-9)


def test_a_chunk_in_a_decode_step_costs_less_than_a_pass_of_its_own():
    mixed, alone = (serve(with_scheduler(SCENARIO, mixes=mixes)) for mixes in (True, False))
    assert mixed.token_s < alone.token_s


def test_requests_beyond_what_runs_at_once_wait_for_their_turn():
    rule = with_step(SCENARIO.engine.memory, tokens=8192, sequences=16)
    few = replace(SCENARIO, engine=replace(SCENARIO.engine, memory=rule))
    found, sixteen = serve(few), serve(with_workload(few, batch=16))
    assert found.running == 16
    assert found.token_s == sixteen.token_s
    assert found.requests_per_s == pytest.approx(sixteen.requests_per_s, rel=1e-12)
    assert found.waiting_s == pytest.approx(sixteen.request_s, rel=1e-12)  # two turns of 16


def test_the_cache_bounds_what_runs():
    long = with_workload(SCENARIO, batch=1000, prompt_tokens=30_000)
    assert 1 < running_requests(long) < 30
    double = replace(long, cache_format=cache_formats()["FP8"])
    assert running_requests(double) == pytest.approx(2 * running_requests(long), abs=1)


@given(scenario=SCENARIOS, low=st.floats(0, 1), more=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_more_prefix_hits_are_never_slower(scenario, low, more):
    high = low + (1 - low) * more
    few, many = (serve(scenario, Load(prefix_hits=hits)) for hits in (low, high))
    assert many.prefill_s <= few.prefill_s * (1 + 1e-9)
    assert many.token_s <= few.token_s * (1 + 1e-9)


def test_acceptance_of_all_gives_a_token_more_than_is_drafted_and_of_none_one():
    assert Load(draft_tokens=4, acceptance=1.0).tokens_per_step == 5
    assert Load(draft_tokens=4, acceptance=0.0).tokens_per_step == 1
    assert Load(draft_tokens=2, acceptance=0.5).tokens_per_step == 1 + 0.5 + 0.25


def test_drafts_help_where_they_are_accepted_and_cost_where_not():
    one = with_workload(SCENARIO, batch=1)
    plain = serve(one)
    assert serve(one, Load(draft_tokens=4, acceptance=1.0)).token_s < plain.token_s / 4
    assert serve(one, Load(draft_tokens=4, acceptance=0.0, draft_cost=0.1)).token_s > 1.4 * plain.token_s
    assert serve(one, Load(acceptance=0.7)).token_s == plain.token_s  # nothing drafted


def test_checking_drafts_reads_the_cache_once():
    long = with_workload(SCENARIO, batch=8, prompt_tokens=100_000)
    assert serve(long, Load(draft_tokens=3)).step_s < 1.1 * serve(long).step_s


def test_an_own_draft_layer_costs_its_weights_and_the_heads():
    assert mtp_draft_cost(models()["Llama 3.1 8B"]) == 0
    assert 0.02 < mtp_draft_cost(models()["DeepSeek-V3 671B"]) < 0.08


def test_the_largest_concurrency_meets_its_targets_and_the_next_does_not():
    count = largest_concurrency(SCENARIO, token_s=0.02)
    at, beyond = (serve(with_workload(SCENARIO, batch=batch)) for batch in (count, count + 1))
    assert at.token_s <= 0.02 < beyond.token_s
    assert largest_concurrency(SCENARIO, token_s=1e-6) == 0
    assert largest_concurrency(SCENARIO, limit=7) == 7
