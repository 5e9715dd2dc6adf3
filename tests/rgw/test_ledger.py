"""The ledger on a real store: what it proves of the store, and that of many claimants one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import pytest

from pipeline.config import StageConfig
from pipeline.errors import LedgerError
from pipeline.ledger import claim
from pipeline.ledger.claim import Wanted
from pipeline.ledger.events import Ledger
from pipeline.s3.client import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .server import Server

JOB = Wanted("0" * 64, "1-1-1-1")


def a_ledger(rgw: Server, bucket: str) -> Ledger:
    stage = {"bucket": bucket, "region": rgw.region, "endpoint_url": rgw.endpoint_url, "prefix": "netcore/"}
    keys = (rgw.owner.access_key, rgw.owner.secret_key)
    return Ledger(Store(StageConfig.model_validate(stage), keys))


def test_an_unversioned_bucket_is_proven(rgw: Server, bucket: str) -> None:
    a_ledger(rgw, bucket).prove()
    a_ledger(rgw, bucket).prove()


def test_a_versioned_bucket_lets_every_writer_win_and_is_refused(
    rgw: Server, s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with pytest.raises(LedgerError, match="ignores"):
        a_ledger(rgw, bucket).prove()


@pytest.mark.parametrize("versioning", ["never", "Suspended"])
def test_of_sixteen_claimants_one_wins_twenty_times(
    rgw: Server, s3: S3Client, bucket: str, versioning: Literal["never", "Suspended"]
) -> None:
    if versioning != "never":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": versioning})
        a_ledger(rgw, bucket).prove()
    ledgers = [a_ledger(rgw, bucket) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        for attempt in range(1, 21):
            claims = [claim.new(JOB, f"run-{n}", attempt) for n in range(16)]
            won = list(pool.map(claim.take, ledgers, claims))
            assert won.count(True) == 1
            winner = claims[won.index(True)]
            standing = claim.look(ledgers[0], JOB)
            assert standing
            assert (standing.run_id, standing.state, standing.attempt) == (winner.run_id, "busy", attempt)
            assert claim.answer(ledgers[1], winner, "unsent") is None
