"""A run is cut short, or refused, at every system call that it makes; then nothing may be lost.

A first run counts its calls. Then the run is repeated once for each of them, and there it is
killed, gets SIGTERM, or the call fails: once, or from then on. What Trakt still honours and what
is on the disk decide, never what the program says of itself. After each, a clean run has to heal.

What this cannot see: calls that Python makes in C (imports, its own streams, getaddrinfo), which
are not refused; a kill inside of a call that is no write; the order in which a disk writes what was
not synced, of which `test_power_cuts.py` has a model. A kill between Trakt's commit and the
journal's write loses the answer, as it must: those calls are known by name, and only there is that
allowed.
"""
from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support import injection
from tests.support.injection import FULL, Call, Ended, Fault, command
from tests.support.scenes import (
    Build,
    Scene,
    advisory_refresh,
    damage,
    is_usable,
    pin_exchange,
    recovery,
    recovery_of_a_torn_config,
    refresh_by_rename,
    refresh_in_place,
    refresh_of_a_mounted_file,
    values,
)

NETWORK = injection.SOCKET_CALLS
#: Before a call, and inside of a write.
KILLS = ("kill", "torn")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def base(request: Any, tmp_path: Path) -> Iterator[Path]:
    """A folder on the disk (ext4, as a rule) or, as a parameter says, in memory (tmpfs)."""
    if getattr(request, "param", "disk") == "disk":
        yield tmp_path
        return
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no writable /dev/shm")
    folder = Path("/dev/shm") / f"trakt-config-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


class Window:
    """The calls from the request to the journal's write of the answer: there it can be lost."""

    def __init__(self, calls: list[Call]) -> None:
        first = next((n for n, call in enumerate(calls) if call.kind == "sendall"), len(calls))
        heard = max([n for n, call in enumerate(calls) if call.kind == "recv_into"], default=first)
        last = next((n for n in range(heard, len(calls)) if calls[n].kind == "write"), -1)
        self._calls = calls[first:last + 1]

    def holds(self, fault: Fault) -> bool:
        struck = any(fault.strikes(call) for call in self._calls)
        if fault.action in ("term", "late term"):
            return False
        if fault.action in KILLS or fault.kind in NETWORK:
            return struck or fault.kind == "recv_into"
        return struck and fault.for_good and fault.kind in ("write", "lseek")


def problems(scene: Scene, fault: Fault, ended: Ended, window: Window) -> Iterator[str]:
    """What is wrong after a run with a fault, and after the clean run that follows it."""
    trakt = scene.trakt
    trakt.settle()
    kept, issued = scene.kept(), trakt.issued()
    lost = bool(issued and not kept)
    yield from _problems_of_the_faulty_run(scene, fault, ended,
                                           lost=lost and not window.holds(fault))
    asked = trakt.asked()
    healed = scene.authorize()
    yield from _problems_of_the_clean_run(scene, healed, lost)
    if issued and kept and not scene.may_be_kept and trakt.asked() != asked:
        yield f"asked again although the answer was kept\n{healed}"
    if trakt.issued() > 1:
        yield "more than one exchange"
    # Where the answer was not read, the request is repeated, and may overtake the first one.
    if trakt.spent_again() and not lost and fault.kind != "recv_into":
        yield "what was spent was sent again"


def _problems_of_the_faulty_run(scene: Scene, fault: Fault, ended: Ended, *,
                                lost: bool) -> Iterator[str]:
    if lost:
        yield f"the refresh token is lost\n{ended}"
    if ended.status == 0 and not is_usable(scene):
        yield f"exit 0, but the config has no usable token\n{ended}"
    not_begun = -15  # The first calls, that look after the streams, come before the handlers.
    expected = {"kill": (-9,), "torn": (-9,), "term": (143, not_begun),
                "late term": (143, not_begun, 0)}.get(str(fault.action), (0, 2, 3, 4, 5))
    never_came = fault.kind == "recv_into" and ended.status == 0  # All came with the first.
    if ended.status not in expected and not never_came:
        yield f"exit {ended.status}\n{ended}"
    if ended.status == 143 and len(ended.err.splitlines()) > 1:
        yield f"more than a line\n{ended}"
    if "Traceback" in ended.err:
        yield f"a traceback\n{ended}"
    if scene.trakt.asked() - scene.asked_before > 2:
        yield "more than two requests"
    if fault.action not in KILLS:
        yield from damage(scene)


