"""The records of a piece of CSV: where each begins and ends in its bytes; and pieces put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pipeline.handoffs import Offsets

FEW = 4096  # so many pieces Python puts together as fast as Arrow


class Broken(NamedTuple):
    """A record that is none: `line` as counted in the source, `raw` its first physical line or all of it."""

    line: int
    reason: str
    raw: bytes

    def __repr__(self) -> str:
        return f"Broken(line={self.line}, reason={self.reason!r})"  # raw holds a contact's values


@dataclass(frozen=True, slots=True)
class Records:
    """Well-formed records: i is `data[starts[i]:ends[i]]`, its line end `data[ends[i]:stops[i]]`.

    `lines` holds the physical line on which each begins, `broken` what stood between them, in order.
    """

    data: bytes = field(repr=False)
    starts: Offsets
    ends: Offsets
    stops: Offsets
    lines: Offsets
    broken: tuple[Broken, ...] = ()

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, rows: Offsets) -> Self:
        """These records only; what is broken stays."""
        return replace(
            self,
            starts=self.starts[rows],
            ends=self.ends[rows],
            stops=self.stops[rows],
            lines=self.lines[rows],
        )

    def without(self, reasons: Mapping[int, str], raws: Mapping[int, bytes] | None = None) -> Self:
        """The same without the records that `reasons` maps to why they are broken.

        Their raw text is what `raws` says, else the record as it stands.
        """
        keep = np.ones(len(self), np.bool_)
        keep[list(reasons)] = False
        own = {i: self.data[self.starts[i] : self.ends[i]] for i in reasons} if raws is None else raws
        more = (Broken(int(self.lines[i]), reason, own[i]) for i, reason in reasons.items())
        broken = tuple(sorted((*self.broken, *more), key=lambda one: one.line))
        return replace(self.at(np.flatnonzero(keep)), broken=broken)

    def packed(self) -> Self:
        """The same records with nothing between them, each with LF as its line end."""
        if not len(self):
            return replace(self, data=b"")
        data = spliced(self.data, self.starts, self.stops)
        lengths = self.stops - self.starts
        stops = np.cumsum(lengths)
        two_bytes = np.flatnonzero(self.stops - self.ends == 2)
        if len(two_bytes):
            data = np.delete(np.frombuffer(data, np.uint8), stops[two_bytes] - 2).tobytes()
            stops = np.cumsum(self.ends - self.starts + 1)
        starts = np.concatenate(([0], stops[:-1]))
        return replace(self, data=data, starts=starts, ends=stops - 1, stops=stops)


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
    # Not by pa.array, which would import pandas to see whether it was given any of its own.
    odd = np.packbits(np.arange(2 * len(firsts)) % 2 == 0, bitorder="little")
    every = between(data, firsts, lasts, pa.large_binary())
    kept = every.filter(pa.Array.from_buffers(pa.bool_(), len(every), [None, pa.py_buffer(odd)]))
    content: bytes = kept.buffers()[2].to_pybytes()
    return content


def between(data: bytes, starts: Offsets, stops: Offsets, type_: pa.DataType) -> pa.Array:
    """The pieces `data[starts[i]:stops[i]]`, which do not overlap, and what lies between them, in turn.

    Nothing is copied; `type_` has offsets of 64 bits.
    """
    bounds = np.stack([starts, stops], axis=1).ravel()
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    return pa.Array.from_buffers(type_, max(0, len(bounds) - 1), buffers)
