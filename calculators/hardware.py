"""What does a model run on? Devices, their links, how they share the work, and what an engine makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import numpy as np

from calculators import UNKNOWN, Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """A device: memory that the driver leaves (bytes), dense peaks (FLOP/s by type), bandwidth, link, power, price.

    What nobody published is UNKNOWN. Every figure may be an array over many devices, so that one estimate serves all.
    `link_bytes_per_s` is one direction of one device; `node_devices` is how many such links join directly.
    """

    name: str
    memory_bytes: Quantity
    bandwidth_bytes_per_s: Quantity
    peak_flops_per_s: Mapping[str, Quantity] = field(default_factory=lambda: MappingProxyType({}))
    link_bytes_per_s: Quantity = UNKNOWN
    node_devices: Quantity = 8
    power_w: Quantity = UNKNOWN
    usd_per_hour: Quantity = UNKNOWN

    def peak(self, arithmetic: str) -> Quantity:
        """Dense FLOP/s in a type; where the device lacks it, of the 16-bit type that the engine falls back to."""
        known = self.peak_flops_per_s
        fallback = known.get("bf16", UNKNOWN)
        fallback = np.where(np.isnan(fallback), known.get("fp16", UNKNOWN), fallback)
        rate = known.get(arithmetic, UNKNOWN)
        return np.where(np.isnan(rate), fallback, rate)[()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """`replicas` copies of the model, each over tensor_parallel x pipeline_parallel devices; counts may be arrays."""

    accelerator: Accelerator
    tensor_parallel: Quantity = 1
    pipeline_parallel: Quantity = 1
    replicas: Quantity = 1

    @property
    def devices(self) -> Quantity:
        """Devices in all, a count."""
        return self.tensor_parallel * self.pipeline_parallel * self.replicas


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What no data sheet gives: the share of each rate that an engine reaches and what it adds, fitted to measurements.

    Shares are of the data sheet's figure. `traffic_passes`: how often a token's working values cross memory a layer.
    """

    name: str
    weight_bandwidth: float
    cache_bandwidth: float
    arithmetic: float
    attention_arithmetic: float
    product_s: float
    expert_bandwidth: float
    expert_arithmetic: float
    expert_product_s: float
    traffic_passes: float
    all_reduce_s: float
    hop_s: float
    link_bandwidth: float
    reserve_bytes: float
    parallel_reserve_bytes: float
    chunk_tokens: float
    small_chunk_tokens: float
    source: str = ""
    checked: date | None = None  # the day the source was read
    measured_as: tuple[str, ...] = ()  # what measurements call it
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def prefill_tokens(self, memory_bytes: Quantity) -> Quantity:
        """Prompt tokens run through the model at once at most, a count: more on devices of 70 GiB and above."""
        return np.where(np.asarray(memory_bytes) >= 70 * 2**30, self.chunk_tokens, self.small_chunk_tokens)[()]
