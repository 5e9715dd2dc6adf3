"""The rules of contracts read before, so that a run can begin while its contract is still being loaded.

They are never the last word: whoever begins with remembered rules compares them with the contract's own
before anything comes of it. So what is stale, broken or not there costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.contract.rules import Rules


class Memory:
    """What is remembered of the contract in a file, for given options; nothing of one in a module."""

    def __init__(self, spec: str, base: Path, options: Mapping[str, Any]) -> None:
        self._path: Path | None = None
        name = spec if spec.endswith((".yaml", ".yml")) else spec.rpartition(":")[0]
        with suppress(OSError, RuntimeError):
            source = (base / Path(name).expanduser()).read_bytes()
            versions = [version(package) for package in ("pandera", "pandas", "polars")]
            key = json.dumps([spec, str(base), options, versions, hashlib.sha256(source).hexdigest()])
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netcore-bulk-upload"
            self._path = folder / f"rules-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def recall(self) -> Rules | None:
        """The rules as they were the last time; None where nothing, or nothing whole, is remembered."""
        try:
            return Rules.from_json(json.loads(self._path.read_bytes())) if self._path else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def keep(self, rules: Rules) -> None:
        """Remember these rules, if that can be done."""
        if self._path is None:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
            part.write_text(json.dumps(rules.to_json()))
            part.replace(self._path)
