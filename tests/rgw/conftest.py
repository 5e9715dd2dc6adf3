"""Tests against a real object store, all marked `rgw`: `make test-rgw` runs them, `make test` does not."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes import answer, answering

from .packages import NoPackages
from .product import Product
from .server import Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from requests import Session


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.rgw)


@pytest.fixture(scope="session")
def rgw() -> Iterator[Server]:
    """One store for the whole session."""
    try:
        server = Server.start()
    except NoPackages as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


@pytest.fixture
def visitor(rgw: Server) -> Session:
    """Somebody without credentials, from 127.0.0.1."""
    return rgw.visitor()


@pytest.fixture
def s3(rgw: Server) -> S3Client:
    """The owner's client."""
    return rgw.client()


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """The name of a fresh, empty bucket of the owner's. It goes with the store."""
    name = f"contacts-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def product(rgw: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """The product with a fresh bucket and an API that takes every job and fetches nothing."""
    with answering(answer(200, b'{"requestid": "5ca1ab1e", "result": "Success"}')) as api:
        yield Product(rgw, bucket, api, tmp_path, monkeypatch)
