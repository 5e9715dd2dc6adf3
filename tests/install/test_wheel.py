"""The wheel, installed where there is no checkout: `init`, `run`, `validate`, `sandbox` from any folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(900)]

PROJECT = Path(__file__).parents[2]


def call(*command: str | Path, cwd: Path, code: int = 0) -> str:
    """What the command prints on standard output; it must end with that exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, PROJECT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and no extra."""
    folder = tmp_path_factory.mktemp("env")
    call(sys.executable, "-m", "venv", folder, cwd=folder)
    made = folder / "bin" / "python"
    call(made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
    return made


def test_the_base_install_is_as_large_as_the_docs_say(python: Path) -> None:
    (most,) = re.findall(r"(\d+) MB at most", (PROJECT / "docs" / "dependencies.md").read_text())
    files = (path for path in python.parents[1].rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < int(most) * 1_000_000


def test_from_an_empty_folder_to_a_finished_job(wheel: Path, python: Path, tmp_path: Path) -> None:
    module = (python, "-m", "pipeline")
    told = call(*module, "run", cwd=tmp_path, code=2)
    assert "pipeline init" in told
    assert call(*module, "init", "here", cwd=tmp_path).split() == [
        "here/config.yaml",
        "here/schemas/contact.py",
        "here/examples/contacts.csv",
    ]
    here = tmp_path / "here"
    assert "is there already" in call(*module, "init", cwd=here, code=2)

    result = json.loads(call(*module, "validate", "-o", "out", "--json", cwd=here))
    assert (result["accepted"], result["rejected"]) == (9_800, 200)
    assert (here / "out" / "accepted.csv").exists()

    told = call(*module, "run", cwd=here, code=2)
    assert "netcore-bulk-upload[sandbox]" in told
    call(python, "-m", "pip", "install", "--quiet", f"{wheel}[sandbox]", cwd=here)
    result = json.loads(call(*module, "run", "-c", "here/config.yaml", "--json", cwd=tmp_path))
    assert result["state"] == "completed"
    assert result["outcome"]["counts"]["success"] == 9_800

    command = [*map(str, module), "sandbox"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert "AWS_ACCESS_KEY_ID=" in started.stdout.read(400)
        started.send_signal(signal.SIGINT)
        assert started.wait(20) == 0


def test_from_a_file_of_ones_own_by_the_installed_command(python: Path, tmp_path: Path) -> None:
    rows = "".join(f"kunde{number}@example.com;{number}.7.{30 + number}\n" for number in range(1, 31))
    (tmp_path / "export.csv").write_text(f"E-Mail-Adresse;Geburtsdatum\n{rows}")
    command = python.with_name("netcore-bulk-upload")
    told = call(command, "init", "export.csv", "-o", "mine", cwd=tmp_path).splitlines()
    assert told[-1] == f"next      {command} validate -c mine/config.yaml --output out/"
    result = json.loads(call(*told[-1].split()[1:], "--json", cwd=tmp_path))
    assert (result["accepted"], result["rejected"]) == (30, 0)
