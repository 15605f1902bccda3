"""In a real browser: pages opened cold, a slider that moves a chart, an address that carries the state."""

import time
from pathlib import Path

import pytest

from pages.ui.shell import PAGES
from presets.catalog import model_facts
from presets.importing import from_config
from tests.browser import chromium, drawing, metrics, served, settle

pytestmark = pytest.mark.browser
TABLE = "[data-testid=stDataFrame] canvas"
UPLOADER = "[data-testid=stFileUploader]"
CODE = "[data-testid=stCode]"
# What a page without charts draws.
DRAWN = {"/catalog": [TABLE], "/bring": [UPLOADER], "/calibrate": [UPLOADER], "/take": [CODE]}
PLAIN = ("/evidence", "/scaling", "/compare", "/catalog", "/bring", "/calibrate")  # without a verdict strip
# Those of many at once, those that the engine prints, what each way to pay costs; elsewhere five.
FIGURES = {"/latency": 10, "/memory": 9, "/spend": 8}
PATHS = ["/", *(f"/{file.removeprefix('pages/').removesuffix('.py')}" for file in list(PAGES)[1:])]


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address():
    with served() as url:
        yield url


@pytest.mark.parametrize("path", PATHS)
def test_a_page_opened_cold_by_its_address_stands_in_the_whole_dashboard(browser, path):
    with served() as url:
        page = browser.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}{path}?batch=128&model=Llama+3.1+70B&tp=4")
        settle(page, *DRAWN.get(path, []))
        assert page.locator("[data-testid=stException]").count() == 0
        assert page.get_by_role("dialog").count() == 0
        assert page.locator("[data-testid=stSidebarNavLink]").all_inner_texts() == list(PAGES.values())
        assert page.get_by_role("slider", name="Requests at once").get_attribute("aria-valuetext") == "128"
        if path not in PLAIN:
            assert len(metrics(page)) == FIGURES.get(path, 5)
            assert path == "/recommend" or "70.6B" in metrics(page)
        assert page.url.split("?")[0] == f"{url}{path}"
        assert errors == []
        page.close()


def test_a_moved_slider_changes_the_chart_and_the_address_opens_the_same_numbers_elsewhere(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/memory")
    settle(page)
    before, figures = drawing(page), metrics(page)
    page.get_by_role("slider", name="Requests at once").focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert drawing(page) != before
    assert metrics(page) != figures
    assert "batch=100" in page.url
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(page.url)
    settle(elsewhere)
    assert metrics(elsewhere) == metrics(page)
    assert drawing(elsewhere) == drawing(page)
    page.close()
    elsewhere.close()


def test_a_what_if_model_goes_with_the_visitor_and_with_the_address(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/parameters")
    settle(page)
    page.get_by_role("slider", name="Layers").first.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    settle(page)
    page.get_by_role("link", name="Latency").click()
    settle(page)
    assert "layers=40" in page.url
    elsewhere = browser.new_context().new_page()
    elsewhere.goto(page.url)
    settle(elsewhere)
    assert metrics(elsewhere) == metrics(page)
    assert metrics(page)[0] == "9.78B"
    page.close()
    elsewhere.close()


def test_an_imported_model_opens_cold_stays_on_every_page_and_comes_back_with_back(browser):
    brought = from_config(dict(model_facts()["Qwen3 8B"].config) | {"num_hidden_layers": 48}, name="Mine")
    with served() as url:
        page = browser.new_page()
        page.goto(f"{url}/memory?batch=128&model=Mine+(imported)&own={brought.carried}")
        settle(page)
        assert page.locator("[data-testid=stAlert]").count() == 0
        figures = metrics(page)[:5]
        assert figures[0] == "10.5B"
        for name in ("Latency", "Memory"):
            page.get_by_role("link", name=name).click()
            settle(page)
            assert metrics(page)[:5] == figures
            assert f"own={brought.carried}" in page.url
        model = page.get_by_role("combobox", name="Model")
        model.click()
        model.fill("Llama 3.1 70B")
        page.keyboard.press("Enter")
        settle(page)
        assert metrics(page)[0] == "70.6B"
        page.go_back()
        settle(page)
        assert metrics(page)[0] == "10.5B"
        page.get_by_role("link", name="Parameters").click()
        settle(page)
        assert metrics(page)[0] == "10.5B"
        assert page.locator("input[aria-label=Layers]").get_attribute("value") == "48"
        page.close()


def test_a_script_in_a_link_does_not_run(browser, address):
    page = browser.new_page()
    ran = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.goto(
        f"{address}/?model=<script>alert(1)</script>&<img src=x onerror=alert(2)>=1&weights=[x](javascript:alert(3))"
    )
    settle(page)
    time.sleep(0.5)
    assert ran == []
    assert page.locator("[data-testid=stAlert] li").count() == 3
    assert len(metrics(page)) == 5
    page.close()


def test_a_search_of_the_catalog_keeps_its_tab_and_a_chosen_row_opens_to_its_sources(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/catalog")
    settle(page, TABLE)
    page.get_by_role("tab", name="Accelerators").click()
    settle(page, TABLE)
    search = page.get_by_role("textbox", name="Search everything")
    search.fill("mi300x instinct")
    search.press("Enter")
    settle(page, TABLE)
    assert page.locator("[role=tab][aria-selected=true]").inner_text() == "Accelerators 1"
    corner = page.locator(TABLE).first.bounding_box()
    page.mouse.click(corner["x"] + 15, corner["y"] + 50)
    settle(page, TABLE)
    assert page.get_by_role("heading", name="AMD Instinct MI300X").count() == 1
    assert page.get_by_text("bandwidth: 5,300 GB/s is kept").count() == 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Accelerators as CSV", exact=True).click()
    assert download.value.suggested_filename == "weighbridge-accelerators.csv"
    assert Path(download.value.path()).read_text().count("AMD Instinct MI300X") >= 1
    page.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_phone_without_scrolling_sideways(browser, address, path):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}{path}?model=DeepSeek-V3+671B&weights=NF4+double+quantization&tp=8")
    settle(page, *DRAWN.get(path, []))
    over = page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
    )
    assert over <= 2
    page.close()
