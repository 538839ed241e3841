"""What `authorize` would do, as far as that is known without asking Trakt."""
from __future__ import annotations

import enum
import time
from dataclasses import dataclass

from trakt_config import document, storage
from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.authorize import attempt
from trakt_config.authorization.freshness import Freshness
from trakt_config.authorization.run import ConfigPath, Job, Options, View, job

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


def plan(config_path: ConfigPath, options: Options) -> Plan:
    """Look at the config; send nothing, lock nothing, write nothing.

    :raises ConfigError: the file or a setting has to be edited.
    :raises LoginRequired: there is nothing to exchange or to refresh.
    """
    return attempt(config_path, lambda: _plan(job(config_path, options)))


def next_step(view: View) -> Step:
    """What the config calls for.

    :raises LoginRequired: there is nothing to exchange, to refresh or to keep.
    """
    if view.settings.pin:
        return Step.EXCHANGE
    if view.assessment.freshness is Freshness.FRESH:
        return Step.NOTHING
    if view.settings.refresh_token:
        return Step.REFRESH_OR_KEEP if view.can_be_kept else Step.REFRESH
    if view.can_be_kept:
        return Step.KEEP
    raise refresh.no_authorization(view)


def _plan(job: Job) -> Plan:
    view = job.look()
    step = next_step(view)
    return Plan(step.value, _diff(view) if step.asks_trakt else "",
                storage.exists(job.path, job.options.environ))


def _diff(view: View) -> str:
    values = {key: "x" * 64 if "token" in key else "1" for key in redeem.STAND_IN}
    values.update(token_type="bearer", scope="public", created_at=str(int(time.time())))
    edited = document.set_authorization(view.document, values,
                                        clear_pin=view.settings.pin is not None)
    return document.masked_diff(view.document, edited)
