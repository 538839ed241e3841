"""What is open while a config is read: collections whose end, and keys whose value, comes next."""
from __future__ import annotations

from typing import Any

from ruamel.yaml.events import MappingStartEvent

from trakt_config.document.digests import blake2b
from trakt_config.document.events import content
from trakt_config.document.keys import ROOT, Path
from trakt_config.document.layout import Entry
from trakt_config.startup import Record


class Key(Record):
    """A key whose value comes next."""

    event: Any
    end: int
    digest: bytes


class Collection:
    """Its end has not been reached. ``path`` is None where entries are not kept.

    ``written`` says that it is part of a value that we replace, ``inside`` that it is within
    ``trakt``; ``child`` takes the digest of what is being read now, None for what is outside.
    """

    def __init__(self, event: Any, path: Path | None, digest: blake2b | None, *, inside: bool,
                 written: bool) -> None:
        self.event = event
        self.path = path
        self.inside = inside
        self.written = written
        self.digest = self.child = digest
        self.start: int = event.end_mark.index
        self.column: int = event.end_mark.column
        self.colon: int | None = None
        self.key: Key | None = None
        self.keys = 0
        self.quoted = False  # whether a key stands in double quotes
        self.entries: list[Entry] = []
        self.last_end: int | None = None
        self.ends_outside = False  # then `last_end` has to be found in the text

    @property
    def mapping(self) -> bool:
        return isinstance(self.event, MappingStartEvent)

    @property
    def at_outside(self) -> bool:
        """Whether a value of the root comes next that is not `trakt`."""
        return self.path == ROOT and self.key is not None and content(self.key.event) != "trakt"
