"""Ways to credentials that fail: each is told as what it is, before a byte is sent, and nothing ever asks.

As a process, with the environment that a user would have.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from world import CONTRACT, ROOT

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAPLANTED", "AWS_SECRET_ACCESS_KEY": "planted/secret"}
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"
WEB = {
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token",
}
SOON = {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "soon", "AWS_SESSION_TOKEN": "t"}
EXPIRED = {
    "Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c",
    "Expiration": "2020-01-01T00:00:00Z",
}  # fmt: skip


def ended(folder: Path, env: dict[str, str], profile: str = "") -> dict[str, Any]:
    """The error of a run with only these ways to credentials, as `--json` prints it."""
    (folder / "contract.py").write_text(CONTRACT)
    (folder / "contacts.csv").write_text("EMAIL\nanna@example.com\n")
    (folder / "aws").write_text(profile)
    (folder / "config.yaml").write_text(
        json.dumps(
            {
                "source": {"path": "contacts.csv"},
                "contract": {"schema": "contract.py:SCHEMA"},
                "stage": {
                    "bucket": "some-bucket",
                    "region": "us-east-1",
                    "endpoint_url": "http://127.0.0.1:9",
                },
            }
        )
    )
    clean = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    ours = {
        "AWS_CONFIG_FILE": str(folder / "aws"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "-c", str(folder / "config.yaml"), "--json",
         "--until", "stage"],
        capture_output=True, text=True, cwd=ROOT, env={**clean, **ours, **env}, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert time.monotonic() - started < 30
    said = json.loads(done.stdout)["error"]
    assert said["exit_code"] == done.returncode
    assert "Enter MFA" not in done.stderr + done.stdout
    for secret in ("planted/secret", "Traceback"):
        assert secret not in done.stdout + done.stderr
    assert isinstance(said, dict)
    return said


PROCESS = "[profile p]\ncredential_process = {}\n"
MFA = (
    f"[profile p]\n{ROLE}source_profile = q\nmfa_serial = arn:aws:iam::1:mfa/u\nregion = us-east-1\n"
    "[profile q]\naws_access_key_id = a\naws_secret_access_key = b\n"
)
SSO = (
    "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nregion = us-east-1\n"
    "[sso-session s]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
)
P = {"AWS_PROFILE": "p"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "profile", "says", "hint"),
    [
        (
            {**KEYS, "AWS_SESSION_TOKEN": "tok", "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
            "",
            "they have ended",
            "fresh credentials",
        ),
        (P, PROCESS.format("/nonexistent/helper"), "profile p", "by hand"),
        (P, PROCESS.format("echo Please log in"), "not JSON", "by hand"),
        (P, PROCESS.format("echo []"), "profile p", "by hand"),
        (P, PROCESS.format("false"), "profile p", "by hand"),
        (P, PROCESS.format(f"echo '{json.dumps(EXPIRED)}'"), "they have ended", "by hand"),
        (WEB, "", "AWS_WEB_IDENTITY_TOKEN_FILE", "service account"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/creds"}, "", "FULL_URI", "unset"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "ftp:/x"}, "", "FULL_URI", "unset"),
        (
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/creds",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nonexistent/t",
            },
            "",
            "a file or command is not there",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ),
        (P, MFA, "MFA", "beforehand"),
        (P, SSO, "the login of the profile p", "aws sso login"),
        (P, "", "ProfileNotFound", "AWS_PROFILE"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "", "PartialCredentialsError", "AWS_SECRET_ACCESS_KEY"),
        ({}, "", "No AWS credentials were found", "AWS_PROFILE"),
    ],
)  # fmt: skip
def test_the_way_that_failed_is_told(
    tmp_path: Path, env: dict[str, str], profile: str, says: str, hint: str
) -> None:
    error = ended(tmp_path, env, profile)
    assert error["exit_code"] == 5
    assert "credentials" in error["message"]
    assert says in error["message"]
    assert hint in error["hint"]
    assert "host name" not in error["message"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "profile", "says"),
    [
        ({"AWS_METADATA_SERVICE_TIMEOUT": "1s"}, "", "AWS_METADATA_SERVICE_TIMEOUT"),
        ({"AWS_METADATA_SERVICE_NUM_ATTEMPTS": "many"}, "", "AWS_METADATA_SERVICE_NUM_ATTEMPTS"),
        (SOON, "", "AWS_CREDENTIAL_EXPIRATION"),
        ({**KEYS, "AWS_ACCESS_KEY_ID": "AKIA\nX"}, "", "access key"),
        ({**KEYS, "AWS_SECRET_ACCESS_KEY": "secret\r\n"}, "", "secret key"),
        ({**KEYS, "AWS_DEFAULTS_MODE": "fast"}, "", "InvalidDefaultsMode"),
        (KEYS, "no [ini at all\n", "ConfigParseError"),
        (P, f"[profile p]\n{ROLE}source_profile = p\n", "InfiniteLoopConfigError"),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_usable_is_a_config_error(
    tmp_path: Path, env: dict[str, str], profile: str, says: str
) -> None:
    error = ended(tmp_path, env, profile)
    assert (error["exit_code"], error["type"]) == (2, "ConfigError")
    assert says in error["message"]
    assert error["hint"]
