"""What of a file is looked at: its beginning and its end, as text, by the encoding that it seems to be in."""

from __future__ import annotations

import codecs
import gzip
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import SourceError
from pipeline.look.words import meanings, plain
from pipeline.read.encoding import looks_like, marked_encoding
from pipeline.read.stream import open_stream

HEAD_BYTES, TAIL_BYTES = 1 << 20, 1 << 16
# What the letters of other countries look like in cp1252, where nobody writes them so.
_ELSEWHERE = {"cp1250": ("³¹¿£¯Ÿ", "Central Europe"), "cp1254": ("þðÞÐ", "Turkey")}
_JAPANESE, _ARABIC = "[\u3040-\u30ff]", "[\u0600-\u06ff]"


class Sample(NamedTuple):
    """The text of a file's beginning and end, and the encoding with why it is taken for that.

    `encoding` is what the config has to say, None where nothing, and `name` what a person calls it. `tail` is
    "" where the end cannot be had without reading all before it; `complete`: the head is all of the file.
    """

    head: str
    tail: str
    encoding: str | None
    why: str
    complete: bool
    name: str


def sample(path: Path) -> Sample:
    """The sample of the file; raises SourceError where it cannot be read or is no CSV."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(f"{path}: can be read only once", hint="Save what it brings to a file first.")
    with open_stream(str(path)) as stream:  # which says what is wrong with a file that is none
        packed = stream.packed
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(HEAD_BYTES + 1)
            tail, complete = b"", len(head) <= HEAD_BYTES
            if not complete and not packed:
                file.seek(-TAIL_BYTES, 2)
                tail = file.read()
    except (OSError, EOFError):
        raise SourceError(f"{path}: cannot be read to its end", hint="Fetch or export it again.") from None
    encoding, why = _encoding(head)
    text = _decoded(head, encoding)
    end = text[-TAIL_BYTES:] if complete else _decoded(tail, encoding).partition("\n")[2]
    name = encoding.upper() if encoding.startswith("utf") else encoding
    return Sample(text, end, None if why in _UNSAID else encoding, why, complete, name)


_MARKED, _IS_UTF8 = "its byte order mark says it", "it is UTF-8"
_UNSAID = (_MARKED, _IS_UTF8)


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding, "replace").removeprefix("\ufeff")


def _encoding(head: bytes) -> tuple[str, str]:
    """The encoding that the bytes seem to be in, and why."""
    if marked := marked_encoding(head):
        return marked, _MARKED
    if wide := looks_like(head[:4096]):
        return wide, "every other byte is NUL"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
        return "utf-8", _IS_UTF8
    except UnicodeDecodeError:
        pass
    if _in_runs(head):
        for name in ("euc_jp", "cp932"):
            text = head.decode(name, "ignore")
            if (
                _fits(head, name)
                and len(re.findall(_JAPANESE, text)) > len(re.sub("[\x00-\x7f]", "", text)) / 20
            ):
                return name, "it is not UTF-8, and reads as Japanese so"
        arabic = head.decode("cp1256", "ignore")
        if len(re.findall(_ARABIC, arabic)) > len(re.sub("[\x00-\x7f]", "", arabic)) * 0.8 and _knows(arabic):
            return "cp1256", "it is not UTF-8, and its header reads as Arabic so"
        return "cp1252", "a guess: it is not UTF-8, and its letters are not those of Western Europe"
    text = head.decode("cp1252", "ignore")
    for name, (letters, where) in _ELSEWHERE.items():
        if len(re.findall(f"(?<=[A-Za-z])[{letters}]|[{letters}](?=[a-z])", text)) > 1:
            return name, f"a guess: it is not UTF-8, and has letters of {where}: do names read well?"
    return "cp1252", "it is not UTF-8, and reads as a file from Windows in Western Europe"


def _in_runs(head: bytes) -> bool:
    """Whether bytes beyond ASCII mostly follow each other, as in scripts that are not Latin."""
    high = [at for at, byte in enumerate(head[: 1 << 16]) if byte > 127]
    near = sum(after - before <= 2 for before, after in pairwise(high))
    return near > len(high) * 0.7


def _fits(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _knows(text: str) -> bool:
    """Whether the first lines hold a name of a column."""
    cells = re.split('[,;\t|"\r\n]+', text[:5000])
    return any(plain(cell) in meanings() for cell in cells if cell and not cell.isascii())
