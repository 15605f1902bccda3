"""How far off were such predictions? The errors against shipped measurements, in words."""

from collections.abc import Mapping
from functools import cache
from math import expm1

import numpy as np

from calculators.estimate import Scenario, weights_of
from calculators.recommend import Candidate
from pages.ui.explain.wording import per_cent
from presets.accuracy import compare, config_reader, read_rows
from presets.catalog import engines
from presets.loader import HERE


@cache
def _shipped_errors(file: str) -> dict[str, tuple[int, float, float]]:
    """(rows, median, 90th percentile) of the error on a file of shipped measurements, by quantity, as computed now."""
    rows = read_rows(HERE / "measured" / file)
    found, _ = compare(rows, config_reader([HERE / "measured" / "configs"]), engines())
    errors: dict[str, list[float]] = {}
    for item in found:
        errors.setdefault(item.quantity, []).append(abs(item.error))
    return {
        quantity: (len(all_), float(np.median(all_)), float(np.quantile(all_, 0.9)))
        for quantity, all_ in errors.items()
    }


# What stands for a time of one pass where only answers of a server were measured.
SERVED = {"prefill_s": "ttft_s", "decode_step_s": "tpot_s"}


@cache
def _left_out() -> dict[tuple[str, str], list[float]]:
    """Absolute errors of what a fit without the model predicted for it, by engine and quantity."""
    errors: dict[tuple[str, str], list[float]] = {}
    for row in read_rows(HERE / "residuals.csv"):
        key = row["engine"], row["quantity"]
        errors.setdefault(key, []).append(abs(expm1(float(row["log_error"]))))
    return errors


def measured_error(scenario: Scenario, quantity: str) -> str:
    """How far off such predictions were for models that were left out of the fit."""
    return _measured_error(scenario.engine.name, quantity)


@cache
def _measured_error(name: str, quantity: str) -> str:
    errors = _left_out().get((name, quantity)) or _left_out().get((name, SERVED[quantity]))
    if not errors:
        return f"No measurement of {name} tells how far off this is."
    middle, high = np.median(errors), np.quantile(errors, 0.9)
    return (
        f"For models that the fit of {name} had not seen, such times were {per_cent(middle)} off in the middle and "
        f"within {per_cent(high)} for nine in ten (n = {len(errors)})."
    )


# Which measurements tell how far off an engine's memory is: file, quantity, what it is called in a sentence.
MEMORY_MEASURED: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "vLLM": (
        ("vllm_memory.csv", "weight_bytes", "weights"),
        ("vllm_memory.csv", "kv_cache_unaided_bytes", "the cache that is left"),
        ("vllm_memory.csv", "kv_bytes_per_token", "its bytes a token"),
    ),
    "SGLang": (("sglang_memory.csv", "kv_bytes_per_token", "the cache's bytes a token"),),
    "llama.cpp": (
        ("llamacpp_memory.csv", "model_buffer_bytes", "model buffers"),
        ("llamacpp_memory.csv", "kv_bytes_per_token", "the cache's bytes a token"),
        ("llamacpp_memory.csv", "compute_buffer_bytes", "compute buffers with flash attention"),
    ),
    "Hugging Face transformers": (
        ("gpu.csv", "generate_peak_over_weights_bytes", "the peak over the weights"),
        ("inference_peak_memory.csv", "peak_bytes", "what is held after an answer"),
    ),
}  # fmt: skip


def memory_error(engine: str) -> str:
    """How far off an engine's memory was predicted where its logs are known."""
    parts = []
    for file, quantity, name in MEMORY_MEASURED.get(engine, ()):
        rows, median, high = _shipped_errors(file)[quantity]
        parts.append(
            f"{name} {per_cent(median, 1)} off in the middle, {per_cent(high, 1)} for nine in ten (n = {rows})"
        )
    if not parts:
        return f"No measurements of {engine}'s memory are compared yet: its rule is taken from its documentation."
    return f"Against {engine} as logged or measured: {'; '.join(parts)}."


def weights_off_bytes(item: Candidate) -> float:
    """Bytes that nine in ten predictions of an engine's weights were off by at most; UNKNOWN where none is compared."""
    for file, quantity, _ in MEMORY_MEASURED.get(item.scenario.engine.name, ()):
        if quantity in ("weight_bytes", "model_buffer_bytes"):
            return _shipped_errors(file)[quantity][2] * float(weights_of(item.estimate.memory_bytes))
    return float("nan")
