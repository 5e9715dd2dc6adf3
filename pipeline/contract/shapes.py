"""Texts by how they begin, what they hold and how long they are: several checks of a column as one pattern.

What spreadsheets damage are numbers, and it shows. So a text passes in one of two shapes: one without the
characters that damage leaves behind, or a word, which begins as no number does and holds what it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from pipeline.contract.comparisons import lengths
from pipeline.contract.rules import CheckRule
from pipeline.formats.spreadsheets import APOSTROPHES

LONGEST = 255  # characters: the pattern grows with them

Args = Mapping[str, Any]


class _Shape(NamedTuple):
    """Texts of `least` to `most` characters that do not begin with some and do not hold others.

    Both are written as in a class; `most` is None where there is no bound.
    """

    begin: str = ""
    hold: str = ""
    least: int = 1
    most: int | None = None


_WORD = _Shape(begin=r"0-9+\-")
_Says = tuple[_Shape, _Shape]  # of any text, and of a word


def of(checks: Sequence[CheckRule], character: str) -> str | None:
    """A pattern of filled texts that surely pass all the checks; None where shapes cannot say that.

    `character` is the pattern of any character but those that take the place of its `{}`.
    """
    says = [_SAYS[check.kind](check.args) if check.kind in _SAYS else None for check in checks]
    known = [each for each in says if each]
    if not known or len(known) < len(says):
        return None
    plain, word = (reduce(_narrower, shapes) for shapes in zip(*known, strict=True))
    shapes = [plain] if plain == word else [plain, _narrower(word, _WORD)]
    patterns = [
        _pattern(shape, character) for shape in shapes if shape.most is None or shape.least <= shape.most
    ]
    return f"(?:{'|'.join(patterns)})" if patterns else None


def _narrower(one: _Shape, other: _Shape) -> _Shape:
    most = min((bound for bound in (one.most, other.most) if bound is not None), default=None)
    return _Shape(one.begin + other.begin, one.hold + other.hold, max(one.least, other.least), most)


def _pattern(shape: _Shape, character: str) -> str:
    first, other = character.format(shape.begin + shape.hold), character.format(shape.hold)
    return f"{first}{other}{{{shape.least - 1},{'' if shape.most is None else shape.most - 1}}}"


def _length(args: Args) -> _Says | None:
    least, most = lengths(args) or (None, None)
    if least is None and most is None:
        return None
    shape = _Shape(least=max(1, least or 0), most=None if most is None else min(most, LONGEST))
    return shape, shape


def _lost_zeros(args: Args) -> _Says | None:
    length = args["length"]
    return (_Shape(least=length), _Shape()) if type(length) is int and length > 1 else None


_SAYS: dict[str, Callable[[Args], _Says | None]] = {
    "str_length": _length,
    "no_scientific_notation": lambda _: (_Shape(hold="eE"), _Shape()),
    "no_trailing_decimal": lambda _: (_Shape(hold=".,"), _Shape()),
    "no_leading_apostrophe": lambda _: (_Shape(begin=APOSTROPHES), _Shape(begin=APOSTROPHES)),
    "no_lost_leading_zero": _lost_zeros,
}
