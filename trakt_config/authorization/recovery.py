"""Finish what a killed run left in the journal, by what the config holds now."""
from __future__ import annotations

import enum

from trakt_config import document, storage
from trakt_config.authorization import redeem
from trakt_config.authorization.redeem import Note
from trakt_config.authorization.run import Job, View
from trakt_config.errors import SaveError, os_reason
from trakt_config.storage import LeftOver
from trakt_config.tokens import Authorization, Secret, UnusableAnswer


class Finding(enum.Enum):
    """What the left-over means for the run that found it."""

    NOTHING = "nothing"    #: go on as if there had been none
    FINISHED = "finished"  #: Trakt's answer is in the config now
    PARTIAL = "partial"    #: the answer had only a refresh token, which is in the config now
    UNKNOWN = "unknown"    #: the config's refresh token may be spent; the journal still says so
    NEWER = "newer"        #: a newer version of this package wrote it; it stays as it is


def finish(job: Job, held: storage.Held, found: LeftOver | None, view: View) -> Finding:
    """Do what the left-over calls for.

    :param view: the config under the lock.
    :raises SaveError: the answer cannot be put into the config now; the journal keeps it.
    """
    if found is None:
        return Finding.NOTHING
    note = Note.decode(found.note)
    if found.newer or note is None:
        return Finding.NEWER
    if found.answer is None:
        return _without_answer(held, note, view)
    try:
        authorization = _authorization(found, note, view)
    except UnusableAnswer as unusable:
        if unusable.refresh_token is None:
            return _without_answer(held, note, view)
        return _save_refresh_token(job, held, note, view, unusable.refresh_token)
    return _save(job, held, note, view, authorization)


def refuse_to_lose(held: storage.Held, found: LeftOver | None, problem: str) -> None:
    """Raise, where the config is broken and the journal holds an answer for it.

    :raises SaveError: there is one.
    """
    if found is None or found.answer is None:
        return
    try:
        authorization = Authorization.from_response(found.answer, received_at=found.answered_at)
    except UnusableAnswer:
        return
    raise redeem.unsaved(held, problem, authorization, in_journal=True)


def _authorization(found: LeftOver, note: Note, view: View) -> Authorization:
    current = view.settings.refresh_token
    spent = current if current and current.fingerprint() == note.refresh_token else None
    return Authorization.from_response(found.answer or b"", received_at=found.answered_at,
                                       refresh_token=spent)


def _without_answer(held: storage.Held, note: Note, view: View) -> Finding:
    """A code dies by itself, and a refresh token that was replaced meanwhile does not matter."""
    current = view.settings.refresh_token
    spent = current is not None and current.fingerprint() == note.refresh_token
    if note.pin or not spent or not note.spends_refresh_token:
        held.forget()
        return Finding.NOTHING
    return Finding.UNKNOWN


def _save(job: Job, held: storage.Held, note: Note, view: View,
          authorization: Authorization) -> Finding:
    if _is_there(view, authorization):
        held.forget()
        return Finding.NOTHING
    try:
        redeem.save(job, held, note, view, authorization, in_journal=True)
        return Finding.FINISHED
    except redeem.TheirsWins:
        return _theirs_wins(job, held)


def _is_there(view: View, authorization: Authorization) -> bool:
    """Whether the config holds both of its tokens."""
    there, tokens = view.document.authorization, authorization.values()
    return all(key in there and there[key].text == tokens[key]
               for key in ("access_token", "refresh_token"))


def _save_refresh_token(job: Job, held: storage.Held, note: Note, view: View,
                        refresh_token: Secret) -> Finding:
    """Bring the one thing of worth into the config; the access token there has no successor."""
    current = view.settings.refresh_token
    if (current and current != refresh_token
            and current.fingerprint() != note.refresh_token):
        return _theirs_wins(job, held)
    edited = document.set_authorization(view.document, {"refresh_token": refresh_token.reveal()})
    try:
        held.replace(view.document.data, edited.data)
        held.forget()
        return Finding.PARTIAL
    except storage.Changed:
        problem = "it is being changed"
    except OSError as error:
        problem = os_reason(error)
    raise SaveError(f"the config could not be saved: {problem}",
                    hint=f"The new refresh token is safe in {held.journal_path}: "
                         "mend this and run again.")


def _theirs_wins(job: Job, held: storage.Held) -> Finding:
    job.warn("an earlier run was killed before it saved Trakt's answer, and the config has other "
             "tokens by now: those stay")
    held.forget()
    return Finding.NOTHING
