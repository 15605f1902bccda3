"""What does the catalog list? Every preset as an item, kind by kind."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from math import nan
from types import MappingProxyType

from calculators.architecture import active_parameters, mtp_parameters, parameters
from calculators.formats import Format
from calculators.memory import kv_cache_bytes, state_bytes, weight_bytes
from pages.ui.catalog.sourced import Item, differing, each, figure_name, named, rounded, said, sentence, source_of
from pages.ui.explain import wording
from pages.ui.explain.wording import GIB
from presets import catalog, rents
from presets.prices import ApiOffer, api_offers, cheapest_api
from presets.quality import Score, benchmarks, quality
from presets.servers import server_facts


@cache
def models() -> tuple[Item, ...]:
    """Every model: what is counted, published and scored, and its config.json."""
    items = []
    for name, facts in catalog.model_facts().items():
        model = facts.architecture
        total, scores = catalog.published_totals().get(facts.config_name), standing_scores(name)
        offers = [offer for offer in api_offers() if offer.model == name]
        counted = {
            "parameters": parameters(model),
            "active_parameters": active_parameters(model),
            "mtp_parameters": mtp_parameters(model),
            "published_weight_bytes": int(weight_bytes(model, catalog.formats()[facts.published_in])),
            "bf16_cache_bytes_per_token": int(
                kv_cache_bytes(model, catalog.cache_formats()["BF16"], batch=1, context_tokens=1)
            ),
        }
        state = int(state_bytes(model, catalog.cache_formats()["BF16"], batch=1))
        counted |= {"state_bytes_per_sequence": state} if state else {}
        config = {
            f"config.{field}": value if isinstance(value, str | int | float) else json.dumps(value)
            for field, value in facts.config.items()
        }
        figures = named(f"counted from {facts.source}", counted)
        figures += named(facts.source, {"published_in": facts.published_in, "max_context_tokens": model.max_context})
        if total:
            figures += named(total.source, {"published_total": total.total})
        for benchmark, score in scores.items():
            key = re.sub(r"\W+", "_", benchmark.lower())
            taken = {f"{key}_percent": score.value, f"{key}_of": f"{score.form}, {score.setting}"}
            figures += named(score.source, taken)
        by_token = "; ".join(f"{offer.provider}, {offer.quoted}: {spoken(offer)}" for offer in offers)
        figures += named("; ".join(dict.fromkeys(offer.source for offer in offers)), {"by_the_token": by_token})
        items.append(
            Item(
                name=name,
                shown={
                    "Model": name,
                    "Parameters, B": rounded(counted["parameters"], 1e9),
                    "Active, B": rounded(counted["active_parameters"], 1e9),
                    "Published in": facts.published_in,
                    "Cache, KiB a token": rounded(counted["bf16_cache_bytes_per_token"], 2**10),
                    "Context, k": rounded(model.max_context, 2**10),
                    "MMLU, %": rounded(scores["MMLU"].value) if "MMLU" in scores else nan,
                    "By the token": spoken(cheapest) if (cheapest := cheapest_api(name, 1, 1)) else "",
                    "Scores": ", ".join(scores),
                    "Disputed": ", ".join(differing(name)),
                },
                figures=(*figures, *named(facts.source, config)),
                source=facts.source,
                date=str(facts.checked),
                note=facts.note,
                disagreements=tuple(map(sentence, catalog.disagreements().get(name, ()))),
            )
        )
    return tuple(items)


def standing_scores(model: str) -> dict[str, Score]:
    """The score that stands for a model on each benchmark that it has one on, the benchmarks of most models first."""
    return {benchmark: quality(benchmark)[model] for benchmark in benchmarks() if model in quality(benchmark)}


def spoken(offer: ApiOffer) -> str:
    """What a million tokens cost, read and written."""
    return f"{wording.show_usd(offer.input_usd * 1e6)} in, {wording.show_usd(offer.output_usd * 1e6)} out a million"


@cache
def token_prices() -> tuple[Item, ...]:
    """Every dated price of a model by the token."""
    items = []
    for offer in api_offers():
        usd = {"In": float(f"{offer.input_usd * 1e6:.12g}"), "Out": float(f"{offer.output_usd * 1e6:.12g}")}
        values = {
            "model": offer.model, "provider": offer.provider, "sold_as": offer.sold_as,
            "input_usd_per_million_tokens": usd["In"], "output_usd_per_million_tokens": usd["Out"],
            "checked": str(offer.checked),
        }  # fmt: skip
        items.append(
            Item(
                name=f"{offer.model}, {offer.provider}, {offer.sold_as}",
                shown={"Model": offer.model, "Provider": offer.provider}
                | {f"{way}, $ a million": price for way, price in usd.items()}
                | {"Sold as": offer.sold_as},
                figures=tuple(named(offer.source, values)),
                source=offer.source,
                date=offer.quoted,
            )
        )
    return tuple(items)


@cache
def accelerators() -> tuple[Item, ...]:
    """Every accelerator: what its data sheet and its driver say, its link and its prices."""
    items = []
    for name, facts in catalog.accelerator_facts().items():
        card = facts.accelerator
        values = {
            "vendor": facts.vendor,
            "kind": facts.kind,
            "memory_bytes": facts.vendor_memory_bytes,
            "driver_memory_bytes": card.memory_bytes,
            "bandwidth_bytes_per_s": card.bandwidth_bytes_per_s,
            **{f"{kind}_flops_per_s": peak for kind, peak in card.peak_flops_per_s.items()},
            "link": "" if facts.link_name == wording.UNKNOWN else facts.link_name,
            "link_bytes_per_s": card.link_bytes_per_s,
            "devices_per_node": card.node_devices,
            "power_w": card.power_w,
            "list_price_usd": facts.list_price_usd,
        }
        sources = {key: source_of(facts.source, key) for key in values}
        if not facts.driver_known:
            sources["driver_memory_bytes"] = f"estimated as others of its kind: {facts.allowance_source}"
        figures = [figure for key, value in values.items() for figure in named(sources[key], {key: value})]
        items.append(
            Item(
                name=name,
                shown={
                    "Accelerator": name,
                    "Kind": facts.kind,
                    "Memory, GB": rounded(facts.vendor_memory_bytes, GIB),
                    "Bandwidth, GB/s": rounded(card.bandwidth_bytes_per_s, 1e9),
                    "BF16, TFLOP/s": rounded(card.peak_flops_per_s.get("bf16", nan), 1e12),
                    "Power, W": rounded(card.power_w),
                    "$ an hour": rounded(card.usd_per_hour),
                    "Disputed": ", ".join(differing(name)),
                },
                figures=(*figures, *named(facts.rent, {"rent_usd_per_hour": card.usd_per_hour})),
                source=facts.source,
                date=str(facts.checked),
                note=facts.note,
                disagreements=tuple(map(sentence, catalog.disagreements().get(name, ()))),
            )
        )
    return tuple(items)


def _format(fmt: Format, use: str) -> Item:
    loss = catalog.format_losses().get(fmt.name) if use == "weights" else None
    layout = {
        field.name: getattr(fmt, field.name)
        for field in fields(fmt)
        if isinstance(getattr(fmt, field.name), str | int | float) and field.name not in ("name", "source", "note")
    }
    layout |= {
        "block_bytes": fmt.block_bytes,
        "bits_per_value": fmt.bits_per_value,
        "leaves": ", ".join(sorted(fmt.leaves)),
        "fallback": fmt.fallback.name if fmt.fallback else "",
        "finer": "; ".join(
            f"{' '.join(sorted(rule.tensors))}, {rule.layers}: {rule.format.name}" for rule in fmt.finer
        ),
    }
    figures = named(fmt.source, {"used_for": use} | layout)
    notes = [fmt.note]
    if loss:
        lost = {"score_lost_percent": loss.loss_percent, "perplexity_gained_percent": loss.perplexity_percent}
        figures += named(loss.source, lost)
        notes += [loss.measured, loss.note]
    return Item(
        name=fmt.name,
        shown={
            "Format": fmt.name,
            "For": use,
            "Bits a value": rounded(fmt.bits_per_value),
            "Values a block": rounded(fmt.block_values),
            "Bytes a block": rounded(fmt.block_bytes),
            "Computes in": fmt.arithmetic if use == "weights" else "",
            "Score lost, %": rounded(loss.loss_percent) if loss else nan,
            "Perplexity gained, %": rounded(loss.perplexity_percent) if loss else nan,
        },
        figures=tuple(figures),
        source=fmt.source,
        date=str(fmt.checked),
        note="; ".join(filter(None, notes)),
    )


@cache
def formats() -> tuple[Item, ...]:
    """Every format of weights and of the cache: its layout to the byte, and what it was measured to lose."""
    weights = [_format(fmt, "weights") for fmt in catalog.formats().values()]
    return (*weights, *(_format(fmt, "KV cache") for fmt in catalog.cache_formats().values()))


def constant_shown(name: str, value: float) -> str:
    """An engine's constant in the unit that its name ends in; a share or a count as it is.

    >>> constant_shown("hop_s", 7.7e-7), constant_shown("reserve_bytes", 2**29), constant_shown("arithmetic", 0.7174)
    ('0.770 µs', '0.500 GiB', '0.717')
    """
    ends = {"_s": wording.show_seconds, "_bytes": wording.show_bytes}
    return next((show for end, show in ends.items() if name.endswith(end)), wording.digits)(value)


@cache
def engines() -> tuple[Item, ...]:
    """Every constant of every engine, with its range and its own source."""
    items = []
    for name, engine in catalog.engines().items():
        own = engine if engine.memory is None else engine.memory  # those with a rule borrow their times
        for constant, (low, high) in own.ranges.items():
            values = {"value": getattr(own, constant), "low": low, "high": high}
            items.append(
                Item(
                    name=f"{name}: {constant}",
                    shown={"Engine": name, "Constant": constant}
                    | {key.capitalize(): constant_shown(constant, value) for key, value in values.items()},
                    figures=tuple(named(own.sources[constant], {"engine": name, "constant": constant} | values)),
                    source=own.sources[constant],
                    date=str(engine.checked),
                )
            )
    return tuple(items)


@cache
def prices() -> tuple[Item, ...]:
    """Every dated offer: what a provider asked for a device of an instance."""
    return tuple(
        Item(
            name=", ".join(filter(None, (offer.sold_as, offer.provider, offer.instance))),
            shown={
                "Sold as": offer.sold_as,
                "Provider": offer.provider,
                "Instance": offer.instance,
                "$ an hour a device": rounded(offer.usd_per_device_hour),
                "Devices": offer.devices,
                "Pricing": offer.pricing,
                "Region": offer.region,
                "Accelerator": " or ".join(map(wording.short_device, offer.accelerators)),
            },
            figures=tuple(
                named(
                    offer.source,
                    {
                        "sold_as": offer.sold_as, "memory_gb": offer.memory_gb,
                        "accelerators": "; ".join(offer.accelerators), "provider": offer.provider,
                        "instance": offer.instance, "devices": offer.devices, "instance_hour_usd": offer.usd_per_hour,
                        "device_hour_usd": offer.usd_per_device_hour, "pricing": offer.pricing,
                        "region": offer.region, "checked": str(offer.checked),
                    },
                )
            ),
            source=offer.source,
            date=offer.quoted,
            note=offer.note,
        )
        for offer in rents.offers()
    )  # fmt: skip


@cache
def servers() -> tuple[Item, ...]:
    """Every server: the accelerators that it holds, its height in a rack, and the most that it draws from the wall."""
    items = []
    for name, facts in server_facts().items():
        server, held = facts.server, ", ".join(map(wording.short_device, facts.accelerators))
        figures = {"devices": server.devices, "rack_units": server.rack_units, "power_w": server.power_w}
        items.append(
            Item(
                name=name,
                shown={
                    "Server": name,
                    "Holds": held,
                    "Devices": server.devices,
                    "Rack units": rounded(server.rack_units),
                    "From the wall, W": rounded(server.power_w),
                },
                figures=(
                    *named(facts.source, {"holds": held}),
                    *(
                        each
                        for key, value in figures.items()
                        for each in named(source_of(facts.source, key), {key: value})
                    ),
                ),
                source=facts.source,
                date=str(facts.checked),
                note=facts.note,
            )
        )
    return tuple(items)


@cache
def disagreements() -> tuple[Item, ...]:
    """Every figure on which sources disagree: what the catalog keeps, and what each other source says."""
    items = []
    for name, disputes in catalog.disagreements().items():
        for dispute in disputes:
            figures = named(
                dispute.kept.source,
                {"figure": dispute.figure, "unit": dispute.unit, "kept": dispute.kept.value,
                 "kept_remark": dispute.kept.remark},
            )  # fmt: skip
            for number, claim in enumerate(dispute.others, 1):
                figures += named(claim.source, {f"other_{number}": claim.value, f"other_{number}_remark": claim.remark})
            items.append(
                Item(
                    name=name,
                    shown={
                        "Of": name,
                        "Figure": figure_name(dispute),
                        "The catalog keeps": said(dispute.kept, dispute.unit),
                        "Others say": "; ".join(f"{claim.by}: {said(claim, dispute.unit)}" for claim in dispute.others),
                    },
                    figures=tuple(figures),
                    source="; ".join(dict.fromkeys(claim.source for claim in dispute.others)),
                    date=str(dispute.checked),
                    disagreements=(sentence(dispute),),
                )
            )
    return tuple(items)


LISTED: Mapping[str, Callable[[], tuple[Item, ...]]] = MappingProxyType(
    {
        "Models": models,
        "Accelerators": accelerators,
        "Servers": servers,
        "Formats": formats,
        "Engine constants": engines,
        "Prices": prices,
        "Token prices": token_prices,
        "Disagreements": disagreements,
    }
)


def link(source: str) -> str:
    """An address at which a source can be read; empty where it names none.

    >>> link("Epoch AI; karpathy/nanoGPT@3adf61e1:README.md (peaks)"), link("arXiv:2405.10938, table 2"), link("a log")
    ('https://github.com/karpathy/nanoGPT/tree/3adf61e1', 'https://arxiv.org/abs/2405.10938', '')
    """
    for pattern, address in (
        (r"(https?://[^\s;,)]+)", "{0}"),
        (r"PyPI ([\w.-]+?)(?:==| )(\d[\d.]*\d)", "https://pypi.org/project/{0}/{1}/"),
        (r"([\w.-]+/[\w.-]+)@([0-9a-f]{8,40})\b", "https://github.com/{0}/tree/{1}"),
        (r"arXiv:(\d{4}\.\d{4,5})", "https://arxiv.org/abs/{0}"),
    ):
        named_in = re.search(pattern, source)
        if named_in:
            return address.format(*named_in.groups())
    return ""


@cache
def sources() -> tuple[Item, ...]:
    """Every source that can be told apart, with how many figures it supports; those of most figures first."""
    counts: dict[str, dict[str, int]] = {}
    dates: dict[str, str] = {}
    for kind, items in LISTED.items():
        for item in items():
            for figure in item.figures:
                if isinstance(figure.value, str):
                    continue
                parts = each(figure.source)
                for part in parts if any(map(link, parts)) else parts[:1]:
                    name = link(part) or re.sub(r" \([^()]*\)$", "", part)
                    kinds = counts.setdefault(name, {})
                    kinds[kind] = kinds.get(kind, 0) + 1
                    dates[name] = max(dates.get(name, ""), item.date)
    return tuple(
        Item(
            name=name,
            shown={"Source": name, "Figures": sum(kinds.values()), "For": ", ".join(kinds)},
            figures=tuple(named(name, {f"{kind.lower()} figures": count for kind, count in kinds.items()})),
            source=name,
            date=dates[name],
        )
        for name, kinds in sorted(counts.items(), key=lambda pair: -sum(pair[1].values()))
    )


KINDS: Mapping[str, Callable[[], tuple[Item, ...]]] = MappingProxyType({**LISTED, "Sources": sources})
