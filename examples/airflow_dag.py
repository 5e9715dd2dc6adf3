"""An Airflow DAG that uploads a day's contacts, and does not hold a worker while the platform loads them.

It wants two variables, `contacts_folder` and `upload_config`, and two connections: `bucket`, with AWS keys,
and `netcore`, whose password is the API key.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG

from pipeline.integrations.airflow import BulkUploadOperator

with DAG(
    "netcore_contacts",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2},
) as dag:
    BulkUploadOperator(
        task_id="upload",
        source="{{ var.value.contacts_folder }}/contacts.csv",
        config="{{ var.value.upload_config }}",
        wait=timedelta(hours=2),
        aws_conn_id="bucket",
        api_conn_id="netcore",
    )
