"""One run, its five steps in order: read -> validate -> stage -> submit -> track.

`Run` keeps the `Result` up to date, so that a run that ends badly still says how far it came.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from pipeline import preflight, urls
from pipeline.config import Config
from pipeline.contract import load_contract, source_of
from pipeline.delivery import Delivery
from pipeline.errors import PipelineError, TrackError
from pipeline.guest import watched
from pipeline.handoffs import Link, Plan, Progress, Step, Watch
from pipeline.logs import hand_over
from pipeline.period import Period
from pipeline.private import PrivateFile
from pipeline.result import HostedFile, Named, Result
from pipeline.s3.client import Store
from pipeline.stage import Upload

if TYPE_CHECKING:
    import requests
    from boto3.session import Session

    from pipeline.read.spread import SpreadFrame


def new_run_id() -> str:
    """A name for a run: when it began, to be found again, and a random part, to be the only one."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class Run:
    """One run: its config, where it leaves things, and its result as it grows."""

    def __init__(
        self,
        config: Config,
        progress: Watch | None = None,
        *,
        output: Path | None = None,
        workers: int | None = None,
        slice_bytes: int | None = None,
        again: bool = False,
        first: int | None = None,
        session: Session | None = None,
        http: requests.Session | None = None,
    ) -> None:
        self.config = config
        self.progress = watched(progress)
        self.output = output
        self.workers = workers
        self.slice_bytes = slice_bytes
        self.keys: tuple[str, str] | None = None
        self.again = again
        self.first = first
        self.session, self.http = session, http
        self.delivery: Delivery | None = None
        self.link = Link(SecretStr(""))
        self.result = Result(new_run_id(), run_key=config.submit.run_key)

    def carry_out(self, source: Any, until: Step, *, dry_run: bool = False) -> Result:
        """All steps up to `until`; whatever goes wrong, the error carries the result."""
        from pipeline.wire import hushed

        result, failed = self.result, None
        try:
            with hushed(), ExitStack() as stack:
                if self.config.sandbox and (until != "validate" or dry_run):
                    self._enter_sandbox(stack)
                try:
                    self._go(stack, source, until)
                    if dry_run:
                        self._show_request()
                except BaseException as error:
                    failed = error
                    raise
                finally:
                    if self.delivery:
                        self.delivery.end(failed)
        except PipelineError as error:
            result.error, error.result = error.failure(), result
            if result.state != "submitted" or isinstance(error, TrackError):
                result.state = error.state
            hand_over(result, "end")
            raise
        except BaseException as stop:
            stop.result = result  # type: ignore[attr-defined]  # so that who catches it knows of the job
            raise
        hand_over(result, "end")
        return result

    def _go(self, stack: ExitStack, source: Any, until: Step) -> None:
        if until != "validate":
            self.delivery = Delivery(
                self.config, self._store, self.result, self.progress, until, again=self.again
            )
            self.delivery.begin(stack)
        self.result.hosted = self._validate_and_stage(source, until)
        self.result.state = "staged" if self.result.hosted else "validated"
        if self.result.hosted:
            hand_over(self.result, "stage")
        if self.delivery and self.delivery.standing:
            self.delivery.follow()
        elif self.delivery and self.result.hosted:
            self.delivery.deliver(self.result.hosted, self.link)

    @cached_property
    def _store(self) -> Store:
        return Store(self.config.stage, self.keys, self.session, self.http)

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
        origin = source_of(self.config)
        with self._imported_ahead(until):
            contract = load_contract(origin)
        from pipeline.contract.header import header_warnings
        from pipeline.read.spread import SpreadFrame
        from pipeline.sorting import (
            opened,
            rejects_file,
            require_enough,
            sort_records,
            what_to_read,
            where_rejects_go,
        )

        with ExitStack() as stack:
            given = what_to_read(self.config, given, self.output)
            source = opened(stack, given, self.config.source, contract, self.slice_bytes)
            result.warnings += header_warnings(contract.rules, source.header)
            rules = hashlib.sha256(repr(contract.rules).encode()).hexdigest()
            result.source, result.contract = Named(source.name), Named(wanted.schema_, f"sha256:{rules}")
            seed = secrets.randbits(64)
            plan = Plan(result.run_id, source.header, contract.rules, origin, seed, source.delimiter)
            result.place = "row" if source.place_column == "_row" else "line"
            if isinstance(source, SpreadFrame):
                return self._sort_frame(stack, source, plan, contract.file)
            self._prepare()
            target = self._target(stack, until, source.size)
            write = target.write if target else len
            how = self.progress, self.workers, self.first, self.config.source.allow_empty
            store = self._store if self.delivery and not result.sandbox else None
            place = where_rejects_go(self.config, store, result.run_id, self.output)
            with rejects_file(*place, source, result) as rejects:
                sort_records(source, plan, contract, rejects, write, result, *how)
            validating.close()
            hand_over(result, "validate")
            if source.crc32 is not None:
                result.source = Named(source.name, f"crc32:{source.crc32:08x}")
            if isinstance(target, PrivateFile):
                target.complete()
            if not result.records:
                result.warnings.append("The source has no records: nothing was sent.")
                return None
            require_enough(wanted, result, source)
            return self._hosted_by(target) if target and not isinstance(target, PrivateFile) else None

    def _sort_frame(self, stack: ExitStack, frame: SpreadFrame, plan: Plan, file: str) -> HostedFile | None:
        """The same for a frame that lies on a cluster, whose workers put the parts of the file."""
        from pipeline.spread import run

        run.require_whole(self.output, self.first)
        self._prepare()
        store = self._store if self.delivery else None
        job = run.Frame(frame, run.carried(plan, file), self.config, self.result, store)
        upload = job.sort(partial(self._upload, stack, signed_ahead=True), self.progress)
        return self._hosted_by(upload) if upload else None

    def _hosted_by(self, upload: Upload) -> HostedFile | None:
        assert self.delivery  # noqa: S101 - for the type checker: who uploads delivers
        self.progress(Progress("stage", self.result.records, self.result.rejected))
        if not self.delivery.may_complete(replace(upload.finish(), records=self.result.accepted)):
            return None
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

    def _prepare(self) -> None:
        """Find out what would fail only after the upload, and record the start."""
        if self.delivery:
            preflight.prepare(self.config, self._store, self.delivery.until)
            self.delivery.start()

    def _upload(self, stack: ExitStack, size: int | None, *, signed_ahead: bool = False) -> Upload:
        store, result = self._store, self.result
        result.steps["stage"] = Period()
        upload = Upload(store, result.run_id, size, result.left_behind, signed_ahead=signed_ahead)
        return stack.enter_context(upload)

    def _target(self, stack: ExitStack, until: Step, size: int | None) -> Upload | PrivateFile | None:
        """Where good bytes go: the bucket, a local file, or nowhere."""
        if until != "validate":
            return self._upload(stack, size)
        return stack.enter_context(PrivateFile(self.output / "accepted.csv")) if self.output else None

    def _show_request(self) -> None:
        from pipeline import callback, submit

        key = self._store.key(f"{self.result.run_id}-***.csv")
        path = f"<{self.config.stage.url} URL of s3://{self.config.stage.bucket}/{key}>"
        url = callback.address(self.config.track, self.result.run_id)
        self.result.request = str(submit.build(self.config, path, url and "<callback URL>"))
