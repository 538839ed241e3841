"""``trakt-config sandbox``: the built-in Trakt, kept running, for people who build on this."""
from __future__ import annotations

import argparse
import time
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from trakt_config.cli import arguments, output
from trakt_config.errors import ConfigError, os_reason, printable

if TYPE_CHECKING:
    from trakt_config.sandbox import Sandbox

PORT = 8787


DESCRIPTION = """\
A Trakt on this machine, until Ctrl-C: no account, no network. It keeps Trakt's rules,
and forgets everything when it ends. It serves POST /oauth/token, /oauth/revoke,
/oauth/device/code and /oauth/device/token; GET /users/settings and /sync/watchlist; and
for a browser /, /oauth/authorize and /activate. A program that needs other pages adds them
with answer(): python3 -m pydoc trakt_config.sandbox"""

EXAMPLES = """\
  trakt-config sandbox
  trakt-config sandbox --port 0 --lifetime 45s"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=PORT, metavar="PORT",
                        help=f"where it listens (default: {PORT}; 0 for any that is free)")
    parser.add_argument("--lifetime", type=_lifetime, default=timedelta(days=7), metavar="TIME",
                        help="how long its access tokens are valid: 30s, 45m, 6h, 2d "
                             "(default: 7d)")
    parser.add_argument("--new-server", action="store_true",
                        help="refuse pins that were asked for without PKCE, as is reported of "
                             "Trakt's new server")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("use a number from 0 to 65535")
    return int(text)


def _lifetime(text: str) -> timedelta:
    lifetime = arguments.duration(text)
    if not lifetime:
        raise argparse.ArgumentTypeError("use 1s or more")
    return lifetime


def run(options: argparse.Namespace) -> None:
    """Keep it running until a signal comes."""
    with _listening(options) as sandbox:
        output.out(_instructions(sandbox))
        _follow(sandbox, quiet=options.quiet)


def _listening(options: argparse.Namespace) -> Sandbox:
    from trakt_config.sandbox import Sandbox
    try:
        return Sandbox(port=options.port, lifetime=int(options.lifetime.total_seconds()),
                       new_server=options.new_server)
    except OSError as error:
        raise ConfigError(
            f"the sandbox cannot listen on port {options.port}: {os_reason(error)}",
            hint="Choose another one: trakt-config sandbox --port 0 takes any that is free."
        ) from None


def _instructions(sandbox: Sandbox) -> str:
    variables = "\n".join(f"  export {name}={value}" for name, value in sandbox.environ.items())
    return f"""\
A Trakt of our own runs at {sandbox.url} until Ctrl-C. In the shell that is to use it:

{variables}

In the config, below trakt:

  client_id: {sandbox.client_id}
  client_secret: {sandbox.client_secret}

Enter the code that trakt-config login shows:
  {sandbox.url}/activate
Get a pin, to be put into the config:
  {sandbox.pin_address}
"""


def _follow(sandbox: Sandbox, *, quiet: bool) -> NoReturn:
    """Show a line for each request, until a signal ends it."""
    shown = 0
    while True:
        time.sleep(0.2)
        for request in sandbox.ledger[shown:]:
            shown += 1
            if not quiet:
                output.out(printable(f"{request.method} {request.path} {request.status}"))
