"""Splice what Trakt gave into the config as it is by now, and replace the file.

The last steps of the save protocol (:mod:`trakt_config.authorization.redeem`), for an answer that
has just come and for one that a killed run left in the journal.
"""
from __future__ import annotations

import shlex  # noqa: F401  For the errors. Now: once Trakt has answered, nothing may fail.
from typing import Callable, TypeVar

from trakt_config import document, storage
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.errors import ConfigError, SaveError, command, os_reason, pass_on_hosts
from trakt_config.tokens import Authorization

T = TypeVar("T")

#: How often a config that somebody else keeps changing is read again before that is an error.
MERGES = 10


class TokensReplaced(Exception):
    """The config holds another refresh token by now; it was left as it is."""


def save(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
         authorization: Authorization, *, in_journal: bool) -> bool:
    """Splice the authorization into the config as it is now, whatever was edited meanwhile, and
    clear the pin that was spent for it.

    :param authorization: all of it, or a refresh token alone: then the rest stays as it is, and
        the config can be refreshed.
    :returns: whether anything of it was missing there.
    :raises TokensReplaced: it holds a refresh token that is neither the spent one nor the new one.
    :raises SaveError: it cannot be written; the journal stays where it has the answer.
    """
    try:
        was_missing = as_it_is_now(
            lambda: _splice(run, held, intent, snapshot, authorization))
    except TokensReplaced:
        held.discard_journal()
        raise
    except (ConfigError, OSError) as error:
        pass_on_hosts(error)
        raise unsaved(held.journal_path, problem_of(error), authorization, in_journal) from None
    held.discard_journal()
    run.explain("Trakt's answer is saved")
    return was_missing


def _splice(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
            authorization: Authorization) -> bool:
    now = run.read(snapshot, held)
    if intent.is_outdated(now.settings.refresh_token, authorization.refresh_token):
        raise TokensReplaced
    edited = document.set_authorization(now.document, authorization.values(),
                                        clear_pin=intent.spends_pin(now.settings.pin))
    if edited.data == now.document.data:
        return False
    held.replace(now.document.data, edited.data)
    return True


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

    :raises SaveError: the config is half overwritten.
    """
    try:
        edited = document.set_authorization(snapshot.document, {}, clear_pin=True)
        held.replace(snapshot.document.data, edited.data)
    except storage.Changed:
        run.warn("the pin could not be cleared: the config is being changed")
    except (ConfigError, OSError) as error:
        pass_on_hosts(error)
        if held.is_half_written:
            raise SaveError(f"the pin could not be cleared: {problem_of(error)}",
                            hint="The config is half written. All of it is safe in "
                                 f"{held.journal_path}: fix this and run again, and it is "
                                 "finished.") from None
        run.warn(f"the pin could not be cleared: {problem_of(error)}")


def unsaved(journal: str, problem: str, authorization: Authorization | None,
            in_journal: bool) -> SaveError:
    """The error for an answer that is not in the config."""
    if in_journal:
        hint = (f"The new tokens are safe in {journal}: fix this and run again, "
                "and they are put in.")
    else:
        hint = (f"They could not be kept safely in {journal} either: fix this and run "
                f"again; if they are gone, sign in: {command('login')}")
    return SaveError(f"Trakt gave new tokens, but the config could not be saved: {problem}",
                     hint=hint, authorization=authorization)


def problem_of(error: ConfigError | OSError) -> str:
    """What is wrong, and in which line of the config where that is known."""
    if isinstance(error, OSError):
        return os_reason(error)
    return f"{error.message} (line {error.line})" if error.line else error.message
