"""Where all records of a regular piece of CSV end, found at once.

Number the quotes of the piece. Where every odd one follows a delimiter, a line end, a quote or the start, and
every even one precede a delimiter, a line end or a quote, each cell is quoted as a whole or not at all, and
the delimiters and line ends outside of quotes are the real ones. Where every n-th of these is a line end and
no other is, each record has n cells. So any reader that knows RFC 4180 finds the same cells, and a parser
that forgives much has nothing to forgive. A piece that is not so is left to the careful way, as a whole.

Quotes are numbered 64 at a time: bit i of a word's prefix XOR says whether an odd number of quotes stands up
to there.
"""

from __future__ import annotations

import numpy as np

from pipeline.arrays import Bytes, Hashes, Mask, Offsets
from pipeline.csv.dialect import Dialect

LF = ord("\n")
_TOP = np.uint64(63)


def record_ends(data: bytes, dialect: Dialect, width: int, *, complete: bool) -> Offsets | None:
    """Where the LF of each record of `width` cells stands; None for a piece that is not regular.

    Line ends are LF or CRLF. A piece that is not `complete` may end within a record, and has no quote as
    its last byte.
    """
    if dialect.escapechar and dialect.escapechar.encode() in data:
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    at = np.frombuffer(data, np.uint8)
    line_end = at == LF
    separator = (at == ord(dialect.delimiter)) | line_end
    quote = dialect.quotechar.encode()
    if quote and quote in data:
        packed = _packed(separator)
        outside = _outside_quotes(_packed(at == ord(quote)), packed, at if b"\r" in data else None)
        if outside is None or (complete and not outside[-1] >> _TOP):
            return None
        separator = _unpacked(packed & outside, len(at))
        if ((lines := _packed(line_end)) & ~outside).any():
            line_end = _unpacked(lines & outside, len(at))
    separators = np.flatnonzero(separator)
    ends: Offsets = separators[width - 1 :: width]
    if np.count_nonzero(line_end) != len(ends) or not line_end[ends].all():
        return None
    if complete and (len(separators) != len(ends) * width or not len(ends)):
        return None
    if width == 1 and _has_blank_line(at, ends):
        return None
    return ends


def line_ends(data: bytes) -> Offsets:
    """Where the LF of each record stands, in what was written by the rule: each outside of quotes."""
    at = np.frombuffer(data, np.uint8)
    ends: Offsets = np.flatnonzero(at == LF)
    if b'"' in data:
        words = _prefix_xor(_packed(at == ord('"')))[ends >> 6]
        ends = ends[words >> (ends & 63).astype(np.uint64) & np.uint64(1) == 0]
    return ends


def _has_blank_line(at: Bytes, ends: Offsets) -> bool:
    lengths = np.diff(ends, prepend=-1) - 1
    return bool((lengths == 0).any() or (at[ends[lengths == 1] - 1] == ord("\r")).any())


def _outside_quotes(quotes: Hashes, separators: Hashes, with_cr: Bytes | None) -> Hashes | None:
    """Which bytes stand outside of quotes; None where quotes are out of order. All packed.

    `with_cr` are the bytes, where there may be a CR behind a closing quote.
    """
    inside = _prefix_xor(quotes)
    beside = separators | quotes
    before = beside << np.uint64(1)
    before[1:] |= beside[:-1] >> _TOP
    before[0] |= np.uint64(1)
    after = beside if with_cr is None else beside | _packed(with_cr == ord("\r"))
    behind = after >> np.uint64(1)
    behind[:-1] |= after[1:] << _TOP
    if ((quotes & inside & ~before) | (quotes & ~inside & ~behind)).any():
        return None
    return ~inside


def _unpacked(words: Hashes, size: int) -> Mask:
    return np.unpackbits(words.view(np.uint8), count=size, bitorder="little").view(np.bool_)


def _packed(mask: Mask) -> Hashes:
    """The mask as bits, 64 to a word, the first one lowest."""
    packed = np.packbits(mask, bitorder="little")
    return np.concatenate([packed, np.zeros(-len(packed) % 8, np.uint8)]).view("<u8")


def _prefix_xor(words: Hashes) -> Hashes:
    """Of each bit whether an odd number of bits is set up to it."""
    found = words.copy()
    for step in (1, 2, 4, 8, 16, 32):
        found ^= found << np.uint64(step)
    odd = np.bitwise_xor.accumulate(found >> _TOP)
    found[1:] ^= np.uint64(0) - odd[:-1]  # all bits, after an odd number of quotes
    return found
