"""The rejects file: every record that was not accepted, where it stands and why, ready to be mended in place.

Its columns are the source's own, then `_line` (or `_row`), `_reasons` and `_raw`; `run` knows such a file
by the last three and takes it as a source. It appears with the first reject, readable by its owner only.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from pipeline.errors import ConfigError
from pipeline.handoffs import Header, Verdict

if TYPE_CHECKING:
    import polars as pl


class Rejects:
    """A rejects file being written, verdict by verdict; counts what it was given.

    `path` is where it lies, or None as long as nothing was rejected.
    """

    def __init__(self, path: Path, header: Header, place_column: str) -> None:
        self._planned = path
        self._columns = (*header.names, place_column, "_reasons", "_raw")
        self._width = len(header.names)
        self._file: IO[str] | None = None
        self._writer: Any = None
        self.path: Path | None = None
        self.count = 0
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, verdict: Verdict) -> None:
        """Add the rejected records of a judged slice, in source order."""
        table = verdict.table
        rows = sorted(verdict.reasons)
        if not rows and not table.malformed:
            return
        self._open()
        cells = self._cells(table.cells, rows)
        pending = list(table.malformed)
        for row, values in zip(rows, cells, strict=True):
            while pending and pending[0].before <= row:
                self._write_malformed(pending)
            reasons = verdict.reasons[row]
            self.reasons.update(reasons)
            self._writer.writerow((*values, int(table.places[row]), "; ".join(reasons), ""))
        while pending:
            self._write_malformed(pending)
        self.count += len(rows) + len(table.malformed)

    def _cells(self, cells: pl.DataFrame, rows: list[int]) -> list[tuple[Any, ...]]:
        return cells[rows].fill_null("").rows()

    def _write_malformed(self, pending: list[Any]) -> None:
        broken = pending.pop(0)
        reason = f"_record:{broken.reason}"
        self.reasons[reason] += 1
        self._writer.writerow((*[""] * self._width, broken.place, reason, broken.raw))

    def _open(self) -> None:
        if self._file:
            return
        try:
            self._planned.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._planned, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise ConfigError(
                f"The rejects file {self._planned} cannot be written: {error.strerror}.",
                hint="Point contract.rejects at a folder that may be written to.",
            ) from None
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="", buffering=1 << 20)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(self._columns)
        self.path = self._planned
