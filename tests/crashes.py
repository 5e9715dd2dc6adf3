"""Processes that are killed, stopped and started together, on the sandbox's store and on a real one alike."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakes import Arrived, Wire, answer, read_request, wire
from ledgers import Ahead

if TYPE_CHECKING:
    import socket

    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[1]
CONTENT = "EMAIL\n" + "".join(f"asha{number}@example.com\n" for number in range(200))
CONTRACT = "import pandera.pandas as pa\nCONTACT = pa.DataFrameSchema({'EMAIL': pa.Column(str)})\n"


@dataclass
class Jobs:
    """An API that takes every job whose whole request arrives, each under an id of its own."""

    taken: list[str] = field(default_factory=list)

    def __call__(self, server: Wire, connection: socket.socket) -> None:
        request = read_request(connection)
        if request is None or request.method != "POST" or b"path=" not in request.body:
            return
        self.taken.append(f"{len(self.taken):032x}")
        server.arrived.append(request)
        connection.sendall(
            answer(200, json.dumps({"requestid": self.taken[-1], "result": "Success"}).encode())
        )


@dataclass
class Bench:
    """One bucket and prefix, an API, and processes that run the same file by the same config.

    `store` is the proxy in front of the store: it shows each request and each answer to its `on`.
    `command` is run with the file, `-c`, the config and `--json`.
    """

    folder: Path
    s3: S3Client
    settings: dict[str, Any]
    environment: dict[str, str]
    jobs: Jobs
    store: Watched
    command: Sequence[str] = (sys.executable, "-m", "pipeline", "run")

    @property
    def prefix(self) -> str:
        return str(self.settings["stage"]["prefix"])

    def start(self, *arguments: str, **changes: Any) -> subprocess.Popen[str]:
        config = self.folder / "upload.json"
        config.write_text(json.dumps(self.settings | changes))
        return subprocess.Popen(
            [*self.command, str(self.folder / "contacts.csv"), "-c", str(config), "--json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=self.environment,
        )  # fmt: skip

    def run(self, *arguments: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """The exit code and what a run says."""
        return said(self.start(*arguments, **changes))

    def names(self) -> list[str]:
        """What is in the bucket, below the prefix; parts of unfinished uploads are called so."""
        bucket = self.settings["stage"]["bucket"]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=self.prefix)
        found = [each["Key"] for page in pages for each in page.get("Contents", [])]
        uploads = self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        found += ["upload " + each["Key"] for each in uploads if each["Key"].startswith(self.prefix)]
        return [name.replace(self.prefix, "", 1) for name in found]


def said(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, json.loads(out) if out.strip() else {}


class Watched(Ahead):
    """A store whose requests are shown to `on` before they are passed on and before they are answered."""

    def __init__(self, store_port: int) -> None:
        super().__init__(store_port, lambda *_: None)
        self.on: Callable[[Arrived, str], object] = lambda *_: None
        self.port = 0

    def forward(self, request: Arrived, *, cut: bool = False) -> bytes:
        if self.on(request, "before"):
            return b""  # it never arrives
        reply = super().forward(request, cut=cut)
        self.on(request, "after")
        return reply


@contextmanager
def a_bench(folder: Path, s3: S3Client, store_port: int, stage: dict[str, Any], keys: Any) -> Iterator[Bench]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contacts.csv").write_text(CONTENT)
    (folder / "contract.py").write_text(CONTRACT)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PLANTED_KEY": "0123456789abcdef",
    }
    jobs, store = Jobs(), Watched(store_port)
    Ahead.seconds = 0
    with wire(jobs) as api, wire(store) as proxy:
        store.port = proxy.port
        settings = {
            "contract": {"schema": f"{folder}/contract.py:CONTACT", "rejects": str(folder / "rejects")},
            "stage": stage | {"endpoint_url": proxy.url, "prefix": f"{folder.name}/"},
            "submit": {"base_url": f"{api.url}/apiv2", "api_key": "${PLANTED_KEY}"},
        }
        yield Bench(folder, s3, settings, environment, jobs, store)


# What is tried


def events() -> list[tuple[str, str]]:
    """The boundaries of a run: each object that it writes, just before and just after it is there."""
    names = ("condition.json", "started.json", "?uploads", "partNumber", "uploadId", "staged.json",
             "claim.json", "answer.json")  # fmt: skip
    return [(name, moment) for name in names for moment in ("before", "after")]


def killed_at(bench: Bench, name: str, moment: str) -> bool:
    """Whether a run was killed there; it may be that it never came so far."""
    process: list[subprocess.Popen[str]] = []
    hit: list[str] = []

    def kill(request: Arrived, now: str) -> bool:
        writes = request.method in ("PUT", "POST")
        if now == moment and writes and name in request.target and process and not hit:
            hit.append(name)
            process[0].kill()
            return True
        return False

    bench.store.on = kill
    process.append(bench.start())
    process[0].communicate(timeout=120)
    bench.store.on = lambda *_: None
    return bool(hit)


def check_after_a_death(bench: Bench, is_unknown: bool | None = None) -> None:
    """Run the same command until it has an end, as a scheduler does: zero or one job, and all told."""
    before = len(bench.jobs.taken)
    assert before <= 1
    Ahead.seconds = 200  # a claim of the dead is past its time by now
    code, result = bench.run()
    if result["state"] == "unknown":
        assert code == 6
        assert len(bench.jobs.taken) == before  # after unknown no further POST
        assert "resolve" in result["error"]["hint"]
    else:
        assert (code, len(bench.jobs.taken)) == (0, 1), result
        assert result["requestid"] == bench.jobs.taken[0]
        assert result["state"] in ("submitted", "duplicate_of")
        assert (result["records"], result["accepted"], result["rejected"]) == (200, 200, 0)
    if is_unknown is not None:
        assert (result["state"] == "unknown") is is_unknown
    again = bench.run()[1]
    assert again["state"] == ("unknown" if result["state"] == "unknown" else "duplicate_of")
    assert len(bench.jobs.taken) <= 1


def check_nothing_is_left(bench: Bench) -> None:
    """Everything of ours but claims and events goes by `clean`, however the runs ended."""
    Ahead.seconds = 8 * 86400
    config = str(bench.folder / "upload.json")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "clean", "-c", config], capture_output=True, text=True,
        timeout=120, cwd=ROOT, env=bench.environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    left = [name for name in bench.names() if not name.startswith(("runs/", "claims/"))]
    assert left == []
    Ahead.seconds = 0


def kill_at_random(bench: Bench, seed: int) -> None:
    """SIGKILL somewhere between the start of the process and its end."""
    moment = random.Random(seed).uniform(0.2, 2.5)  # noqa: S311 - a test's
    process = bench.start()
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def ended_between_claim_and_post(bench: Bench, signum: int) -> dict[str, Any]:
    """What a run says that was asked to end as soon as its claim was written."""
    process: list[subprocess.Popen[str]] = []

    def end(request: Arrived, now: str) -> None:
        if now == "after" and request.method == "PUT" and request.target.endswith("claim.json"):
            process[0].send_signal(signum)

    bench.store.on = end
    process.append(bench.start())
    code, result = said(process[0])
    bench.store.on = lambda *_: None
    return result | {"code": code}


def stop_between_claim_and_post(bench: Bench, seconds: float) -> dict[str, Any]:
    """What a run says that was stopped for so long as soon as its claim was written."""
    process: list[subprocess.Popen[str]] = []

    def stop(request: Arrived, now: str) -> None:
        if now == "after" and request.method == "PUT" and request.target.endswith("claim.json"):
            os.kill(process[0].pid, signal.SIGSTOP)

    bench.store.on = stop
    process.append(bench.start())
    while not any(name.endswith("claim.json") for name in bench.names()):
        time.sleep(0.05)
    time.sleep(seconds)
    process[0].send_signal(signal.SIGCONT)
    code, result = said(process[0])
    bench.store.on = lambda *_: None
    return result | {"code": code}


def all_at_once(bench: Bench, count: int = 16) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(count) as pool:
        ended = list(pool.map(lambda _: bench.run(), range(count)))
    assert [code for code, _ in ended] == [0] * count
    return [result for _, result in ended]
