"""``trakt-config login CONFIG``: arguments, questions, and what a person is shown."""
from __future__ import annotations

import argparse
import io
import os
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from trakt_config.cli import arguments, output, terminal
from trakt_config.errors import ConfigError, command, printable

if TYPE_CHECKING:
    from trakt_config.sign_in import DeviceCode, Dialog

_VISIBLE = re.compile("[!-~]*")


DESCRIPTION = """\
Sign in at Trakt and save the authorization in the config, over the one that is there.
As a rule with a code that you enter on any device. Where the config has no client_id
yet, it asks for that and for the client_secret, or reads them from stdin, one a line."""

EXAMPLES = """\
examples:
  trakt-config login config.yml             with a code, entered on any device
  trakt-config login --create trakt.yml     a new file
  trakt-config login --browser config.yml   with a browser on this machine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config(parser)
    method = parser.add_mutually_exclusive_group()
    method.add_argument("--browser", dest="method", action="store_const", const="browser",
                        help="sign in with a browser on this machine; needs a redirect_uri such as "
                             "http://127.0.0.1:8765/callback, here and at the Trakt app")
    method.add_argument("--pin", dest="method", action="store_const", const="pin",
                        help="sign in with a browser anywhere, and type the PIN that it shows, "
                             "or the whole address that it is sent to")
    parser.add_argument("--create", action="store_true",
                       help="make the config if it does not exist, readable by you alone")
    parser.set_defaults(method="device")


def run(options: argparse.Namespace) -> None:
    """Let the person sign in."""
    try:
        _sign_in(options)
    except output.Interrupted:
        if terminal.is_interactive():
            output.err("")  # The shell's prompt shall not follow ^C or a half-typed answer.
        raise


def _sign_in(options: argparse.Namespace) -> None:
    _prepare(options.config, create=options.create)
    _warn_of_readers(options.config)
    from trakt_config.sign_in import login
    authorization = login(options.config, method=options.method, dialog=_dialog(options.method))
    if not options.quiet:
        output.done(f"{printable(options.config)}: signed in, "
                    f"{output.validity(authorization.expires_at)}")


# -- the config ----------------------------------------------------------------------------------

def _prepare(config: str, *, create: bool) -> None:
    """See to it that there is a config, and a client_id in it."""
    from trakt_config import sign_in, storage
    is_new = not os.path.lexists(config)
    if is_new and not create:
        raise ConfigError("the config does not exist", path=config,
                          hint=f"Check its path, or have it made: {command('login --create')}")
    keys = ("client_id", "client_secret") if is_new else sign_in.missing(config)
    client_id, client_secret = _ask_for_client(config, keys)
    if not client_id and not client_secret:
        return
    if is_new:
        storage.create(config)
    if not sign_in.register(config, client_id, client_secret):
        output.err(sign_in.block(client_id, has_secret=bool(client_secret)).rstrip("\n"))
        raise ConfigError("the client_id cannot be put in without changing something else",
                          hint="Paste what is missing of the lines above into the config, with "
                               "your client_secret, and run this again.", path=config)


def _ask_for_client(config: str, keys: tuple[str, ...]) -> tuple[str, str]:
    """Id and secret, as far as they are among `keys`; the secret is empty where the app has none.

    A secret alone is asked for at a terminal only: what comes on stdin may be the PIN.
    """
    if "client_id" in keys:
        return _ask_for_id(config), _ask_for_secret(config) if "client_secret" in keys else ""
    if "client_secret" in keys and terminal.is_interactive():
        return "", _ask_for_secret(config)
    return "", ""


def _ask_for_id(config: str) -> str:
    from trakt_config.sign_in import NEW_APP_PAGE
    if terminal.is_interactive():
        output.err(f"{printable(config)} has no client_id yet. It is on the page of your API "
                    f"app at Trakt; make one at\n\n  {NEW_APP_PAGE}\n")
    client_id = _checked(config, "client_id", terminal.ask("Client ID: "))
    if not client_id:
        raise ConfigError("trakt has no client_id, and none was given", path=config,
                          hint=f"Run this at a terminal, or give it on stdin. {NEW_APP_PAGE}")
    return client_id


def _ask_for_secret(config: str) -> str:
    return _checked(config, "client_secret", terminal.ask_secret(
        "Client secret (not shown; leave it empty if the app has none): "))


def _checked(config: str, name: str, text: str) -> str:
    """`text`, if it can be an id or a secret; what was typed is never quoted."""
    good = _VISIBLE.match(text)
    assert good is not None
    if good.end() < len(text):
        what = "a blank" if text[good.end()].isspace() else "not printable ASCII"
        raise ConfigError(f"{name}: character {good.end() + 1} is {what}", path=config,
                          hint="Copy the value again, without blanks and invisible characters.")
    return text


def _warn_of_readers(config: str) -> None:
    from trakt_config import storage
    if storage.readable_by_others(config):
        output.err(f"warning: {printable(config)}: {storage.READABLE_BY_OTHERS}")


# -- the dialog ----------------------------------------------------------------------------------

def _dialog(method: str) -> Dialog:
    from trakt_config.sign_in import Dialog
    return Dialog(show_code=_show_code,
                  show_address=_show_browser_address if method == "browser" else _show_address,
                  ask_pin=lambda: terminal.ask("PIN, or the whole address: "),
                  offer_new_code=lambda why: terminal.agrees(
                      f"{why[:1].upper()}{why[1:]}. Get another code?"),
                  countdown=terminal.countdown)


def _show(text: str) -> None:
    """On stdout; where that is closed, on stderr: nobody signs in with what is not shown."""
    if not output.out(text):
        output.err(text)


def _show_code(code: DeviceCode) -> None:
    from trakt_config.oauth import cleaned
    end = datetime.now(timezone.utc) + timedelta(seconds=code.expires_in)
    _show("To sign in, open this page on any device, and enter the code:\n\n"
          f"  {cleaned(code.verification_url)}\n"
          f"  {cleaned(code.user_code)}\n\n"
          f"{_qr_code()}"
          f"The code is valid until {output.local_time(end)} "
          f"({output.for_people(timedelta(seconds=code.expires_in))}).")


def _show_browser_address(url: str) -> None:
    _show("To sign in, use the page that opens in your browser. If none opens, open it "
          f"yourself, on this machine:\n\n  {url}\n")


def _show_address(url: str) -> None:
    _show("To sign in, open this page in any browser; then bring the PIN that it shows, or "
          f"the whole address that it is sent to:\n\n  {url}\n")


def _qr_code() -> str:
    """Where to enter the code, for a telephone's camera; empty without the extra ``qr``."""
    from importlib import import_module

    from trakt_config.oauth import Endpoints
    if not terminal.can_show_blocks():
        return ""
    try:
        segno = import_module("segno")
    except ImportError:
        return ""
    drawing = io.StringIO()
    page = f"{Endpoints.from_environ(os.environ).oauth}/activate"
    segno.make(page, micro=False).terminal(drawing, compact=True)
    return f"{drawing.getvalue()}\n"
