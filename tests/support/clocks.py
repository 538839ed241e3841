"""Clocks that do not wait."""
from __future__ import annotations

import time
from typing import Callable


class Clock:
    """A clock that only sleeping moves; `events` happen on the way."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = self.began = now
        self.pauses: list[float] = []
        self.events: dict[float, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        for moment in sorted(self.events):
            if moment <= self.passed:
                self.events.pop(moment)()

    @property
    def passed(self) -> float:
        return round(self.now - self.began, 3)


class ClockAhead:
    """The machine's clock, which the test sets forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead
