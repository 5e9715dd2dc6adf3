"""The least IAM policy that a run with this config needs; `policy --permissions` prints it.

Finding the bucket's region needs none: a refusal names it too. Changing the bucket's policy is not in here:
that is an administrator's, once, and takes s3:GetBucketPolicy, s3:PutBucketPolicy, s3:DeleteBucketPolicy.
"""

from __future__ import annotations

from typing import Any

from pipeline import policy
from pipeline.config import Config, StageConfig

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


def needed(config: Config) -> policy.Policy:
    """An IAM policy document with what a run needs, and nothing more."""
    stage = config.stage
    bucket = policy.arn(stage)
    actions = _OBJECT + (["s3:PutObjectTagging"] if stage.tags else [])
    statements = [_allow(actions, f"{bucket}/{stage.prefix}hosted/*")]
    asked = [] if stage.public_base_url else _BUCKET[stage.url]
    if asked:
        statements.append(_allow(asked, bucket))
        if not stage.endpoint_url:
            statements.append(_allow(["s3:GetAccountPublicAccessBlock"], "*"))
    if key := (stage.encryption or "").removeprefix("SSE-S3").removeprefix("SSE-KMS").removeprefix(":"):
        statements.append(_key_service(stage, key, bucket.split(":")[1]))
    return {"Version": policy.VERSION, "Statement": statements}


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": [resource]}


def _key_service(stage: StageConfig, key: str, partition: str) -> dict[str, Any]:
    """Encrypting the parts, and decrypting them for Complete and for a presigned URL."""
    actions = ["kms:GenerateDataKey", "kms:Decrypt"]
    whole = f"arn:{partition}:kms:{stage.region or '*'}:*:key/"
    if "alias/" in key:
        alias = key[key.index("alias/") :]
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return _allow(actions, whole + "*") | {"Condition": condition}
    return _allow(actions, key if key.startswith("arn:") else whole + key)
