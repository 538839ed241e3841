"""The folder of a file: its names are made durable where that is possible."""
from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from trakt_config.storage import files, folders


@pytest.mark.parametrize("number", sorted(files.NOT_SUPPORTED))
def test_a_file_system_that_cannot_sync_a_directory_is_forgiven(
        number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFS, FAT, WSL, some FUSE."""
    def fsync(fd: int) -> None:
        raise OSError(number, "no")
    monkeypatch.setattr(os, "fsync", fsync)
    assert folders.sync_directory(str(tmp_path)) is False


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_directory_that_fails_to_sync_is_not_forgiven(
        number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is failing."""
    def fsync(fd: int) -> None:
        raise OSError(number, "no")
    monkeypatch.setattr(os, "fsync", fsync)
    before: list[str] = os.listdir("/dev/fd")
    with pytest.raises(OSError):
        folders.sync_directory(str(tmp_path))
    assert os.listdir("/dev/fd") == before


def test_a_directory_that_may_not_be_listed_cannot_be_synced(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0300: files can be made there all the same."""
    def refuse(*arguments: Any, **keywords: Any) -> int:
        raise PermissionError(errno.EACCES, "no")
    monkeypatch.setattr(os, "open", refuse)
    assert folders.sync_directory(str(tmp_path)) is False


def test_a_directory_is_synced(tmp_path: Path) -> None:
    """On a file system that can."""
    assert folders.sync_directory(str(tmp_path)) is True
