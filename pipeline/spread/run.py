"""One frame on a cluster taken through both passes: what each needs is signed, what it comes to is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.errors import ConfigError, StageError
from pipeline.handoffs import Plan, Progress, Watch
from pipeline.logs import hand_over
from pipeline.names import ADDED
from pipeline.read.spread import SpreadFrame
from pipeline.rejects import file_head
from pipeline.result import Result
from pipeline.s3.client import Store
from pipeline.s3.failures import storage
from pipeline.sorting import puts_up_with, require_enough
from pipeline.spread import rejects
from pipeline.spread.addresses import Places, addresses, signed_there
from pipeline.spread.records import Target
from pipeline.spread.sorting import Layout, measure, stage
from pipeline.stage import Upload

LEAST_SECONDS = 900.0  # for pass 2 to take; and else so many times as long as pass 1 took
TIMES = 4
SIGNED_FOR, LONGEST = 6 * 3600, 7 * 86400


def require_whole(output: Path | None, first: int | None) -> None:
    """Raise ConfigError where rows of the frame would have to come to this machine, or not all be taken."""
    if output:
        raise ConfigError(
            "`validate` writes all rows to this machine, and this frame lies on a cluster.",
            hint='Use run(frame, config, until="validate"), which counts rejects and reasons there.',
        )
    if first is not None:
        raise ConfigError(
            "`first` is for sources that are read on this machine.",
            hint=f"Pass a smaller frame: frame.limit({first}) in Spark, frame.partitions[:1] in Dask.",
        )


def carried(plan: Plan, file: str) -> Plan:
    """The plan with what the contract's file says in it. Raises ConfigError where that cannot be read."""
    try:
        text = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The contract {file} cannot be read, to be sent to the workers: {error.strerror}.",
            hint="Name a file: path.py:NAME or path.yaml.",
        ) from None
    return replace(plan, contract=replace(plan.contract, text=text))


@dataclass(frozen=True)
class Frame:
    """A frame on its way: `store` is where it goes, None: it is looked at only."""

    source: SpreadFrame
    plan: Plan
    config: Config
    result: Result
    store: Store | None

    def sort(self, begin: Callable[[int], Upload], progress: Watch) -> Upload | None:
        """Take it through both passes: the upload that `begin` has begun, given its size, all its parts put.

        None where nothing is to be staged. Raises RejectedRows, SourceError where the frame is not in pass 2
        what it was in pass 1, ConfigError where workers judge by another contract, StageError where the store
        fails or the credentials would end before the upload does.
        """
        layout = measure(self.source, self.plan, allow_empty=self.config.source.allow_empty)
        progress(Progress("validate", layout.records, layout.rejected))
        if not layout.records:
            self.result.warnings.append("The source has no records: nothing was sent.")
            return None
        seconds = _lifetime(self.store, layout.seconds) if self.store else 0
        allowed = puts_up_with(self.config.contract, layout.rejected, layout.records, self.source)
        staging = self.store and allowed and layout.rejected < layout.records
        upload = begin(layout.size) if staging else None
        self._stage(layout, upload, seconds)
        progress(Progress("validate", layout.records, layout.rejected, layout.records, layout.records))
        self.result.steps["validate"].close()
        hand_over(self.result, "validate")
        require_enough(self.config.contract, self.result, self.source)
        return upload

    def _stage(self, layout: Layout, upload: Upload | None, seconds: int) -> None:
        target: Target | None = None
        places: Places = {}
        if self.store:
            columns = (*self.plan.header.names, self.source.place_column, *ADDED)
            head = file_head(columns, self.source.delimiter, self.source.encoding)
            partitions = layout.with_rejects
            places = rejects.begin(self.store, self.result.run_id, head, partitions, seconds)
            if upload:
                part_bytes, parts = upload.parts_ahead()
                where = addresses(self.store, "upload_part", parts, seconds)
                target = Target(layout.size, part_bytes, where)
        try:
            done = stage(self.source, self.plan, layout, target, places, self.result)
        except BaseException:
            if self.store:
                rejects.remove(self.store, self.result.run_id, places)
            raise
        if upload:
            upload.take([(one.number, one.etag, one.content) for one in done], done[0].head_sha256)
        if self.store and places:
            self.result.rejects_file = rejects.where(self.store, self.result.run_id)


def _lifetime(store: Store, pass_seconds: float) -> int:
    """For how long URLs are signed. Raises StageError where the credentials end before the upload may."""
    if signed_there(store):
        return SIGNED_FOR
    needed = max(LEAST_SECONDS, TIMES * pass_seconds)
    with storage("looking at the credentials"):
        credentials: Any = store.session.get_credentials()
    end = getattr(credentials, "_expiry_time", None) if credentials is not None else None
    if isinstance(end, datetime) and (left := (end - datetime.now(UTC)).total_seconds()) < needed:
        raise StageError(
            f"The AWS credentials end in {left / 60:.0f} minutes, and the upload may take {needed / 60:.0f}: "
            "the URLs that workers put parts by end with them.",
            hint="Fetch fresh credentials, or use a role with longer sessions. Where the workers have a role "
            "of their own that may write there, set stage.workers_sign: true instead.",
        )
    return int(min(LONGEST, max(needed, SIGNED_FOR)))
