"""Pages: each shows what the calculators say, in every state a link or a visitor can bring it to."""

import base64
import json
from dataclasses import replace
from urllib.parse import parse_qs

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from calculators.architecture import active_parameters, parameters, parameters_by_part, tensors
from calculators.estimate import (
    COMPONENTS,
    engine_division,
    estimate,
    first_token_rows,
    largest_batch,
    longest_context,
    token_rows,
    with_workload,
)
from calculators.formats import stores
from calculators.latency import seconds
from calculators.memory import weight_bytes
from calculators.recommend import recommend, smallest_deployment
from calculators.serving import serve
from pages.ui.charts.drawing import HATCHES, PLACES
from pages.ui.controls import records
from pages.ui.explain import accuracy, answers, serving, wording
from pages.ui.links.fields import Inputs
from pages.ui.links.query import from_query, to_query
from pages.ui.links.values import BATCHES
from pages.ui.recommend import needs, stock, why
from pages.ui.shell import PAGES
from presets.catalog import (
    accelerators,
    cache_formats,
    engines,
    formats,
    losses_of,
    models,
    offered_formats,
    what_if,
)

EVERY_PAGE = pytest.mark.parametrize("page", PAGES)
WITHOUT_SCENARIO = {
    "pages/catalog.py", "pages/evidence.py", "pages/bring.py", "pages/calibrate.py", "pages/compare.py",
    "pages/scaling.py", "pages/training.py",
}  # fmt: skip
SCENARIO_PAGES = pytest.mark.parametrize("page", [page for page in PAGES if page not in WITHOUT_SCENARIO])
QUERIES = (
    "",
    "model=DeepSeek-V3+671B&weights=FP8+block+128&tp=8&device=NVIDIA+H200+SXM",
    "model=MoE+175B+(32+experts,+top-2)&tp=4&pp=2&copies=2&cache=FP8&workload=Retrieval&batch=32&prompt=8k&output=1k",
    "model=Gemma+2+27B&weights=Q4_K_M&device=NVIDIA+GeForce+RTX+4090&batch=1",
    "model=Llama+3.2+1B&weights=Q4_K_M&device=Qualcomm+Snapdragon+8+Gen+3&batch=1",
    "model=Llama+3.1+405B&tp=32&batch=1024&prompt=1M&output=32k",
    "model=SmolLM2+135M&weights=FP32&batch=1&prompt=64&output=16",
    "model=Llama+3.1+8B&layers=40&hidden=5120&ffn=17408",
    "model=gpt-oss+120B&weights=MXFP4&experts=64&top_k=2&have=devices+I+rent&spend=5&score=70&goal=lowest+cost",
    "engine=vLLM&fraction=0.95&chunk=4k&seqs=64&tp=2&model=gpt-oss+20B&weights=MXFP4",
    "engine=llama.cpp&weights=Q4_K_M&gpulayers=16&device=NVIDIA+GeForce+RTX+4090&batch=1",
    "engine=vLLM&fit=0.97,1.05,1.2,0.9,6,vLLM",
    "engine=SGLang&fit=0.97,1.05,1.2,0.9,6,vLLM",
    "device=Apple+M1+Max+(32-core+GPU)&model=Qwen3+30B-A3B&weights=Q4_K_M&batch=1&family=llama.cpp+formats",
)
HOSTILE = (
    "batch=NaN&prompt=1e999&output=-5&tp=0&model=" + "x" * 10_000,
    "batch=8&batch=16&v=99&zzz=1&layers=-3&hidden=63&heads=1e3",
    "model=%3Cscript%3Ealert(1)%3C/script%3E&weights=%00&device=%F0%9F%99%82&cache=[x](javascript:alert(1))",
    "layers=160&hidden=20480&heads=7&kv_heads=5&ffn=64",
    "model=DeepSeek-V3+671B&layers=1&experts=4&top_k=64",
)


