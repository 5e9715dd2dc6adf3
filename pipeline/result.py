"""What a whole run hands to its caller: how far it came, what it did, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from pipeline.period import Period

State = Literal[
    "validated",
    "staged",
    "submitted",
    "completed",
    "duplicate_of",
    "rejected",
    "refused",
    "unsent",
    "unknown",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Named:
    """What a run was given: its name, and a fingerprint that another of the same name is told apart by."""

    name: str
    fingerprint: str | None = None


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

    @property
    def shown_key(self) -> str:
        """The key as it may be told: without its random part if bucket and key are the URL."""
        return masked(self.key) if self.url_mode == "public" else self.key


def masked(key: str) -> str:
    """The key of a hosted file without its random part."""
    head, dash, _ = key.rpartition("-")
    return f"{head}-***.csv" if dash and key.endswith(".csv") else key


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


@dataclass(frozen=True, slots=True)
class Failure:
    """How a run ended badly: the error as plain data, by the name of its class."""

    type: str
    message: str
    hint: str
    retryable: bool
    exit_code: int
    retry_after: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        plain = {name: getattr(self, name) for name in ("type", "message", "hint", "retryable", "exit_code")}
        return plain | ({} if self.retry_after is None else {"retry_after": self.retry_after})


@dataclass(frozen=True, slots=True)
class Why:
    """What a reason to reject records means: a sentence that says what the contract asks.

    `first` is where it was met first: a line of the source, a row of a frame. `hint` is what the cells that
    were rejected for it have in common, "" if nothing.
    """

    sentence: str
    first: int
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"sentence": self.sentence, "first": self.first, "hint": self.hint}


@dataclass(slots=True)
class Result:
    """How far a run came and what it did; `to_dict` is what `--json` prints.

    `why` says of each of the `reasons` what it means; `place` is what it counts by. `sandbox` says that
    storage and API were the embedded ones: nothing left this machine. `changed` counts, for each column,
    cells that readings, parsers and defaults changed; `warnings` are plain sentences without contacts'
    values. `left_behind` names what a run that ended badly could not remove from the bucket. `duplicate_of`
    is the run whose job stands for this one's, which sent nothing; `content_differs` says that what that run
    sent was another content. `recorded` says that the ledger knows this run, so that the same again sends
    nothing twice, `run_key` names what the job is for, `steps` when each step began and ended, `source` and
    `contract` what was given: JSON has none of these five, nor `place`. `request` is set by a dry run only:
    the request that would be sent, with its secrets masked.
    """

    run_id: str
    state: State = "failed"
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    rejects_file: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    why: dict[str, Why] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    blank: dict[str, int] = field(default_factory=dict)
    hosted: HostedFile | None = None
    requestid: str | None = None
    duplicate_of: str | None = None
    content_differs: bool = False
    recorded: bool = False
    run_key: str | None = None
    outcome: Outcome | None = None
    error: Failure | None = None
    request: str | None = None
    sandbox: bool = False
    warnings: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    source: Named | None = None
    contract: Named | None = None
    steps: dict[str, Period] = field(default_factory=dict)
    place: Literal["line", "row"] = "line"

    @property
    def fetch_rejects(self) -> str:
        """The command that fetches the rejects, "" unless they lie in the bucket."""
        in_bucket = (self.rejects_file or "").startswith("s3://")
        return f"python -m pipeline rejects {self.run_id} --output rejects.csv" if in_bucket else ""

    def _repr_html_(self) -> str:
        """The result as a small table, for notebooks: counts, ids and names, no contacts' values."""
        hosted, outcome, error = self.hosted, self.outcome, self.error
        rows = [
            ("run", self.run_id),
            ("state", self.state),
            *((name, f"{getattr(self, name):,}") for name in ("records", "accepted", "rejected")),
            *((f"– {name}", f"{count:,}") for name, count in self.reasons.items()),
            ("rejects file", self.rejects_file),
            ("hosted", hosted and f"s3://{hosted.bucket}/{hosted.shown_key} ({hosted.bytes:,} bytes)"),
            ("request id", self.requestid),
            ("sent by run", self.duplicate_of),
            ("platform", outcome and (outcome.said or outcome.status)),
            *((f"– {name}", f"{count:,}") for name, count in (outcome.counts.items() if outcome else ())),
            *(("warning", sentence) for sentence in self.warnings),
            ("error", error and f"{error.message} {error.hint}"),
        ]
        lines = (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows if text)
        return f"<table>{''.join(lines)}</table>"

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note when the step begins and, unless it fails, when it ends."""
        period = self.steps[name] = Period()
        yield
        period.close()

    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON types, with nothing in it that is secret."""
        hosted, outcome = self.hosted, self.outcome
        plain = {
            "run_id": self.run_id,
            "state": self.state,
            "sandbox": self.sandbox,
            "records": self.records,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejects_file": self.rejects_file,
            "reasons": dict(self.reasons),
            "why": {reason: why.to_dict() for reason, why in self.why.items()},
            "changed": dict(self.changed),
            "blank": dict(self.blank),
            "hosted": hosted
            and {
                "bucket": hosted.bucket,
                "key": hosted.shown_key,
                "bytes": hosted.bytes,
                "url_mode": hosted.url_mode,
                "expires_at": None if self.sandbox else hosted.expires_at,  # its store is gone with it
            },
            "staged": hosted and hosted.staged.to_dict(),
            "requestid": self.requestid,
            "duplicate_of": self.duplicate_of,
            "content_differs": self.content_differs,
            "outcome": outcome
            and {"status": outcome.status, "said": outcome.said, "counts": dict(outcome.counts)},
            "warnings": list(self.warnings),
            "left_behind": list(self.left_behind),
            "error": self.error and self.error.to_dict(),
        }
        return plain | ({"request": self.request} if self.request else {})
