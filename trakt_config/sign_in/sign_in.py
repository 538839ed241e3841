"""A sign-in under way: the person, and the config that the tokens go into.

Each request for tokens is made under the lock and saved as every other (:mod:`.spending`), so that
a sign-in that has succeeded at Trakt is never lost; while the person is busy, nothing is locked.
"""
from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Callable

from trakt_config import oauth, storage
from trakt_config.authorization import redeem, refresh
from trakt_config.authorization.recovery import Finding
from trakt_config.authorization.redeem import Ask, Note
from trakt_config.authorization.run import Job, View
from trakt_config.oauth import DeviceCode
from trakt_config.tokens import Authorization


def open_browser(url: str) -> bool:
    """Open `url` in a browser window; False, at once, where there can be none."""
    has_windows = (sys.platform in ("win32", "darwin") or os.environ.get("BROWSER")
                   or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if not has_windows:  # webbrowser would start a text browser, in the middle of our terminal.
        return False
    import webbrowser
    try:
        return webbrowser.open(url)
    except (OSError, webbrowser.Error):
        return False


@dataclass(frozen=True)
class Dialog:
    """How a sign-in talks to the person; what is left out stays silent.

    :ivar show_code: where to go, and which code to enter there; for ``device``.
    :ivar show_address: the address at which to sign in; for ``browser`` and ``pin``.
    :ivar open_browser: opens that address; False where it could not. For ``browser``.
    :ivar ask_pin: the pin, or the whole address that Trakt redirected to; for ``pin``.
    :ivar offer_new_code: whether to go on with another device code; gets why the one ended.
    :ivar countdown: gets the seconds that are left, once a second; None when that is over.
    """

    show_code: Callable[[DeviceCode], object] = lambda code: None
    show_address: Callable[[str], object] = lambda url: None
    open_browser: Callable[[str], bool] = open_browser
    ask_pin: Callable[[], str] = lambda: ""
    offer_new_code: Callable[[str], bool] = lambda why: False
    countdown: Callable[[float | None], object] = lambda left: None


@dataclass(frozen=True)
class SignIn:
    """One sign-in: on which config, with whom, and by which clock (one that nobody sets)."""

    job: Job
    dialog: Dialog
    monotonic: Callable[[], float]

    @property
    def endpoints(self) -> oauth.Endpoints:
        return oauth.Endpoints.from_environ(self.job.options.environ)

    def prove_saving(self) -> View:
        """The config, once it is proved that tokens could be saved in it.

        A person must not go to Trakt and back for nothing.

        :raises ConfigError, SaveError, LockTimeout: they could not.
        """
        with self.job.hold() as held:
            view, note, _ = self._look(held)
            redeem.reserve(held, view, note)
            return view

    def spend(self, ask: Callable[[View], Ask]) -> Authorization | None:
        """Ask for tokens, once, with the config as it is now, and save them in it.

        :raises TheirsWins: somebody else saved tokens while ours were under way.
        """
        with self.job.hold() as held:
            view, note, keep_note = self._look(held)
            return redeem.spend(self.job, held, view, ask(view), note=note, keep_note=keep_note)

    def _look(self, held: storage.Held) -> tuple[View, Note, bool]:
        """The config under the lock; what our tokens will replace; whether the journal stays.

        It says of an earlier refresh that its outcome is not known, until there are new tokens.
        """
        view, finding = refresh.locked_view(self.job, held, None)
        if finding is Finding.NEWER:
            raise refresh.newer_journal()
        unknown = finding is Finding.UNKNOWN
        return view, Note.of(view, spends_refresh_token=unknown), unknown
