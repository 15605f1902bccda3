"""What fits on one page to hand round? A file that opens in any browser and prints on one A4 sheet, charts included.

It stands alone: no script, nothing fetched. Every text is escaped.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import isfinite

from pages.ui.explain.wording import show_bytes
from pages.ui.figures import Figure, named

STYLE = """
@page { size: A4; margin: 12mm }
body { font: 9pt/1.3 system-ui, sans-serif; color: #12171d; max-width: 182mm; margin: 0 auto; padding: 2mm 0 0 }
h1 { font-size: 17pt; margin: 0 0 1mm } h2 { font-size: 11pt; margin: 3.5mm 0 1mm }
p { margin: 0 0 2mm } .small { font-size: 8pt; color: #4a5560; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; break-inside: avoid }
td, th { text-align: left; padding: .4mm 3mm .4mm 0; border-bottom: .2mm solid #d3d9e1; vertical-align: top }
.number { text-align: right; white-space: nowrap } svg { width: 100%; height: auto; break-inside: avoid }
pre { font-size: 8pt; background: #f3f5f8; padding: 2mm; margin: 0 0 1mm; white-space: pre-wrap; break-inside: avoid }
pre span { white-space: nowrap }
* { -webkit-print-color-adjust: exact; print-color-adjust: exact }
"""
TIMES = ("First token", "Each further token")
ROWS = (  # what neither the title nor a drawing says
    "Parameters", "Weights of a copy", "Memory of a device", "Memory that a device gives", "Tokens a second",
    "Cost, 1M tokens", "Energy, 1 token", "Rent of all devices, an hour",
)  # fmt: skip
WIDTH = 680  # of the drawings, in their own units


def _plain(markdown: str) -> str:
    """A sentence without the marks that make words bold."""
    return markdown.replace("**", "")


def memory_bar(parts: Mapping[str, float], capacity: float, colours: Mapping[str, str]) -> str:
    """What fills a device, as a bar against its capacity, with a legend: SVG."""
    parts = {name: size for name, size in parts.items() if size}
    whole = max(sum(parts.values()), capacity)
    x, shapes, legend = 0.0, "", ""
    for number, (name, size) in enumerate(parts.items()):
        wide = WIDTH * size / whole
        shapes += f'<rect x="{x:.2f}" y="14" width="{wide:.2f}" height="24" fill="{escape(colours[name])}"/>'
        left, top = (number % 3) * WIDTH / 3, 56 + 16 * (number // 3)
        legend += f'<rect x="{left:.0f}" y="{top - 9}" width="10" height="10" fill="{escape(colours[name])}"/>'
        legend += f'<text x="{left + 15:.0f}" y="{top}">{escape(name)}, {escape(show_bytes(size))}</text>'
        x += wide
    limit = WIDTH * capacity / whole
    line = f'<path d="M{limit:.2f} 8V44" stroke="#12171d" stroke-width="2" stroke-dasharray="4 3"/>'
    side = "end" if limit > WIDTH / 2 else "start"
    note = f'<text x="{limit:.2f}" y="8" text-anchor="{side}">{escape(show_bytes(capacity))} that it gives</text>'
    height = 62 + 16 * ((len(parts) - 1) // 3)
    return _svg(height, f"{shapes}{line}{note}{legend}", "What fills a device, against its capacity")


def time_bars(found: Sequence[Figure]) -> str:
    """Times as bars from nothing, each with the whisker of its interval: SVG; unknown ones in words."""
    shapes, top = "", 4
    for each in found:
        shapes += f'<text x="0" y="{top + 15}">{escape(each.name)}</text>'
        if not isfinite(each.value):
            shapes += f'<text x="130" y="{top + 15}">unknown</text>'
        else:
            known = isfinite(each.low) and isfinite(each.high)
            longest = each.high if known else each.value
            reach, left = 380.0, 130.0
            shapes += (
                f'<rect x="{left}" y="{top}" width="{reach * each.value / longest:.2f}" height="20" fill="#0072B2"/>'
            )
            if known:
                low, high = (left + reach * end / longest for end in (each.low, each.high))
                middle = top + 10
                shapes += (
                    f'<path d="M{low:.2f} {middle}H{high:.2f}M{low:.2f} {middle - 5}v10M{high:.2f} {middle - 5}v10" '
                )
                shapes += 'stroke="#12171d" stroke-width="1.5" fill="none"/>'
            words = f"{each.shown} ({each.interval})" if known else each.shown
            shapes += f'<text x="{left + reach + 10}" y="{top + 15}">{escape(words)}</text>'
        top += 30
    return _svg(top, shapes, "Times with their intervals")


def _heading(where: str) -> str:
    return f"# {escape(where)}\n" if where else ""


def _words(text: str) -> str:
    """A command that breaks between its words alone; a file keeps its lines."""
    lines = text.replace(" \\\n ", "").splitlines()
    return "\n".join(" ".join(f"<span>{escape(word)}</span>" for word in line.split(" ")) for line in lines)


def _svg(height: float, inner: str, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}" '
        f'font-family="system-ui, sans-serif" font-size="11">{inner}</svg>'
    )


def report(
    *,
    title: str,
    answer: str,
    asked: str,
    found: Sequence[Figure],
    memory: Mapping[str, float],
    colours: Mapping[str, str],
    basis: str,
    commands: Mapping[str, str],
    notes: Sequence[str],
    link: str,
    made: date,
) -> str:
    """The page: the answer, what was asked, the figures with intervals, two charts, the start, the link back.

    `commands`: each command or file of a start by where it stands, "" where it needs no words; `notes` on them.
    """
    figures = named(found)
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=number>{escape(figures[name].shown)}</td>"
        f"<td>{escape(figures[name].interval)}</td></tr>"
        for name in ROWS
    )
    starts = "".join(f"<pre>{_heading(where)}{_words(text)}</pre>" for where, text in commands.items())
    said = f"<p class=small>{escape(' '.join(notes))}</p>"
    start = f"<h2>Start</h2>{starts}{said}" if commands else ""
    capacity = figures["Memory that a device gives"].value
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(_plain(answer))}</p><p class=small>{escape(asked)}</p>"
        f"<h2>What fills a device</h2>{memory_bar(memory, capacity, colours)}"
        f"<h2>How fast it answers, each bar to its own scale</h2>{time_bars([figures[name] for name in TIMES])}"
        f"<h2>Figures</h2><table><tr><th>Figure</th><th class=number>Predicted</th><th>80 % interval</th></tr>{rows}"
        "</table>"
        f"{start}<h2>Where this is from</h2><p class=small>{escape(_plain(basis))}</p>"
        f"<p class=small>Weighbridge, {made:%d %B %Y}. The same estimate, live: {escape(link)}</p></body></html>\n"
    )
