"""How far off are the predictions? Predicted against measured, for any file of measurements, by group.

    python -m presets.accuracy FILE.csv [--configs DIR]... [--by COLUMN,...] [--json]

Errors are fractions of the measured figure. Flagged rows and rows that lack an input are left out, with the reason.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from calculators.architecture import Architecture
from calculators.hardware import Deployment, Engine
from calculators.latency import all_reduce_s, decode_rows, prefill_rows, seconds
from calculators.memory import activation_bytes, weight_bytes
from presets.catalog import accelerators, cache_formats, engines, formats, model_facts
from presets.configs import model_from_config

Row = Mapping[str, str]
Configs = Callable[[str], Architecture]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One figure of one measured row beside its prediction."""

    row: Row
    quantity: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted / self.measured - 1


class Skip(ValueError):
    """A row that cannot be predicted; the message is the reason."""


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV of measurements."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def config_reader(folders: Sequence[Path]) -> Configs:
    """Architectures by `config` slug: NAME.json in the folders, first match wins, then the model presets."""
    presets = {facts.config_name: facts.architecture for facts in model_facts().values()}

    def read(name: str) -> Architecture:
        for folder in folders:
            file = folder / f"{name}.json"
            if file.is_file():
                return model_from_config(json.loads(file.read_text(encoding="utf-8")), name=name)
        if name not in presets:
            raise Skip(f"no config {name!r}")
        return presets[name]

    return read


def engine_named(measured_as: str, profiles: Mapping[str, Engine]) -> Engine:
    """The profile fitted to what a measurement calls its engine."""
    for engine in profiles.values():
        if measured_as in engine.measured_as:
            return engine
    raise Skip(f"no profile of engine {measured_as!r} yet")


def _figure(row: Row, column: str) -> float:
    if not row.get(column):
        raise Skip(f"{column} is not stated")
    try:
        figure = float(row[column])
    except ValueError:
        figure = np.nan
    if not 0 <= figure < np.inf:
        raise Skip(f"{column} is {row[column]!r}; a number of zero or more was expected")
    return figure


def _number(row: Row, column: str) -> int:
    return int(_figure(row, column))


def _known(row: Row, column: str, names: Mapping[str, object]) -> str:
    if row[column] not in names:
        raise Skip(f"{column} {row[column] or 'is not stated'!r} is not in the presets")
    return row[column]


def gpu_prediction(row: Row, configs: Configs, profiles: Mapping[str, Engine]) -> dict[str, tuple[float, float]]:
    """{quantity: (measured, predicted)} of a row in the layout of gpu.csv: one quantity a row."""
    quantity = row["quantity"]
    if quantity not in ("decode_step_s", "prefill_s", "weight_bytes", "all_reduce_s", "prefill_peak_activation_bytes"):
        raise Skip(f"{quantity} is not predicted yet")
    engine = engine_named(row["engine"], profiles)
    card = accelerators()[_known(row, "accelerator", accelerators())]
    measured = _figure(row, "value")
    if quantity == "all_reduce_s":
        devices, message = _number(row, "devices"), _number(row, "batch")
        return {quantity: (measured, float(all_reduce_s(message, devices, card.link_bytes_per_s, engine)))}
    model = configs(row["config"])
    fmt = formats()[_known(row, "weight_format", formats())]
    if quantity == "weight_bytes":
        return {quantity: (measured, weight_bytes(model, fmt))}
    deployment = Deployment(accelerator=card, tensor_parallel=_number(row, "tensor_parallel"))
    inputs = (model, fmt, cache_formats()["BF16"], deployment, engine)
    batch = _number(row, "batch")
    if quantity == "decode_step_s":
        rows = decode_rows(*inputs, batch=batch, context_tokens=_number(row, "context_tokens"))
        return {quantity: (measured, float(seconds(rows)))}
    prompt = _number(row, "prompt_tokens")
    if quantity == "prefill_s":
        return {quantity: (measured, float(seconds(prefill_rows(*inputs, batch=batch, prompt_tokens=prompt))))}
    peak = activation_bytes(model, batch=batch, tokens=batch * prompt, tensor_parallel=deployment.tensor_parallel)
    return {quantity: (measured, float(peak))}


# Which columns tell a file's kind, and how its rows are predicted.
KINDS = {frozenset({"quantity", "value", "engine", "config", "accelerator"}): gpu_prediction}


