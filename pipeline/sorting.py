"""Steps 1 and 2 for a run: what is read, where its records go, and whether enough of them are good."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from pipeline.causes import TOTALS, by_own_form
from pipeline.contract import sentences
from pipeline.errors import ConfigError, RejectedRows, SourceError
from pipeline.handoffs import Header, Plan, Progress, Source, Watch
from pipeline.read import local_path
from pipeline.rejects import Rejects
from pipeline.result import Result, Why
from pipeline.validation import header_row, validate_slices

if TYPE_CHECKING:
    from pipeline.config import Config, ContractConfig, SourceConfig
    from pipeline.contract import Contract
    from pipeline.read.spread import SpreadFrame
    from pipeline.s3.client import Store


def what_to_read(config: Config, given: Any, output: Path | None) -> Any:
    """The path or frame that was given, else `source.path`, from the config's folder.

    Raises ConfigError where there is none, and where it lies where the run writes to (`output`).
    """
    path = given if given is not None else config.source.path
    if path is None:
        raise ConfigError(
            "There is no source: none was given and the config names none.",
            hint="Name a file on the command line, pass a DataFrame, or set source.path.",
        )
    if isinstance(path, str | os.PathLike):
        path = local_path(path, config.base if given is None else Path())
    if output and isinstance(path, str | Path) and (target := _written_over(Path(path), output)):
        raise ConfigError(
            f"The source {path} would be written over: {target} is what this run writes.",
            hint="Choose another folder with --output.",
        )
    return path


def _written_over(source: Path, output: Path) -> Path | None:
    """The file in the folder `output` that is the source itself."""
    targets = (output / name for name in ("accepted.csv", "rejects.csv", "rejects.part.csv"))
    return next((t for t in targets if t.exists() and source.exists() and t.samefile(source)), None)


def opened(
    stack: ExitStack, given: Any, config: SourceConfig, contract: Contract, slice_bytes: int | None
) -> Source:
    """What is to be read, opened, and closed with the stack.

    Raises SourceError where it cannot be read as a whole, with all that the config should say of a file.
    """
    from pipeline.read import open_source

    source = open_source(
        given,
        config,
        contract_names=contract.rules.names,
        resolve=contract.resolve,
        takes_days=contract.takes_days,
        slice_bytes=slice_bytes,
    )
    try:
        return stack.enter_context(source)
    except SourceError as error:
        from pipeline.look.fit import with_all_facts

        raise with_all_facts(error, given, config, contract.rules) from None


def sort_records(
    source: Source,
    plan: Plan,
    contract: Contract,
    rejects: Rejects,
    write: Callable[[bytes], Any],
    result: Result,
    progress: Watch,
    workers: int | None = None,
    first: int | None = None,
    allow_empty: bool = False,
) -> None:
    """Read the source to its end: good bytes to `write`, the others to the rejects, counts to `result`.

    With `first` reading ends once so many records are good; what comes behind them is not looked at. Raises
    SourceError where there are no records at all, unless that is allowed.
    """
    done = 0
    write(header_row(source.header))
    with closing(validate_slices(source.slices(), plan, contract, workers, first)) as parts:
        for part in parts:
            rejects.write(part)
            write(part.good)
            done += part.size
            result.accepted += part.records - part.rejected
            result.rejected, result.reasons = rejects.count, dict(rejects.reasons)
            result.records = result.accepted + result.rejected
            explain(part.first, plan, result)
            result.rejects_file = str(rejects.path) if rejects.path else None
            for total, counts in ((result.changed, part.changed), (result.blank, part.blank)):
                for name, count in counts.items():
                    total[name] = total.get(name, 0) + count
            progress(Progress("validate", result.records, result.rejected, done, source.size))
            if result.accepted == first:
                result.warnings.append(f"Only the first {first:,} good records were taken, as asked for.")
    rejects.finish()
    result.warnings += source.doubts
    if result.records == 0 and not allow_empty:
        rows = "columns and no records" if source.place_column == "_row" else "a header and no records"
        raise SourceError(
            f"The source has {rows}.",
            hint="Is the export complete? If it may be empty, set source.allow_empty: true.",
        )


def explain(first: Mapping[str, int], plan: Plan, result: Result) -> None:
    """Say in the result what the reasons mean that are new to it; `first` is where each was met."""
    if new := first.keys() - result.why.keys():
        meanings = sentences.of_reasons(plan.rules, plan.header.columns)
        for reason in (reason for reason in first if reason in new):
            meaning = meanings.get(reason)
            sentence = meaning.sentence if meaning else sentences.of_record(reason)
            result.why[reason] = Why(sentence, first[reason])


def where_rejects_go(
    config: Config, store: Store | None, run_id: str, output: Path | None
) -> tuple[Path, Callable[[Path], str] | None]:
    """Where a run writes its rejects, and what takes them to the bucket then, if they are to lie there.

    `store` is None where nothing is to be left there: nothing is sent, or it ends with the run.
    """
    if output:
        return output / "rejects.csv", None
    wanted, name = config.contract.rejects, f"{run_id}.csv"
    if wanted != "s3":
        return config.path(wanted) / name, None
    if store is None:
        return config.path("rejects") / name, None
    from pipeline.spread.rejects import leave

    return Path(gettempdir()) / name, partial(leave, store, run_id)


@contextmanager
def rejects_file(
    path: Path, leave: Callable[[Path], str] | None, source: Source, result: Result
) -> Iterator[Rejects]:
    """The file while it is written; then the result says where it is, and what the rejects have in common.

    Once all of them are there `leave`, if given, takes the file elsewhere, and says where.
    """
    rejects = Rejects(path, source)
    try:
        with rejects:
            yield rejects
    finally:
        _look_at(rejects, source.header, result)
    if leave and rejects.path:
        result.rejects_file = leave(rejects.path)


def _look_at(rejects: Rejects, header: Header, result: Result) -> None:
    result.rejects_file = str(rejects.path) if rejects.path else None
    for reason, hint in rejects.causes(header.columns).items():
        if reason in result.why:  # a stop may have come between the two
            why = result.why[reason]
            result.why[reason] = replace(why, hint=by_own_form(hint, why.sentence))
    if rejects.ends_in_totals:
        result.warnings.append(TOTALS)


def puts_up_with(wanted: ContractConfig, rejected: int, records: int, source: Source | SpreadFrame) -> bool:
    """Whether so many rejects are allowed. Of a rejects file any are: it is mended bit by bit."""
    return bool(source.added) or wanted.allows(rejected, records)


def require_enough(wanted: ContractConfig, result: Result, source: Source | SpreadFrame) -> None:
    """Raise RejectedRows unless what came through is good enough to go on with.

    Those of the source's hints that concern this result go to its warnings, if the run goes on.
    """
    advice = " ".join(_advice(result, source.hints))
    if not puts_up_with(wanted, result.rejected, result.records, source):
        raise RejectedRows(
            f"{result.rejected:,} of {result.records:,} records were rejected and contract.max_rejected "
            f"allows {wanted.max_rejected}: nothing is visible in the bucket and nothing was sent.",
            hint=advice
            or f"{_where_rejects_are(result)}: mend the source, "
            + "set source.encoding if it is not UTF-8, " * ("_record:encoding" in result.reasons)
            + "or raise contract.max_rejected, and run again.",
        )
    if result.accepted == 0:
        raise RejectedRows(
            f"All {result.records:,} records were rejected: there is nothing to send.",
            hint=advice
            or f"{_where_rejects_are(result)}: mend them in place, delete "
            "those that are not to be sent, and run that file.",
        )
    result.warnings += [advice] if advice else []


def _where_rejects_are(result: Result) -> str:
    if not result.rejects_file:
        return "Run it until `stage` to have the rejects and their reasons"
    if result.fetch_rejects:
        return f"`{result.fetch_rejects}` fetches the rejects and their reasons"
    return f"The rejects and their reasons are in {result.rejects_file}"


def _advice(result: Result, hints: Mapping[str, str]) -> Iterator[str]:
    """The setting to change where one cause stands behind many rejects."""
    for reason, hint in hints.items():
        count = result.reasons.get(f"_record:{reason}", 0)
        if count * 10 >= result.records * 9 or (count and reason == "unnamed_cell"):
            yield hint
    if any(reason.endswith(":no_missing_country_code") for reason in result.reasons):
        yield (
            "Some phone numbers lack their country code: if they are all of one country, set contract.region "
            "to it, e.g. contract.region: DE."
        )
