"""When a step of a run began and ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class Period:
    """When a step began and when it ended (None: it has not, or badly), ISO 8601 in UTC."""

    start: str = field(default_factory=_now)
    end: str | None = None

    def close(self) -> None:
        """Note that the step has ended."""
        self.end = _now()

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes on."""
        if self.end is None:
            return None
        return round(
            (datetime.fromisoformat(self.end) - datetime.fromisoformat(self.start)).total_seconds(), 3
        )
