"""Holding a config: one at a time, within a deadline, and what a killed run left is not lost."""
from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from tests.support import children, mounts
from trakt_config import storage
from trakt_config.errors import ConfigError, LockTimeout, SaveError
from trakt_config.storage import files, journal, places
from trakt_config.storage.held import ANSWER_ROOM, Held

OLD, NEW = b"trakt:\n  pin: 1\n", b"trakt:\n  pin:\n"
NOTE = b"{}"
ANSWER = b'{"access_token": "a", "refresh_token": "r"}'
NOW = 1_790_000_000

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def quiet(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_bytes(OLD)
    return tmp_path / "config.yml"


@contextmanager
def hold(config: Path, timeout: float = 10, environ: dict[str, str] | None = None,
         warn: Any = quiet) -> Iterator[Held]:
    with storage.hold(str(config), timeout=timeout, environ=environ or {}, warn=warn) as held:
        yield held


def waiting_takes(sleep: Callable[[float], None], monotonic: Callable[[], float],
                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a config sleeps like that, by that clock."""
    monkeypatch.setattr("trakt_config.storage.held.time",
                        SimpleNamespace(monotonic=monotonic, sleep=sleep))


def kill_while_holding(config: Path, *, answer: bytes | None = None, begin: bool = True) -> None:
    """Run a child that holds the config, reserves, maybe records an answer, and is killed."""
    reader, writer = os.pipe()

    def work() -> None:
        with hold(config) as held:
            if begin:
                held.reserve(NOTE, 100)
            if answer is not None:
                held.record(answer, NOW)
            os.write(writer, b"x")
            time.sleep(60)
    child = children.start(work)
    assert os.read(reader, 1)
    children.kill(child)
    os.close(reader)
    os.close(writer)


def left_over(config: Path) -> bool:
    return os.path.lexists(places.beside(str(config)))


# -- a whole run ---------------------------------------------------------------------------------

def test_a_run_leaves_the_new_content_and_nothing_else(config: Path) -> None:
    """Lock, reserve, record, replace, forget."""
    with hold(config) as held:
        assert held.recover() is None
        assert held.path == str(config)
        assert held.journal_path == places.beside(str(config))
        held.reserve(NOTE, 100)
        held.record(ANSWER, NOW)
        held.replace(OLD, NEW)
        held.discard_journal()
    assert config.read_bytes() == NEW
    assert os.listdir(config.parent) == ["config.yml"]


def test_a_run_that_only_looked_leaves_nothing(config: Path) -> None:
    """Not a byte, not a time, not a descriptor."""
    before, open_files = config.stat(), os.listdir("/dev/fd")
    with hold(config) as held:
        held.recover()
    after = config.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert os.listdir(config.parent) == ["config.yml"]
    assert os.listdir("/dev/fd") == open_files


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit(1)])
def test_whatever_ends_a_run_lets_the_lock_go(error: BaseException, config: Path) -> None:
    """And what was not spent leaves no journal."""
    with pytest.raises(type(error)):
        with hold(config) as held:
            held.reserve(NOTE, 100)
            raise error
    assert not left_over(config)
    with hold(config, timeout=0):
        pass


def test_an_answer_that_is_not_in_the_config_yet_stays_in_the_journal(config: Path) -> None:
    """Until somebody says that it has done its work."""
    with pytest.raises(ValueError):
        with hold(config) as held:
            held.reserve(NOTE, 100)
            held.record(ANSWER, NOW)
            raise ValueError
    with hold(config) as held:
        found = held.recover()
        assert found is not None
        assert (found.note, found.answer, found.answered_at) == (NOTE, ANSWER, NOW)
        held.discard_journal()
    assert not left_over(config)


def test_a_change_meanwhile_is_the_caller_s_to_merge(config: Path) -> None:
    """Nothing is written, and no journal stays because of it."""
    with hold(config) as held:
        held.reserve(NOTE, 100)
        with pytest.raises(storage.Changed):
            held.replace(b"something else", NEW)
    assert config.read_bytes() == OLD
    assert os.listdir(config.parent) == ["config.yml"]


# -- exclusion -----------------------------------------------------------------------------------

def test_threads_hold_it_one_at_a_time(config: Path) -> None:
    """Each sees what the one before has written."""
    config.write_bytes(b"0")

    def work() -> None:
        with hold(config, timeout=30) as held:
            seen = files.read(str(config))
            held.reserve(NOTE, 100)
            held.replace(seen, b"%d" % (int(seen) + 1))
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert config.read_bytes() == b"8"
    assert os.listdir(config.parent) == ["config.yml"]


@pytest.mark.parametrize("in_place", [False, True])
def test_processes_hold_it_one_at_a_time(in_place: bool, config: Path) -> None:
    """By rename, and with a second hard link in place."""
    config.write_bytes(b"0")
    if in_place:
        os.link(config, config.parent / "other.yml")

    def work() -> None:
        for _ in range(3):
            with hold(config, timeout=30) as held:
                seen = files.read(str(config))
                held.reserve(NOTE, 100)
                held.replace(seen, b"%d" % (int(seen) + 1))
    running = [children.start(work) for _ in range(4)]
    assert [os.waitpid(child, 0)[1] for child in running] == [0, 0, 0, 0]
    assert config.read_bytes() == b"12"


def test_containers_that_share_only_the_file_exclude_each_other(
        config: Path, tmp_path: Path) -> None:
    """Each has a folder of its own around it, and so a journal of its own."""
    (tmp_path / "other").mkdir()
    os.link(config, tmp_path / "other" / "config.yml")
    with hold(config):
        with pytest.raises(LockTimeout), hold(tmp_path / "other" / "config.yml", timeout=0.05):
            pass
    with hold(tmp_path / "other" / "config.yml", timeout=0):
        pass


def test_a_run_that_waits_follows_a_config_that_is_saved_by_rename(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor puts another inode there: that one is locked in the end."""
    blocker = os.open(config, os.O_RDWR)
    fcntl.flock(blocker, fcntl.LOCK_EX)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            (config.parent / "new").write_bytes(b"edited")
            os.replace(config.parent / "new", config)
        if len(waits) == 4:
            fcntl.flock(blocker, fcntl.LOCK_UN)
    waiting_takes(sleep, time.monotonic, monkeypatch)
    with hold(config):
        fd = os.open(config, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
    os.close(blocker)
    assert len(waits) == 5


# -- the deadline --------------------------------------------------------------------------------

def test_the_time_that_is_waited_is_bounded_and_told(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the monotonic clock, in growing pauses, all waits together."""
    now = [1000.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds
    waiting_takes(sleep, lambda: now[0], monkeypatch)
    with hold(config):
        with pytest.raises(LockTimeout) as caught, hold(config, timeout=2):
            pass
    assert caught.value.message == "another run has held the config for 2 s"
    assert "Nothing was sent" in caught.value.hint
    assert sum(pauses) == pytest.approx(2)
    assert pauses[0] <= 0.01 and max(pauses) <= 0.25


def test_a_free_config_needs_no_time(config: Path) -> None:
    """A timeout of zero tries once."""
    with hold(config, timeout=0):
        with pytest.raises(LockTimeout), hold(config, timeout=0):
            pass


def test_the_journal_and_the_config_are_waited_for_within_one_deadline(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once each."""
    now = [0.0]
    first, blocker = journal.acquire(str(config), {}, lambda: None, quiet), os.open(config, 0)
    fcntl.flock(blocker, fcntl.LOCK_EX)

    def sleep(seconds: float) -> None:
        if now[0] < 1 <= now[0] + seconds:
            first.close(remove=True)
        now[0] += seconds
    waiting_takes(sleep, lambda: now[0], monkeypatch)
    with pytest.raises(LockTimeout), hold(config, timeout=2):
        pass
    os.close(blocker)
    assert now[0] == pytest.approx(2)
    assert os.listdir(config.parent) == ["config.yml"]


def test_a_config_that_is_never_the_one_that_was_locked_is_no_hang(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system numbers files anew at every look."""
    same_file = files.same_file
    monkeypatch.setattr(files, "same_file", lambda fd, path: path != str(config)
                        and same_file(fd, path))
    with pytest.raises(LockTimeout), hold(config, timeout=0.05):
        pass


def test_a_config_that_has_become_a_link_is_not_followed(config: Path) -> None:
    """Links were resolved before: what is one now was put there since, perhaps to mislead root."""
    config.rename(config.parent / "real.yml")
    config.symlink_to("real.yml")
    with pytest.raises(ConfigError, match="not a regular file"), hold(config, timeout=0.05):
        pass


def test_a_journal_that_is_never_the_one_that_was_locked_is_no_hang(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of the journal."""
    monkeypatch.setattr(files, "same_file", lambda fd, path: False)
    with pytest.raises(LockTimeout), hold(config, timeout=0.05):
        pass


# -- killed runs ---------------------------------------------------------------------------------

def test_a_killed_run_frees_the_lock_and_leaves_what_it_knew(config: Path) -> None:
    """The next one has it at once."""
    kill_while_holding(config, answer=ANSWER)
    with hold(config, timeout=1) as held:
        found = held.recover()
        assert found is not None and found.answer == ANSWER
    assert left_over(config)


def test_a_journal_that_was_torn_before_its_note_is_dropped(config: Path) -> None:
    """Nothing had been spent."""
    kill_while_holding(config, begin=False)
    assert left_over(config)
    Path(places.beside(str(config))).write_bytes(b"trakt_config jour")
    with hold(config) as held:
        assert held.recover() is None
    assert not left_over(config)


def test_a_newer_version_s_journal_stays(config: Path) -> None:
    """Byte for byte."""
    path = Path(places.beside(str(config)))
    path.write_bytes(b"trakt_config journal 2\nwho knows")
    with hold(config) as held:
        found = held.recover()
        assert found is not None and found.newer
    assert path.read_bytes() == b"trakt_config journal 2\nwho knows"


@pytest.mark.parametrize("reason", ["busy", "not looked at", "cannot be opened"])
def test_a_left_over_outlives_a_run_that_never_got_to_look_at_it(
        reason: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold the only refresh token that Trakt still honours."""
    kill_while_holding(config, answer=ANSWER)
    blocker = os.open(config, os.O_RDWR)
    if reason == "busy":
        fcntl.flock(blocker, fcntl.LOCK_EX)
        with pytest.raises(LockTimeout), hold(config, timeout=0.05):
            pass
    elif reason == "not looked at":
        with pytest.raises(KeyboardInterrupt), hold(config):
            raise KeyboardInterrupt
    else:
        refuse_to_open(str(config), monkeypatch)
        with pytest.raises(SaveError), hold(config):
            pass
        monkeypatch.undo()
    os.close(blocker)
    with hold(config) as held:
        found = held.recover()
        assert found is not None and found.answer == ANSWER


def refuse_to_open(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every attempt to open the file for writing fail."""
    call = os.open

    def refuse(name: Any, flags: int, *more: Any, **keywords: Any) -> int:
        if os.path.basename(name) == os.path.basename(path) and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "no")
        return call(name, flags, *more, **keywords)
    monkeypatch.setattr(os, "open", refuse)


def test_an_overwrite_that_was_cut_short_is_finished(config: Path) -> None:
    """Before anybody reads the file."""
    opened = journal.acquire(str(config), {}, lambda: None, quiet)
    opened.begin(NOTE, 100)
    opened.append(b"before", OLD)
    opened.append(b"content", NEW)
    opened.close(remove=False)
    config.write_bytes(NEW[:9] + OLD[9:])
    with hold(config) as held:
        assert held.recover() is not None
        assert config.read_bytes() == NEW
        held.discard_journal()
    assert os.listdir(config.parent) == ["config.yml"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "no"), KeyboardInterrupt()])
def test_an_overwrite_that_fails_half_way_leaves_its_journal(
        error: BaseException, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where nothing else had to be kept: it is finished by the next run."""
    old, new = b"a: old\n", b"a: new\n"
    config.write_bytes(old)
    os.link(config, config.parent / "other.yml")
    with pytest.raises(type(error)):
        with hold(config) as held:
            held.reserve(NOTE, 100)
            monkeypatch.setattr(files, "write_all", half_written(str(config), error))
            held.replace(old, new)
    monkeypatch.undo()
    assert config.read_bytes() == b"a: nld\n"
    with hold(config) as held:
        held.recover()
        held.discard_journal()
    assert config.read_bytes() == new
    assert not left_over(config)


def half_written(path: str, error: BaseException) -> Any:
    """files.write_all, which fails in the middle of the config."""
    write_all = files.write_all

    def write(fd: int, data: bytes) -> None:
        if not files.same_file(fd, path) or not data:
            return write_all(fd, data)
        write_all(fd, data[:4])
        raise error
    return write


def test_a_left_over_that_cannot_be_read_stays_and_is_told(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails."""
    kill_while_holding(config, answer=ANSWER)

    def fail(fd: int, limit: int) -> bytes:
        raise OSError(errno.EIO, "no")
    with pytest.raises(SaveError, match=os.strerror(errno.EIO)):
        with hold(config) as held:
            monkeypatch.setattr(files, "read_all", fail)
            held.recover()
    assert left_over(config)


# -- what is no place for a journal --------------------------------------------------------------

@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def a_user_s_config(folder: Path) -> Path:
    """A config of nobody's, in a folder of root's that takes no file of nobody's."""
    path = folder / "config.yml"
    path.write_bytes(OLD)
    os.chown(path, mounts.NOBODY, mounts.NOBODY)
    (folder / "state").mkdir()
    (folder / "state").chmod(0o777)
    return path


@needs_root
def test_a_folder_that_takes_no_file_sends_the_journal_to_the_state_directory(
        folder: Path) -> None:
    """Which is made, for nobody else."""
    path = a_user_s_config(folder)

    def work() -> Any:
        environ = {"XDG_STATE_HOME": str(folder / "state")}
        with hold(path, environ=environ) as held:
            held.reserve(NOTE, 100)
            held.record(ANSWER, NOW)
            place = held.journal_path
            with pytest.raises(LockTimeout), hold(path, timeout=0, environ=environ):
                pass
            held.replace(OLD, NEW)
            held.discard_journal()
        return place, os.stat(os.path.dirname(place)).st_mode & 0o777
    place, mode = children.run(work, uid=mounts.NOBODY)
    assert place.startswith(str(folder / "state" / "trakt_config"))
    assert mode == 0o700
    assert path.read_bytes() == NEW
    assert os.listdir(os.path.dirname(place)) == []


@needs_root
@pytest.mark.parametrize("environ", [{}, {"TRAKT_CONFIG_STATE_DIR": "/proc/nowhere"}])
def test_without_any_place_nothing_is_spent(environ: dict[str, str], folder: Path) -> None:
    """No home, or a state directory that takes no file either."""
    path = a_user_s_config(folder)

    def work() -> None:
        with hold(path, environ=environ):
            pass
    state = "in the state directory /proc/nowhere: " if environ else ""
    with pytest.raises(SaveError, match=f"no journal can be written .*{state}"):
        children.run(work, uid=mounts.NOBODY)


@needs_root
def test_a_config_that_this_user_may_not_write_is_found_before_anything_is_spent(
        folder: Path) -> None:
    """And no journal is left in the folder."""
    path = folder / "config.yml"
    path.write_bytes(OLD)
    folder.chmod(0o777)

    def work() -> None:
        with hold(path):
            pass
    with pytest.raises(SaveError, match=os.strerror(errno.EACCES)):
        children.run(work, uid=mounts.NOBODY)
    assert os.listdir(folder) == ["config.yml"]


def test_a_config_that_is_gone_is_found_before_anything_is_spent(config: Path) -> None:
    """Between the first look and the lock."""
    config.unlink()
    with pytest.raises(ConfigError, match="does not exist any more"):
        with hold(config):
            pass
    assert os.listdir(config.parent) == []


def test_a_disk_without_room_is_found_before_anything_is_spent(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No journal is left to fill it further."""
    def full(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "full")
    with hold(config) as held:
        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(SaveError, match=os.strerror(errno.ENOSPC)) as caught:
            held.reserve(NOTE, 100)
    assert "Nothing was sent" in caught.value.hint
    assert os.listdir(config.parent) == ["config.yml"]


def test_room_is_reserved_for_the_answer_and_for_both_contents(config: Path) -> None:
    """The largest answer, and a config of a megabyte before and after."""
    with hold(config) as held:
        held.reserve(NOTE, 1 << 20)
        status = os.stat(held.journal_path)
        assert status.st_blocks * 512 >= (2 << 20) + ANSWER_ROOM


# -- odd file systems ----------------------------------------------------------------------------

def test_a_file_system_without_locks_is_warned_of_once(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although two files are locked."""
    def no_locks(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no")
    monkeypatch.setattr(fcntl, "flock", no_locks)
    warnings: list[str] = []
    with hold(config, warn=warnings.append):
        pass
    assert len(warnings) == 1 and "no locks" in warnings[0]


@pytest.mark.parametrize("name", ["fstat", "lstat"])
def test_a_file_system_that_fails_while_locking_is_an_error_for_people(
        name: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No OSError leaves."""
    call = getattr(os, name)
    inode = config.stat().st_ino

    def fail(file: Any, *more: Any, **keywords: Any) -> Any:
        status = call(file, *more, **keywords)
        if status.st_ino == inode:
            raise OSError(errno.EIO, "no")
        return status
    with pytest.raises(SaveError) as caught, monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        with hold(config):
            pass
    assert os.strerror(errno.EIO) in caught.value.message


def test_a_lock_that_keeps_even_us_from_reading_is_let_go(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """flock on SMB: the journal's lock has to be enough."""
    read, inode = os.read, config.stat().st_ino

    def refuse(fd: int, length: int) -> bytes:
        if os.fstat(fd).st_ino == inode:
            raise PermissionError(errno.EACCES, "locked")
        return read(fd, length)
    monkeypatch.setattr(os, "read", refuse)
    fd = os.open(config, os.O_RDWR)
    with hold(config):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_a_journal_that_cannot_be_removed_is_told_and_the_lock_let_go(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run tries again."""
    def refuse(path: str, **keywords: Any) -> None:
        raise PermissionError(errno.EACCES, "no")
    warnings: list[str] = []
    with hold(config, warn=warnings.append):
        monkeypatch.setattr(os, "unlink", refuse)
    monkeypatch.undo()
    assert len(warnings) == 1 and "could not be removed" in warnings[0]
    with hold(config, timeout=0):
        pass
    assert not left_over(config)


# -- folders -------------------------------------------------------------------------------------

@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """A config whose folder can be moved."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "config.yml").write_bytes(OLD)
    return tmp_path / "folder" / "config.yml"


def test_a_folder_that_was_replaced_is_not_written_to(nested: Path) -> None:
    """What is saved there would not be where it was asked for."""
    moved = nested.parent.with_name("moved")
    with hold(nested) as held:
        held.reserve(NOTE, 100)
        nested.parent.rename(moved)
        nested.parent.mkdir()
        nested.write_bytes(OLD)
        with pytest.raises(SaveError, match="the folder was replaced by another one"):
            held.reserve(NOTE, 100)
        with pytest.raises(OSError, match="Stale"):
            held.replace(OLD, NEW)
    assert nested.read_bytes() == (moved / nested.name).read_bytes() == OLD
    assert os.listdir(nested.parent) == os.listdir(moved) == [nested.name]


def test_a_link_in_the_folder_s_place_is_refused(nested: Path) -> None:
    moved = nested.parent.with_name("moved")
    nested.parent.rename(moved)
    nested.parent.symlink_to(moved)
    with pytest.raises(SaveError, match="folder cannot be opened: it is a link"):
        with hold(nested):
            pass
    assert os.listdir(moved) == [nested.name]


def test_the_folder_is_closed_with_the_lock(nested: Path) -> None:
    with hold(nested) as held:
        assert isinstance(held.path, files.Anchored)
        fd = held.path.folder.fd
        assert os.path.samestat(os.fstat(fd), nested.parent.stat())
    with pytest.raises(OSError):
        os.fstat(fd)


@needs_root
def test_an_empty_file_of_root_s_is_not_given_to_the_config_s_owner(config: Path) -> None:
    """Its owner may have moved a log file of root's to where the journal stands."""
    os.chown(config, 12345, 12345)
    planted = Path(places.beside(str(config)))
    planted.touch(0o600)
    with open(planted, "rb") as file:
        with hold(config) as held:
            held.reserve(NOTE, 100)
        status = os.fstat(file.fileno())
    assert (status.st_uid, status.st_size) == (0, 0)
    assert not left_over(config)


@needs_root
def test_a_file_of_root_s_with_something_in_it_is_not_taken_for_a_journal(config: Path) -> None:
    """The folder's owner may have moved it there; it is neither written nor given away."""
    os.chown(config, 12345, 12345)
    planted = Path(places.beside(str(config)))
    planted.write_bytes(b"root's own")
    planted.chmod(0o600)
    with pytest.raises(SaveError, match="belongs to another user"), hold(config):
        pass
    assert (planted.read_bytes(), planted.stat().st_uid) == (b"root's own", 0)
