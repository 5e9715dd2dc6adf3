"""The config file: each key's values, `${NAME}`, and errors that name file, line and key but no value."""

from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from ruamel.yaml import YAML

from pipeline import ConfigError, load_config
from pipeline.config import Config, ContractConfig
from pipeline.config.addresses import is_loopback

ROOT = Path(__file__).parents[1]
SECRET = "planted-5ecret-in-the-environment"
MINIMAL = "contract:\n  schema: s.py:S\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a config file and loads it."""
    monkeypatch.setenv("PLANTED", SECRET)
    monkeypatch.delenv("NOT_SET", raising=False)

    def load(text: str | bytes) -> Config:
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path)

    return load


def failure(load: Any, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as raised:
        load(text)
    assert SECRET not in str(raised.value) + repr(raised.value)
    assert raised.value.hint
    assert raised.value.__cause__ is None
    return str(raised.value)


def section(key: str, value: str) -> str:
    name, _, field = key.partition(".")
    if name == "contract" and field != "schema":
        return f"{MINIMAL}  {field}: {value}\n"
    if not field:
        return f"{MINIMAL}{name}: {value}\n"
    return f"{name}:\n  {field}: {value}\n" + ("" if name == "contract" else MINIMAL)


def got(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, "schema_" if part == "schema" else part)
    return value


DEFAULTS: dict[str, Any] = {
    "sandbox": False,
    "source.path": None,
    "source.delimiter": ",",
    "source.quotechar": '"',
    "source.escapechar": None,
    "source.encoding": None,
    "source.skip_rows": 0,
    "source.footer": None,
    "source.header_rows": 1,
    "source.columns": {},
    "source.allow_empty": False,
    "source.max_record_bytes": 1 << 20,
    "contract.primary_key": (),
    "contract.max_rejected": "0",
    "contract.unknown_columns": None,
    "contract.region": None,
    "contract.read": {},
    "contract.rejects": "rejects",
    "stage.bucket": None,
    "stage.prefix": "",
    "stage.region": None,
    "stage.endpoint_url": None,
    "stage.public_endpoint_url": None,
    "stage.addressing": None,
    "stage.url": "presigned",
    "stage.expires_in": 86400,
    "stage.min_lifetime": 900,
    "stage.allowed_addresses": (),
    "stage.public_access": None,
    "stage.public_base_url": None,
    "stage.encryption": None,
    "stage.tags": {},
    "stage.allow_http": False,
    "submit.idc": "us",
    "submit.base_url": None,
    "submit.api_key": None,
    "submit.api_key_file": None,
    "submit.listid": None,
    "submit.notifyemail": None,
    "track.callback_url": None,
    "track.listen": None,
    "track.secret": (),
    "track.keep_bodies": 30 * 86400,
    "ledger": "on",
    "stage.keep": 3 * 86400,
    "stage.url_profile": None,
    "stage.workers_sign": False,
    "submit.account": None,
    "submit.label": None,
    "submit.run_key": None,
    "submit.again_after": 12 * 3600,
    "track.wait": 0,
}


def every_key() -> set[str]:
    found = set()
    for name, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        found |= {f"{name}.{f.alias or key}" for key, f in inner.items()} if inner else {name}
    return found


def test_every_key_but_the_schema_has_a_tested_default(write: Any) -> None:
    assert every_key() - {"contract.schema"} == set(DEFAULTS)
    config = write(MINIMAL)
    assert {key: got(config, key) for key in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("sandbox", "true", True),
        ("source.path", "NO", "NO"),
        ("source.path", "on", "on"),
        ("source.path", "2024-01-02", "2024-01-02"),
        ("source.path", "'-'", "-"),
        ("source.delimiter", "=", "="),
        ("source.delimiter", r'"\t"', "\t"),
        ("source.quotechar", '""', ""),
        ("source.escapechar", r"\ ".strip(), "\\"),
        ("source.encoding", "cp1252", "cp1252"),
        ("source.skip_rows", "0o14", 12),
        ("source.skip_rows", "012", 12),
        ("source.header_rows", "0", 0),
        ("source.columns", "{007: A, NO: B, 2024-01-02: C}", {"007": "A", "NO": "B", "2024-01-02": "C"}),
        ("source.max_record_bytes", "64", 64),
        ("contract.schema", "a.b:C", "a.b:C"),
        ("contract.primary_key", "EMAIL", ("EMAIL",)),
        ("contract.primary_key", "[EMAIL, MOBILE]", ("EMAIL", "MOBILE")),
        ("contract.max_rejected", "100", "100"),
        ("contract.max_rejected", "2%", "2%"),
        ("contract.max_rejected", '"0.5%"', "0.5%"),
        ("contract.unknown_columns", "refuse", "refuse"),
        ("contract.rejects", "out", "out"),
        ("stage.bucket", "my-bucket", "my-bucket"),
        ("stage.prefix", "a/b", "a/b/"),
        ("stage.prefix", "a/b/", "a/b/"),
        ("stage.region", "eu-central-1", "eu-central-1"),
        ("stage.endpoint_url", "https://minio.example.com:9000/", "https://minio.example.com:9000"),
        ("stage.endpoint_url", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("stage.public_endpoint_url", "https://files.example.com", "https://files.example.com"),
        ("stage.expires_in", "7d", 604800),
        ("stage.expires_in", "30m", 1800),
        ("stage.expires_in", "1h", 3600),
        ("stage.expires_in", "90s", 90),
        ("stage.expires_in", "3600", 3600),
        ("stage.expires_in", '"3600"', 3600),
        ("stage.min_lifetime", "0", 0),
        ("stage.encryption", "SSE-KMS:alias/my-key", "SSE-KMS:alias/my-key"),
        ("stage.allow_http", "true", True),
        ("submit.idc", "india", "india"),
        ("submit.base_url", "http://localhost:8080/apiv2/", "http://localhost:8080/apiv2"),
        ("submit.base_url", "HTTPS://api.example.com", "https://api.example.com"),
        ("submit.api_key", "${PLANTED}", SecretStr(SECRET)),
        ("submit.api_key_file", "key", "key"),
        ("submit.listid", "42", 42),
        ("submit.notifyemail", "ops@example.com", "ops@example.com"),
        ("track.callback_url", "https://hooks.example.com/a", "https://hooks.example.com/a"),
        ("track.listen", "0.0.0.0:8080", "0.0.0.0:8080"),
        ("track.listen", '"[::1]:8080"', "[::1]:8080"),
        ("track.secret", "${PLANTED}", (SecretStr(SECRET),)),
        ("track.secret", '["${PLANTED}", "${PLANTED}"]', (SecretStr(SECRET), SecretStr(SECRET))),
        ("track.keep_bodies", "1h", 3600),
        ("ledger", "on", "on"),
        ("ledger", "off", "off"),
        ("ledger", "single_writer", "single_writer"),
        ("stage.keep", "7d", 7 * 86400),
        ("stage.url_profile", "signer", "signer"),
        ("stage.workers_sign", "true", True),
        ("submit.account", "main account", "main account"),
        ("submit.label", "nightly", "nightly"),
        ("submit.run_key", "scheduled__2026-11-25T00:00:00+00:00", "scheduled__2026-11-25T00:00:00+00:00"),
        ("submit.again_after", "7d", 7 * 86400),
        ("track.wait", "1h", 3600),
    ],
)
def test_right_values(write: Any, key: str, written: str, value: Any) -> None:
    assert got(write(section(key, written)), key) == value


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("sandbox", "maybe"),
        ("source.path", "[a]"),
        ("source.path", "12"),
        ("source.delimiter", '"::"'),
        ("source.delimiter", '""'),
        ("source.delimiter", "§"),
        ("source.delimiter", r'"\n"'),
        ("source.quotechar", "ab"),
        ("source.encoding", "base64"),
        ("source.encoding", "utf-99"),
        ("source.encoding", r'"\0"'),
        ("source.skip_rows", "-1"),
        ("source.skip_rows", "true"),
        ("source.skip_rows", "1.5"),
        ("source.header_rows", "11"),
        ("source.columns", "[A]"),
        ("source.columns", "{a: 1}"),
        ("source.max_record_bytes", "1"),
        ("contract.schema", "1"),
        ("contract.primary_key", "{a: b}"),
        ("contract.max_rejected", "-1"),
        ("contract.max_rejected", "1.5"),
        ("contract.max_rejected", "true"),
        ("contract.max_rejected", "101%"),
        ("contract.max_rejected", "2 percent"),
        ("contract.unknown_columns", "ignore"),
        ("stage.bucket", "s3://bucket"),
        ("stage.bucket", "ab"),
        ("stage.bucket", "my bucket"),
        ("stage.prefix", "/a"),
        ("stage.prefix", "a//b"),
        ("stage.prefix", "../a"),
        ("stage.prefix", "a/./b"),
        ("stage.prefix", "a" * 40 + "!"),
        ("stage.region", "us east"),
        ("stage.endpoint_url", "minio:9000"),
        ("stage.endpoint_url", "https://u:p@minio.example.com"),
        ("stage.endpoint_url", "https://minio.example.com:99999"),
        ("stage.endpoint_url", "http://[::1"),
        ("stage.endpoint_url", "https://minio.example.com?x=1"),
        ("stage.endpoint_url", "https:///x"),
        ("stage.url", "public-read"),
        ("stage.addressing", "host"),
        ("stage.allowed_addresses", "5"),
        ("stage.allowed_addresses", "[5]"),
        ("stage.allowed_addresses", "0.0.0.0/0"),
        ("stage.allowed_addresses", "example.com"),
        ("stage.public_access", "yes please"),
        ("stage.public_base_url", "http://"),
        ("stage.tags", "{'a?': b}"),
        ("stage.tags", "[a]"),
        ("stage.expires_in", "0"),
        ("stage.expires_in", "-5"),
        ("stage.expires_in", "604801"),
        ("stage.expires_in", "8d"),
        ("stage.expires_in", "1 hour"),
        ("stage.expires_in", "true"),
        ("stage.expires_in", "1.5"),
        ("stage.min_lifetime", "-1"),
        ("stage.encryption", "AES256"),
        ("stage.allow_http", "perhaps"),
        ("submit.idc", "uk"),
        ("submit.base_url", "http://api.example.com"),
        ("submit.base_url", "HTTP://api.example.com"),
        ("submit.base_url", "http://localhost.example.com"),
        ("submit.base_url", "https://api.example.com?type=contact"),
        ("submit.base_url", r'"https://api.example\n.com"'),
        ("submit.listid", "x"),
        ("submit.listid", "-1"),
        ("submit.listid", "true"),
        ("submit.notifyemail", "ops"),
        ("track.callback_url", "http://hooks.example.com"),
        ("track.callback_url", "https://hooks.example.com/#x"),
        ("track.listen", "8080"),
        ("track.listen", "0.0.0.0:99999"),
        ("track.wait", "-1"),
    ],
)
def test_wrong_values_are_told_by_file_line_and_key(write: Any, key: str, written: str) -> None:
    text = section(key, written)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.strip().startswith(key.split(".")[-1]))
    message = failure(write, text)
    assert f"config.yaml, line {line}: {key}" in message
    if len(written) > 5:
        assert written not in message


