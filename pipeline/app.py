"""The receiver of callbacks for all runs of one bucket and prefix: a WSGI app, and `listen`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pipeline import callback, receiver, track
from pipeline.config import Config
from pipeline.errors import ConfigError, StageError
from pipeline.ledger import callbacks
from pipeline.ledger.asking import AnyConfig, opened
from pipeline.ledger.events import Ledger
from pipeline.logs import log_of
from pipeline.wire import hushed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def callback_app(config: AnyConfig = "config.yaml") -> WSGIApplication:
    """A WSGI application to mount where the platform reaches `track.callback_url`.

    It records what comes for any run of this config's bucket and prefix. Raises ConfigError where there is no
    `track.secret`, by which it knows their addresses.
    """
    settings, ledger = opened(config, "track")
    return _app(settings, ledger)


@contextmanager
def listening(config: AnyConfig = "config.yaml") -> Iterator[str]:
    """Within it, `track.listen` is served; yields the address. Raises ConfigError."""
    settings, ledger = opened(config, "track")
    if not settings.track.listen:
        raise ConfigError(
            "track.listen is missing: where to listen?", hint="For example `listen: 0.0.0.0:8010`."
        )
    app = _app(settings, ledger)
    listener = receiver.listening(settings.track.listen)
    host, port = listener.getsockname()[:2]
    with hushed(), receiver.serving(listener, app):
        yield f"{host}:{port}"


def _app(config: Config, ledger: Ledger) -> WSGIApplication:
    if not config.track.secret:
        raise ConfigError(
            "track.secret is missing: without it nobody else knows a run's callback address.",
            hint="Write `secret: ${NETCORE_CALLBACK_SECRET}` under track: here and where `run` is started.",
        )

    def heard(run_id: str, method: str, body: bytes) -> None:
        try:
            callbacks.hear(ledger, run_id, method, body)
        except StageError as error:
            unrecorded = "A callback for run %s could not be recorded: %s"
            log_of(run_id).warning(unrecorded, run_id, error.message)
            raise

    who = partial(callback.run_addressed, signed_by=config.track.secret)
    about = f"{config.stage.bucket}/{config.stage.prefix}"
    return receiver.application(who, heard, track.own_paths(config.track, about))
