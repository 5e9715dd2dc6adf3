"""The command line: a thin wrap around the library. One error is one exit code; `--json` is one object.

Nothing heavy is imported before a command runs, so help and usage errors come at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline import process
from pipeline.errors import PipelineError

if TYPE_CHECKING:
    from pipeline.handoffs import Result, Step

TRACEBACK = "PIPELINE_TRACEBACK"
INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143}

config_option = click.option(
    "-c", "--config", default="config.yaml", show_default=True, help="The config file.", metavar="FILE"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(package_name="netcore-bulk-upload")
@click.pass_context
def cli(context: click.Context) -> None:
    """Validate contacts, host them on S3 and load them through Netcore CE's bulk-upload API.

    Exit codes: 0 done, 2 config or usage, 3 source, 4 rejected records, 5 storage, 6 API, 7 job,
    130/143 interrupted, 1 anything else.
    """
    if context.invoked_subcommand is None:  # click 8.1 would leave with 0
        click.echo(context.get_help(), err=True)
        context.exit(2)


@cli.command()
@click.argument("folder", default=".", metavar="[DIR]")
def init(folder: str) -> None:
    """Write a config, the default contract and the example to DIR (default: here), to start from."""
    from pipeline import starter

    for path in starter.write(Path(folder)):
        click.echo(path)


@cli.command()
@click.argument("source", required=False)
@config_option
@click.option(
    "--until",
    type=click.Choice(["validate", "stage", "submit", "track"]),
    default="track",
    show_default=True,
    help="The last step to take.",
)
@click.option("--dry-run", is_flag=True, help="Validate, then show the request that would be sent.")
@json_option
def run(source: str | None, config: str, until: Step, dry_run: bool, as_json: bool) -> None:
    """Take SOURCE (a .csv, a .csv.gz, - for standard input; default: source.path) through all five steps."""
    from pipeline import flow

    def job(progress: Any) -> Result:
        return flow.run(source, config, until=until, dry_run=dry_run, progress=progress)

    _carry_out(job, as_json)


@cli.command()
@click.argument("source", required=False)
@config_option
@click.option(
    "-o", "--output", required=True, metavar="DIR", help="Where accepted.csv and rejects.csv are written."
)
@json_option
def validate(source: str | None, config: str, output: str, as_json: bool) -> None:
    """Write what would be staged and what would be rejected to DIR; needs no network and no secret."""
    from pipeline import flow

    _carry_out(lambda progress: flow.validate(source, config, output=output, progress=progress), as_json)


@cli.command()
@config_option
@click.option(
    "--apply", "action", flag_value="apply", help="Merge it into the bucket's policy, all else kept."
)
@click.option("--check", "action", flag_value="check", help="Exit 0 if it is there and nothing else opens.")
@click.option("--remove", "action", flag_value="remove", help="Take it out of the bucket's policy.")
@click.option(
    "--permissions", "action", flag_value="permissions", help="Print the least IAM policy for a run instead."
)
def policy(config: str, action: str | None) -> None:
    """Print the statement by which a bucket's policy opens hosted files for the configured URL mode.

    Of the options the last one counts. Exit codes: 0 done, or in place; 2 config; 5 storage, or --check
    found it missing, changed, or the bucket open to others.
    """
    from pipeline.policy import command as access

    click.echo(access.carry_out(config, action))


@cli.command("config-schema")
def config_schema() -> None:
    """Print the JSON Schema of the config file, for editors that complete and check it."""
    from pipeline.config import Config

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    click.echo(json.dumps(schema, indent=2))


@cli.command()
@click.option("--primary-key", multiple=True, metavar="NAME", help="What the stand-in API keeps contacts by.")
def sandbox(primary_key: tuple[str, ...]) -> None:
    """Start an embedded S3 and a stand-in for the bulk-upload API, and keep them until Ctrl-C."""
    from pipeline import report
    from pipeline import sandbox as embedded

    with suppress(Stopped), embedded.start(primary_key=primary_key) as started:
        report.sandbox(started)
        signal.pause()


def _carry_out(job: Callable[[Any], Result], as_json: bool) -> NoReturn:
    """Run the job and leave with its exit code, having said what happened in the way that was asked for."""
    from pipeline import report

    try:
        # Standard output is for what was asked for, so what a contract prints goes where errors go.
        with report.progress(quiet=as_json) as progress, redirect_stdout(sys.stderr):
            result = job(progress)
    except Stopped as stop:
        raise Interrupted(stop) from None
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    else:
        report.summary(result)
    sys.exit(0)


def _fail(error: PipelineError, as_json: bool) -> int:
    from pipeline import report
    from pipeline.handoffs import Result

    if as_json:
        result = error.result or Result(run_id="", error=error)
        click.echo(json.dumps(result.to_dict()))
    else:
        if error.result:
            report.summary(error.result)
        report.failure(error)
    return error.exit_code


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. No `Exception`: pandera takes any that is raised within a check for a failed row."""

    def __init__(self, signum: int) -> None:
        self.signum = signal.Signals(signum)
        self.result: Result | None = None


class Interrupted(PipelineError):
    """A run that was stopped: what was begun has been undone, or is told."""

    def __init__(self, stop: Stopped) -> None:
        self.exit_code = INTERRUPTED[stop.signum]  # type: ignore[misc]
        job = stop.result.requestid if stop.result else None
        self.retryable = not job  # type: ignore[misc]
        hint = "Nothing was left half done; run again when you like."
        if job:
            hint = f"Job {job} goes on at the platform: do not run it again."
        super().__init__(f"Stopped by {stop.signum.name}.", hint=hint)
        self.result = stop.result
        if self.result:
            self.result.error = self


class Unexpected(PipelineError):
    """A fault of ours, told without its own message: that could hold a contact's value."""

    def __init__(self, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        detail = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        place = f"{frame.name}, {Path(frame.filename).name} line {frame.lineno}"
        super().__init__(
            f"{type(error).__name__}{detail}, in {place}.",
            hint=f"Set {TRACEBACK}=1 to see all of it; it may show contacts, so look before you pass it on.",
        )


def _interrupt(signum: int, _frame: FrameType | None) -> NoReturn:
    for name in INTERRUPTED:
        signal.signal(name, signal.SIG_IGN)  # a second one must not break off the cleaning up
    raise Stopped(signum)


def main(arguments: list[str] | None = None) -> NoReturn:
    """The command line's entry point: always leaves by sys.exit with a documented code."""
    process.set_up()
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    for name in INTERRUPTED:
        signal.signal(name, _interrupt)
    try:
        code = cli.main(arguments, prog_name="python -m pipeline", standalone_mode=False)
    except PipelineError as error:
        code = _fail(error, as_json)
    except click.ClickException as error:
        if as_json:
            code = _fail(_Usage(error.format_message()), as_json)
        else:
            error.show()
            code = error.exit_code
    except click.Abort as abort:  # what click makes of a KeyboardInterrupt
        stop = abort.__cause__
        code = _fail(Interrupted(stop if isinstance(stop, Stopped) else Stopped(signal.SIGINT)), as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        code = _fail(Unexpected(error), as_json)
    sys.exit(code if isinstance(code, int) else 0)


class _Usage(PipelineError):
    exit_code = 2
