"""A served dashboard and a Chromium to look at it with: shared by the browser tests and the benchmark."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
IDLE = "[data-testid='stApp'][data-test-script-state='notRunning']"


@contextlib.contextmanager
def served(script: str = "app.py") -> Iterator[str]:
    """The address of a fresh server, which has answered no page yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), "--server.address", "127.0.0.1"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def settle(page: Page, drawn: str = ".js-plotly-plot .main-svg") -> None:
    """Wait until the dashboard has run and drawn its charts, or whatever `drawn` selects."""
    page.wait_for_selector(drawn, timeout=30_000, state="attached")
    page.wait_for_selector(IDLE, timeout=30_000)
    page.wait_for_timeout(600)
    page.wait_for_selector(IDLE, timeout=30_000)


def metrics(page: Page) -> list[str]:
    """The figures of the verdict strip."""
    return page.locator("[data-testid=stMetricValue]").all_inner_texts()


# The outlines of the first chart: what it draws, without the names that plotly gives anew on each mount.
DRAWING = """() => [...(document.querySelector('.js-plotly-plot')?.querySelectorAll('path') ?? [])]
  .map(path => path.getAttribute('d') + path.getAttribute('transform')).join()"""


def drawing(page: Page) -> str:
    """What the first chart draws."""
    return str(page.evaluate(DRAWING))