def app(query: str = "", page: str = "pages/overview.py") -> AppTest:
    at = AppTest.from_file("../app.py", default_timeout=30)
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        at.query_params[name] = texts if len(texts) > 1 else texts[0]
    at.run()
    if page != "pages/overview.py":
        at.switch_page(page).run()
    assert not at.exception, at.exception
    return at


def charts(at: AppTest) -> list[dict]:
    specs = [json.loads(element.proto.spec) for element in at.get("plotly_chart")]
    for spec in specs:
        go.Figure(spec)  # raises on what plotly does not know
    return specs


def array(values) -> np.ndarray:
    if isinstance(values, dict):  # plotly packs arrays of numbers
        return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])
    return np.array(values, dtype=float)


def shared(at: AppTest) -> str:
    """The query string of the Share link."""
    at.session_state.share = True
    link = at.run().code[0].value
    at.session_state.share = False
    return link.split("?", 1)[1]


def scenario_of(query: str):
    return records.scenario(from_query(query)[0])


@SCENARIO_PAGES
@pytest.mark.parametrize("query", QUERIES)
def test_every_page_shows_the_calculators_figures(page, query):
    at = app(query, page)
    asked = scenario_of(query)
    beyond = answers.beyond_context(asked.model, int(asked.workload.context_tokens))
    if page != "pages/recommend.py":
        stopped = ""
        if page == "pages/memory.py" and asked.engine.memory:
            stopped = serving.starting(asked, engine_division(asked, asked.engine.memory))
        assert [warning.value for warning in at.warning] == [said for said in (beyond, stopped) if said]
    if page == "pages/recommend.py":
        inputs = from_query(query)[0]
        found = recommend(
            needs.need(inputs), needs.budget(inputs), stock.catalog(inputs.family, inputs.engine, inputs.fit)
        )
        short = why.too_short(found)
        assert [warning.value for warning in at.warning] == ([short] if short else [])
        if found.pick is None:
            assert at.main.markdown[0].value.startswith("**Nothing ")
            return
        scenario, figures = found.pick.scenario, found.pick.estimate
        assert scenario.model.name in at.main.markdown[0].value
    else:
        scenario = scenario_of(query)
        figures = estimate(scenario)
        money_first = page == "pages/spend.py"
        verdict = "".join(each.value for each in at.main.markdown) if money_first else at.main.markdown[0].value
        assert ("does not fit" in verdict) is (not figures.fits)
    charts(at)
    shown = [metric.value for metric in at.metric]
    if page == "pages/spend.py":
        shown = shown[-5:]
    assert len(shown) == 9 if page == "pages/memory.py" and scenario.engine.memory else 5
    assert [value if value != "–" else wording.UNKNOWN for value in shown[:5]] == [
        wording.show_count(parameters(scenario.model)),
        wording.show_bytes(figures.used_bytes),
        wording.show_seconds(figures.first_token_s),
        answers.least(scenario) + wording.show_seconds(figures.token_s),
        wording.show_usd(figures.usd_per_token * 1e6),
    ]


@EVERY_PAGE
@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_link_gives_a_usable_page_and_names_its_problems(page, query):
    at = app(query, page)
    assert at.warning
    # five at the top of each, five for many at once where one fits, four that the engine prints
    # on Buy, rent or call one for each way that has a price
    shown = {"pages/latency.py": (5, 10), "pages/memory.py": (9,), "pages/spend.py": (5, 6, 7, 8)}.get(page, (5,))
    assert len(at.metric) in shown or page in {"pages/recommend.py", *WITHOUT_SCENARIO}
    for warning in at.warning:
        assert not set(warning.value) & set("<>`$[]")


def test_what_a_link_could_not_have_is_told_in_one_box_until_something_is_changed():
    at = app("count=0&foo=1", "pages/recommend.py")
    (told,) = at.warning
    assert told.value.splitlines() == [f"- {problem}" for problem in from_query("count=0&foo=1")[1]]
    at.switch_page("pages/memory.py").run()
    assert [warning.value for warning in at.warning] == [told.value]  # another page changes nothing
    at.select_slider(key="batch").set_value(8).run()
    assert not at.warning
    at.switch_page("pages/recommend.py").run()
    assert not at.warning


