"""The Recommend page: a job fills the limits, a budget is what one has or would pay, a pick becomes the scenario."""

from dataclasses import replace
from math import inf
from urllib.parse import parse_qs, quote_plus

import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.testing.v1 import AppTest

from calculators.architecture import parameters
from calculators.estimate import estimate
from calculators.recommend import GOALS, choose, obstacles
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.links.asked import LENGTHS
from pages.ui.links.fields import FIELDS, Inputs
from pages.ui.links.query import from_query, to_query
from pages.ui.links.values import ANY_KIND, ANY_PROVIDER, ANY_REGION, FAMILIES, HELD, OWN_LOAD, SOURCES
from pages.ui.recommend import doubts, jobs, needs, racks, stock, surveys, weighed
from presets.catalog import accelerator_facts, accelerators
from presets.intervals import intervals
from presets.quality import benchmarks, quality
from presets.rents import cheapest, offers, providers, quoted, regions
from presets.scenarios import scenarios

PAGE = "pages/recommend.py"
L40S = {"device": "NVIDIA L40S", "count": 1}
H100 = "NVIDIA H100 SXM5 80GB"


def asking(job, **stated):
    return Inputs(**{"job": job, **jobs.asked(job), **stated})


def recommended(chosen):
    return choose(surveys.surveyed(chosen), needs.need(chosen), needs.budget(chosen))


def app(chosen=None):
    at = AppTest.from_file("../app.py", default_timeout=60)
    for name, texts in parse_qs(to_query(chosen, "recommend") if chosen else "", keep_blank_values=True).items():
        at.query_params[name] = texts[0]
    at.run()
    at.switch_page(PAGE).run()
    assert not at.exception, at.exception
    return at


def button(at, label):
    return next(each for each in at.button if each.label == label)


@pytest.mark.parametrize("name", scenarios())
def test_a_job_fills_every_input_with_its_figures(name):
    job, filled = scenarios()[name], jobs.asked(name)
    figures = {
        "prompt": job.prompt_tokens, "output": job.output_tokens, "batch": job.requests, "rate": job.requests_per_s,
        "wait": job.first_token_s * 1e3, "step": job.token_s * 1e3, "reads": job.context_tokens, "score": job.score,
        "watts": job.power_w,
    }  # fmt: skip
    for field, figure in figures.items():
        assert filled[field] == pytest.approx(figure, rel=0.05), field  # the nearest step of the slider
        assert filled[field] in FIELDS[field].options
    assert filled["bench"] == job.benchmark
    assert filled["where"].split(", ") == list(job.kinds) and filled["where"] in FIELDS["where"].options
    assert set(filled) == set(jobs.FILLED) == set(jobs.asked(OWN_LOAD)) | set(LENGTHS)


def test_choosing_a_job_fills_the_page_touching_a_field_changes_it_and_there_is_a_way_back():
    at = app()
    at.selectbox(key="job").select("Retrieval over documents").run()
    for field, value in jobs.asked("Retrieval over documents").items():
        assert at.session_state[field] == value
    at.select_slider(key="score").set_value(60).run()
    assert any("**Retrieval over documents, changed**: score 60." in each.value for each in at.caption)
    button(at, "Back to Retrieval over documents").click().run()
    assert at.session_state.score == 75
    assert not any("changed**" in each.value for each in at.caption)
    at.selectbox(key="job").select(OWN_LOAD).run()
    assert (at.session_state.score, at.session_state.reads, at.session_state.bench) == (0, 0, "MMLU")
    assert at.session_state.prompt == 10_000  # the load stays as it is
    assert not at.exception


def test_a_job_for_a_phone_looks_at_phones_and_says_what_stands_in_the_way():
    at = app()
    at.selectbox(key="job").select("Speech on a phone").run()
    assert at.session_state.have == SOURCES[4]
    first, reasons = (each.value for each in at.main.markdown[:2])
    assert first.startswith("**Nothing is known to do** for 1 request at once: in the way stand ")
    assert "the power of the devices (at most 0.5 W)" in first and "Snapdragon" in reasons
    assert "The article's scale** is 0.5B to 1B" in reasons


