"""What one run writes into the ledger as it goes: that it started, what it staged, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pipeline.config import Config
from pipeline.errors import PipelineError, StageError
from pipeline.ledger import cleaning
from pipeline.ledger.events import Ledger
from pipeline.logs import log_of
from pipeline.policy import lifecycle
from pipeline.result import HostedFile, Result
from pipeline.s3.client import Store

_ENDS = {"rejected": "rejected", "refused": "refused"}
NO_RULE = (
    "No lifecycle rule of the bucket removes hosted files: `python -m pipeline policy --lifecycle` shows "
    "one. Until then `python -m pipeline clean` does it."
)


class Journal:
    """The record of one run, kept up to date in the bucket; with `ledger: off` it writes nothing."""

    def __init__(self, config: Config, store: Store, run_id: str) -> None:
        self.config = config
        self.run_id = run_id
        conditional = config.ledger == "on"
        self.is_ended = False
        self.ledger = None if config.ledger == "off" else Ledger(store, conditional)

    def start(self, until: str) -> None:
        """Prove the store and record that the run has started.

        Raises LedgerError if the store does not keep a condition, StageError if it fails.
        """
        from importlib import metadata

        if self.ledger is None:
            return
        if self.ledger.conditional:
            self.ledger.prove()
        submit = self.config.submit
        self._record(
            "started",
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "tool": metadata.version("netcore-bulk-upload"),
                "until": until,
                "listid": submit.listid,
                "label": submit.label,
                "run_key": submit.run_key,
            },
        )

    def stage(self, hosted: HostedFile, claim_id: str | None, rejected: int) -> None:
        """Record what is hosted now. Raises StageError."""
        staged = hosted.staged.to_dict()
        accepted = staged.pop("records")
        about = {"claim": claim_id, "url_mode": hosted.url_mode, "expires_at": hosted.expires_at}
        self._record("staged", staged | about | {"accepted": accepted, "rejected": rejected})

    def end(self, result: Result, error: BaseException | None, *, sent: bool) -> None:
        """Record how the run ended, if its end is known; `sent` says that the API may have taken the job.

        Raises StageError where the store fails and nothing else went wrong.
        """
        end = _end(result, error, sent=sent)
        if end is None or self.ledger is None or self.is_ended:
            return
        self.is_ended = True
        facts = {
            "ended": end,
            "error": type(error).__name__ if error else None,
            "requestid": result.requestid,
            "duplicate_of": result.duplicate_of,
            "rejected": result.rejected,
        }
        if not isinstance(error, PipelineError | None):
            self.ledger = replace(self.ledger, hurried=True)
        try:
            self._record("ended", facts)
        except StageError as unwritten:
            if error is None and not sent:
                raise
            unrecorded = "The end of run %s (%s) could not be recorded: %s"
            log_of(self.run_id).warning(unrecorded, self.run_id, end, unwritten.message)

    def remove_own(self, why: str) -> None:
        """Record that the run's own hosted file is gone; the store may fail."""
        try:
            self._record("cleaned", {"why": why})
        except StageError as unwritten:
            unrecorded = "That the file of run %s is gone was not recorded: %s"
            log_of(self.run_id).info(unrecorded, self.run_id, unwritten.message)

    def sweep(self, result: Result) -> None:
        """Remove up to twenty hosted files of earlier runs whose time is over; warn if no rule would."""
        if self.ledger is None:
            return
        try:
            for leftover in list(cleaning.swept(self.config, self.ledger, self.run_id)):
                cleaning.remove(self.ledger, leftover)
            rules = None if result.sandbox else lifecycle.read(self.ledger.store)
        except StageError as error:
            broken_off = "Cleaning up after earlier runs was broken off: %s"
            log_of(self.run_id).info(broken_off, error.message)
            return
        if rules is not None and not lifecycle.covers(rules, self.config):
            result.warnings.append(NO_RULE)

    def _record(self, kind: str, facts: Mapping[str, Any]) -> None:
        if self.ledger is not None:
            self.ledger.record(self.run_id, kind, facts)


def _end(result: Result, error: BaseException | None, *, sent: bool) -> str | None:
    """The end as the ledger names it; None while the job's end, or whether there is one, is not known."""
    if result.duplicate_of:
        return "duplicate_of"
    if error is None:  # what is no more than validated had nothing to stage
        return {"completed": "completed", "staged": "staged", "validated": "empty"}.get(result.state)
    state = error.state if isinstance(error, PipelineError) else "failed"
    if state in _ENDS:
        return _ENDS[state]
    if state == "unsent":
        return "unsent"
    if state in ("unknown", "submitted"):
        return None
    return "failed" if result.outcome or not sent else None
