"""What is a model made of? The ledger: the list of its weight tensors, from which every count follows.

A model is a stack of blocks, a block is `count` equal layers of one attention and one MLP. A new kind of either is one
more record with the members of calculators.attention.Mixer or calculators.mlp.MLP; no formula elsewhere changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from calculators.attention import Mixer
from calculators.mlp import MLP
from calculators.tensor import PARTS, Tensor, norm


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """`count` equal layers: one attention, one MLP, `norms` norms as wide as the model, and what `extras` they add.

    `positions` are the layers' numbers where they do not follow one another. `stored` layers' weights are kept and
    used in turn where it is less than `count`: cross-layer sharing (ALBERT, arXiv:1909.11942). `parallel`: attention
    and MLP run side by side and are summed once.
    """

    count: int
    attention: Mixer
    mlp: MLP
    norms: int = 2
    extras: tuple[Tensor, ...] = ()
    positions: tuple[int, ...] = ()
    stored: int | None = None
    parallel: bool = False

    @property
    def reductions(self) -> int:
        """Sums over tensor-parallel devices that one layer needs, a count: one for each of its halves."""
        halves = bool(self.attention.tensors(1)) + bool(self.mlp.tensors(1))
        return min(halves, 1) if self.parallel else halves


@dataclass(frozen=True, kw_only=True, slots=True)
class Tower:
    """What turns images or sound into tokens: blocks of a width of its own and `outer` tensors around them."""

    part: str  # "vision" or "audio"
    hidden: int
    blocks: tuple[Block, ...] = ()
    norm_bias: bool = False
    outer: tuple[Tensor, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A model: its blocks between an embedding and a head, and what stands beside them.

    `position_rows` learned positions, `outer_norms` norms outside the blocks, `norm_bias` whether norms have biases,
    `extras` further tensors of the whole model, `towers` encoders of images and sound (stored, but not met by a text
    token). `mtp` are multi-token-prediction layers and `mtp_extras` the tensors around them, told apart.
    `model_type` is its config.json's: file formats treat some kinds of models in ways of their own.
    `generates` False: an encoder, which answers with one pass. `stored`: the tensors that a file lists, which then
    are the ledger in place of what the blocks say.
    """

    name: str
    hidden: int
    vocabulary: int
    max_context: int
    blocks: tuple[Block, ...]
    tied_embeddings: bool
    source: str
    embedding_width: int | None = None
    position_rows: int = 0
    outer_norms: int = 1
    norm_bias: bool = False
    head_bias: bool = False
    extras: tuple[Tensor, ...] = ()
    towers: tuple[Tower, ...] = ()
    mtp: tuple[Block, ...] = ()
    mtp_extras: tuple[Tensor, ...] = ()
    generates: bool = True
    stored: tuple[Tensor, ...] = ()
    model_type: str = ""
    note: str = ""

    def __hash__(self) -> int:
        return hash((self.name, self.hidden, self.vocabulary))  # enough to tell most apart; all fields take long

    @property
    def layers(self) -> int:
        """Layers of the main model, a count."""
        return sum(block.count for block in self.blocks)


