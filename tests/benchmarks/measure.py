"""Interleaved measurements with medians: of whole processes, and inside of one."""
from __future__ import annotations

import gc
import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Cost:
    """What one process cost: seconds of the processor, seconds by the wall, peak KiB."""

    cpu: float
    wall: float
    memory: int


def process(command: Sequence[str], environ: Mapping[str, str]) -> Cost:
    """Run a command to its end; what it prints goes nowhere."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"{command} ended with {child.returncode}"
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss)


def ratio(ours: Callable[[], float], theirs: Callable[[], float],
          rounds: int) -> tuple[float, float, float]:
    """The medians of both, and of the ratio pair by pair; a warm-up of each first."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs),
            statistics.median(a / b for a, b in pairs))


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median of the processor's seconds for `work`."""
    found = []
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)
