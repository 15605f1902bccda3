"""Which inputs are there? The one table of them, which makes the widgets, the record `Inputs` and the links."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import make_dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Any

from calculators.choose import PRIORITIES
from calculators.recommend import GOALS
from calculators.training import ATTENTIONS, RECOMPUTATIONS
from calculators.training_plan import COUNTS, MICRO_BATCHES, TENSORS, ZERO_STAGES
from calculators.training_plan import STAGES as STAGES_TRAINED
from pages.ui.links import values
from pages.ui.links.field import Comparison, Field, Fit, Number, Own, Size, counted, dollars, per_cent, short
from presets.catalog import (
    WHAT_IFS,
    accelerator_facts,
    accelerators,
    cache_formats,
    engines,
    formats,
    model_facts,
    targets,
    workload_facts,
)
from presets.importing import AS_STORED
from presets.quality import benchmarks
from presets.rents import providers, regions
from presets.runs import places
from presets.scenarios import scenarios
from presets.training import methods, optimizers, recipes


def _choice(options: Iterable[Any], default: Any) -> Field:
    return Field(default=default, options=tuple(options))


def _plain(number: float) -> str:
    return "any" if number == inf else f"{number:g}"


def _number(options: Iterable[float], default: float) -> Field:
    return Field(default=default, options=tuple(options), label=_plain)


def _share(options: Iterable[float], default: float) -> Field:
    return Field(default=default, options=tuple(options), label="{:g}".format)


def _per_cent(options: Iterable[float], default: float) -> Field:
    return Number(default=default, options=tuple(options), label=per_cent)


def _dollars(options: Iterable[int], default: int) -> Field:
    return Number(default=default, options=tuple(options), label=dollars)


def _tokens(options: Iterable[int], default: int) -> Field:
    return Field(default=default, options=tuple(options), label=short)


def _counts(options: Iterable[float], default: float) -> Field:
    return Field(default=default, options=tuple(options), label=counted)


def _setting(options: Iterable[float], label: Callable[[Any], str], kind: type[Field] = Field) -> Field:
    """An engine's setting, which it chooses itself unless stated."""
    return kind(
        default=values.AUTO,
        options=(values.AUTO, *options),
        label=lambda value: "auto" if value == values.AUTO else label(value),
    )


def plainly(names: Iterable[str]) -> dict[str, str]:
    """{name without what stands in brackets: name}, the last of those that are alike then.

    >>> plainly(["Full", "LoRA (queries and values, rank 16)", "LoRA (all matrices, rank 16)"])
    {'Full': 'Full', 'LoRA': 'LoRA (all matrices, rank 16)'}
    """
    return {name.partition(" (")[0]: name for name in names}


def _shorter(place: str) -> str:
    return place.replace("United States", "US")


def _count(number: int) -> str:
    """A round count: 500M, 1B, 15T."""
    size, letter = next(
        (size, letter) for size, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M")) if number >= size
    )
    return f"{number / size:g}{letter}"


def _size(name: str) -> Field:
    return Size(
        default=None, options=values.SIZES[name], label=lambda value: values.PRESET if value is None else str(value)
    )


def _on(pages: tuple[str, ...], **given: Field) -> dict[str, Field]:
    return {name: replace(field, pages=pages) for name, field in given.items()}


