"""What the package offers for a run: `run` and `validate`; steps.py takes the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import without_frames
from pipeline.guest import environment_kept, require_counts, require_flags, require_step

if TYPE_CHECKING:
    import requests
    from boto3.session import Session

    from pipeline.config import Config
    from pipeline.handoffs import Step, Watch
    from pipeline.result import Result

    AnyConfig = str | os.PathLike[str] | Mapping[str, Any] | Config

SMALL_SLICE = 1 << 18  # bytes that are read at a time where few records are wanted


@without_frames
@environment_kept()
def run(
    source: Any = None,
    config: AnyConfig = "config.yaml",
    *,
    until: Step = "track",
    dry_run: bool = False,
    again: bool = False,
    run_key: str | None = None,
    first: int | None = None,
    progress: Watch | None = None,
    workers: int | None = None,
    slice_bytes: int | None = None,
    session: Session | None = None,
    http: requests.Session | None = None,
) -> Result:
    """How far the run came and what it did: a `Result`, whose `state` names the last step that was done.

    `source` is a path (.csv, .csv.gz, `-` for standard input), a pandas DataFrame, or anything that offers
    Arrow data (`__arrow_c_stream__`: polars, pyarrow, duckdb); None takes `source.path` of the config.
    `until` is the last step to take; a dry run validates and then shows the request that would be sent.
    `run_key` names what the job is for (default: submit.run_key): there is one job for it, whatever the
    content, unless `again`. `first` takes so many good records and no more, for a first real run.
    `workers` threads work on slices of about `slice_bytes`; what comes out is the same whatever they are.
    `session` is a boto3 session for the bucket, `http` a requests session whose connections, proxies and
    certificates are used for the API and the hosted URL; both are left as they are (docs/python.md).

    Raises a `PipelineError` (see `pipeline.errors`) whose `result` says how far the run had come.
    """
    from pipeline import forked
    from pipeline.config.file import load_config

    require_step(until)
    require_flags(dry_run=dry_run, again=again)
    require_counts(first=first, workers=workers, slice_bytes=slice_bytes)
    forked.check()
    settings = load_config(config).with_run_key(run_key)
    settings.require("submit" if dry_run else until, source_given=source is not None)
    from pipeline.steps import Run

    slice_bytes = slice_bytes or (SMALL_SLICE if first is not None else None)
    this = Run(
        settings,
        progress,
        workers=workers,
        slice_bytes=slice_bytes,
        again=again,
        first=first,
        session=session,
        http=http,
    )
    return this.carry_out(source, "validate" if dry_run else until, dry_run=dry_run)


@without_frames
@environment_kept()
def validate(
    source: Any = None,
    config: AnyConfig = "config.yaml",
    *,
    output: str | os.PathLike[str],
    progress: Watch | None = None,
    workers: int | None = None,
    slice_bytes: int | None = None,
) -> Result:
    """The `Result` of reading and validating alone; needs no network and no secret.

    Writes `accepted.csv`, byte for byte what would be staged, and `rejects.csv` to the folder `output`, both
    readable by their owner only. Takes all else, and raises, as `run` does.
    """
    from pipeline import forked
    from pipeline.config.file import load_config
    from pipeline.steps import Run

    require_counts(workers=workers, slice_bytes=slice_bytes)
    forked.check()
    settings = load_config(config)
    settings.require("validate", source_given=source is not None)
    this = Run(settings, progress, output=Path(output), workers=workers, slice_bytes=slice_bytes)
    return this.carry_out(source, "validate")
