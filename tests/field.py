"""What the tests of trouble from the field share: a file, or a frame, taken through the default contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from world import ROOT, dicts_of

from pipeline import PipelineError, Result, validate

CONTACT = str(ROOT / "schemas/contact.py:CONTACT")


@dataclass(frozen=True)
class Validated:
    """How a validation ended: its result, what would be staged, and the rows of the rejects file."""

    result: Result
    accepted: list[dict[str, str]]
    rejects: list[dict[str, str]]

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The reasons against each address."""
        return {row["EMAIL"]: row["_reasons"].split("; ") for row in self.rejects}


def config_of(source: dict[str, Any] | None = None, **contract: Any) -> dict[str, Any]:
    """The default contract with EMAIL as its key, which puts up with every reject."""
    own = {"schema": CONTACT, "primary_key": "EMAIL", "max_rejected": "100%"}
    return {"source": source or {}, "contract": {**own, **contract}}


def validated(
    folder: Path,
    data: Any,
    *,
    name: str = "contacts.csv",
    source: dict[str, Any] | None = None,
    **contract: Any,
) -> Validated:
    """`data` validated: text or bytes as a file of that name, anything else as it is."""
    given = data
    if isinstance(data, str | bytes):
        given = folder / name
        given.write_bytes(data.encode() if isinstance(data, str) else data)
    out = folder / "out"
    result = validate(given, config_of(source, **contract), output=out)
    rejects = dicts_of(result.rejects_file) if result.rejects_file else []
    return Validated(result, dicts_of(out / "accepted.csv"), rejects)


def refused(folder: Path, data: Any, *says: str, **how: Any) -> PipelineError:
    """The error by which that ends, which holds these words in its message or its hint."""
    with pytest.raises(PipelineError) as caught:
        validated(folder, data, **how)
    for words in says:
        assert words in str(caught.value)
    return caught.value
