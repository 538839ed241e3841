"""What the next `authorize` will do, as far as that is known without asking Trakt.

Nothing here sends, locks or writes. The journal is read too: what an earlier run left in it decides
what the next one does before it does anything else (:mod:`trakt_config.authorization.recovery`).
"""
from __future__ import annotations

import enum
import time
from dataclasses import dataclass

from trakt_config import document, oauth, storage
from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.refresh import LOGIN, MIGRATION
from trakt_config.authorization.run import ConfigPath, Options, Run, Snapshot, reports_errors
from trakt_config.errors import ConfigError, LoginRequired, SaveError, TraktConfigError
from trakt_config.storage import Unfinished
from trakt_config.tokens import Authorization, Secret, UnusableAnswer

LEFT_OVER = ("an earlier run was cut short, or another one is running; "
             "what it left is finished first")

BEFORE_MIGRATION = ("the refresh token was issued before Trakt's move of July 2026, and such "
                    "tokens cannot be refreshed")


class Step(enum.Enum):
    """What `authorize` would do, in words."""

    NOTHING = "would do nothing: the authorization is fresh"
    EXCHANGE = "would exchange the pin for an authorization, and clear it"
    REFRESH = "would refresh the authorization"
    REFRESH_OR_KEEP = ("would refresh the authorization; the old one would be kept if that "
                       "failed")
    REFRESH_IN_DOUBT = ("would try the refresh token once more: an earlier refresh was cut short, "
                        "and whether Trakt did it is not known")
    ADOPT = "would put in the tokens that an earlier run got from Trakt and did not save"
    KEEP = "would keep the authorization: there is no refresh token to refresh it with"
    KEEP_IN_DOUBT = ("would keep the authorization: an earlier refresh was cut short, and whether "
                     "Trakt did it is not known")
    KEEP_UNSAVED = "would keep the authorization: a new one could not be saved"

    @property
    def asks_trakt(self) -> bool:
        return self in (Step.EXCHANGE, Step.REFRESH, Step.REFRESH_OR_KEEP, Step.REFRESH_IN_DOUBT)


@dataclass(frozen=True)
class Outlook:
    """The next run.

    :ivar snapshot: the config as that run will find it, an overwrite that was cut short finished.
    :ivar step: what it will do, or None where it will fail, with `failure`.
    :ivar has_left_over: whether there is a journal.
    :ivar obstacle: why it could not save anything; empty where nothing is known.
    """

    snapshot: Snapshot
    step: Step | None
    failure: TraktConfigError | None
    has_left_over: bool
    obstacle: str


@dataclass(frozen=True)
class Plan:
    """What would be done, and the masked difference that it would make to the file."""

    intention: str
    diff: str
    has_left_over: bool


@reports_errors
def plan(config_path: ConfigPath, options: Options) -> Plan:
    """What a run with these options would do.

    :raises ConfigError: the file or a setting has to be edited.
    :raises LoginRequired: there is nothing to exchange or to refresh.
    :raises SaveError: what is due could not be saved.
    """
    found = foresee(Run.on(config_path, options))
    if found.step is None:
        raise found.failure or AssertionError
    return Plan(found.step.value, _diff(found) if found.step.asks_trakt else "",
                found.has_left_over)


def foresee(run: Run) -> Outlook:
    """What the next run will do.

    :raises ConfigError: the file or a setting has to be edited.
    """
    environ = run.options.environ
    has_left_over = storage.exists(run.path, environ)
    left = storage.peek(run.path, environ) if has_left_over else None
    snapshot = _as_finished(run, left)
    obstacle = storage.obstacle(run.path, environ)
    step: Step | None = None
    failure: TraktConfigError | None = None
    try:
        step = _next_step(run, snapshot, left, has_left_over, obstacle)
        if step is Step.NOTHING and snapshot.document.data != storage.read(run.path):
            step = Step.ADOPT  # Half of an overwrite in place is finished.
        if step.asks_trakt:
            oauth.Endpoints.from_environ(environ)
    except (LoginRequired, SaveError) as error:
        error.path = run.name
        failure = error
    return Outlook(snapshot, step, failure, has_left_over, obstacle)


def _as_finished(run: Run, left: Unfinished | None) -> Snapshot:
    """The config; where it is half of an overwrite in place, the whole of it.

    :raises ConfigError: it cannot be used.
    """
    if left is not None and left.before is not None and left.content is not None:
        data = storage.read(run.path)
        if data != left.content and storage.is_torn(data, left.before, left.content):
            return run.snapshot(document.parse(left.content))
    return run.read()