def test_no_problem_of_a_link_is_lost_however_many_there_are():
    query = "&".join(f"{name}=wrong" for name in ("a", "b", "batch", "c", "count", "d", "e", "f", "model", "tp"))
    at, problems = app(query), from_query(query)[1]
    (told,) = at.warning
    (more,) = [each for each in at.main.expander if "more that the link could not have" in each.label]
    assert more.label.startswith(f"… and {len(problems) - 3} more")
    lines = [*told.value.splitlines(), *more.markdown[0].value.splitlines()]
    assert lines == [f"- {problem}" for problem in problems] and len(lines) == 10


@pytest.mark.parametrize("query", QUERIES)
def test_the_share_link_opens_the_same_state(query):
    at = app(query)
    link = shared(at)
    assert link == to_query(from_query(query)[0], "")
    assert [m.value for m in app(link).metric] == [m.value for m in at.metric]


def test_the_share_link_of_a_page_carries_that_pages_settings():
    at = app("count=4&compute=23", "pages/recommend.py")
    assert "&count=4&" in shared(at) and "compute" not in shared(at)
    at.switch_page("pages/scaling.py").run()
    assert "&compute=23" in shared(at) and "count" not in shared(at)


@pytest.mark.parametrize("name", [name for name, engine in engines().items() if engine.memory])
def test_the_memory_page_shows_what_an_engine_prints_and_how_far_off_such_figures_were(name):
    at = app(f"engine={name.replace(' ', '+')}&tp=2", "pages/memory.py")
    scenario = scenario_of(f"engine={name.replace(' ', '+')}&tp=2")
    rule = scenario.engine.memory
    found = engine_division(scenario, rule)
    assert [each.value for each in at.subheader if name in each.value] == [
        f"What {name} will {'print' if rule.prints else 'hold'}"
    ]
    shown = {metric.label: metric.value for metric in list(at.metric)[5:]}
    assert shown["Weights"] == wording.show_bytes(found.charges["weights"])
    if rule.sizes_cache:
        assert shown["KV cache"] == wording.show_bytes(found.cache_bytes)
        assert shown["Requests at once"] == f"{found.requests:,.1f}"
        (bar,) = [chart for chart in charts(at) if chart["data"][0]["y"] == ["At start"]]
        sizes = {trace["name"]: trace["x"][0] for trace in bar["data"]}
        assert sum(sizes.values()) == pytest.approx(scenario.deployment.accelerator.memory_bytes / 2**30)
        assert sizes["KV cache"] == pytest.approx(found.cache_bytes / 2**30)
    else:
        cache = scenario.workload.batch * found.request_bytes
        assert shown["KV cache"] == wording.show_bytes(cache)
        assert shown["Together"] == wording.show_bytes(sum(found.charges.values()) + cache)
    captions = " ".join(caption.value for caption in at.caption)
    assert accuracy.memory_error(name) in captions
    assert rule.sources["rule"] in captions
    settings = [slider.label for slider in at.main.select_slider]
    named = (rule.share_name, rule.tokens_name, rule.sequences_name, rule.layers_name)
    assert settings == [label for label in named if label]


def test_an_engine_that_would_not_start_says_why():
    at = app("engine=vLLM&model=Llama+3.1+70B", "pages/memory.py")
    assert any("vLLM would not start: one request of 1,536 tokens" in warning.value for warning in at.warning)


def test_a_setting_of_the_engine_changes_what_it_prints_and_stands_in_the_link():
    at = app("engine=vLLM", "pages/memory.py")
    before = [metric.value for metric in at.metric]
    at.main.select_slider(key="fraction").set_value(0.5).run()
    assert not at.exception
    assert [metric.value for metric in at.metric][6] != before[6]
    assert "fraction=0.5" in shared(at)


