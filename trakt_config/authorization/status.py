"""What is in a config, in people's terms; and, only where that is asked for, what Trakt says to it.

Nothing here refreshes, locks or writes.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from trakt_config import document, oauth, storage
from trakt_config.authorization import advice, plan, policy, redeem
from trakt_config.authorization.plan import Outlook, Step
from trakt_config.authorization.run import (
    ConfigPath,
    Options,
    Run,
    Snapshot,
    reports_errors,
)
from trakt_config.document import Document, Entry
from trakt_config.errors import (
    SIGN_IN,
    AccountProblem,
    ClientRejected,
    ConfigError,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    with_path,
)
from trakt_config.startup import Record, replace
from trakt_config.tokens import Authorization

if TYPE_CHECKING:
    from trakt_config.oauth import UserSettings


NOT_ASKED = ("Trakt was not asked whose it is: there is no valid access token to ask with until "
             "authorize has run")
REPLACED_FIRST = ("Trakt was not asked whose the access token is: the next authorize puts another "
                  "one in its place")


class Status(Record):
    """What a config holds now, and what the next run will make of it.

    :ivar state: ``valid``, ``expired``, ``unknown_age`` (an access token without usable times),
        ``refresh_token_only``, ``pin_only`` or ``none``; ``refused`` once Trakt has refused a
        valid access token.
    :ivar authorization: None where there is no access token of known age.
    :ivar life_left: the share of its lifetime that the access token still has, from 0 to 1; None
        where its age is not known.
    :ivar step: what the next `authorize` would do; None where it would fail, for `failure`.
    :ivar problems: what a person should look at, a sentence each; behind file:line:column where
        that is known.
    :ivar ends: the one of them that says that nothing follows on the access token, and when it ends
        unless it was revoked; else empty.
    :ivar is_refused: whether Trakt has refused the refresh token, as an earlier run has left word.
    """

    state: str
    authorization: Authorization | None
    life_left: float | None
    step: Step | None
    failure: TraktConfigError | None
    problems: list[str]
    ends: str
    is_refused: bool

    @property
    def is_usable(self) -> bool:
        """Whether the next `authorize` can do without a person, as far as is known.

        That Trakt could not be asked says nothing against what is in the file.
        """
        return self.step is not None

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
    found = plan.foresee(run)
    state = _state(found.snapshot)
    authorization = found.snapshot.settings.authorization if state != "unknown_age" else None
    life_left = found.snapshot.assessment.seconds_left / authorization.expires_in \
        if authorization else None
    ends = _last_access_token(run, found)
    return Status(state, authorization, life_left, found.step, found.failure,
                  list(_problems(run, found, ends)), ends, found.is_refused)


@reports_errors
def ask(config_path: ConfigPath, options: Options,
        found: Status) -> tuple[Status, UserSettings | None]:
    """Ask Trakt whose the access token in the config is. It is used as it is, never refreshed.

    What Trakt says against it is the `failure` of the status that is returned, and so is that it
    could not be asked, for the address of Trakt that is set too, which leaves the rest of the
    status as it was. Where the next `authorize`
    gets a new access token first, Trakt is not asked: a refusal would say nothing.

    :raises ConfigError: the config cannot be used.
    """
    from trakt_config.authorization.trakt import client_for
    if not found.is_usable:
        return found, None
    if found.state != "valid":
        return replace(found, problems=[*found.problems, NOT_ASKED]), None
    if found.step in (Step.EXCHANGE, Step.ADOPT):
        return replace(found, problems=[*found.problems, REPLACED_FIRST]), None
    run = Run.on(config_path, options)
    snapshot = plan.foresee(run).snapshot  # Of half of an overwrite, the whole.
    if not snapshot.access_token:  # It has been edited since.
        return replace(found, problems=[*found.problems, NOT_ASKED]), None
    try:
        return found, client_for(options, snapshot).user_settings(snapshot.access_token)
    except (ConfigError, TraktUnavailable) as error:
        return replace(found, failure=_named(error, run)), None
    except LoginRequired as error:
        if advice.is_before_migration(snapshot):  # Nor could a run refresh it.
            error.hint = SIGN_IN
        elif not snapshot.settings.refresh_token:
            error.hint = advice.SIGN_IN_OR_COPY
        elif found.is_refused:
            error.message, error.hint = f"{error.message}; and {advice.REFUSED}", SIGN_IN
        advice.correct_first(error, snapshot)
        return replace(found, state="refused", step=None, failure=_named(error, run), ends="",
                       problems=[each for each in found.problems if each != found.ends]), None
    except (ClientRejected, AccountProblem) as error:
        return replace(found, step=None, failure=_named(error, run)), None


def _named(error: TraktConfigError, run: Run) -> TraktConfigError:
    error.path = run.name
    return error.alone()


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
    if snapshot.settings.access_token:
        return "unknown_age"
    if snapshot.settings.refresh_token:
        return "refresh_token_only"
    return "pin_only" if snapshot.settings.pin else "none"


def _problems(run: Run, found: Outlook, ends: str) -> Iterator[str]:
    snapshot = found.snapshot
    authorization = snapshot.settings.authorization
    if authorization and snapshot.assessment.issued_in_future:
        yield run.issued_in_future(authorization)
    if ends:
        yield ends
    yield from _refresh_problems(run, found)
    for warning in (*snapshot.settings.warnings, *document.other_keys(snapshot.document)):
        yield run.located(warning.line, warning.column, warning.message)
    yield from _rewritten_by_kometa(snapshot.document)
    yield from _not_filled_by_kometa(run, snapshot.document.trakt or {})
    yield from _edit_problems(run, snapshot)
    yield from _file_problems(run, found)


def _last_access_token(run: Run, found: Outlook) -> str:
    """Why nothing follows on this access token, and when it ends; empty where one may."""
    snapshot = found.snapshot
    authorization = snapshot.settings.authorization
    if found.step in (Step.EXCHANGE, Step.ADOPT):
        return ""
    if advice.is_before_migration(snapshot):
        why, instead = plan.BEFORE_MIGRATION, ""
    elif authorization and not snapshot.settings.refresh_token and not snapshot.settings.pin \
            and not (found.step and found.step.asks_trakt):
        why, instead = "there is no refresh token", f" (or, {advice.COPY})"
    elif found.is_refused and not snapshot.settings.pin:
        why, instead = advice.REFUSED, ""
    else:
        return ""
    return with_path(advice.last_access_token(snapshot, why, instead), run.name)


def _refresh_problems(run: Run, found: Outlook) -> Iterator[str]:
    """What the next refresh will fail for, though it is not due yet."""
    if found.failure or found.step and found.step.asks_trakt:
        return  # It is the failure, or was looked at for this step.
    try:
        oauth.Endpoints.from_environ(run.options.environ)
        policy.others_doubt(run, found.snapshot)
    except (ConfigError, SaveError) as error:
        yield f"it cannot be refreshed: {error.message}"


def _rewritten_by_kometa(parsed: Document) -> Iterator[str]:
    """The keys that Kometa adds where they are missing, and then dumps the whole file; not one that
    is there by another name, which is to be corrected.
    """
    lines = {"pin": "`pin: null`", "force_refresh": "`force_refresh: false`"}
    there = {*(parsed.trakt or {}), *(found.key for found in document.unread_keys(parsed))}
    missing = [line for key, line in lines.items() if key not in there]
    if missing:
        yield ("Kometa rewrites the whole file to add what is missing: add "
               f"{' and '.join(missing)} to trakt")


def _not_filled_by_kometa(run: Run, trakt: Mapping[str, Entry]) -> Iterator[str]:
    """Placeholders that are one to us alone: for KOMETA_A_B, Kometa fills <<a-b>> and <<A_B>>."""
    for key in ("client_id", "client_secret", "redirect_uri"):
        value = trakt.get(key)
        names = re.findall("<<([^<>]+)>>", value.text) if value else []
        if any(name not in (name.lower().replace("_", "-"), name.upper().replace("-", "_"))
               for name in names):
            assert value is not None
            yield run.located(value.line, value.column,
                              f"Kometa does not fill this placeholder in trakt.{key}: it takes "
                              "small letters and dashes, or capitals and underscores")


def _edit_problems(run: Run, snapshot: Snapshot) -> Iterator[str]:
    """Whether new tokens could be written into these very bytes."""
    try:
        redeem.rehearse(snapshot)
    except ConfigError as error:
        yield run.located(error.line or 1, error.column or 1,
                          f"new tokens could not be written: {error.message}")


def _file_problems(run: Run, found: Outlook) -> Iterator[str]:
    if storage.readable_by_others(run.path):
        yield storage.readable_warning(run.name)
    if found.obstacle:
        yield found.obstacle
    if storage.is_mount_point(run.path):
        yield ("it is mounted as a single file: what a run that is killed leaves beside it lives "
               "only as long as the container; mount its folder instead")
    if found.left_over and not found.is_refused:
        yield found.left_over
