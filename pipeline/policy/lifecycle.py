"""Lifecycle rules that remove what no run needs any more, should nothing else: `policy --lifecycle`.

Hosted files a day after no URL of theirs can live, bodies of callbacks, the rejects that clusters left,
uploads that nobody finished; never claims or events, whose keys no rule of ours covers.
"""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.config import Config
from pipeline.errors import StageError
from pipeline.s3.client import Store
from pipeline.s3.failures import storage

DAY = 86400
Rules = list[dict[str, Any]]

_NONE_SET = ("NoSuchLifecycleConfiguration", "404")
_UNASKABLE = ("AccessDenied", "NotImplemented", "MethodNotAllowed", "403", "405", "501")


def rules(config: Config) -> Rules:
    """Our rules for that config's prefix."""
    stage = config.stage
    name = hashlib.sha256(stage.prefix.encode()).hexdigest()[:8]
    hosted = -(-max(stage.expires_in, stage.keep) // DAY) + 1
    bodies = [("NetcoreCallbacks", "callbacks/"), ("NetcoreRejects", "rejects/")]
    return [
        {
            "ID": f"NetcoreHosted{name}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{stage.prefix}hosted/"},
            "Expiration": {"Days": hosted},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        },
        *(
            {
                "ID": f"{what}{name}",
                "Status": "Enabled",
                "Filter": {"Prefix": f"{stage.prefix}{below}"},
                "Expiration": {"Days": -(-config.track.keep_bodies // DAY)},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            }
            for what, below in bodies
        ),
    ]


def read(store: Store) -> Rules | None:
    """The bucket's rules; None where it does not let itself be asked. Raises StageError."""
    from botocore.exceptions import ClientError

    with storage("reading the bucket's lifecycle rules"):
        try:
            answer: Any = store.client.get_bucket_lifecycle_configuration(Bucket=store.bucket)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in _NONE_SET:
                return []
            if code in _UNASKABLE:
                return None
            raise
    return list(answer.get("Rules", []))


def merged(before: Rules, ours: Rules) -> Rules:
    """The rules with ours in them, in the places of older ones of ours; all else as it was."""
    mine = {rule["ID"]: rule for rule in ours}
    rules = [mine.pop(rule.get("ID"), rule) for rule in before]
    return [*rules, *mine.values()]


def apply(store: Store, ours: Rules) -> bool:
    """Whether the bucket's rules had to be changed for ours to be in them. Raises StageError."""
    before = read(store)
    if before is None:
        raise StageError(
            f"The lifecycle rules of bucket {store.bucket} cannot be read, so none are put in their place.",
            hint="It takes s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration.",
        )
    after: Any = merged(before, ours)
    if before == after:
        return False
    with storage("changing the bucket's lifecycle rules"):
        store.client.put_bucket_lifecycle_configuration(
            Bucket=store.bucket, LifecycleConfiguration={"Rules": after}
        )
    return True


def covers(rules: Rules, config: Config) -> bool:
    """Whether one of the rules removes hosted files some day."""
    return any(_expires(rule, config) for rule in rules)


def _expires(rule: dict[str, Any], config: Config) -> bool:
    if rule.get("Status") != "Enabled" or not rule.get("Expiration", {}).keys() & {"Days", "Date"}:
        return False
    wanted = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    wanted = wanted.get("And", wanted)
    tags = [wanted["Tag"]] if "Tag" in wanted else wanted.get("Tags", [])
    if any(config.stage.tags.get(tag["Key"]) != tag["Value"] for tag in tags):
        return False
    if wanted.keys() & {"ObjectSizeGreaterThan", "ObjectSizeLessThan"}:
        return False
    return f"{config.stage.prefix}hosted/".startswith(wanted.get("Prefix") or "")