def compare(
    rows: Sequence[Row], configs: Configs, profiles: Mapping[str, Engine]
) -> tuple[list[Comparison], list[tuple[str, str]]]:
    """Every predictable figure beside its measurement, and (row id, reason) for each row left out."""
    kind = next((predict for columns, predict in KINDS.items() if rows and columns <= rows[0].keys()), None)
    if kind is None:
        raise ValueError(
            "the columns are not those of a known file of measurements; expected at least "
            + " or ".join(", ".join(sorted(columns)) for columns in KINDS)
        )
    found, skipped = [], []
    for number, row in enumerate(rows, start=2):
        name = row.get("id") or f"line {number}"
        try:
            if row.get("flags"):
                raise Skip(f"flagged: {row['flags']}")
            for quantity, (measured, predicted) in kind(row, configs, profiles).items():
                if not measured:
                    raise Skip(f"the measured {quantity} is zero")
                if not np.isfinite(predicted):
                    raise Skip("the prediction needs a figure that is unknown")
                found.append(Comparison(row=row, quantity=quantity, measured=measured, predicted=predicted))
        except ValueError as reason:
            skipped.append((name, str(reason)))
    return found, skipped


def groups(found: Sequence[Comparison], by: Sequence[str]) -> list[dict[str, object]]:
    """Median and 90th-percentile absolute error and bias (mean error), by quantity, engine and the `by` columns."""
    columns = ["engine", *(column for column in by if column not in ("engine", "quantity"))]
    sums: dict[tuple[str, ...], list[float]] = {}
    for item in found:
        key = (item.quantity, *(item.row.get(column, "") for column in columns))
        sums.setdefault(key, []).append(item.error)
    return [
        dict(zip(("quantity", *columns), key, strict=True))
        | {
            "n": len(errors),
            "median_abs_error": float(np.median(np.abs(errors))),
            "p90_abs_error": float(np.quantile(np.abs(errors), 0.9)),
            "bias": float(np.mean(errors)),
        }
        for key, errors in sorted(sums.items())
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when at least one row was compared."""
    parser = argparse.ArgumentParser(prog="python -m presets.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--configs", type=Path, action="append", default=[], help="folder of NAME.json")
    parser.add_argument("--by", type=lambda text: text.split(","), default=[], help="further columns to group by")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        rows = read_rows(options.file)
        unknown = [column for column in options.by if rows and column not in rows[0]]
        if unknown:
            parser.error(f"--by {unknown[0]}: no such column; columns are {', '.join(rows[0])}")
        found, skipped = compare(rows, config_reader(options.configs), engines())
    except (OSError, ValueError, csv.Error) as error:
        parser.error(f"{options.file}: {error}")
    report = groups(found, options.by)
    if options.json:
        json.dump(
            {"groups": report, "skipped": [{"id": name, "reason": reason} for name, reason in skipped]},
            sys.stdout, indent=1,
        )  # fmt: skip
        print()
        return 0 if found else 1
    _print_report(report, found, skipped)
    if found and not options.by:
        print("\nby model and device")
        _print_groups(groups(found, [column for column in ("config", "accelerator") if column in rows[0]]))
    return 0 if found else 1


def _print_groups(report: Sequence[Mapping[str, object]]) -> None:
    show = {
        "n": "{:d}".format, "median_abs_error": "{:.1%}".format, "p90_abs_error": "{:.1%}".format,
        "bias": "{:+.1%}".format,
    }  # fmt: skip
    lines = [list(report[0])] if report else []
    lines += [[show.get(key, str)(value) for key, value in group.items()] for group in report]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))] if lines else []
    for line in lines:
        print("  ".join(partial(str.ljust, cell)(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_report(
    report: Sequence[Mapping[str, object]], found: Sequence[Comparison], skipped: Sequence[tuple[str, str]]
) -> None:
    _print_groups(report)
    if found:
        print("\nworst rows")
    for item in sorted(found, key=lambda item: -abs(item.error))[:5]:
        size = " ".join(
            f"{key} {item.row[key]}" for key in ("batch", "prompt_tokens", "context_tokens") if item.row.get(key)
        )
        print(f"  {item.row.get('id', '')}  {item.quantity}  {item.row.get('config', '')}  {size}  {item.error:+.1%}")
    for reason, count in Counter(reason for _, reason in skipped).most_common():
        print(f"left out: {count} rows, {reason}")


if __name__ == "__main__":
    sys.exit(main())
