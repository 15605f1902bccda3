"""What did a visitor measure? Results of `vllm bench serve`, of SGLang's bench_serving, of llama-bench, or our CSV.

Names of fields, read 2026-11-22:
- vLLM, vllm/benchmarks/serve.py (--save-result): date, backend, endpoint_type, label, model_id, num_prompts,
  request_rate ("inf" or a number), max_concurrency, duration, completed, failed, total_input_tokens,
  total_output_tokens, mean_ttft_ms, mean_tpot_ms, spec_decode_acceptance_length.
- SGLang, python/sglang/bench_serving.py (--output-file, one object a line): backend, request_rate (Infinity, as Python
  writes it), max_concurrency, server_info (model_path, tp_size), duration, completed, total_input_tokens,
  total_output_tokens, mean_ttft_ms, mean_tpot_ms, accept_length.
- llama.cpp, tools/llama-bench/llama-bench.cpp (-o json or jsonl): model_filename, model_type, model_n_params,
  n_gpu_layers, n_cpu_moe, n_prompt, n_gen, n_depth, avg_ts.
"""

import csv
import io
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from calculators import UNKNOWN
from presets.accuracy.rows import Skip, engine_named, format_named
from presets.catalog import accelerators, engines, formats, model_facts
from presets.importing.text import quoted, read_json

MOST_BYTES = 4 << 20
MOST_ROWS = 500
COLUMNS = (
    "model", "accelerator", "devices", "tensor_parallel", "engine", "weight_format", "concurrency", "prompt_tokens",
    "output_tokens", "ttft_s", "tpot_s",
)  # fmt: skip
EXPECTED = (
    "the JSON of `vllm bench serve --save-result`, the JSON lines of SGLang's bench_serving, the output of "
    "`llama-bench -o json`, or a CSV whose first line is " + ",".join(COLUMNS)
)
LARGEST = {"concurrency": 65_536, "tokens": 1 << 24, "devices": 64}
SLOWEST_S = 86_400.0
# What the tools call an engine; others talk to a server by a protocol that many speak.
BACKENDS = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM", "trt": "TensorRT-LLM",
            "llama.cpp": "llama.cpp"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """One measured run: mean seconds, UNKNOWN where it does not say; empty and 0 where the scenario must say.

    `bare`: llama-bench times the passes alone. `device_layers`: layers on the device, inf for all.
    """

    place: str
    engine: str
    concurrency: int
    prompt_tokens: int
    output_tokens: int
    first_token_s: float = UNKNOWN
    token_s: float = UNKNOWN
    model: str = ""
    accelerator: str = ""
    weight_format: str = ""
    tensor_parallel: int = 0
    parameters: float = 0
    device_layers: float = inf
    bare: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What a file holds, which tool wrote it, and a sentence for each thing in it that was left out."""

    tool: str
    rows: tuple[Result, ...]
    notes: tuple[str, ...] = ()


class _Unused(Exception):
    """Why a run is left out, while the rest of its file is read."""


def _number(fields: Mapping[str, Any], name: str, place: str, most: float = inf) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most or not isfinite(value):
        said = "is missing" if name not in fields else f"is {quoted(value)}"
        upto = f", at most {most:,.0f}" if most < inf else ""
        raise ValueError(f"{place}: {name} {said}; a number above zero was expected{upto}")
    return float(value)


def _count(fields: Mapping[str, Any], name: str, place: str, most: int) -> int:
    value = _number(fields, name, place, most)
    if value != int(value):
        raise ValueError(f"{place}: {name} is {value:g}; a whole number was expected")
    return int(value)


def _served(fields: Mapping[str, Any], place: str) -> Result:
    """A run of a serving bench, vLLM's or SGLang's: their keys are the same where it counts.

    Where the load is no closed loop (a request rate, or no bound on requests at once), the mean number of requests in
    flight is taken: requests a second times seconds of a request (Little 1961, doi:10.1287/opre.9.3.383).
    """
    drafts = fields.get("spec_decode_acceptance_length") or fields.get("accept_length") or 1
    if isinstance(drafts, int | float) and drafts > 1:
        raise _Unused(f"{place}: speculative decoding was on; a run without it was expected")
    if fields.get("completed") == 0:
        raise _Unused(f"{place}: no request was completed")
    completed = _count(fields, "completed", place, LARGEST["tokens"])
    prompt, output = (
        max(1, round(_number(fields, name, place) / completed))
        for name in ("total_input_tokens", "total_output_tokens")
    )
    if max(prompt, output) > LARGEST["tokens"]:
        raise ValueError(f"{place}: {max(prompt, output):,} tokens a request; at most {LARGEST['tokens']:,} are read")
    first, token = (
        _number(fields, name, place, SLOWEST_S * 1e3) / 1e3 for name in ("mean_ttft_ms", "mean_tpot_ms")
    )  # fmt: skip
    if fields.get("max_concurrency") is not None and fields.get("request_rate") in ("inf", inf, None):
        flying: float = min(_count(fields, "max_concurrency", place, LARGEST["concurrency"]), completed)
    else:
        flying = completed * (first + token * (output - 1)) / _number(fields, "duration", place)
    info = fields.get("server_info")
    server = info if isinstance(info, dict) else {}
    backend = str(fields.get("backend") or fields.get("endpoint_type") or "").casefold()
    ours = "SGLang" if _is_sglang(fields) else "vLLM"
    width = server.get("tp_size")
    return Result(
        place=place, engine=next((name for word, name in BACKENDS.items() if backend.startswith(word)), ours),
        concurrency=max(1, min(round(flying), LARGEST["concurrency"])), prompt_tokens=prompt, output_tokens=output,
        first_token_s=first, token_s=token, model=_name(fields.get("model_id") or server.get("model_path")),
        tensor_parallel=width if type(width) is int and 0 < width <= LARGEST["devices"] else 0,
    )  # fmt: skip


def _is_sglang(fields: Mapping[str, Any]) -> bool:
    return "server_info" in fields or "total_output_tokens_retokenized" in fields


def _name(value: object) -> str:
    """The last part of a model's path or repository, as the tool wrote it."""
    return re.split(r"[/\\]", value.rstrip("/"))[-1][:100] if isinstance(value, str) else ""


