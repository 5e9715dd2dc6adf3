"""Materialize a partition of the example's asset in this process, and print what Dagster was told of it."""

from __future__ import annotations

import json
import sys

import dagster as dg

sys.path.insert(0, "examples")
from dagster_assets import contacts, defs


def main(day: str) -> None:
    """See above."""
    done = dg.materialize([contacts], partition_key=day, resources=defs.resources, raise_on_error=False)
    events = [event.event_type_value for event in done.all_events]
    told = {"success": done.success, "tries": 1 + events.count("STEP_RESTARTED")}
    for event in done.get_asset_materialization_events():
        found = event.step_materialization_data.materialization.metadata
        told["metadata"] = {name: value.value for name, value in found.items()}
    told["checks"] = [check.passed for check in done.get_asset_check_evaluations()]
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
