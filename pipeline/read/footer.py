"""What stands behind the last record of a file, such as a totals line, and is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.csv.dialect import Dialect

if TYPE_CHECKING:
    from pipeline.read.stream import ByteStream

LINES, HELD_BYTES = 10, 1 << 16  # that are looked through, at the end
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n]|\Z)")
_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_OF_A_CONTACT = re.compile(rb"@|\+\d|(?:\d[ ()/-]{0,2}){10}")  # an address, a phone number


class WithoutFooter:
    """A stream that ends before its footer: the first of its last lines that begins as `pattern` says.

    The match must end with a word, stand outside of quotes, and have no record behind it; a line with an
    address or a phone number is a record, however it begins. `width` is how many cells records have. What is
    left out and may have been records nevertheless is counted in `doubtful`.
    """

    def __init__(self, stream: ByteStream, pattern: str, dialect: Dialect, width: int) -> None:
        self._stream, self._pattern, self._held = stream, re.compile(pattern), b""
        self._dialect, self._width = dialect, width
        self.doubtful = 0

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
        end = len(data)
        records = left_out = 0
        for line in reversed([found for found in _LINE.finditer(data) if found[0].strip()][-LINES:]):
            text = line[0].rstrip(b"\r\n")
            is_full = self._is_full(text)
            records += is_full
            if not self._begins(text):
                if is_full and self._width > 1:
                    break
            elif _OF_A_CONTACT.search(_DAY.sub(b"", text)):
                break
            elif not self._is_quoted(data[line.start() :]):
                end, left_out = line.start(), records
        self.doubtful += left_out
        return end

    def _begins(self, line: bytes) -> bool:
        text = line.decode("utf-8", "replace")
        found = self._pattern.match(text)
        if not found:
            return False
        last, following = found[0][-1:], text[found.end() : found.end() + 1]
        return not (last.isalnum() and following.isalnum())

    def _is_full(self, line: bytes) -> bool:
        """Whether the line is as wide as a record, and most of its cells are filled."""
        try:
            fields = self._dialect.fields(line)
        except ValueError:
            return False
        return len(fields) == self._width and 2 * sum(map(bool, fields)) > self._width

    def _is_quoted(self, rest: bytes) -> bool:
        """Whether what is left of the file begins within quotes."""
        if self._dialect.escapechar:
            rest = re.sub(re.escape(self._dialect.escapechar.encode()) + b".", b"", rest, flags=re.DOTALL)
        return bool(self._dialect.quotechar) and rest.count(self._dialect.quotechar.encode()) % 2 == 1
