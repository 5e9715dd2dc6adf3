"""What workers tell the driver of partitions and parts, and it them: plain data, none of it rows."""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from pipeline import errors
from pipeline.arrays import Offsets
from pipeline.errors import PipelineError
from pipeline.handoffs import Split
from pipeline.result import Fingerprint
from pipeline.spread.addresses import Address


class RowSet(NamedTuple):
    """Some of the first `size` rows of a partition: a bit for each row, packed."""

    size: int
    bits: bytes

    @classmethod
    def pack(cls, rows: Offsets, size: int) -> Self:
        """The set of these rows."""
        mask = np.zeros(size, np.bool_)
        mask[rows] = True
        return cls(size, zlib.compress(np.packbits(mask).tobytes(), level=1))

    @property
    def rows(self) -> Offsets:
        """The rows, ascending."""
        bits = np.frombuffer(zlib.decompress(self.bits), np.uint8)
        return np.flatnonzero(np.unpackbits(bits, count=self.size))


@dataclass(frozen=True, slots=True)
class Measured:
    """A partition after pass 1, which knows nothing of repetitions yet.

    `content` is of all its records' text, good or bad; `failing` which of them fail, `rejected` how many do
    or are none; `length` how many bytes would be staged, `probe` what the worker hashes and computes with.
    """

    partition: int
    content: Fingerprint
    failing: RowSet = field(repr=False)
    rejected: int
    length: int
    probe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sorted:
    """A partition after pass 2: its records counted, as in `handoffs.Split`."""

    partition: int
    records: int
    rejected: int
    reasons: Mapping[str, int]
    changed: Mapping[str, int]
    blank: Mapping[str, int]
    first: Mapping[str, int]


class Counts:
    """The records of a partition, counted as they are split."""

    def __init__(self) -> None:
        self._records = self._rejected = 0
        self._counts: tuple[Counter[str], ...] = Counter(), Counter(), Counter()
        self._first: dict[str, int] = {}

    def add(self, done: Split) -> None:
        """Count those of one more slice."""
        self._records += done.records
        self._rejected += done.rejected
        for total, more in zip(self._counts, (done.reasons, done.changed, done.blank), strict=True):
            total.update(more)
        self._first = {**done.first, **self._first}

    def record(self, partition: int) -> Sorted:
        """What all come to."""
        reasons, changed, blank = map(dict, self._counts)
        return Sorted(partition, self._records, self._rejected, reasons, changed, blank, self._first)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that a worker has put; `head_sha256` is of its first KiB."""

    number: int
    etag: str
    content: Fingerprint
    head_sha256: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What went wrong on a worker, as a value: engines log what a task raises, with the task's arguments."""

    kind: str
    message: str
    hint: str

    def error(self) -> PipelineError:
        """The error to raise on the driver."""
        kind: Any = getattr(errors, self.kind, PipelineError)
        raised: PipelineError = (PipelineError if kind is errors.Unexpected else kind)(
            self.message, hint=self.hint
        )
        return raised


Record = Measured | Sorted | Part | Failed


@dataclass(frozen=True)
class Share:
    """What pass 2 has to find in a partition, and where it belongs.

    `first` is the number of its first row, `start` and `end` where its good bytes lie in the file;
    `repeats` the rows that repeat others, by the rule. Whoever `leads` begins with the header row.
    """

    measured: Measured
    first: int
    start: int
    end: int
    leads: bool
    repeats: Sequence[tuple[int, Offsets]] = field(repr=False)


@dataclass(frozen=True)
class Target:
    """Where the parts of a file of `size` bytes are put: part i at address i - 1."""

    size: int
    part_bytes: int
    addresses: Sequence[Address] = field(repr=False)

    def size_of(self, number: int) -> int:
        """How many bytes that part has."""
        return min(self.part_bytes, self.size - (number - 1) * self.part_bytes)


def encoded(record: Record) -> bytes:
    """The record as a cell of a table."""
    return pickle.dumps(record)


def decoded(cells: pa.ChunkedArray) -> Iterator[Record]:
    """The records in a column. Raises the first error among them."""
    records = [pickle.loads(cell.as_buffer()) for cell in cells if cell.is_valid]  # noqa: S301 - our workers'
    for record in records:
        if isinstance(record, Failed):
            raise record.error()
    yield from records
