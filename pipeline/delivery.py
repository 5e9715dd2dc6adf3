"""Steps 3 to 5 of one run after the last record: host the file, submit it once, learn how the job ends.

begin -> start -> (records are uploaded) -> may_complete -> deliver
                                                 \\____ follow: another run's job stands for this one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pipeline import callback, preflight, submit, track
from pipeline.answers import LOOK_FIRST
from pipeline.config import Config
from pipeline.errors import (
    ConfigError,
    JobFailed,
    JobTimeout,
    StageError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
)
from pipeline.handoffs import Job, Link, Progress, Step, Watch
from pipeline.ledger import callbacks, follow, privacy, submission
from pipeline.ledger.claim import Standing
from pipeline.ledger.journal import Journal
from pipeline.ledger.submission import Submission
from pipeline.logs import hand_over, log_of
from pipeline.result import Fingerprint, HostedFile, Outcome, Result

if TYPE_CHECKING:
    from pipeline.s3.client import Store


class Delivery:
    """The way of one run's file to the platform, recorded as it goes.

    `standing` is the job of another run that keeps this one from submitting; `sent` says that the API may
    have taken a job of this one.
    """

    def __init__(
        self, config: Config, store: Store, result: Result, progress: Watch, until: Step, *, again: bool
    ) -> None:
        self.config, self.store = config, store
        self.result, self.progress = result, progress
        self.until = until
        self.again = again
        self.started = self.sent = False
        self.standing: Standing | None = None
        self.journal = Journal(config, store, result.run_id)
        # About a job of which nobody knows whether it was taken.
        self._advice = follow.unknown_hint(result.run_id, just_asked=True) if self.journal.ledger else ""
        self.log = log_of(result.run_id)
        self._inbox = track.Inbox(result.run_id)
        self._callback: str | None = None
        self._submission: Submission | None = None

    @property
    def waits(self) -> bool:
        """Whether the job's end is waited for."""
        return self.until == "track" and self.config.track.wait > 0

    def begin(self, stack: ExitStack) -> None:
        """Find out before the first byte what would fail only after the upload: the API's key, the port."""
        if self.until == "stage":
            return
        submit.api_key(self.config)
        self._callback = callback.address(self.config.track, self.result.run_id)
        if not self.waits:
            return
        about = f"{self.config.stage.bucket}/{self.config.stage.prefix}"
        receiving = track.receiving(self.config.track, self.result.run_id, self._heard, about)
        try:
            self._callback = stack.enter_context(receiving)
        except ConfigError:
            if self.journal.ledger is None or not track.is_received(self.config.track, about):
                raise

    def start(self) -> None:
        """Record the start. Raises StageError; LedgerError if the store cannot keep two runs apart."""
        self.journal.start(self.until)
        self.started = True
        self.result.recorded = self.journal.ledger is not None and not self.again

    def may_complete(self, content: Fingerprint) -> bool:
        """Whether the upload may become visible: no other run's job stands for this content.

        Raises StageError where the store fails.
        """
        if self.until == "stage":
            return True
        base_url, api_key = submit.base_url(self.config), submit.api_key(self.config)
        wanted = submission.wanted(self.config, base_url, api_key, content, again=self.again)
        return self.adopt(Submission(self.journal.ledger, wanted, self.result.run_id))

    def adopt(self, wish: Submission) -> bool:
        """As `may_complete`, for a file that another run has hosted and the job that it was hosted for."""
        self._submission = wish
        self.standing = wish.find()
        return self.standing is None

    def deliver(self, hosted: HostedFile, link: Link) -> None:
        """Try the URL, submit it and, if so configured, wait for the job's end.

        Raises what went wrong; the hosted file is removed again unless the API may have taken its URL.
        """
        with self._removed_unless_taken(hosted):
            claim_id = self._submission.wanted.id if self._submission else None
            self.journal.stage(hosted, claim_id, self.result.rejected)
            if hosted.url_mode == "public" and self.journal.ledger:
                privacy.require_private(self.store, self.journal.ledger, self.result.run_id)
            preflight.check(self.config, self.store, hosted, link.url)
            if self._submission is None:
                return
            job = self._submit(self._submission, link)
        if isinstance(job, Standing):
            self.standing = job
            self._remove(hosted)
            self.follow()
        elif self.waits:
            self._wait(job)

    def follow(self) -> None:
        """Take the standing job's answer, and its end if that is waited for, as this run's.

        Raises SubmitRefused, SubmitUnavailable, SubmitUnknown, JobFailed or JobTimeout as that job went.
        """
        assert self._submission and self._submission.ledger and self.standing  # noqa: S101, PT018 - by now
        result, ledger, wanted = self.result, self._submission.ledger, self._submission.wanted
        result.duplicate_of = self.standing.run_id
        result.content_differs = self.standing.claimed != wanted.content
        self.journal.end(result, None, sent=False)
        self._say("track")
        standing = follow.answered(ledger, wanted, self.standing)
        result.requestid, result.state = standing.requestid or None, "duplicate_of"
        if standing.state == "completed" and (known := follow.outcome(ledger, standing.run_id)):
            result.outcome = follow.ended_well(known, standing.run_id)
        elif self.waits:
            result.outcome = follow.ended(ledger, standing.run_id, self.config.track.wait)

    def end(self, error: BaseException | None) -> None:
        """Record how the run ended, and clean up after earlier ones. Raises StageError."""
        if self.started:
            self.journal.end(self.result, error, sent=self.sent)
        if error is None:
            self.journal.sweep(self.result)

    def _submit(self, wish: Submission, link: Link) -> Job | Standing:
        self._say("submit")
        request = submit.build(self.config, link.url.get_secret_value(), self._callback)

        def post(may: Callable[[], bool]) -> Job:
            self.sent = True
            job = submit.submit(request, may, self.store.http)
            self.result.requestid, self.result.state = job.requestid, "submitted"  # before anything stops us
            return job

        try:
            with self.result.step("submit"), self._unknown_if_stopped():
                job = wish.send(post)
        except SubmitUnknown as unknown:
            unknown.hint = self._advice or unknown.hint
            with self._unknown_if_stopped():
                job = self._proven(unknown)
        if isinstance(job, Job):
            hand_over(self.result, "submit")
        return job

    @contextmanager
    def _unknown_if_stopped(self) -> Iterator[None]:
        """What stops us once the request may have left, and before its answer is known, leaves it unknown."""
        try:
            yield
        except BaseException as stop:
            if isinstance(stop, Exception) or not self.sent or self.result.requestid:
                raise
            what = f"Stopped ({type(stop).__name__}) while the API was asked: it may have taken the job."
            unknown = SubmitUnknown(what, hint=self._advice or LOOK_FIRST)
            unknown.stopped = True
            raise unknown from None

    def _proven(self, unknown: SubmitUnknown) -> Job:
        """The job that a callback proves, although the API's answer was lost; else raises `unknown`."""
        if not self.waits or unknown.stopped:  # whoever was stopped has seconds left
            raise unknown
        self.log.warning("%s A callback would prove it: listening for one.", unknown.message)
        if (proof := track.proof(self._inbox, self.config.track.wait, self._look)) is None:
            raise unknown
        self.result.requestid, self.result.state = proof, "submitted"
        return Job(proof)

    def _wait(self, job: Job) -> None:
        result = self.result
        self._say("track", job.requestid, self.config.track.wait)
        stays = self.journal.ledger is not None and not result.sandbox
        advice = {"advice": follow.waiting_hint(result.run_id, again=self.again)} if stays else {}
        try:
            with result.step("track"):
                result.outcome = track.wait(
                    job, self._inbox, self.config.track.wait, result.accepted, look=self._look, **advice
                )
        except JobFailed as error:
            result.outcome = error.outcome
            raise
        except JobTimeout as error:
            error.retryable = result.recorded  # type: ignore[misc]  # else it would be sent twice
            raise
        result.warnings += result.outcome.warnings
        result.state = "completed"
        hand_over(result, "track")

    def _say(self, step: Step, requestid: str | None = None, wait: float | None = None) -> None:
        self.progress(Progress(step, self.result.records, self.result.rejected, 0, None, requestid, wait))

    def _look(self) -> Outcome | None:
        """The end as another receiver has recorded it."""
        ledger = self.journal.ledger
        return follow.seen(ledger, self.result.run_id) if ledger and self.config.track.secret else None

    def _heard(self, run_id: str, method: str, body: bytes) -> None:
        accepted = self.result.accepted if run_id == self.result.run_id else None
        try:
            if self.journal.ledger:
                callbacks.hear(self.journal.ledger, run_id, method, body, accepted)
        finally:
            self._inbox.put(run_id, method, body)

    @contextmanager
    def _removed_unless_taken(self, hosted: HostedFile) -> Iterator[None]:
        """Remove the hosted file again where this ends badly and the API has surely not taken its URL."""
        try:
            yield
        except BaseException as error:
            if not self.sent or isinstance(error, (SubmitRefused, SubmitUnavailable)):
                self._remove(hosted, hurried=not isinstance(error, Exception))
            raise

    def _remove(self, hosted: HostedFile, *, hurried: bool = False) -> None:
        try:
            self.store.remove(hosted.key, hurried=hurried)
        except StageError as left:
            self.result.left_behind.append(f"s3://{hosted.bucket}/{hosted.shown_key}")
            self.log.warning("%s is left in bucket %s: %s", hosted.shown_key, hosted.bucket, left.message)
        else:
            self.result.hosted = None
            if not hurried:
                self.journal.remove_own("nobody was told of it")
