"""A loaded contract: what it says of a source's columns and of its rows, each asked of who can answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.contract.header import check_header
from pipeline.contract.rules import Bound, Rules

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.judgement import Judgement
    from pipeline.contract.ruling import Ruled, Ruling
    from pipeline.contract.sieve import Sieve
    from pipeline.contract.unique import Uniqueness
    from pipeline.handoffs import Mask

    Judging = Callable[[pl.DataFrame], Judgement]


class Contract:
    """A loaded contract: its `rules`, and what they mean for a source with given columns."""

    def __init__(
        self,
        rules: Rules,
        judge: Callable[[Sequence[str]], Judging],
    ) -> None:
        self.rules = rules
        self._new_judge = judge
        self._making = Lock()
        self._judges: dict[tuple[str, ...], Judging] = {}
        self._screens: dict[tuple[str, ...], pl.Expr] = {}
        self._rulings: dict[tuple[str, ...], Ruling] = {}
        self._sieves: dict[tuple[tuple[str, ...], ...], Sieve | None] = {}

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
        with self._making:  # all workers want it at once
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

    def rule(self, cells: pl.DataFrame) -> Ruled:
        """What can be said of rows without pandera, and what cannot: `cells` as for `in_doubt`.

        Can be called from any thread.
        """
        from pipeline.contract.ruling import Ruling

        columns = tuple(cells.columns)
        ruling = self._rulings.get(columns)
        if ruling is None:
            ruling = self._rulings[columns] = Ruling(self.rules, self.bind(columns))
        return ruling(cells)

    def verdict(self, cells: pl.DataFrame) -> Judgement:
        """The verdict on rows, all of them: a ruling, and what `judge` says of what it leaves; see there."""
        judgement, rows, columns = self.rule(cells)
        if not len(rows):
            return judgement
        said = self.judge(cells[rows].select(columns))
        changed = {name: cells[name].scatter(rows, new) for name, new in said.changed.items()}
        return replace(judgement | said.part(0, rows), changed=changed)

    def judge(self, cells: pl.DataFrame) -> Judgement:
        """pandera's own verdict on rows, all of them: `cells` as for `in_doubt`, or some columns of these.

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
