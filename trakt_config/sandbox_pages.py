"""The sandbox's pages for a person with a browser. Everything that is shown is escaped."""
from __future__ import annotations

from html import escape
from typing import Mapping

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1em/1.5 sans-serif; max-width: 32em; margin: 3em auto; padding: 0 1em; }}
code {{ font-size: 1.5em; overflow-wrap: anywhere; }}
button, input {{ font: inherit; padding: .3em 1em; }}
</style>
</head>
<body>
<h1>{title}</h1>
{content}
<p><small>This is a sandbox on this machine, not Trakt: no account is involved.</small></p>
</body>
</html>
"""

_BUTTONS = """<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>"""


def consent(parameters: Mapping[str, str]) -> str:
    """Asks whether the app may act for the user; the form repeats the request's parameters."""
    hidden = "\n".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
                       for name, value in parameters.items())
    return page("Authorize an app", f"""\
<p>The app <code>{escape(parameters.get("client_id", ""))}</code> asks for access.
The answer goes to {escape(parameters.get("redirect_uri", ""))}.</p>
<form method="post" action="/oauth/authorize">
{hidden}
{_BUTTONS}
</form>""")


def pin(code: str) -> str:
    """Shows an authorization code that was asked for out of band."""
    return page("Your PIN", f"<p>Enter this PIN in the app: <code>{escape(code)}</code></p>")


def activate(user_code: str = "") -> str:
    """Asks for the user code that a device shows."""
    return page("Activate a device", f"""\
<form method="post" action="/activate">
<p><label>The code that the device shows:
<input name="user_code" value="{escape(user_code)}" autocomplete="off" autofocus required>
</label></p>
{_BUTTONS}
</form>""")


def message(title: str, text: str) -> str:
    return page(title, f"<p>{escape(text)}</p>")


def page(title: str, content: str) -> str:
    """A whole page; `content` is HTML already, `title` is not."""
    return _PAGE.format(title=escape(title), content=content)
