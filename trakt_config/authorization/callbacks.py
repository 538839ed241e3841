"""Functions that the host gives us: what is refused of them, and what they raise and return.

Not imported by a run that is given none.
"""
from __future__ import annotations

from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any, Callable

from trakt_config.errors import call_host

#: The end of the year 9999, in seconds since 1970.
_LATEST = 253402300800


def refuse_async(name: str, function: object) -> None:
    """:raises TypeError: it is an async function, which nobody awaits."""
    method = type(function).__call__ if callable(function) else None
    if iscoroutinefunction(function) or iscoroutinefunction(method):
        raise TypeError(f"{name} has to be a plain function: nobody awaits an async one")


def is_awaitable(returned: object) -> bool:
    """Whether somebody would have to await it; it is over then."""
    if iscoroutine(returned):
        returned.close()  # Else Python warns, of a line of ours.
    return isawaitable(returned)


def refuse_awaitable(name: str, returned: object) -> None:
    """A function that returns something to await has done nothing yet, and nobody awaits it.

    :raises TypeError: this one has.
    """
    if is_awaitable(returned):
        raise TypeError(f"{name} has to be a plain function: nobody awaits what it returns")


def checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of the host's: what it raises goes past all that handles errors here.

    :returns: one that raises HostError, and TypeError where something to await was returned.
    """
    def called(*arguments: Any) -> Any:
        returned = call_host(function, *arguments)
        refuse_awaitable(name, returned)
        return returned

    return called


def clock_of(name: str, function: Callable[[], float]) -> Callable[[], float]:
    """:func:`checked`, of a clock.

    :returns: one that raises TypeError as well where it was told no number, or none of a date.
    """
    asked = checked(name, function)

    def now() -> float:
        seconds = asked()
        if not isinstance(seconds, (int, float)):
            raise TypeError(f"{name} has to return a number of seconds, not "
                            f"{type(seconds).__name__}")
        if not -_LATEST < seconds < _LATEST:  # Nor is one that is not a number.
            raise TypeError(f"{name} has to return a number of seconds that a date can have")
        return seconds

    return now
