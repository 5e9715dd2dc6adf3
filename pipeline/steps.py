"""One run, its five steps in order: read -> validate -> stage -> submit -> track.

`Run` keeps the `Result` up to date, so that a run that ends badly still says how far it came.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any

from pydantic import SecretStr

from pipeline import preflight, urls
from pipeline.config import Config
from pipeline.contract import ContractSource, load_contract
from pipeline.errors import (
    JobFailed,
    PipelineError,
    StageError,
    SubmitRefused,
    SubmitUnavailable,
    TrackError,
)
from pipeline.handoffs import HostedFile, Link, Plan, Progress, Step
from pipeline.private import PrivateFile
from pipeline.result import Named, Period, Result
from pipeline.s3.client import Store
from pipeline.stage import Upload
from pipeline.track import Inbox

log = logging.getLogger("pipeline")


class Run:
    """One run: its config, where it leaves things, and its result as it grows."""

    def __init__(
        self,
        config: Config,
        progress: Progress | None = None,
        *,
        output: Path | None = None,
        workers: int | None = None,
        slice_bytes: int | None = None,
    ) -> None:
        self.config = config
        self.progress = progress or (lambda *_: None)
        self.output = output
        self.workers = workers
        self.slice_bytes = slice_bytes
        self.keys: tuple[str, str] | None = None
        self.asked_api = False
        self.callback: str | None = None
        self.link = Link(SecretStr(""))
        self.inbox = Inbox()
        self.result = Result(f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}")

    def carry_out(self, source: Any, until: Step, *, dry_run: bool = False) -> Result:
        """All steps up to `until`; whatever goes wrong, the error carries the result."""
        from pipeline.wire import hushed

        result = self.result
        try:
            with hushed(), ExitStack() as stack:
                if self.config.sandbox and (until != "validate" or dry_run):
                    self._enter_sandbox(stack)
                if not dry_run:
                    self._prepare(stack, until)
                result.hosted = self._validate_and_stage(source, until)
                result.state = "staged" if result.hosted else "validated"
                if dry_run:
                    self._show_request()
                if result.hosted:
                    with self._removed_unless_taken(result.hosted):
                        preflight.check(self.config, self._store, result.hosted, self.link.url)
                        if until != "stage":
                            self._submit_and_track(until)
        except PipelineError as error:
            result.error, error.result = error.failure(), result
            if result.state != "submitted" or isinstance(error, TrackError):
                result.state = error.state
            raise
        except BaseException as stop:
            stop.result = result  # type: ignore[attr-defined]  # so that who catches it knows of the job
            raise
        return result

    @cached_property
    def _store(self) -> Store:
        return Store(self.config.stage, self.keys)

    @contextmanager
    def _removed_unless_taken(self, hosted: HostedFile) -> Iterator[None]:
        """Remove the hosted file again where this ends badly and the API has surely not taken its URL."""
        try:
            yield
        except BaseException as error:
            if not self.asked_api or isinstance(error, (SubmitRefused, SubmitUnavailable)):
                try:
                    self._store.remove(hosted.key, hurried=not isinstance(error, Exception))
                    self.result.hosted = None
                except StageError as left:
                    self.result.left_behind.append(f"s3://{hosted.bucket}/{hosted.key}")
                    log.warning("%s is left in bucket %s: %s", hosted.key, hosted.bucket, left.message)
            raise

    def _enter_sandbox(self, stack: ExitStack) -> None:
        """Replace storage and API by embedded ones, and wait for the job there to end."""
        from pipeline import sandbox

        started = stack.enter_context(sandbox.start(primary_key=self.config.contract.primary_key))
        self.config = started.replace_in(self.config)
        self.result.sandbox = True
        self.keys = (started.access_key, started.secret_key)

    def _validate_and_stage(self, given: Any, until: Step) -> HostedFile | None:
        """The hosted file; None where the run ends before. Nothing is visible unless all was well."""
        wanted, result = self.config.contract, self.result
        validating = result.steps["validate"] = Period()
        origin = ContractSource(
            wanted.schema_,
            self.config.base,
            tuple(wanted.primary_key),
            wanted.unknown_columns,
            wanted.region,
        )
        with self._imported_ahead(until):
            contract = load_contract(origin)
        from pipeline.contract.header import header_warnings
        from pipeline.read import open_source
        from pipeline.rejects import Rejects
        from pipeline.sorting import require_enough, sort_records, what_to_read

        with ExitStack() as stack:
            opened = open_source(
                what_to_read(self.config, given, self.output),
                self.config.source,
                contract_names=contract.rules.names,
                resolve=contract.resolve,
                takes_days=contract.takes_days,
                slice_bytes=self.slice_bytes,
            )
            source = stack.enter_context(opened)
            result.warnings += header_warnings(contract.rules, source.header)
            rules = hashlib.sha256(repr(contract.rules).encode()).hexdigest()
            result.source, result.contract = Named(source.name), Named(wanted.schema_, f"sha256:{rules}")
            seed = secrets.randbits(64)
            plan = Plan(result.run_id, source.header, contract.rules, origin, seed, source.delimiter)
            folder = self.output or self.config.path(wanted.rejects)
            path = folder / ("rejects.csv" if self.output else f"{result.run_id}.csv")
            rejects = Rejects(path, source)
            stack.callback(lambda: setattr(result, "rejects_file", rejects.path and str(rejects.path)))
            stack.enter_context(rejects)
            target = self._target(stack, until, source.size)
            write = target.write if target else len
            sort_records(source, plan, contract, rejects, write, result, self.progress, self.workers)
            validating.close()
            if source.crc32 is not None:
                result.source = Named(source.name, f"crc32:{source.crc32:08x}")
            if isinstance(target, PrivateFile):
                target.complete()
            require_enough(wanted, result, source.hints)
            return self._hosted_by(target) if target and not isinstance(target, PrivateFile) else None

    def _hosted_by(self, upload: Upload) -> HostedFile:
        self.link = urls.link(self._store, upload.key)
        self.result.warnings += preflight.doubts(self.config, self.link)
        hosted = upload.complete(self.link, self.result.accepted)
        self.result.steps["stage"].close()
        return hosted

    @contextmanager
    def _imported_ahead(self, until: Step) -> Iterator[None]:
        """Meanwhile, in a thread, what takes long to import is imported; its errors wait for who needs it."""

        def prepare() -> None:
            import pipeline.sorting  # noqa: F401

            if until != "validate":
                import requests  # noqa: F401

                with suppress(Exception):
                    _ = self._store.client

        thread = Thread(target=prepare, name="pipeline-prepare")
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _target(self, stack: ExitStack, until: Step, size: int | None) -> Upload | PrivateFile | None:
        """Where good bytes go: the bucket, a local file, or nowhere."""
        if until != "validate":
            store = self._store
            preflight.prepare(self.config, store, until)
            left = self.result.left_behind
            self.result.steps["stage"] = Period()
            return stack.enter_context(Upload(store, self.result.run_id, size, left))
        return stack.enter_context(PrivateFile(self.output / "accepted.csv")) if self.output else None

    def _show_request(self) -> None:
        from pipeline import callback, submit

        key = self._store.key(f"{self.result.run_id}-***.csv")
        path = f"<{self.config.stage.url} URL of s3://{self.config.stage.bucket}/{key}>"
        url = callback.address(self.config.track, self.result.run_id)
        self.result.request = str(submit.build(self.config, path, url and "<callback URL>"))

    def _prepare(self, stack: ExitStack, until: Step) -> None:
        """Find out before the first byte what would fail only after the upload: the API's key, the port."""
        if until not in ("submit", "track"):
            return
        from pipeline import callback, submit, track

        submit.api_key(self.config)
        config, run_id = self.config.track, self.result.run_id
        if self._waits(until):
            receiver = track.receiving(config, run_id, self.inbox.put, self.inbox.note)
            self.callback = stack.enter_context(receiver)
        else:
            self.callback = callback.address(config, run_id)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Note when the step begins and, unless it fails, when it ends."""
        period = self.result.steps[name] = Period()
        yield
        period.close()

    def _waits(self, until: Step) -> bool:
        return until == "track" and self.config.track.wait > 0

    def _submit_and_track(self, until: Step) -> None:
        from pipeline import submit, track

        result, wait = self.result, self.config.track.wait
        self.progress("submit", 0, None, result.records)
        request = submit.build(self.config, self.link.url.get_secret_value(), self.callback)
        self.asked_api = True
        with self._step("submit"):
            job = submit.submit(request)
            result.requestid, result.state = job.requestid, "submitted"
        if self._waits(until):
            self.progress("track", 0, None, result.records)
            try:
                with self._step("track"):
                    result.outcome = track.wait(job, self.inbox, wait, result.accepted)
            except JobFailed as error:
                result.outcome = error.outcome
                raise
            result.warnings += result.outcome.warnings
            result.state = "completed"