def _problems_of_the_clean_run(scene: Scene, healed: Ended, lost: bool) -> Iterator[str]:
    if lost and not scene.may_be_kept:
        if healed.status != 3:
            yield f"the answer was lost, and the clean run says\n{healed}"
    elif healed.status != 0 or not is_usable(scene):
        yield f"not healed\n{healed}"
    if scene.may_be_kept and not lost and scene.left_overs():
        again = scene.authorize("--force")  # Not due, so what was unknown is left until it is.
        if again.status != 0 or not is_usable(scene):
            yield f"not healed when it was due\n{again}"
    if scene.left_overs() and not (lost and scene.may_be_kept):
        yield f"left over: {scene.left_overs()}"
    if not lost and not set(scene.trakt.honoured()) <= set(values(scene).values()):
        yield "the config does not hold what Trakt honours"
    yield from damage(scene)


def sweep(trakt: Any, base: Path, build: Build, action: object, *, for_good: bool = False) -> None:
    """The run once for each of its calls, with that fault there; all that goes wrong, at once."""
    reference = build(trakt, base).authorize(watch=True)
    assert reference.status == 0, str(reference)
    window = Window(reference.calls)
    found = []
    calls = [call for call in reference.calls if action != "torn" or call.kind == "write"]
    for call in calls[::1 if FULL or action == "torn" else 47]:
        fault = Fault(call.kind, call.ordinal, action, for_good)
        made = build(trakt, base)
        ended = made.authorize(fault=fault)
        found += [f"{call}: {problem}" for problem in problems(made, fault, ended, window)]
    assert not found, f"{len(found)} of {len(reference.calls)} calls:\n" + "\n".join(found)


MAIN: list[Build] = [refresh_by_rename, refresh_in_place]
MORE: list[Build] = [refresh_of_a_mounted_file, pin_exchange, advisory_refresh, recovery,
                     recovery_of_a_torn_config]


def cases(main: Sequence[str], more: Sequence[str] = (), *,
          default: Sequence[str] = ()) -> pytest.MarkDecorator:
    """The faults `main` for the two main scenes, and `more` for the others; some by default."""
    chosen = [(build, name) for build in MAIN for name in (main if FULL else default)]
    chosen += [(build, name) for build in MORE for name in more if FULL]
    return pytest.mark.parametrize("build, name", chosen,
                                   ids=[f"{build.__name__}-{name}" for build, name in chosen])


@cases(["kill", "torn", "term", "late term"], ["kill", "torn", "term", "late term"],
       default=["kill", "torn", "term"])
def test_cut_short_at_every_call(name: str, build: Build, trakt: Any, base: Path) -> None:
    sweep(trakt, base, build, name)


@cases(["EIO", "ENOSPC", "EROFS", "EACCES", "EBUSY", "EDQUOT", "EINTR"], ["EIO", "ENOSPC"],
       default=["EIO", "ENOSPC"])
def test_every_call_fails_once(name: str, build: Build, trakt: Any, base: Path) -> None:
    sweep(trakt, base, build, getattr(errno, name))


@cases(["EIO", "ENOSPC", "EROFS", "EACCES"], ["EIO"])
def test_every_call_fails_from_then_on(name: str, build: Build, trakt: Any, base: Path) -> None:
    sweep(trakt, base, build, getattr(errno, name), for_good=True)


@pytest.mark.parametrize("base", ["memory"] if FULL else [], indirect=True)
@cases(["kill", "ENOSPC"])
def test_the_same_in_memory(name: str, build: Build, trakt: Any, base: Path) -> None:
    sweep(trakt, base, build, name if name == "kill" else errno.ENOSPC)


