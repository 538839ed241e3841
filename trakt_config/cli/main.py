"""The command line: which commands there are, and the one boundary around them.

A command is a module of this package with

    DESCRIPTION              what it does, for its ``--help``
    EXAMPLES                 lines to copy, for its ``--help``
    add_arguments(parser)    its arguments
    run(options)             does it; returns an exit status, or None for 0; raises our errors

and a line in :data:`COMMANDS`. It is imported only when it is chosen.
"""
from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

from trakt_config.cli import boundary, output
from trakt_config.cli.arguments import Parser
from trakt_config.version import __version__

#: Each command and what it does, in a line.
COMMANDS: Mapping[str, str] = {
    "authorize": "make sure that the authorization in each config is valid",
    "exec": "authorize, then become another program, with the access token in its environment",
    "login": "sign in at Trakt, interactively",
    "status": "what is in each config; exit status 0 if it is usable",
    "token": "print a valid access token, for scripts",
    "logout": "revoke the authorization at Trakt, then empty it in the config",
    "demo": "the whole job on a built-in Trakt on this machine: no account, no network",
    "sandbox": "keep the built-in Trakt running, for people who build on this package",
}


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    verbose = "-v" in argv or "--verbose" in argv
    try:
        problem = boundary.exit_status(output.prepare, verbose=verbose)
        if problem:
            return problem
        output.raise_on_signals()
        words, command_line = _split(argv)
        options = _parser(words).parse_args(words)
        options.command_line = command_line
        _log(options.verbose)
        status = boundary.exit_status(lambda: _command(options.command).run(options),
                                      verbose=options.verbose)
        return boundary.with_output(status, is_the_job=_is_for_its_output(options))
    except output.Interrupted as interrupted:
        return interrupted.exit_status
    except Exception as error:
        return boundary.bug(error, verbose)


def _is_for_its_output(options: argparse.Namespace) -> bool:
    """Whether it was called for what it prints: else it has done its job without."""
    return (options.command in ("status", "demo") or getattr(options, "json", False)
            or getattr(options, "dry_run", False))


def _chosen(argv: Sequence[str]) -> str:
    return next((word for word in argv if not word.startswith("-")), "")


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Our words, and the command line of the program behind the ``--`` of `exec`."""
    if _chosen(argv) != "exec" or "--" not in argv:
        return argv, ()
    end = list(argv).index("--")
    return argv[:end], argv[end + 1:]


def _parser(argv: Sequence[str]) -> Parser:
    """The parser; of the commands only the one that `argv` names has its arguments.

    Where that comes first, the others are not there at all: nothing shows them then, and every
    one costs time.
    """
    chosen = _chosen(argv)
    parser = Parser(
        prog="trakt-config", parents=[_general_options()], allow_abbrev=False,
        description="Keep the trakt block of a YAML config signed in, and change nothing else.",
        epilog="Each command has its own help: trakt-config COMMAND --help")
    parser.set_defaults(verbose=False, quiet=False)
    commands: Any = parser.add_subparsers(metavar="COMMAND", dest="command", required=True,
                                          parser_class=Parser, prog=parser.prog)
    shown = [chosen] if argv[:1] == [chosen] and chosen in COMMANDS else COMMANDS
    for name in shown:
        command = commands.add_parser(
            name, parents=[_general_options()], allow_abbrev=False, help=COMMANDS[name])
        if name == chosen:
            module = _command(name)
            command.description = module.DESCRIPTION
            command.epilog = f"examples:\n{module.EXAMPLES}"
            module.add_arguments(command)
            command.set_defaults(refuse=command.error)
    before = argv[:list(argv).index(chosen)] if chosen else argv
    if chosen not in COMMANDS or any(word not in parser.options for word in before):
        from trakt_config.cli import meant
        meant.refuse(parser, chosen, argv, COMMANDS, _options_of)
    return parser


def _options_of(name: str) -> Collection[str]:
    parser = Parser(parents=[_general_options()])
    _command(name).add_arguments(parser)
    return parser.options


def _command(name: str) -> Any:
    return import_module(f"trakt_config.cli.{name}")


def _general_options() -> argparse.ArgumentParser:
    general = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    general.add_argument("-v", "--verbose", action="store_true", help="say more")
    general.add_argument("-q", "--quiet", action="store_true",
                         help="only warnings, errors, and what was asked for")
    general.add_argument("--version", action="version", version=f"trakt-config {__version__}")
    return general


def _log(verbose: bool) -> None:
    logger = logging.getLogger("trakt_config")
    logger.addHandler(output.LogHandler())
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    if verbose:
        logger.debug("trakt-config %s; %s", __version__, _where_trakt_is())


def _where_trakt_is() -> str:
    """Where requests would go: a variable that was set once and forgotten has to be seen."""
    from trakt_config.errors import ConfigError
    from trakt_config.oauth import Endpoints
    try:
        endpoints = Endpoints.from_environ(os.environ)
    except ConfigError as error:
        return error.message
    names = [name for name in ("TRAKT_CONFIG_OAUTH_URL", "TRAKT_CONFIG_API_URL")
             if os.environ.get(name)]
    why = f" (set by {' and '.join(names)})" if names else ""
    return f"Trakt is {endpoints.oauth} and {endpoints.api}{why}"
