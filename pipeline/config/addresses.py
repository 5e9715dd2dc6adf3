"""The types of the config's values that are addresses: of the web, of networks, of a port.

A check that fails says what would be right, and never repeats the value: it may come from the environment.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema


def _networks(value: Any) -> Any:
    """One address or several, as CIDRs; as wide as AWS still takes for "not public", and no wider."""
    found = []
    for text in value if isinstance(value, (list, tuple)) else (value,):
        try:
            network = ipaddress.ip_network(text if isinstance(text, str) else "")
        except ValueError:
            raise ValueError("an IP address, or a network such as 203.0.113.0/24") from None
        if network.prefixlen < (8 if network.version == 4 else 32):
            raise ValueError("a network this wide is as good as public: name smaller ones")
        found.append(str(network))
    return tuple(found)


def _host_port(value: str) -> str:
    found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/:]+):([0-9]{1,5})", value)
    if not found or int(found[1]) > 65535:
        raise ValueError("host:port, e.g. 127.0.0.1:8080")
    return value


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine, by name or address, without asking any DNS."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?(?<!\.\.))+")


def _ascii(host: str) -> str:
    """The host's name as DNS has it, "" where it cannot be one."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""


def web_address(value: str) -> str:
    """The address without a slash at its end; ValueError where it is none that may be used."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", value):
        raise ValueError("an address holds no blanks, backslashes or control characters")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the host or port of this address cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("an address starts with https:// and names a host")
    if ":" not in host and not _HOST.fullmatch(_ascii(host)):
        raise ValueError("that is no host name: letters, digits and - between single dots")
    if "@" in parts.netloc:
        raise ValueError("an address holds no user name and no password")
    if "?" in value or "#" in value:
        raise ValueError("an address ends with its path: no ?query, no #fragment")
    return (parts.scheme + value[len(parts.scheme) :]).rstrip("/")  # HTTP: is http:


def guarded_address(value: str) -> str:
    """As `web_address`, and plain http goes to this machine only."""
    value = web_address(value)
    if value.startswith("http:") and not is_loopback(value):
        raise ValueError("plain http goes to this machine (loopback) only; use https://")
    return value


Networks = Annotated[
    tuple[str, ...],
    BeforeValidator(_networks),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
HostPort = Annotated[str, AfterValidator(_host_port)]
Address = Annotated[str, AfterValidator(web_address)]
GuardedAddress = Annotated[str, AfterValidator(guarded_address)]
