"""``trakt-config token CONFIG``: a valid access token on stdout, for scripts."""
from __future__ import annotations

import argparse

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.cli import arguments, output, report
from trakt_config.errors import SaveError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser],
        general: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    token = commands.add_parser(
        "token", parents=[general], allow_abbrev=False,
        help="print a valid access token, for scripts",
        description="Print a valid access token, and nothing else. It is refreshed first where "
                    "that is due; force_refresh in the config does not count here. What is "
                    "printed is a secret: keep it out of logs and of other programs' arguments.")
    token.add_argument("config", metavar="CONFIG", help="a YAML config")
    arguments.add_min_validity(token)
    token.set_defaults(command=_token)


def _token(options: argparse.Namespace) -> int:
    return report.status_of(lambda: _print(options), verbose=options.verbose)


def _print(options: argparse.Namespace) -> None:
    result = ensure_authorized(options.config, Options(min_validity=options.min_validity,
                                                       ignore_force_refresh=True))
    if not output.out(result.authorization.access_token):
        raise SaveError("the access token could not be written to stdout",
                        hint="Is there somebody who reads it, or room on the disk?")
