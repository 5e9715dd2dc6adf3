"""What was worked out before, as JSON in the user's cache folder; never a contact's values.

A kept value comes back only for the very same key and whole, as its checksum says. What is lost, stale or
broken, and a folder that cannot be written to, cost time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = "netcore-bulk-upload"


def recall(name: str, key: object) -> Any:
    """The value that was kept by that name and key (plain data); None where there is none, or none whole."""
    try:
        checksum, _, text = _path(name, key).read_text("utf-8").partition("\n")
        return json.loads(text) if checksum == _digest(text) else None
    except (OSError, ValueError, RuntimeError):
        return None


def keep(name: str, key: object, value: object) -> None:
    """Keep the value, plain data too, if that can be done."""
    text = json.dumps(value)
    with suppress(OSError, RuntimeError):
        path = _path(name, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        part.write_text(f"{_digest(text)}\n{text}", "utf-8")
        part.replace(path)


def _path(name: str, key: object) -> Path:
    """Where it is kept; RuntimeError where nobody's home is known."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / FOLDER
    return folder / f"{name}-{_digest(json.dumps(key))[:32]}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
