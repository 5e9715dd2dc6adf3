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

from pipeline.contract.faults import Faults
from pipeline.csv import cells
from pipeline.csv.records import Records
from pipeline.handoffs import Header, Split
from pipeline.private import PrivateFile


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

    def write(self, part: Split) -> None:
        """Add the rejected records of the next slice."""
        if not part.rejected:
            return
        if self._file is None:
            self._file = PrivateFile(self._planned)
            self.path = self._planned
            self._file.write(cells.write(pl.DataFrame([self._columns], orient="row")).data)
        self._file.write(part.bad)
        self.count += part.rejected
        self.reasons.update(part.reasons)


def rejected_rows(records: Records, faults: Faults, width: int) -> bytes:
    """The rejected records of a slice of `width` columns as they stand in the file, in source order. Pure."""
    both = pl.concat([_well_formed(records, faults), _malformed(records, width)], rechunk=True)
    both = both.sort("order", maintain_order=True)
    lines: bytes = both.select((pl.col("line").str.join("\n") + "\n").cast(pl.Binary)).item()
    return lines if both.height else b""


def _well_formed(records: Records, faults: Faults) -> pl.DataFrame:
    """Each record as it stands in the source, its place and reasons behind it: a line, and its order."""
    rows = faults.failing
    columns = [
        records.texts(rows).alias("own"),
        pl.Series("place", records.places[rows]).cast(pl.String),
        _reasons(faults),
        pl.Series("order", 2 * rows + 1, pl.Int64),
    ]
    line = pl.concat_str("own", "place", "names", pl.lit(""), separator=",")
    return pl.DataFrame(columns).select(line.alias("line"), "order")


def _malformed(records: Records, width: int) -> pl.DataFrame:
    """Each record's raw text, with nothing in the columns before: as above."""
    blank = "," * width
    written = cells.write(
        pl.DataFrame(
            {
                "place": [str(one.place) for one in records.malformed],
                "reasons": [f"_record:{one.reason}" for one in records.malformed],
                "raw": [one.raw.decode() for one in records.malformed],
            },
            schema=dict.fromkeys(("place", "reasons", "raw"), pl.String),
        )
    )
    lines = written.texts(np.arange(len(written)))
    order = pl.Series("order", [2 * one.before for one in records.malformed], pl.Int64)
    return pl.DataFrame([(blank + lines).alias("line"), order])


def _reasons(faults: Faults) -> pl.Series:
    """The reasons against each row that has any, as a field of a CSV."""
    names = pl.Series("names", faults.names, pl.String)
    first = np.flatnonzero(np.diff(faults.rows, prepend=-1))
    count = np.diff(first, append=len(faults.rows))
    listed = names.to_frame().select(_field(pl.col("names"))).to_series().gather(faults.reasons[first])
    if len(several := np.flatnonzero(count > 1)):
        among = np.repeat(count > 1, count)
        reasons = {"row": faults.rows[among], "names": names.gather(faults.reasons[among])}
        by_row = pl.DataFrame(reasons).group_by("row", maintain_order=True)
        listed = listed.scatter(several, by_row.agg(_field(pl.col("names").str.join("; ")))["names"])
    return listed


def _field(text: pl.Expr) -> pl.Expr:
    quoted = pl.format('"{}"', text.str.replace_all('"', '""', literal=True))
    return pl.when(text.str.contains('[",\r\n]')).then(quoted).otherwise(text)