def test_what_one_has_is_any_mix_of_kinds_and_counts():
    chosen = Inputs(device="NVIDIA L40S", count=3, also="NVIDIA A10", alsocount=5, third="NVIDIA L40S", thirdcount=2)
    assert needs.budget(chosen).devices == {"NVIDIA L40S": 5, "NVIDIA A10": 5}


def test_money_is_by_the_hour_by_the_month_or_to_buy():
    assert needs.budget(Inputs(have=SOURCES[1], spend=20)).hourly_usd == 20
    assert needs.budget(Inputs(have=SOURCES[3], monthly=2000)).hourly_usd == 2000 / 730
    bought = needs.budget(Inputs(have=SOURCES[2], capital=5000))
    assert bought.usd_to_buy == 5000 and bought.hourly_usd == inf


def test_devices_are_of_the_kinds_and_the_prices_of_the_provider_and_region_asked_for():
    kinds = {facts.kind for facts in accelerator_facts().values()}
    for kind in kinds:
        devices = needs.budget(Inputs(have=SOURCES[4], where=kind)).devices
        assert {accelerator_facts()[name].kind for name in devices} == {kind}
    assert set(needs.budget(Inputs(have=SOURCES[4], where=ANY_KIND)).devices) == set(accelerators())
    chosen = Inputs(have=SOURCES[1], provider="GCP", region="us-central1")
    offers = cheapest("GCP", "us-central1")
    assert set(needs.budget(chosen).devices) == set(offers)
    for name, offer in offers.items():
        assert stock.rents("GCP", "us-central1")[name].usd_per_hour == offer.usd_per_device_hour
    said = jobs.price_list(chosen, None)
    assert all(day in said for day in quoted("GCP", "us-central1")) and "of GCP in us-central1" in said


def test_a_provider_and_a_region_count_only_where_devices_are_rented():
    for have in SOURCES:
        chosen = Inputs(have=have, provider="GCP", region="us-central1")
        rented = have in (SOURCES[1], SOURCES[3])
        cards = stock.rents(*stock.market(chosen))
        assert (cards == accelerators()) is not rented
        assert ("of GCP" in jobs.price_list(chosen, None)) is rented
    nobody = Inputs(have=SOURCES[1], provider="AWS", region="eu-north1")
    assert needs.budget(nobody).devices == {}
    assert jobs.price_list(nobody, None) == "No rent on demand of AWS in eu-north1 is at hand."


@pytest.mark.parametrize("region", regions())
def test_the_days_told_of_a_region_are_those_of_its_prices(region):
    days = sorted({offer.quoted for offer in offers() if (offer.region, offer.pricing) == (region, "on-demand")})
    said = jobs.price_list(Inputs(have=SOURCES[1], region=region), None)
    assert f"in {region}, the list's oldest of {days[0]}, its newest of {days[-1]}." in said


def test_a_rack_holds_whole_servers_and_says_which():
    chosen = Inputs(device=H100, count=16, units=8, wall=11_000, family=FAMILIES[0], batch=1, wait=inf, step=inf)
    assert (needs.budget(chosen).rack_units, needs.budget(chosen).server_power_w) == (8, 11_000)
    found = recommended(chosen)
    assert found.pick.devices <= 8
    said = racks.stands_in(found.pick)
    assert said.startswith("Stands in 1 × NVIDIA DGX H100 (8 devices each): 8 rack units, at most 10.2 kW from the ")
    assert "dgxh100-user-guide" in said and racks.unknown(found) == ""
    none = recommended(replace(chosen, units=6))
    assert none.pick is None
    words = jobs.said(none, None)
    assert words[0].endswith("in the way stands the room in the rack (at most 6 rack units).")
    assert "rack units 33.3% over the limit" in words[1]