def test_without_an_engine_with_a_rule_the_page_says_how_to_ask_for_one():
    at = app("engine=CUDA-graph+decoder", "pages/memory.py")
    assert any("Choose an engine" in caption.value for caption in at.caption)


@pytest.mark.parametrize(
    ("query", "wrong", "made_for"),
    [
        ("weights=Q4_K_M", "Q4_K_M weights", ["llama.cpp"]),
        ("device=Apple+M1+Max+(32-core+GPU)&weights=Q4_K_M", "M1 Max (32-core GPU)", ["llama.cpp"]),
        ("engine=llama.cpp&tp=2", "layers cut over devices", ["vLLM", "SGLang", "TensorRT-LLM"]),
        ("engine=llama.cpp&cache=FP8", "a cache in FP8", ["vLLM", "SGLang", "TensorRT-LLM"]),
    ],
)
def test_an_engine_that_is_not_made_for_it_is_said_with_those_that_are(query, wrong, made_for):
    said = answers.wrong_engine(scenario_of(query))
    assert wrong in said and all(f"**{name}**" in said for name in made_for)
    assert said in [info.value for info in app(query, "pages/memory.py").info]
    assert answers.wrong_engine(scenario_of("")) == ""


def test_the_ring_and_the_ledger_add_up_to_the_parameters():
    at = app("model=DeepSeek-V3+671B", "pages/parameters.py")
    model = models()["DeepSeek-V3 671B"]
    ring = charts(at)[0]["data"][0]
    assert array(ring["values"]).tolist() == list(parameters_by_part(model).values())
    at.session_state.ledger = True
    table = at.run().dataframe[0].value
    numbers = [int(text.replace(",", "")) for text in table["Parameters"]]
    assert sum(numbers[:-1]) == numbers[-1] == parameters(model) == 671_026_404_352
    used = [int(text.replace(",", "")) for text in table["Used by a token"]]
    assert sum(used[:-1]) == used[-1] == active_parameters(model)
    assert len(numbers) == len(tensors(model)) + 1
    assert "11,610,068,224" in at.info[0].value


def test_the_memory_bar_adds_up_to_the_used_bytes_and_each_format_has_its_bar():
    query = "model=Llama+3.1+70B&weights=FP8+per+tensor&tp=2"
    at = app(query, "pages/memory.py")
    figures = estimate(scenario_of(query))
    bar, *_, by_format = charts(at)
    assert sum(array(trace["x"])[0] for trace in bar["data"]) * 2**30 == pytest.approx(figures.used_bytes)
    assert set(by_format["data"][0]["y"]) == set(offered_formats("vLLM")) - {"INT4 experts only"}  # it has no experts
    text = "\n".join(element.value for element in at.markdown)
    assert f"**{largest_batch(scenario_of(query)):,}**" in text
    assert f"**{longest_context(scenario_of(query)):,}** tokens" in text


def test_the_formats_page_answers_first_and_its_tree_decides():
    at = app("accept=3&target=desktop&priority=memory", "pages/formats.py")
    assert "**Q4_K_M** is the smallest" in at.main.markdown[1].value
    assert wording.show_bytes(4_912_898_048) in at.main.markdown[1].value
    scatter, tree, bits, rates = charts(at)
    shown = [name for trace in scatter["data"][1:] for name, *_ in trace["customdata"]]
    assert set(shown) == {name for name in losses_of("Llama 3.1 8B") if formats()[name].bits <= 16}
    leaves = [note["text"] for note in tree["layout"]["annotations"]]
    assert len(leaves) == 3 + 2 * 9
    assert sum("Q4_K_M" in text for text in leaves) >= 2
    assert bits["data"][0]["text"][-1].startswith("6.56 bits")  # the head in Q6_K
    assert rates["data"][0]["text"][0] == "989 TFLOP/s"
    at.button[-1].click().run()
    assert at.session_state.weights == "Q4_K_M"
    assert "in Q4_K_M" in at.main.markdown[0].value


