"""End an authorization: revoked at Trakt (RFC 7009), then emptied in the config, under its lock."""
from __future__ import annotations

import enum
from collections.abc import Sequence

from trakt_config import document, storage
from trakt_config.authorization import recovery, redeem, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.run import ConfigPath, Options, Run, Snapshot, reports_errors
from trakt_config.authorization.trakt import ask_shielded, client_for
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    command,
    os_reason,
)
from trakt_config.oauth import BUDGET, TraktClient
from trakt_config.tokens import Secret

CONNECTED_APPS = "https://app.trakt.tv/settings/apps/connected"


class LoggedOut(enum.Enum):
    """How it ended, in words."""

    REVOKED = "logged out: Trakt has revoked the tokens, and they are gone from the config"
    ACCESS_TOKEN_REVOKED = (
        "logged out: Trakt has revoked the access token, and it is gone from the config. There was "
        "no refresh token: if this was a copy, the access token of its holder is the same one and "
        "has ended too; `trakt-config authorize --force` for the holder gets another, unless Trakt "
        "has ended its refresh token as well: then sign in there")
    EMPTIED = "logged out: the tokens are gone from the config"
    LOCAL = ("the tokens are gone from the config; Trakt was not asked, so end them there: "
             f"{CONNECTED_APPS}")
    NOTHING = "there is no authorization to revoke"


@reports_errors
def logout(config_path: ConfigPath, options: Options, *, local: bool = False) -> LoggedOut:
    """Revoke both tokens at Trakt, then empty the six values; a pin and the rest stay.

    What a killed run left is finished first, so that its tokens are revoked as well. Unless Trakt
    has revoked them, the file stays as it was.

    :param local: only empty the values.
    :raises ConfigError: the file or a setting has to be edited; nothing was sent.
    :raises ClientRejected: Trakt refuses to revoke.
    :raises AccountProblem: Trakt has locked or deactivated the account.
    :raises TraktUnavailable: Trakt cannot be reached or fails.
    :raises LockTimeout: another run did not finish in time.
    :raises SaveError: the config cannot be written.
    """
    run = Run.on(config_path, options)
    first: Snapshot | None = None
    is_left_over = storage.journal_exists(run.path, run.options.environ)
    try:
        first = run.read()
    except ConfigError as error:
        if not is_left_over and error.line is None and "trakt-config login" in error.hint:
            error.hint = "There is nothing to revoke. Is this the right file?"
        if not is_left_over:  # With one, it may be a torn overwrite, which is finished first.
            raise
    if first:
        _refuse_unread_tokens(first)
        if document.clear_authorization(first.document) is first.document and not is_left_over:
            return LoggedOut.NOTHING
    with run.hold() as held:
        return _with_lock(run, held, first, local)


def _refuse_unread_tokens(snapshot: Snapshot) -> None:
    """Tokens below a misspelt key, or in another place, would be neither revoked nor emptied.

    :raises ConfigError: there are such.
    """
    for found in document.unread_keys(snapshot.document):
        if found.key in ("authorization", "access_token", "refresh_token"):
            raise ConfigError(found.message, hint=f"Nothing was revoked. {found.hint}",
                              line=found.line, column=found.column)


def _with_lock(run: Run, held: storage.Held, first: Snapshot | None, local: bool) -> LoggedOut:
    snapshot, recovered = recovery.recovered_snapshot(run, held, first)
    if document.clear_authorization(snapshot.document) is snapshot.document:
        return LoggedOut.NOTHING
    trakt = client_for(run.options, snapshot)
    tokens = [] if local else _tokens(snapshot)
    # What a run that is killed leaves: nothing to finish, but an old doubt stays.
    intent = Intent.of(snapshot, refresh_unknown=recovered.in_doubt,
                       refresh_refused=recovered.is_refused,
                       answer_lost=recovered is RecoveryResult.LOST)
    if recovered.in_doubt:
        intent = redeem.with_doubt(held, intent)
    held.reserve(intent.encode(), len(snapshot.document.data), with_answer=False)

    def revoke_and_empty() -> None:
        _revoke(trakt, tokens)
        _save(run, held, snapshot)

    if recovered is RecoveryResult.UNKNOWN:
        run.warn("an earlier run was killed before it had Trakt's answer, so that other tokens may "
                 f"still be valid: remove the app at {CONNECTED_APPS}")
    ask_shielded(run, revoke_and_empty, "the config is emptied too", TraktConfigError)
    if local:
        return LoggedOut.LOCAL
    if tokens and not snapshot.settings.refresh_token:
        return LoggedOut.ACCESS_TOKEN_REVOKED
    return LoggedOut.REVOKED if tokens else LoggedOut.EMPTIED


def _tokens(snapshot: Snapshot) -> list[Secret]:
    """The refresh token first: it lives on when the access token has ended."""
    return [token for token in (snapshot.settings.refresh_token, snapshot.settings.access_token)
            if token]


def _revoke(trakt: TraktClient, tokens: Sequence[Secret]) -> None:
    """Revoke one after the other; when the second fails, say that the first is gone."""
    so_far = "The config is as it was."
    for token in tokens:
        try:
            trakt.revoke(token, budget=BUDGET / 2)
        except (ClientRejected, LoginRequired) as error:
            raise ClientRejected(f"Trakt did not revoke the tokens: {error.message}",
                                 hint=f"{so_far} Remove the app at {CONNECTED_APPS}, "
                                      f"then run: {command('logout --local')}") from None
        except (TraktUnavailable, AccountProblem) as error:
            error.hint = (f"{so_far} Try again later; or only empty it, with: "
                          f"{command('logout --local')}")
            raise
        so_far = ("The refresh token is revoked already, the access token is not; the config is as "
                  "it was.")


def _save(run: Run, held: storage.Held, snapshot: Snapshot) -> None:
    """Empty the values in the config as it is by now, if they are still those."""
    try:
        save.as_it_is_now(lambda: _empty(run, held, snapshot))
        held.discard_journals()
    except (ConfigError, OSError) as error:
        problem = error.message if isinstance(error, ConfigError) else os_reason(error)
        raise SaveError(f"the tokens could not be removed from the config: {problem}",
                        hint=f"Fix this and run again: {command('logout')}") from None


def _empty(run: Run, held: storage.Held, snapshot: Snapshot) -> None:
    now = run.read(snapshot, held)
    if _tokens(now) not in (_tokens(snapshot), []):
        raise SaveError("the tokens in the config were changed meanwhile",
                        hint="Those stay. Run again, to end them as well.")
    emptied = document.clear_authorization(now.document)
    if emptied is not now.document:
        held.replace(now.document.data, emptied.data)
