"""The daemons of a one-node Ceph: made, started and ended by process id, on loopback and free ports.

    make()  ->  start()  ->  admin(...)  ->  restart of the gateway, as often as you like  ->  stop()

Every daemon is a child of this process. Should this process die without a word, the kernel kills them
(`setpriv --pdeathsig`), so that nothing is left behind; their data is removed by the next start.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

CONFIG = Path(__file__).with_name("ceph.conf")


class Cluster:
    """One monitor, one OSD, one radosgw, their data in a folder of their own; `root` is the extracted Ceph.

    The gateway answers on 127.0.0.1, by http on `port` and by https on `tls_port` with `certificate`; its
    own name is `host`.
    """

    def __init__(self, root: Path, folder: Path, host: str) -> None:
        remove_left_overs(folder)
        self.data = folder / f"run-{os.getpid()}-{secrets.token_hex(3)}"
        self.host = host
        self.certificate = self.data / "tls.pem"
        self.port, self.tls_port, self.monitor_port = free_ports(3)
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._libraries = next((root / "usr/lib").glob("*-linux-gnu*"))
        search = [self._libraries, self._libraries / "ceph", root / "lib" / self._libraries.name]
        self._environment = os.environ | {
            "PATH": f"{root / 'usr/bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": ":".join(map(str, search)),
            "CEPH_CONF": str(self.data / "ceph.conf"),
        }

    @property
    def pids(self) -> list[int]:
        """The process ids of the daemons that were started and not stopped."""
        return [daemon.pid for daemon in self._daemons.values()]

    def make(self, store: str) -> None:
        """Make an empty cluster in `data`, kept in memory ("memstore") or on disk ("bluestore")."""
        fsid = str(uuid.uuid4())
        for folder in ("mon", "osd", "rgw"):
            (self.data / folder).mkdir(parents=True)
        self._write_config(fsid, store)
        self._make_certificate()
        monitors, osds = self.data / "monmap", self.data / "osdmap"
        address = f"[v2:127.0.0.1:{self.monitor_port}/0]"
        self.run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monitors)
        self.run("osdmaptool", "--createsimple", "1", osds)
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors, "--osdmap", osds)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--no-mon-config")

    def start(self) -> None:
        """Start monitor and OSD; whoever asks them something waits until they are up."""
        self._start("mon", "ceph-mon", "-i", "a")
        self._start("osd", "ceph-osd", "-i", "0")

    def start_gateway(self) -> None:
        """Return when radosgw answers on both its ports, which stay the same over restarts."""
        self._start("rgw", "radosgw", "-n", "client.rgw")
        deadline = time.monotonic() + 60
        while not (accepts(self.port) and accepts(self.tls_port)):
            if time.monotonic() > deadline or self._daemons["rgw"].poll() is not None:
                raise RuntimeError(f"The gateway did not come up; the daemons said:\n{self.last_words()}")
            time.sleep(0.05)

    def stop_gateway(self) -> None:
        """End radosgw, requests under way are cut off; monitor, OSD and data live on."""
        self._end("rgw")

    def stop(self) -> None:
        """End every daemon and remove the data. Safe to call twice."""
        for name in list(self._daemons)[::-1]:
            self._end(name)
        shutil.rmtree(self.data, ignore_errors=True)

    def admin(self, *arguments: str, stdin: str | None = None) -> str:
        """What `radosgw-admin` printed. Raises RuntimeError when it failed."""
        return self.run("radosgw-admin", "-n", "client.rgw", *arguments, stdin=stdin)

    def run(self, *command: str | Path, stdin: str | None = None) -> str:
        """What a command of Ceph's printed. Raises RuntimeError when it failed or took over a minute."""
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", None) or self.last_words()
            raise RuntimeError(f"{error}; it said:\n{said}") from error
        return done.stdout

    def last_words(self) -> str:
        """The ends of what the daemons printed and logged."""
        files = [*sorted(self.data.glob("*.out")), *sorted(self.data.glob("*.log"))]
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-1500:]}" for file in files)

    def _start(self, name: str, *command: str) -> None:
        with (self.data / f"{name}.out").open("ab") as out:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command, "-f"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(timeout=2)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _write_config(self, fsid: str, store: str) -> None:
        values = {
            "fsid": fsid,
            "store": store,
            "data": self.data,
            "libraries": self._libraries,
            "monitor_port": self.monitor_port,
            "port": self.port,
            "tls_port": self.tls_port,
            "certificate": self.certificate,
            "host": self.host,
            "sts_key": secrets.token_hex(8),
        }
        (self.data / "ceph.conf").write_text(CONFIG.read_text().format_map(values))

    def _make_certificate(self) -> None:
        names = f"subjectAltName=DNS:{self.host},DNS:*.{self.host},DNS:localhost,IP:127.0.0.1"
        elliptic = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        subject = ("-days", "2", "-subj", f"/CN={self.host}", "-addext", names)
        self.run(
            "openssl",
            "req",
            "-x509",
            *elliptic,
            *subject,
            "-keyout",
            self.certificate,
            "-out",
            self.certificate,
        )


def free_ports(count: int) -> Sequence[int]:
    """Different ports of 127.0.0.1 that nobody listens on at this moment.

    None that the system gives to whoever connects: a gateway that is restarted must find its own again.
    """
    found: list[int] = []
    while len(found) < count:
        port = 15_000 + secrets.randbelow(15_000)
        if port not in found and not accepts(port):
            found.append(port)
    return found


def accepts(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def remove_left_overs(folder: Path) -> None:
    """Remove the data of clusters whose process is gone."""
    for run in folder.glob("run-*"):
        if not Path("/proc", run.name.split("-")[1]).exists():
            shutil.rmtree(run, ignore_errors=True)
