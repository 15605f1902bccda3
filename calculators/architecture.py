"""What is a model made of? The ledger: the list of its weight tensors, from which every count follows.

A model is a stack of blocks, a block is `count` equal layers of one attention and one MLP. A new kind of attention or
MLP is one more record with the members of `Attention` or `MLP` below; no formula elsewhere changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from types import MappingProxyType
from typing import Protocol

import numpy as np

from calculators import Quantity

# The parts of a model, in the order in which every chart stacks them.
PARTS = ("embedding", "attention", "mlp", "shared_experts", "routed_experts", "router", "norms", "lm_head")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One weight tensor as a checkpoint stores it: `copies` stored, `used` of them by one token.

    `layers` are the layers that hold it (empty outside the blocks). Matrices are (outputs, inputs). `shards` is the
    number of devices a copy divides over under tensor parallelism: None for any, 1 where each device keeps it whole.
    """

    part: str
    name: str
    shape: tuple[int, ...]
    copies: int = 1
    used: int = 1
    layers: range = range(0)
    shards: int | None = None
    buffer: bool = False  # stored but not trained, such as a router's correction bias: told apart, never counted

    @property
    def values(self) -> int:
        """Values in one copy, a count."""
        return prod(self.shape)


class Attention(Protocol):
    """What the ledger asks of a kind of attention."""

    @property
    def cached_values(self) -> int:
        """Values a layer keeps in the cache for each token of a sequence, a count."""

    @property
    def cache_shards(self) -> int:
        """Devices over which the cache divides under tensor parallelism; beyond them it is replicated."""

    @property
    def window(self) -> int | None:
        """Tokens a layer looks back at, None for all of them."""

    @property
    def working_values(self) -> tuple[int, int]:
        """Values a token holds while a layer runs: (queries and outputs, keys and values)."""

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        """The weight tensors of one layer."""

    def flops_per_pair(self, *, decode: bool) -> int:
        """FLOPs for one query against one key, scores and weighted sum, all heads."""


class MLP(Protocol):
    """What the ledger asks of a kind of MLP."""

    @property
    def chosen(self) -> int:
        """Routed experts that a token passes through; 0 where all weights serve every token."""

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        """The weight tensors of one layer."""

    def working_values(self, hidden: int) -> int:
        """Values a token holds while the layer runs, a count."""


def _linear(
    part: str, name: str, outputs: int, inputs: int, *, bias: bool = False, shards: int | None = None
) -> tuple[Tensor, ...]:
    weight = Tensor(part=part, name=name, shape=(outputs, inputs), shards=shards)
    return (weight, replace(weight, name=f"{name}.bias", shape=(outputs,))) if bias else (weight,)


