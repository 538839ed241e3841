"""The policy for a config that is not simply fresh: lock, decide, reserve, spend, save.

What is kept, what is an error, and what is spent when, is decided here and nowhere else.
"""
from __future__ import annotations

from trakt_config import oauth, storage
from trakt_config.authorization import advice, recovery, redeem, refusal, save
from trakt_config.authorization.freshness import LARGEST_LEAD, Freshness
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.recovery import RecoveryResult
from trakt_config.authorization.run import Outcome, Result, Run, Snapshot, in_units
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.tokens import Authorization


def renew(run: Run, first: Snapshot | None, broken: ConfigError | None) -> Result:
    """Do what the config calls for, with nobody else at work on it.

    :param first: the config as it was read without a lock, or None where it was `broken`.
    """
    held: storage.Held | None = None
    try:
        with run.hold() as held:
            return _with_lock(run, held, first)
    except (SaveError, LockTimeout) as error:
        if held is not None:
            raise
        return _without_lock(run, first, broken, error)


def _without_lock(run: Run, first: Snapshot | None, broken: ConfigError | None,
                  problem: SaveError | LockTimeout) -> Result:
    """The config cannot be held: what is good enough is kept."""
    if first is None:
        raise broken or problem
    first = run.read(first)
    if may_be_torn(run, first):
        raise problem
    has_grant = first.settings.pin or first.settings.refresh_token
    return _keep(run, first, problem if has_grant else advice.no_authorization(first))


def may_be_torn(run: Run, snapshot: Snapshot) -> bool:
    """Whether what was read without a lock may be half of an overwrite in place."""
    data, found = snapshot.document.data, storage.peek_journal(run.path, run.options.environ)
    if found is not None and found.content is not None and data not in (found.before,
                                                                        found.content):
        return True
    return storage.read(run.path) != data


def _with_lock(run: Run, held: storage.Held, first: Snapshot | None) -> Result:
    """The config is ours: finish what was left, look again, decide again."""
    snapshot, recovered = recovery.locked_snapshot(run, held, first)
    run.explain(f"this run has the lock of the config; {_in_words(snapshot, recovered)}")
    if recovered is RecoveryResult.NEWER:
        return _leave_to_newer(run, snapshot)
    if snapshot.settings.pin:
        return _exchange_pin(run, held, snapshot, recovered)
    if somebody_refreshed(run, first, snapshot, recovered):
        return run.result(Outcome.ADOPTED, snapshot)
    if snapshot.is_fresh and recovered is not RecoveryResult.PARTIAL:
        if recovered.is_refused and snapshot.settings.refresh_token:
            run.warn(advice.last_access_token(snapshot, advice.REFUSED))
        return run.result(Outcome.FRESH, snapshot)
    return _refresh_due(run, held, snapshot, recovered)


def _in_words(snapshot: Snapshot, recovered: RecoveryResult) -> str:
    """What is decided on, for a person who wants to know why."""
    left = {RecoveryResult.FINISHED: "an earlier run's answer is put in; ",
            RecoveryResult.PARTIAL: "an earlier run's refresh token is put in; ",
            RecoveryResult.UNKNOWN: "whether Trakt did an earlier refresh is not known; ",
            RecoveryResult.REFUSED: "Trakt has refused the refresh token before; ",
            RecoveryResult.LOST: "Trakt has refused the refresh token before; ",
            RecoveryResult.NEWER: "a newer version has left a journal; "}.get(recovered, "")
    if snapshot.settings.pin:
        return f"{left}there is a pin to exchange"
    if not snapshot.settings.authorization and not snapshot.settings.refresh_token:
        return f"{left}there is neither a pin nor a refresh token"
    return left + {Freshness.FRESH: "the access token is good",
                   Freshness.ADVISORY: "the access token is good, and worth a refresh",
                   Freshness.MANDATORY: "the access token has to be refreshed"}[
                       snapshot.assessment.freshness]


