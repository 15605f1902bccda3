"""What is in the catalog, who says so, and where do sources disagree?"""

from functools import partial

import streamlit as st

from pages.ui import shell
from pages.ui.catalog import entries, shown, sourced
from pages.ui.explain import wording

shell.guard()
st.title("Catalog", anchor=False)
shell.problems()
st.markdown(wording.markdown(shown.summary()))

COLUMNS = {
    "Open": st.column_config.LinkColumn(display_text="open", width=60, help="The source, where it has an address."),
    "Source": st.column_config.TextColumn(width="large"),
    "Others say": st.column_config.TextColumn(width="large"),
    "Scores": st.column_config.TextColumn(width=150, help="The benchmarks on which a score of it is published."),
    "By the token": st.column_config.TextColumn(
        width=210, help="The cheapest price at hand for as many tokens read as written."
    ),
    "Used": st.column_config.CheckboxColumn(help="The score that every page takes for the benchmark."),
    "Disputed": st.column_config.TextColumn(width=110, help="Figures on which sources disagree."),
}


def listing(kind: str, items: tuple[sourced.Item, ...], search: str) -> None:
    """A kind's table, its file, and everything about the row that was chosen."""
    table = shown.frame(items)
    numbers = {
        name: st.column_config.NumberColumn(format="%.2f" if "$ an hour" in name else "%g")
        for name in table.select_dtypes("number")
    }
    chosen = st.dataframe(
        table,
        hide_index=True,
        column_config=COLUMNS | numbers,
        placeholder=wording.UNKNOWN,
        height=min(35 * len(items) + 38, 460),
        on_select="rerun",
        selection_mode="single-row",
        key=f"{kind} {search}",  # another search, another choice
        alt=f"{kind} of the catalog",
    )
    st.download_button(
        f"{kind} as CSV",
        partial(shown.csv_text, items),
        f"weighbridge-{kind.lower().replace(' ', '-')}.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
        help="What the table shows, with all figures in base units and the source of each.",
    )
    rows = [row for row in chosen.selection.rows if row < len(items)]
    if not rows:
        st.caption("Choose a row for all its figures, each with its own source.")
        return
    item = items[rows[0]]
    st.subheader(item.name, anchor=False)
    for text in filter(None, (*item.disagreements, item.note)):
        st.text(text)
    if kind == "Models":
        published(item.name)
    st.dataframe(shown.details(item), hide_index=True, column_config=COLUMNS, alt=f"Every figure of {item.name}")


def published(model: str) -> None:
    """How good a model is and what it costs by the token, as published; or that nobody's figure is at hand."""
    of_model, offers = shown.scores(model), shown.by_the_token(model)
    if of_model.empty:
        st.caption("Nobody's score of it is at hand, so how good it is stays unknown.")
    else:
        st.caption("Scores as published; ticked: the one that every page takes for its benchmark.")
        st.dataframe(of_model, hide_index=True, column_config=COLUMNS, alt=f"Published scores of {model}")
    if offers.empty:
        st.caption("Nobody's price of it by the token is at hand.")
    else:
        st.caption("Prices by the token, in dollars a million tokens read (in) and written (out).")
        st.dataframe(offers, hide_index=True, column_config=COLUMNS, alt=f"Prices of {model} by the token")


@st.fragment
def catalog() -> None:
    """The search and the tables: a search runs this alone."""
    search: str = st.text_input(
        "Search everything", max_chars=100, key="find", persist_state="session", icon=":material/search:",
        placeholder="H100, gemma, AWQ, spot, 2024 …", help="Rows that contain every word.",
    )  # fmt: skip
    found = {kind: shown.found(kind, search) for kind in entries.KINDS}
    labels = {kind: f"{kind} {len(items):,}" for kind, items in found.items()}
    if "kinds" in st.session_state:  # the open tab stays open when its count changes
        st.session_state.kinds = labels[st.session_state.kinds.rpartition(" ")[0]]
    tabs = st.tabs(list(labels.values()), key="kinds", on_change="rerun")
    for (kind, items), tab in zip(found.items(), tabs, strict=True):
        with tab:
            if tab.open and items:
                listing(kind, items, search)
            elif tab.open:
                st.info(shown.nothing(kind, {name: len(rows) for name, rows in found.items()}))


catalog()
