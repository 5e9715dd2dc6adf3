"""What commands have in common: their options, their examples, and hints that name the config in use."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from pipeline import logs
from pipeline.errors import PipelineError
from pipeline.terminal import command, relative

DEFAULT_CONFIG = "config.yaml"
MODULE, INSTALLED = "python -m pipeline", "netcore-bulk-upload"
_COMMAND = re.compile(
    rf"{MODULE} (?:clean|explain|listen|policy|rejects|resolve|run|status|validate|wait)\b(?! -c)"
)

config_option = click.option(
    "-c", "--config", default=DEFAULT_CONFIG, show_default=True, help="The config file.", metavar="FILE"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def _log(_context: click.Context, _option: click.Parameter, form: Any) -> None:
    if form:
        logs.to_stderr(form)


log_option = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    expose_value=False,
    callback=_log,
    help="Log each step to standard error, instead of the progress.",
)


class Command(click.Command):
    """A command whose help ends with examples of it."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the examples, each to be pasted as it stands."""
        with formatter.section("Examples"):
            for example in self.examples:
                for line in command(f"{program()} {example}", formatter.width - 2):
                    formatter.write(f"  {line}\n")


def program() -> str:
    """What this process was called as, to be pasted into the shell that it was called from."""
    script = Path(sys.argv[0]).name
    if script == INSTALLED:
        return _for_shell(sys.argv[0])
    return f"{_for_shell(sys.orig_argv[0])} -m pipeline" if script == "__main__.py" else MODULE


def _for_shell(called: str) -> str:
    """A command's name where a shell finds it by that, else its path."""
    path = Path(called)
    found = shutil.which(path.name)
    is_found = os.sep not in called or (found and Path(found).absolute() == path.absolute())
    return path.name if is_found else shlex.quote(relative(called))


def with_config(text: str, config: str) -> str:
    """The text, in which commands of ours are called as this process was, and name the config in use."""
    if config != DEFAULT_CONFIG:
        text = _COMMAND.sub(lambda found: f"{found[0]} -c {shlex.quote(config)}", text)
    return text.replace(MODULE, program())


@contextmanager
def hints_for(config: str) -> Iterator[None]:
    """Within it, the hints of errors name the config in use."""
    try:
        yield
    except PipelineError as error:
        error.hint = with_config(error.hint, config)
        if error.result:
            error.result.error = error.failure()
        raise


class Age(click.ParamType):  # type: ignore[type-arg]  # older click takes none
    """A duration on the command line: seconds, or 30m, 12h, 7d."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration; a usage error where it is none."""
        from pydantic import TypeAdapter, ValidationError

        from pipeline.config.types import Duration

        if isinstance(value, timedelta):
            return value
        try:
            return timedelta(seconds=TypeAdapter(Duration).validate_python(value))
        except (ValidationError, OverflowError):
            self.fail("a duration is a whole number of seconds, or like 30m, 12h, 7d", param, ctx)
