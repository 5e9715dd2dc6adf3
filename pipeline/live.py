"""What a terminal shows while a run goes on: a bar, then a spinner, and a line for each finished step.

All of it goes to standard error; it holds counts and the job's request id, no contact's value, no secret.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from pipeline import logs
from pipeline.terminal import elided, is_dumb

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from pipeline.handoffs import Progress, Watch

_DOING = {
    "validate": "validating",
    "stage": "uploading the rest",
    "submit": "submitting",
    "track": "waiting for the job",
}
_DONE = {"stage": "staged", "submit": "submitted", "track": "waited"}
_PLAIN_EVERY = 10.0  # seconds between two lines of progress where there is no terminal
_BAR = 30


@contextmanager
def progress(*, as_json: bool) -> Iterator[Watch | None]:
    """What to call as a run goes on: it draws on a terminal, writes plain lines off it, or none beside JSON.

    Where logs are written to standard error, nothing else is; nothing at all where that is closed.
    """
    if logs.are_written() or sys.stderr is None:
        yield None
    elif sys.stderr.isatty() and not is_dumb():
        with _drawn() as watch:
            yield watch
    else:
        yield None if as_json else _lines()


def _lines() -> Watch:
    started = last = time.monotonic()
    step = ""

    def watch(now: Progress) -> None:
        nonlocal last, step
        moment = time.monotonic()
        if now.step != "validate":
            if now.step != step:
                _say(f"{_DOING[now.step]} …")
            step = now.step
        elif moment - last >= _PLAIN_EVERY:
            last = moment
            rate = now.records / (moment - started)
            _say(f"validated {now.records:,} records{_percent(now)}, {rate:,.0f}/s")

    return watch


def _say(line: str) -> None:
    with suppress(OSError):  # a log on a full disk, a reader that is gone: no reason to end a run
        click.echo(line, err=True)


@contextmanager
def _drawn() -> Iterator[Watch]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    drawing = _Drawing(console)
    with Live(get_renderable=drawing.now, console=console, transient=True, refresh_per_second=8):
        yield drawing.watch
        drawing.finish_step()


class _Drawing:
    """The one line that is drawn over, and the lines that stay: one for each finished step, with its time."""

    def __init__(self, console: Console) -> None:
        from rich.spinner import Spinner

        self._console = console
        self._spinner = Spinner("dots")
        self._latest: Progress | None = None
        self._began = time.monotonic()

    def watch(self, latest: Progress) -> None:
        """Take the progress of the run; another step than before has finished that one."""
        if self._latest and latest.step != self._latest.step:
            self.finish_step()
        self._latest = latest

    def finish_step(self) -> None:
        """Leave a line about the step that has ended."""
        moment = time.monotonic()
        if latest := self._latest:
            counted = f"validated {latest.records:,} records, {latest.rejected:,} rejected"
            done = _DONE.get(latest.step, counted)
            self._console.print(f"{done}, {moment - self._began:.1f} s", style="dim", **_ONE_LINE)
        self._latest, self._began = None, moment

    def now(self) -> RenderableType:
        """The line that is drawn over."""
        from rich.table import Table

        latest, row = self._latest, Table.grid(padding=(0, 1))
        if latest is None or latest.step != "validate":
            row.add_row(self._spinner, _text(self._waiting(latest)))
            return row
        counts = f"{latest.records:,} records, {latest.rejected:,} rejected"
        if latest.size:
            from rich.progress_bar import ProgressBar

            room = min(self._console.width - len(counts) - 8, _BAR)
            plain = dict.fromkeys(("complete_style", "finished_style"), "default")
            if room > 4:
                row.add_row(
                    ProgressBar(latest.size, latest.done, room, style="dim", **plain),  # type: ignore[arg-type]
                    _text(f"{latest.done * 100 // latest.size:>3} %"),
                    _text(counts),
                )
                return row
        row.add_row(self._spinner, _text(f"{counts}{_percent(latest)}"))
        return row

    def _waiting(self, latest: Progress | None) -> str:
        if latest is None:
            return "starting"
        if not latest.requestid:
            return f"{_DOING[latest.step]} …"
        left = max(0, round((latest.wait or 0) - (time.monotonic() - self._began)))
        until = f", {left // 60}:{left % 60:02d} left" if latest.wait else ""
        return f"waiting for job {elided(latest.requestid, self._console.width - 18 - len(until))}{until}"


_ONE_LINE: dict[str, Any] = {"overflow": "ellipsis", "no_wrap": True}


def _text(text: str) -> RenderableType:
    from rich.text import Text

    return Text(text, **_ONE_LINE)


def _percent(now: Progress) -> str:
    return f", {now.done * 100 // now.size} %" if now.size else ""
