"""A real S3 server for tests: Ceph RGW with a region, two users and whatever clients a test needs.

    packages (fetched once)  ->  cluster (the daemons)  ->  Server.start(): client(), visitor()  ->  stop()

By hand: `cd tests && python -m rgw.server` starts one, prints its address and keys, and ends with Ctrl-C.
"""

from __future__ import annotations

import atexit
import json
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from boto3.session import Session

from .cluster import Cluster
from .packages import cache_folder, extracted

if TYPE_CHECKING:
    import requests
    from mypy_boto3_s3 import S3Client

REGION = "eu-central-1"
HOST = "s3.example.test"
# RGW grants these to an object's uploader by ACL, which would hide that a policy lacks them.
IMPLIED = ["s3:GetObject", "s3:GetObjectAcl", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]


@dataclass(frozen=True)
class Keys:
    """One user of the store with its access key; `session_token` for temporary ones."""

    user: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Server:
    """A running store, made by `Server.start`.

    `owner` makes buckets and may set users' policies; `guest` is another user of the same tenant, who may do
    nothing until a policy says so. `endpoint_url` and `tls_url` (with `certificate`) reach the same gateway
    on 127.0.0.1. It also answers to the names `localhost`, `host` and BUCKET.`host`; a name that nobody
    resolves is reached by the address, with a `Host` header.
    """

    region = REGION
    host = HOST
    owner = Keys("owner", "OWNERACCESSKEY000001", "owner-secret")
    guest = Keys("guest", "GUESTACCESSKEY000001", "guest-secret")

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.port = cluster.port
        self.endpoint_url = f"http://127.0.0.1:{cluster.port}"
        self.tls_url = f"https://127.0.0.1:{cluster.tls_port}"
        self.certificate = str(cluster.certificate)
        self._session = Session()

    @property
    def pids(self) -> list[int]:
        """The process ids of the daemons."""
        return self._cluster.pids

    @classmethod
    def start(cls, store: Literal["memstore", "bluestore"] = "memstore") -> Server:
        """A store that answers, after two seconds; the first time on a machine, Ceph is fetched before.

        Call it from a thread that outlives the store: the kernel ends the daemons with their parent thread.
        Raises NoPackages where Ceph cannot be had, RuntimeError (what the daemons said) if it stays down.
        """
        folder = cache_folder()
        server = cls(Cluster(extracted(folder), folder, HOST))
        atexit.register(server.stop)
        try:
            server._set_up(store)
        except BaseException:
            server.stop()
            raise
        return server

    def stop(self) -> None:
        """End every daemon and remove the data. Safe to call twice."""
        self._cluster.stop()
        atexit.unregister(self.stop)

    def stop_gateway(self) -> None:
        """Take the store down: connections are refused, its data lives on."""
        self._cluster.stop_gateway()

    def start_gateway(self) -> None:
        """Let the store answer again, at the same addresses and with the same data."""
        self._cluster.start_gateway()

    def client(self, keys: Keys | None = None, *, endpoint_url: str | None = None, **config: Any) -> S3Client:
        """A boto3 S3 client: the owner's or the given keys, SigV4, path style, no retries; `config` adds."""
        client: S3Client = self._service("s3", keys or self.owner, endpoint_url or self.endpoint_url, config)
        return client

    def allow(self, keys: Keys, *statements: dict[str, list[str]]) -> None:
        """Let the user do what these IAM statements say and nothing else, even to own objects.

        Each statement has an `Action` and a `Resource` list; no action may stand in two statements.
        """
        named = [action for each in statements for action in each["Action"]]
        policy: list[dict[str, Any]] = [{"Effect": "Allow"} | each for each in statements]
        policy += [
            {"Effect": "Deny", "Action": each["Action"], "NotResource": each["Resource"]}
            for each in statements
        ]
        policy += [
            {"Effect": "Deny", "Action": action, "Resource": "*"} for action in IMPLIED if action not in named
        ]
        self._put_user_policy(keys, "test", policy)

    def temporary(self, keys: Keys, seconds: int = 900) -> Keys:
        """The user's temporary keys from the store's STS, dead after `seconds` (900 or more)."""
        self._put_user_policy(
            keys, "sts", [{"Effect": "Allow", "Action": "sts:GetSessionToken", "Resource": "*"}]
        )
        sts = self._service("sts", keys, self.endpoint_url, {})
        got = sts.get_session_token(DurationSeconds=seconds)["Credentials"]
        return Keys(keys.user, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    def visitor(self, address: str = "127.0.0.1") -> requests.Session:
        """A requests session without credentials that comes from this loopback address, such as 127.0.0.2."""
        import requests
        from requests.adapters import HTTPAdapter

        class FromAddress(HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, source_address=(address, 0), **kwargs)

        session = requests.Session()
        session.trust_env = False  # neither a proxy nor ~/.netrc
        session.verify = self.certificate
        session.mount("http://", FromAddress())
        session.mount("https://", FromAddress())
        return session

    def _put_user_policy(self, keys: Keys, name: str, statements: list[dict[str, Any]]) -> None:
        iam = self._service("iam", self.owner, self.endpoint_url, {})
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=keys.user, PolicyName=name, PolicyDocument=policy)

    def _service(self, name: str, keys: Keys, endpoint_url: str, config: dict[str, Any]) -> Any:
        from botocore.config import Config

        settings: dict[str, Any] = {
            "s3": {"addressing_style": "path"},
            "signature_version": "s3v4" if name == "s3" else "v4",
            "retries": {"total_max_attempts": 1},
            "proxies": {"http": None, "https": None},
        }
        return self._session.client(  # type: ignore[call-overload]  # the name is not a literal
            name,
            endpoint_url=endpoint_url,
            region_name=self.region,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.session_token,
            verify=self.certificate,
            config=Config(**(settings | config)),
        )

    def _set_up(self, store: str) -> None:
        cluster = self._cluster
        cluster.make(store)
        cluster.start()
        for keys in (self.owner, self.guest):
            user = (f"--uid={keys.user}", f"--display-name={keys.user}")
            key = (f"--access-key={keys.access_key}", f"--secret-key={keys.secret_key}")
            cluster.admin("user", "create", *user, *key)
        cluster.admin("user", "modify", f"--uid={self.guest.user}", "--max-buckets=-1")
        cluster.admin("caps", "add", f"--uid={self.owner.user}", "--caps=user-policy=*")
        zonegroup = json.loads(cluster.admin("zonegroup", "get"))
        zonegroup |= {"api_name": self.region, "hostnames": [self.host]}
        cluster.admin("zonegroup", "set", stdin=json.dumps(zonegroup))
        cluster.start_gateway()


def main() -> None:
    """Run a store until Ctrl-C or SIGTERM."""
    server = Server.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{server.endpoint_url} and {server.tls_url} ({server.certificate}), region {server.region}")
    for keys in (server.owner, server.guest):
        print(f"{keys.user}: {keys.access_key} {keys.secret_key}")
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("stopping")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
