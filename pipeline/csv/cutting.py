"""Where the records of a CSV begin and end: strict RFC 4180 in any dialect, wherever the file is cut.

A quoted field opens directly after a delimiter or line end and closes directly before one; inside, `""`
is a quote. LF, CRLF and a lone CR each end a record. A record that breaks the rule, is never closed or
grows past the limit costs its first physical line only: that line is `Broken`, and reading goes on at the
next one. Zero-length lines are no records.

Where the number of cells is known and the piece is regular (structure.py), as nearly every one is, that is
all there is to do. Else the careful way: a line whose own quotes are all in their place is a record by
itself; the others (a quoted line end, a violation, an escape, an overlong line) are looked at one by one,
with a regular expression that knows the whole rule.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Self

import numpy as np

from pipeline.arrays import Bytes, Mask, Offsets
from pipeline.csv.dialect import Dialect, grammar
from pipeline.csv.escapes import CR, LF, escaping
from pipeline.csv.records import Malformed, Records, shifted
from pipeline.csv.structure import record_ends

# A malformed line is kept whole in the rejects up to this many times the longest record allowed.
LINE_FACTOR = 16


class LineTooLongError(Exception):
    """Physical line `line` goes on for more than `LINE_FACTOR` times the longest record allowed."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True)
class Cut:
    """What `cut` found: the records of `data[:used]`, which ends before physical line `line`."""

    records: Records
    used: int
    line: int


def cut(
    data: bytes, dialect: Dialect, limit: int, *, width: int = 0, line: int = 1, final: bool = True
) -> Cut:
    """The records of a piece of CSV that begins with physical line `line`, at the start of a record.

    `limit` is the longest record allowed, in bytes without its line end, `width` how many cells a record
    has, where that is known. What cannot be decided before more is read is left unused; nothing is, where
    `final`. A lone CR that ends a record is LF afterwards. Raises LineTooLongError.
    """
    size = len(data)
    if final and size and data[-1] not in (LF, CR):
        data += b"\n"
    elif not final and data.endswith(b"\r"):
        size -= 1  # the next byte tells whether it is CRLF
    if width and data.endswith(b"\n") and (regular := _regular(data, dialect, limit, width, line, final)):
        return regular
    lines = _Lines.find(data, len(data) if final else size)
    _check_lengths(lines, size, limit, line)
    heads, broken, count = _heads(data, size, lines, dialect, limit, final)
    tails = np.append(heads[1:], count)[: len(heads)] - 1
    starts, ends, stops = lines.starts[heads], lines.ends[tails], lines.stops[tails]
    keep = ends > starts
    keep[np.searchsorted(heads, list(broken))] = False
    at = list(broken)
    spans = zip(lines.starts[at].tolist(), lines.ends[at].tolist(), broken.items(), strict=True)
    bad = [(i, reason, data[start:end]) for start, end, (i, reason) in spans]
    if not keep.all():
        heads, starts, ends, stops = heads[keep], starts[keep], ends[keep], stops[keep]
    before = np.searchsorted(heads, at).tolist()
    malformed = tuple(
        Malformed(line + i, n, reason, raw) for n, (i, reason, raw) in zip(before, bad, strict=True)
    )
    used = int(lines.stops[count - 1]) if count else 0
    records = Records(_with_lf(data, stops), starts, ends, stops, heads + line, malformed)
    return Cut(records, used, line + count)


