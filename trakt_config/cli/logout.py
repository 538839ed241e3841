"""``trakt-config logout CONFIG``: revoke the authorization at Trakt, then empty its values."""
from __future__ import annotations

import argparse

from trakt_config.authorization.run import Options
from trakt_config.cli import arguments, output
from trakt_config.errors import printable

DESCRIPTION = """\
Revoke the access token and the refresh token at Trakt, then empty the six values of the
authorization in the config. A pin stays."""

EXAMPLES = """\
  trakt-config logout config.yml
  trakt-config logout --local config.yml    where Trakt cannot be reached"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config(parser)
    parser.add_argument("--local", action="store_true",
                        help="only empty the values; do not ask Trakt")


def run(options: argparse.Namespace) -> None:
    """Log out and say how that ended."""
    from trakt_config.authorization.logout import logout
    outcome = logout(options.config, Options(), local=options.local)
    if not options.quiet:
        output.done(f"{printable(options.config)}: {outcome.value}")
