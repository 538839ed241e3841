"""Trakt has answered, and from some call on the disk fails for good, on the way out too.

Whatever fails, the host gets the authorization: in the config, or with the error.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import injection
from tests.support.injection import FULL, SOCKET_CALLS, Call, Fault
from tests.support.scenes import (
    Build,
    Scene,
    is_usable,
    pin_exchange,
    refresh_by_rename,
    refresh_in_place,
)
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options
from trakt_config.errors import SaveError, TraktConfigError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

BUILDS: list[Build] = [refresh_by_rename, refresh_in_place, pin_exchange]
ERRNOS = ("EIO", "ENOSPC", "EROFS", "EACCES", "EDQUOT", "EBADF", "EMFILE")


def told(made: Scene) -> tuple[str, str]:
    """What a host is told, and the refresh token that it is given."""
    try:
        result = ensure_authorized(made.config, Options(sleep=lambda seconds: None,
                                                        lock_timeout=timedelta(seconds=1)))
    except SaveError as error:
        return str(error), error.authorization.refresh_token if error.authorization else ""
    except TraktConfigError as error:
        return f"{type(error).__name__} {error}", ""
    return "done", result.authorization.refresh_token


def after_the_answer(calls: list[Call]) -> list[Call]:
    heard = max(n for n, call in enumerate(calls) if call.kind == "recv_into")
    return [call for call in calls[heard + 1:] if call.kind not in SOCKET_CALLS]


@pytest.mark.parametrize("to_all", [False, True], ids=["that kind", "all kinds"])
@pytest.mark.parametrize("name", ERRNOS if FULL else ERRNOS[:1])
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_the_host_gets_the_authorization(build: Build, name: str, to_all: bool, trakt: Any,
                                         tmp_path: Path) -> None:
    made = build(trakt, tmp_path)
    calls = injection.forked(lambda: told(made), environ=made.environ, watch=True).calls
    wrong = []
    for call in after_the_answer(calls)[::1 if FULL else 31]:
        made = build(trakt, tmp_path)
        fault = Fault(call.kind, call.ordinal, getattr(errno, name), for_good=True, to_all=to_all)
        ended = injection.forked(lambda made=made: told(made),  # type: ignore[misc]
                                 environ=made.environ, fault=fault)
        trakt.settle()
        wrong += [f"{call}: {problem}" for problem in _problems(made, ended.result)]
    assert not wrong, "\n".join(wrong)


def _problems(made: Scene, result: tuple[str, str] | None) -> Iterator[str]:
    if result is None:
        yield "the run ended without a word"
        return
    text, token = result
    honoured = made.trakt.honoured()
    if honoured != [token]:
        yield f"Trakt honours what the host was not given: {text}"
    if text == "done" and not is_usable(made):
        yield "done, but not in the config"
    if "are safe in" in text and honoured[0] not in made.kept():
        yield f"not so: {text}"
    if "nothing that Trakt answered is lost" in text.lower():
        yield f"nobody knows: {text}"
