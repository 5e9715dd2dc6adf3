"""An S3 store on 127.0.0.1: moto behind a gate that checks what moto does not.

    client -> Gate (signature, expiry, checksums, who may read without one) -> moto -> answer

`Store` is the caller's side. The server itself (`serve`) is a small interpreter of its own: moto keeps its
objects process-wide and hooks into every boto3 client of its process, so that only this gives each sandbox
a store of its own, leaves the host process as it was, and frees everything on `close`. The listening socket
is made here and handed over: a client may connect at once and is answered when moto has come up.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, cast

from pipeline.sandbox.gate import Gate
from pipeline.sandbox.sigv4 import Keys

SERVE = "from pipeline.sandbox.s3 import serve; serve()"
ACCOUNT = "123456789012"


class Store:
    """A running store, empty but for one bucket; `close` ends it and everything in it is gone."""

    def __init__(self, keys: Keys, bucket: str) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            self.port: int = listener.getsockname()[1]
            self._server = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-P", "-c", SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env=_environment(),
                # Ctrl-C goes to the whole foreground group: the store must outlive it to take the abort.
                start_new_session=True,
            )
            order = [listener.fileno(), self.port, bucket, keys.access_key, keys.secret_key, keys.region]
        self._lifeline = cast("IO[bytes]", self._server.stdin)
        self._lifeline.write(json.dumps(order).encode() + b"\n")
        self._lifeline.flush()

    def close(self) -> None:
        """End the server; a second call does nothing."""
        self._server.kill()
        self._server.wait()
        self._lifeline.close()


def _environment() -> dict[str, str]:
    """The host's environment without what would change moto, and with the way to this package."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("MOTO_", "S3_", "AWS_"))}
    root = str(Path(__file__).parents[2])
    ours["PYTHONPATH"] = os.pathsep.join(filter(None, [root, ours.get("PYTHONPATH", "")]))
    return ours | {"MOTO_ACCOUNT_ID": ACCOUNT}


def serve() -> None:
    """The server process: read the order from standard input, serve until that ends with the parent."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        disable_nagle_algorithm = True

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
            """Request lines hold signatures: none is logged."""

    fd, port, bucket, *credentials = json.loads(sys.stdin.readline())
    keys = Keys(*credentials)
    backend = s3_backends[ACCOUNT]["aws"]
    backend.create_bucket(bucket, keys.region)
    gate = Gate(create_backend_app("s3"), keys, backend.buckets)
    server = make_server("127.0.0.1", port, gate, threaded=True, request_handler=Handler, fd=fd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
