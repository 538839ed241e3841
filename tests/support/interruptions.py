"""Exceptions between any two instructions of the calling thread, as signal handlers raise them."""
from __future__ import annotations

import dis
import functools
import os
import sys
from collections.abc import Collection
from types import CodeType, FrameType
from typing import Any


class Interruption(BaseException):
    """What a host's signal handler raises."""


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
    run, and raises at one of them.
    """

    def __init__(self, watched: Collection[str], at: int | None) -> None:
        self._watched = watched
        self._at = at
        self._before: dict[int, int] = {}  # By id: frames have to die when they are left.
        self.count = 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in self._watched:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "return":
            self._before.pop(id(frame), None)
        if event == "opcode":
            before, now = self._before.get(id(frame), -1), frame.f_lasti
            self._before[id(frame)] = now
            if not _takes_signals(frame.f_code, before, now):
                return self
            self.count += 1
            if self.count == self._at:
                self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                raise Interruption
        return self
