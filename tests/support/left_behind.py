"""A test run that leaves a thread or a process behind fails and names it, and ends all the same."""
from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

#: Seconds for what is just ending.
GRACE = 10.0

#: Seconds for the interpreter to end, before it is ended.
EXIT_LIMIT = 60.0

#: A process of multiprocessing that ends with this one.
_TRACKER = "multiprocessing.resource_tracker"

_PR_SET_CHILD_SUBREAPER = 36


class LeftBehind:
    """A plugin for pytest: looks after every test, and at the end of the run.

    Where pytest-xdist gives the tests to workers, each worker looks, and the process that has
    started them, which has threads and processes of its own, tells what they have found.
    """

    def __init__(self, config: pytest.Config, grace: float = GRACE,
                 exit_limit: float = EXIT_LIMIT) -> None:
        self._config = config
        self._grace = grace
        self._exit_limit = exit_limit
        self._has_workers = bool(getattr(config.option, "numprocesses", None))
        #: What goes on, and the test after which it was first seen.
        self._seen: dict[str, str] = {}
        self._found: list[str] = []
        self._adopt_orphans()
        #: What a worker needs to talk to the one that has started it.
        self._before = _threads()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if not self._has_workers:
            self._seen = {name: self._seen.get(name, nodeid) for name in self._left()}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._found += getattr(node, "workeroutput", {}).get("left_behind", [])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self._has_workers:
            self._look()
        if self._found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _look(self) -> None:
        deadline = time.monotonic() + self._grace
        while self._left() and time.monotonic() < deadline:
            time.sleep(0.02)
        for name, description in self._left().items():
            test = self._seen.get(name, "the last test")
            self._found.append(f"{description}, first seen after {test}")
        getattr(self._config, "workeroutput", {})["left_behind"] = self._found

    def _left(self) -> dict[str, str]:
        threads = {name: description for name, description in _threads().items()
                   if name not in self._before}
        return {**threads, **_processes()}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._found:
            terminalreporter.section("left behind", red=True)
            for line in self._found:
                terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        for name in _processes() if not self._has_workers else ():
            os.kill(int(name), signal.SIGKILL)
        stderr = sys.__stderr__
        is_worker = hasattr(self._config, "workeroutput")  # It waits for the others, and is ended.
        if stderr is not None and not is_worker:
            faulthandler.dump_traceback_later(self._exit_limit, exit=True, file=stderr)

    def _adopt_orphans(self) -> None:
        """Become the parent of processes whose own parent has ended, where Linux allows that."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _threads() -> dict[str, str]:
    """The other threads that run Python, those without a `Thread` object too."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    main = threading.main_thread().ident
    return {f"thread {ident}": f"thread {names.get(ident, 'without a name')}, "
                               f"at {frame.f_code.co_filename}:{frame.f_lineno}"
            for ident, frame in sys._current_frames().items() if ident != main}


def _processes() -> dict[str, str]:
    """The processes that were started and have not ended, by their ids; on Linux alone."""
    if not _has_children():
        return {}
    found = {}
    for pid in _descendants():
        command = _command(pid)
        if _TRACKER not in command:
            found[pid] = f"process {pid}: {command}"
    return found


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):
        return False
    return True


def _descendants() -> list[str]:
    found = _children(str(os.getpid()))
    for pid in found:  # It grows meanwhile.
        found += _children(pid)
    return [pid for pid in found if _status(pid)[0] not in "ZX"]


def _children(pid: str) -> list[str]:
    """As the kernel lists them, or, where it does not, of all that there are."""
    if os.path.exists("/proc/thread-self/children"):
        return " ".join(map(_read, Path(f"/proc/{pid}/task").glob("*/children"))).split()
    return [other for other in os.listdir("/proc") if other.isdigit() and _status(other)[1] == pid]


def _status(pid: str) -> list[str]:
    """The state of a process and its parent; one that has ended is ``X``, nobody's."""
    status = _read(Path(f"/proc/{pid}/stat"))
    return status.rpartition(")")[2].split()[:2] or ["X", ""]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # It has ended meanwhile.
        return ""


def _command(pid: str) -> str:
    """The command line of a process; empty when it has ended, and in the midst of execve(2)."""
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()[:200]
