"""The error tree: one class for each way a run can end badly, one exit code for each step.

Every error says what happened and where, and carries a hint: what to do next. No error text ever
holds a contact's value or a secret; places (file, line, column, key) are what it may hold.

    PipelineError            1
    ├── ConfigError          2   config file, environment, contract file
    ├── SourceError          3   the source cannot be read as a whole
    ├── RejectedRows         4   more rejects than allowed, or nothing left to send
    ├── StageError           5   storage; nothing is visible at any URL
    │   └── LedgerError          the ledger in the bucket cannot be relied on; nothing was sent
    ├── SubmitError          6
    │   ├── SubmitRefused        the API said no
    │   ├── SubmitUnavailable    the API was surely not reached: safe to run again
    │   └── SubmitUnknown        the API may have taken the job: never send it again unseen
    └── TrackError           7
        ├── JobFailed            the job ended badly
        └── JobTimeout           the job has not called back in time
"""

from __future__ import annotations

import copyreg
import os
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, ParamSpec, TypeVar

from pipeline.result import Failure

if TYPE_CHECKING:
    from pipeline.result import Outcome, Result, State

P = ParamSpec("P")
R = TypeVar("R")
TRACEBACK = "PIPELINE_TRACEBACK"

__all__ = [
    "ConfigError",
    "JobFailed",
    "JobTimeout",
    "LedgerError",
    "PipelineError",
    "RejectedRows",
    "SourceError",
    "StageError",
    "SubmitError",
    "SubmitRefused",
    "SubmitUnavailable",
    "SubmitUnknown",
    "TrackError",
    "Unexpected",
]


class Advice(NamedTuple):
    """Why something happens, and what to do next."""

    cause: str
    fix: str

    def __str__(self) -> str:
        return f"{self.cause} {self.fix}"


class PipelineError(Exception):
    """Anything this package raises on purpose.

    `hint` is what to do next, `retryable` whether the same run may simply be started again,
    `retry_after` in how many seconds, where a server named a time, `exit_code` what the command line exits
    with, `state` what a run is in that ended so, `result` how far the run had come (or None).
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    state: ClassVar[State] = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after: int | None = None
        self.result: Result | None = None

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """How it is pickled: by class and state, its result too, whatever its constructor takes."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def failure(self) -> Failure:
        """The error as plain data, for a `Result`."""
        named = (self.message, self.hint, self.retryable, self.exit_code, self.retry_after)
        return Failure(type(self).__name__, *named)


class ConfigError(PipelineError):
    """The config file, the environment or the contract file is not usable."""

    exit_code = 2


class SourceError(PipelineError):
    """The source cannot be read as a whole: missing, empty, wrong header, wrong encoding."""

    exit_code = 3


class RejectedRows(PipelineError):
    """More records were rejected than `contract.max_rejected` allows, or none was left to send."""

    exit_code = 4
    state = "rejected"


class StageError(PipelineError):
    """The storage failed or refused; nothing is visible at the hosted URL."""

    exit_code = 5
    retryable = True


class LedgerError(StageError):
    """The ledger cannot be relied on: the store ignores its condition, or a newer version wrote it."""

    retryable = False


class SubmitError(PipelineError):
    """The bulk-upload API did not accept the job; see the three classes below."""

    exit_code = 6


class SubmitRefused(SubmitError):
    """The API answered, and the answer was no."""

    state = "refused"


class SubmitUnavailable(SubmitError):
    """The request surely did not reach the API; the same run may be started again."""

    retryable = True
    state = "unsent"


class SubmitUnknown(SubmitError):
    """The API may have taken the job: sending it again could load the contacts twice."""

    state = "unknown"
    stopped = False  # by a signal while the API was asked


class TrackError(PipelineError):
    """The job was accepted by the API and did not end well, or not in time."""

    exit_code = 7


class JobFailed(TrackError):
    """The platform called back and said that the job failed; `outcome` is what it said."""

    outcome: Outcome | None = None


class JobTimeout(TrackError):
    """The platform has not called back within `track.wait`; the job goes on, and the same run waits on.

    Not retryable with `ledger: off`: then the same run started again would send it twice.
    """

    retryable = True
    state = "submitted"


class Unexpected(PipelineError):
    """A fault of ours, told without its own message: that could hold a contact's value."""

    def __init__(self, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        detail = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        place = f"{frame.name}, {Path(frame.filename).name} line {frame.lineno}"
        super().__init__(
            f"{type(error).__name__}{detail}, in {place}.",
            hint=f"Set {TRACEBACK}=1 to see all of it; it may show contacts, so look before you pass it on.",
        )
        self.result = getattr(error, "result", None)
        if self.result:
            self.result.error = self.failure()


def note_as_callers(error: Exception) -> None:
    """Mark an error that code of the caller's has raised, with the frames from there on."""
    error._raised_by_caller = error.__traceback__ and error.__traceback__.tb_next  # type: ignore[attr-defined]


def without_frames(function: Callable[P, R]) -> Callable[P, R]:
    """The function, out of which errors come without frames below it and without what led to them.

    Whoever reports errors reads the variables of each frame, where contacts are. What is no PipelineError
    comes as `Unexpected`, but for errors of the caller's own code, which keep the frames of that.
    PIPELINE_TRACEBACK=1 leaves errors as they are.
    """

    @wraps(function)
    def public(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            if os.environ.get(TRACEBACK):
                raise
            outward, is_theirs = error, hasattr(error, "_raised_by_caller")
            if isinstance(error, Exception) and not isinstance(error, PipelineError) and not is_theirs:
                outward = Unexpected(error)
        del args, kwargs  # this frame goes along
        if not is_theirs:
            outward.__cause__ = outward.__context__ = None
        raise outward.with_traceback(getattr(outward, "_raised_by_caller", None))

    return public
