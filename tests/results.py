"""Files as the benchmark tools write them: made from the keys that their sources name, figures invented."""

import json

from presets.results import COLUMNS

VLLM = {
    "date": "20261122-101500", "endpoint_type": "vllm", "backend": "vllm", "label": None,
    "model_id": "meta-llama/Llama-3.1-8B-Instruct", "tokenizer_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 160, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": 16, "duration": 50.0,
    "completed": 160, "failed": 0, "total_input_tokens": 163_840, "total_output_tokens": 40_960,
    "request_throughput": 3.2, "request_goodput": None, "output_throughput": 819.2, "total_token_throughput": 4096.0,
    "max_output_tokens_per_s": 1000.0, "max_concurrent_requests": 20, "mean_ttft_ms": 120.0, "median_ttft_ms": 100.0,
    "std_ttft_ms": 30.0, "p99_ttft_ms": 200.0, "mean_tpot_ms": 10.0, "median_tpot_ms": 10.0, "std_tpot_ms": 0.5,
    "p99_tpot_ms": 11.0, "mean_itl_ms": 10.0, "median_itl_ms": 9.0, "std_itl_ms": 1.0, "p99_itl_ms": 20.0,
}  # fmt: skip
SGLANG = {
    "tag": None, "backend": "sglang", "dataset_name": "random", "request_rate": float("inf"), "max_concurrency": 8,
    "sharegpt_output_len": None, "random_input_len": 1024, "random_output_len": 256, "random_range_ratio": 1.0,
    "server_info": {"model_path": "meta-llama/Llama-3.1-8B-Instruct", "tp_size": 2, "internal_states": [{}]},
    "duration": 40.0, "completed": 80, "total_input_tokens": 81_920, "total_input_text_tokens": 81_920,
    "total_input_vision_tokens": 0, "total_output_tokens": 20_480, "total_output_tokens_retokenized": 20_400,
    "request_throughput": 2.0, "input_throughput": 2048.0, "output_throughput": 512.0, "total_throughput": 2560.0,
    "mean_e2e_latency_ms": 3900.0, "mean_ttft_ms": 90.0, "mean_tpot_ms": 7.5, "mean_itl_ms": 7.5, "concurrency": 7.8,
    "accept_length": None, "max_output_tokens_per_s": 600.0, "max_concurrent_requests": 9,
}  # fmt: skip
LLAMA = {
    "build_commit": "ff7c6ea", "build_number": 6700, "cpu_info": "AMD Ryzen 9 7950X", "backends": "CUDA",
    "gpu_info": "NVIDIA GeForce RTX 4090", "model_filename": "models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
    "model_type": "llama 8B Q4_K - Medium", "model_size": 4_912_898_304, "model_n_params": 8_030_261_312,
    "n_batch": 2048, "n_ubatch": 512, "n_threads": 16, "type_k": "f16", "type_v": "f16", "n_gpu_layers": 99,
    "n_cpu_moe": 0, "split_mode": "layer", "main_gpu": 0, "no_kv_offload": False, "flash_attn": 1, "use_mmap": True,
    "n_prompt": 512, "n_gen": 0, "n_depth": 0, "test_time": "2026-11-22T10:00:00Z", "avg_ns": 50_000_000,
    "stddev_ns": 100_000, "avg_ts": 10_240.0, "stddev_ts": 20.0, "samples_ns": [50_000_000], "samples_ts": [10_240.0],
}  # fmt: skip
LLAMA_ANSWER = LLAMA | {"n_prompt": 0, "n_gen": 128, "avg_ts": 125.0}
HEADER = ",".join(COLUMNS)


def vllm(**changes: object) -> bytes:
    """The file of `vllm bench serve --save-result`."""
    return json.dumps(VLLM | changes).encode()


def sglang(*runs: dict[str, object]) -> bytes:
    """The file of SGLang's bench_serving: an object a line, Infinity as Python writes it."""
    return "".join(json.dumps(SGLANG | run) + "\n" for run in runs or ({},)).encode()


def llama_bench(*runs: dict[str, object]) -> bytes:
    """The output of `llama-bench -o json`."""
    return json.dumps([LLAMA | run for run in runs] or [LLAMA, LLAMA_ANSWER], indent=2).encode()


def table(*lines: str, header: str = HEADER) -> bytes:
    """A CSV in our columns."""
    return "\n".join((header, *lines)).encode()