def _norm(name: str, width: int) -> Tensor:
    return Tensor(part="norms", name=name, shape=(width,), shards=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedQueryAttention:
    """Attention whose `heads` query heads share `kv_heads` keys and values; equal counts make it multi-head.

    Source: Ainslie et al. 2023, arXiv:2305.13245. `sinks`: one learned logit a head (gpt-oss).
    """

    heads: int
    kv_heads: int
    head_dim: int
    window: int | None = None
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False

    @property
    def cached_values(self) -> int:
        return 2 * self.kv_heads * self.head_dim

    @property
    def cache_shards(self) -> int:
        return self.kv_heads

    @property
    def working_values(self) -> tuple[int, int]:
        return 3 * self.heads * self.head_dim, 3 * self.kv_heads * self.head_dim

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        rows = (
            *_linear("attention", "q_proj", queries, hidden, bias=self.qkv_bias),
            *_linear("attention", "k_proj", keys, hidden, bias=self.qkv_bias, shards=self.kv_heads),
            *_linear("attention", "v_proj", keys, hidden, bias=self.qkv_bias, shards=self.kv_heads),
            *_linear("attention", "o_proj", hidden, queries, bias=self.output_bias),
        )
        if self.qk_norm:
            rows += (_norm("q_norm", self.head_dim), _norm("k_norm", self.head_dim))
        if self.sinks:
            rows += (Tensor(part="attention", name="sinks", shape=(self.heads,)),)
        return rows

    def flops_per_pair(self, *, decode: bool) -> int:
        return 4 * self.heads * self.head_dim


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentAttention:
    """Multi-head latent attention: one compressed latent and one shared rotary key are cached for all heads.

    Decoding works in the latent space (the up-projections absorbed), prefill with expanded keys and values.
    Source: DeepSeek-V2, arXiv:2405.04434, section 2.1. `q_lora_rank` None: queries are not compressed.
    """

    heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    bias: bool = False

    @property
    def window(self) -> None:
        return None

    @property
    def cached_values(self) -> int:
        return self.kv_lora_rank + self.qk_rope_head_dim

    @property
    def cache_shards(self) -> int:
        return 1

    @property
    def working_values(self) -> tuple[int, int]:
        query = self.heads * (self.qk_nope_head_dim + self.qk_rope_head_dim)
        return 2 * query + self.heads * self.v_head_dim, query + self.heads * self.v_head_dim

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        queries = self.heads * (self.qk_nope_head_dim + self.qk_rope_head_dim)
        if self.q_lora_rank is None:
            query_rows = _linear("attention", "q_proj", queries, hidden)
        else:
            query_rows = (
                *_linear("attention", "q_a_proj", self.q_lora_rank, hidden, bias=self.bias, shards=1),
                _norm("q_a_layernorm", self.q_lora_rank),
                *_linear("attention", "q_b_proj", queries, self.q_lora_rank),
            )
        expanded = self.heads * (self.qk_nope_head_dim + self.v_head_dim)
        return (
            *query_rows,
            *_linear("attention", "kv_a_proj_with_mqa", self.cached_values, hidden, bias=self.bias, shards=1),
            _norm("kv_a_layernorm", self.kv_lora_rank),
            *_linear("attention", "kv_b_proj", expanded, self.kv_lora_rank),
            *_linear("attention", "o_proj", hidden, self.heads * self.v_head_dim, bias=self.bias),
        )

    def flops_per_pair(self, *, decode: bool) -> int:
        if decode:
            return 2 * self.heads * (self.cached_values + self.kv_lora_rank)
        return 2 * self.heads * (self.qk_nope_head_dim + self.qk_rope_head_dim + self.v_head_dim)


@dataclass(frozen=True, kw_only=True, slots=True)
class DenseMLP:
    """A gated MLP (gate, up, down) that every token passes through. Source: Shazeer 2020, arXiv:2002.05202."""

    intermediate: int
    bias: bool = False

    @property
    def chosen(self) -> int:
        return 0

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        return (
            *_linear("mlp", "gate_proj", self.intermediate, hidden, bias=self.bias),
            *_linear("mlp", "up_proj", self.intermediate, hidden, bias=self.bias),
            *_linear("mlp", "down_proj", hidden, self.intermediate, bias=self.bias),
        )

    def working_values(self, hidden: int) -> int:
        return 3 * self.intermediate


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpertMLP:
    """A router that sends each token through `chosen` of `experts` gated MLPs, and `shared_intermediate` for all.

    Source: Jiang et al. 2024, arXiv:2401.04088 (Mixtral); DeepSeek-V3, arXiv:2412.19437 (shared experts and the
    router's correction bias, a buffer).
    """

    experts: int
    chosen: int
    intermediate: int
    shared_intermediate: int = 0
    router_bias: bool = False
    expert_bias: bool = False
    correction_bias: bool = False

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        rows = _linear("router", "router", self.experts, hidden, bias=self.router_bias, shards=1)
        if self.correction_bias:
            rows += (Tensor(part="router", name="e_score_correction_bias", shape=(self.experts,), buffer=True),)
        if self.shared_intermediate:
            rows += tuple(
                replace(row, part="shared_experts", name=f"shared_experts.{row.name}")
                for row in DenseMLP(intermediate=self.shared_intermediate).tensors(hidden)
            )
        return rows + tuple(
            replace(row, part="routed_experts", name=f"experts.*.{row.name}", copies=self.experts, used=self.chosen)
            for row in DenseMLP(intermediate=self.intermediate, bias=self.expert_bias).tensors(hidden)
        )

    def working_values(self, hidden: int) -> int:
        # Gathered inputs and the three inner activations of the chosen experts, or their outputs beside the inputs.
        inner = self.chosen * (hidden + 3 * self.intermediate)
        return max(inner, (2 * self.chosen + 1) * hidden) + 3 * self.shared_intermediate


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """`count` equal layers: one attention, one MLP and `norms` vectors as wide as the model."""

    count: int
    attention: GroupedQueryAttention | LatentAttention
    mlp: DenseMLP | ExpertMLP
    norms: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A model: its blocks between an embedding and a head. `mtp` are multi-token-prediction layers, told apart."""

    name: str
    hidden: int
    vocabulary: int
    max_context: int
    blocks: tuple[Block, ...]
    tied_embeddings: bool
    source: str
    mtp: tuple[Block, ...] = ()
    note: str = ""

    @property
    def layers(self) -> int:
        """Layers of the main model, a count."""
        return sum(block.count for block in self.blocks)


def _layer_tensors(blocks: tuple[Block, ...], hidden: int) -> Iterator[Tensor]:
    first = 0
    for block in blocks:
        layers = range(first, first + block.count)
        first += block.count
        norms = tuple(_norm(f"layernorm_{i + 1}", hidden) for i in range(block.norms))
        for row in (*block.attention.tensors(hidden), *block.mlp.tensors(hidden), *norms):
            yield replace(row, copies=row.copies * block.count, used=row.used * block.count, layers=layers)


@lru_cache(maxsize=512)
def all_tensors(model: Architecture) -> tuple[Tensor, ...]:
    """Every tensor of the main model, buffers included, in checkpoint order."""
    rows = [Tensor(part="embedding", name="embed_tokens", shape=(model.vocabulary, model.hidden))]
    rows += _layer_tensors(model.blocks, model.hidden)
    rows.append(_norm("norm", model.hidden))
    if not model.tied_embeddings:
        rows.append(Tensor(part="lm_head", name="lm_head", shape=(model.vocabulary, model.hidden)))
    return tuple(rows)


def tensors(model: Architecture) -> tuple[Tensor, ...]:
    """The ledger: the trained weight tensors of the main model; buffers and MTP layers are told apart."""
    return tuple(row for row in all_tensors(model) if not row.buffer)


def parameters(model: Architecture) -> int:
    """Parameters stored, a count: the sum over the ledger of values x copies; tied tensors once.

    Definition: that of Hugging Face's `model.num_parameters()` after tying; no buffers, no MTP layers.

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


def mtp_parameters(model: Architecture) -> int:
    """Parameters of the multi-token-prediction layers, a count, without the embedding and head they share.

    Each layer is a block plus the projection of [hidden, embedding] (2 hidden -> hidden), a norm for each of the two,
    and a norm before the head; the router's correction bias is included, as checkpoints store it.
    Source: DeepSeek-V3, arXiv:2412.19437, section 2.2.
    """
    blocks = sum(row.values * row.copies for row in _layer_tensors(model.mtp, model.hidden))
    layers = sum(block.count for block in model.mtp)
    return blocks + layers * (2 * model.hidden * model.hidden + 3 * model.hidden)


# Scales that people speak of, with the parameters from which each begins.
TIERS: Mapping[str, float] = MappingProxyType(
    {"under 1B": 0, "1B to 10B": 1e9, "10B to 100B": 1e10, "100B and above": 1e11}
)


def tier(model: Architecture) -> str:
    """The scale of TIERS that a model belongs to by the parameters it stores."""
    return [name for name, least in TIERS.items() if parameters(model) >= least][-1]


def reach(attention: GroupedQueryAttention | LatentAttention, context_tokens: Quantity) -> Quantity:
    """Tokens that a layer looks back at, a count: the context, or its window where that is shorter."""
    return context_tokens if attention.window is None else np.minimum(context_tokens, attention.window)


def attended_pairs(attention: GroupedQueryAttention | LatentAttention, prompt_tokens: Quantity) -> Quantity:
    """(Query, key) pairs that causal attention forms over a prompt, a count: the sum over positions of their reach.

    With a window w, the first w positions reach 1, 2, … w tokens and each later one w.
    """
    near = reach(attention, prompt_tokens)
    return near * (near + 1) / 2 + (prompt_tokens - near) * near
