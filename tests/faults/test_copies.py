"""A holder and its copies, under kills and crowds: no spent token is sent, and all end equal."""
from __future__ import annotations

import os
import random
import re
import signal
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import mounts, scenes
from tests.support.injection import FULL, App, Fault, forked
from tests.support.scenes import Scene
from trakt_config import TraktConfigError, document
from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.copy import copy_to, disarm_twin, own_tokens
from trakt_config.authorization.run import Options

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

BARE = "trakt:\n  client_id: {id}\n  authorization:\n    access_token:\nother: 1  # stays\n"


def values(path: Path) -> dict[str, str]:
    return {key: "" if value.blank else value.text
            for key, value in document.parse(path.read_bytes()).authorization.items()}


def authorize(holder: Path, copies: list[Path], *, force: bool = False) -> int:
    """What the command does; 0, or 1 where something failed."""
    options = Options(force=force, lock_timeout=timedelta(seconds=60),
                      sleep=lambda seconds: None)
    failed = 0
    known = own_tokens(holder, options)
    for step in ([lambda copy=copy: disarm_twin(copy, holder, options) for copy in copies]
                 + [lambda: ensure_authorized(holder, options)]
                 + [lambda copy=copy: copy_to(copy, holder, options, known) for copy in copies]):
        try:
            step()
        except TraktConfigError:
            failed = 1
    return failed


def family(made: Scene, count: int) -> list[Path]:
    """Copies: a bare one, and files that were copied by hand."""
    copies = [made.base / "elsewhere" / f"copy{number}.yml" for number in range(count)]
    for number, copy in enumerate(copies):
        copy.write_bytes(BARE.format(id=App.client_id).encode() if number == 0 else made.before)
    return copies


def assert_equal(holder: Path, copies: list[Path]) -> None:
    ours = values(holder)
    assert ours["refresh_token"]
    for copy in copies:
        theirs = values(copy)
        assert theirs.pop("refresh_token") == ""
        assert theirs.items() <= ours.items() and len(theirs) == 5


def age(path: Path) -> None:
    """Let two weeks pass."""
    path.write_bytes(re.sub(rb"created_at: (\d+)",
                            lambda found: b"created_at: %d" % (int(found[1]) - 14 * 86400),
                            path.read_bytes(), count=1))


def hard_linked(made: Scene, count: int) -> list[Path]:
    """Copies that are overwritten in place, and so may be left half written."""
    copies = family(made, count)
    for copy in copies:
        os.link(copy, copy.with_suffix(".second"))
    return copies


@pytest.mark.parametrize("build", [family, hard_linked], ids=["by rename", "in place"])
def test_a_kill_at_every_call_is_healed_by_the_next_run(build: Any, trakt: Any,
                                                        tmp_path: Path) -> None:
    """Between the holder and its copies, and anywhere else."""
    made = scenes.scene(trakt, tmp_path)
    copies = build(made, 2)
    calls = forked(lambda: authorize(made.config, copies), environ=made.environ, watch=True).calls
    if build is hard_linked:
        calls = [call for call in calls if call.kind == "write"]
    found = []
    for call in calls if FULL else calls[-9::8] if build is hard_linked else calls[::197]:
        made = scenes.scene(trakt, tmp_path)
        copies = build(made, 2)
        forked(lambda: authorize(made.config, copies), environ=made.environ,
               fault=Fault(call.kind, call.ordinal, "torn" if call.kind == "write" else "kill",
                           share=0.77))
        trakt.settle()
        lost = bool(trakt.issued() and not made.kept())
        forked(lambda: authorize(made.config, copies), environ=made.environ)
        if lost:  # Between Trakt's commit and the journal, where no client can keep it.
            continue
        try:
            assert_equal(made.config, copies)
            assert trakt.spent_again() == 0 and trakt.issued() == 1
            assert not [name for name in made.left_overs() if "copy" not in name or "trakt" in name]
        except (AssertionError, TraktConfigError) as error:
            found.append(f"{call}: {error}")
    assert not found, "\n".join(found)


def test_a_twin_of_a_holder_that_was_left_half_written(trakt: Any, tmp_path: Path) -> None:
    """Whose token it has, only the journal knows."""
    made = scenes.recovery_of_a_torn_config(trakt, tmp_path)
    twin = family(made, 2)[1]
    assert values(twin)["refresh_token"] not in made.config.read_text()
    assert authorize_in_child(made, made.config, [twin]) == 0
    assert_equal(made.config, [twin])
    assert trakt.spent_again() == 0 and trakt.issued() == 1


