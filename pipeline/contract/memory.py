"""The rules of contracts read before, so that a run can begin while its contract is still being loaded.

They are never the last word: whoever begins with remembered rules compares them with the contract's own
before anything comes of it. So what is stale costs time and nothing else. A contract that is written
otherwise, or described otherwise (describe.py), is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import cache
from pipeline.contract.rules import Rules


class Memory:
    """What is remembered of the contract in a file, for given options; nothing of one in a module."""

    def __init__(self, spec: str, base: Path, options: Mapping[str, Any]) -> None:
        self._key: list[Any] | None = None
        name = spec if spec.endswith((".yaml", ".yml")) else spec.rpartition(":")[0]
        with suppress(OSError, RuntimeError):
            files = (base / Path(name).expanduser(), Path(__file__).with_name("describe.py"))
            sources = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
            versions = [version(package) for package in ("pandera", "pandas", "polars")]
            self._key = [spec, str(base), dict(options), versions, sources]

    def recall(self) -> Rules | None:
        """The rules as they were the last time; None where nothing, or nothing whole, is remembered."""
        try:
            return Rules.from_json(cache.recall("rules", self._key)) if self._key else None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def keep(self, rules: Rules) -> None:
        """Remember these rules, if that can be done."""
        if self._key:
            cache.keep("rules", self._key, rules.to_json())
