"""Does a file hold the model that its kind of architecture has elsewhere? The same sizes, read as a config.json."""

from typing import Any

from calculators.architecture import Architecture, all_tensors, parameters_by_part
from calculators.attention import GroupedQueryAttention, LatentAttention
from calculators.mlp import DenseMLP, ExpertMLP
from presets.catalog import models
from presets.configs import KINDS, model_from_config
from presets.importing.ledger import MODEL_TYPES


def as_config(model: Architecture, architecture: str) -> dict[str, Any] | None:
    """The config.json of a model that has these sizes, None where its kind is not known or its layers differ."""
    mlps = [block.mlp for block in model.blocks]
    experts = next((mlp for mlp in mlps if isinstance(mlp, ExpertMLP)), None)
    kind = MODEL_TYPES.get(architecture, ("", ""))[experts is not None]
    sizes = {
        (a.heads, a.kv_heads, a.head_dim) if isinstance(a, GroupedQueryAttention) else a
        for a in (block.attention for block in model.blocks)
    }
    attention = model.blocks[0].attention
    if len(sizes) > 1 or kind not in KINDS:
        return None
    rows = {row.name: row for row in all_tensors(model)}
    config: dict[str, Any] = {
        "model_type": kind, "hidden_size": model.hidden, "vocab_size": model.vocabulary,
        "num_hidden_layers": model.layers, "max_position_embeddings": model.max_context,
        "tie_word_embeddings": model.tied_embeddings, "attention_bias": "o_proj.bias" in rows,
        "num_attention_heads": attention.heads,
    }  # fmt: skip
    dense = next((mlp for mlp in mlps if isinstance(mlp, DenseMLP)), None)
    if dense:
        config["intermediate_size"] = dense.intermediate
    if isinstance(attention, LatentAttention):
        config |= {name: getattr(attention, name) for name in (
            "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"
        )}  # fmt: skip
        if "e_score_correction_bias" in rows:
            config["model_type"] = "deepseek_v3"
    elif isinstance(attention, GroupedQueryAttention):
        config |= {"num_key_value_heads": attention.kv_heads, "head_dim": attention.head_dim}
    if experts:
        width = experts.intermediate
        config |= {"num_experts_per_tok": experts.chosen, "intermediate_size": dense.intermediate if dense else width}
        config |= {
            "mixtral": {"num_local_experts": experts.experts},
            "gpt_oss": {"num_local_experts": experts.experts},
            "deepseek_v2": {
                "n_routed_experts": experts.experts, "moe_intermediate_size": width,
                "n_shared_experts": experts.shared_intermediate // width,
                "first_k_dense_replace": sum(b.count for b in model.blocks if isinstance(b.mlp, DenseMLP)),
            },
        }.get(kind, {"num_experts": experts.experts, "moe_intermediate_size": width})  # fmt: skip
    return config


def checked(model: Architecture, architecture: str) -> list[str]:
    """What other ways to the same model say of it: its kind's config.json with these sizes, and the presets."""
    parts, found = parameters_by_part(model), []
    config = as_config(model, architecture)
    if config is not None:
        try:
            other = parameters_by_part(model_from_config(config, name=model.name))
        except ValueError as error:
            found.append(f"Not compared with model_type {config['model_type']}: {error}.")
        else:
            differ = [part for part in dict.fromkeys((*parts, *other)) if parts.get(part, 0) != other.get(part, 0)]
            told = "; ".join(f"{part} {parts.get(part, 0):,} here, {other.get(part, 0):,} there" for part in differ)
            same = f"differs: {told}" if differ else "has the same parameters, part by part"
            found.append(f"A config.json of model_type {config['model_type']} with these sizes {same}.")
    twin = next((name for name, preset in models().items() if parameters_by_part(preset) == parts), None)
    if twin:
        found.append(f"The preset {twin} has the same parameters, part by part.")
    return found
