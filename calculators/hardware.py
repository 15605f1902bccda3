"""What does a model run on? Devices, their links, how they share the work, and what an engine makes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN, Quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """A device: memory that the driver leaves (bytes), dense peaks (FLOP/s by type), bandwidth, link, power, price.

    What nobody published is UNKNOWN. Every figure may be an array over many devices, so that one estimate serves all.
    `link_bytes_per_s` is one direction of one device; `node_devices` is how many such links join directly.
    `host_bytes_per_s` is what the device reads of the host's memory: PCIe, or its own bandwidth where they share one.
    `host_memory_bytes_per_s` and `host_flops_per_s` are what a host's own processor reads and computes, as machines
    around devices of this kind have it.
    """

    name: str | NDArray[np.str_]
    memory_bytes: Quantity
    bandwidth_bytes_per_s: Quantity
    peak_flops_per_s: Mapping[str, Quantity] = field(default_factory=lambda: MappingProxyType({}))
    link_bytes_per_s: Quantity = UNKNOWN
    host_bytes_per_s: Quantity = UNKNOWN
    host_memory_bytes_per_s: Quantity = UNKNOWN
    host_flops_per_s: Quantity = UNKNOWN
    node_devices: Quantity = 8
    power_w: Quantity = UNKNOWN
    usd_per_hour: Quantity = UNKNOWN

    def peak(self, arithmetic: str) -> Quantity:
        """Dense FLOP/s in a type; where the device lacks it, of the 16-bit type that the engine falls back to."""
        known = self.peak_flops_per_s
        rate = known.get(arithmetic, UNKNOWN)
        lacking = np.isnan(rate)
        if not lacking.any():
            return rate
        fallback = known.get("bf16", UNKNOWN)
        fallback = np.where(np.isnan(fallback), known.get("fp16", UNKNOWN), fallback)
        return np.where(lacking, fallback, rate)[()]


# The figures of an accelerator but its peaks.
FIGURES = tuple(each.name for each in fields(Accelerator) if each.name not in ("name", "peak_flops_per_s"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet(Accelerator):
    """Accelerators side by side: every figure is an array over them, and so are peaks, through `peak`.

    Where they are those of a `whole` fleet at `places`, maybe many times, what follows from an accelerator alone is
    worked out once over the whole, and kept there under a key that says what it follows from.
    """

    whole: "Fleet | None" = None
    places: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    known: dict[Any, list[Quantity]] = field(default_factory=dict)

    def some(self, places: NDArray[np.intp]) -> "Fleet":
        """The accelerators at these places of a whole fleet."""
        figures: dict[str, Any] = {name: getattr(self, name)[places] for name in FIGURES}
        return Fleet(name="", whole=self, places=places, **figures)

    def peak(self, arithmetic: str) -> Quantity:
        if self.whole is None:
            return Accelerator.peak(self, arithmetic)
        return np.asarray(self.whole.peak(arithmetic))[self.places]


def by_accelerator(card: Accelerator, key: Any, follow: Callable[[Accelerator], Sequence[Quantity]]) -> list[Quantity]:
    """Figures that follow from each accelerator alone, the last axis over them: of a fleet's as they are kept."""
    if not isinstance(card, Fleet):
        return list(follow(card))
    if key not in card.known:
        if card.whole is None:
            shape = np.shape(card.memory_bytes)
            card.known[key] = [
                np.broadcast_to(figure, np.shape(figure)[:-1] + shape) if np.ndim(figure) else figure
                for figure in follow(card)
            ]
        else:
            card.known[key] = [
                np.take(figure, card.places, axis=-1) if np.ndim(figure) else figure
                for figure in by_accelerator(card.whole, key, follow)
            ]
    return card.known[key]


def side_by_side(accelerators: Sequence[Accelerator]) -> Fleet:
    """The accelerators side by side; a peak that one of them lacks is unknown."""
    types = sorted({kind for card in accelerators for kind in card.peak_flops_per_s})
    peaks = {kind: np.array([card.peak_flops_per_s.get(kind, UNKNOWN) for card in accelerators]) for kind in types}
    figures: dict[str, Any] = {
        name: np.array([getattr(card, name) for card in accelerators], dtype=float) for name in FIGURES
    }
    names = np.array([card.name for card in accelerators])
    return Fleet(name=names, peak_flops_per_s=MappingProxyType(peaks), **figures)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """What devices stand in: so many of them when full, its height in rack units, and the most that it draws, watts.

    Power is that of the whole server, hosts, network and fans included. What nobody published is UNKNOWN. Every figure
    may be an array, of the servers of many devices side by side.
    """

    name: str
    devices: Quantity = UNKNOWN
    rack_units: Quantity = UNKNOWN
    power_w: Quantity = UNKNOWN

    def taken(self, devices: Quantity) -> Quantity:
        """Servers that so many devices take, a count: devices / devices a server, in whole servers.

        >>> float(Server(name="of eight", devices=8).taken(9))
        2.0
        """
        return np.ceil(np.asarray(devices) / self.devices)[()]

    def rack_units_of(self, devices: Quantity) -> Quantity:
        """Rack units that so many devices take, 44.45 mm each."""
        return self.taken(devices) * self.rack_units

    def power_w_of(self, devices: Quantity) -> Quantity:
        """The most that the servers of so many devices draw from the wall, W, however few of a server's are used."""
        return self.taken(devices) * self.power_w


