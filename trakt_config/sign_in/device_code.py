"""Sign in with a device code: the person enters it on any device, and we ask until they have."""
from __future__ import annotations

from contextlib import ExitStack

from trakt_config.authorization.run import Run, logger
from trakt_config.authorization.trakt import client_for
from trakt_config.errors import (
    SIGN_IN_AGAIN,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)
from trakt_config.oauth import DeviceCode, DevicePoll, TraktClient
from trakt_config.sign_in import browser
from trakt_config.sign_in.sign_in import SignIn, counted_down
from trakt_config.tokens import Authorization

#: Seconds that each SLOW_DOWN adds to the interval, for good (RFC 8628, section 3.5).
SLOWER = 5


def by_device_code(sign_in: SignIn) -> Authorization:
    """RFC 8628, with the statuses that Trakt has instead of its error codes."""
    trakt = client_for(sign_in.run.options, sign_in.prove_saving())
    code = sign_in.first_code
    while True:
        try:
            return _with_one_code(sign_in, trakt, code or trakt.device_code())
        except LoginRequired as error:
            ended, code = error, None
        if ended.reason == "denied" or not sign_in.dialog.offer_new_code(ended.message):
            raise ended


def _with_one_code(sign_in: SignIn, trakt: TraktClient, code: DeviceCode) -> Authorization:
    deadline = sign_in.monotonic() + code.expires_in
    sign_in.dialog.show_code(code)
    with ExitStack() as pages:
        return counted_down(sign_in.dialog,
                            lambda: _poll_until(deadline, sign_in, code, trakt, pages))


def _poll_until(deadline: float, sign_in: SignIn, code: DeviceCode,
                trakt: TraktClient, pages: ExitStack) -> Authorization:
    """Ask at every interval; a failure may pass as long as the code is valid."""
    interval = code.interval
    failure: TraktConfigError | None = None
    lost: TraktUnavailable | None = None  # Since then, the tokens may have been given.
    while sign_in.monotonic() + interval <= deadline:
        _wait(sign_in, interval, deadline, code, pages)
        before, failure = failure, None
        state: Authorization | DevicePoll = DevicePoll.PENDING
        try:
            # Under the lock; tokens are saved before they are returned.
            state = sign_in.redeem(lambda _: lambda record: trakt.poll(code, record=record))
        except (TraktUnavailable, LockTimeout, ConfigError, SaveError) as error:
            if getattr(error, "authorization", None):
                raise
            failure = error  # With nothing sent, the config may be half saved by an editor.
        if isinstance(state, Authorization):
            return state
        if failure is not None:
            if isinstance(failure, TraktUnavailable) and failure.outcome_unknown:
                lost = failure
            if before is None or before.message != failure.message:
                _warn_of(failure, sign_in.run)
        elif state is DevicePoll.SLOW_DOWN:
            interval += SLOWER
        elif state is DevicePoll.PENDING:
            lost = None
        else:
            raise _ended(state, was_lost=lost is not None)
    if lost and (failure is None or isinstance(failure, TraktUnavailable)):
        raise lost
    raise failure or _ended(DevicePoll.EXPIRED)


def _warn_of(failure: TraktConfigError, run: Run) -> None:
    """With the place of what a person has to mend; nothing else is asked of them."""
    if not isinstance(failure, ConfigError):
        run.warn(f"{failure.message}; asking again until the code expires")
        return
    goes_on = f"{failure.message}; once that is mended, the sign-in goes on by itself, until the " \
        "code expires"
    if failure.line is not None:
        logger.warning("%s", run.located(failure.line, failure.column or 1, goes_on))
    else:
        run.warn(goes_on)


def _wait(sign_in: SignIn, seconds: float, deadline: float, code: DeviceCode,
          pages: ExitStack) -> None:
    """Wait for the next poll, second by second, and open the page where that is asked for."""
    end = sign_in.monotonic() + seconds
    while True:
        now = sign_in.monotonic()
        if now >= end:
            return
        sign_in.dialog.countdown(deadline - now)
        if sign_in.dialog.wants_page():
            # With the code filled in, as privately as the address of a sign-in in the browser.
            pages.enter_context(browser.opened(code.link, sign_in.dialog.open_browser))
        sign_in.run.options.pause(min(1.0, end - now))


def _ended(state: DevicePoll, *, was_lost: bool = False) -> LoginRequired:
    """Why there will be no tokens for this device code."""
    if state is DevicePoll.DENIED:
        return LoginRequired("access was denied at Trakt", reason="denied", hint=SIGN_IN_AGAIN)
    if state is DevicePoll.ALREADY_USED or (state is DevicePoll.NOT_FOUND and was_lost):
        return LoginRequired("Trakt has given the tokens for this code already, but its answer "
                             "was lost", reason="answer_lost", hint=SIGN_IN_AGAIN)
    if state is DevicePoll.NOT_FOUND:
        return LoginRequired("Trakt does not know this code any more", reason="expired",
                             hint=SIGN_IN_AGAIN)
    return LoginRequired("the code has expired before anybody entered it", reason="expired",
                         hint=SIGN_IN_AGAIN)
