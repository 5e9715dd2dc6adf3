"""A place to try everything out: an embedded S3 and a stand-in for the bulk-upload API, loopback only.

    with start() as sandbox:
        s3 = boto3.client("s3", endpoint_url=sandbox.endpoint_url, region_name=sandbox.region,
                          aws_access_key_id=sandbox.access_key, aws_secret_access_key=sandbox.secret_key)
        requests.post(sandbox.base_url, params={"apikey": sandbox.api_key, ...}, data={"path": ...})
        sandbox.api.contacts    # what the platform would hold now

Both behave like the real ones where it matters: a broken or expired URL fails, a part under 5 MiB is
refused, a job is accepted first and done later. Every start has its own empty store and its own keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from pipeline.config import Config
from pipeline.errors import ConfigError
from pipeline.sandbox.api import BulkUploadApi
from pipeline.sandbox.s3 import Store
from pipeline.sandbox.sigv4 import Keys

__all__ = ["Sandbox", "start"]

WAIT = 60  # seconds for a job to end here, where the config says nothing
REGION = "us-east-1"
EXTRA = ("moto", "flask", "flask_cors", "werkzeug")


def start(
    *, primary_key: Sequence[str] = (), api_key: str | None = None, bucket: str = "contacts"
) -> Sandbox:
    """A running sandbox with one empty bucket and no contacts; close it, or use it as a context manager.

    `primary_key` names the columns of which one must be filled in each row; by default the first of EMAIL,
    MOBILE and CUSTOMER_ID that the file has. Raises ConfigError where the extra is not installed.
    """
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise ConfigError(
            f"The sandbox needs packages that are not installed: {', '.join(missing)}.",
            hint="pip install 'netcore-bulk-upload[sandbox]'",
        )
    keys = Keys(f"SANDBOX{secrets.token_hex(6).upper()}", secrets.token_urlsafe(30), REGION)
    return Sandbox(Store(keys, bucket), keys, bucket, primary_key, api_key or secrets.token_hex(16))


class Sandbox:
    """The addresses and credentials of a running sandbox; made by `start`."""

    def __init__(
        self, store: Store, keys: Keys, bucket: str, primary_key: Sequence[str], api_key: str
    ) -> None:
        self._store = store
        self.bucket, self.region = bucket, keys.region
        self.access_key, self.secret_key = keys.access_key, keys.secret_key
        self.endpoint_url = f"http://127.0.0.1:{store.port}"
        self.api = BulkUploadApi(api_key, primary_key, store_port=store.port)
        self.base_url, self.api_key = self.api.base_url, api_key

    def replace_in(self, config: Config) -> Config:
        """The config with this sandbox in the place of storage and API, set to wait for the job's end."""
        stage = {
            "bucket": self.bucket,
            "endpoint_url": self.endpoint_url,
            "region": self.region,
            "url": "presigned",
            "public_endpoint_url": None,
            "addressing": None,
            "encryption": None,
        }
        submit = {"base_url": self.base_url, "api_key": SecretStr(self.api_key), "api_key_file": None}
        track = {"callback_url": None, "listen": "127.0.0.1:0", "wait": config.track.wait or WAIT}
        return config.model_copy(
            update={
                "stage": config.stage.model_copy(update=stage),
                "submit": config.submit.model_copy(update=submit),
                "track": config.track.model_copy(update=track),
            }
        )

    def close(self) -> None:
        """Stop both servers and free the store; a second call does nothing."""
        self.api.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
