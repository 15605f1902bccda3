"""What will an engine print when it starts? How it divides a device, the cache that is left, the requests it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

import numpy as np

from calculators import Quantity
from calculators.architecture import Architecture
from calculators.attention import LatentAttention, entries, kept
from calculators.formats import Format
from calculators.hardware import CHARGES, Deployment, MemoryRule, Step
from calculators.memory import device_state_bytes, device_weight_bytes, kv_cache_bytes, total

# Parts that stand outside the layers.
OUTSIDE = ("embedding", "position_embedding", "per_layer_embedding", "lm_head")


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """How an engine divides one device, bytes; and what its cache holds, tokens and requests of a length."""

    charges: Mapping[str, Quantity]  # keys CHARGES: what stands beside the cache
    share_bytes: Quantity  # the memory that the engine takes by its own rule
    cache_bytes: Quantity  # what that leaves for the cache: "Available KV cache memory"
    block_tokens: int
    cache_tokens: Quantity  # "GPU KV cache size"
    requests: Quantity  # of the stated length at once: "Maximum concurrency"
    request_bytes: Quantity  # cache of one such request

    @property
    def taken_bytes(self) -> Quantity:
        """Bytes that the engine holds with its cache full: all that it lets itself take."""
        return total(self.charges) + self.cache_bytes


def rotary_values(model: Architecture) -> int:
    """Cosines of one position, a count, and as many sines: the widest rotated head; 0 with learned positions."""
    return 0 if model.position_rows else max(block.attention.rotary_values for block in model.blocks)


def _device_share(model: Architecture, rule: MemoryRule) -> Quantity:
    """Share of the layers that stand on devices, with their cache; the rest stay with the host's processor."""
    return np.minimum(rule.device_layers, model.layers) / model.layers


def loaded_by_part(model: Architecture, fmt: Format, deployment: Deployment, rule: MemoryRule) -> dict[str, Quantity]:
    """Bytes of weights on the fullest device as an engine loads them, by part.

    The parts that it keeps in the host's memory are left out, so are layers beyond `device_layers`; the head goes to
    the device with the last of them. A rotary table is a cosine and a sine of 16 bits for half the rotated values of
    every position the model reads: it stands with the attention that it serves.
    """
    parts = device_weight_bytes(model, fmt, deployment)
    layers = _device_share(model, rule)
    head = np.where(np.asarray(rule.device_layers) > model.layers, 1.0, 0.0)[()]
    sizes = {part: size * (head if part in OUTSIDE else layers) for part, size in parts.items()}
    if "embedding" in rule.host_parts and model.tied_embeddings:  # the device's head is a copy of its own
        sizes["lm_head"] = sizes["embedding"]
    for part in rule.host_parts & sizes.keys():
        del sizes[part]
    if rule.rotary_cache:
        table = 2 * model.max_context * rotary_values(model)
        sizes["attention"] = sizes.get("attention", 0.0) + table
    return sizes


def loaded_bytes(model: Architecture, fmt: Format, deployment: Deployment, rule: MemoryRule) -> Quantity:
    """Bytes of weights on the fullest device as an engine loads them: the sum of `loaded_by_part`."""
    return total(loaded_by_part(model, fmt, deployment, rule))


def working_bytes(
    model: Architecture, rule: MemoryRule, *, tokens: Quantity, sequences: Quantity, tensor_parallel: Quantity = 1
) -> Quantity:
    """Peak bytes of working values when `tokens` pass a layer at once and `sequences` are sampled.

    A layer holds rule.residuals x hidden and the wider of attention (queries, keys, values, what becomes of them) and
    MLP, divided by the devices. Each sequence's logits are gathered whole on every device.
    """
    divided = max(
        max(sum(block.attention.working_values), block.mlp.working_values(model.hidden)) for block in model.blocks
    )
    values = rule.residuals * model.hidden + rule.rotary_tables * rotary_values(model) + divided / tensor_parallel
    layer = tokens * (rule.value_bytes * values + rule.token_bytes)
    return np.maximum(layer, sequences * model.vocabulary * rule.logit_bytes) + rule.workspace_bytes


