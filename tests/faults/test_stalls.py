"""A run is stopped, longer than any limit, at a call that it makes; then it goes on.

A paused container, a suspended machine, a host whose other threads hold the interpreter: what
Trakt answered meanwhile lies in the socket's buffer, and holds the only tokens that still work.
"""
from __future__ import annotations

import functools
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.support.injection import FULL, Ended, Fault, Stop, forked
from tests.support.scenes import Scene, is_usable, pin_exchange, refresh_by_rename
from trakt_config.authorization.run import Options
from trakt_config.cli import authorize, main
from trakt_config.oauth import limits
from trakt_config.sandbox import Answer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LIMIT = 1.5
STOP = Stop(2.0)

#: Comes while the run is stopped, or much of it does.
SLOWLY = Answer(process=True, wait_after=0.1, drip_body=0.0005)


class TheirAdapter(HTTPAdapter):
    """A caller's own, of which nothing is known."""


def their_session() -> requests.Session:
    session = requests.Session()
    session.mount("http://", TheirAdapter())
    return session


SESSIONS: dict[str, Callable[[], requests.Session | None]] = {
    "ours": lambda: None, "plain": requests.Session, "theirs": their_session}


def run(made: Scene, session: str = "ours", fault: Fault | None = None,
        watch: bool = False) -> Ended:
    """A run whose limits are all shorter than a stop."""
    def work() -> int:
        vars(authorize)["Options"] = functools.partial(
            Options, session=SESSIONS[session](), lock_timeout=timedelta(seconds=LIMIT))
        return main.main(["authorize", str(made.config)])

    def prepare() -> None:
        made.prepare()
        limits.CONNECT_TIMEOUT = limits.REQUEST_TIMEOUT = limits.BUDGET = LIMIT

    return forked(work, environ=made.environ, prepare=prepare, fault=fault, watch=watch)


def assert_nothing_lost(made: Scene, ended: Ended) -> None:
    """What Trakt honours is on the disk, and a clean run brings it into the config."""
    trakt = made.trakt
    trakt.settle()
    assert trakt.issued() <= 1 and not trakt.spent_again(), ended
    if trakt.issued():
        assert ended.status == 0 and is_usable(made), ended
    else:
        assert ended.status in (0, 4), ended
    healed = made.authorize()
    assert healed.status == 0 and is_usable(made), healed
    assert trakt.issued() == 1 and not made.left_overs()


#: The calls of a run that have to do with time: before, while and after Trakt is asked.
MOMENTS = [("connect", 1), ("sendall", 1), ("sendall", 2), ("clock", 2), ("clock", 4),
           ("recv_into", 1), ("recv_into", 2), ("recv_into", 30)]


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("kind, ordinal", MOMENTS)
def test_an_answer_that_came_while_the_run_was_stopped_is_saved(
        session: str, kind: str, ordinal: int, trakt: Any, tmp_path: Path) -> None:
    sample = session == "ours" or (kind, ordinal) in (("sendall", 2), ("recv_into", 30))
    if not FULL and not sample:
        pytest.skip("only in the full run")
    made = refresh_by_rename(trakt, tmp_path)
    trakt.answer(SLOWLY)
    assert_nothing_lost(made, run(made, session, Fault(kind, ordinal, STOP)))


@pytest.mark.skipif(not FULL, reason="only in the full run")
@pytest.mark.parametrize("build", [refresh_by_rename, pin_exchange])
@pytest.mark.parametrize("part", range(4))
def test_a_run_that_is_stopped_at_one_of_its_calls_loses_nothing(
        part: int, build: Callable[[Any, Path], Scene], trakt: Any, tmp_path: Path) -> None:
    """A fourth of all calls: each takes as long as a stop."""
    calls = [call for call in run(build(trakt, tmp_path), watch=True).moments
             if call.ordinal < 7 or call.kind not in ("clock", "recv_into")]
    assert len(calls) > 40
    for call in calls[part::16]:
        made = build(trakt, tmp_path)
        assert_nothing_lost(made, run(made, fault=Fault(call.kind, call.ordinal, STOP)))
