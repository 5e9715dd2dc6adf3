"""The rejects file: every record that was not accepted, where it stands and why, ready to be mended in place.

Its columns are the source's own, then `_line` (or `_row`), `_reasons`, `_why` (the same in sentences) and
`_raw`; `run` knows such a file by the last four and takes it as a source. It has the source's delimiter and
encoding, for the program that made the source. It appears with the first reject, for its owner only.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import polars as pl

from pipeline import causes
from pipeline.contract import sentences
from pipeline.contract.faults import Faults, Found
from pipeline.contract.rules import Bound
from pipeline.csv import cells
from pipeline.csv.cells import CANONICAL
from pipeline.csv.cutting import cut
from pipeline.csv.records import Records
from pipeline.handoffs import Plan, Source, Split
from pipeline.names import ADDED, columns_added
from pipeline.private import PrivateFile

# By these a program that opens the file knows how to read it.
_MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_MARKS |= {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}


class Rejects:
    """A rejects file being written, slice by slice; counts what it was given.

    `path` is where it lies in the end, or None as long as nothing was rejected. Unless `finish` says that all
    rejects are there, it is named for what it is, a part: `.part` stands before its ending.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._planned = path
        self._columns = (*source.header.names, source.place_column, *ADDED)
        self._delimiter, self._encoding = source.delimiter, source.encoding
        self._file: PrivateFile | None = None
        self._finished = False
        self.path: Path | None = None
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self._sample = self._latest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            if not self._finished:
                self.path = self._planned.with_suffix(f".part{self._planned.suffix}")
            self._file.complete(self.path)
        elif error is None:
            self._planned.unlink(missing_ok=True)  # an earlier run's would be taken for this one's

    def write(self, part: Split) -> None:
        """Add the rejected records of the next slice."""
        if not part.rejected:
            return
        if self._file is None:
            self._file = PrivateFile(self._planned)
            self.path = self._planned
            self._file.write(file_head(self._columns, self._delimiter, self._encoding))
        self._file.write(_encoded(part.bad, self._encoding))
        self.count += part.rejected
        self.reasons.update(part.reasons)
        self._sample += part.bad[: max(0, causes.SAMPLE_BYTES - len(self._sample))]
        self._latest = part.bad

    def causes(self, columns: tuple[str, ...]) -> dict[str, str]:
        """What the cells rejected for a reason have in common; `columns` are the contract's names for all."""
        names = (*columns, *columns_added(self._columns))
        return causes.common(self._sample, self._delimiter, names, self.reasons)

    @property
    def ends_in_totals(self) -> bool:
        """Whether the last reject looks like a line of totals."""
        return causes.ends_in_totals(self._latest)

    def finish(self) -> None:
        """Say that the source was read to its end."""
        self._finished = True


def file_head(columns: Sequence[str], delimiter: str, encoding: str) -> bytes:
    """What a rejects file begins with: the mark of its encoding, and its header row."""
    row = cells.write(pl.DataFrame([columns], orient="row")).data
    return _MARKS.get(encoding, b"") + _encoded(_delimited(row, delimiter), encoding)


def _encoded(lines: bytes, encoding: str) -> bytes:
    in_utf8 = encoding in ("utf-8", "utf-8-sig")
    return lines if in_utf8 else lines.decode().encode(encoding, "backslashreplace")


def still_repeated(
    own: pl.DataFrame,
    earlier: pl.DataFrame,
    bound: Bound,
    keys: Sequence[pl.Expr],
    contracted: Callable[[pl.DataFrame], pl.DataFrame],
) -> list[Found]:
    """The rows of a rejects file that were rejected for repeating a key and still have that key.

    The row that they repeated was sent, and they would overwrite it; where no row of several was sent
    (`report_duplicates="all"`), one may be. `own` are the cells as the contract has them, which `contracted`
    makes of the text of that time; `keys` is what rules compare. A record of another width stays.
    """
    found = []
    for unique, key in zip(bound.uniques, keys, strict=True):
        if unique.keep == "none":
            continue
        repeated = pl.col("reasons").fill_null("").str.split("; ").list.contains(unique.reason)
        suspects = earlier.select(repeated & pl.col("raw").is_not_null()).to_series().arg_true()
        cells = {row: _cells(earlier["raw"][row], own.width) for row in suspects.to_list()}
        known = {row: fields for row, fields in cells.items() if fields}
        before = pl.DataFrame(list(known.values()), dict.fromkeys(own.columns, pl.String), orient="row")
        now, then = (table.select(key).to_series() for table in (own[list(known)], contracted(before)))
        same = np.array(list(known), np.int64)[now.eq_missing(then).to_numpy()]
        apart = np.array([row for row, fields in cells.items() if not fields], np.int64)
        found.append((np.sort(np.append(same, apart)), unique.reason))
    return found


def _cells(raw: str, width: int) -> list[str | None]:
    """The cells of a record; none where it is no record of that width."""
    try:
        fields = [field.decode() or None for field in CANONICAL.fields(raw.encode())]
    except ValueError:
        return []
    return fields if len(fields) == width else []


