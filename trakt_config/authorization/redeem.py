"""Redeem a grant that works once, so that what Trakt answers for it is never lost.

The save protocol is the table of steps in docs/guarantees.rst, which also says what ``kill -9``
leaves at each of them, and what the next run does with it. Here are, by its numbers:

=====  =============================================  ===================================
step   what is done                                   the journal holds
=====  =============================================  ===================================
5      these very bytes take tokens of 4 KB; the      what was found, and then the intent
       intent, and room on the disk, are durable
6      Trakt is asked, in a thread that no            the intent
       interruption reaches
7      the raw answer is durable; then it is parsed   and the answer
8      the config is read as it is by now, and the    and the answer
       new values are put into those bytes
9      by rename: the old file, or the new one        and the answer
9'     in place: over the old bytes                   and both contents
10     the journal is unlinked, the locks are let     nothing
       go, and the result is returned
=====  =============================================  ===================================

Steps 2 to 4 are before that (:func:`trakt_config.authorization.recovery.locked_snapshot`), 8 to 9'
are :func:`trakt_config.authorization.save.save`, and 10 is done as the config is let go.
"""
from __future__ import annotations

import time
from contextlib import suppress
from typing import Callable, TypeVar, Union

from trakt_config import document, oauth, storage
from trakt_config.authorization import refusal, save
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.authorization.trakt import ask_shielded, client_for
from trakt_config.errors import (
    HostError,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    command,
    os_reason,
)
from trakt_config.startup import replace
from trakt_config.tokens import (
    AUTHORIZATION_KEYS,
    Authorization,
    UnusableAnswer,
    has_refresh_token,
)

T = TypeVar("T")

Grant = Union[oauth.AuthorizationCode, oauth.RefreshToken]

#: Asks Trakt. It gives every 2xx answer to its argument before it parses it, and returns tokens,
#: or something else when Trakt has none for us yet.
Ask = Callable[[Callable[[bytes], None]], Union[Authorization, T]]

#: As long as any token that Trakt has issued, many times over; proves the edit before the request.
STAND_IN = {key: "x" * 4096 if "token" in key else "0" for key in AUTHORIZATION_KEYS}


class HalfAnswer(Exception):
    """A sign-in gave a refresh token alone, which is in the config now: to be refreshed."""


def ask_with(run: Run, snapshot: Snapshot, grant: Grant, *,
             retry_unknown: bool = True) -> Ask[Authorization]:
    """Asking the token endpoint for the tokens that the grant buys."""
    return lambda record: client_for(run.options, snapshot).exchange(
        grant, record=record, retry_unknown=retry_unknown)


def redeem(run: Run, held: storage.Held, snapshot: Snapshot, ask: Ask[T], *,
           spends: str, in_doubt: bool) -> Authorization | T:
    """Ask Trakt for tokens and save them in the config, with a spent pin cleared.

    :param spends: ``"refresh_token"`` or ``"pin"`` where that is sent, ``""`` where neither is.
    :param in_doubt: whether an earlier request may have spent the refresh token. The journal goes
        on saying so until Trakt says more.
    :raises SaveError: without an authorization, nothing was sent; with one, see its hint.
    :raises TokensReplaced: Trakt answered, and somebody else had saved other tokens meanwhile.
    :raises HalfAnswer: a sign-in gave a refresh token, and nothing else.
    :raises ConfigError, LoginRequired, ClientRejected, AccountProblem, TraktUnavailable: as
        `ask` raises them.
    """
    oauth.Endpoints.from_environ(run.options.environ)
    import requests  # noqa: F401  Now: once Trakt has answered, nothing may fail. (Not a module
    # within it: two threads, of which one imports that first and one the whole, find it half made.)
    intent = Intent.of(snapshot, refresh_unknown=in_doubt or spends == "refresh_token",
                       pin_unknown=spends == "pin")
    if in_doubt:
        intent = with_doubt(held, intent, is_sent=spends == "refresh_token")
    reserve(held, snapshot, intent)  # Step 5.
    run.explain("there is room to save the answer; asking Trakt")

    def ask_and_save() -> Authorization | T:
        record = _Recorder(run, held)
        try:
            answer = ask(record)  # Steps 6 and 7.
        except TraktConfigError as error:
            _settle(run, held, snapshot, intent, error, record, spends, in_doubt)
            raise
        except BaseException:
            held.keep_journal()  # Nobody knows how far it came.
            raise
        if isinstance(answer, Authorization):
            answer = _with_refresh_token(answer, snapshot)
            save.save(run, held, intent, snapshot, answer, in_journal=record.is_durable)
            held.discard_journals()
            _warn_of_last_tokens(run, answer, record, spends)
        elif not in_doubt:
            held.discard_journal()
        return answer

    return ask_shielded(run, ask_and_save, "the new tokens are not lost", SaveError)


