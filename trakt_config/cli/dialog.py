"""What a person is shown and asked while they sign in."""
from __future__ import annotations

import io
import sys
from datetime import datetime, timedelta, timezone
from importlib import import_module

from trakt_config.cli import output, pasted, terminal
from trakt_config.errors import SaveError
from trakt_config.oauth import cleaned
from trakt_config.sign_in import DeviceCode, Dialog, can_open

_OTHER_ACCOUNT = ("Sign out of Trakt in that browser first, or use a private window: it asks for "
                  "another account only then.\n")


class Conversation:
    """One sign-in at the terminal, or before somebody who reads a log.

    :ivar account: the name of the account that has signed in, once it is known.
    """

    def __init__(self, method: str, *, other_account: bool = False) -> None:
        self.account = ""
        self._method = method
        self._other_account = other_account
        self._page = ""
        self._offers_page = terminal.is_interactive() and can_open()

    def dialog(self) -> Dialog:
        return Dialog(
            show_code=self._show_code, show_address=self._show_address, ask_pin=self._ask_pin,
            offer_new_pin=self._offer_new_pin, offer_new_code=self._offer_new_code,
            wants_page=self._wants_page, show_account=self._keep_account,
            countdown=self._countdown)

    def _show_code(self, code: DeviceCode) -> None:
        end = datetime.now(timezone.utc) + timedelta(seconds=code.expires_in)
        offer = "Press Enter to open it in a browser here.\n" if self._offers_page else ""
        self._show(
            "To sign in, open this page on any device, and enter the code:\n\n"
            f"  {cleaned(code.verification_url)}\n"
            f"  {cleaned(code.user_code)}\n\n"
            "Or open it with the code filled in:\n\n"
            f"  {cleaned(code.link)}\n\n"
            f"{_qr_code(code.link)}"
            f"{_OTHER_ACCOUNT if self._other_account else ''}{offer}"
            f"The code is valid until {output.local_time(end)} "
            f"({output.for_people(timedelta(seconds=code.expires_in))}).")

    def _show_address(self, url: str) -> None:
        if self._method == "browser" and not can_open():
            self._show("No browser can be opened from here. Open this page in one on this machine "
                       "(or end this with Ctrl-C, and sign in without --browser: that gives a code "
                       f"for any device):\n\n  {url}\n")
        elif self._method == "browser":
            self._show("To sign in, use the page that opens in your browser. If none opens, or it "
                       f"cannot show the page, open this yourself, on this machine:\n\n  {url}\n")
        else:
            self._show("To sign in, open this page in any browser; then bring the PIN that it "
                       f"shows, or the whole address that it is sent to:\n\n  {url}\n")

    def _ask_pin(self) -> str:
        return pasted.without_wrapping(terminal.ask("PIN, or the whole address: ", insist=True),
                                       "pin")

    def _offer_new_pin(self, why: str) -> bool:
        if terminal.is_interactive():
            output.err(f"{_sentence(why)} Get another one at the same page, and try again.")
        return terminal.is_interactive()

    def _offer_new_code(self, why: str) -> bool:
        return terminal.agrees(f"{_sentence(why)} Get another code?")

    def _wants_page(self) -> bool:
        return self._offers_page and terminal.has_typed_a_line()

    def _show(self, text: str) -> None:
        """On stdout; where that is closed, on stderr: nobody signs in with what is not shown."""
        if output.out(text):
            self._page = text
        else:
            _show_on_stderr(text)

    def _countdown(self, left: float | None) -> None:
        """While somebody waits: who reads stdout may have gone before the code was shown."""
        if self._page and left is not None and output.reader_has_gone():
            page, self._page = self._page, ""
            _show_on_stderr(page)
        terminal.countdown(left)

    def _keep_account(self, name: str) -> None:
        self.account = cleaned(name)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _show_on_stderr(text: str) -> None:
    if not output.err(text):
        raise SaveError("the page to sign in at cannot be shown: nothing reads stdout and stderr",
                        hint="Run this again, where its output can be seen.")


def _qr_code(link: str) -> str:
    """The page with the code, for a telephone's camera; empty without the extra ``qr``."""
    if not output.is_utf8_terminal(sys.stdout):
        return ""
    try:
        segno = import_module("segno")
    except ImportError:
        return ""
    drawing = io.StringIO()
    segno.make(link, micro=False).terminal(drawing, compact=True)
    return f"{drawing.getvalue()}\n"
