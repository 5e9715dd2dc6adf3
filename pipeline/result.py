"""What a whole run hands to its caller: how far it came, what it did, what is left to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pipeline.errors import PipelineError
    from pipeline.handoffs import HostedFile, Outcome

State = Literal["validated", "staged", "submitted", "completed", "rejected", "refused", "unknown", "failed"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Named:
    """What a run was given: its name, and a fingerprint that another of the same name is told apart by."""

    name: str
    fingerprint: str | None = None


@dataclass(slots=True)
class Period:
    """When a step began and when it ended (None: it has not, or badly), ISO 8601 in UTC."""

    start: str = field(default_factory=_now)
    end: str | None = None

    def close(self) -> None:
        """Note that the step has ended."""
        self.end = _now()


@dataclass(slots=True)
class Result:
    """How far a run came and what it did; `to_dict` is what `--json` prints.

    `sandbox` says that storage and API were the embedded ones: nothing left this machine. `changed` counts,
    for each column, cells that the contract's parsers and defaults changed; `warnings` are plain sentences
    without contacts' values. `left_behind` names what a run that ended badly could not remove from the
    bucket. `steps` says when each step began and ended, `source` and `contract` what was given: JSON has
    none of these three. `request` is set by a dry run only: the request that would be sent, with its
    secrets masked.
    """

    run_id: str
    state: State = "failed"
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    rejects_file: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    blank: dict[str, int] = field(default_factory=dict)
    hosted: HostedFile | None = None
    requestid: str | None = None
    outcome: Outcome | None = None
    error: PipelineError | None = None
    request: str | None = None
    sandbox: bool = False
    warnings: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    source: Named | None = None
    contract: Named | None = None
    steps: dict[str, Period] = field(default_factory=dict)

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
            "changed": dict(self.changed),
            "blank": dict(self.blank),
            "hosted": hosted
            and {
                "bucket": hosted.bucket,
                "key": hosted.key,
                "bytes": hosted.bytes,
                "url_mode": hosted.url_mode,
                "expires_at": None if self.sandbox else hosted.expires_at,  # its store is gone with it
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
