"""The check that no test leaves a thread or a process behind, in runs of pytest of their own."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CONFTEST = """
from tests.support.left_behind import LeftBehind
def pytest_configure(config):
    config.pluginmanager.register(LeftBehind(config, grace={grace}, exit_limit={exit_limit}))
"""

THREADS = """
import _thread, threading
def test_daemon():
    threading.Thread(target=threading.Event().wait, name="a daemon", daemon=True).start()
def test_thread():
    threading.Thread(target=threading.Event().wait, name="no daemon", daemon={daemon}).start()
def test_bare_thread():
    begun, never = _thread.allocate_lock(), _thread.allocate_lock()
    begun.acquire()
    never.acquire()
    def work():
        begun.release()
        never.acquire()
    _thread.start_new_thread(work, ())
    begun.acquire()
def test_last():
    pass
"""

PROCESSES = """
import subprocess
def test_child():
    forgotten = subprocess.Popen(["sleep", "1000"])
    forgotten.returncode = 0
def test_orphan():
    subprocess.run("sleep 2000 & exit", shell=True)
def test_last():
    pass
"""

THREADS_LEFT = {"thread a daemon": "test_daemon", "thread no daemon": "test_thread",
                "thread without a name": "test_bare_thread"}
PROCESSES_LEFT = {"sleep 1000": "test_child", "sleep 2000": "test_orphan"}

WELL_BEHAVED = """
import subprocess, threading
def test_first():
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    subprocess.run(["true"])
"""

AT_EXIT = """
import atexit, threading
def test_first():
    atexit.register(threading.Event().wait)
"""


def pytest_run(tmp_path: Path, text: str, *options: str, grace: float = 60,
               exit_limit: float = 60) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(grace=grace, exit_limit=exit_limit))
    (tmp_path / "test_it.py").write_text(text)
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "xdist", "-p", "no:cacheprovider",
                           *options],
                          capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT),
                               "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


@pytest.mark.parametrize("text, left, workers", [
    (THREADS.format(daemon=False), THREADS_LEFT, 0),
    (THREADS.format(daemon=True) + PROCESSES, {**THREADS_LEFT, **PROCESSES_LEFT}, 1),
    (PROCESSES, PROCESSES_LEFT, 0),
], ids=["threads", "a worker's", "processes"])
def test_what_is_left_fails_the_run_by_name_and_the_run_ends(
        tmp_path: Path, text: str, left: dict[str, str], workers: int) -> None:
    if "sleep" in text and sys.platform != "linux":
        pytest.skip("processes are found on Linux alone")
    done = pytest_run(tmp_path, text, f"-n{workers}", grace=0, exit_limit=3)
    assert done.returncode == 1, done.stdout
    lines = done.stdout.partition("left behind")[2].splitlines()
    for name, test in left.items():
        assert any(name in line and line.endswith(f"first seen after test_it.py::{test}")
                   for line in lines), done.stdout


@pytest.mark.parametrize("workers", [1, 0])
@pytest.mark.sampled(2)
def test_a_run_that_leaves_nothing_passes(tmp_path: Path, workers: int) -> None:
    done = pytest_run(tmp_path, WELL_BEHAVED, f"-n{workers}")
    assert done.returncode == 0 and "left behind" not in done.stdout, done.stdout


def test_an_interpreter_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """And shows where it was."""
    done = pytest_run(tmp_path, AT_EXIT, exit_limit=3)
    assert done.returncode == 1
    assert "Timeout" in done.stderr and "threading.py" in done.stderr
