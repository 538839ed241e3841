"""What the next `authorize` will do, as far as that is known without asking Trakt.

Nothing here sends, locks or writes. The journal is read too: what an earlier run left in it decides
what the next one does before it does anything else (:mod:`trakt_config.authorization.recovery`).
"""
from __future__ import annotations

import enum
import time
from contextlib import suppress

from trakt_config import document, oauth, storage
from trakt_config.authorization import (
    advice,
    left_over,
    policy,
    recovery,
    redeem,
    refusal,
    under_lock,
)
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.run import ConfigPath, Options, Run, Snapshot, reports_errors
from trakt_config.errors import SIGN_IN, ConfigError, LoginRequired, SaveError, TraktConfigError
from trakt_config.startup import Record
from trakt_config.storage import JournalContent

BEFORE_MIGRATION = ("the refresh token was issued before Trakt's move of July 2026, and such "
                    "tokens cannot be refreshed")


class Step(enum.Enum):
    """What `authorize` would do, in words."""

    NOTHING = "would do nothing: the authorization is fresh"
    EXCHANGE = "would exchange the pin for an authorization, if Trakt takes it, and clear it"
    REFRESH = "would refresh the authorization, if Trakt still takes the refresh token"
    REFRESH_OR_KEEP = ("would refresh the authorization; the old one would be kept if that "
                       "failed")
    REFRESH_IN_DOUBT = ("would try the refresh token once more: an earlier refresh was cut short, "
                        "and whether Trakt did it is not known")
    ADOPT = "would put in the tokens that an earlier run got from Trakt and did not save"
    KEEP = "would keep the authorization: there is no refresh token to refresh it with"
    KEEP_IN_DOUBT = ("would keep the authorization: an earlier refresh was cut short, and whether "
                     "Trakt did it is not known")
    KEEP_REFUSED = ("would keep the authorization: Trakt refused the refresh token when it was "
                    "last tried")
    KEEP_UNSAVED = "would keep the authorization: a new one could not be saved"

    @property
    def leaves_tokens(self) -> bool:
        """Whether the config keeps the tokens that it has."""
        return self in (Step.NOTHING, Step.KEEP, Step.KEEP_IN_DOUBT, Step.KEEP_REFUSED,
                        Step.KEEP_UNSAVED)

    @property
    def asks_trakt(self) -> bool:
        return self in (Step.EXCHANGE, Step.REFRESH, Step.REFRESH_OR_KEEP, Step.REFRESH_IN_DOUBT)


class Outlook(Record):
    """The next run.

    :ivar snapshot: the config as that run will find it, an overwrite that was cut short finished.
    :ivar step: what it will do, or None where it will fail, with `failure`.
    :ivar left_over: what is to be said of the journal that is there; empty where there is none,
        or where it is the `obstacle`.
    :ivar obstacle: why it could not save anything; empty where nothing is known.
    :ivar is_refused: whether Trakt has refused the refresh token that is there.
    """

    snapshot: Snapshot
    step: Step | None
    failure: TraktConfigError | None
    left_over: str
    obstacle: str
    is_refused: bool


class Plan(Record):
    """What would be done, and the masked difference that it would make to the file.

    :ivar leaves_tokens: whether the tokens stay those that are there.
    """

    intention: str
    diff: str
    left_over: str
    obstacle: str
    leaves_tokens: bool


@reports_errors
def plan(config_path: ConfigPath, options: Options) -> Plan:
    """What a run with these options would do.

    :raises ConfigError: the file or a setting has to be edited.
    :raises LoginRequired: there is nothing to exchange or to refresh.
    :raises SaveError: what is due could not be saved.
    """
    run = Run.on(config_path, options)
    found = foresee(run)
    run.warn_of_settings(found.snapshot)
    if found.step is None:
        raise found.failure or AssertionError
    return Plan(found.step.value, _diff(found) if found.step.asks_trakt else "",
                found.left_over, found.obstacle, found.step.leaves_tokens)


def foresee(run: Run) -> Outlook:
    """What the next run will do.

    :raises ConfigError: the file or a setting has to be edited.
    """
    environ = run.options.environ
    has_left_over = storage.journal_exists(run.path, environ)
    left = storage.peek_journal(run.path, environ) if has_left_over else None
    obstacle = storage.obstacle(run.path, environ)
    first, snapshot = under_lock.before_and_under_lock(run, left, obstacle)
    step: Step | None = None
    failure: TraktConfigError | None = None
    try:
        step = _next_step(run, first, snapshot, left, has_left_over, obstacle)
    except (LoginRequired, SaveError) as error:
        if isinstance(error, LoginRequired):
            advice.correct_first(error, snapshot)
        error.path = run.name
        failure = error
    is_refused = left_over.is_refused(snapshot, left)
    said = left_over.sentence(run, snapshot, left) if has_left_over and obstacle is None else ""
    problem = obstacle
    if problem is None:
        with suppress(ConfigError):  # These bytes may not take new tokens at all.
            problem = _lack_of_room(run, snapshot)
    return Outlook(snapshot, step, failure, said, problem.message if problem else "",
                   is_refused)


