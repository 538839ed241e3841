"""Where a config can stand, and what keeps a run from writing there.

Either everything stays as it was but for the values, or nothing is sent to Trakt.
"""
from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import children, injection, mounts, scenes
from tests.support.injection import Call, command, forked
from tests.support.scenes import Scene
from trakt_config.sandbox import Answer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0,
                             reason="only root can become somebody else")


@pytest.fixture
def made(trakt: Any, base: Path) -> Scene:
    """A config with an authorization that has ended."""
    return scenes.scene(trakt, base)


@pytest.fixture
def nobodys(made: Scene) -> Scene:
    """The same, all of it nobody's, who also runs the command."""
    for path in (made.config.parent, made.config, made.base / "home"):
        os.chown(path, mounts.NOBODY, mounts.NOBODY)
    made.metadata = scenes.described(made.config)
    made.prepare = mounts.become
    return made


@pytest.fixture
def own_mounts() -> None:
    if not children.can_mount():
        pytest.skip("this machine allows no private mounts")


def assert_refreshed(made: Scene, **more: Any) -> None:
    ended = made.authorize(**more)
    assert (ended.status, made.trakt.asked()) == (0, 1), str(ended)
    assert set(made.trakt.honoured()) <= set(scenes.values(made).values())
    assert made.left_overs() == []
    assert list(scenes.damage(made)) == []


def assert_nothing_is_sent(made: Scene, status: int = 5) -> None:
    ended = made.authorize()
    assert (ended.status, made.trakt.asked()) == (status, 0), str(ended)
    assert "Nothing was sent to Trakt" in ended.err
    assert made.config.read_bytes() == made.before
    assert made.left_overs() == []


# Rights


@as_root
@pytest.mark.parametrize("owner, mode", [(mounts.NOBODY, 0o444), (0, 0o644)], ids=["own", "root's"])
def test_a_read_only_file(owner: int, mode: int, nobodys: Scene) -> None:
    os.chown(nobodys.config, owner, owner)
    os.chmod(nobodys.config, mode)
    assert_nothing_is_sent(nobodys)


@as_root
@pytest.mark.parametrize("variable", ["HOME", "XDG_STATE_HOME", "TRAKT_CONFIG_STATE_DIR"])
def test_a_read_only_folder(variable: str, nobodys: Scene) -> None:
    """The journal stands in the state directory, and the file is overwritten in place."""
    os.chown(nobodys.config.parent, 0, 0)
    del nobodys.environ["HOME"]
    nobodys.environ[variable] = str(nobodys.base / "home")
    inode = nobodys.config.stat().st_ino
    assert_refreshed(nobodys)
    assert nobodys.config.stat().st_ino == inode


@as_root
@pytest.mark.parametrize("variables", [{}, {"HOME": "/nonexistent"}, {"HOME": "relative"}],
                         ids=["without", "missing", "relative"])
def test_a_read_only_folder_and_no_home(variables: dict[str, str], nobodys: Scene) -> None:
    os.chown(nobodys.config.parent, 0, 0)
    del nobodys.environ["HOME"]
    nobodys.environ.update(variables)
    assert_nothing_is_sent(nobodys)


def test_no_home(made: Scene) -> None:
    del made.environ["HOME"]
    assert_refreshed(made)


@as_root
def test_the_file_of_somebody_else_in_our_group(nobodys: Scene) -> None:
    """Only root could give a new file to its owner, so the old one is overwritten."""
    os.chown(nobodys.config, 12345, mounts.NOBODY)
    os.chmod(nobodys.config, 0o664)
    nobodys.metadata = scenes.described(nobodys.config)
    assert_refreshed(nobodys)


@as_root
@pytest.mark.parametrize("group", [mounts.NOBODY, 23456], ids=["of ours", "of others"])
def test_a_setgid_folder(group: int, nobodys: Scene) -> None:
    """It would give its group to new files."""
    os.chown(nobodys.config.parent, mounts.NOBODY, 34567)
    os.chmod(nobodys.config.parent, 0o2775)
    os.chown(nobodys.config, mounts.NOBODY, group)
    nobodys.metadata = scenes.described(nobodys.config)
    assert_refreshed(nobodys)


