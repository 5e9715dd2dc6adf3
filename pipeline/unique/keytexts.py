"""The keys of all rows, in temporary files: what a hash says is compared with what is there."""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile, gettempdir
from typing import IO

import numpy as np
import numpy.typing as npt

from pipeline.arrays import Hashes, Mask, Offsets
from pipeline.errors import PipelineError

Buffer = bytes | memoryview

PAIRS = 256  # rows are compared at a time: the kernel maps 64 KiB around each byte that is looked at
BLOCK = 1 << 20  # and so many bytes


class Texts:
    """The texts of all keys by row, in unnamed temporary files that nobody else can open."""

    def __init__(self) -> None:
        self._texts, self._offsets = temporary(), temporary()
        for file in (self._texts, self._offsets):
            weakref.finalize(self, file.close)
        self._size = 0
        self._write(self._offsets, bytes(8))

    def append(self, texts: bytes, offsets: Hashes) -> None:
        """Add those of the next rows: row i's is what lies between the i-th and the next of `offsets`."""
        self._write(self._texts, texts)
        self._write(self._offsets, (offsets[1:] + np.uint64(self._size)).data)
        self._size += len(texts)

    def equal(self, rows: Offsets, others: Offsets) -> Mask:
        """Whether each row has the key of its counterpart in `others`; none of them is blank."""
        equal = np.zeros(len(rows), np.bool_)
        if len(rows):
            self._texts.flush()
            self._offsets.flush()
            texts, offsets = np.memmap(self._texts, np.uint8, "r"), np.memmap(self._offsets, np.int64, "r")
            for start in range(0, len(rows), PAIRS):
                few = slice(start, start + PAIRS)
                equal[few] = _equal(texts, offsets, rows[few], others[few])
                let_go(texts)
                let_go(offsets)
        return equal

    @staticmethod
    def _write(file: IO[bytes], data: Buffer) -> None:
        with room():
            file.write(data)


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
            f"Keys could not be put into a temporary file: {error.strerror}.",
            hint=f"Make room in {gettempdir()}, or set TMPDIR to a folder that has some.",
        ) from None
