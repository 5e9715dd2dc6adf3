"""The rejects file: every record that was not accepted, where it stands and why, ready to be mended in place.

Its columns are the source's own, then `_line` (or `_row`), `_reasons` and `_raw`; `run` knows such a file
by the last three and takes it as a source. It appears with the first reject, readable by its owner only.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import polars as pl

from pipeline import cells
from pipeline.handoffs import Header, Verdict
from pipeline.private import private_file

_PLACE, _ORDER = "\0place", "\0order"  # names that no column of a source can have


class Rejects:
    """A rejects file being written, verdict by verdict; counts what it was given.

    `path` is where it lies, or None as long as nothing was rejected.
    """

    def __init__(self, path: Path, header: Header, place_column: str) -> None:
        self._planned = path
        self._columns = (*header.names, place_column, "_reasons", "_raw")
        self._file: IO[bytes] | None = None
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
        rejected = _rejected(verdict)
        if not rejected.height:
            return
        if self._file is None:
            self._file = private_file(self._planned)
            self.path = self._planned
            self._file.write(cells.write(pl.DataFrame([self._columns], orient="row")).data)
        self._file.write(cells.write(rejected).data)
        self.count += rejected.height
        for reasons in verdict.reasons.values():
            self.reasons.update(reasons)
        self.reasons.update(f"_record:{broken.reason}" for broken in verdict.table.malformed)


def _rejected(verdict: Verdict) -> pl.DataFrame:
    """The rejected records, one String column for each of the file's, in source order."""
    table, rows = verdict.table, sorted(verdict.reasons)
    well_formed = table.cells[rows].with_columns(
        pl.Series(_PLACE, table.places[rows], dtype=pl.Int64),
        pl.Series("_reasons", ["; ".join(verdict.reasons[row]) for row in rows], dtype=pl.String),
        pl.lit(None, pl.String).alias("_raw"),
        pl.Series(_ORDER, [2 * row + 1 for row in rows], dtype=pl.Int64),
    )
    malformed = pl.DataFrame(
        {
            _PLACE: [broken.place for broken in table.malformed],
            "_reasons": [f"_record:{broken.reason}" for broken in table.malformed],
            "_raw": [broken.raw for broken in table.malformed],
            _ORDER: [2 * broken.before for broken in table.malformed],
        },
        schema={_PLACE: pl.Int64, "_reasons": pl.String, "_raw": pl.String, _ORDER: pl.Int64},
    )
    both = pl.concat([well_formed, malformed], how="diagonal")
    return both.sort(_ORDER, maintain_order=True).drop(_ORDER).cast(pl.String)
