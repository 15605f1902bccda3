"""The Training page: what it shows is what the calculators say, at every end of its inputs."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from calculators.architecture import parameters
from calculators.run import model_flops
from calculators.scaling import compute_optimal_tokens
from calculators.training import trainable_parameters
from calculators.training_memory import training_memory
from calculators.training_step import training_step_s
from pages.ui.charts.drawing import HATCHES, PLACES
from pages.ui.explain.wording import power_of_ten, show_bytes, show_count
from pages.ui.links.fields import FIELDS
from pages.ui.links.query import from_query
from pages.ui.links.values import VIEWS
from pages.ui.training import answer, costs, divided, planning, saving, smaller
from pages.ui.training.divided import NAMES
from pages.ui.training.words import show_money, show_time
from presets.catalog import accelerators
from presets.runs import expected, published_runs
from presets.scaling import main_law
from presets.smaller import distilled_cases, growing_shapes, grown_cases, pruned_cases
from tests.test_pages import app, array, charts, shared

PAGE = "pages/training.py"
OWN = [name for name, field in FIELDS.items() if "training" in field.pages]
QUERIES = (
    "",
    "model=Llama+3.1+70B&device=NVIDIA+GeForce+RTX+4090&tune=QLoRA",
    "model=DeepSeek-V3+671B&gbs=16M&text=1T",
    "model=Llama+3.2+1B&device=NVIDIA+T4&types=FP32&grid=Sweden",
    "tune=Head+only&optim=Muon&cluster=16&attn=eager&remat=selective",
    "tune=Adapters&types=FP8+with+FP32+masters&device=NVIDIA+A100+SXM4+80GB&host=optimizer",
)
UNFIT = (
    "model=DeepSeek-V3+671B&device=NVIDIA+T4&cluster=8",
    "cluster=1",
    "zero=3&tpp=4",
    "model=Llama+3.1+405B&device=Qualcomm+Snapdragon+8+Gen+3&seq=128k",
)


def page(query: str):
    return app(query, PAGE)


def text(at) -> str:
    return "\n".join(element.value for element in (*at.main.markdown, *at.caption, *at.info)).replace("\\", "")


@pytest.mark.parametrize("query", QUERIES)
def test_the_strip_and_the_answer_show_the_plans_figures(query):
    at, chosen = page(query), from_query(query)[0]
    found = planning.find(chosen)
    assert found.plan is not None
    step, taken = found.plan.training, planning.outcome(chosen, found.plan)
    held = {name: float(size) for name, size in training_memory(step).items()}
    where = planning.cluster(chosen)
    at_best = training_step_s(step, where.accelerator, where.engine, network_bytes_per_s=where.network_bytes_per_s)
    assert found.plan.step_s == pytest.approx(at_best)
    count = trainable_parameters(step.model, step.method)
    assert [metric.value for metric in at.metric][:5] == [
        show_count(count), show_bytes(sum(held.values())), f"{step.devices:,}", show_time(taken.seconds[1]),
        show_money(taken.usd[1]),
    ]  # fmt: skip
    assert (taken.seconds[:-1] <= taken.seconds[1:]).all() or np.isnan(taken.seconds).all()
    answer = at.main.markdown[0].value
    assert step.model.name in answer and show_bytes(sum(held.values())) in answer
    (bars,) = charts(at)
    assert sum(array(trace["x"])[-1] for trace in bars["data"]) == pytest.approx(sum(held.values()) / 2**30)
    names = {trace["name"]: array(trace["x"])[-1] for trace in bars["data"]}
    assert all(names[NAMES[part]] == pytest.approx(size / 2**30) for part, size in held.items() if size)


@pytest.mark.parametrize("query", UNFIT)
@pytest.mark.parametrize("view", VIEWS)
def test_where_nothing_fits_every_view_says_so_and_what_would(query, view):
    at = page(f"{query}&view={view}")
    chosen = from_query(query)[0]
    assert planning.find(chosen).plan is None
    answer = at.main.markdown[0].value
    assert "does not fit" in answer or "cannot be divided" in answer
    assert at.metric[2].value == "none fit" and at.metric[3].value == "unknown"
    charts(at)


@pytest.mark.parametrize("view", VIEWS)
def test_every_input_at_its_ends_gives_a_page(view):
    at = page(f"view={view}")
    for name in (name for name in OWN if name != "view"):
        field = FIELDS[name]
        for end in (field.options[0], field.options[-1]):
            at.session_state[name] = end
            at.run()
            assert not at.exception and not at.warning, (name, end)
            assert "nan" not in text(at).lower().split(), (name, end)
        at.session_state[name] = field.default


@pytest.mark.parametrize("end", [0, -1])
def test_all_inputs_at_the_same_end_give_a_page(end):
    ends = [(name, FIELDS[name].label(FIELDS[name].options[end]).replace(" ", "+")) for name in OWN]
    assert not page("&".join(f"{name}={value}" for name, value in ends)).warning


@pytest.mark.parametrize(
    ("query", "run"),
    [
        ("model=Llama+3.1+405B&cluster=16384&gbs=16M&seq=8k", "Llama 3.1 405B"),
        (
            "model=DeepSeek-V3+671B&device=NVIDIA+H800+SXM5&cluster=2048&gbs=16M&types=FP8+with+FP32+masters",
            "DeepSeek-V3",
        ),
        ("model=GPT-3+175B&device=NVIDIA+A100+SXM4+80GB&cluster=1024&gbs=4M&seq=2k", None),
        ("model=Llama+2+70B&device=NVIDIA+A100+SXM4+80GB&cluster=2048&gbs=4M", "Llama 2 70B"),
        ("model=BLOOM+176B&device=NVIDIA+A100+SXM4+80GB&cluster=384&gbs=4M&seq=2k", "BLOOM 176B"),
    ],
)
def test_the_range_of_a_published_training_holds_its_device_hours(query, run):
    chosen = from_query(query)[0]
    published = published_runs().get(run)
    chosen = replace(chosen, text=published.tokens if published else 300e9)
    hours = planning.outcome(chosen, planning.find(chosen).plan).hours
    # GPT-3's shape on 300B tokens: 34 days of 1,024 A100, Narayanan et al. 2021, arXiv:2104.04473, section 5.1
    assert hours[0] <= (published.device_hours if published else 34 * 24 * 1024) <= hours[2]


def test_within_a_host_the_plans_steps_bound_the_range():
    chosen = from_query("")[0]
    taken = planning.outcome(chosen, planning.find(chosen).plan)
    assert taken.seconds[0] >= taken.best_s


def test_the_view_over_clusters_draws_the_outcome_of_each_plan():
    at, chosen = page("view=Cost&grid=Sweden"), from_query("view=Cost&grid=Sweden")[0]
    hours, rent = charts(at)
    counts = [plan.devices for plan in planning.larger(chosen)]
    taken = [planning.outcome(chosen, plan) for plan in planning.larger(chosen)]
    assert array(hours["data"][1]["x"]).tolist() == counts
    np.testing.assert_allclose(array(hours["data"][1]["y"]) * 3600, [each.seconds[1] for each in taken])
    np.testing.assert_allclose(array(rent["data"][1]["y"]), [each.usd[1] for each in taken])
    here = planning.outcome(chosen, planning.find(chosen).plan)
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["Device-hours"] == show_count(here.hours[1])
    assert shown["Owned"] == show_money(here.owned_usd[1])
    assert here.tonnes[1] == pytest.approx(here.joules[1] / 3.6e6 * 40.695 / 1e6)
    assert "40.7 g a kWh in Sweden" in text(at)


def test_the_waterfall_ends_where_its_steps_lead_and_the_claims_stand_beside():
    at, chosen = page("view=Savings"), from_query("")[0]
    (bars,) = charts(at)
    steps = planning.techniques(chosen)
    (trace,) = bars["data"]
    low, wide = array(trace["base"]), array(trace["x"])
    assert wide[0] == pytest.approx(steps[0][1] / 2**30)
    assert wide[-1] == pytest.approx(steps[-1][1] / 2**30)
    for place, ((_, before), (_, after)) in enumerate(pairwise(steps), 1):
        assert low[place] == pytest.approx(min(before, after) / 2**30)
        assert wide[place] == pytest.approx(abs(before - after) / 2**30)
    table, claims = (frame.value for frame in at.dataframe)
    assert list(table["Technique"]) == [name for name, _ in steps[1:]]
    assert [bool(text) for text in table["An article claims"]] == [place in (0, 1, 4) for place in range(len(table))]
    assert table["An article claims"][0].startswith("40 %")
    assert len(claims) == len(saving.claimed("Savings")) == 7


def test_the_smaller_model_is_a_model_like_any_other_and_the_cases_have_addresses():
    at, chosen = page("view=Smaller&keep=0.25"), from_query("view=Smaller&keep=0.25")[0]
    model = planning.training(chosen).model
    student = smaller.made(model, chosen)
    assert student.layers == 8
    table, stages, example, cases, _ = (frame.value for frame in at.dataframe)
    assert list(example["Stage"])[:3] == list(growing_shapes())
    assert list(table["Parameters"]) == [show_count(parameters(model)), show_count(parameters(student))]
    assert list(stages["Parameters"])[-1] == show_count(parameters(model))
    assert len(cases) == len(pruned_cases()) + len(distilled_cases()) + len(grown_cases()) == 12
    assert cases["Source"].str.len().gt(0).all()
    assert cases["Address"].str.startswith("https://").sum() >= 10


def test_the_articles_example_of_growth_is_computed_from_published_shapes():
    chosen = from_query("hired=4")[0]
    shapes = list(growing_shapes().values())
    last = 44 * (12 * 6144**2 + 13 * 6144) + (50_272 + 2050 + 2) * 6144  # matrices, biases and norms; tables, last norm
    assert [parameters(shape) for shape in shapes] == [1_315_758_080, 6_658_473_984, last]  # both of OPT as published
    whole = float(compute_optimal_tokens(main_law(), parameters(shapes[-1])))
    direct = float(model_flops(shapes[-1], whole, 2048))
    grown = sum(float(model_flops(shape, whole / 3, 2048)) for shape in shapes)
    said, rows = smaller.example(chosen)
    assert f"{1 - grown / direct:.0%} fewer FLOPs" in said and f"less than {direct / grown:.1f} times" in said
    assert list(rows["FLOPs"])[-2:] == [power_of_ten(grown), power_of_ten(direct)]
    share = expected(chosen.device, "bf16", parameters(shapes[-1])).expectation.mid
    hours = direct / (accelerators()[chosen.device].peak("bf16") * share * 3600)
    assert rows["Device-hours"].iloc[-1] == show_count(hours)
    assert rows["Rent"].iloc[-1] == show_money(4 * hours)


def test_an_unknown_price_or_peak_stays_unknown_in_the_example_of_growth():
    _, rows = smaller.example(from_query("device=Qualcomm+Snapdragon+8+Gen+3")[0])
    assert set(rows["Device-hours"]) == set(rows["Rent"]) == {"unknown"}
    _, rows = smaller.example(from_query("device=Qualcomm+Snapdragon+8+Gen+3&hired=4")[0])
    assert set(rows["Rent"]) == {"unknown"}


@pytest.mark.parametrize(("query", "alone"), [("", False), ("types=BF16&attn=eager", True)])
def test_claimed_savings_stand_beside_the_reading_under_which_they_hold(query, alone):
    chosen = from_query(query)[0]
    said, table = saving.savings_words(chosen), saving.savings_table(chosen)
    mixed, again = (finding for finding in saving.claimed("Savings") if finding.claim.printed in ("40 %", "65 %"))
    assert f"activations of {0.4 / mixed.readings[0].high:.0%} of the memory" in said
    assert all(f"{reading.low:.0%}" in said for reading in again.readings)
    assert all(f"**{share}**" in said for share in table["Of what was left"][:2])
    assert ("with no 32-bit copy" in said) is alone is ("its matrix of scores" in said)


def test_more_devices_than_a_step_has_sequences_is_not_called_a_lack_of_memory():
    chosen = from_query("model=GPT-2+355M&cluster=24576")[0]
    found = planning.find(chosen)
    said = answer.answer(chosen, found, None)
    assert "a step has 256 sequences" in said and "does not fit" not in said
    assert found.smallest.devices == 1 and "The fewest devices that hold it are **1**" in said
    assert "leanest" not in str(divided.memory_chart(chosen, found)["layout"]["title"])


def test_where_stated_choices_stand_in_the_way_leaving_them_to_the_search_is_offered():
    chosen = from_query("mb=32&remat=none&zero=0&ttp=1&tpp=1")[0]
    found = planning.find(chosen)
    assert found.smallest is None
    said = answer.binding(chosen, found)
    free = planning.find(from_query("")[0]).plan.devices
    assert f"It would fit with **the plan's choices left to the search** ({free} × H100 SXM5 80GB)" in said
    assert "left to the search" not in answer.binding(from_query("")[0], planning.find(from_query("")[0]))


def test_what_owning_is_reckoned_with_is_called_assumed():
    words = costs.owning_words(from_query("")[0])
    assert "Assumed" in words and "4 years" in words and "50% of them" in words and "$0.08 a kWh" in words


def test_moving_tokens_places_or_prices_searches_nothing_again():
    at = page("model=Llama+3.2+3B")
    searched = planning._found.cache_info().misses
    before = [metric.value for metric in at.metric]
    at.main.select_slider(key="text").set_value(10**10).run()
    at.main.selectbox(key="grid").set_value("France").run()
    assert not at.exception
    after = [metric.value for metric in at.metric]
    assert after[:3] == before[:3] and after[3:] != before[3:]
    assert planning._found.cache_info().misses == searched


def test_the_link_of_the_page_carries_every_setting():
    query = "tune=QLoRA&rank=64&types=BF16&optim=AdamW+8-bit&seq=8k&gbs=512k&text=10B&cluster=4&grid=France&view=Cost"
    link = shared(page(query))
    wanted, given = from_query(query)[0], from_query(link)[0]
    assert all(getattr(given, name) == getattr(wanted, name) for name in OWN)


def test_each_figure_opens_to_its_working_with_a_source():
    at = page("")
    at.session_state.worked_out = True
    at.session_state.training_parts = True
    at.run()
    workings = [tab.markdown[0].value for tab in at.tabs]
    assert len(workings) == len(at.metric) == 5
    assert sum("Source" in words for words in workings) >= 3
    parts, plans = (frame.value for frame in at.dataframe)
    assert parts["At best"].iloc[-1] == show_time(planning.find(from_query("")[0]).plan.step_s)
    assert plans["Devices"].iloc[0] == "2"


def test_every_component_has_a_name_and_its_own_mark():
    parts = list(training_memory(planning.training(from_query("")[0])))
    assert all(part in NAMES for part in parts)
    marks = [(PLACES[part], HATCHES.get(part, "")) for part in parts]
    assert len(set(marks)) == len(marks)
