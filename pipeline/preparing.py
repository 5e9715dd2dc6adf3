"""The commands around a first run: config-schema, explain, policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pipeline.options import Command, config_option, hints_for

if TYPE_CHECKING:
    from pipeline.policy.permissions import Role


@click.command(
    "config-schema", cls=Command, examples=("config-schema", "config-schema > netcore-config.schema.json")
)
def config_schema() -> None:
    """Print the JSON Schema of the config file.

    Editors complete and check the file with it.
    """
    from pipeline.config import Config

    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    click.echo(json.dumps(schema, indent=2))


@click.command(cls=Command, examples=("explain", "explain EMAIL:email -c upload.yaml"))
@click.argument("reason", required=False)
@config_option
def explain(reason: str | None, config: str) -> None:
    """Tell what a REASON for rejects asks for.

    With examples of what is taken and what is not; without REASON, a sentence for each of the contract's.
    """
    from pipeline import reasons

    with hints_for(config):
        click.echo(reasons.explain(config, reason))


@click.command(cls=Command, examples=("policy --permissions --for status", "policy --check -c upload.yaml"))
@config_option
@click.option("--apply", "action", flag_value="apply", help="Merge it into the bucket's; all else stays.")
@click.option("--check", "action", flag_value="check", help="Exit 0 if it is there and nothing else opens.")
@click.option("--remove", "action", flag_value="remove", help="Take it out of the bucket's policy.")
@click.option(
    "--permissions", "action", flag_value="permissions", help="Print the least IAM policy for --for instead."
)
@click.option(
    "--for",
    "role",
    type=click.Choice(["run", "cluster", "listen", "status", "clean"]),
    default="run",
    show_default=True,
    help="Whose permissions.",
)
@click.option(
    "--lifecycle", is_flag=True, help="Show, or --apply, the bucket's lifecycle rules with ours in them."
)
def policy(config: str, action: str | None, role: Role, lifecycle: bool) -> None:
    """Print or apply what the bucket needs.

    First of all the statement by which its policy opens hosted files for the configured URL mode.

    Of the first four options the last one counts. Exit codes: 0 done, or in place; 2 config; 5 storage, or
    --check found it missing, changed, or the bucket open to others.
    """
    from pipeline.policy import command as access

    if lifecycle and action not in (None, "apply"):
        raise click.UsageError("--lifecycle goes with --apply or alone.")
    with hints_for(config):
        if lifecycle:
            click.echo(access.rules(config, apply=action == "apply"))
        else:
            click.echo(access.carry_out(config, action, role=role))


ALL = (config_schema, explain, policy)
