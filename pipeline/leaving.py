"""How the command line leaves: what happened is said in the way asked for, and makes the exit code."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING

from pipeline.exits import Unwritable, give_up_output, write_aside, write_out

if TYPE_CHECKING:
    from pipeline.errors import PipelineError
    from pipeline.result import Result


def leave(result: Result, error: PipelineError | None, as_json: bool, then: str = "") -> int:
    """The exit code, once all is said; on standard error where standard output cannot be written to."""
    from pipeline import console

    def report() -> str:
        return json.dumps(result.to_dict()) if as_json else console.summary(result, then)

    if (as_json or result.run_id) and (why := write_out(report())):
        if error is None:
            error = Unwritable(why, result)
            result.error = error.failure()
        write_aside(report())
    elif as_json or error is None:
        return error.exit_code if error else 0
    write_aside(console.failure(error))
    return error.exit_code


def fail(error: PipelineError, as_json: bool) -> int:
    """The exit code of an error, once it is told with its result."""
    from pipeline.result import Result

    return leave(error.result or Result(run_id="", error=error.failure()), error, as_json)


def unwritten(error: OSError) -> int:
    """The exit code where standard output fails a command that does nothing but print."""
    give_up_output()
    if isinstance(error, BrokenPipeError):  # whoever reads has enough
        return 1
    return fail(Unwritable(error.strerror or type(error).__name__), as_json=False)


def is_about_output(error: OSError) -> bool:
    """Whether it is a command's own writing that failed."""
    return traceback.extract_tb(error.__traceback__)[-1].name == "echo"