def _benched(fields: Mapping[str, Any], place: str) -> Result:
    """A test of llama-bench: a prompt alone (n_prompt tokens), or an answer alone (n_gen tokens after n_depth)."""
    prompt, answer, depth = (fields.get(name) or 0 for name in ("n_prompt", "n_gen", "n_depth"))
    if any(type(each) is not int or not 0 <= each <= LARGEST["tokens"] for each in (prompt, answer, depth)):
        raise ValueError(f"{place}: n_prompt, n_gen and n_depth are whole numbers of tokens")
    if prompt and answer:
        raise _Unused(f"{place}: a prompt and an answer in one figure; -p and -n tests were expected, not -pg")
    if prompt and depth:
        raise _Unused(f"{place}: a prompt after {depth:,} tokens is not compared")
    if fields.get("n_cpu_moe"):
        raise _Unused(f"{place}: experts ran on the processor (n_cpu_moe)")
    layers = fields.get("n_gpu_layers", -1)
    if type(layers) is not int:
        raise ValueError(f"{place}: n_gpu_layers is {quoted(layers)}; a whole number was expected")
    if layers == 0:
        raise _Unused(f"{place}: ran on the processor alone (n_gpu_layers 0)")
    rate = _number(fields, "avg_ts", place)
    words = str(fields.get("model_type") or "").split(" ")
    counted = fields.get("model_n_params")
    known = prompt + answer
    if not known:
        raise ValueError(f"{place}: n_prompt and n_gen are both 0; one of them was expected")
    return Result(
        place=place, engine="llama.cpp", concurrency=1, bare=True,
        prompt_tokens=prompt or max(depth, 1), output_tokens=answer or 1,
        first_token_s=prompt / rate if prompt else UNKNOWN, token_s=1 / rate if answer else UNKNOWN,
        model=_name(fields.get("model_filename")), weight_format=_format(" ".join(words[2:])),
        parameters=float(counted) if type(counted) is int and counted > 0 else 0,
        device_layers=layers if layers > 0 else inf,
    )  # fmt: skip


def _format(label: str) -> str:
    try:
        return str(format_named(label).name)
    except Skip:
        return ""


def _csv(text: str) -> Results:
    head = {name.strip() for name in text.splitlines()[0].split(",")}
    if not {"concurrency", "prompt_tokens", "output_tokens"} <= head or not {"ttft_s", "tpot_s"} & head:
        raise ValueError(f"The file is none that this page reads; expected is {EXPECTED}")
    if text.count("\n") > MOST_ROWS:
        raise ValueError(f"The file has {text.count(chr(10)):,} runs; at most {MOST_ROWS} are read")
    try:
        lines = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise ValueError(f"The file is no CSV: {str(error)[:80]}; expected is {EXPECTED}") from error
    return Results(tool="a CSV", rows=tuple(_line(line, f"Line {i}") for i, line in enumerate(lines, start=2)))


