"""Which settings does each engine take for a scenario? Each with the number of the scenario that it comes from."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from calculators.estimate import Scenario, batch_per_replica
from calculators.serving import Load, mtp_draft_cost
from presets.catalog import accelerator_facts
from presets.launch.documented import MISSING, CannotStart, Starter

OPTIONS_FILE = "trtllm.yaml"
HEAD = f"{MISSING}-ADDRESS"  # of the first of several machines
MEETING_PORT = 20000  # as docs.sglang.io/docs/references/multi_node_deployment has it


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A flag with its value, none for a switch, or a key of the options file; and the number it comes from.

    `only`: where several machines run one copy, "rank" if the value is the machine's own number, "others" if the first
    machine goes without.
    """

    flag: str
    value: Any = None
    why: str = ""
    option: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Drafted tokens a step, and who drafts them: the model's own layer, its own text, or a model that is not named."""

    scenario: Scenario
    traffic: Load
    notes: list[str]

    @property
    def tokens(self) -> int:
        return int(self.traffic.draft_tokens)

    @property
    def by(self) -> str:
        if not self.tokens:
            return ""
        model = self.scenario.model
        if self.traffic.draft_cost == 0:
            return "text"
        return "layer" if model.mtp and self.traffic.draft_cost == mtp_draft_cost(model) else "model"

    @property
    def why(self) -> str:
        who = {"text": "from the text so far", "layer": "by its own layer", "model": "by a small model"}[self.by]
        return f"{_many(self.tokens, 'token')} drafted a step {who}"

    def model(self) -> str:
        """The place of the drafting model, which only the visitor knows."""
        self.notes.append(f"Put a small model with the same vocabulary in place of {MISSING}/draft-model.")
        return f"{MISSING}/draft-model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a writer is asked for: a scenario on an engine, its weights and how they load, its drafts, its machines.

    `longest_tokens`: of the longest request that is to be served, prompt and answer.
    """

    scenario: Scenario
    starter: Starter
    model: str
    weights: tuple[Setting, ...]
    drafts: Drafts
    machines: int
    longest_tokens: int


def _numbers(asked: Asked) -> tuple[int, int, int]:
    """Tokens of context, requests at once of a copy, tokens of a step: what every engine is told."""
    scenario = asked.scenario
    rule, card = scenario.engine.memory, scenario.deployment.accelerator
    requests = int(batch_per_replica(scenario))
    if rule is not None and rule.sequences_name:
        _, most = rule.step(card)
        requests = min(requests, int(most))
    tokens = scenario.engine.tokens_at_once(card)
    return asked.longest_tokens, requests, int(min(tokens, 1 << 20))


def _lengths(asked: Asked) -> str:
    workload = asked.scenario.workload
    if asked.longest_tokens > workload.context_tokens:
        return f"the longest request; a usual one takes {int(workload.context_tokens):,}, for which memory was sized"
    return f"{int(workload.prompt_tokens):,} tokens of prompt and {int(workload.output_tokens):,} of answer"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _requests(scenario: Scenario, requests: int) -> str:
    copies = int(scenario.deployment.replicas)
    return f"{_many(requests, 'request')} at once" + (f" for each of {copies} copies" if copies > 1 else "")


def _share(scenario: Scenario) -> float | None:
    rule = scenario.engine.memory
    return None if rule is None or rule.share is None else float(rule.share)


def _experts(scenario: Scenario) -> int:
    """Groups of devices that hold whole experts, 1 for a model without experts."""
    return int(scenario.deployment.expert_parallel) if _has_experts(scenario) else 1


def _has_experts(scenario: Scenario) -> bool:
    return any(each.mlp.experts for each in scenario.model.blocks)


def _hits(traffic: Load) -> str:
    return f"{_percent(float(traffic.prefix_hits))} of a prompt is found in the cache"


def _vllm(asked: Asked) -> Iterator[Setting]:
    scenario, starter, drafts = asked.scenario, asked.starter, asked.drafts
    context, requests, tokens = _numbers(asked)
    yield from _listen(scenario, starter)
    yield from _parallel(scenario, "--tensor-parallel-size", "--pipeline-parallel-size")
    if asked.machines > 1 and accelerator_facts()[str(scenario.deployment.accelerator.name)].vendor == "Intel":
        raise CannotStart("vLLM documents Intel devices of several machines with Ray alone: take fewer to a copy.")
    if asked.machines > 1:
        yield from _several(asked, "--master-addr", HEAD)
        yield Setting(flag="--headless", why="the other machines answer nobody", only="others")
    groups, devices = _experts(scenario), int(scenario.deployment.tensor_parallel)
    if groups == devices > 1:
        yield Setting(flag="--enable-expert-parallel", why=f"whole experts on each of {devices} devices")
    elif groups > 1:
        raise CannotStart(
            f"vLLM divides experts over all {devices} devices or over none: make groups of experts 1 or {devices}."
        )
    yield Setting(flag="--max-model-len", value=context, why=_lengths(asked))
    yield Setting(flag="--max-num-seqs", value=requests, why=_requests(scenario, requests))
    yield Setting(
        flag="--max-num-batched-tokens", value=max(tokens, requests), why=f"{max(tokens, requests):,} tokens a step"
    )
    yield from asked.weights
    yield _cache(scenario, starter, "--kv-cache-dtype")
    share = _share(scenario)
    if share is not None:
        yield Setting(
            flag="--gpu-memory-utilization", value=f"{share:g}", why=f"{_percent(share)} of a device's memory"
        )
    if drafts.traffic.prefix_hits:
        yield Setting(flag="--enable-prefix-caching", why=_hits(drafts.traffic))
    if drafts.by:
        how: dict[str, Any] = {"method": {"text": "ngram", "layer": "mtp", "model": "draft_model"}[drafts.by]}
        how["num_speculative_tokens"] = drafts.tokens
        if drafts.by == "text":
            how |= {"prompt_lookup_max": 5, "prompt_lookup_min": 5}  # vLLM's own, stated
        if drafts.by == "model":
            how["model"] = drafts.model()
        yield Setting(flag="--speculative-config", value=json.dumps(how), why=drafts.why)


def _sglang(asked: Asked) -> Iterator[Setting]:
    scenario, starter, drafts = asked.scenario, asked.starter, asked.drafts
    context, requests, tokens = _numbers(asked)
    yield Setting(flag="--model-path", value=asked.model, why="the weights")
    yield from _listen(scenario, starter)
    yield from _parallel(scenario, "--tp-size", "--pp-size")
    if asked.machines > 1:
        yield from _several(asked, "--dist-init-addr", f"{HEAD}:{MEETING_PORT}")
    groups = _experts(scenario)
    if groups > 1:
        yield Setting(flag="--ep-size", value=groups, why=f"whole experts in {groups} groups of devices")
    yield Setting(flag="--context-length", value=context, why=_lengths(asked))
    yield Setting(flag="--max-running-requests", value=requests, why=_requests(scenario, requests))
    yield Setting(flag="--chunked-prefill-size", value=tokens, why=f"{tokens:,} tokens of a prompt at once")
    yield from asked.weights
    yield _cache(scenario, starter, "--kv-cache-dtype")
    share = _share(scenario)
    if share is not None:
        yield Setting(flag="--mem-fraction-static", value=f"{share:g}", why=f"{_percent(share)} for weights and cache")
    if drafts.by in ("text", "model") and scenario.deployment.pipeline_parallel > 1:
        raise CannotStart("SGLang drafts over stages of layers with the model's own layer alone: make stages 1.")
    if drafts.by:
        algorithm = {"text": "NGRAM", "layer": "NEXTN", "model": "STANDALONE"}[drafts.by]
        yield Setting(flag="--speculative-algorithm", value=algorithm, why=drafts.why)
        if drafts.by == "model":
            yield Setting(flag="--speculative-draft-model-path", value=drafts.model(), why="who drafts")
        if drafts.by != "text":
            yield Setting(flag="--speculative-num-steps", value=drafts.tokens, why="a step a drafted token")
            yield Setting(flag="--speculative-eagle-topk", value=1, why="one guess for each place")
        more = drafts.tokens if drafts.by == "text" else drafts.tokens + 1
        yield Setting(flag="--speculative-num-draft-tokens", value=more, why="tokens checked in one pass")


def _tensorrt_llm(asked: Asked) -> Iterator[Setting]:
    scenario, starter, drafts = asked.scenario, asked.starter, asked.drafts
    context, requests, tokens = _numbers(asked)
    yield from _listen(scenario, starter)
    yield from _parallel(scenario, "--tp_size", "--pp_size")
    if asked.machines > 1:
        each = scenario.deployment.tensor_parallel * scenario.deployment.pipeline_parallel // asked.machines
        yield Setting(flag="--gpus_per_node", value=int(each), why=f"devices of each of {asked.machines} machines")
    groups = _experts(scenario)
    if groups > 1:
        yield Setting(flag="--ep_size", value=groups, why=f"whole experts in {groups} groups of devices")
    yield Setting(flag="--max_seq_len", value=context, why=_lengths(asked))
    yield Setting(flag="--max_batch_size", value=requests, why=_requests(scenario, requests))
    yield Setting(flag="--max_num_tokens", value=tokens, why=f"{tokens:,} tokens a step")
    yield Setting(flag="--enable_chunked_prefill", why="prompts longer than a step are cut into pieces")
    yield Setting(flag="--config", value=OPTIONS_FILE, why="what follows, in a file")
    yield from asked.weights
    cache = _cache(scenario, starter, "kv_cache_config.dtype")
    kept = "as the checkpoint says: 16 bits, or FP8 where its makers quantized the cache too"
    why = kept if cache.value == "auto" and scenario.weight_format.name != "BF16" else cache.why
    yield Setting(flag=cache.flag, value=cache.value, why=why, option=True)
    share = _share(scenario)
    if share is not None:
        yield Setting(
            flag="kv_cache_config.free_gpu_memory_fraction", value=share, option=True,
            why=f"{_percent(share)} of what weights leave free",
        )  # fmt: skip
    if drafts.traffic.prefix_hits:
        yield Setting(
            flag="kv_cache_config.enable_block_reuse", value=True, why=_hits(drafts.traffic), option=True
        )  # fmt: skip
    if scenario.weight_format.name == "MXFP4" and _has_experts(scenario):
        fast = "fp4" in scenario.deployment.accelerator.peak_flops_per_s
        why = f"experts of MXFP4 on a device {'with' if fast else 'without'} 4-bit arithmetic"
        yield Setting(flag="moe_config.backend", value="TRTLLM" if fast else "TRITON", why=why, option=True)
    if drafts.by:
        kind = {"text": "NGram", "layer": "MTP", "model": "DraftTarget"}[drafts.by]
        yield Setting(flag="speculative_config.decoding_type", value=kind, why=drafts.why, option=True)
        counts = ("max_draft_len", "num_nextn_predict_layers") if drafts.by == "layer" else ("max_draft_len",)
        for count in counts:
            flag = f"speculative_config.{count}"
            yield Setting(flag=flag, value=drafts.tokens, why="tokens drafted a step", option=True)
        if drafts.by != "layer":
            why = "steps do not overlap while drafts are made outside the model"
            yield Setting(flag="disable_overlap_scheduler", value=True, why=why, option=True)
        if drafts.by == "model":
            yield Setting(
                flag="speculative_config.speculative_model", value=drafts.model(), why="who drafts", option=True
            )


def _llama_cpp(asked: Asked) -> Iterator[Setting]:
    scenario, starter, drafts = asked.scenario, asked.starter, asked.drafts
    context, requests, tokens = _numbers(asked)
    deployment, rule = scenario.deployment, scenario.engine.memory
    if asked.machines > 1:
        raise CannotStart(
            f"One copy takes {asked.machines} machines. llama.cpp joins machines by its RPC backend, which its makers "
            "call a proof of concept, so no start of it is written here: take a copy that fits one machine."
        )
    if deployment.tensor_parallel > 1 and deployment.pipeline_parallel > 1:
        raise CannotStart("llama.cpp splits a model by layers or by tensors, not both: make one of the two numbers 1.")
    if _experts(scenario) > 1:
        raise CannotStart("llama.cpp documents no expert parallel: make groups of experts 1.")
    yield Setting(flag="--model" if asked.model.startswith("/") else "--hf-repo", value=asked.model, why="the weights")
    yield from _listen(scenario, starter)
    if deployment.tensor_parallel > 1:
        why = f"each layer is cut over {int(deployment.tensor_parallel)} devices; its makers call it experimental"
        yield Setting(flag="--split-mode", value="tensor", why=why)
    elif deployment.pipeline_parallel > 1:
        why = f"whole layers on each of {int(deployment.pipeline_parallel)} devices"
        yield Setting(flag="--split-mode", value="layer", why=why)
    layers = float("inf") if rule is None else float(rule.device_layers)
    on_device = "all" if layers == float("inf") else int(layers)
    yield Setting(flag="--n-gpu-layers", value=on_device, why=f"{on_device} layers on the device")
    why = (
        f"{_many(requests, 'request')} × {context:,} tokens; each request has its share, and its cache is taken at once"
    )
    yield Setting(flag="--ctx-size", value=requests * context, why=why)
    yield Setting(flag="--parallel", value=requests, why=_requests(scenario, requests))
    yield Setting(flag="--batch-size", value=max(2048, tokens), why="2,048 is its default, no less than a pass")
    yield Setting(flag="--ubatch-size", value=tokens, why=f"{tokens:,} tokens a pass")
    yield from asked.weights
    for flag in ("--cache-type-k", "--cache-type-v"):
        yield _cache(scenario, starter, flag)
    if drafts.traffic.prefix_hits:
        yield Setting(flag="--cache-prompt", why=_hits(drafts.traffic))
    if drafts.by:
        kind = {"text": "ngram-simple", "layer": "draft-mtp", "model": "draft-simple"}[drafts.by]
        yield Setting(flag="--spec-type", value=kind, why=drafts.why)
        if drafts.by == "model":
            drafts.notes.append(f"Put the GGUF file of a small model in place of /models/{MISSING}.gguf.")
            yield Setting(flag="--spec-draft-model", value=f"/models/{MISSING}.gguf", why="who drafts")
        count = "--spec-ngram-simple-size-m" if drafts.by == "text" else "--spec-draft-n-max"
        yield Setting(flag=count, value=drafts.tokens, why="tokens drafted a step")


def _listen(scenario: Scenario, starter: Starter) -> Iterator[Setting]:
    if accelerator_facts()[str(scenario.deployment.accelerator.name)].kind in ("laptop", "phone"):
        yield Setting(flag="--host", value="127.0.0.1", why="answers this device alone")
    else:
        yield Setting(flag="--host", value="0.0.0.0", why="answers other machines: keep it behind a gateway")
    yield Setting(flag="--port", value=starter.port, why="its usual port")


def _parallel(scenario: Scenario, tensor: str, pipeline: str) -> Iterator[Setting]:
    deployment = scenario.deployment
    if deployment.tensor_parallel > 1:
        why = f"each layer is cut over {int(deployment.tensor_parallel)} devices"
        yield Setting(flag=tensor, value=int(deployment.tensor_parallel), why=why)
    if deployment.pipeline_parallel > 1:
        why = f"the layers stand in {int(deployment.pipeline_parallel)} groups of devices"
        yield Setting(flag=pipeline, value=int(deployment.pipeline_parallel), why=why)


def _cache(scenario: Scenario, starter: Starter, flag: str) -> Setting:
    name = scenario.cache_format.name
    why = f"{'16-bit' if name == 'BF16' else name} keys and values"
    return Setting(flag=flag, value=starter.cache[name], why=why)


def _several(asked: Asked, meeting: str, address: str) -> Iterator[Setting]:
    yield Setting(flag="--nnodes", value=asked.machines, why=f"one copy stands on {asked.machines} machines")
    yield Setting(flag="--node-rank", value=0, why="this machine's number, the first is 0", only="rank")
    yield Setting(flag=meeting, value=address, why="the first machine, as the others reach it")


WRITERS: Mapping[str, Callable[[Asked], Iterator[Setting]]] = MappingProxyType(
    {"vLLM": _vllm, "SGLang": _sglang, "TensorRT-LLM": _tensorrt_llm, "llama.cpp": _llama_cpp}
)
