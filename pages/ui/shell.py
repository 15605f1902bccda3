"""What does every page begin with? The menu, the guard against a page run without app.py, and the answer first."""

import streamlit as st

from calculators.architecture import active_parameters, parameters
from calculators.estimate import Estimate, Scenario, estimate
from calculators.recommend import changes_that_fit
from pages.ui import controls, explain
from presets.catalog import cache_formats, everyday_formats

PAGES = {
    "pages/overview.py": "Overview",
    "pages/parameters.py": "Parameters",
    "pages/memory.py": "Memory",
    "pages/latency.py": "Latency",
    "pages/scaling.py": "Scaling laws",
    "pages/formats.py": "Formats",
    "pages/recommend.py": "Recommend",
    "pages/catalog.py": "Catalog",
}


def menu() -> "st.Page":
    """The menu, registered; the page that the visitor asked for."""
    return st.navigation([st.Page(file, title=title, default="overview" in file) for file, title in PAGES.items()])


def run(page: "st.Page") -> None:
    """Run the page, marked as run by app.py."""
    st.session_state.framed = True
    page.run()


def guard() -> None:
    """Each page's first line: Streamlit may run a page without app.py, as when a server's first request names it.

    A run without app.py's mark registers the menu and starts over.
    """
    if not st.session_state.pop("framed", False):
        menu()
        st.rerun()


def head(title: str) -> tuple[Scenario, Estimate]:
    """Title, what the link got wrong, the answer in words, the verdict strip; the scenario and its estimate."""
    st.title(title, anchor=False)
    controls.problems()
    scenario = controls.scenario(controls.inputs())
    figures = estimate(scenario)
    rescue = None
    if not figures.fits:
        found = changes_that_fit(scenario, list(everyday_formats().values()), list(cache_formats().values()))
        rescue = found[0].words[0].upper() + found[0].words[1:] if found else None
    st.markdown(explain.markdown(explain.verdict(scenario, figures, rescue)))
    strip(scenario, figures)
    return scenario, figures


def strip(scenario: Scenario, figures: Estimate) -> None:
    """The five figures, and an expander that opens each to its working."""
    model = scenario.model
    fits = "fits" if figures.fits else "too much for"
    cells = {
        "Parameters": (
            explain.show_count(parameters(model)),
            f"{explain.show_count(active_parameters(model))} used by a token",
        ),
        "Memory of a device": (
            explain.show_bytes(figures.used_bytes),
            f"{fits} {explain.show_bytes(figures.capacity_bytes)}",
        ),
        "First token": (explain.show_seconds(figures.first_token_s), "one request alone"),
        "Each further token": (
            explain.least(scenario) + explain.show_seconds(figures.token_s),
            f"{'≤ ' if explain.least(scenario) else ''}{explain.show_rate(1 / figures.token_s, 'tokens/s')} for each",
        ),
        "Cost, 1M tokens": (
            explain.show_usd(figures.usd_per_token * 1e6),
            f"{explain.show_rate(figures.tokens_per_s, 'tokens/s')} in all",
        ),
    }
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True)
    opened = st.expander("How these five are worked out", key="working", on_change="rerun", type="compact")
    if opened.open:
        workings = (
            explain.parameters_working(model),
            explain.memory_working(scenario, figures),
            explain.first_token_working(scenario, figures),
            explain.token_working(scenario, figures),
            explain.cost_working(scenario, figures),
        )
        for tab, text in zip(opened.tabs(list(cells)), workings, strict=True):
            tab.markdown(explain.markdown(text))
