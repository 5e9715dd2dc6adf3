"""The server itself: its names, its region, its restart, and that nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError

from .packages import _download

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .server import Server


def test_one_store_answers_to_all_its_names_and_by_tls(rgw: Server, bucket: str, s3: S3Client) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for endpoint in (rgw.endpoint_url, rgw.tls_url, f"http://localhost:{rgw.port}"):
        url = rgw.client(endpoint_url=endpoint).generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "a"}
        )
        assert url.startswith(endpoint)
        assert rgw.visitor().get(url).text == "1"


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_name_nobody_resolves_is_reached_by_its_host_header(
    rgw: Server, bucket: str, s3: S3Client, style: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    client = rgw.client(endpoint_url=f"http://{rgw.host}:{rgw.port}", s3={"addressing_style": style})
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    host, rest = url.removeprefix("http://").split("/", 1)
    assert host.startswith(bucket) == (style == "virtual")
    assert rgw.visitor().get(f"{rgw.endpoint_url}/{rest}", headers={"Host": host}).text == "1"


def test_region_is_told_by_the_bucket_and_unknown_ones_are_refused(
    rgw: Server, bucket: str, s3: S3Client
) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == rgw.region
    with pytest.raises(ClientError, match="InvalidLocationConstraint"):
        s3.create_bucket(
            Bucket=f"{bucket}-far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )


def test_restart_in_mid_upload_loses_nothing(rgw: Server, bucket: str, s3: S3Client) -> None:
    place = {"Bucket": bucket, "Key": "a"}
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    urls = [
        s3.generate_presigned_url("upload_part", Params=place | {"UploadId": upload, "PartNumber": number})
        for number in (1, 2)
    ]
    visitor = rgw.visitor()
    tags = [visitor.put(urls[0], data=bytes(5 << 20)).headers["ETag"]]
    rgw.stop_gateway()
    try:
        with pytest.raises(requests.ConnectionError):
            visitor.put(urls[1], data=b"end")
        with pytest.raises(BotoCoreError):
            s3.list_parts(Bucket=bucket, Key="a", UploadId=upload)
    finally:
        rgw.start_gateway()
    tags.append(visitor.put(urls[1], data=b"end").headers["ETag"])
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key="a", UploadId=upload, MultipartUpload={"Parts": parts})  # type: ignore[typeddict-item]
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == bytes(5 << 20) + b"end"


START = (
    "from rgw.server import Server; s = Server.start(); print(*s.pids, s.certificate, flush=True); input()"
)


def test_a_killed_test_run_leaves_no_process_and_its_data_is_removed_by_the_next(rgw: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        *pids, certificate = other.stdout.readline().split()
        assert len(pids) == 3
        assert all(is_running(int(pid)) for pid in pids)
        other.kill()
    deadline = time.monotonic() + 10
    while any(is_running(int(pid)) for pid in pids):
        assert time.monotonic() < deadline, "daemons outlived the process that started them"
        time.sleep(0.05)
    assert Path(certificate).exists()
    type(rgw).start().stop()
    assert not Path(certificate).exists()
    assert rgw.visitor().get(rgw.endpoint_url).ok, "another run's store was disturbed"


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.usefixtures("rgw")
def test_ctrl_c_ends_a_store_run_by_hand() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "rgw.server"],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as store:
        assert store.stdout
        url = store.stdout.readline().split()[0]
        assert requests.get(url, timeout=5).ok
        store.send_signal(signal.SIGINT)
        assert store.wait(timeout=20) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


@pytest.mark.usefixtures("rgw")
def test_missing_package_lists_are_told_with_the_line_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "apt.conf"
    settings.write_text(
        f'Dir::State::lists "{tmp_path}/lists"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
    )
    monkeypatch.setenv("APT_CONFIG", str(settings))
    with pytest.raises(RuntimeError, match="type: sudo apt-get update"):
        _download(tmp_path / "debs")
