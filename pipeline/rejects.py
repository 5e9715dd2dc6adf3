"""The rejects file: every record that was not accepted, where it stands and why, ready to be mended in place.

Its columns are the source's own, then `_line` (or `_row`), `_reasons` and `_raw`; `run` knows such a file
by the last three and takes it as a source. It appears with the first reject, readable by its owner only.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from pipeline.contract.judgement import Judgement
from pipeline.handoffs import Header, Sifted, Verdict
from pipeline.private import PrivateFile
from pipeline.tabular import cells
from pipeline.tabular.records import Records

# Names that no column of a source can have: what is added must not stand in for one of these.
_PLACE, _REASONS, _RAW, _ORDER = "\0place", "\0reasons", "\0raw", "\0order"


class Rejects:
    """A rejects file being written, slice by slice; counts what it was given.

    `path` is where it lies in the end, however the run ends, or None as long as nothing was rejected.
    """

    def __init__(self, path: Path, header: Header, place_column: str) -> None:
        self._planned = path
        self._columns = (*header.names, place_column, "_reasons", "_raw")
        self._file: PrivateFile | None = None
        self.path: Path | None = None
        self.count = 0
        self.reasons: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.complete()
        elif error is None:
            self._planned.unlink(missing_ok=True)  # an earlier run's would be taken for this one's

    def write(self, sifted: Sifted) -> None:
        """Add the rejected records of the next slice."""
        if not sifted.rejected:
            return
        if self._file is None:
            self._file = PrivateFile(self._planned)
            self.path = self._planned
            self._file.write(cells.write(pl.DataFrame([self._columns], orient="row")).data)
        self._file.write(sifted.bad)
        self.count += sifted.rejected
        self.reasons.update(sifted.reasons)


def reasons(verdict: Verdict) -> Counter[str]:
    """How many records of a judged slice are rejected for what."""
    judgement = verdict.judgement
    counts = np.bincount(judgement.reasons, minlength=len(judgement.names)).tolist()
    counted = Counter({name: n for name, n in zip(judgement.names, counts, strict=True) if n})
    counted.update(f"_record:{broken.reason}" for broken in verdict.table.malformed)
    return counted


def rejected(verdict: Verdict) -> Records:
    """The rejected records of a judged slice as they stand in the file, in source order. Pure."""
    return cells.write(_rejected(verdict))


def _rejected(verdict: Verdict) -> pl.DataFrame:
    """The rejected records, one String column for each of the file's, in source order."""
    table, judgement = verdict.table, verdict.judgement
    rows = np.unique(judgement.rows)
    well_formed = cells.of_rows(table, rows).with_columns(
        pl.Series(_PLACE, table.places[rows], dtype=pl.Int64),
        _told(judgement).alias(_REASONS),
        pl.lit(None, pl.String).alias(_RAW),
        pl.Series(_ORDER, 2 * rows + 1, dtype=pl.Int64),
    )
    malformed = pl.DataFrame(
        {
            _PLACE: [broken.place for broken in table.malformed],
            _REASONS: [f"_record:{broken.reason}" for broken in table.malformed],
            _RAW: [broken.raw for broken in table.malformed],
            _ORDER: [2 * broken.before for broken in table.malformed],
        },
        schema={_PLACE: pl.Int64, _REASONS: pl.String, _RAW: pl.String, _ORDER: pl.Int64},
    )
    both = pl.concat([well_formed, malformed], how="diagonal")
    return both.sort(_ORDER, maintain_order=True).drop(_ORDER).cast(pl.String)


def _told(judgement: Judgement) -> pl.Series:
    """The reasons against each row that has any, as text."""
    names = pl.Series(judgement.names, dtype=pl.String).gather(judgement.reasons)
    by_row = pl.DataFrame({"row": judgement.rows, "names": names}).group_by("row", maintain_order=True)
    return by_row.agg(pl.col("names").str.join("; "))["names"]
