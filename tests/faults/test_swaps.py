"""Whoever owns a folder swaps a name in it for something else, between any two file calls of a run.

As root on a user's folder, and as a user on another's. Whatever the run then says: it ends, it
touches nothing that it was not given, and what it leaves is the owner's and no program.
"""
from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import injection, mounts, scenes
from tests.support.injection import FULL, Call
from tests.support.scenes import Scene
from trakt_config.storage import places

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0,
                                reason="only root can become somebody else")

#: Owns the folder, and is neither root nor who runs the command.
OWNER = 50001


@dataclass
class Target:
    """A scene, who runs the command on it, and a file of theirs that is not to be touched."""

    made: Scene
    runner: int
    victim: Path
    described: Any = field(init=False)

    def __post_init__(self) -> None:
        self.described = self.state()

    def state(self) -> Any:
        status = self.victim.stat()
        return (self.victim.read_bytes(), status.st_uid, status.st_gid, status.st_mode,
                os.listxattr(self.victim))


def target(trakt: Any, base: Path, runner: int, *, in_state_directory: bool) -> Target:
    made = scenes.scene(trakt, base)
    shutil.rmtree(base / "aside", ignore_errors=True)
    folder = made.config.parent
    os.chown(folder, OWNER, mounts.NOBODY)
    os.chmod(folder, 0o2775)
    os.chown(made.config, OWNER, mounts.NOBODY)
    os.chmod(made.config, 0o664)
    os.chown(base / "home", runner, runner)
    os.chown(base / "elsewhere", runner, mounts.NOBODY)
    state = base / "elsewhere" / "state"
    state.mkdir()
    os.chown(state, runner, runner)
    if in_state_directory:
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o755)
    made.environ["TRAKT_CONFIG_STATE_DIR"] = str(state)
    victim = base / "elsewhere" / "victim"
    victim.write_bytes(b"not to be touched\n")
    os.chown(victim, runner, runner)
    victim.chmod(0o4755)
    if runner:
        made.prepare = mounts.become
    return Target(made, runner, victim)


def link(path: Path, victim: Path) -> None:
    os.symlink(victim, path)


def hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def dangling(path: Path, victim: Path) -> None:
    os.symlink(victim.parent / "nothing", path)


