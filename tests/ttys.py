"""The command line on a terminal of any width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from world import ROOT

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(
    *arguments: str, columns: int = 80, folder: Path = ROOT, set_to: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """The exit code of the command line on a terminal so wide, and all that it wrote there."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        stdin=child, stdout=child, stderr=child, cwd=folder,
        env={**own, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **(set_to or {})},
    )  # fmt: skip
    os.close(child)
    written = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(parent)
    return process.wait(timeout=60), written.decode()


def lines_of(written: str) -> list[str]:
    """What stood on a line at any time, without its colours."""
    return re.split(r"[\r\n]+", CONTROL.sub("", written))
