"""How are SGLang's start-up logs predicted? Weights, the cache from its tokens, and the cache that its share leaves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from calculators.architecture import Architecture
from calculators.formats import Format
from calculators.hardware import Deployment, Engine, MemoryRule
from calculators.serving_memory import loaded_bytes
from presets.accuracy.rows import (
    GIB,
    NOWHERE,
    Configs,
    Row,
    Skip,
    cache_format_named,
    collected,
    count,
    figure,
    format_named,
    memory_rule,
    model_of,
)

COLUMNS = frozenset({"mem_fraction_static", "weights_mem_usage_gb", "kv_tokens", "k_size_gb"})
ENGINE = "sglang"


@dataclass(frozen=True, kw_only=True)
class Log:
    """A start-up log: each method is one quantity, (measured, predicted) in bytes of a rank."""

    row: Row
    model: Architecture
    cache: Format
    rule: MemoryRule
    layout: Deployment

    def _loaded(self) -> float:
        label, name = self.row["quantization"], self.row["model"].split("/")[-1]
        try:
            named = format_named(name)
        except Skip:
            named = format_named(self.row["dtype"])
        if label == "none" and named.bits < 16:
            raise Skip(f"quantization is none, and the name says {named.name}: what is quantized is not stated")
        fmt = named if label in ("", "none") else format_named(label)
        return float(loaded_bytes(self.model, fmt, self.layout, self.rule))

    def weights(self) -> tuple[float, float]:
        """Weights as loaded."""
        if "GB10" in self.row["gpu"]:
            raise Skip("on GB10 free memory is the host's too: its difference is not the weights")
        return figure(self.row, "weights_mem_usage_gb") * GIB, self._loaded()

    def _held(self) -> float:
        return (sum(several(self.row, "k_size_gb")) + sum(several(self.row, "v_size_gb"))) * GIB

    def token_bytes(self) -> tuple[float, float]:
        """Cache bytes a token; a model with windows has a pool of them before that of whole contexts."""
        pools = several(self.row, "kv_tokens")
        # Logs that do not name the cache's type are older and leave the scales of 4 bits out of its size.
        cache = self.cache if "dtype: " in self.row["excerpt"] else replace(self.cache, scale_bytes=0)
        predicted = 0.0
        for block in self.model.blocks:
            attention = block.attention
            tokens = pools[-1] if attention.window is None else pools[0]
            size = cache.bits_per_value / 8 * attention.cached_values * block.count
            predicted += tokens * size / min(int(self.layout.tensor_parallel), attention.cache_shards)
        return self._held() / sum(pools), predicted / sum(pools)

    def room(self) -> tuple[float, float]:
        """The cache that the share of the memory free before loading leaves."""
        share, free = figure(self.row, "mem_fraction_static"), figure(self.row, "avail_before_load_gb") * GIB
        return self._held(), max(share * free - self._loaded(), 0.0)


def several(row: Row, column: str) -> list[float]:
    """The numbers of a column, one a pool."""
    return [figure({column: part.strip()}, column) for part in row[column].split(";")]


def prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a start-up log."""
    log = Log(
        row=row,
        model=model_of(row, configs),
        cache=cache_format_named(row["kv_cache_dtype"]),
        rule=memory_rule(ENGINE, profiles),
        layout=Deployment(accelerator=NOWHERE, tensor_parallel=count(row, "tp_size", 1)),
    )
    return collected({"weight_bytes": log.weights, "kv_bytes_per_token": log.token_bytes, "kv_cache_bytes": log.room})
