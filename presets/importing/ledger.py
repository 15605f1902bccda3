"""Which model do the tensors of a file make? Its ledger, tensor by tensor, and the attention that their shapes tell."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod
from types import MappingProxyType
from typing import Any

from calculators.architecture import Architecture, Block, block_layers
from calculators.attention import GroupedQueryAttention, LatentAttention, Mixer, NoAttention
from calculators.mlp import MLP, DenseMLP, ExpertMLP, NoMLP
from calculators.tensor import Tensor
from presets.configs.layers import blocks
from presets.importing.header import MOST_LAYERS, Header, Stored
from presets.importing.text import quoted

# What is known of a model beside its tensors: stated by a GGUF file's metadata, or by the visitor.
FACTS = (
    "architecture", "blocks", "context", "hidden", "vocabulary", "heads", "kv_heads", "head_dim", "v_head_dim",
    "head_dim_swa", "v_head_dim_swa", "window", "slides", "chunked", "causal", "kv_lora_rank", "q_lora_rank",
    "key_mla", "value_mla", "index_heads", "index_head_dim", "index_topk", "shared_kv_layers", "rope_dim", "experts",
    "chosen", "mtp",
)  # fmt: skip
PER_LAYER = ("heads", "kv_heads", "slides")  # may be a list, one entry a layer
HEAD_WIDTHS = (32, 48, 64, 72, 80, 96, 112, 120, 128, 160, 192, 256, 512)

# The model_type that an architecture of GGUF files has in a config.json, without and with experts.
MODEL_TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "llama": ("llama", "mixtral"), "qwen2": ("qwen2", "qwen2_moe"), "qwen2moe": ("", "qwen2_moe"),
        "qwen3": ("qwen3", "qwen3_moe"), "qwen3moe": ("", "qwen3_moe"), "gemma2": ("gemma2", ""), "phi3": ("phi3", ""),
        "gpt-oss": ("", "gpt_oss"), "deepseek2": ("", "deepseek_v2"), "falcon": ("falcon", ""), "gpt2": ("gpt2", ""),
        "gptneox": ("gpt_neox", ""), "bloom": ("bloom", ""), "mpt": ("mpt", ""), "dbrx": ("", "dbrx"),
        "olmo": ("olmo", ""),
    }
)  # fmt: skip

# Which part of a model a tensor is, by its name without ".weight"; the first that matches. Written by the names of
# Hugging Face checkpoints and of llama.cpp (gguf/constants.py, TENSOR_NAMES).
PART_RULES: tuple[tuple[str, str], ...] = (
    (r"inv_freq|rotary|rope_(freqs|factors)|\.attn\.(masked_)?bias$|position_ids", "buffer"),
    (r"e_score_correction_bias|exp_probs_b|expert_bias", "buffer"),
    (r"^(model\.)?(audio|speech|sound)|audio_(tower|model|encoder)|^a\.|embed_audio", "audio"),
    (r"^(model\.)?(vision|visual|image|vit)|vision_(tower|model|encoder)|visual\.|multi_modal_projector|mm_projector"
     r"|^v\.|^mm\.|image_newline|embed_vision|vis_", "vision"),
    (r"embed_tokens_per_layer|per_layer|\.inp_gate|blk\.\*\.(proj|post_norm)$", "per_layer_embedding"),
    (r"altup|laurel|hyper_connection|\.hc_", "hyper_connections_altup_laurel"),
    (r"(^|\.)(wpe|position_embd|position_embeddings|embed_positions)", "position_embedding"),
    (r"embd_norm|embeddings?\.(LayerNorm|norm)|embedding_norm|word_embeddings_layernorm", "norms"),
    (r"(^|\.)(embed_tokens|wte|word_embeddings|tok_embeddings|token_embd|token_types|token_type_embeddings|embed_in)",
     "embedding"),
    (r"^(model\.|language_model\.)*(lm_head|output|embed_out)(\.bias)?$", "lm_head"),
    (r"shared_expert|shared_mlp|_shexp", "shared_experts"),
    (r"latent_(down|up)|latent_proj", "moe_other"),
    (r"\bexperts\.|_exps|\.ffn_(gate|up|down)\.\*", "routed_experts"),
    (r"\.(gate|router|ffn_gate_inp|router\.layer|router\.linear)(\.bias)?$", "router"),
    (r"ssm|mamba|linear_attn|conv1d|A_log|dt_bias|time_mix|channel_mix|shortconv|delta_net|\.mixer\.(?!q_|k_|v_|o_)"
     r"|short_conv|_conv\d?$", "ssm_linear_attn"),
    (r"norm|(^|\.|_)ln(_|\d|$|\.)", "norms"),
    (r"attn|attention|\.(q|k|v|o)_proj|indexer", "attention"),
    (r"mlp|ffn|feed_forward|fc1|fc2|gate_proj|up_proj|down_proj|\.w[123]$|dense_h_to_4h|dense_4h_to_h", "mlp"),
)  # fmt: skip
COMPILED = tuple((re.compile(pattern), part) for pattern, part in PART_RULES)
MTP = re.compile(r"\.nextn\.|\.(eh_proj|enorm|hnorm)$|shared_head")
SHARED = re.compile(r"(embed_tokens|shared_head[._]head)$")  # stored again with an MTP layer, which shares them
LANGUAGE = re.compile(r"(^|\.)(layers|h|blk|blocks|layer)\.\*\.")

# The ledger's names of tensors, by the last word of a file's name.
NAMES = {
    "attn_q": "q_proj", "attn_k": "k_proj", "attn_v": "v_proj", "attn_output": "o_proj", "attn_qkv": "qkv_proj",
    "attn_q_a": "q_a_proj", "attn_q_b": "q_b_proj", "attn_kv_a_mqa": "kv_a_proj_with_mqa", "attn_kv_b": "kv_b_proj",
    "attn_k_b": "k_b_proj", "attn_v_b": "v_b_proj", "attn_q_norm": "q_norm", "attn_k_norm": "k_norm",
    "attn_q_a_norm": "q_a_layernorm", "attn_kv_a_norm": "kv_a_layernorm", "attn_sinks": "sinks",
    "query_key_value": "qkv_proj", "c_attn": "qkv_proj", "Wqkv": "qkv_proj", "wqkv": "qkv_proj", "W_pack": "qkv_proj",
    "ffn_gate": "gate_proj", "ffn_up": "up_proj", "ffn_down": "down_proj", "ffn_gate_exps": "gate_proj",
    "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj", "ffn_gate_up_exps": "gate_up_proj",
    "ffn_gate_shexp": "gate_proj", "ffn_up_shexp": "up_proj", "ffn_down_shexp": "down_proj",
    "ffn_gate_inp_shexp": "shared_expert_gate", "ffn_gate_inp": "router", "gate": "router",
    "w1": "gate_proj", "w3": "up_proj", "w2": "down_proj", "fc1": "up_proj", "fc2": "down_proj", "c_fc": "up_proj",
    "dense_h_to_4h": "up_proj", "dense_4h_to_h": "down_proj", "out_proj": "o_proj", "wo": "o_proj",
    "token_embd": "embed_tokens", "wte": "embed_tokens", "word_embeddings": "embed_tokens", "wpe": "embed_positions",
    "tok_embeddings": "embed_tokens", "embed_in": "embed_tokens", "output": "lm_head", "embed_out": "lm_head",
    "output_norm": "norm", "position_embd": "embed_positions",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A stored tensor with the part it is and the ledger's name; `each` values' shape, `experts` of them a layer."""

    stored: Stored
    part: str
    name: str
    each: tuple[int, ...]
    experts: int
    guessed: bool

    @property
    def outputs(self) -> int:
        return self.each[0] if self.each else 1


