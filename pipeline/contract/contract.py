"""A loaded contract: the pandera schema, and its rules as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.contract.header import check_header
from pipeline.contract.rules import Rules

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


@dataclass(frozen=True)
class Contract:
    """A loaded contract: its `rules`, and the `schema` from `file` that pandera judges by."""

    rules: Rules
    schema: DataFrameSchema
    file: str

    def resolve(self, columns: Sequence[str], source: str) -> tuple[int, ...]:
        """The positions of the columns that are staged: all, but unknown ones where these are dropped.

        Raises SourceError that names `source` and the columns that are missing, unknown or out of order.
        """
        check_header(self.rules, columns, source)
        drop = self.rules.strict == "drop"
        return tuple(i for i, name in enumerate(columns) if not drop or self.rules.rule(name))

    def takes_days(self, column: str) -> bool:
        """Whether that column is one of dates."""
        rule = self.rules.rule(column)
        return rule is not None and rule.type.kind == "date"
