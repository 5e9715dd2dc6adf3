"""Prefect: a block with the way to the platform and its secrets, and a task that takes a source there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.blocks.core import Block
from prefect.runtime import flow_run, task_run
from pydantic import Field, SecretStr

from pipeline.errors import ConfigError, PipelineError
from pipeline.integrations.facts import facts, require_safe_retry, run_key

if TYPE_CHECKING:
    from boto3.session import Session


class BulkUpload(Block):  # type: ignore[misc]  # an extra, not known here
    """The way to the platform; without AWS keys boto3 finds some, without an API key the config has it."""

    _block_type_name = "Netcore bulk upload"
    _block_type_slug = "netcore-bulk-upload"

    config: str = Field("config.yaml", description="The path of the config file.")
    api_key: SecretStr | None = Field(None, description="The account's API key.")
    aws_access_key_id: str | None = Field(None, description="For the bucket.")
    aws_secret_access_key: SecretStr | None = Field(None, description="For the bucket.")

    def run(self, source: Any, key: str, *, again: bool = False) -> dict[str, Any]:
        """Counts and ids of a run with that run key. Raises PipelineError as `pipeline.run` does."""
        from pipeline.config.file import load_config
        from pipeline.flow import run

        settings = load_config(self.config)
        if self.api_key:
            settings = settings.with_api_key(self.api_key.get_secret_value())
        require_safe_retry(settings, again=again, is_retry=(task_run.run_count or 0) > 1)
        return facts(run(source, settings, run_key=key, again=again, session=self._session()))

    def _session(self) -> Session | None:
        import boto3

        if not (self.aws_access_key_id and self.aws_secret_access_key):
            return None
        return boto3.Session(self.aws_access_key_id, self.aws_secret_access_key.get_secret_value())


def can_retry(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether the same task may simply be run again: what Prefect asks after a failure."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, PipelineError) or error.retryable


@task(name="bulk-upload", retry_condition_fn=can_retry, persist_result=False)  # type: ignore[untyped-decorator]
def upload(
    source: Any, block: BulkUpload, run_key: str | None = None, *, again: bool = False
) -> dict[str, Any]:
    """Counts and ids of the run, which are a table artifact of the flow run too.

    `source` is as `pipeline.run` takes it. `run_key` names what the job is for; by default the flow run and
    the source's path, so that a retry of task or flow follows the first job. A frame needs one.
    """
    result = block.run(source, run_key or key_of(source), again=again)
    create_table_artifact([{**result, "reasons": str(result["reasons"])}], key="bulk-upload")
    return result


def key_of(source: Any) -> str:
    """The run key for a source of this flow run. Raises ConfigError for one that has no name."""
    if not isinstance(source, (str, os.PathLike)):
        raise ConfigError(
            "A frame has no name by which a retry could know it.",
            hint="Give `upload` a run_key, such as the date and what the frame is about.",
        )
    return run_key(str(flow_run.id), os.fspath(source))
