"""Finish what a killed run left in the journal, by what the config holds now."""
from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from contextlib import contextmanager

from trakt_config import document, storage
from trakt_config.authorization import save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.errors import ConfigError, SaveError, pass_on_hosts
from trakt_config.startup import fields_of, replace
from trakt_config.storage import JournalContent
from trakt_config.tokens import Authorization, Secret, UnusableAnswer, fingerprint


class RecoveryResult(enum.Enum):
    """What the left-over means for the run that found it."""

    NOTHING = "nothing"    #: go on as if there had been none
    FINISHED = "finished"  #: Trakt's answer is in the config now
    PARTIAL = "partial"    #: the answer had only a refresh token, which is in the config now
    UNKNOWN = "unknown"    #: the config's refresh token may be spent; the journal still says so
    REFUSED = "refused"    #: Trakt has refused the config's refresh token; the journal says so
    LOST = "lost"          #: the same, after an answer that was lost
    NEWER = "newer"        #: a newer version of this package wrote it; it stays as it is

    @property
    def in_doubt(self) -> bool:
        """Whether the config's refresh token may be spent; it is sent only where it has to be."""
        return self.is_refused or self is RecoveryResult.UNKNOWN

    @property
    def is_refused(self) -> bool:
        """Whether Trakt has refused the config's refresh token."""
        return self in (RecoveryResult.REFUSED, RecoveryResult.LOST)


def locked_snapshot(run: Run, held: storage.Held,
                    first: Snapshot | None) -> tuple[Snapshot, RecoveryResult]:
    """The config as it is under the lock, once what a killed run left is finished.

    :param first: the config as it was read without a lock, if it could be.
    :raises ConfigError: it cannot be used.
    :raises SaveError: Trakt's answer to an earlier run cannot be put into it now.
    """
    if held.second is None:
        return _finished(run, held, first)
    left = held.recover()  # An overwrite that it tells of is finished before the config is read.
    try:
        snapshot, recovered = _finished(run, held.second, first)
    except ConfigError as error:
        refuse_to_lose(held, left, save.problem_of(error))
        raise
    if recovered is RecoveryResult.NEWER:
        return snapshot, recovered
    snapshot, last = _finished(run, held, first and snapshot)
    if last is RecoveryResult.NOTHING:
        return snapshot, recovered
    if last is RecoveryResult.FINISHED and recovered.in_doubt:
        _finished(run, held.second, snapshot)  # What it doubts has been replaced.
    return snapshot, last


def recovered_snapshot(run: Run, held: storage.Held,
                       first: Snapshot | None) -> tuple[Snapshot, RecoveryResult]:
    """:func:`locked_snapshot`, where nothing can be done before a newer version has finished.

    :raises SaveError: it has left a journal; and as :func:`locked_snapshot`.
    """
    snapshot, recovered = locked_snapshot(run, held, first)
    if recovered is RecoveryResult.NEWER:
        raise newer_journal()
    return snapshot, recovered


def _finished(run: Run, held: storage.Held,
              known: Snapshot | None) -> tuple[Snapshot, RecoveryResult]:
    """The config, once what one journal holds is finished."""
    found = held.recover()
    try:
        snapshot = run.read(known, held)
    except ConfigError as error:
        refuse_to_lose(held, found, save.problem_of(error))
        raise
    recovered = finish(run, held, found, snapshot)
    if recovered is RecoveryResult.NOTHING and known is None and brings_tokens(found, snapshot):
        recovered = RecoveryResult.FINISHED
    if recovered.in_doubt or recovered in (RecoveryResult.FINISHED, RecoveryResult.PARTIAL):
        snapshot = run.read(snapshot, held)
    return snapshot, recovered


def finish(run: Run, held: storage.Held, found: JournalContent | None,
           snapshot: Snapshot) -> RecoveryResult:
    """Do what the left-over calls for.

    :param snapshot: the config under the lock.
    :raises SaveError: the answer cannot be put into the config now; the journal keeps it.
    """
    if found is None:
        return RecoveryResult.NOTHING
    intent = Intent.decode(found)
    if intent is None:
        return RecoveryResult.NEWER
    authorization = answer_in(found, intent.sent(snapshot.settings.refresh_token))
    if authorization is None:
        authorization = half_written(run, found, intent, snapshot)
        if authorization is not None:
            _record(run, held, authorization)
    if authorization is not None:
        of_config = of_half(found, intent, snapshot, authorization)
        if of_config != intent:
            _remember_half(held, found, of_config, authorization)
        recovered = _save(run, held, of_config, snapshot, authorization)
        if stays_in_doubt(found, intent, authorization, run.read(snapshot, held)):
            held.keep_journal()
            return doubt_of(intent)
        return recovered
    if intent.doubts(snapshot.settings.refresh_token):
        return doubt_of(intent)
    # A code dies by itself, and a refresh token that was replaced meanwhile does not matter.
    held.discard_journal()
    return RecoveryResult.NOTHING


def brings_tokens(found: JournalContent | None, snapshot: Snapshot) -> bool:
    """Whether the config was half of an overwrite with other tokens: of one that could not be read,
    nobody knows what it had.

    :param snapshot: the config, with that finished.
    """
    if found is None or found.before is None or found.content != snapshot.document.data:
        return False
    return document.parse(found.before).token("access_token") != snapshot.access_token


