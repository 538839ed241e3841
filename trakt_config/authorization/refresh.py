"""The policy for a config that is not simply fresh: lock, decide, reserve, spend, save.

What is kept, what is an error, and what is spent when, is decided here and nowhere else.
"""
from __future__ import annotations

from trakt_config import oauth, storage
from trakt_config.authorization import recovery, redeem
from trakt_config.authorization.freshness import Freshness
from trakt_config.authorization.recovery import Finding
from trakt_config.authorization.run import Job, Outcome, Result, View, logger
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

#: Trakt moved to a new server then (2026-07-01, UTC); older refresh tokens stayed behind.
MIGRATION = 1782864000

LOGIN = "Sign in, with: trakt-config login FILE"


def renew(job: Job, first: View | None, broken: ConfigError | None) -> Result:
    """Do what the config calls for, with nobody else at work on it.

    :param first: the config as it was read without a lock, or None where it was `broken`.
    """
    held: storage.Held | None = None
    problem: TraktConfigError
    try:
        with job.hold() as held:
            return _locked(job, held, first)
    except (SaveError, LockTimeout) as error:
        if held is not None:
            raise
        problem = error
    if first is None:
        raise broken or problem
    if not first.settings.pin and not first.settings.refresh_token:
        problem = no_authorization(first)
    return _keep(job, first, problem)


def locked_view(job: Job, held: storage.Held, first: View | None) -> tuple[View, Finding]:
    """The config as it is under the lock, once what a killed run left is finished.

    :param first: the config as it was read without a lock, if it could be.
    :raises ConfigError: it cannot be used.
    :raises SaveError: Trakt's answer to an earlier run cannot be put into it now.
    """
    found = held.left_over()
    try:
        view = job.look(first)
    except ConfigError as error:
        recovery.refuse_to_lose(held, found, error.message)
        raise
    finding = recovery.finish(job, held, found, view)
    if finding in (Finding.FINISHED, Finding.PARTIAL):
        view = job.look(view)
    return view, finding


def newer_journal() -> SaveError:
    """The error for a journal that this version must not touch."""
    return SaveError("a newer version of trakt_config has left an unfinished journal here",
                     hint="Nothing was sent to Trakt. Upgrade this trakt_config and run again.")


def _locked(job: Job, held: storage.Held, first: View | None) -> Result:
    """The config is ours: finish what was left, look again, decide again."""
    view, finding = locked_view(job, held, first)
    logger.debug("%s: locked; the authorization is %s, the pin %s, left over: %s", job.name,
                 view.assessment.freshness.value, "set" if view.settings.pin else "empty",
                 finding.value)
    if finding is Finding.NEWER:
        return _leave_to_newer(job, view)
    if view.settings.pin:
        return _exchange(job, held, view)
    if _somebody_refreshed(job, first, view, finding):
        return job.result(Outcome.ADOPTED, view)
    if view.is_fresh and finding is not Finding.PARTIAL:
        return job.result(Outcome.FRESH, view)
    return _refresh(job, held, view, finding)


def _somebody_refreshed(job: Job, first: View | None, view: View, finding: Finding) -> bool:
    if finding is Finding.FINISHED:
        return job.is_long_enough(view)
    another = first is not None and view.settings.refresh_token != first.settings.refresh_token
    return another and view.is_valid and finding is not Finding.PARTIAL


def _leave_to_newer(job: Job, view: View) -> Result:
    error = newer_journal()
    if view.is_fresh:
        job.warn(error.message)
        return job.result(Outcome.FRESH, view)
    return _keep(job, view, error)


def _exchange(job: Job, held: storage.Held, view: View) -> Result:
    """A pin is set: a person typed it, and it dies in minutes."""
    pin = view.settings.pin
    assert pin is not None
    refused: LoginRequired
    try:
        return _bought(job, Outcome.EXCHANGED, redeem.spend(
            job, held, view, redeem.exchange(job, view, oauth.AuthorizationCode(pin))))
    except redeem.TheirsWins:
        return adopt(job)
    except (SaveError, TraktUnavailable) as error:
        if _is_answered(error):
            raise
        return _keep(job, view, error)
    except LoginRequired as error:
        refused = error
    return _without_pin(job, held, view, refused)


