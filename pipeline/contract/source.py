"""Where a contract comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ContractSource:
    """Where a contract comes from, and what the config adds to it: all that loads it, on any machine."""

    spec: str
    base: Path
    primary_key: tuple[str, ...] = ()
    unknown_columns: Literal["keep", "drop", "refuse"] | None = None
    region: str | None = None
    read: tuple[tuple[str, str], ...] = ()
