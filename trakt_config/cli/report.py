"""What the command says: words for people, and the exit status of an error."""
from __future__ import annotations

import traceback
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
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


def status_of(work: Callable[[], object], *, verbose: bool,
              on_error: Callable[[TraktConfigError], None] = lambda error: None) -> int:
    """Do the work, turn its error into text, and return the exit status.

    :param on_error: gets the error as well, before it is printed.
    """
    try:
        work()
        return 0
    except TraktConfigError as error:
        on_error(error)
        output.err(str(error))
        return EXIT_STATUSES[type(error)]
    except Exception as error:
        return bug(error, verbose)


def gravest(statuses: Iterable[int]) -> int:
    """The status of a command that has done several files."""
    return min(statuses, key=GRAVEST_FIRST.index)


def error_object(error: TraktConfigError) -> dict[str, Any]:
    """The error for ``--json``."""
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "path": error.path,
        "line": getattr(error, "line", None),
        "column": getattr(error, "column", None),
        "retry_after": getattr(error, "retry_after", None),
    }


def validity(expires_at: datetime) -> str:
    left = expires_at - datetime.now(timezone.utc)
    return f"valid until {local_time(expires_at)} ({for_people(left)})"


def local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def rfc3339(moment: datetime) -> str:
    """A moment in UTC, for programs (RFC 3339)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def for_people(left: timedelta) -> str:
    seconds = max(0, int(left.total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"


def bug(error: Exception, verbose: bool) -> int:
    """A traceback only where it was asked for, and never the text of the error: it may quote."""
    if verbose:
        stack = traceback.format_tb(error.__traceback__)
        output.err("".join(stack).rstrip("\n"))
    output.err(f"trakt-config: this is a bug ({type(error).__name__}).\n"
                "  Please report it, with what -v shows; and run again, which finishes what was "
                "begun.")
    return BUG
