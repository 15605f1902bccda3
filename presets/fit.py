"""Which constants does an engine have? Fitted to the measurements that ship with Weighbridge, printed as TOML.

    python -m presets.fit            prints [“CUDA-graph decoder”] of engines.toml and the errors it leaves

Least squares on log(predicted / measured), with a soft loss so that a few odd rows do not pull. The range of a constant
spans the fits that leave one model out. What the measurements cannot tell (reserves, latency of a hop) is stated with
its own source. Needs scipy (requirements-dev.txt).
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calculators.hardware import Deployment, Engine
from calculators.latency import all_reduce_s, decode_rows, prefill_rows, seconds
from presets.accuracy import Row, compare, config_reader, groups, read_rows
from presets.catalog import accelerators, cache_formats, formats

MEASURED = Path(__file__).parent / "measured"
ROWS = "fitted by `python -m presets.fit` to presets/measured/gpu.csv"
GIB = 2**30

# Where the fit starts; also which constants it moves.
START = {
    "weight_bandwidth": 0.84, "cache_bandwidth": 0.86, "arithmetic": 0.7, "attention_arithmetic": 0.5,
    "product_s": 5e-6, "expert_bandwidth": 0.8, "expert_arithmetic": 0.6, "expert_product_s": 4e-5,
    "traffic_passes": 3.0,
}  # fmt: skip
LINKS = {"all_reduce_s": 8e-6, "link_bandwidth": 0.65}
STATED: Mapping[str, tuple[float, float, float, str]] = {
    "hop_s": (
        0.77e-6, 0.7e-6, 1.5e-6,
        "NCCL 2.27-2.29 all-reduce of the smallest message over 2 and 8 devices: 6.2 and 15.5 us on H100, "
        "9.1 and 26.6 us on B200 (PyPI aiconfigurator-core 0.12.0, comm/nccl), over 12 hops",
    ),
    "reserve_bytes": (
        0.43 * GIB, 0.2 * GIB, 1.81 * GIB,
        "vLLM start-up logs on one device: median of 22 non-torch figures (0.09 GiB) and of 21 CUDA graph figures "
        "(0.34 GiB); 10th and 90th percentiles",
    ),
    "parallel_reserve_bytes": (
        2.27 * GIB, 1.0 * GIB, 8.2 * GIB,
        "vLLM start-up logs on several devices: medians of 2 non-torch (2.16 GiB) and 3 CUDA graph figures "
        "(0.54 GiB), less reserve_bytes; few logs, so wide",
    ),
    "chunk_tokens": (
        8192, 2048, 16384,
        "vLLM, vllm/engine/arg_utils.py: max_num_batched_tokens of the server on devices of 70 GiB and more",
    ),
    "small_chunk_tokens": (2048, 512, 8192, "vLLM, vllm/engine/arg_utils.py: max_num_batched_tokens elsewhere"),
}  # fmt: skip


def _groups(rows: Sequence[Row]) -> list[tuple[tuple[str, str, str, str], list[Row]]]:
    """Rows that differ only in batch and lengths, so that one array estimate serves them."""
    sums: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        key = (row["config"], row["accelerator"], row["tensor_parallel"], row["quantity"])
        sums.setdefault(key, []).append(row)
    return list(sums.items())


def _column(rows: Sequence[Row], name: str) -> NDArray[np.float64]:
    return np.array([float(row[name]) for row in rows])


def _residuals(rows: Sequence[Row], engine: Engine) -> NDArray[np.float64]:
    """log(predicted / measured) of decode and prefill rows."""
    configs = config_reader([MEASURED / "configs"])
    found = []
    for (config, card, width, quantity), group in _groups(rows):
        deployment = Deployment(accelerator=accelerators()[card], tensor_parallel=int(width))
        inputs = (configs(config), formats()["BF16"], cache_formats()["BF16"], deployment, engine)
        batch = _column(group, "batch")
        if quantity == "decode_step_s":
            work = decode_rows(*inputs, batch=batch, context_tokens=_column(group, "context_tokens"))
        else:
            work = prefill_rows(*inputs, batch=batch, prompt_tokens=_column(group, "prompt_tokens"))
        found.append(np.log(seconds(work) / _column(group, "value")))
    return np.concatenate(found)


def _engine(constants: Mapping[str, Any]) -> Engine:
    """The profile with these constants."""
    return Engine(name="CUDA-graph decoder", measured_as=("cuda-graph", "nccl"), **constants)


def _fit(
    start: Mapping[str, float], held: Mapping[str, float], residuals: Callable[[Engine], NDArray[np.float64]]
) -> dict[str, float]:
    """The constants of `start` moved to the least sum of softened squares, beside those held."""

    def constants(logs: NDArray[np.float64]) -> dict[str, float]:
        return {**held, **dict(zip(start, np.exp(logs).tolist(), strict=True))}

    def errors(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        return residuals(_engine(constants(logs)))

    return constants(least_squares(errors, np.log(list(start.values())), loss="soft_l1", f_scale=0.03).x)


def fit_engine(rows: Sequence[Row]) -> Engine:
    """The CUDA-graph decoder's constants from rows of gpu.csv: links first, then the passes."""
    stated = {name: entry[0] for name, entry in STATED.items()}
    reduces = [row for row in rows if row["quantity"] == "all_reduce_s"]
    link = accelerators()[reduces[0]["accelerator"]].link_bytes_per_s
    messages, devices, measured = (_column(reduces, name) for name in ("batch", "devices", "value"))
    links = _fit(LINKS, {**START, **stated}, lambda e: np.log(all_reduce_s(messages, devices, link, e) / measured))
    passes = [
        row for row in rows if row["engine"] == "cuda-graph" and row["quantity"] in ("decode_step_s", "prefill_s")
    ]
    return _engine(_fit(START, links, lambda e: _residuals(passes, e)))


