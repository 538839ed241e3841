"""The model is true: what it says can happen is done to real files, and ends as it says.

For every way of the model in which a first run is edited into once and killed once, a real run is
watched; as soon as journal and config are as the model has them in that moment, the same is done to
them. Then a clean run has to heal what the model says it heals.
"""
from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.model.protocol import Content, Rules, State, first_state, moves
from tests.support import scenes
from tests.support.injection import FULL, Call
from tests.support.scenes import Scene
from trakt_config import storage

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

COMMENT = b"# edited\n"


class Moment(NamedTuple):
    """What can be seen of a state on the disk."""

    records: tuple[str, ...]     #: of the journal
    config: str                  #: old, new or half
    is_edited: bool
    before_is_current: bool      #: whether the journal's `before` is what the config holds


class Way(NamedTuple):
    """What befalls the run, and when."""

    edit: str
    edited_at: Moment
    killed_at: Moment


def of_the_model(state: State) -> Moment:
    journal, config = state.journal, state.config
    records: list[str] = []
    if journal:
        records = ["note", *(name for name in ("answer", "before", "content")
                             if getattr(journal, name) is not None)]
    return Moment(tuple(records), _kind(config), bool(config.edits),
                  bool(journal and journal.before == config))


def _kind(config: Content) -> str:
    if config.half_of:
        return "half"
    return "new" if config.access else "old"


def of_the_disk(made: Scene) -> Moment:
    data = made.config.read_bytes()
    found = storage.peek_journal(str(made.config), made.environ)
    records = [] if found is None else [
        name for name in ("note", "answer", "before", "content")
        if getattr(found, name) is not None]
    unedited = data.replace(COMMENT, b"").split(b"\nmal:")[0].rstrip(b"\n")
    access_token = scenes.values(made).get("access_token", "").encode()
    kind = "old" if unedited == made.before.split(b"\nmal:")[0] else "half"
    if access_token not in made.before:
        kind = "new"
    is_edited = COMMENT in data or b"\nmal:" not in data
    return Moment(tuple(records), kind, is_edited,
                  found is not None and found.before == data)


def ways(rules: Rules) -> list[Way]:
    """Each way to edit, and then to kill, the first run, once for what can be seen of it."""
    found: dict[Way, None] = {}

    def follow(state: State, edited: tuple[str, Moment] | None) -> None:
        for label, after in moves(state, rules):
            if label.startswith("kill at"):
                if edited and state.at != "look":
                    found[Way(edited[0], edited[1], of_the_model(state))] = None
            elif state.at and label in rules.kinds:
                follow(after, (label, of_the_model(state)))
            elif after.at and state.edits_left == after.edits_left:
                follow(after, edited)

    start = first_state(rules)
    follow(next(after for label, after in moves(start, rules) if label == "run"), None)
    return list(found)


RULES = {in_place: Rules(runs=1, losses=0, kinds=("edit", "cut short"), in_place=in_place,
                         access_is_good=False) for in_place in (False, True)}
WAYS = [(in_place, way) for in_place, rules in RULES.items() for way in ways(rules)]


def befall(made: Scene, way: Way) -> bool:
    """Run, with what the way says; whether it came to all of that."""
    edited = False
    # In the midst of writing in place, an edit may be lost, as `protocol.WRITING` has it.
    writing = ("lseek", "write", "ftruncate", "fsync") if way.edited_at.config == "new" else ()

    def look(call: Call) -> None:
        nonlocal edited
        now = of_the_disk(made)
        if edited and now == way.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if not edited and now == way.edited_at and call.kind not in writing:
            edited = True
            _edit(made, way.edit)

    ended = made.authorize(look=look)
    assert ended.status in (0, -signal.SIGKILL), str(ended)
    return ended.status != 0


def _edit(made: Scene, edit: str) -> None:
    data = made.config.read_bytes()
    if edit == "edit":
        made.config.write_bytes(data + COMMENT)
    else:
        os.truncate(made.config, data.index(b"\nmal:") + 1)


#: The shortest ways to the known faults of an overwrite in place: two tries, and a file cut short.
NOTED = Moment(("note", "answer", "before", "content"), "old", False, True)
TWO_TRIES = Way("edit", NOTED, NOTED._replace(records=NOTED.records[:3], is_edited=True))
CUT_SHORT = Way("cut short", NOTED, NOTED._replace(is_edited=True, before_is_current=False))


@pytest.mark.parametrize("way", [TWO_TRIES, CUT_SHORT])
def test_the_ways_to_known_faults_are_gone(way: Way, trakt: Any, tmp_path: Path) -> None:
    assert way in ways(RULES[True])
    assert replay(True, way, trakt, tmp_path)


@pytest.mark.parametrize("in_place, way", WAYS[::1 if FULL else 9], ids=str)
def test_a_way_of_the_model_ends_as_it_says(in_place: bool, way: Way, trakt: Any,
                                            tmp_path: Path) -> None:
    if not replay(in_place, way, trakt, tmp_path):
        pytest.skip("the real run passes through this moment in a single call")


def replay(in_place: bool, way: Way, trakt: Any, tmp_path: Path) -> bool:
    """Whether the real run can be stopped there; then it is, and a clean run has to heal it."""
    made = scenes.scene(trakt, tmp_path)
    # Shorter than what will be written: an overwrite in place takes two steps.
    made.before = made.before.replace(b"    scope: public\n", b"    scope:\n")
    made.config.write_bytes(made.before)
    if in_place:
        made.second = made.base / "elsewhere" / "second.yml"
        os.link(made.config, made.second)
    if not befall(made, way):
        return False
    trakt.settle()
    kept = bool(made.kept()) or not trakt.issued()
    healed = made.authorize()
    data = made.config.read_bytes()
    assert (COMMENT in data) is (way.edit == "edit")
    assert (b"\nmal:" in data) is (way.edit == "edit")
    assert made.left_overs() == [] and trakt.issued() <= 1
    if kept:
        assert healed.status == 0 and scenes.is_usable(made), str(healed)
        assert trakt.spent_again() == 0
    else:
        assert way.killed_at.records == ("note",), "lost after it was recorded"
    return True
