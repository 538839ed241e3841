"""Two users of one group share a config (0664, in a folder that gives its group), neither is root.

The second one waits for the first, whatever that one is doing; and finishes what the first one
left when it was killed. Nobody who cannot read the config can read the journal.
"""
from __future__ import annotations

import json
import os
import random
import signal
import stat
import struct
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import children, scenes
from tests.support.injection import FULL, Call, Ended, Fault, command, forked
from tests.support.scenes import Scene
from trakt_config import storage
from trakt_config.authorization.intent import Intent
from trakt_config.cli import main
from trakt_config.sandbox import Answer
from trakt_config.storage import places
from trakt_config.tokens import Secret, fingerprint

pytestmark = pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0,
                                reason="only root can become somebody else")

#: Owns the config; shares its group; is of no group.
ALICE, BOB, MALLORY = 50001, 50002, 50003
GROUP = 50000

#: Of the crowd; a variable asks for more.
ROUNDS = int(os.environ.get("TRAKT_CONFIG_ROUNDS") or (3 if FULL else 1))


def become(uid: int) -> Callable[[], None]:
    def change() -> None:
        os.setgroups([] if uid == MALLORY else [GROUP])
        os.setgid(uid)
        os.setuid(uid)
        os.umask(0o022)
    return change


def shared(trakt: Any, base: Path, *, folder: int = 0o2775, mode: int = 0o664) -> Scene:
    made = scenes.scene(trakt, base)
    os.chown(made.config.parent, ALICE, GROUP)
    os.chmod(made.config.parent, folder)
    os.chown(made.config, ALICE, GROUP)
    os.chmod(made.config, mode)
    made.metadata = scenes.described(made.config)
    return made


def authorize(made: Scene, uid: int, *, lock_timeout: float = 0.3, **more: Any) -> Ended:
    return forked(command("authorize", made.config, lock_timeout=lock_timeout),
                  environ={**made.environ, "HOME": home_of(made, uid)}, prepare=become(uid), **more)


def home_of(made: Scene, uid: int) -> str:
    home = made.base / f"home-{uid}"
    if not home.exists():
        home.mkdir(mode=0o700)
        os.chown(home, uid, uid)
    return str(home)


def journal_of(made: Scene) -> Path:
    return Path(places.beside(str(made.config)))


def assert_done(made: Scene) -> None:
    made.trakt.settle()
    assert set(made.trakt.honoured()) <= set(scenes.values(made).values())
    assert made.trakt.issued() == 1 and not made.trakt.spent_again()
    assert [name for name in made.left_overs() if name.startswith("folder")] == []
    assert list(scenes.damage(made)) == []


class Stopped:
    """A run of one user that stands still before one of its calls."""

    def __init__(self, made: Scene, uid: int, call: Call) -> None:
        (told, telling), (going, go) = os.pipe(), os.pipe()

        def look(now: Call) -> None:
            if (now.kind, now.ordinal) == (call.kind, call.ordinal):
                real_write(telling, b"x")
                real_read(going, 1)

        def work() -> None:
            os.close(told)
            os.close(go)
            ended = authorize(made, uid, look=look, lock_timeout=30)
            assert ended.status == 0, str(ended)

        self._child = children.start(work)
        os.close(telling)
        os.close(going)
        self._go = go
        os.read(told, 1)
        os.close(told)

    def go_on(self) -> int:
        os.close(self._go)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])


real_read, real_write = os.read, os.write


@pytest.mark.parametrize("first, second", [(ALICE, BOB), (BOB, ALICE)], ids=["owner", "other"])
def test_the_second_waits_wherever_the_first_stands(first: int, second: int, trakt: Any,
                                                    base: Path) -> None:
    """It adopts, or times out (exit 4), or is done before the first has begun; no error."""
    calls = authorize(shared(trakt, base), first, watch=True).calls
    for call in calls[::3 if FULL else 37]:
        made = shared(trakt, base)
        stopped = Stopped(made, first, call)
        look_at_journal(made)
        ended = authorize(made, second)
        assert ended.status in (0, 4), f"{call}: {ended}"
        assert stopped.go_on() == 0, call
        again = authorize(made, second)
        assert again.status == 0, f"{call}: {again}"
        assert_done(made)


def look_at_journal(made: Scene) -> None:
    try:
        status = os.lstat(journal_of(made))
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    assert not mode & ~0o660
    assert status.st_gid == GROUP or not mode & 0o070


@pytest.mark.sampled(2)
@pytest.mark.parametrize("first, second", [(ALICE, BOB), (BOB, ALICE)], ids=["owner", "other"])
def test_either_one_finishes_what_the_other_left(first: int, second: int, trakt: Any,
                                                 base: Path) -> None:
    """Killed at any call after the answer was written down."""
    calls = authorize(shared(trakt, base), first, watch=True).calls
    heard = max(n for n, call in enumerate(calls) if call.kind == "recv_into")
    recorded = next(n for n in range(heard, len(calls)) if calls[n].kind == "fsync")
    for call in calls[recorded + 1::2 if FULL else 11]:
        made = shared(trakt, base)
        assert authorize(made, first, fault=Fault(call.kind, call.ordinal, "kill")).status == -9
        look_at_journal(made)
        ended = authorize(made, second)
        assert ended.status == 0, f"{call}: {ended}"
        assert_done(made)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_crowd_that_is_stopped_and_continued_makes_one_exchange(number: int, trakt: Any,
                                                                  base: Path) -> None:
    """Of both users, each of them at any moment and for any time."""
    chance = random.Random(number)
    made = shared(trakt, base)
    trakt.answer(Answer(process=True, wait_after=0.2))
    crowd = {start(made, chance.choice([ALICE, BOB])) for _ in range(32 if FULL else 8)}
    statuses = []
    while crowd:
        stopped = chance.sample(sorted(crowd), chance.randint(0, len(crowd)))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(0, 0.05))
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        time.sleep(chance.uniform(0, 0.05))
        for pid in sorted(crowd):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                crowd.remove(pid)
                statuses.append(os.waitstatus_to_exitcode(status))
    assert set(statuses) == {0}, statuses
    assert (trakt.asked(), trakt.issued(), trakt.spent_again()) == (1, 1, 0)
    assert_done(made)


