"""What do the figures under an answer show? Each with its interval, all with an expander that opens their working."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from calculators.architecture import active_parameters, parameters
from calculators.estimate import Estimate, Scenario, batch_per_replica, engine_division, estimate, memory_bytes
from calculators.hardware import MemoryRule, Scheduler
from calculators.serving import MOST, Load, largest_concurrency, serve
from calculators.serving_memory import Division, extremes
from pages.ui.charts import drawing, wholes
from pages.ui.controls import records, session, widgets
from pages.ui.explain import accuracy, answers, serving, uncertainty, wording, working
from pages.ui.links.fields import Inputs
from presets.intervals import Intervals, intervals


def spans_of(scenario: Scenario, figures: Estimate) -> Intervals:
    """The intervals of a scenario, by the visitor's own measurements where its engine is calibrated with them."""
    return intervals(scenario, figures, records.own_errors(scenario))


def metrics(cells: Mapping[str, tuple[str, str]]) -> None:
    """A strip of five figures, each with a line below: {label: (value, below)}."""
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True)


def strip(scenario: Scenario, figures: Estimate) -> None:
    """The five figures with their 80 % intervals, and an expander that opens each to its working.

    Of what does not fit or is unknown the times and the cost are dashes; below, what they would be or what is missing.
    """
    spans = spans_of(scenario, figures)
    model = scenario.model
    fits = "fits" if figures.fits else "too much for"
    first, token, cost = uncertainty.intervals_shown(scenario, figures, spans)
    most = "at most " if answers.least(scenario) else ""
    cells = {
        "Parameters": (
            wording.show_count(parameters(model)),
            f"{wording.show_count(active_parameters(model))} used by a token",
        ),
        "Memory of a device": (
            wording.show_bytes(figures.used_bytes),
            f"{fits} {wording.show_bytes(figures.capacity_bytes)}",
        ),
    }
    running = {
        "First token": (wording.show_seconds(figures.first_token_s), first or "one request alone"),
        "Each further token": (
            answers.least(scenario) + wording.show_seconds(figures.token_s),
            token or f"{most}{wording.show_rate(1 / figures.token_s, 'tokens/s')} for each",
        ),
        "Cost, 1M tokens": (
            wording.show_usd(figures.usd_per_token * 1e6),
            cost or f"{wording.show_rate(figures.tokens_per_s, 'tokens/s')} in all",
        ),
    }
    for label, (value, below) in running.items():
        if wording.UNKNOWN in value:
            cells[label] = ("–", answers.lacking(scenario, figures))
        else:
            cells[label] = (value, below) if figures.fits else ("–", answers.would_be(value))
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        hint = uncertainty.hint(label, figures, spans)
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True, help=hint)
    opened = st.expander("How these five are worked out", key="working", on_change="rerun", type="compact")
    if opened.open:
        workings = (
            working.parameters_working(model),
            working.memory_working(scenario, figures),
            f"{working.first_token_working(scenario, figures)}\n\n"
            f"{uncertainty.interval_basis(spans.first_token, first)}",
            f"{working.token_working(scenario, figures)}\n\n{uncertainty.interval_basis(spans.token, token)}",
            f"{working.cost_working(scenario, figures)}\n\n{uncertainty.cost_basis(figures, spans, cost)}",
        )
        for tab, text in zip(opened.tabs(list(cells)), workings, strict=True):
            tab.markdown(wording.markdown(text))


def many(scenario: Scenario, load: Load, chosen: Inputs) -> None:
    """What many requests in flight get, the most that meet the targets, and what would change it."""
    found, figures = serve(scenario, load), estimate(scenario)
    targets = {"first_token_s": np.array([chosen.wait / 1e3, np.inf]), "token_s": np.array([np.inf, chosen.step / 1e3])}
    most = largest_concurrency(scenario, load, **targets)
    st.markdown(serving.serving(scenario, found, bool(figures.fits)))
    spans = spans_of(scenario, figures)
    first, token, together = uncertainty.served_intervals(scenario, found, spans)
    cells = {
        "First token": (wording.show_seconds(found.first_token_s), first or "mean, queue included"),
        "Each further token": (wording.show_seconds(found.token_s), token or "mean, prompts included"),
        "Tokens a second": (wording.digits(found.tokens_per_s), together or "all together"),
        "Requests a second": (wording.digits(found.requests_per_s), "answered"),
        "Meet both targets": (
            f"{min(most):,}{'+' if min(most) == MOST else ''}",
            f"start {most[0]:,}, pace {most[1]:,}",
        ),
    }
    grid = st.grid(5, min_column_width=150, gap="small")
    for label, (value, below) in cells.items():
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True)
    errors = accuracy.measured_error(scenario, "decode_step_s")
    if scenario.engine.scheduler == Scheduler():
        st.caption(f"{scenario.engine.name} has no server: this is a scheduler that costs nothing. {errors}")
    else:
        st.caption(f"Pace. {errors} First tokens. {accuracy.measured_error(scenario, 'prefill_s')}")
    plain = session.plain_load(chosen)
    unchanged = serve(replace(scenario, engine=records.engine(plain)), records.load(plain, scenario.model))
    changes = serving.what_if_changes(unchanged, found)
    if changes:
        st.markdown(changes)
    with st.expander("Targets, and what would change it: prefill chunks, prompts that repeat, drafted tokens"):
        widgets.steps("wait", "First token within, ms", help="The target for the mean time to first token.")
        widgets.steps("step", "Each further token within, ms", help="The target for the mean time of a further token.")
        widgets.what_ifs(scenario.model, scenario.engine.memory)
        st.caption(
            "Mean figures of a closed loop: as soon as one answer ends the next request comes. A prompt's chunk of "
            "tokens rides in a decode step and delays the others: Agrawal et al. 2023, arXiv:2308.16369; its size is "
            "the engine's setting of the Memory page. Drafts: Leviathan et al. 2023, arXiv:2211.17192."
        )