def test_what_nobody_published_of_a_rack_is_said_to_be_unknown():
    chosen = Inputs(device="NVIDIA GeForce RTX 4090", count=2, also="NVIDIA L4", alsocount=2, units=8, batch=1)
    found = recommended(chosen)
    assert found.pick.scenario.deployment.accelerator.name == "NVIDIA L4"
    assert racks.unknown(found) == "Unknown, and so within no limit: the rack units of 1 of 2 kinds of devices."
    assert "4 rack units, power from the wall unknown." in racks.stands_in(found.pick)
    free = recommended(replace(chosen, units=inf, also="nothing else"))
    assert racks.unknown(free) == ""
    assert racks.stands_in(free.pick).startswith("In which server RTX 4090 comes is not known here: rack units and ")


def test_a_prices_day_is_told_of_the_device_that_is_picked():
    chosen = asking("Customer service", have=SOURCES[3], monthly=2000, provider="Nebius", goal=GOALS[1])
    found = recommended(chosen)
    card = found.pick.scenario.deployment.accelerator.name
    offer = cheapest("Nebius")[card]
    assert f"Nebius, {offer.region or 'region not stated'}, {offer.quoted}" in jobs.price_list(chosen, found.pick)
    assert found.pick.usd_per_hour <= 2000 / 730


def test_a_provider_or_region_never_makes_the_same_devices_cheaper():
    any_of_them = stock.rents(ANY_PROVIDER, ANY_REGION)
    for provider, region in ((name, ANY_REGION) for name in providers()):
        for name, card in stock.rents(provider, region).items():
            assert not card.usd_per_hour < any_of_them[name].usd_per_hour
    for region in regions():
        for name, card in stock.rents(ANY_PROVIDER, region).items():
            assert not card.usd_per_hour < any_of_them[name].usd_per_hour


def test_what_is_bought_is_shown_at_its_price():
    found = recommended(Inputs(have=SOURCES[2], capital=500_000, batch=1))
    table = weighed.candidates(found, found.ranked.models[:5])
    assert "Price" in table and not {"$ an hour", "1M output tokens"} & set(table)
    assert list(table["Price"]) == [wording.show_usd(item.usd_to_buy) for item in found.ranked.models[:5]]
    assert "unknown" not in set(table["Price"])
    sold = [name for name, facts in accelerator_facts().items() if facts.list_price_usd > 0]
    said = jobs.price_list(Inputs(have=SOURCES[2]), found.pick)
    assert "alone, without their part of a server" in said
    assert f"{len(sold)} of {len(accelerators())} devices have one" in said
    assert {"NVIDIA H200 SXM", "NVIDIA B200 SXM (HGX/DGX)", "NVIDIA A100 SXM4 80GB"} <= set(sold)


def test_moving_a_limit_the_goal_or_the_benchmark_surveys_nothing_anew():
    chosen = asking("Code generation", **L40S)
    kept = surveys.surveyor(chosen)
    for change in (
        {"wait": 300}, {"step": 100}, {"score": 0}, {"goal": GOALS[1]}, {"bench": "GSM8K"}, {"reads": 32_768},
        {"models": HELD[2], "least": 10e9},
        {"watts": 300}, {"most": 4}, {"units": 8}, {"wall": 5000},
    ):  # fmt: skip
        assert surveys.surveyor(replace(chosen, **change)) is kept
    arrives = surveys.surveyor(replace(chosen, rate=5.0))
    assert arrives is not kept and surveys.surveyor(replace(chosen, rate=50.0)) is arrives


