"""``trakt-config exec CONFIG -- COMMAND``: authorize, then become COMMAND.

For jobs that cannot write their config: they get the access token in their environment, and nothing
that can be spent. The program becomes COMMAND (execvp(3)): the same process, so its exit status,
signals and terminal are COMMAND's own, also as PID 1.
"""
from __future__ import annotations

import argparse
import errno
import os
import re
import signal
import subprocess
from collections.abc import Container, Mapping, Sequence
from typing import NoReturn

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options, logger
from trakt_config.cli import arguments, boundary, output
from trakt_config.errors import os_reason, printable
from trakt_config.tokens import Authorization

DESCRIPTION = """\
Authorize as `trakt-config authorize` does, then become COMMAND, with the access token in its
environment: KOMETA_TRAKT_ACCESS_TOKEN, KOMETA_TRAKT_TOKEN_TYPE, KOMETA_TRAKT_EXPIRES_IN,
KOMETA_TRAKT_SCOPE and KOMETA_TRAKT_CREATED_AT. The refresh token, the client secret and the pin
are not among them, and what stands there of older runs is taken out; the rest of the environment
is passed on. Where there is no authorization, COMMAND is not started."""

EXAMPLES = """\
  trakt-config exec trakt.yml -- python3 kometa.py --run --read-only-config
  trakt-config exec --min-validity 6h --env TRAKT_TOKEN=access_token trakt.yml -- ./job.sh"""

#: What COMMAND may be given, by the name that `--env` takes.
EXPORTED = ("access_token", "token_type", "expires_in", "scope", "created_at")

#: What the media manager takes for the same (in any case, with dashes too), and what a host could
#: spend: none of it comes from anywhere else.
_STALE = frozenset(f"{prefix}_TRAKT_{key.upper()}" for prefix in ("KOMETA", "PMM")
                   for key in (*EXPORTED, "refresh_token", "pin"))

#: As a shell has them (POSIX, Shell Command Language, 2.8.2).
CANNOT_RUN, NOT_FOUND = 126, 127

#: What is no program, and what people write before a command, or for one.
_OF_THE_SHELL = frozenset({".", "alias", "cd", "eval", "exec", "export", "if", "for", "set",
                           "source", "ulimit", "umask", "unset", "while"})

#: Python ignores these from its start; a program expects them as they were.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


def add_arguments(parser: arguments.Parser) -> None:
    arguments.add_config(parser)
    arguments.add_min_validity(parser)
    parser.add_argument("--env", metavar="NAME=KEY", type=_variable, action="append", default=[],
                        help=f"set NAME as well; KEY is one of {', '.join(EXPORTED)}")
    parser.add_argument("--anyway", action="store_true",
                        help="start COMMAND, without a token, where there is no authorization")
    parser.too_many = "one CONFIG, then --, then COMMAND"
    parser.usage = f"{parser.prog} [options] CONFIG -- COMMAND [ARG ...]"


def _variable(text: str) -> tuple[str, str]:
    name, equals, key = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("write it as NAME=KEY, such as TRAKT_TOKEN=access_token")
    if not name.isidentifier() or not name.isascii():
        raise argparse.ArgumentTypeError("NAME is a word of letters, digits and underscores")
    if key not in EXPORTED:
        raise argparse.ArgumentTypeError(f"KEY is one of {', '.join(EXPORTED)}")
    return name, key


def run(options: argparse.Namespace) -> int:
    """Become the command; returns only where it was not started."""
    if not options.command_line:
        options.refuse("exec needs a command after --")
    names = _names(options)
    environ = inherited(names)
    authorizations: list[Authorization] = []
    status = boundary.exit_status(lambda: authorizations.append(_authorize(options)),
                                  verbose=options.verbose)
    if authorizations:
        values = authorizations[0].values()
        environ.update({name: values[key] for name, key in names.items()})
    elif not options.anyway:
        return status
    else:
        logger.warning("%s: not authorized; the command is started without a token, as --anyway "
                       "asks", printable(options.config))
    return become(options.command_line, environ)


def _authorize(options: argparse.Namespace) -> Authorization:
    return ensure_authorized(options.config,
                             Options(min_validity=options.min_validity)).authorization


def _names(options: argparse.Namespace) -> dict[str, str]:
    """What each variable of the command's gets."""
    names = {f"KOMETA_TRAKT_{key.upper()}": key for key in EXPORTED}
    for name, key in options.env:
        if names.setdefault(name, key) != key:
            options.refuse(f"--env {name} cannot be both {names[name]} and {key}")
    return names


def inherited(names: Container[str]) -> dict[str, str]:
    """Our environment as it was at our start, but for what could be taken for the token of now."""
    environ = {name: value for name, value in os.environ.items()
               if name not in names and name.upper().replace("-", "_") not in _STALE}
    return _without_coercion(environ)


def _without_coercion(environ: dict[str, str]) -> dict[str, str]:
    """In the C locale Python sets LC_CTYPE for itself and its children (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as stream:
            given = dict(line.partition(b"=")[::2] for line in stream.read().split(b"\0"))
    except OSError:
        return environ
    environ.pop("LC_CTYPE", None)
    if b"LC_CTYPE" in given:
        environ["LC_CTYPE"] = os.fsdecode(given[b"LC_CTYPE"])
    return environ


def become(command_line: Sequence[str], environ: Mapping[str, str]) -> int:
    """Replace this process by the command. Returns an exit status where that is not possible."""
    try:
        if os.name == "nt":  # Untested: exec there would end this process before the command ends.
            return subprocess.run(command_line, env=environ, check=False).returncode
        _restore_signals()
        output.give_back_streams()
        _execute(command_line, environ)
    except OSError as error:
        is_missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        reason = os_reason(error)
        if is_missing and os.path.isfile(command_line[0]):
            reason = "the interpreter that its first line names is missing"
        elif is_missing:
            reason += _meant(command_line)
        output.error(f"trakt-config: {printable(command_line[0]) or repr('')}: {reason}")
        return NOT_FOUND if is_missing else CANNOT_RUN


def _meant(command_line: Sequence[str]) -> str:
    """What a shell would have understood; empty where there is no telling."""
    name = command_line[0]
    if len(command_line) == 1 and " " in name:
        return " (write the command and its arguments without quotes around them all)"
    if re.match(r"[A-Za-z_]\w*=", name):
        return " (to set a variable, write env before it)"
    if name in _OF_THE_SHELL:
        return " (it is the shell's own: write sh -c and the whole command in quotes)"
    return ""


def _execute(command_line: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """execvp(3), which gives a script without a `#!` line to the shell.

    :raises OSError: it cannot be executed.
    """
    name, *arguments = command_line
    problem = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    refused: OSError | None = None
    for path in _places(name, environ):
        try:
            os.execve(path, [name, *arguments], environ)
        except PermissionError as error:
            refused = error
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            os.execve("/bin/sh", ["/bin/sh", path, *arguments], environ)
    raise refused or problem


def _places(name: str, environ: Mapping[str, str]) -> list[str]:
    """Where a command of this name may be."""
    if not name or os.path.dirname(name):
        return [name] if name else []
    return [os.path.join(folder, name) for folder in os.get_exec_path(environ)]


def _restore_signals() -> None:
    """What we caught is for the command as it was for us at our start, and what Python ignores is
    as programs expect it. A signal that comes meanwhile waits, and then ends us as any other.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, output.SIGNALS)
    for number in output.SIGNALS:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for name in _IGNORED_BY_PYTHON:
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
