"""What the tests of whole runs share: a sandbox that stays, a contract, a file of contacts."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from fakes import free_port
from pydantic import SecretStr

from pipeline import Result, sandbox
from pipeline.sandbox import Sandbox
from pipeline.sandbox.api import Received

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[1]

ACCOUNTS = itertools.count()

CONTRACT = """
import pandera.pandas as pa
import pipeline.checks

SCHEMA = pa.DataFrameSchema({
    "EMAIL": pa.Column(str, pa.Check.email(), nullable=True, required=False),
    "MOBILE": pa.Column(str, pa.Check.str_matches(r"[+]?[0-9]{8,15}\\Z", error="mobile"),
                        nullable=True, required=False),
    "CITY": pa.Column(str, nullable=True, required=False),
    "AGE": pa.Column("Int64", pa.Check.in_range(0, 120, error="in_range"), nullable=True, required=False),
})
"""
ROWS = [
    ["anna@example.com", "919876543210", "Köln, am Rhein", "41"],
    ["no address", "919876543211", 'the "old" town', "7"],
    ["li@example.com", "+8613800138000", "漢口\nriver side", ""],
    ["ed@example.com", "9.19E+11", "Ulm", "230"],
    ["", "00919876543", "NA", "007"],
    ["flo@example.com", "919876543214", "Graz", "old"],
]
NAMES = ["EMAIL", "MOBILE", "CITY", "AGE"]
GOOD = [0, 2]  # of ROWS, where EMAIL is the primary key
REASONS = {
    "EMAIL:email": 1,
    "EMAIL:not_nullable": 1,
    "MOBILE:mobile": 1,
    "AGE:in_range": 1,
    "AGE:coerce_dtype('Int64')": 1,
}


def as_csv(rows: list[list[str]], **how: Any) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **{"lineterminator": "\n", **how}).writerows(rows)
    return out.getvalue()


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def dicts_of(
    path: str | Path | None, *, encoding: str = "utf-8-sig", delimiter: str = ","
) -> list[dict[str, str]]:
    with Path(str(path)).open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, strict=True, delimiter=delimiter))


class Bucket(Protocol):
    """A bucket, and who may do everything with it: a sandbox has one."""

    bucket: str
    region: str
    endpoint_url: str
    access_key: str
    secret_key: str


@dataclass
class World:
    """A sandbox that many runs share, and a folder with a contract and the contacts of `ROWS`.

    `store` is where files go: to the sandbox, or to another store.
    """

    sandbox: Sandbox
    folder: Path
    s3: S3Client
    store: Bucket

    def config(self, **sections: Mapping[str, Any]) -> dict[str, Any]:
        """A config for this sandbox as a mapping; keys of `sections` are added to the sections'."""
        made: dict[str, dict[str, Any]] = {
            "source": {},
            "contract": {
                "schema": str(self.folder / "contract.py:SCHEMA"),
                "primary_key": "EMAIL",
                "max_rejected": "100%",
                "rejects": str(self.folder / "rejects"),
            },
            "stage": {
                "bucket": self.store.bucket,
                "region": self.store.region,
                "endpoint_url": self.store.endpoint_url,
            },
            "submit": {
                "base_url": self.sandbox.base_url,
                "api_key": SecretStr(self.sandbox.api_key),
                "account": f"test-{next(ACCOUNTS)}",  # so that no test's file is another's duplicate
            },
            "track": {},
        }
        for name, keys in sections.items():
            made[name] = made[name] | dict(keys)
        return made

    def waiting(self, wait: int = 20, **sections: Mapping[str, Any]) -> dict[str, Any]:
        """The same, with a run that waits for the job to end."""
        own = f"127.0.0.1:{free_port()}"
        return self.config(track={"callback_url": f"http://{own}", "listen": own, "wait": wait}, **sections)

    @property
    def contacts(self) -> Path:
        return self.folder / "contacts.csv"

    @property
    def keys(self) -> list[str]:
        """The keys of all hosted files."""
        return [key for key in self.all_keys if "hosted/" in key]

    @property
    def all_keys(self) -> list[str]:
        """The keys of everything, the ledger too."""
        found = self.s3.list_objects_v2(Bucket=self.store.bucket).get("Contents", [])
        return [one["Key"] for one in found]

    @property
    def unfinished(self) -> int:
        return len(self.s3.list_multipart_uploads(Bucket=self.store.bucket).get("Uploads", []))

    @property
    def jobs(self) -> list[Received]:
        return self.sandbox.api.jobs

    def hosted(self, result: Result) -> bytes:
        assert result.hosted
        return self.s3.get_object(Bucket=result.hosted.bucket, Key=result.hosted.key)["Body"].read()

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Nothing within it makes an object, a part or a job."""
        before = self.keys, len(self.jobs)
        yield
        assert (self.keys, len(self.jobs)) == before
        assert self.unfinished == 0


def without_credentials(patch: pytest.MonkeyPatch) -> None:
    """Let none of boto3's ways lead to credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, os.devnull)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@contextmanager
def a_world(folder: Path, elsewhere: Bucket | None = None) -> Iterator[World]:
    """A world whose files go to its sandbox, or elsewhere."""
    import boto3

    (folder / "contract.py").write_text(CONTRACT)
    (folder / "contacts.csv").write_text(as_csv([NAMES, *ROWS]), encoding="utf-8")
    with (
        sandbox.start(primary_key=["EMAIL"]) as started,
        pytest.MonkeyPatch.context() as patch,
    ):
        store: Bucket = elsewhere or started
        patch.setenv("AWS_ACCESS_KEY_ID", store.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", store.secret_key)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        # A session of its own: boto3's default one keeps the credentials that it was made with.
        session = boto3.Session(store.access_key, store.secret_key, region_name=store.region)
        client = session.client("s3", endpoint_url=store.endpoint_url)
        yield World(started, folder, client, store)
        client.close()
