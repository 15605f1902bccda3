"""Which preset files are generated, and from what? python -m presets.make FOLDER, a folder of reference facts.

prices.csv             every offer of the price list and of the devices' own prices, one row each; what was read from
                       other sources since stays
published_totals.toml  the totals that checkpoints were published with, and what stands in them beside parameters

An offer whose source cannot be followed is left out. The day both were checked is CHECKED.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from presets.loader import HERE, rows
from presets.rents import PRICES

CHECKED = "2026-11-22"

# Which devices of accelerators.toml an offer can mean: (as sold, GB) -> devices. Several where the list does not say
# whether a card is SXM or PCIe; names that are absent mean no device of the catalog.
MEANS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("A10", "24"): ("NVIDIA A10",),
    ("A100", "40"): ("NVIDIA A100 SXM4 40GB", "NVIDIA A100 PCIe 40GB"),
    ("A100", "80"): ("NVIDIA A100 SXM4 80GB", "NVIDIA A100 PCIe 80GB"),
    ("A10G", "24"): ("NVIDIA A10G (AWS g5)",),
    ("A40", "48"): ("NVIDIA A40",),
    ("A6000", "48"): ("NVIDIA RTX A6000",),
    ("B200 SXM", "180"): ("NVIDIA B200 SXM (HGX/DGX)",),
    ("B200", ""): ("NVIDIA B200 SXM (HGX/DGX)",),
    ("B300", ""): ("NVIDIA B300 SXM (HGX)",),
    ("GB200", ""): ("NVIDIA GB200 (per GPU, NVL72)",),
    ("H100", "80"): ("NVIDIA H100 SXM5 80GB", "NVIDIA H100 PCIe 80GB"),
    ("H100 HGX", "80"): ("NVIDIA H100 SXM5 80GB",),
    ("H100 PCIe", "80"): ("NVIDIA H100 PCIe 80GB",),
    ("H100 SXM", "80"): ("NVIDIA H100 SXM5 80GB",),
    ("H200", ""): ("NVIDIA H200 SXM", "NVIDIA H200 NVL"),
    ("H200 SXM", "141"): ("NVIDIA H200 SXM",),
    ("Inferentia2", "32"): ("AWS Inferentia2",),
    ("L4", "24"): ("NVIDIA L4",),
    ("L40S", "48"): ("NVIDIA L40S",),
    ("RTX A6000", "48"): ("NVIDIA RTX A6000",),
    ("T4", "16"): ("NVIDIA T4",),
    ("TPU v4 pod", "32"): ("Google TPU v4",),
    ("TPU v5e", "16"): ("Google TPU v5e",),
    ("TPU v5p", "95"): ("Google TPU v5p",),
    ("TPU v6e", "32"): ("Google TPU v6e (Trillium)",),
    ("Trainium1", "32"): ("AWS Trainium1",),
    ("Trainium2", ""): ("AWS Trainium2",),
    ("V100", "16"): ("NVIDIA V100 SXM2 16GB", "NVIDIA V100 PCIe 16GB"),
    ("V100", "32"): ("NVIDIA V100 SXM2 32GB",),
}


def means(sold_as: str, memory_gb: str) -> tuple[str, ...]:
    """The devices that an offer can mean; a name without its memory means the devices of its name, of any memory."""
    sized = re.fullmatch(r"(.+) (\d+)GB", sold_as)
    if sized:
        return means(*sized.groups())
    if (sold_as, memory_gb) in MEANS or memory_gb:
        return MEANS.get((sold_as, memory_gb), ())
    return tuple(device for (name, _), devices in MEANS.items() if name == sold_as for device in devices)


def when(text: str) -> tuple[str, str]:
    """The date of an offer as far as it is known, and what was said beside it."""
    found = re.fullmatch(r"(\d{4}(?:-\d\d(?:-\d\d)?)?)(?: \((.+)\))?", text)
    if found is None:
        raise ValueError(f"date {text!r}; expected 2025, 2025-03 or 2025-03-07, with a remark in brackets at most")
    return found[1], found[2] or ""


def origin(text: str) -> str:
    """A source that a reader can follow; empty where the reference names none."""
    text = re.sub(r"^stored guide quoting (\S+) \(.*\)$", r"\1, as a guide of 2026-10 quotes it", text)
    return "" if text.startswith("secondary") else re.sub(r" \(first [\d,]+ characters read\)$", "", text)


def offers(reference: Path) -> Iterator[dict[str, str]]:
    """Every offer with a source: the price list's, and those that stand with the devices alone."""
    seen = set()
    with (reference / "cloud_instances.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    for row in listed:
        day, remark = when(row["date"]) if origin(row["source"]) else ("", "")
        seen.add(_same(row["provider"], row["instance"], row["usd_per_gpu_hour"], row["pricing"], day))
        yield {
            "sold_as": row["gpu"], "memory_gb": row["gpu_memory_gb_each"],
            "accelerators": "; ".join(means(row["gpu"], row["gpu_memory_gb_each"])),
            "provider": row["provider"], "instance": row["instance"], "devices": row["n_gpus"],
            "usd_per_hour": row["usd_per_hour"], "usd_per_device_hour": row["usd_per_gpu_hour"],
            "pricing": row["pricing"], "region": row["region"], "date": day, "source": origin(row["source"]),
            "note": "; ".join(part for part in (row["note"], remark) if part),
        }  # fmt: skip
    for device in json.loads((reference / "accelerators.json").read_text(encoding="utf-8"))["devices"]:
        for price in device["price"] or []:
            day, remark = when(price["date"])
            each = price["usd_per_gpu_hour"]
            if _same(price["provider"], price["instance"], each, price["pricing"], day) not in seen:
                yield {
                    "sold_as": device["name"], "accelerators": device["name"], "provider": price["provider"],
                    "instance": price["instance"], "usd_per_device_hour": f"{each:g}", "pricing": price["pricing"],
                    "date": day, "source": origin(price["source"]), "note": remark,
                }  # fmt: skip


def _same(provider: str, instance: str, usd: Any, pricing: str, day: str) -> tuple[str, str, float, str, str]:
    return provider, instance, float(usd), pricing, day


def prices(reference: Path) -> None:
    """prices.csv: equal offers once, what other sources say last."""
    made = [tuple(({"checked": CHECKED} | offer).get(key, "") for key in PRICES) for offer in offers(reference)]
    source = list(PRICES).index("source")
    known = {row[source] for row in made}
    stay = [row for row in rows("prices.csv")[1:] if row[source] not in known]
    with (HERE / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(PRICES)
        table.writerows(dict.fromkeys(row for row in (*made, *stay) if row[source]))


def published_totals(reference: Path) -> None:
    """published_totals.toml."""
    facts = json.loads((reference / "parameters.json").read_text(encoding="utf-8"))
    text = (
        "# Totals that checkpoints were published with, by the config's name; made by `python -m presets.make`.\n#\n"
        "# total   what the repository says its safetensors files hold, in values\n"
        "# beside  what stands in them that is no parameter of the main model: buffers, copies, extra blocks, scales\n"
        "# reason  why the total says nothing about the parameters, or that nobody found out\n"
    )
    for record in sorted(facts["records"], key=lambda record: str(record["id"])):
        if record["published_total"] is not None:
            text += f"\n[{json.dumps(record['id'])}]\ntotal = {record['published_total']:_}\n"
            difference = record["published_difference"]
            if isinstance(difference, dict):
                beside = ", ".join(f"{json.dumps(name)} = {count:_}" for name, count in difference.items())
                text += f"beside = {{ {beside} }}\n"
            elif difference != "exact":
                text += f"reason = {json.dumps(difference)}\n"
            text += f"source = {json.dumps(facts['definitions']['published_total'])}\nchecked = {CHECKED}\n"
    (HERE / "published_totals.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for make in (prices, published_totals):
        make(Path(sys.argv[1]))
