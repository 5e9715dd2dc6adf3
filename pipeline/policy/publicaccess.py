"""Is the bucket's policy public, and is it let be? Asked of the store, as far as it lets itself be asked.

AWS counts a policy that grants to fixed networks only (aws:SourceIp, no wider than /8) as not public, so the
public-access block may stay on for `allowlisted`:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from pipeline.s3.client import Store
from pipeline.s3.failures import storage
from pipeline.wire import within

# No permission to ask, or a store that does not know the question: then the pre-flight decides.
_UNASKABLE = ("AccessDenied", "NotImplemented", "MethodNotAllowed", "403", "405", "501")
_NOTHING_SET = ("NoSuchPublicAccessBlockConfiguration", "NoSuchBucketPolicy", "404")


def is_public(store: Store) -> bool | None:
    """Whether the bucket's policy lets strangers in, in the store's own words; None: it does not say."""
    answer = _asked(
        "asking whether the bucket's policy is public",
        lambda: store.client.get_bucket_policy_status(Bucket=store.bucket)["PolicyStatus"],
    )
    return None if answer is None else bool(answer.get("IsPublic"))


def blocked(store: Store, *settings: str) -> str | None:
    """Whose public-access block has one of these settings on: "the bucket's", "the account's" or None."""
    asked: list[tuple[str, Callable[[], Any]]] = [("the bucket's", lambda: _of_bucket(store))]
    if not store.config.endpoint_url:
        asked.append(("the account's", lambda: _of_account(store)))
    for whose, ask in asked:
        answer = _asked(f"asking for {whose} public-access block", ask) or {}
        if any(answer.get(setting) for setting in settings):
            return whose
    return None


def strangers_read(store: Store) -> bool:
    """Whether anybody may read hosted files: tried with an object that holds nothing, fetched unsigned."""
    key = store.key(f"probe-{secrets.token_hex(16)}.txt")
    with storage("trying whether strangers can read"):
        store.client.put_object(Bucket=store.bucket, Key=key, Body=b"")
    url = store.location(key)
    try:
        with store.wire(url) as wire:
            answer = within(20, lambda: wire.get(url, timeout=(5, 10), allow_redirects=False))
            return answer.status_code == 200
    except (OSError, TimeoutError):  # requests' errors are such; the pre-flight will tell of it
        return False
    finally:
        store.remove(key)


def _of_bucket(store: Store) -> Any:
    return store.client.get_public_access_block(Bucket=store.bucket)["PublicAccessBlockConfiguration"]


def _of_account(store: Store) -> Any:
    account = store.session.client("sts", region_name=store.region).get_caller_identity()["Account"]
    control = store.session.client("s3control", region_name=store.region)
    return control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]


def _asked(doing: str, ask: Callable[[], Any]) -> Any:
    """The answer; {} where nothing is set, None where it cannot be asked. Raises StageError."""
    from botocore.exceptions import ClientError

    with storage(doing):
        try:
            return ask()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in _NOTHING_SET:
                return {}
            if code in _UNASKABLE:
                return None
            raise
