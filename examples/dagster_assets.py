"""Dagster definitions: each day's contacts as a partition of an asset, with the contract as its check."""

import os

import dagster as dg

from pipeline.integrations.dagster import BulkUpload, contract_check


@dg.asset(  # type: ignore[untyped-decorator]
    partitions_def=dg.DailyPartitionsDefinition(start_date="2026-01-01"),
    check_specs=[contract_check("contacts")],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def contacts(context: dg.AssetExecutionContext, bulk_upload: BulkUpload) -> dg.MaterializeResult:
    """The contacts of a day, at the platform."""
    return bulk_upload.materialize(context, os.environ["CONTACTS"])


defs = dg.Definitions(
    assets=[contacts], resources={"bulk_upload": BulkUpload(config=dg.EnvVar("UPLOAD_CONFIG"))}
)
