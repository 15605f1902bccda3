"""What does every page begin with? The menu, the guard against a page run without app.py, and the answer first."""

from math import isfinite

import streamlit as st

from calculators.estimate import Estimate, Scenario, estimate
from calculators.recommend import divides, splits
from pages.ui.calibrate import words
from pages.ui.controls import records, session
from pages.ui.controls.records import model
from pages.ui.controls.session import inputs
from pages.ui.explain import answers, ways, wording
from pages.ui.strips import strip
from presets.importing import AS_STORED

# The menu: pages by what people come for.
MENU = {
    "Size": {
        "pages/overview.py": "Overview",
        "pages/parameters.py": "Parameters",
        "pages/memory.py": "Memory",
        "pages/latency.py": "Latency",
        "pages/formats.py": "Formats",
    },
    "Train": {
        "pages/scaling.py": "Scaling laws",
        "pages/training.py": "Training",
    },
    "Decide": {
        "pages/recommend.py": "Recommend",
        "pages/compare.py": "Compare",
        "pages/spend.py": "Buy, rent or call",
        "pages/take.py": "Take it away",
    },
    "Trust": {
        "pages/evidence.py": "Evidence",
        "pages/catalog.py": "Catalog",
        "pages/bring.py": "Import",
        "pages/calibrate.py": "Calibrate",
    },
}
PAGES = {file: title for pages in MENU.values() for file, title in pages.items()}


def menu() -> "st.Page":
    """The menu, registered; the page that the visitor asked for."""
    pages = {
        section: [st.Page(file, title=title, default="overview" in file) for file, title in titles.items()]
        for section, titles in MENU.items()
    }
    return st.navigation(pages, expanded=True)


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


def begin(title: str) -> Scenario:
    """Title and what the link got wrong; the scenario."""
    st.title(title, anchor=False)
    problems()
    scenario = records.scenario(session.inputs())
    beyond = answers.beyond_context(scenario.model, int(scenario.workload.context_tokens))
    if beyond:
        st.warning(beyond)
    return scenario


def rescue(scenario: Scenario, figures: Estimate) -> str | None:
    """The least change with which a scenario that does not fit would; nothing where it fits or no single one helps."""
    if figures.fits:
        return None
    name = session.inputs().model
    return ways.rescue(ways.ways(scenario, name), scenario, name)


def sized(scenario: Scenario, figures: Estimate) -> None:
    """The scenario's size in words, the verdict strip, and what of it is a what-if."""
    st.markdown(wording.markdown(answers.verdict(scenario, figures, rescue(scenario, figures))))
    strip(scenario, figures)
    wrong = answers.wrong_engine(scenario)
    if wrong:
        st.info(wrong)
    rule = scenario.engine.memory
    if rule and isfinite(rule.device_layers) and not isfinite(figures.token_s):
        st.caption(f"How fast {scenario.deployment.accelerator.name} reads the host's memory is not published.")
    tuned = session.calibration()
    if tuned and tuned.engine == scenario.engine.name:
        st.caption(f"Times are of {words.calibrated_with(tuned.engine, tuned.rows)}.")


def head(title: str) -> tuple[Scenario, Estimate]:
    """Title, what the link got wrong, the answer in words, the verdict strip; the scenario and its estimate."""
    scenario = begin(title)
    figures = estimate(scenario)
    sized(scenario, figures)
    return scenario, figures


TOLD = 3  # problems of a link that are told at once, the others behind a click


def problems() -> None:
    """What the link asked for and could not be used, until something is changed; what makes no sense together."""
    found = [f"- {problem}" for problem in session.problems()]
    if found:
        st.warning("\n".join(found[:TOLD]))
    if found[TOLD:]:
        st.expander(f"… and {len(found) - TOLD} more that the link could not have").markdown("\n".join(found[TOLD:]))
    chosen = inputs()
    sized, wrong = model(chosen)
    if not divides(sized, chosen.tp):
        heads = next(block.attention for block in sized.blocks if not splits(block.attention, chosen.tp))
        st.warning(
            f"{heads.heads} query heads over {heads.cache_shards} KV heads cannot be cut evenly over {chosen.tp} "
            "devices: engines refuse this. The figures assume an even cut; choose another number of devices."
        )
    if chosen.weights == AS_STORED.name and not sized.stored:
        st.warning(f"{sized.name} was read from no file, so its weights are counted in 16 bits.")
    if wrong:
        st.warning(f"These sizes make no model, so the published ones are shown: {wrong}.")
