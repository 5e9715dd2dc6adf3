"""What a terminal takes: its width and its colours, and texts, keys and commands laid out to fit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import textwrap
from typing import Any

import click

_COMMAND = re.compile(r"(`[^`]+`)")
_STUCK = "\0"  # a blank at which no line ends
UNBOUND = 10_000


def width() -> int:
    """How many columns a line may have: COLUMNS, or the terminal's; off a terminal as many as it takes."""
    return min(shutil.get_terminal_size((UNBOUND, 24)).columns, UNBOUND)


def is_plain() -> bool:
    """Whether colours are not wanted: NO_COLOR, or a terminal that is dumb."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def styled(text: str, **style: Any) -> str:
    """The text in these styles of click's, where colours are wanted."""
    return text if is_plain() else click.style(text, **style)


def wrapped(text: str, indent: int, first: str = "") -> str:
    """The text behind `first`, its further lines indented so; no word is cut.

    A command in backticks stays on one line or, where it is too long, gets lines of its own to paste.
    Lines that are indented stay as they are.
    """
    room = max(width() - indent, 20)
    lines = [each for line in text.splitlines() or [""] for each in _lines(line, room)]
    return f"{first:<{indent}}" + "\n".join(
        [lines[0], *(f"{' ' * indent}{each}".rstrip() for each in lines[1:])]
    )


def _lines(text: str, room: int) -> list[str]:
    if text.startswith(" "):
        return [text]
    found, paragraph = [], ""
    for piece in _COMMAND.split(text):
        if piece.startswith("`python -m pipeline ") and len(piece) > room:
            found += _filled(paragraph, room) + [
                f"  {each}" for each in _continued(piece.strip("`"), room - 2)
            ]
            paragraph = ""
        else:
            stuck = piece.startswith("`") and len(piece) <= room
            paragraph += piece.replace(" ", _STUCK) if stuck else piece
    return found + _filled(paragraph, room) or [""]


def _filled(paragraph: str, room: int) -> list[str]:
    lines = textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_STUCK, " ") for line in lines]


def elided(text: str, room: int) -> str:
    """The text, its middle left out where it is longer than that."""
    if len(text) <= room:
        return text
    tail = max((room - 1) // 2, 1)
    return f"{text[: max(room - 1 - tail, 1)]}…{text[-tail:]}"


def command(line: str, indent: int) -> str:
    """A command to paste behind that indent, continued on further lines where it is longer than one."""
    return ("\n" + " " * indent).join(_continued(line, width() - indent))


def _continued(line: str, room: int) -> list[str]:
    lines = [""]
    for word in map(shlex.quote, shlex.split(line)):
        if lines[-1] and len(f"{lines[-1]} {word} \\") > room:
            lines[-1] += " \\"
            lines.append(f"  {word}")
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