def _bare(name: str) -> str:
    return name.removesuffix(".weight")


def _row(stored: Stored) -> _Row:
    bare = _bare(stored.name)
    found = next((part for pattern, part in COMPILED if pattern.search(bare)), None)
    part = found or ("mlp" if len(stored.shape) > 1 else "norms")
    words = bare.split(".")
    bias = words[-1] == "bias" or words[-1].endswith("_bias")
    last = words[-2] if words[-1] == "bias" and len(words) > 1 else words[-1].removesuffix("_bias")
    if part == "routed_experts" and last == "*" and len(words) > 1:
        last = words[-2]
    if last in ("c_proj", "dense"):
        last = "o_proj" if part == "attention" else "down_proj"
    name = NAMES.get(last, last) + (".bias" if bias else "")
    shape, experts = stored.shape, stored.experts
    if part == "routed_experts":
        name = f"experts.*.{name}"
        if len(shape) == (2 if bias else 3):
            experts, shape = experts * shape[0], shape[1:]
    elif part == "shared_experts":
        name = f"shared_experts.{name}"
    elif len(shape) > 2 and part not in ("vision", "audio", "ssm_linear_attn"):
        shape = (prod(shape[:-1]), shape[-1])
    return _Row(stored=stored, part=part, name=name, each=shape, experts=experts, guessed=found is None)


