"""A refusal by permissions names who may not do it, and whose the file is."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Callable

import pytest

from tests.support import children, mounts
from trakt_config import storage
from trakt_config.errors import TraktConfigError
from trakt_config.storage import users


@pytest.fixture
def config() -> Iterator[str]:
    """One of root's, in a folder of root's, that everybody may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(os.path.realpath(folder), "config.yml")
        os.close(os.open(path, os.O_CREAT))
        os.chmod(path, 0o644)
        yield path


def _read(config: str) -> None:
    storage.read(config)


def _hold(config: str) -> None:
    with storage.hold(config, environ={}, timeout=0, warn=print):
        pass


def _foresee(config: str) -> None:
    found = storage.obstacle(config, {})
    assert found
    raise found


@pytest.mark.parametrize("work, file_mode, folder_mode", [
    (_read, 0o600, 0o755), (_hold, 0o644, 0o755), (_hold, 0o644, 0o777),
    (_foresee, 0o644, 0o755), (_foresee, 0o644, 0o777)])
def test_both_users_are_named(work: Callable[[str], None], file_mode: int, folder_mode: int,
                              config: str) -> None:
    """The config is what is named, even where its folder takes no file either."""
    os.chmod(config, file_mode)
    os.chmod(os.path.dirname(config), folder_mode)
    with pytest.raises(TraktConfigError) as caught:
        children.run(lambda: work(config), uid=mounts.NOBODY)
    for uid in (0, mounts.NOBODY):
        assert users.user_name(uid) in caught.value.message
    assert "journal" not in caught.value.message.partition(";")[0]
