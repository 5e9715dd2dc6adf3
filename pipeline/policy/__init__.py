"""Who may read hosted files without a signature: one statement of ours in the bucket's policy.

    statement(config)  ->  merged(policy, ours)  ->  the bucket's policy, nothing else in it touched

The statement has a `Sid` made from the prefix, so it is found again, replaced and taken away, and several
configs with different prefixes share a bucket. All but `apply`, `remove` and `check` are pure functions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pipeline.config import Config, StageConfig
from pipeline.errors import ConfigError, StageError
from pipeline.policy.publicaccess import is_public, strangers_read
from pipeline.s3.client import Store
from pipeline.s3.failures import storage

# The address from which each data centre fetches, from the page "Add Bulk Contact through File Upload".
FETCHERS = {"us": "44.199.15.1/32", "india": "15.206.255.213/32", "eu": "13.49.233.89/32"}
VERSION = "2012-10-17"

Policy = dict[str, Any]
Statement = dict[str, Any]


def fetchers(config: Config) -> tuple[str, ...]:
    """The networks that may read in the mode `allowlisted`: the configured ones, else the data centre's."""
    return config.stage.allowed_addresses or (FETCHERS[config.submit.idc],)


def arn(stage: StageConfig) -> str:
    """The bucket's name as policies write it; `stage.region` tells China and GovCloud from the rest."""
    region = "" if stage.endpoint_url else stage.region or ""
    partition = (
        "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    )
    return f"arn:{partition}:s3:::{stage.bucket}"


def sid(stage: StageConfig) -> str:
    """The name of our statement: the same for the same prefix, and letters and digits only."""
    return f"NetcoreHosted{hashlib.sha256(stage.prefix.encode()).hexdigest()[:8]}"


def statement(config: Config) -> Statement:
    """Our statement for the config's mode. Raises ConfigError for `presigned`, which needs none."""
    stage = config.stage
    condition: dict[str, Any] = {}
    if stage.url == "allowlisted":
        condition["IpAddress"] = {"aws:SourceIp": list(fetchers(config))}
    elif stage.url == "presigned":
        raise ConfigError(
            "A presigned URL is its own permission: the bucket's policy needs no statement for it.",
            hint="Statements are for `url: allowlisted` and `url: public`; --remove takes one away.",
        )
    if not stage.allow_http:
        condition["Bool"] = {"aws:SecureTransport": "true"}
    statement = {
        "Sid": sid(stage),
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"{arn(stage)}/{stage.prefix}hosted/*",
    }
    return statement | ({"Condition": condition} if condition else {})


def merged(policy: Policy | None, ours: Statement) -> Policy:
    """The policy with our statement in it, in its old place if there was one; all else as it was."""
    if policy is None:
        return {"Version": VERSION, "Statement": [ours]}
    statements = _statements(policy)
    places = [i for i, each in enumerate(statements) if each.get("Sid") == ours["Sid"]]
    others = [each for i, each in enumerate(statements) if i not in places]
    others.insert(places[0] if places else len(others), ours)
    return policy | {"Statement": others}


def without(policy: Policy | None, name: str) -> Policy | None:
    """The policy without the statement of that Sid; None where nothing is left, or nothing was."""
    if policy is None:
        return None
    statements = _statements(policy)
    others = [each for each in statements if each.get("Sid") != name]
    if len(others) == len(statements):
        return policy
    return policy | {"Statement": others} if others else None


def same(one: Any, other: Any) -> bool:
    """Whether two statements mean the same: one value or a list of one, in any order, true or "true"."""
    return bool(_plain(one) == _plain(other))


def read(store: Store) -> Policy | None:
    """The bucket's policy, or None where it has none. Raises StageError."""
    from botocore.exceptions import ClientError

    with storage("reading the bucket's policy"):
        try:
            text = store.client.get_bucket_policy(Bucket=store.bucket)["Policy"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchBucketPolicy":
                return None
            raise
    policy: Policy = json.loads(text)
    return policy


def apply(store: Store, ours: Statement) -> bool:
    """Whether the bucket's policy had to be changed for our statement to be in it. Raises StageError."""
    before = read(store)
    after = merged(before, ours)
    if before == after:
        return False
    with storage("changing the bucket's policy"):
        store.client.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(after))
    return True


def remove(store: Store) -> bool:
    """Whether our statement was there to be taken away; an empty policy is deleted. Raises StageError."""
    before = read(store)
    after = without(before, sid(store.config))
    if before == after:
        return False
    with storage("changing the bucket's policy"):
        if after is None:
            store.client.delete_bucket_policy(Bucket=store.bucket)
        else:
            store.client.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(after))
    return True


def check(store: Store, ours: Statement) -> None:
    """Raise StageError unless our statement is in the policy as configured, and strangers cannot read."""
    found = [each for each in _statements(read(store) or {}) if each.get("Sid") == ours["Sid"]]
    if not found:
        raise StageError(
            f"The policy of bucket {store.bucket} does not let the platform read {store.key('')}*.",
            hint="Put the statement in: python -m pipeline policy --apply.",
        )
    if not all(same(each, ours) for each in found):
        raise StageError(
            f"The statement {ours['Sid']} in the policy of bucket {store.bucket} is not as configured.",
            hint="Compare with `python -m pipeline policy`, and put it right with --apply.",
        )
    limited = "IpAddress" in ours.get("Condition", {})
    if limited and is_public(store) is not False and strangers_read(store):
        raise StageError(
            f"The policy of bucket {store.bucket} lets others read hosted files too.",
            hint=f"Narrow its other statements, to leave {store.key('')}* out, or take another bucket.",
        )


def _statements(policy: Policy) -> list[Statement]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"AWS"} and _plain(value["AWS"]) == ["*"]:
            return ["*"]
        return {key: _plain(inner) for key, inner in value.items()}
    items = value if isinstance(value, list) else [value]
    return sorted(str(each).lower() if isinstance(each, bool) else str(each) for each in items)
