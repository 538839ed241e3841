"""Paths, and the few words that saving needs of the system."""
from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import children, mounts
from trakt_config.errors import ConfigError, os_reason
from trakt_config.storage import files, folders

# -- resolve -------------------------------------------------------------------------------------

def kubernetes_farm(folder: Path) -> Path:
    """config.yml -> ..data/config.yml, ..data -> ..2026_11_20, as a ConfigMap is mounted."""
    (folder / "..2026_11_20").mkdir()
    (folder / "..2026_11_20" / "config.yml").write_bytes(b"a: 1\n")
    (folder / "..data").symlink_to("..2026_11_20")
    (folder / "config.yml").symlink_to(os.path.join("..data", "config.yml"))
    return folder / "..2026_11_20" / "config.yml"


def test_links_are_followed_to_the_real_file(tmp_path: Path) -> None:
    """Through a link, a chain of links, and links to folders."""
    real = kubernetes_farm(tmp_path)
    (tmp_path / "again.yml").symlink_to(tmp_path / "config.yml")
    for name in (real, tmp_path / "config.yml", tmp_path / "again.yml"):
        assert files.resolve(name) == str(real)
        assert files.resolve(str(name)) == str(real)


def test_a_relative_path_is_made_absolute_once(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host may change its working directory during the run."""
    (tmp_path / "config.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert files.resolve("config.yml") == str(tmp_path / "config.yml")


@pytest.mark.parametrize("name", [
    "with blank.yml", "line\nbreak.yml", "-", "é漢.yml", "x" * 255, "\udcff.yml", "*?[]{}$.yml",
])
def test_any_name_that_the_system_takes_is_taken(tmp_path: Path, name: str) -> None:
    """Odd file names are not the business of this package."""
    (tmp_path / name).write_bytes(b"a: 1\n")
    assert files.read(files.resolve(tmp_path / name)) == b"a: 1\n"


def nothing(path: Path) -> None:
    pass


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def loop(path: Path) -> None:
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make, message", [
    (nothing, "the config does not exist"),
    (dangling, "the config is a link to FOLDER/nowhere, which does not exist"),
    (loop, f"the config cannot be read: {os.strerror(errno.ELOOP)}"),
    (os.mkdir, "the config is a directory"),
    (os.mkfifo, "the config is not a regular file"),
    (unix_socket, "the config is not a regular file"),
])
def test_what_is_no_regular_file_is_refused_at_once(
        make: Callable[[Any], None], message: str) -> None:
    """Without opening it: a FIFO would hang, a device would do something."""
    with tempfile.TemporaryDirectory() as folder:  # A socket's path must be short.
        path = Path(folder) / "c"
        make(path)
        with pytest.raises(ConfigError) as caught:
            files.resolve(path)
    assert caught.value.message == message.replace("FOLDER", os.path.realpath(folder))
    assert caught.value.hint


@pytest.mark.parametrize("path, message", [
    ("/dev/null", "the config is not a regular file"),
    ("/dev/null/config.yml", f"the config cannot be read: {os.strerror(errno.ENOTDIR)}"),
    ("", "the config has an empty path"),
    ("a\0b", "the config cannot be read: not a valid path"),
    ("x" * 5000, f"the config cannot be read: {os.strerror(errno.ENAMETOOLONG)}"),
])
def test_a_path_that_leads_nowhere_is_an_error_for_people(path: str, message: str) -> None:
    """No OSError, no ValueError."""
    with pytest.raises(ConfigError) as caught:
        files.resolve(path)
    assert caught.value.message == message


def test_a_folder_that_this_user_may_not_enter_is_named() -> None:
    """The outermost: what is in it cannot even be seen."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        closed = os.path.join(os.path.realpath(folder), "closed")
        os.makedirs(os.path.join(closed, "below"))
        os.chmod(closed, 0o600)
        with pytest.raises(ConfigError, match=rf"this user \([^)]+\) may not enter {closed}\n"):
            children.run(lambda: files.resolve(os.path.join(closed, "below", "c")),
                         uid=mounts.NOBODY)


# -- read ----------------------------------------------------------------------------------------

def test_the_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    """No decoding, no newline translation."""
    (tmp_path / "c").write_bytes(b"\xef\xbb\xbfa: 1\r\n\xff\0")
    assert files.read(str(tmp_path / "c")) == b"\xef\xbb\xbfa: 1\r\n\xff\0"


def test_of_a_file_that_is_too_large_one_byte_too_many_is_read(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the reader notices, and memory stays bounded."""
    monkeypatch.setattr(files, "LARGEST_CONFIG", 10)
    (tmp_path / "c").write_bytes(b"x" * 100)
    assert files.read(str(tmp_path / "c")) == b"x" * 11


def test_a_fifo_that_took_the_file_s_place_does_not_hang(tmp_path: Path) -> None:
    """Between resolve and read, anything may have happened."""
    os.mkfifo(tmp_path / "c")
    with pytest.raises(ConfigError, match="is not a regular file"):
        files.read(str(tmp_path / "c"))


def test_a_file_that_is_gone_or_closed_to_us_is_an_error_for_people(tmp_path: Path) -> None:
    """The system's words, without its exception."""
    with pytest.raises(ConfigError, match=os.strerror(errno.ENOENT)):
        files.read(str(tmp_path / "c"))


def test_a_file_that_this_user_may_not_read_is_an_error_for_people() -> None:
    """Permissions are the usual mistake of a container."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "c")
        with open(path, "w"):
            os.chmod(path, 0o600)
        with pytest.raises(ConfigError, match=os.strerror(errno.EACCES)):
            children.run(lambda: files.read(path), uid=mounts.NOBODY)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Of what is read and of what is refused."""
    (tmp_path / "c").write_bytes(b"a: 1\n")
    os.mkfifo(tmp_path / "fifo")
    before = os.listdir("/dev/fd")
    files.read(str(tmp_path / "c"))
    folders.sync_directory(str(tmp_path))
    for name in ("fifo", "missing"):
        with pytest.raises(ConfigError):
            files.read(str(tmp_path / name))
    assert os.listdir("/dev/fd") == before


# -- write, compare ------------------------------------------------------------------------------

def test_short_writes_and_short_reads_are_continued(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may take and give a byte at a time."""
    write, read = os.write, os.read
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:1])))
    monkeypatch.setattr(os, "read", lambda fd, length: read(fd, min(length, 2)))
    fd = os.open(tmp_path / "c", os.O_RDWR | os.O_CREAT)
    files.write_all(fd, b"0123456789")
    os.lseek(fd, 0, os.SEEK_SET)
    assert files.read_all(fd, 100) == b"0123456789"
    os.lseek(fd, 0, os.SEEK_SET)
    assert files.read_all(fd, 5) == b"01234"
    os.close(fd)


def test_a_disk_that_takes_nothing_is_an_error_and_no_hang(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero bytes written, again and again."""
    monkeypatch.setattr(os, "write", lambda fd, data: 0)
    with pytest.raises(OSError):
        files.write_all(1, b"0123456789")


def test_the_same_file_is_the_inode_and_not_the_name(tmp_path: Path) -> None:
    """After a rename, a removal, or a link in its place, it is another one."""
    path = tmp_path / "c"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    assert files.same_file(fd, str(path))
    path.rename(tmp_path / "moved")
    assert not files.same_file(fd, str(path))
    path.touch()
    assert not files.same_file(fd, str(path))
    path.unlink()
    path.symlink_to(tmp_path / "moved")
    assert not files.same_file(fd, str(path))
    os.close(fd)


@pytest.mark.parametrize("error, words", [
    (OSError(errno.ENOSPC, "x", "/secret/path"), os.strerror(errno.ENOSPC)),
    (OSError("odd"), "not a valid path"),
    (ValueError("embedded null byte"), "not a valid path"),
])
def test_a_reason_has_no_path(error: Exception, words: str) -> None:
    """The path is said elsewhere, as the caller wrote it."""
    assert os_reason(error) == words
