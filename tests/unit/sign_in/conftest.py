"""What a sign-in in a test has of its own: a clock, and a port."""
from __future__ import annotations

import time

import pytest

from tests.support.clocks import Clock
from tests.support.ports import free_port


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def port() -> int:
    return free_port()
