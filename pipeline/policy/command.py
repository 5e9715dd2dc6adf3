"""What the command `policy` does: print, apply, check or remove our statement, or print the permissions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pipeline import policy, urls
from pipeline.config import Config
from pipeline.config.file import load_config
from pipeline.errors import ConfigError
from pipeline.policy import lifecycle, permissions
from pipeline.policy.permissions import Role
from pipeline.s3.client import Store
from pipeline.wire import hushed


def rules(
    config: str | os.PathLike[str] | Mapping[str, Any] | Config,
    store: Store | None = None,
    *,
    apply: bool = False,
) -> str:
    """The bucket's lifecycle rules with ours in them, as the JSON document that S3 takes.

    With `apply` they are put in place, and the answer is a line that says so. Raises ConfigError and
    StageError; without the right to read the bucket's rules only ours are shown.
    """
    settings = load_config(config)
    settings.require_sections("stage")
    store, ours = store or Store(settings.stage), lifecycle.rules(settings)
    with hushed():
        if apply:
            done = lifecycle.apply(store, ours)
            return f"Our rules are {'now' if done else 'already'} among those of bucket {store.bucket}."
        merged = lifecycle.merged(lifecycle.read(store) or [], ours)
    return json.dumps({"Rules": merged}, indent=2, default=str)


def carry_out(
    config: str | os.PathLike[str] | Mapping[str, Any] | Config,
    action: str | None,
    store: Store | None = None,
    *,
    role: Role = "run",
) -> str:
    """What there is to print: a JSON document, or a line that says what was done.

    `action` is apply, check, remove, permissions, or None to print the statement; only the first three ask
    the store. `role` is whose permissions. Raises ConfigError, and StageError where the store refuses or the
    check finds fault.
    """
    settings = load_config(config)
    if not settings.stage.bucket:
        raise ConfigError("stage.bucket is missing: whose policy?", hint="Name the bucket in the config.")
    settings.require_sections("stage")
    if settings.stage.url == "allowlisted" and not settings.stage.allowed_addresses:
        settings.require_values(("submit", "idc"))
    if action == "permissions":
        return json.dumps(permissions.needed(settings, role), indent=2)
    if action is None:
        return json.dumps(policy.statement(settings), indent=2)
    name, bucket = policy.sid(settings.stage), settings.stage.bucket
    store = store or Store(settings.stage)
    with hushed():
        if action == "remove":
            done = policy.remove(store)
            return f"{name} {'is out of' if done else 'was not in'} the policy of bucket {bucket}."
        ours = policy.statement(settings)
        if action == "apply":
            done = policy.apply(store, ours)
            return f"{name} is {'now' if done else 'already'} in the policy of bucket {bucket}."
        urls.MODES[settings.stage.url].check(store, settings)
        policy.check(store, ours)
    return f"{name} is in the policy of bucket {bucket}, as configured."
