"""The tables of docs/reasons.md, made of the sentences and examples that `explain` has."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline import readings
from pipeline.contract import rules, sentences
from pipeline.contract.rules import CheckRule
from pipeline.reasons import DTYPES, RECORDS, Examples, of_check

# One check of each kind, with arguments such as a contract gives it.
CHECKS = [
    CheckRule("", "email"),
    CheckRule("", "phone"),
    CheckRule("", "phone", {"region": "DE"}),
    CheckRule("", "no_missing_country_code"),
    CheckRule("", "no_scientific_notation"),
    CheckRule("", "no_trailing_decimal"),
    CheckRule("", "no_leading_apostrophe"),
    CheckRule("", "no_disguise"),
    CheckRule("", "no_lost_leading_zero", {"length": 5}),
    CheckRule("", "isin", {"allowed_values": ("free", "plus")}),
    CheckRule("", "notin", {"forbidden_values": ("test", "none")}),
    CheckRule("", "equal_to", {"value": "yes"}),
    CheckRule("", "not_equal_to", {"value": "no"}),
    CheckRule("", "in_range", {"min_value": 0, "max_value": 120}),
    CheckRule("", "greater_than", {"min_value": 0}),
    CheckRule("", "greater_than_or_equal_to", {"min_value": 1}),
    CheckRule("", "less_than", {"max_value": 10}),
    CheckRule("", "less_than_or_equal_to", {"max_value": 9}),
    CheckRule("", "str_length", {"max_value": 100}),
    CheckRule("", "str_matches", {"pattern": r"[A-Z]{2}\Z"}),
    CheckRule("", "str_contains", {"pattern": "@"}),
    CheckRule("", "str_startswith", {"string": "C-"}),
    CheckRule("", "str_endswith", {"string": ".pdf"}),
]
NONE = Examples()


def of_checks() -> str:
    """A Markdown table of the checks: what each asks for, and examples."""
    return _table((each.kind, sentences.of_check(each), of_check(each)) for each in CHECKS)


def of_columns() -> str:
    """A Markdown table of what a column asks for without any check."""
    rows = [
        (rules.NOT_NULLABLE, sentences.FILLED, NONE),
        (rules.UNIQUE, sentences.ONCE, NONE),
        (rules.PARSER, sentences.UNREADABLE, NONE),
    ]
    kinds = sorted(kind for kind in sentences.DTYPE if kind != "text")
    rows += [
        (f"coerce_dtype(…) of a {kind}", sentences.DTYPE[kind], DTYPES.get(kind, NONE)) for kind in kinds
    ]
    return _table(rows)


def of_readings() -> str:
    """A Markdown table of the readings that can fail."""
    found = (
        readings.date("DD.MM.YYYY"),
        readings.phone("DE"),
        readings.country(),
        readings.decimal_comma(),
    )
    return _table((each.name, sentences.of_reading(each), NONE) for each in found)


def of_records() -> str:
    """A Markdown table of what is asked of a record's structure."""
    return _table(
        (f"_record:{name}", text, RECORDS.get(name, NONE)) for name, text in sentences.RECORD.items()
    )


def _table(rows: Iterable[tuple[str, str, Examples]]) -> str:
    lines = ["| reason | what it asks for | taken | not taken |", "| --- | --- | --- | --- |"]
    for name, sentence, examples in rows:
        good, bad = (", ".join(f"`{text}`" for text in texts) for texts in examples)
        lines.append(f"| `{name}` | {sentence} | {good} | {bad} |")
    return "\n".join(lines)