def fifo(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def directory(path: Path, victim: Path) -> None:
    os.mkdir(path)


def device(path: Path, victim: Path) -> None:
    """/dev/zero: it has no end. Only root can make one."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        os.mkfifo(path)


Plant = Callable[[Path, Path], None]
PLANTS: list[Plant] = [link, hard_link, dangling, fifo, directory, device]


#: Root writes to any folder, and needs no state directory.
WAYS = [(runner, what) for runner in (0, mounts.NOBODY)
        for what in ("config", "journal", "temporary", "state directory")
        if runner or what != "state directory"]


class Swap:
    """Puts something in a path's place before one call, and back before a later one."""

    def __init__(self, path: Path, plant: Plant, victim: Path, at: int, back: int) -> None:
        self._path, self._plant, self._victim = path, plant, victim
        self._at, self._back = at, back
        self._aside = path.parent / (path.name + ".aside")
        self._count = -1

    def __call__(self, call: Call) -> None:
        if call.kind in (*injection.SOCKET_CALLS, "clock"):
            return
        self._count += 1
        if self._count == self._at:
            if os.path.lexists(self._path):
                os.rename(self._path, self._aside)
            self._plant(self._path, self._victim)
        if self._count == self._back:
            remove(self._path)
            if os.path.lexists(self._aside):
                os.rename(self._aside, self._path)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class FolderSwap:
    """Puts a link to a folder of the runner's in the config's folder's place before some calls, and
    the folder back before others, in turn.
    """

    def __init__(self, folder: Path, theirs: Path, at: Sequence[int]) -> None:
        self._folder, self._theirs, self._at = folder, theirs, frozenset(at)
        self._aside = folder.with_name("aside")
        self._count = -1

    def __call__(self, call: Call) -> None:
        if call.kind in (*injection.SOCKET_CALLS, "clock"):
            return
        self._count += 1
        if self._count in self._at:
            self.turn()

    def turn(self) -> None:
        if self._folder.is_symlink():
            self._folder.unlink()
            self._aside.rename(self._folder)
        else:
            self._folder.rename(self._aside)
            self._folder.symlink_to(self._theirs)


def problems(hit: Target, ended: injection.Ended) -> Iterator[str]:
    if ended.status not in (0, 2, 3, 4, 5) or "Traceback" in ended.err:
        yield str(ended)
    if hit.state() != hit.described:
        yield f"the victim is {hit.state()}"
    if (hit.victim.parent / "nothing").exists():
        yield "a file was made where a link led"
    inode = hit.victim.stat().st_ino
    for path in hit.made.config.parent.iterdir():
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_ino == inode:
            continue
        if status.st_mode & 0o7000:
            yield f"{path.name} has mode {oct(status.st_mode)}"
        # What was moved aside before it was given away is nobody's to read.
        if status.st_uid != OWNER and (hit.runner == 0 and status.st_mode & 0o077):
            yield f"{path.name} belongs to {status.st_uid}"


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("runner, what", WAYS)
def test_a_name_is_swapped_at_any_call(runner: int, what: str, plant: Plant, trakt: Any,
                                       base: Path) -> None:
    in_state = what == "state directory"
    first = target(trakt, base, runner, in_state_directory=in_state)
    calls = [call for call in first.made.authorize(watch=True).calls
             if call.kind not in injection.SOCKET_CALLS]
    path = {"config": first.made.config, "journal": Path(places.beside(str(first.made.config))),
            "temporary": Path(places.temporary(str(first.made.config))),
            "state directory": base / "elsewhere" / "state"}[what]
    step = 3 if FULL else 701
    found = []
    start = PLANTS.index(plant) * step // len(PLANTS)
    for number, at in enumerate(range(start, len(calls), step)):
        back = at + 1 + number % 4 if number % 2 else -1
        hit = target(trakt, base, runner, in_state_directory=in_state)
        swap = Swap(path, plant, hit.victim, at, back)
        ended = hit.made.authorize(look=swap, timeout=30)
        found += [f"{calls[at]}, back at {back}: {problem}" for problem in problems(hit, ended)]
    assert not found, f"{len(found)}:\n" + "\n".join(found)


def private_folder(runner: int, base: Path) -> Path:
    """A folder of the runner's that nobody else can enter, with a config of that name."""
    folder = base / "private"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    config = folder / "config.yml"
    config.write_text("trakt:\n  client_id: theirs\n  authorization:\n"
                      "    refresh_token: theirs-alone\n")
    config.chmod(0o600)
    for path in (folder, config):
        os.chown(path, runner, runner)
    return folder


def described(folder: Path) -> Any:
    """Every file in it, by name."""
    return {path.name: (path.read_bytes(), scenes.described(path)) for path in folder.iterdir()}


@pytest.mark.parametrize("runner", [0, mounts.NOBODY])
def test_the_folder_is_swapped_at_any_calls(runner: int, trakt: Any, base: Path) -> None:
    """For a link to a folder that its owner cannot even enter, and back, again and again."""
    os.chmod(base, 0o777)  # It is the run's own process that swaps.
    hit = target(trakt, base, runner, in_state_directory=False)
    calls = [call for call in hit.made.authorize(watch=True).calls
             if call.kind not in injection.SOCKET_CALLS]
    found = []
    for at in turns(calls):
        hit = target(trakt, base, runner, in_state_directory=False)
        theirs = private_folder(runner, base)
        before = described(theirs)
        swap = FolderSwap(hit.made.config.parent, theirs, at)
        ended = hit.made.authorize(look=swap, timeout=30)
        if hit.made.config.parent.is_symlink():
            swap.turn()
        told = [str(calls[number]) for number in at if number < len(calls)]
        found += [f"{told}: {problem}" for problem in folder_problems(hit, ended)]
        if described(theirs) != before:
            found.append(f"{told}: {described(theirs)}")
    assert not found, f"{len(found)}:\n" + "\n".join(found)


def folder_problems(hit: Target, ended: injection.Ended) -> Iterator[str]:
    trakt = hit.made.trakt
    trakt.settle()
    if ended.status not in (0, 2, 3, 4, 5) or "Traceback" in ended.err:
        yield str(ended)
    if any("theirs-alone" in str(body) for body in trakt.bodies()):
        yield "a token that stands there was sent"
    if set(trakt.honoured()) - set(hit.made.kept()):
        yield f"what Trakt honours is not on the disk: {ended}"


def turns(calls: Sequence[Call]) -> Iterator[tuple[int, ...]]:
    """The calls before which the folder is swapped."""
    names = [f"{call.kind} {call.subject}" for call in calls]
    if "replace .config.yml.trakt-journal.new" in names:
        made = names.index("unlink .config.yml.trakt-journal.new") + 1
        renamed = names.index("replace .config.yml.trakt-journal.new")
        looked = max(number for number in range(renamed) if names[number] == "open config.yml")
        # Where the replacement is made and where it is renamed, but not where that is checked.
        yield made, looked, renamed, renamed + 1
    first = names.index("open config.yml")  # A link that stands there before is followed.
    for number in range(names.index("flock "), len(names)):
        if names[number] == "open config.yml":
            yield number, number + 1
    for number, at in enumerate(range(first, len(calls), 2 if FULL else 41)):
        yield at, at + (1, 3, 9, 27)[number % 4]
        if FULL:
            yield at, len(calls)
