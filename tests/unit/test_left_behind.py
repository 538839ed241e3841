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

THREAD = """
import threading
def test_first():
    threading.Thread(target=threading.Event().wait, name="forgotten", daemon={daemon}).start()
def test_second():
    pass
"""

WITHOUT_AN_OBJECT = """
import _thread
def test_first():
    begun, never = _thread.allocate_lock(), _thread.allocate_lock()
    begun.acquire()
    never.acquire()
    def work():
        begun.release()
        never.acquire()
    _thread.start_new_thread(work, ())
    begun.acquire()
def test_second():
    pass
"""

CHILD = """
import subprocess
def test_first():
    forgotten = subprocess.Popen(["sleep", "1000"])
    forgotten.returncode = 0
def test_second():
    pass
"""

ORPHAN = """
import subprocess
def test_first():
    subprocess.run("sleep 1000 & exit", shell=True)
def test_second():
    pass
"""

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
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
                          capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("text, name, workers", [
    (THREAD.format(daemon=True), "thread forgotten, at ", 0),
    (THREAD.format(daemon=False), "thread forgotten, at ", 0),
    (WITHOUT_AN_OBJECT, "thread without a name, at ", 0),
    (CHILD, "sleep 1000", 0),
    (ORPHAN, "sleep 1000", 0),
    (THREAD.format(daemon=True), "thread forgotten, at ", 1),
    (CHILD, "sleep 1000", 1),
], ids=["daemon", "thread", "bare thread", "child", "orphan", "a worker's thread",
        "a worker's child"])
def test_what_is_left_fails_the_run_by_name_and_the_run_ends(tmp_path: Path, text: str, name: str,
                                                             workers: int) -> None:
    if "sleep" in text and sys.platform != "linux":
        pytest.skip("processes are found on Linux alone")
    done = pytest_run(tmp_path, text, f"-n{workers}", grace=0, exit_limit=0.5)
    assert done.returncode == 1, done.stdout
    section = done.stdout.partition("left behind")[2]
    assert name in section and "first seen after test_it.py::test_first" in section


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_that_leaves_nothing_passes(tmp_path: Path, workers: int) -> None:
    done = pytest_run(tmp_path, WELL_BEHAVED, f"-n{workers}")
    assert done.returncode == 0 and "left behind" not in done.stdout, done.stdout


def test_an_interpreter_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """And shows where it was."""
    done = pytest_run(tmp_path, AT_EXIT, exit_limit=0.5)
    assert done.returncode == 1
    assert "Timeout" in done.stderr and "threading.py" in done.stderr
