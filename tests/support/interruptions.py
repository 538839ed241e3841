"""Exceptions between any two instructions of the calling thread, as signal handlers raise them."""
from __future__ import annotations

import dis
import functools
import gc
import os
import sys
import threading
from collections.abc import Collection, Iterator
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import Any


class Interruption(BaseException):
    """What a host's signal handler raises."""


class TimeIsUp(TimeoutError):
    """The same, of a class that the system's errors have."""


@functools.cache
def _names(code: CodeType) -> dict[int, str]:
    return {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}


def _takes_signals(code: CodeType, before: int, now: int) -> bool:
    """Whether CPython runs signal handlers between these two instructions."""
    if sys.version_info >= (3, 11):
        return _names(code).get(before, "").startswith(("CALL", "RESUME", "JUMP_BACKWARD"))
    return not _names(code)[now].startswith(("SETUP_", "BEFORE_", "YIELD_FROM"))


class Tracer:
    """Counts the instructions of the watched code in this thread where a signal handler could
    run, and raises at one of them; within a ``with`` block.

    From Python 3.12 on, ``f_trace_opcodes`` takes effect when code is entered again, and most code
    is entered once. There the monitoring of instructions is used instead, for what is imported.
    """

    def __init__(self, watched: Collection[str], at: int | None,
                 kind: type[BaseException] = Interruption) -> None:
        self._watched = watched
        self._kind = kind
        self._at = at
        self._thread = threading.get_ident()
        self._before: dict[int, int] = {}  # By id: frames have to die when they are left.
        self.count = 0
        self.where = ""

    def __enter__(self) -> Tracer:
        if sys.version_info < (3, 12):
            self._coverage = sys.gettrace()
            sys.settrace(self._trace)
            return self
        tool, events = sys.monitoring.DEBUGGER_ID, sys.monitoring.events
        sys.monitoring.use_tool_id(tool, "interruptions")
        sys.monitoring.register_callback(tool, events.INSTRUCTION, self._monitor)
        for code in _codes(self._watched):
            sys.monitoring.set_local_events(tool, code, events.INSTRUCTION)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if sys.version_info < (3, 12):
            sys.settrace(self._coverage)
            return
        tool, events = sys.monitoring.DEBUGGER_ID, sys.monitoring.events
        for code in _codes(self._watched):
            sys.monitoring.set_local_events(tool, code, events.NO_EVENTS)
        sys.monitoring.register_callback(tool, events.INSTRUCTION, None)
        sys.monitoring.free_tool_id(tool)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in self._watched:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "return":
            self._before.pop(id(frame), None)
        if event == "opcode":
            self._reach(frame, frame.f_lasti)
        return self._trace

    def _monitor(self, code: CodeType, offset: int) -> None:
        frame = sys._getframe(1)  # A variable of this one, as a signal handler has it.
        if threading.get_ident() == self._thread:
            self._reach(frame, offset)

    def _reach(self, frame: FrameType, now: int) -> None:
        before = self._before.get(id(frame), -1) if now else -1  # Another one had its id.
        self._before[id(frame)] = now
        if not _takes_signals(frame.f_code, before, now):
            return
        self.count += 1
        if self.count == self._at:
            self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
            raise self._kind


def _codes(watched: Collection[str]) -> Iterator[CodeType]:
    """The code of all functions in these files, and of those inside them."""
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__code__.co_filename in watched:
            yield from _with_inner(function.__code__)


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)
