"""The tutorial, command by command, as a reader would follow it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def said(line: str, output: str) -> bool:
    """Whether a line is in the output, whatever its blanks, `…` standing for anything."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
    return any(re.fullmatch(pattern, " ".join(each.split())) for each in output.splitlines())


@pytest.mark.slow
def test_the_tutorial_goes_as_it_says(tmp_path: Path) -> None:
    export, staged = blocks("csv")
    (tmp_path / "export.csv").write_bytes(export.encode("cp1252"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outputs = []
    for commands in blocks("sh"):
        done = subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "COLUMNS": "200"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert len(outputs) == len(blocks("text"))
    for shown, output in zip(blocks("text"), outputs, strict=True):
        for line in shown.splitlines():
            assert said(line, output), (line, output)
    assert (tmp_path / "out" / "accepted.csv").read_text("utf-8") == staged
