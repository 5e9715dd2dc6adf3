"""What every scheduler is given of a run: a key that its retries share, and counts and ids as the outcome."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.result import Result

_FACTS = (
    "run_id",
    "state",
    "records",
    "accepted",
    "rejected",
    "reasons",
    "requestid",
    "duplicate_of",
    "content_differs",
)


def facts(result: Result) -> dict[str, Any]:
    """Counts, ids and the names of reasons, as plain JSON types: no paths, no URLs, no contacts' values."""
    plain = result.to_dict()
    return {name: plain[name] for name in _FACTS}


def require_safe_retry(config: Config, *, again: bool, is_retry: bool) -> None:
    """Raise ConfigError where a scheduler that tries again by itself could send a second job."""
    if config.ledger == "off" and not config.sandbox:
        raise ConfigError(
            "This config has `ledger: off`, by which a retry cannot know what was sent before.",
            hint="Take that line away.",
        )
    if again and is_retry:
        raise ConfigError(
            "This is a retry, and with `again` it would send once more what the first try may have sent.",
            hint="Look with `python -m pipeline status`; if nothing was sent, start it anew by hand.",
        )


def run_key(*names: str) -> str:
    """The run key that stands for these names: they themselves, or a hash where no run key can hold them."""
    key = " ".join(names)
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._:+=~-]{0,199}", key):
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
