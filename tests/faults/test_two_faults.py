"""Two faults in one run: somebody saves an edit at one call, and at every later one the run is
killed, or refused, or meets a second edit. Or it is killed inside of a write, and then edited.

The edits are theirs and stay, whatever else happens; Trakt's answer, which was written down before,
comes in with the next run at the latest.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.faults.test_every_call import edit_by_rename, edit_in_place, last_look
from tests.support.injection import FULL, Call, Fault
from tests.support.scenes import (
    Build,
    Scene,
    damage,
    is_usable,
    pin_exchange,
    refresh_by_rename,
    refresh_in_place,
    values,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

Edit = Callable[[Scene], None]
EDITED = b"# edited\n"

WAYS = [(refresh_by_rename, edit_in_place), (refresh_by_rename, edit_by_rename),
        (refresh_in_place, edit_in_place)]
IDS = ["rename-in place", "rename-rename", "in place"]


def editing(made: Scene, edit: Edit, *calls: Call) -> Callable[[Call], None]:
    """Somebody edits the config before each of these calls."""
    def look(now: Call) -> None:
        if any((now.kind, now.ordinal) == (call.kind, call.ordinal) for call in calls):
            edit(made)
    return look


def first_moments(calls: list[Call], edit: Edit) -> list[int]:
    """Where the first edit comes: after the answer is durable, and before the last look."""
    heard = max(n for n, call in enumerate(calls) if call.kind == "recv_into")
    recorded = next(n for n in range(heard, len(calls)) if calls[n].kind == "fsync")
    looked, _ = last_look(calls, "read" if edit is edit_in_place else "lstat")
    return list(range(looked, recorded, -1))


def later(calls: list[Call], at: Call) -> Iterator[tuple[int, Call]]:
    start = next(n for n, call in enumerate(calls)
                 if (call.kind, call.ordinal) == (at.kind, at.ordinal))
    return ((n, call) for n, call in enumerate(calls) if n > start)


def problems(made: Scene, edits: int) -> Iterator[str]:
    """What is wrong after a clean run."""
    healed = made.authorize()
    if healed.status != 0 or not is_usable(made):
        yield f"not healed\n{healed}"
    made.before += edits * EDITED
    yield from damage(made)
    if made.trakt.issued() != 1 or made.trakt.spent_again() or made.left_overs():
        yield f"{made.trakt.issued()} issued, left over: {made.left_overs()}"


def sweep(build: Build, edit: Edit, trakt: Any, base: Path, action: object) -> None:
    """Every second fault after every first edit; of all that, the default run takes a sample."""
    calls = build(trakt, base).authorize(watch=True).calls
    found, taken = [], 0
    for first in first_moments(calls, edit)[::3 if FULL else 41]:
        made = build(trakt, base)
        ended = made.authorize(look=editing(made, edit, calls[first]), watch=True)
        assert ended.status == 0, str(ended)
        looked, replaced = last_look(ended.calls, "read" if edit is edit_in_place else "lstat")
        for number, call in later(ended.calls, calls[first]):
            taken += 1
            if taken % (3 if FULL else 97):
                continue
            if action == "edit" and looked < number:
                continue
            made = build(trakt, base)
            both = [calls[first], call] if action == "edit" else [calls[first]]
            fault = None if action == "edit" else Fault(call.kind, call.ordinal, action)
            made.authorize(look=editing(made, edit, *both), fault=fault)
            found += [f"{calls[first]}, {call}: {problem}"
                      for problem in problems(made, len(both))]
    assert not found, f"{len(found)}:\n" + "\n".join(found)


@pytest.mark.parametrize("build, edit", WAYS, ids=IDS)
def test_an_edit_and_a_kill(build: Build, edit: Edit, trakt: Any, tmp_path: Path) -> None:
    sweep(build, edit, trakt, tmp_path, "kill")


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EACCES"] if FULL else ["EIO"])
@pytest.mark.parametrize("build, edit", WAYS, ids=IDS)
def test_an_edit_and_a_call_that_fails(build: Build, edit: Edit, name: str, trakt: Any,
                                       tmp_path: Path) -> None:
    sweep(build, edit, trakt, tmp_path, getattr(errno, name))


@pytest.mark.parametrize("build, edit", WAYS, ids=IDS)
def test_two_edits(build: Build, edit: Edit, trakt: Any, tmp_path: Path) -> None:
    sweep(build, edit, trakt, tmp_path, "edit")


@pytest.mark.parametrize("build", [refresh_by_rename, refresh_in_place, pin_exchange],
                         ids=lambda build: build.__name__)
def test_a_kill_inside_of_a_write_and_an_edit_before_the_next_run(build: Build, trakt: Any,
                                                                  tmp_path: Path) -> None:
    """Not inside of the note or the answer: from there on, the answer is durable."""
    reference = build(trakt, tmp_path).authorize(watch=True).calls
    writes = [call for call in reference if call.kind == "write"][2:]
    assert writes
    found = []
    for call in writes:
        for share in shares(build(trakt, tmp_path)):
            made = build(trakt, tmp_path)
            made.authorize(fault=Fault("write", call.ordinal, "torn", share=share))
            edit_in_place(made)
            found += [f"{call}, {share}: {problem}" for problem in problems(made, 1)]
    assert not found, f"{len(found)}:\n" + "\n".join(found)


def shares(made: Scene) -> list[float]:
    """How much of the config comes before the middle of each token; and some more."""
    tokens = [value for key, value in values(made).items() if key.endswith("_token") and value]
    middles = [made.before.index(value.encode()) + len(value) / 2 for value in tokens]
    return [middle / len(made.before) for middle in middles] + (
        [0.02, 0.2, 0.4, 0.8, 0.98] if FULL else [0.8])