def doubt_of(intent: Intent) -> RecoveryResult:
    """What is known of a refresh token that may be spent."""
    if not intent.refresh_refused:
        return RecoveryResult.UNKNOWN
    return RecoveryResult.LOST if intent.answer_lost else RecoveryResult.REFUSED


def answer_in(found: JournalContent | None, sent: Secret | None = None) -> Authorization | None:
    """What is usable of the answer in a journal: tokens, or a refresh token alone.

    :param sent: the refresh token that the request sent, which stays where the answer has none.
    """
    if found is None or found.answer is None:
        return None
    try:
        return Authorization.from_response(found.answer, received_at=found.answered_at,
                                           refresh_token=sent)
    except UnusableAnswer as unusable:
        return unusable.rest


def half_written(run: Run, found: JournalContent, intent: Intent,
                 snapshot: Snapshot) -> Authorization | None:
    """The tokens of which an overwrite left halves, in a file that somebody edited before it was
    finished; None where there are none.

    There was no answer: a pin was to be cleared.
    """
    before, content = found.before, found.content
    if before is None or content is None or snapshot.document.data == content:
        return None
    try:
        authorization = run.snapshot(document.parse(content)).settings.authorization
    except ConfigError:
        return None
    if authorization is None:
        return None
    for key in ("access_token", "refresh_token"):
        value, new = snapshot.document.token(key), authorization.values()[key]
        if value and new and value != Secret(new) and storage.is_half_new(
                value.reveal().encode(), snapshot.document.data, new.encode(), before, content):
            return authorization
    return None


def stays_in_doubt(found: JournalContent, intent: Intent, answer: Authorization,
                   snapshot: Snapshot) -> bool:
    """Whether what was put together again (:func:`half_written`) is in doubt as it was before.

    :param snapshot: the config, with that in it.
    """
    given = answer_in(found) or answer
    return bool(given.refresh_token) and intent.doubts(Secret(given.refresh_token)) \
        and intent.doubts(snapshot.settings.refresh_token)


def _record(run: Run, held: storage.Held, authorization: Authorization) -> None:
    """Keep it as if it were Trakt's answer: it is put in as one.

    :raises SaveError: that cannot be done; the journal keeps what it has.
    """
    with _keeping(held, authorization):
        held.record(json.dumps(fields_of(authorization)).encode("ascii"), run.options.now())


@contextmanager
def _keeping(held: storage.Held, authorization: Authorization) -> Iterator[None]:
    """Where the journal fails in here, these tokens are still in it, and not in the config."""
    try:
        yield
    except OSError as error:
        pass_on_hosts(error)
        raise save.unsaved(held.journal_path, save.problem_of(error), authorization,
                           in_journal=True) from None


def of_half(found: JournalContent, intent: Intent, snapshot: Snapshot,
            answer: Authorization) -> Intent:
    """The intent, where the config's refresh token is half of the new one and half of the old.

    An overwrite was cut short, and somebody edited the file before that was finished. Such a token
    is nobody's: the answer replaces it, as it would have replaced the old one.
    """
    current, new = snapshot.settings.refresh_token, answer.refresh_token
    digest = fingerprint(current)
    if current is None or digest is None or current == Secret(new):
        return intent
    is_half = found.half == digest.encode("ascii") or (
        found.before is not None and found.content is not None and storage.is_half_new(
            current.reveal().encode(), snapshot.document.data, new.encode(), found.before,
            found.content))
    return replace(intent, refresh_token=digest) if is_half else intent


def _remember_half(held: storage.Held, found: JournalContent, intent: Intent,
                   answer: Authorization) -> None:
    """Before the answer is put in: should that be cut short as well, the next run has to know.

    :raises SaveError: it cannot be noted; the journal keeps what says so now.
    """
    digest = intent.refresh_token or ""
    if found.half == digest.encode("ascii"):
        return
    with _keeping(held, answer):
        held.remember_half(digest)


def refuse_to_lose(held: storage.Held, found: JournalContent | None, problem: str, *,
                   half: bool = False) -> None:
    """Raise, where the config cannot take an answer that the journal holds for it.

    :param half: a refresh token alone is one, too.
    :raises SaveError: there is one.
    """
    answer = answer_in(found)
    if answer is None or answer.is_refresh_token_alone and not half:
        return
    raise save.unsaved(held.journal_path, problem,
                       None if answer.is_refresh_token_alone else answer, in_journal=True)


def _save(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
          authorization: Authorization) -> RecoveryResult:
    try:
        was_missing = save.save(run, held, intent, snapshot, authorization, in_journal=True)
    except save.TokensReplaced:
        run.warn("an earlier run was killed before it saved Trakt's answer, and the config has "
                 "other tokens by now: those stay")
        return RecoveryResult.NOTHING
    if authorization.is_refresh_token_alone:
        return RecoveryResult.PARTIAL
    return RecoveryResult.FINISHED if was_missing else RecoveryResult.NOTHING


def refuse_newer(found: JournalContent | None) -> None:
    """Raise, where another version wrote the journal: its file, or the note in it."""
    if found is not None and Intent.decode(found) is None:
        raise newer_journal()


def newer_journal() -> SaveError:
    """The error for a journal that this version must not touch."""
    return SaveError("a newer version of trakt_config has left an unfinished journal here",
                     hint="Nothing was sent to Trakt. Upgrade this trakt_config and run again.")
