"""How fast does a model answer, and how fast could it? Checks of times, rates and their ratios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log
from types import MappingProxyType

from calculators.architecture import Architecture, tensors
from calculators.attention import GroupedQueryAttention, Mixer, attended_pairs
from calculators.estimate import Estimate, Scenario, Workload, estimate, first_token_rows, token_rows
from calculators.hardware import Accelerator, Deployment
from calculators.latency import Work, decode_rows, seconds, shares_by_bound
from presets.catalog import accelerators, cache_formats, engines, formats, models, what_if, workloads
from presets.checks.counts import plain_transformer
from presets.checks.reading import Reading, at_least, at_most, between, check, digits, exactly

ENGINE = "CUDA-graph decoder"


def scenario_of(
    model: str | Architecture, weight_format: str, accelerator: str, *,
    devices: int = 1, batch: int = 1, prompt_tokens: int = 1024, output_tokens: int = 256,
) -> Scenario:  # fmt: skip
    shape = models()[model] if isinstance(model, str) else model
    return Scenario(
        model=shape,
        weight_format=formats()[weight_format],
        cache_format=cache_formats()["BF16"],
        deployment=Deployment(accelerator=accelerators()[accelerator], tensor_parallel=devices),
        workload=Workload(batch=batch, prompt_tokens=prompt_tokens, output_tokens=output_tokens),
        engine=engines()[ENGINE],
    )


def _step_bytes(scenario: Scenario, context_tokens: int) -> float:
    """Bytes that a decode step must read: weights, of experts those chosen, and the cache."""
    rows = decode_rows(
        scenario.model, scenario.weight_format, scenario.cache_format, scenario.deployment, scenario.engine,
        batch=scenario.workload.batch, context_tokens=context_tokens,
    )  # fmt: skip
    return float(sum(row.bytes_read for row in rows if row.part != "norms"))


@check
def token_floor(*, model: str, weight_formats: Sequence[str], accelerator: str) -> tuple[Reading, ...]:
    """Seconds a token takes at least: bytes of the weights / bandwidth, an empty cache and no overhead.

    Source: the roofline, Williams et al. 2009, doi:10.1145/1498765.1498785.
    """
    bandwidth = accelerators()[accelerator].bandwidth_bytes_per_s
    readings = []
    for name in weight_formats:
        size = _step_bytes(scenario_of(model, name, accelerator), 0)
        words = f"{model} in {name}: {size / 1e9:.2f} GB read a token ÷ {bandwidth / 1e9:g} GB/s of {accelerator}"
        readings.append(at_least(size / bandwidth, words))
    return tuple(readings)


@check
def rate_ceiling(
    *, model: str, weight_formats: Sequence[str], accelerator: str, batch: Sequence[int], context_tokens: int = 0
) -> tuple[Reading, ...]:
    """Tokens a second that a device decodes at most: batch x bandwidth / bytes that a step reads.

    Source: the roofline, Williams et al. 2009, doi:10.1145/1498765.1498785.
    """
    bandwidth = accelerators()[accelerator].bandwidth_bytes_per_s
    readings = []
    for requests in batch:
        for name in weight_formats:
            size = _step_bytes(scenario_of(model, name, accelerator, batch=requests), context_tokens)
            words = (
                f"{requests} at once, {model} in {name}: {requests} × {bandwidth / 1e9:g} GB/s of {accelerator} ÷ "
                f"{size / 1e9:.2f} GB read a step"
            )
            readings.append(at_most(requests * bandwidth / size, words))
    return tuple(readings)


@check
def token_speedup(
    *, model: str, weight_formats: Sequence[str], accelerator: str, baseline: str = "BF16"
) -> tuple[Reading, ...]:
    """How many times faster one request decodes in a format than in a baseline.

    From what the engine's overheads leave of it, seconds a token over seconds a token, to what memory allows, bytes of
    weights over bytes of weights.
    """
    before = scenario_of(model, baseline, accelerator, prompt_tokens=1024)
    readings = []
    for name in weight_formats:
        after = replace(before, weight_format=formats()[name])
        slow, fast = (float(estimate(scenario).token_s) for scenario in (before, after))
        most, least = (_step_bytes(scenario, 0) for scenario in (before, after))
        words = (
            f"{model}, one request on {accelerator}: {slow * 1e3:.2f} ms a token in {baseline} ÷ {fast * 1e3:.2f} ms "
            f"in {name}, up to {most / 1e9:.2f} GB read ÷ {least / 1e9:.2f} GB without overheads"
        )
        readings.append(between(slow / fast, most / least, words))
    return tuple(readings)


# What a latency may mean, and the seconds of an estimate that say it.
SPANS: Mapping[str, Callable[[Estimate], float]] = MappingProxyType(
    {
        "token": lambda figures: float(figures.token_s),
        "first token": lambda figures: float(figures.first_token_s),
        "answer": lambda figures: float(figures.request_s),
    }
)


@check
def latency(
    *, model: str, weight_format: str, accelerator: str, devices: int, workload: str, spans: Sequence[str]
) -> tuple[Reading, ...]:
    """Seconds of one request of a workload of the catalog: to its first token, for a token, or for all it answers."""
    asked = workloads()[workload]
    scenario = scenario_of(
        model, weight_format, accelerator, devices=devices,
        prompt_tokens=int(asked.prompt_tokens), output_tokens=int(asked.output_tokens),
    )  # fmt: skip
    figures = estimate(scenario)
    lengths = f"{int(asked.prompt_tokens):,} tokens in, {int(asked.output_tokens):,} out"
    where = f"{model} in {weight_format} on {devices} × {accelerator}, one request of {workload}, {lengths}"
    return tuple(exactly(SPANS[span](figures), f"{span}: rows of work of {where}") for span in spans)


@check
def throughput(*, model: str, weight_format: str, accelerator: str, batch: int) -> tuple[Reading, ...]:
    """Tokens a second answered with `batch` requests of 1,024 tokens in and 256 out, prompts' time included."""
    figures = estimate(scenario_of(model, weight_format, accelerator, batch=batch))
    words = f"{model} in {weight_format} on {accelerator}: {batch} × 256 tokens ÷ {digits(float(figures.request_s))} s"
    return (exactly(float(figures.tokens_per_s), words),)


