"""What can go wrong, sorted by what the reader can do about it.

    TraktConfigError          everything that this package raises on purpose
    |-- ConfigError           the file or the settings: edit them
    |-- LoginRequired         a person has to sign in again
    |-- ClientRejected        Trakt refuses the app: client_id, client_secret, VIP
    |-- AccountProblem        Trakt has locked or deactivated the account
    |-- TraktUnavailable      Trakt cannot be reached or fails: try again later
    |-- LockTimeout           another run holds the file: try again later
    `-- SaveError             the result could not be written, or could not have been

Texts are for people: what happened, then what to do next. No text, attribute, cause or context
holds a secret; the one exception is ``SaveError.authorization``, which stays out of its repr.
"""
from __future__ import annotations

import errno
import os
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Callable, Literal, TypeVar, get_args

from trakt_config.tokens import Authorization

T = TypeVar("T")
E = TypeVar("E", bound="TraktConfigError")

#: Of a larger file no more is read, and it is no config: memory and time stay bounded.
LARGEST_CONFIG = 2 * 1024 * 1024

#: Where people look after their API apps, and where they make one. What those pages ask for
#: (a connected GitHub account, an approval) is Trakt's, and changes.
APPS_PAGE = "https://developer.trakt.tv/apps"
NEW_APP_PAGE = "https://developer.trakt.tv/apps/new"


#: Where the system's words do not say what to do.
_PLAINER = {
    errno.EMFILE: "no file descriptors are left for this process (raise its limit: ulimit -n)",
    errno.ENFILE: "no file descriptors are left on this machine (close other programs)",
    errno.ESTALE: "the folder was replaced by another one meanwhile",
}


def os_reason(error: Exception) -> str:
    """Why the system refused, in its own words as a rule, and without a path."""
    if isinstance(error, OSError) and error.errno is not None:
        return _PLAINER.get(error.errno) or os.strerror(error.errno)
    return "not a valid path"


class HostError(BaseException):
    """Carries what a function of the host's raised past all that handles errors here, and is no
    ``Exception``, so that nothing takes it for an error of the system's or of ours. What it carries
    is raised in its place where the host called us.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def call_host(function: Callable[..., T], *arguments: Any) -> T:
    """What a function of the host's returns.

    :raises HostError: it raised; not for what is no ``Exception``, such as Ctrl-C.
    """
    try:
        return function(*arguments)
    except Exception as error:
        raise HostError(error) from None


def came_by_signal(error: BaseException) -> bool:
    """Whether a signal handler raised it: that is called with the frame that it interrupts."""
    interrupted, traceback = None, error.__traceback__
    while traceback is not None:
        if interrupted is not None and _was_given(traceback.tb_frame, interrupted):
            return True
        interrupted, traceback = traceback.tb_frame, traceback.tb_next
    return False


def _was_given(frame: FrameType, interrupted: FrameType) -> bool:
    return any(value is interrupted or isinstance(value, tuple)
               and any(part is interrupted for part in value)
               for value in frame.f_locals.values())


def pass_on_hosts(error: BaseException) -> None:
    """In an ``except`` that is meant for the system's errors: raise the host's again."""
    if came_by_signal(error):
        try:
            raise error
        finally:
            del error  # It knows this frame, and the frames what they have open.


class suppress_systems(suppress):
    """:func:`contextlib.suppress`, for the system's errors: the host's go on."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> bool:
        return super().__exit__(kind, error, traceback) and not (error and came_by_signal(error))


