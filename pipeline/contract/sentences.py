"""Each reason to reject a record as a sentence: what the contract asks of a good one.

A sentence is made of the check and its arguments, never of a contact's value. A check's own `description`
goes before the one that stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.contract.rules import (
    ANY_FILLED,
    NOT_NULLABLE,
    PARSER,
    ROW,
    UNIQUE,
    UNIQUE_TOGETHER,
    Bound,
    CheckRule,
    ColumnRule,
    Kind,
    Rules,
    coercion,
)
from pipeline.readings import Reading

Args = Mapping[str, Any]

RECORD = {
    "encoding": "Must be text in the encoding of its file.",
    "field_count": "Must have as many cells as the header has columns.",
    "not_mended": "Must have its cells filled in: only its raw text is there.",
    "nul": "Must hold no NUL characters.",
    "quote": "Must have quotes around whole cells only, and close each.",
    "too_long": "Must be no longer than source.max_record_bytes.",
    "unnamed_cell": "Must have no text below a header cell without a name.",
}
DTYPE: dict[Kind, str] = {
    "boolean": "Must be true or false.",
    "category": "Must be one of the contract's categories.",
    "date": "Must be a date as YYYY-MM-DD.",
    "datetime": "Must be a date as YYYY-MM-DD, or with a time behind it: YYYY-MM-DDTHH:MM:SS.",
    "decimal": "Must be a number with a point before its decimals, such as 1.5.",
    "integer": "Must be a whole number, such as 42.",
    "text": "Must be text.",
}
READING = {
    "country": "Must be the name or code of a country.",
    "date": "Must be a date written as {}.",
    "decimal_comma": "Must be a number with a comma before its decimals.",
    "lower": "Must be text.",
    "phone": "Must be one phone number as it is dialled in {}, or with its country code.",
    "trim": "Must be text.",
}
FILLED = "Must not be blank."
ONCE = "Must be in one record only: another one has the same."
UNREADABLE = "Must be something that the contract's parser can read."
MOST_LISTED = 8


class Meaning(NamedTuple):
    """What a reason means: a sentence, and the column that it is about, "" where that is the row."""

    column: str
    sentence: str


def of_reasons(rules: Rules, columns: Sequence[str]) -> dict[str, Meaning]:
    """What each reason means that a row of a source with these columns can be rejected for.

    Raises ConfigError where two rules claim one column.
    """
    bound = rules.bind(columns)
    found: dict[str, Meaning] = {}
    for column, name, sentence in _all(rules, bound):
        reason = f"{column or ROW}:{name}"
        before = found.get(reason)
        if before and sentence not in before.sentence:  # two checks may go by one name
            sentence = f"{before.sentence} {sentence}"
        found[reason] = Meaning(column, sentence)
    return {reason: found[reason] for reason in bound.reasons}


def of_record(reason: str) -> str:
    """The sentence of a reason about a record's structure, `_record:quote` or `quote`."""
    return RECORD.get(reason.removeprefix("_record:"), "Must be a well-formed record.")


def of_check(check: CheckRule) -> str:
    """The check's own sentence, or the one for its kind and arguments."""
    if check.description:
        return check.description
    make = CHECKS.get(check.kind)
    return make(check.args) if make else f"Must pass the contract's check {check.name}."


def of_reading(reading: Reading) -> str:
    """What a reading asks of a text."""
    return READING[reading.name].format(reading.argument or "its own country")


def _all(rules: Rules, bound: Bound) -> Iterator[tuple[str, str, str]]:
    """Column, name and sentence of each way to break the rules, and of some without use here."""
    for column, rule in bound.columns.items():
        yield from ((column, reading.name, of_reading(reading)) for reading in rule.read)
        yield column, PARSER, UNREADABLE
        yield column, coercion(rule.dtype_name), _dtype(rule)
        yield column, NOT_NULLABLE, FILLED
        yield column, UNIQUE, ONCE
        yield from ((column, check.name, of_check(check)) for check in rule.checks)
    for unique in bound.uniques:
        yield "", UNIQUE_TOGETHER, f"Must differ from every other record in {_listed(unique.columns, 'or')}."
    yield from (("", check.name, of_check(check)) for check in rules.rows)
    yield "", PARSER, UNREADABLE


