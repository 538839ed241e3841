"""Open a browser on this machine, without telling the machine's other users what it opens."""
from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Callable

from trakt_config.sign_in.pages import private_page


def can_open() -> bool:
    """Whether there are windows: webbrowser would start a text browser in our own terminal."""
    return bool(sys.platform in ("win32", "darwin") or os.environ.get("BROWSER")
                or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> bool:
    """Open `url` in a browser window; False, at once, where there can be none.

    `url` stands in the browser's arguments, which every user of the machine can read.
    """
    if not can_open():
        return False
    import webbrowser
    try:
        return webbrowser.open(url)
    except (OSError, webbrowser.Error):
        return False


@contextmanager
def opened(url: str, callback: Callable[[str], bool] | None = None) -> Iterator[None]:
    """Open `url`, and go on at once; keep what the browser needs until the ``with`` block ends.

    :param callback: opens `url` itself. None: the system's browser, by a private page.
    """
    with ExitStack() as pages:
        if callback is not None:
            _in_background(callback, url)
        elif can_open():
            with suppress(OSError):  # The person has the address as well.
                address = pages.enter_context(private_page(url))
                _in_background(open_browser, address)
        yield


def _in_background(callback: Callable[[str], bool], url: str) -> None:
    """Call it in a thread that nobody waits for: some browsers return only when they are closed.

    Begun bare: threading.Thread does not survive a signal whose handler raises while it starts.
    """
    def call() -> None:
        with suppress(Exception):  # The person has the address as well.
            callback(url)

    with suppress(RuntimeError):  # The system gives no thread.
        _thread.start_new_thread(call, ())
