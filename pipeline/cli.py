"""The command line: a thin wrap around the library. One error is one exit code; `--json` is one object.

Nothing heavy is imported before a command runs, so help and usage errors come at once.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline import commands, preparing, process
from pipeline.errors import TRACEBACK, PipelineError, Unexpected
from pipeline.exits import (
    Interrupted,
    Stopped,
    Usage,
    catch_signals,
)
from pipeline.leaving import fail, is_about_output, leave, unwritten
from pipeline.options import (
    Command,
    config_option,
    hints_for,
    json_option,
    log_option,
    program,
    with_config,
)

if TYPE_CHECKING:
    from pipeline.handoffs import Step
    from pipeline.result import Result


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    epilog=f"""\b
Examples:
  {program()} init export.csv
  {program()} run -c upload.yaml
""",
)
@click.version_option(package_name="netcore-bulk-upload")
@click.pass_context
def cli(context: click.Context) -> None:
    """Load contacts into Netcore CE: validate, host on S3, submit.

    The installed command is netcore-bulk-upload: the same as python -m pipeline.

    Exit codes: 0 done, 2 config or usage, 3 source, 4 rejected records, 5 storage, 6 API, 7 job,
    8 done but its output could not be written, 129/130/143 interrupted, 1 anything else.
    """
    if context.invoked_subcommand is None:  # click 8.1 would leave with 0
        click.echo(context.get_help(), err=True)
        context.exit(2)


@cli.command(cls=Command, examples=("init export.csv", "init export.csv -o work/"))
@click.argument("place", default=".", metavar="[FILE|DIR]")
@click.option("-o", "--output", metavar="DIR", help="Where config and contract for FILE go; default: here.")
def init(place: str, output: str | None) -> None:
    """Write a config and a contract to start from.

    For FILE by a look at it; else the example's, to DIR. What a look guesses is printed, and stands in the
    files with the reason. Nothing is overwritten.
    """
    from pipeline.look.writing import begin

    for line in begin(Path(place), Path(output) if output else None, program()):
        click.echo(line)


@cli.command(cls=Command, examples=("run -c upload.yaml --dry-run", "run export.csv.gz -c upload.yaml"))
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
@click.option("--again", is_flag=True, help="Submit although the same was submitted before.")
@click.option("--run-key", metavar="KEY", help="What the job is for, e.g. a date: one job for it.")
@click.option("--first", type=click.IntRange(1), metavar="N", help="Take the first N good records only.")
@json_option
@log_option
def run(
    source: str | None,
    config: str,
    until: Step,
    dry_run: bool,
    again: bool,
    run_key: str | None,
    first: int | None,
    as_json: bool,
) -> None:
    """Take SOURCE through all five steps.

    SOURCE is a .csv, a .csv.gz, or - for standard input; default: source.path.
    """
    from pipeline import flow
    from pipeline.console import after_run

    def job(progress: Any) -> Result:
        return flow.run(
            source,
            config,
            until=until,
            dry_run=dry_run,
            again=again,
            run_key=run_key,
            first=first,
            progress=progress,
        )

    options = ["--again"] if again else []
    options += [f"--run-key={shlex.quote(run_key)}"] if run_key else []
    options += [f"--first={first}"] if first else []
    _carry_out(job, as_json, config, partial(after_run, source=source, options=options))


@cli.command(
    cls=Command, examples=("validate -c upload.yaml -o out/", "validate export.csv -c upload.yaml -o out/")
)
@click.argument("source", required=False)
@config_option
@click.option(
    "-o", "--output", required=True, metavar="DIR", help="Where accepted.csv and rejects.csv are written."
)
@json_option
@log_option
def validate(source: str | None, config: str, output: str, as_json: bool) -> None:
    """Judge SOURCE; nothing is staged or sent.

    Writes what would be staged, and what would be rejected, to DIR. Needs no network and no secret.
    """
    from pipeline import flow
    from pipeline.console import after_validate

    def job(progress: Any) -> Result:
        return flow.validate(source, config, output=output, progress=progress)

    _carry_out(job, as_json, config, partial(after_validate, source=source))


@cli.command(cls=Command, examples=("sandbox", "sandbox --primary-key MOBILE"))
@click.option("--primary-key", multiple=True, metavar="NAME", help="What the stand-in API keeps contacts by.")
def sandbox(primary_key: tuple[str, ...]) -> None:
    """Start an S3 and a stand-in API to try things on.

    They stay until Ctrl-C.
    """
    from pipeline import console
    from pipeline import sandbox as embedded

    with suppress(Stopped), embedded.start(primary_key=primary_key) as started:
        console.sandbox(started)
        signal.pause()


for command in (*commands.ALL, *preparing.ALL):
    cli.add_command(command)


def _carry_out(
    job: Callable[[Any], Result], as_json: bool, config: str, then: Callable[[Result], str]
) -> NoReturn:
    """Run the job and leave with its exit code, having said what happened in the way that was asked for.

    `then` is the command to go on with after a result, if there is one.
    """
    from pipeline import live

    try:
        # Standard output is for what was asked for, so what a contract prints goes where errors go.
        with hints_for(config), live.progress(as_json=as_json) as progress, redirect_stdout(sys.stderr):
            result = job(progress)
    except Stopped as stop:
        raise Interrupted(stop) from None
    if not as_json:  # which says what the library says
        result.warnings = [with_config(sentence, config) for sentence in result.warnings]
    sys.exit(leave(result, None, as_json, with_config(then(result), config)))


def main(arguments: list[str] | None = None) -> NoReturn:
    """The command line's entry point: always leaves by sys.exit with a documented code."""
    process.set_up()
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    code = _code_of(arguments, as_json)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = unwritten(error)
    sys.exit(code)


def _code_of(arguments: list[str], as_json: bool) -> int:
    try:
        catch_signals()
        code = cli.main(arguments, prog_name=program(), standalone_mode=False)
    except PipelineError as error:
        return fail(error, as_json)
    except click.ClickException as error:
        if as_json:
            return fail(Usage(error.format_message()), as_json)
        error.show()
        return error.exit_code
    except Stopped as stop:
        return fail(Interrupted(stop), as_json)
    except click.Abort as abort:  # what click makes of a KeyboardInterrupt
        cause = abort.__cause__
        stopped = cause if isinstance(cause, Stopped) else Stopped(signal.SIGINT)
        return fail(Interrupted(stopped), as_json)
    except Exception as error:
        if isinstance(error, OSError) and is_about_output(error):
            return unwritten(error)
        if os.environ.get(TRACEBACK):
            raise
        return fail(Unexpected(error), as_json)
    return code if isinstance(code, int) else 0