def _dtype(rule: ColumnRule) -> str:
    if rule.type.kind == "category" and rule.type.categories:
        return f"Must be {_one_of(rule.type.categories)}."
    return DTYPE[rule.type.kind]


def _text(value: Any) -> str:
    """An argument of a check as a person writes it."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def _listed(values: tuple[Any, ...], word: str) -> str:
    *most, last = [str(value) for value in values]
    return f"{', '.join(most)} {word} {last}" if most else last


def _one_of(values: tuple[Any, ...]) -> str:
    if len(values) > MOST_LISTED:
        first = ", ".join(str(value) for value in values[:MOST_LISTED])
        return f"one of {len(values)} values: {first} …"
    return _listed(values, "or") if values else "one of no values"


def _range(args: Args) -> str:
    low, high = _text(args["min_value"]), _text(args["max_value"])
    out = [edge for edge, name in ((low, "include_min"), (high, "include_max")) if not args.get(name, True)]
    without = f", without {_listed(tuple(out), 'and')} itself" if out else ""
    return f"Must be from {low} to {high}{without}."


def _length(args: Args) -> str:
    exact, low, high = (args.get(name) for name in ("exact_value", "min_value", "max_value"))
    if exact is not None:
        return f"Must have {exact} characters."
    if low is not None and high is not None:
        return f"Must have {low} to {high} characters."
    return f"Must have at most {high} characters." if low is None else f"Must have at least {low} characters."


def _phone(args: Args) -> str:
    region = args.get("region")
    home = f"; without a + it is dialled in {region}" if region else ""
    return f"Must be one phone number that can be dialled, and nothing else{home}."


CHECKS: dict[str, Callable[[Args], str]] = {
    ANY_FILLED: lambda args: f"Must have {_listed(args['columns'], 'or')}.",
    "equal_to": lambda args: f"Must be {_text(args['value'])}.",
    "not_equal_to": lambda args: f"Must not be {_text(args['value'])}.",
    "greater_than": lambda args: f"Must be greater than {_text(args['min_value'])}.",
    "greater_than_or_equal_to": lambda args: f"Must be at least {_text(args['min_value'])}.",
    "less_than": lambda args: f"Must be less than {_text(args['max_value'])}.",
    "less_than_or_equal_to": lambda args: f"Must be at most {_text(args['max_value'])}.",
    "in_range": _range,
    "isin": lambda args: f"Must be {_one_of(args['allowed_values'])}.",
    "notin": lambda args: f"Must not be {_one_of(args['forbidden_values'])}.",
    "str_matches": lambda args: f"Must begin with what the pattern {args['pattern']} describes.",
    "str_contains": lambda args: f"Must contain what the pattern {args['pattern']} describes.",
    "str_startswith": lambda args: f"Must begin with {_text(args['string'])}.",
    "str_endswith": lambda args: f"Must end with {_text(args['string'])}.",
    "str_length": _length,
    "email": lambda _: "Must be one e-mail address, by the rules of the standards.",
    "phone": _phone,
    "no_missing_country_code": lambda _: "Must have its country code, such as +91.",
    "no_scientific_notation": lambda _: "Must not be written like 9.19E+11: digits are lost.",
    "no_trailing_decimal": lambda _: (
        "Must not end like 919876543210.0: it went through a column of decimals."
    ),
    "no_leading_apostrophe": lambda _: "Must not begin with a spreadsheet's apostrophe.",
    "no_disguise": lambda _: 'Must be bare: no ="…", #N/A, quotes, tab or character that nobody sees.',
    "no_lost_leading_zero": lambda args: (
        f"Must have {args['length']} digits: one with fewer has lost its leading zeros."
    ),
}
