"""What became of runs, read from the bucket by any machine: one `RunStatus` for each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import callback
from pipeline.errors import LedgerError
from pipeline.ledger.claim import claim_of
from pipeline.ledger.events import Facts, Ledger, Listing
from pipeline.ledger.state import RunState, fold
from pipeline.result import Outcome

READERS = 8
_RUN_AGAIN = "run the same command again; nothing was sent"
_NEXT = {
    "absent": "no such run is recorded here: check stage.bucket and stage.prefix",
    "started": f"it goes on, or it died: {_RUN_AGAIN}",
    "hosted": f"it goes on, or it died: {_RUN_AGAIN}",
    "staged": "nothing was sent; the same command without --until stage sends it",
    "busy": "the API is being asked just now: look again in three minutes",
    "unknown": "look in the platform's panel whether the job is there; then "
    "`python -m pipeline resolve {run_id} --submitted REQUESTID` or "
    "`python -m pipeline resolve {run_id} --resubmit`",
    "submitted": "the platform has accepted the job; `python -m pipeline wait {run_id}` waits for its end",
    "completed": "",
    "failed": f"mend the cause, then {_RUN_AGAIN}",
    "rejected": "mend the rejected rows, or raise contract.max_rejected, then run again; nothing was sent",
    "refused": f"mend the cause, then {_RUN_AGAIN}",
    "unsent": _RUN_AGAIN,
    "given_up": "it was given up; unless a later run has sent it, run the source again",
    "empty": "the source had no records, and nothing was sent",
    "duplicate_of": "nothing was sent by this run; `python -m pipeline status {duplicate_of}` is what was",
    "unreadable": "a newer version of this tool wrote it: update this one",
}
_JOB_FAILED = "look in the platform's panel; the same command with --again sends it again"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run stands, as the ledger tells it; `next` is what to do, "" if nothing.

    `state` is one of those in docs/ledger.md. Times are ISO 8601 in UTC. `accepted` and `bytes` are what was
    staged, `counts` what the platform's callback counted. `url_expired` says that the URL died before the
    job's end was known, `cleaned` that the hosted file was removed.
    """

    run_id: str
    state: str
    started_at: str | None = None
    changed_at: str | None = None
    label: str = ""
    run_key: str = ""
    accepted: int | None = None
    rejected: int | None = None
    bytes: int | None = None
    requestid: str | None = None
    duplicate_of: str | None = None
    said: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    callbacks: int = 0
    url_mode: str | None = None
    expires_at: str | None = None
    url_expired: bool = False
    cleaned: bool = False
    warnings: tuple[str, ...] = ()
    next: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The status as plain JSON types."""
        return asdict(self) | {"counts": dict(self.counts), "warnings": list(self.warnings)}


def read_run(ledger: Ledger, run_id: str, listing: Listing | None = None) -> RunStatus:
    """Where that run stands now. Raises StageError where the store fails.

    `listing` may hold the keys of this run and others, if they are known already.
    """
    listing = listing or ledger.list("runs", run_id, "")
    try:
        events = list(ledger.run_events(run_id, listing))
        claims = {str(each.facts["claim"]) for each in events if each.facts.get("claim")}
        events += [event for claim in claims for event in claim_of(ledger, claim, run_id)]
        return _status(run_id, fold(events, listing.now), listing.now)
    except LedgerError as error:
        return RunStatus(run_id, "unreadable", warnings=(error.message,), next=_NEXT["unreadable"])


def read_runs(ledger: Ledger, since: timedelta) -> list[RunStatus]:
    """Where the runs stand that began so long ago or later, the oldest first."""
    after = f"{datetime.now(UTC) - since:%Y%m%dT%H%M%SZ}"
    listing = ledger.list_from(ledger.key("runs", after), "runs", "")
    below = len(ledger.key("runs", ""))
    run_ids = dict.fromkeys(key[below:].partition("/")[0] for key in listing.modified)
    with ThreadPoolExecutor(READERS, thread_name_prefix="pipeline-status") as pool:
        runs = pool.map(lambda run_id: read_run(ledger, run_id, listing), run_ids)
        return sorted(runs, key=lambda run: (run.run_id.partition("-")[0], run.started_at or ""))


def _status(run_id: str, run: RunState, now: datetime) -> RunStatus:
    started, staged, ended = (run.facts.get(name, {}) for name in ("started", "staged", "ended"))
    answer = run.facts.get("answer", {})
    counted = ended if ended.get("counts") else next((c for c in run.callbacks if c.get("counts")), {})
    duplicate_of = ended.get("duplicate_of")
    state, doubts = run.state, tuple[str, ...]()
    if state == "completed":
        told = Outcome("completed", "", dict(counted.get("counts") or {}))
        outcome = callback.weighed(told, staged.get("accepted"))
        state, doubts = outcome.status, outcome.warnings
    job_failed = state == "failed" and bool(answer or run.callbacks)
    hint = _JOB_FAILED if job_failed else _NEXT[state]
    return RunStatus(
        run_id=run_id,
        state=state,
        started_at=started.get("at"),
        changed_at=f"{run.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if run.at else None,
        label=started.get("label") or "",
        run_key=started.get("run_key") or "",
        accepted=staged.get("accepted"),
        rejected=staged.get("rejected", ended.get("rejected")),
        bytes=staged.get("bytes"),
        requestid=answer.get("requestid") or ended.get("requestid"),
        duplicate_of=duplicate_of,
        said=counted.get("said") or "",
        counts=counted.get("counts") or {},
        callbacks=len(run.callbacks),
        url_mode=staged.get("url_mode"),
        expires_at=staged.get("expires_at"),
        url_expired=_url_expired(run, staged, now),
        cleaned=run.cleaned,
        warnings=(*run.warnings, *doubts),
        next=hint.format(run_id=run_id, duplicate_of=duplicate_of),
    )


def _url_expired(run: RunState, staged: Facts, now: datetime) -> bool:
    """Whether the URL died before the end of a job that may have needed it was known."""
    expires_at = staged.get("expires_at")
    if not expires_at or run.state not in ("busy", "unknown", "submitted", "failed"):
        return False
    end = run.at if run.state == "failed" and run.at else now
    return datetime.fromisoformat(expires_at) <= end
