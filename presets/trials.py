"""How do a visitor's results stand against the predictions? Each as a trial of the scenario that it was measured in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calculators.architecture import Architecture, parameters
from calculators.calibrate import Trial
from calculators.estimate import Scenario
from presets.accuracy.rows import SAME_SHAPES, plain_name, read_rows
from presets.catalog import accelerators, engines, formats, model_facts
from presets.importing.text import safe_name
from presets.results import COLUMNS, Result, Results, slugs

MOST_TRIALS = 40
NEAR = 0.02  # parameters counted within this share are the same model's
SAMPLE = {
    "config": "gpt-oss-120b", "engine": "vLLM", "accelerator": "NVIDIA B200 SXM (HGX/DGX)", "expert_parallel": "1",
}  # fmt: skip
SAMPLE_ROWS = 12
SAMPLE_AT_ONCE = 128  # more wait in the server's own queue


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Results as trials of one engine, the results in the trials' order, and what was taken from the scenario."""

    engine: str
    trials: tuple[Trial, ...]
    rows: tuple[Result, ...]
    notes: tuple[str, ...]

    @property
    def each_trial(self) -> tuple[Trial, ...]:
        """The trial of each row."""
        return tuple(trial for trial in self.trials for _ in range(trial.token_s.size))


def _model(name: str, base: Scenario) -> Architecture | None:
    """The preset that a file's model is, None where none has its name; the scenario's where the name is its own."""
    if name in (base.model.name, base.model.name.removesuffix(", changed")):
        return base.model
    if name in model_facts():
        return model_facts()[name].architecture
    plain = plain_name(name)
    plain = SAME_SHAPES.get(plain, plain)
    presets = {plain_name(slug): preset for slug, preset in slugs().items()}
    return model_facts()[presets[plain]].architecture if plain in presets else None


def compared(results: Results, base: Scenario) -> Comparison:
    """The results of the engine that most of them are of, each as a trial of its scenario: `base` with what it says.

    What a file does not say, or what no preset has, is the scenario's; the notes say which. Raises ValueError where the
    runs are of too many deployments.
    """
    named = [row.engine or base.engine.name for row in results.rows]
    engine = max(dict.fromkeys(named), key=named.count)
    rows = [row for row, name in zip(results.rows, named, strict=True) if name == engine]
    notes = list(results.notes)
    if len(rows) < len(named):
        notes.append(f"{len(named) - len(rows)} runs of other engines were left out: one engine is fitted at a time.")
    profile = base.engine if base.engine.name == engine else engines()[engine]
    groups: dict[tuple[object, ...], list[Result]] = {}
    for row in rows:
        key = (row.model, row.accelerator, row.weight_format, row.tensor_parallel, row.device_layers, row.bare)
        groups.setdefault(key, []).append(row)
    if len(groups) > MOST_TRIALS:
        raise ValueError(
            f"The runs are of {len(groups)} models and deployments; at most {MOST_TRIALS} are fitted at once"
        )
    trials = [_trial(group, replace(base, engine=profile), notes) for group in groups.values()]
    silent = {
        "model": f"the model ({base.model.name})",
        "accelerator": f"the device ({base.deployment.accelerator.name})",
        "tensor_parallel": f"how many share the model ({base.deployment.tensor_parallel})",
        "weight_format": f"the weight format ({base.weight_format.name})",
    }
    taken = [text for name, text in silent.items() if not all(getattr(row, name) for row in rows)]
    if taken:
        notes.insert(0, f"The sidebar says what the file does not: {', '.join(taken)}.")
    return Comparison(
        engine=engine, trials=tuple(trials), rows=tuple(row for group in groups.values() for row in group),
        notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _trial(group: Sequence[Result], base: Scenario, notes: list[str]) -> Trial:
    """Results that differ in load alone; what the scenario stands in for is noted."""
    first = group[0]
    model = _model(first.model, base) if first.model else base.model
    if model is None:
        named = safe_name(first.model)
        notes.append(f"The file's model is {named}, which is no preset: {base.model.name} was taken for it.")
        model = base.model
    counted = parameters(model)
    if first.parameters and abs(first.parameters - counted) > NEAR * counted:
        notes.append(
            f"The file's model has {first.parameters / 1e9:.3g} billion parameters and {model.name} "
            f"{counted / 1e9:.3g}: is another model meant in the sidebar?"
        )
    deployment, memory = base.deployment, base.engine.memory
    if first.accelerator:
        deployment = replace(deployment, accelerator=accelerators()[first.accelerator])
    if first.tensor_parallel:
        groups = min(int(deployment.expert_parallel), first.tensor_parallel)
        deployment = replace(deployment, tensor_parallel=first.tensor_parallel, expert_parallel=groups)
    if memory is not None and first.device_layers < model.layers:
        memory = replace(memory, device_layers=first.device_layers)
    return Trial(
        scenario=replace(
            base,
            model=model,
            weight_format=formats()[first.weight_format] if first.weight_format else base.weight_format,
            deployment=deployment,
            engine=replace(base.engine, memory=memory),
            workload=replace(
                base.workload,
                batch=np.array([row.concurrency for row in group]),
                prompt_tokens=np.array([row.prompt_tokens for row in group]),
                output_tokens=np.array([row.output_tokens for row in group]),
            ),
        ),
        first_token_s=np.array([row.first_token_s for row in group]),
        token_s=np.array([row.token_s for row in group]),
        bare=first.bare,
    )


def sample() -> bytes:
    """A file to try: shipped measurements in our columns, evenly over those of one model and engine."""
    rows = read_rows(Path(__file__).parent / "measured" / "serving.csv")
    rows = [row for row in rows if all(row[name] == value for name, value in SAMPLE.items())]
    rows = [row for row in rows if int(row["concurrency"]) <= SAMPLE_AT_ONCE]
    chosen = [rows[i * len(rows) // SAMPLE_ROWS] for i in range(SAMPLE_ROWS)]
    lines = [[row["config" if name == "model" else name] for name in COLUMNS] for row in chosen]
    return "\n".join(",".join(line) for line in ([*COLUMNS], *lines)).encode()
