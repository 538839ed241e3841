"""Programs that call the library from their threads and are interrupted: nothing may be lost."""
from __future__ import annotations

import functools
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest
import requests

from tests.support import children, injection, scenes
from tests.support.injection import FULL
from tests.support.scenes import Scene
from trakt_config import TraktAuth, authorize
from trakt_config.sandbox import Sandbox

#: Tells of each SIGINT on stdout, and raises as Python's own handler does.
PREAMBLE = """
import os, signal, sys, threading
from concurrent.futures import ThreadPoolExecutor
from tests.support.injection import FULL
from trakt_config import authorize

def interrupt(number, frame):
    os.write(1, b"!")
    raise KeyboardInterrupt

signal.signal(signal.SIGINT, interrupt)
"""

#: What calls `authorize` where, and what the main thread does meanwhile.
HOSTS = {
    "main thread": "authorize(sys.argv[1])",
    "pool": "with ThreadPoolExecutor(1) as pool: pool.submit(authorize, sys.argv[1]).result()",
    "pool, not waited for": "pool = ThreadPoolExecutor(1); pool.submit(authorize, sys.argv[1])",
    "thread": "threading.Thread(target=authorize, args=sys.argv[1:]).start()",
    "daemon": """
worker = threading.Thread(target=authorize, args=sys.argv[1:], daemon=True)
worker.start()
worker.join()""",
}


def start(host: str, config: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + HOSTS[host], str(config)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """One Ctrl-C; returns when its handler has run, and the main thread waits again."""
    assert process.stdout
    told: list[Any] = []
    while not told:  # CPython notices a signal late that comes just before a thread waits.
        process.send_signal(signal.SIGINT)
        told = select.select([process.stdout], [], [], 1)[0]
    assert os.read(process.stdout.fileno(), 1), process.communicate()[1].decode()
    while not is_asleep(process.pid):
        time.sleep(0.001)


def is_asleep(thread: int) -> bool:
    """Whether a main thread waits for something."""
    return Path(f"/proc/{thread}/stat").read_text().rpartition(") ")[2][0] in "SZ"


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks into /proc")
@pytest.mark.parametrize(("host", "count"), [
    (host, count) for host in HOSTS for count in range(6)
    if FULL or (host == "pool" and count) or count == 2])
def test_ctrl_c_while_trakt_answers_loses_nothing(
        host: str, count: int, sandbox: Sandbox, config: Callable[..., Path],
        environ: Mapping[str, str]) -> None:
    """Whatever thread has called: the answer is saved, and the process ends. The next run has
    nothing to ask, and nothing is left when it ends.
    """
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 14 * 86400))
    answer = sandbox.hold()
    process = start(host, path, environ)
    try:
        answer.wait()
    except TimeoutError:
        process.kill()
        pytest.fail(process.communicate()[1].decode())
    for _ in range(count):
        interrupt(process)
    answer.release()
    told = process.communicate(timeout=60)[1].decode()
    assert saved(path, sandbox), told
    authorize(path, environ=environ)
    assert len(sandbox.token_requests) == 1
    assert sorted(found.name for found in path.parent.iterdir()) == [path.name], told


#: A program of which one thread imports requests, slowly, and another one authorizes meanwhile.
TWO_IMPORTS = """
import importlib.abc, sys, threading, time
from trakt_config import authorize
from trakt_config.authorization import redeem

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("requests.", "urllib3.")):
            imports.set()
            time.sleep(0.01)

imports, failed = threading.Event(), []
sys.meta_path.insert(0, Slow())

def host():
    try:
        import requests
    except ImportError as error:
        failed.append(error)

thread = threading.Thread(target=host)
thread.start()
imports.wait()
authorize(sys.argv[1])
thread.join()
sys.exit(str(failed) if failed else 0)
"""