@check
def attention_layer_time(
    *, model: str, weight_format: str, accelerator: str, prompt_tokens: int
) -> tuple[Reading, ...]:  # fmt: skip
    """Seconds of one layer's attention over a prompt: projections, scores and weighted sum."""
    scenario = scenario_of(model, weight_format, accelerator, prompt_tokens=prompt_tokens)
    rows = [row for row in first_token_rows(scenario) if row.part in ("attention", "cache")]
    words = (
        f"rows of attention of {model} over {prompt_tokens:,} tokens on {accelerator} ÷ {scenario.model.layers} layers"
    )
    return (exactly(float(seconds(rows)) / scenario.model.layers, words),)


@check
def links_share(*, model: str, weight_format: str, accelerator: str, devices: int) -> tuple[Reading, ...]:
    """Share of its time that a pass spends between devices under tensor parallelism: of a token, and of a prompt."""
    scenario = scenario_of(model, weight_format, accelerator, devices=devices)
    where = f"all-reduces of {model} over {devices} × {accelerator} ÷ time of a"
    passes: Mapping[str, list[Work]] = {
        "token, one request": token_rows(scenario),
        "prompt of 1,024 tokens": first_token_rows(scenario),
    }
    return tuple(
        exactly(float(shares_by_bound(rows)["links"]), f"{where} {name}") for name, rows in passes.items()
    )  # fmt: skip


@check
def added_heads_time(*, model: str, accelerator: str, heads: int) -> tuple[Reading, ...]:
    """Share by which a token takes longer with more attention heads of the same width, keys and values with them."""
    facts = models()[model].blocks[0].attention
    more = what_if(model, heads=facts.heads + heads, kv_heads=facts.cache_shards + heads)
    before, after = (
        float(estimate(scenario_of(shape, "BF16", accelerator)).token_s) for shape in (models()[model], more)
    )
    words = (
        f"{model} with {heads} more heads on {accelerator}: {after * 1e3:.3f} ms a token ÷ {before * 1e3:.3f} ms − 1"
    )
    return (exactly(after / before - 1, words),)


def _with_window(attention: Mixer, window: int) -> Mixer:
    if not isinstance(attention, GroupedQueryAttention):
        raise ValueError(f"{type(attention).__name__} takes no window")
    return replace(attention, window=window)


@check
def window_speedup(*, model: str, accelerator: str, window: int) -> tuple[Reading, ...]:
    """How many times faster one request runs with a sliding window in each layer, at the model's longest context."""
    full = models()[model]
    windowed = (replace(block, attention=_with_window(block.attention, window)) for block in full.blocks)
    narrow = replace(full, blocks=tuple(windowed))
    pair = [
        scenario_of(shape, "BF16", accelerator, prompt_tokens=full.max_context, output_tokens=0)
        for shape in (full, narrow)
    ]
    where = f"{model} at {full.max_context:,} tokens, a window of {window:,}, {accelerator}"
    readings = []
    for name, rows in (("prompt", first_token_rows), ("token", token_rows)):
        before, after = (float(seconds(rows(scenario))) for scenario in pair)
        readings.append(exactly(before / after, f"{where}: {digits(before)} s a {name} ÷ {digits(after)} s"))
    return tuple(readings)


