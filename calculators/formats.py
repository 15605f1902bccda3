"""How many bytes does a tensor take in a storage format? Exact: values, scales and what the format leaves alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calculators import Quantity
from calculators.architecture import Architecture, tensors
from calculators.attention import LatentAttention
from calculators.tensor import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Finer:
    """A format's exception: these tensors or parts in another format, in the models and layers that rules name.

    `models` are rules of MODEL_RULES that must all hold, `layers` is one of LAYER_RULES.
    """

    tensors: frozenset[str]
    format: "Format"
    models: tuple[str, ...] = ()
    layers: str = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """Exact storage: blocks of `block_values` values of `bits` each over `block_rows` rows, `scale_bytes` a block.

    Q4_0 is 4 bits, blocks of 32 values and 2 bytes of scale: 18 bytes for 32 values. `row_bytes`, `column_bytes` and
    `tensor_bytes` are kept once an output channel, once an input channel and once a tensor. Parts or tensors in
    `leaves`, and whatever is no matrix (norms, biases, convolutions), stay at `left_bytes` a value. Where a row is no
    multiple of the block, `fallback` is used; the first of `finer` that names a tensor replaces the format.
    `arithmetic` names the type that the hardware multiplies in: a weight-only format computes in bf16. `floats`: values
    are floats of fewer bits, which widen by moving bits; whole numbers and codes need arithmetic each. `family` is the
    kind of software that runs it; `everyday` marks the few that are offered where a page compares them all.
    """

    name: str
    bits: int
    block_values: int = 1
    block_rows: int = 1
    scale_bytes: float = 0
    row_bytes: float = 0
    column_bytes: int = 0
    tensor_bytes: int = 0
    leaves: frozenset[str] = frozenset()
    left_bytes: int = 2
    fallback: "Format | None" = None
    finer: tuple[Finer, ...] = ()
    splits_latent: bool = False  # an MLA's expansion is kept as two tensors, keys transposed: GGUF
    arithmetic: str = "bf16"
    floats: bool = False
    family: str = ""
    everyday: bool = True
    from_file: bool = False  # tensors take the bytes that the file they were read from gives them
    source: str = ""
    checked: date | None = None  # the day the source was read
    note: str = ""

    def __hash__(self) -> int:
        return hash(
            self.name
        )  # equal formats have equal names; a mix's many exceptions would be hashed at every look-up

    @property
    def block_bytes(self) -> float:
        """Bytes of one full block."""
        return self.block_values * self.bits / 8 + self.scale_bytes

    @property
    def bits_per_value(self) -> float:
        """Bits a value of a large matrix takes, scales included; row and tensor extras are not."""
        return 8 * self.block_bytes / self.block_values

    def matrix_bytes(self, rows: int, columns: int) -> float:
        """Bytes of one matrix: every value, and a scale for every block, partial ones too."""
        if self.fallback is not None and columns % self.block_values:
            return self.fallback.matrix_bytes(rows, columns)
        wide = self.block_values // self.block_rows
        blocks = -(-rows // self.block_rows) * -(-columns // wide)
        extras = rows * self.row_bytes + columns * self.column_bytes + self.tensor_bytes
        return rows * columns * self.bits / 8 + blocks * self.scale_bytes + extras

    def stream_bytes(self, values: Quantity) -> Quantity:
        """Bytes of a run of values cut into blocks (the KV cache); whole numbers stay whole."""
        size = self.block_bytes
        return -(-values // self.block_values) * (int(size) if size == int(size) else size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack(Format):
    """Formats side by side, so that one estimate serves them all: figures of it are arrays with an axis of formats.

    That axis stands before `axes` others: 1 for weights over an axis of deployments, 2 for caches over both. Made by
    `stack`; what a format has of its own is in `formats`, the fields of the stack itself stand for none of them.
    """

    formats: tuple[Format, ...]
    axes: int = 1

    def __hash__(self) -> int:
        return hash(self.name)

    def column(self, figures: Iterable[Quantity]) -> NDArray[Any]:
        """A figure of each format, along their axis."""
        return np.array(list(figures), dtype=float).reshape(-1, *[1] * self.axes)

    def stream_bytes(self, values: Quantity) -> Quantity:
        return self.column(fmt.stream_bytes(values) for fmt in self.formats)


def stack(formats: Iterable[Format], *, axes: int = 1) -> Stack:
    """Formats side by side."""
    each = tuple(formats)
    return Stack(name=" | ".join(fmt.name for fmt in each), bits=0, formats=each, axes=axes)


def _experts(model: Architecture) -> int:
    return max((block.mlp.experts for block in model.blocks), default=0)


def _shares_keys(model: Architecture, heads: int) -> bool:
    attention = next((block.attention for block in model.blocks if block.attention.heads), None)
    return attention is not None and attention.heads >= heads * attention.cache_shards


# Kinds of models that llama.cpp treats in ways of their own, by the model_type of their config.json.
# Source: llama.cpp, conversion/ and src/models/ in PyPI llama-cpp-python 0.3.36.
FUSED = frozenset({"phi3", "gpt2", "gpt_neox", "bloom", "falcon", "mpt", "dbrx", "persimmon"})  # one attn_qkv tensor
LLAMAS = frozenset(
    {"", "llama", "mistral", "mixtral", "internlm3"}
)  # of architecture llama: 80 layers and grouped keys
SEVENTIES = frozenset({"qwen2", "olmo", "nemotron-nas"})  # 80 layers are enough to be called a 70B


def _seventy(model: Architecture) -> bool:
    grouped = model.model_type in LLAMAS and _experts(model) != 8 and _shares_keys(model, 2)
    return model.layers == 80 and (grouped or model.model_type in SEVENTIES)


# Which models an exception holds for. Source: llama.cpp, src/llama-quant.cpp, llama_tensor_get_type_impl.
MODEL_RULES: Mapping[str, Callable[[Architecture], bool]] = MappingProxyType(
    {
        "keys shared by four heads": lambda model: _shares_keys(model, 4),
        "four experts or more": lambda model: _experts(model) >= 4,
        "8 experts": lambda model: _experts(model) == 8,
        "not 8 experts": lambda model: _experts(model) != 8,
        "70B": _seventy,
        "Falcon": lambda model: model.model_type == "falcon",
        "not Falcon": lambda model: model.model_type != "falcon",
    }
)

# Which of `count` layers an exception holds for: (place, count) -> yes or no. Source: as above.
LAYER_RULES: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {
        "all": lambda place, count: True,
        "use_more_bits": lambda place, count: (
            place < count // 8 or place >= 7 * count // 8 or (place - count // 8) % 3 == 2
        ),
        "first two": lambda place, count: place < 2,
        "first four": lambda place, count: place < 4,
        "first sixteenth": lambda place, count: place < count // 16,
        "first eighth": lambda place, count: place < count // 8,
        "first eighth of the tensors": lambda place, count: place < count // 8,
        "middle three quarters": lambda place, count: count // 8 <= place < 7 * count // 8,
    }
)
SPLITS = (False, True)  # of an MLA's expansion: see `Format.splits_latent`
VALUES = "v_proj"  # rules that name these count them among themselves; others count by the layers of the model


def _own_name(model: Architecture, tensor: Tensor) -> str:
    """The last piece of a tensor's name; queries, keys and values are one tensor in files of some models."""
    name = tensor.name.rsplit(".", 1)[-1]
    fused = model.model_type in FUSED and tensor.part == "attention" and name in ("q_proj", "k_proj", "v_proj")
    return "qkv_proj" if fused else name


