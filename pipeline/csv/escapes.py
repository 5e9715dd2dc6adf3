"""Escape characters in bulk: taken out before records are parsed, and what they took put back after.

Meanwhile a mark stands for whatever an escape took that would else say how records and cells are delimited:
a control character that the records do not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from pipeline.arrays import NO_ROWS, Bytes, Offsets
from pipeline.csv.dialect import Dialect
from pipeline.csv.records import Records

Marks = Mapping[int, int]  # and the byte that each stands for

LF, CR, NULL = b"\n\rN"  # an escape and N, alone in a cell, are how databases write their null
CONTROLS = [byte for byte in range(1, 32) if byte not in b"\t\n\r"]


def escaping(at: Bytes, dialect: Dialect) -> Offsets:
    """Where an escape stands before what would say how records and cells are delimited."""
    if not dialect.escapechar:
        return NO_ROWS
    found = np.flatnonzero(at == ord(dialect.escapechar))
    delimits = np.zeros(256, np.bool_)
    delimits[_delimiting(dialect)] = True
    return found[delimits[at[np.minimum(found + 1, len(at) - 1)]]]


def hidden(records: Records, dialect: Dialect) -> tuple[Records, Marks] | None:
    """Packed records without their escapes, and the marks in them, NULL's last; None for want of marks."""
    taking, escape = _delimiting(dialect), (dialect.escapechar or "").encode()
    free = [mark for mark in CONTROLS if mark not in taking and bytes([mark]) not in records.data]
    if len(free) <= len(taking):
        return None
    at = np.frombuffer(records.data, np.uint8)
    escapes = _not_taken(np.flatnonzero(at == ord(escape)))
    marked = np.arange(256, dtype=np.uint8)
    marked[taking] = free[: len(taking)]
    marked[0x80:0xC0] = 0xFF  # an escape within a character: no UTF-8, nor may it become any
    out, taken = at.copy(), escapes + 1
    out[taken] = marked[at[taken]]
    quoted = at[escapes - 1] == ord(dialect.quotechar or "\0")  # then a cell of no more is a text, N
    out[taken[(at[taken] == NULL) & ~quoted]] = free[len(taking)]
    crlf = taken[(at[taken] == CR) & (at[np.minimum(taken + 1, len(at) - 1)] == LF)]
    out[crlf + 1] = marked[LF]
    starts, ends, stops = (
        offsets - np.searchsorted(escapes, offsets)
        for offsets in (records.starts, records.ends, records.stops)
    )
    data = np.delete(out, escapes).tobytes()
    *marks, null = zip(free, [*taking, NULL], strict=False)
    used = [(mark, byte) for mark, byte in marks if bytes([mark]) in data]
    return replace(records, data=data, starts=starts, ends=ends, stops=stops), dict([*used, null])


def _delimiting(dialect: Dialect) -> list[int]:
    return [LF, CR, *f"{dialect.delimiter}{dialect.quotechar}".encode()]


def _not_taken(escapes: Offsets) -> Offsets:
    """Those that take something, not being taken themselves by the one before."""
    nth = np.arange(len(escapes))
    begins = np.diff(escapes, prepend=-2) != 1
    first = np.maximum.accumulate(np.where(begins, nth, 0))
    not_taken: Offsets = escapes[(nth - first) % 2 == 0]
    return not_taken


def restored(cells: pl.DataFrame, marks: Marks) -> pl.DataFrame:
    """The cells with what the marks stand for, and null where nothing but NULL's mark was."""
    texts = pl.all()
    for mark, byte in marks.items():
        texts = texts.str.replace_all(chr(mark), chr(byte), literal=True)
    *_, null = marks
    return cells.with_columns(pl.when(pl.all() != chr(null)).then(texts))
