"""Combinations side by side, a row each, in an order; each becomes a candidate when it is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from calculators.architecture import parameters
from calculators.recommend.candidate import Candidate, candidate
from calculators.recommend.grid import Floats, Places, Truths, known
from calculators.recommend.records import GOALS, Budget, Need
from calculators.recommend.survey import Block, Survey


@dataclass(frozen=True, kw_only=True)
class Table:
    """One row a form (model, weight format, cache format): its best deployment, or its nearest miss."""

    block: Places
    form: Places  # among the block's forms
    cell: Places  # among the block's cells
    token_s: Floats
    answer_s: Floats  # of one whole answer: see `answer_s`
    overrun: Floats  # of all limits that it breaks, multiplied
    quality: Floats
    bits: Floats
    cache_bits: Floats
    size: Floats
    converted: Floats  # 0 where the model was published in these weights, else 1: somebody has to make them
    cost_usd: Floats
    token_cost: Floats  # what is cheapest a token is least here: see `token_cost`
    devices: Places

    def __len__(self) -> int:
        return len(self.block)

    def at(self, rows: Places) -> "Table":
        """Some of the rows."""
        return Table(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def keys(self, goal: str) -> tuple[NDArray[Any], ...]:
        """What rows are compared by, the first first; the less the better.

        What nobody scored comes behind what was; the rest breaks ties. A narrower cache loses something that nobody
        measured, so that it is taken only where it gains something; of weights as good and as cheap those that the
        model was published in come first.
        """
        unscored, loss = np.isnan(self.quality), -np.nan_to_num(self.quality, nan=0.0)
        cost, speed, cache = self.cost_usd, self.answer_s, -self.cache_bits
        last = (speed, -self.size, -self.bits)
        return {
            GOALS[0]: (unscored, loss, cache, cost, self.devices, self.converted, *last),
            GOALS[1]: (unscored, cost, self.devices, loss, cache, self.converted, *last),
            GOALS[2]: (unscored, speed, loss, cost, self.devices, cache, self.converted, *last[1:]),
            GOALS[3]: (unscored, self.token_cost, loss, cost, self.devices, cache, self.converted, *last),
        }[goal]

    def order(self, goal: str) -> Places:
        """The rows, best first."""
        return np.lexsort(self.keys(goal)[::-1])


class Candidates(Sequence[Candidate]):
    """Rows of a table as candidates, each worked out when it is asked for: by one scalar `estimate()`."""

    def __init__(self, found: Survey, need: Need, budget: Budget, table: Table, rows: Places) -> None:
        self.found, self.need, self.budget, self.table, self.rows = found, need, budget, table, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> "Candidates": ...
    def __getitem__(self, at: int | slice) -> "Candidate | Candidates":
        if isinstance(at, slice):
            return self.some(self.rows[at])
        row, table = int(self.rows[at]), self.table
        block = self.found.blocks[table.block[row]]
        return candidate(self.found, self.need, self.budget, block, int(table.form[row]), int(table.cell[row]))

    def promises(self) -> Iterator["Promise"]:
        """Each with what it is compared by, in order."""
        keys = (key[self.rows].tolist() for key in self.table.keys(self.need.goal))
        for at, each in enumerate(zip(*keys, strict=True)):
            yield Promise(each, int(self.model[at]), at, self)

    def some(self, rows: Places) -> "Candidates":
        """Other rows of the same table, in their order."""
        return Candidates(self.found, self.need, self.budget, self.table, rows)

    @property
    def models(self) -> "Candidates":
        """The best of each model, in order."""
        return self.some(self.rows[np.sort(np.unique(self.model, return_index=True)[1])])

    @property
    def forms(self) -> "Candidates":
        """The best of each model and weight format, in order."""
        first: dict[tuple[int, str], int] = {}
        for model, place, form, row in zip(self.model, *map(self.column, ("block", "form")), self.rows, strict=True):
            block = self.found.blocks[place]
            first.setdefault((model, block.weights[block.place(form)[1]].name), row)
        return self.some(np.array(list(first.values()), dtype=np.intp))

    def above(self, quality: float) -> "Candidates":
        """Those that score more, in order."""
        return self.some(self.rows[self.table.quality[self.rows] > quality])

    def of(self, model: str) -> "Candidates":
        """Those of one model, in order."""
        return self.some(self.rows[self.model == list(self.found.catalog.models).index(model)])

    @cached_property
    def model(self) -> Places:
        """The place of each one's model in the catalog."""
        places = {name: place for place, name in enumerate(self.found.catalog.models)}
        models = np.array([places[block.model.name] for block in self.found.blocks], dtype=np.intp)
        found: Places = models[self.column("block")]
        return found

    @property
    def names(self) -> list[str]:
        """Model, weights and devices of each, without its figures."""
        found = []
        for row in self.rows:
            block, cell = self.found.blocks[self.table.block[row]], self.table.cell[row]
            card = list(self.found.catalog.accelerators)[block.cells.accelerator[cell]]
            weights = block.weights[block.place(self.table.form[row])[1]].name
            found.append(f"{block.model.name}, {weights}, {self.table.devices[row]} × {card}")
        return found

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table for these rows."""
        values: NDArray[Any] = getattr(self.table, name)[self.rows]
        return values

    def figures(self, priced: bool) -> Floats:
        """Cost, seconds a token and the score's lack of each, rows x 3: the less the better, inf where unknown."""
        cost, time = self.column("cost_usd" if priced else "devices"), self.column("token_s")
        return np.stack([known(cost), known(time), known(-self.column("quality"))], axis=-1)

    @property
    def unscored(self) -> int:
        """How many have no measured score, a count."""
        return int(np.isnan(self.table.quality[self.rows]).sum())