def sharing(model: Architecture, layers: int) -> Architecture:
    """The model with every `layers` layers of a block using one set of weights: stored once, used often.

    What ALBERT does, arXiv:1909.11942; the KV cache and the arithmetic stay those of all layers.
    """
    if layers == 1:
        return model
    shared = (replace(block, stored=-(-(block.stored or block.count) // layers)) for block in model.blocks)
    return replace(model, blocks=tuple(shared))


def block_layers(blocks: tuple[Block, ...]) -> tuple[tuple[int, ...], ...]:
    """The layer numbers of each block: its positions, or those that follow the blocks before it."""
    numbers, first = [], 0
    for block in blocks:
        numbers.append(block.positions or tuple(range(first, first + block.count)))
        first += block.count
    return tuple(numbers)


def _layer_tensors(blocks: tuple[Block, ...], hidden: int, *, norm_bias: bool = False) -> Iterator[Tensor]:
    for block, layers in zip(blocks, block_layers(blocks), strict=True):
        norms = [row for i in range(block.norms) for row in norm(f"layernorm_{i + 1}", hidden, bias=norm_bias)]
        stored = block.stored or block.count
        for row in (*block.attention.tensors(hidden), *block.mlp.tensors(hidden), *norms, *block.extras):
            yield replace(
                row,
                copies=row.copies * stored,
                used=row.used * stored,
                passes=block.count / stored,
                layers=layers[:stored],
            )


@lru_cache(maxsize=512)
def all_tensors(model: Architecture) -> tuple[Tensor, ...]:
    """Every tensor of the main model, buffers included, in checkpoint order."""
    if model.stored:
        return model.stored
    hidden, width = model.hidden, model.embedding_width or model.hidden
    rows = [Tensor(part="embedding", name="embed_tokens", shape=(model.vocabulary, width))]
    if model.position_rows:
        rows.append(Tensor(part="position_embedding", name="embed_positions", shape=(model.position_rows, hidden)))
    rows += _layer_tensors(model.blocks, hidden, norm_bias=model.norm_bias)
    for i in range(model.outer_norms):
        rows += norm("norm" if i == 0 else f"norm_{i + 1}", hidden, bias=model.norm_bias)
    rows += model.extras
    if not model.tied_embeddings:
        rows.append(Tensor(part="lm_head", name="lm_head", shape=(model.vocabulary, width)))
    if model.head_bias:
        rows.append(Tensor(part="lm_head", name="lm_head.bias", shape=(model.vocabulary,)))
    for tower in model.towers:
        inside = (*_layer_tensors(tower.blocks, tower.hidden, norm_bias=tower.norm_bias), *tower.outer)
        rows += [
            replace(row, part=tower.part, name=f"{tower.part}.{row.name}", used=0, layers=(), shards=1)
            for row in inside
        ]
    return tuple(rows)


@lru_cache(maxsize=512)
def tensors(model: Architecture) -> tuple[Tensor, ...]:
    """The ledger: the trained weight tensors of the main model; buffers and MTP layers are told apart."""
    return tuple(row for row in all_tensors(model) if not row.buffer)


@lru_cache(maxsize=512)
def parameters(model: Architecture) -> int:
    """Parameters stored, a count: the sum over the ledger of values x copies; tied tensors once.

    Definition: that of Hugging Face's `model.num_parameters()` after tying; no buffers, no MTP layers.

    >>> from calculators.attention import GroupedQueryAttention
    >>> from calculators.mlp import DenseMLP
    >>> attention = GroupedQueryAttention(heads=4, kv_heads=2, head_dim=8)
    >>> block = Block(count=2, attention=attention, mlp=DenseMLP(intermediate=64))
    >>> tiny = Architecture(name="tiny", hidden=32, vocabulary=100, max_context=128, blocks=(block,),
    ...                     tied_embeddings=True, source="made up")
    >>> layer = 2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32 + 2 * 32  # queries and output, keys and values, MLP, norms
    >>> parameters(tiny) == 100 * 32 + 2 * layer + 32 == 21_792
    True
    """
    return sum(row.values * row.copies for row in tensors(model))


def active_parameters(model: Architecture) -> int:
    """Parameters that serve one token, a count: every stored one except the routed experts not chosen."""
    return sum(row.values * row.used for row in tensors(model))


def parameters_by_part(model: Architecture) -> dict[str, int]:
    """Parameters of each part that the model has, counts in the order of PARTS; they add up to `parameters`."""
    sums = dict.fromkeys(PARTS, 0)
    for row in tensors(model):
        sums[row.part] += row.values * row.copies
    return {part: count for part, count in sums.items() if count}


def buffer_values(model: Architecture) -> int:
    """Values stored beside the parameters, a count: the routers' correction biases."""
    return sum(row.values * row.copies for row in all_tensors(model) if row.buffer)


def mtp_tensors(model: Architecture) -> tuple[Tensor, ...]:
    """The tensors of the multi-token-prediction layers, buffers included: their blocks and what stands around them."""
    return (*_layer_tensors(model.mtp, model.hidden, norm_bias=model.norm_bias), *model.mtp_extras)


def mtp_parameters(model: Architecture) -> int:
    """Parameters of the multi-token-prediction layers, a count, without the embedding and head they share.

    Their blocks and what stands around them (the projection of [hidden, embedding] and its norms); a router's
    correction bias is included, as checkpoints store it. Source: DeepSeek-V3, arXiv:2412.19437, section 2.2.
    """
    return sum(row.values * row.copies for row in mtp_tensors(model))


# Scales that people speak of, with the parameters from which each begins.
TIERS: Mapping[str, float] = MappingProxyType(
    {"under 1B": 0, "1B to 10B": 1e9, "10B to 100B": 1e10, "100B and above": 1e11}
)


def tier(model: Architecture) -> str:
    """The scale of TIERS that a model belongs to by the parameters it stores."""
    return [name for name, least in TIERS.items() if parameters(model) >= least][-1]
