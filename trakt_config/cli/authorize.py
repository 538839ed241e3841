"""``trakt-config authorize CONFIG...``: the main job, made to run before every job, unattended."""
from __future__ import annotations

import argparse
import time
from typing import Any, Callable

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options, Result
from trakt_config.cli import arguments, boundary, output
from trakt_config.errors import TraktConfigError, printable

DESCRIPTION = """\
Exchange a pin or refresh what is due, and write it back into the config. It never asks
anything, so it can run before every job, unattended."""

EXAMPLES = """\
examples:
  trakt-config authorize config.yml
  trakt-config authorize -q --min-validity 6h config.yml    before a job of six hours, from cron
  trakt-config authorize --dry-run config.yml               what would change, values masked
  trakt-config authorize config.yml --copy-to other.yml     give another config the access token"""


def add_arguments(parser: arguments.Parser) -> None:
    arguments.add_configs(parser)
    parser.too_many = ("name every CONFIG before the options; --copy-to takes one OTHER, and may "
                       "be repeated")
    arguments.add_min_validity(parser)
    parser.add_argument("--force", action="store_true", help="refresh although it is fresh")
    parser.add_argument("--copy-to", metavar="OTHER", action="append", default=[],
                        type=arguments.path,
                        help="give OTHER all but the refresh token; may be repeated")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--dry-run", action="store_true",
                      help="show what would be done, with all values masked, and do nothing")
    form.add_argument("--json", action="store_true", help="one JSON object for each config")


def run(options: argparse.Namespace) -> int:
    """Do each config; one that fails does not stop the others."""
    if options.copy_to and len(options.configs) > 1:
        options.refuse("--copy-to goes with one CONFIG: the one that holds the refresh token")
    if len(options.configs) > 1:
        arguments.warn_of_shared_tokens(options.configs)
    if options.dry_run:
        return boundary.gravest(_each(_plan, config, options) for config in options.configs)
    if options.copy_to:
        _disarm_twins(options)
    statuses = [_each(_authorize, config, options) for config in options.configs]
    if options.copy_to and statuses == [0]:
        statuses += [_each(_copy, other, options) for other in options.copy_to]
    return boundary.gravest(statuses)


def _each(work: Callable[[str, argparse.Namespace], None], config: str,
          options: argparse.Namespace) -> int:
    """The exit status for one file; with ``--json`` its error is an object too."""
    def on_error(error: TraktConfigError) -> None:
        if options.json:
            output.json(_object(config, None, error))

    return boundary.exit_status(lambda: work(config, options), verbose=options.verbose,
                                on_error=on_error)


def _options(options: argparse.Namespace) -> Options:
    return Options(min_validity=options.min_validity, force=options.force)


def _authorize(config: str, options: argparse.Namespace) -> None:
    result = ensure_authorized(config, _options(options))
    if options.json:
        output.json(_object(config, result, None))
    elif not options.quiet:
        output.done(f"{printable(config)}: {result.outcome.value}, "
                    f"{output.validity(result.authorization.expires_at)}")


def _disarm_twins(options: argparse.Namespace) -> None:
    """Before the refresh token is spent. What fails here fails again, and is told, when copying."""
    from trakt_config.authorization.copy import disarm_twin
    for other in options.copy_to:
        try:
            disarm_twin(other, options.configs[0], _options(options))
        except TraktConfigError:
            pass


def _copy(other: str, options: argparse.Namespace) -> None:
    from trakt_config.authorization.copy import copy_to
    holder = options.configs[0]
    is_written = copy_to(other, holder, _options(options))
    if options.json:
        output.json({"config": printable(other), "copy_of": printable(holder),
                     "outcome": "copied" if is_written else "fresh", "error": None})
    elif not options.quiet:
        what = "copied from" if is_written else "has the authorization of"
        output.done(f"{printable(other)}: {what} {printable(holder)}")


def _plan(config: str, options: argparse.Namespace) -> None:
    from trakt_config.authorization.plan import plan
    found = plan(config, _options(options))
    output.out(f"{printable(config)}: {found.intention}")
    for note in filter(None, (found.left_over, found.obstacle)):
        output.out(f"{printable(config)}: {note}")
    if found.diff:
        output.out(found.diff.rstrip("\n"))
    for other in options.copy_to:
        output.out(f"{printable(other)}: would get the access token of {printable(config)}")


def _object(config: str, result: Result | None,
            error: TraktConfigError | None) -> dict[str, Any]:
    expires_at = result.authorization.expires_at if result else None
    return {
        "config": printable(config),
        "outcome": result.outcome.value if result else "failed",
        "expires_at": expires_at and output.rfc3339(expires_at),
        "expires_in": int(expires_at.timestamp() - time.time()) if expires_at else None,
        "error": error and boundary.error_object(error),
    }
