"""Step 2: a slice -> its good bytes, and the reasons against its other records.

    examine  what can be said of a slice by itself; pure, for a thread or a worker anywhere
    Repeats  (unique/) what only the whole source in its order can tell
    split    what is staged of the slice, and what is rejected; pure again

`validate_slices` takes all slices of a source through these three on this machine.

Of a row that neither passes nor fails for certain, pandera is asked about the columns concerned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from pipeline import unique
from pipeline.arrays import Mask, Offsets
from pipeline.contract.columns import Columns
from pipeline.contract.contract import Contract
from pipeline.contract.faults import Faults, Found
from pipeline.contract.reading import read
from pipeline.csv.cells import write
from pipeline.csv.records import Records, spliced
from pipeline.deciding import first_good, with_repeats
from pipeline.engines.local import in_order
from pipeline.errors import ConfigError
from pipeline.handoffs import Examined, Header, Plan, Slice, Split, Table
from pipeline.rejects import rejected_rows, still_repeated

if TYPE_CHECKING:
    from pipeline.contract.pandera_judge import Judge


def validate_slices(
    slices: Iterable[Slice],
    plan: Plan,
    contract: Contract,
    workers: int | None = None,
    first: int | None = None,
) -> Generator[Split]:
    """All slices split, in order, by `workers` threads (None: as many as the machine has use for).

    With `first` they end with the record that makes so many good ones.
    """
    with ExitStack() as ways:  # an error may be kept, and must not keep threads waiting
        work = partial(examine, plan=plan, contract=contract)
        examined = ways.enter_context(closing(in_order(work, slices, workers)))
        repeats = unique.Repeats(plan.rules.bind(plan.header.columns).uniques)
        decided = ways.enter_context(closing(with_repeats(examined, repeats)))
        if first is not None:
            decided = first_good(decided, first)
        yield from ways.enter_context(closing(in_order(lambda both: split(*both, plan), decided, workers=1)))


def examine(
    piece: Slice, plan: Plan, contract: Contract | None = None, *, failing: Offsets | None = None
) -> Examined:
    """What can be said of a slice by itself.

    `contract` is the plan's own, where this process has loaded it already; else it is loaded once it is
    needed, and must have the plan's rules. `failing` are the rows that failed when the same rows were
    examined before, ascending: where the contract changes no text, they alone are judged, and no keys are
    made. Raises ConfigError for code of the contract that goes wrong.
    """
    worker = _worker(plan)
    table = piece.table(worker.wanted)
    if failing is None or plan.rules.changes_text or table.earlier is not None:
        faults, cells, changed = _judge(table.cells, table.earlier, worker, contract)
        keys = unique.keys(cells, worker.uniques, plan.seed)
    else:
        rows = failing[: np.searchsorted(failing, len(table.records))]
        judged = _judge(table.cells[rows], None, worker, contract)
        faults, cells, changed = judged.faults.numbered(rows), table.cells, {}
        keys = ()
    return Examined(
        records=table.records,
        staged=_staged(table, cells, plan.header, anew=bool(changed) or plan.rules.reads),
        faults=faults,
        keys=keys,
        changed=changed,
        blank={
            name: cells[name].is_null().to_numpy()
            for name in worker.bound.columns
            if cells[name].null_count()
        },
        size=piece.size,
    )


class _Judged(NamedTuple):
    """What is wrong with rows, their cells as the contract has them, and in which cells that changes text."""

    faults: Faults
    cells: pl.DataFrame
    changed: dict[str, Mask]


def _judge(
    text: pl.DataFrame, earlier: pl.DataFrame | None, worker: _Worker, contract: Contract | None
) -> _Judged:
    """What can be said of rows, whose cells are `text`; `earlier` as in `Table`."""
    taken = read(text, worker.bound)
    checked = worker.columns.check(taken.cells)
    faults, cells, changed = checked.faults, taken.cells, dict(taken.changed)
    if len(checked.unsure):
        doubtful = cells[checked.unsure].select(checked.columns)
        judgement = worker.judge(checked.columns, contract)(doubtful)
        faults |= judgement.faults.numbered(checked.unsure)
        new = {name: cells[name].scatter(checked.unsure, part) for name, part in judgement.changed.items()}
        changed |= {name: _differs(text[name], column) for name, column in new.items()}
        cells = cells.with_columns(column.alias(name) for name, column in new.items())
    if earlier is not None:
        again = still_repeated(
            cells,
            earlier,
            worker.bound,
            worker.uniques,
            lambda old: _judge(old, None, worker, contract).cells,
        )
        faults |= Faults.collect(again, worker.bound.reasons)
    faults = taken.judged(faults | worker.columns.without_key(taken.unread(cells)), worker.bound)
    return _Judged(faults, cells, changed)


def split(examined: Examined, repeats: Sequence[Found], plan: Plan) -> Split:
    """What is staged of an examined slice and what is rejected; `repeats` are its rows that repeat others."""
    faults, records, staged = examined.faults, examined.records, examined.staged
    if repeats:
        faults |= Faults.collect(repeats, _worker(plan).bound.reasons)
    good = np.ones(len(records), np.bool_)
    good[faults.rows] = False
    counts = np.bincount(faults.reasons, minlength=len(faults.names)).tolist()
    reasons = Counter({name: n for name, n in zip(faults.names, counts, strict=True) if n})
    reasons.update(f"_record:{one.reason}" for one in records.malformed)
    return Split(
        good=spliced(staged.data, staged.starts[good], staged.stops[good]),
        bad=rejected_rows(records, faults, plan),
        records=len(records) + len(records.malformed),
        rejected=len(faults.failing) + len(records.malformed),
        reasons=reasons,
        changed=_counts(examined.changed, good),
        blank=_counts(examined.blank, good),
        size=examined.size,
        first=_first_places(records, faults),
    )


def _first_places(records: Records, faults: Faults) -> dict[str, int]:
    """Where each reason was met first."""
    row = np.full(len(faults.names), -1)
    row[faults.reasons[::-1]] = faults.rows[::-1]  # by row: of several the first is written last
    found = {faults.names[i]: int(records.places[row[i]]) for i in np.flatnonzero(row >= 0).tolist()}
    for one in records.malformed:
        found.setdefault(f"_record:{one.reason}", one.place)
    return found


def _counts(where: Mapping[str, Mask], good: Mask) -> dict[str, int]:
    return {name: n for name, mask in where.items() if (n := int(np.count_nonzero(mask & good)))}


def header_row(header: Header) -> bytes:
    """The staged file's first row: the names of the attributes."""
    return write(pl.DataFrame([header.staged], orient="row")).data


