"""boto3's ways to credentials, tried before anything is uploaded: a failure says which way it was.

These ways fail with more than boto's exceptions (RuntimeError, FileNotFoundError, ValueError, EOFError), and
one asks for a code on standard input, where the contacts may come from: here nothing ever asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.errors import Advice, ConfigError, PipelineError, StageError
from pipeline.s3.advice import KINDS, SETTINGS, advice

if TYPE_CHECKING:
    from botocore.credentials import CredentialResolver, Credentials
    from botocore.session import Session

# By botocore's name of the way: what failed, and what to do next. {profile} is the profile's name.
WAYS: dict[str, Advice] = {
    "env": Advice(
        "AWS_ACCESS_KEY_ID and its companions",
        "Fetch fresh credentials and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and "
        "AWS_CREDENTIAL_EXPIRATION anew.",
    ),
    "custom-process": Advice(
        "credential_process of the profile {profile}",
        "Run that command by hand: it must print one JSON object that has not expired, and nothing else.",
    ),
    "assume-role": Advice(
        "role_arn of the profile {profile}",
        "Check role_arn, source_profile and sts:AssumeRole. Assume a role that wants an MFA code beforehand, "
        "and set the keys: aws configure export-credentials --format env.",
    ),
    "assume-role-with-web-identity": Advice(
        "the role of AWS_ROLE_ARN with the token of AWS_WEB_IDENTITY_TOKEN_FILE",
        "Check that the file is there and fresh (on Kubernetes: the service account), and the role's trust.",
    ),
    "sso": Advice("the login of the profile {profile}", "Log in again: aws sso login --profile {profile}."),
    "login": Advice("the login of the profile {profile}", "Log in again: aws login --profile {profile}."),
    "shared-credentials-file": Advice(
        "the credentials file (AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials)",
        "Check the profile {profile} in it.",
    ),
    "config-file": Advice("the file AWS_CONFIG_FILE or ~/.aws/config", "Check the profile {profile} in it."),
    "container-role": Advice(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "ECS and EKS set them, with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE. Elsewhere unset them, and set "
        "AWS_PROFILE or keys.",
    ),
    "iam-role": Advice(
        "the instance's role", "Check the role of this machine, or set AWS_PROFILE or keys."
    ),
}  # fmt: skip
_OTHER = Advice("boto3's way `{way}`", "Check AWS_PROFILE and ~/.aws/config, or log in again.")
_NUMBERS = ("metadata_service_timeout", "metadata_service_num_attempts")
_WORDS = {
    "RuntimeError": "they have ended",
    "FileNotFoundError": "a file or command is not there",
    "PermissionError": "a file or command may not be used",
    "EndpointConnectionError": "the service that issues them cannot be reached",
    "ConnectTimeoutError": "the service that issues them cannot be reached",
    "JSONDecodeError": "what came is not JSON",
    "ProfileNotFound": "ProfileNotFound, there is no such profile",
}


def session_with(keys: tuple[str, str] | None, profile: str | None = None) -> Session:
    """A botocore session whose credentials are there: `keys`, else what boto3's own chain finds.

    `profile` is taken instead of AWS_PROFILE.

    Raises StageError, which says which way failed, or ConfigError where a setting is not usable.
    """
    from botocore.session import get_session

    session = get_session()
    if profile:
        session.set_config_variable("profile", profile)
    if keys:
        session.set_credentials(*keys)
        return session
    with _way(session, "configuration"):
        chain: CredentialResolver = session.get_component("credential_provider")
    session.register_component("credential_provider", _Chain(session, chain))
    credentials = session.get_credentials()
    if credentials is not None:
        _check_characters(credentials)
    return session


class _Chain:
    """botocore's chain, each of its ways under its name."""

    def __init__(self, session: Session, chain: CredentialResolver) -> None:
        self._session, self._chain = session, chain
        for provider in chain.providers:
            if hasattr(provider, "_prompter"):  # what its constructor calls `prompter`
                provider._prompter = _refuse_to_ask

    def load_credentials(self) -> Credentials | None:
        """The credentials of the first way that leads to some, fresh; None if none does."""
        for provider in self._chain.providers:
            with _way(self._session, str(provider.METHOD)):
                found: Credentials | None = provider.load()
                if found is not None:
                    found.get_frozen_credentials()
                    return found
        return None


def _refuse_to_ask(_prompt: str) -> NoReturn:
    raise EOFError


@contextmanager
def _way(session: Session, way: str) -> Iterator[None]:
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # noqa: BLE001 - ways fail with anything, and each is told as what it is
        raise failure(error, way, _profile(session), session) from None


def _profile(session: Session) -> str:
    with suppress(Exception):  # the config file may be what is broken
        return str(session.get_config_variable("profile") or "default")
    return "default"


def failure(error: Exception, way: str, profile: str, session: Session | None = None) -> PipelineError:
    """The error for credentials that could not be had by that way."""
    from botocore.exceptions import ClientError

    kind = type(error).__name__
    if session is not None and (name := _no_number(session)):
        return ConfigError(
            f"AWS_{name.upper()} (or {name} in the AWS config file) is not a whole number.",
            hint=f"Set it to a number of seconds or attempts, such as AWS_{name.upper()}=1, or unset it.",
        )
    if kind in SETTINGS:
        return ConfigError(f"boto3 refuses its settings ({kind}).", hint=advice(kind))
    if way == "env" and isinstance(error, ValueError):
        return ConfigError(
            "AWS_CREDENTIAL_EXPIRATION is not a point in time.", hint="Write it like 2030-01-31T12:00:00Z."
        )
    words = _WORDS.get(kind, f"it failed ({kind})")
    if isinstance(error, EOFError):
        words = "it asks for an MFA code"
    if isinstance(error, ClientError):
        words = f"AWS answered {error.response.get('Error', {}).get('Code', 'unknown')}"
    what, fix = WAYS.get(way, _OTHER)
    hint = fix
    if kind in KINDS and way in ("env", "configuration"):
        hint = advice(kind)
    return StageError(
        f"No AWS credentials were found by {what.format(profile=profile, way=way)}: {words}.",
        hint=hint.format(profile=profile),
    )


def _no_number(session: Session) -> str:
    for name in _NUMBERS:
        try:
            session.get_config_variable(name)
        except ValueError:
            return name
        except Exception:  # noqa: BLE001, S112 - another fault than the one that is looked for
            continue
    return ""


def _check_characters(credentials: Any) -> None:
    """Raise ConfigError where a key holds a line end or a blank, which no header could carry."""
    frozen = credentials.get_frozen_credentials()
    for name, value in (
        ("access key", frozen.access_key),
        ("secret key", frozen.secret_key),
        ("token", frozen.token),
    ):
        if value and not re.fullmatch(r"[\x21-\x7e]+", value):
            raise ConfigError(
                f"The AWS {name} holds a line end, a blank or another character that none has.",
                hint="Set it anew, without what stands around it: "
                "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.",
            )
