"""What Airflow is told of this package where both are installed; it imports nothing of Airflow."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The package as a provider: Airflow reads it by the entry point `apache_airflow_provider`."""
    return {
        "package-name": "netcore-bulk-upload",
        "name": "Netcore bulk upload",
        "description": "Contacts to Netcore CE's bulk-upload API: validated, hosted on S3, submitted once.",
        "extra-links": ["pipeline.integrations.airflow.StatusLink"],
    }
