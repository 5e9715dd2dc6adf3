"""The judge in an interpreter of its own, so that pandas and pandera are imported and run beside the caller.

This is the caller's end, serve.py the other. It is started before anything is known of the contract and
imports what it will need; `load` then tells it which contract. Both ways it is plain data over pipes: a JSON
line, then the rows as an Arrow stream or, back, the numbers of rows and of reasons; nothing is pickled,
nothing forked. One question is under way at a time, from whatever thread. It ends with its caller, however
that ends.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.judgement import Judgement

Plain = dict[str, Any]

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from pipeline.contract.serve import serve; serve()"
)


@contextmanager
def interpreter() -> Iterator[Interpreter | None]:
    """An interpreter that is starting; None where what runs this program cannot be started again."""
    if not re.fullmatch(r"(?:python|pypy)[0-9.]*(?:\.exe)?", Path(sys.executable or "").name):
        yield None
        return
    with Interpreter() as started:
        yield started


class JudgeLost(RuntimeError):
    """The interpreter ended, or broke, before it had answered."""


class Interpreter:
    """A judge that can be asked from here: `load` a contract, then `ask` about rows. A context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # it holds nothing that could be lost
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _there(pipe).close()

    def load(self, **named: Any) -> Plain:
        """The rules (as `Rules.to_json`) of the contract that `load_contract` makes of these arguments.

        Raises ConfigError as that does, JudgeLost.
        """
        rules: Plain = self._answer(named)["rules"]
        return rules

    def ask(self, cells: pl.DataFrame) -> Judgement:
        """The judgement on all rows of `cells`; raises what `Contract.judge` does, JudgeLost."""
        import numpy as np
        import polars as pl

        from pipeline.contract.judgement import Judgement

        stream = cells.write_ipc_stream(None).getbuffer()
        answer = self._answer({"bytes": len(stream)}, stream)
        rows, reasons = np.frombuffer(answer["data"], np.int64).reshape(2, -1)
        changed = {name: pl.Series(name, new, dtype=pl.String) for name, new in answer["changed"].items()}
        return Judgement(rows, reasons, answer["names"], changed)

    def _answer(self, question: Mapping[str, Any], data: memoryview | bytes = b"") -> Plain:
        try:
            with self._lock:
                pipe = _there(self._process.stdin)
                pipe.write(json.dumps(question).encode() + b"\n")
                pipe.write(data)
                pipe.flush()
                line = _there(self._process.stdout).readline()
                answer: Plain = json.loads(line or "{}")
                found = _there(self._process.stdout).read(16 * answer.get("failures", 0))
        except BrokenPipeError:
            line = b""
        if not line:
            raise JudgeLost("the interpreter that judges the rows in doubt has ended")
        if "error" in answer:
            raise ConfigError(answer["error"], hint=answer["hint"])
        if "fault" in answer:
            raise JudgeLost(f"the interpreter that judges the rows in doubt broke: {answer['fault']}")
        return answer | {"data": found}


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - for the type checker: it was asked for
    return pipe