@check
def attention_growth(*, model: str) -> tuple[Reading, ...]:
    """Exponent with which attention's work grows with length: log2 of pairs of 2n tokens over pairs of n."""
    shape = models()[model]
    n = shape.max_context // 2
    attention = shape.blocks[0].attention
    more, fewer = (float(attended_pairs(attention, tokens)) for tokens in (2 * n, n))
    words = f"{model}: log₂ of {more:.3g} pairs of query and key at {2 * n:,} tokens ÷ {fewer:.3g} at {n:,}"
    return (exactly(log(more / fewer, 2), words),)


@check
def score_traffic(*, head_dim: int, accelerator: str) -> tuple[Reading, ...]:
    """How many times faster attention gets at most when scores never leave the chip.

    For each pair and head 4 x head_dim FLOPs; without fusing, 16-bit scores and probabilities are each written and
    read once: 8 bytes. Source: Dao et al. 2022, arXiv:2205.14135, section 3.1 and theorem 2.
    """
    card = accelerators()[accelerator]
    arithmetic, memory = 4 * head_dim / card.peak("bf16"), 4 * 2 / card.bandwidth_bytes_per_s
    words = (
        f"for a pair: 1 + (8 bytes ÷ {card.bandwidth_bytes_per_s / 1e9:g} GB/s) ÷ "
        f"({4 * head_dim} FLOPs ÷ {card.peak('bf16') / 1e12:g} TFLOP/s) of {accelerator}"
    )
    return (at_most(1 + memory / arithmetic, words),)


@check
def encoder_floor(
    *, hidden: int, layers: int, heads: int, vocabulary: int, tokens: int, accelerator: str, arithmetic: str
) -> tuple[Reading, ...]:  # fmt: skip
    """Seconds that a pass of a plain encoder takes at least: FLOPs of its layers / the device's peak."""
    model = plain_transformer(hidden=hidden, layers=layers, heads=heads, vocabulary=vocabulary, positions=tokens)
    values = sum(row.values * row.copies for row in tensors(model) if row.is_matrix and row.layers)
    pairs = tokens * tokens * model.blocks[0].attention.flops_per_pair(decode=False) * layers
    flops, peak = 2 * values * tokens + pairs, accelerators()[accelerator].peak_flops_per_s[arithmetic]
    words = f"{flops / 1e9:.3g} GFLOP for {tokens:,} tokens ÷ {peak / 1e12:g} TFLOP/s {arithmetic} of {accelerator}"
    return (at_least(flops / peak, words),)


@check
def requests_in_flight(*, requests_per_s: float, latency_s: float) -> tuple[Reading, ...]:
    """Requests at once: rate x time each stays. Source: Little 1961, doi:10.1287/opre.9.3.383."""
    words = f"{requests_per_s:g} requests a second × {latency_s:g} s each"
    return (exactly(requests_per_s * latency_s, words),)


@check
def ratio(*, over: float, under: float) -> tuple[Reading, ...]:
    """One printed figure over another."""
    return (exactly(over / under, f"the article's own {over:g} ÷ {under:g}"),)


@check
def utilisation_gain(*, before: float, after: float) -> tuple[Reading, ...]:
    """Share by which throughput rises at most when a device works a larger share of the time."""
    return (at_most(after / before - 1, f"the article's own utilisation: {after:.0%} ÷ {before:.0%} − 1"),)


@check
def cost_saved(*, throughput_gain: float) -> tuple[Reading, ...]:
    """Share of the cost of a request that a higher throughput saves on the same hardware: 1 - 1 / gain."""
    return (exactly(1 - 1 / throughput_gain, f"the same hardware's price over more: 1 − 1 ÷ {throughput_gain:g}"),)


@check
def efficiency_ratio(*, accelerators_of: Sequence[str], baseline: str) -> tuple[Reading, ...]:
    """How many times the 16-bit FLOP/s a watt of a baseline a device offers, from rated figures."""

    def per_watt(card: Accelerator) -> float:
        return float(card.peak("bf16") / card.power_w)

    base = per_watt(accelerators()[baseline])
    return tuple(
        exactly(
            per_watt(accelerators()[name]) / base,
            f"{name} {per_watt(accelerators()[name]) / 1e9:,.0f} GFLOP/s a watt ÷ {base / 1e9:,.0f} of {baseline}, "
            "16-bit peak over rated power",
        )
        for name in accelerators_of
    )
