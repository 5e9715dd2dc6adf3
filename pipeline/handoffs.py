"""What one step hands to the next: frozen, typed, and nothing else.

    read -> Slice -> Table -> validate -> Verdict -> stage -> HostedFile -> submit -> Job -> track -> Outcome

A `Slice` is the unit of work and can be taken apart anywhere (a thread, a worker); a `Table` is a slice
taken apart. `Result` is what a whole run hands to its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    from pydantic import SecretStr

    from pipeline.contract.judgement import Judgement
    from pipeline.contract.sieve import Sieve
    from pipeline.errors import PipelineError

    Offsets = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

State = Literal["validated", "staged", "submitted", "completed", "rejected", "refused", "unknown", "failed"]
Step = Literal["validate", "stage", "submit", "track"]
Progress = Callable[[str, int, int | None, int], None]
"""Called as a run goes on: step, how much of the source is done, how much there is, records so far."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a source: its columns as written there and as the contract calls them.

    `names` are the source's own (rejects files use them), `columns` the attributes they are mapped to,
    `kept` the positions of the columns that are staged, in staged order (source order), `blank` those of the
    columns without a name: a record with text in one is malformed. What is never staged has a
    name in `columns` that no contract has (`names.LEFT_OUT`).
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    kept: tuple[int, ...]
    blank: tuple[int, ...] = ()

    @property
    def staged(self) -> tuple[str, ...]:
        """The attribute names of the staged file's header row."""
        return tuple(self.columns[i] for i in self.kept)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """What the columns without a name are called in `columns`."""
        return tuple(self.columns[i] for i in self.blank)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record whose structure is broken: `reason` as in `_record:{reason}`, `raw` its text as found.

    `before` is how many well-formed records of the same slice stand before it.
    """

    place: int
    before: int
    reason: str
    raw: str = field(repr=False)


@dataclass(frozen=True)
class Table:
    """A slice taken apart: the well-formed records as text cells and as bytes, the others by reason.

    `cells` has one String column per source column, named as `Header.columns`, and a row for each of the
    records `rows`; an empty cell is null. The other records a sieve has found good: of these `passed` has
    the columns that the sieve was asked for. Once screened, a table whose data has all columns lets go of
    its cells: then there are columns and no rows.
    Record i is `data[starts[i]:ends[i]]`, line end included, in the staged file's own form (UTF-8,
    comma, doubled quotes) and with the kept columns only. `places` is the physical line where each
    record begins (its row for frames), counted from 1 for lines and from 0 for rows. `size` is the slice's.
    """

    cells: pl.DataFrame = field(repr=False)
    rows: Offsets
    data: bytes = field(repr=False)
    starts: Offsets
    ends: Offsets
    places: Offsets
    malformed: tuple[Malformed, ...] = ()
    size: int = 0
    passed: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def records(self) -> int:
        """How many records of the source this slice holds, well-formed or not."""
        return len(self.starts) + len(self.malformed)


class Slice(Protocol):
    """A piece of a source that can be taken apart on its own, in any thread."""

    @property
    def index(self) -> int:
        """Its place in the source, from 0."""

    @property
    def size(self) -> int:
        """Bytes of the source it covers (rows, for a frame), for progress."""

    def table(self, sieve: Sieve | None = None) -> Table:
        """The slice taken apart; a pure function of the slice.

        Records that pass the sieve need not be, where the slice's own bytes are staged.
        """


class Source(Protocol):
    """An opened source."""

    @property
    def header(self) -> Header:
        """Its columns."""

    @property
    def size(self) -> int | None:
        """Its length in the unit of `Slice.size`, or None where that cannot be known beforehand."""

    @property
    def place_column(self) -> Literal["_line", "_row"]:
        """What a place is called in the rejects file."""

    @property
    def hints(self) -> Mapping[str, str]:
        """What to do where nearly all records are malformed, by the reason."""

    def slices(self) -> Iterator[Slice]:
        """Its slices in order, each record in exactly one of them; can be called once."""


@dataclass(frozen=True)
class Verdict:
    """A judged slice: which of the table's records are accepted, and why the others are not.

    `judgement` is about the records by their numbers in the table. `changed` holds columns whose text the
    contract itself asked to change (pandera parsers, defaults), else nothing. `keys` holds, for each
    uniqueness rule of the contract, what it compares.
    """

    table: Table
    judgement: Judgement
    keys: tuple[Any, ...] = field(default=(), repr=False)
    changed: Mapping[str, pl.Series] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sifted:
    """A slice whose records go two ways: the bytes to stage, and those for the rejects file.

    `reasons` counts why, a record once for each of its reasons; `size` is the slice's.
    """

    good: bytes = field(repr=False)
    bad: bytes = field(repr=False)
    records: int
    rejected: int
    reasons: Mapping[str, int]
    size: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What bytes are: length, records, two checksums; the same whatever pieces they came in."""

    bytes: int
    records: int
    crc32: int
    adler32: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: the checksums in hexadecimal."""
        sums = {"crc32": f"{self.crc32:08x}", "adler32": f"{self.adler32:08x}"}
        return {"bytes": self.bytes, "records": self.records, **sums}


@dataclass(frozen=True, slots=True)
class Link:
    """The URL that the platform fetches the file by, a secret while it lives.

    `expires_at` is ISO 8601 in UTC, the moment the URL really stops working (None: never, or not known).
    """

    url: SecretStr
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class HostedFile:
    """The staged file: where it is, what was staged, when its URL ends; no URL and no contacts.

    `head_sha256` is of its first KiB, for the pre-flight to compare.
    """

    bucket: str
    key: str
    url_mode: str
    staged: Fingerprint
    head_sha256: str
    expires_at: str | None = None

    @property
    def bytes(self) -> int:
        """Its length."""
        return self.staged.bytes


@dataclass(frozen=True, slots=True)
class Job:
    """A job that the API accepted."""

    requestid: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended, as far as its callback says.

    `status` is `completed` or `failed`; `said` the platform's own status word, `counts` the numbers
    found in the callback's body under their own names, `warnings` say what a completed job did not load,
    `raw` is that body as it came.
    """

    status: Literal["completed", "failed"]
    said: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    raw: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Result:
    """How far a run came and what it did; `to_dict` is what `--json` prints.

    `sandbox` says that storage and API were the embedded ones: nothing left this machine. `warnings` are
    plain sentences without contacts' values. `left_behind` names what a run that ended badly could not
    remove from the bucket. `request` is set by a dry run only: the request that would be sent, with its
    secrets masked.
    """

    run_id: str
    state: State = "failed"
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    rejects_file: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    hosted: HostedFile | None = None
    requestid: str | None = None
    outcome: Outcome | None = None
    error: PipelineError | None = None
    request: str | None = None
    sandbox: bool = False
    warnings: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types, with nothing in it that is secret."""
        hosted, outcome, error = self.hosted, self.outcome, self.error
        plain = {
            "run_id": self.run_id,
            "state": self.state,
            "sandbox": self.sandbox,
            "records": self.records,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejects_file": self.rejects_file,
            "reasons": dict(self.reasons),
            "hosted": hosted
            and {
                "bucket": hosted.bucket,
                "key": hosted.key,
                "bytes": hosted.bytes,
                "url_mode": hosted.url_mode,
                "expires_at": hosted.expires_at,
            },
            "staged": hosted and hosted.staged.to_dict(),
            "requestid": self.requestid,
            "outcome": outcome
            and {"status": outcome.status, "said": outcome.said, "counts": dict(outcome.counts)},
            "warnings": list(self.warnings),
            "left_behind": list(self.left_behind),
            "error": error
            and {
                "type": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "retryable": error.retryable,
                "exit_code": error.exit_code,
            }
            | ({"retry_after": error.retry_after} if error.retry_after is not None else {}),
        }
        return plain | ({"request": self.request} if self.request else {})
