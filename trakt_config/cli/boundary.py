"""The boundary from errors to words and exit statuses."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from trakt_config.cli import output
from trakt_config.errors import (
    AccountProblem,
    ClientRejected,
    ConfigError,
    LockTimeout,
    LoginRequired,
    SaveError,
    TraktConfigError,
    TraktUnavailable,
)

BUG = 1
EXIT_STATUSES = {
    ConfigError: 2,
    LoginRequired: 3,
    ClientRejected: 3,
    AccountProblem: 3,
    TraktUnavailable: 4,
    LockTimeout: 4,
    SaveError: 5,
}
#: Of several files the gravest status is the command's.
GRAVEST_FIRST = (BUG, 5, 3, 2, 4, 0)


def exit_status(work: Callable[[], int | None], *, verbose: bool,
                on_error: Callable[[TraktConfigError], None] = lambda error: None) -> int:
    """Do the work, turn its error into text, and return the exit status.

    :param work: a whole command, or its part for one of several files; None stands for 0.
    :param on_error: gets the error as well, before it is printed.
    """
    try:
        return work() or 0
    except TraktConfigError as error:
        on_error(error)
        output.error(str(error))
        return EXIT_STATUSES[type(error)]
    except Exception as error:
        return bug(error, verbose)


def with_output(status: int, *, is_the_job: bool = True) -> int:
    """The exit status of a command, some of whose output may be lost; that is told here.

    :param is_the_job: whether the command was called for what it prints. Who closes the stdout of
        another one wants no word of what was done.
    """
    why = output.take_loss()
    if not why:
        return status
    what = f"the output could not be written to stdout: {why}"
    if is_the_job:
        output.error(f"trakt-config: {what}\n  Check where it goes, and that the disk has room.")
        return gravest((status, EXIT_STATUSES[SaveError]))
    if why != output.CLOSED:
        output.err(f"warning: {what}")
    return status


def gravest(statuses: Iterable[int]) -> int:
    """The status of a command that has done several files."""
    return min(statuses, key=GRAVEST_FIRST.index)


def error_object(error: TraktConfigError) -> dict[str, Any]:
    """The error for ``--json``."""
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "path": error.path,
        "line": getattr(error, "line", None),
        "column": getattr(error, "column", None),
        "reason": getattr(error, "reason", None),
        "detail": getattr(error, "detail", None) or None,
        "retry_after": getattr(error, "retry_after", None),
        "outcome_unknown": getattr(error, "outcome_unknown", None),
    }


def bug(error: Exception, verbose: bool) -> int:
    """A traceback only where it was asked for, and never the text of the error: it may quote."""
    if verbose:
        import traceback
        stack = traceback.format_tb(error.__traceback__)
        output.err("".join(stack).rstrip("\n"))
    output.error(f"trakt-config: this is a bug ({type(error).__name__}).\n"
                 "  Please report it, with what -v shows; and run again, which finishes what was "
                 "begun.")
    return BUG
