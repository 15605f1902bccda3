"""How are vLLM's start-up logs predicted? Weights, working values and the cache that its budget leaves, a rank each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from calculators.architecture import Architecture
from calculators.formats import Format
from calculators.hardware import Accelerator, Deployment, Engine, MemoryRule
from calculators.serving_memory import (
    block_tokens,
    division,
    loaded_bytes,
    request_bytes,
    with_step,
    working_bytes,
)
from presets.accuracy.devices import devices_named
from presets.accuracy.rows import (
    GIB,
    NOWHERE,
    Configs,
    Row,
    Skip,
    cache_format_named,
    collected,
    count,
    figure,
    format_named,
    memory_rule,
    model_of,
    number,
)
from presets.catalog import formats, model_facts

COLUMNS = frozenset({"gpu_memory_utilization", "weights_gib_per_gpu", "num_gpu_blocks", "peak_activation_gib"})
ENGINE = "vllm"
CHUNK_FROM = 32_768  # request length above which V0 cut prompts into chunks of CHUNK tokens, on NVIDIA's devices
CHUNK = 2_048
V0_SEQUENCES = 256


def weight_format(row: Row) -> Format:
    """The weights' format: the row's label, else what the model's name says, else what the model was published in."""
    if row["quantization"] not in ("", "none", "compressed-tensors"):
        return format_named(f"{row['quantization']} {row['model']}")
    try:
        return format_named(row["model"].split("/")[-1])
    except Skip:
        if row["quantization"] == "compressed-tensors":
            raise
    published = {facts.config_name: facts.published_in for facts in model_facts().values()}
    if row["quantization"] == "none" or row["config"] not in published:
        return formats()["BF16"]
    return formats()[published[row["config"]]]


def of_version_0(row: Row) -> bool:
    """Whether the log is of vLLM's first engine, which prints blocks where the second prints tokens."""
    return not row["kv_cache_tokens"] and bool(row["num_gpu_blocks"] or row["non_torch_gib"])


def profiled_rule(row: Row, rule: MemoryRule, card: Accelerator) -> MemoryRule:
    """The rule with the tokens and sequences of the profiling pass: as stated, else as the engine chooses.

    The first engine passed a whole request of the longest length, unless it cut prompts into chunks.
    """
    tokens, sequences = rule.step(card)
    if of_version_0(row):
        length = number(row, "max_model_len", 0)
        chunked = length > CHUNK_FROM and not row["gpu_model"].startswith(("AMD", "MI", "ROCm"))
        tokens, sequences = CHUNK if chunked else max(length, CHUNK), V0_SEQUENCES
    return with_step(
        rule,
        tokens=count(row, "max_num_batched_tokens", int(tokens)),
        sequences=count(row, "max_num_seqs", int(sequences)),
    )


def place(row: Row, rule: MemoryRule) -> tuple[Accelerator, MemoryRule]:
    """The device with the memory that the engine saw, and the rule on that basis."""
    if row["total_gpu_memory_gib"]:
        memory = figure(row, "total_gpu_memory_gib") * GIB
        card = Accelerator(name=row["gpu_model"], memory_bytes=memory, bandwidth_bytes_per_s=0)
        return card, replace(rule, hidden_bytes=0)
    card, _ = devices_named(row["gpu_model"])
    return card, rule


