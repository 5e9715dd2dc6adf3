"""Run the example's flow against a server of its own, and print what it returned and how often it tried."""

from __future__ import annotations

import json
import os
import sys

from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

sys.path.insert(0, "examples")
from prefect_flow import contacts

from pipeline.integrations.prefect import BulkUpload


def main(source: str, day: str) -> None:
    """See above."""
    with prefect_test_harness(server_startup_timeout=240):
        BulkUpload(
            config=os.environ["UPLOAD_CONFIG"],
            api_key=os.environ.pop("PLANTED_KEY"),
            aws_access_key_id=os.environ.pop("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=os.environ.pop("AWS_SECRET_ACCESS_KEY"),
        ).save("contacts")
        state = contacts(source, day, return_state=True)
        with get_client(sync_client=True) as client:
            tries = [each.run_count for each in client.read_task_runs()]
            artifacts = [each.data for each in client.read_artifacts()]
    told = state.result() if state.is_completed() else {}
    print(json.dumps({"success": state.is_completed(), "tries": tries, "told": told, "artifacts": artifacts}))


if __name__ == "__main__":
    main(*sys.argv[1:])