def test_what_is_kept_of_surveys_is_bounded_in_number_and_in_bytes(monkeypatch):
    hosts = [Inputs(device=name, count=1) for name in ("NVIDIA L40S", H100, "NVIDIA H200 SXM")]
    monkeypatch.setattr(surveys, "_kept", {})
    for host in hosts:
        surveys.surveyed(host)
    first, *others = (surveys.surveyor(host) for host in hosts)
    assert [*surveys._kept.values()] == [first, *others] and first.bytes > 1e5
    monkeypatch.setattr(surveys, "MOST_BYTES", sum(each.bytes for each in others))
    assert [surveys.surveyor(host) for host in hosts[1:]] == others
    assert [*surveys._kept.values()] == others  # the one that was not asked for the longest is gone
    monkeypatch.setattr(surveys, "MOST", 1)
    assert surveys.surveyor(hosts[1]) is others[0]
    assert [*surveys._kept.values()] == [others[0]]


def test_two_visitors_with_the_same_devices_and_other_loads_keep_each_their_survey():
    one, other = (Inputs(**L40S, prompt=prompt) for prompt in (1024, 2048))
    kept = [surveys.surveyor(chosen) for chosen in (one, other)]
    assert [surveys.surveyor(chosen) for chosen in (one, other)] == kept


@pytest.mark.parametrize("benchmark", benchmarks())
def test_scores_are_of_the_benchmark_asked_for(benchmark):
    found = recommended(Inputs(**L40S, bench=benchmark, family=FAMILIES[0], batch=1))
    assert found.found.catalog.quality == {name: score.value for name, score in quality(benchmark).items()}
    assert found.need.benchmark == benchmark
    assert benchmark in jobs.said(found, None)[0] or not found.pick.quality > 0


def test_each_obstacle_given_up_lets_something_do_and_says_what_it_breaks():
    found = recommended(asking("Classification at volume", device="NVIDIA GeForce RTX 4090", count=1))
    ways = obstacles(found)
    assert {way.limits for way in ways} == {("score",), ("requests a second",)}
    for way in ways:
        assert way.candidate.limits and way.candidate.overrun > 1
    words = jobs.said(found, None)
    assert words[0].startswith("**Nothing would do** for 100 requests a second: any one of these")
    assert len(words) == 3 and words[1].startswith("**The ")


@pytest.mark.parametrize(
    ("job", "stated", "words"),
    [
        (
            "Multimodal",
            {"device": "NVIDIA H200 SXM", "count": 1, "models": "by size", "least": 60e9},
            "; the numbers agree: ",
        ),
        ("Code generation", {"device": "NVIDIA L40S", "count": 2}, "Of that scale "),
        ("Customer service", {"device": "NVIDIA T4", "count": 1, "score": 0}, "would do for one alone, but in flight "),
    ],
)
def test_the_articles_scale_stands_beside_what_the_numbers_say(job, stated, words):
    told = jobs.said(recommended(asking(job, **stated)), scenarios()[job])[-1]
    assert told.startswith("**The article's scale** is ") and words in told


def test_the_pick_becomes_the_scenario_of_every_page():
    at = app(asking("Retrieval over documents", **L40S))
    answer = at.main.markdown[0].value
    button(at, "Use this one").click().run()
    assert at.main.markdown[0].value == answer and button(at, "In use on every page").disabled
    used = {name: at.session_state[name] for name in ("model", "weights", "device", "tp", "pp", "copies", "engine")}
    assert used["device"] == "NVIDIA L40S" and used["model"] in answer and used["weights"] in answer
    for page in ("pages/take.py", "pages/spend.py", "pages/memory.py"):
        at.switch_page(page).run()
        assert not at.exception
        assert used["model"] in at.main.markdown[0].value
        assert any("**fits**" in each.value for each in at.main.markdown)
    at.switch_page(PAGE).run()
    assert at.main.markdown[0].value == answer


