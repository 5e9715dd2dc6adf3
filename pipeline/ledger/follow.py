"""Waiting on the ledger: for another run's answer, and for a job's end that some receiver records."""

from __future__ import annotations

import time

from pipeline import callback
from pipeline.errors import JobFailed, JobTimeout, StageError, SubmitRefused, SubmitUnavailable, SubmitUnknown
from pipeline.ledger import claim
from pipeline.ledger.claim import Standing, Wanted
from pipeline.ledger.events import Ledger
from pipeline.logs import log_of
from pipeline.result import Outcome
from pipeline.track import pauses


def answered(ledger: Ledger, wanted: Wanted, standing: Standing) -> Standing:
    """The other run's job once its answer is known.

    Raises SubmitRefused or SubmitUnavailable where that run was refused or did not send, SubmitUnknown where
    nobody knows, 180 seconds after its claim.
    """
    for pause in pauses():
        if standing.state != "busy":
            break
        time.sleep(pause)
        standing = claim.look(ledger, wanted) or standing
    run = f"Run {standing.run_id}"
    if standing.state == "refused":
        raise SubmitRefused(
            f"{run}, which submitted the same, was refused by the API; nothing was sent now.",
            hint=f"See `python -m pipeline status {standing.run_id}`, mend the cause, and run again.",
        )
    if standing.state in ("unsent", "given_up"):
        raise SubmitUnavailable(
            f"{run}, which was about to submit the same, did not send it; nothing was sent now.",
            hint="Run the same command again.",
        )
    if standing.state == "unknown":
        raise SubmitUnknown(
            f"{run} asked the API to load the same and got no answer: it may have taken the job. Nothing was "
            "sent now.",
            hint=unknown_hint(standing.run_id),
        )
    if standing.state == "failed":
        raise JobFailed(
            f"{run} submitted the same, and its job {standing.requestid} failed at the platform; nothing was "
            "sent now.",
            hint="Look for it in the platform's panel; the same command with --again sends it again.",
        )
    return standing


def unknown_hint(run_id: str, *, just_asked: bool = False) -> str:
    """What a person does about a job of which nobody knows whether it was taken."""
    when = ", three minutes from now," * just_asked
    return (
        f"Look in the platform's panel{when} whether the job is there. If it is: "
        f"`python -m pipeline resolve {run_id} --submitted REQUESTID`; if not: "
        f"`python -m pipeline resolve {run_id} --resubmit`."
    )


def waiting_hint(run_id: str, *, again: bool = False) -> str:
    """What a person does about a job whose end has not been heard of in time."""
    same = "the same command without --again" if again else "the same command again"
    return f"`python -m pipeline wait {run_id}` waits on; {same} does so too and sends nothing."


def outcome(ledger: Ledger, run_id: str) -> Outcome | None:
    """How the run's job ended as its callback told, None if that is not recorded. Raises StageError."""
    facts = ledger.find(ledger.key("runs", run_id, "ended.json")) or {}
    if facts.get("ended") not in ("completed", "failed"):
        return None
    staged = ledger.find(ledger.key("runs", run_id, "staged.json")) or {}
    told = Outcome(facts["ended"], str(facts.get("said") or ""), dict(facts.get("counts") or {}))
    return callback.weighed(told, staged.get("accepted"))


def seen(ledger: Ledger, run_id: str) -> Outcome | None:
    """The same, None too where the store cannot say: the job goes on, and another look may."""
    try:
        return outcome(ledger, run_id)
    except StageError as error:
        log_of(run_id).info("Whether the job has ended could not be looked up: %s", error.message)
        return None


def ended(ledger: Ledger, run_id: str, seconds: float) -> Outcome:
    """How the run's job ended, as soon as a receiver has recorded it.

    Raises JobFailed where it ended badly, JobTimeout where nothing is recorded within `seconds`.
    """
    deadline = time.monotonic() + seconds
    for pause in pauses():
        found, left = seen(ledger, run_id), deadline - time.monotonic()
        if found or left <= 0:
            break
        time.sleep(min(pause, left))
    if found is None:
        raise JobTimeout(
            f"No callback has told the end of run {run_id} within {seconds:g} s; its job goes on at the "
            "platform.",
            hint=waiting_hint(run_id),
        )
    return ended_well(found, run_id)


def ended_well(found: Outcome, run_id: str) -> Outcome:
    """The same outcome. Raises JobFailed where the run's job ended badly."""
    if found.status == "failed":
        error = JobFailed(
            f"The platform called back: the job of run {run_id} failed.",
            hint="Look for it in the platform's panel; the same command with --again sends it again.",
        )
        error.outcome = found
        raise error
    return found
