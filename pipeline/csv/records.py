"""The records of a piece of CSV: where each begins and ends in its bytes; and pieces put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.arrays import Offsets

FEW = 4096  # so many pieces Python puts together as fast as Arrow


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record whose structure is broken: `reason` as in `_record:{reason}`.

    `place` is its line (its row, in a frame), `before` how many well-formed records of the same piece stand
    before it, `raw` its first physical line, or all of it.
    """

    place: int
    before: int
    reason: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Records:
    """Well-formed records: i is `data[starts[i]:ends[i]]`, its line end `data[ends[i]:stops[i]]`.

    `places` holds the physical line on which each begins (its row, in a frame), `malformed` what stood
    between them, in order. `width` is how many cells each has, where that is certain.
    """

    data: bytes = field(repr=False)
    starts: Offsets
    ends: Offsets
    stops: Offsets
    places: Offsets
    malformed: tuple[Malformed, ...] = ()
    width: int | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def without(self, reasons: Mapping[int, str], raws: Mapping[int, bytes] | None = None) -> Self:
        """The same without the records that `reasons` maps to why they are malformed.

        Their raw text is what `raws` says, else the record as it stands.
        """
        if not reasons:
            return self
        keep = np.ones(len(self), np.bool_)
        keep[list(reasons)] = False
        rows = np.flatnonzero(keep)
        own = {i: self.data[self.starts[i] : self.ends[i]] for i in reasons} if raws is None else raws
        # Sorted by what stands before; a record that was malformed already stands before the one it precedes.
        found = [(one.before, 0, n, one) for n, one in enumerate(self.malformed)]
        found += [
            (i, 1, i, Malformed(int(self.places[i]), 0, reason, own[i])) for i, reason in reasons.items()
        ]
        found.sort(key=lambda each: each[:3])
        before = np.searchsorted(rows, [each[0] for each in found]).tolist()
        malformed = tuple(replace(each[3], before=n) for each, n in zip(found, before, strict=True))
        return replace(
            self,
            starts=self.starts[rows],
            ends=self.ends[rows],
            stops=self.stops[rows],
            places=self.places[rows],
            malformed=malformed,
        )

    def head(self, count: int) -> Self:
        """The first so many, and what is malformed before the last of them."""
        return replace(
            self,
            starts=self.starts[:count],
            ends=self.ends[:count],
            stops=self.stops[:count],
            places=self.places[:count],
            malformed=tuple(one for one in self.malformed if one.before < count),
        )

    def packed(self) -> Self:
        """The same records with nothing between them, each with LF as its line end."""
        if not len(self):
            return replace(self, data=b"")
        lengths = self.stops - self.starts
        two_bytes = np.flatnonzero(self.stops - self.ends == 2)
        data = spliced(self.data, self.starts, self.stops)
        if data is self.data and not len(two_bytes):
            return self
        stops = np.cumsum(lengths)
        if len(two_bytes):
            data = np.delete(np.frombuffer(data, np.uint8), stops[two_bytes] - 2).tobytes()
            stops = np.cumsum(self.ends - self.starts + 1)
        return replace(self, data=data, starts=shifted(stops), ends=stops - 1, stops=stops)

    def texts(self, rows: Offsets) -> pl.Series:
        """These records, which are UTF-8, without their line ends, as a String column."""
        pieces = between(self.data, self.starts[rows], self.ends[rows], pa.large_string())
        return as_series(pieces).gather_every(2)


def shifted(stops: Offsets) -> Offsets:
    """Where pieces begin that lie one behind the other and stop there."""
    starts = np.empty_like(stops)
    starts[:1] = 0
    starts[1:] = stops[:-1]
    return starts


def spliced(data: bytes, starts: Offsets, stops: Offsets) -> bytes:
    """The pieces `data[starts[i]:stops[i]]` one after the other; neighbours are copied as one."""
    if not len(starts):
        return b""
    apart = np.flatnonzero(stops[:-1] != starts[1:])
    if not len(apart) and starts[0] == 0 and stops[-1] == len(data):
        return data
    firsts, lasts = starts[np.append(0, apart + 1)], stops[np.append(apart, -1)]
    if len(firsts) < FEW:
        view, runs = memoryview(data), zip(firsts.tolist(), lasts.tolist(), strict=True)
        return b"".join(view[a:b] for a, b in runs)
    every = between(data, firsts, lasts, pa.large_binary())
    pieces = every.filter(pa.array(np.arange(len(every)) % 2 == 0))
    content: bytes = pieces.buffers()[2].to_pybytes()
    return content


def between(data: bytes, starts: Offsets, stops: Offsets, type_: pa.DataType) -> pa.Array:
    """The pieces `data[starts[i]:stops[i]]`, which do not overlap, and what lies between them, in turn.

    Nothing is copied; `type_` has offsets of 64 bits.
    """
    bounds = np.stack([starts, stops], axis=1).ravel()
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    return pa.Array.from_buffers(type_, max(0, len(bounds) - 1), buffers)


def as_series(array: pa.Array) -> pl.Series:
    """The same array in polars; its content is not copied."""
    return pl.Series(_Arrow(array))


class _Arrow:
    """An array of which polars sees no more than the Arrow C interface: else it imports pyarrow.compute."""

    def __init__(self, array: Any) -> None:
        self.__arrow_c_array__ = array.__arrow_c_array__
