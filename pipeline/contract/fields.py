"""A column's rule as a regular expression for a field of a record, bare or quoted.

Whatever matches is a cell that is certainly good. A field that matches holds no comma unless quoted, and
never a quote, line end, NUL or byte order mark within: so the fields of a record that matches are where its
pattern has them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.contract import ranges
from pipeline.contract.comparisons import IN_ORDER, bounds, lengths
from pipeline.contract.patterns import compiles, plain, takes_nothing, within
from pipeline.contract.rules import CheckRule, ColumnRule
from pipeline.contract.typed import TIME
from pipeline.formats import emails

# What a bare field and a quoted one never hold, written as in a character class; where a byte order mark
# stands first, polars would take it off.
BARE, QUOTED = '",\\r\\n\\x00\ufeff', '"\\r\\n\\x00\ufeff'
LONGEST = 255  # characters: the pattern grows with them
_DAY = dt.timedelta(days=1)

Args = Mapping[str, Any]
Made = str | None


def field_of(rule: ColumnRule) -> Made:
    """The pattern of a column's field; None where one pattern cannot say all that the rule does."""
    if rule.parsed or rule.default is not None or len(rule.checks) > 1:
        return None
    check = rule.checks[0] if rule.checks else None
    bare, quoted = (_filled(rule, check, never) for never in (BARE, QUOTED))
    if bare is None or quoted is None or not compiles(bare) or takes_nothing(bare):
        return None
    blank = rule.nullable and (check is None or check.ignore_na)
    return _or_blank(bare, quoted) if blank else f'(?:{bare}|"(?:{quoted})")'


def any_field() -> str:
    """The pattern of a field about which nothing is said."""
    return _or_blank(_any(BARE), _any(QUOTED))


def _or_blank(bare: str, quoted: str) -> str:
    return f'(?:{bare}|"(?:{quoted})?")?'


def _any(never: str) -> str:
    return f"[^{never}]+"


def _filled(rule: ColumnRule, check: CheckRule | None, never: str) -> Made:
    """A pattern of texts that are values of the column's type and pass the check."""
    match rule.type.kind:
        case "text" if check:
            return _ON_TEXT[check.kind](check.args, never) if check.kind in _ON_TEXT else None
        case "text":
            return _any(never)
        case "category" if rule.type.categories and not check:
            return _one_of(rule.type.categories, never)
        case "integer" if check is None or check.kind in IN_ORDER:
            return _integer(rule, check)
        case "date" if check is None or check.kind in IN_ORDER:
            return _date(check)
        case "datetime" if rule.type.zone is None and (check is None or check.kind in IN_ORDER):
            return _moment(check)
        case "decimal" if check is None:
            return r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?"
        case "boolean" if check is None:
            return "(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])"
    return None


def _integer(rule: ColumnRule, check: CheckRule | None) -> Made:
    least, most = rule.type.integers[0], rule.type.integers[-1]
    low, low_too, high, high_too = bounds(check) if check else (None, True, None, True)
    if any(bound is not None and type(bound) is not int for bound in (low, high)):
        return None
    first = least if low is None else low + (not low_too)
    last = most if high is None else high - (not high_too)
    return ranges.numbers(max(first, least), min(last, most))


def _date(check: CheckRule | None) -> Made:
    low, low_too, high, high_too = bounds(check) if check else (None, True, None, True)
    if any(bound is not None and type(bound) is not dt.date for bound in (low, high)):
        return None
    low, high = low or ranges.FIRST_DAY, high or ranges.LAST_DAY
    return ranges.days(low if low_too else low + _DAY, high if high_too else high - _DAY)


def _moment(check: CheckRule | None) -> Made:
    """Any hour of the days between the bounds, which are left out but for a first that is a midnight."""
    low, low_too, high, _ = bounds(check) if check else (None, True, None, True)
    if any(bound is not None and (type(bound) is not dt.datetime or bound.tzinfo) for bound in (low, high)):
        return None
    first = low.date() + _DAY * (not low_too or low.time() != dt.time()) if low else ranges.FIRST_DAY
    last = high.date() - _DAY if high else ranges.LAST_DAY
    days = ranges.days(first, last)
    return days and rf"{days}(?:[T ]{TIME})?"


def _length(args: Args, never: str) -> Made:
    asked = lengths(args)
    if asked is None:
        return None
    least, most = asked
    least, most = max(1, least or 0), LONGEST if most is None else min(most, LONGEST)
    return f"[^{never}]{{{least},{most}}}" if least <= most else None


def _one_of(texts: Any, never: str) -> Made:
    if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
        return None
    fitting = [text for text in texts if text and not re.search(f"[{never}]", text)]
    return f"(?:{'|'.join(map(re.escape, fitting))})" if fitting else None


def _pattern(args: Args, never: str, *, at_start: bool) -> Made:
    pattern = plain(args)
    return None if pattern is None else within(pattern, never, at_start=at_start)


_ON_TEXT: dict[str, Callable[[Args, str], Made]] = {
    "equal_to": lambda args, never: _one_of((args["value"],), never),
    "isin": lambda args, never: _one_of(next(iter(args.values())), never),
    "str_length": _length,
    "str_matches": lambda args, never: _pattern(args, never, at_start=True),
    "str_contains": lambda args, never: _pattern(args, never, at_start=False),
    "email": lambda _, __: emails.whole(),
}
