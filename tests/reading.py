"""What the reading tests share: a source read to its end and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config import SourceConfig
from pipeline.csv.records import Malformed
from pipeline.handoffs import Header
from pipeline.read import open_source

CONTRACT = ("EMAIL", "MOBILE", "CITY")


@dataclass(frozen=True)
class Read:
    """A whole source: rows of cells with their places, what was malformed, and each record's bytes."""

    header: Header
    rows: list[tuple[str | None, ...]]
    places: list[int]
    malformed: list[Malformed]
    records: list[bytes]
    sizes: list[int]
    size: int | None

    @property
    def data(self) -> bytes:
        return b"".join(self.records)

    @property
    def reasons(self) -> dict[int, str]:
        return {one.place: one.reason for one in self.malformed}


def source_config(**config: Any) -> SourceConfig:
    return SourceConfig.model_validate(config)


def keep_all(columns: Sequence[str], _source: str) -> tuple[int, ...]:
    return tuple(range(len(columns)))


def read(
    source: Any,
    *,
    slice_bytes: int | None = None,
    contract: Sequence[str] = CONTRACT,
    resolve: Any = keep_all,
    **config: Any,
) -> Read:
    rows: list[tuple[str | None, ...]] = []
    malformed: list[Malformed] = []
    places, records, sizes = [], [], []
    settings = source_config(**config)
    with open_source(
        source, settings, contract_names=contract, resolve=resolve, slice_bytes=slice_bytes
    ) as opened:
        for index, piece in enumerate(opened.slices()):
            assert piece.index == index
            table = piece.table(opened.header.columns)
            found = table.records
            assert table.cells.columns == list(opened.header.columns)
            assert table.cells.height == len(found.starts) == len(found.stops) == len(found.places)
            assert found.places.dtype == found.starts.dtype == found.stops.dtype == "int64"
            for one in found.malformed:
                assert one.before == sum(place < one.place for place in found.places.tolist())
            rows += table.cells.rows()
            places += found.places.tolist()
            malformed += found.malformed
            spans = zip(found.starts.tolist(), found.stops.tolist(), strict=True)
            records += [found.data[start:stop] for start, stop in spans]
            sizes.append(piece.size)
        header, size = opened.header, opened.size
    return Read(header, rows, places, malformed, records, sizes, size)


def pairs(found: Sequence[tuple[Any, str]]) -> tuple[tuple[int, str], ...]:
    """(row, reason) of what is said of rows, one by one."""
    return tuple((row, reason) for rows, reason in found for row in rows.tolist())
