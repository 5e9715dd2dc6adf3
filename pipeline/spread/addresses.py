"""Where workers put what they have: by URLs that are signed here, or that they sign with their own role.

The first needs no credentials on workers, but ends with those of this machine; `stage.workers_sign` chooses
the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

from pydantic import SecretStr

from pipeline.config import StageConfig
from pipeline.s3.client import Store
from pipeline.s3.failures import storage
from pipeline.s3.multipart import SIGNED_FOR

_ONE_AT_A_TIME = Lock()  # boto3 makes no client in two threads at once


@dataclass(frozen=True)
class SignedHere:
    """A URL that this machine has signed: whoever has it can put anything there, as long as it lives."""

    url: SecretStr = field(repr=False)

    def sign(self) -> str:
        """The URL."""
        return self.url.get_secret_value()


@dataclass(frozen=True)
class SignedThere:
    """What a worker signs a URL of: an `operation` of boto3's, on the bucket that `stage` describes."""

    stage: str = field(repr=False)
    operation: str
    parameters: Mapping[str, Any] = field(repr=False)

    def sign(self) -> str:
        """A URL by the credentials of the machine that asks. Raises StageError."""
        with storage("signing on a worker (stage.workers_sign)"):
            with _ONE_AT_A_TIME:
                client = _store(self.stage).client
            return client.generate_presigned_url(self.operation, Params=self.parameters, ExpiresIn=SIGNED_FOR)


Address = SignedHere | SignedThere
Places = Mapping[int, tuple[Address, Mapping[str, str]]]
"""Where the rejects of each partition go, and the headers that are sent there."""


def addresses(store: Store, operation: str, each: Iterable[Mapping[str, Any]], seconds: int) -> list[Address]:
    """Where workers may carry out that operation, for each of these parameters.

    What is signed here lives for so many seconds. Raises StageError.
    """
    if signed_there(store):
        there = store.config.model_copy(update={"region": store.region, "url_profile": None})
        stage = there.model_dump_json(exclude_unset=True)
        return [SignedThere(stage, operation, parameters) for parameters in each]
    with storage("signing where workers put"):
        urls = [store.client.generate_presigned_url(operation, Params=p, ExpiresIn=seconds) for p in each]
    return [SignedHere(SecretStr(url)) for url in urls]


def signed_there(store: Store) -> bool:
    """Whether workers sign; the sandbox's credentials are this machine's only."""
    return store.config.workers_sign and not store.keys


@lru_cache(maxsize=4)
def _store(stage: str) -> Store:
    return Store(StageConfig.model_validate_json(stage))
