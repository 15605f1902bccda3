"""How many bytes does a tensor take in a storage format? Exact: values, scales and what the format leaves alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from calculators import Quantity
from calculators.architecture import Architecture
from calculators.tensor import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Finer:
    """A mix's exception: these tensors or parts, in the layers that a rule of LAYER_RULES names, in another format."""

    tensors: frozenset[str]
    layers: str
    format: "Format"


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """Exact storage: blocks of `block_values` values of `bits` each over `block_rows` rows, `scale_bytes` a block.

    Q4_0 is 4 bits, blocks of 32 values and 2 bytes of scale: 18 bytes for 32 values. `row_bytes`, `column_bytes` and
    `tensor_bytes` are kept once an output channel, once an input channel and once a tensor. Parts in `leaves`, and all
    vectors (norms, biases), stay at `left_bytes` a value. Where a row is no multiple of the block, `fallback` is used.
    `arithmetic` names the type that the hardware multiplies in: a weight-only format computes in bf16.
    """

    name: str
    bits: int
    block_values: int = 1
    block_rows: int = 1
    scale_bytes: float = 0
    row_bytes: int = 0
    column_bytes: int = 0
    tensor_bytes: int = 0
    leaves: frozenset[str] = frozenset()
    left_bytes: int = 2
    fallback: "Format | None" = None
    finer: tuple[Finer, ...] = ()
    arithmetic: str = "bf16"
    source: str = ""
    checked: date | None = None  # the day the source was read
    note: str = ""

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


def _use_more_bits(layer: int, model: Architecture) -> bool:
    eighth = model.layers // 8
    return layer < eighth or layer >= 7 * model.layers // 8 or (layer - eighth) % 3 == 2


def _keys_shared_by_four(layer: int, model: Architecture) -> bool:
    attention = model.blocks[0].attention
    return getattr(attention, "heads", 0) >= 4 * attention.cache_shards


def _eight_experts(layer: int, model: Architecture) -> bool:
    return any(block.mlp.experts == 8 for block in model.blocks)


# Which layers a mix stores finer: (layer, model) -> yes or no.
# Source: llama.cpp, src/llama-quant.cpp, llama_tensor_get_type_impl.
LAYER_RULES: Mapping[str, Callable[[int, Architecture], bool]] = MappingProxyType(
    {
        "all": lambda layer, model: True,
        "use_more_bits": _use_more_bits,
        "first two": lambda layer, model: layer < 2,
        "first sixteenth": lambda layer, model: layer < model.layers // 16,
        "keys shared by four heads": _keys_shared_by_four,
        "80-layer models": lambda layer, model: model.layers == 80,
        "8-expert models": _eight_experts,
    }
)


def stored_bytes(model: Architecture, tensor: Tensor, fmt: Format) -> float:
    """Bytes of all copies of one of the model's tensors in a weight format."""
    if not tensor.is_matrix or tensor.part in fmt.leaves:
        return tensor.values * tensor.copies * fmt.left_bytes
    rows, columns = tensor.shape
    is_head = tensor.part == "embedding" and model.tied_embeddings
    names = {tensor.name.rsplit(".", 1)[-1], "lm_head" if is_head else tensor.part}
    layers = list(tensor.layers) or [0]
    each = tensor.copies // len(layers)
    total = 0.0
    for rule in fmt.finer:
        if names & rule.tensors:
            finer = [layer for layer in layers if LAYER_RULES[rule.layers](layer, model)]
            total += len(finer) * each * rule.format.matrix_bytes(rows, columns)
            layers = [layer for layer in layers if layer not in finer]
    return total + len(layers) * each * fmt.matrix_bytes(rows, columns)
