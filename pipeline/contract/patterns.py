"""Python's regular expressions in the syntax of Rust's, for patterns that surely mean the same.

pandera matches by Python's `re` (or, where pandas likes, by RE2), polars by Rust's `regex`. A pattern is
translated from what Python itself parses it into. What comes out matches nothing that the original does not
match, and may match less: digits, letters and blanks are ASCII's, and `$` is the very end. Whatever else
may differ (flags, look-around, back-references, word boundaries, text that is not ASCII) is not translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl

MOST_REPEATS = 1000  # Rust refuses patterns that grow too large
_CLASSES = {code.CATEGORY_DIGIT: "0-9", code.CATEGORY_WORD: "0-9A-Za-z_", code.CATEGORY_SPACE: r" \t\n\r\f"}
_POSITIONS = {
    **dict.fromkeys((code.AT_BEGINNING, code.AT_BEGINNING_STRING), r"\A"),
    **dict.fromkeys((code.AT_END, code.AT_END_STRING), r"\z"),
}


class _Untranslatable(Exception):
    """Something that is not surely the same on both sides."""


def translate(args: Mapping[str, Any], *, at_start: bool) -> str | None:
    """A pattern for polars' `str.contains` that matches only what the check's own does; None without one.

    `args` are a check's: its `pattern`, and `flags` where it was compiled. `at_start`: as `re.match` takes
    it, else as `re.search` does.
    """
    pattern = args["pattern"]
    if args.get("flags", re.UNICODE.value) != re.UNICODE.value or not isinstance(pattern, str):
        return None
    try:
        text = _sequence(_parsed(pattern, at_start=at_start))
    except _UNTRANSLATABLE:
        return None
    # Byte by byte is faster, and the same as long as nothing stands for "any other character".
    mode = "" if "[^" in text else "(?-u)"
    return rf"{mode}\A(?:{text})" if at_start else mode + text


def may_match_less(pattern: str) -> bool:
    """Whether the translation may match less: digits, letters, blanks and `$` mean more to Python."""
    return re.search(r"\$|\\[dws]", pattern, re.IGNORECASE) is not None


def compiles(pattern: str) -> bool:
    """Whether polars takes the pattern."""
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError:
        return False
    return True


_UNTRANSLATABLE = (_Untranslatable, re.error, RecursionError, OverflowError)


def _parsed(pattern: str, *, at_start: bool) -> Any:
    parsed = _parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE.value or "{," in pattern:  # which RE2 takes for these very characters
        raise _Untranslatable
    if at_start and len(parsed) == 1 and parsed[0][0] is code.BRANCH:
        raise _Untranslatable  # libraries that put `^` in front bind it to the first alternative
    return parsed


def _sequence(parsed: Any) -> str:
    return "".join(_item(operation, argument) for operation, argument in parsed)


def _item(operation: Any, argument: Any) -> str:
    if operation is code.LITERAL:
        return _character(argument)
    if operation is code.NOT_LITERAL:
        return f"[^{_character(argument)}]"
    if operation is code.ANY:
        return r"[^\n]"
    if operation is code.IN:
        return _class(argument)
    if operation is code.BRANCH:
        return f"(?:{'|'.join(_sequence(each) for each in argument[1])})"
    if operation is code.SUBPATTERN and not argument[1] and not argument[2]:
        return f"(?:{_sequence(argument[3])})"
    if operation is code.AT and argument in _POSITIONS:
        return _POSITIONS[argument]
    if operation in (code.MAX_REPEAT, code.MIN_REPEAT):  # greedy or not makes no difference to whether
        return f"(?:{_sequence(argument[2])}){_times(argument[0], argument[1])}"
    raise _Untranslatable


def _times(least: int, most: Any) -> str:
    if least > MOST_REPEATS or (most is not code.MAXREPEAT and most > MOST_REPEATS):
        raise _Untranslatable
    return f"{{{least},{'' if most is code.MAXREPEAT else most}}}"


def _class(members: Any) -> str:
    negated = members[0][0] is code.NEGATE
    text = ""
    for operation, argument in members[negated:]:
        if operation is code.LITERAL:
            text += _character(argument)
        elif operation is code.RANGE:
            text += f"{_character(argument[0])}-{_character(argument[1])}"
        elif operation is code.CATEGORY and argument in _CLASSES and not negated:
            text += _CLASSES[argument]
        else:
            raise _Untranslatable
    return f"[{'^' if negated else ''}{text}]"


def _character(number: int) -> str:
    character = chr(number)
    if number > 127:
        raise _Untranslatable
    return character if character.isalnum() else rf"\x{number:02x}"
