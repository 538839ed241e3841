"""Redeem a grant that works once, so that what Trakt answers for it is never lost.

The save protocol: what each step does, and what ``kill -9`` in it leaves to the next run, which
:mod:`trakt_config.authorization.recovery` lets finish before it does anything else.

=======  =============================================  ===================  =====================
step     what is done                                   the journal holds    the next run
=======  =============================================  ===================  =====================
lock     the journal and the config's inode are locked  nothing              drops the journal
look     what a killed run left is finished; the        what was found       finishes it
         config is read and decided on again
prove    these very bytes take tokens of 4 KB           what was found       finishes it
reserve  the intent, and room on the disk, are durable  the intent           takes the outcome for
                                                                             unknown: it keeps an
                                                                             access token that is
                                                                             good, or asks once
ask      Trakt is asked, in a thread that no            the intent           the same; an answer
         interruption reaches                                                that came is lost
                                                                             (the one gap)
record   the raw answer is durable; then it is parsed   and the answer       splices it in
splice   the config is read as it is by now, and the    and the answer       splices it in
         new values are put into those bytes
replace  by rename: the old file, or the new one        and the answer       splices it in, or
                                                                             finds it there
         in place: over the old bytes                   and both contents    writes it again
tell     the journal is unlinked, the locks are let     nothing              has nothing to do
         go, and the result is returned
=======  =============================================  ===================  =====================

The first two steps are :func:`trakt_config.authorization.refresh.locked_snapshot`'s; the others
are :func:`redeem`'s, from top to bottom.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Callable, TypeVar, Union

from trakt_config import document, oauth, storage
from trakt_config.authorization import shield
from trakt_config.authorization.run import Run, Snapshot
from trakt_config.authorization.trakt import client_for
from trakt_config.errors import (
    ConfigError,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    command,
    os_reason,
)
from trakt_config.oauth import BUDGET
from trakt_config.tokens import (
    AUTHORIZATION_KEYS,
    Authorization,
    Secret,
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

#: How often a config that somebody else keeps changing is read again before that is an error.
MERGES = 10


@dataclass(frozen=True)
class Intent:
    """What the journal says of a request: what its answer replaces in the config, and what was
    sent for it. Digests, never the thing itself.

    The two are separate facts, each with its own doubt: a pin that Trakt refuses says nothing of
    a refresh token that an earlier request may have spent.

    :ivar refresh_unknown: whether the refresh token may be spent.
    :ivar pin_unknown: whether the pin may be spent.
    """

    refresh_token: str | None = None
    pin: str | None = None
    refresh_unknown: bool = True
    pin_unknown: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot, *, refresh_unknown: bool = True,
           pin_unknown: bool = False) -> Intent:
        return cls(_fingerprint(snapshot.settings.refresh_token),
                   _fingerprint(snapshot.settings.pin), refresh_unknown, pin_unknown)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode("ascii")

    @classmethod
    def decode(cls, encoded: bytes | None) -> Intent | None:
        """The intent of a journal; None where another version of this package wrote it.

        The first version had one doubt for both, which is taken for the refresh token's.
        """
        try:
            facts = json.loads(encoded or b"{}")
            if "spends_refresh_token" in facts:
                facts["refresh_unknown"] = facts.pop("spends_refresh_token")
            return cls(**facts)
        except (ValueError, TypeError):
            return None

    def doubts(self, refresh_token: Secret | None) -> bool:
        """Whether the config's refresh token may be spent. One that a person has taken out, and
        may put back, counts as well.
        """
        if self.refresh_token is None or not self.refresh_unknown:
            return False
        return _fingerprint(refresh_token) in (None, self.refresh_token)


class TokensReplaced(Exception):
    """The config holds another refresh token by now; it was left as it is."""


class HalfAnswer(Exception):
    """A sign-in gave a refresh token alone, which is in the config now: to be refreshed."""


def exchange(run: Run, snapshot: Snapshot, grant: Grant, *,
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
    import requests.adapters  # noqa: F401  Now: once Trakt has answered, nothing may fail.
    intent = Intent.of(snapshot, refresh_unknown=in_doubt or spends == "refresh_token",
                       pin_unknown=spends == "pin")
    if in_doubt and intent.refresh_token is None:
        intent = replace(intent, refresh_token=_taken_out(held))
    reserve(held, snapshot, intent)  # Prove, reserve.
    run.explain("there is room to save the answer; asking Trakt")

    def ask_and_save() -> Authorization | T:
        record = _Recorder(run, held)
        try:
            answer = ask(record)  # Ask, record.
        except TraktConfigError as error:
            _settle(run, held, snapshot, intent, error, record, spends, in_doubt)
            raise
        except BaseException:
            held.keep_journal()  # Nobody knows how far it came.
            raise
        if isinstance(answer, Authorization):
            answer = _with_refresh_token(answer, snapshot)
            save(run, held, intent, snapshot, answer, in_journal=record.is_durable)
            _warn_of_last_tokens(run, answer, record, spends)
        elif not in_doubt:
            held.discard_journal()
        return answer

    return shield.run(
        ask_and_save, lambda: run.warn(f"waiting for Trakt's answer, at most {BUDGET:.0f} s, "
                                       "so that the new tokens are not lost"),
        lambda error: _tell_of_unsaved(run, error))


def reserve(held: storage.Held, snapshot: Snapshot, intent: Intent) -> None:
    """Prove that an answer can be saved: the edit of these very bytes, and the room on the disk.

    :raises ConfigError: these bytes cannot be edited.
    :raises SaveError: they cannot be saved.
    """
    rehearsed = document.set_authorization(snapshot.document, STAND_IN,
                                           clear_pin=intent.pin is not None)
    held.reserve(intent.encode(), max(len(snapshot.document.data), len(rehearsed.data)))


def save(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
         authorization: Authorization, *, in_journal: bool) -> None:
    """Splice the authorization into the config as it is now, whatever was edited meanwhile.

    :raises TokensReplaced: it holds a refresh token that is neither the spent one nor the new one.
    :raises SaveError: it cannot be written; the journal stays where it has the answer.
    """
    try:
        as_it_is_now(lambda: _splice(run, held, intent, snapshot, authorization))
        held.discard_journal()
        run.explain("Trakt's answer is saved")
        return
    except TokensReplaced:
        held.discard_journal()
        raise
    except (ConfigError, OSError) as error:
        problem = _problem(error)
    raise unsaved(held, problem, authorization, in_journal)


def save_refresh_token(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
                       refresh_token: Secret, *, in_journal: bool = True) -> None:
    """Bring the one thing of worth in an answer into the config: there, it can be refreshed.

    A pin that was spent for it is cleared. The access token stays: it has no successor.

    :raises TokensReplaced: as :func:`save`.
    :raises SaveError: as :func:`save`.
    """
    def splice() -> None:
        now = run.read(snapshot)
        _refuse_to_replace(now, intent, refresh_token)
        edited = document.set_authorization(now.document,
                                            {"refresh_token": refresh_token.reveal()},
                                            clear_pin=_holds_spent_pin(now, intent))
        if edited.data != now.document.data:
            held.replace(now.document.data, edited.data)

    try:
        as_it_is_now(splice)
        held.discard_journal()
        return
    except TokensReplaced:
        held.discard_journal()
        raise
    except (ConfigError, OSError) as error:
        problem = _problem(error)
    raise unsaved(held, problem, Authorization("", "bearer", 0, refresh_token.reveal(), "public",
                                               int(run.options.clock())), in_journal)


def as_it_is_now(edit: Callable[[], T]) -> T:
    """Do an edit of the config, and do it again when somebody has changed the config meanwhile.

    :raises ConfigError: somebody does so all the time.
    """
    for _ in range(MERGES):
        try:
            return edit()
        except storage.Changed:
            pass
    raise ConfigError("the config is being changed all the time",
                      hint="Close it in other programs, and run this again.")


def clear_pin(run: Run, held: storage.Held, snapshot: Snapshot) -> None:
    """Clear a pin that Trakt refused.

    Nothing is lost if that does not work: the pin is refused again by the next run.
    """
    try:
        edited = document.set_authorization(snapshot.document, {}, clear_pin=True)
        held.replace(snapshot.document.data, edited.data)
    except storage.Changed:
        run.warn("the pin could not be cleared: the config is being changed")
    except (ConfigError, OSError) as error:
        run.warn(f"the pin could not be cleared: {_problem(error)}")


def unsaved(held: storage.Held, problem: str, authorization: Authorization,
            in_journal: bool) -> SaveError:
    """The error for an answer that is not in the config."""
    if in_journal:
        hint = (f"The new tokens are safe in {held.journal_path}: fix this and run again, "
                "and they are put in.")
    else:
        hint = (f"They could not be kept safely in {held.journal_path} either: fix this and run "
                f"again; if they are gone, sign in: {command('login')}")
    return SaveError(f"Trakt gave new tokens, but the config could not be saved: {problem}",
                     hint=hint, authorization=authorization)


def _taken_out(held: storage.Held) -> str | None:
    """The refresh token in doubt that a person has taken out of the config, and may put back."""
    found = held.unfinished()
    earlier = Intent.decode(found.note) if found else None
    return earlier.refresh_token if earlier else None


def _settle(run: Run, held: storage.Held, snapshot: Snapshot, intent: Intent,
            error: TraktConfigError, record: _Recorder, spends: str, in_doubt: bool) -> None:
    """No tokens: what stays in the journal is what may still matter.

    :raises HalfAnswer: what Trakt gave to a sign-in is worth being refreshed.
    """
    alone = record.refresh_token_alone
    if alone and spends != "refresh_token":
        save_refresh_token(run, held, intent, snapshot, alone, in_journal=record.is_durable)
        raise HalfAnswer from None
    if alone:
        return  # The next run spends that one.
    is_refused = isinstance(error, LoginRequired)
    is_unknown = isinstance(error, TraktUnavailable) and error.outcome_unknown
    if spends == "refresh_token" and is_refused:
        in_doubt = False
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


def _tell_of_unsaved(run: Run, error: BaseException) -> None:
    """An interruption is raised instead of the error, which nobody would hear of."""
    if isinstance(error, SaveError):
        run.warn(f"{error.message}. {error.hint}")


def _splice(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
            authorization: Authorization) -> None:
    now = run.read(snapshot)
    _refuse_to_replace(now, intent, Secret(authorization.refresh_token))
    edited = document.set_authorization(now.document, authorization.values(),
                                        clear_pin=_holds_spent_pin(now, intent))
    if edited.data != now.document.data:
        held.replace(now.document.data, edited.data)


def _refuse_to_replace(now: Snapshot, intent: Intent, refresh_token: Secret) -> None:
    theirs = _fingerprint(now.settings.refresh_token)
    if theirs not in (None, intent.refresh_token, refresh_token.fingerprint()):
        raise TokensReplaced


def _holds_spent_pin(now: Snapshot, intent: Intent) -> bool:
    return intent.pin is not None and _fingerprint(now.settings.pin) == intent.pin


def _problem(error: ConfigError | OSError) -> str:
    if isinstance(error, OSError):
        return os_reason(error)
    return f"{error.message} (line {error.line})" if error.line else error.message


def _fingerprint(secret: Secret | None) -> str | None:
    return secret.fingerprint() if secret else None


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
            self._held.record(answer, self._run.options.clock())
            self.is_durable = True
        except OSError as error:
            # The config itself may still take it; only if that fails too is it an error.
            self._run.warn(f"the journal could not be written: {os_reason(error)}")

    @property
    def refresh_token_alone(self) -> Secret | None:
        """The refresh token in a last answer that has no usable access token."""
        try:
            Authorization.from_response(self.last, received_at=0)
        except UnusableAnswer as unusable:
            return unusable.refresh_token
        return None
