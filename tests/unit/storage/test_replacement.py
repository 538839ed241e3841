"""New bytes in the place of a file, and everything else of the file as it was."""
from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import children, mounts
from trakt_config.storage import files, folders, journal, overwrite, places, replacement
from trakt_config.storage.journal_file import Journal
from trakt_config.storage.overwrite import Changed

OLD = b"trakt:\n  authorization:\n    access_token: old\n"
NEW = b"trakt:\n  authorization:\n    access_token: new and longer\n"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
needs_mounts = pytest.mark.skipif(not children.can_mount(),
                                  reason="this machine gives no mount namespace")


def quiet(text: str) -> None:
    raise AssertionError(text)


def never() -> None:
    raise AssertionError("nobody else holds it")


def hold(config: Path) -> Journal:
    opened = journal.acquire(str(config), {}, never, quiet)
    opened.begin(b"note", 4096)
    return opened


def save(config: Path, new: bytes = NEW, expected: bytes = OLD,
         warn: Callable[[str], None] = quiet) -> None:
    opened = hold(config)
    try:
        replacement.write(str(config), expected, new, opened, warn)
    finally:
        opened.close(remove=True)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    path.write_bytes(OLD)
    return path


@pytest.fixture(params=["by rename", "in place"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to the same end: the second is what a mounted file answers."""
    def busy(*arguments: Any, **keywords: Any) -> None:
        raise OSError(errno.EBUSY, "busy")
    if request.param == "in place":
        monkeypatch.setattr(os, "replace", busy)
    return str(request.param)


def failing(number: int) -> Callable[..., Any]:
    def fail(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(number, "no")
    return fail


def left_overs(config: Path) -> list[str]:
    return sorted(set(os.listdir(config.parent)) - {config.name})


# -- what stays ----------------------------------------------------------------------------------

@pytest.mark.parametrize("new", [NEW, OLD[:-5], b"", OLD + b"x" * 100_000],
                         ids=["longer", "shorter", "empty", "much longer"])
def test_the_file_has_the_new_content_and_nothing_is_left(
        config: Path, way: str, new: bytes) -> None:
    """Whatever its length."""
    inode = config.stat().st_ino
    save(config, new)
    assert config.read_bytes() == new
    assert left_overs(config) == []
    assert (config.stat().st_ino == inode) is (way == "in place")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o666, 0o400, 0o755])
def test_the_mode_stays(config: Path, way: str, mode: int, umask: int) -> None:
    """Under any umask."""
    config.chmod(mode)
    before = os.umask(umask)
    try:
        save(config)
    finally:
        os.umask(before)
    assert stat.S_IMODE(config.stat().st_mode) == mode


@needs_root
def test_the_owner_and_the_group_stay(config: Path, way: str) -> None:
    """Root saves for whoever the config belongs to."""
    os.chown(config, 1234, 5678)
    config.chmod(0o640)
    save(config)
    status = config.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 5678, 0o640)


@needs_root
def test_a_folder_that_gives_its_group_does_not_give_it_to_the_config(
        config: Path, way: str) -> None:
    """The setgid bit of a folder."""
    os.chown(config.parent, 0, 4321)
    config.parent.chmod(0o2770)
    save(config)
    assert config.stat().st_gid == 0


@pytest.fixture
def open_folder(config: Path) -> Iterator[Path]:
    """A folder that any user may write to, by a path that any user may go."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


@needs_root
def test_an_owner_that_cannot_be_given_keeps_the_inode(open_folder: Path) -> None:
    """A user may write to a file of root's, but could not make one."""
    path = open_folder / "config.yml"
    path.write_bytes(OLD)
    path.chmod(0o666)
    inode = path.stat().st_ino
    children.run(lambda: save(path), uid=mounts.NOBODY)
    status = path.stat()
    assert (path.read_bytes(), status.st_ino, status.st_uid) == (NEW, inode, 0)
    assert left_overs(path) == []


@needs_root
def test_a_folder_that_takes_no_file_keeps_the_inode(open_folder: Path) -> None:
    """The journal is in the state directory then."""
    path = open_folder / "config.yml"
    path.write_bytes(OLD)
    os.chown(path, mounts.NOBODY, mounts.NOBODY)
    inode = path.stat().st_ino
    (open_folder / "state").mkdir()
    (open_folder / "state").chmod(0o777)
    open_folder.chmod(0o755)

    def work() -> None:
        environ = {"TRAKT_CONFIG_STATE_DIR": str(open_folder / "state")}
        opened = journal.acquire(str(path), environ, never, quiet)
        opened.begin(b"note", 4096)
        replacement.write(str(path), OLD, NEW, opened, quiet)
        opened.close(remove=True)
    children.run(work, uid=mounts.NOBODY)
    assert (path.read_bytes(), path.stat().st_ino) == (NEW, inode)
    assert os.listdir(open_folder / "state") == []


def test_hard_links_stay_one_file(config: Path) -> None:
    """A rename would part them."""
    other = config.parent / "other.yml"
    os.link(config, other)
    save(config)
    assert other.read_bytes() == NEW
    assert other.samefile(config)
    assert left_overs(config) == ["other.yml"]


def test_links_to_the_config_stay_links(config: Path) -> None:
    """What is replaced is the real file, as it was resolved."""
    link = config.parent / "link.yml"
    link.symlink_to("config.yml")
    save(Path(files.resolve(link)))
    assert link.is_symlink() and link.read_bytes() == NEW


def acl(*entries: Any) -> bytes:
    """A POSIX ACL as Linux keeps it (version 2): (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, permissions, number) for tag, permissions, number in entries)


NO_ID = 0xFFFFFFFF
READABLE_BY_NOBODY = acl((1, 6, NO_ID), (2, 4, 65534), (4, 0, NO_ID), (16, 4, NO_ID),
                         (32, 0, NO_ID))


def set_attribute(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except (AttributeError, OSError):
        pytest.skip(f"this file system has no {name}")


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def test_extended_attributes_and_acls_stay(config: Path, way: str) -> None:
    """A backup tool's mark, and one more user who may read it."""
    config.chmod(0o640)
    set_attribute(config, "user.backup", b"\0\1")
    set_attribute(config, "system.posix_acl_access", READABLE_BY_NOBODY)
    before, mode = attributes(config), config.stat().st_mode
    save(config)
    assert attributes(config) == before
    assert config.stat().st_mode == mode


def test_a_folder_s_default_acl_does_not_become_the_config_s(config: Path, way: str) -> None:
    """It is for new files, and the config is an old one."""
    config.chmod(0o600)
    default = acl((1, 7, NO_ID), (2, 7, 65534), (4, 7, NO_ID), (16, 7, NO_ID), (32, 5, NO_ID))
    set_attribute(config.parent, "system.posix_acl_default", default)
    save(config)
    assert attributes(config) == {}
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_the_replacement_is_never_looser_than_the_config(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at around every call that touches it: at no instant may more users read it."""
    config.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(config, 1234, 5678)
    set_attribute(config, "system.posix_acl_access", READABLE_BY_NOBODY)
    seen = set()

    def look() -> None:
        try:
            status = os.lstat(places.temporary(str(config)))
        except FileNotFoundError:
            return
        seen.add((stat.S_IMODE(status.st_mode), status.st_uid))

    for name in ("write", "fchown", "chmod", "fchmod", "setxattr", "removexattr", "fsync",
                 "replace"):
        def watched(*arguments: Any, _call: Any = getattr(os, name), **keywords: Any) -> Any:
            look()
            try:
                return _call(*arguments, **keywords)
            finally:
                look()
        watched_supported = getattr(os, name) in os.supports_fd
        monkeypatch.setattr(os, name, watched)
        if watched_supported:
            monkeypatch.setattr(os, "supports_fd", {*os.supports_fd, watched})
    before = os.umask(0)
    try:
        save(config)
    finally:
        os.umask(before)
    owner = config.stat().st_uid
    assert seen <= {(0o600, os.geteuid()), (0o600, owner), (0o640, owner)}
    assert (0o600, os.geteuid()) in seen and (0o640, owner) in seen


@pytest.mark.parametrize("name", ["fchmod", "setxattr", "listxattr"])
def test_what_a_file_system_does_not_have_is_forgiven_with_one_warning(
        name: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFS, FAT, WSL."""
    config.chmod(0o640)
    set_attribute(config, "user.backup", b"1")
    warnings: list[str] = []
    refuse = failing(errno.EOPNOTSUPP)
    with monkeypatch.context() as patch:
        patch.setattr(os, "supports_fd", {*os.supports_fd, refuse})
        patch.setattr(os, name, refuse)
        save(config, warn=warnings.append)
    assert config.read_bytes() == NEW
    assert len(warnings) == 1 and "does not keep" in warnings[0]


def test_an_attribute_that_cannot_be_given_keeps_the_inode(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A security label, say."""
    set_attribute(config, "user.backup", b"1")
    inode = config.stat().st_ino
    monkeypatch.setattr(os, "setxattr", failing(errno.EACCES))
    save(config)
    assert (config.read_bytes(), config.stat().st_ino) == (NEW, inode)
    assert attributes(config) == {"user.backup": b"1"}


def test_a_directory_that_cannot_be_synced_is_warned_of(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is as it should be all the same."""
    monkeypatch.setattr(folders, "sync_directory", lambda path: False)
    warnings: list[str] = []
    save(config, warn=warnings.append)
    assert config.read_bytes() == NEW
    assert len(warnings) == 1 and "power cut" in warnings[0]


# -- what was changed meanwhile ------------------------------------------------------------------

def test_a_file_that_somebody_else_changed_is_left_as_it_is(config: Path, way: str) -> None:
    """The caller reads it again."""
    with pytest.raises(Changed):
        save(config, expected=b"what it was")
    assert config.read_bytes() == OLD
    assert left_overs(config) == []


def test_a_change_in_the_last_moment_is_seen(
        config: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the replacement, or the journal, was synced."""
    fsync = os.fsync

    def edit(fd: int) -> None:
        config.write_bytes(b"edited")
        fsync(fd)
    opened = hold(config)
    monkeypatch.setattr(os, "fsync", edit)
    with pytest.raises(Changed):
        replacement.write(str(config), OLD, NEW, opened, quiet)
    opened.close(remove=True)
    assert config.read_bytes() == b"edited"


def test_what_a_killed_run_left_of_a_replacement_is_not_in_the_way(config: Path) -> None:
    """It has one name, so it is found."""
    Path(places.temporary(str(config))).write_bytes(b"half of it")
    save(config)
    assert config.read_bytes() == NEW
    assert left_overs(config) == []


def test_a_link_planted_as_the_replacement_is_not_followed(config: Path) -> None:
    """Tokens go nowhere else."""
    target = config.parent / "target"
    target.write_bytes(b"theirs")
    os.symlink(target, places.temporary(str(config)))
    save(config)
    assert (config.read_bytes(), target.read_bytes()) == (NEW, b"theirs")
    assert left_overs(config) == ["target"]


# -- faults --------------------------------------------------------------------------------------

RENAME_REFUSED = [errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT,
                  errno.EROFS]


@pytest.mark.parametrize("number", RENAME_REFUSED)
def test_a_refused_rename_is_an_overwrite(
        number: int, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is a mount, an old SMB server, a folder without room."""
    inode = config.stat().st_ino
    monkeypatch.setattr(os, "replace", failing(number))
    save(config)
    assert (config.read_bytes(), config.stat().st_ino) == (NEW, inode)
    assert left_overs(config) == []


def test_a_failed_sync_counts_as_not_written(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new replacement is written, once; the failing one is not believed a second time."""
    opened = hold(config)
    fsync, failures = os.fsync, [errno.EIO]

    def fail_once(fd: int) -> None:
        if failures:
            raise OSError(failures.pop(), "no")
        fsync(fd)
    monkeypatch.setattr(os, "fsync", fail_once)
    replacement.write(str(config), OLD, NEW, opened, quiet)
    opened.close(remove=True)
    assert config.read_bytes() == NEW


@pytest.mark.parametrize("name", ["write", "fsync", "replace"])
def test_a_disk_that_keeps_failing_leaves_the_old_content(
        name: str, config: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO: no overwrite is risked, and nothing is left."""
    opened = hold(config)
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(os, name, failing(errno.EIO))
        replacement.write(str(config), OLD, NEW, opened, quiet)
    opened.close(remove=True)
    assert config.read_bytes() == OLD
    assert left_overs(config) == []


class FailAt:
    """A call that fails at its `step`-th time: only then, or from then on."""

    def __init__(self, call: Callable[..., Any], step: int, number: int, *, once: bool) -> None:
        self.call, self.step, self.number, self.once = call, step, number, once
        self.count = 0

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self.count += 1
        if self.count == self.step or (self.count > self.step and not self.once):
            raise OSError(self.number, "no")
        return self.call(*arguments, **keywords)


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES])
@pytest.mark.parametrize("name", ["open", "write", "fsync", "ftruncate", "lseek", "read", "stat"])
def test_wherever_a_call_fails_the_file_is_whole_or_the_journal_finishes_it(
        name: str, number: int, once: bool, config: Path, way: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call, the second, and so on, until none fails."""
    new = OLD[:-9] + b"n" * 9 + b"and more"
    call = FailAt(getattr(os, name), 0, number, once=once)
    while call.count >= call.step:
        call.step, call.count = call.step + 1, 0
        config.write_bytes(OLD)
        opened = hold(config)
        failure: Exception | None = None
        with monkeypatch.context() as patch:
            patch.setattr(os, name, call)
            try:
                replacement.write(str(config), OLD, new, opened, lambda text: None)
            except Exception as error:
                failure = error
        if failure is None:
            assert config.read_bytes() == new
        else:
            left_over = opened.unfinished()
            assert left_over is not None
            overwrite.finish_overwrite(str(config), left_over)
            assert config.read_bytes() in (OLD, new)
        opened.close(remove=True)
        assert left_overs(config) == []
    assert failure is None


# -- real mounts ---------------------------------------------------------------------------------

@needs_mounts
def test_a_config_that_is_itself_a_mount_keeps_the_inode(config: Path) -> None:
    """docker run -v ./config.yml:/config/config.yml"""
    source = config.parent / "source.yml"
    source.write_bytes(OLD)
    inode = source.stat().st_ino

    def work() -> list[str]:
        mounts.private_mounts()
        mounts.bind(source, config)
        save(config)
        return left_overs(config)
    assert children.run(work) == ["source.yml"]
    assert (source.read_bytes(), source.stat().st_ino) == (NEW, inode)
    assert config.read_bytes() == OLD


@needs_mounts
@pytest.mark.parametrize("room", range(0, 11, 2))
def test_a_disk_that_is_full_never_holds_half_a_config(room: int, tmp_path: Path) -> None:
    """A disk of 16 pages with none of them left, two, four: either it is saved, or not at all."""
    page = 4096
    old, new = b"o" * 3 * page, b"n" * (3 * page + 100)

    def work() -> bool:
        mounts.private_mounts()
        mounts.mount_tmpfs(tmp_path, f"size={16 * page}")
        path = tmp_path / "config.yml"
        path.write_bytes(old)
        fill(tmp_path / "ballast", leave=room * page)
        opened = journal.acquire(str(path), {}, never, quiet)
        try:
            opened.begin(b"note", 0)
            opened.give_back_room()
            replacement.write(str(path), old, new, opened, quiet)
            assert path.read_bytes() == new
            return True
        except OSError:
            assert path.read_bytes() == old
            return False
        finally:
            opened.close(remove=True)
    saved = children.run(work)
    assert saved or room < 6
    assert not saved or room > 0


def fill(ballast: Path, leave: int) -> None:
    """Write until the disk is full, and give `leave` bytes back."""
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(fd, bytes(4096))
    except OSError:
        os.ftruncate(fd, os.fstat(fd).st_size - leave)
    finally:
        os.close(fd)


# -- a folder whose owner swaps names ------------------------------------------------------------

def test_set_id_and_sticky_bits_are_not_carried_over(config: Path) -> None:
    """A program that runs as its owner is not made, whatever the file was."""
    config.chmod(0o7751)
    save(config)
    assert config.stat().st_mode & 0o7777 == 0o751


@needs_root
def test_a_capability_is_not_carried_over(config: Path) -> None:
    try:  # cap_net_raw, in version 2 of the format (capabilities(7)).
        os.setxattr(config, "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
    except OSError:
        pytest.skip("this file system has no capabilities")
    save(config)
    assert "security.capability" not in os.listxattr(config)


def test_another_file_with_the_same_bytes_is_not_replaced(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Owner and attributes were taken from the one that was there before."""
    real_fsync, other = os.fsync, config.with_name("other")
    other.write_bytes(OLD)
    other.chmod(config.stat().st_mode & 0o777)

    def swap(fd: int) -> None:
        real_fsync(fd)
        if other.exists():
            other.rename(config)

    opened = hold(config)
    monkeypatch.setattr(os, "fsync", swap)
    with pytest.raises(Changed):
        replacement.write(str(config), OLD, NEW, opened, quiet)
    opened.close(remove=True)
    assert config.read_bytes() == OLD


def test_a_file_that_is_planted_as_the_replacement_is_not_written_to(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever planted it could read it."""
    real_remove, planted = files.remove, config.with_name("planted")

    def remove(path: str) -> None:
        with contextlib.suppress(OSError):
            real_remove(path)
        if not planted.exists():
            planted.touch()
            os.link(planted, path)

    opened = hold(config)
    with monkeypatch.context() as patch:
        patch.setattr(files, "remove", remove)
        replacement.write(str(config), OLD, NEW, opened, quiet)
    opened.close(remove=True)
    assert (config.read_bytes(), planted.read_bytes()) == (NEW, b"")