def test_two_threads_that_import_requests_at_once(
        sandbox: Sandbox, config: Callable[..., Path], environ: Mapping[str, str]) -> None:
    """Python lets a thread that waits for the other find a half made module."""
    path = config(sandbox.issue_authorization(created_at=int(time.time()) - 14 * 86400))
    done = subprocess.run([sys.executable, "-c", TWO_IMPORTS, str(path)], capture_output=True,
                          text=True, timeout=60,
                          env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    assert saved(path, sandbox)


def forked_at(scene: Scene, at: int | None) -> Callable[[], Any]:
    """One thread refreshes; at one of its system calls this process forks, and the child asks for
    a signature as well. How many calls there were, and the child's exit status.
    """
    arrived, forked = threading.Event(), threading.Event()
    calls = [0]

    def look(call: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            calls[0] += 1
            if calls[0] == at:
                arrived.set()
                forked.wait()

    def work() -> tuple[int, int]:
        auth = TraktAuth(scene.config, lock_timeout=timedelta(seconds=10))

        def ask() -> None:
            request = requests.Request("GET", f"{scene.trakt.address()}/users/settings")
            assert "Authorization" in auth(request.prepare()).headers
            arrived.set()
        thread = threading.Thread(target=ask)
        thread.start()
        arrived.wait()
        child = children.start(ask)
        forked.set()
        thread.join()
        return calls[0], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return functools.partial(injection.forked, work, environ=scene.environ, look=look)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_a_thread_refreshes_can_ask_at_once(
        trakt: Any, tmp_path: Path) -> None:
    """At every system call of the refresh, whatever locks the thread holds: one exchange."""
    count, status = forked_at(scenes.refresh_by_rename(trakt, tmp_path), None)().result
    assert count > 20 and status == 0
    for at in range(1, count + 1, 1 if FULL else 31):
        scene = scenes.refresh_by_rename(trakt, tmp_path)
        ended = forked_at(scene, at)()
        assert ended.result and ended.result[1] == 0, f"#{at}: {ended}"
        assert scene.trakt.issued() == 1 and not scene.trakt.spent_again(), f"#{at}"
        assert set(scene.trakt.honoured()) <= set(scenes.values(scene).values()), f"#{at}"
        assert not scene.left_overs(), f"#{at}: {scene.left_overs()}"


def host_that_forks_and_dies(scene: Scene, at: int) -> int:
    """One thread authorizes. At one of its calls the process forks, and soon after it is killed;
    the id of the child, which lives on.
    """
    arrived, forked = threading.Event(), threading.Event()
    reading, writing = os.pipe()
    calls = 0

    def look(call: object) -> None:
        nonlocal calls
        if threading.current_thread() is threading.main_thread():
            return
        calls += 1
        if calls == at:
            arrived.set()
            forked.wait()
        if calls == at + 3:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        os.environ.clear()
        os.environ.update(scene.environ)
        threading.Thread(target=authorize, args=[scene.config]).start()
        arrived.wait()
        child = children.start(lambda: time.sleep(600))
        os.write(writing, b"%d" % child)
        forked.set()
        signal.pause()

    def watched() -> None:
        injection.install(injection.Gate(None, look))
        work()

    host = children.start(watched)
    os.close(writing)
    child = int(os.read(reading, 100))
    os.close(reading)
    assert os.waitstatus_to_exitcode(os.waitpid(host, 0)[1]) == -signal.SIGKILL
    return child


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_child_that_outlives_its_host_keeps_the_lock(trakt: Any, tmp_path: Path) -> None:
    """Forked at any call, those between opening a file and locking it included."""
    calls = scenes.refresh_by_rename(trakt, tmp_path).authorize(watch=True).calls
    locked = [number for number, call in enumerate(calls) if call.kind == "flock"]
    moments = range(1, len(calls) - 5, 2) if FULL else range(locked[0] - 16, locked[1] + 1, 2)
    found = []
    for at in moments:
        scene = scenes.refresh_by_rename(trakt, tmp_path)
        child = host_that_forks_and_dies(scene, at)
        try:
            ended = scene.authorize()
        finally:
            os.kill(child, signal.SIGKILL)
        if ended.status not in (0, 3):  # 3: killed in the moment in which an answer is lost.
            found.append(f"#{at}: {ended}")
    assert not found, "\n".join(found)


def saved(path: Path, sandbox: Sandbox) -> Any:
    """Whether the tokens in the config are those that the sandbox honours."""
    lines = (line.split() for line in path.read_text().splitlines())
    tokens = [line[1] for line in lines if line[:1] == ["refresh_token:"] and len(line) == 2]
    return [sandbox.honours_refresh(token) for token in tokens] == [True]