def main() -> int:
    """Print the profile as TOML and what it leaves as error, also for models left out of the fit."""
    rows = read_rows(MEASURED / "gpu.csv")
    configs = config_reader([MEASURED / "configs"])
    engine = fit_engine(rows)
    names = sorted({row["config"] for row in rows if row["quantity"] == "prefill_s" and row["engine"] == "cuda-graph"})
    without = {name: fit_engine([row for row in rows if row["config"] != name]) for name in names}

    print('["CUDA-graph decoder"]\nmeasured_as = ["cuda-graph", "nccl"]')
    print(f'source = "{ROWS}, engine cuda-graph on H100 (PyTorch 2.11, 2026-11-22)"\nchecked = 2026-11-22')
    for name in Engine.__dataclass_fields__:
        if name in STATED:
            value, low, high, source = STATED[name]
        elif name in START or name in LINKS:
            value = getattr(engine, name)
            others = [getattr(other, name) for other in without.values()]
            low, high = min(value, *others), max(value, *others)
            source = f"{ROWS}; range: one model left out at a time" if name in START else f"{ROWS}, all-reduce rows"
        else:
            continue
        print(f'{name} = {{ value = {value:.4g}, low = {low:.4g}, high = {high:.4g}, source = "{source}" }}')

    for title, predict in (("all rows in the fit", None), ("each model predicted by a fit without it", without)):
        found = []
        for name in {row["config"] for row in rows}:
            profile = engine if predict is None else predict.get(name, engine)
            found += compare([row for row in rows if row["config"] == name], configs, {engine.name: profile})[0]
        print(f"\n# {title}", file=sys.stderr)
        for group in groups(found, []):
            print(
                f"# {group['quantity']}: n {group['n']}, median {group['median_abs_error']:.1%}, "
                f"90th percentile {group['p90_abs_error']:.1%}, bias {group['bias']:+.1%}",
                file=sys.stderr,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
