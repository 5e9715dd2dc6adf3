"""The contract: a pandera schema, what of it is decided on the header, and its verdict on rows.

find.py      spec -> the pandera schema
describe.py  schema -> rules, or what of it is not supported
rules.py     the rules as plain data, without pandera
typed.py     text -> values: the view of the cells that all else speaks about
judge.py     rows -> verdict: pandera itself (frames.py: what it is handed)
unique.py    what may not repeat in the whole source
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.contract.header import check_header
from pipeline.contract.rules import ANY_FILLED, Bound, CheckRule, Rules, Unique
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.judge import Judge, Judgement
    from pipeline.contract.unique import Uniqueness

__all__ = ["Contract", "load_contract"]


def load_contract(
    spec: str,
    *,
    base: Path,
    primary_key: Sequence[str] = (),
    unknown_columns: Literal["keep", "drop", "refuse"] | None = None,
) -> Contract:
    """The contract that `spec` names: `path.py:NAME`, `package.module:NAME` or a pandera YAML file.

    Paths are relative to `base`; NAME is a DataFrameSchema or a DataFrameModel. A single `primary_key` is
    required, filled and unique; of several, one must be there and filled, and together they are unique.
    `unknown_columns` overrides the schema's `strict`. The file is run: never take it from an untrusted
    config. Raises ConfigError for whatever is wrong with it, by name.
    """
    from pandera.config import CONFIG

    from pipeline.contract.describe import describe
    from pipeline.contract.find import find_schema
    from pipeline.contract.judge import Judge

    if CONFIG.use_narwhals_backend:
        raise ConfigError(
            "pandera is switched to its narwhals backend, which reports wrong rows",
            hint="unset PANDERA_USE_NARWHALS_BACKEND",
        )
    schema, file = find_schema(spec, base)
    rules = _with_primary_key(describe(schema), tuple(primary_key))
    if unknown_columns is not None:
        rules = dataclasses.replace(rules, strict=unknown_columns)
    return Contract(rules, lambda columns: Judge(schema, rules, columns, file))


class Contract:
    """A loaded contract: its `rules`, and what they mean for a source with given columns."""

    def __init__(self, rules: Rules, judge: Callable[[Sequence[str]], Judge]) -> None:
        self.rules = rules
        self._new_judge = judge
        self._judges: dict[tuple[str, ...], Judge] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, in its order; columns that only a pattern describes have none."""
        return tuple(rule.name for rule in self.rules.columns if not rule.regex)

    def check_header(self, columns: Sequence[str], source: str) -> None:
        """Nothing, where a source with these columns can be judged.

        Raises SourceError that names `source` and the columns that are missing, unknown or out of order.
        """
        check_header(self.rules, columns, source)

    def kept(self, columns: Sequence[str]) -> tuple[int, ...]:
        """The positions of the columns that are staged: all, but unknown ones where these are dropped."""
        drop = self.rules.strict == "drop"
        return tuple(i for i, name in enumerate(columns) if not drop or self.rules.rule(name))

    def resolve(self, columns: Sequence[str], source: str) -> tuple[int, ...]:
        """`kept`, once `check_header` has nothing against these columns."""
        self.check_header(columns, source)
        return self.kept(columns)

    def bind(self, columns: Sequence[str]) -> Bound:
        """The rules by the columns of a source, with every reason they can give, in the contract's order."""
        return self.rules.bind(columns)

    def judge(self, cells: pl.DataFrame) -> Judgement:
        """pandera's verdict on rows: `cells` are String columns named as the source's, an empty cell null.

        `unique` is not part of it (see `uniqueness`). Can be called from any thread. Raises ConfigError for
        an error in the contract itself: a check that names no row, or that raises.
        """
        columns = tuple(cells.columns)
        judge = self._judges.get(columns) or self._judges.setdefault(columns, self._new_judge(columns))
        return judge(cells)

    def uniqueness(self, columns: Sequence[str]) -> Uniqueness:
        """A fresh look-out for values that repeat in a source with these columns."""
        from pipeline.contract.unique import Uniqueness

        bound = self.bind(columns)
        return Uniqueness(bound.uniques, {name: rule.type for name, rule in bound.columns.items()})


def _with_primary_key(rules: Rules, names: tuple[str, ...]) -> Rules:
    """The rules with what a primary key adds; a column that is unique already keeps its own way of it."""
    known = [rule.name for rule in rules.columns if not rule.regex]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"contract.primary_key names {name}, which is no column of the contract",
                hint=f"its columns are {', '.join(known)}",
            )
    if not names:
        return rules
    if len(names) == 1:
        columns = tuple(
            dataclasses.replace(rule, required=True, nullable=False, unique=rule.unique or "first")
            if rule.name == names[0] and not rule.regex
            else rule
            for rule in rules.columns
        )
        return dataclasses.replace(rules, columns=columns)
    filled = CheckRule("primary_key", ANY_FILLED, {"columns": names})
    known_sets = [set(unique.columns) for unique in rules.uniques]
    added = () if set(names) in known_sets else (Unique(names, "first"),)
    return dataclasses.replace(rules, rows=(filled, *rules.rows), uniques=(*added, *rules.uniques))