def test_a_pick_on_the_second_kind_of_device_trades_places_with_the_first():
    chosen = asking(
        "Retrieval over documents", device="NVIDIA T4", count=3, also="NVIDIA L40S", alsocount=2, goal=GOALS[2]
    )  # fmt: skip
    found = recommended(chosen)
    taken = jobs.taken(chosen, found.pick)
    assert found.pick.scenario.deployment.accelerator.name == taken.device == "NVIDIA L40S"
    assert needs.budget(taken).devices == needs.budget(chosen).devices


def test_of_an_agents_prompt_the_cached_share_is_held_and_not_read_again():
    chosen = asking("Agent with long context", device="NVIDIA H200 SXM", count=8)
    assert chosen.hits == 0.85
    warm, cold = recommended(chosen).pick, recommended(replace(chosen, hits=0.0)).pick
    again = estimate(replace(warm.scenario, workload=replace(warm.scenario.workload, prefix_hits=0.0)))
    assert warm.estimate.first_token_s < again.first_token_s / 3
    assert warm.estimate.used_bytes == again.used_bytes and warm.devices <= cold.devices
    assert "where 85" in jobs.said(recommended(chosen), None)[0]


@pytest.mark.parametrize(
    "stated", [{"job": "Retrieval over documents", "wait": 300}, {"job": "Code generation", "score": 0, "wait": 400}]
)
def test_a_near_miss_may_hold_where_every_interval_reaches_within_its_limit(stated):
    found = recommended(asking(**L40S, **stated))
    near, told = found.near_misses[:40], set()
    for item in near:
        spans, need, figures = intervals(item.scenario, item.estimate), found.need, item.estimate
        ends = {
            "first token": spans.first_token.span.of(float(figures.first_token_s))[0] / need.first_token_s,
            "time per token": spans.token.span.of(float(figures.token_s))[0] / need.token_s,
        }
        if item.broken.keys() <= ends.keys():
            told.add(doubts.may_hold(found, item))
            assert doubts.may_hold(found, item) == all(ends[name] <= 1 for name in item.broken)
    assert told
    shown = weighed.near_misses(found)
    assert set(shown["May hold"]) <= {"yes", "no"} and shown["Would do with"].all()


def test_the_fronts_members_say_which_limits_are_uncertain():
    found = recommended(asking("Code generation", device="NVIDIA L40S", count=2))
    for point, item in zip(weighed.front_points(found), found.front, strict=True):
        assert point[-1] == ", ".join(doubts.doubts(found, item))
    assert any(point[-1] for point in weighed.front_points(found))


@pytest.mark.parametrize(
    ("job", "stated"),
    [("Code generation", {}), ("Retrieval over documents", {"rate": 0.5}), ("Customer service", {"score": 62})],
)
def test_names_alone_are_those_of_the_doubts_in_words(job, stated):
    found = recommended(asking(job, **L40S, **stated))
    said = {}
    for item in (*found.ranked.models[:20], *found.near_misses[:20]):
        told = said[", ".join(doubts.doubts(found, item))] = list(doubts.doubts(found, item))
        assert doubts.uncertain_limits(found, item) == told
        assert doubts.certain(found, item) == (not told)
        assert doubts.may_hold(found, item) == (item.broken.keys() <= set(told))
    assert len(said) > 1


@pytest.mark.parametrize(("goal", "words"), [(GOALS[2], " an answer, "), (GOALS[3], " a million tokens")])
def test_the_answer_says_what_it_is_best_in(goal, words):
    first, why_scale, *_ = jobs.said(recommended(asking("Retrieval over documents", **L40S, goal=goal)), None)
    assert f"the {goal.split()[0]}" in first and words in first and why_scale.startswith("**Why this scale.**")


def back_to(at, query, monkeypatch):
    """A run as the browser's Back brings it: another address, whatever the session has.

    The first run is that of the page without app.py, the second that of app.py; a third is an ordinary one.
    """
    at.query_params.clear()
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        at.query_params[name] = texts[0]
    reset, back = ScriptRunContext.reset, iter((True, True))

    def brought_back(self, **given):
        reset(self, **given | {"is_history_navigation": next(back, False)})

    with monkeypatch.context() as patch:
        patch.setattr(ScriptRunContext, "reset", brought_back)
        at.run()
    assert not at.exception, at.exception


