"""Starts: every flag is documented, every file is valid, nothing from a name reaches a shell, no format is made up."""

import json
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from calculators.estimate import Scenario, Workload
from calculators.hardware import Deployment
from calculators.serving import PLAIN, Load, mtp_draft_cost
from presets.catalog import accelerators, cache_formats, engines, formats, models
from presets.importing import AS_STORED
from presets.launch import MISSING, CannotStart, Setting, label, machines, repository, start
from presets.launch.block import block
from presets.launch.documented import checkpoints, maker, starters, surroundings
from presets.launch.manifests import compose, host_gib, image, kubernetes, start_up_s

DATA = Path(__file__).parent / "data"
SCHEMAS = DATA / "schemas"
H100, HOPPER, BLACKWELL = "NVIDIA H100 SXM5 80GB", "NVIDIA H200 SXM", "NVIDIA B200 SXM (HGX/DGX)"


def scenario(model="Llama 3.1 8B", weights="BF16", engine="vLLM", device=H100, cache="BF16", batch=8, **deployment):
    return Scenario(
        model=models()[model],
        weight_format=AS_STORED if weights == AS_STORED.name else formats()[weights],
        cache_format=cache_formats()[cache],
        deployment=Deployment(accelerator=accelerators()[device], **deployment),
        workload=Workload(batch=batch, prompt_tokens=1024, output_tokens=512),
        engine=engines()[engine],
    )


def valued(begun):
    """Flag: value of a start's settings."""
    return {setting.flag: setting.value for setting in begun.settings}


@cache
def schema(kind):
    if kind == "compose":
        return Draft202012Validator(json.loads((SCHEMAS / "compose.json").read_text(encoding="utf-8")))
    tree = json.loads((SCHEMAS / "kubernetes.json").read_text(encoding="utf-8"))
    groups = json.loads((SCHEMAS / "leaderworkerset.json").read_text(encoding="utf-8"))
    group = {"Deployment": "k8s.api.apps", "LeaderWorkerSet": "x-k8s.leaderworkerset"}.get(kind, "k8s.api.core")
    return Draft202012Validator(
        tree | {"$defs": tree["$defs"] | groups["$defs"], "$ref": f"#/$defs/io.{group}.v1.{kind}"}
    )


@st.composite
def deployments(draw):
    """Fields of any scenario on any engine that can be started, most of them with formats and devices that it takes."""
    name = draw(st.sampled_from(list(starters())))
    own = starters()[name]
    fields = {
        "engine": name,
        "model": draw(st.sampled_from(list(models()))),
        "weights": draw(st.sampled_from([*own.weights, AS_STORED.name]) | st.sampled_from(list(formats()))),
        "device": draw(st.sampled_from([H100, HOPPER]) | st.sampled_from(list(accelerators()))),
        "cache": draw(st.sampled_from(list(own.cache)) | st.sampled_from(list(cache_formats()))),
        "batch": draw(st.sampled_from((1, 3, 64, 1024))),
        "tensor_parallel": draw(st.sampled_from((1, 2, 8))),
        "pipeline_parallel": draw(st.sampled_from((1, 1, 2))),
        "expert_parallel": draw(st.sampled_from((1, 1, 2, 8))),
        "replicas": draw(st.sampled_from((1, 3))),
    }
    cost = draw(st.sampled_from((0.0, 0.05, mtp_draft_cost(models()[fields["model"]]))))
    return fields, Load(
        prefix_hits=draw(st.sampled_from((0, 0.5))), draft_tokens=draw(st.integers(0, 7)), draft_cost=cost
    )


@cache
def documented(engine):
    """Every flag of an engine's pinned version, and the values that it lists for some: its parser's, or its page's."""
    return json.loads((DATA / "engine_flags.json").read_text(encoding="utf-8"))[engine]


