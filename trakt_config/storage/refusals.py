"""A note of what was refused, for those who ask what comes next: it may be lost.

It is not in the journal, which leaves no trace of a run that has ended, but in the user's cache
(XDG Base Directory Specification), and is believed as long as it speaks of what the config holds.
"""
from __future__ import annotations

import os
from collections.abc import Mapping

from trakt_config.errors import suppress_systems
from trakt_config.storage import files
from trakt_config.storage.places import name_of

_SUFFIX = ".refused"
_LONGEST = 4096


def remember_refusal(config: str, note: bytes, environ: Mapping[str, str]) -> None:
    """Keep the note of `config`, in place of an earlier one, where there is a place for it."""
    path = _path(config, environ)
    if path is None:
        return
    with suppress_systems(OSError):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with files.opened(path, os.O_WRONLY | os.O_CREAT) as fd:
            if os.fstat(fd).st_nlink == 1:  # By another name it may be anybody's.
                os.ftruncate(fd, 0)
                files.write_all(fd, note)


def recall_refusal(config: str, environ: Mapping[str, str]) -> bytes:
    """The note of `config`; empty where there is none."""
    path = _path(config, environ)
    with suppress_systems(OSError), files.opened(path or "", os.O_RDONLY) as fd:
        return files.read_all(fd, _LONGEST)
    return b""


def _path(config: str, environ: Mapping[str, str]) -> str | None:
    cache = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        if not os.path.isabs(home):
            return None
        cache = os.path.join(home, ".cache")
    return os.path.join(cache, "trakt_config", name_of(config) + _SUFFIX)
