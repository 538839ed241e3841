"""Many processes and threads on one config, signals, and hosts that end in the middle of it.

Real processes throughout; the sandbox holds its answers until all that shall meet have met.
"""
from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest

import trakt_config
from tests.support import children, mounts, scenes
from tests.support.injection import FULL, forked
from tests.support.scenes import WEEK, Scene
from trakt_config.sandbox import Answer

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs Linux")

ROOT = Path(trakt_config.__file__).parents[1]


def times(full: int) -> range:
    """Once, or as often as `full` says where everything is run."""
    return range(full if FULL else 1)


@pytest.fixture
def made(trakt: Any, tmp_path: Path) -> Scene:
    """A config with an authorization that has ended."""
    return scenes.scene(trakt, tmp_path)


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Signals as somebody at a terminal has them; what is ignored here would be by children."""
    before = {number: signal.signal(number, signal.default_int_handler)
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def started() -> Iterator[Callable[..., Any]]:
    """Starts processes, and kills at the end those that are still running."""
    processes: list[Any] = []

    def start(made: Scene, *command: object, **more: Any) -> Any:
        environ = {**made.environ, "PYTHONPATH": str(ROOT)}
        processes.append(subprocess.Popen(
            [str(word) for word in command], env=environ, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def authorize(*options: object) -> list[object]:
    return [sys.executable, "-m", "trakt_config", "authorize", *options]


def ended(process: Any, timeout: float = 60) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_until(condition: Callable[[], Any], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def is_at_the_lock(process: Any) -> bool:
    """Whether it holds the journal, or waits for it."""
    fds = f"/proc/{process.pid}/fd"
    try:
        return any("trakt-journal" in os.readlink(f"{fds}/{fd}") for fd in os.listdir(fds))
    except OSError:
        return False


def assert_one_exchange(made: Scene) -> None:
    assert (made.trakt.asked(), made.trakt.issued(), made.trakt.spent_again()) == (1, 1, 0)
    assert_healed(made)


def assert_healed(made: Scene) -> None:
    assert set(made.trakt.honoured()) <= set(scenes.values(made).values())
    assert made.left_overs() == []
    assert list(scenes.damage(made)) == []


def outcomes(results: list[tuple[int, str, str]]) -> list[str]:
    assert [status for status, _, _ in results] == [0] * len(results), results
    return sorted(out.split(": ")[1].split(",")[0] for _, out, _ in results)


# Crowds


@pytest.mark.parametrize("age, options", [
    pytest.param(WEEK + 3600, (), id="stale"),
    pytest.param(0, ("--force",), id="--force",
                 marks=pytest.mark.skipif(not FULL, reason="only in the full run"))])
def test_32_processes_make_one_exchange(age: int, options: tuple[str, ...], trakt: Any,
                                        tmp_path: Path, started: Any) -> None:
    """The first one's answer is held until all the others wait for the lock."""
    for _ in times(5 if options else 20):
        made = scenes.scene(trakt, tmp_path, age=age)
        trakt.hold_next()
        crowd = [started(made, *authorize(made.config, *options)) for _ in range(32)]
        trakt.wait_held()
        wait_until(lambda: all(map(is_at_the_lock, crowd)), 60)
        trakt.release()
        found = outcomes([ended(process) for process in crowd])
        assert found == ["adopted"] * 31 + ["refreshed"]
        assert_one_exchange(made) if not options else assert_healed(made)
        assert (trakt.asked(), trakt.spent_again()) == (1, 0)


