"""Why a person has to sign in, in words, and what they have to do first."""
from __future__ import annotations

from trakt_config import document, oauth
from trakt_config.authorization.run import Snapshot
from trakt_config.errors import SIGN_IN, LoginRequired, command, place
from trakt_config.tokens import number_of

#: Trakt moved to a new server then (2026-07-01, UTC); older refresh tokens stayed behind.
MIGRATION = 1782864000

#: What an earlier run has left word of.
PIN_REFUSED = "Trakt refused the pin when it was last tried"
REFUSED = "Trakt refused the refresh token when it was last tried"

#: What brings a new access token to a config that holds no refresh token.
COPY = f"if it is a copy, with its HOLDER: {command('authorize HOLDER --copy-to')}"
SIGN_IN_OR_COPY = f"{SIGN_IN} (or, {COPY})"


def no_authorization(snapshot: Snapshot) -> LoginRequired:
    what = "has no authorization yet"
    if snapshot.access_token:
        what = "has no refresh token" if snapshot.settings.authorization else _of_unknown_age(
            snapshot)
    error = LoginRequired(f"the config {what}", reason="no_authorization",
                          hint=SIGN_IN_OR_COPY if snapshot.access_token else SIGN_IN)
    meant = document.what_is_meant(snapshot.document)
    if meant is not None:
        error.message += f", and {meant.message}"
        error.line, error.column = meant.line, meant.column
        error.hint = meant.hint or SIGN_IN
    return error


def correct_first(error: LoginRequired, snapshot: Snapshot) -> None:
    """A sign-in is refused where a key was meant to be another one: advise to correct that."""
    for found in document.unread_keys(snapshot.document):
        if (found.line, found.column) != (error.line, error.column):
            error.advise_first(f"First correct {place(found.line, found.column)} "
                               f"({found.message}). {found.hint}")
        break


def _of_unknown_age(snapshot: Snapshot) -> str:
    """There is an access token, and nothing says until when it is valid."""
    values = snapshot.document.authorization
    unknown = [key for key in ("created_at", "expires_in")
               if key not in values or number_of(key, values[key].text) is None]
    if not unknown or not snapshot.settings.access_token:
        return "has an access token that cannot be used, and no refresh token"
    what = "are" if len(unknown) > 1 else "is"
    return (f"has an access token of unknown age ({' and '.join(unknown)} {what} missing or not "
            "usable), and no refresh token")


def why_refused(snapshot: Snapshot, error: LoginRequired, *, is_lost: bool) -> LoginRequired:
    """Trakt refused the refresh token: why, as far as can be told.

    :param is_lost: whether the answer to an earlier refresh may have been.
    """
    if error.reason == "answer_lost":
        return error
    if is_lost:
        return LoginRequired("Trakt refused the refresh token: the answer to an earlier refresh "
                             "was lost", reason="answer_lost", hint=SIGN_IN)
    if not error.detail and is_before_migration(snapshot):
        return oauth.before_migration()
    return error


def refused_before(*, answer_lost: bool) -> LoginRequired:
    """The refresh token is not sent again while the access token is good."""
    if answer_lost:
        return LoginRequired(f"{REFUSED}: the answer to an earlier refresh was lost",
                             reason="answer_lost", hint=SIGN_IN)
    return LoginRequired(REFUSED, reason="refresh_token_refused", hint=SIGN_IN)


def last_access_token(snapshot: Snapshot, why: str, instead: str = "") -> str:
    """Nothing follows on the access token: when it ends at the latest, and what to do. Trakt may
    have revoked it with the refresh token, and nobody is asked here.

    :param instead: what else may be done, behind the advice to sign in.
    """
    for found in document.unread_keys(snapshot.document):
        return f"{why}: correct {place(found.line, found.column)} first"  # Of which is warned.
    authorization = snapshot.settings.authorization
    ends = f", and the access token ends {authorization.expires_at:%Y-%m-%d %H:%M} UTC, unless " \
        "it was revoked" if authorization and snapshot.is_valid else ""
    return f"{why}{ends}: sign in, with: {command('login')}{instead}"


def both_refused(pin: LoginRequired, also: LoginRequired) -> LoginRequired:
    """Neither the pin nor what stands beside it is of any use."""
    return LoginRequired(f"{pin.message}; and {also.message}", reason=pin.reason, hint=SIGN_IN)


def is_before_migration(snapshot: Snapshot) -> bool:
    """Whether Trakt refuses the refresh token, whatever else is right."""
    authorization = snapshot.settings.authorization
    return bool(authorization and authorization.created_at < MIGRATION
                and snapshot.settings.refresh_token)
