"""What one step hands to the next: frozen, typed, and nothing else.

    read -> Slice -> validate -> Split -> stage -> HostedFile -> submit -> Job -> track -> Outcome

A `Slice` is the unit of work and can be taken apart anywhere (a thread, a worker); a `Plan` is all that is
needed to judge it there. What a whole run hands to its caller is in `result`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.result import Fingerprint as Fingerprint
from pipeline.result import HostedFile as HostedFile
from pipeline.result import Outcome as Outcome

if TYPE_CHECKING:
    import polars as pl
    from pydantic import SecretStr

    from pipeline.arrays import Mask
    from pipeline.contract.faults import Faults
    from pipeline.contract.rules import Rules
    from pipeline.contract.source import ContractSource
    from pipeline.csv.records import Records
    from pipeline.unique.seen import Keys

Step = Literal["validate", "stage", "submit", "track"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, as whoever watches it is told whenever that changes.

    `records` and `rejected` are counted so far. While records are read, `done` of `size` says how much of the
    source that is, in bytes, or rows of a frame; `size` is None where it cannot be known. While the job's end
    is waited for, `requestid` is the job's, and `wait` how many seconds at most.
    """

    step: Step
    records: int = 0
    rejected: int = 0
    done: int = 0
    size: int | None = None
    requestid: str | None = None
    wait: float | None = None


Watch = Callable[[Progress], object]
"""Called with the progress of a run as it goes on; what it raises ends the run."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a source: its columns as written there and as the contract calls them.

    `names` are the source's own (rejects files use them), `columns` the attributes they are mapped to,
    `positions` those of the columns that are staged, in staged order (source order), `blank` those of the
    columns without a name: a record with text in one is malformed. What is never staged has a
    name in `columns` that no contract has (`names.LEFT_OUT`).
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    positions: tuple[int, ...]
    blank: tuple[int, ...] = ()

    @property
    def staged(self) -> tuple[str, ...]:
        """The attribute names of the staged file's header row."""
        return tuple(self.columns[i] for i in self.positions)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """What the columns without a name are called in `columns`."""
        return tuple(self.columns[i] for i in self.blank)


@dataclass(frozen=True)
class Table:
    """A slice as text: its records in the staged file's own form, all columns of them, and their cells.

    `cells` are the String columns that were asked for, named as `Header.columns`, a row for each well-formed
    record; an empty cell is null. `earlier` holds what a rejects file says of each: why it was rejected, and
    its text at that time (columns `reasons` and `raw`); None for any other source.
    """

    records: Records
    cells: pl.DataFrame = field(repr=False)
    earlier: pl.DataFrame | None = field(default=None, repr=False)


class Slice(Protocol):
    """A piece of a source that can be taken apart on its own, in any thread or process."""

    @property
    def index(self) -> int:
        """Its place in the source, from 0."""

    @property
    def size(self) -> int:
        """Bytes of the source it covers (rows, for a frame), for progress."""

    def table(self, wanted: Sequence[str]) -> Table:
        """The slice as text, with the cells of at least the columns `wanted`. Pure."""


class Source(Protocol):
    """An opened source."""

    @property
    def header(self) -> Header:
        """Its columns."""

    @property
    def size(self) -> int | None:
        """Its length in the unit of `Slice.size`, or None where that cannot be known beforehand."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def crc32(self) -> int | None:
        """That of its bytes, once they are read; None for what has none of its own."""

    @property
    def added(self) -> tuple[str, ...]:
        """The columns that it has beside its own, because it is a rejects file; () for any other."""

    @property
    def place_column(self) -> Literal["_line", "_row"]:
        """What a place is called in the rejects file."""

    @property
    def hints(self) -> Mapping[str, str]:
        """What to do where nearly all records are malformed, by the reason."""

    @property
    def doubts(self) -> Sequence[str]:
        """What is to be warned about, once all is read."""

    @property
    def delimiter(self) -> str:
        """What stands between two cells, in the rejects file too."""

    @property
    def encoding(self) -> str:
        """What it is written in, and the rejects file too."""

    def slices(self) -> Iterator[Slice]:
        """Its slices in order, each record in exactly one of them; can be called once."""


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is needed to judge a slice, as plain data: a plan can be pickled and sent to a worker.

    `rules` were read off the contract that `contract` names. `seed` is the hash seed of keys, random so that
    nobody can make keys that collide. Plans are the same where their `id` is.
    """

    id: str
    header: Header
    rules: Rules
    contract: ContractSource
    seed: int
    delimiter: str = ","

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True)
class Examined:
    """A slice judged by itself; only what it has in common with others is not known yet.

    `records` are all columns of the source's well-formed records, as a rejects file shows them, `staged` the
    same records as they would be staged: the same object where these are the very same bytes. `keys` holds,
    for each uniqueness rule, what it compares; `changed` where the contract itself changed a column's text,
    `blank` where a column of the contract has nothing.
    """

    records: Records
    staged: Records
    faults: Faults
    keys: tuple[Keys, ...] = field(repr=False)
    changed: Mapping[str, Mask]
    blank: Mapping[str, Mask]
    size: int

    def head(self, count: int) -> Examined:
        """The same of its first so many well-formed records and what stands before them, without keys."""
        records = self.records.head(count)
        return Examined(
            records=records,
            staged=records if self.staged is self.records else self.staged.head(count),
            faults=self.faults.head(count),
            keys=(),
            changed={name: mask[:count] for name, mask in self.changed.items()},
            blank={name: mask[:count] for name, mask in self.blank.items()},
            size=self.size,
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A slice whose records go two ways: the bytes to stage, and those for the rejects file.

    `reasons` counts why, a record once for each of its reasons, and `first` is where each was met first, in
    the unit of the rejects file's places; `changed` and `blank` count, by column, the
    cells of staged records that the contract changed and that are empty. `size` is the slice's.
    """

    good: bytes = field(repr=False)
    bad: bytes = field(repr=False)
    records: int
    rejected: int
    reasons: Mapping[str, int]
    changed: Mapping[str, int]
    blank: Mapping[str, int]
    size: int
    first: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """The URL that the platform fetches the file by, a secret while it lives.

    `expires_at` is ISO 8601 in UTC, the moment the URL really stops working (None: never, or not known).
    """

    url: SecretStr
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job that the API accepted."""

    requestid: str
