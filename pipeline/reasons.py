"""What a reason asks for, with examples of what is taken and what is not: `explain`, docs/reasons.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.config.file import load_config
from pipeline.contract import load_contract, sentences, source_of
from pipeline.contract.rules import NOT_NULLABLE, CheckRule, ColumnRule, Kind, coercion
from pipeline.errors import ConfigError
from pipeline.formats import phonedigits
from pipeline.formats.dateforms import date_form
from pipeline.readings import Reading
from pipeline.terminal import wrapped

RECORD = "_record:"


class Examples(NamedTuple):
    """Texts that are taken, and texts that are not."""

    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()


CHECKS = {
    "email": Examples(("asha@example.com", "o'neil@example.co.uk"), ("asha.example.com", "asha@example")),
    "phone": Examples(("+91 98765 43210", "+4917212345678"), ("12", "+91 98765 43210 (home)", "9.19E+11")),
    "no_missing_country_code": Examples(("+49 172 2685995",), ("0172 2685995",)),
    "no_scientific_notation": Examples(("919876543210",), ("9.19E+11", "9,19877E+11")),
    "no_trailing_decimal": Examples(("919876543210",), ("919876543210.0", "919876543210,00")),
    "no_leading_apostrophe": Examples(("919876543210",), ("'919876543210",)),
    "no_disguise": Examples(("01067",), ('="01067"', '"01067"')),
}
DTYPES: dict[Kind, Examples] = {
    "boolean": Examples(("true", "FALSE"), ("yes", "1")),
    "date": Examples(("1990-12-31",), ("31.12.1990", "1990-2-9")),
    "datetime": Examples(("2024-02-29", "2024-02-29T13:05:00"), ("29/02/2024", "1709211900")),
    "decimal": Examples(("1.5", "-0.25", "42"), ("1,5", ".5")),
    "integer": Examples(("42", "007"), ("7.0", "1,000")),
}
READINGS = {
    "country": Examples(("Deutschland", "Germany", "de", "DEU"), ("Atlantis",)),
    "decimal_comma": Examples(("1.234,50", "87,48 €", "12"), ("12.5", "1,2,3")),
}
RECORDS = {  # below the header EMAIL,CITY
    "field_count": Examples(("asha@example.com,Pune",), ("asha@example.com", "asha@example.com,Pune,India")),
    "quote": Examples(('asha@example.com,"the ""old"" town"',), ('asha@example.com,"the "old" town"',)),
}


def explain(config: str, reason: str | None = None) -> str:
    """What that reason of the config's contract asks for, with examples; without one, all reasons.

    Raises ConfigError where the contract has no such reason.
    """
    known = dict(_all(config))
    if reason is None:
        return "\n".join(f"{name}\n{wrapped(sentence, 2)}" for name, (sentence, _) in known.items())
    if reason not in known:
        raise ConfigError(
            f"The contract has no reason {reason!r}.", hint="`python -m pipeline explain` lists them all."
        )
    sentence, examples = known[reason]
    return "\n".join(
        [
            reason,
            wrapped(sentence, 2),
            *(wrapped(text, 8, "  good") for text in examples.good),
            *(wrapped(text, 8, "  bad") for text in examples.bad),
        ]
    )


def _all(config: str) -> Iterator[tuple[str, tuple[str, Examples]]]:
    settings = load_config(config)
    rules = load_contract(source_of(settings)).rules
    columns = rules.bind(rules.names).columns
    for reason, (column, sentence) in sentences.of_reasons(rules, rules.names).items():
        rule = columns.get(column)
        yield reason, (sentence, _examples(rule, reason.removeprefix(f"{column}:")) if rule else Examples())
    for name, sentence in sentences.RECORD.items():
        yield f"{RECORD}{name}", (sentence, RECORDS.get(name, Examples()))


def _examples(rule: ColumnRule, name: str) -> Examples:
    """Examples of what a column's rule says under that name."""
    if name == coercion(rule.dtype_name):
        return DTYPES.get(rule.type.kind, Examples())
    if name == NOT_NULLABLE:
        return Examples()
    if reading := next((one for one in rule.read if one.name == name), None):
        return of_reading(reading)
    checks = [check for check in rule.checks if check.name == name]
    return of_check(checks[0]) if len(checks) == 1 else Examples()


def of_reading(reading: Reading) -> Examples:
    """Examples of what a reading takes and what not, made of its form or country."""
    match reading.name:
        case "date":
            form = date_form(reading.argument).format
            good = dt.datetime(1990, 12, 31, 14, 5).strftime(form)
            no_day = dt.datetime(1990, 2, 28, 14, 5).strftime(form).replace("28", "30")
            return Examples((good,), (no_day, "12.1990"))
        case "phone" if reading.argument:
            return Examples(tuple(phonedigits.examples(reading.argument)), ("12", "9.19E+11"))
    return READINGS.get(reading.name, CHECKS.get(reading.name, Examples()))


def of_check(check: CheckRule) -> Examples:
    """Examples of what a check takes and what not, those of its kind or made of its arguments."""
    args: dict[str, Any] = dict(check.args)
    match check.kind:
        case "isin":
            return Examples(tuple(str(value) for value in args["allowed_values"][:3]))
        case "notin":
            return Examples((), tuple(str(value) for value in args["forbidden_values"][:3]))
        case "in_range" if args.get("include_min", True) and args.get("include_max", True):
            return Examples((str(args["min_value"]), str(args["max_value"])))
        case "no_lost_leading_zero":
            return Examples(("7".zfill(args["length"]),), ("7",))
    return CHECKS.get(check.kind, Examples())
