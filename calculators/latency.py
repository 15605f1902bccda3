"""How long does a pass through the model take, and what bounds it? Rows of work through a roofline with overheads.

A row takes max(FLOPs / rate + widening, bytes / bandwidth) + overhead seconds; a pass is the sum of its rows, or the
time that the host takes to start its kernels where that is longer. Rates are the data sheet's times the share that the
engine reaches.
Source of the roofline: Williams et al. 2009, doi:10.1145/1498765.1498785.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from calculators import UNKNOWN, Quantity
from calculators.architecture import Architecture, block_layers, tensors
from calculators.attention import LinearMixer, NoAttention, attended_pairs, reach
from calculators.formats import Format, Stack, ledger_bytes
from calculators.hardware import Accelerator, Deployment, Engine, by_accelerator
from calculators.memory import working_values

# What can bound a row, in the order in which charts stack them.
BOUNDS = ("bandwidth", "arithmetic", "dequantization", "overhead", "links")
# Tables of which a token reads a row.
LOOKED_UP = ("embedding", "position_embedding", "per_layer_embedding")


def _is_nothing(quantity: Quantity) -> bool:
    """Whether a quantity is the number 0, which a sweep need not multiply a million times."""
    return isinstance(quantity, float) and quantity == 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One row of a pass on one device: what it multiplies and reads, and the seconds each would take alone.

    `dequantization_s`: widening weights that are stored narrower than they are multiplied, by the same units that
    multiply, while memory delivers the next. `shared` marks projections that several heads use, which divide over fewer
    devices than the rest of their part.
    """

    part: str
    shared: bool = False
    flops: Quantity = 0.0
    bytes_read: Quantity = 0.0
    arithmetic_s: Quantity = 0.0
    dequantization_s: Quantity = 0.0
    bandwidth_s: Quantity = 0.0
    overhead_s: Quantity = 0.0
    links_s: Quantity = 0.0

    @property
    def seconds(self) -> Quantity:
        """Seconds of the row: the slower of arithmetic and memory, then what cannot overlap."""
        return self.busy_s + self.waiting_s

    @property
    def busy_s(self) -> Quantity:
        """Seconds in which the device computes or reads: the slower of the two."""
        widened = not _is_nothing(self.dequantization_s)
        computed = self.arithmetic_s + self.dequantization_s if widened else self.arithmetic_s
        return np.maximum(computed, self.bandwidth_s)

    @property
    def waiting_s(self) -> Quantity:
        """Seconds that overlap with nothing: starts and links."""
        return self.overhead_s + self.links_s

    def times(self, passes: Quantity) -> "Work":
        """The work of so many passes, or of a share of one."""

        def scaled(quantity: Quantity) -> Quantity:
            return 0.0 if _is_nothing(quantity) else quantity * passes

        return Work(
            part=self.part,
            shared=self.shared,
            flops=scaled(self.flops),
            bytes_read=scaled(self.bytes_read),
            arithmetic_s=scaled(self.arithmetic_s),
            dequantization_s=scaled(self.dequantization_s),
            bandwidth_s=scaled(self.bandwidth_s),
            overhead_s=scaled(self.overhead_s),
            links_s=scaled(self.links_s),
        )

    @property
    def seconds_by_bound(self) -> dict[str, Quantity]:
        """Seconds of the row by what bounds them, keys BOUNDS; they add up to `seconds`."""
        memory = np.asarray(self.bandwidth_s) >= self.arithmetic_s + self.dequantization_s
        return {
            "bandwidth": np.where(memory, self.bandwidth_s, 0.0)[()],
            "arithmetic": np.where(memory, 0.0, self.arithmetic_s)[()],
            "dequantization": np.where(memory, 0.0, self.dequantization_s)[()],
            "overhead": self.overhead_s,
            "links": self.links_s,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Products:
    """The matrix products of a part, collapsed: one row serves all layers."""

    part: str
    shards: int | None
    values: float  # weight values that one token meets, so 2 FLOPs each
    stored: Quantity  # bytes of all copies, as often as they are met
    products: float  # matrices a token is multiplied with, each started once
    experts: int = 0
    chosen: int = 0


@lru_cache(maxsize=8192)
def products(model: Architecture, fmt: Format) -> tuple[Products, ...]:
    """The matrix products of a pass, by part and by over how many devices they divide."""
    mlps = {
        layer: block.mlp
        for block, layers in zip(model.blocks, block_layers(model.blocks), strict=True)
        for layer in layers
    }
    head = "embedding" if model.tied_embeddings else "lm_head"
    sums: dict[tuple[str, int | None, int, int], tuple[float, Quantity, float]] = {}
    for row, size in zip(tensors(model), ledger_bytes(model, fmt), strict=True):
        if not row.is_matrix or not row.used or (row.part in LOOKED_UP and row.part != head):
            continue
        mlp = mlps[row.layers[0]] if row.part == "routed_experts" else None
        experts, chosen = (mlp.experts, mlp.chosen) if mlp else (0, 0)
        key = ("lm_head" if row.part == head else row.part, row.shards, experts, chosen)
        values, stored, products = sums.get(key, (0.0, 0.0, 0.0))
        sums[key] = (
            values + row.values * row.used * row.passes,
            stored + size * row.passes,
            products + row.passes * max(len(row.layers), 1),
        )
    return tuple(
        Products(
            part=part, shards=shards, experts=experts, chosen=chosen, values=values, stored=stored, products=products
        )
        for (part, shards, experts, chosen), (values, stored, products) in sums.items()
    )


def experts_read(experts: int, chosen: int, tokens: Quantity) -> Quantity:
    """Experts whose weights a batch reads, a count: E (1 - (1 - k/E)^T) when T tokens choose k of E evenly.

    >>> experts_read(8, 2, tokens=1), experts_read(8, 2, tokens=4), round(experts_read(8, 2, tokens=64), 6)
    (2.0, 5.46875, 8.0)
    """
    return experts * (1 - (1 - chosen / experts) ** tokens)


def busiest_experts(
    experts: int, chosen: int, tokens: Quantity, groups: Quantity
) -> tuple[Quantity, Quantity]:  # fmt: skip
    """Load of the busiest of `groups` groups of experts as multiples of the mean: (tokens it serves, experts it reads).

    Of n nearly normal counts the largest is on average no more than mean + deviation x sqrt(2 ln n) (Boucheron et al.
    2013, Concentration Inequalities, theorem 2.5). Choices are taken to be even: a token's are k of E without
    replacement, an expert is touched or not by itself. One group has no busiest.

    >>> busiest_experts(8, 2, tokens=100, groups=1) == (1.0, 1.0)
    True
    """
    spread = np.sqrt(2 * np.log(groups))
    served = tokens * chosen / groups
    variance = served * (1 - 1 / groups) * (experts - chosen) / max(experts - 1, 1)
    each = experts / groups
    touched = experts_read(experts, chosen, tokens) / experts
    reads = np.minimum(each * touched + spread * np.sqrt(each * touched * (1 - touched)), each)
    return 1 + spread * np.sqrt(variance) / served, reads / (each * touched)


def _peak(card: Accelerator, arithmetic: str, *, decode: bool) -> Quantity:
    """FLOP/s to reckon with. Where unknown, a decode step counts its memory alone, a lower bound; a prompt cannot."""
    rate = card.peak(arithmetic)
    return np.where(np.isnan(rate), np.inf, rate)[()] if decode else rate


def tile_rows(rows: Quantity, largest: Quantity) -> Quantity:
    """Rows that a kernel multiplies for so many: whole tiles of `largest` rows, of the next power of two below that.

    >>> [float(tile_rows(rows, 128)) for rows in (1, 3, 65, 128, 129, 300)]
    [1.0, 4.0, 128.0, 128.0, 256.0, 384.0]
    """
    part, power = np.frexp(rows)  # rows are part x 2^power, 1/2 <= part < 1
    tile = np.minimum(largest, np.ldexp(1.0, power - (part == 0.5)))
    padded: Quantity = np.ceil(rows / tile) * tile
    return padded


# What the rates of a format's products follow from: the type that they are multiplied in, how often its bits are half
# of 16, and whether its values take arithmetic to widen.
_Kind = tuple[str, float, bool]
_LEFT: _Kind = ("bf16", 0.0, False)


def _formats(fmt: Format) -> tuple[Format, ...]:
    return fmt.formats if isinstance(fmt, Stack) else (fmt,)


@lru_cache(maxsize=8192)
def _kinds(fmt: Format, part: str) -> tuple[_Kind, ...]:
    """The kind of a part's weights in each format; what a format leaves is multiplied in 16 bits."""
    return tuple(
        _LEFT
        if part in each.leaves
        else (
            each.arithmetic,
            max(np.log2(16 / (each.bits or each.bits_per_value)), 0.0) if each.arithmetic != "bf16" else 0.0,
            not (each.floats or each.bits >= 16),
        )
        for each in _formats(fmt)
    )


@lru_cache(maxsize=512)
def _widths(fmt: Format) -> Quantity:
    """Bytes of one weight value, scales included, along an axis of formats where there are several."""
    widths = [each.bits_per_value / 8 for each in _formats(fmt)]
    return fmt.column(widths) if isinstance(fmt, Stack) else widths[0]


def _true(kind: _Kind, card: Accelerator, *, decode: bool) -> Quantity:
    """1 where the device multiplies the format's own type of fewer bits, 0 where its weights are widened first."""
    faster = np.asarray(_peak(card, kind[0], decode=decode)) > _peak(card, "bf16", decode=decode)
    return np.where(faster, 1.0, 0.0)[()]


def _multiplies(kind: _Kind, card: Accelerator, engine: Engine, *, decode: bool) -> Quantity:
    """FLOP/s of a device. True low precision is faster, and reaches less of its peak with each halving of the bits."""
    arithmetic, halvings, _ = kind
    reached = np.where(_true(kind, card, decode=decode), engine.narrow_arithmetic**halvings, 1.0)
    return (_peak(card, arithmetic, decode=decode) * reached)[()]


def _widening_s(kind: _Kind, card: Accelerator, engine: Engine, *, decode: bool) -> Quantity:
    """Seconds to widen one weight value to 16 bits: whole numbers and codes by arithmetic, floats free."""
    if not kind[2]:
        return 0.0
    each = engine.dequantization_flops / _peak(card, "fp32", decode=decode)
    return np.where(_true(kind, card, decode=decode), 0.0, each)[()]


def _by_kind(kinds: tuple[_Kind, ...], figure: Callable[[_Kind], Quantity]) -> Quantity:
    """The figure of each kind that formats have, along an axis of kinds where there are several."""
    some = sorted(set(kinds))
    if len(some) == 1:
        return figure(some[0])
    return np.stack(np.broadcast_arrays(*(np.atleast_1d(figure(kind)) for kind in some)))


@lru_cache(maxsize=512)
def _places(kinds: tuple[_Kind, ...]) -> NDArray[np.intp]:
    """The place of each format's kind among the kinds."""
    some = sorted(set(kinds))
    return np.array([some.index(kind) for kind in kinds], dtype=np.intp)


def _spread(kinds: tuple[_Kind, ...], figures: Quantity) -> Quantity:
    """Figures by kind along the axis of formats, where their kinds differ."""
    several = len(kinds) > 1 and len(set(kinds)) > 1
    return np.asarray(figures)[_places(kinds)] if several else figures


def _arithmetic_s(kinds: tuple[_Kind, ...], flops: Quantity, flops_per_s: Quantity) -> Quantity:
    """Seconds by format of FLOPs that are the same for all formats, else stand along their axis; rates are by kind."""
    if np.ndim(flops) > 1:
        return flops / _spread(kinds, flops_per_s)
    return _spread(kinds, flops / flops_per_s)


def _rates(fmt: Format, part: str, card: Accelerator, engine: Engine, *, decode: bool) -> tuple[Quantity, Quantity]:
    """FLOP/s of a device by the kinds of a part's weights, and its seconds to widen one byte of each format's."""
    kinds = _kinds(fmt, part)

    def follow(card: Accelerator) -> tuple[Quantity, Quantity]:
        widening_s = _spread(kinds, _by_kind(kinds, lambda kind: _widening_s(kind, card, engine, decode=decode)))
        flops_per_s = _by_kind(kinds, lambda kind: _multiplies(kind, card, engine, decode=decode))
        return flops_per_s, widening_s / _widths(fmt) if np.any(widening_s) else 0.0

    flops_per_s, widening_s = by_accelerator(card, (fmt, kinds, engine.name, decode), follow)
    return flops_per_s, widening_s


def product(
    rows: Quantity, columns: Quantity, inner: Quantity, fmt: Format, deployment: Deployment, engine: Engine
) -> Work:  # fmt: skip
    """One matrix product by itself: `rows` x `inner` values times `inner` x `columns` weights of a format.

    What it reads and writes beside the weights is in 16 bits. Weights of fewer bits start a second kernel: in true low
    precision it narrows the input, which is read and written once more; weight-only, it sums what the first split.
    """
    card, values = deployment.accelerator, inner * columns
    flops_per_s, widening_s = _rates(fmt, "mlp", card, engine, decode=False)
    (kind,) = _kinds(fmt, "mlp")
    narrow = _true(kind, card, decode=False)
    read = values * fmt.bits_per_value / 8
    moved = read + 2 * rows * (inner + columns)
    rate = engine.weight_bandwidth * deployment.accelerator.bandwidth_bytes_per_s
    narrowing_s = rows * inner * (2 + fmt.bits / 8) / rate
    return Work(
        part="mlp",
        flops=2.0 * rows * values,
        bytes_read=moved,
        arithmetic_s=2.0 * tile_rows(rows, engine.tile_rows) * values / (engine.arithmetic * flops_per_s),
        dequantization_s=read * widening_s,
        bandwidth_s=moved / rate,
        overhead_s=engine.product_s * (1 if fmt.bits >= 16 else 2) + narrow * narrowing_s,
    )


def _read_s(
    read: Quantity, share: Quantity, deployment: Deployment, engine: Engine, hosted: Quantity, flops: Quantity
) -> Quantity:  # fmt: skip
    """Seconds to read bytes of which the share `hosted` stands in the host's memory.

    That share comes over the device's bus, or is computed by the host's processor where the engine can and that is
    sooner: few tokens are, for it reads its memory faster than the bus does; many are not, for it multiplies slowly.
    """
    card = deployment.accelerator
    if _is_nothing(hosted) or not np.any(hosted):
        return read / (share * card.bandwidth_bytes_per_s)
    local = read * (1 - hosted) / (share * card.bandwidth_bytes_per_s)
    away: Quantity = read * hosted / card.host_bytes_per_s
    if engine.memory is not None and engine.memory.host_computes:
        streamed_s = read * hosted / (engine.host_bandwidth * card.host_memory_bytes_per_s)
        away = np.fmin(away, np.maximum(streamed_s, flops * hosted / card.host_flops_per_s))
    return local + np.where(np.asarray(hosted) > 0, away, 0.0)[()]


def _hosted(model: Architecture, engine: Engine) -> tuple[Quantity, Quantity]:
    """Share of the layers that an engine keeps in the host's memory; 1 where the head stands there too, else 0."""
    kept: Quantity = np.inf if engine.memory is None else engine.memory.device_layers
    head = np.where(np.asarray(kept) > model.layers, 0.0, 1.0)[()]
    return 1 - np.minimum(kept, model.layers) / model.layers, head


def _product_rows(
    model: Architecture, fmt: Format, deployment: Deployment, engine: Engine, *,
    tokens: Quantity, heads: Quantity, decode: bool,
) -> list[Work]:  # fmt: skip
    width = deployment.tensor_parallel
    padded_tokens = tile_rows(tokens, engine.tile_rows)
    padded_heads = padded_tokens if heads is tokens else tile_rows(heads, engine.tile_rows)
    layers_hosted, head_hosted = _hosted(model, engine)
    with_host = frozenset[str]() if engine.memory is None else engine.memory.host_parts
    rows = []
    for row in products(model, fmt):
        shards: Quantity = width if row.shards is None else np.minimum(width, row.shards)
        through = heads if row.part == "lm_head" else tokens
        flops = 2.0 * row.values * through / shards
        flops_done = 2.0 * row.values * (padded_heads if row.part == "lm_head" else padded_tokens) / shards
        met: Quantity = 1 / shards  # share of the stored bytes that the device reads
        arithmetic, bandwidth, start = engine.arithmetic, engine.weight_bandwidth, engine.product_s
        if row.experts:
            served: Quantity = 1.0
            touched: Quantity = 1.0
            if np.any(np.asarray(deployment.expert_parallel) > 1):
                served, touched = busiest_experts(row.experts, row.chosen, through, deployment.expert_parallel)
            share = experts_read(row.experts, row.chosen, through) / row.experts
            met = share * touched / shards
            # Each expert's rows are padded to whole tiles: on average half a tile of work that serves no token.
            padded = engine.expert_tile_rows / 2 * share * row.experts / (through * row.chosen)
            flops_done = flops * (served + padded * touched)
            flops = flops * served
            arithmetic, bandwidth = engine.expert_arithmetic, engine.expert_bandwidth
            start = engine.expert_product_s
        read: Quantity = row.stored * met
        flops_per_s, widening_s = _rates(fmt, row.part, deployment.accelerator, engine, decode=decode)
        hosted = 1.0 if row.part in with_host else head_hosted if row.part == "lm_head" else layers_hosted
        rows.append(
            Work(
                part=row.part,
                shared=row.part == "attention" and row.shards is not None,
                flops=flops,
                bytes_read=read,
                arithmetic_s=_arithmetic_s(_kinds(fmt, row.part), flops_done / arithmetic, flops_per_s),
                dequantization_s=widening_s if _is_nothing(widening_s) else read * widening_s,
                bandwidth_s=_read_s(read, bandwidth, deployment, engine, hosted, flops),
                overhead_s=row.products * start,
            )
        )
    return rows


def _attention_rows(
    model: Architecture, cache: Format, deployment: Deployment, engine: Engine, *,
    sequences: Quantity, context_tokens: Quantity, decode: bool, queries: Quantity = 1, cached_tokens: Quantity = 0,
) -> list[Work]:  # fmt: skip
    """Attention of each kind of layer: in a decode step `queries` new tokens of each sequence, else a whole prompt of
    which `cached_tokens` stand in the cache already."""
    width = deployment.tensor_parallel
    peak = _peak(deployment.accelerator, "bf16", decode=decode)
    hosted, _ = _hosted(model, engine)
    kinds: dict[object, int] = {}
    for block in model.blocks:
        kinds[block.attention] = kinds.get(block.attention, 0) + block.count
    rows = []
    for block in model.blocks:
        attention, layers = block.attention, kinds.pop(block.attention, 0)
        if not layers or attention in (NoAttention(), LinearMixer()):
            continue
        seen = reach(attention, context_tokens)
        pairs, scored, tokens = seen * queries, context_tokens * queries, queries
        if not decode:
            pairs = attended_pairs(attention, context_tokens) - attended_pairs(attention, cached_tokens)
            scored = (context_tokens * (context_tokens + 1) - cached_tokens * (cached_tokens + 1)) / 2
            tokens = context_tokens - cached_tokens
        flops = pairs * attention.flops_per_pair(decode=decode) + scored * attention.index_flops_per_pair
        flops = (flops + tokens * attention.flops_per_token) * sequences * layers / width
        read = seen * cache.stream_bytes(attention.read_values) / np.minimum(width, attention.cache_shards)
        # A recurrent state is read and written back; the keys and values of another source are only read.
        source, narrow, wide = attention.state_values
        state = cache.stream_bytes(source) + 2 * (2 * narrow + 4 * wide)
        read = read + state / np.minimum(width, attention.state_shards) + context_tokens * attention.index_bytes
        read = read * sequences * layers
        rows.append(
            Work(
                part="cache",
                flops=flops,
                bytes_read=read,
                arithmetic_s=flops / (engine.attention_arithmetic * peak),
                bandwidth_s=_read_s(read, engine.cache_bandwidth, deployment, engine, hosted, flops),
                overhead_s=layers * engine.product_s,
            )
        )
    return rows


def _elementwise_row(model: Architecture, deployment: Deployment, engine: Engine, tokens: Quantity) -> Work:
    """Norms, rotary embedding, activation functions, residual sums: the working values cross memory a few times.

    Copies of a token for its experts are gathered whole on each device, whose experts are divided by their width.
    """
    whole, divided = working_values(model)
    gathered = max(block.mlp.gathered_values(model.hidden) for block in model.blocks)
    width = deployment.tensor_parallel
    values = model.layers * (whole + gathered / deployment.expert_parallel + (divided - gathered) / width)
    moved = 2 * engine.traffic_passes * tokens * values
    return Work(part="norms", bytes_read=moved, bandwidth_s=moved / deployment.accelerator.bandwidth_bytes_per_s)


def all_reduce_s(message_bytes: Quantity, devices: Quantity, link_bytes_per_s: Quantity, engine: Engine) -> Quantity:
    """Seconds of one ring all-reduce: a start, a latency for each of 2 (n - 1) hops, 2 (n - 1)/n of the message."""
    hops = 2 * (devices - 1)
    moved = message_bytes * hops / devices
    return engine.all_reduce_s + hops * engine.hop_s + moved / (engine.link_bandwidth * link_bytes_per_s)


@lru_cache(maxsize=512)
def _reductions(model: Architecture) -> int:
    return sum(block.count * block.reductions for block in model.blocks)


@lru_cache(maxsize=512)
def _exchanges(model: Architecture) -> tuple[tuple[int, int], ...]:
    """(Layers, experts that a token chooses) of the kinds of expert layers."""
    layers: dict[int, int] = {}
    for block in model.blocks:
        if block.mlp.experts:
            layers[block.mlp.chosen] = layers.get(block.mlp.chosen, 0) + block.count
    return tuple((count, chosen) for chosen, count in layers.items())


def all_to_all_s(message_bytes: Quantity, groups: Quantity, link_bytes_per_s: Quantity, engine: Engine) -> Quantity:
    """Seconds of one exchange in which each device sends (groups - 1)/groups of a message to the others at once."""
    moved = message_bytes * (groups - 1) / groups
    return engine.all_reduce_s + engine.hop_s + moved / (engine.link_bandwidth * link_bytes_per_s)


def links_row(model: Architecture, deployment: Deployment, engine: Engine, tokens: Quantity) -> Work:
    """The all-reduces of each layer and one after the embedding, and a hand-over between pipeline stages.

    Where experts are divided whole, tokens travel to those that they chose and back in place of the all-reduce after
    them: a token goes to at most one copy a group, chosen / groups of the groups on average.

    All-reduces beyond the devices that a node joins take an unknown time; a hand-over is small wherever it goes.
    """
    width, stages, groups = deployment.tensor_parallel, deployment.pipeline_parallel, deployment.expert_parallel
    link = deployment.accelerator.link_bytes_per_s
    joined = np.where(np.asarray(width) <= deployment.accelerator.node_devices, link, UNKNOWN)[()]
    message = 2 * tokens * model.hidden
    reduce_s = all_reduce_s(message, width, joined, engine)
    reduces = (_reductions(model) + 1) * reduce_s  # and the embedding
    for layers, chosen in _exchanges(model) if np.any(np.asarray(groups) > 1) else ():
        sent = message * np.minimum(chosen / groups, 1)
        exchange = layers * (2 * all_to_all_s(sent, groups, joined, engine) - reduce_s)
        reduces = reduces + np.where(np.asarray(groups) > 1, exchange, 0.0)
    handovers = (stages - 1) * (engine.all_reduce_s + message / (engine.link_bandwidth * link))
    several, staged = np.asarray(width) > 1, np.asarray(stages) > 1
    return Work(part="links", links_s=(np.where(several, reduces, 0.0) + np.where(staged, handovers, 0.0))[()])


@lru_cache(maxsize=512)
def _norms(model: Architecture) -> int:
    """Norms that a token passes, a count."""
    return sum(max(len(row.layers), 1) for row in tensors(model) if row.part == "norms" and "bias" not in row.name)


def kernels(model: Architecture, fmt: Format, deployment: Deployment, engine: Engine) -> Quantity:
    """Kernels that an engine starts one by one in a pass, a count: of each product, norm, layer and expert layer."""
    alone = [row for row in products(model, fmt) if not row.experts or engine.loops_experts]
    started = [(row.products * max(row.experts, 1), _kinds(fmt, row.part)) for row in alone]

    def narrow(kind: _Kind) -> Quantity:
        return _true(kind, deployment.accelerator, decode=True)

    return (
        sum(count for count, _ in started)
        + engine.narrow_kernels * sum(count * _spread(kinds, _by_kind(kinds, narrow)) for count, kinds in started)
        + engine.norm_kernels * _norms(model)
        + engine.layer_kernels * model.layers
        + sum(
            block.count * (engine.loop_kernels * block.mlp.experts if engine.loops_experts else engine.expert_kernels)
            for block in model.blocks
            if block.mlp.experts
        )
    )


def started_s(
    model: Architecture, fmt: Format, deployment: Deployment, engine: Engine, *, decode: bool
) -> Quantity:  # fmt: skip
    """Seconds in which a host that starts every kernel from Python starts those of a pass: no pass takes less."""
    launches: Quantity = engine.launch_s * kernels(model, fmt, deployment, engine)
    return launches + (engine.host_step_s if decode else 0.0)


def _launches_row(
    rows: list[Work], model: Architecture, fmt: Format, deployment: Deployment, engine: Engine, *, decode: bool
) -> list[Work]:  # fmt: skip
    """What the device waits for a host that starts every kernel from Python: the two work at once, the slower counts.

    Engines that replay a captured graph start nothing one by one.
    """
    if not np.any(engine.launch_s):
        return []
    waiting_s = started_s(model, fmt, deployment, engine, decode=decode) - seconds(rows)
    return [Work(part="launches", overhead_s=np.maximum(waiting_s, 0.0))]


def _step_row(engine: Engine) -> Work:
    """What the server does in every step beside the pass: choosing what runs, sampling, handing out tokens."""
    return Work(part="scheduler", overhead_s=engine.scheduler.step_s)


def _pass_rows(
    attention: list[Work], model: Architecture, fmt: Format, deployment: Deployment, engine: Engine, *,
    tokens: Quantity, heads: Quantity, decode: bool, links: bool,
) -> list[Work]:  # fmt: skip
    """Rows of one pass over `tokens`, around those of its attention; the head runs for `heads` of them.

    Without `links` those are left to be worked out elsewhere.
    """
    rows = [
        *_product_rows(model, fmt, deployment, engine, tokens=tokens, heads=heads, decode=decode),
        *attention,
        _elementwise_row(model, deployment, engine, tokens),
        *([links_row(model, deployment, engine, tokens)] if links else ()),
        _step_row(engine),
    ]
    return [*rows, *_launches_row(rows, model, fmt, deployment, engine, decode=decode)]


def decode_cache_rows(
    model: Architecture, cache: Format, deployment: Deployment, engine: Engine, *,
    batch: Quantity, context_tokens: Quantity, queries: Quantity = 1,
) -> list[Work]:  # fmt: skip
    """Those of `decode_rows` that depend on what is in the cache: attention."""
    return _attention_rows(
        model, cache, deployment, engine, sequences=batch, context_tokens=context_tokens, decode=True, queries=queries
    )


def decode_rows(
    model: Architecture, fmt: Format, cache: Format, deployment: Deployment, engine: Engine, *,
    batch: Quantity, context_tokens: Quantity, queries: Quantity = 1, links: bool = True,
) -> list[Work]:  # fmt: skip
    """Rows of one decode step: `batch` sequences gain one token each with `context_tokens` in the cache.

    `queries` tokens of each sequence pass at once where drafts are checked; its cache is read once for all of them.
    """
    tokens = batch * queries
    attention = decode_cache_rows(
        model, cache, deployment, engine, batch=batch, context_tokens=context_tokens, queries=queries
    )
    return _pass_rows(attention, model, fmt, deployment, engine, tokens=tokens, heads=tokens, decode=True, links=links)


def prefill_rows(
    model: Architecture, fmt: Format, cache: Format, deployment: Deployment, engine: Engine, *,
    batch: Quantity, prompt_tokens: Quantity, cached_tokens: Quantity = 0,
) -> list[Work]:  # fmt: skip
    """Rows of a forward pass over `batch` prompts of `prompt_tokens` each; the head runs for each last token only.

    `cached_tokens` of each prompt stand in the prefix cache: the rest attends to them and passes alone.
    """
    tokens = batch * (prompt_tokens - cached_tokens)
    attention = _attention_rows(
        model, cache, deployment, engine, sequences=batch, context_tokens=prompt_tokens, decode=False,
        cached_tokens=cached_tokens,
    )  # fmt: skip
    return _pass_rows(attention, model, fmt, deployment, engine, tokens=tokens, heads=batch, decode=False, links=True)


def mixed_rows(
    model: Architecture, fmt: Format, cache: Format, deployment: Deployment, engine: Engine, *,
    batch: Quantity, context_tokens: Quantity, prompt_tokens: Quantity, chunk_tokens: Quantity,
    queries: Quantity = 1, cached_tokens: Quantity = 0, links: bool = True,
) -> list[Work]:  # fmt: skip
    """Rows of one step in which `batch` sequences gain a token and a prompt advances by `chunk_tokens` of its tokens.

    Chunked prefill, Agrawal et al. 2023, arXiv:2308.16369: one pass over the weights serves both. The prompt's
    attention is its mean over the chunks.
    """
    generated = batch * queries
    tokens = generated + chunk_tokens
    chunks = (prompt_tokens - cached_tokens) / chunk_tokens
    others = []
    if np.any(batch):  # where nobody decodes, neither do these rows start
        decoding = np.where(np.asarray(batch) > 0, 1.0, 0.0)[()]
        others = [
            replace(row, overhead_s=row.overhead_s * decoding)
            for row in _attention_rows(
                model, cache, deployment, engine, sequences=batch, context_tokens=context_tokens, decode=True,
                queries=queries,
            )
        ]  # fmt: skip
    prompt = _attention_rows(
        model, cache, deployment, engine, sequences=1, context_tokens=prompt_tokens, decode=False,
        cached_tokens=cached_tokens,
    )  # fmt: skip
    share = [replace(row.times(1 / chunks), overhead_s=row.overhead_s) for row in prompt]  # each chunk starts anew
    attention = [*others, *share]
    return _pass_rows(
        attention, model, fmt, deployment, engine, tokens=tokens, heads=generated + 1, decode=False, links=links
    )


def prompt_passes(deployment: Deployment, engine: Engine, tokens: Quantity) -> Quantity:
    """Passes in which so many tokens of a prompt alone are read, a count: as many at once as the engine takes."""
    return np.maximum(np.ceil(tokens / engine.tokens_at_once(deployment.accelerator)), 1)


def prompt_pass_rows(
    model: Architecture, fmt: Format, cache: Format, deployment: Deployment, engine: Engine, *,
    prompt_tokens: Quantity, cached_tokens: Quantity = 0, links: bool = True,
) -> list[Work]:  # fmt: skip
    """Rows of the mean of the passes of one prompt alone: of as many as its tokens take at once."""
    passes = prompt_passes(deployment, engine, prompt_tokens - cached_tokens)
    return mixed_rows(
        model, fmt, cache, deployment, engine, batch=0, context_tokens=prompt_tokens, prompt_tokens=prompt_tokens,
        chunk_tokens=(prompt_tokens - cached_tokens) / passes, cached_tokens=cached_tokens, links=links,
    )  # fmt: skip


def prompt_rows(
    model: Architecture, fmt: Format, cache: Format, deployment: Deployment, engine: Engine, *,
    prompt_tokens: Quantity, cached_tokens: Quantity = 0,
) -> list[Work]:  # fmt: skip
    """Rows of all passes of one prompt alone, from its arrival at the server."""
    rows = prompt_pass_rows(
        model, fmt, cache, deployment, engine, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens
    )
    passes = prompt_passes(deployment, engine, prompt_tokens - cached_tokens)
    return [*(row.times(passes) for row in rows), Work(part="scheduler", overhead_s=engine.scheduler.request_s)]


def seconds(rows: list[Work]) -> Quantity:
    """Seconds of a pass: the sum over its rows."""
    return sum((row.seconds for row in rows), start=0.0)


def seconds_by_bound(rows: list[Work]) -> dict[str, Quantity]:
    """Seconds of a pass by what bounds them, keys BOUNDS; they add up to `seconds`."""
    return {bound: sum((row.seconds_by_bound[bound] for row in rows), start=0.0) for bound in BOUNDS}


def shares_by_bound(rows: list[Work]) -> dict[str, Quantity]:
    """Share of a pass's time by what bounds it, keys BOUNDS; they add up to 1."""
    whole = seconds(rows)
    return {bound: part / whole for bound, part in seconds_by_bound(rows).items()}
