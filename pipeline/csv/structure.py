"""Where all records of a regular piece of CSV end, found at once.

Number the quotes of the piece. Where every odd one follows a delimiter, a line end, a quote or the start, and
every even one precede a delimiter, a line end or a quote, each cell is quoted as a whole or not at all, and
the delimiters and line ends outside of quotes are the real ones. Where every n-th of these is a line end and
no other is, each record has n cells. So any reader that knows RFC 4180 finds the same cells, and a parser
that forgives much has nothing to forgive. A piece that is not so is left to the careful way, as a whole.

Bytes are marked as bits, 64 to a word: bit i of a word's prefix XOR says whether an odd number of quotes
stands up to there, and as many bits are set up to a line end as there are cells up to the end of its record.
"""

from __future__ import annotations

import numpy as np

from pipeline.arrays import NO_ROWS, Bytes, Hashes, Offsets
from pipeline.csv.dialect import Dialect
from pipeline.csv.escapes import CR, LF

_TOP = np.uint64(63)
_BLOCK = 1 << 17  # bytes that are looked at together, so that what is found of them stays in the cache


def record_ends(data: bytes, dialect: Dialect, width: int, *, complete: bool) -> Offsets | None:
    """Where the LF of each record of `width` cells stands; None for a piece that is not regular.

    Line ends are LF or CRLF. A piece that is not `complete` may end within a record, and has no quote as
    its last byte.
    """
    if not data or (dialect.escapechar and dialect.escapechar.encode() in data):
        return None
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return None
    at = np.frombuffer(data, np.uint8)
    line_end = _marked(at, LF)
    separator = line_end | _marked(at, ord(dialect.delimiter))
    quote = dialect.quotechar.encode()
    if quote and quote in data:
        outside = _outside_quotes(_marked(at, ord(quote)), separator, at if b"\r" in data else None)
        if outside is None or (complete and not outside[-1] >> _TOP):
            return None
        separator &= outside
        line_end &= outside
    ends = _positions(line_end)
    cells = np.cumsum(_ones(separator))
    if not np.array_equal(_up_to(ends, separator, cells), np.arange(1, len(ends) + 1) * width):
        return None
    if len(ends) != cells[-1] // width or (complete and (cells[-1] % width or not len(ends))):
        return None
    if width == 1 and _has_blank_line(at, ends):
        return None
    return ends


def line_ends(data: bytes) -> Offsets:
    """Where the LF of each record stands, in what was written by the rule: each outside of quotes."""
    at = np.frombuffer(data, np.uint8)
    line_end = _marked(at, LF)
    if b'"' in data:
        line_end &= ~_prefix_xor(_marked(at, ord('"')))
    return _positions(line_end)


def _has_blank_line(at: Bytes, ends: Offsets) -> bool:
    lengths = np.diff(ends, prepend=-1) - 1
    return bool((lengths == 0).any() or (at[ends[lengths == 1] - 1] == CR).any())


def _outside_quotes(quotes: Hashes, separators: Hashes, with_cr: Bytes | None) -> Hashes | None:
    """Which bytes stand outside of quotes; None where quotes are out of order. All packed.

    `with_cr` are the bytes, where there may be a CR behind a closing quote.
    """
    inside = _prefix_xor(quotes)
    beside = separators | quotes
    before = beside << np.uint64(1)
    before[1:] |= beside[:-1] >> _TOP
    before[0] |= np.uint64(1)
    after = beside if with_cr is None else beside | _marked(with_cr, CR)
    behind = after >> np.uint64(1)
    behind[:-1] |= after[1:] << _TOP
    if ((quotes & inside & ~before) | (quotes & ~inside & ~behind)).any():
        return None
    return ~inside


def _marked(at: Bytes, character: int) -> Hashes:
    """Which bytes are the character, as bits, 64 to a word, the first one lowest."""
    bits = np.zeros(-(-len(at) // 64) * 8, np.uint8)
    for start in range(0, len(at), _BLOCK):
        packed = np.packbits(at[start : start + _BLOCK] == character, bitorder="little")
        bits[start // 8 :][: len(packed)] = packed
    return bits.view("<u8")


def _positions(words: Hashes) -> Offsets:
    """Which bits are set."""
    step = _BLOCK // 64
    found = [NO_ROWS]
    for start in range(0, len(words), step):
        bits = np.unpackbits(words[start : start + step].view(np.uint8), bitorder="little")
        found.append(np.flatnonzero(bits.view(np.bool_)) + start * 64)
    return np.concatenate(found)


def _up_to(positions: Offsets, words: Hashes, sums: Offsets) -> Offsets:
    """How many bits are set up to each position, itself among them; `sums` are those of the words."""
    at = positions >> 6
    behind = words[at] & ~np.uint64(0) << (positions.astype(np.uint64) & _TOP) << np.uint64(1)
    up_to: Offsets = sums[at] - _ones(behind)
    return up_to


def _ones(words: Hashes) -> Offsets:
    """How many bits of each word are set."""
    pairs = words - (words >> np.uint64(1) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + (pairs >> np.uint64(2) & np.uint64(0x3333333333333333))
    bytewise = fours + (fours >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    sums: Offsets = (bytewise * np.uint64(0x0101010101010101) >> np.uint64(56)).astype(np.int64)
    return sums


def _prefix_xor(words: Hashes) -> Hashes:
    """Of each bit whether an odd number of bits is set up to it."""
    found = words.copy()
    for step in (1, 2, 4, 8, 16, 32):
        found ^= found << np.uint64(step)
    odd = np.bitwise_xor.accumulate(found >> _TOP)
    found[1:] ^= np.uint64(0) - odd[:-1]  # all bits, after an odd number of quotes
    return found
