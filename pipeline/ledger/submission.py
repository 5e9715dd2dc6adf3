"""One run's wish to submit, held against the ledger: may it, has it, and what became of it.

find  ->  (Complete, pre-flight)  ->  send: claim, POST, answer
  \\______________________________________\\____  a Standing: another run's job, to be followed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NoReturn

from pipeline.config import Config
from pipeline.errors import LedgerError, StageError, SubmitRefused, SubmitUnavailable
from pipeline.handoffs import Job
from pipeline.ledger import claim
from pipeline.ledger.claim import Claim, Standing, Wanted
from pipeline.ledger.events import Ledger
from pipeline.logs import log_of
from pipeline.result import Fingerprint

Post = Callable[[Callable[[], bool]], Job]
"""Makes the request, if the function it is given still says that it may, just before the first byte."""

TWO_JOBS = (
    "Two jobs may exist: %s answered with request %s after a person had recorded another word on it (%s). "
    "Look for both in the platform's panel."
)


@dataclass
class Submission:
    """The job that this run wants; without a ledger nothing is promised and nothing is asked."""

    ledger: Ledger | None
    wanted: Wanted
    run_id: str
    now: Callable[[], float] = field(default=claim.clock, repr=False)
    _attempt: int = 1

    def find(self) -> Standing | None:
        """The job of another run that stands in the way, None if this run may go on.

        Raises StageError where the store fails, LedgerError where a newer version of this tool was at work.
        """
        if self.ledger is None:
            return None
        standing = claim.look(self.ledger, self.wanted)
        attempt = claim.decide(standing, self.wanted)
        self._attempt = attempt or self._attempt
        return None if attempt else standing

    def send(self, post: Post) -> Job | Standing:
        """The accepted job, or what another run did that was faster: then nothing was sent.

        Raises what `post` raises, once that is recorded, and StageError if the claim cannot be recorded.
        """
        if self.ledger is None:
            return post(lambda: True)
        mine, asked = claim.new(self.wanted, self.run_id, self._attempt, self.now), False
        try:
            if not claim.take(self.ledger, mine):
                return claim.look(self.ledger, self.wanted) or self._vanished()
            asked = True
            job = post(lambda: mine.in_time)
        except SubmitRefused:
            self._answer(mine, "refused")
            raise
        except BaseException as error:
            if not isinstance(error, Exception):
                self.ledger = replace(self.ledger, hurried=True)
            if not asked or isinstance(error, SubmitUnavailable):
                self._answer(mine, "unsent")
            raise  # all else leaves it unknown
        try:
            self._answer(mine, "submitted", job.requestid)
        except BaseException:  # stopped now of all times: what is known must not become unknown
            self.ledger = replace(self.ledger, hurried=True)
            self._answer(mine, "submitted", job.requestid)
            raise
        return job

    def _vanished(self) -> NoReturn:
        raise LedgerError(
            "A claim that had just been seen in the bucket is not there any more.",
            hint="Let nobody remove anything below claims/: nothing was sent.",
        )

    def _answer(self, mine: Claim, what: str, requestid: str = "") -> None:
        """Record what became of the request; once it may have been sent, a store that fails stops nothing."""
        assert self.ledger  # noqa: S101 - for the type checker: `send` has looked
        try:
            if what == "unsent" and not claim.is_held(self.ledger, mine):
                return
            stays = claim.answer(self.ledger, mine, what, requestid)
        except StageError as error:
            about = f"request {requestid}" if requestid else "the request"
            unrecorded = "What became of %s (%s) could not be recorded: %s"
            log_of(self.run_id).warning(unrecorded, about, what, error.message)
            return
        if stays and requestid and stays.get("requestid") != requestid:
            log_of(self.run_id).error(TWO_JOBS, f"run {self.run_id}", requestid, stays.get("answer"))


def wanted(
    config: Config, base_url: str, api_key: str, content: Fingerprint, *, again: bool = False
) -> Wanted:
    """The job that a run with this config wants for that content."""
    submit = config.submit
    id_ = claim.identify(
        base_url,
        submit.listid,
        claim.account(submit.account, api_key),
        content,
        label=submit.label or "",
        run_key=submit.run_key or "",
    )
    return Wanted(id_, claim.as_text(content), bool(submit.run_key), again, submit.again_after)
