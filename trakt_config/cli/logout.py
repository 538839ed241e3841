"""``trakt-config logout CONFIG``: revoke the authorization at Trakt, then empty its values."""
from __future__ import annotations

import argparse

from trakt_config.authorization.run import Options
from trakt_config.cli import output, report
from trakt_config.errors import printable


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser],
        general: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    logout = commands.add_parser(
        "logout", parents=[general], allow_abbrev=False,
        help="revoke the authorization at Trakt, then empty it in the config",
        description="Revoke the access token and the refresh token at Trakt, then empty the six "
                    "values of the authorization in the config. A pin stays.")
    logout.add_argument("config", metavar="CONFIG", help="a YAML config")
    logout.add_argument("--local", action="store_true",
                        help="only empty the values; do not ask Trakt")
    logout.set_defaults(command=_logout)


def _logout(options: argparse.Namespace) -> int:
    return report.status_of(lambda: _say(options), verbose=options.verbose)


def _say(options: argparse.Namespace) -> None:
    from trakt_config.authorization.logout import logout
    outcome = logout(options.config, Options(), local=options.local)
    if not options.quiet:
        output.out(f"{printable(options.config)}: {outcome.value}")
