"""The pages that a sign-in shows in a browser on this machine. Everything shown is escaped."""
from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8886; }}
body {{ font: 1.05em/1.55 system-ui, sans-serif; max-width: 34em; margin: 8vh auto 0;
  padding: 0 1.2em; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #121212; color: #e8e8e8; }} }}
main {{ border: 1px solid var(--line); border-radius: .8em; padding: .4em 1.8em 1em; }}
h1 {{ font-size: 1.5em; }}
p {{ overflow-wrap: anywhere; }}
footer {{ margin: 1em 0; font-size: .85em; opacity: .75; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
<footer>You can close this tab.</footer>
</body>
</html>
"""

_REDIRECT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="0; url={url}">
<title>On to Trakt</title>
</head>
<body>
<p><a href="{url}">Go on to Trakt</a></p>
</body>
</html>
"""


def page(title: str, text: str) -> str:
    """A whole page, of plain text."""
    return _PAGE.format(title=escape(title), text=escape(text))


@contextmanager
def private_page(url: str) -> Iterator[str]:
    """The address of a page that leads to `url`, for a browser that is started with it.

    Every user of a machine can read the arguments of every program there. Whoever knows the state
    of a sign-in, or a device's code, can put an account of theirs in the place of ours (PKCE does
    not help: they sign in with our challenge), so the arguments hold neither this address nor one
    on a port of this machine, which others could ask for before the browser has started.

    What they hold leads to a file: of mode 0600, in a folder of mode 0700 with a random name, and
    gone when the ``with`` block ends. Root, and programs of the same user, can read it, as they
    can read the config itself. A browser in a sandbox of its own shows that it found nothing: the
    person has the address in the terminal.

    :raises OSError: there is no room or right for it.
    """
    # The name comes first: between a mkdtemp and its `try` a signal would leave the folder.
    folder = os.path.join(_temporary_folder(), f"trakt_config-{secrets.token_hex(16)}")
    try:
        os.mkdir(folder, 0o700)
        path = Path(folder, "sign-in.html")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(_REDIRECT.format(url=escape(url)))
        yield path.as_uri()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_folder() -> str:
    """Where temporary files go: the places that tempfile looks at, in its order.

    It tries each with a file of its own, which a signal would leave there.
    """
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    usual = ["/tmp", "/var/tmp", "/usr/tmp"] if os.name == "posix" else []
    for folder in [*named, *usual]:
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return os.path.abspath(folder)
    return os.getcwd()