@as_root
def test_root_keeps_the_owner(made: Scene) -> None:
    assert made.metadata[:2] == (12345, 23456)
    assert_refreshed(made)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o664, 0o666], ids=oct)
@pytest.mark.parametrize("root", [True, False], ids=["as root", "as the owner"])
def test_a_mode_stays_and_nothing_is_looser_for_an_instant(
        root: bool, mode: int, umask: int, request: Any) -> None:
    """Looked at before every call of the run: the config, its replacement and the journal."""
    if not root and os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    made = request.getfixturevalue("made" if root else "nobodys")
    os.chmod(made.config, mode)
    made.metadata = scenes.described(made.config)
    owner, group = made.config.stat().st_uid, made.config.stat().st_gid

    def prepare() -> None:
        if not root:
            mounts.become()
        os.umask(umask)

    made.prepare = prepare
    real_listdir, real_lstat = os.listdir, os.lstat

    def look(call: Call) -> list[tuple[str, int, int, int]]:
        found = []
        for name in real_listdir(made.config.parent):
            try:
                status = real_lstat(made.config.parent / name)
            except FileNotFoundError:
                continue
            found.append((name, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid))
        return found

    ended = made.authorize(look=look)
    assert ended.status == 0, str(ended)
    assert list(scenes.damage(made)) == []
    names = {name for _, files in ended.seen for name, _, _, _ in files}
    assert len(names) == 3
    for call, files in ended.seen:
        for name, seen_mode, uid, gid in files:
            private = uid == os.geteuid() and not seen_mode & 0o077
            assert private or uid == owner, f"{call}: {name} is another user's"
            is_config = name == made.config.name or name.endswith(".new")
            limit = mode if is_config else 0o600 | mode & 0o060
            assert private or not seen_mode & ~limit, f"{call}: {name} has {oct(seen_mode)}"
            assert gid == group or not seen_mode & 0o070, f"{call}: {name} is another group's"


@as_root
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_on_threads(limit: int, nobodys: Scene) -> None:
    """As containers have one: the exchange needs two of its own."""
    resource = pytest.importorskip("resource")

    def prepare() -> None:
        mounts.become()
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))

    nobodys.prepare = prepare
    ended = nobodys.authorize()
    if ended.status == 0:
        pytest.skip("this system does not hold to its limit")
    assert (ended.status, nobodys.trakt.asked()) == (4, 0), str(ended)
    assert "could not start a thread" in ended.err and "Nothing was sent" in ended.err
    assert nobodys.left_overs() == []


# Disks


