"""What does a model take in memory, in which format, and what does a format cost? Checks of bytes and of scores."""

from collections.abc import Sequence

from calculators.architecture import parameters
from calculators.memory import kv_cache_bytes, weight_bytes
from presets.catalog import cache_formats, format_losses, formats, models
from presets.checks.reading import Reading, between, check, count, exactly


@check
def weight_size(*, model: str, weight_format: str) -> tuple[Reading, ...]:
    """Bytes of a model's weights in a format of the catalog, scales included."""
    size = weight_bytes(models()[model], formats()[weight_format])
    words = f"Σ over the weight tensors of {model}, {count(parameters(models()[model]))} values, in {weight_format}"
    return (exactly(size, words),)


@check
def nominal_size(*, parameters: float, weight_formats: Sequence[str]) -> tuple[Reading, ...]:
    """Bytes of a round number of parameters, all in one format: parameters x bits a value / 8."""
    return tuple(
        exactly(
            parameters * formats()[name].bits_per_value / 8,
            f"{count(parameters)} parameters × {formats()[name].bits_per_value:g} bits in {name} ÷ 8",
        )
        for name in weight_formats
    )


def _storage(model: str, weight_formats: Sequence[str], baseline: str, *, share: bool) -> tuple[Reading, ...]:
    whole = weight_bytes(models()[model], formats()[baseline])
    readings = []
    for name in weight_formats:
        size = weight_bytes(models()[model], formats()[name])
        pair = ((size, name), (whole, baseline)) if share else ((whole, baseline), (size, name))
        over, under = (f"{bytes_ / 1e9:.2f} GB in {label}" for bytes_, label in pair)
        readings.append(exactly(pair[0][0] / pair[1][0], f"{model}: {over} ÷ {under}"))
    return tuple(readings)


@check
def times_smaller(*, model: str, weight_formats: Sequence[str], baselines: Sequence[str]) -> tuple[Reading, ...]:
    """How many times smaller than in a baseline a model is in a format: scales and what the format leaves included."""
    return tuple(reading for base in baselines for reading in _storage(model, weight_formats, base, share=False))


@check
def size_share(*, model: str, weight_formats: Sequence[str], baseline: str) -> tuple[Reading, ...]:
    """Share of its bytes in a baseline that a model takes in a format: scales and what the format leaves included."""
    return _storage(model, weight_formats, baseline, share=True)


@check
def weights_and_cache(*, model: str, weight_format: str, context_tokens: int) -> tuple[Reading, ...]:
    """Bytes of a model's weights and of the 16-bit KV cache of one sequence."""
    shape = models()[model]
    weights = weight_bytes(shape, formats()[weight_format])
    cache_bytes = float(kv_cache_bytes(shape, cache_formats()["BF16"], batch=1, context_tokens=context_tokens))
    words = (
        f"{model}: {weights / 1e9:.2f} GB of weights in {weight_format} + {cache_bytes / 1e9:.2f} GB of KV cache "
        f"for {context_tokens:,} tokens"
    )
    return (exactly(weights + cache_bytes, words),)


@check
def score_lost(*, weight_formats: Sequence[str]) -> tuple[Reading, ...]:
    """Share of a score that a format loses: the spread of what was published for it, not computed but measured."""
    readings = []
    for name in weight_formats:
        loss = format_losses()[name]
        low, high = (end / 100 for end in loss.loss_spread)
        words = f"{name}: published losses {100 * low:g} to {100 * high:g} %, {loss.loss_percent:g} % kept as typical"
        readings.append(between(low, high, words))
    return tuple(readings)
