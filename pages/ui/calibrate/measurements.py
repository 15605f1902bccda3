"""What did the visitor measure? Uploaded results, read and fitted once, and what a page shows of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import streamlit as st

from calculators.calibrate import Fitted, beyond_data_sheet, fit, knows_first_tokens
from pages.ui.controls import records
from pages.ui.explain import wording
from pages.ui.links.calibration import WIDEST, Calibration, device_mark
from pages.ui.links.fields import Inputs
from presets.catalog import engines
from presets.intervals import own_spans
from presets.results import MOST_BYTES, MOST_ROWS, Results, read_results
from presets.trials import SAMPLE, SAMPLE_ROWS, Comparison, compared, sample

COMMANDS = {
    "vLLM": "vllm bench serve --model meta-llama/Llama-3.1-8B-Instruct \\\n"
    "  --dataset-name random --random-input-len 1024 --random-output-len 256 --ignore-eos \\\n"
    "  --max-concurrency 16 --num-prompts 160 --save-result --result-filename c16.json",
    "SGLang": "python -m sglang.bench_serving --backend sglang \\\n"
    "  --dataset-name random --random-input-len 1024 --random-output-len 256 --random-range-ratio 1 \\\n"
    "  --max-concurrency 16 --num-prompts 160 --output-file runs.jsonl",
    "llama.cpp": "llama-bench -m model.gguf -p 512,4096 -n 128 -o json > bench.json",
}
TOOLS = tuple(COMMANDS)
EXAMPLE = "\n".join(sample().decode().splitlines()[:3])
NEAR = 0.2
TIMES = {"token_s": "Token", "first_token_s": "First token"}


def uploads() -> list[tuple[str, bytes]]:
    """The files to read, by name: those uploaded, else the sample where it was asked for."""
    files = st.file_uploader(
        "Results of vllm bench serve, SGLang's bench_serving or llama-bench, or a CSV", key="measured_files",
        type=["json", "jsonl", "csv", "txt"], accept_multiple_files=True, max_upload_size=MOST_BYTES >> 20,
    )  # fmt: skip
    if files:
        return [(file.name, file.getvalue()) for file in files]
    device = wording.short_device(SAMPLE["accelerator"])
    st.checkbox(f"Try it with a sample: {SAMPLE_ROWS} runs of {SAMPLE['engine']} on {device}", key="sample_results")
    return [("sample.csv", sample())] if st.session_state.sample_results else []


@lru_cache(maxsize=8)
def _read(files: tuple[tuple[str, bytes], ...]) -> Results:
    size = sum(len(data) for _, data in files)
    if size > MOST_BYTES:
        raise ValueError(f"The files have {size:,} bytes together; at most {MOST_BYTES:,} are read")
    found = []
    for name, data in files:
        try:
            found.append((name, read_results(data)))
        except ValueError as error:
            raise ValueError(f"{name[:40]}: {error}") from error
    rows = tuple(
        replace(row, place=f"{name[:40]}, {row.place.lower()}" if len(files) > 1 else row.place)
        for name, result in found
        for row in result.rows
    )
    if len(rows) > MOST_ROWS:
        raise ValueError(f"The files hold {len(rows):,} runs together; at most {MOST_ROWS} are read")
    notes = tuple(note for _, result in found for note in result.notes)
    return Results(tool=" and ".join(dict.fromkeys(result.tool for _, result in found)), rows=rows, notes=notes)


@lru_cache(maxsize=8)
def _fitted(files: tuple[tuple[str, bytes], ...], chosen: Inputs) -> tuple[Comparison, Fitted]:
    found = compared(_read(files), records.scenario(chosen))
    return found, fit(found.trials)


def calibration(files: Sequence[tuple[str, bytes]], chosen: Inputs) -> tuple[Comparison, Fitted]:
    """The runs of files against the shipped constants, and the fit; raises ValueError where a file cannot be read."""
    return _fitted(tuple(files), replace(chosen, fit=""))


def carried(fitted: Fitted, found: Comparison) -> Calibration:
    """A fit to a visitor's rows as links carry it."""
    devices = [str(trial.scenario.deployment.accelerator.name) for trial in found.each_trial]
    spans = own_spans(fitted, found.engine)
    first, token = (float(f"{min(span.high, WIDEST):.3g}") if span else 0.0 for span in spans)
    return Calibration(
        factors=fitted.factors, rows=len(found.rows), engine=found.engine, first_token=first, token=token,
        mark=device_mark(max(dict.fromkeys(devices), key=devices.count)),
    )  # fmt: skip


def points(found: Comparison, fitted: Fitted) -> dict[str, list[tuple[float, float, float, str]]]:
    """{kind of time: (measured, as shipped, calibrated, what row)}, seconds, of the rows that have both."""
    kinds: dict[str, list[tuple[float, float, float, str]]] = {}
    for name, label in TIMES.items():
        for row, before, after in zip(found.rows, fitted.before[name], fitted.after[name], strict=True):
            if np.isfinite(before):
                told = f"{row.place}: {row.concurrency:,} at once, {row.prompt_tokens:,} + {row.output_tokens:,} tokens"
                measured = getattr(row, name)
                dot = (measured, measured * np.exp(before), measured * np.exp(after), told)
                kinds.setdefault(label, []).append(dot)
    return kinds


def doubts(found: Comparison, fitted: Fitted) -> list[str]:
    """What a careful reader would ask of such a fit."""
    asked = []
    unfitted = [trial for trial in found.trials if not knows_first_tokens(trial)]
    if unfitted and np.any(np.isfinite(fitted.before["first_token_s"])):
        asked.append(
            f"{found.engine}'s profile has no constants of a server yet, so first tokens are compared and not fitted."
        )
    if beyond_data_sheet(engines()[found.engine], fitted.factors):
        asked.append(
            "These rows are faster than the data sheet allows: is the device, how many share the model, or the weight "
            "format another than assumed?"
        )
    return asked


def finding(found: Comparison, fitted: Fitted) -> str:
    """What the chart shows, in a sentence."""
    near = {
        when: sum(int(np.sum(np.abs(np.expm1(logs)) <= NEAR)) for logs in errors.values())
        for when, errors in (("before", fitted.before), ("after", fitted.after))
    }
    times = sum(int(np.isfinite(logs).sum()) for logs in fitted.before.values())
    return (
        f"{near['after']} of {wording.plural(times, 'time')} are within {wording.per_cent(NEAR)} of the measured, "
        f"{near['before']} with the shipped constants"
    )