METHODS, RECIPES = plainly(methods()), plainly(recipes())
CHAT = workload_facts()["Chat"]
FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "model": _choice(model_facts(), "Llama 3.1 8B"),
        "own": Own(default="", options=("",)),
        "weights": _choice((*formats(), AS_STORED.name), "BF16"),
        "cache": _choice(cache_formats(), "BF16"),
        "device": _choice(accelerators(), "NVIDIA H100 SXM5 80GB"),
        "tp": _number(values.DEVICES, 1),
        "pp": _number(values.STAGES, 1),
        "copies": _number(values.COPIES, 1),
        "engine": _choice(engines(), "vLLM"),
        "fraction": _setting(values.SHARES, "{:g}".format),
        "chunk": _setting(values.CHUNKS, short),
        "seqs": _setting(values.SEQUENCES, short),
        "gpulayers": _setting(values.GPU_LAYERS, str),
        "fit": Fit(default="", options=("", "0.971,1.05,1.21,0.905,1.32,1.08,3ae0,120,Hugging Face transformers")),
        "workload": _choice(workload_facts(), "Chat"),
        "batch": _number(values.BATCHES, CHAT.workload.batch),
        "prompt": _tokens(values.PROMPTS, CHAT.workload.prompt_tokens),
        "output": _tokens(values.OUTPUTS, CHAT.workload.output_tokens),
        **{name: _size(name) for name in WHAT_IFS},
        "ep": _number(values.DEVICES, 1),
        **_on(
            ("scaling",),
            compute=_number(values.EXPONENTS, 21.0),
            served=_counts(values.TOKENS_SERVED, 1e12),
            unique=_counts(values.UNIQUE_TOKENS, 1e10),
            corpus=_choice(values.CORPORA, values.CORPORA[0]),
        ),
        **_on(
            ("recommend", "latency"),
            wait=_number(values.WAITS_MS, 450),
            step=_number(values.STEPS_MS, 40),
        ),
        **_on(
            ("recommend",),
            job=_choice((values.OWN_LOAD, *scenarios()), values.OWN_LOAD),
            rate=_share(values.RATES, 0),
            bench=_choice(benchmarks(), "MMLU"),
            where=_choice(values.KINDS, values.ANY_KIND),
            have=_choice(values.SOURCES, values.SOURCES[0]),
            count=_number(values.OWNED, 8),
            spend=_number(values.PRICES, 10),
            score=_number(values.SCORES, 0),
            goal=_choice(GOALS, GOALS[0]),
            family=_choice(values.FAMILIES, values.FAMILIES[3]),
            also=_choice((values.NO_DEVICE, *accelerators()), values.NO_DEVICE),
            alsocount=_number(values.OWNED, 1),
            third=_choice((values.NO_DEVICE, *accelerators()), values.NO_DEVICE),
            thirdcount=_number(values.OWNED, 1),
            monthly=_dollars(values.MONTHLY_USD, 5000),
            provider=_choice((values.ANY_PROVIDER, *providers()), values.ANY_PROVIDER),
            region=_choice((values.ANY_REGION, *regions()), values.ANY_REGION),
            capital=_dollars(values.CAPITAL_USD, 10_000),
            watts=_number(values.WATTS, inf),
            most=_number(values.MOST, inf),
            units=_number(values.RACK_UNITS, inf),
            wall=_number(values.WALL_W, inf),
            maker=_choice(
                (values.ANY_MAKER, *sorted({facts.vendor for facts in accelerator_facts().values()})), values.ANY_MAKER
            ),
            models=_choice(values.HELD, values.HELD[0]),
            least=_counts((0, *values.BILLIONS), 0),
            largest=_counts((*values.BILLIONS, inf), inf),
        ),
        **_on(
            ("formats",),
            target=_choice(targets(), "data centre"),
            priority=_choice(PRIORITIES, PRIORITIES[0]),
            accept=_number(values.LOSSES, 1),
        ),
        **_on(
            ("compare",),
            compare=Comparison(default="", options=("", "model.Llama 3.1 8B~weights.BF16~~weights.INT8 W8A8~tp.2")),
        ),
        **_on(("recommend", "take"), reads=_tokens(values.READS, 0)),
        **_on(
            ("recommend", "latency", "take"),
            hits=_share(values.HITS, 0.0),
        ),
        **_on(
            ("latency", "take"),
            drafts=_number(values.DRAFTS, 0),
            accepted=_share(values.ACCEPTED, 0.7),
            drafter=_choice(values.DRAFTERS, values.DRAFTERS[0]),
        ),
        **_on(
            ("spend", "training"),
            busy=_per_cent(values.USES, 0.5),
            bought=_setting(values.BOUGHT_USD, dollars, Number),
            years=_number(values.YEARS, 4),
            kwh=_number(values.KWH_USD, 0.08),
            hired=_setting(values.HIRED_USD, "{:g}".format),
        ),
        **_on(
            ("spend",),
            pue=_number(values.SITES, 1.58),
            upkeep=_per_cent(values.UPKEEP, 0.1),
            reserved=_per_cent(values.PARTS, 1.0),
            apiin=_setting(values.TOKENS_USD, "{:g}".format),
            apiout=_setting(values.TOKENS_USD, "{:g}".format),
            near=_choice(model_facts(), "Llama 3.2 1B"),
            neardevice=_choice(accelerators(), "Apple M1 Pro (16-core GPU)"),
            nearshare=_per_cent(values.PARTS, 0.5),
            passed=_per_cent(values.PARTS, 0.1),
            delay=_number(values.DELAYS_MS, 50),
            nearusd=_number(values.NEAR_USD, 0),
        ),
        **_on(
            ("training",),
            tune=_choice(METHODS, "Full"),
            rank=_number(values.RANKS, 16),
            types=_choice(RECIPES, "BF16 with FP32 masters"),
            optim=_choice(optimizers(), "AdamW"),
            seq=_tokens(values.LENGTHS, 4096),
            gbs=_tokens(values.STEP_TOKENS, 2**20),
            text=Field(default=10**9, options=values.TRAINED_ON, label=_count),
            cluster=_setting(COUNTS, str),
            remat=_choice(("auto", *RECOMPUTATIONS), "auto"),
            attn=_choice(ATTENTIONS, "sdpa"),
            zero=_setting(ZERO_STAGES, str),
            ttp=_setting(TENSORS, str),
            tpp=_setting(STAGES_TRAINED, str),
            mb=_setting(MICRO_BATCHES, str),
            host=_choice(values.OFFLOADED, "nothing"),
            net=_number(values.NETWORKS, 400),
            grid=replace(_choice((values.ANYWHERE, *places()), values.ANYWHERE), label=_shorter),
            view=_choice(values.VIEWS, values.VIEWS[0]),
            keep=_share(values.KEPT, 0.5),
        ),
    }
)
NAMES = tuple(FIELDS)


def _sizes(inputs: Any) -> dict[str, int]:
    """The what-if sizes that differ from the model's own."""
    return {name: value for name in WHAT_IFS if (value := getattr(inputs, name)) is not None}


# All that a visitor has chosen: the scenario, a what-if of its model, and the settings of the pages.
Inputs = make_dataclass(
    "Inputs",
    [(name, Any, field.default) for name, field in FIELDS.items()],
    namespace={"sizes": property(_sizes)},
    frozen=True,
    kw_only=True,
)

SHARED = tuple(name for name, field in FIELDS.items() if not field.pages)  # what a scenario is
