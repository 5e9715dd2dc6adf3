"""The keys of all rows, in temporary files: what a hash says is compared with what is there."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.contract.seen import Keys
    from pipeline.handoffs import Mask

    Numbers = npt.NDArray[np.uint64]
    Rows = npt.NDArray[np.int64]
    Buffer = bytes | memoryview

BLOCK = 1 << 20  # so many bytes of keys are compared at a time


class Texts:
    """The texts of all keys by row, in unnamed temporary files that nobody else can open."""

    def __init__(self) -> None:
        self._texts, self._offsets = temporary(), temporary()
        for file in (self._texts, self._offsets):
            weakref.finalize(self, file.close)
        self._size = 0
        self._write(self._offsets, bytes(8))

    def append(self, keys: Keys) -> None:
        """Add those of the next rows."""
        self._write(self._texts, keys.texts)
        self._write(self._offsets, (keys.offsets[1:] + np.uint64(self._size)).data)
        self._size += len(keys.texts)

    def equal(self, rows: Rows, others: Rows) -> Mask:
        """Whether each row has the key of its counterpart in `others`; none of them is blank."""
        if not len(rows):
            return np.zeros(0, np.bool_)
        for file in (self._texts, self._offsets):
            file.flush()
        texts, offsets = np.memmap(self._texts, np.uint8, "r"), np.memmap(self._offsets, np.uint64, "r")
        starts, lengths = offsets[rows], offsets[rows + 1] - offsets[rows]
        other_starts = offsets[others]
        equal: Mask = lengths == offsets[others + 1] - other_starts
        places = np.flatnonzero(equal)
        cuts = np.searchsorted(
            np.cumsum(lengths[places]), np.arange(BLOCK, int(lengths[places].sum()), BLOCK)
        )
        for block in np.split(places, cuts):
            if len(block):
                size = lengths[block].astype(np.int64)
                ends = np.cumsum(size)
                within = np.arange(ends[-1]) - np.repeat(ends - size, size)
                alike = (
                    texts[np.repeat(starts[block].astype(np.int64), size) + within]
                    == texts[np.repeat(other_starts[block].astype(np.int64), size) + within]
                )
                equal[block] = np.logical_and.reduceat(alike, ends - size)
        return equal

    @staticmethod
    def _write(file: IO[bytes], data: Buffer) -> None:
        with room():
            file.write(data)


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
