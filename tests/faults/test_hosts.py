"""Programs that call the library from their threads and are interrupted: nothing may be lost."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.support.injection import FULL
from trakt_config import authorize
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
    process.send_signal(signal.SIGINT)
    assert process.stdout.read(1) == b"!", process.communicate()[1].decode()
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


def saved(path: Path, sandbox: Sandbox) -> Any:
    """Whether the tokens in the config are those that the sandbox honours."""
    lines = (line.split() for line in path.read_text().splitlines())
    tokens = [line[1] for line in lines if line[:1] == ["refresh_token:"] and len(line) == 2]
    return [sandbox.honours_refresh(token) for token in tokens] == [True]
