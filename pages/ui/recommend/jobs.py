"""What does a job ask of a recommendation, what did the visitor change of it, and how is what was found put to use?"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import streamlit as st

from calculators.architecture import Architecture, parameters
from calculators.recommend import GOALS, Candidate, Recommendation, obstacles
from pages.ui.controls import session
from pages.ui.explain import wording
from pages.ui.links.asked import asked, nearest
from pages.ui.links.field import counted
from pages.ui.links.fields import FIELDS, SHARED, Inputs
from pages.ui.links.values import ANY_PROVIDER, ANY_REGION, AUTO, HELD, NO_DEVICE, OWN_LOAD, SOURCES
from pages.ui.recommend import answer, doubts, needs, stock, why
from presets.catalog import accelerator_facts
from presets.rents import cheapest, quoted, usual_usd
from presets.scenarios import Job, scenarios

# What a job fills in, by input: what it is called there.
FILLED = {
    "prompt": "prompt", "output": "answer", "batch": "requests at once", "rate": "requests a second",
    "wait": "first token", "step": "each further token", "reads": "context", "bench": "benchmark", "score": "score",
    "watts": "power", "hits": "cached prompt", "where": "devices", "family": "formats",
}  # fmt: skip


def fill() -> None:
    """Give every input what the chosen job asks, and any devices of its kind where the budget has none."""
    name = st.session_state.job
    for field, value in asked(name).items():
        st.session_state[field] = value
    if name == OWN_LOAD:
        return
    chosen = session.inputs()
    stranger = chosen.have == SOURCES[0] and accelerator_facts()[chosen.device].kind not in scenarios()[name].kinds
    if stranger or not needs.budget(chosen).devices:
        st.session_state.have = SOURCES[4]


def described(job: Job, changed: Sequence[str]) -> str:
    """A job in a sentence, and what was changed of it."""
    text = job.description
    if job.cached_share:
        text += (
            f" In real traffic {job.cached_share:.0%} of a prompt is still in the cache of the step before, so that "
            "only the rest is read before the first token; memory holds all of it."
        )
    return f"{text} **{job.name}, changed**: {', '.join(changed)}." if changed else text


def changes(chosen: Any) -> list[str]:
    """What the visitor changed of the chosen job, in words: first token 700, benchmark MMLU."""
    if chosen.job == OWN_LOAD:
        return []
    return [
        f"{FILLED[field]} {FIELDS[field].label(getattr(chosen, field))}"
        for field, value in asked(chosen.job).items()
        if getattr(chosen, field) != value and not (field == "batch" and chosen.rate)
    ]


def scale(low: float, high: float) -> str:
    """A range of sizes as people say it: 3B to 7B, 50B and more."""
    return f"{counted(low)} and more" if high == inf else f"{counted(low)} to {counted(high)}"


def said(found: Recommendation, job: Job | None) -> list[str]:
    """The answer in words, then its reasons, or what is in the way of any; the article's scale last."""
    ways = obstacles(found)
    return [
        answer.recommendation(found, ways),
        *answer.in_the_way(found, ways),
        *why.reasons(found),
        *([article(found, job)] if job and job.scaled else []),
    ]


def of_scale(job: Job, model: Architecture) -> bool:
    """Whether a model is of the scale that the article recommends for a job."""
    return job.scaled and job.low_parameters <= parameters(model) <= job.high_parameters


def article(found: Recommendation, job: Job) -> str:
    """The scale that the article recommends for a job beside what the numbers say, and why they differ."""
    scales, pick = f"**The article's scale** is {scale(job.low_parameters, job.high_parameters)}", found.pick

    def within(item: Candidate) -> bool:
        return of_scale(job, item.scenario.model)

    if pick is not None and within(pick):
        return f"{scales}; the numbers agree: {pick.scenario.model.name}."
    named = (
        f"the numbers say {wording.show_count(parameters(pick.scenario.model))} ({pick.scenario.model.name})"
        if pick is not None
        else "by the numbers nothing would do"
    )
    does = next((item for item in found.ranked.models if within(item)), None)
    if does is not None and pick is not None:
        misses = doubts.in_flight(found, does, surely=True)
        how = f"would do for one alone, but {'; '.join(misses.values())}"
        if not misses:
            how = f"would do: {_behind(found, pick, does)}"
        return f"{scales}; {named}. Of that scale {answer.combination(does)} {how}."
    fails = next((item for item in found.rejected.models if within(item)), None)
    if fails is None:
        return f"{scales}; {named}. No model of that scale was tried."
    return f"{scales}; {named}. Of that scale {answer.combination(fails)} comes nearest: {'; '.join(fails.limits)}."


