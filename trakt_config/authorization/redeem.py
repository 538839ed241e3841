"""Spend a grant that works once, so that what it buys is never lost.

Reserve before spending; the raw answer is durable before it is parsed; the new values are spliced
into the config as it is by then. From the request to the last write, one thread that no
interruption reaches does it all.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Callable, Optional, Union

from trakt_config import document, oauth, storage
from trakt_config.authorization import shield
from trakt_config.authorization.run import Run, Snapshot, logger
from trakt_config.errors import (
    ConfigError,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
    os_reason,
)
from trakt_config.oauth import BUDGET
from trakt_config.tokens import AUTHORIZATION_KEYS, Authorization, Secret, UnusableAnswer

Grant = Union[oauth.AuthorizationCode, oauth.RefreshToken]
Ask = Callable[[Callable[[bytes], None]], Optional[Authorization]]

#: As long as any token that Trakt has issued, many times over; proves the edit before the request.
STAND_IN = {key: "x" * 4096 if "token" in key else "0" for key in AUTHORIZATION_KEYS}

#: How often a config that somebody else keeps changing is read again before that is an error.
MERGES = 10


@dataclass(frozen=True)
class Intent:
    """What the journal says of a request: digests of what its answer replaces in the config,
    never the thing itself, and whether the refresh token is spent for it.
    """

    refresh_token: str | None = None
    pin: str | None = None
    spends_refresh_token: bool = True

    @classmethod
    def of(cls, snapshot: Snapshot, *, spends_refresh_token: bool = True) -> Intent:
        return cls(_fingerprint(snapshot.settings.refresh_token),
                   _fingerprint(snapshot.settings.pin), spends_refresh_token)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode("ascii")

    @classmethod
    def decode(cls, encoded: bytes | None) -> Intent | None:
        """The intent of a journal; None where another version of this package wrote it."""
        try:
            return cls(**json.loads(encoded or b"{}"))
        except (ValueError, TypeError):
            return None


class TokensReplaced(Exception):
    """The config holds another refresh token by now; it was left as it is."""


def exchange(run: Run, snapshot: Snapshot, grant: Grant, *, retry_unknown: bool = True) -> Ask:
    """Asking the token endpoint for the tokens that the grant buys."""
    return lambda record: oauth.exchange(
        grant, snapshot.settings.client,
        endpoints=oauth.Endpoints.from_environ(run.options.environ), record=record,
        retry_unknown=retry_unknown, session=run.options.session, clock=run.options.clock,
        sleep=run.options.sleep)


def redeem(run: Run, held: storage.Held, snapshot: Snapshot, ask: Ask, *,
           intent: Intent | None = None, keep_intent: bool = False) -> Authorization | None:
    """Ask Trakt for tokens and save them in the config, with a spent pin cleared.

    :param ask: gives every 2xx answer to its argument before it parses it; None when Trakt has
        no tokens for us yet.
    :param intent: what the answer replaces; as a rule the refresh token of `snapshot`, which it
        spends.
    :param keep_intent: leave the journal when there are no tokens, as it was left to this run.
    :raises SaveError: without an authorization, nothing was sent; with one, it is in the journal.
    :raises TokensReplaced: Trakt answered, and somebody else had saved other tokens meanwhile.
    :raises ConfigError, LoginRequired, ClientRejected, AccountProblem, TraktUnavailable: as
        `ask` raises them.
    """
    oauth.Endpoints.from_environ(run.options.environ)
    import requests.adapters  # noqa: F401  Now: once Trakt has answered, nothing may fail.
    replaces = intent or Intent.of(snapshot)
    reserve(held, snapshot, replaces)

    logger.debug("%s: room is reserved; asking Trakt", run.name)

    def work() -> Authorization | None:
        record = _Recorder(run, held)
        try:
            authorization = ask(record)
        except TraktUnavailable:
            if not keep_intent and not record.holds_refresh_token:
                held.discard_journal()
            raise
        except TraktConfigError:
            held.discard_journal()
            raise
        if authorization is not None:
            save(run, held, replaces, snapshot, authorization, in_journal=record.is_durable)
        elif not keep_intent:
            held.discard_journal()
        return authorization

    return shield.run(
        work, lambda: run.warn(f"waiting for Trakt's answer, at most {BUDGET:.0f} s, "
                               "so that the new tokens are not lost"),
        lambda error: _tell_of_unsaved(run, error))


def clear_pin(run: Run, held: storage.Held, snapshot: Snapshot) -> None:
    """Clear a pin that Trakt refused.

    Nothing is lost if that does not work: the pin is refused again by the next run.
    """
    problem = "it is being changed"
    try:
        edited = document.set_authorization(snapshot.document, {}, clear_pin=True)
        held.replace(snapshot.document.data, edited.data)
        return
    except storage.Changed:
        pass
    except ConfigError as error:
        problem = error.message
    except OSError as error:
        problem = os_reason(error)
    run.warn(f"the pin could not be cleared: {problem}")


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
        logger.debug("%s: Trakt's answer is saved", run.name)
        return
    except TokensReplaced:
        held.discard_journal()
        raise
    except ConfigError as error:
        place = f" (line {error.line})" if error.line else ""
        problem = f"{error.message}{place}"
    except OSError as error:
        problem = os_reason(error)
    raise unsaved(held, problem, authorization, in_journal)


def as_it_is_now(edit: Callable[[], None]) -> None:
    """Do an edit of the config, and do it again when somebody has changed the config meanwhile.

    :raises ConfigError: somebody does so all the time.
    """
    for _ in range(MERGES):
        try:
            edit()
            return
        except storage.Changed:
            pass
    raise ConfigError("the config is being changed all the time",
                      hint="Close it in other programs, and run this again.")


def unsaved(held: storage.Held, problem: str, authorization: Authorization | None,
            in_journal: bool) -> SaveError:
    """The error for an answer that is not in the config."""
    if in_journal:
        hint = (f"The new tokens are safe in {held.journal_path}: fix this and run again, "
                "and they are put in.")
    else:
        hint = "They could not be kept in the journal either: sign in again, " \
               "with: trakt-config login FILE"
    return SaveError(f"Trakt gave new tokens, but the config could not be saved: {problem}",
                     hint=hint, authorization=authorization)


def _tell_of_unsaved(run: Run, error: BaseException) -> None:
    """An interruption is raised instead of the error, which nobody would hear of."""
    if isinstance(error, SaveError):
        run.warn(f"{error.message}. {error.hint}")


def _splice(run: Run, held: storage.Held, intent: Intent, snapshot: Snapshot,
            authorization: Authorization) -> None:
    now = run.read(snapshot)
    theirs = _fingerprint(now.settings.refresh_token)
    ours = Secret(authorization.refresh_token).fingerprint()
    if theirs not in (None, intent.refresh_token, ours):
        raise TokensReplaced
    spent_pin = intent.pin is not None and _fingerprint(now.settings.pin) == intent.pin
    edited = document.set_authorization(now.document, authorization.values(), clear_pin=spent_pin)
    if edited.data != now.document.data:
        held.replace(now.document.data, edited.data)


def _fingerprint(secret: Secret | None) -> str | None:
    return secret.fingerprint() if secret else None


class _Recorder:
    """Makes each answer durable as it comes, before a character of it is parsed."""

    def __init__(self, run: Run, held: storage.Held) -> None:
        self._run = run
        self._held = held
        self._answers: list[bytes] = []
        self.is_durable = False

    def __call__(self, answer: bytes) -> None:
        self._answers.append(answer)
        self.is_durable = False
        try:
            self._held.record(answer, self._run.options.clock())
            self.is_durable = True
        except OSError as error:
            # The config itself may still take it; only if that fails too is it an error.
            self._run.warn(f"the journal could not be written: {os_reason(error)}")

    @property
    def holds_refresh_token(self) -> bool:
        """Whether the last answer has a refresh token, though it could not be used."""
        if not self._answers:
            return False
        try:
            Authorization.from_response(self._answers[-1], received_at=0)
        except UnusableAnswer as unusable:
            return unusable.refresh_token is not None
        return True