def charged_bytes(
    model: Architecture, fmt: Format, deployment: Deployment, rule: MemoryRule, *, prompt_tokens: Quantity,
    batch: Quantity, known: Mapping[str, Quantity] = MappingProxyType({}),
) -> dict[str, Quantity]:  # fmt: skip
    """Bytes of everything beside the cache on a device, keys CHARGES; those in `known` are taken as they are.

    `prompt_tokens` of all prompts that run at once.
    """
    charges = dict(known)
    if "weights" not in charges:
        charges["weights"] = loaded_bytes(model, fmt, deployment, rule)
    if "activations" not in charges:
        tokens, sequences = rule.step(deployment.accelerator)
        if not rule.profiled:
            tokens, sequences = np.minimum(tokens, prompt_tokens), np.minimum(sequences, batch)
        charges["activations"] = working_bytes(
            model, rule, tokens=tokens, sequences=sequences, tensor_parallel=deployment.tensor_parallel
        )
    together = np.asarray(deployment.tensor_parallel * deployment.pipeline_parallel) > 1
    charges.setdefault("libraries", rule.libraries_bytes + np.where(together, rule.parallel_libraries_bytes, 0.0)[()])
    charges.setdefault("graphs", rule.graph_bytes)
    return {key: charges[key] for key in CHARGES}


def share_of_memory(rule: MemoryRule, deployment: Deployment) -> Quantity:
    """The share of the memory that an engine divides between weights and cache, between 0 and 1."""
    if rule.share is not None or rule.reserve is None:
        return 1.0 if rule.share is None else rule.share
    memory, terms = deployment.accelerator.memory_bytes, rule.reserve
    tokens, sequences = rule.step(deployment.accelerator)
    reserved = (
        terms.constant_bytes
        + terms.token_bytes * np.maximum(tokens, terms.least_tokens)
        + terms.sequence_bytes * sequences
        + terms.device_bytes * deployment.tensor_parallel * deployment.pipeline_parallel
    )
    least = np.where(np.asarray(memory) >= terms.large_bytes, terms.least_bytes, 0.0)[()]
    return 1 - np.maximum(reserved, least) / memory


def divided_bytes(deployment: Deployment, rule: MemoryRule, charges: Mapping[str, Quantity]) -> Quantity:
    """Bytes of a device that an engine takes by its own rule: for the charges within it and the cache."""
    before = rule.hidden_bytes + total({key: charges[key] for key in rule.before})
    return share_of_memory(rule, deployment) * (deployment.accelerator.memory_bytes - before)


def block_tokens(model: Architecture, rule: MemoryRule) -> int:
    """Tokens in one block of the cache, a count; engines use longer ones for latent attention."""
    latent = any(isinstance(block.attention, LatentAttention) for block in model.blocks)
    return rule.latent_block_tokens if latent else rule.block_tokens


def tokens_bytes(
    model: Architecture, fmt: Format, deployment: Deployment, rule: MemoryRule, *, context_tokens: Quantity
) -> Quantity:
    """Bytes of cache for the tokens of one request on a device: whole blocks, what windows keep, KV heads shared.

    A layer with a window keeps it and, where the rule pads it, the tokens that run at once.
    """
    block = block_tokens(model, rule)
    padded = np.ceil(context_tokens / block) * block
    at_once, _ = rule.step(deployment.accelerator)
    stage = np.ceil(model.layers / deployment.pipeline_parallel) / model.layers * _device_share(model, rule)
    size: Quantity = 0.0
    for layers in model.blocks:
        attention, pad = layers.attention, rule.window_pad_tokens
        cells = kept(attention, padded)
        if attention.window is not None and pad:
            cells = np.minimum(padded, np.ceil((attention.window + at_once) / pad) * pad)
        each = fmt.stream_bytes(attention.cached_values) * cells
        each = each + fmt.stream_bytes(attention.entry[0]) * entries(attention, padded)
        each = each / np.minimum(deployment.tensor_parallel, attention.cache_shards) + attention.index_bytes * padded
        size = size + layers.count * stage * each
    return size


