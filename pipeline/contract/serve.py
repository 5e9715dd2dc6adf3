"""The judge's own interpreter (judging.py has the caller's end): questions come in, answers go out.

What the contract prints goes to standard error; what goes wrong is an answer too, so that no traceback shows
a contact's values.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.contract import Contract

Plain = dict[str, Any]


def serve() -> None:
    """Answer questions until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to deal with
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _import()
    served = _Served()
    for line in questions:
        question = json.loads(line)
        served.data = b""
        answer = _told(served.load if served.contract is None else served.judge, question, questions)
        try:
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.write(served.data)
            answers.flush()
        except BrokenPipeError:
            return


def _import() -> None:
    """Import what takes long, while the caller does other things."""
    # pandera would import it to make up data, where it is installed; no contract needs that.
    sys.modules["hypothesis"] = None  # type: ignore[assignment]
    gc.disable()  # so many new objects make it run again and again, for a quarter of the time
    import pipeline.contract.describe
    import pipeline.contract.find  # noqa: F401 - what judges rows is imported when there are rows to judge

    gc.freeze()
    gc.enable()


class _Served:
    """The contract, once it is loaded; `data` follows an answer: rows that fail, and their reasons."""

    contract: Contract | None = None
    data = b""

    def load(self, question: Plain, _: IO[bytes]) -> Plain:
        from pipeline.contract import load_contract

        self.contract = load_contract(**question | {"base": Path(question["base"])})
        return {"rules": self.contract.rules.to_json()}

    def judge(self, question: Plain, questions: IO[bytes]) -> Plain:
        import polars as pl

        assert self.contract is not None  # noqa: S101 - for the type checker
        data = questions.read(question["bytes"])
        judgement = self.contract.judge(pl.read_ipc_stream(io.BytesIO(data)))
        self.data = judgement.rows.tobytes() + judgement.reasons.tobytes()
        return {
            "failures": len(judgement.rows),
            "names": judgement.names,
            "changed": {name: new.to_list() for name, new in judgement.changed.items()},
        }


def _told(answer: Callable[[Plain, IO[bytes]], Plain], question: Plain, questions: IO[bytes]) -> Plain:
    """The answer, or what went wrong as one; an error that is not ours is told without its own words."""
    try:
        return answer(question, questions)
    except ConfigError as error:
        return {"error": error.message, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - its text, or a traceback, could hold a contact's values
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return {"fault": f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"}
