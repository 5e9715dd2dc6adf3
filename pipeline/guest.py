"""What a run owes the program that calls it: mistakes named, its own errors and its environment kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from numbers import Integral
from threading import Lock
from typing import TYPE_CHECKING, Any, get_args

from pipeline.errors import ConfigError, note_as_callers
from pipeline.handoffs import Step

if TYPE_CHECKING:
    from pipeline.handoffs import Watch

# pandera and polars set these when they are imported, each for a library of its own.
_SET_BY_IMPORTS = ("SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE", "_RJEM_MALLOC_CONF")


def require_step(until: object) -> None:
    """Raise ConfigError unless it names a step: what is misspelt must not mean all of them."""
    if until not in (steps := get_args(Step)):
        raise ConfigError(
            "`until` names no step.", hint=f"The last step to take is one of {', '.join(steps)}."
        )


def require_counts(**counts: object) -> None:
    """Raise ConfigError for a number that is given and is no whole one from 1 on."""
    for name, number in counts.items():
        is_count = not isinstance(number, bool) and isinstance(number, Integral) and int(number) >= 1
        if number is not None and not is_count:
            raise ConfigError(
                f"`{name}` is not usable.",
                hint="It is a whole number from 1 on, or left out.",
            )


def require_flags(**flags: object) -> None:
    """Raise ConfigError for a flag that is neither True nor False: the text "false" must not mean yes."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ConfigError(f"`{name}` is not usable.", hint="It is True or False.")


def watched(progress: Watch | None) -> Watch:
    """The function to call with each `Progress`; what the caller's raises stays the caller's."""
    if progress is None:
        return lambda _: None
    if not callable(progress):
        raise ConfigError(
            "`progress` is not usable.", hint="It is a function that takes a pipeline.Progress."
        )
    called: Callable[[Any], Any] = progress

    @wraps(called)
    def watch(seen: Any) -> None:
        try:
            called(seen)
        except Exception as error:
            note_as_callers(error)
            raise

    return watch


class _Environment:
    """The process's environment, as it was before the first of the runs that go on at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._runs = 0
        self._before: dict[str, str | None] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within it, libraries are imported; what they put into the environment is taken out again."""
        with self._lock:
            if not self._runs:
                self._before = {name: os.environ.get(name) for name in _SET_BY_IMPORTS}
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                for name, value in self._before.items() if not self._runs else ():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value


environment_kept = _Environment().kept