def reserve(held: storage.Held, snapshot: Snapshot, intent: Intent) -> None:
    """Prove that an answer can be saved: the edit of these very bytes, and the room on the disk.

    :raises ConfigError: these bytes cannot be edited.
    :raises SaveError: they cannot be saved.
    """
    held.reserve(intent.encode(), rehearse(snapshot))


def rehearse(snapshot: Snapshot) -> int:
    """Prove the edit, and return how large the config is at most before or after it.

    :raises ConfigError: these bytes cannot be edited.
    """
    rehearsed = document.set_authorization(snapshot.document, STAND_IN,
                                           clear_pin=snapshot.settings.pin is not None)
    return max(len(snapshot.document.data), len(rehearsed.data))


def with_doubt(held: storage.Held, intent: Intent, *, is_sent: bool = False) -> Intent:
    """The intent, with what the journal says of a refresh token in doubt: which one a person has
    taken out of the config, and may put back; and that Trakt has refused it.

    :param is_sent: whether it is sent once more, which tells more than the last time.
    """
    earlier = Intent.decode(held.recover())
    if earlier is None:
        return intent
    return replace(intent, refresh_token=intent.refresh_token or earlier.refresh_token,
                   refresh_refused=earlier.refresh_refused and not is_sent,
                   answer_lost=earlier.answer_lost and not is_sent)


def remember_refusal(run: Run, held: storage.Held, snapshot: Snapshot,
                     refused: LoginRequired) -> None:
    """Trakt refused the refresh token, and a person may not notice while the access token is good:
    let the next runs, and `status`, know of it until then, or until there is another one.
    """
    is_lost = refused.reason == "answer_lost"
    if not snapshot.is_valid:
        refusal.remember(run, snapshot, refresh_token=True, answer_lost=is_lost)
        return
    intent = Intent.of(snapshot, refresh_refused=True, answer_lost=is_lost)
    held.keep_journal()  # Until that is written, and where it cannot be: it may be spent.
    with suppress(SaveError):
        held.reserve(intent.encode(), 0, with_answer=False)


def _settle(run: Run, held: storage.Held, snapshot: Snapshot, intent: Intent,
            error: TraktConfigError, record: _Recorder, spends: str, in_doubt: bool) -> None:
    """No tokens: what stays in the journal is what may still matter.

    :raises HalfAnswer: what Trakt gave to a sign-in is worth being refreshed.
    :raises SaveError: it gave a refresh token alone, which neither journal nor config takes.
    """
    alone = record.refresh_token_alone
    if alone and spends != "refresh_token":
        save.save(run, held, intent, snapshot, alone, in_journal=record.is_durable)
        raise HalfAnswer from None
    if alone:
        if not record.is_durable:
            save.save(run, held, intent, snapshot, alone, in_journal=False)
        return  # The next run spends that one.
    is_refused = isinstance(error, LoginRequired)
    is_unknown = isinstance(error, TraktUnavailable) and error.outcome_unknown
    if spends == "refresh_token" and is_refused:
        in_doubt = False
        held.discard_journals()
    elif spends == "refresh_token" and is_unknown and snapshot.is_valid:
        in_doubt = True
    if in_doubt:
        held.keep_journal()
    else:
        held.discard_journal()


def _with_refresh_token(answer: Authorization, snapshot: Snapshot) -> Authorization:
    """Where a sign-in gave no refresh token, the config's stays (RFC 6749, section 6)."""
    current = snapshot.settings.refresh_token
    if answer.refresh_token or not current:
        return answer
    return replace(answer, refresh_token=current.reveal())


def _warn_of_last_tokens(run: Run, authorization: Authorization, record: _Recorder,
                         spends: str) -> None:
    """Trakt gave no usable refresh token: how long will this do?"""
    if has_refresh_token(record.last, if_missing=spends == "refresh_token"):
        return
    until = authorization.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    run.warn("Trakt's answer has no usable refresh token: the access token is valid until "
             f"{until}, and by then a person has to sign in: {command('login')}")


class _Recorder:
    """Makes each answer durable as it comes, before a character of it is parsed."""

    def __init__(self, run: Run, held: storage.Held) -> None:
        self._run = run
        self._held = held
        self.last = b""
        self.is_durable = False

    def __call__(self, answer: bytes) -> None:
        self.last = answer
        self.is_durable = False
        try:
            self._held.record(answer, self._now())
            self.is_durable = True
        except OSError as error:
            # The config itself may still take it; only if that fails too is it an error.
            self._run.warn(f"the journal could not be written: {os_reason(error)}")

    def _now(self) -> float:
        """By the caller's clock; where that fails just now, the answer is kept all the same."""
        try:
            return float(self._run.options.now())
        except (HostError, TypeError):
            return time.time()

    @property
    def refresh_token_alone(self) -> Authorization | None:
        """What is usable of a last answer that has no usable access token."""
        try:
            Authorization.from_response(self.last, received_at=0)
        except UnusableAnswer as unusable:
            return unusable.rest
        return None
