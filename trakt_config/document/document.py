"""A config that has been read: what its ``trakt`` block says, and where. Bytes in, values out."""
from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from trakt_config.document.layout import Block, Entry, Layout, Stray
from trakt_config.document.lines import mistake, position, reports_mistakes
from trakt_config.document.parser import read_layout
from trakt_config.errors import LARGEST_CONFIG, ConfigError
from trakt_config.startup import Record, hidden
from trakt_config.tokens import Secret

#: The way out for somebody who keeps the tokens somewhere else.
KEPT_ELSEWHERE_HINT = ("Keep the authorization in a small file of its own, and start the job with: "
                       "trakt-config exec THATFILE -- COMMAND (it sets what Kometa fills "
                       "<<trakt-access-token>> from)")


#: What no text has: all that is below a space, but for tabs, line breaks, form feeds and escapes.
_NO_TEXT = re.compile(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")


class Document(Record):
    """A config that has been read; nothing of the file is in its repr.

    ``data`` is the whole file, as bytes. ``trakt`` holds every value of the block by key,
    ``authorization`` included (not a scalar, or blank); None when the block is missing or null.
    ``has_trakt``: the key is there, maybe null; then ``trakt_line`` and ``trakt_column`` are
    where. ``authorization`` holds the values of the inner block, and is empty when that is
    missing, null or empty. ``strays`` are keys of the root that look as if they were meant to be
    `trakt`, or to stand in it.
    """

    data: bytes = hidden()
    trakt: Mapping[str, Entry] | None = hidden()
    has_trakt: bool
    trakt_line: int | None
    trakt_column: int | None
    authorization: Mapping[str, Entry] = hidden()
    strays: tuple[Stray, ...]
    _text: str = hidden()
    _layout: Layout = hidden()

    def __eq__(self, other: object) -> bool:
        """Of the same bytes: everything else follows from them."""
        return isinstance(other, Document) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, by ``copy`` or ``pickle``, is parsed again."""
        return parse, (self.data,)

    def token(self, key: Literal["access_token", "refresh_token"]) -> Secret | None:
        """A token of the authorization as it stands there, whatever the rest of the block says.

        :raises ValueError: `key` is neither of the two.
        """
        if key not in ("access_token", "refresh_token"):
            raise ValueError("key has to be access_token or refresh_token")
        value = self.authorization.get(key)
        return None if value is None or value.blank or not value.scalar else Secret(value.text)


def require_document(document: object) -> None:
    """:raises TypeError: it is the bytes or the path of a config, or anything else."""
    if not isinstance(document, Document):
        raise TypeError("the document has to be what parse() makes of a config's bytes, not "
                        f"{type(document).__name__}")


@reports_mistakes
def parse(data: bytes) -> Document:
    """Read a config. An empty file, or one without `trakt`, is no error here.

    :raises TypeError: it is text, not bytes.
    :raises ConfigError: with line and column, without a path: not UTF-8; over 2 MiB; nested over
        100 deep; not YAML to ruamel.yaml, which is what Kometa reads with; several documents; the
        root, `trakt` or `authorization` not a mapping; a key that we read or write is there twice
        or, in block style, without a colon; an alias or merge key inside `trakt`, or a merge
        key at the root in place of it; an anchor on something that we write and that an alias
        elsewhere uses.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"a config is bytes, not {type(data).__name__}")
    if len(data) > LARGEST_CONFIG:
        raise ConfigError("the file is larger than 2 MiB", hint="Is this the right file?")
    text = _decoded(data)
    return document_of(data, text, read_layout(text))


def document_of(data: bytes, text: str, found: Layout) -> Document:
    """The document whose layout is known."""
    entry = found.entry
    return Document(
        data=data,
        trakt=_values(found.trakt) if found.trakt else None,
        has_trakt=entry is not None,
        trakt_line=entry.key_line if entry else None,
        trakt_column=entry.key_column if entry else None,
        authorization=_values(found.authorization) if found.authorization else {},
        strays=found.strays, _text=text, _layout=found)


def _decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, a byte order mark and all line breaks kept."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise _other_encoding(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        valid = error.start
    before = data[:valid].decode("utf-8")
    if _NO_TEXT.search(data[:1024]):
        raise _no_text()
    # Raised out here: the decoder's exception holds the whole file.
    raise mistake("the file is not UTF-8", "Save it as UTF-8 in your editor.",
                  *position(before, len(before)))


def _other_encoding(data: bytes) -> ConfigError:
    """The error for a file with a byte order mark that is not ours, or a null byte near the top."""
    if not any(data[:4]):
        return mistake("the file begins with null bytes, as after a crash of the machine",
                       "Restore it from a backup.", 1, 1)
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff") and data[:4].count(0) == 1 \
            and len(data) > 3:
        return _no_text()
    is_wide = data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff") or data[:4].count(0) == 3
    return mistake(f"the file is UTF-{32 if is_wide else 16}, and not UTF-8",
                   "Save it as UTF-8 in your editor.", 1, 1)


def _no_text() -> ConfigError:
    return mistake("the file is no text", "A config is text, in YAML: is this the right file?",
                   1, 1)


def _values(block: Block) -> Mapping[str, Entry]:
    return MappingProxyType({entry.key: entry for entry in block.entries if entry.key is not None})
