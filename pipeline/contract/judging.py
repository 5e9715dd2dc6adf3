"""The judge in an interpreter of its own, so that pandas and pandera are imported and run beside the caller.

This is the caller's end, serve.py the other. It is started before anything is known of the contract and
imports what it will need; `load` then tells it which contract. Both ways it is plain data over pipes: a JSON
line, then the rows as an Arrow stream or, back, the numbers of rows and of reasons; nothing is pickled,
nothing forked. One question is under way at a time, from whatever thread. It ends with its caller, however
that ends, and may rest where there will be little to ask.
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
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from pipeline.contract.judgement import Judgement

T = TypeVar("T")
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
        self._process: subprocess.Popen[bytes] | None = _started()
        self._loaded: Plain = {}
        self._rules: Plain = {}

    @property
    def pid(self) -> int | None:
        """Its process; None while it rests."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def load(self, **named: Any) -> Plain:
        """The rules (as `Rules.to_json`) of the contract that `load_contract` makes of these arguments.

        Raises ConfigError as that does, JudgeLost.
        """
        with self._lock:
            self._loaded, self._rules = named, self._answer(named)["rules"]
            return self._rules

    def rest(self) -> None:
        """Give its memory back; what is asked later takes a second longer, once, for it has to load again."""
        with self._lock:
            self._end()

    def ask(self, cells: pl.DataFrame) -> Judgement:
        """The judgement on all rows of `cells`; raises what `Contract.judge` does, JudgeLost."""
        import numpy as np
        import polars as pl

        from pipeline.contract.judgement import Judgement

        stream = cells.write_ipc_stream(None).getbuffer()
        with self._lock:
            if self._process is None:
                self._start_again()
            answer = self._answer({"bytes": len(stream)}, stream)
        rows, reasons = np.frombuffer(answer["data"], np.int64).reshape(2, -1)
        changed = {name: pl.Series(name, new, dtype=pl.String) for name, new in answer["changed"].items()}
        return Judgement(rows, reasons, answer["names"], changed)

    def _start_again(self) -> None:
        self._process = _started()
        if self._answer(self._loaded)["rules"] != self._rules:
            raise ConfigError(
                f"the contract {self._loaded['spec']} is another each time it is loaded",
                hint="let its rules not depend on the time or on anything else that changes",
            )

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()  # it holds nothing that could be lost
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            _there(pipe).close()
        self._process = None

    def _answer(self, question: Mapping[str, Any], data: memoryview | bytes = b"") -> Plain:
        try:
            process = _there(self._process)
            pipe = _there(process.stdin)
            pipe.write(json.dumps(question).encode() + b"\n")
            pipe.write(data)
            pipe.flush()
            line = _there(process.stdout).readline()
            answer: Plain = json.loads(line or "{}")
            found = _there(process.stdout).read(16 * answer.get("failures", 0))
        except BrokenPipeError:
            line = b""
        if not line:
            raise JudgeLost("the interpreter that judges the rows in doubt has ended")
        if "error" in answer:
            raise ConfigError(answer["error"], hint=answer["hint"])
        if "fault" in answer:
            raise JudgeLost(f"the interpreter that judges the rows in doubt broke: {answer['fault']}")
        return answer | {"data": found}


def _started() -> subprocess.Popen[bytes]:
    ours = {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.Popen(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", _START, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # pandera names a check by its arguments, and a set of texts is in another order for each seed.
        env=os.environ | ours,
    )


def _there(it: T | None) -> T:
    assert it is not None  # noqa: S101 - for the type checker: it was asked for
    return it
