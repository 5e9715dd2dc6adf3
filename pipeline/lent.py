"""A host's own requests session, taken for the way it knows and not for what it carries along."""

from __future__ import annotations

import requests


class Lent(requests.Session):
    """A session over the connections of `http`: its adapters, proxies and certificates.

    Its headers, cookies, hooks and credentials stay with the host: a signed URL bears no other credentials.
    """

    def __init__(self, http: requests.Session) -> None:
        super().__init__()
        self.adapters = http.adapters
        self.verify, self.cert, self.proxies = http.verify, http.cert, dict(http.proxies)

    def close(self) -> None:
        """Leave the adapters open: the host goes on using them."""
