"""Locks that belong to an open file."""
from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import children
from trakt_config.storage import locks


class TimeIsUp(Exception):
    """What a wait raises in the end."""


class Wait:
    """A wait that gives up after some calls."""

    def __init__(self, calls: int = 3) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TimeIsUp


def quiet(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "locked").touch()
    return tmp_path / "locked"


@pytest.fixture
def fds(path: Path) -> Iterator[list[int]]:
    """Two openings of one file."""
    opened = [os.open(path, os.O_RDWR) for _ in range(2)]
    yield opened
    for fd in opened:
        os.close(fd)


def test_a_lock_excludes_another_opening_in_the_same_process(fds: list[int]) -> None:
    """Threads are kept apart as processes are."""
    locks.lock(fds[0], Wait(0), quiet)
    wait = Wait(3)
    with pytest.raises(TimeIsUp):
        locks.lock(fds[1], wait, quiet)
    assert wait.left == -1
    locks.unlock(fds[0])
    locks.lock(fds[1], Wait(0), quiet)


def test_a_lock_that_comes_free_is_taken(fds: list[int]) -> None:
    """The wait may let it go: it is called between two tries."""
    locks.lock(fds[0], Wait(0), quiet)
    locks.lock(fds[1], lambda: locks.unlock(fds[0]), quiet)
    with pytest.raises(TimeIsUp):
        locks.lock(fds[0], Wait(), quiet)


def test_closing_another_descriptor_of_the_file_keeps_the_lock(
        path: Path, fds: list[int]) -> None:
    """This is where fcntl record locks fail."""
    locks.lock(fds[0], Wait(0), quiet)
    path.read_bytes()
    with pytest.raises(TimeIsUp):
        locks.lock(fds[1], Wait(), quiet)


def test_a_killed_process_lets_go(path: Path, fds: list[int]) -> None:
    """However it is killed."""
    reader, writer = os.pipe()

    def hold() -> None:
        own = os.open(path, os.O_RDWR)
        locks.lock(own, Wait(0), quiet)
        os.write(writer, b"x")
        os.read(os.pipe()[0], 1)

    child = children.start(hold)
    os.read(reader, 1)
    with pytest.raises(TimeIsUp):
        locks.lock(fds[0], Wait(), quiet)
    children.kill(child)
    locks.lock(fds[0], Wait(0), quiet)
    os.close(reader)
    os.close(writer)


def test_unlocking_frees_what_a_forked_child_shares(path: Path, fds: list[int]) -> None:
    """A host that forks in the meantime keeps nobody waiting."""
    reader, writer = os.pipe()
    locks.lock(fds[0], Wait(0), quiet)
    child = children.start(lambda: os.read(reader, 1))
    locks.unlock(fds[0])
    locks.lock(fds[1], Wait(0), quiet)
    children.kill(child)
    os.close(reader)
    os.close(writer)


def failing(number: int) -> Any:
    def flock(fd: int, operation: int) -> None:
        raise OSError(number, "flock")
    return flock


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_is_warned_of(
        number: int, fds: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """And the run goes on."""
    monkeypatch.setattr(fcntl, "flock", failing(number))
    warnings: list[str] = []
    locks.lock(fds[0], Wait(0), warnings.append)
    assert len(warnings) == 1 and "no locks" in warnings[0]
    locks.unlock(fds[0])


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADF])
def test_a_file_system_that_fails_is_an_error(
        number: int, fds: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Never is it gone on unlocked."""
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with pytest.raises(OSError):
        locks.lock(fds[0], Wait(0), quiet)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES])
def test_every_way_to_say_busy_is_waited_for(
        number: int, fds: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and SMB say EACCES."""
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with pytest.raises(TimeIsUp):
        locks.lock(fds[0], Wait(), quiet)
