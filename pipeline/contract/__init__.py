"""The contract: a pandera schema, what of it is decided on the header, and its verdict on rows.

find.py      spec -> the pandera schema
describe.py  schema -> rules, or what of it is not supported
rules.py     the rules as plain data, without pandera
typed.py     text -> values: the view of the cells that all else speaks about
sieve.py     records -> which are certainly good, by one pattern (fields.py, ranges.py: what it is made of)
screen.py    rows -> which are certainly good, by polars (patterns.py: regular expressions for it)
ruling.py    rows in doubt -> verdict, where polars can say what pandera would
judge.py     the others -> verdict: pandera itself (frames.py: what it is handed)
memory.py    the rules as they were the last time, to begin with
judging.py   the judge in an interpreter of its own (serve.py: its other end)
unique.py    what may not repeat in the whole source (seen.py: what was seen, keytexts.py: on disk)
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from pipeline.contract.header import check_header
from pipeline.contract.judging import Interpreter, JudgeLost
from pipeline.contract.rules import ANY_FILLED, Bound, CheckRule, Rules, Unique
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.judgement import Judgement
    from pipeline.contract.ruling import Ruling
    from pipeline.contract.sieve import Sieve
    from pipeline.contract.unique import Uniqueness
    from pipeline.handoffs import Mask

    Judging = Callable[[pl.DataFrame], Judgement]

__all__ = ["Contract", "ContractChangedError", "load_contract", "load_contract_in"]


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

    if CONFIG.use_narwhals_backend:
        raise ConfigError(
            "pandera is switched to its narwhals backend, which reports wrong rows",
            hint="unset PANDERA_USE_NARWHALS_BACKEND",
        )
    schema, file = find_schema(spec, base)
    rules = _with_primary_key(describe(schema), tuple(primary_key))
    if unknown_columns is not None:
        rules = dataclasses.replace(rules, strict=unknown_columns)

    def judge(columns: Sequence[str]) -> Judging:
        from pipeline.contract.judge import Judge

        return Judge(schema, rules, columns, file)

    return Contract(rules, judge)


class ContractChangedError(Exception):
    """The contract is not what was remembered of it: what was done by these rules has to be done again."""


def load_contract_in(
    interpreter: Interpreter | None, spec: str, *, base: Path, from_memory: bool = False, **options: Any
) -> Contract:
    """The contract as `load_contract` has it, its rows judged in `interpreter`.

    A module that the caller has imported is judged here, for the caller may have changed it; and so is a
    contract that cannot be had there (if here neither, the error is that of the caller's interpreter).
    `from_memory`: do not wait where its rules are remembered; then ask for `confirmed` in the end.
    """
    from pipeline.contract.memory import Memory

    here = partial(load_contract, spec, base=base, **options)
    if interpreter is None or spec.rpartition(":")[0] in sys.modules:
        return here()

    def loaded() -> Contract:
        try:
            rules = Rules.from_json(interpreter.load(spec=spec, base=str(base), **options))
        except (ConfigError, JudgeLost):
            return here()
        memory.keep(rules)
        return Contract(rules, lambda _: interpreter.ask)

    memory = Memory(spec, base, options)
    rules = memory.recall() if from_memory else None
    if rules is None:
        return loaded()
    loading: Future[Contract] = Future()
    Thread(target=_settle, args=(loading, loaded), name="pipeline-contract").start()

    def ask(cells: pl.DataFrame) -> Judgement:
        if loading.result().rules != rules:
            raise ContractChangedError
        return loading.result().judge(cells)

    return Contract(rules, lambda _: ask, loading)


def _settle(future: Future[Contract], load: Callable[[], Contract]) -> None:
    try:
        future.set_result(load())
    except BaseException as error:  # noqa: BLE001 - who asks for the result is told
        future.set_exception(error)


class Contract:
    """A loaded contract: its `rules`, and what they mean for a source with given columns."""

    def __init__(
        self,
        rules: Rules,
        judge: Callable[[Sequence[str]], Judging],
        itself: Future[Contract] | None = None,
    ) -> None:
        self.rules = rules
        self._new_judge = judge
        self._itself = itself
        self._judges: dict[tuple[str, ...], Judging] = {}
        self._screens: dict[tuple[str, ...], pl.Expr] = {}
        self._rulings: dict[tuple[str, ...], Ruling] = {}
        self._sieves: dict[tuple[tuple[str, ...], ...], Sieve | None] = {}

    def confirmed(self) -> Contract:
        """This one, unless its rules were remembered wrongly: then the contract as it is. May wait."""
        itself = self._itself.result() if self._itself else self
        return self if itself.rules == self.rules else itself

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, in its order; columns that only a pattern describes have none."""
        return tuple(rule.name for rule in self.rules.columns if not rule.regex)

    @property
    def changes_text(self) -> bool:
        """Whether it may ask for a change of some cell's text."""
        rules = self.rules
        return rules.parsed or any(rule.parsed or rule.default is not None for rule in rules.columns)

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

    def sieve(self, columns: Sequence[str], needed: Sequence[str]) -> Sieve | None:
        """What passes records of these columns unparsed, with the cells of those `needed`; None: nothing.

        For contracts that change no text. Can be called from any thread.
        """
        from pipeline.contract.sieve import sieve

        key = (tuple(columns), tuple(needed))
        if key not in self._sieves:
            self._sieves[key] = sieve(self.rules, self.bind(columns), *key)
        return self._sieves[key]

    def in_doubt(self, cells: pl.DataFrame) -> Mask:
        """Which rows have to be judged; the others are certainly good.

        `cells` are String columns named as the source's, an empty cell null. Can be called from any thread.
        """
        from pipeline.contract.screen import in_doubt, screen

        columns = tuple(cells.columns)
        good = self._screens.get(columns)
        if good is None:
            good = self._screens[columns] = screen(self.rules, self.bind(columns))
        return in_doubt(cells, good)

    def rule(self, cells: pl.DataFrame) -> tuple[Mask, Judgement]:
        """Which rows can be ruled on without pandera, and its judgement on these: `cells` as for `in_doubt`.

        Can be called from any thread.
        """
        from pipeline.contract.ruling import Ruling

        columns = tuple(cells.columns)
        ruling = self._rulings.get(columns)
        if ruling is None:
            ruling = self._rulings[columns] = Ruling(self.rules, self.bind(columns))
        return ruling(cells)

    def verdict(self, cells: pl.DataFrame) -> Judgement:
        """The verdict on rows, all of them: what can be ruled on, and `judge` on the others; see there."""
        import numpy as np

        if self.changes_text:
            return self.judge(cells)
        ruled, judgement = self.rule(cells)
        rest = np.flatnonzero(~ruled)
        return judgement | self.judge(cells[rest]).part(0, rest) if len(rest) else judgement

    def judge(self, cells: pl.DataFrame) -> Judgement:
        """pandera's own verdict on rows, all of them: `cells` as for `in_doubt`.

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
