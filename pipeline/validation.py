"""Step 2: a slice -> its good bytes, and the reasons against its other records.

`screen` is pure and runs wherever an engine puts it: it takes a slice apart and says which rows are certainly
good. `judged` asks the contract's judge about the others; `settled` adds what only the whole source in its
order can tell (`unique`) and runs in one place; `accepted` is what of a judged slice is staged.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from pipeline.contract.judgement import Found, Judgement
from pipeline.handoffs import Header, Slice, Table, Verdict
from pipeline.tabular import cells
from pipeline.tabular.records import spliced

if TYPE_CHECKING:
    from pipeline.contract import Contract
    from pipeline.contract.unique import Uniqueness
    from pipeline.handoffs import Offsets


BATCH_ROWS = 10_000  # a verdict costs as much as some thousand rows, on however few it is
BATCH_BYTES = 8 << 20  # of slices that wait for it


class Doubts(NamedTuple):
    """Rows that are not certainly good, by number, and the cells by which they are to be judged."""

    rows: Offsets
    cells: pl.DataFrame


@dataclass(frozen=True)
class Screened:
    """A slice taken apart; what is in doubt about its rows, and the keys of all.

    Of some rows all cells are in doubt, of the others maybe those of some columns: one `Doubts` for each.
    """

    table: Table
    doubts: tuple[Doubts, ...] = field(repr=False)
    keys: tuple[Any, ...] = field(repr=False)


_Asked = tuple[list[Screened], Future[list[Judgement]]]


def screen(piece: Slice, header: Header, contract: Contract, uniqueness: Uniqueness) -> Screened:
    """The slice with its rows in doubt; pure, runs wherever an engine puts it."""
    own_text = header.staged == header.columns and not contract.changes_text
    sieve = contract.sieve(header.columns, uniqueness.columns) if own_text else None
    table = piece.table(sieve)
    doubts = [Doubts(table.rows, table.cells)]
    if table.passed is None:  # what a sieve has not passed is in doubt already
        doubtful = np.flatnonzero(contract.in_doubt(table.cells))
        doubts = [Doubts(table.rows[doubtful], table.cells[doubtful])]
    elif sieve and sieve.asks:
        doubts.append(Doubts(_others(table), table.passed.select(sieve.asks)))
    keys = uniqueness.keys(_of_all(table, uniqueness.columns))
    if own_text:
        table = replace(table, cells=table.cells.clear(), passed=None)
    return Screened(table, tuple(doubts), keys)


def _others(table: Table) -> Offsets:
    """The rows that a sieve has passed."""
    passed = np.ones(len(table.starts), np.bool_)
    passed[table.rows] = False
    return np.flatnonzero(passed)


def _of_all(table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """The cells of these columns, of all the table's records."""
    parsed = table.cells.select(columns)
    if table.passed is None or not columns:
        return parsed
    if not len(table.rows):
        return table.passed.select(columns)
    order = np.empty(len(table.starts), np.uint32)
    order[_others(table)] = np.arange(table.passed.height, dtype=np.uint32)
    order[table.rows] = np.arange(table.passed.height, len(order), dtype=np.uint32)
    both = pl.concat([table.passed.select(columns), parsed], rechunk=True)  # of one chunk ten times as fast
    return both.select(pl.all().gather(pl.Series(order)))


def judged(screened: Iterable[Screened], contract: Contract, uniqueness: Uniqueness) -> Generator[Verdict]:
    """The verdicts on slices by themselves, in order; the judge is asked about several slices at a time.

    It is asked in a thread, one batch after the other, while the next slices are screened.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="pipeline-judge") as pool:
        waiting: deque[_Asked] = deque()
        for batch in _batches(screened):
            waiting.append((batch, pool.submit(_judgement, batch, contract)))
            while len(waiting) > 1 or (waiting and waiting[0][1].done()):
                yield from _verdicts(waiting.popleft(), uniqueness)
        while waiting:
            yield from _verdicts(waiting.popleft(), uniqueness)


def _batches(screened: Iterable[Screened]) -> Iterator[list[Screened]]:
    batch: list[Screened] = []
    for one in screened:
        batch.append(one)
        rows = sum(len(doubts.rows) for one in batch for doubts in one.doubts)
        size = sum(len(one.table.data) for one in batch)
        if not rows or rows >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def _judgement(batch: list[Screened], contract: Contract) -> list[Judgement]:
    """What the contract says of all that is in doubt in the batch, of each kind of doubts."""
    kinds = zip(*(one.doubts for one in batch), strict=True)
    filled = [[doubts.cells for doubts in kind if len(doubts.rows)] for kind in kinds]
    return [contract.verdict(pl.concat(cells)) if cells else Judgement() for cells in filled]


def _verdicts(asked: _Asked, uniqueness: Uniqueness) -> Iterator[Verdict]:
    """The judgement on the batch's rows in doubt, slice by slice."""
    batch, judgements = asked[0], asked[1].result()
    starts = [0] * len(judgements)
    for one in batch:
        judgement, changed, keys = Judgement(), {}, one.keys
        for kind, (doubts, said) in enumerate(zip(one.doubts, judgements, strict=True)):
            start, stop = starts[kind], starts[kind] + len(doubts.rows)
            judgement, starts[kind] = judgement | said.part(start, doubts.rows), stop
            for name, new in said.changed.items():
                changed[name] = one.table.cells[name].scatter(doubts.rows, new[start:stop])
        if changed:
            keys = uniqueness.keys(one.table.cells.with_columns(changed.values()))
        yield Verdict(one.table, judgement, keys, changed)


def settled(
    verdicts: Iterable[Verdict], uniqueness: Uniqueness, reasons: Sequence[str]
) -> Generator[Verdict]:
    """The verdicts in source order, with the records that repeat others; `reasons` are all the contract has.

    Where a later record may take an earlier one back (pandera's `report_duplicates` other than
    `exclude_first`), the verdicts wait in an unnamed temporary file until the last one is there.
    """
    if uniqueness.streams:

        def seen(verdict: Verdict) -> Verdict:
            return _with(verdict, uniqueness.observe(verdict.keys), reasons)

        yield from map(seen, verdicts)  # a loop would keep the last while it waits for the next
        return
    with TemporaryFile() as spool:
        count = 0
        for verdict in verdicts:
            known = uniqueness.observe(verdict.keys)
            pickle.dump(replace(_with(verdict, known, reasons), keys=()), spool)
            count += 1
        spool.seek(0)
        for index in range(count):
            verdict = pickle.load(spool)  # noqa: S301 - our own, from a file that nobody else can open
            yield _with(verdict, uniqueness.settle(index), reasons)


def _with(verdict: Verdict, found: Sequence[Found], reasons: Sequence[str]) -> Verdict:
    return replace(verdict, judgement=verdict.judgement | Judgement.of(found, reasons)) if found else verdict


def accepted(verdict: Verdict, header: Header) -> bytes:
    """The accepted records of a judged slice in the staged file's form, source order.

    They are the source's own bytes, spliced around the others, unless the contract itself asked for a
    change of text.
    """
    table = verdict.table
    keep = np.ones(len(table.starts), np.bool_)
    keep[verdict.judgement.rows] = False
    if verdict.changed:
        changed = table.cells.with_columns(verdict.changed.values()).filter(pl.Series(keep))
        return cells.write(changed.select(header.staged)).data
    return spliced(table.data, table.starts[keep], table.ends[keep])


def header_row(header: Header) -> bytes:
    """The staged file's first row: the names of the attributes."""
    return cells.write(pl.DataFrame([header.staged], orient="row")).data
