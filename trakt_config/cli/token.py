"""``trakt-config token CONFIG``: a valid access token on stdout, for scripts."""
from __future__ import annotations

import argparse

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.cli import arguments, output
from trakt_config.errors import SaveError

DESCRIPTION = """\
Print a valid access token, and nothing else. It is refreshed first where that is due;
force_refresh in the config does not count here. What is printed is a secret: keep it
out of logs and of other programs' arguments."""

EXAMPLES = """\
  printf 'Authorization: Bearer %s' "$(trakt-config token config.yml)" | curl -H @- ..."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config(parser)
    arguments.add_min_validity(parser)


def run(options: argparse.Namespace) -> None:
    """Print it."""
    result = ensure_authorized(options.config, Options(min_validity=options.min_validity,
                                                       ignore_force_refresh=True))
    if not output.out(result.authorization.access_token):
        output.take_loss()  # It is told here.
        raise SaveError("the access token could not be written to stdout", path=options.config,
                        hint="Check that something reads it, and that the disk has room.")
