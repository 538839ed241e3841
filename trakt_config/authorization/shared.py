"""Configs that hold the same refresh token: the first that refreshes it kills it in the others."""
from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

from trakt_config import document, storage
from trakt_config.errors import (
    ConfigError,
    command,
    pass_on_hosts,
    printable,
    quoted_for_shell,
    with_path,
)
from trakt_config.tokens import fingerprint

#: What may be a refresh token, wherever and however it is written, but no key of the next line.
#: Only files that have one in common are parsed.
_CANDIDATE = re.compile(
    rb"""refresh_token["']?\s*:(?:\s|\#[^\n]*\n|[!&]\S*(?=\s)|[>|][-+0-9]*(?=\s))*["']?"""
    rb"""([^\s"',}#:]+)(?=[\s"',}#]|\Z)""")


def shared_tokens(configs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each config whose refresh token stands in an earlier one too, and a sentence about it.

    Nothing is sent, locked or written; a config that cannot be read is no business of this.
    """
    holders: dict[str, str] = {}
    for name, data in _alike(dict(_read(configs))):
        token = _fingerprint(data)
        holder = holders.setdefault(token, name) if token else name
        if holder != name:
            yield name, _sentence(holder, name)


def named_twice(configs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each config that is the same file as an earlier one, and a sentence about it."""
    first: dict[str, int] = {}
    for number, name in enumerate(configs):
        with suppress(ConfigError):
            earlier = first.setdefault(_file_at(name), number)
            if earlier != number:
                yield name, (f"it is the same file as {printable(configs[earlier])}, which is "
                             "named before it")


def _read(configs: Sequence[str]) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Name and bytes by the file that it is: two links to a file are one file."""
    for name in reversed(configs):
        with suppress(ConfigError):
            yield _file_at(name), (name, storage.read(storage.resolve(name)))


def _file_at(name: str) -> str:
    """The same for each name of a file, whatever links lead to it.

    :raises ConfigError: there is none.
    """
    path = storage.resolve(name)
    try:
        status = os.stat(path)
    except OSError as error:
        pass_on_hosts(error)
        return path
    return f"{status.st_dev}:{status.st_ino}"


def _alike(read: dict[str, tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The configs that may share a token, in the order in which they were named."""
    found = {path: set(_CANDIDATE.findall(data)) for path, (_, data) in read.items()}
    count = Counter(candidate for candidates in found.values() for candidate in candidates)
    for path in reversed(list(read)):
        if any(count[candidate] > 1 for candidate in found[path]):
            yield read[path]


def _fingerprint(data: bytes) -> str | None:
    """Whatever the rest of the block says."""
    try:
        return fingerprint(document.parse(data).token("refresh_token"))
    except ConfigError:
        return None


def _sentence(holder: str, name: str) -> str:
    return (f"it has the same refresh token as {printable(holder)}, and the first refresh of one "
            "kills the other's; let one hold it, and give the other the access token alone: "
            f"{with_path(command('authorize'), holder)} --copy-to {quoted_for_shell(name)}")