def printable(text: str) -> str:
    """``text`` on one line, with control characters and lone surrogates escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
                   for c in text)


#: Stands for the config in advice, where only those above know which one it is.
_THE_CONFIG = "\0"


def command(words: str) -> str:
    """``trakt-config WORDS`` on the config in question, for a hint; see :func:`with_path`."""
    return f"trakt-config {words} {_THE_CONFIG}"


def place(line: int, column: int) -> str:
    """A place in the config in question, for a hint; see :func:`with_path`."""
    return f"{_THE_CONFIG}:{line}:{column}"


#: The hints of all errors that a person's sign-in puts right.
SIGN_IN = f"Sign in, with: {command('login')}"
SIGN_IN_AGAIN = f"Sign in again, with: {command('login')}"


def with_path(text: str, path: str | None) -> str:
    """`text` with the config in its commands, so that they can be pasted into a shell."""
    return text.replace(_THE_CONFIG, "CONFIG" if path is None else quoted_for_shell(path))


def quoted_for_shell(path: str) -> str:
    """The path as one word of a command that can be pasted, on one line."""
    if path.startswith("-"):
        path = os.path.join(os.curdir, path)
    if path.isprintable():
        import shlex  # for an error alone
        return shlex.quote(path)
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:  # No file can have this name.
        encoded = path.encode("utf-8", "surrogatepass")
    special = "".join(chr(byte) if 0x20 <= byte < 0x7f and byte not in b"'\\" else f"\\x{byte:02x}"
                      for byte in encoded)
    return f"$'{special}'"  # On one line, in the words of bash, zsh and ksh.


def _check(kind: str, kinds: tuple[type, ...], **given: object) -> None:
    """At once, and not where an error is shown: each is of one of the `kinds`."""
    for name, value in given.items():
        if not isinstance(value, kinds) or isinstance(value, bool) and bool not in kinds:
            raise TypeError(f"{name} has to be {kind}, not {type(value).__name__}")


class TraktConfigError(Exception):
    """The base of all errors of this package.

    :ivar message: what happened, one line.
    :ivar hint: what to do next, one line, or empty; its commands name the config.
    :ivar path: the config as the caller named it, or None where no file is concerned.
    :ivar line: where in it, counted from 1, or None.
    :ivar column: counted from 1 in characters, or None.
    """

    line: int | None = None
    column: int | None = None

    def __init__(self, message: str, *, hint: str = "", path: str | None = None) -> None:
        _check("a str", (str,), message=message, hint=hint, path="" if path is None else path)
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path

    @property
    def hint(self) -> str:
        return with_path(self._hint, self.path)

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint

    def alone(self: E) -> E:
        """The error without what led to it, and without the frames on its way, which may hold the
        tokens: to be raised again.
        """
        self.__context__ = None
        return self.with_traceback(None)

    def advise_first(self, advice: str) -> None:
        """Put `advice` before the hint, whose commands name the config once it is known."""
        self._hint = f"{advice} {self._hint}".rstrip()

    @property
    def where(self) -> str:
        """``file`` or ``file:line:column``, as far as it is known."""
        file = "" if self.path is None else printable(self.path)
        position = [str(number) for number in (self.line, self.column) if number is not None]
        return ":".join([file or "config", *position]) if position else file

    def __str__(self) -> str:
        first = f"{self.where}: {self.message}" if self.where else self.message
        return f"{first}\n  {self.hint}" if self.hint else first


class ConfigError(TraktConfigError):
    """The file or a setting is not usable as it is; nothing was sent, nothing was written."""

    def __init__(self, message: str, *, hint: str = "", path: str | None = None,
                 line: int | None = None, column: int | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        _check("an int or None", (int, type(None)), line=line, column=column)
        self.line = line
        self.column = column


#: Why a person has to sign in; the last three only while somebody does.
Reason = Literal["no_authorization", "refresh_token_refused", "pin_refused", "answer_lost",
                 "access_token_refused", "denied", "expired", "no_browser"]
Detail = Literal["", "before_migration"]


class LoginRequired(TraktConfigError):
    """A person has to sign in: ``trakt-config login CONFIG``.

    :ivar reason: ``"no_authorization"``, ``"refresh_token_refused"``, ``"pin_refused"``,
        ``"answer_lost"`` or ``"access_token_refused"``; while somebody signs in also
        ``"denied"``, ``"expired"`` and ``"no_browser"`` (none could be opened, and nobody else
        was told the address).
    :ivar detail: what is known beyond the reason: ``"before_migration"``, a refresh token from
        before Trakt's move of July 2026; else empty.
    """

    def __init__(self, message: str, *, reason: Reason = "no_authorization",
                 detail: Detail = "",
                 hint: str = "", path: str | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        if reason not in get_args(Reason):
            raise ValueError(f"reason has to be one of {', '.join(get_args(Reason))}")
        if detail not in get_args(Detail):
            raise ValueError('detail has to be empty or "before_migration"')
        self.reason = reason
        self.detail = detail


class ClientRejected(TraktConfigError):
    """Trakt refuses the app itself: its id, its secret, or its standing."""


class AccountProblem(TraktConfigError):
    """Trakt has locked or deactivated the user's account."""


class TraktUnavailable(TraktConfigError):
    """Trakt could not be reached, failed, or asked to wait; a later run may succeed.

    :ivar retry_after: seconds that Trakt asked to wait, or None.
    :ivar outcome_unknown: True when no usable answer arrived and Trakt may have given tokens all
        the same: the refresh token, the pin or the code that was sent may be spent. The hint says
        so, too. False wherever nothing was sent that works once.
    """

    def __init__(self, message: str, *, retry_after: float | None = None,
                 outcome_unknown: bool = False, hint: str = "",
                 path: str | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        _check("a number of seconds or None", (int, float, type(None)), retry_after=retry_after)
        _check("True or False", (bool,), outcome_unknown=outcome_unknown)
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown


class LockTimeout(TraktConfigError):
    """Another run held the file for longer than ``lock_timeout``; nothing was sent."""


class SaveError(TraktConfigError):
    """The tokens cannot be saved. Either nothing was sent, or the answer waits in the journal.

    :ivar authorization: what Trakt answered, for a host that can keep it elsewhere; None when
        nothing was sent. It is not part of ``str()`` or ``repr()``.
    """

    def __init__(self, message: str, *, hint: str = "", path: str | None = None,
                 authorization: Authorization | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        _check("an Authorization or None", (Authorization, type(None)), authorization=authorization)
        self.authorization = authorization
