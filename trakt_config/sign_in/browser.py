"""Open a browser on this machine, without telling the machine's other users what it opens."""
from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Callable

from trakt_config.authorization.callbacks import is_awaitable
from trakt_config.errors import pass_on_hosts
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
def opened(url: str, callback: Callable[[str], bool] | None = None,
           on_failure: Callable[[str], object] = lambda why: None) -> Iterator[None]:
    """Open `url`, and go on at once; keep what the browser needs until the ``with`` block ends.

    :param callback: opens `url` itself. None: the system's browser, by a private page.
    :param on_failure: gets why it could not be opened, from another thread perhaps; a person who
        has the address as well can do without.
    """
    with ExitStack() as pages:
        if callback is not None:
            _in_background(callback, url, "open_browser", on_failure)
        elif can_open():
            try:
                address = pages.enter_context(private_page(url))
            except OSError as error:
                pass_on_hosts(error)
                on_failure("the page that opens the browser could not be written")
            else:
                _in_background(open_browser, address, "the system's browser", on_failure)
        yield


def _in_background(callback: Callable[[str], bool], url: str, name: str,
                   on_failure: Callable[[str], object]) -> None:
    """Call it in a thread that nobody waits for: some browsers return only when they are closed.

    Begun bare: threading.Thread does not survive a signal whose handler raises while it starts.
    """
    def call() -> None:
        try:
            has_opened = callback(url)
        except BaseException as error:  # It ends no thread but this. Its text may have the address.
            on_failure(f"{name} raised {type(error).__name__}")
            return
        if is_awaitable(has_opened):
            on_failure(f"{name} has to be a plain function: nobody awaits what it returns")
        elif has_opened is False:  # What returns nothing may have opened it.
            on_failure(f"{name} could not open it")

    try:
        _thread.start_new_thread(call, ())
    except RuntimeError:
        on_failure("the system gives no thread")
