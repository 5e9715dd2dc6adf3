"""The least IAM policy for what a process does with this config; `policy --permissions --for` prints it.

Finding the bucket's region needs none: a refusal names it too. Changing the bucket's policy or lifecycle is
not in here: that is an administrator's, once, and takes s3:GetBucketPolicy, s3:PutBucketPolicy,
s3:DeleteBucketPolicy, s3:GetLifecycleConfiguration and s3:PutLifecycleConfiguration.
"""

from __future__ import annotations

from typing import Any, Literal

from pipeline import policy
from pipeline.config import Config, StageConfig

Role = Literal["run", "cluster", "listen", "status", "clean"]
ROLES: tuple[Role, ...] = ("run", "cluster", "listen", "status", "clean")

_OBJECT = [
    "s3:PutObject",  # each part, and completing the upload
    "s3:GetObject",  # what a presigned URL hands on; whether a Complete without an answer succeeded
    "s3:DeleteObject",  # a file that turned out not to be fetchable, or that the API refused
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",  # that an abort left nothing
]
_BUCKET = {
    "presigned": [],
    "allowlisted": ["s3:GetBucketPolicy", "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock"],
    "public": ["s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock"],
}


def needed(config: Config, role: Role = "run") -> policy.Policy:
    """An IAM policy document with what that role needs, and nothing more."""
    stage = config.stage
    bucket = policy.arn(stage)
    under = f"{bucket}/{stage.prefix}"
    roles = {"run": _run, "cluster": _cluster, "listen": _listen, "status": _status, "clean": _clean}
    statements = roles[role](config, under)
    if key := (stage.encryption or "").removeprefix("SSE-S3").removeprefix("SSE-KMS").removeprefix(":"):
        statements.append(_key_service(stage, key, bucket.split(":")[1]))
    return {"Version": policy.VERSION, "Statement": statements}


def _run(config: Config, under: str) -> list[dict[str, Any]]:
    stage, bucket = config.stage, policy.arn(config.stage)
    actions = _OBJECT + (["s3:PutObjectTagging"] if stage.tags else [])
    statements = [_allow(actions, f"{under}hosted/*")]
    if config.ledger != "off":
        statements += [
            _allow(["s3:PutObject", "s3:GetObject"], f"{under}runs/*", f"{under}claims/*"),
            _list(["s3:ListBucket"], config, "hosted/", "runs/", "claims/"),
            _allow(["s3:GetLifecycleConfiguration"], bucket),
        ]
        if config.track.listen:
            statements.append(_allow(["s3:PutObject"], f"{under}callbacks/*"))
    if config.contract.rejects == "s3":
        statements.append(_allow(["s3:PutObject"], f"{under}rejects/*"))
    asked = [] if stage.public_base_url else _BUCKET[stage.url]
    if asked:
        statements.append(_allow(asked, bucket))
        if not stage.endpoint_url:
            statements.append(_allow(["s3:GetAccountPublicAccessBlock"], "*"))
    return statements


def _cluster(config: Config, under: str) -> list[dict[str, Any]]:
    """A run of a frame on a cluster, which leaves its rejects in the bucket, or takes them back."""
    return [*_run(config, under), _allow(["s3:PutObject", "s3:DeleteObject"], f"{under}rejects/*")]


def _listen(_config: Config, under: str) -> list[dict[str, Any]]:
    """Creating and nothing else: not even reading what it has created."""
    events = (f"{under}runs/*/callback-*.json", f"{under}runs/*/ended.json")
    return [_allow(["s3:PutObject"], f"{under}callbacks/*", *events)]


def _status(config: Config, under: str) -> list[dict[str, Any]]:
    """Reading the ledger and, for --raw-callback and `rejects`, what callbacks and runs left."""
    places = [f"{under}{name}/*" for name in ("runs", "claims", "callbacks", "rejects")]
    return [
        _allow(["s3:GetObject"], *places),
        _list(["s3:ListBucket"], config, "runs/", "claims/", "callbacks/", "rejects/"),
    ]


def _clean(config: Config, under: str) -> list[dict[str, Any]]:
    removes = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    return [
        _allow([*removes, "s3:AbortMultipartUpload"], f"{under}hosted/*"),
        _allow(removes, f"{under}callbacks/*", f"{under}rejects/*"),
        _allow(["s3:GetObject"], f"{under}runs/*", f"{under}claims/*"),
        _allow(["s3:PutObject"], f"{under}runs/*/cleaned.json"),
        _list(["s3:ListBucket"], config, "runs/", "claims/"),
        _list(["s3:ListBucketVersions"], config, "hosted/", "callbacks/", "rejects/"),
        _allow(["s3:ListBucketMultipartUploads"], policy.arn(config.stage)),
    ]


def _allow(actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _list(actions: list[str], config: Config, *below: str) -> dict[str, Any]:
    """Listing what lies below these names. Without it S3 answers 403 instead of 404 for what is missing."""
    prefixes = [f"{config.stage.prefix}{name}*" for name in below]
    condition = {"StringLike": {"s3:prefix": prefixes}}
    return _allow(actions, policy.arn(config.stage)) | {"Condition": condition}


def _key_service(stage: StageConfig, key: str, partition: str) -> dict[str, Any]:
    """Encrypting what is put, and decrypting it for Complete, for reading and for a presigned URL."""
    actions = ["kms:GenerateDataKey", "kms:Decrypt"]
    every_key = f"arn:{partition}:kms:{stage.region or '*'}:*:key/"
    if "alias/" in key:
        alias = key[key.index("alias/") :]
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return _allow(actions, every_key + "*") | {"Condition": condition}
    return _allow(actions, key if key.startswith("arn:") else every_key + key)
