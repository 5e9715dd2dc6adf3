"""What a person reads about runs that have been: a table, one run, what was cleaned up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pipeline.ledger.cleaning import Leftover
from pipeline.ledger.runs import RunStatus
from pipeline.result import masked
from pipeline.terminal import elided, styled, width, wrapped

_COLOURS = {"completed": "green", "staged": "green", "submitted": "cyan", "duplicate_of": "cyan"}
LEAST_OF_JOB = 9
_GOING_ON = ("started", "hosted", "busy")


def table(runs: Sequence[RunStatus], since: timedelta) -> str:
    """One line for each run, and below what to do about those that need somebody."""
    if not runs:
        return f"No run began in the last {age(since)}. `python -m pipeline status --since 30d` shows more."
    rows = [("RUN", "STATE", "ACCEPTED", "REJECTED", "AGE", "JOB")]
    rows += [
        (run.run_id, run.state, number(run.accepted), number(run.rejected), _age(run), _job(run))
        for run in runs
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    room = width() - sum(widths[:5]) - 2 * 5  # for the job, which is left out where nothing of it fits
    most = 5 if room >= 0 else 2
    lines = []
    for run, row in zip([None, *runs], rows, strict=True):
        numbers = (cell.rjust(size) for cell, size in zip(row[2:most], widths[2:most], strict=True))
        job = [elided(row[5], room)] if room >= LEAST_OF_JOB else []
        cells = [row[0].ljust(widths[0]), _styled(row[1].ljust(widths[1]), run), *numbers, *job]
        lines.append("  ".join(cells).rstrip())
    notes = [wrapped(f"{run.run_id}: {note}", 2) for run in runs for note in _notes(run)]
    return "\n".join([*lines, *([""] if notes else []), *notes])


def one(run: RunStatus) -> str:
    """All that the ledger tells of a run."""
    known = {
        "run": f"{run.run_id}: {_styled(run.state, run)}",
        "label": " ".join(filter(None, (run.label, run.run_key))),
        "began": _to_the_second(run.started_at),
        "changed": f"{run.changed_at} ({_age(run)} ago)" if run.changed_at else "",
        "accepted": number(run.accepted),
        "rejected": number(run.rejected),
        "job": _job(run),
        "counted": ", ".join(f"{name} {value:,}" for name, value in run.counts.items()),
        "callbacks": str(run.callbacks) if run.callbacks else "",
        "URL": _url(run),
    }
    lines = [wrapped(text, 10, name) for name, text in known.items() if text]
    lines += [wrapped(warning, 10, "warning") for warning in run.warnings]
    return "\n".join([*lines, *([wrapped(run.next, 5, "  ->")] if run.next else [])])


def removed(leftovers: Sequence[Leftover], *, dry_run: bool) -> str:
    """What was cleaned up, or would be."""
    if not leftovers:
        return "There is nothing to remove."
    names = {"file": "file", "upload": "unfinished upload", "body": "callback's body"}
    lines = [
        wrapped(f"{elided(masked(each.key), width() - 2)}, {names[each.what]}: {each.why}", 2)
        for each in leftovers
    ]
    return "\n".join([*lines, f"{len(leftovers)} {'would be removed' if dry_run else 'removed'}."])


def number(value: int | None) -> str:
    """The number with its thousands apart, "" if it is not known."""
    return "" if value is None else f"{value:,}"


def age(span: timedelta) -> str:
    """The largest unit of a span: 3 d, 5 h, 12 min, 7 s."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "d" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _to_the_second(at: str | None) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _age(run: RunStatus) -> str:
    changed = run.changed_at or run.started_at
    return age(datetime.now(UTC) - datetime.fromisoformat(changed)) if changed else ""


def _job(run: RunStatus) -> str:
    if run.duplicate_of:
        return f"as {run.duplicate_of}"
    return " ".join(filter(None, (run.requestid, run.said)))


def _url(run: RunStatus) -> str:
    if run.cleaned:
        return "the hosted file was removed"
    if run.url_expired:
        return f"expired at {run.expires_at}, before the job's end was known"
    return f"{run.url_mode}, until {run.expires_at}" if run.expires_at else run.url_mode or ""


def _styled(text: str, run: RunStatus | None) -> str:
    if run is None:
        return styled(text, bold=True)
    return styled(text, fg="yellow" if run.state in _GOING_ON else _COLOURS.get(run.state, "red"))


def _notes(run: RunStatus) -> Iterator[str]:
    if run.url_expired:
        yield "its URL expired before the job's end was known"
    yield from run.warnings
    if run.next and run.state not in ("staged", "duplicate_of", "submitted"):
        yield run.next
