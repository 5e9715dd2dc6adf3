"""What a terminal shows of a run that has ended: its summary, or its failure, and what to do next.

None of it holds a contact's value or a secret.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import PipelineError
from pipeline.exits import Interrupted
from pipeline.terminal import INDENT, broken, elided, next_line, relative, styled, width, wrapped

if TYPE_CHECKING:
    from pipeline.result import Result
    from pipeline.sandbox import Sandbox

MOST_REASONS = 12


def summary(result: Result, then: str = "") -> str:
    """How far the run came: records, reasons, file, job, warnings, and the command to run next."""
    parts = [_field("run", f"{result.run_id}: {_words(result)}", _state_style(result))]
    if result.records:
        parts += [_field("records", f"{result.records:>10,}"), _field("accepted", f"{result.accepted:>10,}")]
        parts += [_field("rejected", f"{result.rejected:>10,}  {_share(result.rejected, result.records)}")]
        parts += _reasons(result)
    if result.rejects_file:
        parts.append(_field("rejects", f"{relative(result.rejects_file)}{_mend(result)}"))
    for name, number in sorted(result.blank.items()):
        parts.append(
            _field("blank", f"{number:>10,}  {name}, {_share(number, result.accepted)} of the accepted")
        )
    for name, number in sorted(result.changed.items()):
        parts.append(_field("changed", f"{number:>10,}  {name}, by the contract"))
    parts += [_field("warning", sentence, {"fg": "yellow"}) for sentence in result.warnings]
    if result.hosted:
        where = f"s3://{result.hosted.bucket}/{result.hosted.shown_key}"
        parts.append(_field("hosted", elided(where, width() - INDENT)))
        parts.append(
            _field("", f"{result.hosted.bytes:,} bytes, {result.hosted.url_mode} URL{_until(result)}")
        )
    if result.requestid:
        parts.append(_field("job", f"{result.requestid}: {_job(result)}"))
    parts += [_field("left", elided(left, width() - INDENT)) for left in result.left_behind]
    if result.request:
        parts += ["would send", *(broken(line, 2) for line in result.request.splitlines())]
    if then:
        parts.append(next_line(then))
    return "\n".join(part.rstrip() for part in parts)


def after_run(result: Result, source: str | None, options: Sequence[str]) -> str:
    """The command to go on with after `run` with these options, "" if there is none to paste."""
    if result.request or result.state in ("validated", "staged"):
        return "" if source == "-" else " ".join(["python -m pipeline run", *_given(source), *options])
    if result.state in ("submitted", "completed") and result.rejects_file:
        # They are another job than the rest, which has the run key.
        key = f" --run-key='rejects of {result.run_id}'" if result.run_key else ""
        own = f"python -m pipeline run {shlex.quote(relative(result.rejects_file))}{key}"
        return result.fetch_rejects or own
    if result.sandbox or not result.recorded or result.state not in ("submitted", "duplicate_of"):
        return ""
    return f"python -m pipeline status {result.duplicate_of or result.run_id}"


def after_validate(_result: Result, source: str | None) -> str:
    """The command to go on with after `validate`."""
    return "" if source == "-" else " ".join(["python -m pipeline run", *_given(source), "--dry-run"])


def _given(source: str | None) -> list[str]:
    return [shlex.quote(source)] if source else []


def _field(label: str, text: str, style: Mapping[str, Any] | None = None) -> str:
    """The text behind its label, in a column of its own."""
    lines = wrapped(text, INDENT, label)
    return lines[:INDENT] + styled(lines[INDENT:], **style) if style else lines


def _reasons(result: Result) -> Iterator[str]:
    """Each reason with its count, share, sentence and first line; a record may have several."""
    counted = sorted(result.reasons.items(), key=lambda item: (-item[1], item[0]))
    size = len(f"{counted[0][1]:,}") if counted else 0
    for reason, number in counted[:MOST_REASONS]:
        head = f"  {number:>{size},}  {_share(number, result.records):>6}  "
        why = result.why.get(reason)
        first = f", first in {result.place} {why.first:,}" if why else ""
        yield wrapped(f"{reason}{first}", len(head), head)
        if why:
            hint = f" It {why.hint}." if why.hint else ""
            yield wrapped(f"{why.sentence}{hint}", len(head))
    if len(counted) > MOST_REASONS:
        yield wrapped(f"… and {len(counted) - MOST_REASONS} more reasons", len(head))


def _mend(result: Result) -> str:
    """What to do with the rejects, where the good records are at the platform already."""
    is_sent = result.state in ("submitted", "completed")
    return ": mend its cells in place, then run it" if is_sent and not result.fetch_rejects else ""


def _share(part: int, total: int) -> str:
    """So many of so many, in per cent; never 0 % of what is there, nor 100 % of less than all."""
    percent = min(max(100 * part / total, 0.1), 99.9 if part < total else 100) if total and part else 0
    return f"{percent:.1f} %" if 0 < percent < 10 or 99 < percent < 100 else f"{percent:.0f} %"


def _state_style(result: Result) -> dict[str, Any]:
    good = ("completed", "validated", "staged", "submitted", "duplicate_of")
    if _is_stopped(result):
        return {"fg": "yellow"}
    return {"fg": "green" if result.state in good and not result.error else "red"}


def _is_stopped(result: Result) -> bool:
    return result.error is not None and result.error.type == "Interrupted"


def _words(result: Result) -> str:
    """The state of the run in words."""
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
    if _is_stopped(result) and result.state == "failed":
        words = "stopped"
    return f"SANDBOX, {words}" if result.sandbox else words


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


def _job(result: Result) -> str:
    if result.outcome is None:
        return "accepted; the platform tells its end in its panel, and by mail to submit.notifyemail"
    counts = ", ".join(f"{name} {number:,}" for name, number in result.outcome.counts.items())
    return f"{result.outcome.said or result.outcome.status}{f' ({counts})' if counts else ''}"


def failure(error: PipelineError) -> str:
    """What went wrong and what to do next; a run that was stopped did not go wrong."""
    said, hint = _from_here(error.message), _from_here(error.hint)
    if isinstance(error, Interrupted):
        head, _, rest = wrapped(said, 0).partition(" ")
        message = f"{styled(head, fg='yellow', bold=True)} {rest}"
    else:
        message = f"{styled('Error:', fg='red', bold=True)} {wrapped(said, 7).lstrip()}"
    return message + (f"\n{wrapped(hint, 5, '  ->')}" if hint else "")


def _from_here(text: str) -> str:
    """The text, paths below the folder that we are in written from there."""
    here = Path.cwd()
    return text if here == Path(here.anchor) else text.replace(f"{here}/", "")


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
