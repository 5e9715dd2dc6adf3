"""What schedulers are kept from, whichever it is: a second job by a retry of their own."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import ConfigError, load_config
from pipeline.integrations.facts import require_safe_retry

CONFIG: dict[str, Any] = {"contract": {"schema": "c.py:C"}}


def test_a_retry_sends_nothing_once_more() -> None:
    config = load_config(CONFIG)
    require_safe_retry(config, again=False, is_retry=True)
    require_safe_retry(config, again=True, is_retry=False)
    with pytest.raises(ConfigError, match="This is a retry"):
        require_safe_retry(config, again=True, is_retry=True)


def test_without_a_ledger_no_retry_is_safe() -> None:
    with pytest.raises(ConfigError, match="ledger: off"):
        require_safe_retry(load_config(CONFIG | {"ledger": "off"}), again=False, is_retry=False)
