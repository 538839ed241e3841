"""What a run will find once it has the lock, as far as can be told without it.

Nothing here sends, locks or writes.
"""
from __future__ import annotations

from trakt_config import document, storage
from trakt_config.authorization import recovery, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.errors import ConfigError, SaveError
from trakt_config.storage import JournalContent
from trakt_config.tokens import Authorization


def before_and_under_lock(run: Run, left: JournalContent | None, obstacle: SaveError | None,
                          ) -> tuple[Snapshot | None, Snapshot]:
    """The config as a run reads it first, or None where it is broken; and as it will find it once
    it has the lock: where it is half of an overwrite in place, the whole of it.

    :raises ConfigError: it cannot be used.
    :raises SaveError: it cannot be used, and Trakt's answer to an earlier run waits for it.
    """
    first: Snapshot | None = None
    try:
        first = run.read()
    except ConfigError:
        if obstacle is not None or left is None:
            raise
    if first is not None and obstacle is not None:
        return first, first
    try:
        return first, _as_finished(run, left, first)
    except ConfigError as error:
        answer = recovery.answer_in(left)
        if answer is None or answer.is_refresh_token_alone:
            raise
        raise _unsaved_answer(error) from None


def _as_finished(run: Run, left: JournalContent | None, first: Snapshot | None) -> Snapshot:
    if left is not None and left.before is not None and left.content is not None:
        data = storage.read(run.path)
        if data != left.content and storage.is_torn(data, left.before, left.content):
            return run.snapshot(document.parse(left.content))
    return first or run.read()


def recovered_by(run: Run, snapshot: Snapshot,
                 left: JournalContent | None) -> tuple[Snapshot, RecoveryResult]:
    """What :func:`trakt_config.authorization.recovery.finish` will make of the journal."""
    if left is None:
        return snapshot, RecoveryResult.NOTHING
    intent = Intent.decode(left)
    if intent is None:
        return snapshot, RecoveryResult.NEWER
    current = snapshot.settings.refresh_token
    answer = recovery.answer_in(left, intent.sent(current)) \
        or recovery.half_written(run, left, intent, snapshot)
    if answer is None:
        in_doubt = intent.doubts(current)
        return snapshot, recovery.doubt_of(intent) if in_doubt else RecoveryResult.NOTHING
    noted, intent = intent, recovery.of_half(left, intent, snapshot, answer)
    if intent.is_outdated(current, answer.refresh_token):
        return snapshot, RecoveryResult.NOTHING
    with_answer = _with_answer(run, snapshot, answer, intent)
    if answer.is_refresh_token_alone:
        return with_answer, RecoveryResult.PARTIAL
    if recovery.stays_in_doubt(left, noted, answer, with_answer):
        return with_answer, recovery.doubt_of(noted)
    is_there = with_answer.document.data == snapshot.document.data
    return with_answer, RecoveryResult.NOTHING if is_there else RecoveryResult.FINISHED


def _with_answer(run: Run, snapshot: Snapshot, answer: Authorization,
                 intent: Intent) -> Snapshot:
    """The config with what the journal holds, and without the pin that was spent for it."""
    try:
        return run.snapshot(document.set_authorization(
            snapshot.document, answer.values(),
            clear_pin=intent.spends_pin(snapshot.settings.pin)))
    except ConfigError as error:
        raise _unsaved_answer(error) from None


def _unsaved_answer(error: ConfigError) -> SaveError:
    return save.unsaved("the journal", save.problem_of(error), None, in_journal=True)
