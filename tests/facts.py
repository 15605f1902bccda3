"""Reference figures that tests compare with: what tests/data/make.py wrote, read once."""

import csv
import json
from pathlib import Path
from typing import Any

from calculators.architecture import Architecture
from presets import model_from_config

DATA = Path(__file__).parent / "data"


def _json(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def config(name: str, **changes: Any) -> dict[str, Any]:
    """The config.json of a reference model, with fields changed, or left out where the change is `...`."""
    fields = _json(f"configs/{name}.json") | changes
    return {field: value for field, value in fields.items() if value is not ...}


def architecture(name: str, **changes: Any) -> Architecture:
    """The architecture of a reference model, with fields of its config.json changed."""
    return model_from_config(config(name, **changes), name=name)


with (DATA / "counts.csv").open(encoding="utf-8", newline="") as file:
    COUNTS = {row["id"]: row for row in csv.DictReader(file)}
# Configs with sizes and switches drawn at random, and what transformers 5.23 built of each on the meta device.
VARIANTS: dict[str, list[dict[str, Any]]] = {}
for line in (DATA / "variants.jsonl").read_text(encoding="utf-8").splitlines():
    variant = json.loads(line)
    VARIANTS.setdefault(f"{variant['config']['model_type']}-{variant['class']}", []).append(variant)
FORMATS = _json("formats.json")
PRESETS = _json("presets.json")
