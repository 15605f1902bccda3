"""How is a chosen deployment started? The exact command of each engine, each setting with the number it comes from.

What an engine documents is in documented.py, what it is told in settings.py; containers are in manifests.py.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from calculators.estimate import Scenario
from calculators.serving import PLAIN, Load
from presets.catalog import abilities, accelerator_facts, published_in
from presets.launch.block import block
from presets.launch.documented import MISSING, CannotStart, Starter, maker, published, starters, surroundings
from presets.launch.settings import HEAD, OPTIONS_FILE, WRITERS, Asked, Drafts, Setting

__all__ = [
    "HEAD", "MISSING", "OPTIONS_FILE", "CannotStart", "Setting", "Start", "Starter", "label", "machines", "repository",
    "start", "starters",
]  # fmt: skip
REPOSITORY = re.compile(r"(?:config\.json|inference config|sizes) of ([\w.-]+/[\w.-]+), ", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How an engine is started for a scenario: the model, the settings in order, what the visitor must still state."""

    starter: Starter
    scenario: Scenario
    label: str  # the model's name in letters that every file and cluster takes
    model: str
    settings: tuple[Setting, ...]
    notes: tuple[str, ...]

    def arguments_on(self, rank: int | str = 0, head: str = HEAD) -> tuple[str, ...]:
        """What follows the command on one machine, one text an argument; `rank` is its number among those of a copy."""
        given = [] if any(setting.value is self.model for setting in self.settings) else [self.model]
        for setting in self.settings:
            if setting.option or (setting.only == "others" and rank == 0):
                continue
            value = rank if setting.only == "rank" else setting.value
            given += [setting.flag] if value is None else [setting.flag, str(value).replace(HEAD, head)]
        return tuple(given)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the command, on the first machine where it takes several."""
        return self.arguments_on()

    @property
    def options(self) -> str:
        """The file of further options that TensorRT-LLM reads, in YAML; empty where there are none."""
        tree: dict[str, Any] = {}
        for setting in self.settings:
            if setting.option:
                *outer, last = setting.flag.split(".")
                inner = tree
                for name in outer:
                    inner = inner.setdefault(name, {})
                inner[last] = setting.value
        return block(tree) if tree else ""

    @property
    def launcher(self) -> tuple[str, ...]:
        """What stands before the command where it starts the processes of several machines; empty elsewhere."""
        if self.machines == 1:
            return ()
        counts = {"machines": self.machines, "devices": self.devices, "each": self.devices // self.machines}
        return tuple(word.format(**counts) for word in self.starter.several)

    @property
    def command(self) -> str:
        """The command for a shell, each argument quoted where a shell would read it otherwise."""
        return self._command_on(0)

    @property
    def commands(self) -> Mapping[str, str]:
        """Every command, by where it is given: one, or where a copy takes several machines the others' too."""
        if self.machines == 1 or self.launcher:
            return {"": self.command}
        others = "On the second machine" if self.machines == 2 else (
            f"On each other machine, with its own number, 1 to {self.machines - 1}, after --node-rank"
        )  # fmt: skip
        return {"On the first machine": self.command, others: self._command_on(1)}

    def _command_on(self, rank: int) -> str:
        lines = [shlex.join(words) for words in (self.launcher, self.starter.command) if words]
        for word in self.arguments_on(rank):
            if word.startswith("--"):
                lines.append(word)
            else:
                lines[-1] += " " + shlex.quote(word)
        return " \\\n  ".join(lines)

    @property
    def vendor(self) -> str:
        """Who makes the devices."""
        return accelerator_facts()[str(self.scenario.deployment.accelerator.name)].vendor

    @property
    def devices(self) -> int:
        """Devices of one copy of the model, a count."""
        deployment = self.scenario.deployment
        return int(deployment.tensor_parallel * deployment.pipeline_parallel)

    @property
    def machines(self) -> int:
        """Machines of one copy of the model, a count."""
        return machines(self.scenario)


