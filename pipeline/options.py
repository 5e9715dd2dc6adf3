"""What commands have in common: their options, and hints that name the config in use."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click

from pipeline.errors import PipelineError

DEFAULT_CONFIG = "config.yaml"
_COMMAND = re.compile(
    r"python -m pipeline (?:clean|listen|policy|rejects|resolve|run|status|validate|wait)\b(?! -c)"
)

config_option = click.option(
    "-c", "--config", default=DEFAULT_CONFIG, show_default=True, help="The config file.", metavar="FILE"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


def with_config(text: str, config: str) -> str:
    """The text, in which commands of ours name the config in use as well."""
    if config == DEFAULT_CONFIG:
        return text
    return _COMMAND.sub(lambda found: f"{found[0]} -c {shlex.quote(config)}", text)


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
