"""Run the example's flow for each source on one server; print what each returned and how often it tried."""

from __future__ import annotations

import json
import os
import sys

from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

sys.path.insert(0, "examples")
from prefect_flow import contacts

from pipeline.integrations.prefect import BulkUpload


def main(day: str, *sources: str) -> None:
    """See above."""
    with prefect_test_harness(server_startup_timeout=240):
        BulkUpload(
            config=os.environ["UPLOAD_CONFIG"],
            api_key=os.environ.pop("PLANTED_KEY"),
            aws_access_key_id=os.environ.pop("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=os.environ.pop("AWS_SECRET_ACCESS_KEY"),
        ).save("contacts")
        states = [contacts(source, day, return_state=True) for source in sources]
        with get_client(sync_client=True) as client:
            tries = [each.run_count for each in client.read_task_runs()]
            found = [each.data for each in client.read_artifacts() if each.key == "bulk-upload"]
    told = [state.result() if state.is_completed() else None for state in states]
    print(json.dumps({"told": told, "tries": tries, "artifacts": [json.loads(str(each)) for each in found]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
