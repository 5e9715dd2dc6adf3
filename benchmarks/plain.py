"""The plain upload of the same file, nothing validated: boto3's `upload_file` as it comes.

python -m benchmarks.plain contacts.csv http://127.0.0.1:9000 bucket key.csv
"""

from __future__ import annotations

import sys

import boto3


def main(source: str, endpoint: str, bucket: str, key: str) -> None:
    """Upload the source as it is."""
    boto3.client("s3", endpoint_url=endpoint).upload_file(source, bucket, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