NO_SERVER = Server(name="")  # of devices whose server nobody published, or that stand in none


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """`replicas` copies of the model, each over tensor_parallel x pipeline_parallel devices; counts may be arrays.

    `expert_parallel`: routed experts are divided whole over so many groups of the tensor-parallel devices, each of
    which divides its experts further; 1 divides every expert over all of them.
    """

    accelerator: Accelerator
    tensor_parallel: Quantity = 1
    pipeline_parallel: Quantity = 1
    expert_parallel: Quantity = 1
    replicas: Quantity = 1

    @property
    def devices(self) -> Quantity:
        """Devices in all, a count."""
        return self.tensor_parallel * self.pipeline_parallel * self.replicas


def fullest_stage(sizes: Sequence[Quantity], counts: Sequence[int], stages: Quantity) -> list[Quantity]:
    """Share of each kind of layer on the fullest pipeline stage: ceil(layers / stages) layers, the heaviest first.

    `sizes` are of one layer of each kind, `counts` how many there are.
    """
    layers = np.ceil(sum(counts) / stages)
    shares: list[Quantity] = []
    for index, own in enumerate(sizes):
        before: Quantity = 0
        for other, size in enumerate(sizes):
            heavier = np.asarray(size) >= own if other < index else np.asarray(size) > own
            before = before + counts[other] * heavier
        shares.append((np.clip(layers - before, 0, counts[index]) / counts[index])[()])
    return shares


