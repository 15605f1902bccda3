"""What do the preset files hold? One reader a kind of record, each a mapping from the human name to the record."""

import csv
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from calculators import UNKNOWN
from calculators.architecture import Architecture, parameters, sharing
from calculators.attention import GroupedQueryAttention
from calculators.estimate import Workload
from calculators.formats import LAYER_RULES, MODEL_RULES, Finer, Format
from calculators.hardware import Accelerator, Engine, Scheduler
from calculators.recommend import Abilities
from calculators.tensor import PARTS
from presets.configs import model_from_config
from presets.loader import HERE, Entry, load, table
from presets.memory_rules import constants, memory_rule
from presets.rents import cheapest

ARITHMETIC = ("fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp4", "int4")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """A model preset: the architecture, the config.json fields it was read from, and where they are from."""

    architecture: Architecture
    config: Mapping[str, Any]
    config_name: str
    source: str
    checked: date
    synthetic: bool
    published_in: str
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Disagreement:
    """A figure on which sources differ: what the catalog keeps (UNKNOWN where it trusts none), what others say."""

    figure: str
    unit: str
    kept: "Claim"
    others: tuple["Claim", ...]
    checked: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What one source says of a figure, in the figure's unit; `by` is the source's short name."""

    by: str
    value: float
    source: str
    remark: str = ""


# Figures of an accelerator that a disagreement may name, each with its unit as data sheets write it.
DISPUTED: Mapping[str, str] = MappingProxyType(
    {"memory": "GB", "driver memory": "GiB", "bandwidth": "GB/s", "power": "W", "link, both directions": "GB/s"}
    | dict.fromkeys(ARITHMETIC, "TFLOP/s")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceleratorFacts:
    """An accelerator preset with what surrounds the figures: kind, vendor, link, price's origin, disagreements."""

    accelerator: Accelerator
    vendor: str
    kind: str
    vendor_memory_bytes: float
    driver_known: bool
    allowance_source: str
    link_name: str
    rent: str
    list_price_usd: float
    source: str
    checked: date
    disagreements: tuple[Disagreement, ...]
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadFacts:
    """A workload preset: lengths and concurrency, and what a visitor of it expects."""

    workload: Workload
    first_token_s: float
    token_s: float
    description: str
    source: str
    checked: date


def _model(entry: Entry) -> ModelFacts:
    source, checked = entry.origin()
    config = deepcopy(entry.get("config", dict))
    for field in entry.texts("null", []):
        *sections, name = field.split(".")
        section = config
        for each in sections:
            section = section[each]
        section[name] = None
    note = entry.text("note", "")
    try:
        architecture = model_from_config(config, name=entry.name)
    except ValueError as error:
        raise entry.error(str(error)) from error
    return ModelFacts(
        architecture=replace(architecture, source=source, note=note),
        config=MappingProxyType(config),
        config_name=entry.text("config_name"),
        source=source,
        checked=checked,
        synthetic=entry.get("synthetic", bool, False),
        published_in=entry.text("published_in", "BF16"),
        note=note,
    )


@cache
def model_facts() -> Mapping[str, ModelFacts]:
    """Every model preset with its config.json fields and source."""
    return load("models.toml", _model)


@cache
def models() -> Mapping[str, Architecture]:
    """Every model preset, by human name; the three of the mission first."""
    return MappingProxyType({name: facts.architecture for name, facts in model_facts().items()})


SHARING = "sharing"  # layers that use one set of weights: no config says so, but one may ask what it would save
# Sizes of a model that a visitor may change, and the config.json fields that hold them: the first that a config has.
WHAT_IFS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "layers": ("num_hidden_layers",),
        "hidden": ("hidden_size",),
        "heads": ("num_attention_heads",),
        "kv_heads": ("num_key_value_heads",),
        "ffn": ("moe_intermediate_size", "intermediate_size"),
        "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
        "top_k": ("num_experts_per_tok",),
        SHARING: (),
    }
)


@cache
def what_if_sizes(name: str) -> Mapping[str, int]:
    """The sizes of a model preset that can be changed, with their own values."""
    return sizes_of(model_facts()[name].architecture, model_facts()[name].config)


