"""Which encoding a file is written in: what its byte order mark says, and what its bytes look like.

A config that says otherwise is refused before anything is read: a wrong 8-bit encoding decodes every file,
and damages the names in it.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

from pipeline.errors import SourceError

# Longest first: UTF-32's mark begins with UTF-16's.
_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
# The bytes of a character, and which of them holds an ASCII character while the others are NUL.
_WIDE = {"utf-32-le": (4, 0), "utf-32-be": (4, 3), "utf-16-le": (2, 0), "utf-16-be": (2, 1)}
_SAMPLE = 4096


class Start(NamedTuple):
    """How a file starts: the `encoding` it is in (Python's name), and how many bytes of `mark` to skip."""

    encoding: str
    mark: int


def marked_encoding(head: bytes) -> str | None:
    """The encoding whose byte order mark a file begins with, if any."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def start_of(head: bytes, configured: str | None, *, name: str) -> Start:
    """How the file called `name`, which begins with `head`, is to be decoded.

    Raises SourceError where its mark, or its NUL bytes, contradict the configured encoding (None: UTF-8, or
    what the mark says).
    """
    wanted = codecs.lookup(configured or "utf-8").name.removesuffix("-sig")
    for mark, marked in _MARKS:
        if head.startswith(mark):
            if configured and wanted not in (marked, marked[:6]):
                raise SourceError(
                    f"{name}: begins with the byte order mark of {marked[:6].upper()}, "
                    f"but source.encoding is {configured}",
                    hint=f"Set source.encoding: {marked}, or take the key out: the mark says it.",
                )
            return Start(marked, len(mark))
    _check_width(head[:_SAMPLE], wanted, configured, name)
    return Start(wanted, 0)


def _check_width(head: bytes, wanted: str, configured: str | None, name: str) -> None:
    """Raise SourceError where `head` has NUL bytes that `wanted` cannot explain, or lacks those it needs."""
    found = looks_like(head)
    if wanted in _WIDE and _ascii_share(head, wanted) and found in (wanted, None):
        return
    if wanted in _WIDE or wanted in ("utf-16", "utf-32"):
        raise SourceError(
            f"{name}: is not in {configured}, as source.encoding says"
            if wanted in _WIDE
            else f"{name}: has no byte order mark, which source.encoding: {configured} needs",
            hint=f"Set source.encoding: {found}."
            if found
            else "Take source.encoding out if the file is UTF-8; those from Windows are often cp1252.",
        )
    if found:
        raise SourceError(
            f"{name}: its NUL bytes look like {found[:6].upper()} without a byte order mark, "
            f"not like {configured or 'UTF-8'}",
            hint=f"Set source.encoding: {found}.",
        )


def looks_like(head: bytes) -> str | None:
    """The encoding of several bytes a character in which `head` begins with ASCII and is half ASCII."""
    for encoding, (width, _) in _WIDE.items():
        if _ascii_share(head[:width], encoding) and _ascii_share(head, encoding) >= 0.5:
            return encoding
    return None


def _ascii_share(head: bytes, encoding: str) -> float:
    """How much of `head` is ASCII characters, 0 to 1, if it is read in that encoding."""
    width, low = _WIDE[encoding]
    characters = [head[at : at + width] for at in range(0, len(head) - width + 1, width)]
    nul = b"\0" * (width - 1)
    ascii_ones = sum(9 <= one[low] < 127 and one[:low] + one[low + 1 :] == nul for one in characters)
    return ascii_ones / len(characters) if characters else 0.0
