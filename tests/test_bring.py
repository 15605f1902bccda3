"""The import page: what is brought is shown, used on every page and carried by links; what cannot be read is said."""

import json
import tomllib
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from calculators.architecture import active_parameters, parameters, parameters_by_part
from calculators.estimate import estimate
from pages.ui import uploads
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.links.fields import Inputs
from pages.ui.links.query import from_query, to_query
from pages.ui.shell import PAGES
from presets import model_from_config
from presets.catalog import models
from presets.importing import AS_STORED, from_config, from_link, hub
from tests.facts import config
from tests.files import TYPES, gguf_facts, gguf_file, gguf_tensors, hf_tensors, safetensors_file

CONFIG = config("qwen3-4b", num_hidden_layers=20)
MODEL = model_from_config(CONFIG, name="Mine")
PRESET = models()["SmolLM2 135M"]
NO_SCENARIO = {"bring", "catalog", "recommend", "evidence", "calibrate", "compare", "scaling"}
SCENARIO_PAGES = [page for page in PAGES if Path(page).stem not in NO_SCENARIO]


def app(query: str = "", page: str = "pages/bring.py") -> AppTest:
    at = AppTest.from_file("../app.py", default_timeout=30)
    for name, texts in parse_qs(query, keep_blank_values=True).items():
        at.query_params[name] = texts[0]
    at.run()
    at.switch_page(page).run()
    assert not at.exception, at.exception
    return at


def button(at: AppTest, start: str):
    return next(each for each in at.button if each.label.startswith(start))


def tab(at: AppTest, name: str) -> AppTest:
    at.session_state.import_tabs = name
    return at.run()


def texts(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.code, *at.markdown, *at.error, *at.warning))


def shared(at: AppTest) -> str:
    at.session_state.share = True
    link = next(code.value for code in at.run().code if "?v=" in code.value)
    at.session_state.share = False
    return link.split("?", 1)[1]


def pasted(text: str, name: str = "Mine") -> AppTest:
    at = app()
    at.text_input(key="config_name").set_value(name)
    at.text_area(key="pasted").set_value(text).run()
    assert not at.exception
    return at


