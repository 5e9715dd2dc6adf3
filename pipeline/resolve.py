"""What a person decides about a run of which nobody knows whether the API took its job."""

from __future__ import annotations

import hashlib
import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline import submit, urls
from pipeline.callback import RUN_ID
from pipeline.config import Config
from pipeline.delivery import Delivery
from pipeline.errors import ConfigError, PipelineError, StageError, without_frames
from pipeline.guest import watched
from pipeline.handoffs import Step, Watch
from pipeline.ledger import claim, submission
from pipeline.ledger.asking import AnyConfig, opened
from pipeline.ledger.claim import Standing, Wanted
from pipeline.ledger.events import Facts, Ledger
from pipeline.ledger.submission import Submission
from pipeline.result import Fingerprint, HostedFile, Result
from pipeline.s3.failures import storage
from pipeline.stage import HEAD_BYTES
from pipeline.steps import new_run_id
from pipeline.wire import hushed

_SEE = "`python -m pipeline status {run_id}` tells more."


@dataclass(frozen=True)
class _Unknown:
    """A run whose claim is unknown: what it staged, what it wanted, and its claim."""

    run_id: str
    staged: Facts
    wanted: Wanted
    standing: Standing


@without_frames
def mark(run_id: str, requestid: str, config: AnyConfig = "config.yaml") -> None:
    """Record that the run's job was found at the platform, under that request id.

    Raises ConfigError unless nobody knows of it, and StageError where the store fails.
    """
    settings, ledger = opened(config, "submit")
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", requestid):
        raise ConfigError("That is no request id.", hint="Copy it from the platform's panel or e-mail.")
    with hushed():
        run = _unknown(settings, ledger, run_id)
        stays = claim.settle(ledger, run.wanted.id, run.standing, "marked", requestid)
    if stays:
        raise _answered(run_id, stays)


@without_frames
def resubmit(run_id: str, config: AnyConfig = "config.yaml", progress: Watch | None = None) -> Result:
    """The result of a new run that submits the file again which that run has hosted.

    First it is recorded that its job was given up. If the file or its URL is gone, that is all: then the
    source has to be run again. Raises ConfigError unless nobody knows of the job, and what `run` raises.
    """
    settings, ledger = opened(config, "submit", "track")
    settings.require_sections("submit", "track")
    with hushed(), ExitStack() as stack:
        run = _unknown(settings, ledger, run_id)
        result = Result(new_run_id())
        hears = settings.track.callback_url and settings.track.listen
        until: Step = "track" if hears else "submit"
        delivery = Delivery(settings, ledger.store, result, watched(progress), until, again=False)
        delivery.begin(stack)
        if stays := claim.settle(ledger, run.wanted.id, run.standing, "given_up"):
            raise _answered(run_id, stays)
        try:
            _deliver_again(settings, ledger, run, delivery)
        except PipelineError as error:
            result.error, error.result, result.state = error.failure(), result, error.state
            delivery.end(error)
            raise
        except BaseException as error:
            delivery.end(error)
            raise
        delivery.end(None)
    return result


def _deliver_again(config: Config, ledger: Ledger, run: _Unknown, delivery: Delivery) -> None:
    found = _hosted(config, ledger, run)
    if found is None:
        raise StageError(
            f"The job of run {run.run_id} is given up now, but its file, or the file's URL, is gone.",
            hint="Run the source again by the command that you ran then: nothing keeps it from being sent.",
        )
    hosted, stage = found
    result = delivery.result
    result.records = result.accepted = hosted.staged.records
    result.hosted, result.state = hosted, "staged"
    delivery.start()
    store = replace(ledger.store, config=stage)
    if delivery.adopt(Submission(ledger, run.wanted, result.run_id)):
        delivery.deliver(hosted, urls.link(store, hosted.key))
    else:
        delivery.follow()


def _unknown(config: Config, ledger: Ledger, run_id: str) -> _Unknown:
    """That run, if its job is unknown. Raises ConfigError otherwise."""
    if not re.fullmatch(RUN_ID, run_id):
        raise ConfigError("That is no run id.", hint="`python -m pipeline status` lists them.")
    events = {each.kind: each.facts for each in ledger.run_events(run_id)}
    staged, started = events.get("staged"), events.get("started", {})
    if not staged or not staged.get("claim"):
        raise ConfigError(f"Run {run_id} has asked the API for nothing.", hint=_SEE.format(run_id=run_id))
    wanted = _wanted(config, staged, started)
    if wanted.id != staged["claim"]:
        raise ConfigError(
            f"This config names another API, list or account than run {run_id} had.",
            hint="Use the config, and the API key, of that run.",
        )
    standing = claim.look(ledger, wanted)
    if standing and standing.run_id == run_id and standing.state == "busy":
        raise ConfigError(
            f"Run {run_id} may still be asking the API: its job is not given up for three minutes.",
            hint="Then type the same again.",
        )
    if standing is None or standing.run_id != run_id or standing.state != "unknown":
        state = "one of several attempts" if standing and standing.run_id != run_id else "not claimed"
        raise ConfigError(
            f"Run {run_id} is {standing.state if standing and standing.run_id == run_id else state}: "
            "there is nothing to resolve.",
            hint=_SEE.format(run_id=run_id),
        )
    return _Unknown(run_id, staged, wanted, standing)


def _wanted(config: Config, staged: Facts, started: Facts) -> Wanted:
    named = {"label": started.get("label"), "run_key": started.get("run_key")}
    config = config.model_copy(update={"submit": config.submit.model_copy(update=named)})
    return submission.wanted(config, submit.base_url(config), submit.api_key(config), _fingerprint(staged))


def _fingerprint(staged: Facts) -> Fingerprint:
    sums = (int(str(staged[name]), 16) for name in ("crc32", "adler32"))
    return Fingerprint(int(staged["bytes"]), int(staged["accepted"]), *sums)


def _hosted(config: Config, ledger: Ledger, run: _Unknown) -> tuple[HostedFile, Any] | None:
    """The run's hosted file, with the stage config that signs for what is left of its life; None if gone."""
    listing = ledger.list("hosted", f"{run.run_id}-")
    mode, expires_at = str(run.staged.get("url_mode")), run.staged.get("expires_at")
    left = (datetime.fromisoformat(expires_at) - datetime.now(UTC)).total_seconds() if expires_at else None
    if not listing.modified or (left is not None and left < config.stage.min_lifetime):
        return None
    key = next(iter(listing.modified))
    with storage("reading the hosted file's beginning"):
        beginning = f"bytes=0-{HEAD_BYTES - 1}"
        answer = ledger.client.get_object(Bucket=ledger.store.bucket, Key=key, Range=beginning)
        head = hashlib.sha256(answer["Body"].read()).hexdigest()
    file = HostedFile(ledger.store.bucket, key, mode, _fingerprint(run.staged), head, expires_at)
    life = config.stage.expires_in if left is None else min(config.stage.expires_in, int(left))
    return file, config.stage.model_copy(update={"expires_in": life})


def _answered(run_id: str, stays: Facts) -> ConfigError:
    word = {"submitted": f"submitted as {stays.get('requestid')}"}.get(
        str(stays.get("answer")), stays.get("answer")
    )
    return ConfigError(f"Run {run_id} has been answered meanwhile: {word}.", hint=_SEE.format(run_id=run_id))
