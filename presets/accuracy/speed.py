"""How are published speeds of single answers predicted? One decode step for one request, by engine and device."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calculators.architecture import Architecture
from calculators.formats import Format
from calculators.hardware import Deployment, Engine
from calculators.latency import decode_rows, seconds
from presets.accuracy.devices import devices_named
from presets.accuracy.rows import Configs, Row, Skip, count, engine_named, figure, format_named, model_of
from presets.catalog import cache_formats

COLUMNS = frozenset({"decode_tps", "prompt_tps", "ftype", "gpus", "test"})
ENGINE = ""  # the rows name theirs


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a row's decode step runs: one request, halfway through what it generates."""

    model: Architecture
    fmt: Format
    deployment: Deployment
    context_tokens: float
    measured_s: float

    def seconds(self, engine: Engine) -> float:
        """Seconds of the step with an engine."""
        rows = decode_rows(
            self.model, self.fmt, cache_formats()["BF16"], self.deployment, engine, batch=1,
            context_tokens=self.context_tokens,
        )  # fmt: skip
        return float(seconds(rows))


def engine_word(row: Row) -> str:
    """What a measurement calls the engine, without its version: "Transformers 4.51.3" is transformers."""
    return row["engine"].split(" ")[0].casefold()


def step_of(row: Row, configs: Configs) -> Step:
    """The decode step of a row.

    A name without a size has it in the notes ("model type 7B"). Several devices hold the layers in turn, so that one
    request passes through all of them. Where the generated tokens are not stated, the cache counts as empty.
    """
    if re.search(r"layers offloaded (\d+)/(\d+)", row["notes"]):
        on, of = (int(each) for each in re.findall(r"layers offloaded (\d+)/(\d+)", row["notes"])[0])
        if on < of:
            raise Skip("layers stay with the host's processor, whose speed is not stated")
    if not row["gpus"]:
        raise Skip("the device is not stated")
    size = re.search(r"model type (\d+)B", row["notes"])
    named = row
    if not row["config"] and row["model"].casefold().startswith("llama v2") and size:
        named = {**row, "model": f"Llama 2 {size[1]}B"}
    card, devices = devices_named(row["gpus"].split(" / ")[0], row["gpu_count"].replace("-", ""))
    if not np.isfinite(card.bandwidth_bytes_per_s):
        raise Skip(f"device {row['gpus']!r} is not in the presets")
    generated = re.search(r"(?:tg|generate) (\d+)", row["test"])
    if not (rate := figure(row, "decode_tps")):
        raise Skip("decode_tps is zero")
    return Step(
        model=model_of(named, configs),
        fmt=format_named(row["ftype"]),
        deployment=Deployment(accelerator=card, pipeline_parallel=devices),
        context_tokens=int(generated[1]) / 2 if generated else 0,
        measured_s=count(row, "batch", 1) / rate,
    )


def prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a published speed."""
    engine = engine_named(engine_word(row), profiles, times=True)
    step = step_of(row, configs)
    return {"decode_step_s": (step.measured_s, step.seconds(engine))}
