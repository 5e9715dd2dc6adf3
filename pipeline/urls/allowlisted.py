"""A plain URL on a private bucket: only the platform's own address may read what is hosted there.

The permission is one statement in the bucket's policy (`pipeline.policy`), so the URL holds no secret but
the 128 random bits of the key, and lives as long as the file. From here nobody can read it: that is checked.
"""

from __future__ import annotations

from pydantic import SecretStr

from pipeline import policy
from pipeline.config import Config
from pipeline.errors import StageError
from pipeline.handoffs import Link
from pipeline.policy.publicaccess import blocked, is_public
from pipeline.s3.client import Store

READABLE_HERE = False


def check(store: Store, config: Config) -> None:
    """Raise StageError unless the bucket's policy lets the platform, and no other stranger, read."""
    policy.check(store, policy.statement(config))
    if is_public(store) and (whose := blocked(store, "RestrictPublicBuckets")):
        raise StageError(
            f"The policy of bucket {store.bucket} is public somewhere, so {whose} public-access block "
            "(RestrictPublicBuckets) shuts out the platform as well.",
            hint="Take the public statement out of the bucket's policy; ours alone does not count as public.",
        )


def link(store: Store, key: str) -> Link:
    """The plain URL, which works for the platform only and does not expire."""
    return Link(SecretStr(store.location(key)))