def printed(scenario: Scenario, rule: MemoryRule) -> None:
    """What the engine says of a device when it starts: figures with their ranges, how far off such figures were, and
    its settings. An engine that sizes its cache itself says how much; another takes what these requests need."""
    name, found = scenario.engine.name, engine_division(scenario, rule)
    stopped = serving.starting(scenario, found)
    if stopped:
        st.warning(stopped)
    cells = _sized_cache(scenario, rule, found) if rule.sizes_cache else _asked_cache(scenario, found)
    grid = st.grid(4, min_column_width=150, gap="small")
    for label, (key, value, below) in cells.items():
        hint = f"In its log: “{rule.prints[key]}”" if key in rule.prints else None
        grid.metric(label, value, below, delta_color="off", delta_arrow="off", border=True, help=hint)
    if rule.sizes_cache:
        capacity, memory = scenario.deployment.accelerator.memory_bytes, memory_bytes(scenario)
        needed = memory["cache"] + memory.get("state", 0.0)
        parts = dict(found.charges) | {"cache": max(found.cache_bytes, 0)}
        parts["unclaimed"] = max(capacity - sum(parts.values()), 0)
        drawing.show(
            wholes.stacked(
                f"{name} keeps {wording.show_bytes(parts['cache'])} of {wording.show_bytes(capacity)} for the cache",
                "GiB on the fullest device",
                {"At start": parts},
                names=wording.NAMES | {"cache": answers.cache_name(scenario.model)},
                scale=wording.GIB,
                limit=capacity,
                limit_name=wording.show_bytes(capacity),
                height=190,
            ),
            "Stacked bar of how the engine divides a device's memory",
        )
        st.caption(serving.cache_given(scenario, needed, found.cache_bytes))
    if serving.kept_by_host(scenario):
        st.caption(serving.kept_by_host(scenario))
    st.caption(accuracy.memory_error(name))
    with st.expander(f"Settings of {name} and its rule"):
        widgets.engine_settings(rule)
        st.caption(f"Rule: {rule.sources['rule']}. Its constants, ranges and sources: presets/engines.toml.")


def _sized_cache(scenario: Scenario, rule: MemoryRule, found: Division) -> dict[str, tuple[str, str, str]]:
    """Label: (what is charged, value, line below) of an engine that sizes its cache itself."""
    ends = [engine_division(scenario, end) for end in extremes(rule)]

    def between(name: str, show: Callable[[float], str]) -> str:
        low, high = (float(getattr(end, name)) for end in ends)
        return wording.show_range(low, high, show)

    tokens, requests = int(found.cache_tokens), float(found.requests)
    counted = {
        "Tokens in the cache": (
            "tokens",
            f"{tokens:,}" if tokens < 1e6 else wording.show_count(tokens),
            between("cache_tokens", wording.show_count),
        )
    }  # fmt: skip
    return {
        "Weights": ("weights", wording.show_bytes(found.charges["weights"]), "as loaded on a device"),
        answers.cache_name(scenario.model): (
            "cache",
            wording.show_bytes(max(found.cache_bytes, 0)),
            between("cache_bytes", wording.show_bytes),
        ),
        **(counted if answers.grows(scenario.model) else {}),
        "Requests at once": (
            "requests",
            f"{requests:,.1f}",
            between("requests", wording.digits),
        ),
    }


def _asked_cache(scenario: Scenario, found: Division) -> dict[str, tuple[str, str, str]]:
    """Label: (what is charged, value, line below) of an engine whose cache takes what requests need."""
    batch, tokens = int(batch_per_replica(scenario)), int(scenario.workload.context_tokens)
    cache = batch * found.request_bytes
    return {
        "Weights": ("weights", wording.show_bytes(found.charges["weights"]), "as loaded on a device"),
        answers.cache_name(scenario.model): (
            "cache",
            wording.show_bytes(cache),
            f"{batch:,} × {tokens:,} tokens" if answers.grows(scenario.model) else wording.plural(batch, "request"),
        ),
        "Working values": ("activations", wording.show_bytes(found.charges["activations"]), "at their peak"),
        "Together": (
            "",
            wording.show_bytes(sum(found.charges.values()) + cache),
            f"{wording.show_bytes(found.charges['libraries'])} of it libraries",
        ),
    }