def test_the_formats_page_opens_to_every_format_measurement_and_device():
    at = app("weights=NVFP4", "pages/formats.py")
    for key in ("formats_table", "formats_measured", "formats_devices"):
        at.session_state[key] = True
    at.run()
    every, measured, devices = (frame.value for frame in at.dataframe)
    assert list(every["Format"]) == list(formats())
    assert (every["Source"] != "").all() and (measured["Source"] != "").all()
    assert len(measured) == 304 and len(devices) == len(accelerators())
    at.session_state.formats_only = "Q4_K_M"
    at.run()
    assert set(at.dataframe[1].value["Format"]) == {"Q4_K_M"}
    assert not at.exception


def test_a_scenario_that_does_not_fit_is_told_what_would():
    at = app("model=Llama+3.1+70B", "pages/memory.py")
    assert "does not fit" in at.main.markdown[0].value
    changes = [element.value for element in at.markdown if "to spare" in element.value]
    assert changes
    assert any("devices" in change for change in changes)


def test_what_would_make_it_fit_names_the_published_format_or_the_loss_and_devices_beside():
    told = app("model=DeepSeek-V3+671B&tp=16", "pages/memory.py").main.markdown[0].value
    assert "FP8 block 128 weights, as the model is published, or 24 devices would." in told
    told = app("model=Llama+3.1+70B&batch=50").main.markdown[0].value
    rescue = told.split("device. ")[1]
    (name,) = (name for name in formats() if rescue.startswith(f"{name} weights"))
    assert f"({wording.show_loss(losses_of('Llama 3.1 70B')[name])} published loss), or " in rescue
    assert rescue.endswith(" devices would.")


def test_models_side_by_side_have_one_unit_a_column_and_as_few_devices_as_hold_them():
    at = app("")
    found = at.dataframe[0].value.set_index("Model")
    for column in ("Weights", "Cache a token", "First token", "Each token"):
        assert len({cell.split(" ")[1] for cell in found[column]}) == 1, column
    assert found.loc["DeepSeek-V3 671B", "Devices"] == "24"
    assert any(link.proto.page == "recommend" for link in at.get("page_link"))


def test_the_latency_charts_show_the_sweep_and_the_bounds_of_the_rows():
    at = app("", "pages/latency.py")
    scenario = scenario_of("")
    sweep, bounds, _, concurrency = charts(at)
    served = serve(with_workload(scenario, batch=np.array(BATCHES)))
    np.testing.assert_allclose(array(concurrency["data"][0]["y"]), served.first_token_s * 1e3)
    np.testing.assert_allclose(array(concurrency["data"][1]["y"]), served.token_s * 1e3)
    fitting = next(trace for trace in sweep["data"] if trace["name"] == "Fits")
    here = fitting["text"].index("64")
    figures = estimate(scenario)
    assert array(fitting["y"])[here] == pytest.approx(figures.tokens_per_s)
    assert array(fitting["x"])[here] == pytest.approx(1 / figures.token_s)
    assert sum(array(trace["x"])[1] for trace in bounds["data"]) == pytest.approx(100)
    at.session_state.parts = True
    answer, prompt = (frame.value["Time"] for frame in at.run().dataframe)
    assert answer.iloc[-1] == wording.show_seconds(seconds(token_rows(scenario)))
    assert prompt.iloc[-1] == wording.show_seconds(seconds(first_token_rows(scenario)))


def test_moving_a_slider_changes_the_figures_and_the_link():
    at = app()
    before = [metric.value for metric in at.metric]
    at.select_slider(key="batch").set_value(256).run()
    assert [metric.value for metric in at.metric] != before
    assert "batch=256" in shared(at)


