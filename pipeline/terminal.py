"""What a terminal takes: its width and its colours, and texts, keys and commands laid out to fit."""

from __future__ import annotations

import os
import re
import shlex
import sys
import textwrap
from pathlib import Path
from typing import Any

import click

_COMMAND = re.compile(r"(`[^`]+`)")
_OURS = re.compile(r"`(?:[^`]+ -m pipeline|[^`]*netcore-bulk-upload) ")
_STUCK = "\0"  # a blank at which no line ends
USUAL_WIDTH, UNBOUND = 80, 10_000
INDENT = 10  # of what stands behind a label


def width() -> int:
    """How many columns a line may have where it goes to a terminal; else as many as it takes."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    return UNBOUND


def is_dumb() -> bool:
    """Whether the terminal can only write line after line."""
    return os.environ.get("TERM") == "dumb"


def is_plain() -> bool:
    """Whether colours are not wanted: NO_COLOR, or a terminal that is dumb."""
    return bool(os.environ.get("NO_COLOR")) or is_dumb()


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


def hanging(line: str) -> str:
    """An indented line, its further lines indented by two more. One that is not indented stays as it is."""
    text = line.lstrip()
    indent = len(line) - len(text)
    return " " * indent + wrapped(text, indent + 2).lstrip() if indent and text else line


def _lines(text: str, room: int) -> list[str]:
    if text.startswith(" "):
        return [text]
    found, paragraph = [], ""
    for piece in _COMMAND.split(text):
        if _OURS.match(piece) and len(piece) > room:
            found += _filled(paragraph, room) + [f"  {each}" for each in command(piece.strip("`"), room - 2)]
            paragraph = ""
        else:
            stuck = piece.startswith("`") and len(piece) <= room
            paragraph += piece.replace(" ", _STUCK) if stuck else piece
    return found + _filled(paragraph, room) or [""]


def _filled(paragraph: str, room: int) -> list[str]:
    lines = textwrap.wrap(paragraph, room, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_STUCK, " ") for line in lines]


def broken(text: str, indent: int) -> str:
    """The text behind that indent, cut wherever a line is full: for what is looked at and not pasted."""
    room = max(width() - indent, 20)
    return "\n".join(" " * indent + text[at : at + room] for at in range(0, max(len(text), 1), room))


def elided(text: str, room: int) -> str:
    """The text, its middle left out where it is longer than that."""
    if len(text) <= room:
        return text
    tail = max((room - 1) // 2, 1)
    return f"{text[: max(room - 1 - tail, 1)]}…{text[-tail:]}"


def relative(path: str) -> str:
    """The path from here, where it lies below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def next_line(line: str) -> str:
    """The last thing to say: the command to go on with."""
    return styled("next".ljust(INDENT), bold=True) + f"\n{' ' * INDENT}".join(command(line, width() - INDENT))


def command(line: str, room: int) -> list[str]:
    """A command to paste, in as many lines as it takes, each but the last with a backslash behind it."""
    lines = [""]
    for word in map(shlex.quote, shlex.split(line)):
        if lines[-1] and len(f"{lines[-1]} {word} \\") > room:
            lines[-1] += " \\"
            lines.append(f"  {word}")
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
