"""What stands behind the last record of a file, such as a totals line, and is none."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.csv.dialect import Dialect

if TYPE_CHECKING:
    from pipeline.read.stream import ByteStream

LINES, HELD_BYTES = 10, 1 << 16  # that are looked through, at the end
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n]|\Z)")
_OF_A_CONTACT = re.compile(rb"@|\+\d|(?:\d ?){10}")  # an address, a phone number


class WithoutFooter:
    """A stream that ends before its footer: the first of its last lines that begins as `pattern` says.

    The match must end with a word, stand outside of quotes, and have no contact behind it: a record whose
    first cell happens to begin so is no footer, nor are those that follow it.
    """

    def __init__(self, stream: ByteStream, pattern: str, dialect: Dialect) -> None:
        self._stream, self._pattern, self._held = stream, re.compile(pattern), b""
        self._delimiter, self._quote = dialect.delimiter.encode(), dialect.quotechar.encode()

    def read(self, size: int) -> bytes:
        """About `size` bytes more; b"" at the end only. Raises SourceError."""
        while more := self._stream.read(size):
            data = self._held + more
            at = max(len(data) - HELD_BYTES, 0)
            self._held = data[at:]
            if at:
                return data[:at]
        rest, self._held = self._held, b""
        return rest[: self._end(rest)]

    def _end(self, data: bytes) -> int:
        lines = [found for found in _LINE.finditer(data) if found[0].strip()][-LINES:]
        cells = Counter(line[0].count(self._delimiter) for line in lines)
        usual = max(cells, key=lambda count: (cells[count], count), default=0)
        end = len(data)
        for line in reversed(lines):
            if line[0].count(self._delimiter) >= usual and _OF_A_CONTACT.search(line[0]):
                break
            if self._begins(line[0]) and not (self._quote and data.count(self._quote, line.start()) % 2):
                end = line.start()
        return end

    def _begins(self, line: bytes) -> bool:
        text = line.decode("utf-8", "replace")
        found = self._pattern.match(text)
        if not found:
            return False
        last, following = found[0][-1:], text[found.end() : found.end() + 1]
        return not (last.isalnum() and following.isalnum())
