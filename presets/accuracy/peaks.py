"""How are published peaks of generation predicted? Weights and the cache of all tokens, as such tables grow."""

from collections.abc import Mapping

from calculators.hardware import Engine
from calculators.memory import kv_cache_bytes, weight_bytes
from presets.accuracy.rows import GIB, Configs, Row, Skip, count, figure, format_named, memory_rule, model_of, number
from presets.catalog import cache_formats

COLUMNS = frozenset({"peak_mem_gib", "input_len", "output_len", "quantization"})
ENGINE = ""  # the rows name theirs


def prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a row of a table of generations.

    Qwen's tables print what is held when the answer ends: from 14,336 to 30,720 prompt tokens they grow by the cache
    alone, and a prompt's working values are not in them.
    """
    word = row["engine"].split(" ")[0].casefold()
    rule = memory_rule(word, profiles)
    if count(row, "gpu_count", 1) > 1:
        raise Skip("a sum over devices")
    model = model_of(row, configs)
    tokens = number(row, "input_len", 0) + number(row, "output_len", 0)
    cache = cache_formats()["INT8" if "int8 kv" in row["quantization"].casefold() else "BF16"]
    size = weight_bytes(model, format_named(row["quantization"].split(",")[0]))
    held = kv_cache_bytes(model, cache, batch=count(row, "batch"), context_tokens=tokens)
    return {"peak_bytes": (figure(row, "peak_mem_gib") * GIB, float(size + held + rule.workspace_bytes))}
