"""Step 2: a slice -> its good bytes, and the reasons against its other records.

`judge` is pure and runs wherever an engine puts it; `settled` adds what only the whole source in its order
can tell (`unique`) and runs in one place; `accepted` is what of a judged slice is staged.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pipeline import cells
from pipeline.handoffs import Header, Slice, Verdict
from pipeline.records import spliced

if TYPE_CHECKING:
    from pipeline.contract import Contract
    from pipeline.contract.unique import Failures, Uniqueness


def judge(piece: Slice, contract: Contract, uniqueness: Uniqueness) -> Verdict:
    """The verdict on a slice by itself; the reasons of each record stand in the contract's order."""
    table = piece.table()
    judgement = contract.judge(table.cells)
    reasons: dict[int, list[str]] = {}
    for row, reason in judgement.failures:
        reasons.setdefault(row, []).append(reason)
    keys = uniqueness.keys(table.cells.with_columns(**judgement.changed))
    return Verdict(table, reasons, keys, judgement.changed)


def settled(verdicts: Iterable[Verdict], uniqueness: Uniqueness, order: Sequence[str]) -> Iterator[Verdict]:
    """The verdicts in source order, with the records that repeat others; `order` is that of the reasons.

    Where a later record may take an earlier one back (pandera's `report_duplicates` other than
    `exclude_first`), the verdicts wait in an unnamed temporary file until the last one is there.
    """
    ranks = {reason: rank for rank, reason in enumerate(order)}
    if uniqueness.streams:
        for verdict in verdicts:
            yield _with(verdict, uniqueness.observe(verdict.keys), ranks)
        return
    with TemporaryFile() as spool:
        count = 0
        for verdict in verdicts:
            known = uniqueness.observe(verdict.keys)
            pickle.dump(replace(_with(verdict, known, ranks), keys=()), spool)
            count += 1
        spool.seek(0)
        for index in range(count):
            verdict = pickle.load(spool)  # noqa: S301 - our own, from a file that nobody else can open
            yield _with(verdict, uniqueness.settle(index), ranks)


def _with(verdict: Verdict, failures: Failures, ranks: Mapping[str, int]) -> Verdict:
    if not failures:
        return verdict
    reasons = {row: list(found) for row, found in verdict.reasons.items()}
    for row, reason in failures:
        reasons.setdefault(row, []).append(reason)
    for row, _ in failures:
        reasons[row].sort(key=ranks.__getitem__)
    return replace(verdict, reasons=reasons)


def accepted(verdict: Verdict, header: Header) -> bytes:
    """The accepted records of a judged slice in the staged file's form, source order.

    They are the source's own bytes, spliced around the others, unless the contract itself asked for a
    change of text.
    """
    table = verdict.table
    keep = np.ones(len(table.starts), np.bool_)
    keep[list(verdict.reasons)] = False
    if verdict.changed:
        changed = table.cells.with_columns(**verdict.changed).filter(pl.Series(keep))
        return cells.write(changed.select(header.staged)).data
    return table.data if keep.all() else spliced(table.data, table.starts[keep], table.ends[keep])


def header_row(header: Header) -> bytes:
    """The staged file's first row: the names of the attributes."""
    return cells.write(pl.DataFrame([header.staged], orient="row")).data
