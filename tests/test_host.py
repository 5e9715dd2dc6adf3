"""A guest in somebody else's process: what is installed and what a run does changes nothing for the host."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from world import World, as_csv

PACKAGE = "netcore-bulk-upload"
# What other libraries use as soon as it can be imported: with awscrt botocore signs by other code.
TAKES_OVER = {"awscrt"}


def installed_with(name: str, *extras: str) -> set[str]:
    """What pip installs for that package here, itself included."""
    found: set[tuple[str, tuple[str, ...]]] = set()
    waiting = [(name, extras)]
    while waiting:
        if (one := waiting.pop()) in found:
            continue
        found.add(one)
        for line in metadata.requires(one[0]) or ():
            needs = Requirement(line)
            where = needs.marker
            if where is None or any(where.evaluate({"extra": extra}) for extra in ("", *one[1])):
                waiting.append((needs.name, tuple(needs.extras)))
    return {name for name, _ in found}


def test_nothing_is_installed_that_changes_other_libraries() -> None:
    names = installed_with(PACKAGE, "sandbox")
    assert {"boto3", "botocore", "pandera", "moto"} <= names
    assert names.isdisjoint(TAKES_OVER)
    files = [file for name in names - {PACKAGE} for file in metadata.files(name) or ()]
    assert [str(file) for file in files if file.suffix == ".pth"] == []  # these run whenever Python starts


def guest(world: World, rows: int) -> dict[str, Any]:
    """What `guest.py` says of a run of so many rows."""
    source = world.folder / "guest.csv"
    source.write_text(as_csv([["EMAIL", "CITY"], *([f"a{i}@example.com", "Ulm"] for i in range(rows))]))
    config = world.config() | {"submit": {}}
    program = [sys.executable, str(Path(__file__).with_name("guest.py")), json.dumps(config), str(source)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=world.folder, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["state"] == "staged"
    return said


def test_a_run_leaves_the_process_as_it_was(world: World) -> None:
    assert guest(world, 10)["changed"] == []


@pytest.mark.timing
def test_a_small_run_costs_a_quarter_of_a_second_where_pandera_is_loaded(world: World) -> None:
    """The first in a process imports the package and makes its client, which costs as much again."""
    first, again = zip(*(guest(world, 1_000)["seconds"] for _ in range(3)), strict=True)
    assert min(again) < 0.25
    assert min(first) < 0.6
