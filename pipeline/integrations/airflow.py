"""Airflow: an operator that submits contacts, and waits for the job's end without a worker slot.

    execute: run(until="submit")  ->  defer  ->  JobTrigger asks the ledger, in the triggerer  ->  resume

A retry, or a cleared task, is the same job: the run key is made of DAG, run, task and map index, and the
claim on it stands in the bucket before the API is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.exceptions import AirflowFailException
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink
from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipeline.errors import PipelineError
from pipeline.integrations.facts import facts, require_safe_retry, run_key

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context
    from boto3.session import Session

    from pipeline.config import Config


class StatusLink(BaseOperatorLink):  # type: ignore[misc]  # Airflow is an extra, so its classes are not known
    """The run's events in the AWS console; none for other stores."""

    name = "Run in the ledger"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow passes it
        """The link, as the operator has noted it."""
        return str(operator.status_link)


class BulkUploadOperator(BaseOperator):  # type: ignore[misc]
    """Validate `source`, host it, submit it; then wait for the job's end, deferred.

    `source` is a path as `pipeline.run` takes it, `config` a path or a mapping; both are templated, as is
    `run_key`. `wait` is how long the job may take (default: the config's track.wait; 0 ends `submitted`), and
    `poll` how often the ledger is asked: it knows the end where callbacks are received (docs/airflow.md).
    `aws_conn_id` names a connection for the bucket, `api_conn_id` one whose password is the API key. `again`
    submits although the same key was submitted before.

    The XCom holds counts and ids. An error that no retry mends fails the task at once.
    """

    template_fields: ClassVar[Sequence[str]] = ("source", "config", "run_key")
    operator_extra_links = (StatusLink(),)

    def __init__(
        self,
        *,
        source: str | None = None,
        config: str | Mapping[str, Any] = "config.yaml",
        run_key: str | None = None,
        again: bool = False,
        wait: timedelta | None = None,
        poll: timedelta = timedelta(seconds=30),
        aws_conn_id: str | None = None,
        api_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.config = config
        self.run_key = run_key
        self.again = again
        self.wait = wait
        self.poll = poll
        self.aws_conn_id = aws_conn_id
        self.api_conn_id = api_conn_id
        self.status_link = ""
        self.sent: dict[str, Any] | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Counts and ids of the run, once its job has ended or, where nobody waits for that, was accepted."""
        from pipeline.flow import run

        with failures():
            settings = self._settings()
            task = context["ti"]  # whose max_tries grow where it is cleared, and not with a retry
            is_retry = task.try_number > task.max_tries - self.retries + 1
            require_safe_retry(settings, again=self.again, is_retry=is_retry)
            try:
                result = run(
                    self.source,
                    settings,
                    until="submit",
                    run_key=self.run_key or settings.submit.run_key or key_of(context["ti"]),
                    again=self.again,
                    session=aws_session(self.aws_conn_id),
                )
            except PipelineError as error:
                self.sent = facts(error.result) if error.result else None
                raise
        sent, job = facts(result), result.duplicate_of or result.run_id
        self.sent = sent
        self._note(settings, job)
        seconds = settings.track.wait if self.wait is None else self.wait.total_seconds()
        if seconds and not settings.sandbox and (result.requestid or result.duplicate_of):
            poll, deadline = self.poll.total_seconds(), time.time() + seconds
            trigger = JobTrigger(job, sent, ledger_of(settings), deadline, poll, self.aws_conn_id)
            self.defer(trigger=trigger, method_name="resume")
        return sent

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """The same when the trigger has fired, with how the job ended. Fails as `pipeline.wait` does."""
        from pipeline.ledger.asking import wait

        self.sent = dict(event["sent"])
        with failures():
            settings = self._settings()
            self._note(settings, event["run_id"])
            session = aws_session(self.aws_conn_id)
            found = wait(event["run_id"], ledger_of(settings), seconds=0, session=session)
        ended = {"state": found.state, "said": found.said, "counts": dict(found.counts)}
        return {**event["sent"], **ended}

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> Any:
        """What the OpenLineage provider asks for, also after a failure: counts and names of reasons."""
        from pipeline.integrations.lineage import lineage

        return lineage(self.source, self._settings(), self.sent) if self.sent else None

    def _settings(self) -> Config:
        from pipeline.config.file import load_config

        settings = load_config(self.config)
        if self.api_conn_id:
            settings = settings.with_api_key(BaseHook.get_connection(self.api_conn_id).password or "")
        return settings

    def _note(self, settings: Config, run_id: str) -> None:
        stage = settings.stage
        if not stage.endpoint_url and not settings.sandbox:
            below = quote(f"{stage.prefix}runs/{run_id}/")
            self.status_link = f"https://console.aws.amazon.com/s3/buckets/{stage.bucket}?prefix={below}"


class JobTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when the ledger says that the run's job has ended, or at `deadline` (seconds since 1970).

    `config` is what is needed of a config to ask the ledger: no secret, no file. `sent`, counts and ids of
    what was submitted, is passed on.
    """

    def __init__(
        self,
        run_id: str,
        sent: Mapping[str, Any],
        config: Mapping[str, Any],
        deadline: float,
        poll: float,
        aws_conn_id: str | None,
    ) -> None:
        super().__init__()
        self.run_id = run_id
        self.sent = sent
        self.config = config
        self.deadline = deadline
        self.poll = poll
        self.aws_conn_id = aws_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, for another process."""
        names = ("run_id", "sent", "config", "deadline", "poll", "aws_conn_id")
        return f"{type(self).__module__}.JobTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event; until then the ledger is asked in a thread, so that no other trigger waits for it."""
        from asgiref.sync import sync_to_async

        session = await sync_to_async(aws_session)(self.aws_conn_id)
        while not await asyncio.to_thread(self._is_over, session):
            left = self.deadline - time.time()
            if left <= 0:
                break
            await asyncio.sleep(min(self.poll, left))
        yield TriggerEvent({"run_id": self.run_id, "sent": self.sent})

    def _is_over(self, session: Session | None) -> bool:
        """Whether there is nothing more to wait for; a store that fails may be well the next time."""
        from pipeline.ledger.asking import GOES_ON, status

        try:
            return status(self.run_id, self.config, session=session).state not in GOES_ON
        except PipelineError as error:
            self.log.warning("The ledger could not be asked for run %s: %s", self.run_id, error.message)
            return not error.retryable


@contextmanager
def failures() -> Iterator[None]:
    """Within it, an error that no retry mends fails the task for good."""
    try:
        yield
    except PipelineError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from None


def key_of(ti: Any) -> str:
    """The run key of a task instance, the same for all its tries."""
    mapped = [str(ti.map_index)] if ti.map_index is not None and ti.map_index >= 0 else []
    return run_key(ti.dag_id, ti.run_id, ti.task_id, *mapped)


def ledger_of(settings: Config) -> dict[str, Any]:
    """What of a config it takes to ask the ledger, as plain JSON types."""
    stage = settings.stage.model_dump(mode="json", exclude_defaults=True)
    return {"ledger": settings.ledger, "stage": stage, "contract": {"schema": settings.contract.schema_}}


def aws_session(conn_id: str | None) -> Session | None:
    """A boto3 session by that connection, as the Amazon provider understands it where that is installed.

    Else login and password are the keys; the extra may hold `aws_session_token`, `region_name` and
    `profile_name`. None without a connection: boto3 looks for credentials itself.
    """
    import boto3

    if conn_id is None:
        return None
    if find_spec("airflow.providers") and find_spec("airflow.providers.amazon"):
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

        session: Session = AwsBaseHook(aws_conn_id=conn_id, client_type="s3").get_session()
        return session
    connection = BaseHook.get_connection(conn_id)
    extra = connection.extra_dejson
    names = ("aws_session_token", "region_name", "profile_name")
    return boto3.Session(
        aws_access_key_id=connection.login or None,
        aws_secret_access_key=connection.password or None,
        **{name: extra[name] for name in names if extra.get(name)},
    )
