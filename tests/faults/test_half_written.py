"""A run that needs no lock meets an overwrite in place, between any two of its system calls.

It must never take half of the new values, and half of the old, for an authorization.
"""
from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import injection, scenes
from tests.support.injection import FULL, Call
from tests.support.scenes import Scene
from trakt_config import storage
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.errors import LockTimeout
from trakt_config.storage import journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


#: The other run is stopped in the midst of it.
NEVER = 1 << 30


class Overwrite:
    """Another run's overwrite in place: it locks, writes half, writes the rest, and lets go."""

    def __init__(self, made: Scene, new: bytes) -> None:
        self._path, self._old, self._new = str(made.config), made.before, new
        self._ended = contextlib.ExitStack()

    def begin(self) -> None:
        held = self._ended.enter_context(storage.hold(
            self._path, timeout=0, environ={}, warn=print))
        held.reserve(b"{}", 1000)
        opened: journal.Journal = vars(held)["_journal"]
        opened.append(b"before", self._old)
        opened.append(b"content", self._new)
        self._write(self._new[:self._half()] + self._old[self._half():])

    def end(self) -> None:
        self._write(self._new)
        self._ended.close()

    def _half(self) -> int:
        """Behind the access token, and before the refresh token."""
        return self._old.index(b"    refresh_token:")

    def _write(self, data: bytes) -> None:
        with open(self._path, "r+b") as stream:
            stream.write(data)


def fresh(trakt: Any, base: Path) -> tuple[Scene, bytes, list[tuple[str, str]]]:
    """A fresh config, another one of the same length, and the pairs of tokens in them."""
    made = scenes.scene(trakt, base, age=0)
    old, new = scenes.values(made), trakt.issue_authorization()
    content = made.before
    for key in ("access_token", "refresh_token"):
        content = content.replace(old[key].encode(), str(new[key]).encode())
    assert len(content) == len(made.before)
    return made, content, [(pair["access_token"], pair["refresh_token"]) for pair in (old, new)]


def read_by_a_run(made: Scene) -> tuple[str, str] | None:
    try:
        result = ensure_authorized(made.config, Options(lock_timeout=timedelta(0)))
    except LockTimeout:
        return None
    return result.authorization.access_token, result.authorization.refresh_token


def test_half_of_an_overwrite_is_never_believed(trakt: Any, tmp_path: Path) -> None:
    """It begins before any call of the run, and ends before any later one, or not at all."""
    made, _, _ = fresh(trakt, tmp_path)
    calls = injection.forked(lambda: read_by_a_run(made), environ=made.environ, watch=True).calls
    moments = [(begun, ended) for begun in range(len(calls))
               for ended in range(begun + 1, len(calls) + 1)][::1 if FULL else 23]
    moments += [(begun, NEVER) for begun in range(len(calls))]
    wrong = []
    for begun, ended in moments:
        made, content, whole = fresh(trakt, tmp_path)
        other = Overwrite(made, content)
        seen = 0

        def look(call: Call, begun: int = begun, ended: int = ended,
                 other: Overwrite = other) -> None:
            nonlocal seen
            if seen == begun:
                other.begin()
            if seen == ended:
                other.end()
            seen += 1

        done = injection.forked(lambda made=made: read_by_a_run(made),  # type: ignore[misc]
                                environ=made.environ, look=look)
        assert done.status == 0, str(done)
        if done.result is not None and done.result not in whole:
            wrong.append((calls[begun], ended))
    assert wrong == []
