"""Finish what a killed run left in the journal, by what the config holds now."""
from __future__ import annotations

import enum
from dataclasses import replace

from trakt_config import storage
from trakt_config.authorization import save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.storage import Unfinished
from trakt_config.tokens import Authorization, Secret, UnusableAnswer


class RecoveryResult(enum.Enum):
    """What the left-over means for the run that found it."""

    NOTHING = "nothing"    #: go on as if there had been none
    FINISHED = "finished"  #: Trakt's answer is in the config now
    PARTIAL = "partial"    #: the answer had only a refresh token, which is in the config now
    UNKNOWN = "unknown"    #: the config's refresh token may be spent; the journal still says so
    NEWER = "newer"        #: a newer version of this package wrote it; it stays as it is


def finish(run: Run, held: storage.Held, found: Unfinished | None,
           snapshot: Snapshot) -> RecoveryResult:
    """Do what the left-over calls for.

    :param snapshot: the config under the lock.
    :raises SaveError: the answer cannot be put into the config now; the journal keeps it.
    """
    if found is None:
        return RecoveryResult.NOTHING
    intent = Intent.decode(found.note)
    if found.newer or intent is None:
        return RecoveryResult.NEWER
    if found.answer is None:
        return _without_answer(held, intent, snapshot)
    try:
        authorization = _authorization(found, intent, snapshot)
    except UnusableAnswer as unusable:
        if unusable.refresh_token is None:
            return _without_answer(held, intent, snapshot)
        intent = of_half(found, intent, snapshot, unusable.refresh_token)
        return _save_refresh_token(run, held, intent, snapshot, unusable.refresh_token)
    intent = of_half(found, intent, snapshot, Secret(authorization.refresh_token))
    return _save(run, held, intent, snapshot, authorization)


def of_half(found: Unfinished, intent: Intent, snapshot: Snapshot, new: Secret) -> Intent:
    """The intent, where the config's refresh token is half of the new one and half of the old.

    An overwrite was cut short, and somebody edited the file before that was finished. Such a token
    is nobody's: the answer replaces it, as it would have replaced the old one.
    """
    current = snapshot.settings.refresh_token
    if current is None or found.before is None or found.content is None:
        return intent
    is_half = current != new and storage.is_half_new(
        current.reveal().encode(), snapshot.document.data, new.reveal().encode(),
        found.before, found.content)
    return replace(intent, refresh_token=current.fingerprint()) if is_half else intent


def refuse_to_lose(held: storage.Held, found: Unfinished | None, problem: str) -> None:
    """Raise, where the config is broken and the journal holds an answer for it.

    :raises SaveError: there is one.
    """
    if found is None or found.answer is None:
        return
    try:
        authorization = Authorization.from_response(found.answer, received_at=found.answered_at)
    except UnusableAnswer:
        return
    raise save.unsaved(held, problem, authorization, in_journal=True)


def _authorization(found: Unfinished, intent: Intent, snapshot: Snapshot) -> Authorization:
    current = snapshot.settings.refresh_token
    spent = current if current and current.fingerprint() == intent.refresh_token else None
    return Authorization.from_response(found.answer or b"", received_at=found.answered_at,
                                       refresh_token=spent)


def _without_answer(held: storage.Held, intent: Intent, snapshot: Snapshot) -> RecoveryResult:
    """A code dies by itself, and a refresh token that was replaced meanwhile does not matter."""
    if intent.doubts(snapshot.settings.refresh_token):
        return RecoveryResult.UNKNOWN
    held.discard_journal()
    return RecoveryResult.NOTHING


def _save(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
          authorization: Authorization) -> RecoveryResult:
    try:
        was_missing = save.save(run, held, intent, snapshot, authorization, in_journal=True)
        return RecoveryResult.FINISHED if was_missing else RecoveryResult.NOTHING
    except save.TokensReplaced:
        return _theirs_wins(run, held)


def _save_refresh_token(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
                        refresh_token: Secret) -> RecoveryResult:
    try:
        save.save_refresh_token(run, held, intent, snapshot, refresh_token)
        return RecoveryResult.PARTIAL
    except save.TokensReplaced:
        return _theirs_wins(run, held)


def _theirs_wins(run: Run, held: storage.Held) -> RecoveryResult:
    run.warn("an earlier run was killed before it saved Trakt's answer, and the config has other "
             "tokens by now: those stay")
    held.discard_journal()
    return RecoveryResult.NOTHING
