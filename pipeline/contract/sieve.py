"""The sieve: which records are certainly good, told from their bytes before they are taken apart.

The rules of all columns together make one regular expression for a whole record, its fields bare or quoted,
and most records of most files match it: finding that out costs a fraction of what parsing does. What no
pattern says of a column (phone numbers, most checks together) the screen says, of that column alone; what
nobody but pandera says (code) is left to be asked, of that column alone too. A record that does not pass has
done nothing wrong yet: it is parsed, and screened cell by cell.

As with the screen, whatever passes is good, but for the columns that are left to be asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipeline.contract.fields import any_field, field_of
from pipeline.contract.patterns import compiles
from pipeline.contract.rules import Bound, ColumnRule, Rules
from pipeline.contract.screen import DOUBT, passes, screen
from pipeline.tabular import lines

if TYPE_CHECKING:
    from pipeline.handoffs import Mask
    from pipeline.tabular.records import Records


@dataclass(frozen=True)
class Sieve:
    """A pattern for records with these `columns`, and an expression for what it leaves open, if anything.

    `left_open` is about the cells of the columns `apart`, in which there are also those that were needed, and
    those about which nothing is said at all: `asks`.
    """

    pattern: str = field(repr=False)
    columns: tuple[str, ...]
    apart: tuple[str, ...]
    left_open: pl.Expr | None = field(repr=False)
    asks: tuple[str, ...] = ()

    def passed(self, records: Records) -> tuple[Mask, pl.DataFrame]:
        """Which of the records, packed, are certainly good; and the cells of these in the columns `apart`.

        Pure, and lets go of the interpreter's lock: for worker threads.
        """
        texts = lines.whole(records)
        if texts is None:
            return np.zeros(len(records), np.bool_), pl.DataFrame(schema=dict.fromkeys(self.apart, pl.String))
        matching = texts.str.contains(self.pattern)
        found, cells = matching.to_numpy(writable=True), None
        if len(self.columns) > 1 and self.apart == self.columns[:1]:
            cells = lines.first_column(texts.filter(matching), *self.apart)
        if cells is None:
            cells = lines.columns(records, found, self.columns, self.apart)
        if self.left_open is not None:
            good = cells.select(self.left_open).to_series()
            found[found] = good.to_numpy()
            cells = cells.filter(good)
        return found, cells


def sieve(rules: Rules, bound: Bound, columns: Sequence[str], needed: Sequence[str]) -> Sieve | None:
    """The sieve for a source with these columns, that tells the cells of those `needed` besides.

    None where too little of the contract can be said by a pattern.
    """
    patterns = {name: field_of(rule) for name, rule in bound.columns.items()}
    open_ = {name for name, pattern in patterns.items() if pattern is None}
    open_ |= rules.keys & patterns.keys()
    if rules.about_whole_rows or 2 * len(open_) > len(columns):
        return None
    whole = ",".join(patterns.get(name) or any_field() for name in columns)
    if not compiles(pattern := rf"\A{whole}\n\z"):
        return None
    asked = {name for name in open_ if not rules.rows and _has_code(bound.columns[name])}
    left = {name: rule for name, rule in bound.columns.items() if name in open_ - asked}
    return Sieve(
        pattern,
        tuple(columns),
        tuple(name for name in columns if name in open_ or name in needed),
        screen(rules, Bound(left, (), ())) if left else None,
        tuple(name for name in columns if name in asked),
    )


def _has_code(rule: ColumnRule) -> bool:
    """Whether the column has a check of which the screen knows nothing."""
    return any(passes(pl.col(rule.name), rule.type, check) is DOUBT for check in rule.checks)