def _regular(data: bytes, dialect: Dialect, limit: int, width: int, line: int, final: bool) -> Cut | None:
    """The same for a regular piece with at least one record, none too long; else None."""
    last = record_ends(data, dialect, width, complete=final)
    if last is None or not len(last):
        return None
    stops = last + 1
    starts = shifted(stops)
    ends = last - (np.frombuffer(data, np.uint8)[last - 1] == CR) if b"\r" in data else last
    if (ends - starts).max() > limit:
        return None
    used = int(stops[-1])
    physical = np.frombuffer(data, np.uint8, used) == LF
    lines, places = int(np.count_nonzero(physical)), np.arange(line, line + len(last))
    if lines != len(last):
        places = line + np.searchsorted(np.flatnonzero(physical), starts)
    return Cut(Records(data, starts, ends, stops, places, width=width), used, line + lines)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Physical lines, each of the three ends counted as one; an unfinished last line is not among them."""

    starts: Offsets
    ends: Offsets
    stops: Offsets

    @classmethod
    def find(cls, data: bytes, size: int) -> Self:
        at = np.frombuffer(data, np.uint8, size)
        last = np.flatnonzero(at == LF)
        if b"\r" not in data:
            stops = last + 1
            return cls(shifted(stops), last, stops)
        crlf = (at[last - 1] == CR) & (last > 0)
        if np.count_nonzero(at == CR) > np.count_nonzero(crlf):
            cr = np.flatnonzero(at == CR)
            lone = np.setdiff1d(cr, last[crlf] - 1, assume_unique=True)
            last = np.sort(np.concatenate((last, lone)))
            crlf = (at[last] == LF) & (at[last - 1] == CR) & (last > 0)
        stops = last + 1
        return cls(shifted(stops), last - crlf, stops)


def _check_lengths(lines: _Lines, size: int, limit: int, line: int) -> None:
    most = limit * LINE_FACTOR
    tail = size - (int(lines.stops[-1]) if len(lines.stops) else 0)
    overlong = np.flatnonzero(lines.ends - lines.starts > most)
    if len(overlong):
        raise LineTooLongError(line + int(overlong[0]))
    if tail > most:
        raise LineTooLongError(line + len(lines.stops))


def _heads(
    data: bytes, size: int, lines: _Lines, dialect: Dialect, limit: int, final: bool
) -> tuple[Offsets, dict[int, str], int]:
    """The lines where something begins, which of them are broken and why, and how many are decided."""
    count = len(lines.starts)
    is_head = np.ones(count, np.bool_)
    broken: dict[int, str] = {}
    go_on = 0
    starts, ends = lines.starts.data, lines.ends.data  # one by one a memoryview is much faster
    pattern = grammar(dialect).record
    for i in np.flatnonzero(_odd_lines(data, lines, dialect, limit)).tolist():
        if i < go_on:
            continue  # within the record before
        end, reason = _end_of_record(pattern, data, starts[i], size, limit, final)
        if reason:
            broken[i] = reason
        elif end is None:
            count = i
            break
        else:
            go_on = bisect_left(ends, end, i) + 1
            is_head[i + 1 : go_on] = False
    return np.flatnonzero(is_head[:count]), broken, count


def _odd_lines(data: bytes, lines: _Lines, dialect: Dialect, limit: int) -> Mask:
    """Which lines are not surely a record by themselves."""
    odd: Mask = lines.ends - lines.starts > limit
    at = np.frombuffer(data, np.uint8)
    odd[_line_of(escaping(at, dialect), lines)] = True
    if dialect.quotechar and dialect.quotechar.encode() in data:
        _mark_odd_quotes(odd, at, lines, dialect)
    return odd


def _mark_odd_quotes(odd: Mask, at: Bytes, lines: _Lines, dialect: Dialect) -> None:
    quotes = np.flatnonzero(at[: lines.stops[-1] if len(odd) else 0] == ord(dialect.quotechar))
    if len(quotes) < len(odd):
        counts = np.bincount(_line_of(quotes, lines), minlength=len(odd))
        first = np.cumsum(counts) - counts
    else:
        first = shifted(np.searchsorted(quotes, lines.stops))
        counts = np.diff(first, append=len(quotes))
    odd |= counts & 1 == 1
    closes = (np.arange(len(quotes)) - np.repeat(first, counts)) & 1 == 1
    beside = np.zeros(256, np.bool_)
    beside[[LF, CR, ord(dialect.delimiter), ord(dialect.quotechar)]] = True
    # An opening quote looks back, a closing one ahead; a line's last byte is its line end, never a quote.
    neighbour = quotes + np.where(closes, 1, -1)
    wrong = quotes[~beside[at[neighbour]] & (neighbour >= 0)]
    odd[_line_of(wrong, lines)] = True


def _line_of(offsets: Offsets, lines: _Lines) -> Offsets:
    found = np.searchsorted(lines.stops, offsets, side="right")
    return found[found < len(lines.stops)]


def _end_of_record(
    pattern: re.Pattern[bytes], data: bytes, start: int, size: int, limit: int, final: bool
) -> tuple[int | None, str]:
    """Where the content of the record at `start` ends (None: read on), or why it is none."""
    stop = min(size, start + limit + 1)
    found = pattern.match(data, start, stop)
    if found is None:
        return None, "quote"
    end = found.start("end")
    if 0 <= end < stop:
        return end, ""
    if stop == start + limit + 1:
        return None, "too_long"
    if not final:
        return None, ""
    closed = end >= 0 and data[size - 1] not in (LF, CR)  # else an escape took the last line end
    return (end, "") if closed else (None, "quote")


def _with_lf(data: bytes, stops: Offsets) -> bytes:
    if b"\r" not in data or not len(stops):
        return data
    at = np.frombuffer(data, np.uint8)
    lone = stops[at[stops - 1] == CR] - 1
    if not len(lone):
        return data
    at = at.copy()
    at[lone] = LF
    return at.tobytes()
