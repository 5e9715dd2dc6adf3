"""What may be asked of the ledger by a person or a program: the functions behind the commands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, overload

from pipeline.config import Config
from pipeline.config.file import load_config
from pipeline.errors import ConfigError, JobFailed, JobTimeout, SubmitUnknown, without_frames
from pipeline.guest import watched
from pipeline.handoffs import Progress, Watch
from pipeline.ledger import callbacks, cleaning
from pipeline.ledger.cleaning import Leftover
from pipeline.ledger.events import Ledger
from pipeline.ledger.follow import unknown_hint
from pipeline.ledger.runs import RunStatus, read_run, read_runs
from pipeline.s3.client import Store
from pipeline.track import pauses
from pipeline.wire import hushed

if TYPE_CHECKING:
    from boto3.session import Session

AnyConfig = str | os.PathLike[str] | Mapping[str, Any] | Config

SINCE = timedelta(days=7)
OLDER_THAN = timedelta(hours=48)
GOES_ON = ("started", "hosted", "busy", "submitted")
_ENDED_WELL = ("completed", "staged", "empty", "duplicate_of")


def opened(config: AnyConfig, *sections: str, session: Session | None = None) -> tuple[Config, Ledger]:
    """The config and the ledger in its bucket; `sections` beside `stage` are those whose values are needed.

    Raises ConfigError where the config names no bucket, or has no ledger.
    """
    settings = load_config(config)
    settings.require_sections("stage", *sections)
    if settings.ledger == "off":
        raise ConfigError("This config has `ledger: off`: nothing is recorded.", hint="Take that line away.")
    return settings, Ledger(
        Store(settings.stage, lent=session), conditional=settings.ledger != "single_writer"
    )


@overload
def status(run_id: str, config: AnyConfig = ..., *, session: Session | None = ...) -> RunStatus: ...
@overload
def status(
    run_id: None = None, config: AnyConfig = ..., *, since: timedelta = ..., session: Session | None = ...
) -> list[RunStatus]: ...
@without_frames
def status(
    run_id: str | None = None,
    config: AnyConfig = "config.yaml",
    *,
    since: timedelta = SINCE,
    session: Session | None = None,
) -> RunStatus | list[RunStatus]:
    """Where that run stands or, without one, all runs that began since then, the oldest first.

    Any machine that reaches the bucket may ask; `session` is a boto3 session to ask by. Raises ConfigError,
    and StageError where the store fails.
    """
    _, ledger = opened(config, session=session)
    with hushed():
        return read_runs(ledger, since) if run_id is None else read_run(ledger, run_id)


@without_frames
def wait(
    run_id: str,
    config: AnyConfig = "config.yaml",
    *,
    seconds: float | None = None,
    session: Session | None = None,
    progress: Watch | None = None,
) -> RunStatus:
    """Where that run stands once it has ended; `seconds` is how long to wait (default: track.wait, or 1 h).

    `progress` is called whenever the ledger was looked at and the run goes on.

    Raises JobFailed if it ended badly, SubmitUnknown if nobody knows whether the API took it, JobTimeout if
    it goes on after that time.
    """
    settings, ledger = opened(config, session=session)
    seconds = (settings.track.wait or 3600) if seconds is None else seconds
    deadline = time.monotonic() + seconds
    watch = watched(progress)
    with hushed():
        for pause in pauses():
            found = read_run(ledger, run_id)
            left = deadline - time.monotonic()
            if found.state not in GOES_ON or left <= 0:
                break
            watch(Progress("track", requestid=found.requestid, wait=seconds))
            time.sleep(min(pause, left))
    if found.state in _ENDED_WELL:
        return found
    if found.state == "unknown":
        raise SubmitUnknown(
            f"Run {run_id} asked the API and got no answer: it may have taken the job.",
            hint=unknown_hint(run_id),
        )
    if found.state in GOES_ON:
        raise JobTimeout(f"Run {run_id} is {found.state} after {seconds:g} s more.", hint=_sentence(found))
    if found.state == "absent":
        raise ConfigError(f"No run {run_id} is recorded in this bucket.", hint=_sentence(found))
    raise JobFailed(f"Run {run_id} ended {found.state}.", hint=_sentence(found))


@without_frames
def clean(
    config: AnyConfig = "config.yaml",
    *,
    older_than: timedelta = OLDER_THAN,
    dry_run: bool = False,
    done: Callable[[Leftover], Any] = lambda _: None,
) -> list[Leftover]:
    """What was removed from the bucket, or would be: files, uploads and bodies whose time is over.

    `done` is called for each as it goes. Raises ConfigError, and StageError where the store fails.
    """
    settings, ledger = opened(config)
    removed = []
    with hushed():
        for leftover in list(cleaning.due(settings, ledger, older_than)):
            if not dry_run:
                cleaning.remove(ledger, leftover)
            removed.append(leftover)
            done(leftover)
    return removed


@without_frames
def raw_callbacks(run_id: str, config: AnyConfig = "config.yaml") -> list[bytes]:
    """The bodies that the platform posted to that run's address, as they came; they may hold contacts."""
    _, ledger = opened(config)
    with hushed():
        return callbacks.bodies(ledger, run_id)


def _sentence(found: RunStatus) -> str:
    return f"{found.next[:1].upper()}{found.next[1:]}."
