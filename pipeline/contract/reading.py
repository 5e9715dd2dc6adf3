"""The one table of readings: what each makes of a column's text, as one polars expression.

An entry is null where a text cannot be read. Cells are read one after the other by the readings of their
column, before anything is checked; a cell in which nothing is left is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.arrays import Mask, Offsets
from pipeline.contract.faults import Faults, Found
from pipeline.contract.rules import Bound
from pipeline.formats import countries, dateforms, numbers, phonedigits
from pipeline.readings import Reading

READ: dict[str, Callable[[pl.Expr, str], pl.Expr]] = {
    "trim": lambda text, _: text.str.strip_chars(),
    "lower": lambda text, _: text.str.to_lowercase(),
    "date": dateforms.iso,
    "phone": lambda text, region: phonedigits.e164(text, region or None),
    "country": lambda text, _: countries.code(text),
    "decimal_comma": lambda text, _: numbers.pointed(text),
}


class Read(NamedTuple):
    """Cells as they were read; which of them say something else now, and which could not be read, by column.

    A cell that could not be read is null in `cells`.
    """

    cells: pl.DataFrame
    changed: Mapping[str, Mask]
    unreadable: Mapping[str, list[Found]]

    def unread(self, cells: pl.DataFrame) -> pl.DataFrame:
        """`cells`, what is there and could not be read not empty but some text."""
        return cells.with_columns(
            cells[column].scatter(np.concatenate([rows for rows, _ in found]), "?")
            for column, found in self.unreadable.items()
        )

    def judged(self, faults: Faults, bound: Bound) -> Faults:
        """What is wrong with the rows: of a cell that could not be read, that and nothing else."""
        for column, found in self.unreadable.items():
            rows = np.concatenate([rows for rows, _ in found])
            faults = faults.without(rows, bound.own_reasons[column])
        everything = [each for found in self.unreadable.values() for each in found]
        return faults | Faults.collect(everything, bound.reasons)


def read(cells: pl.DataFrame, bound: Bound) -> Read:
    """The cells of columns that have a reading, as the contract reads them, among the others as they are."""
    new, unreadable = {}, {}
    for column, rule in bound.columns.items():
        text, found = cells[column], []
        for reading in rule.read:
            text, lost = _read(text, reading)
            if len(lost):
                found.append((lost, f"{column}:{reading.name}"))
        if found:
            unreadable[column] = found
        if rule.read and not text.equals(cells[column]):
            new[column] = text
    changed = {column: text.ne_missing(cells[column]).to_numpy() for column, text in new.items()}
    return Read(cells.with_columns(text.alias(column) for column, text in new.items()), changed, unreadable)


def _read(text: pl.Series, reading: Reading) -> tuple[pl.Series, Offsets]:
    """A column's text as that reading has it, empty cells null, and the rows that it could not read."""
    expression = READ[reading.name](pl.col("text"), reading.argument)
    new = text.alias("text").to_frame().select(expression.alias("text")).to_series()
    lost = (text.is_not_null() & new.is_null()).arg_true().to_numpy()
    return new.to_frame().select(pl.when(pl.col("text") != "").then("text")).to_series(), lost
