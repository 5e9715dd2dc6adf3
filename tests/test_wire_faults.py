"""What is found out before the first byte, what surely was not sent, and stores that are none."""

from __future__ import annotations

import gc
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Arrived, Wire, answer, answering, free_port, hold, read_request, wire
from test_submit import certificate
from world import World

from pipeline import (
    ConfigError,
    PipelineError,
    StageError,
    SubmitRefused,
    SubmitUnavailable,
    SubmitUnknown,
    load_config,
    run,
)
from pipeline.wire import session

SUCCESS = answer(200, json.dumps({"requestid": "0123456789abcdef" * 2, "result": "Success"}).encode())
BUNDLES = ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLES, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def fails(world: World, config: dict[str, Any], kind: type[PipelineError]) -> PipelineError:
    with pytest.raises(kind) as caught:
        run(world.contacts, config)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert caught.value.result
    return caught.value


# Surely not sent


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Wire]:
    """An API that speaks TLS with a certificate of its own, whose authority is `c.pem`."""
    context = certificate(tmp_path)

    def behave(server: Wire, connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                server.arrived.append(read_request(tls) or Arrived("", "", {}, b""))
                tls.sendall(SUCCESS)
        except ssl.SSLError:  # whoever connects does not trust it
            return

    with wire(behave) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, "", "no certificate\n"])
def test_a_bundle_of_authorities_that_is_none_keeps_the_request_back(
    world: World, secure: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "bundle").write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "bundle"))
    config = world.config(submit={"base_url": f"https://127.0.0.1:{secure.port}"})
    with world.untouched():
        error = fails(world, config, SubmitUnavailable)
    assert str(tmp_path / "bundle") in error.message
    assert "REQUESTS_CA_BUNDLE" in error.hint
    assert secure.arrived == []
    assert error.result
    assert error.result.hosted is None


@pytest.mark.parametrize("name", BUNDLES)
def test_one_bundle_counts_for_every_half(
    world: World, secure: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "c.pem"))
    result = run(world.contacts, world.config(submit={"base_url": f"https://127.0.0.1:{secure.port}"}))
    assert result.state == "submitted"
    assert len(secure.arrived) == 1


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("content", [None, "garbage"])
def test_a_bundle_that_is_none_is_told_before_the_store_is_asked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "bundle").write_text(content)
    monkeypatch.setenv(name, str(tmp_path / "bundle"))
    with wire(hold) as store:
        config = world.config(stage={"endpoint_url": f"https://127.0.0.1:{store.port}"})
        error = fails(world, config, StageError)
    assert error.exit_code == 5
    assert str(tmp_path / "bundle") in error.message
    for variable in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
        assert variable in error.message + error.hint
    assert store.connections == 0


def test_a_store_with_a_certificate_of_its_own_names_the_variables(world: World, secure: Wire) -> None:
    config = world.config(stage={"endpoint_url": f"https://127.0.0.1:{secure.port}"})
    error = fails(world, config, StageError)
    for variable in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"):
        assert variable in error.hint


HOSTS = ["api..example.com", ".example.com", "a" * 64 + ".com", "-", "a-.com", "a b.com"]


@pytest.mark.parametrize("host", HOSTS)
def test_an_api_that_cannot_be_a_host_is_refused_unsent(world: World, host: str) -> None:
    with world.untouched(), pytest.raises(ConfigError, match=r"submit\.base_url"):
        run(world.contacts, world.config(submit={"base_url": f"https://{host}/apiv2"}))


def hang_up(_server: Wire, connection: socket.socket) -> None:
    read_request(connection)


@pytest.mark.parametrize("behave", [hang_up, lambda *_: None], ids=["after CONNECT", "at once"])
def test_a_proxy_that_hangs_up_at_connect_kept_the_request_back(
    world: World, monkeypatch: pytest.MonkeyPatch, behave: Any
) -> None:
    with world.untouched(), wire(behave) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        config = world.config(stage={"public_endpoint_url": world.sandbox.endpoint_url})
        config["submit"]["base_url"] = "https://api.example.com"
        monkeypatch.setattr("pipeline.preflight.unreachable", lambda _: "")
        error = fails(world, config, SubmitUnavailable)
    assert error.retryable
    assert proxy.connections == 1


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "no-scheme-at-all:x", "http://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_kept_the_request_back(
    world: World, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setattr("pipeline.preflight.unreachable", lambda _: "")
    with world.untouched():
        fails(world, world.config(submit={"base_url": "https://api.example.com"}), SubmitUnavailable)


