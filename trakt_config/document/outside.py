"""What stands outside of `trakt`: only a digest of it is kept, and where its last value ends."""
from __future__ import annotations

from typing import Any

from ruamel.yaml.events import AliasEvent, CollectionStartEvent, ScalarEvent

from trakt_config.document.checks import Anchors, refuse_depth
from trakt_config.document.digests import blake2b
from trakt_config.document.events import identity
from trakt_config.document.marks import behind_colon, end_of, skip_gap

#: So many digested events are kept at most.
_BATCH = 500


class Outside:
    """Takes the events of the values of the root that are not `trakt`.

    :ivar depth: how deep within such a value the last event was; 0 for not within one.
    """

    def __init__(self, text: str, loader: str, anchors: Anchors) -> None:
        self._text = text
        self._anchors = anchors
        # An edit that only another loader can read is not the same.
        self._digest = blake2b(loader.encode("ascii"), digest_size=16)
        self._batch: list[tuple[Any, ...]] = []  # events that are to be digested
        self._solid: Any = None  # the last event that takes room; None where the key is the last
        self._end_of_key = 0
        self._empties = 0  # how many came behind it that take none
        self.depth = 0

    def enter(self, event: Any) -> None:
        """A collection begins that is such a value; it is digested already."""
        self.depth = 1
        self._solid, self._empties = event, 0

    def take_leaf(self, end_of_key: int, event: Any) -> None:
        """A whole value, behind its key."""
        self._solid, self._empties, self._end_of_key = None, 0, end_of_key
        self.take(event)

    def take(self, event: Any) -> None:
        """Digest an event, and nothing more."""
        kind = type(event)
        if kind is ScalarEvent:
            self._batch.append((event.value, event.style, event.implicit, event.anchor,
                                event.ctag and str(event.ctag)))
            if event.value or event.style or event.anchor or event.ctag:
                self._solid, self._empties = event, 0
            else:
                self._empties += 1
            if event.anchor is not None:
                self._anchors.define(event, None)
        else:
            self._take_other(event)
        if len(self._batch) > _BATCH:
            self._digest_batch()

    def _take_other(self, event: Any) -> None:
        self._batch.append((identity(event),))
        if isinstance(event, CollectionStartEvent):
            refuse_depth(self.depth + 1, event)
            self.depth += 1
            if event.anchor is not None:
                self._anchors.define(event, None)
            return
        if event.end_mark.index > event.start_mark.index:
            self._solid, self._empties = event, 0
        if isinstance(event, AliasEvent):
            self._anchors.refuse_alias(event)
            return
        self.depth -= 1

    def add(self, event: Any) -> None:
        """Digest an event that has been dealt with."""
        self._batch.append((identity(event),))

    def add_marker(self, event: Any) -> None:
        """Digest the beginning or the end of the document, at once."""
        self._digest.update(identity(event))

    def _digest_batch(self) -> None:
        self._digest.update(repr(self._batch).encode("utf-8", "surrogatepass"))
        self._batch.clear()

    def digest(self) -> bytes:
        """That of all that was taken and added."""
        self._digest_batch()
        return self._digest.digest()

    def end(self) -> int:
        """Where the last value ends."""
        end = self._end_of_key if self._solid is None else end_of(self._text, self._solid)
        for _ in range(self._empties):
            found = skip_gap(self._text, end)
            if self._text[found:found + 1] != ":":
                break
            end = behind_colon(self._text, found)
        return end
