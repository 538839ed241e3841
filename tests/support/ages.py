"""How old an authorization is, as shares of its life, by what the policy makes of that age."""
from __future__ import annotations

import time
from typing import Any

from trakt_config.authorization.freshness import ADVISORY_SHARE
from trakt_config.sandbox import Sandbox

#: Old, and not old enough for anything to be done.
STILL_FRESH = 1 - 1.2 * ADVISORY_SHARE
#: Old enough to be refreshed, and good enough to be kept.
WORTH_REFRESHING = 1 - 0.8 * ADVISORY_SHARE


def issued(sandbox: Sandbox, age: float = 0) -> dict[str, Any]:
    """A pair of that age in seconds."""
    return sandbox.issue_authorization(created_at=int(time.time() - age))
