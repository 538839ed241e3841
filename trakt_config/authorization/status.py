"""What is in a config, in people's terms; and, only where that is asked for, what Trakt says to it.

Nothing here refreshes, locks or writes.
"""
from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from trakt_config import document, storage
from trakt_config.authorization import plan, redeem
from trakt_config.authorization.plan import Step
from trakt_config.authorization.refresh import MIGRATION
from trakt_config.authorization.run import (
    ISSUED_IN_FUTURE,
    ConfigPath,
    Options,
    Run,
    Snapshot,
    reports_errors,
)
from trakt_config.document import SETTING_KEYS, Value
from trakt_config.errors import ConfigError, LoginRequired, command, with_path
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization

if TYPE_CHECKING:
    from trakt_config.oauth import UserSettings


@dataclass(frozen=True)
class Status:
    """What a config holds now.

    :ivar state: ``valid``, ``expired``, ``unknown_age`` (an access token without usable times),
        ``refresh_token_only``, ``pin_only`` or ``none``.
    :ivar authorization: None where there is no access token of known age.
    :ivar life_left: the share of its lifetime that the access token still has, from 0 to 1.
    :ivar step: what the next `authorize` would do; None where it would fail, for `failure`.
    :ivar problems: what a person should look at, a sentence each.
    """

    state: str
    authorization: Authorization | None
    life_left: float | None
    step: Step | None
    failure: LoginRequired | None
    problems: list[str]

    @property
    def is_usable(self) -> bool:
        """Whether there is a valid access token, or something to get one with."""
        return self.state == "valid" or self.failure is None

    @property
    def issued_at(self) -> datetime | None:
        """When Trakt issued the access token: an aware datetime in UTC."""
        if self.authorization is None:
            return None
        return datetime.fromtimestamp(self.authorization.created_at, timezone.utc)


@reports_errors
def look(config_path: ConfigPath, options: Options) -> Status:
    """Look at the config, offline.

    :raises ConfigError: the file or a setting has to be edited.
    """
    run = Run.on(config_path, options)
    snapshot = run.read()
    step: Step | None = None
    failure: LoginRequired | None = None
    try:
        step = plan.next_step(snapshot)
    except LoginRequired as error:
        failure = error
        failure.path = run.name
    authorization = snapshot.settings.authorization
    life_left = snapshot.assessment.seconds_left / authorization.expires_in \
        if authorization else None
    return Status(_state(snapshot), authorization, life_left, step, failure,
                  list(_problems(run, snapshot, step)))


@reports_errors
def account(config_path: ConfigPath, options: Options) -> UserSettings:
    """Ask Trakt whose the access token in the config is. It is used as it is, never refreshed.

    :raises LoginRequired: there is no access token, or Trakt refused it.
    :raises ConfigError, ClientRejected, AccountProblem, TraktUnavailable: as `authorize`.
    """
    from trakt_config.authorization.trakt import client_for
    run = Run.on(config_path, options)
    snapshot = run.read()
    if not snapshot.access_token:
        raise LoginRequired("the config holds no access token to ask Trakt with",
                            hint=f"Run: {command('authorize')}; else: {command('login')}")
    return client_for(options, snapshot).user_settings(snapshot.access_token)


def switched_off(settings: UserSettings) -> list[str]:
    """A sentence for each permission that Trakt has taken from the user."""
    return [f"Trakt has switched off {name} for this account (its spam protection does that); "
            "ask Trakt's support"
            for name, allowed in settings.permissions.items() if not allowed]


def _state(snapshot: Snapshot) -> str:
    authorization = snapshot.settings.authorization
    if snapshot.is_valid:
        return "valid"
    if authorization and not snapshot.assessment.issued_in_future:
        return "expired"
    if snapshot.access_token:
        return "unknown_age"
    if snapshot.settings.refresh_token:
        return "refresh_token_only"
    return "pin_only" if snapshot.settings.pin else "none"


def _problems(run: Run, snapshot: Snapshot, step: Step | None) -> Iterator[str]:
    if snapshot.assessment.issued_in_future:
        yield ISSUED_IN_FUTURE
    authorization = snapshot.settings.authorization
    if authorization and authorization.created_at < MIGRATION and snapshot.settings.refresh_token:
        yield ("the refresh token was issued before Trakt's move of July 2026, and such tokens "
               "cannot be refreshed: sign in once more, with: "
               + with_path(command("login"), run.name))
    for warning in snapshot.settings.warnings:
        yield f"line {warning.line}: {warning.message}"
    yield from _unknown_keys(snapshot.document.trakt or {}, "trakt", SETTING_KEYS)
    yield from _unknown_keys(snapshot.document.authorization, "trakt.authorization",
                             AUTHORIZATION_KEYS)
    yield from _edit_problems(snapshot, step)
    yield from _file_problems(run)


def _unknown_keys(block: Mapping[str, Value], name: str,
                  known: tuple[str, ...]) -> Iterator[str]:
    """Where keys are that nobody reads. Not what they are: ``{pin:1234}`` is a key as well."""
    for key, value in block.items():
        if key in known:
            continue
        meant = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.75)
        advice = f"is {meant[0]} meant?" if meant else "it is left as it is"
        if key in AUTHORIZATION_KEYS:
            advice = f"{key} belongs into trakt.authorization"
        yield f"line {value.line}: {name} has a key that is not read here; {advice}"


def _edit_problems(snapshot: Snapshot, step: Step | None) -> Iterator[str]:
    """Whether new tokens could be written into these very bytes.

    :raises ConfigError: they cannot, and the next `authorize` would have to.
    """
    try:
        document.set_authorization(snapshot.document, redeem.STAND_IN,
                                   clear_pin=snapshot.settings.pin is not None)
    except ConfigError as error:
        if step and step.asks_trakt:
            raise
        yield f"line {error.line or 1}: new tokens could not be written: {error.message}"


def _file_problems(run: Run) -> Iterator[str]:
    if storage.readable_by_others(run.path):
        yield storage.READABLE_BY_OTHERS
    if not os.access(run.path, os.W_OK):
        yield "this user cannot write to it, so nothing new could be saved"
    if storage.is_mount_point(run.path):
        yield ("it is mounted as a single file: what a run that is killed leaves beside it lives "
               "only as long as the container; mount its folder instead")
    if storage.exists(run.path, run.options.environ):
        yield plan.LEFT_OVER
