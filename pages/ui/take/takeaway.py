"""What does a visitor take along? A start as code with its reasons, files for containers, the estimate as files."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from calculators.estimate import Estimate, Scenario
from pages.ui.charts import drawing
from pages.ui.controls import records
from pages.ui.explain import answers, uncertainty, wording
from pages.ui.figures import as_csv, as_json
from pages.ui.figures import figures as every_figure
from pages.ui.links.fields import FIELDS, Inputs
from pages.ui.links.query import to_query
from pages.ui.take.report import report
from presets.intervals import Intervals, intervals
from presets.launch import OPTIONS_FILE, CannotStart, Start, label, starters
from presets.launch.manifests import compose, kubernetes

PAGE = "take"


def order(engine: str) -> list[str]:
    """The engines that can be started, the visitor's own first."""
    return sorted(starters(), key=lambda name: name != engine)


ADDRESS = re.compile(r"(https://[\w./#-]*[\w/#-])", re.ASCII)


def plain(text: str) -> str:
    """A sentence for Markdown in which no sign has a meaning; addresses stay what they are."""
    parts = ADDRESS.split(text)
    return "".join(each if number % 2 else _escaped(each) for number, each in enumerate(parts))


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#+!|~$" else sign for sign in text)


def command(begun: Start) -> None:
    """The commands, the file of options, and each setting with the number it comes from."""
    starter = begun.starter
    for where, text in begun.commands.items():
        if where:
            st.caption(f"{where}:")
        st.code(text, language="bash", wrap_lines=True)
    if begun.options:
        st.caption(f"{OPTIONS_FILE}, beside it:")
        st.code(begun.options, language="yaml")
        st.download_button(
            f"Download {OPTIONS_FILE}", begun.options, OPTIONS_FILE, "application/yaml", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
    rows = [
        {
            "Setting": each.flag,
            "Value": "" if each.value is None else str(each.value).lower() if each.option else str(each.value),
            "Because": each.why,
            "Documented": (starter.options if each.option else starter.flags)[each.flag],
        }
        for each in begun.settings
    ]
    links = {"Documented": st.column_config.LinkColumn(display_text="source", width="small")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=links)
    st.caption(
        f"Of version {starter.version}: {plain(starter.source)}, read {starter.checked:%d %B %Y}. Whether it "
        "runs models of this kind, its own list says."
    )


def containers(begun: Start) -> None:
    """The files that start it in containers, or why there is none."""
    kinds: dict[str, tuple[Callable[[Start], str], str]] = {
        "docker compose": (compose, "compose.yaml"),
        "Kubernetes": (kubernetes, f"{begun.label}.yaml"),
    }
    for kind, (write, name) in kinds.items():
        opened = st.expander(
            kind, key=f"{begun.starter.name} {kind}", on_change="rerun", icon=":material/deployed_code:"
        )
        if not opened.open:
            continue
        with opened:
            try:
                text = write(begun)
            except CannotStart as why:
                st.write(plain(str(why)))
                continue
            if begun.options and write is compose:
                st.caption(f"{OPTIONS_FILE} belongs in the same folder.")
            st.download_button(
                f"Download {name}", text, name, "application/yaml", on_click="ignore", icon=":material/download:",
                key=f"{begun.starter.name} {name}",
            )  # fmt: skip
            st.code(text, language="yaml", height=420)


def link(chosen: Inputs) -> str:
    """The complete link to this page as it stands."""
    return f"{(st.context.url or '').split('?')[0]}?{to_query(chosen, PAGE)}"


def asked(scenario: Scenario) -> str:
    """What an estimate is of, in a line: model, formats, devices and how they share it, engine, load."""
    deployment, load = scenario.deployment, scenario.workload
    shares = {
        "tensor parallel": deployment.tensor_parallel,
        "pipeline stages": deployment.pipeline_parallel,
        "groups of experts": deployment.expert_parallel,
        "copies": deployment.replicas,
    }
    ways = ", ".join(f"{name} {int(count)}" for name, count in shares.items() if count > 1)
    parts = (
        scenario.model.name,
        f"{scenario.weight_format.name} weights, {scenario.cache_format.name} cache",
        answers.devices_text(scenario) + (f" ({ways})" if ways else ""),
        scenario.engine.name,
        f"{wording.plural(load.batch, 'request')} at once, {int(load.prompt_tokens):,} tokens of prompt and "
        f"{int(load.output_tokens):,} of answer each",
    )
    return " · ".join(parts)


def starts(begun: Start | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """A start in short: its command and its file of options, by where each stands, and what else is to be known."""
    if begun is None:
        return {}, ()
    where, command = next(iter(begun.commands.items()))
    texts = {where: command} | ({OPTIONS_FILE: begun.options} if begun.options else {})
    if len(begun.commands) == 1:
        return texts, begun.notes
    further = " and ".join(each.flag for each in begun.settings if each.only == "others")
    numbers = "1" if begun.machines == 2 else f"1 to {begun.machines - 1}"
    same = f"On the other machines the same{further and f' with {further}'} and {numbers} after --node-rank."
    return texts, (same, *begun.notes)


def sheet(scenario: Scenario, figures: Estimate, spans: Intervals, begun: Start | None, address: str) -> str:
    """The report of an estimate and of its start, of one page."""
    parts, engine = {name: float(size) for name, size in figures.memory_bytes.items()}, scenario.engine
    first, token, _ = uncertainty.intervals_shown(scenario, figures, spans)
    basis = f"{uncertainty.interval_basis(spans.first_token, first)} {uncertainty.interval_basis(spans.token, token)}"
    commands, notes = starts(begun)
    return report(
        title=f"{scenario.model.name} on {answers.devices_text(scenario)}",
        answer=answers.verdict(scenario, figures, None),
        asked=asked(scenario),
        found=every_figure(scenario, figures, spans),
        memory={wording.NAMES[name]: size for name, size in parts.items()},
        colours={wording.NAMES[name]: drawing.colour(name) for name in parts},
        basis=f"{engine.name}: {engine.source}. {basis}",
        commands=commands,
        notes=notes,
        link=address,
        made=datetime.now(UTC).date(),
    )


def files(scenario: Scenario, figures: Estimate, chosen: Inputs, begun: Start | None) -> None:
    """The estimate as CSV, as JSON and as a report of one page."""
    spans = intervals(scenario, figures, records.own_errors(scenario, chosen.fit))
    found = every_figure(scenario, figures, spans)
    address, engine = link(chosen), scenario.engine
    inputs = {name: field.label(getattr(chosen, name)) for name, field in FIELDS.items() if not field.pages}
    page = sheet(scenario, figures, spans, begun, address)
    data = as_json(
        found,
        link=address,
        inputs=inputs,
        engine={"name": engine.name, "source": engine.source, "calibrated": bool(chosen.fit)},
        fits=bool(figures.fits),
    )
    name = label(scenario.model.name)
    st.write("Every figure with its unit and 80 % interval, the engine, and the link that opens this estimate again.")
    with st.container(horizontal=True):
        for text, file, kind, words in (
            (page, f"{name}.html", "text/html", "Report, one page to print"),
            (as_csv(found, link=address, engine=engine.name), f"{name}.csv", "text/csv", "Figures as CSV"),
            (data, f"{name}.json", "application/json", "Figures as JSON"),
        ):
            st.download_button(words, text, file, kind, on_click="ignore", icon=":material/download:")
    rows = [{"Figure": each.name, "Predicted": each.shown, "80 % interval": each.interval} for each in found]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