def check(begun):
    """What holds of every start."""
    starter, real = begun.starter, documented(begun.starter.name)
    words = shlex.split(begun.command.replace("\\\n", " "))
    assert tuple(words) == (*begun.launcher, *starter.command, *begun.arguments)
    for setting in begun.settings:
        assert setting.flag in (starter.options if setting.option else starter.flags), setting.flag
        assert setting.option or setting.flag in real["flags"].split()
        for choices in (starter.choices, real["choices"]):
            assert setting.value in choices.get(setting.flag, (setting.value,)), setting
        assert setting.why
    given = [setting.flag for setting in begun.settings if not setting.option]
    first = [setting.flag for setting in begun.settings if not setting.option and setting.only != "others"]
    assert [word for word in begun.arguments if word.startswith("--")] == first
    if begun.options:
        assert yaml.safe_load(begun.options)
    for command in begun.commands.values():
        assert (MISSING in command + begun.options) <= any(MISSING in note for note in begun.notes)
    if begun.machines > 1 and not begun.launcher:
        assert valued(begun)["--nnodes"] == begun.machines and len(begun.commands) == 2
    *_, other = begun.commands.values()
    flags = [word for word in shlex.split(other.replace("\\\n", " ")) if word.startswith("--")]
    assert begun.machines == 1 or begun.launcher or flags == given
    assert begun.devices % begun.machines == 0


def pods(document):
    """The pods of a Deployment or of a LeaderWorkerSet, the one that answers first, and how many of each."""
    if document["kind"] == "Deployment":
        return [(1, document["spec"]["template"]["spec"])]
    group = document["spec"]["leaderWorkerTemplate"]
    others = group["workerTemplate"]["spec"]
    return [(1, group["leaderTemplate"]["spec"]), (group["size"] - 1, others)]