@pytest.mark.parametrize("build", MAIN + (MORE if FULL else []), ids=lambda build: build.__name__)
def test_writes_that_take_a_part(build: Build, trakt: Any, base: Path) -> None:
    """Every write(2) of the run is short, as POSIX allows."""
    made = build(trakt, base)
    fault = Fault("write", 1, "short", for_good=True)
    ended = made.authorize(fault=fault)
    assert ended.status == 0 and list(problems(made, fault, ended, Window([]))) == []


@pytest.mark.parametrize("build", MAIN, ids=lambda build: build.__name__)
def test_signals_that_mean_nothing(build: Build, trakt: Any, base: Path) -> None:
    """A host's timer interrupts system calls a thousand times a second (EINTR)."""
    made = build(trakt, base)

    def work() -> int:
        signal.signal(signal.SIGALRM, lambda number, frame: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        return command("authorize", made.config)()

    for _ in range(10):
        made = build(trakt, base)
        ended = injection.forked(work, environ=made.environ)
        assert ended.status == 0, str(ended)
        assert made.trakt.issued() == 1 and made.left_overs() == []
        assert list(damage(made)) == []


# Editors


def edit_in_place(made: Scene) -> None:
    with open(made.config, "ab") as stream:
        stream.write(b"# edited\n")


def edit_by_rename(made: Scene) -> None:
    """As most editors save: a new file, and so another inode, takes the old one's name."""
    edited = made.base / "elsewhere" / "edited"
    shutil.copy2(made.config, edited)
    shutil.chown(edited, *made.metadata[:2])
    edit = Scene(made.trakt, made.base, name="../elsewhere/edited")
    edit_in_place(edit)
    os.rename(edited, made.config)
    if made.second:
        made.second.unlink()
        os.link(made.config, made.second)


@pytest.mark.parametrize("build, edit", [
    (refresh_by_rename, edit_in_place), (refresh_by_rename, edit_by_rename),
    (refresh_in_place, edit_in_place), (refresh_in_place, edit_by_rename)],
    ids=["rename-in place", "rename-rename", "in place-in place", "in place-rename"])
def test_an_edit_at_every_call(build: Build, edit: Callable[[Scene], None], trakt: Any,
                               base: Path) -> None:
    """It stays, and the tokens come in, whenever somebody saves an edit of something else.

    Except between the last look at the config and its replacement: there is no system call that
    compares and replaces at once. (A file that was overwritten is looked at once more.)
    """
    reference = build(trakt, base).authorize(watch=True).calls
    looked, replaced = last_look(reference, "read" if edit is edit_in_place else "lstat")
    found = []
    for number, call in list(enumerate(reference))[::1 if FULL else 41]:
        if looked < number <= replaced or call.kind == "recv_into":  # Sometimes one is enough.
            continue
        made = build(trakt, base)

        def look(now: Call, at: Call = call, made: Scene = made) -> None:
            if (now.kind, now.ordinal) == (at.kind, at.ordinal):
                edit(made)

        ended = made.authorize(look=look)
        made.before += b"# edited\n"
        found += [f"{call}: {problem}" for problem in _problems_after_an_edit(made, ended)]
    assert not found, f"{len(found)} of {len(reference)} calls:\n" + "\n".join(found)


def last_look(calls: Sequence[Call], kind: str) -> tuple[int, int]:
    """Where the config is compared for the last time, and where its replacement is complete."""
    kinds = [call.kind for call in calls]
    if "replace" in kinds:
        replaced = kinds.index("replace")
        longest = 5
    else:
        replaced = max(n for n, name in enumerate(kinds) if name == "ftruncate")
        longest = 12
        if kind == "lstat":
            replaced = kinds.index("lstat", replaced)
            return replaced, replaced
    looked = max(n for n in range(replaced) if kinds[n] == kind)
    assert replaced - looked <= longest
    return looked, replaced


def _problems_after_an_edit(made: Scene, ended: Ended) -> Iterator[str]:
    if ended.status != 0 or not is_usable(made):
        yield str(ended)
    if made.trakt.asked() != 1 or made.left_overs():
        yield f"{made.trakt.asked()} requests, left over: {made.left_overs()}"
    yield from damage(made)
