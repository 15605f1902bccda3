"""The charts of each page for one slider's value, without the page around them."""

import numpy as np
import plotly.graph_objects as go

from calculators.architecture import active_parameters, parameters, parameters_by_part
from calculators.estimate import estimate, first_token_rows, token_rows, with_workload
from calculators.latency import shares_by_bound
from calculators.recommend import recommend
from calculators.serving import serve
from pages.ui import tables
from pages.ui.charts import curves, tradeoffs, wholes
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.explain.wording import GIB
from pages.ui.links.fields import Inputs
from pages.ui.links.values import BATCHES, EXPONENTS, LENGTHS
from pages.ui.recommend import needs, stock, weighed
from pages.ui.scaling import best_sizes, releases
from pages.ui.training import divided, planning
from presets.catalog import everyday_formats, what_if

ENGINE = "CUDA-graph decoder"  # without a memory rule: its pages draw the charts below and no others


def latency(batch: int) -> list[go.Figure]:
    scenario = records.scenario(Inputs(batch=batch, engine=ENGINE))
    sweep = estimate(with_workload(scenario, batch=np.array(BATCHES)))
    served = serve(with_workload(scenario, batch=np.array(BATCHES)))
    passes = {"First token": first_token_rows(scenario), "A further token": token_rows(scenario)}
    card = scenario.deployment.accelerator
    return [
        curves.throughput(
            "a", BATCHES, 1 / sweep.token_s, sweep.tokens_per_s, sweep.fits, BATCHES.index(batch)
        ),
        wholes.stacked(
            "b", "Share of the time, %", {name: shares_by_bound(rows) for name, rows in passes.items()}, scale=0.01,
            names=wholes.BOUND_NAMES, height=280,
        ),
        tradeoffs.roofline(
            "c", float(card.peak("bf16")), float(card.bandwidth_bytes_per_s),
            tables.roofline_points({"prompt": passes["First token"], "answer": passes["A further token"]}),
        ),
        curves.concurrency(
            "d", BATCHES, np.broadcast_to(served.first_token_s, len(BATCHES)), served.token_s, BATCHES.index(batch),
            float(np.max(served.running)),
        ),
    ]  # fmt: skip


def memory(batch: int) -> list[go.Figure]:
    scenario = records.scenario(Inputs(batch=batch, engine=ENGINE))
    figures = estimate(scenario)
    tokens = np.array([2**i for i in range(8, 21)])
    lines = {
        wording.plural(count, "request"): estimate(
            with_workload(scenario, batch=count, prompt_tokens=tokens - 128, output_tokens=128)
        ).used_bytes
        for count in sorted({1, 8, 64, batch})
    }
    return [
        wholes.stacked("a", "GiB", {"A device": figures.memory_bytes}, scale=GIB, limit=figures.capacity_bytes),
        curves.memory_lines(
            "b", tokens, lines, figures.capacity_bytes, (scenario.workload.context_tokens, figures.used_bytes)
        ),
        wholes.stacked(
            "c",
            "GiB",
            tables.by_format(scenario, everyday_formats()),
            scale=GIB,
            limit=figures.capacity_bytes,
            height=540,
        ),
    ]


def sizes(layers: int) -> list[go.Figure]:
    model = what_if("Llama 3.1 8B", layers=layers)
    row = {"Stored": parameters(model), "Used by a token": active_parameters(model)}
    return [
        wholes.parameters_pie("a", parameters_by_part(model)),
        wholes.bars("b", "Parameters, billions", {"A model": row}, unit=1e9),
    ]


def scaling(exponent: float) -> list[go.Figure]:
    model = what_if("Llama 3.1 8B")
    return [
        best_sizes.sizes_by_law("a", 10**exponent),
        best_sizes.isoflops("b", 10**exponent),
        releases.trained("c", {model.name: model}, 10**exponent),
    ]


def recommendation(batch: int) -> list[go.Figure]:
    inputs = Inputs(batch=batch)
    found = recommend(needs.need(inputs), needs.budget(inputs), stock.catalog(inputs.family, inputs.engine))
    assert found.pick is not None
    points = weighed.front_points(found), weighed.other_points(found), weighed.pick_point(found, found.pick)
    return [tradeoffs.pareto("a", "Rent, $ an hour", *points, found.need.benchmark)]


def train(sequence: int) -> list[go.Figure]:
    chosen = Inputs(seq=sequence)
    return [divided.memory_chart(chosen, planning.find(chosen))]


# By page: the charts, the slider that moves them, its values, where it stands, and how many of the charts it moves.
CHARTS = {
    "latency": (latency, "Requests at once", BATCHES, 64, 4),
    "memory": (memory, "Requests at once", BATCHES, 64, 3),
    "parameters": (sizes, "Layers", tuple(range(1, 161)), 32, 2),
    "scaling": (scaling, "Training budget, FLOPs as a power of ten", EXPONENTS, 21.0, 3),
    "training": (train, "Sequence, tokens", LENGTHS, 4096, 1),
    "recommend": (recommendation, "Requests at once", BATCHES, 64, 1),
}
