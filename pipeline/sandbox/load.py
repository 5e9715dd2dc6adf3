"""The stand-in's reading of a fetched file: strict CSV in, contacts by primary key out.

Stricter than the platform may be, so that what passes here passes there: UTF-8 without BOM, comma, a header
of distinct names, the same number of fields in every row. Anything else fails the whole job.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import BinaryIO

PRIMARY_KEYS = ("EMAIL", "MOBILE", "CUSTOMER_ID")
LARGEST_FIELD = 1 << 20


class LoadFailed(Exception):
    """The job fails, and why; the text holds places and no values."""


@dataclass
class Loaded:
    """The contacts of one file (the last one of a key wins) and how many rows it took."""

    contacts: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    success: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All rows below the header."""
        return self.success + self.failed


def load(response: HTTPResponse, primary_key: Sequence[str]) -> Loaded:
    """The contacts in the body of `response`. A row whose keys are all blank counts as failed.

    Raises LoadFailed where the body is cut short or is not strict CSV.
    """
    promised = response.length
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(response, file, 1 << 20)
        if promised is not None and file.tell() != promised:
            raise LoadFailed(f"The file was cut short: {file.tell()} of {promised} bytes came")
        file.seek(0)
        return parse(file, primary_key)


def parse(file: BinaryIO, primary_key: Sequence[str]) -> Loaded:
    """The contacts in an open file, which is closed then. Raises LoadFailed where it is not strict CSV."""
    # Python's own limit is 128 KiB a field and holds for the whole process; it is only ever raised here.
    csv.field_size_limit(max(LARGEST_FIELD, csv.field_size_limit()))
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        return _load(_rows(text), primary_key)


def _load(rows: Iterator[tuple[int, list[str]]], primary_key: Sequence[str]) -> Loaded:
    _, header = next(rows, (0, []))
    keys = _keys(header, primary_key)
    loaded = Loaded()
    for line, row in rows:
        if len(row) != len(header):
            raise LoadFailed(f"Line {line}: {len(row)} fields where the header has {len(header)}")
        contact = dict(zip(header, row, strict=True))
        if key := next((contact[name] for name in keys if contact[name].strip()), ""):
            loaded.contacts[key] = contact
            loaded.success += 1
        else:
            loaded.failed += 1
    return loaded


def _rows(text: io.TextIOWrapper) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not an empty line, with the line it ends on."""
    reader = csv.reader(text, strict=True)
    try:
        for row in reader:
            if any("\0" in cell for cell in row):
                raise LoadFailed(f"Line {reader.line_num}: a NUL character")
            if row:
                yield reader.line_num, row
    except csv.Error as error:  # its texts are fixed phrases
        raise LoadFailed(f"Line {reader.line_num}: not valid CSV: {error}") from None
    except UnicodeDecodeError:
        raise LoadFailed(f"After line {reader.line_num}: not valid UTF-8") from None


def _keys(header: list[str], primary_key: Sequence[str]) -> list[str]:
    """The columns that may identify a row, in order of preference."""
    if not header:
        raise LoadFailed("The file is empty: no header")
    if header[0].startswith("\ufeff"):
        raise LoadFailed("The file begins with a byte order mark")
    if len(set(header)) < len(header) or any(not name.strip() for name in header):
        raise LoadFailed("The header has a blank name or the same name twice")
    names = [name for name in primary_key or PRIMARY_KEYS if name in header]
    if not names:
        raise LoadFailed(f"The header has none of {', '.join(primary_key or PRIMARY_KEYS)}")
    return names if primary_key else names[:1]
