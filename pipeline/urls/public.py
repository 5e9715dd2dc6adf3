"""A plain URL that anybody may read who has it: through the bucket's policy, or through your own CDN.

What protects it are the 128 random bits of the key alone, for as long as the file is there; so the config
has to say it twice. No ACL is ever set.
"""

from __future__ import annotations

from pydantic import SecretStr

from pipeline.config import Config
from pipeline.errors import StageError
from pipeline.handoffs import Link
from pipeline.policy.publicaccess import blocked, is_public
from pipeline.s3.client import Store

READABLE_HERE = True


def check(store: Store, config: Config) -> None:  # noqa: ARG001 - the same for each mode
    """Raise StageError while the bucket is shut to the public; a CDN's way in is left to the pre-flight."""
    if store.config.public_base_url:
        return
    if whose := blocked(store, "BlockPublicPolicy", "RestrictPublicBuckets"):
        raise StageError(
            f"{whose.capitalize()} public-access block is on: no URL of bucket {store.bucket} can be public.",
            hint="Leave it on and use `url: presigned`, or serve the bucket by a CDN and set "
            "stage.public_base_url.",
        )
    if is_public(store) is False:
        raise StageError(
            f"The policy of bucket {store.bucket} lets nobody read {store.key('')}* without a signature.",
            hint="`python -m pipeline policy --apply` puts the statement in; `url: presigned` needs none.",
        )


def link(store: Store, key: str) -> Link:
    """The plain URL, at the CDN if there is one; it does not expire."""
    base = store.config.public_base_url
    return Link(SecretStr(f"{base}/{key}" if base else store.location(key)))
