"""How fast is it? A million-cell sweep, one estimate, and a slider press to a changed chart beside a minimal app.

make bench
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from playwright.sync_api import Page

from calculators.estimate import Scenario, estimate, with_workload
from pages.ui import controls
from pages.ui.links import Inputs
from tests.browser import CHROMIUM, DRAWING, chromium, served, settle

PRESSES = 30
# Times from the key going down to the frame in which the first chart is drawn anew.
WATCH = (
    """() => {
  const draw = """
    + DRAWING
    + """;
  window.took = null;
  window.addEventListener('keydown', () => {
    const start = performance.now(), before = draw();
    window.took = null;
    const look = () => {
      const now = draw();
      if (now !== '' && now !== before) window.took = performance.now() - start;
      else if (performance.now() - start < 5000) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, {capture: true});
}"""
)


def fastest(run: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several runs."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def sweep(scenario: Scenario) -> Scenario:
    """The scenario over 100 numbers of requests x 100 prompts x 100 answers, a million cells, each array full."""
    batch, prompt, output = np.meshgrid(
        np.arange(1, 101), np.linspace(64, 131_072, 100).round(), np.linspace(16, 8192, 100).round(), indexing="ij"
    )
    return with_workload(scenario, batch=batch, prompt_tokens=prompt, output_tokens=output)


def presses(page: Page, slider: str) -> Callable[[], float]:
    """One press of the slider, there and back in turn; milliseconds until the chart has changed."""
    page.evaluate(WATCH)
    handle = page.get_by_role("slider", name=slider)
    keys = iter(["ArrowRight", "ArrowLeft"] * 1000)

    def press() -> float:
        page.bring_to_front()  # a page behind draws no frames
        handle.focus()
        page.keyboard.press(next(keys))
        page.wait_for_function("() => window.took !== null", timeout=10_000)
        took = float(page.evaluate("() => window.took"))
        page.wait_for_timeout(250)
        return took

    return press


def main() -> None:
    """Print the table."""
    for model, weights in (("Llama 3.1 8B", "BF16"), ("DeepSeek-V3 671B", "FP8 block 128")):
        scenario = controls.scenario(Inputs(model=model, weights=weights, tp=8))
        one = fastest(lambda s=scenario: estimate(s), 300)
        million = fastest(lambda s=sweep(scenario): estimate(s), 3)
        print(
            f"{model:20} one estimate {one * 1e3:6.2f} ms   a million cells {million:5.2f} s   {1 / million:5.1f} M/s"
        )
    if not CHROMIUM.exists():
        print("The slider is left out: no Chromium.")
        return
    sliders = {"parameters": "Layers", "scaling": "Training budget, FLOPs as a power of ten"}
    with chromium() as browser, served() as ours, served("tests/minimal_app.py") as theirs:
        tries = {}
        for name in ("minimal app", "parameters", "memory", "latency", "scaling", "recommend"):
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(theirs if name == "minimal app" else f"{ours}/{name}")
            settle(page)
            tries[name] = presses(page, sliders.get(name, "Requests at once"))
        took: dict[str, list[float]] = {name: [] for name in tries}
        for _ in range(PRESSES):  # interleaved: the machine's noise falls on all alike
            for name, press in tries.items():
                took[name].append(press())
    base = statistics.median(took["minimal app"])
    print(f"\nslider press to changed chart, ms (n = {PRESSES} each, interleaved)")
    for name, values in took.items():
        middle, high = statistics.median(values), float(np.quantile(values, 0.95))
        print(f"{name:14} median {middle:5.0f}   95th percentile {high:5.0f}   x {middle / base:.2f}")


if __name__ == "__main__":
    main()