def machines(scenario: Scenario) -> int:
    """Machines that one copy takes, a count: the fewest that share its devices evenly, without a stage that stands on
    one machine's devices and part of another's."""
    deployment = scenario.deployment
    tensor, card = int(deployment.tensor_parallel), deployment.accelerator
    devices, around = tensor * int(deployment.pipeline_parallel), surroundings(str(card.name))
    count = ceil(devices / ((around and around.machine_devices) or int(card.node_devices)))
    while devices % count or (devices // count % tensor and tensor % (devices // count)):
        count += 1
    return count


def label(name: str) -> str:
    """A name in small letters, digits and hyphens, a letter first, 46 characters at most: files and clusters take it.

    >>> label("Llama 3.1 8B"), label("$(reboot) ; x"), label("模型"), label("7B")
    ('llama-3-1-8b', 'reboot-x', 'model', 'model-7b')
    """
    found = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
    return found if found[:1].isalpha() else f"model-{found}".strip("-")


def repository(scenario: Scenario) -> str:
    """The Hugging Face repository that the model's sizes are published in; empty where none is known."""
    found = REPOSITORY.match(scenario.model.source)
    return found[1] if found and not scenario.model.name.endswith(", changed") else ""


def _listed(names: Mapping[str, Any]) -> str:
    *first, last = list(names)[:6]
    more = " …" if len(names) > 6 else ""
    return f"{', '.join(first)} and {last}{more}" if first else last


def start(scenario: Scenario, engine: str, traffic: Load = PLAIN, longest_tokens: int = 0) -> Start:
    """How an engine is started for one scenario; raises CannotStart, in a sentence, where it cannot run it.

    `longest_tokens` of one request are served where they are more than the scenario's, no more than the model reads.
    """
    starter, count = starters()[engine], machines(scenario)
    _check(scenario, starter)
    usual = int(scenario.workload.context_tokens)
    longest = max(usual, min(longest_tokens, scenario.model.max_context or longest_tokens))
    notes: list[str] = []
    model, weights = (
        _llama_file(scenario, starter, notes) if engine == "llama.cpp" else _model(scenario, starter, notes)
    )
    drafts = Drafts(scenario, traffic, notes)
    asked = Asked(
        scenario=scenario, starter=starter, model=model, weights=tuple(weights), drafts=drafts, machines=count,
        longest_tokens=longest,
    )  # fmt: skip
    settings = tuple(WRITERS[engine](asked))
    notes += _wholes(scenario, starter, count)
    return Start(
        starter=starter, scenario=scenario, label=label(scenario.model.name), model=model, settings=settings,
        notes=tuple(notes),
    )  # fmt: skip


def _wholes(scenario: Scenario, starter: Starter, count: int) -> list[str]:
    """What is to be known of copies, and of machines that share one."""
    notes, copies = [], int(scenario.deployment.replicas)
    if count > 1 and starter.several:
        notes.append(
            f"Slurm starts {starter.name} on all {count} machines at once: each needs it installed, or add the options "
            "with which your cluster runs containers."
        )
    elif count > 1:
        notes.append(
            f"One copy takes {count} machines: put the address at which the others reach the first in place of {HEAD}."
        )
    if copies > 1:
        notes.append(
            f"This starts one of {copies} copies: start each on devices of its own and, where they share a machine, on "
            "a port of its own, then spread the requests over them. The files for containers start all of them."
        )
    return notes


def _check(scenario: Scenario, starter: Starter) -> None:
    """Refuse what the engine cannot run: model, device, format, cache, division."""
    model, fmt = scenario.model, scenario.weight_format
    version = f"{starter.name} ({starter.version})"
    if not model.generates:
        raise CannotStart(f"{model.name} writes no answers, so there is no server of answers to start.")
    _check_device(scenario, starter)
    if not fmt.from_file and fmt.name not in starter.weights:
        raise CannotStart(f"{version} documents no {fmt.name} weights; it runs {_listed(starter.weights)}.")
    if scenario.cache_format.name not in starter.cache:
        raise CannotStart(
            f"{version} documents no {scenario.cache_format.name} KV cache; it keeps {_listed(starter.cache)}."
        )
    context = int(scenario.workload.context_tokens)
    if model.max_context and context > model.max_context:
        raise CannotStart(
            f"{context:,} tokens of prompt and answer are more than the {model.max_context:,} that {model.name} reads: "
            "take a shorter prompt or answer."
        )


def _check_device(scenario: Scenario, starter: Starter) -> None:
    """Refuse devices that the engine's builds do not run on, and formats that they do not run on these."""
    card, name = str(scenario.deployment.accelerator.name), starter.name
    vendor = accelerator_facts()[card].vendor
    for maker_of, place in starter.elsewhere.items():
        if card.startswith(f"{maker_of} "):
            raise CannotStart(
                f"{name} runs on {card} by software with versions of its own, so no start of it is written here; see "
                f"{place}."
            )
    if vendor not in starter.vendors:
        raise CannotStart(f"{name}'s builds run on devices of {_listed(dict.fromkeys(starter.vendors))}, not {vendor}.")
    if card not in (abilities()[name].accelerators or (card,)):
        raise CannotStart(f"{name} ({starter.version}) does not list {card} among the devices that it runs on.")
    for fmt in (scenario.weight_format.name, f"{scenario.cache_format.name} cache"):
        kind = starter.needs.get(fmt)
        lacks = kind is not None and kind not in scenario.deployment.accelerator.peak_flops_per_s
        if lacks or fmt in starter.without.get(vendor, ()):
            raise CannotStart(f"{name} ({starter.version}) documents no {fmt} on devices like {card}.")


def _model(scenario: Scenario, starter: Starter, notes: list[str]) -> tuple[str, list[Setting]]:
    """The repository of a server's weights, and what makes the chosen format of it."""
    name, fmt, known = scenario.model.name, scenario.weight_format, repository(scenario)
    stored = published_in(name)
    if fmt.from_file:
        notes.append(
            f"Put the folder of your checkpoint in place of {MISSING}/{label(name)}. {starter.name} reads safetensors "
            "here; a GGUF file is llama.cpp's."
        )
        return f"{MISSING}/{label(name)}", []
    called = starter.weights[fmt.name]
    found = known and (published(name, fmt.name, starter.name) or (known if fmt.name == stored else ""))
    if found:
        dtype = [Setting(flag="--dtype", value=called, why="weights as published")] if fmt.name == "BF16" else []
        return found, [each for each in dtype if each.flag in starter.flags]
    if stored == "BF16" and fmt.name in starter.at_load:
        if not known:
            notes.append(f"No repository of {name} is known here: put yours in place of {MISSING}/{label(name)}.")
        flag, value = starter.at_load[fmt.name]
        why = f"{fmt.name} weights, made of the published 16 bits as they load"
        wide = (known and published(name, "BF16", starter.name)) or known or f"{MISSING}/{label(name)}"
        return wide, [Setting(flag=flag, value=value, why=why)]
    placeholder = f"{MISSING}/{label(name)}" + ("" if fmt.name == "BF16" else f"-{label(fmt.name)}")
    words = "in 16 bits" if fmt.name == "BF16" else f"quantized to {fmt.name}, which {starter.name} calls {called}"
    beside = f"; {known} holds {stored}" if known else ""
    by, place = maker(fmt.name)
    made = f" {by} makes one of 16 bits, see {place}." if by and stored == "BF16" else ""
    notes.append(
        f"No repository of {name} {words} is known here{beside}: put yours in place of {placeholder}.{made} "
        "Its own config says how it is stored, so no flag does."
    )
    return placeholder, []


WIDE = {"BF16": "bf16", "F16": "f16", "F32": "f32"}  # mixes that convert_hf_to_gguf.py writes itself


def _llama_file(scenario: Scenario, starter: Starter, notes: list[str]) -> tuple[str, list[Setting]]:
    """The repository or the GGUF file of llama.cpp's weights, and how the file is made."""
    name, fmt, known = label(scenario.model.name), scenario.weight_format, repository(scenario)
    found = known and not fmt.from_file and published(scenario.model.name, fmt.name, starter.name)
    if found:
        return found, []
    mix = "" if fmt.from_file else starter.weights[fmt.name]
    path = f"/models/{name}{mix and '-'}{mix}.gguf"
    put = f"Put your GGUF file at {path}, or its path in place of it"
    if not mix:
        notes.append(f"{put}.")
        return path, []
    wide = mix if mix in WIDE else "BF16"
    remote = (known and published(scenario.model.name, "BF16", "vLLM")) or known or f"{MISSING}/{name}"
    steps = [f"convert_hf_to_gguf.py --outtype {WIDE[wide]} --outfile {name}-{wide}.gguf --remote {remote}"]
    if mix != wide:
        matrix = "--imatrix imatrix.gguf " if fmt.name.endswith(" with imatrix") else ""
        steps.append(f"llama-quantize {matrix}{name}-{wide}.gguf {name}-{mix}.gguf {mix}")
    notes.append(f"{put}. llama.cpp's own tools make it: {', then '.join(steps)}.")
    return path, []
