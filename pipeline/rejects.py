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
from pipeline.handoffs import Header, Sifted, Table, Verdict
from pipeline.private import PrivateFile
from pipeline.tabular import cells, lines

# Names that no column of a source can have: what is added must not stand in for one of these.
_PLACE, _REASONS, _RAW = "\0place", "\0reasons", "\0raw"


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


def rejected(verdict: Verdict) -> bytes:
    """The rejected records of a judged slice as they stand in the file, in source order. Pure."""
    both = pl.concat([_well_formed(verdict), _malformed(verdict.table)], rechunk=True)
    both = both.sort("order", maintain_order=True)
    whole: bytes = both.select((pl.col("line").str.join("\n") + "\n").cast(pl.Binary)).item()
    return whole if both.height else b""


def _well_formed(verdict: Verdict) -> pl.DataFrame:
    """Each record as it stands in the source, its place and reasons behind it: a line, and its order."""
    table, judgement = verdict.table, verdict.judgement
    rows = judgement.failing
    if table.cells.height == len(table.starts):  # then its data may not have all columns
        written = cells.write(table.cells.select(pl.all().gather(rows)))
        own = lines.texts(written.data, written.starts, written.ends)
    else:
        own = lines.texts(table.data, table.starts[rows], table.ends[rows] - 1)
    behind = [pl.Series("place", table.places[rows]).cast(pl.String), _told(judgement)]
    return pl.DataFrame([own.alias("own"), *behind, pl.Series("order", 2 * rows + 1, pl.Int64)]).select(
        pl.concat_str("own", "place", "names", pl.lit(""), separator=",").alias("line"), "order"
    )


def _malformed(table: Table) -> pl.DataFrame:
    """Each record's raw text, with nothing in the columns before: as above."""
    blank = ["" for _ in table.malformed]
    own = dict.fromkeys(table.cells.columns, blank)
    told = {
        _PLACE: [str(broken.place) for broken in table.malformed],
        _REASONS: [f"_record:{broken.reason}" for broken in table.malformed],
        _RAW: [broken.raw for broken in table.malformed],
    }
    written = cells.write(pl.DataFrame(own | told, schema=dict.fromkeys((*own, *told), pl.String)))
    order = pl.Series("order", [2 * broken.before for broken in table.malformed], pl.Int64)
    return pl.DataFrame([lines.texts(written.data, written.starts, written.ends).alias("line"), order])


def _told(judgement: Judgement) -> pl.Series:
    """The reasons against each row that has any, as a field of a CSV."""
    names = pl.Series("names", judgement.names, pl.String)
    first = np.flatnonzero(np.diff(judgement.rows, prepend=-1))
    count = np.diff(first, append=len(judgement.rows))
    told = names.to_frame().select(_field(pl.col("names"))).to_series().gather(judgement.reasons[first])
    if len(several := np.flatnonzero(count > 1)):
        among = np.repeat(count > 1, count)
        reasons = {"row": judgement.rows[among], "names": names.gather(judgement.reasons[among])}
        by_row = pl.DataFrame(reasons).group_by("row", maintain_order=True)
        told = told.scatter(several, by_row.agg(_field(pl.col("names").str.join("; ")))["names"])
    return told


def _field(text: pl.Expr) -> pl.Expr:
    quoted = pl.format('"{}"', text.str.replace_all('"', '""', literal=True))
    return pl.when(text.str.contains('[",\r\n]')).then(quoted).otherwise(text)