def test_choosing_a_workload_fills_its_lengths_and_a_button_leads_back_to_them():
    at = app()
    at.selectbox(key="workload").set_value("Retrieval").run()
    filled = [at.select_slider(key=key).value for key in ("batch", "prompt", "output")]
    assert filled == [32, 8192, 1024]
    at.select_slider(key="batch").set_value(1).run()
    next(button for button in at.button if button.label == "Back to Retrieval").click().run()
    assert at.select_slider(key="batch").value == 32
    assert not any(button.label.startswith("Back") for button in at.button)


def test_a_changed_model_is_named_so_on_every_page_and_leads_back():
    at = app("", "pages/parameters.py")
    at.slider(key="layers").set_value(40).run()
    wanted = what_if("Llama 3.1 8B", layers=40)
    for page in ("pages/parameters.py", "pages/memory.py"):
        at.switch_page(page).run()
        assert at.metric[0].value == wording.show_count(parameters(wanted))
        assert "Llama 3.1 8B, changed" in at.main.markdown[0].value
    next(button for button in at.button if button.label == "Back to the published sizes").click().run()
    assert at.metric[0].value == "8.03B"


def test_choosing_another_model_drops_the_changed_sizes():
    at = app("layers=40")
    at.selectbox(key="model").set_value("Llama 3.1 70B").run()
    assert at.metric[0].value == wording.show_count(parameters(models()["Llama 3.1 70B"]))


def test_an_unknown_figure_is_shown_as_unknown_never_as_a_number():
    at = app("model=Llama+3.2+1B&weights=Q4_K_M&device=Qualcomm+Snapdragon+8+Gen+3&batch=1", "pages/latency.py")
    assert [metric.value for metric in at.metric][2:] == [
        "–", at.metric[3].value, "–",
    ]  # fmt: skip
    assert at.metric[2].delta == at.metric[4].delta == "unknown: no peak rate"
    assert at.metric[3].value.startswith("≥ ")


def test_the_pages_figures_follow_from_bytes_not_from_labels():
    scenario = scenario_of("weights=Q4_K_M")
    assert weight_bytes(scenario.model, scenario.weight_format) == 4_912_898_048
    assert Inputs().sizes == {}


def test_each_figure_of_the_strip_opens_to_its_working_with_a_source():
    at = app("model=Mixtral+8x7B&tp=2")
    at.session_state.working = True
    at.run()
    workings = [tab.markdown[0].value for tab in at.tabs]
    assert len(workings) == len(at.metric) == 5
    assert all("Source" in text for text in workings)
    assert f"{parameters(models()['Mixtral 8x7B']):,}" in workings[0]


def test_the_formulas_by_hand_are_filled_in():
    at = app("", "pages/parameters.py")
    at.session_state.formulas = True
    at.run()
    at.number_input(key="dense_inputs").set_value(10).run()
    text = "\n".join(element.value for element in at.markdown)
    assert "10 × 14,336 + 14,336 = **157,696**" in text
    assert "**73,856**" in text
    assert "**41,943,040**" in text


def test_a_request_longer_than_the_model_reads_is_told_and_a_fixed_state_has_no_end():
    at = app("model=Llama+2+7B&prompt=4k&batch=1", "pages/memory.py")
    (warning,) = at.warning
    assert warning.value.startswith("Llama 2 7B reads 4,096 tokens at most, and a prompt with its answer takes 4,608")
    at = app("model=Mamba+2.8B&prompt=1M&output=32k&batch=1", "pages/memory.py")
    assert not at.warning
    text = "\n".join(element.value for element in at.markdown)
    assert "a fixed state sets no end" in text and "KV cache" not in text
    size = estimate(scenario_of("model=Mamba+2.8B&batch=1")).memory_bytes["state"]
    assert f"the fixed state {wording.show_bytes(size)} of a device" in text


def test_where_nothing_helps_no_empty_list_is_announced():
    at = app("prompt=1M&output=32k&batch=1024", "pages/memory.py")
    text = "\n".join(element.value for element in at.markdown)
    assert "cheapest first" not in text and text.count("No single change would make it fit.") == 2


