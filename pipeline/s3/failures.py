"""Whatever boto3 raises -> one of our errors, which says what was being done and what to do next."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import ConfigError, PipelineError, StageError
from pipeline.s3.advice import NOT_S3, SETTINGS, advice
from pipeline.s3.answers import understood
from pipeline.s3.credentials import failure


@contextmanager
def storage(doing: str) -> Iterator[None]:
    """Within it, what boto3 raises becomes a StageError (or ConfigError) without values: `doing` failed."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        if (ours := _explained(error, doing)) is None:
            raise
        raise ours from None


def _explained(error: Exception, doing: str) -> PipelineError | None:
    """What that exception means; None for one that has nothing to do with boto3."""
    from botocore import exceptions as boto

    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        return StageError(f"No AWS credentials were found while {doing}.", hint=advice(type(error).__name__))
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if any(file.endswith(("botocore/credentials.py", "botocore/tokens.py")) for file in files):
        return failure(error, "renewal", "in use")
    if isinstance(error, boto.ClientError):
        return _refused(error, doing)
    kind = type(error).__name__
    if kind in SETTINGS:
        return ConfigError(f"boto3 refuses its settings ({kind}) while {doing}.", hint=advice(kind))
    if isinstance(error, boto.BotoCoreError) or any("botocore" in file for file in files):
        return StageError(f"The store failed ({kind}) while {doing}.", hint=advice(kind))
    return None


def _refused(error: Exception, doing: str) -> StageError:
    response = getattr(error, "response", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code") or status)
    refused = understood(status, code, str(response.get("Error", {}).get("Message", "")))
    hint = refused.hint
    if code.isdigit() and not str(getattr(error, "operation_name", "")).startswith("Head"):
        hint = str(NOT_S3)  # S3 leaves its code out of answers to HEAD only
    return StageError(f"The store answered {code} while {doing}.", hint=hint)
