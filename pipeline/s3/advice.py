"""What a store's refusals and boto3's failures mean, and what to do: one table, code -> cause and fix.

Every message about storage takes its hint from here, and docs/troubleshooting.md is made from it. A code that
is not in the table is named without a guess.
"""

from __future__ import annotations

from pipeline.errors import Advice

_KEYS = "Check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_REGION = Advice("The bucket is in another region.", "Set stage.region, or leave it out.")
_PERMISSION = Advice(
    "The credentials lack a permission, or a policy denies it.",
    "`python -m pipeline policy --permissions` prints what a run needs.",
)
_VIRTUAL = "Write `addressing: virtual` under stage:."
_PATH = "Write `addressing: path` under stage:, or point stage.endpoint_url at the store itself."
_ENDPOINT = Advice(
    "Nothing answers at the store's address.",
    "Check stage.endpoint_url (name, port, http or https), the network, and that the store is up.",
)
NOT_S3 = Advice(
    "What answers there is not an S3 store: a proxy, a login page, or a console.",
    "Check stage.endpoint_url, and HTTPS_PROXY and NO_PROXY.",
)
CLOCK = Advice("This machine's clock is wrong.", "Set it, then run again.")
ENDED = Advice("The temporary credentials have ended.", "Fetch fresh ones, then run again.")
KEY_SERVICE = Advice(
    "The key service refused.",
    "Check the key in stage.encryption, and kms:GenerateDataKey and kms:Decrypt on it.",
)
REQUESTER_PAYS = Advice(
    "The bucket makes its requesters pay, and the platform cannot.",
    "Switch requester pays off for this bucket, or use another one.",
)
CERTIFICATE = Advice(
    "The certificate is not trusted, or the host does not speak TLS.",
    "Check the address. If the certificate is your own or a company proxy's, set AWS_CA_BUNDLE and "
    "REQUESTS_CA_BUNDLE to a file with its authority.",
)
_BUSY = Advice("The store asks for fewer requests.", "Run again in some minutes, with fewer runs at a time.")
_DOWN = Advice(
    "The store has a fault of its own.", "Run again later; if it stays so, ask whoever runs the store."
)
_SSO = Advice("The login has ended or was never made.", "Log in again: aws sso login.")
_DAMAGED = Advice("A part was damaged or cut on its way.", "Run again; if it stays so, check the network.")
_GONE = Advice(
    "The upload is no longer there: somebody, or a lifecycle rule, ended it.",
    "Run again; abort unfinished uploads after one day, not sooner.",
)
_SETTING = "Correct it in the environment or in the AWS config file (~/.aws/config)."

# By S3's error code, or by HTTP status where an answer to a HEAD has none.
CODES: dict[str, Advice] = {
    "NoSuchBucket": Advice(
        "The bucket does not exist.", "Check stage.bucket; buckets are not created for you."
    ),
    "404": Advice("The bucket does not exist there.", "Check stage.bucket and stage.endpoint_url."),
    "InvalidBucketName": Advice("The store takes no bucket of that name.", "Check stage.bucket."),
    "AccessDenied": _PERMISSION,
    "403": _PERMISSION,
    "AllAccessDisabled": Advice(
        "The store has switched off all access to this bucket.",
        "Ask whoever owns the bucket, or use another one.",
    ),
    "AccountProblem": Advice("The store has a problem with the account.", "Ask whoever owns the account."),
    "InvalidAccessKeyId": Advice("The store does not know this access key.", _KEYS),
    "SignatureDoesNotMatch": Advice(
        "The secret key does not belong to this access key, or a proxy changes requests.", _KEYS
    ),
    "ExpiredToken": ENDED,
    "ExpiredTokenException": ENDED,
    "RequestExpired": ENDED,
    "InvalidToken": Advice(
        "AWS_SESSION_TOKEN does not belong to this access key.",
        "Fetch fresh credentials, all three together.",
    ),
    "TokenRefreshRequired": ENDED,
    "RequestTimeTooSkewed": CLOCK,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "AuthorizationQueryParametersError": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "TemporaryRedirect": Advice(
        "The bucket was made a moment ago.", "Wait some minutes, or set stage.region."
    ),
    "SecondLevelDomainForbidden": Advice("The store takes no host/BUCKET addresses.", _VIRTUAL),
    "PathStyleDomainForbidden": Advice("The store takes no host/BUCKET addresses.", _VIRTUAL),
    "VirtualHostDomainForbidden": Advice("The store takes no BUCKET.host addresses.", _PATH),
    "InvalidURI": Advice("The store does not understand the address.", _PATH),
    "MethodNotAllowed": Advice("That address takes no uploads: a website endpoint or a console.", _PATH),
    "NotImplemented": Advice(
        "The store lacks something that this run asks of it.",
        "Take stage.encryption and stage.tags away, or use a store that offers multipart uploads with them.",
    ),
    "NoSuchUpload": _GONE,
    "InvalidPart": _GONE,
    "InvalidPartOrder": _GONE,
    "EntityTooSmall": _GONE,
    "BadDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": _DAMAGED,
    "RequestTimeout": _DAMAGED,
    "EntityTooLarge": Advice("The file is larger than the store takes.", "Split the source."),
    "QuotaExceeded": Advice("The store is full.", "Make room there, or use another bucket."),
    "InvalidStorageClass": Advice(
        "The store does not know that storage class.", "Ask whoever runs the store."
    ),
    "InvalidTag": Advice("The store does not take these tags.", "Check stage.tags."),
    "MalformedPolicy": Advice(
        "The store does not take the policy as a whole.", "Compare with `python -m pipeline policy`."
    ),
    "ObjectLockConfigurationNotFoundError": Advice("The bucket has no object lock.", "Use another bucket."),
    "KMSDisabledException": KEY_SERVICE,
    "KMSInvalidStateException": KEY_SERVICE,
    "KMSNotFoundException": KEY_SERVICE,
    "KMS.DisabledException": KEY_SERVICE,
    "KMS.NotFoundException": KEY_SERVICE,
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "TooManyRequests": _BUSY,
    "429": _BUSY,
    "InternalError": _DOWN,
    "ServiceUnavailable": _DOWN,
    "500": _DOWN,
    "502": _DOWN,
    "503": _DOWN,
    "504": _DOWN,
}

