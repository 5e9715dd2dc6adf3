"""Our statement in a bucket's policy: what it says, and that nothing else in the policy is touched."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import policy
from pipeline.config.file import load_config
from pipeline.errors import ConfigError
from pipeline.policy import lifecycle, permissions
from pipeline.policy.command import carry_out


def config(idc: str = "india", **stage: Any) -> Any:
    known = {"bucket": "bkt", "prefix": "netcore/", "url": "allowlisted"}
    return load_config({"contract": {"schema": "s.py:S"}, "stage": known | stage, "submit": {"idc": idc}})


OURS = policy.statement(config())

names = st.text("abcNetcore09", min_size=1, max_size=8) | st.just(OURS["Sid"] + "x")
words = st.sampled_from(["s3:GetObject", "s3:*", "*", "arn:aws:s3:::bkt/*", "ü", "127.0.0.1/32"])
foreign = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": words | st.lists(words, max_size=3)},
    optional={
        "Sid": names,
        "Principal": st.just("*") | st.dictionaries(st.just("AWS"), words | st.lists(words), max_size=1),
        "Resource": words | st.lists(words, max_size=2),
        "Condition": st.dictionaries(names, st.dictionaries(names, words), max_size=2),
    },
)
policies = st.fixed_dictionaries(
    {"Statement": st.lists(foreign, max_size=5) | foreign},
    optional={"Version": st.sampled_from(["2008-10-17", "2012-10-17"]), "Id": st.text()},
)


def statements(document: dict[str, Any]) -> list[Any]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


@given(policies)
def test_merging_adds_ours_and_changes_nothing_else(theirs: dict[str, Any]) -> None:
    before = copy.deepcopy(theirs)
    merged = policy.merged(theirs, OURS)
    assert theirs == before
    assert [each for each in merged["Statement"] if each != OURS] == statements(before)
    assert merged["Statement"].count(OURS) == 1
    assert {k: v for k, v in merged.items() if k != "Statement"} == {
        k: v for k, v in before.items() if k != "Statement"
    }
    assert policy.merged(merged, OURS) == merged
    assert list(merged) == list(before), "the order of the document's parts"


@given(policies)
def test_removing_undoes_merging(theirs: dict[str, Any]) -> None:
    gone = policy.without(policy.merged(theirs, OURS), OURS["Sid"])
    assert (statements(gone) if gone else []) == statements(theirs)
    assert policy.without(gone, OURS["Sid"]) == gone
    assert policy.without(theirs, OURS["Sid"]) == theirs


@given(policies, st.integers(0, 5))
def test_an_older_statement_of_ours_is_replaced_in_its_place(theirs: dict[str, Any], place: int) -> None:
    older = OURS | {"Condition": {}}
    mixed = [*statements(theirs)[:place], older, *statements(theirs)[place:]]
    merged = policy.merged(theirs | {"Statement": mixed}, OURS)["Statement"]
    assert merged == [*statements(theirs)[:place], OURS, *statements(theirs)[place:]]


def test_no_policy_at_all() -> None:
    merged = policy.merged(None, OURS)
    assert merged == {"Version": "2012-10-17", "Statement": [OURS]}
    assert policy.without(merged, OURS["Sid"]) is None
    assert policy.without(None, OURS["Sid"]) is None


@pytest.mark.parametrize(
    ("idc", "address"),
    [("us", "44.199.15.1/32"), ("india", "15.206.255.213/32"), ("eu", "13.49.233.89/32")],
)
def test_the_statement_says_who_where_and_how(idc: str, address: str) -> None:
    assert policy.statement(config(idc)) == {
        "Sid": OURS["Sid"],
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bkt/netcore/hosted/*",
        "Condition": {"IpAddress": {"aws:SourceIp": [address]}, "Bool": {"aws:SecureTransport": "true"}},
    }


def test_statements_of_other_configs() -> None:
    named = policy.statement(config(allowed_addresses=["203.0.113.7", "2001:db8::/48"], allow_http=True))
    assert named["Condition"] == {"IpAddress": {"aws:SourceIp": ["203.0.113.7/32", "2001:db8::/48"]}}
    public = policy.statement(config(url="public", public_access="understood"))
    assert public["Condition"] == {"Bool": {"aws:SecureTransport": "true"}}
    assert policy.statement(config(prefix="other/"))["Sid"] != OURS["Sid"]
    assert policy.statement(config(region="cn-north-1"))["Resource"].startswith("arn:aws-cn:s3:::bkt/")
    assert OURS["Sid"].isalnum()
    with pytest.raises(ConfigError, match="presigned"):
        policy.statement(config(url="presigned"))


@pytest.mark.parametrize(
    "other",
    [
        OURS | {"Principal": {"AWS": "*"}},
        OURS | {"Principal": {"AWS": ["*"]}},
        OURS | {"Action": ["s3:GetObject"], "Resource": [OURS["Resource"]]},
        OURS
        | {"Condition": {"Bool": {"aws:SecureTransport": True}, "IpAddress": OURS["Condition"]["IpAddress"]}},
    ],
)
def test_the_same_statement_as_a_store_may_write_it(other: dict[str, Any]) -> None:
    assert policy.same(other, OURS)


@pytest.mark.parametrize(
    "change",
    [
        {"Principal": {"AWS": "123456789012"}},
        {"Action": ["s3:GetObject", "s3:PutObject"]},
        {"Resource": "arn:aws:s3:::bkt/*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Effect": "Deny"},
    ],
)
def test_another_statement_is_not_the_same(change: dict[str, Any]) -> None:
    assert not policy.same(OURS | change, OURS)


def test_least_permissions_by_mode() -> None:
    def actions(**stage: Any) -> set[str]:
        needed = permissions.needed(config(**stage))
        return {action for each in needed["Statement"] for action in each["Action"]}

    objects = {"PutObject", "GetObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts"}
    ledger = {"ListBucket", "GetLifecycleConfiguration"}
    assert actions(url="presigned") == {f"s3:{each}" for each in objects | ledger}
    assert actions() - actions(url="presigned") == {
        "s3:GetBucketPolicy",
        "s3:GetBucketPolicyStatus",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetAccountPublicAccessBlock",
    }
    assert "s3:PutObjectTagging" in actions(tags={"a": "b"})
    assert "kms:Decrypt" in actions(url="presigned", encryption="SSE-KMS:1234")
    assert actions(
        url="public", public_access="understood", public_base_url="https://cdn.example.com"
    ) == actions(url="presigned")
    assert not any("Policy" in each or "Acl" in each for each in actions(url="presigned"))


def test_permissions_by_role() -> None:
    """What each may do, and where: a receiver reads nothing, and nobody but a run reads hosted files."""

    def allowed(role: Any) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in permissions.needed(config(url="presigned", prefix="p/"), role)["Statement"]:
            places = each.get("Condition", {}).get("StringLike", {}).get("s3:prefix") or each["Resource"]
            for action in each["Action"]:
                found.setdefault(action.removeprefix("s3:"), set()).update(
                    str(place).rpartition(":::")[2].partition("/p/")[2] or str(place) for place in places
                )
        return found

    assert allowed("listen") == {"PutObject": {"callbacks/*", "runs/*/callback-*.json", "runs/*/ended.json"}}
    assert allowed("status") == {
        "GetObject": {"runs/*", "claims/*", "callbacks/*", "rejects/*"},
        "ListBucket": {"p/runs/*", "p/claims/*", "p/callbacks/*", "p/rejects/*"},
    }
    clean = allowed("clean")
    assert clean["PutObject"] == {"runs/*/cleaned.json"}
    assert clean["DeleteObject"] == clean["DeleteObjectVersion"] == {"hosted/*", "callbacks/*", "rejects/*"}
    assert "hosted/*" not in clean["GetObject"]
    assert allowed("run")["PutObject"] == {"hosted/*", "runs/*", "claims/*"}
    assert allowed("run")["ListBucket"] == {"p/hosted/*", "p/runs/*", "p/claims/*"}
    assert allowed("run")["DeleteObject"] == {"hosted/*"}
    assert allowed("cluster")["PutObject"] == {"hosted/*", "runs/*", "claims/*", "rejects/*"}
    assert allowed("cluster")["DeleteObject"] == {"hosted/*", "rejects/*"}
    assert "rejects/*" not in allowed("cluster")["GetObject"]


OTHERS = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}}


def test_lifecycle_rules_are_merged_and_never_cover_claims_or_events() -> None:
    ours = lifecycle.rules(config(url="presigned", prefix="p/", expires_in="7d"))
    assert [rule["Filter"]["Prefix"] for rule in ours] == ["p/hosted/", "p/callbacks/", "p/rejects/"]
    assert [rule["Expiration"]["Days"] for rule in ours] == [8, 30, 30]
    assert ours[0]["AbortIncompleteMultipartUpload"]
    older = ours[0] | {"Expiration": {"Days": 99}}
    assert lifecycle.merged([older, OTHERS], ours) == [ours[0], OTHERS, *ours[1:]]
    assert lifecycle.merged([], ours) == ours
    assert lifecycle.merged(ours, ours) == ours


@pytest.mark.parametrize(
    ("rule", "covered"),
    [
        ({}, True),
        ({"Filter": {"Prefix": ""}}, True),
        ({"Filter": {}}, True),
        ({"Prefix": "p/", "Filter": None}, True),
        ({"Filter": {"And": {"Prefix": "p/", "Tags": [{"Key": "a", "Value": "b"}]}}}, True),
        ({"Filter": {"Tag": {"Key": "a", "Value": "c"}}}, False),
        ({"Filter": {"And": {"Prefix": "p/", "ObjectSizeGreaterThan": 5}}}, False),
        ({"Filter": {"Prefix": "p/hosted/2026"}}, False),
        ({"Filter": {"Prefix": "q/"}}, False),
        ({"Status": "Disabled"}, False),
        ({"Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
        ({"Expiration": {"Date": "2027-01-01"}}, True),
    ],
)
def test_which_rules_remove_hosted_files(rule: dict[str, Any], covered: bool) -> None:
    base = {"Status": "Enabled", "Filter": {"Prefix": "p/hosted/"}, "Expiration": {"Days": 3}}
    merged = {key: value for key, value in (base | rule).items() if value is not None}
    assert lifecycle.covers([merged], config(url="presigned", prefix="p/", tags={"a": "b"})) is covered


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("SSE-KMS:arn:aws:kms:eu-west-1:1:key/k", "arn:aws:kms:eu-west-1:1:key/k"),
        ("SSE-KMS:k", "arn:aws:kms:eu-west-1:*:key/k"),
        ("SSE-KMS:alias/k", "arn:aws:kms:eu-west-1:*:key/*"),
    ],
)
def test_the_key_of_the_permissions(key: str, resource: str) -> None:
    last = permissions.needed(config(url="presigned", encryption=key, region="eu-west-1"))["Statement"][-1]
    assert last["Resource"] == [resource]
    assert ("Condition" in last) == ("alias" in key)


def test_the_command_prints_without_asking_any_store() -> None:
    assert json.loads(carry_out(config(), None)) == OURS
    assert json.loads(carry_out(config(), "permissions")) == permissions.needed(config())
    with pytest.raises(ConfigError, match="bucket"):
        carry_out({"contract": {"schema": "s.py:S"}}, None)


@pytest.mark.parametrize("unset", [{"prefix": "${NOT_SET}"}, {"allowed_addresses": "${NOT_SET}"}, {}])
def test_no_statement_is_made_of_what_is_not_set(unset: dict[str, str]) -> None:
    stage = {"bucket": "contacts", "region": "eu-central-1", "url": "allowlisted", **unset}
    config = {"contract": {"schema": "c.py:C"}, "stage": stage, "submit": {"idc": "${NOT_SET}"}}
    for action in (None, "permissions"):
        with pytest.raises(ConfigError, match="NOT_SET"):
            carry_out(config, action)