def _without_pin(job: Job, held: storage.Held, view: View, refused: LoginRequired) -> Result:
    """Trakt refused the pin: what else is there?"""
    if view.assessment.freshness is Freshness.FRESH:
        job.warn(f"{refused.message}; it is cleared, and the old authorization stays")
        redeem.clear_pin(job, held, view)
        return job.result(Outcome.FRESH, view)
    if not view.settings.refresh_token and not view.can_be_kept:
        raise refused
    also: LoginRequired
    try:
        result = _refresh(job, held, view, Finding.NOTHING)
    except LoginRequired as error:
        also = error
    else:
        cleared = "it is cleared, and " if result.outcome is Outcome.REFRESHED else ""
        job.warn(f"{refused.message}; {cleared}the old authorization is used")
        return result
    raise LoginRequired(f"{refused.message}; and {also.message}", reason=refused.reason,
                        hint=LOGIN)


def _refresh(job: Job, held: storage.Held, view: View, finding: Finding) -> Result:
    """The authorization is due."""
    if finding is Finding.UNKNOWN and view.can_be_kept:
        return _keep(job, view, TraktUnavailable(
            "an earlier refresh was cut short, and whether Trakt did it is not known",
            hint="The refresh token is tried again when the access token is due."))
    if not view.settings.refresh_token:
        return _keep(job, view, no_authorization(view))
    error: TraktConfigError
    try:
        ask = redeem.exchange(
            job, view, oauth.RefreshToken(view.settings.refresh_token),
            retry_unknown=not view.is_valid and finding is not Finding.UNKNOWN)
        return _bought(job, Outcome.REFRESHED, redeem.spend(
            job, held, view, ask, keep_note=finding is Finding.UNKNOWN))
    except redeem.TheirsWins:
        return adopt(job)
    except LoginRequired as refused:
        error = refused
    except (ClientRejected, AccountProblem, TraktUnavailable, SaveError) as problem:
        if _is_answered(problem):
            raise
        return _keep(job, view, problem)
    if job.look(view).settings.refresh_token != view.settings.refresh_token:
        return adopt(job)
    return _keep(job, view, _refused(view, error, finding))


def adopt(job: Job) -> Result:
    """Somebody else changed the tokens while ours were under way: theirs stay."""
    theirs = job.look()
    if theirs.is_valid:
        return job.result(Outcome.ADOPTED, theirs)
    raise TraktUnavailable("the tokens in the config were changed during the request",
                           hint="Those stay. Run again, to use them.")


def _keep(job: Job, view: View, error: TraktConfigError) -> Result:
    """A new pair cannot be had: keep the old one where it is good enough.

    :raises TraktConfigError: it is not.
    """
    if not view.can_be_kept:
        raise error
    advice = f". {error.hint}" if error.hint else ""
    job.warn(f"{error.message}; the access token is still valid, so it is kept{advice}")
    return job.result(Outcome.KEPT, view)


def _is_answered(error: TraktConfigError) -> bool:
    """Whether Trakt has given new tokens: from then on nothing is kept as if it had not."""
    return isinstance(error, SaveError) and error.authorization is not None


def _bought(job: Job, outcome: Outcome, authorization: Authorization | None) -> Result:
    assert authorization is not None
    now, asked = job.options.clock(), job.options.min_validity.total_seconds()
    left = max(0.0, authorization.created_at + authorization.expires_in - now)
    if left < asked:
        clock = "; is the clock of this machine right?" if left < authorization.expires_in / 2 \
            else ": every run will refresh it"
        job.warn(f"the new access token is valid for {left / 3600:.1f} hours, less than the "
                 f"{asked / 3600:.1f} that were asked for{clock}")
    return Result(outcome, authorization)


def no_authorization(view: View) -> LoginRequired:
    what = "has no refresh token" if view.settings.authorization else "holds no authorization yet"
    typed = (view.document.trakt or {}).get("pin")
    if typed and not typed.blank and not view.settings.pin:
        what += (f", and trakt.pin (line {typed.line}) is no pin: "
                 "it has a blank, or one of < > { } $")
    return LoginRequired(f"the config {what}", reason="no_authorization", hint=LOGIN)


def _refused(view: View, error: TraktConfigError, finding: Finding) -> LoginRequired:
    """Trakt refused the refresh token: why, as far as can be told."""
    if finding is Finding.UNKNOWN or getattr(error, "reason", "") == "answer_lost":
        return LoginRequired("Trakt refused the refresh token: the answer to an earlier refresh "
                             "was lost", reason="answer_lost", hint=LOGIN)
    authorization = view.settings.authorization
    if authorization and authorization.created_at < MIGRATION:
        why = "it was issued before Trakt's move of July 2026, and such tokens cannot be refreshed"
    else:
        why = "it was revoked, used by another copy of this file, or already replaced"
    return LoginRequired(f"Trakt refused the refresh token: {why}",
                         reason="refresh_token_refused", hint=LOGIN)