# By the name of what boto3 raises where no answer came, or none that it understands.
KINDS: dict[str, Advice] = {
    "EndpointConnectionError": _ENDPOINT,
    "ConnectTimeoutError": _ENDPOINT,
    "ConnectionClosedError": _ENDPOINT,
    "ReadTimeoutError": Advice(
        "The store took the request and did not answer in time.", "Check that it is up, then run again."
    ),
    "ProxyConnectionError": Advice(
        "The proxy could not be reached, or it refused.", "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    ),
    "InvalidProxiesConfigError": Advice("The proxy's settings are not usable.", _SETTING),
    "ResponseParserError": NOT_S3,
    "HTTPClientError": Advice(
        "The answer is not that of an S3 store: it redirects, or speaks another protocol.",
        "Check stage.endpoint_url: name, port, http or https.",
    ),
    "SSLError": CERTIFICATE,
    "NoCredentialsError": Advice(
        "None of boto3's ways led to credentials.",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role.",
    ),
    "PartialCredentialsError": Advice(
        "A key id is there without its secret key, or the other way round.",
        "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither and AWS_PROFILE.",
    ),
    "ProfileNotFound": Advice("There is no such profile.", "Set it up, or check AWS_PROFILE."),
    "UnauthorizedSSOTokenError": _SSO,
    "SSOTokenLoadError": _SSO,
    "TokenRetrievalError": _SSO,
    "LoginTokenLoadError": _SSO,
    "LoginRefreshRequired": _SSO,
    "ConfigParseError": Advice("The AWS config file is not valid.", "Mend the file that AWS_CONFIG_FILE or "
                               "AWS_SHARED_CREDENTIALS_FILE names, or ~/.aws/config and ~/.aws/credentials."),
    "InvalidConfigError": Advice("The AWS config file contradicts itself.", _SETTING),
    "InfiniteLoopConfigError": Advice("Profiles name each other in a circle as source_profile.", _SETTING),
    "InvalidRetryModeError": Advice("AWS_RETRY_MODE is not a mode that boto3 knows.", _SETTING),
    "InvalidDefaultsMode": Advice("AWS_DEFAULTS_MODE is not a mode that boto3 knows.", _SETTING),
    "InvalidSTSRegionalEndpointsConfigError": Advice(
        "AWS_STS_REGIONAL_ENDPOINTS is neither legacy nor regional.", _SETTING
    ),
    "InvalidRegionError": Advice("That is not a region's name.", "Check stage.region, AWS_DEFAULT_REGION."),
}  # fmt: skip

# Kinds of boto3's that are settings rather than failures: a ConfigError, exit code 2.
SETTINGS = frozenset(
    {
        "ConfigParseError",
        "InvalidConfigError",
        "InfiniteLoopConfigError",
        "InvalidRetryModeError",
        "InvalidRetryConfigurationError",
        "InvalidMaxRetryAttemptsError",
        "InvalidDefaultsMode",
        "InvalidSTSRegionalEndpointsConfigError",
        "InvalidRegionError",
        "InvalidProxiesConfigError",
    }
)


def advice(code: str) -> str:
    """What to do about an error code of S3's or a failure of boto3's; no guess where it is not known."""
    known = CODES.get(code) or KINDS.get(code)
    if known is None and code.startswith("KMS"):
        known = KEY_SERVICE
    if known is None:
        return f"Look {code} up in the store's documentation. Nothing is visible in the bucket."
    return str(known)
