"""OpenLineage: what a run read, how it kept to its contract, and where its contacts went.

Of counts and the names of reasons only. Imported where Airflow's OpenLineage provider asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    output_statistics_output_dataset,
)

if TYPE_CHECKING:
    from pipeline.config import Config


def lineage(source: str | None, settings: Config, sent: Mapping[str, Any]) -> OperatorLineage:
    """From the file `source` to the platform's list; `sent` is what `facts` says of the run."""
    rows = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        rowCount=sent["records"], columnMetrics={}
    )
    checked = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(_assertions(sent))
    read = InputDataset(
        namespace="file",
        name=str(source or settings.source.path),
        inputFacets={"dataQualityMetrics": rows, "dataQualityAssertions": checked},
    )
    written = OutputDataset(
        namespace=f"https://{urlsplit(str(settings.submit.base_url)).netloc}",
        name="contacts" if settings.submit.listid is None else f"contacts/{settings.submit.listid}",
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=sent["accepted"]
            )
        },
    )
    was_sent = sent["requestid"] and not sent["duplicate_of"]
    return OperatorLineage(inputs=[read], outputs=[written] if was_sent else [])


def _assertions(sent: Mapping[str, Any]) -> list[data_quality_assertions_dataset.Assertion]:
    """One for the whole contract, and one that failed for each reason to reject a row."""
    failed = [
        data_quality_assertions_dataset.Assertion(
            assertion=reason.partition(":")[2] or reason,
            success=False,
            column=reason.partition(":")[0] if not reason.startswith("_") else None,
        )
        for reason in sent["reasons"]
    ]
    overall = data_quality_assertions_dataset.Assertion(assertion="contract", success=sent["rejected"] == 0)
    return [overall, *failed]
