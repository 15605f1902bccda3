"""Makes this folder's data from a folder of reference facts: python tests/data/make.py ../shared/reference

counts.csv     exact counts of models, made with transformers 5.23 on the meta device
configs/       the config.json of each, with its source
variants.jsonl configs drawn at random and what transformers built of them: written once; `make transformers` builds
               them again and compares
presets.json   the counts of the three presets of the mission, DeepSeek-V3's with and without what is stored beside them
formats.json   bytes of a block, bits of a value and bytes of whole models in storage formats
"""

import csv
import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = {
    "id": "id",
    "model_type": "model_type",
    "counted_with": "counted_with",
    "parameters": "parameters",
    "active": "active_parameters",
    "kv_bytes_per_token": "kv_bytes_per_token_bf16",
    "kv_bytes_once_windows_fill": "kv_bytes_per_token_bf16_once_windows_fill",
}
BLOCKS = ("F16", "Q4_0", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "MXFP4")
MIXES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
BITS = {
    "GPTQ 4-bit g128": "gptq-4bit-g128",
    "AWQ 4-bit g128": "awq-4bit-g128",
    "NF4": "bnb-nf4",
    "NF4 double quantization": "bnb-nf4-double-quant",
    "INT8 W8A8": "int8-w8a8 per-channel (compressed-tensors)",
    "FP8 per tensor": "fp8-per-tensor",
    "FP8 block 128": "fp8-block-128x128 (DeepSeek)",
    "MXFP4": "mxfp4",
    "NVFP4": "nvfp4",
}
# Left out: the reference raises value projections to Q5_K in 80-layer Llama models alone, llama.cpp in Qwen2 as well
# (src/models/qwen2.cpp: 80 layers are LLM_TYPE_70B).
WRONG = {("qwen2.5-72b", mix) for mix in ("Q4_K_M", "Q3_K_M", "Q2_K")}


def counts(reference: Path) -> None:
    """counts.csv and configs/."""
    records = json.loads((reference / "parameters.json").read_text())["records"]
    (HERE / "configs").mkdir(exist_ok=True)
    with (HERE / "counts.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*COLUMNS, "by_part"])
        for record in records:
            table.writerow([*(record[key] for key in COLUMNS.values()), json.dumps(record["components"])])
            shutil.copyfile(reference / "models" / f"{record['id']}.json", HERE / "configs" / f"{record['id']}.json")


def presets(reference: Path) -> None:
    """presets.json: whole numbers alone, not how the reference came to them."""
    chosen = json.loads((reference / "parameters.json").read_text())["presets"]
    moe = chosen["175b-moe-32e-top2"]["proposal"]
    del moe["config"], moe["counted_with"]
    write("presets.json", {"8b": chosen["8b-dense"], "175b": moe, "671b": chosen["671b"]})


def formats(reference: Path) -> None:
    """formats.json."""
    facts = json.loads((reference / "quant_formats.json").read_text())
    mixes = facts["gguf_mixes"]["mixes"]
    models = facts["gguf_mixes"]["predicted_other_models"]
    models["llama-3.1-8b"] = {mix: mixes[mix]["llama-3.1-8b"] for mix in MIXES}
    types = facts["ggml_types"]
    write(
        "formats.json",
        {
            "blocks": {name: [types[name]["block_weights"], types[name]["block_bytes"]] for name in BLOCKS},
            "bits": {name: facts["other"][key]["bits_per_weight"] for name, key in BITS.items()},
            "gguf_bytes": {
                model: {mix: sizes[mix]["bytes"] for mix in MIXES if (model, mix) not in WRONG}
                for model, sizes in sorted(models.items())
                if (HERE / "configs" / f"{model}.json").is_file()
            },
            "published_bits": {mix: mixes[mix]["llama-3.1-8b"]["published_bpw"] for mix in MIXES if mix != "Q3_K_M"},
            "mxfp4_bytes": {model: int(check["predicted_bytes"]) for model, check in facts["checks"].items()},
        },
    )


def write(name: str, content: object) -> None:
    """A JSON file of this folder."""
    (HERE / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (counts, presets, formats):
        make(Path(sys.argv[1]))
