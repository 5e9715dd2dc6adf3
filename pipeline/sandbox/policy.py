"""May anyone read this object? As much of bucket policies as the URL modes `public` and `allowlisted` use.

A statement counts where it allows `s3:GetObject` to everyone on a matching resource, with no condition or
with `aws:SourceIp` under `IpAddress`; a statement with anything else in it admits nobody.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import unquote


def may_read(policy: bytes, bucket: str, key: str, address: str) -> bool:
    """True where `policy` lets a caller from `address` read `key` (still URL-encoded) without credentials."""
    resource = f"arn:aws:s3:::{bucket}/{unquote(key)}"
    return any(_allows(statement, resource, address) for statement in _list(json.loads(policy)["Statement"]))


def _allows(statement: dict[str, Any], resource: str, address: str) -> bool:
    if statement.get("Effect") != "Allow" or statement.get("Principal") not in (
        "*",
        {"AWS": "*"},
        {"AWS": ["*"]},
    ):
        return False
    if "s3:GetObject" not in _list(statement.get("Action", [])):
        return False
    if not any(fnmatchcase(resource, pattern) for pattern in _list(statement.get("Resource", []))):
        return False
    condition = statement.get("Condition", {})
    if not condition:
        return True
    if set(condition) != {"IpAddress"} or set(condition["IpAddress"]) != {"aws:SourceIp"}:
        return False
    networks = _list(condition["IpAddress"]["aws:SourceIp"])
    return any(ip_address(address) in ip_network(network, strict=False) for network in networks)


def _list(one_or_many: Any) -> list[Any]:
    return one_or_many if isinstance(one_or_many, list) else [one_or_many]
