"""A host's exception between any two instructions of the calling thread: nothing may be lost.

Ctrl-C, an alarm or a worker's time limit raise between any two instructions of the main thread.
A trace function does the same, once at each of them, in forked children. After it the very same
process has to be able to authorize again: no lock may be left behind, nor a second exchange made.
"""
from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from tests.support import scenes
from tests.support.injection import FULL, Ended, forked
from tests.support.interruptions import Interruption, TimeIsUp, Tracer
from tests.support.scenes import Scene
from trakt_config.sandbox import Answer

PACKAGE = os.path.dirname(trakt_config.__file__)
#: Code that waits, locks and lets go; the rest holds nothing that could be left behind.
WATCHED = {os.path.join(PACKAGE, name) for name in (
    "authorization/authorize.py", "authorization/redeem.py", "authorization/policy.py",
    "authorization/save.py", "authorization/shield.py", "storage/files.py", "storage/folders.py",
    "storage/held.py", "storage/journal.py", "storage/journal_file.py", "storage/locks.py",
    "storage/overwrite.py", "storage/replacement.py")} | {contextlib.__file__, threading.__file__}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def is_running() -> bool:
    """Whether there is a second thread."""
    return any(thread.is_alive() for thread in threading.enumerate()
               if thread is not threading.main_thread())


def interrupted(scene: Scene, at: int | None) -> Callable[[], Any]:
    """Authorize, interrupted at that instruction; then once more, in the same process."""
    def authorize() -> None:
        trakt_config.authorize(scene.config, lock_timeout=timedelta(seconds=0.5))

    def work() -> Any:
        kind = TimeIsUp if at and at % 2 else Interruption  # In each place, one of the two.
        tracer, outcome = Tracer(WATCHED, at, kind), "went on"
        try:
            with tracer:
                authorize()
        except (Interruption, TimeIsUp):
            outcome = "interrupted"
        deadline = time.monotonic() + 0.03  # The answer takes longer than that.
        while is_running() and time.monotonic() < deadline:
            time.sleep(0.001)
        running = is_running()
        try:
            authorize()
            again = "authorized"
        except trakt_config.TraktConfigError as error:
            again = repr(error)
        return tracer.count, tracer.where, outcome, running, again
    return work


def problems(scene: Scene, ended: Ended) -> Iterator[str]:
    if ended.result is None:
        yield str(ended)
        return
    _, _, outcome, running, again = ended.result
    if outcome != "interrupted":
        yield "the interruption was swallowed"
    if running:
        yield "the exchange was still under way"
    if again != "authorized":
        yield f"and then: {again}\n{ended}"
    if scene.trakt.issued() != 1 or scene.trakt.spent_again():
        yield f"{scene.trakt.asked()} requests, {scene.trakt.issued()} granted"
    if scene.left_overs():
        yield f"left over: {scene.left_overs()}"
    if not set(scene.trakt.honoured()) <= set(scenes.values(scene).values()):
        yield "the config does not hold what Trakt honours"


@pytest.mark.parametrize("build", [scenes.refresh_by_rename, scenes.refresh_in_place,
                                   scenes.recovery], ids=lambda build: build.__name__)
def test_an_interruption_at_every_instruction(build: scenes.Build, trakt: Any,
                                              tmp_path: Path) -> None:
    made = build(trakt, tmp_path)
    count, _, _, _, again = forked(interrupted(made, None), environ=made.environ).result
    assert again == "authorized"
    assert count > 100, "the instructions are not seen"
    step = count // 3 if not FULL else 1 if build is scenes.refresh_by_rename else 3
    found = []
    for at in range(1, count + 1, step):
        made = build(trakt, tmp_path)
        trakt.answer(Answer(process=True, wait_after=0.1))
        ended = forked(interrupted(made, at), environ=made.environ, prepare=made.prepare)
        where = ended.result[1] if ended.result else ""
        found += [f"{where}, #{at}: {problem}" for problem in problems(made, ended)]
    assert not found, f"{len(found)} of {count}:\n" + "\n".join(found)
