"""From a local CSV or DataFrame to a finished job at Netcore CE's bulk-upload API, in five steps.

    read  ->  validate  ->  stage  ->  submit  ->  track
    slices    good rows     one        a job       its
    of the    + rejects     hosted     at the      outcome
    source    with reasons  file+URL   API

Each step is a module of that name (the second is `validation`: `validate` is the function below); `flow`
takes them in order, `handoffs` is what one gives to the next.

    from pipeline import run

    result = run(frame, "config.yaml")      # a path, a pandas DataFrame, or anything that offers Arrow data
    print(result.state, result.accepted, result.rejects_file)

Importing this package is cheap and has no side effects: a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.errors import (
    ConfigError,
    JobFailed,
    JobTimeout,
    LedgerError,
    PipelineError,
    RejectedRows,
    SourceError,
    StageError,
    SubmitError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
    TrackError,
    Unexpected,
)

if TYPE_CHECKING:
    from pipeline.app import callback_app
    from pipeline.config import Config
    from pipeline.config.file import load_config
    from pipeline.flow import run, validate
    from pipeline.handoffs import Progress
    from pipeline.ledger.asking import status, wait
    from pipeline.ledger.runs import RunStatus
    from pipeline.result import HostedFile, Outcome, Result

_LAZY = {
    "Config": "pipeline.config",
    "HostedFile": "pipeline.handoffs",
    "Outcome": "pipeline.handoffs",
    "Progress": "pipeline.handoffs",
    "Result": "pipeline.result",
    "RunStatus": "pipeline.ledger.runs",
    "callback_app": "pipeline.app",
    "load_config": "pipeline.config.file",
    "run": "pipeline.flow",
    "status": "pipeline.ledger.asking",
    "wait": "pipeline.ledger.asking",
    "validate": "pipeline.flow",
}

__all__ = [
    "Config",
    "ConfigError",
    "HostedFile",
    "JobFailed",
    "JobTimeout",
    "LedgerError",
    "Outcome",
    "PipelineError",
    "Progress",
    "RejectedRows",
    "Result",
    "RunStatus",
    "SourceError",
    "StageError",
    "SubmitError",
    "SubmitRefused",
    "SubmitUnavailable",
    "SubmitUnknown",
    "TrackError",
    "Unexpected",
    "callback_app",
    "load_config",
    "run",
    "status",
    "validate",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for `dir` and for whatever completes them; the modules are there all the same."""
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
