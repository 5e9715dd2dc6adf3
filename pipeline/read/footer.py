"""What stands behind the last record of a file, such as a totals line, and is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.read.stream import ByteStream

LINES, HELD_BYTES = 10, 1 << 16  # that are looked through, at the end
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n]|\Z)")


class WithoutFooter:
    """A stream that ends before the first of its last lines that begins as `pattern` says, if one does."""

    def __init__(self, stream: ByteStream, pattern: str) -> None:
        self._stream, self._pattern, self._held = stream, re.compile(pattern), b""

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
        lines = [found for found in _LINE.finditer(data) if found[0].strip()]
        for line in lines[-LINES:]:
            if self._pattern.match(line[0].decode("utf-8", "replace")):
                return line.start()
        return len(data)
