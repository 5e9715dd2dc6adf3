"""What a terminal shows: the progress of a run, its summary, its failure. All of it goes to standard error
but the summary; none of it holds a contact's value or a secret.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.handoffs import Progress
    from pipeline.result import Result
    from pipeline.sandbox import Sandbox

_DOING = {"validate": "validating", "submit": "submitting", "track": "waiting for the job to end"}
_PLAIN_EVERY = 10.0  # seconds between two lines of progress where there is no terminal
_SHOWN_REASONS = 20


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress | None]:
    """Something to call as a run goes on: a bar on a terminal, plain lines off it, nothing if quiet."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


def _lines() -> Progress:
    started = last = time.monotonic()

    def show(step: str, done: int, size: int | None, records: int) -> None:
        nonlocal last
        now = time.monotonic()
        if step != "validate":
            click.echo(f"{_DOING[step]} …", err=True)
        elif now - last >= _PLAIN_EVERY:
            last = now
            share = f", {done * 100 // size} %" if size else ""
            click.echo(f"validated {records:,} records{share}, {records / (now - started):,.0f}/s", err=True)

    return show


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[records]:,} rows, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, records=0, rate=0.0)
        started = time.monotonic()

        def show(step: str, done: int, size: int | None, records: int) -> None:
            rate = records / max(time.monotonic() - started, 1e-3)
            total = size if step == "validate" else None
            bar.update(
                task, description=_DOING[step], completed=done, total=total, records=records, rate=rate
            )

        yield show


def summary(result: Result) -> str:
    """How far the run came: records, reasons, file, job, warnings."""
    lines = [f"run       {result.run_id}: {_state(result)}"]
    if result.records:
        lines.append(f"records   {result.records:>12,}")
        lines.append(f"accepted  {result.accepted:>12,}")
        lines.append(f"rejected  {result.rejected:>12,}{_rejects_file(result)}")
        counted = sorted(result.reasons.items(), key=lambda item: (-item[1], item[0]))
        width = max((len(name) for name, _ in counted[:_SHOWN_REASONS]), default=0)
        lines += [f"          {number:>12,}  {name:<{width}}" for name, number in counted[:_SHOWN_REASONS]]
        if len(counted) > _SHOWN_REASONS:
            lines.append(f"          {'':>12}  … and {len(counted) - _SHOWN_REASONS} more reasons")
        if result.rejects_file:
            lines.append(f"          {'':>12}  a record may have several; mend the file in place and run it")
    for name, number in sorted(result.blank.items()):
        lines.append(f"blank     {number:>12,}  {name} ({number / result.accepted:.0%} of the accepted)")
    for name, number in sorted(result.changed.items()):
        lines.append(f"changed   {number:>12,}  {name}, by the contract's parsers and defaults")
    lines += [f"warning   {sentence}" for sentence in result.warnings]
    if result.hosted:
        lines.append(f"hosted    s3://{result.hosted.bucket}/{result.hosted.shown_key}")
        lines.append(f"          {result.hosted.bytes:,} bytes, {result.hosted.url_mode} URL{_until(result)}")
    if result.requestid:
        lines.append(f"job       {result.requestid}: {_job(result)}")
    lines += [f"left      {left}" for left in result.left_behind]
    if result.request:
        lines += ["would send", *(f"  {line}" for line in result.request.splitlines())]
    return "\n".join(line.rstrip() for line in lines)


def _state(result: Result) -> str:
    meaning = {
        "validated": "validated, nothing was staged or sent",
        "staged": "staged, nothing was sent",
        "submitted": f"submitted: the platform has taken the job, {_end(result)}",
        "completed": "completed: the platform called back that the job is done",
        "duplicate_of": f"nothing was sent now: run {result.duplicate_of} has submitted this"
        + " run key, with other content" * result.content_differs,
        "unsent": "unsent: nothing was sent",
        "unknown": "unknown: the platform may have taken the job",
    }
    words = meaning.get(result.state, result.state)
    good = ("completed", "validated", "staged", "submitted", "duplicate_of")
    styled = click.style(words, fg="green" if result.state in good else "red", bold=True)
    return f"{click.style('SANDBOX', fg='yellow', bold=True)}, {styled}" if result.sandbox else styled


def _end(result: Result) -> str:
    """What is known of the end of a job that was taken, and no more."""
    ends = {
        "JobTimeout": "and has not called back in time",
        "Interrupted": "and the run was stopped before its end",
    }
    return ends.get(result.error.type if result.error else "", "whose end this run does not wait for")


def _until(result: Result) -> str:
    if result.sandbox:
        return ", gone with the sandbox"
    expires_at = result.hosted.expires_at if result.hosted else None
    return f", fetchable until {expires_at}" if expires_at else ""


def _rejects_file(result: Result) -> str:
    return f"  -> {result.rejects_file}" if result.rejects_file else ""


def _job(result: Result) -> str:
    if result.outcome is None:
        return "accepted; the platform tells its end in its panel, and by mail to submit.notifyemail"
    counts = ", ".join(f"{name} {number:,}" for name, number in result.outcome.counts.items())
    return f"{result.outcome.said or result.outcome.status}{f' ({counts})' if counts else ''}"


def failure(error: PipelineError) -> str:
    """What went wrong and what to do next."""
    hint = f"\n  -> {error.hint}" if error.hint else ""
    return f"{click.style('Error:', fg='red', bold=True)} {error.message}{hint}"


def sandbox(started: Sandbox) -> None:
    """Print how a config, boto3 and the shell are pointed at a running sandbox."""
    click.echo(
        f"""An S3 and a bulk-upload API are up on this machine until Ctrl-C. In a shell:

  export AWS_ACCESS_KEY_ID={started.access_key}
  export AWS_SECRET_ACCESS_KEY={started.secret_key}
  export NETCORE_API_KEY={started.api_key}

and in a config:

  stage:
    bucket: {started.bucket}
    region: {started.region}
    endpoint_url: {started.endpoint_url}
  submit:
    base_url: {started.base_url}
    api_key: ${{NETCORE_API_KEY}}
  track:
    callback_url: http://127.0.0.1:8010
    listen: 127.0.0.1:8010
    wait: 1m
"""
    )
