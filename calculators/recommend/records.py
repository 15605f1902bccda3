"""What is asked of a recommendation, what may be used, and what is it chosen from?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN
from calculators.architecture import Architecture
from calculators.attention import Mixer
from calculators.estimate import Workload
from calculators.formats import Format
from calculators.hardware import NO_SERVER, Accelerator, Engine, Server

GOALS = ("best quality", "lowest cost", "fastest answers", "lowest cost a token")
HOURS_A_MONTH = 730  # 365 x 24 / 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A job: how much of it, how long it may take (seconds), and the lowest score that will do on `benchmark`.

    `workload.batch` requests are in flight at once; where `requests_per_s` says how many arrive instead, as many are in
    flight as answer them. `context_tokens`: what the model must be able to read, at least the workload's.
    `power_w`: the most that all devices may draw at their rated power. Times are those of one prompt alone and of steps
    without prompts between; with `in_flight` the pick keeps to the limits in the mean of all requests in flight too.
    """

    workload: Workload
    requests_per_s: float = 0.0
    first_token_s: float = inf
    token_s: float = inf
    request_s: float = inf
    context_tokens: int = 0
    quality: float = 0.0
    benchmark: str = ""
    power_w: float = inf
    goal: str = GOALS[0]
    in_flight: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What may be used: so many `devices` of each accelerator named, one kind a deployment, within money and power.

    Dollars an hour or a month are what the devices are rented for, `usd_to_buy` what they are bought for; `power_w` is
    the rated power of the devices alone. `most_devices`: of one deployment. A rack has so many `rack_units` free and
    gives `server_power_w`, what whole servers draw from the wall, hosts included. `vendors`: those allowed, all if
    empty.
    """

    devices: Mapping[str, int]
    usd_per_hour: float = inf
    usd_per_month: float = inf
    usd_to_buy: float = inf
    power_w: float = inf
    most_devices: float = inf
    rack_units: float = inf
    server_power_w: float = inf
    vendors: frozenset[str] = frozenset()

    @property
    def buys(self) -> bool:
        """Whether devices are bought, so that cost is their price; else it is their rent."""
        return self.usd_to_buy < inf

    @property
    def hourly_usd(self) -> float:
        """The lower of the two limits on rent, dollars an hour."""
        return min(self.usd_per_hour, self.usd_per_month / HOURS_A_MONTH)


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """What an engine runs: formats of the cache and accelerators by name (None: all), and how it divides a model."""

    cache_formats: frozenset[str] | None = None
    accelerators: frozenset[str] | None = None
    tensor_parallel: bool = True
    pipeline_parallel: bool = True
    expert_parallel: bool = True

    def caches(self, formats: Mapping[str, Format]) -> list[Format]:
        """Those of the formats that the engine keeps a cache in."""
        return [fmt for name, fmt in formats.items() if self.cache_formats is None or name in self.cache_formats]

    def takes(self, accelerator: str) -> bool:
        """Whether the engine runs on an accelerator."""
        return self.accelerators is None or accelerator in self.accelerators


ANYTHING = Abilities()


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """What is chosen from, with prices and scores.

    `engines` run the weight formats of the family that they are named for, `engine` the others; what an engine can do
    is in `abilities` by its name. `quality` is a measured score by model on one benchmark, `kept` the share of it by
    (model, weight format) and `kept_range` its lowest and highest published. `usd_to_buy` is a device's price,
    `vendors` who makes it, `servers` what it stands in. `published` is the weight format that a model was published in.
    """

    models: Mapping[str, Architecture]
    weight_formats: Mapping[str, Format]
    cache_formats: Mapping[str, Format]
    accelerators: Mapping[str, Accelerator]
    engine: Engine
    quality: Mapping[str, float]
    kept: Mapping[tuple[str, str], float]
    engines: Mapping[str, Engine] = field(default_factory=lambda: MappingProxyType({}))
    abilities: Mapping[str, Abilities] = field(default_factory=lambda: MappingProxyType({}))
    kept_range: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    usd_to_buy: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    vendors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    servers: Mapping[str, Server] = field(default_factory=lambda: MappingProxyType({}))
    published: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def converted(self, model: str, weights: str) -> float:
        """0 where a model was published in a weight format, 1 where somebody has to make it of what was."""
        return 0.0 if self.published.get(model, "") == weights else 1.0

    def server_of(self, accelerator: str) -> Server:
        """The server that a device stands in; one of unknown figures where none is at hand."""
        return self.servers.get(accelerator, NO_SERVER)

    def engine_of(self, fmt: Format) -> Engine:
        """The engine that runs a weight format."""
        return self.engines.get(fmt.family, self.engine)

    def abilities_of(self, engine: Engine) -> Abilities:
        """What an engine can do; everything where nothing is said."""
        return self.abilities.get(engine.name, ANYTHING)

    def score(self, model: str, fmt: str) -> float:
        """The model's measured score less what the format was measured to lose; UNKNOWN where either was not."""
        return self.quality.get(model, UNKNOWN) * self.kept.get((model, fmt), UNKNOWN)

    def score_range(self, model: str, fmt: str) -> tuple[float, float]:
        """The score with the largest and with the smallest loss that was published of the format."""
        score, kept = self.quality.get(model, UNKNOWN), self.kept.get((model, fmt), UNKNOWN)
        low, high = self.kept_range.get((model, fmt), (kept, kept))
        return score * low, score * high


@lru_cache(maxsize=8192)
def divides(model: Architecture, width: int) -> bool:
    """Whether tensor parallel of this width splits every attention evenly: query heads, KV heads or their copies."""
    return all(splits(block.attention, width) for block in model.blocks)


def splits(attention: Mixer, width: int) -> bool:
    """Whether tensor parallel of this width splits an attention evenly."""
    shards = attention.cache_shards
    return attention.heads % width == 0 and (shards % width == 0 or width % shards == 0)


def runs_on(card: Accelerator, fmt: Format) -> NDArray[np.bool_]:
    """Whether a device runs a format: INT8 arithmetic needs INT8 units, 8- and 4-bit floats at least BF16 ones.

    Where the type itself is missing, engines widen what is stored to 16 bits.
    """
    needed = {"int8": "int8", "fp8": "bf16", "fp4": "bf16"}.get(fmt.arithmetic)
    if needed is None:
        return np.array(True)
    known: NDArray[np.bool_] = np.isfinite(np.asarray(card.peak_flops_per_s.get(needed, UNKNOWN), dtype=float))
    return known


def computes(card: Accelerator, fmt: Format) -> bool:
    """Whether a device has the arithmetic that a format computes in; without it, engines widen to 16 bits."""
    return fmt.arithmetic == "bf16" or bool(np.isfinite(card.peak_flops_per_s.get(fmt.arithmetic, UNKNOWN)))


def keeps_on(card: Accelerator, fmt: Format) -> NDArray[np.bool_]:
    """Whether engines keep a cache in a format on a device: floats of fewer than 16 bits as they run such weights."""
    narrow = fmt.floats and fmt.bits_per_value < 16
    return runs_on(card, replace(fmt, arithmetic="fp8")) if narrow else np.array(True)
