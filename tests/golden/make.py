"""Makes recommendations.toml: what is recommended for stated jobs and budgets: python tests/golden/make.py

A review is kept where its pick is what it was; where that changed it is dropped, and the test asks for a new one: read
the answer as the person who asked, and say in a line whether it is what an expert would choose and why.
"""

import json
import sys
import tomllib
from math import inf
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("recommendations.toml")
sys.path.insert(0, str(FILE.parents[2]))  # run as a file, from anywhere

from calculators.recommend import GOALS, choose  # noqa: E402 (after the path)
from pages.ui.links.fields import Inputs  # noqa: E402
from pages.ui.links.query import to_query  # noqa: E402
from pages.ui.links.values import FAMILIES, OWN_LOAD, SOURCES  # noqa: E402
from pages.ui.recommend import jobs, needs  # noqa: E402
from pages.ui.recommend.surveys import surveyed  # noqa: E402
from presets.scenarios import scenarios  # noqa: E402

# Who asks, the job, and what is stated of the budget or changed of the job.
PAIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "Speech on a phone, any phone": ("Speech on a phone", {"have": SOURCES[4]}),
    "Customer service for 2,000 dollars a month at Nebius, the cheapest": (
        "Customer service",
        {"have": SOURCES[3], "monthly": 2000, "provider": "Nebius", "goal": GOALS[1]},
    ),
    "Code generation for a team on two L40S": ("Code generation", {"device": "NVIDIA L40S", "count": 2}),
    "Multimodal questions for 20 dollars an hour": ("Multimodal", {"have": SOURCES[1], "spend": 20}),
    "Chat for 50 users on two H100": ("Chat assistant", {"count": 2, "batch": 50}),
    "As good as a 70B model for 50 users, 20 dollars an hour": (
        "Chat assistant",
        {"have": SOURCES[1], "spend": 20, "batch": 50, "score": 80},
    ),
    "Retrieval over documents on four L40S": ("Retrieval over documents", {"device": "NVIDIA L40S", "count": 4}),
    "An agent with long context on eight H200": ("Agent with long context", {"device": "NVIDIA H200 SXM", "count": 8}),
    "A document summarised every second, the cheapest on rented NVIDIA devices": (
        "Batch summarisation",
        {"have": SOURCES[1], "spend": 20, "rate": 1, "maker": "NVIDIA", "goal": GOALS[1]},
    ),
    "Twenty messages a second classified on one RTX 4090": (
        "Classification at volume",
        {"device": "NVIDIA GeForce RTX 4090", "count": 1, "rate": 20},
    ),
    "Reasoning on eight MI300X": ("Reasoning", {"device": "AMD Instinct MI300X", "count": 8}),
    "Code completion for one on a Mac, however late the first token": (
        "Code completion",
        {"device": "Apple M4 Max (40-core GPU)", "count": 1, "batch": 1, "wait": inf, "family": FAMILIES[3]},
    ),
}


def answer(chosen: Any) -> tuple[str, list[str]]:
    """The answer to some inputs in words, and its reasons."""
    found = choose(surveyed(chosen), needs.need(chosen), needs.budget(chosen))
    first, *reasons = jobs.said(found, scenarios().get(chosen.job))
    return first, reasons


def pick(answered: str) -> str:
    """Model, formats and devices of an answer, without its figures."""
    return answered.split(", run by ")[0]


def main() -> None:
    """Write every pair with its answer."""
    before = tomllib.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    parts = ["# Made by make.py, but for the reviews: each answer read as the person who asked.\n"]
    for title, (job, stated) in PAIRS.items():
        asked = jobs.asked(job) if job != OWN_LOAD else {}
        chosen = Inputs(**{"job": job, **asked, **stated})
        answered, reasons = answer(chosen)
        old = before.get(title, {})
        review = old.get("review", "") if pick(old.get("answer", "")) == pick(answered) else ""
        rows = "".join(f"  {json.dumps(reason, ensure_ascii=False)},\n" for reason in reasons)
        texts = {"link": to_query(chosen, "recommend"), "answer": answered, "review": review}
        body = "".join(f"{name} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in texts.items())
        parts.append(f"[{json.dumps(title)}]\n{body}reasons = [\n{rows}]\n")
    FILE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
