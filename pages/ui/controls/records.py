"""Which records follow from the inputs? The model, the engine, the load and the scenario that a visitor describes."""

from dataclasses import replace

from calculators.architecture import Architecture
from calculators.calibrate import calibrated
from calculators.estimate import Scenario, Workload
from calculators.hardware import Deployment, Engine
from calculators.serving import Load, mtp_draft_cost
from calculators.serving_memory import with_step
from pages.ui.controls.session import calibration, described
from pages.ui.links.fields import Inputs
from pages.ui.links.values import AUTO, DRAFTERS
from presets.catalog import accelerators, cache_formats, engines, formats, resized
from presets.importing import AS_STORED
from presets.intervals import OwnErrors


def model(chosen: Inputs) -> tuple[Architecture, str]:
    """The model, with the visitor's sizes where they make one; and what is wrong with them."""
    model, config = described(chosen.model, chosen.own)
    if not chosen.sizes:
        return model, ""
    try:
        return resized(model, config, **chosen.sizes), ""
    except ValueError as error:
        return model, str(error).removeprefix("config.json: ")


def own_errors(scenario: Scenario, fit: str | None = None) -> OwnErrors | None:
    """What the visitor's measurements say of a scenario's times, where its engine is calibrated with them.

    The calibration is that of a link's text, or the session's.
    """
    found = calibration(fit)
    if found is None or found.engine != scenario.engine.name or not found.mark:
        return None
    return found.own(str(scenario.deployment.accelerator.name))


def profile(name: str, fit: str) -> Engine:
    """An engine by its name, calibrated where the visitor's calibration is of it."""
    found = calibration(fit)
    return calibrated(engines()[name], found.factors) if found and found.engine == name else engines()[name]


def engine(chosen: Inputs) -> Engine:
    """The engine, with the settings that the visitor states and it has."""
    return with_settings(profile(chosen.engine, chosen.fit), chosen)


def with_settings(profile: Engine, chosen: Inputs) -> Engine:
    """An engine with the settings that the visitor states and it has."""
    rule = profile.memory
    if rule is None:
        return profile
    if chosen.fraction != AUTO and rule.share_name:
        rule = replace(rule, share=chosen.fraction)
    tokens, sequences = rule.step(accelerators()[chosen.device])
    if chosen.chunk != AUTO and rule.tokens_name:
        rule = with_step(rule, tokens=chosen.chunk, sequences=sequences if rule.sequences_name else chosen.chunk)
        tokens = chosen.chunk
    if chosen.seqs != AUTO and rule.sequences_name:
        rule = with_step(rule, tokens=tokens, sequences=chosen.seqs)
    if chosen.gpulayers != AUTO and rule.layers_name:
        rule = replace(rule, device_layers=chosen.gpulayers)
    return replace(profile, memory=rule)


def load(chosen: Inputs, model: Architecture) -> Load:
    """What the visitor says of prompts that repeat and of drafts."""
    cost = dict(zip(DRAFTERS, (0.0, 0.05, 0.2, mtp_draft_cost(model)), strict=True))[chosen.drafter]
    return Load(prefix_hits=chosen.hits, draft_tokens=chosen.drafts, acceptance=chosen.accepted, draft_cost=cost)


def scenario(chosen: Inputs) -> Scenario:
    """The scenario that the inputs describe."""
    return Scenario(
        model=model(chosen)[0],
        weight_format=AS_STORED if chosen.weights == AS_STORED.name else formats()[chosen.weights],
        cache_format=cache_formats()[chosen.cache],
        deployment=Deployment(
            accelerator=accelerators()[chosen.device],
            tensor_parallel=chosen.tp,
            pipeline_parallel=chosen.pp,
            expert_parallel=min(chosen.ep, chosen.tp),
            replicas=chosen.copies,
        ),
        workload=Workload(batch=chosen.batch, prompt_tokens=chosen.prompt, output_tokens=chosen.output),
        engine=engine(chosen),
    )
