"""A column's rule as a regular expression for a field of a record, bare or quoted.

Whatever matches is a cell that is certainly good. A field that matches holds a comma or a line end only if it
is quoted, a quote only if it is doubled besides, and never a NUL or a byte order mark: so the fields of a
record that matches are where its pattern has them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.contract import ranges, shapes
from pipeline.contract.comparisons import IN_ORDER, bounds
from pipeline.contract.patterns import compiles, plain, takes_nothing, within
from pipeline.contract.rules import CheckRule, ColumnRule
from pipeline.contract.typed import TIME
from pipeline.formats import emails

Args = Mapping[str, Any]
Made = str | None
Checks = Sequence[CheckRule]
Between = tuple[Any, bool, Any, bool]  # as `bounds` has them


class Style(NamedTuple):
    """How a field is written: what its text `never` holds, as in a class; any `character` but `{}` in it."""

    never: str
    character: str


# Where a byte order mark stands first, polars would take it off.
BARE = Style('",\\r\\n\\x00\ufeff', '[^{}",\\r\\n\\x00\ufeff]')
QUOTED = Style('"\\x00\ufeff', '(?:[^{}"\\x00\ufeff]|"")')
_DAY = dt.timedelta(days=1)
_BOUNDS: dict[str, type] = {"integer": int, "date": dt.date, "datetime": dt.datetime}


def field_of(rule: ColumnRule) -> Made:
    """The pattern of a column's field; None where one pattern cannot say all that the rule does."""
    if rule.parsed or rule.default is not None:
        return None
    bare, quoted = (_filled(rule, style) for style in (BARE, QUOTED))
    if bare is None or quoted is None or not compiles(bare) or takes_nothing(bare):
        return None
    blank = rule.nullable and all(check.ignore_na for check in rule.checks)
    return _or_blank(bare, quoted) if blank else f'(?:{bare}|"(?:{quoted})")'


def any_field() -> str:
    """The pattern of a field about which nothing is said."""
    return _or_blank(_any(BARE), _any(QUOTED))


def _or_blank(bare: str, quoted: str) -> str:
    return f'(?:{bare}|"(?:{quoted})?")?'


def _any(style: Style) -> str:
    return f"{style.character.format('')}+"


def _filled(rule: ColumnRule, style: Style) -> Made:
    """A pattern of texts that are values of the column's type and pass its checks."""
    checks, kind = rule.checks, rule.type.kind
    between = _narrowest(checks, _BOUNDS[kind]) if kind in _BOUNDS else None
    match kind:
        case "text":
            return _text(checks, style)
        case "category" if rule.type.categories and not checks:
            return _one_of(rule.type.categories, style)
        case "integer" if between:
            return _integer(rule.type.integers, between)
        case "date" if between:
            return _date(between)
        case "datetime" if between and rule.type.zone is None:
            return _moment(between)
        case "decimal" if not checks:
            return r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?"
        case "boolean" if not checks:
            return "(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])"
    return None


def _text(checks: Checks, style: Style) -> Made:
    if not checks:
        return _any(style)
    if len(checks) == 1 and checks[0].kind in _ON_TEXT:
        return _ON_TEXT[checks[0].kind](checks[0].args, style)
    return shapes.of(checks, style.character)


def _integer(among: range, between: Between) -> Made:
    least, most = among[0], among[-1]
    low, low_too, high, high_too = between
    first = least if low is None else low + (not low_too)
    last = most if high is None else high - (not high_too)
    return ranges.numbers(max(first, least), min(last, most))


def _date(between: Between) -> Made:
    low, low_too, high, high_too = between
    low, high = low or ranges.FIRST_DAY, high or ranges.LAST_DAY
    return ranges.days(low if low_too else low + _DAY, high if high_too else high - _DAY)


def _moment(between: Between) -> Made:
    """Any hour of the days between the bounds, which are left out but for a first that is a midnight."""
    low, low_too, high, _ = between
    first = low.date() + _DAY * (not low_too or low.time() != dt.time()) if low else ranges.FIRST_DAY
    last = high.date() - _DAY if high else ranges.LAST_DAY
    days = ranges.days(first, last)
    return days and rf"{days}(?:[T ]{TIME})?"


def _narrowest(checks: Checks, kind: type) -> Between | None:
    """The bounds within which values pass all checks; None where one is no bound, or none of that `kind`."""
    low, low_too, high, high_too = None, True, None, True
    for check in checks:
        if check.kind not in IN_ORDER:
            return None
        least, least_too, most, most_too = bounds(check)
        given = [bound for bound in (least, most) if bound is not None]
        if any(type(bound) is not kind or getattr(bound, "tzinfo", None) for bound in given):
            return None
        if least is not None and (low is None or (least, not least_too) > (low, not low_too)):
            low, low_too = least, least_too
        if most is not None and (high is None or (most, most_too) < (high, high_too)):
            high, high_too = most, most_too
    return low, low_too, high, high_too


def _one_of(texts: Any, style: Style) -> Made:
    if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
        return None
    fitting = [text for text in texts if text and not re.search(rf"[{style.never}\r\n]", text)]
    return f"(?:{'|'.join(map(re.escape, fitting))})" if fitting else None


def _pattern(args: Args, style: Style, *, at_start: bool) -> Made:
    pattern = plain(args)
    return None if pattern is None else within(pattern, style.never, at_start=at_start)


_ON_TEXT: dict[str, Callable[[Args, Style], Made]] = {
    "equal_to": lambda args, style: _one_of((args["value"],), style),
    "isin": lambda args, style: _one_of(next(iter(args.values())), style),
    "str_matches": lambda args, style: _pattern(args, style, at_start=True),
    "str_contains": lambda args, style: _pattern(args, style, at_start=False),
    "email": lambda _, __: emails.whole(),
}
