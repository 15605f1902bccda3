"""Headers of model files, written from an architecture: what the readers of presets/importing are tested with."""

import json
import tempfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from calculators.architecture import Architecture, block_layers
from calculators.attention import LatentAttention
from calculators.formats import Format, stored_bytes
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
HF_NAMES = {
    "router": "mlp.gate", "e_score_correction_bias": "mlp.gate.e_score_correction_bias", "layernorm_1":
    "input_layernorm", "layernorm_2": "post_attention_layernorm", "layernorm_3": "pre_feedforward_layernorm",
    "layernorm_4": "post_feedforward_layernorm",
}  # fmt: skip


def _named(row: Tensor, names: dict[str, str]) -> str:
    word = row.name.removesuffix(".bias")
    name = names.get(word, word)
    return name if "bias" in name else name + (".bias" if row.name.endswith(".bias") else ".weight")


def gguf_header(
    model: Architecture, kinds: dict[str, TYPES] | None = None, *, arch: str = "llama", words: int = 100,
    **metadata: Any,
) -> bytes:  # fmt: skip
    """The header of a GGUF file of a model, without the weights. `kinds`: the type by the ledger's name, else F16."""
    attention, mlp = model.blocks[0].attention, model.blocks[-1].mlp
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        writer = gguf.GGUFWriter(path, arch)
        writer.add_name(model.name)
        writer.add_block_count(model.layers)
        writer.add_context_length(model.max_context)
        writer.add_embedding_length(model.hidden)
        if isinstance(attention, LatentAttention):
            writer.add_head_count(attention.heads)
            writer.add_head_count_kv(1)
            writer.add_kv_lora_rank(attention.kv_lora_rank)
            writer.add_rope_dimension_count(attention.qk_rope_head_dim)
        else:
            writer.add_head_count(attention.heads)
            writer.add_head_count_kv(attention.kv_heads)
            writer.add_key_length(attention.head_dim)
            writer.add_value_length(attention.value_dim)
        if mlp.experts:
            writer.add_expert_count(mlp.experts)
            writer.add_expert_used_count(mlp.chosen)
        for key, value in metadata.items():
            (writer.add_array if isinstance(value, list) else writer.add_uint32)(key.replace("__", "."), value)
        writer.add_array("tokenizer.ggml.tokens", [f"word{i}" for i in range(words)])
        for row in model_rows(model):
            for layer in row.layers or (None,):
                name = ("" if layer is None else f"blk.{layer}.") + _named(row, GGUF_NAMES)
                kind = TYPES.F32 if len(row.shape) == 1 else (kinds or {}).get(row.name, TYPES.F16)
                stacked = row.copies // max(len(row.layers), 1)
                shape = (stacked, *row.shape) if row.part == "routed_experts" else row.shape
                data = np.empty(gguf.quant_shape_to_byte_shape(shape, kind), np.uint8).shape
                writer.add_tensor_info(name, data, np.dtype(np.uint8), int(np.prod(data)), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        return path.read_bytes()


def model_rows(model: Architecture) -> list[Tensor]:
    from calculators.architecture import all_tensors

    return list(all_tensors(model))


def safetensors_header(tensors: dict[str, tuple[str, list[int]]]) -> bytes:
    """The header of a .safetensors file with these tensors: name to (dtype, shape)."""
    bits = {"BF16": 16, "F16": 16, "F32": 32, "I32": 32, "U8": 8, "F8_E4M3": 8, "I64": 64, "I8": 8}
    at, fields = 0, {"__metadata__": {"format": "pt"}}
    for name, (kind, shape) in tensors.items():
        size = int(np.prod(shape, dtype=object)) * bits[kind] // 8
        fields[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(fields).encode()
    return len(text).to_bytes(8, "little") + text


def hf_tensors(model: Architecture, kind: str = "BF16") -> dict[str, tuple[str, list[int]]]:
    """The tensors of a Hugging Face checkpoint of a model, a tensor an expert."""
    found = {}
    for row in model_rows(model):
        name = HF_NAMES.get(row.name, _named(row, {}).removesuffix(".weight"))
        if row.part in ("attention",) or row.name in ("q_norm", "k_norm", "q_a_layernorm", "kv_a_layernorm"):
            name = f"self_attn.{name}"
        elif row.part in ("mlp", "shared_experts", "routed_experts"):
            name = f"mlp.{name}"
        if not name.endswith(("bias", "sinks")):
            name += ".weight"
        for layer in row.layers or (None,):
            whole = name if row.name == "lm_head" else f"model.{'' if layer is None else f'layers.{layer}.'}{name}"
            experts = row.copies // max(len(row.layers), 1) if "*" in whole else 1
            for expert in range(experts):
                found[whole.replace("*", str(expert))] = (kind, list(row.shape))
    return found


def file_bytes(model: Architecture, fmt: Format) -> float:
    """Bytes of all tensors of a model in a format, buffers in 32 bits."""
    return sum(
        4 * row.values * row.copies if row.buffer else stored_bytes(model, row, fmt) for row in model_rows(model)
    )


__all__ = ["block_layers", "file_bytes", "gguf_header", "hf_tensors", "model_rows", "safetensors_header"]
