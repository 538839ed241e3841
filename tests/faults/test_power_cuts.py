"""The power fails after any call of a run: whatever the disk has kept by then, nothing is lost.

A run writes down what it does to files. From that, a model of the disk works out everything that
could be on it after a cut at each moment: of what was not synced yet, each write of a file may be
there, may be missing or may be torn, and each change of a folder may be there or not (POSIX
promises nothing more). Every such state in which Trakt honours only the new refresh token is put
on a real disk, and a clean run has to bring that token into the config by itself.

What the model cannot know: disks that lie about syncing, and file systems that break their own
promises.
"""
from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import scenes
from tests.support.ages import WORTH_REFRESHING
from tests.support.injection import Fault, command, forked
from tests.support.scenes import WEEK, Scene
from trakt_config import storage
from trakt_config.authorization.intent import Intent
from trakt_config.tokens import Secret

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Operation = tuple[Any, ...]
#: Path and content of every file.
State = tuple[tuple[str, bytes], ...]


def written_down(base: Path) -> list[Operation]:
    """Make this process write down what it does to files below `base`; the list that grows."""
    operations: list[Operation] = []
    real = {name: getattr(os, name) for name in (
        "open", "write", "fsync", "ftruncate", "posix_fallocate", "replace", "unlink", "mkdir")}

    def ours(fd: int) -> int | None:
        """The inode of an open file below `base`."""
        target = os.readlink(f"/proc/self/fd/{fd}")
        return os.fstat(fd).st_ino if target.startswith(str(base)) else None

    def whole(path: Any, folder: int | None) -> str:
        """The path, of which only the name is given where the folder is open."""
        return str(path) if folder is None else f"{os.readlink(f'/proc/self/fd/{folder}')}/{path}"

    def open_(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        path_ = whole(path, more.get("dir_fd"))
        existed = os.path.lexists(path_)
        fd: int = real["open"](path, flags, *rest, **more)
        if not existed and ours(fd):
            operations.append(("create", path_, os.fstat(fd).st_ino))
        return fd

    def write(fd: int, data: Any) -> int:
        inode = ours(fd)
        at = os.lseek(fd, 0, os.SEEK_CUR) if inode else 0
        count: int = real["write"](fd, data)
        if inode:
            operations.append(("write", inode, at, bytes(data)[:count]))
        return count

    def fsync(fd: int) -> None:
        real["fsync"](fd)
        kind = "sync folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "sync"
        if kind == "sync folder":
            operations.append((kind, os.readlink(f"/proc/self/fd/{fd}")))
        else:
            operations.append((kind, ours(fd)))

    def ftruncate(fd: int, size: int) -> None:
        real["ftruncate"](fd, size)
        operations.append(("truncate", ours(fd), size))

    def allocate(fd: int, start: int, size: int) -> None:
        real["posix_fallocate"](fd, start, size)
        operations.append(("truncate", ours(fd), size))

    def replace(source: Any, target: Any, *, src_dir_fd: Any = None,
                dst_dir_fd: Any = None) -> None:
        real["replace"](source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        operations.append(("rename", whole(source, src_dir_fd), whole(target, dst_dir_fd)))

    def unlink(path: Any, *, dir_fd: Any = None) -> None:
        real["unlink"](path, dir_fd=dir_fd)
        operations.append(("unlink", whole(path, dir_fd)))

    def mkdir(path: Any, mode: int = 0o777) -> None:
        real["mkdir"](path, mode)
        operations.append(("mkdir", str(path)))

    for name, watched in (("open", open_), ("write", write), ("fsync", fsync),
                          ("ftruncate", ftruncate), ("posix_fallocate", allocate),
                          ("replace", replace), ("unlink", unlink), ("mkdir", mkdir)):
        setattr(os, name, watched)
    for name in ("sendall", "recv_into"):
        _mark(operations, name)
    return operations


def _mark(operations: list[Operation], name: str) -> None:
    real = getattr(socket.socket, name)

    def marked(*args: Any) -> Any:
        result = real(*args)
        operations.append((name,))
        return result

    setattr(socket.socket, name, marked)


class Disk:
    """What was done to some files, and what of it is certain to be there after a power cut."""

    def __init__(self, files: dict[str, tuple[int, bytes]], folders: list[str]) -> None:
        self._now = dict(files.values())
        self._synced = dict(self._now)
        self._writes: dict[int, list[Operation]] = {}
        self._names: dict[str, Any] = {path: inode for path, (inode, _) in files.items()}
        self._names.update((folder, "folder") for folder in folders)
        self._changes: list[Operation] = []

    def do(self, operation: Operation) -> None:
        kind = operation[0]
        if kind in ("create", "rename", "unlink", "mkdir"):
            self._changes.append(operation)
            if kind == "create":
                self._now[operation[2]] = self._synced[operation[2]] = b""
        elif kind in ("write", "truncate"):
            inode = operation[1]
            self._now[inode] = _changed(self._now[inode], operation)
            self._writes.setdefault(inode, []).append(operation)
        elif kind == "sync":
            self._synced[operation[1]] = self._now[operation[1]]
            self._writes.pop(operation[1], None)
        elif kind == "sync folder":
            kept = [one for one in self._changes if os.path.dirname(one[1]) != operation[1]]
            for change in self._changes:
                if change not in kept:
                    _rename(self._names, change)
            self._changes = kept

    def states(self) -> Iterator[State]:
        """Everything that could be there after a cut now."""
        for chosen in itertools.product((False, True), repeat=len(self._changes)):
            names = dict(self._names)
            for change, kept in zip(self._changes, chosen):
                if kept:
                    _rename(names, change)
            reached = {path: inode for path, inode in names.items()
                       if inode != "folder" and os.path.dirname(path) in names}
            contents = [[(path, data) for data in self._contents(inode)]
                        for path, inode in sorted(reached.items())]
            yield from itertools.product(*contents)

    def _contents(self, inode: int) -> set[bytes]:
        """As synced, as now, and each write missing or torn."""
        found = {self._now[inode]}
        writes = self._writes.get(inode, [])
        for chosen in itertools.product((0.0, 0.5, 1.0), repeat=len(writes)):
            data = self._synced[inode]
            for operation, share in zip(writes, chosen):
                if share == 1.0:
                    data = _changed(data, operation)
                elif share and operation[0] == "write":
                    torn = operation[3][:len(operation[3]) // 2]
                    data = _changed(data, (*operation[:3], torn))
            found.add(data)
        return found


def _changed(data: bytes, operation: Operation) -> bytes:
    if operation[0] == "truncate":
        return data[:operation[2]].ljust(operation[2], b"\0")
    _, _, at, new = operation
    changed: bytes = data[:at].ljust(at, b"\0") + new + data[at + len(new):]
    return changed


def _rename(names: dict[str, Any], change: Operation) -> None:
    kind = change[0]
    if kind == "create":
        names[change[1]] = change[2]
    elif kind == "mkdir":
        names[change[1]] = "folder"
    elif kind == "unlink":
        names.pop(change[1], None)
    elif change[1] in names:
        names[change[2]] = names.pop(change[1])


def run_written_down(made: Scene) -> list[Operation]:
    def work() -> Any:
        operations = written_down(made.base)
        assert command("authorize", made.config)() == 0
        return operations

    ended = forked(work, environ=made.environ, prepare=made.prepare)
    assert ended.result, str(ended)
    return list(ended.result)


def before_the_run(made: Scene) -> Disk:
    files = {str(path): (path.stat().st_ino, path.read_bytes())
             for path in made.base.rglob("*") if path.is_file()}
    folders = [str(path) for path in made.base.rglob("*") if path.is_dir()]
    return Disk(files, folders)


def put_on_disk(made: Scene, state: State) -> None:
    for folder in ("folder", "home", "elsewhere"):
        shutil.rmtree(made.base / folder)
        (made.base / folder).mkdir()
    for path, data in state:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(data)
    if made.second:
        made.second.unlink(missing_ok=True)
        os.link(made.config, made.second)


def a_folder_that_takes_no_file(trakt: Any, base: Path) -> Scene:
    """The journal stands in the state directory, which does not exist yet."""
    made = scenes.refresh_by_rename(trakt, base)

    def prepare() -> None:
        real = os.open

        def refusing(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_CREAT and os.path.dirname(path) == str(made.config.parent):
                raise PermissionError(13, "Permission denied")
            return real(path, flags, *rest, **more)

        os.open = refusing

    made.prepare = prepare
    return made


@pytest.mark.parametrize("build", [scenes.refresh_by_rename, scenes.refresh_in_place,
                                   scenes.recovery, a_folder_that_takes_no_file],
                         ids=lambda build: build.__name__)
def test_the_power_fails_at_any_moment(build: Callable[[Any, Path], Scene], trakt: Any,
                                       tmp_path: Path) -> None:
    made = build(trakt, tmp_path)
    disk = before_the_run(made)
    old = made.config.read_bytes()
    operations = run_written_down(made)
    kinds = [operation[0] for operation in operations]
    spent = made.asked_before > 0
    heard = max([n for n, kind in enumerate(kinds) if kind == "recv_into"], default=-1)
    durable = -1 if spent else kinds.index("sync", heard)
    sent = -1 if spent else kinds.index("sendall")
    seen: set[State] = set()
    for number, operation in enumerate(operations):
        disk.do(operation)
        if number < sent:
            for state in disk.states():
                assert dict(state)[str(made.config)] == old, operation
        elif number >= durable:
            for state in disk.states():
                if state not in seen:
                    seen.add(state)
                    assert_healed(made, state, f"a cut after {operation[:3]}")
    assert len(seen) > 3


def test_the_power_fails_while_a_doubt_is_noted_again(trakt: Any, tmp_path: Path) -> None:
    """A refresh token may be spent, and a pin is sent: the journal says so of the token always."""
    made = scenes.scene(trakt, tmp_path, age=int(WORTH_REFRESHING * WEEK))
    made.authorize(fault=Fault("recv_into", 1, "kill"))
    trakt.settle()
    made.config.write_text(re.sub("(?m)^  pin:.*", "  pin: wrong", made.config.read_text()))
    disk = before_the_run(made)
    seen: set[State] = set()
    for operation in run_written_down(made):
        disk.do(operation)
        seen.update(disk.states())
    assert len(seen) > 3
    for state in seen:
        put_on_disk(made, state)
        left = storage.peek_journal(str(made.config), made.environ)
        intent = Intent.decode(left)
        token = Secret(scenes.values(made)["refresh_token"])
        assert intent and intent.doubts(token), f"forgotten: {left}"


def assert_healed(made: Scene, state: State, moment: str) -> None:
    put_on_disk(made, state)
    asked = made.trakt.asked()
    found = {path: len(data) for path, data in state}
    healed = forked(command("authorize", made.config), environ=made.environ)
    assert healed.status == 0, f"{moment}: {found}\n{healed}"
    assert made.trakt.asked() == asked, f"{moment}: asked again: {found}"
    assert set(made.trakt.honoured()) <= set(scenes.values(made).values()), moment
    assert made.left_overs() == [], moment
