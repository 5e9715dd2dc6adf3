"""The product, pointed at the store: a config, credentials in the environment, an API that only listens."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from fakes import Wire
from world import without_credentials

from pipeline import Result, run
from pipeline.config.file import load_config

from .server import Keys, Server

CONTENT = b"EMAIL\n" + b"".join(b"asha%d@example.com\n" % number for number in range(100))
CONTRACT = "import pandera.pandas as pa\nCONTACT = pa.DataFrameSchema({'EMAIL': pa.Column(str)})\n"
PLATFORM, STRANGER = "127.0.0.2", "127.0.0.1"
MODES: dict[str, dict[str, Any]] = {
    "presigned": {"url": "presigned"},
    "allowlisted": {"url": "allowlisted", "allowed_addresses": f"{PLATFORM}/32", "allow_http": True},
    "public": {"url": "public", "public_access": "understood", "allow_http": True},
}


class Product:
    """One bucket as the config names it; `api` takes every job, `path` is the URL that it was given last."""

    def __init__(
        self, rgw: Server, bucket: str, api: Wire, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.rgw, self.bucket, self.api, self.folder = rgw, bucket, api, folder
        self._monkeypatch = monkeypatch
        (folder / "contract.py").write_text(CONTRACT)
        self.source = folder / "contacts.csv"
        self.source.write_bytes(CONTENT)
        without_credentials(monkeypatch)
        monkeypatch.setenv("API_KEY", "0123456789abcdef")
        self.use(rgw.owner)

    def use(self, keys: Keys) -> None:
        """Let the product find these credentials."""
        self._monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        self._monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        if keys.session_token:
            self._monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)

    def config(self, *, sections: dict[str, Any] | None = None, **stage: Any) -> Any:
        """The config for this bucket, `stage` changed as given."""
        known = {
            "bucket": self.bucket,
            "prefix": "netcore/",
            "endpoint_url": self.rgw.endpoint_url,
            "region": self.rgw.region,
        }
        config: dict[str, Any] = {
            "contract": {
                "schema": f"{self.folder}/contract.py:CONTACT",
                "rejects": str(self.folder / "rejects"),
            },
            "stage": known | stage,
            "submit": {"base_url": f"{self.api.url}/apiv2", "api_key": "${API_KEY}"},
        }
        for name, section in (sections or {}).items():
            config[name] = config.get(name, {}) | section
        return load_config(config)

    def run(self, *, sections: dict[str, Any] | None = None, **stage: Any) -> Result:
        """What a run with that config comes to."""
        return run(self.source, self.config(sections=sections, **stage))

    @property
    def path(self) -> str:
        """The URL that the API was given last."""
        return parse_qs(self.api.arrived[-1].body.decode())["path"][0]

    def fetched(self, url: str, address: str = PLATFORM) -> tuple[int, bytes]:
        """Status and body of an anonymous GET from that address."""
        answer = self.rgw.visitor(address).get(url)
        return answer.status_code, answer.content

    def left(self) -> list[str]:
        """The keys of all objects and unfinished uploads in the bucket but for the ledger's."""
        s3 = self.rgw.client()
        objects = s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        uploads = s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        keys = [each["Key"] for each in (*objects, *uploads)]
        return [key for key in keys if not key.startswith(("netcore/runs/", "netcore/claims/"))]


def by_action(document: dict[str, Any], *, but: str = "") -> list[dict[str, Any]]:
    """The document's statements as `Server.allow` takes them: each action once, with all its resources."""
    found: dict[str, dict[str, Any]] = {}
    for one in document["Statement"]:
        for action in one["Action"]:
            if action.startswith("kms:") or action == but:  # this store's key service asks for none
                continue
            made = found.setdefault(action, {"Action": [action], "Resource": []})
            made["Resource"] += one["Resource"]
            if "Condition" in one:
                made["Condition"] = one["Condition"]
    return list(found.values())


def resolve_test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let names that end in .test or .localhost lead to this machine, as a DNS may have it."""
    real = socket.getaddrinfo

    def ours(host: Any, *arguments: Any, **named: Any) -> Any:
        inside = isinstance(host, str) and host.endswith((".test", ".localhost"))
        return real("127.0.0.1" if inside else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", ours)
