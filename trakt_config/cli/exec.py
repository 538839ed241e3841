"""``trakt-config exec CONFIG -- COMMAND``: authorize, then become COMMAND.

For jobs that cannot write their config: they get the access token in their environment, and nothing
that can be spent. The program becomes COMMAND (execvp(3)): the same process, so its exit status,
signals and terminal are COMMAND's own, also as PID 1.
"""
from __future__ import annotations

import argparse
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.cli import arguments, boundary, output
from trakt_config.errors import os_reason, printable
from trakt_config.tokens import Authorization

DESCRIPTION = """\
Authorize as `trakt-config authorize` does, then become COMMAND, with the access token in its
environment: KOMETA_TRAKT_ACCESS_TOKEN, KOMETA_TRAKT_TOKEN_TYPE, KOMETA_TRAKT_EXPIRES_IN,
KOMETA_TRAKT_SCOPE and KOMETA_TRAKT_CREATED_AT. The refresh token, the client secret and the pin
are not among them. Where there is no authorization, COMMAND is not started."""

EXAMPLES = """\
examples:
  trakt-config exec trakt.yml -- python3 kometa.py --run --read-only-config
  trakt-config exec --min-validity 6h --env TRAKT_TOKEN=access_token trakt.yml -- ./job.sh"""

#: What COMMAND may be given, by the name that `--env` takes.
EXPORTED = ("access_token", "token_type", "expires_in", "scope", "created_at")

#: As a shell has them (POSIX, Shell Command Language, 2.8.2).
CANNOT_RUN, NOT_FOUND = 126, 127

#: Python ignores these from its start; a program expects them as they were.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


def add_arguments(parser: arguments.Parser) -> None:
    arguments.add_config(parser)
    arguments.add_min_validity(parser)
    parser.add_argument("--env", metavar="NAME=KEY", type=_variable, action="append", default=[],
                        help=f"set NAME as well; KEY is one of {', '.join(EXPORTED)}")
    parser.add_argument("--anyway", action="store_true",
                        help="start COMMAND, without a token, where there is no authorization")
    parser.too_many = "write -- between CONFIG and COMMAND"
    parser.usage = f"{parser.prog} [options] CONFIG -- COMMAND [ARG ...]"


def _variable(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    if not name.isidentifier() or not name.isascii():
        raise argparse.ArgumentTypeError("NAME is a word of letters, digits and underscores")
    if key not in EXPORTED:
        raise argparse.ArgumentTypeError(f"KEY is one of {', '.join(EXPORTED)}")
    return name, key


def run(options: argparse.Namespace) -> int:
    """Become the command; returns only where it was not started."""
    if not options.command_line:
        options.refuse("exec needs a command behind --")
    environ = without_token(options.env)
    authorizations: list[Authorization] = []
    status = boundary.exit_status(lambda: authorizations.append(_authorize(options)),
                                  verbose=options.verbose)
    if authorizations:
        environ.update(variables(authorizations[0], options.env))
    elif not options.anyway:
        return status
    else:
        logging.getLogger("trakt_config").warning(
            "%s: not authorized; the command is started without a token, as --anyway asks",
            printable(options.config))
    return become(options.command_line, environ)


def _authorize(options: argparse.Namespace) -> Authorization:
    return ensure_authorized(options.config,
                             Options(min_validity=options.min_validity)).authorization


def variables(authorization: Authorization,
              more: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What the command is given, by the name of the variable."""
    values = authorization.values()
    names = [*((f"KOMETA_TRAKT_{key.upper()}", key) for key in EXPORTED), *more]
    return {name: values[key] for name, key in names}


def without_token(more: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Our environment without an older run's variables, which could be taken for this one's."""
    ours = {f"KOMETA_TRAKT_{key.upper()}" for key in EXPORTED} | {name for name, _ in more}
    return {name: value for name, value in os.environ.items() if name not in ours}


def become(command_line: Sequence[str], environ: dict[str, str]) -> int:
    """Replace this process by the command. Returns an exit status where that is not possible."""
    problem: OSError
    try:
        if os.name == "nt":  # Untested: exec there would end this process before the command ends.
            return subprocess.run(command_line, env=environ, check=False).returncode
        _restore_signals()
        _flush()
        _execute(command_line, environ)
    except OSError as error:
        problem = error
    output.error(f"trakt-config: {printable(command_line[0])}: {os_reason(problem)}")
    is_missing = problem.errno in (errno.ENOENT, errno.ENOTDIR)
    return NOT_FOUND if is_missing else CANNOT_RUN


def _execute(command_line: Sequence[str], environ: dict[str, str]) -> NoReturn:
    """execvp(3), which gives a script without a `#!` line to the shell.

    :raises OSError: it cannot be executed.
    """
    try:
        os.execvpe(command_line[0], list(command_line), environ)
    except OSError as error:
        script = shutil.which(command_line[0], path=environ.get("PATH"))
        if error.errno != errno.ENOEXEC or script is None:
            raise
        os.execve("/bin/sh", ["/bin/sh", script, *command_line[1:]], environ)


def _restore_signals() -> None:
    """What we or Python caught or ignore is for the command as it was for us at our start."""
    for name in _IGNORED_BY_PYTHON:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
