"""The events of ruamel.yaml. Nothing is constructed from them."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.events import ScalarEvent

from trakt_config.document.lines import mistake
from trakt_config.errors import ConfigError, pass_on_hosts

#: ruamel.yaml's names for two of its loaders: the quick one, and the one that Kometa reads with.
QUICK_LOADER = "safe"
HOST_LOADER = "rt"

#: Null in plain style (YAML 1.2, section 10.3.2).
_NULLS = ("~", "null", "Null", "NULL")
_NULL_TAG = "tag:yaml.org,2002:null"


class Unreadable(Exception):
    """A loader cannot read the text; `error` says why, in our own words."""

    def __init__(self, error: ConfigError) -> None:
        super().__init__()
        self.error = error


def events(text: str, loader: str = QUICK_LOADER) -> Iterator[Any]:
    """The events of `text`. A parser of its own each time: a ``%YAML`` directive would leak into
    the next text. ``pure``: an installed C extension reads another language and has other marks.

    :param loader: `QUICK_LOADER` or `HOST_LOADER`.
    :raises Unreadable: it cannot read the text.
    """
    problem: Exception | None = None
    last: Any = None
    try:
        for event in YAML(typ=loader, pure=True).parse(text):
            if loader == HOST_LOADER and getattr(event, "style", None) == ">":
                event.value = event.value.replace("\a", "")  # Where it would fold again.
            last = event
            yield event
    except Exception as error:  # AssertionError, OverflowError and ValueError are seen as well
        pass_on_hosts(error)
        problem = error
    # Raised out here: ruamel's exception quotes the file, and would be this one's context.
    if problem is not None:
        from trakt_config.document.yaml_errors import yaml_error  # for an error alone
        raise Unreadable(yaml_error(text, problem, last))


def is_empty(event: Any) -> bool:
    """Whether a scalar takes no room in the text."""
    return (isinstance(event, ScalarEvent) and event.value == "" and event.style is None
            and event.anchor is None and event.ctag is None)


def is_blank(event: ScalarEvent) -> bool:
    """Whether a scalar is null, or a string of blanks."""
    value = str(event.value)
    resolved = event.style is None and (event.implicit[0] or str(event.ctag) == _NULL_TAG)
    return not trimmed(value) or (resolved and value in _NULLS)


def content(event: Any) -> str | None:
    """The content of a scalar key; None for any other."""
    return str(event.value) if isinstance(event, ScalarEvent) else None


def identity(event: Any) -> bytes:
    """What makes an event the same wherever it stands."""
    tag = getattr(event, "ctag", None)
    facts = (type(event).__name__, None if tag is None else str(tag),
             *(getattr(event, name, None) for name in (
                 "anchor", "implicit", "value", "style", "flow_style", "explicit", "version",
                 "tags")))
    return repr(facts).encode("utf-8", "surrogatepass")


def trimmed(text: str) -> str:
    """`text` without the blanks and line breaks around it."""
    return text.strip(" \t\r\n")


def refuse(message: str, hint: str, event: Any) -> NoReturn:
    """Raise a ConfigError at the start of `event`."""
    mark = event.start_mark
    raise mistake(message, hint, mark.line + 1, mark.column + 1)