def on_a_small_disk(made: Scene, options: str, work: Callable[[], Any]) -> Any:
    """What `work` gives with the config on a tmpfs of its own."""
    def prepare() -> None:
        mounts.private_mounts()
        mounts.mount_tmpfs(made.config.parent, options)
        made.config.write_bytes(made.before)

    ended = forked(work, environ=made.environ, prepare=prepare)
    assert ended.result is not None, str(ended)
    return ended.result


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    filler = folder / "filler"
    with open(filler, "ab", buffering=0) as stream:
        for size in (65536, 4096, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return filler


def authorized(made: Scene) -> tuple[int, bytes, list[str]]:
    status = command("authorize", made.config)()
    return status, made.config.read_bytes(), sorted(os.listdir(made.config.parent))


def test_a_read_only_file_system(made: Scene, own_mounts: None) -> None:
    def work() -> Any:
        mounts.make_read_only(made.config.parent)
        return authorized(made)

    assert on_a_small_disk(made, "", work) == (5, made.before, ["config.yml"])
    assert made.trakt.asked() == 0


def test_a_disk_that_is_full(made: Scene, own_mounts: None) -> None:
    def work() -> Any:
        fill(made.config.parent)
        return authorized(made)

    assert on_a_small_disk(made, "size=256k", work) == (5, made.before, ["config.yml", "filler"])
    assert made.trakt.asked() == 0


@pytest.mark.parametrize("home, status", [(True, 0), (False, 5)])
def test_a_disk_without_inodes(home: bool, status: int, made: Scene, own_mounts: None) -> None:
    """The state directory takes the journal, if there is one."""
    if not home:
        del made.environ["HOME"]
    ended, data, names = on_a_small_disk(made, "nr_inodes=2", lambda: authorized(made))
    assert (ended, names, made.trakt.asked()) == (status, ["config.yml"], int(home))
    assert (data == made.before) is not home
    assert made.left_overs() == []


@pytest.mark.parametrize("size", ["700k", "1m", "2m"])
@pytest.mark.parametrize("moment", ["request", "record", "replacement"])
def test_a_disk_that_fills_up_during_the_run(moment: str, size: str, made: Scene,
                                             own_mounts: None) -> None:
    """The answer is saved, or waits in the journal until there is room again."""
    kind, ordinal = {"request": ("sendall", 1), "record": ("write", 2),
                     "replacement": ("unlink", 1)}[moment]
    made.before += b"# much more than fits in a page\n" * 1000
    made.trakt.answer(Answer(process=True, padding=100000))
    seen: list[Path] = []
    real_open = os.open

    def look(call: Call) -> None:
        if (call.kind, call.ordinal) == (kind, ordinal):
            os.open = real_open
            seen.append(fill(made.config.parent))

    def work() -> Any:
        injection.install(injection.Gate(None, look))
        first = authorized(made)
        seen[0].unlink()
        return first, authorized(made)

    first, second = on_a_small_disk(made, f"size={size}", work)
    assert first[0] in (0, 5)
    assert second[0] == 0 and second[2] == ["config.yml"]
    assert made.trakt.asked() == 1 and made.trakt.honoured()[0].encode() in second[1]


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], None]]:
    """Sets the immutable attribute, until the test has ended."""
    changed = []

    def change(path: Path) -> None:
        if shutil.which("chattr") is None or subprocess.run(
                ["chattr", "+i", path], stderr=subprocess.DEVNULL).returncode:
            pytest.skip("this file system or user has no immutable files")
        changed.append(path)

    yield change
    for path in changed:
        subprocess.run(["chattr", "-i", path], check=True)


def test_an_immutable_file(made: Scene, immutable: Callable[[Path], None]) -> None:
    immutable(made.config)
    assert_nothing_is_sent(made)


def test_an_immutable_folder(made: Scene, immutable: Callable[[Path], None]) -> None:
    immutable(made.config.parent)
    assert_refreshed(made)


def test_a_file_that_is_a_mount(trakt: Any, base: Path) -> None:
    assert_refreshed(scenes.refresh_of_a_mounted_file(trakt, base))


# Links and names


def test_hard_links_stay(trakt: Any, base: Path) -> None:
    assert_refreshed(scenes.refresh_in_place(trakt, base))


def test_the_links_of_a_kubernetes_volume_stay(made: Scene) -> None:
    """config.yml -> ..data/config.yml, ..data -> ..2026_11_20: the real file is changed."""
    folder = made.base / "home" / "volume"
    version = folder / "..2026_11_20"
    version.mkdir(parents=True)
    os.rename(made.config, version / "config.yml")
    os.symlink("..2026_11_20", folder / "..data")
    os.symlink("..data/config.yml", folder / "config.yml")
    os.symlink(folder / "config.yml", made.config)
    assert made.authorize().status == 0
    assert made.trakt.honoured()[0] in (version / "config.yml").read_text()
    assert os.readlink(made.config) == str(folder / "config.yml")
    assert os.readlink(folder / "config.yml") == "..data/config.yml"
    assert sorted(os.listdir(folder)) == ["..2026_11_20", "..data", "config.yml"]
    assert os.listdir(version) == ["config.yml"]


@pytest.mark.parametrize("name", [
    b"my config.yml", b"two\nlines.yml", b"caf\xe9.yml", "日本.yml".encode(),
    b"\x1b[31mred.yml", b"x" * 251 + b".yml", b"#.yml", b"%s{}.yml",
], ids=["blank", "newline", "not UTF-8", "UTF-8", "escape", "255 bytes", "comment",
        "template"])
def test_a_name(name: bytes, trakt: Any, base: Path) -> None:
    made = scenes.scene(trakt, base, name=os.fsdecode(name))
    assert_refreshed(made)
    ended = made.authorize()
    assert ended.status == 0 and len(ended.out.splitlines()) == 1 and "\x1b" not in ended.out
