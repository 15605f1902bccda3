"""Which format suits a target? The scenario moved there, and the choice of each priority."""

from dataclasses import replace

import streamlit as st

from calculators.choose import Choice, choose
from calculators.estimate import Scenario
from calculators.hardware import Deployment
from presets.catalog import accelerator_facts, accelerators, formats, losses_of, published_in, targets


def aimed(given: Scenario, target: str) -> Scenario:
    """The scenario on a target's kind of device: its own where it is of that kind, else one that is usual there.

    Beyond data centres one request runs at a time.
    """
    where, card = targets()[target], given.deployment.accelerator
    if accelerator_facts()[card.name].kind not in where.kinds:
        given = replace(given, deployment=Deployment(accelerator=accelerators()[where.device]))
    if target != "data centre":
        given = replace(given, workload=replace(given.workload, batch=1))
    return given


def suited(given: Scenario, target: str, allowed: float) -> dict[str, Choice]:
    """The format that suits each priority on a target, of those that its software runs."""
    name = given.model.name.removesuffix(", changed")
    usable = {each: formats()[each] for each in targets()[target].formats}
    return choose(aimed(given, target), usable, losses_of(name), allowed, published_in(name))


def take(name: str) -> None:
    """Use a weight format on every page."""
    st.session_state.weights = name