class Promise(NamedTuple):
    """One of some candidates with what it is compared by: see `Table.keys`. Equals come in the order of the catalog."""

    keys: tuple[float, ...]
    model: int  # its model's place in the catalog
    at: int  # its place among its candidates
    among: Candidates

    @property
    def row(self) -> int:
        """Its row of the table."""
        return int(self.among.rows[self.at])

    @property
    def block(self) -> Block:
        """What it is a form of."""
        block: Block = self.among.found.blocks[self.among.table.block[self.row]]
        return block

    @property
    def quality(self) -> float:
        """Its score."""
        return float(self.among.table.quality[self.row])

    @property
    def candidate(self) -> Candidate:
        """It, worked out."""
        return self.among[self.at]


def joined(tables: Sequence[Table]) -> Table:
    """The rows of blocks, a table each, in one table."""
    whole = ("block", "form", "cell", "devices")
    columns = {
        name: np.concatenate([getattr(each, name) for each in tables])
        if tables
        else np.zeros(0, dtype=np.intp if name in whole else float)
        for name in Table.__dataclass_fields__
    }
    columns["block"] = np.repeat(np.arange(len(tables)), [len(each) for each in tables])
    return Table(**columns)


def run_begins(*columns: NDArray[Any]) -> Places:
    """Where the runs of cells that are equal in all these columns begin."""
    change: Truths = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.append(0, np.flatnonzero(change) + 1)


def rows_of(found: Survey, rows: Sequence[tuple[int, int, int, float]]) -> Table:
    """A table of single combinations: (block, form, cell, seconds a token); each will do."""
    numbers = np.array([row[:3] for row in rows], dtype=np.intp).reshape(-1, 3)
    blocks, cells = [found.blocks[block] for block in numbers[:, 0]], numbers[:, 2]
    formats = [(block, *block.place(form)) for block, form in zip(blocks, numbers[:, 1], strict=True)]
    weights, caches = [block.weights[at] for block, _, at in formats], [block.caches[at] for block, at, _ in formats]
    names = [(block.model.name, fmt.name) for block, fmt in zip(blocks, weights, strict=True)]
    return Table(
        block=numbers[:, 0],
        form=numbers[:, 1],
        cell=cells,
        token_s=np.array([row[3] for row in rows], dtype=float),
        answer_s=np.full(len(rows), np.nan),
        overrun=np.ones(len(rows)),
        quality=np.array([found.catalog.score(*name) for name in names], dtype=float),
        bits=np.array([fmt.bits_per_value for fmt in weights], dtype=float),
        cache_bits=np.array([fmt.bits_per_value for fmt in caches], dtype=float),
        size=np.array([parameters(block.model) for block in blocks], dtype=float),
        converted=np.array([found.catalog.converted(*name) for name in names], dtype=float),
        cost_usd=np.array([block.cells.cost_usd[at] for block, at in zip(blocks, cells, strict=True)], dtype=float),
        token_cost=np.full(len(rows), np.nan),
        devices=np.array([block.cells.devices[at] for block, at in zip(blocks, cells, strict=True)], dtype=np.intp),
    )
