"""The configs of docs/storage.md are ones that a run takes, and the least policy fits where it is put."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from world import ROOT

from pipeline import load_config

BLOCKS = [
    block
    for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "storage.md").read_text(), re.M | re.S)
    if "bucket:" in block
]
INLINE_POLICY = 2048  # characters without blanks that AWS takes for a user


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=[str(n) for n in range(len(BLOCKS))])
def test_a_config_of_the_docs_loads_and_prints_its_permissions(tmp_path: Path, block: str) -> None:
    if "contract:" not in block:
        block += f"contract: {{schema: '{ROOT}/schemas/contact.py:CONTACT'}}\n"
    (tmp_path / "upload.yaml").write_text(block.replace("schemas/contact.py", f"{ROOT}/schemas/contact.py"))
    assert load_config(tmp_path / "upload.yaml").stage.bucket
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "policy", "-c", "upload.yaml", "--permissions"],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Version"] == "2012-10-17"
    assert len("".join(done.stdout.split())) <= INLINE_POLICY