# What a memory rule charges against a device, in the order in which charts stack it.
CHARGES = ("weights", "activations", "libraries", "graphs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Tokens and sequences that an engine takes at once by itself on devices of `least_bytes` and more."""

    least_bytes: float = 0
    tokens: Quantity = np.inf
    sequences: Quantity = np.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserve:
    """What an engine leaves out of its share where nobody states one, bytes: a sum of terms, at least `least_bytes`."""

    constant_bytes: float
    token_bytes: float  # for each token at once, counted as least_tokens at least
    least_tokens: float
    sequence_bytes: float
    device_bytes: float  # for each device that shares the model
    least_bytes: float  # on devices of large_bytes and more
    large_bytes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryRule:
    """How an engine divides a device's memory, bytes a device.

    cache = share x (memory - hidden - charges `before`) - charges `within`. Without a stated share it is what `reserve`
    leaves. Working values are the larger of a layer's, for every token at once (`residuals` x hidden, the wider of
    attention and MLP, cosines and sines), and `logit_bytes` for each logit of the sequences sampled at once.
    `profiled`: for the most tokens that the engine takes, whatever prompts are at hand.
    """

    before: frozenset[str]
    within: frozenset[str]
    steps: tuple[Step, ...]
    share: Quantity | None = None
    reserve: Reserve | None = None
    share_name: str = ""  # what the engine calls its share, tokens and sequences; empty where it has no such setting
    tokens_name: str = ""
    sequences_name: str = ""
    layers_name: str = ""
    prints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # the words of its log
    small_devices: tuple[str, ...] = ()  # that count as the smallest step whatever they hold
    profiled: bool = True
    value_bytes: float = 2
    residuals: float = 0
    rotary_tables: float = 0
    token_bytes: float = 0
    logit_bytes: float = 0
    workspace_bytes: float = 0
    hidden_bytes: float = 0  # that the driver shows and the runtime does not
    libraries_bytes: float = 0
    parallel_libraries_bytes: float = 0
    graph_bytes: float = 0
    block_tokens: int = 1  # the cache is given out in blocks of this many tokens
    latent_block_tokens: int = 1
    window_pad_tokens: int = 0  # a window's cells: window + tokens at once, in steps of this; 0: the window alone
    rotary_cache: bool = False  # the cosines and sines of every position stand beside the weights
    host_parts: frozenset[str] = frozenset()  # parts of the model that stay in the host's memory
    device_layers: Quantity = np.inf
    host_computes: bool = False  # layers and parts in the host's memory are computed by its processor
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def sizes_cache(self) -> bool:
        """Whether the engine sets the cache's size itself when it starts, rather than by what requests ask."""
        return self.share is not None or self.reserve is not None

    def step(self, accelerator: Accelerator) -> tuple[Quantity, Quantity]:
        """Tokens and sequences at once on a device, counts."""
        tokens, sequences = by_accelerator(accelerator, (self.steps, self.small_devices), self._step)
        return tokens, sequences

    def _step(self, accelerator: Accelerator) -> tuple[Quantity, Quantity]:
        tokens, sequences = self.steps[0].tokens, self.steps[0].sequences
        names, memory = np.asarray(accelerator.name), np.asarray(accelerator.memory_bytes)
        small = sum((np.char.find(names, name) >= 0 for name in self.small_devices), start=np.asarray(False))
        for step in self.steps[1:]:
            large = (memory >= step.least_bytes) & ~small
            tokens = np.where(large, step.tokens, tokens)[()]
            sequences = np.where(large, step.sequences, sequences)[()]
        return tokens, sequences


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheduler:
    """How an engine's server spends time around its passes; zeros are those of a scheduler that costs nothing.

    `step_s`: choosing and sampling, in every step. `request_s`: from a request's arrival to its first step. `mixes`:
    a prompt's chunk rides in a decode step; otherwise it stops the others for its whole pass. `grouping`: share of
    the prompts that fit one chunk together which a request waits for. `burst`: share of the others' prompts that it
    queues behind, having come together with them.
    """

    step_s: Quantity = 0.0
    request_s: Quantity = 0.0
    burst: Quantity = 0.0
    grouping: Quantity = 0.0
    mixes: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """What no data sheet gives: the share of each rate that an engine reaches and what it adds, fitted to measurements.

    Shares are of the data sheet's figure; `narrow_arithmetic` is the part of them that remains with each halving of 16
    bits. `tile_rows`: tokens that a kernel multiplies at once at most, to whole multiples of which it pads.
    `dequantization_flops`: operations of 32 bits that widen one weight value. `traffic_passes`: how often a token's
    working values cross memory a layer. A fit gives arrays.

    `launch_s`: host's time to start one kernel from Python, `virtual_launch_s` on a virtual machine; zero where graphs
    are replayed. How many it starts: one a product (`narrow_kernels` more where its input is narrowed), and of each
    norm, layer and expert layer as named; where it loops over experts in Python, `loop_kernels` of each expert of a
    layer and its products, chosen or not. `host_step_s`: what Python does around a decode step, choosing the next
    token, `virtual_host_step_s` on a virtual machine. `host_bandwidth`: share of its memory's rate that a host's
    processor reaches.
    """

    name: str
    weight_bandwidth: Quantity
    cache_bandwidth: Quantity
    arithmetic: Quantity
    attention_arithmetic: Quantity
    narrow_arithmetic: Quantity
    tile_rows: Quantity
    dequantization_flops: Quantity
    product_s: Quantity
    expert_bandwidth: Quantity
    expert_arithmetic: Quantity
    expert_product_s: Quantity
    expert_tile_rows: Quantity
    traffic_passes: Quantity
    all_reduce_s: Quantity
    hop_s: Quantity
    link_bandwidth: Quantity
    host_bandwidth: Quantity
    launch_s: Quantity
    virtual_launch_s: Quantity
    host_step_s: Quantity
    virtual_host_step_s: Quantity
    layer_kernels: Quantity
    norm_kernels: Quantity
    expert_kernels: Quantity
    loop_kernels: Quantity
    narrow_kernels: Quantity
    reserve_bytes: float
    parallel_reserve_bytes: float
    chunk_tokens: float
    small_chunk_tokens: float
    scheduler: Scheduler = Scheduler()
    memory: MemoryRule | None = None  # None: it may fill the device, and the cache takes what requests need
    times_of: str = ""  # whose rates and overheads these are, where this engine's own were not measured
    loops_experts: bool = False  # in Python, one after the other, in place of products over all of them
    fitted: bool = True  # whether its times were fitted to measurements of it
    source: str = ""
    checked: date | None = None  # the day the source was read
    measured_as: tuple[str, ...] = ()  # what measurements call it
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def prefill_tokens(self, memory_bytes: Quantity) -> Quantity:
        """Prompt tokens run through the model at once at most, a count: more on devices of 70 GiB and above."""
        return np.where(np.asarray(memory_bytes) >= 70 * 2**30, self.chunk_tokens, self.small_chunk_tokens)[()]

    def tokens_at_once(self, accelerator: Accelerator) -> Quantity:
        """Tokens that a step takes at most, a count: by the memory rule where there is one."""
        if self.memory is None:
            return self.prefill_tokens(accelerator.memory_bytes)
        return self.memory.step(accelerator)[0]