def test_a_copy_that_cannot_be_written(trakt: Any) -> None:
    """It is an error of that file alone, and none where there is nothing to write."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        made = scenes.scene(trakt, Path(name), age=60)
        other = made.base / "elsewhere" / "other.yml"
        other.write_text(BARE.format(id=App.client_id))
        for path in (made.config.parent, made.config, other.parent, made.base / "home"):
            os.chown(path, mounts.NOBODY, mounts.NOBODY)
        refused = made.authorize("--copy-to", other, prepare=mounts.become)
        assert refused.status == 5 and refused.err.startswith(f"{other}: "), str(refused)
        assert refused.out.startswith(f"{made.config}: fresh") and not values(other)["access_token"]
        assert made.authorize("--copy-to", other).status == 0
        assert_equal(made.config, [other])
        assert made.authorize("--copy-to", other, prepare=mounts.become).status == 0
        assert other.stat().st_uid == 0 and trakt.asked() == 0


@pytest.mark.sampled(3)
@pytest.mark.parametrize("crossing", [True, False], ids=["crossing", "the same"])
def test_a_crowd_ends_equal(crossing: bool, trakt: Any, tmp_path: Path) -> None:
    """Many runs at once, with one holder, or where every second takes a copy for the holder."""
    made = scenes.scene(trakt, tmp_path)
    copies = family(made, 2)
    forked(lambda: authorize(made.config, copies), environ=made.environ)
    age(made.config)
    crowd(made, copies, crossing)
    assert_equal(made.config, copies)
    assert trakt.spent_again() == 0 and trakt.issued() == 2


def test_a_crowd_of_twins_that_cross_agrees_on_one_holder(trakt: Any, tmp_path: Path) -> None:
    """Two files with one refresh token, and each is the holder for half of the runs."""
    made = scenes.scene(trakt, tmp_path)
    copies = family(made, 2)
    crowd(made, copies, crossing=True)
    holder, twin = made.config, copies[1]
    if values(twin)["refresh_token"]:
        holder, twin = twin, holder
    assert authorize_in_child(made, holder, [copies[0], twin]) == 0
    assert_equal(holder, [copies[0], twin])
    assert trakt.spent_again() == 0 and trakt.issued() == 1 and made.kept()


def crowd(made: Scene, copies: list[Path], crossing: bool) -> None:
    """Where they cross, every second takes the last copy for the holder."""
    runs = []
    for number in range(32 if FULL else 12):
        holder, others = (copies[-1], [made.config]) if crossing and number % 2 \
            else (made.config, copies)
        runs.append(start(made, lambda holder=holder, others=others: authorize(holder, others)))
    for run in runs:
        os.waitpid(run, 0)


def authorize_in_child(made: Scene, holder: Path, copies: list[Path]) -> int:
    return forked(lambda: authorize(holder, copies), environ=made.environ).status


def test_copies_follow_their_holder_through_a_kill_storm(trakt: Any, tmp_path: Path) -> None:
    """Rotation after rotation, while runs are killed wherever nothing of Trakt's is on its way."""
    chance = random.Random(5)
    made = scenes.scene(trakt, tmp_path)
    copies = family(made, 3)
    for _ in range(50 if FULL else 5):
        crowd = [start(made, lambda: authorize(made.config, copies)) for _ in range(4)]
        for child in crowd[1:]:
            time.sleep(chance.uniform(0, 0.02))
            for each in crowd:
                os.kill(each, signal.SIGSTOP)
            if is_safe(made):
                os.kill(child, signal.SIGKILL)
            for each in crowd:
                os.kill(each, signal.SIGCONT)
        for child in crowd:
            os.waitpid(child, 0)
        assert forked(lambda: authorize(made.config, copies), environ=made.environ).status == 0
        assert_equal(made.config, copies)
        assert trakt.spent_again() == 0
        age(made.config)


def is_safe(made: Scene) -> bool:
    """Whether what Trakt honours is on the disk, nothing being under way."""
    try:
        made.trakt.settle(0.2)
    except AssertionError:
        return False
    return bool(made.kept())


def start(made: Scene, work: Any) -> int:
    """Do it in a child, on the scene's Trakt."""
    from tests.support import children

    def child() -> None:
        os.environ.clear()
        os.environ.update(made.environ)
        work()
    return children.start(child)
