"""The way of a run, whole: read -> validate -> stage -> submit -> track.

`run` and `validate` are what the package offers; `_Run` takes the steps one after the other and keeps the
`Result` up to date, so that a run that ends badly still says how far it came.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from pipeline import preflight
from pipeline.config import Config
from pipeline.configfile import load_config
from pipeline.contract.judging import Interpreter, interpreter
from pipeline.errors import (
    ConfigError,
    JobFailed,
    PipelineError,
    RejectedRows,
    SourceError,
    StageError,
    SubmitError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
    TrackError,
)
from pipeline.handoffs import HostedFile, Job, Result, Source, Step
from pipeline.private import PrivateFile
from pipeline.stage import Upload
from pipeline.store import Store

if TYPE_CHECKING:
    from pipeline.contract import Contract
    from pipeline.rejects import Rejects
    from pipeline.submit import Request

log = logging.getLogger("pipeline")

Progress = Callable[[str, int, int | None, int], None]
"""Called as the run goes on: step, how much of the source is done, how much there is, records so far."""

AnyConfig = str | os.PathLike[str] | Mapping[str, Any] | Config


def run(
    source: Any = None,
    config: AnyConfig = "config.yaml",
    *,
    until: Step = "track",
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Result:
    """How far the run came and what it did: a `Result`, whose `state` names the last step that was done.

    `source` is a path (.csv, .csv.gz, `-` for standard input), a pandas DataFrame, or anything that offers
    Arrow data (`__arrow_c_stream__`: polars, pyarrow, duckdb); None takes `source.path` of the config.
    `until` is the last step to take; a dry run validates and then shows the request that would be sent.

    Raises a `PipelineError` (see `pipeline.errors`) whose `result` says how far the run had come.
    """
    with interpreter() as judge:  # first, for it takes a while to be ready
        settings = load_config(config)
        settings.require("submit" if dry_run else until, source_given=source is not None)
        the_run = _Run(settings, progress, judge)
        return the_run.carry_out(source, "validate" if dry_run else until, dry_run=dry_run)


def validate(
    source: Any = None,
    config: AnyConfig = "config.yaml",
    *,
    output: str | os.PathLike[str],
    progress: Progress | None = None,
) -> Result:
    """The `Result` of reading and validating alone; needs no network and no secret.

    Writes `accepted.csv`, byte for byte what would be staged, and `rejects.csv` to the folder `output`, both
    readable by their owner only. Raises as `run` does.
    """
    with interpreter() as judge:
        settings = load_config(config)
        settings.require("validate", source_given=source is not None)
        return _Run(settings, progress, judge, output=Path(output)).carry_out(source, "validate")


def new_run_id() -> str:
    """A name for a run: when it began, to be found again, and a random part, to be the only one."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class _Run:
    """One run: its config, where it leaves things, and its result as it grows."""

    def __init__(
        self,
        config: Config,
        progress: Progress | None,
        judge: Interpreter | None,
        output: Path | None = None,
    ) -> None:
        self.config = config
        self.judge = judge
        self.progress = progress or (lambda *_: None)
        self.output = output
        self.keys: tuple[str, str] | None = None
        self.told = False
        self.result = Result(new_run_id())
        folder = output or config.path(config.contract.rejects)
        self.rejects_path = folder / ("rejects.csv" if output else f"{self.result.run_id}.csv")

    def carry_out(self, source: Any, until: Step, *, dry_run: bool = False) -> Result:
        """All steps up to `until`; whatever goes wrong, the error carries the result."""
        from pipeline.wire import hushed

        result = self.result
        try:
            with hushed(), ExitStack() as stack:
                if self.config.sandbox and (until != "validate" or dry_run):
                    self._enter_sandbox(stack)
                result.hosted = self._validate_and_stage(source, until)
                result.state = "staged" if result.hosted else "validated"
                if dry_run:
                    self._show_request()
                if result.hosted:
                    with self._withdrawn_unless_told(result.hosted):
                        preflight.check(self.config, self._store, result.hosted)
                        if until != "stage":
                            self._submit_and_track(result.hosted, until)
        except PipelineError as error:
            result.error, error.result = error, result
            if result.state != "submitted" or isinstance(error, TrackError):
                result.state = error.state
            raise
        except KeyboardInterrupt as stop:
            stop.result = result  # type: ignore[attr-defined]  # so that who catches it knows of the job
            raise
        return result

    @cached_property
    def _store(self) -> Store:
        return Store(self.config.stage, self.keys)

    @contextmanager
    def _withdrawn_unless_told(self, hosted: HostedFile) -> Iterator[None]:
        """Remove the hosted file again where this ends badly and the API has surely not taken its URL."""
        try:
            yield
        except BaseException as error:
            if not self.told or isinstance(error, (SubmitRefused, SubmitUnavailable)):
                try:
                    self._store.remove(hosted.key)
                    self.result.hosted = None
                except StageError as left:
                    log.warning("%s is left in bucket %s: %s", hosted.key, hosted.bucket, left.message)
            raise

    def _enter_sandbox(self, stack: ExitStack) -> None:
        """Replace storage and API by embedded ones, and wait for the job there to end."""
        from pipeline import sandbox

        started = stack.enter_context(sandbox.start(primary_key=self.config.contract.primary_key))
        self.config = started.replace_in(self.config)
        self.keys = (started.access_key, started.secret_key)

    def _validate_and_stage(self, given: Any, until: Step) -> HostedFile | None:
        """The hosted file; None where the run ends before. Nothing is visible unless all was well."""
        from pipeline.contract import ContractChangedError

        source = self._source(given)
        with self._imported_ahead(until):
            contract = self._contract(from_memory=_can_be_read_again(source))
        try:
            return self._staged_by(contract, source, until)
        except (PipelineError, ContractChangedError):
            itself = contract.confirmed()
            if itself is contract:
                raise
        return self._staged_by(itself, source, until)

    def _staged_by(self, contract: Contract, given: Any, until: Step) -> HostedFile | None:
        """What `_validate_and_stage` does, by a contract that may be but remembered."""
        from pipeline.contract import ContractChangedError
        from pipeline.read import open_source
        from pipeline.rejects import Rejects

        with ExitStack() as stack:
            source = stack.enter_context(
                open_source(
                    given,
                    self.config.source,
                    contract_names=contract.names,
                    resolve=contract.resolve,
                )
            )
            rejects = stack.enter_context(Rejects(self.rejects_path, source.header, source.place_column))
            target = self._target(stack, until, source.size)
            self._sift(source, contract, rejects, target.write if target else len)
            if contract.confirmed() is not contract:
                raise ContractChangedError
            if isinstance(target, PrivateFile):
                target.complete()
            self._decide()
            return target.complete() if isinstance(target, Upload) else None

    @contextmanager
    def _imported_ahead(self, until: Step) -> Iterator[None]:
        """Meanwhile, in a thread, what takes long to import is imported; its errors wait for who needs it."""

        def prepare() -> None:
            import pipeline.rejects
            import pipeline.validate  # noqa: F401

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

    def _contract(self, *, from_memory: bool) -> Contract:
        from pipeline.contract import load_contract_in

        wanted = self.config.contract
        return load_contract_in(
            self.judge,
            wanted.schema_,
            base=self.config.base,
            primary_key=wanted.primary_key,
            unknown_columns=wanted.unknown_columns,
            from_memory=from_memory,
        )

    def _source(self, given: Any) -> Any:
        """What to read: a path or frame that was given, else `source.path`, from the config's folder."""
        path = given if given is not None else self.config.source.path
        if path is None:
            raise ConfigError(
                "There is no source: none was given and the config names none.",
                hint="Name a file on the command line, pass a DataFrame, or set source.path.",
            )
        if given is None and path != "-":
            path = self.config.path(path)
        if (
            self.output
            and isinstance(path, str | Path)
            and (target := _written_over(Path(path), self.output))
        ):
            raise ConfigError(
                f"The source {path} would be written over: {target} is what this run writes.",
                hint="Choose another folder with --output.",
            )
        return path

    def _target(self, stack: ExitStack, until: Step, size: int | None) -> Upload | PrivateFile | None:
        """Where good bytes go: the bucket, a local file, or nowhere."""
        if until != "validate":
            store = self._store
            preflight.prepare(self.config, store, until)
            return stack.enter_context(Upload(store, self.result.run_id, size))
        return stack.enter_context(PrivateFile(self.output / "accepted.csv")) if self.output else None

    def _sift(
        self, source: Source, contract: Contract, rejects: Rejects, write: Callable[[bytes], Any]
    ) -> None:
        """Read the source to its end: good bytes to `write`, the others to the rejects file."""
        from pipeline.engines.local import ahead, in_order
        from pipeline.validate import accepted, header_row, judged, screen, settled

        result, header, done = self.result, source.header, 0
        result.records = result.accepted = result.rejected = 0
        uniqueness = contract.uniqueness(header.columns)
        work = partial(screen, header=header, contract=contract, uniqueness=uniqueness)
        screened = in_order(work, ahead(source.slices()))
        verdicts = judged(screened, contract, uniqueness)
        write(header_row(header))
        for verdict in settled(verdicts, uniqueness, contract.bind(header.columns).reasons):
            rejects.write(verdict)
            write(accepted(verdict, header))
            done += verdict.table.size
            result.records += verdict.table.records
            result.rejected, result.reasons = rejects.count, dict(rejects.reasons)
            result.accepted = result.records - result.rejected
            result.rejects_file = str(rejects.path) if rejects.path else None
            self.progress("validate", done, source.size, result.records)
        if result.records == 0:
            raise SourceError("The source has a header and no records.", hint="Is the export whole?")

    def _decide(self) -> None:
        """Raise unless what was read is good enough to go on with."""
        result, allowed = self.result, self.config.contract.max_rejected
        if not self.config.contract.allows(result.rejected, result.records):
            raise RejectedRows(
                f"{result.rejected:,} of {result.records:,} records were rejected and contract.max_rejected "
                f"allows {allowed}: nothing is visible in the bucket and nothing was sent.",
                hint=f"The rejects and their reasons are in {result.rejects_file}: mend the source, "
                + "set source.encoding if it is not UTF-8, " * ("_record:encoding" in result.reasons)
                + "or raise contract.max_rejected, and run again.",
            )
        if result.accepted == 0:
            raise RejectedRows(
                f"All {result.records:,} records were rejected: there is nothing to send.",
                hint=f"Mend {result.rejects_file} in place, and run that file.",
            )

    def _show_request(self) -> None:
        from pipeline import submit, track

        key = self._store.key(f"{self.result.run_id}-***.csv")
        path = f"<{self.config.stage.url} URL of s3://{self.config.stage.bucket}/{key}>"
        url = track.callback_url(self.config.track, self.result.run_id)
        self.result.request = str(submit.build(self.config, path, url and "<callback URL>"))

    def _submit_and_track(self, hosted: HostedFile, until: Step) -> None:
        from pipeline import submit, track

        result, config = self.result, self.config.track
        waits = until == "track" and config.wait > 0
        with track.receiving(config, result.run_id) if waits else nullcontext() as receiver:
            url = receiver.url if receiver else track.callback_url(config, result.run_id)
            self.progress("submit", 0, None, result.records)
            request = submit.build(self.config, hosted.url, url)
            self.told = True
            job = _submit(request)
            result.requestid, result.state = job.requestid, "submitted"
            if receiver:
                self.progress("track", 0, None, result.records)
                try:
                    result.outcome = track.wait(job, receiver, config.wait)
                except JobFailed as error:
                    result.outcome = error.outcome
                    raise
                result.state = "completed"


def _written_over(source: Path, output: Path) -> Path | None:
    """The file in the folder `output` that is the source itself."""
    targets = (output / "accepted.csv", output / "rejects.csv")
    return next((t for t in targets if t.exists() and source.exists() and t.samefile(source)), None)


def _can_be_read_again(source: Any) -> bool:
    """Whether the source is a file, and neither a pipe nor a frame."""
    return isinstance(source, str | Path) and Path(source).is_file()


def _submit(request: Request) -> Job:
    """The job. Whatever stops this process while the API is asked, the outcome is not known."""
    from pipeline.submit import LOOK_FIRST, submit

    try:
        return submit(request)
    except SubmitError:
        raise
    except BaseException as stop:  # noqa: BLE001 - Ctrl-C above all
        raise SubmitUnknown(
            f"Stopped ({type(stop).__name__}) while the API was asked: it may have taken the job.",
            hint=LOOK_FIRST,
        ) from None