def somebody_refreshed(run: Run, first: Snapshot | None, snapshot: Snapshot,
                       recovered: RecoveryResult) -> bool:
    """Whether another run has got tokens that this one takes, whatever it was asked to do.

    :param first: the config as it was read without a lock, or None where it could not be.
    :param snapshot: the config under the lock, with what was left in it.
    """
    if recovered is RecoveryResult.FINISHED:
        return run.is_long_enough(snapshot)
    another = first is not None and snapshot.settings.refresh_token != first.settings.refresh_token
    return another and snapshot.is_valid and recovered is not RecoveryResult.PARTIAL


def _leave_to_newer(run: Run, snapshot: Snapshot) -> Result:
    error = recovery.newer_journal()
    if snapshot.is_fresh:
        run.warn(error.message)
        return run.result(Outcome.FRESH, snapshot)
    return _keep(run, snapshot, error)


def _exchange_pin(run: Run, held: storage.Held, snapshot: Snapshot,
                  recovered: RecoveryResult) -> Result:
    """A pin is set: a person typed it, and it dies in minutes."""
    pin = snapshot.settings.pin
    assert pin is not None
    try:
        return _new_pair(run, Outcome.EXCHANGED, redeem.redeem(
            run, held, snapshot, redeem.ask_with(run, snapshot, oauth.AuthorizationCode(pin)),
            spends="pin", in_doubt=recovered.in_doubt))
    except save.TokensReplaced:
        return adopt(run, held)
    except redeem.HalfAnswer:
        return refresh_half(run, held)
    except (SaveError, TraktUnavailable) as error:
        if _is_answered(error):
            raise
        return _keep(run, snapshot, error)
    except LoginRequired as refused:
        return _without_pin(run, held, snapshot, recovered, refused)


def _without_pin(run: Run, held: storage.Held, snapshot: Snapshot, recovered: RecoveryResult,
                 refused: LoginRequired) -> Result:
    """Trakt refused the pin: what else is there?"""
    if snapshot.assessment.freshness is Freshness.FRESH:
        run.warn(f"{refused.message}; it is cleared, and the old authorization stays")
        save.clear_pin(run, held, snapshot)
        return run.result(Outcome.FRESH, snapshot)
    if not snapshot.settings.refresh_token and not snapshot.can_be_kept:
        refusal.remember(run, snapshot, pin=True)
        raise refused
    try:
        result = _refresh_due(run, held, snapshot, recovered)
    except TraktConfigError as also:
        refusal.remember(run, snapshot, pin=True)
        if isinstance(also, LoginRequired):
            raise advice.both_refused(refused, also) from None
        raise
    cleared = "it is cleared, and " if result.outcome is Outcome.REFRESHED else ""
    run.warn(f"{refused.message}; {cleared}the old authorization is used")
    return result


def _refresh_due(run: Run, held: storage.Held, snapshot: Snapshot,
                 recovered: RecoveryResult) -> Result:
    """The authorization is due."""
    if not snapshot.settings.refresh_token:
        return _keep(run, snapshot, advice.no_authorization(snapshot))
    if recovered.is_refused and snapshot.can_be_kept:
        return _keep(run, snapshot, advice.refused_before(
            answer_lost=recovered is RecoveryResult.LOST))
    if recovered is RecoveryResult.UNKNOWN and snapshot.can_be_kept:
        return _keep(run, snapshot, TraktUnavailable(
            "an earlier refresh was cut short, and whether Trakt did it is not known",
            hint="The refresh token is tried again when the access token is due."))
    try:
        if others_doubt(run, snapshot) and snapshot.can_be_kept:
            raise TraktUnavailable(
                "a refresh with the same refresh token, by a run on another config, was cut short "
                "or is under way, and whether Trakt did it is not known",
                hint="The refresh token is tried again when the access token is due.")
        ask = redeem.ask_with(
            run, snapshot, oauth.RefreshToken(snapshot.settings.refresh_token),
            retry_unknown=not snapshot.is_valid and not recovered.in_doubt)
        return _new_pair(run, Outcome.REFRESHED, redeem.redeem(
            run, held, snapshot, ask, spends="refresh_token",
            in_doubt=recovered.in_doubt))
    except save.TokensReplaced:
        return adopt(run, held)
    except LoginRequired as refused:
        refused = advice.why_refused(snapshot, refused, is_lost=_is_lost(run, snapshot, recovered))
        redeem.remember_refusal(run, held, snapshot, refused)  # Before an editor's half is read.
        if run.read(snapshot, held).settings.refresh_token != snapshot.settings.refresh_token:
            held.discard_journal()
            return adopt(run, held)
        return _keep(run, snapshot, refused)
    except (ClientRejected, AccountProblem, TraktUnavailable, SaveError) as problem:
        if _is_answered(problem):
            raise
        return _keep(run, snapshot, problem)