def said(chosen):
    return jobs.said(recommended(chosen), scenarios().get(chosen.job))[0]


def answered(at):
    return at.main.markdown[0].value.replace("\\", "")


def test_after_back_the_answer_is_for_what_the_widgets_and_the_address_say(monkeypatch):
    at = app()
    at.selectbox(key="job").select("Customer service").run()
    for query in ("", "job=Customer+service&prompt=64&score=60", "wait=50", "job=Reasoning&count=4&score=0"):
        back_to(at, query, monkeypatch)
        stated = parse_qs(query)
        asked = jobs.asked(stated.get("job", [OWN_LOAD])[0])
        for name in jobs.FILLED:
            usual = FIELDS[name].default if name in LENGTHS else asked[name]
            shown = at.session_state[name]
            assert FIELDS[name].label(shown) == stated.get(name, [FIELDS[name].label(usual)])[0], (query, name)
        (label,) = [each.value for each in at.main.select_slider if each.key == "score"]
        assert label == at.session_state.score
        chosen = Inputs(**{name: at.session_state[name] for name in (*jobs.FILLED, "job", "count")})
        assert answered(at) == said(chosen)


def test_back_on_the_page_finds_the_settings_that_its_address_lost(monkeypatch):
    at = app(asking("Chat assistant", score=70, goal=GOALS[1]))
    at.switch_page("pages/take.py").run()
    at.switch_page(PAGE)
    back_to(at, "output=128", monkeypatch)
    assert (at.session_state.job, at.session_state.score, at.session_state.goal) == ("Chat assistant", 70, GOALS[1])
    assert any("**Chat assistant, changed**: score 70." in each.value for each in at.caption)
    assert answered(at) == said(asking("Chat assistant", score=70, goal=GOALS[1]))


def test_back_to_a_page_before_its_settings_stood_in_the_address_changes_none(monkeypatch):
    at = app(asking("Chat assistant", wait=700))
    at.switch_page("pages/latency.py").run()
    for query in ("output=128&wait=700&step=40", "output=128"):
        back_to(at, query, monkeypatch)
        assert at.session_state.wait == 700, query
    back_to(at, "output=128&wait=50", monkeypatch)
    assert at.session_state.wait == 50


@pytest.mark.parametrize("name", scenarios())
def test_a_job_named_in_an_address_fills_what_the_address_does_not_state(name):
    inputs, problems = from_query(f"job={quote_plus(name)}")
    assert problems == ()
    assert {field: getattr(inputs, field) for field in jobs.FILLED} == jobs.asked(name)
    stranger = accelerator_facts()[inputs.device].kind not in scenarios()[name].kinds
    assert inputs.have == SOURCES[4 if stranger else 0]
    assert jobs.changes(inputs) == []
    chosen, _ = from_query(f"job={quote_plus(name)}&device=NVIDIA+GeForce+RTX+4090&count=2&score=10&batch=8")
    assert (chosen.have, chosen.count, chosen.score, chosen.batch) == (SOURCES[0], 2, 10, 8)
    assert chosen.wait == jobs.asked(name)["wait"]


@pytest.mark.parametrize("name", scenarios())
def test_an_address_says_of_a_job_only_what_was_changed(name):
    at = app()
    at.selectbox(key="job").select(name).run()
    assert set(at.query_params) <= {"job", "have", *LENGTHS}
    at.select_slider(key="score").set_value(0).run()  # the usual one, but not of this job
    lengths = "".join(f"&{each}={FIELDS[each].label(at.session_state[each])}" for each in LENGTHS)
    reopened, _ = from_query(f"job={quote_plus(name)}&score=0{lengths}")
    assert reopened.score == at.session_state.score == 0


