"""What a person typed that does nothing as it stands, and what was meant instead. Pure."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from trakt_config.document.document import Document, Value
from trakt_config.document.keys import without_case
from trakt_config.document.layout import Stray
from trakt_config.errors import ConfigError

_ON_AND_OFF = ("true", "True", "TRUE", "false", "False", "FALSE")


class SettingWarning(NamedTuple):
    """One sentence about something that does nothing, and where it stands, from 1."""

    message: str
    line: int
    column: int


def warnings_about(document: Document) -> tuple[SettingWarning, ...]:
    """What does nothing in a file whose trakt block can be used."""
    return tuple(sorted(_warnings(document), key=lambda warning: (warning.line, warning.column)))


def _warnings(document: Document) -> Iterator[SettingWarning]:
    trakt = document.trakt or {}
    value = trakt.get("force_refresh")
    if value is not None and not value.blank and value.text not in _ON_AND_OFF:
        yield SettingWarning("trakt.force_refresh does nothing as it is: write true, or false",
                             value.line, value.column)
    value = trakt.get("pin")
    if value is not None and not value.scalar:
        yield SettingWarning("trakt.pin does nothing as it is: write the PIN alone, without "
                             "brackets, braces or a dash", value.line, value.column)
    for stray in document.strays:
        if not stray.is_trakt and not _is_set(trakt.get(stray.key)) \
                and not _is_set(document.authorization.get(stray.key)):
            yield SettingWarning(_beside(stray) + ", and does nothing: indent it like the keys of "
                                 "the block", stray.line, stray.column)
        elif stray.is_trakt:
            yield SettingWarning("this key does nothing: the block that is read is trakt",
                                 stray.line, stray.column)


def _is_set(value: Value | None) -> bool:
    return value is not None and not value.blank


def _beside(stray: Stray) -> str:
    return f"{stray.key} stands beside trakt, not in it"


def refuse_strays(document: Document) -> None:
    """There is no trakt block, or nothing in it: name the key that was meant to be it.

    :raises ConfigError: with line and column.
    """
    for stray in document.strays:
        if stray.is_trakt and not document.has_trakt:
            raise ConfigError("there is no trakt block: is this key meant?",
                              hint="Write it as `trakt:`, in small letters.",
                              line=stray.line, column=stray.column)
        if not stray.is_trakt and document.has_trakt:
            raise ConfigError(_beside(stray),
                              hint=f"Indent it with two spaces: `  {stray.key}:`.",
                              line=stray.line, column=stray.column)


def meant(block: Mapping[str, Value], key: str) -> Value | None:
    """The value of a key that differs from `key` in case, dashes or spaces only."""
    return next((value for name, value in block.items()
                 if name != key and without_case(name) == without_case(key)), None)

