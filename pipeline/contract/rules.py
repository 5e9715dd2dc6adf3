"""What a contract says, as plain data: no pandera in it, so it can be pickled, printed as JSON and compiled.

`Rules` is read off a pandera schema by describe.py. Whoever works with a table binds the rules to the
table's columns first (`Rules.bind`): from then on each column is named, whether by its name or by a
pattern. A check whose `kind` is OPAQUE is code; only pandera can say what it does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.errors import ConfigError
from pipeline.names import LEFT_OUT
from pipeline.readings import Reading

OPAQUE = "opaque"
ANY_FILLED = "any_filled"  # the one kind of check that is not pandera's: one of `columns` is not empty
ROW = "_row"  # the column that a reason names where it is about the whole row
NOT_NULLABLE = "not_nullable"
UNIQUE = "field_uniqueness"
UNIQUE_TOGETHER = "multiple_fields_uniqueness"
PARSER = "parser"  # a filled cell of which the contract's parser made nothing

Keep = Literal["first", "last", "none"]
Kind = Literal["text", "integer", "decimal", "boolean", "date", "datetime", "category"]


def coercion(dtype_name: str) -> str:
    """pandera's name for a cell whose text is no value of that dtype."""
    return f"coerce_dtype('{dtype_name}')"


@dataclass(frozen=True, slots=True)
class CellType:
    """How a column's text becomes values (typed.py); details that its kind does not use are left alone."""

    kind: Kind = "text"
    bits: int = 64  # integer: 8 to 64, decimal: 32 or 64
    signed: bool = True  # integer
    unit: Literal["ms", "us", "ns"] = "ns"  # datetime
    zone: str | None = None  # datetime: the zone of the values; None: they have none
    categories: tuple[str, ...] | None = None  # category; None: any text

    @property
    def integers(self) -> range:
        """The integers that it can hold."""
        least = -(2 ** (self.bits - 1)) if self.signed else 0
        return range(least, least + 2**self.bits)


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One check: `name` is what pandera reports it as, `kind` the function behind it.

    `kind` is pandera's own name of a built-in or registered check (`in_range`, `email`) or OPAQUE, `args`
    are its arguments as plain data: None, bool, int, float, str, date, datetime and tuples of these; a
    compiled pattern is its text, with its flags under `flags`. Sets are tuples, sorted. `description` is the
    contract's own sentence about it, which changes no verdict.
    """

    name: str
    kind: str = OPAQUE
    args: Mapping[str, Any] = field(default_factory=dict)
    ignore_na: bool = True
    description: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What the contract says of one column, or of each column whose name a pattern matches.

    `dtype_name` is pandera's own name of the dtype ("" where the schema asks for none). `unique` says
    which of several equal values is good (see Unique). `parsed`: pandera parsers change its values;
    `default`: the text that stands in for a blank cell. About such rows pandera is asked. `read` are the
    readings that come before all else.
    """

    name: str
    regex: bool = False
    required: bool = True
    nullable: bool = False
    type: CellType = CellType()
    dtype_name: str = ""
    unique: Keep | None = None
    parsed: bool = False
    default: str | None = None
    checks: tuple[CheckRule, ...] = ()
    read: tuple[Reading, ...] = ()

    def matches(self, column: str) -> bool:
        """Whether this rule is about that column; a pattern matches from the start, as pandera's do."""
        if column.startswith(LEFT_OUT):
            return False
        return bool(re.match(self.name, column)) if self.regex else self.name == column


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns whose values, taken together, may not repeat in the whole source.

    `keep` says which row of several equal ones is good: pandera's `exclude_first` keeps the first,
    `exclude_last` the last, `all` none. `reason` is what the other rows are rejected for.
    """

    columns: tuple[str, ...]
    keep: Keep
    reason: str = f"{ROW}:{UNIQUE_TOGETHER}"


@dataclass(frozen=True, slots=True)
class Bound:
    """The rules for the columns of one source, each column by its name, in the contract's order.

    `reasons` are all that a row can be rejected for, in that order; `own_reasons` those that are about one
    column.
    """

    columns: Mapping[str, ColumnRule]
    uniques: tuple[Unique, ...]
    reasons: tuple[str, ...]
    own_reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole contract. `rows` are the checks of a row as a whole, `parsed`: a parser changes whole rows.

    `uniques` are over several columns; a column's own is in its rule. `strict` says what is done with
    columns that the contract does not know.
    """

    columns: tuple[ColumnRule, ...]
    rows: tuple[CheckRule, ...] = ()
    uniques: tuple[Unique, ...] = ()
    strict: Literal["keep", "drop", "refuse"] = "keep"
    ordered: bool = False
    parsed: bool = False

    @property
    def about_whole_rows(self) -> bool:
        """Whether code of the contract sees, or changes, rows as a whole."""
        return self.parsed or any(check.kind != ANY_FILLED for check in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order; columns that only a pattern describes have none."""
        return tuple(rule.name for rule in self.columns if not rule.regex)

    @property
    def changes_text(self) -> bool:
        """Whether the contract may ask for a change of some cell's text."""
        return self.parsed or any(
            rule.parsed or rule.read or rule.default is not None for rule in self.columns
        )

    @property
    def reads(self) -> bool:
        """Whether a column has a reading."""
        return any(rule.read for rule in self.columns)

    def rule(self, column: str) -> ColumnRule | None:
        """The one rule about that column, None where the contract does not know it.

        Raises ConfigError where two rules claim it.
        """
        found = [rule for rule in self.columns if rule.matches(column)]
        if len(found) > 1:
            raise ConfigError(
                f"the contract has two rules for column {column}: {' and '.join(r.name for r in found)}",
                hint="let one pattern, or one name, describe each column",
            )
        return found[0] if found else None

    def bind(self, columns: Sequence[str]) -> Bound:
        """These rules for a source with these columns; raises ConfigError where two rules claim one."""
        found = {column: rule for column in columns if (rule := self.rule(column))}
        rules = dict(sorted(found.items(), key=lambda item: self.columns.index(item[1])))
        own = [Unique((c,), rule.unique, f"{c}:{UNIQUE}") for c, rule in rules.items() if rule.unique]
        # pandera looks at those of the columns that are there, and so does this.
        present = [dataclasses.replace(u, columns=tuple(filter(rules.get, u.columns))) for u in self.uniques]
        uniques = (*own, *(unique for unique in present if unique.columns))
        of_columns = {
            column: tuple(f"{column}:{name}" for name in _names(rule, self)) for column, rule in rules.items()
        }
        reasons = [reason for own in of_columns.values() for reason in own]
        reasons += [unique.reason for unique in present] + [f"{ROW}:{check.name}" for check in self.rows]
        reasons += [f"{ROW}:{PARSER}"] * self.parsed
        return Bound(rules, uniques, tuple(dict.fromkeys(reasons)), of_columns)


def _names(rule: ColumnRule, rules: Rules) -> Iterator[str]:
    """What each way to break this rule is called: by its readings, then by pandera in the order it looks."""
    yield from (reading.name for reading in rule.read)
    if rule.parsed or rules.parsed:
        yield PARSER
    if rule.type.kind != "text":
        yield coercion(rule.dtype_name)
    if not rule.nullable:
        yield NOT_NULLABLE
    if rule.unique:
        yield UNIQUE
    yield from (check.name for check in rule.checks)