HELD_MODEL = {"models": HELD[1], "device": "NVIDIA H100 SXM5 80GB", "batch": 50, "family": FAMILIES[0]}


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ({"model": "Llama 3.1 70B"}, "Llama 3.1 70B"),
        ({"model": "Llama 3.1 8B", "layers": 40}, "Llama 3.1 8B, changed"),
        ({"model": "MoE 175B (32 experts, top-2)"}, "MoE 175B (32 experts, top-2)"),  # which no survey of all tries
    ],
)
def test_the_sidebars_model_can_be_held(stated, name):
    chosen = Inputs(**HELD_MODEL, **stated)
    found = recommended(chosen)
    assert list(found.found.catalog.models) == [name] == [found.pick.scenario.model.name]
    assert not any("Why this scale" in reason for reason in jobs.said(found, None))
    taken = jobs.taken(chosen, found.pick)
    assert (taken.model, taken.sizes) == (chosen.model, chosen.sizes)
    assert records.scenario(taken) == found.pick.scenario
    assert recommended(taken).pick.scenario == found.pick.scenario


def test_a_held_model_with_changed_sizes_is_used_with_them():
    at = app(Inputs(**HELD_MODEL, model="Llama 3.1 8B", layers=40))
    assert "**Llama 3.1 8B, changed in " in at.main.markdown[0].value
    button(at, "Use this one").click().run()
    assert button(at, "In use on every page").disabled and at.session_state.layers == 40
    assert not at.exception


@pytest.mark.parametrize(("least", "largest"), [(60e9, 80e9), (0, 4e9), (25e9, inf)])
def test_models_can_be_held_to_a_range_of_sizes(least, largest):
    chosen = Inputs(**L40S | {"count": 8}, models=HELD[2], least=least, largest=largest, batch=8)
    found, every = recommended(chosen), recommended(replace(chosen, models=HELD[0]))
    assert set(found.found.catalog.models) == {
        name for name, model in every.found.catalog.models.items() if least <= parameters(model) <= largest
    }
    names = [item.scenario.model.name for item in every.ranked.models]
    assert [item.scenario.model.name for item in found.ranked.models] == [
        name for name in names if name in found.found.catalog.models
    ]
    assert found.pick.scenario == every.ranked.of(found.pick.scenario.model.name)[0].scenario


def test_where_no_model_is_of_the_sizes_the_page_says_so():
    at = app(Inputs(models=HELD[2], least=1e12, largest=0.5e9))
    assert at.main.markdown[0].value.startswith("**No model is of these sizes**")


def sidebar_of(at):
    return {each.key: each for each in (*at.sidebar.selectbox, *at.sidebar.select_slider)}


def test_on_recommend_the_sidebar_greys_what_the_recommendation_chooses():
    chosen = {"model", "weights", "cache", "tp", "pp", "ep", "copies"}
    at = app(asking("Code generation"))
    assert {name for name, each in sidebar_of(at).items() if each.disabled} == chosen
    assert "workload" not in sidebar_of(at)
    assert any("Of the job “Code generation”" in each.value for each in at.sidebar.caption)
    at.selectbox(key="models").select(HELD[1]).run()
    at.selectbox(key="have").select(SOURCES[4]).run()
    assert {name for name, each in sidebar_of(at).items() if each.disabled} == chosen - {"model"} | {"device"}
    at.selectbox(key="model").select("Llama 3.1 70B").run()
    at.select_slider(key="score").set_value(0).run()
    assert "**Llama 3.1 70B in " in at.main.markdown[0].value
    at.selectbox(key="job").select(OWN_LOAD).run()
    assert "workload" in sidebar_of(at)
    at.switch_page("pages/memory.py").run()
    assert not any(each.disabled for each in sidebar_of(at).values()) and "workload" in sidebar_of(at)
    assert not at.exception
