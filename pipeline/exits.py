"""How the command line ends: by a signal, a fault of ours, a wrong usage, output that cannot be written."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.result import Result

INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


AGAIN = {
    False: "do not run it again",
    True: "the same command again follows it and sends nothing",
}


class Stopped(KeyboardInterrupt):
    """A signal to end. No `Exception`: pandera takes any that is raised within a check for a failed row."""

    def __init__(self, signum: int) -> None:
        self.signum = signal.Signals(signum)
        super().__init__(self.signum.name)
        self.result: Result | None = None


class Interrupted(PipelineError):
    """A run that was stopped: what was begun has been undone, or is told."""

    def __init__(self, stop: Stopped) -> None:
        self.exit_code = INTERRUPTED[stop.signum]  # type: ignore[misc]  # one class for all signals
        job = stop.result.requestid if stop.result else None
        left = stop.result.left_behind if stop.result else []
        recorded = bool(stop.result and stop.result.recorded)
        self.retryable = recorded or not job  # type: ignore[misc]  # else a job would be sent twice
        hint = "Nothing was left half done; run again when you like."
        if left:
            hint = f"Nothing was sent. Remove what was left behind: {', '.join(left)}."
        if job:
            hint = f"Job {job} goes on at the platform: {AGAIN[recorded]}."
        super().__init__(f"Stopped by {stop.signum.name}.", hint=hint)
        self.result = stop.result
        if self.result:
            self.result.error = self.failure()


class Usage(PipelineError):
    """Options or arguments that make no command."""

    exit_code = 2


class Unwritable(PipelineError):
    """All was done, and standard output does not take what there is to say; standard error has it instead."""

    exit_code = 8

    def __init__(self, why: str, result: Result | None = None) -> None:
        job = result.requestid if result else None
        recorded = bool(result and result.recorded)
        self.retryable = recorded or not job  # type: ignore[misc]  # else a job would be sent twice
        hint = (
            f"Job {job} was taken by the platform: {AGAIN[recorded]}." if job else "Free it, and run again."
        )
        super().__init__(f"Standard output cannot be written to: {why}.", hint=hint)
        self.result = result


def catch_signals() -> None:
    """Let signals that end a process raise Stopped, from now on and for one that came already.

    SIGHUP stays ignored where it is, for nohup.
    """
    caught = [
        name for name in INTERRUPTED if name != signal.SIGHUP or signal.getsignal(name) is not signal.SIG_IGN
    ]
    for name in caught:
        signal.signal(name, _interrupt)
    sys.unraisablehook = partial(_raise_again, caught, sys.unraisablehook)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, set(INTERRUPTED))


def _interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
    for name in INTERRUPTED:
        signal.signal(name, signal.SIG_IGN)  # a second one must not break off the cleaning up
    raise Stopped(signum)


def _raise_again(
    caught: list[signal.Signals],
    tell: Callable[[sys.UnraisableHookArgs], Any],
    unraisable: sys.UnraisableHookArgs,
) -> None:
    """Send the signal again that came within a finalizer, which Python lets no exception out of."""
    stop = unraisable.exc_value
    if not isinstance(stop, Stopped):
        tell(unraisable)
        return
    for name in caught:
        signal.signal(name, _interrupt)
    again = threading.Timer(0.05, os.kill, (os.getpid(), stop.signum))
    again.daemon = True
    again.start()


def write_out(text: str) -> str:
    """Why standard output does not take that text to its end, "" if it does."""
    if sys.stdout is None:
        return "it is closed"
    try:
        click.echo(text)
        sys.stdout.flush()
    except OSError as error:
        give_up_output()
        return error.strerror or type(error).__name__
    return ""


def write_aside(text: str) -> None:
    """Write to standard error, as far as it takes anything."""
    with suppress(OSError):
        click.echo(text, err=True)


def give_up_output() -> None:
    """Let nothing more be written to standard output: Python would try again in the end, and exit by 120."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