@pytest.mark.parametrize(
    ("wrong", "place", "nearest"),
    [
        ("submit:\n  apikey: x\n", "line 2: submit.apikey", "`api_key`"),
        ("stage:\n  bucket: abc\n\n  # a comment\n  buckt: x\n", "line 5: stage.buckt", "`bucket`"),
        ("sorce:\n", "line 1: sorce", "`source`"),
        ("track:\n  zzzz: 1\n", "line 2: track.zzzz", "callback_url, listen, secret, keep_bodies, wait"),
        ("<<: {sandbox: true}\n", "line 1: <<", "Keys here"),
        (
            "contract.read: {DOB: trim}\n",
            "line 1: contract.read",
            "`read` on a line of its own below `contract:`",
        ),
    ],
)
def test_unknown_keys_come_with_the_nearest_one(write: Any, wrong: str, place: str, nearest: str) -> None:
    message = failure(write, wrong + MINIMAL)
    assert place in message
    assert nearest in message
    assert "there is no such key" in message


def test_all_problems_are_told_at_once(write: Any) -> None:
    message = failure(write, "stage:\n  expires_in: 8d\nsubmit:\n  idc: uk\n" + MINIMAL)
    assert "line 2: stage.expires_in" in message
    assert "line 4: submit.idc" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("- a\n", "no mapping"),
        ("sandbox: true\n", "contract.schema: this key is missing"),
        ("contract:\n", "line 1: contract.schema: this key is missing"),
        ("source: x\n" + MINIMAL, "line 1: source: this is a section"),
        (b"\xff\xfe\x00s", "not UTF-8"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "line 1: not valid YAML"),
        ("contract:\n\tschema: x\n", "line 2, column 1: not valid YAML"),
        ("a: 'x\n", "not valid YAML"),
        ("a: b: c\n", "line 1, column 5: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "another document"),
        (MINIMAL + "  schema: t.py:T\n", "line 3: contract.schema stands here twice, first in line 2"),
        ("a: &a [*a]\n", "line 1: more values"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcde", "bcdef", strict=True)
        ), "more values"),
        ("a: " + "{a: " * 30 + "1" + "}" * 30, "deeper nested"),
        ("[" * 700, "not valid YAML"),
        ("? [a, b]\n: c\n", "line 1: a key is a single text"),
        ("source:\n  path: !!python/name:os.system x\n", "line 2: this is"),
        ("source:\n  path: !env x\n", "line 2: tags"),
        ("source:\n  skip_rows: !!int x\n", "line 2: this is no int"),
    ],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_unusable_files(write: Any, text: str | bytes, expected: str) -> None:
    if "python/name" in str(text):  # YAML's own namespace, and nothing is run: the scalar is a text
        assert write(text + MINIMAL).source.path == "x"  # type: ignore[operator]
        return
    message = failure(write, text)
    assert "config.yaml" in message
    assert expected in message


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not found"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path)