def request_bytes(
    model: Architecture, fmt: Format, deployment: Deployment, rule: MemoryRule, *, context_tokens: Quantity
) -> Quantity:
    """Bytes of cache and fixed state that one request of a length takes on a device."""
    state = device_state_bytes(model, fmt, deployment, batch=1) * _device_share(model, rule)
    return state + tokens_bytes(model, fmt, deployment, rule, context_tokens=context_tokens)


def division(
    model: Architecture, weights: Format, cache: Format, deployment: Deployment, rule: MemoryRule, *,
    context_tokens: Quantity, prompt_tokens: Quantity, batch: Quantity = 1,
    known: Mapping[str, Quantity] = MappingProxyType({}),
) -> Division:  # fmt: skip
    """How an engine divides a device, and how many tokens and requests of `context_tokens` its cache then holds.

    Charges in `known` are taken as they are, as from a log. The cache is cut into blocks of whole tokens over all
    layers; a request takes whole blocks. Where windows bound some layers, tokens are requests x their length, as vLLM
    prints them.
    """
    beside = charged_bytes(model, weights, deployment, rule, prompt_tokens=prompt_tokens, batch=batch, known=known)
    share = divided_bytes(deployment, rule, beside)
    left = share - total({key: beside[key] for key in rule.within})
    block = block_tokens(model, rule)
    one = request_bytes(model, cache, deployment, rule, context_tokens=context_tokens)
    page = np.maximum(tokens_bytes(model, cache, deployment, rule, context_tokens=block), 1)
    usable = np.floor(np.maximum(left, 0) / page) * page
    requests = usable / one
    return Division(
        charges=beside,
        share_bytes=share,
        cache_bytes=left,
        block_tokens=block,
        cache_tokens=np.floor(requests * np.ceil(context_tokens / block) * block + 1e-6),
        requests=requests,
        request_bytes=one,
    )


def with_step(rule: MemoryRule, *, tokens: Quantity = inf, sequences: Quantity = inf) -> MemoryRule:
    """The rule with the tokens and sequences at once stated rather than chosen by the engine."""
    return replace(rule, steps=(Step(tokens=tokens, sequences=sequences),))


def layer_copy_bytes(model: Architecture, fmt: Format, *, batch: Quantity, context_tokens: Quantity) -> Quantity:
    """Bytes of the widest layer's keys, half of its cache: held twice while a cache grows by copying."""
    return max(
        fmt.stream_bytes(block.attention.cached_values) / 2 * batch * kept(block.attention, context_tokens)
        for block in model.blocks
    )


def generate_peak_bytes(
    model: Architecture, cache: Format, rule: MemoryRule, *, batch: Quantity, prompt_tokens: Quantity,
    context_tokens: Quantity,
) -> Quantity:  # fmt: skip
    """Peak bytes over the weights of a generation whose cache grows by copying, one device.

    The larger of the prompt's pass (its cache and its working values) and the last step (the whole cache, one layer's
    keys twice). Source: presets/measured/gpu.csv, generate_peak_over_weights_bytes.
    """

    def held(tokens: Quantity) -> Quantity:
        return kv_cache_bytes(model, cache, batch=batch, context_tokens=tokens)

    prompt = held(prompt_tokens) + working_bytes(model, rule, tokens=batch * prompt_tokens, sequences=batch)
    last = held(context_tokens) + layer_copy_bytes(model, cache, batch=batch, context_tokens=context_tokens)
    return np.maximum(prompt, last + working_bytes(model, rule, tokens=batch, sequences=batch))


def extremes(rule: MemoryRule) -> tuple[MemoryRule, MemoryRule]:
    """The rule with its reserves at their lowest, then at their highest: the range that logs leave."""
    low = {key: bounds[0] for key, bounds in rule.ranges.items() if key != "share"}
    high = {key: bounds[1] for key, bounds in rule.ranges.items() if key != "share"}
    return replace(rule, **low), replace(rule, **high)  # type: ignore[arg-type]
