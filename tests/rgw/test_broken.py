"""Credentials and URLs broken in every way that came to mind: refused before the API hears of anything.

Each case breaks one thing, and names the words by which its error says which way.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fakes import answer, answering, free_port, read_request, wire

from pipeline import PipelineError, policy
from pipeline.policy.command import carry_out

from .product import CONTENT, MODES, Product, by_action, resolve_test_names

if TYPE_CHECKING:
    from fakes import Wire

    from .server import Keys

ALLOWLISTED, PUBLIC = MODES["allowlisted"], MODES["public"]
Break = Callable[[Product, pytest.MonkeyPatch, ExitStack], dict[str, Any]]
CASES: list[tuple[str, str, Break]] = []


def case(said: str) -> Callable[[Break], Break]:
    """Adds a case: a function that breaks one thing and returns keys for `stage`; `said` is in the error."""

    def add(breaks: Break) -> Break:
        CASES.append((breaks.__name__, said, breaks))
        return breaks

    return add


def serve(stack: ExitStack, status: int, body: bytes, **headers: str) -> dict[str, Any]:
    """The public endpoint is a server that answers this."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    server = stack.enter_context(answering(answer(status, body, lines)))
    return {"public_endpoint_url": server.url}


def relay(product: Product, change: Callable[[bytes], bytes], stack: ExitStack, host: str = "") -> Wire:
    """A proxy in front of the store that changes the answer, or the Host header."""

    def behave(server: Wire, connection: socket.socket) -> None:
        request = read_request(connection)
        assert request
        headers = request.headers | {"connection": "close"} | ({"host": host} if host else {})
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(("127.0.0.1", product.rgw.port)) as store:
            store.sendall(f"{request.method} {request.target} HTTP/1.1\r\n{head}\r\n".encode() + request.body)
            reply = b""
            while more := store.recv(65536):
                reply += more
        connection.sendall(change(reply))

    return stack.enter_context(wire(behave))


def use(product: Product, **change: Any) -> dict[str, Any]:
    product.use(replace(product.rgw.owner, **change))
    return {}


# Credentials and the way to the store.


@case("SignatureDoesNotMatch.*secret key does not belong")
def wrong_secret(product: Product, *_: Any) -> dict[str, Any]:
    return use(product, secret_key="wrong")


@case("InvalidAccessKeyId.*does not know this access key")
def unknown_access_key(product: Product, *_: Any) -> dict[str, Any]:
    return use(product, access_key="NOBODYSKEY")


@case("No AWS credentials were found")
def no_credentials(_: Product, monkeypatch: pytest.MonkeyPatch, *__: Any) -> dict[str, Any]:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    return {}


@case("No AWS credentials were found")
def half_the_credentials(_: Product, monkeypatch: pytest.MonkeyPatch, *__: Any) -> dict[str, Any]:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    return {}


@case("ProfileNotFound.*check AWS_PROFILE")
def unknown_profile(_: Product, monkeypatch: pytest.MonkeyPatch, *__: Any) -> dict[str, Any]:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    return {}


@case("InvalidAccessKeyId")
def temporary_keys_without_their_token(product: Product, *_: Any) -> dict[str, Any]:
    product.use(replace(product.rgw.temporary(product.rgw.owner), session_token=None))
    return {}


@case("InvalidAccessKeyId")
def temporary_keys_with_a_broken_token(product: Product, *_: Any) -> dict[str, Any]:
    keys: Keys = product.rgw.temporary(product.rgw.owner)
    product.use(replace(keys, session_token=f"{keys.session_token}"[:-8] + "AAAAAAAA"))
    return {}


@case("would live until .* only: the AWS credentials are temporary")
def temporary_keys_about_to_end(product: Product, monkeypatch: pytest.MonkeyPatch, *_: Any) -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta

    product.use(product.rgw.temporary(product.rgw.owner))
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (datetime.now(UTC) + timedelta(minutes=14)).isoformat())
    monkeypatch.setattr("botocore.credentials.RefreshableCredentials._advisory_refresh_timeout", 0)
    monkeypatch.setattr("botocore.credentials.RefreshableCredentials._mandatory_refresh_timeout", 0)
    return {}


@case("AccessDenied while writing the ledger.*policy --permissions")
def no_permission_to_write(product: Product, *_: Any) -> dict[str, Any]:
    product.rgw.allow(product.rgw.guest)
    product.use(product.rgw.guest)
    return {}


@case("HTTP 403 AccessDenied.*s3:GetObject")
def no_permission_to_read(product: Product, *_: Any) -> dict[str, Any]:
    document = json.loads(carry_out(product.config(), "permissions"))
    product.rgw.allow(product.rgw.guest, *by_action(document, but="s3:GetObject"))
    product.use(product.rgw.guest)
    return {}


@case("NoSuchBucket.*Check stage.bucket")
def no_such_bucket(product: Product, *_: Any) -> dict[str, Any]:
    return {"bucket": f"{product.bucket}-not"}