def _staged(table: Table, cells: pl.DataFrame, header: Header, *, anew: bool) -> Records:
    """The records as they would be staged: as they are, unless columns are left out or text was changed."""
    return write(cells.select(header.staged)) if anew or header.staged != header.columns else table.records


def _differs(old: pl.Series, new: pl.Series) -> Mask:
    return old.ne_missing(new).to_numpy()


class _Worker:
    """What a process makes of a plan, once, to judge all slices by it."""

    def __init__(self, plan: Plan) -> None:
        bound = plan.rules.bind(plan.header.columns)
        self.plan = plan
        self.bound = bound
        self.columns = Columns(plan.rules, bound)
        self.uniques = unique.compile_rules(bound)
        needs_all = (
            plan.header.staged != plan.header.columns
            or plan.rules.changes_text
            or plan.rules.about_whole_rows
        )
        self.wanted = plan.header.columns if needs_all else tuple(bound.columns)
        self._judges: dict[tuple[str, ...], Judge] = {}
        self._contract: Contract | None = None

    def judge(self, columns: Sequence[str], contract: Contract | None) -> Judge:
        """pandera, about these columns."""
        from pipeline.contract.pandera_judge import Judge

        key = tuple(columns)
        if key not in self._judges:
            self._judges[key] = Judge(contract or self._loaded(), key)
        return self._judges[key]

    def _loaded(self) -> Contract:
        from pipeline.contract import load_contract

        with _loading:  # pandera keeps one register of checks for the process
            contract = self._contract = self._contract or load_contract(self.plan.contract)
        if contract.rules != self.plan.rules:
            raise ConfigError(
                f"the contract {self.plan.contract.spec} is not the one that the run began with",
                hint="give all workers the same file; its rules must not depend on when it is loaded",
            )
        return contract


_worker = lru_cache(maxsize=16)(_Worker)
_loading = Lock()
