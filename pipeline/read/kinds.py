"""What is no CSV, though it may be called so: each kind of file by how it begins, and the way out of it.

`kind_of` looks at the first bytes alone. A pattern has to be one that no table begins with: `<TICKER>,<DATE>`
and `ID;PHONE` are headers, `<table>` and the two first lines of a SYLK file are none.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from pipeline.errors import SourceError

_SAVE = "Open it in the program that wrote it, or in a spreadsheet, and save it as CSV (UTF-8)."
_FRAME = "Read it with polars or pandas and pass the frame."
_LOGIN = (
    "Was a login or error page saved in place of the export? A spreadsheet opens a table and saves it as CSV."
)
_EXPORT = "Export it as CSV."
_DATA = "Ask for the data itself, as CSV."
_UNPACK = "Unpack it and pass the CSV in it: "
_ZIP = "Save a workbook as CSV (UTF-8) first; unpack an archive and pass the CSV in it: unzip FILE."


class Kind(NamedTuple):
    """A kind of file: what to call it, and what to do."""

    name: str
    hint: str


_CONTROL = rb"[\x20-\x7e\r\n]{0,256}[\x00-\x08\x0b\x0c\x0e-\x1f]"
# Patterns of bytes at the start, first match first; `.` is any byte.
_BINARY: list[tuple[bytes, Kind]] = [
    (rb"\x1f\x8b", Kind("gzip data", "Give the file a name that ends in .gz, or unpack it first.")),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", Kind("a zip archive or an Excel workbook", _ZIP)),
    (rb"\xd0\xcf\x11\xe0|\x09[\x00\x02\x04\x08][\x04-\x10]\x00", Kind("an old Excel workbook", _SAVE)),
    (rb"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", f"{_UNPACK}7z x FILE.")),
    (rb"\x28\xb5\x2f\xfd", Kind("Zstandard data", f"{_UNPACK}zstd -d FILE.")),
    (rb"\xfd7zXZ\x00", Kind("xz data", f"{_UNPACK}xz -d FILE.")),
    (rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38)", Kind("bzip2 data", f"{_UNPACK}bzip2 -d FILE.")),
    (rb"\x04\x22\x4d\x18", Kind("LZ4 data", f"{_UNPACK}lz4 -d FILE.")),
    (rb"LZIP[\x00\x01]", Kind("lzip data", f"{_UNPACK}lzip -d FILE.")),
    (rb"\x1f[\x9d\xa0]", Kind("compress (.Z) data", f"{_UNPACK}uncompress FILE.")),
    (rb"\xff\x06\x00\x00sNaPpY", Kind("Snappy data", f"{_UNPACK}snzip -d FILE.")),
    (rb"Rar!\x1a\x07", Kind("a RAR archive", f"{_UNPACK}unrar x FILE.")),
    (rb"MSCF\x00", Kind("a cabinet archive", f"{_UNPACK}cabextract FILE.")),
    (
        rb"SQLite format 3\x00",
        Kind("an SQLite database", "Export its table: sqlite3 -csv -header FILE 'SELECT …'."),
    ),
    (
        rb".{8}DUCK.\x00\x00\x00",
        Kind("a DuckDB database", "Pass duckdb's relation, or export its table as CSV."),
    ),
    (rb"\x00\x01\x00\x00Standard (Jet|ACE) DB", Kind("an Access database", "Export its table as CSV.")),
    (rb"PAR[1E](\Z|" + _CONTROL + rb")", Kind("a Parquet file", _FRAME)),
    (rb"Obj\x01", Kind("an Avro file", _FRAME)),
    (rb"ORC(\Z|" + _CONTROL + rb")", Kind("an ORC file", _FRAME)),
    (
        rb"ARROW1\x00\x00|FEA1\x00|\xff\xff\xff\xff..\x00\x00\x10\x00",
        Kind("an Arrow or Feather file", _FRAME),
    ),
    (rb"\x89HDF", Kind("an HDF5 file", _FRAME)),
    (rb"\x80[\x02-\x05][\x95c}\]]", Kind("a Python pickle", _FRAME)),
    (rb"\$FL[23]@\(#\)|<stata_dta>|\x00{12}\xc2\xea\x81\x60|RD[AX][23]\n", Kind("a statistics file", _FRAME)),
    (rb"%PDF-", Kind("a PDF", _DATA)),
    (rb"\{\\rtf", Kind("an RTF document", _SAVE)),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*", Kind("a picture", _DATA)),
    (rb".{257}ustar[\x00 ]", Kind("a tar archive", f"{_UNPACK}tar -xf FILE.")),
]
# The same for text, decoded by its mark, blanks before it left away; case does not count.
_TAGS = (
    "html|head|meta|title|base|link|style|script|noscript|body|table|thead|tbody|tr|td|th|div|span|p|br|hr|h[1-6]"
    "|form|center|font|pre|iframe|frameset|ul|ol|section|main|header|nav|article"
)
_HTML = rf"<!doctype\s+html|<!--|<(?:{_TAGS})(?:\s[^<>]*)?/?>(?!\s*[,;\t|])"
_XML = (
    r"<\?xml\b|<!DOCTYPE\s|<[a-z_][\w:.-]*\s+[\w:.-]+\s*=\s*[\"'][^<>]*>"
    r"|<[a-z_][\w:.-]*>[ \r\n]*<[a-z_][\w:.-]*[\s/>]"
)
_SYLK = r"ID;P[^;\r\n]*(?:;[NE])*\s*[\r\n]+(?:P;[PFE]|C;[XYK]|B;[XY]|O;[LDV]|F;|E[\r\n])"
_COMMENTS = r"(?:--[^\r\n]*[\r\n]\s*|(?>/\*.*?\*/);?\s*)*"
_STATEMENT = (
    r"INSERT\s+(?:IGNORE\s+)?INTO\s|(?:CREATE|DROP|ALTER)\s+(?:TABLE|DATABASE|SCHEMA|TYPE|SEQUENCE|EXTENSION)\s"
    r"|(?:BEGIN|START)(?:\s+TRANSACTION)?\s*;\s*[\r\n]|SET\s+[@\w.]+\s*(?:=|TO\s|ON\s*[;\r\n])|PRAGMA\s+\w+\s*="
    r"|LOCK\s+TABLES\s|USE\s+[`\[]?\w+[`\]]?\s*;?[\r\n]|COPY\s+[\w.\"]+\s*(?:\(|FROM\s)"
)
_SQL = rf"{_COMMENTS}(?:{_STATEMENT})|--\s*(?:MySQL|MariaDB|PostgreSQL|phpMyAdmin|Dump|Host:)|/\*!\d|PGDMP"
_TEXT: list[tuple[str, Kind]] = [
    (_HTML, Kind("a web page", _LOGIN)),
    (_XML, Kind("XML", _SAVE)),
    (r"\{\s*[\"}]|\[\s*[\[{\"\]]", Kind("JSON", _FRAME)),
    (r"BEGIN:VCARD", Kind("a vCard file", "Export the contacts as CSV: most address books offer both.")),
    (r"BEGIN:VCALENDAR", Kind("a calendar file", _EXPORT)),
    (r"(?:version:\s*1\s+)?dn::?\s+\w+=", Kind("an LDIF file", _EXPORT)),
    (_SYLK, Kind("a SYLK (.slk) file", _SAVE)),
    (r"TABLE\s*[\r\n]+0,1[\r\n]", Kind("a DIF file", _SAVE)),
    (_SQL, Kind("an SQL dump", "Load it into its database and export the table as CSV.")),
    (r"%!PS", Kind("PostScript", _DATA)),
    (r"-----BEGIN ", Kind("an encrypted or signed file", "Decrypt it first, e.g. gpg -d FILE.")),
    (r"MIME-Version:", Kind("a saved web page or mail", _LOGIN)),
    (r"version https://git-lfs\.", Kind("a pointer of Git LFS", "Fetch the file itself: git lfs pull.")),
]
_IN_ZIP = [
    (b"xl/", Kind("an Excel workbook", _SAVE)),
    (b"[Content_Types].xml", Kind("an Excel workbook or other Office document", _SAVE)),
    (b"mimetypeapplication/vnd.oasis", Kind("an OpenDocument spreadsheet", _SAVE)),
    (b"Index/", Kind("an Apple Numbers document", "Export it as CSV from Numbers.")),
]
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LOOK = 4096  # bytes
_GZIP = b"\x1f\x8b"


def kind_of(head: bytes) -> Kind | None:
    """What the file that begins with `head` is, if it is surely no table of text."""
    for pattern, kind in _BINARY:
        if re.match(pattern, head, re.DOTALL):
            inside = [known for name, known in _IN_ZIP if name in head] if head.startswith(b"PK") else []
            return inside[0] if inside else kind
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "latin-1")
    text = head[:_LOOK].decode(encoding, "replace").lstrip("\ufeff \t\r\n\x0b\x0c")
    return next((kind for pattern, kind in _TEXT if re.match(pattern, text, re.IGNORECASE | re.DOTALL)), None)


def check_kind(name: str, head: bytes, *, packed: bool) -> None:
    """Raise SourceError if a file that begins with `head`, unpacked if it is `packed`, is surely no CSV."""
    kind = kind_of(head)
    if kind is None:
        return
    if packed and head.startswith(_GZIP):
        raise SourceError(
            f"{name}: is packed twice: there is gzip data in it again",
            hint="Unpack it twice: gzip -dc FILE | gzip -dc > contacts.csv, and pass that.",
        )
    raise SourceError(f"{name}: {'holds' if packed else 'is'} {kind.name}, not a CSV", hint=kind.hint)


def check_packed(name: str, head: bytes) -> None:
    """Raise SourceError where a file is not packed, though its name says so."""
    if not head or head.startswith(_GZIP):
        return
    kind = kind_of(head)
    if kind:
        raise SourceError(f"{name}: is {kind.name}, not a CSV in gzip", hint=kind.hint)
    raise SourceError(
        f"{name}: is not packed by gzip, though its name ends so",
        hint="Was it unpacked already? Take the .gz off its name.",
    )