def test_a_changed_size_is_called_as_its_slider_is():
    at = app("model=Mixtral+8x7B&kv_heads=4&ffn=7168", "pages/parameters.py")
    assert "Mixtral 8x7B, changed: KV heads 4, Width of an expert 7,168" in [caption.value for caption in at.caption]
    assert all(slider.help for slider in at.slider)


def test_components_of_one_colour_differ_in_hatch():
    marks = [(PLACES[part], HATCHES.get(part, "")) for part in COMPONENTS]
    assert len(set(marks)) == len(marks)
    figures = bar, *_ = charts(app("model=Qwen3-Next+80B-A3B&tp=4", "pages/memory.py"))
    drawn = {trace["name"]: trace["marker"]["pattern"]["shape"] for trace in bar["data"]}
    assert drawn["Fixed state"] == HATCHES["state"] and drawn["KV cache"] == ""
    assert figures[-1]["layout"]["yaxis"]["dtick"] == 1  # each format is named, whatever room the legend takes
    ring, _ = charts(app("model=Gemma+4+E2B", "pages/parameters.py"))
    shapes = dict(zip(ring["data"][0]["labels"], ring["data"][0]["marker"]["pattern"]["shape"], strict=True))
    assert shapes["Per-layer embeddings"] == HATCHES["per_layer_embedding"] and shapes["Embedding"] == ""


def test_a_tensor_is_never_called_by_its_place_in_a_list_alone():
    *_, bits, _ = charts(app("model=Gemma+4+E2B", "pages/formats.py"))
    assert not [name for name in bits["data"][0]["y"] if name.rsplit(" ", 1)[-1].isdigit()]


def test_an_engine_is_offered_the_formats_that_are_usual_with_it():
    query = "model=Llama+3.1+70B&batch=8&engine="
    for engine in engines():
        at = app(query + engine.replace(" ", "+"), "pages/memory.py")
        families = {fmt.family for fmt in offered_formats(engine).values()}
        assert ("llama.cpp" in families) == (engine == "llama.cpp") and families
        *_, by_format = charts(at)
        model = scenario_of(query).model
        own = {name for name, fmt in offered_formats(engine).items() if stores(model, fmt)}
        assert set(by_format["data"][0]["y"]) == own
        word, _, loss = at.main.markdown[0].value.split("device. ")[1].partition(" weights ")
        assert word in offered_formats(engine) and loss.startswith(("(", "as the model"))


def test_where_no_time_is_known_no_format_is_called_the_fastest():
    words = app("model=DeepSeek-V3+671B&tp=16", "pages/formats.py").main.markdown
    (said,) = (each.value for each in words if "comes first" in each.value)
    assert "its times are unknown, and it is the smallest of those that lose at most 1\u202f%" in said
    assert "fastest" not in said and "**unknown**" not in said


def test_times_and_cost_of_what_does_not_fit_are_dashes_with_what_they_would_be():
    query = "model=Llama+3.1+70B&engine=vLLM"
    given = scenario_of(query)
    figures = estimate(given)
    assert not figures.fits
    at = app(query, "pages/latency.py")
    strip = {metric.label: (metric.value, metric.delta) for metric in list(at.metric)[:5]}
    assert strip["First token"] == ("–", f"would be {wording.show_seconds(figures.first_token_s)}")
    assert strip["Each further token"] == ("–", f"would be {wording.show_seconds(figures.token_s)}")
    assert strip["Cost, 1M tokens"] == ("–", f"would be {wording.show_usd(figures.usd_per_token * 1e6)}")
    assert len(at.metric) == 5 and any("nothing is served" in each.value for each in at.info)
    assert any(each.value.startswith("Had it room: 80") for each in at.main.caption)


