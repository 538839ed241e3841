"""What is refused while a config is read, since an edit of it could not be trusted."""
from __future__ import annotations

from typing import Any

from ruamel.yaml.events import MappingStartEvent, ScalarEvent

from trakt_config.document.events import content, is_blank, refuse
from trakt_config.document.keys import (
    AUTHORIZATION,
    KEYS,
    ROOT,
    TRAKT,
    Path,
    dotted,
    homes,
    how_trakt_is_written,
    key_beside,
)
from trakt_config.document.layout import Block, Layout, Stray
from trakt_config.document.lines import mistake

#: Deeper nesting is refused: readers that recurse would fail on it.
MAX_DEPTH = 100

#: More keys in `trakt` or `authorization` are no config: they are all kept.
MAX_KEYS = 1000

#: A larger `trakt` is no config; an edit reads it several times.
MAX_TRAKT = 256 * 1024

#: So many are reported at most.
_MAX_STRAYS = 10


def refuse_depth(depth: int, event: Any) -> None:
    if depth >= MAX_DEPTH:
        refuse(f"nested more than {MAX_DEPTH} levels deep", "Make it flatter.", event)


def refuse_number(path: Path, keys: int, event: Any) -> None:
    if keys > MAX_KEYS and path != ROOT:
        refuse(f"{dotted(path)} has more than {MAX_KEYS} keys", "Is this the right file?", event)


def refuse_large_trakt(layout: Layout) -> None:
    entry = layout.entry
    if entry is not None and entry.end - entry.key_start > MAX_TRAKT:
        raise mistake("the trakt block is larger than 256 KiB", "Is this the right file?",
                      entry.key_line, entry.key_column)


def refuse_other_kinds(text: str, path: Path | None, event: Any) -> None:
    """The file, `trakt` and `authorization` are mappings, or nothing."""
    if path not in (ROOT, TRAKT, AUTHORIZATION) or isinstance(event, MappingStartEvent):
        return
    if not isinstance(event, ScalarEvent) or not is_blank(event):
        from trakt_config.document.other_kinds import not_a_mapping  # for an error alone
        raise not_a_mapping(text, dotted(path or ()), event)


class Anchors:
    """What each anchor refers to by now. An alias to what we write would change with it."""

    def __init__(self) -> None:
        self._defined: dict[str, tuple[Path, Any] | None] = {}

    def define(self, event: Any, written: Path | None) -> None:
        """An anchor, at a path that we write or at any other (None)."""
        self._defined[event.anchor] = None if written is None else (written, event)

    def refuse_alias(self, event: Any) -> None:
        """An alias outside of `trakt`, where it refers to what we write, or to nothing."""
        if event.anchor not in self._defined:
            refuse("an alias (*) whose anchor (&) is not in the file", "Write the value itself "
                   "there.", event)
        defined = self._defined[event.anchor]
        if defined is not None:
            path, anchored = defined
            refuse(f"{dotted(path)} has an anchor (&) that is used elsewhere in the file",
                   "Write the values out at both places and delete the anchor.", anchored)


class KeyChecks:
    """The keys of the root, of `trakt` and of `authorization`, one after the other.

    :ivar strays: those of the root that were meant to be `trakt`, or to stand in it.
    """

    def __init__(self) -> None:
        self.strays: list[Stray] = []
        self._lines: dict[Path, int] = {}  # of those that may be there only once
        self._lookalikes: list[tuple[Path, str, Any]] = []
        self._merge_at_root: Any = None

    def take(self, path: Path, event: Any) -> None:
        """A key of the mapping at `path`."""
        name = content(event)
        if path == ROOT and name and name != "trakt":
            self._note_stray(name, event)
        if name in KEYS[path] and _has_tag(event):
            refuse(f"the tag (!) before the key {name} makes it a key of another kind",
                   "Delete the tag.", event)
        if name == "<<" and event.style is None:
            if path != ROOT:
                refuse(f"a merge key (<<) inside {dotted(TRAKT)}",
                       "Write the merged keys out in the trakt block.", event)
            self._merge_at_root = self._merge_at_root or event
        whole = path + (name,)
        if whole in self._lines:
            refuse(f"{dotted(whole)} is there twice",
                   f"Delete one of the two: the first is in line {self._lines[whole]}.", event)
        if name in KEYS[path]:
            self._lines[whole] = event.start_mark.line + 1
        visible = "".join(c for c in name or "" if c.isprintable()).strip(" ")
        if not str(name).isprintable() and any(visible in KEYS[home] for home in homes(path)):
            self._lookalikes.append((path, visible, event))

    def _note_stray(self, name: str, event: Any) -> None:
        meant = key_beside(name)
        if meant is not None and len(self.strays) < _MAX_STRAYS:
            mark = event.start_mark
            self.strays.append(Stray(meant, mark.line + 1, mark.column + 1,
                                     how_trakt_is_written(name)))

    def refuse_merged(self, layout: Layout) -> None:
        """Where no `trakt` stands at the root, one may come with a merge key: a second one, with
        other values, would hide it from the host.
        """
        if layout.entry is None and self._merge_at_root is not None:
            refuse("there is no trakt block, but a merge key (<<) that may bring one",
                   "Write the trakt block out at the outermost level of the file.",
                   self._merge_at_root)

    def refuse_lookalikes(self, layout: Layout) -> None:
        """A key of ours that is missing, while one with an invisible character is there."""
        blocks = {ROOT: layout.root, TRAKT: layout.trakt, AUTHORIZATION: layout.authorization}
        for path, name, event in self._lookalikes:
            if all(block is None or block.entry(name) is None for home, block in blocks.items()
                   if home in homes(path) and name in KEYS[home]):
                refuse(f"an invisible character is part of the key {name}",
                       _without_invisible(name, blocks[path], event), event)


def _without_invisible(name: str, block: Block | None, event: Any) -> str:
    """How the key gets rid of a character that nobody sees: before it, or within it."""
    if event.style is not None or not event.value.endswith(name) or block is None or block.flow:
        return "Delete the key up to its colon, and type it anew."
    if name == "trakt" and event.start_mark.column == 0:
        return "Delete everything before the key."
    return "Delete everything before the key and indent it with spaces."


def _has_tag(event: Any) -> bool:
    """Whether a key has a tag; ``!`` alone leaves it a string (YAML 1.2, section 6.9.1)."""
    return event.ctag is not None and event.tag != "!"
