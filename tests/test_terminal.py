"""What a terminal shows fits on it, says what to do next, and keeps quiet where it should."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from ttys import CONTROL, lines_of, on_a_terminal
from world import ROOT

import pipeline
from pipeline.cli import cli

WIDTHS = (50, 80, 120)


def last_command(written: str) -> list[str]:
    """The words of the command behind `next`, which is the last thing written."""
    text = CONTROL.sub("", written).replace("\r\n", "\n")
    _, label, rest = text.rpartition("\nnext ")
    assert label, text
    return shlex.split(rest.replace("\\\n", " "))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a command is started: a config for the sandbox, and contacts with many faults."""
    text = (ROOT / "config.yaml").read_text()
    text = text.replace("schemas/", f"{ROOT}/schemas/").replace("examples/", "")
    (tmp_path / "config.yaml").write_text(text.replace("max_rejected: 5%", "max_rejected: 90%"))
    rows = ["EMAIL,MOBILE,DOB,LOYALTY_ID", "a@example.com,+919876543210,1990-12-31,12345678"]
    rows += [f"no{n},9.19E+11,31.12.1990,{n}" for n in range(4)] + ['b@example.com,"']
    (tmp_path / "contacts.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_wider_than_the_terminal(folder: Path, columns: int) -> None:
    given = ("validate", "contacts.csv", "-o", "out")
    code, written = on_a_terminal(*given, columns=columns, folder=folder)
    assert code == 0, written
    assert max(map(len, lines_of(written))) <= columns, written
    words = last_command(written)
    assert words == ["python", "-m", "pipeline", "run", "contacts.csv", "--dry-run"]
    code, written = on_a_terminal("--help", columns=columns, folder=folder)
    assert max(map(len, lines_of(written))) <= columns


@pytest.mark.parametrize("columns", WIDTHS)
def test_what_init_found_fits(folder: Path, columns: int) -> None:
    export = "E-Mail-Adresse;Geburtsdatum;Kundenkommentar aus dem Altsystem\n"
    rows = "".join(f"müller{number}@example.de;0{number}.0{number}.2001;ja\n" for number in range(1, 10))
    (folder / "export.csv").write_bytes((export + rows).encode("cp1252"))
    code, written = on_a_terminal("init", "export.csv", "-o", "new", columns=columns, folder=folder)
    assert code == 0, written
    lines = lines_of(written)
    assert max(map(len, lines)) <= columns, written
    assert last_command(written)[3:6] == ["validate", "-c", "new/config.yaml"]
    assert " ".join(" ".join(lines).split()).count("it is not UTF-8, and reads as a file from Windows") == 1


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_run_says_each_step_and_what_to_do_next(folder: Path, columns: int) -> None:
    code, written = on_a_terminal("run", columns=columns, folder=folder)
    assert code == 0, written
    lines = lines_of(written)
    assert max(map(len, lines)) <= columns, written
    for step in ("validated 6 records, 5 rejected, ", "staged, ", "submitted, ", "waited, "):
        assert any(line.startswith(step) and line.endswith(" s") for line in lines), (step, lines)
    assert any(line.startswith("rejects   rejects/") for line in lines)
    words = last_command(written)
    assert words[:4] == ["python", "-m", "pipeline", "run"]
    code, written = on_a_terminal(*words[3:], columns=columns, folder=folder)
    assert code == 4, written  # they are not mended yet
    assert "All 5 records were rejected" in " ".join(written.split())
    assert str(folder) not in written


@pytest.mark.slow
def test_the_next_command_keeps_what_was_asked_for(folder: Path) -> None:
    given = ("run", "contacts.csv", "--first", "1", "--run-key", "a key", "--dry-run")
    code, written = on_a_terminal(*given, folder=folder)
    assert code == 0, written
    assert last_command(written)[3:] == ["run", "contacts.csv", "--run-key=a key", "--first=1"]


def test_mended_rejects_are_another_job_than_the_run_key_s(folder: Path) -> None:
    code, written = on_a_terminal("run", "contacts.csv", "--run-key", "2026-11-30", folder=folder)
    assert code == 0, written
    *_, rejects, key = last_command(written)
    assert key == f"--run-key=rejects of {Path(rejects).stem}"


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_none_are_wanted(folder: Path, environment: dict[str, str]) -> None:
    _, written = on_a_terminal("validate", "contacts.csv", "-o", "out", folder=folder, set_to=environment)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", written)
    if "TERM" in environment:
        assert "\x1b" not in written
    given = ("validate", "contacts.csv", "-o", "out", "-c", "none")
    _, written = on_a_terminal(*given, folder=folder, set_to=environment)
    assert "Error: " in written


@pytest.mark.slow
def test_an_error_is_red_and_a_stop_is_yellow(folder: Path) -> None:
    _, written = on_a_terminal("run", "-c", "none.yaml", folder=folder)
    assert "\x1b[31m\x1b[1mError:\x1b[0m" in written
    (folder / "contract.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)\n"
    )
    (folder / "config.yaml").write_text("contract: {schema: contract.py:X}\n")
    code, written = on_a_terminal("validate", "contacts.csv", "-o", "out", folder=folder)
    assert code == 128 + signal.SIGINT
    assert "\x1b[33m\x1b[1mStopped\x1b[0m by SIGINT." in written
    assert "\x1b[31m" not in written
    assert "stopped" in written


@pytest.mark.slow
def test_beside_json_progress_is_on_standard_error_alone(folder: Path) -> None:
    code, written = on_a_terminal("validate", "contacts.csv", "-o", "out", "--json", folder=folder)
    assert code == 0
    *shown, last = [line for line in lines_of(written) if line]
    assert json.loads(last)["rejected"] == 5
    assert any("validated 6 records" in line for line in shown)


def test_every_help_has_two_examples_that_are_commands() -> None:
    for name, command in cli.commands.items():
        examples = getattr(command, "examples", None)
        assert examples, name
        assert len(examples) == 2, name
        for example in examples:
            first, *rest = shlex.split(example.split(">")[0])
            assert first == name
            with command.make_context(name, rest):
                pass
        short = command.get_short_help_str(limit=200)
        assert len(short) <= 60, short


def test_the_public_face_is_what_dir_shows() -> None:
    assert {name for name in dir(pipeline) if not name.startswith("_")} == set(pipeline.__all__)
    assert pipeline.Progress("validate", records=3).rejected == 0
    assert isinstance(cli, click.Group)


@pytest.mark.slow
def test_without_standard_error_a_run_goes_on_and_without_input_it_says_so(folder: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m pipeline validate"
    for nowhere in ("2>&-", "2>/dev/full"):
        closed = ["sh", "-c", f"exec {line} contacts.csv -o out --json {nowhere}"]
        done = subprocess.run(closed, cwd=folder, stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0
        assert json.loads(done.stdout)["accepted"] == 1
    run = [
        "sh",
        "-c",
        f"exec {shlex.quote(sys.executable)} -m pipeline run -c config.yaml contacts.csv 2>/dev/full",
    ]
    assert b"completed" in subprocess.run(run, cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    closed = ["sh", "-c", f"exec {line} - -o out <&-"]
    done = subprocess.run(closed, cwd=folder, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"standard input: is closed" in done.stderr
