"""What do training techniques save? Checks of mixed precision, recomputation, sharding and adapters."""

from collections.abc import Sequence
from math import log

from calculators.architecture import parameters, parameters_by_part, tensors
from calculators.memory import activation_bytes
from presets.catalog import accelerators, models
from presets.checks.reading import Reading, at_most, between, check, count, exactly
from presets.checks.storage import weights_and_cache

# Bytes a parameter of weights, gradients and Adam's state take, with 32-bit weights and in mixed precision, where a
# 32-bit copy of the weights is kept too: Rajbhandari et al. 2020 (ZeRO), arXiv:1910.02054, section 3.1.
FULL_PRECISION_STATE, MIXED_STATE = 4 + 4 + 8, 2 + 2 + 4 + 8


@check
def mixed_precision_memory() -> tuple[Reading, ...]:
    """Share of training memory that 16-bit arithmetic saves: between that of state alone and that of activations alone.

    State is as large as in 32 bits (arXiv:1910.02054, section 3.1); activations take half the bytes.
    """
    state = 1 - MIXED_STATE / FULL_PRECISION_STATE
    words = f"{FULL_PRECISION_STATE} bytes of state a parameter either way, so {state:.0%} of it; activations 1 − 2 ÷ 4"
    return (between(state, 1 - 2 / 4, words),)


@check
def arithmetic_speedup(*, accelerator: str, arithmetic: str, baseline: str) -> tuple[Reading, ...]:
    """Share by which training speeds up at most: one dense peak over another, minus one."""
    peaks = accelerators()[accelerator].peak_flops_per_s
    after, before = (peaks[name] / 1e12 for name in (arithmetic, baseline))
    words = f"{after:g} TFLOP/s in {arithmetic} ÷ {before:g} in {baseline} of {accelerator} − 1"
    return (at_most(after / before - 1, words),)


@check
def recomputation_growth(*, layers: int) -> tuple[Reading, ...]:
    """Exponent with which kept activations grow with layers when only every so many are kept.

    The least of kept + recomputed layers, k + n / k, for n and for 4n layers. Source: Chen et al. 2016,
    arXiv:1604.06174, section 3.
    """

    def least(n: int) -> int:
        return min(k + -(-n // k) for k in range(1, n + 1))

    words = f"log₄ of {least(4 * layers)} activations held for {4 * layers} layers ÷ {least(layers)} for {layers}"
    return (exactly(log(least(4 * layers) / least(layers), 4), words),)


@check
def recomputation_saving(*, model: str, batch: int, tokens: int) -> tuple[Reading, ...]:
    """Share of training memory that recomputing every layer saves: of full training, and where only adapters train.

    A layer keeps s b h (34 + 5 a s / h) bytes, or 2 s b h where it is recomputed: Korthikanti et al. 2022,
    arXiv:2205.05198, equation 2 and section 5.
    """
    shape = models()[model]
    heads = shape.blocks[0].attention.heads
    unit = tokens * batch * shape.hidden * shape.layers
    kept, left = unit * (34 + 5 * heads * tokens / shape.hidden), unit * 2
    readings = []
    for name, state in (("all weights trained", MIXED_STATE), ("adapters alone trained", 2)):
        whole = state * parameters(shape) + kept
        words = (
            f"{model}, {batch} × {tokens:,} tokens, {name}: {(kept - left) / 1e9:.1f} of "
            f"{kept / 1e9:.1f} GB activations ÷ {whole / 1e9:.0f} GB in all"
        )
        readings.append(exactly((kept - left) / whole, words))
    return tuple(readings)


@check
def working_share(*, model: str, weight_format: str, tokens: int) -> tuple[Reading, ...]:
    """Share of an answering model's memory that recomputation could save at most: its working values.

    Nothing is kept for a backward pass: weights, cache and the widest layer's values are all there is.
    """
    shape = models()[model]
    working = float(activation_bytes(shape, batch=1, tokens=tokens))
    (rest,) = weights_and_cache(model=model, weight_format=weight_format, context_tokens=tokens)
    words = (
        f"no backward pass, so at most the working values: {working / 1e9:.2f} GB ÷ "
        f"{(working + rest.low) / 1e9:.2f} GB with weights and cache of {model} at {tokens:,} tokens"
    )
    return (at_most(working / (working + rest.low), words),)


@check
def sharded_state(*, model: str, devices: int) -> tuple[Reading, ...]:
    """Bytes of training state a device under ZeRO stage 3: 16 x parameters / devices. Source: arXiv:1910.02054."""
    stored = parameters(models()[model])
    words = f"{MIXED_STATE} bytes × {count(stored)} parameters of {model} ÷ {devices} devices, activations apart"
    return (exactly(MIXED_STATE * stored / devices, words),)


@check
def head_share(*, model: str, head: float) -> tuple[Reading, ...]:
    """Share of a model's parameters in its output head: as it is, and with the article's own head."""
    shape = models()[model]
    own, whole = parameters_by_part(shape)["lm_head"], parameters(shape)
    return (
        exactly(own / whole, f"{model}: {count(own)} ÷ {count(whole)}"),
        exactly(head / whole, f"with the article's own head: {count(head)} ÷ {count(whole)}"),
    )


@check
def adapter_share(*, model: str, rank: int) -> tuple[Reading, ...]:
    """Share of trainable parameters with low-rank adapters on every attention matrix: rank x (inputs + outputs).

    Source: Hu et al. 2021 (LoRA), arXiv:2106.09685, section 4.1.
    """
    shape = models()[model]
    adapted = [row for row in tensors(shape) if row.part == "attention" and row.is_matrix]
    added = sum(rank * sum(row.shape) * row.copies for row in adapted)
    words = f"{model}: rank {rank} × (inputs + outputs) of every attention matrix = {count(added)}"
    return (exactly(added / parameters(shape), f"{words} ÷ {count(parameters(shape))}"),)


@check
def wider_mlp_growth(*, before: int, after: int, hiddens: Sequence[int]) -> tuple[Reading, ...]:
    """Share by which a plain layer's parameters grow with its MLP's width: 4 h^2 + 2 h f, over a range of hidden h."""

    def layer(hidden: int, width: int) -> int:
        return 4 * hidden * hidden + 2 * hidden * width

    shares = [layer(hidden, after) / layer(hidden, before) - 1 for hidden in hiddens]
    words = f"(4 h² + 2 h × {after:,}) ÷ (4 h² + 2 h × {before:,}) − 1 for h from {min(hiddens):,} to {max(hiddens):,}"
    return (between(min(shares), max(shares), words),)
