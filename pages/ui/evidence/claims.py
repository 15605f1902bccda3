"""Which of the articles' claims hold? The section of the Evidence page: a sentence, a filter, a table, the working."""

from collections import Counter
from collections.abc import Sequence
from math import inf

import pandas as pd
import streamlit as st

from pages.ui.explain import wording
from presets.checks import Reading
from presets.claims import HOLDS, NOT_CHECKABLE, UNITS, VERDICTS, Finding, articles, findings

EVERY = "All articles"
# What becomes of claims, in a sentence: of one and of several.
VERBS = {"holds": ("holds", "hold"), "off": ("is off", "are off"), "not checkable": ("cannot be checked",) * 2}


def summary(found: Sequence[Finding]) -> str:
    """How many of the claims hold, are off and cannot be checked, in a sentence."""
    counts = Counter(finding.verdict for finding in found)
    parts = {each: f"**{count} {VERBS[each][count != 1]}**" for each in VERDICTS if (count := counts[each])}
    possible = sum(finding.possible for finding in found)
    if possible:
        parts[HOLDS] += f" ({possible} of them only because a bound or a range allows it)"
    return f"Of **{wording.plural(len(found), 'claim')}**, {', '.join(parts.values())}."


def figure(value: float, unit: str) -> str:
    """A figure in the unit that its claim is printed in; parameters to the last one, billions as a count."""
    if unit.startswith("B"):
        return wording.show_count(value) + unit.removeprefix("B")
    number = value / UNITS[unit]
    text = f"{number:,.0f}" if unit == "parameters" else wording.digits(number)
    return f"{text} {unit}".rstrip()


def computed(reading: Reading, unit: str) -> str:
    """What a reading gives: a figure, a range, or a bound."""
    if reading.low == reading.high:
        return figure(reading.low, unit)
    if reading.high == inf:
        return f"at least {figure(reading.low, unit)}"
    if reading.low == 0:
        return f"at most {figure(reading.high, unit)}"
    return f"{figure(reading.low, unit).removesuffix(unit).rstrip()} to {figure(reading.high, unit)}"


def verdict(finding: Finding) -> str:
    """The verdict in words: by how much the claim is off, or that a bound or a range only allows it."""
    nearest, ratio = finding.nearest, finding.ratio
    if nearest is None:
        return finding.verdict
    if finding.verdict == HOLDS:
        return "holds: possible" if finding.possible else HOLDS
    side = "high" if ratio > 1 else "low"
    factor = ratio if ratio > 1 else 1 / ratio
    if factor == inf:
        return f"off: too {side}, computed is nothing"
    return (
        f"off: {wording.digits(factor)} × too {side}"
        if factor >= 1.5
        else f"off: {100 * (factor - 1):.0f}\u202f% too {side}"
    )


def ratio(finding: Finding) -> str:
    """Claimed over computed; "within" where one of them is a range or a bound and holds the other."""
    if finding.nearest is None:
        return ""
    return "within" if finding.within else wording.digits(finding.ratio)


def working(finding: Finding) -> str:
    """How each reading came about, with its value; or why there is none."""
    unit = finding.claim.unit
    readings = [f"{computed(reading, unit)}: {reading.working}" for reading in finding.readings]
    return " | ".join(readings) or finding.claim.reason


def frame(found: Sequence[Finding]) -> pd.DataFrame:
    """The claims as a table."""
    return pd.DataFrame(
        [
            {
                "Verdict": verdict(finding),
                "Claim": finding.claim.says,
                "Claimed": finding.claim.printed,
                "Computed": computed(finding.nearest, finding.claim.unit) if finding.nearest else "",
                "Claimed ÷ computed": ratio(finding),
                "Working": working(finding),
                "About": finding.claim.kind,
                "Article": articles()[finding.claim.article].title,
                "Passage": finding.claim.source,
            }
            for finding in found
        ]
    )


def chosen(verdicts: Sequence[str], article: str) -> tuple[Finding, ...]:
    """The claims with one of these verdicts (none chosen: any) in an article, or in all of them."""
    titles = {key: text.title for key, text in articles().items()}
    return tuple(
        finding
        for finding in findings()
        if (not verdicts or finding.verdict in verdicts) and article in (EVERY, titles[finding.claim.article])
    )


def opened(finding: Finding) -> None:
    """All about one claim: where it stands, how it was read, each reading's working."""
    claim, article = finding.claim, articles()[finding.claim.article]
    st.subheader(claim.name, anchor=False)
    st.text(f"{claim.says} Printed: {claim.printed}. {verdict(finding).capitalize()}.")
    for reading in finding.readings:
        st.text(f"{computed(reading, claim.unit)}: {reading.working}")
    if claim.reason:
        st.text(f"Not checked: {claim.reason}.")
    st.caption(wording.markdown(f"{article.title} ({article.source}), {claim.source}; checked {claim.checked}"))


@st.fragment
def section() -> None:
    """The filter, the table and the claim that was chosen: a choice runs this alone."""
    columns = st.columns([2, 3], vertical_alignment="bottom")
    verdicts = columns[0].pills(
        "Verdict", VERDICTS, selection_mode="multi", key="verdicts", persist_state="session",
        help="Claims with one of these verdicts; none chosen shows all.",
    )  # fmt: skip
    article = columns[1].selectbox(
        "Article", [EVERY, *(text.title for text in articles().values())], key="article", persist_state="session",
        help="The five texts that the project was started from, as they are titled.",
    )  # fmt: skip
    found = chosen(verdicts, article)
    if not found:
        st.info("No claim of this article has this verdict. Choose another verdict or all articles.")
        return
    if len(found) < len(findings()):
        st.markdown(summary(found))
    rows = st.dataframe(
        frame(found),
        hide_index=True,
        column_config={
            "Verdict": st.column_config.TextColumn(width=135),
            "Claim": st.column_config.TextColumn(width=375),
            "Claimed": st.column_config.TextColumn(width=100),
            "Computed": st.column_config.TextColumn(width=145),
            "Claimed ÷ computed": st.column_config.TextColumn(width=150),
            "Working": st.column_config.TextColumn(width="large"),
            "Article": st.column_config.TextColumn(width="medium"),
        },
        height=min(35 * len(found) + 38, 600),
        on_select="rerun",
        selection_mode="single-row",
        key=f"claims {verdicts} {article}",  # another filter, another choice
        alt="The articles' claims with what was computed and the verdict",
    ).selection.rows
    if rows and rows[0] < len(found):
        opened(found[rows[0]])
    else:
        st.caption("Choose a row for each way the claim can be read, with its working.")
    st.caption(
        "A claim holds where one way to read it gives the printed figure, up to its rounding; where all that can be "
        "computed is a range or a bound, a claim within it is possible, not measured. 1 GB is 10⁹ bytes, as printed. "
        f"Claims are {NOT_CHECKABLE} where they need a measurement of quality or state no inputs."
    )
