"""An overwrite in place that is half done.

A run that needs no lock meets one between any two of its system calls: it must never take half of
the new values, and half of the old, for an authorization. And an interruption leaves none.
"""
from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import injection, scenes
from tests.support.ages import issued
from tests.support.injection import FULL, Call
from tests.support.scenes import Scene
from trakt_config import storage
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.copy import copy_authorization
from trakt_config.authorization.logout import logout
from trakt_config.authorization.run import Options
from trakt_config.errors import ClientRejected, LockTimeout
from trakt_config.sandbox import Sandbox
from trakt_config.sign_in.registration import NewClient, registered
from trakt_config.storage import journal, overwrite

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


# Interruptions


WEEK = 604800


class Interrupted:
    """Ctrl-C in the midst of the next overwrite."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.content = b""

    def arm(self, strike: Callable[[], None] | None = None) -> None:
        write_head = overwrite._write_head

        def write(fd: int, length: int, new: bytes) -> None:
            self.content = new
            os.pwrite(fd, new[:length // 2], 0)
            (strike or press_ctrl_c)()
            write_head(fd, length, new)

        self._monkeypatch.setattr(overwrite, "_write_head", write)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    return Interrupted(monkeypatch)


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def broken_off() -> None:
    """As a kill does it."""
    raise SystemExit


Write = Callable[[Sandbox, Callable[..., Path], Options, Interrupted], Path]


def _interrupted_run(path: Path, options: Options, interrupted: Interrupted) -> Path:
    interrupted.arm()
    with pytest.raises(KeyboardInterrupt):
        ensure_authorized(path, options)
    return path


def by_a_refresh(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                 interrupted: Interrupted) -> Path:
    path = _linked(config(issued(sandbox, WEEK)))
    return _interrupted_run(path, options, interrupted)


def by_clearing_a_refused_pin(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                              interrupted: Interrupted) -> Path:
    path = _linked(config(issued(sandbox), pin="wrong" * 12))
    return _interrupted_run(path, options, interrupted)


def by_recovery_of_an_answer(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                             interrupted: Interrupted) -> Path:
    path = _linked(config(issued(sandbox, WEEK)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overwrite, "_write_over", lambda *_: broken_off())
        with pytest.raises(SystemExit):
            ensure_authorized(path, options)
    return _interrupted_run(path, options, interrupted)


def by_recovery_of_an_overwrite(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                                interrupted: Interrupted) -> Path:
    path = _linked(config(issued(sandbox, WEEK)))
    with pytest.MonkeyPatch.context() as patch:
        Interrupted(patch).arm(broken_off)
        with pytest.raises(SystemExit):
            ensure_authorized(path, options)
    return _interrupted_run(path, options, interrupted)


def by_a_copy(sandbox: Sandbox, config: Callable[..., Path], options: Options,
              interrupted: Interrupted) -> Path:
    holder, path = config(issued(sandbox)), _linked(config(name="other.yml"))
    interrupted.arm()
    with pytest.raises(KeyboardInterrupt):
        copy_authorization(holder, path, environ=options.environ)
    return path


def by_registration(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                    interrupted: Interrupted) -> Path:
    path = config()
    path.write_text("trakt:\n  client_id:\n  client_secret:\n")
    _linked(path)
    interrupted.arm()
    with pytest.raises(KeyboardInterrupt), registered(path, NewClient("id", "secret"), options):
        pass
    return path


def by_a_client_that_is_refused(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                                interrupted: Interrupted) -> Path:
    path = config()
    path.write_text("trakt:\n  client_id:\n  client_secret:\n")
    _linked(path)
    with pytest.raises(KeyboardInterrupt), registered(path, NewClient("id", "secret"), options):
        interrupted.arm()
        raise ClientRejected("no")
    return path


def by_a_logout(sandbox: Sandbox, config: Callable[..., Path], options: Options,
                interrupted: Interrupted) -> Path:
    path = _linked(config(issued(sandbox)))
    interrupted.arm()
    with pytest.raises(KeyboardInterrupt):
        logout(path, options)
    return path


def _linked(path: Path) -> Path:
    """With a second name, which a rename would cut off."""
    os.link(path, path.parent / f"link of {path.name}")
    return path


@pytest.mark.sampled(1)
@pytest.mark.parametrize("write", [
    by_a_refresh, by_clearing_a_refused_pin, by_recovery_of_an_answer, by_recovery_of_an_overwrite,
    by_a_copy, by_registration, by_a_client_that_is_refused, by_a_logout],
    ids=lambda write: write.__name__)
def test_ctrl_c_leaves_no_config_half_written(write: Write, sandbox: Sandbox, config: Any,
                                              environ: Mapping[str, str],
                                              interrupted: Interrupted) -> None:
    """Whatever writes it: the write ends first."""
    path = write(sandbox, config, Options(environ=environ), interrupted)
    assert interrupted.content and path.read_bytes() == interrupted.content