def _is_lost(run: Run, snapshot: Snapshot, recovered: RecoveryResult) -> bool:
    """Whether Trakt may refuse the refresh token for an answer that was lost. Where it has refused
    it before, the reason stays what it was.
    """
    known = refusal.recall(run)
    if known.of_refresh_token(snapshot.settings.refresh_token):
        return known.answer_lost
    return recovered in (RecoveryResult.UNKNOWN, RecoveryResult.LOST)


def others_doubt(run: Run, snapshot: Snapshot) -> bool:
    """Whether the refresh token may be spent by a run on another config, as its journal has it: the
    config was renamed after a run on it was killed, or two files have one token.

    :raises SaveError: it is spent, since Trakt's answer for it is there, and must not be sent.
    """
    token, is_in_doubt = snapshot.settings.refresh_token, False
    for path, left in storage.journals_of_others(run.path, run.options.environ):
        intent = Intent.decode(left)
        if not (token and intent and intent.doubts(token)):
            continue
        if recovery.answer_in(left):
            raise SaveError("the refresh token was spent by a run on another config, which has "
                            f"left the new tokens in {path}",
                            hint="Nothing was sent to Trakt. Run authorize on that config. Was "
                                 "this one renamed? Then give it its old name, run, and rename it "
                                 "again.")
        is_in_doubt = True
    return is_in_doubt


def refresh_half(run: Run, held: storage.Held) -> Result:
    """A sign-in gave a refresh token alone, which is in the config: redeem it for a whole pair."""
    return _refresh_due(run, held, run.read(held=held), RecoveryResult.PARTIAL)


def adopt(run: Run, held: storage.Held | None = None) -> Result:
    """Somebody else changed the tokens while ours were under way: theirs stay."""
    theirs = run.read(held=held)
    if theirs.is_valid:
        return run.result(Outcome.ADOPTED, theirs)
    raise TraktUnavailable("the tokens in the config were changed during the request",
                           hint="Those stay. Run again, to use them.")


def _keep(run: Run, snapshot: Snapshot, error: TraktConfigError) -> Result:
    """A new pair cannot be had: keep the old one where it is good enough."""
    if not snapshot.can_be_kept:
        raise error
    if isinstance(error, LoginRequired):
        advice.correct_first(error, snapshot)
    error.path = run.name
    hint = f". {error.hint}" if error.hint else ""
    run.warn(f"{error.message}; the access token is still valid, so it is kept{hint}")
    return run.result(Outcome.KEPT, snapshot)


def _is_answered(error: TraktConfigError) -> bool:
    """Whether Trakt has given new tokens: from then on nothing is kept as if it had not."""
    return isinstance(error, SaveError) and error.authorization is not None


def _new_pair(run: Run, outcome: Outcome, authorization: Authorization) -> Result:
    now, asked = run.options.now(), run.options.min_validity.total_seconds()
    left = max(0.0, authorization.created_at + authorization.expires_in - now)
    if left < asked:
        clock = "; is the clock of this machine right?" if left < authorization.expires_in / 2 \
            else ": every run will refresh it"
        less = "less" if in_units(left) != in_units(asked) else "no longer"
        run.warn(f"the new access token is valid for {in_units(left)}, {less} than the "
                 f"{in_units(asked)} that were asked for{clock}")
    if authorization.created_at - now > LARGEST_LEAD * authorization.expires_in:
        run.warn(f"{run.issued_in_future(authorization)}; until it is right, every run will "
                 "refresh")
    return Result(outcome, authorization)
