"""A sign-in under way: the person, and the config that the tokens go into.

Each request for tokens is made under the lock and saved as every other is (by
:mod:`trakt_config.authorization.redeem`), so that a sign-in that has succeeded at Trakt is never
lost; while the person is busy, nothing is locked.
"""
from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any, Callable, TypeVar

from trakt_config import storage
from trakt_config.authorization import callbacks, policy, recovery, redeem
from trakt_config.authorization.intent import Intent
from trakt_config.authorization.redeem import Ask
from trakt_config.authorization.run import Run, Snapshot, logger
from trakt_config.authorization.trakt import client_for
from trakt_config.errors import ConfigError, HostError, TraktConfigError, command, pass_on_hosts
from trakt_config.oauth import DeviceCode
from trakt_config.tokens import Authorization, Secret

#: Seconds for Trakt to say whose the tokens are. They are saved by then.
ACCOUNT_TIME_LIMIT = 5.0

T = TypeVar("T")


class _Silent:
    """The place of a callback that was not given; help() shows it, hence the repr. By which one it
    is, it is known that none was given: a copy, by ``copy`` or ``pickle``, is the same one.

    :param name: of this module's variable that has it.
    """

    def __init__(self, name: str, answer: Any) -> None:
        self._name = name
        self._answer = answer

    def __reduce__(self) -> str:
        return self._name

    def __call__(self, *_: object) -> Any:
        return self._answer

    def __repr__(self) -> str:
        return "silent"


_SAYS_NOTHING = _Silent("_SAYS_NOTHING", None)
_SAYS_NO = _Silent("_SAYS_NO", False)
_HAS_NO_PIN = _Silent("_HAS_NO_PIN", "")


@dataclass(frozen=True, repr=False)
class Dialog:
    """How a sign-in talks to the person, in functions that return at once where they ask nothing.
    What is left out stays silent; what a sign-in cannot do without has to be given.

    :ivar show_code: where to go, and which code to enter there; ``device`` needs it.
    :ivar show_address: the address at which to sign in; ``pin`` needs it, and ``browser`` where
        nothing else can open a browser.
    :ivar open_browser: opens that address; called in a thread of its own. False where it could not,
        which ends a sign-in without ``show_address``, as an exception of its does. For ``browser``.
        None: the system's browser, with a page in its arguments that other users cannot read (see
        :func:`~trakt_config.sign_in.pages.private_page`); a callback has to see to that itself.
    :ivar ask_pin: the pin, or the whole address that Trakt redirected to; ``pin`` needs it.
    :ivar offer_new_pin: whether to ask for another pin; gets why the one was not taken. There are
        three in all.
    :ivar wants_page: whether to open the page for the code in a browser here, now; for ``device``.
        Called once a second.
    :ivar offer_new_code: whether to go on with another device code; gets why the one ended.
    :ivar show_account: gets the name of the account that has signed in, once the tokens are saved;
        empty where Trakt does not tell it in time. None: it is not asked for.
    :ivar countdown: gets the seconds that are left, once a second; None when that is over.

    What they raise comes out of ``login`` as it is, ``open_browser`` apart. So a host ends a
    sign-in by an exception of its own: from ``countdown`` where that gets seconds (``device``,
    ``browser``), or from ``ask_pin``. Nothing is written then, and nothing listens any more.
    """

    show_code: Callable[[DeviceCode], object] = _SAYS_NOTHING
    show_address: Callable[[str], object] = _SAYS_NOTHING
    open_browser: Callable[[str], bool] | None = None
    ask_pin: Callable[[], str] = _HAS_NO_PIN
    offer_new_pin: Callable[[str], bool] = _SAYS_NO
    wants_page: Callable[[], bool] = _SAYS_NO
    offer_new_code: Callable[[str], bool] = _SAYS_NO
    show_account: Callable[[str], object] | None = None
    countdown: Callable[[float | None], object] = _SAYS_NOTHING

    def __post_init__(self) -> None:
        for name in _names():
            callback = getattr(self, name)
            callbacks.refuse_async(name, callback)
            if not callable(callback) and not (callback is None and getattr(Dialog, name) is None):
                raise TypeError(f"{name} has to be a function, not {type(callback).__name__}")

    def has(self, name: str) -> bool:
        """Whether this callback was given."""
        return getattr(self, name) is not getattr(Dialog, name)

    def __repr__(self) -> str:
        """Without the functions: help() shows this as a default."""
        return "Dialog()"


