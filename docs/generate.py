"""The tables of the docs, made from the code they describe; cog puts them in (`make docs`)."""

from __future__ import annotations

from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline import errors
from pipeline.cli import cli
from pipeline.config import Config


def exit_codes() -> str:
    """A Markdown table of the error tree, with exit codes and what may be started again."""
    rows = ["| exit | error | retryable | when |", "| --- | --- | --- | --- |", "| 0 | | | done |"]
    for name in errors.__all__:
        error = getattr(errors, name)
        if not error.__subclasses__() or error.__module__ != errors.__name__:
            when = (error.__doc__ or "").strip().splitlines()[0]
            retryable = "yes" if error.retryable else "no"
            rows.append(f"| {error.exit_code} | `{name}` | {retryable} | {when} |")
    rows[3:] = sorted(rows[3:])
    rows.append("| 130, 143 | `Interrupted` | yes | Ctrl-C or SIGTERM; what was begun was undone |")
    return "\n".join(rows)


def config_keys() -> str:
    """A Markdown table for each section of the config, one row a key."""
    parts = ["| key | default | meaning |", "| --- | --- | --- |"]
    for name, field in Config.model_fields.items():
        section: Any = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            parts.append(_row(name, field))
            continue
        for key, inner in section.model_fields.items():
            parts.append(_row(f"{name}.{inner.alias or key}", inner))
    return "\n".join(parts)


def _row(key: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else _shown(field.default)
    inner = [value for part in get_args(field.annotation) for value in (part, *get_args(part))]
    choices = [value for value in inner if isinstance(value, str)]
    one_of = f" One of {', '.join(f'`{value}`' for value in choices)}." if choices else ""
    meaning = f"{field.description}{one_of}".replace("|", "\\|")
    return f"| `{key}` | {default} | {meaning} |"


def _shown(default: Any) -> str:
    if default in (None, "", (), {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def commands() -> str:
    """The help of every command."""
    parts = []
    for name in sorted(cli.commands):
        command = cli.commands[name]
        with click.Context(command, info_name=f"python -m pipeline {name}", max_content_width=100) as context:
            context.help_option_names = ["-h", "--help"]
            parts.append(f"```\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)