def test_the_server_takes_what_the_uploaders_take():
    settings = tomllib.loads((Path(__file__).parent.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] == uploads.HEADER_MB > uploads.CONFIG_MB


def test_before_anything_is_brought_the_page_says_what_it_is_for():
    at = app()
    assert "Bring a model of your own" in at.main.markdown[0].value
    assert len(at.info) == 1
    assert [each.label for each in at.tabs][:4] == ["config.json", "GGUF file", "safetensors", "Hugging Face"]


def test_a_pasted_config_is_shown_with_its_parts_and_used_on_every_page():
    at = pasted(json.dumps(CONFIG | {"torch_dtype": "bfloat16"}))
    assert at.metric[0].value == wording.show_count(parameters(MODEL))
    assert at.metric[1].value == wording.show_count(active_parameters(MODEL))
    table = at.dataframe[0].value
    assert [int(text.replace(",", "")) for text in table["Parameters"]] == [
        *parameters_by_part(MODEL).values(), parameters(MODEL),
    ]  # fmt: skip
    assert "torch_dtype" in texts(at)
    assert f"**{wording.show_count(parameters(MODEL))} parameters**" in at.main.markdown[0].value
    button(at, "Use this model").click().run()
    assert "Every page now uses this model" in at.success[0].value
    assert at.selectbox(key="model").value == "Mine (imported)"
    for page in SCENARIO_PAGES:
        at.switch_page(page).run()
        assert not at.exception, page
        assert not at.warning, page
        shown = {metric.value for metric in at.metric if metric.label.casefold().endswith("parameters")}
        assert shown == {wording.show_count(parameters(MODEL))}, page
        assert any("**Mine (imported)**" in text.value for text in at.main.markdown), page


def test_the_share_link_of_an_imported_model_opens_the_same_figures_cold_on_any_page():
    at = pasted(json.dumps(CONFIG))
    button(at, "Use this model").click().run()
    at.switch_page("pages/memory.py").run()
    link = shared(at)
    assert len(link) < 1500
    assert link == to_query(from_query(link)[0], "memory")
    for page in ("pages/memory.py", "pages/latency.py", "pages/bring.py"):
        cold = app(link, page)
        assert not cold.warning
        assert cold.selectbox(key="model").value == "Mine (imported)"
        assert cold.metric[0].value == at.metric[0].value


def test_an_imported_config_can_be_what_iffed_and_leads_back():
    at = pasted(json.dumps(CONFIG))
    button(at, "Use this model").click().run()
    at.switch_page("pages/parameters.py").run()
    at.slider(key="layers").set_value(30).run()
    wanted = model_from_config(CONFIG | {"num_hidden_layers": 30}, name="x")
    assert at.metric[0].value == wording.show_count(parameters(wanted))
    assert "Mine (imported), changed" in at.main.markdown[0].value
    assert app(shared(at), "pages/parameters.py").metric[0].value == at.metric[0].value
    button(at, "Back to the published sizes").click().run()
    assert at.metric[0].value == wording.show_count(parameters(MODEL))


def test_a_size_that_no_slider_reaches_is_not_offered():
    brought = from_config(config("qwen3-4b", intermediate_size=9729, num_hidden_layers=200), name="Odd")
    at = app(to_query(Inputs(own=brought.carried, model=brought.name)), "pages/parameters.py")
    assert {slider.key for slider in at.slider} & {"layers", "ffn", "hidden"} == {"hidden"}
    assert at.metric[0].value == wording.show_count(parameters(brought.architecture))


def test_the_imported_model_is_compared_on_the_overview_and_recommended_with_an_unknown_score():
    at = pasted(json.dumps(CONFIG))
    button(at, "Use this model").click().run()
    at.selectbox(key="model").set_value("Llama 3.1 8B").run()
    at.switch_page("pages/overview.py").run()
    assert "Mine (imported)" in set(at.dataframe[0].value["Model"])
    at.switch_page("pages/recommend.py").run()
    ranked = at.dataframe[0].value
    row = ranked[ranked["Model"] == "Mine (imported)"].iloc[0]
    assert row["MMLU in it"] == "unknown"
    other = app("", "pages/recommend.py")
    assert "Mine (imported)" not in set(other.dataframe[0].value["Model"])


def test_forgetting_it_leads_back_to_the_presets():
    brought = from_config(CONFIG, name="Mine")
    at = app(to_query(Inputs(own=brought.carried, model=brought.name)), "pages/memory.py")
    button(at, "Forget it").click().run()
    assert at.selectbox(key="model").value == "Llama 3.1 8B"
    assert at.metric[0].value == "8.03B"
    assert "own=&" in shared(at)


def test_a_link_that_names_an_imported_model_without_carrying_it_says_so():
    at = app("model=Mine+(imported)&own=1abc", "pages/memory.py")
    assert at.metric[0].value == "8.03B"
    (box,) = at.warning
    assert [line.removeprefix("- ").split(" ")[0] for line in box.value.splitlines()] == ["own", "model"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"model_type": "llama"', "no JSON at line 1"),
        ('{"model_type": "<img src=x onerror=alert(1)>"}', "model_type is '<img"),
        (json.dumps(config("qwen3-4b", hidden_size=-1)), "hidden_size is -1; a whole number of 1 or more was expected"),
        ("[" * 100_000, "nested deeper than 32 levels"),
        ("[1, 2]", "is a list; an object of fields was expected"),
        (json.dumps(config("qwen3-4b", hidden_size=None)), "hidden_size is null"),
    ],
)
def test_a_config_that_cannot_be_read_is_told_in_plain_text(text, said):
    at = pasted(text)
    assert len(at.error) == 1
    assert said in next(code.value for code in at.code if "head -c" not in code.value)
    assert "<" not in "".join(element.value for element in (*at.markdown, *at.error, *at.warning, *at.subheader))
    assert not at.metric


@pytest.mark.parametrize(
    "name", ["**bold**", "[x](javascript:alert(1))", "<script>alert(1)</script>", "$1$ `a` :red[b]", ""]
)
def test_a_name_from_outside_stands_as_plain_text(name):
    at = pasted(json.dumps(CONFIG), name)
    button(at, "Use this model").click().run()
    shown = at.selectbox(key="model").value
    assert not set(shown) & set("*[]<>`$:_\\")
    at.switch_page("pages/memory.py").run()
    assert at.main.markdown[0].value.startswith(f"**{shown}** in BF16")


def test_an_example_shows_what_an_import_gives():
    at = app()
    button(at, "Try it with an example").click().run()
    assert at.main.subheader[-1].value == "Qwen3 8B, 48 layers (imported)"
    assert not at.error


