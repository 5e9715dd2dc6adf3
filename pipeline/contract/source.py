"""Where a contract comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ContractSource:
    """Where a contract comes from, and what the config adds to it: all that loads it, on any machine.

    `text` is what its file says, for machines that do not have the file: it is run there instead.
    """

    spec: str
    base: Path
    primary_key: tuple[str, ...] = ()
    unknown_columns: Literal["keep", "drop", "refuse"] | None = None
    region: str | None = None
    read: tuple[tuple[str, str], ...] = ()
    text: bytes | None = field(default=None, repr=False)
