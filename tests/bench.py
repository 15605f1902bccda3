"""How fast is it? One estimate, a million cells, a recommendation of all; a slider press to a changed chart or answer.

make bench
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from playwright.sync_api import Page

from calculators.estimate import Scenario, estimate, with_workload
from calculators.recommend import GOALS, Budget, Catalog, Need, Recommendation, Surveyor, early, survey
from pages.ui.controls import records
from pages.ui.links.fields import Inputs
from pages.ui.links.query import to_query
from pages.ui.links.values import FAMILIES, SOURCES
from pages.ui.recommend import needs, stock
from tests.browser import CHROMIUM, chromium, served, settle
from tests.charts_of import CHARTS, ENGINE

PRESSES = 16
# Times from the key going down to the frame in which every chart that the slider moves stands drawn anew. (The first
# alone would be luck: it is seen early or late by whether its neighbours arrive in the same message.) Streamlit mounts
# a chart whose data changed as a new node; comparing nodes costs nothing, so that watching slows nothing.
WATCH = """(moved) => {
  const charts = () => [...document.querySelectorAll('.js-plotly-plot .main-svg:first-child')].slice(0, moved);
  window.addEventListener('keydown', () => {
    const start = performance.now(), before = charts();
    window.took = null;
    const look = () => {
      const now = charts();
      if (now.length === moved && now.every(chart => !before.includes(chart) && chart.querySelector('path[d]')))
        window.took = performance.now() - start;
      else if (performance.now() - start < 8000) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {capture: true});
}"""
# The same to the frame in which the recommendation's words are others.
ANSWER = """() => {
  const words = () => [...document.querySelectorAll('[data-testid=stMain] p')]
    .map(each => each.innerText).find(text => text.includes('run by')) || '';
  window.addEventListener('keydown', () => {
    const start = performance.now(), before = words();
    window.took = null;
    const look = () => {
      const now = words();
      if (now && now !== before) window.took = performance.now() - start;
      else if (performance.now() - start < 8000) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {capture: true});
}"""
ANSWERS = {
    "own devices": {}, "rented devices": {"have": SOURCES[1]}, "any devices": {"have": SOURCES[4]},
    "rented, 5 a second": {"have": SOURCES[1], "rate": 5.0},
    "rented, lowest cost": {"have": SOURCES[1], "goal": GOALS[1]},
    "rented, fastest": {"have": SOURCES[1], "goal": GOALS[2]},
    "rented, 5 a second, lowest cost": {"have": SOURCES[1], "rate": 5.0, "goal": GOALS[1]},
}  # fmt: skip


def fastest(work: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several times that something is done."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def sweep(scenario: Scenario) -> Scenario:
    """The scenario over 100 numbers of requests x 100 prompts x 100 answers, a million cells, each array full."""
    batch, prompt, output = np.meshgrid(
        np.arange(1, 101), np.linspace(64, 131_072, 100).round(), np.linspace(16, 8192, 100).round(), indexing="ij"
    )
    return with_workload(scenario, batch=batch, prompt_tokens=prompt, output_tokens=output)


def recommended(need: Need, budget: Budget, catalog: Catalog) -> Recommendation:
    """The recommendation of a catalog of which nothing was surveyed before."""
    surveyor = Surveyor(need, budget, catalog)
    return early(surveyor.survey, need, budget, cheap=lambda models: surveyor.cheap.survey(models))


def press(page: Page, slider: str, key: str) -> float:
    """Milliseconds from a press of the slider to the changed chart."""
    page.bring_to_front()  # a page behind draws no frames
    page.get_by_role("slider", name=slider).first.focus()
    page.keyboard.press(key)
    page.wait_for_function("() => window.took !== null", timeout=10_000)
    page.wait_for_timeout(150)
    return float(page.evaluate("() => window.took"))


def main() -> None:
    """Print the table."""
    for model, weights in (("Llama 3.1 8B", "BF16"), ("DeepSeek-V3 671B", "FP8 block 128")):
        scenario = records.scenario(Inputs(model=model, weights=weights, tp=8))
        one, million = fastest(partial(estimate, scenario), 300), fastest(partial(estimate, sweep(scenario)), 3)
        print(
            f"{model:20} one estimate {one * 1e3:6.2f} ms   a million cells {million:5.2f} s   {1 / million:5.1f} M/s"
        )
    every = Inputs(have=SOURCES[4], family=FAMILIES[2])
    job, budget = needs.job(every), needs.budget(every)
    catalog = replace(stock.catalog(every.family, every.engine), quality=stock.scores(every.bench))
    print(f"{survey(job, budget, catalog).considered:,} combinations of the catalog, s")
    for goal in GOALS:
        took = fastest(partial(recommended, replace(needs.need(every), goal=goal), budget, catalog), 3)
        print(f"their recommendation, {goal:20} {took:.2f}")
    print(f"every figure of them {fastest(partial(survey, job, budget, catalog), 6):21.2f}")
    if not CHROMIUM.exists():
        print("The slider is left out: no Chromium.")
        return
    print(f"\nslider press to all changed charts, ms, n = {PRESSES} each, in turn: median (95th percentile)")
    print("page         minimal app, same charts      dashboard     ratio of medians")
    with chromium() as browser, served() as ours, served("tests/minimal_app.py") as theirs:
        for name, (_, slider, _, _, moved) in CHARTS.items():
            pages = []
            for url in (f"{theirs}?charts={name}", f"{ours}/{name}"):
                pages.append(browser.new_page(viewport={"width": 1440, "height": 1000}))
                pages[-1].goto(f"{url}{'&' if '?' in url else '?'}engine={ENGINE.replace(' ', '+')}")
                settle(pages[-1])
                pages[-1].evaluate(WATCH, moved)
            keys = ["ArrowRight", "ArrowLeft"] * (PRESSES // 2 + 1)  # there and back; the first two warm up
            took = np.array([[press(page, slider, key) for page in pages] for key in keys])[2:]
            middle, high = np.median(took, axis=0), np.quantile(took, 0.95, axis=0)
            cells = [f"{m:5.0f} ({h:4.0f})" for m, h in zip(middle, high, strict=True)]
            print(f"{name:12} {cells[0]:>20} {cells[1]:>20} {middle[1] / middle[0]:10.2f}", flush=True)
            for page in pages:
                page.close()
        print("\nslider press to a changed recommendation, ms: median (95th percentile)")
        for name, stated in ANSWERS.items():
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(f"{ours}/recommend?{to_query(Inputs(**stated), 'recommend')}")
            settle(page)
            page.evaluate(ANSWER)
            took = []
            for key in ["ArrowRight", "ArrowLeft"] * (PRESSES // 8 + 1):
                took.append(press(page, "Prompt, tokens", key))
                settle(page)
            print(f"{name:32} {np.median(took[2:]):5.0f} ({np.quantile(took[2:], 0.95):4.0f})", flush=True)
            page.close()


if __name__ == "__main__":
    main()