def test_once_the_body_has_left_it_is_unknown(world: World) -> None:
    with wire(hang_up) as api:
        error = fails(world, world.config(submit={"base_url": api.url}), SubmitUnknown)
    assert not error.retryable


@pytest.mark.slow
@pytest.mark.parametrize(
    ("named", "seconds"),
    [("120", 120), ("0", 0), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_too_many_requests_names_the_time_and_is_asked_once(
    world: World, named: str, seconds: int | None
) -> None:
    with world.untouched(), answering(answer(429, b"", f"Retry-After: {named}\r\n")) as api:
        error = fails(world, world.config(submit={"base_url": api.url}), SubmitUnavailable)
    assert len(api.arrived) == 1
    assert error.retry_after == seconds
    assert error.result
    assert error.result.to_dict()["error"].get("retry_after") == seconds
    if seconds:
        assert f"{seconds} s" in error.hint


def test_a_session_takes_the_proxy_of_the_environment_but_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    with (
        session("https://my-bucket.s3.eu-central-1.amazonaws.com") as away,
        session("https://127.0.0.1") as here,
    ):
        assert away.proxies["https"] == "http://proxy.example.com:3128"
        assert here.proxies == {}


# Before the first byte


def test_a_port_that_is_taken_is_found_before_the_first_byte(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, wire(hold) as store:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        track = {"callback_url": f"http://{own}", "listen": own, "wait": 10}
        config = world.config(track=track, stage={"endpoint_url": store.url})
        with pytest.raises(ConfigError, match=r"track\.listen"):
            run(world.contacts, config)
    assert store.connections == 0


def test_a_key_file_that_is_missing_is_found_before_the_first_byte(world: World, tmp_path: Path) -> None:
    with wire(hold) as store:
        config = world.config(stage={"endpoint_url": store.url})
        config["submit"] = {"api_key_file": str(tmp_path / "none")}
        with pytest.raises(ConfigError, match="api_key_file"):
            run(world.contacts, config)
    assert store.connections == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my-bucket--usw2-az1--x-s3", "directory bucket"),
        ("arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap", "ARN"),
        ("arn:aws:s3:::my-bucket", "ARN"),
        ("s3://my-bucket/folder", "URL"),
        ("my-ap-xyz--ol-s3", "access point"),
    ],
)
def test_what_is_no_general_purpose_bucket_is_refused_by_name(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load_config({"contract": {"schema": "s.py:S"}, "stage": {"bucket": name}})
    assert caught.value.exit_code == 2


# Stores that are none


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # boto3 1.36, where it calls itself
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://login.example.com/?next=secret-path", "/login", ""])
def test_a_redirect_that_is_not_about_regions_is_told_with_its_target(
    world: World, status: int, location: str
) -> None:
    head = f"Location: {location}\r\n" if location else ""
    with answering(answer(status, b"<html>moved</html>", head)) as store:
        error = fails(world, world.config(stage={"endpoint_url": store.url}), StageError)
    assert error.exit_code == 5
    assert "endpoint_url" in error.hint
    assert "secret-path" not in str(error)
    if location.startswith("https") and status != 303:  # boto3 breaks on this one by itself
        assert "https://login.example.com" in error.message
    assert len(store.arrived) <= 5
    gc.collect()  # here, and not in another test


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body", "says", "hint"),
    [
        (
            403,
            b"<Error><Code>SecondLevelDomainForbidden</Code></Error>",
            "SecondLevel",
            "addressing: virtual",
        ),
        (403, b"<Error><Code>PathStyleDomainForbidden</Code></Error>", "PathStyle", "addressing: virtual"),
        (400, b"<Error><Code>InvalidBucketName</Code></Error>", "InvalidBucketName", "stage.bucket"),
        (403, b"<Error><Code>AllAccessDisabled</Code></Error>", "AllAccessDisabled", "switched off"),
        (404, b"<Error><Code>NoSuchUpload</Code></Error>", "NoSuchUpload", "lifecycle"),
        (400, b"<Error><Code>InvalidPart</Code></Error>", "InvalidPart", "lifecycle"),
        (403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>", "Skewed", "clock"),
        (
            403,
            b"<Error><Code>AccessDenied</Code><Message>Request is not valid yet</Message></Error>",
            "AccessDenied",
            "clock",
        ),
        (
            403,
            b"<Error><Code>AccessDenied</Code><Message>not authorized: kms:GenerateDataKey</Message></Error>",
            "AccessDenied",
            "key service",
        ),
        (
            403,
            b"<Error><Code>AccessDenied</Code><Message>This is a Requester Pays bucket</Message></Error>",
            "AccessDenied",
            "requester pays",
        ),
        (403, b"<html><body>Forbidden by our firewall</body></html>", "403", "not an S3 store"),
        (200, b"<html><body>Welcome</body></html>", "not an S3 store", "endpoint_url"),
        (200, b"Welcome to the console", "", "not an S3 store"),
        (403, b"<Error><Code>TotallyNewCode</Code></Error>", "TotallyNewCode", "Look TotallyNewCode up"),
    ],
)
def test_a_refusal_names_its_cause_and_what_to_do(
    world: World, status: int, body: bytes, says: str, hint: str
) -> None:
    with answering(answer(status, body, "Content-Type: text/html\r\n")) as store:
        error = fails(world, world.config(stage={"endpoint_url": store.url}), StageError)
    assert says in error.message
    assert hint in error.hint


def test_a_proxy_of_the_store_that_is_not_there_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    error = fails(world, world.config(stage={"endpoint_url": "https://s3.example.com"}), StageError)
    assert "HTTPS_PROXY" in error.hint


# What is told of a run that went well, or nearly


def test_a_url_of_a_minute_is_warned_about(world: World) -> None:
    result = run(world.contacts, world.config(stage={"expires_in": 60}), until="stage")
    (warning,) = [warning for warning in result.warnings if "60 s" in warning]
    assert "stage.expires_in" in warning
    assert warning in result.to_dict()["warnings"]
    usual = run(world.contacts, world.config(), until="stage").warnings
    assert not any("The URL lives" in warning for warning in usual)


def test_a_file_that_cannot_be_removed_is_told_in_the_result(world: World) -> None:
    refuse = answer(200, b'{"result": "Invalid API key"}')
    from fakes import Faults

    def fault(request: Arrived, kind: str, before: int) -> bytes | None:
        return answer(403, b"<Error><Code>AccessDenied</Code></Error>") if kind == "delete" else None

    port = int(world.sandbox.endpoint_url.rpartition(":")[2])
    with answering(refuse) as api, wire(Faults(port, fault)) as proxy:
        config = world.config(stage={"endpoint_url": proxy.url}, submit={"base_url": api.url})
        error = fails(world, config, SubmitRefused)
    assert error.result
    (left,) = error.result.to_dict()["left_behind"]
    assert left.startswith("s3://contacts/hosted/")
    assert left.removeprefix("s3://contacts/") in world.keys


@pytest.mark.slow
def test_a_run_in_the_sandbox_says_so(world: World) -> None:
    result = run(world.contacts, world.config() | {"sandbox": True})
    said = result.to_dict()
    assert said["sandbox"] is True
    assert said["hosted"]["expires_at"] is None
    from pipeline.console import summary

    assert "SANDBOX" in summary(result).splitlines()[0]
    assert "fetchable until" not in summary(result)
    assert run(world.contacts, world.config(), until="submit").to_dict()["sandbox"] is False


@pytest.mark.slow
def test_after_a_time_out_the_summary_tells_one_story(world: World) -> None:
    from pipeline import JobTimeout
    from pipeline.console import summary

    with answering(SUCCESS) as api, pytest.raises(JobTimeout) as caught:
        run(world.contacts, world.waiting(wait=1, submit={"base_url": api.url}))
    assert caught.value.result
    said = summary(caught.value.result)
    assert "has not called back in time" in said
    assert "not waited for" not in said
    assert "track.wait" not in said
