"""Splice what Trakt gave into the config as it is by now, and replace the file.

The last steps of the save protocol (:mod:`trakt_config.authorization.redeem`), for an answer that
has just come and for one that a killed run left in the journal.
"""
from __future__ import annotations

from typing import Callable, TypeVar

from trakt_config import document, storage
from trakt_config.authorization.intent import Intent, fingerprint
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.errors import ConfigError, SaveError, command, os_reason
from trakt_config.tokens import Authorization, Secret

T = TypeVar("T")

#: How often a config that somebody else keeps changing is read again before that is an error.
MERGES = 10


class TokensReplaced(Exception):
    """The config holds another refresh token by now; it was left as it is."""


def save(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
         authorization: Authorization, *, in_journal: bool) -> bool:
    """Splice the authorization into the config as it is now, whatever was edited meanwhile.

    :returns: whether anything of it was missing there.
    :raises TokensReplaced: it holds a refresh token that is neither the spent one nor the new one.
    :raises SaveError: it cannot be written; the journal stays where it has the answer.
    """
    try:
        was_missing = as_it_is_now(
            lambda: _splice(run, held, intent, snapshot, authorization))
        held.discard_journal()
        run.explain("Trakt's answer is saved")
        return was_missing
    except TokensReplaced:
        held.discard_journal()
        raise
    except (ConfigError, OSError) as error:
        problem = problem_of(error)
    raise unsaved(held, problem, authorization, in_journal)


def save_refresh_token(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
                       refresh_token: Secret, *, in_journal: bool = True) -> None:
    """Bring the one thing of worth in an answer into the config: there, it can be refreshed.

    A pin that was spent for it is cleared. The access token stays: it has no successor.

    :raises TokensReplaced: as :func:`save`.
    :raises SaveError: as :func:`save`.
    """
    def splice() -> None:
        now = run.read(snapshot)
        _refuse_to_replace(now, intent, refresh_token)
        edited = document.set_authorization(now.document,
                                            {"refresh_token": refresh_token.reveal()},
                                            clear_pin=_holds_spent_pin(now, intent))
        if edited.data != now.document.data:
            held.replace(now.document.data, edited.data)

    try:
        as_it_is_now(splice)
        held.discard_journal()
        return
    except TokensReplaced:
        held.discard_journal()
        raise
    except (ConfigError, OSError) as error:
        problem = problem_of(error)
    raise unsaved(held, problem, Authorization("", "bearer", 0, refresh_token.reveal(), "public",
                                               int(run.options.clock())), in_journal)


def as_it_is_now(edit: Callable[[], T]) -> T:
    """Do an edit of the config, and do it again when somebody has changed the config meanwhile.

    :raises ConfigError: somebody does so all the time.
    """
    for _ in range(MERGES):
        try:
            return edit()
        except storage.Changed:
            pass
    raise ConfigError("the config is being changed all the time",
                      hint="Close it in other programs, and run this again.")


def clear_pin(run: Run, held: storage.Held, snapshot: Snapshot) -> None:
    """Clear a pin that Trakt refused.

    Nothing is lost if that does not work: the pin is refused again by the next run.
    """
    try:
        edited = document.set_authorization(snapshot.document, {}, clear_pin=True)
        held.replace(snapshot.document.data, edited.data)
    except storage.Changed:
        run.warn("the pin could not be cleared: the config is being changed")
    except (ConfigError, OSError) as error:
        run.warn(f"the pin could not be cleared: {problem_of(error)}")


def unsaved(held: storage.Held, problem: str, authorization: Authorization,
            in_journal: bool) -> SaveError:
    """The error for an answer that is not in the config."""
    if in_journal:
        hint = (f"The new tokens are safe in {held.journal_path}: fix this and run again, "
                "and they are put in.")
    else:
        hint = (f"They could not be kept safely in {held.journal_path} either: fix this and run "
                f"again; if they are gone, sign in: {command('login')}")
    return SaveError(f"Trakt gave new tokens, but the config could not be saved: {problem}",
                     hint=hint, authorization=authorization)


def _splice(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
            authorization: Authorization) -> bool:
    now = run.read(snapshot)
    _refuse_to_replace(now, intent, Secret(authorization.refresh_token))
    edited = document.set_authorization(now.document, authorization.values(),
                                        clear_pin=_holds_spent_pin(now, intent))
    if edited.data == now.document.data:
        return False
    held.replace(now.document.data, edited.data)
    return True


def _refuse_to_replace(now: Snapshot, intent: Intent, refresh_token: Secret) -> None:
    theirs = fingerprint(now.settings.refresh_token)
    if theirs not in (None, intent.refresh_token, refresh_token.fingerprint()):
        raise TokensReplaced


def _holds_spent_pin(now: Snapshot, intent: Intent) -> bool:
    return intent.pin is not None and fingerprint(now.settings.pin) == intent.pin


def problem_of(error: ConfigError | OSError) -> str:
    """What is wrong, and in which line of the config where that is known."""
    if isinstance(error, OSError):
        return os_reason(error)
    return f"{error.message} (line {error.line})" if error.line else error.message