def start(made: Scene, uid: int) -> int:
    """A run of that user's as a process; its id."""
    def work() -> None:
        os.environ.clear()
        os.environ.update({**made.environ, "HOME": home_of(made, uid)})
        become(uid)()
        assert main.main(["authorize", "--quiet", str(made.config)]) == 0

    home_of(made, uid)
    return children.start(work)


def leave_an_answer(made: Scene, uid: int) -> Path:
    """A journal of that user's with what Trakt gave for the config's refresh token."""
    token = scenes.values(made)["refresh_token"]
    made.trakt.spend(token)
    pair = made.trakt.pair(made.trakt.honoured()[0])

    def work() -> None:
        with storage.hold(str(made.config), timeout=1, environ={}, warn=print) as held:
            held.reserve(Intent(fingerprint(Secret(token))).encode(), 4096)
            held.record(json.dumps(pair).encode(), time.time())

    ended = forked(work, prepare=become(uid))
    assert ended.status == 0, str(ended)
    return journal_of(made)


def test_a_folder_in_which_only_the_owner_may_remove_a_file(trakt: Any, base: Path) -> None:
    """The other one empties the journal, which then says nothing; its owner removes it."""
    made = shared(trakt, base, folder=0o3775)
    os.chown(made.config.parent, 0, GROUP)
    left = leave_an_answer(made, ALICE)
    ended = authorize(made, BOB)
    assert ended.status == 0 and "could not be removed" not in ended.err, str(ended)
    assert left.stat().st_size == 0
    assert authorize(made, ALICE).status == 0
    assert_done(made)


def test_a_journal_that_cannot_be_opened_is_named_with_its_owner(trakt: Any, base: Path) -> None:
    """It may hold the only good pair, so nobody is told to remove it."""
    made = shared(trakt, base, folder=0o777, mode=0o666)
    left = leave_an_answer(made, ALICE)
    left.chmod(0o600)
    ended = authorize(made, MALLORY)
    assert ended.status == 5, str(ended)
    assert str(left) in ended.err and str(ALICE) in ended.err
    assert "emove" not in ended.err and "Keep it" in ended.err
    assert authorize(made, ALICE).status == 0
    assert_done(made)


def test_an_empty_journal_that_cannot_be_opened_may_be_removed(trakt: Any, base: Path) -> None:
    """Whose it is may have made it just now, so it is waited for first."""
    made = shared(trakt, base, folder=0o777, mode=0o666)
    journal_of(made).touch(0o600)
    os.chown(journal_of(made), ALICE, ALICE)
    ended = authorize(made, MALLORY)
    assert ended.status == 4 and "remove it" in ended.err, str(ended)


def test_while_the_config_is_locked_its_journal_is_busy(trakt: Any, base: Path) -> None:
    """Although this user may not open it: they write the config as others (0666)."""
    made = shared(trakt, base, folder=0o777, mode=0o666)
    calls = authorize(made, ALICE, watch=True).calls
    for call in [call for call in calls if call.kind == "sendall"]:
        made = shared(trakt, base, folder=0o777, mode=0o666)
        stopped = Stopped(made, ALICE, call)
        ended = authorize(made, MALLORY)
        assert ended.status == 4 and "another run" in ended.err, str(ended)
        assert stopped.go_on() == 0
        assert authorize(made, MALLORY).status == 0
        assert_done(made)


def test_a_journal_that_a_stranger_planted_is_refused(trakt: Any, base: Path) -> None:
    """The folder gives its group to any file, and anybody may write to it."""
    made = shared(trakt, base, folder=0o2777)
    planted = journal_of(made)
    planted.touch(0o660)
    os.chown(planted, MALLORY, GROUP)
    planted.chmod(0o660)
    for uid in (ALICE, BOB):
        ended = authorize(made, uid)
        assert (ended.status, trakt.asked()) == (5, 0), str(ended)
        assert "belongs to another user" in ended.err
    assert planted.stat().st_size == 0


def test_a_journal_is_not_the_group_s_where_an_acl_rules(trakt: Any, base: Path) -> None:
    """The mode's group bits are the ACL's mask then, and the group may have no right at all."""
    made = shared(trakt, base)
    acl = acl_without_the_group()
    try:
        os.setxattr(made.config, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no ACLs")
    name = journal_of(made)
    real_lstat = os.lstat

    def look(call: Call) -> int | None:
        try:
            return stat.S_IMODE(real_lstat(name).st_mode)
        except FileNotFoundError:
            return None

    ended = authorize(made, ALICE, look=look)
    modes = {mode for _, mode in ended.seen if mode is not None}
    assert ended.status == 0 and modes == {0o600}, str(ended)


def acl_without_the_group() -> bytes:
    """u::rw- u:BOB:rw- g::--- m::rw- o::---"""
    none = 0xFFFFFFFF
    entries = [(1, 6, none), (2, 6, BOB), (4, 0, none), (16, 6, none), (32, 0, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
