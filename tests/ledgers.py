"""What the tests of the ledger share: a ledger in the sandbox, and stores whose clock or answers are odd."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from fakes import Arrived, Faults, wire
from world import World

from pipeline.config import StageConfig
from pipeline.ledger.events import Ledger
from pipeline.s3.client import Store


def a_ledger(world: World, prefix: str, port: int | None = None, **settings: Any) -> Ledger:
    box = world.sandbox
    endpoint = f"http://127.0.0.1:{port}" if port else box.endpoint_url
    stage = {"bucket": box.bucket, "region": box.region, "endpoint_url": endpoint, "prefix": prefix}
    store = Store(StageConfig.model_validate(stage), (box.access_key, box.secret_key))
    return Ledger(store, pauses=(0.01, 0.02, 0.02, 0.02), **settings)


class Ahead(Faults):
    """A store whose clock, as its answers tell it, is some seconds ahead of when things were written."""

    seconds = 0.0

    def forward(self, request: Arrived, *, cut: bool = False) -> bytes:
        told = format_datetime(datetime.now(UTC) + timedelta(seconds=self.seconds), usegmt=True)
        return re.sub(rb"(?im)^Date: [^\r]*", f"Date: {told}".encode(), super().forward(request, cut=cut))


def store_port(world: World) -> int:
    return int(world.sandbox.endpoint_url.rpartition(":")[2])


def faulty(world: World, fault: Any) -> Any:
    return wire(Faults(store_port(world), fault))
