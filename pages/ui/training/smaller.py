"""What would a smaller model, or one that grows, take to make and spare? The model pruned and taught, as arithmetic."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from calculators.architecture import Architecture, parameters
from calculators.estimate import Estimate, Scenario, estimate
from calculators.run import Run, device_hours, model_flops
from calculators.scaling import compute_optimal_tokens
from calculators.smaller import Distillation, Stage, distillation, evenly, growth_flops, growth_saving, pruned
from pages.ui.charts import curves
from pages.ui.controls import records
from pages.ui.explain.wording import UNKNOWN, power_of_ten, show_bytes, show_count, show_seconds, show_usd
from pages.ui.links.fields import Inputs
from pages.ui.training.planning import Outcome, rent, training
from pages.ui.training.words import show_money, tokens
from presets.catalog import accelerators
from presets.runs import expected
from presets.scaling import main_law
from presets.smaller import distilled_cases, growing_shapes, grown_cases, pruned_cases

GROWN_FROM = (4, 2, 1)  # a quarter, a half, all of the layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Smaller:
    """A model and the one made from it: what teaching it takes, what both take to serve."""

    teacher: Scenario
    student: Scenario
    taught: Distillation
    before: Estimate
    after: Estimate
    usd: float  # of teaching; unknown where the price of a device-hour is

    @property
    def pays_back_tokens(self) -> float:
        """Tokens answered after which what the smaller model spares has paid for making it."""
        spared = self.before.usd_per_token - self.after.usd_per_token
        return float(self.usd / spared) if spared > 0 else float("nan")


def share_of_layers(model: Architecture, share: float) -> list[int]:
    """Numbers of the layers that are kept, spread evenly, at least one."""
    return list(evenly(model.layers, max(round(share * model.layers), 1)))


def made(model: Architecture, chosen: Inputs) -> Architecture:
    """The model with some of its layers. Raises ValueError where it cannot be pruned so."""
    return pruned(model, layers=share_of_layers(model, chosen.keep))


def smaller(chosen: Inputs, taken: Outcome | None) -> Smaller:
    """The chosen model beside the one pruned from it. Raises ValueError where it cannot be pruned so."""
    scenario = records.scenario(chosen)
    student = replace(scenario, model=made(scenario.model, chosen))
    taught = distillation(student.model, scenario.model, chosen.text, chosen.seq)
    usd = float("nan")
    if taken is not None:
        whole = float(model_flops(scenario.model, chosen.text, chosen.seq) * taken.run.work)
        usd = float(taken.usd[1]) * float(taught.flops) / whole
    return Smaller(
        teacher=scenario, student=student, taught=taught, before=estimate(scenario), after=estimate(student), usd=usd
    )


def words(found: Smaller, chosen: Inputs) -> str:
    """What the smaller model is, what it takes to make and what it spares, in words."""
    old, new = found.teacher.model, found.student.model
    share = parameters(new) / parameters(old)
    cut = f"{new.layers} of {old.layers} layers"
    said = (
        f"**{old.name} with {cut}** has **{show_count(parameters(new))} parameters**, {share:.0%}. Taught "
        f"{tokens(chosen)} tokens by the whole model it takes **{power_of_ten(float(found.taught.flops))} "
        f"FLOPs**, {found.taught.teacher_flops / found.taught.flops:.0%} of them the teacher's"
    )
    said += f", about **{show_money(found.usd)}** at the cost of the plan above." if isfinite(found.usd) else "."
    saved = found.before.used_bytes - found.after.used_bytes
    said += f" It serves the sidebar's load with **{show_bytes(saved)}** less of a device"
    if isfinite(found.before.token_s):
        said += (
            f" and a token every {show_seconds(found.after.token_s)} in place of {show_seconds(found.before.token_s)}"
        )
    if isfinite(found.pays_back_tokens):
        said += f"; after **{show_count(found.pays_back_tokens)} answered tokens** that has paid for the teaching"
    return f"{said}. What it still knows, no formula says: below is what was published."


def table(found: Smaller, chosen: Inputs) -> pd.DataFrame:
    """The model and the smaller one, side by side."""
    rows = []
    for name, scenario, figures in (
        ("The model", found.teacher, found.before), ("Smaller", found.student, found.after),
    ):  # fmt: skip
        model = scenario.model
        rows.append(
            {
                "": name,
                "Parameters": show_count(parameters(model)),
                "Layers": f"{model.layers}",
                "Training FLOPs on as many tokens": power_of_ten(float(model_flops(model, chosen.text, chosen.seq))),
                "Memory of a device": show_bytes(figures.used_bytes),
                "First token": show_seconds(figures.first_token_s),
                "Each token": show_seconds(figures.token_s),
                "1M tokens": show_usd(figures.usd_per_token * 1e6),
            }
        )
    return pd.DataFrame(rows)


def payback(found: Smaller) -> go.Figure | None:
    """Dollars for making and answering over the tokens answered; nothing where a price is unknown."""
    at = found.pays_back_tokens
    if not isfinite(at) or at <= 0:
        return None
    tokens = np.geomspace(at / 100, at * 100, 80)
    keep, change = (float(each.usd_per_token) * tokens for each in (found.before, found.after))
    return curves.crossing(
        f"The smaller model has paid for itself after {show_count(at)} answered tokens",
        tokens, {"The model as it is": keep, "The smaller one, taught first": change + found.usd}, show_usd,
    )  # fmt: skip


def growth(model: Architecture, chosen: Inputs) -> tuple[str, pd.DataFrame]:
    """Growing the model from a quarter and a half of its layers, as many tokens at each: words and table.

    Raises ValueError where its layers cannot be dropped.
    """
    sizes = [pruned(model, layers=share_of_layers(model, 1 / part)) for part in GROWN_FROM]
    stages = [Stage(model=size, tokens=chosen.text / len(sizes)) for size in sizes]
    saved = float(growth_saving(stages, chosen.text, chosen.seq))
    names = " → ".join(show_count(parameters(size)) for size in sizes)
    said = (
        f"Grown **{names}** with a third of the tokens at each size, {model.name} takes "
        f"**{power_of_ten(float(growth_flops(stages, chosen.seq)))} FLOPs**, **{saved:.0%} less** than trained whole, "
        "if no token more is needed. Whether one is, no formula says: published cases saved "
        f"{min(case.saved for case in grown_cases().values()):.0%} to "
        f"{max(case.saved for case in grown_cases().values()):.0%} at the same loss."
    )
    frame = pd.DataFrame(
        [
            {"Stage": f"{stage.model.layers} layers", "Parameters": show_count(parameters(stage.model)),
             "Tokens": show_count(float(stage.tokens)),
             "FLOPs": power_of_ten(float(model_flops(stage.model, stage.tokens, chosen.seq)))}
            for stage in stages
        ]
    )  # fmt: skip
    return said, frame


def example(chosen: Inputs) -> tuple[str, pd.DataFrame]:
    """The articles' own example of growth on devices of the visitor's kind: words, and a row for each stage.

    As many tokens at each stage, together those best for the last; the share of the peak is what published runs of
    each size let expect. Raises nothing: what is unknown of a device stays unknown.
    """
    shapes, card = list(growing_shapes().values()), accelerators()[chosen.device]
    arithmetic = training(chosen).recipe.arithmetic
    whole = float(compute_optimal_tokens(main_law(), parameters(shapes[-1])))
    stages = [Stage(model=shape, tokens=whole / len(shapes)) for shape in shapes]

    def hours(stage: Stage) -> float:
        share = expected(card.name, arithmetic, parameters(stage.model)).expectation.mid
        return float(
            device_hours(
                Run(
                    model=stage.model, tokens=stage.tokens, sequence_tokens=stage.model.max_context, accelerator=card,
                    devices=1, utilisation=share, arithmetic=arithmetic,
                )
            )
        )  # fmt: skip

    def row(name: str, each: Sequence[Stage]) -> dict[str, str]:
        time = sum(hours(stage) for stage in each)
        flops = sum(float(model_flops(one.model, one.tokens, one.model.max_context)) for one in each)
        return {
            "Stage": name, "Parameters": show_count(parameters(each[-1].model)),
            "Tokens": show_count(sum(float(stage.tokens) for stage in each)), "FLOPs": power_of_ten(flops),
            "Device-hours": show_count(time) if isfinite(time) else UNKNOWN,
            "Rent": show_money(time * rent(chosen)) if isfinite(time * rent(chosen)) else UNKNOWN,
        }  # fmt: skip

    direct = Stage(model=shapes[-1], tokens=whole)
    context = direct.model.max_context
    saved = float(growth_saving(stages, whole, context))
    spent = sum(hours(stage) for stage in stages) / hours(direct)
    names = list(growing_shapes())
    said = (
        f"**An article's example, {' → '.join(names)}**, with shapes as published (OPT 1.3B and 6.7B, GPT-NeoX-20B). "
        f"The best amount for the last is {show_count(whole)} tokens, by Chinchilla's refit. With a third of them at "
        f"each size growing takes **{saved:.0%} fewer FLOPs** than {names[-1]} from its start on all"
    )
    if isfinite(spent):
        said += f", and {1 - spent:.0%} fewer device-hours at the share of the peak that runs of each size reach"
    said += (
        f". That it saves is the article's claim; it does so **while growing needs less than {1 / (1 - saved):.1f} "
        "times the tokens** for the same loss, which no formula says."
    )
    frame = pd.DataFrame(
        [
            *(row(name, [stage]) for name, stage in zip(names, stages, strict=True)),
            row("Together, grown", stages),
            row(f"{names[-1]} from its start", [direct]),
        ]
    )
    return said, frame


def address(source: str) -> str:
    """The address of a source: its paper's, or the first page it names; nothing where it names none."""
    paper = re.search(r"arXiv:(\d{4}\.\d{4,5})", source)
    return f"https://arxiv.org/abs/{paper[1]}" if paper else ""


def cases() -> pd.DataFrame:
    """Every published case of pruning, distillation and growth, with its address."""
    rows = []
    kinds: Mapping[str, Mapping] = {"Pruned": pruned_cases(), "Distilled": distilled_cases()}
    for kind, found in kinds.items():
        for name, case in found.items():
            rows.append(
                {
                    "How": kind, "Case": name, "Parameters left": f"{1 - case.removed:.0%}",
                    "Tokens after": show_count(case.tokens) if isfinite(case.tokens) else UNKNOWN,
                    "Measured": case.benchmark, "Before": f"{case.score_before:g}", "After": f"{case.score_after:g}",
                    "Saved": "", "Address": address(case.source), "Source": case.source, "Note": case.note,
                }
            )  # fmt: skip
    for name, case in grown_cases().items():
        rows.append(
            {
                "How": "Grown", "Case": name, "Parameters left": "", "Tokens after": "", "Measured": "the same loss",
                "Before": "", "After": "", "Saved": f"{case.saved:.0%} of the training",
                "Address": address(case.source), "Source": case.source, "Note": case.how,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