def _text(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of a config.json and the part of it that holds the language model's sizes, itself where there is none."""
    whole = dict(config)
    if isinstance(whole.get("text_config"), Mapping):
        whole["text_config"] = inner = dict(whole["text_config"])
        return whole, inner
    return whole, whole


def _plain(model: Architecture, config: Mapping[str, Any]) -> dict[str, Any]:
    """Width of a head and heads of keys, which other sizes must not change, where the model_type reads them."""
    attention, fields = model.blocks[0].attention, {}
    if isinstance(attention, GroupedQueryAttention):
        whole, inner = _text(config)
        fields = {"head_dim": attention.head_dim, "num_key_value_heads": attention.kv_heads}
        inner |= fields
        try:
            same = model_from_config(whole, name=model.name).blocks == model.blocks
            inner["num_key_value_heads"] = 1 if attention.kv_heads > 1 else attention.heads
            read = attention.heads == 1 or model_from_config(whole, name=model.name).blocks != model.blocks
        except ValueError:
            return {}
        return fields if same and read else {}
    return fields


def sizes_of(model: Architecture, config: Mapping[str, Any]) -> Mapping[str, int]:
    """The sizes of a model that can be changed through its config.json, with their own values; none without one."""
    if not config:
        return MappingProxyType({})
    _, fields = _text(config)
    fields.pop("num_key_value_heads", None)  # latent attention caches no heads
    fields |= _plain(model, config)
    found = {}
    for size, names in WHAT_IFS.items():
        present = [field for field in names if fields.get(field)]
        if present:
            found[size] = fields[present[0]]
    found[SHARING] = 1
    return MappingProxyType(found)


def what_if(name: str, **sizes: int) -> Architecture:
    """A model preset with sizes of WHAT_IFS changed; the width of a head stays, unless it is latent attention's.

    Raises ValueError, naming the field, where the sizes contradict each other.
    """
    return resized(model_facts()[name].architecture, model_facts()[name].config, **sizes)


def resized(model: Architecture, config: Mapping[str, Any], **sizes: int) -> Architecture:
    """A model with sizes of WHAT_IFS changed in its config.json; raises what `what_if` raises."""
    whole, fields = _text(config)
    fields |= _plain(model, config)
    shared = sizes.pop(SHARING, 1)
    for size, value in sizes.items():
        present = [field for field in WHAT_IFS[size] if fields.get(field)]
        if not present:
            raise ValueError(f"{model.name} has no {size} to change")
        fields[present[0]] = value
    changed = model_from_config(whole, name=f"{model.name}, changed")
    return sharing(replace(changed, source=model.source, note=model.note), shared)


@cache
def _layouts() -> Mapping[str, Format]:
    """The [block] tables of formats.toml as bare formats; a fallback is itself a layout further up."""
    layouts: dict[str, Format] = {}

    def read(entry: Entry) -> Format:
        fallback = entry.text("fallback", None) if "fallback" in entry.values else None
        entry.asked.add("fallback")
        if fallback is not None and fallback not in layouts:
            raise entry.error(f"fallback {fallback!r} is no block above it")
        layouts[entry.name] = Format(
            name=entry.name,
            bits=entry.get("bits", int),
            block_values=entry.get("values", int, 1),
            block_rows=entry.get("rows", int, 1),
            scale_bytes=entry.number("scale", 0),
            row_bytes=entry.number("row", 0),
            column_bytes=entry.get("column", int, 0),
            tensor_bytes=entry.get("tensor", int, 0),
            fallback=layouts[fallback] if fallback else None,
        )
        return layouts[entry.name]

    return load("formats.toml", read, table("formats.toml")["block"])


def _rule(entry: Entry, key: str, known: Iterable[str]) -> tuple[str, ...]:
    names = tuple(entry.texts(key, []))
    for name in names:
        if name not in known:
            raise entry.error(f"{key} {name!r} is not one of {', '.join(known)}")
    return names


def _called(entry: Entry, key: str) -> frozenset[str]:
    """The parts and tensors that a rule names, kinds spelled out."""
    spelled = table("formats.toml")["kinds"]
    names = _rule(entry, key, (*PARTS, *spelled, *chain.from_iterable(spelled.values())))
    return frozenset(each for name in names for each in spelled.get(name, (name,)))


def _finer(entry: Entry) -> tuple[Finer, ...]:
    rules = []
    for rule in entry.tables("finer"):
        layers = rule.text("layers", "all")
        if layers not in LAYER_RULES:
            raise rule.error(f"layers {layers!r} is not one of {', '.join(LAYER_RULES)}")
        rules.append(
            Finer(
                tensors=_called(rule, "tensors"),
                format=_layout(rule),
                models=_rule(rule, "models", MODEL_RULES),
                layers=layers,
            )
        )
        rule.done()
    return tuple(rules)


def _layout(entry: Entry) -> Format:
    block, layouts = entry.text("block"), _layouts()
    if block not in layouts:
        raise entry.error(f"block {block!r} is not one of {', '.join(layouts)}")
    return layouts[block]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Family:
    """What all formats of a family leave, and their first exceptions."""

    leaves: frozenset[str]
    left_bytes: int
    finer: tuple[Finer, ...]
    splits_latent: bool


def _family(entry: Entry) -> _Family:
    entry.text("source")
    return _Family(
        leaves=_called(entry, "leaves"),
        left_bytes=entry.get("left_bytes", int, 2),
        finer=_finer(entry),
        splits_latent=entry.get("splits_latent", bool, False),
    )


@cache
def _families() -> Mapping[str, _Family]:
    return load("formats.toml", _family, table("formats.toml")["family"])


def _weight_format(entry: Entry) -> Format:
    source, checked = entry.origin()
    name = entry.text("family")
    if name not in _families():
        raise entry.error(f"family {name!r} is not one of {', '.join(_families())}")
    family = _families()[name]
    arithmetic = entry.text("arithmetic", "bf16")
    if arithmetic not in ARITHMETIC:
        raise entry.error(f"arithmetic {arithmetic!r} is not one of {', '.join(ARITHMETIC)}")
    return replace(
        _layout(entry),
        name=entry.name,
        leaves=family.leaves | _called(entry, "leaves"),
        left_bytes=entry.get("left_bytes", int, family.left_bytes),
        finer=family.finer + _finer(entry),
        splits_latent=family.splits_latent,
        arithmetic=arithmetic,
        floats=entry.get("floats", bool, arithmetic in ("fp8", "fp4")),
        family=name,
        everyday=entry.get("everyday", bool, False),
        source=source,
        checked=checked,
        note=entry.text("note", ""),
    )


def _cache_format(entry: Entry) -> Format:
    source, checked = entry.origin()
    floats = entry.get("floats", bool, False)
    return replace(_layout(entry), name=entry.name, source=source, checked=checked, floats=floats)


@cache
def formats() -> Mapping[str, Format]:
    """Every weight format, by name, a family after the other."""
    return load("formats.toml", _weight_format, table("formats.toml")["weights"])


@cache
def everyday_formats() -> Mapping[str, Format]:
    """The weight formats that are offered where all would be too many to compare."""
    return MappingProxyType({name: fmt for name, fmt in formats().items() if fmt.everyday})


@cache
def cache_formats() -> Mapping[str, Format]:
    """Every format of the KV cache, by name."""
    return load("formats.toml", _cache_format, table("formats.toml")["cache"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A place where a model runs: the kinds of devices that count, a usual one, and the formats its software runs."""

    kinds: tuple[str, ...]
    device: str
    formats: tuple[str, ...]


def _target(entry: Entry) -> Target:
    kinds = _rule(entry, "kinds", allowances())
    (device,) = _rule(Entry("formats.toml", entry.name, {"device": [entry.text("device")]}), "device", accelerators())
    families = _rule(entry, "families", _families())
    chosen = tuple(name for name, fmt in formats().items() if fmt.family in families)
    return Target(kinds=kinds, device=device, formats=chosen)


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """What an engine runs: weight formats of the families that are usual with it, and its abilities."""

    formats: tuple[str, ...]
    abilities: Abilities


DIVIDES = ("tensor", "pipeline", "expert")  # ways to divide a model over devices


def _offered(entry: Entry) -> Offered:
    entry.origin()
    if entry.name not in engines():
        raise entry.error(f"is no engine; known are {', '.join(engines())}")
    families = _rule(entry, "families", _families())
    caches = _rule(entry, "caches", cache_formats())
    makers = _rule(entry, "makers", sorted({facts.vendor for facts in accelerator_facts().values()}))
    without = _rule(entry, "without", accelerator_facts())
    divides = _rule(entry, "divides", DIVIDES)
    not_read = _rule(entry, "not_read", formats())
    return Offered(
        formats=tuple(name for name, fmt in formats().items() if fmt.family in families and name not in not_read),
        abilities=Abilities(
            cache_formats=frozenset(caches),
            accelerators=frozenset(
                name for name, facts in accelerator_facts().items() if facts.vendor in makers and name not in without
            ),
            **{f"{way}_parallel": way in divides for way in DIVIDES},
        ),
    )


@cache
def _offers() -> Mapping[str, Offered]:
    return load("formats.toml", _offered, table("formats.toml")["offered"])


@cache
def runnable_formats(engine: str) -> Mapping[str, Format]:
    """Every weight format that an engine runs and that is usual with it."""
    return MappingProxyType({name: formats()[name] for name in _offers()[engine].formats})


@cache
def offered_formats(engine: str) -> Mapping[str, Format]:
    """The everyday ones of an engine's formats."""
    return MappingProxyType({name: fmt for name, fmt in runnable_formats(engine).items() if fmt.everyday})


@cache
def offered_caches(engine: str) -> Mapping[str, Format]:
    """The formats that an engine keeps its cache in."""
    return MappingProxyType({fmt.name: fmt for fmt in abilities()[engine].caches(cache_formats())})


@cache
def abilities() -> Mapping[str, Abilities]:
    """What each engine can run, by its name."""
    return MappingProxyType({name: each.abilities for name, each in _offers().items()})


@cache
def targets() -> Mapping[str, Target]:
    """Where a model may run, by name."""
    return load("formats.toml", _target, table("formats.toml")["target"])


PCIE_DEVICES = 8  # cards that one machine's slots take; vendors state a number only where cards have links of their own


def _host(entry: Entry) -> tuple[float, float]:
    values, _, _ = constants(entry, ("memory_bytes_per_s", "flops_per_s"))
    entry.get("checked", date)
    return values["memory_bytes_per_s"], values["flops_per_s"]


@cache
def hosts() -> Mapping[str, tuple[float, float]]:
    """What the processor around devices of a kind reads of its memory, bytes/s, and computes in 32 bits, FLOP/s."""
    return load("accelerators.toml", _host, table("accelerators.toml")["host"])


UNIFIED = ("unified desktop", "laptop", "edge", "phone")  # kinds whose processor and accelerator share one memory


def _allowance(entry: Entry) -> float:
    entry.origin()
    share, low, high = (float(entry.number(key)) for key in ("share", "low", "high"))
    if not low <= share <= high <= 1:
        raise entry.error(f"share is {share}; low <= share <= high <= 1 was expected")
    return share


@cache
def allowances() -> Mapping[str, float]:
    """Share of its memory that a device of a kind shows, where its driver's figure is unknown."""
    return load("accelerators.toml", _allowance, table("accelerators.toml")["allowance"])


@cache
def cited() -> Mapping[str, str]:
    """Sources by the short name that a disagreement calls them."""
    return load("cited.toml", lambda entry: entry.origin()[0])


def _disagreement(entry: Entry, text: str, source: str, checked: date) -> Disagreement:
    """Reads "figure: catalog 12 (remark), source 13, source 14 (remark)"."""
    figure, _, said = text.partition(": ")
    if figure not in DISPUTED:
        raise entry.error(f"disagreements: figure {figure!r} is not one of {', '.join(DISPUTED)}")
    claims: list[Claim] = []
    for part in re.split(r", (?![^(]*\))", said):
        read = re.fullmatch(r"(\S.*?) (unknown|\d+(?:\.\d+)?)(?: \((.+)\))?", part)
        if read is None or (read[1] not in cited()) is bool(claims):
            known = "a source of cited.toml" if claims else "catalog"
            raise entry.error(f"disagreements: {figure}: {part!r}; {known}, a number and (a remark) were expected")
        value = UNKNOWN if read[2] == "unknown" else float(read[2])
        claims.append(Claim(by=read[1], value=value, source=cited().get(read[1], source), remark=read[3] or ""))
    kept, *others = claims
    if not others:
        raise entry.error(f"disagreements: {figure}: no other source is named")
    return Disagreement(figure=figure, unit=DISPUTED[figure], kept=kept, others=tuple(others), checked=checked)


def _accelerator(entry: Entry) -> AcceleratorFacts:
    source, checked = entry.origin()
    kind = entry.text("kind")
    if kind not in allowances():
        raise entry.error(f"kind {kind!r} is not one of {', '.join(allowances())}")
    vendor_bytes = entry.number("memory_bytes")
    driver_bytes = entry.number("driver_memory_bytes", None)
    peaks, link = (entry.table(key, None) for key in ("peak_flops_per_s", "link"))
    rent = cheapest().get(entry.name)
    link_name = link.text("name") if link else "unknown"
    slotted = link_name.startswith("PCIe") and kind in ("data centre", "workstation", "desktop")
    bandwidth = entry.number("bandwidth_bytes_per_s")
    host = link.number("bytes_per_s") if link and link_name.startswith("PCIe") else UNKNOWN
    host_memory, host_flops = hosts().get(kind, (bandwidth, UNKNOWN))
    accelerator = Accelerator(
        name=entry.name,
        memory_bytes=vendor_bytes * allowances()[kind] if driver_bytes is None else driver_bytes,
        bandwidth_bytes_per_s=bandwidth,
        peak_flops_per_s=MappingProxyType(
            {key: float(peaks.number(key)) for key in ARITHMETIC if key in peaks.values} if peaks else {}
        ),
        link_bytes_per_s=link.number("bytes_per_s") if link else UNKNOWN,
        host_bytes_per_s=bandwidth if kind in UNIFIED else host,
        host_memory_bytes_per_s=host_memory,
        host_flops_per_s=host_flops,
        node_devices=max(entry.get("devices_per_node", int, 1), PCIE_DEVICES if slotted else 1),
        power_w=entry.number("power_w", UNKNOWN),
        usd_per_hour=rent.usd_per_device_hour if rent else UNKNOWN,
    )
    facts = AcceleratorFacts(
        accelerator=accelerator,
        vendor=entry.text("vendor"),
        kind=kind,
        vendor_memory_bytes=vendor_bytes,
        driver_known=driver_bytes is not None,
        allowance_source=table("accelerators.toml")["allowance"][kind]["source"],
        link_name=link_name,
        rent=", ".join((rent.provider, rent.pricing, rent.quoted, rent.source)) if rent else "unknown",
        list_price_usd=entry.number("list_price_usd", UNKNOWN),
        source=source,
        checked=checked,
        disagreements=tuple(_disagreement(entry, text, source, checked) for text in entry.texts("disagreements", [])),
        note=entry.text("note", ""),
    )
    for part in (peaks, link):
        if part:
            part.done()
    return facts


@cache
def accelerator_facts() -> Mapping[str, AcceleratorFacts]:
    """Every accelerator preset with kind, price and sources."""
    devices = {name: values for name, values in table("accelerators.toml").items() if name not in ("allowance", "host")}
    return load("accelerators.toml", _accelerator, devices)


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """Every accelerator preset, by the name its maker gives it."""
    return MappingProxyType({name: facts.accelerator for name, facts in accelerator_facts().items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTotal:
    """What a checkpoint's repository says it holds, in values; `beside`: what of it is no parameter of the model."""

    total: int
    beside: Mapping[str, int]
    reason: str
    source: str
    checked: date


def _published_total(entry: Entry) -> PublishedTotal:
    source, checked = entry.origin()
    beside = entry.table("beside", None)
    counts = {name: beside.get(name, int) for name in beside.values} if beside else {}
    return PublishedTotal(
        total=entry.get("total", int),
        beside=MappingProxyType(counts),
        reason=entry.text("reason", ""),
        source=source,
        checked=checked,
    )


@cache
def published_totals() -> Mapping[str, PublishedTotal]:
    """Published totals by the name of the config; models without one are absent."""
    return load("published_totals.toml", _published_total)


@cache
def disagreements() -> Mapping[str, tuple[Disagreement, ...]]:
    """What sources disagree on, by the name of the accelerator or model; names without are absent.

    A model's published total is such a figure where it is not the count of its parameters.
    """
    found = {name: facts.disagreements for name, facts in accelerator_facts().items() if facts.disagreements}
    for name, facts in model_facts().items():
        total, counted = published_totals().get(facts.config_name), parameters(facts.architecture)
        if total is not None and total.total != counted:
            beside = " + ".join(f"{count:,} of {what}" for what, count in total.beside.items())
            found[name] = (
                Disagreement(
                    figure="parameters",
                    unit="",
                    kept=Claim(by="catalog", value=counted, source=f"counted from {facts.source}"),
                    others=(
                        Claim(
                            by="checkpoint",
                            value=total.total,
                            source=total.source,
                            remark=total.reason or f"with {beside}",
                        ),
                    ),
                    checked=total.checked,
                ),
            )
    return MappingProxyType(found)


# Every constant of an Engine and of its server's scheduler; each is a table with value, low, high and source.
CONSTANTS = tuple(
    field
    for field in Engine.__dataclass_fields__
    if field
    not in (
        "name", "scheduler", "memory", "times_of", "loops_experts", "fitted", "source", "checked", "measured_as",
        "ranges", "sources",
    )
)  # fmt: skip
SCHEDULES = tuple(field for field in Scheduler.__dataclass_fields__ if field != "mixes")


def _engine(entry: Entry) -> Engine:
    source, checked = entry.origin()
    times_of = entry.text("times_of", "")
    borrowed = entry
    if times_of:
        if times_of not in table("engines.toml"):
            raise entry.error(f"times_of {times_of!r} is no engine")
        borrowed = Entry("engines.toml", times_of, table("engines.toml")[times_of])
    own = [name for name in CONSTANTS if name in entry.values]
    values, ranges, sources = constants(borrowed, [name for name in CONSTANTS if name not in own])
    scheduler = Scheduler()
    server = entry.table("scheduler", None)
    for part, names in ((entry, own), (server, SCHEDULES)):
        if part is not None:
            more_values, more_ranges, more_sources = constants(part, names)
            ranges, sources = ranges | more_ranges, sources | more_sources
            if part is server:
                scheduler = Scheduler(mixes=server.get("mixes", bool), **more_values)
                server.done()
            else:
                values |= more_values
    rule = entry.table("memory", None)
    return Engine(
        name=entry.name,
        scheduler=scheduler,
        memory=memory_rule(rule) if rule else None,
        times_of=times_of,
        fitted=entry.get("fitted", bool, not times_of),
        source=source,
        checked=checked,
        measured_as=tuple(entry.texts("measured_as")),
        ranges=MappingProxyType(ranges),
        sources=MappingProxyType(sources),
        **values,  # type: ignore[arg-type]
    )


@cache
def engines() -> Mapping[str, Engine]:
    """Every engine profile, by name."""
    return load("engines.toml", _engine)


def _workload(entry: Entry) -> WorkloadFacts:
    source, checked = entry.origin()
    return WorkloadFacts(
        workload=Workload(
            batch=entry.get("batch", int),
            prompt_tokens=entry.get("prompt_tokens", int),
            output_tokens=entry.get("output_tokens", int),
        ),
        first_token_s=entry.number("first_token_s"),
        token_s=entry.number("token_s"),
        description=entry.text("description"),
        source=source,
        checked=checked,
    )


@cache
def workload_facts() -> Mapping[str, WorkloadFacts]:
    """Every workload preset with its targets and source."""
    return load("workloads.toml", _workload)


@cache
def workloads() -> Mapping[str, Workload]:
    """Every workload preset, by name."""
    return MappingProxyType({name: facts.workload for name, facts in workload_facts().items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatLoss:
    """What a weight format costs in quality, in per cent, as published; UNKNOWN where nobody said.

    `loss_spread`: the lowest and highest loss published, in per cent.
    """

    loss_percent: float
    loss_spread: tuple[float, float]
    perplexity_percent: float
    measured: str
    source: str
    note: str

    @property
    def larger_percent(self) -> float:
        """The larger of the two, so that neither hides the other; the one that is known, or UNKNOWN."""
        return float(np.fmax(self.loss_percent, self.perplexity_percent))


def _loss(entry: Entry) -> FormatLoss:
    entry.get("checked", date)
    values, spreads, measured, sources = [], [], [], []
    for key in ("loss_percent", "delta_ppl_percent"):
        part = entry.table(key, None)
        values.append(part.get("value", (int, float)) if part else UNKNOWN)
        spreads.append(tuple(part.get(end, (int, float)) for end in ("low", "high")) if part else (UNKNOWN, UNKNOWN))
        if part:
            low, high = spreads[-1]
            measured.append(f"{part.text('metric')} of {', '.join(part.texts('models'))}: {low} to {high} %")
            sources.append(part.text("source"))
            part.get("rows", int)
            part.done()
    return FormatLoss(
        loss_percent=values[0], loss_spread=spreads[0], perplexity_percent=values[1], measured="; ".join(measured),
        source="; ".join(sources), note=entry.text("note", ""),
    )  # fmt: skip


@cache
def format_losses() -> Mapping[str, FormatLoss]:
    """Published quality loss by weight format."""
    return load("format_loss.toml", _loss)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One published measurement of a quantized model, and the loss that follows where there is a baseline.

    `format` is the weight format here that stores values in this way, empty where there is none. `measure` is score or
    perplexity; `loss_percent` is what the score lost or the perplexity gained, relative to the baseline.
    """

    format: str
    published_as: str
    model: str
    metric: str
    measure: str
    value: str
    baseline: str
    loss_percent: float
    imatrix: str
    source: str


@cache
def format_measurements() -> tuple[Measurement, ...]:
    """Every published measurement at hand, in the file's order."""
    with (HERE / "format_quality.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = ("format", "published_as", "model", "metric", "measure", "value", "baseline", "imatrix", "source")
    return tuple(
        Measurement(
            loss_percent=float(row["loss_percent"]) if row["loss_percent"] else UNKNOWN,
            **{name: row[name] for name in texts},
        )
        for row in rows
    )


def published_in(model: str) -> str:
    """The weight format that a model preset was published in; 16 bits for a model that is none."""
    facts = model_facts().get(model)
    return facts.published_in if facts else "BF16"


@cache
def losses_of(model: str) -> Mapping[str, float]:
    """Published loss of each weight format in per cent, the larger of score lost and perplexity gained.

    0 for the format that the model preset was published in, and for 16 and 32 bits; formats nobody measured are absent.
    """
    losses = {name: loss.larger_percent for name, loss in format_losses().items()}
    return MappingProxyType(losses | dict.fromkeys(("BF16", "FP32", published_in(model)), 0.0))


# Mixes of one family from smaller to larger: one without a published score loses no more than the next smaller one.
GGUF_MIXES = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")


@cache
def quality_kept() -> Mapping[tuple[str, str], float]:
    """Share of a model's score that a weight format keeps, by (model, format); pairs nobody measured are absent.

    1 for the format the model was published in and for wider ones; else what task scores lost on average; for a GGUF
    mix without a figure, that of the next smaller mix that has one, which it can only beat.
    """
    measured = {
        name: min(1 - loss.loss_percent / 100, 1.0)
        for name, loss in format_losses().items()
        if loss.loss_percent == loss.loss_percent
    }
    for smaller, larger in pairwise(GGUF_MIXES):
        if smaller in measured:
            measured.setdefault(larger, measured[smaller])
    kept = {(model, fmt): share for model in model_facts() for fmt, share in measured.items()}
    for model, facts in model_facts().items():
        kept |= dict.fromkeys(((model, facts.published_in), (model, "BF16"), (model, "FP32")), 1.0)
    return MappingProxyType(kept)