def _line(line: Mapping[str, str], place: str) -> Result:
    """A row of our CSV; text that is no number is refused where a number is read."""
    if None in line or None in line.values():
        raise ValueError(f"{place}: more or fewer values than the first line has names")
    figures: dict[str, Any] = {}
    for name in ("concurrency", "prompt_tokens", "output_tokens", "tensor_parallel", "devices", "ttft_s", "tpot_s"):
        if line.get(name):
            figures[name] = line[name][:40]
            with suppress(ValueError):
                figures[name] = float(line[name][:40])
    if "ttft_s" not in figures and "tpot_s" not in figures:
        raise ValueError(f"{place}: neither ttft_s nor tpot_s; at least one measured time was expected")
    width = "tensor_parallel" if "tensor_parallel" in figures else "devices"
    return Result(
        place=place,
        engine=_known(line, "engine", {}, place),
        concurrency=_count(figures, "concurrency", place, LARGEST["concurrency"]),
        prompt_tokens=_count(figures, "prompt_tokens", place, LARGEST["tokens"]),
        output_tokens=_count(figures, "output_tokens", place, LARGEST["tokens"]),
        first_token_s=_number(figures, "ttft_s", place, SLOWEST_S) if "ttft_s" in figures else UNKNOWN,
        token_s=_number(figures, "tpot_s", place, SLOWEST_S) if "tpot_s" in figures else UNKNOWN,
        model=_known(line, "model" if line.get("model") else "config", slugs(), place),
        accelerator=_known(line, "accelerator", accelerators(), place),
        weight_format=_known(line, "weight_format", formats(), place),
        tensor_parallel=_count(figures, width, place, LARGEST["devices"]) if width in figures else 0,
    )


def slugs() -> dict[str, str]:
    """Presets by the slug of their config."""
    return {facts.config_name: name for name, facts in model_facts().items() if facts.config_name}


def _known(line: Mapping[str, str], name: str, names: Mapping[str, object], place: str) -> str:
    """A preset's name in a column, empty where nothing stands there."""
    text = (line.get(name) or "").strip()
    if not text:
        return ""
    if name == "engine":
        try:
            return str(text if text in engines() else engine_named(text.casefold(), engines()).name)
        except Skip:
            names = engines()
    if name in ("model", "config"):
        if text in model_facts() or text in names:
            return str(names.get(text, text))
    elif text in names:
        return text
    few = ", ".join(list(names)[:3])
    raise ValueError(f"{place}: {name} is {quoted(text)}, none of the presets ({few}, …); empty takes the sidebar's")


def _objects(text: str) -> tuple[list[Any], bool]:
    """The values of a JSON text: of a list its members, else one; of JSON lines one a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith("{") and line.rstrip().endswith("}") for line in lines):
        if len(lines) > MOST_ROWS:
            raise ValueError(f"The file has {len(lines):,} runs; at most {MOST_ROWS} are read")
        return [
            read_json(line, what=f"Line {i}", most_bytes=MOST_BYTES, infinite=True)
            for i, line in enumerate(lines, start=1)
        ], True
    value = read_json(text, what="The file", most_bytes=MOST_BYTES, infinite=True)
    return (value, True) if isinstance(value, list) else ([value], False)


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise ValueError(f"The file has {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"The file is no text (byte {error.start:,}); expected is {EXPECTED}") from error
    if "\0" in text or not text:
        raise ValueError(f"The file is {'no text' if text else 'empty'}; expected is {EXPECTED}")
    return text


def _json(text: str) -> Results:
    values, several = _objects(text)
    if len(values) > MOST_ROWS:
        raise ValueError(f"The file has {len(values):,} runs; at most {MOST_ROWS} are read")
    rows, notes, tools = [], [], set()
    for i, fields in enumerate(values, start=1):
        place = f"Run {i}" if several else "The file"
        if isinstance(fields, dict) and "avg_ts" in fields:
            read, tool = _benched, "llama-bench"
        elif isinstance(fields, dict) and "mean_ttft_ms" in fields and "mean_tpot_ms" in fields:
            read, tool = _served, "SGLang's bench_serving" if _is_sglang(fields) else "vllm bench serve"
        else:
            raise ValueError(f"{place} has neither mean_ttft_ms and mean_tpot_ms nor avg_ts; expected is {EXPECTED}")
        tools.add(tool)
        try:
            rows.append(read(fields, place))
        except _Unused as reason:
            notes.append(f"{reason}. It was left out.")
    return Results(tool=" and ".join(sorted(tools)), rows=tuple(rows), notes=tuple(notes))


def read_results(data: bytes) -> Results:
    """What a file of measurements holds; which tool wrote it is told from its fields.

    Raises ValueError, saying where, what and what would be right.
    """
    text = _text(data)
    found = _json(text) if text[0] in "[{" else _csv(text)
    if not found.rows:
        raise ValueError(" ".join(found.notes[:3]) or f"The file holds no run; expected is {EXPECTED}")
    return found