def kinds(model: Architecture, tensor: Tensor) -> frozenset[str]:
    """What rules may call a tensor: its part, the pieces of its name, both together, and lm_head if it is the head."""
    name = _own_name(model, tensor)
    head = ("lm_head",) if tensor.part == "embedding" and model.tied_embeddings else ()
    return frozenset((tensor.part, f"{tensor.part}.{name}", name, *tensor.name.split(".")[:-1], *head))


@lru_cache(maxsize=8192)
def stores(model: Architecture, fmt: Format) -> bool:
    """Whether a weight format stores any matrix of the model: where it leaves them all, it is none of the model's."""
    return any(row.is_matrix and kinds(model, row).isdisjoint(fmt.leaves) for row in tensors(model))


@lru_cache(maxsize=4096)
def _places(model: Architecture, named: frozenset[str]) -> Mapping[tuple[str, int], int]:
    """The place of each matrix that these names call, among all such of the model, layer by layer: (name, layer)."""
    found = {
        (layer, row.part != "routed_experts", f"{row.part}.{_own_name(model, row)}")
        for row in tensors(model)
        if row.is_matrix and kinds(model, row) & named
        for layer in row.layers
    }
    return {(name, layer): place for place, (layer, _, name) in enumerate(sorted(found))}


def _held(model: Architecture, tensor: Tensor, rule: Finer, layers: list[int], count: int) -> list[int]:
    """Those of a tensor's layers that a rule holds for; `count` are the model's.

    llama.cpp counts the tensors of a kind: values among themselves, others against the model's layers. Where there are
    experts it takes the layer's own number instead.
    """
    if rule.layers == "all":
        return layers
    holds, own = LAYER_RULES[rule.layers], f"{tensor.part}.{_own_name(model, tensor)}"
    places = _places(model, rule.tensors)
    if VALUES in rule.tensors:
        return [layer for layer in layers if holds(places.get((own, layer), layer), len(places))]
    if _experts(model) > 1 and rule.layers != "first eighth of the tensors":
        return [layer for layer in layers if holds(layer, count)]
    return [layer for layer in layers if holds(places.get((own, layer), layer), count)]