def _next_step(run: Run, snapshot: Snapshot, left: Unfinished | None, has_left_over: bool,
               obstacle: str) -> Step:
    """The order is that of a run: see :mod:`trakt_config.authorization.refresh`.

    :raises LoginRequired, SaveError: it will fail.
    """
    if snapshot.is_fresh and not has_left_over:
        return Step.NOTHING
    if obstacle:
        return _unsaved(snapshot, SaveError(obstacle, hint=(
            "Let this user write to the config and its folder, with room on the disk.")))
    snapshot, recovered = _recovered(run, snapshot, left)
    if recovered is RecoveryResult.NEWER:
        if snapshot.is_fresh:
            return Step.NOTHING
        return _unsaved(snapshot, refresh.newer_journal())
    if snapshot.settings.pin:
        return Step.EXCHANGE
    if recovered is RecoveryResult.FINISHED and run.is_long_enough(snapshot):
        return Step.ADOPT
    if snapshot.is_fresh and recovered is not RecoveryResult.PARTIAL:
        return Step.NOTHING
    return _refresh(snapshot, recovered)


def _refresh(snapshot: Snapshot, recovered: RecoveryResult) -> Step:
    """The authorization is due."""
    in_doubt = recovered is RecoveryResult.UNKNOWN
    if snapshot.can_be_kept and in_doubt:
        return Step.KEEP_IN_DOUBT
    if not snapshot.settings.refresh_token and recovered is not RecoveryResult.PARTIAL:
        if snapshot.can_be_kept:
            return Step.KEEP
        raise refresh.no_authorization(snapshot)
    if snapshot.can_be_kept:
        return Step.REFRESH_OR_KEEP
    if is_before_migration(snapshot) and recovered is not RecoveryResult.PARTIAL:
        raise LoginRequired(BEFORE_MIGRATION, reason="refresh_token_refused", hint=LOGIN)
    return Step.REFRESH_IN_DOUBT if in_doubt else Step.REFRESH


def _unsaved(snapshot: Snapshot, error: SaveError) -> Step:
    """Nothing can be saved: what is good enough is kept.

    :raises LoginRequired, SaveError: it is not.
    """
    if snapshot.can_be_kept:
        return Step.KEEP_UNSAVED
    if not snapshot.settings.pin and not snapshot.settings.refresh_token:
        raise refresh.no_authorization(snapshot)
    raise error


def is_before_migration(snapshot: Snapshot) -> bool:
    """Whether Trakt refuses the refresh token, whatever else is right."""
    authorization = snapshot.settings.authorization
    return bool(authorization and authorization.created_at < MIGRATION
                and snapshot.settings.refresh_token)


def _recovered(run: Run, snapshot: Snapshot,
               left: Unfinished | None) -> tuple[Snapshot, RecoveryResult]:
    """What :func:`trakt_config.authorization.recovery.finish` will make of the journal."""
    if left is None:
        return snapshot, RecoveryResult.NOTHING
    intent = Intent.decode(left.note)
    if left.newer or intent is None:
        return snapshot, RecoveryResult.NEWER
    current = snapshot.settings.refresh_token
    is_spent = current is not None and current.fingerprint() == intent.refresh_token
    answer: Authorization | None = None
    alone: Secret | None = None
    if left.answer is not None:
        try:
            answer = Authorization.from_response(left.answer, received_at=left.answered_at,
                                                 refresh_token=current if is_spent else None)
        except UnusableAnswer as unusable:
            alone = unusable.refresh_token
    new = Secret(answer.refresh_token) if answer else alone
    if new is None:
        in_doubt = intent.doubts(current)
        return snapshot, RecoveryResult.UNKNOWN if in_doubt else RecoveryResult.NOTHING
    if current is not None and not is_spent and current != new:
        return snapshot, RecoveryResult.NOTHING  # It has other tokens by now: those stay.
    if answer is None:
        return snapshot, RecoveryResult.PARTIAL
    return _with_answer(run, snapshot, answer, intent)


def _with_answer(run: Run, snapshot: Snapshot, answer: Authorization,
                 intent: Intent) -> tuple[Snapshot, RecoveryResult]:
    """The config with the answer in it.

    :raises SaveError: it cannot be put into these bytes.
    """
    pin = snapshot.settings.pin
    try:
        edited = document.set_authorization(
            snapshot.document, answer.values(),
            clear_pin=pin is not None and pin.fingerprint() == intent.pin)
        is_there = edited.data == snapshot.document.data
        return run.snapshot(edited), \
            RecoveryResult.NOTHING if is_there else RecoveryResult.FINISHED
    except ConfigError as error:
        problem = error.message
    raise SaveError(f"Trakt gave new tokens, but the config cannot be saved: {problem}",
                    hint="The new tokens are safe in the journal: fix this and run authorize.")


def _diff(found: Outlook) -> str:
    snapshot = found.snapshot
    values = {key: "x" * 64 if "token" in key else "1" for key in redeem.STAND_IN}
    values.update(token_type="bearer", scope="public", created_at=str(int(time.time())))
    edited = document.set_authorization(snapshot.document, values,
                                        clear_pin=snapshot.settings.pin is not None)
    return document.masked_diff(snapshot.document, edited, values_known=False)