@case("EndpointConnectionError.*stage.endpoint_url")
def nobody_at_the_endpoint(*_: Any) -> dict[str, Any]:
    return {"endpoint_url": f"http://127.0.0.1:{free_port()}"}


@case("EndpointConnectionError.*stage.endpoint_url")
def an_endpoint_that_no_dns_knows(*_: Any) -> dict[str, Any]:
    return {"endpoint_url": "http://store.invalid", "allow_http": True}


@case("SSLError.*certificate")
def an_untrusted_certificate(product: Product, *_: Any) -> dict[str, Any]:
    return {"endpoint_url": product.rgw.tls_url}


@case("SSLError|ConnectionClosedError|EndpointConnectionError")
def tls_to_a_port_without(product: Product, *_: Any) -> dict[str, Any]:
    return {"endpoint_url": product.rgw.endpoint_url.replace("http:", "https:")}


@case("not an S3 store.*stage.endpoint_url")
def an_endpoint_that_is_a_website(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    server = stack.enter_context(answering(answer(200, b"<html>hello</html>", "Content-Type: text/html\r\n")))
    return {"endpoint_url": server.url}


@case("is in region ap-south-1, and was looked for in eu-central-1.*region: ap-south-1")
def a_bucket_of_another_region(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    body = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
    headers = "x-amz-bucket-region: ap-south-1\r\nContent-Type: application/xml\r\n"
    return {"endpoint_url": stack.enter_context(answering(answer(301, body, headers))).url}


@case("InvalidAccessKeyId|KMS|InvalidArgument")
def an_unknown_encryption_key(*_: Any) -> dict[str, Any]:
    return {"encryption": "SSE-KMS:no-such-key"}


@case("did not confirm that it encrypts")
def encryption_that_is_not_done(*_: Any) -> dict[str, Any]:
    return {"encryption": "SSE-S3"}


# The URL.


@case("cannot be fetched: ConnectionError")
def nobody_at_the_public_endpoint(*_: Any) -> dict[str, Any]:
    return {"public_endpoint_url": f"http://127.0.0.1:{free_port()}"}


@case("cannot be fetched: ConnectionError")
def a_public_endpoint_that_no_dns_knows(*_: Any) -> dict[str, Any]:
    return {"public_endpoint_url": "http://store.invalid", "allow_http": True}


@case("certificate that is not trusted")
def a_public_endpoint_with_its_own_certificate(product: Product, *_: Any) -> dict[str, Any]:
    return {"public_endpoint_url": product.rgw.tls_url}


@case("speaks no TLS")
def a_public_endpoint_without_tls(product: Product, *_: Any) -> dict[str, Any]:
    return {"public_endpoint_url": product.rgw.endpoint_url.replace("http:", "https:")}


@case("SignatureDoesNotMatch.*another host name")
def a_proxy_that_changes_the_host(product: Product, _: Any, stack: ExitStack) -> dict[str, Any]:
    inside = f"127.0.0.1:{product.rgw.port}"
    return {"public_endpoint_url": relay(product, lambda reply: reply, stack, host=inside).url}


@case("shows a web page.*login page")
def a_login_page(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 200, b"<!doctype html><title>Sign in</title>", Content_Type="text/html")


@case("shows other bytes")
def a_cache_with_yesterdays_file(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 200, CONTENT.replace(b"EMAIL", b"MOBIL"))


@case("says .* bytes; .* were staged")
def a_file_cut_short(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 206, CONTENT[:1024], Content_Range=f"bytes 0-1023/{len(CONTENT) - 1}")


@case("says 1,050 bytes; .* were staged")
def a_cache_that_forgets_the_end(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 200, CONTENT[:1050])


@case("does not say how long")
def a_range_of_unknown_length(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 206, CONTENT[:1024], Content_Range="bytes 0-1023/*")


@case("HTTP 302.*Redirects are not followed")
def a_redirect(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 302, b"", Location="https://example.com/login")


@case(r"HTTP 307 TemporaryRedirect \(the bucket is in ap-south-1\).*region: ap-south-1")
def a_redirect_to_another_region(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    body = b"<Error><Code>TemporaryRedirect</Code></Error>"
    return serve(stack, 307, body, x_amz_bucket_region="ap-south-1", Location="https://example.com/")


@case("HTTP 404.*What answers there is not the store")
def another_server(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 404, b"nothing here")


@case("cannot be fetched: HTTP 503")
def an_overloaded_server(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 503, b"")


@case("HTTP 403 AccessDenied.*expired already")
def an_expired_url(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    return serve(stack, 403, body)


@case("HTTP 403 AccessDenied.*key service refused")
def no_permission_for_the_key(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    message = b"User is not authorized to perform: kms:Decrypt on the resource"
    return serve(stack, 403, b"<Error><Code>AccessDenied</Code><Message>" + message + b"</Message></Error>")


@case("HTTP 200|HTTP 204")
def an_answer_without_a_file(_: Product, __: Any, stack: ExitStack) -> dict[str, Any]:
    return serve(stack, 204, b"")


# The modes without a signature.


@case("does not let the platform read.*--apply")
def allowlisted_without_a_statement(*_: Any) -> dict[str, Any]:
    return ALLOWLISTED


@case("not as configured")
def allowlisted_for_another_address(product: Product, *_: Any) -> dict[str, Any]:
    carry_out(product.config(**ALLOWLISTED | {"allowed_addresses": "10.1.2.3"}), "apply")
    return ALLOWLISTED


@case("can be read from this machine")
def allowlisted_and_open_to_this_machine(product: Product, *_: Any) -> dict[str, Any]:
    stage = ALLOWLISTED | {"allowed_addresses": ["127.0.0.1", "127.0.0.2"]}
    carry_out(product.config(**stage), "apply")
    return stage


@case("lets others read")
def allowlisted_and_open_to_all(product: Product, *_: Any) -> dict[str, Any]:
    ours = policy.statement(product.config(**ALLOWLISTED))
    document = policy.merged(None, ours)
    document["Statement"].append({k: v for k, v in ours.items() if k != "Condition"} | {"Sid": "open"})
    product.rgw.client().put_bucket_policy(Bucket=product.bucket, Policy=json.dumps(document))
    return ALLOWLISTED


@case("lets nobody read .* without a signature.*--apply")
def public_without_a_policy(*_: Any) -> dict[str, Any]:
    return PUBLIC


@case("lets nobody read .* without a signature")
def public_with_an_allow_list_only(product: Product, *_: Any) -> dict[str, Any]:
    carry_out(product.config(**ALLOWLISTED), "apply")
    return PUBLIC


@case("public-access block is on.*presigned")
def public_with_the_block_on(product: Product, *_: Any) -> dict[str, Any]:
    carry_out(product.config(**PUBLIC), "apply")
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), False)
    block["BlockPublicPolicy"] = True
    product.rgw.client().put_public_access_block(
        Bucket=product.bucket,
        PublicAccessBlockConfiguration=block,  # type: ignore[arg-type]
    )
    return PUBLIC


@case("HTTP 403 AccessDenied.*bucket's policy")
def public_by_a_policy_for_another_folder(product: Product, *_: Any) -> dict[str, Any]:
    carry_out(product.config(**PUBLIC, prefix="elsewhere/"), "apply")
    return PUBLIC


@case("HTTP 404 NoSuchBucket|HTTP 404 NoSuchKey")
def a_cdn_that_serves_another_folder(product: Product, *_: Any) -> dict[str, Any]:
    carry_out(product.config(**PUBLIC), "apply")
    return PUBLIC | {"public_base_url": f"{product.rgw.endpoint_url}/no-such-bucket"}


# A real API: its request is never sent from here, and a host that it cannot reach is known beforehand.


@case("cannot reach localhost")
def a_real_api_and_a_store_on_this_machine(product: Product, *_: Any) -> dict[str, Any]:
    return {"endpoint_url": f"http://localhost:{product.rgw.port}", "real_api": True}


@case("cannot reach .*private|cannot reach minio")
def a_real_api_and_a_store_in_the_own_network(
    product: Product, monkeypatch: pytest.MonkeyPatch, *_: Any
) -> dict[str, Any]:
    resolve_test_names(monkeypatch)
    return {"public_endpoint_url": "https://minio:9000", "real_api": True}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_servers:
        yield open_servers


@pytest.mark.parametrize(("said", "breaks"), [pytest.param(s, b, id=name) for name, s, b in CASES])
def test_what_is_broken_is_told_before_the_api_hears_of_it(
    product: Product, monkeypatch: pytest.MonkeyPatch, stack: ExitStack, said: str, breaks: Break
) -> None:
    stage = breaks(product, monkeypatch, stack)
    sections = {"submit": {"base_url": "https://api.invalid"}} if stage.pop("real_api", False) else {}
    with pytest.raises(PipelineError) as caught:
        product.run(sections=sections, **stage)
    error = caught.value
    assert error.exit_code == 5
    assert re.search(said, str(error).replace("\n", " ")), str(error)
    assert error.hint
    assert product.api.arrived == []
    assert product.api.connections == 0
    monkeypatch.delenv("AWS_PROFILE", raising=False)  # the test's own client would obey it
    assert product.left() == [], "the file was taken away again"
    assert error.result
    assert (error.result.hosted, error.result.state) == (None, "failed")
    for secret in (product.rgw.owner.secret_key, "X-Amz-Signature", "asha"):
        assert secret not in str(error)


def test_that_is_forty_ways_and_more() -> None:
    assert len(CASES) >= 40
    assert len({name for name, _, _ in CASES}) == len(CASES)