def _pieces(model: Architecture, tensor: Tensor, split: bool) -> Iterator[tuple[frozenset[str], int, int]]:
    """A matrix as a file holds it: (kinds, rows, columns); two of an MLA's expansion that is `split`, as in GGUF."""
    rows, columns = tensor.shape
    if split and tensor.name.endswith("kv_b_proj"):
        latent = next((block.attention for block in model.blocks if isinstance(block.attention, LatentAttention)), None)
        if latent is not None and columns == latent.kv_lora_rank:
            part = frozenset({tensor.part})
            yield part | {"k_b_proj"}, latent.heads * columns, latent.qk_nope_head_dim
            yield part | {"v_b_proj"}, rows - latent.heads * latent.qk_nope_head_dim, columns
            return
    yield kinds(model, tensor), rows, columns


def stored_bytes(model: Architecture, tensor: Tensor, fmt: Format) -> Quantity:
    """Bytes of all copies of one of the model's tensors in a weight format; what is no matrix is left as it was."""
    return _stored(model, (tensor,), fmt)[0]


@lru_cache(maxsize=8192)
def ledger_bytes(model: Architecture, fmt: Format) -> tuple[Quantity, ...]:
    """`stored_bytes` of every tensor of the model's ledger, in its order."""
    return tuple(_stored(model, tensors(model), fmt))


_Pieces = list[tuple[frozenset[str], int, int]]


def _stored(model: Architecture, rows: Sequence[Tensor], fmt: Format) -> list[Quantity]:
    pieces = {split: [list(_pieces(model, row, split)) if row.is_matrix else [] for row in rows] for split in SPLITS}
    if not isinstance(fmt, Stack):
        return _sizes(model, rows, pieces[fmt.splits_latent], fmt)
    every = np.array([_sizes(model, rows, pieces[each.splits_latent], each) for each in fmt.formats], dtype=float)
    return [fmt.column(sizes) for sizes in every.T]


def _sizes(model: Architecture, rows: Sequence[Tensor], pieces: Sequence[_Pieces], fmt: Format) -> list[Quantity]:
    """Bytes of tensors in one format; `pieces` of those that are matrices."""
    rules, layers, from_file = _rules(model, fmt), model.layers, fmt.from_file
    return [
        row.file_bytes
        if from_file and row.file_bytes is not None
        else _matrix_bytes(model, row, matrices, fmt, rules, layers)
        if matrices
        else row.values * row.copies * fmt.left_bytes
        for row, matrices in zip(rows, pieces, strict=True)
    ]


def _matrix_bytes(
    model: Architecture, tensor: Tensor, pieces: _Pieces, fmt: Format, rules: Sequence[Finer], count: int
) -> float:  # fmt: skip
    total = 0.0
    for called, rows, columns in pieces:
        if not called.isdisjoint(fmt.leaves):
            total += rows * columns * tensor.copies * fmt.left_bytes
            continue
        named = [rule for rule in rules if not called.isdisjoint(rule.tensors)]
        if not named:
            total += tensor.copies * fmt.matrix_bytes(rows, columns)
            continue
        layers = list(tensor.layers) or [0]
        each = tensor.copies // len(layers)
        for rule in named:
            finer = set(_held(model, tensor, rule, layers, count))
            total += len(finer) * each * rule.format.matrix_bytes(rows, columns)
            layers = [layer for layer in layers if layer not in finer]
        total += len(layers) * each * fmt.matrix_bytes(rows, columns)
    return total


@lru_cache(maxsize=8192)
def _rules(model: Architecture, fmt: Format) -> tuple[Finer, ...]:
    """The exceptions of a format that hold for a model, in their order."""
    return tuple(rule for rule in fmt.finer if all(MODEL_RULES[name](model) for name in rule.models))
