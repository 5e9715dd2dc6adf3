"""A change goes where docs/architecture.md says, and nowhere else: tried in a copy of the tree."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from world import a_world

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy = tmp_path / "tree"
    for folder in ("pipeline", "schemas"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(before) == 1, f"{file.name} has no single {before!r}"
    file.write_text(text.replace(before, after), "utf-8")


def changed(tree: Path) -> set[str]:
    """The files of the package that are not as they were."""
    package = tree / "pipeline"
    return {
        path.relative_to(tree).as_posix()
        for path in package.rglob("*.py")
        if not (old := ROOT / path.relative_to(tree)).exists() or old.read_bytes() != path.read_bytes()
    }


def pipeline(tree: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "pipeline", *arguments, "--json"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


CONTRACT = """
import pandera.pandas as pa
import pipeline.checks

CONTACT = pa.DataFrameSchema({"EMAIL": pa.Column(str), "NAME": pa.Column(str, pa.Check.no_shouting())})
"""
CHECK = '''def no_shouting(series: Series) -> Mask:
    """Whether each value has a small letter."""
    return ~series.str.isupper()


'''


@pytest.mark.slow
def test_a_new_check_is_a_function_its_name_and_one_row(tree: Path) -> None:
    checks, table = tree / "pipeline" / "checks.py", tree / "pipeline" / "contract" / "exact.py"
    edit(checks, "def _undamaged(", CHECK + "def _undamaged(")
    edit(checks, "    no_lost_leading_zero,\n", "    no_lost_leading_zero,\n    no_shouting,\n")
    (tree / "contract.py").write_text(CONTRACT)
    (tree / "config.yaml").write_text("contract: {schema: contract.py:CONTACT, max_rejected: 100%}\n")
    (tree / "in.csv").write_text("EMAIL,NAME\na@example.com,Anna\nb@example.com,BEA\n")
    reasons = []
    for _ in range(2):  # by pandera alone, then by the table
        code, result = pipeline(tree, "validate", "in.csv", "-o", "out")
        assert code == 0, result
        reasons.append(result["reasons"])
        row = '    "no_shouting": lambda text, _: text == text.str.to_uppercase(),\n'
        edit(table, '    "str_length": _length,\n', '    "str_length": _length,\n' + row)
    assert reasons == [{"NAME:no_shouting": 1}] * 2
    assert changed(tree) == {"pipeline/checks.py", "pipeline/contract/exact.py"}


MODE = '''"""The presigned URL by another name."""

from pipeline.urls.presigned import READABLE_HERE, check, link

__all__ = ["READABLE_HERE", "check", "link"]
'''


@pytest.mark.slow
def test_a_new_url_mode_is_a_file_a_line_and_a_name(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "pipeline" / "urls" / "toy.py").write_text(MODE)
    modes, config = tree / "pipeline" / "urls" / "__init__.py", tree / "pipeline" / "config" / "delivery.py"
    edit(modes, '    "public": public,\n', '    "public": public,\n    "toy": toy,\n')
    edit(modes, "import allowlisted, presigned, public", "import allowlisted, presigned, public, toy")
    edit(config, '["presigned", "allowlisted", "public"]', '["presigned", "allowlisted", "public", "toy"]')
    (tree / "in.csv").write_text("EMAIL,FIRST_NAME\nanna@example.com,Anna\n")
    with a_world(tmp_path) as world:
        made = world.config(
            contract={"schema": "schemas/contact.py:CONTACT"},
            stage={"url": "toy"},
            submit={"api_key": "${TOY_KEY}"},
        )
        (tree / "config.yaml").write_text(json.dumps(made))
        monkeypatch.setenv("TOY_KEY", world.sandbox.api_key)
        code, result = pipeline(tree, "run", "in.csv", "--until", "submit")
    assert (code, result["state"]) == (0, "submitted"), result
    assert result["hosted"]["url_mode"] == "toy"
    named = {"pipeline/urls/toy.py", "pipeline/urls/__init__.py", "pipeline/config/delivery.py"}
    assert changed(tree) == named
