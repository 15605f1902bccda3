"""How are llama.cpp's start-up logs predicted? Model buffers, cache and compute buffer, over all devices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from calculators.architecture import Architecture, parameters
from calculators.attention import GroupedQueryAttention, LatentAttention, Mixer
from calculators.hardware import Engine, MemoryRule
from calculators.memory import weight_bytes
from calculators.serving_memory import working_bytes
from presets.accuracy.rows import (
    GIB,
    MIB,
    Configs,
    Row,
    Skip,
    bits_per_weight,
    cache_format_named,
    collected,
    count,
    figure,
    format_named,
    memory_rule,
    model_of,
    number,
)

COLUMNS = frozenset({"model_buffers_mib", "kv_self_mib", "n_ctx", "n_ubatch"})
ENGINE = "llama.cpp"


def _shapes(model: Architecture) -> set[tuple[int, int, int]]:
    """(layers, keys, values) of a model as llama.cpp prints them; latent attention by heads or by latent."""
    found = set()
    for attention in {block.attention for block in model.blocks}:
        if isinstance(attention, LatentAttention):
            found.add((*_expanded(attention),))
            found.add((attention.cached_values, attention.kv_lora_rank))
        elif isinstance(attention, GroupedQueryAttention):
            found.add((attention.cached_values // 2, attention.cached_values // 2))
    return {(model.layers, keys, values) for keys, values in found}


def _expanded(attention: LatentAttention) -> tuple[int, int]:
    keys = attention.heads * (attention.qk_nope_head_dim + attention.qk_rope_head_dim)
    return keys, attention.heads * attention.v_head_dim


def model_by_shape(row: Row, configs: Configs) -> Architecture:
    """The only config with the row's layers, key and value widths and parameters, to the digits that it prints."""
    if not all(row[column] for column in ("n_layer", "n_embd_k_gqa", "n_embd_v_gqa", "params_b")):
        raise Skip("neither a config nor the model's layers, widths and parameters are stated")
    shape = tuple(number(row, column) for column in ("n_layer", "n_embd_k_gqa", "n_embd_v_gqa"))
    places = len(row["params_b"].partition(".")[2])
    found: dict[object, Architecture] = {}
    for name in configs.names():
        try:
            model = configs(name)
        except ValueError:
            continue
        if shape in _shapes(model) and round(parameters(model) / 1e9, places) == figure(row, "params_b"):
            found.setdefault((parameters(model), model.blocks), model)
    if len(found) != 1:
        raise Skip(f"{len(found) or 'no'} configs have the shape of {row['model']!r}")
    return next(iter(found.values()))


def cached_bytes_per_cell(row: Row, attention: Mixer) -> float:
    """Bytes that one layer keeps for one cell: keys and values in the types that the log names.

    Latent attention as ik_llama.cpp keeps it (`c^KV`: the latent, and its transpose `kv^T` where it is used), as
    llama.cpp does (keys of latent and rotary part, values of the latent), or expanded to all heads.
    """
    keys_in, values_in = row["kv_type_k"].removeprefix("c^KV "), row["kv_type_v"]
    keys, values = attention.cached_values // 2, attention.cached_values // 2
    if isinstance(attention, LatentAttention):
        if row["kv_type_k"].startswith("c^KV") or "c^KV" in row["kv_detail"]:
            keys = attention.cached_values
            values = attention.kv_lora_rank if re.search(r"kv\^T \(", row["kv_detail"]) else 0
        elif row["n_embd_k_gqa"] == str(attention.cached_values):
            keys, values = attention.cached_values, attention.kv_lora_rank
        else:
            keys, values = _expanded(attention)
    sizes = [cache_format_named(label).bits_per_value / 8 for label in (keys_in, values_in or keys_in)]
    return keys * sizes[0] + values * sizes[1]


@dataclass(frozen=True, kw_only=True)
class Log:
    """A start-up log: each method is one quantity, (measured, predicted) in bytes over all devices."""

    row: Row
    model: Architecture
    rule: MemoryRule

    def _stored(self) -> float:
        """Bytes of the model: by the bits per weight that the log states, since labels mislead; else by the label."""
        bits = self.row["bpw"]
        fmt = bits_per_weight(figure(self.row, "bpw")) if bits else format_named(self.row["ftype"])
        return float(weight_bytes(self.model, fmt))

    def file(self) -> tuple[float, float]:
        """The model's size."""
        return figure(self.row, "model_size_gib") * GIB, self._stored()

    def buffers(self) -> tuple[float, float]:
        """The sum of the model's buffers."""
        names = [name.strip() for name in re.findall(r"([\w ]+)=", self.row["model_buffers_mib"])]
        mapped = [name for name in names if name in ("CPU", "CPU_Mapped")]
        if "AMX" in names or (len(mapped) > 1 and len(names) > len(mapped)):
            raise Skip("several mapped files beside copies of their tensors: the buffers count tensors twice")
        return figure(self.row, "model_buffers_total_mib") * MIB, self._stored()

    def mix(self) -> tuple[float, float]:
        """The model's size by the mix that the label of llama.cpp itself names."""
        if self.row["engine"].startswith("ik_"):
            raise Skip("ik_llama.cpp's mixes are its own")
        size = float(weight_bytes(self.model, format_named(self.row["ftype"])))
        return figure(self.row, "model_size_gib") * GIB, size

    def cache(self) -> tuple[float, float]:
        """Cache bytes a token of the context."""
        cells, streams = count(self.row, "n_ctx"), count(self.row, "n_seq_max", 1)
        pad = self.rule.window_pad_tokens
        each = ceil(cells / streams / pad) * pad if cells >= pad else cells
        at_once = count(self.row, "n_ubatch", int(self.rule.steps[0].tokens))
        size = 0.0
        for block in self.model.blocks:
            window = block.attention.window
            wide = each if window is None else min(each, ceil((window + at_once) / pad) * pad)
            size += block.count * wide * streams * cached_bytes_per_cell(self.row, block.attention)
        return figure(self.row, "kv_self_mib") * MIB / cells, size / cells

    def compute(self) -> tuple[float, float]:
        """The largest compute buffer of a device."""
        if any(isinstance(block.attention, LatentAttention) for block in self.model.blocks):
            raise Skip("the compute buffer of latent attention is the graph allocator's peak, without a closed form")
        if self.row["flash_attn"] not in ("1", "enabled"):
            raise Skip("compute buffers without flash attention are not predicted")
        sizes = re.findall(r"(\w+)=([\d.]+)", self.row["compute_buffers_mib"])
        own = [float(size) for name, size in sizes if not name.endswith("Host")]
        if not own:
            raise Skip("compute_buffers_mib is not stated")
        rows = count(self.row, "n_ubatch")
        return max(own) * MIB, float(working_bytes(self.model, self.rule, tokens=rows, sequences=rows))


def prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a start-up log."""
    rule = memory_rule(row["engine"], profiles)
    try:
        model = model_of(row, configs)
    except Skip:
        model = model_by_shape(row, configs)
    log = Log(row=row, model=model, rule=rule)
    return collected(
        {
            "weight_bytes": log.file,
            "model_buffer_bytes": log.buffers,
            "mix_bytes": log.mix,
            "kv_bytes_per_token": log.cache,
            "compute_buffer_bytes": log.compute,
        }
    )