def _names() -> list[str]:
    return [field.name for field in fields(Dialog)]


def guarded(dialog: Dialog) -> Dialog:
    """The same dialog. What its functions raise comes out of the sign-in as it is, and what they
    return is looked at; ``open_browser`` is called by a thread of its own, and see there.
    """
    given = {name: getattr(dialog, name) for name in _names() if dialog.has(name)}
    return Dialog(**{name: function if name == "open_browser" else callbacks.checked(name, function)
                     for name, function in given.items()})


def counted_down(dialog: Dialog, wait: Callable[[], T]) -> T:
    """The result of a wait that is counted down. What ends it is raised, whatever a last call of
    the countdown, with None, raises then.
    """
    try:
        result = wait()
    except BaseException as error:
        ended = error
    else:
        dialog.countdown(None)
        return result
    # Out here: what is being handled would be the context of what the host raises.
    with suppress(HostError, TypeError):
        dialog.countdown(None)
    try:
        raise ended
    finally:
        del ended  # It knows this frame.


@dataclass(frozen=True)
class SignIn:
    """One sign-in: on which config, with whom, and by which clock (one that nobody sets)."""

    run: Run
    dialog: Dialog
    monotonic: Callable[[], float]
    #: Whether Trakt has to ask who is signing in.
    other_account: bool = False
    #: The device code that Trakt has given already; the next ones are asked for.
    first_code: DeviceCode | None = None

    def prove_saving(self) -> Snapshot:
        """The config, once it is proved that tokens could be saved in it.

        A person must not go to Trakt and back for nothing.

        :raises ConfigError, SaveError, LockTimeout: they could not.
        """
        with self.run.hold() as held:
            snapshot, in_doubt = self._read(held)
            intent = Intent.of(snapshot, refresh_unknown=in_doubt)
            redeem.reserve(held, snapshot, redeem.with_doubt(held, intent) if in_doubt else intent)
        self.run.warn_of_settings(snapshot)
        return snapshot

    def redeem(self, ask: Callable[[Snapshot], Ask[T]]) -> Authorization | T:
        """Ask for tokens, once, with the config as it is now, and save them in it.

        :raises ConfigError: something else stands in the config's place; nothing was asked.
        :raises TokensReplaced: somebody else saved tokens while ours were under way.
        """
        self._check_place()
        with self.run.hold() as held:
            snapshot, in_doubt = self._read(held)
            try:
                return redeem.redeem(self.run, held, snapshot, ask(snapshot), spends="",
                                     in_doubt=in_doubt)
            except redeem.HalfAnswer:
                return policy.refresh_half(self.run, held).authorization

    def account_of(self, authorization: Authorization) -> str:
        """The name of the account that has signed in; empty where Trakt does not tell it in time.

        Asked when the tokens are saved, and told to the dialog: somebody who was signed in to
        another account than they thought sees it now.
        """
        name = ""
        try:
            trakt = client_for(self.run.options, self.run.read())
            name = trakt.user_settings(Secret(authorization.access_token),
                                       budget=ACCOUNT_TIME_LIMIT).username
        except TraktConfigError as error:
            logger.debug("%s: the account's name is not known: %s", self.run.name, error.message)
        if self.dialog.show_account is not None:
            self.dialog.show_account(name)
        return name

    def _check_place(self) -> None:
        """See whether the file is still one: people move files while they sign in.

        What takes its place in the very next moment is left to the lock, which sends nothing then.
        """
        try:
            mode = os.lstat(self.run.path).st_mode
        except OSError as error:  # It is gone for a moment, or for good: reading it says so.
            pass_on_hosts(error)
            return
        if not stat.S_ISREG(mode):
            what = ("a directory" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode)
                    else "something that is not a file")
            raise ConfigError(f"the config was replaced by {what} meanwhile: put the file back",
                              hint=f"Nothing was sent. Then sign in again: {command('login')}")

    def _read(self, held: storage.Held) -> tuple[Snapshot, bool]:
        """The config under the lock, and whether an earlier request may have spent its refresh
        token: that is said until there are new tokens.
        """
        snapshot, recovered = recovery.recovered_snapshot(self.run, held, None)
        return snapshot, recovered.in_doubt
