"""What a run logs as it hands on from step to step: a line for people, the same as `extra=` for programs.

The logger is `pipeline`, the level INFO. Names and counts alone are logged: no URL, no contact's value, and
of a key that is the URL not its random part.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pipeline.result import Result

FIELDS = (
    "run_id", "step", "seconds", "rows", "accepted", "rejected", "key", "request_id", "state", "error"
)  # fmt: skip
log = logging.getLogger("pipeline")


def hand_over(result: Result, step: str) -> None:
    """Log that a step of the run has ended, or with `end` the run, and what is known by then."""
    period = result.steps.get(step)
    facts = {
        "run_id": result.run_id,
        "step": step,
        "seconds": period.seconds if period else None,
        "rows": result.records,
        "accepted": result.accepted,
        "rejected": result.rejected,
        "key": result.hosted.shown_key if result.hosted else None,
        "request_id": result.requestid,
        "state": result.state if step == "end" else None,
        "error": result.error.type if result.error else None,
    }
    known = {name: fact for name, fact in facts.items() if fact is not None}
    words = ", ".join(f"{name} {fact}" for name, fact in known.items() if name not in ("run_id", "step"))
    log.info("run %s, %s: %s", result.run_id, step, words, extra=known)


def log_of(run_id: str) -> logging.LoggerAdapter[logging.Logger]:
    """The logger, whose records name the run."""
    return logging.LoggerAdapter(log, {"run_id": run_id})


class _Json(logging.Formatter):
    """One JSON object a line: time in UTC, level, message, and the facts of a hand-over."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        facts = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        return json.dumps(said | facts)


def to_stderr(form: Literal["text", "json"]) -> None:
    """Write what is logged from now on to standard error, as lines or as JSON: for the command line only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Json() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)


def are_written() -> bool:
    """Whether `to_stderr` was called: standard error is then for logs alone."""
    return bool(log.handlers)