def _behind(found: Recommendation, pick: Candidate, other: Candidate) -> str:
    """In what a combination that would do is behind the pick."""
    if isfinite(pick.quality) and not isfinite(other.quality):
        return f"it has no published {found.need.benchmark}"
    scored = f"{found.need.benchmark} {other.quality:.1f} against {pick.quality:.1f}"
    figures = {
        GOALS[1]: (answer.price_of(found, other), answer.price_of(found, pick)),
        GOALS[2]: (answer.answer_time(found, other), answer.answer_time(found, pick)),
        GOALS[3]: (answer.token_price(found, other), answer.token_price(found, pick)),
    }
    behind, ahead = figures.get(found.need.goal, ("", ""))
    return scored if behind == ahead else f"{behind} against {ahead}"


def price_list(chosen: Any, pick: Candidate | None) -> str:
    """Which prices were taken and of which days; that of the pick's device by name."""
    if chosen.have == SOURCES[2]:
        sold = sum(isfinite(facts.list_price_usd) for facts in accelerator_facts().values())
        return (
            "Prices are of the devices alone, without their part of a server, as published once: see the Catalog. "
            f"{sold} of {len(accelerator_facts())} devices have one."
        )
    provider, region = stock.market(chosen)
    whose = "" if provider == ANY_PROVIDER else f" of {provider}"
    where = "" if region == ANY_REGION else f" in {region}"
    asked_for = (provider if whose else "", region if where else "")
    oldest, newest = quoted(*asked_for)
    if not oldest:
        return f"No rent on demand{whose}{where} is at hand."
    text = f"The lowest rents on demand{whose}{where}, the list's oldest of {oldest}, its newest of {newest}."
    if pick is None or not isfinite(pick.usd_per_hour):
        return text
    card = pick.scenario.deployment.accelerator
    offer = cheapest(*asked_for)[card.name]
    usual = "" if whose or where else f"; the median of its providers is {wording.show_usd(usual_usd(card.name))}"
    return (
        f"{text} {wording.short_device(card.name)}: {wording.show_usd(card.usd_per_hour)} a device and hour, "
        f"{offer.provider}, {offer.region or 'region not stated'}, {wording.dated(offer)}{usual}."
    )


def taken(chosen: Any, pick: Candidate) -> Any:
    """The inputs with a pick as their scenario; what it shares a row with of the devices one has stays in the budget.

    Requests in flight are on the slider's next lower step. A model that is held keeps the sizes that it has.
    """
    scenario = pick.scenario
    where, device = scenario.deployment, str(scenario.deployment.accelerator.name)
    rows = needs.owned(chosen)
    if chosen.have == SOURCES[0] and device != chosen.device and device in rows:
        first = {"device": device, "count": nearest(FIELDS["count"].options, rows.pop(device))}
        others = [*rows.items(), (NO_DEVICE, 1)][:2]
        names = (("also", "alsocount"), ("third", "thirdcount"))
        kept = {
            name: value
            for (name, number), (other, count) in zip(names, others, strict=True)
            for name, value in ((name, other), (number, nearest(FIELDS[number].options, count)))
        }
        chosen = replace(chosen, **first, **kept)
    held = chosen.models == HELD[1]
    return replace(
        chosen,
        model=chosen.model if held else scenario.model.name,
        weights=scenario.weight_format.name,
        cache=scenario.cache_format.name,
        device=device,
        tp=int(where.tensor_parallel),
        pp=int(where.pipeline_parallel),
        ep=int(where.expert_parallel),
        copies=int(where.replicas),
        engine=scenario.engine.name,
        batch=max(each for each in FIELDS["batch"].options if each <= scenario.workload.batch),
        **dict.fromkeys(("fraction", "chunk", "seqs", "gpulayers"), AUTO),
        **({} if held else dict.fromkeys(chosen.sizes)),
    )


OWNED = ("count", "also", "alsocount", "third", "thirdcount")


def use(inputs: Any) -> None:
    """Make some inputs those of every page."""
    for name in (*SHARED, *OWNED):
        if getattr(inputs, name) is not None:
            st.session_state[name] = getattr(inputs, name)
    session.take_sizes(inputs.model, inputs.sizes)


ONWARD = {
    "pages/take.py": "Take it away", "pages/spend.py": "Buy, rent or call", "pages/compare.py": "Compare",
    "pages/memory.py": "Memory",
}  # fmt: skip


def onward(chosen: Any, pick: Candidate) -> None:
    """A button that makes the pick the scenario of every page, and the pages that go on from it."""
    inputs: Inputs = taken(chosen, pick)
    used = inputs == chosen
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "In use on every page" if used else "Use this one", type="primary", on_click=use, args=(inputs,),
            disabled=used, icon=":material/check:", help="Gives the sidebar this model, format and deployment.",
        )  # fmt: skip
        for page, title in ONWARD.items():
            st.page_link(page, label=title, disabled=not used, help=None if used else "After “Use this one”.")
