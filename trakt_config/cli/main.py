"""The command line: arguments, what is printed, exit statuses; where errors become text."""
from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from typing import Callable

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options, Result
from trakt_config.cli import arguments, login, logout, output, report, sandbox, status, token
from trakt_config.errors import TraktConfigError, printable
from trakt_config.version import __version__


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    output.prepare()
    try:
        output.raise_on_signals()
        options = _parser().parse_args(argv)
        _log(options.verbose)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except output.Interrupted as interrupted:
        return interrupted.exit_status
    except Exception as error:
        return report.bug(error, verbose="-v" in argv or "--verbose" in argv)


def _parser() -> argparse.ArgumentParser:
    general = _general_options()
    parser = argparse.ArgumentParser(
        prog="trakt-config", parents=[_general_options()], allow_abbrev=False,
        description="Keep the trakt block of a YAML config signed in, and change nothing else.")
    parser.set_defaults(verbose=False, quiet=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_authorize(commands, general)
    login.add(commands, general)
    status.add(commands, general)
    token.add(commands, general)
    logout.add(commands, general)
    sandbox.add(commands, general)
    demo = commands.add_parser(
        "demo", parents=[general], allow_abbrev=False,
        help="the whole job on a built-in Trakt on this machine: no account, no network")
    demo.set_defaults(command=_demo)
    return parser


def _general_options() -> argparse.ArgumentParser:
    general = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    general.add_argument("-v", "--verbose", action="store_true", help="say more")
    general.add_argument("-q", "--quiet", action="store_true",
                         help="only warnings, errors, and what was asked for")
    general.add_argument("--version", action="version", version=f"trakt-config {__version__}")
    return general


def _add_authorize(commands: argparse._SubParsersAction[argparse.ArgumentParser],
                   general: argparse.ArgumentParser) -> None:
    authorize = commands.add_parser(
        "authorize", parents=[general], allow_abbrev=False,
        help="make sure that the authorization in each config is valid",
        description="Exchange a pin or refresh what is due, and write it back into the config. "
                    "Made to run before every job, unattended: it never asks.")
    authorize.add_argument("configs", metavar="CONFIG", nargs="+", help="a YAML config")
    arguments.add_min_validity(authorize)
    authorize.add_argument("--force", action="store_true", help="refresh although it is fresh")
    form = authorize.add_mutually_exclusive_group()
    form.add_argument("--dry-run", action="store_true",
                      help="show what would be done, with all values masked, and do nothing")
    form.add_argument("--json", action="store_true", help="one JSON object for each config")
    authorize.set_defaults(command=_authorize)


def _authorize(options: argparse.Namespace) -> int:
    """Do each config; one that fails does not stop the others."""
    one = _show_plan if options.dry_run else _authorize_one
    return report.gravest(_status_of(one, config, options) for config in options.configs)


def _status_of(one: Callable[[str, argparse.Namespace], None], config: str,
               options: argparse.Namespace) -> int:
    def on_error(error: TraktConfigError) -> None:
        if options.json:
            output.out(_json(config, None, error))

    return report.status_of(lambda: one(config, options), verbose=options.verbose,
                            on_error=on_error)


def _authorize_one(config: str, options: argparse.Namespace) -> None:
    result = ensure_authorized(config, Options(min_validity=options.min_validity,
                                               force=options.force))
    if options.json:
        output.out(_json(config, result, None))
    elif not options.quiet:
        output.out(f"{printable(config)}: {result.outcome.value}, "
                    f"{report.validity(result.authorization.expires_at)}")


def _show_plan(config: str, options: argparse.Namespace) -> None:
    from trakt_config.authorization.plan import LEFT_OVER, plan
    found = plan(config, Options(min_validity=options.min_validity, force=options.force))
    output.out(f"{printable(config)}: {found.intention}")
    if found.has_left_over:
        output.out(f"{printable(config)}: {LEFT_OVER}")
    if found.diff:
        output.out(found.diff.rstrip("\n"))


def _demo(options: argparse.Namespace) -> int:
    from trakt_config.cli import demo
    return demo.run(write=output.out)


def _json(config: str, result: Result | None, error: TraktConfigError | None) -> str:
    expires_at = result.authorization.expires_at if result else None
    return json.dumps({
        "config": printable(config),
        "outcome": result.outcome.value if result else "failed",
        "expires_at": expires_at and report.rfc3339(expires_at),
        "expires_in": int(expires_at.timestamp() - time.time()) if expires_at else None,
        "error": error and report.error_object(error),
    })


def _log(verbose: bool) -> None:
    logger = logging.getLogger("trakt_config")
    logger.addHandler(output.LogHandler())
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