def test_50_threads_make_one_exchange(made: Scene) -> None:
    def work() -> Any:
        together = threading.Barrier(50)
        found: list[str] = []

        def one() -> None:
            together.wait()
            try:
                found.append(trakt_config.authorize(made.config).refresh_token)
            except BaseException as error:
                found.append(repr(error))

        threads = [threading.Thread(target=one) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    for _ in times(5):
        child = forked(work, environ=made.environ)
        assert child.result == made.trakt.honoured() * 50, str(child)
    assert_one_exchange(made)


def test_a_crowd_and_editors_that_save_in_the_meantime(made: Scene, started: Any) -> None:
    """By rename, so that the inode is another one, and in place; nobody sends again."""
    made.trakt.hold_next()
    crowd = [started(made, *authorize(made.config))]
    made.trakt.wait_held()
    edited = made.config.with_name("edited")
    shutil.copy2(made.config, edited)
    shutil.chown(edited, *made.metadata[:2])
    edited.write_bytes(made.before.replace(b"big one", b"large one"))
    os.replace(edited, made.config)
    crowd += [started(made, *authorize(made.config)) for _ in range(3)]
    wait_until(lambda: all(map(is_at_the_lock, crowd)))
    with open(made.config, "ab") as stream:
        stream.write(b"# the end\n")
    time.sleep(0.3)
    made.trakt.release()
    outcomes([ended(process) for process in crowd])
    made.before = made.before.replace(b"big one", b"large one") + b"# the end\n"
    assert_one_exchange(made)


def test_a_kill_storm(trakt: Any, tmp_path: Path, started: Any) -> None:
    """All are stopped, some are killed, the others go on; except while the one exchange's answer
    is on its way, where a kill loses it.
    """
    chance = random.Random(7)
    for _ in times(10):
        made = scenes.scene(trakt, tmp_path)
        crowd = [started(made, *authorize(made.config)) for _ in range(16)]
        killed = []
        for _ in range(12):
            time.sleep(chance.uniform(0.0, 0.2))
            for process in crowd:
                process.send_signal(signal.SIGSTOP)
            if is_safe(made):
                at_work = [process for process in crowd if is_at_the_lock(process)] or crowd
                killed.append(chance.choice(at_work))
                killed[-1].kill()
                crowd.remove(killed[-1])
            for process in crowd:
                process.send_signal(signal.SIGCONT)
        outcomes([ended(process) for process in crowd])
        assert ended(started(made, *authorize(made.config)))[0] == 0
        assert_one_exchange(made)


def is_safe(made: Scene) -> bool:
    """Whether what Trakt honours is on the disk, nothing being under way."""
    time.sleep(0.01)
    try:
        made.trakt.settle(0.2)
    except AssertionError:
        return False
    return bool(made.kept())


def test_a_holder_that_never_finishes(made: Scene, started: Any) -> None:
    """Others give up in time, having sent nothing; a kill frees the lock."""
    made.trakt.hold_next(Answer(503), before=True)
    holder = started(made, *authorize(made.config))
    made.trakt.wait_held()

    def wait() -> Any:
        begun = time.monotonic()
        with pytest.raises(trakt_config.LockTimeout):
            trakt_config.authorize(made.config, lock_timeout=timedelta(seconds=0.5))
        return [time.monotonic() - begun]

    waited = forked(wait, environ=made.environ)
    assert waited.result and 0.5 <= waited.result[0] < 3, str(waited)
    waiting = started(made, *authorize(made.config))
    wait_until(lambda: is_at_the_lock(waiting))
    holder.kill()
    assert ended(waiting, 10)[0] == 0
    made.trakt.release()
    made.trakt.settle()
    assert made.trakt.issued() == 1
    assert_healed(made)


def test_two_containers_that_share_one_mounted_file(made: Scene, started: Any) -> None:
    """Each has a folder of its own, so that only the file's inode can be locked by both."""
    if not children.can_mount():
        pytest.skip("this machine allows no private mounts")
    crowd = []
    made.trakt.hold_next()
    for name in ("one", "two", "one", "two"):
        mounted = made.base / "home" / name / "config.yml"
        mounted.parent.mkdir(exist_ok=True)
        mounted.touch()

        def mount(mounted: Path = mounted) -> None:
            mounts.private_mounts()
            mounts.bind(made.config, mounted)

        crowd.append(started(made, *authorize(mounted), preexec_fn=mount))
    made.trakt.wait_held()
    wait_until(lambda: all(map(is_at_the_lock, crowd)))
    time.sleep(0.5)
    made.trakt.release()
    assert outcomes([ended(process) for process in crowd]) == ["adopted"] * 3 + ["refreshed"]
    assert (made.trakt.asked(), made.trakt.spent_again()) == (1, 0)
    assert list(scenes.damage(made)) == []


# Signals


@pytest.mark.parametrize("number, status", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str)
@pytest.mark.parametrize("as_pid_1", [False, True], ids=["", "as PID 1"])
def test_a_signal_waits_for_the_answer(as_pid_1: bool, number: int, status: int, made: Scene,
                                       started: Any) -> None:
    """It is saved, one line says what is waited for, and then the status is the signal's."""
    if as_pid_1 and not (shutil.which("unshare") and children.can_mount()):
        pytest.skip("this machine allows no private namespaces")
    made.trakt.hold_next()
    unshare = ["unshare", "--pid", "--fork"] if as_pid_1 else []
    process = started(made, *unshare, *authorize(made.config))
    made.trakt.wait_held()
    pid = children_of(process.pid)[0] if as_pid_1 else process.pid
    os.kill(pid, number)
    assert "waiting for Trakt's answer" in process.stderr.readline()
    for _ in range(2):
        os.kill(pid, number)
    assert process.poll() is None
    made.trakt.release()
    assert ended(process) == (status, "", "")
    assert_one_exchange(made)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in
            Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_signal_while_it_waits_for_the_lock(made: Scene, started: Any) -> None:
    """There is nothing to wait for."""
    made.trakt.hold_next()
    holder = started(made, *authorize(made.config))
    made.trakt.wait_held()
    waiting = started(made, *authorize(made.config))
    wait_until(lambda: is_at_the_lock(waiting))
    waiting.terminate()
    assert ended(waiting, 5) == (143, "", "")
    made.trakt.release()
    assert ended(holder)[0] == 0
    assert_one_exchange(made)


def test_an_answer_that_cannot_be_saved_is_told_although_interrupted(made: Scene,
                                                                     started: Any) -> None:
    """130 alone would hide that the config has to be repaired before the next run."""
    made.trakt.hold_next()
    process = started(made, *authorize(made.config))
    made.trakt.wait_held()
    made.config.write_bytes(b"[broken")
    process.send_signal(signal.SIGINT)
    assert "waiting for Trakt's answer" in process.stderr.readline()
    made.trakt.release()
    status, _, err = ended(process)
    assert status == 130 and "could not be saved" in err and "Traceback" not in err
    made.config.write_bytes(made.before)
    assert ended(started(made, *authorize(made.config)))[0] == 0
    assert_one_exchange(made)


def test_sigterm_at_any_time_gives_no_traceback(trakt: Any, tmp_path: Path,
                                                started: Any) -> None:
    """From the first instruction to the last, and nothing is lost."""
    chance = random.Random(11)
    for _ in range(40 if FULL else 3):
        made = scenes.scene(trakt, tmp_path)
        process = started(made, *authorize(made.config))
        time.sleep(chance.uniform(0.0, 0.6))
        process.terminate()
        status, _, err = ended(process)
        assert status in (0, 143, -signal.SIGTERM) and len(err.splitlines()) <= 1, (status, err)
        assert ended(started(made, *authorize(made.config)))[0] == 0
        assert_one_exchange(made)


# Hosts


HOST = """
import asyncio, atexit, os, signal, sys, threading, time
import trakt_config
from datetime import timedelta

def work():
    return trakt_config.authorize(sys.argv[1], lock_timeout=timedelta(seconds=5))

class Alarm(Exception):
    pass

def alarm(number, frame):
    raise Alarm
"""


def host(script: str, made: Scene) -> list[object]:
    return [sys.executable, "-c", HOST + script, made.config]


@pytest.mark.parametrize("script, number, said", [
    ("try: work()\nexcept KeyboardInterrupt: print('interrupted')", signal.SIGINT, "interrupted"),
    ("signal.signal(signal.SIGALRM, alarm)\n"
     "try: work()\nexcept Alarm: print('alarm')\nprint(work().token_type)", signal.SIGALRM,
     "alarm\nbearer"),
    ("thread = threading.Thread(target=work)\nthread.start()\n"
     "try: thread.join()\nexcept KeyboardInterrupt: print('interrupted')", signal.SIGINT,
     "interrupted"),
    ("async def main():\n"
     "    task = asyncio.ensure_future(asyncio.to_thread(work))\n"
     "    asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, task.cancel)\n"
     "    try: await task\n"
     "    except asyncio.CancelledError: print('cancelled')\n"
     "asyncio.run(main())", signal.SIGALRM, "cancelled"),
], ids=["Ctrl-C", "a handler that raises", "Ctrl-C, in a worker thread", "a cancelled task"])
def test_a_host_is_interrupted(script: str, number: int, said: str, made: Scene,
                               started: Any) -> None:
    """While Trakt answers; what it answers is saved all the same."""
    made.trakt.hold_next()
    process = started(made, *host(script, made))
    made.trakt.wait_held()
    process.send_signal(number)
    time.sleep(0.1)
    made.trakt.release()
    status, out, err = ended(process)
    assert (status, out.strip(), err) == (0, said, "")
    assert made.kept()  # A worker thread may be cut short behind that, and leave the journal.
    assert ended(started(made, *authorize(made.config)))[0] == 0
    assert_one_exchange(made)


@pytest.mark.parametrize("daemon", [True, False])
def test_a_host_ends_while_a_thread_of_it_authorizes(daemon: bool, made: Scene,
                                                     started: Any) -> None:
    """A daemon thread, too: the exchange is not one, so the interpreter waits for it."""
    made.trakt.hold_next()
    process = started(made, *host(
        f"threading.Thread(target=work, daemon={daemon}).start()\n"
        "while not os.path.exists(sys.argv[1] + '.end'): time.sleep(0.01)\n"
        "print('the end', flush=True)", made))
    made.trakt.wait_held()
    signpost = Path(f"{made.config}.end")
    signpost.touch()
    assert process.stdout.readline() == "the end\n"
    signpost.unlink()
    time.sleep(0.2)  # The later it is, the nearer to its end is the host.
    made.trakt.release()
    status, _, err = ended(process)
    assert (status, err) == (0, "")
    assert made.kept()
    assert ended(started(made, *authorize(made.config)))[0] == 0
    assert_one_exchange(made)


def test_a_host_authorizes_at_its_very_end(made: Scene, started: Any) -> None:
    """New interpreters give no thread then; nothing is sent, or all is well."""
    process = started(made, *host(
        "def last():\n"
        "    try: print(work().token_type)\n"
        "    except trakt_config.TraktConfigError as error: print(type(error).__name__)\n"
        "atexit.register(last)", made))
    status, out, err = ended(process)
    assert (status, err) == (0, "") and out.strip() in ("bearer", "TraktUnavailable")
    assert made.trakt.asked() == (out.strip() == "bearer")
    assert ended(started(made, *authorize(made.config)))[0] == 0
    assert_one_exchange(made)


def test_a_fork_of_the_host_does_not_keep_the_lock(made: Scene, started: Any) -> None:
    """The host is killed, and a child that it forked in the middle of it lives on."""
    made.trakt.hold_next(Answer(503), before=True)
    process = started(made, *host(
        "threading.Thread(target=work).start()\n"
        "while not os.path.exists(sys.argv[1] + '.fork'): time.sleep(0.01)\n"
        "if os.fork() == 0: time.sleep(60)\n"
        "print('forked', flush=True); time.sleep(60)", made))
    made.trakt.wait_held()
    signpost = Path(f"{made.config}.fork")
    signpost.touch()
    assert process.stdout.readline() == "forked\n"
    orphan = children_of(process.pid)[0]
    try:
        process.kill()
        process.wait()
        signpost.unlink()
        assert ended(started(made, *authorize(made.config)), 10)[0] == 0
    finally:
        os.kill(orphan, signal.SIGKILL)
        made.trakt.release()
    made.trakt.settle()
    assert made.trakt.issued() == 1
    assert_healed(made)


#: What somebody may make of a config during the request: it is read again before it is written.
SPOILT = (
    "trakt: {", "- trakt:", "trakt: text", "trakt: {client_id: a, autorization: }", "text",
    "trakt: {client_id: 'client_id: a'}", "trakt: {client_id: your-client-id}", "other: true",
    "trakt: {client_id: a, pin: 'https://example.org/?code=1'}", "trakt: {client_id: \u201ca}",
)


def test_the_exchange_imports_nothing(made: Scene) -> None:
    """Once Trakt has answered, a package that is being upgraded, or a disk, could fail there."""
    script = (f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
              "import socket\n"
              "real = socket.socket.sendall\n"
              "before = []\n"
              "def sendall(*args):\n"
              "    before.append(set(sys.modules)); return real(*args)\n"
              "socket.socket.sendall = sendall\n"
              "import trakt_config; trakt_config.authorize(sys.argv[1])\n"
              "from trakt_config import document\n"
              f"for text in {SPOILT!r}:\n"
              "    try:\n"
              "        document.read_settings(document.parse(text.encode()), {})\n"
              "    except trakt_config.ConfigError as error:\n"
              "        error.path = 'config.yml'\n"
              "        str(error)\n"
              "print(sorted(set(sys.modules) - before[0]))")
    found = subprocess.run([sys.executable, "-c", script, made.config], env=made.environ,
                           capture_output=True, text=True)
    assert (found.stdout, found.stderr) == ("[]\n", "")
