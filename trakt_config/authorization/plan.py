"""What `authorize` would do, as far as that is known without asking Trakt."""
from __future__ import annotations

import enum
import time
from dataclasses import dataclass

from trakt_config import document, storage
from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.freshness import Freshness
from trakt_config.authorization.run import ConfigPath, Options, Run, Snapshot, reports_errors

LEFT_OVER = ("an earlier run was cut short, or another one is running; "
             "what it left would be finished first")


class Step(enum.Enum):
    """What `authorize` would do, in words."""

    NOTHING = "would do nothing: the authorization is fresh"
    EXCHANGE = "would exchange the pin for an authorization, and clear it"
    REFRESH = "would refresh the authorization"
    REFRESH_OR_KEEP = ("would refresh the authorization; the old one would be kept if that "
                       "failed")
    KEEP = "would keep the authorization: there is no refresh token to refresh it with"

    @property
    def asks_trakt(self) -> bool:
        return self not in (Step.NOTHING, Step.KEEP)


@dataclass(frozen=True)
class Plan:
    """What would be done, and the masked difference that it would make to the file."""

    intention: str
    diff: str
    has_left_over: bool


@reports_errors
def plan(config_path: ConfigPath, options: Options) -> Plan:
    """Look at the config; send nothing, lock nothing, write nothing.

    :raises ConfigError: the file or a setting has to be edited.
    :raises LoginRequired: there is nothing to exchange or to refresh.
    """
    run = Run.on(config_path, options)
    snapshot = run.read()
    step = next_step(snapshot)
    return Plan(step.value, _diff(snapshot) if step.asks_trakt else "",
                storage.exists(run.path, options.environ))


def next_step(snapshot: Snapshot) -> Step:
    """What the config calls for.

    :raises LoginRequired: there is nothing to exchange, to refresh or to keep.
    """
    if snapshot.settings.pin:
        return Step.EXCHANGE
    if snapshot.assessment.freshness is Freshness.FRESH:
        return Step.NOTHING
    if snapshot.settings.refresh_token:
        return Step.REFRESH_OR_KEEP if snapshot.can_be_kept else Step.REFRESH
    if snapshot.can_be_kept:
        return Step.KEEP
    raise refresh.no_authorization(snapshot)


def _diff(snapshot: Snapshot) -> str:
    values = {key: "x" * 64 if "token" in key else "1" for key in redeem.STAND_IN}
    values.update(token_type="bearer", scope="public", created_at=str(int(time.time())))
    edited = document.set_authorization(snapshot.document, values,
                                        clear_pin=snapshot.settings.pin is not None)
    return document.masked_diff(snapshot.document, edited)
