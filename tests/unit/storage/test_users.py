"""A refusal by permissions names who may not do it, and whose the file is."""
from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Callable

import pytest

from tests.support import children, mounts
from trakt_config import storage
from trakt_config.cli import main
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


def test_a_file_of_ones_own_has_a_mode() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "config.yml")
        os.close(os.open(config, os.O_CREAT, 0o444))
        assert users.why_not_writable(config) == \
            f"its mode (0444) does not let this user ({users.user_name(os.geteuid())}) write"


@pytest.mark.parametrize("options", [["--create"], []])
def test_login_calls_no_config_missing_that_this_user_may_not_see(options: list[str],
                                                                   config: str) -> None:
    """Nothing is asked, and nothing is made elsewhere."""
    os.chmod(os.path.dirname(config), 0o700)

    def sign_in() -> str:
        said = io.StringIO()
        with redirect_stderr(said):
            status = main.main(["login", *options, config])
        return f"{status} {said.getvalue()}"

    said = children.run(sign_in, uid=mounts.NOBODY)
    assert said.startswith(f"2 {config}: the config cannot be read: this user")
    assert f"may not enter {os.path.dirname(config)}\n" in said