@dataclass(frozen=True, kw_only=True)
class Log:
    """A start-up log: each method is one quantity, (measured, predicted) in bytes of a rank."""

    row: Row
    model: Architecture
    cache: Format
    rule: MemoryRule
    layout: Deployment  # without a device: only how the model is divided
    launcher: str  # what started the engine, where it was not its own server
    published: Callable[[], Format]

    def weights(self) -> tuple[float, float]:
        """Weights as loaded."""
        if self.launcher:
            raise Skip(f"{self.launcher} may load adapters of an unstated rank beside the weights")
        measured = figure(self.row, "weights_gib_per_gpu") * GIB
        return measured, float(loaded_bytes(self.model, self.published(), self.layout, self.rule))

    def _own_settings(self) -> None:
        if self.launcher and not self.row["max_num_seqs"]:
            raise Skip(f"{self.launcher} chooses max_num_seqs itself, and it is not stated")

    def activations(self) -> tuple[float, float]:
        """Peak of the profiling pass."""
        measured = figure(self.row, "peak_activation_gib") * GIB
        self._own_settings()
        card, _ = place(self.row, self.rule)
        tokens, sequences = profiled_rule(self.row, self.rule, card).step(card)
        width = self.layout.tensor_parallel
        peak = working_bytes(self.model, self.rule, tokens=tokens, sequences=sequences, tensor_parallel=width)
        return measured, float(peak)

    def _held_tokens(self) -> float:
        if self.row["kv_cache_tokens"]:
            return figure(self.row, "kv_cache_tokens")
        return figure(self.row, "num_gpu_blocks") * count(self.row, "block_size", self.rule.block_tokens)

    def _length(self) -> int:
        """Tokens of a request: with windows the longest one, else a block, which stands for all lengths."""
        block = block_tokens(self.model, self.rule)
        windowed = any(layers.attention.window is not None for layers in self.model.blocks)
        return count(self.row, "max_model_len", block) if windowed else block

    def _token_bytes(self) -> float:
        length = self._length()
        return float(request_bytes(self.model, self.cache, self.layout, self.rule, context_tokens=length)) / length

    def token_bytes(self) -> tuple[float, float]:
        """Cache bytes a token, from the cache's size and the tokens it is said to hold."""
        # With decode context parallel each rank holds its share of the tokens.
        spread = re.search(r"decode-context-parallel-size (\d+)", self.row["notes"])
        measured = figure(self.row, "kv_cache_gib") * GIB / self._held_tokens()
        return measured, self._token_bytes() / int(spread[1] if spread else 1)

    def room(self, *, aided: bool) -> tuple[float, float]:
        """The cache that the budget leaves; `aided` by the activation peak and libraries that the log prints."""
        share = figure(self.row, "gpu_memory_utilization")
        if not (aided and self.row["peak_activation_gib"]):
            self._own_settings()
        card, basis = place(self.row, self.rule)
        stated = {"activations": "peak_activation_gib", "libraries": "non_torch_gib"} if aided else {}
        found = division(
            self.model, self.published(), self.cache, replace(self.layout, accelerator=card),
            replace(profiled_rule(self.row, basis, card), share=share),
            context_tokens=self._length(), prompt_tokens=0,
            known={key: figure(self.row, column) * GIB for key, column in stated.items() if self.row[column]},
        )  # fmt: skip
        printed = self.row["kv_cache_gib"]
        measured = figure(self.row, "kv_cache_gib") * GIB if printed else self._held_tokens() * self._token_bytes()
        return measured, max(float(found.cache_bytes), 0.0)


def prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a start-up log.

    `kv_cache_bytes` is the cache that the budget leaves with the activation peak and the memory outside PyTorch that
    the log prints, where it does; `kv_cache_unaided_bytes` that with our own figures throughout.
    """
    name, _, launcher = row["engine"].partition(" ")
    rule = memory_rule(name.split("-")[0], profiles)  # vllm-ascend divides memory as vllm does
    if not row["tensor_parallel_size"] and row["gpu_count"] != "1":
        raise Skip("tensor_parallel_size is not stated")
    log = Log(
        row=row,
        model=model_of(row, configs),
        cache=cache_format_named(row["kv_cache_dtype"]),
        rule=rule,
        layout=Deployment(
            accelerator=NOWHERE,
            tensor_parallel=count(row, "tensor_parallel_size", 1),
            pipeline_parallel=count(row, "pipeline_parallel_size", 1),
        ),
        launcher=launcher,
        published=partial(weight_format, row),
    )
    return collected(
        {
            "weight_bytes": log.weights,
            "activation_bytes": log.activations,
            "kv_bytes_per_token": log.token_bytes,
            "kv_cache_bytes": partial(log.room, aided=True),
            "kv_cache_unaided_bytes": partial(log.room, aided=False),
        }
    )
