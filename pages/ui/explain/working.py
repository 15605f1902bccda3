"""How is a figure worked out? The sum behind each figure of a scenario, with the visitor's values and its source."""

from calculators.architecture import Architecture, active_parameters, parameters
from calculators.estimate import Estimate, Scenario, batch_per_replica, weights_of
from calculators.memory import kv_cache_bytes, weight_bytes
from pages.ui.explain.accuracy import measured_error
from pages.ui.explain.answers import least
from pages.ui.explain.wording import UNKNOWN, plural, show_bytes, show_rate, show_seconds, show_usd
from presets.catalog import accelerator_facts


def parameters_working(model: Architecture) -> str:
    """How the parameters are counted."""
    active = active_parameters(model)
    return (
        f"Σ over the weight tensors of values × copies = **{parameters(model):,}** stored, "
        f"**{active:,}** used by one token"
        + (" (the routed experts not chosen are left out).\n\n" if active != parameters(model) else ".\n\n")
        + "Tied tensors count once; buffers and MTP layers are told apart. Each row is on the Parameters page.\n\n"
        + f"Source: {model.source}"
    )


def memory_working(scenario: Scenario, figures: Estimate) -> str:
    """How the memory of the fullest device adds up, with the visitor's values."""
    workload, cache = scenario.workload, scenario.cache_format
    per_token = kv_cache_bytes(scenario.model, cache, batch=1, context_tokens=1)
    whole = weight_bytes(scenario.model, scenario.weight_format)
    weights = weights_of(figures.memory_bytes)
    lines = [
        f"Weights {show_bytes(weights)} a device: {show_bytes(whole)} in {scenario.weight_format.name}, over "
        f"{int(scenario.deployment.tensor_parallel)} × {int(scenario.deployment.pipeline_parallel)} devices",
        f"KV cache {show_bytes(figures.memory_bytes['cache'])}: {plural(batch_per_replica(scenario), 'request')} × "
        f"{int(workload.context_tokens):,} tokens × {int(per_token):,} bytes, less what windows and devices divide",
        f"Working values {show_bytes(figures.memory_bytes['activations'])}: "
        "the widest layer × the prompt tokens run at once",
        f"Engine reserve {show_bytes(figures.memory_bytes['reserve'])}: CUDA graphs, libraries, buffers",
        f"Together **{show_bytes(figures.used_bytes)}** of {show_bytes(figures.capacity_bytes)} that "
        + (f"{scenario.engine.name} lets itself take" if scenario.engine.memory else "the driver leaves"),
    ]
    rule = scenario.engine.memory
    source = rule.sources["rule"] if rule else scenario.engine.sources.get("reserve_bytes", "")
    return "\n".join(f"- {line}" for line in lines) + f"\n\nSource of the reserve: {source}"


def first_token_working(scenario: Scenario, figures: Estimate) -> str:
    """How the time to the first token adds up."""
    batch = batch_per_replica(scenario)
    return (
        f"Σ over the rows of one pass through {int(scenario.workload.prompt_tokens):,} prompt tokens of "
        "max(FLOPs ÷ rate, bytes ÷ bandwidth) + overheads "
        f"= **{show_seconds(figures.first_token_s)}** for one request alone.\n\n"
        f"When all {int(batch):,} prompts of a copy arrive at once, the last waits "
        f"**{show_seconds(figures.all_first_tokens_s)}**.\n\n"
        f"Source: roofline (Williams et al. 2009); {scenario.engine.source}. {measured_error(scenario, 'prefill_s')}"
    )


def token_working(scenario: Scenario, figures: Estimate) -> str:
    """How the time per output token adds up."""
    return (
        f"Σ over the rows of one decode step for {plural(batch_per_replica(scenario), 'request')} a copy, halfway "
        f"through the answer = **{least(scenario)}{show_seconds(figures.token_s)}**. A step reads the "
        "weights (of the experts that the batch chooses) and every request's cache once.\n\n"
        f"All devices together answer **{show_rate(figures.tokens_per_s, 'tokens/s')}**, prompts included.\n\n"
        f"Source: {scenario.engine.source}. {measured_error(scenario, 'decode_step_s')}"
    )


def cost_working(scenario: Scenario, figures: Estimate) -> str:
    """How the cost per million tokens adds up."""
    card = scenario.deployment.accelerator
    facts = accelerator_facts().get(card.name)
    rent = facts.rent if facts else UNKNOWN
    energy = figures.joules_per_token * 1e6 / 3.6e6
    return (
        f"{plural(scenario.deployment.devices, 'device')} × {show_usd(card.usd_per_hour)} an hour ÷ "
        f"{show_rate(figures.tokens_per_s * 3600, 'tokens an hour')} × 1,000,000 = "
        f"**{show_usd(figures.usd_per_token * 1e6)}** per million output tokens, at full load.\n\n"
        f"Energy: {show_rate(card.power_w, 'W')} a device at most, so at most "
        f"**{show_rate(energy, 'kWh')}** per million tokens.\n\n"
        f"Source of the price, the lowest on demand: {rent}; of the power: {facts.source if facts else UNKNOWN}"
    )