def rejected_rows(records: Records, faults: Faults, plan: Plan) -> bytes:
    """The rejected records of a slice as they stand in the file, in source order, as UTF-8. Pure."""
    words = _words(plan)
    malformed = _malformed(records, len(plan.header.columns))
    both = pl.concat([_well_formed(records, faults, words), malformed], rechunk=True)
    both = both.sort("order", maintain_order=True)
    lines: bytes = both.select((pl.col("line").str.join("\n") + "\n").cast(pl.Binary)).item()
    return _delimited(lines, plan.delimiter) if both.height else b""


def _delimited(lines: bytes, delimiter: str) -> bytes:
    """The same with another delimiter than a comma."""
    if delimiter == CANONICAL.delimiter:
        return lines
    rows = cut(lines, CANONICAL, len(lines)).records
    first = CANONICAL.fields(rows.data[rows.starts[0] : rows.ends[0]])
    table, _ = cells.parse(rows, CANONICAL, [str(number) for number in range(len(first))])
    return cells.write(table, delimiter).data


class _Words(NamedTuple):
    """The reasons of a plan that are about a repeated key; each reason in a sentence, led by its column."""

    repeats: frozenset[str]
    why: Mapping[str, str]


@lru_cache(maxsize=16)
def _words(plan: Plan) -> _Words:
    header = plan.header
    own = dict(zip(header.columns, header.names, strict=True))
    why = {
        reason: f"{own[column]}: {sentence}" if column else sentence
        for reason, (column, sentence) in sentences.of_reasons(plan.rules, header.columns).items()
    }
    return _Words(frozenset(unique.reason for unique in plan.rules.bind(header.columns).uniques), why)


def _well_formed(records: Records, faults: Faults, words: _Words) -> pl.DataFrame:
    """Each record as it stands in the source, its place and reasons behind it: a line, and its order.

    One that repeats a key has its own text behind these too, so that it can be known again.
    """
    rows = faults.failing
    repeating = [number for number, name in enumerate(faults.names) if name in words.repeats]
    again = np.isin(rows, faults.rows[np.isin(faults.reasons, repeating)])
    columns = [
        records.texts(rows).alias("own"),
        pl.Series("place", records.places[rows]).cast(pl.String),
        _reasons(faults, words.why),
        pl.Series("again", again, pl.Boolean),
        pl.Series("order", 2 * rows + 1, pl.Int64),
    ]
    raw = pl.when("again").then(_field(pl.col("own"))).otherwise(pl.lit(""))
    line = pl.concat_str("own", "place", "reasons", raw, separator=",")
    return pl.DataFrame(columns).select(line.alias("line"), "order")


def _malformed(records: Records, width: int) -> pl.DataFrame:
    """Each record's raw text, with nothing in the columns before: as above."""
    blank = "," * width
    written = cells.write(
        pl.DataFrame(
            {
                "place": [str(one.place) for one in records.malformed],
                "reasons": [f"_record:{one.reason}" for one in records.malformed],
                "why": [sentences.of_record(one.reason) for one in records.malformed],
                "raw": [one.raw.decode() for one in records.malformed],
            },
            schema=dict.fromkeys(("place", "reasons", "why", "raw"), pl.String),
        )
    )
    lines = written.texts(np.arange(len(written)))
    order = pl.Series("order", [2 * one.before for one in records.malformed], pl.Int64)
    return pl.DataFrame([(blank + lines).alias("line"), order])


def _reasons(faults: Faults, why: Mapping[str, str]) -> pl.Series:
    """The reasons against each row that has any, as two fields of a CSV: their names, and their sentences."""
    words = pl.DataFrame(
        {"names": faults.names, "why": [why[name] for name in faults.names]},
        schema={"names": pl.String, "why": pl.String},
    )
    first = np.flatnonzero(np.diff(faults.rows, prepend=-1))
    count = np.diff(first, append=len(faults.rows))
    listed = (
        words.select(_two_fields(pl.col("names"), pl.col("why"))).to_series().gather(faults.reasons[first])
    )
    if len(several := np.flatnonzero(count > 1)):
        among = np.repeat(count > 1, count)
        each = words[faults.reasons[among]].with_columns(pl.Series("row", faults.rows[among]))
        joined = _two_fields(pl.col("names").str.join("; "), pl.col("why").str.join(" "))
        by_row = each.group_by("row", maintain_order=True).agg(joined)
        listed = listed.scatter(several, by_row["reasons"])
    return listed


def _two_fields(names: pl.Expr, why: pl.Expr) -> pl.Expr:
    return pl.concat_str(_field(names), _field(why), separator=",").alias("reasons")


def _field(text: pl.Expr) -> pl.Expr:
    quoted = pl.format('"{}"', text.str.replace_all('"', '""', literal=True))
    return pl.when(text.str.contains('[",\r\n]')).then(quoted).otherwise(text)
