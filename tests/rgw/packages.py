"""Ceph from Debian's packages, extracted into a folder of ours: nothing is installed, no root is needed.

    apt-get --download-only  ->  {cache}/debs/*.deb  ->  dpkg -x  ->  {cache}/ceph/usr/...

The cache is `.rgw/` in the project root, or what RGW_CACHE names; about 66 MB of packages, 240 MB extracted.
Shared libraries that the machine has already are not fetched again, so a cache belongs to its machine.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ["radosgw", "ceph-mon", "ceph-osd", "ceph-common"]
# What these depend on to manage real disks (lvm2, sudo, ...) is left out, and so is every set-uid file.
EXTRACTED = ("radosgw_", "ceph-", "lib")


class NoPackages(Exception):
    """This machine cannot have Debian's packages at all: a reason to skip, not a failure."""


def cache_folder() -> Path:
    """The folder for packages and running servers: RGW_CACHE, or `.rgw/` in the project root."""
    return Path(os.environ.get("RGW_CACHE") or Path(__file__).parents[2] / ".rgw").resolve()


def extracted(cache: Path) -> Path:
    """The folder with Ceph's `usr/`, fetched and extracted on the first call (half a minute), found later.

    Raises NoPackages where there is no apt, RuntimeError (with the line to type) where apt could not deliver.
    """
    root = cache / "ceph"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if not root.exists():
            if missing := [tool for tool in ("apt-get", "dpkg", "setpriv") if not shutil.which(tool)]:
                raise NoPackages(f"Ceph comes from Debian's packages, and this machine has no {missing[0]}")
            _download(cache / "debs")
            _extract(cache / "debs", root)
    return root


def _download(debs: Path) -> None:
    (debs / "partial").mkdir(parents=True, exist_ok=True)
    command = ["apt-get", "install", "--yes", "--download-only", "--no-install-recommends"]
    options = ["-o", f"Dir::Cache::archives={debs}", "-o", "Debug::NoLocking=1"]
    done = subprocess.run([*command, *options, *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RuntimeError(
            f"apt-get could not download {' '.join(PACKAGES)}: {said}\n"
            "  -> if its package lists are missing or old, type: sudo apt-get update"
        )


def _extract(debs: Path, root: Path) -> None:
    half_way = root.with_name("ceph.part")
    shutil.rmtree(half_way, ignore_errors=True)
    for deb in sorted(debs.glob("*.deb")):
        if deb.name.startswith(EXTRACTED):
            subprocess.run(["dpkg", "-x", deb, half_way], check=True)
    half_way.rename(root)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
