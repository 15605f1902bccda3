"""How is the catalog searched and shown? What a search finds, as tables, details and files."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import pandas as pd

from pages.ui.catalog.entries import KINDS, accelerators, formats, link, models, servers, token_prices
from pages.ui.catalog.sourced import Item, exact
from pages.ui.explain import wording
from presets import catalog, rents
from presets.quality import benchmarks, published_scores, quality


@cache
def _texts(kind: str) -> tuple[str, ...]:
    """What a search looks through, for each item of a kind."""
    return tuple(
        "\n".join(
            (
                *map(str, item.shown.values()),
                *(figure.value for figure in item.figures if isinstance(figure.value, str)),
                *(item.name, item.note, item.source, item.date, *item.disagreements),
            )
        ).lower()
        for item in KINDS[kind]()
    )


def found(kind: str, search: str) -> tuple[Item, ...]:
    """The items of a kind in whose text every word of the search occurs, whatever its case."""
    words = search.lower().split()
    return tuple(
        item for item, text in zip(KINDS[kind](), _texts(kind), strict=True) if all(word in text for word in words)
    )


def frame(items: Sequence[Item]) -> pd.DataFrame:
    """The table of items: what is shown of each, the source, an address where it has one, the date."""
    rows = [dict(item.shown) | {"Date": item.date, "Open": link(item.source), "Source": item.source} for item in items]
    return pd.DataFrame(rows)


TAKEN_BY = {"publisher": "its publisher", "evaluation": "one evaluation of many models", "other": "others"}
# How a figure is shown, by how its name ends; others are shown with all their digits.
SHOWN: Mapping[str, Callable[[float], str]] = MappingProxyType(
    {
        "flops_per_s": lambda value: wording.show_rate(value / 1e12, "TFLOP/s"),
        "bytes_per_s": lambda value: wording.show_rate(value / 1e9, "GB/s"),
        "bytes_per_token": wording.show_bytes,
        "bytes_per_sequence": wording.show_bytes,
        "memory_bytes": wording.show_bytes,
        "weight_bytes": wording.show_bytes,
        "parameters": wording.show_count,
        "published_total": wording.show_count,
        "_usd": wording.show_usd,
        "usd_per_hour": wording.show_usd,
    }
)


def details(item: Item) -> pd.DataFrame:
    """Every figure of an item as it is shown and in base units, with its own source."""
    rows = []
    for figure in item.figures:
        show = next((show for end, show in SHOWN.items() if figure.name.endswith(end)), exact)
        rows.append(
            {
                "Figure": figure.name.removeprefix("config.").replace("_", " "),
                "Value": show(figure.value),
                "In base units": "" if show is exact else exact(figure.value),
                "Open": link(figure.source),
                "Source": figure.source,
            }
        )
    return pd.DataFrame(rows)


def scores(model: str) -> pd.DataFrame:
    """Every published score of a model: the one that stands for it on each benchmark first, then the others."""
    standing, others = [], []
    for benchmark in benchmarks():
        stands = quality(benchmark).get(model)
        for row in published_scores():
            if stands is None or (row.model, row.benchmark) != (model, benchmark):
                continue
            first = (row.form, row.source, row.score) == (stands.form, stands.source, stands.value)
            used = first and not any(other["Benchmark"] == benchmark for other in standing)
            (standing if used else others).append(
                {
                    "Benchmark": benchmark,
                    "Score, %": row.score,
                    "Used": used,
                    "Form": row.form,
                    "Setting": row.setting,
                    "Taken by": TAKEN_BY[row.by],
                    "Published as": row.published_as,
                    "Open": link(row.source),
                    "Source": row.source,
                    "Note": row.note,
                }
            )
    return pd.DataFrame(standing + others)


def by_the_token(model: str) -> pd.DataFrame:
    """Every price of a model by the token, the cheapest first, for as many tokens read as written."""
    offers = [offer for offer in token_prices() if offer.shown["Model"] == model]
    prices = {offer.name: [figure for figure in offer.shown.values() if isinstance(figure, float)] for offer in offers}
    offers.sort(key=lambda offer: (round(sum(prices[offer.name]), 9), prices[offer.name]))
    return frame(offers).drop(columns="Model", errors="ignore")


def csv_text(items: Iterable[Item]) -> str:
    """All figures of items as CSV, in base units, each with its source where that is not the row's own."""
    rows = []
    for item in items:
        row = {"name": item.name}
        for figure in item.figures:
            row[figure.name] = repr(figure.value) if isinstance(figure.value, float) else str(figure.value)
            if figure.source != item.source:
                row[f"{figure.name}_source"] = figure.source
        row |= {"note": item.note, "disagreements": " | ".join(item.disagreements)}
        rows.append(row | {"source": item.source, "date": item.date})
    last = ("note", "disagreements", "source", "date")
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in last]
    text = io.StringIO()
    table = csv.DictWriter(text, (*columns, *last), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def summary() -> str:
    """What the catalog holds, in one sentence."""
    offers = rents.offers()
    disputed = sum(map(len, catalog.disagreements().values()))
    synthetic = sum(facts.synthetic for facts in catalog.model_facts().values())
    made_up = f" ({synthetic} made up for comparison, which Recommend leaves out)" if synthetic else ""
    oldest, newest = min(offer.quoted for offer in offers), max(offer.quoted for offer in offers)
    sold = len({offer.shown["Model"] for offer in token_prices()})
    scored = sum(bool(item.shown["Scores"]) for item in models())
    return (
        f"**{len(models())} models**{made_up}, **{len(accelerators())} accelerators**, **{len(servers())} servers**, "
        f"**{len(formats())} formats** "
        f"({len(catalog.formats())} of weights, {len(catalog.cache_formats())} of the cache), "
        f"**{wording.plural(len(catalog.engines()), 'engine')}** and **{len(offers)} prices**, "
        f"each with its source and date; "
        f"**{scored} models** have a published score on one of {len(benchmarks())} benchmarks at least, and "
        f"**{sold}** a price by the token. The oldest price of a device is from {oldest}, the newest from {newest}. "
        f"On **{disputed} figures** sources disagree."
    )


def nothing(kind: str, counts: Mapping[str, int]) -> str:
    """What to do when a search finds nothing of a kind; `counts` is what it finds of each."""
    elsewhere = [f"{name} ({count:,})" for name, count in counts.items() if count]
    if elsewhere:
        return f"No row of {kind} contains every word of the search. These do: {', '.join(elsewhere)}."
    return "Nothing in the catalog contains every word of the search. Try one word alone, such as H100, Llama or AWQ."