class _Facts:
    """The facts about a model, each checked when it is asked for."""

    def __init__(self, header: Header) -> None:
        self.kind, self.given = header.kind, header.facts

    def error(self, fact: str, message: str) -> ValueError:
        return ValueError(f"{self.kind}: {fact} {message}")

    def number(self, fact: str, layer: int = 0) -> int | None:
        """A whole number, that of a layer where there is one for each; None where it is not given."""
        value = self.given.get(fact)
        if fact in PER_LAYER and isinstance(value, list):
            if layer >= len(value):
                raise self.error(fact, f"lists {len(value)} layers; layer {layer} is missing")
            value = value[layer]
        if value is None:
            return None
        if not isinstance(value, int) or not 0 <= value < 2**31:
            raise self.error(fact, f"is {quoted(value)}; a whole number was expected")
        return int(value)

    def needed(self, fact: str, layer: int = 0) -> int:
        value = self.number(fact, layer)
        if value is None or value < 1:
            raise self.error(fact, f"is {value or 'missing'}; a whole number of 1 or more was expected")
        return value

    def slides(self, layer: int) -> bool:
        """Whether a layer has a window: by the list of layers, or all but each n-th."""
        value = self.given.get("slides")
        if not self.number("window") or value is None:
            return False
        if isinstance(value, list):
            return bool(self.number("slides", layer))
        period = self.needed("slides")
        return layer % period < period - 1


def head_widths(header: Header) -> tuple[int, ...]:
    """Widths that a head may have where neither the tensors nor the facts say which; empty where they do."""
    if "head_dim" in header.facts or "heads" in header.facts:
        return ()
    rows = [row for row in map(_row, header.tensors) if row.part in ("attention", "norms") and row.stored.layers]
    kinds = {row.name: row for row in rows}
    if "kv_a_proj_with_mqa" in kinds or "q_proj" not in kinds or "k_proj" not in kinds:
        return ()
    queries, keys = kinds["q_proj"].outputs, kinds["k_proj"].outputs
    if _width_from_tensors({name: row for name, row in kinds.items()}):
        return ()
    shared = gcd(queries, keys)
    return tuple(width for width in HEAD_WIDTHS if shared % width == 0)


def needs_chosen(header: Header) -> int:
    """Routed experts of a layer where nothing says how many a token uses, a count; 0 where it is known or none."""
    if "chosen" in header.facts:
        return 0
    return max((row.experts for row in map(_row, header.tensors) if row.part == "routed_experts"), default=0)


def _width_from_tensors(kinds: Mapping[str, _Row]) -> int | None:
    """The width of a head by the norm of a query or the number of sinks."""
    queries = kinds["q_proj"].outputs
    if "sinks" in kinds and queries % kinds["sinks"].outputs == 0:
        return queries // kinds["sinks"].outputs
    if "q_norm" in kinds:
        width = (kinds["q_norm"].each or (queries,))[-1]
        if width != queries and queries % width == 0:
            return width
    return None