def test_where_a_figure_is_unknown_the_strip_says_which_other_nobody_published():
    at = app("device=Qualcomm+Snapdragon+8+Gen+3&model=Llama+3.2+1B&batch=1&prompt=64&output=16", "pages/latency.py")
    strip = {metric.label: (metric.value, metric.delta) for metric in list(at.metric)[:5]}
    assert strip["First token"] == ("–", "unknown: no peak rate")
    unrented = app("model=Llama+3.2+3B&device=NVIDIA+GeForce+RTX+4080&batch=1", "pages/latency.py")
    strip = {metric.label: (metric.value, metric.delta) for metric in list(unrented.metric)[:5]}
    assert strip["Cost, 1M tokens"] == ("–", "unknown: no rent") and "ms" in strip["First token"][0]


def test_the_chunk_is_one_input_of_the_memory_and_the_latency_page_and_its_effect_is_told():
    at = app("engine=vLLM&prompt=8k&batch=32&device=NVIDIA+H200+SXM", "pages/latency.py")
    before = {metric.label: metric.value for metric in list(at.metric)[5:]}
    assert not any("With these what-ifs" in each.value for each in at.main.markdown)
    at.select_slider(key="chunk").set_value(512).run()
    after = {metric.label: metric.value for metric in list(at.metric)[5:]}
    (told,) = [each.value for each in at.main.markdown if "With these what-ifs" in each.value]
    for label, words in (("First token", "first token"), ("Each further token", "each further one")):
        assert before[label] != after[label] and f"{words} {after[label]} instead of {before[label]}" in told
    at.switch_page("pages/memory.py").run()
    assert at.select_slider(key="chunk").value == 512
    assert controls_of(at).chunk == 512


def controls_of(at: AppTest) -> Inputs:
    at.session_state.share = True
    return from_query(next(code.value for code in at.run().code if "?v=" in code.value).split("?", 1)[1])[0]


@pytest.mark.parametrize(
    ("model", "name"),
    [("Llama 3.1 8B", "KV cache"), ("Mamba 2.8B", "Fixed state"), ("Jamba v0.1", "KV cache and state")],
)
def test_what_a_pass_reads_of_earlier_tokens_is_called_what_it_is(model, name):
    assert answers.cache_name(models()[model]) == name


def test_a_model_of_fixed_states_is_promised_no_tokens_in_a_cache():
    at = app("model=Mamba+2.8B&engine=vLLM", "pages/memory.py")
    shown = {metric.label for metric in at.metric}
    assert "Fixed state" in shown and not {"KV cache", "Tokens in the cache"} & shown
    latency = app("model=Mamba+2.8B&engine=vLLM", "pages/latency.py")
    assert not any(trace.get("name") == "KV cache" for chart in charts(latency) for trace in chart["data"])


def test_the_two_caches_of_the_memory_page_and_weights_on_the_host_are_told_apart():
    captions = " ".join(each.value for each in app("engine=vLLM", "pages/memory.py").main.caption)
    assert "gives its cache all that its share leaves" in captions and "which the first bar counts" in captions
    captions = " ".join(each.value for each in app("engine=llama.cpp", "pages/memory.py").main.caption)
    assert "llama.cpp keeps the embedding in the host's memory" in captions


def test_where_no_format_fits_the_page_says_how_many_devices_would():
    at = app("model=DeepSeek-V3+671B", "pages/formats.py")
    (told,) = [each.value for each in at.info]
    assert "× H100 SXM5 80GB would hold" in told
    count, name = int(told.split(" ×")[0]), told.split("would hold ")[1].split(":")[0]
    given = replace(scenario_of("model=DeepSeek-V3+671B"), weight_format=formats()[name])
    assert smallest_deployment(given).devices == count


def test_the_catalog_says_what_it_counts_that_other_pages_do_not():
    text = app("", "pages/catalog.py").main.markdown[0].value
    assert "made up for comparison, which Recommend leaves out" in text
    assert f"({len(formats())} of weights, {len(cache_formats())} of the cache)" in text