def test_a_config_can_be_uploaded():
    at = app()
    at.file_uploader(key="config_file").upload("my_model.json", json.dumps(CONFIG).encode()).run()
    assert at.main.subheader[-1].value == "my-model (imported)"
    assert at.metric[0].value == wording.show_count(parameters(MODEL))


def test_a_gguf_header_is_used_with_the_bytes_of_its_own_types():
    tensors = gguf_tensors(PRESET, {"down_proj": TYPES.Q4_0})
    at = tab(app(), "GGUF file")
    at.file_uploader(key="gguf_files").upload("small.gguf", gguf_file(tensors, gguf_facts(PRESET))).run()
    assert not at.error
    assert "The preset SmolLM2 135M has the same parameters, part by part." in texts(at)
    button(at, "Use this model").click().run()
    assert at.selectbox(key="weights").value == AS_STORED.name
    at.switch_page("pages/memory.py").run()
    assert at.main.markdown[0].value.startswith("**A model (imported)** in the file's types **fits**")
    own = from_link(at.session_state.own).architecture
    scenario = records.scenario(from_query(shared(at))[0])
    assert (scenario.model, scenario.weight_format) == (own, AS_STORED)
    assert at.metric[1].value == wording.show_bytes(estimate(scenario).used_bytes)
    down = sum(row.file_bytes for row in own.stored if row.name == "down_proj")
    assert down == 30 * 576 * 1536 * 18 // 32
    at.selectbox(key="model").set_value("Llama 3.1 8B").run()
    assert "was read from no file, so its weights are counted in 16 bits" in at.warning[0].value


def test_a_gguf_file_cut_short_is_told_how_to_cut_it():
    at = tab(app(), "GGUF file")
    data = gguf_file(gguf_tensors(PRESET), gguf_facts(PRESET))[:1000]
    at.file_uploader(key="gguf_files").upload("small.gguf", data).run()
    assert "cut off more of the file, such as head -c 32M model.gguf" in texts(at)


def test_safetensors_headers_alone_ask_for_what_they_do_not_say():
    at = tab(app(), "safetensors")
    at.file_uploader(key="tensor_files").upload("small.safetensors", safetensors_file(hf_tensors(PRESET))).run()
    assert not at.metric
    labels = {box.label: box for box in at.main.selectbox}
    assert set(labels) == {"Longest context, tokens", "Width of a head"}
    assert all(box.value is None for box in labels.values())
    assert at.info[0].value == "Choose what the header does not say, or add the config.json."
    labels["Longest context, tokens"].set_value(8192)
    labels["Width of a head"].set_value(64).run()
    assert at.metric[0].value == wording.show_count(parameters(PRESET))
    assert "keep the whole context" in at.caption[0].value


def test_safetensors_headers_beside_their_config_are_compared_with_it():
    at = tab(app(), "safetensors")
    uploader = at.file_uploader(key="tensor_files")
    uploader.upload("a.safetensors", safetensors_file(hf_tensors(MODEL)))
    uploader.upload("config.json", json.dumps(CONFIG).encode()).run()
    assert "The config.json gives the same parameters, part by part." in texts(at)
    assert at.metric[0].value == wording.show_count(parameters(MODEL))


def test_an_index_alone_says_what_it_knows_and_what_is_missing():
    at = tab(app(), "safetensors")
    index = {"metadata": {"total_size": 1234}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    at.file_uploader(key="tensor_files").upload("model.safetensors.index.json", json.dumps(index).encode()).run()
    assert "The index lists 2 tensors in 2 files: 1,234 bytes in all." in texts(at)
    assert "an index has no shapes: add the config.json, or the start of each .safetensors file" in texts(at)


def test_a_repository_is_read_and_what_stands_in_the_way_is_said(monkeypatch):
    monkeypatch.setattr(
        hub, "fetch", lambda name: hub.Repository(name=name, config=CONFIG, header=None, notes=("Only it.",))
    )
    at = tab(app(), "Hugging Face")
    at.text_input(key="repository").set_value("me/mine")
    button(at, "Read it").click().run()
    assert at.main.subheader[-1].value == "me/mine (imported)"
    assert "Only it." in texts(at)

    def refuse(name: str):
        raise ValueError("Hugging Face: no network")

    monkeypatch.setattr(hub, "fetch", refuse)
    at.text_input(key="repository").set_value("me/other")
    button(at, "Read it").click().run()
    assert "Hugging Face: no network" in texts(at)