def check_files(begun):
    """What holds of the files of every start that has them."""
    try:
        services = yaml.safe_load(compose(begun))
        schema("compose").validate(services)
        taken = [
            device
            for service in services["services"].values()
            for each in service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
            for device in each["device_ids"]
        ]
        if begun.vendor != "NVIDIA":
            names = ("HIP_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
            seen = [service["environment"].get(name) for service in services["services"].values() for name in names]
            taken = ",".join(filter(None, seen)).split(",")
            assert len(taken) == begun.devices * len(services["services"])
        assert len(taken) == len(set(taken)), "no two copies share a device"
        assert services["services"].keys() and len(services["services"]) == begun.scenario.deployment.replicas
    except CannotStart as refused:
        assert str(refused).endswith(".")
    try:
        documents = list(yaml.safe_load_all(kubernetes(begun)))
    except CannotStart as refused:
        assert str(refused).endswith(".")
        return
    for document in documents:
        schema(document["kind"]).validate(document)
    first, service = documents[:2]
    assert first["spec"]["replicas"] == begun.scenario.deployment.replicas
    assert (first["kind"] == "LeaderWorkerSet") == (begun.machines > 1)
    labels = (
        first["spec"]["template"] if begun.machines == 1 else first["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
    )["metadata"]["labels"] | {"leaderworkerset.sigs.k8s.io/name": first["metadata"]["name"]}
    assert service["spec"]["selector"].items() <= labels.items()
    devices = 0
    for number, (count, pod) in enumerate(pods(first)):
        server = pod["containers"][0]
        devices += count * sum(server["resources"]["limits"].values())
        probes = {server[probe]["httpGet"]["path"] for probe in server if probe.endswith("Probe")}
        assert probes == ({begun.starter.health} if number == 0 else set())
        named = {volume["name"] for volume in pod["volumes"]}
        assert named == {mount["name"] for mount in server["volumeMounts"]}
        rank = 0 if number == 0 else "$(LWS_WORKER_INDEX)"
        assert MISSING + "-ADDRESS" not in str(server["args"])
        expected = begun.arguments_on(rank, "$(LWS_LEADER_ADDRESS)") if begun.machines > 1 else begun.arguments
        assert [word.removeprefix("/etc/") for word in server["args"]] == list(expected)
    assert devices == begun.devices


@settings(max_examples=100, deadline=None)
@given(deployments())
def test_each_start_is_documented_and_valid_or_refused_in_a_sentence(drawn):
    fields, traffic = drawn
    try:
        begun = start(scenario(**fields), fields["engine"], traffic)
    except CannotStart as refused:
        assert str(refused).endswith(".") and len(str(refused).split()) > 6
        return
    check(begun)
    check_files(begun)


# Engine, scenario: each branch of each writer, with what its command must hold.
CASES = (
    ("vLLM", {}, Load(), {"--dtype": "bfloat16", "--max-num-seqs": 8, "--max-model-len": 1536}),
    ("vLLM", {"weights": "FP8 block 128"}, Load(), {"--quantization": "fp8_per_block"}),
    ("vLLM", {"cache": "FP8", "tensor_parallel": 4, "pipeline_parallel": 2}, Load(prefix_hits=0.5), {
        "--kv-cache-dtype": "fp8", "--tensor-parallel-size": 4, "--pipeline-parallel-size": 2,
        "--enable-prefix-caching": None,
    }),
    ("vLLM", {"replicas": 3, "batch": 10}, Load(), {"--max-num-seqs": 4}),
    ("vLLM", {"model": "Mixtral 8x7B", "tensor_parallel": 2, "expert_parallel": 2}, Load(),
     {"--enable-expert-parallel": None}),
    ("SGLang", {"model": "Qwen3 8B", "weights": "FP8 per channel"}, Load(), {
        "--quantization": "fp8", "--chunked-prefill-size": 8192, "--model-path": "Qwen/Qwen3-8B",
    }),
    ("SGLang", {"model": "DeepSeek-V3 671B", "weights": "FP8 block 128", "device": HOPPER, "tensor_parallel": 8,
                "expert_parallel": 4},
     Load(draft_tokens=2, draft_cost=mtp_draft_cost(models()["DeepSeek-V3 671B"])), {
         "--ep-size": 4, "--speculative-algorithm": "NEXTN", "--speculative-num-steps": 2,
         "--speculative-num-draft-tokens": 3, "--model-path": "deepseek-ai/DeepSeek-V3",
     }),
    ("SGLang", {"tensor_parallel": 16}, Load(), {
        "--nnodes": 2, "--node-rank": 0, "--dist-init-addr": "REPLACE-ME-ADDRESS:20000",
    }),
    ("SGLang", {}, Load(draft_tokens=4), {"--speculative-algorithm": "NGRAM", "--speculative-num-draft-tokens": 4}),
    ("SGLang", {}, Load(draft_tokens=4, draft_cost=0.2), {"--speculative-draft-model-path": f"{MISSING}/draft-model"}),
    ("TensorRT-LLM", {"cache": "NVFP4", "tensor_parallel": 2, "device": BLACKWELL}, Load(), {
        "--tp_size": 2, "--max_batch_size": 8, "--max_num_tokens": 8192, "kv_cache_config.dtype": "nvfp4",
        "kv_cache_config.free_gpu_memory_fraction": 0.9, "--enable_chunked_prefill": None,
    }),
    ("TensorRT-LLM", {"model": "gpt-oss 120B", "weights": "MXFP4", "device": HOPPER},
     Load(draft_tokens=3, draft_cost=0.1), {
        "moe_config.backend": "TRITON", "speculative_config.decoding_type": "DraftTarget",
        "speculative_config.max_draft_len": 3, "disable_overlap_scheduler": True,
    }),
    ("TensorRT-LLM", {"model": "gpt-oss 120B", "weights": "MXFP4", "device": BLACKWELL}, Load(), {
        "moe_config.backend": "TRTLLM",
    }),
    ("TensorRT-LLM", {"model": "DeepSeek-V3 671B", "weights": "FP8 block 128", "device": HOPPER, "tensor_parallel": 8},
     Load(draft_tokens=2, draft_cost=mtp_draft_cost(models()["DeepSeek-V3 671B"])), {
         "speculative_config.decoding_type": "MTP", "speculative_config.max_draft_len": 2,
         "speculative_config.num_nextn_predict_layers": 2,
     }),
    ("llama.cpp", {"weights": "Q5_K_M", "cache": "INT8", "batch": 4}, Load(), {
        "--model": "/models/llama-3-1-8b-Q5_K_M.gguf", "--ctx-size": 4 * 1536, "--parallel": 4,
        "--cache-type-k": "q8_0", "--cache-type-v": "q8_0", "--n-gpu-layers": "all",
    }),
    ("llama.cpp", {"weights": "Q4_K_M"}, Load(), {"--hf-repo": "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M"}),
    ("llama.cpp", {"weights": "Q8_0", "pipeline_parallel": 2}, Load(), {"--split-mode": "layer"}),
    ("llama.cpp", {"weights": "IQ4_XS with imatrix", "tensor_parallel": 2}, Load(draft_tokens=3), {
        "--split-mode": "tensor", "--model": "/models/llama-3-1-8b-IQ4_XS.gguf", "--spec-type": "ngram-simple",
    }),
)  # fmt: skip


@pytest.mark.parametrize(("engine", "fields", "traffic", "expected"), CASES)
def test_settings_are_the_scenarios_numbers(engine, fields, traffic, expected):
    begun = start(scenario(engine=engine, **fields), engine, traffic)
    check(begun)
    check_files(begun)
    assert valued(begun).items() >= expected.items()


def test_a_setting_says_the_number_it_comes_from():
    whys = {setting.flag: setting.why for setting in start(scenario(batch=50), "vLLM").settings}
    assert whys["--max-num-seqs"] == "50 requests at once"
    assert whys["--max-model-len"] == "1,024 tokens of prompt and 512 of answer"


def test_the_file_of_options_is_what_the_settings_say():
    begun = start(scenario(engine="TensorRT-LLM", cache="FP8"), "TensorRT-LLM", Load(prefix_hits=0.5, draft_tokens=2))
    assert yaml.safe_load(begun.options) == {
        "kv_cache_config": {"dtype": "fp8", "free_gpu_memory_fraction": 0.9, "enable_block_reuse": True},
        "speculative_config": {"decoding_type": "NGram", "max_draft_len": 2},
        "disable_overlap_scheduler": True,
    }
    config = list(yaml.safe_load_all(kubernetes(begun)))[2]
    assert config["data"] == {"trtllm.yaml": begun.options}


def test_speculation_of_vllm_is_one_json_argument():
    mtp = models()["DeepSeek-V3 671B"]
    given = scenario(model=mtp.name, weights="FP8 block 128", device=HOPPER, tensor_parallel=8)
    begun = start(given, "vLLM", Load(draft_tokens=1, draft_cost=mtp_draft_cost(mtp)))
    words = shlex.split(begun.command.replace("\\\n", " "))
    how = json.loads(words[words.index("--speculative-config") + 1])
    assert how == {"num_speculative_tokens": 1, "method": "mtp"}


# What cannot run, and what the sentence must name.
REFUSED = (
    ("vLLM", {"weights": "Q4_K_M"}, "Q4_K_M"),
    ("vLLM", {"weights": "NF4"}, "NF4"),
    ("llama.cpp", {"weights": "AWQ 4-bit g128"}, "AWQ 4-bit g128"),
    ("llama.cpp", {"weights": "Q8_0", "cache": "FP8"}, "FP8"),
    ("vLLM", {"cache": "INT4"}, "INT4"),
    ("TensorRT-LLM", {"device": "AMD Instinct MI300X"}, "AMD"),
    ("vLLM", {"device": "Apple M2 Ultra (76-core GPU)"}, "Apple"),
    ("llama.cpp", {"weights": "Q8_0", "pipeline_parallel": 16}, "2 machines"),
    ("SGLang", {"pipeline_parallel": 2, "_drafts": 3}, "stages"),
    ("vLLM", {"device": "Intel Arc Pro B60", "tensor_parallel": 16}, "Ray"),
    ("vLLM", {"device": "Google TPU v6e (Trillium)"}, "tpu-inference"),
    ("vLLM", {"device": "Intel Gaudi 3 (OAM)"}, "vllm-gaudi"),
    ("vLLM", {"device": "Intel Arc Pro B60", "weights": "NVFP4"}, "NVFP4"),
    ("llama.cpp", {"device": "Intel Gaudi 3 (OAM)", "weights": "Q8_0"}, "Gaudi"),
    ("TensorRT-LLM", {"device": "NVIDIA T4"}, "T4"),
    ("TensorRT-LLM", {"weights": "NVFP4"}, "NVFP4"),
    ("TensorRT-LLM", {"cache": "NVFP4"}, "NVFP4 cache"),
    ("TensorRT-LLM", {"weights": "FP8 per tensor", "device": "NVIDIA A100 SXM4 80GB"}, "FP8 per tensor"),
    ("llama.cpp", {"weights": "Q8_0", "tensor_parallel": 2, "pipeline_parallel": 2}, "not both"),
    ("vLLM", {"model": "Mixtral 8x7B", "tensor_parallel": 4, "expert_parallel": 2}, "1 or 4"),
    ("vLLM", {"model": "GPT-2 124M"}, "1,024"),
)


@pytest.mark.parametrize(("engine", "fields", "named"), REFUSED)
def test_what_an_engine_cannot_run_is_refused_by_name(engine, fields, named):
    fields = dict(fields)
    traffic = Load(draft_tokens=fields.pop("_drafts", 0))
    with pytest.raises(CannotStart, match=r"\.$") as refused:
        start(scenario(engine=engine, **fields), engine, traffic)
    assert named in str(refused.value)


# Devices of a copy (tensor, pipeline) on devices of a kind, and the machines that they take.
MACHINES = (
    (H100, (8, 1), 1), (H100, (4, 2), 1), (H100, (8, 2), 2), (H100, (16, 1), 2), (H100, (4, 3), 3), (H100, (3, 3), 3),
    (H100, (12, 1), 2), ("NVIDIA GB200 (per GPU, NVL72)", (4, 1), 1), ("NVIDIA GB200 (per GPU, NVL72)", (8, 1), 2),
    ("NVIDIA GH200 96GB HBM3", (2, 1), 2),
)  # fmt: skip


@pytest.mark.parametrize(("device", "divided", "expected"), MACHINES)
def test_machines_are_the_fewest_that_hold_whole_stages_or_whole_shares_of_one(device, divided, expected):
    tensor, pipeline = divided
    assert machines(scenario(device=device, tensor_parallel=tensor, pipeline_parallel=pipeline)) == expected


BIG = {"model": "DeepSeek-V3 671B", "weights": "FP8 block 128", "tensor_parallel": 8, "pipeline_parallel": 2}


def test_vllm_on_two_machines_is_a_command_for_each_with_the_firsts_address():
    begun = start(scenario(**BIG), "vLLM")
    first, second = begun.commands.values()
    assert list(begun.commands) == ["On the first machine", "On the second machine"]
    for rank, command in enumerate((first, second)):
        words = shlex.split(command.replace("\\\n", " "))
        assert words[:3] == ["vllm", "serve", "deepseek-ai/DeepSeek-V3"]
        assert words[words.index("--nnodes") + 1] == "2" and words[words.index("--node-rank") + 1] == str(rank)
        assert words[words.index("--master-addr") + 1] == "REPLACE-ME-ADDRESS"
        assert ("--headless" in words) == (rank == 1)
    assert any("REPLACE-ME-ADDRESS" in note for note in begun.notes)
    check(begun)
    check_files(begun)


def test_sglang_on_three_machines_says_which_number_each_takes():
    begun = start(scenario(model="Llama 3.1 70B", tensor_parallel=8, pipeline_parallel=3, engine="SGLang"), "SGLang")
    assert list(begun.commands)[1] == "On each other machine, with its own number, 1 to 2, after --node-rank"
    assert "--dist-init-addr REPLACE-ME-ADDRESS:20000" in begun.command
    check_files(begun)


def test_tensorrt_llm_on_two_machines_is_one_command_of_slurm():
    begun = start(scenario(engine="TensorRT-LLM", device=HOPPER, **BIG), "TensorRT-LLM")
    assert begun.command.splitlines()[0] == (
        "srun --nodes=2 --ntasks=16 --ntasks-per-node=8 --gres=gpu:8 --mpi=pmix trtllm-llmapi-launch \\"
    )
    assert list(begun.commands) == [""] and valued(begun)["--gpus_per_node"] == 8
    check(begun)
    with pytest.raises(CannotStart, match="MPI"):
        kubernetes(begun)


def test_a_copy_on_two_machines_is_a_leader_worker_set_whose_pods_know_their_place():
    begun = start(scenario(replicas=3, **BIG), "vLLM")
    group, service = yaml.safe_load_all(kubernetes(begun))
    assert group["spec"]["replicas"] == 3 and group["spec"]["leaderWorkerTemplate"]["size"] == 2
    assert service["metadata"]["name"] == "deepseek-v3-671b-leader", "the set's own name is its pods' service"
    (_, leader), (_, worker) = pods(group)
    resources = leader["containers"][0]["resources"]
    assert resources == {"limits": {"nvidia.com/gpu": 8}, "requests": {"memory": "330Gi"}}, "half of 627 GiB, 16 shared"
    assert worker["containers"][0]["args"][-1] != leader["containers"][0]["args"] and "--headless" in str(worker)
    with pytest.raises(CannotStart, match="2 machines"):
        compose(begun)


def test_every_device_engine_and_format_starts_in_what_is_documented_or_is_refused_in_a_sentence():
    shown, begun_of = set(), {name: 0 for name in starters()}
    for engine, own in starters().items():
        cache_format = next(iter(own.cache))
        for device in accelerators():
            for weights in formats():
                try:
                    begun = start(scenario(engine=engine, device=device, weights=weights, cache=cache_format), engine)
                except CannotStart as refused:
                    assert str(refused).endswith(".") and len(str(refused).split()) > 6
                    continue
                begun_of[engine] += 1
                assert {setting.flag for setting in begun.settings} <= set(own.flags) | set(own.options)
                for of in ((engine, "device", begun.vendor), (engine, "weights", weights)):
                    if of not in shown:
                        shown.add(of)
                        check(begun)
                        check_files(begun)
    assert all(begun_of.values())
    assert {of[2] for of in shown if of[1] == "device"} == {"NVIDIA", "AMD", "Intel", "Apple", "Qualcomm"}


HOSTILE = (
    "$(reboot)",
    "a; rm -rf /",
    "`x`",
    "--flag",
    "a: b\n- c",
    "模型",
    "'\"\\",
    "${HOME}",
    "<script>",
    "x" * 500,
    "",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("engine", starters())
def test_a_name_from_outside_reaches_neither_a_shell_nor_a_file(name, engine):
    weights = "Q8_0" if engine == "llama.cpp" else "BF16"
    own = replace(models()["Llama 3.1 8B"], name=name, source="its config.json, imported")
    begun = start(replace(scenario(engine=engine, weights=weights), model=own), engine)
    check(begun)
    check_files(begun)
    for text in (begun.command, begun.label, begun.options):
        assert not set(text) & set("$`;<>'\"&|{}") and text.isascii()
    assert yaml.safe_load(compose(begun))["services"].keys() == {begun.label}
    for line in compose(begun).splitlines() + kubernetes(begun).splitlines():
        assert "reboot)" not in line or line.startswith("#")


@pytest.mark.parametrize("value", ["$(reboot) ; x", "a b", "'", "`x`", "${HOME}", "&& y", "*"])
def test_a_value_that_a_shell_would_read_is_quoted(value):
    begun = start(scenario(), "vLLM")
    worse = replace(begun, settings=(*begun.settings, Setting(flag="--quantization", value=value, why="x")))
    assert shlex.split(worse.command.replace("\\\n", " "))[-2:] == ["--quantization", value]


@settings(max_examples=50)
@given(st.text(max_size=20) | st.text("aZ09-$ ", max_size=50))
def test_a_label_is_one_that_clusters_take(name):
    made = label(name)
    assert 1 <= len(made) <= 46 and made.isascii() and made == made.lower()
    assert made[0].isalpha() and made[-1].isalnum() and made.replace("-", "").isalnum()


TEXTS = st.text("aY-:#on~ '\"\n0.{}", max_size=9) | st.sampled_from(
    ["true", "False", "null", "Yes", "off", "1e3", "0x1", "~"]
)
KEYS = st.text("ab: #-no0", min_size=1, max_size=5)
TREES = st.recursive(
    st.booleans() | st.integers() | st.floats(-1e3, 1e3).map(lambda x: round(x, 3)) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abc"), TREES, max_size=3))
def test_what_is_written_as_yaml_is_read_back(tree):
    assert (yaml.safe_load(block(tree)) or {}) == tree


def test_a_repository_is_named_only_where_the_source_names_it():
    assert repository(scenario()) == "meta-llama/Llama-3.1-8B"
    assert repository(scenario(model="MoE 175B (32 experts, top-2)")) == ""
    assert repository(scenario(model="DeepSeek-V2 236B")) == "deepseek-ai/DeepSeek-V2"
    assert repository(scenario(model="Nemotron-4 15B")) == "", "it is on no hub"
    changed = replace(models()["Llama 3.1 8B"], name="Llama 3.1 8B, changed")
    assert repository(replace(scenario(), model=changed)) == ""
    begun = start(scenario(weights="AWQ 4-bit g64"), "vLLM")
    assert begun.model == f"{MISSING}/llama-3-1-8b-awq-4-bit-g64"
    assert "calls awq" in begun.notes[0] and "meta-llama/Llama-3.1-8B holds BF16" in begun.notes[0]
    assert "AutoAWQ makes one of 16 bits, see https://" in begun.notes[0]


@pytest.mark.parametrize("each", checkpoints(), ids=lambda each: f"{each.model} {each.format}")
def test_a_published_checkpoint_is_taken_by_every_engine_that_reads_it_and_by_no_other(each):
    for name, own in starters().items():
        if each.format not in own.weights:
            assert name not in each.engines
            continue
        begun = start(scenario(model=each.model, weights=each.format, engine=name, device=BLACKWELL), name)
        assert (begun.model == each.repository) == (name in each.engines), name


def test_a_changed_model_is_in_no_published_checkpoint():
    changed = replace(models()["Llama 3.1 8B"], name="Llama 3.1 8B", source="its config.json, imported")
    begun = start(replace(scenario(weights="AWQ 4-bit g128"), model=changed), "vLLM")
    assert begun.model.startswith(MISSING)


def test_a_gguf_file_is_made_by_the_commands_named():
    begun = start(scenario(weights="IQ4_XS with imatrix", engine="llama.cpp"), "llama.cpp")
    assert (
        "convert_hf_to_gguf.py --outtype bf16 --outfile llama-3-1-8b-BF16.gguf "
        "--remote meta-llama/Llama-3.1-8B-Instruct, then llama-quantize --imatrix imatrix.gguf llama-3-1-8b-BF16.gguf "
        "llama-3-1-8b-IQ4_XS.gguf IQ4_XS."
    ) in begun.notes[0]
    wide = start(scenario(weights="F16", engine="llama.cpp"), "llama.cpp")
    assert "--outtype f16" in wide.notes[0] and "llama-quantize" not in wide.notes[0]


def test_images_are_by_vendor_and_none_is_made_up():
    assert image(start(scenario(), "vLLM")).startswith("vllm/vllm-openai:v")
    amd = start(scenario(device="AMD Instinct MI300X"), "vLLM")
    assert "rocm" in image(amd) and "amd.com/gpu: 1" in kubernetes(amd) and "/dev/kfd" in compose(amd)
    assert (
        image(start(scenario(device="AMD Instinct MI300X", engine="SGLang"), "SGLang")) == f"lmsysorg/sglang:{MISSING}"
    )
    phone = start(scenario(device="Apple M2 Ultra (76-core GPU)", weights="Q8_0", engine="llama.cpp"), "llama.cpp")
    for write in (compose, kubernetes):
        with pytest.raises(CannotStart, match="Apple"):
            write(phone)


def test_a_copy_asks_for_the_memory_and_the_time_that_its_weights_take():
    begun = start(scenario(tensor_parallel=2), "vLLM")
    assert host_gib(begun) == 15 + 2 * 2  # 14.96 GiB of BF16 weights, 2 GiB of shared memory a device
    assert start_up_s(begun) == 780  # 16.06e9 bytes at 125e6 a second and 600 s, to the next minute
    assert "failureThreshold: 78" in kubernetes(begun)


def test_copies_beyond_one_machine_are_for_a_cluster():
    begun = start(scenario(tensor_parallel=8, replicas=2), "vLLM")
    with pytest.raises(CannotStart, match="Kubernetes"):
        compose(begun)
    assert "replicas: 2" in kubernetes(begun)


def test_every_documented_place_is_an_address_and_every_format_is_ours():
    for starter in starters().values():
        assert all(place.startswith("https://") for place in (*starter.flags.values(), *starter.options.values()))
        assert set(starter.weights) | set(starter.at_load) <= set(formats())
        assert set(starter.at_load) <= set(starter.weights)
        assert set(starter.cache) <= set(cache_formats())
        assert starter.name in engines() and set(starter.images) <= set(starter.vendors)
        assert {flag for flag, _ in starter.at_load.values()} <= set(starter.flags)
        assert set(starter.choices) <= set(starter.flags) | set(starter.options)
        assert {name.removesuffix(" cache") for name in starter.needs} <= set(starter.weights) | set(starter.cache)
        assert all(place.startswith("https://") for place in starter.elsewhere.values())


@pytest.mark.parametrize("starter", starters().values(), ids=lambda each: each.name)
def test_an_engine_is_of_one_version_in_its_flags_its_images_and_its_sources(starter):
    real = documented(starter.name)
    assert real["version"] == starter.version
    assert set(starter.flags) <= set(real["flags"].split())
    for name, values in starter.choices.items():
        assert set(values) <= set(real["choices"].get(name, values))
    for flag, value in starter.at_load.values():
        assert value in starter.choices.get(flag, (value,))
    for place in (*starter.flags.values(), *starter.options.values(), starter.source, starter.health_source):
        assert starter.version in place, place
    for tag in filter(None, starter.images.values()):
        assert tag.partition(":")[2].removeprefix("v").endswith(starter.version), tag


def test_devices_beside_each_other_are_known_by_the_longest_name_that_fits():
    assert surroundings("NVIDIA GB200 (per GPU, NVL72)").machine_devices == 4
    assert surroundings("NVIDIA GB2000").machine_devices == 0 and surroundings("NVIDIA GB2000").resource
    assert surroundings("Apple M1 (8-core GPU)") is None


def test_what_makes_a_format_is_known_by_its_name_or_by_its_first_word():
    assert maker("NVFP4 experts only") == maker("NVFP4") and "nvfp4" in maker("NVFP4")[0]
    assert "FP8_BLOCK" in maker("FP8 block 128")[0] and maker("HQQ 4-bit g64") == ("", "")
    for own in starters().values():
        assert all(maker(name)[1].startswith("https://") for name in own.weights if maker(name)[0])


def test_an_intel_gpu_asks_a_cluster_for_its_own_resource():
    begun = start(scenario(device="Intel Arc Pro B60"), "vLLM")
    assert "gpu.intel.com/xe: 1" in kubernetes(begun) and "gpu.intel.com/i915" in kubernetes(begun)
    assert "/dev/dri" in compose(begun) and "vllm-openai-xpu:v" in compose(begun)


@pytest.mark.parametrize(
    ("engine", "flag"),
    [("vLLM", "--max-model-len"), ("SGLang", "--context-length"), ("TensorRT-LLM", "--max_seq_len")],
)
def test_the_longest_request_is_served_where_it_is_longer_than_the_usual(engine, flag):
    def served(longest):
        return valued(start(scenario(engine=engine), engine, PLAIN, longest))[flag]

    usual = int(scenario().workload.context_tokens)
    assert served(0) == served(usual - 1) == usual
    assert served(8192) == 8192
    assert served(10**9) == scenario().model.max_context


def test_llama_cpp_shares_its_context_out_among_the_requests():
    given = scenario(engine="llama.cpp", weights="Q8_0", batch=4)
    assert valued(start(given, "llama.cpp", PLAIN, 8192))["--ctx-size"] == 4 * 8192