def _latent(kinds: Mapping[str, _Row], facts: _Facts) -> LatentAttention:
    """Latent attention from the shapes of its projections.

    Queries have h (n + r) rows, keys and values h (n + v), the output h v columns, so h = (queries - both + out) / r.
    """
    compressed = kinds["kv_a_proj_with_mqa"].outputs
    if "kv_a_layernorm" not in kinds:
        raise facts.error("kv_a_layernorm", "is missing beside kv_a_proj_with_mqa")
    rank = kinds["kv_a_layernorm"].outputs
    rope = compressed - rank
    queries = kinds.get("q_b_proj") or kinds.get("q_proj")
    output = kinds.get("o_proj")
    if "kv_b_proj" in kinds:
        both = kinds["kv_b_proj"].outputs
    elif "k_b_proj" in kinds and "v_b_proj" in kinds:
        both = (kinds["k_b_proj"].stored.values + kinds["v_b_proj"].stored.values) // rank
    else:
        both = 0
    if not queries or not output or not both or rope < 1 or len(output.each) != 2:
        raise facts.error("attention", "is latent, and its projections are not all here")
    values = output.each[1]
    heads, rest = divmod(queries.outputs - both + values, rope)
    if heads < 1 or rest or (both - values) % heads or values % heads:
        raise facts.error("attention", "is latent, and the shapes of its projections contradict each other")
    stated = facts.number("heads")
    if stated is not None and stated != heads:
        raise facts.error("heads", f"is {stated}, but the projections have {heads}")
    for fact, expected in (("kv_lora_rank", rank), ("rope_dim", rope), ("value_mla", values // heads)):
        if facts.number(fact) not in (None, expected):
            raise facts.error(fact, f"is {facts.number(fact)}, but the tensors have {expected}")
    return LatentAttention(
        heads=heads,
        q_lora_rank=kinds["q_a_proj"].outputs if "q_a_proj" in kinds else None,
        kv_lora_rank=rank,
        qk_nope_head_dim=(both - values) // heads,
        qk_rope_head_dim=rope,
        v_head_dim=values // heads,
        index_heads=facts.number("index_heads") or 0,
        index_head_dim=facts.number("index_head_dim") or 0,
        index_topk=facts.number("index_topk") or 0,
    )


def _heads(kinds: Mapping[str, _Row], facts: _Facts, layer: int, suffix: str) -> tuple[int, int]:
    """(query heads, width of a head) of a layer: from the facts, or the width from the tensors, or as chosen."""
    width, heads = facts.number(f"head_dim{suffix}") or None, facts.number("heads", layer)
    queries = kinds["q_proj"].outputs if "q_proj" in kinds else 0
    if heads is None:
        if not queries:
            raise facts.error("heads", "are in no header whose projections are fused; add the config.json")
        width = width or _width_from_tensors(kinds)
        if not width or queries % width:
            raise facts.error("head_dim", "is not in the header: choose the width of a head, or add the config.json")
        return queries // width, width
    if not heads:
        raise facts.error("heads", f"is 0 in layer {layer}, which has projections")
    if width is None:
        whole = queries or facts.needed("hidden")
        if whole % heads:
            raise facts.error("head_dim", f"is missing, and {whole:,} rows of queries are no multiple of {heads} heads")
        width = whole // heads
    return heads, width


def _kv_heads(kinds: Mapping[str, _Row], facts: _Facts, layer: int, heads: int, widths: tuple[int, int]) -> int:
    """Heads of keys and values of a layer: from the facts, or from the rows of its projections."""
    kv_heads, keys, fused = facts.number("kv_heads", layer), kinds.get("k_proj"), kinds.get("qkv_proj")
    if kv_heads is None and keys is not None:
        kv_heads = keys.outputs // widths[0]
    elif kv_heads is None and fused is not None:
        kv_heads = (fused.outputs - heads * widths[0]) // sum(widths)
    if not kv_heads or kv_heads < 1 or heads % kv_heads:
        raise facts.error("kv_heads", f"is {kv_heads or 'missing'} in layer {layer}; it must divide the heads, {heads}")
    return kv_heads


def _grouped(kinds: Mapping[str, _Row], facts: _Facts, layer: int, layers: int) -> GroupedQueryAttention:
    """Grouped-query attention of a layer, checked against the shapes of its projections."""
    slides = facts.slides(layer)
    suffix = "_swa" if slides and facts.number("head_dim_swa") else ""
    heads, width = _heads(kinds, facts, layer, suffix)
    value_width = facts.number(f"v_head_dim{suffix}") or width
    kv_heads = _kv_heads(kinds, facts, layer, heads, (width, value_width))
    for name, *rows in (
        ("q_proj", heads * width, 2 * heads * width),  # twice where a gate is projected with them
        ("k_proj", kv_heads * width),
        ("v_proj", kv_heads * value_width),
        ("qkv_proj", heads * width + kv_heads * (width + value_width)),
    ):
        if name in kinds and kinds[name].outputs not in rows:
            raise facts.error(
                name,
                f"of layer {layer} has {kinds[name].outputs:,} rows, but {heads} heads over {kv_heads} of width "
                f"{width} make {rows[0]:,}",
            )
    return GroupedQueryAttention(
        heads=heads,
        kv_heads=kv_heads,
        head_dim=width,
        v_head_dim=None if value_width == width else value_width,
        window=facts.number("window") if slides else None,
        chunked=slides and facts.given.get("chunked") is True,
        causal=facts.given.get("causal", True) is not False,
        keeps_cache=layer < layers - (facts.number("shared_kv_layers") or 0),
    )


def _attention(kinds: Mapping[str, _Row], facts: _Facts, layer: int, layers: int) -> Mixer:
    for name in kinds:
        if "cross_attn" in name:
            raise facts.error(quoted(name), "is cross attention, which is not understood from a header")
    if "kv_a_proj_with_mqa" in kinds:
        return _latent(kinds, facts)
    if "q_proj" in kinds or "qkv_proj" in kinds:
        return _grouped(kinds, facts, layer, layers)
    if any(row.part == "attention" and len(row.each) > 1 for row in kinds.values()):
        raise facts.error("attention", f"of layer {layer} is of a kind that is not understood; add the config.json")
    return NoAttention()


def _mlp(kinds: Mapping[str, _Row], facts: _Facts, hidden: int) -> MLP:
    def inner(name: str) -> int:
        """The side of a down projection that is not the model's width."""
        row = kinds.get(name)
        if row is None or len(row.each) != 2:
            return 0
        return row.each[1] if row.each[0] == hidden else row.each[0]

    routed = [row for row in kinds.values() if row.part == "routed_experts"]
    if routed:
        experts = max(row.experts for row in routed)
        stated = facts.number("experts")
        if stated not in (None, experts):
            raise facts.error("experts", f"is {stated}, but the tensors have {experts}")
        chosen = facts.needed("chosen")
        if chosen > experts:
            raise facts.error("chosen", f"is {chosen}, more than the {experts} experts")
        return ExpertMLP(
            experts=experts,
            chosen=chosen,
            intermediate=inner("experts.*.down_proj") or hidden,
            shared_intermediate=inner("shared_experts.down_proj"),
            gated="experts.*.gate_proj" in kinds or "experts.*.gate_up_proj" in kinds,
        )
    width = inner("down_proj")
    if not width:
        return NoMLP()
    up = kinds.get("up_proj")
    gated = "gate_proj" in kinds or "gate_up_proj" in kinds or (up is not None and up.outputs == 2 * width)
    return DenseMLP(intermediate=width, gated=gated)


def _layers(inside: Sequence[_Row], facts: _Facts) -> int:
    """Layers of the main model; those that predict further tokens follow them."""
    last = max((row.stored.layers[-1] + 1 for row in inside), default=0)
    if not 0 < last <= MOST_LAYERS:
        raise facts.error("layers", "are none: no tensor's name has a layer's number; a language model was expected")
    stated, mtp = facts.number("blocks"), facts.number("mtp")
    if stated is not None and not last <= stated <= MOST_LAYERS:
        raise facts.error("blocks", f"is {stated}, but the tensors have {last} layers")
    if mtp is None:
        extra = {layer for row in inside if MTP.search(_bare(row.stored.name)) for layer in row.stored.layers}
        mtp = last - min(extra) if extra else 0
    if mtp >= last:
        raise facts.error("mtp", f"is {mtp}, of {last} layers")
    return (stated or last) - mtp


def _tensors(row: _Row, stack: Sequence[Block], of: Mapping[int, int], layers: int) -> list[Tensor]:
    """The ledger's rows of a stored tensor, one a block that has it."""
    by_block: dict[int, list[int]] = {}
    for layer in row.stored.layers:
        if layer < layers:
            by_block.setdefault(of[layer], []).append(layer)
    return [_tensor(row, stack[index], tuple(at)) for index, at in by_block.items()]


def _tensor(row: _Row, block: Block | None, layers: tuple[int, ...]) -> Tensor:
    count = max(len(layers), 1)
    chosen = block.mlp.chosen if block and row.part == "routed_experts" else row.experts
    shards: int | None = None
    word = row.name.removesuffix(".bias")
    if word in ("k_proj", "v_proj") and block:
        shards = block.attention.cache_shards
    elif row.part in ("norms", "router", "moe_other") or word in ("q_a_proj", "kv_a_proj_with_mqa"):
        shards = 1
    part = row.part
    if part == "buffer":
        part = "router" if "bias" in row.stored.name or "probs" in row.stored.name else "attention"
    return Tensor(
        part=part,
        name=row.name,
        shape=row.each,
        copies=row.experts * count,
        used=chosen * count,
        layers=layers,
        shards=shards,
        elementwise=row.part == "norms",
        buffer=row.part == "buffer",
        file_bytes=row.stored.bytes * (row.stored.experts * count),
    )


def _refuse_states(rows: Sequence[_Row], kind: str) -> None:
    for row in rows:
        if row.part == "ssm_linear_attn":
            raise ValueError(
                f"{kind}: {quoted(row.stored.name)} belongs to a layer that keeps a state, which is not understood "
                "from a header; add the config.json"
            )


def _embedding(outside: Sequence[_Row], facts: _Facts, config: Architecture | None) -> tuple[int, int]:
    """(tokens, width) of the embedding, checked against what is stated."""
    tables = [row.each for row in outside if row.part == "embedding" and len(row.each) == 2]
    if not tables:
        raise ValueError(f"{facts.kind}: no embedding of tokens among the tensors; a language model was expected")
    vocabulary, width = max(tables)
    stated = config.vocabulary if config else facts.number("vocabulary") or vocabulary
    if stated != vocabulary:
        raise facts.error("vocabulary", f"is {stated:,} tokens, but the embedding has {vocabulary:,} rows")
    return vocabulary, width


def _stack(inside: Sequence[_Row], facts: _Facts, hidden: int) -> tuple[Block, ...]:
    """The layers that the tensors make."""
    layers = _layers(inside, facts)
    by_layer: list[dict[str, _Row]] = [{} for _ in range(layers)]
    for row in inside:
        for layer in row.stored.layers:
            if layer < layers:
                by_layer[layer][row.name] = row
    if not all(by_layer):
        raise facts.error(
            "layers", f"{layers} are counted, and layer {by_layer.index({})} has no tensor; are all files here?"
        )
    return blocks(
        [(_attention(kinds, facts, i, layers), _mlp(kinds, facts, hidden)) for i, kinds in enumerate(by_layer)]
    )


def _model_type(stack: Sequence[Block], architecture: Any) -> str:
    """The model_type of an architecture of GGUF files, empty where it is not known."""
    kinds = MODEL_TYPES.get(architecture, ("", "")) if isinstance(architecture, str) else ("", "")
    return kinds[any(block.mlp.experts for block in stack)]


def architecture(header: Header, *, name: str, source: str, config: Architecture | None = None) -> Architecture:
    """The model that the tensors of a file make; its layers are those of `config` where there is one.

    Raises ValueError, saying which tensor or fact and what was expected, for what is not understood.
    """
    facts = _Facts(header)
    rows = [_row(stored) for stored in header.tensors]
    towers = [row for row in rows if row.part in ("vision", "audio")]
    predicts = [row for row in rows if row.stored.name.startswith(("mtp.", "model.mtp."))]
    rows = [row for row in rows if row not in towers and row not in predicts]
    if config is None:
        _refuse_states(rows, header.kind)
    inside = [row for row in rows if row.stored.layers and LANGUAGE.search(row.stored.name)]
    outside = [row for row in rows if row not in inside]
    vocabulary, width = _embedding(outside, facts, config)
    hidden = config.hidden if config else facts.number("hidden") or width
    stack = config.blocks if config else _stack(inside, facts, hidden)
    layers = sum(block.count for block in stack)
    last = max((row.stored.layers[-1] for row in inside), default=0)
    if config and last >= layers + sum(block.count for block in config.mtp):
        raise facts.error("layers", f"reach {last}, but the config.json has {layers}")
    tied = config.tied_embeddings if config else not any(row.part == "lm_head" for row in outside)
    of = {layer: index for index, at in enumerate(block_layers(stack)) for layer in at}
    stored = [
        _tensor(row, None, ())
        for row in outside
        if not (tied and row.part == "lm_head" and row.each == (vocabulary, width))  # the embedding once more
    ]
    beyond = []
    for row in inside:
        stored += _tensors(row, stack, of, layers)
        more = tuple(layer for layer in row.stored.layers if layer >= layers)
        if more:
            beyond.append(replace(row, stored=replace(row.stored, layers=more)))
    stored += [
        replace(_tensor(row, None, row.stored.layers), name=f"{row.part}.{row.name}", used=0, layers=(), shards=1)
        for row in towers
    ]
    extras = [
        replace(_tensor(row, None, row.stored.layers), layers=(), buffer=False)
        for row in (*beyond, *predicts)
        if not SHARED.search(_bare(row.stored.name))
    ]
    return Architecture(
        name=name,
        hidden=hidden,
        vocabulary=vocabulary,
        max_context=config.max_context if config else facts.needed("context"),
        blocks=stack,
        tied_embeddings=tied,
        source=source,
        generates=config.generates if config else header.facts.get("causal", True) is not False,
        model_type=config.model_type if config else _model_type(stack, header.facts.get("architecture")),
        stored=tuple(stored),
        mtp_extras=tuple(extras),
    )


def unmatched(header: Header) -> tuple[str, ...]:
    """Names that no rule of PART_RULES matches: matrices count as MLP, vectors as norms."""
    rows = (row for row in map(_row, header.tensors) if row.guessed)
    return tuple(dict.fromkeys(row.stored.name for row in rows if not MTP.search(_bare(row.stored.name))))
