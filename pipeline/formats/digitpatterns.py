"""Patterns of digits as `phonenumbers`'s metadata have them: put together, and what they can match.

Only the simplest are understood: digits, classes and groups of these, and how often. Of any other, nothing
is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

DIGITS = "0123456789"
# All that is understood of a pattern: a digit, a class or a group of these, and how often.
TOKEN = re.compile(r"(\\d|[0-9]|\[[0-9-]+\]|\(\?:|\(|\)|\|)(\?|\{[0-9]+(?:,[0-9]+)?\})?")


def either(*patterns: str | None) -> str:
    """One pattern for all of these; what is None or empty is left out, and what stands there twice."""
    return "|".join(dict.fromkeys(filter(None, patterns)))


def spelled(pattern: str) -> str:
    """The pattern with its digits spelled out: Rust's are those of every script."""
    return pattern.replace(r"\d", "[0-9]")


def beginning(pattern: str) -> str | None:
    """A pattern of how texts begin that `pattern` takes something off; None where it is not understood."""
    found = shape(pattern.replace("$", ""))
    if not found:
        return None
    lengths, firsts = found
    return f"[{''.join(sorted(firsts))}]" if 0 in lengths else pattern


def all_but(pattern: str) -> str | None:
    """A pattern of how numbers begin that do not begin with `pattern`; None where there are too many."""
    found = shape(pattern)
    if not found or max(found[0]) > 3:
        return None
    beginnings = map("".join, product(DIGITS, repeat=max(found[0])))
    return "|".join(text for text in beginnings if not re.match(pattern, text))


def shape(pattern: str) -> tuple[set[int], set[str]] | None:
    """The lengths that `pattern` can match, and the digits it can begin with; None: not understood."""
    tokens = TOKEN.findall(pattern)
    if "".join(atom + times for atom, times in tokens) != pattern:
        return None
    lengths, firsts, _ = alternatives(iter(tokens))
    return lengths, firsts


def alternatives(tokens: Iterator[tuple[str, str]]) -> tuple[set[int], set[str], str]:
    """Lengths and first digits up to the bracket that closes (or the end), and how often that one is."""
    all_lengths: set[int] = set()
    firsts: set[str] = set()
    lengths, closing = {0}, ""
    for atom, times in tokens:
        if atom == ")":
            closing = times
            break
        if atom == "|":
            all_lengths |= lengths
            lengths = {0}
            continue
        if atom.startswith("("):
            inner, begin, times = alternatives(tokens)
        else:
            inner, begin = {1}, digits(atom)
        if 0 in lengths:
            firsts |= begin
        lengths = {a + b for a in lengths for b in repeated(inner, times)}
    return all_lengths | lengths, firsts, closing


@cache
def digits(atom: str) -> set[str]:
    """The digits that a digit or a class of them matches."""
    return {digit for digit in DIGITS if re.match(atom, digit)}


def repeated(lengths: set[int], times: str) -> set[int]:
    """The lengths of so many in a row: `times` is a quantifier, or nothing."""
    if times in ("", "?"):
        return lengths | ({0} if times else set())
    least, _, most = times.strip("{}").partition(",")
    row, found = {0}, set()
    for count in range(int(most or least) + 1):
        found |= row if count >= int(least) else set()
        row = {a + b for a in row for b in lengths}
    return found
