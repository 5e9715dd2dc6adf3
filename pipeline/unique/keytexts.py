"""The keys of all rows, in temporary files: what a hash says is compared with what is there."""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Hashes, Mask, Offsets
from pipeline.errors import PipelineError

Buffer = bytes | memoryview

PAIRS = 256  # rows are compared at a time: the kernel maps 64 KiB around each byte that is looked at
BLOCK = 1 << 20  # and so many bytes
SPOOLED_BYTES = 16 << 20  # that stay in memory


class Texts:
    """The texts of all keys by row: in memory while they are few, then in files that nobody else can open."""

    def __init__(self) -> None:
        self._texts, self._offsets = _Growing(), _Growing()
        self._size = 0
        self._offsets.write(bytes(8))

    def append(self, texts: bytes, offsets: Hashes) -> None:
        """Add those of the next rows: row i's is what lies between the i-th and the next of `offsets`."""
        self._texts.write(texts)
        self._offsets.write((offsets[1:] + np.uint64(self._size)).data)
        self._size += len(texts)

    def equal(self, rows: Offsets, others: Offsets) -> Mask:
        """Whether each row has the key of its counterpart in `others`; none of them is blank."""
        equal = np.zeros(len(rows), np.bool_)
        if len(rows):
            texts, offsets = self._texts.array(np.uint8), self._offsets.array(np.int64)
            for start in range(0, len(rows), PAIRS):
                few = slice(start, start + PAIRS)
                equal[few] = _equal(texts, offsets, rows[few], others[few])
                let_go(texts)
                let_go(offsets)
        return equal


class _Growing:
    """Bytes that are added to: in memory up to SPOOLED_BYTES, then in an unnamed temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = BytesIO()

    def write(self, data: Buffer) -> None:
        with room():
            self._file.write(data)
            if isinstance(self._file, BytesIO) and self._file.tell() > SPOOLED_BYTES:
                held, self._file = self._file, temporary()
                weakref.finalize(self, self._file.close)
                self._file.write(held.getbuffer())

    def array(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """All of it so far; nothing can be added while the array is in use."""
        if isinstance(self._file, BytesIO):
            return np.frombuffer(self._file.getbuffer(), dtype)
        self._file.flush()
        return np.memmap(self._file, dtype, "r")


def _equal(texts: npt.NDArray[np.uint8], offsets: Offsets, rows: Offsets, others: Offsets) -> Mask:
    starts, others_starts = offsets[rows], offsets[others]
    lengths = offsets[rows + 1] - starts
    equal: Mask = lengths == offsets[others + 1] - others_starts
    places = np.flatnonzero(equal)
    ends = np.cumsum(lengths[places])
    for block in np.split(
        places, np.searchsorted(ends, np.arange(BLOCK, ends[-1] if len(ends) else 0, BLOCK))
    ):
        if len(block):
            size = lengths[block]
            begins = np.cumsum(size) - size
            within = np.arange(size.sum()) - np.repeat(begins, size)
            one = texts[np.repeat(starts[block], size) + within]
            other = texts[np.repeat(others_starts[block], size) + within]
            equal[block] = np.logical_and.reduceat(one == other, begins)
    return equal


def let_go(array: np.ndarray) -> None:
    """Keep nothing in memory of an array that lies on disk; what was looked at stays there otherwise."""
    mapped: object = array.base
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)


def temporary() -> IO[bytes]:
    """An unnamed file that nobody else can open; raises PipelineError where there is no place for it."""
    with room():
        return TemporaryFile(prefix="pipeline-keys-")


@contextmanager
def room() -> Iterator[None]:
    """Turns what goes wrong with a temporary file into a PipelineError."""
    try:
        yield
    except OSError as error:
        raise PipelineError(
            f"A temporary file cannot be written: {error.strerror or 'there is no folder for one'}.",
            hint="Set TMPDIR to a folder that may be written to and has room: a large source needs one.",
        ) from None
