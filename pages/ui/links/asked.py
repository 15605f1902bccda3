"""What does a job ask? Its figures as inputs, which a link that names the job need not state."""

from collections.abc import Iterable, Mapping
from math import inf, log
from typing import Any

from pages.ui.links.fields import FIELDS
from pages.ui.links.values import FAMILIES, OWN_LOAD, SOURCES, kind_of
from presets.catalog import accelerator_facts
from presets.scenarios import scenarios

LENGTHS = ("prompt", "output", "batch")  # the sidebar's, on every page
LIMITS = ("rate", "wait", "step", "reads", "bench", "score", "watts", "hits", "where", "family")  # the Recommend page's


def nearest(options: Iterable[float], value: float) -> float:
    """The option that is the fewest times off a value."""
    if value in (0, inf):
        return value
    return min((each for each in options if 0 < each < inf), key=lambda each: abs(log(each / value)))


def asked(name: str) -> dict[str, Any]:
    """What a job asks, by input, on the sliders' steps; of one's own load, no limits but the usual ones.

    What many ask of at once is run by a server.
    """
    if name == OWN_LOAD:
        return {field: FIELDS[field].default for field in LIMITS}
    job = scenarios()[name]
    figures = {
        "prompt": job.prompt_tokens, "output": job.output_tokens, "batch": job.requests, "rate": job.requests_per_s,
        "wait": job.first_token_s * 1e3, "step": job.token_s * 1e3, "reads": job.context_tokens, "score": job.score,
        "watts": job.power_w, "hits": job.cached_share,
    }  # fmt: skip
    found: dict[str, Any] = {field: nearest(FIELDS[field].options, value) for field, value in figures.items()}
    many = job.requests > 1 or job.requests_per_s > 0
    return found | {
        "bench": job.benchmark, "where": kind_of(job.kinds), "family": FAMILIES[0] if many else FAMILIES[3],
    }  # fmt: skip


def unstated(stated: Mapping[str, Any]) -> dict[str, Any]:
    """What the inputs are that a link does not state where it names a job: as the job asks.

    Devices are any of the job's kinds where the link says nothing of them and the usual one is of another kind.
    """
    job = stated.get("job", OWN_LOAD)
    if job == OWN_LOAD:
        return {}
    found = {name: value for name, value in asked(job).items() if name not in stated}
    usual = all(stated.get(name, FIELDS[name].default) == FIELDS[name].default for name in ("device", "count"))
    stranger = accelerator_facts()[FIELDS["device"].default].kind not in scenarios()[job].kinds
    if "have" not in stated and usual and stranger:
        found["have"] = SOURCES[4]
    return found