def test_anchors_empty_sections_and_a_byte_order_mark(write: Any) -> None:
    config = write("\ufeffsource: {path: &p a.csv}\nstage:\nsubmit:\n  api_key_file: *p\n" + MINIMAL)
    assert config.source.path == config.submit.api_key_file == "a.csv"
    assert config.stage.bucket is None


@pytest.mark.parametrize(
    "value", ["a: b", "a # b", "a\nb: c", "- x", "NO", "12", "'", "${PLANTED}", "{x}", "&a", " a "]
)
def test_a_variable_is_one_text_whatever_it_holds(
    write: Any, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("WILD", value)
    config = write("source:\n  path: ${WILD}\n  columns: {x: 'pre-${WILD}'}\n" + MINIMAL)
    assert config.source.path == value
    assert config.source.columns == {"x": f"pre-{value}"}


def test_a_dollar_without_braces_stays_and_numbers_may_come_from_variables(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIST", "42")
    config = write("source:\n  path: $HOME/$5\nsubmit:\n  listid: ${LIST}\n" + MINIMAL)
    assert (config.source.path, config.submit.listid) == ("$HOME/$5", 42)


@pytest.mark.parametrize("name", ["", "a-b", "1A", "A B", "A:-x"])
def test_what_is_no_variable_name_is_said(write: Any, name: str) -> None:
    assert "line 2: source.path: ${…} does not hold" in failure(
        write, f"source:\n  path: '${{{name}}}'\n{MINIMAL}"
    )


@pytest.mark.parametrize(
    ("key", "first_step"),
    [
        ("stage.bucket", "stage"),
        ("stage.expires_in", "stage"),
        ("submit.api_key", "submit"),
        ("submit.listid", "submit"),
        ("track.secret", "submit"),
        ("track.callback_url", "submit"),
        ("source.delimiter", "validate"),
        ("sandbox", "validate"),
    ],
)
def test_a_variable_that_is_not_set_matters_when_its_step_is_run(
    write: Any, key: str, first_step: str
) -> None:
    keys = {"stage.bucket": "my-bucket", "submit.api_key": "${PLANTED}", "track.listen": "127.0.0.1:0"}
    if key == "track.callback_url":
        keys["track.wait"] = "5"
    keys[key] = "${NOT_SET}"
    text = MINIMAL
    for name in ("source", "stage", "submit", "track"):
        rows = [f"  {k.split('.')[1]}: {v}\n" for k, v in keys.items() if k.startswith(f"{name}.")]
        text += "".join([f"{name}:\n", *rows])
    if key == "sandbox":
        text += "sandbox: ${NOT_SET}\n"
    config = write(text)
    steps: list[Any] = ["validate", "stage", "submit", "track"]
    line = text[: text.index("${NOT_SET}")].count("\n") + 1
    for step in steps[: steps.index(first_step)]:
        config.require(step)
    for step in steps[steps.index(first_step) :]:
        with pytest.raises(ConfigError, match=rf"line {line}: {key}: the variable NOT_SET is not set"):
            config.require(step)


def test_a_variable_of_the_contract_is_needed_at_once_also_in_a_list(write: Any) -> None:
    message = failure(write, "contract:\n  schema: ${NOT_SET}\n")
    assert message.startswith(f"{message.split(',')[0]}, line 2: contract.schema: the variable NOT_SET")
    config = write(MINIMAL + "  primary_key: [A, '${NOT_SET}']\n")
    with pytest.raises(ConfigError, match=r"line 3: contract\.primary_key\.1: the variable NOT_SET"):
        config.require("validate")


def test_a_given_source_and_the_sandbox_need_no_variables_of_what_they_replace(write: Any) -> None:
    config = write(
        MINIMAL + "sandbox: true\nsource: {path: '${NOT_SET}'}\nsubmit: {api_key: '${NOT_SET}'}\n"
        "track: {wait: 30}\n"
    )
    config.require("track", source_given=True)
    with pytest.raises(ConfigError, match=r"source\.path"):
        config.require("track")


@pytest.mark.parametrize("key", ["submit.api_key", "track.secret"])
@pytest.mark.parametrize(
    "literal", [SECRET, f"'{SECRET}'", f"x{SECRET}${{PLANTED}}", f"[{SECRET}]", "12345678"]
)
def test_a_written_out_secret_is_refused_and_not_repeated(write: Any, key: str, literal: str) -> None:
    message = failure(write, section(key, literal))
    assert f"line 2: {key} is written out" in message
    assert literal not in message
    with pytest.raises(ConfigError, match=f"{key} is written out"):
        load_config({"contract": {"schema": "s"}, key.split(".")[0]: {key.split(".")[1]: SECRET}})


@pytest.mark.parametrize(
    "text",
    [
        f"submit:\n  api_key: ${{PLANTED}}\n  api_key: {SECRET}\n",
        f"submit:\n  api_key: *{SECRET}\n",
        f"submit:\n  api_key: !{SECRET} x\n",
        f"submit:\n  api_key: \"{SECRET}\n",
        f"submit:\n  api_kei: {SECRET}\n",
        f"submit: {SECRET}\n",
        f"submit:\n  listid: {SECRET}\n",
        "submit:\n  listid: ${PLANTED}\n  idc: ${PLANTED}\n  base_url: ${PLANTED}\n",
        "submit:\n  notifyemail: ${PLANTED}\n",
        "stage:\n  expires_in: ${PLANTED}\n  bucket: '${PLANTED}!'\n  encryption: ${PLANTED}\n",
        "source:\n  encoding: ${PLANTED}\n  delimiter: ${PLANTED}\n  columns: ${PLANTED}\n",
        "sandbox: ${PLANTED}\n",
        "stage: ${PLANTED}\n",
    ],
    ids=range(13),
)  # fmt: skip
def test_no_error_repeats_a_secret(write: Any, text: str) -> None:
    failure(write, text + MINIMAL)


def test_no_repr_and_no_log_holds_a_secret(write: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = "submit: {api_key: '${PLANTED}'}\ntrack: {secret: '${PLANTED}', callback_url: 'https://h/${PLANTED}'}\n"
    config = write(text + MINIMAL)
    assert config.submit.api_key.get_secret_value() == SECRET
    assert SECRET not in repr(config) + str(config) + f"{config.track!r}" + caplog.text


def test_impossible_combinations(write: Any) -> None:
    both = "submit:\n  api_key: ${PLANTED}\n  api_key_file: key\n"
    assert "line 1: submit: api_key and api_key_file are both set" in failure(write, both + MINIMAL)
    same = "source:\n  delimiter: ';'\n  quotechar: ';'\n"
    assert "line 1: source: delimiter, quotechar and escapechar" in failure(write, same + MINIMAL)
    plain = "stage:\n  endpoint_url: http://minio.example.com\n"
    assert "allow_http" in failure(write, plain + MINIMAL)
    assert write(plain + "  allow_http: true\n" + MINIMAL).stage.allow_http


def test_what_a_step_needs(write: Any) -> None:
    config = write(MINIMAL)
    config.require("validate")
    with pytest.raises(ConfigError, match=r"stage\.bucket is missing"):
        config.require("stage")
    config = write(MINIMAL + "stage: {bucket: abc}\n")
    config.require("stage")
    with pytest.raises(ConfigError, match=r"submit\.api_key is missing"):
        config.require("submit")
    config = write(MINIMAL + "stage: {bucket: abc}\nsubmit: {api_key_file: k}\ntrack:\n  wait: 1m\n")
    config.require("submit")
    with pytest.raises(ConfigError, match=r"line 6: track\.wait needs track\.callback_url and track\.listen"):
        config.require("track")


def test_paths_start_from_the_configs_folder(write: Any, tmp_path: Path) -> None:
    config = write(MINIMAL)
    assert config.base == tmp_path
    assert config.path("a/b.csv") == tmp_path / "a" / "b.csv"
    assert config.path("/x/y") == Path("/x/y")
    assert config.path("~/y") == Path.home() / "y"
    assert load_config({"contract": {"schema": "s"}}).path("a") == Path.cwd() / "a"


def test_a_mapping_or_a_config_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", SECRET)
    mapping = {
        "contract": {"schema": "s", "max_rejected": 5, "primary_key": ("A", "B")},
        "submit": {"api_key": SecretStr("k"), "listid": 3},
        "track": {"secret": "${PLANTED}", "wait": None or 0},
    }
    config = load_config(mapping)
    assert load_config(config) is config
    assert config.submit.api_key == SecretStr("k")
    assert config.track.secret == (SecretStr(SECRET),)
    assert config.contract.primary_key == ("A", "B")
    with pytest.raises(ConfigError, match=r"^config: submit\.lisid: there is no such key"):
        load_config({**mapping, "submit": {"lisid": 3}})


@pytest.mark.parametrize(
    ("allowed", "rejected", "records", "verdict"),
    [("0", 0, 5, True), ("0", 1, 5, False), ("5", 5, 9, True), ("5", 6, 9, False), ("100%", 9, 9, True),
     ("2%", 2, 100, True), ("2%", 3, 100, False), ("2%", 1, 49, False), ("0%", 1, 10**9, False)],
)  # fmt: skip
def test_max_rejected(allowed: str, rejected: int, records: int, verdict: bool) -> None:
    assert (
        ContractConfig.model_validate({"schema": "s", "max_rejected": allowed}).allows(rejected, records)
        is verdict
    )


@given(st.integers(0, 10_000), st.integers(1, 10**9))
@example(57, 10_000)  # 0.57 * 10,000 is 5,699.999… in floats
def test_a_percentage_is_exact_at_its_border(hundredths: int, records: int) -> None:
    allowed = f"{Decimal(hundredths) / 100:f}%"
    contract = ContractConfig.model_validate({"schema": "s", "max_rejected": allowed})
    border = hundredths * records // 10_000
    assert contract.allows(border, records)
    assert not contract.allows(border + 1, records)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=80) | st.text("ab:-[]{}&*!|>'\"%@`#\n\t $,?~0", max_size=40))
def test_any_file_loads_or_fails_as_a_config_error(write: Any, text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        write(text)


def test_loopback() -> None:
    assert all(
        map(is_loopback, ["http://127.0.0.1:1", "http://localhost", "http://[::1]:5", "http://a.localhost"])
    )
    assert not any(
        map(is_loopback, ["http://127.0.0.1.example.com", "http://0.0.0.0", "http://10.0.0.1", "x"])
    )


def schema() -> dict[str, Any]:
    made = Config.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return made


def test_the_json_schema_takes_the_shipped_config() -> None:
    data = YAML(typ="safe", pure=True).load((ROOT / "config.yaml").read_text())
    jsonschema.validate(data, schema())
    load_config(ROOT / "config.yaml").require("track")


def test_the_json_schema_describes_every_key() -> None:
    for model in schema()["$defs"].values():
        for name, key in model["properties"].items():
            assert len(key.get("description", "")) > 10, name


@pytest.mark.parametrize(
    "data",
    [
        {"sandbox": True},
        {"contract": {"schema": 1}},
        {"contract": {"schema": "s"}, "sorce": {}},
        {"contract": {"schema": "s"}, "stage": {"expires_in": "1 hour"}},
        {"contract": {"schema": "s"}, "submit": {"idc": "uk"}},
        {"contract": {"schema": "s"}, "submit": {"listid": "x"}},
    ],
)
def test_the_json_schema_refuses_what_loading_refuses(data: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load_config(data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())


def test_the_json_schema_takes_variables() -> None:
    written = {"contract": {"schema": "s", "max_rejected": "${M}"}, "stage": {"expires_in": "${E}"}}
    jsonschema.validate({**written, "submit": {"listid": "${L}", "api_key": "${K}"}}, schema())
