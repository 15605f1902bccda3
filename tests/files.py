"""Headers of model files, written from an architecture: what the readers of presets/importing are tested with."""

import json
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from calculators.architecture import Architecture, all_tensors, block_layers
from calculators.attention import LatentAttention
from calculators.tensor import Tensor

TYPES = gguf.GGMLQuantizationType
# The ledger's names in a GGUF file, as gguf's TENSOR_NAMES has them.
GGUF_NAMES = {
    "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm", "sinks": "attn_sinks", "q_a_proj": "attn_q_a", "q_a_layernorm": "attn_q_a_norm",
    "q_b_proj": "attn_q_b", "kv_a_proj_with_mqa": "attn_kv_a_mqa", "kv_a_layernorm": "attn_kv_a_norm",
    "kv_b_proj": "attn_kv_b", "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
    "router": "ffn_gate_inp", "e_score_correction_bias": "exp_probs_b.bias", "layernorm_1": "attn_norm",
    "layernorm_2": "ffn_norm", "layernorm_3": "post_attention_norm", "layernorm_4": "post_ffw_norm",
    "experts.*.gate_proj": "ffn_gate_exps", "experts.*.up_proj": "ffn_up_exps", "experts.*.down_proj": "ffn_down_exps",
    "shared_experts.gate_proj": "ffn_gate_shexp", "shared_experts.up_proj": "ffn_up_shexp",
    "shared_experts.down_proj": "ffn_down_shexp", "embed_tokens": "token_embd", "norm": "output_norm",
    "lm_head": "output",
}  # fmt: skip
# Those of a Hugging Face checkpoint, where they are not the ledger's own.
HF_NAMES = {
    "router": "mlp.gate", "e_score_correction_bias": "mlp.gate.e_score_correction_bias",
    "layernorm_1": "input_layernorm", "layernorm_2": "post_attention_layernorm",
    "layernorm_3": "pre_feedforward_layernorm", "layernorm_4": "post_feedforward_layernorm",
}  # fmt: skip
INNER_NORMS = ("q_norm", "k_norm", "q_a_layernorm", "kv_a_layernorm")
DTYPE_BITS = {"BF16": 16, "F16": 16, "F32": 32, "I32": 32, "U8": 8, "F8_E4M3": 8, "I64": 64, "I8": 8}


def layers_of(row: Tensor) -> tuple[int | None, ...]:
    """The layers that hold a row, (None,) outside them."""
    return tuple(row.layers) or (None,)


def gguf_tensors(
    model: Architecture, kinds: dict[str, TYPES] | None = None
) -> dict[str, tuple[tuple[int, ...], TYPES]]:
    """Names, shapes and types of a model's tensors in a GGUF file. `kinds`: types by the ledger's name, else F16."""
    found = {}
    for row in all_tensors(model):
        word = row.name.removesuffix(".bias")
        name = GGUF_NAMES.get(word, word)
        name += "" if "bias" in name else ".bias" if row.name != word else ".weight"
        experts = row.copies // len(layers_of(row))
        shape = (experts, *row.shape) if row.part == "routed_experts" else row.shape
        kind = TYPES.F32 if len(row.shape) == 1 else (kinds or {}).get(row.name, TYPES.F16)
        for layer in layers_of(row):
            found[name if layer is None else f"blk.{layer}.{name}"] = (shape, kind)
    return found


def gguf_facts(model: Architecture) -> dict[str, Any]:
    """What a GGUF file's metadata say of a model, without the architecture's prefix."""
    attention, mlp = model.blocks[0].attention, model.blocks[-1].mlp
    facts = {
        "block_count": model.layers, "context_length": model.max_context, "embedding_length": model.hidden,
        "attention.head_count": attention.heads,
    }  # fmt: skip
    if isinstance(attention, LatentAttention):
        facts |= {"attention.head_count_kv": 1, "attention.kv_lora_rank": attention.kv_lora_rank}
        facts |= {"rope.dimension_count": attention.qk_rope_head_dim}
    else:
        facts |= {"attention.head_count_kv": attention.kv_heads, "attention.key_length": attention.head_dim}
        facts |= {"attention.value_length": attention.value_dim}
    windows = [
        dict.fromkeys(at, block.attention.window)
        for block, at in zip(model.blocks, block_layers(model.blocks), strict=True)
    ]
    by_layer = {layer: window for each in windows for layer, window in each.items()}
    if any(by_layer.values()):
        facts["attention.sliding_window"] = next(window for window in by_layer.values() if window)
        facts["attention.sliding_window_pattern"] = [bool(by_layer[layer]) for layer in range(model.layers)]
    if mlp.experts:
        facts |= {"expert_count": mlp.experts, "expert_used_count": mlp.chosen}
    return facts


def gguf_file(
    tensors: dict[str, tuple[tuple[int, ...], TYPES]], facts: dict[str, Any], *, arch: str = "llama", words: int = 10,
    general: dict[str, int] | None = None,
) -> bytes:  # fmt: skip
    """The header of a GGUF file as gguf's own writer writes it, without the weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        writer = gguf.GGUFWriter(path, arch)
        writer.add_name("A model")
        for key, value in facts.items():
            add = {list: writer.add_array, bool: writer.add_bool}.get(type(value), writer.add_uint32)
            add(f"{arch}.{key}", value)
        for key, value in (general or {}).items():
            writer.add_uint16(key, value)
        writer.add_array("tokenizer.ggml.tokens", [f"word{i}" for i in range(words)])
        for name, (shape, kind) in tensors.items():
            packed = gguf.quant_shape_to_byte_shape(shape, kind)
            writer.add_tensor_info(name, packed, np.dtype(np.uint8), int(np.prod(packed)), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        return path.read_bytes()


def gguf_of(model: Architecture, *, arch: str = "llama") -> bytes:
    """The header of a GGUF file of a model in F16."""
    return gguf_file(gguf_tensors(model), gguf_facts(model), arch=arch)


def safetensors_file(tensors: dict[str, tuple[str, list[int]]], *, note: str = "pt") -> bytes:
    """The header of a .safetensors file with these tensors: name to (dtype, shape)."""
    at, fields = 0, {"__metadata__": {"format": note}}
    for name, (kind, shape) in tensors.items():
        size = int(np.prod(shape, dtype=object)) * DTYPE_BITS[kind] // 8
        fields[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(fields).encode()
    return len(text).to_bytes(8, "little") + text


def hf_tensors(model: Architecture, kind: str = "BF16") -> dict[str, tuple[str, list[int]]]:
    """The tensors of a Hugging Face checkpoint of a model, a tensor an expert."""
    found = {}
    for row in all_tensors(model):
        name = HF_NAMES.get(row.name, row.name)
        if row.part == "attention" or row.name in INNER_NORMS:
            name = f"self_attn.{name}"
        elif row.part in ("mlp", "shared_experts", "routed_experts"):
            name = f"mlp.{name}"
        if not name.endswith(("bias", "sinks")):
            name += ".weight"
        for layer in layers_of(row):
            within = "" if row.name == "lm_head" else "model." if layer is None else f"model.layers.{layer}."
            for expert in range(row.copies // len(layers_of(row)) if "*" in name else 1):
                found[within + name.replace("*", str(expert))] = (kind, list(row.shape))
    return found
