"""What does each technique save? A chart, a table and the articles' claims beside it."""

from itertools import pairwise

import pandas as pd
import plotly.graph_objects as go

from pages.ui.charts import wholes
from pages.ui.explain.wording import short_device, show_bytes
from pages.ui.links.fields import Inputs
from pages.ui.training.planning import techniques
from pages.ui.training.words import device_of
from presets.claims import Finding, findings


def savings_chart(chosen: Inputs) -> go.Figure:
    """What each technique takes off a device's memory, on top of those before."""
    steps, card = techniques(chosen), device_of(chosen)
    sizes = [size for _, size in steps]
    first = next((name for name, size in steps if size <= card.memory_bytes), None)
    holds = short_device(str(card.name))
    fits = f"; from {first!r} on it fits".replace("'", "") if first else f"; none of it fits one {holds}"
    return wholes.waterfall(
        f"From {show_bytes(sizes[0])} down to {show_bytes(min(sizes))} of a device{fits}",
        "GiB of a device", steps, float(card.memory_bytes), show_bytes(float(card.memory_bytes)),
    )  # fmt: skip


# Which claim is about which technique, by its place in the waterfall.
CLAIMED = {1: "mixed_precision_memory", 2: "recomputation_saving", 5: "sharded_state"}


def savings_table(chosen: Inputs) -> pd.DataFrame:
    """What each technique takes off here, and what the articles claim of it."""
    steps, claims = techniques(chosen), {finding.claim.check: finding.claim for finding in claimed("Savings")}
    rows = []
    for place, ((_, before), (name, after)) in enumerate(pairwise(steps), 1):
        claim = claims.get(CLAIMED.get(place, ""))
        rows.append(
            {
                "Technique": name, "Saves here": show_bytes(before - after) if before > after else "nothing",
                "Of what was left": f"{max(1 - after / before, 0):.0%}", "Leaves": show_bytes(after),
                "An article claims": f"{claim.printed}: {claim.says}" if claim else "",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def savings_words(chosen: Inputs) -> str:
    """Under which reading each claimed share holds, beside what the technique saves here."""
    steps = techniques(chosen)
    here = {
        CLAIMED[place]: max(1 - after / before, 0.0)
        for place, ((_, before), (_, after)) in enumerate(pairwise(steps), 1)
        if place in CLAIMED
    }
    found = {finding.claim.check: finding for finding in claimed("Savings")}
    mixed, again = found["mixed_precision_memory"], found["recomputation_saving"]
    most = max(reading.high for reading in mixed.readings)
    all_trained, adapters = (reading.low for reading in again.readings)
    alone = ", with no 32-bit copy at all," if steps[1][0] == "BF16" else ""
    return (
        f"**Two claims, and what is here.** {mixed.claim.printed} from 16 bits beside a 32-bit copy is possible, "
        f"not typical: activations take half the bytes ({most:.0%} less), weights, gradients and optimizer states as "
        f"many as before, so {mixed.claim.printed} takes activations of {mixed.claim.low / most:.0%} of the memory. "
        f"Here {steps[1][0]}{alone} saves **{here[mixed.claim.check]:.0%}**.\n\n"
        f"{again.claim.printed} from recomputation holds where adapters alone are trained and attention keeps its "
        f"scores ({adapters:.0%} of {again.claim.arguments['model']}); with every weight trained it is "
        f"{all_trained:.0%}, for gradients and optimizer states stay. Here, with every weight trained and attention "
        f"in {'its matrix of scores' if chosen.attn == 'eager' else 'tiles'}, it saves "
        f"**{here[again.claim.check]:.0%}**."
    )


# Checks whose claims stand beside each view.
BESIDE = {
    "Cost": ("training_time", "training_time_floor", "share_of_peak", "training_energy", "training_cost_ratio"),
    "Savings": (
        "mixed_precision_memory", "arithmetic_speedup", "recomputation_saving", "recomputation_growth", "sharded_state",
        "head_share", "adapter_share",
    ),
    "Smaller": ("growth_saved", "distillation_saved", "pruned_share"),
}  # fmt: skip


def claimed(view: str) -> list[Finding]:
    """The articles' claims that belong to a view."""
    return [finding for finding in findings() if finding.claim.check in BESIDE.get(view, ())]
