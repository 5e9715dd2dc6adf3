"""A Prefect flow that uploads a day's contacts; a second flow run for the same day follows the first job."""

from __future__ import annotations

from typing import Any

from prefect import flow

from pipeline.integrations.prefect import BulkUpload, upload


@flow  # type: ignore[untyped-decorator]
def contacts(source: str, day: str) -> dict[str, Any]:
    """Counts and ids of the day's run."""
    block = BulkUpload.load("contacts")
    told: dict[str, Any] = upload.with_options(retries=2, retry_delay_seconds=5)(
        source, block, f"contacts {day}"
    )
    return told
