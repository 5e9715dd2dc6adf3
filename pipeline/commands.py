"""The commands about runs that have been: status, wait, resolve, clean, rejects, listen."""

from __future__ import annotations

import csv
import json
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.options import Age, Command, config_option, hints_for, json_option, log_option, with_config

if TYPE_CHECKING:
    from pipeline.ledger.runs import RunStatus


@click.command(cls=Command, examples=("status", "status RUN_ID -c upload.yaml"))
@click.argument("run_id", required=False)
@config_option
@json_option
@click.option("--since", type=Age(), default="7d", show_default=True, help="Runs that began since then.")
@click.option("-o", "--output", metavar="FILE", help="Write a CSV file with one row per run.")
@click.option("--raw-callback", is_flag=True, help="Print what the platform sent to RUN_ID's callback.")
def status(
    run_id: str | None,
    config: str,
    as_json: bool,
    since: timedelta,
    output: str | None,
    raw_callback: bool,
) -> None:
    """Show what became of RUN_ID, or of all runs.

    Any machine that reaches the bucket may ask.

    Exit codes: 0 known, whatever the state; 2 config, or no such run; 5 storage.
    """
    from pipeline import showing
    from pipeline.ledger import asking

    if raw_callback and run_id is None:
        raise click.UsageError("--raw-callback needs a RUN_ID.")
    with hints_for(config):
        if raw_callback and run_id:
            for body in asking.raw_callbacks(run_id, config):
                click.echo(body, nl=not body.endswith(b"\n"))
            return
        runs = [asking.status(run_id, config)] if run_id else asking.status(None, config, since=since)
    if output:
        _write(Path(output), runs)
    if as_json:
        click.echo(json.dumps(runs[0].to_dict() if run_id else [run.to_dict() for run in runs]))
    elif run_id:
        click.echo(with_config(showing.one(runs[0]), config))
    else:
        click.echo(with_config(showing.table(runs, since), config))
    if run_id and runs[0].state == "absent":
        click.get_current_context().exit(2)


def _write(path: Path, runs: list[RunStatus]) -> None:
    from pipeline.ledger.runs import RunStatus
    from pipeline.private import PrivateFile

    names = list(RunStatus("", "absent").to_dict())
    with PrivateFile(path) as file:
        rows: list[list[Any]] = [names]
        for run in runs:
            plain = run.to_dict()
            rows.append([_cell(plain[name]) for name in names])
        for row in rows:
            file.write(_line(row))
        file.complete()


def _line(row: list[Any]) -> bytes:
    import io

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


@click.command(cls=Command, examples=("wait RUN_ID", "wait RUN_ID -c upload.yaml --timeout 30m"))
@click.argument("run_id")
@config_option
@json_option
@click.option("--timeout", type=Age(), help="How long to wait.  [default: track.wait, or 1h]")
def wait(run_id: str, config: str, as_json: bool, timeout: timedelta | None) -> None:
    """Wait until RUN_ID has ended.

    That is what the ledger says; nothing is sent.

    Exit codes: 0 it ended well; 2 config; 5 storage; 6 nobody knows whether the API took it; 7 it ended
    badly, or goes on.
    """
    from pipeline import live, showing
    from pipeline.ledger import asking

    seconds = timeout.total_seconds() if timeout is not None else None
    with hints_for(config), live.progress(as_json=as_json) as progress:
        found = asking.wait(run_id, config, seconds=seconds, progress=progress)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
    else:
        click.echo(with_config(showing.one(found), config))


@click.command(cls=Command, examples=("resolve RUN_ID --submitted REQUESTID", "resolve RUN_ID --resubmit"))
@click.argument("run_id")
@config_option
@json_option
@click.option("--submitted", metavar="REQUESTID", help="The job is there, under this request id.")
@click.option("--resubmit", is_flag=True, help="The job is not there: give it up and send the file again.")
def resolve(run_id: str, config: str, as_json: bool, submitted: str | None, resubmit: bool) -> None:
    """Say what became of an unknown RUN_ID.

    For a run of which nobody knows whether the API took it, once you have looked in the platform's panel.

    Exit codes: as of `run`.
    """
    from pipeline import console, live
    from pipeline import resolve as resolving

    if (submitted is None) is not resubmit:
        raise click.UsageError("Say either --submitted REQUESTID or --resubmit.")
    if submitted is not None:
        with hints_for(config):
            resolving.mark(run_id, submitted, config)
        said = f"Run {run_id} is submitted, as {submitted}."
        click.echo(json.dumps({"run_id": run_id, "requestid": submitted}) if as_json else said)
        return
    with hints_for(config), live.progress(as_json=as_json) as progress:
        result = resolving.resubmit(run_id, config, progress)
    click.echo(json.dumps(result.to_dict()) if as_json else console.summary(result))


@click.command(cls=Command, examples=("clean --dry-run", "clean -c upload.yaml --older-than 7d"))
@config_option
@click.option(
    "--older-than",
    type=Age(),
    default="48h",
    show_default=True,
    help="Age of uploads and files that no run knows.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@json_option
def clean(config: str, older_than: timedelta, dry_run: bool, as_json: bool) -> None:
    """Remove what no run needs any more.

    Hosted files whose URL has expired, unfinished uploads, old bodies of callbacks. The record of runs stays.

    Exit codes: 0 done; 2 config; 5 storage.
    """
    from pipeline import showing
    from pipeline.ledger import asking
    from pipeline.result import masked

    with hints_for(config):
        removed = asking.clean(config, older_than=older_than, dry_run=dry_run)
    if as_json:
        rows = [
            {"what": each.what, "key": masked(each.key), "run_id": each.run_id, "why": each.why}
            for each in removed
        ]
        click.echo(json.dumps({"dry_run": dry_run, "removed": rows}))
    else:
        click.echo(showing.removed(removed, dry_run=dry_run))


@click.command(
    cls=Command, examples=("rejects RUN_ID -o rejects.csv", "rejects RUN_ID -c upload.yaml -o rejects.csv")
)
@click.argument("run_id")
@config_option
@click.option("-o", "--output", metavar="FILE", required=True, help="The file, readable by you only.")
def rejects(run_id: str, config: str, output: str) -> None:
    """Fetch the rejects of a run from the bucket.

    RUN_ID took a frame on a cluster, or said `contract.rejects: s3`; its rejects are written to FILE.

    Exit codes: 0 written; 2 config, or there are none; 5 storage.
    """
    from pipeline.spread.rejects import fetch

    with hints_for(config):
        fetch(run_id, Path(output), config)
    click.echo(output)


@click.command(cls=Command, examples=("listen", "listen -c upload.yaml --log-format json"))
@config_option
@log_option
def listen(config: str) -> None:
    """Receive callbacks until Ctrl-C.

    On track.listen, for all runs of this config's bucket and prefix.
    """
    from pipeline import app

    with suppress(KeyboardInterrupt), hints_for(config), app.listening(config) as address:
        click.echo(f"Listening on {address} for callbacks; what comes is recorded in the bucket.", err=True)
        signal.pause()


ALL = (status, wait, resolve, clean, rejects, listen)