def _next_step(run: Run, first: Snapshot | None, snapshot: Snapshot, left: JournalContent | None,
               has_left_over: bool, obstacle: SaveError | None) -> Step:
    """The order is that of a run: see :mod:`trakt_config.authorization.policy`."""
    if snapshot.is_fresh and not has_left_over:
        return Step.NOTHING
    if obstacle is not None:
        if policy.may_be_torn(run, snapshot):
            raise obstacle
        return _unsaved(snapshot, obstacle)
    snapshot, recovered = under_lock.recovered_by(run, snapshot, left)
    if recovered is RecoveryResult.NOTHING and first is None \
            and recovery.brings_tokens(left, snapshot):
        recovered = RecoveryResult.FINISHED
    if recovered is RecoveryResult.NEWER:
        return _left_to_newer(snapshot)
    if snapshot.settings.pin:
        return _exchange(run, snapshot, recovered)
    if policy.somebody_refreshed(run, first, snapshot, recovered):
        return Step.ADOPT
    if snapshot.is_fresh and recovered is not RecoveryResult.PARTIAL:
        return Step.NOTHING
    return _refresh(run, snapshot, recovered)


def _exchange(run: Run, snapshot: Snapshot, recovered: RecoveryResult) -> Step:
    """There is a pin."""
    try:
        _refuse_what_cannot_be_saved(run, snapshot)
    except SaveError as error:
        return _unsaved(snapshot, error)
    if refusal.recall(run).of_pin(snapshot.settings.pin):
        _refuse_without_pin(run, snapshot, recovered)
    return Step.EXCHANGE


def _refuse_what_cannot_be_saved(run: Run, snapshot: Snapshot) -> None:
    """What :func:`trakt_config.authorization.redeem.redeem` refuses before Trakt is asked.

    :raises ConfigError: an address of Trakt's, or these bytes, will not do.
    :raises SaveError: there is no room for an answer.
    """
    oauth.Endpoints.from_environ(run.options.environ)
    problem = _lack_of_room(run, snapshot)
    if problem is not None:
        raise problem


def _lack_of_room(run: Run, snapshot: Snapshot) -> SaveError | None:
    """:raises ConfigError: these bytes cannot be edited."""
    return storage.lack_of_room(run.path, run.options.environ, redeem.rehearse(snapshot))


def _refuse_without_pin(run: Run, snapshot: Snapshot, recovered: RecoveryResult) -> None:
    """A run tries the pin all the same, and Trakt says the same: see what else there is.

    :raises LoginRequired: nothing.
    """
    refused = LoginRequired(advice.PIN_REFUSED, reason="pin_refused", hint=SIGN_IN)
    if snapshot.can_be_kept:
        return
    if not snapshot.settings.refresh_token:
        raise refused
    try:
        _refresh(run, snapshot, recovered)
    except LoginRequired as also:
        raise advice.both_refused(refused, also) from None


def _refresh(run: Run, snapshot: Snapshot, recovered: RecoveryResult) -> Step:
    """The authorization is due."""
    if not snapshot.settings.refresh_token and recovered is not RecoveryResult.PARTIAL:
        if snapshot.can_be_kept:
            return Step.KEEP
        raise advice.no_authorization(snapshot)
    if snapshot.can_be_kept and recovered.in_doubt:
        return Step.KEEP_REFUSED if recovered.is_refused else Step.KEEP_IN_DOUBT
    try:
        if policy.others_doubt(run, snapshot) and snapshot.can_be_kept:
            return Step.KEEP_IN_DOUBT
        _refuse_what_cannot_be_saved(run, snapshot)
    except SaveError as error:
        return _unsaved(snapshot, error)
    if snapshot.can_be_kept:
        return Step.REFRESH_OR_KEEP
    if advice.is_before_migration(snapshot) and recovered is not RecoveryResult.PARTIAL:
        raise LoginRequired(BEFORE_MIGRATION, reason="refresh_token_refused", hint=SIGN_IN)
    if recovered.is_refused:  # A run tries all the same, and Trakt says the same.
        raise advice.refused_before(answer_lost=recovered is RecoveryResult.LOST)
    known = refusal.recall(run)
    if known.of_refresh_token(snapshot.settings.refresh_token):
        raise advice.refused_before(answer_lost=known.answer_lost)
    return Step.REFRESH_IN_DOUBT if recovered.in_doubt else Step.REFRESH


def _unsaved(snapshot: Snapshot, error: SaveError) -> Step:
    """Nothing can be saved: what is good enough is kept."""
    if snapshot.can_be_kept:
        return Step.KEEP_UNSAVED
    if not snapshot.settings.pin and not snapshot.settings.refresh_token:
        raise advice.no_authorization(snapshot)
    raise error


def _left_to_newer(snapshot: Snapshot) -> Step:
    """A journal stands there that this version must not touch."""
    if snapshot.is_fresh:
        return Step.NOTHING
    if snapshot.can_be_kept:
        return Step.KEEP_UNSAVED
    raise recovery.newer_journal()


def stand_in() -> dict[str, str]:
    """Values for those that are not known yet."""
    values = {key: "x" * 64 if "token" in key else "1" for key in redeem.STAND_IN}
    return {**values, "token_type": "bearer", "scope": "public",
            "created_at": str(int(time.time()))}


def _diff(found: Outlook) -> str:
    snapshot = found.snapshot
    edited = document.set_authorization(snapshot.document, stand_in(),
                                        clear_pin=snapshot.settings.pin is not None)
    return document.masked_diff(snapshot.document, edited, values_known=False)
