"""Which format suits where? A decision tree from targets over priorities to formats."""

from collections.abc import Mapping

import plotly.graph_objects as go

from pages.ui.charts.drawing import Trace, figure, muted, palette, written

# Where the three columns of the decision tree begin and end, across the width.
COLUMNS = ((0.0, 0.27), (0.36, 0.54), (0.63, 1.0))


def decision_tree(
    title: str, branches: Mapping[tuple[str, str], tuple[str, str, bool]], taken: tuple[str, str]
) -> go.Figure:
    """Where it runs, what comes first, which format: {(target, priority): (target in full, format in full, fits)}.

    The branch that was taken is filled; a format that does not fit has a dashed border.
    """
    shapes: list[Trace] = []
    notes: list[Trace] = []

    def node(column: int, y: float, text: str, filled: bool, dash: str = "solid", tall: float = 0.4) -> None:
        left, right = COLUMNS[column]
        shapes.append(
            {
                "type": "rect", "x0": left, "x1": right, "y0": y - tall, "y1": y + tall,
                "fillcolor": palette()[0] if filled else "rgba(0,0,0,0)",
                "line": {"color": palette()[0] if filled else muted(), "width": 1.5, "dash": dash},
            }
        )  # fmt: skip
        font = {"color": "#ffffff" if filled else written(), "size": 12}
        notes.append({"x": (left + right) / 2, "y": y, "text": text, "showarrow": False, "font": font})

    def edge(column: int, y0: float, y1: float, filled: bool) -> None:
        left, right = COLUMNS[column][1], COLUMNS[column + 1][0]
        middle = (left + right) / 2
        shapes.append(
            {
                "type": "path", "path": f"M {left},{y0} C {middle},{y0} {middle},{y1} {right},{y1}",
                "line": {"color": palette()[0] if filled else muted(), "width": 3 if filled else 1},
            }
        )  # fmt: skip

    rows: dict[str, list[float]] = {}
    for row, (target, _) in enumerate(branches):
        rows.setdefault(target, []).append(-float(row) - 0.35 * (len(rows) - (target in rows)))
    for (target, priority), (_, leaf, fits) in branches.items():
        ys = rows[target]
        y, middle = ys[[each for where, each in branches if where == target].index(priority)], sum(ys) / len(ys)
        on_way = (target, priority) == taken
        edge(0, middle, y, on_way)
        edge(1, y, y, on_way)
        node(1, y, priority, on_way)
        node(2, y, leaf, on_way, "solid" if fits else "dash")
    for target, ys in rows.items():
        whole = next(text for (where, _), (text, *_) in branches.items() if where == target)
        node(0, sum(ys) / len(ys), whole, target == taken[0], tall=0.8)
    hidden = {"visible": False, "fixedrange": True}
    return figure(
        title,
        [{"type": "scatter", "x": [0, 1], "y": [0, -1], "mode": "markers", "marker": {"opacity": 0},
          "hoverinfo": "skip", "showlegend": False}],
        x={**hidden, "range": [-0.005, 1.005]},
        y={**hidden, "range": [min(min(ys) for ys in rows.values()) - 0.5, 0.5]},
        shapes=sorted(shapes, key=lambda shape: shape["line"]["color"] == palette()[0]),
        annotations=notes,
        height=52 * len(branches),
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
    )  # fmt: skip
